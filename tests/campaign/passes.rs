//! Passes of the bridge: whole ones, ones that are killed, two at a time; and what is looked at after each.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use posbridge::config::Config;
use posbridge::demo::{Mishap, OdooServer, When};
use posbridge::sync::{self, Bridge, Report, Request};
use tokio::sync::Notify;

use crate::ledger::AfterPass;
use crate::world::{HUNG, World};

/// Most calls that a pass may make for a branch and to central for it: a batch that Odoo fails at is halved up to 16 times
/// and each call is made up to 4 times, and each table that is read up to 4 times.
const MOST_CALLS: u64 = 200;

/// And for each order that waits for a person: where central refuses all of a batch it is halved down to single orders, which are
/// as many calls again.
const MOST_CALLS_FOR_REFUSED: u64 = 2;

/// Most calls of a pass without faults, for a branch, with central's part of it. Among them 4 that ask, of the articles and customers
/// in what is tried again and in what is new, whether their numbers are still theirs.
const MOST_CALLS_WITHOUT_FAULTS: u64 = 49;

/// And for each hundred orders, begun, that it reads or writes: what an order of a backlog may cost (README.md, "Speed and size").
const MOST_CALLS_FOR_HUNDRED: u64 = 8;

/// No fault: whether branches are read side by side in this trial, or one after another, so that it can be told again to the letter.
const SIDE_BY_SIDE: u8 = 1;

/// No fault: whether the passes of this trial are those of a daemon, which keeps its ledger open until it dies, or of a program that
/// is started for each.
pub const DAEMON: u8 = 0;

/// How a pass goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Whole,
    /// The bridge dies at a random call.
    Killed,
    /// Two bridges work on one state directory.
    Together,
}

type Opened = (Arc<Bridge>, Arc<sync::Central>, Config);

/// The bridge of a settings file: the program starts, or a daemon that runs has read its settings anew.
fn bridge_at(file: &Path, world: &World, daemon: Option<&Bridge>) -> Result<Opened, String> {
    let config = Config::load(file).map_err(|error| error.to_string())?;
    let mut bridge = match daemon {
        Some(daemon) => daemon.under(config.clone()),
        None => Bridge::open(config.clone(), "campaign").map_err(|error| error.to_string())?,
    };
    bridge.clock = world.clock.clone();
    bridge.store = bridge.store.in_place();
    if !world.swarm.has(SIDE_BY_SIDE) {
        bridge.parallel_branches = 1;
    }
    let central = bridge.central().map_err(|halt| halt.to_string())?;
    Ok((Arc::new(bridge), Arc::new(central), config))
}

async fn run(bridge: &Arc<Bridge>, central: &Arc<sync::Central>, config: &Config, request: &Request) -> Vec<Report> {
    let reports = sync::run(bridge, central, &config.branches, request, &Arc::default()).await;
    let _ = central.remember(bridge);
    reports
}

impl World {
    /// Runs a pass and looks at what it says.
    pub async fn pass(&mut self, kind: Kind, request: Request) -> Vec<Report> {
        self.tally.passes += 1;
        let calls = self.calls();
        let newest = self.ledger.newest_attempt();
        let parts = (request.now, request.deliver_only, request.receive_only, request.from);
        self.tell(|| format!("pass ({kind:?}, now {}, deliver only {}, receive only {}, from {:?})", parts.0, parts.1, parts.2, parts.3));
        let first = bridge_at(&self.file(), self, self.daemon.as_ref());
        let (bridge, central, config) = match first {
            Ok(opened) => opened,
            Err(error) => {
                self.violated("I7", format!("the bridge does not start: {error}"));
                return Vec::new();
            }
        };
        if self.swarm.has(DAEMON) {
            self.daemon = Some(bridge.under(config.clone()));
        }
        let reports = match kind {
            Kind::Whole => self.watched(run(&bridge, &central, &config, &request)).await,
            Kind::Killed => self.killed(&bridge, &central, &config, &request).await,
            Kind::Together => match bridge_at(&self.file(), self, None) {
                Ok((other, to_central, _)) => {
                    let both =
                        async { tokio::join!(run(&bridge, &central, &config, &request), run(&other, &to_central, &config, &request)) };
                    self.watched(async { both.await.0 }).await
                }
                Err(error) => {
                    self.violated("I7", format!("a second bridge does not start: {error}"));
                    None
                }
            },
        };
        drop((bridge, central));
        if kind == Kind::Killed {
            self.daemon = None;
        }
        self.settle().await;
        self.end_faults();
        self.end_passwords();
        self.set_clocks();
        let made = self.calls() - calls;
        let reports = reports.unwrap_or_default();
        let refused: u64 = reports.iter().map(|report| report.failed).sum();
        if made > MOST_CALLS * self.config().branches.len() as u64 + MOST_CALLS_FOR_REFUSED * refused {
            self.violated("I10", format!("{made} calls in one pass"));
        }
        self.look_after(kind, &reports, newest);
        reports
    }

    /// A pass of the copied machine.
    pub async fn twin_pass(&mut self) {
        let Some(file) = self.twin.as_ref().map(|twin| twin.path().join("branches.toml")) else { return };
        let opened = bridge_at(&file, self, None);
        if let Ok((bridge, central, config)) = opened {
            self.tally.passes += 1;
            self.tell(|| "pass of the copied machine".to_owned());
            self.watched(run(&bridge, &central, &config, &Request { now: true, ..Request::default() })).await;
            drop((bridge, central));
            self.settle().await;
            self.end_faults();
            self.set_clocks();
        }
    }

    async fn watched<T>(&mut self, pass: impl Future<Output = T>) -> Option<T> {
        let ended = tokio::time::timeout(HUNG, pass).await;
        if ended.is_err() {
            self.violated("I10", "a pass hangs");
        }
        ended.ok()
    }

    async fn killed(
        &mut self,
        bridge: &Arc<Bridge>,
        central: &Arc<sync::Central>,
        config: &Config,
        request: &Request,
    ) -> Option<Vec<Report>> {
        // Whether the call at which it dies is still carried out.
        let (at, ran) = (1 + self.random.below(30) as u64, self.random.below(2) == 0);
        let (notify, seen) = (Arc::new(Notify::new()), Arc::new(AtomicU64::new(0)));
        for server in [&self.head, &self.field] {
            let (notify, seen) = (notify.clone(), seen.clone());
            let last = When::any().always().and(move |_| {
                let dies = seen.fetch_add(1, Ordering::Relaxed) + 1 == at;
                if dies {
                    notify.notify_one();
                }
                dies && !ran
            });
            server.inject_first(last.named("02 the bridge dies before it runs"), Mishap::drop_before());
        }
        let pass = run(bridge, central, config, request);
        let ended = self
            .watched(async {
                tokio::select! {
                    biased;
                    () = notify.notified() => None,
                    reports = pass => Some(reports),
                }
            })
            .await
            .flatten();
        if ended.is_none() {
            if ran {
                self.fired(2);
            }
            self.tell(|| format!("  the bridge dies at call {at}{}", if ran { ", which is carried out" } else { "" }));
        }
        ended
    }

    /// Waits until both servers have nothing left to do.
    async fn settle(&mut self) {
        for round in 0..2_000 {
            // What was aborted is dropped at its next turn.
            if round >= 20 && [&self.head, &self.field].iter().all(|server| server.stats().open == 0) {
                return;
            }
            if round < 50 {
                tokio::task::yield_now().await;
            } else {
                tokio::time::sleep(Duration::from_micros(100)).await;
            }
        }
    }

    fn calls(&self) -> u64 {
        [&self.head, &self.field].iter().map(|server| server.stats().calls.values().sum::<u64>()).sum()
    }

    /// The calls so far, by model and method.
    fn calls_by_name(&self) -> BTreeMap<String, u64> {
        let mut calls = BTreeMap::new();
        for server in [&self.head, &self.field] {
            for ((model, method), made) in server.stats().calls {
                *calls.entry(format!("{model}.{method}")).or_default() += made;
            }
        }
        calls
    }

    fn writes(&self) -> u64 {
        self.head.stats().writes + self.field.stats().writes
    }

    /// What must hold after every pass.
    fn look_after(&mut self, kind: Kind, reports: &[Report], newest_attempt: i64) {
        let AfterPass { written, rows, branch_problems } = self.ledger.after_pass(newest_attempt);
        for report in reports {
            let line = format!(
                "  {}: read {}, new {}, delivered {}, failed {}, pending {}{}",
                report.branch,
                report.read,
                report.new,
                report.delivered,
                report.failed,
                report.pending,
                report.error.as_ref().map(|error| format!("; {error}")).unwrap_or_default()
            );
            self.tell(|| line);
            let count = |states: &[&str]| {
                rows.values().filter(|row| row.branch == report.branch && states.contains(&row.state.as_str())).count() as u64
            };
            if kind == Kind::Whole && (report.failed, report.pending) != (count(&["failed"]), count(&["pending", "held"])) {
                self.violated(
                    "I7",
                    format!("{} reports {} failed and {} waiting, which the ledger does not", report.branch, report.failed, report.pending),
                );
            }
            let delivered = written.get(&report.branch).copied().unwrap_or(0);
            if kind == Kind::Whole && report.delivered != delivered {
                self.violated("I7", format!("{} reports {} delivered, the ledger has {delivered}", report.branch, report.delivered));
            }
        }
        self.told.extend(branch_problems);
        let told = &self.told;
        self.central_lost.retain(|code| !told.contains(&(code.clone(), "central_restored".to_owned())));
        for (key, row) in &rows {
            if row.state == "failed" && row.problems.as_deref().is_none_or(|problems| problems == "[]") {
                self.violated("I7", format!("{key} failed without a problem"));
            }
        }
        let strangers: Vec<String> = [&self.head, &self.field]
            .into_iter()
            .flat_map(|server| server.stats().writes_in)
            .filter(|(database, writes)| database != "central" && *writes > 0)
            .map(|(database, _)| database)
            .collect();
        for database in strangers {
            self.violated("I9", format!("{database} was written to"));
        }
    }

    /// Passes after the faults have ended; the first one has to bring every good order.
    pub async fn clean_passes(&mut self) {
        for nth in 1..=3 {
            let (calls, before) = (self.calls_by_name(), self.ledger.rows());
            let reports = self.pass(Kind::Whole, Request::default()).await;
            let mut by_name = self.calls_by_name();
            by_name.iter_mut().for_each(|(name, made)| *made -= calls.get(name).unwrap_or(&0));
            by_name.retain(|_, made| *made > 0);
            let made: u64 = by_name.values().sum();
            let orders: u64 = reports.iter().map(|report| report.read + report.delivered).sum();
            if made > MOST_CALLS_WITHOUT_FAULTS * self.shops.len() as u64 + MOST_CALLS_FOR_HUNDRED * orders.div_ceil(100) {
                self.violated("I10", format!("{made} calls in a pass without faults: {by_name:?}"));
            }
            for report in reports.iter().filter(|report| report.error.is_some()) {
                self.violated("I7", format!("{} complains without a reason: {:?}", report.branch, report.error));
            }
            if nth == 1 {
                self.check_isolation(&before);
            }
            self.wait(76 * 60);
        }
    }

    /// A pass with nothing to do writes nothing.
    pub async fn idle_pass(&mut self) {
        let (writes, bytes) = (self.writes(), self.ledger.bytes());
        self.pass(Kind::Whole, Request::default()).await;
        if self.writes() != writes {
            let made = self.writes() - writes;
            self.violated("I11", format!("{made} writes in an idle pass"));
        }
        if self.ledger.bytes() != bytes {
            self.violated("I11", "the ledger was written in an idle pass");
        }
    }

    /// A password is changed behind the bridge's back, for one pass.
    pub fn change_password(&mut self) {
        let db = if self.random.below(2) == 0 { &self.central } else { &self.shops[0].db };
        db.set_password("bridge", "changed");
        let name = db.name();
        self.fired(13);
        self.tell(|| format!("the bridge's password at {name} is changed for a while"));
    }

    fn end_passwords(&self) {
        for db in self.shops.iter().map(|shop| &shop.db).chain([&self.central]) {
            db.set_password("bridge", "bridge");
        }
    }

    /// A server does not listen during a pass.
    pub async fn pass_without_server(&mut self, request: Request) {
        let head = self.random.below(2) == 0;
        let server: &mut OdooServer = if head { &mut self.head } else { &mut self.field };
        server.go_down().await;
        self.fired(3);
        self.tell(|| format!("{} does not listen", if head { "central" } else { "no branch" }));
        self.pass(Kind::Whole, request).await;
        let server: &mut OdooServer = if head { &mut self.head } else { &mut self.field };
        let mut tries = 0;
        while server.come_back().await.is_err() {
            tries += 1;
            assert!(tries < 500, "the port is taken");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}
