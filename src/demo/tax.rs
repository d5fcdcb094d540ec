//! The tax arithmetic of Odoo 19: which amount a set of taxes makes of a price, and how an order rounds its sum.
//!
//! Written from the rules, in decimals where Odoo uses doubles with a tolerance; the tests hold totals that a running
//! Odoo computed.

use rust_decimal::{Decimal, RoundingStrategy};

/// How the amount of a tax is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaxKind {
    /// A share of the base.
    Percent,
    /// A share of the total: 10 on a total of 100 is 10, on a base of 90.
    Division,
    /// So much for each unit.
    Fixed,
}

/// A tax as far as its arithmetic goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Tax {
    /// Record id.
    pub id: i64,
    /// The order in which taxes are taken.
    pub sequence: i64,
    /// How the amount is found.
    pub kind: TaxKind,
    /// Percent, or an amount for each unit.
    pub amount: Decimal,
    /// Whether prices contain it.
    pub price_include: bool,
    /// Whether later taxes are taken on it too.
    pub include_base_amount: bool,
    /// Whether earlier taxes of that sort are in its base.
    pub is_base_affected: bool,
}

/// How a company rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rounding {
    /// Digits of the currency.
    pub digits: u32,
    /// `round_globally`: sums are rounded, not lines.
    pub globally: bool,
}

/// A line to be taxed.
#[derive(Debug, Clone)]
pub struct Line {
    /// Price of a unit, before the discount.
    pub price_unit: Decimal,
    /// Quantity; negative gives back.
    pub quantity: Decimal,
    /// Discount in percent.
    pub discount: Decimal,
    /// The taxes, in any order.
    pub taxes: Vec<Tax>,
}

/// The totals of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Without taxes.
    pub untaxed: Decimal,
    /// The taxes.
    pub tax: Decimal,
}

impl Totals {
    /// With taxes.
    pub fn total(self) -> Decimal {
        self.untaxed + self.tax
    }
}

/// Rounds half away from zero. Odoo forgives the last bits of a double, so a digit far behind the point does too.
pub fn round(amount: Decimal, digits: u32) -> Decimal {
    let away = RoundingStrategy::MidpointAwayFromZero;
    amount.round_dp_with_strategy(digits + 9, away).round_dp_with_strategy(digits, away).normalize()
}

/// The unrounded result for one line.
#[derive(Debug, Clone)]
pub struct LineTaxes {
    untaxed: Decimal,
    taxes: Vec<(i64, bool, Decimal)>,
}

struct Working {
    amount: Option<Decimal>,
    for_tax: Decimal,
    for_base: Decimal,
    batch: Vec<usize>,
}

/// Taxes one line; rounded at each step only when the company rounds line by line.
pub fn line_taxes(line: &Line, rounding: Rounding) -> LineTaxes {
    let mut taxes: Vec<&Tax> = line.taxes.iter().collect();
    taxes.sort_by_key(|tax| (tax.sequence, tax.id));
    let price = line.price_unit * (Decimal::ONE - line.discount / Decimal::ONE_HUNDRED);
    let step = |amount: Decimal| if rounding.globally { amount } else { round(amount, rounding.digits) };
    let base = step(price * line.quantity);
    let batches = batches(&taxes);
    let mut work: Vec<Working> =
        batches.into_iter().map(|batch| Working { amount: None, for_tax: Decimal::ZERO, for_base: Decimal::ZERO, batch }).collect();
    let sign = if price.is_sign_negative() && !price.is_zero() { -Decimal::ONE } else { Decimal::ONE };
    let last_first: Vec<usize> = (0..taxes.len()).rev().collect();
    for &at in last_first.iter().filter(|at| taxes[**at].kind == TaxKind::Fixed) {
        settle(&taxes, &mut work, at, step(sign * line.quantity * taxes[at].amount));
    }
    for &at in last_first.iter().filter(|at| taxes[**at].price_include && taxes[**at].kind != TaxKind::Fixed) {
        let amount = included(&taxes, &work[at].batch, at, base + work[at].for_tax);
        settle(&taxes, &mut work, at, step(amount));
    }
    for at in (0..taxes.len()).filter(|at| !taxes[*at].price_include && taxes[*at].kind != TaxKind::Fixed) {
        let amount = excluded(&taxes, &work[at].batch, at, base + work[at].for_tax);
        settle(&taxes, &mut work, at, step(amount));
    }
    let amount_of = |at: usize| work[at].amount.unwrap_or_default();
    let untaxed = match taxes.first() {
        Some(first) if first.price_include => base + work[0].for_base - work[0].batch.iter().map(|at| amount_of(*at)).sum::<Decimal>(),
        Some(_) => base + work[0].for_base,
        None => base,
    };
    let amounts = taxes.iter().enumerate().map(|(at, tax)| (tax.id, tax.price_include, amount_of(at))).collect();
    LineTaxes { untaxed, taxes: amounts }
}

/// Neighbours that are taken together on one base: for each tax the positions of its batch.
fn batches(taxes: &[&Tax]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut affected = false;
    for at in (0..taxes.len()).rev() {
        let tax = taxes[at];
        let together = groups.last().and_then(|group| group.first()).is_some_and(|first| {
            let first = taxes[*first];
            tax.kind == first.kind
                && tax.price_include == first.price_include
                && tax.include_base_amount == first.include_base_amount
                && (!tax.include_base_amount || !affected)
        });
        match groups.last_mut() {
            Some(group) if together => group.push(at),
            _ => groups.push(vec![at]),
        }
        affected = tax.is_base_affected;
    }
    (0..taxes.len()).map(|at| groups.iter().find(|group| group.contains(&at)).cloned().unwrap_or_default()).collect()
}

/// Notes a tax amount and moves the base of the others by it.
fn settle(taxes: &[&Tax], work: &mut [Working], at: usize, amount: Decimal) {
    work[at].amount = Some(amount);
    let tax = taxes[at];
    let batch = work[at].batch.clone();
    let before = (0..taxes.len()).take_while(|other| !batch.contains(other)).collect::<Vec<_>>();
    let after = (0..taxes.len()).rev().take_while(|other| !batch.contains(other)).collect::<Vec<_>>();
    let mut add = |other: usize, amount: Decimal| {
        if work[other].amount.is_none() {
            work[other].for_tax += amount;
        }
        work[other].for_base += amount;
    };
    if tax.price_include {
        for other in after {
            if !tax.include_base_amount || !taxes[other].is_base_affected {
                add(other, -amount);
            }
        }
        for other in before {
            add(other, -amount);
        }
    } else if tax.include_base_amount {
        for other in after {
            if taxes[other].is_base_affected {
                add(other, amount);
            }
        }
    }
}

fn batch_rate(taxes: &[&Tax], batch: &[usize]) -> Decimal {
    batch.iter().map(|at| taxes[*at].amount).sum::<Decimal>() / Decimal::ONE_HUNDRED
}

fn included(taxes: &[&Tax], batch: &[usize], at: usize, base: Decimal) -> Decimal {
    let share = base * taxes[at].amount / Decimal::ONE_HUNDRED;
    match taxes[at].kind {
        TaxKind::Percent => {
            let rate = Decimal::ONE + batch_rate(taxes, batch);
            if rate.is_zero() { Decimal::ZERO } else { share / rate }
        }
        _ => share,
    }
}

fn excluded(taxes: &[&Tax], batch: &[usize], at: usize, base: Decimal) -> Decimal {
    let share = base * taxes[at].amount / Decimal::ONE_HUNDRED;
    match taxes[at].kind {
        TaxKind::Division => {
            let left = Decimal::ONE - batch_rate(taxes, batch);
            if left.is_zero() { share } else { share / left }
        }
        _ => share,
    }
}

/// The totals of an order: each tax is rounded once over all lines; when every tax is in the prices the total is
/// rounded and the untaxed amount is what remains, else the untaxed amount is rounded by itself.
pub fn order_totals(lines: &[LineTaxes], rounding: Rounding) -> Totals {
    let mut sums: Vec<((i64, bool), Decimal)> = Vec::new();
    for (id, include, amount) in lines.iter().flat_map(|line| &line.taxes) {
        match sums.iter_mut().find(|(key, _)| *key == (*id, *include)) {
            Some((_, sum)) => *sum += amount,
            None => sums.push(((*id, *include), *amount)),
        }
    }
    let tax: Decimal = sums.iter().map(|(_, sum)| round(*sum, rounding.digits)).sum();
    let raw: Decimal = lines.iter().map(|line| line.untaxed).sum();
    let untaxed = if sums.iter().all(|((_, include), _)| *include) {
        let raw_tax: Decimal = sums.iter().map(|(_, sum)| *sum).sum();
        round(raw + raw_tax, rounding.digits) - tax
    } else {
        round(raw, rounding.digits)
    };
    Totals { untaxed, tax }
}

/// `price_subtotal` and `price_total` of one line: here each tax is rounded by itself.
pub fn line_totals(line: &LineTaxes, rounding: Rounding) -> (Decimal, Decimal) {
    let subtotal = round(line.untaxed, rounding.digits);
    let taxes: Decimal = line.taxes.iter().map(|(_, _, amount)| round(*amount, rounding.digits)).sum();
    (subtotal, subtotal + taxes)
}
