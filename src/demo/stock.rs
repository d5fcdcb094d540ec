//! Locations, warehouses and transfers, as far as a till's stock is looked at. Nothing moves by itself here: what a shop
//! has and what failed is put in by whoever plays it.

use super::master::ancestors;
use super::schema::Model;
use super::table::Database;
use super::wire::Value;

/// What Odoo computes; `None` for a plain column.
pub fn computed(db: &Database, model: &Model, id: i64, field: &str) -> Option<Value> {
    Some(match (model.name.as_str(), field) {
        ("stock.location", "complete_name") => db.display_name(&model.name, id).into(),
        ("stock.location", "warehouse_id") => warehouse_of(db, model, id).into(),
        ("pos.session", "picking_count") => Value::Int(pickings(db, id).len() as i64),
        ("pos.session", "failed_pickings") => {
            let state = |picking: &i64| db.stored("stock.picking", *picking, "state");
            Value::Bool(pickings(db, id).iter().any(|picking| state(picking).as_str() != Some("done")))
        }
        _ => return None,
    })
}

/// The display name where it is more than a field; `None` elsewhere.
pub fn name(db: &Database, model: &Model, text: &impl Fn(&str) -> String, link: &impl Fn(&str) -> Option<i64>) -> Option<String> {
    match model.name.as_str() {
        "stock.picking.type" => match link("warehouse_id") {
            Some(warehouse) => Some(format!("{}: {}", db.display_name("stock.warehouse", warehouse), text("name"))),
            None => Some(text("name")),
        },
        // With those above it, `WH/Stock/Shelf`; a virtual one stands alone.
        "stock.location" => match link("location_id") {
            Some(parent) if text("usage") != "view" => Some(format!("{}/{}", db.display_name("stock.location", parent), text("name"))),
            _ => Some(text("name")),
        },
        "stock.quant" => Some(db.display_name("stock.location", link("location_id")?)),
        _ => None,
    }
}

fn warehouse_of(db: &Database, model: &Model, id: i64) -> Option<i64> {
    let above = ancestors(db, model, id);
    let warehouses = db.model("stock.warehouse").and_then(|model| db.table(model)).into_iter().flat_map(|table| table.rows().keys());
    let views = |warehouse: &&i64| db.stored("stock.warehouse", **warehouse, "view_location_id").as_int();
    warehouses.into_iter().find(|warehouse| views(warehouse).is_some_and(|view| above.contains(&view))).copied()
}

fn pickings(db: &Database, session: i64) -> Vec<i64> {
    let Some(model) = db.model("stock.picking") else { return Vec::new() };
    let (Some(table), Some(column)) = (db.table(model), model.column("pos_session_id")) else { return Vec::new() };
    table.pointing_to(column, session).into_iter().flatten().collect()
}
