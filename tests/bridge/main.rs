//! The bridge against the stand-in, in one process: what a pass does, and what it does when things go wrong.
//!
//! Everything is asserted on the tables of the two sides, never on what the bridge says about itself.
#![allow(clippy::unwrap_used)]

mod audit;
mod daemon;
mod everyday;
mod fingerprints;
mod found;
mod identity;
mod invoiced;
mod mapping;
mod mishaps;
mod protocol;
mod reconcile;
mod restore;
mod sending;
mod sessions;
mod stage;
mod versions;
mod watch;
