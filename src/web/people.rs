//! People and roles, for admins; one's own account, for everybody.

use askama::Template;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::dashboard::App;
use super::error::PageError;
use super::guard::{Page, Route, Tab, Visitor};
use super::password;
use super::sign_in::{login_of, signed_out};
use super::texts::{PeopleTexts, fill};
use super::time::{ago, moment};
use crate::store::Role;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(Role::Admin, "/people", list),
        Route::post(Role::Admin, "/people/add", add),
        Route::post(Role::Admin, "/people/change", change),
        Route::post(Role::Admin, "/people/password", reset),
        Route::post(Role::Admin, "/people/remove", remove),
        Route::get(Role::Viewer, "/account", account),
        Route::post(Role::Viewer, "/account/password", own_password),
        Route::post(Role::Viewer, "/account/sign-out-everywhere", everywhere),
    ]
}

#[derive(Template)]
#[template(path = "people.html", config = "src/web/askama.toml")]
struct PeoplePage {
    page: Page,
    t: &'static PeopleTexts,
    people: Vec<PersonRow>,
    roles: [(&'static str, &'static str); 3],
    wrong: Option<String>,
}

struct PersonRow {
    login: String,
    role: &'static str,
    state: String,
    is_out: bool,
    last_here: String,
    password_since: String,
}

fn roles(page: &Page) -> [(&'static str, &'static str); 3] {
    [(Role::Viewer.as_str(), page.c.viewer), (Role::Operator.as_str(), page.c.operator), (Role::Admin.as_str(), page.c.admin)]
}

async fn list(State(app): State<App>, visitor: Visitor) -> Result<Response, PageError> {
    show(&app, &visitor, None).await
}

async fn show(app: &App, visitor: &Visitor, wrong: Option<&str>) -> Result<Response, PageError> {
    let t = PeopleTexts::of(visitor.language);
    let now = Timestamp::now();
    let page = visitor.page(app, Tab::People);
    let people = app.store.run(|store| store.people()).await?;
    let row = |person: crate::store::Person| PersonRow {
        role: person.role.as_str(),
        state: match person.disabled_at {
            None => t.may_sign_in.to_owned(),
            Some(at) => fill(t.out, &[&moment(at, &TimeZone::UTC)]),
        },
        is_out: person.disabled_at.is_some(),
        last_here: person.seen_at.map_or_else(|| "–".to_owned(), |at| ago(at, now, visitor.language)),
        password_since: moment(person.password_at, &TimeZone::UTC),
        login: person.login,
    };
    let people = people.into_iter().map(row).collect();
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let html = PeoplePage { roles: roles(&page), page, t, people, wrong: wrong.map(str::to_owned) }.render()?;
    Ok((status, Html(html)).into_response())
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    login: String,
    #[serde(default)]
    role: String,
    /// Present when the box is ticked.
    may_sign_in: Option<String>,
    /// The new password of that person.
    #[serde(default)]
    password: String,
    /// The admin's own.
    #[serde(default)]
    own: String,
}

/// Whether he who is signed in has typed his own password; slowed down like signing in.
pub async fn is_himself(app: &App, visitor: &Visitor, typed: String) -> Result<bool, PageError> {
    let login = visitor.login().to_owned();
    if let Some(wait) = app.tries.must_wait(&login, visitor.address) {
        return Err(PageError::TooMany(wait.as_secs() + 1));
    }
    let found = {
        let login = login.clone();
        app.store.run(move |store| store.person(&login)).await?
    };
    let fits = password::matches(typed, found.map(|(_, hashed)| hashed)).await;
    app.tries.tried(&login, visitor.address, fits);
    if fits {
        let hash = visitor.token_hash.clone();
        app.store.run(move |store| store.prove(&hash, Timestamp::now())).await?;
    }
    Ok(fits)
}

async fn add(State(app): State<App>, visitor: Visitor, Form(asked): Form<Asked>) -> Result<Response, PageError> {
    let t = PeopleTexts::of(visitor.language);
    if !is_himself(&app, &visitor, asked.own).await? {
        return show(&app, &visitor, Some(t.not_your_password)).await;
    }
    let (Some(login), Some(role)) = (login_of(&asked.login), Role::parse(&asked.role)) else {
        return show(&app, &visitor, Some(t.login_wrong)).await;
    };
    if let Some(mistake) = password::mistake(&asked.password, &login, visitor.language) {
        return show(&app, &visitor, Some(&mistake)).await;
    }
    let hashed = password::hash_aside(asked.password).await.map_err(PageError::Broken)?;
    let added = {
        let login = login.clone();
        app.store.run(move |store| store.add_person(&login, role, &hashed, Timestamp::now())).await?
    };
    if !added {
        return show(&app, &visitor, Some(t.login_taken)).await;
    }
    app.note(&visitor, "person_added", None, None, &format!("{login}, {}", role.as_str())).await;
    let c = visitor.page(&app, Tab::People).c;
    Ok(visitor.on_to(&app, "/people", c.done))
}

async fn change(State(app): State<App>, visitor: Visitor, Form(asked): Form<Asked>) -> Result<Response, PageError> {
    let t = PeopleTexts::of(visitor.language);
    if !is_himself(&app, &visitor, asked.own).await? {
        return show(&app, &visitor, Some(t.not_your_password)).await;
    }
    let (Some(login), Some(role)) = (login_of(&asked.login), Role::parse(&asked.role)) else { return Err(PageError::BadRequest) };
    let out = asked.may_sign_in.is_none();
    let changed = {
        let login = login.clone();
        app.store.run(move |store| store.change_person(&login, role, out, Timestamp::now())).await?
    };
    if !changed {
        return show(&app, &visitor, Some(t.last_admin)).await;
    }
    let state = if out { "may not sign in" } else { "may sign in" };
    app.note(&visitor, "person_changed", None, None, &format!("{login}, {}, {state}", role.as_str())).await;
    let c = visitor.page(&app, Tab::People).c;
    Ok(visitor.on_to(&app, "/people", c.done))
}

async fn reset(State(app): State<App>, visitor: Visitor, Form(asked): Form<Asked>) -> Result<Response, PageError> {
    let t = PeopleTexts::of(visitor.language);
    if !is_himself(&app, &visitor, asked.own).await? {
        return show(&app, &visitor, Some(t.not_your_password)).await;
    }
    let Some(login) = login_of(&asked.login) else { return Err(PageError::BadRequest) };
    if let Some(mistake) = password::mistake(&asked.password, &login, visitor.language) {
        return show(&app, &visitor, Some(&mistake)).await;
    }
    set(&app, &visitor, &login, asked.password).await?;
    app.note(&visitor, "person_password", None, None, &login).await;
    let c = visitor.page(&app, Tab::People).c;
    Ok(visitor.on_to(&app, "/people", c.done))
}

async fn set(app: &App, visitor: &Visitor, login: &str, password: String) -> Result<(), PageError> {
    let hashed = password::hash_aside(password).await.map_err(PageError::Broken)?;
    let (login, keep) = (login.to_owned(), (login == visitor.login()).then(|| visitor.token_hash.clone()));
    let set = app.store.run(move |store| store.set_person_password(&login, &hashed, keep.as_deref(), Timestamp::now())).await?;
    if set { Ok(()) } else { Err(PageError::NotFound) }
}

async fn remove(State(app): State<App>, visitor: Visitor, Form(asked): Form<Asked>) -> Result<Response, PageError> {
    let t = PeopleTexts::of(visitor.language);
    if !is_himself(&app, &visitor, asked.own).await? {
        return show(&app, &visitor, Some(t.not_your_password)).await;
    }
    let Some(login) = login_of(&asked.login) else { return Err(PageError::BadRequest) };
    let removed = {
        let login = login.clone();
        app.store.run(move |store| store.remove_person(&login)).await?
    };
    if !removed {
        return show(&app, &visitor, Some(t.last_admin)).await;
    }
    app.note(&visitor, "person_removed", None, None, &login).await;
    let c = visitor.page(&app, Tab::People).c;
    Ok(visitor.on_to(&app, "/people", c.done))
}

#[derive(Template)]
#[template(path = "account.html", config = "src/web/askama.toml")]
struct AccountPage {
    page: Page,
    t: &'static PeopleTexts,
    role: &'static str,
    sign_ins: Vec<SignInRow>,
    wrong: Option<String>,
}

struct SignInRow {
    created: String,
    seen: String,
    agent: String,
    here: bool,
}

async fn account(State(app): State<App>, visitor: Visitor) -> Result<Response, PageError> {
    show_account(&app, &visitor, None).await
}

async fn show_account(app: &App, visitor: &Visitor, wrong: Option<&str>) -> Result<Response, PageError> {
    let Some(person) = visitor.person() else { return Err(PageError::Forbidden) };
    let (id, role) = (person.id, person.role);
    let now = Timestamp::now();
    let sign_ins = app.store.run(move |store| store.sign_ins(id)).await?;
    let row = |one: crate::store::SignIn| SignInRow {
        created: moment(one.created_at, &TimeZone::UTC),
        seen: ago(one.seen_at, now, visitor.language),
        here: one.token_hash == visitor.token_hash,
        agent: one.agent,
    };
    let page = visitor.page(app, Tab::Account);
    let role = roles(&page).into_iter().find(|(name, _)| *name == role.as_str()).map_or("", |(_, name)| name);
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let t = PeopleTexts::of(visitor.language);
    let html =
        AccountPage { page, t, role, sign_ins: sign_ins.into_iter().map(row).collect(), wrong: wrong.map(str::to_owned) }.render()?;
    Ok((status, Html(html)).into_response())
}

async fn own_password(State(app): State<App>, visitor: Visitor, Form(asked): Form<Asked>) -> Result<Response, PageError> {
    let t = PeopleTexts::of(visitor.language);
    if !is_himself(&app, &visitor, asked.own).await? {
        return show_account(&app, &visitor, Some(t.not_your_password)).await;
    }
    if let Some(mistake) = password::mistake(&asked.password, visitor.login(), visitor.language) {
        return show_account(&app, &visitor, Some(&mistake)).await;
    }
    set(&app, &visitor, visitor.login(), asked.password).await?;
    app.note(&visitor, "password", None, None, "").await;
    Ok(visitor.on_to(&app, "/account", t.password_set))
}

async fn everywhere(State(app): State<App>, visitor: Visitor) -> Result<Response, PageError> {
    let Some(id) = visitor.person().map(|person| person.id) else { return Err(PageError::Forbidden) };
    app.store.run(move |store| store.sign_out_everywhere(id)).await?;
    app.note(&visitor, "sign_out_everywhere", None, None, "").await;
    signed_out(&app)
}
