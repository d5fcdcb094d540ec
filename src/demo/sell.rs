//! Selling at a branch: what the till would have sent, stored as the Odoo of the branch stores it.

use rust_decimal::Decimal;

pub use super::chance::{Random, random_sale};
use super::fault::Fault;
use super::schema::{Kind, Model};
use super::table::{Database, Row};
use super::tax::{self, Line, LineTaxes};
use super::time::{self, SECOND};
use super::version::{self, Version};
use super::wire::Value;
use super::{records, sale};

/// Which signs a refund is stored with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundStyle {
    /// Odoo 19's till: quantity and total negative, the subtotals of lines positive.
    Till,
    /// The back office (and tills up to 18): everything negative.
    BackOffice,
}

/// One line of a sale.
#[derive(Debug, Clone)]
pub struct Item {
    code: String,
    qty: Decimal,
    price: Option<Decimal>,
    discount: Decimal,
    name: Option<String>,
    customer_note: Option<String>,
    taxes: Option<Vec<String>>,
    applied_taxes: Option<Vec<String>>,
    lots: Vec<String>,
    children: Vec<Item>,
    reward: bool,
    refunds: Option<i64>,
}

/// A decimal from its text; tests write them as literals, so a slip shows as zero.
fn number(text: &str) -> Decimal {
    text.parse().unwrap_or_default()
}

impl Item {
    /// One piece of an article at its list price with its own taxes.
    pub fn new(code: &str) -> Self {
        Self {
            code: code.to_owned(),
            qty: Decimal::ONE,
            price: None,
            discount: Decimal::ZERO,
            name: None,
            customer_note: None,
            taxes: None,
            applied_taxes: None,
            lots: Vec::new(),
            children: Vec::new(),
            reward: false,
            refunds: None,
        }
    }

    /// Quantity.
    pub fn qty(mut self, qty: &str) -> Self {
        self.qty = number(qty);
        self
    }

    /// Unit price.
    pub fn price(mut self, price: &str) -> Self {
        self.price = Some(number(price));
        self
    }

    /// Discount in percent.
    pub fn discount(mut self, percent: &str) -> Self {
        self.discount = number(percent);
        self
    }

    /// The name on the receipt.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// The customer's note.
    pub fn note(mut self, note: &str) -> Self {
        self.customer_note = Some(note.to_owned());
        self
    }

    /// Other taxes than the article's, by name.
    pub fn taxes(mut self, names: &[&str]) -> Self {
        self.taxes = Some(names.iter().map(|name| (*name).to_owned()).collect());
        self
    }

    /// The taxes after a fiscal position, where they differ from the line's own.
    pub fn applied_taxes(mut self, names: &[&str]) -> Self {
        self.applied_taxes = Some(names.iter().map(|name| (*name).to_owned()).collect());
        self
    }

    /// A lot or serial number.
    pub fn lot(mut self, lot: &str) -> Self {
        self.lots.push(lot.to_owned());
        self
    }

    /// A line of the combo that this line heads.
    pub fn child(mut self, item: Item) -> Self {
        self.children.push(item);
        self
    }

    /// A loyalty reward (needs the loyalty module at the branch).
    pub fn reward(mut self) -> Self {
        self.reward = true;
        self
    }
}

/// A sale at a branch.
#[derive(Debug, Clone)]
pub struct Sale {
    items: Vec<Item>,
    payments: Vec<(String, Decimal)>,
    change: Decimal,
    partner: Option<String>,
    cashier: Option<String>,
    note: Option<String>,
    invoice: Option<i64>,
    date: Option<i64>,
    state: String,
    shop: Option<String>,
    tip: Option<Decimal>,
    style: RefundStyle,
    refund: bool,
    name: Option<String>,
    reference: Option<String>,
    cash_rounding: Decimal,
    session: Option<i64>,
}

impl Default for Sale {
    fn default() -> Self {
        Self::new()
    }
}

impl Sale {
    /// An empty sale at the first point of sale, paid in cash by nobody in particular.
    pub fn new() -> Self {
        Self {
            items: Vec::new(),
            payments: Vec::new(),
            change: Decimal::ZERO,
            partner: None,
            cashier: None,
            note: None,
            invoice: None,
            date: None,
            state: "paid".into(),
            shop: None,
            tip: None,
            style: RefundStyle::Till,
            refund: false,
            name: None,
            reference: None,
            cash_rounding: Decimal::ZERO,
            session: None,
        }
    }

    /// Into this session, whatever its state.
    pub(super) fn in_session(mut self, session: i64) -> Self {
        self.session = Some(session);
        self
    }

    /// Adds a line.
    pub fn line(mut self, item: Item) -> Self {
        self.items.push(item);
        self
    }

    /// Adds a payment; without any the whole is paid in cash.
    pub fn pay(mut self, method: &str, amount: &str) -> Self {
        self.payments.push((method.to_owned(), number(amount)));
        self
    }

    /// Change given back: a negative cash payment marked as such.
    pub fn change(mut self, amount: &str) -> Self {
        self.change = number(amount);
        self
    }

    /// The customer, by reference or name.
    pub fn partner(mut self, partner: &str) -> Self {
        self.partner = Some(partner.to_owned());
        self
    }

    /// The cashier, by login (and, with employees, by the name of his employee).
    pub fn cashier(mut self, login: &str) -> Self {
        self.cashier = Some(login.to_owned());
        self
    }

    /// The general customer note.
    pub fn note(mut self, note: &str) -> Self {
        self.note = Some(note.to_owned());
        self
    }

    /// Invoiced at the branch: done at once (up to 18: invoiced), with this journal entry.
    pub fn invoiced(mut self, move_id: i64) -> Self {
        self.invoice = Some(move_id);
        self.state("done")
    }

    /// The till's own time, `YYYY-MM-DD HH:MM:SS` UTC; default is the database's clock.
    pub fn date(mut self, date: &str) -> Self {
        self.date = time::parse(date);
        self
    }

    /// Another state than `paid`.
    pub fn state(mut self, state: &str) -> Self {
        self.state = state.to_owned();
        self
    }

    /// The point of sale, by name.
    pub fn shop(mut self, name: &str) -> Self {
        self.shop = Some(name.to_owned());
        self
    }

    /// A tip: a line with the tip product, and the order's tip fields.
    pub fn tip(mut self, amount: &str) -> Self {
        self.tip = Some(number(amount));
        self.line(Item::new("TIPS").price(amount))
    }

    /// Another order name than the till would give.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Another receipt reference than the till would give.
    pub fn reference(mut self, reference: &str) -> Self {
        self.reference = Some(reference.to_owned());
        self
    }

    /// A cash rounding: the order's total and payment are this much more than its lines.
    pub fn cash_rounding(mut self, difference: &str) -> Self {
        self.cash_rounding = number(difference);
        self
    }

    /// The whole of an order given back. Tills of 14 and 18 give it a name of its own; before 19 the back office gives it the
    /// receipt reference of its original.
    pub fn refund_of(db: &Database, order: i64, style: RefundStyle) -> Self {
        let mut sale = Self { style, refund: true, ..Self::new() };
        if style == RefundStyle::BackOffice || !matches!(db.version, Version::V14 | Version::V18) {
            sale.name = Some(format!("{} REFUND", db.display_name("pos.order", order)));
        }
        if style == RefundStyle::BackOffice && db.version < Version::V19 {
            sale.reference = Some(db.stored("pos.order", order, "pos_reference").python_str());
        }
        let lines = db.model("pos.order").map(|model| db.value_ids(model, order, "lines")).unwrap_or_default();
        for line in lines {
            let amount = |field: &str| sale::amount(db, "pos.order.line", line, field);
            let product = db.stored("pos.order.line", line, "product_id").as_int().unwrap_or(0);
            let names = |field: &str| {
                let ids = db.stored("pos.order.line", line, field).ids();
                ids.into_iter().map(|tax| db.display_name("account.tax", tax)).collect::<Vec<_>>()
            };
            sale.items.push(Item {
                qty: -amount("qty"),
                price: Some(amount("price_unit")),
                discount: amount("discount"),
                taxes: Some(names("tax_ids")),
                applied_taxes: Some(names("tax_ids_after_fiscal_position")),
                refunds: Some(line),
                ..Item::new(&db.stored("product.product", product, "default_code").python_str())
            });
        }
        sale
    }
}

/// The rows of an order that has its ids but is not committed.
#[derive(Debug)]
pub struct Built {
    /// The order's id.
    pub order: i64,
    rows: Vec<(&'static Model, i64, Row)>,
}

impl Built {
    /// Puts the rows into their tables.
    pub fn commit(self, db: &mut Database) {
        for (model, id, row) in self.rows {
            db.put(model, id, Some(row));
        }
        db.commit();
    }
}

/// The first record whose field holds exactly this.
fn find(db: &Database, model: &str, field: &str, wanted: &Value) -> Option<i64> {
    let model = db.model(model)?;
    let column = model.column(field)?;
    db.table(model)?.rows().iter().find(|(_, row)| row.get(column) == wanted).map(|(id, _)| *id)
}

/// A product by its internal reference.
pub fn product(db: &Database, code: &str) -> Option<i64> {
    find(db, "product.product", "default_code", &code.into())
}

/// A uuid that depends on nothing but its seed.
pub fn uuid(salt: &str, number: i64) -> String {
    let mut random = Random::new(salt.bytes().fold(number as u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte))));
    let (high, low) = (random.draw(), random.draw());
    let hex = format!("{high:016x}{low:016x}");
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}

/// The uuid that an upgrade gives a record which had none.
pub(super) fn fresh_uuid(db: &Database, number: i64) -> String {
    uuid(&format!("{} upgraded", salt(db)), number)
}

/// The session for an order that comes when its own is closed.
pub(super) fn session_for_late(db: &mut Database, session: i64) -> Result<i64, Fault> {
    if db.stored("pos.session", session, "state").as_str() != Some("closed") {
        return Ok(session);
    }
    let config = db.stored("pos.session", session, "config_id").as_int().unwrap_or(0);
    if db.version >= Version::V19 {
        let refused = "No open session available. Please open a new session to capture the order.";
        return records::current_session(db, config).ok_or_else(|| Fault::user(refused));
    }
    let sessions = db.model("pos.session").and_then(|model| db.table(model)).into_iter().flat_map(|table| table.rows().keys().copied());
    let rescues = |id: &i64| {
        let stored = |field: &str| db.stored("pos.session", *id, field);
        stored("rescue").truthy() && stored("state").as_str() != Some("closed") && stored("config_id").as_int() == Some(config)
    };
    if let Some(open) = sessions.into_iter().find(rescues) {
        return Ok(open);
    }
    let of = db.display_name("pos.session", session);
    let rescue = open_session(db, config);
    if let Some((model, row)) = db.row_of("pos.session", rescue) {
        let mut row = row.clone();
        for (field, value) in [("name", format!("POS/{rescue:05} (RESCUE FOR {of})").into()), ("rescue", Value::Bool(true))] {
            if let Some(column) = model.column(field) {
                row.set(column, value);
            }
        }
        db.put(model, rescue, Some(row));
    }
    Ok(rescue)
}

/// What uuids of this database are made from: after a backup was put back, others than before.
fn salt(db: &Database) -> String {
    if db.life == 0 { db.name.clone() } else { format!("{} {}", db.name, db.life) }
}

/// Opens a session at a point of sale and answers its id.
pub fn open_session(db: &mut Database, config: i64) -> i64 {
    let Some(model) = db.model("pos.session") else { return 0 };
    let id = db.allocate(model);
    let shop = db.display_name("pos.config", config);
    let mut rows = RowBuilder::new(db, model);
    rows.set("name", if db.version < Version::V19 { format!("POS/{id:05}") } else { format!("{shop}/{id:05}") });
    rows.set("state", "opened");
    rows.set("config_id", config);
    rows.set("company_id", db.stored("pos.config", config, "company_id"));
    rows.set("currency_id", db.stored("pos.config", config, "currency_id"));
    rows.set("user_id", 2);
    rows.set("start_at", Value::Time(db.now));
    let row = rows.row;
    db.put(model, id, Some(row));
    id
}

struct RowBuilder {
    model: &'static Model,
    row: Row,
}

impl RowBuilder {
    fn new(db: &Database, model: &'static Model) -> Self {
        let mut builder = Self { model, row: Row::default() };
        builder.set("create_uid", 2);
        builder.set("write_uid", 2);
        builder.set("create_date", Value::Time(db.now));
        builder.set("write_date", Value::Time(db.now));
        builder
    }

    fn set(&mut self, field: &str, value: impl Into<Value>) {
        if let Some(column) = self.model.column(field) {
            let value = match (&self.model.fields[column].kind, value.into()) {
                (Kind::Many2many(_), Value::Int(id)) => Value::Array(vec![Value::Int(id)]),
                (_, value) => value,
            };
            self.row.set(column, if value == Value::Array(Vec::new()) { Value::FALSE } else { value });
        }
    }
}

fn taxes_named(db: &Database, names: &[String]) -> Vec<i64> {
    names.iter().filter_map(|name| find(db, "account.tax", "name", &name.as_str().into())).collect()
}

/// A line ready to be stored, with what it adds to the order's totals.
struct Priced {
    builder: RowBuilder,
    id: i64,
    taxes: LineTaxes,
}

struct Till<'a> {
    db: &'a mut Database,
    sale: &'a Sale,
    order: i64,
    company: i64,
    lines: Vec<Priced>,
    lots: Vec<(&'static Model, i64, Row)>,
}

impl Till<'_> {
    fn line(&mut self, item: &Item, parent: Option<i64>) {
        let Some(model) = self.db.model("pos.order.line") else { return };
        let id = self.db.allocate(model);
        let product = product(self.db, &item.code).unwrap_or(0);
        let own = match &item.taxes {
            Some(names) => taxes_named(self.db, names),
            None => self.db.stored("product.product", product, "taxes_id").ids(),
        };
        let applied = item.applied_taxes.as_ref().map_or_else(|| own.clone(), |names| taxes_named(self.db, names));
        let price = item.price.unwrap_or_else(|| sale::amount(self.db, "product.product", product, "list_price"));
        let rounding = sale::rounding(self.db, self.company);
        let line = Line { price_unit: price, quantity: item.qty, discount: item.discount, taxes: sale::taxes(self.db, &applied) };
        let taxes = tax::line_taxes(&line, rounding);
        let (mut subtotal, mut total) = tax::line_totals(&taxes, rounding);
        let signed = self.db.version.signs_refunds() || self.sale.style == RefundStyle::BackOffice;
        if self.sale.refund && !signed {
            (subtotal, total) = (-subtotal, -total);
        }
        let mut row = RowBuilder::new(self.db, model);
        row.set("name", format!("{:06}", self.lines.len() + 1));
        row.set("order_id", self.order);
        row.set("company_id", self.company);
        row.set("currency_id", self.db.stored("res.company", self.company, "currency_id"));
        row.set("product_id", product);
        row.set("product_uom_id", self.db.stored("product.product", product, "uom_id"));
        let name = item.name.clone().unwrap_or_else(|| self.db.stored("product.product", product, "name").python_str());
        row.set("full_product_name", name);
        row.set("qty", item.qty);
        row.set("price_unit", price);
        row.set("discount", item.discount);
        row.set("price_subtotal", subtotal);
        row.set("price_subtotal_incl", total);
        row.set("price_type", "original");
        row.set("tax_ids", own);
        row.set("tax_ids_after_fiscal_position", applied);
        row.set("customer_note", item.customer_note.clone());
        row.set("combo_parent_id", parent);
        row.set("refunded_orderline_id", item.refunds);
        row.set("is_reward_line", item.reward);
        // The back office of 17 makes lines without one.
        if self.db.version != Version::V17 || !self.sale.refund || self.sale.style == RefundStyle::Till {
            row.set("uuid", uuid(&salt(self.db), -id));
        }
        self.lines.push(Priced { builder: row, id, taxes });
        for lot in &item.lots {
            self.lot(id, product, lot);
        }
        for child in &item.children {
            self.line(child, Some(id));
        }
    }

    fn lot(&mut self, line: i64, product: i64, lot: &str) {
        let Some(model) = self.db.model("pos.pack.operation.lot") else { return };
        let id = self.db.allocate(model);
        let mut row = RowBuilder::new(self.db, model);
        row.set("lot_name", lot);
        row.set("pos_order_line_id", line);
        row.set("order_id", self.order);
        row.set("product_id", product);
        self.lots.push((model, id, row.row));
    }
}

/// Computes an order with its lines and payments and gives it its ids; nothing is in the tables yet.
pub fn build(db: &mut Database, sale: &Sale) -> Built {
    let Some(model) = db.model("pos.order") else { return Built { order: 0, rows: Vec::new() } };
    let shops = db.model("pos.config").and_then(|model| db.table(model));
    let first = shops.and_then(|table| table.rows().keys().next().copied()).unwrap_or(1);
    let named = sale.shop.as_ref().and_then(|shop| find(db, "pos.config", "name", &shop.as_str().into()));
    let config = named.unwrap_or(first);
    let session = sale.session.or_else(|| records::current_session(db, config)).unwrap_or_else(|| open_session(db, config));
    let order = db.allocate(model);
    let company = db.stored("pos.config", config, "company_id").as_int().unwrap_or(1);
    let mut till = Till { db, sale, order, company, lines: Vec::new(), lots: Vec::new() };
    for item in &sale.items {
        till.line(item, None);
    }
    let Till { db, lines, mut lots, .. } = till;
    let rounding = sale::rounding(db, company);
    let taxed: Vec<LineTaxes> = lines.iter().map(|line| line.taxes.clone()).collect();
    let totals = tax::order_totals(&taxed, rounding);
    let total = totals.total() + sale.cash_rounding;
    let mut row = RowBuilder::new(db, model);
    order_header(db, sale, &mut row, (order, config, session));
    let payments = payments(db, sale, order, session, total);
    let incl = |line: &Priced| model_column(line, "price_subtotal_incl");
    row.set("amount_total", version::stored_total(db.version, total, lines.iter().map(incl)));
    row.set("amount_tax", totals.tax);
    row.set("amount_paid", payments.iter().map(|(amount, _, _)| *amount).sum::<Decimal>());
    row.set("amount_return", sale.change);
    row.set("amount_difference", Decimal::ZERO);
    let origin = sale.items.iter().find_map(|item| item.refunds);
    let origin = origin.map_or(Value::FALSE, |line| db.stored("pos.order.line", line, "order_id"));
    row.set("refunded_order_id", origin);
    let mut rows = vec![(model, order, row.row)];
    rows.extend(lines.into_iter().map(|line| (line.builder.model, line.id, line.builder.row)));
    if let Some(model) = db.model("pos.payment") {
        rows.extend(payments.into_iter().map(|(_, id, row)| (model, id, row)));
    }
    rows.append(&mut lots);
    Built { order, rows }
}

/// A stored number of a line.
fn model_column(line: &Priced, field: &str) -> f64 {
    line.builder.model.column(field).and_then(|column| line.builder.row.get(column).as_f64()).unwrap_or(0.0)
}

fn order_header(db: &mut Database, sale: &Sale, row: &mut RowBuilder, (order, config, session): (i64, i64, i64)) {
    let sequence = db.next_number(&format!("pos.config {config}"));
    let shop = db.display_name("pos.config", config);
    let draft = matches!(sale.state.as_str(), "draft" | "cancel");
    let older = db.version < Version::V19;
    let name = match draft {
        true => "/".to_owned(),
        false if older => format!("{shop}/{sequence:04}"),
        false => format!("{shop} - {sequence:06}"),
    };
    let receipt = || if older { format!("Order {session:05}-001-{sequence:04}") } else { format!("26{config:02}-{config}-{sequence:06}") };
    let cashier = sale.cashier.as_deref();
    let by_login = |login: &str| find(db, "res.users", "login", &login.into());
    let user = cashier.and_then(by_login).or_else(|| by_login("admin"));
    let employee = user.and_then(|user| find(db, "hr.employee", "user_id", &user.into()));
    let partner = sale.partner.as_ref().and_then(|wanted| {
        let wanted = Value::from(wanted.as_str());
        find(db, "res.partner", "ref", &wanted).or_else(|| find(db, "res.partner", "name", &wanted))
    });
    row.set("name", sale.name.clone().unwrap_or(name));
    row.set("pos_reference", sale.reference.clone().unwrap_or_else(receipt));
    row.set("tracking_number", format!("{:03}", sequence % 1000));
    row.set("sequence_number", sequence);
    row.set("uuid", uuid(&salt(db), order));
    row.set("date_order", Value::Time(sale.date.unwrap_or(db.now) / SECOND * SECOND));
    row.set("state", if older && sale.invoice.is_some() { "invoiced" } else { sale.state.as_str() });
    row.set("company_id", db.stored("pos.config", config, "company_id"));
    row.set("currency_id", db.stored("pos.config", config, "currency_id"));
    row.set("currency_rate", 1.0);
    row.set("config_id", config);
    row.set("session_id", session);
    row.set("user_id", user);
    row.set("employee_id", employee);
    row.set("cashier", employee.map(|id| db.display_name("hr.employee", id)));
    row.set("partner_id", partner);
    row.set("is_refund", sale.refund);
    row.set("general_customer_note", sale.note.clone());
    row.set("to_invoice", sale.invoice.is_some());
    row.set("is_invoiced", sale.invoice.is_some());
    row.set("account_move", sale.invoice);
    row.set("is_tipped", sale.tip.is_some());
    row.set("tip_amount", sale.tip);
    row.set("source", "pos");
}

fn payments(db: &mut Database, sale: &Sale, order: i64, session: i64, total: Decimal) -> Vec<(Decimal, i64, Row)> {
    let Some(model) = db.model("pos.payment") else { return Vec::new() };
    let mut wanted = sale.payments.clone();
    if wanted.is_empty() {
        wanted.push(("Cash".into(), total + sale.change));
    }
    let mut all: Vec<(String, Decimal, bool)> = wanted.into_iter().map(|(method, amount)| (method, amount, false)).collect();
    if !sale.change.is_zero() {
        all.push(("Cash".into(), -sale.change, true));
    }
    all.into_iter()
        .map(|(method, amount, change)| {
            let id = db.allocate(model);
            let method_id = find(db, "pos.payment.method", "name", &method.as_str().into());
            let mut row = RowBuilder::new(db, model);
            row.set("pos_order_id", order);
            row.set("amount", amount);
            row.set("payment_method_id", method_id);
            row.set("payment_date", Value::Time(db.now / SECOND * SECOND));
            row.set("is_change", change);
            row.set("session_id", session);
            row.set("company_id", db.stored("pos.session", session, "company_id"));
            row.set("currency_id", db.stored("pos.session", session, "currency_id"));
            row.set("uuid", uuid(&salt(db), id << 32));
            (amount, id, row.row)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::schema::Side;
    use crate::demo::{Branch, seed};

    fn branch() -> Database {
        let mut db = Database::new("b", Side::Branch);
        let branch = Branch { employees: true, ..Branch::new("Furniture Shop") };
        seed::branch(&mut db, &branch);
        db
    }

    fn sold(db: &mut Database, sale: &Sale) -> i64 {
        let built = build(db, sale);
        let order = built.order;
        built.commit(db);
        order
    }

    #[test]
    fn a_sale_with_change_is_paid_exactly() {
        let mut db = branch();
        let item = Item::new("ART-0003").price("12.00").qty("2").taxes(&["VAT 20% incl"]).lot("L-1");
        let order = sold(&mut db, &Sale::new().line(item).pay("Cash", "30").change("6").cashier("anna"));
        let amount = |field: &str| sale::amount(&db, "pos.order", order, field);
        assert_eq!((amount("amount_total"), amount("amount_tax"), amount("amount_paid")), (number("24"), number("4"), number("24")));
        assert_eq!(amount("amount_return"), number("6"));
        let model = db.model("pos.order").expect("installed");
        assert_eq!(db.value_ids(model, order, "payment_ids").len(), 2);
        assert_eq!(db.stored("pos.order", order, "cashier").as_str(), Some("Anna"));
        let lots = db.model("pos.pack.operation.lot").and_then(|model| db.table(model)).map(|table| table.rows().len());
        assert_eq!(lots, Some(1));
    }

    #[test]
    fn the_till_stores_a_refund_with_positive_subtotals_and_the_back_office_with_negative_ones() {
        let mut db = branch();
        let order = sold(&mut db, &Sale::new().line(Item::new("ART-0003").price("12.00").taxes(&["VAT 20% incl"])));
        for (style, subtotal) in [(RefundStyle::Till, "12"), (RefundStyle::BackOffice, "-12")] {
            let refund = Sale::refund_of(&db, order, style);
            let refund = sold(&mut db, &refund);
            let model = db.model("pos.order").expect("installed");
            let line = db.value_ids(model, refund, "lines")[0];
            assert_eq!(sale::amount(&db, "pos.order.line", line, "qty"), number("-1"));
            assert_eq!(sale::amount(&db, "pos.order.line", line, "price_subtotal_incl"), number(subtotal));
            assert_eq!(sale::amount(&db, "pos.order", refund, "amount_total"), number("-12"));
            assert_eq!(db.stored("pos.order", refund, "refunded_order_id").as_int(), Some(order));
        }
    }

    #[test]
    fn the_same_seed_sells_the_same() {
        let totals = || {
            let (mut db, mut random) = (branch(), Random::new(9));
            let orders: Vec<i64> = (0..20).map(|_| sold(&mut db, &random_sale(&mut random, 40, 0))).collect();
            orders.into_iter().map(|order| sale::amount(&db, "pos.order", order, "amount_total")).collect::<Vec<_>>()
        };
        assert_eq!(totals(), totals());
    }

    #[test]
    fn every_record_of_a_seed_is_there() {
        let db = branch();
        let count = |model: &str| db.model(model).and_then(|model| db.table(model)).map_or(0, |table| table.rows().len());
        let counts = ["product.product", "product.template", "account.tax", "pos.payment.method", "pos.session", "hr.employee"].map(count);
        assert_eq!(counts, [43, 43, 4, 3, 1, 2]);
    }
}
