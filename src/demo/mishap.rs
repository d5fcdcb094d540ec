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
    /// Named arguments.
    pub named: Value,
}

type Test = Box<dyn Fn(&Seen) -> bool + Send>;

/// Which calls a mishap hits: conditions, then how many fitting calls are let pass, then how many are hit.
pub struct When {
    tests: Vec<Test>,
    skip: u64,
    times: u64,
    name: &'static str,
}

impl fmt::Debug for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("When").field("skip", &self.skip).field("times", &self.times).finish_non_exhaustive()
    }
}

impl When {
    /// The next call, whatever it is.
    pub fn any() -> Self {
        Self { tests: Vec::new(), skip: 0, times: 1, name: "" }
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

    /// A name under which [`super::OdooServer::take_fired`] tells that it happened.
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = name;
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

/// A call whose client is gone and which is carried out later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// It has begun: others see nothing of it and meet its locks.
    Begun,
    /// It waits somewhere on the way and begins later.
    OnTheWay,
}

/// A mishap that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// The rule's name.
    pub name: &'static str,
    /// The call: `database model.method`.
    pub call: String,
}

/// What happens to a call. Unless said otherwise the call itself does not run.
#[derive(Debug, Clone, PartialEq)]
pub struct Mishap {
    pub(super) commits: bool,
    pub(super) before: Duration,
    pub(super) after: Duration,
    pub(super) reply: Reply,
    pub(super) late: Option<Late>,
}

impl Default for Mishap {
    fn default() -> Self {
        Self { commits: true, before: Duration::ZERO, after: Duration::ZERO, reply: Reply::Normal, late: None }
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

    /// The connection is closed at once, and the call runs when [`super::OdooServer::commit_late`] says so, or when another
    /// call has to wait for it.
    pub fn late(late: Late) -> Self {
        Self { late: Some(late), ..Self::new(false, Reply::Close) }
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

    pub(super) fn fired(&self, seen: &Seen) -> Fired {
        Fired { name: self.when.name, call: format!("{} {}.{}", seen.database, seen.model, seen.method) }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use secrecy::SecretString;
    use serde_json::{Value as Json, json};

    use super::{Mishap, When};
    use crate::demo::{Branch, Central, Db, Item, OdooServer, Sale};
    use crate::model::Protocol;
    use crate::odoo::{Call, Known, Odoo, OdooError, Outcome, Target};

    async fn central() -> (OdooServer, Db, Odoo) {
        let server = OdooServer::start().await.expect("a free port");
        let central = server.central("central", &Central::default());
        let odoo = client(&server, "central");
        (server, central, odoo)
    }

    fn client(server: &OdooServer, database: &str) -> Odoo {
        let target = Target {
            url: server.url(),
            database: database.into(),
            login: "bridge".into(),
            timeout: Duration::from_secs(5),
            protocol: Some(Protocol::XmlRpc),
            ca_pem: None,
        };
        Odoo::new(target, SecretString::from("bridge".to_owned()), Known::default()).expect("a usable URL")
    }

    fn one_order(central: &Db) -> Call {
        let partner = central.find("res.partner", "ref", "C001").expect("seeded").id;
        Call::new("sale.order", "load")
            .arg("fields", json!(["id", "partner_id/.id"]))
            .arg("data", json!([["x-1", partner.to_string()]]))
            .context("module", json!("__posbridge"))
            .context("mode", json!("update"))
            .context("noupdate", json!(true))
    }

    #[tokio::test]
    async fn a_dropped_answer_leaves_the_order_and_a_refused_call_does_not() {
        let (server, db, odoo) = central().await;
        let call = one_order(&db);
        for (mishap, orders) in [
            (Mishap::drop_before(), 0),
            (Mishap::fault(1, "Traceback\nException: broken"), 0),
            (Mishap::page(502, "<html><title>Bad Gateway</title></html>"), 0),
            (Mishap::raw("<?xml version='1.0'?><methodResp"), 0),
            (Mishap::drop_after(), 1),
            (Mishap::truncate(120), 1),
            (Mishap::page(504, "<html></html>").after_commit(), 1),
        ] {
            server.inject(When::call("sale.order", "load"), mishap.clone());
            let error = odoo.call::<Json>(&call).await.expect_err("a mishap");
            assert_eq!(error.outcome(), Outcome::Unknown, "{mishap:?} gave {error:?}");
            assert_eq!(db.sale_orders().len(), orders, "{mishap:?}");
        }
        assert_eq!(server.mishaps_left(), 0);
        let answer: Json = odoo.call(&call).await.expect("no mishap left");
        assert_eq!(answer["ids"].as_array().map(Vec::len), Some(1));
        assert_eq!(db.sale_orders()[0].xid.as_deref(), Some("__posbridge.x-1"));
        assert_eq!((server.calls("sale.order", "load"), server.stats().writes), (8, 1));
    }

    #[tokio::test]
    async fn a_rule_hits_the_calls_that_it_names() {
        let (server, _db, odoo) = central().await;
        server.inject(When::call("res.partner", "search_count").database("central").nth(2).times(2), Mishap::fault(2, "No"));
        let count = Call::new("res.partner", "search_count").arg("domain", json!([]));
        let mut hit = Vec::new();
        for _ in 0..5 {
            hit.push(odoo.call::<i64>(&count).await.is_err());
        }
        assert_eq!(hit, [false, true, true, false, false]);
    }

    #[tokio::test]
    async fn a_server_that_is_down_refuses_and_comes_back_with_its_data() {
        let (mut server, db, odoo) = central().await;
        odoo.call::<Json>(&one_order(&db)).await.expect("up");
        server.go_down().await;
        let count = Call::new("sale.order", "search_count").arg("domain", json!([]));
        assert!(matches!(odoo.call::<i64>(&count).await, Err(OdooError::Refused(_))));
        server.come_back().await.expect("the same port");
        assert_eq!(odoo.call::<i64>(&count).await, Ok(1));
    }

    #[tokio::test]
    async fn an_order_of_a_long_transaction_appears_late_with_the_times_of_its_beginning() {
        let server = OdooServer::start().await.expect("a free port");
        let branch = server.branch("branch", &Branch::new("Furniture Shop"));
        let odoo = client(&server, "branch");
        branch.stop_clock("2026-11-20 10:00:00");
        let pending = branch.begin(Sale::new().line(Item::new("ART-0001")));
        branch.advance(600);
        let later = branch.sell(Sale::new().line(Item::new("ART-0002")));
        assert!(later > pending.order());
        let seen = Call::search_read("pos.order", json!([]), &["write_date"]).arg("order", json!("id"));
        let (rows, date) = odoo.call_dated::<Vec<Json>>(&seen).await.expect("orders");
        assert_eq!(rows, [json!({"id": later, "write_date": "2026-11-20 10:10:00"})]);
        assert_eq!(date.map(|date| date.to_string()).as_deref(), Some("2026-11-20T10:10:00Z"));
        let early = pending.commit();
        let rows: Vec<Json> = odoo.call(&seen).await.expect("orders");
        assert_eq!(rows[0], json!({"id": early, "write_date": "2026-11-20 10:00:00"}));
    }
}
