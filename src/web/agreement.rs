//! Whether branches and central agree: each day with its proof, the sessions with their money and receipts, and what makes
//! stock and prices drift.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::Date;

use super::dashboard::App;
use super::error::PageError;
use super::fields::Fields;
use super::guard::{Page, Route, Tab, Visitor};
use super::jobs::{About, Outcome};
use super::overview::branch_of;
use super::texts::{AgreementTexts, fill};
use super::time::{ago, moment, money};
use super::words;
use crate::config::Branch;
use crate::model::Language;
use crate::reconcile::{DayProof, Entry};
use crate::store::{DayState, Role};
use crate::sync::sessions::SessionProof;
use crate::sync::{self, AUDIT_DAYS, AuditReport, BranchProof, FindingKind, yesterday};

/// Days of a branch on one page: a month.
const DAYS: usize = 31;
/// Branches on one page.
const BRANCHES: usize = 100;
/// Orders that are listed of one kind.
const LISTED: usize = 100;
/// Findings of one kind that are listed.
const FOUND: usize = 50;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(Role::Viewer, "/agreement", overview),
        Route::get(Role::Viewer, "/agreement/{code}/{day}", day),
        Route::post(Role::Operator, "/agreement/compare", compare),
        Route::post(Role::Operator, "/agreement/audit", audit),
    ]
}

#[derive(Template)]
#[template(path = "agreement.html", config = "src/web/askama.toml")]
struct AgreementPage {
    page: Page,
    t: &'static AgreementTexts,
    branch: Option<String>,
    branch_name: String,
    rows: Vec<DayRow>,
    older: Option<String>,
    branches: Vec<(String, String)>,
    /// So many that they are typed and not picked.
    many: bool,
    last_audit: Option<(u64, String)>,
    /// What it found.
    audit: Option<AuditShown>,
    yesterday: String,
}

/// A day, or what a branch's last day came to.
struct DayRow {
    branch: String,
    name: String,
    day: Option<Date>,
    verdict: &'static str,
    class: &'static str,
    compared: String,
    to_look_at: u64,
    findings: u64,
    error: Option<String>,
}

fn verdict(name: &str, t: &AgreementTexts) -> (&'static str, &'static str) {
    match name {
        "equal" => (t.equal, "good"),
        "explained" => (t.explained, "good"),
        "differs" => (t.differs, "bad"),
        "not_over" => (t.not_over, "calm"),
        _ => (t.unproved, "warn"),
    }
}

fn day_row(branch: &Branch, state: Option<DayState>, t: &AgreementTexts) -> DayRow {
    let (word, class) = match &state {
        None => (t.not_compared, "calm"),
        Some(state) if state.failed_at.is_some() && state.proved_at.is_none() => (t.unproved, "warn"),
        Some(state) => verdict(&state.verdict, t),
    };
    DayRow {
        branch: branch.code.to_string(),
        name: branch.name.clone(),
        day: state.as_ref().map(|state| state.day),
        verdict: word,
        class,
        compared: state.as_ref().and_then(|state| state.proved_at).map_or_else(|| "–".to_owned(), |at| moment(at, &branch.timezone)),
        to_look_at: state.as_ref().map_or(0, |state| state.for_a_person),
        findings: state.as_ref().map_or(0, |state| state.findings),
        error: state.and_then(|state| state.error),
    }
}

async fn overview(State(app): State<App>, visitor: Visitor, fields: Fields) -> Result<Response, PageError> {
    let t = AgreementTexts::of(visitor.language);
    let bridge = app.bridge();
    let code = fields.one("branch").to_owned();
    let before: Date = fields.one("before").parse().unwrap_or(Date::MAX);
    let chosen = if code.is_empty() { None } else { Some(branch_of(&app, &code)?) };
    let now = Timestamp::now();
    let (rows, older) = match &chosen {
        Some(branch) => {
            let of = branch.code.clone();
            let days = app.store.run(move |store| store.newest_days(&of, before, DAYS)).await?;
            let older =
                (days.len() == DAYS).then(|| days.last().map(|last| format!("/agreement?branch={code}&before={}", last.day))).flatten();
            (days.into_iter().map(|state| day_row(branch, Some(state), t)).collect(), older)
        }
        None => {
            let branches: Vec<Branch> = bridge.config.branches.iter().filter(|branch| branch.enabled).take(BRANCHES).cloned().collect();
            let read = branches.clone();
            let (newest, open) = app
                .store
                .run(move |store| {
                    let newest: Result<Vec<_>, _> = read.iter().map(|branch| store.newest_days(&branch.code, Date::MAX, 1)).collect();
                    Ok((newest?, store.days_for_a_person()?))
                })
                .await?;
            let mut rows: Vec<DayRow> = Vec::new();
            for state in open.into_iter().rev().take(DAYS) {
                rows.extend(bridge.config.branch(&state.branch.clone()).map(|branch| day_row(branch, Some(state), t)));
            }
            for (branch, newest) in branches.iter().zip(newest) {
                let newest = newest.into_iter().next();
                if !rows.iter().any(|row| row.branch == branch.code.as_str() && row.day == newest.as_ref().map(|state| state.day)) {
                    rows.push(day_row(branch, newest, t));
                }
            }
            (rows, None)
        }
    };
    let last_audit = app.jobs.of(About::Audit, chosen.as_ref().map(|branch| branch.code.as_str()));
    let found = last_audit.iter().find_map(|job| match job.outcome.as_deref() {
        Some(Outcome::Audited(report)) => Some(audited(report, visitor.language)),
        _ => None,
    });
    let zone = chosen.as_ref().map_or(jiff::tz::TimeZone::UTC, |branch| branch.timezone.clone());
    let page = AgreementPage {
        page: visitor.page(&app, Tab::Agreement),
        t,
        branch_name: chosen.as_ref().map(|branch| branch.name.clone()).unwrap_or_default(),
        branch: chosen.map(|branch| branch.code.to_string()),
        rows,
        older,
        branches: bridge.config.branches.iter().map(|branch| (branch.code.to_string(), branch.name.clone())).collect(),
        many: bridge.config.branches.len() > BRANCHES,
        last_audit: last_audit.first().map(|job| (job.id, fill(t.audit_last, &[&job.person, &ago(job.began, now, visitor.language)]))),
        audit: found,
        yesterday: yesterday(now, &zone).to_string(),
    };
    Ok(Html(page.render()?).into_response())
}

#[derive(Template)]
#[template(path = "day.html", config = "src/web/askama.toml")]
struct DayPage {
    page: Page,
    t: &'static AgreementTexts,
    code: String,
    name: String,
    day: Date,
    error: Option<String>,
    shown: Option<DayShown>,
    sessions: Vec<SessionShown>,
}

async fn day(State(app): State<App>, visitor: Visitor, Path((code, day)): Path<(String, String)>) -> Result<Response, PageError> {
    let branch = branch_of(&app, &code)?;
    let day: Date = day.parse().map_err(|_| PageError::NotFound)?;
    let of = branch.code.clone();
    let (state, (report, sessions)) = app.store.run(move |store| Ok((store.day(&of, day)?, store.day_report(&of, day)?))).await?;
    let state = state.ok_or(PageError::NotFound)?;
    let language = visitor.language;
    // A report that an older version wrote and this one cannot read is as good as none: it is compared anew.
    let proof: Option<DayProof> = serde_json::from_str(&report).ok();
    let sessions = sessions.iter().filter_map(|row| serde_json::from_str::<SessionProof>(&row.report).ok());
    let page = DayPage {
        page: visitor.page(&app, Tab::Agreement),
        t: AgreementTexts::of(language),
        code,
        name: branch.name,
        day,
        error: state.error,
        shown: proof.map(|proof| day_shown(branch.code.as_str(), &proof, language)),
        sessions: sessions.map(|session| session_shown(&session, language)).collect(),
    };
    Ok(Html(page.render()?).into_response())
}

/// A day as it is shown.
pub struct DayShown {
    pub day: Date,
    pub verdict: &'static str,
    pub class: &'static str,
    pub summary: words::Marked,
    pub figures: Vec<(&'static str, u64)>,
    pub totals: Vec<(String, String)>,
    pub lists: Vec<(&'static str, Vec<EntryShown>)>,
    pub more: Option<String>,
}

/// An order of a day.
pub struct EntryShown {
    pub reference: String,
    pub record: Option<i64>,
    pub message: String,
    pub next_step: words::Marked,
}

/// A session with its money.
pub struct SessionShown {
    pub name: String,
    pub shop: String,
    pub orders: u64,
    pub opening: String,
    pub moves: String,
    pub expected: String,
    pub counted: String,
    pub difference: String,
    pub differs: bool,
    pub paid_by: String,
    pub told: Vec<String>,
}

/// A branch's days as they were just compared.
pub struct ProofShown {
    pub branch: String,
    pub problem: Option<words::Said>,
    pub days: Vec<DayShown>,
    pub sessions: Vec<SessionShown>,
}

/// What a comparison that somebody asked for came to.
pub fn proof(proof: &BranchProof, language: Language) -> ProofShown {
    ProofShown {
        branch: proof.branch.clone(),
        problem: proof.problem.as_ref().map(|problem| words::said(problem, language)),
        days: proof.days.iter().map(|day| day_shown(&proof.branch, day, language)).collect(),
        sessions: proof.sessions.iter().map(|session| session_shown(session, language)).collect(),
    }
}

fn day_shown(branch: &str, proof: &DayProof, language: Language) -> DayShown {
    let t = AgreementTexts::of(language);
    let (_, class) = verdict(words::verdict_name(proof.verdict), t);
    let word = words::verdict(proof.verdict, language);
    let list = |list: &[Entry]| {
        list.iter()
            .take(LISTED)
            .map(|entry| {
                let (message, next_step) = words::entry(entry, language);
                EntryShown { reference: entry.reference.clone(), record: entry.record, message, next_step }
            })
            .collect::<Vec<_>>()
    };
    let lists = [
        (t.missing, &proof.missing),
        (t.different, &proof.different),
        (t.extra, &proof.extra),
        (t.late, &proof.late),
        (t.changed, &proof.changed),
    ];
    let cut: u64 = lists.iter().map(|(_, all)| all.len().saturating_sub(LISTED) as u64).sum::<u64>() + proof.not_listed;
    DayShown {
        day: proof.day,
        verdict: word,
        class,
        summary: words::summary(branch, proof, language),
        figures: vec![
            (t.sold, proof.branch_orders),
            (t.received, proof.received),
            (t.at_central, proof.central_orders),
            (t.waits, proof.waiting + proof.held),
            (t.failed, proof.failed),
            (t.ignored, proof.ignored),
            (t.deleted, proof.deleted_at_central),
        ],
        totals: proof
            .totals
            .iter()
            .map(|total| {
                (
                    format!("{} {}", money(total.branch, language), total.currency),
                    format!("{} {}", money(total.central, language), total.currency),
                )
            })
            .collect(),
        lists: lists.into_iter().filter(|(_, all)| !all.is_empty()).map(|(name, all)| (name, list(all))).collect(),
        more: (cut > 0).then(|| fill(t.more, &[&cut])),
    }
}

fn session_shown(session: &SessionProof, language: Language) -> SessionShown {
    let t = AgreementTexts::of(language);
    let amount = |amount: Option<crate::model::Amount>| amount.map_or_else(|| "–".to_owned(), |amount| money(amount, language));
    let gaps = session.gaps.iter().map(|gap| words::gap(gap, language));
    SessionShown {
        name: session.name.clone(),
        shop: session.shop.clone(),
        orders: session.orders,
        opening: money(session.opening, language),
        moves: amount(session.cash_moves),
        expected: amount(session.expected),
        counted: if session.stop_at.is_none() { t.still_open.to_owned() } else { amount(session.closing) },
        difference: amount(session.difference),
        differs: session.difference.is_some_and(|difference| !difference.is_zero()),
        paid_by: session
            .payments
            .iter()
            .map(|(method, paid)| format!("{method} {}", money(*paid, language)))
            .collect::<Vec<_>>()
            .join(", "),
        told: session.findings.iter().cloned().chain(gaps).collect(),
    }
}

async fn compare(State(app): State<App>, visitor: Visitor, fields: Fields) -> Result<Response, PageError> {
    let t = AgreementTexts::of(visitor.language);
    let code = fields.one("branch").to_owned();
    let back = format!("/agreement?branch={code}");
    let today = Timestamp::now();
    let branch = branch_of(&app, &code)?;
    let day: Option<Date> = fields.one("day").parse().ok();
    let tomorrow = today.to_zoned(branch.timezone.clone()).date().checked_add(1.day()).unwrap_or(Date::MAX);
    let Some(day) = day.filter(|day| *day >= branch.from && *day < tomorrow) else {
        return Ok(visitor.on_to(&app, &back, t.compare_wrong));
    };
    app.note(&visitor, "reconcile", Some(&code), None, &day.to_string()).await;
    let bridge = app.bridge();
    let work = async move {
        let central = match bridge.central() {
            Ok(central) => Arc::new(central),
            Err(halt) => return halt.into(),
        };
        let proofs = sync::prove_days(&bridge, &central, vec![(branch, vec![day])]).await;
        if let Err(error) = central.remember(&bridge) {
            tracing::warn!(%error, "What was learnt of central could not be kept");
        }
        Outcome::Proved(proofs)
    };
    Ok(app.begin(About::Reconcile, &visitor, vec![code], &back, work))
}

async fn audit(State(app): State<App>, visitor: Visitor, fields: Fields) -> Result<Response, PageError> {
    let bridge = app.bridge();
    let code = fields.one("branch");
    let branches: Vec<Branch> = match code {
        "" => bridge.config.branches.iter().filter(|branch| branch.enabled).cloned().collect(),
        code => vec![branch_of(&app, code)?],
    };
    let codes: Vec<String> = branches.iter().map(|branch| branch.code.to_string()).collect();
    app.note(&visitor, "audit", Some(code).filter(|code| !code.is_empty()), None, "").await;
    let work = async move {
        let central = match bridge.central() {
            Ok(central) => central,
            Err(halt) => return halt.into(),
        };
        let report = sync::audit(&bridge, &central, &branches, AUDIT_DAYS).await;
        if let Err(error) = central.remember(&bridge) {
            tracing::warn!(%error, "What was learnt of central could not be kept");
        }
        match report {
            Ok(report) => Outcome::Audited(Box::new(report)),
            Err(halt) => halt.into(),
        }
    };
    Ok(app.begin(About::Audit, &visitor, codes, "/agreement", work))
}

/// An audit as it is shown.
pub struct AuditShown {
    pub t: &'static AgreementTexts,
    pub errors: Vec<words::Marked>,
    pub kinds: Vec<(String, Vec<FindingShown>, usize)>,
    pub unchecked: Vec<(String, words::Marked)>,
    pub clean: bool,
}

/// One finding.
pub struct FindingShown {
    pub branch: String,
    pub what: String,
    pub fix: words::Marked,
}

/// What an audit found.
pub fn audited(report: &AuditReport, language: Language) -> AuditShown {
    let t = AgreementTexts::of(language);
    let kind = |kind: FindingKind| {
        let found: Vec<&sync::Finding> = report.findings.iter().filter(|finding| finding.kind == kind).collect();
        let more = found.len().saturating_sub(FOUND) + report.omitted.get(&kind).copied().unwrap_or_default();
        let shown: Vec<FindingShown> = found
            .iter()
            .take(FOUND)
            .map(|finding| {
                let (what, fix) = words::finding(finding, language);
                FindingShown { branch: finding.branch.clone().unwrap_or_default(), what, fix }
            })
            .collect();
        (!shown.is_empty()).then(|| (words::heading(kind, language), shown, more))
    };
    let error = |branch: &sync::BranchAudit| {
        let told = branch.texts.as_ref()?.in_language(language);
        Some(words::Marked::new(&format!("{}: {} {}", branch.branch, told.what, told.next_step)))
    };
    AuditShown {
        t,
        errors: report.branches.iter().filter_map(error).collect(),
        kinds: FindingKind::ALL.into_iter().filter_map(kind).collect(),
        unchecked: report.unchecked.iter().map(|unchecked| words::unchecked(unchecked, language)).collect(),
        clean: report.clean(),
    }
}
