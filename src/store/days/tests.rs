//! What days came to, and the orders of a day.

use jiff::civil::date;

use super::*;
use crate::config::Retention;

fn code(text: &str) -> BranchCode {
    BranchCode::new(text).unwrap()
}

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("state")).unwrap();
    (dir, store)
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn state(day: Date, verdict: &str, for_a_person: u64) -> DayState {
    DayState {
        branch: "tirana".into(),
        day,
        first_checked_at: Some(at("2026-11-21T03:30:00Z")),
        proved_at: None,
        verdict: verdict.into(),
        for_a_person,
        findings: 0,
        failed_at: None,
        error: None,
    }
}

#[test]
fn a_failed_look_leaves_what_was_proved_and_says_so() {
    let (_dir, store) = store();
    let (day, now) = (date(2026, 11, 20), at("2026-11-21T03:30:00Z"));
    store.put_day(&state(day, "equal", 0), "{}", &[], now).unwrap();
    assert!(store.day(&code("tirana"), day).unwrap().unwrap().is_settled());
    let later = at("2026-11-22T03:30:00Z");
    store.day_unproved(&code("tirana"), day, "does not answer", later).unwrap();
    let kept = store.day(&code("tirana"), day).unwrap().unwrap();
    assert_eq!((kept.verdict.as_str(), kept.proved_at, kept.failed_at), ("equal", Some(now), Some(later)));
    assert!(!kept.is_settled());
    assert_eq!(store.last_equal_days().unwrap(), [("tirana".to_owned(), day)]);
    // Looked at again, and the first look is remembered.
    let again = DayState { first_checked_at: Some(later), ..state(day, "differs", 3) };
    store.put_day(&again, "{}", &[], later).unwrap();
    let kept = store.day(&code("tirana"), day).unwrap().unwrap();
    assert_eq!((kept.first_checked_at, kept.failed_at, kept.for_a_person), (Some(now), None, 3));
    assert_eq!(store.days_for_a_person().unwrap(), [kept]);
    assert_eq!(store.last_equal_days().unwrap(), []);
    // One that was never proved.
    store.day_unproved(&code("tirana"), date(2026, 11, 21), "does not answer", later).unwrap();
    let never = store.day(&code("tirana"), date(2026, 11, 21)).unwrap().unwrap();
    assert_eq!((never.verdict.as_str(), never.proved_at), ("unproved", None));
}

#[test]
fn recent_days_are_given_and_older_ones_that_a_person_has_to_look_at() {
    let (_dir, store) = store();
    let now = at("2026-11-21T03:30:00Z");
    for (day, open) in [(1, 0), (2, 1), (18, 0), (19, 2)] {
        store.put_day(&state(date(2026, 11, day), if open > 0 { "differs" } else { "equal" }, open), "{}", &[], now).unwrap();
    }
    let days: Vec<i8> = store.days(&code("tirana"), date(2026, 11, 15)).unwrap().iter().map(|state| state.day.day()).collect();
    assert_eq!(days, [2, 18, 19]);
    assert_eq!(store.days(&code("durres"), date(2026, 11, 1)).unwrap(), []);
}

#[test]
fn the_orders_of_a_day_are_found_without_looking_at_the_others() {
    let (_dir, store) = store();
    let plan = |sql: &str| {
        let details = store.read(|db| {
            let mut query = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            query.query_map([], |row| row.get::<_, String>("detail"))?.collect::<rusqlite::Result<Vec<_>>>()
        });
        details.unwrap().join("; ")
    };
    let of_day = "SELECT id FROM record WHERE branch = 'x' AND direction = 'receive' AND date_order >= 'a' AND date_order < 'b'";
    assert!(plan(of_day).contains("record_day (branch=? AND date_order>? AND date_order<?)"), "{}", plan(of_day));
    // A thousand branches and four hundred days are told from the indexes, without reading the reports.
    for (sql, index) in [
        ("SELECT branch, max(day) FROM day WHERE verdict IN ('equal', 'explained') GROUP BY branch", "COVERING INDEX day_equal"),
        ("SELECT branch FROM day WHERE for_a_person > 0 ORDER BY branch, day", "day_for_a_person"),
        ("SELECT branch FROM day WHERE findings > 0 AND day >= 'x' ORDER BY branch, day", "day_findings"),
        ("SELECT 1 FROM day WHERE day < 'x'", "day_age"),
        ("SELECT 1 FROM session WHERE day < 'x'", "session_age"),
    ] {
        assert!(plan(sql).contains(index), "{sql}: {}", plan(sql));
    }
}

#[test]
fn days_and_sessions_go_with_the_attempts() {
    let (_dir, store) = store();
    let now = at("2026-11-21T03:30:00Z");
    let session = SessionRow { id: 4, day: date(2026, 11, 20), report: "{}".into() };
    store.put_day(&state(date(2026, 11, 20), "equal", 0), "{}", &[session], now).unwrap();
    let rows = |store: &Store| {
        store
            .read(|db| db.query_row("SELECT (SELECT count(*) FROM day) + (SELECT count(*) FROM session)", [], |row| row.get::<_, i64>(0)))
            .unwrap()
    };
    let days_later = |days: i64| now.checked_add(jiff::SignedDuration::from_hours(24 * days)).unwrap();
    store.clean(&Retention::default(), days_later(399)).unwrap();
    assert_eq!(rows(&store), 2);
    store.clean(&Retention::default(), days_later(402)).unwrap();
    assert_eq!(rows(&store), 0);
}
