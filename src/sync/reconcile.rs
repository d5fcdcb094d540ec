//! Holding days of a branch against central and the ledger. Both sides are read again, by day, so that it costs as much as
//! the day was long; neither is written. Only the ledger is: orders that were missed are kept as receiving keeps them.

mod choose;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

pub use self::choose::{days_to_prove, yesterday};
use super::branch::{BranchPass, Progress, Request};
use super::central::Central;
use super::sessions::{Gap, SessionProof, sessions};
use super::{Bridge, Halt, odoo_time, pass, receive};
use crate::config::Branch;
use crate::model::{Amount, BranchId, CentralOrder, SoldOrder};
use crate::odoo::{Call, day};
use crate::problem::{Problem, Texts};
use crate::reconcile::{DayProof, Entry, Look, Row, Standing, Verdict, prove};
use crate::store::{DayOrder, DayState, Direction, SessionRow, State};

/// Branches that are compared at one time: it is nobody's hurry, and both Odoos have other work.
const PARALLEL: usize = 4;

/// Orders in one page of either side: about 500 kB, and the largest shops sell a few pages a day.
const PAGE: usize = 1_000;

/// Pages of one day: half a million orders are no shop's day, so a side that goes on answering is broken.
const PAGES: usize = 500;

/// Records asked for by id in one call.
const IDS: usize = 500;

/// Open sessions that are named; a branch with more shops than this names the first.
const SESSIONS: usize = 100;

/// Receipt numbers of a session that never arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionGap {
    /// The session's name.
    pub session: String,
    /// Which numbers.
    #[serde(flatten)]
    pub gap: Gap,
}

/// What days of a branch came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct BranchProof {
    /// Branch code.
    pub branch: String,
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Date,
    /// Both sides of all days were read to the end, nothing is open, and everything agrees.
    pub proved: bool,
    /// Paid orders at the branch.
    pub branch_orders: u64,
    /// Of them, those in the ledger.
    pub received: u64,
    /// Sales orders at central, without cancelled ones.
    pub central_orders: u64,
    /// Received, and not written yet.
    pub held: u64,
    /// Waiting for a person.
    pub failed: u64,
    /// Not to be written.
    pub ignored: u64,
    /// Written, and deleted at central.
    pub deleted_at_central: u64,
    /// The branch's money; `null` if it is of several currencies: see `days`.
    pub branch_total: Option<Amount>,
    /// Central's.
    pub central_total: Option<Amount>,
    /// The currency of both.
    pub currency: Option<String>,
    /// At the branch, and not at central.
    pub missing: Vec<Entry>,
    /// At central, and not at the branch.
    pub extra: Vec<Entry>,
    /// On both sides, and not the same.
    pub different: Vec<Entry>,
    /// Arrived after their day.
    pub late: Vec<Entry>,
    /// Changed at the branch after they were written.
    pub changed: Vec<Entry>,
    /// Each day.
    pub days: Vec<DayProof>,
    /// Each session that was open on one of the days.
    pub sessions: Vec<SessionProof>,
    /// Receipt numbers that never arrived.
    pub gaps: Vec<SessionGap>,
    /// Calls to the branch, log-ins left out.
    pub calls: u64,
    /// Why not all of it could be proved; `null` = it could.
    pub error: Option<String>,
    /// Its stable short name.
    pub cause: Option<String>,
    /// Who does what about it.
    pub next_step: Option<String>,
    /// The same, for code.
    #[serde(skip)]
    pub problem: Option<Problem>,
}

/// Compares days of branches, some branches at once, and reports on each in the order given. What they came to is kept.
pub async fn prove_days(bridge: &Arc<Bridge>, central: &Arc<Central>, work: Vec<(Branch, Vec<Date>)>) -> Vec<BranchProof> {
    let slots = Arc::new(Semaphore::new(PARALLEL));
    let mut tasks = JoinSet::new();
    for (place, (branch, days)) in work.into_iter().enumerate() {
        let (bridge, central, slots) = (bridge.clone(), central.clone(), slots.clone());
        tasks.spawn(async move {
            let _slot = slots.acquire().await;
            (place, of_branch(&bridge, &central, &branch, &days).await)
        });
    }
    let mut proofs = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(proof) => proofs.push(proof),
            Err(stopped) => tracing::error!(error = %stopped, "A comparison broke off"),
        }
    }
    proofs.sort_by_key(|(place, _)| *place);
    proofs.into_iter().map(|(_, proof)| proof).collect()
}

/// Compares days of one branch. After a day that cannot be read the later ones are not asked for.
async fn of_branch(bridge: &Arc<Bridge>, central: &Arc<Central>, branch: &Branch, days: &[Date]) -> BranchProof {
    let mut proof = BranchProof { branch: branch.code.to_string(), ..BranchProof::default() };
    (proof.from, proof.to) = (days.first().copied().unwrap_or_default(), days.last().copied().unwrap_or_default());
    let mut problem: Option<Problem> = None;
    for day in days {
        let ended = match &problem {
            Some(problem) => Err(Halt::Problem(problem.clone())),
            None => of_day(bridge, central, branch, *day).await,
        };
        match ended {
            Ok((day, sessions, calls)) => {
                proof.calls += calls;
                proof.days.push(day);
                let unseen = |session: &SessionProof| !proof.sessions.iter().any(|seen| seen.id == session.id);
                let unseen: Vec<SessionProof> = sessions.into_iter().filter(unseen).collect();
                proof.sessions.extend(unseen);
            }
            Err(halt) => {
                let what = halt.into_problem();
                let (error, next_step) = (what.what(), what.next_step());
                let (code, day, text, now) = (branch.code.clone(), *day, format!("{error} {next_step}"), bridge.clock.now());
                if let Err(error) = bridge.store.run(move |store| store.day_unproved(&code, day, &text, now)).await {
                    tracing::error!(branch = %branch.code, %error, "What a day came to could not be kept");
                }
                let texts = Some(Texts::of(|reader| what.tell(reader)));
                proof.days.push(DayProof { texts, ..DayProof::unproved(day, error, next_step) });
                problem = Some(what);
            }
        }
    }
    sum_up(&mut proof, problem);
    proof
}

impl BranchProof {
    /// Leaves out what only the dashboard says.
    pub fn forget_texts(&mut self) {
        let lists = [&mut self.missing, &mut self.extra, &mut self.different, &mut self.late, &mut self.changed];
        lists.into_iter().flatten().for_each(|entry| entry.texts = None);
        self.days.iter_mut().for_each(DayProof::forget_texts);
    }
}

fn sum_up(proof: &mut BranchProof, problem: Option<Problem>) {
    let mut currencies: Vec<(String, Amount, Amount)> = Vec::new();
    for day in &proof.days {
        proof.branch_orders += day.branch_orders;
        proof.received += day.received;
        proof.central_orders += day.central_orders;
        proof.held += day.waiting + day.held;
        proof.failed += day.failed;
        proof.ignored += day.ignored;
        proof.deleted_at_central += day.deleted_at_central;
        for total in &day.totals {
            match currencies.iter_mut().find(|(name, ..)| *name == total.currency) {
                Some((_, branch, central)) => (*branch, *central) = (*branch + total.branch, *central + total.central),
                None => currencies.push((total.currency.clone(), total.branch, total.central)),
            }
        }
        for (all, of_day) in [
            (&mut proof.missing, &day.missing),
            (&mut proof.extra, &day.extra),
            (&mut proof.different, &day.different),
            (&mut proof.late, &day.late),
            (&mut proof.changed, &day.changed),
        ] {
            all.extend(of_day.iter().cloned());
        }
    }
    match currencies.as_slice() {
        [] => (proof.branch_total, proof.central_total) = (Some(Amount::ZERO), Some(Amount::ZERO)),
        [(name, branch, central)] => {
            (proof.branch_total, proof.central_total, proof.currency) = (Some(*branch), Some(*central), Some(name.clone()));
        }
        _ => {}
    }
    let gaps = |session: &SessionProof| {
        let name = session.name.clone();
        session.gaps.clone().into_iter().map(move |gap| SessionGap { session: name.clone(), gap })
    };
    proof.gaps = proof.sessions.iter().flat_map(gaps).collect();
    let sound = proof.sessions.iter().all(|session| session.to_look_at() == 0);
    proof.proved = sound && !proof.days.is_empty() && proof.days.iter().all(|day| day.verdict == Verdict::Equal);
    if let Some(problem) = problem {
        proof.error = Some(problem.what());
        proof.cause = Some(problem.cause().to_owned());
        proof.next_step = Some(problem.next_step());
        proof.problem = Some(problem);
    }
}

/// Compares one day, with the branch's passes kept out meanwhile, and keeps what it came to.
async fn of_day(
    bridge: &Arc<Bridge>,
    central: &Arc<Central>,
    branch: &Branch,
    day: Date,
) -> Result<(DayProof, Vec<SessionProof>, u64), Halt> {
    let (begins, ends) = bounds(day, &branch.timezone);
    let _lock = bridge.pass_lock(&branch.code, Direction::Receive, false).await?;
    let request = Request { receive_only: true, ..Request::default() };
    let pass = pass::open(bridge.clone(), central.clone(), branch.clone(), request, Arc::new(Progress::default()))?;
    let read = read_day(&pass, day, begins, ends).await;
    // Also after a day that could not be read: each log-in writes a row at the branch.
    pass.connection.remember(&bridge.store, None)?;
    let (proof, sessions) = read?;
    keep(&pass, &proof, &sessions, ends).await?;
    Ok((proof, sessions, pass.connection.odoo.cost().calls))
}

/// First moment of a day in a zone, and the first one after it.
fn bounds(day: Date, zone: &TimeZone) -> (Timestamp, Timestamp) {
    let midnight = |day: Date| day.to_zoned(zone.clone()).map_or(Timestamp::MAX, |midnight| midnight.timestamp());
    (midnight(day), midnight(day.saturating_add(1.day())))
}

async fn read_day(pass: &BranchPass, day: Date, begins: Timestamp, ends: Timestamp) -> Result<(DayProof, Vec<SessionProof>), Halt> {
    let (code, from, to) = (pass.branch.code.clone(), odoo_time(begins), odoo_time(ends));
    receive::shops_exist(pass).await?;
    let has_uuid = receive::fields(pass).await?.has_uuid();
    let sold = sold_on(pass, has_uuid, begins.max(pass.branch.from_utc()), ends).await?;
    let open_sessions = open_sessions(pass, &to).await?;
    let money = sessions(&pass.connection, &pass.branch, begins, ends).await?;
    let taken = take(pass, &sold, &from, &to).await?;

    let rows = rows(pass, &from, &to, sold.iter().map(|order| order.id.get()).collect()).await?;
    let elsewhere = elsewhere(pass, has_uuid, &sold, &rows).await?;
    let (central, external_ids, of_other_days) = at_central(pass, &rows, &from, &to).await?;
    let first_checked_at = pass.bridge.store.run(move |store| store.day(&code, day)).await?.and_then(|state| state.first_checked_at);
    let look = Look {
        branch: &pass.branch.code,
        day,
        begins,
        ends,
        sold: &sold,
        elsewhere: &elsewhere,
        rows: &rows,
        central: &central,
        external_ids: &external_ids,
        of_other_days: &of_other_days,
        taken: &taken,
        first_checked_at,
        open_sessions: &open_sessions,
        now: pass.now(),
    };
    Ok((prove(&look), money))
}

/// All paid orders of the branch between two moments that its settings let in.
async fn sold_on(pass: &BranchPass, has_uuid: bool, from: Timestamp, to: Timestamp) -> Result<Vec<SoldOrder>, Halt> {
    let (domain, from, to) = (receive::domain(&pass.branch), odoo_time(from), odoo_time(to));
    let ask = |after: i64| day::sold(has_uuid, &domain, &from, &to, after, PAGE);
    all_pages(&pass.connection, ask, |order: &SoldOrder| order.id.get()).await
}

/// All pages of a search that is ordered by id.
async fn all_pages<T: DeserializeOwned + Send + 'static>(
    side: &super::Connection,
    ask: impl Fn(i64) -> Call,
    id: impl Fn(&T) -> i64,
) -> Result<Vec<T>, Halt> {
    let mut all = Vec::new();
    let mut after = 0;
    for _ in 0..PAGES {
        let page: Vec<T> = side.ask(&ask(after)).await?;
        let full = page.len() >= PAGE;
        let last = page.last().map_or(after, &id);
        all.extend(page);
        if !full || last <= after {
            return Ok(all);
        }
        after = last;
    }
    let reason = format!("a day with more than {} records", PAGES * PAGE);
    Err(Problem::ReplyBroken { side: side.asked.side.clone(), reason }.into())
}

async fn open_sessions(pass: &BranchPass, to: &str) -> Result<Vec<String>, Halt> {
    #[derive(serde::Deserialize)]
    struct Named {
        name: String,
    }
    let open: Vec<Named> = pass.connection.ask(&day::open_sessions(&pass.branch.shops, to, SESSIONS)).await?;
    Ok(open.into_iter().map(|session| session.name).collect())
}

/// Takes in what the branch has and the ledger has not, or has otherwise. Gives the ids of those that were new.
async fn take(pass: &BranchPass, sold: &[SoldOrder], from: &str, to: &str) -> Result<HashSet<i64>, Halt> {
    let (code, from, to) = (pass.branch.code.clone(), from.to_owned(), to.to_owned());
    let ids: Vec<i64> = sold.iter().map(|order| order.id.get()).collect();
    let known = pass.bridge.store.run(move |store| store.day_orders(&code, &from, &to, &ids)).await?;
    let mut by_id: HashMap<i64, Vec<&DayOrder>> = HashMap::new();
    for order in &known {
        by_id.entry(order.entry.remote_id).or_default().push(order);
    }
    let (mut new, mut wanted) = (HashSet::new(), Vec::new());
    for order in sold {
        let rows = by_id.get(&order.id.get()).map(Vec::as_slice).unwrap_or_default();
        if !rows.iter().any(|row| row.write_date == order.write_date) {
            wanted.push(BranchId::new(order.id.get()));
        }
        if rows.is_empty() {
            new.insert(order.id.get());
        }
    }
    if !wanted.is_empty() {
        tracing::info!(branch = %pass.branch.code, new = new.len(), changed = wanted.len() - new.len(), "Orders that passes had missed are taken in");
        receive::take(pass, wanted).await?;
    }
    Ok(new)
}

async fn rows(pass: &BranchPass, from: &str, to: &str, ids: Vec<i64>) -> Result<Vec<Row>, Halt> {
    let (code, from, to) = (pass.branch.code.clone(), from.to_owned(), to.to_owned());
    let known = pass.bridge.store.run(move |store| store.day_orders(&code, &from, &to, &ids)).await?;
    Ok(known.into_iter().map(row).collect())
}

fn row(order: DayOrder) -> Row {
    let entry = order.entry;
    Row {
        record: entry.id,
        order: entry.remote_id,
        witness: order.witness,
        reference: entry.reference,
        standing: match entry.state {
            State::Pending => Standing::Pending,
            State::Held => Standing::Held,
            State::Done => Standing::Done,
            State::Failed => Standing::Failed,
            State::Ignored => Standing::Ignored,
        },
        problem: entry.problems.into_iter().next(),
        date_order: entry.date_order,
        // Our own decimal text: it always reads.
        amount_total: entry.amount_total.parse().unwrap_or_default(),
        currency: entry.currency,
        central_id: entry.central_id,
        central_name: entry.central_name,
        reason: entry.reason,
        received_at: entry.created_at,
    }
}

/// What the branch says of orders that the ledger has on this day, and that it did not give as sold on it.
async fn elsewhere(pass: &BranchPass, has_uuid: bool, sold: &[SoldOrder], rows: &[Row]) -> Result<Vec<SoldOrder>, Halt> {
    let given: HashSet<i64> = sold.iter().map(|order| order.id.get()).collect();
    let missed: Vec<i64> = rows.iter().map(|row| row.order).filter(|id| !given.contains(id)).collect();
    let mut found = Vec::new();
    for ids in missed.chunks(IDS) {
        let orders: Vec<SoldOrder> = pass.connection.ask(&day::sold_by_id(has_uuid, ids)).await?;
        found.extend(orders);
    }
    Ok(found)
}

/// Sales orders of central: those of the rows by id, since people move and rename them, and all of the day that bear the
/// branch's mark, since nobody may know of them. With the external ids of those that no row has, and those among them that
/// the ledger knows from other days.
async fn at_central(
    pass: &BranchPass,
    rows: &[Row],
    from: &str,
    to: &str,
) -> Result<(Vec<CentralOrder>, HashMap<i64, String>, HashSet<i64>), Halt> {
    let code = &pass.branch.code;
    let written: Vec<i64> = rows.iter().filter_map(|row| row.central_id).collect();
    let mut found: HashMap<i64, CentralOrder> = HashMap::new();
    for ids in written.chunks(IDS) {
        let orders: Vec<CentralOrder> = pass.central.ask(&day::central_by_id(ids)).await?;
        found.extend(orders.into_iter().map(|order| (order.id.get(), order)));
    }
    let ask = |after: i64| day::central_by_reference(code, from, to, after, PAGE);
    let marked = all_pages(&pass.central.connection, ask, |order: &CentralOrder| order.id.get()).await?;
    let mark = day::mark(code);
    let is_ours = |order: &CentralOrder| order.client_order_ref.as_deref().is_some_and(|reference| reference.starts_with(&mark));
    let mut strangers = Vec::new();
    for order in marked.into_iter().filter(is_ours) {
        let id = order.id.get();
        if found.insert(id, order).is_none() {
            strangers.push(id);
        }
    }
    let mut external_ids = HashMap::new();
    for ids in strangers.chunks(IDS) {
        let answer: Vec<Json> = pass.central.ask(&day::external_ids(ids)).await?;
        external_ids.extend(day::own_external_ids(&answer));
    }
    let named: Vec<(i64, String)> = external_ids.iter().map(|(id, name)| (*id, name.clone())).collect();
    let of_code = code.clone();
    let known = pass.bridge.store.run(move |store| store.written_as(&of_code, &named)).await?;
    let mut central: Vec<CentralOrder> = found.into_values().collect();
    central.sort_by_key(|order| order.id.get());
    Ok((central, external_ids, known.into_iter().collect()))
}

async fn keep(pass: &BranchPass, proof: &DayProof, money: &[SessionProof], ends: Timestamp) -> Result<(), Halt> {
    let now = pass.now();
    let began = |session: &SessionProof| {
        let at = session.start_at.as_deref().and_then(super::parse_odoo_time);
        at.map_or(proof.day, |at| at.to_zoned(pass.branch.timezone.clone()).date())
    };
    let of_day = |session: &&SessionProof| began(session) == proof.day;
    let findings: usize = money.iter().filter(of_day).map(SessionProof::to_look_at).sum();
    let state = DayState {
        branch: pass.branch.code.to_string(),
        day: proof.day,
        first_checked_at: (now >= ends).then_some(now),
        proved_at: Some(now),
        verdict: word(proof.verdict).to_owned(),
        // A day that is not over is nobody's to look at yet.
        for_a_person: if proof.verdict == Verdict::NotOver && now < ends { 0 } else { proof.for_a_person() },
        findings: findings as u64,
        failed_at: None,
        error: None,
    };
    let report = serde_json::to_string(proof).unwrap_or_default();
    let rows: Vec<SessionRow> = money
        .iter()
        .map(|session| SessionRow { id: session.id, day: began(session), report: serde_json::to_string(session).unwrap_or_default() })
        .collect();
    Ok(pass.bridge.store.run(move |store| store.put_day(&state, &report, &rows, now)).await?)
}

/// A verdict as it stands in the ledger.
fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Equal => "equal",
        Verdict::Explained => "explained",
        Verdict::Differs => "differs",
        Verdict::NotOver => "not_over",
        Verdict::Unproved => "unproved",
    }
}
