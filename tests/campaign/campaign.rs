//! The campaign: seeded trials of the bridge between stand-ins, with everything that can go wrong, and a checker that
//! shares nothing with the bridge but what it reads from the tables of both sides and from the ledger.
//!
//! See README.md beside this file.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod check;
mod expected;
mod faults;
mod ledger;
mod options;
mod passes;
mod people;
mod planted;
mod selling;
mod tally;
mod trial;
mod world;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use options::{Options, What};
use tally::Tally;
use trial::Outcome;

/// Trials make and drop small values all the time, on as many threads as asked for; the system's allocator is a sixth of their time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(usage) => {
            eprintln!("{usage}");
            return ExitCode::from(2);
        }
    };
    match &options.what {
        What::Trials => trials(&options),
        What::Story(seed) => story(*seed, &options),
        What::Repeat => repeat(&options),
        What::Planted(name) => planted::run(name, &options),
    }
}

/// Runs trials and prints what they came to.
fn trials(options: &Options) -> ExitCode {
    let began = Instant::now();
    let (next, tally, violations) = (AtomicU64::new(options.from), Mutex::new(Tally::default()), Mutex::new(Vec::new()));
    let end = options.from + options.seeds;
    std::thread::scope(|scope| {
        for _ in 0..options.jobs {
            scope.spawn(|| {
                let runtime = trial::runtime();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    let Outcome { tally: one, violations: found, .. } = trial::run(&runtime, seed, options.versions, false);
                    tally.lock().unwrap().add(&one);
                    for violation in &found {
                        eprintln!("{violation}");
                    }
                    violations.lock().unwrap().extend(found);
                }
            });
        }
    });
    let (tally, violations) = (tally.into_inner().unwrap(), violations.into_inner().unwrap());
    println!("{tally}");
    let mut seeds: Vec<u64> = violations.iter().map(|violation| violation.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let (open, seeds): (Vec<u64>, Vec<u64>) = seeds.into_iter().partition(|seed| options.open.contains(seed));
    let counted = violations.iter().filter(|found| seeds.contains(&found.seed)).count();
    let known = if open.is_empty() { String::new() } else { format!("; known {open:?}") };
    println!("violations {counted} in {} of {} seeds{known}", seeds.len(), tally.seeds);
    println!("seconds    {:.1}", began.elapsed().as_secs_f64());
    if seeds.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("tell one   cargo run --release --example campaign -- --story {}", seeds[0]);
    ExitCode::FAILURE
}

/// Tells what happens in one trial.
fn story(seed: u64, options: &Options) -> ExitCode {
    let outcome = trial::run(&trial::runtime(), seed, options.versions, true);
    for line in &outcome.story {
        println!("{line}");
    }
    if outcome.violations.is_empty() {
        println!("The checker finds nothing.");
        return ExitCode::SUCCESS;
    }
    for violation in &outcome.violations {
        println!("{violation}");
    }
    ExitCode::FAILURE
}

/// Runs each trial twice and counts how many tell the same story to the letter.
fn repeat(options: &Options) -> ExitCode {
    let runtime = trial::runtime();
    let seeds = options.from..options.from + options.seeds;
    let mut same = 0;
    for seed in seeds.clone() {
        let told = || trial::run(&runtime, seed, options.versions, true).story;
        let (one, two) = (told(), told());
        if one == two {
            same += 1;
        } else if let Some((a, b)) = one.iter().zip(&two).find(|(a, b)| a != b) {
            println!("seed {seed} differs first here:\n  {a}\n  {b}");
        }
    }
    println!("{same} of {} seeds tell the same story twice", seeds.count());
    ExitCode::SUCCESS
}
