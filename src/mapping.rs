//! From a POS order to the values of a draft sales order. Pure: data in, data out.
//!
//! Every kind of line and order has its rule here, and nowhere else:
//!
//! | at the till | in the draft |
//! |---|---|
//! | line | product line: product, receipt name, quantity, price, discount, taxes as applied |
//! | refund, from the till or the back office | the same with its negative quantity; its text names the order refunded |
//! | combo | a note for the combo (its own price is 0), an ordinary line for each item with its share of the price |
//! | tip, global discount, loyalty reward | an ordinary line with the product that the till used |
//! | lot, serial | named in the line's text |
//! | customer's note on a line, on the order | in the line's text, in the closing note |
//! | named customer | the customer at central, else the branch's default customer and the name in the closing note |
//! | invoiced at the branch | `invoiced = "mark"`: said in the closing note; `"skip"`: not written |
//! | payments, change, cashier | in the closing note |
//! | no tax | untaxed |
//!
//! All that is missing is reported at once, so that one look tells a person everything to be done.

use std::collections::{BTreeMap, HashMap};

use crate::model::{
    Amount, BranchCode, BranchId, BranchPartner, BranchProduct, BranchTax, CentralId, CentralPartner, CentralProduct, CentralTax, Partner,
    PosLine, PosOrder, PosPayment, Product, SaleLine, SaleOrder, Tax, User,
};
use crate::planted::{Bug, planted};
use crate::problem::Problem;

/// What a branch's settings say about its drafts, with names already turned into ids.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The branch.
    pub code: BranchCode,
    /// Takes the sales without a customer.
    pub default_customer: CentralId<Partner>,
    /// Whether a named customer whom central does not know is a problem.
    pub unknown_customer_is_problem: bool,
    /// Whether orders that the branch has invoiced are left out.
    pub skip_invoiced: bool,
    /// The currency of the drafts, e.g. `EUR`.
    pub currency: String,
    /// Who sells when the table below does not say.
    pub salesperson: Option<CentralId<User>>,
    /// Branch log-in or cashier's name, in lower case -> salesperson, or why there is none.
    pub salespeople: BTreeMap<String, Result<CentralId<User>, Problem>>,
}

/// What a branch's records are at central, or why that is not known.
#[derive(Debug, Clone, Default)]
pub struct Bindings {
    /// Products.
    pub products: HashMap<BranchId<Product>, Result<CentralId<Product>, Problem>>,
    /// Customers; `None` = central does not know this one.
    pub partners: HashMap<BranchId<Partner>, Result<CentralId<Partner>, Problem>>,
    /// Taxes.
    pub taxes: HashMap<BranchId<Tax>, Result<CentralId<Tax>, Problem>>,
    /// Log-ins of the branch's users.
    pub logins: HashMap<BranchId<User>, String>,
}

/// The draft for an order, or all the problems that stand in its way.
///
/// # Errors
/// Every problem of the order, each once, in the order of its lines.
pub fn map(order: &PosOrder, settings: &Settings, bindings: &Bindings) -> Result<SaleOrder, Vec<Problem>> {
    let mut problems = Problems::default();
    if settings.skip_invoiced && order.is_invoiced() {
        return Err(vec![Problem::InvoicedSkipped { invoice: invoice_name(order).to_owned() }]);
    }
    if let Some(currency) = order.currency_id.as_ref().filter(|currency| currency.name != settings.currency) {
        problems.add(Problem::CurrencyDiffers { branch: currency.name.clone(), central: settings.currency.clone() });
    }
    let (partner_id, named_here) = customer(order, settings, bindings, &mut problems);
    let user_id = salesperson(order, settings, bindings, &mut problems);
    let mut order_line: Vec<SaleLine> = order.lines.iter().filter_map(|line| sale_line(order, line, bindings, &mut problems)).collect();
    order_line.push(SaleLine::Note(closing_note(order, named_here)));
    if !problems.0.is_empty() {
        return Err(problems.0);
    }
    Ok(SaleOrder {
        external_id: external_id(&settings.code, order),
        client_order_ref: format!("{}/{}", settings.code, order.reference()),
        origin: order.session_id.as_ref().map(|session| session.name.clone()).unwrap_or_default(),
        date_order: order.date_order.clone(),
        partner_id,
        user_id,
        order_line,
    })
}

/// The external id that makes the order exist at most once at central. Its three parts never change.
pub fn external_id(code: &BranchCode, order: &PosOrder) -> String {
    if planted(Bug::ReferenceAsKey) {
        return format!("{code}-{}", order.reference().replace(' ', "_"));
    }
    external_id_as(code, order, &order.witness())
}

/// The external id of an order that was first received under another witness than it has now.
pub fn external_id_as(code: &BranchCode, order: &PosOrder, witness: &str) -> String {
    format!("{code}-{}-{witness}", order.id)
}

/// The number of the invoice; empty where there is none, or the branch does not tell it.
fn invoice_name(order: &PosOrder) -> &str {
    order.account_move.as_ref().map_or("", |invoice| invoice.name.trim())
}

#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, problem: Problem) {
        if !self.0.contains(&problem) {
            self.0.push(problem);
        }
    }

    fn take<T: Copy>(&mut self, known: Option<&Result<T, Problem>>, unknown: impl FnOnce() -> Problem) -> Option<T> {
        match known {
            Some(Ok(id)) => Some(*id),
            Some(Err(problem)) => {
                self.add(problem.clone());
                None
            }
            None => {
                self.add(unknown());
                None
            }
        }
    }
}

/// The customer, and the till's name for him if he is not a record of his own at central.
fn customer<'o>(
    order: &'o PosOrder,
    settings: &Settings,
    bindings: &Bindings,
    problems: &mut Problems,
) -> (CentralId<Partner>, Option<&'o str>) {
    let Some(partner) = &order.partner_id else { return (settings.default_customer, None) };
    match bindings.partners.get(&partner.id) {
        Some(Ok(id)) => (*id, None),
        Some(Err(problem)) if settings.unknown_customer_is_problem => {
            problems.add(problem.clone());
            (settings.default_customer, None)
        }
        None if settings.unknown_customer_is_problem => {
            problems.add(Problem::CustomerNotFound { name: partner.name.clone() });
            (settings.default_customer, None)
        }
        Some(Err(_)) | None => (settings.default_customer, Some(&partner.name)),
    }
}

fn salesperson(order: &PosOrder, settings: &Settings, bindings: &Bindings, problems: &mut Problems) -> Option<CentralId<User>> {
    let login = order.user_id.as_ref().and_then(|user| bindings.logins.get(&user.id)).map(String::as_str);
    // The cashier who sold comes before the log-in that the till happened to run under.
    let names = [order.employee_id.as_ref().map(|employee| employee.name.as_str()), login];
    for name in names.into_iter().flatten() {
        if let Some(found) = settings.salespeople.get(&name.to_lowercase()) {
            return problems.take(Some(found), || Problem::SettingNotFound {
                setting: "salesperson".to_owned(),
                value: name.to_owned(),
                side: crate::problem::Side::Central,
            });
        }
    }
    settings.salesperson
}

fn sale_line(order: &PosOrder, line: &PosLine, bindings: &Bindings, problems: &mut Problems) -> Option<SaleLine> {
    let name = description(order, line);
    if !line.combo_line_ids.is_empty() && line.price_unit.is_zero() {
        return Some(SaleLine::Note(format!("{} × {name}", plain(line.qty))));
    }
    let product_id = problems.take(bindings.products.get(&line.product_id.id), || Problem::ProductNotFound {
        name: line.product_id.name.clone(),
        barcode: None,
        default_code: None,
    });
    let taxes: Vec<Option<CentralId<Tax>>> = line
        .tax_ids_after_fiscal_position
        .iter()
        .map(|tax| {
            problems.take(bindings.taxes.get(tax), || Problem::TaxNotFound {
                name: format!("#{tax}"),
                amount: String::new(),
                included: false,
                company: order.company_id.name.clone(),
            })
        })
        .collect();
    Some(SaleLine::Product {
        product_id: product_id?,
        name,
        qty: match line.qty {
            qty if planted(Bug::StoredRefundSign) && line.price_subtotal_incl.is_sign_positive() => qty.abs(),
            qty if planted(Bug::WholeQuantities) => qty.round(),
            qty => qty,
        },
        price_unit: line.price_unit,
        discount: line.discount,
        tax_ids: taxes.into_iter().collect::<Option<_>>()?,
    })
}

fn description(order: &PosOrder, line: &PosLine) -> String {
    let name = line.full_product_name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or(&line.product_id.name);
    let mut text = name.to_owned();
    if let Some(note) = line.customer_note.as_deref().filter(|note| !note.trim().is_empty()) {
        text.push_str(&format!("\n{note}"));
    }
    if !line.lot_names.is_empty() {
        text.push_str(&format!("\nLot/Serial: {}", line.lot_names.join(", ")));
    }
    // Odoo 14 links no lines: there all that comes back is of the order refunded.
    let unlinked = || line.qty.is_sign_negative() && order.lines.iter().all(|line| line.refunded_orderline_id.is_none());
    if (line.refunded_orderline_id.is_some() || unlinked())
        && let Some(refunded) = &order.refunded_order_id
    {
        text.push_str(&format!("\nRefund of {}", refunded.name));
    }
    text
}

/// `Paid: Cash 20.00, Card 15.50, change 1.50; cashier Anna`, then whatever else a person should know.
fn closing_note(order: &PosOrder, customer: Option<&str>) -> String {
    let payments: Vec<String> = order.payment_ids.iter().map(payment).collect();
    let mut note = if payments.is_empty() { "Paid: nothing".to_owned() } else { format!("Paid: {}", payments.join(", ")) };
    if let Some(cashier) = order.employee_id.as_ref().map(|e| &e.name).or(order.user_id.as_ref().map(|u| &u.name)) {
        note.push_str(&format!("; cashier {cashier}"));
    }
    if let Some(name) = customer {
        note.push_str(&format!("\nCustomer at the till: {name}"));
    }
    match &order.refunded_order_id {
        Some(refunded) => note.push_str(&format!("\nRefund of {}", refunded.name)),
        None if order.amount_total.is_sign_negative() && !order.amount_total.is_zero() => note.push_str("\nRefund"),
        None => {}
    }
    match invoice_name(order) {
        "" if order.is_invoiced() => note.push_str("\nInvoiced at the branch: do not invoice again"),
        "" => {}
        invoice => note.push_str(&format!("\nInvoiced at the branch as {invoice}: do not invoice again")),
    }
    if let Some(text) = order.general_customer_note.as_deref().filter(|text| !text.trim().is_empty()) {
        note.push_str(&format!("\nNote: {text}"));
    }
    note
}

fn payment(payment: &PosPayment) -> String {
    if payment.is_change {
        format!("change {}", money(-payment.amount))
    } else {
        format!("{} {}", payment.payment_method_id.name, money(payment.amount))
    }
}

/// An amount with at least two decimals: `20.00`, `0.125`.
pub fn money(amount: Amount) -> String {
    // Odoo 16 and older store unrounded sums such as 21.830000000000002.
    let amount = amount.round_dp(4).normalize();
    if amount.scale() < 2 { format!("{amount:.2}") } else { amount.to_string() }
}

/// A number without idle zeros: `2`, `0.125`.
pub fn plain(amount: Amount) -> String {
    amount.round_dp(6).normalize().to_string()
}

/// Which product of central is the branch's: by the keys in the order given, the first key that finds any decides.
///
/// # Errors
/// Not found, found more than once, or nothing to look for.
pub fn match_product(product: &BranchProduct, candidates: &[CentralProduct], keys: &[ProductKey]) -> Result<CentralId<Product>, Problem> {
    let mut asked = false;
    for key in keys {
        let Some(value) = key.of(product) else { continue };
        asked = true;
        let mut found: Vec<&CentralProduct> = candidates.iter().filter(|c| key.of_central(c) == Some(value)).collect();
        // An archived namesake does not make the one that is sold ambiguous.
        if found.iter().any(|c| c.active) {
            found.retain(|c| c.active);
        }
        match found.as_slice() {
            [] => {}
            [one] => return Ok(one.id),
            many => {
                return Err(Problem::ProductAmbiguous {
                    name: product.name.clone(),
                    by: key.label().to_owned(),
                    value: value.to_owned(),
                    matches: many.iter().map(|c| format!("{} (id {})", c.display_name, c.id)).collect(),
                });
            }
        }
    }
    if asked {
        Err(Problem::ProductNotFound {
            name: product.name.clone(),
            barcode: product.barcode.clone(),
            default_code: product.default_code.clone(),
        })
    } else {
        Err(Problem::ProductWithoutReference { name: product.name.clone() })
    }
}

/// What products are matched by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProductKey {
    /// Barcode.
    Barcode,
    /// Internal Reference.
    DefaultCode,
}

impl ProductKey {
    /// The key of a branch's product, if it has one.
    pub fn of(self, product: &BranchProduct) -> Option<&str> {
        said(match self {
            Self::Barcode => &product.barcode,
            Self::DefaultCode => &product.default_code,
        })
    }

    fn of_central(self, product: &CentralProduct) -> Option<&str> {
        said(match self {
            Self::Barcode => &product.barcode,
            Self::DefaultCode => &product.default_code,
        })
    }

    fn label(self) -> &'static str {
        match self {
            Self::Barcode => "barcode",
            Self::DefaultCode => "Internal Reference",
        }
    }
}

/// A key's text, unless it is empty.
fn said(text: &Option<String>) -> Option<&str> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

/// Which customer of central is the branch's: by VAT, then e-mail, then reference; of several with one key the
/// one with the same name, else the one that is no contact of another.
///
/// # Errors
/// Not found, or found more than once.
pub fn match_partner(partner: &BranchPartner, candidates: &[CentralPartner]) -> Result<CentralId<Partner>, Problem> {
    let name = said(&partner.name).unwrap_or("without a name").to_owned();
    let same = |a: Option<&str>, b: &Option<String>| matches!((a, said(b)), (Some(a), Some(b)) if a.to_lowercase() == b.to_lowercase());
    let keys: [&dyn Fn(&&CentralPartner) -> bool; 3] =
        [&|c| same(said(&partner.vat), &c.vat), &|c| same(said(&partner.email), &c.email), &|c| {
            same(said(&partner.reference), &c.reference)
        }];
    for key in keys {
        let found: Vec<&CentralPartner> = candidates.iter().filter(|c| key(c)).collect();
        let by_name: Vec<&CentralPartner> = found.iter().copied().filter(|c| same(said(&partner.name), &c.name)).collect();
        let on_top: Vec<&CentralPartner> = found.iter().copied().filter(|c| c.parent_id.is_none()).collect();
        match (found.as_slice(), by_name.as_slice(), on_top.as_slice()) {
            ([], _, _) => {}
            ([one], _, _) | (_, [one], _) | (_, [], [one]) => return Ok(one.id),
            (many, _, _) => {
                let matches = many.iter().map(|c| format!("{} (id {})", c.display_name, c.id)).collect();
                return Err(Problem::CustomerAmbiguous { name, matches });
            }
        }
    }
    Err(Problem::CustomerNotFound { name })
}

/// Which tax of central, all of the order's company, is the branch's: by the configured name, else by the same
/// name, amount and included or excluded.
///
/// # Errors
/// Not found, or found more than once.
pub fn match_tax(tax: &BranchTax, configured: Option<&str>, candidates: &[CentralTax], company: &str) -> Result<CentralId<Tax>, Problem> {
    let same = |c: &&CentralTax| match configured {
        Some(name) => c.name == name,
        None => c.name == tax.name && c.amount == tax.amount && c.amount_type == tax.amount_type && c.price_include == tax.price_include,
    };
    let found: Vec<&CentralTax> = candidates.iter().filter(same).collect();
    match found.as_slice() {
        [one] => Ok(one.id),
        [] => Err(Problem::TaxNotFound {
            name: configured.unwrap_or(&tax.name).to_owned(),
            amount: plain(tax.amount),
            included: tax.price_include,
            company: company.to_owned(),
        }),
        many => Err(Problem::TaxAmbiguous {
            name: tax.name.clone(),
            matches: many.iter().map(|c| format!("{} (id {})", c.name, c.id)).collect(),
        }),
    }
}

#[cfg(test)]
mod tests;
