//! What a pass of sending needs of a branch and of central: the rights by kind, the language, what the settings choose,
//! the journals of payment methods.

use std::sync::Arc;

use super::central::Known;
use super::{Checked, Verdict, may, some_of};
use crate::config::{Branch, Selection};
use crate::model::Kind;
use crate::problem::{Problem, Side};
use crate::sync::Connection;
use crate::sync::send::{Journals, at_branch, at_central};

/// The steps of a branch that is sent to.
const STEPS: [&str; 4] = ["send_rights", "send_language", "send_choice", "send_journals"];

/// Models named in one sentence.
const MODELS: usize = 3;

/// Models that one right opens.
struct Right {
    /// The models.
    models: &'static [&'static str],
    /// `write`: create and write; else `read`.
    writes: bool,
    /// What goes wrong without it, where something still goes; `None` = nothing of the kind is sent.
    without: Option<&'static str>,
}

/// The steps that concern a branch, in their order.
pub(super) fn steps(branch: &Branch) -> &'static [&'static str] {
    let journals = branch.send.kinds.contains_key(&Kind::PaymentMethod);
    match (branch.send.kinds.is_empty(), journals) {
        (true, _) => &["send"],
        (false, true) => &STEPS,
        (false, false) => &STEPS[..3],
    }
}

pub(super) async fn check(connection: &Arc<Connection>, major: u32, branch: &Branch, central: Option<&Known>, seen: &mut Checked) {
    let kinds = &branch.send.kinds;
    if kinds.is_empty() {
        return seen.ok("send", "Receives only: branches.toml chooses nothing to send to it");
    }
    rights(connection, major, branch, seen).await;
    let journals = match at_branch(connection, &branch.send).await {
        Ok(journals) => Some(journals),
        Err(problem) => {
            seen.failed_by("send_language", &problem);
            None
        }
    };
    let Some(known) = central else {
        seen.skip("send_choice", "Not checked: central cannot be asked");
        return;
    };
    let chosen = match at_central(&known.central.connection, branch).await {
        Ok(chosen) => chosen,
        Err(problem) => {
            let step = if matches!(problem, Problem::LanguageMissing { .. }) { "send_language" } else { "send_choice" };
            return seen.failed_by(step, &problem);
        }
    };
    if journals.is_some() {
        seen.ok("send_language", format!("{} is active on both sides", branch.send.language));
    }
    for problem in &chosen.problems {
        seen.failed_by("send_choice", problem);
    }
    let count = |kind: Kind| chosen.counts.get(&kind).map(|count| format!("{} {count}", kind.table()));
    let found: Vec<String> = Kind::CHOSEN.into_iter().filter_map(count).collect();
    let told = |wanted: Kind| {
        let about = |problem: &Problem| matches!(problem, Problem::SelectionWrong { kind, .. } | Problem::NothingSelected { kind, .. } if *kind == wanted);
        chosen.problems.iter().any(about)
    };
    for (kind, _) in chosen.counts.iter().filter(|(kind, count)| **count == 0 && !told(**kind)) {
        let table = kind.table();
        let what = format!("[branch.{}.send.{table}] chooses no record of central.", branch.code);
        let next = format!(
            "Integrator: correct what it chooses, or take the table out. `posbridge send {} --dry-run` shows what goes.",
            branch.code
        );
        seen.warn("send_choice", what, next);
    }
    if chosen.problems.is_empty() && chosen.counts.values().all(|count| *count > 0) {
        seen.ok("send_choice", format!("Central has: {}", found.join(", ")));
    }
    if let Some(journals) = journals.filter(|_| kinds.contains_key(&Kind::PaymentMethod)) {
        methods(branch, &journals, &chosen.with_journal, seen);
    }
}

/// Each journal that is named is there, and each payment method that has one at central gets one.
fn methods(branch: &Branch, there: &Journals, with_journal: &[(String, String, bool)], seen: &mut Checked) {
    let journals = &there.names;
    let with_journal: Vec<&(String, String, bool)> = with_journal.iter().filter(|(_, _, cash)| *cash || !there.cash_only).collect();
    let mut sound = true;
    for (method, journal) in &there.missing {
        let problem = Problem::JournalNotFound { method: method.clone(), journal: journal.clone(), journals: journals.clone() };
        seen.failed_by("send_journals", &problem);
        sound = false;
    }
    // Without a setting the journal of the same name is taken.
    let left = with_journal.iter().filter(|(method, journal, _)| !branch.send.journals.contains_key(method) && !journals.contains(journal));
    for (method, _, _) in left {
        seen.failed_by("send_journals", &Problem::JournalNotSet { method: method.clone(), journals: journals.clone() });
        sound = false;
    }
    if sound {
        let methods: Vec<String> = with_journal.iter().map(|(method, _, _)| method.clone()).collect();
        let what = if methods.is_empty() { "None is needed".to_owned() } else { format!("There for {}", some_of(&methods)) };
        seen.ok("send_journals", what);
    }
}

async fn rights(connection: &Connection, major: u32, branch: &Branch, seen: &mut Checked) {
    let mut has: Vec<&'static str> = Vec::new();
    let mut sound = true;
    for right in needed(branch) {
        let mut refused: Vec<&'static str> = Vec::new();
        for model in right.models {
            match allowed(connection, model, right.writes, major).await {
                Ok(true) if right.writes => has.push(model),
                Ok(true) => {}
                Ok(false) => refused.push(model),
                // An app that is not there cannot stand in the way of anything but its own records.
                Err(Problem::ModuleMissing { .. }) if right.without.is_some() => {}
                Err(problem) => return seen.failed_by("send_rights", &problem),
            }
        }
        if refused.is_empty() {
            continue;
        }
        sound = false;
        let problem = Problem::RightMissing {
            side: Side::Branch(branch.code.clone()),
            user: connection.asked.login.clone().into(),
            model: named(&refused),
            operation: if right.writes { "create and write" } else { "read" }.to_owned(),
            groups: Vec::new(),
            major: Some(major),
        };
        match right.without {
            None => seen.failed_by("send_rights", &problem),
            Some(without) => {
                let what = format!("{} {without}", problem.what());
                seen.add("send_rights", Verdict::Warning, what, Some(problem.next_step()), Some(problem.cause()));
            }
        }
    }
    if sound {
        seen.ok("send_rights", format!("May create and write {}", has.join(", ")));
    }
}

async fn allowed(connection: &Connection, model: &'static str, writes: bool, major: u32) -> Result<bool, Problem> {
    if !writes {
        return may(connection, model, "read", major).await;
    }
    Ok(may(connection, model, "create", major).await? && may(connection, model, "write", major).await?)
}

/// As many as a sentence has room for.
fn named(models: &[&str]) -> String {
    match models.len().saturating_sub(MODELS) {
        0 => models.join(", "),
        more => format!("{} and {more} more", models[..MODELS].join(", ")),
    }
}

/// The least rights for the kinds that a branch gets; see `tests/odoo/README.md` for how they were found.
fn needed(branch: &Branch) -> Vec<Right> {
    let kinds = &branch.send.kinds;
    let sends = |kind: Kind, field: &str| kinds.get(&kind).is_some_and(|selection| sends(selection, field));
    let mut rights = Vec::new();
    if kinds.contains_key(&Kind::Product) {
        let models =
            &["product.template", "product.product", "product.category", "product.attribute", "product.attribute.value", "uom.uom"];
        rights.push(Right { models, writes: true, without: None });
    }
    if sends(Kind::Product, "pos_categ_ids") {
        let without = Some("A product waits that needs a POS category which the branch does not have.");
        rights.push(Right { models: &["pos.category"], writes: true, without });
    }
    if sends(Kind::Product, "active") {
        let without = Some("No product can be archived there.");
        rights.push(Right { models: &["stock.warehouse.orderpoint"], writes: false, without });
    }
    if kinds.contains_key(&Kind::Tax) {
        rights.push(Right { models: &["account.tax"], writes: true, without: None });
    } else if sends(Kind::Product, "taxes_id") {
        let without = Some("A product waits that needs a tax which the branch does not have.");
        rights.push(Right { models: &["account.tax"], writes: true, without });
    }
    if kinds.contains_key(&Kind::Pricelist) {
        rights.push(Right { models: &["product.pricelist", "product.pricelist.item"], writes: true, without: None });
    } else if sends(Kind::Customer, "property_product_pricelist") {
        let without = Some("A customer waits who needs a pricelist which the branch does not have.");
        rights.push(Right { models: &["product.pricelist", "product.pricelist.item"], writes: true, without });
    }
    if kinds.contains_key(&Kind::Customer) {
        rights.push(Right { models: &["res.partner"], writes: true, without: None });
    }
    if kinds.contains_key(&Kind::PaymentMethod) {
        rights.push(Right { models: &["pos.payment.method"], writes: true, without: None });
    }
    rights
}

fn sends(selection: &Selection, field: &str) -> bool {
    let is = |name: &String| name == field;
    selection.fields.as_ref().map_or(!selection.leave.iter().any(is), |only| only.iter().any(is))
}
