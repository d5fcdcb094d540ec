//! Damage: what is refused, and that it is left as it is.

use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;
use proptest::prelude::*;

use super::super::{Filter, Sealed, Store};
use super::*;

/// A ledger with records, closed.
fn closed() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let connection = rusqlite::Connection::open(dir.path().join(DATABASE)).unwrap();
    connection.execute_batch(include_str!("../states/v3.sql")).unwrap();
    drop(connection);
    drop(Store::open(dir.path()).unwrap());
    let file = dir.path().join(DATABASE);
    (dir, file)
}

/// The files of a ledger as a killed process leaves them, with so many commits in the write-ahead log.
fn killed(commits: i64) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let (dir, file) = closed();
    let copy = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    (0..commits).for_each(|n| put(&store, n));
    for name in [DATABASE.to_owned(), format!("{DATABASE}-wal")] {
        fs::copy(dir.path().join(&name), copy.path().join(&name)).unwrap();
    }
    let log = copy.path().join(format!("{DATABASE}-wal"));
    (copy, file.file_name().map(PathBuf::from).unwrap(), log)
}

fn put(store: &Store, n: i64) {
    let sealed =
        Sealed { owner: format!("b{n}"), field: "password".to_owned(), sealed: "x".repeat(500), updated_at: Timestamp::UNIX_EPOCH };
    store.put_secrets(&[sealed]).unwrap();
}

fn refusal(directory: &Path) -> String {
    match Store::open(directory).and_then(|store| store.check_sound()) {
        Err(error) => error.to_string().replace(&directory.display().to_string(), "[DIR]"),
        Ok(()) => panic!("it was opened"),
    }
}

#[test]
fn each_damage_is_refused_named_and_left_as_it_is() {
    let mut told = Vec::new();
    let mut refused = |what: &str, damage: &dyn Fn(&mut Vec<u8>)| {
        let (dir, file) = closed();
        fs::write(dir.path().join("pass-tirana.json"), "{}").unwrap();
        let mut bytes = fs::read(&file).unwrap();
        damage(&mut bytes);
        fs::write(&file, &bytes).unwrap();
        told.push(format!("{what}: {}", refusal(dir.path())));
        assert!(fs::read(&file).unwrap() == bytes, "{what}: it was changed");
    };
    refused("garbage at the head", &|bytes| bytes[..100].fill(b'x'));
    refused("cut in the middle", &|bytes| bytes.truncate(bytes.len() / 2));
    refused("cut in the first page", &|bytes| bytes.truncate(1_000));
    refused("a few bytes are left", &|bytes| bytes.truncate(10));
    refused("no byte is left", &|bytes| bytes.clear());
    refused("garbage in the middle", &|bytes| bytes[4_096 * 3..4_096 * 5].fill(0xa5));
    let (dir, file) = closed();
    fs::remove_file(&file).unwrap();
    fs::write(dir.path().join("pass-tirana.json"), "{}").unwrap();
    told.push(format!("gone: {}", refusal(dir.path())));
    assert!(!file.exists());
    fs::remove_file(dir.path().join("pass-tirana.json")).unwrap();
    rusqlite::Connection::open(&file).unwrap().execute_batch("CREATE TABLE other (id)").unwrap();
    told.push(format!("of another program: {}", refusal(dir.path())));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn an_empty_file_where_nothing_was_yet_is_a_beginning() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(DATABASE), "").unwrap();
    fs::write(dir.path().join("secret.key"), "key").unwrap();
    Store::open(dir.path()).unwrap().check_sound().unwrap();
}

#[test]
fn an_empty_database_where_passes_have_been_run_is_not_filled() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("pass-tirana.json"), "{}").unwrap();
    // An empty database with a header, as a tool may leave it.
    rusqlite::Connection::open(dir.path().join(DATABASE)).unwrap().execute_batch("VACUUM; PRAGMA user_version = 0").unwrap();
    fs::metadata(dir.path().join(DATABASE)).unwrap();
    assert!(refusal(dir.path()).contains("it is empty"));
}

#[test]
fn a_killed_process_leaves_a_log_that_is_read() {
    let (dir, _, log) = killed(20);
    assert!(fs::metadata(&log).unwrap().len() > 20 * 4_096);
    assert_eq!(Store::open(dir.path()).unwrap().secrets().unwrap().len(), 21, "and the one that was there");
}

#[test]
fn a_log_torn_in_its_last_transaction_is_what_a_power_cut_leaves() {
    let (dir, _, log) = killed(20);
    let mut bytes = fs::read(&log).unwrap();
    let end = bytes.len();
    bytes[end - 2_000..].fill(0);
    fs::write(&log, &bytes).unwrap();
    assert_eq!(Store::open(dir.path()).unwrap().secrets().unwrap().len(), 20);
}

#[test]
fn a_log_damaged_before_that_is_refused_and_left_as_it_is() {
    for at in [0, 8, 17, 27, 200, 5_000, 30_000] {
        let (dir, _, log) = killed(20);
        let mut bytes = fs::read(&log).unwrap();
        bytes[at] ^= 0x40;
        fs::write(&log, &bytes).unwrap();
        let told = refusal(dir.path());
        assert!(told.contains("write-ahead log"), "byte {at}: {told}");
        assert!(fs::read(&log).unwrap() == bytes, "byte {at}: it was changed");
    }
}

#[test]
fn a_log_that_was_begun_and_never_written_is_nothing() {
    let (dir, _) = closed();
    fs::write(dir.path().join(format!("{DATABASE}-wal")), [0; 40_000]).unwrap();
    Store::open(dir.path()).unwrap().check_sound().unwrap();
}

#[test]
fn a_log_that_others_write_meanwhile_is_not_taken_for_damaged() {
    let (dir, _) = closed();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let store = Store::open(dir.path()).unwrap();
            // The log is begun anew every thousand pages.
            (0..3_000).for_each(|n| put(&store, n % 50));
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            look(dir.path()).unwrap();
        }
    });
}

#[test]
fn an_order_that_waits_without_what_was_received_of_it_is_damage() {
    let (dir, file) = closed();
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection.execute_batch("UPDATE record SET state = 'pending' WHERE id = 1; DELETE FROM content WHERE record_id = 1").unwrap();
    drop(connection);
    assert!(refusal(dir.path()).contains("record 1 waits"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever bits are flipped: an answer or a refusal, never a panic.
    #[test]
    fn flipped_bits_never_panic(flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..40), in_log in any::<bool>()) {
        let (dir, _, log) = killed(5);
        let file = if in_log { log } else { dir.path().join(DATABASE) };
        let mut bytes = fs::read(&file).unwrap();
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        fs::write(&file, &bytes).unwrap();
        if let Ok(store) = Store::open(dir.path()) {
            let _ = store.check_sound();
            let _ = store.secrets();
            let _ = store.counts();
            for entry in store.log(&Filter::default()).unwrap_or_default() {
                let _ = store.show(entry.id);
            }
            put_quietly(&store);
        }
    }
}

fn put_quietly(store: &Store) {
    let sealed = Sealed { owner: "new".to_owned(), field: "password".to_owned(), sealed: String::new(), updated_at: Timestamp::UNIX_EPOCH };
    let _ = store.put_secrets(&[sealed]);
    let _ = store.portrait();
}
