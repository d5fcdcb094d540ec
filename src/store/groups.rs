//! What waits for one fix together: "12 orders wait for product [BAG01]".

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Direction, PageFilter, State, Store, StoreError, json_column, timestamp};
use crate::problem::Problem;

/// Groups of a page: more cannot be worked through, and the largest stand first.
pub const GROUPS: usize = 20;
/// Groups that are looked at for them.
const GROUPS_LOOKED: usize = 300;
/// Records of one group that are counted.
const COUNTED: usize = 5_000;
/// Records that are looked at in all: some 25 ms.
const LOOKED: usize = 100_000;
/// Branches that a group names.
const NAMED: usize = 5;

/// Records that wait for one fix.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Cause and subject: see [`Problem::key`].
    pub waits_for: String,
    /// Failed or held.
    pub state: State,
    /// Orders that came up, or master data that goes down.
    pub direction: Direction,
    /// The first problem of the oldest.
    pub problem: Problem,
    /// How many.
    pub records: usize,
    /// There are more than were counted.
    pub at_least: bool,
    /// Since when the oldest of those counted is in the ledger.
    pub oldest: Timestamp,
    /// The first branches by name.
    pub branches: Vec<String>,
    /// How many others.
    pub more_branches: usize,
}

/// What waits, the largest groups first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Groups {
    /// At most [`GROUPS`].
    pub groups: Vec<Group>,
    /// There are others.
    pub more: bool,
}

/// What is counted of a group.
#[derive(Default)]
struct Count {
    records: usize,
    at_least: bool,
    oldest: i64,
    branches: BTreeSet<String>,
}

impl Count {
    fn add(&mut self, id: i64, branch: &str) {
        self.oldest = if self.records == 0 { id } else { self.oldest.min(id) };
        self.records += 1;
        if !self.branches.contains(branch) {
            self.branches.insert(branch.to_owned());
        }
    }
}

/// The next thing that is waited for, without a look at what waits for it.
const NEXT: &str = "SELECT waits_for FROM record INDEXED BY record_waiting
    WHERE state IN ('pending', 'held', 'failed') AND state = ?1 AND waits_for >= ?2 ORDER BY waits_for LIMIT 1";
/// What waits for it, from the index alone.
const MEMBERS: &str = "SELECT id, branch FROM record INDEXED BY record_waiting
    WHERE state IN ('pending', 'held', 'failed') AND state = ?1 AND waits_for = ?2 LIMIT ?3";
/// What waits in a branch.
const OF_BRANCH: &str = "SELECT id, branch, waits_for FROM record INDEXED BY record_state
    WHERE branch = ?1 AND state = ?2 AND waits_for IS NOT NULL LIMIT ?3";
const SAMPLE: &str = "SELECT problems, direction, created_at, kind, cause FROM record WHERE id = ?1";

impl Store {
    /// What waits, by what it waits for; of the filter count branch, direction, kind, state and cause.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn waiting_groups(&self, filter: &PageFilter) -> Result<Groups, StoreError> {
        self.read(|db| {
            let states = [State::Failed, State::Held].into_iter().filter(|state| filter.state.is_none_or(|wanted| wanted == *state));
            let mut found = Groups::default();
            for state in states {
                let (counts, more) = match &filter.branch {
                    Some(branch) => of_branch(db, branch, state)?,
                    None => of_all(db, state, filter.cause.as_deref())?,
                };
                found.more |= more;
                for (waits_for, count) in counts {
                    found.groups.extend(group(db, waits_for, state, count, filter)?);
                }
            }
            found.groups.sort_by(|a, b| b.records.cmp(&a.records).then_with(|| a.waits_for.cmp(&b.waits_for)));
            found.more |= found.groups.len() > GROUPS;
            found.groups.truncate(GROUPS);
            Ok(found)
        })
    }
}

/// From group to group along the index, and into each as far as is counted.
fn of_all(db: &Connection, state: State, cause: Option<&str>) -> rusqlite::Result<(Vec<(String, Count)>, bool)> {
    let mut next = db.prepare_cached(NEXT)?;
    let mut members = db.prepare_cached(MEMBERS)?;
    let mut found: Vec<(String, Count)> = Vec::new();
    let mut left = LOOKED;
    // A key begins with the cause.
    let mut from = cause.unwrap_or_default().to_owned();
    loop {
        let key: Option<String> = next.query_row(params![state.as_str(), from], |row| row.get(0)).optional()?;
        let Some(key) = key.filter(|key| cause.is_none_or(|cause| key.starts_with(cause))) else { return Ok((found, false)) };
        if found.len() == GROUPS_LOOKED || left == 0 {
            return Ok((found, true));
        }
        let counted = COUNTED.min(left);
        let mut count = Count::default();
        let mut rows = members.query(params![state.as_str(), key, counted + 1])?;
        while let Some(row) = rows.next()? {
            if count.records == counted {
                count.at_least = true;
                break;
            }
            count.add(row.get(0)?, row.get_ref(1)?.as_str()?);
        }
        left -= count.records;
        // No text stands between a key and the same with a zero.
        from = format!("{key}\0");
        found.push((key, count));
    }
}

/// What waits in one branch, as far as is looked at.
fn of_branch(db: &Connection, branch: &str, state: State) -> rusqlite::Result<(Vec<(String, Count)>, bool)> {
    let mut query = db.prepare_cached(OF_BRANCH)?;
    let mut rows = query.query(params![branch, state.as_str(), COUNTED + 1])?;
    let mut found: HashMap<String, Count> = HashMap::new();
    let mut seen = 0;
    while let Some(row) = rows.next()? {
        if seen == COUNTED {
            found.values_mut().for_each(|count| count.at_least = true);
            return Ok((found.into_iter().collect(), true));
        }
        seen += 1;
        found.entry(row.get(2)?).or_default().add(row.get(0)?, branch);
    }
    Ok((found.into_iter().collect(), false))
}

/// A group with what its oldest record says; `None` if the filter wants others.
fn group(db: &Connection, waits_for: String, state: State, count: Count, filter: &PageFilter) -> rusqlite::Result<Option<Group>> {
    let sample = db.prepare_cached(SAMPLE)?.query_row([count.oldest], |row| {
        let problems: Vec<Problem> = json_column(row.get(0)?).unwrap_or_default();
        let direction = Direction::parse(&row.get::<_, String>(1)?).unwrap_or(Direction::Receive);
        Ok((problems, direction, timestamp(row.get(2)?), row.get::<_, String>(3)?, row.get::<_, Option<String>>(4)?))
    });
    let Some((problems, direction, oldest, kind, cause)) = sample.optional()? else { return Ok(None) };
    let fits = filter.direction.is_none_or(|wanted| wanted == direction)
        && filter.kind.as_ref().is_none_or(|wanted| *wanted == kind)
        && filter.cause.as_ref().is_none_or(|wanted| Some(wanted) == cause.as_ref());
    let Some(problem) = problems.into_iter().next().filter(|_| fits) else { return Ok(None) };
    let more_branches = count.branches.len().saturating_sub(NAMED);
    let branches = count.branches.into_iter().take(NAMED).collect();
    Ok(Some(Group {
        waits_for,
        state,
        direction,
        problem,
        records: count.records,
        at_least: count.at_least,
        oldest,
        branches,
        more_branches,
    }))
}

#[cfg(test)]
mod tests;
