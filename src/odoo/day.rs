//! What counting a day asks of a branch and of central. Everything is asked in pages by id, and only of that day.

use serde_json::{Value as Json, json};

use super::Call;
use super::records::XMLID_MODULE;
use crate::model::{BranchCode, Model as _, PosOrderModel, SaleOrderModel, Session};

/// What is asked of an order of the branch besides what it may lack.
const SOLD_FIELDS: [&str; 8] = ["name", "pos_reference", "date_order", "create_date", "write_date", "state", "session_id", "currency_id"];

/// What is asked of a sales order.
const CENTRAL_FIELDS: [&str; 10] = [
    "name",
    "state",
    "client_order_ref",
    "date_order",
    "amount_total",
    "currency_id",
    "create_uid",
    "write_uid",
    "create_date",
    "write_date",
];

fn sold_fields(has_uuid: bool) -> Vec<&'static str> {
    let uuid = if has_uuid { Some("uuid") } else { None };
    SOLD_FIELDS.into_iter().chain(["amount_total"]).chain(uuid).collect()
}

/// A page of paid orders with a `date_order` in `from..to` that fit `domain`, with ids above `after`, ordered by id.
pub fn sold(has_uuid: bool, domain: &[Json], from: &str, to: &str, after: i64, limit: usize) -> Call {
    let mut whole = vec![
        json!(["date_order", ">=", from]),
        json!(["date_order", "<", to]),
        json!(["state", "in", ["paid", "done", "invoiced"]]),
        json!(["id", ">", after]),
    ];
    whole.extend_from_slice(domain);
    page(Call::search_read(PosOrderModel::NAME, Json::Array(whole), &sold_fields(has_uuid)), limit)
}

/// Orders by id, in whatever state; those that are gone are left out.
pub fn sold_by_id(has_uuid: bool, ids: &[i64]) -> Call {
    Call::search_read(PosOrderModel::NAME, json!([["id", "in", ids]]), &sold_fields(has_uuid))
}

/// Sessions that began before `to` and are not closed, of these shops (none = all).
pub fn open_sessions(shops: &[String], to: &str, limit: usize) -> Call {
    let mut domain = vec![json!(["state", "!=", "closed"]), json!(["start_at", "<", to])];
    if !shops.is_empty() {
        domain.push(json!(["config_id.name", "in", shops]));
    }
    page(Call::search_read(Session::NAME, Json::Array(domain), &["name", "start_at"]), limit)
}

/// Sales orders by id; those that are gone are left out.
pub fn central_by_id(ids: &[i64]) -> Call {
    Call::search_read(SaleOrderModel::NAME, json!([["id", "in", ids]]), &CENTRAL_FIELDS)
}

/// A page of sales orders with a `date_order` in `from..to` whose reference begins as a branch's does, ordered by id. Some
/// may be another branch's: in a pattern `_` stands for any character.
pub fn central_by_reference(branch: &BranchCode, from: &str, to: &str, after: i64, limit: usize) -> Call {
    let domain = json!([
        ["date_order", ">=", from],
        ["date_order", "<", to],
        ["client_order_ref", "=like", format!("{}%", mark(branch))],
        ["id", ">", after],
    ]);
    page(Call::search_read(SaleOrderModel::NAME, domain, &CENTRAL_FIELDS), limit)
}

/// What the reference of each draft of a branch begins with.
pub fn mark(branch: &BranchCode) -> String {
    format!("{branch}/")
}

/// The external ids of sales orders. A user without rights on `ir.model.data` may ask for them in this way.
pub fn external_ids(ids: &[i64]) -> Call {
    Call::new(SaleOrderModel::NAME, "get_metadata").on(ids)
}

/// The names of the bridge's own external ids in what [`external_ids`] is answered, by record.
pub fn own_external_ids(answer: &[Json]) -> impl Iterator<Item = (i64, String)> {
    let own = |text: &str| Some(text.strip_prefix(XMLID_MODULE)?.strip_prefix('.')?.to_owned());
    answer.iter().filter_map(move |record| {
        let name = match record.get("xmlids").and_then(Json::as_array) {
            Some(names) => names.iter().filter_map(|name| own(name.get("xmlid")?.as_str()?)).next()?,
            None => own(record.get("xmlid")?.as_str()?)?, // Odoo 14
        };
        Some((record.get("id")?.as_i64()?, name))
    })
}

fn page(call: Call, limit: usize) -> Call {
    call.arg("order", json!("id")).arg("limit", json!(limit))
}
