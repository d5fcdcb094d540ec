//! What a pass of sending tells.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Round;
use super::source::Name;
use crate::master_data::{Action, FieldChange, Item, Note};
use crate::model::{BranchId, Kind, Language};
use crate::problem::{Problem, numbered};
use crate::store::Sending;

/// What a pass did for a branch.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SendReport {
    /// Branch code.
    pub branch: String,
    /// Records compared.
    pub compared: usize,
    /// Of these, equal.
    pub equal: usize,
    /// Created at the branch.
    pub created: usize,
    /// Changed there.
    pub changed: usize,
    /// Archived or removed there.
    pub archived: usize,
    /// Wait for a known thing.
    pub held: usize,
    /// Wait for a person.
    pub failed: usize,
    /// Go later by themselves.
    pub queued: usize,
    /// Calls to the branch, log-ins left out.
    pub calls: u64,
    /// What kept the pass from its end; `null` = nothing.
    pub error: Option<String>,
    /// Its stable short name.
    pub cause: Option<String>,
    /// Who does what about it.
    pub next_step: Option<String>,
    /// The same, for code.
    #[serde(skip)]
    pub problem: Option<Problem>,
    /// How long each call to the branch took.
    #[serde(skip)]
    pub call_times: Vec<std::time::Duration>,
    /// What concerns no single record, e.g. a reference in the settings that finds nothing.
    pub problems: Vec<Told>,
    /// What stays behind because one side's Odoo has no place for it, in sentences.
    pub notes: Vec<String>,
    /// The same, with how many records it concerns, for those who say it in their own words.
    #[serde(skip)]
    pub kept_back: BTreeMap<Note, usize>,
    /// The preview, and what became of it; equal records are left out.
    pub changes: Vec<ItemReport>,
}

/// A problem in words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Told {
    /// Its stable short name.
    pub cause: &'static str,
    /// What happened.
    pub what: String,
    /// Who does what next.
    pub next_step: String,
    /// The same, for those who say it in their own words.
    #[serde(skip)]
    pub problem: Problem,
}

impl From<&Problem> for Told {
    fn from(problem: &Problem) -> Self {
        Self { cause: problem.cause(), what: problem.what(), next_step: problem.next_step(), problem: problem.clone() }
    }
}

/// One record in a report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ItemReport {
    /// Its number in the log while it waits; `null` = it does not, or nothing is kept (a dry run).
    pub record: Option<i64>,
    /// `product`, `tax`, …
    pub kind: Kind,
    /// What people call it.
    pub reference: String,
    /// At central.
    pub central_id: i64,
    /// At the branch; `null` = not there yet.
    pub branch_id: Option<i64>,
    /// What is to happen.
    pub action: Action,
    /// `ready` (of a dry run), `done`, `held`, `failed`, `pending`.
    pub state: &'static str,
    /// Field by field.
    pub fields: Vec<FieldReport>,
    /// What stands in the way.
    pub problem: Option<Told>,
}

/// One field in a report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldReport {
    /// Odoo's name.
    pub field: String,
    /// Its label.
    pub label: String,
    /// What the branch has; `null` for a new record.
    pub from: Option<String>,
    /// What it will have.
    pub to: String,
    /// Whether the branch changed it since the last send.
    pub overwrites: bool,
}

impl ItemReport {
    /// Says its number in the log, also in what is to be typed.
    pub fn number(&mut self, record: Option<i64>) {
        self.record = record;
        if let (Some(record), Some(problem)) = (record, &mut self.problem) {
            problem.next_step = numbered(&problem.next_step, record);
        }
    }

    pub fn new(item: &Item, state: &'static str, problem: Option<&Problem>) -> Self {
        let field = |change: &FieldChange| FieldReport {
            field: change.field.clone(),
            label: change.label.clone(),
            from: change.from.clone(),
            to: change.to.clone(),
            overwrites: change.overwrites,
        };
        Self {
            record: None,
            kind: item.kind,
            reference: item.reference.clone(),
            central_id: item.central_id.get(),
            branch_id: item.branch_id.map(BranchId::get),
            action: item.action,
            state,
            fields: item.changes.iter().map(field).collect(),
            problem: problem.map(Told::from),
        }
    }
}

pub fn tell(report: &mut SendReport, problem: &Problem) {
    report.error = Some(problem.what());
    report.cause = Some(problem.cause().to_owned());
    report.next_step = Some(problem.next_step());
    report.problem = Some(problem.clone());
}

/// Adds a round to a report. Answers what the round created and found to be there already, differing: the next round
/// compares it.
pub fn tell_round(report: &mut SendReport, round: &Round, again: bool) -> BTreeSet<Name> {
    if !again {
        report.compared = round.compared;
        report.equal = round.plan.equal.len();
        report.problems = round.plan.problems.iter().map(Told::from).collect();
        report.notes = round.plan.notes.iter().map(|(note, records)| note.say(*records, Language::English)).collect();
        report.kept_back = round.plan.notes.clone();
    } else {
        // What is told anew replaces what was told of it.
        let names: BTreeSet<(Kind, i64)> = round
            .applied
            .done
            .iter()
            .chain(round.applied.left.iter().map(|(item, _)| item))
            .chain(round.shown.iter().map(|(item, _)| item))
            .map(|item| (item.kind, item.central_id.get()))
            .collect();
        let told = |change: &ItemReport| names.contains(&(change.kind, change.central_id));
        report.failed -= report.changes.iter().filter(|change| told(change) && change.state == "failed").count();
        report.changes.retain(|change| !told(change));
    }
    let mut unfinished = BTreeSet::new();
    for (item, state) in &round.shown {
        count(report, item, state);
        report.changes.push(ItemReport::new(item, state, item.problems.first()));
    }
    for item in &round.applied.done {
        count(report, item, "done");
        report.changes.push(ItemReport::new(item, "done", None));
    }
    for (item, sending) in &round.applied.left {
        let (state, problem) = match sending {
            Sending::Done => ("done", None),
            Sending::Failed(problems) => ("failed", problems.first()),
            Sending::Held(problems) => ("held", problems.first()),
            Sending::Again { problem, .. } => ("pending", Some(problem)),
        };
        if item.action == Action::Create && matches!(problem, Some(Problem::NotAsSent { .. })) {
            unfinished.insert((item.kind, item.central_id));
        }
        count(report, item, state);
        report.changes.push(ItemReport::new(item, state, problem));
    }
    unfinished
}

fn count(report: &mut SendReport, item: &Item, state: &str) {
    match (state, item.action) {
        ("held", _) => report.held += 1,
        ("failed", _) => report.failed += 1,
        ("pending", _) => report.queued += 1,
        ("done" | "ready", Action::Create) => report.created += 1,
        ("done" | "ready", Action::Change) => report.changed += 1,
        ("done" | "ready", Action::Archive | Action::Remove) => report.archived += 1,
        _ => {}
    }
}
