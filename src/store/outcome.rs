//! What is due, what is about to be sent, and what became of it.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::changed::what_changed;
use super::content::{kept_order, newer_order, text};
use super::fingerprints::{back_at_central, flag, settle_central};
use super::{Store, StoreError, json_column, json_text};
use crate::model::{Amount, BranchCode, CentralId, PosOrder, SaleOrderModel};
use crate::planted::{Bug, planted};
use crate::problem::Problem;

/// In `unknown`: an earlier call whose answer was lost may have written the order as it was before the branch changed it, and
/// what goes now is the newer content. Ends when the draft is proved; then the change is told.
pub(super) const OLDER_MAY_BE_WRITTEN: i64 = 2;

/// Nothing is put off for longer than this: the longest pause with its part of chance is an hour and a quarter, and a server
/// that asks for more than this is asked once too often.
const LONGEST_PUT_OFF: Duration = Duration::from_secs(2 * 3600);

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
    /// Whether an earlier try may have written it, or its older content: its answer was lost, or the bridge was killed.
    pub unknown: bool,
    /// Tells this content from what the branch may give meanwhile.
    pub content: String,
    /// The witness in its external id, where the order has had another since an upgrade of its branch.
    pub known_as: Option<String>,
}

impl Due {
    /// Whether central may have been given it before.
    pub fn tried(&self) -> bool {
        self.unknown || self.attempts > 0
    }
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
        /// Whether an earlier call may have written it all the same.
        unknown: bool,
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
    /// The [`Due::content`] that was judged, when nothing was sent: of newer content the verdict says nothing.
    pub judged: Option<String>,
}

/// The orders of a branch that are due, with this condition on their state. What was last put off at a time that has not come yet was put
/// off by a clock that has been set back since.
macro_rules! due {
    ($state:literal) => {
        concat!(
            "SELECT id, CASE WHEN unknown = 2 THEN coalesce(content.changed, content.payload) ELSE content.payload END, rows, attempts, waits_for, unknown, content_hash, known_as FROM record JOIN content ON content.record_id = id
             WHERE branch = ?1 AND id > ?2 AND ",
            $state,
            " AND direction = 'receive' AND (?3 IS NULL OR due_at <= ?3 OR due_at > ?4 OR updated_at > ?3) ORDER BY id"
        )
    };
}
const DUE: &str = due!("state = 'pending'");
const DUE_OR_DONE: &str = due!("state IN ('pending', 'done')");
const DUE_OR_IGNORED: &str = due!("state IN ('pending', 'ignored')");

impl Store {
    /// Pending orders of a branch after a record, in the order received, up to a number of draft rows (at least one
    /// order). With `now`, only those whose time has come.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn due(&self, branch: &BranchCode, after: i64, now: Option<Timestamp>, max_rows: usize) -> Result<Vec<Due>, StoreError> {
        self.read(|db| {
            let mut query = db.prepare_cached(match () {
                () if planted(Bug::ReplayDone) => DUE_OR_DONE,
                () if planted(Bug::ReplayIgnored) => DUE_OR_IGNORED,
                () => DUE,
            })?;
            let mut rows = query.query(params![branch.as_str(), after, now.map(Timestamp::as_second), too_far(now)])?;
            let (mut due, mut total) = (Vec::new(), 0);
            while let Some(row) = rows.next()? {
                let count: usize = row.get(2)?;
                if !due.is_empty() && total + count > max_rows {
                    break;
                }
                total += count;
                let Some(order) = json_column(text(row.get_ref(1)?)) else { continue };
                let (record, attempts, waits_for) = (row.get(0)?, row.get(3)?, row.get(4)?);
                let (unknown, content, known_as) = (row.get(5)?, row.get(6)?, row.get(7)?);
                due.push(Due { record, order, rows: count, attempts, waits_for, unknown, content, known_as });
            }
            Ok(due)
        })
    }

    /// Says, before a call is sent, that these records may be written by it, each with its [`Due::content`] or
    /// [`super::QUEUED_CONTENT`]. Stands until its conclusion; a crash in between leaves it, so that nobody takes the record
    /// for unsent. Returns those that are still to be sent: a person may have ended one meanwhile, and one that the branch
    /// has changed since is not sent as it was.
    ///
    /// # Errors
    /// See [`StoreError`]; then the call must not be sent.
    pub fn intend(&self, records: &[(i64, String)]) -> Result<HashSet<i64>, StoreError> {
        self.write(|db| {
            let any_state = planted(Bug::ReplayDone) || planted(Bug::ReplayIgnored);
            let state = if any_state { "" } else { "AND state = 'pending'" };
            let sql = format!("UPDATE record SET unknown = max(unknown, ?2) WHERE id = ?1 {state} AND content_hash = ?3");
            let mut query = db.prepare_cached(&sql)?;
            let mut intended = HashSet::new();
            for (record, content) in records {
                if query.execute(params![record, !planted(Bug::NoIntent), content])? > 0 {
                    intended.insert(*record);
                }
            }
            Ok(intended)
        })
    }

    /// Records what tries came to, one attempt row each, all in one transaction. When a record no longer waits for
    /// what it waited for, all failed records that wait for the same become pending: one fix releases all. A verdict about
    /// content that is no longer the newest is dropped.
    ///
    /// Returns how many may go now: released, or to be judged anew.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn conclude(&self, conclusions: &[Conclusion], duration_ms: i64, now: Timestamp) -> Result<usize, StoreError> {
        self.write(|db| {
            let mut released = 0;
            for conclusion in conclusions {
                if conclusion.judged.as_ref().is_some_and(|content| !stands(db, conclusion.record, content).unwrap_or(true)) {
                    released += 1;
                    continue;
                }
                conclude_one(db, conclusion, duration_ms, now)?;
                if matches!(conclusion.verdict, Verdict::Failed { draft: None, .. }) && doubt(db, conclusion.record)? == 1 {
                    // The content that may be written cannot go; what the branch has made of it since may.
                    released += usize::from(newer_goes(db, conclusion.record, now)?);
                }
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
            settle_central(db)?;
            Ok(released)
        })
    }
}

/// The time after which nothing can be due: what is, was put off by a clock that has been set back since.
fn too_far(now: Option<Timestamp>) -> i64 {
    now.map_or(i64::MAX, |now| now.as_second() + LONGEST_PUT_OFF.as_secs() as i64)
}

/// Whether an order is still pending with this content.
fn stands(db: &Connection, record: i64, content: &str) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM record WHERE id = ?1 AND state = 'pending' AND content_hash = ?2")?.exists(params![record, content])
}

fn doubt(db: &Connection, record: i64) -> rusqlite::Result<i64> {
    db.prepare_cached("SELECT unknown FROM record WHERE id = ?1")?.query_row([record], |row| row.get(0))
}

/// Sends the newer content that is kept beside an order in doubt: it failed, and the change may be the fix. Whether central has the
/// older one shows nothing but the draft; so the change is told beside it in any case. Whether there is such content.
pub(super) fn newer_goes(db: &Connection, record: i64, now: Timestamp) -> rusqlite::Result<bool> {
    let Some(newer) = newer_order(db, record)? else { return Ok(false) };
    let changed = db
        .prepare_cached(
            "UPDATE record SET unknown = ?2, rows = ?3, amount_total = ?4, amount_tax = ?5, updated_at = ?6,
                 due_at = CASE WHEN state = 'failed' THEN ?6 ELSE due_at END, state = 'pending'
             WHERE id = ?1 AND unknown > 0 AND central_id IS NULL AND (state = 'failed' OR state = 'pending' AND unknown = ?2)",
        )?
        .execute(params![
            record,
            OLDER_MAY_BE_WRITTEN,
            newer.lines.len() + 1, // and the closing note
            newer.amount_total.to_string(),
            newer.amount_tax.to_string(),
            now.as_second()
        ])?;
    Ok(changed > 0)
}

/// What changed at the branch while the outcome of a call was not known: the same call was repeated, so the draft is as
/// the order was before.
fn changed_meanwhile(db: &Connection, record: i64, now: Timestamp) -> rusqlite::Result<()> {
    let (Some(newer), Some(written)) = (newer_order(db, record)?, kept_order(db, record)?) else { return Ok(()) };
    flag(db, record, &Problem::OrderChanged { what: what_changed(&written, &newer) }, now)
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
            attempt(db, record, now, duration_ms, "done", None, &message)?;
            back_at_central(db, record)?;
            changed_meanwhile(db, record, now)
        }
        Verdict::Failed { problems, draft, unknown } => {
            let Some(first) = problems.first() else { return Ok(()) };
            // Then nothing was learnt of an earlier call whose answer was lost.
            let nothing_sent = conclusion.judged.is_some();
            db.prepare_cached(
                "UPDATE record SET state = 'failed', unknown = CASE WHEN unknown = 2 OR ?8 THEN unknown ELSE ?9 END, problems = ?2, cause = ?3, waits_for = ?4, attempts = attempts + 1, due_at = NULL,
                     central_id = coalesce(?5, central_id), central_name = coalesce(?6, central_name), updated_at = ?7 WHERE id = ?1",
            )?
            .execute(params![record, json_text(problems), first.cause(), first.key(), draft.as_ref().map(|d| d.0.get()), draft.as_ref().map(|d| &d.1), at, nothing_sent, unknown])?;
            if draft.is_some() {
                back_at_central(db, record)?;
            }
            let message: Vec<String> = problems.iter().map(Problem::what).collect();
            attempt(db, record, now, duration_ms, "failed", Some(first), &message.join(" "))
        }
        Verdict::Again { problem, due_at, unknown } => {
            db.prepare_cached(
                "UPDATE record SET unknown = CASE WHEN unknown = 2 THEN 2 ELSE ?2 END, problems = ?3, cause = ?4, attempts = attempts + 1,
                     due_at = ?5, updated_at = ?6 WHERE id = ?1",
            )?
            .execute(params![
                record,
                unknown,
                json_text(&[problem]),
                problem.cause(),
                if planted(Bug::AgainTooLate) { too_far(Some(now)) - 100 } else { due_at.as_second() },
                at
            ])?;
            attempt(db, record, now, duration_ms, "again", Some(problem), &problem.what())
        }
        Verdict::Ignored { problem } => {
            db.prepare_cached(
                "UPDATE record SET state = 'ignored', problems = ?2, cause = ?3, waits_for = NULL, attempts = attempts + 1, due_at = NULL,
                     updated_at = ?4 WHERE id = ?1",
            )?
            .execute(params![record, json_text(&[problem]), problem.cause(), at])?;
            attempt(db, record, now, duration_ms, "ignored", Some(problem), &problem.what())
        }
    }
}

pub(super) fn attempt(
    db: &Connection,
    record: i64,
    now: Timestamp,
    duration_ms: i64,
    outcome: &str,
    problem: Option<&Problem>,
    message: &str,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO attempt (record_id, at, duration_ms, outcome, cause, message, problem) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        record,
        now.as_second(),
        duration_ms,
        outcome,
        problem.map(Problem::cause),
        message,
        problem.map(|problem| json_text(&problem))
    ])?;
    Ok(())
}

#[cfg(test)]
mod tests;
