//! What is known of the records that orders name: as the branch has them, and which of central's they are.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::decide::AT_A_TIME;
use super::outcome::attempt;
use super::{Store, StoreError};
use crate::model::BranchCode;
use crate::problem::clean;

/// A branch's record, the record of central that it is, and when that was made (empty = not known).
pub type Binding = (i64, i64, String);

/// Longest sentence about who mapped what, in characters.
const SAID_MAX: usize = 300;

/// What a person says a branch's record is at central.
#[derive(Debug, Clone, Copy)]
pub struct Mapped<'a> {
    /// The branch.
    pub branch: &'a BranchCode,
    /// Odoo's model.
    pub model: &'a str,
    /// Its id at the branch.
    pub branch_id: i64,
    /// What the branch calls it.
    pub name: &'a str,
    /// Its id at central.
    pub central_id: i64,
    /// What central calls it.
    pub central_name: &'a str,
    /// What waits for it: see [`crate::problem::Problem::key`].
    pub waits_for: &'a str,
    /// Who says so.
    pub person: &'a str,
}

impl Store {
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

    /// Bindings of a branch's records of a model: central's id, and when its record was made, by the branch's id.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn bindings(&self, branch: &BranchCode, model: &str, ids: &[i64]) -> Result<HashMap<i64, (i64, String)>, StoreError> {
        self.read(|db| {
            let mut query =
                db.prepare_cached("SELECT central_id, central_made FROM binding WHERE branch = ?1 AND model = ?2 AND branch_id = ?3")?;
            by_id(ids, |id| query.query_row(params![branch.as_str(), model, id], |row| Ok((row.get(0)?, row.get(1)?))).optional())
        })
    }

    /// Bindings of a model of which it is not known when central's record was made, at most `limit`.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn bindings_unmade(&self, branch: &BranchCode, model: &str, limit: usize) -> Result<Vec<Binding>, StoreError> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT branch_id, central_id, central_made FROM binding WHERE branch = ?1 AND model = ?2 AND central_made = '' LIMIT ?3",
            )?;
            query.query_map(params![branch.as_str(), model, limit], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
        })
    }

    /// Remembers bindings found by matching; a person's choice is never overwritten.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn bind(&self, branch: &BranchCode, model: &str, found: &[Binding], now: Timestamp) -> Result<(), StoreError> {
        self.write(|db| {
            for (branch_id, central_id, made) in found {
                db.prepare_cached(
                    "INSERT INTO binding (branch, model, branch_id, central_id, source, updated_at, central_made)
                     VALUES (?1, ?2, ?3, ?4, 'match', ?5, ?6)
                     ON CONFLICT DO UPDATE SET central_id = excluded.central_id, updated_at = excluded.updated_at,
                         central_made = excluded.central_made WHERE source = 'match'",
                )?
                .execute(params![branch.as_str(), model, branch_id, central_id, now.as_second(), made])?;
            }
            Ok(())
        })
    }

    /// Writes down when central's records were made, of bindings that are still the same.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn note_made(&self, branch: &BranchCode, model: &str, made: &[Binding]) -> Result<(), StoreError> {
        self.write(|db| {
            for (branch_id, central_id, made) in made {
                db.prepare_cached(
                    "UPDATE binding SET central_made = ?5 WHERE branch = ?1 AND model = ?2 AND branch_id = ?3 AND central_id = ?4",
                )?
                .execute(params![branch.as_str(), model, branch_id, central_id, made])?;
            }
            Ok(())
        })
    }

    /// Forgets bindings, a person's too, whose record of central is another one now.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn unbind(&self, branch: &BranchCode, model: &str, replaced: &[Binding]) -> Result<(), StoreError> {
        self.write(|db| {
            for (branch_id, central_id, made) in replaced {
                db.prepare_cached(
                    "DELETE FROM binding WHERE branch = ?1 AND model = ?2 AND branch_id = ?3 AND central_id = ?4 AND central_made = ?5",
                )?
                .execute(params![branch.as_str(), model, branch_id, central_id, made])?;
            }
            Ok(())
        })
    }

    /// Which of these bindings a person chose: what he said comes before everything that is found.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn chosen(&self, branch: &BranchCode, model: &str, ids: &[i64]) -> Result<HashMap<i64, i64>, StoreError> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT central_id FROM binding WHERE branch = ?1 AND model = ?2 AND branch_id = ?3 AND source = 'person'",
            )?;
            by_id(ids, |id| query.query_row(params![branch.as_str(), model, id], |row| row.get(0)).optional())
        })
    }

    /// Keeps what a person says a branch's record is at central, and lets go what waits for it in that branch, and in no other.
    /// Of more than [`AT_A_TIME`] the rest follows, wherever it waits, when the last of these is written.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn bind_by_person(&self, mapped: &Mapped<'_>, now: Timestamp) -> Result<usize, StoreError> {
        let said = format!("{} is {} at central, says {}", mapped.name, mapped.central_name, mapped.person);
        let said = clean(&said, SAID_MAX);
        self.write(|db| {
            db.prepare_cached(
                "INSERT INTO binding (branch, model, branch_id, central_id, source, updated_at) VALUES (?1, ?2, ?3, ?4, 'person', ?5)
                 ON CONFLICT DO UPDATE SET central_id = excluded.central_id, source = 'person', updated_at = excluded.updated_at,
                     central_made = ''",
            )?
            .execute(params![mapped.branch.as_str(), mapped.model, mapped.branch_id, mapped.central_id, now.as_second()])?;
            let sql = format!(
                "SELECT id FROM record INDEXED BY record_waiting WHERE state IN ('pending', 'held', 'failed') AND state = 'failed'
                 AND waits_for = ?1 AND branch = ?2 AND direction = 'receive' ORDER BY id LIMIT {AT_A_TIME}"
            );
            let mut query = db.prepare_cached(&sql)?;
            let waiting: Vec<i64> =
                query.query_map(params![mapped.waits_for, mapped.branch.as_str()], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            let last = waiting.last().filter(|_| waiting.len() == AT_A_TIME);
            for record in &waiting {
                // What no longer waits for something lets nothing else go when it is written.
                db.prepare_cached(
                    "UPDATE record SET state = 'pending', due_at = ?2, updated_at = ?2, waits_for = CASE WHEN ?3 THEN waits_for END WHERE id = ?1",
                )?
                .execute(params![record, now.as_second(), last == Some(record)])?;
                attempt(db, *record, now, 0, "retry", None, &said)?;
            }
            Ok(waiting.len())
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
