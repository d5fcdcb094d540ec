//! The rows of the ledger as people and the other parts of the bridge look at them.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, params_from_iter};

use super::{Store, StoreError, json_column, timestamp};
use crate::problem::Problem;

/// Most records that one `log` shows: more cannot be read by a person, and `--since` narrows it.
pub const LOG_LIMIT: usize = 10_000;

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Will be tried by itself.
    Pending,
    /// Waits for a known thing.
    Held,
    /// At central.
    Done,
    /// Waits for a person.
    Failed,
    /// A person, or a setting, said no.
    Ignored,
}

impl State {
    /// All of them, as they are listed.
    pub const ALL: [State; 5] = [State::Pending, State::Held, State::Done, State::Failed, State::Ignored];

    /// As it stands in the ledger and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Held => "held",
            State::Done => "done",
            State::Failed => "failed",
            State::Ignored => "ignored",
        }
    }

    /// The state with this name.
    pub fn parse(text: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A record as `log` shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The record.
    pub id: i64,
    /// Branch code.
    pub branch: String,
    /// `receive` or `send`.
    pub direction: String,
    /// `order`.
    pub kind: String,
    /// Its id at the branch.
    pub remote_id: i64,
    /// The receipt reference.
    pub reference: String,
    /// Where it stands.
    pub state: State,
    /// Whether a call was sent whose answer is not known.
    pub unknown: bool,
    /// What stands in its way.
    pub problems: Vec<Problem>,
    /// Tries so far.
    pub attempts: u32,
    /// When it is tried next by itself.
    pub due_at: Option<Timestamp>,
    /// The draft's id at central.
    pub central_id: Option<i64>,
    /// The draft's name.
    pub central_name: Option<String>,
    /// The till's total, decimal text.
    pub amount_total: String,
    /// Its currency.
    pub currency: String,
    /// UTC, as Odoo writes times.
    pub date_order: String,
    /// The adjustment line's amount.
    pub adjusted: Option<String>,
    /// Why it was ignored.
    pub reason: Option<String>,
    /// When it was received.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A try as `log show` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptEntry {
    /// When.
    pub at: Timestamp,
    /// How long, in milliseconds.
    pub duration_ms: i64,
    /// `done`, `failed`, `again`, `ignored`, `retry`.
    pub outcome: String,
    /// The first problem's cause.
    pub cause: Option<String>,
    /// In plain words.
    pub message: String,
}

/// Which records a person means.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// These records.
    pub ids: Vec<i64>,
    /// Of this branch.
    pub branch: Option<String>,
    /// In this state.
    pub state: Option<State>,
    /// With this cause.
    pub cause: Option<String>,
    /// Changed at or after.
    pub since: Option<Timestamp>,
}

/// How many records of a branch are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Will be tried by itself.
    pub pending: u64,
    /// Waits for a known thing.
    pub held: u64,
    /// At central.
    pub done: u64,
    /// Waits for a person.
    pub failed: u64,
    /// A person or a setting said no.
    pub ignored: u64,
    /// Of the done, those that were changed at the branch afterwards and that nobody has looked at.
    pub changed: u64,
}

impl Counts {
    /// Everything that is not finished.
    pub fn waiting(&self) -> u64 {
        self.pending + self.held + self.failed
    }
}

impl Store {
    /// Records by filter, newest change first, at most [`LOG_LIMIT`].
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn log(&self, filter: &Filter) -> Result<Vec<Entry>, StoreError> {
        let (clause, values) = filter.sql();
        self.read(|db| {
            let sql = format!("SELECT {ENTRY} FROM record WHERE {clause} ORDER BY updated_at DESC, id DESC LIMIT {LOG_LIMIT}");
            let mut query = db.prepare(&sql)?;
            query.query_map(params_from_iter(values), entry)?.collect()
        })
    }

    /// One record with its payload and all its attempts, oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn show(&self, record: i64) -> Result<Option<(Entry, String, Vec<AttemptEntry>)>, StoreError> {
        self.read(|db| {
            let sql = format!("SELECT {ENTRY}, payload FROM record WHERE id = ?1");
            let found = db.prepare(&sql)?.query_row([record], |row| Ok((entry(row)?, row.get::<_, String>("payload")?))).optional()?;
            let Some((entry, payload)) = found else { return Ok(None) };
            let mut query = db.prepare("SELECT at, duration_ms, outcome, cause, message FROM attempt WHERE record_id = ?1 ORDER BY id")?;
            let attempts = query.query_map([record], |row| {
                Ok(AttemptEntry {
                    at: timestamp(row.get(0)?),
                    duration_ms: row.get(1)?,
                    outcome: row.get(2)?,
                    cause: row.get(3)?,
                    message: row.get(4)?,
                })
            })?;
            Ok(Some((entry, payload, attempts.collect::<rusqlite::Result<_>>()?)))
        })
    }

    /// How many records of each branch are in each state.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn counts(&self) -> Result<HashMap<String, Counts>, StoreError> {
        self.read(|db| {
            // Answered from the index record_state alone.
            let mut query =
                db.prepare_cached("SELECT branch, state, coalesce(cause = 'order_changed', 0), count(*) FROM record GROUP BY 1, 2, 3")?;
            let mut counts: HashMap<String, Counts> = HashMap::new();
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                let branch = counts.entry(row.get(0)?).or_default();
                let (changed, count): (bool, u64) = (row.get(2)?, row.get(3)?);
                match State::parse(&row.get::<_, String>(1)?) {
                    Some(State::Pending) => branch.pending += count,
                    Some(State::Held) => branch.held += count,
                    Some(State::Done) => {
                        branch.done += count;
                        branch.changed += if changed { count } else { 0 };
                    }
                    Some(State::Failed) => branch.failed += count,
                    Some(State::Ignored) => branch.ignored += count,
                    None => {}
                }
            }
            Ok(counts)
        })
    }
}

impl Filter {
    /// A WHERE clause with bound parameters only.
    pub(super) fn sql(&self) -> (String, Vec<rusqlite::types::Value>) {
        let mut clauses = vec!["1".to_owned()];
        let mut values: Vec<rusqlite::types::Value> = Vec::new();
        let mut add = |clause: &str, value: rusqlite::types::Value| {
            values.push(value);
            clauses.push(format!("{clause} ?{}", values.len()));
        };
        if let Some(branch) = &self.branch {
            add("branch =", branch.clone().into());
        }
        if let Some(state) = self.state {
            add("state =", state.as_str().to_owned().into());
        }
        if let Some(cause) = &self.cause {
            add("cause =", cause.clone().into());
        }
        if let Some(since) = self.since {
            add("updated_at >=", since.as_second().into());
        }
        if !self.ids.is_empty() {
            // Integers of our own, so they may stand in the text.
            let ids: Vec<String> = self.ids.iter().map(i64::to_string).collect();
            clauses.push(format!("id IN ({})", ids.join(", ")));
        }
        (clauses.join(" AND "), values)
    }
}

/// The columns that [`entry`] reads.
pub(super) const ENTRY: &str =
    "id, branch, direction, kind, remote_id, reference, state, unknown, problems, attempts, due_at, central_id, central_name,
    amount_total, currency, date_order, adjusted, reason, created_at, updated_at";

pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let state: String = row.get("state")?;
    Ok(Entry {
        id: row.get("id")?,
        branch: row.get("branch")?,
        direction: row.get("direction")?,
        kind: row.get("kind")?,
        remote_id: row.get("remote_id")?,
        reference: row.get("reference")?,
        state: State::parse(&state).unwrap_or(State::Failed),
        unknown: row.get("unknown")?,
        problems: json_column(row.get("problems")?).unwrap_or_default(),
        attempts: row.get("attempts")?,
        due_at: row.get::<_, Option<i64>>("due_at")?.map(timestamp),
        central_id: row.get("central_id")?,
        central_name: row.get("central_name")?,
        amount_total: row.get("amount_total")?,
        currency: row.get("currency")?,
        date_order: row.get("date_order")?,
        adjusted: row.get("adjusted")?,
        reason: row.get("reason")?,
        created_at: timestamp(row.get("created_at")?),
        updated_at: timestamp(row.get("updated_at")?),
    })
}
