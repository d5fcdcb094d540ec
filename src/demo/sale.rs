//! `sale.order` and `sale.order.line` at central: defaults, totals, states, and who sees which order.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use super::fault::Fault;
use super::orm::{Env, Values};
use super::schema::Model;
use super::table::{Database, Row};
use super::tax::{self, Line, Rounding, Tax, TaxKind};
use super::time::{self, SECOND};
use super::version::Version;
use super::wire::{Value, decimal, double};

/// A double rounded to digits, half away from zero.
pub fn round_to(number: f64, digits: u32) -> f64 {
    decimal(number).map_or(number, |exact| double(tax::round(exact, digits)))
}

/// Whether prices contain a tax: its own word, else its company's.
pub fn price_include(db: &Database, row: &Row) -> bool {
    let Some(model) = db.model("account.tax") else { return false };
    let text = |field: &str| model.column(field).map_or(Value::FALSE, |column| row.get(column).clone());
    if model.column("price_include_override").is_none() {
        return text("price_include").truthy();
    }
    match text("price_include_override").as_str() {
        Some(word) => word == "tax_included",
        None => {
            let company = text("company_id").as_int().unwrap_or(0);
            db.stored("res.company", company, "account_price_include").as_str() == Some("tax_included")
        }
    }
}

/// What a line repeats of its order.
pub fn from_order(db: &Database, row: &Row, field: &str) -> Value {
    let order = db.model("sale.order.line").and_then(|model| row.get(model.column("order_id")?).as_int());
    let field = match field {
        "order_partner_id" => "partner_id",
        "salesman_id" => "user_id",
        other => other,
    };
    order.map_or(Value::FALSE, |order| db.stored("sale.order", order, field))
}

/// A plain salesman sees his own orders and those of nobody.
pub fn salesman_sees(db: &Database, env: &Env, row: &Row) -> bool {
    let all = ["Sales / User: All Documents", "Sales / Administrator"];
    let limited = db
        .groups
        .get(&env.uid)
        .is_some_and(|groups| groups.contains("Sales / User: Own Documents Only") && !all.iter().any(|group| groups.contains(*group)));
    let owner = db.model("sale.order").and_then(|model| row.get(model.column("user_id")?).as_int());
    !limited || owner.is_none_or(|owner| owner == env.uid)
}

/// A tax as its arithmetic needs it; groups of taxes are taken apart by [`taxes`].
fn tax_of(db: &Database, id: i64) -> Option<Tax> {
    let (model, row) = db.row_of("account.tax", id)?;
    let value = |field: &str| model.column(field).map_or(Value::FALSE, |column| row.get(column).clone());
    Some(Tax {
        id,
        sequence: value("sequence").as_int().unwrap_or(0),
        kind: match value("amount_type").as_str() {
            Some("fixed") => TaxKind::Fixed,
            Some("division") => TaxKind::Division,
            _ => TaxKind::Percent,
        },
        amount: value("amount").as_decimal().unwrap_or_default(),
        price_include: price_include(db, row),
        include_base_amount: value("include_base_amount").truthy(),
        is_base_affected: value("is_base_affected").truthy(),
    })
}

/// The taxes of some ids; the children of a group stand at the group's place.
pub fn taxes(db: &Database, ids: &[i64]) -> Vec<Tax> {
    let mut found = Vec::new();
    for id in ids {
        let children = db.stored("account.tax", *id, "children_tax_ids").ids();
        if db.stored("account.tax", *id, "amount_type").as_str() == Some("group") {
            let sequence = db.stored("account.tax", *id, "sequence").as_int().unwrap_or(0);
            found.extend(children.into_iter().filter_map(|child| tax_of(db, child)).map(|tax| Tax { sequence, ..tax }));
        } else {
            found.extend(tax_of(db, *id));
        }
    }
    found
}

/// How a company rounds.
pub fn rounding(db: &Database, company: i64) -> Rounding {
    let currency = db.stored("res.company", company, "currency_id").as_int().unwrap_or(1);
    let digits = db.stored("res.currency", currency, "decimal_places").as_int().unwrap_or(2);
    let method = db.stored("res.company", company, "tax_calculation_rounding_method");
    Rounding { digits: digits.unsigned_abs() as u32, globally: method.as_str() != Some("round_per_line") }
}

/// Fills in what Odoo would, before the values are applied.
pub fn prepare(db: &mut Database, env: &Env, model: &'static Model, mut values: Values) -> Result<Values, Fault> {
    match model.name.as_str() {
        "sale.order" => order_defaults(db, env, &mut values)?,
        "sale.order.line" => line_defaults(db, &mut values)?,
        _ => {}
    }
    Ok(values)
}

fn given<'a>(values: &'a Values, field: &str) -> Option<&'a Value> {
    values.iter().rev().find(|(name, _)| name == field).map(|(_, value)| value)
}

fn default(values: &mut Values, field: &str, value: Value) {
    if given(values, field).is_none() {
        values.insert(0, (field.to_owned(), value));
    }
}

fn order_defaults(db: &mut Database, env: &Env, values: &mut Values) -> Result<(), Fault> {
    values.retain(|(name, _)| name != "currency_id");
    let company = given(values, "company_id").and_then(Value::as_int).or_else(|| env.company(db));
    default(values, "company_id", company.into());
    let partner = given(values, "partner_id").and_then(Value::as_int);
    default(values, "partner_invoice_id", partner.into());
    default(values, "partner_shipping_id", partner.into());
    default(values, "state", "draft".into());
    default(values, "user_id", Value::Int(env.uid));
    default(values, "team_id", first_of(db, "crm.team", company).into());
    default(values, "warehouse_id", first_of(db, "stock.warehouse", company).into());
    default(values, "date_order", Value::Time(db.now / SECOND * SECOND));
    let validity = time::text(db.now + 30 * 86_400 * SECOND);
    default(values, "validity_date", validity[..10].into());
    default(values, "require_signature", true.into());
    default(values, "require_payment", true.into());
    if db.version >= Version::V17 {
        default(values, "prepayment_percent", 1.0.into());
    }
    default(values, "picking_policy", "direct".into());
    default(values, "invoice_status", "no".into());
    default(values, "currency_rate", 1.0.into());
    let pricelist = given(values, "pricelist_id").and_then(Value::as_int);
    let currency = match pricelist {
        Some(pricelist) => db.stored("product.pricelist", pricelist, "currency_id"),
        None => db.stored("res.company", company.unwrap_or(0), "currency_id"),
    };
    values.push(("currency_id".into(), currency));
    if given(values, "name").is_none_or(|name| name.as_str() == Some("New")) {
        values.retain(|(name, _)| name != "name");
        let number = db.next_number("sale.order");
        values.push(("name".into(), format!("S{number:05}").into()));
    }
    for (_, value) in values.iter_mut().filter(|(name, _)| name == "note") {
        if let Some(text) = value.as_str() {
            *value = match db.version {
                Version::V14 => continue,
                Version::V19 => html(text).into(),
                _ => html(text).replace("span>", "p>").into(),
            };
        }
    }
    // Python's own assertion, on the way to the order's name.
    match given(values, "date_order") {
        Some(Value::Bool(false)) => Err(Fault::exception("AssertionError: Datetime instance expected")),
        _ => Ok(()),
    }
}

/// Text as Odoo 19 cleans it for an HTML field: plain text becomes a span.
fn html(text: &str) -> String {
    if text.is_empty() || text.starts_with('<') {
        return text.to_owned();
    }
    format!("<span>{}</span>", text.replace("&amp;", "&").replace('&', "&amp;"))
}

/// The first record of a model that a company may use.
fn first_of(db: &Database, model_name: &str, company: Option<i64>) -> Option<i64> {
    let model = db.model(model_name)?;
    let env = Env::root();
    let ids = db.search(&env, model, &Value::Array(Vec::new()), Some("sequence, id"), 0, None).ok()?;
    ids.into_iter().find(|id| {
        let owner = db.stored(model_name, *id, "company_id").as_int();
        owner.is_none() || owner == company
    })
}

fn line_defaults(db: &Database, values: &mut Values) -> Result<(), Fault> {
    let mut product = given(values, "product_id").and_then(Value::as_int);
    let note = given(values, "display_type").is_some_and(Value::truthy);
    if note && db.version == Version::V14 {
        // What a note cannot have is taken from it.
        product = None;
        values.retain(|(name, _)| !matches!(name.as_str(), "product_id" | "price_unit" | "product_uom_qty" | "product_uom_id"));
    } else if note {
        let price = given(values, "price_unit").and_then(Value::as_f64).unwrap_or(0.0);
        if product.is_some() || price != 0.0 {
            return Err(Fault::sql(
                "new row for relation \"sale_order_line\" violates check constraint \
                 \"sale_order_line_non_accountable_null_fields\"\n\
                 DETAIL:  Failing row contains the line.\n",
            ));
        }
        // Odoo computes the quantity and the unit of a note away, whatever was given.
        values.retain(|(name, _)| !matches!(name.as_str(), "product_uom_qty" | "product_uom_id"));
    } else {
        default(values, "product_uom_qty", 1.0.into());
    }
    default(values, "sequence", Value::Int(10));
    default(values, "customer_lead", 0.0.into());
    if let Some(product) = product {
        default(values, "product_uom_id", db.stored("product.product", product, "uom_id"));
        default(values, "price_unit", db.stored("product.product", product, "list_price"));
        default(values, "name", db.display_name("product.product", product).into());
        default(values, "tax_ids", company_taxes(db, values, product));
    }
    if db.version >= Version::V18 {
        let price = given(values, "price_unit").cloned().unwrap_or(Value::FALSE);
        default(values, "technical_price_unit", price);
    }
    if !given(values, "name").is_some_and(Value::truthy) {
        let order = given(values, "order_id").and_then(Value::as_int);
        // The database refuses an empty description; only there is the column called by the wrong label.
        return Err(match order {
            Some(_) => Fault::sql(
                "Missing required value for the field 'Order Reference' (name).\nModel: Unknown\n\
                 - create/update: a mandatory field is not set\n\
                 - delete: another model requires the record being deleted, you can archive it instead\n",
            ),
            None => Fault::sql("Missing required value for the field 'Description' (name).\n"),
        });
    }
    Ok(())
}

fn company_taxes(db: &Database, values: &Values, product: i64) -> Value {
    let order = given(values, "order_id").and_then(Value::as_int).unwrap_or(0);
    let company = db.stored("sale.order", order, "company_id").as_int();
    let ids = db.stored("product.product", product, "taxes_id").ids();
    let own = ids.into_iter().filter(|id| db.stored("account.tax", *id, "company_id").as_int() == company);
    Value::from(own.collect::<Vec<i64>>())
}

/// Recomputes the orders that a write touched, and checks that nothing in them belongs to another company.
pub fn after(db: &mut Database, model: &'static Model, ids: &[i64]) -> Result<(), Fault> {
    let orders: BTreeSet<i64> = match model.name.as_str() {
        "sale.order" => ids.iter().copied().collect(),
        "sale.order.line" => ids.iter().filter_map(|id| db.stored("sale.order.line", *id, "order_id").as_int()).collect(),
        _ => return Ok(()),
    };
    for order in orders {
        check_companies(db, order)?;
        compute_amounts(db, order);
    }
    Ok(())
}

fn check_companies(db: &Database, order: i64) -> Result<(), Fault> {
    let company = db.stored("sale.order", order, "company_id").as_int();
    let foreign = |model: &str, id: i64| {
        let owner = db.stored(model, id, "company_id").as_int();
        owner.is_some() && owner != company
    };
    let mut found = Vec::new();
    for (field, label, model) in [
        ("partner_id", "Customer", "res.partner"),
        ("pricelist_id", "Pricelist", "product.pricelist"),
        ("warehouse_id", "Warehouse", "stock.warehouse"),
        ("team_id", "Sales Team", "crm.team"),
    ] {
        if let Some(id) = db.stored("sale.order", order, field).as_int()
            && foreign(model, id)
        {
            let record = db.display_name("sale.order", order);
            found.push(inconsistency(db, &record, company, (label, field), &[db.display_name(model, id)]));
        }
    }
    for line in line_ids(db, order) {
        let taxes = db.stored("sale.order.line", line, "tax_ids").ids();
        let taxes = taxes.into_iter().filter(|tax| foreign("account.tax", *tax));
        let names: Vec<String> = taxes.map(|tax| db.display_name("account.tax", tax)).collect();
        if !names.is_empty() {
            let record = db.display_name("sale.order.line", line);
            found.push(inconsistency(db, &record, company, ("Taxes", "tax_ids"), &names));
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(Fault::user(format!(
        "Uh-oh! You’ve got some company inconsistencies here:\n{}\nTo avoid a mess, no company crossover is allowed!",
        found.join("\n")
    )))
}

fn inconsistency(db: &Database, record: &str, company: Option<i64>, field: (&str, &str), names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    format!(
        "- “{record}” belongs to company “{}” while “{}” ({}: {}) belongs to another company.",
        db.display_name("res.company", company.unwrap_or(0)),
        field.0,
        field.1,
        names.join(", ")
    )
}

fn line_ids(db: &Database, order: i64) -> Vec<i64> {
    let Some(model) = db.model("sale.order.line") else { return Vec::new() };
    let (Some(table), Some(column)) = (db.table(model), model.column("order_id")) else { return Vec::new() };
    table.pointing_to(column, order).into_iter().flatten().collect()
}

fn compute_amounts(db: &mut Database, order: i64) {
    let Some((model, row)) = db.row_of("sale.order", order) else { return };
    let mut order_row = row.clone();
    let company = model.column("company_id").and_then(|column| row.get(column).as_int()).unwrap_or(0);
    let rounding = rounding(db, company);
    let mut taxed = Vec::new();
    for line in line_ids(db, order) {
        let Some((line_model, row)) = db.row_of("sale.order.line", line) else { continue };
        let mut row = row.clone();
        let amount = |field: &str| line_model.column(field).and_then(|c| row.get(c).as_decimal()).unwrap_or_default();
        let details = tax::line_taxes(
            &Line {
                price_unit: amount("price_unit"),
                quantity: amount("product_uom_qty"),
                discount: amount("discount"),
                taxes: taxes(db, &line_model.column("tax_ids").map(|c| row.get(c).ids()).unwrap_or_default()),
            },
            rounding,
        );
        let (subtotal, total) = tax::line_totals(&details, rounding);
        let changed = set_amounts(
            line_model,
            &mut row,
            // Odoo subtracts two doubles here and stores what comes out.
            &[("price_subtotal", double(subtotal)), ("price_total", double(total)), ("price_tax", double(total) - double(subtotal))],
        );
        if changed {
            db.put(line_model, line, Some(row));
        }
        taxed.push(details);
    }
    let totals = tax::order_totals(&taxed, rounding);
    let amounts =
        [("amount_untaxed", double(totals.untaxed)), ("amount_tax", double(totals.tax)), ("amount_total", double(totals.total()))];
    if set_amounts(model, &mut order_row, &amounts) {
        db.put(model, order, Some(order_row));
    }
}

fn set_amounts(model: &Model, row: &mut Row, amounts: &[(&str, f64)]) -> bool {
    let mut changed = false;
    for (field, amount) in amounts {
        if let Some(column) = model.column(field)
            && row.get(column).as_f64() != Some(*amount)
        {
            row.set(column, Value::Double(*amount));
            changed = true;
        }
    }
    changed
}

/// The buttons of an order. `None` as result is what Odoo's method answers: committed, then faulted on the wire.
pub fn action(db: &mut Database, env: &Env, method: &str, ids: &[i64]) -> Result<Option<Value>, Fault> {
    let Some(model) = db.model("sale.order") else { return Ok(None) };
    let set = |field: &str, value: Value| vec![(field.to_owned(), value)];
    let (values, result) = match method {
        "action_confirm" => {
            let mut values = set("state", "sale".into());
            values.push(("date_order".into(), Value::Time(db.now / SECOND * SECOND)));
            (values, Value::Bool(true))
        }
        "action_cancel" => (set("state", "cancel".into()), Value::Bool(true)),
        "action_draft" => (set("state", "draft".into()), Value::Bool(true)),
        "action_quotation_sent" => (set("state", "sent".into()), Value::Nil),
        "action_done" => (set("state", "done".into()), if db.version == Version::V14 { true.into() } else { Value::Nil }),
        "action_lock" => (set("locked", true.into()), Value::Nil),
        "action_unlock" => (set("locked", false.into()), Value::Nil),
        _ => return Ok(None),
    };
    if method == "action_cancel" && ids.iter().any(|id| db.stored("sale.order", *id, "locked").truthy()) {
        return Err(Fault::user("You cannot cancel a locked order. Please unlock it first."));
    }
    db.write(env, model, ids, values)?;
    Ok(Some(result))
}

/// A decimal of a stored number, zero when there is none.
pub fn amount(db: &Database, model: &str, id: i64, field: &str) -> Decimal {
    db.stored(model, id, field).as_decimal().unwrap_or_default()
}
