//! Drafts that central has from before the branch's upgrade to Odoo 18, and the ledger does not know: it was lost, or put back to
//! a backup from before.
//!
//! The upgrade gives orders the uuids by which they are known since. A ledger that saw it keeps the external id of each order; one
//! that did not would write them once more, under another. So orders that are older than what it saw are looked for at central
//! first: by the reference of the draft, and taken for the same only under the external id that the older Odoo gave them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;

use super::branch::BranchPass;
use super::{Halt, odoo_time};
use crate::mapping;
use crate::model::{Model as _, SaleOrder, SaleOrderModel};
use crate::odoo::Call;
use crate::odoo::records::{self, DraftIds};
use crate::store::Due;

/// By how much a till's clock may be fast. What was sold in this time after the ledger began costs a look for nothing.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_hours(1);

#[derive(Deserialize)]
struct Found {
    id: i64,
}

/// Gives those of these drafts that central has under an older external id this one, and writes it down.
///
/// Costs nothing where the ledger is older than the orders, else a call for the pass, and two more for a batch where central has
/// drafts of the branch.
///
/// # Errors
/// Central does not answer, or the ledger cannot be written.
pub async fn recognize(pass: &BranchPass, due: &[Due], drafts: &mut BTreeMap<usize, SaleOrder>) -> Result<(), Halt> {
    let seen_since = odoo_time(seen_since(pass).await?);
    let older = |due: &Due| due.order.uuid.is_some() && due.known_as.is_none() && !due.tried() && due.order.date_order < seen_since;
    let places: Vec<usize> = drafts.keys().copied().filter(|place| older(&due[*place])).collect();
    if places.is_empty() || !drafted_before(pass).await? {
        return Ok(());
    }
    let references: Vec<&str> = places.iter().map(|place| drafts[place].client_order_ref.as_str()).collect();
    let call = Call::search_read(SaleOrderModel::NAME, json!([["client_order_ref", "in", references]]), &["id"]);
    let found: Vec<Found> = pass.central.ask(&call).await?;
    if found.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = found.iter().map(|found| found.id).collect();
    let found: Vec<DraftIds> = pass.central.ask(&records::draft_ids(&ids)).await?;
    let mut known = Vec::new();
    for place in places {
        let (due, witness) = (&due[place], due[place].order.witness_before_uuids());
        let external_id = mapping::external_id_as(&pass.branch.code, &due.order, &witness);
        if let (true, Some(draft)) = (found.iter().any(|draft| draft.has(&external_id)), drafts.get_mut(&place)) {
            draft.external_id = external_id;
            known.push((due.record, witness));
        }
    }
    Ok(pass.bridge.store.run(move |store| store.note_known_as(&known)).await?)
}

/// Whether central had drafts of the branch when this pass began to write: the rule, but for a branch's first pass ever.
async fn drafted_before(pass: &BranchPass) -> Result<bool, Halt> {
    let of_branch = json!([["client_order_ref", "=like", format!("{}/%", pass.branch.code)]]);
    let call = Call::search_read(SaleOrderModel::NAME, of_branch, &["id"]).arg("limit", json!(1));
    let any = async || pass.central.ask::<Vec<Found>>(&call).await.map(|found| !found.is_empty());
    Ok(*pass.drafted_before.get_or_try_init(any).await?)
}

/// Since when the ledger knows by itself what the branch's orders are called at central: since the first that it received, or since
/// the upgrade that it saw last.
async fn seen_since(pass: &BranchPass) -> Result<Timestamp, Halt> {
    let code = pass.branch.code.clone();
    let first = pass.first_kept.get_or_try_init(async || pass.bridge.store.run(move |store| store.first_kept(&code)).await).await?;
    let upgraded = pass.connection.known(&pass.bridge.store)?.upgrade.map(|upgrade| upgrade.at);
    let since = (*first).into_iter().chain(upgraded).max().unwrap_or(pass.started_at);
    Ok(since.saturating_add(CLOCKS_DIFFER).unwrap_or(since))
}
