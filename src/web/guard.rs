//! Who asks, and whether he may: looked at before any page.
//!
//! A route says which role it needs; one that says nothing does not exist. What changes something is a POST from our own
//! pages: the browser says so (`Sec-Fetch-Site`, `Origin`), the cookie goes to our own site only, and the form brings a
//! word that other sites cannot know.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::handler::Handler;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::assets;
use super::dashboard::App;
use super::error::PageError;
use super::serve::Peer;
use super::texts::CommonTexts;
use crate::model::Language;
use crate::store::{Note, Person, Role, SignedIn};

/// Longest form: a list of some thousand record numbers.
const FORM_MAX: usize = 64 * 1024;
/// Bytes of a session's token: 256 bits.
const TOKEN: usize = 32;
/// The word that a form of ours brings.
pub const CSRF: &str = "csrf";

/// A page or an action, and who may use it.
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    /// The least role; `None` = anybody, also who is not signed in.
    pub role: Option<Role>,
    pub handler: MethodRouter<App>,
}

impl Route {
    /// A page.
    pub fn get<H: Handler<T, App>, T: 'static>(role: Role, path: &'static str, handler: H) -> Self {
        Self { method: Method::GET, path, role: Some(role), handler: get(handler) }
    }

    /// An action.
    pub fn post<H: Handler<T, App>, T: 'static>(role: Role, path: &'static str, handler: H) -> Self {
        Self { method: Method::POST, path, role: Some(role), handler: post(handler) }
    }

    /// A page for anybody.
    pub fn open<H: Handler<T, App>, T: 'static>(path: &'static str, handler: H) -> Self {
        Self { method: Method::GET, path, role: None, handler: get(handler) }
    }

    /// An action of somebody who is not signed in.
    pub fn open_post<H: Handler<T, App>, T: 'static>(path: &'static str, handler: H) -> Self {
        Self { method: Method::POST, path, role: None, handler: post(handler) }
    }
}

/// Whose request it is. Every handler can ask for one; without a person nobody is signed in.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// What his browser prefers.
    pub language: Language,
    /// Where he is.
    pub address: IpAddr,
    /// Who he is, on a page that needs a role.
    pub signed_in: Option<SignedIn>,
    /// Under which token, hashed.
    pub token_hash: String,
    /// The word for his forms.
    pub csrf: String,
    /// What his browser calls itself, cut short.
    pub agent: String,
}

impl Visitor {
    /// His login; empty if nobody is signed in.
    pub fn login(&self) -> &str {
        self.person().map_or("", |person| &person.login)
    }

    /// Who he is.
    pub fn person(&self) -> Option<&Person> {
        self.signed_in.as_ref().map(|signed_in| &signed_in.person)
    }

    /// What stands around a page of his.
    pub fn page(&self, app: &App, tab: Tab) -> Page {
        Page {
            language: self.language,
            c: CommonTexts::of(self.language),
            login: self.login().to_owned(),
            role: self.person().map(|person| person.role),
            csrf: self.csrf.clone(),
            tab: Some(tab),
            flash: app.flashes.take(&self.token_hash),
        }
    }

    /// Sends him on after an action, with what is to be said there.
    pub fn on_to(&self, app: &App, path: &str, said: impl Into<String>) -> Response {
        app.flashes.put(&self.token_hash, said.into());
        Redirect::to(path).into_response()
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts.extensions.get::<Visitor>().cloned().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// The parts of the dashboard, as the menu has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    Overview,
    Log,
    Send,
    Branches,
    Sales,
    Agreement,
    Trail,
    People,
    Account,
}

/// What stands around a page.
#[derive(Debug, Clone)]
pub struct Page {
    pub language: Language,
    pub c: &'static CommonTexts,
    pub login: String,
    pub role: Option<Role>,
    pub csrf: String,
    pub tab: Option<Tab>,
    /// What is to be said once.
    pub flash: Option<String>,
}

impl Page {
    /// For somebody who is not signed in.
    pub fn nobody(language: Language) -> Self {
        Self { language, c: CommonTexts::of(language), login: String::new(), role: None, csrf: String::new(), tab: None, flash: None }
    }

    /// The menu: address, name, whether it is this page.
    pub fn menu(&self) -> Vec<(&'static str, &'static str, bool)> {
        let Some(role) = self.role else { return Vec::new() };
        let c = self.c;
        let all = [
            (Tab::Overview, "/", c.overview, Role::Viewer),
            (Tab::Log, "/log", c.log, Role::Viewer),
            (Tab::Send, "/send", c.send, Role::Operator),
            (Tab::Branches, "/branches", c.branches, Role::Viewer),
            (Tab::Sales, "/sales", c.sales, Role::Viewer),
            (Tab::Agreement, "/agreement", c.agreement, Role::Viewer),
            (Tab::Trail, "/trail", c.trail, Role::Admin),
            (Tab::People, "/people", c.people, Role::Admin),
        ];
        all.into_iter().filter(|(.., least)| role >= *least).map(|(tab, path, name, _)| (path, name, self.tab == Some(tab))).collect()
    }

    /// Whether he may do more than look.
    pub fn may_act(&self) -> bool {
        self.role.is_some_and(|role| role >= Role::Operator)
    }

    /// Whether he keeps people and passwords.
    pub fn is_admin(&self) -> bool {
        self.role == Some(Role::Admin)
    }

    /// The address of an asset, which changes with its content.
    pub fn asset(&self, name: &str) -> String {
        assets::path(name)
    }
}

/// What the guard of a route knows.
#[derive(Clone)]
pub struct Gate {
    pub app: App,
    pub role: Option<Role>,
    /// Whether the route is an action.
    pub changes: bool,
}

/// Looks at a request before its page does, and makes the answer safe to show.
pub async fn guard(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let language = language(request.headers());
    let mut visitor = Visitor {
        language,
        address: gate.app.client_address(request.extensions().get::<Peer>(), request.headers()),
        signed_in: None,
        token_hash: String::new(),
        csrf: String::new(),
        agent: agent(request.headers()),
    };
    let answer = match admit(&gate, &mut visitor, request).await {
        Ok(mut request) => {
            request.extensions_mut().insert(visitor.clone());
            next.run(request).await
        }
        Err(Turned::Error(error)) => error.into_response(),
        Err(Turned::SignIn(to)) => Redirect::to(&to).into_response(),
    };
    let answer = in_language(&gate.app, &visitor, answer);
    // Of all answers the assets alone ask to be kept.
    let is_asset = answer.headers().get(header::CACHE_CONTROL).is_some_and(|value| value.as_bytes().starts_with(b"public"));
    with_headers(answer, gate.app.is_secure(), is_asset)
}

enum Turned {
    Error(PageError),
    SignIn(String),
}

impl From<PageError> for Turned {
    fn from(error: PageError) -> Self {
        Self::Error(error)
    }
}

async fn admit(gate: &Gate, visitor: &mut Visitor, request: Request) -> Result<Request, Turned> {
    let changes = gate.changes;
    if changes && !is_from_here(request.headers(), gate.app.public_host().as_deref()) {
        return Err(PageError::BadRequest.into());
    }
    if let Some(token) = cookie(request.headers(), gate.app.cookie_name()) {
        let hash = token_hash(token);
        let found = {
            let hash = hash.clone();
            gate.app.store.run(move |store| store.signed_in(&hash, Timestamp::now())).await.map_err(PageError::Store)?
        };
        if found.is_some() {
            visitor.csrf = csrf_word(token);
            (visitor.token_hash, visitor.signed_in) = (hash, found);
        }
    }
    let Some(least) = gate.role else { return Ok(request) };
    let Some(role) = visitor.person().map(|person| person.role) else {
        let to = if changes { String::new() } else { request.uri().path_and_query().map_or_else(String::new, |to| to.as_str().to_owned()) };
        let to = if to.is_empty() || to == "/" { String::new() } else { format!("?to={}", encoded(&to)) };
        return Err(Turned::SignIn(format!("/sign-in{to}")));
    };
    if role < least {
        gate.app.note(visitor, "refused", None, None, request.uri().path()).await;
        return Err(PageError::Forbidden.into());
    }
    if !changes {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, FORM_MAX).await.map_err(|_| PageError::BadRequest)?;
    let brought = field(&body, CSRF);
    if !brought.is_some_and(|brought| same(brought.as_bytes(), visitor.csrf.as_bytes())) {
        return Err(PageError::BadRequest.into());
    }
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// A page's own error, told in the visitor's language with his menu.
fn in_language(app: &App, visitor: &Visitor, answer: Response) -> Response {
    let Some(error) = answer.extensions().get::<Arc<PageError>>().cloned() else { return answer };
    let page = match visitor.signed_in {
        Some(_) => Page { tab: None, ..visitor.page(app, Tab::Overview) },
        None => Page::nobody(visitor.language),
    };
    error.render(page)
}

/// What keeps a page from being framed, sniffed, cached, or from running anything that is not ours.
fn with_headers(mut answer: Response, secure: bool, is_asset: bool) -> Response {
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                          form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    let headers = answer.headers_mut();
    let mut set = |name: header::HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "same-origin");
    set(header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    if !is_asset {
        set(header::CACHE_CONTROL, "no-store");
    }
    if secure {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    answer
}

/// Whether a browser that tells says that the request comes from a page of ours.
fn is_from_here(headers: &HeaderMap, public_host: Option<&str>) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if text("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
        return false;
    }
    let Some(origin) = text("origin") else { return true };
    let host = origin.split("://").nth(1);
    host.is_some() && (host == text("host") || host == public_host)
}

fn language(headers: &HeaderMap) -> Language {
    let header = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    header.map_or(Language::English, Language::of)
}

fn agent(headers: &HeaderMap) -> String {
    /// What tells browsers apart stands in front.
    const LONGEST: usize = 160;
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    agent.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

/// The value of a cookie.
fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|line| line.split(';')).find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// A new token, from the system's random bytes.
pub fn new_token() -> Result<String, PageError> {
    let mut bytes = [0; TOKEN];
    getrandom::fill(&mut bytes).map_err(|error| PageError::Broken(error.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// What is kept of a token.
pub fn token_hash(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The word for the forms of whoever has this token: it follows from it, and says nothing about it.
pub fn csrf_word(token: &str) -> String {
    let hash = Sha256::new().chain_update(b"form ").chain_update(token.as_bytes()).finalize();
    URL_SAFE_NO_PAD.encode(&hash[..TOKEN / 2])
}

/// Whether two texts are equal, in a time that does not tell where they differ.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |seen, (a, b)| seen | (a ^ b)) == 0
}

/// A field of a form.
fn field(body: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(body).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// A text as it may stand in a query.
pub fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

impl App {
    /// Writes into the trail what somebody did. That it cannot be written is logged, and stops nothing that was done.
    pub async fn note(&self, visitor: &Visitor, action: &'static str, branch: Option<&str>, record: Option<i64>, detail: &str) {
        let (person, branch, detail) = (visitor.login().to_owned(), branch.map(str::to_owned), detail.to_owned());
        let noted = self.store.run(move |store| {
            let note = Note { person: &person, action, branch: branch.as_deref(), record, detail: &detail };
            store.note_done(&note, Timestamp::now())
        });
        if let Err(error) = noted.await {
            tracing::error!(%error, action, "The trail could not be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn what_other_sites_send_is_told_apart() {
        let here = |pairs: &[(&'static str, &'static str)]| is_from_here(&headers(pairs), Some("bridge.example.com"));
        assert!(here(&[]), "not a browser: the word of the form decides");
        assert!(here(&[("sec-fetch-site", "same-origin"), ("origin", "http://127.0.0.1:8471"), ("host", "127.0.0.1:8471")]));
        assert!(here(&[("origin", "https://bridge.example.com"), ("host", "127.0.0.1:8471")]));
        assert!(!here(&[("sec-fetch-site", "cross-site")]));
        assert!(!here(&[("sec-fetch-site", "same-site")]));
        assert!(!here(&[("origin", "https://evil.example"), ("host", "127.0.0.1:8471")]));
        assert!(!here(&[("origin", "null"), ("host", "127.0.0.1:8471")]));
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let headers = headers(&[("cookie", "xposbridge=a; posbridge=token; posbridgex=b")]);
        assert_eq!(cookie(&headers, "posbridge"), Some("token"));
        assert_eq!(cookie(&headers, "other"), None);
    }

    #[test]
    fn tokens_and_words_do_not_tell_each_other() {
        let (one, other) = (new_token().expect("random"), new_token().expect("random"));
        assert_ne!(one, other);
        assert!(one.len() >= 43 && csrf_word(&one).len() >= 21);
        assert_ne!(csrf_word(&one), csrf_word(&other));
        assert_ne!(token_hash(&one), one);
        assert_eq!(field(b"a=1&csrf=x%20y", CSRF).as_deref(), Some("x y"));
        assert!(same(b"abc", b"abc") && !same(b"abc", b"abd") && !same(b"abc", b"ab"));
    }
}
