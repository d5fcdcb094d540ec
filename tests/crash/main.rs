//! The real program, killed: at every durable step, at random moments behind a bad link, by a power cut, on a full disk and
//! over a damaged ledger. README.md in this directory says what each does and how to run more of it.

#[path = "../support/mod.rs"]
#[allow(dead_code)]
mod support;

#[path = "../cli/place.rs"]
#[allow(dead_code, unused_macros)]
mod place;

mod damage;
mod power;
mod random;
mod steps;
mod trials;
mod world;
