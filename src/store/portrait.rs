//! The ledger as who helps from afar may see it: counts, states, causes and times. No name, no number of a receipt, no
//! amount, no text that came from an Odoo or a person.

use rusqlite::Connection;
use serde_json::{Value, json};

use super::{DailyPass, LastPass, SendPass, Store, StoreError, timestamp, version};
use crate::model::BranchCode;

/// Most rows of a list: what a person looks through.
const ROWS: usize = 200;

impl Store {
    /// The ledger in figures, as JSON.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn portrait(&self) -> Result<Value, StoreError> {
        let (bytes, used) = (self.bytes(), self.bytes_used()?);
        self.read(|db| {
            Ok(json!({
                "schema_version": version(db)?,
                "sqlite": rusqlite::version(),
                "bytes": bytes,
                "bytes_used": used,
                "rows": rows(db)?,
                "records": counts(db)?,
                "waiting_longest": waiting(db)?,
                "last_attempts": attempts(db)?,
                "endpoints": endpoints(db)?,
                "notices": notices(db)?,
            }))
        })
    }
}

/// The notes of a branch's last passes, without what was said.
pub fn last_passes(directory: &std::path::Path, branch: &BranchCode) -> Value {
    let receive = LastPass::load(directory, branch).map(|last| {
        json!({
            "started_at": last.started_at, "ended_at": last.ended_at, "succeeded_at": last.succeeded_at, "answered_at": last.answered_at,
            "whole_window_at": last.whole_window_at, "clock_offset_s": last.clock_offset_s,
            "cause": last.error.as_ref().map(crate::problem::Problem::cause),
        })
    });
    let send = SendPass::load(directory, branch)
        .map(|last| json!({ "started_at": last.started_at, "cause": last.error.as_ref().map(crate::problem::Problem::cause) }));
    let reconcile = DailyPass::load(directory, branch)
        .map(|last| json!({ "started_at": last.started_at, "cause": last.error.as_ref().map(crate::problem::Problem::cause) }));
    json!({ "branch": branch.as_str(), "receive": receive, "send": send, "reconcile": reconcile })
}

fn rows(db: &Connection) -> rusqlite::Result<Value> {
    let count = |table: &str| db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0));
    Ok(json!({
        "record": count("record")?, "content": count("content")?, "attempt": count("attempt")?, "branch_record": count("branch_record")?,
        "binding": count("binding")?, "sent": count("sent")?, "secret": count("secret")?,
        "day": count("day")?, "session": count("session")?,
    }))
}

fn counts(db: &Connection) -> rusqlite::Result<Vec<Value>> {
    let sql = "SELECT branch, direction, state, cause, count(*) FROM record GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4";
    let mut query = db.prepare(sql)?;
    let rows = query.query_map([], |row| {
        Ok(json!({
            "branch": row.get::<_, String>(0)?, "direction": row.get::<_, String>(1)?, "state": row.get::<_, String>(2)?,
            "cause": row.get::<_, Option<String>>(3)?, "count": row.get::<_, i64>(4)?,
        }))
    })?;
    rows.collect()
}

fn waiting(db: &Connection) -> rusqlite::Result<Vec<Value>> {
    let sql = "SELECT id, branch, direction, kind, state, cause, unknown, attempts, due_at, created_at, updated_at FROM record
         WHERE state IN ('pending', 'held', 'failed') ORDER BY id LIMIT ?1";
    let mut query = db.prepare(sql)?;
    let rows = query.query_map([ROWS as i64], |row| {
        Ok(json!({
            "record": row.get::<_, i64>(0)?, "branch": row.get::<_, String>(1)?, "direction": row.get::<_, String>(2)?,
            "kind": row.get::<_, String>(3)?, "state": row.get::<_, String>(4)?, "cause": row.get::<_, Option<String>>(5)?,
            "outcome_unknown": row.get::<_, bool>(6)?, "attempts": row.get::<_, i64>(7)?,
            "due_at": row.get::<_, Option<i64>>(8)?.map(timestamp), "created_at": timestamp(row.get(9)?), "updated_at": timestamp(row.get(10)?),
        }))
    })?;
    rows.collect()
}

fn attempts(db: &Connection) -> rusqlite::Result<Vec<Value>> {
    let sql = "SELECT record_id, at, duration_ms, outcome, cause FROM attempt ORDER BY id DESC LIMIT ?1";
    let mut query = db.prepare(sql)?;
    let rows = query.query_map([ROWS as i64], |row| {
        Ok(json!({
            "record": row.get::<_, i64>(0)?, "at": timestamp(row.get(1)?), "duration_ms": row.get::<_, i64>(2)?,
            "outcome": row.get::<_, String>(3)?, "cause": row.get::<_, Option<String>>(4)?,
        }))
    })?;
    rows.collect()
}

fn endpoints(db: &Connection) -> rusqlite::Result<Vec<Value>> {
    let mut query = db.prepare("SELECT owner, uid IS NOT NULL, fields IS NOT NULL, cursor FROM endpoint ORDER BY owner")?;
    let rows = query.query_map([], |row| {
        // A time as Odoo writes it, or nothing: whatever else stood there would be somebody's text.
        let cursor = row.get::<_, Option<String>>(3)?.filter(|text| text.parse::<jiff::civil::DateTime>().is_ok());
        Ok(json!({
            "owner": row.get::<_, String>(0)?, "has_logged_in": row.get::<_, bool>(1)?, "fields_known": row.get::<_, bool>(2)?,
            "cursor": cursor,
        }))
    })?;
    rows.collect()
}

fn notices(db: &Connection) -> rusqlite::Result<Vec<Value>> {
    let mut query = db.prepare("SELECT branch, cause FROM notice ORDER BY branch, cause")?;
    query.query_map([], |row| Ok(json!({ "branch": row.get::<_, String>(0)?, "cause": row.get::<_, String>(1)? })))?.collect()
}
