//! Sessions of the stand-in: their money, and receipt numbers that are missing or only seem so.

use std::sync::Arc;

use jiff::civil::date;
use posbridge::demo::{Db, Item, Sale};
use posbridge::sync::sessions::{GapKind, SessionProof};
use posbridge::sync::{Bridge, prove_days};

use crate::stage::{Stage, amount};

/// A stage whose clock stands at ten in the morning of the day that is looked at.
async fn morning() -> (Stage, i64) {
    let stage = Stage::new(1).await;
    stage.branches[0].stop_clock("2026-11-10 10:00:00");
    let shop = stage.branches[0].find("pos.config", "name", "Shop b1").unwrap().id;
    stage.branches[0].close_sessions().unwrap();
    (stage, shop)
}

/// The sessions of a day, and how many calls to the branch that took.
async fn look(stage: &Stage) -> Vec<SessionProof> {
    let config = stage.config();
    let work = config.branches.iter().map(|branch| (branch.clone(), vec![date(2026, 11, 10)])).collect();
    let bridge = Arc::new(Bridge::open(config, "test").unwrap());
    let central = Arc::new(bridge.central().unwrap());
    prove_days(&bridge, &central, work).await.remove(0).sessions
}

async fn last(stage: &Stage) -> SessionProof {
    look(stage).await.pop().expect("a session")
}

/// Opens a session, an hour after the one before.
fn open(branch: &Db) -> i64 {
    branch.advance(3_600);
    branch.open_session("Shop b1").unwrap()
}

/// Sells under a number of a till.
fn sell(branch: &Db, shop: i64, till: &str, number: i64) -> i64 {
    branch.advance(1);
    branch.sell(Sale::new().line(Item::new("ART-0004").price("10")).pay("Cash", "10").reference(&receipt(till, shop, number)))
}

fn receipt(till: &str, shop: i64, number: i64) -> String {
    format!("26{till}-{shop}-{number:06}")
}

fn gaps(proof: &SessionProof) -> Vec<(GapKind, i64, i64)> {
    proof.gaps.iter().map(|gap| (gap.kind, gap.from, gap.to)).collect()
}

#[tokio::test]
async fn the_money_of_a_session_is_told_beside_its_orders() {
    let (stage, _) = morning().await;
    let branch = &stage.branches[0];
    let session = open(branch);
    branch.count_opening(session, "100").unwrap();
    branch.sell(Sale::new().line(Item::new("ART-0004").price("10")).pay("Cash", "12").change("2"));
    branch.sell(Sale::new().line(Item::new("ART-0004").price("15.50")).pay("Card", "15.50"));
    branch.move_cash(session, "20").unwrap();
    branch.move_cash(session, "-5").unwrap();
    let open = last(&stage).await;
    assert_eq!((open.closing, open.expected, open.difference, open.cash_moves), (None, None, None, None), "not counted yet");
    assert_eq!(open.findings, Vec::<String>::new());
    branch.close_session_counting(session, "122.50").unwrap();
    let proof = last(&stage).await;
    assert_eq!((proof.orders, proof.orders_total, proof.payments_total), (2, amount("25.50"), amount("25.50")));
    assert_eq!(proof.payments, [("Card".to_owned(), amount("15.50")), ("Cash".to_owned(), amount("10"))]);
    assert_eq!((proof.opening, proof.cash_moves, proof.expected), (amount("100"), Some(amount("15")), Some(amount("125"))));
    assert_eq!((proof.closing, proof.difference), (Some(amount("122.50")), Some(amount("-2.50"))));
    assert_eq!(proof.findings, ["The cash counted at closing is 2.50 less than it should be: 122.50 counted, 125.00 expected."]);
}

#[tokio::test]
async fn a_quiet_session_has_nothing_to_tell() {
    let (stage, _) = morning().await;
    let branch = &stage.branches[0];
    let session = open(branch);
    branch.count_opening(session, "50").unwrap();
    branch.sell_random(12, 4);
    branch.close_session(session).unwrap();
    let proof = last(&stage).await;
    assert_eq!((proof.findings.clone(), proof.gaps.clone(), proof.to_look_at()), (vec![], vec![], 0), "{proof:?}");
    assert_eq!(proof.orders_total, proof.payments_total);
}

#[tokio::test]
async fn a_payment_that_does_not_pay_its_order_is_named() {
    let (stage, shop) = morning().await;
    let branch = &stage.branches[0];
    let session = open(branch);
    let order = sell(branch, shop, "1", 1);
    let payment = branch.record("pos.order", order).unwrap().ids("payment_ids")[0];
    branch.update("pos.payment", payment, [("amount", 9.into())]).unwrap();
    branch.close_session(session).unwrap();
    let proof = last(&stage).await;
    assert_eq!(proof.findings, [format!("Totals and payments do not fit: {} of 10.00 was paid 9.00.", receipt("1", shop, 1))]);
}

#[tokio::test]
async fn a_number_that_never_arrived_is_told_from_cancelled_deleted_open_and_late_ones() {
    let (stage, shop) = morning().await;
    let branch = &stage.branches[0];
    let session = open(branch);
    for number in [1, 2, 4, 6, 8] {
        sell(branch, shop, "1", number); // 3 is cancelled, 5 deleted, 7 never arrives
        let draft = |number: i64| Sale::new().line(Item::new("ART-0004")).state("draft").reference(&receipt("1", shop, number));
        match number {
            2 => drop(branch.update("pos.order", branch.sell(draft(3)), [("state", "cancel".into())])),
            4 => branch.delete("pos.order", branch.sell(draft(5))).unwrap(),
            _ => {}
        }
    }
    // Another till counts for itself.
    sell(branch, shop, "2", 1);
    sell(branch, shop, "2", 2);
    let proof = last(&stage).await;
    assert_eq!(gaps(&proof), [(GapKind::Deleted, 5, 5)], "while it is open 7 may still stand at the till");
    branch.close_session(session).unwrap();
    let proof = last(&stage).await;
    assert_eq!(gaps(&proof), [(GapKind::Deleted, 5, 5), (GapKind::Awaited, 7, 7)]);
    assert_eq!((proof.cancelled.clone(), proof.to_look_at()), (vec![receipt("1", shop, 3)], 0));
    assert_eq!(proof.gaps[1].till, "Shop b1, till 1");

    // The till sells on and does not give 7 again: nobody will bring it any more.
    let next = open(branch);
    sell(branch, shop, "1", 9);
    let proofs = look(&stage).await;
    assert_eq!(gaps(&proofs[proofs.len() - 2]), [(GapKind::Deleted, 5, 5), (GapKind::NeverArrived, 7, 7)]);
    assert_eq!((gaps(&proofs[proofs.len() - 1]), proofs[proofs.len() - 2].to_look_at()), (vec![], 1));

    // It arrives after all, in another session: the gap is gone.
    sell(branch, shop, "1", 7);
    branch.close_session(next).unwrap();
    let proofs = look(&stage).await;
    assert!(proofs.iter().all(|proof| proof.gaps.iter().all(|gap| gap.kind == GapKind::Deleted)), "{proofs:?}");
}

#[tokio::test]
async fn a_number_of_an_order_that_is_still_open_or_of_another_session_is_not_missing() {
    let (stage, shop) = morning().await;
    let branch = &stage.branches[0];
    let first = open(branch);
    sell(branch, shop, "1", 1);
    branch.sell(Sale::new().line(Item::new("ART-0004")).state("draft").reference(&receipt("1", shop, 2)));
    sell(branch, shop, "1", 3);
    sell(branch, shop, "1", 5); // 4 is thrown away at the till, which gives it again
    branch.close_session(first).unwrap();
    open(branch);
    sell(branch, shop, "1", 4);
    sell(branch, shop, "1", 6);
    for proof in look(&stage).await {
        assert_eq!(gaps(&proof), []);
    }
}

#[tokio::test]
async fn receipts_of_older_odoos_and_of_other_shapes_are_left_alone() {
    let (stage, _) = morning().await;
    let branch = &stage.branches[0];
    let session = open(branch);
    for reference in ["Order 00012-001-0001", "Order 00012-001-0005", "x-1-000001", "26-1-000004", "261-99-000001", "261-99-000009"] {
        branch.sell(Sale::new().line(Item::new("ART-0004")).reference(reference));
    }
    branch.close_session(session).unwrap();
    assert_eq!(gaps(&last(&stage).await), []);
}

#[tokio::test]
async fn looking_at_sessions_costs_the_same_however_many_orders_there_are() {
    let (stage, _) = morning().await;
    let branch = &stage.branches[0];
    let mut costs = Vec::new();
    for round in 0..2 {
        let session = open(branch);
        branch.sell_random(60, round);
        branch.close_session(session).unwrap();
        stage.settle().await;
        let before = stage.server.calls("pos.session", "search_read")
            + stage.server.calls("pos.payment", "search_read")
            + stage.server.calls("pos.config", "read")
            + stage.server.calls("pos.payment.method", "read");
        look(&stage).await;
        let after = stage.server.calls("pos.session", "search_read")
            + stage.server.calls("pos.payment", "search_read")
            + stage.server.calls("pos.config", "read")
            + stage.server.calls("pos.payment.method", "read");
        costs.push(after - before);
    }
    assert_eq!(costs[0], costs[1]);
    assert!(costs[0] <= 6, "{costs:?}");
}
