//! What people ask of the daemon: a pass now, or none until further notice.

use jiff::Timestamp;
use rusqlite::params;

use super::{Direction, Store, StoreError, timestamp};
use crate::model::BranchCode;

/// A branch that somebody has paused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paused {
    /// Its code.
    pub branch: String,
    /// Since when.
    pub at: Timestamp,
    /// Who did it.
    pub person: String,
    /// Why.
    pub reason: String,
}

impl Store {
    /// Asks for a pass of a branch as soon as it can be.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn wish(&self, branch: &BranchCode, direction: Direction, now: Timestamp) -> Result<(), StoreError> {
        self.write(|db| {
            db.execute(
                "INSERT INTO wish (branch, direction, at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                params![branch.as_str(), direction.as_str(), now.as_second()],
            )?;
            Ok(())
        })
    }

    /// Takes up what was asked for: it is the daemon's from here on.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn take_wishes(&self) -> Result<Vec<(BranchCode, Direction)>, StoreError> {
        let any = self.read(|db| db.prepare_cached("SELECT 1 FROM wish")?.exists([]))?;
        if !any {
            return Ok(Vec::new()); // nothing is written for nothing
        }
        self.write(|db| {
            let mut query = db.prepare("DELETE FROM wish RETURNING branch, direction")?;
            let rows = query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
            let lane = |(branch, direction): (String, String)| Some((BranchCode::new(&branch).ok()?, Direction::parse(&direction)?));
            rows.filter_map(|row| row.map(lane).transpose()).collect()
        })
    }

    /// Branches that somebody has paused.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn paused(&self) -> Result<Vec<Paused>, StoreError> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT branch, at, person, reason FROM paused ORDER BY branch")?;
            let rows = query.query_map([], |row| {
                Ok(Paused { branch: row.get(0)?, at: timestamp(row.get(1)?), person: row.get(2)?, reason: row.get(3)? })
            })?;
            rows.collect()
        })
    }

    /// Pauses a branch: passes that run come to their end, none starts by itself.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn pause(&self, branch: &BranchCode, person: &str, reason: &str, now: Timestamp) -> Result<(), StoreError> {
        self.write(|db| {
            db.execute(
                "INSERT INTO paused (branch, at, person, reason) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                params![branch.as_str(), now.as_second(), person, reason],
            )?;
            Ok(())
        })
    }

    /// Ends a branch's pause.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn resume(&self, branch: &BranchCode) -> Result<(), StoreError> {
        self.write(|db| {
            db.execute("DELETE FROM paused WHERE branch = ?1", [branch.as_str()])?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_taken_up_once_and_a_pause_lasts() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path()).expect("a ledger");
        let tirana = BranchCode::new("tirana").expect("a code");
        let now = Timestamp::from_second(1_800_000_000).expect("a time");
        assert_eq!(store.take_wishes().expect("read"), []);
        for _ in 0..2 {
            store.wish(&tirana, Direction::Receive, now).expect("written");
        }
        assert_eq!(store.take_wishes().expect("taken"), [(tirana.clone(), Direction::Receive)]);
        assert_eq!(store.take_wishes().expect("read"), []);
        store.pause(&tirana, "anna", "moving", now).expect("written");
        store.pause(&tirana, "ben", "again", now).expect("written");
        let paused = Paused { branch: "tirana".to_owned(), at: now, person: "anna".to_owned(), reason: "moving".to_owned() };
        assert_eq!(store.paused().expect("read"), [paused]);
        store.resume(&tirana).expect("written");
        assert_eq!(store.paused().expect("read"), []);
    }
}
