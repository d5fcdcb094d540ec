//! The queue of what is sent to a branch, and what was sent. A queued record is a row of `record` with direction
//! `send`; its payload is the [`Item`], as it was previewed. The same record queued twice is one row.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::outcome::attempt;
use super::{State, Store, StoreError, json_column, json_text};
use crate::master_data::{Action, Baseline, BranchKey, CentralKey, Item};
use crate::model::{BranchCode, BranchId, CentralId, Kind};
use crate::problem::Problem;

/// What is known of a record that was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// The branch's record.
    pub branch_id: BranchKey,
    /// When that record was made there, as Odoo writes times: another one of this number is another record. Empty = not
    /// known.
    pub made: String,
    /// When central's record was made, the same way.
    pub central_made: String,
    /// What the branch had after the last sending.
    pub baseline: Baseline,
    /// By the settings or a person.
    pub chosen: bool,
}

/// A record that was compared or written, to be remembered.
#[derive(Debug, Clone, PartialEq)]
pub struct Remembered {
    /// What it is.
    pub kind: Kind,
    /// At central.
    pub central_id: CentralKey,
    /// What is known.
    pub sent: Sent,
}

/// A record that orders name, bound by sending it: model, branch's id, central's.
pub type Bound = (&'static str, i64, i64);

/// What stands in the place of [`super::Due::content`] for what is sent: the queue has one content, that of the preview.
pub const QUEUED_CONTENT: &str = "";

/// A row of the queue.
#[derive(Debug, Clone)]
pub struct Queued {
    /// The record.
    pub record: i64,
    /// As it was previewed.
    pub item: Item,
    /// Where it stands.
    pub state: State,
    /// A person queued or retried it by hand, so only what he saw is carried out.
    pub by_hand: bool,
    /// What stood in its way when it was last tried.
    pub problems: Vec<Problem>,
    /// Tries so far.
    pub attempts: u32,
    /// When it goes by itself.
    pub due_at: Option<Timestamp>,
    /// Whether an earlier call may have written it: its answer was lost, or the bridge was killed.
    pub unknown: bool,
}

/// What a try to send a record came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Sending {
    /// The branch has it.
    Done,
    /// Waits for a person.
    Failed(Vec<Problem>),
    /// Waits for a known thing; looked at again with each pass.
    Held(Vec<Problem>),
    /// By itself, later.
    Again {
        /// Why.
        problem: Problem,
        /// When.
        due_at: Timestamp,
    },
}

/// A try that is over.
#[derive(Debug, Clone)]
pub struct SendConclusion {
    /// The record.
    pub record: i64,
    /// As it was carried out, or could not be.
    pub item: Item,
    /// What it came to.
    pub sending: Sending,
    /// Whether this call or an earlier one may have written it all the same; `None` = none was made, so nothing was learnt of it.
    pub unknown: Option<bool>,
}

impl Store {
    /// What was sent to a branch, by kind and id at central.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn sent(&self, branch: &BranchCode) -> Result<HashMap<(Kind, CentralKey), Sent>, StoreError> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT kind, central_id, branch_id, baseline, chosen, branch_made, central_made FROM sent WHERE branch = ?1",
            )?;
            let mut rows = query.query([branch.as_str()])?;
            let mut sent = HashMap::new();
            while let Some(row) = rows.next()? {
                let Some(kind) = Kind::parse(&row.get::<_, String>(0)?) else { continue };
                let baseline = json_column(row.get(3)?).unwrap_or_default();
                let known = Sent {
                    branch_id: BranchId::new(row.get(2)?),
                    made: row.get(5)?,
                    central_made: row.get(6)?,
                    baseline,
                    chosen: row.get(4)?,
                };
                sent.insert((kind, CentralId::new(row.get(1)?)), known);
            }
            Ok(sent)
        })
    }

    /// Remembers what was sent, and which of central's records the branch's are, so that orders find them.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn remember_sent(&self, branch: &BranchCode, sent: &[Remembered], bound: &[Bound], now: Timestamp) -> Result<(), StoreError> {
        if sent.is_empty() && bound.is_empty() {
            return Ok(());
        }
        self.write(|db| remember(db, branch, sent, bound, now))
    }

    /// Forgets that records were sent: they are gone, or another one was meant.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn forget_sent(&self, branch: &BranchCode, gone: &[(Kind, CentralKey)]) -> Result<(), StoreError> {
        if gone.is_empty() {
            return Ok(());
        }
        self.write(|db| {
            for (kind, central_id) in gone {
                db.prepare_cached("DELETE FROM sent WHERE branch = ?1 AND kind = ?2 AND central_id = ?3")?.execute(params![
                    branch.as_str(),
                    kind.as_str(),
                    central_id.get()
                ])?;
            }
            Ok(())
        })
    }

    /// The rows of a branch's queue that are not done, in the order of need; with those that a person ignored.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn queue(&self, branch: &BranchCode) -> Result<Vec<Queued>, StoreError> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT id, payload, state, problems, attempts, due_at, rows, unknown FROM record
                 WHERE branch = ?1 AND state IN ('pending', 'held', 'failed', 'ignored') AND direction = 'send' ORDER BY id",
            )?;
            let mut rows = query.query([branch.as_str()])?;
            let mut queue = Vec::new();
            while let Some(row) = rows.next()? {
                let Some(item) = json_column::<Item>(row.get(1)?) else { continue };
                queue.push(Queued {
                    record: row.get(0)?,
                    item,
                    state: State::parse(&row.get::<_, String>(2)?).unwrap_or(State::Failed),
                    problems: json_column(row.get(3)?).unwrap_or_default(),
                    attempts: row.get(4)?,
                    due_at: row.get::<_, Option<i64>>(5)?.map(super::timestamp),
                    by_hand: row.get::<_, i64>(6)? == BY_HAND,
                    unknown: row.get(7)?,
                });
            }
            queue.sort_by_key(|queued| (queued.item.kind, queued.record));
            Ok(queue)
        })
    }

    /// Queues records for a branch, in one transaction; a row that is there takes the newer content. Returns the row of
    /// each, in the order given.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn enqueue(&self, branch: &BranchCode, items: &[Item], by_hand: bool, now: Timestamp) -> Result<Vec<i64>, StoreError> {
        self.write(|db| {
            let rows = if by_hand { BY_HAND } else { BY_SETTINGS };
            items.iter().map(|item| enqueue_one(db, branch, item, rows, now)).collect()
        })
    }

    /// Records what tries came to and what is to be remembered of them, in one transaction; one attempt row each, but a
    /// row that stands as it stood is left alone.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn conclude_sending(
        &self,
        branch: &BranchCode,
        conclusions: &[SendConclusion],
        sent: &[Remembered],
        bound: &[Bound],
        duration_ms: i64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if conclusions.is_empty() && sent.is_empty() {
            return Ok(());
        }
        self.write(|db| {
            remember(db, branch, sent, bound, now)?;
            conclusions.iter().try_for_each(|conclusion| conclude(db, conclusion, duration_ms, now))
        })
    }
}

/// In `rows`, which counts an order's lines: how a record came into the queue.
const BY_SETTINGS: i64 = 1;
/// A person chose it and saw the preview.
const BY_HAND: i64 = 2;

fn remember(db: &Connection, branch: &BranchCode, sent: &[Remembered], bound: &[Bound], now: Timestamp) -> rusqlite::Result<()> {
    for Remembered { kind, central_id, sent } in sent {
        db.prepare_cached(
            "INSERT INTO sent (branch, kind, central_id, branch_id, baseline, chosen, updated_at, branch_made, central_made)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT DO UPDATE SET branch_id = excluded.branch_id, baseline = excluded.baseline,
                 chosen = max(chosen, excluded.chosen), updated_at = excluded.updated_at, branch_made = excluded.branch_made,
                 central_made = excluded.central_made",
        )?
        .execute(params![
            branch.as_str(),
            kind.as_str(),
            central_id.get(),
            sent.branch_id.get(),
            json_text(&sent.baseline),
            sent.chosen,
            now.as_second(),
            sent.made,
            sent.central_made
        ])?;
    }
    for (model, branch_id, central_id) in bound {
        db.prepare_cached(
            "INSERT INTO binding (branch, model, branch_id, central_id, source, updated_at) VALUES (?1, ?2, ?3, ?4, 'match', ?5)
             ON CONFLICT DO UPDATE SET central_id = excluded.central_id, updated_at = excluded.updated_at, central_made = ''
                 WHERE source = 'match' AND central_id <> excluded.central_id",
        )?
        .execute(params![branch.as_str(), model, branch_id, central_id, now.as_second()])?;
    }
    Ok(())
}

fn enqueue_one(db: &Connection, branch: &BranchCode, item: &Item, rows: i64, now: Timestamp) -> rusqlite::Result<i64> {
    let payload = json_text(item);
    db.prepare_cached(
        "INSERT INTO record (branch, direction, kind, remote_id, witness, reference, state, due_at, write_date, content_hash, payload, rows,
             date_order, amount_total, amount_tax, currency, central_id, central_name, created_at, updated_at)
         VALUES (?1, 'send', ?2, ?3, ?4, ?5, 'pending', ?8, '', ?9, ?6, ?7, '', '', '', '', ?3, ?5, ?8, ?8)
         ON CONFLICT DO UPDATE SET reference = excluded.reference, central_name = excluded.central_name, payload = excluded.payload,
             state = 'pending', reason = NULL, due_at = excluded.due_at, updated_at = excluded.updated_at,
             rows = CASE WHEN state IN ('done', 'ignored') THEN excluded.rows ELSE max(rows, excluded.rows) END
         RETURNING id",
    )?
    .query_row(
        params![branch.as_str(), item.kind.as_str(), item.central_id.get(), item.external_id, item.reference, payload, rows, now.as_second(), QUEUED_CONTENT],
        |row| row.get(0),
    )
}

fn conclude(db: &Connection, conclusion: &SendConclusion, duration_ms: i64, now: Timestamp) -> rusqlite::Result<()> {
    let (record, item) = (conclusion.record, &conclusion.item);
    let at = now.as_second();
    let standing = |state: &str, problems: &[Problem]| -> rusqlite::Result<bool> {
        let stands = "SELECT 1 FROM record WHERE id = ?1 AND state = ?2 AND problems = ?3 AND payload = ?4";
        db.prepare_cached(stands)?.exists(params![record, state, json_text(&problems), json_text(item)])
    };
    match &conclusion.sending {
        Sending::Done => {
            let note = done_words(item);
            db.prepare_cached(
                "UPDATE record SET state = 'done', unknown = 0, problems = NULL, cause = NULL, waits_for = NULL, attempts = attempts + 1,
                     due_at = NULL, payload = '{}', note = ?2, updated_at = ?3 WHERE id = ?1",
            )?
            .execute(params![record, note, at])?;
            attempt(db, record, now, duration_ms, "done", None, &note)
        }
        Sending::Failed(problems) | Sending::Held(problems) => {
            let state = if matches!(conclusion.sending, Sending::Held(_)) { "held" } else { "failed" };
            let Some(first) = problems.first() else { return Ok(()) };
            if standing(state, problems)? {
                return Ok(());
            }
            db.prepare_cached(
                "UPDATE record SET state = ?2, unknown = coalesce(?8, unknown), problems = ?3, cause = ?4, waits_for = ?5,
                     attempts = attempts + 1, due_at = NULL, payload = ?6, updated_at = ?7 WHERE id = ?1",
            )?
            .execute(params![
                record,
                state,
                json_text(problems),
                first.cause(),
                first.key(),
                json_text(item),
                at,
                conclusion.unknown
            ])?;
            let message: Vec<String> = problems.iter().map(Problem::what).collect();
            attempt(db, record, now, duration_ms, state, Some(first), &message.join(" "))
        }
        Sending::Again { problem, due_at } => {
            db.prepare_cached(
                "UPDATE record SET unknown = coalesce(?2, unknown), problems = ?3, cause = ?4, attempts = attempts + 1, due_at = ?5, updated_at = ?6 WHERE id = ?1",
            )?
            .execute(params![record, conclusion.unknown, json_text(&[problem]), problem.cause(), due_at.as_second(), at])?;
            attempt(db, record, now, duration_ms, "again", Some(problem), &problem.what())
        }
    }
}

fn done_words(item: &Item) -> String {
    let done = match item.action {
        Action::Create => "Created at the branch",
        Action::Change => "Changed at the branch",
        Action::Archive => "Archived at the branch",
        Action::Remove => "Removed at the branch",
        Action::Nothing | Action::Compare => "Equal at the branch",
    };
    let id = item.branch_id.map(|id| format!(" (id {id})")).unwrap_or_default();
    match item.told() {
        told if told.is_empty() => format!("{done}{id}"),
        told => format!("{done}{id}: {told}"),
    }
}

/// What a pass learnt that costs only time when it is lost: kept beside the ledger, in a file for each side.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SendNote<S> {
    /// URL and database that it is about.
    pub place: String,
    /// The fields that this Odoo has.
    pub shape: S,
    /// Branch: central's clock at the start of the last pass that looked at everything that had changed.
    pub cursor: Option<String>,
    /// Branch: when everything was last compared.
    pub whole_at: Option<Timestamp>,
    /// Branch: what was chosen then; another choice means comparing everything again.
    pub chosen: Option<String>,
}

impl<S: Serialize + DeserializeOwned + Default> SendNote<S> {
    fn file(directory: &Path, owner: &str) -> PathBuf {
        directory.join(format!("send-{owner}.json"))
    }

    /// The note of a side; an empty one if there is none, it cannot be read, or it is about another place.
    pub fn load(directory: &Path, owner: &str, place: &str) -> Self {
        let read = std::fs::read(Self::file(directory, owner)).ok().and_then(|text| serde_json::from_slice::<Self>(&text).ok());
        let fresh = || Self { place: place.to_owned(), shape: S::default(), cursor: None, whole_at: None, chosen: None };
        read.filter(|note| note.place == place).unwrap_or_else(fresh)
    }

    /// Leaves the note, if it says anything new. A failure is passed over: the next pass only works more.
    pub fn save(&self, directory: &Path, owner: &str) {
        let file = Self::file(directory, owner);
        let Ok(text) = serde_json::to_vec(self) else { return };
        if std::fs::read(&file).is_ok_and(|old| old == text) {
            return;
        }
        let part = file.with_extension("part");
        let written = std::fs::write(&part, text);
        crate::planted::step();
        if written.and_then(|()| std::fs::rename(&part, &file)).is_err() {
            tracing::debug!(owner, "The note of the last send could not be written");
        }
        crate::planted::step();
    }
}

impl Store {
    /// The branch's record of a record of central, made there at `made`, if a person has said so and there is one alone.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn bound_by_person(&self, branch: &BranchCode, model: &str, central_id: i64, made: &str) -> Result<Option<i64>, StoreError> {
        self.read(|db| {
            db.prepare_cached(
                "SELECT min(branch_id) FROM binding WHERE branch = ?1 AND model = ?2 AND central_id = ?3 AND source = 'person'
                   AND central_made IN ('', ?4)
                 HAVING count(*) = 1",
            )?
            .query_row(params![branch.as_str(), model, central_id, made], |row| row.get(0))
            .optional()
        })
    }
}

#[cfg(test)]
mod tests;
