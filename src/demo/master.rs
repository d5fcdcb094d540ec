//! The master data beside products: categories, units, taxes, pricelists, contacts, payment methods.

use std::collections::BTreeSet;

use super::fault::Fault;
use super::orm::{Env, Values};
use super::schema::{Field, Model};
use super::table::{Database, Row};
use super::time;
use super::wire::Value;

/// A many2many that is the other end of one kept elsewhere: model, field, and where it is kept.
const OTHER_ENDS: [(&str, &str, &str, &str); 4] = [
    ("pos.payment.method", "config_ids", "pos.config", "payment_method_ids"),
    ("product.tag", "product_template_ids", "product.template", "product_tag_ids"),
    ("product.template.attribute.value", "ptav_product_variant_ids", "product.product", "product_template_attribute_value_ids"),
    ("product.attribute.value", "pav_attribute_line_ids", "product.template.attribute.line", "value_ids"),
];

/// Where a many2many is kept when it is not kept in its own column.
pub fn other_end(model: &str, field: &str) -> Option<(&'static str, &'static str)> {
    OTHER_ENDS.iter().find(|(of, name, _, _)| *of == model && *name == field).map(|(_, _, to, kept)| (*to, *kept))
}

fn other_end_ids(db: &Database, to: &str, kept: &str, id: i64) -> Vec<i64> {
    let Some((model, column)) = db.model(to).and_then(|model| Some((model, model.column(kept)?))) else { return Vec::new() };
    let rows = db.table(model).into_iter().flat_map(|table| table.rows());
    rows.filter(|(_, row)| row.get(column).ids().contains(&id)).map(|(other, _)| *other).collect()
}

/// Writes a many2many at the end that keeps it.
pub fn write_other_end(db: &mut Database, (to, kept): (&str, &str), id: i64, wanted: &[i64]) {
    let Some((model, column)) = db.model(to).and_then(|model| Some((model, model.column(kept)?))) else { return };
    let now: BTreeSet<i64> = other_end_ids(db, to, kept, id).into_iter().collect();
    let wanted: BTreeSet<i64> = wanted.iter().copied().collect();
    for other in now.symmetric_difference(&wanted) {
        let Some(mut row) = db.row(model, *other).cloned() else { continue };
        let mut ids: BTreeSet<i64> = row.get(column).ids().into_iter().collect();
        if !ids.remove(&id) {
            ids.insert(id);
        }
        row.set(column, if ids.is_empty() { Value::FALSE } else { ids.into_iter().collect::<Vec<_>>().into() });
        db.put(model, *other, Some(row));
    }
}

/// What Odoo computes; `None` for a plain column.
pub fn computed(db: &Database, model: &Model, id: i64, row: &Row, field: &str) -> Option<Value> {
    if let Some((to, kept)) = other_end(&model.name, field) {
        return Some(other_end_ids(db, to, kept, id).into());
    }
    let get = |field: &str| model.column(field).map_or(Value::FALSE, |column| row.get(column).clone());
    let of = |to: &str, link: &str, field: &str| get(link).as_int().map_or(Value::FALSE, |id| db.stored(to, id, field));
    Some(match (model.name.as_str(), field) {
        ("product.category", "complete_name") => Value::from(db.display_name("product.category", id)),
        ("product.category" | "res.partner.category", "parent_path") => {
            let ids = ancestors(db, model, id);
            Value::from(ids.iter().rev().map(|id| format!("{id}/")).collect::<String>())
        }
        ("pos.category", "has_image") => Value::Bool(get("image_512").truthy()),
        ("uom.uom", "factor") if model.column("relative_factor").is_some() => {
            let own = get("relative_factor").as_f64().unwrap_or(1.0);
            Value::Double(own * of("uom.uom", "relative_uom_id", "factor").as_f64().unwrap_or(1.0))
        }
        ("pos.payment.method", "type") => {
            let kind = of("account.journal", "journal_id", "type");
            match kind.as_str() {
                Some("cash" | "bank") => kind,
                _ => "pay_later".into(),
            }
        }
        ("pos.payment.method", "is_cash_count") => Value::Bool(of("account.journal", "journal_id", "type").as_str() == Some("cash")),
        ("product.pricelist.item", "currency_id" | "company_id") => of("product.pricelist", "pricelist_id", field),
        ("product.pricelist.item", "name") => item_name(db, &get).into(),
        ("product.pricelist.item", "price_markup") => Value::Double(-get("price_discount").as_f64().unwrap_or(0.0)),
        ("account.tax" | "res.partner", "country_code") => of("res.country", "country_id", "code"),
        ("res.partner", "company_type") => if get("is_company").truthy() { "company" } else { "person" }.into(),
        ("res.partner", "commercial_partner_id") => commercial(db, id).into(),
        // Without one of his own a customer has the first pricelist.
        ("res.partner", "property_product_pricelist") => match get("specific_property_product_pricelist") {
            own if own.truthy() => own,
            _ => first_pricelist(db).into(),
        },
        _ => return None,
    })
}

fn first_pricelist(db: &Database) -> Option<i64> {
    let model = db.model("product.pricelist")?;
    db.search(&Env::root(), model, &Value::Array(Vec::new()), None, 0, Some(1)).ok()?.first().copied()
}

/// The field that names the record above.
fn parent_field(model: &Model) -> &'static str {
    if model.name == "stock.location" { "location_id" } else { "parent_id" }
}

/// A record and those above it, itself first; a loop ends it.
pub fn ancestors(db: &Database, model: &Model, id: i64) -> Vec<i64> {
    let mut ids = vec![id];
    while let Some(parent) = ids.last().and_then(|last| db.stored(&model.name, *last, parent_field(model)).as_int()) {
        if ids.contains(&parent) {
            break;
        }
        ids.push(parent);
    }
    ids
}

/// All records at or below some others, by their parents.
pub fn at_or_below(db: &Database, model: &Model, roots: &[i64]) -> BTreeSet<i64> {
    let mut found: BTreeSet<i64> = roots.iter().copied().collect();
    let Some((table, column)) = db.table(model).and_then(|table| Some((table, model.column(parent_field(model))?))) else { return found };
    let mut waiting: Vec<i64> = roots.to_vec();
    while let Some(parent) = waiting.pop() {
        for child in table.pointing_to(column, parent).into_iter().flatten() {
            if found.insert(child) {
                waiting.push(child);
            }
        }
    }
    found
}

fn commercial(db: &Database, id: i64) -> i64 {
    match db.stored("res.partner", id, "parent_id").as_int() {
        Some(parent) if parent != id && !db.stored("res.partner", id, "is_company").truthy() => commercial(db, parent),
        _ => id,
    }
}

fn item_name(db: &Database, get: &impl Fn(&str) -> Value) -> String {
    let named = |label: &str, model: &str, field: &str| format!("{label}: {}", db.display_name(model, get(field).as_int().unwrap_or(0)));
    match get("applied_on").as_str() {
        Some("2_product_category") => named("Category", "product.category", "categ_id"),
        Some("1_product") => db.display_name("product.template", get("product_tmpl_id").as_int().unwrap_or(0)),
        Some("0_product_variant") => named("Variant", "product.product", "product_id"),
        _ => "All Products".to_owned(),
    }
}

/// The display name where it is more than a field; `None` elsewhere.
pub fn name(db: &Database, model: &Model, id: i64, text: &impl Fn(&str) -> String, link: &impl Fn(&str) -> Option<i64>) -> Option<String> {
    let path = || {
        let names: Vec<String> = ancestors(db, model, id).iter().rev().map(|id| db.stored(&model.name, *id, "name").python_str()).collect();
        names.join(" / ")
    };
    Some(match model.name.as_str() {
        "product.category" | "pos.category" | "res.partner.category" => path(),
        "product.attribute.value" => match link("attribute_id") {
            Some(attribute) => format!("{}: {}", db.display_name("product.attribute", attribute), text("name")),
            None => text("name"),
        },
        "product.template.attribute.line" => db.display_name("product.attribute", link("attribute_id")?),
        "product.template.attribute.value" => db.display_name("product.attribute.value", link("product_attribute_value_id")?),
        "product.pricelist" => match link("currency_id") {
            Some(currency) => format!("{} ({})", text("name"), db.display_name("res.currency", currency)),
            None => text("name"),
        },
        "product.pricelist.item" => db.stored("product.pricelist.item", id, "name").python_str(),
        "res.country.state" => match link("country_id") {
            Some(country) => format!("{} ({})", text("name"), db.stored("res.country", country, "code").python_str()),
            None => text("name"),
        },
        "res.partner" => {
            let Some(parent) = link("parent_id") else { return Some(text("name")) };
            let own = match (text("name"), text("type").as_str()) {
                (name, _) if !name.is_empty() => name,
                (_, "invoice") => "Invoice".to_owned(),
                (_, "delivery") => "Delivery".to_owned(),
                (_, "other") => "Other".to_owned(),
                _ => String::new(),
            };
            format!("{}, {own}", db.display_name("res.partner", parent))
        }
        _ => return None,
    })
}

/// Values before they are applied to a new record: Odoo's defaults.
pub fn prepare(db: &Database, env: &Env, model: &Model, mut values: Values) -> Values {
    let company = given(&values, "company_id").and_then(Value::as_int).or_else(|| env.company(db));
    let mut default = |field: &str, value: Value| {
        if given(&values, field).is_none() {
            values.push((field.to_owned(), value));
        }
    };
    match model.name.as_str() {
        "account.tax" => {
            default("is_base_affected", true.into());
            default("sequence", 1.into());
            default("country_id", company.map_or(Value::FALSE, |company| db.stored("res.company", company, "country_id")));
            let groups = db.model("account.tax.group").and_then(|model| db.table(model));
            default("tax_group_id", groups.and_then(|table| table.rows().keys().next().copied()).into());
        }
        "res.partner" => default("type", "contact".into()),
        "pos.payment.method" => default("company_id", company.into()),
        "pos.session" => default("name", "/".into()),
        "pos.order" => {
            let session = given(&values, "session_id").and_then(Value::as_int).unwrap_or(0);
            values.push(("config_id".into(), db.stored("pos.session", session, "config_id")));
            for (field, value) in [("name", "/"), ("state", "draft")] {
                if given(&values, field).is_none() {
                    values.push((field.into(), value.into()));
                }
            }
        }
        "pos.category" => default("hour_until", 24.0.into()),
        "product.attribute" => default("sequence", 20.into()),
        "product.pricelist" => {
            default("sequence", 16.into());
            default("currency_id", company.map_or(Value::FALSE, |company| db.stored("res.company", company, "currency_id")));
        }
        "product.pricelist.item" => {
            for (field, value) in [("compute_price", "fixed"), ("base", "list_price"), ("display_applied_on", "1_product")] {
                default(field, value.into());
            }
            return item(db, values);
        }
        "uom.uom" => {
            default("relative_factor", 1.0.into());
            default("sequence", 1000.into());
        }
        _ => {}
    }
    values
}

fn given<'a>(values: &'a Values, field: &str) -> Option<&'a Value> {
    values.iter().rev().find(|(name, _)| name == field).map(|(_, value)| value)
}

/// The values of a pricelist rule, with what does not belong to its kind taken out.
fn item(db: &Database, mut values: Values) -> Values {
    let truthy = |values: &Values, field: &str| given(values, field).filter(|value| value.truthy()).cloned();
    if let (Some(product), None) = (truthy(&values, "product_id"), truthy(&values, "product_tmpl_id")) {
        let template = product.as_int().map_or(Value::FALSE, |product| db.stored("product.product", product, "product_tmpl_id"));
        values.push(("product_tmpl_id".into(), template));
    }
    if truthy(&values, "applied_on").is_none() {
        let kinds = [("product_id", "0_product_variant"), ("product_tmpl_id", "1_product"), ("categ_id", "2_product_category")];
        let kind = kinds.iter().find(|(field, _)| truthy(&values, field).is_some()).map_or("3_global", |(_, kind)| kind);
        values.push(("applied_on".into(), kind.into()));
    }
    consistent_item(&mut values);
    values
}

fn consistent_item(values: &mut Values) {
    let none: &[&str] = match given(values, "applied_on").and_then(Value::as_str) {
        Some("3_global") => &["product_id", "product_tmpl_id", "categ_id"],
        Some("2_product_category") => &["product_id", "product_tmpl_id"],
        Some("1_product") => &["product_id", "categ_id"],
        Some("0_product_variant") => &["categ_id"],
        _ => &[],
    };
    values.retain(|(name, _)| !none.contains(&name.as_str()));
    values.extend(none.iter().map(|field| ((*field).to_owned(), Value::FALSE)));
}

/// Values before they are written to a record that is there.
pub fn rewritten(model: &Model, mut values: Values) -> Values {
    match model.name.as_str() {
        "product.pricelist.item" => consistent_item(&mut values),
        "res.partner" => {
            for (name, _) in &mut values {
                if name == "property_product_pricelist" {
                    *name = "specific_property_product_pricelist".into();
                }
            }
        }
        _ => {}
    }
    values
}

/// Text of an HTML field as Odoo keeps it: what has no element around it gets one.
pub fn sanitized(field: &Field, value: Value) -> Value {
    match value.as_str() {
        Some(text) if field.type_name == "html" && !text.is_empty() && !text.starts_with('<') => {
            Value::from(format!("<span>{}</span>", text.replace("& ", "&amp; ")))
        }
        _ => value,
    }
}

/// Models whose parents must not run in a circle, and what Odoo says when they do.
const LOOPS: [(&str, &str); 4] = [
    ("product.category", "Recursion Detected."),
    ("pos.category", "Error! You cannot create recursive categories."),
    ("res.partner", "You cannot create recursive Partner hierarchies."),
    ("res.partner.category", "You can not create recursive tags."),
];

/// What Odoo insists on once a record stands.
pub fn after(db: &mut Database, model: &'static Model, id: i64, written: &[&str], created: bool) -> Result<(), Fault> {
    let wrote = |field: &str| written.contains(&field);
    if wrote("parent_id")
        && let Some((_, words)) = LOOPS.iter().find(|(name, _)| *name == model.name)
        && ancestors(db, model, id).last().is_some_and(|top| db.stored(&model.name, *top, "parent_id").truthy())
    {
        return Err(Fault::user(*words));
    }
    match model.name.as_str() {
        "account.tax" => unique_tax(db, id),
        "product.tag" if wrote("name") => unique_tag(db, model, id),
        "product.pricelist.item" => check_item(db, id),
        "res.partner" => {
            let stored = |field: &str| db.stored("res.partner", id, field);
            // The database's own check: only a contact must have a name.
            if stored("type").as_str().is_none_or(|kind| kind == "contact") && !stored("name").truthy() {
                return Err(Fault { sql: true, ..Fault::user("Contacts require a name") });
            }
            share_with_contacts(db, id, written, created);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn unique_tax(db: &Database, id: i64) -> Result<(), Fault> {
    let Some(model) = db.model("account.tax") else { return Ok(()) };
    let key = |id: i64| ["name", "company_id", "type_tax_use", "tax_scope", "country_id"].map(|field| db.stored("account.tax", id, field));
    let own = key(id);
    let rows = db.table(model).into_iter().flat_map(|table| table.rows().keys().copied());
    let twins: Vec<String> = rows
        .filter(|other| *other != id && own[2].as_str() != Some("none") && key(*other) == own)
        .map(|other| {
            let company = db.stored("account.tax", other, "company_id").as_int().unwrap_or(0);
            format!("- {} in {}", db.display_name("account.tax", other), db.display_name("res.company", company))
        })
        .collect();
    if twins.is_empty() { Ok(()) } else { Err(Fault::user(format!("Tax names must be unique!\n{}", twins.join("\n")))) }
}

fn unique_tag(db: &Database, model: &'static Model, id: i64) -> Result<(), Fault> {
    let name = db.stored("product.tag", id, "name");
    let mut others = db.table(model).into_iter().flat_map(|table| table.rows().keys().copied());
    match others.any(|other| other != id && db.stored("product.tag", other, "name") == name) {
        true => Err(Fault { sql: true, field: Some("name".into()), ..Fault::user("Tag name already exists!") }),
        false => Ok(()),
    }
}

fn check_item(db: &Database, id: i64) -> Result<(), Fault> {
    let stored = |field: &str| db.stored("product.pricelist.item", id, field);
    let missing = match stored("applied_on").as_str() {
        Some("2_product_category") if !stored("categ_id").truthy() => Some("category"),
        Some("1_product") if !stored("product_tmpl_id").truthy() => Some("product"),
        Some("0_product_variant") if !stored("product_id").truthy() => Some("product variant"),
        _ => None,
    };
    if let Some(what) = missing {
        return Err(Fault::user(format!("Please specify the {what} for which this rule should be applied")));
    }
    if let (Value::Time(start), Value::Time(end)) = (stored("date_start"), stored("date_end"))
        && start >= end
    {
        let name = db.display_name("product.pricelist.item", id);
        return Err(Fault::user(format!(
            "{name}: end date ({}) should be after start date ({})",
            time::american(end),
            time::american(start)
        )));
    }
    let list = stored("pricelist_id").as_int();
    if stored("base").as_str() == Some("pricelist") && stored("base_pricelist_id").as_int() == list && list.is_some() {
        let name = db.stored("product.pricelist", list.unwrap_or(0), "name").python_str();
        return Err(Fault::user(format!("Recursive pricelist rules detected: {name} ⇒ {name}")));
    }
    Ok(())
}

const ADDRESS: [&str; 6] = ["street", "street2", "zip", "city", "state_id", "country_id"];

/// A contact takes its company's tax ID, and its address unless it is an address of its own.
fn share_with_contacts(db: &mut Database, id: i64, written: &[&str], created: bool) {
    let Some(model) = db.model("res.partner") else { return };
    if written.contains(&"parent_id")
        && let Some(parent) = db.stored("res.partner", id, "parent_id").as_int()
    {
        share(db, model, parent, id, &["vat"]);
        if ADDRESS.iter().any(|field| db.stored("res.partner", parent, field).truthy()) {
            share(db, model, parent, id, &ADDRESS);
        }
    }
    let shared: Vec<&str> = written.iter().copied().filter(|field| *field == "vat" || ADDRESS.contains(field)).collect();
    if shared.is_empty() {
        return;
    }
    for child in at_or_below(db, model, &[id]).into_iter().filter(|child| *child != id) {
        share(db, model, id, child, &shared);
    }
    // An address edited at a contact is edited at its company, and so at the other contacts.
    let upwards: Vec<&str> = shared.into_iter().filter(|field| *field != "vat").collect();
    let contact = db.stored("res.partner", id, "type").as_str() == Some("contact");
    if let Some(parent) = db.stored("res.partner", id, "parent_id").as_int().filter(|_| contact && !created && !upwards.is_empty()) {
        let Some(mut row) = db.row(model, parent).cloned() else { return };
        for column in upwards.iter().filter_map(|field| model.column(field)) {
            row.set(column, db.stored("res.partner", id, &model.fields[column].name));
        }
        db.put(model, parent, Some(row));
        for child in at_or_below(db, model, &[parent]).into_iter().filter(|child| *child != parent) {
            share(db, model, parent, child, &upwards);
        }
    }
}

fn share(db: &mut Database, model: &'static Model, from: i64, to: i64, fields: &[&str]) {
    let Some(mut row) = db.row(model, to).cloned() else { return };
    let own_address = db.stored("res.partner", to, "type").as_str() != Some("contact");
    let company = db.stored("res.partner", to, "is_company").truthy();
    for field in fields {
        let kept = if *field == "vat" { company } else { own_address };
        if let Some(column) = model.column(field).filter(|_| !kept) {
            row.set(column, db.stored("res.partner", from, field));
        }
    }
    db.put(model, to, Some(row));
}
