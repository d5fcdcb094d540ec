//! The tables of a database, its external ids and the journal that undoes a call.
//!
//! Rows are sparse: only what is set is kept, so that 100,000 orders fit in memory. Every many2one is indexed, which
//! makes a one2many and `order_id in` a look-up. A call that fails is undone by the journal; nothing else is.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::schema::{Kind, Model, Side, model_of};
use super::time::Clock;
use super::version::Version;
use super::wire::Value;

/// A row: columns that are set, sorted by column number.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row(Vec<(u16, Value)>);

impl Row {
    /// The value of a column; what is not set is `false`.
    pub fn get(&self, column: usize) -> &Value {
        match self.0.binary_search_by_key(&(column as u16), |(c, _)| *c) {
            Ok(at) => &self.0[at].1,
            Err(_) => &Value::FALSE,
        }
    }

    /// Sets a column; `false` takes it out.
    pub fn set(&mut self, column: usize, value: Value) {
        let column = column as u16;
        match (self.0.binary_search_by_key(&column, |(c, _)| *c), value == Value::FALSE) {
            (Ok(at), true) => {
                self.0.remove(at);
            }
            (Ok(at), false) => self.0[at].1 = value,
            (Err(_), true) => {}
            (Err(at), false) => self.0.insert(at, (column, value)),
        }
    }

    /// The columns that are set.
    pub fn cells(&self) -> impl Iterator<Item = (usize, &Value)> {
        self.0.iter().map(|(column, value)| (*column as usize, value))
    }
}

/// The rows of one model.
#[derive(Debug, Clone)]
pub struct Table {
    /// The model.
    pub model: &'static Model,
    rows: BTreeMap<i64, Row>,
    /// The id that the next record gets; like PostgreSQL's sequences it never goes back.
    pub next_id: i64,
    index: HashMap<usize, HashMap<i64, BTreeSet<i64>>>,
    texts: HashMap<usize, HashMap<Arc<str>, BTreeSet<i64>>>,
}

/// Links that Odoo stores and that are computed here: they are in no row.
const COMPUTED: [(&str, &str); 5] = [
    ("res.partner", "commercial_partner_id"),
    ("product.pricelist.item", "company_id"),
    ("sale.order.line", "company_id"),
    ("sale.order.line", "order_partner_id"),
    ("sale.order.line", "salesman_id"),
];

/// Text fields that are looked up by their whole value.
const TEXTS: [&str; 4] = ["barcode", "default_code", "ref", "vat"];

impl Table {
    fn new(model: &'static Model) -> Self {
        let (mut index, mut texts) = (HashMap::new(), HashMap::new());
        for (column, field) in model.fields.iter().enumerate() {
            let name = field.canonical.as_str();
            if !field.store || field.of_variant || COMPUTED.contains(&(model.name.as_str(), name)) {
                continue;
            }
            if field.type_name == "many2one_reference"
                || matches!(field.kind, Kind::Many2one(_)) && !matches!(name, "create_uid" | "write_uid" | "currency_id")
            {
                index.insert(column, HashMap::new());
            }
            if TEXTS.contains(&name) && matches!(field.kind, Kind::Text) {
                texts.insert(column, HashMap::new());
            }
        }
        Self { model, rows: BTreeMap::new(), next_id: 1, index, texts }
    }

    /// A row.
    pub fn row(&self, id: i64) -> Option<&Row> {
        self.rows.get(&id)
    }

    /// All rows by id.
    pub fn rows(&self) -> &BTreeMap<i64, Row> {
        &self.rows
    }

    /// The ids whose many2one points to `target`; `None` when the column is not indexed.
    pub fn pointing_to(&self, column: usize, target: i64) -> Option<impl Iterator<Item = i64> + '_> {
        let index = self.index.get(&column)?;
        Some(index.get(&target).into_iter().flatten().copied())
    }

    /// The ids whose field is exactly this text; `None` when the column is not indexed.
    pub fn reading(&self, column: usize, text: &str) -> Option<impl Iterator<Item = i64> + '_> {
        let index = self.texts.get(&column)?;
        Some(index.get(text).into_iter().flatten().copied())
    }

    fn unindex(&mut self, id: i64, row: &Row) {
        for (column, value) in row.cells() {
            if let (Some(index), Value::Str(text)) = (self.texts.get_mut(&column), value)
                && let Some(ids) = index.get_mut(text)
            {
                ids.remove(&id);
                if ids.is_empty() {
                    index.remove(text);
                }
            }
            if let (Some(index), Value::Int(target)) = (self.index.get_mut(&column), value)
                && let Some(ids) = index.get_mut(target)
            {
                ids.remove(&id);
                if ids.is_empty() {
                    index.remove(target);
                }
            }
        }
    }

    fn put(&mut self, id: i64, row: Option<Row>) -> Option<Row> {
        let old = self.rows.remove(&id);
        if let Some(old) = &old {
            self.unindex(id, old);
        }
        if let Some(row) = row {
            for (column, value) in row.cells() {
                match value {
                    Value::Int(target) => {
                        if let Some(index) = self.index.get_mut(&column) {
                            index.entry(*target).or_default().insert(id);
                        }
                    }
                    Value::Str(text) => {
                        if let Some(index) = self.texts.get_mut(&column) {
                            index.entry(Arc::clone(text)).or_default().insert(id);
                        }
                    }
                    _ => {}
                }
            }
            self.rows.insert(id, row);
        }
        old
    }
}

/// What an external id points to.
#[derive(Debug, Clone, PartialEq)]
pub struct Xid {
    /// Model name.
    pub model: &'static str,
    /// Record id.
    pub id: i64,
    /// Whether `load` in mode `update` leaves the record alone.
    pub noupdate: bool,
    /// The commit that wrote it: a call that began earlier cannot see it.
    pub commit: u64,
}

#[derive(Debug, Clone)]
enum Undo {
    Row(&'static str, i64, Option<Row>),
    Xid(String, Option<Xid>),
}

/// What the context of the running call says about reading and writing values.
#[derive(Debug, Clone, PartialEq)]
pub struct Scope {
    /// The language of translated fields.
    pub lang: String,
    /// Whether archived records are left out of x2many fields.
    pub active_test: bool,
    /// Whether an image reads as its size.
    pub bin_size: bool,
    /// A template being written, whose variants are made at its end.
    pub building: bool,
}

impl Default for Scope {
    fn default() -> Self {
        Self { lang: ENGLISH.into(), active_test: true, bin_size: false, building: false }
    }
}

/// The language that every translated field has.
pub const ENGLISH: &str = "en_US";

/// One database: tables, external ids, log-ins, clock.
#[derive(Debug, Clone)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// Whether it plays central or a branch.
    pub side: Side,
    /// The Odoo that it runs on.
    pub version: Version,
    /// Its clock.
    pub clock: Clock,
    /// Optional modules: `h` employees, `y` loyalty.
    pub modules: String,
    tables: HashMap<&'static str, Table>,
    xids: HashMap<String, Xid>,
    xids_of: HashMap<(&'static str, i64), BTreeSet<String>>,
    /// Passwords by user id.
    pub passwords: HashMap<i64, String>,
    /// API keys with the ids of their users: over XML-RPC they do where a password does, over JSON-2 nothing else does.
    pub keys: HashMap<String, i64>,
    /// Groups by user id, the implied ones included.
    pub groups: HashMap<i64, BTreeSet<String>>,
    journal: Vec<Undo>,
    /// Number of commits so far.
    pub commits: u64,
    /// Whether the last call changed anything.
    pub wrote: bool,
    /// The start of the running transaction: what `create_date` and `write_date` get.
    pub now: i64,
    /// Counters of Odoo's `ir.sequence`; like PostgreSQL's they keep their gaps.
    pub sequences: HashMap<String, i64>,
    /// External ids that a running call is about to create.
    pub claimed: BTreeSet<String>,
    /// What the context of the running call says.
    pub scope: Scope,
    /// How often a backup of it was put back.
    pub life: u32,
    /// Fields, each with its model, that this database lacks, as one of a later version may.
    pub dropped: Vec<(String, String)>,
}

impl Database {
    /// An empty database on Odoo 19.
    pub fn new(name: &str, side: Side) -> Self {
        Self::new_as(Version::V19, name, side)
    }

    /// An empty database on an Odoo of this version.
    pub fn new_as(version: Version, name: &str, side: Side) -> Self {
        let clock = Clock::default();
        Self {
            name: name.to_owned(),
            side,
            version,
            clock,
            modules: String::new(),
            tables: HashMap::new(),
            xids: HashMap::new(),
            xids_of: HashMap::new(),
            passwords: HashMap::new(),
            keys: HashMap::new(),
            groups: HashMap::new(),
            journal: Vec::new(),
            commits: 0,
            wrote: false,
            now: clock.now(),
            sequences: HashMap::new(),
            claimed: BTreeSet::new(),
            scope: Scope::default(),
            life: 0,
            dropped: Vec::new(),
        }
    }

    /// The model, when it is installed here.
    pub fn model(&self, name: &str) -> Option<&'static Model> {
        let model = model_of(self.version, name).filter(|model| model.installed(self.side))?;
        (model.name != "hr.employee" || self.modules.contains('h')).then_some(model)
    }

    /// The names of the models that have been written to.
    pub(super) fn table_names(&self) -> Vec<&'static str> {
        self.tables.keys().copied().collect()
    }

    /// Empties a table and gives it the model of another version; ids go on as they were.
    pub(super) fn remodel(&mut self, model: &'static Model) {
        let next_id = self.tables.get(model.name.as_str()).map_or(1, |table| table.next_id);
        self.tables.insert(model.name.as_str(), Table { next_id, ..Table::new(model) });
    }

    /// Whether a field exists here: some come with optional modules.
    pub fn has_column(&self, model: &Model, column: usize) -> bool {
        let field = &model.fields[column];
        let dropped = || self.dropped.iter().any(|(of, name)| *of == model.name && *name == field.name);
        field.module.is_none_or(|module| self.modules.contains(module)) && !dropped()
    }

    /// The column of a field, when it exists here under this name.
    pub fn column(&self, model: &Model, name: &str) -> Option<usize> {
        model.column(name).filter(|column| model.fields[*column].name == name && self.has_column(model, *column))
    }

    /// The table of a model, when it has been written to.
    pub fn table(&self, model: &Model) -> Option<&Table> {
        self.tables.get(model.name.as_str())
    }

    /// The table of a model, made at first use.
    pub fn table_mut(&mut self, model: &'static Model) -> &mut Table {
        self.tables.entry(model.name.as_str()).or_insert_with(|| Table::new(model))
    }

    /// A row.
    pub fn row(&self, model: &Model, id: i64) -> Option<&Row> {
        self.table(model)?.row(id)
    }

    /// A row by the model's name.
    pub fn row_of(&self, model_name: &str, id: i64) -> Option<(&'static Model, &Row)> {
        let model = self.model(model_name)?;
        Some((model, self.row(model, id)?))
    }

    /// The stored value of a field of a record, wherever it is stored; `false` when there is none.
    pub fn stored(&self, model_name: &str, id: i64, field: &str) -> Value {
        let Some((model, row)) = self.row_of(model_name, id) else { return Value::FALSE };
        let Some(column) = model.column(field) else { return Value::FALSE };
        let field = &model.fields[column];
        if field.delegated || field.of_variant || field.translate || field.readonly || !field.store {
            return self.value(model, id, row, column);
        }
        row.get(column).clone()
    }

    /// Takes the next id of a model.
    pub fn allocate(&mut self, model: &'static Model) -> i64 {
        let table = self.table_mut(model);
        table.next_id += 1;
        table.next_id - 1
    }

    /// Takes the next number of a sequence, starting at 1.
    pub fn next_number(&mut self, sequence: &str) -> i64 {
        let number = self.sequences.entry(sequence.to_owned()).or_insert(0);
        *number += 1;
        *number
    }

    /// Writes, replaces or (`None`) removes a row, remembering what was there.
    pub fn put(&mut self, model: &'static Model, id: i64, row: Option<Row>) {
        let table = self.table_mut(model);
        table.next_id = table.next_id.max(id + 1);
        let old = table.put(id, row);
        self.journal.push(Undo::Row(model.name.as_str(), id, old));
    }

    /// Binds, re-binds or (`None`) forgets an external id.
    pub fn put_xid(&mut self, name: &str, xid: Option<Xid>) {
        let old = self.swap_xid(name, xid);
        self.journal.push(Undo::Xid(name.to_owned(), old));
    }

    fn swap_xid(&mut self, name: &str, xid: Option<Xid>) -> Option<Xid> {
        let old = self.xids.remove(name);
        if let Some(old) = &old
            && let Some(names) = self.xids_of.get_mut(&(old.model, old.id))
        {
            names.remove(name);
        }
        if let Some(xid) = xid {
            self.xids_of.entry((xid.model, xid.id)).or_default().insert(name.to_owned());
            self.xids.insert(name.to_owned(), xid);
        }
        old
    }

    /// What an external id (`module.name`) points to.
    pub fn xid(&self, name: &str) -> Option<&Xid> {
        self.xids.get(name)
    }

    /// The external ids of a record.
    pub fn xids_of(&self, model: &'static str, id: i64) -> Vec<&str> {
        self.xids_of.get(&(model, id)).into_iter().flatten().map(String::as_str).collect()
    }

    /// A point to which [`Database::rollback`] can return.
    pub fn savepoint(&self) -> usize {
        self.journal.len()
    }

    /// Undoes everything since a savepoint.
    pub fn rollback(&mut self, savepoint: usize) {
        while self.journal.len() > savepoint {
            match self.journal.pop() {
                Some(Undo::Row(name, id, old)) => {
                    if let Some(table) = self.tables.get_mut(name) {
                        table.put(id, old);
                    }
                }
                Some(Undo::Xid(name, old)) => {
                    self.swap_xid(&name, old);
                }
                None => break,
            }
        }
    }

    /// Keeps everything; answers whether anything was written.
    pub fn commit(&mut self) -> bool {
        let wrote = !self.journal.is_empty();
        self.commits += 1;
        self.journal.clear();
        wrote
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollback_restores_rows_indexes_and_external_ids() {
        let mut db = Database::new("x", Side::Central);
        let model = db.model("sale.order.line").expect("installed");
        let order_id = model.column("order_id").expect("a field");
        let mut row = Row::default();
        row.set(order_id, Value::Int(7));
        db.put(model, 1, Some(row.clone()));
        db.commit();
        let savepoint = db.savepoint();
        row.set(order_id, Value::Int(8));
        db.put(model, 1, Some(row.clone()));
        db.put(model, 2, Some(row));
        db.put_xid("a.b", Some(Xid { model: &model.name, id: 2, noupdate: true, commit: 1 }));
        db.rollback(savepoint);
        let table = db.table(model).expect("written");
        let at = |order: i64| table.pointing_to(order_id, order).into_iter().flatten().collect::<Vec<_>>();
        assert_eq!((at(7), at(8)), (vec![1], vec![]));
        assert_eq!((db.xid("a.b"), table.rows().len()), (None, 1));
        assert_eq!(db.allocate(model), 3, "ids are not given twice");
    }
}
