//! A ledger that goes back in time.

use std::collections::BTreeSet;

use jiff::Timestamp;
use posbridge::demo::{Item, Sale};
use posbridge::store::{Filter, Lock, State, Store, restore};

use crate::stage::Stage;

/// Stops, puts a backup back, as `posbridge restore` does.
fn put_back(stage: &Stage, file: &std::path::Path) {
    let state = stage.config().state;
    let lock = Lock::alone(&state, "restore").unwrap();
    restore(&lock, &state, file, Timestamp::now()).unwrap();
}

#[tokio::test]
async fn an_old_backup_doubles_nothing_and_loses_nothing() {
    let stage = Stage::new(2).await;
    for branch in &stage.branches {
        branch.sell_random(40, 7);
    }
    // One that is paid long after, with the low number that it has from now on.
    let late = stage.branches[0].sell(Sale::new().line(Item::new("ART-0001")).state("draft"));
    stage.branches[0].sell_history(2_100, 9, 30);
    stage.settle().await;
    let in_backup = stage.drafts().len();
    let file = stage.directory.path().join("backup.sqlite");
    stage.store().backup(&file).unwrap();
    for branch in &stage.branches {
        branch.sell_random(40, 8);
    }
    stage.settle().await;
    stage.assert_exactly_once();
    let before = stage.drafts();
    // Below the bound that a frequent pass looks above: the first pass after a restore has to look at everything.
    stage.branches[0].update("pos.order", late, [("state", "paid".into())]).unwrap();

    put_back(&stage, &file);
    assert_eq!(stage.log(Filter::default()).len(), in_backup, "as it was");
    stage.settle().await;
    stage.assert_exactly_once();
    let after = stage.drafts();
    assert_eq!(after.len(), before.len() + 1);
    assert!(before.iter().all(|(xid, draft)| after[xid].order.id == draft.order.id), "each draft is the one that it was");
    assert_eq!(stage.log(Filter { state: Some(State::Done), ..Filter::default() }).len(), after.len());
    stage.store().check_sound().unwrap();

    // And once more, in the middle of things.
    stage.branches[1].sell_random(5, 10);
    put_back(&stage, &file);
    stage.settle().await;
    stage.assert_exactly_once();
}

#[tokio::test]
async fn what_was_deleted_at_central_before_the_backup_stays_deleted_and_after_it_comes_back() {
    let stage = Stage::new(1).await;
    stage.branches[0].sell_random(10, 7);
    stage.settle().await;
    let earlier = stage.drafts().into_iter().next().unwrap();
    let known: BTreeSet<String> = stage.drafts().into_keys().collect();
    let file = stage.directory.path().join("backup.sqlite");
    stage.store().backup(&file).unwrap();
    stage.branches[0].sell_random(10, 8);
    stage.settle().await;
    let later = stage.drafts().into_iter().find(|(xid, _)| !known.contains(xid)).unwrap();
    for (_, draft) in [&earlier, &later] {
        stage.central.delete("sale.order", draft.order.id).unwrap();
    }
    put_back(&stage, &file);
    stage.settle().await;
    let drafts = stage.drafts();
    assert!(!drafts.contains_key(&earlier.0), "the backup knows that it was done");
    // The backup does not know it, and central has forgotten it.
    assert_eq!(drafts[&later.0].total(), later.1.total());
    assert_eq!(drafts.len(), 19);
}

#[tokio::test]
async fn a_draft_that_was_written_again_before_an_older_ledger_was_put_back_is_told_as_gone_and_found_when_asked_for() {
    let stage = Stage::new(1).await;
    stage.branches[0].sell_random(2, 1);
    stage.receive().await;
    let backup = stage.directory.path().join("backup.sqlite");
    stage.store().backup(&backup).unwrap();
    let first = stage.log(Filter::default()).pop().unwrap();
    stage.central.delete("sale.order", first.central_id.unwrap()).unwrap();
    let named = Filter { ids: vec![first.id], ..Filter::default() };
    stage.store().retry(&named, true, Timestamp::now()).unwrap();
    stage.receive().await;
    let again = stage.log(named.clone()).pop().unwrap().central_id;
    assert!(again.is_some() && again != first.central_id);

    put_back(&stage, &backup);
    stage.receive().await;
    let told = stage.log(named.clone()).pop().unwrap();
    assert_eq!((told.central_id, told.problems[0].cause()), (first.central_id, "draft_deleted"));
    stage.store().retry(&named, true, Timestamp::now()).unwrap();
    stage.receive().await;
    let found = stage.log(named).pop().unwrap();
    assert_eq!((found.central_id, found.problems.len()), (again, 0));
    stage.assert_exactly_once();
}

#[tokio::test]
async fn a_damaged_ledger_is_restored_and_goes_on() {
    let stage = Stage::new(1).await;
    stage.branches[0].sell_random(30, 7);
    stage.settle().await;
    let file = stage.directory.path().join("backup.sqlite");
    stage.store().backup(&file).unwrap();
    stage.branches[0].sell_random(30, 8);
    stage.settle().await;
    let ledger = stage.config().state.join("posbridge.sqlite");
    std::fs::write(&ledger, "").unwrap();
    let refused = Store::open(&stage.config().state).map(drop).unwrap_err().to_string();
    assert!(refused.contains("posbridge restore FILE"), "{refused}");
    put_back(&stage, &file);
    stage.settle().await;
    stage.assert_exactly_once();
}

#[tokio::test]
async fn orders_that_are_forgotten_are_received_again_and_not_written_again() {
    let stage = Stage::new(1).await;
    stage.branches[0].sell_random(30, 7);
    stage.settle().await;
    let before = stage.drafts();
    let far = Timestamp::now().checked_add(jiff::SignedDuration::from_hours(24 * 500)).unwrap();
    let cleaned = stage.store().clean(&stage.config().retention, far).unwrap();
    assert_eq!((cleaned.payloads, cleaned.more), (30, false));
    // The branch gives all of it again.
    let from = Some("2020-01-01".parse().unwrap());
    let reports = stage.run(posbridge::sync::Request { now: true, from, ..Default::default() }).await;
    assert!(reports[0].error.is_none() && reports[0].new == 0, "{reports:?}");
    stage.settle().await;
    stage.assert_exactly_once();
    assert!(before.iter().all(|(xid, draft)| stage.drafts()[xid].order.id == draft.order.id));
}
