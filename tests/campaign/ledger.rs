//! The ledger as the checker reads it: plain SQL, none of the bridge's own code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// A row of `record`.
#[derive(Debug, Clone)]
pub struct Row {
    pub record: i64,
    pub branch: String,
    pub remote_id: i64,
    pub witness: String,
    pub state: String,
    pub unknown: bool,
    pub cause: Option<String>,
    pub problems: Option<String>,
    pub central_id: Option<i64>,
}

impl Row {
    /// Whether it is noted that its draft is no longer at central.
    pub fn is_gone(&self) -> bool {
        self.problems.as_ref().is_some_and(|problems| problems.contains("draft_deleted") || problems.contains("draft_lost"))
    }

    /// The external id that its draft has, without the module.
    pub fn key(&self) -> String {
        format!("{}-{}-{}", self.branch, self.remote_id, self.witness)
    }
}

fn open(state: &Path) -> Connection {
    Connection::open_with_flags(state.join("posbridge.sqlite"), OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .expect("a ledger")
}

/// All orders in the ledger, by key.
pub fn rows(state: &Path) -> BTreeMap<String, Row> {
    let db = open(state);
    let mut query = db
        .prepare(
            "SELECT id, branch, remote_id, witness, state, unknown, cause, problems, central_id
             FROM record WHERE direction = 'receive'",
        )
        .expect("the table record");
    let rows = query
        .query_map([], |row| {
            Ok(Row {
                record: row.get(0)?,
                branch: row.get(1)?,
                remote_id: row.get(2)?,
                witness: row.get(3)?,
                state: row.get(4)?,
                unknown: row.get(5)?,
                cause: row.get(6)?,
                problems: row.get(7)?,
                central_id: row.get(8)?,
            })
        })
        .expect("rows");
    rows.map(|row| row.expect("a row")).map(|row| (row.key(), row)).collect()
}

/// The number of the newest attempt, and how many newer than `after` ended well, by branch.
pub fn written(state: &Path, after: i64) -> (i64, BTreeMap<String, u64>) {
    let db = open(state);
    let newest = db.query_row("SELECT coalesce(max(id), 0) FROM attempt", [], |row| row.get(0)).expect("a number");
    let mut query = db
        .prepare("SELECT branch, count(*) FROM attempt JOIN record ON record.id = record_id WHERE attempt.id > ?1 AND outcome = 'done' GROUP BY 1")
        .expect("the table attempt");
    let counts = query.query_map([after], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64))).expect("rows");
    (newest, counts.map(|count| count.expect("a row")).collect())
}

/// The records that are noted as no longer at their branch.
pub fn gone_at_branch(state: &Path) -> BTreeSet<i64> {
    let db = open(state);
    let mut query = db.prepare("SELECT record_id FROM gone WHERE at_branch IS NOT NULL").expect("the table gone");
    let rows = query.query_map([], |row| row.get(0)).expect("rows");
    rows.map(|row| row.expect("a row")).collect()
}

/// What is noted about whole branches: code and cause.
pub fn branch_problems(state: &Path) -> BTreeSet<(String, String)> {
    let db = open(state);
    let sql = "SELECT owner, json_extract(problem, '$.cause') FROM endpoint WHERE problem IS NOT NULL";
    let mut query = db.prepare(sql).expect("the table endpoint");
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    rows.map(|row| row.expect("a row")).collect()
}

/// The bytes of the ledger's files.
pub fn bytes(state: &Path) -> Vec<(String, Vec<u8>)> {
    ["posbridge.sqlite", "posbridge.sqlite-wal"]
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), std::fs::read(state.join(name)).ok()?)))
        .collect()
}
