//! What is read at scrape time: from the ledger, the notes of the last passes and the disk.

use std::path::Path;
use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::counts::BranchLabel;
use super::state::State;
use crate::model::BranchCode;
use crate::store::{Counts, Direction, LastPass, Store};

/// A branch of the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// Its code.
    pub code: BranchCode,
    /// Whether it makes passes.
    pub enabled: bool,
}

/// What the ledger, the notes of the passes and the disk say at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct View {
    /// The branches of the settings.
    pub branches: Vec<BranchView>,
    /// Whether the ledger could be read; without it nothing is said about records.
    pub ledger_readable: bool,
    /// What the state directory takes on the disk; `None` = not known.
    pub state_bytes: Option<u64>,
    /// What is free on its disk for the user that runs posbridge; `None` = not known.
    pub disk_free_bytes: Option<u64>,
}

/// What is known of one branch.
#[derive(Debug, Clone, PartialEq)]
pub struct BranchView {
    /// Its code.
    pub code: BranchCode,
    /// Whether it makes passes.
    pub enabled: bool,
    /// Orders that are not finished; `done`, `ignored` and `changed` are not counted.
    pub orders: Counts,
    /// Master data that is not finished, counted likewise.
    pub master_data: Counts,
    /// When a pass last came to its end.
    pub succeeded_at: Option<Timestamp>,
    /// The branch's clock minus ours, in seconds.
    pub clock_offset_s: Option<i64>,
    /// Days on which it and central differ so that a person has to look; `None` = the ledger could not be read.
    pub days_unequal: Option<u64>,
}

impl View {
    /// Looks. Counts only what waits, however long the history is; takes a few milliseconds and blocks, so it is called
    /// where that is safe. Never fails: what cannot be read is left out.
    pub fn take(store: &Store, watched: &[Watched]) -> Self {
        let codes: Vec<BranchCode> = watched.iter().map(|watched| watched.code.clone()).collect();
        let waiting = store.unfinished(&codes);
        let ledger_readable = waiting.is_ok();
        if let Err(error) = &waiting {
            tracing::debug!("What waits could not be counted for those who watch: {error}");
        }
        let waiting = waiting.unwrap_or_default();
        let differ = store.days_for_a_person().ok();
        let unequal = |code: &BranchCode| Some(differ.as_ref()?.iter().filter(|state| state.branch == code.as_str()).count() as u64);
        let of = |code: &BranchCode, direction| waiting.get(&(code.to_string(), direction)).copied().unwrap_or_default();
        let branch = |watched: &Watched| {
            let last = LastPass::load(store.directory(), &watched.code);
            BranchView {
                code: watched.code.clone(),
                enabled: watched.enabled,
                orders: of(&watched.code, Direction::Receive),
                master_data: of(&watched.code, Direction::Send),
                succeeded_at: last.as_ref().and_then(|last| last.succeeded_at),
                clock_offset_s: last.filter(|last| last.answered_at.is_some()).map(|last| last.clock_offset_s),
                days_unequal: unequal(&watched.code),
            }
        };
        Self {
            branches: watched.iter().map(branch).collect(),
            ledger_readable,
            state_bytes: bytes_in(store.directory()),
            disk_free_bytes: free_bytes(store.directory()),
        }
    }

    /// What can be said without looking.
    pub fn blind(watched: &[Watched]) -> Self {
        let unknown = |watched: &Watched| BranchView {
            code: watched.code.clone(),
            enabled: watched.enabled,
            orders: Counts::default(),
            master_data: Counts::default(),
            succeeded_at: None,
            clock_offset_s: None,
            days_unequal: None,
        };
        Self { branches: watched.iter().map(unknown).collect(), ..Self::default() }
    }

    /// The gauges of this view, and those of what the daemon told last.
    pub(super) fn registry(&self, state: &State, started: Timestamp, now: Timestamp) -> Registry {
        let mut registry = Registry::default();
        let build = Family::<VersionLabel, Gauge>::default();
        build.get_or_create(&VersionLabel { version: env!("CARGO_PKG_VERSION") }).set(1);
        registry.register("posbridge_build_info", "1, with the version that runs", build);
        for (name, help, value) in [
            ("posbridge_ready", "1 while passes are happening, as /readyz says; 0 if not", i64::from(state.ready(now).is_ready())),
            (
                "posbridge_settings_valid",
                "1 if branches.toml was valid when last read, 0 if the old settings were kept",
                i64::from(state.settings_valid),
            ),
            ("posbridge_ledger_readable", "1 if the ledger could be read just now, 0 if not", i64::from(self.ledger_readable)),
            ("posbridge_passes_running", "Passes that are running", i64::try_from(state.running).unwrap_or(i64::MAX)),
        ] {
            let gauge: Gauge = Gauge::default();
            gauge.set(value);
            registry.register(name, help, gauge);
        }
        let mut measure = |name: &str, help: &str, unit: Unit, value: f64| {
            let gauge: Real = Gauge::default();
            gauge.set(value);
            registry.register_with_unit(name, help, unit, gauge);
        };
        measure("process_start_time", "When the daemon started, in Unix time", Unit::Seconds, unix(started));
        if let Some(taken) = self.state_bytes {
            measure("posbridge_state", "What the state directory takes on the disk", Unit::Bytes, taken as f64);
        }
        if let Some(free) = self.disk_free_bytes {
            measure("posbridge_disk_free", "What is free on the disk of the state directory", Unit::Bytes, free as f64);
        }
        self.register_times(&mut registry, state, started, now);
        self.register_records(&mut registry);
        registry
    }

    fn register_times(&self, registry: &mut Registry, state: &State, started: Timestamp, now: Timestamp) {
        let since = Family::<BranchLabel, Real>::default();
        let at = Family::<BranchLabel, Real>::default();
        let offset = Family::<BranchLabel, Gauge>::default();
        for branch in self.branches.iter().filter(|branch| branch.enabled) {
            let label = BranchLabel { branch: branch.code.to_string() };
            let succeeded = branch.succeeded_at.max(state.succeeded.get(branch.code.as_str()).copied());
            since.get_or_create(&label).set((unix(now) - unix(succeeded.unwrap_or(started))).max(0.0));
            if let Some(succeeded) = succeeded {
                at.get_or_create(&label).set(unix(succeeded));
            }
            if let Some(clock_offset_s) = branch.clock_offset_s {
                offset.get_or_create(&label).set(clock_offset_s);
            }
        }
        // A name that does not end in its unit may not state one.
        registry.register(
            "posbridge_seconds_since_last_success",
            "Since a pass of an enabled branch last came to its end; of one that never did, since the daemon's start",
            since,
        );
        let help = "When a pass of an enabled branch last came to its end, in Unix time";
        registry.register_with_unit("posbridge_last_success_timestamp", help, Unit::Seconds, at);
        let help = "The branch's clock minus that of this machine";
        registry.register_with_unit("posbridge_branch_clock_offset", help, Unit::Seconds, offset);
    }

    fn register_records(&self, registry: &mut Registry) {
        let orders = Family::<RecordLabels, Gauge>::default();
        let queue = Family::<RecordLabels, Gauge>::default();
        for branch in self.branches.iter().filter(|_| self.ledger_readable) {
            for (family, counts) in [(&orders, &branch.orders), (&queue, &branch.master_data)] {
                for (state, count) in [("pending", counts.pending), ("held", counts.held), ("failed", counts.failed)] {
                    let labels = RecordLabels { branch: branch.code.to_string(), state };
                    family.get_or_create(&labels).set(i64::try_from(count).unwrap_or(i64::MAX));
                }
            }
        }
        registry.register(
            "posbridge_orders",
            "Orders in the ledger that are not at central: pending and held go by themselves, failed wait for a person",
            orders,
        );
        let unequal = Family::<BranchLabel, Gauge>::default();
        for branch in &self.branches {
            if let Some(days) = branch.days_unequal {
                unequal.get_or_create(&BranchLabel { branch: branch.code.to_string() }).set(i64::try_from(days).unwrap_or(i64::MAX));
            }
        }
        let help = "Days on which a branch and central differ so that a person has to look: posbridge reconcile";
        registry.register("posbridge_days_unequal", help, unequal);
        registry.register(
            "posbridge_master_data_queue",
            "Master data that is not at the branch: pending and held go by themselves, failed wait for a person",
            queue,
        );
    }
}

type Real = Gauge<f64, AtomicU64>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VersionLabel {
    version: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RecordLabels {
    branch: String,
    state: &'static str,
}

/// Seconds since 1970.
fn unix(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1_000.0
}

/// What the files of a directory take, without those of directories in it: a copy or a backup there is not the state.
fn bytes_in(directory: &Path) -> Option<u64> {
    let entries = std::fs::read_dir(directory).ok()?;
    let files = entries.filter_map(|entry| entry.ok()?.metadata().ok()).filter(std::fs::Metadata::is_file);
    Some(files.map(|file| file.len()).sum())
}

/// What the user may still write on a directory's disk.
fn free_bytes(directory: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(directory).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}
