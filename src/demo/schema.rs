//! The models that the stand-in serves: fields with types and labels, default orders, access rows.
//!
//! The list itself is `schema.txt`, taken from a running Odoo 19.0, and `versions.txt` says how older ones differ; this
//! module only reads them. Within the stand-in a field is called by its name in 19, whichever version is played.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use super::version::Version;

/// Which Odoo a database plays: decides which models and which access rows exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The head office: sales orders, no point of sale.
    Central,
    /// A shop: point of sale, no sales orders.
    Branch,
}

/// The type of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// `boolean`
    Boolean,
    /// `integer`
    Integer,
    /// `float`, with the digits it is stored with; `None` keeps all.
    Float(Option<u32>),
    /// `monetary`, rounded to the currency's digits.
    Monetary,
    /// `char`, `text`, `html`, `binary`, `json` and the rest that travel as text.
    Text,
    /// `date`
    Date,
    /// `datetime`
    Datetime,
    /// `selection` with its keys and labels.
    Selection(Vec<(String, String)>),
    /// `many2one` to a model.
    Many2one(String),
    /// `one2many` to a model, over its many2one.
    One2many(String, String),
    /// `many2many` to a model.
    Many2many(String),
}

/// One field of a model.
#[derive(Debug, Clone)]
pub struct Field {
    /// Technical name.
    pub name: String,
    /// The name of the same field in Odoo 19.
    pub canonical: String,
    /// Label in English.
    pub label: String,
    /// Odoo's name of the type, as `fields_get` gives it.
    pub type_name: String,
    /// The type.
    pub kind: Kind,
    /// Whether a record cannot be without it.
    pub required: bool,
    /// Whether the form shows it read-only.
    pub readonly: bool,
    /// Whether it is a column.
    pub store: bool,
    /// The optional module that brings the field: `h` employees, `y` loyalty.
    pub module: Option<char>,
    /// Whether each language has a value of its own.
    pub translate: bool,
    /// Whether a product only passes its template's field on.
    pub delegated: bool,
    /// Whether a template only passes the field of its one variant on.
    pub of_variant: bool,
}

/// One model.
#[derive(Debug)]
pub struct Model {
    /// Technical name.
    pub name: String,
    /// Description, used in access messages.
    pub label: String,
    /// Where it is installed.
    sides: String,
    /// Default order.
    pub order: String,
    /// The field that names a record.
    pub rec_name: String,
    /// Fields, the column number being the position.
    pub fields: Vec<Field>,
    by_name: HashMap<String, usize>,
    /// Access rows: group and the operations it grants, of `r w c u`.
    pub access: Vec<(String, String)>,
}

impl Model {
    /// The column number of a field, by its name here or by that in 19.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The field of a name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.column(name).map(|column| &self.fields[column])
    }

    /// Whether a client sees a field of this name.
    pub fn shows(&self, name: &str) -> bool {
        self.column(name).is_some_and(|column| self.fields[column].name == name)
    }

    /// Whether the model exists on a side.
    pub fn installed(&self, side: Side) -> bool {
        self.sides.contains(match side {
            Side::Central => 'C',
            Side::Branch => 'B',
        })
    }
}

/// All models of a version by name.
pub fn models_of(version: Version) -> &'static BTreeMap<String, Model> {
    static MODELS: [OnceLock<BTreeMap<String, Model>>; Version::ALL.len()] = [const { OnceLock::new() }; Version::ALL.len()];
    MODELS[version as usize].get_or_init(|| {
        let mut models = read(include_str!("schema.txt"));
        differ(&mut models, version, include_str!("versions.txt"));
        models
    })
}

/// One model of a version by name.
pub fn model_of(version: Version, name: &str) -> Option<&'static Model> {
    models_of(version).get(name)
}

/// One model of Odoo 19 by name.
pub fn model(name: &str) -> Option<&'static Model> {
    model_of(Version::V19, name)
}

/// Applies what `versions.txt` says of a version.
fn differ(models: &mut BTreeMap<String, Model>, version: Version, text: &str) {
    let mut current = String::new();
    let mut only_older: Vec<(String, Model)> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(header) = line.strip_prefix('@') {
            let parts: Vec<&str> = header.split('|').collect();
            current = parts.first().copied().unwrap_or_default().to_owned();
            if let [name, label, sides, order, rec_name] = parts[..] {
                only_older.push((current.clone(), new_model(name, label, sides, order, rec_name)));
            }
            continue;
        }
        let Some((range, what)) = line.split_once('|').filter(|(range, _)| within(range, version)) else { continue };
        debug_assert!(range.len() == 5, "{line}");
        let older = only_older.iter_mut().find(|(name, _)| *name == current).map(|(_, model)| model);
        if let Some(model) = older.or(models.get_mut(&current)) {
            change(model, what);
        }
    }
    models.extend(only_older.into_iter().filter(|(_, model)| !model.fields.is_empty()));
    for model in models.values_mut() {
        model.by_name = HashMap::new();
        for (column, field) in model.fields.iter().enumerate() {
            model.by_name.insert(field.canonical.clone(), column);
            model.by_name.insert(field.name.clone(), column);
        }
    }
}

/// `14-18`
fn within(range: &str, version: Version) -> bool {
    let bound = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
    let mut ends = range.split('-');
    let (first, last) = (bound(ends.next()), bound(ends.next()));
    first.is_some_and(|first| first <= version.major()) && last.is_some_and(|last| version.major() <= last)
}

fn change(model: &mut Model, what: &str) {
    if let Some(gone) = what.strip_prefix('-') {
        model.fields.retain(|field| field.canonical != gone);
    } else if let Some(order) = what.strip_prefix('!') {
        order.clone_into(&mut model.order);
    } else if let Some(label) = what.strip_prefix('=') {
        label.clone_into(&mut model.label);
    } else if let Some((group, operations)) = what.strip_prefix('+').and_then(|row| row.split_once('|')) {
        model.access.retain(|(known, _)| known != group);
        if !operations.is_empty() {
            model.access.push((group.to_owned(), operations.to_owned()));
        }
    } else {
        let (names, rest) = what.split_once('|').unwrap_or((what, ""));
        let (canonical, name) = names.split_once('=').unwrap_or((names, names));
        let known = model.fields.iter_mut().find(|field| field.canonical == canonical);
        match (known, read_field(&format!("{name}|{rest}"))) {
            (Some(known), Some(field)) => *known = Field { canonical: canonical.to_owned(), module: known.module, ..field },
            (Some(known), None) => name.clone_into(&mut known.name),
            (None, Some(field)) => model.fields.push(Field { canonical: canonical.to_owned(), ..field }),
            (None, None) => {}
        }
    }
}

fn read(text: &str) -> BTreeMap<String, Model> {
    let mut models: BTreeMap<String, Model> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(header) = line.strip_prefix('@') {
            let parts: Vec<&str> = header.split('|').collect();
            if let [name, label, sides, order, rec_name] = parts[..] {
                current = name.to_owned();
                models.insert(current.clone(), new_model(name, label, sides, order, rec_name));
            }
            continue;
        }
        let Some(model) = models.get_mut(&current) else { continue };
        if let Some((group, operations)) = line.strip_prefix('+').and_then(|row| row.split_once('|')) {
            model.access.push((group.to_owned(), operations.to_owned()));
        } else if let Some(field) = read_field(line) {
            model.by_name.insert(field.name.clone(), model.fields.len());
            model.fields.push(field);
        }
    }
    models
}

fn new_model(name: &str, label: &str, sides: &str, order: &str, rec_name: &str) -> Model {
    Model {
        name: name.to_owned(),
        label: label.to_owned(),
        sides: sides.to_owned(),
        order: order.to_owned(),
        rec_name: rec_name.to_owned(),
        fields: Vec::new(),
        by_name: HashMap::new(),
        access: Vec::new(),
    }
}

fn read_field(line: &str) -> Option<Field> {
    let mut parts = line.splitn(5, '|');
    let (name, type_name, extra, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let label = parts.next()?;
    Some(Field {
        name: name.to_owned(),
        canonical: name.to_owned(),
        label: label.to_owned(),
        type_name: type_name.to_owned(),
        kind: kind(type_name, extra),
        required: flags.contains('r'),
        readonly: flags.contains('o'),
        store: !flags.contains('n'),
        module: flags.chars().find(|flag| matches!(flag, 'h' | 'y')),
        translate: flags.contains('t'),
        delegated: flags.contains('d'),
        of_variant: flags.contains('v'),
    })
}

fn kind(type_name: &str, extra: &str) -> Kind {
    match type_name {
        "boolean" => Kind::Boolean,
        "integer" | "many2one_reference" => Kind::Integer,
        "float" => Kind::Float(extra.split_once(',').and_then(|(_, digits)| digits.parse().ok())),
        "monetary" => Kind::Monetary,
        "date" => Kind::Date,
        "datetime" => Kind::Datetime,
        "many2one" => Kind::Many2one(extra.to_owned()),
        "many2many" => Kind::Many2many(extra.to_owned()),
        "one2many" => {
            let (model, inverse) = extra.split_once(':').unwrap_or((extra, ""));
            Kind::One2many(model.to_owned(), inverse.to_owned())
        }
        "selection" => Kind::Selection(
            extra.split(',').filter_map(|pair| pair.split_once('=')).map(|(key, label)| (key.to_owned(), label.to_owned())).collect(),
        ),
        _ => Kind::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_of_the_bridge_is_known_with_its_types() {
        let order = model("sale.order").expect("installed");
        assert!(order.installed(Side::Central) && !order.installed(Side::Branch));
        assert_eq!(order.field("partner_id").map(|f| f.kind.clone()), Some(Kind::Many2one("res.partner".into())));
        let line = model("sale.order.line").expect("installed");
        assert_eq!(line.field("discount").map(|f| f.kind.clone()), Some(Kind::Float(Some(2))));
        assert_eq!(line.field("price_unit").map(|f| f.kind.clone()), Some(Kind::Float(None)));
        let lines = model("pos.order").and_then(|m| m.field("lines")).map(|f| f.kind.clone());
        assert_eq!(lines, Some(Kind::One2many("pos.order.line".into(), "order_id".into())));
    }
}
