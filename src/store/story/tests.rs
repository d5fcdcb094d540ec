//! Which of an order's records a problem is about.

use serde_json::json;

use super::*;

fn one(model: &'static str, branch_id: i64, name: &str, code: Option<&str>) -> Unmatched {
    Unmatched { model, branch_id, name: name.to_owned(), code: code.map(str::to_owned), barcode: None, waits_for: String::new() }
}

fn named() -> Named {
    Named {
        products: vec![
            one(Product::NAME, 1, "Bag", Some("BAG01")),
            one(Product::NAME, 2, "Bag", Some("BAG02")),
            one(Product::NAME, 3, "Mug", None),
        ],
        taxes: vec![one(Tax::NAME, 5, "VAT 20%", None), one(Tax::NAME, 6, "VAT 6%", None)],
        customer: vec![one(Partner::NAME, 9, "Mirela", None)],
    }
}

fn about(problem: serde_json::Value) -> Vec<i64> {
    let problem: Problem = serde_json::from_value(problem).unwrap();
    let found = named().about(&problem);
    assert!(found.iter().all(|one| one.waits_for == problem.key()));
    found.into_iter().map(|one| one.branch_id).collect()
}

#[test]
fn a_problem_is_about_the_record_of_its_name_and_of_its_code_where_two_share_it() {
    assert_eq!(about(json!({"cause": "product_not_found", "name": "Bag", "barcode": null, "default_code": "BAG02"})), [2]);
    assert_eq!(about(json!({"cause": "product_not_found", "name": "Bag", "barcode": null, "default_code": "set.here"})), [1, 2]);
    assert_eq!(about(json!({"cause": "product_without_reference", "name": "Mug"})), [3]);
    assert_eq!(about(json!({"cause": "tax_not_found", "name": "VAT 6%", "amount": "6", "included": true, "company": "x"})), [6]);
    assert_eq!(about(json!({"cause": "tax_not_found", "name": "20% S", "amount": "20", "included": true, "company": "x"})), [5, 6]);
    assert_eq!(about(json!({"cause": "customer_not_found", "name": "Mirela"})), [9]);
    assert_eq!(about(json!({"cause": "total_differs", "till": "1", "central": "2", "limit": null, "hint": null})), Vec::<i64>::new());
}
