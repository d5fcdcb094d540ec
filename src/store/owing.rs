//! Which branches have work in the ledger that may start now.

use jiff::Timestamp;
use rusqlite::params;

use super::{Direction, Store, StoreError};
use crate::model::BranchCode;

impl Store {
    /// Branches and directions with records that are to be tried by now. With `held` also those whose master data waits
    /// for something at the branch.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn owing(&self, now: Timestamp, held: bool) -> Result<Vec<(BranchCode, Direction)>, StoreError> {
        self.read(|db| {
            let mut rows = db.prepare_cached(
                "SELECT DISTINCT branch, direction FROM record
                 WHERE state = 'pending' AND (due_at IS NULL OR due_at <= ?1) OR ?2 AND state = 'held' AND direction = 'send'
                 ORDER BY branch, direction",
            )?;
            let rows = rows.query_map(params![now.as_second(), held], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
            let lane = |(branch, direction): (String, String)| Some((BranchCode::new(&branch).ok()?, Direction::parse(&direction)?));
            rows.filter_map(|row| row.map(lane).transpose()).collect()
        })
    }

    /// What was put off until later is due now: what it waited for is over. Of one branch, or of all.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn hurry(&self, direction: Direction, branch: Option<&BranchCode>, now: Timestamp) -> Result<usize, StoreError> {
        self.write(|db| {
            db.execute(
                "UPDATE record SET due_at = ?1 WHERE state = 'pending' AND direction = ?2 AND due_at > ?1 AND (?3 IS NULL OR branch = ?3)",
                params![now.as_second(), direction.as_str(), branch.map(BranchCode::as_str)],
            )
        })
    }
}
