//! What the log and the page of a record say of a record.

use std::str::FromStr as _;

use jiff::tz::TimeZone;

use super::texts::LogTexts;
use super::time::money;
use crate::config::Config;
use crate::model::{Amount, BranchCode, Kind, Language};
use crate::store::{Direction, Entry, ORDER, State};

/// Longest name that a page shows of what an Odoo calls its own.
pub(super) const NAME_MAX: usize = 160;

/// How a state looks.
pub(super) fn class(state: State) -> &'static str {
    match state {
        State::Done => "good",
        State::Failed => "bad",
        State::Held => "warn",
        State::Pending | State::Ignored => "calm",
    }
}

/// What a state is called.
pub(super) fn state(state: State, t: &LogTexts) -> &'static str {
    match state {
        State::Pending => t.pending,
        State::Held => t.held,
        State::Done => t.done,
        State::Failed => t.failed,
        State::Ignored => t.ignored,
    }
}

/// What a direction is called.
pub(super) fn direction(direction: Direction, t: &LogTexts) -> &'static str {
    match direction {
        Direction::Receive => t.receive,
        Direction::Send => t.send,
    }
}

/// What a kind is called, by its stable name.
pub(super) fn kind(name: &str, t: &LogTexts) -> &'static str {
    match Kind::parse(name) {
        None => t.order,
        Some(Kind::Unit) => t.unit,
        Some(Kind::Tax) => t.tax,
        Some(Kind::PosCategory) => t.pos_category,
        Some(Kind::ProductCategory) => t.product_category,
        Some(Kind::Attribute) => t.attribute,
        Some(Kind::AttributeValue) => t.attribute_value,
        Some(Kind::Product) => t.product,
        Some(Kind::ExtraPrice) => t.extra_price,
        Some(Kind::Variant) => t.variant,
        Some(Kind::Pricelist) => t.pricelist,
        Some(Kind::PricelistItem) => t.pricelist_item,
        Some(Kind::Customer) => t.customer,
        Some(Kind::PaymentMethod) => t.payment_method,
    }
}

/// All kinds by their stable names.
pub(super) fn kinds() -> impl Iterator<Item = &'static str> {
    std::iter::once(ORDER).chain(Kind::ALL.into_iter().map(Kind::as_str))
}

/// The record at central: the draft, or what is sent.
pub(super) fn central_link(config: &Config, entry: &Entry) -> Option<String> {
    let model = match entry.direction {
        Direction::Receive => "sale.order",
        Direction::Send => Kind::parse(&entry.kind)?.model(),
    };
    Some(form(&config.central.endpoint.url, model, entry.central_id?))
}

/// The order at the branch.
pub(super) fn branch_link(config: &Config, entry: &Entry) -> Option<String> {
    let branch = config.branch(&entry.branch)?;
    (entry.direction == Direction::Receive).then(|| form(&branch.endpoint.url, "pos.order", entry.remote_id))
}

/// The form of a record. Every Odoo from 14 on knows this address; from 18 on it turns it into one of its own.
fn form(url: &str, model: &str, id: i64) -> String {
    format!("{url}/web#id={id}&model={model}&view_type=form")
}

/// The till's total with its currency; empty where nothing was sold.
pub(super) fn amount(entry: &Entry, language: Language) -> String {
    match Amount::from_str(&entry.amount_total) {
        Ok(amount) => format!("{} {}", money(amount, language), entry.currency).trim_end().to_owned(),
        Err(_) => String::new(),
    }
}

/// The zone that a branch's times are shown in.
pub(super) fn zone(config: &Config, branch: &str) -> TimeZone {
    config.branch(branch).map_or(TimeZone::UTC, |branch| branch.timezone.clone())
}

/// What people call a branch; one that is no longer in the settings, by its code.
pub(super) fn branch_name(config: &Config, code: &str) -> String {
    config.branch(code).map_or_else(|| code.to_owned(), |branch| branch.name.clone())
}

/// Asks for passes, so that what was let go goes now.
pub(super) fn lanes(entries: &[Entry]) -> Vec<(BranchCode, Direction)> {
    /// Branches that are asked for at once; the others have their turn by the timetable.
    const AT_ONCE: usize = 50;
    let mut lanes: Vec<(BranchCode, Direction)> = Vec::new();
    for entry in entries {
        let known = lanes.iter().any(|(code, direction)| code.as_str() == entry.branch && *direction == entry.direction);
        if !known && lanes.len() < AT_ONCE {
            lanes.extend(BranchCode::new(&entry.branch).ok().map(|code| (code, entry.direction)));
        }
    }
    lanes
}
