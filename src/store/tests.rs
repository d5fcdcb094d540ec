//! The state directory: who may read it, who may use it, and that every older one still opens.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// A ledger as each version of the schema left it; the last one is of today.
const STATES: &[&str] = &[include_str!("states/v1.sql")];

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
        let done = store.log(&Filter { state: Some(State::Done), ..Filter::default() }).unwrap();
        assert_eq!(done.len(), 2);
        let (entry, payload, attempts) = store.show(done[0].id).unwrap().unwrap();
        assert!(entry.central_name.is_some() && !attempts.is_empty());
        assert!(serde_json::from_str::<crate::model::PosOrder>(&payload).is_ok(), "what was received can still be read");
    }
}

#[test]
fn nobody_else_can_look_into_the_state() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let _lock = Lock::take(&state, "test").unwrap();
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
fn a_second_holder_of_the_lock_is_told_who_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let lock = Lock::take(dir.path(), "receive").unwrap();
    let refused = Lock::take(dir.path(), "retry").unwrap_err().to_string();
    assert!(refused.contains(&format!("posbridge receive, process {}", std::process::id())), "{refused}");
    drop(lock);
    Lock::take(dir.path(), "retry").unwrap();
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
