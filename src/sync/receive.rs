//! Reading a branch: headers first, then what is new or changed, page by page into the ledger.
//!
//! Neither an id nor a write_date is in the order of commits (odoo-facts C4), so a pass looks at a window that
//! overlaps the last one by more than the branch's longest transaction, and the ledger tells what is known in it.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::branch::BranchPass;
use super::connection::TRIES;
use super::{Halt, explain, identity, odoo_time, parse_odoo_time};
use crate::config::{Branch, Receive};
use crate::model::{BranchCode, BranchId, Model, Partner, PosOrder, PosOrderModel, Product, Shop, Tax, User};
use crate::odoo::records::{self, ChildHeader, Fields, Header};
use crate::odoo::{Call, OdooError};
use crate::planted::{Bug, planted};
use crate::problem::Problem;
use crate::store::{BranchRecord, Endpoint, Reached, SaleKey};

/// Headers in one call: about 100 kB, 1,000 are one page of the largest shop's day.
const HEADERS: usize = 1_000;

/// How often a look back goes on to a thousand older orders, to tell how many a restored branch has lost: 20,000 are months.
const MOST_STEPS_BACK: usize = 20;

/// Orders read in one page, with all their lines and payments: about 1 MB at 5 lines an order.
pub const PAGE: usize = 200;

/// The page never shrinks below this: a link that cannot carry ten orders carries none.
const SMALLEST_PAGE: usize = 10;

/// A frequent pass looks only above `highest id - FLOOR`: Odoo has no index on write_date, and with the id bound as
/// well the branch answers in 7 ms instead of 59 (400,000 orders). No till holds 2,000 orders back from commit.
const FLOOR: i64 = 2_000;

/// How often the window is asked for without the bound on ids: a draft that is paid late keeps its old, low id.
const WHOLE_WINDOW_EVERY: Duration = Duration::from_secs(3600);

/// The same by the branch's clock: later, so that ours decides as long as nobody sets it back.
const WHOLE_WINDOW_THERE: SignedDuration = SignedDuration::from_secs(4000);

/// Newest orders that each pass looks at on both sides: enough to tell a database that went back in time from an order that
/// somebody deleted, few enough to go along in a call that is made anyway.
pub(super) const FINGERPRINTS: usize = 50;

/// Newest orders by which a branch is known again before its records are read anew: orders are as good as never deleted.
const WITNESSES: usize = 5;

/// Newest orders left out as invoiced that each whole window looks at: a branch that is put back to before their invoices has them
/// without, as they were written long ago. More invoices at the till than a branch that went back has lost, in one call.
const INVOICED: usize = 500;

/// What a pass over a branch looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Looked {
    /// Whether the whole window was asked for, without the bound on ids.
    pub whole_window: bool,
    /// Whether the branch answered at all.
    pub answered: bool,
    /// The branch's clock at the first answer.
    pub began_there: Option<Timestamp>,
}

/// Reads everything new or changed into the ledger.
///
/// # Errors
/// Whatever keeps the branch from being read to the end, or the ledger from keeping it. What was kept stays.
pub async fn read(pass: &BranchPass, looked: &mut Looked) -> Result<(), Halt> {
    let fields = fields(pass).await?;
    identity::own_branch(&pass.connection, &pass.bridge.store, &pass.branch).await?;
    shops_exist(pass).await?;
    let mut window = Window::of(pass, whole_window_due(pass)).await?;
    looked.whole_window = window.whole && window.complete;

    let mut page = Page { fields, domain: window.wanted.clone(), size: PAGE, waiting: Vec::new(), kept_any: false, asked_anew: false };
    let mut after = window.floor;
    loop {
        let call = records::headers(&window.domain, &window.also, after, HEADERS);
        let (headers, date): (Vec<Header>, _) = pass.connection.ask_dated(&call).await?;
        looked.answered = true;
        // The branch's clock at the start: whatever is written from now on is in the next window.
        let started = *window.started.get_or_insert(date.filter(|_| !planted(Bug::OurClock)).unwrap_or(pass.started_at));
        if looked.began_there.replace(started).is_none() && !window.whole && whole_window_due_there(pass, started) {
            window = Window { started: Some(started), ..Window::of(pass, true).await? };
            looked.whole_window = window.whole && window.complete;
            after = window.floor;
            continue;
        }
        let Some(last) = headers.last().map(|header| header.id.get()) else { break };
        let full = headers.len() == HEADERS;
        if let (true, Some(reached)) = (planted(Bug::CursorFirst), window.reached(pass)) {
            keep_reached(pass, &reached).await?;
        }
        page.waiting.extend(unknown_or_changed(pass, &headers, &mut window).await?);
        // The last page is held back: it takes the cursor along.
        page.keep_while(pass, |waiting, size| waiting > size, None).await?;
        after = last;
        if !full {
            break;
        }
    }
    children(pass, &window, &mut page).await?;
    notice_restore(pass, &window).await?;
    let reached = window.reached(pass);
    page.keep_while(pass, |waiting, _| waiting > 0, reached.as_ref()).await?;
    match reached.filter(|_| !page.kept_any && window.is_news(pass)) {
        Some(reached) => keep_reached(pass, &reached).await,
        None => Ok(()),
    }
}

/// Puts the orders on the list of which a line or a payment was written by itself after them: together with each whole window, since
/// Odoo has no index for it, and looking through 1.2 million lines and 400,000 payments took PostgreSQL half a second.
async fn children(pass: &BranchPass, window: &Window, page: &mut Page) -> Result<(), Halt> {
    let Some(since) = window.since.as_deref().filter(|_| window.whole) else { return Ok(()) };
    for model in records::CHILDREN {
        let mut after = 0;
        loop {
            let call = records::child_headers(model, since, after, HEADERS);
            let children: Vec<ChildHeader> = pass.connection.ask(&call).await?;
            let ids: Vec<i64> = children.iter().map(|child| child.order_id.id.get()).collect();
            let code = pass.branch.code.clone();
            let written = pass.bridge.store.run(move |store| store.write_dates(&code, &ids)).await?;
            for child in &children {
                let order = child.order_id.id;
                let later = written.get(&order.get()).is_some_and(|written| child.write_date > *written);
                if later && !page.waiting.contains(&order) {
                    page.waiting.push(order);
                }
            }
            page.keep_while(pass, |waiting, size| waiting > size, None).await?;
            let Some(last) = children.last().filter(|_| children.len() == HEADERS) else { break };
            after = last.id;
        }
    }
    Ok(())
}

/// Reads these orders and keeps them, as a pass does that meets them.
///
/// # Errors
/// As [`read`].
pub async fn take(pass: &BranchPass, orders: Vec<BranchId<PosOrderModel>>) -> Result<(), Halt> {
    let mut page =
        Page { fields: fields(pass).await?, domain: domain(&pass.branch), size: PAGE, waiting: orders, kept_any: false, asked_anew: false };
    page.keep_while(pass, |waiting, _| waiting > 0, None).await
}

/// What of a branch's orders is received, whatever the day: its shops, and with `receive = "closed"` closed sessions only.
pub fn domain(branch: &Branch) -> Vec<Json> {
    let mut domain = Vec::new();
    if !branch.shops.is_empty() {
        domain.push(json!(["config_id.name", "in", branch.shops]));
    }
    if branch.receive == Receive::Closed {
        domain.push(json!(["session_id.state", "=", "closed"]));
    }
    domain
}

/// The fields of this branch, from the ledger or asked once.
pub(super) async fn fields(pass: &BranchPass) -> Result<Fields, Halt> {
    pass.fields.get_or_try_init(|| known_or_asked(pass)).await.cloned()
}

async fn known_or_asked(pass: &BranchPass) -> Result<Fields, Halt> {
    // An upgraded Odoo has other fields, under other names. It was away for as long as the upgrade took.
    let was_away = pass.last.as_ref().is_some_and(|last| last.error.is_some());
    let upgraded = (was_away || whole_window_due(pass)) && pass.connection.look_at_version(&pass.bridge.store).await?;
    let known = pass.endpoint.fields.as_deref().filter(|_| !upgraded);
    if let Some(known) = known.and_then(|text| serde_json::from_str(text).ok()) {
        return Ok(known);
    }
    ask_fields(pass).await
}

/// Asks the branch which fields it has, and writes them down.
async fn ask_fields(pass: &BranchPass) -> Result<Fields, Halt> {
    let fields = pass.connection.patiently(|| Fields::ask(&pass.connection.odoo)).await?;
    let text = serde_json::to_string(&fields).unwrap_or_default();
    pass.connection.remember(&pass.bridge.store, Some(&text))?;
    Ok(fields)
}

/// Makes sure that the branch has the shops which the settings name, when they were not found there before: a name with
/// a slip in it would receive nothing for ever, and nobody would know.
pub(super) async fn shops_exist(pass: &BranchPass) -> Result<(), Halt> {
    #[derive(serde::Deserialize)]
    struct Named {
        name: String,
    }
    let wanted = &pass.branch.shops;
    if wanted.is_empty() || pass.last.as_ref().is_some_and(|last| last.shops == *wanted) {
        return Ok(());
    }
    let call = Call::search_read(Shop::NAME, json!([["name", "in", wanted]]), &["name"]).with_archived();
    let found: Vec<Named> = pass.connection.ask(&call).await?;
    match wanted.iter().find(|shop| !found.iter().any(|named| named.name == **shop)) {
        Some(missing) => Err(Problem::ShopNotFound { shop: missing.clone() }.into()),
        None => Ok(()),
    }
}

/// Whether the last look without the bound on ids is an hour or a day back.
fn whole_window_due(pass: &BranchPass) -> bool {
    // A note from the future was left before our clock was set back: what seems an hour ago may be a day ago.
    let note = pass.last.as_ref().filter(|last| last.cursor == pass.endpoint.cursor && last.ended_at <= pass.started_at);
    let recent = |last: Timestamp| {
        let same_day = last.strftime("%F").to_string() == pass.started_at.strftime("%F").to_string();
        let since = pass.started_at.duration_since(last);
        same_day && !since.is_negative() && since < SignedDuration::try_from(WHOLE_WINDOW_EVERY).unwrap_or_default()
    };
    !note.and_then(|last| last.whole_window_at).is_some_and(recent)
}

/// Whether it is further back by the branch's clock, which was `now` a moment ago: then ours was set back since.
fn whole_window_due_there(pass: &BranchPass, now: Timestamp) -> bool {
    let then = pass.last.as_ref().and_then(|last| last.whole_window_there);
    then.is_some_and(|then| now < then || now.duration_since(then) > WHOLE_WINDOW_THERE)
}

/// What this pass asks for.
struct Window {
    domain: Vec<Json>,
    /// The same without the bound on when it was written.
    wanted: Vec<Json>,
    /// The newest orders that were received: looked at each time, since a branch that still has them was not put back
    /// to a backup.
    newest: Vec<i64>,
    /// Orders that are looked at whenever they were written: the newest, and those that are left out as invoiced.
    also: Vec<i64>,
    /// Whether it is one of the rarer looks without the bound on ids.
    whole: bool,
    /// Whether nothing that the settings ask for is left out: a pass from a later day says nothing of the days before.
    complete: bool,
    /// Only ids above; 0 = all.
    floor: i64,
    /// Only written at or after; `None` = a first pass, or one from a given day.
    since: Option<String>,
    started: Option<Timestamp>,
    /// Known ids that were met again.
    met: HashSet<i64>,
}

impl Window {
    async fn of(pass: &BranchPass, whole_due: bool) -> Result<Self, Halt> {
        let from = Branch { from: pass.request.from.unwrap_or(pass.branch.from), ..pass.branch.clone() }.from_utc();
        let mut domain = vec![json!(["date_order", ">=", odoo_time(from)])];
        domain.extend(self::domain(&pass.branch));
        // A pass from a given day looks at all of it, however long ago it was written; so does the first one that asks for
        // something else than what was asked for up to the cursor.
        let asked_else = pass.endpoint.asked.as_ref() != Some(&asked_for(&pass.branch));
        let wanted = domain.clone();
        let cursor = pass.endpoint.cursor.as_deref().filter(|_| pass.request.from.is_none() && !asked_else);
        let cursor = cursor.and_then(parse_odoo_time);
        let frequent = cursor.is_some() && (!whole_due || planted(Bug::FloorAlways));
        // What the frequent passes since the last whole window have not seen is seen now, wherever the cursor has got to. Both are
        // by the branch's clock: ours may have been set since.
        let whole_cursor = pass.endpoint.whole_cursor.as_deref().and_then(parse_odoo_time);
        let seen_to = if frequent { cursor } else { cursor.zip(whole_cursor).map(|(cursor, whole)| cursor.min(whole)) };
        let overlap = if planted(Bug::SkipOverlap) { Duration::ZERO } else { pass.branch.overlap };
        let since = seen_to.and_then(|at| at.checked_sub(overlap).ok()).map(odoo_time);
        if let Some(since) = &since {
            if pass.branch.receive == Receive::Closed {
                // The closing writes the session, and of its orders only those that are not invoiced.
                domain.extend([json!("|"), json!(["session_id.write_date", ">=", since])]);
            }
            domain.push(json!(["write_date", ">=", since]));
        }
        let code = pass.branch.code.clone();
        let mut newest = pass.bridge.store.run(move |store| store.newest_orders(&code, 0, i64::MAX, FINGERPRINTS)).await?;
        // Of those that the branch still has: one that was put back to a backup goes on with low ids.
        let highest = newest.first().copied().filter(|_| frequent);
        let floor = highest.map_or(0, |highest| (highest - FLOOR).max(0));
        newest.retain(|id| *id > floor);
        let mut also = newest.clone();
        if !frequent {
            let code = pass.branch.code.clone();
            also.extend(pass.bridge.store.run(move |store| store.newest_invoiced(&code, INVOICED)).await?);
        }
        let complete = pass.request.from.is_none_or(|from| from <= pass.branch.from);
        Ok(Self { domain, wanted, newest, also, whole: !frequent, complete, floor, since, started: None, met: HashSet::new() })
    }

    /// How far the branch is read once all of it is kept.
    fn reached(&self, pass: &BranchPass) -> Option<Reached> {
        let started = self.started.filter(|_| self.complete)?;
        Some(Reached { cursor: odoo_time(started), whole: self.whole, asked: asked_for(&pass.branch) })
    }

    /// Whether a pass that found nothing has to be noted all the same: it was the first that asked for this, or the first whole one
    /// after frequent ones that found something, and the next whole one would begin as far back as this one.
    fn is_news(&self, pass: &BranchPass) -> bool {
        let Endpoint { cursor, whole_cursor, asked, .. } = &pass.endpoint;
        asked.as_ref() != Some(&asked_for(&pass.branch)) || (self.whole && cursor != whole_cursor)
    }
}

/// What the settings ask of a branch: when it becomes more, what was passed over is looked at.
fn asked_for(branch: &Branch) -> String {
    let Branch { receive, from, shops, timezone, .. } = branch;
    format!("{receive:?} from {from} {timezone:?} {shops:?}")
}

async fn unknown_or_changed(pass: &BranchPass, headers: &[Header], window: &mut Window) -> Result<Vec<BranchId<PosOrderModel>>, Halt> {
    let (Some(first), Some(last)) = (headers.first(), headers.last()) else { return Ok(Vec::new()) };
    let (code, first, last) = (pass.branch.code.clone(), first.id.get(), last.id.get());
    let known = pass.bridge.store.run(move |store| store.known(&code, first, last)).await?;
    let mut wanted = Vec::new();
    for header in headers {
        match known.get(&header.id.get()) {
            Some(rows) => {
                window.met.insert(header.id.get());
                if !rows.iter().any(|row| row.write_date == header.write_date) {
                    wanted.push(header.id);
                }
            }
            None => wanted.push(header.id),
        }
    }
    Ok(wanted)
}

/// Orders to be read, and the size of the pages.
struct Page {
    fields: Fields,
    /// What of the branch is received, whenever it was written.
    domain: Vec<Json>,
    size: usize,
    waiting: Vec<BranchId<PosOrderModel>>,
    kept_any: bool,
    /// Whether the fields turned out to be those of before an upgrade.
    asked_anew: bool,
}

impl Page {
    /// Reads and keeps pages while `more` says so. The last one takes along how far the branch is read, in its own transaction.
    async fn keep_while(&mut self, pass: &BranchPass, more: impl Fn(usize, usize) -> bool, reached: Option<&Reached>) -> Result<(), Halt> {
        let mut noted = false;
        while more(self.waiting.len(), self.size) {
            let ids = self.waiting[..self.size.min(self.waiting.len())].to_vec();
            let orders = match self.read(pass, &ids).await? {
                Some(orders) => orders,
                None => continue, // with a smaller page
            };
            let last = reached.filter(|_| ids.len() == self.waiting.len());
            noted |= last.is_some();
            let orders = self.without_strangers(pass, orders).await?;
            keep(pass, orders, last).await?;
            let skipped = usize::from(planted(Bug::PageSkipsOne) && self.waiting.len() > ids.len());
            self.waiting.drain(..ids.len() + skipped);
            self.kept_any = true;
        }
        if let (Some(reached), true, false) = (reached, self.kept_any, noted) {
            keep_reached(pass, reached).await?;
        }
        Ok(())
    }

    /// Without orders that are read only for their numbers, which the branch gave again after it was put back to a backup, and that
    /// are not to be received: open ones, and those of other shops.
    async fn without_strangers(&self, pass: &BranchPass, mut orders: Vec<PosOrder>) -> Result<Vec<PosOrder>, Halt> {
        let sales: Vec<SaleKey> = orders.iter().map(SaleKey::of).collect();
        let code = pass.branch.code.clone();
        let reused = pass.bridge.store.run(move |store| store.reused_numbers(&code, &sales)).await?;
        if reused.is_empty() {
            return Ok(orders);
        }
        identity::not_another(pass).await?;
        let mut domain = self.domain.clone();
        domain.push(json!(["id", "in", reused]));
        let received: Vec<Header> = pass.connection.ask(&records::headers(&domain, &[], 0, reused.len())).await?;
        let strange: Vec<i64> = reused.into_iter().filter(|id| !received.iter().any(|header| header.id.get() == *id)).collect();
        orders.retain(|order| !strange.contains(&order.id.get()));
        tell_gone(pass, strange).await?;
        Ok(orders)
    }

    /// One page; `None` = it was too much for the link, and the size is smaller now.
    async fn read(&mut self, pass: &BranchPass, ids: &[BranchId<PosOrderModel>]) -> Result<Option<Vec<PosOrder>>, Halt> {
        let mut tries = 0;
        loop {
            match records::orders(&pass.connection.odoo, &self.fields, ids).await {
                Ok(orders) => return Ok(Some(orders)),
                Err(error) if error.is_about_size() && self.size > SMALLEST_PAGE => {
                    self.size = (self.size.min(ids.len()) / 2).max(SMALLEST_PAGE);
                    tracing::info!(branch = %pass.branch.code, page = self.size, "The branch answers slowly: smaller pages");
                    return Ok(None);
                }
                Err(error)
                    if explain::passes_by_itself(&error)
                        && tries + 1 < TRIES
                        && pass.connection.short_pause(tries, error.retry_after()).await =>
                {
                    tries += 1
                }
                Err(OdooError::FieldUnknown(_)) if !self.asked_anew => {
                    // The branch lost a field: it was upgraded, or a module was removed.
                    self.asked_anew = true;
                    pass.connection.look_at_version(&pass.bridge.store).await?;
                    self.fields = ask_fields(pass).await?;
                }
                Err(error @ OdooError::FieldUnknown(_)) => {
                    // And once more: ask at the next pass.
                    pass.connection.remember(&pass.bridge.store, Some(""))?;
                    return Err(pass.connection.explain(&error).into());
                }
                Err(error) => return Err(pass.connection.explain(&error).into()),
            }
        }
    }
}

async fn keep(pass: &BranchPass, orders: Vec<PosOrder>, reached: Option<&Reached>) -> Result<(), Halt> {
    let records = named_records(pass, &orders).await?;
    let (code, now, read) = (pass.branch.code.clone(), pass.started_at, orders.len() as u64);
    let reached = reached.cloned();
    let kept = pass
        .bridge
        .store
        .run(move |store| match store.twin(&code, &orders)? {
            Some(twin) => Ok(Err(twin)),
            None => store.keep(&code, &orders, &records, reached.as_ref(), now).map(Ok),
        })
        .await?;
    let kept = match kept {
        Ok(kept) => kept,
        // Keeping a copied branch's orders would write each sale twice.
        Err((other, reference)) => {
            let other = BranchCode::new(&other).unwrap_or_else(|_| pass.branch.code.clone());
            return Err(Problem::BranchCloned { other, reference }.into());
        }
    };
    pass.note_kept(read, kept);
    if kept.reused_id {
        let details = "An order number came back with another sale under it".to_owned();
        note_branch_problem(pass, Problem::BranchRestored { details }).await?;
    }
    Ok(())
}

async fn keep_reached(pass: &BranchPass, reached: &Reached) -> Result<(), Halt> {
    let (code, now, reached) = (pass.branch.code.clone(), pass.started_at, reached.clone());
    pass.bridge.store.run(move |store| store.keep(&code, &[], &[], Some(&reached), now)).await?;
    Ok(())
}

async fn note_branch_problem(pass: &BranchPass, problem: Problem) -> Result<(), Halt> {
    tracing::warn!(branch = %pass.branch.code, cause = problem.cause(), "{}", problem.what());
    let code = pass.branch.code.clone();
    Ok(pass.bridge.store.run(move |store| store.note_about_branch(&code, &problem)).await?)
}

/// Received orders that a look at the same window, or by their ids, no longer meets, and that the branch no longer has: paid
/// orders cannot be deleted in Odoo, so its database went back in time. It is told once; from then on they are not looked for.
async fn notice_restore(pass: &BranchPass, window: &Window) -> Result<(), Halt> {
    let mut expected = window.newest.clone();
    if let Some(since) = window.since.clone() {
        let (code, floor) = (pass.branch.code.clone(), window.floor);
        expected.extend(pass.bridge.store.run(move |store| store.window(&code, &since, floor)).await?);
    }
    expected.sort_unstable();
    expected.dedup();
    let missed: Vec<i64> = expected.into_iter().filter(|id| !window.met.contains(id)).collect();
    if missed.is_empty() {
        return Ok(());
    }
    // A changed `shops` or `receive` also hides orders; ask for them by id before crying out.
    let mut gone = gone_of(pass, &missed).await?;
    let Some(mut lowest) = gone.iter().min().copied() else { return Ok(()) };
    identity::not_another(pass).await?;
    // How far back it goes: older orders, until some are all there.
    for _ in 0..MOST_STEPS_BACK {
        let code = pass.branch.code.clone();
        let older = pass.bridge.store.run(move |store| store.newest_orders(&code, 0, lowest, HEADERS)).await?;
        let more = gone_of(pass, &older).await?;
        let Some(least) = more.iter().min().copied() else { break };
        lowest = least;
        gone.extend(more);
    }
    gone.sort_unstable();
    gone.dedup();
    tell_gone(pass, gone).await
}

/// Notes that the branch no longer has these orders, and tells it.
async fn tell_gone(pass: &BranchPass, gone: Vec<i64>) -> Result<(), Halt> {
    if gone.is_empty() {
        return Ok(());
    }
    let (code, now) = (pass.branch.code.clone(), pass.started_at);
    let receipts = pass.bridge.store.run(move |store| store.note_gone_at_branch(&code, &gone, now)).await?;
    let details = match receipts.as_slice() {
        [one] => format!("the received order {one} is no longer there"),
        [first, .., last] => format!("{} received orders are no longer there, {first} to {last}", receipts.len()),
        [] => return Ok(()),
    };
    note_branch_problem(pass, Problem::BranchRestored { details }).await
}

/// Those of these orders that the branch does not have.
async fn gone_of(pass: &BranchPass, ids: &[i64]) -> Result<Vec<i64>, Halt> {
    let mut gone = Vec::new();
    for ids in ids.chunks(HEADERS) {
        let found: Vec<Header> = pass.connection.ask(&Call::read(PosOrderModel::NAME, ids, &["write_date"])).await?;
        let found: HashSet<i64> = found.iter().map(|header| header.id.get()).collect();
        gone.extend(ids.iter().filter(|id| !found.contains(id)));
    }
    Ok(gone)
}

/// The products, taxes, customers and users that orders name and the ledger does not know yet.
async fn named_records(pass: &BranchPass, orders: &[PosOrder]) -> Result<Vec<BranchRecord>, Halt> {
    let products: BTreeSet<i64> = orders.iter().flat_map(|order| &order.lines).map(|line| line.product_id.id.get()).collect();
    let taxes: BTreeSet<i64> =
        orders.iter().flat_map(|order| &order.lines).flat_map(|line| &line.tax_ids_after_fiscal_position).map(|id| id.get()).collect();
    let partners: BTreeSet<i64> = orders.iter().filter_map(|order| order.partner_id.as_ref()).map(|partner| partner.id.get()).collect();
    let users: BTreeSet<i64> = if pass.branch.salespeople.is_empty() {
        BTreeSet::new() // nobody asks who they are
    } else {
        orders.iter().filter_map(|order| order.user_id.as_ref()).map(|user| user.id.get()).collect()
    };
    let mut records = Vec::new();
    for (model, ids) in [(Product::NAME, products), (Tax::NAME, taxes), (Partner::NAME, partners), (User::NAME, users)] {
        let (code, ids) = (pass.branch.code.clone(), ids.into_iter().collect::<Vec<_>>());
        let unread = pass.bridge.store.run(move |store| store.unread(&code, model, &ids)).await?;
        if !unread.is_empty() {
            records.extend(pass.connection.patiently(|| read_records(pass, model, &unread)).await?);
        }
    }
    Ok(records)
}

async fn read_records(pass: &BranchPass, model: &'static str, ids: &[i64]) -> Result<Vec<BranchRecord>, OdooError> {
    fn kept<T: serde::Serialize>(model: &'static str, records: Vec<T>, id: impl Fn(&T) -> i64) -> Vec<BranchRecord> {
        records.into_iter().map(|record| (model, id(&record), serde_json::to_string(&record).unwrap_or_default())).collect()
    }
    let branch = &pass.connection.odoo;
    Ok(match model {
        Product::NAME => kept(Product::NAME, records::branch_products(branch, ids).await?, |r| r.id.get()),
        Tax::NAME => kept(Tax::NAME, records::branch_taxes(branch, ids).await?, |r| r.id.get()),
        Partner::NAME => kept(Partner::NAME, records::branch_partners(branch, ids).await?, |r| r.id.get()),
        _ => kept(User::NAME, records::branch_users(branch, ids).await?, |r| r.id.get()),
    })
}

/// Reads again what a person's retry wants read again. A branch that does not answer now is no obstacle: then the
/// records stay as they were last read.
///
/// # Errors
/// Only those of the ledger.
pub async fn refresh(pass: &BranchPass) -> Result<(), Halt> {
    let code = pass.branch.code.clone();
    let stale = pass.bridge.store.run(move |store| store.stale_records(&code)).await?;
    if stale.is_empty() || !is_the_same_database(pass).await? {
        return Ok(());
    }
    let mut records = Vec::new();
    for model in [Product::NAME, Tax::NAME, Partner::NAME, User::NAME] {
        let ids: Vec<i64> = stale.iter().filter(|(of, _)| of == model).map(|(_, id)| *id).collect();
        if ids.is_empty() {
            continue;
        }
        match read_records(pass, model, &ids).await {
            Ok(fresh) => records.extend(fresh),
            Err(error) => {
                tracing::info!(branch = %pass.branch.code, %error, "The branch does not answer: its records stay as last read");
                break;
            }
        }
    }
    if !records.is_empty() {
        let (code, now) = (pass.branch.code.clone(), pass.started_at);
        pass.bridge.store.run(move |store| store.keep(&code, &[], &records, None, now)).await?;
    }
    Ok(())
}

/// Whether the branch has any of the newest orders that were received from it: another database has other records under the same
/// numbers.
async fn is_the_same_database(pass: &BranchPass) -> Result<bool, Halt> {
    let code = pass.branch.code.clone();
    let newest = pass.bridge.store.run(move |store| store.newest_orders(&code, 0, i64::MAX, WITNESSES)).await?;
    let (Some(first), Some(last)) = (newest.iter().min().copied(), newest.iter().max().copied()) else { return Ok(true) };
    let code = pass.branch.code.clone();
    let known = pass.bridge.store.run(move |store| store.known(&code, first, last)).await?;
    let ids: Vec<BranchId<PosOrderModel>> = newest.into_iter().map(BranchId::new).collect();
    let Ok(fields) = fields(pass).await else { return Ok(false) };
    Ok(match records::orders(&pass.connection.odoo, &fields, &ids).await {
        Ok(orders) => orders.iter().any(|order| {
            let sale = SaleKey::of(order);
            known.get(&order.id.get()).is_some_and(|rows| rows.iter().any(|row| row.sale.is(&sale)))
        }),
        Err(error) => {
            tracing::info!(branch = %pass.branch.code, %error, "The branch does not answer: its records stay as last read");
            false
        }
    })
}
