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

#[cfg(test)]
mod tests {
    use super::*;

    type Case = (
        &'static [(&'static str, &'static str, &'static str, &'static [usize])],
        (&'static str, &'static str),
        (&'static str, &'static str),
    );

    /// Orders as (quantity, price, discount, taxes) with the untaxed amount and the tax that Odoo 19.0 computed for them, first
    /// with `round_globally`, then with `round_per_line`.
    const SEEN_IN_ODOO: &[Case] = &[
        (&[("12.12", "12.12", "0", &[1]), ("12.12", "12.12", "0", &[1])], ("293.79", "44.07"), ("293.78", "44.06")),
        (&[("1", "21.53", "0", &[0]), ("1", "21.53", "0", &[0])], ("35.88", "7.18"), ("35.88", "7.18")),
        (&[("1", "100", "0", &[0, 2])], ("79.68", "20.32"), ("79.68", "20.32")),
        (&[("3", "9.99", "10", &[0, 3]), ("1", "5", "0", &[])], ("27.48", "5.25"), ("27.47", "5.25")),
        (&[("2", "50", "0", &[5])], ("100.00", "11.11"), ("100.00", "11.11")),
        (&[("2", "50", "0", &[6, 1])], ("90.00", "23.50"), ("90.00", "23.50")),
        (&[("1", "20", "0", &[9, 1])], ("20.00", "4.00"), ("20.00", "4.00")),
        (&[("1", "20", "0", &[8, 1])], ("18.69", "4.31"), ("18.69", "4.31")),
        (&[("-1", "19.61", "0", &[0])], ("-16.34", "-3.27"), ("-16.34", "-3.27")),
        (&[("0.13", "7.77", "33.33", &[2]), ("1", "0.37", "0", &[2])], ("0.99", "0.05"), ("0.99", "0.05")),
        (&[("1", "10", "0", &[10, 7])], ("10.00", "1.00"), ("10.00", "1.00")),
        (&[("1", "10", "0", &[11, 8])], ("9.07", "0.93"), ("9.07", "0.93")),
        (&[("0.5", "9.87", "0", &[4]), ("-1", "47.65", "33.33", &[2]), ("1", "42.56", "0", &[2, 3])], ("15.11", "0.86"), ("15.12", "0.86")),
        (
            &[("-1", "9.14", "10", &[1]), ("0.5", "26.7", "0", &[3]), ("1", "4.05", "0", &[7, 8, 9]), ("1", "4.99", "33.33", &[1, 3, 5])],
            ("12.24", "1.63"),
            ("12.24", "1.63"),
        ),
        (&[("-1", "41.37", "33.33", &[4]), ("-1", "31.35", "33.33", &[5])], ("-48.38", "-2.42"), ("-48.38", "-2.42")),
        (
            &[
                ("1", "41.41", "10", &[3, 8, 9]),
                ("2", "28.63", "10", &[0, 2, 6]),
                ("1", "2.61", "33.33", &[11]),
                ("0.5", "38.01", "10", &[4]),
            ],
            ("90.53", "18.36"),
            ("90.53", "18.36"),
        ),
        (
            &[("-1", "2.8", "10", &[1, 2, 10]), ("0.5", "26.56", "0", &[5, 6]), ("1", "3.11", "10", &[0]), ("1", "12.0", "33.33", &[1, 6])],
            ("19.10", "4.45"),
            ("19.09", "4.45"),
        ),
        (&[("1", "44.19", "0", &[4]), ("2", "38.6", "0", &[2]), ("2", "1.25", "0", &[6, 8, 9])], ("119.18", "6.70"), ("119.19", "6.70")),
    ];

    fn taxes() -> Vec<Tax> {
        use TaxKind::{Division, Fixed, Percent};
        [
            (Percent, "20", true, false, true),
            (Percent, "15", false, false, true),
            (Percent, "5.5", true, false, true),
            (Fixed, "0.25", false, false, true),
            (Fixed, "0.1", true, false, true),
            (Division, "10", false, false, true),
            (Division, "10", true, false, true),
            (Percent, "7", false, true, true),
            (Percent, "7", true, true, true),
            (Fixed, "1", false, true, true),
            (Percent, "3", false, false, false),
            (Percent, "3", true, false, false),
        ]
        .into_iter()
        .enumerate()
        .map(|(at, (kind, amount, price_include, include_base_amount, is_base_affected))| Tax {
            id: at as i64,
            sequence: at as i64 % 4,
            kind,
            amount: amount.parse().expect("a number"),
            price_include,
            include_base_amount,
            is_base_affected,
        })
        .collect()
    }

    #[test]
    fn orders_come_to_the_totals_that_a_real_odoo_computed() {
        let taxes = taxes();
        let number = |text: &str| text.parse::<Decimal>().expect("a number");
        for (lines, globally, per_line) in SEEN_IN_ODOO {
            for (expected, globally) in [(globally, true), (per_line, false)] {
                let rounding = Rounding { digits: 2, globally };
                let taxed: Vec<LineTaxes> = lines
                    .iter()
                    .map(|(quantity, price, discount, used)| {
                        let taxes = used.iter().map(|at| taxes[*at].clone()).collect();
                        let (price_unit, quantity, discount) = (number(price), number(quantity), number(discount));
                        line_taxes(&Line { price_unit, quantity, discount, taxes }, rounding)
                    })
                    .collect();
                let totals = order_totals(&taxed, rounding);
                assert_eq!((totals.untaxed, totals.tax), (number(expected.0), number(expected.1)), "{lines:?} globally: {globally}");
            }
        }
    }

    #[test]
    fn the_total_of_one_price_with_its_taxes_in_it_is_that_price() {
        let rounding = Rounding { digits: 2, globally: true };
        let all = taxes();
        let line = Line {
            price_unit: Decimal::ONE_HUNDRED,
            quantity: Decimal::ONE,
            discount: Decimal::ZERO,
            taxes: vec![all[0].clone(), all[2].clone(), all[4].clone()],
        };
        let totals = order_totals(&[line_taxes(&line, rounding)], rounding);
        assert_eq!(totals.total(), Decimal::ONE_HUNDRED);
    }
}
