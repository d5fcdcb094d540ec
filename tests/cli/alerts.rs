//! `posbridge alerts`, and the watch of the daemon: against a mail server and a web server on sockets.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, Once};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use posbridge::alerts::Watch;
use posbridge::config::Config;
use posbridge::store::{LastPass, Store};

use crate::place::{Place, settings};
use crate::smtp::{Does, Encrypts, Smtp, certificate};
use crate::told;

/// The mail server's table.
fn mail(port: u16, more: &str) -> String {
    format!("[alerts.mail]\nserver = \"localhost\"\nport = {port}\nfrom = \"posbridge@example.com\"\nto = [\"ops@example.com\"]\n{more}\n")
}

fn with(table: &str) -> Place {
    Place::with(&format!("{}\n{table}", settings("http://127.0.0.1:1", "http://127.0.0.1:2", "5s")))
}

/// With the mail server's password `hunter2`.
fn with_password(table: &str) -> Place {
    let place = with(table);
    let sealed = place.run_with(&["secret", "set", "smtp"], "hunter2\n");
    assert_eq!(sealed.status, 0, "{}", sealed.told());
    place
}

const PLAIN: &str = "tls = \"none\"\nuser = \"posbridge\"";

/// One POST: its headers in lower case, and its body.
type Posted = Arc<Mutex<Vec<(String, String)>>>;

/// A web server that answers each POST alike. Its address.
fn web(answer: &'static str) -> (String, Posted) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let posted = Posted::default();
    let kept = posted.clone();
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let mut reader = BufReader::new(&connection);
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let before = head.len();
                if reader.read_line(&mut head).unwrap_or(0) == 0 || &head[before..] == "\r\n" {
                    break;
                }
                if let Some(value) = head[before..].to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap_or(0);
                }
            }
            let mut body = String::new();
            let _ = reader.by_ref().take(length).read_to_string(&mut body);
            kept.lock().expect("whole").push((head, body));
            let _ = (&connection).write_all(answer.as_bytes());
        }
    });
    (address, posted)
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

#[test]
fn without_a_way_there_is_nothing_to_try() {
    let place = with("");
    told!("alerts_test_without_a_way", place, &place.run(&["alerts", "test"]).told());
    told!("alerts_list_of_nothing", place, &place.run(&["alerts", "list"]).told());
    told!("secret_set_smtp_without_a_table", place, &place.run_with(&["secret", "set", "smtp"], "x\n").told());
}

#[test]
fn a_test_message_arrives_by_both_ways() {
    let server = Smtp::start(Does::Takes, Encrypts::Not);
    let (address, posted) = web(OK);
    let place = with_password(&format!("{}[alerts.webhook]\nurl = \"{address}/hook\"", mail(server.port(), PLAIN)));
    let sealed = place.run_with(&["secret", "set", "webhook"], "t0ken\n");
    told!("secret_set_webhook", place, &sealed.told());
    let told = place.run(&["alerts", "test"]).told().replace(&server.port().to_string(), "[PORT]");
    told!("alerts_test", place, &told);
    let taken = server.taken();
    assert_eq!((taken.len(), taken[0].to.as_slice()), (1, ["<ops@example.com>".to_owned()].as_slice()));
    assert!(taken[0].text.contains("Subject: posbridge at 127.0.0.1:1: this is a test\r\n"), "{}", taken[0].text);
    for header in
        ["Auto-Submitted: auto-generated\r\n", "From: posbridge <posbridge@example.com>\r\n", ".posbridge@example.com>\r\n", "Date: "]
    {
        assert!(taken[0].text.contains(header), "{header}: {}", taken[0].text);
    }
    told!("alerts_test_body", place, &taken[0].body());
    let posted = posted.lock().expect("whole").clone();
    assert!(posted[0].0.starts_with("POST /hook HTTP/1.1\r\n") && posted[0].0.contains("Bearer t0ken"), "{}", posted[0].0);
    let body: serde_json::Value = serde_json::from_str(&posted[0].1).expect("JSON");
    assert_eq!(body["test"], true);
    assert!(body["text"].as_str().is_some_and(|text| text.contains("Nothing is wrong")));
    assert!(!posted[0].1.contains("t0ken") && !taken[0].text.contains("hunter2"));
    let json = place.run(&["alerts", "test", "--json"]).json();
    assert_eq!((&json["ways"][0]["sent"], &json["ways"][1]["way"]), (&true.into(), &"webhook".into()));
    told!("secret_list_with_ways", place, &place.run(&["secret", "list"]).told().replace("not set: posbridge", "NOT SET"));
    assert_eq!(place.run(&["secret", "rotate"]).status, 0);
    assert_eq!(place.run(&["alerts", "test"]).status, 0, "a rotation seals these again, too");
}

#[test]
fn each_refusal_of_a_mail_server_is_told() {
    let mut all = String::new();
    for (does, more) in [
        (Does::RefusesLogin, PLAIN),
        (Does::OffersNoLogin, PLAIN),
        (Does::DeniesRelay, PLAIN),
        (Does::Greylists, PLAIN),
        (Does::RefusesText, PLAIN),
        (Does::Drops, PLAIN),
        (Does::SpeaksHttp, PLAIN),
        (Does::Takes, "user = \"posbridge\""),
        (Does::Takes, "tls = \"tls\"\nuser = \"posbridge\""),
    ] {
        let server = Smtp::start(does, Encrypts::Not);
        let place = with_password(&mail(server.port(), more));
        let ran = place.run(&["alerts", "test", "-vv"]);
        assert_eq!(ran.status, 3, "{}", ran.told());
        assert!(!ran.told().contains("hunter2"), "{}", ran.told());
        assert_eq!(server.taken(), []);
        all.push_str(&format!("{does:?} {}: {}", more.replace('\n', " "), ran.out.replace(&server.port().to_string(), "[PORT]")));
    }
    let place = with_password(&mail(1, PLAIN));
    all.push_str(&format!("nothing there: {}", place.run(&["alerts", "test"]).out));
    let place = with_password(&mail(1, "user = \"posbridge\"").replace("localhost", "mail.invalid"));
    all.push_str(&format!("no such name: {}", place.run(&["alerts", "test"]).out));
    let place = with(&mail(1, PLAIN));
    all.push_str(&format!("no password: {}", place.run(&["alerts", "test"]).out));
    told!("alerts_test_mail_refusals", place, &all);
}

#[test]
fn an_address_that_is_gone_keeps_nobody_else_from_hearing() {
    let server = Smtp::start(Does::DeniesOne, Encrypts::Not);
    let table = |to: &str| mail(server.port(), "tls = \"none\"").replace("[\"ops@example.com\"]", to);
    let ran = with(&table("[\"a@example.com\", \"gone@example.com\", \"b@example.com\"]")).run(&["alerts", "test"]);
    assert_eq!(ran.status, 0, "{}", ran.told());
    assert!(ran.err.contains("do not reach gone@example.com") && ran.err.contains("No such user here"), "{}", ran.told());
    let to: Vec<_> = server.taken().into_iter().map(|taken| taken.to).collect();
    assert_eq!(to, [["<a@example.com>"], ["<b@example.com>"]]);
    let ran = with(&table("[\"gone@example.com\", \"gone2@example.com\"]")).run(&["alerts", "test"]);
    assert_eq!((ran.status, server.taken().len()), (3, 2), "{}", ran.told());
}

#[test]
fn a_mail_server_that_says_nothing_is_waited_for_half_a_minute() {
    let server = Smtp::start(Does::IsSilent, Encrypts::Not);
    let place = with_password(&mail(server.port(), PLAIN));
    let start = Instant::now();
    let ran = place.run(&["alerts", "test"]);
    assert!(start.elapsed() < Duration::from_secs(40), "{:?}", start.elapsed());
    assert!(ran.out.contains("did not answer within"), "{}", ran.told());
}

#[test]
fn mail_is_encrypted_and_the_certificate_looked_at() {
    for tls in ["starttls", "tls"] {
        let (config, authority) = certificate("localhost");
        let (other_config, _) = certificate("mail.example.com");
        let encrypts = |config| if tls == "tls" { Encrypts::FromTheStart(config) } else { Encrypts::Starttls(config) };
        let server = Smtp::start(Does::Takes, encrypts(config));
        let own = format!("tls = \"{tls}\"\nca_file = \"ca.pem\"\nuser = \"posbridge\"");
        let place = with_password(&mail(server.port(), &own));
        std::fs::write(place.path("ca.pem"), &authority).expect("written");
        let ran = place.run(&["alerts", "test"]);
        assert_eq!(ran.status, 0, "{tls}: {}", ran.told());
        assert_eq!((server.taken().len(), server.logins().len()), (1, 1));
        let unknown = with_password(&mail(server.port(), &format!("tls = \"{tls}\"\nuser = \"posbridge\"")));
        assert!(unknown.run(&["alerts", "test"]).out.contains("an authority that this machine does not know"));
        let other = Smtp::start(Does::Takes, encrypts(other_config));
        place.write(&format!("{}\n{}", settings("http://127.0.0.1:1", "http://127.0.0.1:2", "5s"), mail(other.port(), &own)));
        let moved = place.run(&["alerts", "test"]);
        assert!(moved.out.contains("was sealed for another"), "another port does not get the password: {}", moved.told());
        assert_eq!(place.run_with(&["secret", "set", "smtp"], "hunter2\n").status, 0);
        assert!(place.run(&["alerts", "test"]).out.contains("cannot be encrypted"), "another authority's");
        assert_eq!(other.logins().len() + other.taken().len(), 0, "nothing goes to a server that is not the one");
    }
}

#[test]
fn each_refusal_of_a_webhook_is_told() {
    let mut all = String::new();
    for answer in [
        "HTTP/1.1 401 Unauthorized\r\nconnection: close\r\n\r\nbad token t0ken",
        "HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\nno_service",
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        "HTTP/1.1 429 Too Many Requests\r\nconnection: close\r\n\r\nslow down",
        "HTTP/1.1 500 Oops\r\nconnection: close\r\n\r\n<html><b>oops</b></html>",
        "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\ninvalid_payload",
        "",
        "220 mail.example.com ESMTP\r\n",
    ] {
        let (address, posted) = web(answer);
        let place = with(&format!("[alerts.webhook]\nurl = \"{address}/hooks/{{secret}}\""));
        assert_eq!(place.run_with(&["secret", "set", "webhook"], "t0ken\n").status, 0);
        let ran = place.run(&["alerts", "test", "-vv"]);
        assert_eq!(ran.status, 3, "{}", ran.told());
        assert!(!ran.told().contains("t0ken"), "{}", ran.told());
        let head = posted.lock().expect("whole")[0].0.clone();
        assert!(head.starts_with("POST /hooks/t0ken ") && !head.to_lowercase().contains("authorization"), "{head}");
        all.push_str(&format!("{:?}: {}", answer.lines().next().unwrap_or_default(), ran.out));
    }
    let place = with("[alerts.webhook]\nurl = \"http://127.0.0.1:1/x\"");
    all.push_str(&format!("nothing there: {}", place.run(&["alerts", "test"]).out));
    let place = with("[alerts.webhook]\nurl = \"https://chat.invalid/{secret}\"");
    all.push_str(&format!("no token: {}", place.run(&["alerts", "test"]).out));
    assert_eq!(place.run_with(&["secret", "set", "webhook"], "t0ken\n").status, 0);
    all.push_str(&format!("no such name: {}", place.run(&["alerts", "test"]).out));
    told!("alerts_test_webhook_refusals", place, &all);
}

/// A ledger with a branch that has not answered for so many hours.
fn silent(place: &Place, now: Timestamp, hours: i64) -> (Store, Config) {
    let config = Config::load(&place.path("branches.toml")).expect("valid");
    let store = Store::open(&config.state).expect("a ledger");
    answered(&config, now - SignedDuration::from_hours(hours));
    (store, config)
}

fn answered(config: &Config, at: Timestamp) {
    let note = LastPass {
        started_at: at,
        ended_at: at,
        succeeded_at: Some(at),
        answered_at: Some(at),
        whole_window_at: None,
        whole_window_there: None,
        clock_offset_s: 0,
        error: None,
        shops: Vec::new(),
        cursor: None,
    };
    note.save(&config.state, &config.branches[0].code);
}

/// A watch as the daemon has it: a look a minute, each message waited for.
struct Daemon {
    watch: Watch,
    store: Store,
    config: Config,
    now: Timestamp,
}

impl Daemon {
    fn new(place: &Place, hours: i64) -> Self {
        let now = "2026-11-21T12:00:00Z".parse().expect("a time");
        let (store, config) = silent(place, now, hours);
        Self { watch: Watch::new(&config.state), store, config, now }
    }

    async fn looks(&mut self, number: i64) {
        for _ in 0..number {
            self.watch.look(&self.store, &self.config, self.now, None, &BTreeMap::new()).await;
            self.watch.finish(Duration::from_secs(20)).await;
            self.now += SignedDuration::from_mins(1);
        }
    }

    fn restart(&mut self) {
        self.watch = Watch::new(&self.config.state);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_branch_is_told_once_and_once_more_when_it_is_back() {
    let server = Smtp::start(Does::Takes, Encrypts::Not);
    let (address, posted) = web(OK);
    let table = mail(server.port(), "tls = \"none\"\nuser = \"posbridge\"");
    let place = with_password(&format!("{table}[alerts.webhook]\nurl = \"{address}/\""));
    place.seal("central");
    place.seal("tirana");
    let mut daemon = Daemon::new(&place, 3);
    daemon.looks(5).await;
    assert_eq!(server.taken(), [], "it has to hold for a while");
    daemon.looks(30).await;
    assert_eq!((server.taken().len(), posted.lock().expect("whole").len()), (1, 1), "once, while it goes on");
    told!("alerts_mail_begins", place, &server.taken()[0].body());
    told!("alerts_list", place, &place.run(&["alerts", "list"]).told());
    let json = place.run(&["alerts", "list", "--json"]).json();
    assert_eq!((&json["alerts"][0]["key"], &json["alerts"][0]["told"]), (&"tirana/silent".into(), &serde_json::json!(["mail", "webhook"])));
    daemon.restart();
    daemon.looks(10).await;
    assert_eq!(server.taken().len(), 1, "a restart repeats nothing");
    answered(&daemon.config, daemon.now);
    daemon.looks(20).await;
    assert_eq!((server.taken().len(), posted.lock().expect("whole").len()), (2, 2));
    told!("alerts_mail_over", place, &server.taken()[1].body());
    assert_eq!(place.run(&["alerts", "list"]).status, 0);
    let kept = std::fs::read_to_string(place.path("state/alerts.json")).expect("a note");
    assert_eq!(kept, "{\"episodes\":[]}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_mail_server_gets_one_message_when_it_is_back_and_holds_up_nothing() {
    let server = Smtp::start(Does::Drops, Encrypts::Not);
    let (address, posted) = web(OK);
    let place = with_password(&format!("{}[alerts.webhook]\nurl = \"{address}/\"", mail(server.port(), PLAIN)));
    place.seal("central");
    place.seal("tirana");
    let mut daemon = Daemon::new(&place, 3);
    daemon.looks(60).await;
    assert_eq!((server.taken().len(), posted.lock().expect("whole").len()), (0, 1), "the other way is not held up");
    daemon.restart();
    server.now(Does::IsSilent);
    let start = Instant::now();
    for _ in 0..3 {
        daemon.watch.look(&daemon.store, &daemon.config, daemon.now, None, &BTreeMap::new()).await;
    }
    assert!(start.elapsed() < Duration::from_secs(20), "a look does not wait for a mail server: {:?}", start.elapsed());
    daemon.restart();
    // What was begun before finds the server silent, as a program that ended would have left it.
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.now(Does::Takes);
    daemon.looks(5).await;
    assert_eq!((server.taken().len(), posted.lock().expect("whole").len()), (1, 1), "told where it was not known yet, and only there");
}

thread_local! {
    /// What was logged on this thread, so in a test on one thread by that test.
    static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGGED.with_borrow_mut(|logged| logged.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Begins to log. For all threads: beside a subscriber of one thread, the first thread that comes to a log line without a
/// subscriber turns that line off for all.
fn log() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        let log = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::DEBUG).with_writer(|| Log).finish();
        tracing::subscriber::set_global_default(log).expect("the only one");
        // Also the lines that another thread came to in the meantime.
        tracing::callsite::rebuild_interest_cache();
    });
}

#[tokio::test]
async fn a_message_that_fails_is_tried_again_with_growing_pauses_and_logged_once() {
    log();
    let server = Smtp::start(Does::RefusesLogin, Encrypts::Not);
    let place = with_password(&mail(server.port(), PLAIN));
    place.seal("central");
    place.seal("tirana");
    let mut daemon = Daemon::new(&place, 3);
    daemon.looks(6 + 600).await;
    // After 1, 2, 4, 8, 16, 32 and then every 60 minutes.
    assert_eq!(server.logins().len(), 15, "in ten hours");
    server.now(Does::Takes);
    daemon.looks(61).await;
    assert_eq!(server.taken().len(), 1);
    let log = String::from_utf8(LOGGED.take()).expect("UTF-8");
    let times = |words: &str| log.matches(words).count();
    let counts = [times("No alert arrives"), times("cause=\"password_refused\""), times("Alerts arrive again"), times("Needs somebody")];
    assert_eq!(counts, [1, 1, 1, 1], "{log}");
    assert!(!log.contains("hunter2"), "{log}");
}
