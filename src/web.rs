//! What the daemon answers over HTTP: to machines that watch it, on a loopback port without users ([`watch`]); to people
//! in a browser, as the dashboard ([`Dashboard`]).
//!
//! Each group of pages is a module with routes of its own. A route of the dashboard says who may use it, and without saying so
//! there is no route: `guard` looks at each request before any page does. Pages reach the ledger by [`Store`] alone and
//! an Odoo by [`crate::sync`] alone. What somebody decides is written to the ledger; the daemon finds it there, as it
//! finds what is typed on the command line.

mod agreement;
mod assets;
mod branches;
mod chart;
mod csv;
mod dashboard;
mod entries;
mod error;
mod fields;
mod guard;
mod jobs;
mod log;
mod overview;
mod password;
mod people;
mod record;
mod sales;
mod send;
mod serve;
mod sign_in;
#[cfg(test)]
mod testing;
mod texts;
mod time;
mod trail;
mod watch;
mod words;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

pub use dashboard::{Dashboard, TlsError};
pub use password::{PASSWORD_MIN, hash as hash_password, mistake as password_mistake};
pub use sign_in::login_of;

use crate::monitor::Monitor;
use crate::store::Store;

/// Some scrapers and some people; each may hold a rendered page in memory. One request a connection; the longest page takes
/// milliseconds to send, and scrapers give up after 10 s.
const WATCHING: serve::Limits = serve::Limits { name: "monitoring", connections: 32, life: Duration::from_secs(20), keep_alive: false };

/// What the pages for machines are made from. Cheap to clone.
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

/// Answers machines until `stop` is ready, and then for at most a second to end what was begun.
pub async fn serve(listener: TcpListener, state: WebState, stop: impl Future<Output = ()>) {
    let router = Router::new().merge(watch::routes()).fallback(nothing_here).with_state(state);
    serve::serve(listener, None, router, WATCHING, stop).await;
}

async fn nothing_here() -> Response {
    plain(StatusCode::NOT_FOUND, "Nothing here. There are /healthz, /readyz and /metrics.")
}

/// A line or more for people.
fn plain(status: StatusCode, text: &str) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, format!("{text}\n")).into_response()
}
