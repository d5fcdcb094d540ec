//! Peak memory of a backlog on the stand-in: `cargo bench --bench backlog [-- ORDERS...]`, by default 10,000 and 100,000.
//!
//! The stand-in runs in this process, posbridge in one of its own, whose peak (`VmHWM`) is read while it works. The goal
//! is under 64 MB, and flat in the size of the backlog.
#![allow(clippy::unwrap_used)]

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use posbridge::demo::{Branch, Central, OdooServer};

fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![10_000, 100_000] } else { sizes };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for orders in sizes {
        let server = runtime.block_on(OdooServer::start()).unwrap();
        let central = server.central("central", &Central::default());
        server.branch("tirana", &Branch::new("Tirana")).sell_history(orders, 7, 20);
        let (peak, took) = receive(&server.url());
        assert_eq!(central.count("sale.order"), orders, "every order is at central once");
        println!(
            "{orders} orders: peak {:.1} MB, {:.1} s, {:.3} calls an order",
            peak as f64 / 1024.0,
            took.as_secs_f64(),
            calls(&server) as f64 / orders as f64
        );
    }
}

fn calls(server: &OdooServer) -> u64 {
    server.stats().calls.iter().filter(|((model, _), _)| model != "common").map(|(_, n)| n).sum()
}

/// Peak in kB and duration of one pass.
fn receive(url: &str) -> (u64, Duration) {
    let dir = tempfile::tempdir().unwrap();
    let settings = format!(
        "[central]\nurl = \"{url}\"\ndatabase = \"central\"\nuser = \"bridge\"\n[branch.tirana]\nurl = \"{url}\"\ndatabase = \"tirana\"\nuser = \"bridge\"\n\
         from = 2000-01-01\ncustomer = \"Walk-in Tirana\"\nrounding = {{ product = \"POS-ROUND\", limit = \"5.00\" }}\n"
    );
    std::fs::write(dir.path().join("branches.toml"), settings).unwrap();
    let posbridge = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_posbridge"));
        command.current_dir(dir.path()).stdout(Stdio::null());
        command
    };
    for owner in ["central", "tirana"] {
        let mut child = posbridge().args(["secret", "set", owner]).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"bridge").unwrap();
        assert!(child.wait().unwrap().success());
    }
    let began = Instant::now();
    let mut child = posbridge().arg("receive").spawn().unwrap();
    let mut peak = 0;
    loop {
        if let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", child.id())) {
            let line = status.lines().find(|line| line.starts_with("VmHWM:"));
            peak = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(peak);
        }
        match child.try_wait().unwrap() {
            Some(status) => {
                assert!(status.success(), "{status}");
                return (peak, began.elapsed());
            }
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}
