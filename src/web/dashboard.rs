//! The dashboard: its routes, what its pages share, and the port that it is served on.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, Method};
use axum::middleware::from_fn_with_state;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::guard::{Gate, Route, guard};
use super::jobs::Jobs;
use super::serve::{self, Peer};
use super::sign_in::Tries;
use super::{agreement, assets, branches, error::PageError, jobs, log, overview, people, record, sales, send, sign_in, trail};
use crate::config;
use crate::monitor::Monitor;
use crate::store::Store;
use crate::sync::Bridge;

/// A browser opens six connections; twenty people who look at one time are a large support desk.
const LIMITS: serve::Limits = serve::Limits { name: "the dashboard", connections: 128, life: Duration::from_mins(5), keep_alive: true };

/// Why https cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is not what it should be.
    #[error("{} of [dashboard] cannot be used: {reason}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// Certificate and key do not fit together.
    #[error("cert_file and key_file of [dashboard] do not go together: {0}. Name the certificate that was made for this key")]
    Pair(String),
}

/// What all pages share. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// A handle of the dashboard's own, so that no page holds up a pass.
    pub store: Store,
    /// The settings that the daemon works by, and what it needs to reach an Odoo.
    pub bridge: watch::Receiver<Arc<Bridge>>,
    /// Whether passes are happening.
    pub monitor: Arc<Monitor>,
    /// What is to be said on somebody's next page.
    pub flashes: Arc<Flashes>,
    /// What runs beside the pages.
    pub jobs: Arc<Jobs>,
    /// What the overview last saw.
    pub looks: overview::Looks,
    /// Who tried to sign in.
    pub tries: Arc<Tries>,
    settings: Arc<config::Dashboard>,
}

impl App {
    pub fn new(settings: &config::Dashboard, store: Store, bridge: watch::Receiver<Arc<Bridge>>, monitor: Arc<Monitor>) -> Self {
        let (flashes, jobs, looks, tries) = (Arc::default(), Arc::default(), Arc::default(), Arc::default());
        Self { store, bridge, monitor, flashes, jobs, looks, tries, settings: Arc::new(settings.clone()) }
    }

    /// The settings as the daemon uses them now.
    pub fn bridge(&self) -> Arc<Bridge> {
        self.bridge.borrow().clone()
    }

    /// Whether browsers come by https.
    pub fn is_secure(&self) -> bool {
        self.settings.is_secure()
    }

    /// `__Host-` keeps a cookie to this very host, and needs https.
    pub fn cookie_name(&self) -> &'static str {
        if self.is_secure() { "__Host-posbridge" } else { "posbridge" }
    }

    /// The host that people type, if the settings name it.
    pub fn public_host(&self) -> Option<String> {
        self.settings.url.as_ref().and_then(|url| url.split("://").nth(1)).map(str::to_owned)
    }

    /// Where a request comes from: what the nearest proxy says, if it is one of ours.
    pub fn client_address(&self, peer: Option<&Peer>, headers: &HeaderMap) -> IpAddr {
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip().to_canonical());
        if !self.settings.proxies.contains(&peer) {
            return peer;
        }
        // The last entry is the nearest proxy's own; whatever stands before it anybody can write.
        let said = headers.get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
        let said = said.and_then(|line| line.rsplit(',').next()?.trim().parse::<IpAddr>().ok());
        said.map_or(peer, |said| said.to_canonical())
    }
}

/// What is to be said once, by session.
#[derive(Debug, Default)]
pub struct Flashes(Mutex<HashMap<String, String>>);

impl Flashes {
    /// Sessions that have something to hear; whoever does not look for it loses it.
    const MOST: usize = 1_000;

    pub fn put(&self, session: &str, said: String) {
        let mut flashes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if flashes.len() >= Self::MOST {
            flashes.clear();
        }
        if !session.is_empty() && !said.is_empty() {
            flashes.insert(session.to_owned(), said);
        }
    }

    pub fn take(&self, session: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(session)
    }
}

/// The dashboard, ready to be served.
pub struct Dashboard {
    router: Router,
    tls: Option<TlsAcceptor>,
}

/// Every page and action there is.
pub(super) fn routes() -> Vec<Route> {
    let groups = [
        assets::routes(),
        sign_in::routes(),
        overview::routes(),
        log::routes(),
        record::routes(),
        send::routes(),
        branches::routes(),
        agreement::routes(),
        sales::routes(),
        jobs::routes(),
        trail::routes(),
        people::routes(),
    ];
    groups.into_iter().flatten().collect()
}

impl Dashboard {
    /// # Errors
    /// [`TlsError`]: the certificate cannot be used.
    pub fn new(
        settings: &config::Dashboard,
        store: Store,
        bridge: watch::Receiver<Arc<Bridge>>,
        monitor: Arc<Monitor>,
    ) -> Result<Self, TlsError> {
        let tls = settings.tls.as_ref().map(|(cert, key)| acceptor(cert, key)).transpose()?;
        Ok(Self { router: router(App::new(settings, store, bridge, monitor)), tls })
    }

    /// Serves until `stop` is ready, and then for at most a second to end what was begun.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        serve::serve(listener, self.tls, self.router, LIMITS, stop).await;
    }
}

pub(super) fn router(app: App) -> Router {
    let mut router = Router::new();
    for Route { path, role, handler, method } in routes() {
        let gate = Gate { app: app.clone(), role, changes: method != Method::GET };
        router = router.route(path, handler.layer(from_fn_with_state(gate, guard)));
    }
    let nowhere = axum::routing::any(|| async { PageError::NotFound });
    let gate = Gate { app: app.clone(), role: None, changes: false };
    router.fallback_service(nowhere.layer(from_fn_with_state(gate, guard)).with_state(app.clone())).with_state(app)
}

fn acceptor(cert: &std::path::Path, key: &std::path::Path) -> Result<TlsAcceptor, TlsError> {
    let wrong = |file: &std::path::Path, reason: String| TlsError::File { file: file.to_owned(), reason };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect);
    let chain = chain.map_err(|error| wrong(cert, format!("{error}; it has to be a certificate as PEM, with its chain behind it")))?;
    if chain.is_empty() {
        return Err(wrong(cert, "it has no certificate in it; it has to be one as PEM, with its chain behind it".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, format!("{error}; it has to be a private key as PEM")))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Pair(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| TlsError::Pair(error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The last things of a kind, the oldest forgotten first: for what must not grow without end.
#[derive(Debug)]
pub struct Recent<K, V> {
    most: usize,
    order: VecDeque<K>,
    values: HashMap<K, V>,
}

impl<K: Clone + Eq + std::hash::Hash, V> Recent<K, V> {
    pub fn new(most: usize) -> Self {
        Self { most, order: VecDeque::new(), values: HashMap::new() }
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key)
    }

    pub fn put(&mut self, key: K, value: V) {
        if self.values.insert(key.clone(), value).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > self.most {
            if let Some(oldest) = self.order.pop_front() {
                self.values.remove(&oldest);
            }
        }
    }

    pub fn forget(&mut self, key: &K) {
        if self.values.remove(key).is_some() {
            self.order.retain(|known| known != key);
        }
    }
}

#[cfg(test)]
mod tests;
