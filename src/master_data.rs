//! A record of central against a branch's: what would change there, field by field. Pure.
//!
//! A record carries the ids of its own side. What is wanted at a branch names [`Target`]s: records that the branch has,
//! and records that come with the same sending. One [`Item`] says all that is to happen to one record; the same item is
//! shown as the preview, kept in the queue, carried out, and told in the log.

mod fields;
mod item;
pub mod matching;
mod note;

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

pub use fields::{Field, Type, fields};
pub use item::{Action, FieldChange, Item};
pub use note::Note;

use crate::model::{BranchId, CentralId, Kind};

/// Stands for the model of an id whose kind is known beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MasterData {}

/// The id of a record at central.
pub type CentralKey = CentralId<MasterData>;

/// The id of a record at a branch.
pub type BranchKey = BranchId<MasterData>;

/// The id of a record of one side.
pub trait Key: Copy + Ord + std::hash::Hash {
    /// From the number in its database.
    fn of(id: i64) -> Self;
    /// The number in its database.
    fn number(self) -> i64;
}

impl Key for CentralKey {
    fn of(id: i64) -> Self {
        Self::new(id)
    }
    fn number(self) -> i64 {
        self.get()
    }
}

impl Key for BranchKey {
    fn of(id: i64) -> Self {
        Self::new(id)
    }
    fn number(self) -> i64 {
        self.get()
    }
}

/// The values of an attribute that a product comes in, of all its attributes together. No column of its own.
pub const ATTRIBUTES: &str = "attribute_line_ids";

/// The product that a variant or an extra price belongs to.
pub const TEMPLATE: &str = "product_tmpl_id";

/// The attribute values that make a variant, or that an extra price is for.
pub const COMBINATION: &str = "combination";

/// The variants of a product, archived ones too.
pub const VARIANTS: &str = "product_variant_ids";

/// Who decides about a field that the branch has changed since the last sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Conflict {
    /// Central's value is written, and the log says what was overwritten.
    #[default]
    Central,
    /// The branch keeps its value.
    Branch,
    /// A person decides.
    Ask,
}

/// The value of a field, with ids of one side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value<Id: Ord> {
    /// No value.
    Nothing,
    /// Text, a technical word, a time, the checksum of an image, the natural key of a known record.
    Text(String),
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(Decimal),
    /// Another record.
    One(Id),
    /// Others.
    Many(BTreeSet<Id>),
}

impl<Id: Ord + Copy> Value<Id> {
    /// The records that it names.
    pub fn ids(&self) -> Vec<Id> {
        match self {
            Value::One(id) => vec![*id],
            Value::Many(ids) => ids.iter().copied().collect(),
            _ => Vec::new(),
        }
    }

    /// The same value with other ids.
    pub fn map<Other: Ord>(&self, mut to: impl FnMut(Id) -> Other) -> Value<Other> {
        match self {
            Value::Nothing => Value::Nothing,
            Value::Text(text) => Value::Text(text.clone()),
            Value::Flag(flag) => Value::Flag(*flag),
            Value::Number(number) => Value::Number(*number),
            Value::One(id) => Value::One(to(*id)),
            Value::Many(ids) => Value::Many(ids.iter().map(|id| to(*id)).collect()),
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// As people read it; `name` gives the names of records.
    pub fn show(&self, name: impl Fn(Id) -> String) -> String {
        match self {
            Value::Nothing => "nothing".to_owned(),
            Value::Text(text) => text.clone(),
            Value::Flag(true) => "yes".to_owned(),
            Value::Flag(false) => "no".to_owned(),
            Value::Number(number) => number.normalize().to_string(),
            Value::One(id) => name(*id),
            Value::Many(ids) if ids.is_empty() => "nothing".to_owned(),
            Value::Many(ids) => {
                let mut names: Vec<String> = ids.iter().map(|id| name(*id)).collect();
                names.sort();
                names.join(", ")
            }
        }
    }
}

/// A record of one side.
#[derive(Debug, Clone, PartialEq)]
pub struct Record<Id: Ord> {
    /// What it is.
    pub kind: Kind,
    /// Its id there.
    pub id: Id,
    /// What people call it, e.g. `[PB-001] Article 1`.
    pub name: String,
    /// Its fields by Odoo's names, and what stands in no column ([`ATTRIBUTES`], [`TEMPLATE`], …).
    pub values: BTreeMap<String, Value<Id>>,
    /// When it was made, as Odoo writes times.
    pub create_date: String,
    /// When it last changed, as Odoo writes times.
    pub write_date: String,
}

impl<Id: Ord + Copy> Record<Id> {
    /// A value; what is not there is nothing.
    pub fn value(&self, field: &str) -> &Value<Id> {
        self.values.get(field).unwrap_or(&Value::Nothing)
    }

    /// A text, if the field holds one.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.value(field).text()
    }

    /// The record that a field names, if it is one.
    pub fn one(&self, field: &str) -> Option<Id> {
        match self.value(field) {
            Value::One(id) => Some(*id),
            _ => None,
        }
    }

    /// Archived.
    pub fn archived(&self) -> bool {
        *self.value("active") == Value::Flag(false)
    }

    /// Whether a field says something about this record, or only about others of its kind.
    pub fn speaks(&self, field: &str) -> bool {
        match (self.kind, field) {
            // Of a product with attributes each variant has its own.
            (Kind::Product, "barcode" | "default_code" | "standard_price" | "weight") => self.value(ATTRIBUTES).ids().is_empty(),
            // A contact has its company's; writing them at the contact would write them at the company.
            (Kind::Customer, "vat") => self.one("parent_id").is_none(),
            (Kind::Customer, "street" | "street2" | "zip" | "city" | "state_id" | "country_id") => {
                self.one("parent_id").is_none() || self.text("type") != Some("contact")
            }
            _ => true,
        }
    }
}

/// A record at the branch, there already or to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The branch has it.
    There(BranchKey),
    /// It is sent before this one.
    New(Kind, CentralKey),
}

/// The external id under which a record is created at a branch, without its module. The time of creation tells it from
/// the record of the same number in another central, should central ever be set up anew.
pub fn external_id(record: &Record<CentralKey>) -> String {
    let made: String = record.create_date.chars().filter(char::is_ascii_digit).collect();
    format!("{}-{}-{made}", record.kind.model().replace('.', "_"), record.id)
}

/// What is remembered of a value after a sending: enough to see that somebody changed it.
pub fn fingerprint(value: &Value<BranchKey>) -> u32 {
    use sha2::{Digest as _, Sha256};
    // The text of our own value has string keys and finite numbers only, so it cannot fail.
    let text = match value {
        Value::Number(number) => number.normalize().to_string(),
        other => serde_json::to_string(other).unwrap_or_default(),
    };
    let digest = Sha256::digest(text.as_bytes());
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}

/// The fingerprints of a record's values after a sending, by field; of a picture also that of central's, under
/// [`picture_at_central`].
pub type Baseline = BTreeMap<String, u32>;

/// Where a baseline keeps the fingerprint of central's picture.
pub fn picture_at_central(field: &str) -> String {
    format!("{field} at central")
}

/// What a comparison needs to know besides the two records.
pub struct Comparison<'a> {
    /// The fields to compare: those that both sides have and the settings send.
    pub fields: &'a [Field],
    /// Decimals that the branch keeps, by field.
    pub digits: &'a BTreeMap<String, u32>,
    /// The branch's record of a record of central.
    pub bound: &'a dyn Fn(Kind, CentralKey) -> Option<BranchKey>,
    /// The name of a record of central.
    pub central_name: &'a dyn Fn(Kind, CentralKey) -> String,
    /// The name of a record of the branch.
    pub branch_name: &'a dyn Fn(Kind, BranchKey) -> String,
    /// What the branch had after the last sending.
    pub baseline: Option<&'a Baseline>,
    /// Who decides where the branch has changed something since.
    pub conflict: Conflict,
}

/// What differs between a record of central and the branch's.
#[derive(Debug, Default, PartialEq)]
pub struct Differences {
    /// To be written.
    pub changes: Vec<FieldChange>,
    /// The branch's edits about which a person has to decide.
    pub asked: Vec<FieldChange>,
}

impl Comparison<'_> {
    /// Compares; without a record of the branch everything is new.
    pub fn differences(&self, central: &Record<CentralKey>, branch: Option<&Record<BranchKey>>) -> Differences {
        let mut found = Differences::default();
        for field in self.fields.iter().filter(|field| central.speaks(field.name)) {
            let Some(change) = self.change(field, central, branch) else { continue };
            match (change.overwrites, self.conflict) {
                (true, Conflict::Branch) => {}
                (true, Conflict::Ask) => found.asked.push(change),
                _ => found.changes.push(change),
            }
        }
        found
    }

    fn change(&self, field: &Field, central: &Record<CentralKey>, branch: Option<&Record<BranchKey>>) -> Option<FieldChange> {
        let after = self.wanted(field, central.value(field.name));
        let before = branch.map(|record| record.value(field.name));
        match before {
            Some(before) if same(before, &after) => return None,
            Some(before) if field.of == Type::Image && self.redrawn(field.name, before, central.value(field.name)) => return None,
            // Nothing is what a new record has anyway, but for what Odoo would fill in by itself.
            None if after == Value::Nothing && !matches!(field.of, Type::Many(_)) => return None,
            _ => {}
        }
        let kind = match field.of {
            Type::One(kind) | Type::Many(kind) => kind,
            _ => central.kind,
        };
        let show_before = |value: &Value<BranchKey>| shown(field, value.show(|id| (self.branch_name)(kind, id)));
        let after_text = central.value(field.name).show(|id| (self.central_name)(kind, id));
        let edited = |before: &Value<BranchKey>| match self.baseline.and_then(|baseline| baseline.get(field.name)) {
            Some(print) => *print != fingerprint(before),
            // Never sent: what it has is the branch's own, which matters only where the branch has a say.
            None => self.conflict != Conflict::Central,
        };
        let after_text = match &after {
            Value::Number(_) => after.show(|_| String::new()),
            _ => after_text,
        };
        Some(FieldChange {
            field: field.name.to_owned(),
            label: field.label.to_owned(),
            from: before.map(show_before),
            to: shown(field, after_text),
            overwrites: before.is_some_and(edited),
            before: before.cloned(),
            after,
        })
    }

    /// Whether the branch's picture is what its Odoo made of the one that was sent: a large one is drawn anew, and its
    /// checksum is another.
    fn redrawn(&self, field: &str, before: &Value<BranchKey>, central: &Value<CentralKey>) -> bool {
        let print = |name: &str| self.baseline.and_then(|baseline| baseline.get(name)).copied();
        let central = central.map(|_| BranchKey::new(0));
        print(field) == Some(fingerprint(before)) && print(&picture_at_central(field)) == Some(fingerprint(&central))
    }

    /// A value of central as the branch would hold it.
    pub fn wanted(&self, field: &Field, value: &Value<CentralKey>) -> Value<Target> {
        let kind = match field.of {
            Type::One(kind) | Type::Many(kind) => kind,
            _ => return self.rounded(field, value),
        };
        value.map(|id| (self.bound)(kind, id).map_or(Target::New(kind, id), Target::There))
    }

    fn rounded(&self, field: &Field, value: &Value<CentralKey>) -> Value<Target> {
        match (value, self.digits.get(field.name)) {
            (Value::Number(number), Some(digits)) => {
                Value::Number(number.round_dp_with_strategy(*digits, RoundingStrategy::MidpointAwayFromZero))
            }
            // What holds no record keeps no id.
            (Value::One(_) | Value::Many(_), _) => Value::Nothing,
            (value, _) => value.map(|_| Target::There(BranchKey::new(0))),
        }
    }
}

/// Longest text of a value in a preview, in characters: a description is told apart by its beginning.
const SHOWN: usize = 80;

/// Fields that hold money: people expect its decimals.
const MONEY: &[&str] = &["list_price", "standard_price", "price_extra", "fixed_price", "price_surcharge"];

/// Checksums say nothing to people.
fn shown(field: &Field, text: String) -> String {
    match (field.of, text.as_str()) {
        (Type::Number, number) if MONEY.contains(&field.name) => match number.parse::<Decimal>() {
            Ok(mut amount) if amount.scale() < 2 => {
                amount.rescale(2);
                amount.to_string()
            }
            _ => text,
        },
        (Type::Image, "nothing") => text,
        // Where only its size is known, that is told.
        (Type::Image, size) if size.contains(", ") => format!("image of {}", size.split(", ").next().unwrap_or(size)),
        (Type::Image, checksum) => format!("image {}", checksum.chars().take(8).collect::<String>()),
        _ if text.chars().count() > SHOWN => text.chars().take(SHOWN).chain(std::iter::once('…')).collect(),
        _ => text,
    }
}

/// Whether the branch has what is wanted there. Odoo shows an empty text and no text alike, and a flag that was never
/// set as one that says no.
pub fn same(before: &Value<BranchKey>, after: &Value<Target>) -> bool {
    match (before, after) {
        (Value::Nothing | Value::Flag(false), Value::Nothing | Value::Flag(false)) => true,
        (Value::Nothing, Value::Many(ids)) => ids.is_empty(),
        (Value::Many(ids), Value::Nothing) => ids.is_empty(),
        (Value::Nothing, Value::Number(number)) | (Value::Number(number), Value::Nothing) => number.is_zero(),
        (before, after) => before.map(Target::There) == *after,
    }
}

/// The records of central that a record cannot be without at a branch.
pub fn needs(record: &Record<CentralKey>, sent: &[Field]) -> BTreeSet<(Kind, CentralKey)> {
    let mut needs = BTreeSet::new();
    for field in sent.iter().filter(|field| record.speaks(field.name)) {
        if let Type::One(kind) | Type::Many(kind) = field.of {
            needs.extend(record.value(field.name).ids().into_iter().map(|id| (kind, id)));
        }
    }
    let apart = [(ATTRIBUTES, Kind::AttributeValue), (COMBINATION, Kind::AttributeValue), (TEMPLATE, Kind::Product)];
    for (field, kind) in apart.into_iter().filter(|(field, _)| record.kind != Kind::PricelistItem || *field != TEMPLATE) {
        needs.extend(record.value(field).ids().into_iter().map(|id| (kind, id)));
    }
    needs.remove(&(record.kind, record.id));
    needs
}

#[cfg(test)]
mod tests;
