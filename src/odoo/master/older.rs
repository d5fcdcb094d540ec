//! What Odoo 19 holds in one way and older ones in another: read into the way of 19, written in theirs. Which way an
//! Odoo has is told by the fields that it says it has, never by its version.

use rust_decimal::Decimal;

use super::{Cell, Row, Shape, ids_of, one_of, text_of};
use crate::master_data::{Field, Record, Type, Value};
use crate::model::Kind;

/// The word of an older Odoo for goods whose stock is tracked (up to 17).
const STORABLE: &str = "product";

/// How many of the reference unit of its family a unit is (up to 18), or of the unit that its family begins with (19).
pub const SIZE: &str = "size";

/// The family of a unit (up to 18).
pub const FAMILY: &str = "category_id";

/// Whether a payment method takes cash; no column that is sent.
pub const CASH: &str = "is_cash_count";

/// Digits of a unit's size that count: older Odoos keep its inverse, as a double.
const SIZE_DIGITS: u32 = 10;

/// The thumbnail of a picture.
pub fn thumbnail(field: &str) -> &'static str {
    if field == "image_1920" { "image_128" } else { "image_variant_128" }
}

/// The fields that an older Odoo has in place of those that are sent, by kind: asked for with them.
pub(super) fn asked(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Product => &["detailed_type", "pos_categ_id", "uom_po_id", "product_tag_ids", "image_128"],
        Kind::Variant => &["image_variant_128"],
        Kind::Unit => &[FAMILY, "factor", "uom_type"],
        Kind::Tax => &["description"],
        Kind::PaymentMethod => &["cash_journal_id", CASH],
        _ => &[],
    }
}

/// What stands for a field where an Odoo has another name for it: asked for in this order.
pub(super) fn names(field: &str) -> &'static [&'static str] {
    match field {
        // The customer's own; the other one answers the company's when there is none (19; before 18 there is no first).
        "property_product_pricelist" => &["specific_property_product_pricelist", "property_product_pricelist"],
        // Computed from the first since 18; 17 and older have the second alone and write it.
        "price_include" => &["price_include_override", "price_include"],
        // 16 and 17 have both, the second computed.
        "type" => &["detailed_type", "type"],
        // One alone up to 16.
        "pos_categ_ids" => &["pos_categ_ids", "pos_categ_id"],
        // A description of its own since 17.
        "invoice_label" => &["invoice_label", "description"],
        // Of cash alone in 14.
        "journal_id" => &["journal_id", "cash_journal_id"],
        // Up to 18 a unit is measured by the reference unit of its family.
        "relative_factor" => &["relative_factor", "factor"],
        "relative_uom_id" => &["relative_uom_id", FAMILY],
        _ => &[],
    }
}

impl Shape {
    /// Whether the type of a product says whether its stock is tracked (up to 17).
    pub fn tracks_by_type(&self) -> bool {
        !self.has(Kind::Product, "is_storable") && self.has(Kind::Product, "type") && self.takes(Kind::Product, "type", STORABLE)
    }

    /// Whether a unit is one of a family with a reference unit (up to 18).
    pub fn has_unit_families(&self) -> bool {
        self.has(Kind::Unit, FAMILY)
    }

    /// Whether a product is in one POS category at most (up to 16).
    pub fn has_one_pos_category(&self) -> bool {
        !self.has(Kind::Product, "pos_categ_ids") && self.has(Kind::Product, "pos_categ_id")
    }

    /// Whether payment methods have a journal only where they take cash (14).
    pub fn has_cash_journals(&self) -> bool {
        !self.has(Kind::PaymentMethod, "journal_id") && self.has(Kind::PaymentMethod, "cash_journal_id")
    }
}

/// Puts what a row of an older Odoo says into the words of 19. A unit's reference unit is for the reader to find.
pub(super) fn translate<Id: Ord + Copy>(shape: &Shape, row: &Row, record: &mut Record<Id>, id: &impl Fn(i64) -> Id) {
    let values = &mut record.values;
    match record.kind {
        Kind::Product if shape.tracks_by_type() => {
            if let Some(Value::Text(word)) = values.get("type").cloned() {
                let storable = word == STORABLE;
                let word = if storable { "consu".to_owned() } else { word };
                values.insert("type".to_owned(), Value::Text(word));
                values.insert("is_storable".to_owned(), Value::Flag(storable));
            }
        }
        Kind::Unit => {
            let families = shape.has_unit_families();
            // How many of a unit make the reference unit; in 19 how many of the first unit make this one.
            let factor = number(row, "factor").filter(|factor| !factor.is_zero());
            let size = factor.map(|factor| if families { Decimal::ONE / factor } else { factor });
            let size = size.map(|size| size.round_sf(SIZE_DIGITS).unwrap_or(size));
            values.extend(size.map(|size| (SIZE.to_owned(), Value::Number(size))));
            if families {
                values.remove("relative_uom_id");
                values.extend(one_of(row, FAMILY).map(|family| (FAMILY.to_owned(), Value::One(id(family)))));
                values.extend(size.map(|size| ("relative_factor".to_owned(), Value::Number(size))));
            }
        }
        Kind::PaymentMethod => {
            let cash = row.get(CASH) == Some(&Cell::Flag(true));
            values.insert(CASH.to_owned(), Value::Flag(cash));
        }
        _ => {}
    }
    if record.kind == Kind::Product && shape.has_one_pos_category() && row.contains_key("pos_categ_id") {
        let ids = ids_of(row, "pos_categ_id").into_iter().map(id).collect();
        record.values.insert("pos_categ_ids".to_owned(), Value::Many(ids));
    }
}

fn number(row: &Row, field: &str) -> Option<Decimal> {
    match row.get(field) {
        Some(Cell::Int(number)) => Some(Decimal::from(*number)),
        Some(Cell::Number(number)) => Some(*number),
        _ => None,
    }
}

/// Whether a unit is the one that the others of its family are measured by (up to 18).
pub fn is_reference(row: &Row) -> bool {
    text_of(row, "uom_type") == Some("reference")
}

/// From where a cell comes.
#[derive(Debug, Clone, Copy)]
enum From {
    /// The field itself.
    Field(&'static Field),
    /// The product's type and whether its stock is tracked.
    TypeWord,
    /// One of several.
    OneOf(&'static Field),
    /// The family of the unit that another is measured by.
    Family,
    /// Bigger or smaller than the reference unit.
    UnitType,
    /// How many of a unit make the reference unit.
    Inverse,
    /// Whether there is a journal, which is then one of cash.
    IsCash,
}

/// How fields are written to an Odoo of a shape: the columns of `load`, and the cells of one record after the other.
#[derive(Debug)]
pub struct Columns<'s> {
    shape: &'s Shape,
    kind: Kind,
    from: Vec<(String, From)>,
}

impl<'s> Columns<'s> {
    /// Of these fields of a kind.
    pub fn new(shape: &'s Shape, kind: Kind, fields: &[&'static Field]) -> Self {
        let mut from: Vec<(String, From)> = Vec::new();
        for field in fields {
            let own = super::column(shape, kind, field);
            let all = match (kind, field.name) {
                (Kind::Product, "type" | "is_storable") if shape.tracks_by_type() => {
                    let name = shape.name(kind, "type").unwrap_or("type");
                    vec![(name.to_owned(), From::TypeWord)]
                }
                (Kind::Product, "pos_categ_ids") if shape.has_one_pos_category() => {
                    vec![("pos_categ_id/.id".to_owned(), From::OneOf(field))]
                }
                // Bought in another unit than it is sold in, a product would have to be of the same family.
                (Kind::Product, "uom_id") if shape.has(kind, "uom_po_id") => {
                    vec![(own, From::Field(field)), ("uom_po_id/.id".to_owned(), From::Field(field))]
                }
                (Kind::Unit, "relative_factor" | "relative_uom_id") if shape.has_unit_families() => vec![
                    (format!("{FAMILY}/.id"), From::Family),
                    ("uom_type".to_owned(), From::UnitType),
                    ("factor".to_owned(), From::Inverse),
                ],
                (Kind::PaymentMethod, "journal_id") if shape.has_cash_journals() => {
                    vec![("cash_journal_id/.id".to_owned(), From::Field(field)), (CASH.to_owned(), From::IsCash)]
                }
                _ => vec![(own, From::Field(field))],
            };
            for (column, source) in all {
                if !from.iter().any(|(known, _)| *known == column) {
                    from.push((column, source));
                }
            }
        }
        Self { shape, kind, from }
    }

    /// The columns.
    pub fn names(&self) -> Vec<String> {
        self.from.iter().map(|(column, _)| column.clone()).collect()
    }

    /// Fields whose values the cells need besides those that are written.
    pub fn needs(&self) -> &'static [&'static str] {
        if self.from.iter().any(|(_, from)| matches!(from, From::TypeWord)) { &["type", "is_storable"] } else { &[] }
    }

    /// The cells of one record. `value` gives its values with the ids of the Odoo that is written; of a unit also the
    /// [`FAMILY`] that it comes into and its [`SIZE`] there. `picture` stands in the place of a picture.
    pub fn cells(&self, value: &dyn Fn(&str) -> Value<i64>, picture: Option<&str>) -> Vec<String> {
        let size = || match value(SIZE) {
            Value::Number(size) if !size.is_zero() => size,
            _ => Decimal::ONE,
        };
        let cell = |from: &From| match from {
            From::Field(field) if field.of == Type::Image => picture.unwrap_or_default().to_owned(),
            From::Field(field) => super::cell(self.shape, self.kind, field, &value(field.name)),
            From::TypeWord if value("is_storable") == Value::Flag(true) => STORABLE.to_owned(),
            From::TypeWord => value("type").text().unwrap_or("consu").to_owned(),
            From::OneOf(field) => value(field.name).ids().first().map(i64::to_string).unwrap_or_default(),
            From::Family => value(FAMILY).ids().first().map(i64::to_string).unwrap_or_default(),
            From::UnitType => if size() < Decimal::ONE { "smaller" } else { "bigger" }.to_owned(),
            From::Inverse => (Decimal::ONE / size()).normalize().to_string(),
            From::IsCash => if value("journal_id").ids().is_empty() { "0" } else { "1" }.to_owned(),
        };
        self.from.iter().map(|(_, from)| cell(from)).collect()
    }
}
