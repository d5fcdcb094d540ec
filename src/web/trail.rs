//! The trail: who did what.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{Html, IntoResponse, Response};
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::dashboard::App;
use super::error::PageError;
use super::guard::{Page, Route, Tab, Visitor, encoded};
use super::texts::TrailTexts;
use super::time::moment;
use crate::store::{Done, Role, TRAIL_PAGE, TrailFilter};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get(Role::Admin, "/trail", list)]
}

#[derive(Template)]
#[template(path = "trail.html", config = "src/web/askama.toml")]
struct TrailPage {
    page: Page,
    t: &'static TrailTexts,
    rows: Vec<Row>,
    person: String,
    older: Option<String>,
}

struct Row {
    when: String,
    who: String,
    what: String,
    branch: Option<String>,
    record: Option<i64>,
    detail: String,
}

#[derive(Debug, Deserialize)]
struct Asked {
    #[serde(default)]
    person: String,
    before: Option<i64>,
}

async fn list(State(app): State<App>, visitor: Visitor, Query(asked): Query<Asked>) -> Result<Response, PageError> {
    let t = TrailTexts::of(visitor.language);
    let person = asked.person.trim().to_lowercase();
    let filter = TrailFilter { person: Some(person.clone()).filter(|person| !person.is_empty()), before: asked.before };
    let done = app.store.run(move |store| store.trail(&filter)).await?;
    let older = (done.len() == TRAIL_PAGE)
        .then(|| done.last().map(|last| format!("/trail?before={}&person={}", last.id, encoded(&person))))
        .flatten();
    let rows = done.into_iter().map(|done| row(done, t)).collect();
    Ok(Html(TrailPage { page: visitor.page(&app, Tab::Trail), t, rows, person, older }.render()?).into_response())
}

fn row(done: Done, t: &TrailTexts) -> Row {
    let what = match done.action.as_str() {
        "sign_in" => t.sign_in,
        "sign_in_refused" => t.sign_in_refused,
        "sign_out" => t.sign_out,
        "sign_out_everywhere" => t.sign_out_everywhere,
        "refused" => t.refused,
        "password" => t.password,
        "person_added" => t.person_added,
        "person_changed" => t.person_changed,
        "person_removed" => t.person_removed,
        "person_password" => t.person_password,
        "receive" => t.receive,
        "pause" => t.pause,
        "resume" => t.resume,
        "retry" => t.retry,
        "recreate" => t.recreate,
        "ignore" => t.ignore,
        "map" => t.map,
        "send" => t.send,
        "queue" => t.queue,
        "secret" => t.secret,
        "check" => t.check,
        "reconcile" => t.reconcile,
        "audit" => t.audit,
        "notice" => t.notice,
        other => other,
    };
    let who = if done.person.is_empty() { t.nobody.to_owned() } else { done.person };
    Row {
        when: moment(done.at, &TimeZone::UTC),
        who,
        what: what.to_owned(),
        branch: done.branch,
        record: done.record,
        detail: crate::problem::clean(&done.detail, 500),
    }
}
