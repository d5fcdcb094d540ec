//! What takes longer than a page may: tests of connections, previews, sending, comparing, audits. Each runs beside the
//! pages; its own page tells how it goes and what came of it. Kept in memory only: what was done is in the ledger.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;

use super::dashboard::App;
use super::error::PageError;
use super::guard::{Page, Route, Tab, Visitor};
use super::texts::{AgreementTexts, JobTexts, fill};
use super::time::ago;
use super::words;
use super::{agreement, branches, send};
use crate::problem::{Button, Problem};
use crate::store::Role;
use crate::sync::{AuditReport, BranchProof, Checked, Halt, SendReport, SendRequest};

/// Jobs that are kept, the oldest forgotten first.
const KEPT: usize = 50;
/// Jobs at one time: each asks an Odoo, and people press twice.
const RUNNING: usize = 8;

/// What a job came to.
#[derive(Debug)]
pub enum Outcome {
    /// The connections of these sides.
    Checked(Vec<Checked>),
    /// A preview of sending, with what was asked for.
    Previewed(Vec<SendReport>, Box<send::Wanted>),
    /// What was sent or queued.
    Sent(Vec<SendReport>),
    /// Days that were compared.
    Proved(Vec<BranchProof>),
    /// What makes stock and prices drift.
    Audited(Box<AuditReport>),
    /// It could not be done.
    Failed(Box<Problem>),
    /// It could not be done, for a reason that is no problem of an Odoo.
    Broken(String),
}

/// What a job is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    Check,
    Preview,
    Send,
    Queue,
    Reconcile,
    Audit,
}

/// One job.
#[derive(Debug, Clone)]
pub struct Job {
    pub id: u64,
    pub about: About,
    pub person: String,
    pub began: Timestamp,
    /// The branches concerned, by code.
    pub branches: Vec<String>,
    pub outcome: Option<Arc<Outcome>>,
}

/// All jobs of this daemon's life, the newest first.
#[derive(Debug, Default)]
pub struct Jobs(Mutex<(u64, VecDeque<Job>)>);

impl Jobs {
    /// Begins a job; `None` if too many run already.
    pub fn begin(
        self: &Arc<Self>,
        about: About,
        visitor: &Visitor,
        branches: Vec<String>,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) -> Option<u64> {
        let id = {
            let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if jobs.1.iter().filter(|job| job.outcome.is_none()).count() >= RUNNING {
                return None;
            }
            jobs.0 += 1;
            let job = Job { id: jobs.0, about, person: visitor.login().to_owned(), began: Timestamp::now(), branches, outcome: None };
            jobs.1.push_front(job);
            jobs.1.truncate(KEPT);
            jobs.0
        };
        let jobs = self.clone();
        tokio::spawn(async move {
            // A job that breaks off must not look as if it went on for ever.
            let outcome = tokio::spawn(work).await.unwrap_or_else(|stopped| Outcome::Broken(stopped.to_string()));
            let mut jobs = jobs.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(job) = jobs.1.iter_mut().find(|job| job.id == id) {
                job.outcome = Some(Arc::new(outcome));
            }
        });
        Some(id)
    }

    /// A job by its number.
    pub fn get(&self, id: u64) -> Option<Job> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.iter().find(|job| job.id == id).cloned()
    }

    /// The newest that are about this, of a branch or of all.
    pub fn of(&self, about: About, branch: Option<&str>) -> Vec<Job> {
        let jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |job: &&Job| job.about == about && branch.is_none_or(|branch| job.branches.iter().any(|code| code == branch));
        jobs.1.iter().filter(fits).cloned().collect()
    }
}

impl From<Halt> for Outcome {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Problem(problem) => Self::Failed(Box::new(problem)),
            Halt::Store(error) => Self::Broken(error.to_string()),
        }
    }
}

impl App {
    /// Begins a job and shows its page, or says that too many run.
    pub fn begin(
        &self,
        about: About,
        visitor: &Visitor,
        branches: Vec<String>,
        back: &str,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) -> Response {
        match self.jobs.begin(about, visitor, branches, work) {
            Some(id) => visitor.on_to(self, &format!("/job/{id}"), ""),
            None => visitor.on_to(self, back, JobTexts::of(visitor.language).too_many),
        }
    }
}

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get(Role::Viewer, "/job/{id}", show)]
}

#[derive(Template)]
#[template(path = "job.html", config = "src/web/askama.toml")]
struct JobPage {
    page: Page,
    t: &'static JobTexts,
    title: &'static str,
    a: &'static AgreementTexts,
    asked: String,
    branches: String,
    running: bool,
    failed: Option<words::Said>,
    broken: Option<String>,
    checked: Vec<branches::CheckedSide>,
    sent: Vec<send::Shown>,
    wanted: Option<send::Wanted>,
    /// So much is gone at central that somebody has to say that it is meant: the button for it.
    accept_gone: Option<&'static str>,
    proofs: Vec<agreement::ProofShown>,
    audited: Option<agreement::AuditShown>,
}

async fn show(State(app): State<App>, visitor: Visitor, Path(id): Path<u64>) -> Result<Response, PageError> {
    let job = app.jobs.get(id).ok_or(PageError::NotFound)?;
    let t = JobTexts::of(visitor.language);
    let (title, tab) = match job.about {
        About::Check => (t.check, Tab::Branches),
        About::Preview => (t.preview, Tab::Send),
        About::Send => (t.send, Tab::Send),
        About::Queue => (t.queue, Tab::Send),
        About::Reconcile => (t.reconcile, Tab::Agreement),
        About::Audit => (t.audit, Tab::Agreement),
    };
    let mut shown = JobPage {
        page: visitor.page(&app, tab),
        t,
        title,
        a: AgreementTexts::of(visitor.language),
        asked: fill(t.began, &[&job.person, &ago(job.began, Timestamp::now(), visitor.language)]),
        branches: job.branches.join(", "),
        running: job.outcome.is_none(),
        failed: None,
        broken: None,
        checked: Vec::new(),
        sent: Vec::new(),
        wanted: None,
        accept_gone: None,
        proofs: Vec::new(),
        audited: None,
    };
    match job.outcome.as_deref() {
        None => {}
        Some(Outcome::Checked(sides)) => shown.checked = sides.iter().map(|side| branches::checked(side, visitor.language)).collect(),
        Some(Outcome::Previewed(reports, wanted)) => {
            shown.sent = reports.iter().map(|report| send::shown(report, visitor.language)).collect();
            shown.wanted = Some(wanted.as_ref().clone());
            let is_gone = |told: &crate::sync::Told| matches!(told.problem, Problem::TooManyGone { .. });
            let gone = reports.iter().any(|report| report.problems.iter().any(is_gone));
            shown.accept_gone = gone.then(|| Button::AcceptGone.label(visitor.language));
        }
        Some(Outcome::Sent(reports)) => shown.sent = reports.iter().map(|report| send::shown(report, visitor.language)).collect(),
        Some(Outcome::Proved(proofs)) => shown.proofs = proofs.iter().map(|proof| agreement::proof(proof, visitor.language)).collect(),
        Some(Outcome::Audited(report)) => shown.audited = Some(agreement::audited(report, visitor.language)),
        Some(Outcome::Failed(problem)) => shown.failed = Some(words::said(problem, visitor.language)),
        Some(Outcome::Broken(reason)) => {
            tracing::error!(reason, "A job of the dashboard broke off");
            shown.broken = Some(t.broken.to_owned());
        }
    }
    Ok(Html(shown.render()?).into_response())
}

/// A request of sending as people chose it; a preview and what follows it are made from the same.
pub fn request(wanted: &send::Wanted, dry_run: bool, queue: bool) -> SendRequest {
    SendRequest {
        by_hand: wanted.by_hand(),
        kinds: wanted.kinds(),
        changed: wanted.changed,
        accept_gone: wanted.accept_gone,
        dry_run,
        queue,
        ..SendRequest::default()
    }
}
