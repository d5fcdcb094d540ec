//! One record with all that a person wants to know of it: what happened, what is in it, and what its problems are about.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::de::DeserializeOwned;

use super::content::{kept_order, newer_order};
use super::ledger::{AttemptEntry, ENTRY, entry};
use super::{Entry, Store, StoreError, json_column, json_text, timestamp};
use crate::model::{BranchId, BranchPartner, BranchTax, Model, Names, Partner, PosOrder, Product, Tax};
use crate::problem::Problem;

/// Attempts that are told, the newest of them: an Odoo that is away for a week leaves two hundred.
pub const ATTEMPTS_SHOWN: usize = 100;

/// A record with its story.
#[derive(Debug, Clone)]
pub struct Story {
    /// The record.
    pub entry: Entry,
    /// The last [`ATTEMPTS_SHOWN`] attempts, oldest first.
    pub attempts: Vec<AttemptEntry>,
    /// Earlier ones, which are not told.
    pub earlier: usize,
    /// What was received, or is to be sent, as JSON; empty once it is forgotten.
    pub raw: String,
    /// An order, as long as its content is kept.
    pub order: Option<PosOrder>,
    /// The order as it is now, if it changed after it was written.
    pub newer: Option<PosOrder>,
    /// What the branch calls what the order names.
    pub names: Names,
    /// What a person can map, so that it can be written.
    pub unmatched: Vec<Unmatched>,
}

/// A record of a branch that one of the problems is about: for want of its counterpart at central the order waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmatched {
    /// Odoo's model: of products, taxes or customers.
    pub model: &'static str,
    /// Its id at the branch.
    pub branch_id: i64,
    /// What the branch calls it.
    pub name: String,
    /// Its Internal Reference, or a customer's reference.
    pub code: Option<String>,
    /// Its barcode, or a customer's VAT.
    pub barcode: Option<String>,
    /// What waits for it: see [`Problem::key`].
    pub waits_for: String,
}

impl Store {
    /// One record with its story; `None` if there is none of this number.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn story(&self, record: i64) -> Result<Option<Story>, StoreError> {
        self.read(|db| {
            let sql = format!("SELECT {ENTRY}, payload FROM record WHERE id = ?1");
            let found = db.prepare_cached(&sql)?.query_row([record], |row| Ok((entry(row)?, row.get::<_, String>("payload")?)));
            let Some((entry, payload)) = found.optional()? else { return Ok(None) };
            let order = kept_order(db, record)?;
            let raw = order.as_ref().map_or(payload, json_text);
            let names = order.as_ref().map(|order| names(db, &entry.branch, order)).transpose()?.unwrap_or_default();
            let unmatched = match &order {
                Some(order) => unmatched(db, &entry, order, &names)?,
                None => Vec::new(),
            };
            let (attempts, earlier) = attempts(db, record)?;
            Ok(Some(Story { entry, attempts, earlier, raw, order, newer: newer_order(db, record)?, names, unmatched }))
        })
    }
}

fn attempts(db: &Connection, record: i64) -> rusqlite::Result<(Vec<AttemptEntry>, usize)> {
    let mut query = db.prepare_cached(
        "SELECT at, duration_ms, outcome, cause, message, problem FROM attempt WHERE record_id = ?1 ORDER BY id DESC LIMIT ?2",
    )?;
    let told = query.query_map(params![record, ATTEMPTS_SHOWN], |row| {
        Ok(AttemptEntry {
            at: timestamp(row.get(0)?),
            duration_ms: row.get(1)?,
            outcome: row.get(2)?,
            cause: row.get(3)?,
            message: row.get(4)?,
            problem: json_column(row.get(5)?),
        })
    })?;
    let mut told: Vec<AttemptEntry> = told.collect::<rusqlite::Result<_>>()?;
    told.reverse();
    let all: usize = match told.len() {
        ATTEMPTS_SHOWN => db.prepare_cached("SELECT count(*) FROM attempt WHERE record_id = ?1")?.query_row([record], |row| row.get(0))?,
        few => few,
    };
    Ok((told, all.saturating_sub(ATTEMPTS_SHOWN)))
}

/// What the branch's records are called there.
fn names(db: &Connection, branch: &str, order: &PosOrder) -> rusqlite::Result<Names> {
    let products = order.lines.iter().map(|line| line.product_id.id);
    let taxes = order.lines.iter().flat_map(|line| &line.tax_ids_after_fiscal_position).copied();
    Ok(Names { products: kept(db, branch, products)?, taxes: kept(db, branch, taxes)? })
}

fn kept<M: Model, T: DeserializeOwned>(
    db: &Connection,
    branch: &str,
    ids: impl Iterator<Item = BranchId<M>>,
) -> rusqlite::Result<HashMap<BranchId<M>, T>> {
    let mut query = db.prepare_cached("SELECT data FROM branch_record WHERE branch = ?1 AND model = ?2 AND branch_id = ?3")?;
    let mut found = HashMap::new();
    for id in ids {
        if !found.contains_key(&id) {
            let data = query.query_row(params![branch, M::NAME, id.get()], |row| row.get::<_, Option<String>>(0)).optional()?;
            found.extend(json_column(data.flatten()).map(|record| (id, record)));
        }
    }
    Ok(found)
}

/// Which of the order's records its problems are about: problems carry names for people, not numbers.
fn unmatched(db: &Connection, entry: &Entry, order: &PosOrder, names: &Names) -> rusqlite::Result<Vec<Unmatched>> {
    let named = Named::of(db, &entry.branch, order, names)?;
    let mut bound = db.prepare_cached("SELECT source FROM binding WHERE branch = ?1 AND model = ?2 AND branch_id = ?3")?;
    let mut found: Vec<Unmatched> = Vec::new();
    for problem in &entry.problems {
        for candidate in named.about(problem) {
            let source: Option<String> =
                bound.query_row(params![entry.branch, candidate.model, candidate.branch_id], |row| row.get(0)).optional()?;
            // What is bound is not what was not found; what is gone at central is what a person bound, since a match is forgotten then.
            let gone = matches!(problem, Problem::RecordGone { .. });
            if gone == (source.as_deref() == Some("person")) && (gone || source.is_none()) && !found.contains(&candidate) {
                found.push(candidate);
            }
        }
    }
    Ok(found)
}

/// The records that an order names, without what waits for them.
struct Named {
    products: Vec<Unmatched>,
    taxes: Vec<Unmatched>,
    customer: Vec<Unmatched>,
}

impl Named {
    fn of(db: &Connection, branch: &str, order: &PosOrder, names: &Names) -> rusqlite::Result<Self> {
        let mut products: Vec<Unmatched> = Vec::new();
        let mut taxes: Vec<Unmatched> = Vec::new();
        let one = |model, branch_id, name: &str, code: Option<&String>, barcode: Option<&String>| Unmatched {
            model,
            branch_id,
            name: name.to_owned(),
            code: code.cloned(),
            barcode: barcode.cloned(),
            waits_for: String::new(),
        };
        for line in &order.lines {
            let id = line.product_id.id;
            let known = names.products.get(&id);
            let name = known.map_or(&line.product_id.name, |product| &product.name);
            let code = known.and_then(|product| product.default_code.as_ref());
            let barcode = known.and_then(|product| product.barcode.as_ref());
            products.push(one(Product::NAME, id.get(), name, code, barcode));
            for tax in &line.tax_ids_after_fiscal_position {
                let unknown = format!("#{tax}");
                taxes.push(one(Tax::NAME, tax.get(), names.taxes.get(tax).map_or(&unknown, |tax: &BranchTax| &tax.name), None, None));
            }
        }
        let ids = order.partner_id.iter().map(|partner| partner.id);
        let partners: HashMap<BranchId<Partner>, BranchPartner> = kept(db, branch, ids)?;
        let customer = order.partner_id.iter().map(|partner| {
            let known = partners.get(&partner.id);
            let name = known.and_then(|known| known.name.as_ref()).unwrap_or(&partner.name);
            let (code, vat) = (known.and_then(|known| known.reference.as_ref()), known.and_then(|known| known.vat.as_ref()));
            one(Partner::NAME, partner.id.get(), name, code, vat)
        });
        let customer = customer.collect();
        for list in [&mut products, &mut taxes] {
            list.sort_by_key(|one| one.branch_id);
            list.dedup();
        }
        Ok(Self { products, taxes, customer })
    }

    /// Those that a problem may be about.
    fn about(&self, problem: &Problem) -> Vec<Unmatched> {
        use Problem::*;
        let (list, name, code) = match problem {
            ProductNotFound { name, default_code, .. } => (&self.products, Some(name), default_code.as_ref()),
            ProductAmbiguous { name, .. } | ProductWithoutReference { name } => (&self.products, Some(name), None),
            TaxNotFound { name, .. } | TaxAmbiguous { name, .. } => (&self.taxes, Some(name), None),
            // An order has one customer at most.
            CustomerNotFound { .. } | CustomerAmbiguous { .. } => (&self.customer, None, None),
            RecordGone { model, .. } if model == Product::NAME || model == "product.template" => (&self.products, None, None),
            RecordGone { model, .. } if model == Tax::NAME => (&self.taxes, None, None),
            RecordGone { model, .. } if model == Partner::NAME => (&self.customer, None, None),
            _ => return Vec::new(),
        };
        let waits_for = problem.key();
        let these = |fits: &dyn Fn(&Unmatched) -> bool| -> Vec<Unmatched> {
            list.iter().filter(|one| fits(one)).map(|one| Unmatched { waits_for: waits_for.clone(), ..one.clone() }).collect()
        };
        let by_name = these(&|one| name.is_none_or(|name| one.name == *name));
        match by_name.as_slice() {
            // A name that the settings give a tax is not the branch's.
            [] => these(&|_| true),
            [_] => by_name,
            _ => {
                let by_code = these(&|one| name.is_none_or(|name| one.name == *name) && one.code.as_ref() == code);
                if by_code.is_empty() { by_name } else { by_code }
            }
        }
    }
}

#[cfg(test)]
mod tests;
