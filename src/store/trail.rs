//! What people did in the dashboard.

use jiff::Timestamp;
use rusqlite::params;

use super::{Store, StoreError, timestamp};

/// Rows of one page of the trail: what a person looks through.
pub const TRAIL_PAGE: usize = 100;
/// Longest detail that is kept, in characters: a reason, or some numbers.
const DETAIL_MAX: usize = 500;

/// Something that somebody did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Its number.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// The login; empty if nobody was signed in.
    pub person: String,
    /// `sign_in`, `retry`, `ignore`, …
    pub action: String,
    /// Where.
    pub branch: Option<String>,
    /// With which record.
    pub record: Option<i64>,
    /// What it was about.
    pub detail: String,
}

/// What is to be noted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Note<'a> {
    /// The login; empty if nobody was signed in.
    pub person: &'a str,
    /// A short word: `sign_in`, `retry`, …
    pub action: &'a str,
    /// Where.
    pub branch: Option<&'a str>,
    /// With which record.
    pub record: Option<i64>,
    /// What it was about: numbers, codes, reasons; never a secret.
    pub detail: &'a str,
}

/// Which part of the trail is wanted.
#[derive(Debug, Clone, Default)]
pub struct TrailFilter {
    /// Of this person.
    pub person: Option<String>,
    /// Older than the row with this number.
    pub before: Option<i64>,
}

impl Store {
    /// Notes what somebody did.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn note_done(&self, note: &Note<'_>, now: Timestamp) -> Result<(), StoreError> {
        let detail: String = note.detail.chars().take(DETAIL_MAX).collect();
        self.write(|db| {
            db.prepare_cached("INSERT INTO trail (at, person, action, branch, record, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
                .execute(params![now.as_second(), note.person, note.action, note.branch, note.record, detail])?;
            Ok(())
        })
    }

    /// What people did, the newest first, at most [`TRAIL_PAGE`].
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn trail(&self, filter: &TrailFilter) -> Result<Vec<Done>, StoreError> {
        let before = filter.before.unwrap_or(i64::MAX);
        let by = if filter.person.is_some() { "person = ?2" } else { "?2 IS NULL" };
        self.read(|db| {
            let sql = format!(
                "SELECT id, at, person, action, branch, record, detail FROM trail WHERE id < ?1 AND {by} ORDER BY id DESC LIMIT {TRAIL_PAGE}"
            );
            let mut query = db.prepare_cached(&sql)?;
            let rows = query.query_map(params![before, filter.person], |row| {
                Ok(Done {
                    id: row.get(0)?,
                    at: timestamp(row.get(1)?),
                    person: row.get(2)?,
                    action: row.get(3)?,
                    branch: row.get(4)?,
                    record: row.get(5)?,
                    detail: row.get(6)?,
                })
            })?;
            rows.collect()
        })
    }
}
