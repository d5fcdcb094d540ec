//! `posbridge status`: a line a branch.

use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::{Context, Failure, Status as Ended, print};
use crate::alerts::ends_soon;
use crate::config::{Branch, Config, Endpoint};
use crate::problem::{Problem, Side};
use crate::schedule::Plan;
use crate::store::{Counts, Direction, LastPass, Store, daemon};

/// Show a line for each branch: last pass, what waits, what failed
///
/// DONE, WAITING and FAILED count orders; EQUAL TO is the last day on which branch and central were found equal; TO SEND counts master data that goes by itself, UNSENT what waits for a person.
#[derive(Debug, Args)]
#[command(after_help = "Example: posbridge status")]
pub struct Status {}

#[derive(Debug, Serialize)]
struct Line {
    branch: String,
    name: String,
    enabled: bool,
    last_pass_at: Option<Timestamp>,
    next_pass_at: Option<Timestamp>,
    /// When the branch last answered.
    silent_since: Option<Timestamp>,
    clock_offset_s: Option<i64>,
    pending: u64,
    held: u64,
    failed: u64,
    done: u64,
    ignored: u64,
    /// Of the done: changed at the branch afterwards.
    changed: u64,
    /// Master data: goes by itself with the next posbridge send.
    send_pending: u64,
    /// Master data that waits for a known thing, e.g. for a session to be closed.
    send_held: u64,
    /// Master data that waits for a person.
    send_failed: u64,
    /// The last day on which both sides were read to the end and nothing was open.
    last_equal_day: Option<Date>,
    /// Days on which a person has to look at a difference.
    days_that_differ: Vec<Date>,
    /// The first of `notices`.
    cause: Option<&'static str>,
    message: Option<String>,
    next_step: Option<String>,
    /// What is wrong with all of the branch until a person says otherwise, and what kept its last pass from its end.
    notices: Vec<Notice>,
}

#[derive(Debug, Clone, Serialize)]
struct Notice {
    cause: &'static str,
    message: String,
    next_step: String,
}

impl Status {
    pub fn execute(self, context: &Context) -> Result<Ended, Failure> {
        let config = context.config()?;
        let store = Store::open_existing(&config.state)?;
        let counts = store.counts()?;
        let branch_problems = store.branch_problems()?;
        let (equal, differ) = (store.last_equal_days()?, store.days_for_a_person()?);
        let now = Timestamp::now();
        let at_work = daemon(&config.state);
        // Passes start by themselves only while the daemon runs.
        let since = at_work.as_ref().map(|held| held.since().unwrap_or(now));
        let mut lines: Vec<Line> = config
            .branches
            .iter()
            .map(|branch| {
                let counted = |direction| counts.get(&(branch.code.to_string(), direction)).copied().unwrap_or_default();
                let last = LastPass::load(&config.state, &branch.code);
                let standing = branch_problems.iter().filter(|(owner, _)| owner == branch.code.as_str()).map(|(_, problem)| problem);
                let mut problems: Vec<&Problem> = standing.collect();
                let error = last.as_ref().and_then(|last| last.error.as_ref());
                problems.extend(error.filter(|error| !problems.iter().any(|known| known.cause() == error.cause())));
                let notices = problems.into_iter().map(notice).collect();
                line(
                    branch,
                    last.as_ref(),
                    since.filter(|_| branch.enabled).and_then(|since| Plan::new(&branch.schedule, branch, since).next(now)),
                    counted(Direction::Receive),
                    counted(Direction::Send),
                    notices,
                )
            })
            .collect();
        for line in &mut lines {
            line.last_equal_day = equal.iter().find(|(branch, _)| *branch == line.branch).map(|(_, day)| *day);
            line.days_that_differ = differ.iter().filter(|state| state.branch == line.branch).map(|state| state.day).collect();
        }
        let keys = keys_that_end(&config, &store, now)?;
        if context.json {
            print::json(&serde_json::json!({ "branches": lines, "daemon": at_work.map(|held| held.by), "keys": keys }))?;
        } else {
            show(&lines, now, at_work.is_some())?;
            for key in &keys {
                print::line("")?;
                print::paragraph(0, &format!("{}: {} {}", key.owner, key.message, key.next_step))?;
            }
        }
        let waiting = |line: &Line| line.pending + line.held + line.failed + line.send_pending + line.send_held + line.send_failed;
        let waits = lines.iter().any(|line| waiting(line) > 0 || line.cause.is_some() || !line.days_that_differ.is_empty());
        Ok(if waits { Ended::SomeWait } else { Ended::Done })
    }
}

/// An API key that ends soon.
#[derive(Debug, Serialize)]
struct Key {
    /// `central` or a branch's code.
    owner: String,
    ends_at: Timestamp,
    message: String,
    next_step: String,
}

/// As far as the Odoos told when they were last asked: once a day by the daemon, and by each check.
fn keys_that_end(config: &Config, store: &Store, now: Timestamp) -> Result<Vec<Key>, Failure> {
    let branches = config.branches.iter().filter(|branch| branch.enabled);
    let sides = std::iter::once((Side::Central, &config.central.endpoint))
        .chain(branches.map(|branch| (Side::Branch(branch.code.clone()), &branch.endpoint)));
    let mut keys = Vec::new();
    for (side, Endpoint { url, database, user, .. }) in sides {
        let ends = store.endpoint(side.as_str(), url, database, user)?.key_ends;
        let Some(ends_at) = ends.filter(|ends| ends_soon(*ends, now)) else { continue };
        let owner = side.as_str().to_owned();
        let problem = Problem::KeyEnds { side, ends: ends_at };
        keys.push(Key { owner, ends_at, message: problem.what(), next_step: problem.next_step() });
    }
    Ok(keys)
}

fn line(
    branch: &Branch,
    last: Option<&LastPass>,
    next_pass_at: Option<Timestamp>,
    counts: Counts,
    sends: Counts,
    notices: Vec<Notice>,
) -> Line {
    Line {
        branch: branch.code.to_string(),
        name: branch.name.clone(),
        enabled: branch.enabled,
        last_pass_at: last.map(|last| last.started_at),
        next_pass_at,
        silent_since: last.and_then(|last| last.answered_at.filter(|answered| *answered < last.started_at)),
        clock_offset_s: last.map(|last| last.clock_offset_s),
        pending: counts.pending,
        held: counts.held,
        failed: counts.failed,
        done: counts.done,
        ignored: counts.ignored,
        changed: counts.changed,
        send_pending: sends.pending,
        send_held: sends.held,
        send_failed: sends.failed,
        last_equal_day: None,
        days_that_differ: Vec::new(),
        cause: notices.first().map(|first| first.cause),
        message: notices.first().map(|first| first.message.clone()),
        next_step: notices.first().map(|first| first.next_step.clone()),
        notices,
    }
}

fn notice(problem: &Problem) -> Notice {
    Notice { cause: problem.cause(), message: problem.what(), next_step: problem.next_step() }
}

fn show(lines: &[Line], now: Timestamp, at_work: bool) -> Result<(), Failure> {
    let mut headings = vec!["BRANCH", "NAME", "LAST PASS", "NEXT", "DONE", "WAITING", "FAILED", "TO SEND", "UNSENT", "SILENT SINCE"];
    // Only once days were compared: a new installation has none.
    let compared = lines.iter().any(|line| line.last_equal_day.is_some() || !line.days_that_differ.is_empty());
    headings.extend(compared.then_some("EQUAL TO"));
    let mut table = print::table(&headings);
    for line in lines {
        let last = match (line.enabled, line.last_pass_at) {
            (false, _) => "not enabled".to_owned(),
            (true, Some(at)) => print::ago(at, now),
            (true, None) => "never".to_owned(),
        };
        let mut cells = vec![
            print::cell(&line.branch),
            print::cell(&line.name),
            print::cell(&last),
            print::cell(&line.next_pass_at.map(|at| print::ahead(at, now)).unwrap_or_default()),
            print::count(line.done),
            print::count(line.pending + line.held),
            print::count(line.failed),
            print::count(line.send_pending + line.send_held),
            print::count(line.send_failed),
            print::cell(&line.silent_since.map(print::moment).unwrap_or_default()),
        ];
        cells.extend(compared.then(|| print::cell(&line.last_equal_day.map(|day| day.to_string()).unwrap_or_default())));
        table.add_row(cells);
    }
    print::show(&table)?;
    differing(lines)?;
    if !at_work {
        print::line("")?;
        print::paragraph(0, "No daemon runs, so no pass starts by itself: systemctl start posbridge, or posbridge run")?;
    }
    let changed: u64 = lines.iter().map(|line| line.changed).sum();
    if changed > 0 {
        print::line("")?;
        print::paragraph(
            0,
            &format!("{changed} orders were changed at the branch after they were written to central: posbridge log --cause order_changed"),
        )?;
    }
    for line in lines {
        for Notice { message, next_step, .. } in &line.notices {
            print::line("")?;
            print::paragraph(0, &format!("{}: {message} {next_step}", line.branch))?;
        }
    }
    Ok(())
}

/// Names the days on which a person has to look at something.
fn differing(lines: &[Line]) -> Result<(), Failure> {
    /// Days that are named of a branch.
    const NAMED: usize = 5;
    for line in lines.iter().filter(|line| !line.days_that_differ.is_empty()) {
        let days: Vec<String> = line.days_that_differ.iter().rev().take(NAMED).map(Date::to_string).collect();
        let more = line.days_that_differ.len().saturating_sub(NAMED);
        let more = if more == 0 { String::new() } else { format!(" and {more} older days") };
        let last = &days[0];
        let text = format!(
            "{}: branch and central differ on {}{more}. posbridge reconcile {} --day {last}",
            line.branch,
            days.join(", "),
            line.branch
        );
        print::line("")?;
        print::paragraph(0, &text)?;
    }
    Ok(())
}
