//! What a client may ask about models and records besides their values: `fields_get` and `get_metadata`.

use super::fault::Fault;
use super::orm::Env;
use super::schema::{Kind, Model};
use super::table::Database;
use super::version::Version;
use super::wire::{Value, dict};

impl Database {
    /// `fields_get`: only the attributes asked for, and of those only what a field has.
    pub fn fields_get(&self, model: &'static Model, names: Option<&Value>, attributes: Option<&Value>) -> Value {
        let names = names.and_then(Value::as_array).unwrap_or_default();
        let attributes = attributes.and_then(Value::as_array).unwrap_or_default();
        let asked = |name: &str| attributes.is_empty() || attributes.iter().any(|a| a.as_str() == Some(name));
        let mut fields = Vec::new();
        for (column, field) in model.fields.iter().enumerate() {
            let wanted = names.is_empty() || names.iter().any(|name| name.as_str() == Some(&field.name));
            if !wanted || !self.has_column(model, column) {
                continue;
            }
            let mut described = vec![
                ("type", Value::from(field.type_name.as_str())),
                ("string", Value::from(field.label.as_str())),
                // As 14 says it of many.
                ("required", if self.version == Version::V14 { Value::Int(field.required.into()) } else { Value::Bool(field.required) }),
                ("readonly", Value::Bool(field.readonly)),
                ("store", Value::Bool(field.store)),
                ("name", Value::from(field.name.as_str())),
                ("translate", Value::Bool(field.translate)),
            ];
            match &field.kind {
                Kind::Many2one(to) | Kind::Many2many(to) => described.push(("relation", Value::from(to.as_str()))),
                Kind::One2many(to, inverse) => {
                    described.push(("relation", Value::from(to.as_str())));
                    described.push(("relation_field", Value::from(inverse.as_str())));
                }
                Kind::Selection(options) => {
                    let pair = |(key, label): &(String, String)| Value::from(vec![key.as_str(), label.as_str()]);
                    described.push(("selection", Value::Array(options.iter().map(pair).collect())));
                }
                Kind::Float(Some(digits)) => {
                    described.push(("digits", Value::Array(vec![Value::Int(16), Value::Int(i64::from(*digits))])));
                }
                Kind::Float(None) => described.push(("digits", Value::FALSE)),
                _ => {}
            }
            let kept = described.into_iter().filter(|(name, _)| asked(name)).map(|(name, value)| (name.to_owned(), value));
            fields.push((field.name.clone(), Value::Struct(kept.collect())));
        }
        Value::Struct(fields)
    }

    /// `get_metadata`: who and when, and the external ids, newest first as Odoo lists them.
    pub fn get_metadata(&self, env: &Env, model: &'static Model, ids: &[i64]) -> Result<Value, Fault> {
        self.check_access(env, model, 'r')?;
        self.check_rules(env, model, ids, 'r')?;
        let mut records = Vec::new();
        for id in ids {
            let Some(row) = self.row(model, *id) else { continue };
            let read = |field: &str| model.column(field).map_or(Value::FALSE, |column| self.wire_value(model, *id, row, column));
            let xids: Vec<Value> = self
                .xids_of(&model.name, *id)
                .into_iter()
                .map(|name| {
                    let noupdate = self.xid(name).is_some_and(|xid| xid.noupdate);
                    dict([("xmlid", name.into()), ("noupdate", noupdate.into())])
                })
                .collect();
            let first = |key: &str| xids.first().and_then(|xid| xid.get(key)).cloned().unwrap_or(Value::FALSE);
            let (xmlid, noupdate) = (first("xmlid"), first("noupdate"));
            let mut told = dict([
                ("id", Value::Int(*id)),
                ("create_uid", read("create_uid")),
                ("create_date", read("create_date")),
                ("write_uid", read("write_uid")),
                ("write_date", read("write_date")),
                ("xmlid", xmlid),
                ("noupdate", noupdate),
            ]);
            if let Value::Struct(members) = &mut told
                && self.version > Version::V14
            {
                members.push(("xmlids".to_owned(), Value::Array(xids)));
            }
            records.push(told);
        }
        Ok(Value::Array(records))
    }
}
