//! Branches and central on different versions of Odoo, and a branch that is upgraded in the middle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::date;
use posbridge::demo::{Branch, Central, Db, Item, Mishap, OdooServer, RefundStyle, Sale, Version, When};
use posbridge::reconcile::Verdict;
use posbridge::store::{Entry, Filter, State};
use posbridge::sync::{self, AUDIT_DAYS, Bridge, audit, check, prove_days};
use rust_decimal::Decimal;

use crate::stage::{Stage, amount};

/// A central and one branch, each on a server of its own.
async fn across(branch: Version, central: Version, settings: &str) -> (Stage, OdooServer) {
    let (head, field) = (OdooServer::start_as(central).await.unwrap(), OdooServer::start_as(branch).await.unwrap());
    let walk_ins = vec!["Walk-in b1".to_owned()];
    let central = head.central("central", &Central { walk_ins, ..Central::default() });
    let seeded = Branch { employees: true, ..Branch::new("Shop b1") };
    let branches = vec![field.branch("b1", &seeded)];
    let stage = Stage { server: head, central, branches, directory: tempfile::tempdir().unwrap() };
    stage.write_settings(&["b1".to_owned()], settings);
    let file = stage.directory.path().join("branches.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let own = format!("[branch.b1]\nurl = \"{}\"\n", field.url());
    std::fs::write(&file, text.replace("[branch.b1]\n", &own)).unwrap();
    stage.seal();
    (stage, field)
}

const VERSIONS: [(Version, Version); 9] = [
    (Version::V14, Version::V19),
    (Version::V15, Version::V18),
    (Version::V16, Version::V17),
    (Version::V17, Version::V19),
    (Version::V18, Version::V18),
    (Version::V19, Version::V16),
    (Version::V19, Version::V14),
    (Version::V14, Version::V14),
    (Version::V18, Version::V15),
];

/// Every paid order is at central exactly once, under an external id of its number, with its total to the cent.
fn assert_exactly_once(stage: &Stage, told: &str) {
    let drafts = stage.drafts();
    let mut expected = 0;
    for order in stage.branches[0].records("pos.order") {
        if !matches!(order.text("state").as_str(), "paid" | "done" | "invoiced") {
            continue;
        }
        expected += 1;
        let begin = format!("b1-{}-", order.id);
        let own: Vec<_> = drafts.iter().filter(|(xid, _)| xid.starts_with(&begin)).collect();
        let [(_, draft)] = own.as_slice() else { panic!("{told}: {} drafts of order {}", own.len(), order.id) };
        assert_eq!(draft.total(), order.amount("amount_total").round_dp(2).normalize(), "{told}: order {}", order.id);
    }
    assert_eq!(stage.central.count("sale.order"), expected, "{told}: orders at central");
}

/// Whether all that is told of an order is that it was given back.
fn refunded(entry: &Entry) -> bool {
    entry.problems.iter().all(|problem| problem.cause() == "order_refunded")
}

/// The texts of all lines of an order's draft.
fn texts(stage: &Stage, order: i64) -> String {
    let drafts = stage.drafts();
    let begin = format!("b1-{order}-");
    let (_, draft) = drafts.iter().find(|(xid, _)| xid.starts_with(&begin)).unwrap_or_else(|| panic!("no draft of order {order}"));
    draft.lines.iter().map(|line| line.text("name") + "\n").collect()
}

#[tokio::test]
async fn every_kind_of_sale_of_each_version_arrives_once_with_its_total_at_each() {
    for (of, at) in VERSIONS {
        let told = format!("{of} -> {at}");
        let (stage, _field) = across(of, at, "").await;
        let branch = &stage.branches[0];
        let first = branch.sell(Sale::new().line(Item::new("ART-0001").qty("2").price("1.20")).pay("Cash", "5").change("2.60"));
        let noted = Sale::new().line(Item::new("ART-0002").discount("33.333")).line(Item::new("ART-0003").qty("0.125").note("slice"));
        let noted = branch.sell(noted.note("gift ✂ é漢 & < \""));
        branch.sell(Sale::new().line(Item::new("ART-0005").lot("L1").lot("L2")).partner("C001"));
        let combo = Item::new("COMBO").price("0").child(Item::new("ART-0001")).child(Item::new("ART-0002"));
        let combo = branch.sell(Sale::new().line(combo));
        branch.sell(Sale::new().line(Item::new("ART-0006")).tip("1.50").cashier("ben"));
        let invoiced = branch.sell(Sale::new().line(Item::new("ART-0007")).line(Item::new("DISC").price("-1.10")).invoiced(77));
        branch.sell(Sale::new().line(Item::new("ART-0008").price("1.2345").qty("3")).date("2026-01-02 03:04:05"));
        let till = branch.refund(first, RefundStyle::Till);
        let office = branch.refund(first, RefundStyle::BackOffice);
        branch.sell(Sale::new().line(Item::new("ART-0001")).state("draft"));
        branch.sell(Sale::new().line(Item::new("ART-0001")).state("cancel"));
        branch.sell_random(25, 3);
        let report = stage.receive().await.remove(0);
        assert_eq!((report.error, stage.failed()), (None, vec![]), "{told}");
        assert_exactly_once(&stage, &told);

        let name = branch.record("pos.order", first).unwrap().text("name");
        let refund = texts(&stage, till);
        match of {
            Version::V14 => assert!(refund.contains("\nRefund\n") && !refund.contains("Refund of"), "{told}: {refund}"),
            _ => assert_eq!(refund.matches(&format!("Refund of {name}\n")).count(), 2, "{told}: {refund}"),
        }
        let refund = texts(&stage, office);
        assert_eq!(refund.matches(&format!("Refund of {name}\n")).count(), 2, "{told}: {refund}");
        let note = texts(&stage, noted);
        assert!(note.contains("\nNote: gift ✂ é漢 & < \""), "{told}: {note}");
        assert_eq!(note.contains("slice"), of > Version::V14, "{told}: 14 has no notes on lines");
        let invoice = texts(&stage, invoiced);
        assert!(invoice.contains("Invoiced at the branch") && invoice.contains("do not invoice again"), "{told}: {invoice}");
        assert_eq!(texts(&stage, combo).contains("1 × "), of >= Version::V17, "{told}: combos came with 17");
        assert!(texts(&stage, first).contains("Paid: Cash 5.00, change 2.60; cashier "), "{told}");

        // All is done, and stays so.
        branch.close_sessions().unwrap();
        let report = stage.receive().await.remove(0);
        assert_eq!((report.delivered, report.error), (0, None), "{told}");
        assert!(
            stage.log(Filter::default()).iter().all(|entry| entry.state == State::Done && entry.problems.is_empty() || refunded(entry)),
            "{told}"
        );
        assert_exactly_once(&stage, &told);
    }
}

#[tokio::test]
async fn a_late_order_in_a_rescue_session_is_received() {
    for of in [Version::V14, Version::V16, Version::V17, Version::V18] {
        let (stage, _field) = across(of, Version::V19, "").await;
        let branch = &stage.branches[0];
        branch.sell_random(5, 1);
        let session = branch.session("Shop b1").unwrap();
        branch.close_session(session).unwrap();
        stage.receive().await;
        let late = branch.sell_late(Sale::new().line(Item::new("ART-0001")).date("2026-01-02 03:04:05"), session).unwrap();
        let report = stage.receive().await.remove(0);
        assert_eq!((report.delivered, report.error), (1, None));
        assert_exactly_once(&stage, &of.to_string());
        let drafts = stage.drafts();
        let (_, draft) = drafts.iter().find(|(xid, _)| xid.starts_with(&format!("b1-{late}-"))).unwrap();
        assert!(draft.order.text("origin").contains("RESCUE FOR"), "{}", draft.order.text("origin"));
    }
}

#[tokio::test]
async fn a_price_that_central_rounds_before_19_is_adjusted_or_told() {
    let fine = || Sale::new().line(Item::new("ART-0004").price("1.2345").qty("100"));
    for at in Version::ALL {
        let (stage, _field) = across(Version::V19, at, "").await;
        stage.branches[0].sell(fine());
        stage.receive().await;
        assert_exactly_once(&stage, &at.to_string());
        let adjusted = stage.log(Filter::default())[0].adjusted.clone();
        assert_eq!(adjusted.is_some(), at < Version::V19, "{at}: {adjusted:?}");
    }
    let (stage, _field) = across(Version::V19, Version::V18, "rounding = { product = \"POS-ROUND\", limit = \"0.05\" }\n").await;
    stage.branches[0].sell(fine());
    stage.receive().await;
    let failed = stage.failed();
    assert_eq!(failed[0].problems[0].cause(), "total_differs");
    let told = failed[0].problems[0].what() + &failed[0].problems[0].next_step();
    assert!(told.contains("123.45") && told.contains("123.0"), "{told}");
}

#[tokio::test]
async fn an_archived_product_is_taken_since_17_and_told_before() {
    for at in [Version::V14, Version::V16, Version::V17, Version::V19] {
        let (stage, _field) = across(Version::V18, at, "").await;
        stage.branches[0].sell(Sale::new().line(Item::new("ART-0001")));
        let archived = stage.central.find("product.product", "default_code", "ART-0001").unwrap();
        stage.central.archive("product.product", archived.id).unwrap();
        stage.receive().await;
        if at < Version::V17 {
            let failed = stage.failed();
            assert_eq!(failed[0].problems[0].cause(), "record_gone", "{at}: {failed:?}");
            assert!(failed[0].problems[0].next_step().contains("unarchive it"));
            stage.central.update("product.product", archived.id, [("active", true.into())]).unwrap();
            stage.store().retry(&Filter::default(), false, jiff::Timestamp::now()).unwrap();
            stage.receive().await;
        }
        assert_exactly_once(&stage, &at.to_string());
    }
}

#[tokio::test]
async fn a_missing_right_names_the_groups_as_the_version_calls_them() {
    for (of, group) in [(Version::V17, "User types / Internal User"), (Version::V19, "Role / User")] {
        let (stage, _field) = across(of, Version::V19, "").await;
        stage.branches[0].sell_random(2, 1);
        stage.branches[0].set_groups("bridge", &["Point of Sale / User"]);
        let report = stage.receive().await.remove(0);
        let told = report.error.unwrap_or_default() + &report.next_step.unwrap_or_default();
        assert!(told.contains(group), "{of}: {told}");
    }
}

#[tokio::test]
async fn a_branch_without_uuids_is_known_by_its_receipts() {
    for of in [Version::V14, Version::V17] {
        let (stage, field) = across(of, Version::V19, "").await;
        stage.branches[0].sell_random(12, 1);
        stage.receive().await;
        let file = stage.directory.path().join("branches.toml");
        let edit = |from: &str, to: &str| {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(text.contains(from));
            std::fs::write(&file, text.replace(from, to)).unwrap();
            stage.seal();
        };
        // The same database under another name.
        let mut moved = stage.branches[0].with(|database| database.clone());
        moved.name = "moved".to_owned();
        let moved = field.add(moved);
        moved.sell_random(3, 2);
        edit("database = \"b1\"", "database = \"moved\"");
        let report = stage.receive().await.remove(0);
        assert_eq!((report.delivered, report.error), (3, None), "{of}");
        // A strange one.
        let strange = field.branch("strange", &Branch::new("Shop b1"));
        strange.advance(7);
        strange.sell_random(4, 2);
        edit("database = \"moved\"", "database = \"strange\"");
        let report = stage.receive().await.remove(0);
        assert_eq!((report.cause.as_deref(), report.new), (Some("branch_unknown"), 0), "{of}");
    }
}

/// Ids of the branch's paid orders.
fn sold(branch: &Db) -> BTreeSet<i64> {
    branch.records("pos.order").iter().map(|order| order.id).collect()
}

#[tokio::test]
async fn a_branch_that_is_upgraded_overnight_doubles_nothing_loses_nothing_and_cries_no_wolf() {
    for (from, to) in [
        (Version::V17, Version::V19),
        (Version::V16, Version::V18),
        (Version::V14, Version::V16),
        (Version::V14, Version::V19),
        (Version::V18, Version::V19),
        (Version::V16, Version::V17),
    ] {
        let told = format!("{from} becomes {to}");
        let (stage, mut field) = across(from, Version::V19, "").await;
        let branch = &stage.branches[0];
        let first = branch.sell(Sale::new().line(Item::new("ART-0001").qty("2")).note("gift").partner("C001"));
        branch.sell(Sale::new().line(Item::new("ART-0007")).invoiced(77));
        branch.sell_random(20, 1);
        stage.receive().await;
        // Waits for a product, in doubt whether it was written, and not yet received.
        branch.insert("product.product", [("name", "New".into()), ("default_code", "XTRA-1".into()), ("list_price", 5.0.into())]).unwrap();
        let waits = branch.sell(Sale::new().line(Item::new("XTRA-1")));
        stage.receive().await;
        let doubt = branch.sell(Sale::new().line(Item::new("ART-0002")));
        let torn = branch.sell(Sale::new().line(Item::new("ART-0004")));
        stage.server.inject(When::call("sale.order", "load").always(), Mishap::drop_after());
        stage.receive().await;
        stage.server.clear_mishaps();
        let before = stage.drafts();
        let unread = branch.sell(Sale::new().line(Item::new("ART-0003")));

        // Where no field is gone, only the pass that found nobody there tells it at once.
        let silent = matches!((from, to), (Version::V14, Version::V16) | (Version::V16, Version::V17));
        if silent {
            field.go_down().await;
            assert!(stage.receive().await.remove(0).error.is_some());
            field.come_back().await.unwrap();
        }
        field.upgrade(to);
        // What the bridge keeps of these is new from now on, their uuids with it; one may be at central, the other never was.
        let customer = branch.find("res.partner", "ref", "C002").unwrap().id;
        for changed in [torn, waits] {
            branch.update("pos.order", changed, [("partner_id", customer.into())]).unwrap();
        }
        let name = branch.record("pos.order", first).unwrap().text("name");
        let refund = branch.refund(first, RefundStyle::Till);
        branch.sell_random(6, 2);
        let report = stage.receive().await.remove(0);
        assert_eq!(report.error, None, "{told}");
        assert_eq!(stage.failed().len(), 1, "{told}: what waits goes on waiting: {:?}", stage.failed());
        stage.central.insert("product.product", [("name", "New".into()), ("default_code", "XTRA-1".into())]).unwrap();
        stage.store().retry(&Filter::default(), false, jiff::Timestamp::now()).unwrap();
        stage.settle().await;
        // The closing writes each order once more, with the uuid that it has now.
        branch.close_sessions().unwrap();
        stage.settle().await;
        assert_exactly_once(&stage, &told);
        let after = stage.drafts();
        assert!(before.iter().all(|(xid, draft)| after.get(xid).is_some_and(|now| now.order.id == draft.order.id)), "{told}");
        assert!(after.keys().any(|xid| xid.starts_with(&format!("b1-{doubt}-"))), "{told}");
        for id in [waits, doubt, torn, unread] {
            assert!(sold(branch).contains(&id));
        }
        assert_eq!(stage.failed(), [], "{told}");
        assert_eq!(stage.store().branch_problems().unwrap(), [], "{told}");
        // The one that was refunded says so; nothing else is told of any.
        let causes: BTreeMap<i64, &str> =
            stage.log(Filter::default()).iter().filter_map(|entry| Some((entry.remote_id, entry.problems.first()?.cause()))).collect();
        assert_eq!(causes, [(first, "order_refunded"), (torn, "order_changed")].into(), "{told}");
        let uuid = branch.record("pos.order", waits).unwrap().text("uuid");
        assert_eq!(after.contains_key(&format!("b1-{waits}-{uuid}")), from.has_uuid(), "{told}: under the id of its first reception");
        assert!(texts(&stage, refund).contains(&format!("Refund of {name}\n")), "{told}: {}", texts(&stage, refund));
        // A day of both versions can be counted.
        let (ids, totals): (usize, Decimal) = (after.len(), after.values().map(|draft| draft.total()).sum());
        assert_eq!(ids, sold(branch).len(), "{told}");
        assert!(totals > amount("0"));
        let calls = field.stats().calls.get(&("pos.order".to_owned(), "fields_get".to_owned())).copied();
        stage.receive().await;
        assert_eq!(field.stats().calls.get(&("pos.order".to_owned(), "fields_get".to_owned())).copied(), calls, "asked once a version");
    }
}

#[tokio::test]
async fn a_ledger_that_did_not_see_the_upgrade_doubles_nothing_either() {
    for lost in [true, false] {
        let (stage, field) = across(Version::V17, Version::V19, "").await;
        let branch = &stage.branches[0];
        let state = stage.config().state;
        let backup = state.with_extension("backup");
        branch.sell_random(20, 1);
        stage.settle().await;
        let copied = std::process::Command::new("cp").arg("-a").args([&state, &backup]).status().unwrap();
        assert!(copied.success());
        // More than one batch.
        branch.sell_random(100, 2);
        stage.settle().await;
        let before = stage.drafts();
        branch.sell_random(5, 3);
        field.upgrade(Version::V19);
        branch.sell_random(5, 4);
        if lost {
            std::fs::remove_dir_all(&state).unwrap();
            stage.seal();
        } else {
            std::fs::remove_dir_all(&state).unwrap();
            std::fs::rename(&backup, &state).unwrap();
        }
        stage.settle().await;
        let told = if lost { "lost" } else { "put back" };
        assert_exactly_once(&stage, told);
        let after = stage.drafts();
        assert!(before.iter().all(|(xid, draft)| after.get(xid).is_some_and(|now| now.order.id == draft.order.id)), "{told}");
        assert_eq!((after.len(), stage.failed()), (130, vec![]), "{told}");
    }
}

#[tokio::test]
async fn a_central_that_is_upgraded_is_asked_anew_what_its_fields_are_called() {
    let (stage, _field) = across(Version::V19, Version::V17, "").await;
    stage.branches[0].sell_random(8, 1);
    stage.receive().await;
    stage.server.upgrade(Version::V19);
    stage.branches[0].sell_random(8, 2);
    stage.receive().await;
    stage.settle().await;
    assert_exactly_once(&stage, "17 becomes 19");
    assert_eq!(stage.failed(), []);
}

#[tokio::test]
async fn a_version_never_seen_is_served_where_its_fields_are_there() {
    for (serie, secret) in [("20.0", "bridge-key"), ("saas~19.2", "bridge-key"), ("20.0", "bridge"), ("saas~19.2", "bridge")] {
        let (stage, field) = across(Version::V19, Version::V19, "").await;
        stage.server.call_itself(serie);
        field.call_itself(serie);
        stage.seal_all(secret);
        stage.branches[0].sell_random(20, 1);
        stage.settle().await;
        assert_exactly_once(&stage, serie);
        let config = stage.config();
        let checked = check(&stage.store(), &config, &config.branches).await.unwrap();
        for side in &checked {
            let odoo = side.steps.iter().find(|step| step.step == "odoo").unwrap();
            assert_eq!(odoo.what, format!("Odoo {serie}"), "{}", side.side);
            let failed = side.steps.iter().find(|step| step.result == sync::Verdict::Failed);
            assert!(failed.is_none(), "{serie}: {failed:?}");
        }
    }
}

#[tokio::test]
async fn what_a_version_never_seen_lacks_is_named_and_nothing_is_lost() {
    let (stage, field) = across(Version::V19, Version::V19, "").await;
    stage.branches[0].sell_random(5, 1);
    stage.settle().await;
    field.call_itself("20.0");
    for name in ["amount_paid", "session_id"] {
        stage.branches[0].drop_field("pos.order", name);
    }
    stage.branches[0].drop_field("pos.order.line", "customer_note");
    stage.branches[0].sell_random(5, 2);
    let report = stage.receive().await.remove(0);
    assert_eq!(report.cause.as_deref(), Some("field_missing"), "{report:?}");
    let told = report.error.unwrap_or_default();
    assert!(told.contains("session_id, amount_paid") && !told.contains("customer_note"), "{told}");
    assert_eq!(stage.central.count("sale.order"), 5);
    let known = stage.store().endpoint("b1", &field.url(), "b1", "bridge").unwrap();
    assert_eq!((known.version.as_deref(), known.upgrade.map(|upgrade| upgrade.from).as_deref()), (Some("20.0"), Some("19.0")));
}

#[tokio::test]
async fn what_only_reads_works_at_each_version_on_both_sides() {
    for version in Version::ALL {
        let (stage, _field) = across(version, version, "salespeople = { anna = \"anna@example.com\" }").await;
        let branch = &stage.branches[0];
        branch.stop_clock("2026-11-10 12:00:00");
        stage.central.stop_clock("2026-11-10 12:00:00");
        branch.close_sessions().unwrap();
        let session = branch.open_session("Shop b1").unwrap();
        for article in ["ART-0001", "ART-0002", "ART-0003"] {
            branch.sell(Sale::new().line(Item::new(article).qty("3")).cashier("anna"));
        }
        let sold = branch.sell(Sale::new().line(Item::new("ART-0004")).cashier("anna").invoiced(7));
        branch.refund(sold, RefundStyle::BackOffice);
        branch.advance(3_600);
        branch.close_session(session).unwrap();
        stage.settle().await;

        let config = stage.config();
        let branches = config.branches.clone();
        let checked = check(&stage.store(), &config, &branches).await.unwrap();
        let failed: Vec<_> = checked.iter().flat_map(|side| &side.steps).filter(|step| step.result == sync::Verdict::Failed).collect();
        assert!(failed.is_empty(), "{version}: {failed:?}");

        let bridge = Arc::new(Bridge::open(config, "test").unwrap());
        let central = Arc::new(bridge.central().unwrap());
        let work = vec![(branches[0].clone(), vec![date(2026, 11, 10)])];
        let proof = prove_days(&bridge, &central, work).await.remove(0);
        assert_eq!((proof.days[0].verdict, proof.branch_orders, proof.central_orders), (Verdict::Equal, 5, 5), "{version}: {proof:?}");
        assert_eq!(proof.sessions.len(), 1, "{version}");
        assert!(proof.sessions[0].gaps.is_empty(), "{version}: older versions leave numbers out as they please");

        let report = audit(&bridge, &central, &branches, AUDIT_DAYS).await.unwrap();
        assert_eq!(report.unchecked, [], "{version}");
        assert_eq!((report.branches[0].shops, report.branches[0].products), (1, 4), "{version}");

        let side = posbridge::problem::Side::Branch(branches[0].code.clone());
        let connection = sync::log_in(side, &branches[0].endpoint, secrecy::SecretString::from("bridge")).await.unwrap();
        let choices = sync::branch_choices(&connection).await.unwrap();
        assert_eq!((choices.shops, choices.taxes.len()), (vec!["Shop b1".to_owned()], 4), "{version}");
    }
}
