//! Reading a branch whose orders do not come in the order of their ids or times, and a branch that is not what it was.

use jiff::Timestamp;
use posbridge::demo::{Item, Mishap, Sale, When};
use posbridge::store::{Filter, LastPass, State};
use posbridge::sync::Request;

use crate::stage::Stage;

#[tokio::test]
async fn an_order_that_commits_after_the_cursor_passed_it_is_still_received() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    let late = branch.begin(Sale::new().line(Item::new("ART-0001")));
    branch.advance(60);
    branch.sell_random(5, 1);
    branch.advance(60);
    assert_eq!(stage.receive().await[0].delivered, 5);
    branch.sell_random(2, 2);
    assert_eq!(stage.receive().await[0].delivered, 2);
    late.commit();
    assert_eq!(stage.receive().await[0].delivered, 1);
    stage.assert_exactly_once();
}

#[tokio::test]
async fn a_draft_of_long_ago_that_is_paid_now_is_received() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    let draft = branch.sell(Sale::new().line(Item::new("ART-0001")).state("draft"));
    branch.sell_history(30, 3, 60);
    stage.receive().await;
    branch.advance(7_200);
    branch.update("pos.order", draft, [("state", "paid".into())]).unwrap();
    assert_eq!(stage.receive().await[0].delivered, 1);
    stage.assert_exactly_once();
}

#[tokio::test]
async fn a_draft_of_long_ago_is_received_also_when_newer_orders_moved_the_cursor_on_since_it_was_paid() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    branch.advance(-7_200);
    let draft = branch.sell(Sale::new().line(Item::new("ART-0001")).state("draft"));
    branch.sell_history(2_100, 3, 1);
    stage.receive().await;
    branch.advance(300);
    branch.update("pos.order", draft, [("state", "paid".into())]).unwrap();
    // Passes between two whole windows look at high ids only, and find something each time.
    for seed in 0..3 {
        branch.advance(900);
        branch.sell_random(1, seed);
        assert_eq!(stage.receive().await[0].delivered, 1);
    }
    let config = stage.config();
    let (state, code) = (&config.state, &config.branches[0].code);
    let note = LastPass::load(state, code).unwrap();
    let an_hour_ago = note.whole_window_at.unwrap() - jiff::SignedDuration::from_secs(3_700);
    LastPass { whole_window_at: Some(an_hour_ago), ..note }.save(state, code);
    assert_eq!(stage.receive().await[0].delivered, 1, "the draft that was paid");
    stage.assert_exactly_once();
}

#[tokio::test]
async fn orders_of_one_second_are_all_read_over_the_borders_of_pages() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    branch.stop_clock("2026-11-20 12:00:00");
    branch.sell_history(1_250, 3, 0);
    stage.receive().await;
    assert_eq!(stage.central.count("sale.order"), branch.count("pos.order"));
    stage.assert_exactly_once();
}

#[tokio::test]
async fn a_pass_that_breaks_off_goes_on_where_it_stopped() {
    let stage = Stage::new(1).await;
    stage.branches[0].sell_history(900, 3, 10);
    stage.server.inject(
        When::call("pos.order.line", "search_read").nth(3).always(),
        Mishap::fault(4, "You are not allowed to access 'Point of Sale Order Lines' (pos.order.line) records."),
    );
    let report = &stage.receive().await[0];
    assert_eq!(report.cause.as_deref(), Some("right_missing"));
    assert!(report.new >= 200 && report.delivered == report.new, "{report:?}");
    stage.server.clear_mishaps();
    let before = stage.server.calls("pos.order.line", "search_read");
    stage.receive().await;
    stage.assert_exactly_once();
    assert!(stage.server.calls("pos.order.line", "search_read") - before <= 4, "what was kept is not read again");
}

#[tokio::test]
async fn a_branch_with_a_wrong_clock_loses_nothing() {
    for offset in [-86_400, 86_400] {
        let stage = Stage::new(1).await;
        let branch = &stage.branches[0];
        branch.clock_offset(offset);
        branch.sell_random(5, 1);
        stage.receive().await;
        branch.sell_random(5, 2);
        stage.receive().await;
        stage.assert_exactly_once();
    }
}

#[tokio::test]
async fn an_order_changed_before_it_is_written_is_written_as_it_is_now() {
    let stage = Stage::with(1, "", |branch| branch.products = 41).await;
    let branch = &stage.branches[0];
    let id = branch.sell(Sale::new().line(Item::new("ART-0041")));
    stage.receive().await;
    assert_eq!(stage.failed().len(), 1);
    let line = branch.record("pos.order", id).unwrap().ids("lines")[0];
    let other = branch.find("product.product", "default_code", "ART-0001").unwrap();
    branch.advance(5);
    branch.update("pos.order.line", line, [("product_id", other.id.into())]).unwrap();
    branch.update("pos.order", id, [("general_customer_note", "exchanged".into())]).unwrap();
    stage.receive().await;
    stage.assert_exactly_once();
}

#[tokio::test]
async fn an_order_changed_after_it_was_written_is_flagged_and_its_draft_untouched() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    let id = branch.sell(Sale::new().line(Item::new("ART-0001")));
    stage.receive().await;
    let before = stage.central.sale_orders()[0].order.text("write_date");
    let customer = branch.find("res.partner", "ref", "C002").unwrap();
    branch.advance(5);
    branch.update("pos.order", id, [("partner_id", customer.id.into())]).unwrap();
    let report = &stage.receive().await[0];
    assert_eq!((report.read, report.delivered), (1, 0));
    let record = &stage.log(Filter::default())[0];
    assert_eq!((record.state, record.problems[0].cause()), (State::Done, "order_changed"));
    assert!(record.problems[0].what().contains("Customer 2"), "{}", record.problems[0].what());
    assert_eq!(stage.central.sale_orders()[0].order.text("write_date"), before);
    assert_eq!(stage.receive().await[0].read, 0, "said once");
    let id = Filter { ids: vec![record.id], ..Filter::default() };
    stage.store().ignore(&id, "corrected by hand", Timestamp::now()).unwrap();
    let record = &stage.log(Filter::default())[0];
    assert_eq!((record.state, record.problems.len()), (State::Done, 0), "a person ends the notice");
}

#[tokio::test]
async fn the_close_of_a_session_changes_nothing() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    branch.sell_random(20, 1);
    stage.receive().await;
    branch.advance(3_600);
    branch.close_session(branch.session("Shop b1").unwrap()).unwrap();
    let report = &stage.receive().await[0];
    assert_eq!((report.read, report.new, report.delivered), (20, 0, 0));
    assert!(stage.log(Filter::default()).iter().all(|record| record.problems.is_empty()));
    assert_eq!(stage.receive().await[0].read, 0);
}

#[tokio::test]
async fn a_restored_branch_is_noticed_and_both_sales_are_kept() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    branch.sell_random(5, 1);
    stage.receive().await;
    let backup = branch.with(|database| database.clone());
    branch.advance(60);
    let lost = branch.sell_random(4, 2);
    stage.receive().await;
    assert_eq!(stage.central.count("sale.order"), 9);
    let restored = stage.server.add(backup);
    restored.advance(120);
    stage.receive().await;
    let problems = stage.store().branch_problems().unwrap();
    assert_eq!(problems[0].1.cause(), "branch_restored");
    let again = restored.sell_random(4, 99);
    assert_eq!(again, lost, "the ids are used again");
    for id in again {
        restored.update("pos.order", id, [("uuid", format!("another-till-{id}").into())]).unwrap();
    }
    let report = &stage.receive().await[0];
    assert_eq!((report.new, report.delivered), (4, 4), "{report:?}");
    assert_eq!(stage.central.count("sale.order"), 13);
}

#[tokio::test]
async fn a_copy_of_a_branch_is_refused_and_doubles_nothing() {
    let stage = Stage::new(2).await;
    stage.branches[0].sell_random(6, 1);
    stage.receive().await;
    let mut copy = stage.branches[0].with(|database| database.clone());
    copy.name = "b2".to_owned();
    stage.server.add(copy);
    let reports = stage.receive().await;
    assert_eq!(reports[1].cause.as_deref(), Some("branch_cloned"));
    assert_eq!(stage.central.count("sale.order"), 6);
}

#[tokio::test]
async fn a_pass_from_a_day_looks_at_all_of_it_and_writes_nothing_twice() {
    let stage = Stage::new(1).await;
    stage.branches[0].sell_random(6, 1);
    stage.receive().await;
    let from = "2020-01-01".parse().unwrap();
    let report = &stage.run(Request { from: Some(from), now: true, ..Request::default() }).await[0];
    assert_eq!((report.new, report.delivered), (0, 0));
    stage.assert_exactly_once();
}
