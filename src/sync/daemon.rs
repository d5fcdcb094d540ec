//! The daemon: starts passes when they are due, takes up new settings, tells who watches, and stops without loss.
//!
//! One loop decides; passes and chores run beside it and report back to it. It waits for nothing but the next event, so
//! that a dead branch, a slow disk or a broken settings file delays no other branch's start. Everything that has to
//! survive it is in the ledger: it may be killed at any line.

mod chores;
mod daily;
mod passes;
mod settings;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use self::chores::{Chore, Chores};
use self::passes::PassOver;
use self::settings::Watched;
use super::central::Central;
use super::timetable::{Lane, Timetable};
use super::{Bridge, Halt};
use crate::config::Config;
use crate::monitor::{self, Monitor};
use crate::store::{Direction, LastPass, Lock, Paused, SendPass, Store, StoreError};

/// Longest sleep of the loop: after a suspended machine or a jump of the clock it looks again within this time.
const LONGEST_SLEEP: Duration = Duration::from_secs(2);

/// Longest wait for passes that run when the daemon is to stop. systemd kills after 15 s; whatever is not done by then is
/// repeated by the next start, as after any crash.
const STOP_WAIT: Duration = Duration::from_secs(8);

/// What a person or the system tells the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Read the settings again, now.
    Reload,
    /// Stop: wait for what runs; told twice, do not wait.
    Stop,
}

/// What the daemon tells whoever started it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Passes start from now on.
    Ready,
    /// One line for people on what it does.
    Status(String),
    /// It is alive: the loop turned and the ledger answered.
    Alive,
    /// New settings are being read; followed by [`News::Ready`].
    Reloading,
    /// It stops.
    Stopping,
}

/// The daemon's loop and what it knows.
struct Daemon<T> {
    bridge: Arc<Bridge>,
    /// The same, for whoever shows it to people.
    shown: watch::Sender<Arc<Bridge>>,
    /// The settings as the file has them: with the branches that are paused.
    as_written: Config,
    /// What people have paused.
    paused: Vec<Paused>,
    central: Arc<Central>,
    /// The sealed password that the client of central was made with.
    central_seal: Option<String>,
    table: Timetable,
    settings: Watched,
    monitor: Arc<Monitor>,
    passes: JoinSet<PassOver>,
    /// The lanes of the passes that run, for one that breaks off and cannot say itself.
    lanes: HashMap<tokio::task::Id, Lane>,
    chores: Chores,
    /// What was last said of each lane, so that a failure that stays is said once.
    said: BTreeMap<Lane, String>,
    /// Central does not answer: since when, and when one pass may try again.
    central_away: Option<passes::CentralAway>,
    status: String,
    tell: T,
}

/// A daemon that has its state directory and has not begun.
pub struct Service {
    bridge: Arc<Bridge>,
    shown: watch::Sender<Arc<Bridge>>,
    _alone: Lock,
}

impl Service {
    /// Takes a state directory for the daemon.
    ///
    /// # Errors
    /// Another daemon runs on it, or its ledger cannot be used.
    pub async fn open(config: Config) -> Result<Self, StoreError> {
        let alone = Lock::daemon(&config.state)?;
        let bridge = Bridge::open(config, "run")?;
        // A damaged ledger is refused before anything is written to it.
        bridge.store.run(Store::check_sound).await?;
        let bridge = Arc::new(bridge);
        Ok(Self { shown: watch::Sender::new(bridge.clone()), bridge, _alone: alone })
    }

    /// What it works by, now and after each change of the settings.
    pub fn bridge(&self) -> watch::Receiver<Arc<Bridge>> {
        self.shown.subscribe()
    }

    /// The settings that it begins with.
    pub fn config(&self) -> &Config {
        &self.bridge.config
    }

    /// Runs until it is told to stop.
    ///
    /// # Errors
    /// Central's password is missing or cannot be opened. Whatever goes wrong later is told and tried again.
    pub async fn run(self, monitor: Arc<Monitor>, mut orders: mpsc::Receiver<Order>, tell: impl Fn(News) + Send) -> Result<(), Halt> {
        let mut daemon = Daemon::new(self.bridge, self.shown, monitor, tell)?;
        daemon.greet();
        daemon.turn_until_stopped(&mut orders).await;
        daemon.stop(&mut orders).await;
        Ok(())
    }
}

impl<T: Fn(News) + Send> Daemon<T> {
    fn new(bridge: Arc<Bridge>, shown: watch::Sender<Arc<Bridge>>, monitor: Arc<Monitor>, tell: T) -> Result<Self, Halt> {
        let now = Timestamp::now();
        let (as_written, paused) = (bridge.config.clone(), bridge.store.paused()?);
        let bridge = Arc::new(bridge.under(settings::without_paused(as_written.clone(), &paused)));
        shown.send_replace(bridge.clone());
        let (central, central_seal) = passes::central(&bridge)?;
        let table = Timetable::new(&bridge.config, now, last_pass(&bridge.config.state));
        let settings = Watched::new(&bridge.config.file);
        let chores = Chores::new(&bridge.config.state, now);
        monitor.branches(&watched(&bridge.config));
        Ok(Self {
            bridge,
            shown,
            as_written,
            paused,
            central,
            central_seal,
            table,
            settings,
            monitor,
            passes: JoinSet::new(),
            lanes: HashMap::new(),
            chores,
            said: BTreeMap::new(),
            central_away: None,
            status: String::new(),
            tell,
        })
    }

    /// Tells the monitor when each lane starts next.
    fn tell_plans(&self) {
        for branch in &self.bridge.config.branches {
            Direction::ALL.iter().for_each(|direction| self.tell_plan(&(branch.code.clone(), *direction)));
        }
    }

    fn tell_plan(&self, lane: &Lane) {
        self.monitor.planned(lane.0.as_str(), lane.1, self.table.next_of(lane));
    }

    fn greet(&self) {
        self.tell_plans();
        let config = &self.bridge.config;
        let enabled = config.branches.iter().filter(|branch| branch.enabled).count();
        tracing::info!(
            branches = enabled,
            settings = %config.file.display(),
            state = %config.state.display(),
            version = env!("CARGO_PKG_VERSION"),
            "Started: {enabled} branches by {}",
            config.file.display()
        );
        (self.tell)(News::Ready);
    }

    async fn turn_until_stopped(&mut self, orders: &mut mpsc::Receiver<Order>) {
        loop {
            let now = Timestamp::now();
            self.monitor.turned(now);
            self.look_at_settings(now);
            self.start_passes(now);
            self.chores.start(&self.bridge, self.settings.mistake(), now);
            self.say_status();
            let wait = self.table.next(now).map_or(LONGEST_SLEEP, |next| until(next, now).min(LONGEST_SLEEP));
            tokio::select! {
                Some(ended) = self.passes.join_next_with_id() => self.pass_over(ended),
                chore = self.chores.next() => self.chore_over(chore).await,
                order = orders.recv() => match order {
                    Some(Order::Reload) => self.reload(true),
                    Some(Order::Stop) | None => return,
                },
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Waits for what runs, for a time; then lets go of it. Both are safe: what a pass has done is in the ledger.
    async fn stop(&mut self, orders: &mut mpsc::Receiver<Order>) {
        let began = Instant::now();
        self.monitor.stopping();
        (self.tell)(News::Stopping);
        let running = self.passes.len();
        tracing::info!(passes = running, "Stopping; passes that run may end");
        while !self.passes.is_empty() {
            tokio::select! {
                Some(ended) = self.passes.join_next_with_id() => self.pass_over(ended),
                () = tokio::time::sleep(STOP_WAIT.saturating_sub(began.elapsed())) => break,
                order = orders.recv() => if order == Some(Order::Stop) { break },
            }
        }
        self.chores.finish().await;
        let abandoned = self.passes.len();
        self.passes.abort_all();
        tracing::info!(abandoned, duration_ms = began.elapsed().as_millis() as u64, "Stopped");
    }

    async fn chore_over(&mut self, chore: Chore) {
        let now = Timestamp::now();
        match chore {
            Chore::LedgerAnswered => {
                self.monitor.ledger_answered(now);
                (self.tell)(News::Alive);
            }
            Chore::Owing(lanes) => self.owe(&lanes, now),
            Chore::Touched(_) => {
                self.look_at_secrets(now).await;
                self.look_at_pauses().await;
                self.grant_wishes(now).await;
            }
            Chore::LookForWork => self.chores.look_for_work(),
            Chore::Keys(_) | Chore::Done => {}
        }
    }

    fn owe(&mut self, lanes: &[Lane], now: Timestamp) {
        // A central that is away is asked by one pass after each pause: more would read branches for nothing.
        let mut may_ask = match &self.central_away {
            None => usize::MAX,
            Some(away) => usize::from(away.again_at <= now),
        };
        for lane in lanes {
            if lane.1 == Direction::Receive {
                let Some(left) = may_ask.checked_sub(1) else { continue };
                may_ask = left;
            }
            self.table.owe(lane, now);
        }
    }

    /// A password was set: whoever was waiting for it goes on.
    async fn look_at_secrets(&mut self, now: Timestamp) {
        let Ok(secrets) = self.bridge.store.run(|store| store.passwords()).await else { return };
        for owner in self.chores.newly_sealed(secrets) {
            if owner == crate::problem::Side::CENTRAL {
                self.renew_central();
            } else if let Ok(branch) = crate::model::BranchCode::new(&owner) {
                self.table.ask_again(&branch, now);
            }
        }
    }

    /// Starts the passes that people asked for, also of a branch that is away.
    async fn grant_wishes(&mut self, now: Timestamp) {
        let Ok(wishes) = self.bridge.store.run(|store| store.take_wishes()).await else { return };
        for lane in wishes {
            tracing::info!(branch = %lane.0, direction = lane.1.as_str(), "Branch {}: a pass was asked for", lane.0);
            self.table.ask_again(&lane.0, now);
            self.table.owe(&lane, now);
        }
    }

    fn renew_central(&mut self) {
        match passes::central(&self.bridge) {
            Ok((central, seal)) if seal != self.central_seal => {
                (self.central, self.central_seal, self.central_away) = (central, seal, None);
            }
            Ok(_) => {}
            Err(halt) => {
                let problem = halt.into_problem();
                tracing::error!(cause = problem.cause(), "{} {}", problem.what(), problem.next_step());
            }
        }
    }

    fn say_status(&mut self) {
        let away = self.bridge.config.branches.iter().filter(|branch| self.table.away(&branch.code).is_some()).count();
        let enabled = self.bridge.config.branches.iter().filter(|branch| branch.enabled).count();
        let mut status = format!("{enabled} branches, {away} not answering, {} passes running", self.table.running());
        if self.central_away.is_some() {
            status.push_str("; central does not answer");
        }
        if let Some(mistake) = self.settings.mistake() {
            status.push_str(&format!("; the settings file is not used: {}", mistake.lines().next().unwrap_or_default()));
        }
        if status != self.status {
            (self.tell)(News::Status(status.clone()));
            self.status = status;
        }
    }
}

/// The branches as the monitor watches them.
fn watched(config: &Config) -> Vec<monitor::Watched> {
    config.branches.iter().map(|branch| monitor::Watched { code: branch.code.clone(), enabled: branch.enabled }).collect()
}

/// When a lane last began a pass, by the notes in the state directory.
fn last_pass(state: &Path) -> impl Fn(&Lane) -> Option<Timestamp> {
    let state = state.to_owned();
    move |(branch, direction)| match direction {
        Direction::Receive => LastPass::load(&state, branch).map(|last| last.started_at),
        Direction::Send => SendPass::load(&state, branch).map(|last| last.started_at),
    }
}

fn until(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO)
}
