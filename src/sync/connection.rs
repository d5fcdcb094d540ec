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
use crate::odoo::{Call, Known, Odoo, OdooError, Target};
use crate::problem::{Problem, Side};
use crate::secret::{KeyRing, bound};
use crate::store::{Sealed, Store, StoreError, Upgrade};

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
    /// The password that waits, sealed to the place of the one in use.
    next: Option<Sealed>,
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

    /// Writes the user's id, the protocol and the fields down, if they are new.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn remember(&self, store: &Store, fields: Option<&str>) -> Result<(), StoreError> {
        if let Some(next) = self.next.as_ref().filter(|_| self.odoo.took_next()) {
            tracing::warn!(side = self.asked.side.as_str(), "The password or API key was refused: the next one has taken its place");
            store.promote_next(next)?;
            // It may speak another protocol.
            self.odoo.forget_protocol();
        }
        let known = self.known(store)?;
        let news = known.uid != self.odoo.uid() || known.protocol != self.odoo.protocol();
        if news || (fields.is_some() && known.fields.as_deref() != fields) {
            self.write_down(store, fields)?;
        }
        Ok(())
    }

    /// As [`Connection::remember`], also where nothing is new: afterwards there is an entry for this address.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn write_down(&self, store: &Store, fields: Option<&str>) -> Result<(), StoreError> {
        let mut known = self.known(store)?;
        known.uid = self.odoo.uid();
        known.protocol = self.odoo.protocol();
        known.fields = fields.map(str::to_owned).or(known.fields);
        self.keep(store, &known)
    }

    /// Writes down when the first API key of the user ends, as far as the Odoo tells.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn note_key_end(&self, store: &Store, ends: Option<Timestamp>) -> Result<(), StoreError> {
        let mut known = self.known(store)?;
        if known.key_ends == ends {
            return Ok(());
        }
        known.key_ends = ends;
        self.keep(store, &known)
    }

    /// What the ledger knows of this side.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn known(&self, store: &Store) -> Result<crate::store::Endpoint, StoreError> {
        let Endpoint { url, database, user, .. } = &self.endpoint;
        store.endpoint(self.asked.side.as_str(), url, database, user)
    }

    fn keep(&self, store: &Store, known: &crate::store::Endpoint) -> Result<(), StoreError> {
        let Endpoint { url, database, user, .. } = &self.endpoint;
        store.remember_endpoint(self.asked.side.as_str(), url, database, user, known)
    }

    /// The version that the Odoo has, asked now and noted; where nobody answers, the one that it had, "" if that is not known.
    /// One call, which needs no log-in.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn version_now(&self, store: &Store) -> Result<String, StoreError> {
        match self.patiently(|| self.odoo.version()).await {
            Ok(version) => self.note_version(store, &version).map(|_| version),
            Err(_) => Ok(self.known(store)?.version.unwrap_or_default()),
        }
    }

    /// Asks which version the Odoo has, as [`Connection::note_version`] takes it. One call, which needs no log-in; where nobody
    /// answers, nothing is known to have changed.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn look_at_version(&self, store: &Store) -> Result<bool, StoreError> {
        match self.odoo.version().await {
            Ok(version) => self.note_version(store, &version),
            Err(_) => Ok(false),
        }
    }

    /// Writes the version down. After an upgrade the Odoo may have other fields and speak another protocol, so that what was learnt
    /// of these is forgotten, and it is told. Whether the version is another one than was known.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn note_version(&self, store: &Store, version: &str) -> Result<bool, StoreError> {
        let mut known = self.known(store)?;
        if known.version.as_deref() == Some(version) {
            return Ok(false);
        }
        let before = known.version.replace(version.to_owned());
        known.fields = None;
        if let Some(from) = &before {
            let side = self.asked.side.as_str();
            tracing::warn!(side, from, to = version, "Odoo has another version than before: its fields and protocol are asked for anew");
            known.protocol = self.endpoint.protocol;
            known.upgrade = Some(Upgrade { from: from.clone(), at: self.odoo.clock().now() });
            self.odoo.forget_protocol();
        }
        self.keep(store, &known)?;
        Ok(true)
    }
}

/// Opens the sealed password of a side and makes its client; nothing is sent yet.
///
/// # Errors
/// No password, or one that cannot be opened; a CA file that cannot be read.
pub fn connect(store: &Store, state: &Path, side: Side, endpoint: &Endpoint) -> Result<Connection, Halt> {
    let Endpoint { url, database, user, .. } = endpoint;
    let owner = side.as_str().to_owned();
    let sealed = store.secret(&owner, Sealed::PASSWORD)?;
    let Some(sealed) = sealed else { return Err(Problem::PasswordMissing { side }.into()) };
    let bound = bound(url, user);
    let waiting = store.secret(&owner, Sealed::NEXT)?;
    let opened = KeyRing::load(state).and_then(|keys| {
        let password = keys.open(&owner, Sealed::PASSWORD, &bound, &sealed.sealed)?;
        // One that does not open, after a change of `url` or `user`, takes nobody's place.
        let next = waiting.and_then(|waiting| {
            let next = keys.open(&owner, Sealed::NEXT, &bound, &waiting.sealed).ok()?;
            let sealed = keys.seal(&owner, Sealed::PASSWORD, &bound, &next).ok()?;
            Some((next, Sealed { field: Sealed::PASSWORD.to_owned(), sealed, ..waiting }))
        });
        Ok((password, next))
    });
    let (password, next) = opened.map_err(|error| Problem::PasswordUnreadable { side: side.clone(), reason: error.to_string() })?;
    let known = store.endpoint(&owner, url, database, user)?;
    let mut connection = client(side, endpoint, password, Known { uid: known.uid, protocol: known.protocol })?;
    connection.asked.major = known.version.as_deref().and_then(explain::major_of);
    if let Some((next, sealed)) = next {
        connection.odoo.set_next(next);
        connection.next = Some(sealed);
    }
    Ok(connection)
}

/// Makes the client of a side; nothing is sent yet. `known` is what an earlier one learnt.
///
/// # Errors
/// A CA file or URL that cannot be used.
pub(super) fn client(side: Side, endpoint: &Endpoint, password: SecretString, known: Known) -> Result<Connection, Problem> {
    let Endpoint { url, database, user, .. } = endpoint;
    let ca_pem = match &endpoint.ca_file {
        Some(file) => Some(std::fs::read(file).map_err(|error| Problem::TlsFailed {
            side: side.clone(),
            host: url.clone(),
            reason: format!("the file {} of ca_file cannot be read: {error}", file.display()),
        })?),
        None => None,
    };
    let target = Target {
        url: url.clone(),
        database: database.clone(),
        login: user.clone(),
        timeout: endpoint.timeout,
        protocol: endpoint.protocol,
        ca_pem,
    };
    let asked = Asked { side, login: user.clone(), worked_before: known.uid.is_some(), major: None };
    let odoo = Odoo::new(target, password, known).map_err(|error| problem(&error, &asked))?;
    Ok(Connection { odoo, asked, endpoint: endpoint.clone(), next: None })
}

/// Connects to a branch.
///
/// # Errors
/// See [`connect`].
pub fn connect_branch(bridge: &Bridge, branch: &Branch) -> Result<Connection, Halt> {
    let connection = connect(&bridge.store, &bridge.config.state, Side::Branch(branch.code.clone()), &branch.endpoint)?;
    Ok(connection.by(&bridge.clock))
}
