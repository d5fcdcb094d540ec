//! What the other models insist on: products and their templates, payment methods and taxes in use, barcodes.

use super::fault::Fault;
use super::orm::{Env, Values};
use super::schema::Model;
use super::table::{Database, Row};
use super::wire::Value;

/// Fields that a product variant and its template share.
const SHARED: [&str; 17] = [
    "name",
    "default_code",
    "barcode",
    "type",
    "list_price",
    "standard_price",
    "taxes_id",
    "uom_id",
    "categ_id",
    "company_id",
    "sale_ok",
    "purchase_ok",
    "available_in_pos",
    "is_storable",
    "invoice_policy",
    "tracking",
    "active",
];

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

/// Values before they are applied: a product brings its template, a template its one variant.
pub fn prepare(db: &mut Database, env: &Env, model: &'static Model, mut values: Values) -> Result<Values, Fault> {
    let has = |values: &Values, field: &str| values.iter().any(|(name, _)| name == field);
    match model.name.as_str() {
        "product.product" if !has(&values, "product_tmpl_id") => {
            let Some(template) = db.model("product.template") else { return Ok(values) };
            if !values.iter().any(|(name, value)| name == "name" && value.truthy()) {
                return Err(Fault::required(template, "name"));
            }
            let id = db.allocate(template);
            let mut row = Row::default();
            for (name, value) in &values {
                if let Some(column) = template.column(name).filter(|_| SHARED.contains(&name.as_str())) {
                    row.set(column, super::orm::coerce(&template.fields[column].kind, value));
                }
            }
            for (field, value) in [
                ("active", Value::Bool(true)),
                ("create_uid", Value::Int(env.uid)),
                ("write_uid", Value::Int(env.uid)),
                ("create_date", Value::Time(db.now)),
                ("write_date", Value::Time(db.now)),
            ] {
                if let Some(column) = template.column(field) {
                    row.set(column, value);
                }
            }
            db.put(template, id, Some(row));
            values.push(("product_tmpl_id".into(), Value::Int(id)));
        }
        "account.tax" if !has(&values, "is_base_affected") => values.push(("is_base_affected".into(), true.into())),
        "product.template" => values.retain(|(name, _)| name != "product_variant_id"),
        _ => {}
    }
    if model.name == "product.product" || model.name == "product.template" {
        for (field, value) in [
            ("type", Value::from("consu")),
            ("sale_ok", true.into()),
            ("purchase_ok", true.into()),
            ("uom_id", Value::Int(1)),
            ("list_price", 1.0.into()),
            ("tracking", "none".into()),
            ("invoice_policy", "order".into()),
        ] {
            if !has(&values, field) {
                values.push((field.to_owned(), value));
            }
        }
    }
    Ok(values)
}

/// After a record stands: barcodes are unique, list price and shown price agree.
pub fn after(db: &mut Database, env: &Env, model: &'static Model, id: i64) -> Result<(), Fault> {
    match model.name.as_str() {
        "product.product" => {
            if let (Some(list), Some(shown)) = (model.column("list_price"), model.column("lst_price"))
                && let Some(mut row) = db.row(model, id).cloned()
                && row.get(list) != row.get(shown)
            {
                row.set(shown, row.get(list).clone());
                db.put(model, id, Some(row));
            }
            unique_barcode(db, model, id)
        }
        "product.template" if db.value_ids(model, id, "product_variant_ids").is_empty() => {
            let Some(product) = db.model("product.product") else { return Ok(()) };
            let row = db.row(model, id).cloned().unwrap_or_default();
            let mut values: Values = SHARED
                .iter()
                .filter_map(|field| Some(((*field).to_owned(), row.get(model.column(field)?).clone())))
                .filter(|(_, value)| value.truthy())
                .collect();
            for (name, value) in &mut values {
                if name == "taxes_id" {
                    *value = Value::Array(vec![Value::Array(vec![Value::Int(6), Value::Int(0), value.clone()])]);
                }
            }
            values.push(("product_tmpl_id".into(), Value::Int(id)));
            db.create(env, product, values).map(drop)
        }
        _ => Ok(()),
    }
}

fn unique_barcode(db: &Database, model: &'static Model, id: i64) -> Result<(), Fault> {
    let Some(column) = model.column("barcode") else { return Ok(()) };
    let (Some(table), Some(row)) = (db.table(model), db.row(model, id)) else { return Ok(()) };
    let Some(barcode) = row.get(column).as_str().filter(|barcode| !barcode.is_empty()) else { return Ok(()) };
    let twins: Vec<String> = table
        .rows()
        .iter()
        .filter(|(other, row)| **other != id && row.get(column).as_str() == Some(barcode))
        .map(|(other, _)| db.display_name(&model.name, *other))
        .collect();
    if twins.is_empty() {
        return Ok(());
    }
    let mut names = twins;
    names.push(db.display_name(&model.name, id));
    Err(Fault::user(format!(
        "Barcode(s) already assigned:\n\n- Barcode \"{barcode}\" already assigned to product(s): {}\n\n\
         Note: products that you don't have access to will not be shown above.",
        listed(&names)
    )))
}

/// `a`, `a and b`, `a, b, and c`.
fn listed(names: &[String]) -> String {
    match names {
        [first, second] => format!("{first} and {second}"),
        [start @ .., last] if !start.is_empty() => format!("{}, and {last}", start.join(", ")),
        _ => names.join(", "),
    }
}

/// Carries a change of a shared field over to the variant or the template.
pub fn mirror(db: &mut Database, model: &'static Model, id: i64, values: &Values) {
    let others: Vec<(&str, i64)> = match model.name.as_str() {
        "product.product" => {
            let template = db.stored("product.product", id, "product_tmpl_id").as_int();
            template.map(|template| ("product.template", template)).into_iter().collect()
        }
        "product.template" => db.value_ids(model, id, "product_variant_ids").into_iter().map(|id| ("product.product", id)).collect(),
        _ => return,
    };
    for (name, other) in others {
        let Some(target) = db.model(name) else { continue };
        let Some(mut row) = db.row(target, other).cloned() else { continue };
        for (field, _) in values.iter().filter(|(field, _)| SHARED.contains(&field.as_str())) {
            if let Some(column) = target.column(field) {
                row.set(column, db.stored(&model.name, id, field));
            }
        }
        if let (Some(list), Some(shown)) = (target.column("list_price"), target.column("lst_price")) {
            row.set(shown, row.get(list).clone());
        }
        if let Some(column) = target.column("write_date") {
            row.set(column, Value::Time(db.now));
        }
        db.put(target, other, Some(row));
    }
}

impl Database {
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
pub fn may_unlink(model: &Model, row: &Row, env: &Env) -> Result<(), Fault> {
    if env.root {
        return Ok(());
    }
    let state = model.column("state").and_then(|column| row.get(column).as_str()).unwrap_or_default();
    match model.name.as_str() {
        "sale.order" if !matches!(state, "draft" | "cancel") => {
            Err(Fault::user("You can not delete a sent quotation or a confirmed sales order. You must first cancel it."))
        }
        "pos.order" if !matches!(state, "draft" | "cancel") => Err(Fault::user("In order to delete a sale, it must be new or cancelled.")),
        _ => Ok(()),
    }
}
