//! Search domains: parsing, Odoo 19's comparisons, and the shortcuts that keep a page cheap.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::fault::Fault;
use super::schema::{Kind, Model};
use super::table::{Database, Row};
use super::version::Version;
use super::wire::Value;
use super::{master, time};

/// A parsed domain.
#[derive(Debug, Clone)]
pub enum Domain {
    /// All of them; empty is everything.
    And(Vec<Domain>),
    /// One of them.
    Or(Vec<Domain>),
    /// Not this.
    Not(Box<Domain>),
    /// A condition.
    Leaf(Leaf),
}

/// One condition.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// The way to the field: model and column at each step.
    path: Vec<(&'static Model, usize)>,
    operator: String,
    value: Value,
}

impl Domain {
    /// Parses a domain as it comes over the wire, in prefix notation with the ands left out.
    pub fn parse(db: &Database, model: &'static Model, value: &Value) -> Result<Self, Fault> {
        let items = match value {
            Value::Array(items) => items.as_slice(),
            Value::Bool(false) | Value::Nil => &[],
            other => return Err(invalid_item(other)),
        };
        let mut rest = items;
        let mut all = Vec::new();
        while !rest.is_empty() {
            all.push(Self::term(db, model, &mut rest)?.ok_or_else(|| malformed(value))?);
        }
        Ok(Domain::And(all))
    }

    /// The next term; `None` when the operators before want one more than there are.
    fn term(db: &Database, model: &'static Model, rest: &mut &[Value]) -> Result<Option<Self>, Fault> {
        let Some((first, others)) = rest.split_first() else { return Ok(None) };
        *rest = others;
        let operands = match first.as_str() {
            Some("&" | "|") => 2,
            Some("!") => 1,
            Some(_) => return Err(invalid_item(first)),
            None => return Self::condition(db, model, first).map(Some),
        };
        let mut terms = Vec::new();
        for _ in 0..operands {
            match Self::term(db, model, rest)? {
                Some(term) => terms.push(term),
                None => return Ok(None),
            }
        }
        Ok(Some(match first.as_str() {
            Some("&") => Domain::And(terms),
            Some("|") => Domain::Or(terms),
            _ => Domain::Not(Box::new(Domain::And(terms))),
        }))
    }

    fn condition(db: &Database, model: &'static Model, item: &Value) -> Result<Self, Fault> {
        match item.as_array() {
            Some([Value::Str(field), Value::Str(operator), value]) => Leaf::parse(db, model, field, operator, value).map(Domain::Leaf),
            // Python's always-true and always-false leaves.
            Some([Value::Int(1), Value::Str(_), Value::Int(1)]) => Ok(Domain::And(Vec::new())),
            Some([Value::Int(0), Value::Str(_), Value::Int(1)]) => Ok(Domain::Or(Vec::new())),
            _ => Err(invalid_item(item)),
        }
    }

    /// Whether a field is asked about anywhere; `active` then loses its default.
    pub fn mentions(&self, field: &str) -> bool {
        match self {
            Domain::And(terms) | Domain::Or(terms) => terms.iter().any(|term| term.mentions(field)),
            Domain::Not(term) => term.mentions(field),
            Domain::Leaf(leaf) => leaf.path.first().is_some_and(|(model, column)| model.fields[*column].name == field),
        }
    }

    /// Whether a record fits.
    pub fn matches(&self, db: &Database, id: i64, row: &Row) -> bool {
        match self {
            Domain::And(terms) => terms.iter().all(|term| term.matches(db, id, row)),
            Domain::Or(terms) => terms.iter().any(|term| term.matches(db, id, row)),
            Domain::Not(term) => !term.matches(db, id, row),
            Domain::Leaf(leaf) => leaf.matches(db, id, row),
        }
    }

    /// The ids among which the answer must be, found without reading every row; `None` means all.
    pub fn candidates(&self, db: &Database) -> Option<BTreeSet<i64>> {
        match self {
            Domain::And(terms) => terms.iter().filter_map(|term| term.candidates(db)).min_by_key(BTreeSet::len),
            Domain::Leaf(leaf) => leaf.candidates(db),
            _ => None,
        }
    }

    /// The lowest id that the conditions on `id` allow: the floor of a keyset page.
    pub fn id_floor(&self) -> i64 {
        match self {
            Domain::And(terms) => terms.iter().map(Domain::id_floor).max().unwrap_or(i64::MIN),
            Domain::Leaf(leaf) if leaf.is_id() => match (leaf.operator.as_str(), leaf.value.as_int()) {
                (">", Some(id)) => id + 1,
                (">=", Some(id)) => id,
                _ => i64::MIN,
            },
            _ => i64::MIN,
        }
    }
}

fn malformed(domain: &Value) -> Fault {
    Fault::exception(format!("ValueError: Domain() malformed domain {}", domain.python_repr()))
}

fn invalid_item(item: &Value) -> Fault {
    Fault::exception(format!("ValueError: Domain() invalid item in domain: {}", item.python_repr()))
}

const OPERATORS: [&str; 15] =
    ["=", "!=", "<>", "in", "not in", ">", ">=", "<", "<=", "ilike", "like", "=ilike", "=like", "not ilike", "child_of"];

impl Leaf {
    fn parse(db: &Database, model: &'static Model, field: &str, operator: &str, value: &Value) -> Result<Self, Fault> {
        let shown = format!("('{field}', '{operator}', {})", value.python_repr());
        let operator = operator.to_lowercase();
        if !OPERATORS.contains(&operator.as_str()) && operator != "not like" {
            return Err(Fault::exception(format!("ValueError: Invalid operator in condition {shown}")));
        }
        let mut path = Vec::new();
        let mut at = Some(model);
        for name in field.split('.') {
            let Some(model) = at else {
                return Err(Fault::exception(format!("ValueError: Invalid field {field} in condition {shown}")));
            };
            let Some(column) = db.column(model, name) else {
                let place = if db.version < Version::V19 { "leaf" } else { "condition" };
                return Err(Fault::exception(format!("ValueError: Invalid field {}.{name} in {place} {shown}", model.name)));
            };
            path.push((model, column));
            at = match &model.fields[column].kind {
                Kind::Many2one(to) | Kind::Many2many(to) | Kind::One2many(to, _) => db.model(to),
                _ => None,
            };
        }
        let last = path.last().map(|(model, column)| &model.fields[*column].kind);
        if operator == "child_of" {
            let at = path.last().map(|(model, column)| (*model, &model.fields[*column]));
            let of = match at.map(|(model, field)| (model, &field.kind)) {
                Some((_, Kind::Many2one(to) | Kind::Many2many(to) | Kind::One2many(to, _))) => db.model(to),
                Some((model, _)) => Some(model),
                None => None,
            };
            let roots = match value {
                Value::Int(id) => vec![*id],
                other => other.ids(),
            };
            let ids: Vec<i64> = of.map(|of| master::at_or_below(db, of, &roots).into_iter().collect()).unwrap_or_default();
            return Ok(Self { operator: "in".into(), value: ids.into(), path });
        }
        Ok(Self { operator, value: prepared(last, value), path })
    }

    fn is_id(&self) -> bool {
        matches!(self.path.as_slice(), [(model, column)] if model.fields[*column].name == "id")
    }

    fn candidates(&self, db: &Database) -> Option<BTreeSet<i64>> {
        let [(model, column)] = self.path.as_slice() else { return None };
        if !matches!(self.operator.as_str(), "=" | "in") {
            return None;
        }
        let items = match &self.value {
            Value::Array(items) => items.as_slice(),
            single => std::slice::from_ref(single),
        };
        let field = &model.fields[*column];
        if field.delegated || field.of_variant {
            return None;
        }
        if items.iter().all(|item| matches!(item, Value::Str(_))) && !items.is_empty() {
            let table = db.table(model)?;
            let mut found = BTreeSet::new();
            for text in items.iter().filter_map(Value::as_str) {
                found.extend(table.reading(*column, text)?);
            }
            return Some(found);
        }
        let wanted: Option<Vec<i64>> = items
            .iter()
            .map(|item| match item {
                Value::Int(id) => Some(*id),
                _ => None,
            })
            .collect();
        let wanted = wanted?;
        if model.fields[*column].name == "id" {
            return Some(wanted.into_iter().collect());
        }
        let table = db.table(model)?;
        let mut found = BTreeSet::new();
        for target in wanted {
            found.extend(table.pointing_to(*column, target)?);
        }
        Some(found)
    }

    fn matches(&self, db: &Database, id: i64, row: &Row) -> bool {
        self.step(db, id, row, 0)
    }

    fn step(&self, db: &Database, id: i64, row: &Row, depth: usize) -> bool {
        let (model, column) = self.path[depth];
        let value = db.value(model, id, row, column);
        if depth + 1 == self.path.len() {
            return self.test(db, &model.fields[column].kind, &value);
        }
        let next = self.path[depth + 1].0;
        let targets = value.ids();
        // A path over an empty link is as if every field behind it were empty.
        if targets.is_empty() {
            return self.test(db, &next.fields[self.path[depth + 1].1].kind, &Value::FALSE);
        }
        let negative = matches!(self.operator.as_str(), "!=" | "<>" | "not in" | "not ilike" | "not like");
        let fits = |target: &i64| db.row(next, *target).is_some_and(|row| self.step(db, *target, row, depth + 1));
        if negative { targets.iter().all(fits) } else { targets.iter().any(fits) }
    }

    fn test(&self, db: &Database, kind: &Kind, value: &Value) -> bool {
        match self.operator.as_str() {
            "=" => self.is_any(db, kind, value),
            "in" => self.is_any(db, kind, value),
            "!=" | "<>" | "not in" => !self.is_any(db, kind, value),
            "not ilike" | "not like" => !self.like(db, kind, value),
            "ilike" | "like" | "=ilike" | "=like" => self.like(db, kind, value),
            ordering => match compare(db, kind, value, &self.value) {
                Some(Ordering::Less) => matches!(ordering, "<" | "<="),
                Some(Ordering::Equal) => matches!(ordering, "<=" | ">="),
                Some(Ordering::Greater) => matches!(ordering, ">" | ">="),
                None => false,
            },
        }
    }

    fn is_any(&self, db: &Database, kind: &Kind, value: &Value) -> bool {
        match &self.value {
            Value::Array(items) => items.iter().any(|item| equal(db, kind, value, item)),
            single => equal(db, kind, value, single),
        }
    }

    fn like(&self, db: &Database, kind: &Kind, value: &Value) -> bool {
        let pattern = self.value.python_str();
        let insensitive = self.operator.contains("ilike");
        let whole = self.operator.starts_with('=');
        let texts: Vec<String> = match kind {
            Kind::Many2one(to) | Kind::Many2many(to) | Kind::One2many(to, _) => {
                value.ids().into_iter().map(|id| db.display_name(to, id)).collect()
            }
            _ => value.as_str().map(str::to_owned).into_iter().collect(),
        };
        let fold = |text: &str| if insensitive { text.to_lowercase() } else { text.to_owned() };
        let pattern = if whole { fold(&pattern) } else { format!("%{}%", fold(&pattern)) };
        texts.iter().any(|text| sql_like(&fold(text), &pattern))
    }
}

/// Datetimes are read once, not for every row.
fn prepared(kind: Option<&Kind>, value: &Value) -> Value {
    match (kind, value) {
        (Some(Kind::Datetime), Value::Str(text)) => time::parse(text).map_or_else(|| value.clone(), Value::Time),
        (Some(Kind::Datetime), Value::Array(items)) => Value::Array(items.iter().map(|item| prepared(kind, item)).collect()),
        _ => value.clone(),
    }
}

/// SQL's LIKE: `%` any text, `_` any character, a backslash before either takes it literally.
fn sql_like(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let pattern: Vec<char> = pattern.chars().collect();
    like_from(&text, &pattern)
}

fn like_from(text: &[char], pattern: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('%', rest)) => (0..=text.len()).any(|skip| like_from(&text[skip..], rest)),
        Some(('_', rest)) => !text.is_empty() && like_from(&text[1..], rest),
        Some(('\\', rest)) if !rest.is_empty() => text.first() == rest.first() && like_from(&text[1..], &rest[1..]),
        Some((c, rest)) => text.first() == Some(c) && like_from(&text[1..], rest),
    }
}

fn equal(db: &Database, kind: &Kind, value: &Value, wanted: &Value) -> bool {
    match (kind, wanted) {
        (Kind::Many2one(to) | Kind::Many2many(to) | Kind::One2many(to, _), Value::Str(name)) => {
            value.ids().into_iter().any(|id| db.display_name(to, id) == **name)
        }
        (Kind::Many2many(_) | Kind::One2many(..), Value::Bool(false)) => value.ids().is_empty(),
        (Kind::Many2many(_) | Kind::One2many(..), Value::Int(id)) => value.ids().contains(id),
        (Kind::Boolean, _) => value.truthy() == wanted.truthy(),
        (Kind::Text | Kind::Selection(_), Value::Bool(false)) => !value.truthy(),
        (_, Value::Bool(false)) if !matches!(kind, Kind::Integer | Kind::Float(_) | Kind::Monetary) => *value == Value::FALSE,
        _ => compare(db, kind, value, wanted) == Some(Ordering::Equal),
    }
}

/// Compares as Odoo does: 19 datetimes by whole seconds, whatever fraction either side has, older ones with their fractions.
fn compare(db: &Database, kind: &Kind, value: &Value, wanted: &Value) -> Option<Ordering> {
    match kind {
        Kind::Datetime => {
            let Value::Time(micros) = value else { return None };
            let wanted = match wanted {
                Value::Time(wanted) => *wanted,
                other => time::parse(other.as_str()?)?,
            };
            match db.version {
                Version::V19 => Some(micros.div_euclid(time::SECOND).cmp(&wanted.div_euclid(time::SECOND))),
                _ => Some(micros.cmp(&wanted)),
            }
        }
        Kind::Integer | Kind::Float(_) | Kind::Monetary | Kind::Boolean => number(value)?.partial_cmp(&number(wanted)?),
        Kind::Many2one(_) => Some(value.as_int()?.cmp(&wanted.as_int()?)),
        _ => Some(value.as_str()?.cmp(wanted.as_str()?)),
    }
}

/// Numbers that are not set count as zero.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
        Value::Str(text) => text.parse().ok(),
        other => other.as_f64(),
    }
}

/// How a search is sorted: fields with `true` for descending.
pub fn parse_order(db: &Database, model: &'static Model, order: &str) -> Result<Vec<(usize, bool)>, Fault> {
    let mut keys = Vec::new();
    for part in order.split(',') {
        let mut words = part.split_whitespace();
        let Some(name) = words.next() else { continue };
        let descending = words.next().is_some_and(|word| word.eq_ignore_ascii_case("desc"));
        let column = db
            .column(model, name)
            .ok_or_else(|| Fault::exception(format!("ValueError: Invalid field '{name}' on model '{}'", model.name)))?;
        keys.push((column, descending));
    }
    Ok(keys)
}

/// Compares two records by an order; a many2one sorts as its own model does.
pub fn compare_records(db: &Database, model: &'static Model, keys: &[(usize, bool)], a: i64, b: i64) -> Ordering {
    let (Some(row_a), Some(row_b)) = (db.row(model, a), db.row(model, b)) else { return a.cmp(&b) };
    for (column, descending) in keys {
        let (left, right) = (db.value(model, a, row_a, *column), db.value(model, b, row_b, *column));
        let ordering = match &model.fields[*column].kind {
            Kind::Many2one(to) => compare_links(db, to, &left, &right),
            kind => compare_values(kind, &left, &right),
        };
        let ordering = if *descending { ordering.reverse() } else { ordering };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    Ordering::Equal
}

fn compare_links(db: &Database, to: &str, left: &Value, right: &Value) -> Ordering {
    match (left.as_int(), right.as_int(), db.model(to)) {
        (Some(a), Some(b), _) if a == b => Ordering::Equal,
        (Some(a), Some(b), Some(model)) => match parse_order(db, model, &model.order) {
            Ok(keys) => compare_records(db, model, &keys, a, b),
            Err(_) => a.cmp(&b),
        },
        (a, b, _) => nulls_last(a, b),
    }
}

fn compare_values(kind: &Kind, left: &Value, right: &Value) -> Ordering {
    match kind {
        Kind::Integer | Kind::Float(_) | Kind::Monetary | Kind::Boolean => {
            number(left).partial_cmp(&number(right)).unwrap_or(Ordering::Equal)
        }
        Kind::Datetime => match (left, right) {
            (Value::Time(a), Value::Time(b)) => a.cmp(b),
            _ => right.truthy().cmp(&left.truthy()),
        },
        _ => nulls_last(left.as_str(), right.as_str()),
    }
}

fn nulls_last<T: Ord>(left: Option<T>, right: Option<T>) -> Ordering {
    match (left, right) {
        (Some(a), Some(b)) => a.cmp(&b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::orm::Env;
    use crate::demo::schema::Side;
    use crate::demo::{Branch, seed, sell};

    fn branch() -> Database {
        let mut db = Database::new("b", Side::Branch);
        seed::branch(&mut db, &Branch::new("Furniture Shop"));
        let mut random = sell::Random::new(1);
        for _ in 0..20 {
            let sale = sell::random_sale(&mut random, 40, 3);
            sell::build(&mut db, &sale).commit(&mut db);
        }
        db
    }

    fn list(items: impl IntoIterator<Item = Value>) -> Value {
        Value::Array(items.into_iter().collect())
    }

    fn leaf(field: &str, operator: &str, value: impl Into<Value>) -> Value {
        list([field.into(), operator.into(), value.into()])
    }

    fn found(db: &Database, model: &str, domain: Value) -> Vec<i64> {
        let model = db.model(model).expect("installed");
        db.search(&Env::root(), model, &domain, Some("id"), 0, None).expect("a valid domain")
    }

    #[test]
    fn a_candidate_list_never_changes_the_answer() {
        let db = branch();
        let by_link = found(&db, "pos.order.line", list([leaf("order_id", "in", vec![2_i64, 5, 7])]));
        let by_scan = found(&db, "pos.order.line", list(["!".into(), leaf("order_id", "not in", vec![2_i64, 5, 7])]));
        assert_eq!(by_link, by_scan);
        assert_eq!(by_link.len(), 9);
        let above = found(&db, "pos.order", list([leaf("id", ">", 17_i64)]));
        assert_eq!(above, [18, 19, 20]);
        let page = found(&db, "pos.order", list([leaf("id", ">", 3_i64), leaf("id", "in", vec![2_i64, 3, 4, 99])]));
        assert_eq!(page, [4]);
    }

    #[test]
    fn operators_without_a_word_between_them_are_joined_by_and() {
        let db = branch();
        let one_or_two = [Value::from("|"), leaf("id", "=", 1_i64), leaf("id", "=", 2_i64)];
        assert_eq!(found(&db, "pos.order", list(one_or_two.clone())), [1, 2]);
        let mut and_not = one_or_two.to_vec();
        and_not.extend(["!".into(), leaf("id", "=", 2_i64)]);
        assert_eq!(found(&db, "pos.order", list(and_not)), [1]);
    }

    #[test]
    fn empty_fields_and_patterns_match_as_in_sql() {
        let db = branch();
        let count = |domain: Value| found(&db, "product.product", domain).len();
        assert_eq!(count(list([leaf("barcode", "=", false)])), 3);
        assert_eq!(count(list([leaf("barcode", "!=", false)])), 40);
        assert_eq!(count(list([leaf("default_code", "=like", "ART-00_1")])), 4);
        assert_eq!(count(list([leaf("default_code", "ilike", "art-001")])), 10);
        assert_eq!(count(list([leaf("default_code", "like", "art-001")])), 0);
        assert_eq!(count(list([leaf("taxes_id", "=", false)])), 13);
        assert_eq!(count(list([leaf("taxes_id.name", "=", "VAT 15%")])), 10);
    }

    #[test]
    fn a_wrong_domain_is_refused_in_odoos_words() {
        let db = branch();
        let model = db.model("pos.order").expect("installed");
        let refusal = |domain: Value| Domain::parse(&db, model, &domain).expect_err("invalid").text;
        let text = refusal(list([leaf("nope", "=", 1_i64)]));
        assert!(text.ends_with("ValueError: Invalid field pos.order.nope in condition ('nope', '=', 1)\n"), "{text}");
        let text = refusal(list([leaf("id", "foo", 5_i64)]));
        assert!(text.ends_with("ValueError: Invalid operator in condition ('id', 'foo', 5)\n"), "{text}");
        let text = refusal(list([Value::Int(5)]));
        assert!(text.ends_with("ValueError: Domain() invalid item in domain: 5\n"), "{text}");
    }
}
