//! Days held against central: what is planted is found, and nothing else; what it costs.

use std::sync::Arc;

use jiff::civil::{Date, date};
use posbridge::demo::{Item, Sale};
use posbridge::reconcile::{Finding, Needs, Verdict};
use posbridge::store::{Filter, State};
use posbridge::sync::{BranchProof, Bridge, Request, prove_days};

use crate::stage::{Stage, amount};

/// The day on which the stage sells.
const DAY: Date = date(2026, 11, 10);

/// A stage that sold so many orders on [`DAY`], received them, and closed its sessions.
async fn sold(branches: usize, orders: usize, settings: &str) -> Stage {
    let stage = Stage::with(branches, settings, |_| {}).await;
    stage.central.stop_clock("2026-11-10 12:00:00");
    for branch in &stage.branches {
        branch.stop_clock("2026-11-10 12:00:00");
        sell(&stage, orders);
        branch.stop_clock("2026-11-11 06:00:00");
        branch.close_sessions().unwrap();
    }
    stage.settle().await;
    stage
}

fn sell(stage: &Stage, orders: usize) {
    for branch in &stage.branches {
        for n in 0..orders {
            branch.advance(1);
            let price = (n + 1).to_string();
            branch.sell(Sale::new().line(Item::new("ART-0004").price(&price)).pay("Cash", &price));
        }
    }
}

async fn look(stage: &Stage, days: &[Date]) -> Vec<BranchProof> {
    let config = stage.config();
    let work = config.branches.iter().map(|branch| (branch.clone(), days.to_vec())).collect();
    let bridge = Arc::new(Bridge::open(config, "test").unwrap());
    let central = Arc::new(bridge.central().unwrap());
    let proofs = prove_days(&bridge, &central, work).await;
    central.remember(&bridge).unwrap();
    proofs
}

async fn look_at(stage: &Stage, day: Date) -> BranchProof {
    look(stage, &[day]).await.remove(0)
}

/// All findings, sorted, with the orders' ids at the branch.
fn found(proof: &BranchProof) -> Vec<(Finding, Option<i64>)> {
    let lists = [&proof.missing, &proof.extra, &proof.different];
    let mut found: Vec<_> = lists.into_iter().flatten().map(|entry| (entry.finding, entry.order)).collect();
    found.sort();
    found
}

#[tokio::test]
async fn a_day_on_which_nothing_happened_to_the_orders_is_equal() {
    let stage = sold(2, 7, "").await;
    let (writes, drafts) = (stage.writes(), stage.drafts().len());
    for proof in look(&stage, &[DAY]).await {
        assert_eq!(found(&proof), []);
        assert!(proof.proved, "{proof:?}");
        assert_eq!((proof.branch_orders, proof.received, proof.central_orders), (7, 7, 7));
        assert_eq!((proof.branch_total, proof.central_total), (Some(amount("28")), Some(amount("28"))));
        assert_eq!(proof.late, []);
    }
    assert_eq!((stage.writes(), stage.drafts().len()), (writes, drafts), "neither Odoo is written");
    let days = stage.store().last_equal_days().unwrap();
    assert_eq!(days, [("b1".to_owned(), DAY), ("b2".to_owned(), DAY)]);
    // The day before there was nothing, and that is known.
    let before = look_at(&stage, date(2026, 11, 9)).await;
    assert!(before.proved && before.branch_orders == 0);
}

#[tokio::test]
async fn everything_that_was_planted_is_found_and_nothing_else() {
    let stage = sold(1, 12, "").await;
    let (branch, central) = (&stage.branches[0], &stage.central);
    let mut drafts: Vec<_> = stage.drafts().into_values().collect();
    drafts.sort_by_key(|draft| draft.order.id);
    let of = |n: usize| drafts[n].order.id;
    let order = |n: usize| drafts[n].xid.as_deref().unwrap().split('-').nth(1).unwrap().parse::<i64>().unwrap();

    // At central: deleted, edited, cancelled, confirmed, re-dated and renamed.
    central.delete("sale.order", of(0)).unwrap();
    let line = drafts[1].lines[0].id;
    central.update("sale.order.line", line, [("price_unit", amount("99").into())]).unwrap();
    central.cancel(of(2)).unwrap();
    central.confirm(of(3)).unwrap();
    central.update("sale.order", of(4), [("date_order", "2026-11-20 10:00:00".into()), ("client_order_ref", "by hand".into())]).unwrap();
    // A sales order of somebody who copied the reference.
    let customer = drafts[5].order.link("partner_id").unwrap();
    let reference = drafts[5].order.text("client_order_ref");
    let values = [("partner_id", customer.into()), ("client_order_ref", reference.into()), ("date_order", "2026-11-10 15:00:00".into())];
    let foreign = central.insert("sale.order", values).unwrap();
    // An order that no pass met: committed long ago, below every window.
    branch.stop_clock("2026-11-10 13:00:00");
    let missed = branch.sell(Sale::new().line(Item::new("ART-0004").price("5")).pay("Cash", "5"));
    branch.close_sessions().unwrap();
    branch.stop_clock("2026-11-12 06:00:00");

    let proof = look_at(&stage, DAY).await;
    let mut planted = vec![
        (Finding::Deleted, Some(order(0))),
        (Finding::Edited, Some(order(1))),
        (Finding::Cancelled, Some(order(2))),
        (Finding::Foreign, None),
        (Finding::NotReceived, Some(missed)),
    ];
    planted.sort();
    assert_eq!(found(&proof), planted, "{proof:#?}");
    assert_eq!(proof.extra[0].central_id, Some(foreign));
    assert_eq!(proof.days[0].verdict, Verdict::Differs);
    assert_eq!(proof.days[0].central_states.get("sale"), Some(&1), "a confirmed order stays recognised");
    assert!(!proof.proved);

    // The missed one is in the ledger now and goes; what people did stays until it is decided.
    stage.settle().await;
    let proof = look_at(&stage, DAY).await;
    planted.retain(|(finding, _)| *finding != Finding::NotReceived);
    assert_eq!(found(&proof), planted);
    assert_eq!(proof.late, [], "the look that took it in was the first");
    // One that comes to the bridge after the day was compared is late.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    branch.stop_clock("2026-11-10 13:30:00");
    let late = branch.sell(Sale::new().line(Item::new("ART-0004").price("6")).pay("Cash", "6"));
    branch.close_sessions().unwrap();
    branch.stop_clock("2026-11-12 06:00:00");
    stage.run(Request { now: true, from: Some(DAY), ..Request::default() }).await;
    let proof = look_at(&stage, DAY).await;
    assert_eq!(found(&proof), planted);
    assert_eq!(proof.late.iter().map(|entry| entry.order).collect::<Vec<_>>(), [Some(late)]);
    assert_eq!(stage.store().days_for_a_person().unwrap()[0].for_a_person, 4);
    let records: Vec<i64> = proof.missing.iter().chain(&proof.different).filter_map(|entry| entry.record).collect();
    stage.store().ignore(&Filter { ids: records, ..Filter::default() }, "as agreed", jiff::Timestamp::now()).unwrap();
    central.delete("sale.order", foreign).unwrap();
    let proof = look_at(&stage, DAY).await;
    assert_eq!(proof.days[0].verdict, Verdict::Explained, "{proof:#?}");
    assert!(proof.missing.iter().chain(&proof.different).all(|entry| entry.needs == Needs::Nothing));
    assert_eq!(stage.store().days_for_a_person().unwrap(), []);
}

#[tokio::test]
async fn waiting_failed_and_ignored_orders_are_told_apart() {
    let stage = sold(1, 3, "").await;
    let branch = &stage.branches[0];
    branch.stop_clock("2026-11-10 14:00:00");
    let product = branch.find("product.product", "default_code", "ART-0002").unwrap().id;
    branch
        .update("product.product", product, [("default_code", "NEW-1".into()), ("barcode", "999".into()), ("name", "New".into())])
        .unwrap();
    let failing: Vec<i64> = (0..2).map(|_| branch.sell(Sale::new().line(Item::new("NEW-1").price("10")).pay("Cash", "10"))).collect();
    stage.run(Request { now: true, from: Some(DAY), ..Request::default() }).await;
    let failed = stage.failed();
    assert_eq!(failed.len(), 2);
    let ignored = failed.iter().find(|entry| entry.remote_id == failing[0]).unwrap();
    stage.store().ignore(&Filter { ids: vec![ignored.id], ..Filter::default() }, "test sale", jiff::Timestamp::now()).unwrap();
    branch.close_sessions().unwrap();
    branch.stop_clock("2026-11-12 06:00:00");
    let proof = look_at(&stage, DAY).await;
    assert_eq!(found(&proof), [(Finding::Failed, Some(failing[1])), (Finding::Ignored, Some(failing[0]))]);
    assert!(proof.missing.iter().any(|entry| entry.message.contains("test sale")));
    assert_eq!((proof.failed, proof.ignored, proof.branch_orders, proof.central_orders), (1, 1, 5, 3));
}

#[tokio::test]
async fn a_draft_of_a_lost_ledger_is_listed_when_its_order_is_left_out_as_invoiced_since() {
    let stage = sold(1, 3, "invoiced = \"skip\"\n").await;
    let branch = &stage.branches[0];
    let order = branch.records("pos.order")[0].id;
    branch.update("pos.order", order, [("account_move", 99.into()), ("state", "done".into())]).unwrap();
    std::fs::remove_dir_all(stage.config().state).unwrap();
    stage.seal();
    let report = stage.receive().await.remove(0);
    assert_eq!((report.new, report.delivered, stage.drafts().len()), (3, 2, 3));
    branch.stop_clock("2026-11-12 06:00:00");
    let proof = look_at(&stage, DAY).await;
    let mut planted = [(Finding::Ignored, Some(order)), (Finding::UnknownDraft, Some(order))];
    planted.sort();
    assert_eq!((found(&proof), proof.days[0].verdict), (planted.to_vec(), Verdict::Differs), "{proof:#?}");
    // Central does as it is told.
    stage.central.cancel(proof.extra[0].central_id.unwrap()).unwrap();
    let proof = look_at(&stage, DAY).await;
    assert_eq!((found(&proof), proof.days[0].verdict), (vec![(Finding::Ignored, Some(order))], Verdict::Explained));
}

#[tokio::test]
async fn a_day_with_an_open_session_is_not_over_and_a_silent_side_is_not_equal() {
    let stage = sold(1, 3, "").await;
    let shop = stage.branches[0].records("pos.config")[0].text("name");
    stage.branches[0].stop_clock("2026-11-10 20:00:00");
    let session = stage.branches[0].open_session(&shop).unwrap();
    let proof = look_at(&stage, DAY).await;
    assert_eq!((proof.days[0].verdict, proof.proved), (Verdict::NotOver, false));
    stage.branches[0].close_session(session).unwrap();
    assert!(look_at(&stage, DAY).await.proved);

    // Central goes away: what was proved stays known, with its date.
    stage.central.set_password("bridge", "another");
    let proof = look_at(&stage, DAY).await;
    assert_eq!((proof.days[0].verdict, proof.proved), (Verdict::Unproved, false));
    assert!(proof.error.is_some() && proof.days[0].error.is_some());
    let state = stage.store().day(&"b1".to_owned().try_into().unwrap(), DAY).unwrap().unwrap();
    assert_eq!(state.verdict, "equal");
    assert!(state.failed_at.is_some() && state.error.is_some() && !state.is_settled());
}

#[tokio::test]
async fn a_day_costs_what_the_day_was_long() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    branch.stop_clock("2026-11-09 20:00:00");
    branch.sell_history(3_000, 5, 60);
    branch.stop_clock("2026-11-10 12:00:00");
    sell(&stage, 40);
    branch.stop_clock("2026-11-11 06:00:00");
    branch.close_sessions().unwrap();
    stage.settle().await;
    let before = stage.calls();
    let proof = look_at(&stage, DAY).await;
    assert!(proof.proved && proof.branch_orders == 40, "{proof:?}");
    let calls = stage.calls() - before;
    assert!(calls <= 5, "{calls} calls for a day of 40 orders after 3,000 others");
    assert_eq!(stage.log(Filter { state: Some(State::Done), ..Filter::default() }).len(), 3_040);
}
