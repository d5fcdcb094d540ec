//! The checker is checked: bugs are planted in the bridge, and each has to be found.

#[cfg(not(feature = "campaign"))]
pub fn run(_: &str, _: &crate::options::Options) -> std::process::ExitCode {
    eprintln!("Bugs can be planted in a build with --features campaign only");
    std::process::ExitCode::from(2)
}

#[cfg(feature = "campaign")]
pub use feature::run;

#[cfg(feature = "campaign")]
mod feature {
    use std::collections::VecDeque;
    use std::process::{Command, ExitCode};
    use std::sync::Mutex;

    use posbridge::planted::{Bug, plant};

    use crate::options::Options;
    use crate::trial;

    /// A bug that is not found in so many seeds has escaped.
    const MOST_SEEDS: u64 = 400;

    /// Seeds that have caught a bug: tried first. A seed is another trial after each change of the simulator, and then the search
    /// begins at the first one.
    const CAUGHT_BY: &[(Bug, u64)] = &[
        (Bug::NewKeyEachTry, 1),
        (Bug::SearchThenCreate, 1),
        (Bug::LoadWithoutNoupdate, 3),
        (Bug::LoadInInitMode, 3),
        (Bug::ReferenceAsKey, 1),
        (Bug::NewAdjustmentEachTry, 1),
        (Bug::AdjustTouched, 111),
        (Bug::DoneWithoutProof, 1),
        (Bug::CoarseProof, 3),
        (Bug::LostAnswerIsFailure, 16),
        (Bug::SerializationIsFailure, 50),
        (Bug::AgainTooLate, 21),
        (Bug::ReplayDone, 3),
        (Bug::ReplayIgnored, 1),
        (Bug::SkipOverlap, 1),
        (Bug::OurClock, 11),
        (Bug::CursorFirst, 1),
        (Bug::FloorAlways, 5),
        (Bug::PageIsEmpty, 29),
        (Bug::IdAloneIsOrder, 1),
        (Bug::CloneAccepted, 8),
        (Bug::ChangeUnsaid, 5),
        (Bug::OldContent, 12),
        (Bug::SwappedBindings, 5),
        (Bug::NumberAloneIsRecord, 31719),
        (Bug::WholeQuantities, 1),
        (Bug::Silent, 1),
        (Bug::PageSkipsOne, 82),
        (Bug::StoredRefundSign, 2),
    ];

    /// Bugs that show only when the process or the machine dies: other parts of the campaign find them.
    const BELOW: &[Bug] = &[Bug::DropFsync];

    /// Bugs that no trial has shown so far: not counted as caught.
    const NOT_SHOWN: &[Bug] = &[Bug::NoIntent];

    pub fn run(name: &str, options: &Options) -> ExitCode {
        let wanted = |bug: &&Bug| name == "all" || name.split(',').any(|name| bug.name() == name);
        let bugs: Vec<Bug> = Bug::ALL.iter().filter(wanted).copied().collect();
        match bugs.as_slice() {
            [] => {
                eprintln!("There is no bug {name}; there are: {}", Bug::ALL.iter().map(|bug| bug.name()).collect::<Vec<_>>().join(", "));
                ExitCode::from(2)
            }
            [one] => {
                let (row, caught) = row(*one, options);
                println!("{row}");
                if caught { ExitCode::SUCCESS } else { ExitCode::FAILURE }
            }
            several => table(several, options),
        }
    }

    /// Each bug in a process of its own, since a bug is planted in a whole process; prints the rows in order.
    fn table(bugs: &[Bug], options: &Options) -> ExitCode {
        println!("| bug | caught by | seed | seeds looked at | what the checker says |");
        println!("|---|---|---|---|---|");
        let program = std::env::current_exe().expect("this program");
        let (waiting, ended) = (Mutex::new(bugs.iter().copied().collect::<VecDeque<_>>()), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..options.jobs {
                scope.spawn(|| {
                    loop {
                        let next = waiting.lock().unwrap().pop_front();
                        let Some(bug) = next else { break };
                        let output = Command::new(&program)
                            .args(["--planted", &bug.name(), "--jobs", "1", "--from", &options.from.to_string()])
                            .args(["--branches", &options.versions.branches.to_string()])
                            .args(["--central", &options.versions.central.to_string()])
                            .output()
                            .expect("this program runs");
                        let row = String::from_utf8_lossy(&output.stdout).trim().to_owned();
                        eprintln!("{}", row.split(" | ").take(3).collect::<Vec<_>>().join(" "));
                        ended.lock().unwrap().push((bug as u8, row, output.status.success()));
                    }
                });
            }
        });
        let mut ended = ended.into_inner().unwrap();
        ended.sort();
        for (_, row, _) in &ended {
            println!("{row}");
        }
        let passed_over = bugs.iter().filter(|bug| BELOW.contains(bug) || NOT_SHOWN.contains(bug)).count();
        let ended_well = ended.iter().filter(|(.., well)| *well).count();
        println!("\n{} of {} bugs caught", ended_well - passed_over, ended.len() - passed_over);
        if ended_well == ended.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn row(bug: Bug, options: &Options) -> (String, bool) {
        let name = bug.name();
        if BELOW.contains(&bug) {
            return (format!("| {name} | tests/crash | | | shows only when the machine dies |"), true);
        }
        if NOT_SHOWN.contains(&bug) {
            return (format!("| {name} | not shown by the simulator | | | |"), true);
        }
        match hunt(bug, options) {
            Some(Caught { seed, looked_at, invariant, what }) => {
                let what = what.replace('|', "/").replace('\n', " ");
                (format!("| {name} | {invariant} | {seed} | {looked_at} | {what} |"), true)
            }
            None => (format!("| {name} | **escaped** | | {MOST_SEEDS} | |"), false),
        }
    }

    struct Caught {
        seed: u64,
        looked_at: u64,
        invariant: &'static str,
        what: String,
    }

    fn hunt(bug: Bug, options: &Options) -> Option<Caught> {
        let runtime = trial::runtime();
        let known = CAUGHT_BY.iter().filter(|(caught, _)| *caught == bug).map(|(_, seed)| *seed);
        known.chain(options.from..options.from + MOST_SEEDS).zip(1..).find_map(|(seed, looked_at)| {
            plant(Some(bug));
            let outcome = trial::run(&runtime, seed, options.versions, false);
            plant(None);
            let violation = outcome.violations.into_iter().next()?;
            // What is violated without the bug as well proves nothing.
            let sound = trial::run(&runtime, seed, options.versions, false).violations.is_empty();
            sound.then_some(Caught { seed, looked_at, invariant: violation.invariant, what: violation.what })
        })
    }
}
