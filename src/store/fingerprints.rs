//! The newest orders that both sides should still have, and what became of those that one has no longer.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::outcome::attempt;
use super::{Store, StoreError, json_column, json_text};
use crate::model::{Amount, BranchCode};
use crate::problem::Problem;

/// A draft that central should still have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// The record.
    pub record: i64,
    /// The order's id at the branch.
    pub remote_id: i64,
    /// The draft.
    pub central_id: i64,
    /// `S00042`.
    pub central_name: String,
}

/// How many sales have to be the same where receipts tell alone, because there are no uuids. One would not do: branches that opened on
/// one morning have the same numbers and receipts, and sooner or later two of them sell in the same second.
pub const ENOUGH_RECEIPTS: usize = 2;

/// A sale by which the database of its branch is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Branch code.
    pub branch: String,
    /// The id at the branch.
    pub remote_id: i64,
    /// The till's uuid, or what stands for it.
    pub witness: String,
    /// The receipt.
    pub reference: String,
    /// The till's time.
    pub date_order: String,
    /// What the sale came to.
    pub amount_total: Amount,
    /// Whether its branch is known to have lost it: the database from before that, or a copy of it, still has it.
    pub gone: bool,
}

impl Witness {
    /// Length of a uuid: what stands for one is shorter.
    const UUID: usize = 36;

    /// Whether it has a uuid, which no two sales in the world have in common.
    pub fn has_uuid(&self) -> bool {
        self.witness.len() == Self::UUID
    }
}

impl Store {
    /// Ids of the newest received orders of a branch above `floor`, newest first, without those that are known to be gone.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn newest_orders(&self, branch: &BranchCode, floor: i64, below: i64, limit: usize) -> Result<Vec<i64>, StoreError> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT DISTINCT remote_id FROM record
                 WHERE branch = ?1 AND direction = 'receive' AND kind = 'order' AND remote_id > ?2 AND remote_id < ?3
                   AND NOT EXISTS (SELECT 1 FROM gone WHERE record_id = record.id AND at_branch IS NOT NULL)
                 ORDER BY remote_id DESC LIMIT ?4",
            )?;
            query.query_map(params![branch.as_str(), floor, below, limit], |row| row.get(0))?.collect()
        })
    }

    /// Ids of the newest received orders of a branch that are left out as invoiced, without those of which a person has decided and those
    /// that are known to be gone.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn newest_invoiced(&self, branch: &BranchCode, limit: usize) -> Result<Vec<i64>, StoreError> {
        self.read(|db| {
            // In the order of the index: a branch that invoices has many of them.
            let mut query = db.prepare_cached(
                "SELECT remote_id FROM record INDEXED BY record_state
                 WHERE branch = ?1 AND state = 'ignored' AND direction = 'receive' AND cause = ?2 AND reason IS NULL
                   AND NOT EXISTS (SELECT 1 FROM gone WHERE record_id = record.id AND at_branch IS NOT NULL)
                 ORDER BY id DESC LIMIT ?3",
            )?;
            query.query_map(params![branch.as_str(), Problem::INVOICED_SKIPPED, limit], |row| row.get(0))?.collect()
        })
    }

    /// The newest and the oldest sales of each branch that are not known to be gone there, and the newest that are, `of_each` of either,
    /// each once.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn witnesses(&self, of_each: usize) -> Result<Vec<Witness>, StoreError> {
        self.read(|db| {
            let sql = |gone: bool, order: &str| {
                let not = if gone { "" } else { "NOT" };
                format!(
                    "SELECT remote_id, witness, reference, date_order, amount_total FROM record
                     WHERE branch = ?1 AND direction = 'receive' AND kind = 'order'
                       AND {not} EXISTS (SELECT 1 FROM gone WHERE record_id = record.id AND at_branch IS NOT NULL)
                     ORDER BY remote_id {order} LIMIT ?2"
                )
            };
            let mut witnesses: Vec<Witness> = Vec::new();
            for branch in branches(db)? {
                for (gone, order) in [(false, "DESC"), (false, "ASC"), (true, "DESC")] {
                    let mut query = db.prepare_cached(&sql(gone, order))?;
                    let found = query.query_map(params![branch, of_each], |row| {
                        let (remote_id, witness, reference, date_order) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
                        // Our own decimal text: it always reads.
                        let amount_total = row.get::<_, String>(4)?.parse().unwrap_or_default();
                        Ok(Witness { branch: branch.clone(), remote_id, witness, reference, date_order, amount_total, gone })
                    })?;
                    for witness in found {
                        let witness = witness?;
                        if !witnesses.contains(&witness) {
                            witnesses.push(witness);
                        }
                    }
                }
            }
            Ok(witnesses)
        })
    }

    /// The newest and the oldest drafts of each branch that are proved and not known to be gone, `of_each` of either, with the
    /// branch's code.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn drafts_of_all(&self, of_each: usize) -> Result<Vec<(String, Fingerprint)>, StoreError> {
        self.read(|db| {
            let mut drafts = Vec::new();
            for branch in branches(db)? {
                for order in ["DESC", "ASC"] {
                    let found = drafts_of(db, &branch, i64::MAX, of_each, order)?;
                    drafts.extend(found.into_iter().map(|draft| (branch.clone(), draft)));
                }
            }
            Ok(drafts)
        })
    }

    /// When these orders of a branch were last written, as last seen; those that were never received are left out.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn write_dates(&self, branch: &BranchCode, ids: &[i64]) -> Result<HashMap<i64, String>, StoreError> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT max(write_date) FROM record WHERE branch = ?1 AND direction = 'receive' AND kind = 'order' AND remote_id = ?2",
            )?;
            let mut written = HashMap::new();
            for id in ids {
                if let Some(at) = query.query_row(params![branch.as_str(), id], |row| row.get::<_, Option<String>>(0))? {
                    written.insert(*id, at);
                }
            }
            Ok(written)
        })
    }

    /// Notes that the branch no longer has these orders. Returns the receipts of those of which it was not noted yet: of an open order
    /// that has the number of a lost one, each line that is added shows it anew.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn note_gone_at_branch(&self, branch: &BranchCode, ids: &[i64], now: Timestamp) -> Result<Vec<String>, StoreError> {
        self.write(|db| {
            let mut references = Vec::new();
            for id in ids {
                let mut query = db.prepare_cached(
                    "SELECT id, reference FROM record
                     WHERE branch = ?1 AND direction = 'receive' AND kind = 'order' AND remote_id = ?2",
                )?;
                let records: Vec<(i64, String)> = query
                    .query_map(params![branch.as_str(), id], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect::<rusqlite::Result<_>>()?;
                for (record, reference) in records {
                    let mut note = db.prepare_cached(
                        "INSERT INTO gone (record_id, at_branch) VALUES (?1, ?2)
                         ON CONFLICT DO UPDATE SET at_branch = excluded.at_branch WHERE gone.at_branch IS NULL",
                    )?;
                    if note.execute(params![record, now.as_second()])? > 0 {
                        references.push(reference);
                    }
                }
            }
            Ok(references)
        })
    }

    /// The drafts of a branch's newest orders that are not known to be gone, newest first: those that are proved, and those
    /// that are not as they should be.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn newest_drafts(&self, branch: &BranchCode, below: i64, limit: usize) -> Result<Vec<Fingerprint>, StoreError> {
        self.read(|db| drafts_of(db, branch.as_str(), below, limit, "DESC"))
    }

    /// The drafts of a branch's newest orders beside which stands that they are gone, newest first: a central that is put back to a
    /// backup has them again. What a person has ticked off is not among them.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn drafts_told_gone(&self, branch: &BranchCode, below: i64, limit: usize) -> Result<Vec<Fingerprint>, StoreError> {
        self.read(|db| {
            // Found by the index of what is told; a change at the branch is told before a draft that is gone.
            let mut query = db.prepare_cached(
                "SELECT id, remote_id, central_id, coalesce(central_name, '') FROM record
                 WHERE branch = ?1 AND state IN ('done', 'failed') AND direction = 'receive'
                   AND cause IN ('draft_deleted', 'draft_lost', 'order_changed') AND remote_id < ?2 AND central_id IS NOT NULL
                   AND EXISTS (SELECT 1 FROM gone WHERE record_id = record.id AND at_central IS NOT NULL)
                 ORDER BY remote_id DESC LIMIT ?3",
            )?;
            query.query_map(params![branch.as_str(), below, limit], fingerprint)?.collect()
        })
    }

    /// Ends what is told beside these orders of a draft that was gone: central has it again. One that failed is judged anew, since what
    /// was wrong with its draft may have come back with it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn note_back_at_central(&self, back: &[Fingerprint], now: Timestamp) -> Result<(), StoreError> {
        self.write(|db| {
            for Fingerprint { record, central_id, central_name, .. } in back {
                let mut query =
                    db.prepare_cached("SELECT problems FROM record WHERE id = ?1 AND state IN ('done', 'failed') AND central_id = ?2")?;
                // A person may have asked for it in the meantime.
                let Some(standing) = query.query_row(params![record, central_id], |row| row.get(0)).optional()? else { continue };
                let mut problems: Vec<Problem> = json_column(standing).unwrap_or_default();
                problems.retain(|problem| !matches!(problem, Problem::DraftDeleted { .. } | Problem::DraftLost { .. }));
                let rest = (!problems.is_empty()).then(|| json_text(&problems));
                db.prepare_cached(
                    "UPDATE record SET problems = ?2, cause = ?3, updated_at = ?4,
                         due_at = CASE WHEN state = 'failed' THEN ?4 ELSE due_at END,
                         state = CASE WHEN state = 'failed' THEN 'pending' ELSE state END
                     WHERE id = ?1",
                )?
                .execute(params![record, rest, problems.first().map(Problem::cause), now.as_second()])?;
                back_at_central(db, *record)?;
                attempt(db, *record, now, 0, "back", None, &format!("{central_name} is at central again"))?;
            }
            settle_central(db)
        })
    }

    /// Notes beside each of these orders that its draft is no longer at central, with what that means. They stay done; for one that
    /// failed, nothing else stands in its way any more: what was wrong with the draft went with it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn note_gone_at_central(&self, gone: &[(Fingerprint, Problem)], now: Timestamp) -> Result<(), StoreError> {
        self.write(|db| {
            for (Fingerprint { record, central_id, .. }, problem) in gone {
                // A person may have asked for it in the meantime, and it may have been written again.
                let same = "SELECT 1 FROM record WHERE id = ?1 AND state IN ('done', 'failed') AND central_id = ?2";
                if !db.prepare_cached(same)?.exists(params![record, central_id])? {
                    continue;
                }
                db.prepare_cached("UPDATE record SET problems = NULL, waits_for = NULL WHERE id = ?1 AND state = 'failed'")?
                    .execute([record])?;
                db.prepare_cached(
                    "INSERT INTO gone (record_id, at_central) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET at_central = excluded.at_central",
                )?
                .execute(params![record, now.as_second()])?;
                flag(db, *record, problem, now)?;
                attempt(db, *record, now, 0, "gone", Some(problem), &problem.what())?;
            }
            Ok(())
        })
    }
}

fn drafts_of(db: &Connection, branch: &str, below: i64, limit: usize, order: &str) -> rusqlite::Result<Vec<Fingerprint>> {
    let mut query = db.prepare_cached(&format!(
        "SELECT id, remote_id, central_id, coalesce(central_name, '') FROM record
         WHERE branch = ?1 AND direction = 'receive' AND kind = 'order' AND remote_id < ?2
           AND state IN ('done', 'failed') AND central_id IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM gone WHERE record_id = record.id AND at_central IS NOT NULL)
         ORDER BY remote_id {order} LIMIT ?3"
    ))?;
    query.query_map(params![branch, below, limit], fingerprint)?.collect()
}

fn fingerprint(row: &Row<'_>) -> rusqlite::Result<Fingerprint> {
    Ok(Fingerprint { record: row.get(0)?, remote_id: row.get(1)?, central_id: row.get(2)?, central_name: row.get(3)? })
}

/// The branches of which something is known, also those that the settings no longer name.
fn branches(db: &Connection) -> rusqlite::Result<Vec<String>> {
    // One look into the index for each, not one for each record.
    let mut query = db.prepare_cached(
        "WITH RECURSIVE code (branch) AS (
             SELECT min(branch) FROM record
             UNION ALL SELECT (SELECT min(branch) FROM record WHERE branch > code.branch) FROM code WHERE code.branch IS NOT NULL)
         SELECT branch FROM code WHERE branch IS NOT NULL",
    )?;
    query.query_map([], |row| row.get(0))?.collect()
}

/// Puts a problem beside a record that is done, in the place of an earlier one of the same cause; what only informs
/// stands last.
pub(super) fn flag(db: &Connection, record: i64, problem: &Problem, now: Timestamp) -> rusqlite::Result<()> {
    let standing: Option<String> =
        db.prepare_cached("SELECT problems FROM record WHERE id = ?1")?.query_row([record], |row| row.get(0)).optional()?.flatten();
    let mut problems: Vec<Problem> = json_column(standing).unwrap_or_default();
    problems.retain(|known| known.cause() != problem.cause());
    problems.insert(0, problem.clone());
    problems.sort_by_key(|known| matches!(known, Problem::OrderRefunded { .. }));
    let cause = problems.first().map(Problem::cause);
    db.prepare_cached("UPDATE record SET problems = ?2, cause = ?3, updated_at = ?4 WHERE id = ?1")?.execute(params![
        record,
        json_text(&problems),
        cause,
        now.as_second()
    ])?;
    Ok(())
}

/// A draft that was written anew is there again.
pub(super) fn back_at_central(db: &Connection, record: i64) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE gone SET at_central = NULL WHERE record_id = ?1")?.execute([record])?;
    Ok(())
}

/// Ends the notice that central was restored for each branch that waits for nobody's decision about it any more.
pub(super) fn settle_central(db: &Connection) -> rusqlite::Result<()> {
    db.prepare_cached(
        "DELETE FROM notice
         WHERE cause = 'central_restored'
           AND NOT EXISTS (SELECT 1 FROM record WHERE record.branch = notice.branch AND state IN ('pending', 'held', 'failed', 'done')
                               AND direction = 'receive' AND record.cause = 'draft_lost')",
    )?
    .execute([])?;
    Ok(())
}
