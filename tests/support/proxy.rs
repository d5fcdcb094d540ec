//! A TCP proxy on loopback that forwards XML-RPC and JSON-2 to an Odoo and does to it what bad links do: one request a
//! connection, and for each a decision of the test.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// What becomes of a request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Forwarded, and answered.
    None,
    /// The connection is reset; the server never sees the request.
    ResetBefore,
    /// The server answers, and the connection is reset instead of passing it on.
    DropAnswer,
    /// The server answers; so many bytes of it are passed on, then the connection ends.
    CutAnswer(usize),
    /// Forwarded and answered after this long.
    Delay(Duration),
    /// Forwarded, and answered in this many pieces with a pause after each.
    Trickle(usize, Duration),
    /// Read, and never answered.
    BlackHole,
    /// Answered by the proxy; the server never sees the request.
    Instead(Reply),
    /// The server answers, and the proxy says this instead.
    InsteadOfAnswer(Reply),
}

/// What the proxy says itself.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: &'static str,
    pub headers: &'static str,
    pub body: &'static str,
}

impl Reply {
    pub const BAD_GATEWAY: Self = Self::html("502 Bad Gateway", "");
    pub const UNAVAILABLE: Self = Self::html("503 Service Unavailable", "Retry-After: 1\r\n");
    pub const TOO_MANY: Self = Self::html("429 Too Many Requests", "Retry-After: 1\r\n");
    pub const GATEWAY_TIMEOUT: Self = Self::html("504 Gateway Timeout", "");
    pub const ERROR: Self = Self::html("500 Internal Server Error", "");
    pub const TOO_LARGE: Self = Self::html("413 Request Entity Too Large", "");
    pub const REDIRECT: Self = Self::html("302 Found", "Location: https://login.example.com/\r\n");
    pub const LOGIN_PAGE: Self = Self::html("200 OK", "");

    const fn html(status: &'static str, headers: &'static str) -> Self {
        Self { status, headers, body: "<!doctype html><html><head><title>Welcome</title></head><body>Not an answer</body></html>" }
    }

    fn bytes(&self) -> Vec<u8> {
        let Self { status, headers, body } = self;
        format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }
}

/// A request, as far as tests care.
#[derive(Debug, Clone)]
pub struct Request {
    /// `/xmlrpc/2/object`, `/json/2/sale.order/load`, …
    pub path: String,
    /// The database that is called, where the request says so.
    pub database: String,
    pub body: String,
    /// From 0, over all connections.
    pub nth: usize,
    /// Whether this exact body comes for the first time.
    pub first: bool,
    pub came: SystemTime,
    /// When the server had answered and what, whoever still listened; nothing = it died over it.
    pub answer: Arc<OnceLock<(SystemTime, String)>>,
}

impl Request {
    /// Whether it is a call of this method.
    pub fn calls(&self, method: &str) -> bool {
        match self.path.strip_prefix("/json/2/") {
            Some(call) => call.rsplit('/').next() == Some(method),
            None => self.body.contains(&format!("<string>{method}</string>")),
        }
    }

    /// Model and method, as far as it is a call.
    pub fn call(&self) -> String {
        if let Some(call) = self.path.strip_prefix("/json/2/") {
            return call.replace('/', ".");
        }
        let texts = self.body.split("<string>").skip(1).filter_map(|text| text.split_once("</string>")).map(|(text, _)| text);
        texts.skip(2).take(2).collect::<Vec<_>>().join(".")
    }

    /// Whether it is a log-in.
    pub fn logs_in(&self) -> bool {
        self.body.contains("<methodName>authenticate</methodName>") || self.path == "/json/2/res.users/context_get"
    }
}

/// A running proxy; it stops when dropped.
pub struct Proxy {
    pub url: String,
    seen: Arc<Mutex<Vec<Request>>>,
    accepting: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Proxy {
    /// Listens on a free port and forwards to `upstream` (`host:port`) as `decide` says.
    pub fn start(runtime: &Handle, upstream: &str, decide: impl Fn(&Request) -> Fault + Send + Sync + 'static) -> Self {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let bodies: Mutex<HashSet<u64>> = Mutex::default();
        let (noted, upstream) = (seen.clone(), upstream.to_owned());
        let decide = Arc::new(move |path: String, database: String, body: String| {
            let mut hasher = DefaultHasher::new();
            body.hash(&mut hasher);
            let first = bodies.lock().unwrap_or_else(PoisonError::into_inner).insert(hasher.finish());
            let mut seen = noted.lock().unwrap_or_else(PoisonError::into_inner);
            let request = Request { path, database, body, nth: seen.len(), first, came: SystemTime::now(), answer: Arc::default() };
            seen.push(request.clone());
            drop(seen);
            (decide(&request), request.answer)
        });
        let accepting = runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (decide, upstream) = (decide.clone(), upstream.clone());
                tokio::spawn(async move {
                    // A client that goes away in the middle is part of the game.
                    let _ = serve(client, &upstream, &*decide).await;
                });
            }
        });
        Self { url, seen, accepting }
    }

    /// What came so far, and forgets it.
    pub fn take(&self) -> Vec<Request> {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a test decides about path, database and body of a request, and where to note what the server answers.
type Decide = dyn Fn(String, String, String) -> (Fault, Arc<OnceLock<(SystemTime, String)>>) + Send + Sync;

async fn serve(mut client: TcpStream, upstream: &str, decide: &Decide) -> std::io::Result<()> {
    let Some((head, body)) = read_request(&mut client).await? else { return Ok(()) };
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let text = String::from_utf8_lossy(&body).into_owned();
    let (fault, noted) = decide(path, database(&head, &text), text);
    match &fault {
        Fault::ResetBefore => return client.set_zero_linger(),
        Fault::Instead(reply) => return finish(client, &reply.bytes()).await,
        Fault::BlackHole => {
            // Until the client gives up.
            let _ = client.read(&mut [0; 1]).await;
            return Ok(());
        }
        Fault::Delay(pause) => tokio::time::sleep(*pause).await,
        _ => {}
    }
    let answer = ask(upstream, &head, &body).await;
    // Each request has a place of its own, so it is empty.
    let _ =
        noted.set((SystemTime::now(), answer.as_deref().map(|answer| String::from_utf8_lossy(answer).into_owned()).unwrap_or_default()));
    let answer = answer?;
    match fault {
        Fault::DropAnswer => client.set_zero_linger(),
        Fault::CutAnswer(at) => finish(client, &answer[..at.min(answer.len().saturating_sub(1))]).await,
        Fault::InsteadOfAnswer(reply) => finish(client, &reply.bytes()).await,
        Fault::Trickle(pieces, pause) => {
            for piece in answer.chunks(answer.len().div_ceil(pieces.max(1)).max(1)) {
                client.write_all(piece).await?;
                tokio::time::sleep(pause).await;
            }
            client.shutdown().await
        }
        _ => finish(client, &answer).await,
    }
}

/// Sends the request to the server and gives its whole answer.
async fn ask(upstream: &str, head: &str, body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(upstream).await?;
    let kept = head.lines().filter(|line| !line.is_empty() && !line.to_ascii_lowercase().starts_with("connection:"));
    let head = kept.chain(["Connection: close"]).fold(String::new(), |head, line| head + line + "\r\n");
    server.write_all(format!("{head}\r\n").as_bytes()).await?;
    server.write_all(body).await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    Ok(answer)
}

/// Over JSON-2 it is in the head, over XML-RPC the first argument.
fn database(head: &str, body: &str) -> String {
    let header = head.lines().filter_map(|line| line.split_once(':')).find(|(name, _)| name.eq_ignore_ascii_case("x-odoo-database"));
    let argument = || body.split_once("<string>").and_then(|(_, rest)| rest.split_once("</string>")).map(|(text, _)| text);
    header.map(|(_, name)| name.trim()).or_else(argument).unwrap_or_default().to_owned()
}

async fn finish(mut client: TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    client.write_all(bytes).await?;
    client.shutdown().await
}

/// Head and body of one request; `None` if the client closes before it has sent them.
async fn read_request(client: &mut TcpStream) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    loop {
        if client.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length = |line: &str| line.to_ascii_lowercase().strip_prefix("content-length:").and_then(|value| value.trim().parse().ok());
        let length: usize = head.lines().find_map(length).unwrap_or(0);
        let mut body = bytes.split_off(end + 4);
        while body.len() < length {
            if client.read_buf(&mut body).await? == 0 {
                return Ok(None);
            }
        }
        return Ok(Some((head, body)));
    }
}
