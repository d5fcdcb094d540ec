//! House-keeping: forgetting what is not needed for ever, a little at a time.
//!
//! Whatever is not finished keeps all it has. Of what is finished, the record itself stays for ever: it is how an order
//! is known again, so that none is written twice, however old.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params};

use super::content::forget_content;
use super::days::{any_day, forget_days};
use super::{State, Store, StoreError};
use crate::config::Retention;

/// Rows that one call forgets of each kind: a transaction of some 4 MB, which takes a tenth of a second, so that nobody
/// who wants to write waits.
pub const AT_ONCE: usize = 1_000;

/// What a call of [`Store::clean`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Orders whose content was forgotten.
    pub payloads: u64,
    /// Attempts that were forgotten.
    pub attempts: u64,
    /// There is more to forget: call again.
    pub more: bool,
}

impl Store {
    /// Forgets the content of orders that were finished, and attempts that were made, longer ago than the settings say; at
    /// most [`AT_ONCE`] of each, in one transaction. To be repeated while `more` is true.
    ///
    /// - The content of an order that is done goes after `payloads`, and what is known of its customer with his last order.
    ///   Its number, receipt, amounts and draft stay.
    /// - A person may still take up an order that was ignored: its content goes after `payloads` or `attempts`,
    ///   whichever is longer.
    /// - Pending, held and failed records keep everything.
    /// - What days and sessions came to, what was sold, and what people did in the dashboard, goes after `attempts`.
    /// - Of attempts, the last of each record stays, unless it says no more than the record itself: what is done or was
    ///   ignored, and when.
    ///
    /// # Errors
    /// See [`StoreError`]; then nothing was forgotten.
    pub fn clean(&self, retention: &Retention, now: Timestamp) -> Result<Cleaned, StoreError> {
        let before = |kept: std::time::Duration| {
            let kept = SignedDuration::try_from(kept).unwrap_or(SignedDuration::MAX);
            now.checked_sub(kept).map_or(i64::MIN, Timestamp::as_second)
        };
        let done = before(retention.payloads);
        let ignored = before(retention.payloads.max(retention.attempts));
        let attempts = before(retention.attempts);
        if !self.read(|db| {
            Ok(any_content(db, State::Done, done)?
                || any_content(db, State::Ignored, ignored)?
                || any_attempt(db, attempts)?
                || any_day(db, attempts)?
                || db.prepare_cached("SELECT 1 FROM trail WHERE at < ?1 LIMIT 1")?.exists([attempts])?)
        })? {
            return Ok(Cleaned::default());
        }
        self.write(|db| {
            let emptied = empty(db, State::Done, done, AT_ONCE)?;
            let emptied = emptied + empty(db, State::Ignored, ignored, AT_ONCE - emptied)?;
            let forgotten = forget_attempts(db, attempts)?;
            let days = forget_days(db, attempts, AT_ONCE)?;
            let deeds = db
                .prepare_cached("DELETE FROM trail WHERE id IN (SELECT id FROM trail WHERE at < ?1 LIMIT ?2)")?
                .execute(params![attempts, AT_ONCE as i64])?;
            let more = [emptied, forgotten, days, deeds].contains(&AT_ONCE);
            Ok(Cleaned { payloads: emptied as u64, attempts: forgotten as u64, more })
        })
    }
}

/// Orders in a state whose content is due: answered by the index `record_content`.
const CONTENT: &str = "has_content = 1 AND state IN ('done', 'ignored') AND state = ?1 AND updated_at < ?2";

/// Attempts that are due: those with a later one, and those that say what the record says.
const ATTEMPTS: &str = "SELECT old.id FROM attempt AS old JOIN record ON record.id = old.record_id
     WHERE old.at < ?1
       AND (EXISTS (SELECT 1 FROM attempt AS later WHERE later.record_id = old.record_id AND later.id > old.id)
            OR (old.outcome = record.state AND record.state IN ('done', 'ignored') AND record.updated_at = old.at))
     ORDER BY old.at LIMIT ?2";

fn any_content(db: &Connection, state: State, before: i64) -> rusqlite::Result<bool> {
    db.prepare_cached(&format!("SELECT 1 FROM record WHERE {CONTENT} LIMIT 1"))?.exists(params![state.as_str(), before])
}

fn any_attempt(db: &Connection, before: i64) -> rusqlite::Result<bool> {
    db.prepare_cached(ATTEMPTS)?.exists(params![before, 1])
}

fn empty(db: &Connection, state: State, before: i64, at_most: usize) -> rusqlite::Result<usize> {
    let sql = format!("SELECT id FROM record WHERE {CONTENT} ORDER BY updated_at LIMIT ?3");
    let due: Vec<i64> =
        db.prepare_cached(&sql)?.query_map(params![state.as_str(), before, at_most as i64], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for record in &due {
        forget_content(db, *record)?;
    }
    Ok(due.len())
}

fn forget_attempts(db: &Connection, before: i64) -> rusqlite::Result<usize> {
    db.prepare_cached(&format!("DELETE FROM attempt WHERE id IN ({ATTEMPTS})"))?.execute(params![before, AT_ONCE as i64])
}

#[cfg(test)]
mod tests;
