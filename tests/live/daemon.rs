//! The daemon for minutes on end between a real central and two branches that sell all the time, while Odoo is stopped, a
//! network cut, the daemon killed and its settings edited.

use std::fs::File;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::rig::{BRANCHES, Bridge, Rig, Start, begin, ids};
use crate::support::proxy::Fault;

/// How long it runs, unless the environment says otherwise: as long as leaves each mishap its time.
const MINUTES: u64 = 3;

/// Orders sold at one branch at a time.
const SOLD_AT_ONCE: usize = 8;

/// Kills of the daemon in [`plan`].
const KILLS: usize = 5;

/// After the last mishap everything is at central within this.
const SETTLES: Duration = Duration::from_secs(120);

/// The daemon as a process, started again after each kill, all its lines in one file.
struct Daemon<'b> {
    bridge: &'b Bridge,
    child: Child,
}

impl<'b> Daemon<'b> {
    fn start(bridge: &'b Bridge) -> Self {
        Self { bridge, child: spawn(bridge) }
    }

    fn kill(&mut self) {
        self.child.kill().expect("a running daemon");
        self.child.wait().expect("its end");
        self.child = spawn(self.bridge);
    }

    fn signal(&self, name: &str) {
        let status = std::process::Command::new("kill").args([name, &self.child.id().to_string()]).status().expect("kill");
        assert!(status.success(), "the daemon is gone");
    }

    /// Stops it as systemd does; gives its exit status and how long it took.
    fn stop(mut self) -> (Option<i32>, Duration) {
        let began = Instant::now();
        self.signal("-TERM");
        (self.child.wait().expect("its end").code(), began.elapsed())
    }
}

fn spawn(bridge: &Bridge) -> Child {
    let log = File::options().create(true).append(true).open(log_file(bridge)).expect("the log");
    bridge.command(&["--log-format", "json", "run"]).stdout(Stdio::null()).stderr(log).spawn().expect("posbridge run")
}

fn log_file(bridge: &Bridge) -> std::path::PathBuf {
    bridge.config.with_file_name("daemon.log")
}

fn lines(bridge: &Bridge) -> Vec<Json> {
    let text = std::fs::read_to_string(log_file(bridge)).expect("the log");
    // The last line before a kill may be half a line.
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn said(lines: &[Json], words: &str) -> usize {
    lines.iter().filter(|line| line["message"].as_str().is_some_and(|message| message.contains(words))).count()
}

fn caused(lines: &[Json], cause: &str, branch: Option<&str>) -> usize {
    let of = |line: &&Json| line["cause"] == cause && branch.is_none_or(|branch| line["branch"] == branch);
    lines.iter().filter(of).count()
}

/// Sells at both branches in turn until told to stop; gives the number of orders that are to arrive.
fn sell_until(rig: &Rig, stop: &AtomicBool) -> usize {
    let mut sold = 0;
    for seed in 0.. {
        for branch in BRANCHES {
            if stop.load(Ordering::Relaxed) {
                return sold;
            }
            let orders = rig.sell(branch, SOLD_AT_ONCE, &["--seed", &(1_000 + seed).to_string()]);
            sold += ids(&orders, "ids").len();
        }
    }
    sold
}

/// What happens around the daemon, at parts of a hundred of the whole time.
enum Mishap {
    Kill,
    StopOdoo,
    StartOdoo,
    CutNetwork,
    MendNetwork,
    BreakSettings,
    ChangeSettings,
}

/// Each mishap has time to be noticed, told and got over before the next kill forgets what was told.
fn plan() -> Vec<(u32, Mishap)> {
    use Mishap::*;
    vec![
        (5, Kill),
        (7, BreakSettings),
        (13, ChangeSettings),
        (20, Kill),
        (25, Kill),
        (28, StopOdoo),
        (40, StartOdoo),
        (46, Kill),
        (66, CutNetwork),
        (74, MendNetwork),
        (94, Kill),
    ]
}

#[test]
fn everything_that_is_sold_while_everything_fails_is_at_central_once() {
    let minutes = std::env::var("POSBRIDGE_SOAK_MINUTES").ok().and_then(|text| text.parse().ok()).unwrap_or(MINUTES);
    let whole = Duration::from_secs(60 * minutes);
    let rig = begin(Start::Empty);
    let cut = Arc::new(AtomicBool::new(false));
    let switch = cut.clone();
    let proxy = rig.proxy(move |_| if switch.load(Ordering::Relaxed) { Fault::ResetBefore } else { Fault::None });
    let mut bridge = Bridge::new(&rig, rig.url(), &BRANCHES);
    bridge.set("branch2", "url", &format!("\"{}\"", proxy.url));
    for branch in BRANCHES {
        bridge.set(branch, "every", "\"5s\"");
        bridge.set(branch, "timeout", "\"20s\"");
    }
    bridge.install();
    let stop = AtomicBool::new(false);
    let (rig_ref, bridge_ref): (&Rig, &Bridge) = (&rig, &bridge);
    let (sold, daemon) = std::thread::scope(|scope| {
        let seller = scope.spawn(|| sell_until(rig_ref, &stop));
        let mut daemon = Daemon::start(bridge_ref);
        let began = Instant::now();
        let good = std::fs::read_to_string(&bridge_ref.config).expect("the settings");
        for (at, mishap) in plan() {
            std::thread::sleep((whole * at / 100).saturating_sub(began.elapsed()));
            match mishap {
                Mishap::Kill => daemon.kill(),
                Mishap::StopOdoo => drop(rig_ref.tool("server", &["stop"])),
                Mishap::StartOdoo => drop(rig_ref.tool("server", &["start"])),
                Mishap::CutNetwork => cut.store(true, Ordering::Relaxed),
                Mishap::MendNetwork => cut.store(false, Ordering::Relaxed),
                Mishap::BreakSettings => save(bridge_ref, &good.replace("every = \"5s\"", "every = 5")),
                Mishap::ChangeSettings => save(bridge_ref, &good.replace("every = \"5s\"", "every = \"7s\"")),
            }
        }
        std::thread::sleep(whole.saturating_sub(began.elapsed()));
        stop.store(true, Ordering::Relaxed);
        (seller.join().expect("the seller"), daemon)
    });
    let deadline = Instant::now() + SETTLES;
    while rig.bound().len() < sold {
        assert!(Instant::now() < deadline, "{} of {sold} orders are at central", rig.bound().len());
        std::thread::sleep(Duration::from_secs(1));
    }
    let (status, took) = daemon.stop();
    assert_eq!(status, Some(0));
    assert!(took < Duration::from_secs(10), "{took:?}");
    rig.assert_drafts(sold);
    rig.compare(&bridge, sold, &[]);
    story_is_true(&bridge, &lines(&bridge), sold);
    println!("{sold} orders in {minutes} minutes");
}

fn save(bridge: &Bridge, text: &str) {
    std::fs::write(&bridge.config, text).expect("the settings");
}

/// What the log says is what happened.
fn story_is_true(bridge: &Bridge, lines: &[Json], sold: usize) {
    assert_eq!(said(lines, "Started"), 1 + KILLS, "starts");
    assert!(caused(lines, "settings_wrong", None) >= 3, "each wrong line, and what holds instead");
    assert!(said(lines, "needs a unit and quotes") >= 2, "with what to do");
    assert!(said(lines, "New settings are in use") >= 1);
    // Odoo was stopped once: central is told of once a process, not by each branch and pass.
    let away = said(lines, "Branches are received and kept meanwhile") + said(lines, "does not accept connections at 127.0.0.1");
    assert!((1..=12).contains(&away), "{away} lines on an Odoo that was away");
    let cut = lines.iter().filter(|line| line["level"] == "WARN" && line["branch"] == "branch2").count();
    assert!((1..=12).contains(&cut), "{cut} lines on a branch that was cut off");
    assert!(said(lines, "passes reach their end again") >= 1);
    // Each order is told once; what was written just before a kill may be told by nobody.
    let mut told: Vec<&str> = lines.iter().filter_map(|line| line["sale_order"].as_str()).collect();
    let all = told.len();
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), all, "no order is told twice");
    assert!(all <= sold && all + 100 > sold, "{all} of {sold} orders are told");
    let fields = ["branch", "pos_order", "sale_order", "attempt", "duration_ms"];
    let one = lines.iter().find(|line| !line["sale_order"].is_null()).expect("an order");
    assert!(fields.iter().all(|field| !one[field].is_null()), "{one}");
    let text = std::fs::read_to_string(log_file(bridge)).expect("the log");
    assert!(!text.contains("bridge-central") && !text.contains("bridge-branch"), "a password is in the log");
}
