//! Which Odoo a server plays: 19, or one of those before it, and what an upgrade makes of a database.
//!
//! `versions.txt` lists which fields are there under which name and type; what a version does otherwise is asked for
//! where it is done, by comparing versions. Odoo 15 goes by what is known of 14 and 16: it was not run.

use std::fmt;

use super::orm::Values;
use super::schema::{self, Kind, Model};
use super::table::{Database, Row};
use super::wire::Value;
use super::{sale, sell};

/// A version of Odoo, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Version {
    /// Odoo 14.0
    V14,
    /// Odoo 15.0
    V15,
    /// Odoo 16.0
    V16,
    /// Odoo 17.0
    V17,
    /// Odoo 18.0
    V18,
    /// Odoo 19.0
    #[default]
    V19,
}

impl Version {
    /// All of them, the oldest first.
    pub const ALL: [Version; 6] = [Version::V14, Version::V15, Version::V16, Version::V17, Version::V18, Version::V19];

    /// `19`
    pub fn major(self) -> i64 {
        14 + self as i64
    }

    /// `19.0`
    pub fn serie(self) -> String {
        format!("{}.0", self.major())
    }

    /// The version of a major number.
    pub fn of_major(major: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.major() == major)
    }

    /// Whether orders of the till carry a uuid.
    pub fn has_uuid(self) -> bool {
        self >= Version::V18
    }

    /// Whether a till signs the subtotals of refunds as it does the quantities; 19's stores them positive.
    pub fn signs_refunds(self) -> bool {
        self < Version::V19
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.major())
    }
}

/// Values with the names that 19 has for this version's fields: what the tables themselves go by.
pub fn canonical(model: &Model, values: Values) -> Values {
    let name = |name: String| match model.field(&name) {
        Some(field) if field.canonical != name => field.canonical.clone(),
        _ => name,
    };
    values.into_iter().map(|(field, value)| (name(field), value)).collect()
}

/// Values as 19 names and types them, made fit for a model of this version: a seed and a test may speak of all versions
/// alike. What the version does not have is left out.
pub fn fitted(version: Version, model: &Model, values: Values) -> Values {
    if version == Version::V19 {
        return values;
    }
    let goods = matches!(model.name.as_str(), "product.template" | "product.product");
    let mut fit = Values::new();
    for (name, value) in values {
        match (model.name.as_str(), name.as_str()) {
            ("account.tax", "price_include_override") if model.column(&name).is_none() => {
                fit.push(("price_include".into(), Value::Bool(value.as_str() == Some("tax_included"))));
            }
            (_, "is_storable") if goods && model.column(&name).is_none() => {
                let kind = Value::from(if value.truthy() { "product" } else { "consu" });
                fit.extend(
                    ["type", "detailed_type"].into_iter().filter(|field| model.column(field).is_some()).map(|f| (f.into(), kind.clone())),
                );
            }
            (_, "type") if goods => {
                // What was said of the stock comes first, in whichever order both are given.
                if !fit.iter().any(|(name, _)| name == "type") {
                    fit.extend(
                        ["type", "detailed_type"]
                            .into_iter()
                            .filter(|field| model.column(field).is_some())
                            .map(|f| (f.into(), value.clone())),
                    );
                }
            }
            ("uom.uom", "relative_factor") if model.column(&name).is_none() => {
                let factor = value.as_f64().filter(|factor| *factor != 0.0).unwrap_or(1.0);
                let kind = if factor > 1.0 {
                    "bigger"
                } else if factor < 1.0 {
                    "smaller"
                } else {
                    "reference"
                };
                fit.push(("uom_type".into(), kind.into()));
                fit.push(("factor".into(), (1.0 / factor).into()));
            }
            ("uom.uom", "factor") if version < Version::V19 => {}
            _ => fit.extend(model.field(&name).map(|field| (name.clone(), shaped(&field.kind, value)))),
        }
    }
    fit
}

/// A value in the shape of its field: the first of many links where the version has room for one, or the other way round.
fn shaped(kind: &Kind, value: Value) -> Value {
    match (kind, &value) {
        (Kind::Many2one(_), Value::Array(items)) => match items.first() {
            Some(Value::Array(command)) => command.get(2).and_then(|ids| ids.ids().first().copied()).into(),
            Some(Value::Int(id)) => Value::Int(*id),
            _ => Value::FALSE,
        },
        (Kind::Many2many(_), Value::Int(id)) => Value::Array(vec![Value::Int(*id)]),
        _ => value,
    }
}

/// Makes of a database one of a later version, as Odoo's upgrade does: fields are renamed, orders that were invoiced are done,
/// and orders, lines and payments get the uuids that they did not have. Nobody's `write_date` moves.
pub fn upgrade(db: &mut Database, to: Version) {
    let from = db.version;
    if to <= from {
        return;
    }
    db.version = to;
    let names: Vec<&'static str> = db.table_names();
    for name in names {
        let (Some(old), Some(new)) = (schema::model_of(from, name), schema::model_of(to, name)) else { continue };
        let rows: Vec<(i64, Row)> =
            db.table(old).map(|table| table.rows().iter().map(|(id, row)| (*id, row.clone())).collect()).unwrap_or_default();
        db.remodel(new);
        for (id, row) in rows {
            let row = moved(db, old, new, id, &row);
            db.put(new, id, Some(row));
        }
    }
    db.commit();
}

fn moved(db: &Database, old: &'static Model, new: &'static Model, id: i64, row: &Row) -> Row {
    let mut fresh = Row::default();
    for (column, value) in row.cells() {
        if let Some(to) = new.column(&old.fields[column].canonical) {
            fresh.set(to, shaped(&new.fields[to].kind, value.clone()));
        }
    }
    let had = |field: &str| old.column(field).is_some();
    let mut fill = |field: &str, value: Value| {
        if let Some(column) = new.column(field).filter(|_| !had(field)) {
            fresh.set(column, value);
        }
    };
    let stored = |field: &str| old.column(field).map_or(Value::FALSE, |column| row.get(column).clone());
    match new.name.as_str() {
        "account.tax" => {
            let word = if stored("price_include").truthy() { "tax_included" } else { "tax_excluded" };
            fill("price_include_override", word.into());
        }
        "product.template" | "product.product" => {
            let storable = stored("type").as_str() == Some("product") || stored("detailed_type").as_str() == Some("product");
            fill("is_storable", storable.into());
            fill("detailed_type", stored("type"));
        }
        "uom.uom" => {
            let factor = stored("factor").as_f64().filter(|factor| *factor != 0.0).unwrap_or(1.0);
            fill("relative_factor", (1.0 / factor).into());
        }
        "res.company" => fill("account_price_include", "tax_excluded".into()),
        "pos.order" => fill("uuid", sell::fresh_uuid(db, id).into()),
        "pos.order.line" => fill("uuid", sell::fresh_uuid(db, -id).into()),
        "pos.payment" => fill("uuid", sell::fresh_uuid(db, id << 32).into()),
        _ => {}
    }
    let renamed = |field: &str, from: &str, to: &str, row: &mut Row| {
        if let Some(column) = new.column(field)
            && row.get(column).as_str() == Some(from)
            && !matches!(&new.fields[column].kind, Kind::Selection(options) if options.iter().any(|(key, _)| key == from))
        {
            row.set(column, to.into());
        }
    };
    match new.name.as_str() {
        "pos.order" => renamed("state", "invoiced", "done", &mut fresh),
        "sale.order" | "sale.order.line" => renamed("state", "done", "sale", &mut fresh),
        "product.template" | "product.product" => renamed("type", "product", "consu", &mut fresh),
        _ => {}
    }
    fresh
}

/// An amount as the tills of this version store it: up to 16 as the sum came out of floating-point arithmetic.
pub fn stored_total(version: Version, total: rust_decimal::Decimal, parts: impl Iterator<Item = f64>) -> Value {
    if version > Version::V16 {
        return Value::from(total);
    }
    let sum: f64 = parts.sum();
    let same = sale::round_to(sum, 2) == super::wire::double(total);
    Value::Double(if same { sum } else { super::wire::double(total) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::schema::Side;
    use crate::demo::{Branch, Item, Sale, seed};

    #[test]
    fn every_version_has_its_names() {
        let has = |version: Version, model: &str, field: &str| schema::model_of(version, model).is_some_and(|m| m.shows(field));
        for version in Version::ALL {
            assert_eq!(has(version, "sale.order.line", "tax_ids"), version == Version::V19, "{version}");
            assert_eq!(has(version, "sale.order.line", "tax_id"), version < Version::V19, "{version}");
            assert_eq!(has(version, "pos.order", "uuid"), version >= Version::V18, "{version}");
            assert_eq!(has(version, "pos.order.line", "uuid"), version >= Version::V17, "{version}");
            assert_eq!(has(version, "pos.order", "refunded_order_id"), version >= Version::V18, "{version}");
            assert_eq!(has(version, "pos.order", "refunded_order_ids"), (Version::V15..=Version::V17).contains(&version), "{version}");
            assert_eq!(has(version, "product.template", "pos_categ_id"), version < Version::V17, "{version}");
        }
    }

    #[test]
    fn an_upgrade_gives_old_orders_uuids_and_keeps_what_they_say() {
        let mut db = Database::new_as(Version::V17, "b", Side::Branch);
        seed::branch(&mut db, &Branch::new("Shop"));
        let sale = Sale::new().line(Item::new("ART-0003").price("12.00").taxes(&["VAT 20% incl"])).note("gift").invoiced(7);
        let built = sell::build(&mut db, &sale);
        let order = built.order;
        built.commit(&mut db);
        let total = sale::amount(&db, "pos.order", order, "amount_total");
        assert_eq!(db.stored("pos.order", order, "state").as_str(), Some("invoiced"));
        upgrade(&mut db, Version::V19);
        assert_eq!(db.stored("pos.order", order, "state").as_str(), Some("done"));
        assert_eq!(db.stored("pos.order", order, "general_customer_note").as_str(), Some("gift"));
        assert_eq!(sale::amount(&db, "pos.order", order, "amount_total"), total);
        assert!(db.stored("pos.order", order, "uuid").truthy());
        let lines = db.ids_of("pos.order", order, "lines");
        assert_eq!((lines.len(), db.ids_of("pos.order.line", lines[0], "tax_ids").len()), (1, 1));
    }
}
