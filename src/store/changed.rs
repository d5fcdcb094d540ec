//! What of an order changed at the branch after it was written, in words for a person. Pure.

use std::collections::BTreeMap;

use crate::model::{Amount, BranchRef, Partner, PosLine, PosOrder, PosPayment, plus, same_money};

/// Lines that are named one by one; more are counted.
const NAMED_LINES: usize = 3;

/// Names the parts of an order that differ: `customer nobody -> Azure Interior, payments Cash 25.00 -> Card 25.00`.
pub(super) fn what_changed(older: &PosOrder, newer: &PosOrder) -> String {
    let mut parts = Vec::new();
    if !same_money(older.amount_total, newer.amount_total) {
        parts.push(format!("total {} -> {}", money(older.amount_total), money(newer.amount_total)));
    } else if !same_money(older.amount_tax, newer.amount_tax) {
        parts.push(format!("taxes {} -> {}", money(older.amount_tax), money(newer.amount_tax)));
    }
    if older.partner_id.as_ref().map(|p| p.id) != newer.partner_id.as_ref().map(|p| p.id) {
        parts.push(format!("customer {} -> {}", name(&older.partner_id), name(&newer.partner_id)));
    }
    match (&older.account_move, &newer.account_move) {
        (None, Some(invoice)) => parts.push(format!("invoiced as {}", invoice.name)),
        (Some(invoice), None) => parts.push(format!("no longer invoiced as {}", invoice.name)),
        (Some(a), Some(b)) if a.id != b.id => parts.push(format!("invoiced as {} -> {}", a.name, b.name)),
        _ => {}
    }
    lines(older, newer, &mut parts);
    payments(older, newer, &mut parts);
    if older.general_customer_note != newer.general_customer_note {
        parts.push(format!("note {} -> {}", quoted(&older.general_customer_note), quoted(&newer.general_customer_note)));
    }
    if older.date_order != newer.date_order {
        parts.push(format!("date {} -> {}", older.date_order, newer.date_order));
    }
    if parts.is_empty() { "its details".to_owned() } else { parts.join(", ") }
}

fn lines(older: &PosOrder, newer: &PosOrder, parts: &mut Vec<String>) {
    let of = |order: &PosOrder| -> BTreeMap<i64, PosLine> { order.lines.iter().map(|line| (line.id.get(), line.clone())).collect() };
    let (before, after) = (of(older), of(newer));
    let mut changes = Vec::new();
    for (id, line) in &after {
        match before.get(id) {
            None => changes.push(format!("line added: {}", line_text(line))),
            Some(old) => changes.extend(line_change(old, line)),
        }
    }
    changes.extend(before.iter().filter(|(id, _)| !after.contains_key(id)).map(|(_, line)| format!("line taken out: {}", line_text(line))));
    let more = changes.len().saturating_sub(NAMED_LINES);
    parts.extend(changes.into_iter().take(NAMED_LINES));
    if more > 0 {
        parts.push(format!("{more} more lines"));
    }
}

fn line_change(old: &PosLine, new: &PosLine) -> Option<String> {
    let differs = |what: &str, a: Amount, b: Amount| (!same_money(a, b)).then(|| format!("{what} {} -> {}", a.normalize(), b.normalize()));
    let mut fields: Vec<String> = Vec::new();
    if old.product_id.id != new.product_id.id {
        fields.push(format!("product {} -> {}", product(old), product(new)));
    }
    fields.extend(differs("quantity", old.qty, new.qty));
    fields.extend(differs("price", old.price_unit, new.price_unit));
    fields.extend(differs("discount", old.discount, new.discount));
    if old.customer_note != new.customer_note {
        fields.push(format!("note {} -> {}", quoted(&old.customer_note), quoted(&new.customer_note)));
    }
    if old.tax_ids_after_fiscal_position != new.tax_ids_after_fiscal_position {
        fields.push("taxes".to_owned());
    }
    if old.lot_names != new.lot_names {
        fields.push("lots".to_owned());
    }
    (!fields.is_empty()).then(|| format!("line {}: {}", product(new), fields.join(", ")))
}

fn line_text(line: &PosLine) -> String {
    format!("{} x {} at {}", line.qty.normalize(), product(line), money(line.price_unit))
}

fn product(line: &PosLine) -> String {
    line.full_product_name.clone().unwrap_or_else(|| line.product_id.name.clone())
}

fn payments(older: &PosOrder, newer: &PosOrder, parts: &mut Vec<String>) {
    let (before, after) = (paid(&older.payment_ids), paid(&newer.payment_ids));
    if before != after {
        parts.push(format!("payments {before} -> {after}"));
    }
}

/// `Card 15.50 and Cash 20.00`, change taken off.
fn paid(payments: &[PosPayment]) -> String {
    let mut sums: BTreeMap<&str, Amount> = BTreeMap::new();
    for payment in payments {
        plus(sums.entry(&payment.payment_method_id.name).or_default(), payment.amount);
    }
    let sums: Vec<String> =
        sums.into_iter().filter(|(_, sum)| !sum.is_zero()).map(|(method, sum)| format!("{method} {}", money(sum))).collect();
    if sums.is_empty() { "nothing".to_owned() } else { sums.join(" and ") }
}

fn name(partner: &Option<BranchRef<Partner>>) -> String {
    partner.as_ref().map_or_else(|| "nobody".to_owned(), |partner| partner.name.clone())
}

fn quoted(text: &Option<String>) -> String {
    text.as_ref().map_or_else(|| "none".to_owned(), |text| format!("\"{text}\""))
}

fn money(amount: Amount) -> String {
    let amount = amount.round_dp(4).normalize();
    if amount.scale() < 2 { format!("{amount:.2}") } else { amount.to_string() }
}
