//! Orders left out as invoiced (`invoiced = "skip"`): what the campaign found about them.

use jiff::{SignedDuration, Timestamp};
use posbridge::demo::{Branch, Item, Mishap, Sale, When};
use posbridge::model::BranchCode;
use posbridge::problem::Problem;
use posbridge::store::{Filter, State};

use crate::stage::{Stage, ledger_bytes, pass_at};

#[tokio::test]
async fn an_order_that_was_left_out_as_invoiced_comes_when_its_branch_was_put_back_to_before_the_invoice() {
    let stage = Stage::with(1, "invoiced = \"skip\"\n", |_: &mut Branch| {}).await;
    let branch = &stage.branches[0];
    let [skipped, ignored] = ["ART-0001", "ART-0002"].map(|article| branch.sell(Sale::new().line(Item::new(article))));
    let image = branch.image();
    branch.advance(5);
    for order in [skipped, ignored] {
        branch.update("pos.order", order, [("account_move", 99.into()), ("state", "done".into())]).unwrap();
    }
    stage.receive().await;
    let records = stage.log(Filter { state: Some(State::Ignored), ..Filter::default() });
    assert_eq!(records.iter().map(|record| record.problems[0].cause()).collect::<Vec<_>>(), ["invoiced_skipped"; 2]);
    // Of one a person says besides that it is not wanted.
    let ids: Vec<i64> = records.iter().filter(|record| record.remote_id == ignored).map(|record| record.id).collect();
    let of_one = Filter { ids, ..Filter::default() };
    stage.store().retry(&of_one, false, Timestamp::now()).unwrap();
    assert_eq!(stage.store().ignore(&of_one, "entered by hand", Timestamp::now()).unwrap().len(), 1);
    branch.put_back(image);
    assert_eq!(stage.receive().await[0].delivered, 1);
    assert_eq!(stage.receive().await[0].delivered, 0);
    let states: Vec<(i64, State)> = stage.log(Filter::default()).iter().map(|record| (record.remote_id, record.state)).collect();
    assert!(states.contains(&(skipped, State::Done)) && states.contains(&(ignored, State::Ignored)), "{states:?}");
}

#[tokio::test]
async fn an_order_that_was_left_out_as_invoiced_comes_however_long_ago_it_was_sold() {
    let stage = Stage::with(1, "invoiced = \"skip\"\n", |_: &mut Branch| {}).await;
    let branch = &stage.branches[0];
    branch.stop_clock("2026-11-20 08:00:00");
    let skipped = branch.sell(Sale::new().line(Item::new("ART-0001")));
    let image = branch.image();
    branch.stop_clock("2026-11-20 08:05:00");
    branch.update("pos.order", skipped, [("account_move", 99.into()), ("state", "done".into())]).unwrap();
    assert_eq!(pass_at(&stage, "2026-11-20T08:10:00Z".parse().unwrap()).await.delivered, 0);
    branch.stop_clock("2026-11-20 12:00:00");
    branch.sell_history(60, 1, 1); // it is not among the newest any more
    let noon: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
    assert_eq!(pass_at(&stage, noon).await.delivered, 60);
    branch.put_back(image);
    branch.stop_clock("2026-11-20 14:00:00");
    assert_eq!(pass_at(&stage, noon + SignedDuration::from_hours(2)).await.delivered, 1, "written six hours ago");
    assert_eq!(stage.log(Filter { state: Some(State::Ignored), ..Filter::default() }).len(), 0);
}

#[tokio::test]
async fn an_order_whose_deleted_draft_was_asked_for_and_left_out_as_invoiced_comes_when_its_branch_knows_no_invoice() {
    let stage = Stage::with(1, "invoiced = \"skip\"\n", |_: &mut Branch| {}).await;
    let branch = &stage.branches[0];
    let order = branch.sell(Sale::new().line(Item::new("ART-0001")));
    let image = branch.image();
    stage.receive().await;
    branch.advance(5);
    branch.update("pos.order", order, [("account_move", 99.into()), ("state", "done".into())]).unwrap();
    stage.central.delete("sale.order", stage.central.sale_orders()[0].order.id).unwrap();
    stage.receive().await;
    let this = Filter { ids: vec![stage.log(Filter::default())[0].id], ..Filter::default() };
    stage.store().retry(&this, true, Timestamp::now()).unwrap();
    stage.receive().await;
    assert_eq!(stage.log(Filter::default())[0].state, State::Ignored, "the branch has invoiced it");
    branch.put_back(image);
    assert_eq!(stage.receive().await[0].delivered, 1);
    let record = &stage.log(Filter::default())[0];
    assert_eq!((record.state, record.central_id), (State::Done, Some(stage.central.sale_orders()[0].order.id)));
    assert_eq!(stage.receive().await[0].delivered, 0);
}

#[tokio::test]
async fn an_open_order_with_the_number_of_one_that_was_left_out_as_invoiced_is_told_once_and_costs_no_look_a_write() {
    let stage = Stage::with(1, "invoiced = \"skip\"\n", |_: &mut Branch| {}).await;
    let branch = &stage.branches[0];
    branch.stop_clock("2026-11-20 08:00:00");
    branch.sell(Sale::new().line(Item::new("ART-0001")));
    let image = branch.image();
    let skipped = branch.sell(Sale::new().line(Item::new("ART-0002")).invoiced(99));
    assert_eq!(pass_at(&stage, "2026-11-20T08:10:00Z".parse().unwrap()).await.delivered, 1);
    branch.put_back(image);
    branch.stop_clock("2026-11-20 12:00:00");
    assert_eq!(branch.open_order(&["ART-0003"]), skipped, "the number is given again");
    let branch_at = |hour: i8| {
        branch.stop_clock(&format!("2026-11-20 {hour}:00:00"));
        format!("2026-11-20T{hour}:00:00Z").parse().unwrap()
    };
    pass_at(&stage, branch_at(13)).await;
    assert_eq!(stage.store().branch_problems().unwrap()[0].1.cause(), "branch_restored");
    stage.store().end_notices(&BranchCode::new("b1").unwrap()).unwrap();
    // At each hourly look the till has just written the open order's lines, and at last no more.
    for hour in [15, 17] {
        let lines = branch.records("pos.order.line").into_iter().filter(|line| line.link("order_id") == Some(skipped));
        let lines: Vec<i64> = lines.map(|line| line.id).collect();
        let now = branch_at(hour);
        lines.iter().for_each(|line| branch.update("pos.order.line", *line, [("customer_note", hour.to_string().into())]).unwrap());
        pass_at(&stage, now).await;
        assert_eq!(stage.store().branch_problems().unwrap(), [], "told once");
    }
    pass_at(&stage, branch_at(19)).await;
    let (writes, ledger) = (stage.writes(), ledger_bytes(&stage));
    let report = pass_at(&stage, branch_at(21)).await;
    assert_eq!((report.read, report.error), (0, None));
    assert_eq!(stage.writes(), writes);
    assert!(ledger_bytes(&stage) == ledger, "the ledger was written");
}

#[tokio::test]
async fn an_order_that_may_be_at_central_is_not_left_out_as_invoiced_before_that_is_known() {
    // The setting became another one while the answer was lost.
    let stage = Stage::new(1).await;
    stage.branches[0].sell(Sale::new().line(Item::new("ART-0001")).invoiced(77));
    stage.server.inject(When::call("sale.order", "load").always(), Mishap::drop_after());
    assert_eq!(stage.receive().await[0].pending, 1, "written, and nobody knows");
    stage.server.clear_mishaps();
    let skip = "invoiced = \"skip\"\n";
    stage.write_settings(&["b1".to_owned()], skip);
    stage.branches[0].sell(Sale::new().line(Item::new("ART-0002")).invoiced(78));
    assert_eq!(stage.receive().await[0].delivered, 1, "what is there is known; what was never sent is left out");
    assert_eq!(stage.log(Filter { state: Some(State::Ignored), ..Filter::default() }).len(), 1);
    assert_eq!(stage.central.count("sale.order"), 1);
    // The branch invoiced it while it had failed in doubt.
    let stage = Stage::with(1, skip, |_: &mut Branch| {}).await;
    let branch = &stage.branches[0];
    let id = branch.sell(Sale::new().line(Item::new("ART-0001")));
    stage.server.inject(When::call("sale.order", "load").times(1), Mishap::drop_after());
    stage.server.inject(When::call("sale.order", "load").always(), Mishap::fault(2, "not like this"));
    stage.receive().await;
    stage.server.clear_mishaps();
    assert!(stage.failed()[0].unknown);
    branch.advance(5);
    branch.update("pos.order", id, [("account_move", 99.into()), ("state", "done".into())]).unwrap();
    assert_eq!(stage.receive().await[0].delivered, 1);
    let record = &stage.log(Filter::default())[0];
    assert_eq!((record.state, record.unknown), (State::Done, false));
    assert_eq!(record.problems.first().map(Problem::cause), Some("order_changed"), "with its invoice");
    stage.assert_exactly_once();
}

#[tokio::test]
async fn what_was_left_out_as_invoiced_comes_by_one_command_when_the_setting_is_another() {
    let stage = Stage::with(1, "invoiced = \"skip\"\n", |_: &mut Branch| {}).await;
    for article in ["ART-0001", "ART-0002", "ART-0003"] {
        stage.branches[0].sell(Sale::new().line(Item::new(article)).invoiced(77));
    }
    stage.receive().await;
    let ids: Vec<i64> = stage.log(Filter { state: Some(State::Ignored), ..Filter::default() }).iter().map(|record| record.id).collect();
    assert_eq!(ids.len(), 3);
    let left_out = Filter { cause: Some("invoiced_skipped".to_owned()), ..Filter::default() };
    assert_eq!(stage.store().retry(&left_out, false, Timestamp::now()).unwrap().len(), 3);
    stage.receive().await;
    assert_eq!(stage.log(Filter { state: Some(State::Ignored), ..Filter::default() }).len(), 3, "as long as the setting says so");
    // One of them a person has entered by hand.
    let by_hand = Filter { ids: vec![ids[0]], ..Filter::default() };
    stage.store().retry(&by_hand, false, Timestamp::now()).unwrap();
    stage.store().ignore(&by_hand, "entered by hand", Timestamp::now()).unwrap();
    stage.write_settings(&["b1".to_owned()], "invoiced = \"mark\"\n");
    assert_eq!(stage.receive().await[0].delivered, 0, "what was accounted for otherwise does not come by itself");
    assert!(stage.store().retry(&Filter::default(), false, Timestamp::now()).unwrap().is_empty());
    assert_eq!(stage.store().retry(&left_out, false, Timestamp::now()).unwrap().len(), 2);
    assert_eq!(stage.receive().await[0].delivered, 2);
    assert_eq!(stage.central.count("sale.order"), 2);
}
