//! What records wait for a person for.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{Direction, Store, StoreError, json_column, timestamp};
use crate::problem::Problem;

/// Records of one branch and direction that wait for a person for one cause.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenCause {
    /// The branch's code.
    pub branch: String,
    /// Orders that came up, or master data that goes down.
    pub direction: Direction,
    /// The problem of the oldest of them.
    pub problem: Problem,
    /// How many.
    pub records: u64,
    /// Whether all of them wait for one fix.
    pub alike: bool,
}

impl Store {
    /// For which causes records wait for a person, by branch.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn open_causes(&self) -> Result<Vec<OpenCause>, StoreError> {
        self.read(|db| {
            // The list of states is what makes the index fit. With min() the other columns are those of that row: SQLite promises it.
            let mut query = db.prepare_cached(
                "SELECT branch, direction, problems, count(*), count(DISTINCT waits_for), min(id) FROM record INDEXED BY record_waiting
                 WHERE state IN ('pending', 'held', 'failed') AND state = 'failed' AND cause IS NOT NULL GROUP BY branch, direction, cause ORDER BY branch, direction, cause",
            )?;
            let mut rows = query.query([])?;
            let mut open = Vec::new();
            while let Some(row) = rows.next()? {
                let problems: Vec<Problem> = json_column(row.get(2)?).unwrap_or_default();
                let direction = Direction::parse(&row.get::<_, String>(1)?);
                let (Some(problem), Some(direction)) = (problems.into_iter().next(), direction) else { continue };
                let alike = row.get::<_, u64>(4)? <= 1;
                open.push(OpenCause { branch: row.get(0)?, direction, problem, records: row.get(3)?, alike });
            }
            Ok(open)
        })
    }

    /// Since when the oldest order of each branch waits to be written to central by itself.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn pending_since(&self) -> Result<HashMap<String, Timestamp>, StoreError> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT branch, min(created_at) FROM record INDEXED BY record_due
                 WHERE state = 'pending' AND direction = 'receive' GROUP BY branch",
            )?;
            query.query_map([], |row| Ok((row.get(0)?, timestamp(row.get(1)?))))?.collect()
        })
    }

    /// When central last took a record, if that is among the last tries.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn written_at(&self) -> Result<Option<Timestamp>, StoreError> {
        /// Tries that are looked at: some batches.
        const TRIES: usize = 500;
        self.read(|db| {
            let sql =
                format!("SELECT max(at) FROM (SELECT at, outcome FROM attempt ORDER BY id DESC LIMIT {TRIES}) WHERE outcome = 'done'");
            db.prepare_cached(&sql)?.query_row([], |row| Ok(row.get::<_, Option<i64>>(0)?.map(timestamp)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_counted_by_branch_and_what_waits_by_itself_is_left_out() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path()).expect("a ledger");
        let product = |name: &str| Problem::ProductNotFound { name: name.to_owned(), barcode: None, default_code: Some(name.to_owned()) };
        let insert = |id: i64, branch: &str, direction: &str, state: &str, problem: Option<Problem>| {
            let cause = problem.as_ref().map(Problem::cause);
            let subject = problem.as_ref().map(Problem::subject);
            let problems = problem.map(|problem| serde_json::to_string(&[problem]).expect("JSON"));
            let sql = "INSERT INTO record (id, branch, direction, kind, remote_id, witness, reference, state, problems, cause, waits_for,
                write_date, content_hash, payload, rows, date_order, amount_total, amount_tax, currency, created_at, updated_at)
                VALUES (?1, ?2, ?3, 'order', ?1, 'w', 'r', ?4, ?5, ?6, ?7, '', '', '{}', 1, '', '0', '0', 'EUR', 0, 0)";
            let written = store.write(|db| db.execute(sql, rusqlite::params![id, branch, direction, state, problems, cause, subject]));
            assert_eq!(written.expect("written"), 1);
        };
        insert(1, "tirana", "receive", "failed", Some(product("BAG01")));
        insert(2, "tirana", "receive", "failed", Some(product("BAG01")));
        insert(3, "durres", "receive", "failed", Some(product("MUG")));
        insert(4, "durres", "receive", "failed", Some(product("CUP")));
        insert(5, "durres", "send", "failed", Some(product("CUP")));
        insert(6, "durres", "receive", "held", Some(Problem::ClockOff { minutes: 3 }));
        insert(7, "durres", "receive", "pending", Some(Problem::ClockOff { minutes: 3 }));
        insert(8, "durres", "receive", "done", Some(Problem::OrderChanged { what: "total".to_owned() }));
        insert(9, "durres", "receive", "failed", None);
        let open = |branch: &str, direction, name: &str, records, alike| OpenCause {
            branch: branch.to_owned(),
            direction,
            problem: product(name),
            records,
            alike,
        };
        let expected = [
            open("durres", Direction::Receive, "MUG", 2, false),
            open("durres", Direction::Send, "CUP", 1, true),
            open("tirana", Direction::Receive, "BAG01", 2, true),
        ];
        assert_eq!(store.open_causes().expect("read"), expected);
        let waits = HashMap::from([("durres".to_owned(), Timestamp::UNIX_EPOCH)]);
        assert_eq!(store.pending_since().expect("read"), waits, "of those that go by themselves");
        assert_eq!(store.written_at().expect("read"), None);
        for (at, outcome) in [(40, "done"), (50, "done"), (60, "again")] {
            let sql = "INSERT INTO attempt (record_id, at, duration_ms, outcome, message) VALUES (1, ?1, 1, ?2, '')";
            assert_eq!(store.write(|db| db.execute(sql, rusqlite::params![at, outcome])).expect("written"), 1);
        }
        assert_eq!(store.written_at().expect("read").map(Timestamp::as_second), Some(50));
    }
}
