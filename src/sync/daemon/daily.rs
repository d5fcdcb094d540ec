//! Once a day, each branch against central: when, and what is said about it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::config::{Branch, Schedule};
use crate::model::BranchCode;
use crate::problem::{Problem, Side};
use crate::reconcile::{Verdict, summary};
use crate::schedule::Plan;
use crate::store::{DailyPass, LastPass};
use crate::sync::{BranchProof, Bridge, days_to_prove, prove_days};

/// After a comparison that could not be made, the next one comes no sooner: each asks both sides.
const PAUSE: SignedDuration = SignedDuration::from_mins(15);

/// Branches that are compared at one look; the others at the next, a minute later.
const AT_ONCE: usize = 50;

/// When each branch is compared next.
pub struct Daily {
    started: Timestamp,
    next: Mutex<BTreeMap<BranchCode, Next>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Next {
    /// What it was made from.
    at: jiff::civil::Time,
    due: Option<Timestamp>,
    /// The last one could not be made, since then, for this reason.
    failed: Option<(Timestamp, Problem)>,
}

impl Daily {
    /// Of a daemon that starts.
    pub fn new(started: Timestamp) -> Self {
        Self { started, next: Mutex::default() }
    }

    /// Compares the branches whose time has come.
    pub async fn look(&self, bridge: &Arc<Bridge>, now: Timestamp) {
        let due = self.due(bridge, now);
        if due.is_empty() {
            return;
        }
        let central = match bridge.central() {
            Ok(central) => Arc::new(central),
            // The passes tell why; it is looked at again in a minute.
            Err(_) => return,
        };
        let mut work = Vec::new();
        for branch in due {
            match days_to_prove(bridge, &branch, now).await {
                Ok(days) if days.is_empty() => self.done(bridge, &branch, now, None),
                Ok(days) => work.push((branch, days)),
                Err(halt) => tracing::debug!(branch = %branch.code, error = %halt, "The ledger does not answer"),
            }
        }
        let branches: Vec<Branch> = work.iter().map(|(branch, _)| branch.clone()).collect();
        let proofs = prove_days(bridge, &central, work).await;
        for proof in &proofs {
            let Some(branch) = branches.iter().find(|branch| branch.code.as_str() == proof.branch) else { continue };
            self.tell(branch, proof, now);
            self.done(bridge, branch, now, proof.problem.clone());
        }
        if let Err(error) = central.remember(bridge) {
            tracing::debug!(%error, "The user's id at central could not be kept");
        }
    }

    fn due(&self, bridge: &Bridge, now: Timestamp) -> Vec<Branch> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        next.retain(|code, _| bridge.config.branch(code.as_str()).is_some());
        let directory = bridge.store.directory();
        let mut due = Vec::new();
        for branch in bridge.config.branches.iter().filter(|branch| branch.enabled) {
            let Some(at) = branch.reconcile else {
                next.remove(&branch.code);
                continue;
            };
            if next.get(&branch.code).is_none_or(|known| known.at != at) {
                let last = DailyPass::load(directory, &branch.code);
                let failed = last.as_ref().and_then(|last| Some((last.started_at, last.error.clone()?)));
                let first = plan(branch, at, self.started).first(last.map(|last| last.started_at), now);
                next.insert(branch.code.clone(), Next { at, due: first, failed });
            }
            let Some(known) = next.get(&branch.code) else { continue };
            let again = || known.failed.as_ref().is_some_and(|(since, problem)| answers_again(branch, directory, *since, problem, now));
            if (known.due.is_some_and(|due| due <= now) || again()) && due.len() < AT_ONCE {
                due.push(branch.clone());
            }
        }
        due
    }

    fn done(&self, bridge: &Bridge, branch: &Branch, now: Timestamp, error: Option<Problem>) {
        let Some(at) = branch.reconcile else { return };
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = error.clone().map(|problem| (now, problem));
        next.insert(branch.code.clone(), Next { at, due: plan(branch, at, self.started).next(now), failed });
        DailyPass { started_at: now, error }.save(bridge.store.directory(), &branch.code);
    }

    /// One line for each day that is not as it should be, one when all are.
    fn tell(&self, branch: &Branch, proof: &BranchProof, now: Timestamp) {
        let calls = proof.calls;
        let again = {
            let next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let before = next.get(&branch.code).and_then(|known| known.failed.as_ref()).map(|(_, problem)| problem.key());
            before.is_some() && before == proof.problem.as_ref().map(Problem::key)
        };
        for day in &proof.days {
            let text = summary(branch.code.as_str(), day, day.day);
            match day.verdict {
                Verdict::Equal | Verdict::Explained => tracing::info!(branch = %branch.code, day = %day.day, calls, "{text}"),
                // Said when it began.
                Verdict::Unproved if again => tracing::debug!(branch = %branch.code, day = %day.day, "{text}"),
                Verdict::Unproved | Verdict::NotOver => tracing::info!(branch = %branch.code, day = %day.day, calls, "{text}"),
                Verdict::Differs => {
                    tracing::warn!(branch = %branch.code, day = %day.day, calls, "{text} See posbridge reconcile {} --day {}", branch.code, day.day);
                }
            }
        }
        for session in proof.sessions.iter().filter(|session| !session.gaps.is_empty() || !session.findings.is_empty()) {
            let things = session.gaps.len() + session.findings.len();
            tracing::warn!(branch = %branch.code, session = %session.name, things, "Branch {}: something does not fit in a session: posbridge reconcile {}", branch.code, branch.code);
        }
        tracing::debug!(branch = %branch.code, at = %now, "Compared with central");
    }
}

fn plan(branch: &Branch, at: jiff::civil::Time, started: Timestamp) -> Plan {
    let cron = format!("{} {} * * *", at.minute(), at.hour());
    Plan::new(&Schedule::Cron { cron }, branch, started)
}

/// Whether a comparison that could not be made may be tried again: after a pause, and if it was the branch that did not
/// answer, when it has answered since.
fn answers_again(branch: &Branch, directory: &std::path::Path, since: Timestamp, problem: &Problem, now: Timestamp) -> bool {
    if now.duration_since(since).abs() < PAUSE {
        return false;
    }
    let of_central = serde_json::to_value(problem).ok().is_some_and(|value| value.get("side").is_some_and(|side| side == Side::CENTRAL));
    of_central || matches!(problem, Problem::PassRunning { .. }) || answered_since(branch, directory, since)
}

fn answered_since(branch: &Branch, directory: &std::path::Path, since: Timestamp) -> bool {
    LastPass::load(directory, &branch.code).and_then(|last| last.answered_at).is_some_and(|answered| answered > since)
}

impl std::fmt::Debug for Daily {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Daily").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_branch_that_was_away_is_compared_when_it_answers_again_and_not_before() {
        let text = "[central]\nurl = \"https://c.example.com\"\ndatabase = \"c\"\nuser = \"b\"\n[branch.t]\nurl = \"https://t.example.com\"\n\
             database = \"t\"\nuser = \"b\"\nfrom = 2026-01-01\ncustomer = 7\ntimezone = \"Europe/Tirane\"\nreconcile = \"04:30\"\n";
        let config = crate::config::Config::parse(text, std::path::Path::new("branches.toml")).unwrap();
        let branch = &config.branches[0];
        let dir = tempfile::tempdir().unwrap();
        let since = at("2026-11-21T03:30:00Z");
        let side = |side: Side| Problem::ConnectionRefused { side, address: "x".to_owned() };
        let (of_branch, of_central) = (side(Side::Branch(branch.code.clone())), side(Side::Central));
        let note = |answered: Option<Timestamp>| {
            let last = LastPass {
                started_at: since,
                ended_at: since,
                succeeded_at: None,
                answered_at: answered,
                whole_window_at: None,
                whole_window_there: None,
                clock_offset_s: 0,
                error: None,
                cursor: None,
                shops: Vec::new(),
            };
            last.save(dir.path(), &branch.code);
        };
        let again = |problem: &Problem, now: &str| answers_again(branch, dir.path(), since, problem, at(now));
        note(Some(at("2026-11-20T20:00:00Z")));
        assert!(!again(&of_branch, "2026-11-21T09:00:00Z"), "it has not answered since");
        note(Some(at("2026-11-21T08:50:00Z")));
        assert!(again(&of_branch, "2026-11-21T09:00:00Z"));
        assert!(!again(&of_branch, "2026-11-21T03:40:00Z"), "not so soon");
        note(None);
        assert!(again(&of_central, "2026-11-21T03:46:00Z"));
        // 04:30 in Tirana is 03:30 UTC in winter.
        let plan = plan(branch, branch.reconcile.unwrap(), since);
        assert_eq!(plan.next(since), Some(at("2026-11-22T03:30:00Z")));
    }
}
