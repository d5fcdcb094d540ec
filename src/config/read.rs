//! The walk from TOML text to [`Config`].
//!
//! The document is walked by hand and not through serde, which stops at the first mistake. Every read of a value
//! answers at once, with a stand-in after a complaint, so that one walk finds all complaints; a `Config` leaves
//! this file only if there were none.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use croner::Cron;
use jiff::SignedDuration;
use reqwest::Url;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::*;
use crate::problem::{Side, clean};

mod alerts;
mod dashboard;
mod monitoring;
mod reconcile;
mod retention;
mod send;

const TOP_KEYS: &[&str] = &["state", "central", "defaults", "branch", "monitoring", "dashboard", "alerts", "retention"];
const CENTRAL_KEYS: &[&str] = &["url", "database", "user", "timeout", "protocol", "ca_file", "allow_http", "company", "writers"];
const BRANCH_KEYS: &[&str] = &[
    "name",
    "url",
    "database",
    "user",
    "timeout",
    "protocol",
    "ca_file",
    "allow_http",
    "enabled",
    "every",
    "start",
    "cron",
    "jitter",
    "timezone",
    "reconcile",
    "from",
    "shops",
    "receive",
    "invoiced",
    "customer",
    "unknown_customer",
    "company",
    "warehouse",
    "pricelist",
    "team",
    "salesperson",
    "match_products",
    "rounding",
    "salespeople",
    "taxes",
    "products",
    "overlap",
    "send",
];
const ROUNDING_KEYS: &[&str] = &["product", "limit"];

/// What a missing key of each side is to hold.
const REQUIRED: &[(&str, &str)] = &[
    ("url", "the address of its Odoo, as url = \"https://tirana.example.com\""),
    ("database", "the name of its database, as database = \"tirana\""),
    ("user", "the login of the bridge's user there, as user = \"bridge\""),
    ("from", "the first day to receive, as from = 2026-11-01, so that no branch floods central with its history"),
    ("customer", "the customer at central for sales without one, as customer = \"Walk-in Tirana\""),
];

/// A call: under 1 s no Odoo answers, over 600 s its own limits have killed the call long since.
const TIMEOUT: Limits = Limits { default: 120, range: 1..=600 };
/// Between passes: each costs the branch two calls; after a week without one nobody would notice a dead branch.
const EVERY: Limits = Limits { default: 15 * 60, range: 5..=7 * 86_400 };
/// Within an hour everything is spread; later than that nobody would find the pass that the schedule names.
const JITTER: Limits = Limits { default: 0, range: 0..=3_600 };
/// Longer than the branch's longest transaction; a week covers a till that was offline over the holidays.
const OVERLAP: Limits = Limits { default: 15 * 60, range: 60..=7 * 86_400 };
/// Parallel load calls: each holds a worker of central, and 8 is what a middling server has in all.
const WRITERS: RangeInclusive<usize> = 1..=8;
const WRITERS_DEFAULT: usize = 2;
/// Years of `from`: outside of them a digit is wrong.
const YEARS: RangeInclusive<i16> = 2000..=2100;
/// Longest text of a setting, in characters: no name in Odoo that a person typed is longer.
const TEXT_MAX: usize = 300;
/// Largest rounding limit in the order's currency: fits the smallest units in use; more is no rounding.
const ROUNDING_MAX: i64 = 1_000;

/// Seconds.
struct Limits {
    default: u64,
    range: RangeInclusive<u64>,
}

/// See [`Config::parse`].
pub(super) fn read(text: &str, file: &Path) -> Result<Config, ConfigError> {
    let (document, syntax) = DeTable::parse_recoverable(text);
    let mut reader = Reader { complaints: Vec::new() };
    if !syntax.is_empty() {
        // The rest of a broken document is guesswork: complaints about it would only mislead.
        for error in syntax {
            reader.complaints.push((error.span().map_or(0, |span| span.start), readable(error.message())));
        }
        return Err(reader.into_error(text, file));
    }
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let folder = absolute.parent().map_or_else(PathBuf::new, Path::to_owned);
    let config = reader.document(document.get_ref(), &folder, &absolute);
    if !reader.complaints.is_empty() {
        return Err(reader.into_error(text, file));
    }
    Ok(config)
}

/// The parser's words with what to do.
fn readable(message: &str) -> String {
    let hint = match message {
        text if text.contains("duplicate") => "delete one of the two",
        _ => "texts stand in quotes, dates and numbers do not",
    };
    format!("this is not TOML: {}; {hint}", clean(message, TEXT_MAX))
}

/// A table with the words that complaints about it begin with.
#[derive(Clone)]
struct Layer<'t> {
    /// `branch "tirana"`, `defaults`, `central`; empty at the top.
    label: String,
    table: &'t DeTable<'t>,
    /// Where the table begins, for complaints about what is missing.
    at: usize,
}

/// A branch with the defaults under it, or central alone: the first layer that has a key wins.
struct Scope<'t> {
    layers: Vec<Layer<'t>>,
    /// Who a password would be sealed for.
    owner: &'t str,
}

/// A value, where it stands, and its name.
struct Found<'t> {
    label: String,
    key: Cow<'t, str>,
    value: &'t DeValue<'t>,
    at: usize,
}

impl<'t> Layer<'t> {
    fn find(&self, key: &'t str) -> Option<Found<'t>> {
        self.table.get(key).map(|value| self.found(key.into(), value))
    }

    fn found(&self, key: Cow<'t, str>, value: &'t Spanned<DeValue<'t>>) -> Found<'t> {
        Found { label: self.label.clone(), key, value: value.get_ref(), at: value.span().start }
    }
}

impl<'t> Scope<'t> {
    fn own(&self) -> &Layer<'t> {
        &self.layers[0]
    }

    fn find(&self, key: &'t str) -> Option<Found<'t>> {
        self.layers.iter().find_map(|layer| layer.find(key))
    }
}

/// Collects complaints, each with the byte it is about.
struct Reader {
    complaints: Vec<(usize, String)>,
}

/// The database a branch reads from: equal ones would write each sale twice.
type Identity = (String, Option<u16>, String, String);

impl Reader {
    fn document<'t>(&mut self, top: &'t DeTable<'t>, folder: &Path, file: &Path) -> Config {
        let top = Layer { label: String::new(), table: top, at: 0 };
        self.known_keys(&top, TOP_KEYS, "CODE");
        let state = top.find("state").and_then(|found| self.text(&found)).unwrap_or_else(|| "state".to_owned());
        let mut seen = HashMap::new();
        let central = self.central(&top, folder, &mut seen);
        let defaults = self.layer(&top, "defaults", "defaults");
        if let Some(defaults) = &defaults {
            self.known_keys(defaults, BRANCH_KEYS, "CODE");
        }
        let branches = self.branches(&top, defaults, folder, &mut seen);
        let company = central.company.clone();
        let with_company = |branch: Branch| Branch { company: branch.company.or_else(|| company.clone()), ..branch };
        Config {
            file: file.to_owned(),
            state: folder.join(state),
            central,
            branches: branches.into_iter().map(with_company).collect(),
            monitoring: self.monitoring(&top),
            dashboard: self.dashboard(&top, folder),
            alerts: self.alerts(&top, folder),
            retention: self.retention(&top),
        }
    }

    fn central<'t>(&mut self, top: &Layer<'t>, folder: &Path, seen: &mut HashMap<Identity, String>) -> Central {
        let Some(layer) = self.layer(top, "central", "central") else {
            if !top.table.contains_key("central") {
                self.complain("", 0, "the table [central] is missing; write it with url, database and user".into());
            }
            return Central { endpoint: nowhere(), company: None, writers: WRITERS_DEFAULT };
        };
        self.known_keys(&layer, CENTRAL_KEYS, Side::CENTRAL);
        let scope = Scope { layers: vec![layer], owner: Side::CENTRAL };
        Central {
            endpoint: self.endpoint(&scope, folder, seen),
            company: self.optional_text(&scope, "company"),
            writers: self.writers(&scope),
        }
    }

    fn branches<'t>(
        &mut self,
        top: &Layer<'t>,
        defaults: Option<Layer<'t>>,
        folder: &Path,
        seen: &mut HashMap<Identity, String>,
    ) -> Vec<Branch> {
        let Some(all) = self.layer(top, "branch", "branch") else {
            if !top.table.contains_key("branch") {
                self.complain("", 0, "there is no branch; write a table [branch.CODE] for each, e.g. [branch.tirana]".into());
            }
            return Vec::new();
        };
        let mut entries: Vec<_> = all.table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        if entries.len() > BRANCHES_MAX {
            let text = format!("{} branches are more than one bridge takes ({BRANCHES_MAX}); run a second one", entries.len());
            self.complain("", all.at, text);
            return Vec::new();
        }
        let mut branches = Vec::new();
        for (key, value) in entries {
            let at = key.span().start;
            let Some(code) = self.code(key.get_ref(), at) else { continue };
            let label = format!("branch \"{code}\"");
            let DeValue::Table(table) = value.get_ref() else {
                self.complain(&label, at, format!("must be a table; write [branch.{code}] on a line of its own"));
                continue;
            };
            let own = Layer { label, table, at };
            self.known_keys(&own, BRANCH_KEYS, code.as_str());
            let layers = std::iter::once(own).chain(defaults.clone()).collect();
            let scope = Scope { layers, owner: key.get_ref() };
            branches.push(self.branch(&scope, code, folder, seen));
        }
        branches
    }

    fn code(&mut self, code: &str, at: usize) -> Option<BranchCode> {
        let shown = clean(code, BranchCode::MAX_LEN + 8);
        let taken = match code {
            Side::CENTRAL => Some("the central Odoo"),
            Alerts::MAIL_OWNER | Alerts::WEBHOOK_OWNER => Some("a way of the alerts"),
            _ => None,
        };
        if let Some(taken) = taken {
            self.complain("", at, format!("branch \"{code}\": this word means {taken}; choose another code"));
            return None;
        }
        let checked = BranchCode::new(code).ok();
        if checked.is_none() {
            let text = format!(
                "branch {shown:?}: a code has 1 to {} characters of a-z, 0-9 and _, e.g. tirana_2; put the name for people \
                 into `name`",
                BranchCode::MAX_LEN
            );
            self.complain("", at, text);
        }
        checked
    }

    fn branch<'t>(&mut self, scope: &Scope<'t>, code: BranchCode, folder: &Path, seen: &mut HashMap<Identity, String>) -> Branch {
        Branch {
            name: self.optional_text(scope, "name").unwrap_or_else(|| code.to_string()),
            endpoint: self.endpoint(scope, folder, seen),
            enabled: self.flag(scope, "enabled", true),
            schedule: self.schedule(scope),
            jitter: self.duration(scope, "jitter", &JITTER),
            from: self.first_day(scope),
            timezone: self.timezone(scope),
            reconcile: self.reconcile(scope),
            shops: self.texts(scope, "shops"),
            receive: self.choice(scope, "receive", &[("paid", Receive::Paid), ("closed", Receive::Closed)]),
            invoiced: self.choice(scope, "invoiced", &[("mark", Invoiced::Mark), ("skip", Invoiced::Skip)]),
            customer: self.customer(scope),
            unknown_customer: self.choice(
                scope,
                "unknown_customer",
                &[("default", UnknownCustomer::Default), ("problem", UnknownCustomer::Problem)],
            ),
            company: self.optional_text(scope, "company"),
            warehouse: self.optional_text(scope, "warehouse"),
            pricelist: self.optional_text(scope, "pricelist"),
            team: self.optional_text(scope, "team"),
            salesperson: self.optional_text(scope, "salesperson"),
            match_products: self.match_products(scope),
            rounding: self.rounding(scope),
            salespeople: self.pairs(scope, "salespeople"),
            taxes: self.pairs(scope, "taxes"),
            products: self.pairs(scope, "products"),
            overlap: self.duration(scope, "overlap", &OVERLAP),
            send: self.send(scope),
            code,
        }
    }

    // Keys of several kinds.

    fn endpoint<'t>(&mut self, scope: &Scope<'t>, folder: &Path, seen: &mut HashMap<Identity, String>) -> Endpoint {
        let allow_http = self.flag(scope, "allow_http", false);
        let database = self.required_text(scope, "database");
        let url = self.required(scope, "url").and_then(|found| self.url(&found, scope.owner, allow_http));
        if let (Some(url), false) = (&url, database.is_empty()) {
            self.only_once(scope, url, &database, seen);
        }
        Endpoint {
            url: url.map(|url| url.as_str().trim_end_matches('/').to_owned()).unwrap_or_default(),
            database,
            user: self.required_text(scope, "user"),
            timeout: self.duration(scope, "timeout", &TIMEOUT),
            protocol: self.choice(scope, "protocol", &PROTOCOLS),
            ca_file: self.optional_text(scope, "ca_file").map(|file| folder.join(file)),
            allow_http,
        }
    }

    fn only_once<'t>(&mut self, scope: &Scope<'t>, url: &Url, database: &str, seen: &mut HashMap<Identity, String>) {
        let label = scope.own().label.clone();
        if let Some(other) = seen.get(&identity(url, database)) {
            let at = scope.own().find("url").map_or(scope.own().at, |found| found.at);
            let text = format!("has the same url and database as {other}, so its sales would arrive twice; correct one of them");
            self.complain(&label, at, text);
        } else {
            seen.insert(identity(url, database), label);
        }
    }

    /// A URL that is safe to log in to. The text is never repeated: it may hold a password.
    fn url(&mut self, found: &Found<'_>, owner: &str, allow_http: bool) -> Option<Url> {
        let text = self.text(found)?;
        let Ok(url) = Url::parse(&text) else {
            self.wrong(found, "is not an address; write it as \"https://tirana.example.com\"");
            return None;
        };
        let before = self.complaints.len();
        if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none_or(str::is_empty) {
            self.wrong(found, "must begin with https:// and a server name");
        }
        if !url.username().is_empty() || url.password().is_some() {
            let text = format!(
                "has a user or password in it; delete the part up to the @, write the login as `user`, and \
                 type: posbridge secret set {owner}"
            );
            self.wrong(found, &text);
        }
        if url.query().is_some() || url.fragment().is_some() {
            self.wrong(found, "goes on after the address; delete everything from the ? or # on");
        }
        if ["/web", "/xmlrpc", "/jsonrpc"].iter().any(|page| url.path().starts_with(page)) {
            self.wrong(found, "names a page of Odoo; write only the address up to the server name");
        }
        if is_link_local(&url) {
            self.wrong(found, "is a link-local address, which no Odoo has; write the server's name");
        }
        if url.scheme() == "http" && !allow_http && !is_loopback(&url) {
            self.wrong(
                found,
                "is plain http: anyone on the way could read the password; write https://, or allow_http = true if \
                 the way is safe (a VPN)",
            );
        }
        (self.complaints.len() == before).then_some(url)
    }

    fn schedule<'t>(&mut self, scope: &Scope<'t>) -> Schedule {
        for layer in &scope.layers {
            if let (Some(cron), Some(_)) = (layer.find("cron"), layer.find("every")) {
                self.complain(&layer.label, cron.at, "`cron` and `every` exclude each other; delete one of them".into());
            }
        }
        // The branch's own way wins over the defaults', whichever of the two it is.
        let layer = scope.layers.iter().find(|layer| layer.find("cron").is_some() || layer.find("every").is_some());
        let start = scope.find("start");
        let moment = start.as_ref().and_then(|found| self.timestamp(found));
        let every = self.duration(scope, "every", &EVERY);
        let Some(cron) = layer.and_then(|layer| layer.find("cron")) else {
            return Schedule::Every { every, start: moment };
        };
        if let Some(start) = scope.own().find("start") {
            self.wrong(&start, "goes with `every` only; delete it, a cron line says itself when");
        }
        let cron_text = self.text(&cron).unwrap_or_default();
        if let Err(reason) = check_cron(&cron_text)
            && !cron_text.is_empty()
        {
            self.wrong(&cron, &reason);
        }
        Schedule::Cron { cron: cron_text.split_whitespace().collect::<Vec<_>>().join(" ") }
    }

    fn first_day<'t>(&mut self, scope: &Scope<'t>) -> Date {
        let Some(found) = self.required(scope, "from") else { return Date::ZERO };
        let day = match found.value {
            DeValue::Datetime(when) if when.time.is_none() && when.offset.is_none() => when.date,
            _ => None,
        };
        let Some(day) = day else {
            self.wrong(&found, "must be a day without quotes and without a time, as from = 2026-11-01");
            return Date::ZERO;
        };
        let date = Date::new(day.year as i16, day.month as i8, day.day as i8);
        match date {
            Ok(date) if YEARS.contains(&date.year()) => date,
            Ok(_) => {
                self.wrong(&found, &format!("must lie in the years {} to {}", YEARS.start(), YEARS.end()));
                Date::ZERO
            }
            Err(_) => {
                self.wrong(&found, "is a day that the calendar does not have");
                Date::ZERO
            }
        }
    }

    fn timestamp(&mut self, found: &Found<'_>) -> Option<Timestamp> {
        let moment = match found.value {
            DeValue::Datetime(when) if when.date.is_some() && when.time.is_some() && when.offset.is_some() => when.to_string().parse().ok(),
            _ => None,
        };
        if moment.is_none() {
            self.wrong(found, "must be a moment with its offset and without quotes, as 2026-12-01T06:05:00+01:00");
        }
        moment
    }

    fn timezone<'t>(&mut self, scope: &Scope<'t>) -> TimeZone {
        let Some(found) = scope.find("timezone") else { return TimeZone::UTC };
        let Some(name) = self.text(&found) else { return TimeZone::UTC };
        match TimeZone::get(&name) {
            Ok(zone) if !zone.is_unknown() => zone,
            _ => {
                let text = format!(
                    "names no time zone that this machine knows: {:?}; write one as \"Europe/Tirane\" \
                     (the package tzdata brings them)",
                    clean(&name, 40)
                );
                self.wrong(&found, &text);
                TimeZone::UTC
            }
        }
    }

    fn customer<'t>(&mut self, scope: &Scope<'t>) -> String {
        let Some(found) = self.required(scope, "customer") else { return String::new() };
        match found.value {
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(id) if id > 0 => id.to_string(),
                _ => {
                    self.wrong(&found, "must be an id above 0, or a name or reference in quotes");
                    String::new()
                }
            },
            _ => self.text(&found).unwrap_or_default(),
        }
    }

    fn match_products<'t>(&mut self, scope: &Scope<'t>) -> Vec<MatchProduct> {
        let both = || vec![MatchProduct::Barcode, MatchProduct::DefaultCode];
        let Some(found) = scope.find("match_products") else { return both() };
        let mut fields = Vec::new();
        for name in self.texts(scope, "match_products") {
            let field = match name.as_str() {
                "barcode" => MatchProduct::Barcode,
                "default_code" => MatchProduct::DefaultCode,
                _ => {
                    self.wrong(&found, "may hold \"barcode\" and \"default_code\" only");
                    return both();
                }
            };
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        if matches!(found.value, DeValue::Array(names) if names.is_empty()) {
            self.wrong(&found, "must name \"barcode\", \"default_code\" or both: by nothing no product is found");
        }
        fields
    }

    fn rounding<'t>(&mut self, scope: &Scope<'t>) -> Option<Rounding> {
        let found = scope.find("rounding")?;
        let DeValue::Table(table) = found.value else {
            self.wrong(&found, "must be a table, as { product = \"POS-ROUND\", limit = \"0.05\" }");
            return None;
        };
        let layer = Layer { label: format!("{}: rounding", found.label), table, at: found.at };
        self.known_keys(&layer, ROUNDING_KEYS, scope.owner);
        for key in ROUNDING_KEYS {
            if layer.find(key).is_none() {
                self.complain(&layer.label, found.at, format!("`{key}` is missing; write {{ product = \"POS-ROUND\", limit = \"0.05\" }}"));
            }
        }
        let product = layer.find("product").and_then(|product| self.text(&product));
        let limit = layer.find("limit").and_then(|limit| self.limit(&limit));
        Some(Rounding { product: product?, limit: limit? })
    }

    /// An amount of money: text, or a number, which is read by its digits and never as a float.
    fn limit(&mut self, found: &Found<'_>) -> Option<Decimal> {
        let digits = match found.value {
            DeValue::String(text) => text.as_ref(),
            DeValue::Float(number) => number.as_str(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            _ => "",
        };
        let amount = Decimal::from_str_exact(digits).ok();
        let fits = amount.filter(|amount| *amount > Decimal::ZERO && *amount <= Decimal::from(ROUNDING_MAX));
        if fits.is_none() {
            self.wrong(found, &format!("must be an amount above 0 and at most {ROUNDING_MAX}, as \"0.05\""));
        }
        fits
    }

    fn writers<'t>(&mut self, scope: &Scope<'t>) -> usize {
        let Some(found) = scope.find("writers") else { return WRITERS_DEFAULT };
        let number = match found.value {
            DeValue::Integer(number) => usize::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        match number {
            Some(number) if WRITERS.contains(&number) => number,
            _ => {
                self.wrong(&found, &format!("must be a number from {} to {}", WRITERS.start(), WRITERS.end()));
                WRITERS_DEFAULT
            }
        }
    }

    // Values of one kind.

    fn layer<'t>(&mut self, parent: &Layer<'t>, key: &'t str, label: &str) -> Option<Layer<'t>> {
        let found = parent.find(key)?;
        match found.value {
            DeValue::Table(table) => Some(Layer { label: label.to_owned(), table, at: found.at }),
            other => {
                let plural = if matches!(other, DeValue::Array(_)) { ", with single brackets" } else { "" };
                self.wrong(&found, &format!("must be a table; write [{key}…] on a line of its own{plural}"));
                None
            }
        }
    }

    fn required<'t>(&mut self, scope: &Scope<'t>, key: &'static str) -> Option<Found<'t>> {
        let found = scope.find(key);
        if found.is_none() {
            let hint = REQUIRED.iter().find(|(name, _)| *name == key).map_or("", |(_, hint)| *hint);
            let own = scope.own();
            self.complain(&own.label, own.at, format!("`{key}` is missing: {hint}"));
        }
        found
    }

    fn required_text<'t>(&mut self, scope: &Scope<'t>, key: &'static str) -> String {
        self.required(scope, key).and_then(|found| self.text(&found)).unwrap_or_default()
    }

    fn optional_text<'t>(&mut self, scope: &Scope<'t>, key: &'t str) -> Option<String> {
        scope.find(key).and_then(|found| self.text(&found))
    }

    fn text(&mut self, found: &Found<'_>) -> Option<String> {
        let DeValue::String(text) = found.value else {
            self.wrong(found, &format!("must be a text in quotes, not {}", kind(found.value)));
            return None;
        };
        let text = text.trim();
        if text.is_empty() {
            self.wrong(found, "is empty; fill it in or delete the line");
        } else if text.chars().count() > TEXT_MAX {
            self.wrong(found, &format!("is longer than {TEXT_MAX} characters"));
        } else if text.chars().any(char::is_control) {
            self.wrong(found, "has a control character in it, such as a tab or a line break; delete it");
        } else {
            return Some(text.to_owned());
        }
        None
    }

    fn texts<'t>(&mut self, scope: &Scope<'t>, key: &'t str) -> Vec<String> {
        let Some(found) = scope.find(key) else { return Vec::new() };
        let DeValue::Array(items) = found.value else {
            self.wrong(&found, &format!("must be a list, as [\"…\", \"…\"], not {}", kind(found.value)));
            return Vec::new();
        };
        let item = |value: &'t Spanned<DeValue<'t>>| Found {
            label: found.label.clone(),
            key: found.key.clone(),
            value: value.get_ref(),
            at: value.span().start,
        };
        items.iter().filter_map(|value| self.text(&item(value))).collect()
    }

    /// A table of texts; the defaults' entries stand under the branch's own.
    fn pairs<'t>(&mut self, scope: &Scope<'t>, key: &'t str) -> BTreeMap<String, String> {
        let mut pairs = BTreeMap::new();
        for layer in scope.layers.iter().rev() {
            let Some(found) = layer.find(key) else { continue };
            let DeValue::Table(table) = found.value else {
                self.wrong(&found, "must be a table of pairs, as \"at the branch\" = \"at central\"");
                continue;
            };
            for (name, value) in table.iter() {
                let path = format!("{key}.\"{}\"", clean(name.get_ref(), TEXT_MAX));
                if let Some(text) = self.text(&layer.found(path.into(), value)) {
                    pairs.insert(name.get_ref().trim().to_owned(), text);
                }
            }
        }
        pairs
    }

    fn flag<'t>(&mut self, scope: &Scope<'t>, key: &'t str, default: bool) -> bool {
        let Some(found) = scope.find(key) else { return default };
        let DeValue::Boolean(flag) = found.value else {
            self.wrong(&found, &format!("must be true or false, without quotes, not {}", kind(found.value)));
            return default;
        };
        *flag
    }

    /// One of a few words; the first is the default.
    fn choice<'t, T: Copy>(&mut self, scope: &Scope<'t>, key: &'t str, words: &[(&str, T)]) -> T {
        let default = words[0].1;
        let Some(found) = scope.find(key) else { return default };
        let Some(text) = self.text(&found) else { return default };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, value)) => *value,
            None => {
                let allowed: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
                self.wrong(&found, &format!("must be {}", allowed.join(" or ")));
                default
            }
        }
    }

    fn duration<'t>(&mut self, scope: &Scope<'t>, key: &'t str, limits: &Limits) -> Duration {
        let default = Duration::from_secs(limits.default);
        let Some(found) = scope.find(key) else { return default };
        let shortest = Duration::from_secs(*limits.range.start());
        let longest = Duration::from_secs(*limits.range.end());
        if let DeValue::Integer(number) = found.value {
            let digits = clean(number.as_str(), 12);
            self.wrong(&found, &format!("needs a unit and quotes, as \"{digits}s\" for seconds or \"{digits}m\" for minutes"));
            return default;
        }
        let Some(text) = self.text(&found) else { return default };
        let read = text.parse::<SignedDuration>().ok().and_then(|signed| Duration::try_from(signed).ok());
        match read {
            Some(duration) if (shortest..=longest).contains(&duration) => duration,
            Some(_) => {
                let (shortest, longest) = (plain(*limits.range.start()), plain(*limits.range.end()));
                self.wrong(&found, &format!("must lie between {shortest} and {longest}"));
                default
            }
            None => {
                self.wrong(&found, "is not a length of time; write it as \"90s\", \"15m\" or \"1h30m\"");
                default
            }
        }
    }

    // Complaints.

    fn known_keys(&mut self, layer: &Layer<'_>, known: &[&str], owner: &str) {
        for (key, _) in layer.table.iter().filter(|(key, _)| !known.contains(&key.get_ref().as_ref())) {
            let shown = clean(key.get_ref(), 40);
            let text = if looks_like_password(key.get_ref()) {
                format!("`{shown}`: passwords never stand in this file; delete the line and type: posbridge secret set {owner}")
            } else if let Some(near) = nearest(key.get_ref(), known) {
                format!("`{shown}` is not a key here; did you mean `{near}`?")
            } else if BRANCH_KEYS.contains(&key.get_ref().as_ref()) {
                format!("`{shown}` is a key of a branch; move it under [branch.CODE] or [defaults]")
            } else if CENTRAL_KEYS.contains(&key.get_ref().as_ref()) {
                format!("`{shown}` is a key of central; move it under [central]")
            } else {
                format!("`{shown}` is not a key here; known are {}", known.join(", "))
            };
            self.complain(&layer.label, key.span().start, text);
        }
    }

    /// About one value: `` `every` must lie … ``.
    fn wrong(&mut self, found: &Found<'_>, text: &str) {
        self.complain(&found.label, found.at, format!("`{}` {text}", found.key));
    }

    fn complain(&mut self, label: &str, at: usize, text: String) {
        self.complaints.push((at, if label.is_empty() { text } else { format!("{label}: {text}") }));
    }

    /// In the order of the file. A mistake in the defaults is met once for each branch and told once.
    fn into_error(mut self, text: &str, file: &Path) -> ConfigError {
        self.complaints.sort();
        self.complaints.dedup();
        let starts: Vec<usize> = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let place = |(at, words): (usize, String)| {
            let line = starts.partition_point(|&start| start <= at);
            let before = text.get(starts[line - 1]..at).unwrap_or_default();
            Complaint { line, column: before.chars().count() + 1, text: words }
        };
        ConfigError::Wrong { file: file.to_owned(), complaints: self.complaints.into_iter().map(place).collect() }
    }
}

/// The words of `protocol`.
const PROTOCOLS: [(&str, Option<Protocol>); 3] = [("auto", None), ("xmlrpc", Some(Protocol::XmlRpc)), ("json2", Some(Protocol::Json2))];

/// Stands in for an endpoint after a complaint.
fn nowhere() -> Endpoint {
    Endpoint {
        url: String::new(),
        database: String::new(),
        user: String::new(),
        timeout: Duration::from_secs(TIMEOUT.default),
        protocol: None,
        ca_file: None,
        allow_http: false,
    }
}

/// Host names differ in case and in a final dot and mean the same; so do the names of this machine.
fn identity(url: &Url, database: &str) -> Identity {
    let host = if is_loopback(url) { "localhost" } else { url.host_str().unwrap_or_default() };
    let host = host.trim_end_matches('.').to_lowercase();
    (host, url.port(), url.path().trim_end_matches('/').to_owned(), database.to_owned())
}

/// The host as an address, if it is one; the URL parser has read odd spellings such as 0xA9FEA9FE already.
fn address(url: &Url) -> Option<Ipv6Addr> {
    let host = url.host_str()?;
    let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).and_then(|host| host.parse().ok());
    v6.or_else(|| host.parse::<Ipv4Addr>().ok().map(|v4| v4.to_ipv6_mapped()))
}

fn is_loopback(url: &Url) -> bool {
    match address(url) {
        Some(address) => address.to_canonical().is_loopback(),
        None => {
            let host = url.host_str().unwrap_or_default().trim_end_matches('.');
            host == "localhost" || host.ends_with(".localhost")
        }
    }
}

/// Addresses that machines of a cloud hand out credentials at.
fn is_link_local(url: &Url) -> bool {
    const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    address(url).is_some_and(|address| match address.to_ipv4_mapped() {
        Some(v4) => v4.is_link_local(),
        None => address.is_unicast_link_local() || address == METADATA,
    })
}

/// Fields of a cron line, seconds first: smallest and largest number, and the names that may stand for numbers.
const CRON_FIELDS: [(&str, u8, u8, &str); 6] = [
    ("second", 0, 59, ""),
    ("minute", 0, 59, ""),
    ("hour", 0, 23, ""),
    ("day", 1, 31, ""),
    ("month", 1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"),
    ("weekday", 0, 7, "sun mon tue wed thu fri sat"),
];

/// Checks a line of 5 fields (minute first) or 6 (second first): `*`, numbers, names, ranges, steps, lists; and that it ever comes.
fn check_cron(line: &str) -> Result<(), String> {
    check_cron_fields(line)?;
    let cron = line.parse::<Cron>().map_err(|error| format!("cannot be read: {}", clean(&error.to_string(), TEXT_MAX)))?;
    // It is looked for over centuries, so whatever the calendar has is found.
    let some_day = Date::constant(2026, 1, 1).to_zoned(TimeZone::UTC).ok();
    match some_day.map(|from| cron.find_next_occurrence(&from, true)) {
        Some(Err(_)) => Err("names a day that never comes, such as February 30; passes would never start".to_owned()),
        _ => Ok(()),
    }
}

fn check_cron_fields(line: &str) -> Result<(), String> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    if !(5..=6).contains(&fields.len()) {
        return Err(format!("has {} fields, a cron line has 5 (minute hour day month weekday) or 6 (seconds first)", fields.len()));
    }
    // Rust would also take a sign, which cron lines do not have.
    let whole = |text: &str| text.parse::<u8>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    for (field, (unit, low, high, names)) in fields.iter().zip(&CRON_FIELDS[6 - fields.len()..]) {
        let number = |text: &str| match names.split(' ').position(|name| name.eq_ignore_ascii_case(text)) {
            Some(position) if !text.is_empty() => Some(position as u8 + low),
            _ => whole(text).filter(|number| (low..=high).contains(&number)),
        };
        let fits = |part: &str| {
            let (span, step) = part.split_once('/').unwrap_or((part, "1"));
            let step_fits = whole(step).is_some_and(|step| step > 0);
            let span_fits = match span.split_once('-') {
                Some((from, to)) => number(from).zip(number(to)).is_some_and(|(from, to)| from <= to),
                None => span == "*" || number(span).is_some(),
            };
            step_fits && span_fits
        };
        if !field.split(',').all(fits) {
            return Err(format!("has no valid {unit}: {:?}; allowed are {low} to {high}, *, lists, ranges and steps", clean(field, 40)));
        }
    }
    Ok(())
}

fn looks_like_password(key: &str) -> bool {
    let key = key.to_lowercase().replace(['-', '_'], "");
    ["password", "passwd", "passphrase", "pwd", "secret", "apikey", "token", "credential"].iter().any(|word| key.contains(word))
}

/// The known key that a person most likely meant: a few letters off, or one that begins alike.
fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let key = key.to_lowercase().replace('-', "_");
    let allowed = 1 + key.chars().count() / 4;
    let near = known.iter().map(|&candidate| (distance(&key, candidate), candidate)).min();
    let alike = || known.iter().copied().find(|known| key.len() > 3 && (key.starts_with(known) || known.starts_with(&key)));
    near.filter(|(distance, _)| *distance <= allowed).map(|(_, candidate)| candidate).or_else(alike)
}

/// How many letters to change, add or drop (Levenshtein). Keys longer than any of ours are far from all of them.
fn distance(a: &str, b: &str) -> usize {
    const LONGEST: usize = 32;
    let b: Vec<char> = b.chars().collect();
    if a.chars().count() > LONGEST {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let change = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// A TOML type in words.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Seconds as people write them: `15 minutes`.
fn plain(seconds: u64) -> String {
    let (number, unit) = match seconds {
        s if s % 3_600 == 0 => (s / 3_600, "hour"),
        s if s % 60 == 0 => (s / 60, "minute"),
        s => (s, "second"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

/// All keys of the file, once each.
#[cfg(test)]
pub(super) fn every_key() -> Vec<&'static str> {
    let mut keys =
        [TOP_KEYS, CENTRAL_KEYS, BRANCH_KEYS, &send::every_key(), monitoring::KEYS, dashboard::KEYS, &alerts::every_key(), retention::KEYS]
            .concat();
    keys.sort_unstable();
    keys.dedup();
    keys
}
