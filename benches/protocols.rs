//! Receiving over JSON-2 against the same over XML-RPC, on one real Odoo in one run: `cargo bench --bench protocols [-- ORDERS ROUNDS]`.
//!
//! Sells ORDERS orders of three lines at one branch of the rig (tests/odoo), then receives them over one protocol and the other, in the
//! order A B B A, each from nothing on a central put back to what it was. Prints medians of time, calls and bytes, and their ratios;
//! asserts nothing: a time measured on a busy machine is no test.

#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
mod rig;

use rig::{Rig, median};

const PROTOCOLS: [&str; 2] = ["xmlrpc", "json2"];

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let orders: usize = args.next().and_then(|n| n.parse().ok()).unwrap_or(1_000);
    let rounds: usize = args.next().and_then(|n| n.parse().ok()).unwrap_or(3);
    let rig = Rig::new();
    rig.odoo("up", &[], &[("WORKERS", "1")]);
    rig.odoo("reset", &[], &[]);
    rig.odoo("sell", &["branch1", "--orders", &orders.to_string(), "--seed", "7", "--mix", "three-lines"], &[]);
    let (mut walls, mut bytes, mut calls) = ([Vec::new(), Vec::new()], [0, 0], [0, 0]);
    for round in 0..rounds * 2 {
        // A B, B A: what the machine does slowly over time weighs on both alike.
        for turn in [round % 2, 1 - round % 2] {
            rig.fresh("central", "sale.order");
            // The same API keys over both.
            let keys = [("central", "CENTRAL_API_KEY".to_owned()), ("branch1", "BRANCH1_API_KEY".to_owned())];
            let more = "warehouse = \"TIR\"\npricelist = \"Public Pricelist\"\nrounding = { product = \"POS-ROUND\", limit = \"0.05\" }\n";
            let state = rig.state_with(keys, "BRANCH", more);
            let file = state.path().join("branches.toml");
            let spoken = format!("\nprotocol = \"{}\"\nuser = ", PROTOCOLS[turn]);
            std::fs::write(&file, std::fs::read_to_string(&file).unwrap().replace("\nuser = ", &spoken)).unwrap();
            let run = rig.posbridge(state.path(), &["receive"]);
            assert_eq!(run.report["delivered"].as_u64(), Some(orders as u64), "{}", run.report);
            walls[turn].push(run.wall);
            bytes[turn] = run.report["bytes_read"].as_u64().unwrap_or_default();
            calls[turn] = run.calls;
        }
    }
    println!("{orders} orders of 3 lines received and written, one Odoo worker, {} runs each:", rounds * 2);
    for (turn, protocol) in PROTOCOLS.into_iter().enumerate() {
        let middle = median(&mut walls[turn]);
        let (least, most) = (walls[turn][0], walls[turn][walls[turn].len() - 1]);
        println!(
            "  {protocol:7} {middle:.2} s   ({least:.2} to {most:.2})   {} calls   {} bytes read from the branch",
            calls[turn], bytes[turn]
        );
    }
    println!("  json2 / xmlrpc: time {:.2}, bytes {:.2}", median(&mut walls[1]) / median(&mut walls[0]), bytes[1] as f64 / bytes[0] as f64);
}
