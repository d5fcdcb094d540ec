//! The loops: the only place where Odoo and the ledger meet.
//!
//! `receive` reads a branch into the ledger, `deliver` writes from the ledger to central, `pass` runs the two side
//! by side for each branch. They share nothing but the ledger, so either may stop, fail or be killed at any line. `timetable`
//! says when passes start, `daemon` starts them.

mod audit;
mod bind;
mod branch;
mod central;
mod check;
mod connection;
mod daemon;
mod deliver;
mod discover;
mod earlier;
mod explain;
mod fingerprints;
mod identity;
mod keys;
mod load;
mod pass;
mod receive;
mod reconcile;
mod search;
mod send;
pub mod sessions;
mod timetable;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

pub use audit::{
    AuditReport, BranchAudit, DAYS as AUDIT_DAYS, DAYS_MAX as AUDIT_DAYS_MAX, FINDINGS_MAX as AUDIT_FINDINGS_MAX, Finding, FindingKind,
    Unchecked, audit, check_in,
};
pub use branch::{Progress, Request};
pub use central::Central;
pub use check::{Checked, Step, Verdict, check};
pub use connection::Connection;
pub use daemon::{News, Order, Service};
pub use discover::{BranchChoices, CentralChoices, branch_choices, central_choices, log_in};
pub use explain::{Asked, problem};
pub use keys::key_expiry;
pub use pass::{Report, run};
pub use reconcile::{BranchProof, SessionGap, days_to_prove, prove_days, yesterday};
pub use search::{By, CHOICES, Choice, Wanted, choices, search_central};
pub use send::{FieldReport, ItemReport, OFFERED, Offer, PICTURE_MAX, SendReport, SendRequest, Told, offers, searched, send};

use crate::clock::Clock;
use crate::config::Config;
use crate::model::BranchCode;
use crate::problem::{Problem, Side};
use crate::store::{Direction, Lock, Store, StoreError};

/// Longest wait for another process's pass of the same branch: an idle one takes a second; who waits longer is told.
const PASS_WAIT: Duration = Duration::from_secs(10);

/// How often to look whether it has ended.
const PASS_LOOK: Duration = Duration::from_millis(100);

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
            Self::Store(StoreError::Locked(held)) => Problem::PassRunning { by: held.by },
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
    /// What passes go by.
    pub clock: Clock,
    /// Branches read at one time.
    pub parallel_branches: usize,
    /// What is at work, for those who have to wait.
    verb: &'static str,
    /// A directory that goes with the bridge.
    scratch: Option<std::path::PathBuf>,
    _lock: Arc<Lock>,
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
    /// Opens the ledger for a verb.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while the ledger is put back from a backup; else as [`Store::open`].
    pub fn open(config: Config, verb: &'static str) -> Result<Self, StoreError> {
        let lock = Lock::share(&config.state)?;
        let store = Store::open(&config.state)?;
        Ok(Self {
            config,
            store,
            clock: Clock::default(),
            parallel_branches: pass::PARALLEL_BRANCHES,
            verb,
            scratch: None,
            _lock: Arc::new(lock),
        })
    }

    /// The same ledger under new settings, whose state directory is the same.
    #[must_use]
    pub fn under(&self, config: Config) -> Self {
        Self {
            config,
            store: self.store.clone(),
            clock: self.clock.clone(),
            parallel_branches: self.parallel_branches,
            verb: self.verb,
            scratch: None,
            _lock: self._lock.clone(),
        }
    }

    /// Waits for the right to make a pass of a branch in a direction.
    ///
    /// # Errors
    /// [`StoreError::Locked`] by another process that does not end in time; a directory that cannot be written.
    async fn pass_lock(&self, branch: &BranchCode, direction: Direction, dry_run: bool) -> Result<Option<Lock>, StoreError> {
        if dry_run {
            return Ok(None); // it works on a copy of its own
        }
        let mut waited = Duration::ZERO;
        loop {
            match Lock::pass(&self.config.state, branch, direction, self.verb) {
                Err(StoreError::Locked(_)) if waited < PASS_WAIT => {
                    self.clock.sleep(PASS_LOOK).await;
                    waited += PASS_LOOK;
                }
                taken => return taken.map(Some),
            }
        }
    }

    /// A bridge over a copy of the ledger that goes when it is dropped, for a dry run: nothing is written to the real
    /// one, and a pass that runs meanwhile is not disturbed.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn rehearsal(config: Config) -> Result<Self, StoreError> {
        /// Several can be under way in one process: previews that people look at in the dashboard.
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = config.state.join(format!("rehearsal-{}-{number}", std::process::id()));
        let lock = Lock::share(&directory)?;
        let store = Store::open(&config.state)?.copy_to(&directory)?;
        Ok(Self {
            config,
            store,
            clock: Clock::default(),
            parallel_branches: pass::PARALLEL_BRANCHES,
            verb: "receive --dry-run",
            scratch: Some(directory),
            _lock: Arc::new(lock),
        })
    }

    /// Opens the client of central.
    ///
    /// # Errors
    /// See [`connect`].
    pub fn central(&self) -> Result<Central, Halt> {
        let connection = connection::connect(&self.store, &self.config.state, Side::Central, &self.config.central.endpoint)?;
        Ok(Central::new(connection.by(&self.clock), self.config.central.writers))
    }
}

/// Between 0.75 and 1.25.
fn jitter(clock: &Clock) -> f64 {
    0.75 + f64::from(clock.chance()) / 512.0
}

/// A time as Odoo writes it: UTC, whole seconds.
fn odoo_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// When something was sold, of a time that Odoo wrote.
pub fn sold_at(text: &str) -> Option<Timestamp> {
    parse_odoo_time(text)
}

/// Reads a time that Odoo wrote.
fn parse_odoo_time(text: &str) -> Option<Timestamp> {
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}
