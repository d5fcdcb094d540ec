//! The sessions of a branch: the money beside the orders, and receipt numbers that never arrived.
//!
//! Reads only, one call for each model and page: sessions, their orders, payments, shops, payment methods, what Odoo shows of
//! cash movements while they are open, and the orders before and after them that say whether a receipt number is missing.
//! [`prove`](prove::prove) and [`receipts`] judge what was read, without a network.

mod prove;
mod receipts;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::connection::Connection;
use super::{Halt, odoo_time};
use crate::config::Branch;
use crate::model::Amount;
use crate::odoo::Call;

pub use receipts::{Gap, GapKind};

/// Sessions read of one span at most: a branch of twenty tills opens some hundred in a week.
const MOST_SESSIONS: usize = 1_000;

/// Orders, payments and cash movements in one call: about 200 kB.
const PAGE: usize = 1_000;

/// Orders read of one span at most. A session that was left open for a year must not fill the memory.
const MOST_ORDERS: usize = 50_000;

/// Orders before and after the sessions that are looked at: enough to meet each till again that sells some times a day.
const NEIGHBOURS: usize = 500;

/// Missing numbers that are asked for by name: more of them is no slip of a till, and the request stays small.
const MOST_MISSING: usize = 500;

/// A session with its money. Amounts in the session's currency.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionProof {
    /// Its id at the branch.
    pub id: i64,
    /// `Furniture Shop/00042`.
    pub name: String,
    /// The shop (`pos.config`).
    pub shop: String,
    /// `opened`, `closed`, …
    pub state: String,
    /// Whether Odoo opened it by itself, for orders that arrived after their session was closed.
    pub rescue: bool,
    /// UTC, as Odoo writes times.
    pub start_at: Option<String>,
    /// UTC; `null` = still open.
    pub stop_at: Option<String>,
    /// Of all amounts here, e.g. `EUR`.
    pub currency: String,
    /// Cash counted at opening.
    pub opening: Amount,
    /// Cash counted at closing; `null` = not closed yet, or the shop takes no cash.
    pub closing: Option<Amount>,
    /// Cash put in and taken out in between, net. `null` = not known: Odoo shows the movements of an open session
    /// only to users with accounting rights.
    pub cash_moves: Option<Amount>,
    /// Cash that should be in the drawer by Odoo's books; `null` as `closing`.
    pub expected: Option<Amount>,
    /// Counted minus expected; `null` as `closing`.
    pub difference: Option<Amount>,
    /// Orders that count as sold, refunds among them.
    pub orders: u64,
    /// Orders still open, and cancelled ones.
    pub drafts: u64,
    /// Receipts of cancelled orders: their numbers are used and not missing.
    pub cancelled: Vec<String>,
    /// Sum of their totals.
    pub orders_total: Amount,
    /// Sum of the payments, change taken off.
    pub payments_total: Amount,
    /// Payments by method, change taken off.
    pub payments: Vec<(String, Amount)>,
    /// Receipt numbers that never arrived.
    pub gaps: Vec<Gap>,
    /// What does not fit together, in words; empty = all of it fits.
    pub findings: Vec<String>,
}

impl SessionProof {
    /// How many things a person has to look at: money that does not fit, and numbers of sales that never arrived. A number
    /// that the till may still use, or of an order that was deleted before it was paid, is none.
    pub fn to_look_at(&self) -> usize {
        self.findings.len() + self.gaps.iter().filter(|gap| gap.is_missing()).count()
    }
}

/// A session as the branch gives it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Session {
    id: i64,
    #[serde(default)]
    name: Option<String>,
    state: String,
    #[serde(default)]
    rescue: bool,
    #[serde(default)]
    start_at: Option<String>,
    #[serde(default)]
    stop_at: Option<String>,
    config_id: (i64, String),
    #[serde(default)]
    currency_id: Option<(i64, String)>,
    cash_register_balance_start: Amount,
    cash_register_balance_end_real: Amount,
    cash_register_balance_end: Amount,
    cash_register_difference: Amount,
    cash_real_transaction: Amount,
    total_payments_amount: Amount,
    order_count: u64,
}

const SESSION_FIELDS: &[&str] = &[
    "name",
    "state",
    "rescue",
    "start_at",
    "stop_at",
    "config_id",
    "currency_id",
    "cash_register_balance_start",
    "cash_register_balance_end_real",
    "cash_register_balance_end",
    "cash_register_difference",
    "cash_real_transaction",
    "total_payments_amount",
    "order_count",
];

/// An order as far as money and numbers go.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Order {
    id: i64,
    #[serde(default)]
    session_id: Option<(i64, String)>,
    #[serde(default)]
    config_id: Option<(i64, String)>,
    #[serde(default)]
    pos_reference: Option<String>,
    #[serde(default)]
    sequence_number: i64,
    state: String,
    amount_total: Amount,
    amount_paid: Amount,
}

const ORDER_FIELDS: &[&str] = &["session_id", "config_id", "pos_reference", "sequence_number", "state", "amount_total", "amount_paid"];

impl Order {
    fn sold(&self) -> bool {
        matches!(self.state.as_str(), "paid" | "done" | "invoiced")
    }
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Payment {
    id: i64,
    pos_order_id: (i64, String),
    payment_method_id: (i64, String),
    amount: Amount,
}

/// A shop as far as rounding goes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Shop {
    id: i64,
    name: String,
    #[serde(default)]
    cash_rounding: bool,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Method {
    id: i64,
    #[serde(default)]
    is_cash_count: bool,
}

/// Cash put in or taken out while a session is open.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Movement {
    id: i64,
    pos_session_id: (i64, String),
    amount: Amount,
}

/// All that was read of some sessions.
#[derive(Debug, Clone, Default)]
struct Read {
    sessions: Vec<Session>,
    orders: Vec<Order>,
    payments: Vec<Payment>,
    shops: Vec<Shop>,
    methods: Vec<Method>,
    movements: Vec<Movement>,
    /// Orders of the same shops right before and after these sessions.
    neighbours: Vec<Order>,
    /// Orders that were found under numbers that seemed to be missing.
    found: Vec<Order>,
    /// Whether there were more orders than are read.
    cut_off: bool,
}

/// The sessions of a branch that were open at any moment of a span of time, oldest first.
///
/// # Errors
/// What keeps the branch from being read.
pub async fn sessions(connection: &Connection, branch: &Branch, from: Timestamp, to: Timestamp) -> Result<Vec<SessionProof>, Halt> {
    let sessions = in_span(connection, branch, from, to).await?;
    if sessions.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = sessions.iter().map(|session| session.id).collect();
    let shop_ids: BTreeSet<i64> = sessions.iter().map(|session| session.config_id.0).collect();
    let mut read = Read { sessions, ..Read::default() };
    (read.orders, read.cut_off) =
        pages(connection, "pos.order", vec![json!(["session_id", "in", ids])], ORDER_FIELDS, |order: &Order| order.id).await?;
    let payment_fields = ["pos_order_id", "payment_method_id", "amount"];
    (read.payments, _) =
        pages(connection, "pos.payment", vec![json!(["session_id", "in", ids])], &payment_fields, |payment: &Payment| payment.id).await?;
    let shop_list: Vec<i64> = shop_ids.iter().copied().collect();
    read.shops = connection.ask(&Call::read("pos.config", &shop_list, &["name", "cash_rounding"])).await?;
    let methods: BTreeSet<i64> = read.payments.iter().map(|payment| payment.payment_method_id.0).collect();
    if !methods.is_empty() {
        let methods: Vec<i64> = methods.into_iter().collect();
        read.methods = connection.ask(&Call::read("pos.payment.method", &methods, &["is_cash_count"])).await?;
    }
    let open: Vec<i64> = read.sessions.iter().filter(|session| session.state != "closed").map(|session| session.id).collect();
    if !open.is_empty() {
        let call = Call::search_read("account.bank.statement.line", json!([["pos_session_id", "in", open]]), &["pos_session_id", "amount"]);
        // Only accountants may see them at all; without them the money of an open session is simply not known yet.
        read.movements = connection.odoo.call(&call.arg("limit", json!(PAGE))).await.unwrap_or_default();
    }
    look_around(connection, &mut read, &shop_list).await?;
    Ok(prove::prove(&read))
}

async fn in_span(connection: &Connection, branch: &Branch, from: Timestamp, to: Timestamp) -> Result<Vec<Session>, Halt> {
    let mut domain = vec![
        json!(["start_at", "<", odoo_time(to)]),
        json!("|"),
        json!(["stop_at", "=", false]),
        json!(["stop_at", ">=", odoo_time(from)]),
    ];
    if !branch.shops.is_empty() {
        domain.push(json!(["config_id.name", "in", branch.shops]));
    }
    let call = Call::search_read("pos.session", Json::Array(domain), SESSION_FIELDS);
    Ok(connection.ask(&call.arg("order", json!("id")).arg("limit", json!(MOST_SESSIONS))).await?)
}

/// The orders around these sessions, and whatever stands under the numbers that seem to be missing: at most three calls.
async fn look_around(connection: &Connection, read: &mut Read, shops: &[i64]) -> Result<(), Halt> {
    let (Some(first), Some(last)) = (read.orders.iter().map(|order| order.id).min(), read.orders.iter().map(|order| order.id).max()) else {
        return Ok(());
    };
    for (side, order) in [(json!(["id", "<", first]), "id desc"), (json!(["id", ">", last]), "id")] {
        let call = Call::search_read("pos.order", json!([["config_id", "in", shops], side]), ORDER_FIELDS);
        let orders: Vec<Order> = connection.ask(&call.arg("order", json!(order)).arg("limit", json!(NEIGHBOURS))).await?;
        let known: BTreeSet<i64> = read.orders.iter().map(|order| order.id).collect();
        read.neighbours.extend(orders.into_iter().filter(|order| !known.contains(&order.id)));
    }
    let (references, numbers) = receipts::seem_missing(read);
    if references.is_empty() && numbers.is_empty() {
        return Ok(());
    }
    let domain = json!(["|", ["pos_reference", "in", references], "&", ["config_id", "in", shops], ["sequence_number", "in", numbers]]);
    let call = Call::search_read("pos.order", domain, ORDER_FIELDS);
    read.found = connection.ask(&call.arg("order", json!("id")).arg("limit", json!(2 * MOST_MISSING))).await?;
    Ok(())
}

/// All records of a domain by pages of ascending id, up to [`MOST_ORDERS`]; whether there were more.
async fn pages<T: serde::de::DeserializeOwned + Send + 'static>(
    connection: &Connection,
    model: &'static str,
    domain: Vec<Json>,
    fields: &[&str],
    id: impl Fn(&T) -> i64,
) -> Result<(Vec<T>, bool), Halt> {
    let mut all: Vec<T> = Vec::new();
    loop {
        let mut whole = domain.clone();
        whole.push(json!(["id", ">", all.last().map_or(0, &id)]));
        let call = Call::search_read(model, Json::Array(whole), fields).arg("order", json!("id")).arg("limit", json!(PAGE));
        let page: Vec<T> = connection.ask(&call).await?;
        let full = page.len() == PAGE;
        all.extend(page);
        if !full || all.len() >= MOST_ORDERS {
            return Ok((all, full));
        }
    }
}

#[cfg(test)]
mod tests;
