//! A pass of sending: what central has for a branch is compared with what the branch has, shown, queued, written and
//! proved. All branches at once; central is read once for all of them.

mod adapt;
mod apply;
mod choice;
mod hold;
mod judge;
mod look;
mod plan;
mod queue;
mod reader;
mod report;
mod side;
mod source;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;

pub use choice::{OFFERED, Offer, offers, searched};
pub(super) use look::{Journals, at_branch, at_central};
pub use plan::PICTURE_MAX;
pub use report::{FieldReport, ItemReport, SendReport, Told};

use self::apply::{Applied, Writer};
use self::plan::{Plan, Planner};
use self::reader::Reader;
use self::report::{tell, tell_round};
use self::side::Side;
use self::source::{Asked, Name, Rules, Source, Wanted};
use super::central::Central;
use super::connection::{Connection, connect_branch};
use super::{Bridge, Halt, identity, odoo_time};
use crate::config::{Branch, Endpoint, Selection};
use crate::master_data::{BranchKey, Item};
use crate::model::Kind;
use crate::odoo::master::Shape;
use crate::problem::Problem;
use crate::store::{Direction, Queued, SendNote, Sent, State, Store};

/// Branches sent to at one time: each costs a connection and, with 10,000 products, about 60 MB of memory.
const PARALLEL_BRANCHES: usize = 4;

/// How often everything is compared, and not only what changed at central: what branches edit is found then.
const WHOLE_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// Rounds of one pass: what was created before under its external id is found to differ only after the first.
const ROUNDS: usize = 2;

/// What is to be sent.
#[derive(Debug, Clone, Default)]
pub struct SendRequest {
    /// Chosen by hand, in place of the settings.
    pub by_hand: Option<BTreeMap<Kind, Selection>>,
    /// Of the settings only these kinds; empty = all.
    pub kinds: BTreeSet<Kind>,
    /// Only what changed at central since the last pass.
    pub changed: bool,
    /// Look, but write nothing anywhere.
    pub dry_run: bool,
    /// Put into the queue what is ready, write nothing at the branch.
    pub queue: bool,
    /// What cannot be sent now is not to be sent later.
    pub now_or_never: bool,
    /// What is gone at central is meant to be.
    pub accept_gone: bool,
    /// What is put off until a later time stays put off: nobody is waiting.
    pub patient: bool,
}

impl SendRequest {
    /// What waits in the queue and nothing else: a person retried some of it.
    pub fn only_the_queue() -> Self {
        Self { by_hand: Some(BTreeMap::new()), ..Self::default() }
    }
}

/// Central as a run reads it: once for each company and language.
type Sources = Arc<Mutex<HashMap<(Option<String>, String), Arc<Mutex<Source>>>>>;

/// Sends to branches, several at once, and reports on each in the order given.
pub async fn send(bridge: &Arc<Bridge>, central: &Arc<Central>, branches: &[Branch], request: &SendRequest) -> Vec<SendReport> {
    let slots = Arc::new(Semaphore::new(PARALLEL_BRANCHES));
    let sources: Sources = Arc::default();
    let mut passes = JoinSet::new();
    for (place, branch) in branches.iter().cloned().enumerate() {
        let pass = Pass { bridge: bridge.clone(), central: central.clone(), branch, request: request.clone(), sources: sources.clone() };
        let slots = slots.clone();
        passes.spawn(async move {
            let _slot = slots.acquire().await;
            (place, pass.run().await)
        });
    }
    let mut reports = Vec::new();
    while let Some(ended) = passes.join_next().await {
        match ended {
            Ok(report) => reports.push(report),
            Err(stopped) => tracing::error!(error = %stopped, "A pass of sending broke off; the ledger has what it did"),
        }
    }
    for source in sources.lock().await.values() {
        note_central(bridge, source, request.dry_run).await;
    }
    reports.sort_by_key(|(place, _)| *place);
    reports.into_iter().map(|(_, report)| report).collect()
}

async fn note_central(bridge: &Bridge, source: &Mutex<Source>, dry_run: bool) {
    let mut source = source.lock().await;
    let reader = source.reader();
    if reader.learnt && !dry_run {
        let mut note: SendNote<Shape> = SendNote::load(&bridge.config.state, "central", &reader.place);
        note.shape = reader.shape.clone();
        note.save(&bridge.config.state, "central");
    }
}

/// What a note is about. An upgrade gives fields other names, and may leave old ones that no longer count.
async fn place(bridge: &Bridge, endpoint: &Endpoint, connection: &Connection) -> Result<String, Halt> {
    // Where nobody answers, what comes next says so, and knows what is queued meanwhile.
    let serie = connection.version_now(&bridge.store).await?;
    Ok(format!("{} {} {serie}", endpoint.url, endpoint.database))
}

/// One branch in a run.
struct Pass {
    bridge: Arc<Bridge>,
    central: Arc<Central>,
    branch: Branch,
    request: SendRequest,
    sources: Sources,
}

/// What a round found and did.
#[derive(Default)]
struct Round {
    plan: Plan,
    compared: usize,
    /// What was carried out, or was to be.
    applied: Applied,
    /// Items that stand as they stood, or are only shown.
    shown: Vec<(Item, &'static str)>,
}

impl Pass {
    async fn run(self) -> SendReport {
        let mut report = SendReport { branch: self.branch.code.to_string(), ..SendReport::default() };
        let _lock = match self.bridge.pass_lock(&self.branch.code, Direction::Send, self.request.dry_run).await {
            Ok(lock) => lock,
            Err(error) => {
                tell(&mut report, &Halt::from(error).into_problem());
                return report;
            }
        };
        let connection = match connect_branch(&self.bridge, &self.branch) {
            Ok(connection) => Arc::new(connection),
            Err(halt) => {
                tell(&mut report, &halt.into_problem());
                return report;
            }
        };
        let ended = match identity::own_branch(&connection, &self.bridge.store, &self.branch).await {
            Ok(()) => self.pass(&connection, &mut report).await,
            refused => refused,
        };
        // Also after a pass that broke off: each log-in writes a row at the branch.
        let remembered = if self.request.dry_run { Ok(()) } else { connection.remember(&self.bridge.store, None) };
        report.calls = connection.odoo.cost().calls;
        report.call_times = connection.odoo.take_call_times();
        if !self.request.dry_run && !report.changes.is_empty() {
            let code = self.branch.code.clone();
            if let Ok(queue) = self.bridge.store.run(move |store| store.queue(&code)).await {
                let numbers: HashMap<(Kind, i64), i64> =
                    queue.iter().map(|row| ((row.item.kind, row.item.central_id.get()), row.record)).collect();
                for change in &mut report.changes {
                    change.number(numbers.get(&(change.kind, change.central_id)).copied());
                }
            }
        }
        report.changes.sort_by(|a, b| (a.kind, &a.reference, a.central_id).cmp(&(b.kind, &b.reference, b.central_id)));
        if let Err(halt) = ended.and(remembered.map_err(Halt::from)) {
            tell(&mut report, &halt.into_problem());
        }
        report
    }

    /// What is chosen: by hand, else by the settings.
    fn choices(&self) -> BTreeMap<Kind, Selection> {
        let wanted = |kind: &Kind| self.request.kinds.is_empty() || self.request.kinds.contains(kind);
        match &self.request.by_hand {
            Some(choices) => choices
                .iter()
                .map(|(kind, selection)| {
                    // What goes is chosen by hand; how it goes is for the settings to say.
                    let own = self.branch.send.kinds.get(kind).cloned().unwrap_or_default();
                    (*kind, Selection { choice: selection.choice.clone(), ..own })
                })
                .collect(),
            None => self.branch.send.kinds.iter().filter(|(kind, _)| wanted(kind)).map(|(kind, own)| (*kind, own.clone())).collect(),
        }
    }

    async fn pass(&self, connection: &Arc<Connection>, report: &mut SendReport) -> Result<(), Halt> {
        let choices = self.choices();
        let source = self.source().await?;
        let clock = source.lock().await.reader().clock;
        let endpoint = &self.branch.endpoint;
        let state = &self.bridge.config.state;
        let mut note: SendNote<Shape> = SendNote::load(state, self.branch.code.as_str(), &place(&self.bridge, endpoint, connection).await?);
        let chosen = format!("{choices:?}");
        let by_settings = self.request.by_hand.is_none();
        let since = self.since(&note, &chosen, clock);
        let mut names: Option<BTreeSet<Name>> = None;
        let mut halted = false;
        for _ in 0..ROUNDS {
            let asked = names.take();
            let again = asked.is_some();
            let round = match asked {
                None => self.round(connection, &source, &choices, None, since.as_deref(), by_settings, &mut note).await,
                Some(names) => self.round(connection, &source, &choices, Some(&names), None, false, &mut note).await,
            };
            let round = match round {
                Ok(round) => round,
                Err(Halt::Problem(problem)) => {
                    if matches!(problem, Problem::FieldMissing { .. }) {
                        // It has another version than last time: its fields are asked for anew.
                        note.shape = Shape::default();
                        note.save(state, self.branch.code.as_str());
                    }
                    return Err(self.queue_unseen(&source, &choices, report, problem).await);
                }
                Err(halt) => return Err(halt),
            };
            halted |= round.applied.halt.is_some();
            let unfinished = tell_round(report, &round, again);
            if let Some(halt) = &round.applied.halt {
                tell(report, halt);
            }
            if unfinished.is_empty() || halted || self.request.dry_run {
                break;
            }
            names = Some(unfinished);
        }
        if !self.request.dry_run {
            let whole_settings = by_settings && self.request.kinds.is_empty() && !self.request.queue;
            if whole_settings && !halted {
                note.cursor = clock.map(odoo_time).or(note.cursor);
                if since.is_none() {
                    note.whole_at = clock;
                    note.chosen = Some(chosen);
                }
            }
            note.save(state, self.branch.code.as_str());
        }
        Ok(())
    }

    /// From when on changes at central are looked at; `None` = everything is compared.
    fn since(&self, note: &SendNote<Shape>, chosen: &str, clock: Option<Timestamp>) -> Option<String> {
        let (cursor, whole_at) = (note.cursor.as_deref()?, note.whole_at?);
        let due = clock?.duration_since(whole_at) > WHOLE_EVERY;
        if !self.request.changed || due || note.chosen.as_deref() != Some(chosen) {
            return None;
        }
        let cursor = super::parse_odoo_time(cursor)?;
        cursor.checked_sub(self.branch.overlap).ok().map(odoo_time)
    }

    /// Central in the company and language of this branch.
    async fn source(&self) -> Result<Arc<Mutex<Source>>, Halt> {
        let key = (self.branch.company.clone(), self.branch.send.language.clone());
        let mut sources = self.sources.lock().await;
        if let Some(known) = sources.get(&key) {
            return Ok(known.clone());
        }
        let connection = self.central.connection.clone();
        let endpoint = &self.bridge.config.central.endpoint;
        let place = place(&self.bridge, endpoint, &connection).await?;
        let note: SendNote<Shape> = SendNote::load(&self.bridge.config.state, "central", &place);
        let mut reader = Reader::open(connection, key.0.as_deref(), &key.1, note.shape).await?;
        reader.place = place;
        let source = Arc::new(Mutex::new(Source::new(reader)));
        sources.insert(key, source.clone());
        Ok(source)
    }

    /// Compares, queues and writes, once; of `names` alone, if given.
    #[allow(clippy::too_many_arguments)] // Each is another part of one question.
    async fn round(
        &self,
        connection: &Arc<Connection>,
        source: &Arc<Mutex<Source>>,
        choices: &BTreeMap<Kind, Selection>,
        names: Option<&BTreeSet<Name>>,
        since: Option<&str>,
        by_settings: bool,
        note: &mut SendNote<Shape>,
    ) -> Result<Round, Halt> {
        let store = &self.bridge.store;
        let code = self.branch.code.clone();
        let (mut sent, queue) = store.run(move |store| Ok((store.sent(&code)?, store.queue(&code)?))).await?;
        let waiting: BTreeSet<Name> = match names {
            Some(names) => names.clone(),
            None => queue.iter().filter(|row| row.state != State::Ignored).map(|row| (row.item.kind, row.item.central_id)).collect(),
        };
        let nothing = BTreeMap::new();
        let rules = Rules { branch: &self.branch, choices };
        let asked = Asked {
            choices: if names.is_some() { &nothing } else { choices },
            rules,
            sent: &sent,
            queued: &waiting,
            since,
            by_settings: by_settings && names.is_none(),
        };
        let (wanted, central) = {
            let mut source = source.lock().await;
            let wanted = source.wanted(&asked).await?;
            (wanted, source.reader().shape.clone())
        };
        if wanted.compare.is_empty() && wanted.gone.is_empty() {
            return Ok(Round { plan: Plan { problems: wanted.problems, ..Plan::default() }, ..Round::default() });
        }
        // A central that was put back to a backup gives the number to another record: that one is looked for anew.
        let other = |name: &Name, sent: &mut Sent| {
            let record = wanted.records.get(name).filter(|_| !sent.central_made.is_empty());
            record.is_some_and(|record| record.create_date != sent.central_made)
        };
        let replaced = sent.extract_if(other).map(|(name, _)| name).collect();
        let mut side = self.side(connection, &sent, note).await?;
        side.forgotten = replaced;
        side.bind(&self.branch, &wanted, &self.by_person(&wanted, &sent).await?).await?;
        let approved = queue::approved(&queue);
        let planner =
            Planner { rules, wanted: &wanted, central: &central, sent: &sent, approved: &approved, accept_gone: self.request.accept_gone };
        let plan = planner.plan(&mut side).await?;
        note.shape = side.reader.shape.clone();
        self.carry_out(plan, queue, &wanted, &sent, rules, side, source).await
    }

    /// Queues and writes what a plan says.
    #[allow(clippy::too_many_arguments)]
    async fn carry_out(
        &self,
        mut plan: Plan,
        queue: Vec<Queued>,
        wanted: &Wanted,
        sent: &HashMap<Name, Sent>,
        rules: Rules<'_>,
        mut side: Side,
        source: &Arc<Mutex<Source>>,
    ) -> Result<Round, Halt> {
        let store = &self.bridge.store;
        let compared = wanted.compare.len();
        let sorted = queue::sort(&mut plan, queue, wanted, if self.request.patient { self.bridge.clock.now() } else { Timestamp::MAX });
        let mut round = Round { compared, ..Round::default() };
        if self.request.dry_run {
            round.shown = sorted.show();
            round.plan = plan;
            return Ok(round);
        }
        let (code, forgotten) = (self.branch.code.clone(), std::mem::take(&mut side.forgotten));
        let (remember, bound) = (std::mem::take(&mut plan.remember), std::mem::take(&mut plan.bound));
        let by_hand = self.request.queue;
        let now = self.bridge.clock.now();
        let (queued, standing) = store
            .run(move |store: &Store| {
                store.forget_sent(&code, &forgotten)?;
                store.remember_sent(&code, &remember, &bound, now)?;
                let standing = sorted.record(store, &code, by_hand, now)?;
                Ok(standing)
            })
            .await?;
        round.shown = standing;
        if self.request.queue {
            round.shown.extend(queued.into_iter().map(|going| (going.item, "pending")));
            round.plan = plan;
            return Ok(round);
        }
        let mut writer =
            Writer { store, code: &self.branch.code, side: &mut side, source, wanted, rules, sent, applied: Applied::default() };
        writer.write(queued).await?;
        round.applied = writer.applied;
        round.plan = plan;
        Ok(round)
    }

    /// The branch, in the company and language that records are sent in.
    async fn side(&self, connection: &Arc<Connection>, sent: &HashMap<Name, Sent>, note: &SendNote<Shape>) -> Result<Side, Problem> {
        let settings = &self.branch.send;
        let reader = Reader::open(connection.clone(), settings.company.as_deref(), &settings.language, note.shape.clone()).await?;
        Ok(Side::new(reader, sent))
    }

    /// Pairs that a person has made, of records that were not sent yet.
    async fn by_person(&self, wanted: &Wanted, sent: &HashMap<Name, Sent>) -> Result<HashMap<Name, BranchKey>, Halt> {
        let open = wanted.compare.iter().filter(|name| !sent.contains_key(name));
        let made = |name: &Name| wanted.records.get(name).map(|record| record.create_date.clone()).unwrap_or_default();
        let open: Vec<(Name, String)> = open.map(|name| (*name, made(name))).collect();
        let code = self.branch.code.clone();
        let work = move |store: &Store| {
            let mut pairs = HashMap::new();
            for (name, made) in open {
                let Some((model, ..)) = plan::bound(name.0, 0, 0) else { continue };
                if let Some(id) = store.bound_by_person(&code, model, name.1.get(), &made)? {
                    pairs.insert(name, BranchKey::new(id));
                }
            }
            Ok(pairs)
        };
        Ok(self.bridge.store.run(work).await?)
    }

    /// A branch that cannot be seen gets what a person chose when it is back: compared then, since nobody knows now what it
    /// has. What the settings choose is found again by the next pass.
    async fn queue_unseen(
        &self,
        source: &Arc<Mutex<Source>>,
        choices: &BTreeMap<Kind, Selection>,
        report: &mut SendReport,
        problem: Problem,
    ) -> Halt {
        let by_itself = problem.retry() == crate::problem::Retry::ByItself;
        if self.request.by_hand.is_none() || self.request.dry_run || self.request.now_or_never || !by_itself {
            return problem.into();
        }
        let (sent, queued) = (HashMap::new(), BTreeSet::new());
        let rules = Rules { branch: &self.branch, choices };
        let asked = Asked { choices, rules, sent: &sent, queued: &queued, since: None, by_settings: false };
        let wanted = match source.lock().await.wanted(&asked).await {
            Ok(wanted) => wanted,
            Err(problem) => return problem.into(),
        };
        let items: Vec<Item> =
            wanted.chosen.iter().filter_map(|name| wanted.records.get(name)).map(|record| queue::unseen(record)).collect();
        let code = self.branch.code.clone();
        let (of, now) = (items.clone(), self.bridge.clock.now());
        match self.bridge.store.run(move |store| store.enqueue(&code, &of, false, now)).await {
            Ok(rows) => {
                report.queued += rows.len();
                report.changes.extend(items.iter().map(|item| ItemReport::new(item, "pending", None)));
                problem.into()
            }
            Err(error) => error.into(),
        }
    }
}
