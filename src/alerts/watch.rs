//! The part of the daemon that looks after a minute and tells.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::task::JoinSet;

use super::Way;
use super::condition::{Thresholds, conditions, is_unknown};
use super::deliver::{Refusal, Sender, ways};
use super::desk::{Desk, Episode};
use super::gap::Gaps;
use super::message::{Message, compose};
use super::snapshot::gather;
use crate::config::{Alerts, Config};
use crate::store::Store;

/// Longest time a look may take; one that takes longer says nothing and the next one is a minute away.
const LOOK: Duration = Duration::from_secs(5);
/// First pause after a message that did not arrive; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
/// Longest pause: a mail server that is back is noticed within the hour.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// Looks at what is known, and tells people what is new. Cheap to make; one for each state directory.
#[derive(Debug)]
pub struct Watch {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    directory: PathBuf,
    gaps: Gaps,
    state: Mutex<State>,
    /// Held while the note is written, so that an older one never follows a newer one.
    saving: tokio::sync::Mutex<Option<Desk>>,
    tasks: Mutex<JoinSet<()>>,
    /// A copy goes with each look into the ledger: while one is out, that look hangs, and another would only hang too.
    looking: Arc<()>,
}

#[derive(Debug, Default)]
struct State {
    desk: Desk,
    deliveries: BTreeMap<Way, Delivery>,
    /// Opened at the last look that could read the ledger: a ledger that cannot be used has to be told, too.
    senders: BTreeMap<Way, Result<Sender, Refusal>>,
    alerts: Option<Alerts>,
    unwritable: bool,
}

/// How sending by a way goes.
#[derive(Debug, Default)]
struct Delivery {
    under_way: bool,
    failures: u32,
    next_at: Option<Timestamp>,
}

impl Delivery {
    fn is_due(&self, now: Timestamp) -> bool {
        // A moment further off than any pause was set by a clock that has been put right since.
        let waits = |at: Timestamp| now < at && until(now, at) <= LONGEST_PAUSE;
        !self.under_way && !self.next_at.is_some_and(waits)
    }
}

impl Watch {
    /// Goes on from the note in a state directory, if there is one.
    pub fn new(directory: &Path) -> Self {
        let desk = Desk::load(directory);
        let saved = Some(desk.clone());
        Self {
            inner: Arc::new(Inner {
                directory: directory.to_owned(),
                gaps: Gaps::default(),
                state: Mutex::new(State { desk, ..State::default() }),
                saving: tokio::sync::Mutex::new(saved),
                tasks: Mutex::default(),
                looking: Arc::default(),
            }),
        }
    }

    /// Looks once, and starts to send what is new by each way. Returns within seconds, whatever the ledger, the disk or
    /// a mail server does, and never fails. `settings_error` says why the settings file is not used as it stands,
    /// `key_expiries` when API keys end, by `central` or branch code.
    pub async fn look(
        &self,
        store: &Store,
        config: &Config,
        now: Timestamp,
        settings_error: Option<&str>,
        key_expiries: &BTreeMap<String, Timestamp>,
    ) {
        if Arc::strong_count(&self.inner.looking) > 1 {
            tracing::warn!("The state cannot be looked at: the look before has not ended yet");
            return;
        }
        let looking = async {
            self.refresh_senders(store, &config.alerts).await;
            gather(store, config, now, settings_error, key_expiries, &self.inner.gaps).await
        };
        let Ok(snapshot) = tokio::time::timeout(LOOK, looking).await else {
            tracing::warn!("The state could not be looked at in time; alerts wait for the next look");
            return;
        };
        let holding = conditions(&snapshot, &Thresholds::from(&config.alerts), now);
        let ways = ways(&config.alerts);
        {
            let mut state = self.inner.state();
            let before = open_keys(&state.desk);
            state.desk.look(&holding, |key| is_unknown(key, &snapshot), &ways, now);
            log_changes(&before, &state.desk);
        }
        self.inner.save().await;
        for way in ways {
            self.tell(way, config, now);
        }
    }

    /// Waits for messages that are on their way, at most so long; what did not arrive is sent after the next start.
    pub async fn finish(&self, patience: Duration) {
        let mut tasks = std::mem::take(&mut *lock(&self.inner.tasks));
        let all = async { while tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(patience, all).await;
    }

    async fn refresh_senders(&self, store: &Store, alerts: &Alerts) {
        let (settings, looking) = (alerts.clone(), self.inner.looking.clone());
        let open = move |store: &Store| {
            let _looking = looking;
            Ok(Sender::all(&settings, store))
        };
        let Ok(opened) = store.run(open).await else { return };
        let mut state = self.inner.state();
        let moved = state.alerts.as_ref() != Some(alerts);
        if moved {
            state.senders.clear();
            state.alerts = Some(alerts.clone());
        }
        for (way, sender) in opened {
            let unreadable = matches!(sender, Err(Refusal::PasswordUnreadable { .. }));
            if unreadable && matches!(state.senders.get(&way), Some(Ok(_))) {
                continue;
            }
            state.senders.insert(way, sender);
        }
    }

    /// Starts to send what a way does not know, unless it is at it or waits after a failure.
    fn tell(&self, way: Way, config: &Config, now: Timestamp) {
        let mut state = self.inner.state();
        let (begun, over) = state.desk.news(way);
        let Some(sender) = state.senders.get(&way).cloned() else { return };
        let delivery = state.deliveries.entry(way).or_default();
        if (begun.is_empty() && over.is_empty()) || !delivery.is_due(now) {
            return;
        }
        delivery.under_way = true;
        let message = compose(config.central.endpoint.place(), &begun, &over, state.desk.open().count(), |branch| zone(config, branch));
        drop(state);
        let mut tasks = lock(&self.inner.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(self.inner.clone().deliver(way, sender, message, begun, over, now));
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    async fn deliver(
        self: Arc<Self>,
        way: Way,
        sender: Result<Sender, Refusal>,
        message: Message,
        begun: Vec<Episode>,
        over: Vec<Episode>,
        now: Timestamp,
    ) {
        let ended = match sender {
            Ok(sender) => sender.deliver(&message).await,
            Err(refusal) => Err(refusal),
        };
        self.note(way, ended, &begun, &over, now);
        self.save().await;
    }

    fn note(&self, way: Way, ended: Result<(), Refusal>, begun: &[Episode], over: &[Episode], now: Timestamp) {
        let mut state = self.state();
        let delivery = state.deliveries.entry(way).or_default();
        delivery.under_way = false;
        match ended {
            Ok(()) => {
                if std::mem::take(&mut delivery.failures) > 0 {
                    tracing::info!(way = way.as_str(), "Alerts arrive again");
                }
                delivery.next_at = None;
                state.desk.told(way, begun, over);
            }
            Err(refusal) => {
                if delivery.failures == 0 {
                    tracing::error!(
                        way = way.as_str(),
                        cause = refusal.cause(),
                        "No alert arrives: {} {}",
                        refusal.what(),
                        refusal.next_step()
                    );
                }
                delivery.next_at = now.checked_add(jiff::SignedDuration::try_from(pause(delivery.failures)).unwrap_or_default()).ok();
                delivery.failures = delivery.failures.saturating_add(1);
            }
        }
    }

    /// Writes the note if it changed. A disk that takes nothing is told once in the log; nothing is lost while this
    /// process lives.
    async fn save(&self) {
        let mut saved = self.saving.lock().await;
        let desk = self.state().desk.clone();
        if saved.as_ref() == Some(&desk) {
            return;
        }
        let (directory, note) = (self.directory.clone(), desk.clone());
        let written =
            tokio::task::spawn_blocking(move || note.save(&directory)).await.unwrap_or_else(|stopped| Err(std::io::Error::other(stopped)));
        let mut state = self.state();
        match written {
            Ok(()) => {
                *saved = Some(desk);
                state.unwritable = false;
            }
            Err(error) => {
                if !std::mem::replace(&mut state.unwritable, true) {
                    tracing::error!(cause = "state_unwritable", %error, "What was told cannot be noted; after a restart it is told again");
                }
            }
        }
    }
}

/// How long to wait after so many failures and one more.
fn pause(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << failures.min(10)).min(LONGEST_PAUSE)
}

fn zone(config: &Config, branch: Option<&str>) -> TimeZone {
    branch.and_then(|code| config.branch(code)).map_or(TimeZone::UTC, |branch| branch.timezone.clone())
}

fn open_keys(desk: &Desk) -> BTreeSet<String> {
    desk.open().map(|episode| episode.key.clone()).collect()
}

fn log_changes(before: &BTreeSet<String>, desk: &Desk) {
    let after = open_keys(desk);
    for episode in desk.open().filter(|episode| !before.contains(&episode.key)) {
        tracing::warn!(alert = episode.key, branch = episode.branch, "Needs somebody: {}", episode.text);
    }
    for key in before.difference(&after) {
        tracing::info!(alert = key, "Over");
    }
}

fn until(now: Timestamp, at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or_default()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
