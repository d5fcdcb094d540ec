//! What a branch's records are at central: from this pass, from the ledger, or asked for in one call a model.

use std::collections::{BTreeSet, HashMap};

use serde::de::DeserializeOwned;
use serde_json::json;

use super::Halt;
use super::branch::BranchPass;
use super::central::Resolved;
use crate::config::{Branch, MatchProduct};
use crate::mapping::{self, Bindings, ProductKey};
use crate::model::{
    BranchId, BranchPartner, BranchProduct, BranchTax, BranchUser, CentralId, CentralPartner, CentralProduct, Model, Partner, PosOrder,
    Product, Tax,
};
use crate::odoo::Call;
use crate::planted::{Bug, planted};
use crate::store::{Binding, Store};

/// Bindings at a time of which it is asked when central's record was made, until it tells: those of a person, of what was sent, and of
/// an older version of the ledger. 500 ids and times are 40 kB.
const UNMADE: usize = 500;

/// Finds out, for orders about to be mapped, what the records that they name are at central. Everything already known
/// in this pass, bound in the ledger, or asked for in one call a model.
///
/// # Errors
/// Central does not answer, or the ledger cannot be used. A record that is not found is no error but an entry.
pub async fn bind(pass: &BranchPass, resolved: &Resolved, orders: &[PosOrder]) -> Result<(), Halt> {
    let mut bindings = pass.bindings.lock().await;
    let lines = || orders.iter().flat_map(|order| &order.lines);
    let combo = |line: &&crate::model::PosLine| !line.combo_line_ids.is_empty() && line.price_unit.is_zero();
    let products: BTreeSet<_> =
        lines().filter(|l| !combo(l)).map(|l| l.product_id.id).filter(|id| !bindings.products.contains_key(id)).collect();
    let taxes: BTreeSet<_> =
        lines().flat_map(|l| &l.tax_ids_after_fiscal_position).copied().filter(|id| !bindings.taxes.contains_key(id)).collect();
    let partners: BTreeSet<_> =
        orders.iter().filter_map(|o| o.partner_id.as_ref()).map(|p| p.id).filter(|id| !bindings.partners.contains_key(id)).collect();
    let users: BTreeSet<_> =
        orders.iter().filter_map(|o| o.user_id.as_ref()).map(|u| u.id).filter(|id| !bindings.logins.contains_key(id)).collect();

    bind_products(pass, resolved, &mut bindings, &products).await?;
    bind_taxes(pass, resolved, &mut bindings, &taxes).await?;
    bind_partners(pass, resolved, &mut bindings, &partners).await?;
    let known: Vec<BranchUser> = kept(pass, &users).await?;
    bindings.logins.extend(known.into_iter().map(|user| (user.id, user.login)));
    Ok(())
}

/// What the ledger has bound to records of central that are still the same: a central that was put back to a backup gives the number
/// of a record that it lost to another one, made at another time.
async fn bound<M: Model>(pass: &BranchPass, ids: &BTreeSet<BranchId<M>>) -> Result<HashMap<i64, i64>, Halt> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let code = match pass.bridge.config.branches.iter().find(|other| planted(Bug::SwappedBindings) && other.code != pass.branch.code) {
        Some(other) => other.code.clone(),
        None => pass.branch.code.clone(),
    };
    let bare = ids.iter().map(|id| id.get()).collect::<Vec<_>>();
    let of = code.clone();
    let work = move |store: &Store| Ok((store.bindings(&of, M::NAME, &bare)?, store.bindings_unmade(&of, M::NAME, UNMADE)?));
    let (mut bound, unmade) = pass.bridge.store.run(work).await?;
    // However long it takes until an order names these: what they are is asked now.
    bound.extend(unmade.into_iter().map(|(branch, central, made)| (branch, (central, made))));
    let made = pass.central.made::<M>(&bound.values().map(|(central, _)| *central).collect()).await?;
    let (mut told, mut replaced) = (Vec::new(), Vec::new());
    bound.retain(|branch, (central, was)| match made.get(central) {
        Some(is) if was.is_empty() => {
            told.push((*branch, *central, is.clone()));
            true
        }
        Some(is) if is != was && !planted(Bug::NumberAloneIsRecord) => {
            replaced.push((*branch, *central, std::mem::take(was)));
            false
        }
        _ => true,
    });
    if !replaced.is_empty() {
        let (branch, model, records) = (&pass.branch.code, M::NAME, replaced.len());
        tracing::info!(%branch, model, records, "Central gave the numbers of records that were matched to others: they are matched anew");
    }
    let news = !told.is_empty() || !replaced.is_empty();
    if news && !pass.request.dry_run {
        let work = move |store: &Store| {
            store.note_made(&code, M::NAME, &told)?;
            store.unbind(&code, M::NAME, &replaced)
        };
        pass.bridge.store.run(work).await?;
    }
    Ok(bound.into_iter().map(|(branch, (central, _))| (branch, central)).collect())
}

/// Which of these are not bound.
fn unbound<M: Model>(ids: &BTreeSet<BranchId<M>>, bound: &HashMap<i64, i64>) -> BTreeSet<BranchId<M>> {
    ids.iter().copied().filter(|id| !bound.contains_key(&id.get())).collect()
}

/// Records of the branch as the ledger has them.
async fn kept<M: Model, T: DeserializeOwned>(pass: &BranchPass, ids: &BTreeSet<BranchId<M>>) -> Result<Vec<T>, Halt> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (code, ids) = (pass.branch.code.clone(), ids.iter().map(|id| id.get()).collect::<Vec<_>>());
    let texts = pass.bridge.store.run(move |store| store.branch_records(&code, M::NAME, &ids)).await?;
    Ok(texts.into_values().filter_map(|text| serde_json::from_str(&text).ok()).collect())
}

/// Writes down what was matched, with when `made` says that central's record was made.
async fn remember<M: Model>(
    pass: &BranchPass,
    found: Vec<(BranchId<M>, CentralId<M>)>,
    made: impl Fn(CentralId<M>) -> Option<String>,
) -> Result<(), Halt> {
    if found.is_empty() || pass.request.dry_run {
        return Ok(());
    }
    let binding = |(branch, central): (BranchId<M>, CentralId<M>)| (branch.get(), central.get(), made(central).unwrap_or_default());
    let found: Vec<Binding> = found.into_iter().map(binding).collect();
    let (code, now) = (pass.branch.code.clone(), pass.started_at);
    Ok(pass.bridge.store.run(move |store| store.bind(&code, M::NAME, &found, now)).await?)
}

async fn bind_products(
    pass: &BranchPass,
    resolved: &Resolved,
    bindings: &mut Bindings,
    ids: &BTreeSet<BranchId<Product>>,
) -> Result<(), Halt> {
    let bound = bound(pass, ids).await?;
    let rest = unbound(ids, &bound);
    bindings.products.extend(bound.into_iter().map(|(branch, central)| (BranchId::new(branch), Ok(CentralId::new(central)))));
    let keys: Vec<ProductKey> = pass.branch.match_products.iter().map(product_key).collect();
    let wanted: Vec<BranchProduct> = kept(pass, &rest).await?.into_iter().map(|product| configured(&pass.branch, product)).collect();
    let values = |key: ProductKey| -> BTreeSet<&str> { wanted.iter().filter_map(|product| key.of(product)).collect() };
    let (barcodes, codes) = (values(ProductKey::Barcode), values(ProductKey::DefaultCode));
    let candidates: Vec<CentralProduct> = if barcodes.is_empty() && codes.is_empty() {
        Vec::new()
    } else {
        let domain = json!(["|", ["barcode", "in", barcodes], ["default_code", "in", codes]]);
        let call =
            Call::search_read(Product::NAME, domain, &["display_name", "barcode", "default_code", "active", "create_date"]).with_archived();
        pass.central.ask(&call.context("allowed_company_ids", json!([resolved.draft.company_id]))).await?
    };
    let mut found = Vec::new();
    for product in &wanted {
        let result = mapping::match_product(product, &candidates, &keys);
        found.extend(result.iter().map(|central| (product.id, *central)));
        bindings.products.insert(product.id, result);
    }
    remember(pass, found, |id| candidates.iter().find(|candidate| candidate.id == id)?.made.clone()).await
}

/// A product whose match is written in the settings: by its name, barcode or Internal Reference at the branch.
pub(super) fn configured(branch: &Branch, mut product: BranchProduct) -> BranchProduct {
    let names = [Some(&product.name), product.default_code.as_ref(), product.barcode.as_ref()];
    let setting = names.into_iter().flatten().find_map(|name| branch.products.get(name)).cloned();
    if let Some(value) = setting {
        product.barcode = Some(value.clone());
        product.default_code = Some(value);
    }
    product
}

pub(super) fn product_key(key: &MatchProduct) -> ProductKey {
    match key {
        MatchProduct::Barcode => ProductKey::Barcode,
        MatchProduct::DefaultCode => ProductKey::DefaultCode,
    }
}

async fn bind_taxes(pass: &BranchPass, resolved: &Resolved, bindings: &mut Bindings, ids: &BTreeSet<BranchId<Tax>>) -> Result<(), Halt> {
    if ids.is_empty() {
        return Ok(());
    }
    let candidates = pass.central.taxes(resolved.draft.company_id).await?;
    let bound = bound(pass, ids).await?;
    let (code, bare) = (pass.branch.code.clone(), bound.keys().copied().collect::<Vec<_>>());
    let chosen = pass.bridge.store.run(move |store| store.chosen(&code, Tax::NAME, &bare)).await?;
    let wanted: Vec<BranchTax> = kept(pass, ids).await?;
    let mut found = Vec::new();
    for tax in &wanted {
        // A name in branches.toml comes before what was once matched: it may have been written since. What a person chose for
        // this one tax comes before both.
        let setting = pass.branch.taxes.get(&tax.name).map(String::as_str);
        let stands = setting.is_none() || chosen.contains_key(&tax.id.get());
        let known = bound.get(&tax.id.get()).map(|id| CentralId::new(*id)).filter(|id| stands && candidates.iter().any(|c| c.id == *id));
        let result = match known {
            Some(id) => Ok(id),
            None => mapping::match_tax(tax, setting, &candidates, &resolved.company),
        };
        found.extend(result.iter().filter(|_| known.is_none()).map(|central| (tax.id, *central)));
        bindings.taxes.insert(tax.id, result);
    }
    remember(pass, found, |id| candidates.iter().find(|candidate| candidate.id == id)?.made.clone()).await
}

async fn bind_partners(
    pass: &BranchPass,
    resolved: &Resolved,
    bindings: &mut Bindings,
    ids: &BTreeSet<BranchId<Partner>>,
) -> Result<(), Halt> {
    let bound = bound(pass, ids).await?;
    let rest = unbound(ids, &bound);
    bindings.partners.extend(bound.into_iter().map(|(branch, central)| (BranchId::new(branch), Ok(CentralId::new(central)))));
    let wanted: Vec<BranchPartner> = kept(pass, &rest).await?;
    let said = |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let vats: BTreeSet<String> = wanted.iter().filter_map(|partner| said(&partner.vat)).collect();
    let references: BTreeSet<String> = wanted.iter().filter_map(|partner| said(&partner.reference)).collect();
    // `in` compares letter by letter, and people write e-mail addresses both ways.
    let emails: BTreeSet<String> =
        wanted.iter().filter_map(|partner| said(&partner.email)).flat_map(|email| [email.to_lowercase(), email]).collect();
    let candidates: Vec<CentralPartner> = if vats.is_empty() && references.is_empty() && emails.is_empty() {
        Vec::new()
    } else {
        let domain = json!(["|", "|", ["vat", "in", vats], ["email", "in", emails], ["ref", "in", references]]);
        let call = Call::search_read(Partner::NAME, domain, &["display_name", "name", "vat", "email", "ref", "parent_id", "create_date"]);
        pass.central.ask(&call.context("allowed_company_ids", json!([resolved.draft.company_id]))).await?
    };
    let mut found = Vec::new();
    for partner in &wanted {
        let result = mapping::match_partner(partner, &candidates);
        found.extend(result.iter().map(|central| (partner.id, *central)));
        bindings.partners.insert(partner.id, result);
    }
    remember(pass, found, |id| candidates.iter().find(|candidate| candidate.id == id)?.made.clone()).await
}
