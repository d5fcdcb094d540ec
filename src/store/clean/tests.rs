//! What is forgotten, what is not, and how large a ledger gets.

use std::time::Duration;

use crate::model::{BranchCode, CentralId, PosOrder};
use crate::problem::{Problem, Side};
use crate::store::*;

use super::*;

const DAY: i64 = 86_400;

fn days(days: u64) -> Duration {
    Duration::from_secs(days * DAY as u64)
}

fn retention(payloads: u64, attempts: u64) -> Retention {
    Retention { payloads: days(payloads), attempts: days(attempts) }
}

/// Midnight of a day.
fn day(day: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + day * DAY).unwrap()
}

fn code() -> BranchCode {
    BranchCode::new("tirana").unwrap()
}

/// An order as Odoo gives it: four lines, one payment.
fn order(id: i64, at: Timestamp) -> PosOrder {
    let line = |n: i64| {
        serde_json::json!({
            "id": 4 * id + n, "order_id": [id, "Tirana Centre - 000001"], "product_id": [36 + n, "[ART-0026] Article 26"],
            "full_product_name": "Article 26", "qty": "1.0", "price_unit": "88.81", "discount": "0.0", "price_subtotal_incl": "88.81",
            "tax_ids_after_fiscal_position": [5]
        })
    };
    let moment = at.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let order = serde_json::json!({
        "id": id, "uuid": format!("{:08x}-79d8-44b6-ae0b-{id:012}", (id as u64).wrapping_mul(2_654_435_761) as u32), "name": format!("Tirana Centre - {id:06}"),
        "pos_reference": format!("2601-1-{id:06}"), "date_order": moment, "write_date": moment, "state": "paid",
        "session_id": [1, "Tirana Centre/00001"], "config_id": [1, "Tirana Centre"], "company_id": [1, "Tirana Centre"],
        "user_id": [5, "Anna"], "partner_id": [77, "Mirela Canary"], "currency_id": [1, "EUR"], "amount_total": "428.57", "amount_tax": "47.91",
        "amount_paid": "428.57", "lines": (0..4).map(line).collect::<Vec<_>>(),
        "payment_ids": [{"id": id, "pos_order_id": [id, "Tirana Centre - 000001"], "payment_method_id": [1, "Cash"], "amount": "428.57"}]
    });
    serde_json::from_value(order).unwrap()
}

fn done(record: i64) -> Conclusion {
    let verdict = Verdict::Done { id: CentralId::new(record), name: format!("S{record:05}"), adjusted: None };
    Conclusion { record, waited_for: None, verdict, judged: None }
}

fn failed(record: i64) -> Conclusion {
    let problems = vec![Problem::PasswordMissing { side: Side::Central }];
    Conclusion { record, waited_for: None, verdict: Verdict::Failed { problems, draft: None, unknown: false }, judged: None }
}

/// Orders `1..=count` received on day 0; their records have the same numbers.
fn received(count: i64) -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let orders: Vec<PosOrder> = (1..=count).map(|id| order(id, day(0))).collect();
    store.keep(&code(), &orders, &[], None, day(0)).unwrap();
    (dir, store)
}

fn has_content(store: &Store, record: i64) -> bool {
    let (_, payload, _) = store.show(record).unwrap().unwrap();
    assert!(payload.is_empty() || serde_json::from_str::<PosOrder>(&payload).is_ok());
    !payload.is_empty()
}

fn outcomes(store: &Store, record: i64) -> Vec<String> {
    store.show(record).unwrap().unwrap().2.into_iter().map(|attempt| attempt.outcome).collect()
}

fn by_number(id: i64) -> Filter {
    Filter { ids: vec![id], ..Filter::default() }
}

#[test]
fn only_what_is_finished_is_forgotten_and_only_in_its_time() {
    let (_dir, store) = received(4);
    // 1 done, 2 failed, 3 ignored, 4 pending.
    store.conclude(&[done(1), failed(2)], 0, day(1)).unwrap();
    store.ignore(&by_number(3), "test sale", day(1)).unwrap();
    let kept = |store: &Store| (1..=4).map(|record| has_content(store, record)).collect::<Vec<_>>();
    let of = retention(90, 400);

    assert_eq!(store.clean(&of, day(91)).unwrap(), Cleaned::default());
    assert_eq!(kept(&store), [true; 4]);
    assert_eq!(store.clean(&of, day(92)).unwrap(), Cleaned { payloads: 1, ..Cleaned::default() });
    assert_eq!(kept(&store), [false, true, true, true]);
    // A person may take up what was ignored for as long as its story is told.
    let cleaned = store.clean(&of, day(402)).unwrap();
    assert_eq!((cleaned.payloads, cleaned.attempts, cleaned.more), (1, 2, false), "order 3, and the words about 1 and 3");
    assert_eq!(kept(&store), [false, true, false, true]);
    assert_eq!(store.clean(&of, day(40_000)).unwrap(), Cleaned::default());
    assert_eq!((kept(&store), outcomes(&store, 2)), (vec![false, true, false, true], vec!["failed".to_owned()]));

    // What stays of a done order is what makes it known again.
    let (entry, payload, _) = store.show(1).unwrap().unwrap();
    assert_eq!((entry.state, entry.central_name.as_deref(), payload.as_str()), (State::Done, Some("S00001"), ""));
    assert_eq!((entry.reference.as_str(), entry.amount_total.as_str(), entry.updated_at), ("2601-1-000001", "428.57", day(1)));
    let due = store.due(&code(), 0, None, 1_000).unwrap();
    assert_eq!(due.iter().map(|due| due.record).collect::<Vec<_>>(), [4], "with its content");
}

#[test]
fn an_order_that_is_forgotten_is_known_again_and_never_written_again() {
    let (_dir, store) = received(1);
    store.conclude(&[done(1)], 0, day(1)).unwrap();
    store.clean(&retention(90, 400), day(500)).unwrap();
    // Met again as it was: nothing new.
    assert_eq!(store.keep(&code(), &[order(1, day(0))], &[], None, day(500)).unwrap(), Kept::default());
    // Nothing can be written of it, whoever asks.
    assert_eq!(store.retry(&by_number(1), true, day(500)).unwrap(), []);
    assert_eq!(store.due(&code(), 0, None, 1_000).unwrap().len(), 0);
    // Changed at the branch: a notice, and still nothing to write.
    let changed = PosOrder { amount_total: "1.00".parse().unwrap(), ..order(1, day(501)) };
    assert_eq!(store.keep(&code(), std::slice::from_ref(&changed), &[], None, day(501)).unwrap(), Kept { changed: 1, ..Kept::default() });
    let (entry, payload, attempts) = store.show(1).unwrap().unwrap();
    assert_eq!((entry.state, entry.problems[0].cause(), payload.as_str()), (State::Done, "order_changed", ""));
    assert!(entry.problems[0].what().contains("its content"), "{}", entry.problems[0].what());
    assert_eq!(attempts.len(), 1);
    // Told once.
    assert_eq!(store.keep(&code(), &[changed], &[], None, day(502)).unwrap(), Kept::default());
    store.check_sound().unwrap();
}

#[test]
fn an_ignored_order_that_was_forgotten_comes_back_when_the_branch_changes_it() {
    let (_dir, store) = received(1);
    store.ignore(&by_number(1), "test sale", day(1)).unwrap();
    store.clean(&retention(90, 400), day(500)).unwrap();
    assert_eq!(store.retry(&by_number(1), false, day(500)).unwrap(), []);
    let changed = PosOrder { amount_total: "1.00".parse().unwrap(), ..order(1, day(501)) };
    store.keep(&code(), &[changed], &[], None, day(501)).unwrap();
    assert!(has_content(&store, 1));
    assert_eq!(store.retry(&by_number(1), false, day(502)).unwrap().len(), 1);
    assert_eq!(store.due(&code(), 0, None, 1_000).unwrap().len(), 1);
}

#[test]
fn newer_content_of_a_done_order_goes_with_the_older() {
    let (_dir, store) = received(1);
    store.conclude(&[done(1)], 0, day(1)).unwrap();
    let changed = PosOrder { amount_total: "1.00".parse().unwrap(), ..order(1, day(50)) };
    store.keep(&code(), &[changed], &[], None, day(50)).unwrap();
    assert_eq!(store.clean(&retention(90, 400), day(139)).unwrap().payloads, 0, "counted from the change");
    assert_eq!(store.clean(&retention(90, 400), day(141)).unwrap().payloads, 1);
    let rows: i64 = store.read(|db| db.query_row("SELECT count(*) FROM content", [], |row| row.get(0))).unwrap();
    assert_eq!(rows, 0);
}

#[test]
fn a_customer_is_forgotten_with_his_last_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let (other, code) = (BranchCode::new("durres").unwrap(), code());
    let records = [("res.partner", 77, "Mirela".to_owned()), ("product.product", 77, "Article".to_owned())];
    let kept = |branch: &BranchCode, model: &str| store.branch_records(branch, model, &[77]).unwrap().len();
    for branch in [&code, &other] {
        let anonymous = PosOrder { partner_id: None, ..order(2, day(0)) };
        store.keep(branch, &[order(1, day(0)), anonymous, order(3, day(0))], &records, None, day(0)).unwrap();
    }
    // Of tirana 1 and 2 are done, and 3 waits; of durres all are done.
    store.conclude(&[done(1), done(2), failed(3), done(4), done(5), done(6)], 0, day(1)).unwrap();
    assert_eq!(store.clean(&retention(90, 400), day(100)).unwrap().payloads, 5);
    assert_eq!((kept(&code, "res.partner"), kept(&other, "res.partner")), (1, 0), "he is needed for what waits");
    assert_eq!((kept(&code, "product.product"), kept(&other, "product.product")), (1, 1));
    store.conclude(&[done(3)], 0, day(100)).unwrap();
    store.clean(&retention(90, 400), day(200)).unwrap();
    assert_eq!(kept(&code, "res.partner"), 0);
    assert_eq!(store.unread(&code, "res.partner", &[77]).unwrap(), [77], "and read again when he comes back");
}

#[test]
fn of_the_attempts_the_last_word_stays() {
    let (_dir, store) = received(3);
    for n in 0..5 {
        store.conclude(&[failed(1), failed(2)], 0, day(n)).unwrap();
    }
    store.conclude(&[done(2)], 0, day(5)).unwrap();
    store.conclude(&[failed(3)], 0, day(450)).unwrap();
    assert_eq!(store.clean(&retention(90, 400), day(403)).unwrap().attempts, 6, "of days 0 to 2");
    assert_eq!((outcomes(&store, 1).len(), outcomes(&store, 2).len()), (2, 3));
    store.clean(&retention(90, 400), day(500)).unwrap();
    assert_eq!((outcomes(&store, 1).len(), outcomes(&store, 2).len(), outcomes(&store, 3).len()), (1, 0, 1));
}

#[test]
fn a_call_takes_a_little_and_says_whether_there_is_more() {
    let count = AT_ONCE as i64 + 1;
    let (_dir, store) = received(count);
    store.conclude(&(1..=count).map(done).collect::<Vec<_>>(), 0, day(1)).unwrap();
    let first = store.clean(&retention(90, 400), day(500)).unwrap();
    assert_eq!(first, Cleaned { payloads: AT_ONCE as u64, attempts: AT_ONCE as u64, more: true });
    let second = store.clean(&retention(90, 400), day(500)).unwrap();
    assert_eq!(second, Cleaned { payloads: 1, attempts: 1, more: false });
    let commits = store.commits();
    assert_eq!(store.clean(&retention(90, 400), day(500)).unwrap(), Cleaned::default());
    assert_eq!(store.commits(), commits, "nothing to forget writes nothing");
}

#[test]
fn house_keeping_looks_at_what_is_due_alone() {
    let (_dir, store) = received(1);
    let plan = |sql: String| -> Vec<String> {
        let sql = format!("EXPLAIN QUERY PLAN {}", sql.replace("?1", "'done'").replace("?2", "1"));
        store.read(|db| db.prepare(&sql)?.query_map([], |row| row.get(3))?.collect()).unwrap()
    };
    let content = plan(format!("SELECT id FROM record WHERE {CONTENT} ORDER BY updated_at"));
    assert!(content.len() == 1 && content[0].contains("INDEX record_content"), "{content:?}");
    let attempts = plan(ATTEMPTS.to_owned());
    assert!(attempts.iter().all(|step| step.contains("SEARCH") || step.contains("CORRELATED")), "{attempts:?}");
    let customer = "SELECT 1 FROM content JOIN record ON record.id = record_id WHERE partner_id = ?2 AND partner_id IS NOT NULL";
    let customer = plan(customer.to_owned());
    assert!(customer[0].contains("INDEX content_partner"), "{customer:?}");
    let twin =
        plan("SELECT branch FROM record WHERE substr(witness, 1, 8) = substr(?1, 1, 8) AND witness = ?1 AND branch <> ?2".to_owned());
    assert!(twin.len() == 1 && twin[0].contains("INDEX record_witness"), "{twin:?}");
}

/// What an order costs for ever, in bytes: the figure behind the size that README names.
const FOREVER: u64 = 520;

#[test]
fn a_ledger_that_is_cleaned_grows_by_its_keys_alone() {
    const ORDERS: i64 = 40;
    let of = retention(30, 60);
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    // Forty weeks at forty orders a day; the daemon cleans as often as there is something.
    let mut sizes = Vec::new();
    let reached = Reached { cursor: "2026-11-21 12:00:00".to_owned(), whole: true, asked: String::new() };
    for today in 0..400 {
        let orders: Vec<PosOrder> = (1..=ORDERS).map(|n| order(today * ORDERS + n, day(today))).collect();
        store.keep(&code(), &orders, &[], Some(&reached), day(today)).unwrap();
        let due = store.due(&code(), 0, None, 10_000).unwrap();
        store.conclude(&due.iter().map(|due| done(due.record)).collect::<Vec<_>>(), 58, day(today)).unwrap();
        while store.count_sales(&std::collections::HashMap::new(), 10).unwrap().more {}
        while store.clean(&of, day(today)).unwrap().more {}
        if [100, 200, 300, 399].contains(&today) {
            sizes.push(store.bytes_used().unwrap());
        }
    }
    let growth: Vec<u64> = sizes.windows(2).map(|pair| (pair[1] - pair[0]) / (100 * ORDERS as u64)).collect();
    eprintln!("bytes used: {sizes:?}; for ever {growth:?} bytes an order");
    assert!(growth.iter().all(|bytes| *bytes <= FOREVER), "{growth:?}");
    // The room of what is forgotten is used again: the file is hardly larger than what is in it.
    let file = std::fs::metadata(dir.path().join(DATABASE)).unwrap().len();
    assert!(file < sizes[3] * 11 / 10, "{file} bytes for {}", sizes[3]);
    let contents: i64 = store.read(|db| db.query_row("SELECT count(*) FROM content", [], |row| row.get(0))).unwrap();
    assert!((30 * ORDERS..=32 * ORDERS).contains(&contents), "{contents} of {}", 400 * ORDERS);
}
