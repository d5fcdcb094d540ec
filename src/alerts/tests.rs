#![allow(clippy::unwrap_used)] // A test that fails to unwrap has failed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::condition::is_unknown;
use super::message::compose;
use super::*;
use crate::model::BranchCode;
use crate::problem::{Problem, Side};

const THRESHOLDS: Thresholds = Thresholds { silent: Duration::from_secs(7_200), failures: 10, disk: 1 << 30 };
const MINUTE: i64 = 60;

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn after(minutes: i64) -> Timestamp {
    now() + SignedDuration::from_secs(minutes * MINUTE)
}

fn zone(_: Option<&str>) -> TimeZone {
    TimeZone::get("Europe/Tirane").unwrap()
}

/// A branch that is well.
fn branch(code: &str) -> BranchSnapshot {
    BranchSnapshot {
        code: code.to_owned(),
        name: format!("{}{} Centre", code[..1].to_uppercase(), &code[1..]),
        enabled: true,
        timezone: zone(None),
        answered_at: Some(after(-5)),
        error: None,
        send_error: None,
        pending_since: None,
        standing: Vec::new(),
        failed: 0,
        causes: Vec::new(),
        days_that_differ: Vec::new(),
        days_with_findings: Vec::new(),
        gap: Duration::from_secs(900),
        clock_offset_s: 1,
        has_password: true,
    }
}

fn snapshot(branches: Vec<BranchSnapshot>) -> Snapshot {
    Snapshot {
        branches: Ok(branches),
        central_has_password: true,
        written_at: Some(after(-1)),
        disk_free: Some(1 << 40),
        settings_error: None,
        key_expiries: BTreeMap::new(),
    }
}

fn side(code: &str) -> Side {
    Side::Branch(BranchCode::new(code).unwrap())
}

fn keys(snapshot: &Snapshot) -> Vec<String> {
    conditions(snapshot, &THRESHOLDS, now()).into_iter().map(|condition| condition.key).collect()
}

fn keys_of(change: impl FnOnce(&mut BranchSnapshot)) -> Vec<String> {
    let mut one = branch("tirana");
    change(&mut one);
    keys(&snapshot(vec![one]))
}

fn missing_product() -> Problem {
    Problem::ProductNotFound { name: "Tote bag".to_owned(), barcode: None, default_code: Some("BAG01".to_owned()) }
}

fn cause(records: u64, alike: bool) -> Cause {
    Cause { problem: missing_product(), records, alike, sent: false }
}

/// Everything that can be told at once.
fn troubled() -> Snapshot {
    let mut tirana = branch("tirana");
    tirana.answered_at = Some(after(-185));
    tirana.error = Some(Problem::TimedOut { side: side("tirana"), seconds: 120 });
    tirana.days_that_differ = vec![(jiff::civil::date(2026, 11, 19), 1), (jiff::civil::date(2026, 11, 20), 3)];
    tirana.days_with_findings = vec![(jiff::civil::date(2026, 11, 20), 2)];
    tirana.causes = vec![
        cause(12, true),
        Cause {
            problem: Problem::RefusedAtBranch { kind: crate::model::Kind::Product, reference: "MUG".to_owned(), words: "No.".to_owned() },
            records: 1,
            alike: true,
            sent: true,
        },
    ];
    tirana.failed = 13;
    let mut durres = branch("durres");
    durres.error = Some(Problem::PasswordRefused { side: side("durres"), user: "bridge".to_owned() });
    durres.clock_offset_s = -200;
    durres.answered_at = None;
    let mut vlore = branch("vlore");
    vlore.has_password = false;
    vlore.standing = vec![Problem::BranchRestored { details: "Order 7 has another uuid".to_owned() }];
    let mut berat = branch("berat");
    berat.answered_at = None;
    berat.error = Some(Problem::ConnectionRefused { side: Side::Central, address: "erp.example.com:443".to_owned() });
    berat.causes = vec![cause(7, false)];
    berat.pending_since = Some(after(-40));
    berat.send_error = Some(Problem::LanguageMissing { side: side("berat"), language: "sq_AL".to_owned() });
    let mut korce = branch("korce");
    korce.error = Some(Problem::DiskFull { path: "/var/lib/posbridge".to_owned() });
    let mut all = snapshot(vec![tirana, durres, vlore, berat, korce]);
    all.central_has_password = false;
    all.written_at = None;
    all.disk_free = Some(5 << 20);
    all.settings_error = Some("/etc/posbridge/branches.toml:3:1: `warehuose` is not a key here\nb:4:1: x\nc\nd\ne\nf\ng".to_owned());
    all.key_expiries = BTreeMap::from([("central".to_owned(), after(9 * 1_440)), ("tirana".to_owned(), after(9 * 1_440))]);
    all
}

#[test]
fn what_is_well_is_not_told() {
    assert_eq!(keys(&snapshot(vec![branch("tirana"), branch("durres")])), Vec::<String>::new());
    let mut off = branch("tirana");
    off.enabled = false;
    off.answered_at = None;
    off.failed = 1_000;
    off.has_password = false;
    assert_eq!(keys(&snapshot(vec![off])), Vec::<String>::new(), "a branch that is not enabled is nobody's trouble");
}

#[test]
fn each_threshold_is_exact() {
    assert_eq!(keys_of(|b| b.answered_at = Some(after(-120))), Vec::<String>::new());
    assert_eq!(keys_of(|b| b.answered_at = Some(after(-121))), ["tirana/silent"]);
    let daily = |hours: i64| {
        keys_of(|b| {
            b.gap = Duration::from_secs(86_400);
            b.answered_at = Some(after(-60 * hours));
        })
    };
    assert_eq!(daily(47), Vec::<String>::new(), "a branch with one pass a day");
    assert_eq!(daily(49), ["tirana/silent"]);
    assert_eq!(keys_of(|b| b.failed = 9), Vec::<String>::new());
    assert_eq!(keys_of(|b| b.failed = 10), ["tirana/failures"]);
    assert_eq!(keys_of(|b| b.clock_offset_s = -120), Vec::<String>::new());
    assert_eq!(keys_of(|b| b.clock_offset_s = -121), ["tirana/clock_off"]);
    let mut disk = snapshot(vec![]);
    disk.disk_free = Some(1 << 30);
    assert_eq!(keys(&disk), Vec::<String>::new());
    disk.disk_free = Some((1 << 30) - 1);
    assert_eq!(keys(&disk), ["disk"]);
    disk.disk_free = None;
    assert!(keys(&disk).is_empty() && is_unknown("disk", &disk));
    let ends = |minutes: i64| {
        let mut one = snapshot(vec![branch("tirana")]);
        one.key_expiries.insert("tirana".to_owned(), after(minutes));
        keys(&one)
    };
    assert_eq!(ends(14 * 1_440 + 1), Vec::<String>::new());
    assert_eq!(ends(14 * 1_440), ["tirana/key_ends"]);
}

#[test]
fn one_trouble_is_one_entry() {
    let refused = Problem::PasswordRefused { side: side("tirana"), user: "bridge".to_owned() };
    let silent_too = keys_of(|b| {
        b.error = Some(refused);
        b.answered_at = Some(after(-10_000));
    });
    assert_eq!(silent_too, ["tirana/password_refused"], "why it is silent is said");
    let lost = Problem::PasswordRefused { side: Side::Central, user: "bridge".to_owned() };
    let all = ["tirana", "durres"].map(|code| BranchSnapshot { error: Some(lost.clone()), ..branch(code) });
    assert_eq!(keys(&snapshot(all.to_vec())), ["central/password_refused"], "central's trouble once, not for each branch");
}

#[test]
fn central_is_silent_when_orders_wait_and_it_takes_none() {
    let seen = |waits: i64, written: Option<i64>, enabled: bool| {
        let mut one = snapshot(vec![BranchSnapshot { pending_since: Some(after(-waits)), enabled, ..branch("tirana") }]);
        one.written_at = written.map(|minutes| after(-minutes));
        keys(&one)
    };
    assert_eq!(seen(16, Some(16), true), ["central/silent"]);
    assert_eq!(seen(16, None, true), ["central/silent"]);
    assert_eq!(seen(15, Some(600), true), Vec::<String>::new());
    assert_eq!(seen(600, Some(2), true), Vec::<String>::new(), "a long backlog that moves");
    assert_eq!(seen(600, None, false), Vec::<String>::new());
}

#[test]
fn without_the_ledger_nothing_is_over() {
    let mut broken = snapshot(vec![]);
    broken.branches = Err("The ledger posbridge.sqlite cannot be used: malformed".to_owned());
    assert_eq!(keys(&broken), ["ledger"]);
    let (mut desk, ways) = (Desk::default(), BTreeSet::from([Way::Mail]));
    let sick = snapshot(vec![BranchSnapshot { failed: 10, ..branch("tirana") }]);
    for (minute, seen) in (0..60).map(|minute| (minute, if minute < 20 { &sick } else { &broken })) {
        desk.look(&conditions(seen, &THRESHOLDS, after(0)), |key| is_unknown(key, seen), &ways, after(minute));
    }
    assert_eq!(desk.open().map(|e| e.key.as_str()).collect::<Vec<_>>(), ["tirana/failures", "ledger"]);
}

#[test]
fn a_day_that_differs_begins_and_is_over_when_it_is_equal() {
    let dir = tempfile::tempdir().unwrap();
    let store = crate::store::Store::open(&dir.path().join("state")).unwrap();
    let day = jiff::civil::date(2026, 11, 20);
    let looked = |verdict: &str, for_a_person: u64| {
        let state = crate::store::DayState {
            branch: "tirana".to_owned(),
            day,
            first_checked_at: None,
            proved_at: None,
            verdict: verdict.to_owned(),
            for_a_person,
            findings: 0,
            failed_at: None,
            error: None,
        };
        store.put_day(&state, "{}", &[], now()).unwrap();
        let days = store.days_for_a_person().unwrap().into_iter().map(|state| (state.day, state.for_a_person)).collect();
        keys_of(|branch| branch.days_that_differ = days)
    };
    assert_eq!(looked("differs", 2), ["tirana/differs/2026-11-20"]);
    // A look that could not be made leaves it as it was.
    store.day_unproved(&BranchCode::new("tirana").unwrap(), day, "does not answer", now()).unwrap();
    assert_eq!(store.days_for_a_person().unwrap().len(), 1);
    assert_eq!(looked("equal", 0), Vec::<String>::new());
}

#[test]
fn every_condition_in_words() {
    let list = conditions(&troubled(), &THRESHOLDS, now());
    let lines =
        list.iter().map(|c| format!("{} | {} | hold {} min\n  {}\n  {}\n", c.key, c.about, c.hold.as_secs() / 60, c.text, c.next_step));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}

/// A desk that has seen these for 10 minutes.
fn desk_of(list: &[Condition]) -> Desk {
    let mut desk = Desk::default();
    for minute in 0..10 {
        desk.look(list, |_| false, &BTreeSet::from([Way::Mail]), after(minute));
    }
    desk
}

#[test]
fn one_message_for_all_that_is_new() {
    let mut desk = desk_of(&conditions(&troubled(), &THRESHOLDS, now()));
    let (begun, over) = desk.news(Way::Mail);
    let message = compose("erp.example.com", &begun, &over, desk.open().count(), zone);
    insta::assert_snapshot!("many_begin", format!("{}\n\n{}", message.subject, message.body));
    desk.told(Way::Mail, &begun, &over);
    assert_eq!(desk.news(Way::Mail), (vec![], vec![]), "told once");
}

#[test]
fn what_is_over_says_how_long_it_was() {
    let sick = conditions(&snapshot(vec![BranchSnapshot { failed: 12, ..branch("tirana") }]), &THRESHOLDS, now());
    let mut desk = desk_of(&sick);
    let (begun, _) = desk.news(Way::Mail);
    let message = compose("erp.example.com", &begun, &[], 1, zone);
    insta::assert_snapshot!("one_begins", format!("{}\n\n{}", message.subject, message.body));
    insta::assert_snapshot!("one_begins_json", serde_json::to_string_pretty(&message.json).unwrap());
    desk.told(Way::Mail, &begun, &[]);
    for minute in 125..140 {
        desk.look(&[], |_| false, &BTreeSet::from([Way::Mail]), after(minute));
    }
    let (begun, over) = desk.news(Way::Mail);
    let message = compose("erp.example.com", &begun, &over, desk.open().count(), zone);
    insta::assert_snapshot!("one_is_over", format!("{}\n\n{}", message.subject, message.body));
    assert!(message.body.contains("Over after 2 h 5 min"), "{}", message.body);
    insta::assert_snapshot!("one_is_over_json", serde_json::to_string_pretty(&message.json).unwrap());
    desk.told(Way::Mail, &begun, &over);
    desk.look(&[], |_| false, &BTreeSet::from([Way::Mail]), after(141));
    assert_eq!(desk, Desk::default(), "nothing is kept of what everybody knows");
}

#[test]
fn names_from_outside_break_out_of_nothing() {
    let evil = "Shop\r\nBcc: all@example.com\r\n\r\n<!channel> @channel @all [click](http://evil) \u{202e}\u{1b}[31m";
    let problem = Problem::ProductNotFound { name: evil.to_owned(), barcode: None, default_code: None };
    let mut one = branch("tirana");
    one.name = evil.to_owned();
    one.causes = vec![Cause { problem, records: 1, alike: true, sent: false }];
    one.failed = 10;
    let desk = desk_of(&conditions(&snapshot(vec![one]), &THRESHOLDS, now()));
    let message = compose("erp.example.com", &desk.news(Way::Mail).0, &[], 2, zone);
    assert!(!message.subject.contains(char::is_control));
    assert!(!message.body.lines().any(|line| line.starts_with("Bcc")), "{}", message.body);
    assert!(!message.body.replace('\n', "").contains(char::is_control));
    let text = message.json["text"].as_str().unwrap();
    for mark in ["<!channel>", "@channel", "@all", "](http"] {
        assert!(!text.contains(mark), "{text}");
    }
}

#[test]
fn a_message_has_an_end() {
    let many: Vec<_> = (0..900).map(|n| BranchSnapshot { failed: 50, ..branch(&format!("b{n}")) }).collect();
    let desk = desk_of(&conditions(&snapshot(many), &THRESHOLDS, now()));
    let (begun, _) = desk.news(Way::Mail);
    assert_eq!(begun.len(), 900);
    let message = compose("erp.example.com", &begun, &[], 900, zone);
    assert!(message.body.chars().count() < 12_500, "{}", message.body.chars().count());
    assert!(
        message.body.contains(" more that have no room here.")
            && message.body.ends_with("900 problems are open now: posbridge alerts list\n")
    );
    assert_eq!(message.subject, "posbridge at erp.example.com: 900 new problems (b0, b1, b2 and 897 more)");
}

#[test]
fn every_refusal_in_words() {
    let words = || "550 5.7.1 Relaying denied".to_owned();
    let address = || "mail.example.com:587".to_owned();
    let all = [
        Refusal::PasswordMissing,
        Refusal::TokenMissing,
        Refusal::PasswordUnreadable { owner: "smtp".to_owned(), reason: "it is damaged; set it again".to_owned() },
        Refusal::CaFile { file: "/etc/posbridge/ca.pem".to_owned(), reason: "it holds no certificate in PEM form".to_owned() },
        Refusal::HostNotFound { server: "mail.example.com".to_owned() },
        Refusal::ConnectionRefused { address: address() },
        Refusal::Unreachable { address: address() },
        Refusal::TimedOut { seconds: 30 },
        Refusal::Dropped { address: address() },
        Refusal::Tls { reason: "its certificate has expired".to_owned() },
        Refusal::NoStarttls,
        Refusal::NoLogin,
        Refusal::LoginRefused { user: "posbridge".to_owned(), words: "535 5.7.8 Authentication failed".to_owned() },
        Refusal::RelayDenied { words: words() },
        Refusal::Later { words: "451 Greylisted".to_owned() },
        Refusal::TokenRefused { status: 401, words: String::new() },
        Refusal::AddressUnknown { status: 404, words: "no_service".to_owned() },
        Refusal::Redirected { status: 302 },
        Refusal::Refused { words: "HTTP 400: invalid_payload".to_owned() },
    ];
    let lines = all.iter().map(|refusal| format!("{}: {} {}", refusal.cause(), refusal.what(), refusal.next_step()));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}

fn any_condition(key: &str) -> Condition {
    Condition {
        key: key.to_owned(),
        branch: None,
        about: "This bridge".to_owned(),
        text: "x".to_owned(),
        next_step: "y".to_owned(),
        since: None,
        hold: Duration::ZERO,
        rest: Duration::ZERO,
    }
}

#[test]
fn what_comes_and_goes_is_one_thing() {
    let (mut desk, ways) = (Desk::default(), BTreeSet::from([Way::Mail]));
    let (here, away) = ([any_condition("k")], []);
    let mut told = Vec::new();
    for minute in 0..240 {
        // Two minutes there, three away, and from the second hour on for good; in the third, away for 9 minutes at a time.
        let there = match minute {
            0..60 => minute % 5 < 2,
            60..120 => true,
            120..200 => minute % 10 == 0,
            _ => false,
        };
        desk.look(if there { &here } else { &away }, |_| false, &ways, after(minute));
        let (begun, over) = desk.news(Way::Mail);
        told.extend(begun.iter().map(|_| (minute, "begun")).chain(over.iter().map(|_| (minute, "over"))));
        desk.told(Way::Mail, &begun, &over);
    }
    assert_eq!(told, [(65, "begun"), (201, "over")]);
}

#[test]
fn a_jump_of_the_clock_tells_nothing_and_holds_nothing_up() {
    let ways = BTreeSet::from([Way::Mail]);
    let list = [any_condition("k")];
    let day = 1_440;
    let mut desk = Desk::default();
    desk.look(&list, |_| false, &ways, after(0));
    desk.look(&list, |_| false, &ways, after(day));
    assert_eq!(desk.open().count(), 0, "seen twice only, whatever the clock says");
    desk.look(&list, |_| false, &ways, after(day + 1));
    assert_eq!(desk.open().count(), 1);
    // Back a year while it is away: over in the usual time after.
    for minute in 0..12 {
        desk.look(&[], |_| false, &ways, after(minute - 365 * day));
    }
    assert_eq!(desk.open().count(), 0);
}

#[test]
fn a_restart_repeats_nothing_and_a_broken_note_is_a_new_desk() {
    let directory = tempfile::tempdir().unwrap();
    let mut desk = desk_of(&conditions(&troubled(), &THRESHOLDS, now()));
    let (begun, _) = desk.news(Way::Mail);
    desk.told(Way::Mail, &begun, &[]);
    desk.save(directory.path()).unwrap();
    let again = Desk::load(directory.path());
    assert_eq!(again, desk);
    assert_eq!(again.news(Way::Mail), (vec![], vec![]));
    assert_eq!(again.news(Way::Webhook).0.len(), begun.len(), "a way that is new hears of all that is open");
    std::fs::write(directory.path().join("alerts.json"), "{\"episodes\": [{}]}").unwrap();
    assert_eq!(Desk::load(directory.path()), Desk::default());
}

#[test]
fn a_dead_mail_server_fills_no_disk() {
    let (mut desk, ways) = (Desk::default(), BTreeSet::from([Way::Mail]));
    for round in 0..1_200 {
        let list = [any_condition(&format!("k{round}"))];
        for minute in 0..20 {
            desk.look(if minute < 8 { &list } else { &[] }, |_| false, &ways, after(round * 20 + minute));
        }
    }
    assert!(desk.news(Way::Mail).1.len() <= 500);
    assert!(desk.news(Way::Mail).1.iter().any(|episode| episode.key == "k1199"), "the newest stay");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever comes and goes, whenever messages arrive and the process is restarted: of each key, a beginning is told
    /// before its end, each once, and no second beginning before the end.
    #[test]
    fn beginnings_and_ends_alternate(
        steps in prop::collection::vec((prop::collection::vec(any::<bool>(), 3), any::<bool>(), 1_i64..20, any::<bool>()), 1..200),
    ) {
        let names = ["a", "b", "c"];
        let ways = BTreeSet::from([Way::Mail]);
        let (mut desk, mut minute) = (Desk::default(), 0);
        let mut open: BTreeMap<String, Timestamp> = BTreeMap::new();
        for (there, arrives, minutes, restart) in steps {
            let list: Vec<_> = names.iter().zip(there).filter(|(_, there)| *there).map(|(name, _)| any_condition(name)).collect();
            for _ in 0..3 {
                minute += minutes;
                desk.look(&list, |_| false, &ways, after(minute));
            }
            if restart {
                desk = serde_json::from_str(&serde_json::to_string(&desk).unwrap()).unwrap();
            }
            let (begun, over) = desk.news(Way::Mail);
            if !arrives {
                continue;
            }
            desk.told(Way::Mail, &begun, &over);
            for episode in &over {
                // What ended before its beginning could be told is told as a whole.
                let began = open.remove(&episode.key);
                prop_assert!(began.is_none_or(|since| since == episode.since), "{:?}", episode);
                prop_assert!(episode.gone_since.is_some_and(|gone| gone > episode.since));
            }
            for episode in &begun {
                prop_assert_eq!(open.insert(episode.key.clone(), episode.since), None);
            }
            prop_assert_eq!(desk.news(Way::Mail), (vec![], vec![]));
            let held: BTreeSet<_> = desk.open().map(|episode| episode.key.clone()).collect();
            prop_assert_eq!(open.keys().cloned().collect::<BTreeSet<_>>(), held);
        }
    }
}

const SETTINGS: &str = r#"
state = "state"
[central]
url = "https://erp.example.com"
database = "central"
user = "bridge"
[branch.tirana]
name = "Tirana Centre"
url = "https://tirana.example.com"
database = "tirana"
user = "bridge"
from = 2026-11-01
customer = 7
cron = "0 8 * * MON"
timezone = "Europe/Tirane"
"#;

#[tokio::test]
async fn what_is_known_is_read_and_what_cannot_be_read_is_unknown() {
    let directory = tempfile::tempdir().unwrap();
    let config = crate::config::Config::parse(SETTINGS, &directory.path().join("branches.toml")).unwrap();
    let store = crate::store::Store::open(&config.state).unwrap();
    let code = BranchCode::new("tirana").unwrap();
    let sealed =
        crate::store::Sealed { owner: "tirana".to_owned(), field: "password".to_owned(), sealed: "x".to_owned(), updated_at: now() };
    store.put_secrets(&[sealed]).unwrap();
    let error = Problem::TimedOut { side: side("tirana"), seconds: 5 };
    let last = crate::store::LastPass {
        started_at: now(),
        ended_at: now(),
        succeeded_at: None,
        answered_at: Some(after(-7)),
        whole_window_at: None,
        whole_window_there: None,
        clock_offset_s: -44,
        error: Some(error.clone()),
        shops: Vec::new(),
        cursor: None,
    };
    last.save(&config.state, &code);
    let (expiries, gaps) = (BTreeMap::from([("central".to_owned(), after(60))]), Gaps::default());
    let seen = gather(&store, &config, now(), Some("x"), &expiries, &gaps).await;
    let [tirana] = seen.branches.as_deref().unwrap() else { panic!("{seen:?}") };
    let expected = BranchSnapshot {
        answered_at: Some(after(-7)),
        error: Some(error),
        gap: Duration::from_secs(7 * 86_400),
        clock_offset_s: -44,
        timezone: TimeZone::get("Europe/Tirane").unwrap(),
        ..branch("tirana")
    };
    assert_eq!(tirana, &expected);
    assert!(!seen.central_has_password && seen.disk_free.is_some_and(|free| free > 0));
    assert_eq!((seen.settings_error.as_deref(), seen.key_expiries), (Some("x"), expiries.clone()));
    let other = rusqlite::Connection::open(config.state.join("posbridge.sqlite")).unwrap();
    other.execute_batch("DROP TABLE secret").unwrap();
    let seen = gather(&store, &config, now(), None, &expiries, &gaps).await;
    assert!(seen.branches.as_ref().is_err_and(|words| words.contains("restore")), "{seen:?}");
    assert_eq!(keys(&seen), ["ledger"]);
}
