//! What Odoo would refuse now because a session or an order is open waits for it, and goes by itself afterwards.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::json;

use super::side::Side;
use crate::master_data::{Action, BranchKey, Item, VARIANTS};
use crate::model::Kind;
use crate::odoo::master::{Cell, Row, id_of, ids_of, one_of, text_of};
use crate::problem::Problem;

/// Fields of a tax that Odoo does not let change while an open session has sold with it.
const FROZEN_TAX: &[&str] =
    &["amount_type", "amount", "type_tax_use", "price_include", "include_base_amount", "is_base_affected", "active"];

/// Adds to each item what it waits for, if it does.
///
/// # Errors
/// What stands in the way of looking, as a problem of the branch.
pub async fn hold(side: &Side, items: &mut [Item]) -> Result<(), Problem> {
    let touches = |item: &Item, frozen: &dyn Fn(&str) -> bool| {
        item.ready() && item.action != Action::Create && item.changes.iter().any(|change| frozen(&change.field))
    };
    let mut taxes: Vec<&mut Item> = Vec::new();
    let mut methods: Vec<&mut Item> = Vec::new();
    let mut archived: Vec<&mut Item> = Vec::new();
    for item in items {
        match item.kind {
            Kind::Tax if touches(item, &|field| FROZEN_TAX.contains(&field)) => taxes.push(item),
            Kind::PaymentMethod if touches(item, &|_| true) => methods.push(item),
            Kind::Product if item.ready() && item.action == Action::Archive => archived.push(item),
            _ => {}
        }
    }
    hold_methods(side, methods).await?;
    hold_taxes(side, taxes).await?;
    hold_archived(side, archived).await
}

/// Payment methods wait for the sessions of the shops that take them.
async fn hold_methods(side: &Side, methods: Vec<&mut Item>) -> Result<(), Problem> {
    if methods.is_empty() {
        return Ok(());
    }
    let open = open_sessions(side).await?;
    let columns = ["name", "payment_method_ids"];
    let shops = side.reader.rows("pos.config", &json!([["id", "in", open.values().collect::<Vec<_>>()]]), &columns).await?;
    for item in methods {
        let uses = |row: &&Row| item.branch_id.is_some_and(|id| ids_of(row, "payment_method_ids").contains(&id.get()));
        let shops: Vec<String> = shops.iter().filter(uses).filter_map(|row| text_of(row, "name").map(str::to_owned)).collect();
        wait_for_session(item, shops);
    }
    Ok(())
}

/// Taxes wait for the sessions that have sold with them.
async fn hold_taxes(side: &Side, taxes: Vec<&mut Item>) -> Result<(), Problem> {
    if taxes.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = taxes.iter().filter_map(|item| item.branch_id).map(|id| id.get()).collect();
    let domain = json!([["tax_ids", "in", ids], ["order_id.session_id.state", "!=", "closed"]]);
    let lines = side.reader.rows("pos.order.line", &domain, &["tax_ids", "order_id"]).await?;
    let orders: BTreeSet<i64> = lines.iter().filter_map(|line| one_of(line, "order_id")).collect();
    let orders =
        if orders.is_empty() { Vec::new() } else { side.reader.rows("pos.order", &json!([["id", "in", orders]]), &["config_id"]).await? };
    let shop: HashMap<i64, String> = orders.iter().filter_map(|order| Some((id_of(order), named(order, "config_id")?))).collect();
    for item in taxes {
        let sold = |line: &&Row| item.branch_id.is_some_and(|id| ids_of(line, "tax_ids").contains(&id.get()));
        let shops: BTreeSet<String> = lines.iter().filter(sold).filter_map(|line| shop.get(&one_of(line, "order_id")?).cloned()).collect();
        wait_for_session(item, shops.into_iter().collect());
    }
    Ok(())
}

/// Products that are to be archived wait for the orders that they are in.
async fn hold_archived(side: &Side, archived: Vec<&mut Item>) -> Result<(), Problem> {
    if archived.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = archived.iter().filter_map(|item| item.branch_id).map(|id| id.get()).collect();
    let domain = json!([["product_id.product_tmpl_id", "in", ids], ["order_id.state", "=", "draft"]]);
    let lines = side.reader.rows("pos.order.line", &domain, &["product_id", "order_id"]).await?;
    let orders = open_orders(side, &lines).await?;
    for item in archived {
        let Some(product) = item.branch_id.and_then(|id| side.records.get(&(Kind::Product, id))) else { continue };
        let variants: Vec<i64> = product.value(VARIANTS).ids().into_iter().map(BranchKey::get).collect();
        let of_it = |line: &&Row| one_of(line, "product_id").is_some_and(|id| variants.contains(&id));
        let orders: BTreeSet<String> =
            lines.iter().filter(of_it).filter_map(|line| orders.get(&one_of(line, "order_id")?).cloned()).collect();
        if !orders.is_empty() {
            let problem = Problem::OrderOpen { reference: item.reference.clone(), orders: orders.into_iter().collect() };
            item.problems.push(problem);
        }
    }
    Ok(())
}

/// Shops by their open session.
async fn open_sessions(side: &Side) -> Result<BTreeMap<i64, i64>, Problem> {
    let rows = side.reader.rows("pos.session", &json!([["state", "!=", "closed"]]), &["config_id"]).await?;
    Ok(rows.iter().filter_map(|row| Some((id_of(row), one_of(row, "config_id")?))).collect())
}

/// What people call the orders of lines, by their id: an order that is still open often has no name of its own.
async fn open_orders(side: &Side, lines: &[Row]) -> Result<HashMap<i64, String>, Problem> {
    let ids: BTreeSet<i64> = lines.iter().filter_map(|line| one_of(line, "order_id")).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = side.reader.rows("pos.order", &json!([["id", "in", ids]]), &["pos_reference", "name", "config_id"]).await?;
    let called = |order: &Row| {
        let name = text_of(order, "pos_reference").or_else(|| text_of(order, "name").filter(|name| *name != "/"));
        let name = name.map_or_else(|| format!("order {}", id_of(order)), str::to_owned);
        named(order, "config_id").map_or_else(|| name.clone(), |shop| format!("{name} in {shop}"))
    };
    Ok(rows.iter().map(|order| (id_of(order), called(order))).collect())
}

fn wait_for_session(item: &mut Item, shops: Vec<String>) {
    if !shops.is_empty() {
        item.problems.push(Problem::SessionOpen { kind: item.kind, reference: item.reference.clone(), shops });
    }
}

/// The name in a many2one of a row.
pub fn named(row: &Row, column: &str) -> Option<String> {
    match row.get(column) {
        Some(Cell::One(_, name)) => Some(name.clone()),
        _ => None,
    }
}
