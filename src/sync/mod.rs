//! The loops: the only place where Odoo and the ledger meet.
//!
//! `receive` reads a branch into the ledger, `deliver` writes from the ledger to central, `pass` runs the two side
//! by side for each branch. They share nothing but the ledger, so either may stop, fail or be killed at any line.

mod central;
mod check;
mod deliver;
mod discover;
mod explain;
mod pass;
mod receive;

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

pub use central::Central;
pub use check::{Checked, Step, Verdict, check};
pub use discover::{BranchChoices, CentralChoices, branch_choices, central_choices, log_in};
pub use explain::{Asked, problem};
pub use pass::{Progress, Report, Request, run};

use crate::config::{Branch, Config, Endpoint};
use crate::odoo::{Odoo, OdooError, Target};
use crate::problem::{Problem, Side};
use crate::secret::{KeyRing, bound};
use crate::store::{Lock, Store, StoreError};

/// First pause before a record is tried again by itself; it doubles with each try.
const FIRST_PAUSE: Duration = Duration::from_secs(30);

/// Longest pause: an Odoo that comes back in the night finds the bridge within the hour.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// Tries of one call within a pass, for failures that pass by themselves.
const TRIES: u32 = 4;

/// First pause between those tries; it doubles.
const SHORT_PAUSE: Duration = Duration::from_millis(500);

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
        let connection = connect(&self.store, &self.config.state, Side::Central, &self.config.central.endpoint)?;
        Ok(Central::new(connection, self.config.central.writers))
    }
}

/// A client together with who it speaks for.
#[derive(Debug)]
pub struct Connection {
    /// The client.
    pub odoo: Odoo,
    /// For sentences.
    pub asked: Asked,
    endpoint: Endpoint,
}

impl Connection {
    /// What a failed call means.
    pub fn explain(&self, error: &OdooError) -> Problem {
        problem(error, &self.asked)
    }

    /// Writes the user's id and the fields down, if they are new.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn remember(&self, store: &Store, fields: Option<&str>) -> Result<(), StoreError> {
        let Endpoint { url, database, user, .. } = &self.endpoint;
        let owner = self.asked.side.as_str();
        let known = store.endpoint(owner, url, database, user)?;
        if known.uid != self.odoo.uid() || (fields.is_some() && known.fields.as_deref() != fields) {
            store.remember_endpoint(owner, url, database, user, self.odoo.uid(), fields.or(known.fields.as_deref()))?;
        }
        Ok(())
    }
}

/// Opens the sealed password of a side and makes its client; nothing is sent yet.
///
/// # Errors
/// No password, or one that cannot be opened; a CA file that cannot be read.
pub fn connect(store: &Store, state: &Path, side: Side, endpoint: &Endpoint) -> Result<Connection, Halt> {
    let Endpoint { url, database, user, .. } = endpoint;
    let owner = side.as_str().to_owned();
    let sealed = store.secrets()?.into_iter().find(|secret| secret.owner == owner && secret.field == "password");
    let Some(sealed) = sealed else { return Err(Problem::PasswordMissing { side }.into()) };
    let opened = KeyRing::load(state).and_then(|keys| keys.open(&owner, "password", &bound(url, user), &sealed.sealed));
    let password = opened.map_err(|error| Problem::PasswordUnreadable { side: side.clone(), reason: error.to_string() })?;
    let known = store.endpoint(&owner, url, database, user)?;
    Ok(client(side, endpoint, password, known.uid)?)
}

/// Makes the client of a side; nothing is sent yet. `uid` is the user's id, if an earlier log-in gave it.
///
/// # Errors
/// A CA file or URL that cannot be used.
fn client(side: Side, endpoint: &Endpoint, password: SecretString, uid: Option<i64>) -> Result<Connection, Problem> {
    let Endpoint { url, database, user, .. } = endpoint;
    let ca_pem = match &endpoint.ca_file {
        Some(file) => Some(std::fs::read(file).map_err(|error| Problem::TlsFailed {
            side: side.clone(),
            host: url.clone(),
            reason: format!("the file {} of ca_file cannot be read: {error}", file.display()),
        })?),
        None => None,
    };
    let target = Target { url: url.clone(), database: database.clone(), login: user.clone(), timeout: endpoint.timeout, ca_pem };
    let asked = Asked { side, login: user.clone(), worked_before: uid.is_some() };
    let odoo = Odoo::new(target, password, uid).map_err(|error| problem(&error, &asked))?;
    Ok(Connection { odoo, asked, endpoint: endpoint.clone() })
}

/// Connects to a branch.
///
/// # Errors
/// See [`connect`].
pub fn connect_branch(bridge: &Bridge, branch: &Branch) -> Result<Connection, Halt> {
    connect(&bridge.store, &bridge.config.state, Side::Branch(branch.code.clone()), &branch.endpoint)
}

/// When a record is tried again after its nth try: doubling pauses, a quarter of chance so that many records do not
/// all come at one moment.
fn due_after(attempts: u32, now: Timestamp) -> Timestamp {
    let pause = FIRST_PAUSE.saturating_mul(1_u32 << attempts.min(16)).min(LONGEST_PAUSE);
    let pause = pause.mul_f64(jitter());
    now.checked_add(pause).unwrap_or(now)
}

/// A pause before the nth repetition of a call.
async fn short_pause(nth: u32) {
    tokio::time::sleep(SHORT_PAUSE.saturating_mul(1 << nth.min(6)).mul_f64(jitter())).await;
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
