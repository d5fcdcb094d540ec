use axum::http::StatusCode;

use super::*;
use crate::model::PosOrder;
use crate::store::{Conclusion, Store, TrailFilter, Verdict};
use crate::web::testing::Stage;

fn code(branch: &str) -> crate::model::BranchCode {
    crate::model::BranchCode::new(branch).unwrap()
}

/// An order of a branch, as it came from there.
pub(in crate::web) fn order(id: i64, reference: &str, product: &str) -> PosOrder {
    let line = serde_json::json!({"id": id, "order_id": [id, "x"], "product_id": [31, product], "full_product_name": product, "qty": "2",
        "price_unit": "10.00", "discount": "10", "price_subtotal_incl": "18.00", "tax_ids_after_fiscal_position": [5], "customer_note": "to go"});
    let order = serde_json::json!({
        "id": id, "uuid": format!("u-{id}"), "name": "x", "pos_reference": reference, "date_order": "2026-11-20 10:00:00",
        "write_date": "2026-11-20 10:00:00", "state": "paid", "session_id": [1, "S/1"], "config_id": [1, "Till 1"], "company_id": [1, "Tirana"],
        "employee_id": [7, "Anna"], "currency_id": [1, "EUR"], "amount_total": "1234.50", "amount_tax": "3.00", "amount_paid": "1234.50",
        "lines": [line], "payment_ids": [
            {"id": 2 * id, "pos_order_id": [id, "x"], "payment_method_id": [1, "Cash"], "amount": "1240.00"},
            {"id": 2 * id + 1, "pos_order_id": [id, "x"], "payment_method_id": [1, "Cash"], "amount": "-5.50", "is_change": true}]
    });
    serde_json::from_value(order).unwrap()
}

/// Keeps an order of a branch that waits for a product of central. Returns its record.
pub(in crate::web) fn waits(store: &Store, branch: &str, id: i64, reference: &str, product: &str) -> i64 {
    let now = Timestamp::now();
    let taxes =
        serde_json::json!({"id": 5, "name": "VAT <20%>", "amount": "20", "amount_type": "percent", "price_include": true}).to_string();
    let known = serde_json::json!({"id": 31, "name": product, "default_code": "BAG01"}).to_string();
    let records = [("account.tax", 5, taxes), ("product.product", 31, known)];
    store.keep(&code(branch), &[order(id, reference, product)], &records, None, now).unwrap();
    let found = store.log(&Filter { branch: Some(branch.to_owned()), ..Filter::default() }).unwrap();
    let record = found.iter().find(|entry| entry.remote_id == id).unwrap().id;
    let problem =
        crate::problem::Problem::ProductNotFound { name: product.to_owned(), barcode: None, default_code: Some("BAG01".to_owned()) };
    let verdict = Verdict::Failed { problems: vec![problem], draft: None, unknown: false };
    store.conclude(&[Conclusion { record, waited_for: None, verdict, judged: None }], 80, now).unwrap();
    record
}

const HOSTILE: &str = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'\u{202e}";

#[tokio::test]
async fn a_group_is_tried_again_or_ignored_as_a_whole_and_the_trail_says_so() {
    let stage = Stage::new();
    for id in 1..=3 {
        waits(&stage.store, "tirana", id, &format!("R-{id}"), "Bag");
    }
    waits(&stage.store, "durres", 4, "R-4", "Bag");
    let page = stage.get(Role::Operator, "/log?state=failed").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("4 orders wait for product [BAG01]") && page.text.contains("Try again (all)"), "{}", page.text);
    assert!(page.text.contains("1,234.50 EUR") && page.text.contains("R-4") && page.text.contains("durres shop"));
    let looks = stage.get(Role::Viewer, "/log").await.text;
    assert!(looks.contains("4 orders wait for") && !looks.contains("<form method=\"post\" action=\"/log"), "a viewer looks");
    assert!(!looks.contains("action=\"/log/retry\""));
    let group =
        [("waits_for", "product_not_found:[BAG01]"), ("state", "failed"), ("branch", "tirana"), ("back", "state=failed&branch=tirana")];
    let answer = stage.post(Role::Operator, "/log/retry", &group).await;
    assert_eq!((answer.status, answer.location.as_deref()), (StatusCode::SEE_OTHER, Some("/log?branch=tirana&state=failed")));
    let pending = stage.store.log(&Filter { state: Some(State::Pending), ..Filter::default() }).unwrap();
    assert_eq!(pending.len(), 3, "those of the branch that was looked at");
    assert_eq!(stage.store.take_wishes().unwrap(), [(code("tirana"), Direction::Receive)], "and the daemon goes at once");
    let said = stage.get(Role::Operator, "/log").await.text;
    assert!(said.contains("3 records are tried again now."), "{said}");
    let all = [("waits_for", "product_not_found:[BAG01]"), ("state", "failed"), ("reason", " ")];
    stage.post(Role::Operator, "/log/ignore", &all).await;
    assert_eq!(stage.store.log(&Filter { state: Some(State::Ignored), ..Filter::default() }).unwrap().len(), 0, "not without a reason");
    let all =
        [("waits_for", "product_not_found:[BAG01]"), ("state", "failed"), ("reason", "test sales"), ("back", "//evil.example/?x=\r\ny")];
    let answer = stage.post(Role::Operator, "/log/ignore", &all).await;
    assert_eq!(answer.location.as_deref(), Some("/log"));
    let ignored = stage.store.log(&Filter { state: Some(State::Ignored), ..Filter::default() }).unwrap();
    assert_eq!((ignored.len(), ignored[0].reason.as_deref()), (1, Some("test sales")));
    let trail: Vec<(String, String)> =
        stage.store.trail(&TrailFilter::default()).unwrap().into_iter().map(|done| (done.action, done.detail)).collect();
    assert_eq!(trail[0], ("ignore".to_owned(), "1 × product_not_found:[BAG01]: test sales".to_owned()));
    assert_eq!(trail[1], ("retry".to_owned(), "3 × product_not_found:[BAG01]".to_owned()));
    for nothing in [vec![], vec![("state", "failed")], vec![("waits_for", "x")], vec![("waits_for", "x"), ("state", "done")]] {
        assert_eq!(stage.post(Role::Operator, "/log/retry", &nothing).await.status, StatusCode::BAD_REQUEST, "never everything by mistake");
    }
}

#[tokio::test]
async fn filters_stand_in_the_address_and_nonsense_filters_nothing() {
    let stage = Stage::new();
    waits(&stage.store, "tirana", 1, "Order 00001-001-0001", "Bag");
    waits(&stage.store, "durres", 2, "Order 00002-001-0001", "Bag");
    let shows = async |query: &str| {
        let text = stage.get(Role::Viewer, &format!("/log{query}")).await.text;
        (text.contains("00001-001"), text.contains("00002-001"))
    };
    assert_eq!(shows("").await, (true, true));
    assert_eq!(shows("?branch=durres").await, (false, true));
    assert_eq!(shows("?text=00001-001").await, (true, false));
    assert_eq!(shows("?text=%23999").await, (false, false));
    assert_eq!(shows("?state=done").await, (false, false));
    assert_eq!(shows("?to=2020-01-01").await, (false, false));
    assert_eq!(shows("?from=2020-01-01&to=9999-12-31").await, (true, true));
    assert_eq!(shows("?state=x&from=x&to=-1&after=x&direction=%00").await, (true, true));
    let chosen = stage.get(Role::Viewer, "/log?branch=durres&cause=product_not_found").await.text;
    assert!(chosen.contains("<option value=\"durres\" selected>") && chosen.contains("<option value=\"product_not_found\" selected>"));
}

#[tokio::test]
async fn a_page_goes_on_where_the_one_before_ended_and_stays_small() {
    let stage = Stage::new();
    let orders: Vec<PosOrder> = (1..=120).map(|id| order(id, &format!("R-{id:03} {}", HOSTILE.repeat(3)), "Bag")).collect();
    stage.store.keep(&code("tirana"), &orders, &[], None, Timestamp::now()).unwrap();
    let (mut path, mut seen, mut pages) = ("/log".to_owned(), 0, 0);
    loop {
        let page = stage.get(Role::Viewer, &path).await.text;
        assert!(page.len() < 100_000, "{} bytes", page.len());
        seen += page.matches("<td class=\"num\" data-name=\"No.\">").count();
        pages += 1;
        let Some((before, _)) = page.split_once("\">Older</a>") else { break };
        path = before.rsplit_once("href=\"").unwrap().1.replace("&#38;", "&").replace("&amp;", "&");
    }
    assert_eq!((seen, pages), (120, 3));
}

#[tokio::test]
async fn hostile_texts_stay_texts_on_the_page_and_in_the_file() {
    let stage = Stage::new();
    waits(&stage.store, "tirana", 1, HOSTILE, HOSTILE);
    waits(&stage.store, "tirana", 2, "=HYPERLINK(\"http://x\")", "@SUM(1)");
    for path in ["/log", "/log?text=%3Cscript%3E&branch=%22%3E%3Cb%3E&cause=%3Ci%3E&from=%22%3E", "/record/1"] {
        let page = stage.get(Role::Operator, path).await.text;
        assert!(!page.contains("<script>alert") && !page.contains("<img src=x") && !page.contains("\"><b>"), "{path}: {page}");
        assert!(!page.contains('\u{202e}'), "{path}");
    }
    let file = stage.get(Role::Viewer, "/log.csv").await;
    assert_eq!(file.headers["content-type"], "text/csv; charset=utf-8");
    assert!(file.headers["content-disposition"].to_str().unwrap().starts_with("attachment"));
    assert!(file.text.contains("\"'=HYPERLINK(\"\"http://x\"\")\""), "{}", file.text);
    assert!(file.text.contains("\"1234.50\"") && file.text.contains("product_not_found"));
}

#[tokio::test]
async fn the_log_is_in_german_too() {
    let stage = Stage::new();
    waits(&stage.store, "tirana", 1, "R-1", "Bag");
    let page = stage.get_in(Role::Operator, "/log", "de").await.text;
    for text in ["Protokoll", "fehlgeschlagen", "Kassenauftrag", "1.234,50 EUR", "Erneut versuchen (alle)", "Zustand"] {
        assert!(page.contains(text), "{text}: {page}");
    }
}
