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

impl Store {
    /// Makes waiting records pending and due, because a person asked; with `recreate` also orders that are done, whose
    /// drafts a person deleted at central; by cause that is possible for those that vanished together. Matches for what orders name are found anew. Returns the records, as they
    /// stood.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn retry(&self, filter: &Filter, recreate: bool, now: Timestamp) -> Result<Vec<Entry>, StoreError> {
        let (clause, values) = filter.sql();
        // What a person ignored comes back only by its number; so does what is done, and then only if he says so twice.
        let vanished = filter.cause.as_deref() == Some(Problem::DRAFT_LOST);
        let states = match (filter.ids.is_empty(), recreate) {
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
            let sql = format!("SELECT {ENTRY} FROM record WHERE ({clause}) AND state IN {states} AND {recreated} AND {kept} ORDER BY id");
            let mut query = db.prepare(&sql)?;
            let found: Vec<Entry> = query.query_map(params_from_iter(values), entry)?.collect::<rusqlite::Result<_>>()?;
            for entry in &found {
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
        let (clause, values) = filter.sql();
        let written = if filter.ids.is_empty() { "0" } else { "(state = 'done' AND direction = 'receive')" };
        self.write(|db| {
            let open = format!("(state IN ('pending', 'held', 'failed') OR (state = 'done' AND problems IS NOT NULL) OR {written})");
            let sql = format!("SELECT {ENTRY} FROM record WHERE ({clause}) AND {open} ORDER BY id");
            let mut query = db.prepare(&sql)?;
            let found: Vec<Entry> = query.query_map(params_from_iter(values), entry)?.collect::<rusqlite::Result<_>>()?;
            for entry in &found {
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
