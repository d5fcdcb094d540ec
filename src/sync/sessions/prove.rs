//! What was read of sessions, held against itself. Pure.

use std::collections::{BTreeMap, HashMap};

use super::receipts;
use super::{Order, Payment, Read, Session, SessionProof};
use crate::mapping::money;
use crate::model::{Amount, plus, same_money, sum};

/// What cash rounding may add to or take from one order, where the shop rounds: half of the largest coin that is rounded
/// to anywhere (1.00), and the payments of a change beside it.
const MOST_ROUNDED: Amount = Amount::ONE;

/// Orders that one finding names: more are counted.
const NAMED: usize = 5;

/// The proofs of all sessions that were read.
pub(super) fn prove(read: &Read) -> Vec<SessionProof> {
    let mut gaps = receipts::gaps(read);
    read.sessions
        .iter()
        .map(|session| {
            let mut proof = money_of(read, session);
            proof.gaps = gaps.remove(&session.id).unwrap_or_default();
            proof
        })
        .collect()
}

/// The orders and payments of one session.
struct Part<'r> {
    session: &'r Session,
    orders: Vec<&'r Order>,
    sold: Vec<&'r Order>,
    payments: Vec<&'r Payment>,
    rounds_cash: bool,
    cash_paid: Amount,
}

fn money_of(read: &Read, session: &Session) -> SessionProof {
    let orders: Vec<&Order> = read.orders.iter().filter(|order| order.session_id.as_ref().is_some_and(|of| of.0 == session.id)).collect();
    let sold: Vec<&Order> = orders.iter().copied().filter(|order| order.sold()).collect();
    let ids: BTreeMap<i64, ()> = sold.iter().map(|order| (order.id, ())).collect();
    let payments: Vec<&Payment> = read.payments.iter().filter(|payment| ids.contains_key(&payment.pos_order_id.0)).collect();
    let is_cash = |payment: &&&Payment| read.methods.iter().any(|method| method.id == payment.payment_method_id.0 && method.is_cash_count);
    let cash_paid = sum(payments.iter().filter(is_cash).map(|payment| payment.amount));
    let rounds_cash = read.shops.iter().any(|shop| shop.id == session.config_id.0 && shop.cash_rounding);
    let movements: Vec<Amount> =
        read.movements.iter().filter(|movement| movement.pos_session_id.0 == session.id).map(|movement| movement.amount).collect();
    let part = Part { session, orders, sold, payments, rounds_cash, cash_paid };
    let closed = session.state == "closed";
    let counted = (closed && part.takes_cash()).then_some(session.cash_register_balance_end_real);
    let mut proof = SessionProof {
        id: session.id,
        name: session.name.clone().unwrap_or_else(|| "/".to_owned()),
        shop: read.shops.iter().find(|shop| shop.id == session.config_id.0).map_or(session.config_id.1.clone(), |shop| shop.name.clone()),
        state: session.state.clone(),
        rescue: session.rescue,
        start_at: session.start_at.clone(),
        stop_at: session.stop_at.clone(),
        currency: session.currency_id.as_ref().map(|currency| currency.1.clone()).unwrap_or_default(),
        opening: session.cash_register_balance_start,
        closing: counted,
        cash_moves: if closed { Some(session.cash_real_transaction) } else { (!movements.is_empty()).then(|| sum(movements)) },
        expected: counted.map(|_| session.cash_register_balance_end),
        difference: counted.map(|_| session.cash_register_difference),
        orders: part.sold.len() as u64,
        drafts: part.orders.iter().filter(|order| order.state == "draft").count() as u64,
        cancelled: part.orders.iter().filter(|order| order.state == "cancel").map(|order| receipt(order)).collect(),
        orders_total: sum(part.sold.iter().map(|order| order.amount_total)),
        payments_total: sum(part.payments.iter().map(|payment| payment.amount)),
        payments: by_method(&part.payments),
        gaps: Vec::new(),
        findings: Vec::new(),
    };
    proof.findings = findings(&part, &proof, read.cut_off);
    proof
}

impl Part<'_> {
    /// Without a cash method Odoo leaves all balances at zero, and there is nothing to count.
    fn takes_cash(&self) -> bool {
        let session = self.session;
        let balances = [session.cash_register_balance_start, session.cash_register_balance_end, session.cash_register_balance_end_real];
        balances.iter().any(|balance| !balance.is_zero())
    }

    fn paid_of(&self) -> HashMap<i64, Amount> {
        let mut paid: HashMap<i64, Amount> = HashMap::new();
        for payment in &self.payments {
            plus(paid.entry(payment.pos_order_id.0).or_default(), payment.amount);
        }
        paid
    }
}

fn receipt(order: &Order) -> String {
    order.pos_reference.clone().filter(|text| !text.is_empty()).unwrap_or_else(|| format!("#{}", order.id))
}

fn by_method(payments: &[&Payment]) -> Vec<(String, Amount)> {
    let mut sums: BTreeMap<(String, i64), Amount> = BTreeMap::new();
    for payment in payments {
        plus(sums.entry((payment.payment_method_id.1.clone(), payment.payment_method_id.0)).or_default(), payment.amount);
    }
    sums.into_iter().map(|((name, _), sum)| (name, sum)).collect()
}

fn findings(part: &Part<'_>, proof: &SessionProof, cut_off: bool) -> Vec<String> {
    let mut found = Vec::new();
    if cut_off {
        found.push("It has more orders than are looked at in one go, so its sums are not whole.".to_owned());
        return found;
    }
    if proof.rescue {
        found.push(
            "Odoo opened this session by itself, for sales that arrived after their own session was closed: look at which they are, and close it."
                .to_owned(),
        );
    }
    found.extend(cash_difference(proof));
    found.extend(unpaid(part));
    if proof.state != "closed" {
        return found; // the till sells on while this is read
    }
    if proof.drafts > 0 {
        found.push(format!("{} still open in this session, although it is closed.", counted(proof.drafts, "order is", "orders are")));
    }
    if part.session.order_count != part.orders.len() as u64 {
        found.push(format!(
            "The session counts {}, of which the bridge's user can see {}.",
            counted(part.session.order_count, "order", "orders"),
            part.orders.len()
        ));
    } else if !same_money(part.session.total_payments_amount, proof.payments_total) {
        found.push(format!(
            "The session counts {} of payments, those of its orders sum to {}.",
            money(part.session.total_payments_amount),
            money(proof.payments_total)
        ));
    }
    found.extend(drawer(part, proof));
    found
}

fn cash_difference(proof: &SessionProof) -> Option<String> {
    let (counted, expected, difference) = (proof.closing?, proof.expected?, proof.difference?);
    if same_money(difference, Amount::ZERO) {
        return None;
    }
    let direction = if difference.is_sign_negative() { "less" } else { "more" };
    Some(format!(
        "The cash counted at closing is {} {direction} than it should be: {} counted, {} expected.",
        money(difference.abs()),
        money(counted),
        money(expected)
    ))
}

/// Orders whose payments are not what the order says that it was paid, or do not pay its total.
fn unpaid(part: &Part<'_>) -> Option<String> {
    let paid = part.paid_of();
    let allowed = if part.rounds_cash { MOST_ROUNDED } else { Amount::ZERO };
    let apart: Vec<String> = part
        .sold
        .iter()
        .filter_map(|order| {
            let paid = paid.get(&order.id).copied().unwrap_or_default();
            let fits = paid.saturating_sub(order.amount_total).abs() <= allowed || same_money(paid, order.amount_total);
            (!fits).then(|| format!("{} of {} was paid {}", receipt(order), money(order.amount_total), money(paid)))
        })
        .collect();
    if apart.is_empty() {
        return None;
    }
    let more = apart.len().saturating_sub(NAMED);
    let named = apart.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
    Some(format!("Totals and payments do not fit: {named}{}.", if more > 0 { format!(", and {more} more") } else { String::new() }))
}

/// What should be in the drawer, by our own sum against Odoo's.
fn drawer(part: &Part<'_>, proof: &SessionProof) -> Option<String> {
    let (expected, moves) = (proof.expected?, proof.cash_moves?);
    let own = sum([proof.opening, part.cash_paid, moves]);
    (!same_money(own, expected)).then(|| {
        format!(
            "Opening {}, cash payments {} and cash moved {} make {}, but Odoo expects {} in the drawer.",
            money(proof.opening),
            money(part.cash_paid),
            money(moves),
            money(own),
            money(expected)
        )
    })
}

/// `1 order is`, `2 orders are`.
fn counted(number: u64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}
