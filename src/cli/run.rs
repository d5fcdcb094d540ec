//! `posbridge run`: the daemon.

use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::{Context, Failure, Status};
use crate::config::Config;
use crate::monitor::Monitor;
use crate::store::Store;
use crate::sync::{News, Order, Service};
use crate::web;

/// Signals that wait to be heard: more than a person sends within a turn of the loop.
const ORDERS: usize = 16;

/// Run as a daemon: pass over each branch on its schedule
///
/// SIGHUP reads the settings again (a changed file is also noticed by itself), SIGTERM and Ctrl-C stop within ten seconds; a
/// second one at once. Logs go to standard error: a line an event for people on a terminal, the journal under systemd,
/// JSON otherwise.
#[derive(Debug, Args)]
#[command(after_help = "Example: posbridge run\n         posbridge --config /etc/posbridge/branches.toml run")]
pub struct Run {}

impl Run {
    pub async fn execute(self, context: &Context) -> Result<Status, Failure> {
        let service = Service::open(context.config()?).await?;
        let monitor = Arc::new(Monitor::new(Timestamp::now()));
        let (give, orders) = mpsc::channel(ORDERS);
        obey_signals(give)?;
        let (stop_web, web_stopped) = watch::channel(false);
        let serving = [serve(service.config(), &monitor, web_stopped.clone()).await?, show(&service, &monitor, web_stopped).await?];
        let ended = service.run(monitor, orders, tell_systemd).await;
        let _ = stop_web.send(true);
        for serving in serving.into_iter().flatten() {
            let _ = serving.await;
        }
        ended?;
        Ok(Status::Done)
    }
}

/// Answers about the daemon over HTTP, if the settings say where.
async fn serve(config: &Config, monitor: &Arc<Monitor>, mut stopped: watch::Receiver<bool>) -> Result<Option<JoinHandle<()>>, Failure> {
    let Some(address) = config.monitoring.listen else { return Ok(None) };
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Failure::Other(format!("{address} of [monitoring] cannot be listened on: {error}. Stop what does, or name another port"))
    })?;
    // A connection of its own, so that a scrape holds up no pass.
    let state = web::WebState::new(monitor.clone(), Store::open_existing(&config.state)?);
    let stop = async move {
        let _ = stopped.changed().await;
    };
    Ok(Some(tokio::spawn(web::serve(listener, state, stop))))
}

/// Shows the dashboard, if the settings ask for it.
pub async fn show(
    service: &Service,
    monitor: &Arc<Monitor>,
    mut stopped: watch::Receiver<bool>,
) -> Result<Option<JoinHandle<()>>, Failure> {
    let config = service.config();
    let Some(settings) = &config.dashboard else { return Ok(None) };
    let store = Store::open_existing(&config.state)?;
    let dashboard =
        web::Dashboard::new(settings, store, service.bridge(), monitor.clone()).map_err(|error| Failure::Other(error.to_string()))?;
    let listener = TcpListener::bind(settings.listen).await.map_err(|error| {
        Failure::Other(format!("{} of [dashboard] cannot be listened on: {error}. Stop what does, or name another port", settings.listen))
    })?;
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    tracing::info!("The dashboard is at {}", settings.url.clone().unwrap_or_else(|| format!("{scheme}://{}", settings.listen)));
    let stop = async move {
        let _ = stopped.changed().await;
    };
    Ok(Some(tokio::spawn(dashboard.serve(listener, stop))))
}

/// Passes signals on to the daemon.
fn obey_signals(give: mpsc::Sender<Order>) -> Result<(), Failure> {
    for (kind, order) in
        [(SignalKind::hangup(), Order::Reload), (SignalKind::terminate(), Order::Stop), (SignalKind::interrupt(), Order::Stop)]
    {
        let mut signals = signal(kind)?;
        let give = give.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                // Only a daemon that has ended no longer listens.
                let _ = give.send(order).await;
            }
        });
    }
    Ok(())
}

/// What systemd wants to hear; outside of it nobody listens.
fn tell_systemd(news: News) {
    let told = match news {
        News::Ready => sd_notify::notify(&[NotifyState::Ready]),
        News::Status(status) => sd_notify::notify(&[NotifyState::Status(&status)]),
        News::Alive => sd_notify::notify(&[NotifyState::Watchdog]),
        News::Reloading => match NotifyState::monotonic_usec_now() {
            Ok(now) => sd_notify::notify(&[NotifyState::Reloading, now]),
            Err(error) => Err(error),
        },
        News::Stopping => sd_notify::notify(&[NotifyState::Stopping]),
    };
    if let Err(error) = told {
        tracing::debug!(%error, "systemd could not be told");
    }
}
