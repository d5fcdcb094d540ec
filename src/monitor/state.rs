//! Whether the daemon is alive, and whether passes are happening. Time is an argument.

use std::collections::{HashMap, HashSet};
use std::fmt;

use jiff::Timestamp;

use super::{PassEnd, PassResult, Watched};
use crate::store::Direction;

/// The scheduling loop turns every few seconds; after a minute it hangs, however busy the machine is.
const LOOP_SILENT_S: u64 = 60;
/// Six times what a write waits for another process: an answer that takes longer is none.
const LEDGER_SILENT_S: u64 = 60;
/// Passes start within seconds of their time, and while any runs, nothing is overdue; two minutes are no hiccup.
const OVERDUE_S: u64 = 120;

/// What the daemon told last.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub turned: Timestamp,
    pub ledger_answered: Timestamp,
    pub settings_valid: bool,
    pub stopping: bool,
    /// Passes that began and are not over.
    pub running: u64,
    pub watched: Vec<Watched>,
    /// The end of the last pass that came to its end, by branch; of receiving.
    pub succeeded: HashMap<String, Timestamp>,
    planned: HashMap<(String, Direction), Timestamp>,
}

impl State {
    pub fn new(started: Timestamp) -> Self {
        Self {
            turned: started,
            ledger_answered: started,
            settings_valid: true,
            stopping: false,
            running: 0,
            watched: Vec::new(),
            succeeded: HashMap::new(),
            planned: HashMap::new(),
        }
    }

    /// Takes the branches of the settings; returns the codes of those that are gone.
    pub fn watch(&mut self, watched: &[Watched]) -> Vec<String> {
        let kept: HashSet<&str> = watched.iter().map(|branch| branch.code.as_str()).collect();
        let gone = self.watched.iter().map(|branch| branch.code.to_string()).filter(|code| !kept.contains(code.as_str()));
        let gone: Vec<String> = gone.collect();
        for branch in &gone {
            self.forget(branch);
        }
        for branch in watched.iter().filter(|branch| !branch.enabled) {
            self.planned.retain(|(planned, _), _| planned != branch.code.as_str());
        }
        self.watched = watched.to_vec();
        gone
    }

    pub fn forget(&mut self, branch: &str) {
        self.watched.retain(|watched| watched.code.as_str() != branch);
        self.succeeded.remove(branch);
        self.planned.retain(|(planned, _), _| planned != branch);
    }

    pub fn planned(&mut self, branch: &str, direction: Direction, due: Option<Timestamp>) {
        match due {
            Some(due) => self.planned.insert((branch.to_owned(), direction), due),
            None => self.planned.remove(&(branch.to_owned(), direction)),
        };
    }

    pub fn planned_at(&self, branch: &str, direction: Direction) -> Option<Timestamp> {
        self.planned.get(&(branch.to_owned(), direction)).copied()
    }

    pub fn pass_ended(&mut self, branch: &str, direction: Direction, ended: &PassEnd) {
        self.running = self.running.saturating_sub(1);
        if direction == Direction::Receive && ended.result == PassResult::Done {
            self.succeeded.insert(branch.to_owned(), ended.at);
        }
    }

    pub fn health(&self, now: Timestamp) -> Health {
        match apart(self.turned, now) {
            silent_s if silent_s > LOOP_SILENT_S => Health::Stuck { silent_s },
            _ => Health::Alive,
        }
    }

    pub fn ready(&self, now: Timestamp) -> Ready {
        let mut not = Vec::new();
        if self.stopping {
            not.push(NotReady::Stopping);
        }
        if let Health::Stuck { silent_s } = self.health(now) {
            not.push(NotReady::Stuck { silent_s });
        }
        let silent_s = apart(self.ledger_answered, now);
        if silent_s > LEDGER_SILENT_S {
            not.push(NotReady::LedgerSilent { silent_s });
        }
        // One that runs is a pass that happens, and the next of its branch waits for it.
        if self.running == 0
            && let Some(newest) = self.planned.values().max()
            && let Some(late_s) = after(*newest, now).filter(|late_s| *late_s > OVERDUE_S)
        {
            not.push(NotReady::AllOverdue { passes: self.planned.len(), late_s });
        }
        Ready { not }
    }
}

/// Whether the daemon is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// The scheduling loop turns.
    Alive,
    /// It does not.
    Stuck {
        /// Since so many seconds.
        silent_s: u64,
    },
}

impl Health {
    /// Whether it is.
    pub fn is_alive(self) -> bool {
        self == Health::Alive
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Health::Alive => f.write_str("posbridge is alive."),
            Health::Stuck { silent_s } => write!(f, "{}", NotReady::Stuck { silent_s: *silent_s }),
        }
    }
}

/// Whether passes are happening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// All that says no; empty = they are.
    pub not: Vec<NotReady>,
}

impl Ready {
    /// Whether nothing says no.
    pub fn is_ready(&self) -> bool {
        self.not.is_empty()
    }
}

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_ready() {
            return f.write_str("Passes are happening.");
        }
        let reasons: Vec<String> = self.not.iter().map(NotReady::to_string).collect();
        f.write_str(&reasons.join("\n"))
    }
}

/// Why no passes are happening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotReady {
    /// The daemon is about to end.
    Stopping,
    /// The scheduling loop does not turn.
    Stuck {
        /// Since so many seconds.
        silent_s: u64,
    },
    /// The ledger does not answer.
    LedgerSilent {
        /// Since so many seconds.
        silent_s: u64,
    },
    /// Every planned pass is overdue, and none is running.
    AllOverdue {
        /// How many.
        passes: usize,
        /// The one that was due last, by so many seconds.
        late_s: u64,
    },
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotReady::Stopping => {
                f.write_str("posbridge is stopping: no further pass begins. What waits goes on when it is started again.")
            }
            NotReady::Stuck { silent_s } => write!(
                f,
                "posbridge has not looked at its schedule for {silent_s} seconds, so it hangs. Restart it: systemctl restart posbridge. \
                 Nothing is lost; then look for the reason with journalctl -u posbridge."
            ),
            NotReady::LedgerSilent { silent_s } => write!(
                f,
                "The ledger has not answered for {silent_s} seconds. Look whether the disk of the state directory is full, read-only or \
                 slow; journalctl -u posbridge has the reason."
            ),
            NotReady::AllOverdue { passes, late_s } => write!(
                f,
                "No pass begins: every planned pass ({passes}) is overdue, by at least {late_s} seconds, and none is running. Restart \
                 posbridge: systemctl restart posbridge. Each branch then makes up for what it missed with one pass."
            ),
        }
    }
}

/// Seconds between two moments. A clock that was set back counts as one set forward: nothing was heard since the jump.
fn apart(told: Timestamp, now: Timestamp) -> u64 {
    now.duration_since(told).unsigned_abs().as_secs()
}

/// Seconds that `due` is past; `None` if it is still to come.
fn after(due: Timestamp, now: Timestamp) -> Option<u64> {
    u64::try_from(now.duration_since(due).as_secs()).ok()
}
