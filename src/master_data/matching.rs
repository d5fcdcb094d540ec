//! Which record of a branch a record of central is, by what people tell such records apart by. Never a guess: several
//! that fit are a problem that names them.

use std::collections::{BTreeSet, HashMap};

use super::{ATTRIBUTES, BranchKey, COMBINATION, CentralKey, Record, TEMPLATE, Value};
use crate::model::Kind;

/// Deepest tree of categories or contacts that is followed: Odoo forbids circles, a broken database may have one.
pub const DEPTH: usize = 32;

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// This one.
    One(BranchKey),
    /// Nothing.
    None,
    /// The barcode is on a product there that has another Internal Reference.
    Taken {
        /// The barcode.
        barcode: String,
        /// What that product is called, with its id.
        by: String,
    },
    /// More than one.
    Several {
        /// The field that they have in common, for people.
        by: String,
        /// Its value.
        value: String,
        /// What they are called, with their ids.
        matches: Vec<String>,
    },
}

/// The records of a branch that could be central's, of one kind.
pub struct Index<'r> {
    kind: Kind,
    records: Vec<&'r Record<BranchKey>>,
    by_text: HashMap<(&'static str, String), Vec<usize>>,
    /// By the product, pricelist or company that they belong to.
    by_owner: HashMap<BranchKey, Vec<usize>>,
}

/// The field that names what a record of a kind belongs to.
fn owner(kind: Kind) -> &'static str {
    match kind {
        Kind::Variant | Kind::ExtraPrice => TEMPLATE,
        Kind::PricelistItem => "pricelist_id",
        _ => "parent_id",
    }
}

/// The fields that a kind is found by, each before the next, with their labels.
fn keys(kind: Kind) -> &'static [(&'static str, &'static str)] {
    match kind {
        Kind::Product => &[("barcode", "barcode"), ("default_code", "Internal Reference")],
        Kind::Customer => &[("vat", "VAT number"), ("ref", "reference"), ("email", "e-mail")],
        _ => &[("name", "name")],
    }
}

/// People write e-mail addresses and VAT numbers both ways.
fn normal(field: &str, text: &str) -> String {
    match field {
        "email" => text.trim().to_lowercase(),
        "vat" => text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_uppercase(),
        _ => text.trim().to_owned(),
    }
}

impl<'r> Index<'r> {
    /// Over candidates, in whatever order: what is found and how it is told is the same each time.
    pub fn new(kind: Kind, mut records: Vec<&'r Record<BranchKey>>) -> Self {
        records.sort_by_key(|record| record.id);
        let mut by_text: HashMap<(&'static str, String), Vec<usize>> = HashMap::new();
        let mut by_owner: HashMap<BranchKey, Vec<usize>> = HashMap::new();
        for (place, record) in records.iter().enumerate() {
            for (field, _) in keys(kind) {
                if let Some(text) = record.text(field) {
                    by_text.entry((field, normal(field, text))).or_default().push(place);
                }
            }
            if let Some(owner) = record.one(owner(kind)) {
                by_owner.entry(owner).or_default().push(place);
            }
        }
        Self { kind, records, by_text, by_owner }
    }

    fn owned(&self, by: BranchKey) -> impl Iterator<Item = &'r Record<BranchKey>> {
        self.by_owner.get(&by).into_iter().flatten().map(|place| self.records[*place])
    }

    /// The branch's record of a record of central. `bound` says what is known of the records that it names; `other_names` are
    /// names that the settings give it.
    pub fn find(&self, central: &Record<CentralKey>, bound: &dyn Fn(Kind, CentralKey) -> Option<BranchKey>, other_names: &[&str]) -> Found {
        match self.kind {
            Kind::Variant | Kind::ExtraPrice => self.by_combination(central, bound),
            Kind::PricelistItem => self.by_rule(central, bound),
            Kind::Product => self.product(central),
            Kind::Customer => self.customer(central, bound),
            _ => self.by_name(central, bound, other_names),
        }
    }

    fn having(&self, field: &'static str, text: &str) -> Vec<&'r Record<BranchKey>> {
        let places = self.by_text.get(&(field, normal(field, text)));
        let found: Vec<_> = places.into_iter().flatten().map(|place| self.records[*place]).collect();
        // An archived one only where no other has the same key.
        let active: Vec<_> = found.iter().copied().filter(|record| !record.archived()).collect();
        if active.is_empty() { found } else { active }
    }

    fn product(&self, central: &Record<CentralKey>) -> Found {
        let mut by_key = Vec::new();
        for (field, label) in keys(Kind::Product) {
            let Some(text) = central.text(field) else { continue };
            let found = self.having(field, text);
            match found.as_slice() {
                [] => {}
                [one] => by_key.push((*label, text, *one)),
                several => return several_of(several, label, text),
            }
        }
        match by_key.as_slice() {
            [] => Found::None,
            // Its barcode is one product there and its reference another: nobody can know which is meant.
            [(_, _, one), (label, text, other)] if one.id != other.id => several_of(&[one, other], label, text),
            // A barcode alone does not make a product another one that goes by another reference.
            [(_, barcode, one)]
                if central.text("barcode") == Some(barcode) && differ(central.text("default_code"), one.text("default_code")) =>
            {
                Found::Taken { barcode: (*barcode).to_owned(), by: called(one) }
            }
            [(_, _, one), ..] => Found::One(one.id),
        }
    }

    fn customer(&self, central: &Record<CentralKey>, bound: &dyn Fn(Kind, CentralKey) -> Option<BranchKey>) -> Found {
        let parent = central.one("parent_id");
        let theirs = parent.map(|parent| bound(Kind::Customer, parent));
        // A contact is one of its own company's; of a company that the branch does not have yet there is none.
        let belongs = |record: &&Record<BranchKey>| match theirs {
            None => true,
            Some(parent) => parent.is_some() && record.one("parent_id") == parent,
        };
        for (field, label) in keys(Kind::Customer) {
            let Some(text) = central.text(field).filter(|_| central.speaks(field)) else { continue };
            let found: Vec<_> = self.having(field, text).into_iter().filter(belongs).collect();
            let narrowed = narrow(found, central);
            match narrowed.as_slice() {
                [] => {}
                [one] => return Found::One(one.id),
                several => return several_of(several, label, text),
            }
        }
        // Contacts often have nothing but a name.
        let Some(Some(parent)) = theirs else { return Found::None };
        let same = |record: &&Record<BranchKey>| record.text("name") == central.text("name") && record.text("type") == central.text("type");
        let found: Vec<_> = self.owned(parent).filter(same).collect();
        one_or_several(&found, "name", central.text("name").unwrap_or_default())
    }

    fn by_name(&self, central: &Record<CentralKey>, bound: &dyn Fn(Kind, CentralKey) -> Option<BranchKey>, other_names: &[&str]) -> Found {
        let Some(name) = central.text("name") else { return Found::None };
        // What the settings say comes before what the names say.
        for other in other_names {
            let found = self.having("name", other);
            if !found.is_empty() {
                return one_or_several(&found, "name", other);
            }
        }
        let within = match self.kind {
            Kind::PosCategory | Kind::ProductCategory => Some(("parent_id", self.kind)),
            Kind::AttributeValue => Some(("attribute_id", Kind::Attribute)),
            _ => None,
        };
        let theirs = match within.map(|(field, kind)| (field, central.one(field).map(|id| bound(kind, id)))) {
            // Its parent is new there, so it is as well.
            Some((_, Some(None))) => return Found::None,
            Some((field, parent)) => Some((field, parent.flatten())),
            None => None,
        };
        let fits = |record: &&Record<BranchKey>| {
            let placed = theirs.is_none_or(|(field, parent)| record.one(field) == parent);
            let alike = match self.kind {
                Kind::Tax => ["amount", "amount_type", "type_tax_use", "price_include"]
                    .iter()
                    .all(|field| plain(record, field) == plain(central, field)),
                Kind::Pricelist => plain(record, "currency_id") == plain(central, "currency_id"),
                _ => true,
            };
            placed && alike
        };
        let found: Vec<_> = self.having("name", name).into_iter().filter(fits).collect();
        one_or_several(&found, "name", name)
    }

    fn by_combination(&self, central: &Record<CentralKey>, bound: &dyn Fn(Kind, CentralKey) -> Option<BranchKey>) -> Found {
        let product = central.one(TEMPLATE).and_then(|product| bound(Kind::Product, product));
        let values: Option<BTreeSet<BranchKey>> =
            central.value(COMBINATION).ids().into_iter().map(|value| bound(Kind::AttributeValue, value)).collect();
        let (Some(product), Some(values)) = (product, values) else { return Found::None };
        let same = |record: &&Record<BranchKey>| record.value(COMBINATION).ids().into_iter().collect::<BTreeSet<_>>() == values;
        let found: Vec<_> = self.owned(product).filter(same).collect();
        // Of a combination that was archived and made again there are two; the active one is it.
        let active: Vec<_> = found.iter().copied().filter(|record| !record.archived()).collect();
        let found = if active.is_empty() { found } else { active };
        one_or_several(&found, "attribute values", &central.name)
    }

    /// A price rule has no name: it is the one for the same thing, quantity and time.
    fn by_rule(&self, central: &Record<CentralKey>, bound: &dyn Fn(Kind, CentralKey) -> Option<BranchKey>) -> Found {
        let places = [
            ("pricelist_id", Kind::Pricelist),
            ("categ_id", Kind::ProductCategory),
            ("product_tmpl_id", Kind::Product),
            ("product_id", Kind::Variant),
        ];
        let mut wanted = Vec::new();
        for (field, kind) in places {
            let theirs = central.one(field).map(|id| bound(kind, id));
            match theirs {
                Some(None) => return Found::None,
                Some(theirs) => wanted.push((field, theirs)),
                None => wanted.push((field, None)),
            }
        }
        let Some(list) = central.one("pricelist_id").and_then(|list| bound(Kind::Pricelist, list)) else { return Found::None };
        let same = |record: &&Record<BranchKey>| {
            wanted.iter().all(|(field, theirs)| record.one(field) == *theirs)
                && ["applied_on", "min_quantity", "date_start", "date_end"]
                    .iter()
                    .all(|field| plain(record, field) == plain(central, field))
        };
        let found: Vec<_> = self.owned(list).filter(same).collect();
        one_or_several(&found, "product, quantity and dates", &central.name)
    }
}

fn differ(a: Option<&str>, b: Option<&str>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a.trim() != b.trim())
}

fn called(record: &Record<BranchKey>) -> String {
    format!("{} (id {})", record.name, record.id)
}

/// A value that names no record, for comparing sides; nothing and zero and no are alike.
fn plain<Id: Ord + Copy>(record: &Record<Id>, field: &str) -> String {
    match record.value(field) {
        Value::Text(text) => text.clone(),
        Value::Number(number) if !number.is_zero() => number.normalize().to_string(),
        Value::Flag(true) => "yes".to_owned(),
        _ => String::new(),
    }
}

/// Of several customers with one key the one with the same name, else the one that is nobody's contact.
fn narrow<'r>(found: Vec<&'r Record<BranchKey>>, central: &Record<CentralKey>) -> Vec<&'r Record<BranchKey>> {
    if found.len() < 2 {
        return found;
    }
    let named: Vec<_> = found.iter().copied().filter(|record| record.text("name") == central.text("name")).collect();
    if named.len() == 1 {
        return named;
    }
    let own: Vec<_> = found.iter().copied().filter(|record| record.one("parent_id").is_none()).collect();
    if own.len() == 1 && central.one("parent_id").is_none() { own } else { found }
}

/// What candidates come to.
pub fn one_or_several(found: &[&Record<BranchKey>], by: &str, value: &str) -> Found {
    match found {
        [] => Found::None,
        [one] => Found::One(one.id),
        several => several_of(several, by, value),
    }
}

fn several_of(found: &[&Record<BranchKey>], by: &str, value: &str) -> Found {
    let matches = found.iter().map(|record| called(record)).collect();
    Found::Several { by: by.to_owned(), value: value.to_owned(), matches }
}

/// Attribute values that the branch's product comes in and central's does not, and the other way round: names for people
/// come from `name`.
pub fn only_at_branch(
    central: &Record<CentralKey>,
    branch: &Record<BranchKey>,
    bound: &dyn Fn(Kind, CentralKey) -> Option<BranchKey>,
) -> Vec<BranchKey> {
    let ours: BTreeSet<BranchKey> =
        central.value(ATTRIBUTES).ids().into_iter().filter_map(|value| bound(Kind::AttributeValue, value)).collect();
    branch.value(ATTRIBUTES).ids().into_iter().filter(|value| !ours.contains(value)).collect()
}

#[cfg(test)]
mod tests;
