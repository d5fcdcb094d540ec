//! What the daemon does besides passes: asks the ledger whether it answers and what waits in it, tells people, tidies up.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;

use crate::alerts::Watch;
use crate::config::Retention;
use crate::model::BranchCode;
use crate::problem::Side;
use crate::store::{Direction, Sealed, Store, StoreError};
use crate::sync::Bridge;
use crate::sync::connection::connect_branch;
use crate::sync::keys::look_at_key;
use crate::sync::timetable::Lane;

use super::daily::Daily;

/// How often the ledger is asked for an answer; the watchdog is fed by it.
const PULSE: SignedDuration = SignedDuration::from_secs(5);

/// How often to look whether another process has written to the ledger: a retry, a queued send, a new password.
const TOUCH: SignedDuration = SignedDuration::from_secs(2);

/// How often to look for records whose time has come by themselves.
const OWING: SignedDuration = SignedDuration::from_secs(30);

/// How often people are told what has begun and what is over.
const ALERTS: SignedDuration = SignedDuration::from_mins(1);

/// How often the Odoos are asked when API keys end: the warning comes 14 days ahead.
const KEYS: SignedDuration = SignedDuration::from_hours(24);

/// Until they are asked for the first time, so that a start costs nothing beside its passes.
const KEYS_FIRST: SignedDuration = SignedDuration::from_mins(2);

/// How often to look whether a branch's day is to be compared with central.
const DAILY: SignedDuration = SignedDuration::from_mins(1);

/// How often is tidied up what need not be kept for ever.
const TIDY: SignedDuration = SignedDuration::from_hours(1);

/// How often master data that waits for a session to be closed is looked at again, beyond what the schedules do.
const HELD: SignedDuration = SignedDuration::from_mins(15);

/// How often sales are counted that came or changed: soon enough for whoever looks at a page.
const SALES: SignedDuration = SignedDuration::from_secs(3);

/// Days of branches counted in one piece. Each is a transaction of some milliseconds, so that no pass waits for it.
const SALES_AT_ONCE: usize = 4;

/// How long is counted at a time: a tenth of one processor, also when an old ledger is counted for the first time.
const SALES_TIME: Duration = Duration::from_millis(300);

/// Longest wait for messages to people when the daemon stops; what did not go is sent after the next start.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A chore that is over.
pub enum Chore {
    /// The ledger answered.
    LedgerAnswered,
    /// These have work that may start.
    Owing(Vec<Lane>),
    /// Another process wrote to the ledger since the version known.
    Touched(i64),
    /// Records have become due.
    LookForWork,
    /// When API keys end, by `central` or branch code.
    Keys(BTreeMap<String, Timestamp>),
    /// Nothing for the loop to do.
    Done,
}

/// Chores that run, and when each is due.
pub struct Chores {
    running: JoinSet<(Task, Chore)>,
    due: BTreeMap<Task, Timestamp>,
    busy: BTreeSet<Task>,
    version: Option<i64>,
    seals: Option<BTreeMap<String, String>>,
    held_looked: Timestamp,
    watch: Arc<Watch>,
    key_ends: BTreeMap<String, Timestamp>,
    daily: Arc<Daily>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    Alerts,
    Daily,
    Keys,
    Sales,
    Tidy,
    Pulse,
    Touch,
    Owing,
    Hurry,
}

impl Chores {
    /// Nothing runs yet.
    pub fn new(state: &Path, now: Timestamp) -> Self {
        let keys = now.checked_add(KEYS_FIRST).unwrap_or(now);
        Self {
            running: JoinSet::new(),
            due: BTreeMap::from([(Task::Keys, keys)]),
            busy: BTreeSet::new(),
            version: None,
            seals: None,
            held_looked: Timestamp::MIN,
            watch: Arc::new(Watch::new(state)),
            key_ends: BTreeMap::new(),
            daily: Arc::new(Daily::new(now)),
        }
    }

    /// Starts what is due and does not run. `mistake`: why the settings file is not used as it stands.
    pub fn start(&mut self, bridge: &Arc<Bridge>, mistake: Option<&str>, now: Timestamp) {
        if self.is_due(Task::Alerts, ALERTS, now) {
            let (bridge, watch, ends, mistake) = (bridge.clone(), self.watch.clone(), self.key_ends.clone(), mistake.map(str::to_owned));
            self.running.spawn(async move {
                watch.look(&bridge.store, &bridge.config, now, mistake.as_deref(), &ends).await;
                (Task::Alerts, Chore::Done)
            });
        }
        if self.is_due(Task::Keys, KEYS, now) {
            let bridge = bridge.clone();
            self.running.spawn(async move { (Task::Keys, Chore::Keys(key_ends(&bridge).await)) });
        }
        if self.is_due(Task::Daily, DAILY, now) {
            let (bridge, daily) = (bridge.clone(), self.daily.clone());
            self.running.spawn(async move {
                daily.look(&bridge, now).await;
                (Task::Daily, Chore::Done)
            });
        }
        if self.is_due(Task::Tidy, TIDY, now) {
            let retention = bridge.config.retention.clone();
            self.run(Task::Tidy, bridge, move |store| tidy(store, &retention, now));
        }
        if self.is_due(Task::Sales, SALES, now) {
            let zones = bridge.config.branches.iter().map(|branch| (branch.code.to_string(), branch.timezone.clone())).collect();
            self.run(Task::Sales, bridge, move |store| count_sales(store, &zones));
        }
        if self.is_due(Task::Pulse, PULSE, now) {
            self.run(Task::Pulse, bridge, |store| store.touched().map(|_| Chore::LedgerAnswered));
        }
        if self.is_due(Task::Touch, TOUCH, now) {
            let known = self.version;
            self.run(Task::Touch, bridge, move |store| {
                let version = store.touched()?;
                Ok(if known == Some(version) { Chore::Done } else { Chore::Touched(version) })
            });
        }
        if self.is_due(Task::Owing, OWING, now) {
            let held = now.duration_since(self.held_looked).abs() >= HELD;
            if held {
                self.held_looked = now;
            }
            self.run(Task::Owing, bridge, move |store| store.owing(now, held).map(Chore::Owing));
        }
    }

    /// Records may have become due: look at the next turn.
    pub fn look_for_work(&mut self) {
        self.due.remove(&Task::Owing);
    }

    /// What was put off because a side did not answer is due now.
    pub fn hurry(&mut self, bridge: &Arc<Bridge>, direction: Direction, branch: Option<BranchCode>) {
        self.run(Task::Hurry, bridge, move |store| {
            store.hurry(direction, branch.as_ref(), Timestamp::now())?;
            Ok(Chore::LookForWork)
        });
    }

    fn is_due(&mut self, task: Task, every: SignedDuration, now: Timestamp) -> bool {
        let due = self.due.get(&task).is_none_or(|due| *due <= now || due.duration_since(now) > every);
        if !due || self.busy.contains(&task) {
            return false;
        }
        self.due.insert(task, now.checked_add(every).unwrap_or(now));
        self.busy.insert(task);
        true
    }

    fn run(&mut self, task: Task, bridge: &Arc<Bridge>, work: impl FnOnce(&Store) -> Result<Chore, StoreError> + Send + 'static) {
        let store = bridge.store.clone();
        self.running.spawn(async move {
            let done = store.run(work).await.unwrap_or_else(|error| {
                tracing::debug!(%error, "The ledger does not answer");
                Chore::Done
            });
            (task, done)
        });
    }

    /// The next chore that is over; without any it waits for ever.
    pub async fn next(&mut self) -> Chore {
        match self.running.join_next().await {
            Some(Ok((task, chore))) => {
                self.busy.remove(&task);
                match &chore {
                    Chore::Touched(version) => {
                        self.version = Some(*version);
                        self.look_for_work();
                    }
                    Chore::Keys(ends) => self.key_ends.clone_from(ends),
                    _ => {}
                }
                chore
            }
            Some(Err(_)) => {
                self.busy.clear();
                Chore::Done
            }
            None => std::future::pending().await,
        }
    }

    /// Waits for messages to people that are on their way.
    pub async fn finish(&self) {
        self.watch.finish(LAST_WORDS).await;
    }

    /// Whose passwords were sealed anew since the last time.
    pub fn newly_sealed(&mut self, secrets: Vec<Sealed>) -> Vec<String> {
        let seals: BTreeMap<String, String> = secrets.into_iter().map(|secret| (secret.owner, secret.sealed)).collect();
        let before = self.seals.replace(seals.clone());
        let Some(before) = before else { return Vec::new() };
        seals.into_iter().filter(|(owner, seal)| before.get(owner) != Some(seal)).map(|(owner, _)| owner).collect()
    }
}

/// When API keys end, as far as the Odoos tell. One after the other: nobody waits for it.
async fn key_ends(bridge: &Bridge) -> BTreeMap<String, Timestamp> {
    let mut ends = BTreeMap::new();
    if let Ok(central) = bridge.central()
        && let Ok(Some(end)) = central.key_expiry(bridge).await
    {
        ends.insert(Side::CENTRAL.to_owned(), end);
    }
    for branch in bridge.config.branches.iter().filter(|branch| branch.enabled) {
        let Ok(connection) = connect_branch(bridge, branch) else { continue };
        if let Ok(Some(end)) = look_at_key(&connection, &bridge.store).await {
            ends.insert(branch.code.to_string(), end);
        }
    }
    ends
}

/// Counts the sales of days whose orders came or changed, for a while; the rest is for the next time.
fn count_sales(store: &Store, zones: &HashMap<String, TimeZone>) -> Result<Chore, StoreError> {
    let began = Instant::now();
    while store.count_sales(zones, SALES_AT_ONCE)?.more && began.elapsed() < SALES_TIME {}
    Ok(Chore::Done)
}

/// Lets go of what has been kept long enough, a piece at a time so that no pass waits for it.
fn tidy(store: &Store, retention: &Retention, now: Timestamp) -> Result<Chore, StoreError> {
    let (mut payloads, mut attempts) = (0, 0);
    loop {
        let cleaned = store.clean(retention, now)?;
        payloads += cleaned.payloads;
        attempts += cleaned.attempts;
        if !cleaned.more {
            break;
        }
    }
    if payloads + attempts > 0 {
        tracing::info!(payloads, attempts, "Tidied up: contents of orders and old attempts that need not be kept any longer");
    }
    Ok(Chore::Done)
}
