//! What goes wrong on purpose: which call, and what happens to it.

use std::fmt;
use std::time::Duration;

use super::wire::Value;

/// A call as a rule sees it, before it runs.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Database name.
    pub database: String,
    /// Model, or `common` for log-ins and `version`.
    pub model: String,
    /// Method.
    pub method: String,
    /// Positional arguments.
    pub args: Vec<Value>,
}

type Test = Box<dyn Fn(&Seen) -> bool + Send>;

/// Which calls a mishap hits: conditions, then how many fitting calls are let pass, then how many are hit.
pub struct When {
    tests: Vec<Test>,
    skip: u64,
    times: u64,
}

impl fmt::Debug for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("When").field("skip", &self.skip).field("times", &self.times).finish_non_exhaustive()
    }
}

impl When {
    /// The next call, whatever it is.
    pub fn any() -> Self {
        Self { tests: Vec::new(), skip: 0, times: 1 }
    }

    /// The next call of a method of a model.
    pub fn call(model: &str, method: &str) -> Self {
        let (model, method) = (model.to_owned(), method.to_owned());
        Self::any().and(move |seen| seen.model == model && seen.method == method)
    }

    /// Only calls to this database.
    pub fn database(self, name: &str) -> Self {
        let name = name.to_owned();
        self.and(move |seen| seen.database == name)
    }

    /// Only calls that fit.
    pub fn and(mut self, test: impl Fn(&Seen) -> bool + Send + 'static) -> Self {
        self.tests.push(Box::new(test));
        self
    }

    /// The n-th fitting call from now, counted from 1.
    pub fn nth(mut self, n: u64) -> Self {
        self.skip = n.saturating_sub(1);
        self
    }

    /// So many calls instead of one.
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// Every fitting call until the rules are cleared.
    pub fn always(self) -> Self {
        self.times(u64::MAX)
    }
}

/// What the client gets.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reply {
    Normal,
    Close,
    Fault(i64, String),
    Page(u16, String),
    Raw(Vec<u8>),
    Truncate(usize),
}

/// What happens to a call. Unless said otherwise the call itself does not run.
#[derive(Debug, Clone, PartialEq)]
pub struct Mishap {
    pub(super) commits: bool,
    pub(super) before: Duration,
    pub(super) after: Duration,
    pub(super) reply: Reply,
}

impl Default for Mishap {
    fn default() -> Self {
        Self { commits: true, before: Duration::ZERO, after: Duration::ZERO, reply: Reply::Normal }
    }
}

impl Mishap {
    fn new(commits: bool, reply: Reply) -> Self {
        Self { commits, reply, ..Self::default() }
    }

    /// The connection is closed before anything has run.
    pub fn drop_before() -> Self {
        Self::new(false, Reply::Close)
    }

    /// The call runs and commits, then the connection is closed without an answer.
    pub fn drop_after() -> Self {
        Self::new(true, Reply::Close)
    }

    /// The call commits after a delay: others meet its locks meanwhile.
    pub fn slow_commit(delay: Duration) -> Self {
        Self { before: delay, ..Self::default() }
    }

    /// The call commits at once, and the answer comes late.
    pub fn slow_answer(delay: Duration) -> Self {
        Self { after: delay, ..Self::default() }
    }

    /// A fault instead of the call.
    pub fn fault(code: i64, text: &str) -> Self {
        Self::new(false, Reply::Fault(code, text.to_owned()))
    }

    /// A page of HTML instead of the call, as a proxy in front of a dead Odoo gives it.
    pub fn page(status: u16, html: &str) -> Self {
        Self::new(false, Reply::Page(status, html.to_owned()))
    }

    /// These bytes as the body of a reply of type `text/xml`, instead of the call.
    pub fn raw(body: impl Into<Vec<u8>>) -> Self {
        Self::new(false, Reply::Raw(body.into()))
    }

    /// The call commits; its answer ends after so many bytes of the body, with a length that promises all of it.
    pub fn truncate(bytes: usize) -> Self {
        Self::new(true, Reply::Truncate(bytes))
    }

    /// The same answer, but the call has run and committed before.
    pub fn after_commit(mut self) -> Self {
        self.commits = true;
        self
    }

    /// The same, and the commit (or the refusal) is held back for so long.
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.before = delay;
        self
    }
}

/// A mishap waiting for its call.
#[derive(Debug)]
pub(super) struct Rule {
    when: When,
    mishap: Mishap,
}

impl Rule {
    pub(super) fn new(when: When, mishap: Mishap) -> Self {
        Self { when, mishap }
    }

    pub(super) fn hit(&mut self, seen: &Seen) -> Option<Mishap> {
        if self.when.times == 0 || !self.when.tests.iter().all(|test| test(seen)) {
            return None;
        }
        if self.when.skip > 0 {
            self.when.skip -= 1;
            return None;
        }
        self.when.times = self.when.times.saturating_sub(1);
        Some(self.mishap.clone())
    }

    pub(super) fn spent(&self) -> bool {
        self.when.times == 0
    }
}
