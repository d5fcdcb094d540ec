use std::collections::HashMap;

use axum::http::StatusCode;
use jiff::civil::date;

use super::*;
use crate::model::PosOrder;
use crate::store::DayState;
use crate::web::testing::{Stage, settings};

/// What a branch's people, or somebody at a till, may have typed.
const HOSTILE: [&str; 5] =
    ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "=HYPERLINK(\"http://evil.example\")", "{{7*7}}", "' onload='x"];

fn code(text: &str) -> BranchCode {
    BranchCode::new(text).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn order(id: i64, date_order: &str, total: &str, name: &str) -> PosOrder {
    serde_json::from_value(serde_json::json!({
        "id": id, "uuid": format!("u-{id}"), "pos_reference": format!("R{id}"), "date_order": date_order, "write_date": date_order,
        "state": "paid", "company_id": [1, "C"], "user_id": [5, format!("Anna {name}")], "currency_id": [1, "EUR"],
        "amount_total": total, "amount_tax": "0", "amount_paid": total,
        "lines": [{"id": id, "order_id": [id, "x"], "product_id": [36, format!("[A-{name}] {name}")], "qty": if total.starts_with('-') { "-1" } else { "1.5" },
            "price_unit": total.trim_start_matches('-'), "discount": "0", "price_subtotal_incl": total}],
        "payment_ids": [{"id": id, "pos_order_id": [id, "x"], "payment_method_id": [1, format!("Cash {name}")], "amount": total}]
    }))
    .unwrap()
}

fn keep(stage: &Stage, branch: &str, orders: &[PosOrder]) {
    stage.store.keep(&code(branch), orders, &[], None, at("2026-11-20T12:00:00Z")).unwrap();
}

fn count(stage: &Stage) {
    let zones: HashMap<String, TimeZone> =
        stage.config.branches.iter().map(|branch| (branch.code.to_string(), branch.timezone.clone())).collect();
    while stage.store.count_sales(&zones, 100).unwrap().more {}
}

fn session(stage: &Stage, name: &str, difference: &str) {
    let report = serde_json::json!({
        "id": 7, "name": name, "shop": "Shop", "state": "closed", "rescue": false, "start_at": "2026-11-20 07:05:00",
        "stop_at": "2026-11-20 19:10:00", "currency": "EUR", "opening": "100.00", "closing": "1190.00", "cash_moves": "-10.00",
        "expected": "1200.00", "difference": difference, "orders": 3, "drafts": 0, "cancelled": [], "orders_total": "1234.50",
        "payments_total": "1234.50", "payments": [], "gaps": [], "findings": []
    });
    let state = DayState {
        branch: "tirana".into(),
        day: date(2026, 11, 20),
        first_checked_at: None,
        proved_at: None,
        verdict: "equal".into(),
        for_a_person: 0,
        findings: 0,
        failed_at: None,
        error: None,
    };
    let row = SessionRow { id: 7, day: date(2026, 11, 20), report: report.to_string() };
    stage.store.put_day(&state, "{}", &[row], at("2026-11-21T03:30:00Z")).unwrap();
}

/// A day of two branches, with a session.
fn sold() -> Stage {
    let stage = Stage::new();
    let morning = "2026-11-20 08:10:00";
    keep(&stage, "tirana", &[order(1, morning, "1234.50", "Bag"), order(2, "2026-11-20 16:00:00", "-34.50", "Bag")]);
    // Half past midnight in Tirana: the next day.
    keep(&stage, "tirana", &[order(3, "2026-11-20 23:30:00", "7.00", "Cap")]);
    keep(&stage, "durres", &[order(1, morning, "50.00", "Cap")]);
    session(&stage, "Shop/00007", "-10.00");
    stage
}

#[tokio::test]
async fn a_day_is_told_by_everything() {
    let stage = sold();
    let waiting = stage.get(Role::Viewer, "/sales?from=2026-11-20&to=2026-11-20").await.text;
    assert!(waiting.contains("4 orders are still being counted") && waiting.contains("Nothing was sold here"), "{waiting}");
    count(&stage);
    let page = stage.get(Role::Viewer, "/sales?from=2026-11-20&to=2026-11-20").await;
    assert_eq!(page.status, StatusCode::OK);
    let page = page.text;
    for part in [
        "<b>3</b>Orders",
        "<b>1,250.00 EUR</b>Amount",
        "<b>416.67 EUR</b>",
        "<b>-34.50 EUR</b>Given back",
        "<td>tirana shop</td><td class=\"num\">2</td><td class=\"num\">1,200.00</td><td class=\"num\">1</td><td class=\"num\">-34.50</td>",
        "<td>2026-11-20</td>",
        "<td>09:00</td><td class=\"num\">2</td><td class=\"num\">1,284.50</td>",
        "<td>17:00</td>",
        "<td>Anna Bag</td><td>tirana shop</td>",
        "<td>Cash Bag</td><td class=\"num\">2</td><td class=\"num\">1,200.00</td>",
        "<td>Bag</td><td>A-Bag</td><td class=\"num\">0.5</td><td class=\"num\">1</td><td class=\"num\">1,200.00</td>",
        "<td>Shop/00007</td><td>2026-11-20 08:05 CET</td><td>2026-11-20 20:10 CET</td>",
        "<td class=\"num\">100.00</td><td class=\"num\">-10.00</td><td class=\"num\">1,200.00</td><td class=\"num\">1,190.00</td><td class=\"num\">-10.00</td><td>EUR</td>",
        "each branch: Europe/Tirane.",
        "<svg role=\"img\"",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(!page.contains("still being counted") && !page.contains(" style="), "{page}");
    // The other day, and one branch of it.
    let next = stage.get(Role::Viewer, "/sales?from=2026-11-21&to=2026-11-21&branch=TIR").await.text;
    assert!(next.contains("<b>7.00 EUR</b>Amount") && next.contains("<td>00:00</td>"), "{next}");
    let durres = stage.get(Role::Viewer, "/sales?from=2026-11-01&to=2026-11-30&branch=Durres+shop,nowhere").await.text;
    assert!(durres.contains("<b>50.00 EUR</b>Amount") && durres.contains("No branch is called nowhere."), "{durres}");
    assert!(durres.contains("No session of this time was read yet"));
    let nobody = stage.get(Role::Viewer, "/sales?from=2026-11-01&to=2026-11-30&branch=nowhere").await.text;
    assert!(nobody.contains("Nothing was sold here") && !nobody.contains("Anna"), "{nobody}");
}

#[tokio::test]
async fn it_is_told_in_german_too() {
    let stage = sold();
    count(&stage);
    let page = stage.get_in(Role::Viewer, "/sales?from=2026-11-20&to=2026-11-20", "de").await.text;
    for part in ["Meistverkaufte Produkte", "1.250,00 EUR", "Interne Referenz", "Kassenbestand", "<td class=\"num\">-34,50</td>"] {
        assert!(page.contains(part), "{part} in {page}");
    }
    // A file's numbers are the same in each language.
    let file = stage.get_in(Role::Viewer, "/sales.csv?from=2026-11-20&to=2026-11-20&table=branches", "de").await.text;
    assert!(file.contains("\"tirana shop\",\"2\",\"1200.00\",\"1\",\"-34.50\",\"EUR\"\r\n"), "{file}");
}

#[tokio::test]
async fn each_table_is_there_as_a_file() {
    let stage = sold();
    count(&stage);
    let tables = [
        ("branches", "\"durres shop\",\"1\",\"50.00\",\"0\",\"0.00\",\"EUR\""),
        ("days", "\"2026-11-21\",\"1\",\"7.00\",\"0\",\"0.00\",\"EUR\""),
        ("hours", "\"09:00\",\"2\",\"1284.50\",\"EUR\""),
        ("cashiers", "\"Anna Bag\",\"tirana shop\",\"2\",\"1200.00\",\"EUR\""),
        ("methods", "\"Cash Cap\",\"2\",\"57.00\",\"EUR\""),
        ("products", "\"Bag\",\"A-Bag\",\"0.5\",\"1\",\"1200.00\",\"EUR\""),
        ("sessions", "\"Shop/00007\",\"2026-11-20 08:05 CET\""),
    ];
    for (table, row) in tables {
        let answer = stage.get(Role::Viewer, &format!("/sales.csv?from=2026-11-20&to=2026-11-21&table={table}")).await;
        let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        assert_eq!(header("content-type"), "text/csv; charset=utf-8");
        assert_eq!(header("content-disposition"), format!("attachment; filename=\"sales-{table}-2026-11-20-2026-11-21.csv\""));
        assert!(answer.text.contains(row), "{table}: {}", answer.text);
    }
    assert_eq!(stage.get(Role::Viewer, "/sales.csv?table=nothing").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn hostile_names_stay_names() {
    let stage = Stage::new();
    let orders: Vec<PosOrder> =
        HOSTILE.iter().zip(1..).map(|(name, id)| order(id, "2026-11-20 08:10:00", &format!("{id}.00"), name)).collect();
    keep(&stage, "tirana", &orders);
    let mut odd = order(9, "2026-11-20 08:10:00", "1.00", "x");
    odd.currency_id.as_mut().unwrap().name = HOSTILE[0].to_owned();
    keep(&stage, "tirana", &[odd]);
    session(&stage, HOSTILE[2], "0");
    count(&stage);
    let path = "/sales?from=2026-11-20&to=2026-11-20";
    let page = stage.get(Role::Viewer, path).await.text;
    let odd = stage.get(Role::Viewer, &format!("{path}&currency={}", encoded(HOSTILE[0]))).await.text;
    let asked = stage.get(Role::Viewer, &format!("{path}&branch={}", encoded(HOSTILE[1]))).await.text;
    for page in [&page, &odd, &asked] {
        assert!(!page.contains("<script>alert") && !page.contains("<img src=x") && !page.contains("\"' onload"), "{page}");
    }
    assert!(page.contains("&#60;script&#62;") && page.contains("{{7*7}}"), "{page}");
    let file = stage.get(Role::Viewer, "/sales.csv?from=2026-11-20&to=2026-11-20&table=sessions").await.text;
    assert!(file.contains("\"'=HYPERLINK(\"\"http://evil.example\"\")\""), "{file}");
}

#[tokio::test]
async fn whatever_stands_in_the_address_is_answered() {
    let stage = sold();
    count(&stage);
    for query in [
        "",
        "?span=today",
        "?span=yesterday",
        "?span=week",
        "?span=month",
        "?span=century&from=yesterday&to=-1",
        "?from=2026-11-30&to=2026-11-01",
        "?from=0001-01-01&to=9999-12-31",
        "?from=2026-11-01",
        "?to=2026-11-01&currency=XXX&branch=,,,",
        "?branch=a&branch=%00%ff",
    ] {
        let page = stage.get(Role::Viewer, &format!("/sales{query}")).await;
        assert_eq!(page.status, StatusCode::OK, "{query}");
    }
    let long = stage.get(Role::Viewer, "/sales?from=2024-01-01&to=2026-11-30").await.text;
    assert!(long.contains("At most 400 days") && long.contains("value=\"2025-10-27\"") && long.contains("1,257.00 EUR"), "{long}");
    let longest = format!("/sales?branch={}", "a".repeat(QUERY_MAX));
    assert_eq!(stage.get(Role::Viewer, &longest).await.status, StatusCode::BAD_REQUEST);
}

#[test]
fn spans_have_their_names() {
    let today = date(2026, 11, 19); // a Thursday
    assert_eq!(Span::Yesterday.days(today), (date(2026, 11, 18), date(2026, 11, 18)));
    assert_eq!(Span::Week.days(today), (date(2026, 11, 16), today));
    assert_eq!(Span::Week.days(date(2026, 11, 16)), (date(2026, 11, 16), date(2026, 11, 16)));
    assert_eq!(Span::Month.days(today), (date(2026, 11, 1), today));
    assert_eq!(Span::Today.days(today), (today, today));
}

#[tokio::test]
async fn a_full_page_stays_small() {
    let mut more = String::new();
    for n in 0..70 {
        more.push_str(&format!(
            "[branch.b{n}]\nname = \"Branch with a long name, number {n}\"\nurl = \"https://b{n}.example.com\"\ndatabase = \"b{n}\"\nuser = \"bridge\"\n\
             from = 2026-11-01\ncustomer = \"Walk-in\"\ntimezone = \"Europe/Tirane\"\n"
        ));
    }
    let stage = Stage::with(&settings(&more));
    let name = |n: i64| format!("{n} {}", "&".repeat(200));
    for n in 0..70 {
        let day = date(2026, 9, 1).saturating_add((n % 70).days());
        keep(&stage, &format!("b{n}"), &[order(n, &format!("{day} {:02}:00:00", n % 24), "1234.50", &name(n))]);
    }
    count(&stage);
    let page = stage.get(Role::Viewer, "/sales?from=2026-09-01&to=2026-11-30").await.text;
    assert!(page.contains("more; the CSV has them all"), "{page}");
    assert!(page.len() < 100_000, "{} bytes", page.len());
}
