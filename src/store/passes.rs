//! The note of each branch's last pass. Not part of the ledger: an idle pass writes nothing there, and a lost note
//! costs nothing but a line in `status`.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::model::BranchCode;
use crate::planted::step;
use crate::problem::Problem;

/// How the last pass of a branch went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastPass {
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// When a pass last came to its end; `None` = not yet, or not since this is noted.
    #[serde(default)]
    pub succeeded_at: Option<Timestamp>,
    /// When the branch last answered; `None` = not yet.
    pub answered_at: Option<Timestamp>,
    /// When the window was last asked for without the bound on ids, by our clock: it tells when the next one is due, not where it begins.
    pub whole_window_at: Option<Timestamp>,
    /// The same by the branch's clock, which shows when ours was set back since.
    #[serde(default)]
    pub whole_window_there: Option<Timestamp>,
    /// The branch's clock minus ours, in seconds.
    pub clock_offset_s: i64,
    /// Why it did not reach its end.
    pub error: Option<Problem>,
    /// The names of `shops` that were found at the branch.
    #[serde(default)]
    pub shops: Vec<String>,
    /// The branch's cursor in the ledger when it ended: a ledger that was put back has another one, and then this note tells nothing
    /// of what that one has seen.
    #[serde(default)]
    pub cursor: Option<String>,
}

impl LastPass {
    /// The note of a branch's last receiving pass; `None` if there is none or it cannot be read.
    pub fn load(directory: &Path, branch: &BranchCode) -> Option<Self> {
        read(&receiving(directory, branch))
    }

    /// Leaves the note. A failure is passed over: the pass itself is in the ledger.
    pub fn save(&self, directory: &Path, branch: &BranchCode) {
        save(&receiving(directory, branch), self, branch);
    }
}

/// How the last pass of sending that a schedule began went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SendPass {
    /// When it began.
    pub started_at: Timestamp,
    /// Why it did not reach its end.
    pub error: Option<Problem>,
}

impl SendPass {
    /// The note of a branch; `None` if there is none or it cannot be read.
    pub fn load(directory: &Path, branch: &BranchCode) -> Option<Self> {
        read(&sending(directory, branch))
    }

    /// Leaves the note, as [`LastPass::save`] does.
    pub fn save(&self, directory: &Path, branch: &BranchCode) {
        save(&sending(directory, branch), self, branch);
    }
}

/// When the days of a branch were last compared with central without anybody asking.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DailyPass {
    /// When it began.
    pub started_at: Timestamp,
    /// Why not all of it could be proved.
    pub error: Option<Problem>,
}

impl DailyPass {
    /// The note of a branch; `None` if there is none or it cannot be read.
    pub fn load(directory: &Path, branch: &BranchCode) -> Option<Self> {
        read(&comparing(directory, branch))
    }

    /// Leaves the note, as [`LastPass::save`] does.
    pub fn save(&self, directory: &Path, branch: &BranchCode) {
        save(&comparing(directory, branch), self, branch);
    }
}

fn receiving(directory: &Path, branch: &BranchCode) -> PathBuf {
    directory.join(format!("pass-{branch}.json"))
}

/// No code has a hyphen, so this is nobody's note of receiving.
fn sending(directory: &Path, branch: &BranchCode) -> PathBuf {
    directory.join(format!("pass-send-{branch}.json"))
}

fn comparing(directory: &Path, branch: &BranchCode) -> PathBuf {
    directory.join(format!("pass-reconcile-{branch}.json"))
}

fn read<T: DeserializeOwned>(file: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(file).ok()?).ok()
}

fn save<T: Serialize>(file: &Path, note: &T, branch: &BranchCode) {
    let part = file.with_extension("part");
    let written = serde_json::to_vec(note).map_err(std::io::Error::other).and_then(|text| std::fs::write(&part, text));
    step();
    if written.and_then(|()| std::fs::rename(&part, file)).is_err() {
        tracing::debug!(branch = %branch, "The note of the last pass could not be written");
    }
    step();
}
