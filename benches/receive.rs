//! The pass against a bare script on the same real Odoo, in one run: `cargo bench --bench receive [-- ORDERS ROUNDS]`.
//!
//! Brings the test rig up (tests/odoo), sells ORDERS orders of three lines at one branch, then for one and for two Odoo
//! workers times, in the order A B B A, `benches/bare.py` (the calls that are needed, one after the other, no ledger)
//! and `posbridge receive` (everything fsync'd), each on a central put back to what it was. Prints medians and ratios;
//! asserts nothing: a figure measured on a busy machine is no test.

#![allow(clippy::unwrap_used)]

mod rig;

use rig::{Rig, Run, median};

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let orders: usize = args.next().and_then(|n| n.parse().ok()).unwrap_or(1_000);
    let rounds: usize = args.next().and_then(|n| n.parse().ok()).unwrap_or(3);
    let rig = Rig::new();
    let mut prepared = false;
    for workers in [1, 2] {
        rig.odoo("up", &[], &[("WORKERS", &workers.to_string())]);
        if !prepared {
            rig.odoo("reset", &[], &[]);
            rig.odoo("sell", &["branch1", "--orders", &orders.to_string(), "--seed", "7", "--mix", "three-lines"], &[]);
            prepared = true;
        }
        let (mut bare, mut ours, mut cpu, mut calls) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for round in 0..rounds * 2 {
            // A B, B A: what the machine does slowly over time weighs on both alike.
            for turn in [round % 2, 1 - round % 2] {
                rig.fresh("central", "sale.order");
                if turn == 0 {
                    bare.push(script(&rig, "bare.py", orders));
                } else {
                    let run = posbridge(&rig);
                    ours.push(run.wall);
                    cpu.push(run.cpu);
                    calls = run.calls;
                }
            }
        }
        let (a, b) = (median(&mut bare), median(&mut ours));
        println!("{workers} Odoo worker(s), {orders} orders of 3 lines, {} runs each:", rounds * 2);
        println!("  bare script  {a:.2} s   ({:.2} to {:.2})", bare[0], bare[bare.len() - 1]);
        println!(
            "  posbridge    {b:.2} s   ({:.2} to {:.2})   {:.2} CPU-s   {calls} calls",
            ours[0],
            ours[ours.len() - 1],
            median(&mut cpu)
        );
        println!("  ratio        {:.2}", b / a);
        if workers == 1 {
            rig.fresh("central", "sale.order");
            let some = orders.min(100);
            let naive = script(&rig, "naive.py", some) * orders as f64 / some as f64;
            println!("  plain loop   {naive:.1} s   (from {some} orders), {:.1} x ours", naive / b);
        }
    }
}

/// Seconds that a script took by its own clock.
fn script(rig: &Rig, name: &str, limit: usize) -> f64 {
    let e = |key: &str| rig.env[key].clone();
    let sides = [e("ODOO_URL"), "central".into(), e("CENTRAL_USER"), e("CENTRAL_PASSWORD")];
    let branch = ["branch1".into(), e("BRANCH_USER"), e("BRANCH_PASSWORD"), "branch1".into(), "--limit".into(), limit.to_string()];
    rig.script(name, &[sides.as_slice(), &branch].concat())["seconds"].as_f64().expect("seconds")
}

/// One `posbridge receive` from nothing, timed from outside, log-ins and process start included.
fn posbridge(rig: &Rig) -> Run {
    let state = rig.state(
        "BRANCH",
        "warehouse = \"TIR\"\npricelist = \"Public Pricelist\"\nrounding = { product = \"POS-ROUND\", limit = \"0.05\" }\n",
    );
    rig.posbridge(state.path(), &["receive"])
}
