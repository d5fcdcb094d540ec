//! `posbridge receive`: one pass now.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::civil::Date;
use serde::Serialize;

use super::{Context, Failure, Status, branches_named, print};
use crate::config::Branch;
use crate::problem::group_line;
use crate::store::{Direction, Filter, State, Store};
use crate::sync::{Bridge, Central, Progress, Report, Request, SendReport, run};

/// How often the progress bar moves.
const TICK: Duration = Duration::from_millis(200);

/// Groups of waiting orders named after a pass; the rest is in the log.
const GROUPS: usize = 10;

/// Receive orders now and write them to central
#[derive(Debug, Args)]
#[command(after_help = "Example: posbridge receive tirana --from 2026-11-01")]
pub struct Receive {
    /// Codes of branches; none = all that are enabled
    #[arg(value_name = "BRANCH")]
    branches: Vec<String>,
    /// Look at all sales since this day, e.g. 2026-11-01 (the branch's midnight)
    #[arg(long, value_name = "DATE")]
    from: Option<Date>,
    /// Read and map, but write nothing anywhere
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Serialize)]
struct Document<'r> {
    branches: &'r [Report],
    /// Of a retry: what was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<&'r [SendReport]>,
    central_calls: u64,
}

impl Receive {
    pub async fn execute(self, context: &Context) -> Result<Status, Failure> {
        let config = context.config()?;
        let branches = branches_named(&config, &self.branches)?;
        if branches.is_empty() {
            return Err(Failure::Other(format!("{} has no enabled branch. Set enabled = true on those to receive", config.file.display())));
        }
        let bridge = if self.dry_run { Bridge::rehearsal(config)? } else { Bridge::open(config, "receive")? };
        let bridge = Arc::new(bridge);
        let central = Arc::new(bridge.central()?);
        let request = Request { from: self.from, dry_run: self.dry_run, now: true, ..Request::default() };
        let reports = pass(&bridge, &central, &branches, &request).await;
        // What was done is told, whatever the disk says to one line more.
        let remembered = central.remember(&bridge);
        if context.json {
            document(&central, &reports, None)?;
        } else {
            show(&bridge.store, &reports, self.dry_run)?;
        }
        remembered?;
        Ok(status(&reports))
    }
}

/// Runs a pass, with a progress bar on a terminal.
pub async fn pass(bridge: &Arc<Bridge>, central: &Arc<Central>, branches: &[Branch], request: &Request) -> Vec<Report> {
    let progress = Arc::new(Progress::default());
    let work = run(bridge, central, branches, request, &progress);
    if !std::io::stderr().is_terminal() {
        return work.await;
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{elapsed_precise} {wide_bar} {pos}/{len} orders") {
        bar.set_style(style);
    }
    let drawing = async {
        loop {
            tokio::time::sleep(TICK).await;
            bar.set_length(progress.read.load(Ordering::Relaxed));
            bar.set_position(progress.tried.load(Ordering::Relaxed));
        }
    };
    let reports = tokio::select! {
        reports = work => reports,
        () = drawing => Vec::new(), // never: the drawing has no end
    };
    bar.finish_and_clear();
    reports
}

/// Prints what a pass did, and what a retry sent, as one document.
pub fn document(central: &Central, reports: &[Report], sent: Option<&[SendReport]>) -> Result<(), Failure> {
    print::json(&Document { branches: reports, sent, central_calls: central.cost().calls })
}

/// Prints what a pass did, and what orders wait for.
pub fn show(store: &Store, reports: &[Report], dry_run: bool) -> Result<(), Failure> {
    let headings = if dry_run {
        ["BRANCH", "READ", "NEW", "WOULD WRITE", "ADJUSTED", "WAITING", "FAILED"]
    } else {
        ["BRANCH", "READ", "NEW", "WRITTEN", "ADJUSTED", "WAITING", "FAILED"]
    };
    let mut table = print::table(&headings);
    for report in reports {
        let counts = [report.read, report.new, report.delivered, report.adjusted, report.pending, report.failed];
        table.add_row(std::iter::once(print::cell(&report.branch)).chain(counts.map(print::count)));
    }
    print::show(&table)?;
    for report in reports {
        if let (Some(error), Some(next_step)) = (&report.error, &report.next_step) {
            print::line("")?;
            print::paragraph(0, &format!("{}: {error} {next_step}", report.branch))?;
        }
    }
    waiting(store)
}

/// Whether any order waits.
pub fn status(reports: &[Report]) -> Status {
    let all_done = reports.iter().all(|report| report.error.is_none() && report.failed == 0 && report.pending == 0);
    if all_done { Status::Done } else { Status::SomeWait }
}

/// Names what orders wait for, the largest group first.
fn waiting(store: &Store) -> Result<(), Failure> {
    let failed = store.log(&Filter { state: Some(State::Failed), direction: Some(Direction::Receive), ..Filter::default() })?;
    let mut groups: Vec<(String, usize, i64)> = Vec::new();
    for entry in &failed {
        let Some(problem) = entry.problems.first() else { continue };
        match groups.iter_mut().find(|(key, ..)| *key == problem.key()) {
            Some((_, count, _)) => *count += 1,
            None => groups.push((problem.key(), 1, entry.id)),
        }
    }
    groups.sort_by_key(|(_, count, _)| std::cmp::Reverse(*count));
    for (key, count, id) in groups.iter().take(GROUPS) {
        let first = failed.iter().find(|entry| entry.id == *id).and_then(|entry| entry.problems.first());
        if let Some(problem) = first.filter(|problem| problem.key() == *key) {
            print::line("")?;
            print::paragraph(0, &format!("{} (posbridge log show {id})", group_line(problem, *count)))?;
            print::paragraph(2, &problem.next_step())?;
        }
    }
    if groups.len() > GROUPS {
        print::line(&format!("\nand {} more causes: posbridge log --direction receive --state failed", groups.len() - GROUPS))?;
    }
    Ok(())
}
