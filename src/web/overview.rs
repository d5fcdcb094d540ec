//! The overview: every branch at a glance, those that need somebody first; and what can be asked of a branch there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::dashboard::App;
use super::error::PageError;
use super::guard::{Page, Route, Tab, Visitor, encoded};
use super::texts::{OverviewTexts, fill};
use super::time::{ago, ahead, moment, money, number};
use super::words;
use crate::config::{Branch, Config};
use crate::model::{Amount, BranchCode, Language};
use crate::problem::Problem;
use crate::store::{Counts, Direction, Group, LastPass, PageFilter, Paused, Role, SoldToday, State as RecordState, Store, StoreError};

/// Branches of one page: more cannot be taken in at a glance, and the page stays below 100 KB.
const CARDS: usize = 48;
/// How old what is shown may be: a person does not see the difference, and a page does not wait for a thousand branches.
const LOOK_AGE: Duration = Duration::from_secs(2);
/// Causes that are listed; the log has the rest.
const CAUSES: usize = 8;
/// Longest reason of a pause.
const REASON_MAX: usize = 200;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(Role::Viewer, "/", overview),
        Route::post(Role::Operator, "/branches/{code}/receive", receive),
        Route::post(Role::Operator, "/branches/{code}/pause", pause),
        Route::post(Role::Operator, "/branches/{code}/resume", resume),
    ]
}

/// How a branch is, the worst first: so they are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mood {
    Attention,
    Silent,
    Paused,
    New,
    Ok,
    Off,
}

impl Mood {
    fn class(self) -> &'static str {
        match self {
            Mood::Attention => "bad",
            Mood::Silent | Mood::Paused => "warn",
            Mood::Ok => "good",
            Mood::New | Mood::Off => "calm",
        }
    }

    fn label(self, t: &OverviewTexts) -> &'static str {
        match self {
            Mood::Attention => t.attention,
            Mood::Silent => t.silent,
            Mood::Paused => t.paused,
            Mood::New => t.new,
            Mood::Ok => t.ok,
            Mood::Off => t.off,
        }
    }
}

/// What is known of one branch.
struct Known {
    branch: Branch,
    mood: Mood,
    orders: Counts,
    sends: Counts,
    last: Option<LastPass>,
    problem: Option<Problem>,
    paused: Option<Paused>,
    equal_to: Option<Date>,
    differ: usize,
}

/// Everything that the overview shows, as it stands now.
pub struct Looked {
    branches: Vec<Known>,
    groups: Vec<Group>,
}

/// The last look with the moment it was taken. The lock is held by whoever takes the next, so only one does.
pub type Looks = Arc<Mutex<Option<(Instant, Arc<Looked>)>>>;

fn look(store: &Store, config: &Config) -> Result<Looked, StoreError> {
    let codes: Vec<BranchCode> = config.branches.iter().map(|branch| branch.code.clone()).collect();
    let counts = store.unfinished(&codes)?;
    // Of several things that are wrong with a branch the first is said here, all of them on its own page.
    let problems: HashMap<String, Problem> = store.branch_problems()?.into_iter().rev().collect();
    let paused: HashMap<String, Paused> = store.paused()?.into_iter().map(|paused| (paused.branch.clone(), paused)).collect();
    let equal: HashMap<String, Date> = store.last_equal_days()?.into_iter().collect();
    let mut differ: HashMap<String, usize> = HashMap::new();
    for day in store.days_for_a_person()? {
        *differ.entry(day.branch).or_default() += 1;
    }
    let mut branches: Vec<Known> = config
        .branches
        .iter()
        .map(|branch| {
            let code = branch.code.to_string();
            let counted = |direction| counts.get(&(code.clone(), direction)).copied().unwrap_or_default();
            let (orders, sends) = (counted(Direction::Receive), counted(Direction::Send));
            let last = LastPass::load(&config.state, &branch.code);
            let standing = problems.get(&code).cloned();
            let problem = standing.clone().or_else(|| last.as_ref().and_then(|last| last.error.clone()));
            let differ = differ.get(&code).copied().unwrap_or_default();
            let paused = paused.get(&code).cloned();
            let is_silent = last.as_ref().is_some_and(|last| last.answered_at.is_none_or(|answered| answered < last.started_at));
            let mood = match &last {
                _ if paused.is_some() => Mood::Paused,
                _ if !branch.enabled => Mood::Off,
                _ if orders.failed + sends.failed > 0 || standing.is_some() || differ > 0 => Mood::Attention,
                None => Mood::New,
                Some(_) if is_silent => Mood::Silent,
                Some(last) if last.error.is_some() => Mood::Attention,
                Some(_) => Mood::Ok,
            };
            Known { branch: branch.clone(), mood, orders, sends, last, problem, paused, equal_to: equal.get(&code).copied(), differ }
        })
        .collect();
    branches.sort_by(|a, b| (a.mood, &a.branch.name).cmp(&(b.mood, &b.branch.name)));
    let failed = PageFilter { state: Some(RecordState::Failed), ..PageFilter::default() };
    Ok(Looked { branches, groups: store.waiting_groups(&failed)?.groups })
}

#[derive(Template)]
#[template(path = "overview.html", config = "src/web/askama.toml")]
struct OverviewPage {
    page: Page,
    t: &'static OverviewTexts,
    /// Why no pass begins.
    not_ready: Option<String>,
    figures: Vec<Figure>,
    causes: Vec<Cause>,
    cards: Vec<Card>,
    search: String,
    newer: Option<String>,
    older: Option<String>,
}

struct Figure {
    name: &'static str,
    value: String,
    about: &'static str,
    class: &'static str,
    link: String,
}

struct Cause {
    text: String,
    branches: String,
    next_step: words::Marked,
    link: String,
}

struct Card {
    code: String,
    name: String,
    class: &'static str,
    state: &'static str,
    last_pass: String,
    next_pass: String,
    waiting: String,
    held: String,
    failed: u64,
    to_send: u64,
    unsent: u64,
    silent: Option<String>,
    said: Option<words::Said>,
    paused: Option<String>,
    days: Option<String>,
    /// Sold today, and what of it is at central: orders and amount of each currency.
    sold: Vec<(String, String)>,
    can_receive: bool,
}

#[derive(Debug, Deserialize)]
struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    from: usize,
}

async fn overview(State(app): State<App>, visitor: Visitor, Query(asked): Query<Asked>) -> Result<Response, PageError> {
    let looked = looked(&app).await?;
    let t = OverviewTexts::of(visitor.language);
    let now = Timestamp::now();
    let ready = app.monitor.ready(now);
    let wanted = asked.q.trim().to_lowercase();
    let fits = |known: &&Known| {
        wanted.is_empty() || known.branch.name.to_lowercase().contains(&wanted) || known.branch.code.as_str().contains(&wanted)
    };
    let all: Vec<&Known> = looked.branches.iter().filter(fits).collect();
    let from = asked.from.min(all.len());
    let shown: Vec<&Known> = all.iter().skip(from).take(CARDS).copied().collect();
    // Of the branches of this page alone: it is read from the orders of the day.
    let asked_for: Vec<_> = shown.iter().map(|known| (known.branch.code.clone(), known.branch.timezone.clone())).collect();
    let sold = app.store.run(move |store| store.sold_today(&asked_for, now)).await?;
    let cards = shown.iter().map(|known| card(&app, known, &sold, t, now, visitor.language)).collect();
    let turn = |from: usize| format!("/?from={from}&q={}", encoded(&asked.q));
    let page = OverviewPage {
        page: visitor.page(&app, Tab::Overview),
        t,
        not_ready: (!ready.is_ready()).then(|| ready.to_string()),
        figures: figures(&looked, t, visitor.language),
        causes: causes(&looked, visitor.language),
        cards,
        newer: (from > 0).then(|| turn(from.saturating_sub(CARDS))),
        older: (from + CARDS < all.len()).then(|| turn(from + CARDS)),
        search: asked.q,
    };
    Ok(Html(page.render()?).into_response())
}

/// All branches as they are, at most [`LOOK_AGE`] ago: however many people look, it is read once.
async fn looked(app: &App) -> Result<Arc<Looked>, PageError> {
    let mut last = app.looks.lock().await;
    if let Some((at, looked)) = &*last
        && at.elapsed() < LOOK_AGE
    {
        return Ok(looked.clone());
    }
    let bridge = app.bridge();
    let looked = Arc::new(app.store.run(move |store| look(store, &bridge.config)).await?);
    *last = Some((Instant::now(), looked.clone()));
    Ok(looked)
}

fn figures(looked: &Looked, t: &'static OverviewTexts, language: Language) -> Vec<Figure> {
    let sum = |count: fn(&Counts) -> u64| looked.branches.iter().map(|known| count(&known.orders) + count(&known.sends)).sum::<u64>();
    let silent = looked.branches.iter().filter(|known| known.mood == Mood::Silent).count() as u64;
    let (waiting, held, failed) = (sum(|counts| counts.pending), sum(|counts| counts.held), sum(|counts| counts.failed));
    let figure = |name, value: u64, about, class, link: &str| Figure {
        name,
        value: number(value, language),
        about,
        class: if value > 0 { class } else { "" },
        link: link.to_owned(),
    };
    vec![
        figure(t.branches, looked.branches.len() as u64, "", "", "/branches"),
        figure(t.silent, silent, "", "warn", ""),
        figure(t.waiting, waiting, t.waiting_why, "", "/log?state=pending"),
        figure(t.held, held, t.waiting_why, "", "/log?state=held"),
        figure(t.failed, failed, t.failed_why, "bad", "/log?state=failed"),
    ]
}

fn causes(looked: &Looked, language: Language) -> Vec<Cause> {
    let cause = |group: &Group| {
        let branch = group.branches.first().map_or("CODE", String::as_str);
        let of = if group.more_branches == 0 && group.branches.len() == 1 { format!("&branch={branch}") } else { String::new() };
        Cause {
            text: words::group_of(&group.problem, group.direction, group.records as u64, language),
            branches: group.branches.join(", "),
            next_step: words::said_of(branch, &group.problem, language).next_step,
            link: format!("/log?state=failed&cause={}{of}", group.problem.cause()),
        }
    };
    looked.groups.iter().take(CAUSES).map(cause).collect()
}

fn card(app: &App, known: &Known, sold: &[SoldToday], t: &'static OverviewTexts, now: Timestamp, language: Language) -> Card {
    let Known { branch, mood, orders, sends, last, problem, paused, .. } = known;
    let c = super::texts::CommonTexts::of(language);
    let silent = last.as_ref().filter(|_| *mood == Mood::Silent).and_then(|last| last.answered_at);
    let next = app.monitor.planned_at(branch.code.as_str(), Direction::Receive);
    let days = match (known.differ, known.equal_to) {
        (0, None) => None,
        (0, Some(day)) => Some(fill(t.equal_to, &[&day])),
        (days, _) => Some(fill(t.not_equal, &[&days])),
    };
    Card {
        code: branch.code.to_string(),
        name: branch.name.clone(),
        class: mood.class(),
        state: mood.label(t),
        last_pass: last.as_ref().map_or_else(|| c.never.to_owned(), |last| ago(last.started_at, now, language)),
        next_pass: next.map_or_else(|| "–".to_owned(), |next| ahead(next, now, language)),
        waiting: number(orders.pending, language),
        held: number(orders.held, language),
        failed: orders.failed,
        to_send: sends.pending + sends.held,
        unsent: sends.failed,
        silent: silent.map(|since| fill(t.silent_since, &[&moment(since, &branch.timezone)])),
        said: problem.as_ref().map(|problem| words::said_of(branch.code.as_str(), problem, language)),
        paused: paused.as_ref().map(|paused| fill(t.paused_by, &[&paused.person, &moment(paused.at, &branch.timezone), &paused.reason])),
        days,
        sold: sold.iter().filter(|sold| sold.branch == branch.code.as_str()).flat_map(|sold| sales(sold, t, language)).collect(),
        can_receive: branch.enabled && paused.is_none(),
    }
}

/// What was sold today, and what of it is at central: a line for each currency.
fn sales(sold: &SoldToday, t: &OverviewTexts, language: Language) -> Vec<(String, String)> {
    let told = |known: Option<&(u64, Amount)>, currency: &str| {
        let (orders, amount) = known.copied().unwrap_or_default();
        let orders = if orders == 1 { t.one_order.to_owned() } else { fill(t.orders, &[&number(orders, language)]) };
        format!("{orders} · {} {currency}", money(amount, language))
    };
    sold.here.iter().map(|(currency, here)| (told(Some(here), currency), told(sold.central.get(currency), currency))).collect()
}

/// The branch of an address.
pub(super) fn branch_of(app: &App, code: &str) -> Result<Branch, PageError> {
    app.bridge().config.branch(code).cloned().ok_or(PageError::NotFound)
}

#[derive(Debug, Deserialize)]
struct Acted {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    back: String,
}

impl Acted {
    /// Where he came from: the overview, or the branch's page.
    fn back(&self, code: &BranchCode) -> String {
        if self.back == "branch" { format!("/branches/{code}") } else { "/".to_owned() }
    }
}

async fn receive(
    State(app): State<App>,
    visitor: Visitor,
    Path(code): Path<String>,
    Form(acted): Form<Acted>,
) -> Result<Response, PageError> {
    let code = branch_of(&app, &code)?.code;
    let back = acted.back(&code);
    {
        let code = code.clone();
        app.store.run(move |store| store.wish(&code, Direction::Receive, Timestamp::now())).await?;
    }
    *app.looks.lock().await = None;
    app.note(&visitor, "receive", Some(code.as_str()), None, "").await;
    Ok(visitor.on_to(&app, &back, OverviewTexts::of(visitor.language).asked))
}

async fn pause(
    State(app): State<App>,
    visitor: Visitor,
    Path(code): Path<String>,
    Form(acted): Form<Acted>,
) -> Result<Response, PageError> {
    let code = branch_of(&app, &code)?.code;
    let t = OverviewTexts::of(visitor.language);
    let back = acted.back(&code);
    let reason: String = crate::problem::clean(acted.reason.trim(), REASON_MAX);
    if reason.is_empty() {
        return Ok(visitor.on_to(&app, &back, t.reason_needed));
    }
    {
        let (code, person, reason) = (code.clone(), visitor.login().to_owned(), reason.clone());
        app.store.run(move |store| store.pause(&code, &person, &reason, Timestamp::now())).await?;
    }
    *app.looks.lock().await = None;
    app.note(&visitor, "pause", Some(code.as_str()), None, &reason).await;
    Ok(visitor.on_to(&app, &back, t.branch_paused))
}

async fn resume(
    State(app): State<App>,
    visitor: Visitor,
    Path(code): Path<String>,
    Form(acted): Form<Acted>,
) -> Result<Response, PageError> {
    let code = branch_of(&app, &code)?.code;
    let back = acted.back(&code);
    {
        let code = code.clone();
        app.store.run(move |store| store.resume(&code)).await?;
    }
    *app.looks.lock().await = None;
    app.note(&visitor, "resume", Some(code.as_str()), None, "").await;
    Ok(visitor.on_to(&app, &back, OverviewTexts::of(visitor.language).branch_resumed))
}
