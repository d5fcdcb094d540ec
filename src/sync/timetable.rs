//! Which pass starts when: the schedules of all branches, in one table that sees neither clock nor network.
//!
//! A lane is one branch in one direction. It never runs twice at a time; what was missed while it ran, slept or was
//! away is made good by one pass. A branch that does not answer is asked again after growing pauses, by one lane at a
//! time, whatever its schedule says; a log-in that was refused is not tried again for [`REFUSED_PAUSE`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::config::{Branch, Config, Schedule};
use crate::model::{BranchCode, Kind};
use crate::schedule::Plan;
use crate::store::Direction;

/// First pause before a branch that does not answer is asked again; it doubles.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(30);

/// Longest pause: a shop that is back is received within five minutes, and one that is closed for days costs 12 connections
/// an hour.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(5);

/// Pause after a refused log-in: Odoo shuts a log-in out for a minute after five refusals, and only a person can help.
/// New settings or a new password end it at once.
const REFUSED_PAUSE: SignedDuration = SignedDuration::from_mins(10);

/// From this on a start counts as late: the machine slept, the daemon was down, or the clock jumped.
const LATE: SignedDuration = SignedDuration::from_secs(10);

/// Late starts let go at one look, and the pause before the next look: after a night of sleep a thousand branches are not
/// asked in one second.
const LATE_AT_ONCE: usize = 25;
const LATE_PAUSE: SignedDuration = SignedDuration::from_millis(500);

/// A clock that was set back by more than this makes all plans anew: else a year set back would be a year's silence.
const SET_BACK: SignedDuration = SignedDuration::from_secs(60);

/// A branch in one direction.
pub type Lane = (BranchCode, Direction);

/// A pass to start now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Whose.
    pub lane: Lane,
    /// Kinds of master data that are due by their schedules; empty for receiving, and if only the queue is to go.
    pub kinds: BTreeSet<Kind>,
    /// How much later than planned.
    pub late: SignedDuration,
    /// Starts that this one stands for besides its own.
    pub missed: u64,
}

/// How a pass ended, as far as the next start depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The branch was reached.
    Reached,
    /// The branch did not answer.
    Away,
    /// The branch refused the log-in, or there is no password.
    Refused,
    /// Another process was at work on this lane.
    Busy,
}

/// A branch that did not answer at its last pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Away {
    branch: BranchCode,
    /// Since when.
    pub since: Timestamp,
    /// Passes that found it so.
    pub passes: u32,
    /// When it is asked again.
    again_at: Timestamp,
}

/// One schedule in a lane.
#[derive(Debug, Clone)]
struct Line {
    /// What the plan was made from: as long as it is the same, the plan goes on.
    made_from: (Schedule, TimeZone, Duration),
    kinds: BTreeSet<Kind>,
    plan: Plan,
    due: Option<Timestamp>,
}

#[derive(Debug, Clone, Default)]
struct LaneState {
    lines: Vec<Line>,
    /// Kinds of the pass that runs; `None` = none runs.
    running: Option<BTreeSet<Kind>>,
    /// A pass is owed since then, outside of the schedule: it could not run, or somebody left work for it.
    owed: Option<Timestamp>,
    /// Kinds that are owed.
    owed_kinds: BTreeSet<Kind>,
    /// Another process is at work on it: not before then.
    not_before: Option<Timestamp>,
    /// No longer in the settings; it is here because it still runs.
    gone: bool,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Timetable {
    started: Timestamp,
    seen: Timestamp,
    lanes: BTreeMap<Lane, LaneState>,
    away: BTreeMap<BranchCode, Away>,
    more_late: bool,
}

impl Timetable {
    /// The table of a daemon that starts at `now`; `last` tells when a lane last began a pass.
    pub fn new(config: &Config, now: Timestamp, last: impl Fn(&Lane) -> Option<Timestamp>) -> Self {
        let mut table = Self { started: now, seen: now, lanes: BTreeMap::new(), away: BTreeMap::new(), more_late: false };
        table.lanes = table.lanes_of(config, |plan, lane| plan.first(last(lane), now));
        table
    }

    /// New settings: what is unchanged goes on as it was, also what runs; what is gone or not enabled starts no more.
    pub fn reload(&mut self, config: &Config, now: Timestamp, last: impl Fn(&Lane) -> Option<Timestamp>) {
        let mut lanes = self.lanes_of(config, |plan, lane| plan.first(last(lane), now));
        for (lane, state) in &mut lanes {
            let Some(old) = self.lanes.get(lane) else { continue };
            for line in &mut state.lines {
                if let Some(same) = old.lines.iter().find(|old| old.made_from == line.made_from) {
                    line.due = same.due;
                }
            }
            let lines = std::mem::take(&mut state.lines);
            *state = LaneState { lines, gone: false, ..old.clone() };
        }
        // What still runs of a lane that is gone has to end before it may come back.
        for (lane, old) in &self.lanes {
            if old.running.is_some() && !lanes.contains_key(lane) {
                lanes.insert(lane.clone(), LaneState { running: old.running.clone(), gone: true, ..LaneState::default() });
            }
        }
        self.away.retain(|branch, _| lanes.keys().any(|(of, _)| of == branch));
        self.lanes = lanes;
    }

    fn lanes_of(&self, config: &Config, first: impl Fn(&Plan, &Lane) -> Option<Timestamp>) -> BTreeMap<Lane, LaneState> {
        let mut lanes = BTreeMap::new();
        for branch in config.branches.iter().filter(|branch| branch.enabled) {
            for (direction, lines) in [(Direction::Receive, receive_lines(branch)), (Direction::Send, send_lines(branch))] {
                let lane = (branch.code.clone(), direction);
                let lines = lines.into_iter().map(|(schedule, kinds)| {
                    let plan = Plan::new(&schedule, branch, self.started);
                    let due = first(&plan, &lane);
                    Line { made_from: (schedule, branch.timezone.clone(), branch.jitter), kinds, plan, due }
                });
                let lines: Vec<Line> = lines.collect();
                // What was queued by hand goes also to a branch that is sent nothing by its settings.
                lanes.insert(lane, LaneState { lines, ..LaneState::default() });
            }
        }
        lanes
    }

    /// The passes that start now. Each of them runs from now on, until [`Timetable::ended`].
    pub fn due(&mut self, now: Timestamp) -> Vec<Start> {
        if now.duration_since(self.seen) < -SET_BACK {
            self.set_back(now);
        }
        self.seen = now;
        self.more_late = false;
        let mut asking = self.asking();
        let mut starts = Vec::new();
        let mut late_starts = 0;
        for (lane, state) in &mut self.lanes {
            let away = self.away.get(&lane.0);
            let Some(due) = state.startable(away, &asking).filter(|due| *due <= now) else { continue };
            let late = now.duration_since(due);
            if late > LATE {
                if late_starts == LATE_AT_ONCE {
                    self.more_late = true;
                    continue;
                }
                late_starts += 1;
            }
            if away.is_some() {
                asking.insert(lane.0.clone());
            }
            starts.push(state.start(lane, now, late));
        }
        starts
    }

    /// Branches with a pass that runs. While one is away, one lane asks for both.
    fn asking(&self) -> BTreeSet<BranchCode> {
        self.lanes.iter().filter(|(_, state)| state.running.is_some()).map(|(lane, _)| lane.0.clone()).collect()
    }

    /// A pass has ended.
    pub fn ended(&mut self, lane: &Lane, ended: Ended, now: Timestamp) {
        let Some(state) = self.lanes.get_mut(lane) else { return };
        let ran = state.running.take().unwrap_or_default();
        for line in &mut state.lines {
            // What fell due while a pass of the same kinds ran is made good by that pass; what falls due now is not.
            if line.kinds.is_subset(&ran) && line.due.is_some_and(|due| due < now) {
                line.due = line.plan.next(now.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(now));
            }
        }
        if state.gone {
            self.lanes.remove(lane);
            return;
        }
        if ended == Ended::Reached {
            self.away.remove(&lane.0);
            return;
        }
        state.owed = Some(now);
        state.owed_kinds.extend(ran);
        let later = |pause: SignedDuration| now.checked_add(pause).unwrap_or(Timestamp::MAX);
        if ended == Ended::Busy {
            state.not_before = Some(later(FIRST_PAUSE));
            return;
        }
        let known = self.away.get(&lane.0);
        let passes = known.map_or(0, |away| away.passes) + 1;
        let doubled = FIRST_PAUSE.checked_mul(1 << (passes - 1).min(8)).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE);
        let again_at = later(if ended == Ended::Refused { REFUSED_PAUSE } else { doubled });
        self.away.insert(lane.0.clone(), Away { branch: lane.0.clone(), since: known.map_or(now, |away| away.since), passes, again_at });
    }

    /// Somebody left work for a lane: it starts as soon as it can.
    pub fn owe(&mut self, lane: &Lane, now: Timestamp) {
        if let Some(state) = self.lanes.get_mut(lane) {
            state.owed.get_or_insert(now);
        }
    }

    /// A person has changed something that a branch was waiting for: it is asked again at once.
    pub fn ask_again(&mut self, branch: &BranchCode, now: Timestamp) {
        if let Some(away) = self.away.get_mut(branch) {
            away.again_at = now;
        }
    }

    /// Since when a branch is away.
    pub fn away(&self, branch: &BranchCode) -> Option<&Away> {
        self.away.get(branch)
    }

    /// When to look again at the latest; `None` = only when something happens.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        if self.more_late {
            return now.checked_add(LATE_PAUSE).ok();
        }
        let asking = self.asking();
        self.lanes.iter().filter_map(|(lane, state)| state.startable(self.away.get(&lane.0), &asking)).min()
    }

    /// The next planned start of a lane, for people.
    pub fn next_of(&self, lane: &Lane) -> Option<Timestamp> {
        self.lanes.get(lane)?.due(self.away.get(&lane.0))
    }

    /// Passes that run.
    pub fn running(&self) -> usize {
        self.lanes.values().filter(|state| state.running.is_some()).count()
    }

    /// The clock was set back: everything planned lies too far ahead.
    fn set_back(&mut self, now: Timestamp) {
        for line in self.lanes.values_mut().flat_map(|state| &mut state.lines) {
            line.due = line.plan.next(now);
        }
        for state in self.lanes.values_mut() {
            (state.owed, state.not_before) = (state.owed.map(|_| now), None);
        }
        for away in self.away.values_mut() {
            away.again_at = now;
            away.since = away.since.min(now);
        }
    }
}

impl LaneState {
    /// When a pass is to start, whether or not one runs.
    fn due(&self, away: Option<&Away>) -> Option<Timestamp> {
        let due = self.lines.iter().filter_map(|line| line.due).chain(self.owed).min()?;
        Some(due.max(self.not_before.unwrap_or(due)).max(away.map_or(due, |away| away.again_at)))
    }

    /// When a pass may start as things stand; `None` = not before another one has ended, or not at all.
    fn startable(&self, away: Option<&Away>, asking: &BTreeSet<BranchCode>) -> Option<Timestamp> {
        let held_up = self.running.is_some() || away.is_some_and(|away| asking.contains(&away.branch));
        if held_up { None } else { self.due(away) }
    }

    fn start(&mut self, lane: &Lane, now: Timestamp, late: SignedDuration) -> Start {
        let mut kinds = std::mem::take(&mut self.owed_kinds);
        let mut missed = 0;
        (self.owed, self.not_before) = (None, None);
        for line in &mut self.lines {
            let Some(due) = line.due.filter(|due| *due <= now) else { continue };
            kinds.extend(&line.kinds);
            missed += line.passed_by(due, now);
            line.due = line.plan.next(now);
        }
        self.running = Some(kinds.clone());
        Start { lane: lane.clone(), kinds, late, missed }
    }
}

impl Line {
    /// Planned starts after the one that is due, up to now.
    fn passed_by(&self, due: Timestamp, now: Timestamp) -> u64 {
        /// Counted no further: it is a number for the log.
        const MOST: u64 = 1_000;
        let mut at = due;
        for count in 0..MOST {
            match self.plan.next(at) {
                Some(next) if next <= now => at = next,
                _ => return count,
            }
        }
        MOST
    }
}

fn receive_lines(branch: &Branch) -> Vec<(Schedule, BTreeSet<Kind>)> {
    vec![(branch.schedule.clone(), BTreeSet::new())]
}

/// The kinds that a branch gets, by when they are sent.
fn send_lines(branch: &Branch) -> Vec<(Schedule, BTreeSet<Kind>)> {
    let mut lines: Vec<(Schedule, BTreeSet<Kind>)> = Vec::new();
    let common = branch.send.schedule.as_ref().unwrap_or(&branch.schedule);
    for (kind, selection) in &branch.send.kinds {
        let schedule = selection.schedule.as_ref().unwrap_or(common);
        match lines.iter_mut().find(|(known, _)| known == schedule) {
            Some((_, kinds)) => {
                kinds.insert(*kind);
            }
            None => lines.push((schedule.clone(), BTreeSet::from([*kind]))),
        }
    }
    lines
}

#[cfg(test)]
mod tests;
