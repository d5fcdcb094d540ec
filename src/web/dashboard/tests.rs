use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use jiff::Timestamp;

use super::*;
use crate::store::Role;
use crate::web::password;
use crate::web::testing::Stage;

/// An address of a route, with something in each place.
fn filled(path: &str) -> String {
    path.replace("{code}", "tirana")
        .replace("{id}", "1")
        .replace("{day}", "2026-11-20")
        .replace("{version}", "x")
        .replace("{name}", "style.css")
}

#[tokio::test]
async fn each_route_is_open_to_its_role_and_those_above_and_to_nobody_else() {
    let stage = Stage::new();
    for Route { method, path, role: least, .. } in routes() {
        let path = filled(path);
        let plain = |method: &Method| Request::builder().method(method.clone()).uri(&path).body(Body::empty()).unwrap();
        let stranger = stage.send(None, plain(&method)).await;
        match least {
            None => assert_ne!(
                stranger.location.as_deref().map(|to| to.split('?').next().unwrap_or_default().to_owned()),
                Some("/sign-in".to_owned()),
                "{method} {path}"
            ),
            Some(_) => {
                assert_eq!(stranger.status, StatusCode::SEE_OTHER, "{method} {path}");
                assert!(stranger.location.unwrap().starts_with("/sign-in"), "{method} {path}");
            }
        }
        for role in Role::ALL {
            let may = least.is_none_or(|least| role >= least);
            let answer = match method {
                Method::GET => stage.get(role, &path).await,
                // Nothing but the form's own word: what the action makes of it is its own matter.
                _ if path.contains("sign-out") => continue,
                _ => stage.post(role, &path, &[]).await,
            };
            let forbidden = answer.status == StatusCode::FORBIDDEN;
            assert_eq!(forbidden, !may, "{method} {path} as {}: {}", role.as_str(), answer.status);
        }
    }
}

#[tokio::test]
async fn what_changes_something_needs_the_word_of_our_own_form() {
    let stage = Stage::new();
    for Route { path, role, .. } in routes().into_iter().filter(|route| route.method == Method::POST && route.role.is_some()) {
        let path = filled(path);
        for body in ["", "csrf=wrong", "csrf="] {
            let request =
                Request::post(&path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(Body::from(body)).unwrap();
            assert_eq!(stage.send(Some(Role::Admin), request).await.status, StatusCode::BAD_REQUEST, "{path} {body} {role:?}");
        }
        let elsewhere = Request::post(&path).header("sec-fetch-site", "cross-site").body(Body::empty()).unwrap();
        assert_eq!(stage.send(Some(Role::Admin), elsewhere).await.status, StatusCode::BAD_REQUEST, "{path}");
    }
    assert!(stage.store.trail(&crate::store::TrailFilter::default()).unwrap().is_empty(), "nothing was done");
}

#[tokio::test]
async fn each_page_tells_the_browser_to_keep_it_to_itself_and_run_nothing_foreign() {
    let stage = Stage::new();
    for path in ["/", "/people", "/trail", "/account", "/nowhere"] {
        let answer = stage.get(Role::Admin, path).await;
        let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        assert_eq!(header("cache-control"), "no-store", "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff");
        let policy = header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert!(!answer.text.contains(" style=") && !answer.text.contains("onclick"), "{path} would need an inline style or script");
        assert!(!answer.text.contains("<script>"), "{path}");
    }
    assert_eq!(stage.get(Role::Viewer, "/nowhere").await.status, StatusCode::NOT_FOUND);
    // Also for who is signed in: they change their address with their content.
    let style = stage.get(Role::Viewer, "/assets/x/style.css").await;
    assert_eq!(style.headers["cache-control"], "public, max-age=31536000, immutable");
}

#[tokio::test]
async fn signing_in_gives_a_cookie_and_goes_where_one_wanted_to() {
    let stage = Stage::new();
    let hashed = password::hash("correct horse battery").unwrap();
    stage.store.set_person_password("operator", &hashed, None, Timestamp::now()).unwrap();
    let sign_in = |login: &'static str, password: &'static str, to: &'static str| {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("login", login)
            .append_pair("password", password)
            .append_pair("to", to)
            .finish();
        Request::post("/sign-in").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(Body::from(body)).unwrap()
    };
    let wrong = stage.send(None, sign_in("operator", "wrong", "/log")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("do not fit together") && wrong.cookie.is_none());
    let nobody = stage.send(None, sign_in("nobody", "wrong", "/log")).await;
    assert_eq!(nobody.text.replace("nobody", "operator"), wrong.text, "who is unknown is told the same");
    let right = stage.send(None, sign_in(" Operator ", "correct horse battery", "/trail?before=3")).await;
    assert_eq!((right.status, right.location.as_deref()), (StatusCode::SEE_OTHER, Some("/trail?before=3")));
    let cookie = right.cookie.unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains("Secure"), "{cookie}");
    let token = cookie.split(';').next().unwrap().to_owned();
    let page = Request::get("/").header(header::COOKIE, &token).body(Body::empty()).unwrap();
    assert_eq!(stage.send(None, page).await.status, StatusCode::OK);
    let away = stage.send(None, sign_in("operator", "correct horse battery", "//evil.example")).await;
    assert_eq!(away.location.as_deref(), Some("/"));
    // Somebody who guesses has to wait, also when he then has it right.
    for _ in 0..8 {
        stage.send(None, sign_in("viewer", "wrong", "")).await;
    }
    let guessed = stage.send(None, sign_in("viewer", "wrong", "")).await;
    assert_eq!(guessed.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(guessed.headers.contains_key(header::RETRY_AFTER));
    let actions: Vec<String> =
        stage.store.trail(&crate::store::TrailFilter::default()).unwrap().into_iter().map(|done| done.action).collect();
    assert!(actions.contains(&"sign_in".to_owned()) && actions.contains(&"sign_in_refused".to_owned()));
}

#[tokio::test]
async fn pages_are_in_the_browsers_language() {
    let stage = Stage::new();
    let german = stage.get_in(Role::Viewer, "/", "de-AT,de;q=0.9,en;q=0.5").await.text;
    assert!(german.contains("<html lang=\"de\">") && german.contains("Übersicht") && german.contains("Abmelden"), "{german}");
    let english = stage.get_in(Role::Viewer, "/", "fr").await.text;
    assert!(english.contains("<html lang=\"en\">") && english.contains("Overview"));
}

#[tokio::test]
async fn a_branch_is_paused_with_a_reason_and_goes_on() {
    let stage = Stage::new();
    let told = stage.post(Role::Operator, "/branches/tirana/pause", &[("reason", "  ")]).await;
    assert_eq!(told.location.as_deref(), Some("/"));
    assert!(stage.store.paused().unwrap().is_empty());
    stage.post(Role::Operator, "/branches/tirana/pause", &[("reason", "moving <b>house</b>")]).await;
    let page = stage.get(Role::Viewer, "/").await.text;
    assert!(page.contains("Paused by operator") && page.contains("moving &#60;b&#62;house"), "{page}");
    stage.post(Role::Operator, "/branches/tirana/resume", &[]).await;
    assert!(stage.store.paused().unwrap().is_empty());
    stage.post(Role::Operator, "/branches/durres/receive", &[("back", "branch")]).await;
    assert_eq!(stage.store.take_wishes().unwrap().len(), 1);
    assert_eq!(stage.post(Role::Operator, "/branches/nowhere/receive", &[]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_admin_keeps_people_with_his_own_password() {
    let stage = Stage::new();
    let hashed = password::hash("correct horse battery").unwrap();
    let admin = stage.store.person("admin").unwrap().unwrap().0;
    stage.store.set_person_password("admin", &hashed, None, Timestamp::now()).unwrap();
    // That signed him out everywhere, so he signs in again.
    let stage = stage.sign_in_again(admin.id, Role::Admin);
    let add = |own: &'static str, password: &'static str| [("login", "Ben"), ("role", "operator"), ("password", password), ("own", own)];
    let refused = stage.post(Role::Admin, "/people/add", &add("wrong", "x8#kQ2!vLm9z")).await;
    assert!(refused.text.contains("not your password") && stage.store.person("ben").unwrap().is_none());
    let refused = stage.post(Role::Admin, "/people/add", &add("correct horse battery", "short")).await;
    assert!(refused.text.contains("at least 12 characters") && stage.store.person("ben").unwrap().is_none());
    let added = stage.post(Role::Admin, "/people/add", &add("correct horse battery", "x8#kQ2!vLm9z")).await;
    assert_eq!(added.location.as_deref(), Some("/people"));
    assert_eq!(stage.store.person("ben").unwrap().unwrap().0.role, Role::Operator);
    let last = stage.post(Role::Admin, "/people/remove", &[("login", "admin"), ("own", "correct horse battery")]).await;
    assert!(last.text.contains("one admin who may sign in has to be left"), "{}", last.text);
    let trail = stage.get(Role::Admin, "/trail").await.text;
    assert!(trail.contains("added a person") && trail.contains("ben, operator") && !trail.contains("x8#kQ2"));
}

#[tokio::test]
async fn it_speaks_https_with_the_certificate_of_the_settings_and_says_so_to_browsers() {
    let directory = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (cert, key) = (directory.path().join("cert.pem"), directory.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let stage = Stage::new();
    let settings = config::Dashboard { tls: Some((cert.clone(), key.clone())), ..stage.config.dashboard.clone().unwrap() };
    let (bridge, monitor) = (stage.bridge(), Arc::new(Monitor::new(Timestamp::now())));
    let dashboard = Dashboard::new(&settings, stage.store.clone(), bridge.clone(), monitor.clone()).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(dashboard.serve(listener, std::future::pending::<()>()));
    let _ = rustls::crypto::ring::default_provider().install_default();
    let trusted = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([trusted]).build().unwrap();
    let answer = client.get(format!("https://localhost:{port}/sign-in")).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    assert!(answer.headers().contains_key("strict-transport-security"));
    assert!(client.get(format!("http://localhost:{port}/sign-in")).send().await.is_err(), "nothing in the clear");
    // What cannot be used is said with the file.
    std::fs::write(&key, "no key").unwrap();
    let wrong = Dashboard::new(&settings, stage.store.clone(), bridge, monitor).err().unwrap().to_string();
    assert!(wrong.contains("key.pem of [dashboard] cannot be used"), "{wrong}");
}
