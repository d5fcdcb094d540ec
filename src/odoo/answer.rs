//! An answer as it came over HTTP: whether it can be one of Odoo's, and what it means if not.

use std::time::Duration;

use jiff::Timestamp;

use super::error::{OdooError, Outcome};
use crate::planted::{Bug, planted};

/// What a planted bug makes of a page that is no answer.
const EMPTY_ANSWER: &[u8] =
    b"<?xml version='1.0'?><methodResponse><params><param><value><array><data/></array></value></param></params></methodResponse>";

/// Longest quotation of a page that is not Odoo's.
const TITLE: usize = 80;

/// An answer as it came.
pub(super) struct Body {
    pub url: reqwest::Url,
    pub status: u16,
    pub location: Option<String>,
    pub retry_after: Option<String>,
    pub bytes: Vec<u8>,
    /// The server's clock.
    pub date: Option<Timestamp>,
}

impl Body {
    /// Odoo 19's page where it has several databases and no name of one of them was given.
    pub fn asks_for_database(&self) -> bool {
        const SAYS: &[u8] = b"No database is selected";
        self.status == 404 && self.bytes.windows(SAYS.len()).any(|words| words == SAYS)
    }

    /// The body without blanks and a mark of its encoding before it.
    fn start(&self) -> &[u8] {
        let start = self.bytes.trim_ascii_start();
        start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start)
    }
}

/// An answer that looks like an XML-RPC reply; Odoo answers 200 also for faults.
pub(super) fn checked_xml(body: Body) -> Result<Body, OdooError> {
    let start = body.start();
    let is_xml = start.is_empty() || [&b"<?xml"[..], b"<methodResponse", b"<!--"].iter().any(|begin| start.starts_with(begin));
    checked(body, is_xml, EMPTY_ANSWER)
}

/// An answer that looks like JSON.
pub(super) fn checked_json(body: Body) -> Result<Body, OdooError> {
    let is_json = body.start().first().is_none_or(|first| matches!(first, b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n'));
    checked(body, is_json, b"[]")
}

fn checked(body: Body, is_answer: bool, planted_answer: &[u8]) -> Result<Body, OdooError> {
    match refusal(&body, is_answer) {
        Some(OdooError::NotOdoo { .. }) if body.status == 200 && planted(Bug::PageIsEmpty) => {
            Ok(Body { bytes: planted_answer.to_vec(), ..body })
        }
        Some(error) => Err(error),
        None => Ok(body),
    }
}

/// What an answer means that is none of Odoo's; `None` if it looks like one.
fn refusal(body: &Body, is_answer: bool) -> Option<OdooError> {
    let Body { url, status, location, retry_after, .. } = body;
    let not_odoo = |seen: String, outcome| Some(OdooError::NotOdoo { url: url.to_string(), seen, outcome });
    let busy = |outcome| {
        let wait = retry_after.as_deref().and_then(|s| s.trim().parse().ok()).map(Duration::from_secs);
        Some(OdooError::Busy { reason: format!("HTTP {status}"), retry_after: wait, outcome })
    };
    match status {
        200 if is_answer => None,
        200 => not_odoo(describe(body.start()), Outcome::Unknown),
        301 | 302 | 303 | 307 | 308 => {
            not_odoo(format!("a redirect to {}", location.as_deref().map_or("nowhere".to_owned(), shorten)), Outcome::NotDone)
        }
        408 | 429 => busy(Outcome::NotDone),
        413 => Some(OdooError::RequestTooLarge),
        502..=504 => busy(Outcome::Unknown),
        500..=599 => not_odoo(format!("HTTP {status}"), Outcome::Unknown),
        _ => not_odoo(format!("HTTP {status}"), Outcome::NotDone),
    }
}

fn describe(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(4096)]).into_owned();
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|from| lower[from..].find("</title>").map(|to| text[from + 7..from + to].trim().to_owned()));
    match title {
        Some(title) => format!("an HTML page \"{}\"", shorten(&title)),
        None if lower.starts_with("<!doctype html") || lower.starts_with("<html") => "an HTML page".to_owned(),
        None => format!("something that is not XML: {}", shorten(&text)),
    }
}

fn shorten(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(TITLE).collect()
}
