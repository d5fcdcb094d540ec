//! Sending against one call for each record on the same real Odoo, in one run: `cargo bench --bench send [-- PRODUCTS SOME]`.
//!
//! Brings the test rig up (tests/odoo), makes PRODUCTS products at central, then times `posbridge send` of all of them to
//! a branch that has none, twice, and before, between and after `benches/send_bare.py` for SOME of them: one `create` for
//! each, no ledger, nothing compared. Then sends again with nothing changed, and with one price changed. Prints seconds,
//! calls and ratios; asserts nothing: a figure measured on a busy machine is no test.

#![allow(clippy::unwrap_used)]

mod rig;

use rig::{Rig, Run, median};

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let products: usize = args.next().and_then(|n| n.parse().ok()).unwrap_or(2_000);
    let some: usize = args.next().and_then(|n| n.parse().ok()).unwrap_or(40);
    let rig = Rig::new();
    rig.odoo("up", &[], &[("WORKERS", "1")]);
    rig.odoo("reset", &[], &[]);
    rig.odoo("many", &["central", &products.to_string(), "--images", &(products / 20).to_string()], &[]);
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    let mut state = None;
    for turn in [0, 1, 0, 1, 0] {
        rig.fresh("branch1", "product.template");
        if turn == 0 {
            bare.push(one_by_one(&rig, some) / some as f64);
        } else {
            let dir = rig.state("SENDER", "[branch.branch1.send.products]\ntag = [\"Bulk\"]\n");
            let run = rig.posbridge(dir.path(), &["send"]);
            let created = run.report["created"].as_u64().unwrap_or_default();
            println!(
                "send, nothing there    {:8.2} s {:6.2} CPU-s {:6} calls, {:.3} a record, {created} created",
                run.wall,
                run.cpu,
                run.calls,
                run.calls as f64 / products as f64
            );
            ours.push(run.wall / products as f64);
            state = Some(dir);
        }
        if turn == 1 && ours.len() == 2 {
            let dir = state.as_ref().expect("a state").path();
            line("send, nothing changed", &rig.posbridge(dir, &["send"]));
            let product = r#"[["default_code","=","BULK-00002"]]"#;
            rig.odoo("edit", &["central", "product.template", product, r#"{"list_price": 77.7}"#], &[]);
            line("send, one price changed", &rig.posbridge(dir, &["send"]));
            line("send --changed", &rig.posbridge(dir, &["send", "--changed"]));
        }
    }
    let (a, b) = (median(&mut bare), median(&mut ours));
    println!(
        "one call for each      {:8.1} ms a product, of {some} products ({:.1} to {:.1})",
        a * 1e3,
        bare[0] * 1e3,
        bare[bare.len() - 1] * 1e3
    );
    println!("posbridge send         {:8.1} ms a product, of {products} products", b * 1e3);
    println!("ratio                  {:8.1} x faster", a / b);
}

fn line(what: &str, run: &Run) {
    let written = run.report["created"].as_u64().unwrap_or_default() + run.report["changed"].as_u64().unwrap_or_default();
    println!("{what:22} {:8.2} s {:6.2} CPU-s {:6} calls, {written} written", run.wall, run.cpu, run.calls);
}

/// Seconds that the script took by its own clock.
fn one_by_one(rig: &Rig, some: usize) -> f64 {
    let e = |key: &str| rig.env[key].clone();
    let sides = [e("ODOO_URL"), "central".into(), e("CENTRAL_USER"), e("CENTRAL_PASSWORD")];
    let branch = ["branch1".into(), e("SENDER_USER"), e("SENDER_PASSWORD"), "--products".into(), some.to_string()];
    rig.script("send_bare.py", &[sides.as_slice(), &branch].concat())["seconds"].as_f64().expect("seconds")
}
