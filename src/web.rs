//! What the daemon answers over HTTP, on a loopback port: whether it is alive, whether passes are happening, numbers.
//!
//! One server with one router; each group of pages is a module with routes of its own. A connection carries one request
//! and has a limited life: nothing that a client does, or leaves undone, can hold a place for ever.
//! Deliberately absent: TLS, users, any page that changes something. Who wants it from outside puts a proxy before it.

mod watch;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::monitor::Monitor;
use crate::store::Store;

/// Connections at one time: some scrapers and some people; each may hold a rendered page in memory. More wait in the
/// system's queue.
const CONNECTIONS: usize = 32;
/// A client that is there sends its request at once.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// From the first byte to the last: the longest page takes milliseconds to send, and scrapers give up after 10 s.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(20);
/// A request line with its headers; none of ours is near it.
const HEADER_BYTES: usize = 16 * 1024;
/// Header lines of a request, for the same reason.
const HEADER_LINES: usize = 64;
/// What open connections get to end in when the daemon stops, of the ten seconds that it has in all.
const STOP_GRACE: Duration = Duration::from_secs(1);
/// After an accept that failed, mostly for want of file descriptors: others have to end first.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// What the pages are made from. Cheap to clone.
#[derive(Debug, Clone)]
pub struct WebState {
    monitor: Arc<Monitor>,
    store: Store,
    views: watch::Views,
}

impl WebState {
    /// `store` is a handle of the server's own ([`Store::open_existing`]), so that counting never holds up a pass.
    pub fn new(monitor: Arc<Monitor>, store: Store) -> Self {
        Self { monitor, store, views: watch::Views::default() }
    }
}

/// Serves until `stop` is ready, and then for at most a second to end what was begun.
pub async fn serve(listener: TcpListener, state: WebState, stop: impl Future<Output = ()>) {
    let router = router(state);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut open = JoinSet::new();
    let mut failing = false;
    tokio::pin!(stop);
    loop {
        while open.try_join_next().is_some() {}
        let next = async {
            let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>((listener.accept().await?.0, place))
        };
        let next = tokio::select! {
            () = &mut stop => break,
            next = next => next,
        };
        match next {
            Ok((stream, place)) => {
                failing = false;
                let router = router.clone();
                open.spawn(async move {
                    converse(stream, router).await;
                    drop(place);
                });
            }
            Err(error) => {
                if !failing {
                    tracing::warn!("The port for monitoring takes no connection at the moment: {error}");
                }
                failing = true;
                tokio::select! {
                    () = &mut stop => break,
                    () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                }
            }
        }
    }
    drop(listener);
    // Whoever is not done by then is cut off as the set is dropped.
    let _ = tokio::time::timeout(STOP_GRACE, async { while open.join_next().await.is_some() {} }).await;
}

/// One connection, one request.
async fn converse(stream: TcpStream, router: Router) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BYTES)
        .max_headers(HEADER_LINES)
        .keep_alive(false);
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    match tokio::time::timeout(CONNECTION_TIMEOUT, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!("A connection to the port for monitoring broke off: {error}"),
        Err(_) => tracing::debug!("A connection to the port for monitoring took too long"),
    }
}

fn router(state: WebState) -> Router {
    Router::new().merge(watch::routes()).fallback(nothing_here).with_state(state)
}

async fn nothing_here() -> Response {
    plain(StatusCode::NOT_FOUND, "Nothing here. There are /healthz, /readyz and /metrics.")
}

/// A line or more for people.
fn plain(status: StatusCode, text: &str) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, format!("{text}\n")).into_response()
}
