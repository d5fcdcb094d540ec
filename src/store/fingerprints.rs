//! The newest orders that both sides should still have, and what became of those that one has no longer.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::outcome::attempt;
use super::{Store, StoreError, json_column, json_text};
use crate::model::BranchCode;
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

    /// Notes that the branch no longer has these orders. Returns the receipts of the first and the last of them.
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
                    db.prepare_cached(
                        "INSERT INTO gone (record_id, at_branch) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET at_branch = excluded.at_branch",
                    )?
                    .execute(params![record, now.as_second()])?;
                    references.push(reference);
                }
            }
            Ok(references)
        })
    }

    /// The drafts of a branch's newest orders that are proved and not known to be gone, newest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn newest_drafts(&self, branch: &BranchCode, below: i64, limit: usize) -> Result<Vec<Fingerprint>, StoreError> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT id, remote_id, central_id, coalesce(central_name, '') FROM record
                 WHERE branch = ?1 AND direction = 'receive' AND kind = 'order' AND remote_id < ?2
                   AND state = 'done' AND central_id IS NOT NULL
                   AND NOT EXISTS (SELECT 1 FROM gone WHERE record_id = record.id AND at_central IS NOT NULL)
                 ORDER BY remote_id DESC LIMIT ?3",
            )?;
            let rows = query.query_map(params![branch.as_str(), below, limit], |row| {
                Ok(Fingerprint { record: row.get(0)?, remote_id: row.get(1)?, central_id: row.get(2)?, central_name: row.get(3)? })
            })?;
            rows.collect()
        })
    }

    /// Notes beside each of these orders that its draft is no longer at central, with what that means. They stay done.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn note_gone_at_central(&self, gone: &[(Fingerprint, Problem)], now: Timestamp) -> Result<(), StoreError> {
        self.write(|db| {
            for (Fingerprint { record, central_id, .. }, problem) in gone {
                // A person may have asked for it in the meantime, and it may have been written again.
                let same = "SELECT 1 FROM record WHERE id = ?1 AND state = 'done' AND central_id = ?2";
                if !db.prepare_cached(same)?.exists(params![record, central_id])? {
                    continue;
                }
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
        "UPDATE endpoint SET problem = NULL
         WHERE problem IS NOT NULL AND json_extract(problem, '$.cause') = 'central_restored'
           AND NOT EXISTS (SELECT 1 FROM record WHERE branch = owner AND state IN ('pending', 'held', 'failed', 'done')
                               AND direction = 'receive' AND cause = 'draft_lost')",
    )?
    .execute([])?;
    Ok(())
}
