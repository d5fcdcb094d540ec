//! The cells of `load`: which belong to one record, and what each of them means in its field.

use super::fault::Fault;
use super::load::{Options, is_empty};
use super::orm::Env;
use super::schema::{Field, Kind, Model};
use super::table::Database;
use super::time;
use super::version::Version;
use super::wire::{Value, dict};

/// A cell of a record: a plain one, or the rows below a relation.
#[derive(Debug, Clone)]
pub enum Cell {
    /// The cell as it came.
    Plain(Value),
    /// Sub-records: one for a many2one or many2many, many for a one2many.
    Linked(Vec<Record>),
}

/// The cells of one record, by field.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Fields and their cells.
    pub cells: Vec<(String, Cell)>,
    /// The cell of `id`.
    pub xid: Option<Value>,
    /// The cell of `.id`.
    pub db_id: Option<Value>,
    /// The cell of the relation itself, looked up by name.
    pub name: Option<Value>,
}

/// Why a cell does not fit; `%(field)s` stands for the labels on the way to it.
#[derive(Debug, Clone)]
pub struct Complaint {
    /// The sentence.
    pub text: String,
    /// Odoo's `moreinfo`.
    pub more: Option<Value>,
}

impl Complaint {
    /// Without `moreinfo`.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), more: None }
    }

    fn with(text: impl Into<String>, more: Value) -> Self {
        Self { text: text.into(), more: Some(more) }
    }
}

type Column<'a> = (usize, Vec<&'a str>);

/// Splits rows into records with the first and last row of each.
pub fn extract(db: &Database, model: &'static Model, fields: &Value, rows: &Value) -> Result<Vec<(Record, usize, usize)>, Fault> {
    let names: Vec<&str> = fields.as_array().unwrap_or_default().iter().filter_map(Value::as_str).collect();
    let columns: Vec<Column> = names.iter().map(|name| name.split('/').collect()).enumerate().collect();
    let rows: Vec<&[Value]> = rows.as_array().unwrap_or_default().iter().filter_map(Value::as_array).collect();
    records(db, model, &columns, &rows)
}

fn field_of<'a>(db: &Database, model: &'a Model, name: &str) -> Option<&'a Field> {
    db.column(model, name).map(|column| &model.fields[column])
}

fn records(db: &Database, model: &'static Model, columns: &[Column], rows: &[&[Value]]) -> Result<Vec<(Record, usize, usize)>, Fault> {
    for (_, path) in columns {
        let name = path.first().copied().unwrap_or_default();
        if !matches!(name, "id" | ".id" | "") && field_of(db, model, name).is_none() {
            return Err(Fault::exception(match db.version {
                Version::V18 | Version::V19 => format!("ValueError: Invalid field name '{name}'"),
                _ => format!("KeyError: '{name}'"),
            }));
        }
    }
    let is_lines = |path: &[&str]| {
        let field = path.first().and_then(|name| field_of(db, model, name));
        field.is_some_and(|field| matches!(field.kind, Kind::One2many(..)))
    };
    let any = |row: &[Value], lines: bool| -> Result<bool, Fault> {
        for (at, _) in columns.iter().filter(|(_, path)| is_lines(path) == lines) {
            if cell(row, *at)?.truthy() {
                return Ok(true);
            }
        }
        Ok(false)
    };
    let mut found = Vec::new();
    let mut at = 0;
    while at < rows.len() {
        let mut end = at + 1;
        while end < rows.len() && any(rows[end], true)? && !any(rows[end], false)? {
            end += 1;
        }
        found.push((record(db, model, columns, &rows[at..end])?, at, end - 1));
        at = end;
    }
    Ok(found)
}

fn cell(row: &[Value], at: usize) -> Result<&Value, Fault> {
    row.get(at).ok_or_else(|| Fault::exception("IndexError: list index out of range"))
}

fn record(db: &Database, model: &'static Model, columns: &[Column], span: &[&[Value]]) -> Result<Record, Fault> {
    let mut record = Record::default();
    let first = span.first().copied().unwrap_or_default();
    for (at, path) in columns {
        let name = path.first().copied().unwrap_or_default();
        match name {
            "id" => record.xid = Some(cell(first, *at)?.clone()),
            ".id" => record.db_id = Some(cell(first, *at)?.clone()),
            "" => record.name = Some(cell(first, *at)?.clone()),
            _ if record.cells.iter().any(|(known, _)| known == name) => {}
            _ => {
                let Some(field) = field_of(db, model, name) else { continue };
                let value = match &field.kind {
                    Kind::Many2one(to) | Kind::Many2many(to) | Kind::One2many(to, _) => Cell::Linked(linked(db, to, name, columns, span)?),
                    _ => Cell::Plain(cell(first, *at)?.clone()),
                };
                record.cells.push((name.to_owned(), value));
            }
        }
    }
    Ok(record)
}

/// The sub-records of a relation: the columns below it, over the rows in which any of them is filled.
fn linked(db: &Database, to: &str, name: &str, columns: &[Column], span: &[&[Value]]) -> Result<Vec<Record>, Fault> {
    let below: Vec<Column> = columns
        .iter()
        .filter(|(_, path)| path.first() == Some(&name))
        .map(|(at, path)| (*at, if path.len() > 1 { path[1..].to_vec() } else { vec![""] }))
        .collect();
    let mut rows = Vec::new();
    for row in span {
        let mut filled = false;
        for (at, _) in &below {
            filled |= cell(row, *at)?.truthy();
        }
        if filled {
            rows.push(*row);
        }
    }
    match db.model(to) {
        Some(model) => Ok(records(db, model, &below, &rows)?.into_iter().map(|(record, _, _)| record).collect()),
        None => Ok(rows.iter().map(|row| bare(&below, row)).collect()),
    }
}

/// A link to a model that is not kept here: only its ids.
fn bare(below: &[Column], row: &[Value]) -> Record {
    let mut record = Record::default();
    for (at, path) in below {
        let value = row.get(*at).cloned();
        match path.first().copied() {
            Some("id") => record.xid = value,
            Some(".id") => record.db_id = value,
            _ => record.name = value,
        }
    }
    record
}

/// The value of a cell: `Err` inside is a message, the outer one a fault of the whole call.
pub fn value(
    db: &Database,
    env: &Result<Env, Fault>,
    model: &'static Model,
    field: &str,
    cell: &Cell,
    options: &Options,
) -> Result<Result<Value, Complaint>, Fault> {
    let Some(field) = field_of(db, model, field) else { return Ok(Ok(Value::FALSE)) };
    if is_empty(cell) {
        return Ok(Ok(Value::FALSE));
    }
    match (&field.kind, cell) {
        (Kind::Many2one(to), Cell::Linked(records)) => Ok(reference(db, env, to, &records[0])),
        (Kind::Many2many(to), Cell::Linked(records)) => Ok(references(db, env, to, &records[0])),
        (Kind::One2many(to, _), Cell::Linked(records)) => lines(db, env, to, records, options),
        (kind, Cell::Plain(value)) => plain(kind, value, options),
        _ => Ok(Ok(Value::FALSE)),
    }
}

fn lines(
    db: &Database,
    env: &Result<Env, Fault>,
    to: &str,
    records: &[Record],
    options: &Options,
) -> Result<Result<Value, Complaint>, Fault> {
    let Some(child) = db.model(to) else { return Ok(Ok(Value::FALSE)) };
    let mut commands = Vec::new();
    for record in records {
        let mut values = Vec::new();
        for (field, cell) in &record.cells {
            match value(db, env, child, field, cell, options)? {
                Ok(value) => values.push((field.clone(), value)),
                Err(complaint) => {
                    let label = child.field(field).map_or(field.as_str(), |field| field.label.as_str());
                    let text = complaint.text.replace("%(field)s", &format!("%(field)s/{label}"));
                    return Ok(Err(Complaint { text, ..complaint }));
                }
            }
        }
        let xid = record.xid.as_ref().and_then(Value::as_str).filter(|xid| !xid.is_empty());
        let known = xid.and_then(|xid| db.xid(&options.full_xid(xid))).map(|known| known.id);
        let known = known.or_else(|| record.db_id.as_ref()?.python_str().parse().ok());
        commands.push(match (known, xid) {
            (Some(id), _) => Value::Array(vec![Value::Int(1), Value::Int(id), Value::Struct(values)]),
            (None, xid) => {
                values.extend(xid.map(|xid| ("id".to_owned(), Value::from(xid))));
                Value::Array(vec![Value::Int(0), Value::Int(0), Value::Struct(values)])
            }
        });
    }
    Ok(Ok(Value::Array(commands)))
}

fn references(db: &Database, env: &Result<Env, Fault>, to: &str, record: &Record) -> Result<Value, Complaint> {
    let all = [&record.db_id, &record.xid, &record.name];
    let text = all.into_iter().flatten().find(|cell| cell.truthy()).map(Value::python_str).unwrap_or_default();
    let mut ids = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let part = Some(Value::from(part));
        let one = match (&record.db_id, &record.xid) {
            (Some(_), _) => Record { db_id: part, ..Record::default() },
            (None, Some(_)) => Record { xid: part, ..Record::default() },
            (None, None) => Record { name: part, ..Record::default() },
        };
        ids.push(reference(db, env, to, &one)?);
    }
    Ok(Value::Array(vec![Value::Array(vec![Value::Int(6), Value::Int(0), Value::Array(ids)])]))
}

fn possible_values(version: Version, model: &str, domain: Option<&str>) -> Value {
    let list = if version >= Version::V18 { "list" } else { "tree" };
    let mut more = vec![
        ("name".to_owned(), Value::from("Possible Values")),
        ("type".to_owned(), "ir.actions.act_window".into()),
        ("target".to_owned(), "new".into()),
        ("view_mode".to_owned(), format!("{list},form").into()),
        (
            "views".to_owned(),
            Value::Array(vec![Value::Array(vec![Value::FALSE, list.into()]), Value::Array(vec![Value::FALSE, "form".into()])]),
        ),
        ("context".to_owned(), dict([("create", Value::FALSE)])),
        ("help".to_owned(), "See all possible values".into()),
        ("res_model".to_owned(), model.into()),
    ];
    if let Some(of) = domain {
        let condition = Value::from(vec!["model", "=", of]);
        more.push(("domain".to_owned(), Value::Array(vec![condition])));
    }
    Value::Struct(more)
}

fn reference(db: &Database, env: &Result<Env, Fault>, to: &str, record: &Record) -> Result<Value, Complaint> {
    let unknown = |what: &str, shown: &str, more: Value| {
        Complaint::with(format!("No matching record found for {what} '{shown}' in field '%(field)s'"), more)
    };
    if let Some(cell) = &record.db_id {
        let shown = cell.python_str();
        let more = || possible_values(db.version, "ir.model.data", Some(to));
        let Ok(id) = shown.trim().parse::<i64>() else {
            return Err(Complaint::with(format!("Invalid database id '{shown}' for the field '%(field)s'"), more()));
        };
        let found = db.model(to).is_none_or(|model| match (db.row(model, id), env) {
            (None, _) => false,
            // A search, up to 16: what is archived or behind a rule is not found.
            (Some(row), Ok(env)) if db.version <= Version::V16 => {
                let listed = !db.scope.active_test || model.column("active").is_none_or(|column| row.get(column).truthy());
                listed && db.visible(env, model, id, row)
            }
            // `exists()` asks no rule: a record of another company is found here and refused when it is written.
            _ => true,
        });
        return if found { Ok(Value::Int(id)) } else { Err(unknown("database id", &shown, more())) };
    }
    if let Some(cell) = &record.xid {
        let shown = cell.python_str();
        let found = db.xid(&shown).filter(|xid| xid.model == to).map(|xid| Value::Int(xid.id));
        return found.ok_or_else(|| unknown("external id", &shown, possible_values(db.version, "ir.model.data", Some(to))));
    }
    let shown = record.name.as_ref().map(Value::python_str).unwrap_or_default();
    let found = match (db.model(to), env) {
        (Some(model), Ok(env)) => {
            let condition = Value::Array(vec!["display_name".into(), "=".into(), shown.as_str().into()]);
            db.search(env, model, &Value::Array(vec![condition]), None, 0, Some(1)).unwrap_or_default()
        }
        _ => Vec::new(),
    };
    match found.first() {
        Some(id) => Ok(Value::Int(*id)),
        None => Err(unknown("name", &shown, possible_values(db.version, to, None))),
    }
}

fn plain(kind: &Kind, cell: &Value, options: &Options) -> Result<Result<Value, Complaint>, Fault> {
    let shown = cell.python_str();
    Ok(match kind {
        Kind::Boolean => {
            let text = lowered(cell)?;
            match text.as_str() {
                "1" | "true" | "yes" => Ok(Value::Bool(true)),
                "0" | "false" | "no" => Ok(Value::FALSE),
                _ => Err(Complaint::with(
                    format!("Unknown value '{shown}' for boolean field '%(field)s'"),
                    "Use '1' for yes and '0' for no".into(),
                )),
            }
        }
        Kind::Selection(choices) => {
            let text = lowered(cell)?;
            match choices.iter().find(|(key, label)| key.to_lowercase() == text || label.to_lowercase() == text) {
                Some((key, _)) => Ok(Value::from(key.as_str())),
                None => Err(Complaint::with(
                    format!("Value '{shown}' not found in selection field '%(field)s'"),
                    Value::from(choices.iter().map(|(_, label)| label.as_str()).collect::<Vec<_>>()),
                )),
            }
        }
        Kind::Integer => match (cell, shown.trim().parse::<i64>()) {
            (Value::Double(number), _) => Ok(Value::Int(*number as i64)),
            (_, Ok(number)) => Ok(Value::Int(number)),
            _ => Err(Complaint::plain(format!("'{shown}' does not seem to be an integer for field '%(field)s'"))),
        },
        Kind::Float(_) | Kind::Monetary => match (cell.as_f64(), shown.trim().parse::<f64>()) {
            (Some(number), _) | (None, Ok(number)) => Ok(Value::Double(number)),
            _ => Err(Complaint::plain(format!("'{shown}' does not seem to be a number for field '%(field)s'"))),
        },
        Kind::Date if time::is_date(&shown) => Ok(cell.clone()),
        Kind::Date => Err(Complaint::with(
            format!("'{shown}' does not seem to be a valid date for field '%(field)s'"),
            "Use the format '2012-12-31'".into(),
        )),
        Kind::Datetime => match time::parse_in(&shown, &options.tz) {
            Some(micros) => Ok(Value::Time(micros)),
            None => Err(Complaint::with(
                format!("'{shown}' does not seem to be a valid datetime for field '%(field)s'"),
                "Use the format '2012-12-31 23:59:59'".into(),
            )),
        },
        _ => Ok(cell.clone()),
    })
}

/// Booleans and selections must come as text: Odoo lower-cases the cell without looking.
fn lowered(cell: &Value) -> Result<String, Fault> {
    match cell {
        Value::Str(text) => Ok(text.to_lowercase()),
        other => {
            let class = match other {
                Value::Bool(_) => "bool",
                Value::Int(_) => "int",
                Value::Double(_) => "float",
                _ => "list",
            };
            Err(Fault::exception(format!("AttributeError: '{class}' object has no attribute 'lower'")))
        }
    }
}
