//! What is to happen to one record at a branch: the preview, the queue and the log say the same.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{BranchKey, CentralKey, Target, Value};
use crate::model::Kind;
use crate::problem::{Problem, Retry, clean};

/// Most fields that one line names; the others are counted.
const NAMED: usize = 12;

/// Longest text of a value in a line, in characters.
const TEXT: usize = 90;

/// What is to happen to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The branch does not have it.
    Create,
    /// Some of its fields differ.
    Change,
    /// Central has archived or deleted it.
    Archive,
    /// Central has deleted it, and it cannot be archived (a price rule).
    Remove,
    /// Equal.
    Nothing,
    /// Not compared yet, because the branch did not answer.
    Compare,
}

impl Action {
    /// As it stands in `send --json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::Change => "change",
            Action::Archive => "archive",
            Action::Remove => "remove",
            Action::Nothing => "nothing",
            Action::Compare => "compare",
        }
    }
}

/// A field that is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldChange {
    /// Odoo's name.
    pub field: String,
    /// Its label.
    pub label: String,
    /// What the branch has, for people; `None` for a new record.
    pub from: Option<String>,
    /// What it will have, for people.
    pub to: String,
    /// Whether the branch has changed it since the last sending.
    pub overwrites: bool,
    /// What the branch has.
    pub before: Option<Value<BranchKey>>,
    /// What it will have.
    pub after: Value<Target>,
}

impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.from {
            None => write!(f, "{} {}", self.label, clean(&self.to, TEXT))?,
            Some(from) => write!(f, "{} {} -> {}", self.label, clean(from, TEXT), clean(&self.to, TEXT))?,
        }
        if self.overwrites { f.write_str(" (changed at the branch since the last send)") } else { Ok(()) }
    }
}

/// What is to happen to one record at one branch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// What it is.
    pub kind: Kind,
    /// At central.
    pub central_id: CentralKey,
    /// At the branch, once known.
    pub branch_id: Option<BranchKey>,
    /// What people call it.
    pub reference: String,
    /// Under which it is created.
    pub external_id: String,
    /// What is to happen.
    pub action: Action,
    /// The fields that are written.
    pub changes: Vec<FieldChange>,
    /// What stands in its way.
    pub problems: Vec<Problem>,
    /// Whether it was chosen, and does not only go along with another.
    pub chosen: bool,
}

impl Item {
    /// Whether it is to be carried out now.
    pub fn ready(&self) -> bool {
        self.problems.is_empty() && self.action != Action::Nothing && self.action != Action::Compare
    }

    /// Waits for a known thing and goes by itself.
    pub fn held(&self) -> bool {
        !self.problems.is_empty() && self.problems.iter().all(|problem| problem.retry() == Retry::ByItself)
    }

    /// Waits for a person.
    pub fn failed(&self) -> bool {
        !self.problems.is_empty() && !self.held()
    }

    /// The records of the same sending that have to be there first.
    pub fn needs(&self) -> Vec<(Kind, CentralKey)> {
        let new = |target: Target| match target {
            Target::New(kind, id) => Some((kind, id)),
            Target::There(_) => None,
        };
        self.changes.iter().flat_map(|change| change.after.ids()).filter_map(new).collect()
    }

    /// What happens to its fields, in one line.
    pub fn told(&self) -> String {
        let mut parts: Vec<String> = self.changes.iter().take(NAMED).map(ToString::to_string).collect();
        if self.changes.len() > NAMED {
            parts.push(format!("{} more", self.changes.len() - NAMED));
        }
        parts.join(", ")
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.action.as_str(), self.kind, clean(&self.reference, TEXT))?;
        if !self.changes.is_empty() {
            write!(f, ": {}", self.told())?;
        }
        if let Some(problem) = self.problems.first() {
            write!(f, " - {}", problem.what())?;
        }
        Ok(())
    }
}
