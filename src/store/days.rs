//! Days and sessions as they were last held against central, and the orders of a day.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::ledger::{ENTRY, entry};
use super::{Entry, Store, StoreError, timestamp};
use crate::model::BranchCode;

/// Ids in one query: SQLite takes 32,766 parameters; a page of this size is read in a millisecond.
const IDS: usize = 1_000;

/// A received order, as comparing a day needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct DayOrder {
    /// What `log` shows of it.
    pub entry: Entry,
    /// Tells two orders with one id apart.
    pub witness: String,
    /// The branch's, as last seen.
    pub write_date: String,
}

/// What a day came to when it was last looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayState {
    /// Branch code.
    pub branch: String,
    /// In the branch's zone.
    pub day: Date,
    /// When it was first compared after its end.
    pub first_checked_at: Option<Timestamp>,
    /// When both sides were last read to the end.
    pub proved_at: Option<Timestamp>,
    /// `equal`, `explained`, `differs`, `not_over`, `unproved`: as of `proved_at`.
    pub verdict: String,
    /// Differences that a person has to look at, as of `proved_at`.
    pub for_a_person: u64,
    /// Things about the sessions that began on it that do not fit, as of `proved_at`.
    pub findings: u64,
    /// When it could last not be proved, if that is later than `proved_at`.
    pub failed_at: Option<Timestamp>,
    /// Why.
    pub error: Option<String>,
}

/// A session as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Its id at the branch.
    pub id: i64,
    /// The day on which it began, in the branch's zone.
    pub day: Date,
    /// JSON.
    pub report: String,
}

impl DayState {
    /// Whether nothing is left to do about it.
    pub fn is_settled(&self) -> bool {
        matches!(self.verdict.as_str(), "equal" | "explained") && self.failed_at.is_none()
    }
}

impl Store {
    /// Received orders of a branch with a `date_order` in `from..to` (as Odoo writes times), and those with these ids at
    /// the branch.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn day_orders(&self, branch: &BranchCode, from: &str, to: &str, ids: &[i64]) -> Result<Vec<DayOrder>, StoreError> {
        self.read(|db| {
            let sql = format!(
                "SELECT {ENTRY}, coalesce(known_as, witness) AS witness, write_date FROM record INDEXED BY record_day
                 WHERE branch = ?1 AND direction = 'receive' AND date_order >= ?2 AND date_order < ?3 ORDER BY id"
            );
            let mut query = db.prepare_cached(&sql)?;
            let mut found: Vec<DayOrder> = query.query_map(params![branch.as_str(), from, to], day_order)?.collect::<Result<_, _>>()?;
            let seen: BTreeSet<i64> = found.iter().map(|order| order.entry.id).collect();
            for ids in ids.chunks(IDS) {
                // Integers of our own, so they may stand in the text.
                let list: Vec<String> = ids.iter().map(i64::to_string).collect();
                let sql = format!(
                    "SELECT {ENTRY}, coalesce(known_as, witness) AS witness, write_date FROM record
                     WHERE branch = ?1 AND direction = 'receive' AND kind = 'order' AND remote_id IN ({}) ORDER BY id",
                    list.join(", ")
                );
                let mut query = db.prepare(&sql)?;
                for order in query.query_map([branch.as_str()], day_order)? {
                    let order = order?;
                    if !seen.contains(&order.entry.id) {
                        found.push(order);
                    }
                }
            }
            Ok(found)
        })
    }

    /// Those of these sales orders at central, named by their external ids, that the ledger has a record for: one that it
    /// knows as written so, or one whose outcome it does not know yet. Not one that it leaves out, and does not know to be there.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn written_as(&self, branch: &BranchCode, central: &[(i64, String)]) -> Result<BTreeSet<i64>, StoreError> {
        self.read(|db| {
            let mut known = BTreeSet::new();
            // By the external id, since nothing else of a draft is indexed here.
            let mut query = db.prepare_cached(
                "SELECT 1 FROM record WHERE branch = ?1 AND direction = 'receive' AND kind = 'order' AND remote_id = ?2 AND coalesce(known_as, witness) = ?3
                 AND coalesce(central_id, ?4) = ?4 AND (central_id IS NOT NULL OR state <> 'ignored')",
            )?;
            for (id, external_id) in central {
                let rest = external_id.strip_prefix(branch.as_str()).and_then(|rest| rest.strip_prefix('-'));
                let Some((order, witness)) = rest.and_then(|rest| rest.split_once('-')) else { continue };
                let Ok(order) = order.parse::<i64>() else { continue };
                if query.exists(params![branch.as_str(), order, witness, id])? {
                    known.insert(*id);
                }
            }
            Ok(known)
        })
    }

    /// Keeps what a day came to: both sides were read to the end.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn put_day(&self, state: &DayState, report: &str, sessions: &[SessionRow], now: Timestamp) -> Result<(), StoreError> {
        self.write(|db| {
            db.prepare_cached(
                "INSERT INTO day (branch, day, first_checked_at, proved_at, verdict, for_a_person, findings, report)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (branch, day) DO UPDATE SET first_checked_at = coalesce(first_checked_at, excluded.first_checked_at),
                     proved_at = excluded.proved_at, verdict = excluded.verdict, for_a_person = excluded.for_a_person,
                     findings = excluded.findings, report = excluded.report, failed_at = NULL, error = NULL",
            )?
            .execute(params![
                state.branch,
                state.day.to_string(),
                state.first_checked_at.map(Timestamp::as_second),
                now.as_second(),
                state.verdict,
                state.for_a_person as i64,
                state.findings as i64,
                report,
            ])?;
            for session in sessions {
                db.prepare_cached(
                    "INSERT INTO session (branch, session_id, day, checked_at, report) VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (branch, session_id) DO UPDATE SET day = excluded.day, checked_at = excluded.checked_at, report = excluded.report",
                )?
                .execute(params![state.branch, session.id, session.day.to_string(), now.as_second(), session.report])?;
            }
            Ok(())
        })
    }

    /// Keeps that a day could not be proved, beside what an earlier comparison came to.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn day_unproved(&self, branch: &BranchCode, day: Date, error: &str, now: Timestamp) -> Result<(), StoreError> {
        self.write(|db| {
            db.prepare_cached(
                "INSERT INTO day (branch, day, verdict, for_a_person, findings, report, failed_at, error)
                 VALUES (?1, ?2, 'unproved', 0, 0, '', ?3, ?4)
                 ON CONFLICT (branch, day) DO UPDATE SET failed_at = excluded.failed_at, error = excluded.error",
            )?
            .execute(params![branch.as_str(), day.to_string(), now.as_second(), error])?;
            Ok(())
        })
    }

    /// What days of a branch came to, from a day on, oldest first; and older ones that a person has to look at.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn days(&self, branch: &BranchCode, from: Date) -> Result<Vec<DayState>, StoreError> {
        self.read(|db| {
            let mut query = db.prepare_cached(&format!(
                "SELECT {STATE} FROM day WHERE branch = ?1 AND (day >= ?2 OR day IN (SELECT day FROM day WHERE branch = ?1 AND for_a_person > 0))
                 ORDER BY day"
            ))?;
            query.query_map(params![branch.as_str(), from.to_string()], day_state)?.collect()
        })
    }

    /// One day of a branch.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn day(&self, branch: &BranchCode, day: Date) -> Result<Option<DayState>, StoreError> {
        self.read(|db| {
            db.prepare_cached(&format!("SELECT {STATE} FROM day WHERE branch = ?1 AND day = ?2"))?
                .query_row(params![branch.as_str(), day.to_string()], day_state)
                .optional()
        })
    }

    /// The newest days of a branch before one, newest first, at most so many.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn newest_days(&self, branch: &BranchCode, before: Date, at_most: usize) -> Result<Vec<DayState>, StoreError> {
        self.read(|db| {
            let mut query =
                db.prepare_cached(&format!("SELECT {STATE} FROM day WHERE branch = ?1 AND day < ?2 ORDER BY day DESC LIMIT ?3"))?;
            query.query_map(params![branch.as_str(), before.to_string(), at_most as i64], day_state)?.collect()
        })
    }

    /// What the comparison of a day said, as JSON, and its sessions; empty, if it was never compared.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn day_report(&self, branch: &BranchCode, day: Date) -> Result<(String, Vec<SessionRow>), StoreError> {
        self.read(|db| {
            let of = params![branch.as_str(), day.to_string()];
            let mut query = db.prepare_cached("SELECT report FROM day WHERE branch = ?1 AND day = ?2")?;
            let report: Option<String> = query.query_row(of, |row| row.get(0)).optional()?;
            let mut query =
                db.prepare_cached("SELECT session_id, day, report FROM session WHERE branch = ?1 AND day = ?2 ORDER BY session_id")?;
            let row =
                |row: &rusqlite::Row<'_>| Ok(SessionRow { id: row.get(0)?, day: date(&row.get::<_, String>(1)?), report: row.get(2)? });
            let sessions = query.query_map(of, row)?.collect::<rusqlite::Result<_>>()?;
            Ok((report.unwrap_or_default(), sessions))
        })
    }

    /// The days on which a person has to look at something, by branch, oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn days_for_a_person(&self) -> Result<Vec<DayState>, StoreError> {
        self.read(|db| {
            let mut query = db.prepare_cached(&format!("SELECT {STATE} FROM day WHERE for_a_person > 0 ORDER BY branch, day"))?;
            query.query_map([], day_state)?.collect()
        })
    }

    /// The days from one on, of all branches, with sessions in which something does not fit, by branch, oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn days_with_findings(&self, from: Date) -> Result<Vec<DayState>, StoreError> {
        self.read(|db| {
            let mut query = db.prepare_cached(&format!("SELECT {STATE} FROM day WHERE findings > 0 AND day >= ?1 ORDER BY branch, day"))?;
            query.query_map([from.to_string()], day_state)?.collect()
        })
    }

    /// The last day of each branch on which both sides were found equal, or differed only by what was decided.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn last_equal_days(&self) -> Result<Vec<(String, Date)>, StoreError> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT branch, max(day) FROM day WHERE verdict IN ('equal', 'explained') GROUP BY branch ORDER BY branch",
            )?;
            query.query_map([], |row| Ok((row.get(0)?, date(&row.get::<_, String>(1)?))))?.collect()
        })
    }

    /// Whether an order of a branch with a `date_order` in `from..to` was received, or changed in any way, after a moment.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn touched_since(&self, branch: &BranchCode, from: &str, to: &str, since: Timestamp) -> Result<bool, StoreError> {
        self.read(|db| {
            db.prepare_cached(
                "SELECT 1 FROM record INDEXED BY record_day
                 WHERE branch = ?1 AND direction = 'receive' AND date_order >= ?2 AND date_order < ?3 AND updated_at > ?4 LIMIT 1",
            )?
            .exists(params![branch.as_str(), from, to, since.as_second()])
        })
    }
}

/// Forgets days, sessions and sales that were last looked at before a moment, at most so many of each.
pub(super) fn forget_days(db: &Connection, before: i64, at_most: usize) -> rusqlite::Result<usize> {
    let day = timestamp(before).to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
    let mut forgotten = 0;
    for (table, key) in [("day", "branch, day"), ("session", "branch, session_id"), ("sales", "branch, day, currency")] {
        let sql = format!("DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE day < ?1 LIMIT ?2)");
        forgotten = forgotten.max(db.prepare_cached(&sql)?.execute(params![day, at_most as i64])?);
    }
    Ok(forgotten)
}

/// Whether [`forget_days`] has something to do.
pub(super) fn any_day(db: &Connection, before: i64) -> rusqlite::Result<bool> {
    let day = timestamp(before).to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
    db.prepare_cached(
        "SELECT 1 FROM day WHERE day < ?1 UNION ALL SELECT 1 FROM session WHERE day < ?1 UNION ALL SELECT 1 FROM sales WHERE day < ?1 LIMIT 1",
    )?.exists([day])
}

/// The columns that [`day_state`] reads.
const STATE: &str = "branch, day, first_checked_at, proved_at, verdict, for_a_person, findings, failed_at, error";

fn day_state(row: &rusqlite::Row<'_>) -> rusqlite::Result<DayState> {
    let at = |place: &str| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(place)?.map(timestamp));
    Ok(DayState {
        branch: row.get("branch")?,
        day: date(&row.get::<_, String>("day")?),
        first_checked_at: at("first_checked_at")?,
        proved_at: at("proved_at")?,
        verdict: row.get("verdict")?,
        for_a_person: row.get::<_, i64>("for_a_person")?.unsigned_abs(),
        findings: row.get::<_, i64>("findings")?.unsigned_abs(),
        failed_at: at("failed_at")?,
        error: row.get("error")?,
    })
}

fn day_order(row: &rusqlite::Row<'_>) -> rusqlite::Result<DayOrder> {
    Ok(DayOrder { entry: entry(row)?, witness: row.get("witness")?, write_date: row.get("write_date")? })
}

/// A day as it is kept; whatever else stood there would be the first day of all.
fn date(text: &str) -> Date {
    text.parse().unwrap_or(Date::MIN)
}

#[cfg(test)]
mod tests;
