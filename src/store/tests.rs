//! The state directory: who may read it, who may use it, and that every older one still opens.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::model::{BranchCode, PosOrder};

/// A ledger as each version of the schema left it; the last one is of today.
const STATES: &[&str] = &[
    include_str!("states/v1.sql"),
    include_str!("states/v2.sql"),
    include_str!("states/v3.sql"),
    include_str!("states/v4.sql"),
    include_str!("states/v5.sql"),
    include_str!("states/v6.sql"),
    include_str!("states/v7.sql"),
    include_str!("states/v8.sql"),
];

/// An order of one line: two rows of a draft.
pub(super) fn order(id: i64) -> PosOrder {
    serde_json::from_value(serde_json::json!({
        "id": id, "uuid": format!("{id:08}-79d8-44b6-ae0b-000000000000"), "pos_reference": format!("R{id}"),
        "date_order": "2026-11-20 11:00:00", "write_date": "2026-11-20 11:00:00", "state": "paid", "company_id": [1, "C"],
        "user_id": [5, "Anna"], "currency_id": [1, "EUR"], "amount_total": "5", "amount_tax": "0", "amount_paid": "5",
        "lines": [{"id": id, "order_id": [id, "x"], "product_id": [36, "[A26] Article"], "qty": "1", "price_unit": "5",
            "discount": "0", "price_subtotal_incl": "5"}],
    }))
    .unwrap()
}

fn schema(store: &Store) -> Vec<String> {
    let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
    store.read(|db| db.prepare(sql)?.query_map([], |row| row.get(0))?.collect()).unwrap()
}

#[test]
fn every_older_state_opens_keeps_its_records_and_ends_like_a_fresh_one() {
    assert_eq!(STATES.len(), STEPS.len(), "a new step needs a state of the version before it");
    let fresh = tempfile::tempdir().unwrap();
    let fresh = Store::open(&fresh.path().join("state")).unwrap();
    for state in STATES {
        let dir = tempfile::tempdir().unwrap();
        Connection::open(dir.path().join(DATABASE)).unwrap().execute_batch(state).unwrap();
        let store = Store::open(dir.path()).unwrap();
        assert_eq!(schema(&store), schema(&fresh));
        let received = Filter { state: Some(State::Done), direction: Some(Direction::Receive), ..Filter::default() };
        let done = store.log(&received).unwrap();
        assert_eq!(done.len(), 2);
        for record in &done {
            let (entry, payload, attempts) = store.show(record.id).unwrap().unwrap();
            assert!(entry.central_name.is_some() && !attempts.is_empty());
            assert!(serde_json::from_str::<crate::model::PosOrder>(&payload).is_ok(), "what was received can still be read");
        }
        store.check_sound().unwrap();
    }
}

#[test]
fn what_was_wrong_with_a_whole_branch_stands_in_the_list() {
    let dir = tempfile::tempdir().unwrap();
    let older = Connection::open(dir.path().join(DATABASE)).unwrap();
    older.execute_batch(STATES[3]).unwrap();
    let problem = crate::problem::Problem::BranchRestored { details: "a number came back".to_owned() };
    older.execute("UPDATE endpoint SET problem = ?1 WHERE owner = 'tirana'", [json_text(&problem)]).unwrap();
    drop(older);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.branch_problems().unwrap(), [("tirana".to_owned(), problem)]);
    let newest = tempfile::tempdir().unwrap();
    Connection::open(newest.path().join(DATABASE)).unwrap().execute_batch(STATES[4]).unwrap();
    assert_eq!(Store::open(newest.path()).unwrap().branch_problems().unwrap().len(), 2);
}

/// The newest of the kept states, opened.
fn with_sends() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    Connection::open(dir.path().join(DATABASE)).unwrap().execute_batch(STATES[STATES.len() - 1]).unwrap();
    let store = Store::open(dir.path()).unwrap();
    (dir, store)
}

#[test]
fn what_is_sent_is_listed_apart_from_what_is_received() {
    let (_dir, store) = with_sends();
    let sends = store.log(&Filter { direction: Some(Direction::Send), ..Filter::default() }).unwrap();
    let states: Vec<(State, bool, bool)> = sends.iter().map(|entry| (entry.state, entry.queued.is_some(), entry.note.is_some())).collect();
    for state in [(State::Pending, true, true), (State::Held, true, true), (State::Failed, true, false), (State::Done, false, true)] {
        assert!(states.contains(&state), "{state:?} in {states:?}");
    }
    assert!(sends.iter().all(|entry| entry.kind == "product" && entry.central_id == Some(entry.remote_id)));
    let orders = Filter { kind: Some(ORDER.to_owned()), ..Filter::default() };
    assert_eq!(store.log(&orders).unwrap().len(), 2);
    // Counted apart, and what waits without what is done.
    let counts = store.counts().unwrap();
    let of = |branch: &str, direction| counts.get(&(branch.to_owned(), direction)).copied().unwrap_or_default();
    assert_eq!(of("durres", Direction::Receive), Counts { done: 2, ..Counts::default() });
    assert_eq!(of("tirana", Direction::Receive), Counts::default());
    let sent = of("tirana", Direction::Send);
    assert_eq!(sent, Counts { pending: 1, held: 1, failed: 1, done: 1, ignored: 1, changed: 0 });
    assert_eq!(store.waiting(Direction::Receive).unwrap(), HashMap::new());
    assert_eq!(store.waiting(Direction::Send).unwrap()["tirana"], Counts { done: 0, ignored: 0, ..sent });
    let branches = ["tirana", "durres", "elsewhere"].map(|code| BranchCode::new(code).unwrap());
    let unfinished = HashMap::from([(("tirana".to_owned(), Direction::Send), Counts { done: 0, ignored: 0, ..sent })]);
    assert_eq!(store.unfinished(&branches).unwrap(), unfinished);
}

#[test]
fn a_sent_record_that_is_done_is_not_written_again_by_recreate() {
    let (_dir, store) = with_sends();
    let done = Filter { state: Some(State::Done), ..Filter::default() };
    let ids: Vec<i64> = store.log(&done).unwrap().iter().map(|entry| entry.id).collect();
    assert_eq!(ids.len(), 3);
    let retried = store.retry(&Filter { ids, ..Filter::default() }, true, Timestamp::now()).unwrap();
    assert!(retried.len() == 2 && retried.iter().all(|entry| entry.direction == Direction::Receive), "{retried:?}");
}

#[test]
fn counting_looks_at_an_index_alone() {
    let (_dir, store) = with_sends();
    let plan: Vec<String> = store
        .read(|db| {
            let sql = "EXPLAIN QUERY PLAN SELECT branch, state, direction, coalesce(cause = 'order_changed', 0), count(*) FROM record GROUP BY 1, 2, 3, 4";
            db.prepare(sql)?.query_map([], |row| row.get(3))?.collect()
        })
        .unwrap();
    assert!(plan.iter().all(|step| step.contains("COVERING INDEX record_state") || step.contains("TEMP B-TREE")), "{plan:?}");
    let plan: Vec<String> = store
        .read(|db| db.prepare(&format!("EXPLAIN QUERY PLAN {}", super::ledger::UNFINISHED))?.query_map(["x"], |row| row.get(3))?.collect())
        .unwrap();
    assert!(plan.iter().all(|step| step.contains("COVERING INDEX record_state (branch=? AND state=?)")), "{plan:?}");
}

#[test]
fn nobody_else_can_look_into_the_state() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let _lock = Lock::daemon(&state).unwrap();
    let store = Store::open(&state).unwrap();
    store.put_secrets(&[]).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    for file in std::fs::read_dir(&state).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn a_second_pass_of_a_branch_is_told_who_is_at_work() {
    let dir = tempfile::tempdir().unwrap();
    let (tirana, durres) = (BranchCode::new("tirana").unwrap(), BranchCode::new("durres").unwrap());
    let lock = Lock::pass(dir.path(), &tirana, Direction::Receive, "receive").unwrap();
    let refused = Lock::pass(dir.path(), &tirana, Direction::Receive, "retry").unwrap_err().to_string();
    assert!(refused.contains(&format!("posbridge receive, process {}", std::process::id())), "{refused}");
    Lock::pass(dir.path(), &tirana, Direction::Send, "send").unwrap();
    Lock::pass(dir.path(), &durres, Direction::Receive, "retry").unwrap();
    drop(lock);
    Lock::pass(dir.path(), &tirana, Direction::Receive, "retry").unwrap();
}

#[test]
fn there_is_one_daemon_and_a_restore_waits_for_everybody() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(daemon(dir.path()), None);
    let (running, working) = (Lock::daemon(dir.path()).unwrap(), Lock::share(dir.path()).unwrap());
    let held = daemon(dir.path()).unwrap();
    assert!(held.by.starts_with(&format!("posbridge run, process {}, since ", std::process::id())) && held.since().is_some(), "{held:?}");
    let refused = Lock::daemon(dir.path()).unwrap_err().to_string();
    assert!(refused.contains(&held.by), "{refused}");
    Lock::share(dir.path()).unwrap();
    let refused = Lock::alone(dir.path(), "restore").unwrap_err().to_string();
    assert!(refused.contains(&held.by), "{refused}");
    drop((running, working));
    let alone = Lock::alone(dir.path(), "restore").unwrap();
    let refused = Lock::share(dir.path()).unwrap_err().to_string();
    assert!(refused.contains("posbridge restore, process"), "{refused}");
    drop(alone);
    Lock::share(dir.path()).unwrap();
}

#[test]
fn lanes_with_work_are_named_when_their_time_has_come() {
    let (_dir, store) = with_sends();
    let lanes = |now: i64, held| {
        let lanes = store.owing(timestamp(now), held).unwrap();
        lanes.into_iter().map(|(branch, direction)| format!("{branch} {}", direction.as_str())).collect::<Vec<_>>()
    };
    let all = lanes(i64::from(i32::MAX), true);
    assert_eq!(all, ["tirana send"]);
    assert_eq!(lanes(0, false), Vec::<String>::new());
    store.hurry(Direction::Send, None, timestamp(5)).unwrap();
    assert_eq!(lanes(5, false), ["tirana send"]);
}

#[test]
fn a_write_that_fails_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let broken: Result<(), StoreError> = store.write(|db| {
        db.execute("INSERT INTO secret VALUES ('central', 'password', 'x', 0)", [])?;
        db.execute("INSERT INTO nowhere VALUES (1)", []).map(drop)
    });
    assert!(broken.is_err());
    assert_eq!(store.secrets().unwrap(), []);
    assert_eq!(store.commits(), 0);
}

#[test]
fn another_process_that_wrote_is_noticed_and_ones_own_writing_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let (store, other) = (Store::open(dir.path()).unwrap(), Store::open(dir.path()).unwrap());
    let password = |sealed: &str| {
        [Sealed { owner: "central".into(), field: "password".into(), sealed: sealed.into(), updated_at: Timestamp::UNIX_EPOCH }]
    };
    let before = store.touched().unwrap();
    store.put_secrets(&password("one")).unwrap();
    assert_eq!(store.touched().unwrap(), before);
    other.put_secrets(&password("two")).unwrap();
    assert_ne!(store.touched().unwrap(), before);
    assert_eq!(store.secret("central", "password").unwrap().as_slice(), password("two"));
    assert_eq!(store.secret("central", "key").unwrap(), None);
    assert!(store.bytes() > 0);
}

#[test]
fn two_passes_that_begin_at_once_make_the_directory_of_the_locks_together() {
    for _ in 0..200 {
        let directory = tempfile::tempdir().unwrap();
        let together = std::sync::Barrier::new(4);
        std::thread::scope(|scope| {
            for nth in 0..4 {
                let (path, together) = (directory.path(), &together);
                scope.spawn(move || {
                    let branch = BranchCode::new(&format!("b{nth}")).unwrap();
                    together.wait();
                    Lock::pass(path, &branch, Direction::Receive, "receive").unwrap();
                });
            }
        });
    }
}
