//! Copies of the ledger: made while it is being written, and put back in its place.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};

use super::{DATABASE, LastPass, Lock, STEPS, Store, StoreError, no_room, timestamp, version};
use crate::planted::step;
use crate::problem::clean;

/// Longest reason of SQLite's that is repeated.
const REASON: usize = 200;

/// Why a copy was not made or not put back.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// There is a file of this name.
    #[error("{} is there already, and a backup is never written over another. Nothing was done; name a new file", .0.display())]
    Exists(PathBuf),
    /// The disk is full.
    #[error("The disk with {} is full: the copy was not made, and what was begun is removed. Free some space, or name a file on another disk", .0.display())]
    NoRoom(PathBuf),
    /// The file cannot be written.
    #[error("{} cannot be written: {reason}. Nothing was done; name a file in a directory that this user may write to", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// What was named is no ledger, or is damaged.
    #[error("{} cannot be restored: {reason}. Nothing was changed; name another backup", path.display())]
    NoBackup {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Made by a newer posbridge.
    #[error("{} was made by a newer posbridge (version {found} of the ledger; this program knows {known}). Nothing was changed; install that version, or name an older backup", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The ledger itself.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A copy that was made or put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Its size.
    pub bytes: u64,
    /// Records in it.
    pub records: u64,
    /// When the last of them changed: how old a backup is.
    pub newest: Option<Timestamp>,
    /// Where the ledger is that stood in the place of what was restored.
    pub before: Option<PathBuf>,
}

impl Store {
    /// Copies the ledger into a new file that only its owner can read, as it stands at one moment, while others write; makes
    /// sure that the copy is sound and on the disk. The file appears when it is whole.
    ///
    /// # Errors
    /// See [`CopyError`]; then there is no such file.
    pub fn backup(&self, file: &Path) -> Result<Copied, CopyError> {
        let file = std::path::absolute(file).map_err(|error| unwritable(file, &error))?;
        if file.symlink_metadata().is_ok() {
            return Err(CopyError::Exists(file));
        }
        let mut part = file.clone().into_os_string();
        part.push(format!(".part-{}", std::process::id()));
        let part = PathBuf::from(part);
        let made = self.write_copy(&part, &file).and_then(|copied| {
            rename_to_new(&part, &file)?;
            Ok(copied)
        });
        if made.is_err() {
            // What cannot be removed now could not be written either.
            let _ = fs::remove_file(&part);
        }
        made
    }

    fn write_copy(&self, part: &Path, file: &Path) -> Result<Copied, CopyError> {
        copy_into(&self.lock(), part, file, |error| CopyError::Store(super::explain(error, self.directory())))?;
        let unsound = |reason: String| CopyError::Unwritable { path: file.to_owned(), reason: format!("the copy is not sound: {reason}") };
        let connection = Connection::open_with_flags(part, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|error| unsound(error.to_string()))?;
        inspect(&connection, part).map_err(|error| unsound(error.to_string()))
    }
}

/// Puts a backup in the place of the ledger, which is kept beside it under another name. The lock says that nobody is at
/// work. At each step either the old ledger is there or none, and none is never taken for a new one.
///
/// The next pass reads again whatever the backup does not know: all that was learnt since then is forgotten, too.
///
/// # Errors
/// See [`CopyError`]; before the last step the old ledger is in its place.
pub fn restore(_lock: &Lock, directory: &Path, file: &Path, now: Timestamp) -> Result<Copied, CopyError> {
    let ledger = directory.join(DATABASE);
    let part = directory.join(format!("{DATABASE}.restored"));
    let no_backup = |reason: String| CopyError::NoBackup { path: file.to_owned(), reason: clean(&reason, REASON) };
    match fs::metadata(file) {
        Err(error) => return Err(no_backup(error.to_string())),
        Ok(found) if !found.is_file() || found.len() == 0 => return Err(no_backup("it is no file with something in it".to_owned())),
        Ok(_) => {}
    }
    let source = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|error| no_backup(error.to_string()))?;
    let copied = inspect(&source, file)?;
    // Of an earlier one that was broken off.
    let _ = fs::remove_file(&part);
    let written = copy_into(&source, &part, &ledger, |error| no_backup(error.to_string()));
    if let Err(error) = written {
        let _ = fs::remove_file(&part);
        return Err(error);
    }
    give_to_owner(directory, &part);
    forget_notes(directory);
    step();
    let before = set_aside(directory, now)?;
    fs::rename(&part, &ledger).and_then(|()| sync_directory(directory)).map_err(|error| unwritable(&ledger, &error))?;
    step();
    // An older one is brought up to date now, while somebody looks.
    Store::open(directory)?;
    Ok(Copied { before, ..copied })
}

/// Writes what a connection sees at one moment into a new file, compact, and makes sure that it is on the disk.
fn copy_into(
    source: &Connection,
    part: &Path,
    meant: &Path,
    of_source: impl FnOnce(rusqlite::Error) -> CopyError,
) -> Result<(), CopyError> {
    use rusqlite::ErrorCode as Code;
    let folder = || part.parent().unwrap_or(Path::new("/")).to_owned();
    let io = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => CopyError::NoRoom(folder()),
        _ => unwritable(meant, &error),
    };
    let Some(name) = part.to_str() else {
        return Err(CopyError::Unwritable { path: meant.to_owned(), reason: "its name is no UTF-8 text".to_owned() });
    };
    // SQLite writes into an empty file as it is, with its mode.
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(part).map_err(io)?;
    step();
    source.execute("VACUUM INTO ?1", [name]).map_err(|error| match error.sqlite_error_code() {
        Some(Code::DiskFull) => CopyError::NoRoom(folder()),
        Some(Code::SystemIoFailure) if no_room(&folder()) => CopyError::NoRoom(folder()),
        Some(Code::CannotOpen | Code::ReadOnly | Code::SystemIoFailure | Code::PermissionDenied) => {
            CopyError::Unwritable { path: meant.to_owned(), reason: error.to_string() }
        }
        _ => of_source(error),
    })?;
    step();
    made.sync_all().map_err(io)?;
    step();
    Ok(())
}

/// Makes sure that a file is a ledger that this program knows, and sound.
fn inspect(connection: &Connection, file: &Path) -> Result<Copied, CopyError> {
    let no_backup = |reason: String| CopyError::NoBackup { path: file.to_owned(), reason: clean(&reason, REASON) };
    let sql = |error: rusqlite::Error| no_backup(error.to_string());
    let found = version(connection).map_err(sql)?;
    let known = STEPS.len() as i64;
    let tables = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('record', 'attempt', 'endpoint', 'secret')";
    if connection.query_row(tables, [], |row| row.get::<_, i64>(0)).map_err(sql)? != 4 || found < 1 {
        return Err(no_backup("it is a database, but no ledger of posbridge".to_owned()));
    }
    if found > known {
        return Err(CopyError::Newer { path: file.to_owned(), found, known });
    }
    let sound: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(sql)?;
    if sound != "ok" {
        return Err(no_backup(format!("it is damaged: {sound}")));
    }
    let (records, newest): (u64, Option<i64>) =
        connection.query_row("SELECT count(*), max(updated_at) FROM record", [], |row| Ok((row.get(0)?, row.get(1)?))).map_err(sql)?;
    let bytes = fs::metadata(file).map_or(0, |file| file.len());
    Ok(Copied { bytes, records, newest: newest.map(timestamp), before: None })
}

/// Whoever restores as root leaves a ledger that the service can write. Others can give nothing away, and need not.
fn give_to_owner(directory: &Path, file: &Path) {
    use std::os::unix::fs::MetadataExt as _;
    if let Ok(owner) = fs::metadata(directory) {
        let _ = std::os::unix::fs::chown(file, Some(owner.uid()), Some(owner.gid()));
    }
}

/// What passes noted beside the ledger would let them look only at what is newer than it.
fn forget_notes(directory: &Path) {
    let Ok(files) = fs::read_dir(directory) else { return };
    for file in files.flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        let Some((kind, owner)) = name.strip_suffix(".json").and_then(|name| name.split_once('-')) else { continue };
        match (kind, crate::model::BranchCode::new(owner)) {
            ("pass", Ok(branch)) => {
                if let Some(last) = LastPass::load(directory, &branch) {
                    LastPass { whole_window_at: None, whole_window_there: None, ..last }.save(directory, &branch);
                }
            }
            // Costs a comparison of everything.
            ("send", _) => drop(fs::remove_file(file.path())),
            _ => {}
        }
    }
}

/// Moves the ledger and its write-ahead log out of the way, whatever state they are in. The ledger first: without it its
/// log is refused, and not the other way round.
fn set_aside(directory: &Path, now: Timestamp) -> Result<Option<PathBuf>, CopyError> {
    let ledger = directory.join(DATABASE);
    // One that can be opened takes its log in by this. One that cannot stays as it is.
    drop(Store::open_existing(directory));
    let free = |n: u32| {
        let again = if n == 0 { String::new() } else { format!("-{n}") };
        directory.join(format!("{DATABASE}.before-{}{again}", now.strftime("%Y%m%dT%H%M%SZ")))
    };
    // Whoever restores a hundred times in one second has other troubles.
    let before = (0..100).map(free).find(|path| !path.exists()).unwrap_or_else(|| free(100));
    let beside = |path: &Path, end: &str| PathBuf::from(format!("{}{end}", path.display()));
    let mut moved = None;
    for end in ["", "-wal"] {
        match fs::rename(beside(&ledger, end), beside(&before, end)) {
            Ok(()) => {
                step();
                moved = Some(before.clone());
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(unwritable(&ledger, &error)),
        }
    }
    // Only says where in the log what stands.
    let _ = fs::remove_file(beside(&ledger, "-shm"));
    sync_directory(directory).map_err(|error| unwritable(&ledger, &error))?;
    step();
    Ok(moved)
}

/// Gives a file its name, unless there is one of that name by now.
fn rename_to_new(part: &Path, file: &Path) -> Result<(), CopyError> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let renamed = match renameat_with(CWD, part, CWD, file, RenameFlags::NOREPLACE) {
        Err(rustix::io::Errno::EXIST) => return Err(CopyError::Exists(file.to_owned())),
        // A file system that cannot promise it.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => fs::rename(part, file),
        other => other.map_err(std::io::Error::from),
    };
    step();
    let folder = file.parent().unwrap_or(Path::new("/"));
    renamed.and_then(|()| sync_directory(folder)).map_err(|error| unwritable(file, &error))
}

/// Without it, a power cut may take back a name that was given.
fn sync_directory(directory: &Path) -> std::io::Result<()> {
    File::open(directory)?.sync_all()
}

fn unwritable(path: &Path, error: &std::io::Error) -> CopyError {
    CopyError::Unwritable { path: path.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests;
