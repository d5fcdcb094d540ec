//! The log: pages of records by filter, what waits together, and the same as a file.

use askama::Template;
use axum::extract::{Form, Query, State as Shared};
use axum::response::{Html, IntoResponse, Response};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::Deserialize;

use super::dashboard::App;
use super::entries::{NAME_MAX, amount, branch_name, central_link, class, direction, kind, kinds, lanes, state, zone};
use super::error::PageError;
use super::guard::{Page, Route, Tab, Visitor};
use super::texts::{LogTexts, fill};
use super::time::{ago, moment};
use super::{csv, words};
use crate::config::Config;
use crate::model::Language;
use crate::problem::clean;
use crate::store::{Decided, Direction, EXPORTED, Entry, Filter, Group, Groups, PageFilter, Role, State};

/// Longest reason.
pub(super) const REASON_MAX: usize = 200;
/// Longest sentence of a row.
const SAYS_MAX: usize = 200;
/// Branches that the filter lists; others are chosen by their page.
const BRANCHES: usize = 500;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(Role::Viewer, "/log", list),
        Route::get(Role::Viewer, "/log.csv", export),
        Route::post(Role::Operator, "/log/retry", retry),
        Route::post(Role::Operator, "/log/ignore", ignore),
    ]
}

/// What is asked for, as it stands in the address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Asked {
    branch: String,
    direction: String,
    kind: String,
    state: String,
    cause: String,
    from: String,
    to: String,
    text: String,
    after: String,
}

impl Asked {
    /// The filter; what makes no sense filters nothing.
    fn filter(&self, config: &Config) -> PageFilter {
        let said = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let zone = zone(config, &self.branch);
        let day = |text: &str| text.trim().parse::<Date>().ok();
        let start = |date: Date| date.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp());
        PageFilter {
            branch: said(&self.branch),
            direction: Direction::parse(&self.direction),
            kind: said(&self.kind),
            state: State::parse(&self.state),
            cause: said(&self.cause),
            from: day(&self.from).and_then(start),
            to: day(&self.to).and_then(|date| date.checked_add(1.day()).ok()).and_then(start),
            text: said(&self.text),
        }
    }

    /// The address of the same, from another record on.
    fn address(&self, path: &str, after: &str) -> String {
        let fields = [
            ("branch", &self.branch),
            ("direction", &self.direction),
            ("kind", &self.kind),
            ("state", &self.state),
            ("cause", &self.cause),
            ("from", &self.from),
            ("to", &self.to),
            ("text", &self.text),
        ];
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
            query.append_pair(name, value);
        }
        if !after.is_empty() {
            query.append_pair("after", after);
        }
        match query.finish() {
            query if query.is_empty() => path.to_owned(),
            query => format!("{path}?{query}"),
        }
    }

    /// The address of the log that somebody came from.
    fn back(query: &str) -> String {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let one = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap_or_default();
        let asked = Self {
            branch: one("branch"),
            direction: one("direction"),
            kind: one("kind"),
            state: one("state"),
            cause: one("cause"),
            from: one("from"),
            to: one("to"),
            text: one("text"),
            after: String::new(),
        };
        asked.address("/log", "")
    }
}

#[derive(Template)]
#[template(path = "log.html", config = "src/web/askama.toml")]
struct LogPage {
    page: Page,
    t: &'static LogTexts,
    /// Whether one of the filters that are mostly folded away is set.
    more_filters: bool,
    branches: Vec<Choice>,
    states: Vec<Choice>,
    directions: Vec<Choice>,
    kinds: Vec<Choice>,
    causes: Vec<Choice>,
    groups: Vec<GroupRow>,
    more_groups: bool,
    rows: Vec<Row>,
    too_many: bool,
    looked_back: Option<String>,
    newest: String,
    older: Option<String>,
    csv: String,
    export_about: String,
    /// The query of this page, for the way back to it.
    back: String,
    asked: Asked,
}

/// An option of a filter.
struct Choice {
    value: String,
    name: String,
    chosen: bool,
}

struct GroupRow {
    line: String,
    branches: String,
    oldest: String,
    next_step: words::Marked,
    link: String,
    waits_for: String,
    state: &'static str,
}

struct Row {
    id: i64,
    changed: String,
    branch: String,
    branch_name: String,
    kind: &'static str,
    reference: String,
    class: &'static str,
    state: &'static str,
    amount: String,
    says: String,
    central: String,
    link: Option<String>,
}

async fn list(Shared(app): Shared<App>, visitor: Visitor, Query(asked): Query<Asked>) -> Result<Response, PageError> {
    let bridge = app.bridge();
    let config = &bridge.config;
    let filter = asked.filter(config);
    let after = asked.after.parse().ok();
    // Groups stand above the first page of what may wait.
    let may_wait = matches!(filter.state, None | Some(State::Failed | State::Held)) && filter.text.is_none() && after.is_none();
    let (found, groups) = {
        let filter = filter.clone();
        app.store
            .run(move |store| {
                let groups = if may_wait { store.waiting_groups(&filter)? } else { Groups::default() };
                Ok((store.log_page(&filter, after)?, groups))
            })
            .await?
    };
    let (t, language, now) = (LogTexts::of(visitor.language), visitor.language, Timestamp::now());
    let option = |value: &str, name: &str, chosen: &str| Choice { value: value.to_owned(), name: name.to_owned(), chosen: value == chosen };
    let mut causes: Vec<&str> = groups.groups.iter().map(|group| group.problem.cause()).chain([asked.cause.as_str()]).collect();
    causes.sort_unstable();
    causes.dedup();
    let page = LogPage {
        page: visitor.page(&app, Tab::Log),
        t,
        more_filters: [&asked.direction, &asked.kind, &asked.cause, &asked.from, &asked.to].iter().any(|text| !text.is_empty()),
        branches: branches(config, &asked.branch),
        states: State::ALL.map(|one| option(one.as_str(), state(one, t), &asked.state)).into(),
        directions: Direction::ALL.map(|one| option(one.as_str(), direction(one, t), &asked.direction)).into(),
        kinds: kinds().map(|one| option(one, kind(one, t), &asked.kind)).collect(),
        causes: causes
            .into_iter()
            .filter(|cause| !cause.is_empty())
            .map(|cause| option(cause, &cause.replace('_', " "), &asked.cause))
            .collect(),
        more_groups: groups.more,
        groups: groups.groups.into_iter().map(|group| group_row(group, &asked, t, now, language)).collect(),
        rows: found.entries.iter().map(|entry| row(entry, config, t, language)).collect(),
        too_many: found.too_many,
        looked_back: found.looked_back_to.map(|back| fill(t.looked_back, &[&moment(back, &zone(config, &asked.branch))])),
        newest: asked.address("/log", ""),
        older: found.next.map(|next| asked.address("/log", &next.to_string())),
        csv: asked.address("/log.csv", ""),
        export_about: fill(t.export_about, &[&EXPORTED]),
        back: asked.address("", "").trim_start_matches('?').to_owned(),
        asked,
    };
    Ok(Html(page.render()?).into_response())
}

fn branches(config: &Config, chosen: &str) -> Vec<Choice> {
    let mut branches: Vec<Choice> = config
        .branches
        .iter()
        .map(|branch| Choice { value: branch.code.to_string(), name: branch.name.clone(), chosen: branch.code.as_str() == chosen })
        .collect();
    branches.sort_by(|a, b| a.name.cmp(&b.name));
    branches.truncate(BRANCHES);
    if !chosen.is_empty() && !branches.iter().any(|choice| choice.chosen) {
        // One that is no longer in the settings, or one of very many.
        branches.insert(0, Choice { value: chosen.to_owned(), name: branch_name(config, chosen), chosen: true });
    }
    branches
}

fn group_row(group: Group, asked: &Asked, t: &'static LogTexts, now: Timestamp, language: Language) -> GroupRow {
    let mut line = words::group_of(&group.problem, group.direction, group.records as u64, language);
    if group.at_least {
        line.push_str(&format!(" ({})", t.or_more));
    }
    let mut branches = fill(t.in_branches, &[&group.branches.join(", ")]);
    if group.more_branches > 0 {
        branches.push_str(&format!(" {}", fill(t.and_others, &[&group.more_branches])));
    }
    let here =
        Asked { state: group.state.as_str().to_owned(), cause: group.problem.cause().to_owned(), after: String::new(), ..asked.clone() };
    GroupRow {
        line,
        branches,
        oldest: fill(t.since, &[&ago(group.oldest, now, language)]),
        next_step: match group.branches.as_slice() {
            [branch] => words::said_of(branch, &group.problem, language).next_step,
            _ => words::said(&group.problem, language).next_step,
        },
        link: here.address("/log", ""),
        waits_for: group.waits_for,
        state: group.state.as_str(),
    }
}

/// What there is to say of a record in one line.
fn says(entry: &Entry, language: Language) -> String {
    let said = match (&entry.reason, entry.problems.first(), &entry.note) {
        (Some(reason), ..) if entry.state == State::Ignored => reason.clone(),
        (_, Some(problem), _) => words::said(problem, language).what,
        (_, None, Some(note)) if entry.direction == Direction::Send => super::record::told(note, language),
        (Some(reason), ..) => reason.clone(),
        _ => String::new(),
    };
    clean(&said, SAYS_MAX)
}

fn row(entry: &Entry, config: &Config, t: &'static LogTexts, language: Language) -> Row {
    Row {
        id: entry.id,
        changed: moment(entry.updated_at, &zone(config, &entry.branch)),
        branch: entry.branch.clone(),
        branch_name: branch_name(config, &entry.branch),
        kind: kind(&entry.kind, t),
        reference: clean(&entry.reference, NAME_MAX),
        class: class(entry.state),
        state: state(entry.state, t),
        amount: amount(entry, language),
        says: says(entry, language),
        central: clean(entry.central_name.as_deref().unwrap_or_default(), NAME_MAX),
        link: central_link(config, entry),
    }
}

async fn export(Shared(app): Shared<App>, visitor: Visitor, Query(asked): Query<Asked>) -> Result<Response, PageError> {
    let filter = asked.filter(&app.bridge().config);
    let found = app.store.run(move |store| store.log_export(&filter)).await?;
    let (t, language) = (LogTexts::of(visitor.language), visitor.language);
    let headers = [
        t.number,
        t.changed,
        t.branch,
        t.direction,
        t.kind,
        t.what,
        t.state,
        t.amount,
        t.currency,
        t.sold,
        t.draft,
        t.tries,
        t.cause,
        t.says,
        t.next_step,
    ];
    let mut rows: Vec<Vec<String>> = found.entries.iter().map(|entry| line(entry, t, language)).collect();
    if found.next.is_some() || found.too_many {
        rows.push(vec![fill(t.export_cut, &[&found.entries.len()])]);
    }
    Ok(csv::download("posbridge-log", &headers, rows))
}

/// A line of the file: times in UTC, amounts as numbers, so that a spreadsheet reckons with them.
fn line(entry: &Entry, t: &'static LogTexts, language: Language) -> Vec<String> {
    let problem = entry.problems.first();
    vec![
        entry.id.to_string(),
        moment(entry.updated_at, &TimeZone::UTC),
        entry.branch.clone(),
        direction(entry.direction, t).to_owned(),
        kind(&entry.kind, t).to_owned(),
        entry.reference.clone(),
        state(entry.state, t).to_owned(),
        entry.amount_total.clone(),
        entry.currency.clone(),
        entry.date_order.clone(),
        entry.central_name.clone().unwrap_or_default(),
        entry.attempts.to_string(),
        problem.map(|problem| problem.cause().to_owned()).unwrap_or_default(),
        says(entry, language),
        problem.map(|problem| words::plain_step(problem, language)).unwrap_or_default(),
    ]
}

/// What is done with a whole group.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Acted {
    waits_for: String,
    state: String,
    branch: String,
    reason: String,
    back: String,
}

impl Acted {
    /// The records of the group; never all records because a field is missing.
    fn filter(&self) -> Result<Filter, PageError> {
        let state = State::parse(&self.state).filter(|state| matches!(state, State::Failed | State::Held));
        let (Some(state), false) = (state, self.waits_for.is_empty()) else { return Err(PageError::BadRequest) };
        let branch = Some(self.branch.clone()).filter(|branch| !branch.is_empty());
        Ok(Filter { state: Some(state), waits_for: Some(self.waits_for.clone()), branch, ..Filter::default() })
    }

    fn branch(&self) -> Option<&str> {
        Some(self.branch.as_str()).filter(|branch| !branch.is_empty())
    }
}

async fn retry(Shared(app): Shared<App>, visitor: Visitor, Form(acted): Form<Acted>) -> Result<Response, PageError> {
    let filter = acted.filter()?;
    let decided = app
        .store
        .run(move |store| {
            let now = Timestamp::now();
            let decided = store.retry_some(&filter, false, now)?;
            lanes(&decided.records).iter().try_for_each(|(code, direction)| store.wish(code, *direction, now))?;
            Ok(decided)
        })
        .await?;
    finish(&app, &visitor, &acted, &decided, "retry").await
}

async fn ignore(Shared(app): Shared<App>, visitor: Visitor, Form(acted): Form<Acted>) -> Result<Response, PageError> {
    let filter = acted.filter()?;
    let reason = clean(&acted.reason, REASON_MAX);
    if reason.is_empty() {
        return Ok(visitor.on_to(&app, &Asked::back(&acted.back), LogTexts::of(visitor.language).reason_needed));
    }
    let decided = app.store.run(move |store| store.ignore_some(&filter, &reason, Timestamp::now())).await?;
    finish(&app, &visitor, &acted, &decided, "ignore").await
}

/// Notes what was done with a group, and says it.
async fn finish(app: &App, visitor: &Visitor, acted: &Acted, decided: &Decided, action: &'static str) -> Result<Response, PageError> {
    let (t, count) = (LogTexts::of(visitor.language), decided.records.len());
    let mut said = match (count, action) {
        (0, _) => t.none_left.to_owned(),
        (_, "retry") => fill(t.retried, &[&count]),
        _ => fill(t.ignored_n, &[&count]),
    };
    if decided.left > 0 {
        said.push_str(&format!(" {}", fill(t.left, &[&decided.left])));
    }
    if count > 0 {
        let reason = if acted.reason.is_empty() { String::new() } else { format!(": {}", acted.reason) };
        app.note(visitor, action, acted.branch(), None, &format!("{} × {}{reason}", count, acted.waits_for)).await;
    }
    Ok(visitor.on_to(app, &Asked::back(&acted.back), said))
}

#[cfg(test)]
pub(super) mod tests;
