//! What a branch sold in a day: its orders counted up by hour, cashier, payment method and product.
//!
//! Pure: orders go in, sums come out. The till is believed: what was sold there is sold, whether its draft waits, failed or
//! was ignored by somebody. The rules:
//!
//! | | counts as |
//! |---|---|
//! | order | its total with taxes, in its own currency; currencies are never added up |
//! | refund | an order with a negative total; it is among the orders, and taken off their amount |
//! | exchange | an order like any other, as long as its total is not negative |
//! | hour | of the till's clock, in the branch's zone |
//! | cashier | the employee who sold, else the user that the till ran under |
//! | payment method | its payments with the change taken off; change is not a payment of its own in the number |
//! | product | quantity and amount with taxes and discount, as the till rounded it; what was given back is taken off both |
//! | combo | its items: its own line has no price |
//! | tip, global discount, reward | the product that the till used for it |
//!
//! Products do not have to come to the total to the cent: a till may round an order's total, and not its lines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Amount, PosLine, PosOrder, plus};

/// Products kept of one day: what sells best is among the first hundred, and a report stays near 20 KB. The others are added up.
pub const MOST_PRODUCTS: usize = 200;

/// Cashiers and payment methods kept of one day: a shop has a few of each, and made-up names must not fill the ledger.
const MOST_NAMES: usize = 100;

/// Longest name kept, in characters: what does not fit into a column says no more.
const LONGEST_NAME: usize = 120;

/// An order that was sold, as it enters a count.
#[derive(Debug, Clone)]
pub struct Sold<'o> {
    /// Hour of the day in the branch's zone, 0 to 23.
    pub hour: i8,
    /// The currency of its amounts.
    pub currency: &'o str,
    /// Its total, with taxes.
    pub amount: Amount,
    /// What was sold, paid, and by whom; `None` = that is forgotten.
    pub order: Option<&'o PosOrder>,
}

/// What orders came to, in one currency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Orders, refunds among them.
    pub orders: u64,
    /// Their amount, refunds taken off.
    pub amount: Amount,
    /// Refunds.
    pub refunds: u64,
    /// Their amount: negative, or zero.
    pub refunded: Amount,
}

impl Totals {
    /// Adds others of the same currency.
    pub fn add(&mut self, other: &Totals) {
        self.orders = self.orders.saturating_add(other.orders);
        self.refunds = self.refunds.saturating_add(other.refunds);
        plus(&mut self.amount, other.amount);
        plus(&mut self.refunded, other.refunded);
    }
}

/// A number of things, and what they came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Orders; of a payment method, payments.
    pub count: u64,
    /// With taxes.
    pub amount: Amount,
}

impl Share {
    fn add(&mut self, count: u64, amount: Amount) {
        self.count = self.count.saturating_add(count);
        plus(&mut self.amount, amount);
    }
}

/// A product with what was sold of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductSales {
    /// Its Internal Reference, where its name at the branch begins with it; else empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// Its name at the branch, without the reference.
    pub name: String,
    /// Sold, what was given back taken off.
    pub qty: Amount,
    /// Given back, as a positive number.
    #[serde(default, skip_serializing_if = "Amount::is_zero")]
    pub returned: Amount,
    /// With taxes and discount, what was given back taken off.
    pub amount: Amount,
}

/// A day, or several, in one currency. Kept as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// By hour of the day, in the branch's zone.
    pub hours: BTreeMap<i8, Share>,
    /// By cashier; the empty name = not known.
    pub cashiers: BTreeMap<String, Share>,
    /// By payment method, change taken off; the empty name = those that are not kept one by one.
    pub methods: BTreeMap<String, Share>,
    /// What sold best first, by amount.
    pub products: Vec<ProductSales>,
    /// Products beyond those, and what they came to.
    #[serde(default)]
    pub others: Share,
    /// Orders of which no more than the total was still known: they are missing among payments and products.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub forgotten: u64,
}

/// Adds up orders or reports of one currency.
#[derive(Debug, Clone, Default)]
pub struct Count {
    totals: Totals,
    report: Report,
    /// By reference, else by name.
    products: BTreeMap<String, ProductSales>,
}

impl Count {
    /// Counts an order in.
    pub fn order(&mut self, sold: &Sold<'_>) {
        let (refunds, refunded) = if sold.amount < Amount::ZERO { (1, sold.amount) } else { (0, Amount::ZERO) };
        self.totals.add(&Totals { orders: 1, amount: sold.amount, refunds, refunded });
        self.report.hours.entry(sold.hour).or_default().add(1, sold.amount);
        let cashier = sold.order.map(cashier).unwrap_or_default();
        self.report.cashiers.entry(cashier).or_default().add(1, sold.amount);
        let Some(order) = sold.order else {
            self.report.forgotten += 1;
            return;
        };
        for payment in &order.payment_ids {
            let method = clip(&payment.payment_method_id.name);
            self.report.methods.entry(method).or_default().add(u64::from(!payment.is_change), payment.amount);
        }
        for line in order.lines.iter().filter(|line| !is_combo(line)) {
            self.product(product(line));
        }
    }

    /// Counts a report in.
    pub fn report(&mut self, totals: &Totals, report: &Report) {
        self.totals.add(totals);
        for (hour, share) in &report.hours {
            self.report.hours.entry(*hour).or_default().add(share.count, share.amount);
        }
        for (all, these) in [(&mut self.report.cashiers, &report.cashiers), (&mut self.report.methods, &report.methods)] {
            for (name, share) in these {
                all.entry(name.clone()).or_default().add(share.count, share.amount);
            }
        }
        report.products.iter().for_each(|product| self.product(product.clone()));
        self.report.others.add(report.others.count, report.others.amount);
        self.report.forgotten += report.forgotten;
    }

    fn product(&mut self, product: ProductSales) {
        let key = if product.code.is_empty() { &product.name } else { &product.code };
        match self.products.get_mut(key) {
            Some(known) => {
                plus(&mut known.qty, product.qty);
                plus(&mut known.returned, product.returned);
                plus(&mut known.amount, product.amount);
            }
            None => {
                self.products.insert(key.clone(), product);
            }
        }
    }

    /// The sums, with so many products at most.
    pub fn done(self, most_products: usize) -> (Totals, Report) {
        let Self { totals, mut report, products } = self;
        report.cashiers = most(report.cashiers);
        report.methods = most(report.methods);
        report.products = products.into_values().collect();
        report.products.sort_by(|a, b| b.amount.cmp(&a.amount).then_with(|| a.name.cmp(&b.name)));
        for other in report.products.drain(report.products.len().min(most_products)..) {
            report.others.add(1, other.amount);
        }
        (totals, report)
    }
}

/// What orders of one day came to, by currency.
pub fn count<'o>(sold: impl IntoIterator<Item = Sold<'o>>) -> BTreeMap<String, (Totals, Report)> {
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    for sold in sold {
        counts.entry(sold.currency.to_owned()).or_default().order(&sold);
    }
    counts.into_iter().map(|(currency, count)| (currency, count.done(MOST_PRODUCTS))).collect()
}

/// The employee, else the user that the till ran under.
fn cashier(order: &PosOrder) -> String {
    let employee = order.employee_id.as_ref().map(|employee| employee.name.as_str());
    clip(employee.or(order.user_id.as_ref().map(|user| user.name.as_str())).unwrap_or_default())
}

/// The line that stands for a combo: what is in it follows, each item with its share of the price.
fn is_combo(line: &PosLine) -> bool {
    !line.combo_line_ids.is_empty() && line.price_unit.is_zero()
}

fn product(line: &PosLine) -> ProductSales {
    let (code, name) = code_and_name(&line.product_id.name);
    let returned = if line.qty < Amount::ZERO { -line.qty } else { Amount::ZERO };
    ProductSales { code: clip(code), name: clip(name), qty: line.qty, returned, amount: amount(line) }
}

/// With taxes. The till's sum has the right size; its sign is that of quantity and price, since Odoo 19's till stores refunds
/// as positive sums and the back office as negative ones.
fn amount(line: &PosLine) -> Amount {
    let negative = (line.qty < Amount::ZERO) != (line.price_unit < Amount::ZERO);
    if negative { -line.price_subtotal_incl.abs() } else { line.price_subtotal_incl.abs() }
}

/// Odoo shows a product as `[REFERENCE] Name`.
fn code_and_name(shown: &str) -> (&str, &str) {
    let parts = shown.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    parts.filter(|(code, name)| !code.is_empty() && !name.is_empty()).unwrap_or(("", shown))
}

fn clip(name: &str) -> String {
    name.trim().chars().take(LONGEST_NAME).collect()
}

/// The largest shares by name; the others under the empty one.
fn most(shares: BTreeMap<String, Share>) -> BTreeMap<String, Share> {
    if shares.len() <= MOST_NAMES {
        return shares;
    }
    let mut all: Vec<(String, Share)> = shares.into_iter().collect();
    all.sort_by(|(a, x), (b, y)| y.amount.cmp(&x.amount).then_with(|| a.cmp(b)));
    let rest = all.split_off(MOST_NAMES - 1);
    let mut kept: BTreeMap<String, Share> = all.into_iter().collect();
    for (_, share) in rest {
        kept.entry(String::new()).or_default().add(share.count, share.amount);
    }
    kept
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests;
