//! The client of one Odoo database: log-in, calls, limits, and what went wrong.
//!
//! A [`Call`] is spoken in Odoo's terms (model, method, ids, named arguments, context); the wire format below it
//! is XML-RPC (`/xmlrpc/2`). Nothing here repeats a call by itself: whether that is safe, only the caller knows.

pub mod day;
mod error;
pub mod master;
pub mod records;
pub mod xmlrpc;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

pub use error::{OdooError, Outcome, TlsFault, is_serialization};

use crate::clock::Clock;
use crate::planted::{Bug, planted};

/// Most bytes of one reply, after decompression. A page of 200 orders with its lines is under 2 MB; a reply of
/// this size comes from a broken or hostile server, or wants a smaller page.
pub const MAX_REPLY: u64 = 64 * 1024 * 1024;

/// Longest wait for a TCP and TLS connection. A shop behind a satellite link answers in 2 s.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Replies above this are decoded off the runtime's threads (at 100 MB/s this is 2.5 ms).
const DECODE_INLINE: usize = 256 * 1024;

/// Times of calls kept for whoever asks: those of a pass with a backlog of 300,000 orders.
const CALL_TIMES: usize = 10_000;

/// What a planted bug makes of a page that is no answer.
const EMPTY_ANSWER: &[u8] =
    b"<?xml version='1.0'?><methodResponse><params><param><value><array><data/></array></value></param></params></methodResponse>";

/// Longest quotation of a page that is not Odoo's.
const TITLE: usize = 80;

/// Where a database is, and as whom to log in.
#[derive(Debug, Clone)]
pub struct Target {
    /// `https://host[:port][/prefix]`, without a slash at the end.
    pub url: String,
    /// The database's name.
    pub database: String,
    /// The login.
    pub login: String,
    /// Longest wait for one whole answer.
    pub timeout: Duration,
    /// PEM of a private CA that signs this server, in place of the system's roots.
    pub ca_pem: Option<Vec<u8>>,
}

/// One call: `model.method(ids, args…, context)`.
#[derive(Debug, Clone)]
pub struct Call {
    /// Odoo's model.
    pub model: &'static str,
    /// A public method of it.
    pub method: &'static str,
    /// The records it is called on; `None` for a method of the model.
    pub ids: Option<Vec<i64>>,
    /// Arguments by name.
    pub args: Vec<(&'static str, Json)>,
    /// Odoo's context.
    pub context: Vec<(&'static str, Json)>,
}

impl Call {
    /// A call of a model's method, with no arguments yet. Faults and labels come in English, so that they can be
    /// told apart; times are UTC.
    pub fn new(model: &'static str, method: &'static str) -> Self {
        Self { model, method, ids: None, args: Vec::new(), context: vec![("lang", json!("en_US")), ("tz", json!("UTC"))] }
    }

    /// `search_read` of fields.
    pub fn search_read(model: &'static str, domain: Json, fields: &[&str]) -> Self {
        Self::new(model, "search_read").arg("domain", domain).arg("fields", json!(fields))
    }

    /// `read` of fields of records; ids that do not exist are left out of the answer.
    pub fn read(model: &'static str, ids: &[i64], fields: &[&str]) -> Self {
        Self::new(model, "read").on(ids).arg("fields", json!(fields))
    }

    /// The records that the method is called on.
    #[must_use]
    pub fn on(mut self, ids: &[i64]) -> Self {
        self.ids = Some(ids.to_vec());
        self
    }

    /// Adds an argument by name.
    #[must_use]
    pub fn arg(mut self, name: &'static str, value: Json) -> Self {
        self.args.push((name, value));
        self
    }

    /// Sets a key of the context.
    #[must_use]
    pub fn context(mut self, name: &'static str, value: Json) -> Self {
        self.context.retain(|(key, _)| *key != name);
        self.context.push((name, value));
        self
    }

    /// Archived records too.
    #[must_use]
    pub fn with_archived(self) -> Self {
        self.context("active_test", json!(false))
    }
}

/// What a client has cost so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Calls of `execute_kw`.
    pub calls: u64,
    /// Log-ins: each writes a row at the server.
    pub logins: u64,
    /// Bytes of request bodies.
    pub sent: u64,
    /// Bytes of reply bodies, decompressed.
    pub received: u64,
}

/// A client of one database. Calls may run side by side.
pub struct Odoo {
    http: reqwest::Client,
    target: Target,
    common: reqwest::Url,
    object: reqwest::Url,
    password: SecretString,
    /// The user's id, 0 before the first log-in.
    uid: AtomicI64,
    login: tokio::sync::Mutex<()>,
    calls: AtomicU64,
    logins: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
    call_times: Mutex<Vec<Duration>>,
    /// The server's clock minus ours at the last answer, in seconds.
    offset: AtomicI64,
    clock: Clock,
}

impl std::fmt::Debug for Odoo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Odoo")
            .field("url", &self.target.url)
            .field("database", &self.target.database)
            .field("login", &self.target.login)
            .finish_non_exhaustive()
    }
}

/// An answer with the server's clock beside it.
struct Body {
    bytes: Vec<u8>,
    date: Option<Timestamp>,
}

impl Odoo {
    /// A client that has not connected yet. `uid` is the id that an earlier log-in gave, if it is known: it spares
    /// the log-in.
    ///
    /// # Errors
    /// [`OdooError::Connect`] if the URL or the CA cannot be used.
    pub fn new(target: Target, password: SecretString, uid: Option<i64>) -> Result<Self, OdooError> {
        let unusable = |error: &dyn std::fmt::Display| OdooError::Connect(error.to_string());
        let url = |path: &str| reqwest::Url::parse(&format!("{}{path}", target.url)).map_err(|e| unusable(&e));
        Ok(Self {
            http: http(target.ca_pem.as_deref()).map_err(|e| unusable(&e))?,
            common: url("/xmlrpc/2/common")?,
            object: url("/xmlrpc/2/object")?,
            target,
            password,
            uid: AtomicI64::new(uid.unwrap_or(0)),
            login: tokio::sync::Mutex::new(()),
            calls: AtomicU64::new(0),
            logins: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            call_times: Mutex::default(),
            offset: AtomicI64::new(0),
            clock: Clock::default(),
        })
    }

    /// Goes by another clock from now on.
    pub fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    /// What it goes by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The user's id, once known.
    pub fn uid(&self) -> Option<i64> {
        Some(self.uid.load(Ordering::Relaxed)).filter(|uid| *uid > 0)
    }

    /// Calls and bytes so far.
    pub fn cost(&self) -> Cost {
        Cost {
            calls: self.calls.load(Ordering::Relaxed),
            logins: self.logins.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
        }
    }

    /// How long each call since the last time of asking took, of the first [`CALL_TIMES`].
    pub fn take_call_times(&self) -> Vec<Duration> {
        std::mem::take(&mut self.call_times.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The server's clock minus ours at the last answer, in seconds.
    pub fn clock_offset_s(&self) -> i64 {
        self.offset.load(Ordering::Relaxed)
    }

    /// The server's version, e.g. `19.0`; asks nothing of the database and needs no log-in.
    ///
    /// # Errors
    /// Anything that keeps an Odoo from answering.
    pub async fn version(&self) -> Result<String, OdooError> {
        #[derive(serde::Deserialize)]
        struct Version {
            server_serie: String,
        }
        let body = self.post(&self.common, xmlrpc::common("version", &[])).await?;
        let version: Version = self.decode(body).await?;
        Ok(version.server_serie)
    }

    /// Logs in and remembers the user's id.
    ///
    /// # Errors
    /// [`OdooError::Denied`] for a wrong login or password, [`OdooError::DatabaseUnknown`], or any failure on the way.
    pub async fn authenticate(&self) -> Result<i64, OdooError> {
        let _one_at_a_time = self.login.lock().await;
        self.authenticate_now().await
    }

    /// Logs in anew in place of `known`, unless another call did so while this one waited: side by side branches of a
    /// first pass cost one log-in.
    async fn log_in_after(&self, known: Option<i64>) -> Result<i64, OdooError> {
        let _one_at_a_time = self.login.lock().await;
        match self.uid() {
            Some(fresh) if Some(fresh) != known => Ok(fresh),
            _ => self.authenticate_now().await,
        }
    }

    async fn authenticate_now(&self) -> Result<i64, OdooError> {
        self.logins.fetch_add(1, Ordering::Relaxed);
        let Target { database, login, .. } = &self.target;
        let body = xmlrpc::common("authenticate", &[json!(database), json!(login), json!(self.password.expose_secret()), json!({})]);
        let body = self.post(&self.common, body).await?;
        match self.decode::<Option<i64>>(body).await? {
            Some(uid) => {
                self.uid.store(uid, Ordering::Relaxed);
                Ok(uid)
            }
            None => Err(OdooError::Denied(login.clone())),
        }
    }

    /// Makes a call and decodes its result; logs in first if that has not been done.
    ///
    /// # Errors
    /// See [`OdooError`]; [`OdooError::outcome`] tells whether the call may have been carried out.
    pub async fn call<T: DeserializeOwned + Send + 'static>(&self, call: &Call) -> Result<T, OdooError> {
        self.call_dated(call).await.map(|(value, _)| value)
    }

    /// As [`Odoo::call`], with the server's clock when it answered (its `Date` header, whole seconds).
    ///
    /// # Errors
    /// As [`Odoo::call`].
    pub async fn call_dated<T: DeserializeOwned + Send + 'static>(&self, call: &Call) -> Result<(T, Option<Timestamp>), OdooError> {
        let known = self.uid();
        let uid = match known {
            Some(uid) => uid,
            None => self.log_in_after(None).await?,
        };
        match self.execute(call, uid).await {
            // A remembered id can be wrong after the database was set up anew: log in once and ask again.
            Err(OdooError::Denied(_)) if known.is_some() => {
                let fresh = self.log_in_after(known).await?;
                self.execute(call, fresh).await
            }
            result => result,
        }
    }

    async fn execute<T: DeserializeOwned + Send + 'static>(&self, call: &Call, uid: i64) -> Result<(T, Option<Timestamp>), OdooError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let body = xmlrpc::execute_kw(call, &self.target.database, uid, &self.password);
        let began = Instant::now();
        crate::planted::step();
        let body = self.post(&self.object, body).await;
        crate::planted::step();
        self.note_call_time(began.elapsed());
        let body = body?;
        let date = body.date;
        Ok((self.decode(body).await?, date))
    }

    fn note_call_time(&self, took: Duration) {
        let mut times = self.call_times.lock().unwrap_or_else(PoisonError::into_inner);
        if times.len() < CALL_TIMES {
            times.push(took);
        }
    }

    async fn post(&self, url: &reqwest::Url, body: Vec<u8>) -> Result<Body, OdooError> {
        let failed = |error: &reqwest::Error| error::from_reqwest(error, url, CONNECT_TIMEOUT, self.target.timeout);
        self.sent.fetch_add(body.len() as u64, Ordering::Relaxed);
        let sent = self.http.post(url.clone()).timeout(self.target.timeout).header("content-type", "text/xml").body(body).send().await;
        let mut response = sent.map_err(|e| failed(&e))?;
        let header = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let date = header("date").and_then(|date| jiff::fmt::rfc2822::parse(&date).ok()).map(|zoned| zoned.timestamp());
        if let Some(date) = date {
            self.offset.store(date.as_second() - self.clock.now().as_second(), Ordering::Relaxed);
        }
        let (status, location, retry_after) = (response.status(), header("location"), header("retry-after"));
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| failed(&e))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > MAX_REPLY {
                return Err(OdooError::ReplyTooLarge(MAX_REPLY / (1024 * 1024)));
            }
        }
        self.received.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        match refusal(url, status.as_u16(), location, retry_after, &bytes) {
            Some(OdooError::NotOdoo { .. }) if status == 200 && planted(Bug::PageIsEmpty) => {
                Ok(Body { bytes: EMPTY_ANSWER.to_vec(), date })
            }
            Some(error) => Err(error),
            None => Ok(Body { bytes, date }),
        }
    }

    async fn decode<T: DeserializeOwned + Send + 'static>(&self, body: Body) -> Result<T, OdooError> {
        let answer = if body.bytes.len() > DECODE_INLINE && !self.clock().is_stopped() {
            let decoded = tokio::task::spawn_blocking(move || xmlrpc::response::<T>(&body.bytes)).await;
            decoded.map_err(|stopped| OdooError::Broken(stopped.to_string()))?
        } else {
            xmlrpc::response::<T>(&body.bytes)
        };
        match answer.map_err(|malformed| OdooError::Broken(malformed.to_string()))? {
            xmlrpc::Answer::Value(value) => Ok(value),
            xmlrpc::Answer::Fault(code, text) => Err(OdooError::from_fault(code, &text, &self.target.database, &self.target.login)),
        }
    }
}

/// The HTTP client: one for all servers that the system's authorities vouch for (each holds 140 of them, and is 20 ms of
/// work to make), one of its own for a server with a private authority.
fn http(ca_pem: Option<&[u8]>) -> Result<reqwest::Client, reqwest::Error> {
    static SHARED: OnceLock<reqwest::Client> = OnceLock::new();
    // One TLS library for the whole process; a second install is refused and changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .user_agent(concat!("posbridge/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        // A redirected POST would carry the password to wherever the answer points.
        .redirect(reqwest::redirect::Policy::none())
        // Repeating is decided where the ledger is, never below it.
        .retry(reqwest::retry::never());
    match (ca_pem, SHARED.get()) {
        (Some(pem), _) => builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(pem)?).build(),
        (None, Some(shared)) => Ok(shared.clone()),
        (None, None) => {
            let made = builder.build()?;
            Ok(SHARED.get_or_init(|| made).clone())
        }
    }
}

/// What an answer that is no XML-RPC reply means; `None` if it looks like one. Odoo answers 200 also for faults.
fn refusal(url: &reqwest::Url, status: u16, location: Option<String>, retry_after: Option<String>, body: &[u8]) -> Option<OdooError> {
    let not_odoo = |seen: String, outcome| Some(OdooError::NotOdoo { url: url.to_string(), seen, outcome });
    let busy = |outcome| {
        let wait = retry_after.as_deref().and_then(|s| s.trim().parse().ok()).map(Duration::from_secs);
        Some(OdooError::Busy { reason: format!("HTTP {status}"), retry_after: wait, outcome })
    };
    match status {
        200 => {
            let start = body.trim_ascii_start();
            let start = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start);
            if start.is_empty() || start.starts_with(b"<?xml") || start.starts_with(b"<methodResponse") || start.starts_with(b"<!--") {
                return None;
            }
            not_odoo(describe(start), Outcome::Unknown)
        }
        301 | 302 | 303 | 307 | 308 => {
            not_odoo(format!("a redirect to {}", location.as_deref().map_or("nowhere".to_owned(), shorten)), Outcome::NotDone)
        }
        408 | 429 => busy(Outcome::NotDone),
        413 => Some(OdooError::RequestTooLarge),
        502..=504 => busy(Outcome::Unknown),
        500..=599 => not_odoo(format!("HTTP {status}"), Outcome::Unknown),
        _ => not_odoo(format!("HTTP {status}"), Outcome::NotDone),
    }
}

fn describe(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(4096)]).into_owned();
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|from| lower[from..].find("</title>").map(|to| text[from + 7..from + to].trim().to_owned()));
    match title {
        Some(title) => format!("an HTML page \"{}\"", shorten(&title)),
        None if lower.starts_with("<!doctype html") || lower.starts_with("<html") => "an HTML page".to_owned(),
        None => format!("something that is not XML: {}", shorten(&text)),
    }
}

fn shorten(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(TITLE).collect()
}
