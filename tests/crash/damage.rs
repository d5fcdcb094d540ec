//! A damaged state directory: bits turned over, files cut short, emptied, gone, older ones put back. The program refuses with
//! a sentence that helps, or goes on and each order is at central once; it never panics and never begins anew by itself.
//!
//! `POSBRIDGE_DAMAGES` says how many (200), `POSBRIDGE_SEED=n` repeats one alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::random::{Random, number};
use crate::world::{Beginning, End, World, said};

/// What is damaged, most of it the ledger.
const FILES: &[&str] = &[
    "posbridge.sqlite",
    "posbridge.sqlite",
    "posbridge.sqlite-wal",
    "posbridge.sqlite-wal",
    "posbridge.sqlite-shm",
    "pass-tirana.json",
    "secret.key",
    "lock",
];

/// Damages a file; what was done.
fn damage(random: &mut Random, file: &Path, older: &Path) -> String {
    let mut bytes = std::fs::read(file).expect("readable");
    let at = random.below(bytes.len());
    let told = match random.below(7) {
        0 | 1 => {
            let bits = 1 + random.below(16);
            for _ in 0..bits {
                let at = random.below(bytes.len());
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
            format!("{bits} bits turned over")
        }
        2 => {
            bytes.truncate(at);
            format!("cut at {at}")
        }
        3 => {
            let end = (at + 1 + random.below(8192)).min(bytes.len());
            bytes[at.min(end)..end].fill(0);
            format!("zeros from {at} to {end}")
        }
        4 => {
            std::fs::remove_file(file).expect("ours");
            return "gone".to_owned();
        }
        5 => {
            bytes.clear();
            "empty".to_owned()
        }
        _ => match std::fs::read(older) {
            Ok(old) => {
                bytes = old;
                "an older one".to_owned()
            }
            Err(_) => {
                bytes.extend((0..100).map(|_| random.next() as u8));
                "rubbish at its end".to_owned()
            }
        },
    };
    std::fs::write(file, bytes).expect("ours");
    told
}

/// A ledger, an older copy of its files, and a backup.
struct Stand {
    world: World,
    /// Closed in order, and left by a kill with a log beside it.
    beginnings: [Beginning; 2],
    older: tempfile::TempDir,
}

impl Stand {
    async fn new() -> Self {
        let world = World::sealed(1).await;
        world.branch().sell_random(6, 7);
        let received = world.run(&["receive"], None);
        assert_eq!(End::of(&received), End::Exit(0), "{}", said(&received));
        let older = tempfile::tempdir().expect("a temporary directory");
        crate::world::copy_tree(&world.state(), older.path());
        world.branch().sell_random(6, 8);
        assert_eq!(End::of(&world.run(&["receive"], None)), End::Exit(0));
        assert_eq!(End::of(&world.run(&["backup", "copy.sqlite"], None)), End::Exit(0));
        let closed = world.keep();
        world.branch().sell_random(6, 9);
        // Killed when some of it is written and not yet noted.
        assert_eq!(End::of(&world.killed_at(&["receive"], None, 30)), End::KILLED);
        assert!(world.state().join("posbridge.sqlite-wal").exists(), "a log is left");
        let killed = world.keep();
        Self { world, beginnings: [closed, killed], older }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.world.state().join(name)
    }

    /// Whether it went on by itself, or why not all was well.
    fn trial(&self, seed: u64, story: &mut Vec<String>) -> Result<bool, String> {
        let mut random = Random::new(seed.wrapping_mul(0x1000_0000_01b3));
        let world = &self.world;
        world.put_back(random.pick(&self.beginnings));
        let key = std::fs::read(self.file("secret.key")).expect("a key");
        for _ in 0..1 + random.below(2) {
            let name = *random.pick(FILES);
            if self.file(name).exists() {
                let done = damage(&mut random, &self.file(name), &self.older.path().join(name));
                story.push(format!("{name}: {done}"));
            }
        }
        let records = count(&self.file("posbridge.sqlite"));
        for verb in [&["status"][..], &["log"], &["receive"]] {
            self.says_something_helpful(verb, story)?;
        }
        let first = world.run(&["receive"], None);
        if End::of(&first) == End::Exit(0) {
            let states = states(&self.file("posbridge.sqlite"));
            // An order whose key is another now is received once more, and central answers with the draft that it has.
            let done = states.get("done").copied().unwrap_or(0);
            let whole = states.len() == 1 && done >= world.paid() && records.is_none_or(|records| done >= records);
            return match world.violations() {
                wrong if wrong.is_empty() && whole => Ok(true),
                wrong => Err(format!("it went on with {states:?} of {records:?}: {wrong:#?}")),
            };
        }
        self.mend(&key, story)?;
        Ok(false)
    }

    fn says_something_helpful(&self, verb: &[&str], story: &mut Vec<String>) -> Result<(), String> {
        const HELP: &[&str] =
            &["restore", "secret set", "backup", "put the right one back", "put it back", "Try again", "chmod", "log show"];
        let ran = self.world.run(verb, None);
        let told = said(&ran);
        story.push(format!("{verb:?}: {told}"));
        let fine = matches!(End::of(&ran), End::Exit(0 | 1 | 3)) && !told.contains("panicked");
        let helped = End::of(&ran) != End::Exit(1) || HELP.iter().any(|help| told.contains(help));
        if fine && helped { Ok(()) } else { Err(format!("{verb:?}: {told}")) }
    }

    /// Does what the sentences say: the key from its copy, the ledger from the backup.
    fn mend(&self, key: &[u8], story: &mut Vec<String>) -> Result<(), String> {
        let world = &self.world;
        std::fs::write(self.file("secret.key"), key).expect("ours");
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(self.file("secret.key"), std::fs::Permissions::from_mode(0o600)).expect("ours");
        for verb in [&["restore", "copy.sqlite", "--yes"][..], &["receive"]] {
            let ran = world.run(verb, None);
            story.push(format!("mended by {verb:?}: {}", said(&ran)));
            if End::of(&ran) != End::Exit(0) {
                return Err(format!("{verb:?} does not mend it: {}", said(&ran)));
            }
        }
        let wrong = world.violations();
        if wrong.is_empty() { Ok(()) } else { Err(format!("mended, and {wrong:#?}")) }
    }
}

/// How many orders are in which state, as far as SQLite reads it: a page that no pass has looked at may still be damaged.
fn states(file: &Path) -> BTreeMap<String, usize> {
    let db = rusqlite::Connection::open(file).expect("a ledger");
    let mut query = db.prepare("SELECT state, count(*) FROM record GROUP BY state").expect("a table");
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("readable");
    rows.filter_map(Result::ok).collect()
}

/// Records in a ledger as far as SQLite reads it.
fn count(file: &Path) -> Option<usize> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    rusqlite::Connection::open_with_flags(file, flags).ok()?.query_row("SELECT count(*) FROM record", [], |row| row.get(0)).ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_state_is_refused_or_goes_on_and_never_begins_anew() {
    let stand = Stand::new().await;
    let seeds = match number("POSBRIDGE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..1 + number("POSBRIDGE_DAMAGES").unwrap_or(200),
    };
    let (mut went_on, mut refused) = (0, 0);
    for seed in seeds.clone() {
        let mut story = Vec::new();
        match stand.trial(seed, &mut story) {
            Ok(true) => went_on += 1,
            Ok(false) => refused += 1,
            Err(wrong) => panic!("seed {seed}:\n{}\n{wrong}", story.join("\n")),
        }
        if seeds.end - seeds.start == 1 {
            println!("{}", story.join("\n"));
        }
    }
    println!("{} damages: {went_on} times it went on, {refused} times it refused and was mended", went_on + refused);
    assert!(seeds.end - seeds.start < 50 || (went_on > 0 && refused > 0), "{went_on} and {refused}");
}
