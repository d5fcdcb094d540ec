//! One record: what happened to it, what is in it, and what can be done about it.

use askama::Template;
use axum::extract::{Form, Path, Query, State as Shared};
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::dashboard::App;
use super::entries::{NAME_MAX, amount, branch_link, branch_name, central_link, class, direction, kind, lanes, state, zone};
use super::error::PageError;
use super::guard::{Page, Route, Tab, Visitor};
use super::log::REASON_MAX;
use super::texts::{LogTexts, RecordTexts, fill};
use super::time::{ahead, moment, money};
use super::words;
use crate::config::Config;
use crate::model::{Amount, BranchCode, Language, PosOrder, Receipt};
use crate::problem::{Problem, Who, clean};
use crate::store::{AttemptEntry, Direction, Entry, Filter, Mapped, Role, State, Story, Unmatched};
use crate::sync::{self, Bridge, By, CHOICES, Wanted};

/// Lines of a receipt that are shown.
const LINES: usize = 100;
/// Records that can be mapped on one page: an order with more new products than this is a job for the settings.
const MAPPED: usize = 10;
/// Characters of the data that are shown, so that a page stays below 100 KB.
const RAW_MAX: usize = 30_000;
/// Longest text of a field.
const TEXT_MAX: usize = 400;
/// Fields that are shown of what is sent.
const FIELDS: usize = 60;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(Role::Viewer, "/record/{id}", show),
        Route::post(Role::Operator, "/record/{id}/retry", retry),
        Route::post(Role::Operator, "/record/{id}/ignore", ignore),
        Route::post(Role::Operator, "/record/{id}/map", map),
    ]
}

/// A search for what something is mapped to, as it stands in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    /// Odoo's model.
    m: String,
    /// Its id at the branch.
    b: String,
    q: Option<String>,
}

#[derive(Template)]
#[template(path = "record.html", config = "src/web/askama.toml")]
struct RecordPage {
    page: Page,
    t: &'static RecordTexts,
    l: &'static LogTexts,
    title: String,
    id: i64,
    branch: String,
    reference: String,
    class: &'static str,
    state: &'static str,
    is_done: bool,
    /// A search is not repeated by itself.
    live: bool,
    unknown: bool,
    facts: Vec<Fact>,
    problems: Vec<Told>,
    can_retry: bool,
    can_recreate: bool,
    can_ignore: bool,
    unmatched: Vec<ToMap>,
    receipt: Option<ReceiptView>,
    newer: Option<ReceiptView>,
    forgotten: bool,
    fields: Vec<FieldRow>,
    earlier: Option<String>,
    tries: Vec<Try>,
    raw: String,
}

struct Fact {
    name: &'static str,
    value: String,
    link: Option<String>,
}

struct Told {
    said: words::Said,
    who: &'static str,
}

struct ToMap {
    title: String,
    model: &'static str,
    branch_id: i64,
    /// What stands in the search box.
    asked: String,
    found: Option<Found>,
}

#[derive(Default)]
struct Found {
    choices: Vec<ChoiceRow>,
    more: Option<String>,
    wrong: Option<words::Said>,
}

struct ChoiceRow {
    id: i64,
    name: String,
    about: String,
}

struct ReceiptView {
    reference: String,
    facts: Vec<(&'static str, String)>,
    lines: Vec<LineRow>,
    more: Option<String>,
    sums: Vec<(String, String)>,
}

struct LineRow {
    name: String,
    about: String,
    qty: String,
    price: String,
    discount: String,
    taxes: String,
    amount: String,
}

struct FieldRow {
    name: String,
    from: String,
    to: String,
    overwrites: bool,
}

struct Try {
    when: String,
    class: &'static str,
    outcome: &'static str,
    message: String,
    took: String,
}

/// The record of an address.
async fn story_of(app: &App, id: &str) -> Result<Story, PageError> {
    let id: i64 = id.parse().map_err(|_| PageError::NotFound)?;
    app.store.run(move |store| store.story(id)).await?.ok_or(PageError::NotFound)
}

async fn show(
    Shared(app): Shared<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, PageError> {
    let story = story_of(&app, &id).await?;
    let id = story.entry.id;
    let bridge = app.bridge();
    let (t, l, language) = (RecordTexts::of(visitor.language), LogTexts::of(visitor.language), visitor.language);
    let entry = &story.entry;
    let zone = zone(&bridge.config, &entry.branch);
    let page = visitor.page(&app, Tab::Log);
    let unmatched = if page.may_act() { to_map(&bridge, &story, &asked, t, language).await } else { Vec::new() };
    let has_content = entry.direction == Direction::Send || story.order.is_some();
    let receipt = |order: &PosOrder| receipt(&Receipt::of(order, &story.names), t, &zone, language);
    let page = RecordPage {
        page,
        t,
        l,
        title: fill(t.title, &[&id]),
        id,
        branch: entry.branch.clone(),
        reference: clean(&entry.reference, NAME_MAX),
        class: class(entry.state),
        state: state(entry.state, l),
        is_done: entry.state == State::Done,
        live: asked.q.is_none(),
        unknown: entry.unknown,
        facts: facts(entry, &bridge.config, (t, l), &zone, language),
        problems: entry
            .problems
            .iter()
            .map(|problem| Told { said: words::said_of(&entry.branch, problem, language), who: who(problem, t) })
            .collect(),
        can_retry: entry.state != State::Done && has_content,
        can_recreate: entry.state == State::Done && entry.direction == Direction::Receive && has_content,
        can_ignore: can_ignore(entry),
        unmatched,
        receipt: story.order.as_ref().map(receipt),
        newer: story.newer.as_ref().map(receipt),
        forgotten: entry.direction == Direction::Receive && story.order.is_none(),
        fields: fields(entry),
        earlier: (story.earlier > 0).then(|| fill(t.earlier, &[&story.earlier])),
        tries: story.attempts.iter().map(|attempt| told_try(attempt, t, &zone, language)).collect(),
        raw: raw(&story, t),
    };
    Ok(Html(page.render()?).into_response())
}

fn can_ignore(entry: &Entry) -> bool {
    match entry.state {
        State::Pending | State::Held | State::Failed => true,
        State::Done => !entry.problems.is_empty(),
        State::Ignored => false,
    }
}

fn facts(
    entry: &Entry,
    config: &Config,
    (t, l): (&'static RecordTexts, &'static LogTexts),
    zone: &TimeZone,
    language: Language,
) -> Vec<Fact> {
    let plain = |name, value: String| Fact { name, value, link: None };
    let is_order = entry.direction == Direction::Receive;
    let mut facts = vec![
        Fact { name: l.branch, value: branch_name(config, &entry.branch), link: Some(format!("/branches/{}", entry.branch)) },
        plain(l.kind, format!("{} · {}", kind(&entry.kind, l), direction(entry.direction, l))),
        plain(if is_order { t.received } else { t.queued }, moment(entry.created_at, zone)),
        plain(t.changed, moment(entry.updated_at, zone)),
        plain(l.tries, entry.attempts.to_string()),
    ];
    let paid = amount(entry, language);
    if !paid.is_empty() {
        facts.push(plain(l.amount, paid));
    }
    if let (State::Pending, Some(due)) = (entry.state, entry.due_at) {
        let now = Timestamp::now();
        facts.push(plain(t.next_try, if due > now { ahead(due, now, language) } else { t.at_next_pass.to_owned() }));
    }
    if let Some(id) = entry.central_id {
        let name = clean(entry.central_name.as_deref().unwrap_or_default(), NAME_MAX);
        let value = if name.is_empty() { format!("#{id}") } else { name };
        facts.push(Fact { name: if is_order { t.draft } else { t.record_there }, value, link: central_link(config, entry) });
    }
    if let Some(link) = branch_link(config, entry) {
        facts.push(Fact { name: t.at_branch, value: t.open_order.to_owned(), link: Some(link) });
    }
    if let Some(adjusted) = &entry.adjusted {
        facts.push(plain(t.adjusted, adjusted.parse::<Amount>().map_or_else(|_| adjusted.clone(), |amount| money(amount, language))));
    }
    if let Some(reason) = &entry.reason {
        facts.push(plain(if entry.state == State::Ignored { t.reason } else { t.reason_done }, clean(reason, TEXT_MAX)));
    }
    if let Some(note) = entry.note.as_ref().filter(|_| !is_order) {
        facts.push(plain(t.last_sent, clean(&told(note, language), TEXT_MAX)));
    }
    facts
}

fn who(problem: &Problem, t: &'static RecordTexts) -> &'static str {
    match problem.who() {
        Who::Branch => t.who_branch,
        Who::Central => t.who_central,
        Who::Integrator => t.who_integrator,
        Who::Ops => t.who_ops,
        Who::Nobody => t.who_nobody,
    }
}

/// A number without idle zeros, as the language writes it.
fn plain(amount: Amount, language: Language) -> String {
    let text = amount.normalize().to_string();
    if language == Language::German { text.replace('.', ",") } else { text }
}

fn receipt(receipt: &Receipt, t: &'static RecordTexts, zone: &TimeZone, language: Language) -> ReceiptView {
    let short = |text: &str| clean(text, NAME_MAX);
    let sold = sync::sold_at(&receipt.date_order).map_or_else(|| receipt.date_order.clone(), |at| moment(at, zone));
    let mut facts = vec![(t.sold, sold)];
    let named = [
        (t.shop, &receipt.shop),
        (t.session, &receipt.session),
        (t.cashier, &receipt.cashier),
        (t.customer, &receipt.customer),
        (t.refund_of, &receipt.refund_of),
        (t.invoice, &receipt.invoice),
        (t.note, &receipt.note),
    ];
    facts.extend(named.into_iter().filter_map(|(name, value)| Some((name, short(value.as_deref()?)))));
    let lines = receipt.lines.iter().take(LINES).map(|line| {
        let lots = (!line.lots.is_empty()).then(|| fill(t.lots, &[&line.lots.join(", ")]));
        let about = [line.code.clone().map(|code| format!("[{code}]")), line.barcode.clone(), lots, line.note.clone()];
        LineRow {
            name: short(&line.name),
            about: clean(&about.into_iter().flatten().collect::<Vec<_>>().join(" · "), TEXT_MAX),
            qty: plain(line.qty, language),
            price: money(line.price_unit, language),
            discount: if line.discount.is_zero() { String::new() } else { plain(line.discount, language) },
            taxes: clean(&line.taxes.join(", "), TEXT_MAX),
            amount: if line.combo && line.amount.is_zero() { String::new() } else { money(line.amount, language) },
        }
    });
    let with_currency = |amount: Amount| format!("{} {}", money(amount, language), receipt.currency).trim_end().to_owned();
    let mut sums = vec![(t.total.to_owned(), with_currency(receipt.total)), (t.tax.to_owned(), with_currency(receipt.tax))];
    sums.extend(receipt.payments.iter().map(|(method, amount)| (format!("{}: {}", t.paid, short(method)), with_currency(*amount))));
    sums.extend(receipt.change.map(|change| (t.change.to_owned(), with_currency(change))));
    let more = receipt.lines.len().saturating_sub(LINES);
    ReceiptView {
        reference: short(&receipt.reference),
        facts,
        lines: lines.collect(),
        more: (more > 0).then(|| fill(t.more_lines, &[&more])),
        sums,
    }
}

fn fields(entry: &Entry) -> Vec<FieldRow> {
    let changes = entry.queued.iter().flat_map(|item| &item.changes).take(FIELDS);
    changes
        .map(|change| FieldRow {
            name: clean(&change.label, NAME_MAX),
            from: clean(change.from.as_deref().unwrap_or_default(), TEXT_MAX),
            to: clean(&change.to, TEXT_MAX),
            overwrites: change.overwrites,
        })
        .collect()
}

fn raw(story: &Story, t: &'static RecordTexts) -> String {
    let parsed: Option<serde_json::Value> = serde_json::from_str(&story.raw).ok();
    let text = parsed.filter(|value| *value != serde_json::json!({})).and_then(|value| serde_json::to_string_pretty(&value).ok());
    let Some(text) = text else { return String::new() };
    match text.char_indices().nth(RAW_MAX) {
        Some((end, _)) => format!("{}\n{}", visible(&text[..end]), fill(t.cut, &[&story.entry.id])),
        None => visible(&text),
    }
}

/// JSON in which characters that nobody sees, or that turn the direction of writing, stand by their numbers.
fn visible(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || (clean(c.encode_utf8(&mut [0; 4]), 1).contains(c) || c == ' ') {
            text.push(c);
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| text.push_str(&format!("\\u{unit:04x}")));
        }
    }
    text
}

fn told_try(attempt: &AttemptEntry, t: &'static RecordTexts, zone: &TimeZone, language: Language) -> Try {
    let (outcome, class) = match attempt.outcome.as_str() {
        "done" => (t.out_done, "good"),
        "failed" => (t.out_failed, "bad"),
        "again" => (t.out_again, "calm"),
        "held" => (t.out_held, "warn"),
        "ignored" => (t.out_ignored, "calm"),
        "retry" => (t.out_retry, "calm"),
        "changed" => (t.out_changed, "warn"),
        "refunded" => (t.out_refunded, "warn"),
        "gone" => (t.out_gone, "bad"),
        "back" => (t.out_back, "good"),
        _ => ("", "calm"),
    };
    // Several problems are told by the words that were kept; one is told in the reader's language.
    let message = match &attempt.problem {
        Some(problem) if problem.what() == attempt.message || language != Language::English => words::said(problem, language).what,
        _ => told(&attempt.message, language),
    };
    let took = if attempt.duration_ms > 0 { format!("{} ms", attempt.duration_ms) } else { String::new() };
    Try { when: moment(attempt.at, zone), class, outcome, message: clean(&message, TEXT_MAX), took }
}

/// What the ledger keeps in words, in the reader's language.
pub(super) fn told(message: &str, language: Language) -> String {
    let (english, t) = (RecordTexts::of(Language::English), RecordTexts::of(language));
    let known = [
        (english.retry_asked, t.retry_asked),
        (english.with_adjustment, t.with_adjustment),
        (english.written_as, t.written_as),
        (english.ignored_for, t.ignored_for),
        (english.is_says, t.is_says),
        (english.created, t.created),
        (english.changed_there, t.changed_there),
        (english.archived, t.archived),
        (english.removed, t.removed),
        (english.equal, t.equal),
        (english.there_again, t.there_again),
    ];
    let found = known.into_iter().find_map(|(from, to)| Some((parts(message, from)?, to)));
    match found {
        Some((parts, to)) => {
            let parts: Vec<&(dyn std::fmt::Display + Sync)> = parts.iter().map(|part| part as _).collect();
            fill(to, &parts)
        }
        None => message.to_owned(),
    }
}

/// What stands in the places `{}` of a text.
fn parts<'m>(message: &'m str, text: &str) -> Option<Vec<&'m str>> {
    let mut fixed = text.split("{}");
    let mut rest = message.strip_prefix(fixed.next()?)?;
    let mut parts = Vec::new();
    let mut fixed = fixed.peekable();
    while let Some(next) = fixed.next() {
        let end = if fixed.peek().is_none() { rest.strip_suffix(next).map(str::len) } else { rest.find(next) }?;
        parts.push(&rest[..end]);
        rest = &rest[end + next.len()..];
    }
    rest.is_empty().then_some(parts)
}

/// What can be mapped, with what was found for the one that is searched for.
async fn to_map(bridge: &Bridge, story: &Story, asked: &Asked, t: &'static RecordTexts, language: Language) -> Vec<ToMap> {
    let mut rows = Vec::new();
    for one in story.unmatched.iter().take(MAPPED) {
        let Some(wanted) = Wanted::of(one.model) else { continue };
        let text = asked.q.as_deref().filter(|_| asked.m == one.model && asked.b.parse() == Ok(one.branch_id));
        let found = match text {
            Some(text) => Some(search(bridge, &story.entry.branch, wanted, text, t, language).await),
            None => None,
        };
        let name = called(one);
        let title = match wanted {
            Wanted::Product => fill(t.map_product, &[&name]),
            Wanted::Tax => fill(t.map_tax, &[&name]),
            Wanted::Customer => fill(t.map_customer, &[&name]),
        };
        let asked = text.map_or_else(|| clean(&one.name, NAME_MAX), str::to_owned);
        rows.push(ToMap { title, model: one.model, branch_id: one.branch_id, asked, found });
    }
    rows
}

/// What the branch calls something, with its reference.
fn called(one: &Unmatched) -> String {
    match &one.code {
        Some(code) => clean(&format!("[{code}] {}", one.name), NAME_MAX),
        None => clean(&one.name, NAME_MAX),
    }
}

async fn search(bridge: &Bridge, branch: &str, wanted: Wanted, text: &str, t: &'static RecordTexts, language: Language) -> Found {
    let Some(branch) = bridge.config.branch(branch) else { return Found::default() };
    let found = match sync::search_central(bridge, branch, wanted, By::Text(text)).await {
        Ok(found) => found,
        Err(halt) => return Found { wrong: Some(words::said(&halt.into_problem(), language)), ..Found::default() },
    };
    let more = (found.len() >= CHOICES).then(|| fill(t.found_first, &[&found.len()]));
    Found { choices: found.into_iter().map(|choice| choice_row(choice, t, language)).collect(), more, wrong: None }
}

fn choice_row(choice: sync::Choice, t: &'static RecordTexts, language: Language) -> ChoiceRow {
    let rate = choice.amount.map(|amount| {
        let unit = if choice.amount_type.as_deref() == Some("fixed") { "" } else { " %" };
        format!("{}{unit}", plain(amount, language))
    });
    let included = rate.as_ref().map(|_| if choice.price_include { t.included } else { t.excluded }.to_owned());
    // Odoo's names of products begin with the reference.
    let code = choice.default_code.filter(|code| !choice.name.starts_with(&format!("[{code}]")));
    let about = [code, choice.barcode, choice.vat, choice.email, rate, included];
    let about = about.into_iter().flatten().chain([format!("#{}", choice.id)]).collect::<Vec<_>>().join(" · ");
    ChoiceRow { id: choice.id, name: clean(&choice.name, NAME_MAX), about: clean(&about, TEXT_MAX) }
}

fn here(id: i64) -> String {
    format!("/record/{id}")
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Acted {
    recreate: String,
    reason: String,
    m: String,
    b: String,
    /// Its id at central.
    c: String,
}

async fn retry(
    Shared(app): Shared<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(acted): Form<Acted>,
) -> Result<Response, PageError> {
    let story = story_of(&app, &id).await?;
    let id = story.entry.id;
    let recreate = acted.recreate == "1";
    let retried = app
        .store
        .run(move |store| {
            let now = Timestamp::now();
            let retried = store.retry(&Filter { ids: vec![id], ..Filter::default() }, recreate, now)?;
            lanes(&retried).iter().try_for_each(|(code, direction)| store.wish(code, *direction, now))?;
            Ok(retried)
        })
        .await?;
    let t = RecordTexts::of(visitor.language);
    if retried.is_empty() {
        return Ok(visitor.on_to(&app, &here(id), t.nothing_done));
    }
    let action = if recreate && story.entry.state == State::Done { "recreate" } else { "retry" };
    app.note(&visitor, action, Some(&story.entry.branch), Some(id), "").await;
    Ok(visitor.on_to(&app, &here(id), t.retried))
}

async fn ignore(
    Shared(app): Shared<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(acted): Form<Acted>,
) -> Result<Response, PageError> {
    let story = story_of(&app, &id).await?;
    let id = story.entry.id;
    let (t, l) = (RecordTexts::of(visitor.language), LogTexts::of(visitor.language));
    let reason = clean(&acted.reason, REASON_MAX);
    if reason.is_empty() {
        return Ok(visitor.on_to(&app, &here(id), l.reason_needed));
    }
    let ignored = {
        let reason = reason.clone();
        app.store.run(move |store| store.ignore(&Filter { ids: vec![id], ..Filter::default() }, &reason, Timestamp::now())).await?
    };
    if ignored.is_empty() {
        return Ok(visitor.on_to(&app, &here(id), t.nothing_done));
    }
    app.note(&visitor, "ignore", Some(&story.entry.branch), Some(id), &reason).await;
    Ok(visitor.on_to(&app, &here(id), if story.entry.state == State::Done { t.settled } else { t.ignored }))
}

async fn map(Shared(app): Shared<App>, visitor: Visitor, Path(id): Path<String>, Form(acted): Form<Acted>) -> Result<Response, PageError> {
    let story = story_of(&app, &id).await?;
    let id = story.entry.id;
    let t = RecordTexts::of(visitor.language);
    // Only what this record waits for can be mapped here, and only to what central offers.
    let one = story.unmatched.into_iter().find(|one| one.model == acted.m && acted.b.parse() == Ok(one.branch_id));
    let Some(one) = one else { return Ok(visitor.on_to(&app, &here(id), t.nothing_done)) };
    let bridge = app.bridge();
    let code = story.entry.branch;
    let (Some(branch), Some(wanted)) = (bridge.config.branch(&code), Wanted::of(one.model)) else { return Err(PageError::NotFound) };
    let wished: i64 = acted.c.parse().map_err(|_| PageError::BadRequest)?;
    let choice = match sync::search_central(&bridge, branch, wanted, By::Id(wished)).await {
        Ok(found) => found.into_iter().find(|choice| choice.id == wished),
        Err(halt) => {
            let problem = halt.into_problem();
            let (what, step) = (words::said(&problem, visitor.language).what, words::plain_step(&problem, visitor.language));
            return Ok(visitor.on_to(&app, &here(id), format!("{what} {step}")));
        }
    };
    let Some(choice) = choice else { return Ok(visitor.on_to(&app, &here(id), t.choice_gone)) };
    let (name, chosen) = (called(&one), clean(&choice.name, NAME_MAX));
    let released = {
        let (branch, person, name, chosen): (BranchCode, _, _, _) =
            (branch.code.clone(), visitor.login().to_owned(), name.clone(), chosen.clone());
        app.store
            .run(move |store| {
                let now = Timestamp::now();
                let mapped = Mapped {
                    branch: &branch,
                    model: one.model,
                    branch_id: one.branch_id,
                    name: &name,
                    central_id: choice.id,
                    central_name: &chosen,
                    waits_for: &one.waits_for,
                    person: &person,
                };
                let released = store.bind_by_person(&mapped, now)?;
                store.wish(&branch, Direction::Receive, now)?;
                Ok(released)
            })
            .await?
    };
    app.note(&visitor, "map", Some(&code), Some(id), &format!("{name} = {chosen} (id {})", choice.id)).await;
    Ok(visitor.on_to(&app, &here(id), fill(t.mapped, &[&name, &chosen, &released])))
}

#[cfg(test)]
mod tests;
