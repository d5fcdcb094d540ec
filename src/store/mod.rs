//! The state directory: one SQLite database (the ledger), the lock, and the note of each branch's last pass.
//!
//! What a method reports as written is on the disk: WAL with `synchronous=FULL`, one transaction for what belongs
//! together. A page of orders or a batch of drafts is one transaction, so commits are grouped by nature.
//! Deliberately absent: any knowledge of Odoo's calls; `sync` is where the two meet.

mod backup;
mod bindings;
mod causes;
mod changed;
mod clean;
mod content;
mod days;
mod decide;
mod endpoint;
mod file;
mod fingerprints;
mod groups;
mod keep;
mod ledger;
mod lock;
mod outcome;
mod owing;
mod pages;
mod passes;
mod people;
mod portrait;
mod sales;
mod sending;
mod sound;
mod story;
mod trail;
mod wishes;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

pub use backup::{Copied, CopyError, restore};
pub use bindings::{Binding, Mapped};
pub use causes::OpenCause;
pub use clean::{AT_ONCE, Cleaned};
pub use days::{DayOrder, DayState, SessionRow};
pub use decide::{AT_A_TIME, Decided};
pub use endpoint::{Endpoint, Reached, Upgrade};
pub use fingerprints::{ENOUGH_RECEIPTS, Fingerprint, Witness};
pub use groups::{GROUPS, Group, Groups};
pub use keep::*;
pub use ledger::*;
pub use lock::{Held, Lock, daemon};
pub use outcome::{Conclusion, Due, Verdict};
pub use pages::{Cursor, EXPORTED, LOG_PAGE, LOOKED, LogPage, PageFilter};
pub use passes::{DailyPass, LastPass, SendPass};
pub use people::{IDLE, LONGEST, Person, Role, SignIn, SignedIn};
pub use portrait::last_passes;
pub use sales::{Counted, LONGEST_SPAN, SalesDetail, SalesRow, SoldToday};
pub use sending::{Bound, QUEUED_CONTENT, Queued, Remembered, SendConclusion, SendNote, Sending, Sent};
pub use story::{ATTEMPTS_SHOWN, Story, Unmatched};
pub use trail::{Done, Note, TRAIL_PAGE, TrailFilter};
pub use wishes::Paused;

use crate::planted::{Bug, planted, step};

/// The database's file in the state directory.
const DATABASE: &str = "posbridge.sqlite";

/// Each step takes the schema one version on; version = number of steps. Only ever append.
const STEPS: &[&str] = &[
    include_str!("schema.sql"),
    include_str!("step2.sql"),
    include_str!("step3.sql"),
    include_str!("step4.sql"),
    include_str!("step5.sql"),
    include_str!("step6.sql"),
    include_str!("step7.sql"),
    include_str!("step8.sql"),
];

/// How long a writer waits for another process (a retry typed while the daemon runs) before it gives up.
const BUSY: Duration = Duration::from_secs(10);

/// Statements that stay prepared: all that a pass asks for. With fewer, those of one part of a pass push out those of the next,
/// and preparing takes as long as answering.
const STATEMENTS: usize = 128;

/// What SQLite's shared memory takes at a time.
const PROBE: usize = 32 * 1024;

/// Why the state could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full.
    #[error("The disk with {} is full: nothing more is sent until there is room, and nothing is lost. Free some space and run it again", .0.display())]
    DiskFull(PathBuf),
    /// The directory or a file in it cannot be written or created.
    #[error("Cannot write in the state directory {}: {reason}. Give it to the user that runs posbridge, e.g. chown -R posbridge {}", path.display(), path.display())]
    Unwritable {
        /// The directory.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// Something else stands at its place.
    #[error("{} is no directory, so no state can be kept in it. Move it away, or name another directory with `state` in branches.toml", .0.display())]
    NotADirectory(PathBuf),
    /// Written by a newer posbridge.
    #[error("The state in {} was written by a newer posbridge (version {found} of the ledger; this program knows {known}). Install that version again; the state is unchanged", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// Nothing there yet, and the command only reads.
    #[error("No state in {} yet: nothing has been received. Run posbridge receive first", .0.display())]
    Empty(PathBuf),
    /// Damaged, or not ours.
    #[error("The ledger {} cannot be used: {reason}. It was left as it is. Stop posbridge, keep a copy of the directory, and restore the latest backup: posbridge restore FILE. Without one, move everything but secret.key out of the directory and set the passwords again: all is received anew. What central already has is not written twice either way", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// SQLite's words.
        reason: String,
    },
    /// Another process holds a write transaction for longer than [`BUSY`].
    #[error("The ledger {} is busy: another posbridge is writing. Try again in a moment", .0.display())]
    Busy(PathBuf),
    /// Another process holds the lock.
    #[error("{0}")]
    Locked(Held),
}

/// The ledger of one state directory. Cheap to clone; calls block for about a disk write and are made from
/// blocking-safe places ([`Store::run`]).
#[derive(Clone)]
pub struct Store {
    directory: Arc<PathBuf>,
    connection: Arc<Mutex<Connection>>,
    commits: Arc<AtomicU64>,
    in_place: bool,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Store").field(&self.directory).finish()
    }
}

/// A password as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// `central` or a branch code.
    pub owner: String,
    /// `password`.
    pub field: String,
    /// The sealed text.
    pub sealed: String,
    /// When it was set.
    pub updated_at: Timestamp,
}

impl Store {
    /// Opens the ledger; makes directory (0700) and database at the first use, and brings an older one up to date.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        make_private(directory)?;
        sound::look(directory)?;
        make_private_file(&directory.join(DATABASE))
            .map_err(|e| StoreError::Unwritable { path: directory.to_owned(), reason: e.to_string() })?;
        step();
        Self::connect(directory, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)
    }

    /// Opens the ledger of commands that only look.
    ///
    /// # Errors
    /// [`StoreError::Empty`] if there is none yet; else as [`Store::open`].
    pub fn open_existing(directory: &Path) -> Result<Self, StoreError> {
        sound::look(directory)?;
        if !directory.join(DATABASE).exists() {
            return Err(StoreError::Empty(directory.to_owned()));
        }
        Self::connect(directory, OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    fn connect(directory: &Path, flags: OpenFlags) -> Result<Self, StoreError> {
        let path = directory.join(DATABASE);
        let connection = Connection::open_with_flags(&path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(|e| explain(e, directory))?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let store = Self {
            directory: Arc::new(directory.to_owned()),
            connection: Arc::new(Mutex::new(connection)),
            commits: Arc::default(),
            in_place: false,
        };
        store.prepare(&path)?;
        Ok(store)
    }

    fn prepare(&self, path: &Path) -> Result<(), StoreError> {
        let mut connection = self.lock();
        let known = STEPS.len() as i64;
        refuse_others(&connection, path, known).map_err(|e| explain(e, &self.directory))??;
        let prepare = |connection: &mut Connection| -> rusqlite::Result<()> {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            // NORMAL may lose the last commits at a power cut, and with them the knowledge that an order is done.
            connection.pragma_update(None, "synchronous", if planted(Bug::DropFsync) { "OFF" } else { "FULL" })?;
            connection.pragma_update(None, "foreign_keys", true)?;
            connection.pragma_update(None, "trusted_schema", false)?;
            if version(connection)? < known {
                let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
                // Another process may have done it while this one waited.
                let found = version(&transaction)?;
                for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
                    transaction.execute_batch(step)?;
                }
                transaction.pragma_update(None, "user_version", known)?;
                step();
                transaction.commit()?;
                step();
            }
            Ok(())
        };
        prepare(&mut connection).map_err(|e| explain(e, &self.directory))
    }

    /// A copy of the ledger in another directory, as it stands now.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn copy_to(&self, directory: &Path) -> Result<Self, StoreError> {
        make_private(directory)?;
        let copy = directory.join(DATABASE);
        self.read(|db| db.execute("VACUUM INTO ?1", [copy.to_string_lossy()]))?;
        Self::open_existing(directory)
    }

    /// Transactions committed through this handle; each is one fsync.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Where the state is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The same handle, whose [`Store::run`] works on the thread that asks: what happens in a trial then happens in one order.
    #[must_use]
    pub fn in_place(&self) -> Self {
        Self { in_place: true, ..self.clone() }
    }

    /// Runs a piece of work on the ledger off the runtime's threads.
    ///
    /// # Errors
    /// Those of the work; [`StoreError::Damaged`] if it panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.in_place {
            return work(self);
        }
        let store = self.clone();
        match crate::blocking::run(move || work(&store)).await {
            Ok(result) => result,
            Err(stopped) => Err(StoreError::Damaged { path: self.directory.join(DATABASE), reason: stopped.to_string() }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic inside a transaction rolls it back on drop; the connection stays usable.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        work(&self.lock()).map_err(|e| explain(e, &self.directory))
    }

    fn write<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate);
        let done = transaction.and_then(|transaction| {
            let value = work(&transaction)?;
            step();
            transaction.commit()?;
            step();
            self.commits.fetch_add(1, Ordering::Relaxed);
            Ok(value)
        });
        done.map_err(|e| explain(e, &self.directory))
    }

    /// The sealed passwords, by owner.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn secrets(&self) -> Result<Vec<Sealed>, StoreError> {
        self.read(|db| {
            let mut rows = db.prepare("SELECT owner, field, sealed, updated_at FROM secret ORDER BY owner, field")?;
            rows.query_map([], sealed)?.collect()
        })
    }

    /// One sealed password.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn secret(&self, owner: &str, field: &str) -> Result<Option<Sealed>, StoreError> {
        self.read(|db| {
            db.prepare_cached("SELECT owner, field, sealed, updated_at FROM secret WHERE owner = ?1 AND field = ?2")?
                .query_row([owner, field], sealed)
                .optional()
        })
    }

    /// The sealed passwords that are in use, without those that wait to take their place.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn passwords(&self) -> Result<Vec<Sealed>, StoreError> {
        Ok(self.secrets()?.into_iter().filter(|secret| secret.field != Sealed::NEXT).collect())
    }

    /// Puts the password that waited in the place of the one that was refused; `sealed` is it, sealed to that place.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn promote_next(&self, sealed: &Sealed) -> Result<(), StoreError> {
        self.put_secrets(std::slice::from_ref(sealed))?;
        self.write(|db| db.execute("DELETE FROM secret WHERE owner = ?1 AND field = ?2", [sealed.owner.as_str(), Sealed::NEXT]).map(drop))
    }

    /// Keeps sealed passwords, all or none (a rotation re-seals them together). Which protocol the ones before spoke is forgotten: a
    /// password speaks another one than a key.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn put_secrets(&self, secrets: &[Sealed]) -> Result<(), StoreError> {
        self.write(|db| {
            for secret in secrets {
                db.prepare_cached(
                    "INSERT INTO secret (owner, field, sealed, updated_at) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (owner, field) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at",
                )?
                .execute(params![secret.owner, secret.field, secret.sealed, secret.updated_at.as_second()])?;
                db.prepare_cached("UPDATE endpoint SET protocol = NULL WHERE owner = ?1")?.execute([&secret.owner])?;
            }
            Ok(())
        })
    }
}

impl Sealed {
    /// The field of the password or API key that logs in.
    pub const PASSWORD: &'static str = "password";
    /// The field of the one that takes its place when it is refused.
    pub const NEXT: &'static str = "next_password";
}

fn sealed(row: &rusqlite::Row<'_>) -> rusqlite::Result<Sealed> {
    Ok(Sealed { owner: row.get(0)?, field: row.get(1)?, sealed: row.get(2)?, updated_at: timestamp(row.get(3)?) })
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Before anything is written into a file: it has to be a ledger that this program knows, or a new one.
fn refuse_others(connection: &Connection, path: &Path, known: i64) -> rusqlite::Result<Result<(), StoreError>> {
    connection.busy_timeout(BUSY)?;
    let found = version(connection)?;
    if found > known {
        return Ok(Err(StoreError::Newer { path: path.to_owned(), found, known }));
    }
    let tables: i64 =
        connection
            .query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('record', 'attempt')", [], |row| row.get(0))?;
    let anything = connection.prepare("SELECT 1 FROM sqlite_schema")?.exists([])?;
    let damaged = |reason: &str| Ok(Err(StoreError::Damaged { path: path.to_owned(), reason: reason.to_owned() }));
    match (found, tables) {
        (1.., 2) => Ok(Ok(())),
        (0, _) if anything => damaged("it is a database of another program"),
        (0, _) if path.parent().is_some_and(sound::has_notes) => damaged("it is empty, although this directory has been used"),
        (0, _) => Ok(Ok(())),
        _ => damaged("its tables are missing"),
    }
}

/// Makes a directory that only its owner can look into: orders are personal data.
fn make_private(directory: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::DirBuilderExt as _;
    // Asked first, it could be there a moment later: the passes of two branches begin at the same time.
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(|e| match directory.exists() && !directory.is_dir() {
        true => StoreError::NotADirectory(directory.to_owned()),
        false => StoreError::Unwritable { path: directory.to_owned(), reason: e.to_string() },
    })
}

/// SQLite gives its companion files the mode of the database.
fn make_private_file(file: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(file).map(drop)
}

fn explain(error: rusqlite::Error, directory: &Path) -> StoreError {
    use rusqlite::ErrorCode as Code;
    let path = directory.to_owned();
    match error.sqlite_error_code() {
        Some(Code::DiskFull) => StoreError::DiskFull(path),
        // SQLite's shared memory tells a full disk as a broken one.
        Some(Code::SystemIoFailure) if no_room(directory) => StoreError::DiskFull(path),
        Some(Code::ReadOnly | Code::CannotOpen | Code::PermissionDenied) => StoreError::Unwritable { path, reason: error.to_string() },
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => StoreError::Busy(path),
        _ => StoreError::Damaged { path: directory.join(DATABASE), reason: error.to_string() },
    }
}

/// Whether a small file finds no room in a directory.
fn no_room(directory: &Path) -> bool {
    let probe = directory.join(format!("room-{}", std::process::id()));
    let written = std::fs::write(&probe, [0; PROBE]);
    // Left behind it would only take room.
    let _ = std::fs::remove_file(&probe);
    written.is_err_and(|error| matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded))
}

fn json_text<T: serde::Serialize>(value: &T) -> String {
    // Our own types have string keys and finite numbers only, so this cannot fail.
    serde_json::to_string(value).unwrap_or_default()
}

fn json_column<T: serde::de::DeserializeOwned>(text: Option<String>) -> Option<T> {
    text.and_then(|text| serde_json::from_str(&text).ok())
}

fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests;
