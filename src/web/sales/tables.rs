//! The tables of the sales, each as rows that the page and the file share, with its chart.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use super::Looked;
use crate::config::Config;
use crate::model::{Amount, Language};
use crate::problem::clean;
use crate::sales::{Share, Totals};
use crate::store::SalesDetail;
use crate::sync::sessions::SessionProof;
use crate::web::chart;
use crate::web::texts::{SalesTexts, fill};
use crate::web::time::{moment, money, number};

/// Rows that the page shows of each table, so that it stays below 100 KB; the files have all.
const SHOWN_BRANCHES: usize = 50;
const SHOWN_DAYS: usize = 62;
const SHOWN_CASHIERS: usize = 25;
const SHOWN_METHODS: usize = 20;
pub const SHOWN_PRODUCTS: usize = 25;
pub const SHOWN_SESSIONS: usize = 40;
/// Longest name in a cell.
const NAME: usize = 60;

/// What the tables are made from.
pub struct Chosen<'l> {
    pub t: &'static SalesTexts,
    pub language: Language,
    pub config: &'l Config,
    pub looked: &'l Looked,
}

/// A table with its chart.
pub struct Table {
    pub key: &'static str,
    pub title: &'static str,
    pub about: String,
    /// What is said when it has no row.
    pub empty: &'static str,
    pub chart: String,
    /// Of each, whether it is a number.
    pub headers: Vec<(&'static str, bool)>,
    pub rows: Vec<Vec<Cell>>,
    /// Rows that the page shows.
    pub most: usize,
    /// The page shows the last ones.
    pub newest_last: bool,
}

/// What stands in a cell.
pub enum Cell {
    Text(String),
    Count(u64),
    Quantity(Decimal),
    Money(Amount),
    Nothing,
}

impl Cell {
    /// As the page shows it, and whether it is a number.
    pub fn shown(&self, language: Language) -> (String, bool) {
        match self {
            Cell::Text(text) => (clean(text, NAME), false),
            Cell::Count(count) => (number(*count, language), true),
            Cell::Quantity(quantity) => (quantity_text(*quantity, language), true),
            Cell::Money(amount) => (money(*amount, language), true),
            Cell::Nothing => ("–".to_owned(), true),
        }
    }

    /// As it stands in a file: numbers that every program reads.
    pub fn plain(&self) -> String {
        match self {
            Cell::Text(text) => clean(text, 200),
            Cell::Count(count) => count.to_string(),
            Cell::Quantity(quantity) => quantity.normalize().to_string(),
            Cell::Money(amount) => with_cents(*amount).to_string(),
            Cell::Nothing => String::new(),
        }
    }
}

fn with_cents(amount: Amount) -> Amount {
    let mut amount = amount.normalize();
    amount.rescale(amount.scale().max(2));
    amount
}

fn quantity_text(quantity: Decimal, language: Language) -> String {
    let text = quantity.normalize().to_string();
    if language == Language::German { text.replace('.', ",") } else { text }
}

/// Each table, if it can be made from what was read.
pub const ALL: [fn(&Chosen<'_>) -> Option<Table>; 7] = [by_branch, by_day, by_hour, by_cashier, by_method, by_product, sessions];

const TEXT: bool = false;
const NUMBER: bool = true;

impl Chosen<'_> {
    fn detail(&self) -> Option<&SalesDetail> {
        self.looked.detail.as_ref().and_then(|detail| detail.get(&self.looked.currency))
    }

    fn branch_name(&self, code: &str) -> String {
        self.config.branch(code).map_or_else(|| code.to_owned(), |branch| branch.name.clone())
    }

    fn chart(&self, title: &'static str, rows: &[(String, Amount)], draw: fn(&str, &str, &[(String, Decimal)]) -> String) -> String {
        let about = fill(self.t.chart_of, &[&title, &clean(&self.looked.currency, 20)]);
        if rows.len() < 2 { String::new() } else { draw(title, &about, rows) }
    }

    /// Totals by something, with their columns.
    fn totals_columns(&self) -> [(&'static str, bool); 4] {
        let t = self.t;
        [(t.orders, NUMBER), (t.amount, NUMBER), (t.refunds, NUMBER), (t.refunded, NUMBER)]
    }
}

fn totals_cells(totals: &Totals) -> [Cell; 4] {
    [Cell::Count(totals.orders), Cell::Money(totals.amount), Cell::Count(totals.refunds), Cell::Money(totals.refunded)]
}

fn share_cells(share: &Share) -> [Cell; 2] {
    [Cell::Count(share.count), Cell::Money(share.amount)]
}

fn by_branch(chosen: &Chosen<'_>) -> Option<Table> {
    let t = chosen.t;
    let mut sums: HashMap<&str, Totals> = HashMap::new();
    chosen.looked.rows.iter().for_each(|row| sums.entry(&row.branch).or_default().add(&row.totals));
    let mut sums: Vec<(&str, Totals)> = sums.into_iter().collect();
    sums.sort_by(|(a, x), (b, y)| y.amount.cmp(&x.amount).then(a.cmp(b)));
    let bars: Vec<(String, Amount)> = sums.iter().map(|(code, totals)| (chosen.branch_name(code), totals.amount)).collect();
    (!sums.is_empty()).then(|| Table {
        key: "branches",
        title: t.by_branch,
        about: String::new(),
        empty: "",
        chart: chosen.chart(t.by_branch, &bars, chart::bars),
        headers: [(t.branch, TEXT)].into_iter().chain(chosen.totals_columns()).collect(),
        rows: sums.iter().map(|(code, totals)| row(Cell::Text(chosen.branch_name(code)), totals_cells(totals))).collect(),
        most: SHOWN_BRANCHES,
        newest_last: false,
    })
}

fn by_day(chosen: &Chosen<'_>) -> Option<Table> {
    let t = chosen.t;
    let mut sums: BTreeMap<Date, Totals> = BTreeMap::new();
    chosen.looked.rows.iter().for_each(|row| sums.entry(row.day).or_default().add(&row.totals));
    let columns: Vec<(String, Amount)> = sums.iter().map(|(day, totals)| (day.strftime("%m-%d").to_string(), totals.amount)).collect();
    (!sums.is_empty()).then(|| Table {
        key: "days",
        title: t.by_day,
        about: String::new(),
        empty: "",
        chart: chosen.chart(t.by_day, &columns, chart::columns),
        headers: [(t.day, TEXT)].into_iter().chain(chosen.totals_columns()).collect(),
        rows: sums.iter().map(|(day, totals)| row(Cell::Text(day.to_string()), totals_cells(totals))).collect(),
        most: SHOWN_DAYS,
        newest_last: true,
    })
}

fn by_hour(chosen: &Chosen<'_>) -> Option<Table> {
    let t = chosen.t;
    let hours = &chosen.detail()?.report.hours;
    // Quiet hours between busy ones are columns of no height.
    let (first, last) = (*hours.keys().next()?, *hours.keys().next_back()?);
    let all: Vec<(String, Share)> =
        (first..=last).map(|hour| (format!("{hour:02}:00"), hours.get(&hour).copied().unwrap_or_default())).collect();
    let columns: Vec<(String, Amount)> = all.iter().map(|(hour, share)| (hour.clone(), share.amount)).collect();
    Some(Table {
        key: "hours",
        title: t.by_hour,
        about: String::new(),
        empty: "",
        chart: chosen.chart(t.by_hour, &columns, chart::columns),
        headers: vec![(t.hour, TEXT), (t.orders, NUMBER), (t.amount, NUMBER)],
        rows: all.into_iter().map(|(hour, share)| row(Cell::Text(hour), share_cells(&share))).collect(),
        most: 24,
        newest_last: false,
    })
}

fn by_cashier(chosen: &Chosen<'_>) -> Option<Table> {
    let t = chosen.t;
    let mut all: Vec<(&(String, String), &Share)> = chosen.detail()?.cashiers.iter().collect();
    all.sort_by(|(a, x), (b, y)| y.amount.cmp(&x.amount).then(a.cmp(b)));
    let name = |name: &str| if name.is_empty() { t.not_told.to_owned() } else { name.to_owned() };
    let bars: Vec<(String, Amount)> = all.iter().map(|((_, cashier), share)| (name(cashier), share.amount)).collect();
    let rows = all.iter().map(|((branch, cashier), share)| {
        let names = [Cell::Text(name(cashier)), Cell::Text(chosen.branch_name(branch))];
        names.into_iter().chain(share_cells(share)).collect()
    });
    Some(Table {
        key: "cashiers",
        title: t.by_cashier,
        about: String::new(),
        empty: "",
        chart: chosen.chart(t.by_cashier, &bars, chart::bars),
        headers: vec![(t.cashier, TEXT), (t.branch, TEXT), (t.orders, NUMBER), (t.amount, NUMBER)],
        rows: rows.collect(),
        most: SHOWN_CASHIERS,
        newest_last: false,
    })
}

fn by_method(chosen: &Chosen<'_>) -> Option<Table> {
    let t = chosen.t;
    let mut all: Vec<(&String, &Share)> = chosen.detail()?.report.methods.iter().collect();
    all.sort_by(|(a, x), (b, y)| y.amount.cmp(&x.amount).then(a.cmp(b)));
    let name = |name: &str| if name.is_empty() { t.not_told.to_owned() } else { name.to_owned() };
    let bars: Vec<(String, Amount)> = all.iter().map(|(method, share)| (name(method), share.amount)).collect();
    Some(Table {
        key: "methods",
        title: t.by_method,
        about: t.method_about.to_owned(),
        empty: "",
        chart: chosen.chart(t.by_method, &bars, chart::bars),
        headers: vec![(t.method, TEXT), (t.payments, NUMBER), (t.amount, NUMBER)],
        rows: all.iter().map(|(method, share)| row(Cell::Text(name(method)), share_cells(share))).collect(),
        most: SHOWN_METHODS,
        newest_last: false,
    })
}

fn by_product(chosen: &Chosen<'_>) -> Option<Table> {
    let t = chosen.t;
    let report = &chosen.detail()?.report;
    let bars: Vec<(String, Amount)> = report.products.iter().map(|product| (product.name.clone(), product.amount)).collect();
    let mut rows: Vec<Vec<Cell>> = report
        .products
        .iter()
        .map(|product| {
            vec![
                Cell::Text(product.name.clone()),
                Cell::Text(product.code.clone()),
                Cell::Quantity(product.qty),
                Cell::Quantity(product.returned),
                Cell::Money(product.amount),
            ]
        })
        .collect();
    if report.others.count > 0 {
        let others = fill(t.other_products, &[&number(report.others.count, chosen.language)]);
        rows.push(vec![Cell::Text(others), Cell::Text(String::new()), Cell::Nothing, Cell::Nothing, Cell::Money(report.others.amount)]);
    }
    Some(Table {
        key: "products",
        title: t.by_product,
        about: t.product_about.to_owned(),
        empty: "",
        chart: chosen.chart(t.by_product, &bars, chart::bars),
        headers: vec![(t.product, TEXT), (t.reference, TEXT), (t.quantity, NUMBER), (t.returned, NUMBER), (t.amount, NUMBER)],
        rows,
        most: SHOWN_PRODUCTS + 1,
        newest_last: false,
    })
}

fn sessions(chosen: &Chosen<'_>) -> Option<Table> {
    let t = chosen.t;
    let rows = chosen.looked.sessions.iter().filter_map(|(branch, session)| {
        let proof: SessionProof = serde_json::from_str(&session.report).ok()?;
        let zone = chosen.config.branch(branch).map_or(TimeZone::UTC, |branch| branch.timezone.clone());
        let at = |text: &Option<String>| text.as_deref().and_then(|text| local(text, &zone));
        let known = |amount: Option<Amount>| amount.map_or(Cell::Nothing, Cell::Money);
        let closed = if proof.state == "closed" { at(&proof.stop_at).unwrap_or_default() } else { t.still_open.to_owned() };
        Some(vec![
            Cell::Text(chosen.branch_name(branch)),
            Cell::Text(proof.name),
            Cell::Text(at(&proof.start_at).unwrap_or_default()),
            Cell::Text(closed),
            Cell::Count(proof.orders),
            Cell::Money(proof.orders_total),
            Cell::Money(proof.opening),
            known(proof.cash_moves),
            known(proof.expected),
            known(proof.closing),
            known(proof.difference),
            Cell::Text(proof.currency),
        ])
    });
    Some(Table {
        key: "sessions",
        title: t.sessions,
        about: t.sessions_about.to_owned(),
        empty: t.no_sessions,
        chart: String::new(),
        headers: vec![
            (t.branch, TEXT),
            (t.session, TEXT),
            (t.opened, TEXT),
            (t.closed, TEXT),
            (t.orders, NUMBER),
            (t.amount, NUMBER),
            (t.opening, NUMBER),
            (t.moves, NUMBER),
            (t.expected, NUMBER),
            (t.counted, NUMBER),
            (t.difference, NUMBER),
            (t.currencies, TEXT),
        ],
        rows: rows.collect(),
        most: SHOWN_SESSIONS,
        newest_last: false,
    })
}

fn row<const N: usize>(first: Cell, rest: [Cell; N]) -> Vec<Cell> {
    [first].into_iter().chain(rest).collect()
}

/// A time of Odoo's, in UTC, as the branch's clock showed it, with its zone.
fn local(utc: &str, zone: &TimeZone) -> Option<String> {
    let at: DateTime = utc.parse().ok()?;
    Some(moment(at.to_zoned(TimeZone::UTC).ok()?.timestamp(), zone))
}
