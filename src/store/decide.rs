//! What people decide: try again, or leave it.

use jiff::Timestamp;
use rusqlite::{Connection, params, params_from_iter};

use super::content::{keep_content, kept_order, newer_order};
use super::fingerprints::settle_central;
use super::ledger::{ENTRY, entry};
use super::outcome::attempt;
use super::{Entry, Filter, State, Store, StoreError};
use crate::model::{Model, Partner, PosOrder, Product, Tax};
use crate::problem::Problem;

/// Records that one transaction decides about: a second or two of it, in which nothing else is written.
pub const AT_A_TIME: usize = 10_000;
/// Records that are counted of what is left.
const LEFT_COUNTED: usize = 100_000;

/// What was decided at one time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decided {
    /// The records, as they stood.
    pub records: Vec<Entry>,
    /// How many are left, up to a hundred thousand.
    pub left: usize,
}

impl Store {
    /// Makes waiting records pending and due, because a person asked; with `recreate` also orders that are done, whose
    /// drafts a person deleted at central; by cause that is possible for those that vanished together. By its cause also what a setting
    /// left out. Matches for what orders name are found anew. Returns the records, as they stood.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn retry(&self, filter: &Filter, recreate: bool, now: Timestamp) -> Result<Vec<Entry>, StoreError> {
        all(|after| self.retry_after(filter, recreate, after, now))
    }

    /// As [`Store::retry`], but of the first [`AT_A_TIME`] of them alone.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn retry_some(&self, filter: &Filter, recreate: bool, now: Timestamp) -> Result<Decided, StoreError> {
        self.retry_after(filter, recreate, 0, now)
    }

    fn retry_after(&self, filter: &Filter, recreate: bool, after: i64, now: Timestamp) -> Result<Decided, StoreError> {
        // What a person ignored comes back only by its number; so does what is done, and then only if he says so twice.
        let vanished = filter.cause.as_deref() == Some(Problem::DRAFT_LOST);
        // What a setting left out is not what a person ignored: by this cause it comes back, when the setting is another one.
        let left_out = filter.cause.as_deref() == Some(Problem::INVOICED_SKIPPED);
        let states = match (filter.ids.is_empty(), recreate) {
            (true, false) if left_out => "('ignored') AND reason IS NULL",
            (true, true) if vanished => "('pending', 'held', 'failed', 'done')",
            (true, _) => "('pending', 'held', 'failed')",
            (false, false) => "('pending', 'held', 'failed', 'ignored')",
            (false, true) => "('pending', 'held', 'failed', 'ignored', 'done')",
        };
        // A draft can be written again; what was sent is compared by each pass anyway.
        let recreated = "(state <> 'done' OR direction = 'receive')";
        // Of what was forgotten nothing can be written.
        let kept = "(has_content = 1 OR direction = 'send')";
        self.write(|db| {
            let found = meant(db, filter, &format!("state IN {states} AND {recreated} AND {kept}"), after)?;
            for entry in &found.records {
                db.prepare_cached("UPDATE record SET state = 'pending', due_at = ?2, reason = NULL, updated_at = ?2 WHERE id = ?1")?
                    .execute(params![entry.id, now.as_second()])?;
                attempt(db, entry.id, now, 0, "retry", None, "Retry asked for")?;
                if entry.state == State::Done {
                    // The draft is gone, so what is written anew is the order as it is now.
                    take_newer_content(db, entry.id)?;
                }
                if let Some(order) = kept_order(db, entry.id)? {
                    forget_matches(db, &entry.branch, &order)?;
                }
            }
            Ok(found)
        })
    }

    /// Ends waiting records without writing them, for a reason; for a record that is done, ends what is told beside
    /// it (changed or refunded at the branch, gone at central). An order that is done and named by its number keeps the reason:
    /// whatever became of its draft at central is right so. Returns the records.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn ignore(&self, filter: &Filter, reason: &str, now: Timestamp) -> Result<Vec<Entry>, StoreError> {
        all(|after| self.ignore_after(filter, reason, after, now))
    }

    /// As [`Store::ignore`], but of the first [`AT_A_TIME`] of them alone.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn ignore_some(&self, filter: &Filter, reason: &str, now: Timestamp) -> Result<Decided, StoreError> {
        self.ignore_after(filter, reason, 0, now)
    }

    fn ignore_after(&self, filter: &Filter, reason: &str, after: i64, now: Timestamp) -> Result<Decided, StoreError> {
        let written = if filter.ids.is_empty() { "0" } else { "(state = 'done' AND direction = 'receive')" };
        let open = match filter.waits_for {
            // Nothing that is done waits.
            Some(_) => "state IN ('pending', 'held', 'failed')".to_owned(),
            None => format!("(state IN ('pending', 'held', 'failed') OR (state = 'done' AND problems IS NOT NULL) OR {written})"),
        };
        self.write(|db| {
            let found = meant(db, filter, &open, after)?;
            for entry in &found.records {
                db.prepare_cached(
                    "UPDATE record SET reason = ?2, due_at = NULL, updated_at = ?3,
                         problems = CASE WHEN state = 'done' THEN NULL ELSE problems END,
                         cause = CASE WHEN state = 'done' THEN NULL ELSE cause END,
                         state = CASE WHEN state = 'done' THEN 'done' ELSE 'ignored' END
                     WHERE id = ?1",
                )?
                .execute(params![entry.id, reason, now.as_second()])?;
                attempt(db, entry.id, now, 0, "ignored", None, &format!("Ignored: {reason}"))?;
            }
            settle_central(db)?;
            Ok(found)
        })
    }
}

/// Decides about all of them, some at a time: the passes of the daemon get their turn in between.
fn all(mut decide: impl FnMut(i64) -> Result<Decided, StoreError>) -> Result<Vec<Entry>, StoreError> {
    let mut records: Vec<Entry> = Vec::new();
    loop {
        let some = decide(records.last().map_or(0, |entry| entry.id))?;
        records.extend(some.records);
        if some.left == 0 {
            return Ok(records);
        }
    }
}

/// The records of a filter for which `condition` holds, after a number, as many as are decided about at a time.
fn meant(db: &Connection, filter: &Filter, condition: &str, after: i64) -> rusqlite::Result<Decided> {
    let (clause, values) = filter.sql();
    // Of a million that wait, twelve that wait for one thing are found without looking at the others.
    let index = if filter.waits_for.is_some() && filter.ids.is_empty() { "INDEXED BY record_waiting" } else { "" };
    let from = |after: i64| format!("FROM record {index} WHERE ({clause}) AND {condition} AND id > {after} ORDER BY id");
    let sql = format!("SELECT id {} LIMIT {AT_A_TIME}", from(after));
    let ids: Vec<i64> = db.prepare(&sql)?.query_map(params_from_iter(&values), |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut query = db.prepare_cached(&format!("SELECT {ENTRY} FROM record WHERE id = ?1"))?;
    let records = ids.iter().map(|id| query.query_row([id], entry)).collect::<rusqlite::Result<_>>()?;
    let left = match ids.last().filter(|_| ids.len() == AT_A_TIME) {
        Some(last) => {
            let sql = format!("SELECT count(*) FROM (SELECT 1 {} LIMIT {LEFT_COUNTED})", from(*last));
            db.prepare(&sql)?.query_row(params_from_iter(&values), |row| row.get(0))?
        }
        None => 0,
    };
    Ok(Decided { records, left })
}

/// Makes newer content of an order that which is written, if there is any.
fn take_newer_content(db: &Connection, record: i64) -> rusqlite::Result<()> {
    let Some(newer) = newer_order(db, record)? else { return Ok(()) };
    keep_content(db, record, &newer)?;
    db.prepare_cached("UPDATE record SET rows = ?2, amount_total = ?3, amount_tax = ?4 WHERE id = ?1")?.execute(params![
        record,
        newer.lines.len() + 1, // and the closing note
        newer.amount_total.to_string(),
        newer.amount_tax.to_string()
    ])?;
    Ok(())
}

/// What an order names is matched anew: the person who asks for a retry has changed something on one of the sides.
fn forget_matches(db: &Connection, branch: &str, order: &PosOrder) -> rusqlite::Result<()> {
    let products = order.lines.iter().map(|line| (Product::NAME, line.product_id.id.get()));
    let taxes = order.lines.iter().flat_map(|line| &line.tax_ids_after_fiscal_position).map(|id| (Tax::NAME, id.get()));
    let partner = order.partner_id.iter().map(|partner| (Partner::NAME, partner.id.get()));
    for (model, id) in products.chain(taxes).chain(partner) {
        db.prepare_cached("DELETE FROM binding WHERE branch = ?1 AND model = ?2 AND branch_id = ?3 AND source = 'match'")?
            .execute(params![branch, model, id])?;
        db.prepare_cached("UPDATE branch_record SET stale = 1 WHERE branch = ?1 AND model = ?2 AND branch_id = ?3")?
            .execute(params![branch, model, id])?;
    }
    Ok(())
}
