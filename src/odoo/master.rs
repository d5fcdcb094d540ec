//! Master data as an Odoo gives and takes it: which fields it has, its records, and the calls that write them. Together
//! with `records` the only place that knows how Odoo versions differ.

mod older;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use rust_decimal::Decimal;
use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize as DeriveDeserialize, Serialize};
use serde_json::{Value as Json, json};

pub use self::older::{CASH, Columns, FAMILY, SIZE, is_reference, thumbnail};
use self::older::{asked, names, translate};
use super::records::{Rows, XMLID_MODULE};
use super::{Call, Odoo, OdooError};
use crate::master_data::{ATTRIBUTES, Field, Record, TEMPLATE, Type, VARIANTS, Value, fields};
use crate::model::Kind;

/// Records of one reply. A product without its pictures is about 2 KB on the wire, so a page is about 10 MB, and Odoo 19
/// takes 2 s to 5 s for it.
pub const PAGE: usize = 5_000;

/// Digits of a number that count: the double that it came as keeps at least 15.
const DIGITS: u32 = 14;

/// A cell of a record as it came.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// `False`, which is also Odoo's null, or `True`.
    Flag(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Number(Decimal),
    /// Text.
    Text(String),
    /// A many2one: id and name.
    One(i64, String),
    /// Ids.
    Ids(Vec<i64>),
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CellVisitor;
        impl<'de> Visitor<'de> for CellVisitor {
            type Value = Cell;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value of a record")
            }
            fn visit_bool<E>(self, flag: bool) -> Result<Cell, E> {
                Ok(Cell::Flag(flag))
            }
            fn visit_unit<E>(self) -> Result<Cell, E> {
                Ok(Cell::Flag(false))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Cell, E> {
                Ok(Cell::Int(number))
            }
            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Cell, E> {
                // Odoo writes the shortest text that means this double; Rust's shortest text is the same digits.
                let text = number.to_string();
                let exact = text.parse().or_else(|_| Decimal::from_scientific(&text));
                exact.map(Cell::Number).map_err(|_| E::custom(format!("a number beyond what is counted with: {text}")))
            }
            fn visit_str<E>(self, text: &str) -> Result<Cell, E> {
                Ok(Cell::Text(text.to_owned()))
            }
            fn visit_string<E>(self, text: String) -> Result<Cell, E> {
                Ok(Cell::Text(text))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Cell, A::Error> {
                let mut ids = Vec::new();
                while let Some(item) = items.next_element::<Cell>()? {
                    match item {
                        Cell::Int(id) => ids.push(id),
                        Cell::Text(name) if ids.len() == 1 => {
                            while items.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                            return Ok(Cell::One(ids[0], name));
                        }
                        other => return Err(serde::de::Error::custom(format!("{other:?} in a list of ids"))),
                    }
                }
                Ok(Cell::Ids(ids))
            }
        }
        deserializer.deserialize_any(CellVisitor)
    }
}

/// A record as it came, by field.
pub type Row = HashMap<String, Cell>;

/// The id of a row.
pub fn id_of(row: &Row) -> i64 {
    match row.get("id") {
        Some(Cell::Int(id)) => *id,
        _ => 0,
    }
}

/// A text of a row.
pub fn text_of<'r>(row: &'r Row, field: &str) -> Option<&'r str> {
    match row.get(field) {
        Some(Cell::Text(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// The record that a field of a row names.
pub fn one_of(row: &Row, field: &str) -> Option<i64> {
    match row.get(field) {
        Some(Cell::One(id, _)) => Some(*id),
        _ => None,
    }
}

/// The records that a field of a row names.
pub fn ids_of(row: &Row, field: &str) -> Vec<i64> {
    match row.get(field) {
        Some(Cell::Ids(ids)) => ids.clone(),
        Some(Cell::One(id, _)) => vec![*id],
        _ => Vec::new(),
    }
}

/// The fields that one Odoo has, of those that sending wants; by kind, then field.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, DeriveDeserialize)]
pub struct Shape {
    /// What was asked for, by kind: an Odoo that was asked for less is asked again.
    asked: BTreeMap<Kind, usize>,
    kinds: BTreeMap<Kind, BTreeMap<String, Described>>,
}

/// A field as an Odoo describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, DeriveDeserialize)]
struct Described {
    /// The decimals that it keeps; `None` = all.
    decimals: Option<u32>,
    /// The technical words that it takes; empty = it is no selection.
    words: Vec<String>,
    /// Whether no record is without it.
    #[serde(default)]
    required: bool,
}

/// What is read besides the fields that are sent.
fn besides(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Tax => &["country_id", "company_id"],
        Kind::PosCategory | Kind::ProductCategory => &[],
        Kind::Attribute | Kind::AttributeValue => &[],
        Kind::Unit => &["factor", "uom_type", FAMILY],
        Kind::PaymentMethod => &[CASH],
        Kind::Product => &[VARIANTS, ATTRIBUTES],
        Kind::ExtraPrice => &[TEMPLATE, "product_attribute_value_id", "ptav_active"],
        Kind::Variant => &[TEMPLATE, "product_template_attribute_value_ids"],
        Kind::Pricelist => &[],
        Kind::PricelistItem => &[],
        Kind::Customer => &["company_id"],
    }
}

impl Shape {
    /// Asks an Odoo which fields a kind has, unless that is known. Whether it was asked.
    ///
    /// # Errors
    /// As [`Odoo::call`]; a model that the user may not see is [`OdooError::Access`].
    pub async fn learn(&mut self, odoo: &Odoo, kind: Kind) -> Result<bool, OdooError> {
        #[derive(DeriveDeserialize)]
        struct Told {
            #[serde(default)]
            digits: Option<Cell>,
            #[serde(default)]
            selection: Option<Vec<(String, String)>>,
            /// 14 says 1 for some.
            #[serde(default)]
            required: Option<Cell>,
        }
        let sent = fields(kind).iter().flat_map(|field| std::iter::once(field.name).chain(names(field.name).iter().copied()));
        let wanted: BTreeSet<&str> =
            sent.chain(besides(kind).iter().copied()).chain(asked(kind).iter().copied()).chain(["active"]).collect();
        if self.asked.get(&kind) == Some(&wanted.len()) {
            return Ok(false);
        }
        let attributes = json!(["type", "digits", "selection", "required"]);
        let call = Call::new(kind.model(), "fields_get").arg("allfields", json!(wanted)).arg("attributes", attributes);
        let found: BTreeMap<String, Told> = odoo.call(&call).await?;
        let described = |told: Told| Described {
            decimals: match told.digits {
                // `[16, 2]`: digits in all, decimals.
                Some(Cell::Ids(pair)) => pair.get(1).and_then(|decimals| u32::try_from(*decimals).ok()),
                _ => None,
            },
            words: told.selection.into_iter().flatten().map(|(word, _)| word).collect(),
            required: matches!(told.required, Some(Cell::Flag(true) | Cell::Int(1))),
        };
        self.asked.insert(kind, wanted.len());
        self.kinds.insert(kind, found.into_iter().map(|(name, told)| (name, described(told))).collect());
        Ok(true)
    }

    /// The name that this Odoo has for a field, if it has it.
    pub fn name(&self, kind: Kind, field: &'static str) -> Option<&'static str> {
        let has = |name: &str| self.has(kind, name);
        let own = names(field).iter().copied().find(|name| has(name)).or_else(|| has(field).then_some(field));
        own.or_else(|| (kind == Kind::Product && field == "is_storable" && self.tracks_by_type()).then(|| self.name(kind, "type"))?)
    }

    /// The fields that no record of a kind is without at this Odoo.
    pub fn required(&self, kind: Kind) -> Vec<&'static str> {
        let required = |field: &&Field| {
            self.name(kind, field.name).and_then(|name| self.kinds.get(&kind)?.get(name)).is_some_and(|described| described.required)
        };
        fields(kind).iter().filter(required).map(|field| field.name).collect()
    }

    /// Whether this Odoo has a field under its own name.
    pub fn has(&self, kind: Kind, field: &str) -> bool {
        self.kinds.get(&kind).is_some_and(|fields| fields.contains_key(field))
    }

    /// Decimals by field, of a kind; what is not there keeps all.
    pub fn digits(&self, kind: Kind) -> BTreeMap<String, u32> {
        let fields = self.kinds.get(&kind).into_iter().flatten();
        fields.filter_map(|(name, described)| Some((name.clone(), described.decimals?))).collect()
    }

    /// Whether a field takes a technical word, as far as is known.
    pub fn takes(&self, kind: Kind, field: &'static str, word: &str) -> bool {
        let described = self.name(kind, field).and_then(|name| self.kinds.get(&kind)?.get(name));
        described.is_none_or(|field| field.words.is_empty() || field.words.iter().any(|known| known == word))
    }

    /// What is asked for when records of a kind are read. Pictures are not: they are told apart by their checksums.
    pub fn columns(&self, kind: Kind) -> Vec<&str> {
        let sent = fields(kind).iter().filter(|field| field.of != Type::Image);
        let sent = sent.filter_map(|field| match field.name {
            // The effective value; what is written is another field.
            "price_include" => Some("price_include").filter(|name| self.has(kind, name)),
            name => self.name(kind, name),
        });
        let besides = besides(kind).iter().copied().filter(|name| self.has(kind, name));
        let always = ["display_name", "create_date", "write_date"];
        let mut seen = BTreeSet::new();
        sent.chain(besides).chain(always).filter(|name| seen.insert(*name)).collect()
    }

    /// A row as a record. What names a record of a known model keeps its id as a number, see [`Type::Known`].
    pub fn record<Id: Ord + Copy>(&self, kind: Kind, row: &Row, id: impl Fn(i64) -> Id) -> Record<Id> {
        let mut values = BTreeMap::new();
        for field in fields(kind) {
            let name = if field.name == "price_include" { Some("price_include") } else { self.name(kind, field.name) };
            if let Some(cell) = name.and_then(|name| row.get(name)) {
                values.insert(field.name.to_owned(), value(field.of, cell, &id));
            }
        }
        let apart = [(TEMPLATE, Type::One(Kind::Product)), (VARIANTS, Type::Many(Kind::Variant))];
        for (name, of) in apart.into_iter().filter(|(name, _)| besides(kind).contains(name)) {
            if let Some(cell) = row.get(name) {
                values.insert(name.to_owned(), value(of, cell, &id));
            }
        }
        let text = |name: &str| text_of(row, name).unwrap_or_default().to_owned();
        let mut record = Record {
            kind,
            id: id(id_of(row)),
            name: text("display_name"),
            values,
            create_date: text("create_date"),
            write_date: text("write_date"),
        };
        translate(self, row, &mut record, &id);
        record
    }
}

fn value<Id: Ord>(of: Type, cell: &Cell, id: impl Fn(i64) -> Id) -> Value<Id> {
    match (of, cell) {
        (Type::Flag, Cell::Flag(flag)) => Value::Flag(*flag),
        (_, Cell::Flag(_)) => Value::Nothing,
        (_, Cell::Text(text)) if text.is_empty() => Value::Nothing,
        (_, Cell::Text(text)) => Value::Text(text.clone()),
        (_, Cell::Int(number)) => Value::Number(Decimal::from(*number)),
        // Up to 17 what a company has of its own comes as floating-point arithmetic left it: 8.870000000000001.
        (_, Cell::Number(number)) => Value::Number(number.round_sf(DIGITS).unwrap_or(*number)),
        // Only until the natural key takes its place.
        (Type::Known(..), Cell::One(known, _)) => Value::Number(Decimal::from(*known)),
        (_, Cell::One(one, _)) => Value::One(id(*one)),
        (_, Cell::Ids(ids)) => Value::Many(ids.iter().map(|one| id(*one)).collect()),
    }
}

/// How records are read and written at one side.
#[derive(Debug, Clone)]
pub struct Manner {
    /// The company that they are read and written in, the only one allowed.
    pub company: i64,
    /// The language of names and descriptions.
    pub language: String,
}

impl Manner {
    /// A call in this company and language that also sees what is archived.
    pub fn apply(&self, call: Call) -> Call {
        call.context("lang", json!(self.language)).context("allowed_company_ids", json!([self.company])).with_archived()
    }

    /// One page of the records that fit a domain, with ids above `after`, ordered by id.
    pub fn page(&self, model: &'static str, domain: &Json, columns: &[&str], after: i64) -> Call {
        let mut whole = vec![json!(["id", ">", after])];
        whole.extend(domain.as_array().into_iter().flatten().cloned());
        let call = Call::search_read(model, Json::Array(whole), columns).arg("order", json!("id")).arg("limit", json!(PAGE));
        self.apply(call)
    }

    /// Creates records once each, under their external ids: in one transaction, or, for external ids that are there,
    /// does nothing and answers their ids. All have the same columns.
    pub fn create_once(&self, kind: Kind, columns: &[String], records: &[New]) -> (Call, Rows) {
        let lines = records.iter().any(|record| !record.attributes.is_empty());
        let mut header = vec!["id".to_owned()];
        header.extend(columns.iter().cloned());
        if lines {
            header.extend(["attribute_line_ids/attribute_id/.id", "attribute_line_ids/value_ids/.id"].map(str::to_owned));
        }
        let (mut rows, mut firsts) = (Vec::new(), Vec::new());
        for record in records {
            firsts.push(rows.len());
            let mut attributes = record.attributes.iter().map(|(attribute, values)| (attribute.to_string(), joined(values)));
            let mut head = vec![record.external_id.clone()];
            head.extend(record.cells.iter().cloned());
            if lines {
                let (attribute, values) = attributes.next().unwrap_or_default();
                head.extend([attribute, values]);
            }
            rows.push(head);
            for (attribute, values) in attributes {
                let mut row = vec![String::new(); columns.len() + 1];
                row.extend([attribute, values]);
                rows.push(row);
            }
        }
        let total = rows.len();
        let call = self.load(kind.model(), &header, &rows).context("mode", json!("update")).context("noupdate", json!(true));
        (call, Rows::new(firsts, total))
    }

    /// Writes the same columns of records that are there, all in one transaction. Sent again it changes nothing.
    pub fn update(&self, model: &'static str, columns: &[String], records: &[(i64, Vec<String>)]) -> (Call, Rows) {
        let mut header = vec![".id".to_owned()];
        header.extend(columns.iter().cloned());
        let rows: Vec<Vec<String>> =
            records.iter().map(|(id, cells)| std::iter::once(id.to_string()).chain(cells.iter().cloned()).collect()).collect();
        let total = rows.len();
        (self.load(model, &header, &rows).context("mode", json!("init")), Rows::new((0..total).collect(), total))
    }

    /// Gives a product one more attribute with its values, once.
    pub fn create_line(&self, product_external_id: &str, product: i64, attribute: i64, values: &BTreeSet<i64>) -> (Call, Rows) {
        let header = ["id", "product_tmpl_id/.id", "attribute_id/.id", "value_ids/.id"].map(str::to_owned);
        let row = vec![format!("{product_external_id}-attribute-{attribute}"), product.to_string(), attribute.to_string(), joined(values)];
        let call = self.load("product.template.attribute.line", &header, &[row]);
        (call.context("mode", json!("update")).context("noupdate", json!(true)), Rows::new(vec![0], 1))
    }

    fn load(&self, model: &'static str, header: &[String], rows: &[Vec<String>]) -> Call {
        let call = Call::new(model, "load").arg("fields", json!(header)).arg("data", json!(rows));
        // A price or cost that changes is no reason to revalue the branch's stock or to mail anybody.
        self.apply(call)
            .context("module", json!(XMLID_MODULE))
            .context("tracking_disable", json!(true))
            .context("disable_auto_revaluation", json!(true))
            // The same up to 18.
            .context("disable_auto_svl", json!(true))
    }
}

/// A record to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct New {
    /// Without its module.
    pub external_id: String,
    /// In the order of the columns.
    pub cells: Vec<String>,
    /// Of a product: attribute = its values.
    pub attributes: BTreeMap<i64, BTreeSet<i64>>,
}

/// Ids as `load` takes them.
pub fn joined(ids: &BTreeSet<i64>) -> String {
    ids.iter().map(i64::to_string).collect::<Vec<_>>().join(",")
}

/// The column of `load` that a field is written to, at an Odoo of this shape.
fn column(shape: &Shape, kind: Kind, field: &Field) -> String {
    let name = shape.name(kind, field.name).unwrap_or(field.name);
    match field.of {
        Type::One(_) | Type::Many(_) | Type::Known(..) => format!("{name}/.id"),
        _ => name.to_owned(),
    }
}

/// A value as `load` takes it; ids are those of the Odoo that is written, and a known record is given by its id.
fn cell(shape: &Shape, kind: Kind, field: &Field, value: &Value<i64>) -> String {
    match value {
        Value::Flag(included) if field.name == "price_include" && shape.has(kind, "price_include_override") => {
            if *included { "tax_included" } else { "tax_excluded" }.to_owned()
        }
        Value::Nothing if field.of == Type::Flag => "0".to_owned(),
        Value::Nothing => String::new(),
        Value::Text(text) => text.clone(),
        Value::Flag(flag) => if *flag { "1" } else { "0" }.to_owned(),
        Value::Number(number) => number.normalize().to_string(),
        Value::One(id) => id.to_string(),
        Value::Many(ids) => joined(ids),
    }
}

#[cfg(test)]
mod tests;
