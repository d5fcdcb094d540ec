//! The real binary against a real Odoo 19: see tests/odoo/README.md. What counts is what stands in the databases.
//!
//! All scenarios use one rig, one after the other. Without a rig they fail.

mod audit;
mod bad_input;
// Shared with the browser tests, which use more of it.
#[allow(dead_code)]
#[path = "../browser/browser.rs"]
mod browser;
mod campaign;
mod daemon;
mod dashboard;
mod everyday;
mod faults;
mod goods;
mod problems;
mod reconcile;
mod restore;
mod rig;
mod rights;
mod sending;
mod sending_faults;
mod sending_input;
mod sending_rules;
mod sessions;
#[path = "../support/mod.rs"]
mod support;
