//! What is decided about a try without asking anybody.

use super::*;

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

#[test]
fn taxes_may_differ_by_rounding_by_a_hundredth_and_by_what_was_adjusted() {
    for (till, central, adjusted, differ) in [
        ("1.00", "1.06", "0", false),
        ("1.00", "1.07", "0", true),
        ("1.00", "0.94", "0", false),
        ("1.00", "0.93", "0", true),
        ("100.00", "101.05", "0", false),
        ("100.00", "101.06", "0", true),
        ("-20.00", "20.00", "0", false),
        ("1.00", "1.26", "-0.20", false),
        ("1.00", "1.27", "-0.20", true),
    ] {
        assert_eq!(taxes_differ(amount(till), amount(central), amount(adjusted)), differ, "{till} and {central}, adjusted {adjusted}");
    }
}

#[test]
fn batches_grow_while_calls_are_short_and_shrink_when_one_is_long() {
    let third = LONG_CALL / 3;
    let moment = Duration::from_millis(1);
    for (now, took, rows, after) in [
        // Twice as many, up to the most.
        (200, moment, 200, 400),
        (200, third - moment, 200, 400),
        (500, moment, 500, MOST_BATCH_ROWS),
        // A small last batch says nothing about large ones.
        (400, moment, 30, 400),
        // Neither short nor long.
        (200, third, 200, 200),
        (200, LONG_CALL, 200, 200),
        // Half as many, down to the least.
        (200, LONG_CALL + moment, 200, 100),
        (200, Duration::MAX, 30, LEAST_BATCH_ROWS),
    ] {
        assert_eq!(rows_after(now, took, rows), after, "{rows} rows in {took:?}, {now} until then");
    }
}

#[test]
fn pauses_double_up_to_an_hour() {
    let clock = Clock::stopped("2026-11-20T12:00:00Z".parse().unwrap());
    for (attempts, seconds) in [(0, 30), (1, 60), (2, 120), (6, 1_920), (7, 3_600), (16, 3_600), (u32::MAX, 3_600)] {
        let pause = Duration::try_from(due_after(attempts, &clock).duration_since(clock.now())).unwrap();
        let whole = Duration::from_secs(seconds);
        assert!(pause >= whole.mul_f64(0.75) && pause <= whole.mul_f64(1.25), "{attempts} tries: {pause:?}");
    }
}

#[test]
fn amounts_have_two_decimals_at_least() {
    for (computed, written) in [("1.5", "1.50"), ("-0.500", "-0.50"), ("3", "3.00"), ("0.125", "0.125")] {
        assert_eq!(with_cents(amount(computed)).to_string(), written);
    }
}

#[test]
fn more_decimals_than_central_keeps_are_the_likely_reason() {
    let of = |qty: &str| -> PosOrder {
        serde_json::from_value(serde_json::json!({
            "id": 1, "date_order": "2026-11-20 11:00:00", "write_date": "2026-11-20 11:00:00", "state": "paid", "company_id": [1, "C"],
            "amount_total": "5", "amount_tax": "0", "amount_paid": "5",
            "lines": [{"id": 1, "order_id": [1, "x"], "product_id": [36, "Article"], "qty": qty, "price_unit": "5", "discount": "0",
                "price_subtotal_incl": "5"}],
        }))
        .unwrap()
    };
    assert_eq!(["1", "0.12", "0.1200"].map(|qty| hint(&of(qty))), [None, None, None]);
    assert!(hint(&of("0.1250")).unwrap().starts_with("The quantity 0.125 has more decimals"));
}
