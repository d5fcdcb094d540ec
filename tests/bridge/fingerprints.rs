//! What became of orders after they were received: changed at the branch, gone at central, gone at the branch.

use jiff::Timestamp;
use posbridge::demo::{Item, Mishap, RefundStyle, Sale, When};
use posbridge::store::{Entry, Filter, State};
use posbridge::sync::Request;

use crate::stage::Stage;

fn one(stage: &Stage, remote_id: i64) -> Entry {
    stage.log(Filter::default()).into_iter().find(|record| record.remote_id == remote_id).expect("received")
}

fn cause(record: &Entry) -> Vec<&'static str> {
    record.problems.iter().map(posbridge::problem::Problem::cause).collect()
}

fn what(record: &Entry) -> String {
    record.problems.iter().map(posbridge::problem::Problem::what).collect::<Vec<_>>().join(" ")
}

/// A pass that looks at the whole window, as one in each hour does.
async fn after_an_hour(stage: &Stage) {
    let config = stage.config();
    let (state, code) = (&config.state, &config.branches[0].code);
    let note = posbridge::store::LastPass::load(state, code).unwrap();
    let then = note.whole_window_at.unwrap() - jiff::SignedDuration::from_secs(3_700);
    posbridge::store::LastPass { whole_window_at: Some(then), ..note }.save(state, code);
    assert!(stage.receive().await.iter().all(|report| report.error.is_none()));
}

#[tokio::test]
async fn a_change_of_the_order_itself_is_told_field_by_field_and_a_look_ends_it_until_the_next() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    let id = branch.sell(Sale::new().line(Item::new("ART-0001").price("12.00")));
    stage.receive().await;
    branch.advance(5);
    branch.update("pos.order", id, [("general_customer_note", "by car".into()), ("account_move", 77.into())]).unwrap();
    stage.receive().await;
    let record = one(&stage, id);
    assert_eq!(cause(&record), ["order_changed"]);
    assert!(what(&record).contains("invoiced as ") && what(&record).contains("note none -> \"by car\""), "{}", what(&record));
    // Widened while nobody has looked.
    branch.advance(5);
    let customer = branch.find("res.partner", "ref", "C002").unwrap();
    branch.update("pos.order", id, [("partner_id", customer.id.into())]).unwrap();
    stage.receive().await;
    let record = one(&stage, id);
    assert!(what(&record).contains("by car") && what(&record).contains("customer nobody -> Customer 2"), "{}", what(&record));
    let this = Filter { ids: vec![record.id], ..Filter::default() };
    stage.store().ignore(&this, "seen", Timestamp::now()).unwrap();
    assert_eq!(cause(&one(&stage, id)), Vec::<&str>::new());
    // The next change alone.
    branch.advance(5);
    branch.update("pos.order", id, [("general_customer_note", "by foot".into())]).unwrap();
    stage.receive().await;
    let said = what(&one(&stage, id));
    assert!(said.contains("note \"by car\" -> \"by foot\"") && !said.contains("Customer 2"), "{said}");
}

#[tokio::test]
async fn a_payment_or_line_that_was_written_by_itself_is_found_within_the_hour() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    let orders = [0, 1].map(|_| branch.sell(Sale::new().line(Item::new("ART-0001").price("12.00"))));
    stage.receive().await;
    branch.advance(5);
    let card = branch.find("pos.payment.method", "name", "Card").unwrap();
    let payment = branch.record("pos.order", orders[0]).unwrap().ids("payment_ids")[0];
    branch.update("pos.payment", payment, [("payment_method_id", card.id.into())]).unwrap();
    let line = branch.record("pos.order", orders[1]).unwrap().ids("lines")[0];
    branch.update("pos.order.line", line, [("qty", 2.into())]).unwrap();
    let asked = stage.calls();
    stage.receive().await;
    assert_eq!(stage.calls() - asked, 2, "a frequent pass asks each side once and does not see it");
    assert_eq!(cause(&one(&stage, orders[0])), Vec::<&str>::new());
    after_an_hour(&stage).await;
    assert!(what(&one(&stage, orders[0])).contains("-> Card 1"), "{}", what(&one(&stage, orders[0])));
    assert!(what(&one(&stage, orders[1])).contains("quantity 1 -> 2"), "{}", what(&one(&stage, orders[1])));
    let asked = stage.calls();
    stage.receive().await;
    assert_eq!(stage.calls() - asked, 2);
}

#[tokio::test]
async fn a_refund_is_told_beside_the_order_that_it_gives_back() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    let id = branch.sell(Sale::new().line(Item::new("ART-0001").price("12.00")));
    stage.receive().await;
    branch.advance(5);
    let refund = branch.refund(id, RefundStyle::Till);
    stage.receive().await;
    let record = one(&stage, id);
    assert_eq!((record.state, cause(&record)), (State::Done, vec!["order_refunded"]));
    let order = branch.record("pos.order", refund).unwrap();
    let told = format!("by {}: {:.2}", order.text("pos_reference"), order.amount("amount_total"));
    assert!(told.contains(": -1") && what(&record).contains(&told), "{}", what(&record));
    let (_, _, story) = stage.store().show(record.id).unwrap().unwrap();
    assert!(story.iter().any(|attempt| attempt.outcome == "refunded"), "{story:?}");
    assert_eq!(stage.central.count("sale.order"), 2, "the refund is a draft of its own");
    assert_eq!(cause(&one(&stage, refund)), Vec::<&str>::new());
}

#[tokio::test]
async fn a_draft_that_somebody_deleted_is_noted_once_and_stays_deleted() {
    let stage = Stage::new(1).await;
    let orders = stage.branches[0].sell_random(8, 1);
    stage.receive().await;
    let deleted = one(&stage, orders[3]);
    stage.central.delete("sale.order", deleted.central_id.unwrap()).unwrap();
    stage.receive().await;
    let record = one(&stage, orders[3]);
    assert_eq!((record.state, cause(&record)), (State::Done, vec!["draft_deleted"]));
    assert_eq!(stage.store().branch_problems().unwrap(), []);
    let ledger = crate::stage::ledger_bytes(&stage);
    stage.receive().await;
    assert_eq!(crate::stage::ledger_bytes(&stage), ledger, "noted once");
    assert_eq!(stage.central.count("sale.order"), 7);
    // A person who has seen it ends the notice, and it does not come back.
    stage.store().ignore(&Filter { ids: vec![record.id], ..Filter::default() }, "on purpose", Timestamp::now()).unwrap();
    stage.receive().await;
    assert_eq!(cause(&one(&stage, orders[3])), Vec::<&str>::new());
}

#[tokio::test]
async fn a_central_that_went_back_in_time_is_told_once_and_only_what_vanished_is_written_again() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    branch.sell_random(6, 1);
    stage.receive().await;
    let backup = stage.central.with(|database| database.clone());
    branch.advance(60);
    let lost = branch.sell_random(70, 2);
    stage.receive().await;
    let central = stage.server.add(backup);
    stage.receive().await;
    let problems = stage.store().branch_problems().unwrap();
    assert_eq!(problems[0].1.cause(), "central_restored");
    assert!(problems[0].1.what().contains(&format!("{} drafts of this branch", lost.len())), "{}", problems[0].1.what());
    assert_eq!(central.count("sale.order"), 6, "nothing is written again by itself");
    let (ledger, asked) = (crate::stage::ledger_bytes(&stage), stage.calls());
    stage.receive().await;
    assert_eq!(crate::stage::ledger_bytes(&stage), ledger, "told once");
    assert_eq!(stage.calls() - asked, 2);
    // New sales go on as ever, under ids that vanished ones had.
    branch.advance(60);
    let new = branch.sell_random(3, 3);
    stage.receive().await;
    assert_eq!(central.count("sale.order"), 9);
    let lost_now = stage.log(Filter { cause: Some("draft_lost".to_owned()), ..Filter::default() });
    assert_eq!(lost_now.len(), lost.len());
    assert!(new.iter().all(|id| cause(&one(&stage, *id)).is_empty()));
    // One word of a person, and each is written once.
    let vanished = Filter { cause: Some("draft_lost".to_owned()), ..Filter::default() };
    for _ in 0..2 {
        stage.store().retry(&vanished, true, Timestamp::now()).unwrap();
        stage.run(Request { deliver_only: true, ..Request::default() }).await;
        assert_eq!(central.count("sale.order"), 9 + lost.len());
    }
    assert_eq!(stage.store().branch_problems().unwrap(), [], "the notice ends by itself");
    stage.receive().await;
    assert_eq!(stage.log(Filter { cause: Some("draft_lost".to_owned()), ..Filter::default() }).len(), 0);
    assert_eq!(central.count("sale.order"), 9 + lost.len());
}

#[tokio::test]
async fn a_central_whose_ids_belong_to_other_orders_now_was_restored_however_few_vanished() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    branch.sell_random(4, 1);
    stage.receive().await;
    let backup = stage.central.with(|database| database.clone());
    branch.advance(60);
    let lost = branch.sell_random(2, 2);
    stage.receive().await;
    let central = stage.server.add(backup);
    let partner = central.find("res.partner", "ref", "C001").unwrap();
    for _ in &lost {
        central.insert("sale.order", [("partner_id", partner.id.into())]).unwrap();
    }
    stage.receive().await;
    let problems = stage.store().branch_problems().unwrap();
    assert_eq!(problems[0].1.cause(), "central_restored");
    assert_eq!(stage.log(Filter { cause: Some("draft_lost".to_owned()), ..Filter::default() }).len(), lost.len());
}

#[tokio::test]
async fn many_newest_drafts_deleted_while_central_goes_on_are_deletions() {
    let stage = Stage::new(1).await;
    let orders = stage.branches[0].sell_random(12, 1);
    stage.receive().await;
    let partner = stage.central.find("res.partner", "ref", "C001").unwrap();
    stage.central.insert("sale.order", [("partner_id", partner.id.into())]).unwrap();
    for order in &orders[2..] {
        stage.central.delete("sale.order", one(&stage, *order).central_id.unwrap()).unwrap();
    }
    stage.receive().await;
    assert_eq!(stage.store().branch_problems().unwrap(), []);
    assert_eq!(stage.log(Filter { cause: Some("draft_deleted".to_owned()), ..Filter::default() }).len(), 10);
}

#[tokio::test]
async fn a_central_that_does_not_answer_the_look_is_no_failure_of_reading() {
    let stage = Stage::new(1).await;
    stage.branches[0].sell_random(3, 1);
    stage.receive().await;
    stage.server.inject(When::call("sale.order", "get_metadata").always(), Mishap::page(503, "away"));
    let reports = stage.receive().await;
    assert_eq!(reports[0].error, None);
    assert_eq!(stage.store().branch_problems().unwrap(), []);
}

#[tokio::test]
async fn a_branch_restored_long_after_its_last_sale_is_noticed_told_once_and_a_person_ends_it() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    branch.advance(-7_200);
    branch.sell_random(5, 1);
    let backup = branch.with(|database| database.clone());
    let lost = branch.sell_random(60, 2);
    branch.advance(7_200);
    stage.receive().await;
    // Far beyond the window that a pass looks at.
    let restored = stage.server.add(backup);
    restored.advance(7_200);
    stage.receive().await;
    let problems = stage.store().branch_problems().unwrap();
    assert_eq!(problems[0].1.cause(), "branch_restored");
    assert!(problems[0].1.what().contains(&format!("{} received orders are no longer there", lost.len())), "{}", problems[0].1.what());
    let code = stage.config().branches[0].code.clone();
    assert!(stage.store().end_notices(&code).unwrap());
    let (ledger, asked) = (crate::stage::ledger_bytes(&stage), stage.calls());
    stage.receive().await;
    assert_eq!(stage.store().branch_problems().unwrap(), [], "who has seen it is not told again");
    assert_eq!(crate::stage::ledger_bytes(&stage), ledger);
    assert_eq!(stage.calls() - asked, 2);
}

#[tokio::test]
async fn a_branch_and_a_central_that_both_went_back_are_both_told() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    branch.sell_random(6, 1);
    stage.receive().await;
    let (branch_backup, central_backup) = (branch.with(|database| database.clone()), stage.central.with(|database| database.clone()));
    branch.sell_random(20, 2);
    stage.receive().await;
    stage.server.add(branch_backup);
    stage.server.add(central_backup);
    stage.receive().await;
    let told = || stage.store().branch_problems().unwrap().iter().map(|(_, problem)| problem.cause()).collect::<Vec<_>>();
    assert_eq!(told(), ["branch_restored", "central_restored"]);
    // What ends the one leaves the other.
    let vanished = Filter { cause: Some("draft_lost".to_owned()), ..Filter::default() };
    stage.store().ignore(&vanished, "seen", Timestamp::now()).unwrap();
    assert_eq!(told(), ["branch_restored"]);
    assert!(stage.store().end_notices(&stage.config().branches[0].code).unwrap());
    assert_eq!(told(), Vec::<&str>::new());
}

#[tokio::test]
async fn a_draft_that_was_deleted_and_came_back_with_a_backup_of_central_is_no_longer_told_as_gone() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    let orders = branch.sell_random(8, 1);
    stage.receive().await;
    let backup = stage.central.with(|database| database.clone());
    let (deleted, quiet) = (one(&stage, orders[3]), one(&stage, orders[4]));
    for record in [&deleted, &quiet] {
        stage.central.delete("sale.order", record.central_id.unwrap()).unwrap();
    }
    stage.receive().await;
    assert_eq!((cause(&one(&stage, orders[3])), cause(&one(&stage, orders[4]))), (vec!["draft_deleted"], vec!["draft_deleted"]));
    stage.store().ignore(&Filter { ids: vec![quiet.id], ..Filter::default() }, "on purpose", Timestamp::now()).unwrap();
    // A change at the branch is told before it.
    branch.advance(5);
    branch.update("pos.order", orders[3], [("general_customer_note", "by car".into())]).unwrap();
    stage.receive().await;
    assert_eq!(cause(&one(&stage, orders[3])), ["order_changed", "draft_deleted"]);
    let central = stage.server.add(backup);
    stage.receive().await;
    let record = one(&stage, orders[3]);
    assert_eq!((record.state, cause(&record)), (State::Done, vec!["order_changed"]));
    let (_, _, story) = stage.store().show(record.id).unwrap().unwrap();
    assert_eq!(story.last().unwrap().message, format!("{} is at central again", deleted.central_name.as_deref().unwrap()));
    let (ledger, asked) = (crate::stage::ledger_bytes(&stage), stage.calls());
    stage.receive().await;
    assert_eq!(crate::stage::ledger_bytes(&stage), ledger, "noted once");
    assert_eq!(stage.calls() - asked, 2);
    // Deleted once more, it is told once more.
    central.delete("sale.order", deleted.central_id.unwrap()).unwrap();
    stage.receive().await;
    assert_eq!(cause(&one(&stage, orders[3])), ["draft_deleted", "order_changed"]);
}

#[tokio::test]
async fn a_central_that_got_the_wrong_backup_and_then_the_right_one_has_lost_nothing() {
    let stage = Stage::with(1, "rounding = { product = \"POS-ROUND\", limit = \"0.01\" }\n", |_| {}).await;
    let branch = &stage.branches[0];
    let older = stage.central.with(|database| database.clone());
    branch.sell_random(70, 2);
    let wrong = branch.sell(Sale::new().line(Item::new("ART-0001")).cash_rounding("0.04"));
    stage.receive().await;
    let (failed, newer) = (stage.failed().len(), stage.central.with(|database| database.clone()));
    assert_eq!(cause(&one(&stage, wrong)), ["total_differs"]);
    stage.server.add(older);
    stage.receive().await;
    let lost = Filter { cause: Some("draft_lost".to_owned()), ..Filter::default() };
    assert_eq!(stage.log(lost.clone()).len(), 71);
    assert_eq!(stage.store().branch_problems().unwrap().len(), 1);
    let central = stage.server.add(newer);
    stage.receive().await;
    assert_eq!((stage.log(lost).len(), stage.store().branch_problems().unwrap()), (0, vec![]), "however many they are");
    stage.receive().await;
    assert_eq!((stage.failed().len(), cause(&one(&stage, wrong))), (failed, vec!["total_differs"]), "what was wrong came back as well");
    assert_eq!(central.count("sale.order"), 71);
}
