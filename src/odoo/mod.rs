//! The client of one Odoo database: log-in, calls, limits, and what went wrong.
//!
//! A [`Call`] is spoken in Odoo's terms (model, method, ids, named arguments, context); the wire format below it
//! is XML-RPC (`/xmlrpc/2`) or JSON-2 (`/json/2`), and nothing above knows which. Nothing here repeats a call that may have been
//! carried out: whether that is safe, only the caller knows.

mod answer;
pub mod day;
mod error;
pub mod json2;
pub mod master;
pub mod records;
pub mod xmlrpc;

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use answer::{Body, checked_json, checked_xml};
pub use error::{OdooError, Outcome, TlsFault, is_serialization};

use crate::clock::Clock;
use crate::model::Protocol;

/// Most bytes of one reply, after decompression. A page of 200 orders with its lines is under 2 MB; a reply of
/// this size comes from a broken or hostile server, or wants a smaller page.
pub const MAX_REPLY: u64 = 64 * 1024 * 1024;

/// Longest wait for a TCP and TLS connection. A shop behind a satellite link answers in 2 s.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Replies above this are decoded off the runtime's threads (at 100 MB/s this is 2.5 ms).
const DECODE_INLINE: usize = 256 * 1024;

/// Times of calls kept for whoever asks: those of a pass with a backlog of 300,000 orders.
const CALL_TIMES: usize = 10_000;

/// The header by which an Odoo with several databases is told which one is meant (19 and later).
const DATABASE_HEADER: &str = "x-odoo-database";

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
    /// How it is called; `None` = over JSON-2 if it speaks that and the password is an API key, else over XML-RPC.
    pub protocol: Option<Protocol>,
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

/// What an earlier client learnt of a database: it spares this one the asking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Known {
    /// The user's id.
    pub uid: Option<i64>,
    /// The protocol that it turned out to speak.
    pub protocol: Option<Protocol>,
}

/// A client of one database. Calls may run side by side.
pub struct Odoo {
    http: reqwest::Client,
    target: Target,
    base: reqwest::Url,
    password: Mutex<SecretString>,
    /// Takes its place when it is refused.
    next: Mutex<Option<SecretString>>,
    took_next: AtomicBool,
    /// The user's id, 0 before the first log-in.
    uid: AtomicI64,
    /// What it is called over, once that is known.
    protocol: Mutex<Option<Protocol>>,
    /// Whether XML-RPC needs to be told in the header which database is meant: Odoo 19 with several databases whose settings
    /// still have the `server_wide_modules` of an older one.
    name_database: AtomicBool,
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

impl Odoo {
    /// A client that has not connected yet. What is known of the user's id and the protocol spares the log-in and the asking.
    ///
    /// # Errors
    /// [`OdooError::Connect`] if the URL or the CA cannot be used.
    pub fn new(target: Target, password: SecretString, known: Known) -> Result<Self, OdooError> {
        let unusable = |error: &dyn std::fmt::Display| OdooError::Connect(error.to_string());
        // A key that has not been used yet may be another user's.
        let unproved = target.protocol == Some(Protocol::Json2) && known.protocol != target.protocol;
        Ok(Self {
            http: http(target.ca_pem.as_deref()).map_err(|e| unusable(&e))?,
            base: reqwest::Url::parse(&target.url).map_err(|e| unusable(&e))?,
            protocol: Mutex::new(target.protocol.or(known.protocol)),
            name_database: AtomicBool::new(false),
            target,
            password: Mutex::new(password),
            next: Mutex::default(),
            took_next: AtomicBool::new(false),
            uid: AtomicI64::new(known.uid.filter(|_| !unproved).unwrap_or(0)),
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

    /// Tries this password where the other one is refused, and goes by it from then on.
    pub fn set_next(&mut self, next: SecretString) {
        self.next = Mutex::new(Some(next));
    }

    /// Whether the next password has taken the other one's place since this was last asked.
    pub fn took_next(&self) -> bool {
        self.took_next.swap(false, Ordering::Relaxed)
    }

    fn password(&self) -> SecretString {
        self.password.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

    /// What it is called over, once that is known.
    pub fn protocol(&self) -> Option<Protocol> {
        *self.protocol.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_protocol(&self, protocol: Protocol) {
        *self.protocol.lock().unwrap_or_else(PoisonError::into_inner) = Some(protocol);
    }

    /// Asks anew at the next call what the database speaks, where the settings leave it open.
    pub fn forget_protocol(&self) {
        *self.protocol.lock().unwrap_or_else(PoisonError::into_inner) = self.target.protocol;
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

    /// The server's version, e.g. `19.0` or `saas~19.2`; asks nothing of the database and needs no log-in.
    ///
    /// # Errors
    /// Anything that keeps an Odoo from answering.
    pub async fn version(&self) -> Result<String, OdooError> {
        let over_json = self.protocol() == Some(Protocol::Json2);
        match if over_json { self.web_version().await } else { self.common_version().await } {
            // XML-RPC is gone, or this page is not there yet: then the other one is.
            Err(error) if error.is_absent() => match if over_json { self.common_version().await } else { self.web_version().await } {
                Ok(version) => Ok(version),
                Err(_) => Err(error),
            },
            told => told,
        }
    }

    async fn common_version(&self) -> Result<String, OdooError> {
        #[derive(serde::Deserialize)]
        struct Version {
            server_serie: String,
        }
        let answer = self.xmlrpc("common", xmlrpc::common("version", &[])).await?;
        let version: Version = self.decode(answer).await?;
        Ok(version.server_serie)
    }

    /// Odoo 19 and later.
    async fn web_version(&self) -> Result<String, OdooError> {
        #[derive(serde::Deserialize)]
        struct Version {
            version_info: Vec<Json>,
        }
        let body = self.send(|http, url| http.get(url), "/web/version", Vec::new()).await?;
        let version: Version = self.decode(Answer::new(Protocol::Json2, checked_json(body)?)).await?;
        let words: Vec<String> =
            version.version_info.iter().take(2).map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned)).collect();
        Ok(words.join("."))
    }

    /// Logs in and remembers the user's id.
    ///
    /// # Errors
    /// [`OdooError::Denied`] for a wrong login or password, [`OdooError::DatabaseUnknown`], or any failure on the way; over
    /// JSON-2 [`OdooError::KeyOfAnother`] and [`OdooError::NotAKey`].
    pub async fn authenticate(&self) -> Result<i64, OdooError> {
        let before = self.uid();
        let protocol = self.chosen(None).await?;
        self.log_in_after(before, protocol).await
    }

    /// Logs in anew in place of `known`, unless another call did so while this one waited: side by side branches of a
    /// first pass cost one log-in.
    async fn log_in_after(&self, known: Option<i64>, protocol: Protocol) -> Result<i64, OdooError> {
        let _one_at_a_time = self.login.lock().await;
        match self.uid() {
            Some(fresh) if Some(fresh) != known => Ok(fresh),
            _ => self.authenticate_now(protocol).await,
        }
    }

    async fn authenticate_now(&self, protocol: Protocol) -> Result<i64, OdooError> {
        let is_refusal = |error: &OdooError| matches!(error, OdooError::Denied(_) | OdooError::NotAKey(_));
        let refusal = match self.authenticate_over(protocol).await {
            Err(error) if is_refusal(&error) => error,
            result => return result,
        };
        let set = |password: SecretString| std::mem::replace(&mut *self.password.lock().unwrap_or_else(PoisonError::into_inner), password);
        let keep_next = |next| *self.next.lock().unwrap_or_else(PoisonError::into_inner) = next;
        let Some(next) = self.next.lock().unwrap_or_else(PoisonError::into_inner).take() else { return Err(refusal) };
        let refused = set(next);
        match self.authenticate_over(protocol).await {
            Ok(uid) => {
                self.took_next.store(true, Ordering::Relaxed);
                Ok(uid)
            }
            Err(error) => {
                keep_next(Some(set(refused)));
                Err(if is_refusal(&error) { refusal } else { error })
            }
        }
    }

    async fn authenticate_over(&self, protocol: Protocol) -> Result<i64, OdooError> {
        match protocol {
            Protocol::XmlRpc => self.authenticate_by_password().await,
            Protocol::Json2 => match self.authenticate_by_key().await {
                // Where XML-RPC takes it, it is the user's password.
                Err(OdooError::Denied(login)) => match self.authenticate_by_password().await {
                    Ok(uid) if self.target.protocol.is_none() => {
                        self.set_protocol(Protocol::XmlRpc);
                        Ok(uid)
                    }
                    Ok(_) => Err(OdooError::NotAKey(login)),
                    Err(_) => Err(OdooError::Denied(login)),
                },
                result => result,
            },
        }
    }

    async fn authenticate_by_password(&self) -> Result<i64, OdooError> {
        self.logins.fetch_add(1, Ordering::Relaxed);
        let Target { database, login, .. } = &self.target;
        let body = xmlrpc::common("authenticate", &[json!(database), json!(login), json!(self.password().expose_secret()), json!({})]);
        let answer = self.xmlrpc("common", body).await?;
        match self.decode::<Option<i64>>(answer).await? {
            Some(uid) => {
                self.uid.store(uid, Ordering::Relaxed);
                Ok(uid)
            }
            None => Err(OdooError::Denied(login.clone())),
        }
    }

    /// A key says by itself whose it is; it has to be that of the user who is meant.
    async fn authenticate_by_key(&self) -> Result<i64, OdooError> {
        #[derive(serde::Deserialize)]
        struct Context {
            uid: i64,
        }
        #[derive(serde::Deserialize)]
        struct User {
            login: String,
        }
        self.logins.fetch_add(1, Ordering::Relaxed);
        let answer = self.json2(&Call::new("res.users", "context_get")).await?;
        let Context { uid } = self.decode(answer).await?;
        let answer = self.json2(&Call::read("res.users", &[uid], &["login"])).await?;
        let users: Vec<User> = self.decode(answer).await?;
        match users.into_iter().next() {
            Some(user) if user.login == self.target.login => {
                self.uid.store(uid, Ordering::Relaxed);
                Ok(uid)
            }
            other => {
                let other = other.map(|user| user.login).unwrap_or_default();
                Err(OdooError::KeyOfAnother { login: self.target.login.clone(), other })
            }
        }
    }

    /// The protocol to speak. Asked of the server once, or again where `given_up` no longer answers, unless another call did so while
    /// this one waited.
    async fn chosen(&self, given_up: Option<Protocol>) -> Result<Protocol, OdooError> {
        let decided = || self.protocol().filter(|known| Some(*known) != given_up);
        if let Some(known) = decided() {
            return Ok(known);
        }
        let _one_at_a_time = self.login.lock().await;
        if let Some(known) = decided() {
            return Ok(known);
        }
        let chosen = match self.authenticate_by_key().await {
            Ok(_) => Protocol::Json2,
            Err(error) if error.is_no_answer() || matches!(error, OdooError::KeyOfAnother { .. }) => return Err(error),
            // That page says as little of the protocol as of the database: XML-RPC can tell.
            Err(OdooError::DatabaseUnknown(_)) => self.authenticate_by_password().await.map(|_| Protocol::XmlRpc)?,
            Err(_) => Protocol::XmlRpc,
        };
        self.set_protocol(chosen);
        Ok(chosen)
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
        let answer = self.answer(call).await?;
        let date = answer.date;
        Ok((self.decode(answer).await?, date))
    }

    /// The answer to a call, not decoded: everything up to here is the same for all types.
    async fn answer(&self, call: &Call) -> Result<Answer, OdooError> {
        let protocol = self.chosen(None).await?;
        match self.call_over(protocol, call).await {
            // Nothing was done: there is no such address. After an upgrade there may be another one.
            Err(error) if error.is_absent() && self.target.protocol.is_none() => match self.chosen(Some(protocol)).await? {
                same if same == protocol => Err(error),
                other => self.call_over(other, call).await,
            },
            result => result,
        }
    }

    async fn call_over(&self, protocol: Protocol, call: &Call) -> Result<Answer, OdooError> {
        let known = self.uid();
        let uid = match known {
            Some(uid) => uid,
            None => self.log_in_after(None, protocol).await?,
        };
        // A log-in may have shown that it is another one.
        let protocol = self.protocol().unwrap_or(protocol);
        match self.execute(protocol, call, uid).await {
            // A remembered id can be wrong after the database was set up anew: log in once and ask again.
            Err(OdooError::Denied(_)) if known.is_some() => {
                let fresh = self.log_in_after(known, protocol).await?;
                self.execute(self.protocol().unwrap_or(protocol), call, fresh).await
            }
            result => result,
        }
    }

    async fn execute(&self, protocol: Protocol, call: &Call, uid: i64) -> Result<Answer, OdooError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let began = Instant::now();
        crate::planted::step();
        let answer = match protocol {
            Protocol::XmlRpc => self.xmlrpc("object", xmlrpc::execute_kw(call, &self.target.database, uid, &self.password())).await,
            Protocol::Json2 => self.json2(call).await,
        };
        crate::planted::step();
        self.note_call_time(began.elapsed());
        answer
    }

    fn note_call_time(&self, took: Duration) {
        let mut times = self.call_times.lock().unwrap_or_else(PoisonError::into_inner);
        if times.len() < CALL_TIMES {
            times.push(took);
        }
    }

    /// One call of a service of `/xmlrpc/2`.
    async fn xmlrpc(&self, service: &str, body: Vec<u8>) -> Result<Answer, OdooError> {
        let path = format!("/xmlrpc/2/{service}");
        let post = |named: bool| {
            move |http: &reqwest::Client, url: reqwest::Url| {
                let request = http.post(url).header("content-type", "text/xml");
                if named { request.header(DATABASE_HEADER, header(self.target.database.as_bytes())) } else { request }
            }
        };
        let named = self.name_database.load(Ordering::Relaxed);
        let mut answer = self.send(post(named), &path, body.clone()).await?;
        if !named && answer.asks_for_database() {
            self.name_database.store(true, Ordering::Relaxed);
            answer = self.send(post(true), &path, body).await?;
        }
        let answer = checked_xml(answer)?;
        match xmlrpc::fault(&answer.bytes) {
            Some((code, text)) => Err(OdooError::from_fault(code, &text, &self.target.database, &self.target.login)),
            None => Ok(Answer::new(Protocol::XmlRpc, answer)),
        }
    }

    /// One call of `/json/2`.
    async fn json2(&self, call: &Call) -> Result<Answer, OdooError> {
        let Target { database, login, .. } = &self.target;
        let mut key = header(format!("bearer {}", self.password().expose_secret()).as_bytes());
        key.set_sensitive(true);
        let post = |http: &reqwest::Client, url: reqwest::Url| {
            let request = http.post(url).header("content-type", "application/json").header("authorization", key);
            request.header(DATABASE_HEADER, header(database.as_bytes()))
        };
        let answer = self.send(post, &json2::path(call), json2::body(call)).await?;
        if answer.status != 200 {
            if let Some(refused) = json2::Refused::read(&answer.bytes) {
                return Err(refused.error(database, login));
            }
            if answer.asks_for_database() {
                return Err(OdooError::DatabaseUnknown(database.clone()));
            }
        }
        let answer = checked_json(answer)?;
        // Where XML-RPC cannot say so.
        if answer.bytes.trim_ascii() == b"null" {
            return Err(OdooError::DoneWithoutResult);
        }
        Ok(Answer::new(Protocol::Json2, answer))
    }

    /// Sends a request and reads its whole answer, whatever it is.
    async fn send(
        &self,
        request: impl FnOnce(&reqwest::Client, reqwest::Url) -> reqwest::RequestBuilder,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Body, OdooError> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        let failed = |error: &reqwest::Error| error::from_reqwest(error, &url, CONNECT_TIMEOUT, self.target.timeout);
        self.sent.fetch_add(body.len() as u64, Ordering::Relaxed);
        let request = request(&self.http, url.clone()).timeout(self.target.timeout).body(body);
        let sent = request.send().await;
        let mut response = sent.map_err(|e| failed(&e))?;
        let text = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let date = text("date").and_then(|date| jiff::fmt::rfc2822::parse(&date).ok()).map(|zoned| zoned.timestamp());
        if let Some(date) = date {
            self.offset.store(date.as_second() - self.clock.now().as_second(), Ordering::Relaxed);
        }
        let (status, location, retry_after) = (response.status().as_u16(), text("location"), text("retry-after"));
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| failed(&e))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > MAX_REPLY {
                return Err(OdooError::ReplyTooLarge(MAX_REPLY / (1024 * 1024)));
            }
        }
        self.received.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(Body { url, status, location, retry_after, bytes, date })
    }

    /// Reads an answer, off the runtime's threads if it is large.
    async fn decode<T: DeserializeOwned + Send + 'static>(&self, answer: Answer) -> Result<T, OdooError> {
        let Answer { protocol, bytes, .. } = answer;
        let read: fn(&[u8]) -> Result<T, xmlrpc::Malformed> = match protocol {
            Protocol::XmlRpc => xmlrpc::value,
            Protocol::Json2 => json2::response,
        };
        let value = if bytes.len() > DECODE_INLINE && !self.clock().is_stopped() {
            crate::blocking::run(move || read(&bytes)).await.map_err(|stopped| OdooError::Broken(stopped.to_string()))?
        } else {
            read(&bytes)
        };
        value.map_err(|malformed| OdooError::Broken(malformed.to_string()))
    }
}

/// An answer of Odoo's that holds a result.
struct Answer {
    protocol: Protocol,
    bytes: Vec<u8>,
    /// The server's clock.
    date: Option<Timestamp>,
}

impl Answer {
    fn new(protocol: Protocol, Body { bytes, date, .. }: Body) -> Self {
        Self { protocol, bytes, date }
    }
}

/// A header's value. What no header can carry is none of Odoo's names or keys, and is refused by it.
fn header(bytes: &[u8]) -> reqwest::header::HeaderValue {
    reqwest::header::HeaderValue::from_bytes(bytes).unwrap_or(reqwest::header::HeaderValue::from_static("-"))
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
