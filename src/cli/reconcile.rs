//! `posbridge reconcile`: holds days of branches against central.

mod sessions;

use std::sync::Arc;

use clap::Args;
use jiff::ToSpan as _;
use jiff::civil::Date;

use super::{Context, Failure, Status, branches_named, print};
use crate::config::{Branch, Config};
use crate::model::same_money;
use crate::reconcile::{DayProof, Entry, Total, Verdict, money, summary, verdict_word};
use crate::sync::{BranchProof, Bridge, prove_days, yesterday};

/// Most days of one run: a year costs some minutes; more is several runs.
const DAYS_MAX: usize = 366;

/// Orders that are printed for each list of a day; all of them are in the JSON document.
const PRINTED: usize = 50;

/// Compare branches with central, day by day and order by order
///
/// Reads both sides again and writes to neither. Without a day: yesterday, in each branch's time zone. The exit status is
/// 0 only if both sides of every day could be read to the end and agree; 3 if something differs or could not be proved.
/// HELD counts orders that wait and go by themselves, DELETED drafts that somebody deleted at central; DIFFERS is what
/// central has more than the branch.
#[derive(Debug, Args)]
#[command(after_help = "Example: posbridge reconcile\n         posbridge reconcile tirana --from 2026-11-01 --to 2026-11-30")]
pub struct Reconcile {
    /// Codes of branches; none = all that are enabled
    #[arg(value_name = "BRANCH")]
    branches: Vec<String>,
    /// This day, e.g. 2026-11-20
    #[arg(long, value_name = "DATE", conflicts_with_all = ["from", "to"])]
    day: Option<Date>,
    /// From this day on; without --to up to yesterday
    #[arg(long, value_name = "DATE")]
    from: Option<Date>,
    /// Up to this day
    #[arg(long, value_name = "DATE", requires = "from")]
    to: Option<Date>,
}

impl Reconcile {
    pub async fn execute(self, context: &Context) -> Result<Status, Failure> {
        let config = context.config()?;
        let branches = branches_named(&config, &self.branches)?;
        let work = self.work(&config, branches)?;
        let bridge = Arc::new(Bridge::open(config, "reconcile")?);
        let central = Arc::new(bridge.central()?);
        let mut proofs = prove_days(&bridge, &central, work).await;
        proofs.iter_mut().for_each(BranchProof::forget_texts);
        let remembered = central.remember(&bridge);
        if context.json {
            print::json(&serde_json::json!({ "branches": proofs, "central_calls": central.cost().calls }))?;
        } else {
            show(&proofs)?;
        }
        remembered?;
        let proved = !proofs.is_empty() && proofs.iter().all(|proof| proof.proved);
        Ok(if proved { Status::Done } else { Status::SomeWait })
    }

    /// The days of each branch.
    fn work(&self, config: &Config, branches: Vec<Branch>) -> Result<Vec<(Branch, Vec<Date>)>, Failure> {
        if branches.is_empty() {
            return Err(Failure::Other(format!("{} has no enabled branch. Set enabled = true on those to compare", config.file.display())));
        }
        let now = jiff::Timestamp::now();
        let mut work = Vec::new();
        for branch in branches {
            let yesterday = yesterday(now, &branch.timezone);
            let first = self.day.or(self.from).unwrap_or(yesterday);
            let last = self.day.or(self.to).unwrap_or(yesterday);
            if last < first {
                return Err(Failure::Other(format!("--to {last} lies before --from {first}")));
            }
            if last < branch.from {
                return Err(Failure::Other(format!(
                    "branch {}: nothing before from = {} is received, so there is nothing to compare on {last}",
                    branch.code, branch.from
                )));
            }
            let days = first.max(branch.from).series(1.day()).take_while(|day| *day <= last);
            let days: Vec<Date> = days.take(DAYS_MAX + 1).collect();
            if days.len() > DAYS_MAX {
                return Err(Failure::Other(format!("more than {DAYS_MAX} days; compare them in several runs")));
            }
            work.push((branch, days));
        }
        Ok(work)
    }
}

fn show(proofs: &[BranchProof]) -> Result<(), Failure> {
    let headings = ["BRANCH", "DAY", "RESULT", "SOLD", "RECEIVED", "CENTRAL", "HELD", "FAILED", "IGNORED", "DELETED", "AMOUNT", "DIFFERS"];
    let mut table = print::table(&headings);
    // Twelve columns: with the usual two blanks between them they would not fit.
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 1));
    });
    for proof in proofs {
        for day in &proof.days {
            add_rows(&mut table, &proof.branch, day);
        }
    }
    print::show(&table)?;
    for proof in proofs {
        for days in proof.days.chunk_by(|a, b| a.error.is_some() && a.error == b.error) {
            let Some((first, last)) = days.first().zip(days.last()) else { continue };
            if first.error.is_some() {
                print::line("")?;
                print::paragraph(0, &summary(&proof.branch, first, last.day))?;
            } else {
                day(&proof.branch, first, proof.days.len() == 1)?;
            }
        }
        sessions::sessions(&proof.branch, &proof.sessions)?;
    }
    Ok(())
}

/// What there is to say of a day. Of one that is equal the table has said it, if it is one of many.
fn day(branch: &str, day: &DayProof, alone: bool) -> Result<(), Failure> {
    if day.verdict == Verdict::Equal && day.late.is_empty() && day.changed.is_empty() && !alone {
        return Ok(());
    }
    print::line("")?;
    print::paragraph(0, &summary(branch, day, day.day))?;
    for list in [&day.missing, &day.different, &day.extra] {
        entries(list)?;
    }
    for (heading, list) in [("Arrived late:", &day.late), ("Changed at the branch after they were written:", &day.changed)] {
        if !list.is_empty() {
            print::paragraph(0, heading)?;
            entries(list)?;
        }
    }
    Ok(())
}

fn add_rows(table: &mut comfy_table::Table, branch: &str, day: &DayProof) {
    let read = day.error.is_none();
    let number = |count: u64| if read { print::count(count) } else { print::cell("") };
    let amounts = |index: usize| match day.totals.get(index) {
        Some(Total { currency, branch, central }) if same_money(*branch, *central) => {
            [print::cell(&money(*branch, currency)), print::cell("-")]
        }
        Some(Total { currency, branch, central }) => [print::cell(&money(*branch, currency)), print::cell(&money(*central - *branch, ""))],
        None if read => [print::cell("-"), print::cell("-")],
        None => [print::cell(""), print::cell("")],
    };
    let mut cells = vec![
        print::cell(branch),
        print::cell(&day.day.to_string()),
        print::cell(verdict_word(day.verdict)),
        number(day.branch_orders),
        number(day.received),
        number(day.central_orders),
        number(day.waiting + day.held),
        number(day.failed),
        number(day.ignored),
        number(day.deleted_at_central),
    ];
    let blank = cells.len();
    cells.extend(amounts(0));
    table.add_row(cells);
    // Another currency: a line of its own.
    for index in 1..day.totals.len() {
        table.add_row(std::iter::repeat_with(|| print::cell("")).take(blank).chain(amounts(index)));
    }
}

fn entries(list: &[Entry]) -> Result<(), Failure> {
    for entry in list.iter().take(PRINTED) {
        print::paragraph(2, &entry.message)?;
        print::paragraph(4, &entry.next_step)?;
    }
    if list.len() > PRINTED {
        print::line(&format!("  and {} more: posbridge reconcile --json", list.len() - PRINTED))?;
    }
    Ok(())
}
