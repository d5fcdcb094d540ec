//! The pages for machines that watch: `/healthz`, `/readyz`, `/metrics`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::{WebState, plain};
use crate::monitor::View;

/// How old what is read from the ledger may be: shorter than any scrape interval, and a storm of scrapes reads it once.
const VIEW_AGE: Duration = Duration::from_secs(5);
/// How long a scrape waits for the ledger before it does without; scrapers give up after 10 s.
const VIEW_WAIT: Duration = Duration::from_secs(4);

/// The format for those who ask for it, as Prometheus does, and the older one for all others.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The last view with the moment it was taken. The lock is held by whoever takes the next, so only one does.
pub(super) type Views = Arc<Mutex<Option<(Instant, Arc<View>)>>>;

pub(super) fn routes() -> Router<WebState> {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz)).route("/metrics", get(metrics))
}

async fn healthz(State(state): State<WebState>) -> Response {
    let health = state.monitor.health(Timestamp::now());
    plain(status(health.is_alive()), &health.to_string())
}

async fn readyz(State(state): State<WebState>) -> Response {
    let ready = state.monitor.ready(Timestamp::now());
    plain(status(ready.is_ready()), &ready.to_string())
}

fn status(well: bool) -> StatusCode {
    if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

async fn metrics(State(state): State<WebState>, headers: HeaderMap) -> Response {
    let view = match view(&state).await {
        Some(view) => view,
        None => Arc::new(View::blind(&state.monitor.watched())),
    };
    let open = headers.get_all(header::ACCEPT).iter().any(|accept| accept.to_str().is_ok_and(|accept| accept.contains("openmetrics")));
    let now = Timestamp::now();
    let (kind, text) = match open {
        true => (OPEN_METRICS, state.monitor.render(&view, now)),
        false => (PROMETHEUS_TEXT, state.monitor.render_prometheus(&view, now)),
    };
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], text).into_response()
}

/// What the ledger says, at most [`VIEW_AGE`] old; `None` if it takes longer than [`VIEW_WAIT`] to say it.
async fn view(state: &WebState) -> Option<Arc<View>> {
    let look = async {
        let mut last = state.views.clone().lock_owned().await;
        if let Some((taken, view)) = last.as_ref()
            && taken.elapsed() < VIEW_AGE
        {
            return Some(view.clone());
        }
        let (store, watched) = (state.store.clone(), state.monitor.watched());
        // A task of its own, that keeps the lock: a scrape that gives up on a disk that hangs leaves one reader behind it,
        // not one a scrape.
        let taking = tokio::spawn(async move {
            let view = Arc::new(store.run(move |store| Ok(View::take(store, &watched))).await.ok()?);
            *last = Some((Instant::now(), view.clone()));
            Some(view)
        });
        taking.await.ok()?
    };
    timeout(VIEW_WAIT, look).await.ok()?
}
