//! What a draft has to hold, worked out from the branch's tables by code of its own: the table of rules is that of the
//! README, the arithmetic is the stand-in's on both sides.

use std::collections::BTreeSet;

use posbridge::demo::table::Database;
use posbridge::demo::{Value, sale, tax};
use rust_decimal::Decimal;
use rust_decimal::prelude::RoundingStrategy;
use sha2::{Digest, Sha256};

/// An order as central should have it.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// The branch's code.
    pub code: String,
    pub id: i64,
    /// What tells it from another sale under the same id: its uuid, or before Odoo 18 a hash of its receipt.
    pub witness: String,
    pub state: String,
    pub date: String,
    pub reference: String,
    pub origin: String,
    pub total: Decimal,
    /// The customer's `ref` and name at the branch.
    pub customer: Option<(String, String)>,
    /// The employee's name, or else the login's name, and the names by which the salesperson is looked up.
    pub cashier: Option<String>,
    pub sellers: Vec<String>,
    pub lines: Vec<Line>,
    pub payments: Vec<String>,
    pub refund_of: Option<String>,
    pub invoice: Option<String>,
    pub note: Option<String>,
    pub shop: String,
    pub session_state: String,
    /// Whether central comes to another total by its own decimals.
    pub fine: bool,
    /// Whether the till rounded the total.
    pub cash_rounded: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    Note(String),
    Product { code: String, text: String, qty: Decimal, price: Decimal, discount: Decimal, taxes: BTreeSet<String> },
}

/// Reads fields of one record.
pub struct Reader<'a> {
    db: &'a Database,
    model: &'static str,
    id: i64,
}

impl<'a> Reader<'a> {
    pub fn new(db: &'a Database, model: &'static str, id: i64) -> Self {
        Self { db, model, id }
    }

    pub fn value(&self, field: &str) -> Value {
        self.db.stored(self.model, self.id, field)
    }

    /// Text; empty when there is none.
    pub fn text(&self, field: &str) -> String {
        match self.value(field) {
            Value::Bool(false) => String::new(),
            Value::Time(micros) => posbridge::demo::time::text(micros),
            other => other.python_str(),
        }
    }

    pub fn some(&self, field: &str) -> Option<String> {
        Some(self.text(field)).filter(|text| !text.trim().is_empty())
    }

    pub fn number(&self, field: &str) -> Decimal {
        self.value(field).as_decimal().unwrap_or_default()
    }

    pub fn link(&self, field: &str) -> Option<i64> {
        self.value(field).as_int()
    }

    /// The records of another model whose `field` points here, by id.
    pub fn children(&self, model: &str, field: &str) -> Vec<i64> {
        let Some(of) = self.db.model(model) else { return Vec::new() };
        let (Some(table), Some(column)) = (self.db.table(of), of.column(field)) else { return Vec::new() };
        let mut ids: Vec<i64> = match table.pointing_to(column, self.id) {
            Some(ids) => ids.collect(),
            None => table.rows().iter().filter(|(_, row)| row.get(column).as_int() == Some(self.id)).map(|(id, _)| *id).collect(),
        };
        ids.sort_unstable();
        ids
    }

    fn at(&self, model: &'static str, id: i64) -> Reader<'a> {
        Reader::new(self.db, model, id)
    }
}

/// The ids of a model.
pub fn ids(db: &Database, model: &str) -> Vec<i64> {
    let table = db.model(model).and_then(|model| db.table(model));
    table.map(|table| table.rows().keys().copied().collect()).unwrap_or_default()
}

/// As Odoo rounds: half away from zero.
pub fn rounded(number: Decimal) -> Decimal {
    number.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}

fn money(number: Decimal) -> String {
    let number = number.normalize();
    if number.scale() < 2 { format!("{number:.2}") } else { number.to_string() }
}

/// The first half of the SHA-256 of texts, each after its length in 8 bytes, the lowest first (README.md of the project, external ids).
fn hash(texts: &[&str]) -> String {
    let mut bytes = Vec::new();
    for text in texts {
        bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    Sha256::digest(&bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// What a branch's order has to become.
pub fn expected(db: &Database, code: &str, id: i64) -> Expected {
    let order = Reader::new(db, "pos.order", id);
    let employee = order.link("employee_id").map(|id| order.at("hr.employee", id).text("name"));
    let user = order.link("user_id").map(|id| order.at("res.users", id));
    let customer = order.link("partner_id").map(|id| order.at("res.partner", id)).map(|c| (c.text("ref"), c.text("name")));
    let session = order.link("session_id").map(|id| order.at("pos.session", id));
    let payments = order.children("pos.payment", "pos_order_id").into_iter().map(|id| {
        let payment = order.at("pos.payment", id);
        if payment.value("is_change").truthy() {
            return format!("change {}", money(-payment.number("amount")));
        }
        let method = payment.link("payment_method_id").map(|id| order.at("pos.payment.method", id).text("name"));
        format!("{} {}", method.unwrap_or_default(), money(payment.number("amount")))
    });
    let reference = order.some("pos_reference").unwrap_or_else(|| order.text("name"));
    let line_ids = order.children("pos.order.line", "order_id");
    let total = rounded(order.number("amount_total"));
    let refund_of = refunded(&order, &line_ids, total);
    let linked = line_ids.iter().any(|id| order.at("pos.order.line", *id).link("refunded_orderline_id").is_some());
    let lines: Vec<Line> = line_ids.iter().map(|id| line(db, *id, refund_of.as_deref(), linked)).collect();
    let exact = |line: &Line| match line {
        Line::Note(_) => true,
        Line::Product { qty, price, discount, .. } => [qty, price, discount].iter().all(|number| number.normalize().scale() <= 2),
    };
    Expected {
        code: code.to_owned(),
        id,
        witness: if db.version.has_uuid() {
            order.text("uuid")
        } else {
            let session = session.as_ref().map(|session| session.text("name")).unwrap_or_default();
            hash(&[&order.text("pos_reference"), &order.text("date_order"), &session])
        },
        state: order.text("state"),
        date: order.text("date_order"),
        reference: format!("{code}/{reference}"),
        origin: session.as_ref().map(|session| session.text("name")).unwrap_or_default(),
        total,
        customer,
        cashier: employee.clone().or_else(|| user.as_ref().map(|user| user.text("name"))),
        sellers: [employee, user.as_ref().map(|user| user.text("login"))].into_iter().flatten().map(|name| name.to_lowercase()).collect(),
        fine: !lines.iter().all(exact),
        cash_rounded: total.abs() != total_of_lines(db, order.link("company_id").unwrap_or(1), &line_ids).abs(),
        lines,
        payments: payments.collect(),
        refund_of,
        invoice: order.value("account_move").as_int().map(|id| db.display_name("account.move", id)),
        note: order.some("general_customer_note"),
        shop: order.link("config_id").map(|id| order.at("pos.config", id).text("name")).unwrap_or_default(),
        session_state: session.map(|session| session.text("state")).unwrap_or_default(),
    }
}

/// What the lines come to together. The totals of single lines would not do: where taxes are rounded for the whole order, they can differ
/// from it by as much as a till rounds.
fn total_of_lines(db: &Database, company: i64, ids: &[i64]) -> Decimal {
    let rounding = sale::rounding(db, company);
    let taxed = ids.iter().map(|id| {
        let line = Reader::new(db, "pos.order.line", *id);
        let taxes = sale::taxes(db, &line.value("tax_ids_after_fiscal_position").ids());
        let (price_unit, quantity, discount) = (line.number("price_unit"), line.number("qty"), line.number("discount"));
        tax::line_taxes(&tax::Line { price_unit, quantity, discount, taxes }, rounding)
    });
    tax::order_totals(&taxed.collect::<Vec<_>>(), rounding).total()
}

/// The names of the orders that a refund gives back. Up to 17 only its lines tell, and in 14 the receipt alone, when one order has it.
fn refunded(order: &Reader<'_>, lines: &[i64], total: Decimal) -> Option<String> {
    let has = |model: &str, field: &str| order.db.model(model).is_some_and(|model| model.shows(field));
    let name = |id: i64| order.at("pos.order", id).text("name");
    if has("pos.order", "refunded_order_id") {
        return order.link("refunded_order_id").map(name);
    }
    let mut originals: Vec<i64> = Vec::new();
    if has("pos.order.line", "refunded_orderline_id") {
        for line in lines.iter().filter_map(|id| order.at("pos.order.line", *id).link("refunded_orderline_id")) {
            originals.extend(order.at("pos.order.line", line).link("order_id").filter(|original| !originals.contains(original)));
        }
    } else if total < Decimal::ZERO {
        let (receipt, before) = (order.text("pos_reference"), ids(order.db, "pos.order").into_iter().filter(|id| *id < order.id));
        let same = |other: &Reader<'_>| other.text("pos_reference") == receipt && other.number("amount_total") > Decimal::ZERO;
        originals = before.filter(|id| same(&order.at("pos.order", *id))).collect();
        originals.truncate(if originals.len() == 1 { 1 } else { 0 });
    }
    let names: Vec<String> = originals.into_iter().map(name).collect();
    Some(names.join(", ")).filter(|names| !names.is_empty())
}

fn line(db: &Database, id: i64, refund_of: Option<&str>, linked: bool) -> Line {
    let line = Reader::new(db, "pos.order.line", id);
    let product = line.link("product_id").unwrap_or(0);
    let mut text = line.some("full_product_name").unwrap_or_else(|| db.display_name("product.product", product));
    if let Some(note) = line.some("customer_note") {
        text = format!("{text}\n{note}");
    }
    let lots: Vec<String> = line
        .children("pos.pack.operation.lot", "pos_order_line_id")
        .into_iter()
        .map(|lot| Reader::new(db, "pos.pack.operation.lot", lot).text("lot_name"))
        .collect();
    if !lots.is_empty() {
        text = format!("{text}\nLot/Serial: {}", lots.join(", "));
    }
    let gives_back = if linked { line.link("refunded_orderline_id").is_some() } else { line.number("qty") < Decimal::ZERO };
    if let (Some(of), true) = (refund_of, gives_back) {
        text = format!("{text}\nRefund of {of}");
    }
    let heads_combo = !line.children("pos.order.line", "combo_parent_id").is_empty();
    let (qty, price) = (line.number("qty"), line.number("price_unit"));
    if heads_combo && price.is_zero() {
        return Line::Note(format!("{} × {text}", qty.normalize()));
    }
    let taxes = line.value("tax_ids_after_fiscal_position").ids();
    Line::Product {
        code: Reader::new(db, "product.product", product).text("default_code"),
        text,
        qty,
        price,
        discount: line.number("discount"),
        taxes: taxes.into_iter().map(|tax| db.display_name("account.tax", tax)).collect(),
    }
}

impl Expected {
    /// The external id, without the module.
    pub fn key(&self) -> String {
        format!("{}-{}-{}", self.code, self.id, self.witness)
    }

    /// The closing note; `known` = central knows the customer.
    pub fn closing_note(&self, known: bool) -> String {
        let paid = if self.payments.is_empty() { "nothing".to_owned() } else { self.payments.join(", ") };
        let mut note = format!("Paid: {paid}");
        if let Some(cashier) = &self.cashier {
            note = format!("{note}; cashier {cashier}");
        }
        if let (Some((_, name)), false) = (&self.customer, known) {
            note = format!("{note}\nCustomer at the till: {name}");
        }
        match &self.refund_of {
            Some(of) => note = format!("{note}\nRefund of {of}"),
            None if self.total < Decimal::ZERO => note.push_str("\nRefund"),
            None => {}
        }
        if let Some(invoice) = &self.invoice {
            let number = if invoice.is_empty() { String::new() } else { format!(" as {invoice}") };
            note = format!("{note}\nInvoiced at the branch{number}: do not invoice again");
        }
        if let Some(text) = &self.note {
            note = format!("{note}\nNote: {text}");
        }
        note
    }

    /// The products it names.
    pub fn products(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().filter_map(|line| match line {
            Line::Note(_) => None,
            Line::Product { code, .. } => Some(code.as_str()),
        })
    }
}

/// The first record whose field reads so.
pub fn find(db: &Database, model: &'static str, field: &str, text: &str) -> Option<i64> {
    ids(db, model).into_iter().find(|id| Reader::new(db, model, *id).text(field) == text)
}
