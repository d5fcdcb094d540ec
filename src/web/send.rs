//! The way to send: kind, records, branches, preview, then now or queued.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;
use serde_json::json;

use super::dashboard::App;
use super::error::PageError;
use super::fields::Fields;
use super::guard::{Page, Route, Tab, Visitor};
use super::jobs::{About, Outcome, request};
use super::texts::{JobTexts, SendTexts, fill};
use super::time::ago;
use super::words;
use crate::config::{Branch, Choose, Selection};
use crate::master_data::Action;
use crate::model::{Kind, Language};
use crate::problem::clean;
use crate::store::Role;
use crate::sync::{self, Bridge, OFFERED, Offer, SendReport};

/// Records of a branch that a page of results names; the log has the rest.
const SHOWN: usize = 100;
/// Fields of a record that are named.
const FIELDS: usize = 40;
/// Longest text of one value.
const VALUE: usize = 200;
/// Longest text that is searched for.
const SEARCH_MAX: usize = 60;
/// Records that are picked at one time.
const PICKED_MAX: usize = 200;
/// Branches that have a box each; of more, others are named by their codes.
const BOXES: usize = 100;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(Role::Operator, "/send", wizard),
        Route::post(Role::Operator, "/send/preview", preview),
        Route::post(Role::Operator, "/send/now", now),
        Route::post(Role::Operator, "/send/queue", queue),
    ]
}

/// What somebody wants sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub kind: Kind,
    /// Ids at central; empty = what the settings choose.
    pub ids: Vec<i64>,
    /// Of what the settings choose, what changed.
    pub changed: bool,
    /// What is gone at central is archived, however much it is.
    pub accept_gone: bool,
    pub branches: Vec<String>,
}

impl Wanted {
    fn of(fields: &Fields) -> Option<Self> {
        let kind = Kind::parse(fields.one("kind")).filter(|kind| Kind::CHOSEN.contains(kind))?;
        let mut ids: Vec<i64> = fields.all("id").filter_map(|id| id.parse().ok()).take(PICKED_MAX).collect();
        ids.sort_unstable();
        ids.dedup();
        let typed = fields.one("codes").split([',', ' ', ';']).map(str::trim);
        let mut branches: Vec<String> = fields.all("branch").chain(typed).filter(|code| !code.is_empty()).map(str::to_owned).collect();
        branches.sort_unstable();
        branches.dedup();
        Some(Self { kind, ids, changed: fields.one("changed") == "1", accept_gone: fields.one("accept_gone") == "1", branches })
    }

    /// What is chosen by hand; `None` = the settings choose.
    pub fn by_hand(&self) -> Option<BTreeMap<Kind, Selection>> {
        if self.changed {
            return None;
        }
        let choice = vec![Choose::Domain(json!([["id", "in", self.ids]]))];
        Some(BTreeMap::from([(self.kind, Selection { choice, ..Selection::default() })]))
    }

    /// Of the settings only this kind.
    pub fn kinds(&self) -> BTreeSet<Kind> {
        BTreeSet::from([self.kind])
    }

    fn is_complete(&self) -> bool {
        !self.branches.is_empty() && (self.changed || !self.ids.is_empty())
    }

    fn told(&self) -> String {
        match self.changed {
            true => format!("{}, changed", self.kind.as_str()),
            false => format!("{} {}", self.kind.as_str(), self.ids.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")),
        }
    }

    fn branches_in(&self, bridge: &Bridge) -> Vec<Branch> {
        self.branches.iter().filter_map(|code| bridge.config.branch(code)).cloned().collect()
    }
}

#[derive(Template)]
#[template(path = "send.html", config = "src/web/askama.toml")]
struct SendPage {
    page: Page,
    t: &'static SendTexts,
    kinds: Vec<(&'static str, &'static str, bool)>,
    kind: &'static str,
    search: String,
    searched: bool,
    found: Vec<(Offer, bool)>,
    /// Picked before, and not among what is found now.
    kept: Vec<i64>,
    full: Option<String>,
    refused: Option<words::Said>,
    branches: Vec<BranchRow>,
    /// There are others, named by their codes.
    more_branches: bool,
    recent: Vec<(u64, String)>,
}

struct BranchRow {
    code: String,
    name: String,
    ticked: bool,
    /// Whether the settings choose this kind for it.
    chosen: bool,
}

fn kinds(t: &SendTexts, chosen: Kind) -> Vec<(&'static str, &'static str, bool)> {
    let name = |kind: Kind| match kind {
        Kind::Customer => t.customer,
        Kind::Tax => t.tax,
        Kind::PaymentMethod => t.payment_method,
        Kind::Pricelist => t.pricelist,
        _ => t.product,
    };
    Kind::CHOSEN.into_iter().map(|kind| (kind.as_str(), name(kind), kind == chosen)).collect()
}

async fn wizard(State(app): State<App>, visitor: Visitor, fields: Fields) -> Result<Response, PageError> {
    let t = SendTexts::of(visitor.language);
    let bridge = app.bridge();
    let kind = Kind::parse(fields.one("kind")).filter(|kind| Kind::CHOSEN.contains(kind)).unwrap_or(Kind::Product);
    let search: String = clean(fields.one("q"), SEARCH_MAX);
    let picked: BTreeSet<i64> = fields.all("id").filter_map(|id| id.parse().ok()).take(PICKED_MAX).collect();
    let ticked: BTreeSet<&str> = fields.all("branch").collect();
    let (found, refused) = if search.is_empty() {
        (Vec::new(), None)
    } else {
        match sync::offers(&bridge, kind, &search).await {
            Ok(found) => (found, None),
            Err(halt) => (Vec::new(), Some(words::said(&halt.into_problem(), visitor.language))),
        }
    };
    let kept = picked.iter().copied().filter(|id| !found.iter().any(|offer| offer.id == *id)).collect();
    let branch = |branch: &Branch| BranchRow {
        code: branch.code.to_string(),
        name: branch.name.clone(),
        ticked: ticked.contains(branch.code.as_str()),
        chosen: branch.send.kinds.contains_key(&kind),
    };
    let recent = [About::Send, About::Queue].into_iter().flat_map(|about| app.jobs.of(about, None));
    let now = Timestamp::now();
    let mut recent: Vec<(u64, String)> = recent
        .map(|job| (job.id, format!("{} · {} · {}", job.branches.join(", "), job.person, ago(job.began, now, visitor.language))))
        .collect();
    recent.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
    recent.truncate(10);
    let page = SendPage {
        page: visitor.page(&app, Tab::Send),
        t,
        kinds: kinds(t, kind),
        kind: kind.as_str(),
        searched: !search.is_empty() && refused.is_none(),
        search,
        full: (found.len() == OFFERED).then(|| fill(t.first_only, &[&OFFERED])),
        found: found.into_iter().map(|offer| (picked.contains(&offer.id), offer)).map(|(picked, offer)| (offer, picked)).collect(),
        kept,
        refused,
        branches: bridge.config.branches.iter().filter(|branch| branch.enabled).take(BOXES).map(branch).collect(),
        more_branches: bridge.config.branches.iter().filter(|branch| branch.enabled).count() > BOXES,
        recent,
    };
    Ok(Html(page.render()?).into_response())
}

async fn preview(State(app): State<App>, visitor: Visitor, fields: Fields) -> Result<Response, PageError> {
    let t = SendTexts::of(visitor.language);
    let Some(wanted) = Wanted::of(&fields) else { return Err(PageError::BadRequest) };
    if !wanted.is_complete() {
        let said = if wanted.changed { t.pick_branch } else { t.pick_something };
        return Ok(visitor.on_to(&app, &format!("/send?kind={}", wanted.kind.as_str()), said));
    }
    let bridge = app.bridge();
    if let Some(unknown) = wanted.branches.iter().find(|code| bridge.config.branch(code).is_none()) {
        return Ok(visitor.on_to(&app, &format!("/send?kind={}", wanted.kind.as_str()), fill(t.no_branch, &[&clean(unknown, 40)])));
    }
    let branches = wanted.branches.clone();
    let work = async move {
        // On a copy of the ledger, so that a preview leaves nothing behind.
        let config = bridge.config.clone();
        let rehearsal = match tokio::task::spawn_blocking(move || Bridge::rehearsal(config)).await {
            Ok(Ok(rehearsal)) => Arc::new(rehearsal),
            Ok(Err(error)) => return Outcome::Broken(error.to_string()),
            Err(stopped) => return Outcome::Broken(stopped.to_string()),
        };
        let central = match rehearsal.central() {
            Ok(central) => Arc::new(central),
            Err(halt) => return halt.into(),
        };
        let branches = wanted.branches_in(&rehearsal);
        let reports = sync::send(&rehearsal, &central, &branches, &request(&wanted, true, false)).await;
        Outcome::Previewed(reports, Box::new(wanted))
    };
    Ok(app.begin(About::Preview, &visitor, branches, "/send", work))
}

async fn now(State(app): State<App>, visitor: Visitor, fields: Fields) -> Result<Response, PageError> {
    carry_out(app, visitor, &fields, false).await
}

async fn queue(State(app): State<App>, visitor: Visitor, fields: Fields) -> Result<Response, PageError> {
    carry_out(app, visitor, &fields, true).await
}

async fn carry_out(app: App, visitor: Visitor, fields: &Fields, queue: bool) -> Result<Response, PageError> {
    let Some(wanted) = Wanted::of(fields).filter(Wanted::is_complete) else { return Err(PageError::BadRequest) };
    let (about, action) = if queue { (About::Queue, "queue") } else { (About::Send, "send") };
    for code in &wanted.branches {
        app.note(&visitor, action, Some(code), None, &wanted.told()).await;
    }
    let bridge = app.bridge();
    let branches = wanted.branches.clone();
    let work = async move {
        let central = match bridge.central() {
            Ok(central) => Arc::new(central),
            Err(halt) => return halt.into(),
        };
        let branches = wanted.branches_in(&bridge);
        let reports = sync::send(&bridge, &central, &branches, &request(&wanted, false, queue)).await;
        if let Err(error) = central.remember(&bridge) {
            tracing::warn!(%error, "What was learnt of central could not be kept");
        }
        Outcome::Sent(reports)
    };
    Ok(app.begin(about, &visitor, branches, "/send", work))
}

/// What a pass of sending found or did at a branch.
pub struct Shown {
    pub branch: String,
    pub compared: String,
    pub counts: String,
    pub problem: Option<words::Said>,
    pub told: Vec<words::Said>,
    pub notes: Vec<String>,
    pub items: Vec<ItemShown>,
    pub more: Option<String>,
}

/// One record of it.
pub struct ItemShown {
    pub reference: String,
    pub kind: &'static str,
    pub action: &'static str,
    pub state: &'static str,
    pub class: &'static str,
    pub record: Option<i64>,
    pub fields: Vec<FieldShown>,
    pub problem: Option<words::Said>,
}

/// One field of a record.
pub struct FieldShown {
    pub label: String,
    pub from: Option<String>,
    pub to: String,
    pub overwrites: bool,
}

/// A branch's part of a preview, or of what was done.
pub fn shown(report: &SendReport, language: Language) -> Shown {
    let t = JobTexts::of(language);
    let items = report.changes.iter().take(SHOWN).map(|change| ItemShown {
        reference: change.reference.clone(),
        kind: words::kind(change.kind, language),
        action: match change.action {
            Action::Create => t.create,
            Action::Change => t.change,
            Action::Archive => t.archive,
            Action::Remove => t.remove,
            Action::Nothing | Action::Compare => t.compare,
        },
        state: match change.state {
            "ready" => t.ready,
            "done" => t.done,
            "held" => t.held,
            "failed" => t.failed,
            _ => t.pending,
        },
        class: match change.state {
            "done" => "good",
            "failed" => "bad",
            "held" => "warn",
            _ => "calm",
        },
        record: change.record,
        fields: change
            .fields
            .iter()
            .take(FIELDS)
            .map(|field| FieldShown {
                label: field.label.clone(),
                from: field.from.as_ref().map(|from| clean(from, VALUE)),
                to: clean(&field.to, VALUE),
                overwrites: field.overwrites,
            })
            .collect(),
        problem: change.problem.as_ref().map(|told| words::said_of(&report.branch, &told.problem, language)),
    });
    let counts = [report.created, report.changed, report.archived, report.held, report.failed, report.queued];
    Shown {
        branch: report.branch.clone(),
        compared: fill(t.compared, &[&report.compared, &report.equal]),
        counts: fill(t.counts, &[&counts[0], &counts[1], &counts[2], &counts[3], &counts[4], &counts[5]]),
        problem: report.problem.as_ref().map(|problem| words::said_of(&report.branch, problem, language)),
        told: report.problems.iter().map(|told| words::said_of(&report.branch, &told.problem, language)).collect(),
        notes: report.kept_back.iter().map(|(note, records)| note.say(*records, language)).collect(),
        items: items.collect(),
        more: report.changes.len().checked_sub(SHOWN).filter(|more| *more > 0).map(|more| fill(t.more, &[&more])),
    }
}
