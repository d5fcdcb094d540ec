//! `load`: rows of text become records with external ids, all of them or none.
//!
//! The rules are Odoo's import engine's: cells are converted first and every bad one is a message; then all records are
//! written in one go; when that fails they are tried one by one to learn which is to blame; any error undoes the lot.

use std::collections::HashSet;

use super::fault::Fault;
use super::load_cells::{self, Cell, Record};
use super::orm::{Env, Values};
use super::schema::{Kind, Model};
use super::table::{Database, Row, Xid};
use super::version::Version;
use super::wire::{Value, dict};

/// After so many failing records (and one in ten) Odoo stops looking.
const MOST_ERRORS: usize = 10;

/// The context keys that rule a `load`.
#[derive(Debug, Clone)]
pub struct Options {
    /// Prefix of external ids without a dot.
    pub module: String,
    /// `mode = 'update'`: every row must name its record; stored `noupdate` records are left alone.
    pub update: bool,
    /// Whether new external ids are marked `noupdate`.
    pub noupdate: bool,
    /// The time zone of datetime cells.
    pub tz: String,
    /// Commits that the call can see; later ones make it fail to serialize.
    pub snapshot: u64,
}

impl Options {
    /// From the context of a call.
    pub fn of(context: &Value, snapshot: u64) -> Self {
        let text = |key: &str, or: &str| context.get(key).and_then(Value::as_str).unwrap_or(or).to_owned();
        Self {
            module: text("module", "__import__"),
            update: text("mode", "init") == "update",
            noupdate: context.get("noupdate").is_some_and(Value::truthy),
            tz: text("tz", "UTC"),
            snapshot,
        }
    }

    /// An external id with its module.
    pub fn full_xid(&self, xid: &str) -> String {
        if xid.contains('.') { xid.to_owned() } else { format!("{}.{xid}", self.module) }
    }
}

/// The external ids that the rows of a `load` name, for the locks that PostgreSQL would hold on them.
pub fn named_xids(fields: &Value, rows: &Value, options: &Options) -> Vec<String> {
    let Some(at) = fields.as_array().and_then(|fields| fields.iter().position(|field| field.as_str() == Some("id"))) else {
        return Vec::new();
    };
    let cells = rows.as_array().unwrap_or_default().iter().filter_map(|row| row.as_array()?.get(at)?.as_str());
    cells.filter(|cell| !cell.is_empty()).map(|cell| options.full_xid(cell)).collect()
}

/// A record ready to be written.
struct Ready {
    xid: Option<String>,
    id: Option<i64>,
    values: Values,
    /// External ids of its lines, in the order of their create commands.
    info: Vec<(String, Value)>,
}

/// `load(fields, rows)`. `env` is the fault of a bad company list when there is one: since 15 that too is a message here.
pub fn load(
    db: &mut Database,
    env: &Result<Env, Fault>,
    model: &'static Model,
    fields: &Value,
    rows: &Value,
    options: &Options,
) -> Result<Value, Fault> {
    if db.version == Version::V14 {
        env.as_ref().map_err(Clone::clone)?;
    }
    let mut messages = Vec::new();
    let ready = convert(db, env, model, fields, rows, options, &mut messages)?;
    let start = db.savepoint();
    let mut ids = Vec::new();
    if !ready.is_empty() {
        ids = write_all(db, env, model, &ready, options, start, &mut messages);
    }
    let failed = messages.iter().any(|message| message.get("type").and_then(Value::as_str) == Some("error"));
    let ids = if failed {
        db.rollback(start);
        Value::FALSE
    } else {
        Value::from(ids)
    };
    Ok(dict([("ids", ids), ("messages", Value::Array(messages)), ("nextrow", Value::Int(0))]))
}

fn convert(
    db: &mut Database,
    env: &Result<Env, Fault>,
    model: &'static Model,
    fields: &Value,
    rows: &Value,
    options: &Options,
    messages: &mut Vec<Value>,
) -> Result<Vec<Ready>, Fault> {
    let records = load_cells::extract(db, model, fields, rows)?;
    let mut ready = Vec::new();
    for (number, (record, from, to)) in records.iter().enumerate() {
        let rows = dict([("from", Value::Int(*from as i64)), ("to", Value::Int(*to as i64))]);
        let info = vec![("rows".to_owned(), rows), ("record".to_owned(), Value::Int(number as i64))];
        let named = db.version > Version::V14;
        let mut log =
            |field: &str, complaint: load_cells::Complaint| messages.push(complaint_message(model, &info, field, complaint, named));
        let id = existing_id(db, env, model, record, &mut log)?;
        let mut values = Vec::new();
        for (field, cell) in &record.cells {
            let one = model.field(field).is_some_and(|field| matches!(field.kind, Kind::Many2one(_)));
            match load_cells::value(db, env, model, field, cell, options)? {
                Ok(value) => values.push((field.clone(), value)),
                // 14 asks the database with it, and goes on in the transaction that this broke.
                Err(complaint) if db.version == Version::V14 && one && complaint.text.starts_with("Invalid database id") => {
                    let broken = "psycopg2.errors.InFailedSqlTransaction: current transaction is aborted, commands ignored until end of \
                                  transaction block";
                    return Err(Fault::exception(broken));
                }
                Err(complaint) => log(field, complaint),
            }
        }
        let xid = record.xid.as_ref().filter(|xid| xid.truthy()).map(|xid| options.full_xid(&xid.python_str()));
        ready.push(Ready { xid, id, values, info });
    }
    Ok(ready)
}

fn existing_id(
    db: &Database,
    env: &Result<Env, Fault>,
    model: &'static Model,
    record: &Record,
    log: &mut impl FnMut(&str, load_cells::Complaint),
) -> Result<Option<i64>, Fault> {
    let Some(cell) = record.db_id.as_ref().filter(|cell| cell.truthy()) else { return Ok(None) };
    let shown = cell.python_str();
    let id = shown.trim().parse::<i64>().map_err(|_| {
        Fault::exception(format!("psycopg2.errors.InvalidTextRepresentation: invalid input syntax for type integer: \"{shown}\""))
    })?;
    // Looked up by a search: a foreign company faults the call, and what is archived is not found unless asked for.
    let env = env.as_ref().map_err(Clone::clone)?;
    let listed = |row: &Row| !db.scope.active_test || model.column("active").is_none_or(|column| row.get(column).truthy());
    let seen = db.row(model, id).is_some_and(|row| listed(row) && db.visible(env, model, id, row));
    if !seen {
        log(".id", load_cells::Complaint::plain(format!("Unknown database identifier '{shown}'")));
    }
    Ok(seen.then_some(id))
}

/// `named`: with the field's label as `field_name`, which 14 leaves out.
fn complaint_message(model: &Model, info: &[(String, Value)], field: &str, complaint: load_cells::Complaint, named: bool) -> Value {
    let label = model.field(field).map(|field| field.label.clone());
    let shown = label.clone().unwrap_or_else(|| field.to_owned());
    let mut message = info.to_vec();
    // The order in which Odoo builds this one.
    message.insert(1, ("type".into(), "error".into()));
    message.push(("field".into(), field.into()));
    message.push(("message".into(), complaint.text.replace("%(field)s", &shown).into()));
    if let Some(more) = complaint.more {
        message.push(("moreinfo".into(), more));
    }
    if let Some(label) = label.filter(|_| named) {
        message.push(("field_name".into(), label.into()));
    }
    Value::Struct(message)
}

fn fault_message(info: &[(String, Value)], fault: &Fault) -> Value {
    let mut message = info.to_vec();
    message.push(("type".into(), "error".into()));
    if fault.code == 1 {
        let last = fault.text.trim_end().lines().last().unwrap_or_default();
        let (class, text) = last.split_once(": ").unwrap_or(("Exception", last));
        message.push(("message".into(), format!("Unknown error during import: <class '{class}'>: {text}").into()));
        message.push(("moreinfo".into(), "Resolve other errors first".into()));
    } else {
        message.push(("message".into(), fault.text.as_str().into()));
    }
    if let Some(field) = &fault.field {
        message.push(("field".into(), field.as_str().into()));
    }
    Value::Struct(message)
}

fn write_all(
    db: &mut Database,
    env: &Result<Env, Fault>,
    model: &'static Model,
    ready: &[Ready],
    options: &Options,
    start: usize,
    messages: &mut Vec<Value>,
) -> Vec<i64> {
    let all: Vec<&Ready> = ready.iter().collect();
    let global = match write(db, env, model, &all, options) {
        Ok(ids) => return ids,
        // Odoo blames the first record for what it learned from all of them.
        Err(fault) => fault.is_user_error().then(|| fault_message(&ready[0].info, &fault)),
    };
    db.rollback(start);
    let (mut ids, mut errors) = (Vec::new(), 0);
    for (number, record) in ready.iter().enumerate() {
        match write(db, env, model, &[record], options) {
            Ok(written) => ids.extend(written),
            Err(fault) => {
                db.rollback(start);
                messages.push(fault_message(&record.info, &fault));
                errors += 1;
            }
        }
        if errors >= MOST_ERRORS && errors * 10 > number {
            messages.push(dict([
                ("type", "warning".into()),
                (
                    "message",
                    "Found more than 10 errors and more than one error per 10 records, interrupted to avoid showing too many errors."
                        .into(),
                ),
            ]));
            break;
        }
    }
    if let Some(global) = global.filter(|global| errors > 0 && !messages.contains(global)) {
        messages.insert(0, global);
    }
    ids
}

/// Writes records in one go: known external ids first, then the new ones, then the external ids themselves.
fn write(
    db: &mut Database,
    env: &Result<Env, Fault>,
    model: &'static Model,
    batch: &[&Ready],
    options: &Options,
) -> Result<Vec<i64>, Fault> {
    let env = env.as_ref().map_err(Clone::clone)?;
    if batch.iter().any(|record| record.id.is_none()) {
        db.check_access(env, model, 'c')?;
    }
    let mut ids: Vec<Option<i64>> = vec![None; batch.len()];
    let mut fresh = Vec::new();
    let mut bind = Vec::new();
    for (at, record) in batch.iter().enumerate() {
        let known = record.xid.as_ref().and_then(|xid| db.xid(xid)).filter(|known| visible(db, known, options)).cloned();
        match (&record.xid, known) {
            (Some(xid), Some(known)) => {
                if known.model != model.name {
                    return Err(Fault::user(format!(
                        "For external id {xid} when trying to create/update a record of model {} found record of different model {} \
                         ({})",
                        model.name, known.model, known.id
                    )));
                }
                ids[at] = Some(known.id);
                if !(options.update && known.noupdate) {
                    db.write(env, model, &[known.id], record.values.clone())?;
                }
                bind.push(at);
            }
            (None, _) if record.id.is_some() => {
                ids[at] = record.id;
                // Odoo hands the id over as one of the values, which counts as a change of more than the rest.
                let mut values = record.values.clone();
                values.push(("id".into(), record.id.into()));
                db.write(env, model, &record.id.into_iter().collect::<Vec<_>>(), values)?;
            }
            (None, _) if options.update => {
                return Err(match db.version {
                    Version::V19 => Fault::user("Cannot update a record without specifying its id or xml_id"),
                    _ => Fault::exception("KeyError: 'record'"),
                });
            }
            _ => fresh.push(at),
        }
    }
    for at in fresh {
        ids[at] = Some(create(db, env, model, &batch[at].values, options)?);
        bind.push(at);
    }
    let mut seen = HashSet::new();
    for at in bind {
        if let (Some(xid), Some(id)) = (&batch[at].xid, ids[at]) {
            if !seen.insert(xid.clone()) {
                return Err(Fault::sql("ON CONFLICT DO UPDATE command cannot affect row a second time\n"));
            }
            bind_xid(db, model, xid, id, options)?;
        }
    }
    Ok(ids.into_iter().flatten().collect())
}

/// Creates a record; a line that brings an external id of its own (`order_line/id`) gets it bound.
fn create(db: &mut Database, env: &Env, model: &'static Model, values: &Values, options: &Options) -> Result<i64, Fault> {
    let id = db.create(env, model, values.clone())?;
    for (field, value) in values {
        let Some(Kind::One2many(to, _)) = model.field(field).map(|field| &field.kind) else { continue };
        let Some(child) = db.model(to) else { continue };
        let commands = value.as_array().unwrap_or_default();
        let children = db.value_ids(model, id, field);
        for (command, child_id) in commands.iter().zip(children) {
            let xid = command.as_array().and_then(|parts| parts.get(2)?.get("id")?.as_str());
            if let Some(xid) = xid.filter(|xid| !xid.is_empty()) {
                bind_xid(db, child, &options.full_xid(xid), child_id, options)?;
            }
        }
    }
    Ok(id)
}

/// What a call sees: commits before it began, and its own writes.
fn visible(db: &Database, xid: &Xid, options: &Options) -> bool {
    xid.commit <= options.snapshot || xid.commit == db.commits + 1
}

fn bind_xid(db: &mut Database, model: &'static Model, xid: &str, id: i64, options: &Options) -> Result<(), Fault> {
    let (module, name) = xid.split_once('.').unwrap_or(("", xid));
    if name.contains(' ') {
        return Err(Fault::sql(format!(
            "new row for relation \"ir_model_data\" violates check constraint \"ir_model_data_name_nospaces\"\nDETAIL:  Failing row \
             contains ({id}, {name}, {module}, {}).\n",
            model.name
        )));
    }
    match db.xid(xid).cloned() {
        Some(known) if !visible(db, &known, options) => Err(Fault::serialization()),
        Some(known) if known.id == id => Ok(()),
        _ => {
            let commit = db.commits + 1;
            db.put_xid(xid, Some(Xid { model: model.name.as_str(), id, noupdate: options.noupdate, commit }));
            if model.name == "product.product" {
                let template = db.stored("product.product", id, "product_tmpl_id").as_int();
                if let (Some(template), Some(template_model)) = (template, db.model("product.template")) {
                    let bound = Xid { model: template_model.name.as_str(), id: template, noupdate: options.noupdate, commit };
                    db.put_xid(&format!("{xid}_product_template"), Some(bound));
                }
            }
            Ok(())
        }
    }
}

/// Whether a cell is what Python calls false.
pub fn is_empty(cell: &Cell) -> bool {
    match cell {
        Cell::Plain(value) => !value.truthy(),
        Cell::Linked(records) => records.is_empty(),
    }
}
