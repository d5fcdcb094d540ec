//! `posbridge log`: what became of each record, in plain words.

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Context, Failure, Status, print};
use crate::master_data::{Action as Sends, Item};
use crate::model::Kind;
use crate::problem::{Problem, clean, numbered};
use crate::store::{AttemptEntry, Direction, Entry, Filter, ORDER, State, Store};

/// Longest text of one value of a record that is sent.
const VALUE: usize = 120;

/// Show the records: what was written, what waits, and why
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Example: posbridge log --state failed\n         posbridge log --direction send --kind product --since 2h\n         posbridge log show 42"
)]
pub struct Log {
    #[command(subcommand)]
    action: Option<Action>,
    /// Of this branch
    #[arg(long, value_name = "BRANCH")]
    branch: Option<String>,
    /// In this state: pending, held, done, failed or ignored
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Option<State>,
    /// Orders (receive) or master data (send)
    #[arg(long, value_name = "DIRECTION", value_parser = direction)]
    direction: Option<Direction>,
    /// Of this kind: order, product, customer, tax, …
    #[arg(long, value_name = "KIND", value_parser = kind_name)]
    kind: Option<String>,
    /// With this cause, e.g. product_not_found
    #[arg(long, value_name = "CAUSE")]
    cause: Option<String>,
    /// Changed since: 2026-11-21, 2026-11-21T06:00Z, or 2h, 3d for that long ago
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show one record with its story and what was received or is to be sent
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

fn direction(text: &str) -> Result<Direction, String> {
    let names = || Direction::ALL.map(Direction::as_str).join(" or ");
    Direction::parse(text).ok_or_else(|| format!("a direction is {}", names()))
}

fn kind_name(text: &str) -> Result<String, String> {
    let known = || std::iter::once(ORDER).chain(Kind::ALL.map(Kind::as_str));
    // As the tables of branches.toml call them, too.
    let table = Kind::CHOSEN.into_iter().find(|kind| kind.table() == text.replace('-', "_")).map(Kind::as_str);
    let found = known().find(|name| *name == text.replace('-', "_")).or(table);
    found.map(str::to_owned).ok_or_else(|| format!("a kind is one of {}", known().collect::<Vec<_>>().join(", ")))
}

/// What a record is, for people.
pub fn kind(entry: &Entry) -> &str {
    match Kind::parse(&entry.kind) {
        Some(kind) => kind.label(),
        None => &entry.kind,
    }
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
            direction: entry.direction.as_str(),
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
        State::Ignored => "Ignored.".to_owned(),
        _ if entry.direction == Direction::Send => sent_message(entry),
        State::Done => {
            let name = entry.central_name.as_deref().unwrap_or_default();
            let adjusted = entry.adjusted.as_ref().map(|amount| format!(", with an adjustment line of {amount}")).unwrap_or_default();
            format!("At central as {name}{adjusted}.")
        }
        _ if entry.unknown => "Sent to central, the answer is not known yet: the same call is repeated.".to_owned(),
        _ => "Received, and on its way to central.".to_owned(),
    }
}

/// What happened to a record that is sent and has nothing in its way.
fn sent_message(entry: &Entry) -> String {
    match (entry.state, &entry.queued) {
        (State::Done, _) => format!("{}.", entry.note.as_deref().unwrap_or("The branch has it")),
        _ if entry.unknown => "Sent to the branch, the answer is not known yet: the same call is repeated.".to_owned(),
        (_, Some(item)) => match item.told() {
            told if told.is_empty() => format!("Queued: {}.", planned(item.action)),
            told => format!("Queued: {}: {told}.", planned(item.action)),
        },
        (_, None) => "Queued for the branch.".to_owned(),
    }
}

/// What the next posbridge send does with a record.
fn planned(action: Sends) -> &'static str {
    match action {
        Sends::Create => "create it at the branch",
        Sends::Change => "change it at the branch",
        Sends::Archive => "archive it at the branch",
        Sends::Remove => "remove it at the branch",
        Sends::Nothing | Sends::Compare => "compare it when the branch answers",
    }
}

fn next_step(entry: &Entry) -> String {
    let mut steps: Vec<String> = Vec::new();
    for step in entry.problems.iter().map(|problem| numbered(&problem.next_step(), entry.id)) {
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
        let Self { branch, state, direction, kind, cause, since, action: _ } = self;
        let filter = Filter { branch, state, direction, kind, cause, since, ..Filter::default() };
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
    // A list of what was sent alone has no totals.
    let sold = entries.iter().any(|entry| entry.direction == Direction::Receive);
    let sent = entries.iter().any(|entry| entry.direction == Direction::Send);
    let (named, total) = match (sold, sent) {
        (false, true) => ("RECORD", ""),
        (true, true) => ("RECEIPT OR RECORD", "TOTAL"),
        _ => ("RECEIPT", "TOTAL"),
    };
    let mut table = print::table(&["ID", "BRANCH", named, total, "STATE", "WHAT"]);
    for entry in entries {
        let reference = match entry.direction {
            Direction::Receive => entry.reference.clone(),
            Direction::Send => format!("{} {}", kind(entry), entry.reference),
        };
        table.add_row([
            print::cell(&entry.id.to_string()),
            print::cell(&entry.branch),
            print::cell(&reference),
            print::cell(format!("{} {}", entry.amount_total, entry.currency).trim()),
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
    let forgotten = is_forgotten(&entry, &payload);
    let payload: serde_json::Value = serde_json::from_str(&payload).unwrap_or_default();
    if json {
        let story: Vec<_> = attempts.iter().map(attempt_json).collect();
        print::json(&serde_json::json!({ "record": Record::from(&entry), "story": story, "payload": payload, "forgotten": forgotten }))?;
        return Ok(Status::Done);
    }
    let say = |what: &str, text: String| {
        if text.is_empty() {
            return Ok(());
        }
        print::line(what)?;
        print::paragraph(4, &clean(&text, 2_000))
    };
    match entry.direction {
        Direction::Receive => {
            say("Record", format!("{} of {} ({} {} there)", entry.id, entry.branch, entry.kind, entry.remote_id))?;
            say("Receipt", format!("{}, {} UTC, {} {}", entry.reference, entry.date_order, entry.amount_total, entry.currency))?;
        }
        Direction::Send => {
            let there = entry.queued.as_ref().and_then(|item| item.branch_id).map(|id| format!(", {id} there")).unwrap_or_default();
            say("Record", format!("{} for {} ({} {} at central{there})", entry.id, entry.branch, kind(&entry), entry.remote_id))?;
            say("Name", entry.reference.clone())?;
        }
    }
    say("State", entry.state.as_str().to_owned())?;
    say("Draft", entry.central_name.clone().filter(|_| entry.direction == Direction::Receive).unwrap_or_default())?;
    say("What", message(&entry))?;
    for problem in &entry.problems {
        say("Meaning", problem.meaning())?;
        say("Next", numbered(&problem.next_step(), entry.id))?;
    }
    say(
        "Again at",
        entry.due_at.filter(|_| entry.state == State::Pending && !entry.problems.is_empty()).map(print::moment).unwrap_or_default(),
    )?;
    if let Some(item) = &entry.queued {
        changes(item)?;
    }
    print::line("")?;
    let mut table = print::table(&["WHEN", "OUTCOME", "TOOK", "WHAT"]);
    table.add_row([
        print::cell(&print::moment(entry.created_at)),
        print::cell(if entry.direction == Direction::Receive { "received" } else { "queued" }),
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
    if attempts.is_empty() && matches!(entry.state, State::Done | State::Ignored) {
        // House-keeping leaves the last word to the record itself.
        table.add_row([
            print::cell(&print::moment(entry.updated_at)),
            print::cell(entry.state.as_str()),
            print::cell(""),
            print::cell(&message(&entry)),
        ]);
    }
    print::show(&table)?;
    if forgotten {
        print::line("")?;
        print::paragraph(0, FORGOTTEN)?;
    }
    receipt(&payload)?;
    Ok(Status::Done)
}

/// Why there is no receipt.
const FORGOTTEN: &str = "What was sold is no longer kept: this order was finished longer ago than [retention] in branches.toml says. \
                         The branch's Odoo has the receipt.";

/// Whether house-keeping has forgotten what was received of an order.
pub fn is_forgotten(entry: &Entry, payload: &str) -> bool {
    entry.direction == Direction::Receive && payload.is_empty()
}

fn attempt_json(attempt: &AttemptEntry) -> serde_json::Value {
    serde_json::json!({ "at": attempt.at, "duration_ms": attempt.duration_ms, "outcome": attempt.outcome, "cause": attempt.cause, "message": attempt.message })
}

/// What is to be done to a record at the branch, field by field.
fn changes(item: &Item) -> Result<(), Failure> {
    if item.changes.is_empty() {
        return Ok(());
    }
    print::line("")?;
    let mut table = print::table(&["FIELD", "AT THE BRANCH", "TO BE", ""]);
    for change in &item.changes {
        table.add_row([
            print::cell(&change.label),
            print::cell(&clean(change.from.as_deref().unwrap_or("-"), VALUE)),
            print::cell(&clean(&change.to, VALUE)),
            print::cell(if change.overwrites { "changed at the branch" } else { "" }),
        ]);
    }
    print::show(&table)
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
