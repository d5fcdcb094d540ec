//! One branch in a pass: what its reader and its writer share.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use jiff::Timestamp;
use jiff::civil::Date;
use tokio::sync::{Mutex, Notify, OnceCell};

use super::Bridge;
use super::central::Central;
use super::connection::Connection;
use crate::config::Branch;
use crate::mapping::Bindings;
use crate::odoo::records::Fields;
use crate::store::{Endpoint, Kept, LastPass};

/// What a pass is to do.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Sales from each branch's own midnight of this day on, whatever the settings and the cursor say.
    pub from: Option<Date>,
    /// Read and map, but write nothing anywhere.
    pub dry_run: bool,
    /// Write what waits, read nothing new.
    pub deliver_only: bool,
    /// Read and keep, write nothing to central: it does not answer.
    pub receive_only: bool,
    /// Also what would be tried again only later: a person asked.
    pub now: bool,
}

/// Counts as they grow, for a progress bar.
#[derive(Debug, Default)]
pub struct Progress {
    /// Orders read.
    pub read: AtomicU64,
    /// Orders of which a try has ended.
    pub tried: AtomicU64,
}

/// One branch in a pass.
pub struct BranchPass {
    pub(super) bridge: Arc<Bridge>,
    pub(super) branch: Branch,
    pub(super) central: Arc<Central>,
    pub(super) connection: Connection,
    pub(super) endpoint: Endpoint,
    /// The fields that the branch has, once the pass knows them: what refreshes and what reads need them both.
    pub(super) fields: OnceCell<Fields>,
    pub(super) request: Request,
    pub(super) last: Option<LastPass>,
    pub(super) started_at: Timestamp,
    /// What the branch's records are at central, as far as this pass knows.
    pub(super) bindings: Mutex<Bindings>,
    /// Records of central that turned out to be gone.
    pub(super) gone: Mutex<HashSet<i64>>,
    /// Rows in the next batch.
    pub(super) batch_rows: AtomicUsize,
    /// When the ledger got its first order of the branch.
    pub(super) first_kept: OnceCell<Option<Timestamp>>,
    /// Whether central had drafts of the branch before this pass wrote any, once that was asked.
    pub(super) drafted_before: OnceCell<bool>,
    /// Rung when a page was kept, or reading ended.
    pub(super) kept: Notify,
    pub(super) reading_ended: AtomicBool,
    /// Whether orders that the writer may have passed by were changed at the branch.
    pub(super) renewed: AtomicBool,
    pub(super) counted: Counted,
    pub(super) progress: Arc<Progress>,
}

/// What is counted while a pass runs.
#[derive(Debug, Default)]
pub struct Counted {
    pub(super) read: AtomicU64,
    pub(super) new: AtomicU64,
    pub(super) delivered: AtomicU64,
    pub(super) adjusted: AtomicU64,
}

impl BranchPass {
    /// The time now; `started_at` is when the pass began.
    pub(super) fn now(&self) -> Timestamp {
        self.bridge.clock.now()
    }

    /// Counts a page that was kept, and wakes the writer.
    pub(super) fn note_kept(&self, read: u64, kept: Kept) {
        self.counted.read.fetch_add(read, Ordering::Relaxed);
        self.counted.new.fetch_add(kept.new, Ordering::Relaxed);
        self.progress.read.fetch_add(kept.new + kept.renewed, Ordering::Relaxed);
        if kept.renewed > 0 {
            self.renewed.store(true, Ordering::Release);
        }
        if kept.changed > 0 {
            tracing::warn!(branch = %self.branch.code, orders = kept.changed, "Orders changed at the branch after they were written to central");
        }
        self.kept.notify_one();
    }
}
