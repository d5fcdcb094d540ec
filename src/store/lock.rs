//! Who may work on a state directory: one daemon, one pass of a branch at a time in each direction, and nobody while a
//! ledger is put back. Each lock is freed by the system when its process ends, however it ends.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Direction, StoreError, make_private};
use crate::model::BranchCode;

/// Longest text of a holder about itself.
const HOLDER_MAX: u64 = 200;

/// Held as long as it lives.
#[derive(Debug)]
pub struct Lock(File);

impl Drop for Lock {
    /// Frees it at once: closing alone does not while a process that is just being started still has the file open too.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// What it wrote about itself: `posbridge receive, process 4711, since 2026-11-21T08:00:00Z`.
    pub by: String,
}

impl Held {
    /// Since when it is at work, as far as it is known.
    pub fn since(&self) -> Option<Timestamp> {
        self.by.rsplit_once("since ")?.1.trim().parse().ok()
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Another posbridge is at work on this state directory ({}). Wait until it is done, or stop it first", self.by)
    }
}

impl Lock {
    /// Takes part in the work on a directory: any number may, but nobody while the ledger is put back.
    ///
    /// # Errors
    /// [`StoreError::Locked`] by a restore; [`StoreError::Unwritable`].
    pub fn share(directory: &Path) -> Result<Self, StoreError> {
        take(directory, &directory.join("lock"), None)
    }

    /// Works on a directory alone, for a verb.
    ///
    /// # Errors
    /// [`StoreError::Locked`] as long as anybody is at work; [`StoreError::Unwritable`].
    pub fn alone(directory: &Path, verb: &str) -> Result<Self, StoreError> {
        take(directory, &directory.join("lock"), Some(verb)).map_err(|error| match (error, daemon(directory)) {
            // Many share that lock and none has its name in it; a daemon has left it elsewhere.
            (StoreError::Locked(_), Some(held)) => StoreError::Locked(held),
            (error, _) => error,
        })
    }

    /// Is the daemon of a directory: there is at most one.
    ///
    /// # Errors
    /// [`StoreError::Locked`] naming the other; [`StoreError::Unwritable`].
    pub fn daemon(directory: &Path) -> Result<Self, StoreError> {
        take(directory, &daemon_file(directory), Some("run"))
    }

    /// Seals the passwords anew: one at a time. Whoever reads one meanwhile finds a key that opens it.
    ///
    /// # Errors
    /// [`StoreError::Locked`] by another rotation; [`StoreError::Unwritable`].
    pub fn rotation(directory: &Path) -> Result<Self, StoreError> {
        take(directory, &directory.join("rotate.lock"), Some("secret rotate"))
    }

    /// Makes a pass of a branch in a direction: there is at most one.
    ///
    /// # Errors
    /// [`StoreError::Locked`] naming who does; [`StoreError::Unwritable`].
    pub fn pass(directory: &Path, branch: &BranchCode, direction: Direction, verb: &str) -> Result<Self, StoreError> {
        let locks = directory.join("locks");
        take(&locks, &locks.join(format!("{}-{branch}", direction.as_str())), Some(verb))
    }
}

/// The daemon that runs on a directory, if one does.
pub fn daemon(directory: &Path) -> Option<Held> {
    let mut file = File::open(daemon_file(directory)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(holder(&mut file)),
        _ => None,
    }
}

fn daemon_file(directory: &Path) -> PathBuf {
    directory.join("daemon.lock")
}

/// Locks a file: for a verb alone, else together with others.
fn take(directory: &Path, file: &Path, verb: Option<&str>) -> Result<Lock, StoreError> {
    make_private(directory)?;
    let unwritable = |e: std::io::Error| StoreError::Unwritable { path: directory.to_owned(), reason: e.to_string() };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(file).map_err(unwritable)?;
    let taken = if verb.is_some() { file.try_lock() } else { file.try_lock_shared() };
    match taken {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(StoreError::Locked(holder(&mut file))),
        Err(TryLockError::Error(e)) => return Err(unwritable(e)),
    }
    if verb.is_none() {
        // Whoever had it alone is gone, and its name with it.
        let _ = file.set_len(0);
    }
    if let Some(verb) = verb {
        let since = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
        let text = format!("posbridge {verb}, process {}, since {since}", std::process::id());
        // On a full disk the lock still holds, without its name.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes()));
    }
    Ok(Lock(file))
}

/// What the holder wrote. It may be just writing it; the name is a help, not a need.
fn holder(file: &mut File) -> Held {
    let mut by = String::new();
    let _ = file.take(HOLDER_MAX).read_to_string(&mut by);
    Held { by: if by.is_empty() { "a command of posbridge".to_owned() } else { by } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_free_though_the_file_is_still_open_elsewhere() {
        let directory = tempfile::tempdir().expect("a directory");
        let lock = Lock::alone(directory.path(), "receive").expect("free");
        let elsewhere = lock.0.try_clone().expect("a second handle");
        assert!(
            matches!(Lock::alone(directory.path(), "run"), Err(StoreError::Locked(held)) if held.by.starts_with("posbridge receive, "))
        );
        drop(lock);
        assert!(Lock::alone(directory.path(), "run").is_ok());
        drop(elsewhere);
    }
}
