//! XML-RPC and JSON-2: which one is spoken, what is told of it, and that nothing above the client knows which.

use posbridge::demo::{Branch, Mishap, Version, When};
use posbridge::model::Protocol;
use posbridge::secret::{KeyRing, bound};
use posbridge::store::{Endpoint, Sealed};
use posbridge::sync::{Checked, Report, Verdict};
use secrecy::SecretString;

use crate::stage::Stage;

/// What the ledger knows of an Odoo.
fn known(stage: &Stage, owner: &str) -> Endpoint {
    let config = stage.config();
    let place = if owner == "central" { &config.central.endpoint } else { &config.branch(owner).unwrap().endpoint };
    stage.store().endpoint(owner, &place.url, &place.database, &place.user).unwrap()
}

fn protocols(stage: &Stage) -> [Option<Protocol>; 2] {
    ["central", "b1"].map(|owner| known(stage, owner).protocol)
}

/// Seals the next password of a side.
fn seal_next(stage: &Stage, owner: &str, secret: &str) {
    let config = stage.config();
    let place = if owner == "central" { &config.central.endpoint } else { &config.branch(owner).unwrap().endpoint };
    let keys = KeyRing::load(&config.state).unwrap();
    let sealed = keys.seal(owner, Sealed::NEXT, &bound(&place.url, &place.user), &SecretString::from(secret)).unwrap();
    let (owner, field) = (owner.to_owned(), Sealed::NEXT.to_owned());
    stage.store().put_secrets(&[Sealed { owner, field, sealed, updated_at: jiff::Timestamp::now() }]).unwrap();
}

fn set_protocol(stage: &Stage, protocol: &str) {
    let file = stage.directory.path().join("branches.toml");
    let text =
        std::fs::read_to_string(&file).unwrap().replace("user = \"bridge\"", &format!("user = \"bridge\"\nprotocol = \"{protocol}\""));
    std::fs::write(&file, text).unwrap();
}

fn cause(reports: &[Report]) -> Option<&str> {
    reports[0].cause.as_deref()
}

async fn check(stage: &Stage) -> Vec<Checked> {
    let config = stage.config();
    posbridge::sync::check(&stage.store(), &config, &config.branches).await.unwrap()
}

fn step<'c>(checked: &'c [Checked], side: &str, step: &str) -> (Verdict, &'c str) {
    let side = checked.iter().find(|checked| checked.side == side).unwrap();
    let found = side.steps.iter().find(|taken| taken.step == step).unwrap();
    (found.result, &found.what)
}

#[tokio::test]
async fn with_an_api_key_json_2_is_chosen_once_and_remembered() {
    let stage = Stage::new(1).await;
    stage.seal_all("bridge-key");
    stage.branches[0].sell_random(40, 3);
    stage.settle().await;
    stage.assert_exactly_once();
    assert_eq!(protocols(&stage), [Some(Protocol::Json2); 2]);
    // XML-RPC was never needed.
    assert_eq!(stage.server.calls("common", "authenticate"), 0);
    let asked = stage.server.calls("res.users", "context_get");
    stage.branches[0].sell_random(5, 4);
    stage.settle().await;
    stage.assert_exactly_once();
    assert_eq!(stage.server.calls("res.users", "context_get"), asked, "asked once");
    let checked = check(&stage).await;
    assert_eq!(step(&checked, "b1", "protocol"), (Verdict::Ok, "Called over JSON-2, with an API key"));
    assert_eq!(step(&checked, "b1", "odoo"), (Verdict::Ok, "Odoo 19.0"));
}

#[tokio::test]
async fn with_a_password_it_is_xml_rpc_and_check_says_that_this_ends() {
    let stage = Stage::new(1).await;
    stage.seal_all("bridge");
    stage.branches[0].sell_random(20, 3);
    stage.settle().await;
    stage.assert_exactly_once();
    assert_eq!(protocols(&stage), [Some(Protocol::XmlRpc); 2]);
    let checked = check(&stage).await;
    for side in ["central", "b1"] {
        let (result, what) = step(&checked, side, "protocol");
        assert!(result == Verdict::Warning && what.contains("Odoo 22 will not have it"), "{what}");
    }
    // A key takes the password's place: the protocol is asked for anew.
    stage.seal_all("bridge-key");
    stage.branches[0].sell_random(5, 4);
    stage.settle().await;
    stage.assert_exactly_once();
    assert_eq!(protocols(&stage), [Some(Protocol::Json2); 2]);
}

#[tokio::test]
async fn json_2_with_a_password_or_the_key_of_another_user_says_so() {
    let stage = Stage::new(1).await;
    set_protocol(&stage, "json2");
    stage.seal_all("bridge");
    stage.branches[0].sell_random(3, 3);
    assert_eq!(cause(&stage.receive().await), Some("key_needed"));
    stage.seal_all("admin-key");
    assert_eq!(cause(&stage.receive().await), Some("key_of_another"));
    stage.seal_all("nobodys-key");
    assert_eq!(cause(&stage.receive().await), Some("password_refused"));
    assert_eq!(stage.writes(), 0);
    stage.seal_all("bridge-key");
    stage.settle().await;
    stage.assert_exactly_once();
}

#[tokio::test]
async fn a_key_that_ends_while_it_is_used_says_so_and_nothing_is_lost() {
    let stage = Stage::new(1).await;
    stage.seal_all("bridge-key");
    stage.branches[0].sell_random(3, 3);
    stage.settle().await;
    stage.branches[0].set_password("bridge", "new");
    stage.branches[0].sell_random(3, 4);
    assert_eq!(cause(&stage.receive().await), Some("key_expired"));
    stage.branches[0].set_password("bridge", "bridge");
    stage.settle().await;
    stage.assert_exactly_once();
}

#[tokio::test]
async fn the_next_key_takes_the_place_of_one_that_is_refused() {
    for (first, next) in [("bridge-key", "changed-key"), ("bridge", "changed-key"), ("bridge-key", "changed"), ("bridge", "changed")] {
        let stage = Stage::new(1).await;
        stage.seal_all(first);
        stage.branches[0].sell_random(3, 3);
        stage.settle().await;
        for owner in ["central", "b1"] {
            seal_next(&stage, owner, next);
        }
        stage.branches[0].sell_random(3, 4);
        stage.settle().await;
        assert!(stage.store().secret("b1", Sealed::NEXT).unwrap().is_some(), "the one in use still lets in");
        stage.branches[0].set_password("bridge", "changed");
        stage.central.set_password("bridge", "changed");
        for seed in [5, 6] {
            stage.branches[0].sell_random(3, seed);
            let reports = stage.receive().await;
            // Over a fixed protocol a password takes no key's place, but over the one that is chosen anew.
            assert_eq!(cause(&reports), None, "{first} then {next}");
        }
        stage.settle().await;
        stage.assert_exactly_once();
        for owner in ["central", "b1"] {
            assert_eq!(stage.store().secret(owner, Sealed::NEXT).unwrap(), None, "{owner}");
        }
        let expected = if next == "changed" { Protocol::XmlRpc } else { Protocol::Json2 };
        assert_eq!(protocols(&stage), [Some(expected); 2], "{first} then {next}");
    }
}

#[tokio::test]
async fn a_next_key_that_is_refused_too_changes_nothing() {
    let stage = Stage::new(1).await;
    stage.seal_all("bridge-key");
    stage.branches[0].sell_random(3, 3);
    stage.settle().await;
    seal_next(&stage, "b1", "wrong-too");
    stage.branches[0].set_password("bridge", "changed");
    assert_eq!(cause(&stage.receive().await), Some("key_expired"));
    assert!(stage.store().secret("b1", Sealed::NEXT).unwrap().is_some());
    stage.branches[0].set_password("bridge", "bridge");
    stage.settle().await;
    stage.assert_exactly_once();
}

#[tokio::test]
async fn where_one_protocol_is_gone_the_other_is_spoken() {
    let stage = Stage::new(1).await;
    stage.seal_all("bridge-key");
    stage.server.take_away(Protocol::Json2);
    stage.branches[0].sell_random(10, 3);
    stage.settle().await;
    assert_eq!(protocols(&stage), [Some(Protocol::XmlRpc); 2]);
    // An Odoo 22: XML-RPC is gone while it is spoken.
    stage.server.clear_away();
    stage.server.take_away(Protocol::XmlRpc);
    stage.branches[0].sell_random(10, 4);
    stage.settle().await;
    stage.assert_exactly_once();
    assert_eq!(protocols(&stage), [Some(Protocol::Json2); 2]);
    assert_eq!(step(&check(&stage).await, "central", "odoo"), (Verdict::Ok, "Odoo 19.0"));
    // Who insists on it is told what answers there.
    set_protocol(&stage, "xmlrpc");
    stage.seal_all("bridge-key");
    assert_eq!(cause(&stage.receive().await), Some("not_odoo"));
}

#[tokio::test]
async fn a_proxy_that_answers_html_in_place_of_json_is_told_and_nothing_is_doubled() {
    let stage = Stage::new(1).await;
    stage.seal_all("bridge-key");
    stage.branches[0].sell_random(10, 3);
    let page = "<!doctype html><title>Welcome</title>";
    stage.server.inject(When::call("sale.order", "load").times(2), Mishap::page(200, page).after_commit());
    stage.server.inject(When::call("pos.order", "search_read").times(1), Mishap::page(502, page));
    stage.settle().await;
    stage.assert_exactly_once();
}

#[tokio::test]
async fn an_upgrade_is_noticed_told_and_changes_the_protocol() {
    let stage = Stage::of_version(1, Version::V18).await;
    stage.seal_all("bridge-key");
    stage.branches[0].sell_random(10, 3);
    stage.settle().await;
    assert_eq!(protocols(&stage), [Some(Protocol::XmlRpc); 2]);
    assert_eq!(step(&check(&stage).await, "b1", "protocol"), (Verdict::Ok, "Called over XML-RPC, the only one before Odoo 19"));
    stage.server.upgrade(Version::V19);
    let checked = check(&stage).await;
    let (result, what) = step(&checked, "b1", "odoo");
    assert!(result == Verdict::Ok && what.starts_with("Odoo 19.0 (18.0 until "), "{what}");
    stage.branches[0].sell_random(10, 4);
    stage.settle().await;
    assert_eq!(stage.central.count("sale.order"), 20);
    assert_eq!(protocols(&stage), [Some(Protocol::Json2); 2]);
}

#[tokio::test]
async fn an_odoo_that_wants_the_database_in_the_header_is_told_it() {
    let stage = Stage::new(1).await;
    stage.server.want_database_in_header();
    for protocol in ["xmlrpc", "json2"] {
        let stage_protocol = format!("protocol = \"{protocol}\"");
        let file = stage.directory.path().join("branches.toml");
        let text = std::fs::read_to_string(&file).unwrap().replace("protocol = \"xmlrpc\"", &stage_protocol);
        std::fs::write(&file, text).unwrap();
        if protocol == "xmlrpc" {
            set_protocol(&stage, protocol);
        }
        stage.seal_all("bridge-key");
        stage.branches[0].sell_random(5, 3);
        stage.settle().await;
        stage.assert_exactly_once();
    }
}

#[tokio::test]
async fn a_key_that_ends_soon_is_told_two_weeks_ahead() {
    for (days, expected) in [(15, Verdict::Ok), (13, Verdict::Warning)] {
        let stage = Stage::new(1).await;
        let ends = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(days * 24);
        let bridge = stage.central.find("res.users", "login", "bridge").unwrap().id;
        let text = ends.strftime("%Y-%m-%d %H:%M:%S").to_string();
        let key = [("name", "x".into()), ("user_id", bridge.into()), ("scope", "rpc".into()), ("expiration_date", text.into())];
        stage.central.insert("res.users.apikeys", key).unwrap();
        let checked = check(&stage).await;
        let (result, what) = step(&checked, "central", "key");
        assert_eq!(result, expected, "{what}");
        assert!(what.contains(&ends.strftime("%Y-%m-%d").to_string()), "{what}");
        assert_eq!(step(&checked, "b1", "key").0, Verdict::Ok);
        assert_eq!(known(&stage, "central").key_ends.map(jiff::Timestamp::as_second), Some(ends.as_second()), "for status");
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_says_nothing_of_the_protocol() {
    let stage = Stage::new(1).await;
    stage.seal_all("bridge-key");
    stage.server.remove("b1");
    assert_eq!(cause(&stage.receive().await), Some("database_unknown"));
    assert_eq!(known(&stage, "b1").protocol, None);
}

#[tokio::test]
async fn compressed_answers_are_asked_for_and_read() {
    use std::io::Write as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let proxy = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 4096];
        let read = socket.read(&mut head).await.unwrap();
        let mut body = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        body.write_all(br#"{"version_info": [19, 0, 0, "final", 0, ""], "version": "19.0"}"#).unwrap();
        let body = body.finish().unwrap();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        socket.write_all(&[answer.as_bytes(), &body].concat()).await.unwrap();
        String::from_utf8_lossy(&head[..read]).to_lowercase()
    });
    let target = posbridge::odoo::Target {
        url,
        database: "b".to_owned(),
        login: "bridge".to_owned(),
        timeout: std::time::Duration::from_secs(5),
        protocol: Some(Protocol::Json2),
        ca_pem: None,
    };
    let odoo = posbridge::odoo::Odoo::new(target, SecretString::from("key"), posbridge::odoo::Known::default()).unwrap();
    assert_eq!(odoo.version().await, Ok("19.0".to_owned()));
    assert!(proxy.await.unwrap().contains("accept-encoding: gzip"));
}

#[tokio::test]
async fn check_advises_a_line_for_differences_only_where_there_is_none() {
    let differently = |branch: &mut Branch| branch.round_globally = false;
    let totals = async |defaults: &str| {
        let stage = Stage::with(1, defaults, differently).await;
        let checked = check(&stage).await;
        let (verdict, what) = step(&checked, "b1", "totals");
        (verdict, what.to_owned())
    };
    let what = "Taxes are rounded line by line at the branch and in sum at central.";
    assert_eq!(totals("# rounding is not set\n").await, (Verdict::Warning, what.to_owned()));
    let (verdict, told) = totals("rounding = { product = \"POS-ROUND\", limit = \"0.05\" }\n").await;
    assert_eq!(verdict, Verdict::Ok);
    assert_eq!(told, format!("{what} `rounding` gives a difference of up to 0.05 EUR a line of its own"));
}
