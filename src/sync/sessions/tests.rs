#![allow(clippy::unwrap_used)] // A test that fails to unwrap has failed.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::prove::prove;
use super::*;

const SHOP: i64 = 4;

fn session(id: i64, state: &str) -> Session {
    Session {
        id,
        name: Some(format!("Garden Shop/{id:05}")),
        state: state.to_owned(),
        rescue: false,
        start_at: Some("2026-11-20 07:00:00".to_owned()),
        stop_at: (state == "closed").then(|| "2026-11-20 17:00:00".to_owned()),
        config_id: (SHOP, "Garden Shop".to_owned()),
        currency_id: Some((1, "EUR".to_owned())),
        cash_register_balance_start: Amount::ZERO,
        cash_register_balance_end_real: Amount::ZERO,
        cash_register_balance_end: Amount::ZERO,
        cash_register_difference: Amount::ZERO,
        cash_real_transaction: Amount::ZERO,
        total_payments_amount: Amount::ZERO,
        order_count: 0,
    }
}

/// An order that the server counted as its nth, under a number of a till.
fn order(session: i64, sequence: i64, till: &str, number: i64) -> Order {
    Order {
        id: sequence,
        session_id: Some((session, String::new())),
        config_id: Some((SHOP, "Garden Shop".to_owned())),
        pos_reference: Some(format!("26{till}-{SHOP}-{number:06}")),
        sequence_number: sequence,
        state: "done".to_owned(),
        amount_total: Amount::ZERO,
        amount_paid: Amount::ZERO,
    }
}

fn read(sessions: Vec<Session>, orders: Vec<Order>) -> Read {
    let shops = vec![Shop { id: SHOP, name: "Garden Shop".to_owned(), cash_rounding: false }];
    Read { sessions, orders, shops, ..Read::default() }
}

fn kinds(read: &Read, session: i64) -> Vec<(GapKind, i64, i64)> {
    let gaps = receipts::gaps(read).remove(&session).unwrap_or_default();
    gaps.iter().map(|gap| (gap.kind, gap.from, gap.to)).collect()
}

#[test]
fn an_order_that_came_to_the_server_late_and_was_deleted_there_is_no_lost_sale() {
    // 2 was put aside, sent to the server after 3, and deleted: sequence number 3 is missing, not 2.
    let orders = vec![order(1, 1, "1", 1), order(1, 2, "1", 3), order(1, 4, "1", 4), order(2, 5, "1", 5)];
    assert_eq!(kinds(&read(vec![session(1, "closed"), session(2, "opened")], orders), 1), [(GapKind::Deleted, 2, 2)]);
}

#[test]
fn fewer_deletions_than_missing_numbers_leave_it_open_which_is_which() {
    let orders =
        vec![order(1, 1, "1", 1), order(1, 3, "1", 3), order(1, 4, "2", 1), order(1, 5, "2", 3), order(2, 6, "1", 4), order(2, 7, "2", 4)];
    let read = read(vec![session(1, "closed"), session(2, "opened")], orders);
    assert_eq!(kinds(&read, 1), [(GapKind::Deleted, 2, 2), (GapKind::NeverArrived, 2, 2)], "the server's count says which till");
    let mixed = vec![order(1, 1, "1", 1), order(1, 3, "1", 4), order(2, 4, "1", 5)];
    assert_eq!(kinds(&super::tests::read(vec![session(1, "closed"), session(2, "opened")], mixed), 1), [(GapKind::Unclear, 2, 3)]);
}

#[test]
fn a_gap_that_became_certain_after_its_session_is_told_in_the_session_that_made_it_so() {
    let mut read = read(vec![session(2, "closed")], vec![order(2, 3, "1", 4)]);
    read.neighbours = vec![order(1, 1, "1", 1), order(1, 2, "1", 3)];
    assert_eq!(kinds(&read, 2), [(GapKind::NeverArrived, 2, 2)]);
}

#[test]
fn the_count_of_a_till_goes_on_over_the_turn_of_the_year() {
    let mut first = order(1, 1, "1", 1);
    first.pos_reference = Some(format!("251-{SHOP}-000001"));
    let read = read(vec![session(1, "closed"), session(2, "opened")], vec![first, order(1, 2, "1", 3), order(2, 3, "1", 4)]);
    assert_eq!(kinds(&read, 1), [(GapKind::NeverArrived, 2, 2)]);
    let (references, _) = receipts::seem_missing(&read);
    assert_eq!(references, [format!("251-{SHOP}-000002"), format!("261-{SHOP}-000002")], "asked for under both years");
}

#[test]
fn every_sentence_about_a_gap() {
    let gap = |kind, from, to| Gap {
        till: "Garden Shop, till 1".to_owned(),
        from,
        to,
        first: format!("261-4-{from:06}"),
        last: format!("261-4-{to:06}"),
        kind,
    };
    let kinds = [GapKind::NeverArrived, GapKind::Awaited, GapKind::Deleted, GapKind::Unclear];
    let told: Vec<String> = kinds.into_iter().flat_map(|kind| [gap(kind, 7, 7), gap(kind, 7, 9)]).map(|gap| gap.told()).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn every_finding_about_money() {
    let amount = |text: &str| text.parse::<Amount>().unwrap();
    let mut closed = session(1, "closed");
    closed.rescue = true;
    closed.cash_register_balance_start = amount("100");
    closed.cash_register_balance_end = amount("130");
    closed.cash_register_balance_end_real = amount("127.50");
    closed.cash_register_difference = amount("-2.50");
    closed.total_payments_amount = amount("21");
    closed.order_count = 3;
    let mut orders = vec![order(1, 1, "1", 1), order(1, 2, "1", 2), order(1, 3, "1", 3)];
    orders[0].amount_total = amount("10");
    orders[1].amount_total = amount("10");
    orders[2].state = "draft".to_owned();
    let mut read = read(vec![closed.clone()], orders);
    read.methods = vec![Method { id: 1, is_cash_count: true }];
    let payment = |id, order, text: &str| Payment {
        id,
        pos_order_id: (order, String::new()),
        payment_method_id: (1, "Cash".to_owned()),
        amount: amount(text),
    };
    read.payments = vec![payment(1, 1, "10"), payment(2, 2, "9")];
    let mut told = prove(&read)[0].findings.clone();
    read.sessions[0].order_count = 5;
    told.extend(prove(&read)[0].findings.iter().filter(|text| text.contains("can see")).cloned());
    read.cut_off = true;
    told.extend(prove(&read)[0].findings.clone());
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn cash_rounding_is_no_finding_where_the_shop_rounds() {
    let mut closed = session(1, "closed");
    closed.total_payments_amount = "9.95".parse().unwrap();
    closed.order_count = 1;
    let mut sold = order(1, 1, "1", 1);
    sold.amount_total = "9.97".parse().unwrap();
    let mut read = read(vec![closed], vec![sold]);
    read.payments = vec![Payment {
        id: 1,
        pos_order_id: (1, String::new()),
        payment_method_id: (1, "Cash".to_owned()),
        amount: "9.95".parse().unwrap(),
    }];
    assert_eq!(prove(&read)[0].findings.len(), 1);
    read.shops[0].cash_rounding = true;
    assert_eq!(prove(&read)[0].findings, Vec::<String>::new());
}

proptest! {
    /// Tills number in turns; some orders never arrive, some are deleted at the server, some are cancelled. Each number that
    /// never arrived is found, and no other is called so.
    #[test]
    fn exactly_the_lost_numbers_are_found(fates in prop::collection::vec((1..=3_u8, 0..20_u8), 10..60)) {
        let (mut orders, mut counts, mut sequence) = (Vec::new(), [0_i64; 4], 0);
        let mut lost: BTreeSet<(u8, i64)> = BTreeSet::new();
        let mut deleted = false;
        for (till, fate) in fates {
            counts[usize::from(till)] += 1;
            let number = counts[usize::from(till)];
            let mut sold = order(1, sequence + 1, &till.to_string(), number);
            match fate {
                0 if number > 1 => { lost.insert((till, number)); continue }
                1 => { sequence += 1; deleted = true; continue }
                2 => sold.state = "cancel".to_owned(),
                _ => {}
            }
            sequence += 1;
            orders.push(sold);
        }
        // Each till sells once more the day after.
        for till in 1..=3_u8 {
            counts[usize::from(till)] += 1;
            sequence += 1;
            orders.push(order(2, sequence, &till.to_string(), counts[usize::from(till)]));
        }
        let read = read(vec![session(1, "closed"), session(2, "opened")], orders.clone());
        let gaps = receipts::gaps(&read);
        let mut found: BTreeSet<(u8, i64)> = BTreeSet::new();
        let mut perhaps: BTreeSet<(u8, i64)> = BTreeSet::new();
        for gap in gaps.values().flatten() {
            let till: u8 = gap.till.rsplit(' ').next().unwrap().parse().unwrap();
            for number in gap.from..=gap.to {
                match gap.kind {
                    GapKind::NeverArrived => drop(found.insert((till, number))),
                    GapKind::Unclear | GapKind::Awaited => drop(perhaps.insert((till, number))),
                    GapKind::Deleted => {}
                }
            }
        }
        // A till's last number of the day lies before its first of the next, where the session is not closed yet.
        let last_known = |till: u8| orders.iter().filter(|order| order.session_id.as_ref().unwrap().0 == 1)
            .filter_map(|order| order.pos_reference.clone()).filter(|text| text.starts_with(&format!("26{till}-")))
            .filter_map(|text| text.rsplit('-').next().unwrap().parse::<i64>().ok()).max();
        let first_known = |till: u8| orders.iter()
            .filter_map(|order| order.pos_reference.clone()).filter(|text| text.starts_with(&format!("26{till}-")))
            .filter_map(|text| text.rsplit('-').next().unwrap().parse::<i64>().ok()).min();
        for (till, number) in &lost {
            let within = last_known(*till).is_some_and(|last| *number < last) && first_known(*till).is_some_and(|first| *number > first);
            if within && !deleted {
                prop_assert!(found.contains(&(*till, *number)), "{till} {number} was lost and not found");
            }
        }
        if !deleted {
            prop_assert!(found.union(&perhaps).all(|gap| lost.contains(gap)), "{found:?} {perhaps:?} of {lost:?}");
        }
        // Whatever was deleted, nothing that arrived is ever called lost.
        let arrived: BTreeSet<String> = orders.iter().filter_map(|order| order.pos_reference.clone()).collect();
        let twice = found.iter().filter(|(till, number)| arrived.contains(&format!("26{till}-{SHOP}-{number:06}"))).count();
        prop_assert_eq!(twice, 0);
    }
}

#[test]
fn sums_that_no_till_can_take_are_told_too() {
    let mut closed = session(1, "closed");
    closed.cash_register_balance_start = Amount::MAX;
    closed.cash_real_transaction = Amount::MAX;
    closed.cash_register_balance_end = Amount::MIN;
    let orders = [1, 2].map(|number| Order { amount_total: Amount::MAX, ..order(1, number, "1", number) });
    let proofs = prove(&read(vec![closed], orders.to_vec()));
    assert_eq!((proofs[0].orders_total, proofs[0].findings.is_empty()), (Amount::MAX, false));
}
