//! Sums by group: `formatted_read_group` of Odoo 19, and `read_group`, which it still has.

use std::collections::HashMap;

use super::fault::Fault;
use super::orm::Env;
use super::schema::{Kind, Model};
use super::table::Database;
use super::version::Version;
use super::wire::{Value, dict};

/// The records of a group, with the values that make it, as `read` gives them.
struct Group {
    values: Vec<Value>,
    ids: Vec<i64>,
}

impl Database {
    /// One dictionary a group: its values, the domain that finds it, what was summed.
    pub fn formatted_read_group(
        &self,
        env: &Env,
        model: &'static Model,
        domain: &Value,
        by: &[String],
        sums: &[String],
        limit: Option<usize>,
    ) -> Result<Value, Fault> {
        let mut told = Vec::new();
        for group in self.groups_of(env, model, domain, by, limit)? {
            let mut members: Vec<(String, Value)> = by.iter().cloned().zip(group.values.clone()).collect();
            members.push(("__extra_domain".to_owned(), extra(by, &group.values)));
            for sum in sums {
                members.push((sum.clone(), self.aggregate(model, sum, &group.ids)?));
            }
            told.push(Value::Struct(members));
        }
        Ok(Value::Array(told))
    }

    /// The same under the names of Odoo 18 and older, never lazily.
    pub fn read_group(
        &self,
        env: &Env,
        model: &'static Model,
        domain: &Value,
        by: &[String],
        sums: &[String],
        limit: Option<usize>,
    ) -> Result<Value, Fault> {
        let mut told = Vec::new();
        for group in self.groups_of(env, model, domain, by, limit)? {
            let mut members: Vec<(String, Value)> = by.iter().cloned().zip(group.values.clone()).collect();
            members.push(("__count".to_owned(), Value::Int(group.ids.len() as i64)));
            for sum in sums.iter().filter(|sum| *sum != "__count") {
                let name = sum.split(':').next().unwrap_or_default().to_owned();
                members.push((name, self.aggregate(model, sum, &group.ids)?));
            }
            let mut whole = domain.as_array().unwrap_or_default().to_vec();
            whole.extend(extra(by, &group.values).as_array().unwrap_or_default().iter().cloned());
            members.push(("__domain".to_owned(), Value::Array(whole)));
            told.push(Value::Struct(members));
        }
        Ok(Value::Array(told))
    }

    /// Groups in the order of their values: records as their model orders them, nothing last.
    fn groups_of(
        &self,
        env: &Env,
        model: &'static Model,
        domain: &Value,
        by: &[String],
        limit: Option<usize>,
    ) -> Result<Vec<Group>, Fault> {
        let mut columns = Vec::new();
        for name in by {
            let unknown = || Fault::exception(format!("ValueError: Invalid field '{name}' on model '{}'", model.name));
            let column = self.column(model, name).ok_or_else(unknown)?;
            if !model.fields[column].store && self.version <= Version::V16 {
                return Err(Fault::user("Fields in 'groupby' must be database-persisted fields (no computed fields)"));
            }
            columns.push(column);
        }
        let found = self.search(env, model, domain, Some("id"), 0, None)?;
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut groups: Vec<Group> = Vec::new();
        if by.is_empty() {
            return Ok(vec![Group { values: Vec::new(), ids: found }]); // one group of all, also of none
        }
        for id in found {
            let Some(row) = self.row(model, id) else { continue };
            let values: Vec<Value> = columns.iter().map(|column| self.wire_value(model, id, row, *column)).collect();
            let key: String = values.iter().map(|value| format!("{}\u{1}", value.python_repr())).collect();
            let place = *places.entry(key).or_insert(groups.len());
            match groups.get_mut(place) {
                Some(group) => group.ids.push(id),
                None => groups.push(Group { values, ids: vec![id] }),
            }
        }
        let ranks: Vec<HashMap<i64, usize>> =
            columns.iter().enumerate().map(|(at, column)| self.ranks(model, *column, at, &groups)).collect();
        let rank = |group: &Group| -> Vec<(usize, String)> {
            let one = |(at, value): (usize, &Value)| match first(value) {
                Some(id) if !ranks[at].is_empty() => (ranks[at].get(&id).copied().unwrap_or(0), String::new()),
                _ if value.truthy() => (0, value.python_str()),
                _ => (usize::MAX, String::new()),
            };
            group.values.iter().enumerate().map(one).collect()
        };
        groups.sort_by_cached_key(rank);
        groups.truncate(limit.unwrap_or(usize::MAX));
        Ok(groups)
    }

    /// The places of the records that a many2one names, in their own order.
    fn ranks(&self, model: &'static Model, column: usize, at: usize, groups: &[Group]) -> HashMap<i64, usize> {
        let Kind::Many2one(to) = &model.fields[column].kind else { return HashMap::new() };
        let Some(to) = self.model(to) else { return HashMap::new() };
        let ids: Vec<i64> = groups.iter().filter_map(|group| first(&group.values[at])).collect();
        let env = Env { context: dict([("active_test", false.into())]), ..Env::root() };
        let domain = Value::Array(vec![Value::Array(vec!["id".into(), "in".into(), ids.into()])]);
        let sorted = self.search(&env, to, &domain, None, 0, None).unwrap_or_default();
        sorted.into_iter().enumerate().map(|(place, id)| (id, place)).collect()
    }

    fn aggregate(&self, model: &'static Model, sum: &str, ids: &[i64]) -> Result<Value, Fault> {
        if sum == "__count" {
            return Ok(Value::Int(ids.len() as i64));
        }
        let (name, how) = sum.split_once(':').unwrap_or((sum, "sum"));
        let unknown = || Fault::exception(format!("ValueError: Invalid field '{name}' on model '{}' for '{sum}'.", model.name));
        let column = self.column(model, name).ok_or_else(unknown)?;
        let numbers = ids.iter().filter_map(|id| Some(self.wire_value(model, *id, self.row(model, *id)?, column).as_f64().unwrap_or(0.0)));
        match how {
            "sum" => Ok(Value::Double(numbers.sum())),
            "max" => Ok(numbers.reduce(f64::max).map_or(Value::FALSE, Value::Double)),
            "min" => Ok(numbers.reduce(f64::min).map_or(Value::FALSE, Value::Double)),
            other => Err(Fault::exception(format!("ValueError: Invalid aggregate method '{other}' for '{sum}'."))),
        }
    }
}

/// The id of a many2one as it is read.
fn first(value: &Value) -> Option<i64> {
    value.as_array().and_then(|pair| pair.first()).and_then(Value::as_int)
}

/// The domain that finds one group among all.
fn extra(by: &[String], values: &[Value]) -> Value {
    let leaf = |(name, value): (&String, &Value)| {
        let bare = first(value).map_or_else(|| value.clone(), Value::Int);
        Value::Array(vec![name.as_str().into(), "=".into(), bare])
    };
    let leaves: Vec<Value> = by.iter().zip(values).map(leaf).collect();
    if leaves.is_empty() {
        return Value::Array(vec![Value::Array(vec![Value::Int(1), "=".into(), Value::Int(1)])]);
    }
    let ands = std::iter::repeat_n(Value::from("&"), leaves.len() - 1);
    Value::Array(ands.chain(leaves).collect())
}
