//! What is counted, when it is counted anew, what never gets smaller, and what a look costs.

use std::time::Duration;

use jiff::civil::date;

use super::*;
use crate::config::Retention;
use crate::model::CentralId;
use crate::store::{Conclusion, Filter, Verdict};

fn code(text: &str) -> BranchCode {
    BranchCode::new(text).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn dec(text: &str) -> Amount {
    text.parse().unwrap()
}

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    (dir, store)
}

/// Tirana is an hour ahead of UTC in November.
fn zones() -> HashMap<String, TimeZone> {
    HashMap::from([("tirana".to_owned(), TimeZone::fixed(jiff::tz::offset(1)))])
}

fn order(id: i64, date_order: &str, total: &str) -> PosOrder {
    serde_json::from_value(serde_json::json!({
        "id": id, "uuid": format!("u-{id}"), "pos_reference": format!("R{id}"), "date_order": date_order, "write_date": date_order,
        "state": "paid", "company_id": [1, "C"], "user_id": [5, "Anna"], "currency_id": [1, "EUR"],
        "amount_total": total, "amount_tax": "0", "amount_paid": total,
        "lines": [{"id": id, "order_id": [id, "x"], "product_id": [36, "[A26] Article"], "qty": "1", "price_unit": total,
            "discount": "0", "price_subtotal_incl": total}],
        "payment_ids": [{"id": id, "pos_order_id": [id, "x"], "payment_method_id": [1, "Cash"], "amount": total}]
    }))
    .unwrap()
}

const NOON: &str = "2026-11-20T12:00:00Z";

fn keep(store: &Store, orders: &[PosOrder]) {
    store.keep(&code("tirana"), orders, &[], None, at(NOON)).unwrap();
}

fn count(store: &Store) -> usize {
    let mut days = 0;
    loop {
        let counted = store.count_sales(&zones(), 2).unwrap();
        days += counted.days;
        if !counted.more {
            return days;
        }
    }
}

/// `20: 3 orders 26.00` of each day.
fn told(store: &Store) -> Vec<String> {
    let rows = store.sales(None, date(2026, 11, 1), date(2026, 11, 30)).unwrap();
    rows.iter()
        .map(|row| format!("{} {}: {} {} {}", row.branch, row.day.day(), row.totals.orders, row.totals.amount, row.currency))
        .collect()
}

fn detail(store: &Store) -> SalesDetail {
    let rows = store.sales(None, date(2026, 11, 1), date(2026, 11, 30)).unwrap();
    store.sales_in_detail(&rows, 10, 100).unwrap().unwrap().remove("EUR").unwrap()
}

fn notes(store: &Store) -> i64 {
    store.read(|db| db.query_row("SELECT count(*) FROM uncounted", [], |row| row.get(0))).unwrap()
}

fn done(record: i64) -> Conclusion {
    let verdict = Verdict::Done { id: CentralId::new(record), name: format!("S{record:05}"), adjusted: None };
    Conclusion { record, waited_for: None, verdict, judged: None }
}

#[test]
fn days_are_those_of_the_branch_and_counted_once() {
    let (_dir, store) = store();
    keep(&store, &[order(1, "2026-11-20 08:00:00", "20.10"), order(2, "2026-11-20 22:59:59", "9.90")]);
    // Half past midnight in Tirana.
    keep(&store, &[order(3, "2026-11-20 23:30:00", "5.00"), order(4, "2026-11-22 10:00:00", "-1.00")]);
    assert_eq!(count(&store), 3);
    assert_eq!(told(&store), ["tirana 20: 2 30.00 EUR", "tirana 21: 1 5.00 EUR", "tirana 22: 1 -1.00 EUR"]);
    let detail = detail(&store);
    assert_eq!(detail.totals, Totals { orders: 4, amount: dec("34.00"), refunds: 1, refunded: dec("-1.00") });
    assert_eq!(detail.report.hours.keys().copied().collect::<Vec<_>>(), [0, 9, 11, 23]);
    assert_eq!(detail.cashiers.keys().collect::<Vec<_>>(), [&("tirana".to_owned(), "Anna".to_owned())]);
    // Nothing is written when there is nothing to count.
    let commits = store.commits();
    assert_eq!((count(&store), store.commits(), notes(&store)), (0, commits, 0));
}

#[test]
fn newer_content_counts_before_and_after_it_was_written() {
    let (_dir, store) = store();
    keep(&store, &[order(1, "2026-11-20 08:00:00", "20.00")]);
    keep(&store, &[order(1, "2026-11-20 08:00:00", "21.00")]);
    // The note of it is there already.
    keep(&store, &[order(1, "2026-11-20 08:00:00", "22.00")]);
    assert_eq!(count(&store), 1);
    assert_eq!(told(&store), ["tirana 20: 1 22.00 EUR"]);
    store.conclude(&[done(1)], 0, at(NOON)).unwrap();
    assert_eq!(notes(&store), 0, "what becomes of the draft changes nothing");
    keep(&store, &[order(1, "2026-11-20 08:00:00", "23.00")]);
    keep(&store, &[order(1, "2026-11-20 08:00:00", "24.00")]);
    assert_eq!(count(&store), 1);
    assert_eq!(told(&store), ["tirana 20: 1 24.00 EUR"]);
}

#[test]
fn sold_is_sold_unless_the_branch_itself_no_longer_has_it() {
    let (_dir, store) = store();
    keep(&store, &[order(1, "2026-11-20 08:00:00", "20.00"), order(2, "2026-11-20 09:00:00", "1.00")]);
    store.ignore(&Filter { ids: vec![1], ..Filter::default() }, "test sale", at(NOON)).unwrap();
    count(&store);
    assert_eq!(told(&store), ["tirana 20: 2 21.00 EUR"]);
    store.note_gone_at_branch(&code("tirana"), &[1], at(NOON)).unwrap();
    count(&store);
    assert_eq!(told(&store), ["tirana 20: 1 1.00 EUR"]);
    store.note_gone_at_branch(&code("tirana"), &[2], at(NOON)).unwrap();
    count(&store);
    assert_eq!(told(&store), Vec::<String>::new());
}

#[test]
fn a_day_never_gets_smaller_by_what_is_forgotten() {
    let (_dir, store) = store();
    keep(&store, &[order(1, "2026-11-20 08:00:00", "20.00"), order(2, "2026-11-20 09:00:00", "1.00")]);
    store.conclude(&[done(1)], 0, at(NOON)).unwrap();
    count(&store);
    let whole = detail(&store);
    let retention = Retention { payloads: Duration::from_secs(60), attempts: Duration::from_secs(86_400 * 400) };
    assert_eq!(store.clean(&retention, at("2026-11-25T12:00:00Z")).unwrap().payloads, 1);
    assert_eq!(notes(&store), 0, "forgetting is no change");
    // The other one changes: its day is no longer whole, and stays as it was.
    keep(&store, &[order(2, "2026-11-20 09:00:00", "2.00")]);
    assert_eq!((count(&store), notes(&store)), (1, 0));
    assert_eq!(detail(&store), whole);
    // Of a day that was never counted, the totals at least are known.
    store.write(|db| db.execute_batch("DELETE FROM sales; INSERT INTO uncounted VALUES (1);")).unwrap();
    count(&store);
    let SalesDetail { totals, report, cashiers } = detail(&store);
    assert_eq!((totals.orders, totals.amount, report.forgotten), (2, dec("22.00"), 1));
    assert_eq!(cashiers[&("tirana".to_owned(), String::new())].amount, dec("20.00"));
    assert_eq!(report.methods["Cash"].amount, dec("2.00"));
}

#[test]
fn a_time_that_is_none_stops_nothing() {
    let (_dir, store) = store();
    let odd = ["yesterday", "2026-11-20T08:00:00", "-000001-01-01 00:00:00", "9999-12-31 23:59:59", ""];
    let orders: Vec<PosOrder> = odd.iter().zip(1..).map(|(time, id)| order(id, time, "1.00")).collect();
    keep(&store, &orders);
    keep(&store, &[order(9, "2026-11-20 08:00:00", "20.00")]);
    count(&store);
    assert_eq!(notes(&store), 0);
    assert_eq!(told(&store)[0], "tirana 20: 1 20.00 EUR");
}

#[test]
fn of_many_notes_some_days_are_counted_at_a_time_newest_first() {
    let (_dir, store) = store();
    let orders: Vec<PosOrder> = (1..=9).map(|id| order(id, &format!("2026-11-{:02} 10:00:00", id), "1.00")).collect();
    keep(&store, &orders);
    assert_eq!(store.count_sales(&zones(), 2).unwrap(), Counted { days: 2, more: true });
    assert_eq!(told(&store), ["tirana 8: 1 1.00 EUR", "tirana 9: 1 1.00 EUR"]);
    assert_eq!((count(&store), told(&store).len()), (7, 9));
}

#[test]
fn today_is_told_of_here_and_of_central() {
    let (_dir, store) = store();
    keep(
        &store,
        &[order(1, "2026-11-20 08:00:00", "20.00"), order(2, "2026-11-20 22:30:00", "1.00"), order(3, "2026-11-20 23:30:00", "5.00")],
    );
    store.conclude(&[done(1), done(3)], 0, at(NOON)).unwrap();
    count(&store);
    let branches = [(code("tirana"), zones()["tirana"].clone()), (code("durres"), TimeZone::UTC)];
    let today = store.sold_today(&branches, at("2026-11-20T22:40:00Z")).unwrap();
    assert_eq!(today[0].day, date(2026, 11, 20));
    assert_eq!(today[0].here, BTreeMap::from([("EUR".into(), (2, dec("21.00")))]));
    assert_eq!(today[0].central, BTreeMap::from([("EUR".into(), (1, dec("20.00")))]));
    assert_eq!((today[1].branch.as_str(), today[1].here.len(), today[1].central.len()), ("durres", 0, 0));
    let tomorrow = store.sold_today(&branches, at("2026-11-20T23:00:00Z")).unwrap();
    assert_eq!((tomorrow[0].day, tomorrow[0].central["EUR"]), (date(2026, 11, 21), (1, dec("5.00"))));
}

#[test]
fn spans_and_details_have_their_limits() {
    let (_dir, store) = store();
    keep(&store, &[order(1, "2025-01-10 08:00:00", "20.00"), order(2, "2026-11-20 09:00:00", "1.00")]);
    count(&store);
    let all = store.sales(None, Date::MIN, date(2026, 11, 30)).unwrap();
    assert_eq!(all.len(), 1, "of a span that is too long, its end");
    assert_eq!(store.sales_in_detail(&all, 10, 0).unwrap(), None);
    assert_eq!(store.sales(Some(&[code("durres")]), Date::MIN, Date::MAX).unwrap(), []);
    let many: Vec<BranchCode> = (0..50).map(|n| code(&format!("b{n}"))).chain([code("tirana")]).collect();
    assert_eq!(store.sales(Some(&many), date(2026, 11, 1), date(2026, 11, 30)).unwrap(), all);
    assert_eq!(store.sales(Some(&many[..50]), date(2026, 11, 1), date(2026, 11, 30)).unwrap(), []);
}

#[test]
fn days_of_sales_go_with_the_days_of_the_agreement() {
    let (_dir, store) = store();
    keep(&store, &[order(1, "2026-11-20 08:00:00", "20.00")]);
    count(&store);
    store.clean(&Retention::default(), at("2027-12-24T12:00:00Z")).unwrap();
    assert_eq!(told(&store).len(), 1);
    store.clean(&Retention::default(), at("2027-12-27T12:00:00Z")).unwrap();
    assert_eq!(told(&store).len(), 0);
}

#[test]
fn nothing_here_walks_through_the_whole_ledger() {
    let (_dir, store) = store();
    let plan = |sql: &str| {
        let details = store.read(|db| {
            let mut query = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            query.raw_query().mapped(|row| row.get::<_, String>("detail")).collect::<rusqlite::Result<Vec<_>>>()
        });
        details.unwrap().join("; ")
    };
    for (sql, wanted) in [
        (OF_BRANCH, "SEARCH sales USING PRIMARY KEY (branch=? AND day>? AND day<?)"),
        (OF_DAYS, "SEARCH sales USING COVERING INDEX sales_day (day>? AND day<?)"),
        (AT_CENTRAL, "SEARCH record USING INDEX record_day (branch=? AND date_order>? AND date_order<?)"),
        (OF_DAY, "SEARCH record USING INDEX record_day (branch=? AND date_order>? AND date_order<?)"),
        (ALL_SESSIONS, "SEARCH session USING INDEX session_age (day>? AND day<?)"),
        (SESSIONS_OF, "SEARCH session USING INDEX session_day (branch=? AND day>? AND day<?)"),
        (NEXT, "SEARCH record USING INTEGER PRIMARY KEY (rowid=?)"),
        ("SELECT 1 FROM sales WHERE day < 'x'", "SEARCH sales USING COVERING INDEX sales_day (day<?)"),
    ] {
        assert!(plan(sql).contains(wanted), "{sql}: {}", plan(sql));
        assert!(!plan(sql).contains("SCAN record"), "{sql}: {}", plan(sql));
        assert!(!plan(sql).contains("SCAN sales"), "{sql}: {}", plan(sql));
    }
}
