//! What the daemon counts while it runs, for those who watch it: numbers for Prometheus, and whether it is alive.
//!
//! Counts live in memory and begin at zero with the daemon, as counters do; what must survive a restart is read from the
//! ledger at scrape time ([`View`]). Nothing here calls anything: the daemon tells, the web server asks.
//! Deliberately absent: any label that is not a branch code or one of a few words, so that the number of series is
//! bounded by the settings (at most [`crate::config::BRANCHES_MAX`] branches).

mod counts;
mod state;
mod view;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

pub use state::{Health, NotReady, Ready};
pub use view::{BranchView, View, Watched};

use crate::store::Direction;
use counts::Counts;
use state::State;

/// How a pass ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassEnd {
    /// Whether it came to its end.
    pub result: PassResult,
    /// From its start on.
    pub took: Duration,
    /// When it ended.
    pub at: Timestamp,
    /// Orders never seen before; of a pass that sends, nothing.
    pub received: u64,
    /// Orders written to central and proved; of a pass that sends, records written to the branch.
    pub delivered: u64,
}

/// Whether a pass came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassResult {
    /// It did, whatever single orders came to.
    Done,
    /// The branch did not answer: normal for a branch that is offline.
    Unreachable,
    /// Something else stopped it.
    Failed,
}

impl PassResult {
    /// All of them.
    pub const ALL: [PassResult; 3] = [PassResult::Done, PassResult::Unreachable, PassResult::Failed];

    /// As it stands in the label `result`.
    pub fn as_str(self) -> &'static str {
        match self {
            PassResult::Done => "done",
            PassResult::Unreachable => "unreachable",
            PassResult::Failed => "failed",
        }
    }
}

/// Which Odoo a call went to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallSide {
    /// The central one.
    Central,
    /// That of a branch.
    Branch,
}

impl CallSide {
    /// Both of them.
    pub const ALL: [CallSide; 2] = [CallSide::Central, CallSide::Branch];

    /// As it stands in the label `side`.
    pub fn as_str(self) -> &'static str {
        match self {
            CallSide::Central => "central",
            CallSide::Branch => "branch",
        }
    }
}

/// What is counted while the daemon runs. Shared as an `Arc`; every call takes microseconds and never waits for a disk
/// or a network.
#[derive(Debug)]
pub struct Monitor {
    started: Timestamp,
    counts: Counts,
    state: Mutex<State>,
}

impl Monitor {
    /// Begins to count. The settings count as valid: without valid ones no daemon starts.
    pub fn new(started: Timestamp) -> Self {
        Self { started, counts: Counts::new(), state: Mutex::new(State::new(started)) }
    }

    /// The branches of the settings, at the start and after each reload. New ones are counted from zero; what was
    /// counted of branches that are gone is forgotten.
    pub fn branches(&self, watched: &[Watched]) {
        let gone = self.state().watch(watched);
        for branch in &gone {
            self.counts.forget(branch);
        }
        for branch in watched {
            self.counts.expect(branch.code.as_str());
        }
    }

    /// A branch left the settings.
    pub fn forget_branch(&self, branch: &str) {
        self.state().forget(branch);
        self.counts.forget(branch);
    }

    /// When a branch's next pass in this direction is due; `None` = not planned. Told each time it changes: passes that
    /// are due and do not start are what [`Monitor::ready`] looks for.
    pub fn planned(&self, branch: &str, direction: Direction, due: Option<Timestamp>) {
        self.state().planned(branch, direction, due);
    }

    /// When a branch's next pass in a direction is due; `None` = not planned.
    pub fn planned_at(&self, branch: &str, direction: Direction) -> Option<Timestamp> {
        self.state().planned_at(branch, direction)
    }

    /// A pass began, so much later than it was due.
    pub fn pass_started(&self, direction: Direction, late: Duration) {
        self.state().running += 1;
        self.counts.pass_started(direction, late);
    }

    /// A pass that was told as started is over.
    pub fn pass_ended(&self, branch: &str, direction: Direction, ended: &PassEnd) {
        self.state().pass_ended(branch, direction, ended);
        self.counts.pass_ended(branch, direction, ended);
    }

    /// A call of an Odoo was answered, refused or given up after this time.
    pub fn call(&self, side: CallSide, took: Duration) {
        self.counts.call(side, took);
    }

    /// The settings were read again: applied, or refused and the old ones kept.
    pub fn settings(&self, valid: bool) {
        self.state().settings_valid = valid;
        self.counts.reloaded(valid);
    }

    /// The scheduling loop turned; it does so at least every few seconds, whether passes are due or not.
    pub fn turned(&self, now: Timestamp) {
        self.state().turned = now;
    }

    /// The ledger answered; it is asked at least every few seconds.
    pub fn ledger_answered(&self, now: Timestamp) {
        self.state().ledger_answered = now;
    }

    /// No further pass begins: the daemon is about to end.
    pub fn stopping(&self) {
        self.state().stopping = true;
    }

    /// Whether the daemon is alive.
    pub fn health(&self, now: Timestamp) -> Health {
        self.state().health(now)
    }

    /// Whether passes are happening.
    pub fn ready(&self, now: Timestamp) -> Ready {
        self.state().ready(now)
    }

    /// The branches as last told by [`Monitor::branches`].
    pub fn watched(&self) -> Vec<Watched> {
        self.state().watched.clone()
    }

    /// All numbers in the text format of OpenMetrics 1.0.
    pub fn render(&self, view: &View, now: Timestamp) -> String {
        let state = self.state().clone();
        self.counts.render(&state, view, self.started, now)
    }

    /// All numbers in the text format of Prometheus 0.0.4, for those who do not read the other.
    pub fn render_prometheus(&self, view: &View, now: Timestamp) -> String {
        counts::prometheus_text(&self.render(view, now))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Plain values: whatever a panic left half told is the next call's to tell.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
