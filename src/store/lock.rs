//! One writer of orders at a time: the lock on a state directory, and who holds it.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use jiff::Timestamp;

use super::{StoreError, make_private};

/// Held while a pass or the daemon runs; freed by the system when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code)] File);

/// Who holds the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// What it wrote about itself: `posbridge receive, process 4711, since 2026-11-21T08:00:00Z`.
    pub by: String,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Another posbridge is at work on this state directory ({}). Wait until it is done, or stop it first", self.by)
    }
}

impl Lock {
    /// Takes the lock for a verb.
    ///
    /// # Errors
    /// [`StoreError::Locked`] naming the holder; [`StoreError::Unwritable`].
    pub fn take(directory: &Path, verb: &str) -> Result<Self, StoreError> {
        make_private(directory)?;
        let unwritable = |e: std::io::Error| StoreError::Unwritable { path: directory.to_owned(), reason: e.to_string() };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(directory.join("lock")).map_err(unwritable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut by = String::new();
                // The holder may be just writing it; the name is a help, not a need.
                let _ = file.read_to_string(&mut by);
                return Err(StoreError::Locked(Held { by: if by.is_empty() { "unknown".to_owned() } else { by } }));
            }
            Err(TryLockError::Error(e)) => return Err(unwritable(e)),
        }
        let since = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
        let text = format!("posbridge {verb}, process {}, since {since}", std::process::id());
        // On a full disk the lock still holds, without its name.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes()));
        Ok(Self(file))
    }
}
