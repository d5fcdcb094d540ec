#![allow(clippy::unwrap_used)] // A test that fails to unwrap has failed.

use super::*;
use crate::model::BranchCode;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn watched(codes: &[&str]) -> Vec<Watched> {
    codes.iter().map(|code| Watched { code: BranchCode::new(code).unwrap(), enabled: true }).collect()
}

fn ended(result: PassResult, at: Timestamp) -> PassEnd {
    PassEnd { result, took: Duration::from_millis(800), at, received: 3, delivered: 2 }
}

/// A monitor whose loops have just turned.
fn turning(now: Timestamp) -> Monitor {
    let monitor = Monitor::new(at(0));
    monitor.turned(now);
    monitor.ledger_answered(now);
    monitor
}

/// The lines of a metric, sorted.
fn lines(text: &str, name: &str) -> Vec<String> {
    let of = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
    let mut lines: Vec<String> = text.lines().filter(of).map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn a_daemon_that_has_just_started_is_alive_and_ready() {
    let monitor = Monitor::new(at(0));
    assert!(monitor.health(at(60)).is_alive());
    assert!(monitor.ready(at(60)).is_ready());
}

#[test]
fn loops_that_stand_still_are_told() {
    let monitor = turning(at(100));
    assert!(monitor.health(at(160)).is_alive() && !monitor.health(at(161)).is_alive());
    assert_eq!(monitor.ready(at(161)).not, [NotReady::Stuck { silent_s: 61 }, NotReady::LedgerSilent { silent_s: 61 }]);
    monitor.turned(at(161));
    assert!(monitor.health(at(161)).is_alive());
    assert_eq!(monitor.ready(at(161)).not, [NotReady::LedgerSilent { silent_s: 61 }]);
    monitor.ledger_answered(at(162));
    assert!(monitor.ready(at(162)).is_ready());
}

#[test]
fn a_clock_that_jumps_is_no_sign_of_life() {
    const YEAR: i64 = 365 * 86_400;
    let monitor = turning(at(0));
    assert!(!monitor.health(at(86_400)).is_alive());
    assert!(!monitor.health(at(-YEAR)).is_alive());
    // The next turn knows the new time.
    monitor.turned(at(-YEAR));
    monitor.ledger_answered(at(-YEAR));
    assert!(monitor.ready(at(-YEAR + 1)).is_ready());
}

#[test]
fn passes_that_do_not_begin_are_told_once_none_does() {
    let monitor = turning(at(0));
    monitor.planned("tirana", Direction::Receive, Some(at(0)));
    monitor.planned("durres", Direction::Receive, Some(at(500)));
    let ready = |now| {
        monitor.turned(now);
        monitor.ledger_answered(now);
        monitor.ready(now)
    };
    // One branch alone is no reason: the other still makes passes.
    assert!(ready(at(600)).is_ready());
    assert_eq!(ready(at(621)).not, [NotReady::AllOverdue { passes: 2, late_s: 121 }]);
    // While one runs, the others wait for their turn.
    monitor.pass_started(Direction::Receive, Duration::from_secs(121));
    assert!(ready(at(5_000)).is_ready());
    monitor.pass_ended("tirana", Direction::Receive, &ended(PassResult::Done, at(5_000)));
    assert!(!ready(at(5_000)).is_ready());
    monitor.planned("tirana", Direction::Receive, Some(at(5_900)));
    assert!(ready(at(6_000)).is_ready());
    // What is not planned any more is not missed.
    monitor.planned("tirana", Direction::Receive, None);
    monitor.forget_branch("durres");
    assert!(ready(at(9_000)).is_ready());
}

#[test]
fn a_branch_that_is_switched_off_is_not_missed() {
    let monitor = turning(at(0));
    monitor.branches(&watched(&["tirana"]));
    monitor.planned("tirana", Direction::Receive, Some(at(0)));
    monitor.turned(at(200));
    monitor.ledger_answered(at(200));
    assert!(!monitor.ready(at(200)).is_ready());
    monitor.branches(&[Watched { enabled: false, ..watched(&["tirana"]).remove(0) }]);
    assert!(monitor.ready(at(200)).is_ready());
}

#[test]
fn a_daemon_that_stops_is_alive_but_not_ready() {
    let monitor = turning(at(0));
    monitor.stopping();
    assert!(monitor.health(at(1)).is_alive());
    assert_eq!(monitor.ready(at(1)).not, [NotReady::Stopping]);
}

#[test]
fn what_people_read() {
    let not = vec![
        NotReady::Stopping,
        NotReady::Stuck { silent_s: 95 },
        NotReady::LedgerSilent { silent_s: 95 },
        NotReady::AllOverdue { passes: 12, late_s: 300 },
    ];
    let told = [
        Health::Alive.to_string(),
        Health::Stuck { silent_s: 95 }.to_string(),
        Ready { not: Vec::new() }.to_string(),
        Ready { not }.to_string(),
    ];
    insta::assert_snapshot!(told.join("\n---\n"));
}

#[test]
fn passes_are_counted_by_branch_and_direction() {
    let monitor = turning(at(0));
    monitor.branches(&watched(&["tirana", "durres"]));
    for result in [PassResult::Done, PassResult::Done, PassResult::Unreachable] {
        monitor.pass_started(Direction::Receive, Duration::from_millis(20));
        monitor.pass_ended("tirana", Direction::Receive, &ended(result, at(10)));
    }
    monitor.pass_started(Direction::Send, Duration::ZERO);
    let text = monitor.render(&View::default(), at(20));
    assert_eq!(lines(&text, "posbridge_passes_running"), ["posbridge_passes_running 1"]);
    monitor.pass_ended("tirana", Direction::Send, &ended(PassResult::Failed, at(20)));
    monitor.settings(false);
    let text = monitor.render(&View::default(), at(20));
    let passes = lines(&text, "posbridge_passes_total");
    assert_eq!(passes.len(), 12, "each branch from zero: {passes:?}");
    for line in [
        "posbridge_passes_total{branch=\"tirana\",direction=\"receive\",result=\"done\"} 2",
        "posbridge_passes_total{branch=\"tirana\",direction=\"receive\",result=\"unreachable\"} 1",
        "posbridge_passes_total{branch=\"tirana\",direction=\"send\",result=\"failed\"} 1",
        "posbridge_passes_total{branch=\"durres\",direction=\"receive\",result=\"done\"} 0",
        "posbridge_orders_received_total{branch=\"tirana\"} 9",
        "posbridge_orders_delivered_total{branch=\"tirana\"} 6",
        "posbridge_orders_delivered_total{branch=\"durres\"} 0",
        "posbridge_master_data_sent_total{branch=\"tirana\"} 2",
        "posbridge_passes_running 0",
        "posbridge_settings_valid 0",
        "posbridge_reloads_total{result=\"refused\"} 1",
        "posbridge_reloads_total{result=\"applied\"} 0",
        "posbridge_pass_lateness_seconds_bucket{le=\"0.05\",direction=\"receive\"} 3",
        "posbridge_pass_duration_seconds_count{direction=\"send\"} 1",
        "posbridge_call_duration_seconds_count{side=\"branch\"} 0",
        "process_start_time_seconds 1800000000.0",
        "posbridge_ready 1",
    ] {
        assert!(text.lines().any(|written| written == line), "{line} is not in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn the_older_format_names_counters_in_full() {
    let monitor = turning(at(0));
    monitor.branches(&watched(&["tirana"]));
    let (open, old) = (monitor.render(&View::default(), at(1)), monitor.render_prometheus(&View::default(), at(1)));
    assert!(open.contains("# TYPE posbridge_passes counter\n") && open.contains("# UNIT posbridge_call_duration_seconds seconds\n"));
    assert!(old.contains("# HELP posbridge_passes_total Passes") && old.contains("# TYPE posbridge_passes_total counter\n"), "{old}");
    assert!(old.contains("# TYPE posbridge_call_duration_seconds histogram\n") && !old.contains("# UNIT") && !old.contains("# EOF"));
    let numbers =
        |text: &str| text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(numbers(&open), numbers(&old));
}

#[test]
fn a_branch_that_left_the_settings_leaves_no_series() {
    let monitor = turning(at(0));
    monitor.branches(&watched(&["tirana", "durres"]));
    monitor.pass_ended("tirana", Direction::Receive, &ended(PassResult::Done, at(10)));
    monitor.branches(&watched(&["durres"]));
    let text = monitor.render(&View::blind(&monitor.watched()), at(20));
    assert!(!text.contains("tirana") && text.contains("durres"), "{text}");
    monitor.forget_branch("durres");
    let text = monitor.render(&View::blind(&monitor.watched()), at(20));
    assert!(!text.contains("durres"), "{text}");
}

#[test]
fn the_last_success_is_the_newer_of_note_and_memory() {
    let monitor = turning(at(0));
    let branches = watched(&["noted", "lately", "never", "off"]);
    monitor.branches(&branches);
    monitor.pass_ended("lately", Direction::Receive, &ended(PassResult::Done, at(500)));
    monitor.pass_ended("lately", Direction::Receive, &ended(PassResult::Unreachable, at(550)));
    monitor.pass_ended("lately", Direction::Send, &ended(PassResult::Done, at(560)));
    let mut view = View::blind(&branches);
    view.branches[0].succeeded_at = Some(at(-3_600));
    view.branches[1].succeeded_at = Some(at(-7_200));
    view.branches[3].enabled = false;
    let text = monitor.render(&view, at(600));
    assert_eq!(
        lines(&text, "posbridge_seconds_since_last_success"),
        [
            "posbridge_seconds_since_last_success{branch=\"lately\"} 100.0",
            "posbridge_seconds_since_last_success{branch=\"never\"} 600.0",
            "posbridge_seconds_since_last_success{branch=\"noted\"} 4200.0",
        ]
    );
    assert_eq!(lines(&text, "posbridge_last_success_timestamp_seconds").len(), 2);
    // Nothing is said about records that could not be counted.
    assert_eq!(lines(&text, "posbridge_orders"), Vec::<String>::new());
    assert_eq!(lines(&text, "posbridge_ledger_readable"), ["posbridge_ledger_readable 0"]);
}
