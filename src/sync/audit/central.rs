//! Reads central for an audit: for all branches of a company at once, the products that could be those that were sold.

use std::collections::BTreeSet;

use serde_json::json;

use super::branch::{GOODS, PAGE};
use super::facts::{CentralFacts, Goods};
use crate::model::{CentralId, Company, Model, Product};
use crate::odoo::Call;
use crate::odoo::records::existing;
use crate::problem::Problem;
use crate::sync::central::Central;

/// What the branches' products are looked for by.
#[derive(Debug, Default)]
pub struct Keys {
    /// Central's products that the ledger has bound.
    pub ids: BTreeSet<i64>,
    /// Barcodes and Internal References of what was sold.
    pub texts: BTreeSet<String>,
}

/// Reads what central has of these products, in a company (by name, else the user's own).
///
/// # Errors
/// Central does not answer, has no such company, or does not show its products.
pub async fn read(central: &Central, company: Option<&str>, keys: &Keys) -> Result<CentralFacts, Problem> {
    let found = central.company(company).await?;
    let id = CentralId::<Company>::new(found.id);
    let connection = &central.connection;
    let tracking = connection.patiently(|| existing(&connection.odoo, Product::NAME, &["is_storable"])).await?;
    let fields: Vec<&str> = GOODS.into_iter().chain(tracking.iter().map(String::as_str)).collect();
    let mut products: Vec<Goods> = Vec::new();
    let mut seen: BTreeSet<i64> = BTreeSet::new();
    let context = |call: Call| call.arg("order", json!("id")).with_archived().context("allowed_company_ids", json!([id]));
    let ids: Vec<i64> = keys.ids.iter().copied().collect();
    let texts: Vec<&String> = keys.texts.iter().collect();
    let by_id = ids.chunks(PAGE).map(|page| json!([["id", "in", page]]));
    let by_text = texts.chunks(PAGE).map(|page| json!(["|", ["barcode", "in", page], ["default_code", "in", page]]));
    for domain in by_id.chain(by_text) {
        let page: Vec<Goods> = central.ask(&context(Call::search_read(Product::NAME, domain, &fields))).await?;
        products.extend(page.into_iter().filter(|goods| seen.insert(goods.id)));
    }
    let taxes = central.taxes(id).await?;
    let currency = found.currency_id.map(|(_, name)| name).unwrap_or_default();
    Ok(CentralFacts { company: found.display_name, currency, products, taxes: taxes.to_vec() })
}
