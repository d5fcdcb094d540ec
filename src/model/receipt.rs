//! An order as its receipt shows it.

use std::collections::HashMap;

use super::{Amount, BranchId, BranchProduct, BranchTax, PosLine, PosOrder, Product, Tax, sum};

/// What the branch calls the records that an order names only by number.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Names {
    /// Products of lines.
    pub products: HashMap<BranchId<Product>, BranchProduct>,
    /// Taxes of lines.
    pub taxes: HashMap<BranchId<Tax>, BranchTax>,
}

/// An order for people's eyes.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// The receipt reference.
    pub reference: String,
    /// The shop.
    pub shop: Option<String>,
    /// The session.
    pub session: Option<String>,
    /// The selling company.
    pub company: String,
    /// UTC, as Odoo writes times.
    pub date_order: String,
    /// Who sold: the cashier, else whose log-in the till ran under.
    pub cashier: Option<String>,
    /// The named customer.
    pub customer: Option<String>,
    /// In the till's order.
    pub lines: Vec<ReceiptLine>,
    /// How it was paid, change left out.
    pub payments: Vec<(String, Amount)>,
    /// What was given back.
    pub change: Option<Amount>,
    /// With taxes.
    pub total: Amount,
    /// The taxes in it.
    pub tax: Amount,
    /// E.g. `EUR`.
    pub currency: String,
    /// The invoice that the branch made.
    pub invoice: Option<String>,
    /// The order that this one gives back.
    pub refund_of: Option<String>,
    /// What the cashier noted.
    pub note: Option<String>,
}

/// A line of a receipt.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceiptLine {
    /// The product at the branch.
    pub product: BranchId<Product>,
    /// As the receipt names it.
    pub name: String,
    /// Its Internal Reference, if known.
    pub code: Option<String>,
    /// Its barcode, if known.
    pub barcode: Option<String>,
    /// Negative when given back.
    pub qty: Amount,
    /// As typed or set, with or without taxes as the taxes say.
    pub price_unit: Amount,
    /// Percent.
    pub discount: Amount,
    /// Names of the taxes; a tax that is not known has its number.
    pub taxes: Vec<String>,
    /// With taxes; negative when given back.
    pub amount: Amount,
    /// What the cashier noted.
    pub note: Option<String>,
    /// Lots and serials.
    pub lots: Vec<String>,
    /// Stands for its parts, which follow.
    pub combo: bool,
}

impl Receipt {
    /// An order as a receipt.
    pub fn of(order: &PosOrder, names: &Names) -> Self {
        let (change, paid): (Vec<_>, Vec<_>) = order.payment_ids.iter().partition(|payment| payment.is_change);
        let change = sum(change.iter().map(|payment| -payment.amount));
        let cashier = order.employee_id.as_ref().map(|e| &e.name).or(order.user_id.as_ref().map(|u| &u.name));
        Self {
            reference: order.reference(),
            shop: order.config_id.as_ref().map(|shop| shop.name.clone()),
            session: order.session_id.as_ref().map(|session| session.name.clone()),
            company: order.company_id.name.clone(),
            date_order: order.date_order.clone(),
            cashier: cashier.cloned(),
            customer: order.partner_id.as_ref().map(|partner| partner.name.clone()),
            lines: order.lines.iter().map(|line| receipt_line(line, names)).collect(),
            payments: paid.iter().map(|payment| (payment.payment_method_id.name.clone(), payment.amount)).collect(),
            change: Some(change).filter(|change| !change.is_zero()),
            total: order.amount_total,
            tax: order.amount_tax,
            currency: order.currency_id.as_ref().map(|currency| currency.name.clone()).unwrap_or_default(),
            invoice: order.account_move.as_ref().map(|invoice| invoice.name.clone()),
            refund_of: order.refunded_order_id.as_ref().map(|refunded| refunded.name.clone()),
            note: said(&order.general_customer_note),
        }
    }
}

fn receipt_line(line: &PosLine, names: &Names) -> ReceiptLine {
    let product = names.products.get(&line.product_id.id);
    let tax = |id: &BranchId<Tax>| names.taxes.get(id).map_or_else(|| format!("#{id}"), |tax| tax.name.clone());
    // Odoo 19's till stores the amount of a line that is given back as positive, the back office as negative.
    let size = line.price_subtotal_incl.abs();
    let negative = line.qty.is_sign_negative() != line.price_unit.is_sign_negative();
    ReceiptLine {
        product: line.product_id.id,
        name: said(&line.full_product_name).unwrap_or_else(|| line.product_id.name.clone()),
        code: product.and_then(|product| said(&product.default_code)),
        barcode: product.and_then(|product| said(&product.barcode)),
        qty: line.qty,
        price_unit: line.price_unit,
        discount: line.discount,
        taxes: line.tax_ids_after_fiscal_position.iter().map(tax).collect(),
        amount: if negative && !size.is_zero() { -size } else { size },
        note: said(&line.customer_note),
        lots: line.lot_names.clone(),
        combo: !line.combo_line_ids.is_empty(),
    }
}

fn said(text: &Option<String>) -> Option<String> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn amount(text: &str) -> Amount {
        text.parse().expect("a number")
    }

    #[test]
    fn a_receipt_says_what_was_sold_given_back_and_paid() {
        let line = |id: i64, name: &str, qty: &str, price: &str, discount: &str, incl: &str, taxes: &[i64]| {
            json!({"id": id, "order_id": [1, "x"], "product_id": [30 + id, format!("[C{id}] {name}")], "full_product_name": name,
                "qty": qty, "price_unit": price, "discount": discount, "price_subtotal_incl": incl, "tax_ids_after_fiscal_position": taxes})
        };
        let mut order = json!({
            "id": 1, "pos_reference": "2601-1-000001", "date_order": "2026-11-20 10:00:00", "write_date": "2026-11-20 10:00:00",
            "state": "paid", "company_id": [1, "Tirana"], "user_id": [5, "Till"], "employee_id": [7, "Anna"], "partner_id": [9, "Mirela"],
            "currency_id": [1, "EUR"], "amount_total": "13.50", "amount_tax": "2.25", "amount_paid": "13.50",
            "refunded_order_id": [4, "Tirana/0004"], "account_move": [6, "INV/6"], "general_customer_note": " gift ",
            "lines": [
                line(1, "Bag", "2", "10.00", "10.5", "17.90", &[5, 6]),
                line(2, "Mug", "-1", "4.40", "0", "4.40", &[5]),
                line(3, "Discount", "1", "-0.10", "0", "-0.10", &[]),
            ],
            "payment_ids": [
                {"id": 1, "pos_order_id": [1, "x"], "payment_method_id": [1, "Cash"], "amount": "20.00"},
                {"id": 2, "pos_order_id": [1, "x"], "payment_method_id": [1, "Cash"], "amount": "-6.50", "is_change": true},
            ]
        });
        order["lines"][0]["lot_names"] = json!(["LOT-1"]);
        order["lines"][1]["combo_line_ids"] = json!([3]);
        let order: PosOrder = serde_json::from_value(order).expect("an order");
        let tax = BranchTax {
            id: BranchId::new(5),
            name: "VAT 20%".to_owned(),
            amount: amount("20"),
            amount_type: "percent".to_owned(),
            price_include: true,
        };
        let product = BranchProduct {
            id: BranchId::new(31),
            name: "Bag".to_owned(),
            barcode: Some(" ".to_owned()),
            default_code: Some("BAG01".to_owned()),
        };
        let names = Names { products: HashMap::from([(product.id, product)]), taxes: HashMap::from([(tax.id, tax)]) };
        let receipt = Receipt::of(&order, &names);
        assert_eq!(receipt.cashier.as_deref(), Some("Anna"), "the cashier comes before the log-in of the till");
        let amounts: Vec<Amount> = receipt.lines.iter().map(|line| line.amount).collect();
        assert_eq!(amounts, [amount("17.90"), amount("-4.40"), amount("-0.10")], "given back is negative, whatever the till stored");
        assert_eq!(receipt.lines[0].taxes, ["VAT 20%", "#6"]);
        assert_eq!((receipt.lines[0].code.as_deref(), receipt.lines[0].barcode.as_deref()), (Some("BAG01"), None));
        assert_eq!(receipt.lines[0].lots, ["LOT-1"]);
        assert_eq!(receipt.lines.iter().map(|line| line.combo).collect::<Vec<_>>(), [false, true, false]);
        assert_eq!(receipt.payments, [("Cash".to_owned(), amount("20.00"))]);
        assert_eq!(receipt.change, Some(amount("6.50")));
        assert_eq!((receipt.note.as_deref(), receipt.invoice.as_deref()), (Some("gift"), Some("INV/6")));
        assert_eq!((receipt.refund_of.as_deref(), receipt.customer.as_deref()), (Some("Tirana/0004"), Some("Mirela")));
    }
}
