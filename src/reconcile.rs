//! One day of a branch against the ledger and central: equal, or what differs, order by order.
//!
//! Pure: what was read goes in, a [`DayProof`] comes out. Nothing is equal because nothing was found: whoever could not
//! read a side to its end makes a [`DayProof::unproved`] instead.

mod summary;
mod words;

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::model::{Amount, BranchCode, CentralOrder, SoldOrder, plus, same_money};
use crate::problem::{Problem, Texts};
pub use summary::{finding_in, money, money_in, summary, summary_for, verdict_in, verdict_word};

/// Orders of a day that are listed one by one: more is a broken setting, not a list to work through. All are counted.
pub const LISTED: usize = 1_000;

/// How much later than it was sold an order may reach the branch's server and still not count as late: tills send within
/// seconds, and one that was paid at the stroke of midnight is nothing to talk about.
const LATE_S: i64 = 15 * 60;

/// What a day came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Both sides were read to the end, and agree.
    Equal,
    /// They differ only by what people, or the settings, decided.
    Explained,
    /// They differ.
    Differs,
    /// The day, or a session of it, is not over.
    NotOver,
    /// A side could not be read to the end.
    Unproved,
}

/// Who has to do something about an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Needs {
    /// Nobody.
    Nothing,
    /// The bridge: it goes by itself.
    Time,
    /// A person.
    Person,
}

/// What is the matter with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// At the branch, and not in the ledger until this look took it in.
    NotReceived,
    /// At the branch, and it could not be taken in.
    NotTaken,
    /// Received, and goes to central by itself.
    Waiting,
    /// Received, and waits for a known thing.
    Held,
    /// Received, and waits for a person.
    Failed,
    /// A person or a setting said no.
    Ignored,
    /// Written to central, and deleted there.
    Deleted,
    /// Written to central, and cancelled there.
    Cancelled,
    /// The draft has another total than the till, because somebody changed it at central.
    Edited,
    /// The branch changed the order's total after it was written.
    ChangedTotal,
    /// A sales order that bears the branch's mark, and that the bridge did not write.
    Foreign,
    /// A draft of the bridge's that neither the branch's day nor the ledger knows.
    UnknownDraft,
    /// Received, and no longer at the branch.
    GoneAtBranch,
    /// Received, and no longer paid at the branch.
    NoLongerPaid,
    /// Received, and today's settings leave it out.
    LeftOut,
    /// Reached the branch's server, or the bridge, after the day was over.
    Late,
    /// Changed at the branch after it was written; the total may be the same.
    Changed,
    /// The branch has moved it to another day since.
    Moved,
}

/// One order that differs, or about which something is to be said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// What is the matter.
    pub finding: Finding,
    /// Who has to do something.
    pub needs: Needs,
    /// The receipt reference; of what only central knows, the reference there.
    pub reference: String,
    /// Its id at the branch.
    pub order: Option<i64>,
    /// Its record in the ledger: posbridge log show N.
    pub record: Option<i64>,
    /// The sales order at central.
    pub central_id: Option<i64>,
    /// Its name.
    pub central_name: Option<String>,
    /// Its state: `draft`, `sent`, `sale`, `cancel`.
    pub central_state: Option<String>,
    /// The till's total.
    pub branch_total: Option<Amount>,
    /// Central's.
    pub central_total: Option<Amount>,
    /// The till's currency; of what only central knows, that of central.
    pub currency: String,
    /// What happened, in words.
    pub message: String,
    /// Who does what next.
    pub next_step: String,
    /// What happened and who does what next, as the dashboard says it. Of days that were kept before, nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<Texts>,
}

/// Money of one currency on both sides.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Total {
    /// Its name.
    pub currency: String,
    /// Sum of the branch's orders.
    pub branch: Amount,
    /// Sum of central's, without cancelled ones.
    pub central: Amount,
}

/// One day of a branch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DayProof {
    /// The day of business, in the branch's zone.
    pub day: Date,
    /// What it came to.
    pub verdict: Verdict,
    /// Paid orders at the branch.
    pub branch_orders: u64,
    /// Of them, those in the ledger.
    pub received: u64,
    /// Sales orders at central, without cancelled ones.
    pub central_orders: u64,
    /// Of those at central, how many are in each state.
    pub central_states: BTreeMap<String, u64>,
    /// Received, and going by themselves.
    pub waiting: u64,
    /// Received, and waiting for a known thing.
    pub held: u64,
    /// Received, and waiting for a person.
    pub failed: u64,
    /// Not to be written: a person or a setting said so.
    pub ignored: u64,
    /// Written, and deleted at central.
    pub deleted_at_central: u64,
    /// Money, by currency.
    pub totals: Vec<Total>,
    /// At the branch, and not at central.
    pub missing: Vec<Entry>,
    /// At central, and not at the branch.
    pub extra: Vec<Entry>,
    /// On both sides, with other totals or cancelled.
    pub different: Vec<Entry>,
    /// Arrived after the day was over. Says nothing about whether they agree.
    pub late: Vec<Entry>,
    /// Changed at the branch after they were written. Says nothing about whether the totals agree.
    pub changed: Vec<Entry>,
    /// Counted above, but beyond [`LISTED`].
    pub not_listed: u64,
    /// Sessions that began by the end of the day and are not closed.
    pub open_sessions: Vec<String>,
    /// Why a side could not be read to the end.
    pub error: Option<String>,
    /// Who does what about that.
    pub next_step: Option<String>,
    /// Why, and who does what about it, as the dashboard says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<Texts>,
}

/// Where an order of the ledger stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Goes by itself.
    Pending,
    /// Waits for a known thing.
    Held,
    /// Was written.
    Done,
    /// Waits for a person.
    Failed,
    /// A person or a setting said no.
    Ignored,
}

/// An order in the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its number.
    pub record: i64,
    /// Its id at the branch.
    pub order: i64,
    /// Tells two orders with one id apart.
    pub witness: String,
    /// The receipt reference.
    pub reference: String,
    /// Where it stands.
    pub standing: Standing,
    /// What stands in its way; of one that is done, what is to be said of it.
    pub problem: Option<Problem>,
    /// UTC, as first received.
    pub date_order: String,
    /// As it was written to central, or is to be.
    pub amount_total: Amount,
    /// Its currency.
    pub currency: String,
    /// The draft.
    pub central_id: Option<i64>,
    /// Its name.
    pub central_name: Option<String>,
    /// What a person decided, in his words.
    pub reason: Option<String>,
    /// When it was received.
    pub received_at: Timestamp,
}

/// All that was read about a day. Both sides were read to the end.
#[derive(Debug, Clone)]
pub struct Look<'l> {
    /// Whose.
    pub branch: &'l BranchCode,
    /// Which day.
    pub day: Date,
    /// Its first moment.
    pub begins: Timestamp,
    /// The first moment after it.
    pub ends: Timestamp,
    /// What the branch has sold on it.
    pub sold: &'l [SoldOrder],
    /// Orders of `rows` that the branch has, but not as sold on this day.
    pub elsewhere: &'l [SoldOrder],
    /// The ledger's orders of this day, and those that the branch has sold on it by now.
    pub rows: &'l [Row],
    /// Sales orders of central: those of the rows, and all of this day that bear the branch's mark.
    pub central: &'l [CentralOrder],
    /// External ids (without module) of the bridge's, of sales orders that no row has.
    pub external_ids: &'l HashMap<i64, String>,
    /// Sales orders that the ledger knows as those of other days.
    pub of_other_days: &'l HashSet<i64>,
    /// Ids of orders that this look took in.
    pub taken: &'l HashSet<i64>,
    /// When the day was first compared after its end.
    pub first_checked_at: Option<Timestamp>,
    /// Sessions that began by the end of the day and are not closed, by name.
    pub open_sessions: &'l [String],
    /// The time now.
    pub now: Timestamp,
}

impl DayProof {
    fn empty(day: Date, verdict: Verdict) -> Self {
        Self {
            day,
            verdict,
            branch_orders: 0,
            received: 0,
            central_orders: 0,
            central_states: BTreeMap::new(),
            waiting: 0,
            held: 0,
            failed: 0,
            ignored: 0,
            deleted_at_central: 0,
            totals: Vec::new(),
            missing: Vec::new(),
            extra: Vec::new(),
            different: Vec::new(),
            late: Vec::new(),
            changed: Vec::new(),
            not_listed: 0,
            open_sessions: Vec::new(),
            error: None,
            next_step: None,
            texts: None,
        }
    }

    /// A day of which a side could not be read to the end.
    pub fn unproved(day: Date, error: String, next_step: String) -> Self {
        Self { error: Some(error), next_step: Some(next_step), ..Self::empty(day, Verdict::Unproved) }
    }

    /// Leaves out what only the dashboard says.
    pub fn forget_texts(&mut self) {
        self.texts = None;
        let lists = [&mut self.missing, &mut self.extra, &mut self.different, &mut self.late, &mut self.changed];
        lists.into_iter().flatten().for_each(|entry| entry.texts = None);
    }

    /// Everything that differs.
    pub fn differences(&self) -> impl Iterator<Item = &Entry> {
        self.missing.iter().chain(&self.different).chain(&self.extra)
    }

    /// How many differences a person has to look at.
    pub fn for_a_person(&self) -> u64 {
        self.differences().filter(|entry| entry.needs == Needs::Person).count() as u64 + self.not_listed
    }

    /// Whether both sides have the same number of orders and the same money.
    fn adds_up(&self) -> bool {
        self.branch_orders == self.central_orders && self.totals.iter().all(|total| same_money(total.branch, total.central))
    }

    fn total(&mut self, currency: &str) -> &mut Total {
        let place = self.totals.iter().position(|total| total.currency == currency).unwrap_or_else(|| {
            self.totals.push(Total { currency: currency.to_owned(), ..Total::default() });
            self.totals.len() - 1
        });
        &mut self.totals[place]
    }

    fn count_central(&mut self, order: &CentralOrder) {
        *self.central_states.entry(order.state.clone()).or_default() += 1;
        if order.state != CANCELLED {
            self.central_orders += 1;
            plus(&mut self.total(order.currency()).central, order.amount_total);
        }
    }
}

const CANCELLED: &str = "cancel";

/// States in which an order counts as sold.
const SOLD: [&str; 3] = ["paid", "done", "invoiced"];

/// Compares a day.
pub fn prove(look: &Look<'_>) -> DayProof {
    let mut proof = DayProof::empty(look.day, Verdict::Equal);
    proof.open_sessions = look.open_sessions.to_vec();
    let central: HashMap<i64, &CentralOrder> = look.central.iter().map(|order| (order.id.get(), order)).collect();
    let mut seen = HashSet::new();
    for order in look.sold {
        proof.branch_orders += 1;
        plus(&mut proof.total(order.currency()).branch, order.amount_total);
        match row_of(look.rows, order) {
            None => proof.missing.push(words::not_taken(look.branch, order)),
            Some(row) => {
                seen.insert(row.record);
                compare(look, order, row, &central, &mut proof);
            }
        }
    }
    let of_day = |row: &&Row| time(&row.date_order).is_none_or(|at| (look.begins..look.ends).contains(&at));
    for row in look.rows.iter().filter(|row| !seen.contains(&row.record)).filter(of_day) {
        without_sale(look, row, &central, &mut proof);
    }
    strangers(look, &mut proof);
    proof.verdict = verdict(look, &proof);
    proof.totals.sort_by(|a, b| a.currency.cmp(&b.currency));
    cut(&mut proof);
    proof
}

/// The row of an order: the one with its witness, else one that says the same of it, since before Odoo 18 a witness is
/// made of what may be corrected.
fn row_of<'r>(rows: &'r [Row], order: &SoldOrder) -> Option<&'r Row> {
    let witness = order.witness();
    let same_id = || rows.iter().filter(|row| row.order == order.id.get());
    same_id().find(|row| row.witness == witness).or_else(|| {
        let alike = |row: &&Row| row.reference == order.reference() && row.date_order == order.date_order;
        same_id().find(alike)
    })
}

/// An order that the branch has and the ledger knows.
fn compare(look: &Look<'_>, order: &SoldOrder, row: &Row, central: &HashMap<i64, &CentralOrder>, proof: &mut DayProof) {
    proof.received += 1;
    if is_late(look, order, row) {
        proof.late.push(words::late(order, row));
    }
    let draft = row.central_id.and_then(|id| central.get(&id).copied());
    let entry = match row.standing {
        Standing::Done => return written(order, row, draft, proof),
        Standing::Pending => {
            proof.waiting += 1;
            if look.taken.contains(&row.order) { words::not_received(order, row) } else { words::waiting(order, row) }
        }
        Standing::Held => {
            proof.held += 1;
            words::held(order, row)
        }
        Standing::Failed => {
            proof.failed += 1;
            words::failed(order, row)
        }
        Standing::Ignored => {
            proof.ignored += 1;
            words::ignored(order, row)
        }
    };
    // Written, and found wrong when it was read back.
    match draft {
        Some(draft) => {
            proof.count_central(draft);
            proof.different.push(words::of_draft(draft, entry));
        }
        None => proof.missing.push(entry),
    }
}

/// An order that was written.
fn written(order: &SoldOrder, row: &Row, draft: Option<&CentralOrder>, proof: &mut DayProof) {
    let Some(draft) = draft else {
        proof.deleted_at_central += 1;
        proof.missing.push(words::deleted(order, row));
        return;
    };
    proof.count_central(draft);
    let same = same_money(order.amount_total, draft.amount_total) && (draft.currency() == order.currency() || order.currency().is_empty());
    if draft.state == CANCELLED {
        proof.different.push(words::cancelled(order, row, draft));
    } else if !same && same_money(row.amount_total, draft.amount_total) && !same_money(row.amount_total, order.amount_total) {
        proof.different.push(words::changed_total(order, row, draft));
    } else if !same {
        proof.different.push(words::edited(order, row, draft));
    }
    if matches!(row.problem, Some(Problem::OrderChanged { .. })) {
        proof.changed.push(words::changed(order, row, draft));
    }
}

/// Reached the branch's server, or the bridge, when the day was over or had been compared.
fn is_late(look: &Look<'_>, order: &SoldOrder, row: &Row) -> bool {
    let after_day = match (time(&order.create_date), time(&order.date_order)) {
        (Some(stored), Some(sold)) => stored >= look.ends && stored.duration_since(sold).as_secs() > LATE_S,
        _ => false,
    };
    after_day || look.first_checked_at.is_some_and(|checked| row.received_at > checked)
}

/// Reads a time that Odoo wrote.
fn time(text: &str) -> Option<Timestamp> {
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// An order of the ledger that the branch did not sell on this day, as it looks now.
fn without_sale(look: &Look<'_>, row: &Row, central: &HashMap<i64, &CentralOrder>, proof: &mut DayProof) {
    let draft = row.central_id.and_then(|id| central.get(&id).copied()).filter(|draft| draft.state != CANCELLED);
    let there = look.elsewhere.iter().find(|order| row_of(std::slice::from_ref(row), order).is_some());
    match there {
        // It is counted on the day that it has now.
        Some(order) if SOLD.contains(&order.state.as_str()) && order.date_order != row.date_order => {
            proof.changed.push(words::moved(order, row));
            return;
        }
        Some(order) if SOLD.contains(&order.state.as_str()) => proof.extra.push(words::left_out(row, draft)),
        Some(order) => proof.extra.push(words::no_longer_paid(order, row, draft)),
        None => proof.extra.push(words::gone_at_branch(row, draft)),
    }
    if let Some(draft) = draft {
        proof.count_central(draft);
    }
}

/// Sales orders with the branch's mark that no row has.
fn strangers(look: &Look<'_>, proof: &mut DayProof) {
    let known: HashSet<i64> = look.rows.iter().filter_map(|row| row.central_id).collect();
    let is_stranger = |order: &&CentralOrder| {
        let id = order.id.get();
        !known.contains(&id) && !look.of_other_days.contains(&id) && order.state != CANCELLED
    };
    for order in look.central.iter().filter(is_stranger) {
        let external_id = look.external_ids.get(&order.id.get());
        let is_it = |row: &&Row| external_id.is_some_and(|xid| *xid == format!("{}-{}-{}", look.branch, row.order, row.witness));
        let row = look.rows.iter().filter(|row| row.standing != Standing::Done).find(is_it);
        let entry = match (external_id, row) {
            // An older ledger wrote it, and this one leaves it out.
            (_, Some(row)) if row.standing == Standing::Ignored => words::draft_of_ignored(row, order),
            // Written, and the answer was lost: its row waits, and the next pass learns of it.
            (_, Some(_)) => continue,
            (Some(xid), None) => words::unknown_draft(look.branch, look.day, order, xid),
            (None, None) => words::foreign(order),
        };
        proof.count_central(order);
        proof.extra.push(entry);
    }
}

fn verdict(look: &Look<'_>, proof: &DayProof) -> Verdict {
    let worst = proof.differences().map(|entry| entry.needs).max();
    if look.now < look.ends || !look.open_sessions.is_empty() {
        return Verdict::NotOver;
    }
    match worst {
        None if proof.adds_up() => Verdict::Equal,
        Some(Needs::Nothing) => Verdict::Explained,
        // Nothing listed and yet not the same: a mistake here must not look like agreement.
        None | Some(_) => Verdict::Differs,
    }
}

/// Leaves [`LISTED`] entries of each list.
fn cut(proof: &mut DayProof) {
    let mut cut = 0;
    for list in [&mut proof.missing, &mut proof.extra, &mut proof.different] {
        cut += list.len().saturating_sub(LISTED);
        list.truncate(LISTED);
    }
    proof.late.truncate(LISTED);
    proof.changed.truncate(LISTED);
    proof.not_listed = cut as u64;
}

#[cfg(test)]
mod tests;
