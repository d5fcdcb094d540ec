//! Signing in and out.
//!
//! Whoever guesses is slowed down, by account and address; nobody can lock somebody else out for longer than some
//! seconds. Who is unknown takes as long to refuse, in the same words, as who is known.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde::Deserialize;

use super::dashboard::{App, Recent};
use super::error::PageError;
use super::guard::{Page, Route, Visitor, new_token, token_hash};
use super::password;
use super::texts::fill;
use crate::store::{LONGEST, Role};

/// Accounts and addresses that are remembered: more than a support desk has, and some megabytes at most.
const REMEMBERED: usize = 10_000;
/// Wrong passwords that cost nothing: fingers slip.
const FREE: u32 = 4;
/// Longest pause for one account from one address, and for one address whatever the account.
const PAUSE: Duration = Duration::from_secs(60);
/// Longest pause for an account from anywhere: what a stranger can do to its owner.
const ACCOUNT_PAUSE: Duration = Duration::from_secs(5);
/// Longest login.
const LOGIN_MAX: usize = 64;

/// Who tried in vain, and until when he has to wait.
#[derive(Debug)]
pub struct Tries(Mutex<Recent<Key, (u32, Instant)>>);

/// An account from an address, from anywhere, or an address whatever the account.
type Key = (Option<String>, Option<IpAddr>);

impl Default for Tries {
    fn default() -> Self {
        Self(Mutex::new(Recent::new(REMEMBERED)))
    }
}

impl Tries {
    fn keys(login: &str, address: IpAddr) -> [(Key, Duration); 3] {
        let login = login.to_owned();
        [((Some(login.clone()), Some(address)), PAUSE), ((None, Some(address)), PAUSE), ((Some(login), None), ACCOUNT_PAUSE)]
    }

    /// How long he has to wait before he may try.
    fn wait(&self, login: &str, address: IpAddr, now: Instant) -> Duration {
        let tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waits =
            Self::keys(login, address).map(|(key, _)| tries.get(&key).map_or(Duration::ZERO, |(_, until)| until.duration_since(now)));
        waits.into_iter().max().unwrap_or_default()
    }

    fn failed(&self, login: &str, address: IpAddr, now: Instant) {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, longest) in Self::keys(login, address) {
            let count = tries.get(&key).map_or(0, |(count, _)| *count) + 1;
            let pause = Duration::from_secs(1 << count.saturating_sub(FREE).min(6)).min(longest);
            let pause = if count <= FREE { Duration::ZERO } else { pause };
            tries.put(key, (count, now + pause));
        }
    }

    /// How long somebody who types a password again has to wait; `None` = not at all.
    pub fn must_wait(&self, login: &str, address: IpAddr) -> Option<Duration> {
        Some(self.wait(login, address, Instant::now())).filter(|wait| !wait.is_zero())
    }

    /// Notes how it went.
    pub fn tried(&self, login: &str, address: IpAddr, fits: bool) {
        if fits { self.succeeded(login, address) } else { self.failed(login, address, Instant::now()) }
    }

    fn succeeded(&self, login: &str, address: IpAddr) {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, _) in Self::keys(login, address) {
            tries.forget(&key);
        }
    }
}

/// A login as it is kept: without blanks around it, in small letters; `None` if it is none.
pub fn login_of(text: &str) -> Option<String> {
    let login = text.trim().to_lowercase();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-@".contains(c);
    ((1..=LOGIN_MAX).contains(&login.len()) && login.chars().all(fits)).then_some(login)
}

pub(super) fn routes() -> Vec<Route> {
    vec![Route::open("/sign-in", page), Route::open_post("/sign-in", sign_in), Route::post(Role::Viewer, "/sign-out", sign_out)]
}

#[derive(Template)]
#[template(path = "sign_in.html", config = "src/web/askama.toml")]
struct SignInPage {
    page: Page,
    to: String,
    login: String,
    refused: Option<String>,
    /// Whether there is anybody who could.
    nobody: bool,
}

#[derive(Debug, Deserialize)]
struct To {
    #[serde(default)]
    to: String,
}

/// Only our own pages: `//elsewhere` would be another server.
fn own(to: &str) -> &str {
    let is_own = to.starts_with('/') && !to.starts_with("//") && !to.contains(['\\', '\r', '\n']);
    if is_own { to } else { "/" }
}

async fn page(State(app): State<App>, visitor: Visitor, Query(To { to }): Query<To>) -> Result<Response, PageError> {
    if visitor.person().is_some() {
        return Ok(Redirect::to(own(&to)).into_response());
    }
    form(&app, &visitor, &to, "", None).await
}

async fn form(app: &App, visitor: &Visitor, to: &str, login: &str, refused: Option<String>) -> Result<Response, PageError> {
    let nobody = app.store.run(|store| store.people()).await?.is_empty();
    let status = if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = SignInPage { page: Page::nobody(visitor.language), to: own(to).to_owned(), login: login.to_owned(), refused, nobody };
    Ok((status, Html(page.render()?)).into_response())
}

#[derive(Deserialize)]
struct SignIn {
    login: String,
    password: String,
    #[serde(default)]
    to: String,
}

async fn sign_in(State(app): State<App>, visitor: Visitor, Form(typed): Form<SignIn>) -> Result<Response, PageError> {
    let c = Page::nobody(visitor.language).c;
    let login = login_of(&typed.login).unwrap_or_default();
    let wait = app.tries.wait(&login, visitor.address, Instant::now());
    if !wait.is_zero() {
        let seconds = wait.as_secs() + 1;
        let mut answer = form(&app, &visitor, &typed.to, &login, Some(fill(c.wait_seconds, &[&seconds]))).await?;
        *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        return Ok(answer);
    }
    let found = {
        let login = login.clone();
        app.store.run(move |store| store.person(&login)).await?
    };
    let found = found.filter(|(person, _)| person.disabled_at.is_none());
    let (person, hashed) = found.unzip();
    let fits = password::matches(typed.password, hashed).await;
    let (Some(person), true) = (person, fits) else {
        app.tries.failed(&login, visitor.address, Instant::now());
        // A password typed into the wrong field would stand in the trail: only a login that fits is noted.
        app.note(&visitor, "sign_in_refused", None, None, &format!("{login} {}", visitor.address)).await;
        return form(&app, &visitor, &typed.to, &login, Some(c.wrong_password.to_owned())).await;
    };
    app.tries.succeeded(&login, visitor.address);
    let token = new_token()?;
    let (hash, agent, id) = (token_hash(&token), visitor.agent.clone(), person.id);
    app.store.run(move |store| store.sign_in(id, &hash, &agent, Timestamp::now())).await?;
    let known = Visitor { signed_in: Some(crate::store::SignedIn { person, proved_at: Timestamp::now() }), ..visitor };
    app.note(&known, "sign_in", None, None, &known.address.to_string()).await;
    let mut answer = Redirect::to(own(&typed.to)).into_response();
    answer.headers_mut().insert(header::SET_COOKIE, set_cookie(&app, &token, LONGEST.as_secs())?);
    Ok(answer)
}

async fn sign_out(State(app): State<App>, visitor: Visitor) -> Result<Response, PageError> {
    let hash = visitor.token_hash.clone();
    app.store.run(move |store| store.sign_out(&hash)).await?;
    app.note(&visitor, "sign_out", None, None, "").await;
    signed_out(&app)
}

/// Forgets the cookie and shows the form.
pub fn signed_out(app: &App) -> Result<Response, PageError> {
    let mut answer = Redirect::to("/sign-in").into_response();
    answer.headers_mut().insert(header::SET_COOKIE, set_cookie(app, "", 0)?);
    Ok(answer)
}

fn set_cookie(app: &App, token: &str, seconds: i64) -> Result<HeaderValue, PageError> {
    let secure = if app.is_secure() { "; Secure" } else { "" };
    let cookie = format!("{}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}", app.cookie_name());
    HeaderValue::from_str(&cookie).map_err(|error| PageError::Broken(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessing_gets_slower_and_a_stranger_locks_nobody_out() {
        let tries = Tries::default();
        let (here, there): (IpAddr, IpAddr) = ("10.0.0.1".parse().expect("an address"), "10.0.0.2".parse().expect("an address"));
        let now = Instant::now();
        for _ in 0..FREE {
            tries.failed("anna", here, now);
            assert!(tries.wait("anna", here, now).is_zero());
        }
        for _ in 0..20 {
            tries.failed("anna", here, now);
        }
        assert_eq!(tries.wait("anna", here, now), PAUSE);
        assert_eq!(tries.wait("ben", here, now), PAUSE, "whoever guesses at one account guesses at the next");
        assert_eq!(tries.wait("anna", there, now), ACCOUNT_PAUSE);
        assert!(tries.wait("ben", there, now).is_zero());
        assert!(tries.wait("anna", here, now + PAUSE).is_zero());
        tries.succeeded("anna", here);
        assert!(tries.wait("anna", here, now).is_zero());
    }

    #[test]
    fn only_our_own_pages_are_gone_to() {
        assert_eq!(own("/log?state=failed"), "/log?state=failed");
        for to in ["https://evil.example", "//evil.example", "/\\evil.example", "", "javascript:alert(1)"] {
            assert_eq!(own(to), "/", "{to}");
        }
    }

    #[test]
    fn a_login_is_plain() {
        assert_eq!(login_of(" Anna.B ").as_deref(), Some("anna.b"));
        for text in ["", "anna b", "анна", &"a".repeat(65), "a<b>"] {
            assert_eq!(login_of(text), None, "{text}");
        }
    }
}
