//! What a comparison says to people: what happened, and who does what next.

use jiff::civil::Date;

use super::{DayProof, Entry, Finding, Needs, Row, Verdict};
use crate::model::{Amount, BranchCode, CentralOrder, SoldOrder};
use crate::problem::{Problem, clean};

/// Longest text from outside in a sentence.
const TEXT: usize = 120;

/// A verdict in a table.
pub fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Equal => "equal",
        Verdict::Explained => "explained",
        Verdict::Differs => "differs",
        Verdict::NotOver => "not over",
        Verdict::Unproved => "unproved",
    }
}

/// What a day came to, in a sentence; `to` is another day if the same is to be said of all days up to that.
pub fn summary(branch: &str, proof: &DayProof, to: Date) -> String {
    let head = if to == proof.day { format!("{branch}, {to}") } else { format!("{branch}, {} to {to}", proof.day) };
    let differences = proof.differences().count() as u64 + proof.not_listed;
    match proof.verdict {
        Verdict::Equal if proof.branch_orders == 0 => format!("{head}: no orders on either side."),
        Verdict::Equal => format!("{head}: branch and central agree on {}, {}.", counted(proof.branch_orders, "order"), sums(proof)),
        Verdict::Explained => {
            format!("{head}: {}; {} as people or the settings decided.", sides(proof), counted(differences, "difference"))
        }
        Verdict::Differs => format!("{head}: {}; {}.", sides(proof), counted(differences, "difference")),
        Verdict::NotOver if proof.open_sessions.is_empty() => format!("{head}: the day is not over yet, so nothing is proved."),
        Verdict::NotOver => {
            let sessions = proof.open_sessions.iter().map(|name| clean(name, TEXT)).collect::<Vec<_>>().join(", ");
            format!("{head}: not over yet, so nothing is proved: close the session in the Point of Sale ({sessions}).")
        }
        Verdict::Unproved => {
            let why = proof.error.as_deref().unwrap_or("not looked at");
            let next = proof.next_step.as_deref().unwrap_or_default();
            format!("{head}: could not be proved: {why} {next}").trim_end().to_owned()
        }
    }
}

/// Both sides in figures.
fn sides(proof: &DayProof) -> String {
    format!("{} at the branch, {} at central", counted(proof.branch_orders, "order"), proof.central_orders)
}

/// The branch's money.
fn sums(proof: &DayProof) -> String {
    proof.totals.iter().map(|total| money(total.branch, &total.currency)).collect::<Vec<_>>().join(" and ")
}

fn counted(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// An amount with its currency, with at least two decimals.
pub fn money(amount: Amount, currency: &str) -> String {
    let mut shown = amount.normalize();
    if shown.scale() < 2 {
        shown.rescale(2);
    }
    format!("{shown} {}", clean(currency, TEXT)).trim_end().to_owned()
}

fn entry(finding: Finding, needs: Needs, message: String, next_step: String) -> Entry {
    Entry {
        finding,
        needs,
        reference: String::new(),
        order: None,
        record: None,
        central_id: None,
        central_name: None,
        central_state: None,
        branch_total: None,
        central_total: None,
        currency: String::new(),
        message,
        next_step,
    }
}

fn of_order(order: &SoldOrder, entry: Entry) -> Entry {
    Entry {
        reference: order.reference(),
        order: Some(order.id.get()),
        branch_total: Some(order.amount_total),
        currency: order.currency().to_owned(),
        ..entry
    }
}

fn of_row(row: &Row, entry: Entry) -> Entry {
    Entry {
        record: Some(row.record),
        order: Some(row.order),
        reference: row.reference.clone(),
        currency: row.currency.clone(),
        central_id: row.central_id,
        central_name: row.central_name.clone(),
        ..entry
    }
}

pub fn of_draft(draft: &CentralOrder, entry: Entry) -> Entry {
    Entry {
        central_id: Some(draft.id.get()),
        central_name: Some(draft.name.clone()),
        central_state: Some(draft.state.clone()),
        central_total: Some(draft.amount_total),
        ..entry
    }
}

/// `Order 0042 (12.50 EUR)`.
fn subject(order: &SoldOrder) -> String {
    format!("{} ({})", clean(&order.reference(), TEXT), money(order.amount_total, order.currency()))
}

fn name_of(row: &Row) -> String {
    row.central_name.as_deref().map_or_else(|| "its draft".to_owned(), |name| clean(name, TEXT))
}

/// Who last wrote a sales order, and when.
fn touched(draft: &CentralOrder) -> String {
    let who = draft.write_uid.as_ref().map_or_else(String::new, |(_, name)| format!(" by {}", clean(name, TEXT)));
    format!("last changed{who} on {}", minute(&draft.write_date))
}

/// A time of Odoo's without its seconds.
fn minute(text: &str) -> String {
    format!("{} UTC", text.get(..16).unwrap_or(text))
}

/// What a person who looks at a written order may do, or what he decided.
fn or_decided(row: &Row, undo: &str) -> (Needs, String) {
    match &row.reason {
        Some(reason) => (Needs::Nothing, format!("Nothing, it was decided: {}", clean(reason, TEXT))),
        None => (Needs::Person, format!("{undo} If it is right so: posbridge ignore {} --reason \"…\"", row.record)),
    }
}

pub fn not_taken(branch: &BranchCode, order: &SoldOrder) -> Entry {
    let message = format!("{} is at the branch and was not received.", subject(order));
    let next_step = format!("Ops: posbridge receive {branch}, then reconcile again");
    of_order(order, entry(Finding::NotTaken, Needs::Person, message, next_step))
}

pub fn not_received(order: &SoldOrder, row: &Row) -> Entry {
    let message = format!("{} had not been received. It is kept now and goes to central with the next pass.", subject(order));
    let next_step = "Nothing now. If this happens often, raise `overlap` of this branch in branches.toml".to_owned();
    of_order(order, of_row(row, entry(Finding::NotReceived, Needs::Time, message, next_step)))
}

pub fn waiting(order: &SoldOrder, row: &Row) -> Entry {
    let why = row.problem.as_ref().map(|problem| format!(" {}", problem.what())).unwrap_or_default();
    let message = format!("{} is received and waits to be written to central.{why}", subject(order));
    let next_step = format!("Nothing, it goes by itself: posbridge log show {}", row.record);
    of_order(order, of_row(row, entry(Finding::Waiting, Needs::Time, message, next_step)))
}

pub fn held(order: &SoldOrder, row: &Row) -> Entry {
    let (what, next_step) = problem_words(row);
    let message = format!("{} is received and held back: {what}", subject(order));
    of_order(order, of_row(row, entry(Finding::Held, Needs::Time, message, next_step)))
}

pub fn failed(order: &SoldOrder, row: &Row) -> Entry {
    let (what, next_step) = problem_words(row);
    let message = format!("{} is received and cannot be written to central: {what}", subject(order));
    let next_step = format!("{next_step} All of it: posbridge log show {}", row.record);
    of_order(order, of_row(row, entry(Finding::Failed, Needs::Person, message, next_step)))
}

fn problem_words(row: &Row) -> (String, String) {
    match &row.problem {
        Some(problem) => (problem.what(), problem.next_step()),
        None => ("the reason is in the log.".to_owned(), format!("See posbridge log show {}", row.record)),
    }
}

pub fn ignored(order: &SoldOrder, row: &Row) -> Entry {
    let why = match (&row.reason, &row.problem) {
        (Some(reason), _) => clean(reason, TEXT),
        (None, Some(problem)) => problem.what(),
        (None, None) => "no reason was given".to_owned(),
    };
    let message = format!("{} is not to be written to central: {}.", subject(order), why.trim_end_matches('.'));
    let next_step = format!("Nothing, it was decided. To write it all the same: posbridge retry {}", row.record);
    of_order(order, of_row(row, entry(Finding::Ignored, Needs::Nothing, message, next_step)))
}

pub fn deleted(order: &SoldOrder, row: &Row) -> Entry {
    let message = format!("{} was written to central as {}, which has been deleted there since.", subject(order), name_of(row));
    let undo = format!("Central: ask who deleted it. To write it again: posbridge retry {} --recreate.", row.record);
    let (needs, next_step) = or_decided(row, &undo);
    of_order(order, of_row(row, entry(Finding::Deleted, needs, message, next_step)))
}

pub fn cancelled(order: &SoldOrder, row: &Row, draft: &CentralOrder) -> Entry {
    let message = format!("{} is {} at central, which is cancelled there ({}).", subject(order), draft.name, touched(draft));
    let (needs, next_step) = or_decided(row, "Central: set it back to quotation.");
    of_order(order, of_draft(draft, of_row(row, entry(Finding::Cancelled, needs, message, next_step))))
}

pub fn edited(order: &SoldOrder, row: &Row, draft: &CentralOrder) -> Entry {
    let message = format!(
        "{} is {} at central with {} ({}, {}).",
        subject(order),
        draft.name,
        money(draft.amount_total, draft.currency()),
        state_word(&draft.state),
        touched(draft)
    );
    let (needs, next_step) = or_decided(row, "Central: ask who changed it, and correct it there.");
    of_order(order, of_draft(draft, of_row(row, entry(Finding::Edited, needs, message, next_step))))
}

pub fn changed_total(order: &SoldOrder, row: &Row, draft: &CentralOrder) -> Entry {
    let message = format!(
        "{} was changed at the branch after it was written: {} at central has {}, as it was received ({}).",
        subject(order),
        draft.name,
        money(draft.amount_total, draft.currency()),
        state_word(&draft.state)
    );
    let (needs, next_step) = or_decided(row, "Central: correct the sales order.");
    of_order(order, of_draft(draft, of_row(row, entry(Finding::ChangedTotal, needs, message, next_step))))
}

fn state_word(state: &str) -> String {
    match state {
        "draft" => "a quotation".to_owned(),
        "sent" => "a quotation that was sent".to_owned(),
        "sale" => "confirmed".to_owned(),
        other => clean(other, TEXT),
    }
}

pub fn late(order: &SoldOrder, row: &Row) -> Entry {
    let message = format!(
        "{} arrived late: sold {}, at the branch's server {}, received {}.",
        subject(order),
        minute(&order.date_order),
        minute(&order.create_date),
        row.received_at.strftime("%Y-%m-%d %H:%M UTC")
    );
    let next_step = "Nothing. Figures of this day that were taken before then lack it".to_owned();
    of_order(order, of_row(row, entry(Finding::Late, Needs::Nothing, message, next_step)))
}

pub fn changed(order: &SoldOrder, row: &Row, draft: &CentralOrder) -> Entry {
    let what = match &row.problem {
        Some(Problem::OrderChanged { what }) => clean(what, TEXT),
        _ => "its details".to_owned(),
    };
    let message = format!("{} was changed at the branch after it was written to central as {}: {what}.", subject(order), draft.name);
    let next_step = format!("Central: compare, posbridge log show {}. Then: posbridge ignore {} --reason \"…\"", row.record, row.record);
    of_order(order, of_draft(draft, of_row(row, entry(Finding::Changed, Needs::Person, message, next_step))))
}

pub fn moved(order: &SoldOrder, row: &Row) -> Entry {
    let message = format!(
        "{} was received as sold {}; the branch has it as sold {} now, and it counts on that day.",
        subject(order),
        minute(&row.date_order),
        minute(&order.date_order)
    );
    of_order(order, of_row(row, entry(Finding::Moved, Needs::Nothing, message, "Nothing".to_owned())))
}

/// `, and S00042 with 12.50 EUR stands at central`
fn stands(draft: Option<&CentralOrder>) -> String {
    draft.map_or_else(String::new, |draft| format!("; {} with {} is at central", draft.name, money(draft.amount_total, draft.currency())))
}

fn of_either(row: &Row, draft: Option<&CentralOrder>, entry: Entry) -> Entry {
    let entry = of_row(row, entry);
    draft.map_or(entry.clone(), |draft| of_draft(draft, entry))
}

pub fn left_out(row: &Row, draft: Option<&CentralOrder>) -> Entry {
    let message = format!(
        "{} ({}) was received, but `shops`, `receive` or `from` leave it out now{}.",
        clean(&row.reference, TEXT),
        money(row.amount_total, &row.currency),
        stands(draft)
    );
    of_either(row, draft, entry(Finding::LeftOut, Needs::Nothing, message, "Nothing, the settings say so".to_owned()))
}

pub fn no_longer_paid(order: &SoldOrder, row: &Row, draft: Option<&CentralOrder>) -> Entry {
    let message =
        format!("{} was received; at the branch its state is {} now{}.", subject(order), clean(&order.state, TEXT), stands(draft));
    let (needs, next_step) = or_decided(row, "Support: ask the branch what became of it, and correct central.");
    of_order(order, of_either(row, draft, entry(Finding::NoLongerPaid, needs, message, next_step)))
}

pub fn gone_at_branch(row: &Row, draft: Option<&CentralOrder>) -> Entry {
    let message = format!(
        "{} ({}) was received {}, and the branch no longer has it (order {}){}.",
        clean(&row.reference, TEXT),
        money(row.amount_total, &row.currency),
        row.received_at.strftime("%Y-%m-%d %H:%M UTC"),
        row.order,
        stands(draft)
    );
    let undo = "Ops: was the branch's database restored from a backup? Then check this sale with the branch.";
    let (needs, next_step) = or_decided(row, undo);
    of_either(row, draft, entry(Finding::GoneAtBranch, needs, message, next_step))
}

fn of_stranger(order: &CentralOrder, entry: Entry) -> Entry {
    let reference = order.client_order_ref.clone().unwrap_or_else(|| order.name.clone());
    of_draft(order, Entry { reference, currency: order.currency().to_owned(), ..entry })
}

fn maker(order: &CentralOrder) -> String {
    let who = order.create_uid.as_ref().map_or_else(String::new, |(_, name)| format!(" by {}", clean(name, TEXT)));
    format!("made{who} on {}", minute(&order.create_date))
}

pub fn foreign(order: &CentralOrder) -> Entry {
    let message = format!(
        "{} ({}, {}) has the Customer Reference {}, as an order of this branch has, but the bridge did not write it.",
        clean(&order.name, TEXT),
        money(order.amount_total, order.currency()),
        maker(order),
        clean(order.client_order_ref.as_deref().unwrap_or_default(), TEXT)
    );
    let next_step =
        "Central: ask who made it. If it stands for a sale that is there already, cancel it; else give it another Customer Reference";
    of_stranger(order, entry(Finding::Foreign, Needs::Person, message, next_step.to_owned()))
}

pub fn unknown_draft(branch: &BranchCode, day: Date, order: &CentralOrder, external_id: &str) -> Entry {
    let message = format!(
        "{} ({}, {}) was written by a bridge for order {}, which neither the ledger nor the branch has on this day.",
        clean(&order.name, TEXT),
        money(order.amount_total, order.currency()),
        maker(order),
        clean(external_id, TEXT)
    );
    let next_step = format!(
        "Ops: if the ledger was begun anew or restored: posbridge receive {branch} --from {day}. If not, look for a second bridge on this branch"
    );
    of_stranger(order, entry(Finding::UnknownDraft, Needs::Person, message, next_step))
}
