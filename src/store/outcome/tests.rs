//! What is due, in what portions, and what may go after a try.

use jiff::SignedDuration;

use super::*;
use crate::store::ledger::State;
use crate::store::tests::order;

const NOON: &str = "2026-11-20T12:00:00Z";

fn noon() -> Timestamp {
    NOON.parse().unwrap()
}

fn code() -> BranchCode {
    BranchCode::new("tirana").unwrap()
}

fn changed(id: i64) -> PosOrder {
    PosOrder { general_customer_note: Some("changed".to_owned()), ..order(id) }
}

/// A ledger with so many orders, and their records.
fn ledger(orders: i64) -> (tempfile::TempDir, Store, Vec<Due>) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    store.keep(&code(), &(1..=orders).map(order).collect::<Vec<_>>(), &[], None, noon()).unwrap();
    let due = store.due(&code(), 0, None, usize::MAX).unwrap();
    assert_eq!(due.len() as i64, orders);
    (dir, store, due)
}

fn problem(name: &str) -> Problem {
    Problem::CustomerNotFound { name: name.to_owned() }
}

fn conclude(store: &Store, due: &Due, verdict: Verdict, judged: bool) -> usize {
    let judged = judged.then(|| due.content.clone());
    let conclusion = Conclusion { record: due.record, waited_for: due.waits_for.clone(), verdict, judged };
    store.conclude(&[conclusion], 1, noon()).unwrap()
}

fn failed(name: &str, unknown: bool) -> Verdict {
    Verdict::Failed { problems: vec![problem(name)], draft: None, unknown }
}

fn done(id: i64) -> Verdict {
    Verdict::Done { id: CentralId::new(id), name: format!("S{id:05}"), adjusted: None }
}

#[test]
fn a_batch_has_so_many_rows_and_one_order_at_least() {
    let (_dir, store, due) = ledger(4);
    let orders = |rows| store.due(&code(), 0, None, rows).unwrap().len();
    assert_eq!([1, 2, 3, 4, 5, 6, 8, 100].map(orders), [1, 1, 1, 2, 2, 3, 4, 4]);
    let rest = store.due(&code(), due[1].record, None, 100).unwrap();
    assert_eq!(rest.iter().map(|due| due.record).collect::<Vec<_>>(), [due[2].record, due[3].record]);
}

#[test]
fn what_is_put_off_waits_for_its_time_but_not_for_a_clock_that_went_back() {
    let (_dir, store, due) = ledger(1);
    let hours = |hours| SignedDuration::from_hours(hours);
    let due_at = noon() + hours(2);
    let again = Verdict::Again { problem: problem("nobody"), due_at, unknown: false };
    conclude(&store, &due[0], again, false);
    let is_due = |now| !store.due(&code(), 0, Some(now), 100).unwrap().is_empty();
    let second = SignedDuration::from_secs(1);
    assert!(!is_due(noon()) && !is_due(due_at - second) && is_due(due_at), "two hours");
    assert!(is_due(noon() - second) && is_due(noon() - hours(24)), "nothing is put off for longer");
    assert!(store.due(&code(), 0, None, 100).unwrap().len() == 1, "a person asked");
}

#[test]
fn an_order_was_tried_if_central_may_have_been_given_it() {
    let (_dir, _store, due) = ledger(1);
    let tried = |unknown, attempts| Due { unknown, attempts, ..due[0].clone() }.tried();
    assert_eq!([tried(false, 0), tried(true, 0), tried(false, 1), tried(true, 1)], [false, true, true, true]);
}

#[test]
fn one_fix_releases_all_that_wait_for_the_same() {
    let (_dir, store, due) = ledger(5);
    for due in &due[..3] {
        assert_eq!(conclude(&store, due, failed("nobody", false), true), 0);
    }
    assert_eq!(conclude(&store, &due[3], failed("somebody else", false), true), 0);
    let waiting = Due { waits_for: Some(problem("nobody").key()), ..due[4].clone() };
    // Still not there, or nothing learnt: they go on waiting.
    assert_eq!(conclude(&store, &waiting, failed("nobody", false), false), 0);
    let again = Verdict::Again { problem: problem("nobody"), due_at: noon(), unknown: false };
    assert_eq!(conclude(&store, &waiting, again, false), 0);
    assert_eq!(conclude(&store, &waiting, done(7), false), 3);
    let released: Vec<i64> = store.due(&code(), 0, None, 100).unwrap().iter().map(|due| due.record).collect();
    assert_eq!(released, due[..3].iter().map(|due| due.record).collect::<Vec<_>>());
}

#[test]
fn a_verdict_about_older_content_is_dropped_and_the_order_judged_anew() {
    let (_dir, store, due) = ledger(2);
    store.keep(&code(), &[changed(1), changed(2)], &[], None, noon()).unwrap();
    let verdicts = due.iter().map(|due| Conclusion {
        record: due.record,
        waited_for: None,
        verdict: failed("nobody", false),
        judged: Some(due.content.clone()),
    });
    assert_eq!(store.conclude(&verdicts.collect::<Vec<_>>(), 1, noon()).unwrap(), 2);
    let anew = store.due(&code(), 0, None, 100).unwrap();
    assert!(anew.len() == 2 && anew.iter().all(|due| due.attempts == 0 && due.order.general_customer_note.is_some()), "{anew:?}");
}

#[test]
fn only_what_still_waits_as_it_was_is_sent() {
    let (_dir, store, due) = ledger(3);
    conclude(&store, &due[0], done(7), false);
    store.keep(&code(), &[changed(2)], &[], None, noon()).unwrap();
    let wanted: Vec<(i64, String)> = due.iter().map(|due| (due.record, due.content.clone())).collect();
    assert_eq!(store.intend(&wanted).unwrap(), HashSet::from([due[2].record]));
    let doubts: Vec<bool> = store.due(&code(), 0, None, 100).unwrap().iter().map(|due| due.unknown).collect();
    assert_eq!(doubts, [false, true], "what is sent may be written from now on");
}

#[test]
fn the_newer_content_of_an_order_in_doubt_goes_when_the_older_one_cannot() {
    let (_dir, store, due) = ledger(2);
    let wanted: Vec<(i64, String)> = due.iter().map(|due| (due.record, due.content.clone())).collect();
    store.intend(&wanted).unwrap();
    // The first one changes while its answer is lost, the second one does not.
    let kept = store.keep(&code(), &[changed(1)], &[], None, noon()).unwrap();
    assert_eq!((kept.new, kept.renewed, kept.changed), (0, 0, 1));
    assert_eq!(store.due(&code(), 0, None, 100).unwrap()[0].order, due[0].order, "the same call is repeated");
    assert_eq!(conclude(&store, &due[1], failed("somebody else", true), false), 0);
    assert_eq!(conclude(&store, &due[0], failed("nobody", true), false), 1);
    let goes = store.due(&code(), 0, None, 100).unwrap();
    assert_eq!(goes.iter().map(|due| (due.record, due.unknown)).collect::<Vec<_>>(), [(due[0].record, true)]);
    assert_eq!(goes[0].order, changed(1));
    // Another change, while it waits as the newer one: it is the newest that goes.
    let newest = PosOrder { general_customer_note: Some("changed again".to_owned()), ..order(1) };
    let kept = store.keep(&code(), std::slice::from_ref(&newest), &[], None, noon()).unwrap();
    assert_eq!((kept.renewed, kept.changed), (1, 1));
    assert_eq!(store.due(&code(), 0, None, 100).unwrap()[0].order, newest);
    // Written as it is said to be, the change is told beside it.
    assert_eq!(conclude(&store, &goes[0], done(7), false), 0);
    let (entry, ..) = store.show(due[0].record).unwrap().unwrap();
    assert_eq!((entry.state, entry.problems[0].cause()), (State::Done, "order_changed"));
}
