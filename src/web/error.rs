//! What a page says when it cannot be shown. What went wrong inside goes to the log, never into the page.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use super::guard::Page;
use super::texts::CommonTexts;
use crate::model::Language;
use crate::store::StoreError;
use crate::sync::Halt;

/// Why a page cannot be shown.
#[derive(Debug)]
pub enum PageError {
    /// There is no such page or record.
    NotFound,
    /// The role does not allow it.
    Forbidden,
    /// The request does not make sense, or comes from another site.
    BadRequest,
    /// Too many tries; after so many seconds again.
    TooMany(u64),
    /// The ledger cannot be used.
    Store(StoreError),
    /// Anything else; for the log.
    Broken(String),
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Halt> for PageError {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Store(error) => Self::Store(error),
            Halt::Problem(problem) => Self::Broken(problem.what()),
        }
    }
}

impl From<askama::Error> for PageError {
    fn from(error: askama::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

#[derive(Template)]
#[template(path = "error.html", config = "src/web/askama.toml")]
struct ErrorPage {
    page: Page,
    title: &'static str,
    text: &'static str,
}

impl PageError {
    fn status(&self) -> StatusCode {
        match self {
            PageError::NotFound => StatusCode::NOT_FOUND,
            PageError::Forbidden => StatusCode::FORBIDDEN,
            PageError::BadRequest => StatusCode::BAD_REQUEST,
            PageError::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            PageError::Store(_) | PageError::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The page in a language; `page` is that of the visitor, if anybody is signed in.
    pub(super) fn render(&self, page: Page) -> Response {
        match self {
            PageError::Store(error) => tracing::error!(%error, "A page of the dashboard could not be made"),
            PageError::Broken(reason) => tracing::error!(reason, "A page of the dashboard could not be made"),
            _ => {}
        }
        let t = CommonTexts::of(page.language);
        let (title, text) = match self {
            PageError::NotFound => (t.not_found, t.not_found_text),
            PageError::Forbidden => (t.forbidden, t.forbidden_text),
            PageError::BadRequest => (t.bad_request, t.bad_request_text),
            PageError::TooMany(_) => (t.too_many, t.too_many_text),
            PageError::Store(_) | PageError::Broken(_) => (t.broken, t.broken_text),
        };
        let html = ErrorPage { page, title, text }.render().unwrap_or_else(|_| title.to_owned());
        (self.status(), Html(html)).into_response()
    }
}

/// Made into a page by the guard, which knows who asks; by itself it is one for nobody.
impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let mut response = self.render(Page::nobody(Language::English));
        if let PageError::TooMany(seconds) = &self
            && let Ok(value) = seconds.to_string().parse()
        {
            response.headers_mut().insert(axum::http::header::RETRY_AFTER, value);
        }
        response.extensions_mut().insert(std::sync::Arc::new(self));
        response
    }
}
