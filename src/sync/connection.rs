//! A client together with whom it speaks for: log-in from the sealed password, and calls that are repeated when that
//! can help.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::de::DeserializeOwned;

use super::explain::{self, Asked, problem};
use super::{Bridge, Halt, jitter};
use crate::clock::Clock;
use crate::config::{Branch, Endpoint};
use crate::odoo::{Call, Odoo, OdooError, Target};
use crate::problem::{Problem, Side};
use crate::secret::{KeyRing, bound};
use crate::store::{Store, StoreError};

/// Tries of one call within a pass, for failures that pass by themselves.
pub(super) const TRIES: u32 = 4;

/// First pause between those tries; it doubles.
const SHORT_PAUSE: Duration = Duration::from_millis(500);

/// Longest pause that a server may ask for (`Retry-After`) within a pass; beyond it the work waits for a later one.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

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
    /// The same connection by another clock.
    #[must_use]
    pub fn by(mut self, clock: &Clock) -> Self {
        self.odoo.set_clock(clock.clone());
        self
    }

    /// Pauses before the nth repetition of a call, as long as the server asks for or a little longer each time. Answers
    /// `false` at once if it asks for more than a pass can wait.
    pub(super) async fn short_pause(&self, nth: u32, asked: Option<Duration>) -> bool {
        let own = SHORT_PAUSE.saturating_mul(1 << nth.min(6)).mul_f64(jitter(self.odoo.clock()));
        match asked {
            Some(asked) if asked > LONGEST_WAIT => false,
            asked => {
                self.odoo.clock().sleep(asked.unwrap_or_default().max(own)).await;
                true
            }
        }
    }

    /// What a failed call means.
    pub fn explain(&self, error: &OdooError) -> Problem {
        problem(error, &self.asked)
    }

    /// A call that only reads, repeated while its failures pass by themselves.
    ///
    /// # Errors
    /// What stands in the way, as a problem of this side.
    pub async fn ask<T: DeserializeOwned + Send + 'static>(&self, call: &Call) -> Result<T, Problem> {
        self.ask_dated(call).await.map(|(value, _)| value)
    }

    /// As [`Connection::ask`], with the server's clock when it answered.
    ///
    /// # Errors
    /// As [`Connection::ask`].
    pub async fn ask_dated<T: DeserializeOwned + Send + 'static>(&self, call: &Call) -> Result<(T, Option<Timestamp>), Problem> {
        self.patiently(|| self.odoo.call_dated(call)).await
    }

    /// Work that only reads, repeated while its failures pass by themselves.
    ///
    /// # Errors
    /// As [`Connection::ask`].
    pub async fn patiently<T, F: Future<Output = Result<T, OdooError>>>(&self, mut work: impl FnMut() -> F) -> Result<T, Problem> {
        let mut tries = 0;
        loop {
            match work().await {
                Ok(value) => return Ok(value),
                Err(error) => {
                    let again = explain::passes_by_itself(&error) && tries + 1 < TRIES;
                    if !again || !self.short_pause(tries, error.retry_after()).await {
                        return Err(self.explain(&error));
                    }
                    tries += 1;
                }
            }
        }
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
    let sealed = store.secret(&owner, "password")?;
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
pub(super) fn client(side: Side, endpoint: &Endpoint, password: SecretString, uid: Option<i64>) -> Result<Connection, Problem> {
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
    let connection = connect(&bridge.store, &bridge.config.state, Side::Branch(branch.code.clone()), &branch.endpoint)?;
    Ok(connection.by(&bridge.clock))
}
