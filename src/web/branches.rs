//! Branches and central: settings as they were read, passwords (never shown), and whether the connection works.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use secrecy::SecretString;

use super::dashboard::App;
use super::error::PageError;
use super::fields::Fields;
use super::guard::{Page, Route, Tab, Visitor, encoded};
use super::jobs::{About, Job, Outcome};
use super::overview::branch_of;
use super::people::is_himself;
use super::texts::{BranchTexts, JobTexts, OverviewTexts, PeopleTexts, fill};
use super::time::{ago, moment};
use super::words;
use crate::config::{Branch, Config, Endpoint, Invoiced, MatchProduct, Receive, Schedule, UnknownCustomer};
use crate::model::{Language, Protocol};
use crate::problem::{Button, Problem, Side, clean};
use crate::secret::{KeyRing, bound};
use crate::store::{Filter, LastPass, Role, Sealed};
use crate::sync::{self, Checked, Verdict};

/// Longest password read: an API key has 40 characters.
const PASSWORD_MAX: usize = 1024;
/// Sides of one page.
const SIDES: usize = 100;
/// Longest text that is searched for.
const SEARCH_MAX: usize = 60;
/// Longest reason.
const REASON_MAX: usize = 200;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(Role::Viewer, "/branches", list),
        Route::get(Role::Viewer, "/branches/{code}", one),
        Route::post(Role::Operator, "/check", check_all),
        Route::post(Role::Operator, "/branches/{code}/check", check),
        Route::post(Role::Admin, "/branches/{code}/password", set_password),
        Route::post(Role::Operator, "/branches/{code}/notice", end_notice),
        Route::post(Role::Operator, "/branches/{code}/lost/recreate", recreate_lost),
        Route::post(Role::Operator, "/branches/{code}/lost/ignore", ignore_lost),
    ]
}

/// A side in the list.
struct SideRow {
    code: String,
    name: String,
    place: String,
    database: String,
    user: String,
    password: String,
    has_password: bool,
    clock: String,
    answered: String,
    enabled: bool,
}

#[derive(Template)]
#[template(path = "branches.html", config = "src/web/askama.toml")]
struct ListPage {
    page: Page,
    t: &'static BranchTexts,
    rows: Vec<SideRow>,
    search: String,
    newer: Option<String>,
    older: Option<String>,
}

fn side_row(
    code: &str,
    name: &str,
    endpoint: &Endpoint,
    enabled: bool,
    sealed: &[Sealed],
    last: Option<&LastPass>,
    language: Language,
) -> SideRow {
    let t = BranchTexts::of(language);
    let set = sealed.iter().find(|sealed| sealed.owner == code && sealed.field == "password");
    let answered = last.and_then(|last| last.answered_at);
    SideRow {
        code: code.to_owned(),
        name: name.to_owned(),
        place: endpoint.place().to_owned(),
        database: endpoint.database.clone(),
        user: endpoint.user.clone(),
        password: set.map_or_else(|| t.not_set.to_owned(), |set| fill(t.set_on, &[&moment(set.updated_at, &TimeZone::UTC)])),
        has_password: set.is_some(),
        clock: match last.filter(|_| answered.is_some()).map(|last| last.clock_offset_s) {
            None => "–".to_owned(),
            Some(0) => t.clock_equal.to_owned(),
            Some(ahead @ 1..) => fill(t.clock_ahead, &[&ahead]),
            Some(behind) => fill(t.clock_behind, &[&behind.unsigned_abs()]),
        },
        answered: answered.map_or_else(|| "–".to_owned(), |at| ago(at, Timestamp::now(), language)),
        enabled,
    }
}

async fn list(State(app): State<App>, visitor: Visitor, fields: Fields) -> Result<Response, PageError> {
    let search = clean(fields.one("q"), SEARCH_MAX);
    let from: usize = fields.one("from").parse().unwrap_or(0);
    let bridge = app.bridge();
    let language = visitor.language;
    let t = BranchTexts::of(language);
    let wanted = search.to_lowercase();
    let (mut rows, more) = {
        let bridge = bridge.clone();
        app.store
            .run(move |store| {
                let sealed = store.passwords()?;
                let config = &bridge.config;
                let fits = |code: &str, name: &str| wanted.is_empty() || code.contains(&wanted) || name.to_lowercase().contains(&wanted);
                let central = (None, Side::CENTRAL, t.central, &config.central.endpoint);
                let branches =
                    config.branches.iter().map(|branch| (Some(branch), branch.code.as_str(), branch.name.as_str(), &branch.endpoint));
                let sides = std::iter::once(central).chain(branches).filter(|(_, code, name, _)| fits(code, name));
                let rows = sides.skip(from).take(SIDES + 1).map(|(branch, code, name, endpoint)| {
                    let last = branch.and_then(|branch| LastPass::load(&config.state, &branch.code));
                    side_row(code, name, endpoint, branch.is_none_or(|branch| branch.enabled), &sealed, last.as_ref(), language)
                });
                let rows: Vec<SideRow> = rows.collect();
                let more = rows.len() > SIDES;
                Ok((rows, more))
            })
            .await?
    };
    rows.truncate(SIDES);
    let turn = |from: usize| format!("/branches?from={from}&q={}", encoded(&search));
    let (newer, older) = ((from > 0).then(|| turn(from.saturating_sub(SIDES))), more.then(|| turn(from + SIDES)));
    Ok(Html(ListPage { page: visitor.page(&app, Tab::Branches), t, rows, search, newer, older }.render()?).into_response())
}

#[derive(Template)]
#[template(path = "branch.html", config = "src/web/askama.toml")]
struct BranchPage {
    page: Page,
    t: &'static BranchTexts,
    o: &'static OverviewTexts,
    secret_of: String,
    row: SideRow,
    is_branch: bool,
    file: String,
    settings: Vec<(&'static str, String)>,
    /// What is wrong with the whole branch, and whether drafts of it vanished from central.
    notices: Vec<(words::Said, bool)>,
    retry: &'static str,
    recreate: &'static str,
    ignore: &'static str,
    error: Option<words::Said>,
    paused: Option<String>,
    last_test: Option<(u64, String)>,
    /// What that test found.
    tested: Vec<CheckedSide>,
    j: &'static JobTexts,
    wrong: Option<String>,
}

async fn one(State(app): State<App>, visitor: Visitor, Path(code): Path<String>) -> Result<Response, PageError> {
    show(&app, &visitor, &code, None).await
}

async fn show(app: &App, visitor: &Visitor, code: &str, wrong: Option<&str>) -> Result<Response, PageError> {
    let bridge = app.bridge();
    let language = visitor.language;
    let t = BranchTexts::of(language);
    let config = &bridge.config;
    let branch = if code == Side::CENTRAL { None } else { Some(branch_of(app, code)?) };
    let owner = code.to_owned();
    let (sealed, notices, paused) = app
        .store
        .run(move |store| {
            let notices: Vec<Problem> =
                store.branch_problems()?.into_iter().filter(|(of, _)| *of == owner).map(|(_, problem)| problem).collect();
            let paused = store.paused()?.into_iter().find(|paused| paused.branch == owner);
            Ok((store.passwords()?, notices, paused))
        })
        .await?;
    let last = branch.as_ref().and_then(|branch| LastPass::load(&config.state, &branch.code));
    let (name, endpoint) = branch.as_ref().map_or((t.central, &config.central.endpoint), |branch| (branch.name.as_str(), &branch.endpoint));
    let row = side_row(code, name, endpoint, branch.as_ref().is_none_or(|branch| branch.enabled), &sealed, last.as_ref(), language);
    let now = Timestamp::now();
    let tests = app.jobs.of(About::Check, Some(code));
    let found = tests.iter().find_map(|job| match job.outcome.as_deref() {
        Some(Outcome::Checked(sides)) => Some(sides.iter().filter(|side| side.side == code).map(|side| checked(side, language)).collect()),
        _ => None,
    });
    let about = |job: &Job| (job.id, format!("{}, {}", job.person, ago(job.began, now, language)));
    let o = OverviewTexts::of(language);
    let zone = branch.as_ref().map_or(TimeZone::UTC, |branch| branch.timezone.clone());
    let page = BranchPage {
        page: visitor.page(app, Tab::Branches),
        t,
        o,
        secret_of: fill(t.new_password, &[&row.user]),
        row,
        is_branch: branch.is_some(),
        file: fill(t.settings_about, &[&config.file.display().to_string()]),
        settings: branch.as_ref().map_or_else(|| central_settings(config, t), |branch| branch_settings(branch, t)),
        notices: notices
            .iter()
            .map(|problem| (words::said_of(code, problem, language), matches!(problem, Problem::CentralRestored { .. })))
            .collect(),
        retry: Button::Retry.label(language),
        recreate: Button::Recreate.label(language),
        ignore: Button::Ignore.label(language),
        error: last.and_then(|last| last.error).map(|problem| words::said_of(code, &problem, language)),
        paused: paused.map(|paused| fill(o.paused_by, &[&paused.person, &moment(paused.at, &zone), &paused.reason])),
        last_test: tests.first().map(about),
        tested: found.unwrap_or_default(),
        j: JobTexts::of(language),
        wrong: wrong.map(str::to_owned),
    };
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, Html(page.render()?)).into_response())
}

fn endpoint_settings(endpoint: &Endpoint) -> Vec<(&'static str, String)> {
    let mut settings = vec![
        ("url", endpoint.url.clone()),
        ("database", endpoint.database.clone()),
        ("user", endpoint.user.clone()),
        ("timeout", format!("{} s", endpoint.timeout.as_secs())),
        ("protocol", endpoint.protocol.map_or("auto", Protocol::code).to_owned()),
    ];
    settings.extend(endpoint.ca_file.as_ref().map(|file| ("ca_file", file.display().to_string())));
    if endpoint.allow_http {
        settings.push(("allow_http", "true".to_owned()));
    }
    settings
}

fn central_settings(config: &Config, t: &BranchTexts) -> Vec<(&'static str, String)> {
    let mut settings = endpoint_settings(&config.central.endpoint);
    settings.push(("company", config.central.company.clone().unwrap_or_else(|| t.none.to_owned())));
    settings.push(("writers", config.central.writers.to_string()));
    settings
}

fn branch_settings(branch: &Branch, t: &BranchTexts) -> Vec<(&'static str, String)> {
    let optional = |value: &Option<String>| value.clone().unwrap_or_else(|| t.none.to_owned());
    let pairs = |pairs: &std::collections::BTreeMap<String, String>| {
        if pairs.is_empty() {
            t.none.to_owned()
        } else {
            pairs.iter().map(|(from, to)| format!("{from} = {to}")).collect::<Vec<_>>().join("; ")
        }
    };
    let mut settings = endpoint_settings(&branch.endpoint);
    settings.extend([
        ("from", branch.from.to_string()),
        ("timezone", branch.timezone.iana_name().unwrap_or("UTC").to_owned()),
        match &branch.schedule {
            Schedule::Every { every, .. } => ("every", format!("{} s", every.as_secs())),
            Schedule::Cron { cron } => ("cron", cron.clone()),
        },
        ("shops", if branch.shops.is_empty() { t.all.to_owned() } else { branch.shops.join(", ") }),
        ("receive", if branch.receive == Receive::Paid { "paid" } else { "closed" }.to_owned()),
        ("invoiced", if branch.invoiced == Invoiced::Mark { "mark" } else { "skip" }.to_owned()),
        ("customer", branch.customer.clone()),
        ("unknown_customer", if branch.unknown_customer == UnknownCustomer::Default { "default" } else { "problem" }.to_owned()),
        ("company", optional(&branch.company)),
        ("warehouse", optional(&branch.warehouse)),
        ("pricelist", optional(&branch.pricelist)),
        ("team", optional(&branch.team)),
        ("salesperson", optional(&branch.salesperson)),
        (
            "match_products",
            branch
                .match_products
                .iter()
                .map(|by| if *by == MatchProduct::Barcode { "barcode" } else { "default_code" })
                .collect::<Vec<_>>()
                .join(", "),
        ),
        (
            "rounding",
            branch.rounding.as_ref().map_or_else(|| t.none.to_owned(), |rounding| format!("{}, {}", rounding.product, rounding.limit)),
        ),
        ("salespeople", pairs(&branch.salespeople)),
        ("taxes", pairs(&branch.taxes)),
        ("products", pairs(&branch.products)),
        (
            "send",
            if branch.send.kinds.is_empty() {
                t.none.to_owned()
            } else {
                branch.send.kinds.keys().map(|kind| kind.table()).collect::<Vec<_>>().join(", ")
            },
        ),
    ]);
    settings
}

async fn check_all(State(app): State<App>, visitor: Visitor) -> Result<Response, PageError> {
    let branches = app.bridge().config.branches.iter().filter(|branch| branch.enabled).cloned().collect();
    start_check(&app, &visitor, branches, "/branches").await
}

async fn check(State(app): State<App>, visitor: Visitor, Path(code): Path<String>) -> Result<Response, PageError> {
    let branches = if code == Side::CENTRAL { Vec::new() } else { vec![branch_of(&app, &code)?] };
    start_check(&app, &visitor, branches, &format!("/branches/{code}")).await
}

async fn start_check(app: &App, visitor: &Visitor, branches: Vec<Branch>, back: &str) -> Result<Response, PageError> {
    let codes: Vec<String> =
        if branches.is_empty() { vec![Side::CENTRAL.to_owned()] } else { branches.iter().map(|branch| branch.code.to_string()).collect() };
    app.note(visitor, "check", None, None, &codes.join(", ")).await;
    let bridge = app.bridge();
    let work = async move {
        match sync::check(&bridge.store, &bridge.config, &branches).await {
            Ok(sides) => Outcome::Checked(sides),
            Err(error) => Outcome::Broken(error.to_string()),
        }
    };
    Ok(app.begin(About::Check, visitor, codes, back, work))
}

async fn set_password(State(app): State<App>, visitor: Visitor, Path(code): Path<String>, fields: Fields) -> Result<Response, PageError> {
    let t = BranchTexts::of(visitor.language);
    let bridge = app.bridge();
    let endpoint = if code == Side::CENTRAL { bridge.config.central.endpoint.clone() } else { branch_of(&app, &code)?.endpoint };
    if !is_himself(&app, &visitor, fields.one("own").to_owned()).await? {
        return show(&app, &visitor, &code, Some(PeopleTexts::of(visitor.language).not_your_password)).await;
    }
    let password = fields.one("secret");
    if password.is_empty() || password.len() > PASSWORD_MAX {
        return show(&app, &visitor, &code, Some(t.password_wrong)).await;
    }
    let password = SecretString::from(password.to_owned());
    let owner = code.clone();
    let sealed = tokio::task::spawn_blocking(move || {
        let keys = KeyRing::load(&bridge.config.state)?;
        keys.seal(&owner, "password", &bound(&endpoint.url, &endpoint.user), &password)
    });
    let sealed =
        sealed.await.map_err(|error| PageError::Broken(error.to_string()))?.map_err(|error| PageError::Broken(error.to_string()))?;
    let secret = Sealed { owner: code.clone(), field: "password".to_owned(), sealed, updated_at: Timestamp::now() };
    app.store.run(move |store| store.put_secrets(&[secret])).await?;
    app.note(&visitor, "secret", Some(&code), None, "").await;
    Ok(visitor.on_to(&app, &format!("/branches/{code}"), t.password_set))
}

/// Ends what is said about a whole branch, as `posbridge retry --branch` does; what waits in it goes again.
async fn end_notice(State(app): State<App>, visitor: Visitor, Path(code): Path<String>) -> Result<Response, PageError> {
    let code = branch_of(&app, &code)?.code;
    {
        let code = code.clone();
        app.store
            .run(move |store| {
                store.end_notices(&code)?;
                store.retry(&Filter { branch: Some(code.to_string()), ..Filter::default() }, false, Timestamp::now())
            })
            .await?;
    }
    app.note(&visitor, "notice", Some(code.as_str()), None, "").await;
    Ok(visitor.on_to(&app, &format!("/branches/{code}"), BranchTexts::of(visitor.language).notice_ended))
}

/// The drafts that vanished from central together: written again, each once.
async fn recreate_lost(State(app): State<App>, visitor: Visitor, Path(code): Path<String>) -> Result<Response, PageError> {
    let code = branch_of(&app, &code)?.code;
    let lost = lost_drafts(code.as_str());
    let again = app.store.run(move |store| store.retry(&lost, true, Timestamp::now())).await?;
    app.note(&visitor, "recreate", Some(code.as_str()), None, &again.len().to_string()).await;
    let said = fill(BranchTexts::of(visitor.language).recreated, &[&again.len()]);
    Ok(visitor.on_to(&app, &format!("/branches/{code}"), said))
}

/// The drafts that vanished from central together: it is right so.
async fn ignore_lost(State(app): State<App>, visitor: Visitor, Path(code): Path<String>, fields: Fields) -> Result<Response, PageError> {
    let code = branch_of(&app, &code)?.code;
    let reason = clean(fields.one("reason"), REASON_MAX);
    if reason.is_empty() {
        return Ok(visitor.on_to(&app, &format!("/branches/{code}"), OverviewTexts::of(visitor.language).reason_needed));
    }
    let (lost, why) = (lost_drafts(code.as_str()), reason.clone());
    let ignored = app.store.run(move |store| store.ignore(&lost, &why, Timestamp::now())).await?;
    app.note(&visitor, "ignore", Some(code.as_str()), None, &format!("{}: {reason}", ignored.len())).await;
    Ok(visitor.on_to(&app, &format!("/branches/{code}"), BranchTexts::of(visitor.language).notice_ended))
}

fn lost_drafts(branch: &str) -> Filter {
    Filter { branch: Some(branch.to_owned()), cause: Some(Problem::DRAFT_LOST.to_owned()), ..Filter::default() }
}

/// A side that was looked at, step by step.
pub struct CheckedSide {
    pub name: String,
    pub steps: Vec<CheckedStep>,
}

/// One step.
pub struct CheckedStep {
    pub name: String,
    pub result: &'static str,
    pub class: &'static str,
    pub what: String,
    pub next_step: Option<words::Marked>,
}

/// What a test of a side found.
pub fn checked(side: &Checked, language: Language) -> CheckedSide {
    let t = JobTexts::of(language);
    let steps = side.steps.iter().map(|step| {
        let (result, class) = match step.result {
            Verdict::Ok => (t.ok, "good"),
            Verdict::Warning => (t.warning, "warn"),
            Verdict::Failed => (t.failed, "bad"),
            Verdict::Skipped => (t.skipped, "calm"),
        };
        let said = step.problem.as_ref().map(|problem| words::said_of(&side.side, problem, language));
        let (what, next_step) = match said {
            Some(said) => (said.what, Some(said.next_step)),
            None => (step.what.clone(), step.next_step.as_deref().map(words::Marked::new)),
        };
        CheckedStep { name: step.step.replace('_', " "), result, class, what, next_step }
    });
    CheckedSide { name: side.side.clone(), steps: steps.collect() }
}
