//! `posbridge log`: what became of each record, in plain words.

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Context, Failure, Status, print};
use crate::problem::{Problem, clean};
use crate::store::{AttemptEntry, Entry, Filter, State, Store};

/// Show the records: what was written, what waits, and why
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = "Example: posbridge log --state failed\n         posbridge log show 42")]
pub struct Log {
    #[command(subcommand)]
    action: Option<Action>,
    /// Of this branch
    #[arg(long, value_name = "BRANCH")]
    branch: Option<String>,
    /// In this state: pending, held, done, failed or ignored
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Option<State>,
    /// With this cause, e.g. product_not_found
    #[arg(long, value_name = "CAUSE")]
    cause: Option<String>,
    /// Changed since: 2026-11-21, 2026-11-21T06:00Z, or 2h, 3d for that long ago
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show one record with its story and what was received
    #[command(after_help = "Example: posbridge log show 42")]
    Show {
        /// The record's number
        id: i64,
    },
}

pub fn state(text: &str) -> Result<State, String> {
    let names = || State::ALL.map(State::as_str).join(", ");
    State::parse(text).ok_or_else(|| format!("a state is one of {}", names()))
}

pub fn since(text: &str) -> Result<Timestamp, String> {
    if let Ok(duration) = text.parse::<SignedDuration>() {
        return Timestamp::now().checked_sub(duration.abs()).map_err(|error| error.to_string());
    }
    if let Some(days) = text.strip_suffix('d').and_then(|days| days.parse::<i64>().ok()) {
        return Timestamp::now().checked_sub(SignedDuration::from_hours(24 * days.abs().min(36_500))).map_err(|error| error.to_string());
    }
    if let Ok(day) = text.parse::<jiff::civil::Date>() {
        return day.to_zoned(jiff::tz::TimeZone::UTC).map(|zoned| zoned.timestamp()).map_err(|error| error.to_string());
    }
    text.parse().map_err(|_| "a time is 2026-11-21, 2026-11-21T06:00Z, or how long ago: 2h, 3d".to_owned())
}

/// A record in JSON: the contract.
#[derive(Debug, Serialize)]
pub struct Record<'e> {
    id: i64,
    branch: &'e str,
    direction: &'e str,
    kind: &'e str,
    remote_id: i64,
    reference: &'e str,
    state: &'static str,
    cause: Option<&'static str>,
    message: String,
    next_step: String,
    attempts: u32,
    central_id: Option<i64>,
    central_name: Option<&'e str>,
    amount_total: &'e str,
    currency: &'e str,
    date_order: &'e str,
    adjusted: Option<&'e str>,
    outcome_unknown: bool,
    next_attempt_at: Option<Timestamp>,
    updated_at: Timestamp,
}

impl<'e> From<&'e Entry> for Record<'e> {
    fn from(entry: &'e Entry) -> Self {
        Self {
            id: entry.id,
            branch: &entry.branch,
            direction: &entry.direction,
            kind: &entry.kind,
            remote_id: entry.remote_id,
            reference: &entry.reference,
            state: entry.state.as_str(),
            cause: entry.problems.first().map(Problem::cause),
            message: message(entry),
            next_step: next_step(entry),
            attempts: entry.attempts,
            central_id: entry.central_id,
            central_name: entry.central_name.as_deref(),
            amount_total: &entry.amount_total,
            currency: &entry.currency,
            date_order: &entry.date_order,
            adjusted: entry.adjusted.as_deref(),
            outcome_unknown: entry.unknown,
            next_attempt_at: entry.due_at.filter(|_| entry.state == State::Pending),
            updated_at: entry.updated_at,
        }
    }
}

/// What happened to a record, in words.
pub fn message(entry: &Entry) -> String {
    let problems: Vec<String> = entry.problems.iter().map(Problem::what).collect();
    match entry.state {
        State::Ignored if entry.reason.is_some() => format!("Ignored: {}.", entry.reason.as_deref().unwrap_or_default()),
        _ if !problems.is_empty() => problems.join(" "),
        State::Done => {
            let name = entry.central_name.as_deref().unwrap_or_default();
            let adjusted = entry.adjusted.as_ref().map(|amount| format!(", with an adjustment line of {amount}")).unwrap_or_default();
            format!("At central as {name}{adjusted}.")
        }
        State::Ignored => "Ignored.".to_owned(),
        _ if entry.unknown => "Sent to central, the answer is not known yet: the same call is repeated.".to_owned(),
        _ => "Received, and on its way to central.".to_owned(),
    }
}

fn next_step(entry: &Entry) -> String {
    let mut steps: Vec<String> = Vec::new();
    for step in entry.problems.iter().map(Problem::next_step) {
        if !steps.contains(&step) {
            steps.push(step);
        }
    }
    steps.join(" ")
}

impl Log {
    pub fn execute(self, context: &Context) -> Result<Status, Failure> {
        let config = context.config()?;
        let store = Store::open_existing(&config.state)?;
        if let Some(Action::Show { id }) = self.action {
            return show(&store, id, context.json);
        }
        let filter = Filter { ids: Vec::new(), branch: self.branch, state: self.state, cause: self.cause, since: self.since };
        let entries = store.log(&filter)?;
        if context.json {
            print::json(&serde_json::json!({ "records": entries.iter().map(Record::from).collect::<Vec<_>>() }))?;
            return Ok(Status::Done);
        }
        if entries.is_empty() {
            print::line("No record fits. posbridge status shows how many there are in all")?;
            return Ok(Status::Done);
        }
        list(&entries)?;
        Ok(Status::Done)
    }
}

/// Prints records, a line each.
pub fn list(entries: &[Entry]) -> Result<(), Failure> {
    let mut table = print::table(&["ID", "BRANCH", "RECEIPT", "TOTAL", "STATE", "WHAT"]);
    for entry in entries {
        table.add_row([
            print::cell(&entry.id.to_string()),
            print::cell(&entry.branch),
            print::cell(&entry.reference),
            print::cell(&format!("{} {}", entry.amount_total, entry.currency)),
            print::state(entry.state),
            print::cell(&message(entry)),
        ]);
    }
    print::show(&table)
}

fn show(store: &Store, id: i64, json: bool) -> Result<Status, Failure> {
    let Some((entry, payload, attempts)) = store.show(id)? else {
        return Err(Failure::Other(format!("There is no record {id}. posbridge log lists them")));
    };
    let payload: serde_json::Value = serde_json::from_str(&payload).unwrap_or_default();
    if json {
        let story: Vec<_> = attempts.iter().map(attempt_json).collect();
        print::json(&serde_json::json!({ "record": Record::from(&entry), "story": story, "payload": payload }))?;
        return Ok(Status::Done);
    }
    let say = |what: &str, text: String| {
        if text.is_empty() {
            return Ok(());
        }
        print::line(what)?;
        print::paragraph(4, &clean(&text, 2_000))
    };
    say("Record", format!("{} of {} ({} {} there)", entry.id, entry.branch, entry.kind, entry.remote_id))?;
    say("Receipt", format!("{}, {} UTC, {} {}", entry.reference, entry.date_order, entry.amount_total, entry.currency))?;
    say("State", entry.state.as_str().to_owned())?;
    say("Draft", entry.central_name.clone().unwrap_or_default())?;
    say("What", message(&entry))?;
    for problem in &entry.problems {
        say("Meaning", problem.meaning())?;
        say("Next", problem.next_step())?;
    }
    say("Again at", entry.due_at.filter(|_| entry.state == State::Pending).map(print::moment).unwrap_or_default())?;
    print::line("")?;
    let mut table = print::table(&["WHEN", "OUTCOME", "TOOK", "WHAT"]);
    table.add_row([
        print::cell(&print::moment(entry.created_at)),
        print::cell("received"),
        print::cell(""),
        print::cell("Kept in the ledger"),
    ]);
    for attempt in &attempts {
        table.add_row([
            print::cell(&print::moment(attempt.at)),
            print::cell(&attempt.outcome),
            print::cell(&format!("{} ms", attempt.duration_ms)),
            print::cell(&attempt.message),
        ]);
    }
    print::show(&table)?;
    receipt(&payload)?;
    Ok(Status::Done)
}

fn attempt_json(attempt: &AttemptEntry) -> serde_json::Value {
    serde_json::json!({ "at": attempt.at, "duration_ms": attempt.duration_ms, "outcome": attempt.outcome, "cause": attempt.cause, "message": attempt.message })
}

/// What was received, as a receipt.
fn receipt(payload: &serde_json::Value) -> Result<(), Failure> {
    let Ok(order) = serde_json::from_value::<crate::model::PosOrder>(payload.clone()) else { return Ok(()) };
    print::line("")?;
    let mut table = print::table(&["QTY", "PRODUCT", "PRICE", "DISCOUNT"]);
    for line in &order.lines {
        let name = line.full_product_name.as_deref().unwrap_or(&line.product_id.name);
        let discount = if line.discount.is_zero() { String::new() } else { format!("{} %", line.discount.normalize()) };
        table.add_row([
            print::cell(&crate::mapping::plain(line.qty)),
            print::cell(name),
            print::cell(&crate::mapping::money(line.price_unit)),
            print::cell(&discount),
        ]);
    }
    print::show(&table)?;
    for payment in &order.payment_ids {
        let name = if payment.is_change { "change" } else { payment.payment_method_id.name.as_str() };
        print::line(&format!("Paid {} {}", clean(name, 80), crate::mapping::money(payment.amount)))?;
    }
    Ok(())
}
