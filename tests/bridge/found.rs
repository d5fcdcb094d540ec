//! What the campaign (tests/campaign) found: each was a real fault once.

use jiff::{SignedDuration, Timestamp};
use posbridge::demo::{Branch, Db, Item, Mishap, Sale, When};
use posbridge::model::{BranchCode, PosOrder};
use posbridge::problem::Problem;
use posbridge::store::{Conclusion, Filter, Mapped, State, Verdict};
use posbridge::sync::Request;

use crate::stage::{Stage, ledger_bytes, pass_at};

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
    assert!(store.intend(&[(due.record, due.content.clone())]).unwrap().is_empty(), "the older content is not written");
    let problem = Problem::CustomerNotFound { name: "nobody".to_owned() };
    let verdict = Verdict::Failed { problems: vec![problem], draft: None, unknown: false };
    let conclusion = Conclusion { record: due.record, waited_for: None, verdict, judged: Some(due.content.clone()) };
    assert_eq!(store.conclude(&[conclusion], 1, now).unwrap(), 1, "may go now");
    let newest = store.due(&code, 0, None, 100).unwrap().remove(0);
    assert_eq!(newest.order.general_customer_note.as_deref(), Some("changed"));
    assert_eq!(store.intend(&[(newest.record, newest.content)]).unwrap().len(), 1);
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
async fn what_was_put_off_by_a_clock_that_is_ahead_does_not_wait_when_it_is_set_right() {
    for ahead in [SignedDuration::from_hours(24), SignedDuration::from_mins(20)] {
        let stage = Stage::new(1).await;
        stage.branches[0].sell_random(3, 1);
        let now = Timestamp::now();
        stage.server.inject(When::call("sale.order", "load").always(), Mishap::page(503, "busy"));
        assert_eq!(pass_at(&stage, now + ahead).await.delivered, 0);
        stage.server.clear_mishaps();
        assert_eq!(pass_at(&stage, now).await.delivered, 3, "{ahead:?}");
        stage.assert_exactly_once();
    }
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
    let ledger = ledger_bytes(&stage);
    stage.receive().await;
    assert_eq!(ledger_bytes(&stage), ledger, "told once");
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

/// One order whose call went as `mishaps` say, in their order, then changed at the branch; after a pass without faults it has to be
/// done, and the change told. Answers whether the draft shows the change.
async fn changed_after(mishaps: Vec<(u64, Mishap)>, state: State) -> bool {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    let id = branch.sell(Sale::new().line(Item::new("ART-0001")));
    for (times, mishap) in mishaps {
        stage.server.inject(When::call("sale.order", "load").times(times), mishap);
    }
    stage.receive().await;
    assert_eq!(stage.log(Filter::default())[0].state, state);
    branch.advance(5);
    branch.update("pos.order", id, [("general_customer_note", "changed".into())]).unwrap();
    stage.server.clear_mishaps();
    assert_eq!(stage.receive().await[0].delivered, 1);
    let record = &stage.log(Filter::default())[0];
    assert_eq!((record.state, record.unknown), (State::Done, false));
    assert_eq!(record.problems.first().map(Problem::cause), Some("order_changed"));
    stage.central.sale_orders()[0].lines.iter().any(|line| line.text("name").contains("changed"))
}

#[tokio::test]
async fn within_one_pass_a_call_that_was_not_done_says_nothing_of_one_whose_answer_was_lost() {
    let lost_then_busy = vec![(3, Mishap::drop_after()), (u64::MAX, Mishap::page(429, "busy"))];
    assert!(!changed_after(lost_then_busy, State::Pending).await, "the draft is as it was");
}

#[tokio::test]
async fn a_lost_answer_stays_lost_for_the_halves_of_what_was_too_much() {
    let lost_then_too_much = vec![(1, Mishap::drop_after()), (1, Mishap::page(413, "too large")), (u64::MAX, Mishap::page(429, "busy"))];
    assert!(!changed_after(lost_then_too_much, State::Failed).await, "the draft is as it was");
}

#[tokio::test]
async fn an_order_that_was_refused_after_a_lost_answer_goes_again_when_the_branch_changes_it_and_the_change_is_told() {
    let refused = Mishap::fault(2, "not like this");
    let written = vec![(1, Mishap::drop_after()), (u64::MAX, refused.clone())];
    assert!(!changed_after(written, State::Failed).await, "the draft is as it was");
    let not_written = vec![(1, Mishap::drop_before()), (u64::MAX, refused)];
    assert!(changed_after(not_written, State::Failed).await, "the change may be the fix");
}

#[tokio::test]
async fn the_newer_content_of_an_order_in_doubt_that_fails_as_well_waits_for_a_person() {
    let stage = Stage::new(1).await;
    stage.branches[0].sell(Sale::new().line(Item::new("ART-0001")));
    stage.run(Request { receive_only: true, ..Request::default() }).await;
    let (store, code, now) = (stage.store(), BranchCode::new("b1").unwrap(), Timestamp::now());
    let due = || store.due(&code, 0, None, 100).unwrap();
    let fail = |record: i64| {
        let problems = vec![Problem::CustomerNotFound { name: "nobody".to_owned() }];
        let verdict = Verdict::Failed { problems, draft: None, unknown: true };
        store.conclude(&[Conclusion { record, waited_for: None, verdict, judged: None }], 1, now).unwrap()
    };
    let older = due().remove(0);
    store.intend(&[(older.record, older.content.clone())]).unwrap();
    let newer = PosOrder { general_customer_note: Some("changed".to_owned()), ..older.order };
    store.keep(&code, &[newer], &[], None, now).unwrap();
    assert_eq!(fail(older.record), 1, "the newer content may go");
    assert_eq!(due()[0].order.general_customer_note.as_deref(), Some("changed"));
    assert_eq!(fail(older.record), 0);
    assert!(due().is_empty() && stage.failed().len() == 1);
}

#[tokio::test]
async fn what_was_changed_in_doubt_and_then_cannot_be_mapped_goes_as_it_is_now() {
    let stage = Stage::with(1, "unknown_customer = \"problem\"\n", |_: &mut Branch| {}).await;
    let branch = &stage.branches[0];
    let id = branch.sell(Sale::new().line(Item::new("ART-0001")).partner("C001"));
    stage.server.inject(When::call("sale.order", "load").always(), Mishap::drop_before());
    stage.receive().await;
    // Central loses the customer, the till names nobody instead.
    let customer = stage.central.find("res.partner", "ref", "C001").unwrap();
    stage
        .central
        .update(
            "res.partner",
            customer.id,
            [("ref", "gone".into()), ("name", "gone".into()), ("email", false.into()), ("vat", false.into())],
        )
        .unwrap();
    branch.advance(5);
    branch.update("pos.order", id, [("partner_id", false.into())]).unwrap();
    stage.server.clear_mishaps();
    stage.store().retry(&Filter::default(), false, Timestamp::now()).unwrap();
    stage.receive().await;
    let record = &stage.log(Filter::default())[0];
    assert_eq!((record.state, record.problems.first().map(Problem::cause)), (State::Done, Some("order_changed")));
    stage.assert_exactly_once();
}

#[tokio::test]
async fn a_draft_paid_late_comes_also_when_our_clock_was_set_back_by_a_day_since_the_last_look_at_all_orders() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    let noon: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
    branch.stop_clock("2026-11-20 09:00:00");
    let draft = branch.sell(Sale::new().line(Item::new("ART-0001")).state("draft"));
    branch.sell_history(2_100, 3, 1);
    branch.stop_clock("2026-11-20 12:00:00");
    assert_eq!(pass_at(&stage, noon).await.error, None);
    branch.advance(120);
    branch.update("pos.order", draft, [("state", "paid".into())]).unwrap();
    // Newer orders move the cursor on.
    branch.advance(1_680);
    branch.sell_random(1, 1);
    assert_eq!(pass_at(&stage, noon + SignedDuration::from_mins(30)).await.delivered, 1);
    // The day before by our clock: a pass that breaks off notes how far apart the clocks are now.
    let day_before = noon - SignedDuration::from_hours(23);
    stage.server.inject(When::call("pos.order", "search_read").nth(2).always(), Mishap::fault(4, "You are not allowed to access it."));
    branch.sell_random(1, 2);
    assert!(pass_at(&stage, day_before).await.error.is_some());
    stage.server.clear_mishaps();
    assert_eq!(pass_at(&stage, day_before).await.delivered, 2, "the draft and the newest");
    stage.assert_exactly_once();
}

#[tokio::test]
async fn a_draft_paid_late_comes_within_the_hour_also_when_our_clock_was_set_back_by_an_hour() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    let noon: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
    branch.stop_clock("2026-11-20 11:00:00");
    let draft = branch.sell(Sale::new().line(Item::new("ART-0001")).state("draft"));
    branch.sell_history(2_100, 3, 1);
    branch.stop_clock("2026-11-20 12:00:00");
    assert_eq!(pass_at(&stage, noon).await.error, None);
    branch.advance(900);
    branch.update("pos.order", draft, [("state", "paid".into())]).unwrap();
    branch.advance(4_800);
    let report = pass_at(&stage, noon + SignedDuration::from_mins(35)).await;
    assert_eq!(report.delivered, 1, "an hour and 35 minutes later by the branch's clock");
    // And that was a look at all orders: the next one is none.
    let calls = || stage.server.stats().calls[&("pos.order.line".to_owned(), "search_read".to_owned())];
    let made = calls();
    branch.advance(900);
    assert_eq!(pass_at(&stage, noon + SignedDuration::from_mins(50)).await.error, None);
    assert_eq!(calls(), made);
}

#[tokio::test]
async fn a_draft_paid_late_comes_also_when_a_clock_that_was_set_back_has_come_past_the_last_look_at_all_orders() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    let noon: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
    branch.stop_clock("2026-11-20 11:00:00");
    let draft = branch.sell(Sale::new().line(Item::new("ART-0001")).state("draft"));
    branch.sell_history(2_100, 3, 1);
    branch.stop_clock("2026-11-20 12:00:00");
    assert_eq!(pass_at(&stage, noon).await.error, None);
    // Our clock is set back by a day, and a pass breaks off.
    branch.advance(60);
    let day_before = noon - SignedDuration::from_hours(23);
    branch.sell_random(1, 1);
    stage.server.inject(When::call("pos.order", "search_read").nth(2).always(), Mishap::fault(4, "You are not allowed to access it."));
    assert!(pass_at(&stage, day_before).await.error.is_some());
    stage.server.clear_mishaps();
    branch.advance(23 * 3_600);
    branch.update("pos.order", draft, [("state", "paid".into())]).unwrap();
    assert_eq!(pass_at(&stage, noon + SignedDuration::from_mins(20)).await.delivered, 2, "the draft and the newest");
    stage.assert_exactly_once();
}

#[tokio::test]
async fn a_branch_that_was_put_back_and_goes_on_with_low_numbers_is_received_with_each_pass() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    branch.stop_clock("2026-11-20 09:00:00");
    branch.sell_random(2, 1);
    let backup = branch.image();
    branch.sell_history(2_100, 3, 1);
    branch.stop_clock("2026-11-20 12:00:00");
    assert_eq!(stage.receive().await[0].error, None);
    branch.put_back(backup);
    branch.stop_clock("2026-11-20 12:10:00");
    assert_eq!(stage.receive().await[0].error, None);
    // Not the hour's look at all orders, but the next one: those below what is new for a frequent pass as long as the lost ones count.
    branch.sell_random(1, 2);
    let report = stage.receive().await.remove(0);
    assert_eq!((report.read, report.delivered), (1, 1), "{report:?}");
}

#[tokio::test]
async fn a_draft_that_waits_for_its_adjustment_line_is_known_to_be_written() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    let id = branch.sell(Sale::new().line(Item::new("ART-0001")).cash_rounding("0.04"));
    stage.server.inject(When::call("sale.order.line", "load").always(), Mishap::page(429, "busy"));
    assert_eq!(stage.receive().await[0].pending, 1);
    branch.advance(5);
    branch.update("pos.order", id, [("general_customer_note", "changed".into())]).unwrap();
    stage.server.clear_mishaps();
    assert_eq!(stage.receive().await[0].delivered, 1);
    assert_eq!(stage.log(Filter::default())[0].problems.first().map(Problem::cause), Some("order_changed"));
}

#[tokio::test]
async fn a_draft_that_was_wrong_and_is_lost_with_a_backup_is_told_as_lost() {
    let stage = Stage::with(1, "rounding = { product = \"POS-ROUND\", limit = \"0.01\" }\n", |_: &mut Branch| {}).await;
    let backup = stage.central.with(|database| database.clone());
    stage.branches[0].sell(Sale::new().line(Item::new("ART-0001")).cash_rounding("0.04"));
    for _ in 0..5 {
        stage.branches[0].sell(Sale::new().line(Item::new("ART-0002")));
    }
    stage.receive().await;
    assert_eq!(stage.failed()[0].problems.first().map(Problem::cause), Some("total_differs"));
    stage.server.add(backup);
    stage.receive().await;
    let lost = Filter { cause: Some("draft_lost".to_owned()), ..Filter::default() };
    assert_eq!((stage.log(lost.clone()).len(), stage.failed()[0].problems.len()), (6, 1));
    let ledger = ledger_bytes(&stage);
    stage.receive().await;
    assert_eq!(ledger_bytes(&stage), ledger, "told once");
    // The one command writes all of them again, and what is wrong is told anew.
    assert_eq!(stage.store().retry(&lost, true, Timestamp::now()).unwrap().len(), 6);
    stage.receive().await;
    assert_eq!(stage.failed()[0].problems.first().map(Problem::cause), Some("total_differs"));
    assert_eq!(stage.drafts().len(), 6);
}

#[tokio::test]
async fn an_older_ledger_that_is_put_back_by_hand_asks_again_for_what_wider_settings_brought() {
    let stage = Stage::with(1, "shops = [\"Kiosk\"]\n", |branch: &mut Branch| branch.more_shops = vec!["Kiosk".to_owned()]).await;
    let branch = &stage.branches[0];
    branch.sell(Sale::new().line(Item::new("ART-0001")));
    branch.advance(3_600);
    branch.sell(Sale::new().line(Item::new("ART-0002")).shop("Kiosk"));
    assert_eq!(stage.receive().await[0].delivered, 1);
    let (state, older) = (stage.config().state, tempfile::tempdir().unwrap());
    stage.store().copy_to(older.path()).unwrap();
    stage.write_settings(&["b1".to_owned()], "");
    assert_eq!(stage.receive().await[0].delivered, 1);
    // With the newer notes beside it.
    for file in ["posbridge.sqlite-wal", "posbridge.sqlite-shm"] {
        let _ = std::fs::remove_file(state.join(file));
    }
    std::fs::copy(older.path().join("posbridge.sqlite"), state.join("posbridge.sqlite")).unwrap();
    assert_eq!(stage.log(Filter::default()).len(), 1);
    stage.receive().await;
    assert_eq!(stage.log(Filter::default()).len(), 2, "received again");
    stage.assert_exactly_once();
}

#[tokio::test]
async fn a_pass_from_a_later_day_does_not_pass_over_the_days_before() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    branch.stop_clock("2026-11-17 12:00:00");
    branch.sell_random(1, 1);
    assert_eq!(stage.receive().await[0].delivered, 1);
    branch.stop_clock("2026-11-18 12:00:00");
    branch.sell_random(1, 2);
    branch.stop_clock("2026-11-20 12:00:00");
    branch.sell_random(1, 3);
    let from = Some(jiff::civil::date(2026, 11, 20));
    assert_eq!(stage.run(Request { from, ..Request::default() }).await[0].delivered, 1);
    assert_eq!(stage.receive().await[0].delivered, 1, "the day between");
    stage.assert_exactly_once();
}

/// A central that is put back to before it had an article and a customer gives their numbers to the next ones.
async fn renumbered_at_central(by_person: bool) {
    let stage = Stage::with(1, "", |branch: &mut Branch| branch.products = 42).await;
    let branch = &stage.branches[0];
    branch.insert("res.partner", [("name", "Late".into()), ("ref", "LATE".into())]).unwrap();
    let sell = || branch.sell(Sale::new().line(Item::new("ART-0042")).partner("LATE"));
    let backup = stage.central.image();
    let made = |code: &str, customer: &str| {
        stage.central.advance(5);
        let article = stage.central.insert("product.product", [("name", code.into()), ("default_code", code.into())]).unwrap();
        (article, stage.central.insert("res.partner", [("name", customer.into()), ("ref", customer.into())]).unwrap())
    };
    let lost = made(if by_person { "BY-HAND" } else { "ART-0042" }, "LATE");
    sell();
    if by_person {
        stage.receive().await;
        let mapped = Mapped {
            branch: &BranchCode::new("b1").unwrap(),
            model: "product.product",
            branch_id: branch.find("product.product", "default_code", "ART-0042").unwrap().id,
            name: "Article 42",
            central_id: lost.0,
            central_name: "BY-HAND",
            waits_for: "product_not_found:[ART-0042]",
            person: "anna",
        };
        assert_eq!(stage.store().bind_by_person(&mapped, Timestamp::now()).unwrap(), 1);
    }
    assert_eq!(stage.receive().await[0].delivered, 1);
    stage.central.put_back(backup);
    assert_eq!(made("OTHER", "OTHER"), lost, "the numbers are given again");
    let order = sell();
    stage.receive().await;
    let failed = stage.failed();
    assert_eq!(failed.iter().map(|record| record.remote_id).collect::<Vec<_>>(), [order], "the earlier one is done");
    assert_eq!(failed[0].problems.iter().map(Problem::cause).collect::<Vec<_>>(), ["product_not_found"]);
    // With the article there again it goes, for the branch's own customer: nobody else bought it.
    let (again, _) = made("ART-0042", "ANOTHER");
    stage.store().retry(&Filter::default(), false, Timestamp::now()).unwrap();
    assert_eq!(stage.receive().await[0].delivered, 1);
    let drafts = stage.central.sale_orders();
    let [draft] = drafts.as_slice() else { panic!("{drafts:?}") };
    assert_eq!(draft.lines[0].link("product_id"), Some(again));
    assert_eq!(draft.order.link("partner_id"), stage.central.find("res.partner", "name", "Walk-in b1").map(|walk_in| walk_in.id));
}

#[tokio::test]
async fn a_number_that_a_restored_central_gave_to_another_record_is_not_what_an_order_meant() {
    renumbered_at_central(false).await;
}

#[tokio::test]
async fn nor_is_a_tax_that_central_lost_the_one_that_has_its_number_now() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    let made = |db: &Db, name: &str, percent: f64| {
        db.advance(5);
        let values =
            [("name", name.into()), ("amount", percent.into()), ("amount_type", "percent".into()), ("type_tax_use", "sale".into())];
        db.insert("account.tax", values).unwrap()
    };
    made(branch, "Late 7%", 7.0);
    let sell = || branch.sell(Sale::new().line(Item::new("ART-0001").price("10.00").taxes(&["Late 7%"])));
    let backup = stage.central.image();
    let lost = made(&stage.central, "Late 7%", 7.0);
    sell();
    assert_eq!(stage.receive().await[0].delivered, 1, "{:?}", stage.failed());
    stage.central.put_back(backup);
    assert_eq!(made(&stage.central, "Other 9%", 9.0), lost, "the number is given again");
    sell();
    stage.receive().await;
    let causes: Vec<_> = stage.failed().iter().flat_map(|record| record.problems.iter().map(Problem::cause).collect::<Vec<_>>()).collect();
    assert_eq!(causes, ["tax_not_found"]);
}

#[tokio::test]
async fn nor_is_it_what_a_person_had_mapped() {
    renumbered_at_central(true).await;
}

#[tokio::test]
async fn a_pass_at_a_new_address_asks_once_which_fields_the_branch_has_also_after_a_retry() {
    let stage = Stage::new(1).await;
    stage.branches[0].sell(Sale::new().line(Item::new("ART-0001")));
    stage.server.inject(When::call("sale.order", "load").always(), Mishap::fault(2, "not now"));
    stage.receive().await;
    stage.server.clear_mishaps();
    assert_eq!(stage.failed().len(), 1);
    let text = std::fs::read_to_string(stage.config().file).unwrap();
    std::fs::write(stage.config().file, text.replace("127.0.0.1", "localhost")).unwrap();
    stage.seal();
    stage.store().retry(&Filter::default(), false, Timestamp::now()).unwrap();
    let asked = || stage.server.stats().calls[&("pos.order".to_owned(), "fields_get".to_owned())];
    let before = asked();
    assert_eq!(stage.receive().await[0].delivered, 1);
    assert_eq!(asked() - before, 1, "what a retry reads anew and the look for new orders need the same");
}
