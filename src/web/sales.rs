//! What the branches sold: by branch, day, hour, cashier, payment method and product, with the cash of the sessions; as a
//! page with charts, and as files.

mod tables;

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::{Html, IntoResponse, Response};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use self::tables::{Chosen, Table};
use super::csv;
use super::dashboard::App;
use super::error::PageError;
use super::guard::{Page, Route, Tab, Visitor, encoded};
use super::texts::{SalesTexts, fill};
use super::time::{money, number};
use crate::config::{Branch, Config};
use crate::model::{BranchCode, Language};
use crate::problem::clean;
use crate::sales::Totals;
use crate::store::{LONGEST_SPAN, Role, SalesDetail, SalesRow, SessionRow, Store, StoreError};

/// Days of branches whose hours, cashiers, methods and products are read for one page: each is a report of its own of some
/// kilobytes, and so many are added up within the 50 ms that a page may take.
const MOST_DETAILED: usize = 500;
/// The same for a file, for which people wait longer.
const MOST_DETAILED_IN_FILE: usize = 31_000;
/// Products of a file. A day keeps two hundred.
const MOST_PRODUCTS_IN_FILE: usize = 10_000;
/// Sessions of a file: a thousand branches' of some days.
const MOST_SESSIONS_IN_FILE: usize = 10_000;
/// Zones that are named; more are counted.
const NAMED_ZONES: usize = 3;
/// Longest query: some hundred names of branches.
const QUERY_MAX: usize = 4_000;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get(Role::Viewer, "/sales", page), Route::get(Role::Viewer, "/sales.csv", file)]
}

/// What is asked for in the address. Whatever makes no sense in it counts as not said.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Asked {
    branch: String,
    span: String,
    from: Option<Date>,
    to: Option<Date>,
    currency: String,
    table: String,
}

impl Asked {
    fn of(query: Option<&str>) -> Result<Self, PageError> {
        let query = query.unwrap_or_default();
        if query.len() > QUERY_MAX {
            return Err(PageError::BadRequest);
        }
        let mut asked = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let date = || value.parse::<Date>().ok().filter(|day| (2000..=2200).contains(&day.year()));
            match &*key {
                // Named again, it is one more.
                "branch" if !asked.branch.is_empty() => asked.branch = format!("{},{value}", asked.branch),
                "branch" => asked.branch = value.into_owned(),
                "span" => asked.span = value.into_owned(),
                "from" => asked.from = date(),
                "to" => asked.to = date(),
                "currency" => asked.currency = value.into_owned(),
                "table" => asked.table = value.into_owned(),
                _ => {}
            }
        }
        Ok(asked)
    }

    /// The address of the same with something else.
    fn address(&self, path: &str, from: Date, to: Date, more: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !self.branch.is_empty() {
            query.append_pair("branch", &self.branch);
        }
        query.append_pair("from", &from.to_string()).append_pair("to", &to.to_string());
        query.extend_pairs(more);
        format!("{path}?{}", query.finish())
    }
}

/// A span of days that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Span {
    Today,
    Yesterday,
    Week,
    Month,
}

impl Span {
    const ALL: [(Span, &'static str); 4] =
        [(Span::Today, "today"), (Span::Yesterday, "yesterday"), (Span::Week, "week"), (Span::Month, "month")];

    fn label(self, t: &SalesTexts) -> &'static str {
        match self {
            Span::Today => t.today,
            Span::Yesterday => t.yesterday,
            Span::Week => t.week,
            Span::Month => t.month,
        }
    }

    /// First and last day. A week begins on Monday.
    fn days(self, today: Date) -> (Date, Date) {
        match self {
            Span::Today => (today, today),
            Span::Yesterday => (today.saturating_sub(1.day()), today.saturating_sub(1.day())),
            Span::Week => (today.saturating_sub(i64::from(today.weekday().to_monday_zero_offset()).days()), today),
            Span::Month => (today.first_of_month(), today),
        }
    }
}

/// What a look is about: which branches, and which days.
struct Scope {
    /// `None` = all.
    branches: Option<Vec<BranchCode>>,
    /// Words that no branch answers to.
    unknown: Vec<String>,
    from: Date,
    to: Date,
    /// Whether the span was cut.
    is_cut: bool,
    today: Date,
    zones: Vec<String>,
}

impl Scope {
    fn of(asked: &Asked, config: &Config, now: Timestamp) -> Self {
        let (chosen, unknown) = choose(&asked.branch, config);
        // Today is that of the first branch: branches whose days differ lie an ocean apart.
        let first = chosen.as_deref().unwrap_or(&[]).first().copied().or(config.branches.first());
        let today = first.map_or(&TimeZone::UTC, |branch| &branch.timezone).to_datetime(now).date();
        let named = Span::ALL.iter().find(|(_, name)| *name == asked.span).map(|(span, _)| span.days(today));
        let (from, to) = named.unwrap_or_else(|| {
            let to = asked.to.or(asked.from).unwrap_or(today);
            (asked.from.unwrap_or(to), to)
        });
        let (from, to) = (from.min(to), from.max(to));
        let earliest = to.saturating_sub((LONGEST_SPAN - 1).days());
        let all: Vec<&Branch> = config.branches.iter().collect();
        let zones: BTreeSet<String> = chosen.as_ref().unwrap_or(&all).iter().map(|branch| zone_name(&branch.timezone, now)).collect();
        Self {
            branches: chosen.map(|chosen| chosen.iter().map(|branch| branch.code.clone()).collect()),
            unknown,
            from: from.max(earliest),
            to,
            is_cut: from < earliest,
            today,
            zones: zones.into_iter().collect(),
        }
    }
}

/// The branches that somebody names, by code, name, or a part of either; none named = all.
fn choose<'c>(words: &str, config: &'c Config) -> (Option<Vec<&'c Branch>>, Vec<String>) {
    let words: Vec<String> = words.split(',').map(|word| word.trim().to_lowercase()).filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        return (None, Vec::new());
    }
    let (mut chosen, mut unknown) = (BTreeMap::new(), Vec::new());
    for word in words {
        let by = |fits: &dyn Fn(&Branch) -> bool| config.branches.iter().filter(|branch| fits(branch)).collect::<Vec<_>>();
        let mut found = by(&|branch| branch.code.as_str() == word || branch.name.to_lowercase() == word);
        if found.is_empty() {
            found = by(&|branch| branch.code.as_str().contains(&word) || branch.name.to_lowercase().contains(&word));
        }
        if found.is_empty() {
            unknown.push(clean(&word, 40));
        }
        chosen.extend(found.into_iter().map(|branch| (branch.code.clone(), branch)));
    }
    (Some(chosen.into_values().collect()), unknown)
}

fn zone_name(zone: &TimeZone, now: Timestamp) -> String {
    zone.iana_name().map_or_else(|| now.to_zoned(zone.clone()).strftime("%Z").to_string(), str::to_owned)
}

/// What was read for a look.
struct Looked {
    rows: Vec<SalesRow>,
    /// `None` = too many days of branches to take them apart.
    detail: Option<BTreeMap<String, SalesDetail>>,
    sessions: Vec<(String, SessionRow)>,
    uncounted: usize,
    currencies: Vec<String>,
    currency: String,
}

/// How much is read of each part.
#[derive(Clone, Copy)]
struct Most {
    detailed: usize,
    products: usize,
    sessions: usize,
}

fn look(store: &Store, scope: &Scope, currency: &str, most: Most) -> Result<Looked, StoreError> {
    let branches = scope.branches.as_deref();
    let mut rows = store.sales(branches, scope.from, scope.to)?;
    let mut orders: BTreeMap<&str, u64> = BTreeMap::new();
    rows.iter().for_each(|row| *orders.entry(&row.currency).or_default() += row.totals.orders);
    let mut currencies: Vec<(&str, u64)> = orders.into_iter().collect();
    currencies.sort_by_key(|(name, orders)| (std::cmp::Reverse(*orders), *name));
    let currencies: Vec<String> = currencies.into_iter().map(|(name, _)| name.to_owned()).collect();
    let currency = currencies.iter().find(|known| *known == currency).or(currencies.first()).cloned().unwrap_or_default();
    rows.retain(|row| row.currency == currency);
    let detail = store.sales_in_detail(&rows, most.products, most.detailed)?;
    let sessions = store.sessions_begun(branches, scope.from, scope.to, most.sessions)?;
    Ok(Looked { rows, detail, sessions, uncounted: store.uncounted()?, currencies, currency })
}

#[derive(Template)]
#[template(path = "sales.html", config = "src/web/askama.toml")]
struct SalesPage {
    page: Page,
    t: &'static SalesTexts,
    zones: String,
    which: String,
    from: Date,
    to: Date,
    span: String,
    presets: Vec<(&'static str, String, bool)>,
    currencies: Vec<(String, String, bool)>,
    notices: Vec<String>,
    figures: Vec<(&'static str, String)>,
    tables: Vec<Shown>,
}

/// A table as the page shows it; of each header and cell, whether it is a number.
struct Shown {
    key: &'static str,
    title: &'static str,
    about: String,
    empty: &'static str,
    chart: String,
    headers: Vec<(&'static str, bool)>,
    rows: Vec<Vec<(String, bool)>>,
    more: Option<String>,
    csv: String,
}

async fn page(State(app): State<App>, visitor: Visitor, RawQuery(query): RawQuery) -> Result<Response, PageError> {
    let asked = Asked::of(query.as_deref())?;
    let (bridge, now) = (app.bridge(), Timestamp::now());
    let (language, t) = (visitor.language, SalesTexts::of(visitor.language));
    let (html, around) = (asked.clone(), visitor.page(&app, Tab::Sales));
    // Charts are work too, so they are drawn off the runtime's threads with the rest.
    let made = app.store.run(move |store| {
        let scope = Scope::of(&html, &bridge.config, now);
        let most = Most { detailed: MOST_DETAILED, products: tables::SHOWN_PRODUCTS, sessions: tables::SHOWN_SESSIONS + 1 };
        let looked = look(store, &scope, &html.currency, most)?;
        Ok(shown(&html, &scope, &looked, &bridge.config, around, t, language))
    });
    Ok(Html(made.await?.render()?).into_response())
}

fn shown(
    asked: &Asked,
    scope: &Scope,
    looked: &Looked,
    config: &Config,
    page: Page,
    t: &'static SalesTexts,
    language: Language,
) -> SalesPage {
    let chosen = Chosen { t, language, config, looked };
    let tables = tables::ALL.iter().filter_map(|make| make(&chosen)).map(|table| show(table, asked, scope, &looked.currency, t, language));
    let to = |from: Date, to: Date, more: &[(&str, &str)]| asked.address("/sales", from, to, more);
    SalesPage {
        zones: fill(t.zones, &[&zones(&scope.zones)]),
        which: asked.branch.clone(),
        from: scope.from,
        to: scope.to,
        span: match scope.from == scope.to {
            true => scope.from.to_string(),
            false => fill(t.span, &[&scope.from, &scope.to]),
        },
        presets: Span::ALL
            .into_iter()
            .map(|(span, name)| {
                let branch = if asked.branch.is_empty() { String::new() } else { format!("&branch={}", encoded(&asked.branch)) };
                (span.label(t), format!("/sales?span={name}{branch}"), span.days(scope.today) == (scope.from, scope.to))
            })
            .collect(),
        currencies: match looked.currencies.len() {
            0 | 1 => Vec::new(),
            _ => looked
                .currencies
                .iter()
                .map(|name| (clean(name, 20), to(scope.from, scope.to, &[("currency", name)]), *name == looked.currency))
                .collect(),
        },
        notices: notices(scope, looked, t, language),
        figures: figures(looked, t, language),
        tables: tables.collect(),
        page,
        t,
    }
}

fn zones(zones: &[String]) -> String {
    let more = zones.len().saturating_sub(NAMED_ZONES);
    let named = zones.iter().take(NAMED_ZONES).cloned().collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{named}, +{more}") } else { named }
}

fn notices(scope: &Scope, looked: &Looked, t: &SalesTexts, language: Language) -> Vec<String> {
    let count = |count: usize| number(count as u64, language);
    let mut notices: Vec<String> = scope.unknown.iter().map(|word| fill(t.unknown, &[word])).collect();
    if scope.is_cut {
        notices.push(fill(t.too_long, &[&LONGEST_SPAN]));
    }
    if looked.uncounted > 0 {
        notices.push(fill(t.uncounted, &[&count(looked.uncounted)]));
    }
    match &looked.detail {
        None => notices.push(fill(t.too_many, &[&count(MOST_DETAILED), &count(looked.rows.len())])),
        Some(detail) => {
            let forgotten: u64 = detail.values().map(|detail| detail.report.forgotten).sum();
            if forgotten > 0 {
                notices.push(fill(t.forgotten, &[&number(forgotten, language)]));
            }
        }
    }
    notices
}

fn figures(looked: &Looked, t: &'static SalesTexts, language: Language) -> Vec<(&'static str, String)> {
    if looked.rows.is_empty() {
        return Vec::new();
    }
    let mut all = Totals::default();
    looked.rows.iter().for_each(|row| all.add(&row.totals));
    let currency = clean(&looked.currency, 20);
    let amount = |amount| format!("{} {currency}", money(amount, language));
    let average = all.amount.checked_div(all.orders.into()).unwrap_or_default().round_dp(2);
    vec![
        (t.orders, number(all.orders, language)),
        (t.amount, amount(all.amount)),
        (t.average, amount(average)),
        (t.refunds, number(all.refunds, language)),
        (t.refunded, amount(all.refunded)),
    ]
}

fn show(table: Table, asked: &Asked, scope: &Scope, currency: &str, t: &SalesTexts, language: Language) -> Shown {
    let (key, most) = (table.key, table.most);
    let more = table.rows.len().saturating_sub(most);
    let rows = if table.newest_last { &table.rows[more..] } else { &table.rows[..table.rows.len() - more] };
    Shown {
        key,
        title: table.title,
        about: table.about,
        empty: table.empty,
        chart: table.chart,
        headers: table.headers,
        rows: rows.iter().map(|row| row.iter().map(|cell| cell.shown(language)).collect()).collect(),
        more: (more > 0).then(|| fill(t.more, &[&number(more as u64, language)])),
        csv: asked.address("/sales.csv", scope.from, scope.to, &[("currency", currency), ("table", key)]),
    }
}

async fn file(State(app): State<App>, visitor: Visitor, RawQuery(query): RawQuery) -> Result<Response, PageError> {
    let asked = Asked::of(query.as_deref())?;
    let (bridge, now) = (app.bridge(), Timestamp::now());
    let (language, t) = (visitor.language, SalesTexts::of(visitor.language));
    let made = app.store.run(move |store| {
        let scope = Scope::of(&asked, &bridge.config, now);
        let most = Most { detailed: MOST_DETAILED_IN_FILE, products: MOST_PRODUCTS_IN_FILE, sessions: MOST_SESSIONS_IN_FILE };
        let looked = look(store, &scope, &asked.currency, most)?;
        let chosen = Chosen { t, language, config: &bridge.config, looked: &looked };
        let table = tables::ALL.iter().filter_map(|make| make(&chosen)).find(|table| table.key == asked.table);
        Ok(table.map(|table| {
            let headers: Vec<&str> = table.headers.iter().map(|(name, _)| *name).chain([t.currencies]).collect();
            let rows = table.rows.iter().map(|row| {
                let own = row.iter().map(tables::Cell::plain);
                own.chain([looked.currency.clone()]).collect::<Vec<String>>()
            });
            csv::download(&format!("sales-{}-{}-{}", table.key, scope.from, scope.to), &headers, rows)
        }))
    });
    made.await?.ok_or(PageError::NotFound)
}

#[cfg(test)]
mod tests;
