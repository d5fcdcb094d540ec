//! What a plan means for what is in the queue: what goes, what stands as it stood, what a person has decided.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use super::apply::{Going, Tried};
use super::plan::Plan;
use super::source::{Name, Wanted};
use crate::master_data::{Action, CentralKey, FieldChange, Item, Record, external_id};
use crate::model::BranchCode;
use crate::problem::{Problem, Retry};
use crate::store::{Queued, SendConclusion, Sending, State, Store, StoreError};

/// The items of a plan by what becomes of them.
#[derive(Debug, Default)]
pub struct Sorted {
    /// To be carried out.
    go: Vec<(Item, Tried)>,
    /// With something in their way; new, or other than it stood.
    stuck: Vec<Item>,
    /// As they stood; nothing is written about them.
    standing: Vec<(Item, &'static str)>,
    /// Rows whose record is equal by now, or gone.
    over: Vec<(Queued, Sending)>,
}

/// The records whose edits at the branch a person has decided to overwrite: he retried them.
pub fn approved(queue: &[Queued]) -> BTreeSet<Name> {
    let asked =
        |row: &&Queued| row.state == State::Pending && row.problems.iter().any(|problem| matches!(problem, Problem::BranchEdited { .. }));
    queue.iter().filter(asked).map(|row| (row.item.kind, row.item.central_id)).collect()
}

/// A record chosen for a branch that cannot be seen now.
pub fn unseen(record: &Record<CentralKey>) -> Item {
    Item {
        kind: record.kind,
        central_id: record.id,
        branch_id: None,
        reference: record.name.clone(),
        external_id: external_id(record),
        action: Action::Compare,
        changes: Vec::new(),
        problems: Vec::new(),
        chosen: true,
    }
}

/// Sorts the items of a plan against the queue; takes them out of the plan.
pub fn sort(plan: &mut Plan, queue: Vec<Queued>, wanted: &Wanted, now: Timestamp) -> Sorted {
    let mut rows: HashMap<Name, Queued> = queue.into_iter().map(|row| ((row.item.kind, row.item.central_id), row)).collect();
    let mut sorted = Sorted::default();
    for item in std::mem::take(&mut plan.items) {
        match rows.remove(&(item.kind, item.central_id)) {
            None if item.ready() => sorted.go.push((item, Tried::default())),
            None => sorted.stuck.push(item),
            Some(row) => sorted.against(item, row, now),
        }
    }
    for (name, row) in rows.into_iter().filter(|(_, row)| row.state != State::Ignored) {
        if plan.equal.contains(&name) {
            sorted.over.push((row, Sending::Done));
        } else if wanted.gone.contains(&name) {
            let words = format!("{} was deleted at central before it was sent", row.item.reference);
            let problem = Problem::RecordGone { model: name.0.model().to_owned(), words };
            sorted.over.push((row, Sending::Failed(vec![problem])));
        }
    }
    sorted
}

impl Sorted {
    /// An item whose record has a row.
    fn against(&mut self, mut item: Item, row: Queued, now: Timestamp) {
        let alike = same_changes(&item, &row.item);
        let by_itself = row.problems.iter().all(|problem| problem.retry() == Retry::ByItself);
        item.chosen |= row.item.chosen;
        match row.state {
            // A person said no to exactly this.
            State::Ignored if alike => {}
            // Odoo refused it, nobody has changed anything, nobody has asked for another try. What was stuck before it was
            // sent goes when that is seen to be over.
            State::Failed if alike && item.ready() && !by_itself && row.item.problems.is_empty() => {
                item.problems = row.problems;
                self.standing.push((item, "failed"));
            }
            State::Failed | State::Held if alike && !item.ready() && item.problems == row.problems => {
                let state = if item.held() { "held" } else { "failed" };
                self.standing.push((item, state));
            }
            State::Pending if row.due_at.is_some_and(|due| due > now) && row.problems.iter().any(unreachable) => {
                self.standing.push((item, "pending"));
            }
            // What a person saw and queued is carried out, or nothing is.
            State::Pending if row.by_hand && row.problems.is_empty() && row.item.action != Action::Compare && !alike => {
                let changes = item.changes.iter().filter(|change| !row.item.changes.contains(change)).map(ToString::to_string).collect();
                item.problems = vec![Problem::ChangedSincePreview { reference: item.reference.clone(), changes }];
                self.stuck.push(item);
            }
            _ if item.ready() => self.go.push((item, Tried { attempts: row.attempts, unknown: row.unknown })),
            _ => self.stuck.push(item),
        }
    }

    /// All of them with what would become of them.
    pub fn show(self) -> Vec<(Item, &'static str)> {
        let mut shown = self.standing;
        shown.extend(self.go.into_iter().map(|(item, _)| (item, "ready")));
        shown.extend(
            self.stuck.into_iter().map(|item| (item.held(), item)).map(|(held, item)| (item, if held { "held" } else { "failed" })),
        );
        shown.sort_by(|(a, _), (b, _)| (a.kind, &a.reference, a.central_id).cmp(&(b.kind, &b.reference, b.central_id)));
        shown
    }

    /// Writes the queue: what goes becomes pending, what is stuck says why, what is over is ended. Gives what goes with
    /// its rows, and what stands.
    ///
    /// # Errors
    /// See [`StoreError`].
    #[allow(clippy::type_complexity)]
    pub fn record(
        self,
        store: &Store,
        branch: &BranchCode,
        by_hand: bool,
        now: Timestamp,
    ) -> Result<(Vec<Going>, Vec<(Item, &'static str)>), StoreError> {
        let items: Vec<Item> = self.go.iter().map(|(item, _)| item.clone()).chain(self.stuck.iter().cloned()).collect();
        let rows = if items.is_empty() { Vec::new() } else { store.enqueue(branch, &items, by_hand, now)? };
        let (going, stuck) = rows.split_at(self.go.len());
        let mut conclusions: Vec<SendConclusion> = Vec::new();
        let mut standing = self.standing;
        for (record, item) in stuck.iter().zip(self.stuck) {
            let problems = item.problems.clone();
            let held = item.held();
            standing.push((item.clone(), if held { "held" } else { "failed" }));
            let sending = if held { Sending::Held(problems) } else { Sending::Failed(problems) };
            conclusions.push(SendConclusion { record: *record, item, sending, unknown: None });
        }
        for (row, sending) in self.over {
            conclusions.push(SendConclusion {
                record: row.record,
                item: Item { action: Action::Nothing, changes: Vec::new(), ..row.item },
                sending,
                unknown: None,
            });
        }
        store.conclude_sending(branch, &conclusions, &[], &[], 0, now)?;
        let go = going.iter().zip(self.go).map(|(record, (item, tried))| Going { record: *record, item, tried });
        Ok((go.collect(), standing))
    }
}

/// Whether two previews of a record say the same.
fn same_changes(a: &Item, b: &Item) -> bool {
    // The names of records may change while the records do not; and what a record needs is named by another number once
    // it is there, while it is called the same.
    let alike = |(a, b): (&FieldChange, &FieldChange)| {
        a.field == b.field && a.before == b.before && (a.after == b.after || (a.to == b.to && !a.after.ids().is_empty()))
    };
    a.action == b.action && a.changes.len() == b.changes.len() && a.changes.iter().zip(&b.changes).all(alike)
}

/// A branch that does not answer is left alone for a while.
fn unreachable(problem: &Problem) -> bool {
    problem.retry() == Retry::ByItself
        && !matches!(problem, Problem::WaitsForNeed { .. } | Problem::SessionOpen { .. } | Problem::OrderOpen { .. })
}

#[cfg(test)]
mod tests;
