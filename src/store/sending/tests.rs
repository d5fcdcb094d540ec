//! The queue of sending and what is remembered, on a ledger of its own.
#![allow(clippy::unwrap_used)] // A test that fails to unwrap has failed.

use super::*;
use crate::master_data::{FieldChange, Value};
use crate::model::{Model as _, Product};
use crate::problem::Side;
use crate::store::Filter;

fn ledger() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    (directory, store)
}

fn branch(code: &str) -> BranchCode {
    BranchCode::new(code).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_780_000_000 + second).unwrap()
}

fn item(kind: Kind, id: i64, price: &str) -> Item {
    let change = FieldChange {
        field: "list_price".to_owned(),
        label: "sales price".to_owned(),
        from: None,
        to: price.to_owned(),
        overwrites: false,
        before: None,
        after: Value::Text(price.to_owned()),
    };
    Item {
        kind,
        central_id: CentralId::new(id),
        branch_id: None,
        reference: format!("{kind} {id}"),
        external_id: format!("{}-{id}", kind.as_str()),
        action: Action::Create,
        changes: vec![change],
        problems: Vec::new(),
        chosen: true,
    }
}

fn busy() -> Problem {
    Problem::ServerBusy { side: Side::Branch(branch("tirana")), reason: "HTTP 503".to_owned() }
}

fn waits(reference: &str) -> Vec<Problem> {
    vec![Problem::WaitsForNeed { kind: Kind::Tax, reference: reference.to_owned() }]
}

fn refused() -> Vec<Problem> {
    vec![Problem::RefusedAtBranch { kind: Kind::Product, reference: "Tea".to_owned(), words: "No".to_owned() }]
}

/// Queues one product and says what became of it.
fn concluded(store: &Store, sending: Sending, unknown: Option<bool>) -> i64 {
    let code = branch("tirana");
    let item = item(Kind::Product, 1, "2");
    let row = store.enqueue(&code, std::slice::from_ref(&item), false, at(0)).unwrap()[0];
    store.conclude_sending(&code, &[SendConclusion { record: row, item, sending, unknown }], &[], &[], 5, at(1)).unwrap();
    row
}

fn queue(store: &Store) -> Vec<Queued> {
    store.queue(&branch("tirana")).unwrap()
}

fn attempts(store: &Store, record: i64) -> Vec<String> {
    store.show(record).unwrap().unwrap().2.into_iter().map(|attempt| attempt.message).collect()
}

/// What a product was sent as.
fn sent(branch_id: i64, chosen: bool) -> Remembered {
    let baseline = Baseline::from([("name".to_owned(), 7)]);
    let sent = Sent {
        branch_id: BranchId::new(branch_id),
        made: "2026-03-01 08:00:00".to_owned(),
        central_made: "2026-02-01 08:00:00".to_owned(),
        baseline,
        chosen,
    };
    Remembered { kind: Kind::Product, central_id: CentralId::new(1), sent }
}

/// Bytes of the ledger's files.
fn bytes(store: &Store) -> Vec<Vec<u8>> {
    ["posbridge.sqlite", "posbridge.sqlite-wal"]
        .iter()
        .map(|name| std::fs::read(store.directory().join(name)).unwrap_or_default())
        .collect()
}

#[test]
fn a_record_queued_twice_is_one_row_with_the_newer_content() {
    let (_directory, store) = ledger();
    let code = branch("tirana");
    let first = store.enqueue(&code, &[item(Kind::Product, 1, "2"), item(Kind::Tax, 1, "2")], false, at(0)).unwrap();
    let again = store.enqueue(&code, &[item(Kind::Product, 1, "3")], false, at(1)).unwrap();
    assert_eq!(again, first[..1]);
    let queue = queue(&store);
    assert_eq!(queue.iter().map(|row| row.item.clone()).collect::<Vec<_>>(), [item(Kind::Tax, 1, "2"), item(Kind::Product, 1, "3")]);
    assert!(queue.iter().all(|row| row.state == State::Pending && !row.by_hand && row.problems.is_empty()));
}

#[test]
fn rows_come_in_the_order_given_and_the_queue_in_the_order_of_need() {
    let (_directory, store) = ledger();
    let kinds = [Kind::Customer, Kind::Product, Kind::Unit, Kind::Pricelist, Kind::Tax];
    let items: Vec<Item> = kinds.iter().map(|kind| item(*kind, 1, "1")).collect();
    let rows = store.enqueue(&branch("tirana"), &items, false, at(0)).unwrap();
    let queue = queue(&store);
    let mut sorted = kinds;
    sorted.sort();
    assert_eq!(queue.iter().map(|row| row.item.kind).collect::<Vec<_>>(), sorted);
    for row in &queue {
        let place = kinds.iter().position(|kind| *kind == row.item.kind).unwrap();
        assert_eq!(rows[place], row.record);
    }
}

#[test]
fn branches_have_queues_of_their_own() {
    let (_directory, store) = ledger();
    let one = store.enqueue(&branch("tirana"), &[item(Kind::Product, 1, "2")], false, at(0)).unwrap();
    let other = store.enqueue(&branch("durres"), &[item(Kind::Product, 1, "3")], false, at(0)).unwrap();
    assert_ne!(one, other);
    assert_eq!(queue(&store)[0].item, item(Kind::Product, 1, "2"));
    store.remember_sent(&branch("durres"), &[sent(5, true)], &[], at(0)).unwrap();
    assert!(store.sent(&branch("tirana")).unwrap().is_empty());
}

#[test]
fn what_a_person_queued_stays_his_until_it_is_over() {
    let (_directory, store) = ledger();
    let code = branch("tirana");
    let of = |by_hand| store.enqueue(&code, &[item(Kind::Product, 1, "2")], by_hand, at(0)).unwrap()[0];
    let row = of(true);
    of(false);
    assert!(queue(&store)[0].by_hand, "a pass of the settings does not take it over");
    let done = SendConclusion { record: row, item: item(Kind::Product, 1, "2"), sending: Sending::Done, unknown: None };
    store.conclude_sending(&code, &[done], &[], &[], 5, at(1)).unwrap();
    assert!(queue(&store).is_empty());
    assert_eq!(of(false), row, "one row for its whole life");
    assert!(!queue(&store)[0].by_hand);
}

#[test]
fn done_leaves_the_queue_and_keeps_its_story() {
    let (_directory, store) = ledger();
    let row = concluded(&store, Sending::Done, Some(true));
    assert!(queue(&store).is_empty());
    let entry = &store.log(&Filter { ids: vec![row], ..Filter::default() }).unwrap()[0];
    assert_eq!((entry.state, entry.unknown, entry.problems.len()), (State::Done, false, 0));
    assert_eq!(attempts(&store, row), ["Created at the branch: sales price 2"]);
}

#[test]
fn held_and_failed_say_why() {
    for (sending, state, problems) in
        [(Sending::Held(waits("VAT")), State::Held, waits("VAT")), (Sending::Failed(refused()), State::Failed, refused())]
    {
        let (_directory, store) = ledger();
        let row = concluded(&store, sending, None);
        let [queued] = queue(&store).try_into().unwrap();
        assert_eq!((queued.record, queued.state, queued.attempts, queued.due_at), (row, state, 1, None));
        assert_eq!(queued.problems, problems);
        assert_eq!(attempts(&store, row), [problems[0].what()]);
    }
}

#[test]
fn what_goes_again_says_when_and_whether_it_may_have_gone() {
    let (_directory, store) = ledger();
    let row = concluded(&store, Sending::Again { problem: busy(), due_at: at(60) }, Some(true));
    let [queued] = queue(&store).try_into().unwrap();
    assert_eq!((queued.state, queued.attempts, queued.due_at), (State::Pending, 1, Some(at(60))));
    assert_eq!(queued.problems, [busy()]);
    assert!(store.log(&Filter { ids: vec![row], ..Filter::default() }).unwrap()[0].unknown);
}

#[test]
fn what_is_not_known_of_a_call_stays_so_until_a_call_says_it() {
    let unknown = |store: &Store, row| store.log(&Filter { ids: vec![row], ..Filter::default() }).unwrap()[0].unknown;
    for sending in [Sending::Failed(refused()), Sending::Held(waits("VAT")), Sending::Again { problem: busy(), due_at: at(60) }] {
        let (_directory, store) = ledger();
        let row = concluded(&store, sending.clone(), Some(true));
        assert!(unknown(&store, row) && queue(&store)[0].unknown, "{sending:?}");
        concluded(&store, sending.clone(), None);
        assert!(unknown(&store, row), "without a call nothing is learnt: {sending:?}");
        concluded(&store, sending.clone(), Some(false));
        assert!(!unknown(&store, row) && !queue(&store)[0].unknown, "{sending:?}");
    }
}

#[test]
fn what_stands_as_it_stood_is_not_told_again() {
    for sending in [Sending::Held(waits("VAT")), Sending::Failed(refused())] {
        let (_directory, store) = ledger();
        let row = concluded(&store, sending.clone(), None);
        let before = bytes(&store);
        let item = item(Kind::Product, 1, "2");
        let again = SendConclusion { record: row, item: item.clone(), sending: sending.clone(), unknown: None };
        store.conclude_sending(&branch("tirana"), std::slice::from_ref(&again), &[], &[], 5, at(9)).unwrap();
        assert!(bytes(&store) == before, "the ledger was written");
        assert_eq!(attempts(&store, row).len(), 1);
        // Other content, other problem: that is news.
        let changed = SendConclusion { item: super::tests::item(Kind::Product, 1, "3"), ..again.clone() };
        store.conclude_sending(&branch("tirana"), &[changed], &[], &[], 5, at(10)).unwrap();
        let other = SendConclusion { sending: Sending::Held(waits("Eco")), ..again };
        store.conclude_sending(&branch("tirana"), &[other], &[], &[], 5, at(11)).unwrap();
        assert_eq!(attempts(&store, row).len(), 3);
        assert_eq!(queue(&store)[0].problems, waits("Eco"));
    }
}

#[test]
fn what_a_person_ignored_stays_in_sight_and_comes_back_when_it_is_queued_anew() {
    let (_directory, store) = ledger();
    let row = concluded(&store, Sending::Failed(refused()), None);
    store.ignore(&Filter { ids: vec![row], ..Filter::default() }, "not here", at(2)).unwrap();
    let [ignored] = queue(&store).try_into().unwrap();
    assert_eq!((ignored.state, ignored.item), (State::Ignored, item(Kind::Product, 1, "2")), "with what he said no to");
    let again = store.enqueue(&branch("tirana"), &[item(Kind::Product, 1, "3")], false, at(3)).unwrap();
    assert_eq!(again, [row]);
    let [back] = queue(&store).try_into().unwrap();
    assert_eq!((back.state, back.item), (State::Pending, item(Kind::Product, 1, "3")));
}

#[test]
fn a_retry_makes_it_due_and_keeps_what_it_was_about() {
    let (_directory, store) = ledger();
    let row = concluded(&store, Sending::Failed(refused()), None);
    store.retry(&Filter { ids: vec![row], ..Filter::default() }, false, at(5)).unwrap();
    let [queued] = queue(&store).try_into().unwrap();
    assert_eq!((queued.state, queued.due_at, queued.problems), (State::Pending, Some(at(5)), refused()));
}

#[test]
fn what_is_sent_is_never_taken_for_an_order_and_no_order_for_it() {
    let (_directory, store) = ledger();
    let row = store.enqueue(&branch("tirana"), &[item(Kind::Product, 1, "2")], false, at(0)).unwrap()[0];
    assert!(store.due(&branch("tirana"), 0, None, 100).unwrap().is_empty());
    assert_eq!(queue(&store)[0].record, row);
}

#[test]
fn what_was_sent_is_remembered_and_a_choice_is_not_forgotten() {
    let (_directory, store) = ledger();
    let code = branch("tirana");
    let name = (Kind::Product, CentralId::new(1));
    store.remember_sent(&code, &[sent(5, true)], &[], at(0)).unwrap();
    assert_eq!(store.sent(&code).unwrap(), HashMap::from([(name, sent(5, true).sent)]));
    // It goes along with another now; that it was chosen once stays known.
    let mut other = sent(6, false);
    other.sent.baseline = Baseline::from([("name".to_owned(), 8)]);
    store.remember_sent(&code, std::slice::from_ref(&other), &[], at(1)).unwrap();
    assert_eq!(store.sent(&code).unwrap(), HashMap::from([(name, Sent { chosen: true, ..other.sent })]));
    store.forget_sent(&code, &[name]).unwrap();
    assert!(store.sent(&code).unwrap().is_empty());
}

#[test]
fn orders_find_what_was_sent_but_a_person_is_not_contradicted() {
    let (_directory, store) = ledger();
    let code = branch("tirana");
    let bindings = || -> Vec<(i64, i64, String, String)> {
        let sql = "SELECT branch_id, central_id, source, central_made FROM binding WHERE model = 'product.product' ORDER BY branch_id";
        store.read(|db| db.prepare(sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?.collect()).unwrap()
    };
    store
        .write(|db| {
            db.execute("INSERT INTO binding VALUES ('tirana', 'product.product', 12, 2, 'person', 0, 'then'), ('tirana', 'product.product', 13, 3, 'match', 0, 'then')", [])
        })
        .unwrap();
    store.remember_sent(&code, &[], &[(Product::NAME, 11, 1), (Product::NAME, 12, 9), (Product::NAME, 13, 9)], at(0)).unwrap();
    let row = |branch_id, central_id, source: &str, made: &str| (branch_id, central_id, source.to_owned(), made.to_owned());
    assert_eq!(bindings(), [row(11, 1, "match", ""), row(12, 2, "person", "then"), row(13, 9, "match", "")]);
}

#[test]
fn a_pair_that_a_person_made_counts_when_there_is_one_alone() {
    let (_directory, store) = ledger();
    let code = branch("tirana");
    store
        .write(|db| {
            db.execute(
                "INSERT INTO binding VALUES ('tirana', 'res.partner', 1, 7, 'person', 0, 'then'), ('tirana', 'res.partner', 2, 8, 'person', 0, ''),
                 ('tirana', 'res.partner', 3, 8, 'person', 0, ''), ('tirana', 'res.partner', 4, 9, 'match', 0, ''),
                 ('durres', 'res.partner', 5, 6, 'person', 0, ''), ('tirana', 'res.partner', 6, 10, 'person', 0, '')",
                [],
            )
        })
        .unwrap();
    let said = |central_id| store.bound_by_person(&code, "res.partner", central_id, "then").unwrap();
    assert_eq!([7, 8, 9, 6, 5, 10].map(said), [Some(1), None, None, None, None, Some(6)]);
    assert_eq!(store.bound_by_person(&code, "product.product", 7, "then").unwrap(), None);
    assert_eq!(store.bound_by_person(&code, "res.partner", 7, "later").unwrap(), None, "another customer has that number now");
}

#[test]
fn each_step_is_one_transaction_and_nothing_new_is_none() {
    let (_directory, store) = ledger();
    let code = branch("tirana");
    let mut last = store.commits();
    let mut cost = |store: &Store| {
        let now = store.commits();
        now - std::mem::replace(&mut last, now)
    };
    let items: Vec<Item> = (1..=50).map(|id| item(Kind::Product, id, "1")).collect();
    let rows = store.enqueue(&code, &items, false, at(0)).unwrap();
    assert_eq!(cost(&store), 1);
    let conclusions: Vec<SendConclusion> = rows
        .iter()
        .zip(&items)
        .map(|(row, item)| SendConclusion { record: *row, item: item.clone(), sending: Sending::Done, unknown: None })
        .collect();
    store.conclude_sending(&code, &conclusions, &[sent(5, true)], &[(Product::NAME, 5, 1)], 5, at(1)).unwrap();
    assert_eq!(cost(&store), 1);
    store.conclude_sending(&code, &[], &[], &[], 0, at(2)).unwrap();
    store.remember_sent(&code, &[], &[], at(2)).unwrap();
    store.forget_sent(&code, &[]).unwrap();
    store.queue(&code).unwrap();
    store.sent(&code).unwrap();
    assert_eq!(cost(&store), 0);
}

#[test]
fn a_step_that_fails_leaves_nothing_of_it() {
    let (_directory, store) = ledger();
    let code = branch("tirana");
    let row = store.enqueue(&code, &[item(Kind::Product, 1, "2")], false, at(0)).unwrap()[0];
    let done = |record| SendConclusion { record, item: item(Kind::Product, 1, "2"), sending: Sending::Done, unknown: None };
    // The second names a record that does not exist: its attempt cannot be kept.
    assert!(store.conclude_sending(&code, &[done(row), done(row + 100)], &[sent(5, true)], &[], 5, at(1)).is_err());
    assert_eq!(queue(&store)[0].state, State::Pending);
    assert!(store.sent(&code).unwrap().is_empty() && attempts(&store, row).is_empty());
}

#[test]
fn the_note_of_a_pass_is_about_one_place_and_costs_nothing_when_it_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let load = |place: &str| SendNote::<Vec<u8>>::load(directory.path(), "tirana", place);
    let fresh = load("here");
    assert_eq!((fresh.place.as_str(), fresh.cursor.as_deref(), fresh.whole_at), ("here", None, None));
    let note = SendNote { cursor: Some("2026-03-01 08:00:00".to_owned()), whole_at: Some(at(0)), shape: vec![1], ..fresh };
    note.save(directory.path(), "tirana");
    assert_eq!(load("here"), note);
    assert_eq!(load("there").cursor, None, "another database is another story");
    assert_eq!(SendNote::<Vec<u8>>::load(directory.path(), "durres", "here").cursor, None);
    std::fs::write(SendNote::<Vec<u8>>::file(directory.path(), "tirana"), "{\"place\":").unwrap();
    assert_eq!(load("here").cursor, None);
}
