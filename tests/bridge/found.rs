//! What the campaign (tests/campaign) found: each was a real fault once.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use posbridge::clock::Clock;
use posbridge::demo::{Branch, Item, Mishap, Sale, When};
use posbridge::model::BranchCode;
use posbridge::problem::Problem;
use posbridge::store::{Conclusion, Filter, State, Verdict};
use posbridge::sync::{Bridge, Request};

use crate::stage::{Stage, run};

#[tokio::test]
async fn a_change_between_the_call_that_writes_and_its_proof_is_told() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    let id = branch.sell(Sale::new().line(Item::new("ART-0001")));
    stage.server.inject(When::call("sale.order", "read").always(), Mishap::drop_before());
    assert_eq!(stage.receive().await[0].pending, 1, "written, and not proved");
    branch.advance(5);
    branch.update("pos.order", id, [("general_customer_note", "changed".into())]).unwrap();
    stage.server.clear_mishaps();
    assert_eq!(stage.receive().await[0].delivered, 1);
    let record = &stage.log(Filter::default())[0];
    assert_eq!((record.state, record.problems.first().map(Problem::cause)), (State::Done, Some("order_changed")));
    assert!(stage.central.sale_orders()[0].lines.iter().all(|line| !line.text("name").contains("changed")), "the draft is as it was");
}

#[tokio::test]
async fn what_was_judged_before_the_branch_changed_it_is_judged_anew() {
    let stage = Stage::new(1).await;
    stage.branches[0].sell(Sale::new().line(Item::new("ART-0001")));
    stage.run(Request { receive_only: true, ..Request::default() }).await;
    let (store, code, now) = (stage.store(), BranchCode::new("b1").unwrap(), Timestamp::now());
    let due = store.due(&code, 0, None, 100).unwrap().remove(0);
    let mut newer = due.order.clone();
    newer.general_customer_note = Some("changed".to_owned());
    assert_eq!(store.keep(&code, &[newer], &[], None, now).unwrap().renewed, 1);
    assert!(store.intend_orders(&[(due.record, due.content.clone())]).unwrap().is_empty(), "the older content is not written");
    let problem = Problem::CustomerNotFound { name: "nobody".to_owned() };
    let verdict = Verdict::Failed { problems: vec![problem], draft: None };
    let conclusion = Conclusion { record: due.record, waited_for: None, verdict, judged: Some(due.content.clone()) };
    assert_eq!(store.conclude(&[conclusion], 1, now).unwrap(), 1, "may go now");
    let newest = store.due(&code, 0, None, 100).unwrap().remove(0);
    assert_eq!(newest.order.general_customer_note.as_deref(), Some("changed"));
    assert_eq!(store.intend_orders(&[(newest.record, newest.content)]).unwrap().len(), 1);
}

#[tokio::test]
async fn an_invoiced_order_comes_with_its_closed_session_however_long_ago_it_was_written() {
    let stage = Stage::with(1, "receive = \"closed\"\n", |branch: &mut Branch| branch.more_shops = vec!["Kiosk".to_owned()]).await;
    let branch = &stage.branches[0];
    branch.sell(Sale::new().line(Item::new("ART-0001")).invoiced(77));
    branch.advance(3_600);
    branch.sell(Sale::new().line(Item::new("ART-0002")).shop("Kiosk"));
    branch.close_session(branch.session("Kiosk").unwrap()).unwrap();
    assert_eq!(stage.receive().await[0].delivered, 1, "the cursor moves on");
    branch.advance(3_600);
    // The closing writes the orders that are paid, not those that are invoiced.
    branch.close_session(branch.session("Shop b1").unwrap()).unwrap();
    assert_eq!(stage.receive().await[0].delivered, 1);
    stage.assert_exactly_once();
}

#[tokio::test]
async fn a_branch_whose_sessions_have_to_be_closed_is_read_again_after_its_first_orders() {
    let stage = Stage::with(1, "receive = \"closed\"\n", |_: &mut Branch| {}).await;
    let branch = &stage.branches[0];
    for sold in 1..=2 {
        branch.advance(3_600);
        branch.sell(Sale::new().line(Item::new("ART-0001")));
        branch.close_session(branch.session("Shop b1").unwrap()).unwrap();
        let report = &stage.receive().await[0];
        assert_eq!((report.delivered, &report.error), (1, &None), "order {sold}");
        assert_eq!(stage.receive().await[0].error, None, "what is known is looked for");
    }
    stage.assert_exactly_once();
}

#[tokio::test]
async fn settings_that_ask_for_more_bring_what_was_passed_over() {
    let stage = Stage::with(1, "shops = [\"Kiosk\"]\n", |branch: &mut Branch| branch.more_shops = vec!["Kiosk".to_owned()]).await;
    let branch = &stage.branches[0];
    branch.sell(Sale::new().line(Item::new("ART-0001")));
    branch.advance(3_600);
    branch.sell(Sale::new().line(Item::new("ART-0002")).shop("Kiosk"));
    assert_eq!(stage.receive().await[0].delivered, 1);
    stage.write_settings(&["b1".to_owned()], "");
    assert_eq!(stage.receive().await[0].delivered, 1);
    stage.assert_exactly_once();
}

#[tokio::test]
async fn what_was_put_off_by_a_clock_a_day_ahead_does_not_wait_a_day_when_it_is_set_right() {
    let stage = Stage::new(1).await;
    stage.branches[0].sell_random(3, 1);
    let now = Timestamp::now();
    let pass_at = async |at: Timestamp| {
        let mut bridge = Bridge::open(stage.config(), "test").unwrap();
        bridge.clock = Clock::stopped(at);
        run(&Arc::new(bridge), &stage.config().branches, &Request::default()).await.remove(0)
    };
    stage.server.inject(When::call("sale.order", "load").always(), Mishap::page(503, "busy"));
    assert_eq!(pass_at(now + SignedDuration::from_hours(24)).await.delivered, 0);
    stage.server.clear_mishaps();
    assert_eq!(pass_at(now).await.delivered, 3);
    stage.assert_exactly_once();
}

#[tokio::test]
async fn a_central_that_lost_every_draft_of_a_branch_is_told() {
    let stage = Stage::new(1).await;
    let backup = stage.central.with(|database| database.clone());
    stage.branches[0].sell_random(6, 1);
    stage.receive().await;
    stage.server.add(backup);
    stage.receive().await;
    assert_eq!(stage.store().branch_problems().unwrap()[0].1.cause(), "central_restored");
    assert_eq!(stage.log(Filter { cause: Some("draft_lost".to_owned()), ..Filter::default() }).len(), 6);
}

#[tokio::test]
async fn a_central_that_does_not_say_whether_it_went_on_is_asked_again() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    branch.sell_random(3, 1);
    stage.receive().await;
    let backup = stage.central.with(|database| database.clone());
    branch.sell_random(6, 2);
    stage.receive().await;
    stage.server.add(backup);
    stage.server.inject(When::call("sale.order", "search_read").always(), Mishap::drop_before());
    stage.receive().await;
    assert_eq!(stage.store().branch_problems().unwrap(), []);
    stage.server.clear_mishaps();
    stage.receive().await;
    assert_eq!(stage.store().branch_problems().unwrap()[0].1.cause(), "central_restored");
}

#[tokio::test]
async fn an_open_order_under_the_number_of_one_that_a_restored_branch_lost_is_not_received() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    branch.sell(Sale::new().line(Item::new("ART-0001")));
    let image = branch.image();
    let lost = branch.sell(Sale::new().line(Item::new("ART-0002")));
    stage.receive().await;
    branch.put_back(image);
    branch.advance(60);
    assert_eq!(branch.sell(Sale::new().line(Item::new("ART-0003")).state("draft")), lost, "the number is given again");
    stage.receive().await;
    assert_eq!(stage.log(Filter::default()).len(), 2);
    assert_eq!(stage.store().branch_problems().unwrap()[0].1.cause(), "branch_restored");
    let ledger = crate::stage::ledger_bytes(&stage);
    stage.receive().await;
    assert_eq!(crate::stage::ledger_bytes(&stage), ledger, "told once");
    // Paid at last, it comes.
    branch.advance(60);
    branch.update("pos.order", lost, [("state", "paid".into()), ("name", "Shop - late".into())]).unwrap();
    assert_eq!(stage.receive().await[0].delivered, 1);
}

#[tokio::test]
async fn a_retry_reads_no_names_from_another_database_that_the_settings_name_by_mistake() {
    let stage = Stage::new(2).await;
    let [one, two] = [&stage.branches[0], &stage.branches[1]];
    // What is number 1 of the articles at one branch is another article at the other.
    let article = two.find("product.product", "default_code", "ART-0001").unwrap();
    two.update("product.product", article.id, [("default_code", "ART-0099".into()), ("barcode", "99".into())]).unwrap();
    let other = two.find("product.product", "default_code", "ART-0002").unwrap();
    two.update("product.product", other.id, [("default_code", "OTHER".into()), ("barcode", "other".into())]).unwrap();
    two.update("product.product", article.id, [("default_code", "ART-0002".into()), ("barcode", "two".into())]).unwrap();
    one.sell(Sale::new().line(Item::new("ART-0001")));
    two.sell(Sale::new().line(Item::new("ART-0003")));
    stage.server.inject(When::call("sale.order", "load").always(), Mishap::fault(2, "not now"));
    stage.receive().await;
    stage.server.clear_mishaps();
    assert_eq!(stage.failed().len(), 2);
    let text = std::fs::read_to_string(stage.config().file).unwrap();
    let swapped = text.replace("\"b1\"", "\"b-two\"").replace("\"b2\"", "\"b1\"").replace("\"b-two\"", "\"b2\"");
    assert_ne!(swapped, text);
    std::fs::write(stage.config().file, swapped).unwrap();
    stage.seal();
    stage.store().retry(&Filter::default(), false, Timestamp::now()).unwrap();
    stage.receive().await;
    let draft = stage.drafts().into_iter().find(|(key, _)| key.contains("b1-")).expect("written by what the ledger knows").1;
    let product = stage.central.find("product.product", "default_code", "ART-0001").unwrap();
    assert_eq!(draft.lines[0].link("product_id"), Some(product.id));
}

#[tokio::test]
async fn a_call_that_was_refused_says_nothing_of_an_earlier_one_whose_answer_was_lost() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    let id = branch.sell(Sale::new().line(Item::new("ART-0001")));
    stage.server.inject(When::call("sale.order", "load").always(), Mishap::drop_after());
    assert_eq!(stage.receive().await[0].pending, 1, "written, and nobody knows");
    stage.server.clear_mishaps();
    stage.server.inject(When::call("sale.order", "load").always(), Mishap::page(429, "busy"));
    assert_eq!(stage.receive().await[0].pending, 1, "not written this time");
    branch.advance(5);
    branch.update("pos.order", id, [("general_customer_note", "changed".into())]).unwrap();
    stage.server.clear_mishaps();
    assert_eq!(stage.receive().await[0].delivered, 1);
    let record = &stage.log(Filter::default())[0];
    assert_eq!((record.state, record.problems.first().map(Problem::cause)), (State::Done, Some("order_changed")));
    assert!(stage.central.sale_orders()[0].lines.iter().all(|line| !line.text("name").contains("changed")), "the draft is as it was");
}
