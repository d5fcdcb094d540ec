//! The tables `send`: what goes from central to a branch.

use serde_json::Value;

use super::*;
use crate::master_data;
use crate::master_data::Conflict;
use crate::model::Kind;

const SEND_KEYS: &[&str] =
    &["language", "company", "every", "start", "cron", "journals", "products", "customers", "taxes", "payment_methods", "pricelists"];
/// Keys of each kind's table; those that choose come first.
const SELECTION_KEYS: &[&str] = &["all", "domain", "refs", "fields", "leave", "conflict", "every", "start", "cron"];

/// Most references, tags or categories of a kind: with more, a domain or a tag says it better, and each is looked up.
const NAMES_MAX: usize = 10_000;
/// Most journals: a till with more payment methods would not find them.
const JOURNALS_MAX: usize = 200;
/// Deepest list of a domain in TOML: as deep as a domain written as a text.
const DEPTH_MAX: usize = 16;

/// The key that chooses by a tag, for the kinds whose records have any.
const TAG: &str = "tag";
const POS_CATEGORY: &str = "pos_category";

impl Reader {
    /// The branch's own table, or else that of the defaults, as a whole: half of one and half of the other would send
    /// what nobody chose.
    pub(super) fn send<'t>(&mut self, scope: &Scope<'t>) -> Send {
        let Some(found) = scope.find("send") else { return Send::default() };
        let DeValue::Table(table) = found.value else {
            self.wrong(&found, "must be a table; write [branch.CODE.send] on a line of its own");
            return Send::default();
        };
        let layer = Layer { label: format!("{}: send", found.label), table, at: found.at };
        self.known_keys(&layer, SEND_KEYS, scope.owner);
        let kinds = Kind::CHOSEN.into_iter().filter_map(|kind| Some((kind, self.selection(&layer, kind, scope.owner)?))).collect();
        let own = Scope { layers: vec![layer], owner: scope.owner };
        Send {
            language: self.language(&own),
            company: self.optional_text(&own, "company"),
            schedule: self.own_schedule(&own),
            journals: self.journals(&own),
            kinds,
        }
    }

    fn language<'t>(&mut self, scope: &Scope<'t>) -> String {
        let default = || Send::LANGUAGE.to_owned();
        let Some(found) = scope.find("language") else { return default() };
        let Some(code) = self.text(&found) else { return default() };
        if !is_language(&code) {
            self.wrong(&found, "must be a language's code in Odoo, as \"sq_AL\" or \"en_US\" (Settings > Translations > Languages)");
            return default();
        }
        code
    }

    /// A schedule only where there is one: without it another table says when.
    fn own_schedule<'t>(&mut self, scope: &Scope<'t>) -> Option<Schedule> {
        let own = scope.own();
        if own.find("every").is_some() || own.find("cron").is_some() {
            return Some(self.schedule(scope));
        }
        if let Some(start) = own.find("start") {
            self.wrong(&start, "goes with `every`; write both here, or delete it");
        }
        None
    }

    fn journals<'t>(&mut self, scope: &Scope<'t>) -> BTreeMap<String, String> {
        let mut journals = BTreeMap::new();
        let Some(found) = scope.find("journals") else { return journals };
        let DeValue::Table(table) = found.value else {
            self.wrong(&found, "must be a table of pairs, as \"payment method at central\" = \"journal at the branch\"");
            return journals;
        };
        if table.len() > JOURNALS_MAX {
            self.wrong(&found, &format!("has {} lines, more than {JOURNALS_MAX}", table.len()));
            return journals;
        }
        for (method, value) in table.iter() {
            let path = format!("journals.\"{}\"", clean(method.get_ref(), TEXT_MAX));
            if let Some(journal) = self.text(&scope.own().found(path.into(), value)) {
                journals.insert(method.get_ref().trim().to_owned(), journal);
            }
        }
        journals
    }

    /// The table of a kind; none if there is none.
    fn selection<'t>(&mut self, send: &Layer<'t>, kind: Kind, owner: &'t str) -> Option<Selection> {
        let found = send.find(kind.table())?;
        let DeValue::Table(table) = found.value else {
            let text = format!("must be a table; write [branch.CODE.send.{}] on a line of its own and all = true under it", kind.table());
            self.wrong(&found, &text);
            return None;
        };
        let layer = Layer { label: format!("{}.{}", found.label, kind.table()), table, at: found.at };
        let before = self.complaints.len();
        self.known_keys(&layer, &selection_keys(kind), owner);
        let scope = Scope { layers: vec![layer], owner };
        let choice = self.choose(&scope, kind);
        // Where another complaint stands, what was meant to choose is most likely what it is about.
        if choice.is_empty() && self.complaints.len() == before {
            let own = scope.own();
            let keys = selection_keys(kind).into_iter().filter(|key| chooses(key)).collect::<Vec<_>>().join(", ");
            let text = format!("chooses nothing; write all = true, or choose with one of {keys}");
            self.complain(&own.label, own.at, text);
        }
        if let (Some(fields), Some(_)) = (scope.find("fields"), scope.find("leave")) {
            self.wrong(&fields, "and `leave` exclude each other; delete one of them");
        }
        Some(Selection {
            choice,
            fields: scope.find("fields").map(|_| self.field_names(&scope, "fields", kind)),
            leave: self.field_names(&scope, "leave", kind),
            conflict: self.choice(
                &scope,
                "conflict",
                &[("central", Conflict::Central), ("branch", Conflict::Branch), ("ask", Conflict::Ask)],
            ),
            schedule: self.own_schedule(&scope),
        })
    }

    /// All that chooses records of a kind.
    fn choose<'t>(&mut self, scope: &Scope<'t>, kind: Kind) -> Vec<Choose> {
        let mut choice = Vec::new();
        if let Some(domain) = scope.find("domain") {
            choice.extend(self.domain(&domain).map(Choose::Domain));
        }
        if has_pos_category(kind) {
            choice.extend(self.chosen_names(scope, POS_CATEGORY).into_iter().map(Choose::PosCategory));
        }
        if has_tag(kind) {
            choice.extend(self.chosen_names(scope, TAG).into_iter().map(Choose::Tag));
        }
        choice.extend(self.chosen_names(scope, "refs").into_iter().map(Choose::Reference));
        let all = self.flag(scope, "all", false);
        if let (true, Some(found), false) = (all, scope.find("all"), choice.is_empty()) {
            self.wrong(&found, "chooses everything, so that what else chooses here has no effect; delete one of them");
        }
        if all {
            return vec![Choose::All];
        }
        choice
    }

    /// Names that choose, each once.
    fn chosen_names<'t>(&mut self, scope: &Scope<'t>, key: &'t str) -> Vec<String> {
        let Some(found) = scope.find(key) else { return Vec::new() };
        match found.value {
            DeValue::Array(names) if names.is_empty() => self.wrong(&found, "is empty; fill it in or delete the line"),
            DeValue::Array(names) if names.len() > NAMES_MAX => {
                self.wrong(&found, &format!("has {} entries, more than {NAMES_MAX}; choose by a domain or a tag", names.len()));
                return Vec::new();
            }
            _ => {}
        }
        once(self.texts(scope, key))
    }

    /// Names of fields that are sent for the kind.
    fn field_names<'t>(&mut self, scope: &Scope<'t>, key: &'t str, kind: Kind) -> Vec<String> {
        let Some(found) = scope.find(key) else { return Vec::new() };
        if matches!(found.value, DeValue::Array(names) if names.is_empty()) {
            self.wrong(&found, "is empty; fill it in or delete the line");
        }
        let known: Vec<&str> = master_data::fields(kind).iter().map(|field| field.name).collect();
        let names = once(self.texts(scope, key));
        for name in names.iter().filter(|name| !known.contains(&name.as_str())) {
            let shown = clean(name, 40);
            let near = nearest(name, &known).map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
            self.wrong(&found, &format!("names \"{shown}\", which is not sent{near}; known are {}", known.join(", ")));
        }
        if key == "leave" && names.iter().any(|name| name == "name") {
            self.wrong(&found, "cannot hold \"name\": no record is made without one");
        }
        names
    }

    /// A domain as a list of TOML, or as a text in Odoo's own way of writing.
    fn domain(&mut self, found: &Found<'_>) -> Option<Value> {
        let read = match found.value {
            DeValue::String(text) => parse_domain(text),
            DeValue::Array(_) => json(found.value, 0).and_then(|domain| check_domain(&domain).map(|()| domain)),
            _ => Err("must be a list, as [[\"sale_ok\", \"=\", true]], or a text, as \"[('sale_ok', '=', True)]\"".to_owned()),
        };
        read.map_err(|reason| self.wrong(found, &reason)).ok()
    }
}

/// A value of TOML as Odoo gets it; an error completes "The domain …".
fn json(value: &DeValue<'_>, depth: usize) -> Result<Value, String> {
    if depth > DEPTH_MAX {
        return Err(format!("is nested deeper than {DEPTH_MAX} levels"));
    }
    match value {
        DeValue::String(text) => Ok(Value::String(text.to_string())),
        DeValue::Boolean(flag) => Ok(Value::Bool(*flag)),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(Value::from)
            .map_err(|_| "has a number that is too large for Odoo".to_owned()),
        DeValue::Float(number) => number
            .as_str()
            .parse()
            .ok()
            .and_then(serde_json::Number::from_f64)
            .map(Value::Number)
            .ok_or_else(|| "has a number that Odoo does not take".to_owned()),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref(), depth + 1)).collect::<Result<_, _>>().map(Value::Array),
        DeValue::Datetime(_) => {
            Err("has a date without quotes; write it as Odoo does, \"2026-11-01\" or \"2026-11-01 06:05:00\"".to_owned())
        }
        DeValue::Table(_) => Err("has a table in it; a condition is a list, as [\"sale_ok\", \"=\", true]".to_owned()),
    }
}

/// `xx`, `xx_XX`, and either with `@script`: how Odoo writes languages, e.g. `sq_AL`, `es_419`, `sr@latin`.
fn is_language(code: &str) -> bool {
    let (place, script) = code.split_once('@').map_or((code, None), |(place, script)| (place, Some(script)));
    let (language, country) = place.split_once('_').map_or((place, None), |(language, country)| (language, Some(country)));
    let is_country = |country: &str| match country.len() {
        2 => country.bytes().all(|b| b.is_ascii_uppercase()),
        3 => country.bytes().all(|b| b.is_ascii_digit()),
        _ => false,
    };
    (2..=3).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_lowercase())
        && country.is_none_or(is_country)
        && script.is_none_or(|script| (1..=8).contains(&script.len()) && script.bytes().all(|b| b.is_ascii_alphabetic()))
}

fn has_tag(kind: Kind) -> bool {
    matches!(kind, Kind::Product | Kind::Customer)
}

fn has_pos_category(kind: Kind) -> bool {
    kind == Kind::Product
}

fn chooses(key: &str) -> bool {
    [POS_CATEGORY, TAG, "domain", "refs"].contains(&key)
}

/// The keys of a kind's table.
fn selection_keys(kind: Kind) -> Vec<&'static str> {
    let tag = has_tag(kind).then_some(TAG);
    let category = has_pos_category(kind).then_some(POS_CATEGORY);
    let (choosing, rest) = SELECTION_KEYS.split_at(3);
    choosing.iter().copied().chain(category).chain(tag).chain(rest.iter().copied()).collect()
}

/// Each name once, in the order of the file.
fn once(names: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    names.into_iter().filter(|name| seen.insert(name.clone())).collect()
}

/// All keys of the tables `send`.
#[cfg(test)]
pub(super) fn every_key() -> Vec<&'static str> {
    [SEND_KEYS, SELECTION_KEYS, &[TAG, POS_CATEGORY]].concat()
}
