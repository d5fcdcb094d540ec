//! A daemon with many branches on the stand-in: `cargo bench --bench fleet [-- BRANCHES [EVERY_S [MINUTES]]]`, by default 1,000
//! every 300 s for 11 minutes; run once with all branches well, once with a tenth that answers nothing and a tenth that is
//! slow.
//!
//! The stand-ins run in this process, posbridge in one of its own. Printed: how late passes start, how long after its
//! planned start a healthy branch's pass ends (its lag), memory and CPU time of posbridge. It asserts that every order is
//! at central once, and nothing about time.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use posbridge::config::Config;
use posbridge::demo::{Branch, Central, Db, Mishap, OdooServer, When};
use posbridge::secret::{KeyRing, bound};
use posbridge::store::{LastPass, Sealed, Store};
use secrecy::SecretString;

/// Answers of a slow branch come after this.
const SLOW: Duration = Duration::from_secs(3);

/// Longest wait for an answer, as the example's settings have it.
const TIMEOUT_S: u64 = 120;

fn main() {
    let given: Vec<u64> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let branches = given.first().copied().unwrap_or(1_000);
    let every = given.get(1).copied().unwrap_or(300);
    let minutes = given.get(2).copied().unwrap_or(11);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let well = run(&runtime, branches, every, minutes, false);
    let ill = run(&runtime, branches, every, minutes, true);
    println!("p99 lag of healthy branches with the bad ones: {:.2} x", ill.as_secs_f64() / well.as_secs_f64());
}

/// One daemon for some minutes; gives the p99 lag of healthy branches.
fn run(runtime: &tokio::runtime::Runtime, branches: u64, every: u64, minutes: u64, with_bad: bool) -> Duration {
    let server = runtime.block_on(OdooServer::start()).unwrap();
    let central = server.central("central", &Central::default());
    let dir = tempfile::tempdir().unwrap();
    let codes: Vec<String> = (0..branches).map(|n| format!("b{n}")).collect();
    let dbs: Vec<Db> = codes.iter().map(|code| server.branch(code, &Branch { products: 3, ..Branch::new(code) })).collect();
    // By the last digit of its code.
    let bad = |code: &str| with_bad && (code.ends_with('0') || code.ends_with('1'));
    for code in codes.iter().filter(|code| bad(code)) {
        let mishap = if code.ends_with('0') { Mishap::slow_answer(Duration::from_secs(3_600)) } else { Mishap::slow_answer(SLOW) };
        server.inject(When::any().database(code).always(), mishap);
    }
    // The first pass of each after a moment, spread as an integrator spreads them.
    let start = Timestamp::now() + SignedDuration::from_secs(10 + i64::try_from(branches / 100).unwrap());
    let planned: BTreeMap<String, Timestamp> = codes
        .iter()
        .zip(0_u64..)
        .map(|(code, n)| (code.clone(), start + SignedDuration::from_millis(i64::try_from(n * every * 1_000 / branches).unwrap())))
        .collect();
    settings(dir.path(), &server.url(), every, &planned);
    for db in &dbs {
        db.sell_random(1, 1);
    }
    let mut daemon = spawn(dir.path());
    let config = Config::load(&dir.path().join("branches.toml")).unwrap();
    let (mut peak, mut seen, mut lags, mut late) = (0, BTreeMap::new(), Vec::new(), Vec::new());
    let (began, cpu_at_start) = (Instant::now(), cpu(&daemon));
    while began.elapsed() < Duration::from_secs(minutes * 60) {
        peak = peak.max(memory(&daemon));
        for branch in &config.branches {
            let Some(last) = LastPass::load(&config.state, &branch.code) else { continue };
            if seen.insert(branch.code.clone(), last.started_at) == Some(last.started_at) || bad(branch.code.as_str()) {
                continue;
            }
            let first = planned[branch.code.as_str()];
            let due = first + SignedDuration::from_secs(last.started_at.duration_since(first).as_secs() / every as i64 * every as i64);
            lags.push(last.ended_at.duration_since(due));
            late.push(last.started_at.duration_since(due));
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    let used = cpu(&daemon) - cpu_at_start;
    let now = memory(&daemon);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    let healthy = codes.iter().filter(|code| !bad(code)).count();
    let slow = if with_bad { dbs.len() / 10 } else { 0 };
    assert!((healthy..=healthy + slow).contains(&central.count("sale.order")), "every order of a branch that answers is at central once");
    lags.sort();
    late.sort();
    let p99 = |sorted: &[SignedDuration]| sorted[(sorted.len() * 99 / 100).min(sorted.len() - 1)];
    let lag = p99(&lags);
    println!(
        "{branches} branches every {every} s, {} passes of healthy ones{}: start late p99 {:.2} s, worst {:.2} s; lag p99 {:.2} s; memory {:.1} MB, peak {:.1} MB; CPU {:.2} % of a core",
        lags.len(),
        if with_bad { ", a tenth silent, a tenth slow" } else { "" },
        p99(&late).as_secs_f64(),
        late.last().unwrap().as_secs_f64(),
        lag.as_secs_f64(),
        now as f64 / 1024.0,
        peak as f64 / 1024.0,
        100.0 * used / began.elapsed().as_secs_f64()
    );
    Duration::try_from(lag).unwrap()
}

fn settings(dir: &Path, url: &str, every: u64, planned: &BTreeMap<String, Timestamp>) {
    let mut text = format!(
        "[central]\nurl = \"{url}\"\ndatabase = \"central\"\nuser = \"bridge\"\n[defaults]\nurl = \"{url}\"\nuser = \"bridge\"\nevery = \"{every}s\"\n\
         timeout = \"{TIMEOUT_S}s\"\nfrom = 2000-01-01\ncustomer = \"Walk-in Tirana\"\nrounding = {{ product = \"POS-ROUND\", limit = \"5.00\" }}\n"
    );
    for (code, start) in planned {
        text.push_str(&format!("[branch.{code}]\ndatabase = \"{code}\"\nstart = {}\n", start.strftime("%Y-%m-%dT%H:%M:%S.%3fZ")));
    }
    let file = dir.join("branches.toml");
    std::fs::write(&file, text).unwrap();
    let config = Config::load(&file).unwrap_or_else(|error| panic!("{error}"));
    let store = Store::open(&config.state).unwrap();
    let keys = KeyRing::load(&config.state).unwrap();
    let endpoints = config.branches.iter().map(|branch| (branch.code.to_string(), &branch.endpoint));
    let sealed: Vec<Sealed> = endpoints
        .chain([("central".to_owned(), &config.central.endpoint)])
        .map(|(owner, endpoint)| {
            let sealed = keys.seal(&owner, "password", &bound(&endpoint.url, &endpoint.user), &SecretString::from("bridge")).unwrap();
            Sealed { owner, field: "password".to_owned(), sealed, updated_at: Timestamp::now() }
        })
        .collect();
    store.put_secrets(&sealed).unwrap();
}

fn spawn(dir: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_posbridge"));
    command.current_dir(dir).arg("run").stdout(Stdio::null()).stderr(std::fs::File::create(dir.join("log")).unwrap()).spawn().unwrap()
}

/// Resident memory in kB.
fn memory(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

/// CPU time in seconds.
fn cpu(child: &Child) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    // User and system time, in hundredths of a second: Linux's fixed USER_HZ.
    let ticks = |n: usize| fields.get(n).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}
