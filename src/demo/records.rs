//! What the till's side insists on: sessions, payment methods and taxes in use, what cannot be deleted.

use super::fault::Fault;
use super::orm::{Env, Values};
use super::schema::Model;
use super::table::{Database, Row};

/// The option a required selection starts with, where it is not the first.
pub fn default_option(model: &str, field: &str) -> Option<&'static str> {
    match (model, field) {
        ("account.tax", "amount_type") => Some("percent"),
        ("product.product" | "product.template", "tracking") => Some("none"),
        ("pos.session", "state") => Some("opened"),
        _ => None,
    }
}

/// The session of a till that is not closed.
pub fn current_session(db: &Database, config: i64) -> Option<i64> {
    let model = db.model("pos.session")?;
    let table = db.table(model)?;
    let (state, column) = (model.column("state")?, model.column("config_id")?);
    let mut open =
        table.pointing_to(column, config)?.filter(|id| table.row(*id).is_some_and(|row| row.get(state).as_str() != Some("closed")));
    open.next()
}

impl Database {
    /// The ids that a field of a record holds, by the model's name.
    pub fn ids_of(&self, model_name: &str, id: i64, field: &str) -> Vec<i64> {
        self.model(model_name).map(|model| self.value_ids(model, id, field)).unwrap_or_default()
    }

    /// The ids that a field of a record holds.
    pub fn value_ids(&self, model: &'static Model, id: i64, field: &str) -> Vec<i64> {
        match (self.row(model, id), model.column(field)) {
            (Some(row), Some(column)) => self.value(model, id, row, column).ids(),
            _ => Vec::new(),
        }
    }
}

/// What Odoo refuses while a session is open.
pub fn guard(db: &Database, env: &Env, model: &Model, ids: &[i64], values: &Values) -> Result<(), Fault> {
    if env.root {
        return Ok(());
    }
    match model.name.as_str() {
        "pos.payment.method" if values.iter().any(|(field, _)| field != "sequence") => {
            let open = open_sessions(db, |config| {
                db.stored("pos.config", config, "payment_method_ids").ids().iter().any(|method| ids.contains(method))
            });
            if open.is_empty() {
                return Ok(());
            }
            Err(Fault::user(format!(
                "Please close and validate the following open PoS Sessions before modifying this payment method.\n\
                 Open sessions: {}",
                open.join(" ")
            )))
        }
        "pos.config" if values.iter().any(|(field, _)| field == "payment_method_ids") => {
            if open_sessions(db, |config| ids.contains(&config)).is_empty() {
                return Ok(());
            }
            Err(Fault::user("Unable to modify this PoS Configuration because you can't modify Payment Methods while a session is open."))
        }
        "account.tax" if values.iter().any(|(field, _)| FROZEN_TAX_FIELDS.contains(&field.as_str())) && tax_in_use(db, ids) => {
            Err(Fault::user(
                "It is forbidden to modify a tax used in a POS order not posted. You must close the POS sessions before modifying \
                 the tax.",
            ))
        }
        _ => Ok(()),
    }
}

const FROZEN_TAX_FIELDS: [&str; 7] =
    ["amount_type", "amount", "type_tax_use", "tax_group_id", "price_include", "include_base_amount", "is_base_affected"];

fn open_sessions(db: &Database, of: impl Fn(i64) -> bool) -> Vec<String> {
    let Some(model) = db.model("pos.session") else { return Vec::new() };
    let rows = db.table(model).into_iter().flat_map(|table| table.rows());
    rows.filter(|(id, _)| {
        let stored = |field: &str| db.stored("pos.session", **id, field);
        stored("state").as_str() != Some("closed") && stored("config_id").as_int().is_some_and(&of)
    })
    .map(|(id, _)| db.display_name("pos.session", *id))
    .collect()
}

fn tax_in_use(db: &Database, taxes: &[i64]) -> bool {
    let (Some(order), Some(line)) = (db.model("pos.order"), db.model("pos.order.line")) else { return false };
    let (Some(orders), Some(lines)) = (db.table(order), db.table(line)) else { return false };
    let (Some(order_id), Some(tax_ids), Some(session)) = (line.column("order_id"), line.column("tax_ids"), order.column("session_id"))
    else {
        return false;
    };
    lines.rows().values().any(|row| {
        row.get(tax_ids).ids().iter().any(|tax| taxes.contains(tax))
            && row
                .get(order_id)
                .as_int()
                .and_then(|id| orders.row(id))
                .and_then(|row| row.get(session).as_int())
                .is_some_and(|session| db.stored("pos.session", session, "state").as_str() != Some("closed"))
    })
}

/// What cannot be deleted in its state.
pub fn may_unlink(db: &Database, model: &Model, id: i64, row: &Row, env: &Env) -> Result<(), Fault> {
    if env.root {
        return Ok(());
    }
    let state = model.column("state").and_then(|column| row.get(column).as_str()).unwrap_or_default();
    match model.name.as_str() {
        "sale.order" if !matches!(state, "draft" | "cancel") => {
            Err(Fault::user("You can not delete a sent quotation or a confirmed sales order. You must first cancel it."))
        }
        "pos.category" if !open_sessions(db, |_| true).is_empty() => {
            Err(Fault::user("You cannot delete a point of sale category while a session is still opened."))
        }
        "product.template" | "product.product"
            if db.stored(&model.name, id, "available_in_pos").truthy() && !open_sessions(db, |_| true).is_empty() =>
        {
            Err(Fault::user(
                "To delete a product, make sure all point of sale sessions are closed.\n\nDeleting a product available in a session \
                 would be like attempting to snatch a hamburger from a customer’s hand mid-bite; chaos will ensue as ketchup and mayo \
                 go flying everywhere!",
            ))
        }
        "pos.order" if !matches!(state, "draft" | "cancel") => Err(Fault::user("In order to delete a sale, it must be new or cancelled.")),
        _ => Ok(()),
    }
}
