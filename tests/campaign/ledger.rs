//! The ledger as the checker reads it: plain SQL, none of the bridge's own code.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

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
        self.tells("draft_deleted") || self.tells("draft_lost")
    }

    /// Whether a problem with this cause stands beside it, first or among others.
    pub fn tells(&self, cause: &str) -> bool {
        self.problems.as_ref().is_some_and(|problems| problems.contains(cause))
    }

    /// The external id that its draft has, without the module.
    pub fn key(&self) -> String {
        format!("{}-{}-{}", self.branch, self.remote_id, self.witness)
    }
}

/// The ledger of a trial, as it is looked at.
pub struct Ledger {
    state: PathBuf,
    /// Looks stay connected from one to the next, as long as the bridge's own ledger stays open: a connection reads the whole
    /// schema before its first row. Where each pass is a start of its own, the last one to go has to be the bridge.
    connection: RefCell<Option<Connection>>,
    stays: bool,
}

impl Ledger {
    pub fn new(state: PathBuf, stays: bool) -> Self {
        Self { state, connection: RefCell::default(), stays }
    }

    /// Lets go of the file, which is about to be another one.
    pub fn close(&self) {
        self.connection.replace(None);
    }

    fn look<T>(&self, look: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> T {
        let connection = self.connection.take().unwrap_or_else(|| open(&self.state));
        let seen = look(&connection).expect("a ledger");
        if self.stays {
            self.connection.replace(Some(connection));
        }
        seen
    }

    /// All orders in the ledger, by key.
    pub fn rows(&self) -> BTreeMap<String, Row> {
        self.look(rows)
    }

    /// The number of the newest attempt.
    pub fn newest_attempt(&self) -> i64 {
        self.look(newest_attempt)
    }

    /// Whether a branch was told by its orders at the address that the settings name.
    pub fn recognizes(&self, branch: &str) -> bool {
        let sql = "SELECT coalesce(max(recognized), 0) FROM endpoint WHERE owner = ?1";
        self.look(|db| db.query_row(sql, [branch], |row| row.get(0)))
    }

    /// The records that are noted as no longer at their branch.
    pub fn gone_at_branch(&self) -> BTreeSet<i64> {
        self.look(gone_at_branch)
    }

    /// What a pass is measured by.
    pub fn after_pass(&self, newest_attempt: i64) -> AfterPass {
        self.look(|db| Ok(AfterPass { written: written(db, newest_attempt)?, rows: rows(db)?, branch_problems: branch_problems(db)? }))
    }

    /// The bytes of the ledger's files.
    pub fn bytes(&self) -> Vec<(String, Vec<u8>)> {
        ["posbridge.sqlite", "posbridge.sqlite-wal"]
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), std::fs::read(self.state.join(name)).ok()?)))
            .collect()
    }
}

/// The ledger after a pass.
pub struct AfterPass {
    /// How many attempts of the pass ended well, by branch.
    pub written: BTreeMap<String, u64>,
    /// All orders, by key.
    pub rows: BTreeMap<String, Row>,
    /// What is noted about whole branches: code and cause.
    pub branch_problems: BTreeSet<(String, String)>,
}

fn open(state: &Path) -> Connection {
    Connection::open_with_flags(state.join("posbridge.sqlite"), OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .expect("a ledger")
}

fn rows(db: &Connection) -> rusqlite::Result<BTreeMap<String, Row>> {
    let mut query = db.prepare_cached(
        "SELECT id, branch, remote_id, witness, state, unknown, cause, problems, central_id FROM record WHERE direction = 'receive'",
    )?;
    let rows = query.query_map([], |row| {
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
    })?;
    rows.map(|row| row.map(|row| (row.key(), row))).collect()
}

fn newest_attempt(db: &Connection) -> rusqlite::Result<i64> {
    db.prepare_cached("SELECT coalesce(max(id), 0) FROM attempt")?.query_row([], |row| row.get(0))
}

fn written(db: &Connection, after: i64) -> rusqlite::Result<BTreeMap<String, u64>> {
    let mut query = db.prepare_cached(
        "SELECT branch, count(*) FROM attempt JOIN record ON record.id = record_id WHERE attempt.id > ?1 AND outcome = 'done' GROUP BY 1",
    )?;
    query.query_map([after], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?.collect()
}

fn gone_at_branch(db: &Connection) -> rusqlite::Result<BTreeSet<i64>> {
    let mut query = db.prepare_cached("SELECT record_id FROM gone WHERE at_branch IS NOT NULL")?;
    query.query_map([], |row| row.get(0))?.collect()
}

fn branch_problems(db: &Connection) -> rusqlite::Result<BTreeSet<(String, String)>> {
    let mut query = db.prepare_cached("SELECT branch, cause FROM notice")?;
    query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}
