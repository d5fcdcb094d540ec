//! The loops: the only place where Odoo and the ledger meet.
//!
//! `receive` reads a branch into the ledger, `deliver` writes from the ledger to central, `pass` runs the two side
//! by side for each branch. They share nothing but the ledger, so either may stop, fail or be killed at any line.

mod bind;
mod branch;
mod central;
mod check;
mod connection;
mod deliver;
mod discover;
mod explain;
mod load;
mod pass;
mod receive;
mod send;

use jiff::Timestamp;

pub use branch::{Progress, Request};
pub use central::Central;
pub use check::{Checked, Step, Verdict, check};
pub use connection::Connection;
pub use discover::{BranchChoices, CentralChoices, branch_choices, central_choices, log_in};
pub use explain::{Asked, problem};
pub use pass::{Report, run};
pub use send::{FieldReport, ItemReport, PICTURE_MAX, SendReport, SendRequest, Told, send};

use crate::config::Config;
use crate::problem::{Problem, Side};
use crate::store::{Lock, Store, StoreError};

/// Why a pass, or a part of it, cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// Something a person can read about.
    #[error("{}", .0.what())]
    Problem(Problem),
    /// The ledger cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Problem> for Halt {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Halt {
    /// The problem as it is shown.
    pub fn into_problem(self) -> Problem {
        match self {
            Self::Problem(problem) => problem,
            Self::Store(StoreError::DiskFull(path)) => Problem::DiskFull { path: path.display().to_string() },
            Self::Store(StoreError::Unwritable { path, reason }) => Problem::StateUnwritable { path: path.display().to_string(), reason },
            Self::Store(other) => Problem::StateUnwritable { path: String::new(), reason: other.to_string() },
        }
    }
}

/// The settings, the ledger and the lock: what every pass needs.
pub struct Bridge {
    /// branches.toml.
    pub config: Config,
    /// The ledger.
    pub store: Store,
    /// A directory that goes with the bridge.
    scratch: Option<std::path::PathBuf>,
    _lock: Lock,
}

impl Drop for Bridge {
    fn drop(&mut self) {
        if let Some(directory) = &self.scratch {
            let _ = std::fs::remove_dir_all(directory);
        }
    }
}

impl std::fmt::Debug for Bridge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bridge").field("config", &self.config.file).field("store", &self.store).finish()
    }
}

impl Bridge {
    /// Takes the lock for a verb and opens the ledger.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another process is at work; else as [`Store::open`].
    pub fn open(config: Config, verb: &str) -> Result<Self, StoreError> {
        let lock = Lock::take(&config.state, verb)?;
        let store = Store::open(&config.state)?;
        Ok(Self { config, store, scratch: None, _lock: lock })
    }

    /// A bridge over a copy of the ledger that goes when it is dropped, for a dry run: nothing is written to the real
    /// one, and a pass that runs meanwhile is not disturbed.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn rehearsal(config: Config) -> Result<Self, StoreError> {
        let directory = config.state.join(format!("rehearsal-{}", std::process::id()));
        let lock = Lock::take(&directory, "receive --dry-run")?;
        let store = Store::open(&config.state)?.copy_to(&directory)?;
        Ok(Self { config, store, scratch: Some(directory), _lock: lock })
    }

    /// Opens the client of central.
    ///
    /// # Errors
    /// See [`connect`].
    pub fn central(&self) -> Result<Central, Halt> {
        let connection = connection::connect(&self.store, &self.config.state, Side::Central, &self.config.central.endpoint)?;
        Ok(Central::new(connection, self.config.central.writers))
    }
}

/// Between 0.75 and 1.25.
fn jitter() -> f64 {
    // Chance here spreads load; nothing depends on its quality, so without random bytes there is simply none.
    let byte = getrandom::u32().map_or(128, |n| n % 256);
    0.75 + f64::from(byte) / 512.0
}

/// A time as Odoo writes it: UTC, whole seconds.
fn odoo_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Reads a time that Odoo wrote.
fn parse_odoo_time(text: &str) -> Option<Timestamp> {
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}
