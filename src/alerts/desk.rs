//! What is open, and what each way was told of it. Pure; the note on the disk is [`Desk::load`] and [`Desk::save`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Way;
use super::condition::Condition;

/// How long a condition has to hold before it is told: five looks, and longer than the passes that catch up after the
/// machine was asleep.
pub const BEGINS_AFTER: Duration = Duration::from_secs(5 * 60);
/// How long it has to stay away before it is over: what comes and goes within this is one thing.
pub const ENDS_AFTER: Duration = Duration::from_secs(10 * 60);
/// Looks that have to see it, however much time the clock says has passed: a clock may jump.
const LOOKS: u32 = 3;
/// Most entries that are over and not told yet; the oldest go. A mail server that is dead for months must not fill the disk.
const OVER_MAX: usize = 500;
/// Most entries that are open: a thousand branches with a handful each.
const OPEN_MAX: usize = 10_000;

/// The note's name in the state directory.
const FILE: &str = "alerts.json";

/// What a way knows of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// That it has begun.
    Begun,
    /// That it is over.
    Over,
}

/// One time that a condition held, from its first look to its last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    /// See [`Condition::key`].
    pub key: String,
    /// The branch's code; `None` = central or this machine.
    pub branch: Option<String>,
    /// Who it is about, in words.
    pub about: String,
    /// What is wrong, as last seen.
    pub text: String,
    /// Who does what next.
    pub next_step: String,
    /// Since when it holds, as far as is known.
    pub since: Timestamp,
    /// When it was first seen.
    seen_at: Timestamp,
    /// It has held long enough to be told.
    pub begun: bool,
    /// When it was first seen to be away, and has been since.
    pub gone_since: Option<Timestamp>,
    /// It has stayed away long enough.
    pub over: bool,
    /// Looks in a row that agree: seen while it is there, missed while it is not.
    looks: u32,
    /// How long it has to stay away, in seconds.
    rest_s: u64,
    /// What each way knows.
    pub told: BTreeMap<Way, Told>,
}

impl Episode {
    fn new(condition: &Condition, now: Timestamp) -> Self {
        Self {
            key: condition.key.clone(),
            branch: condition.branch.clone(),
            about: condition.about.clone(),
            text: condition.text.clone(),
            next_step: condition.next_step.clone(),
            since: condition.since.unwrap_or(now).min(now),
            seen_at: now,
            begun: false,
            gone_since: None,
            over: false,
            looks: 0,
            rest_s: condition.rest.as_secs(),
            told: BTreeMap::new(),
        }
    }

    fn seen(&mut self, condition: &Condition, now: Timestamp) {
        self.looks = if self.gone_since.take().is_some() { 1 } else { self.looks.saturating_add(1) };
        self.text.clone_from(&condition.text);
        self.about.clone_from(&condition.about);
        self.next_step.clone_from(&condition.next_step);
        self.rest_s = condition.rest.as_secs();
        // A clock that was set back would otherwise hold this up for as long.
        self.seen_at = self.seen_at.min(now);
        self.begun |= self.looks >= LOOKS && passed(self.seen_at, now) >= BEGINS_AFTER.max(condition.hold);
        // What has begun needs no more counting, and the note on the disk need not change.
        self.looks = self.looks.min(LOOKS);
    }

    fn missed(&mut self, now: Timestamp) {
        self.looks = if self.gone_since.is_none() { 1 } else { self.looks.saturating_add(1).min(LOOKS) };
        let gone = self.gone_since.unwrap_or(now).min(now);
        self.gone_since = Some(gone);
        let rest = ENDS_AFTER.max(Duration::from_secs(self.rest_s));
        self.over |= self.looks >= LOOKS && passed(gone, now) >= rest;
    }

    /// How long it held; of what is still open, until now.
    pub fn lasted(&self, now: Timestamp) -> Duration {
        passed(self.since, self.gone_since.filter(|_| self.over).unwrap_or(now))
    }

    /// What a way does not know yet.
    fn news(&self, way: Way) -> Option<Told> {
        match (self.over, self.told.get(&way)) {
            (true, Some(Told::Over)) | (false, Some(Told::Begun)) => None,
            (true, _) => Some(Told::Over),
            (false, _) => self.begun.then_some(Told::Begun),
        }
    }
}

/// All that is open, and what is over but not everywhere known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desk {
    /// Oldest first; of one look, in the order of the conditions.
    episodes: Vec<Episode>,
}

impl Desk {
    /// Compares what holds now with what is open. `unknown` says of which keys nothing is known now: they stay as
    /// they are. `ways` are those that are to be told.
    pub fn look(&mut self, holding: &[Condition], unknown: impl Fn(&str) -> bool, ways: &BTreeSet<Way>, now: Timestamp) {
        let by_key: BTreeMap<&str, &Condition> = holding.iter().map(|condition| (condition.key.as_str(), condition)).collect();
        let mut known = BTreeSet::new();
        for episode in self.episodes.iter_mut().filter(|episode| !episode.over) {
            match by_key.get(episode.key.as_str()) {
                Some(condition) => {
                    episode.seen(condition, now);
                    known.insert(condition.key.as_str());
                }
                None if unknown(&episode.key) => {}
                None => episode.missed(now),
            }
        }
        let room = OPEN_MAX.saturating_sub(self.episodes.len());
        let new = holding.iter().filter(|condition| !known.contains(condition.key.as_str()));
        self.episodes.extend(new.take(room).map(|condition| {
            let mut episode = Episode::new(condition, now);
            episode.seen(condition, now);
            episode
        }));
        self.tidy(ways);
    }

    /// Drops what nobody needs to hear of any more.
    fn tidy(&mut self, ways: &BTreeSet<Way>) {
        // What went away before it began was nothing.
        self.episodes.retain(|episode| episode.begun || episode.gone_since.is_none());
        self.episodes.retain(|episode| !episode.over || ways.iter().any(|way| episode.news(*way).is_some()));
        let over = self.episodes.iter().filter(|episode| episode.over).count();
        let mut surplus = over.saturating_sub(OVER_MAX);
        self.episodes.retain(|episode| {
            let drop = episode.over && surplus > 0;
            surplus -= usize::from(drop);
            !drop
        });
    }

    /// What has begun and is not over, oldest first.
    pub fn open(&self) -> impl Iterator<Item = &Episode> {
        self.episodes.iter().filter(|episode| episode.begun && !episode.over)
    }

    /// What a way does not know yet: what has begun, and what is over.
    pub fn news(&self, way: Way) -> (Vec<Episode>, Vec<Episode>) {
        let of = |told| self.episodes.iter().filter(move |episode| episode.news(way) == Some(told)).cloned().collect();
        (of(Told::Begun), of(Told::Over))
    }

    /// Notes that a way was told of these; what changed while the message was on its way is news again.
    pub fn told(&mut self, way: Way, begun: &[Episode], over: &[Episode]) {
        let same = |one: &Episode, other: &Episode| one.key == other.key && one.seen_at == other.seen_at;
        for episode in &mut self.episodes {
            if over.iter().any(|told| same(told, episode)) {
                episode.told.insert(way, Told::Over);
            } else if begun.iter().any(|told| same(told, episode)) {
                episode.told.insert(way, Told::Begun);
            }
        }
    }

    /// The note in a state directory; an empty desk if there is none or it cannot be read.
    pub fn load(directory: &Path) -> Self {
        let text = std::fs::read(directory.join(FILE)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Leaves the note, readable by its owner only.
    ///
    /// # Errors
    /// The directory cannot be written. Nothing is lost while the process lives.
    pub fn save(&self, directory: &Path) -> std::io::Result<()> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let text = serde_json::to_vec(self)?;
        let part = directory.join(format!("{FILE}.part"));
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        file.write_all(&text)?;
        file.sync_all()?;
        crate::planted::step();
        std::fs::rename(&part, directory.join(FILE))?;
        crate::planted::step();
        Ok(())
    }
}

/// From one moment to another; nothing if the clock was set back between them.
fn passed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}
