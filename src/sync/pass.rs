//! A pass: one run over branches. Each branch is read and written side by side, all branches at once, and no branch
//! waits for another or fails with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{Mutex, Notify, OnceCell, Semaphore};
use tokio::task::JoinSet;

use super::branch::{BranchPass, Counted, Progress, Request};
use super::central::Central;
use super::connection::connect_branch;
use super::receive::Looked;
use super::{Bridge, Halt, deliver, fingerprints, identity, receive};
use crate::config::Branch;
use crate::planted::{Bug, planted};
use crate::problem::Problem;
use crate::store::{Direction, LastPass};

/// Branches read at one time: each costs a connection and a page of orders in memory (about 1 MB).
pub(super) const PARALLEL_BRANCHES: usize = 16;

/// What a pass did for a branch. Counts of this pass, but `failed` and `pending`: those stand in the ledger.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// Branch code.
    pub branch: String,
    /// Orders read: new or changed.
    pub read: u64,
    /// Orders never seen before.
    pub new: u64,
    /// Drafts written and proved.
    pub delivered: u64,
    /// Orders that wait for a person.
    pub failed: u64,
    /// Orders that are tried again by themselves.
    pub pending: u64,
    /// Of the delivered, those with an adjustment line.
    pub adjusted: u64,
    /// Calls to the branch, log-ins left out.
    pub calls: u64,
    /// Bytes of the branch's answers, decompressed.
    pub bytes_read: u64,
    /// What kept the pass from its end; `null` = nothing.
    pub error: Option<String>,
    /// Its stable short name.
    pub cause: Option<String>,
    /// Who does what about it.
    pub next_step: Option<String>,
    /// The same, for code.
    #[serde(skip)]
    pub problem: Option<Problem>,
    /// How long each call to the branch took.
    #[serde(skip)]
    pub call_times: Vec<Duration>,
}

/// Runs a pass over branches, all at once, and reports on each in the order given.
pub async fn run(
    bridge: &Arc<Bridge>,
    central: &Arc<Central>,
    branches: &[Branch],
    request: &Request,
    progress: &Arc<Progress>,
) -> Vec<Report> {
    let slots = Arc::new(Semaphore::new(bridge.parallel_branches));
    let mut passes = JoinSet::new();
    for (place, branch) in branches.iter().cloned().enumerate() {
        let (bridge, central, request, progress, slots) =
            (bridge.clone(), central.clone(), request.clone(), progress.clone(), slots.clone());
        passes.spawn(async move {
            let _slot = slots.acquire().await;
            (place, one_branch(bridge, central, branch, request, progress).await)
        });
    }
    let mut reports = Vec::new();
    while let Some(ended) = passes.join_next().await {
        match ended {
            Ok(report) => reports.push(report),
            Err(stopped) => tracing::error!(error = %stopped, "A pass broke off; the ledger has what it did"),
        }
    }
    reports.sort_by_key(|(place, _)| *place);
    let mut reports: Vec<Report> = reports.into_iter().map(|(_, report)| report).collect();
    count_waiting(bridge, &mut reports).await;
    reports
}

async fn count_waiting(bridge: &Bridge, reports: &mut [Report]) {
    let counts = match bridge.store.run(|store| store.waiting(Direction::Receive)).await {
        Ok(counts) => counts,
        Err(error) => {
            tracing::error!(%error, "The ledger could not be counted");
            return;
        }
    };
    for report in reports {
        let counts = counts.get(&report.branch).copied().unwrap_or_default();
        report.failed = if planted(Bug::Silent) { 0 } else { counts.failed };
        report.pending = counts.pending + counts.held;
    }
}

fn failed_report(branch: String, problem: Problem) -> Report {
    Report {
        branch,
        error: Some(problem.what()),
        cause: Some(problem.cause().to_owned()),
        next_step: Some(problem.next_step()),
        problem: Some(problem),
        ..Report::default()
    }
}

/// Runs a pass over one branch. `failed` and `pending` are not counted.
pub(super) async fn one_branch(
    bridge: Arc<Bridge>,
    central: Arc<Central>,
    branch: Branch,
    request: Request,
    progress: Arc<Progress>,
) -> Report {
    let code = branch.code.to_string();
    let ended = try_branch(bridge, central, branch, request, progress).await;
    ended.unwrap_or_else(|halt| failed_report(code, halt.into_problem()))
}

async fn try_branch(
    bridge: Arc<Bridge>,
    central: Arc<Central>,
    branch: Branch,
    request: Request,
    progress: Arc<Progress>,
) -> Result<Report, Halt> {
    let _lock = bridge.pass_lock(&branch.code, Direction::Receive, request.dry_run).await?;
    let pass = Arc::new(open(bridge, central, branch, request, progress)?);
    let mut looked = Looked::default();
    // Before anything is written: what a person had read again decides it.
    let refreshed = receive::refresh(&pass).await;
    let read = async {
        let ended = match refreshed {
            Ok(()) => read_part(&pass, &mut looked).await,
            failed => failed,
        };
        pass.reading_ended.store(true, Ordering::Release);
        pass.kept.notify_one();
        ended
    };
    // Of another database nothing could be read off either.
    let central = if pass.request.receive_only { Ok(()) } else { identity::own_central(&pass).await };
    let is_ours = central.is_ok() && !pass.request.receive_only;
    let deliver = async { if is_ours { deliver::deliver(&pass).await } else { central } };
    let look = async {
        let only_a_part = !is_ours || pass.request.deliver_only || pass.request.dry_run;
        if only_a_part { Ok(()) } else { fingerprints::look(&pass).await }
    };
    let (read, delivered, looked_at_central) = tokio::join!(read, deliver, look);
    // Also after a pass that broke off: each log-in writes a row at the branch.
    pass.connection.remember(&pass.bridge.store, None)?;
    // A branch that cannot be read says more about this branch than a central that cannot be written.
    let problem = read.err().or(delivered.err()).or(looked_at_central.err()).map(Halt::into_problem);
    note_pass(&pass, looked, problem.clone());
    Ok(report(&pass, problem))
}

/// Makes a pass ready; nothing is sent yet. The caller has the branch's lock.
///
/// # Errors
/// No password, or the ledger cannot be read.
pub(super) fn open(
    bridge: Arc<Bridge>,
    central: Arc<Central>,
    branch: Branch,
    request: Request,
    progress: Arc<Progress>,
) -> Result<BranchPass, Halt> {
    let started_at = bridge.clock.now();
    let connection = connect_branch(&bridge, &branch)?;
    let place = &branch.endpoint;
    let endpoint = bridge.store.endpoint(branch.code.as_str(), &place.url, &place.database, &place.user)?;
    let last = LastPass::load(bridge.store.directory(), &branch.code);
    Ok(BranchPass {
        bridge,
        branch,
        central,
        connection,
        endpoint,
        fields: OnceCell::new(),
        request,
        last,
        started_at,
        bindings: Mutex::default(),
        gone: Mutex::default(),
        first_kept: OnceCell::new(),
        drafted_before: OnceCell::new(),
        batch_rows: AtomicUsize::new(deliver::FIRST_BATCH_ROWS),
        kept: Notify::new(),
        reading_ended: AtomicBool::new(false),
        renewed: AtomicBool::new(false),
        counted: Counted::default(),
        progress,
    })
}

async fn read_part(pass: &BranchPass, looked: &mut Looked) -> Result<(), Halt> {
    if pass.request.deliver_only { Ok(()) } else { receive::read(pass, looked).await }
}

fn report(pass: &BranchPass, problem: Option<Problem>) -> Report {
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let ended = match problem {
        Some(problem) => failed_report(pass.branch.code.to_string(), problem),
        None => Report { branch: pass.branch.code.to_string(), ..Report::default() },
    };
    Report {
        read: count(&pass.counted.read),
        new: count(&pass.counted.new),
        delivered: count(&pass.counted.delivered),
        adjusted: count(&pass.counted.adjusted),
        calls: pass.connection.odoo.cost().calls,
        bytes_read: pass.connection.odoo.cost().received,
        call_times: pass.connection.odoo.take_call_times(),
        ..ended
    }
}

fn note_pass(pass: &BranchPass, looked: Looked, error: Option<Problem>) {
    if pass.request.deliver_only || pass.request.dry_run {
        return;
    }
    let before = pass.last.as_ref();
    let whole = looked.whole_window && (error.is_none() || planted(Bug::CursorFirst));
    let ended_at = pass.now();
    let place = &pass.branch.endpoint;
    let note = LastPass {
        started_at: pass.started_at,
        ended_at,
        succeeded_at: if error.is_none() { Some(ended_at) } else { before.and_then(|last| last.succeeded_at) },
        answered_at: if looked.answered { Some(ended_at) } else { before.and_then(|last| last.answered_at) },
        // Once our clock was set back, a time before that tells nothing any more, also when the clock has come past it again.
        whole_window_at: if whole {
            Some(pass.started_at)
        } else {
            before.filter(|last| last.ended_at <= pass.started_at).and_then(|last| last.whole_window_at)
        },
        whole_window_there: if whole { looked.began_there } else { before.and_then(|last| last.whole_window_there) },
        clock_offset_s: pass.connection.odoo.clock_offset_s(),
        cursor: pass
            .bridge
            .store
            .endpoint(pass.branch.code.as_str(), &place.url, &place.database, &place.user)
            .ok()
            .and_then(|known| known.cursor),
        error,
        shops: if looked.answered { pass.branch.shops.clone() } else { before.map(|last| last.shops.clone()).unwrap_or_default() },
    };
    note.save(pass.bridge.store.directory(), &pass.branch.code);
}
