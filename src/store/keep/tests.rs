//! Which sale is which, and what a branch may say about one that is known already.

use super::*;
use crate::model::CentralId;
use crate::store::ledger::Entry;
use crate::store::outcome::{Conclusion, Due, Verdict};
use crate::store::tests::order;

const UUID: &str = "0f3c7a52-79d8-44b6-ae0b-000000000007";
const OTHER_UUID: &str = "9b1d2c3e-79d8-44b6-ae0b-000000000008";
const HASH: &str = "d41d8cd98f00b204e9800998ecf8427e";
const OTHER_HASH: &str = "0cc175b9c0f1b6a831c399e269772661";

fn sale(order: i64, witness: &str, reference: &str, date_order: &str) -> SaleKey {
    SaleKey { order, witness: witness.to_owned(), reference: reference.to_owned(), date_order: date_order.to_owned() }
}

#[test]
fn two_uuids_tell_two_sales_apart_and_else_receipt_and_time_do() {
    let of = |witness| sale(7, witness, "2601-1-000007", "2026-11-20 13:37:01");
    // An upgrade gives a uuid, a restore takes it away again.
    for (one, other) in [(UUID, UUID), (HASH, HASH), (HASH, UUID), (UUID, HASH), (HASH, OTHER_HASH)] {
        assert!(of(one).is(&of(other)), "{one} and {other}");
    }
    assert!(!of(UUID).is(&of(OTHER_UUID)));
    // The same uuid is the same sale, whatever its receipt says now.
    assert!(of(UUID).is(&sale(7, UUID, "renamed", "2026-11-20 13:37:01")));
    for other in [
        sale(8, UUID, "2601-1-000007", "2026-11-20 13:37:01"),
        sale(8, HASH, "2601-1-000007", "2026-11-20 13:37:01"),
        sale(7, HASH, "2601-1-000008", "2026-11-20 13:37:01"),
        sale(7, HASH, "2601-1-000007", "2026-11-20 13:37:02"),
        sale(7, HASH, "2601-1-000008", "2026-11-20 13:37:02"),
    ] {
        assert!(!of(UUID).is(&other) && !other.is(&of(UUID)), "{other:?}");
    }
}

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn code(code: &str) -> BranchCode {
    BranchCode::new(code).unwrap()
}

fn open() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    (dir, store)
}

fn keep(store: &Store, orders: &[PosOrder]) -> Kept {
    store.keep(&code("tirana"), orders, &[], None, now()).unwrap()
}

fn due(store: &Store) -> Vec<Due> {
    store.due(&code("tirana"), 0, None, usize::MAX).unwrap()
}

fn conclude(store: &Store, record: i64, verdict: Verdict) {
    store.conclude(&[Conclusion { record, waited_for: None, verdict, judged: None }], 1, now()).unwrap();
}

fn entry(store: &Store, record: i64) -> Entry {
    store.show(record).unwrap().unwrap().0
}

fn done(id: i64) -> Verdict {
    Verdict::Done { id: CentralId::new(id), name: format!("S{id:05}"), adjusted: None }
}

fn failed(draft: Option<i64>, unknown: bool) -> Verdict {
    let draft = draft.map(|id| (CentralId::new(id), format!("S{id:05}")));
    Verdict::Failed { problems: vec![Problem::CustomerNotFound { name: "nobody".to_owned() }], draft, unknown }
}

fn noted(note: &str, order: PosOrder) -> PosOrder {
    PosOrder { general_customer_note: Some(note.to_owned()), ..order }
}

/// As the branch's Odoo gave it before orders had uuids.
fn without_uuid(order: PosOrder) -> PosOrder {
    PosOrder { uuid: None, ..order }
}

/// Another sale under the same id.
fn another(order: PosOrder) -> PosOrder {
    PosOrder { uuid: Some(OTHER_UUID.to_owned()), pos_reference: Some("another".to_owned()), ..order }
}

const NOTHING: Kept = Kept { new: 0, renewed: 0, changed: 0, reused_id: false };

#[test]
fn what_became_of_a_page_is_counted() {
    let (_dir, store) = open();
    assert_eq!(keep(&store, &[order(1), order(2)]), Kept { new: 2, ..NOTHING });
    assert_eq!(keep(&store, &[order(1), order(2)]), NOTHING);
    assert_eq!(keep(&store, &[noted("a", order(1)), noted("b", order(2))]), Kept { renewed: 2, ..NOTHING });
    for due in due(&store) {
        conclude(&store, due.record, done(due.record + 70));
    }
    assert_eq!(keep(&store, &[noted("c", order(1)), noted("d", order(2))]), Kept { changed: 2, ..NOTHING });
    assert_eq!(keep(&store, &[another(order(1)), order(3)]), Kept { new: 2, reused_id: true, ..NOTHING });
}

#[test]
fn an_order_that_gets_a_uuid_is_the_order_that_it_was() {
    let (_dir, store) = open();
    keep(&store, &[without_uuid(order(1)), without_uuid(order(2))]);
    let before = due(&store);
    assert_eq!(keep(&store, &[order(1)]), NOTHING);
    assert_eq!(keep(&store, &[noted("changed", order(2))]), Kept { renewed: 1, ..NOTHING });
    for (before, after) in before.iter().zip(due(&store)) {
        assert_eq!((after.record, after.known_as), (before.record, Some(before.order.witness())), "its external id stays");
    }
    assert_eq!(keep(&store, &[order(1), noted("changed", order(2))]), NOTHING, "known by the new one from now on");
    // Also when it was written already: nothing of it has changed.
    keep(&store, &[without_uuid(order(3))]);
    let record = due(&store)[2].record;
    conclude(&store, record, done(7));
    assert_eq!(keep(&store, &[order(3)]), NOTHING);
    assert_eq!(entry(&store, record).problems, []);
}

#[test]
fn another_receipt_time_or_total_under_the_same_id_is_another_order() {
    for other in [
        PosOrder { pos_reference: Some("R9".to_owned()), ..order(1) },
        PosOrder { date_order: "2026-11-20 11:00:01".to_owned(), ..order(1) },
        PosOrder { amount_total: "5.01".parse().unwrap(), ..order(1) },
    ] {
        let (_dir, store) = open();
        keep(&store, &[without_uuid(order(1))]);
        assert_eq!(keep(&store, &[other]), Kept { new: 1, reused_id: true, ..NOTHING });
        assert_eq!(due(&store).len(), 2);
    }
}

#[test]
fn numbers_of_which_the_ledger_knows_other_sales_only_were_given_again() {
    let (_dir, store) = open();
    keep(&store, &[order(1), order(2), order(3), another(order(3))]);
    let reused = |orders: &[PosOrder]| {
        let sales: Vec<SaleKey> = orders.iter().map(SaleKey::of).collect();
        store.reused_numbers(&code("tirana"), &sales).unwrap()
    };
    assert_eq!(reused(&[order(1), another(order(2)), order(3), another(order(3)), order(9)]), [2]);
    assert_eq!(store.reused_numbers(&code("durres"), &[SaleKey::of(&another(order(2)))]).unwrap(), [0; 0]);
}

#[test]
fn the_ledger_knows_how_far_a_branch_was_read() {
    let (_dir, store) = open();
    let tirana = code("tirana");
    assert_eq!((store.newest_orders(&tirana, 0, i64::MAX, 1).unwrap(), store.first_kept(&tirana).unwrap()), (vec![], None));
    let at = |id, write_date: &str| PosOrder { write_date: write_date.to_owned(), ..order(id) };
    keep(&store, &[at(3, "2026-11-20 11:00:00"), at(12, "2026-11-20 11:00:05"), at(9, "2026-11-20 11:00:09")]);
    assert_eq!((store.newest_orders(&tirana, 0, i64::MAX, 1).unwrap(), store.first_kept(&tirana).unwrap()), (vec![12], Some(now())));
    let window = |since, floor| store.window(&tirana, since, floor).unwrap().into_iter().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(window("2026-11-20 11:00:05", 0), [9, 12].into());
    assert_eq!(window("2026-11-20 11:00:00", 9), [12].into());
    let known = store.known(&tirana, 4, 12).unwrap();
    assert_eq!(known.len(), 2);
    assert_eq!((&known[&9][0].sale, known[&9][0].write_date.as_str()), (&SaleKey::of(&order(9)), "2026-11-20 11:00:09"));
}

#[test]
fn a_copy_of_a_branch_brings_orders_of_the_other_one() {
    let (_dir, store) = open();
    keep(&store, &[order(1)]);
    let twin = |branch: &str, orders: &[PosOrder]| store.twin(&code(branch), orders).unwrap();
    let of_tirana = |receipt: &str| Some(("tirana".to_owned(), receipt.to_owned()));
    assert_eq!(twin("durres", &[order(2), order(1)]), of_tirana("R1"));
    assert_eq!(twin("durres", &[order(2)]), None);
    assert_eq!(twin("tirana", &[order(1)]), None);
    // Without uuids one sale of several can be the same by chance, and only what is the same in all its content counts.
    let old = |id| PosOrder { uuid: None, ..order(id) };
    keep(&store, &[old(11), old(12)]);
    assert_eq!(twin("durres", &[old(11), old(13)]), None);
    assert_eq!(twin("durres", &[old(11), noted("else", old(12))]), None);
    assert_eq!(twin("durres", &[old(13), old(11), old(12)]), of_tirana("R11"));
    assert_eq!(twin("durres", &[old(11)]), of_tirana("R11"));
}

#[test]
fn another_witness_under_which_central_has_an_order_is_written_down() {
    let (_dir, store) = open();
    keep(&store, &[order(1), order(2)]);
    store.note_known_as(&[(due(&store)[1].record, HASH.to_owned())]).unwrap();
    let known_as: Vec<Option<String>> = due(&store).into_iter().map(|due| due.known_as).collect();
    assert_eq!(known_as, [None, Some(HASH.to_owned())]);
}

#[test]
fn a_change_after_an_order_was_written_is_told_once_and_widened() {
    let (_dir, store) = open();
    keep(&store, &[order(1)]);
    let record = due(&store)[0].record;
    conclude(&store, record, done(7));
    let told = |note: &str| {
        assert_eq!(keep(&store, &[noted(note, order(1))]), Kept { changed: 1, ..NOTHING });
        match entry(&store, record).problems.as_slice() {
            [Problem::OrderChanged { what }] => what.clone(),
            other => panic!("{other:?}"),
        }
    };
    let what = |from: &PosOrder, note: &str| what_changed(from, &noted(note, order(1)));
    assert_eq!(told("a"), what(&order(1), "a"));
    assert_eq!(told("b"), what(&order(1), "b"), "against what was written, until somebody has seen it");
    assert!(due(&store).is_empty(), "and what is done stays done");
}

#[test]
fn a_change_of_what_failed_goes_unless_there_is_a_draft() {
    // The draft, whether a call may have been carried out, and what becomes of a change.
    for (draft, unknown, kept, goes) in [
        (None, false, Kept { renewed: 1, ..NOTHING }, true),
        (None, true, Kept { renewed: 1, changed: 1, ..NOTHING }, true),
        (Some(7), false, Kept { changed: 1, ..NOTHING }, false),
        (Some(7), true, Kept { changed: 1, ..NOTHING }, false),
    ] {
        let (_dir, store) = open();
        keep(&store, &[order(1)]);
        let record = due(&store)[0].record;
        conclude(&store, record, failed(draft, unknown));
        assert_eq!(keep(&store, &[noted("changed", order(1))]), kept, "draft {draft:?}, in doubt: {unknown}");
        assert_eq!(!due(&store).is_empty(), goes, "draft {draft:?}, in doubt: {unknown}");
        assert!(due(&store).iter().all(|due| due.order == noted("changed", order(1))));
        // What it failed for is what a person has to read.
        assert_eq!(entry(&store, record).problems[0].cause(), "customer_not_found");
    }
}

#[test]
fn an_order_that_is_given_back_says_so_once_it_is_at_central() {
    let (_dir, store) = open();
    keep(&store, &[order(1), order(2)]);
    let records: Vec<i64> = due(&store).iter().map(|due| due.record).collect();
    conclude(&store, records[0], done(7));
    let refund =
        |id, of: i64| PosOrder { refunded_order_id: Some((of, format!("R{of}")).into()), amount_total: "-5".parse().unwrap(), ..order(id) };
    keep(&store, &[refund(3, 1), refund(4, 2)]);
    let told = entry(&store, records[0]).problems;
    assert_eq!(told, [Problem::OrderRefunded { by: "R3".to_owned(), amount: "-5.00".parse().unwrap() }]);
    assert_eq!(entry(&store, records[1]).problems, []);
}
