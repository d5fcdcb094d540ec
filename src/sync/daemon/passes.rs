//! Passes as the daemon starts them, and what it makes of their ends.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::task::{Id, JoinError};

use super::{Daemon, News};
use crate::config::Branch;
use crate::model::Kind;
use crate::monitor::{CallSide, PassEnd, PassResult};
use crate::problem::{Problem, Side};
use crate::store::{Direction, SendPass};
use crate::sync::central::Central;
use crate::sync::pass::{self, Report};
use crate::sync::timetable::{Ended, Lane, Start};
use crate::sync::{Bridge, Halt, Progress, Request, SendReport, SendRequest, send};

/// First pause before a central that does not answer is asked again; it doubles.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(15);

/// Longest pause: central is asked by one pass, whatever the number of branches, and what waits goes within two minutes.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(2);

/// A central that does not answer.
#[derive(Debug, Clone, Copy)]
pub struct CentralAway {
    since: Timestamp,
    tries: u32,
    /// One pass tries again then; until then passes read and keep.
    pub again_at: Timestamp,
}

/// A pass that is over.
pub struct PassOver {
    lane: Lane,
    took: Duration,
    /// Whether it was to write to central.
    asked_central: bool,
    done: Done,
}

enum Done {
    Received(Report),
    Sent(SendReport),
}

/// The client of central, and the sealed password that it was made with.
pub fn central(bridge: &Bridge) -> Result<(Arc<Central>, Option<String>), Halt> {
    let seal = bridge.store.secret(Side::CENTRAL, "password")?.map(|secret| secret.sealed);
    Ok((Arc::new(bridge.central()?), seal))
}

impl<T: Fn(News) + Send> Daemon<T> {
    pub(super) fn start_passes(&mut self, now: Timestamp) {
        for start in self.table.due(now) {
            let Some(branch) = self.bridge.config.branch(start.lane.0.as_str()).cloned() else { continue };
            let late = Duration::try_from(start.late).unwrap_or(Duration::ZERO);
            self.monitor.pass_started(start.lane.1, late);
            // Of a branch that is away everybody knows.
            if start.missed > 0 && self.table.away(&branch.code).is_none() {
                tracing::info!(
                    branch = %branch.code,
                    direction = start.lane.1.as_str(),
                    missed = start.missed,
                    late_s = late.as_secs(),
                    "Branch {}: starts were missed; this pass makes them good",
                    branch.code
                );
            }
            let with_central = start.lane.1 == Direction::Send || self.may_ask_central(now);
            // The one pass that asks a central which was away asks with all that waits, also what was put off.
            let request = Request { receive_only: !with_central, now: self.central_away.is_some(), ..Request::default() };
            let (bridge, central) = (self.bridge.clone(), Arc::new(self.central.anew()));
            let lane = start.lane.clone();
            let task = self.passes.spawn(async move {
                let began = Instant::now();
                let done = match start.lane.1 {
                    Direction::Receive => Done::Received(receive(bridge, central, branch, request).await),
                    Direction::Send => Done::Sent(sending(bridge, central, branch, start.kinds.clone()).await),
                };
                let Start { lane, .. } = start;
                PassOver { lane, took: began.elapsed(), asked_central: with_central, done }
            });
            self.tell_plan(&lane);
            self.lanes.insert(task.id(), lane);
        }
    }

    /// Whether a pass that starts now is to write to central. While central is away, one pass after each pause is.
    fn may_ask_central(&mut self, now: Timestamp) -> bool {
        match &mut self.central_away {
            None => true,
            Some(away) if away.again_at > now => false,
            Some(away) => {
                away.again_at = later(now, LONGEST_PAUSE);
                true
            }
        }
    }

    pub(super) fn pass_over(&mut self, ended: Result<(Id, PassOver), JoinError>) {
        let now = Timestamp::now();
        let over = match ended {
            Ok((task, over)) => {
                self.lanes.remove(&task);
                over
            }
            Err(stopped) => return self.pass_broke_off(&stopped, now),
        };
        let problem = over.problem().cloned();
        self.count(&over, problem.as_ref(), now);
        self.tell_pass(&over, problem.as_ref(), now);
        self.judge_central(&over, problem.as_ref(), now);
        let was_away = self.table.away(&over.lane.0).is_some();
        self.table.ended(&over.lane, ended_by(problem.as_ref()), now);
        if was_away && self.table.away(&over.lane.0).is_none() {
            self.chores.hurry(&self.bridge, Direction::Send, Some(over.lane.0.clone()));
        }
        self.tell_plan(&over.lane);
    }

    /// A mistake of ours ended a pass in the middle. Its branch is tried again like one that did not answer.
    fn pass_broke_off(&mut self, stopped: &JoinError, now: Timestamp) {
        let Some(lane) = self.lanes.remove(&stopped.id()) else { return };
        tracing::error!(
            branch = %lane.0,
            direction = lane.1.as_str(),
            error = %stopped,
            "A pass broke off; the ledger has what it did, and the rest is tried again. Ops: report this with posbridge support-bundle"
        );
        let end = PassEnd { result: PassResult::Failed, took: Duration::ZERO, at: now, received: 0, delivered: 0 };
        self.monitor.pass_ended(lane.0.as_str(), lane.1, &end);
        self.table.ended(&lane, Ended::Away, now);
    }

    fn count(&self, over: &PassOver, problem: Option<&Problem>, now: Timestamp) {
        let result = match (problem, ended_by(problem)) {
            (None, _) => PassResult::Done,
            (Some(_), Ended::Away) => PassResult::Unreachable,
            (Some(_), _) => PassResult::Failed,
        };
        let (received, delivered, times) = match &over.done {
            Done::Received(report) => (report.new, report.delivered, &report.call_times),
            Done::Sent(report) => (0, 0, &report.call_times),
        };
        let end = PassEnd { result, took: over.took, at: now, received, delivered };
        self.monitor.pass_ended(over.lane.0.as_str(), over.lane.1, &end);
        for took in times {
            self.monitor.call(CallSide::Branch, *took);
        }
        for took in self.central.call_times() {
            self.monitor.call(CallSide::Central, took);
        }
    }

    /// One line when something was done, one when something begins to be wrong, one when it is over.
    fn tell_pass(&mut self, over: &PassOver, problem: Option<&Problem>, now: Timestamp) {
        let (branch, direction) = (&over.lane.0, over.lane.1.as_str());
        let duration_ms = u64::try_from(over.took.as_millis()).unwrap_or(u64::MAX);
        over.tell_work(duration_ms);
        let of_central = problem.is_some_and(|problem| is_connection(problem).is_some_and(|side| *side == Side::Central));
        // A central that is away is told once, not by each branch.
        let told = problem.filter(|_| !of_central);
        let key = told.map(Problem::key);
        let before = self.said.get(&over.lane).cloned();
        match (told, &before) {
            (Some(problem), before) if *before != key => {
                tracing::warn!(%branch, direction, cause = problem.cause(), duration_ms, "{} {}", problem.what(), problem.next_step());
            }
            (None, Some(cause)) if problem.is_none() => {
                let away_s = self.table.away(branch).map_or(0, |away| now.duration_since(away.since).as_secs());
                tracing::info!(%branch, direction, was = %cause, away_s, duration_ms, "Branch {branch}: passes reach their end again");
            }
            _ => {}
        }
        match key {
            Some(key) => self.said.insert(over.lane.clone(), key),
            None if problem.is_none() => self.said.remove(&over.lane),
            None => None,
        };
    }

    /// Notices that central went away, and that it is back.
    fn judge_central(&mut self, over: &PassOver, problem: Option<&Problem>, now: Timestamp) {
        let away_now = problem.filter(|problem| is_connection(problem).is_some_and(|side| *side == Side::Central));
        match (away_now, self.central_away) {
            (Some(problem), known) => {
                if known.is_none() {
                    tracing::warn!(
                        cause = problem.cause(),
                        "{} Branches are received and kept meanwhile. {}",
                        problem.what(),
                        problem.next_step()
                    );
                }
                let tries = known.map_or(0, |away| away.tries) + 1;
                let pause = FIRST_PAUSE.checked_mul(1 << (tries - 1).min(8)).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE);
                let since = known.map_or(now, |away| away.since);
                self.central_away = Some(CentralAway { since, tries, again_at: later(now, pause) });
            }
            (None, Some(away)) if over.reached_central() => {
                tracing::info!(away_s = now.duration_since(away.since).as_secs(), "Central answers again; what waits is written");
                self.central_away = None;
                self.chores.hurry(&self.bridge, Direction::Receive, None);
            }
            _ => {}
        }
    }
}

impl PassOver {
    fn problem(&self) -> Option<&Problem> {
        match &self.done {
            Done::Received(report) => report.problem.as_ref(),
            Done::Sent(report) => report.problem.as_ref(),
        }
    }

    /// Whether central is known to have answered: it wrote, or was to be asked and nothing stood in the way.
    fn reached_central(&self) -> bool {
        match &self.done {
            Done::Received(report) => report.delivered > 0,
            Done::Sent(report) => self.asked_central && report.problem.is_none() && report.compared > 0,
        }
    }

    fn tell_work(&self, duration_ms: u64) {
        let branch = &self.lane.0;
        match &self.done {
            Done::Received(report) if report.new + report.delivered > 0 => tracing::info!(
                %branch,
                read = report.read,
                new = report.new,
                delivered = report.delivered,
                adjusted = report.adjusted,
                duration_ms,
                "Branch {branch}: received {} orders, wrote {} to central",
                report.new,
                report.delivered
            ),
            Done::Sent(report) if report.created + report.changed + report.archived > 0 => tracing::info!(
                %branch,
                created = report.created,
                changed = report.changed,
                archived = report.archived,
                duration_ms,
                "Branch {branch}: sent master data, {} created, {} changed, {} archived",
                report.created,
                report.changed,
                report.archived
            ),
            _ => tracing::debug!(%branch, direction = self.lane.1.as_str(), duration_ms, "A pass with nothing to do"),
        }
    }
}

async fn receive(bridge: Arc<Bridge>, central: Arc<Central>, branch: Branch, request: Request) -> Report {
    let report = pass::one_branch(bridge.clone(), central.clone(), branch, request, Arc::new(Progress::default())).await;
    remember(&bridge, &central);
    report
}

async fn sending(bridge: Arc<Bridge>, central: Arc<Central>, branch: Branch, kinds: BTreeSet<Kind>) -> SendReport {
    let started_at = Timestamp::now();
    let request = if kinds.is_empty() {
        SendRequest { patient: true, ..SendRequest::only_the_queue() }
    } else {
        let all = kinds.len() == branch.send.kinds.len();
        SendRequest { kinds: if all { BTreeSet::new() } else { kinds }, changed: true, patient: true, ..SendRequest::default() }
    };
    let of_schedule = request.by_hand.is_none();
    let code = branch.code.clone();
    let mut reports = send(&bridge, &central, &[branch], &request).await;
    let report = reports.pop().unwrap_or_default();
    if of_schedule {
        SendPass { started_at, error: report.problem.clone() }.save(bridge.store.directory(), &code);
    }
    remember(&bridge, &central);
    report
}

fn remember(bridge: &Bridge, central: &Central) {
    if let Err(error) = central.remember(bridge) {
        tracing::debug!(%error, "The user's id at central could not be kept; the next start logs in once more");
    }
}

/// What an end means for the next start.
fn ended_by(problem: Option<&Problem>) -> Ended {
    let Some(problem) = problem else { return Ended::Reached };
    let of_branch = |side: &Side| matches!(side, Side::Branch(_));
    match problem {
        Problem::PassRunning { .. } => Ended::Busy,
        Problem::PasswordMissing { side }
        | Problem::PasswordUnreadable { side, .. }
        | Problem::PasswordRefused { side, .. }
        | Problem::KeyExpired { side, .. }
        | Problem::KeyNeeded { side, .. }
        | Problem::KeyOfAnother { side, .. }
            if of_branch(side) =>
        {
            Ended::Refused
        }
        problem if is_connection(problem).is_some_and(of_branch) => Ended::Away,
        _ => Ended::Reached,
    }
}

/// The side that could not be reached, if that is what stood in the way.
fn is_connection(problem: &Problem) -> Option<&Side> {
    match problem {
        Problem::HostNotFound { side, .. }
        | Problem::ConnectionRefused { side, .. }
        | Problem::TimedOut { side, .. }
        | Problem::ConnectionLost { side, .. }
        | Problem::TlsExpired { side, .. }
        | Problem::TlsWrongName { side, .. }
        | Problem::TlsUnknownIssuer { side, .. }
        | Problem::TlsFailed { side, .. }
        | Problem::NotOdoo { side, .. }
        | Problem::DatabaseUnknown { side, .. }
        | Problem::ServerBusy { side, .. }
        | Problem::ReplyBroken { side, .. }
        | Problem::AnswerLost { side, .. } => Some(side),
        // A log-in that central refuses is refused to each branch's pass alike.
        Problem::PasswordMissing { side }
        | Problem::PasswordUnreadable { side, .. }
        | Problem::PasswordRefused { side, .. }
        | Problem::KeyExpired { side, .. }
        | Problem::KeyNeeded { side, .. }
        | Problem::KeyOfAnother { side, .. }
            if *side == Side::Central =>
        {
            Some(side)
        }
        _ => None,
    }
}

fn later(now: Timestamp, pause: SignedDuration) -> Timestamp {
    now.checked_add(pause).unwrap_or(Timestamp::MAX)
}
