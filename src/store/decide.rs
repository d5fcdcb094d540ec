//! What people decide: try again, or leave it.

use jiff::Timestamp;
use rusqlite::{Connection, params, params_from_iter};

use super::content::kept_order;
use super::ledger::{ENTRY, entry};
use super::outcome::attempt;
use super::{Entry, Filter, Store, StoreError};
use crate::model::{Model, Partner, PosOrder, Product, Tax};

impl Store {
    /// Makes waiting records pending and due, because a person asked; with `recreate` also orders that are done, whose
    /// drafts a person deleted at central. Matches for what orders name are found anew. Returns the records, as they
    /// stood.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn retry(&self, filter: &Filter, recreate: bool, now: Timestamp) -> Result<Vec<Entry>, StoreError> {
        let (clause, values) = filter.sql();
        // What a person ignored comes back only by its number; so does what is done, and then only if he says so twice.
        let states = match (filter.ids.is_empty(), recreate) {
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
                if let Some(order) = kept_order(db, entry.id)? {
                    forget_matches(db, &entry.branch, &order)?;
                }
            }
            Ok(found)
        })
    }

    /// Ends waiting records without writing them, for a reason; for a record that is done and was changed
    /// at the branch afterwards, ends that notice. Returns the records.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn ignore(&self, filter: &Filter, reason: &str, now: Timestamp) -> Result<Vec<Entry>, StoreError> {
        let (clause, values) = filter.sql();
        self.write(|db| {
            let sql = format!("SELECT {ENTRY} FROM record WHERE ({clause}) AND (state IN ('pending', 'held', 'failed') OR cause = 'order_changed') ORDER BY id");
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
            Ok(found)
        })
    }
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
