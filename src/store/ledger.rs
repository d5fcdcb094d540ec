//! The rows of the ledger as people and the other parts of the bridge look at them.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, params_from_iter};

use super::content::content;
use super::{Store, StoreError, json_column, timestamp};
use crate::master_data::Item;
use crate::model::{BranchCode, Language};
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

    /// For people.
    pub fn label(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::English, State::Pending) => "pending",
            (Language::English, State::Held) => "held",
            (Language::English, State::Done) => "done",
            (Language::English, State::Failed) => "failed",
            (Language::English, State::Ignored) => "ignored",
            (Language::German, State::Pending) => "wartend",
            (Language::German, State::Held) => "zurückgehalten",
            (Language::German, State::Done) => "erledigt",
            (Language::German, State::Failed) => "fehlgeschlagen",
            (Language::German, State::Ignored) => "ignoriert",
        }
    }

    /// The state with this name.
    pub fn parse(text: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Which way a record crosses the bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// An order, from a branch to central.
    Receive,
    /// Master data, from central to a branch.
    Send,
}

impl Direction {
    /// Both of them.
    pub const ALL: [Direction; 2] = [Direction::Receive, Direction::Send];

    /// As it stands in the ledger and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::Receive => "receive",
            Direction::Send => "send",
        }
    }

    /// For people.
    pub fn label(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::English, Direction::Receive) => "received",
            (Language::English, Direction::Send) => "sent",
            (Language::German, Direction::Receive) => "empfangen",
            (Language::German, Direction::Send) => "gesendet",
        }
    }

    /// The direction with this name.
    pub fn parse(text: &str) -> Option<Direction> {
        Direction::ALL.into_iter().find(|direction| direction.as_str() == text)
    }
}

/// The kind of an order in the ledger; the kinds of master data are those of [`crate::model::Kind`].
pub const ORDER: &str = "order";

/// A record as `log` shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The record.
    pub id: i64,
    /// Branch code.
    pub branch: String,
    /// Up or down.
    pub direction: Direction,
    /// [`ORDER`], or the name of a [`crate::model::Kind`].
    pub kind: String,
    /// An order's id at the branch; of a record that is sent, its id at central.
    pub remote_id: i64,
    /// The receipt reference; what people call the record that is sent.
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
    /// At central the draft's id, or that of the record that is sent.
    pub central_id: Option<i64>,
    /// The draft's name, or that of the record.
    pub central_name: Option<String>,
    /// The till's total, decimal text; empty where nothing was sold.
    pub amount_total: String,
    /// Its currency.
    pub currency: String,
    /// UTC, as Odoo writes times.
    pub date_order: String,
    /// The adjustment line's amount.
    pub adjusted: Option<String>,
    /// Why it was ignored.
    pub reason: Option<String>,
    /// What was last done to a record that is sent, in words.
    pub note: Option<String>,
    /// A record in the queue: what will be done to it.
    pub queued: Option<Item>,
    /// When it was received, or first queued.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A try as `log show` tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptEntry {
    /// When.
    pub at: Timestamp,
    /// How long, in milliseconds.
    pub duration_ms: i64,
    /// `done`, `failed`, `again`, `ignored`, `retry`, `held`, `changed`, `refunded`, `gone`, `back`.
    pub outcome: String,
    /// The first problem's cause.
    pub cause: Option<String>,
    /// In plain words.
    pub message: String,
    /// What stood in the way, as data; of tries of long ago only their words are kept.
    pub problem: Option<Problem>,
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
    /// Up or down.
    pub direction: Option<Direction>,
    /// [`ORDER`], or the name of a [`crate::model::Kind`].
    pub kind: Option<String>,
    /// With this cause.
    pub cause: Option<String>,
    /// That wait for this one fix: [`Problem::key`].
    pub waits_for: Option<String>,
    /// Changed at or after.
    pub since: Option<Timestamp>,
}

/// How many records of a branch, of one direction, are in each state.
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

    fn add(&mut self, state: &str, count: u64, changed: bool) {
        match State::parse(state) {
            Some(State::Pending) => self.pending += count,
            Some(State::Held) => self.held += count,
            Some(State::Done) => {
                self.done += count;
                self.changed += if changed { count } else { 0 };
            }
            Some(State::Failed) => self.failed += count,
            Some(State::Ignored) => self.ignored += count,
            None => {}
        }
    }
}

/// What waits of one branch.
pub(super) const UNFINISHED: &str = "SELECT state, direction, count(*) FROM record INDEXED BY record_state
    WHERE branch = ?1 AND state IN ('pending', 'held', 'failed') GROUP BY 1, 2";

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

    /// One record with its payload and all its attempts, oldest first. The payload is what was received of an order, empty
    /// once it is forgotten, or what is to be sent; the attempts are those that are not forgotten.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn show(&self, record: i64) -> Result<Option<(Entry, String, Vec<AttemptEntry>)>, StoreError> {
        self.read(|db| {
            let sql = format!("SELECT {ENTRY}, payload FROM record WHERE id = ?1");
            let found = db.prepare(&sql)?.query_row([record], |row| Ok((entry(row)?, row.get::<_, String>("payload")?))).optional()?;
            let Some((entry, payload)) = found else { return Ok(None) };
            let payload = content(db, record)?.unwrap_or(payload);
            let mut query =
                db.prepare("SELECT at, duration_ms, outcome, cause, message, problem FROM attempt WHERE record_id = ?1 ORDER BY id")?;
            let attempts = query.query_map([record], |row| {
                Ok(AttemptEntry {
                    at: timestamp(row.get(0)?),
                    duration_ms: row.get(1)?,
                    outcome: row.get(2)?,
                    cause: row.get(3)?,
                    message: row.get(4)?,
                    problem: json_column(row.get(5)?),
                })
            })?;
            Ok(Some((entry, payload, attempts.collect::<rusqlite::Result<_>>()?)))
        })
    }

    /// How many records of each branch wait, by state: of what waits alone, however long the history is.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn waiting(&self, direction: Direction) -> Result<HashMap<String, Counts>, StoreError> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT branch, state, count(*) FROM record INDEXED BY record_waiting
                 WHERE state IN ('pending', 'held', 'failed') AND direction = ?1 GROUP BY 1, 2",
            )?;
            let mut counts: HashMap<String, Counts> = HashMap::new();
            let mut rows = query.query([direction.as_str()])?;
            while let Some(row) = rows.next()? {
                let branch = counts.entry(row.get(0)?).or_default();
                branch.add(&row.get::<_, String>(1)?, row.get(2)?, false);
            }
            Ok(counts)
        })
    }

    /// How many records of these branches wait, by direction and state: of what waits alone, and from an index alone, so
    /// that it stays quick however long the history is and however much waits.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn unfinished(&self, branches: &[BranchCode]) -> Result<HashMap<(String, Direction), Counts>, StoreError> {
        self.read(|db| {
            let mut query = db.prepare_cached(UNFINISHED)?;
            let mut counts: HashMap<(String, Direction), Counts> = HashMap::new();
            for branch in branches {
                let mut rows = query.query([branch.as_str()])?;
                while let Some(row) = rows.next()? {
                    let Some(direction) = Direction::parse(&row.get::<_, String>(1)?) else { continue };
                    let of_branch = counts.entry((branch.to_string(), direction)).or_default();
                    of_branch.add(&row.get::<_, String>(0)?, row.get(2)?, false);
                }
            }
            Ok(counts)
        })
    }

    /// How many records of each branch and direction are in each state.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn counts(&self) -> Result<HashMap<(String, Direction), Counts>, StoreError> {
        self.read(|db| {
            // Answered from the index record_state alone.
            let mut query = db.prepare_cached(
                "SELECT branch, state, direction, coalesce(cause = 'order_changed', 0), count(*) FROM record GROUP BY 1, 2, 3, 4",
            )?;
            let mut counts: HashMap<(String, Direction), Counts> = HashMap::new();
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                let Some(direction) = Direction::parse(&row.get::<_, String>(2)?) else { continue };
                let branch = counts.entry((row.get(0)?, direction)).or_default();
                branch.add(&row.get::<_, String>(1)?, row.get(4)?, row.get(3)?);
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
        if let Some(direction) = self.direction {
            add("direction =", direction.as_str().to_owned().into());
        }
        if let Some(kind) = &self.kind {
            add("kind =", kind.clone().into());
        }
        if let Some(cause) = &self.cause {
            add("cause =", cause.clone().into());
        }
        if let Some(waits_for) = &self.waits_for {
            add("waits_for =", waits_for.clone().into());
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
    amount_total, currency, date_order, adjusted, reason, note, created_at, updated_at,
    CASE WHEN direction = 'send' AND state IN ('pending', 'held', 'failed') THEN payload END AS queued";

pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let state: String = row.get("state")?;
    Ok(Entry {
        id: row.get("id")?,
        branch: row.get("branch")?,
        direction: Direction::parse(&row.get::<_, String>("direction")?).unwrap_or(Direction::Receive),
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
        note: row.get("note")?,
        queued: json_column(row.get("queued")?),
        created_at: timestamp(row.get("created_at")?),
        updated_at: timestamp(row.get("updated_at")?),
    })
}
