//! What the branch's answers mean: whether it shows what was sent, whether it is still what the preview showed, and why
//! it refused.

use std::collections::BTreeSet;

use super::side::Side;
use crate::master_data::{ATTRIBUTES, BranchKey, FieldChange, Item, Record, Target, Type, Value, fields, same};
use crate::model::Kind;
use crate::problem::{Problem, Retry};
use crate::store::Sending;
use crate::sync::explain;
use crate::sync::load::Refusal;

/// The kind of the records that a field names.
pub fn kind_of(kind: Kind, field: &str) -> Kind {
    if field == ATTRIBUTES {
        return Kind::AttributeValue;
    }
    match fields(kind).iter().find(|known| known.name == field).map(|field| field.of) {
        Some(Type::One(kind) | Type::Many(kind)) => kind,
        _ => kind,
    }
}

/// Whether a record shows what a change was to make of it.
pub fn shows(side: &Side, kind: Kind, change: &FieldChange, record: &Record<BranchKey>) -> bool {
    let after = change.after.map(|target| match target {
        Target::New(kind, id) => side.bound.get(&(kind, id)).map_or(target, |id| Target::There(*id)),
        there => there,
    });
    let has = record.value(&change.field);
    if change.field == ATTRIBUTES {
        let has: BTreeSet<Target> = has.ids().into_iter().map(Target::There).collect();
        return after.ids().iter().all(|value| has.contains(value));
    }
    // Odoo draws a picture anew when it is too large for it: that there is one is all that can be said.
    if fields(kind).iter().any(|field| field.name == change.field && field.of == Type::Image) {
        return (*has == Value::Nothing) == (after == Value::Nothing);
    }
    same(has, &after)
}

/// What is not as the preview showed it.
pub fn moved(item: &Item, now: Option<&Record<BranchKey>>, side: &Side) -> Vec<String> {
    let Some(now) = now else { return vec!["it is no longer there".to_owned()] };
    let moved = |change: &&FieldChange| change.before.as_ref().is_some_and(|before| before != now.value(&change.field));
    let told = |change: &FieldChange| {
        let has = now.value(&change.field).show(|id| side.name(kind_of(item.kind, &change.field), id));
        format!("{} {} -> {has}", change.label, change.from.as_deref().unwrap_or("nothing"))
    };
    item.changes.iter().filter(moved).map(told).collect()
}

/// What Odoo's refusal of one record means.
pub fn refused(item: &Item, refusal: Refusal) -> Sending {
    let words = match refusal {
        Refusal::Row(words) => words,
        Refusal::Alone(Problem::RefusedByOdoo { words } | Problem::CompanyMixedUp { words } | Problem::RecordGone { words, .. }) => words,
        Refusal::Alone(problem) if problem.retry() == Retry::ByItself => return Sending::Held(vec![problem]),
        Refusal::Alone(problem) => return Sending::Failed(vec![problem]),
    };
    let (kind, reference) = (item.kind, item.reference.clone());
    // Odoo 19's words for what waits for a till; mostly it was seen beforehand and not sent.
    let waits = ["open PoS Session", "POS order not posted", "while POS sessions are active"];
    if waits.iter().any(|sign| words.contains(sign)) {
        return Sending::Held(vec![Problem::SessionOpen { kind, reference, shops: vec![sessions_in(&words)] }]);
    }
    let barcode = item.changes.iter().find(|change| change.field == "barcode");
    // Since 16, and in 14.
    let taken = ["already assigned", "can only be assigned to one product"];
    if let Some(change) = barcode.filter(|_| taken.iter().any(|sign| words.contains(sign))) {
        return Sending::Failed(vec![Problem::BarcodeTaken { reference, barcode: change.to.clone(), words }]);
    }
    match explain::complaint(&words) {
        Problem::RefusedByOdoo { words } => Sending::Failed(vec![Problem::RefusedAtBranch { kind, reference, words }]),
        problem => Sending::Failed(vec![problem]),
    }
}

/// The sessions that Odoo names: `Open sessions: Furniture Shop/00003`.
fn sessions_in(words: &str) -> String {
    words.split_once("Open sessions:").map_or("a shop", |(_, sessions)| sessions.trim()).to_owned()
}
