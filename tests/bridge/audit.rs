//! What an audit finds in tables of the two sides, what it costs, and what it says of what it could not see.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use posbridge::demo::{Db, Item, Mishap, Sale, Value, When};
use posbridge::sync::{AUDIT_DAYS, AuditReport, Bridge, FindingKind, audit};
use rust_decimal::Decimal;

use crate::stage::{Stage, ledger_bytes};

/// Articles that each branch sells.
const SOLD: [&str; 8] = ["ART-0001", "ART-0002", "ART-0003", "ART-0004", "ART-0005", "ART-0006", "ART-0007", "ART-0008"];

/// Branches that agree with central and do as they should.
async fn clean(branches: usize) -> Stage {
    let stage = Stage::with(branches, "salespeople = { anna = \"anna@example.com\" }", |_| {}).await;
    for branch in &stage.branches {
        tracked(branch, true, &[]);
        for article in SOLD {
            branch.sell(Sale::new().line(Item::new(article).qty("3")).cashier("anna"));
        }
    }
    stage
}

/// Switches Track Inventory of all goods, or of some.
fn tracked(db: &Db, on: bool, references: &[&str]) {
    let leaf = |field: &str, operator: &str, value: Value| Value::Array(vec![field.into(), operator.into(), value]);
    let mut domain = vec![leaf("type", "=", "consu".into())];
    if !references.is_empty() {
        domain.push(leaf("default_code", "in", references.to_vec().into()));
    }
    db.edit("product.template", Value::Array(domain), [("is_storable", on.into())]).unwrap();
}

async fn look(stage: &Stage) -> AuditReport {
    let config = stage.config();
    let branches = config.branches.clone();
    let bridge = Arc::new(Bridge::open(config, "test").unwrap());
    let central = bridge.central().unwrap();
    let report = audit(&bridge, &central, &branches, AUDIT_DAYS).await.unwrap();
    central.remember(&bridge).unwrap();
    report
}

type Found = BTreeSet<(FindingKind, String, String)>;

fn found(report: &AuditReport) -> Found {
    let branch = |branch: &Option<String>| branch.clone().unwrap_or_default();
    report.findings.iter().map(|finding| (finding.kind, branch(&finding.branch), finding.subject.clone())).collect()
}

fn product(db: &Db, reference: &str) -> i64 {
    db.find("product.product", "default_code", reference).unwrap().id
}

fn template(db: &Db, reference: &str) -> i64 {
    db.find("product.template", "default_code", reference).unwrap().id
}

fn session(db: &Db) -> i64 {
    db.records("pos.session")[0].id
}

/// The location that the first shop sells out of.
fn stock(db: &Db) -> i64 {
    db.find("stock.location", "name", "Stock").unwrap().id
}

#[tokio::test]
async fn nothing_is_found_at_branches_that_agree_and_nothing_is_written() {
    let stage = clean(3).await;
    let ledger = {
        look(&stage).await; // logs in, once
        ledger_bytes(&stage)
    };
    let (writes, logins) = (stage.writes(), stage.server.calls("common", "authenticate"));
    let report = look(&stage).await;
    assert_eq!((&report.findings, &report.unchecked), (&vec![], &vec![]));
    assert!(report.clean() && report.branches.iter().all(|branch| (branch.shops, branch.products) == (1, SOLD.len())), "{report:?}");
    assert_eq!((stage.writes(), stage.server.calls("common", "authenticate")), (writes, logins));
    assert!(ledger_bytes(&stage) == ledger, "the ledger was written");
}

#[tokio::test]
async fn an_audit_costs_the_same_calls_however_much_was_sold() {
    let stage = clean(2).await;
    let (before, report) = (stage.calls(), look(&stage).await);
    let few = stage.calls() - before;
    assert_eq!((report.branches[0].calls, report.branches[1].calls, report.central_calls), (14, 14, 5), "{report:?}");
    stage.branches[0].sell_random(400, 3);
    let before = stage.calls();
    look(&stage).await;
    assert!(stage.calls() - before <= few, "{} calls, and {few} with little sold", stage.calls() - before);
}

#[tokio::test]
async fn all_that_is_planted_is_found_and_nothing_else() {
    let stage = clean(2).await;
    let (b1, b2) = (&stage.branches[0], &stage.branches[1]);
    let at = |db: &Db, reference: &str, field: &str, value: Value| {
        db.update("product.template", template(db, reference), [(field, value)]).unwrap();
    };
    for branch in [b1, b2] {
        let values = [("default_code", Value::from("NEW-1")), ("barcode", "4711".into())];
        branch.update("product.product", product(branch, "ART-0001"), values).unwrap();
    }
    at(b2, "NEW-1", "list_price", 9.0.into());
    at(b1, "ART-0002", "list_price", 1.5.into());
    at(b1, "ART-0003", "taxes_id", Value::Array(vec![Value::Array(vec![6.into(), 0.into(), Value::Array(vec![])])]));
    b1.update("product.product", product(b1, "ART-0004"), [("barcode", "471100".into())]).unwrap();
    tracked(b1, false, &["ART-0005"]);
    let quant = [("product_id", product(b1, "ART-0006").into()), ("location_id", stock(b1).into()), ("quantity", Value::Double(-2.0))];
    b1.insert("stock.quant", quant).unwrap();
    // Nobody takes from there, and what is not counted cannot be missing.
    let elsewhere = b1.insert("stock.location", [("name", "Scrap".into()), ("usage", "inventory".into())]).unwrap();
    let apart = [("product_id", product(b1, "ART-0006").into()), ("location_id", elsewhere.into()), ("quantity", Value::Double(-2.0))];
    b1.insert("stock.quant", apart).unwrap();
    let place = [("name", "Shop b1".into()), ("usage", "internal".into()), ("location_id", stock(b1).into())];
    b1.insert("stock.location", place).unwrap();
    let moved = |state: &str| [("name", format!("WH/POS/{state}").into()), ("state", state.into()), ("pos_session_id", session(b1).into())];
    b1.insert("stock.picking", moved("assigned")).unwrap();
    // The rest of a sale of which a part moved.
    let done = b1.insert("stock.picking", moved("done")).unwrap();
    let rest = [("name", "WH/POS/rest".into()), ("state", "confirmed".into()), ("backorder_id", done.into())];
    b1.insert("stock.picking", rest).unwrap();
    b2.sell(Sale::new().line(Item::new("ART-0008")).cashier("ben"));
    b2.close_sessions().unwrap();
    let counted = b2.record("pos.session", session(b2)).unwrap().amount("cash_register_balance_end_real");
    let counted: f64 = (counted - Decimal::from(5)).to_string().parse().unwrap();
    b2.update("pos.session", session(b2), [("cash_register_balance_end_real", Value::Double(counted))]).unwrap();

    let expected = [
        (FindingKind::UnknownProduct, "b1", "[NEW-1] Article 1"),
        (FindingKind::UnknownProduct, "b2", "[NEW-1] Article 1"),
        (FindingKind::BranchesDiffer, "", "[NEW-1] Article 1"),
        (FindingKind::PriceDiffers, "b1", "[ART-0002] Article 2"),
        (FindingKind::TaxDiffers, "b1", "[ART-0003] Article 3"),
        (FindingKind::BarcodeDiffers, "b1", "[ART-0004] Article 4"),
        (FindingKind::NotTracked, "b1", "[ART-0005] Article 5"),
        (FindingKind::NegativeStock, "b1", "[ART-0006] Article 6"),
        (FindingKind::MainLocation, "b1", "Shop b1"),
        (FindingKind::FailedStockMoves, "b1", "Shop b1/00001"),
        (FindingKind::CashDifference, "b2", "Shop b2/00001"),
        (FindingKind::UnmappedSeller, "b2", "ben"),
    ];
    let expected: Found = expected.map(|(kind, branch, subject)| (kind, branch.to_owned(), subject.to_owned())).into();
    let report = look(&stage).await;
    assert_eq!((found(&report), &report.unchecked), (expected, &vec![]));
    let moves = report.findings.iter().find(|finding| finding.kind == FindingKind::FailedStockMoves).unwrap();
    assert!(moves.what.contains("WH/POS/assigned, WH/POS/rest"), "{moves:?}");
}

#[tokio::test]
async fn sessions_left_open_and_shops_that_sell_nothing() {
    let stage = Stage::with(1, "", |branch| branch.more_shops = vec!["Station".into(), "New".into()]).await;
    let branch = &stage.branches[0];
    tracked(branch, true, &[]);
    branch.sell(Sale::new().line(Item::new("ART-0001")));
    let long_ago = Timestamp::now().as_second() - 50 * 24 * 3_600;
    let time = |seconds: i64| Value::from(Timestamp::from_second(seconds).unwrap().strftime("%Y-%m-%d %H:%M:%S").to_string());
    for shop in ["Shop b1", "Station"] {
        let shop = branch.find("pos.config", "name", shop).unwrap().id;
        branch.update("pos.config", shop, [("create_date", time(long_ago))]).unwrap();
    }
    branch.update("pos.session", session(branch), [("start_at", time(long_ago))]).unwrap();
    let report = look(&stage).await;
    let kinds: Vec<(FindingKind, String)> = report.findings.iter().map(|finding| (finding.kind, finding.subject.clone())).collect();
    let expected = [
        (FindingKind::MainLocation, "New"),
        (FindingKind::MainLocation, "Shop b1"),
        (FindingKind::MainLocation, "Station"),
        (FindingKind::LongSession, "Shop b1"),
        (FindingKind::SoldNothing, "Station"),
    ];
    assert_eq!(kinds, expected.map(|(kind, subject)| (kind, subject.to_owned())));
    assert_eq!(report.findings[3].numbers["days"], "50");
}

#[tokio::test]
async fn what_the_user_may_not_see_is_said_and_the_rest_is_looked_at() {
    let stage = clean(1).await;
    let branch = &stage.branches[0];
    let denied = "You are not allowed to access 'Transfer' (stock.picking) records.\n\nThis operation is allowed for the following \
                  groups:\n\t- Inventory / User\n\nContact your administrator to request access if necessary.";
    stage.server.inject(When::call("stock.picking", "search_read").always(), Mishap::fault(4, denied));
    tracked(branch, false, &["ART-0005"]);
    let report = look(&stage).await;
    let kinds: Vec<FindingKind> = report.findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [FindingKind::NotTracked]);
    let told: Vec<(&str, &str)> = report.unchecked.iter().map(|unchecked| (unchecked.check.as_str(), unchecked.cause.as_str())).collect();
    assert_eq!(told, [("stock moves that failed", "right_missing")]);
    assert!(report.unchecked[0].fix.contains("Inventory / User"), "{:?}", report.unchecked);
    assert!(!report.clean());
}

#[tokio::test]
async fn an_older_odoo_is_asked_in_its_own_words() {
    let stage = clean(1).await;
    tracked(&stage.branches[0], false, &["ART-0005"]);
    let wanted = found(&look(&stage).await);
    for model in ["pos.order", "pos.order.line"] {
        let words = format!("Traceback\nAttributeError: The method '{model}.formatted_read_group' does not exist\n");
        stage.server.inject(When::call(model, "formatted_read_group").always(), Mishap::fault(1, &words));
    }
    let report = look(&stage).await;
    assert_eq!((found(&report), &report.unchecked), (wanted, &vec![]));
    assert_eq!(report.branches[0].products, SOLD.len());
}

#[tokio::test]
async fn a_branch_or_a_central_that_does_not_answer_is_said_and_hides_nothing_of_the_others() {
    let stage = clean(2).await;
    for branch in &stage.branches {
        tracked(branch, false, &["ART-0005"]);
    }
    stage.server.inject(When::any().database("b2").always(), Mishap::page(404, "gone"));
    let report = look(&stage).await;
    assert_eq!(found(&report).len(), 1);
    assert_eq!(report.branches[1].cause.as_deref(), Some("not_odoo"), "{report:?}");
    assert!(!report.clean());

    stage.server.clear_mishaps();
    stage.server.inject(When::call("product.product", "search_read").database("central").always(), Mishap::page(404, "gone"));
    let report = look(&stage).await;
    assert_eq!(found(&report).len(), 2, "{report:?}");
    assert_eq!(report.unchecked.len(), 1);
    assert_eq!((report.unchecked[0].branch.as_str(), report.unchecked[0].cause.as_str()), ("central", "not_odoo"));
}
