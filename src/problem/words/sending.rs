//! Sentences about sending master data to a branch: records that wait by themselves, records that a person has to look
//! at, and settings of `[branch.CODE.send]`.

use super::{Audience, IGNORE, LIST_MAX, NAME_MAX, Then, WORDS_MAX, Words, listed, place, press, quoted, said, then_retry};
use crate::model::{Kind, Language};
use crate::problem::{Button, Retry, Side, Who, clean};

/// What it means for a record that nothing was written.
const KEPT: &str = "The branch keeps what it has; nothing of this record was changed there. Other records go on.";

/// The end of each next step that nobody has to take.
const BY_ITSELF: &str = "Nobody has to do anything: the bridge sends it by itself";

/// `product "[PB-001] Article 1"`.
fn named(kind: Kind, reference: &str) -> String {
    format!("{kind} {}", quoted(reference))
}

/// Several records of a kind, e.g. `POS categories`.
fn plural(kind: Kind) -> &'static str {
    kind.plural_in(Language::English)
}

/// What differs, one after the other, and how many more there are.
fn differences(changes: &[String]) -> String {
    let shown: Vec<String> = changes.iter().take(LIST_MAX).map(|change| clean(change, WORDS_MAX / LIST_MAX)).collect();
    let shown = shown.join("; ");
    match changes.len().saturating_sub(LIST_MAX) {
        0 => shown.trim_end_matches('.').to_owned(),
        more => format!("{shown}; and {more} more"),
    }
}

/// The journals of the branch to choose from.
fn journals_there(journals: &[String]) -> String {
    if journals.is_empty() {
        "The branch has no journals yet, or the bridge's user may not see them".to_owned()
    } else {
        format!("The branch has {}", listed(journals))
    }
}

/// A record that waits for something that passes.
fn held(subject: String, group: String, what: String, meaning: &str, next_step: String) -> Words {
    Words {
        who: Who::Nobody,
        retry: Retry::ByItself,
        subject,
        group,
        what,
        meaning: meaning.to_owned(),
        step: next_step,
        then: Then::Nothing,
    }
}

/// A record that waits for a person; `posbridge retry` lets it go.
fn stuck(cause: &'static str, who: Who, subject: String, group: String, what: String, next_step: String) -> Words {
    Words { who, retry: Retry::AfterFix, subject, group, what, meaning: KEPT.to_owned(), step: next_step, then: Then::Retry(cause) }
}

pub(in crate::problem) fn session_open(kind: Kind, reference: &str, shops: &[String]) -> Words {
    let (wait, close) = match shops {
        [] => ("a session to be closed".to_owned(), "its open sessions".to_owned()),
        [shop] => (format!("{} to close its session", clean(shop, NAME_MAX)), format!("the session of {}", quoted(shop))),
        _ => (format!("{} to close their sessions", listed(shops)), format!("the sessions of {}", listed(shops))),
    };
    held(
        listed(shops),
        wait.clone(),
        format!("Waiting for {wait}: Odoo does not let the {} be changed while a session uses it.", named(kind, reference)),
        "The branch goes on selling with what it has; nothing of this record was changed there. Other records go on.",
        format!("{BY_ITSELF} once that is done. For it to go sooner, Branch: close {close}."),
    )
}

pub(in crate::problem) fn order_open(reference: &str, orders: &[String]) -> Words {
    held(
        quoted(reference),
        format!("open orders with {} to be paid", quoted(reference)),
        format!(
            "The product {} is to be archived, and it is in {} still open at the till{}.",
            quoted(reference),
            if orders.len() == 1 { "an order" } else { "orders" },
            if orders.is_empty() { String::new() } else { format!(": {}", listed(orders)) }
        ),
        "The branch goes on selling it until then. Other records go on.",
        "Nobody has to do anything: the bridge archives it by itself once these orders are paid or cancelled.".to_owned(),
    )
}

pub(in crate::problem) fn waits_for_need(audience: Audience, kind: Kind, reference: &str) -> Words {
    let need = named(kind, reference);
    held(
        need.clone(),
        format!("the {need}"),
        format!("It needs the {need}, which could not be sent yet."),
        KEPT,
        match audience {
            Audience::Terminal => format!("{BY_ITSELF} once the {need} is sent. `posbridge log` says what that one waits for."),
            Audience::Browser => format!("{BY_ITSELF} once the {need} is sent. The log says what that one waits for."),
        },
    )
}

pub(in crate::problem) fn branch_edited(audience: Audience, kind: Kind, reference: &str, changes: &[String]) -> Words {
    Words {
        who: Who::Central,
        retry: Retry::AfterFix,
        subject: named(kind, reference),
        group: format!("a decision about the {}", named(kind, reference)),
        what: format!("The branch has its own values of the {}: {}.", named(kind, reference), differences(changes)),
        meaning: KEPT.to_owned(),
        step: format!(
            "Central: decide which is right. To send central's, {}; to keep the branch's, {}.",
            press(audience, "retry ID", Button::Retry),
            press(audience, IGNORE, Button::Ignore)
        ),
        then: Then::Nothing,
    }
}

pub(in crate::problem) fn changed_since_preview(audience: Audience, reference: &str, changes: &[String]) -> Words {
    held(
        quoted(reference),
        format!("{} to be compared anew", quoted(reference)),
        format!("The branch changed {} between the preview and the sending: {}.", quoted(reference), differences(changes)),
        KEPT,
        format!(
            "Nobody has to do anything: the next pass compares it anew. To see the change before it is sent, {}.",
            match audience {
                Audience::Terminal => "type `posbridge send` again",
                Audience::Browser => "make the preview again",
            }
        ),
    )
}

pub(in crate::problem) fn match_ambiguous(kind: Kind, reference: &str, by: &str, value: &str, matches: &[String]) -> Words {
    let (by, value) = (clean(by, NAME_MAX), quoted(value));
    stuck(
        "match_ambiguous",
        Who::Branch,
        named(kind, reference),
        format!("one {kind} with the {by} {value} at the branch"),
        format!(
            "The branch has {} {} with the {by} {value}, and each could be the {}: {}.",
            matches.len(),
            plural(kind),
            named(kind, reference),
            listed(matches)
        ),
        format!("Branch: leave the {by} {value} to the one that is meant, and change or archive the others."),
    )
}

pub(in crate::problem) fn barcode_taken(reference: &str, barcode: &str, words: &str) -> Words {
    let barcode = clean(barcode, NAME_MAX);
    stuck(
        "barcode_taken",
        Who::Branch,
        format!("barcode {barcode}"),
        format!("the barcode {barcode} to be free at the branch"),
        format!("The branch has the barcode {barcode} of {} on another record: {}.", quoted(reference), said(words)),
        format!(
            "Branch: under Point of Sale > Products > Products search for {barcode}, archived ones too, and take it from \
             the one that should not have it."
        ),
    )
}

pub(in crate::problem) fn refused_at_branch(kind: Kind, reference: &str, words: &str) -> Words {
    stuck(
        "refused_at_branch",
        Who::Branch,
        format!("{}: {}", named(kind, reference), said(words)),
        format!("the branch to accept the {}", named(kind, reference)),
        format!("The branch's Odoo refused the {} with these words: {}.", named(kind, reference), said(words)),
        "Branch: correct what these words name. If it is wrong at central, Central: correct it there.".to_owned(),
    )
}

pub(in crate::problem) fn journal_not_set(method: &str, journals: &[String]) -> Words {
    stuck(
        "journal_not_set",
        Who::Integrator,
        quoted(method),
        format!("a journal for payment method {}", quoted(method)),
        format!("No journal of the branch is named for the payment method {}. {}.", quoted(method), journals_there(journals)),
        format!(
            "Integrator: name one under [branch.CODE.send.journals] in branches.toml, as {} = \"…\", by its name or code.",
            quoted(method)
        ),
    )
}

pub(in crate::problem) fn journal_not_found(method: &str, journal: &str, journals: &[String]) -> Words {
    stuck(
        "journal_not_found",
        Who::Integrator,
        format!("{} {}", quoted(method), quoted(journal)),
        format!("journal {}", quoted(journal)),
        format!(
            "The branch has no journal {} for the payment method {}, or the bridge's user may not see it. {}.",
            quoted(journal),
            quoted(method),
            journals_there(journals)
        ),
        "Integrator: correct it under [branch.CODE.send.journals] in branches.toml to a name or code from Invoicing > \
         Configuration > Journals at the branch."
            .to_owned(),
    )
}

pub(in crate::problem) fn country_differs(reference: &str, branch: &str, central: &str) -> Words {
    let (branch, central) = (clean(branch, NAME_MAX), clean(central, NAME_MAX));
    stuck(
        "country_differs",
        Who::Integrator,
        quoted(reference),
        format!("a tax of {branch}"),
        format!("The tax {} is of {central} at central, and the branch's company keeps its taxes in {branch}.", quoted(reference)),
        "Integrator: choose only taxes of the branch's country in [branch.CODE.send.taxes]. If products are to carry a tax \
         of the branch's own, leave taxes_id out of them with `leave` in [branch.CODE.send.products]."
            .to_owned(),
    )
}

pub(in crate::problem) fn counterpart_missing(what: &str, value: &str) -> Words {
    let what = clean(what, NAME_MAX);
    let step = match what.as_str() {
        "currency" => "Branch: activate it under Invoicing > Configuration > Currencies.".to_owned(),
        "country" => "Branch: create it under Contacts > Configuration > Countries.".to_owned(),
        "state" => "Branch: create it under Contacts > Configuration > Fed. States.".to_owned(),
        "tax group" => "Branch: create it under Invoicing > Configuration > Tax Groups (in developer mode).".to_owned(),
        _ => format!("Branch: create or activate the {what} with the same name as at central."),
    };
    stuck(
        "counterpart_missing",
        Who::Branch,
        format!("{what} {}", quoted(value)),
        format!("{what} {} at the branch", quoted(value)),
        format!("The branch has no {what} {}, or it is not active there.", quoted(value)),
        step,
    )
}

pub(in crate::problem) fn image_too_large(reference: &str, size_kb: u64, limit_kb: u64) -> Words {
    stuck(
        "image_too_large",
        Who::Central,
        quoted(reference),
        format!("a smaller image of {}", quoted(reference)),
        format!("The image of {} has {size_kb} kB, more than the {limit_kb} kB that are sent.", quoted(reference)),
        "Central: put a smaller image on it. Or Integrator: leave images out with `leave` in [branch.CODE.send.products].".to_owned(),
    )
}

pub(in crate::problem) fn variants_differ(audience: Audience, reference: &str, differing: &[String]) -> Words {
    let words = stuck(
        "variants_differ",
        Who::Branch,
        quoted(reference),
        format!("the same attributes of {} on both sides", quoted(reference)),
        format!("The product {} has other attributes at the branch than at central: {}.", quoted(reference), differences(differing)),
        "Branch: give the product the attributes and values that it has at central.".to_owned(),
    );
    let (retry, ignore) = (then_retry("variants_differ", audience), press(audience, IGNORE, Button::Ignore));
    let step = format!("{} {retry} To keep the branch's, {ignore} instead.", words.step);
    Words { step, then: Then::Nothing, ..words }
}

pub(in crate::problem) fn combo_not_sent(audience: Audience, reference: &str) -> Words {
    Words {
        who: Who::Branch,
        retry: Retry::Never,
        subject: quoted(reference),
        group: "combos are made at the branch by hand".to_owned(),
        what: format!("The product {} is a combo, and combos with their choices are not sent.", quoted(reference)),
        meaning: KEPT.to_owned(),
        step: format!(
            "Branch: make the combo at the branch under Point of Sale > Products, then {}. Or Integrator: leave it out of the \
             selection in [branch.CODE.send.products].",
            press(audience, IGNORE, Button::Ignore)
        ),
        then: Then::Nothing,
    }
}

pub(in crate::problem) fn language_missing(side: &Side, language: &str) -> Words {
    Words {
        who: Who::Integrator,
        retry: Retry::AfterFix,
        subject: format!("{side} {}", quoted(language)),
        group: format!("language {} at {}", quoted(language), place(side)),
        what: format!("The language {} is not active at {}.", quoted(language), place(side)),
        meaning: "Nothing is sent to the branch for now, so that no name is overwritten in another language. The branch keeps what \
                  it has."
            .to_owned(),
        step: "Integrator: activate it there under Settings > Translations > Languages, or correct `language` in \
                    [branch.CODE.send] of branches.toml."
            .to_owned(),
        then: Then::Check(side.clone()),
    }
}

pub(in crate::problem) fn selection_wrong(kind: Kind, setting: &str, words: &str) -> Words {
    let setting = clean(setting, NAME_MAX);
    Words {
        who: Who::Integrator,
        retry: Retry::AfterFix,
        subject: format!("{} {setting}", kind.table()),
        group: format!("a `{setting}` of {} that central understands", plural(kind)),
        what: format!("Central refuses `{setting}` in [branch.CODE.send.{}]: {}.", kind.table(), said(words)),
        meaning: format!("No {} are sent to this branch for now; it keeps what it has. Other kinds go on.", plural(kind)),
        step: format!(
            "Integrator: correct `{setting}` in branches.toml; build the filter in central's list view and copy it from there. \
             The next pass goes on by itself."
        ),
        then: Then::Nothing,
    }
}

pub(in crate::problem) fn nothing_selected(kind: Kind, setting: &str, value: &str) -> Words {
    let setting = clean(setting, NAME_MAX);
    Words {
        who: Who::Integrator,
        retry: Retry::AfterFix,
        subject: format!("{} {setting} {}", kind.table(), quoted(value)),
        group: format!("{} for {setting} {}", plural(kind), quoted(value)),
        what: format!(
            "`{setting}` in [branch.CODE.send.{}] names {}, and central has no {kind} for it, or the bridge's user may not see it.",
            kind.table(),
            quoted(value)
        ),
        meaning: "Nothing was changed at the branch because of it. What else is chosen goes on.".to_owned(),
        step: format!("Integrator: correct `{setting}` in branches.toml, or delete the name. The next pass goes on by itself."),
        then: Then::Nothing,
    }
}

pub(in crate::problem) fn too_many_gone(audience: Audience, kind: Kind, gone: usize, of: usize) -> Words {
    Words {
        who: Who::Central,
        retry: Retry::AfterFix,
        subject: plural(kind).to_owned(),
        group: format!("a look at the {} that are gone at central", plural(kind)),
        what: format!("Central no longer gives {gone} of the {of} {} that were sent to this branch.", plural(kind)),
        meaning: "So many at once look like a mistake. None of them was archived at the branch, which keeps what it has.".to_owned(),
        step: format!(
            "Central: check the rights and the company of the bridge's user at central, and the selection in \
             [branch.CODE.send.{}]. If they are meant to be gone, {}.",
            kind.table(),
            match audience {
                Audience::Terminal => {
                    format!("type `posbridge send CODE --{} --accept-gone` with the branch's code", kind.table().replace('_', "-"))
                }
                Audience::Browser => press(audience, "", Button::AcceptGone),
            }
        ),
        then: Then::Nothing,
    }
}

pub(in crate::problem) fn not_as_sent(reference: &str, changes: &[String]) -> Words {
    Words {
        meaning: "The record was written, and part of it stands otherwise at the branch than at central. Other records go on.".to_owned(),
        ..stuck(
            "not_as_sent",
            Who::Integrator,
            quoted(reference),
            format!("{} to stay as it was sent", quoted(reference)),
            format!("The branch was sent {} and shows something else: {}.", quoted(reference), differences(changes)),
            "Integrator: look for an app or an automation rule at the branch that changes these fields, or leave them to \
             the branch with `leave` in [branch.CODE.send]."
                .to_owned(),
        )
    }
}

pub(in crate::problem) fn field_not_there(kind: Kind, reference: &str, field: &str, value: &str) -> Words {
    let field = clean(field, NAME_MAX);
    let (group, missing) = if value.is_empty() {
        (format!("the field {field} at the branch"), format!("no field {field}"))
    } else {
        (format!("{field} {} at the branch", quoted(value)), format!("no {field} {}", quoted(value)))
    };
    stuck(
        "field_not_there",
        Who::Integrator,
        format!("{} {field} {}", kind.table(), clean(value, NAME_MAX)).trim_end().to_owned(),
        group,
        format!("The branch's Odoo knows {missing}, and the {} cannot do without it.", named(kind, reference)),
        "Integrator: install the app that brings it at the branch, or leave the record out of the selection in \
         [branch.CODE.send]; the branch's Odoo may be of another version."
            .to_owned(),
    )
}
