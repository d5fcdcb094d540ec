//! The dashboard without a port, for tests of its pages: somebody of each role is signed in.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use jiff::Timestamp;
use tokio::sync::watch;
use tower::ServiceExt as _;

use super::dashboard::{App, router};
use super::guard::{new_token, token_hash};
use crate::config::Config;
use crate::monitor::Monitor;
use crate::store::{Role, Store};
use crate::sync::Bridge;

/// A dashboard over a ledger of its own.
pub struct Stage {
    pub store: Store,
    pub config: Config,
    router: Router,
    shown: watch::Receiver<Arc<Bridge>>,
    tokens: Vec<(Role, String)>,
    _directory: tempfile::TempDir,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub location: Option<String>,
    pub cookie: Option<String>,
    pub headers: axum::http::HeaderMap,
    pub text: String,
}

/// Settings of two branches, `tirana` and `durres`, with whatever stands in `more`.
pub fn settings(more: &str) -> String {
    let branch = |code: &str| {
        format!(
            "[branch.{code}]\nname = \"{code} shop\"\nurl = \"https://{code}.example.com\"\ndatabase = \"{code}\"\nuser = \"bridge\"\n\
             from = 2026-11-01\ncustomer = \"Walk-in\"\ntimezone = \"Europe/Tirane\"\n"
        )
    };
    format!(
        "[dashboard]\n[central]\nurl = \"https://erp.example.com\"\ndatabase = \"central\"\nuser = \"bridge\"\n{}{}{more}",
        branch("tirana"),
        branch("durres")
    )
}

impl Stage {
    pub fn new() -> Self {
        Self::with(&settings(""))
    }

    pub fn with(settings: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let config = Config::parse(settings, &Path::new(directory.path()).join("branches.toml")).expect("settings");
        let bridge = Arc::new(Bridge::open(config.clone(), "test").expect("a ledger"));
        let store = Store::open_existing(&config.state).expect("a ledger");
        let now = Timestamp::now();
        let monitor = Arc::new(Monitor::new(now));
        let tokens = Role::ALL.map(|role| {
            store.add_person(role.as_str(), role, "no hash", now).expect("written");
            let person = store.person(role.as_str()).expect("read").expect("there").0;
            let token = new_token().expect("random");
            store.sign_in(person.id, &token_hash(&token), "a test", now).expect("written");
            (role, token)
        });
        let shown = watch::Sender::new(bridge).subscribe();
        let settings = config.dashboard.clone().expect("a dashboard");
        let router = router(App::new(&settings, store.clone(), shown.clone(), monitor));
        Self { store, config, router, shown, tokens: tokens.to_vec(), _directory: directory }
    }

    /// The settings as the daemon shows them.
    pub fn bridge(&self) -> watch::Receiver<Arc<Bridge>> {
        self.shown.clone()
    }

    /// The same, with somebody signed in anew whom something has signed out.
    pub fn sign_in_again(mut self, person: i64, role: Role) -> Self {
        let token = new_token().expect("random");
        self.store.sign_in(person, &token_hash(&token), "a test", Timestamp::now()).expect("written");
        self.tokens.retain(|(known, _)| *known != role);
        self.tokens.push((role, token));
        self
    }

    /// A request as it comes, of whoever has this role.
    pub async fn send(&self, role: Option<Role>, request: Request<Body>) -> Answer {
        let (mut parts, body) = request.into_parts();
        if let Some((_, token)) = self.tokens.iter().find(|(known, _)| Some(*known) == role) {
            parts.headers.insert(header::COOKIE, format!("posbridge={token}").parse().expect("a header"));
        }
        answer(self.router.clone().oneshot(Request::from_parts(parts, body)).await.expect("an answer")).await
    }

    /// A page.
    pub async fn get(&self, role: Role, path: &str) -> Answer {
        self.get_in(role, path, "en").await
    }

    /// A page in a language.
    pub async fn get_in(&self, role: Role, path: &str, language: &str) -> Answer {
        let request = Request::get(path).header(header::ACCEPT_LANGUAGE, language).body(Body::empty()).expect("a request");
        self.send(Some(role), request).await
    }

    /// A form, with the word that our pages put into it.
    pub async fn post(&self, role: Role, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.tokens.iter().find(|(known, _)| *known == role).map(|(_, token)| token.clone()).unwrap_or_default();
        let word = super::guard::csrf_word(&token);
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("csrf", &word).extend_pairs(fields);
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form.finish()))
            .expect("a request");
        self.send(Some(role), request).await
    }
}

async fn answer(response: Response<Body>) -> Answer {
    let text = |name: header::HeaderName| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (status, location, cookie) = (response.status(), text(header::LOCATION), text(header::SET_COOKIE));
    let headers = response.headers().clone();
    let bytes = axum::body::to_bytes(response.into_body(), 4 << 20).await.expect("a body");
    Answer { status, location, cookie, headers, text: String::from_utf8_lossy(&bytes).into_owned() }
}
