//! The log page by page, newest change first: quick however long the history is.
//!
//! A page goes on after the last row of the one before it (never by counting rows from the start), over the index that
//! fits the filter best, and looks at [`LOOKED`] rows at most: what an index cannot answer (an order of one kind among a
//! million of another) is looked for some way back at a time, and the page says how far.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::ledger::{ENTRY, entry};
use super::{Direction, Entry, State, Store, StoreError, timestamp};

/// Records of a page: some screens.
pub const LOG_PAGE: usize = 50;
/// Rows of the ledger that one page looks at: some 20 ms.
pub const LOOKED: usize = 10_000;
/// Records of one export: what a spreadsheet still opens at once.
pub const EXPORTED: usize = 10_000;
/// Records of an export that are read at one time.
const EXPORT_STEP: usize = 500;
/// Times that an export looks at [`LOOKED`] rows: a second or two in all.
const EXPORT_STEPS: usize = 60;
/// Up to so many rows are all read and put in order by time; more of them are met often enough on the way back through time.
const FEW: usize = 2_000;
/// Longest text that is looked for: a receipt reference has some 20 characters.
const TEXT_MAX: usize = 80;

/// Which records a page shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PageFilter {
    /// Of this branch.
    pub branch: Option<String>,
    /// Up or down.
    pub direction: Option<Direction>,
    /// [`super::ORDER`], or the name of a [`crate::model::Kind`].
    pub kind: Option<String>,
    /// In this state.
    pub state: Option<State>,
    /// With this cause.
    pub cause: Option<String>,
    /// Last changed at or after.
    pub from: Option<Timestamp>,
    /// Last changed before.
    pub to: Option<Timestamp>,
    /// The beginning of a receipt reference or of a central name, or a record's number.
    pub text: Option<String>,
}

/// Where a page ends: the next one begins after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// When the record was last changed, in seconds.
    at: i64,
    /// Its number.
    id: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at, self.id)
    }
}

impl FromStr for Cursor {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (at, id) = text.split_once('.').ok_or(())?;
        Ok(Self { at: at.parse().map_err(|_| ())?, id: id.parse().map_err(|_| ())? })
    }
}

/// A page of the log.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogPage {
    /// Newest change first.
    pub entries: Vec<Entry>,
    /// Where the next page begins; `None` = nothing older fits.
    pub next: Option<Cursor>,
    /// The page is not full because only this far back was looked.
    pub looked_back_to: Option<Timestamp>,
    /// More records begin with the text than were looked at: a longer text finds the rest.
    pub too_many: bool,
}

/// A way to the records of a filter: an index of theirs in the order of time, with what it holds fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    All,
    Branch,
    Sent,
    Cause,
    State,
}

/// What is read of each row that is looked at.
const SEEN: &str = "id, updated_at, branch, direction, kind, state, cause";

impl Way {
    fn of(filter: &PageFilter) -> Self {
        // By how many rows they leave, most often fewest first.
        match filter {
            PageFilter { cause: Some(_), .. } => Way::Cause,
            PageFilter { state: Some(state), .. } if *state != State::Done => Way::State,
            PageFilter { branch: Some(_), .. } => Way::Branch,
            _ if filter.only_sent() => Way::Sent,
            _ => Way::All,
        }
    }

    /// Index and condition; `?1` is the value that it holds fast.
    fn sql(self) -> (&'static str, &'static str) {
        match self {
            Way::All => ("record_updated", "1"),
            Way::Branch => ("record_branch_updated", "branch = ?1"),
            Way::Sent => ("record_sent_updated", "direction = 'send'"),
            Way::Cause => ("record_cause_updated", "cause = ?1"),
            Way::State => ("record_state_updated", "state = ?1 AND state IN ('pending', 'held', 'failed', 'ignored')"),
        }
    }

    fn value(self, filter: &PageFilter) -> Option<&str> {
        match self {
            Way::All | Way::Sent => None,
            Way::Branch => filter.branch.as_deref(),
            Way::Cause => filter.cause.as_deref(),
            Way::State => filter.state.map(State::as_str),
        }
    }

    /// The records of the cursor's second before it, then those of the seconds before: each a plain walk along the index.
    fn walks(self) -> [String; 2] {
        let (index, condition) = self.sql();
        let from = format!("SELECT {SEEN} FROM record INDEXED BY {index} WHERE {condition}");
        [
            format!("{from} AND updated_at = ?2 AND id < ?3 ORDER BY id DESC"),
            format!("{from} AND updated_at < ?2 AND updated_at >= ?3 ORDER BY updated_at DESC, id DESC"),
        ]
    }
}

/// What waits or was ignored in a branch, and what has a cause there.
const FEW_OF_STATE: &str = "SELECT id, updated_at, branch, direction, kind, state, cause FROM record INDEXED BY record_state
    WHERE branch = ?1 AND state = ?2 LIMIT ?3";
const FEW_OF_CAUSE: &str = "SELECT id, updated_at, branch, direction, kind, state, cause FROM record INDEXED BY record_state
    WHERE branch = ?1 AND state IN ('pending', 'held', 'done', 'failed', 'ignored') AND direction IN ('receive', 'send') AND cause = ?2
    LIMIT ?3";
/// What begins with a text.
const BY_REFERENCE: &str = "SELECT id, updated_at, branch, direction, kind, state, cause FROM record INDEXED BY record_reference
    WHERE reference >= ?1 AND reference < ?2 LIMIT ?3";
const BY_CENTRAL_NAME: &str = "SELECT id, updated_at, branch, direction, kind, state, cause FROM record INDEXED BY record_central_name
    WHERE central_name >= ?1 AND central_name < ?2 LIMIT ?3";
const BY_NUMBER: &str = "SELECT id, updated_at, branch, direction, kind, state, cause FROM record WHERE id = ?1";

impl PageFilter {
    /// Whether only master data fits.
    fn only_sent(&self) -> bool {
        self.direction == Some(Direction::Send) || self.kind.as_deref().is_some_and(|kind| kind != super::ORDER)
    }

    /// Whether a row that was looked at fits.
    fn fits(&self, row: &Row<'_>) -> rusqlite::Result<bool> {
        let is = |column: &str, wanted: Option<&str>| -> rusqlite::Result<bool> {
            let Some(wanted) = wanted else { return Ok(true) };
            Ok(row.get_ref(column)?.as_str_or_null()? == Some(wanted))
        };
        let at: i64 = row.get("updated_at")?;
        Ok(self.from.is_none_or(|from| at >= from.as_second())
            && self.to.is_none_or(|to| at < to.as_second())
            && is("branch", self.branch.as_deref())?
            && is("direction", self.direction.map(Direction::as_str))?
            && is("kind", self.kind.as_deref())?
            && is("state", self.state.map(State::as_str))?
            && is("cause", self.cause.as_deref())?)
    }

    /// Where the first page begins.
    fn start(&self) -> Cursor {
        self.to.map_or(Cursor { at: i64::MAX, id: 0 }, |to| Cursor { at: to.as_second(), id: 0 })
    }
}

/// Rows found on the way.
#[derive(Default)]
struct Found {
    rows: Vec<Cursor>,
    /// The last row that was looked at, if the way was not walked to its end.
    stopped: Option<Cursor>,
    too_many: bool,
}

impl Store {
    /// A page of the log; `after` is the [`LogPage::next`] of the page before.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn log_page(&self, filter: &PageFilter, after: Option<Cursor>) -> Result<LogPage, StoreError> {
        self.read(|db| page(db, filter, after, LOG_PAGE, LOOKED))
    }

    /// The newest records of a filter, up to [`EXPORTED`]; some at a time, so that pages asked for meanwhile have their turn.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn log_export(&self, filter: &PageFilter) -> Result<LogPage, StoreError> {
        let mut whole = LogPage::default();
        for _ in 0..EXPORT_STEPS {
            let page = self.read(|db| page(db, filter, whole.next, EXPORT_STEP, LOOKED))?;
            whole.entries.extend(page.entries);
            whole.too_many |= page.too_many;
            (whole.next, whole.looked_back_to) = (page.next, page.looked_back_to);
            if whole.next.is_none() || whole.entries.len() >= EXPORTED {
                break;
            }
        }
        Ok(whole)
    }
}

fn page(db: &Connection, filter: &PageFilter, after: Option<Cursor>, size: usize, looked: usize) -> rusqlite::Result<LogPage> {
    let start = after.map_or(filter.start(), |after| after.min(filter.start()));
    let text = filter.text.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let mut found = match text {
        Some(text) => by_text(db, filter, text)?,
        None => match few(db, filter)? {
            Some(found) => found,
            None => walk(db, filter, start, size + 1, looked)?,
        },
    };
    found.rows.retain(|row| *row < start);
    found.rows.sort_unstable_by(|a, b| b.cmp(a));
    found.rows.dedup();
    let more = found.rows.len() > size;
    found.rows.truncate(size);
    let mut query = db.prepare_cached(&format!("SELECT {ENTRY} FROM record WHERE id = ?1"))?;
    let mut entries = Vec::with_capacity(found.rows.len());
    for row in &found.rows {
        entries.extend(query.query_row([row.id], entry).optional()?);
    }
    Ok(LogPage {
        entries,
        next: if more { found.rows.last().copied() } else { found.stopped },
        looked_back_to: found.stopped.filter(|_| !more).map(|stopped| timestamp(stopped.at)),
        too_many: found.too_many,
    })
}

/// Along the index that fits best, back from `start`.
fn walk(db: &Connection, filter: &PageFilter, start: Cursor, wanted: usize, looked: usize) -> rusqlite::Result<Found> {
    let way = Way::of(filter);
    let oldest = filter.from.map_or(i64::MIN, Timestamp::as_second);
    let [same_second, older] = way.walks();
    let mut found = Found::default();
    let mut seen = 0;
    for (sql, end) in [(same_second, start.id), (older, oldest)] {
        let mut query = db.prepare_cached(&sql)?;
        let mut rows = query.query(params![way.value(filter), start.at, end])?;
        while let Some(row) = rows.next()? {
            let at = place(row)?;
            if filter.fits(row)? {
                found.rows.push(at);
                if found.rows.len() == wanted {
                    return Ok(found);
                }
            }
            seen += 1;
            if seen == looked {
                found.stopped = Some(at);
                return Ok(found);
            }
        }
    }
    Ok(found)
}

/// All that fits, if that is little: what waits in one branch is mostly a handful, somewhere among what waits in all.
fn few(db: &Connection, filter: &PageFilter) -> rusqlite::Result<Option<Found>> {
    let (sql, value) = match filter {
        PageFilter { branch: Some(_), cause: Some(cause), .. } => (FEW_OF_CAUSE, cause.as_str()),
        PageFilter { branch: Some(_), state: Some(state), .. } if *state != State::Done => (FEW_OF_STATE, state.as_str()),
        _ => return Ok(None),
    };
    let mut found = Found::default();
    let seen = gather(db, sql, params![filter.branch, value, FEW + 1], filter, &mut found)?;
    Ok((seen <= FEW).then_some(found))
}

/// By a record's number, or the beginning of what people call it.
fn by_text(db: &Connection, filter: &PageFilter, text: &str) -> rusqlite::Result<Found> {
    let text: String = text.chars().take(TEXT_MAX).collect();
    let mut found = Found::default();
    if let Ok(number) = text.trim_start_matches('#').parse::<i64>() {
        gather(db, BY_NUMBER, params![number], filter, &mut found)?;
    }
    // Up to 17 a till writes "Order 00001-001-0001", and people leave the word out.
    let said = BTreeSet::from([text.clone(), text.to_uppercase(), format!("Order {text}")]);
    for begin in &said {
        let end = format!("{begin}{}", char::MAX);
        for sql in [BY_REFERENCE, BY_CENTRAL_NAME] {
            let seen = gather(db, sql, params![begin, end, FEW + 1], filter, &mut found)?;
            found.too_many |= seen > FEW;
        }
    }
    Ok(found)
}

/// Adds the rows that fit; answers how many were looked at.
fn gather(db: &Connection, sql: &str, values: impl rusqlite::Params, filter: &PageFilter, found: &mut Found) -> rusqlite::Result<usize> {
    let mut query = db.prepare_cached(sql)?;
    let mut rows = query.query(values)?;
    let mut seen = 0;
    while let Some(row) = rows.next()? {
        seen += 1;
        if filter.fits(row)? {
            found.rows.push(place(row)?);
        }
    }
    Ok(seen)
}

fn place(row: &Row<'_>) -> rusqlite::Result<Cursor> {
    Ok(Cursor { at: row.get("updated_at")?, id: row.get("id")? })
}

#[cfg(test)]
pub(super) mod tests;
