//! A small HTTP server for one router: a bounded number of connections, each with a limited life, so that nothing
//! that a client does, or leaves undone, can hold a place for ever.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// A client that is there sends its request at once, and speaks TLS without a pause.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// A request line with its headers; none of ours is near it.
const HEADER_BYTES: usize = 16 * 1024;
/// Header lines of a request, for the same reason.
const HEADER_LINES: usize = 64;
/// What open connections get to end in when the daemon stops, of the ten seconds that it has in all.
const STOP_GRACE: Duration = Duration::from_secs(1);
/// After an accept that failed, mostly for want of file descriptors: others have to end first.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// What one server allows.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// What it is for, in messages: `monitoring`.
    pub name: &'static str,
    /// Connections at one time; more wait in the system's queue.
    pub connections: usize,
    /// The life of a connection.
    pub life: Duration,
    /// Whether a connection carries more than one request.
    pub keep_alive: bool,
}

/// Serves until `stop` is ready, and then for at most a second to end what was begun.
pub async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, router: Router, limits: Limits, stop: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut open = JoinSet::new();
    let mut failing = false;
    tokio::pin!(stop);
    loop {
        while open.try_join_next().is_some() {}
        let next = async {
            let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>((listener.accept().await?, place))
        };
        let next = tokio::select! {
            () = &mut stop => break,
            next = next => next,
        };
        match next {
            Ok(((stream, peer), place)) => {
                failing = false;
                let (router, tls) = (router.clone().layer(axum::Extension(ConnectInfo(peer))), tls.clone());
                open.spawn(async move {
                    match tls {
                        None => converse(stream, router, limits).await,
                        Some(tls) => match tokio::time::timeout(HEADER_TIMEOUT, tls.accept(stream)).await {
                            Ok(Ok(stream)) => converse(stream, router, limits).await,
                            Ok(Err(error)) => tracing::debug!(%peer, "TLS of the port for {} failed: {error}", limits.name),
                            Err(_) => tracing::debug!(%peer, "TLS of the port for {} took too long", limits.name),
                        },
                    }
                    drop(place);
                });
            }
            Err(error) => {
                if !failing {
                    tracing::warn!("The port for {} takes no connection at the moment: {error}", limits.name);
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

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router, limits: Limits) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BYTES)
        .max_headers(HEADER_LINES)
        .keep_alive(limits.keep_alive);
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    match tokio::time::timeout(limits.life, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!("A connection to the port for {} broke off: {error}", limits.name),
        Err(_) => tracing::debug!("A connection to the port for {} took too long", limits.name),
    }
}

/// Where a request comes from, as the server's own socket saw it.
pub type Peer = ConnectInfo<SocketAddr>;
