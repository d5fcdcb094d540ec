//! Days without accidents.

use jiff::Timestamp;
use posbridge::demo::{Item, RefundStyle, Sale};
use posbridge::store::{Filter, State};
use posbridge::sync::Request;

use crate::stage::{Stage, amount, ledger_bytes};

#[tokio::test]
async fn every_kind_of_sale_arrives_once_with_its_total() {
    let stage = Stage::with(2, "", |branch| branch.employees = true).await;
    for branch in &stage.branches {
        let first = branch.sell(Sale::new().line(Item::new("ART-0001").qty("2").price("1.20")).pay("Cash", "5").change("2.60"));
        branch.sell(Sale::new().line(Item::new("ART-0002").discount("33.333")).line(Item::new("ART-0003").qty("0.125").note("slice")));
        branch.sell(Sale::new().line(Item::new("ART-0005").lot("L1").lot("L2")).partner("C001").note("gift ✂ é漢 & < \""));
        branch.sell(Sale::new().line(Item::new("COMBO").price("0").child(Item::new("ART-0001")).child(Item::new("ART-0002"))));
        branch.sell(Sale::new().line(Item::new("ART-0006")).tip("1.50").cashier("ben"));
        branch.sell(Sale::new().line(Item::new("ART-0007")).line(Item::new("DISC").price("-1.10")).invoiced(77));
        branch.sell(Sale::new().line(Item::new("ART-0008")).date("2026-01-02 03:04:05"));
        branch.refund(first, RefundStyle::Till);
        branch.refund(first, RefundStyle::BackOffice);
        branch.sell(Sale::new().line(Item::new("ART-0001")).state("draft"));
        branch.sell(Sale::new().line(Item::new("ART-0001")).state("cancel"));
        branch.sell_random(40, 3);
    }
    stage.receive().await;
    stage.assert_exactly_once();
    assert_eq!(stage.failed(), []);
}

#[tokio::test]
async fn an_idle_pass_costs_one_call_to_each_side_and_writes_nothing_anywhere() {
    let stage = Stage::new(2).await;
    for branch in &stage.branches {
        branch.sell_random(30, 1);
    }
    stage.receive().await;
    let (calls, writes, ledger) = (stage.calls(), stage.writes(), ledger_bytes(&stage));
    let logins = stage.server.calls("common", "authenticate");
    let reports = stage.receive().await;
    assert!(reports.iter().all(|report| report.read == 0 && report.error.is_none()), "{reports:?}");
    assert!(reports.iter().all(|report| report.calls == 1), "{reports:?}");
    // The other two: whether central still has the newest drafts of each branch. It may have gone back in time.
    assert_eq!(stage.calls() - calls, 4, "one call to each branch, and for each one to central");
    assert_eq!(stage.server.calls("common", "authenticate"), logins, "the user's id is remembered");
    assert_eq!(stage.writes(), writes);
    assert!(ledger_bytes(&stage) == ledger, "the ledger was written");
}

#[tokio::test]
async fn what_central_calls_its_fields_is_asked_once() {
    let stage = Stage::new(1).await;
    let asked = || {
        let calls = stage.server.stats().calls;
        calls
            .iter()
            .filter(|((model, method), _)| model == "sale.order.line" && method == "fields_get")
            .map(|(_, times)| *times)
            .sum::<u64>()
    };
    for seed in [1, 2] {
        stage.branches[0].sell_random(3, seed);
        stage.receive().await;
        assert_eq!(asked(), 1);
    }
    stage.assert_exactly_once();
}

#[tokio::test]
async fn a_backlog_costs_less_than_a_twelfth_of_a_call_an_order_and_one_fsync_a_page() {
    let stage = Stage::new(1).await;
    stage.branches[0].sell_history(1_000, 5, 30);
    let before = stage.calls();
    let config = stage.config();
    let branches = config.branches.clone();
    let bridge = std::sync::Arc::new(posbridge::sync::Bridge::open(config, "test").unwrap());
    let commits = bridge.store.commits();
    crate::stage::run(&bridge, &branches, &Request { now: true, ..Request::default() }).await;
    stage.assert_exactly_once();
    let calls = stage.calls() - before;
    assert!(calls <= 80, "{calls} calls for 1,000 orders");
    // Five pages, their bindings, and for each batch an intention and a conclusion.
    let commits = bridge.store.commits() - commits;
    assert!(commits <= 60, "{commits} transactions for 1,000 orders");
}

#[tokio::test]
async fn a_draft_holds_what_the_contract_names() {
    let stage = Stage::with(1, "", |branch| branch.employees = true).await;
    let branch = &stage.branches[0];
    let id = branch.sell(Sale::new().line(Item::new("ART-0001").qty("2").price("1.20")).pay("Cash", "5").change("2.60").cashier("anna"));
    stage.receive().await;
    let order = branch.record("pos.order", id).unwrap();
    let drafts = stage.central.sale_orders();
    let [draft] = drafts.as_slice() else { panic!("{} drafts", drafts.len()) };
    assert_eq!(draft.xid.as_deref(), Some(format!("__posbridge.b1-{id}-{}", order.text("uuid")).as_str()));
    assert_eq!(draft.order.text("client_order_ref"), format!("b1/{}", order.text("pos_reference")));
    assert_eq!(draft.order.text("date_order"), order.text("date_order"));
    assert_eq!(draft.order.text("state"), "draft");
    let partner = stage.central.find("res.partner", "name", "Walk-in b1").unwrap();
    assert_eq!(draft.order.link("partner_id"), Some(partner.id));
    let warehouse = stage.central.find("stock.warehouse", "code", "TIR").unwrap();
    assert_eq!(draft.order.link("warehouse_id"), Some(warehouse.id));
    let product = stage.central.find("product.product", "default_code", "ART-0001").unwrap();
    let [line, note] = draft.lines.as_slice() else { panic!("{} lines", draft.lines.len()) };
    assert_eq!(line.link("product_id"), Some(product.id));
    assert_eq!((line.amount("product_uom_qty"), line.amount("price_unit")), (amount("2"), amount("1.2")));
    assert_eq!(
        (note.text("display_type").as_str(), note.text("name").as_str()),
        ("line_note", "Paid: Cash 5.00, change 2.60; cashier Anna")
    );
}

#[tokio::test]
async fn what_people_do_at_central_stays_as_they_left_it() {
    let stage = Stage::new(1).await;
    let branch = &stage.branches[0];
    let sold = branch.sell_random(10, 9);
    stage.receive().await;
    let drafts: Vec<_> = stage.central.sale_orders();
    stage.central.delete("sale.order", drafts[0].order.id).unwrap();
    stage.central.confirm(drafts[1].order.id).unwrap();
    stage.central.cancel(drafts[2].order.id).unwrap();
    stage.central.update("sale.order.line", drafts[3].lines[0].id, [("price_unit", 99.into())]).unwrap();
    // The close of the session writes every order at the branch anew, and the next sale opens the window again.
    branch.close_session(branch.session("Shop b1").unwrap()).unwrap();
    branch.sell_random(3, 10);
    let before: Vec<_> = stage.central.sale_orders().iter().map(|d| (d.order.id, d.order.text("state"), d.total())).collect();
    let reports = stage.receive().await;
    assert_eq!(reports[0].delivered, 3);
    let after = stage.central.sale_orders();
    assert_eq!(after.len(), sold.len() - 1 + 3);
    for (id, state, total) in before {
        let now = after.iter().find(|draft| draft.order.id == id).unwrap();
        assert_eq!((now.order.text("state"), now.total()), (state, total));
    }
}

#[tokio::test]
async fn a_deleted_draft_comes_back_only_when_a_person_asks_by_name() {
    let stage = Stage::new(1).await;
    stage.branches[0].sell_random(2, 1);
    stage.receive().await;
    let record = stage.log(Filter { state: Some(State::Done), ..Filter::default() })[0].clone();
    stage.central.delete("sale.order", record.central_id.unwrap()).unwrap();
    assert_eq!(stage.store().retry(&Filter { ids: vec![record.id], ..Filter::default() }, false, Timestamp::now()).unwrap(), []);
    assert_eq!(stage.store().retry(&Filter { ids: vec![record.id], ..Filter::default() }, true, Timestamp::now()).unwrap().len(), 1);
    stage.run(Request { deliver_only: true, ..Request::default() }).await;
    stage.assert_exactly_once();
}

#[tokio::test]
async fn one_fix_releases_all_that_wait_for_it_and_nothing_waits_with_them() {
    let stage = Stage::with(2, "", |branch| branch.products = 41).await;
    for branch in &stage.branches {
        for _ in 0..20 {
            branch.sell(Sale::new().line(Item::new("ART-0002")));
        }
        for _ in 0..3 {
            branch.sell(Sale::new().line(Item::new("ART-0041")).line(Item::new("ART-0001")));
        }
    }
    let reports = stage.receive().await;
    assert!(reports.iter().all(|report| (report.delivered, report.failed) == (20, 3)), "{reports:?}");
    let failed = stage.failed();
    assert!(failed.iter().all(|entry| entry.problems[0].key() == "product_not_found:[ART-0041]"), "{:?}", failed[0].problems[0].key());
    stage.central.insert("product.product", [("name", "New".into()), ("default_code", "ART-0041".into())]).unwrap();
    let one = Filter { ids: vec![failed[0].id], ..Filter::default() };
    stage.store().retry(&one, false, Timestamp::now()).unwrap();
    stage.run(Request { deliver_only: true, ..Request::default() }).await;
    assert_eq!(stage.failed(), []);
    stage.settle().await;
    stage.assert_exactly_once();
}

#[tokio::test]
async fn what_a_fix_releases_goes_in_the_same_pass_also_when_it_is_older_and_other_batches_follow() {
    for others in [0, 120] {
        let stage = Stage::with(1, "", |branch| branch.products = 41).await;
        let file = stage.directory.path().join("branches.toml");
        // One batch at a time, so that the first one ends before the next begins.
        let settings = std::fs::read_to_string(&file).unwrap().replacen("timeout", "writers = 1\ntimeout", 1);
        std::fs::write(&file, settings).unwrap();
        let branch = &stage.branches[0];
        for _ in 0..3 {
            branch.sell(Sale::new().line(Item::new("ART-0041")));
        }
        assert_eq!(stage.receive().await[0].failed, 3);
        for _ in 0..others {
            branch.sell(Sale::new().line(Item::new("ART-0002")));
        }
        stage.run(Request { receive_only: true, ..Request::default() }).await;
        stage.central.insert("product.product", [("name", "New".into()), ("default_code", "ART-0041".into())]).unwrap();
        let newest = stage.failed().iter().map(|entry| entry.id).max().unwrap();
        stage.store().retry(&Filter { ids: vec![newest], ..Filter::default() }, false, Timestamp::now()).unwrap();
        let reports = stage.run(Request { deliver_only: true, ..Request::default() }).await;
        assert_eq!(reports[0].delivered, others + 3);
        stage.assert_exactly_once();
    }
}

#[tokio::test]
async fn a_retry_reads_again_what_was_mended_at_the_branch() {
    let stage = Stage::with(1, "", |branch| branch.products = 41).await;
    let branch = &stage.branches[0];
    branch.sell(Sale::new().line(Item::new("ART-0041")));
    stage.receive().await;
    let product = branch.find("product.product", "default_code", "ART-0041").unwrap();
    branch.update("product.product", product.id, [("default_code", "ART-0040".into()), ("barcode", false.into())]).unwrap();
    stage.store().retry(&Filter::default(), false, Timestamp::now()).unwrap();
    stage.run(Request { deliver_only: true, ..Request::default() }).await;
    stage.assert_exactly_once();
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_says_what_it_would_do() {
    let stage = Stage::with(1, "", |branch| branch.products = 41).await;
    for code in ["ART-0001"; 15].into_iter().chain(["ART-0041"]) {
        stage.branches[0].sell(Sale::new().line(Item::new(code)));
    }
    let ledger = ledger_bytes(&stage);
    let writes = stage.writes() + stage.server.calls("common", "authenticate");
    let reports = stage.run(Request { dry_run: true, now: true, ..Request::default() }).await;
    assert_eq!((reports[0].new, reports[0].delivered, reports[0].failed), (16, 15, 1), "{reports:?}");
    assert_eq!(stage.central.count("sale.order"), 0);
    assert!(stage.writes() <= writes + 2, "nothing but log-ins");
    assert!(ledger_bytes(&stage) == ledger);
    assert!(
        std::fs::read_dir(stage.config().state).unwrap().all(|entry| !entry
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with("rehearsal"))
    );
}

#[tokio::test]
async fn settings_decide_what_is_received() {
    let stage = Stage::with(1, "receive = \"closed\"\ninvoiced = \"skip\"\nunknown_customer = \"problem\"\n", |_| {}).await;
    let branch = &stage.branches[0];
    branch.sell(Sale::new().line(Item::new("ART-0001")));
    branch.sell(Sale::new().line(Item::new("ART-0001")).invoiced(77));
    let stranger = branch.insert("res.partner", [("name", "Stranger".into()), ("ref", "X999".into())]).unwrap();
    assert!(stranger > 0);
    branch.sell(Sale::new().line(Item::new("ART-0001")).partner("X999"));
    assert_eq!(stage.receive().await[0].read, 0, "the session is open");
    branch.close_session(branch.session("Shop b1").unwrap()).unwrap();
    let report = &stage.receive().await[0];
    assert_eq!((report.read, report.delivered, report.failed), (3, 1, 1), "{report:?}");
    assert_eq!(stage.failed()[0].problems[0].cause(), "customer_not_found");
    let skipped = stage.log(Filter { state: Some(State::Ignored), ..Filter::default() });
    assert_eq!(skipped[0].problems[0].cause(), "invoiced_skipped");
    assert_eq!(stage.central.count("sale.order"), 1);
}

#[tokio::test]
async fn only_the_named_shops_are_received() {
    let stage = Stage::with(1, "shops = [\"Kiosk\"]\n", |branch| branch.more_shops = vec!["Kiosk".to_owned()]).await;
    let branch = &stage.branches[0];
    branch.sell(Sale::new().line(Item::new("ART-0001")));
    branch.sell(Sale::new().line(Item::new("ART-0002")).shop("Kiosk"));
    assert_eq!(stage.receive().await[0].delivered, 1);
    let article = stage.central.find("product.product", "default_code", "ART-0002").unwrap();
    assert_eq!(stage.central.sale_orders()[0].lines[0].link("product_id"), Some(article.id));
}

#[tokio::test]
async fn a_total_that_differs_is_adjusted_within_the_limit_and_a_problem_beyond() {
    let stage = Stage::with(1, "rounding = { product = \"POS-ROUND\", limit = \"0.05\" }\n", |_| {}).await;
    let branch = &stage.branches[0];
    // Central keeps two decimals of a quantity: 0.125 becomes 0.13.
    branch.sell(Sale::new().line(Item::new("ART-0004").qty("0.125").price("7.90")));
    branch.sell(Sale::new().line(Item::new("ART-0004").qty("0.125").price("100")));
    let report = &stage.receive().await[0];
    assert_eq!((report.delivered, report.adjusted, report.failed), (1, 1, 1), "{report:?}");
    let failed = stage.failed();
    assert_eq!(failed[0].problems[0].cause(), "total_differs");
    assert!(failed[0].problems[0].next_step().contains("Product Unit"));
    // Somebody mends the draft; the retry only looks.
    let draft = failed[0].central_id.unwrap();
    let line = stage.central.sale_orders().into_iter().find(|d| d.order.id == draft).unwrap().lines[0].id;
    stage.central.update("sale.order.line", line, [("product_uom_qty", 1.into()), ("price_unit", 12.5.into())]).unwrap();
    stage.store().retry(&Filter::default(), false, Timestamp::now()).unwrap();
    stage.run(Request { deliver_only: true, ..Request::default() }).await;
    assert_eq!(stage.failed(), []);
    stage.assert_exactly_once();
}

#[tokio::test]
async fn a_shop_that_the_branch_does_not_have_is_a_problem_and_not_silence() {
    let stage = Stage::with(1, "shops = [\"Shop b1\", \"Kiosc\"]\n", |_| {}).await;
    stage.branches[0].sell(Sale::new().line(Item::new("ART-0001")));
    let report = &stage.receive().await[0];
    assert_eq!((report.cause.as_deref(), report.read), (Some("shop_not_found"), 0));
    assert!(report.error.as_ref().unwrap().contains("Kiosc"), "{report:?}");
    stage.write_settings(&["b1".to_owned()], "shops = [\"Shop b1\"]\n");
    assert_eq!(stage.receive().await[0].delivered, 1);
}
