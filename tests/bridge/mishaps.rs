//! Days with accidents: whatever happens on the way, each order is at central once, with its total.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use posbridge::demo::{Item, Mishap, Sale, When};
use posbridge::store::{Filter, State};
use posbridge::sync::{Bridge, Request};

use crate::stage::{Stage, run};

#[tokio::test]
async fn an_answer_that_is_lost_after_the_commit_makes_no_second_order() {
    let mishaps: [fn() -> Mishap; 7] = [
        Mishap::drop_after,
        || Mishap::truncate(100),
        || Mishap::page(502, "<html>Bad Gateway</html>").after_commit(),
        || Mishap::page(504, "<html>Gateway Time-out</html>").after_commit(),
        || Mishap::page(200, "<html><title>Maintenance</title></html>").after_commit(),
        || Mishap::raw("<?xml version='1.0'?><methodResponse><params>").after_commit(),
        || {
            Mishap::fault(1, "Traceback (most recent call last):\nTypeError: cannot marshal None unless allow_none is enabled")
                .after_commit()
        },
    ];
    for mishap in mishaps {
        let stage = Stage::new(1).await;
        stage.branches[0].sell_random(30, 1);
        stage.server.inject(When::call("sale.order", "load"), mishap());
        stage.settle().await;
        stage.assert_exactly_once();
        assert_eq!(stage.server.mishaps_left(), 0, "{:?} never happened", mishap());
    }
}

#[tokio::test]
async fn a_call_that_never_arrived_is_made_again() {
    for mishap in [
        Mishap::drop_before(),
        Mishap::page(503, "busy"),
        Mishap::page(429, "slow down"),
        Mishap::fault(1, "Traceback\npsycopg2.errors.SerializationFailure: could not serialize access due to concurrent update"),
    ] {
        let stage = Stage::new(1).await;
        stage.branches[0].sell_random(20, 1);
        stage.server.inject(When::call("sale.order", "load"), mishap.clone());
        stage.server.inject(When::call("pos.order.line", "search_read"), mishap);
        stage.settle().await;
        stage.assert_exactly_once();
    }
}

#[tokio::test]
async fn an_answer_with_fewer_ids_than_orders_proves_none_of_them() {
    let stage = Stage::new(1).await;
    // With a password the answer is XML, whatever is spoken otherwise.
    stage.seal_all("bridge");
    stage.branches[0].sell_random(3, 1);
    let ids = "<member><name>ids</name><value><array><data><value><int>999</int></value></data></array></value></member>";
    let messages = "<member><name>messages</name><value><array><data></data></array></value></member>";
    let few = format!(
        "<?xml version='1.0'?><methodResponse><params><param><value><struct>{ids}{messages}</struct></value></param></params></methodResponse>"
    );
    stage.server.inject(When::call("sale.order", "load"), Mishap::raw(few).after_commit());
    let report = &stage.receive().await[0];
    assert_eq!((report.delivered, report.failed), (3, 0), "{report:?}");
    stage.assert_exactly_once();
}

#[tokio::test]
async fn a_database_that_odoo_lost_for_a_moment_breaks_no_pass() {
    for (model, method) in
        [("pos.order", "search_read"), ("product.product", "search_read"), ("sale.order", "load"), ("sale.order", "read")]
    {
        let stage = Stage::new(1).await;
        stage.branches[0].sell_random(20, 1);
        let words = "Traceback (most recent call last):\npsycopg2.InterfaceError: connection already closed";
        stage.server.inject(When::call(model, method), Mishap::fault(1, words));
        let reports = stage.receive().await;
        assert!(reports[0].error.is_none() && reports[0].pending == 0, "{model}.{method}: {reports:?}");
        stage.assert_exactly_once();
    }
}

#[tokio::test]
async fn a_lost_answer_at_every_kind_of_call_costs_nothing_but_time() {
    for (model, method) in [
        ("pos.order", "search_read"),
        ("pos.payment", "search_read"),
        ("product.product", "search_read"),
        ("sale.order", "read"),
        ("sale.order.line", "load"),
        ("res.partner", "search_read"),
    ] {
        let stage = Stage::new(1).await;
        stage.branches[0].sell_random(25, 6);
        stage.server.inject(When::call(model, method), Mishap::drop_after());
        stage.settle().await;
        stage.assert_exactly_once();
    }
}

#[tokio::test]
async fn a_request_too_large_goes_in_halves() {
    let stage = Stage::new(1).await;
    stage.branches[0].sell_random(40, 1);
    let large = |seen: &posbridge::demo::Seen| format!("{:?}", seen.named).len() > 12_000;
    stage.server.inject(When::call("sale.order", "load").and(large).always(), Mishap::page(413, "too large"));
    stage.settle().await;
    stage.assert_exactly_once();
    assert!(stage.server.calls("sale.order", "load") > 4);
}

#[tokio::test]
async fn calls_do_not_grow_while_they_are_too_large() {
    let stage = Stage::new(1).await;
    // Many batches: the first one has 200 rows.
    stage.branches[0].sell_random(400, 1);
    let sizes: Arc<Mutex<Vec<usize>>> = Arc::default();
    let seen_sizes = sizes.clone();
    let large = move |seen: &posbridge::demo::Seen| {
        let orders = format!("{:?}", seen.named).matches("\"b1-").count();
        seen_sizes.lock().unwrap().push(orders);
        orders > 20
    };
    stage.server.inject(When::call("sale.order", "load").and(large).always(), Mishap::page(413, "too large"));
    stage.settle().await;
    stage.assert_exactly_once();
    let sizes = sizes.lock().unwrap();
    assert!(sizes[0] > 20 && sizes.iter().all(|orders| *orders <= 2 * sizes[0]), "orders in a call: {sizes:?}");
}

#[tokio::test]
async fn a_central_that_takes_longer_than_the_time_out_gets_smaller_calls() {
    let stage = Stage::new(1).await;
    stage.branches[0].sell_random(12, 1);
    // The first call commits long after we gave up: the repetition runs beside it.
    stage.server.inject(When::call("sale.order", "load"), Mishap::slow_answer(Duration::from_secs(6)));
    stage.settle().await;
    stage.assert_exactly_once();
}

#[tokio::test]
async fn bad_rows_fail_and_the_others_go_at_once() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    branch.sell_random(30, 8);
    stage.receive().await;
    // Twelve orders name a product whose central record is deleted after it was bound.
    let gone = stage.central.find("product.product", "default_code", "ART-0040").unwrap();
    branch.sell(Sale::new().line(Item::new("ART-0040")));
    stage.receive().await;
    let bound: Vec<_> =
        stage.central.sale_orders().into_iter().filter(|d| d.lines.iter().any(|l| l.link("product_id") == Some(gone.id))).collect();
    for draft in &bound {
        stage.central.delete("sale.order", draft.order.id).unwrap();
    }
    let kept = stage.central.count("sale.order");
    stage.central.delete("product.product", gone.id).unwrap();
    for _ in 0..12 {
        branch.sell(Sale::new().line(Item::new("ART-0040")));
    }
    for _ in 0..20 {
        branch.sell(Sale::new().line(Item::new("ART-0001")));
    }
    let report = &stage.receive().await[0];
    assert_eq!((report.delivered, report.failed), (20, 12), "{report:?}");
    assert_eq!(stage.central.count("sale.order"), kept + 20);
    assert!(
        stage.failed().iter().all(|entry| entry.problems[0].cause() == "product_not_found"),
        "the stale match was dropped and looked for anew: {:?}",
        stage.failed().iter().map(|entry| entry.problems[0].what()).collect::<Vec<_>>()
    );
    stage.central.insert("product.product", [("name", "Again".into()), ("default_code", "ART-0040".into())]).unwrap();
    stage
        .store()
        .retry(&Filter { cause: Some("product_not_found".to_owned()), ..Filter::default() }, false, jiff::Timestamp::now())
        .unwrap();
    stage.settle().await;
    assert_eq!(stage.central.count("sale.order"), kept + 32);
}

#[tokio::test]
async fn a_customer_whose_record_is_another_one_by_now_is_looked_for_anew() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    branch.sell(Sale::new().line(Item::new("ART-0001")).partner("C001"));
    stage.receive().await;
    let draft = stage.central.sale_orders().remove(0);
    let gone = draft.order.link("partner_id").unwrap();
    stage.central.delete("sale.order", draft.order.id).unwrap();
    stage.central.delete("res.partner", gone).unwrap();
    let now = stage.central.insert("res.partner", [("name", "Once more".into()), ("ref", "C001".into())]).unwrap();
    branch.sell(Sale::new().line(Item::new("ART-0001")).partner("C001"));
    let report = &stage.receive().await[0];
    assert_eq!((report.delivered, report.failed), (1, 0), "{report:?}");
    assert_eq!(stage.central.sale_orders()[0].order.link("partner_id"), Some(now));
}

#[tokio::test]
async fn a_tax_that_goes_while_a_pass_uses_it_is_looked_for_anew_by_the_next() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    branch.sell(Sale::new().line(Item::new("ART-0001")));
    stage.receive().await;
    let draft = stage.central.sale_orders().remove(0);
    let gone = stage.central.record("account.tax", draft.lines[0].ids("tax_ids")[0]).unwrap();
    stage.central.delete("sale.order", draft.order.id).unwrap();
    branch.sell(Sale::new().line(Item::new("ART-0001")));
    // Central has answered which taxes there are, and the answer is on its way.
    stage.server.inject(When::call("account.tax", "search_read"), Mishap::slow_answer(Duration::from_secs(2)));
    let replaced = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stage.central.delete("account.tax", gone.id).unwrap();
        let kept = ["name", "amount", "amount_type", "type_tax_use", "company_id", "tax_group_id", "price_include_override"];
        stage.central.insert("account.tax", kept.map(|field| (field, gone.get(field).clone()))).unwrap()
    };
    let (reports, now) = tokio::join!(stage.receive(), replaced);
    assert_eq!((reports[0].delivered, reports[0].failed), (0, 1), "{reports:?}");
    let failed = stage.log(Filter { state: Some(State::Failed), ..Filter::default() }).remove(0);
    assert_eq!(failed.problems[0].cause(), "record_gone", "{failed:?}");
    stage.store().retry(&Filter::default(), false, jiff::Timestamp::now()).unwrap();
    assert_eq!(stage.receive().await[0].delivered, 1);
    assert_eq!(stage.central.sale_orders()[0].lines[0].ids("tax_ids"), [now]);
}

#[tokio::test]
async fn one_dead_branch_delays_no_other() {
    let stage = Stage::new(3).await;
    for branch in &stage.branches {
        branch.sell_random(10, 1);
    }
    stage.server.inject(When::any().database("b2").always(), Mishap::slow_answer(Duration::from_secs(30)));
    let began = Instant::now();
    let quick: Vec<_> = stage.config().branches.into_iter().filter(|branch| branch.code.as_str() != "b2").collect();
    let bridge = Arc::new(Bridge::open(stage.config(), "test").unwrap());
    let reports = run(&bridge, &quick, &Request { now: true, ..Request::default() }).await;
    assert!(reports.iter().all(|report| report.delivered == 10));
    let alone = began.elapsed();
    drop(bridge);
    stage.branches[0].sell_random(10, 2);
    let bridge = Arc::new(Bridge::open(stage.config(), "test").unwrap());
    let branches = stage.config().branches;
    let pass = tokio::spawn(async move { run(&bridge, &branches, &Request { now: true, ..Request::default() }).await });
    // The live branch is done while the dead one still holds its connection.
    let deadline = Instant::now() + alone + Duration::from_secs(4);
    while stage.central.count("sale.order") < 30 {
        assert!(Instant::now() < deadline, "b1 waits for b2");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let reports = pass.await.unwrap();
    assert_eq!(reports[1].cause.as_deref(), Some("timed_out"));
}

#[tokio::test]
async fn two_bridges_with_a_ledger_each_write_every_order_once() {
    let stage = Stage::new(1).await;
    stage.branches[0].sell_random(60, 3);
    let other = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(stage.directory.path().join("branches.toml")).unwrap();
    std::fs::write(other.path().join("branches.toml"), text).unwrap();
    let state = |dir: &std::path::Path| dir.join("state");
    copy(&state(stage.directory.path()), &state(other.path()));
    let request = Request { now: true, ..Request::default() };
    let twin = posbridge::config::Config::load(&other.path().join("branches.toml")).unwrap();
    let (one, two) = (Arc::new(Bridge::open(stage.config(), "test").unwrap()), Arc::new(Bridge::open(twin, "test").unwrap()));
    let branches = stage.config().branches;
    let (first, second) = tokio::join!(run(&one, &branches, &request), run(&two, &branches, &request));
    assert!(first[0].delivered + second[0].delivered >= 60);
    drop((one, two));
    stage.settle().await;
    stage.assert_exactly_once();
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[tokio::test]
async fn a_lost_ledger_is_filled_again_without_a_second_order() {
    let stage = Stage::new(1).await;
    stage.branches[0].sell_random(30, 3);
    stage.receive().await;
    std::fs::remove_dir_all(stage.config().state).unwrap();
    stage.seal();
    let report = &stage.receive().await[0];
    assert_eq!((report.new, report.delivered), (30, 30));
    stage.assert_exactly_once();
}

#[tokio::test]
async fn central_out_of_reach_keeps_the_orders_until_it_is_back() {
    let stage = Stage::new(1).await;
    stage.branches[0].sell_random(20, 3);
    stage.server.inject(When::any().database("central").always(), Mishap::page(503, "down"));
    let report = &stage.receive().await[0];
    assert_eq!((report.new, report.delivered, report.pending), (20, 0, 20), "{report:?}");
    assert_eq!(report.cause.as_deref(), Some("server_busy"));
    stage.server.clear_mishaps();
    // The branch is gone meanwhile: what was kept needs it no more.
    stage.server.inject(When::any().database("b1").always(), Mishap::page(503, "down"));
    let report = &stage.receive().await[0];
    assert_eq!((report.delivered, report.pending), (20, 0), "{report:?}");
    stage.assert_exactly_once();
}

#[tokio::test]
async fn a_record_that_is_sent_and_not_answered_says_so() {
    let stage = Stage::new(1).await;
    stage.branches[0].sell_random(3, 3);
    stage.server.inject(When::call("sale.order", "load").always(), Mishap::drop_after());
    stage.receive().await;
    let waiting = stage.log(Filter { state: Some(State::Pending), ..Filter::default() });
    assert_eq!(waiting.len(), 3);
    assert!(waiting.iter().all(|entry| entry.unknown && entry.problems[0].cause() == "answer_lost"));
    stage.server.clear_mishaps();
    stage.settle().await;
    stage.assert_exactly_once();
}

#[tokio::test]
async fn one_order_that_breaks_odoo_is_found_and_the_others_are_written() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    for nth in 0..41 {
        let sale = Sale::new().line(Item::new("ART-0001"));
        branch.sell(if nth == 20 { sale.note("poison") } else { sale });
    }
    let poisoned = |seen: &posbridge::demo::Seen| format!("{:?}", seen.named).contains("poison");
    stage.server.inject(
        When::call("sale.order", "load").and(poisoned).always(),
        Mishap::fault(
            1,
            "Traceback (most recent call last):\n  File \"x.py\", line 1\nAttributeError: 'NoneType' object has no attribute 'id'",
        ),
    );
    let report = &stage.receive().await[0];
    assert_eq!((report.delivered, report.pending, report.failed), (40, 1, 0), "{report:?}");
    assert_eq!(report.error, None, "nothing stops for one order");
    let waiting = stage.log(Filter { state: Some(State::Pending), ..Filter::default() });
    assert_eq!((waiting[0].problems[0].cause(), waiting[0].unknown), ("server_error", true));
    assert!(waiting[0].problems[0].what().contains("AttributeError") && !waiting[0].problems[0].what().contains("File"));
    stage.server.clear_mishaps();
    stage.settle().await;
    stage.assert_exactly_once();
}

#[tokio::test]
async fn an_order_that_was_refused_and_never_lost_is_not_in_doubt() {
    let stage = Stage::new(1).await;
    stage.branches[0].sell_random(3, 1);
    stage.server.inject(When::call("sale.order", "load").always(), Mishap::fault(2, "not like this"));
    stage.receive().await;
    let failed = stage.failed();
    assert!(failed.len() == 3 && failed.iter().all(|entry| !entry.unknown), "{failed:?}");
    assert_eq!(stage.central.count("sale.order"), 0);
}

#[tokio::test]
async fn an_odoo_that_breaks_at_every_order_is_left_alone_after_some_calls() {
    let stage = Stage::new(1).await;
    for _ in 0..60 {
        stage.branches[0].sell(Sale::new().line(Item::new("ART-0001")));
    }
    stage.server.inject(When::call("sale.order", "load").always(), Mishap::fault(1, "Traceback\nMemoryError"));
    let report = &stage.receive().await[0];
    assert_eq!((report.delivered, report.pending), (0, 60), "{report:?}");
    assert!(stage.server.calls("sale.order", "load") < 150, "{} calls", stage.server.calls("sale.order", "load"));
    stage.server.clear_mishaps();
    stage.settle().await;
    stage.assert_exactly_once();
}

#[tokio::test]
async fn a_draft_that_somebody_edited_gets_no_adjustment_line_when_the_ledger_is_lost() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    branch.sell(Sale::new().line(Item::new("ART-0001").price("10")));
    stage.receive().await;
    let draft = stage.central.sale_orders().remove(0);
    stage.central.advance(60);
    stage.central.update("sale.order.line", draft.lines[0].id, [("price_unit", 10.02.into())]).unwrap();
    stage.central.update("sale.order", draft.order.id, [("client_order_ref", "by hand".into())]).unwrap();
    std::fs::remove_dir_all(stage.config().state).unwrap();
    stage.seal();
    let report = &stage.receive().await[0];
    assert_eq!((report.delivered, report.failed), (0, 1), "{report:?}");
    assert_eq!(stage.failed()[0].problems[0].cause(), "total_differs");
    let now = stage.central.sale_orders().remove(0);
    assert_eq!((now.lines.len(), now.order.text("client_order_ref").as_str()), (draft.lines.len(), "by hand"));
}

/// An order whose taxes differ by what is adjusted: central keeps two decimals of a quantity.
fn sell_adjusted(stage: &Stage) {
    stage.branches[0].sell(Sale::new().line(Item::new("ART-0004").qty("0.125").price("100")));
}

fn adjusted(stage: &Stage) -> Vec<Option<String>> {
    stage.log(Filter::default()).iter().map(|entry| entry.adjusted.clone()).collect()
}

#[tokio::test]
async fn an_adjustment_whose_answer_is_lost_is_known_again() {
    let stage = Stage::new(1).await;
    sell_adjusted(&stage);
    stage.server.inject(When::call("sale.order.line", "load").always(), Mishap::drop_after());
    let report = &stage.receive().await[0];
    assert_eq!((report.pending, report.failed), (1, 0), "{report:?}");
    stage.server.clear_mishaps();
    stage.settle().await;
    stage.assert_exactly_once();
    assert_eq!((adjusted(&stage), stage.failed()), (vec![Some("-0.50".to_owned())], vec![]));
}

#[tokio::test]
async fn adjustments_of_a_bridge_that_lost_its_ledger_are_known_again() {
    let stage = Stage::new(1).await;
    // Enough of them that the adjustment of some is seen in the taxes.
    stage.branches[0].sell_random(150, 7);
    stage.settle().await;
    let lines = stage.central.count("sale.order.line");
    std::fs::remove_dir_all(stage.config().state).unwrap();
    stage.seal();
    stage.settle().await;
    stage.assert_exactly_once();
    assert_eq!((stage.failed(), stage.central.count("sale.order.line")), (vec![], lines));
    assert!(adjusted(&stage).iter().any(Option::is_some), "no adjustment was seen in the taxes");
}
