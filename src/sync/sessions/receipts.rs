//! Receipt numbers that are missing, and why. Pure.
//!
//! Odoo 19 counts twice. The till gives each order a receipt number `YY<device>-<shop>-<number>` that counts for each
//! device, over sessions and years; a number whose order was thrown away before the server knew of it is given to the next order.
//! The server gives each order that it creates a sequence number that counts for each shop and leaves none out: one that is
//! missing was an open order that somebody deleted. So a missing receipt number with a missing sequence number beside it was
//! deleted, and one without never arrived. Cancelled orders keep both numbers. The back office sells as device 0.
//!
//! Older Odoos count their receipts anew in each session and leave numbers out as they please; of these nothing is said.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::{MOST_MISSING, Order, Read};

/// Receipt numbers, one after the other, of which no order is at the branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The till's name, e.g. `Garden Shop, till 1`.
    pub till: String,
    /// First number.
    pub from: i64,
    /// Last number.
    pub to: i64,
    /// The first as it stands on a receipt.
    pub first: String,
    /// The last as it stands on a receipt.
    pub last: String,
    /// What that means.
    pub kind: GapKind,
}

/// What a gap means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapKind {
    /// The till gave the number, went on to higher ones in a later session, and the order never came.
    NeverArrived,
    /// The session is closed, but the till has not sold since: it may still hold the order, or give the number again.
    Awaited,
    /// An open order that was deleted at the branch before it was paid.
    Deleted,
    /// Some numbers of this session were deleted and others never arrived; which is which cannot be told.
    Unclear,
}

impl Gap {
    /// Whether a sale may be missing.
    pub fn is_missing(&self) -> bool {
        matches!(self.kind, GapKind::NeverArrived | GapKind::Unclear)
    }

    /// What it means and what to do, for people.
    pub fn told(&self) -> String {
        let (receipts, one) = match (self.to - self.from + 1, &self.first, &self.last) {
            (1, first, _) => (format!("Receipt {first} ({})", self.till), true),
            (count, first, last) => (format!("{count} receipts, {first} to {last} ({}),", self.till), false),
        };
        let (has, it, number) = if one { ("has", "it", "number") } else { ("have", "them", "numbers") };
        let deleted = if one { "was deleted at the branch as an open order" } else { "were deleted at the branch as open orders" };
        match self.kind {
            GapKind::NeverArrived => format!(
                "{receipts} never arrived: the till gave the {number}, sold on in a later session, and the branch's Odoo has no such order. \
                 Ask at that till for the sale, and compare the cash and the card terminal of that day."
            ),
            GapKind::Awaited => format!(
                "{receipts} {has} not arrived, and the till has not sold since. It may still hold {it}, or give the {number} to its next \
                 sales: switch the till on while it is online."
            ),
            GapKind::Deleted => format!("{receipts} {deleted}, before anything was paid."),
            GapKind::Unclear => format!(
                "{receipts} {has} not arrived: some open orders of that time were deleted before anything was paid, but fewer than are \
                 missing. Ask at that till for the sale."
            ),
        }
    }
}

/// The device of what is numbered at the server: refunds of the back office, orders of guests.
const BACK_OFFICE: &str = "0";

/// A receipt number of Odoo 19 in its parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Receipt {
    shop: i64,
    device: String,
    number: i64,
    year: String,
    width: usize,
}

impl Receipt {
    /// `261-4-000012`: year 26, device 1, shop 4, number 12.
    fn parse(reference: &str) -> Option<Self> {
        let mut parts = reference.split('-');
        let (head, shop, number) = (parts.next()?, parts.next()?, parts.next()?);
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if parts.next().is_some() || !digits(shop) || !digits(number) || !head.is_ascii() || head.len() < 3 || !digits(&head[..2]) {
            return None;
        }
        let (year, device) = head.split_at(2);
        Some(Self {
            shop: shop.parse().ok()?,
            device: device.to_owned(),
            number: number.parse().ok()?,
            year: year.to_owned(),
            width: number.len(),
        })
    }

    fn written(&self, year: &str, number: i64) -> String {
        format!("{year}{}-{}-{number:0width$}", self.device, self.shop, width = self.width)
    }
}

/// An order with a number of a till.
#[derive(Debug, Clone)]
struct Numbered<'r> {
    receipt: Receipt,
    order: &'r Order,
}

/// A device of a shop, and its orders by number.
type Devices<'r> = BTreeMap<(i64, String), BTreeMap<i64, Numbered<'r>>>;

fn devices<'r>(orders: impl Iterator<Item = &'r Order>) -> Devices<'r> {
    let mut devices = Devices::new();
    for order in orders {
        let Some(receipt) = order.pos_reference.as_deref().and_then(Receipt::parse) else { continue };
        // A till that was set up from a copy writes another shop's number: nothing can be said of it.
        if order.config_id.as_ref().is_some_and(|shop| shop.0 != receipt.shop) {
            continue;
        }
        devices.entry((receipt.shop, receipt.device.clone())).or_default().insert(receipt.number, Numbered { receipt, order });
    }
    devices
}

/// A hole between two numbers of a device.
struct Hole<'d> {
    numbers: &'d BTreeMap<i64, Numbered<'d>>,
    before: &'d Numbered<'d>,
    after: &'d Numbered<'d>,
}

impl Hole<'_> {
    fn missing(&self) -> usize {
        usize::try_from(self.after.receipt.number - self.before.receipt.number - 1).unwrap_or(usize::MAX)
    }

    /// The sequence numbers between which the server would have met it.
    fn between(&self) -> (i64, i64) {
        let (a, b) = (self.before.order.sequence_number, self.after.order.sequence_number);
        (a.min(b), a.max(b))
    }

    fn meets(&self, other: &Hole<'_>) -> bool {
        let ((low, high), (other_low, other_high)) = (self.between(), other.between());
        low < other_high && other_low < high
    }
}

fn holes<'d>(numbers: &'d BTreeMap<i64, Numbered<'d>>) -> impl Iterator<Item = Hole<'d>> {
    let pairs = numbers.values().zip(numbers.values().skip(1));
    let open = pairs.filter(|(before, after)| after.receipt.number > before.receipt.number + 1);
    open.map(move |(before, after)| Hole { numbers, before, after })
}

/// Sequence numbers that no order of a shop has, between the lowest and the highest that are known.
fn missing_sequences<'r>(orders: impl Iterator<Item = &'r Order>) -> BTreeMap<i64, BTreeSet<i64>> {
    let mut used: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    for order in orders.filter(|order| order.sequence_number > 0) {
        if let Some(shop) = &order.config_id {
            used.entry(shop.0).or_default().insert(order.sequence_number);
        }
    }
    let missing = |used: BTreeSet<i64>| {
        let pairs = used.iter().zip(used.iter().skip(1));
        // A jump wider than what is asked for is a sequence that somebody set anew.
        let narrow = pairs.filter(|(a, b)| **b - **a <= MOST_MISSING as i64);
        narrow.flat_map(|(a, b)| a + 1..*b).take(MOST_MISSING).collect()
    };
    used.into_iter().map(|(shop, used)| (shop, missing(used))).collect()
}

/// Receipt and sequence numbers that no order bears that was read: to be asked for by name, since an order of another
/// session, or of none, may bear them.
pub(super) fn seem_missing(read: &Read) -> (Vec<String>, Vec<i64>) {
    let devices = devices(read.orders.iter().chain(&read.neighbours));
    let mut references = Vec::new();
    for numbers in devices.values() {
        for hole in holes(numbers) {
            let years: BTreeSet<&str> = [hole.before.receipt.year.as_str(), hole.after.receipt.year.as_str()].into();
            for number in hole.before.receipt.number + 1..hole.after.receipt.number {
                references.extend(years.iter().map(|year| hole.after.receipt.written(year, number)));
                if references.len() >= MOST_MISSING {
                    break;
                }
            }
        }
    }
    references.truncate(MOST_MISSING);
    let sequences = missing_sequences(read.orders.iter().chain(&read.neighbours)).into_values().flatten().take(MOST_MISSING).collect();
    (references, sequences)
}

/// The gaps of each session that was read. A gap stands at the session of the first order after it.
pub(super) fn gaps(read: &Read) -> HashMap<i64, Vec<Gap>> {
    let all = || read.orders.iter().chain(&read.neighbours).chain(&read.found);
    let devices = devices(all());
    let mut deleted = missing_sequences(all());
    let mut gaps: HashMap<i64, Vec<Gap>> = HashMap::new();
    let shops: BTreeSet<i64> = devices.keys().map(|(shop, _)| *shop).collect();
    for shop in shops {
        let of_shop = devices.iter().filter(|((of, _), _)| *of == shop);
        let holes: Vec<Hole<'_>> = of_shop.flat_map(|(_, numbers)| holes(numbers)).filter(|hole| hole.missing() <= MOST_MISSING).collect();
        let accounts = account(&holes, deleted.remove(&shop).unwrap_or_default());
        for (hole, account) in holes.iter().zip(accounts) {
            let (Some(session), Some(kind)) = (reported_at(read, hole), kind(read, hole, account)) else { continue };
            gaps.entry(session).or_default().push(gap(read, hole, kind));
        }
    }
    gaps
}

/// What the server's sequence says of a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Account {
    /// As many orders were deleted as are missing.
    Deleted,
    /// Fewer were deleted than are missing.
    Partly,
    /// None was deleted.
    Nothing,
}

/// Which holes of a shop are explained by the sequence numbers of deleted orders: first those that lie just there, then,
/// since an order may come to the server long after the till numbered it, those that came later.
fn account(holes: &[Hole<'_>], mut deleted: BTreeSet<i64>) -> Vec<Account> {
    let mut accounts = vec![Account::Nothing; holes.len()];
    for (place, hole) in holes.iter().enumerate() {
        let (low, high) = hole.between();
        let near: Vec<i64> = deleted.range(low..=high).copied().collect();
        let wanted: usize = holes.iter().filter(|other| other.meets(hole)).map(Hole::missing).sum();
        if near.len() >= wanted.max(hole.missing()) {
            deleted.retain(|number| !near[..hole.missing()].contains(number));
            accounts[place] = Account::Deleted;
        }
    }
    let rest = || holes.iter().enumerate();
    let open: usize = rest().filter(|(place, _)| accounts[*place] != Account::Deleted).map(|(_, hole)| hole.missing()).sum();
    let later: Vec<(usize, usize)> = rest()
        .filter(|(place, _)| accounts[*place] != Account::Deleted)
        .map(|(place, hole)| (place, deleted.range(hole.between().0..).count()))
        .collect();
    for (place, count) in later {
        accounts[place] = match count {
            0 => Account::Nothing,
            count if count >= open => Account::Deleted,
            _ => Account::Partly,
        };
    }
    accounts
}

/// The session of these that tells of a hole: that of the order after it, or, if that one was over before, the first
/// in which the till sold again and so made it certain.
fn reported_at(read: &Read, hole: &Hole<'_>) -> Option<i64> {
    let ours = |numbered: &Numbered<'_>| {
        let session = numbered.order.session_id.as_ref()?.0;
        read.sessions.iter().any(|known| known.id == session).then_some(session)
    };
    ours(hole.after).or_else(|| sold_later(hole).and_then(ours))
}

/// The first order that the till sold in a later session than the one after the hole.
fn sold_later<'d>(hole: &Hole<'d>) -> Option<&'d Numbered<'d>> {
    let session = hole.after.order.session_id.as_ref()?.0;
    let mut later = hole.numbers.range(hole.after.receipt.number + 1..).map(|(_, numbered)| numbered);
    later.find(|numbered| numbered.order.session_id.as_ref().is_some_and(|of| of.0 > session))
}

fn kind(read: &Read, hole: &Hole<'_>, account: Account) -> Option<GapKind> {
    // The back office numbers at the server, which leaves none out: whatever is missing there was deleted.
    if account == Account::Deleted || hole.after.receipt.device == BACK_OFFICE {
        return Some(GapKind::Deleted);
    }
    let session = hole.after.order.session_id.as_ref()?.0;
    let later = sold_later(hole).is_some();
    let closed = later || read.sessions.iter().any(|known| known.id == session && known.state == "closed");
    match (closed, later, account) {
        (false, ..) => None, // the order may still be open at the till
        (true, false, _) => Some(GapKind::Awaited),
        (true, true, Account::Nothing) => Some(GapKind::NeverArrived),
        (true, true, _) => Some(GapKind::Unclear),
    }
}

fn gap(read: &Read, hole: &Hole<'_>, kind: GapKind) -> Gap {
    let (from, to) = (hole.before.receipt.number + 1, hole.after.receipt.number - 1);
    let receipt = &hole.after.receipt;
    Gap { till: till(read, receipt), from, to, first: receipt.written(&receipt.year, from), last: receipt.written(&receipt.year, to), kind }
}

fn till(read: &Read, receipt: &Receipt) -> String {
    let known = read.shops.iter().find(|known| known.id == receipt.shop);
    let shop = known.map_or_else(|| format!("shop {}", receipt.shop), |known| known.name.clone());
    if receipt.device == BACK_OFFICE { format!("{shop}, back office") } else { format!("{shop}, till {}", receipt.device) }
}
