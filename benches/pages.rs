//! The dashboard's log, groups and record against a large ledger: `cargo bench --bench pages [-- RECORDS [BRANCHES]]`, by
//! default 1,000,000 records of 1,000 branches.
//!
//! The ledger is filled by SQL, not by passes: once as it is on a good day (a thousandth waits), once with everything
//! waiting for one of some fixes. Printed: p50 and p99 of each page, and what the file weighs. It asserts that each stays
//! under the goal of 50 ms.
#![allow(clippy::unwrap_used)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use posbridge::config::Config;
use posbridge::model::BranchCode;
use posbridge::monitor::Monitor;
use posbridge::problem::Problem;
use posbridge::store::{Cursor, Direction, Filter, Mapped, PageFilter, Role, State, Store};
use posbridge::sync::Bridge;
use posbridge::web::Dashboard;
use sha2::{Digest as _, Sha256};

/// Times that each page is asked for.
const TIMES: usize = 100;
/// The largest page.
const PAGE_BYTES: usize = 100_000;
/// The goal for a page at the server.
const GOAL: Duration = Duration::from_millis(50);

fn main() {
    let given: Vec<i64> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let records = given.first().copied().unwrap_or(1_000_000);
    let branches = given.get(1).copied().unwrap_or(1_000);
    let mut slow = Vec::new();
    for (title, waiting) in [("a thousandth waits", 1_000), ("everything waits", 1)] {
        let dir = tempfile::tempdir().unwrap();
        let store = fill(dir.path(), records, branches, waiting);
        let size = std::fs::metadata(dir.path().join("posbridge.sqlite")).unwrap().len();
        println!("{records} records of {branches} branches, {title}: {} bytes a record", size / records as u64);
        slow.extend(pages(&store, records));
        slow.extend(served(dir.path(), &store, branches));
    }
    assert!(slow.is_empty(), "over {GOAL:?}: {slow:?}");
}

/// A ledger in which every n-th record waits for one of 500 products, and one of a hundred was sent. Receipts are as large
/// as in life, drafts are named in a row, five orders are concluded in a second.
fn fill(directory: &Path, records: i64, branches: i64, waiting: i64) -> Store {
    let store = Store::open(directory).unwrap();
    let problem = |code: &str| Problem::ProductNotFound { name: "Tote bag".to_owned(), barcode: None, default_code: Some(code.to_owned()) };
    let problems = serde_json::to_string(&[problem("CODE")]).unwrap();
    let order = serde_json::json!({
        "id": 1, "uuid": "w", "name": "Tirana/1", "pos_reference": "2601-1-000001", "date_order": "2026-11-20 10:00:00",
        "write_date": "2026-11-20 10:00:00", "state": "paid", "company_id": [1, "Tirana"], "currency_id": [1, "EUR"],
        "amount_total": "12.00", "amount_tax": "2.00", "amount_paid": "12.00", "payment_ids": [],
        "lines": (0..4).map(|n| serde_json::json!({"id": n, "order_id": [1, "x"], "product_id": [n, "Tote bag"], "qty": "1",
            "price_unit": "3.00", "discount": "0", "price_subtotal_incl": "3.00", "tax_ids_after_fiscal_position": [1]})).collect::<Vec<_>>(),
    });
    let db = rusqlite::Connection::open(directory.join("posbridge.sqlite")).unwrap();
    db.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; BEGIN").unwrap();
    db.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
         INSERT INTO record (id, branch, direction, kind, remote_id, witness, reference, state, problems, cause, waits_for, write_date, content_hash,
             payload, has_content, rows, date_order, amount_total, amount_tax, currency, central_id, central_name, created_at, updated_at)
         SELECT i, 'b' || ((i / 7 * 31 + i) % ?2), CASE WHEN i % 100 = 7 THEN 'send' ELSE 'receive' END, CASE WHEN i % 100 = 7 THEN 'product' ELSE 'order' END,
             i, printf('%08x-79d8-44b6-ae0b-%012d', i * 2654435761 % 4294967296, i), printf('2601-%d-%06d', i % ?2, i / ?2),
             CASE WHEN i % ?3 = 0 THEN 'failed' WHEN i % 5000 = 1 THEN 'ignored' ELSE 'done' END,
             CASE WHEN i % ?3 = 0 THEN replace(?4, 'CODE', 'P' || (i / ?3 % 500)) END,
             CASE WHEN i % ?3 = 0 THEN 'product_not_found' WHEN i % 3000 = 1 THEN 'order_changed' END,
             CASE WHEN i % ?3 = 0 THEN 'product_not_found:[P' || (i / ?3 % 500) || ']' END,
             '2026-11-20 10:00:00', printf('%032x', i), '', i % 100 <> 7, 5, '2026-11-20 10:00:00', '12.00', '2.00', 'EUR',
             CASE WHEN i % ?3 <> 0 THEN i END, CASE WHEN i % ?3 <> 0 THEN printf('S%06d', i) END, 1700000000 + i / 5, 1700000000 + i / 5
         FROM n",
        rusqlite::params![records, branches, waiting, problems],
    )
    .unwrap();
    db.execute(
        "INSERT INTO attempt (record_id, at, duration_ms, outcome, message) SELECT id, updated_at, 80, state, 'Written to central as ' || coalesce(central_name, '') FROM record",
        [],
    )
    .unwrap();
    // Contents of what waits and of the newest thousand.
    db.execute(
        "INSERT INTO content (record_id, payload) SELECT id, ?1 FROM record WHERE direction = 'receive' AND (state = 'failed' AND id % 10 = 0 OR id > ?2 - 1000)",
        rusqlite::params![order.to_string(), records],
    )
    .unwrap();
    db.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    store
}

fn pages(store: &Store, records: i64) -> Vec<String> {
    let all = PageFilter::default();
    let branch = PageFilter { branch: Some("b77".to_owned()), ..all.clone() };
    let failed = PageFilter { state: Some(State::Failed), ..all.clone() };
    let second = |n: i64| Some(Timestamp::from_second(1_700_000_000 + n).unwrap());
    let deep: Cursor = format!("{}.{}", 1_700_000_000 + records / 10, records / 2).parse().unwrap();
    let text = |text: String| PageFilter { text: Some(text), ..all.clone() };
    let filters: Vec<(&str, PageFilter, Option<Cursor>)> = vec![
        ("the newest", all.clone(), None),
        ("far back", all.clone(), Some(deep)),
        ("a branch", branch.clone(), None),
        ("a branch, far back", branch.clone(), Some(deep)),
        ("failed", failed.clone(), None),
        ("failed of a branch", PageFilter { state: Some(State::Failed), ..branch.clone() }, None),
        ("ignored of a branch", PageFilter { state: Some(State::Ignored), ..branch.clone() }, None),
        ("a cause", PageFilter { cause: Some("order_changed".to_owned()), ..all.clone() }, None),
        ("a cause in a branch", PageFilter { cause: Some("product_not_found".to_owned()), ..branch.clone() }, None),
        ("a cause that nothing has", PageFilter { cause: Some("disk_full".to_owned()), ..branch.clone() }, None),
        ("sent", PageFilter { direction: Some(Direction::Send), ..all.clone() }, None),
        ("a kind in a branch", PageFilter { kind: Some("product".to_owned()), ..branch.clone() }, None),
        ("a kind that nothing has", PageFilter { kind: Some("tax".to_owned()), ..branch.clone() }, None),
        ("done of a time", PageFilter { state: Some(State::Done), from: second(500), to: second(records / 20), ..all.clone() }, None),
        (
            "received and failed of a time",
            PageFilter { direction: Some(Direction::Receive), from: second(0), to: second(9), ..failed.clone() },
            None,
        ),
        ("held", PageFilter { state: Some(State::Held), ..all.clone() }, None),
        ("a receipt", text(format!("2601-77-{:06}", 5)), None),
        ("a draft", text(format!("S{:06}", records / 3)), None),
        ("a number", text(format!("{}", records / 3)), None),
        ("a beginning of all", text("2601".to_owned()), None),
        ("text in a branch", PageFilter { text: Some("S0".to_owned()), ..branch.clone() }, None),
    ];
    let mut slow = Vec::new();
    for (title, filter, after) in &filters {
        let page = store.log_page(filter, *after).unwrap();
        let told = match page.looked_back_to {
            Some(back) => format!("{} records, looked back to {back}", page.entries.len()),
            None => format!("{} records", page.entries.len()),
        };
        slow.extend(time(&format!("log: {title} ({told})"), || drop(store.log_page(filter, *after).unwrap())));
    }
    for (title, filter) in [("all", &all), ("of a branch", &branch), ("failed", &failed)] {
        let found = store.waiting_groups(filter).unwrap();
        let told = format!("{} groups{}", found.groups.len(), if found.more { " and more" } else { "" });
        slow.extend(time(&format!("groups: {title} ({told})"), || drop(store.waiting_groups(filter).unwrap())));
    }
    for (title, id) in [("newest", records - 3), ("that waits", records / 1_000 * 1_000)] {
        slow.extend(time(&format!("record: {title}"), || drop(store.story(id).unwrap().unwrap())));
    }
    let began = Instant::now();
    let export = store.log_export(&all).unwrap();
    println!("  export of {} records: {:.0?}", export.entries.len(), began.elapsed());
    let branch = BranchCode::new("b0").unwrap();
    let waiting = store.waiting_groups(&PageFilter { branch: Some("b0".to_owned()), ..all }).unwrap();
    if let Some(group) = waiting.groups.first() {
        let mapped = Mapped {
            branch: &branch,
            model: "product.product",
            branch_id: 1,
            name: "Tote bag",
            central_id: 1,
            central_name: "Bag",
            waits_for: &group.waits_for,
            person: "anna",
        };
        let began = Instant::now();
        let free = store.bind_by_person(&mapped, Timestamp::now()).unwrap();
        println!("  mapping of what {free} records wait for: {:.0?}", began.elapsed());
    }
    if let Some(group) = store.waiting_groups(&failed).unwrap().groups.first() {
        let filter = Filter { waits_for: Some(group.waits_for.clone()), state: Some(State::Failed), ..Filter::default() };
        let began = Instant::now();
        let retried = store.retry_some(&filter, false, Timestamp::now()).unwrap();
        println!("  retry of a group of {} records, {} left: {:.0?}", retried.records.len(), retried.left, began.elapsed());
    }
    slow
}

/// The pages as a browser gets them, from the request to the last byte; none may be larger than [`PAGE_BYTES`].
fn served(directory: &Path, store: &Store, branches: i64) -> Vec<String> {
    let mut text = "state = \".\"\n[dashboard]\n[central]\nurl = \"https://erp.example.com\"\ndatabase = \"central\"\nuser = \"bridge\"\n\
                    [defaults]\nfrom = 2026-11-01\ncustomer = \"Walk-in\"\nuser = \"bridge\"\n"
        .to_owned();
    for branch in 0..branches {
        text.push_str(&format!(
            "[branch.b{branch}]\nname = \"Shop {branch}\"\nurl = \"https://b{branch}.example.com\"\ndatabase = \"b{branch}\"\n"
        ));
    }
    let config = Config::parse(&text, &directory.join("branches.toml")).unwrap();
    let now = Timestamp::now();
    store.add_person("anna", Role::Admin, "no hash", now).unwrap();
    let person = store.person("anna").unwrap().unwrap().0;
    let token = "a token of the bench";
    let hash: String = Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect();
    store.sign_in(person.id, &hash, "", now).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let address = runtime.block_on(async {
        let settings = config.dashboard.clone().unwrap();
        let bridge = Arc::new(Bridge::open(config, "bench").unwrap());
        let shown = tokio::sync::watch::Sender::new(bridge).subscribe();
        let dashboard = Dashboard::new(&settings, store.clone(), shown, Arc::new(Monitor::new(now))).unwrap();
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(dashboard.serve(listener, std::future::pending::<()>()));
        address
    });
    let get = |path: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nCookie: posbridge={token}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{path}: {}", String::from_utf8_lossy(&answer[..200.min(answer.len())]));
        answer.len()
    };
    let mut slow = Vec::new();
    let paths = [
        "/",
        "/?from=480",
        "/log",
        "/log?state=failed",
        "/log?branch=b77",
        "/record/1",
        "/send",
        "/branches",
        "/branches/b77",
        "/sales",
        "/agreement",
        "/agreement?branch=b77",
        "/trail",
        "/people",
        "/account",
    ];
    for path in paths {
        let bytes = get(path);
        let title = format!("{path} over HTTP, {bytes} bytes");
        slow.extend(time(&title, || {
            get(path);
        }));
        if bytes > PAGE_BYTES {
            slow.push(format!("{path} has {bytes} bytes"));
        }
    }
    slow
}

/// Prints how long something takes; names it if it takes too long.
fn time(title: &str, mut work: impl FnMut()) -> Option<String> {
    let mut times: Vec<Duration> = (0..TIMES)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    let (p50, p99) = (times[TIMES / 2], times[TIMES * 99 / 100]);
    println!("  {:>8.2} ms p50  {:>8.2} ms p99  {title}", p50.as_secs_f64() * 1e3, p99.as_secs_f64() * 1e3);
    (p50 > GOAL).then(|| title.to_owned())
}
