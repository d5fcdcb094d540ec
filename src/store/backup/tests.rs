//! Copies that are made while others write, and what is put back.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::Sealed;
use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn password(n: i64) -> Vec<Sealed> {
    vec![Sealed { owner: format!("b{n}"), field: "password".to_owned(), sealed: n.to_string(), updated_at: at(n) }]
}

fn filled(passwords: i64) -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("state")).unwrap();
    (0..passwords).for_each(|n| store.put_secrets(&password(n)).unwrap());
    (dir, store)
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(directory).unwrap().map(|file| file.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_backup_is_whole_private_and_new() {
    let (dir, store) = filled(3);
    let file = dir.path().join("backup.sqlite");
    let copied = store.backup(&file).unwrap();
    let metadata = fs::metadata(&file).unwrap();
    assert_eq!((metadata.permissions().mode() & 0o777, metadata.len()), (0o600, copied.bytes));
    assert_eq!(names(dir.path()), ["backup.sqlite", "state"]);
    let before = fs::read(&file).unwrap();
    assert!(matches!(store.backup(&file), Err(CopyError::Exists(_))));
    assert_eq!(fs::read(&file).unwrap(), before);
    let nowhere = store.backup(&dir.path().join("no/such/backup.sqlite"));
    assert!(matches!(nowhere, Err(CopyError::Unwritable { .. })), "{nowhere:?}");
}

#[test]
fn a_backup_made_while_another_writes_is_of_one_moment() {
    let (dir, store) = filled(1);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // A process of its own: two rows at a time, always both.
            let writer = Store::open(store.directory()).unwrap();
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                n += 2;
                writer.put_secrets(&[password(n), password(n + 1)].concat()).unwrap();
            }
        });
        for n in 0..10 {
            let file = dir.path().join(format!("backup-{n}.sqlite"));
            store.backup(&file).unwrap();
            let copy = Connection::open(&file).unwrap();
            let rows: i64 = copy.query_row("SELECT count(*) FROM secret", [], |row| row.get(0)).unwrap();
            assert_eq!(rows % 2, 1, "both or none");
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn what_is_restored_is_what_was_backed_up_and_the_other_is_kept() {
    let (dir, store) = filled(2);
    let (file, state) = (dir.path().join("backup.sqlite"), store.directory().to_owned());
    store.backup(&file).unwrap();
    store.put_secrets(&password(7)).unwrap();
    drop(store);
    fs::write(state.join("send-tirana.json"), "{}").unwrap();
    let branch = crate::model::BranchCode::new("tirana").unwrap();
    let note = r#"{"started_at":"2026-11-21T08:00:00Z","ended_at":"2026-11-21T08:00:00Z","answered_at":null,
        "whole_window_at":"2026-11-21T08:00:00Z","clock_offset_s":0,"error":null}"#;
    fs::write(state.join("pass-tirana.json"), note).unwrap();

    let lock = Lock::alone(&state, "restore").unwrap();
    let copied = restore(&lock, &state, &file, at(0)).unwrap();
    assert_eq!(Store::open(&state).unwrap().secrets().unwrap().len(), 2);
    let before = copied.before.unwrap();
    assert_eq!(before, state.join("posbridge.sqlite.before-20270115T080000Z"));
    let kept: i64 = Connection::open(&before).unwrap().query_row("SELECT count(*) FROM secret", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 3);
    // Notes would let the next pass look only at what is newer than they are.
    assert!(!state.join("send-tirana.json").exists());
    assert_eq!(LastPass::load(&state, &branch).unwrap().whole_window_at, None);
    // Twice in one second: nothing of the first is lost.
    let again = restore(&lock, &state, &file, at(0)).unwrap().before.unwrap();
    assert_eq!(again, state.join("posbridge.sqlite.before-20270115T080000Z-1"));
    assert!(before.exists());
}

#[test]
fn a_damaged_ledger_is_replaced_and_kept_byte_by_byte() {
    let (dir, store) = filled(2);
    let (file, state) = (dir.path().join("backup.sqlite"), store.directory().to_owned());
    store.backup(&file).unwrap();
    drop(store);
    fs::write(state.join(DATABASE), b"garbage").unwrap();
    fs::write(state.join(format!("{DATABASE}-wal")), b"more of it").unwrap();
    let lock = Lock::alone(&state, "restore").unwrap();
    let before = restore(&lock, &state, &file, at(0)).unwrap().before.unwrap();
    assert_eq!(fs::read(&before).unwrap(), b"garbage");
    assert_eq!(fs::read(format!("{}-wal", before.display())).unwrap(), b"more of it");
    assert_eq!(Store::open(&state).unwrap().secrets().unwrap().len(), 2);
}

#[test]
fn a_restore_on_a_new_machine_needs_no_ledger() {
    let (dir, store) = filled(2);
    let file = dir.path().join("backup.sqlite");
    store.backup(&file).unwrap();
    let state = dir.path().join("new");
    let lock = Lock::alone(&state, "restore").unwrap();
    assert_eq!(restore(&lock, &state, &file, at(0)).unwrap().before, None);
    assert_eq!(Store::open(&state).unwrap().secrets().unwrap().len(), 2);
}

#[test]
fn what_is_no_backup_changes_nothing() {
    let (dir, store) = filled(2);
    let (state, path) = (store.directory().to_owned(), |name: &str| dir.path().join(name));
    drop(store);
    let ledger = fs::read(state.join(DATABASE)).unwrap();
    fs::write(path("garbage"), [7; 9_000]).unwrap();
    fs::write(path("empty"), "").unwrap();
    Connection::open(path("other")).unwrap().execute_batch("CREATE TABLE record (id)").unwrap();
    let sound = Store::open(&state).unwrap();
    sound.backup(&path("newer")).unwrap();
    sound.backup(&path("cut")).unwrap();
    drop(sound);
    Connection::open(path("newer")).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let cut = fs::read(path("cut")).unwrap();
    fs::write(path("cut"), &cut[..cut.len() / 2]).unwrap();
    let lock = Lock::alone(&state, "restore").unwrap();
    let mut told = Vec::new();
    for name in ["none", "garbage", "empty", "other", "newer", "cut"] {
        let error = restore(&lock, &state, &path(name), at(0)).unwrap_err().to_string();
        told.push(error.replace(&dir.path().display().to_string(), "[DIR]"));
        assert_eq!(names(&state), ["lock", "posbridge.sqlite"], "{name}");
        assert_eq!(fs::read(state.join(DATABASE)).unwrap(), ledger, "{name}");
    }
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_restore_that_is_broken_off_is_never_taken_for_a_new_ledger() {
    let (dir, store) = filled(2);
    let (file, state) = (dir.path().join("backup.sqlite"), store.directory().to_owned());
    store.backup(&file).unwrap();
    drop(store);
    // As a power cut between the two renames leaves it.
    fs::rename(state.join(DATABASE), state.join(format!("{DATABASE}.before-20270115T080000Z"))).unwrap();
    fs::copy(&file, state.join(format!("{DATABASE}.restored"))).unwrap();
    assert!(matches!(Store::open(&state), Err(StoreError::Damaged { .. })));
    let lock = Lock::alone(&state, "restore").unwrap();
    restore(&lock, &state, &file, at(0)).unwrap();
    assert_eq!(Store::open(&state).unwrap().secrets().unwrap().len(), 2);
    assert_eq!(names(&state), ["lock", "posbridge.sqlite", "posbridge.sqlite.before-20270115T080000Z"]);
}

#[test]
fn what_is_restored_belongs_to_whom_the_directory_belongs() {
    use std::os::unix::fs::MetadataExt as _;
    let (dir, store) = filled(2);
    let (file, state) = (dir.path().join("backup.sqlite"), store.directory().to_owned());
    store.backup(&file).unwrap();
    drop(store);
    // Only root can give it away; for others it is theirs anyway.
    let _ = std::os::unix::fs::chown(&state, Some(65_534), Some(65_534));
    let lock = Lock::alone(&state, "restore").unwrap();
    restore(&lock, &state, &file, at(0)).unwrap();
    let owner = |path: &Path| fs::metadata(path).unwrap().uid();
    assert_eq!(owner(&state.join(DATABASE)), owner(&state));
}
