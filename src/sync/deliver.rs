//! From the ledger to central: the one place where sales orders are written.
//!
//! An order is written by the create-once call and by nothing else, and nothing is searched for first. On any doubt
//! the same call is made again: central creates the draft, or answers the one it has. What is done is never sent again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use super::bind::bind;
use super::branch::BranchPass;
use super::central::Resolved;
use super::load::{Postponed, Refusal, load};
use super::{Halt, earlier, explain, jitter};
use crate::clock::Clock;
use crate::mapping::{self, plain};
use crate::model::{Amount, CentralId, PosOrder, Product, SaleOrder, Tax, same_money, sum};
use crate::odoo::Call;
use crate::odoo::records::{self, Adjustment, CentralFields, Draft, Rows};
use crate::planted::{Bug, planted};
use crate::problem::{Problem, Side};
use crate::store::{Conclusion, Due, Verdict};

/// Rows of the first batch of a pass: 50 orders of three lines and a note.
pub const FIRST_BATCH_ROWS: usize = 200;

/// Rows of the largest batch. Measured on Odoo 19, an order costs 14.6 ms in batches of 100 and 13.7 in batches of
/// 200; beyond that there is nothing to gain, and a lost answer costs more.
const MOST_BATCH_ROWS: usize = 800;

/// Rows of the smallest batch.
const LEAST_BATCH_ROWS: usize = 20;

/// A call should take about this long at most: far below the 120 s after which Odoo ends a request, short enough
/// that a kill or a lost answer repeats little.
const LONG_CALL: Duration = Duration::from_secs(10);

/// First pause before a record is tried again by itself; it doubles with each try.
const FIRST_PAUSE: Duration = Duration::from_secs(30);

/// Longest pause: an Odoo that comes back in the night finds the bridge within the hour.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// Taxes may differ by this and by a hundredth when the total is equal: each line and each tax rounds by itself.
const TAX_TOLERANCE: Amount = Amount::from_parts(5, 0, 0, false, 2);

/// Writes everything that is due for a branch, until there is nothing left and reading has ended.
///
/// # Errors
/// What keeps central from being written at all. The records that were tried are concluded, the rest stays due.
pub async fn deliver(pass: &Arc<BranchPass>) -> Result<(), Halt> {
    let mut resolved: Option<(Arc<Resolved>, Arc<CentralFields>)> = None;
    let mut batches: JoinSet<Result<bool, Halt>> = JoinSet::new();
    let (mut last, mut again) = (0, false);
    loop {
        // Looked at before the ledger: what is kept after this look rings the bell.
        let reading_ended = pass.reading_ended.load(Ordering::Acquire);
        let due = next_batch(pass, last).await?;
        if let Some(newest) = due.last() {
            last = newest.record;
            let (resolved, fields) = match &resolved {
                Some(known) => known.clone(),
                None => {
                    let meant = Arc::new(pass.central.resolve(&pass.branch).await?);
                    resolved.insert((meant, Arc::new(central_fields(pass).await?))).clone()
                }
            };
            if batches.len() >= pass.central.parallel {
                again |= join_one(&mut batches).await?;
            }
            let pass = pass.clone();
            batches.spawn(async move { batch(&pass, &resolved, &fields, due).await });
        } else if !batches.is_empty() {
            again |= join_one(&mut batches).await?;
        } else if again | pass.renewed.swap(false, Ordering::AcqRel) {
            // A fix released others, a stale match was dropped, or the branch changed what had failed: they may stand before
            // the place reached.
            (last, again) = (0, false);
        } else if reading_ended {
            return Ok(());
        } else {
            pass.kept.notified().await;
        }
    }
}

/// What central calls its fields: from the ledger, or asked once.
async fn central_fields(pass: &BranchPass) -> Result<CentralFields, Halt> {
    let place = &pass.bridge.config.central.endpoint;
    let (url, database, user) = (place.url.clone(), place.database.clone(), place.user.clone());
    let known = pass.bridge.store.run(move |store| store.endpoint(Side::CENTRAL, &url, &database, &user)).await?;
    if let Some(fields) = known.fields.as_deref().and_then(|text| serde_json::from_str(text).ok()) {
        return Ok(fields);
    }
    let connection = &pass.central.connection;
    let fields = connection.patiently(|| CentralFields::ask(&connection.odoo)).await?;
    if !pass.request.dry_run {
        connection.remember(&pass.bridge.store, Some(&serde_json::to_string(&fields).unwrap_or_default()))?;
    }
    Ok(fields)
}

async fn next_batch(pass: &BranchPass, after: i64) -> Result<Vec<Due>, Halt> {
    let code = pass.branch.code.clone();
    let rows = pass.batch_rows.load(Ordering::Relaxed);
    let now = if pass.request.now { None } else { Some(pass.now()) };
    Ok(pass.bridge.store.run(move |store| store.due(&code, after, now, rows)).await?)
}

async fn join_one(batches: &mut JoinSet<Result<bool, Halt>>) -> Result<bool, Halt> {
    match batches.join_next().await {
        Some(Ok(ended)) => ended,
        Some(Err(stopped)) => Err(Halt::Problem(Problem::ServerError { side: Side::Central, words: stopped.to_string() })),
        None => Ok(false),
    }
}

/// Maps, writes, proves and records one batch. Whether others may go now that waited: released by a fix, or mapped with
/// a match that was dropped.
async fn batch(pass: &BranchPass, resolved: &Resolved, fields: &CentralFields, due: Vec<Due>) -> Result<bool, Halt> {
    let began = Instant::now();
    let orders: Vec<_> = due.iter().map(|due| due.order.clone()).collect();
    bind(pass, resolved, &orders).await?;
    let (mut verdicts, mut drafts) = map(pass, resolved, &due).await;
    let judged: BTreeSet<usize> = verdicts.keys().copied().collect();
    let mut halt = None;
    let mut again = false;
    if pass.request.dry_run {
        let would = |draft: &SaleOrder| Verdict::Done { id: CentralId::new(0), name: draft.client_order_ref.clone(), adjusted: None };
        verdicts.extend(drafts.iter().map(|(place, draft)| (*place, would(draft))));
    } else if !drafts.is_empty() {
        let _permit = pass.central.writers.acquire().await;
        earlier::recognize(pass, &due, &mut drafts).await?;
        let wanted: Vec<(i64, String)> = drafts.keys().map(|place| (due[*place].record, due[*place].content.clone())).collect();
        let intended = pass.bridge.store.run(move |store| store.intend(&wanted)).await?;
        // In the meantime somebody may have said that one is not to be sent, or the branch has changed it.
        again = intended.len() < drafts.len();
        drafts.retain(|place, _| intended.contains(&due[*place].record));
        let mut writer = Writer { pass, resolved, fields, due: &due, drafts: &drafts, verdicts: &mut verdicts, dropped_match: false };
        halt = writer.write().await.err();
        again |= writer.dropped_match;
    }
    let released = conclude(pass, &due, verdicts, &judged, began.elapsed()).await?;
    halt.map_or(Ok(again || released > 0), Err)
}

/// The drafts of a batch by their place in it, and the verdicts of those that cannot be mapped.
async fn map(pass: &BranchPass, resolved: &Resolved, due: &[Due]) -> (BTreeMap<usize, Verdict>, BTreeMap<usize, SaleOrder>) {
    let bindings = pass.bindings.lock().await;
    let (mut verdicts, mut drafts) = (BTreeMap::new(), BTreeMap::new());
    // What central may have already is not left out: repeated, the call says what is there, and the draft names the invoice.
    let begun = mapping::Settings { skip_invoiced: false, ..resolved.settings.clone() };
    for (place, due) in due.iter().enumerate() {
        let settings = if due.unknown { &begun } else { &resolved.settings };
        match mapping::map(&due.order, settings, &bindings) {
            Ok(mut draft) => {
                if let Some(witness) = &due.known_as {
                    draft.external_id = mapping::external_id_as(&resolved.settings.code, &due.order, witness);
                }
                drafts.insert(place, draft);
            }
            Err(problems) => {
                let verdict = match problems.first() {
                    Some(problem @ Problem::InvoicedSkipped { .. }) => Verdict::Ignored { problem: problem.clone() },
                    _ => Verdict::Failed { problems, draft: None, unknown: due.unknown },
                };
                verdicts.insert(place, verdict);
            }
        }
    }
    (verdicts, drafts)
}

/// Records the verdicts; those at the places `judged` were come to without a call.
async fn conclude(
    pass: &BranchPass,
    due: &[Due],
    verdicts: BTreeMap<usize, Verdict>,
    judged: &BTreeSet<usize>,
    took: Duration,
) -> Result<usize, Halt> {
    let counted = &pass.counted;
    for (place, verdict) in &verdicts {
        tell(pass, &due[*place], verdict, took);
        if let Verdict::Done { adjusted, .. } = verdict {
            counted.delivered.fetch_add(1, Ordering::Relaxed);
            counted.adjusted.fetch_add(u64::from(adjusted.is_some()), Ordering::Relaxed);
        }
    }
    pass.progress.tried.fetch_add(verdicts.len() as u64, Ordering::Relaxed);
    let conclusions: Vec<Conclusion> = verdicts
        .into_iter()
        .map(|(place, verdict)| {
            let Due { record, waits_for, content, .. } = &due[place];
            let judged = judged.contains(&place).then(|| content.clone());
            Conclusion { record: *record, waited_for: waits_for.clone(), verdict, judged }
        })
        .collect();
    let duration_ms = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
    let now = pass.now();
    Ok(pass.bridge.store.run(move |store| store.conclude(&conclusions, duration_ms, now)).await?)
}

/// One event for each try of an order; `duration_ms` is that of its batch.
fn tell(pass: &BranchPass, due: &Due, verdict: &Verdict, took: Duration) {
    let (branch, pos_order) = (&pass.branch.code, due.order.reference());
    let (attempt, duration_ms) = (due.attempts + 1, u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    match verdict {
        _ if pass.request.dry_run => {}
        Verdict::Done { name, .. } => {
            tracing::info!(%branch, pos_order, sale_order = %name, attempt, duration_ms, "Order {pos_order} is {name} at central");
        }
        Verdict::Failed { problems, .. } => {
            for problem in problems {
                tracing::warn!(%branch, pos_order, attempt, cause = problem.cause(), duration_ms, "{} {}", problem.what(), problem.next_step());
            }
        }
        Verdict::Again { problem, .. } => {
            tracing::debug!(%branch, pos_order, attempt, cause = problem.cause(), duration_ms, "{}", problem.what());
        }
        Verdict::Ignored { problem } => tracing::info!(%branch, pos_order, attempt, cause = problem.cause(), "{}", problem.what()),
    }
}

/// The writing of one batch.
struct Writer<'a> {
    pass: &'a BranchPass,
    resolved: &'a Resolved,
    fields: &'a CentralFields,
    due: &'a [Due],
    drafts: &'a BTreeMap<usize, SaleOrder>,
    verdicts: &'a mut BTreeMap<usize, Verdict>,
    /// Whether a match was forgotten because its record is gone: the order is tried again in this pass.
    dropped_match: bool,
}

/// What is loaded.
enum Content<'l> {
    /// The batch's drafts.
    Drafts,
    /// Adjustment lines of drafts that central holds, by place.
    Adjustments { product: CentralId<Product>, lines: &'l BTreeMap<usize, (Draft, Adjustment)> },
}

impl Writer<'_> {
    /// Writes all drafts and proves them; whatever happens, each place has a verdict afterwards.
    async fn write(&mut self) -> Result<(), Halt> {
        let all: Vec<usize> = self.drafts.keys().copied().collect();
        let (written, halt) = self.load_all(&Content::Drafts, all).await?;
        // What central took before it stopped answering is proved as far as it answers.
        let proved = self.prove(&written).await;
        halt.map_or(proved, |halt| Err(halt.into()))
    }

    /// Loads the records of these places; gives the ids of those that central has, and why it stopped, if it did.
    /// The others have their verdict.
    async fn load_all(&mut self, content: &Content<'_>, places: Vec<usize>) -> Result<(BTreeMap<usize, i64>, Option<Problem>), Halt> {
        #[cfg(feature = "campaign")]
        if let (true, Content::Drafts) = (planted(Bug::SearchThenCreate), content) {
            return self.search_then_create(places).await;
        }
        self.load_places(content, places).await
    }

    /// The bug that most bridges have, for the campaign: two tries, or two bridges, find nothing and both create.
    #[cfg(feature = "campaign")]
    async fn search_then_create(&mut self, places: Vec<usize>) -> Result<(BTreeMap<usize, i64>, Option<Problem>), Halt> {
        #[derive(serde::Deserialize)]
        struct Found {
            id: i64,
            client_order_ref: String,
        }
        let references: Vec<&str> = places.iter().map(|place| self.drafts[place].client_order_ref.as_str()).collect();
        let domain = serde_json::json!([["client_order_ref", "in", references]]);
        let found: Vec<Found> = self.pass.central.ask(&Call::search_read("sale.order", domain, &["client_order_ref"])).await?;
        let there = |place: &usize| found.iter().find(|f| f.client_order_ref == self.drafts[place].client_order_ref).map(|f| f.id);
        let known: BTreeMap<usize, i64> = places.iter().filter_map(|place| Some((*place, there(place)?))).collect();
        let rest = places.into_iter().filter(|place| !known.contains_key(place)).collect();
        let (mut written, halt) = self.load_places(&Content::Drafts, rest).await?;
        written.extend(known);
        Ok((written, halt))
    }

    async fn load_places(&mut self, content: &Content<'_>, places: Vec<usize>) -> Result<(BTreeMap<usize, i64>, Option<Problem>), Halt> {
        let call = |set: &[usize]| self.call(content, set);
        let fates = load(&self.pass.central.connection, places, call, |took, rows| self.resize(took, rows)).await;
        for (place, refusal) in fates.refused {
            // A call that was refused or not carried out says nothing of an earlier one whose answer was lost, in this pass or
            // before it.
            let unknown = fates.doubted.contains(&place) || self.due[place].unknown;
            match refusal {
                Refusal::Row(words) => self.refuse_row(content, place, &words, unknown).await?,
                Refusal::Alone(problem) => self.fail(content, place, problem, unknown),
            }
        }
        for (place, postponed) in fates.postponed {
            self.postpone(content, place, postponed);
        }
        if let Some(Problem::FieldMissing { .. }) = &fates.halt {
            // Central was upgraded: the next pass asks it anew.
            let central = &self.pass.central.connection;
            central.look_at_version(&self.pass.bridge.store).await?;
            central.remember(&self.pass.bridge.store, Some(""))?;
        }
        Ok((fates.written, fates.halt))
    }

    fn call(&self, content: &Content<'_>, set: &[usize]) -> (Call, Rows) {
        match content {
            Content::Drafts => {
                let drafts: Vec<SaleOrder> = set.iter().map(|place| self.drafts[place].clone()).collect();
                records::create_once(&drafts, &self.resolved.draft, self.fields)
            }
            Content::Adjustments { product, lines } => {
                let lines: Vec<Adjustment> = set.iter().map(|place| lines[place].1.clone()).collect();
                records::adjust_once(&lines, *product, self.resolved.draft.company_id, self.fields)
            }
        }
    }

    /// Grows or shrinks the batches to come by the time this one took.
    fn resize(&self, took: Duration, rows: usize) {
        let next = |now| Some(rows_after(now, took, rows));
        let _ = self.pass.batch_rows.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    }

    /// A person has to look at this one.
    fn fail(&mut self, content: &Content<'_>, place: usize, problem: Problem, unknown: bool) {
        let draft = match content {
            Content::Drafts => None,
            Content::Adjustments { lines, .. } => lines.get(&place).map(|(draft, _)| (draft.id, draft.name.clone())),
        };
        let unknown = unknown && draft.is_none();
        self.verdicts.insert(place, Verdict::Failed { problems: vec![problem], draft, unknown });
    }

    async fn refuse_row(&mut self, content: &Content<'_>, place: usize, words: &str, unknown: bool) -> Result<(), Halt> {
        let problem = explain::complaint(words);
        let stale = match explain::gone_record(words) {
            Some(gone) => self.forget(gone.get()).await?,
            None => false,
        };
        if stale {
            // Look again in this pass, with what central has now.
            self.dropped_match = true;
            self.verdicts.insert(place, Verdict::Again { problem, due_at: self.pass.now(), unknown });
        } else {
            self.fail(content, place, problem, unknown);
        }
        Ok(())
    }

    /// Forgets what was matched with a record that central no longer has. Whether there was such a match: then the
    /// orders that name it are mapped anew.
    async fn forget(&self, id: i64) -> Result<bool, Halt> {
        let code = self.pass.branch.code.clone();
        let forgotten = self.pass.bridge.store.run(move |store| store.unbind_central(&code, id)).await? > 0;
        let mut bindings = self.pass.bindings.lock().await;
        bindings.products.retain(|_, found| *found != Ok(CentralId::<Product>::new(id)));
        bindings.taxes.retain(|_, found| *found != Ok(CentralId::<Tax>::new(id)));
        bindings.partners.retain(|_, found| *found != Ok(CentralId::new(id)));
        let mut gone = self.pass.gone.lock().await;
        // The first order of several drops the match, the others were mapped with it all the same. A record that is
        // matched once more and still not accepted is no stale match: then a person has to look.
        Ok(gone.insert(id) == forgotten)
    }

    /// This one is tried again by itself.
    fn postpone(&mut self, content: &Content<'_>, place: usize, Postponed { problem, retry_after, unknown }: Postponed) {
        if unknown && planted(Bug::LostAnswerIsFailure) {
            return self.fail(&Content::Drafts, place, problem, false);
        }
        let now = self.pass.now();
        let asked = retry_after.and_then(|wait| now.checked_add(wait).ok()).unwrap_or(now);
        let due_at = due_after(self.due[place].attempts, &self.pass.bridge.clock).max(asked);
        // What waits for its adjustment line is at central, and not proved.
        let unknown = unknown || self.due[place].unknown || matches!(content, Content::Adjustments { .. });
        self.verdicts.insert(place, Verdict::Again { problem, due_at, unknown });
    }

    /// Reads back what central holds and compares it with the till, to the cent.
    async fn prove(&mut self, written: &BTreeMap<usize, i64>) -> Result<(), Halt> {
        if written.is_empty() {
            return Ok(());
        }
        let held = self.read_back(written).await?;
        let earlier = self.adjusted_earlier(written, &held).await?;
        let mut lines = BTreeMap::new();
        for (place, id) in written {
            let Some(draft) = held.get(id) else {
                self.verdicts.insert(
                    *place,
                    Verdict::Failed { problems: vec![Problem::DraftGone { central_id: *id }], draft: None, unknown: false },
                );
                continue;
            };
            let order = &self.due[*place].order;
            let missing = order.amount_total.saturating_sub(draft.amount_total);
            if planted(Bug::DoneWithoutProof) {
                self.verdicts.insert(*place, Verdict::Done { id: draft.id, name: draft.name.clone(), adjusted: None });
            } else if self.adjustable(missing, draft) {
                let external_id = self.drafts[place].external_id.clone();
                lines.insert(*place, (draft.clone(), Adjustment { order_id: draft.id, external_id, amount: missing }));
            } else {
                self.verdicts.insert(*place, self.judge_draft(*place, draft, earlier.get(id).copied()));
            }
        }
        match (&self.resolved.rounding, lines.is_empty()) {
            (Some((product, _)), false) => self.adjust(&Content::Adjustments { product: *product, lines: &lines }, &lines).await,
            _ => Ok(()),
        }
    }

    /// What earlier tries have adjusted, by the draft's id: of this bridge, of one that lost its ledger or has another.
    /// Costs a call only where there was a try before or taxes differ.
    async fn adjusted_earlier(
        &mut self,
        written: &BTreeMap<usize, i64>,
        held: &BTreeMap<i64, Draft>,
    ) -> Result<BTreeMap<i64, Amount>, Halt> {
        let may_be = |place: usize, id: &i64| {
            let due = &self.due[place];
            due.tried() || held.get(id).is_some_and(|draft| taxes_differ(due.order.amount_tax, draft.amount_tax, Amount::ZERO))
        };
        let ids: Vec<i64> = written.iter().filter(|(place, id)| may_be(**place, id)).map(|(_, id)| *id).collect();
        let Some((product, _)) = self.resolved.rounding.as_ref().filter(|_| !ids.is_empty()) else { return Ok(BTreeMap::new()) };
        let lines: Vec<records::Adjusted> = self.ask(&records::adjusted(&ids, *product), written).await?;
        Ok(lines.into_iter().map(|line| (line.order_id.0, line.price_unit)).collect())
    }

    /// Adds an adjustment line to each of these drafts and reads their totals again.
    async fn adjust(&mut self, content: &Content<'_>, lines: &BTreeMap<usize, (Draft, Adjustment)>) -> Result<(), Halt> {
        let (added, halt) = self.load_all(content, lines.keys().copied().collect()).await?;
        let adjusted: BTreeMap<usize, i64> = added.keys().map(|place| (*place, lines[place].0.id.get())).collect();
        if !adjusted.is_empty() {
            let held = self.read_back(&adjusted).await?;
            for (place, id) in &adjusted {
                let verdict = match held.get(id) {
                    None => Verdict::Failed { problems: vec![Problem::DraftGone { central_id: *id }], draft: None, unknown: false },
                    Some(draft) => self.judge_draft(*place, draft, Some(lines[place].1.amount)),
                };
                self.verdicts.insert(*place, verdict);
            }
        }
        halt.map_or(Ok(()), |halt| Err(halt.into()))
    }

    async fn read_back(&mut self, written: &BTreeMap<usize, i64>) -> Result<BTreeMap<i64, Draft>, Halt> {
        let ids: Vec<i64> = written.values().copied().collect();
        let drafts: Vec<Draft> = self.ask(&records::drafts(&ids), written).await?;
        Ok(drafts.into_iter().map(|draft| (draft.id.get(), draft)).collect())
    }

    /// Asks central about what was written; without an answer none of it is proved.
    async fn ask<T: DeserializeOwned + Send + 'static>(&mut self, call: &Call, written: &BTreeMap<usize, i64>) -> Result<T, Halt> {
        match self.pass.central.ask(call).await {
            Ok(answer) => Ok(answer),
            Err(problem) => {
                for place in written.keys() {
                    let due_at = due_after(self.due[*place].attempts, &self.pass.bridge.clock);
                    self.verdicts.insert(*place, Verdict::Again { problem: problem.clone(), due_at, unknown: true });
                }
                Err(problem.into())
            }
        }
    }

    /// Whether a difference is made good by an adjustment line: within the branch's limit, and nobody has
    /// touched the draft yet.
    fn adjustable(&self, missing: Amount, draft: &Draft) -> bool {
        let within = self.resolved.rounding.as_ref().is_some_and(|(_, limit)| missing.abs() <= *limit);
        within && (draft.untouched() || planted(Bug::AdjustTouched)) && !same_money(missing, Amount::ZERO)
    }

    /// Done, if total and taxes are the till's; else the problem.
    fn judge_draft(&self, place: usize, draft: &Draft, adjusted: Option<Amount>) -> Verdict {
        let order = &self.due[place].order;
        let coarse = planted(Bug::CoarseProof) && order.amount_total.saturating_sub(draft.amount_total).abs() < Amount::ONE;
        let problem = if !coarse && !same_money(order.amount_total, draft.amount_total) {
            let limit = self.resolved.rounding.as_ref().map(|(_, limit)| *limit);
            Problem::TotalDiffers { till: order.amount_total, central: draft.amount_total, limit, hint: hint(order) }
        } else if taxes_differ(order.amount_tax, draft.amount_tax, adjusted.unwrap_or_default()) {
            Problem::TaxDiffers { till: order.amount_tax, central: draft.amount_tax }
        } else {
            return Verdict::Done { id: draft.id, name: draft.name.clone(), adjusted: adjusted.map(with_cents) };
        };
        Verdict::Failed { problems: vec![problem], draft: Some((draft.id, draft.name.clone())), unknown: false }
    }
}

/// Rows of the batches to come, so many until now, after a call of some rows took so long.
fn rows_after(now: usize, took: Duration, rows: usize) -> usize {
    let long = took > LONG_CALL;
    if !long && took >= LONG_CALL / 3 {
        return now;
    }
    let next = if long { rows / 2 } else { rows * 2 }.clamp(LEAST_BATCH_ROWS, MOST_BATCH_ROWS);
    // A small last batch says nothing about large ones.
    if long { next } else { next.max(now) }
}

/// Taxes of equal totals may differ by what rounding can do, and by the part of them in what was adjusted. Compared
/// without their sign: Odoo 19's till and back office sign those of a refund differently.
fn taxes_differ(till: Amount, central: Amount, adjusted: Amount) -> bool {
    let (till, central) = (till.abs(), central.abs());
    till.saturating_sub(central).abs() > sum([TAX_TOLERANCE, till / Amount::ONE_HUNDRED, adjusted.abs()])
}

/// The same amount with two decimals at least: it is written alike whether it was computed or read back.
fn with_cents(amount: Amount) -> Amount {
    let mut amount = amount.normalize();
    amount.rescale(amount.scale().max(2));
    amount
}

/// A likely reason for a total that differs.
fn hint(order: &PosOrder) -> Option<String> {
    let fine = order.lines.iter().find(|line| line.qty.normalize().scale() > 2)?;
    Some(format!(
        "The quantity {} has more decimals than central may keep: see Settings > Technical > Decimal Accuracy > Product Unit (before Odoo 19: Product Unit of Measure) at central",
        plain(fine.qty)
    ))
}

/// When a record is tried again after its nth try: doubling pauses, a quarter of chance so that many records do not
/// all come at one moment.
pub(super) fn due_after(attempts: u32, clock: &Clock) -> Timestamp {
    let now = clock.now();
    let pause = FIRST_PAUSE.saturating_mul(1_u32 << attempts.min(16)).min(LONGEST_PAUSE);
    let pause = pause.mul_f64(jitter(clock));
    now.checked_add(pause).unwrap_or(now)
}

#[cfg(test)]
mod tests;
