//! What a page shows, where it ends, and that none of its queries reads the whole ledger.

use rusqlite::params;

use super::*;

/// A ledger of rows: number, branch, direction, kind, state, cause, last change.
type Given<'a> = (i64, &'a str, &'a str, &'a str, &'a str, Option<&'a str>, i64);

fn ledger(rows: &[Given<'_>]) -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    store
        .write(|db| {
            for (id, branch, direction, kind, state, cause, at) in rows {
                db.execute(
                    "INSERT INTO record (id, branch, direction, kind, remote_id, witness, reference, state, cause, write_date, content_hash,
                         payload, rows, date_order, amount_total, amount_tax, currency, central_name, created_at, updated_at)
                     VALUES (?1, ?2, ?3, ?4, ?1, 'w', ?7, ?5, ?6, '', '', '', 1, '', '0', '0', 'EUR', ?8, 0, ?9)",
                    params![id, branch, direction, kind, state, cause, format!("Order 2601-1-{id:06}"), format!("S{id:05}"), at],
                )?;
            }
            Ok(())
        })
        .unwrap();
    (dir, store)
}

fn numbers(page: &LogPage) -> Vec<i64> {
    page.entries.iter().map(|entry| entry.id).collect()
}

/// All pages of a filter after one another.
fn through(store: &Store, filter: &PageFilter) -> Vec<i64> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.log_page(filter, after).unwrap();
        assert!(page.entries.len() <= LOG_PAGE);
        found.extend(numbers(&page));
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

#[test]
fn pages_follow_one_another_without_gap_or_repetition_even_within_one_second() {
    // A pass concludes hundreds of orders in one second.
    let rows: Vec<Given<'_>> = (1..=230).map(|id| (id, "tirana", "receive", "order", "done", None, 1_000 + id / 100)).collect();
    let (_dir, store) = ledger(&rows);
    let newest_first: Vec<i64> = (1..=230).rev().collect();
    assert_eq!(through(&store, &PageFilter::default()), newest_first);
    assert_eq!(through(&store, &PageFilter { branch: Some("tirana".to_owned()), ..PageFilter::default() }), newest_first);
    let second = |at| Some(timestamp(at));
    let day = PageFilter { from: second(1_001), to: second(1_002), ..PageFilter::default() };
    assert_eq!(through(&store, &day), (100..200).rev().collect::<Vec<i64>>(), "from is in, to is out");
}

#[test]
fn every_filter_shows_what_fits_and_nothing_else() {
    let rows: [Given<'_>; 8] = [
        (1, "tirana", "receive", "order", "done", None, 10),
        (2, "tirana", "receive", "order", "failed", Some("product_not_found"), 20),
        (3, "durres", "receive", "order", "failed", Some("product_not_found"), 30),
        (4, "durres", "receive", "order", "failed", Some("tax_not_found"), 40),
        (5, "durres", "send", "product", "held", Some("session_open"), 50),
        (6, "tirana", "send", "tax", "done", None, 60),
        (7, "tirana", "receive", "order", "ignored", Some("product_not_found"), 70),
        (8, "tirana", "receive", "order", "done", Some("order_changed"), 80),
    ];
    let (_dir, store) = ledger(&rows);
    let branches = [None, Some("tirana"), Some("durres"), Some("elsewhere")];
    let directions = [None, Some(Direction::Receive), Some(Direction::Send)];
    let kinds = [None, Some("order"), Some("product")];
    let states = [None, Some(State::Done), Some(State::Failed), Some(State::Held), Some(State::Ignored)];
    let causes = [None, Some("product_not_found"), Some("order_changed")];
    let times = [None, Some(25), Some(65)];
    for (branch, direction) in branches.iter().flat_map(|b| directions.map(|d| (*b, d))) {
        for (kind, state) in kinds.iter().flat_map(|k| states.map(|s| (*k, s))) {
            for (cause, from) in causes.iter().flat_map(|c| times.map(|t| (*c, t))) {
                let filter = PageFilter {
                    branch: branch.map(str::to_owned),
                    direction,
                    kind: kind.map(str::to_owned),
                    state,
                    cause: cause.map(str::to_owned),
                    from: from.map(timestamp),
                    ..PageFilter::default()
                };
                let fits = |row: &&Given<'_>| {
                    branch.is_none_or(|branch| branch == row.1)
                        && direction.is_none_or(|direction| direction.as_str() == row.2)
                        && kind.is_none_or(|kind| kind == row.3)
                        && state.is_none_or(|state| state.as_str() == row.4)
                        && cause.is_none_or(|cause| row.5 == Some(cause))
                        && from.is_none_or(|from| row.6 >= from)
                };
                let mut expected: Vec<i64> = rows.iter().filter(fits).map(|row| row.0).collect();
                expected.reverse();
                assert_eq!(numbers(&store.log_page(&filter, None).unwrap()), expected, "{filter:?}");
            }
        }
    }
}

#[test]
fn a_text_finds_a_receipt_a_draft_or_a_number() {
    let rows: Vec<Given<'_>> = (1..=12).map(|id| (id, "tirana", "receive", "order", "done", None, id)).collect();
    let (_dir, store) = ledger(&rows);
    let find = |text: &str| numbers(&store.log_page(&PageFilter { text: Some(text.to_owned()), ..PageFilter::default() }, None).unwrap());
    assert_eq!(find("Order 2601-1-000007"), [7]);
    assert_eq!(find(" 2601-1-000007 "), [7], "without the till's word");
    assert_eq!(find("s00007"), [7], "in small letters");
    assert_eq!(find("S0001"), [12, 11, 10], "the beginning, newest first");
    assert_eq!((find("7"), find("#7")), (vec![7], vec![7]));
    for none in ["%", "' OR 1 --", "\u{0}", "é", "99999999999999999999"] {
        assert_eq!(find(none), Vec::<i64>::new());
    }
}

#[test]
fn what_is_far_back_is_looked_for_some_way_at_a_time() {
    let mut rows: Vec<Given<'_>> = (2..=25_000).map(|id| (id, "tirana", "send", "product", "done", None, id)).collect();
    rows.push((1, "tirana", "receive", "order", "done", None, 1));
    let (_dir, store) = ledger(&rows);
    let orders = PageFilter { direction: Some(Direction::Receive), ..PageFilter::default() };
    let page = store.log_page(&orders, None).unwrap();
    assert_eq!((numbers(&page), page.looked_back_to), (Vec::new(), Some(timestamp(15_001))), "it says how far it looked");
    let page = store.log_page(&orders, page.next).unwrap();
    let page = store.log_page(&orders, page.next).unwrap();
    assert_eq!((numbers(&page), page.next, page.looked_back_to), (vec![1], None, None));
    let export = store.log_export(&PageFilter::default()).unwrap();
    assert_eq!((export.entries.len(), export.next.is_some()), (EXPORTED, true));
    let begin = PageFilter { text: Some("S0".to_owned()), ..PageFilter::default() };
    assert!(store.log_page(&begin, None).unwrap().too_many, "and when a text is too short");
}

#[test]
fn cursors_survive_an_address_and_nonsense_in_their_place_is_none() {
    let cursor = Cursor { at: 1_700_000_000, id: 42 };
    assert_eq!(cursor.to_string().parse(), Ok(cursor));
    for nonsense in ["", ".", "1", "1.x", "-.-", "1.2.3", "99999999999999999999.1"] {
        assert_eq!(nonsense.parse::<Cursor>(), Err(()));
    }
}

/// The plan of a query, as SQLite tells it.
pub(crate) fn plan(store: &Store, sql: &str) -> Vec<String> {
    store
        .read(|db| {
            let mut query = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let parameters = query.parameter_count();
            query.query_map(rusqlite::params_from_iter(vec![1; parameters]), |row| row.get(3))?.collect()
        })
        .unwrap()
}

#[test]
fn no_query_of_a_page_reads_the_whole_ledger() {
    let (_dir, store) = ledger(&[]);
    let walks = [Way::All, Way::Branch, Way::Sent, Way::Cause, Way::State].map(Way::walks);
    let others = [FEW_OF_STATE, FEW_OF_CAUSE, BY_REFERENCE, BY_CENTRAL_NAME, BY_NUMBER].map(str::to_owned);
    for sql in walks.into_iter().flatten().chain(others) {
        let plan = plan(&store, &sql);
        assert!(plan.iter().all(|step| step.starts_with("SEARCH record USING")), "{sql}: {plan:?}");
    }
    // All of the cause's key, so that other causes of a branch are not looked at.
    let few = plan(&store, FEW_OF_CAUSE);
    assert!(few[0].contains("branch=? AND state=? AND direction=? AND cause=?"), "{few:?}");
}

#[test]
fn a_group_is_decided_about_without_looking_at_what_else_waits() {
    let (_dir, store) = ledger(&[]);
    let filter = crate::store::Filter { waits_for: Some("x".to_owned()), ..crate::store::Filter::default() };
    let (clause, _) = filter.sql();
    let waits = "state IN ('pending', 'held', 'failed') AND (state <> 'done' OR direction = 'receive')";
    let sql = format!("SELECT id FROM record INDEXED BY record_waiting WHERE ({clause}) AND {waits} AND id > 0 ORDER BY id LIMIT 9");
    let plan = plan(&store, &sql);
    assert!(plan[0].contains("(state=? AND waits_for=?"), "{plan:?}");
}
