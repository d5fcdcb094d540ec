//! What is known now, read from the ledger, the notes of the last passes and the disk.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::condition::{BranchSnapshot, Cause, Snapshot, Thresholds};
use super::gap::Gaps;
use crate::config::{Alerts, Config};
use crate::model::BranchCode;
use crate::problem::Side;
use crate::store::{Direction, LastPass, SendPass, Store, StoreError};

/// Days for which it is told that something does not fit in sessions: cash that is missing stays missing, so no later look
/// would ever end it.
const SESSIONS_TOLD: i64 = 3;

impl From<&Alerts> for Thresholds {
    fn from(alerts: &Alerts) -> Self {
        Self { silent: alerts.silent, failures: alerts.failures, disk: alerts.disk }
    }
}

/// Reads what is known now. Never fails: what cannot be read is unknown, and says so.
pub async fn gather(
    store: &Store,
    config: &Config,
    now: Timestamp,
    settings_error: Option<&str>,
    key_expiries: &BTreeMap<String, Timestamp>,
    gaps: &Gaps,
) -> Snapshot {
    let listed = listed(config, now, gaps);
    let state = config.state.clone();
    // Both may hang on a disk that does; off the runtime's threads neither holds up anything else.
    let looked = store.run(move |store| Ok((read(store, listed, now), disk_free(&state)))).await;
    let (read, disk_free) = looked.unwrap_or_else(|error| (Err(error), None));
    let (branches, central_has_password, written_at) = match read {
        Ok((branches, central, written_at)) => (Ok(branches), central, written_at),
        Err(error) => (Err(error.to_string()), true, None),
    };
    Snapshot {
        branches,
        central_has_password,
        written_at,
        disk_free,
        settings_error: settings_error.map(str::to_owned),
        key_expiries: key_expiries.clone(),
    }
}

/// The branches as the settings know them.
fn listed(config: &Config, now: Timestamp, gaps: &Gaps) -> Vec<BranchSnapshot> {
    let listed = |branch: &crate::config::Branch| BranchSnapshot {
        code: branch.code.to_string(),
        name: branch.name.clone(),
        enabled: branch.enabled,
        timezone: branch.timezone.clone(),
        answered_at: None,
        error: None,
        send_error: None,
        pending_since: None,
        standing: Vec::new(),
        failed: 0,
        causes: Vec::new(),
        days_that_differ: Vec::new(),
        days_with_findings: Vec::new(),
        gap: gaps.longest(branch, now),
        clock_offset_s: 0,
        has_password: true,
    };
    config.branches.iter().map(listed).collect()
}

fn read(
    store: &Store,
    mut branches: Vec<BranchSnapshot>,
    now: Timestamp,
) -> Result<(Vec<BranchSnapshot>, bool, Option<Timestamp>), StoreError> {
    let failed = [store.waiting(Direction::Receive)?, store.waiting(Direction::Send)?];
    let mut standing: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (branch, problem) in store.branch_problems()? {
        standing.entry(branch).or_default().push(problem);
    }
    let mut causes: BTreeMap<String, Vec<Cause>> = BTreeMap::new();
    for open in store.open_causes()? {
        let sent = open.direction == Direction::Send;
        causes.entry(open.branch).or_default().push(Cause { problem: open.problem, records: open.records, alike: open.alike, sent });
    }
    let mut differ: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for state in store.days_for_a_person()? {
        differ.entry(state.branch).or_default().push((state.day, state.for_a_person));
    }
    let mut findings: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for state in store.days_with_findings(now.to_zoned(TimeZone::UTC).date().saturating_sub(SESSIONS_TOLD.days()))? {
        findings.entry(state.branch).or_default().push((state.day, state.findings));
    }
    let mut pending = store.pending_since()?;
    let sealed = store.passwords()?;
    let has = |owner: &str| sealed.iter().any(|sealed| sealed.owner == owner);
    for branch in branches.iter_mut().filter(|branch| branch.enabled) {
        branch.failed = failed.iter().filter_map(|counts| counts.get(&branch.code)).map(|counts| counts.failed).sum();
        branch.standing = standing.remove(&branch.code).unwrap_or_default();
        branch.days_that_differ = differ.remove(&branch.code).unwrap_or_default();
        branch.days_with_findings = findings.remove(&branch.code).unwrap_or_default();
        branch.causes = causes.remove(&branch.code).unwrap_or_default();
        branch.has_password = has(&branch.code);
        branch.pending_since = pending.remove(&branch.code);
        let Ok(code) = BranchCode::new(&branch.code) else { continue };
        branch.send_error = SendPass::load(store.directory(), &code).and_then(|last| last.error);
        if let Some(last) = LastPass::load(store.directory(), &code) {
            branch.answered_at = last.answered_at;
            branch.error = last.error;
            branch.clock_offset_s = last.clock_offset_s;
        }
    }
    Ok((branches, has(Side::CENTRAL), store.written_at()?))
}

/// Free space that this user may fill, in bytes.
fn disk_free(directory: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(directory).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}
