//! The rows of the ledger: keeping what a branch gave, what is due, what became of it, and what people decide.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::{Store, StoreError, json_column, json_text, timestamp};
use crate::mapping::same_money;
use crate::model::{Amount, BranchCode, BranchId, CentralId, Model, PosOrder, PosOrderModel, Product, SaleOrderModel};
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

/// A branch's record that orders name: `(model, id, JSON)`.
pub type BranchRecord = (&'static str, i64, String);

/// What became of a page that was kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Orders never seen before.
    pub new: u64,
    /// Orders changed at the branch before they were written: the newer content counts.
    pub renewed: u64,
    /// Orders changed at the branch after they were written: flagged, the draft is not touched.
    pub changed: u64,
    /// Whether an id came back with another order under it: the branch was restored or cloned.
    pub reused_id: bool,
}

/// An order that is due.
#[derive(Debug, Clone)]
pub struct Due {
    /// The record.
    pub record: i64,
    /// As received.
    pub order: PosOrder,
    /// Rows of its draft.
    pub rows: usize,
    /// Tries so far.
    pub attempts: u32,
    /// What it waited for until now.
    pub waits_for: Option<String>,
}

/// What a try came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Central has it, with the till's total.
    Done {
        /// The draft.
        id: CentralId<SaleOrderModel>,
        /// `S00042`.
        name: String,
        /// The adjustment line's amount.
        adjusted: Option<Amount>,
    },
    /// A person first.
    Failed {
        /// Everything that stands in its way; never empty.
        problems: Vec<Problem>,
        /// The draft, if one exists that is not as it should be.
        draft: Option<(CentralId<SaleOrderModel>, String)>,
    },
    /// By itself, later.
    Again {
        /// Why.
        problem: Problem,
        /// When.
        due_at: Timestamp,
        /// Whether the call may have been carried out.
        unknown: bool,
    },
    /// A setting says no.
    Ignored {
        /// Which.
        problem: Problem,
    },
}

/// A try that is over.
#[derive(Debug, Clone)]
pub struct Conclusion {
    /// The record.
    pub record: i64,
    /// What it waited for before.
    pub waited_for: Option<String>,
    /// What it came to.
    pub verdict: Verdict,
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
}

impl Counts {
    /// Everything that is not finished.
    pub fn waiting(&self) -> u64 {
        self.pending + self.held + self.failed
    }
}

/// What the ledger knows of an id that a branch named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The record.
    pub record: i64,
    /// Its witness.
    pub witness: String,
    /// As last seen.
    pub write_date: String,
}

impl Store {
    /// What the ledger knows of orders `first..=last` of a branch, by id. After a restore an id can have several.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn known(&self, branch: &BranchCode, first: i64, last: i64) -> Result<HashMap<i64, Vec<Known>>, StoreError> {
        self.read(|db| {
            let mut rows = db.prepare_cached(
                "SELECT remote_id, id, witness, write_date FROM record
                 WHERE branch = ?1 AND direction = 'receive' AND kind = 'order' AND remote_id BETWEEN ?2 AND ?3",
            )?;
            let mut known: HashMap<i64, Vec<Known>> = HashMap::new();
            let mut rows = rows.query(params![branch.as_str(), first, last])?;
            while let Some(row) = rows.next()? {
                known.entry(row.get(0)?).or_default().push(Known { record: row.get(1)?, witness: row.get(2)?, write_date: row.get(3)? });
            }
            Ok(known)
        })
    }

    /// The highest order id of a branch that was ever received.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn highest_order(&self, branch: &BranchCode) -> Result<i64, StoreError> {
        self.read(|db| {
            db.prepare_cached(
                "SELECT coalesce(max(remote_id), 0) FROM record WHERE branch = ?1 AND direction = 'receive' AND kind = 'order'",
            )?
            .query_row([branch.as_str()], |row| row.get(0))
        })
    }

    /// Ids of received orders of a branch that were last written at or after `since` and have an id above `floor`:
    /// what a pass over that window should meet again.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn window(&self, branch: &BranchCode, since: &str, floor: i64) -> Result<Vec<i64>, StoreError> {
        self.read(|db| {
            let mut rows = db.prepare_cached(
                "SELECT remote_id FROM record WHERE branch = ?1 AND write_date >= ?2 AND remote_id > ?3 AND direction = 'receive'",
            )?;
            rows.query_map(params![branch.as_str(), since, floor], |row| row.get(0))?.collect()
        })
    }

    /// Keeps a page of orders and the records that they name, and moves the cursor if one is given: one transaction.
    ///
    /// From here on nothing of it can be lost, whatever happens to either Odoo.
    ///
    /// # Errors
    /// See [`StoreError`]; then nothing of the page is kept.
    pub fn keep(
        &self,
        branch: &BranchCode,
        orders: &[PosOrder],
        records: &[BranchRecord],
        cursor: Option<&str>,
        now: Timestamp,
    ) -> Result<Kept, StoreError> {
        self.write(|db| {
            let mut kept = Kept::default();
            for order in orders {
                keep_order(db, branch, order, now, &mut kept)?;
            }
            for (model, id, data) in records {
                db.prepare_cached("INSERT OR REPLACE INTO branch_record (branch, model, branch_id, data) VALUES (?1, ?2, ?3, ?4)")?
                    .execute(params![branch.as_str(), model, id, data])?;
            }
            if let Some(cursor) = cursor {
                db.prepare_cached("UPDATE endpoint SET cursor = ?2 WHERE owner = ?1")?.execute(params![branch.as_str(), cursor])?;
            }
            Ok(kept)
        })
    }

    /// Orders of other branches that carry one of these witnesses: `(branch, reference)` by witness. A till's uuid is
    /// made once in the world, so such a branch is a copy of the other.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn orders_of_other_branches(
        &self,
        branch: &BranchCode,
        witnesses: &[String],
    ) -> Result<HashMap<String, (String, String)>, StoreError> {
        self.read(|db| {
            let mut found = HashMap::new();
            let mut query = db.prepare_cached(
                "SELECT branch, reference FROM record WHERE witness = ?1 AND branch <> ?2 AND direction = 'receive' LIMIT 1",
            )?;
            for witness in witnesses {
                let twin = query.query_row(params![witness, branch.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
                if let Some(twin) = twin {
                    found.insert(witness.clone(), twin);
                }
            }
            Ok(found)
        })
    }

    /// Pending orders of a branch after a record, in the order received, up to a number of draft rows (at least one
    /// order). With `now`, only those whose time has come.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn due(&self, branch: &BranchCode, after: i64, now: Option<Timestamp>, max_rows: usize) -> Result<Vec<Due>, StoreError> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT id, payload, rows, attempts, waits_for FROM record
                 WHERE branch = ?1 AND id > ?2 AND state = 'pending' AND direction = 'receive' AND (?3 IS NULL OR due_at <= ?3)
                 ORDER BY id",
            )?;
            let mut rows = query.query(params![branch.as_str(), after, now.map(Timestamp::as_second)])?;
            let (mut due, mut total) = (Vec::new(), 0);
            while let Some(row) = rows.next()? {
                let count: usize = row.get(2)?;
                if !due.is_empty() && total + count > max_rows {
                    break;
                }
                total += count;
                let Some(order) = json_column(row.get(1)?) else { continue };
                due.push(Due { record: row.get(0)?, order, rows: count, attempts: row.get(3)?, waits_for: row.get(4)? });
            }
            Ok(due)
        })
    }

    /// Says, before a call is sent, that these records may be written by it. Stands until [`Store::conclude`]; a
    /// crash in between leaves it, so that nobody takes the record for unsent.
    ///
    /// # Errors
    /// See [`StoreError`]; then the call must not be sent.
    pub fn intend(&self, records: &[i64]) -> Result<(), StoreError> {
        self.write(|db| {
            for record in records {
                db.prepare_cached("UPDATE record SET unknown = 1 WHERE id = ?1 AND state = 'pending'")?.execute([record])?;
            }
            Ok(())
        })
    }

    /// Records what tries came to, one attempt row each, all in one transaction. When a record no longer waits for
    /// what it waited for, all failed records that wait for the same become pending: one fix releases all.
    ///
    /// Returns how many were released.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn conclude(&self, conclusions: &[Conclusion], duration_ms: i64, now: Timestamp) -> Result<usize, StoreError> {
        self.write(|db| {
            let mut released = 0;
            for conclusion in conclusions {
                conclude_one(db, conclusion, duration_ms, now)?;
                let still = match &conclusion.verdict {
                    Verdict::Failed { problems, .. } => problems.iter().map(Problem::key).collect(),
                    // Nothing was learnt about what it waited for.
                    Verdict::Again { .. } => continue,
                    Verdict::Done { .. } | Verdict::Ignored { .. } => Vec::new(),
                };
                if let Some(key) = conclusion.waited_for.as_ref().filter(|key| !still.contains(key)) {
                    released += db
                        .prepare_cached(
                            "UPDATE record SET state = 'pending', due_at = ?2, updated_at = ?2 WHERE state = 'failed' AND waits_for = ?1",
                        )?
                        .execute(params![key, now.as_second()])?;
                }
            }
            Ok(released)
        })
    }

    /// The records that branch orders name, of a model: JSON by id, without those to be read again.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn branch_records(&self, branch: &BranchCode, model: &str, ids: &[i64]) -> Result<HashMap<i64, String>, StoreError> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT data FROM branch_record WHERE branch = ?1 AND model = ?2 AND branch_id = ?3")?;
            by_id(ids, |id| query.query_row(params![branch.as_str(), model, id], |row| row.get(0)).optional())
        })
    }

    /// Which of `ids` are not kept, or are to be read again.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn unread(&self, branch: &BranchCode, model: &str, ids: &[i64]) -> Result<Vec<i64>, StoreError> {
        self.read(|db| {
            let mut query =
                db.prepare_cached("SELECT 1 FROM branch_record WHERE branch = ?1 AND model = ?2 AND branch_id = ?3 AND stale = 0")?;
            let mut unread = Vec::new();
            for id in ids {
                if !query.exists(params![branch.as_str(), model, id])? {
                    unread.push(*id);
                }
            }
            Ok(unread)
        })
    }

    /// Records of a branch that a person's retry wants read again: `(model, id)`.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn stale_records(&self, branch: &BranchCode) -> Result<Vec<(String, i64)>, StoreError> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT model, branch_id FROM branch_record WHERE branch = ?1 AND stale = 1")?;
            query.query_map([branch.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
    }

    /// Bindings of a branch's records of a model.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn bindings(&self, branch: &BranchCode, model: &str, ids: &[i64]) -> Result<HashMap<i64, i64>, StoreError> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT central_id FROM binding WHERE branch = ?1 AND model = ?2 AND branch_id = ?3")?;
            by_id(ids, |id| query.query_row(params![branch.as_str(), model, id], |row| row.get(0)).optional())
        })
    }

    /// Remembers bindings found by matching; a person's choice is never overwritten.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn bind(&self, branch: &BranchCode, model: &str, found: &[(i64, i64)], now: Timestamp) -> Result<(), StoreError> {
        self.write(|db| {
            for (branch_id, central_id) in found {
                db.prepare_cached(
                    "INSERT INTO binding (branch, model, branch_id, central_id, source, updated_at) VALUES (?1, ?2, ?3, ?4, 'match', ?5)
                     ON CONFLICT DO UPDATE SET central_id = excluded.central_id, updated_at = excluded.updated_at WHERE source = 'match'",
                )?
                .execute(params![branch.as_str(), model, branch_id, central_id, now.as_second()])?;
            }
            Ok(())
        })
    }

    /// Forgets matches that point at a record of central, because it is gone. Returns how many.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn unbind_central(&self, branch: &BranchCode, central_id: i64) -> Result<usize, StoreError> {
        self.write(|db| {
            db.execute(
                "DELETE FROM binding WHERE branch = ?1 AND central_id = ?2 AND source = 'match'",
                params![branch.as_str(), central_id],
            )
        })
    }

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
            let mut query = db.prepare_cached("SELECT branch, state, count(*) FROM record GROUP BY branch, state")?;
            let mut counts: HashMap<String, Counts> = HashMap::new();
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                let branch = counts.entry(row.get(0)?).or_default();
                let count: u64 = row.get(2)?;
                match State::parse(&row.get::<_, String>(1)?) {
                    Some(State::Pending) => branch.pending = count,
                    Some(State::Held) => branch.held = count,
                    Some(State::Done) => branch.done = count,
                    Some(State::Failed) => branch.failed = count,
                    Some(State::Ignored) => branch.ignored = count,
                    None => {}
                }
            }
            Ok(counts)
        })
    }

    /// Makes waiting records pending and due, because a person asked; with `recreate` also those that are done, whose
    /// drafts a person deleted at central. Matches for what they name are found anew. Returns the records.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn retry(&self, filter: &Filter, recreate: bool, now: Timestamp) -> Result<Vec<Entry>, StoreError> {
        let (clause, values) = filter.sql();
        let states = if recreate { "('pending', 'held', 'failed', 'ignored', 'done')" } else { "('pending', 'held', 'failed', 'ignored')" };
        self.write(|db| {
            let sql = format!("SELECT {ENTRY}, payload FROM record WHERE ({clause}) AND state IN {states} AND (state <> 'ignored' OR reason IS NOT NULL) ORDER BY id");
            let mut query = db.prepare(&sql)?;
            let found: Vec<(Entry, String)> = query.query_map(params_from_iter(values), |row| Ok((entry(row)?, row.get("payload")?)))?.collect::<rusqlite::Result<_>>()?;
            for (entry, payload) in &found {
                db.prepare_cached("UPDATE record SET state = 'pending', due_at = ?2, reason = NULL, updated_at = ?2 WHERE id = ?1")?
                    .execute(params![entry.id, now.as_second()])?;
                attempt(db, entry.id, now, 0, "retry", None, "Retry asked for")?;
                if let Ok(order) = serde_json::from_str::<PosOrder>(payload) {
                    forget_matches(db, &entry.branch, &order)?;
                }
            }
            Ok(found.into_iter().map(|(entry, _)| entry).collect())
        })
    }

    /// Ends waiting records without writing them to central, for a reason. Returns the records.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn ignore(&self, filter: &Filter, reason: &str, now: Timestamp) -> Result<Vec<Entry>, StoreError> {
        let (clause, values) = filter.sql();
        self.write(|db| {
            let sql = format!("SELECT {ENTRY} FROM record WHERE ({clause}) AND state IN ('pending', 'held', 'failed') ORDER BY id");
            let mut query = db.prepare(&sql)?;
            let found: Vec<Entry> = query.query_map(params_from_iter(values), entry)?.collect::<rusqlite::Result<_>>()?;
            for entry in &found {
                db.prepare_cached("UPDATE record SET state = 'ignored', reason = ?2, due_at = NULL, updated_at = ?3 WHERE id = ?1")?
                    .execute(params![entry.id, reason, now.as_second()])?;
                attempt(db, entry.id, now, 0, "ignored", None, &format!("Ignored: {reason}"))?;
            }
            Ok(found)
        })
    }
}

impl Filter {
    /// A WHERE clause with bound parameters only.
    fn sql(&self) -> (String, Vec<rusqlite::types::Value>) {
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
const ENTRY: &str =
    "id, branch, direction, kind, remote_id, reference, state, unknown, problems, attempts, due_at, central_id, central_name,
    amount_total, currency, date_order, adjusted, reason, created_at, updated_at";

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
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

fn by_id<T>(ids: &[i64], mut query: impl FnMut(i64) -> rusqlite::Result<Option<T>>) -> rusqlite::Result<HashMap<i64, T>> {
    let mut found = HashMap::new();
    for id in ids {
        if let Some(value) = query(*id)? {
            found.insert(*id, value);
        }
    }
    Ok(found)
}

/// A row that stands under an order's id.
struct Standing {
    record: i64,
    witness: String,
    reference: String,
    date_order: String,
    amount_total: String,
    state: State,
    unknown: bool,
    has_draft: bool,
    content_hash: String,
}

fn keep_order(db: &Connection, branch: &BranchCode, order: &PosOrder, now: Timestamp, kept: &mut Kept) -> rusqlite::Result<()> {
    let standing = standing(db, branch, order.id)?;
    let witness = order.witness();
    let same_receipt = |row: &&Standing| {
        row.reference == order.reference()
            && row.date_order == order.date_order
            && row.amount_total.parse::<Amount>().is_ok_and(|total| same_money(total, order.amount_total))
    };
    // An upgrade of the branch's Odoo can give an old order a uuid: same receipt, same order.
    match standing.iter().find(|row| row.witness == witness).or_else(|| standing.iter().find(same_receipt)) {
        Some(row) => renew(db, row, order, now, kept),
        None => {
            kept.reused_id |= !standing.is_empty();
            kept.new += 1;
            insert(db, branch, order, &witness, now)
        }
    }
}

fn standing(db: &Connection, branch: &BranchCode, id: BranchId<PosOrderModel>) -> rusqlite::Result<Vec<Standing>> {
    let mut query = db.prepare_cached(
        "SELECT id, witness, reference, date_order, amount_total, state, unknown, central_id IS NOT NULL, content_hash FROM record
         WHERE branch = ?1 AND direction = 'receive' AND kind = 'order' AND remote_id = ?2",
    )?;
    let rows = query.query_map(params![branch.as_str(), id.get()], |row| {
        Ok(Standing {
            record: row.get(0)?,
            witness: row.get(1)?,
            reference: row.get(2)?,
            date_order: row.get(3)?,
            amount_total: row.get(4)?,
            state: State::parse(&row.get::<_, String>(5)?).unwrap_or(State::Failed),
            unknown: row.get(6)?,
            has_draft: row.get(7)?,
            content_hash: row.get(8)?,
        })
    })?;
    rows.collect()
}

fn insert(db: &Connection, branch: &BranchCode, order: &PosOrder, witness: &str, now: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO record (branch, direction, kind, remote_id, witness, reference, state, due_at, write_date, content_hash, payload, rows,
             date_order, amount_total, amount_tax, currency, created_at, updated_at)
         VALUES (?1, 'receive', 'order', ?2, ?3, ?4, 'pending', ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?5, ?5)",
    )?
    .execute(params![
        branch.as_str(),
        order.id.get(),
        witness,
        order.reference(),
        now.as_second(),
        order.write_date,
        order.content_hash(),
        json_text(order),
        order.lines.len() + 1, // and the closing note
        order.date_order,
        order.amount_total.to_string(),
        order.amount_tax.to_string(),
        order.currency_id.as_ref().map_or("", |currency| currency.name.as_str()),
    ])?;
    Ok(())
}

fn renew(db: &Connection, row: &Standing, order: &PosOrder, now: Timestamp, kept: &mut Kept) -> rusqlite::Result<()> {
    let hash = order.content_hash();
    if row.content_hash == hash {
        db.prepare_cached("UPDATE record SET write_date = ?2 WHERE id = ?1 AND write_date <> ?2")?
            .execute(params![row.record, order.write_date])?;
        return Ok(());
    }
    let written = row.has_draft || row.unknown || row.state == State::Done;
    if written {
        kept.changed += 1;
        let problem = Problem::OrderChanged { what: what_changed(db, row.record, order)? };
        db.prepare_cached(
            "UPDATE record SET write_date = ?2, content_hash = ?3, changed = ?4, updated_at = ?5,
                 problems = CASE WHEN state = 'done' THEN ?6 ELSE problems END,
                 cause = CASE WHEN state = 'done' THEN ?7 ELSE cause END
             WHERE id = ?1",
        )?
        .execute(params![
            row.record,
            order.write_date,
            hash,
            json_text(order),
            now.as_second(),
            json_text(&[&problem]),
            problem.cause()
        ])?;
        return attempt(db, row.record, now, 0, "changed", Some(&problem), &problem.what());
    }
    kept.renewed += 1;
    // The change may be the fix that a failed order waits for.
    db.prepare_cached(
        "UPDATE record SET write_date = ?2, content_hash = ?3, payload = ?4, rows = ?5, amount_total = ?6, amount_tax = ?7, updated_at = ?8,
             state = CASE WHEN state = 'failed' THEN 'pending' ELSE state END,
             due_at = CASE WHEN state = 'failed' THEN ?8 ELSE due_at END
         WHERE id = ?1",
    )?
    .execute(params![
        row.record,
        order.write_date,
        hash,
        json_text(order),
        order.lines.len() + 1,
        order.amount_total.to_string(),
        order.amount_tax.to_string(),
        now.as_second(),
    ])?;
    Ok(())
}

/// Names the parts of an order that differ from what was written, for a person.
fn what_changed(db: &Connection, record: i64, newer: &PosOrder) -> rusqlite::Result<String> {
    let payload: String = db.prepare_cached("SELECT payload FROM record WHERE id = ?1")?.query_row([record], |row| row.get(0))?;
    let Ok(older) = serde_json::from_str::<PosOrder>(&payload) else { return Ok("its content".to_owned()) };
    let mut parts = Vec::new();
    let mut differs = |what: String, differs: bool| {
        if differs {
            parts.push(what);
        }
    };
    let name =
        |partner: &Option<crate::model::BranchRef<crate::model::Partner>>| partner.as_ref().map_or("nobody".to_owned(), |p| p.name.clone());
    differs(format!("total {} -> {}", older.amount_total, newer.amount_total), older.amount_total != newer.amount_total);
    differs(format!("customer {} -> {}", name(&older.partner_id), name(&newer.partner_id)), older.partner_id != newer.partner_id);
    if let Some(invoice) = newer.account_move.as_ref().filter(|_| older.account_move.is_none()) {
        differs(format!("invoiced as {}", invoice.name), true);
    }
    differs("lines".to_owned(), older.lines != newer.lines);
    differs("payments".to_owned(), older.payment_ids != newer.payment_ids);
    differs("notes".to_owned(), older.general_customer_note != newer.general_customer_note);
    Ok(if parts.is_empty() { "its details".to_owned() } else { parts.join(", ") })
}

fn conclude_one(db: &Connection, conclusion: &Conclusion, duration_ms: i64, now: Timestamp) -> rusqlite::Result<()> {
    let record = conclusion.record;
    let at = now.as_second();
    match &conclusion.verdict {
        Verdict::Done { id, name, adjusted } => {
            db.prepare_cached(
                "UPDATE record SET state = 'done', unknown = 0, problems = NULL, cause = NULL, waits_for = NULL, attempts = attempts + 1, due_at = NULL,
                     central_id = ?2, central_name = ?3, adjusted = ?4, updated_at = ?5 WHERE id = ?1",
            )?
            .execute(params![record, id.get(), name, adjusted.map(|a| a.to_string()), at])?;
            let message = match adjusted {
                Some(amount) => format!("Written to central as {name}, with an adjustment line of {amount}"),
                None => format!("Written to central as {name}"),
            };
            attempt(db, record, now, duration_ms, "done", None, &message)
        }
        Verdict::Failed { problems, draft } => {
            let Some(first) = problems.first() else { return Ok(()) };
            db.prepare_cached(
                "UPDATE record SET state = 'failed', unknown = 0, problems = ?2, cause = ?3, waits_for = ?4, attempts = attempts + 1, due_at = NULL,
                     central_id = coalesce(?5, central_id), central_name = coalesce(?6, central_name), updated_at = ?7 WHERE id = ?1",
            )?
            .execute(params![record, json_text(problems), first.cause(), first.key(), draft.as_ref().map(|d| d.0.get()), draft.as_ref().map(|d| &d.1), at])?;
            let message: Vec<String> = problems.iter().map(Problem::what).collect();
            attempt(db, record, now, duration_ms, "failed", Some(first), &message.join(" "))
        }
        Verdict::Again { problem, due_at, unknown } => {
            db.prepare_cached(
                "UPDATE record SET unknown = ?2, problems = ?3, cause = ?4, attempts = attempts + 1, due_at = ?5, updated_at = ?6 WHERE id = ?1",
            )?
            .execute(params![record, unknown, json_text(&[problem]), problem.cause(), due_at.as_second(), at])?;
            attempt(db, record, now, duration_ms, "again", Some(problem), &problem.what())
        }
        Verdict::Ignored { problem } => {
            db.prepare_cached(
                "UPDATE record SET state = 'ignored', unknown = 0, problems = ?2, cause = ?3, waits_for = NULL, attempts = attempts + 1, due_at = NULL,
                     updated_at = ?4 WHERE id = ?1",
            )?
            .execute(params![record, json_text(&[problem]), problem.cause(), at])?;
            attempt(db, record, now, duration_ms, "ignored", Some(problem), &problem.what())
        }
    }
}

fn attempt(
    db: &Connection,
    record: i64,
    now: Timestamp,
    duration_ms: i64,
    outcome: &str,
    problem: Option<&Problem>,
    message: &str,
) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO attempt (record_id, at, duration_ms, outcome, cause, message) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![record, now.as_second(), duration_ms, outcome, problem.map(Problem::cause), message])?;
    Ok(())
}

/// What an order names is matched anew: the person who asks for a retry has changed something on one of the sides.
fn forget_matches(db: &Connection, branch: &str, order: &PosOrder) -> rusqlite::Result<()> {
    let products = order.lines.iter().map(|line| (Product::NAME, line.product_id.id.get()));
    let taxes = order.lines.iter().flat_map(|line| &line.tax_ids_after_fiscal_position).map(|id| (crate::model::Tax::NAME, id.get()));
    let partner = order.partner_id.iter().map(|partner| (crate::model::Partner::NAME, partner.id.get()));
    for (model, id) in products.chain(taxes).chain(partner) {
        db.prepare_cached("DELETE FROM binding WHERE branch = ?1 AND model = ?2 AND branch_id = ?3 AND source = 'match'")?
            .execute(params![branch, model, id])?;
        db.prepare_cached("UPDATE branch_record SET stale = 1 WHERE branch = ?1 AND model = ?2 AND branch_id = ?3")?
            .execute(params![branch, model, id])?;
    }
    Ok(())
}
