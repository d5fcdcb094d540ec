//! Odoo's HTTP: `/xmlrpc/2/common`, `/xmlrpc/2/object`, `/xmlrpc/2/db`, `/json/2`, `/web/version`; all else is a 404 page.
//!
//! HTTP/1.1 is spoken by hand on a plain socket, because what a test needs most is a connection that breaks at a chosen
//! byte. Like a bare Odoo it answers one request on a connection and closes it. A client that goes away does not stop
//! its request: it runs on and commits.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::call::{self, Call};
use super::fault::Fault;
use super::json2;
use super::mishap::{Fired, Late, Mishap, Reply, Rule, Seen, When};
use super::table::Database;
use super::time::{self, Clock};
use super::version::Version;
use super::wire::{self, MethodCall, Value, dict};
use crate::model::Protocol;

/// Odoo's own limit on a request body.
const MAX_BODY: usize = 128 << 20;
/// More than any client sends; a head without an end is not waited for longer.
const MAX_HEAD: usize = 64 << 10;

/// A database with what its waiting calls need.
#[derive(Debug)]
pub struct Slot {
    database: Mutex<Database>,
    released: Notify,
    /// Calls whose clients are gone and which are still to run.
    late: Mutex<Vec<LateCall>>,
}

#[derive(Debug)]
struct LateCall {
    call: Call,
    /// What it holds, and the commits that it sees; nothing of both when it has not begun.
    begun: Option<(Vec<String>, u64)>,
}

impl Slot {
    pub(super) fn new(database: Database) -> Self {
        Self { database: Mutex::new(database), released: Notify::new(), late: Mutex::default() }
    }

    /// The database. A panic while it was held leaves nothing half done that matters to a test.
    pub(super) fn lock(&self) -> MutexGuard<'_, Database> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a server has seen so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Calls by (model, method); log-ins are `("common", "authenticate")`.
    pub calls: BTreeMap<(String, String), u64>,
    /// Calls that committed a change.
    pub writes: u64,
    /// The same by database.
    pub writes_in: BTreeMap<String, u64>,
    /// Bytes of request bodies.
    pub bytes_in: u64,
    /// Bytes of reply bodies.
    pub bytes_out: u64,
    /// Requests being served now.
    pub open: u64,
    /// The most that were served at once.
    pub most_open: u64,
}

/// What the server's tasks share.
#[derive(Debug, Default)]
pub struct Shared {
    slots: Mutex<BTreeMap<String, Arc<Slot>>>,
    rules: Mutex<Vec<Rule>>,
    fired: Mutex<Vec<Fired>>,
    stats: Mutex<Stats>,
    /// Protocols that it does not answer to.
    without: Mutex<Vec<Protocol>>,
    /// Whether XML-RPC too has to name its database in the header.
    wants_name: AtomicBool,
    version: Mutex<Version>,
    /// What it says that its version is, if not its own.
    called: Mutex<Option<String>>,
}

impl Shared {
    fn slot(&self, name: &str) -> Option<Arc<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub(super) fn version(&self) -> MutexGuard<'_, Version> {
        self.version.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn slots(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stats(&self) -> MutexGuard<'_, Stats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn rules(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn inject(&self, when: When, mishap: Mishap) {
        self.rules().push(Rule::new(when, mishap));
    }

    pub(super) fn inject_first(&self, when: When, mishap: Mishap) {
        self.rules().insert(0, Rule::new(when, mishap));
    }

    pub(super) fn want_name(&self) {
        self.wants_name.store(true, Ordering::Relaxed);
    }

    pub(super) fn called(&self) -> MutexGuard<'_, Option<String>> {
        self.called.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `19.0`; `saas~19.2` of a version between two.
    fn serie(&self) -> String {
        self.called().clone().unwrap_or_else(|| self.version().serie())
    }

    pub(super) fn without(&self) -> MutexGuard<'_, Vec<Protocol>> {
        self.without.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mishap(&self, seen: &Seen) -> Option<Mishap> {
        let (mishap, fired) = self.rules().iter_mut().find_map(|rule| rule.hit(seen).map(|mishap| (mishap, rule.fired(seen))))?;
        self.fired().push(fired);
        Some(mishap)
    }

    pub(super) fn fired(&self) -> MutexGuard<'_, Vec<Fired>> {
        self.fired.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_write(&self, database: &str) {
        let mut stats = self.stats();
        stats.writes += 1;
        *stats.writes_in.entry(database.to_owned()).or_insert(0) += 1;
    }

    /// Runs the calls of a database whose clients are gone, or lets them be lost, as when Odoo is killed: how many.
    pub(super) fn end_late(&self, slot: &Slot, run: bool) -> usize {
        let late = std::mem::take(&mut *slot.late.lock().unwrap_or_else(PoisonError::into_inner));
        let count = late.len();
        for LateCall { call, begun } in late {
            let mut db = slot.lock();
            let (claimed, snapshot) = begun.unwrap_or_else(|| (Vec::new(), db.commits));
            for xid in &claimed {
                db.claimed.remove(xid);
            }
            if run {
                let _ = call::execute(&mut db, &call, snapshot);
                if db.wrote {
                    self.note_write(&call.database);
                }
            }
        }
        if count > 0 {
            slot.released.notify_waiters();
        }
        count
    }

    /// The clock of the first database, for what belongs to none.
    fn now(&self) -> i64 {
        let first = self.slots().values().next().cloned();
        first.map_or_else(|| Clock::default().now(), |slot| slot.lock().clock.now())
    }
}

/// Accepts connections until the listener's task is aborted.
pub async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                tokio::spawn(connection(socket, Arc::clone(&shared)));
            }
            // Out of sockets: wait for some to close instead of spinning.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn connection(mut socket: TcpStream, shared: Arc<Shared>) {
    {
        let mut stats = shared.stats();
        stats.open += 1;
        stats.most_open = stats.most_open.max(stats.open);
    }
    let served = serve(&mut socket, &shared).await;
    shared.stats().open -= 1;
    if served.is_err() {
        // A reset, not a tidy end: the client must not take what it has for an answer.
        let _ = socket.set_zero_linger();
    }
}

struct Request {
    method: String,
    path: String,
    /// By name in small letters.
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

/// What a call came in, and its answer goes out in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wire {
    XmlRpc,
    Json2,
}

impl Wire {
    fn replied(self, version: Version, result: &Result<Value, Fault>, date: i64) -> Answer {
        match (self, result) {
            (Wire::Json2, Ok(value)) => Answer::json(200, json2::body(value), date),
            (Wire::XmlRpc, Ok(value)) => match wire::response_as(version, value) {
                Ok(body) => Answer::xml(body, date),
                Err(unsendable) => self.faulted(&Fault::exception(unsendable.python()), date),
            },
            (_, Err(fault)) => self.faulted(fault, date),
        }
    }

    fn faulted(self, fault: &Fault, date: i64) -> Answer {
        match self {
            Wire::XmlRpc => Answer::xml(wire::fault(fault.code, &fault.text), date),
            Wire::Json2 => Answer::of(&json2::Error::of(fault), date),
        }
    }
}

/// What goes back: `None` closes the connection without a byte.
struct Answer {
    status: u16,
    content_type: &'static str,
    body: Vec<u8>,
    /// Bytes of the body after which the connection breaks.
    cut: Option<usize>,
    date: i64,
}

impl Answer {
    fn xml(body: String, date: i64) -> Self {
        Self { status: 200, content_type: "text/xml; charset=utf-8", body: body.into_bytes(), cut: None, date }
    }

    fn json(status: u16, body: String, date: i64) -> Self {
        Self { status, content_type: "application/json; charset=utf-8", ..Self::xml(body, date) }
    }

    fn of(error: &json2::Error, date: i64) -> Self {
        Self::json(error.status, error.body(), date)
    }

    fn html(status: u16, body: impl Into<String>, date: i64) -> Self {
        Self { status, content_type: "text/html; charset=utf-8", body: body.into().into_bytes(), cut: None, date }
    }
}

async fn serve(socket: &mut TcpStream, shared: &Shared) -> io::Result<()> {
    let Some(request) = read_request(socket).await? else { return Ok(()) };
    shared.stats().bytes_in += request.body.len() as u64;
    let Some(answer) = answer(&request, shared).await else {
        return Err(io::ErrorKind::ConnectionReset.into());
    };
    let sent = answer.cut.unwrap_or(answer.body.len()).min(answer.body.len());
    shared.stats().bytes_out += sent as u64;
    let head = format!(
        "HTTP/1.1 {} {}\r\nServer: Werkzeug/3.0.6 Python/3.11.7\r\nDate: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: \
         close\r\n\r\n",
        answer.status,
        reason(answer.status),
        time::http_date(answer.date),
        answer.content_type,
        answer.body.len()
    );
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(&answer.body[..sent]).await?;
    socket.flush().await?;
    // A cut reply ends with a tidy close: proxies that die in mid-answer look like that, and a reset could swallow
    // bytes that the client should have seen.
    socket.shutdown().await
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "BAD REQUEST",
        401 => "UNAUTHORIZED",
        403 => "FORBIDDEN",
        404 => "NOT FOUND",
        405 => "METHOD NOT ALLOWED",
        413 => "REQUEST ENTITY TOO LARGE",
        415 => "UNSUPPORTED MEDIA TYPE",
        422 => "UNPROCESSABLE ENTITY",
        429 => "TOO MANY REQUESTS",
        500 => "INTERNAL SERVER ERROR",
        502 => "BAD GATEWAY",
        503 => "SERVICE UNAVAILABLE",
        504 => "GATEWAY TIMEOUT",
        _ => "UNKNOWN",
    }
}

async fn read_request(socket: &mut TcpStream) -> io::Result<Option<Request>> {
    let mut data = Vec::new();
    let mut chunk = vec![0_u8; 16 << 10];
    let head_end = loop {
        if let Some(at) = data.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if data.len() > MAX_HEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let read = socket.read(&mut chunk).await?;
        if read == 0 {
            return Ok(None);
        }
        data.extend_from_slice(&chunk[..read]);
    };
    let head = String::from_utf8_lossy(&data[..head_end]).into_owned();
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split_whitespace();
    let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let headers: BTreeMap<String, String> =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let length = headers.get("content-length").and_then(|length| length.parse::<usize>().ok()).unwrap_or(0);
    if length > MAX_BODY {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = data.split_off(head_end + 4);
    body.reserve(length.saturating_sub(body.len()));
    while body.len() < length {
        let read = socket.read(&mut chunk).await?;
        if read == 0 {
            return Ok(None);
        }
        body.extend_from_slice(&chunk[..read]);
    }
    body.truncate(length);
    Ok(Some(Request { method, path, headers, body }))
}

const NOT_FOUND: &str = "<!DOCTYPE html>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>No database is selected and the requested \
    URL was not found in the server-wide controllers.</p>\n<p>Please verify the hostname, <a href=/web/login>login</a> and try \
    again.</p>\n\n<!-- Alternatively, use the X-Odoo-Database header. -->\n";

const NOT_ALLOWED: &str = "<!doctype html>\n<html lang=en>\n<title>405 Method Not Allowed</title>\n<h1>Method Not Allowed</h1>\n<p>The \
    method is not allowed for the requested URL.</p>\n";

async fn answer(request: &Request, shared: &Shared) -> Option<Answer> {
    let path = request.path.split('?').next().unwrap_or_default();
    let version = *shared.version();
    let gone = |protocol| shared.without().contains(&protocol);
    let unnamed = shared.wants_name.load(Ordering::Relaxed) && !request.headers.contains_key("x-odoo-database");
    if path.starts_with("/xmlrpc/") && unnamed {
        return Some(Answer::html(404, NOT_FOUND, shared.now()));
    }
    if (path.starts_with("/xmlrpc/") && gone(Protocol::XmlRpc)) || (path.starts_with("/json/") && gone(Protocol::Json2)) {
        return Some(Answer::html(404, NOT_FOUND.replace("No database is selected and the", "The"), shared.now()));
    }
    match path {
        "/web/version" | "/json/version" if version >= Version::V19 => {
            let serie = shared.serie();
            let info = Value::Array(version_info(&serie));
            Some(Answer::json(200, json2::body(&dict([("version_info", info), ("version", serie.into())])), shared.now()))
        }
        "/xmlrpc/2/common" | "/xmlrpc/2/object" | "/xmlrpc/2/db" if request.method != "POST" => {
            Some(Answer::html(405, NOT_ALLOWED, shared.now()))
        }
        "/xmlrpc/2/common" | "/xmlrpc/2/object" | "/xmlrpc/2/db" => xmlrpc(path, request, shared).await,
        path if version >= Version::V19 && path.starts_with("/json/2/") => json2(path, request, shared).await,
        _ => Some(Answer::html(404, NOT_FOUND, shared.now())),
    }
}

async fn json2(path: &str, request: &Request, shared: &Shared) -> Option<Answer> {
    if request.method != "POST" {
        return Some(Answer::of(&json2::Error::not_found(), shared.now()));
    }
    if request.headers.get("content-type").is_none_or(|kind| !kind.starts_with("application/json")) {
        let page = "<!doctype html>\n<html lang=en>\n<title>415 Unsupported Media Type</title>\n<h1>Unsupported Media Type</h1>\n";
        return Some(Answer::html(415, page, shared.now()));
    }
    let slot = match request.headers.get("x-odoo-database") {
        Some(name) => shared.slot(name),
        None => {
            let slots = shared.slots();
            if slots.len() == 1 { slots.values().next().cloned() } else { None }
        }
    };
    let Some(slot) = slot else { return Some(Answer::html(404, NOT_FOUND, shared.now())) };
    let call = json2::call(&slot.lock(), path, request.headers.get("authorization").map(String::as_str), &request.body);
    match call {
        Ok(call) => object(call, shared, Wire::Json2).await,
        Err(error) => Some(Answer::of(&error, shared.now())),
    }
}

async fn xmlrpc(path: &str, request: &Request, shared: &Shared) -> Option<Answer> {
    let parsed = match wire::parse_call(&request.body) {
        Ok(parsed) => parsed,
        Err(malformed) => return Some(Wire::XmlRpc.faulted(&Fault::exception(malformed.0), shared.now())),
    };
    match path {
        "/xmlrpc/2/common" => common(parsed, shared).await,
        "/xmlrpc/2/object" => match Call::of(&parsed.method, parsed.params) {
            Ok(call) => object(call, shared, Wire::XmlRpc).await,
            Err(fault) => Some(Wire::XmlRpc.faulted(&fault, shared.now())),
        },
        _ => Some(database_service(&parsed, shared)),
    }
}

fn no_database(name: &str) -> Fault {
    Fault::exception(format!(
        "psycopg2.OperationalError: connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  database \"{name}\" does not \
         exist\n"
    ))
}

fn database_service(parsed: &MethodCall, shared: &Shared) -> Answer {
    let names: Vec<String> = shared.slots().keys().cloned().collect();
    let result = match parsed.method.as_str() {
        "list" => Ok(Value::from(names)),
        "db_exist" => Ok(Value::Bool(parsed.params.first().and_then(Value::as_str).is_some_and(|name| names.iter().any(|n| n == name)))),
        "server_version" => Ok(shared.serie().into()),
        _ => Err(Fault::access_denied()),
    };
    Wire::XmlRpc.replied(*shared.version(), &result, shared.now())
}

async fn common(parsed: MethodCall, shared: &Shared) -> Option<Answer> {
    let text = |at: usize| parsed.params.get(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    let database = if parsed.method == "version" { String::new() } else { text(0) };
    let seen = Seen {
        database: database.clone(),
        model: "common".into(),
        method: parsed.method.clone(),
        args: parsed.params.clone(),
        named: Value::Struct(Vec::new()),
    };
    count(shared, &seen);
    let mishap = shared.mishap(&seen).unwrap_or_default();
    pause(mishap.before).await;
    if let Some(refused) = early(&mishap, Wire::XmlRpc, shared.now()) {
        return refused;
    }
    let (result, date) = match parsed.method.as_str() {
        "version" => (Ok(version(&shared.serie())), shared.now()),
        "authenticate" | "login" if parsed.params.len() < 3 => {
            let missing = "TypeError: exp_authenticate() missing required positional arguments";
            (Err(Fault::exception(missing)), shared.now())
        }
        "authenticate" | "login" => match shared.slot(&database) {
            Some(slot) => {
                let mut db = slot.lock();
                (Ok(call::authenticate(&mut db, &text(1), &text(2))), db.clock.now())
            }
            None => (Err(no_database(&database)), shared.now()),
        },
        other => (Err(Fault::exception(format!("Exception: Method not found: {other}"))), shared.now()),
    };
    pause(mishap.after).await;
    late(&mishap, Wire::XmlRpc, Wire::XmlRpc.replied(*shared.version(), &result, date))
}

fn version(serie: &str) -> Value {
    dict([
        ("server_version", serie.into()),
        ("server_version_info", Value::Array(version_info(serie))),
        ("server_serie", serie.into()),
        ("protocol_version", 1.into()),
    ])
}

/// `[19, 0, 0, "final", 0, ""]`, or `["saas~19", 2, 0, "final", 0, ""]`.
fn version_info(serie: &str) -> Vec<Value> {
    let (major, minor) = serie.split_once('.').unwrap_or((serie, "0"));
    let number = |text: &str| text.parse::<i64>().map_or_else(|_| text.into(), Value::from);
    vec![number(major), number(minor), 0.into(), "final".into(), 0.into(), "".into()]
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Value::Int(i64::from(number))
    }
}

/// A timer takes a millisecond even for no time at all.
async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

fn count(shared: &Shared, seen: &Seen) {
    *shared.stats().calls.entry((seen.model.clone(), seen.method.clone())).or_insert(0) += 1;
}

/// Waits until no other call holds any of the external ids, then holds them.
async fn claim(slot: &Slot, call: &Call, shared: &Shared) -> (Vec<String>, u64) {
    let mut snapshot = None;
    loop {
        let released = slot.released.notified();
        {
            let mut db = slot.lock();
            // The snapshot is taken before the wait: what is waited for stays invisible.
            let snapshot = *snapshot.get_or_insert(db.commits);
            let xids = call.xids(&db);
            if xids.iter().all(|xid| !db.claimed.contains(xid)) {
                db.claimed.extend(xids.iter().cloned());
                return (xids, snapshot);
            }
        }
        // Nobody but its own end can release what a call without a client holds.
        if shared.end_late(slot, true) == 0 {
            released.await;
        }
    }
}

async fn object(call: Call, shared: &Shared, wire: Wire) -> Option<Answer> {
    let seen = Seen {
        database: call.database.clone(),
        model: call.model.clone(),
        method: call.method.clone(),
        args: call.args.clone(),
        named: call.kwargs.clone(),
    };
    count(shared, &seen);
    let mishap = shared.mishap(&seen).unwrap_or_default();
    if let (Some(late), Some(slot)) = (mishap.late, shared.slot(&call.database)) {
        let begun = if late == Late::Begun { Some(claim(&slot, &call, shared).await) } else { None };
        slot.late.lock().unwrap_or_else(PoisonError::into_inner).push(LateCall { call, begun });
        return None;
    }
    if let Some(refused) = early(&mishap, wire, shared.now()) {
        pause(mishap.before).await;
        return refused;
    }
    let Some(slot) = shared.slot(&call.database) else {
        return Some(wire.faulted(&no_database(&call.database), shared.now()));
    };
    let (claimed, snapshot) = claim(&slot, &call, shared).await;
    pause(mishap.before).await;
    let answer = {
        let mut db = slot.lock();
        let result = call::execute(&mut db, &call, snapshot);
        for xid in &claimed {
            db.claimed.remove(xid);
        }
        if db.wrote {
            shared.note_write(&call.database);
        }
        wire.replied(db.version, &result, db.clock.now())
    };
    slot.released.notify_waiters();
    pause(mishap.after).await;
    late(&mishap, wire, answer)
}

/// What a mishap answers instead of running the call.
fn early(mishap: &Mishap, wire: Wire, date: i64) -> Option<Option<Answer>> {
    if mishap.commits { None } else { Some(instead(mishap, wire, date)) }
}

fn instead(mishap: &Mishap, wire: Wire, date: i64) -> Option<Answer> {
    match &mishap.reply {
        Reply::Normal | Reply::Truncate(_) | Reply::Close => None,
        Reply::Fault(code, text) => Some(wire.faulted(&Fault { code: *code, ..Fault::user(text.clone()) }, date)),
        Reply::Page(status, body) => Some(Answer::html(*status, body.clone(), date)),
        Reply::Raw(body) => Some(Answer { body: body.clone(), ..Answer::xml(String::new(), date) }),
    }
}

/// What a mishap makes of the answer of a call that has run.
fn late(mishap: &Mishap, wire: Wire, answer: Answer) -> Option<Answer> {
    match mishap.reply {
        Reply::Normal => Some(answer),
        Reply::Truncate(bytes) => Some(Answer { cut: Some(bytes), ..answer }),
        _ => instead(mishap, wire, answer.date),
    }
}
