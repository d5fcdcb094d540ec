//! Before the first pass: is everything there that a pass needs, on both sides? Reads only; all that it leaves behind
//! is a log-in, and the user's id in the ledger, so that the next pass needs none.
//!
//! The steps of a side go on as far as they can; a step that needs one that failed is skipped, never guessed.

mod branch;
mod central;
mod send;

use std::sync::Arc;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Halt;
use super::connection::{Connection, client, connect};
use super::explain::major_of;
use super::keys::look_at_key;
use crate::alerts::ends_soon;
use crate::config::{Branch, Config, Endpoint};
use crate::model::{Model, Protocol, User};
use crate::odoo::{Call, Known, OdooError};
use crate::problem::{Problem, Side};
use crate::store::{Store, StoreError};

/// How many branches are asked at one time: a person waits, and one dead branch must not hold up the rest.
const PARALLEL: usize = 16;

/// A clock that is further off than this is worth a warning.
const CLOCK_LIMIT_S: i64 = 120;

/// A `Date` header has whole seconds and comes with the delay of the line: below this, clocks are the same.
const DATE_STEP_S: i64 = 3;

/// The first version that has JSON-2, and the first without XML-RPC (odoo/odoo#252721).
const JSON2_FROM: u32 = 19;
const XMLRPC_BEFORE: u32 = 22;

/// Names listed in one step before "and 4 more".
const LISTED: usize = 8;

/// Characters of models in one sentence: what the catalogue prints of a name.
const MODELS_MAX: usize = 78;

/// Steps of every side, in the order in which they depend on each other.
const REACH: [&str; 9] = ["settings", "password", "dns", "connection", "odoo", "database", "log_in", "protocol", "key"];

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// A pass works, with a drawback that somebody should know.
    Warning,
    /// A pass, or some of its orders, would fail.
    Failed,
    /// Not checked, since it needs a step that failed.
    Skipped,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// Its stable short name.
    pub step: &'static str,
    /// How it ended.
    pub result: Verdict,
    /// What was found, or what is wrong.
    pub what: String,
    /// Who does what next; absent where nothing has to be done.
    pub next_step: Option<String>,
    /// The cause, as in the log, of a step that is not as it should be.
    pub cause: Option<&'static str>,
    /// The same, for those who say it in their own words.
    #[serde(skip)]
    pub problem: Option<Problem>,
}

/// What was found at one side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Checked {
    /// `central` or a branch's code.
    pub side: String,
    /// In the order in which they were taken.
    pub steps: Vec<Step>,
}

impl Checked {
    /// Steps that failed.
    pub fn failed(&self) -> usize {
        self.steps.iter().filter(|step| step.result == Verdict::Failed).count()
    }

    fn new(side: &Side) -> Self {
        Self { side: side.to_string(), steps: Vec::new() }
    }

    fn add(&mut self, step: &'static str, result: Verdict, what: String, next_step: Option<String>, cause: Option<&'static str>) {
        self.steps.push(Step { step, result, what, next_step, cause, problem: None });
    }

    fn ok(&mut self, step: &'static str, what: impl Into<String>) {
        self.add(step, Verdict::Ok, what.into(), None, None);
    }

    fn warn(&mut self, step: &'static str, what: String, next_step: String) {
        self.add(step, Verdict::Warning, what, Some(next_step), None);
    }

    fn problem(&mut self, step: &'static str, result: Verdict, problem: &Problem) {
        self.add(step, result, problem.what(), Some(problem.next_step()), Some(problem.cause()));
        if let Some(step) = self.steps.last_mut() {
            step.problem = Some(problem.clone());
        }
    }

    fn failed_by(&mut self, step: &'static str, problem: &Problem) {
        self.problem(step, Verdict::Failed, problem);
    }

    fn skip(&mut self, step: &'static str, what: &str) {
        self.add(step, Verdict::Skipped, what.to_owned(), None, None);
    }

    fn has(&self, step: &str) -> bool {
        self.steps.iter().any(|taken| taken.step == step)
    }

    /// Adds what was not come to, and puts the steps into their order.
    fn finish(mut self, order: &[&'static str]) -> Self {
        for step in order {
            if !self.has(step) {
                self.skip(step, "Not checked");
            }
        }
        let place = |step: &str| order.iter().position(|known| *known == step).unwrap_or(order.len());
        self.steps.sort_by_key(|step| place(step.step));
        self
    }
}

/// A side that lets us in.
#[derive(Debug)]
struct Reached {
    connection: Connection,
    /// The major version, 0 if it is not a number.
    major: u32,
}

/// Checks central and these branches, central first, the branches in the order given.
///
/// # Errors
/// The ledger cannot be used. Whatever is wrong with an Odoo is a failed step.
pub async fn check(store: &Store, config: &Config, branches: &[Branch]) -> Result<Vec<Checked>, StoreError> {
    let (central, known) = central::check(store, config, branches).await?;
    let known = known.map(Arc::new);
    let slots = Arc::new(Semaphore::new(PARALLEL));
    let mut tasks = JoinSet::new();
    for (place, branch) in branches.iter().cloned().enumerate() {
        let (store, config, known, slots) = (store.clone(), config.clone(), known.clone(), slots.clone());
        tasks.spawn(async move {
            let _slot = slots.acquire().await;
            (place, branch::check(&store, &config, &branch, known.as_deref()).await)
        });
    }
    let mut checked = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok((place, side)) => checked.push((place, side?)),
            Err(stopped) => tracing::error!(error = %stopped, "The check of a branch broke off"),
        }
    }
    checked.sort_by_key(|(place, _)| *place);
    Ok(std::iter::once(central).chain(checked.into_iter().map(|(_, side)| side)).collect())
}

/// The steps up to the log-in.
async fn reach(
    store: &Store,
    config: &Config,
    side: &Side,
    endpoint: &Endpoint,
    seen: &mut Checked,
) -> Result<Option<Reached>, StoreError> {
    let Endpoint { url, database, user, .. } = endpoint;
    seen.ok("settings", format!("{url}, database {database:?}, user {user:?}"));
    let connection = match connect(store, &config.state, side.clone(), endpoint) {
        Ok(connection) => {
            seen.ok("password", "A sealed password is kept");
            Some(connection)
        }
        Err(Halt::Store(error)) => return Err(error),
        Err(Halt::Problem(problem)) => {
            let step = if matches!(problem, Problem::TlsFailed { .. }) { "connection" } else { "password" };
            seen.failed_by(step, &problem);
            None
        }
    };
    // Whether an Odoo answers can be seen without a password.
    let probe = if connection.is_some() { None } else { client(side.clone(), endpoint, SecretString::from(""), Known::default()).ok() };
    let Some(asking) = connection.as_ref().or(probe.as_ref()) else { return Ok(None) };
    let Some(version) = answers(asking, endpoint, seen).await else { return Ok(None) };
    asking.note_version(store, &version)?;
    let before = store.endpoint(side.as_str(), url, database, user)?.upgrade;
    let before = before.map(|before| format!(" ({} until {})", before.from, before.at.strftime("%F"))).unwrap_or_default();
    seen.ok("odoo", format!("Odoo {version}{before}"));
    let Some(mut connection) = connection else { return Ok(None) };
    connection.asked.major = major_of(&version);
    match log_in(&connection).await {
        Ok(()) => {}
        Err(problem) => {
            if matches!(problem, Problem::DatabaseUnknown { .. }) {
                seen.failed_by("database", &problem);
            } else {
                if matches!(
                    problem,
                    Problem::PasswordRefused { .. } | Problem::KeyExpired { .. } | Problem::KeyNeeded { .. } | Problem::KeyOfAnother { .. }
                ) {
                    seen.ok("database", format!("{database:?} exists"));
                }
                seen.failed_by("log_in", &problem);
            }
            return Ok(None);
        }
    }
    seen.ok("database", format!("{database:?} exists"));
    connection.remember(store, None)?;
    let major = connection.asked.major.unwrap_or(0);
    let reached = Reached { connection, major };
    protocol(&reached, endpoint, seen);
    key(&reached, store, seen).await?;
    let sends = matches!(side, Side::Branch(code) if config.branch(code.as_str()).is_some_and(|branch| !branch.send.kinds.is_empty()));
    administrator(&reached, side, sends, seen).await;
    Ok(Some(reached))
}

/// Name, connection and server; the version if an Odoo answers.
async fn answers(asking: &Connection, endpoint: &Endpoint, seen: &mut Checked) -> Option<String> {
    let parsed = reqwest::Url::parse(&endpoint.url).ok()?;
    let (host, port) = (parsed.host_str()?.trim_matches(['[', ']']).to_owned(), parsed.port_or_known_default()?);
    let answer = asking.odoo.version().await;
    let step = match &answer {
        Ok(_) => "",
        Err(OdooError::HostNotFound(_)) => "dns",
        Err(OdooError::Refused(_) | OdooError::ConnectTimeout(_) | OdooError::Connect(_) | OdooError::Tls { .. }) => "connection",
        Err(_) => "odoo",
    };
    if step != "dns" {
        seen.ok("dns", addresses(&host, port).await);
    }
    if !matches!(step, "dns" | "connection") {
        let how = if parsed.scheme() == "https" { "TLS, with a valid certificate" } else { "not encrypted" };
        seen.ok("connection", format!("{host}:{port} answers, {how}"));
    }
    match answer {
        Ok(version) => {
            clock(asking, seen);
            Some(version)
        }
        Err(error) => {
            seen.failed_by(step, &asking.explain(&error));
            None
        }
    }
}

async fn addresses(host: &str, port: u16) -> String {
    if host.parse::<std::net::IpAddr>().is_ok() {
        return format!("{host} is an address, no name");
    }
    match tokio::net::lookup_host((host, port)).await {
        Ok(found) => {
            let mut all: Vec<String> = found.map(|address| address.ip().to_string()).collect();
            all.dedup();
            format!("{host} is {}", some_of(&all))
        }
        // The call itself got through, so something on the way knows the name.
        Err(_) => format!("{host} is reached through a proxy"),
    }
}

fn clock(asking: &Connection, seen: &mut Checked) {
    let seconds = asking.odoo.clock_offset_s();
    if seconds.abs() <= DATE_STEP_S {
        return seen.ok("clock", "As this machine's");
    }
    if seconds.abs() <= CLOCK_LIMIT_S {
        seen.ok("clock", format!("{} s {} ours", seconds.abs(), if seconds < 0 { "behind" } else { "ahead of" }));
        return;
    }
    let problem = Problem::ClockOff { minutes: seconds / 60 };
    match &asking.asked.side {
        Side::Branch(_) => seen.problem("clock", Verdict::Warning, &problem),
        Side::Central => {
            let what = problem.what().replace("branch", "central server");
            let next = problem.next_step().replace("the branch's server", "the central server");
            seen.add("clock", Verdict::Warning, what, Some(next), Some(problem.cause()));
        }
    }
}

/// Logs in, with a call that every user may make: a remembered id alone proves no password.
async fn log_in(connection: &Connection) -> Result<(), Problem> {
    // `context_get` would need no right at all, but 14 cannot put its answer into XML.
    let call = Call::search_read(User::NAME, json!([["id", "=", 0]]), &["login"]).arg("limit", json!(1));
    connection.ask::<serde_json::Value>(&call).await.map(drop)
}

/// How the Odoo is called, and whether that has an end.
fn protocol(reached: &Reached, endpoint: &Endpoint, seen: &mut Checked) {
    let Reached { connection, major } = reached;
    let Some(spoken) = connection.odoo.protocol() else { return };
    let name = spoken.name();
    if spoken == Protocol::Json2 {
        return seen.ok("protocol", format!("Called over {name}, with an API key"));
    }
    if *major < JSON2_FROM {
        return seen.ok("protocol", format!("Called over {name}, the only one before Odoo {JSON2_FROM}"));
    }
    let (side, login) = (&connection.asked.side, &connection.asked.login);
    let seal = format!(
        "log in there as {login:?}, open My Preferences > Security > Add API Key, and seal the key with `posbridge secret set {side}`"
    );
    let (why, next) = match endpoint.protocol {
        Some(_) => (
            "as `protocol` says",
            format!(
                "Integrator: before Odoo {XMLRPC_BEFORE}, {seal}, unless one is sealed already; then delete `protocol` from branches.toml."
            ),
        ),
        None => ("since a password is sealed and no API key", format!("Integrator: before Odoo {XMLRPC_BEFORE}, {seal}.")),
    };
    seen.warn(
        "protocol",
        format!("Called over {name}, {why}. Odoo {XMLRPC_BEFORE} will not have it any more, and JSON-2 is faster."),
        next,
    );
}

/// Whether an API key of the user ends soon.
async fn key(reached: &Reached, store: &Store, seen: &mut Checked) -> Result<(), StoreError> {
    let Reached { connection, .. } = reached;
    let now = connection.odoo.clock().now();
    match look_at_key(connection, store).await? {
        Some(ends) if ends_soon(ends, now) => {
            seen.problem("key", Verdict::Warning, &Problem::KeyEnds { side: connection.asked.side.clone(), ends });
        }
        Some(ends) => seen.ok("key", format!("The first API key of the user ends on {}", ends.strftime("%Y-%m-%d %H:%M UTC"))),
        None => seen.ok("key", "No API key of the user is known to end"),
    }
    Ok(())
}

async fn administrator(reached: &Reached, side: &Side, sends: bool, seen: &mut Checked) {
    let Reached { connection, major } = reached;
    let uid = connection.odoo.uid().unwrap_or_default();
    let mut call = Call::new(User::NAME, "has_group").arg("group_ext_id", json!("base.group_system"));
    if *major >= 18 {
        call = call.on(&[uid]);
    }
    let login = &connection.asked.login;
    // Who cannot be told is treated as none: the step is advice, not a condition.
    if !connection.odoo.call::<bool>(&call).await.unwrap_or(false) {
        seen.ok("log_in", format!("User {login:?} logs in"));
        return;
    }
    // The group of everybody who works in Odoo has another name since 19.
    let groups = match (side, *major >= 19) {
        (Side::Central, _) => "\"Sales / User: All Documents\"",
        (Side::Branch(_), true) if sends => {
            "\"Point of Sale / User\", \"Role / User\", those of the kinds that are sent (README, Send master data)"
        }
        (Side::Branch(_), false) if sends => {
            "\"Point of Sale / User\", \"User types / Internal User\", those of the kinds that are sent (README, Send master data)"
        }
        (Side::Branch(_), true) => "\"Point of Sale / User\" and \"Role / User\"",
        (Side::Branch(_), false) => "\"Point of Sale / User\" and \"User types / Internal User\"",
    };
    let next = format!(
        "Integrator: give the bridge a user of its own with {groups} and no more, write its login as `user`, and type `posbridge \
         secret set {side}`."
    );
    seen.warn("log_in", format!("User {login:?} logs in, and is an administrator: less rights suffice."), next);
}

/// Reads one record of each model, as a pass does: that shows rights, record rules and missing apps alike. The models
/// that can be read.
async fn may_read(connection: &Connection, models: &[&'static str], seen: &mut Checked) -> Vec<&'static str> {
    #[derive(Deserialize)]
    struct Any {}
    let mut readable = Vec::new();
    let mut apps: Vec<String> = Vec::new();
    let mut refused: Vec<Problem> = Vec::new();
    for model in models {
        let call = Call::search_read(model, json!([]), &["id"]).arg("limit", json!(1));
        match connection.ask::<Vec<Any>>(&call).await {
            Ok(_) => readable.push(*model),
            Err(Problem::ModuleMissing { module, .. }) if apps.contains(&module) => {}
            Err(Problem::ModuleMissing { side, model, module }) => {
                seen.failed_by("apps", &Problem::ModuleMissing { side, model, module: module.clone() });
                apps.push(module);
            }
            Err(problem @ Problem::RightMissing { .. }) => fold(&mut refused, problem),
            Err(problem) => {
                seen.failed_by("rights", &problem);
                // It does not answer any more: the other models would wait for nothing.
                break;
            }
        }
    }
    for problem in &refused {
        seen.failed_by("rights", problem);
    }
    readable
}

/// Takes up a missing right; where the same groups open one more model, it becomes part of the last sentence.
fn fold(refused: &mut Vec<Problem>, problem: Problem) {
    if let (Some(Problem::RightMissing { model, groups, .. }), Problem::RightMissing { model: one_more, .. }) =
        (refused.last_mut(), &problem)
        && model.len() + one_more.len() < MODELS_MAX
    {
        model.push_str(", ");
        model.push_str(one_more);
        // Odoo's lists differ from model to model; the groups that the sentence itself names open them all.
        groups.clear();
        return;
    }
    refused.push(problem);
}

/// Whether the user may do something (`create`, `write`, `read`) with records of a model, asked for without doing it.
///
/// # Errors
/// What stands in the way, as a problem of this side.
async fn may(connection: &Connection, model: &'static str, operation: &str, major: u32) -> Result<bool, Problem> {
    let call = if major >= 18 {
        Call::new(model, "has_access").on(&[]).arg("operation", json!(operation))
    } else {
        Call::new(model, "check_access_rights").arg("operation", json!(operation)).arg("raise_exception", json!(false))
    };
    connection.ask(&call).await
}

/// `"A", "B" and 4 more`, for names that come from an Odoo.
fn some_of(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(LISTED).map(|name| crate::problem::clean(name, 80)).collect();
    match names.len().saturating_sub(LISTED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Decimals of a quantity, from `fields_get`: `[16, 3]`.
async fn decimals(connection: &Connection, model: &'static str, field: &str) -> Option<i64> {
    let call = Call::new(model, "fields_get").arg("allfields", json!([field])).arg("attributes", json!(["digits"]));
    let fields: serde_json::Value = connection.ask(&call).await.ok()?;
    fields.get(field)?.get("digits")?.as_array()?.get(1)?.as_i64()
}

/// How a company rounds taxes: `round_globally` or `round_per_line`.
async fn rounding_method(connection: &Connection, company: i64) -> Option<String> {
    #[derive(Deserialize)]
    struct Method {
        tax_calculation_rounding_method: Option<String>,
    }
    let call = Call::read(crate::model::Company::NAME, &[company], &["tax_calculation_rounding_method"]);
    let found: Vec<Method> = connection.ask(&call).await.ok()?;
    found.into_iter().next()?.tax_calculation_rounding_method
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_that_were_not_come_to_are_skipped_in_their_order() {
        let mut seen = Checked::new(&Side::Central);
        seen.ok("settings", "");
        seen.failed_by("dns", &Problem::HostNotFound { side: Side::Central, host: "erp".to_owned() });
        seen.ok("password", "");
        let seen = seen.finish(&REACH);
        let got: Vec<(&str, Verdict)> = seen.steps.iter().map(|step| (step.step, step.result)).collect();
        assert_eq!(got[..3], [("settings", Verdict::Ok), ("password", Verdict::Ok), ("dns", Verdict::Failed)]);
        assert!(got[3..].iter().all(|(_, verdict)| *verdict == Verdict::Skipped));
        assert_eq!((got.len(), seen.failed()), (REACH.len(), 1));
    }

    #[test]
    fn a_long_list_is_cut() {
        let names: Vec<String> = (1..=10).map(|n| n.to_string()).collect();
        assert_eq!(some_of(&names), "1, 2, 3, 4, 5, 6, 7, 8 and 2 more");
    }
}
