//! The rules of counting, one by one, and what holds for any orders.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn dec(text: &str) -> Amount {
    text.parse().expect("an amount")
}

/// An order of one line of 2 x `price`, paid in cash with 5 too much given.
fn order(id: i64, total: &str, cashier: &str) -> PosOrder {
    let total = dec(total);
    let sign = if total.is_sign_negative() { "-2" } else { "2" };
    let mut payments = vec![json!({"id": 2 * id, "pos_order_id": [id, "x"], "payment_method_id": [1, "Cash"], "amount": total + dec("5")})];
    payments
        .push(json!({"id": 2 * id + 1, "pos_order_id": [id, "x"], "payment_method_id": [1, "Cash"], "amount": "-5", "is_change": true}));
    serde_json::from_value(json!({
        "id": id, "uuid": format!("u-{id}"), "date_order": "2026-11-20 10:00:00", "write_date": "2026-11-20 10:00:00", "state": "paid",
        "company_id": [1, "C"], "user_id": [5, "Till"], "employee_id": [7, cashier], "currency_id": [1, "EUR"],
        "amount_total": total, "amount_tax": "0", "amount_paid": total,
        "lines": [{
            "id": id, "order_id": [id, "x"], "product_id": [36, "[ART-26] Article 26"], "qty": sign, "price_unit": total.abs() / dec("2"),
            "discount": "0", "price_subtotal_incl": total.abs()
        }],
        "payment_ids": payments
    }))
    .expect("an order")
}

fn sold(hour: i8, order: &PosOrder) -> Sold<'_> {
    Sold { hour, currency: "EUR", amount: order.amount_total, order: Some(order) }
}

fn share(count: u64, amount: &str) -> Share {
    Share { count, amount: dec(amount) }
}

#[test]
fn a_day_is_told_by_hour_cashier_method_and_product() {
    let orders = [order(1, "20.10", "Anna"), order(2, "9.90", "Ben"), order(3, "-4.00", "Anna")];
    let counted = count([sold(9, &orders[0]), sold(9, &orders[1]), sold(17, &orders[2])]);
    let (totals, report) = &counted["EUR"];
    assert_eq!(*totals, Totals { orders: 3, amount: dec("26.00"), refunds: 1, refunded: dec("-4.00") });
    assert_eq!(report.hours, BTreeMap::from([(9, share(2, "30.00")), (17, share(1, "-4.00"))]));
    assert_eq!(report.cashiers, BTreeMap::from([("Anna".into(), share(2, "16.10")), ("Ben".into(), share(1, "9.90"))]));
    // The change is taken off, and is no payment of its own.
    assert_eq!(report.methods, BTreeMap::from([("Cash".into(), share(3, "26.00"))]));
    let [product] = report.products.as_slice() else { panic!("{:?}", report.products) };
    assert_eq!((product.code.as_str(), product.name.as_str()), ("ART-26", "Article 26"));
    assert_eq!((product.qty, product.returned, product.amount), (dec("2"), dec("2"), dec("26.00")));
    // The next day, read from its JSON, adds to it.
    let kept: Report = serde_json::from_str(&serde_json::to_string(report).expect("JSON")).expect("a report");
    assert_eq!(kept, *report);
    let mut two = Count::default();
    two.report(totals, report);
    two.report(totals, &kept);
    let (totals, report) = two.done(10);
    assert_eq!((totals.orders, totals.amount, report.hours[&9], report.products[0].qty), (6, dec("52.00"), share(4, "60.00"), dec("4")));
}

#[test]
fn the_user_stands_in_for_a_cashier_and_currencies_stay_apart() {
    let mut plain = order(1, "20.00", "Anna");
    plain.employee_id = None;
    let lek = Sold { currency: "ALL", ..sold(1, &plain) };
    let counted = count([sold(1, &plain), lek]);
    assert_eq!(counted.keys().collect::<Vec<_>>(), ["ALL", "EUR"]);
    assert_eq!(counted["EUR"].1.cashiers, BTreeMap::from([("Till".into(), share(1, "20.00"))]));
}

#[test]
fn signs_of_lines_are_those_of_quantity_and_price_whoever_stored_the_sum() {
    let signed = |qty: &str, price: &str, stored: &str| {
        let mut line = order(1, "20.00", "Anna").lines.remove(0);
        (line.qty, line.price_unit, line.price_subtotal_incl) = (dec(qty), dec(price), dec(stored));
        amount(&line)
    };
    assert_eq!(signed("1", "5", "5"), dec("5"));
    assert_eq!([signed("-1", "5", "5"), signed("-1", "5", "-5")], [dec("-5"), dec("-5")]);
    // A global discount, and the same given back.
    assert_eq!([signed("1", "-5", "-5"), signed("-1", "-5", "5")], [dec("-5"), dec("5")]);
}

#[test]
fn a_combo_is_counted_by_its_items() {
    let mut combo = order(1, "20.00", "Anna");
    let mut head = combo.lines[0].clone();
    (head.price_unit, head.price_subtotal_incl, head.combo_line_ids) = (dec("0"), dec("0"), vec![head.id]);
    head.product_id.name = "Menu".into();
    combo.lines.insert(0, head);
    let names: Vec<String> = count([sold(1, &combo)])["EUR"].1.products.iter().map(|product| product.name.clone()).collect();
    assert_eq!(names, ["Article 26"]);
}

#[test]
fn what_is_forgotten_counts_with_its_total_alone() {
    let (_, report) = &count([Sold { hour: 3, currency: "EUR", amount: dec("7"), order: None }])["EUR"];
    assert_eq!((report.forgotten, report.hours[&3], report.cashiers[""]), (1, share(1, "7"), share(1, "7")));
    assert!(report.methods.is_empty() && report.products.is_empty());
}

#[test]
fn names_and_products_are_limited_and_nothing_of_their_amounts_is_lost() {
    let orders: Vec<PosOrder> = (1..=300)
        .map(|id| {
            let mut order = order(id, "1.00", &format!("{id} {}", "x".repeat(10_000)));
            order.lines[0].product_id.name = format!("[P{id}] P");
            order
        })
        .collect();
    let (totals, report) = &count(orders.iter().map(|order| sold(1, order)))["EUR"];
    assert_eq!(totals.amount, dec("300.00"));
    assert_eq!((report.products.len(), report.others), (MOST_PRODUCTS, share(100, "100.00")));
    assert_eq!((report.cashiers.len(), report.cashiers[""]), (MOST_NAMES, share(201, "201.00")));
    assert!(serde_json::to_string(report).expect("JSON").len() < 40_000);
}

#[test]
fn amounts_that_no_till_can_take_do_not_stop_the_count() {
    let mut huge = order(1, "1", "Anna");
    huge.amount_total = Amount::MAX;
    let counted = count([sold(1, &huge), sold(1, &huge)]);
    assert_eq!(counted["EUR"].0.amount, Amount::MAX);
}

#[test]
fn names_without_a_reference_stay_whole() {
    for (shown, code, name) in
        [("[A] B", "A", "B"), ("B", "", "B"), ("[A]B", "", "[A]B"), ("[] B", "", "[] B"), ("[A] ", "", "[A] "), ("[A [x] B", "A [x", "B")]
    {
        assert_eq!(code_and_name(shown), (code, name), "{shown}");
    }
}

fn orders() -> impl Strategy<Value = Vec<(i8, PosOrder)>> {
    let one = (0i8..24, -100_000i64..1_000_000, 0..4usize, 1..40u32).prop_map(|(hour, cents, cashier, product)| {
        let mut order = order(1, &Amount::new(cents, 2).to_string(), ["Anna", "Ben", "", "Çelik"][cashier]);
        order.lines[0].product_id.name = format!("[P{product}] Product {product}");
        (hour, order)
    });
    proptest::collection::vec(one, 0..60)
}

proptest! {
    /// Each way of taking a day apart comes to the same total, and so do two halves of it added up.
    #[test]
    fn every_part_comes_to_the_whole(orders in orders(), cut in 0usize..60) {
        let whole = count(orders.iter().map(|(hour, order)| sold(*hour, order)));
        let Some((totals, report)) = whole.get("EUR") else { return Ok(()) };
        let sum = |shares: &mut dyn Iterator<Item = &Share>| shares.fold(Share::default(), |mut sum, share| {
            sum.add(share.count, share.amount);
            sum
        });
        let all = Share { count: orders.len() as u64, amount: orders.iter().map(|(_, order)| order.amount_total).sum() };
        prop_assert_eq!((totals.orders, totals.amount), (all.count, all.amount));
        prop_assert_eq!(sum(&mut report.hours.values()), all);
        prop_assert_eq!(sum(&mut report.cashiers.values()), all);
        prop_assert_eq!(sum(&mut report.methods.values()), all);
        prop_assert_eq!(report.products.iter().map(|product| product.amount).sum::<Amount>() + report.others.amount, all.amount);
        prop_assert!(totals.refunded <= Amount::ZERO && totals.refunds <= totals.orders);

        let (first, second) = orders.split_at(cut.min(orders.len()));
        let mut halves = Count::default();
        for half in [first, second] {
            for (totals, report) in count(half.iter().map(|(hour, order)| sold(*hour, order))).values() {
                halves.report(totals, report);
            }
        }
        prop_assert_eq!(halves.done(MOST_PRODUCTS), (totals.clone(), report.clone()));
    }
}
