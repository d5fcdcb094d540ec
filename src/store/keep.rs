//! Keeping what a branch gave: the step after which nothing of it can be lost.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::changed::what_changed;
use super::content::{keep_content, keep_newer_content, kept_order, newer_order};
use super::fingerprints::{ENOUGH_RECEIPTS, flag};
use super::ledger::State;
use super::outcome::{attempt, newer_goes};
use super::{Reached, Store, StoreError};
use crate::model::{Amount, BranchCode, BranchId, PosOrder, PosOrderModel, same_money};
use crate::planted::{Bug, planted};
use crate::problem::Problem;

/// A branch's record that orders name: `(model, id, JSON)`.
pub type BranchRecord = (&'static str, i64, String);

/// What became of a page that was kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Orders never seen before.
    pub new: u64,
    /// Orders changed at the branch before they were written: the newer content counts.
    pub renewed: u64,
    /// Orders changed at the branch after they were written: flagged, the draft is not touched.
    pub changed: u64,
    /// Whether an id came back with another order under it: the branch was restored or cloned.
    pub reused_id: bool,
}

/// What tells one sale from another that has its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleKey {
    /// The id at the branch.
    pub order: i64,
    /// The till's uuid, or what stands for it.
    pub witness: String,
    /// The receipt.
    pub reference: String,
    /// The till's time.
    pub date_order: String,
}

impl SaleKey {
    /// Of an order.
    pub fn of(order: &PosOrder) -> Self {
        Self { order: order.id.get(), witness: order.witness(), reference: order.reference(), date_order: order.date_order.clone() }
    }

    /// Length of the hash that is the witness of a sale without a uuid.
    const HASH: usize = 32;

    fn has_uuid(&self) -> bool {
        self.witness.len() != Self::HASH
    }

    /// Whether both are one sale. Two uuids tell; an upgrade of the branch's Odoo gives sales uuids that they did not have, and
    /// then the receipt and the time do.
    pub fn is(&self, other: &Self) -> bool {
        let alike = || self.reference == other.reference && self.date_order == other.date_order;
        let uuids = self.has_uuid() && other.has_uuid();
        self.order == other.order && (self.witness == other.witness || !uuids && alike())
    }
}

/// What the ledger knows of an id that a branch named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The record.
    pub record: i64,
    /// What it is of.
    pub sale: SaleKey,
    /// As last seen.
    pub write_date: String,
}

impl Store {
    /// What the ledger knows of orders `first..=last` of a branch, by id. After a restore an id can have several.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn known(&self, branch: &BranchCode, first: i64, last: i64) -> Result<HashMap<i64, Vec<Known>>, StoreError> {
        self.read(|db| {
            let mut rows = db.prepare_cached(
                "SELECT remote_id, id, witness, reference, date_order, write_date FROM record
                 WHERE branch = ?1 AND direction = 'receive' AND kind = 'order' AND remote_id BETWEEN ?2 AND ?3",
            )?;
            let mut known: HashMap<i64, Vec<Known>> = HashMap::new();
            let mut rows = rows.query(params![branch.as_str(), first, last])?;
            while let Some(row) = rows.next()? {
                let sale = SaleKey { order: row.get(0)?, witness: row.get(2)?, reference: row.get(3)?, date_order: row.get(4)? };
                known.entry(sale.order).or_default().push(Known { record: row.get(1)?, sale, write_date: row.get(5)? });
            }
            Ok(known)
        })
    }

    /// The ids of those of these sales of a branch under whose ids the ledger knows other sales only.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn reused_numbers(&self, branch: &BranchCode, sales: &[SaleKey]) -> Result<Vec<i64>, StoreError> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT witness, reference, date_order FROM record
                 WHERE branch = ?1 AND direction = 'receive' AND kind = 'order' AND remote_id = ?2",
            )?;
            let mut reused = Vec::new();
            for sale in sales {
                let known = query.query_map(params![branch.as_str(), sale.order], |row| {
                    Ok(SaleKey { order: sale.order, witness: row.get(0)?, reference: row.get(1)?, date_order: row.get(2)? })
                })?;
                let known: Vec<SaleKey> = known.collect::<Result<_, _>>()?;
                if !known.is_empty() && !known.iter().any(|known| known.is(sale)) {
                    reused.push(sale.order);
                }
            }
            Ok(reused)
        })
    }

    /// Ids of received orders of a branch that were last written at or after `since` and have an id above `floor`:
    /// what a pass over that window should meet again.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn window(&self, branch: &BranchCode, since: &str, floor: i64) -> Result<Vec<i64>, StoreError> {
        self.read(|db| {
            let mut rows = db.prepare_cached(
                "SELECT remote_id FROM record WHERE branch = ?1 AND write_date >= ?2 AND remote_id > ?3 AND direction = 'receive'
                   AND NOT EXISTS (SELECT 1 FROM gone WHERE record_id = record.id AND at_branch IS NOT NULL)",
            )?;
            rows.query_map(params![branch.as_str(), since, floor], |row| row.get(0))?.collect()
        })
    }

    /// Keeps a page of orders and the records that they name, and how far the branch is read if that is given: one transaction.
    ///
    /// From here on nothing of it can be lost, whatever happens to either Odoo.
    ///
    /// # Errors
    /// See [`StoreError`]; then nothing of the page is kept.
    pub fn keep(
        &self,
        branch: &BranchCode,
        orders: &[PosOrder],
        records: &[BranchRecord],
        reached: Option<&Reached>,
        now: Timestamp,
    ) -> Result<Kept, StoreError> {
        self.write(|db| {
            let mut kept = Kept::default();
            for order in orders {
                keep_order(db, branch, order, now, &mut kept)?;
            }
            for (model, id, data) in records {
                db.prepare_cached("INSERT OR REPLACE INTO branch_record (branch, model, branch_id, data) VALUES (?1, ?2, ?3, ?4)")?
                    .execute(params![branch.as_str(), model, id, data])?;
            }
            if let Some(Reached { cursor, whole, asked }) = reached {
                db.prepare_cached(
                    "UPDATE endpoint SET cursor = ?2, whole_cursor = CASE WHEN ?3 THEN ?2 ELSE whole_cursor END, asked = ?4 WHERE owner = ?1",
                )?
                .execute(params![branch.as_str(), cursor, whole, asked])?;
            }
            Ok(kept)
        })
    }

    /// When the first order of a branch was kept that is still in the ledger.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn first_kept(&self, branch: &BranchCode) -> Result<Option<Timestamp>, StoreError> {
        self.read(|db| {
            let first: Option<i64> = db
                .prepare_cached(
                    "SELECT created_at FROM record
                     WHERE id = (SELECT min(id) FROM record WHERE branch = ?1 AND direction = 'receive')",
                )?
                .query_row([branch.as_str()], |row| row.get(0))
                .optional()?;
            Ok(first.and_then(|at| Timestamp::from_second(at).ok()))
        })
    }

    /// Writes down under which other witnesses central has these records.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn note_known_as(&self, known: &[(i64, String)]) -> Result<(), StoreError> {
        if known.is_empty() {
            return Ok(());
        }
        self.write(|db| {
            let mut query = db.prepare_cached("UPDATE record SET known_as = ?2 WHERE id = ?1")?;
            known.iter().try_for_each(|(record, witness)| query.execute(params![record, witness]).map(drop))
        })
    }

    /// The other branch, and the receipt of one sale, if these orders are sales of another branch: such a branch is a copy of it. A till's
    /// uuid is made once in the world; without uuids [`ENOUGH_RECEIPTS`] orders have to be the same to the last of their lines.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn twin(&self, branch: &BranchCode, orders: &[PosOrder]) -> Result<Option<(String, String)>, StoreError> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT branch, reference FROM record
                 WHERE substr(witness, 1, 8) = substr(?1, 1, 8) AND witness = ?1 AND branch <> ?2 AND direction = 'receive'
                   AND coalesce(content_hash = ?3, 1) LIMIT 1",
            )?;
            let (mut same, mut first) = (0, None);
            for order in orders.iter().filter(|_| !planted(Bug::CloneAccepted)) {
                let content = order.uuid.is_none().then(|| order.content_hash());
                let values = params![order.witness(), branch.as_str(), content];
                if let Some(twin) = query.query_row(values, |row| Ok((row.get(0)?, row.get(1)?))).optional()? {
                    same += if content.is_none() { ENOUGH_RECEIPTS } else { 1 };
                    first = first.or(Some(twin));
                }
            }
            Ok(first.filter(|_| same >= ENOUGH_RECEIPTS.min(orders.len())))
        })
    }
}

/// A row that stands under an order's id.
#[derive(Clone)]
struct Standing {
    record: i64,
    witness: String,
    reference: String,
    date_order: String,
    amount_total: String,
    state: State,
    unknown: bool,
    has_draft: bool,
    content_hash: String,
    /// Whether a change is already told beside it.
    flagged: bool,
    /// Whether a setting left it out, and no person.
    left_out: bool,
}

fn keep_order(db: &Connection, branch: &BranchCode, order: &PosOrder, now: Timestamp, kept: &mut Kept) -> rusqlite::Result<()> {
    let standing = standing(db, branch, order.id)?;
    let witness = order.witness();
    let same_receipt = |row: &&Standing| {
        row.reference == order.reference()
            && row.date_order == order.date_order
            && row.amount_total.parse::<Amount>().is_ok_and(|total| same_money(total, order.amount_total))
    };
    if let Some(row) = standing.iter().find(|row| row.witness == witness) {
        return renew(db, row, order, now, kept);
    }
    // An upgrade of the branch's Odoo can give an old order a uuid: same receipt, same order.
    match standing.iter().find(same_receipt) {
        Some(row) => {
            let content_hash = rekey(db, row, order, &witness)?;
            renew(db, &Standing { content_hash, ..row.clone() }, order, now, kept)
        }
        None if planted(Bug::IdAloneIsOrder) && !standing.is_empty() => renew(db, &standing[0], order, now, kept),
        None => {
            kept.reused_id |= !standing.is_empty();
            kept.new += 1;
            insert(db, branch, order, &witness, now)?;
            note_refund(db, branch, order, now)
        }
    }
}

/// Gives a record the witness that its order has since the branch's upgrade, or since it was put back to before one. Its external
/// id keeps the one under which it was first received. Returns the hash of what is known of the order: the new one, if nothing but the
/// witness is new.
fn rekey(db: &Connection, row: &Standing, order: &PosOrder, witness: &str) -> rusqlite::Result<String> {
    db.prepare_cached("UPDATE record SET known_as = coalesce(known_as, witness), witness = ?2 WHERE id = ?1")?
        .execute(params![row.record, witness])?;
    let older = match newer_order(db, row.record)? {
        Some(newer) => Some(newer),
        None => kept_order(db, row.record)?,
    };
    // What is forgotten cannot be compared; its receipt, its date and its total are the same.
    let same = older.is_none_or(|older| PosOrder { uuid: order.uuid.clone(), ..older }.content_hash() == order.content_hash());
    if !same {
        return Ok(row.content_hash.clone());
    }
    let hash = order.content_hash();
    db.prepare_cached("UPDATE record SET content_hash = ?2 WHERE id = ?1")?.execute(params![row.record, hash])?;
    Ok(hash)
}

fn standing(db: &Connection, branch: &BranchCode, id: BranchId<PosOrderModel>) -> rusqlite::Result<Vec<Standing>> {
    let mut query = db.prepare_cached(
        "SELECT id, witness, reference, date_order, amount_total, state, unknown, central_id IS NOT NULL, content_hash,
             coalesce(cause = 'order_changed', 0), state = 'ignored' AND reason IS NULL FROM record
         WHERE branch = ?1 AND direction = 'receive' AND kind = 'order' AND remote_id = ?2",
    )?;
    let rows = query.query_map(params![branch.as_str(), id.get()], |row| {
        Ok(Standing {
            record: row.get(0)?,
            witness: row.get(1)?,
            reference: row.get(2)?,
            date_order: row.get(3)?,
            amount_total: row.get(4)?,
            state: State::parse(&row.get::<_, String>(5)?).unwrap_or(State::Failed),
            unknown: row.get(6)?,
            has_draft: row.get(7)?,
            content_hash: row.get(8)?,
            flagged: row.get(9)?,
            left_out: row.get(10)?,
        })
    })?;
    rows.collect()
}

fn insert(db: &Connection, branch: &BranchCode, order: &PosOrder, witness: &str, now: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO record (branch, direction, kind, remote_id, witness, reference, state, due_at, write_date, content_hash, payload, has_content,
             rows, date_order, amount_total, amount_tax, currency, created_at, updated_at)
         VALUES (?1, 'receive', 'order', ?2, ?3, ?4, 'pending', ?5, ?6, ?7, '', 1, ?8, ?9, ?10, ?11, ?12, ?5, ?5)",
    )?
    .execute(params![
        branch.as_str(),
        order.id.get(),
        witness,
        order.reference(),
        now.as_second(),
        order.write_date,
        order.content_hash(),
        order.lines.len() + 1, // and the closing note
        order.date_order,
        order.amount_total.to_string(),
        order.amount_tax.to_string(),
        order.currency_id.as_ref().map_or("", |currency| currency.name.as_str()),
    ])?;
    keep_content(db, db.last_insert_rowid(), order)
}

fn renew(db: &Connection, row: &Standing, order: &PosOrder, now: Timestamp, kept: &mut Kept) -> rusqlite::Result<()> {
    let hash = order.content_hash();
    if row.content_hash == hash {
        db.prepare_cached("UPDATE record SET write_date = ?2 WHERE id = ?1 AND write_date <> ?2")?
            .execute(params![row.record, order.write_date])?;
        return Ok(());
    }
    // Of what was left out as invoiced there is no draft: if there was one, it is gone, and somebody asked for it again.
    let written = !planted(Bug::ChangeUnsaid) && !row.left_out && (row.has_draft || row.unknown || row.state == State::Done);
    if written {
        kept.changed += 1;
        let problem = Problem::OrderChanged { what: what_is_new(db, row, order)? };
        db.prepare_cached("UPDATE record SET write_date = ?2, content_hash = ?3, updated_at = ?4 WHERE id = ?1")?.execute(params![
            row.record,
            order.write_date,
            hash,
            now.as_second()
        ])?;
        if row.state == State::Done {
            flag(db, row.record, &problem, now)?;
        }
        keep_newer_content(db, row.record, order)?;
        // What failed in doubt waits for nobody: the change may be the fix.
        kept.renewed += u64::from(!row.has_draft && newer_goes(db, row.record, now)?);
        return attempt(db, row.record, now, 0, "changed", Some(&problem), &problem.what());
    }
    kept.renewed += 1;
    // The change may be the fix that a failed order waits for. What was left out because it was invoiced is judged anew: a branch that was
    // put back to a backup knows nothing of the invoice. What a person ignored, which has his reason, stays so.
    db.prepare_cached(
        "UPDATE record SET write_date = ?2, content_hash = ?3, has_content = 1, rows = ?4, amount_total = ?5, amount_tax = ?6, updated_at = ?7,
             state = CASE WHEN state = 'failed' OR (state = 'ignored' AND reason IS NULL) THEN 'pending' ELSE state END,
             due_at = CASE WHEN state = 'failed' OR (state = 'ignored' AND reason IS NULL) THEN ?7 ELSE due_at END
         WHERE id = ?1",
    )?
    .execute(params![
        row.record,
        order.write_date,
        hash,
        order.lines.len() + 1,
        order.amount_total.to_string(),
        order.amount_tax.to_string(),
        now.as_second(),
    ])?;
    if planted(Bug::OldContent) {
        return Ok(());
    }
    keep_content(db, row.record, order)
}

/// What of an order changed since a person last looked at it, or since it was written.
fn what_is_new(db: &Connection, row: &Standing, order: &PosOrder) -> rusqlite::Result<String> {
    // A flag that nobody has ticked off is widened; one that was is not told again.
    let seen = if row.flagged { None } else { newer_order(db, row.record)? };
    let older = match seen {
        Some(seen) => Some(seen),
        None => kept_order(db, row.record)?,
    };
    // Without what was written, all that is known is that this is something else.
    Ok(older.map_or_else(|| "its content".to_owned(), |older| what_changed(&older, order)))
}

/// Says beside the order that a new one gives back, that it was given back.
fn note_refund(db: &Connection, branch: &BranchCode, refund: &PosOrder, now: Timestamp) -> rusqlite::Result<()> {
    let Some(refunded) = &refund.refunded_order_id else { return Ok(()) };
    let mut query = db.prepare_cached(
        "SELECT id FROM record WHERE branch = ?1 AND direction = 'receive' AND kind = 'order' AND remote_id = ?2 AND central_id IS NOT NULL
         ORDER BY id DESC LIMIT 1",
    )?;
    let original: Option<i64> = query.query_row(params![branch.as_str(), refunded.id.get()], |row| row.get(0)).optional()?;
    let Some(original) = original else { return Ok(()) };
    let mut amount = refund.amount_total.normalize();
    amount.rescale(amount.scale().max(2));
    let problem = Problem::OrderRefunded { by: refund.reference(), amount };
    attempt(db, original, now, 0, "refunded", Some(&problem), &problem.what())?;
    let done = db.prepare_cached("SELECT 1 FROM record WHERE id = ?1 AND state = 'done'")?.exists([original])?;
    if done { flag(db, original, &problem, now) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
