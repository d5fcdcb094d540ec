//! What trials came to.

use std::collections::BTreeMap;
use std::fmt;

/// The fault classes of the campaign: number and short name. The number is that of the table in README.md.
pub const CLASSES: &[(u8, &str)] = &[
    (2, "crash in the middle of a pass"),
    (3, "connection refused"),
    (4, "reset before the call ran"),
    (5, "reset after the call ran"),
    (6, "answer cut short"),
    (7, "client gone, commit later"),
    (9, "429, 502, 503, 504, 413"),
    (10, "200 with HTML, or no XML-RPC"),
    (11, "Odoo killed in the middle of a pass"),
    (12, "serialization failure"),
    (13, "faults 1 to 4, password changed"),
    (15, "order that central cannot take"),
    (16, "order committed late"),
    (17, "equal write_dates"),
    (18, "draft paid late, old order"),
    (19, "branch restored"),
    (20, "branch cloned or swapped"),
    (21, "central restored"),
    (22, "people at central"),
    (24, "older ledger put back"),
    (26, "two bridges at once"),
    (27, "retry, ignore, verbs beside the daemon"),
    (28, "settings edited"),
    (30, "clocks"),
    (32, "texts"),
    (33, "numbers"),
    (35, "master data changed at central"),
    (37, "order changed at the branch"),
];

/// Counts.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    pub seeds: u64,
    pub rounds: u64,
    pub passes: u64,
    pub orders: u64,
    pub drafts: u64,
    pub calls: u64,
    pub fired: BTreeMap<u8, u64>,
}

impl Tally {
    /// A fault happened.
    pub fn count(&mut self, class: u8) {
        *self.fired.entry(class).or_insert(0) += 1;
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.rounds += other.rounds;
        self.passes += other.passes;
        self.orders += other.orders;
        self.drafts += other.drafts;
        self.calls += other.calls;
        for (class, count) in &other.fired {
            *self.fired.entry(*class).or_insert(0) += count;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            ("seeds", self.seeds),
            ("rounds", self.rounds),
            ("passes", self.passes),
            ("orders", self.orders),
            ("drafts", self.drafts),
            ("calls", self.calls),
        ];
        for (name, count) in counts {
            writeln!(f, "{name:<10} {count}")?;
        }
        writeln!(f, "faults     {}", self.fired.values().sum::<u64>())?;
        for (class, name) in CLASSES {
            writeln!(f, "  {class:>2} {name:<40} {:>9}", self.fired.get(class).copied().unwrap_or(0))?;
        }
        Ok(())
    }
}
