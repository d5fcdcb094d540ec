//! Products: a template and its variants, the attribute lines that make them, and the fields that one passes to the other.

use std::collections::{BTreeMap, BTreeSet};

use super::domain::{compare_records, parse_order};
use super::fault::Fault;
use super::image;
use super::orm::{Env, Values};
use super::schema::Model;
use super::table::{Database, Row};
use super::wire::Value;

/// More variants than this Odoo refuses to make at once.
const MOST_VARIANTS: usize = 1000;

/// The models that this file is about, by their names in Odoo.
const VARIANT: &str = "product.product";
const TEMPLATE: &str = "product.template";
const LINE: &str = "product.template.attribute.line";
const CHOICE: &str = "product.template.attribute.value";

/// The variants of a template by id; archived ones when asked for.
pub fn variants(db: &Database, template: i64, archived: bool) -> Vec<i64> {
    let ids = pointing(db, VARIANT, "product_tmpl_id", template);
    ids.into_iter().filter(|id| archived || db.stored(VARIANT, *id, "active").truthy()).collect()
}

/// The variant whose fields a template passes on: the only active one, or the only one when none is active.
fn only_variant(db: &Database, template: i64) -> Option<i64> {
    let alone = |ids: Vec<i64>| if let [id] = ids[..] { Some(id) } else { None };
    let active = variants(db, template, false);
    if active.is_empty() { alone(variants(db, template, true)) } else { alone(active) }
}

/// Ids of a model whose many2one points to a record.
fn pointing(db: &Database, model: &str, field: &str, target: i64) -> Vec<i64> {
    let Some(model) = db.model(model) else { return Vec::new() };
    let (Some(table), Some(column)) = (db.table(model), model.column(field)) else { return Vec::new() };
    table.pointing_to(column, target).into_iter().flatten().collect()
}

fn sorted(db: &Database, model: &str, mut ids: Vec<i64>) -> Vec<i64> {
    if let Some(model) = db.model(model)
        && let Ok(keys) = parse_order(db, model, &model.order)
    {
        ids.sort_by(|a, b| compare_records(db, model, &keys, *a, *b).then(a.cmp(b)));
    }
    ids
}

/// A field that a template takes from its one variant.
pub fn of_variant(db: &Database, template: i64, field: &str) -> Value {
    only_variant(db, template).map_or(Value::FALSE, |variant| db.stored(VARIANT, variant, field))
}

/// A field that a variant takes from its template.
pub fn of_template(db: &Database, row: &Row, field: &str) -> Value {
    let template = db.model(VARIANT).and_then(|model| row.get(model.column("product_tmpl_id")?).as_int()).unwrap_or(0);
    match (field, db.row_of(TEMPLATE, template)) {
        ("product_variant_ids" | "attribute_line_ids", _) => db.ids_of(TEMPLATE, template, field).into(),
        (_, Some((model, row))) => model.column(field).map_or(Value::FALSE, |column| db.value(model, template, row, column)),
        _ => Value::FALSE,
    }
}

/// What Odoo computes of a template, a variant, or what stands between them; `None` for a plain column.
pub fn computed(db: &Database, model: &Model, id: i64, row: &Row, field: &str) -> Option<Value> {
    let get = |field: &str| model.column(field).map_or(Value::FALSE, |column| row.get(column).clone());
    Some(match (model.name.as_str(), field) {
        (TEMPLATE, "product_variant_id") => variants(db, id, false).first().copied().into(),
        (TEMPLATE, "product_variant_count") => Value::Int(variants(db, id, false).len() as i64),
        (TEMPLATE, "valid_product_template_attribute_line_ids") => lines(db, id).into(),
        (VARIANT, "price_extra") => Value::Double(price_extra(db, &get("product_template_attribute_value_ids").ids())),
        (VARIANT, "lst_price") => {
            let list = of_template(db, row, "list_price").as_f64().unwrap_or(0.0);
            Value::Double(list + price_extra(db, &get("product_template_attribute_value_ids").ids()))
        }
        (VARIANT, "is_product_variant") => Value::Bool(true),
        (VARIANT, "combination_indices") => {
            let ids = get("product_template_attribute_value_ids").ids();
            Value::from(ids.iter().map(i64::to_string).collect::<Vec<_>>().join(","))
        }
        (VARIANT, "product_template_variant_value_ids") => {
            let ids = get("product_template_attribute_value_ids").ids().into_iter();
            let chosen =
                |choice: &i64| db.stored(CHOICE, *choice, "attribute_line_id").as_int().is_some_and(|line| values(db, line).len() > 1);
            Value::from(ids.filter(chosen).collect::<Vec<_>>())
        }
        // An edit of the template is an edit of each variant.
        (VARIANT, "write_date") => match (get("write_date"), of_template(db, row, "write_date")) {
            (Value::Time(own), Value::Time(template)) => Value::Time(own.max(template)),
            (own, _) => own,
        },
        (VARIANT, "image_1920") => match get("image_variant_1920") {
            own if own.truthy() => own,
            _ => of_template(db, row, "image_1920"),
        },
        (LINE, "value_count") => Value::Int(get("value_ids").ids().len() as i64),
        (CHOICE, "name" | "html_color" | "is_custom") => {
            db.stored("product.attribute.value", get("product_attribute_value_id").as_int()?, field)
        }
        (CHOICE, "display_type") => {
            let attribute = db.stored(LINE, get("attribute_line_id").as_int()?, "attribute_id").as_int()?;
            db.stored("product.attribute", attribute, field)
        }
        ("product.attribute.value", "display_type") => db.stored("product.attribute", get("attribute_id").as_int()?, field),
        _ => return None,
    })
}

fn price_extra(db: &Database, choices: &[i64]) -> f64 {
    choices.iter().filter_map(|choice| db.stored(CHOICE, *choice, "price_extra").as_f64()).sum()
}

/// The chosen values in a variant's name: those of lines that leave a choice.
pub fn combination_name(db: &Database, row: &Row) -> String {
    let column = db.model(VARIANT).and_then(|model| model.column("product_template_attribute_value_ids"));
    let choices = column.map(|column| row.get(column).ids()).unwrap_or_default();
    let several = |choice: &i64| {
        let line = db.stored(CHOICE, *choice, "attribute_line_id").as_int().unwrap_or(0);
        active_choices(db, line).len() > 1
    };
    let names = sorted(db, CHOICE, choices).into_iter().filter(several);
    names.map(|choice| db.stored(CHOICE, choice, "name").python_str()).collect::<Vec<_>>().join(", ")
}

/// The active attribute lines of a template that have values, in Odoo's order.
fn lines(db: &Database, template: i64) -> Vec<i64> {
    let ids = pointing(db, LINE, "product_tmpl_id", template);
    let used = |id: &i64| db.stored(LINE, *id, "active").truthy() && !values(db, *id).is_empty();
    sorted(db, LINE, ids.into_iter().filter(used).collect())
}

fn values(db: &Database, line: i64) -> Vec<i64> {
    db.stored(LINE, line, "value_ids").ids()
}

fn active_choices(db: &Database, line: i64) -> Vec<i64> {
    let ids = pointing(db, CHOICE, "attribute_line_id", line);
    sorted(db, CHOICE, ids.into_iter().filter(|id| db.stored(CHOICE, *id, "ptav_active").truthy()).collect())
}

fn creation(db: &Database, line: i64) -> Value {
    let attribute = db.stored(LINE, line, "attribute_id").as_int().unwrap_or(0);
    db.stored("product.attribute", attribute, "create_variant")
}

/// Values before they are applied: a variant brings its template with it.
pub fn prepare(db: &mut Database, env: &Env, model: &Model, mut values: Values) -> Result<Values, Fault> {
    let has = |values: &Values, field: &str| values.iter().any(|(name, _)| name == field);
    if model.name == VARIANT && !has(&values, "product_tmpl_id") {
        let Some(template) = db.model(TEMPLATE) else { return Ok(values) };
        let shared = |field: &str| model.field(field).is_some_and(|field| field.delegated) || field == "image_1920";
        let (mut own, mut common): (Values, Values) = values.into_iter().partition(|(name, _)| !shared(name));
        if !has(&common, "name") {
            common.push(("name".into(), Value::FALSE));
        }
        common.extend(own.iter().filter(|(name, _)| name == "active" || name == "default_code").cloned());
        let before = std::mem::replace(&mut db.scope.building, true);
        let made = db.create(env, template, common);
        db.scope.building = before;
        own.push(("product_tmpl_id".into(), Value::Int(made?)));
        return Ok(own);
    }
    if model.name == TEMPLATE {
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
    if model.name == LINE && !has(&values, "sequence") {
        values.push(("sequence".into(), Value::Int(10)));
    }
    if model.name == CHOICE {
        if !has(&values, "ptav_active") {
            values.push(("ptav_active".into(), true.into()));
        }
        let line = values.iter().find(|(name, _)| name == "attribute_line_id").and_then(|(_, line)| line.as_int()).unwrap_or(0);
        for field in ["product_tmpl_id", "attribute_id"] {
            values.push((field.into(), db.stored(LINE, line, field)));
        }
    }
    Ok(values)
}

/// Whether a template keeps a value for itself and gives it to its one variant as well.
pub fn is_shared(model: &Model, field: &str) -> bool {
    model.name == TEMPLATE && field == "default_code"
}

/// Whether a value of a variant is decided between it and its template.
pub fn is_elsewhere(model: &Model, field: &str) -> bool {
    model.name == VARIANT && matches!(field, "lst_price" | "image_1920")
}

/// Values that belong to the template of a variant, or to the variant of a template.
pub fn pass_on(db: &mut Database, env: &Env, model: &Model, id: i64, mut values: Values) -> Result<(), Fault> {
    match model.name.as_str() {
        VARIANT => {
            let Some(template) = db.stored(VARIANT, id, "product_tmpl_id").as_int() else { return Ok(()) };
            for (name, value) in &mut values {
                if name == "lst_price" {
                    let extra = price_extra(db, &db.stored(VARIANT, id, "product_template_attribute_value_ids").ids());
                    *name = "list_price".into();
                    *value = Value::Double(value.as_f64().unwrap_or(0.0) - extra);
                }
            }
            // A picture goes to the template unless the template has one and there are others to show it.
            let alone = variants(db, template, true).len() < 2;
            if let (Some(at), Some(of)) = (values.iter().position(|(name, _)| name == "image_1920"), db.model(VARIANT))
                && !alone
                && db.stored(TEMPLATE, template, "image_1920").truthy()
            {
                let (_, picture) = values.remove(at);
                db.write(env, of, &[id], vec![("image_variant_1920".into(), picture)])?;
            }
            match db.model(TEMPLATE) {
                Some(of) if !values.is_empty() => db.write(env, of, &[template], values),
                _ => Ok(()),
            }
        }
        TEMPLATE => {
            let (Some(of), Some(variant)) = (db.model(VARIANT), only_variant(db, id)) else { return Ok(()) };
            db.write(env, of, &[variant], values)
        }
        _ => Ok(()),
    }
}

/// Stored beside the variant's own on the template, as Odoo does: lost when several variants have codes of their own.
fn keep_code(db: &mut Database, template: i64) {
    let code = of_variant(db, template, "default_code");
    set(db, TEMPLATE, template, "default_code", code, true);
}

fn set(db: &mut Database, model: &str, id: i64, field: &str, value: Value, stamp: bool) {
    let Some((model, row)) = db.row_of(model, id) else { return };
    let Some(column) = model.column(field) else { return };
    if *row.get(column) == value {
        return;
    }
    let mut row = row.clone();
    row.set(column, value);
    if let Some(column) = model.column("write_date").filter(|_| stamp) {
        row.set(column, Value::Time(db.now));
    }
    db.put(model, id, Some(row));
}

/// After a record stands and its lines do: variants are made, archived, renamed with it.
pub fn after(db: &mut Database, env: &Env, model: &'static Model, id: i64, written: &[&str], created: bool) -> Result<(), Fault> {
    let wrote = |field: &str| written.contains(&field);
    match model.name.as_str() {
        VARIANT => {
            if wrote("default_code") && !db.scope.building {
                let template = db.stored(VARIANT, id, "product_tmpl_id").as_int().unwrap_or(0);
                keep_code(db, template);
            }
            if wrote("barcode") || wrote("product_tmpl_id") { unique_barcode(db, model, id) } else { Ok(()) }
        }
        TEMPLATE => {
            let active = db.stored(TEMPLATE, id, "active").truthy();
            // Where archived variants are in sight, Odoo sees no need to wake them.
            let revived = wrote("active") && active && variants(db, id, !db.scope.active_test).is_empty();
            if !db.scope.building && (created || wrote("attribute_line_ids") || revived) {
                make_variants(db, env, id)?;
            }
            if !created && wrote("active") && !active {
                for variant in variants(db, id, false) {
                    set(db, VARIANT, variant, "active", Value::FALSE, true);
                }
            }
            Ok(())
        }
        LINE => {
            check_line(db, id)?;
            make_choices(db, env, id)?;
            let template = db.stored(LINE, id, "product_tmpl_id").as_int().unwrap_or(0);
            if db.scope.building { Ok(()) } else { make_variants(db, env, template) }
        }
        _ => Ok(()),
    }
}

fn check_line(db: &Database, line: i64) -> Result<(), Fault> {
    let stored = |field: &str| db.stored(LINE, line, field).as_int().unwrap_or(0);
    let (attribute, template) = (stored("attribute_id"), stored("product_tmpl_id"));
    let (attribute_name, product) = (db.display_name("product.attribute", attribute), db.display_name(TEMPLATE, template));
    let values = values(db, line);
    if values.is_empty() && db.stored(LINE, line, "active").truthy() {
        return Err(Fault::user(format!("The attribute {attribute_name} must have at least one value for the product {product}.")));
    }
    let foreign = |value: &&i64| db.stored("product.attribute.value", **value, "attribute_id").as_int() != Some(attribute);
    match values.iter().find(foreign) {
        Some(value) => Err(Fault::user(format!(
            "On the product {product} you cannot associate the value {} with the attribute {attribute_name} because they do not match.",
            db.display_name("product.attribute.value", *value)
        ))),
        None => Ok(()),
    }
}

/// The values of a line become choices of its product; those that are gone go with their variants, or are archived.
fn make_choices(db: &mut Database, env: &Env, line: i64) -> Result<(), Fault> {
    let Some(model) = db.model(CHOICE) else { return Ok(()) };
    let mut missing: BTreeSet<i64> = values(db, line).into_iter().collect();
    for choice in pointing(db, CHOICE, "attribute_line_id", line) {
        let value = db.stored(CHOICE, choice, "product_attribute_value_id").as_int().unwrap_or(0);
        let active = db.stored(CHOICE, choice, "ptav_active").truthy();
        match (missing.remove(&value), active) {
            (true, false) => set(db, CHOICE, choice, "ptav_active", true.into(), true),
            (false, true) => drop_choice(db, model, line, choice),
            _ => {}
        }
    }
    for value in sorted(db, "product.attribute.value", missing.into_iter().collect()) {
        let extra = db.stored("product.attribute.value", value, "default_extra_price");
        let values = vec![
            ("product_attribute_value_id".to_owned(), Value::Int(value)),
            ("attribute_line_id".to_owned(), Value::Int(line)),
            ("price_extra".to_owned(), extra),
        ];
        db.create(env, model, values)?;
    }
    Ok(())
}

fn drop_choice(db: &mut Database, model: &'static Model, line: i64, choice: i64) {
    let template = db.stored(LINE, line, "product_tmpl_id").as_int().unwrap_or(0);
    let uses = |db: &Database, variant: &i64| db.stored(VARIANT, *variant, "product_template_attribute_value_ids").ids().contains(&choice);
    for variant in variants(db, template, true) {
        if uses(db, &variant) {
            drop_variant(db, variant);
        }
    }
    if variants(db, template, true).iter().any(|variant| uses(db, variant)) {
        set(db, CHOICE, choice, "ptav_active", Value::FALSE, true);
    } else {
        forget(db, model, choice);
    }
}

/// Deletes a row with its external ids.
fn forget(db: &mut Database, model: &'static Model, id: i64) {
    for name in db.xids_of(&model.name, id).into_iter().map(str::to_owned).collect::<Vec<_>>() {
        db.put_xid(&name, None);
    }
    image::forget(db, model, id);
    db.put(model, id, None);
}

/// A variant that is in an order is archived, any other is deleted.
fn drop_variant(db: &mut Database, variant: i64) {
    let used = ["pos.order.line", "sale.order.line"].iter().any(|line| !pointing(db, line, "product_id", variant).is_empty());
    match db.model(VARIANT) {
        Some(model) if !used => forget(db, model, variant),
        _ => set(db, VARIANT, variant, "active", Value::FALSE, true),
    }
}

/// Makes the variants that the attribute lines of a template ask for.
fn make_variants(db: &mut Database, env: &Env, template: i64) -> Result<(), Fault> {
    let Some(model) = db.model(VARIANT) else { return Ok(()) };
    let all = lines(db, template);
    let dynamic = all.iter().any(|line| creation(db, *line).as_str() == Some("dynamic"));
    let making: Vec<i64> = all.into_iter().filter(|line| creation(db, *line).as_str() != Some("no_variant")).collect();
    let choices: Vec<Vec<i64>> = making.iter().map(|line| active_choices(db, *line)).collect();
    add_single_choices(db, template, &choices);
    // Of variants with the same choices an active one counts before an archived one, an old one before a new one.
    let mut known: Vec<i64> = variants(db, template, true);
    known.sort_by_key(|id| (db.stored(VARIANT, *id, "active").truthy(), -id));
    let existing: BTreeMap<Vec<i64>, i64> = known.iter().map(|id| (combination(db, *id), *id)).collect();
    let mut keep = BTreeSet::new();
    let mut wanted = Vec::new();
    if dynamic {
        let possible = |choice: &i64| choices.iter().any(|line| line.contains(choice));
        keep.extend(existing.iter().filter(|(ids, _)| ids.len() == making.len() && ids.iter().all(possible)).map(|(_, id)| *id));
    } else {
        for combination in combinations(&choices)? {
            let mut key = combination.clone();
            key.sort_unstable();
            match existing.get(&key) {
                Some(id) => {
                    keep.insert(*id);
                }
                None => wanted.push(combination),
            }
        }
    }
    let active = db.stored(TEMPLATE, template, "active");
    for variant in &keep {
        set(db, VARIANT, *variant, "active", active.clone(), true);
    }
    for combination in wanted {
        let ids = Value::from(combination);
        let values = vec![
            ("product_tmpl_id".to_owned(), Value::Int(template)),
            ("product_template_attribute_value_ids".to_owned(), ids),
            ("active".to_owned(), active.clone()),
        ];
        db.create(env, model, values)?;
    }
    for variant in known.into_iter().filter(|id| !keep.contains(id)) {
        drop_variant(db, variant);
    }
    Ok(())
}

fn combination(db: &Database, variant: i64) -> Vec<i64> {
    let mut ids = db.stored(VARIANT, variant, "product_template_attribute_value_ids").ids();
    ids.sort_unstable();
    ids
}

/// A line with one value only adds it to the variants that are there.
fn add_single_choices(db: &mut Database, template: i64, choices: &[Vec<i64>]) {
    let single: Vec<i64> = choices.iter().filter_map(|line| if let [only] = line[..] { Some(only) } else { None }).collect();
    if single.is_empty() {
        return;
    }
    for variant in variants(db, template, true) {
        let mut ids: BTreeSet<i64> = combination(db, variant).into_iter().collect();
        ids.extend(&single);
        let fits = ids.len() == choices.len() && choices.iter().all(|line| line.iter().any(|choice| ids.contains(choice)));
        if fits {
            set(db, VARIANT, variant, "product_template_attribute_value_ids", ids.into_iter().collect::<Vec<_>>().into(), true);
        }
    }
}

fn combinations(choices: &[Vec<i64>]) -> Result<Vec<Vec<i64>>, Fault> {
    let mut all: Vec<Vec<i64>> = vec![Vec::new()];
    for line in choices {
        if all.len() * line.len() > MOST_VARIANTS {
            return Err(Fault::user(
                "The number of variants to generate is above allowed limit. You should either not generate variants for each \
                 combination or generate them on demand from the sales order. To do so, open the form view of attributes and change \
                 the mode of *Create Variants*.",
            ));
        }
        let longer = |start: &Vec<i64>, choice: &i64| start.iter().chain([choice]).copied().collect::<Vec<_>>();
        all = all.iter().flat_map(|start| line.iter().map(move |choice| longer(start, choice))).collect();
    }
    Ok(all)
}

fn unique_barcode(db: &Database, model: &'static Model, id: i64) -> Result<(), Fault> {
    let Some(column) = model.column("barcode") else { return Ok(()) };
    let (Some(table), Some(row)) = (db.table(model), db.row(model, id)) else { return Ok(()) };
    let Some(barcode) = row.get(column).as_str().filter(|barcode| !barcode.is_empty()) else { return Ok(()) };
    let ids: Vec<i64> = table.reading(column, barcode).into_iter().flatten().collect();
    if ids.len() < 2 {
        return Ok(());
    }
    let others = ids.iter().filter(|other| **other != id).chain([&id]);
    let names: Vec<String> = others.map(|id| db.display_name(&model.name, *id)).collect();
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

/// The button *Archive*: refused for what is in an order still open at a till; the last variant takes its template along.
pub fn archive(db: &mut Database, env: &Env, model: &'static Model, ids: &[i64]) -> Result<(), Fault> {
    let template_of = |db: &Database, id: i64| match model.name.as_str() {
        VARIANT => db.stored(VARIANT, id, "product_tmpl_id").as_int(),
        _ => Some(id),
    };
    let templates: BTreeSet<i64> = ids.iter().filter_map(|id| template_of(db, *id)).collect();
    if templates.iter().any(|template| in_open_order(db, *template)) {
        return Err(Fault::user(
            "Hold up! Archiving products while POS sessions are active is like pulling a plate mid-meal.\n\
             Make sure to close all sessions first to avoid any issues.",
        ));
    }
    let ids: Vec<i64> = ids.iter().copied().filter(|id| db.stored(&model.name, *id, "active").truthy()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    db.write(env, model, &ids, vec![("active".into(), Value::FALSE)])?;
    if model.name == VARIANT
        && let Some(of) = db.model(TEMPLATE)
    {
        for template in templates {
            if db.stored(TEMPLATE, template, "active").truthy() && variants(db, template, false).is_empty() {
                archive(db, env, of, &[template])?;
            }
        }
    }
    Ok(())
}

fn in_open_order(db: &Database, template: i64) -> bool {
    variants(db, template, true).into_iter().any(|variant| {
        pointing(db, "pos.order.line", "product_id", variant).into_iter().any(|line| {
            let order = db.stored("pos.order.line", line, "order_id").as_int().unwrap_or(0);
            let session = db.stored("pos.order", order, "session_id").as_int().unwrap_or(0);
            db.stored("pos.order", order, "state").as_str() == Some("draft")
                && db.stored("pos.session", session, "state").as_str() != Some("closed")
        })
    })
}
