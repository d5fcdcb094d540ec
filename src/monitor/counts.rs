//! The counters, histograms and gauges, and how they are written out.

use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::state::State;
use super::view::View;
use super::{CallSide, PassEnd, PassResult};
use crate::store::Direction;

/// A call: from a ping in one's own network to the longest time-out that a setting allows.
const CALL_BUCKETS: [f64; 14] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 600.0];
/// A pass: from an idle one to a first one over months of sales.
const PASS_BUCKETS: [f64; 12] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0];
/// How late a pass begins: within 2 s is on time, more than an hour is a machine that slept.
const LATE_BUCKETS: [f64; 10] = [0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 3600.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct BranchLabel {
    pub branch: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PassLabels {
    branch: String,
    direction: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DirectionLabel {
    direction: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SideLabel {
    side: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// What is counted from the daemon's start on.
#[derive(Debug)]
pub(super) struct Counts {
    registry: Registry,
    passes: Family<PassLabels, Counter>,
    received: Family<BranchLabel, Counter>,
    delivered: Family<BranchLabel, Counter>,
    sent: Family<BranchLabel, Counter>,
    calls: Histograms<SideLabel>,
    took: Histograms<DirectionLabel>,
    late: Histograms<DirectionLabel>,
    reloads: Family<ResultLabel, Counter>,
}

impl Counts {
    pub fn new() -> Self {
        let mut counts = Self {
            registry: Registry::default(),
            passes: Family::default(),
            received: Family::default(),
            delivered: Family::default(),
            sent: Family::default(),
            calls: Family::new_with_constructor(|| Histogram::new(CALL_BUCKETS)),
            took: Family::new_with_constructor(|| Histogram::new(PASS_BUCKETS)),
            late: Family::new_with_constructor(|| Histogram::new(LATE_BUCKETS)),
            reloads: Family::default(),
        };
        counts.register();
        counts.begin_at_zero();
        counts
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("posbridge_passes", "Passes that ended, by branch, direction and how they ended", self.passes.clone());
        registry.register("posbridge_orders_received", "POS orders that were new in the ledger", self.received.clone());
        registry.register("posbridge_orders_delivered", "POS orders written to central and proved", self.delivered.clone());
        registry.register("posbridge_master_data_sent", "Records of master data written to the branch", self.sent.clone());
        registry.register("posbridge_reloads", "Times the settings were read again, by what came of it", self.reloads.clone());
        registry.register_with_unit("posbridge_call_duration", "How long calls of an Odoo took", Unit::Seconds, self.calls.clone());
        registry.register_with_unit("posbridge_pass_duration", "How long passes took", Unit::Seconds, self.took.clone());
        registry.register_with_unit("posbridge_pass_lateness", "How much later than due passes began", Unit::Seconds, self.late.clone());
    }

    /// A counter that appears with its first count hides that count from `rate()`.
    fn begin_at_zero(&self) {
        for side in CallSide::ALL {
            drop(self.calls.get_or_create(&SideLabel { side: side.as_str() }));
        }
        for direction in Direction::ALL {
            let label = DirectionLabel { direction: direction.as_str() };
            drop(self.took.get_or_create(&label));
            drop(self.late.get_or_create(&label));
        }
        for valid in [true, false] {
            drop(self.reloads.get_or_create(&reload(valid)));
        }
    }

    /// As [`Counts::begin_at_zero`], for a branch.
    pub fn expect(&self, branch: &str) {
        let label = BranchLabel { branch: branch.to_owned() };
        drop(self.received.get_or_create(&label));
        drop(self.delivered.get_or_create(&label));
        drop(self.sent.get_or_create(&label));
        for labels in pass_labels(branch) {
            drop(self.passes.get_or_create(&labels));
        }
    }

    pub fn forget(&self, branch: &str) {
        let label = BranchLabel { branch: branch.to_owned() };
        self.received.remove(&label);
        self.delivered.remove(&label);
        self.sent.remove(&label);
        for labels in pass_labels(branch) {
            self.passes.remove(&labels);
        }
    }

    pub fn pass_started(&self, direction: Direction, late: Duration) {
        self.late.get_or_create(&DirectionLabel { direction: direction.as_str() }).observe(late.as_secs_f64());
    }

    pub fn pass_ended(&self, branch: &str, direction: Direction, ended: &PassEnd) {
        let label = BranchLabel { branch: branch.to_owned() };
        let labels = PassLabels { branch: branch.to_owned(), direction: direction.as_str(), result: ended.result.as_str() };
        self.passes.get_or_create(&labels).inc();
        self.took.get_or_create(&DirectionLabel { direction: direction.as_str() }).observe(ended.took.as_secs_f64());
        match direction {
            Direction::Receive => {
                self.received.get_or_create(&label).inc_by(ended.received);
                self.delivered.get_or_create(&label).inc_by(ended.delivered);
            }
            Direction::Send => {
                self.sent.get_or_create(&label).inc_by(ended.delivered);
            }
        }
    }

    pub fn call(&self, side: CallSide, took: Duration) {
        self.calls.get_or_create(&SideLabel { side: side.as_str() }).observe(took.as_secs_f64());
    }

    pub fn reloaded(&self, valid: bool) {
        self.reloads.get_or_create(&reload(valid)).inc();
    }

    pub fn render(&self, state: &State, view: &View, started: Timestamp, now: Timestamp) -> String {
        let mut text = String::new();
        let seen = view.registry(state, started, now);
        // Writing into a String does not fail.
        let _ = encode_registry(&mut text, &self.registry)
            .and_then(|()| encode_registry(&mut text, &seen))
            .and_then(|()| encode_eof(&mut text));
        text
    }
}

fn reload(valid: bool) -> ResultLabel {
    ResultLabel { result: if valid { "applied" } else { "refused" } }
}

fn pass_labels(branch: &str) -> impl Iterator<Item = PassLabels> {
    let each = Direction::ALL.into_iter().flat_map(|direction| PassResult::ALL.map(|result| (direction.as_str(), result.as_str())));
    each.map(|(direction, result)| PassLabels { branch: branch.to_owned(), direction, result })
}

/// The same numbers in Prometheus's own text format (version 0.0.4), in which a counter is described by its full name,
/// and which knows neither units nor an end.
pub(super) fn prometheus_text(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut help = None;
    for line in open_metrics.lines() {
        if line.starts_with("# HELP ") {
            help = Some(line);
            continue;
        }
        if line.starts_with("# UNIT ") || line == "# EOF" {
            continue;
        }
        let counter = line.strip_prefix("# TYPE ").and_then(|rest| rest.strip_suffix(" counter"));
        for described in help.take().into_iter().chain([line]) {
            match counter {
                Some(name) => text.push_str(&described.replacen(name, &format!("{name}_total"), 1)),
                None => text.push_str(described),
            }
            text.push('\n');
        }
    }
    text
}
