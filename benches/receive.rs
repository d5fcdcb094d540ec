//! The pass against a bare script on the same real Odoo, in one run: `cargo bench --bench receive [-- ORDERS ROUNDS]`.
//!
//! Brings the test rig up (tests/odoo), sells ORDERS orders of three lines at one branch, then for one and for two Odoo
//! workers times, in the order A B B A, `benches/bare.py` (the calls that are needed, one after the other, no ledger)
//! and `posbridge receive` (everything fsync'd), each on a central put back to what it was. Prints medians and ratios;
//! asserts nothing: a figure measured on a busy machine is no test.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

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
                rig.fresh_central();
                if turn == 0 {
                    bare.push(rig.script("bare.py", orders));
                } else {
                    let run = rig.posbridge();
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
            rig.fresh_central();
            let some = orders.min(100);
            let naive = rig.script("naive.py", some) * orders as f64 / some as f64;
            println!("  plain loop   {naive:.1} s   (from {some} orders), {:.1} x ours", naive / b);
        }
    }
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

struct Rig {
    root: PathBuf,
    env: BTreeMap<String, String>,
}

struct Run {
    wall: f64,
    cpu: f64,
    calls: u64,
}

impl Rig {
    fn new() -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let mut rig = Self { root, env: BTreeMap::new() };
        rig.odoo("up", &[], &[]);
        let home =
            std::env::var("POSBRIDGE_ODOO_DIR").unwrap_or_else(|_| format!("{}/.cache/posbridge-odoo", std::env::var("HOME").unwrap()));
        let text = std::fs::read_to_string(Path::new(&home).join("env")).expect("the rig's env file");
        rig.env = text.lines().filter_map(|line| line.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        rig
    }

    fn odoo(&self, command: &str, args: &[&str], env: &[(&str, &str)]) {
        let done = Command::new(self.root.join("tests/odoo").join(command)).args(args).envs(env.iter().copied()).output().expect(command);
        assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Central as it was, its caches warm: the first call after a reset loads the registry.
    fn fresh_central(&self) {
        self.odoo("reset", &["central"], &[]);
        let warm = "import sys,xmlrpc.client as x; u,d,l,p=sys.argv[1:]; i=x.ServerProxy(u+'/xmlrpc/2/common').authenticate(d,l,p,{}); \
                    [x.ServerProxy(u+'/xmlrpc/2/object').execute_kw(d,i,p,'sale.order','fields_get',[],{}) for _ in range(4)]";
        let args = [&self.env["ODOO_URL"], "central", &self.env["CENTRAL_USER"], &self.env["CENTRAL_PASSWORD"]];
        assert!(Command::new("python3").arg("-c").arg(warm).args(args).status().expect("python3").success());
    }

    /// Seconds that a script took by its own clock.
    fn script(&self, name: &str, limit: usize) -> f64 {
        let e = |key: &str| self.env[key].clone();
        let done = Command::new("python3")
            .arg(self.root.join("benches").join(name))
            .args([
                e("ODOO_URL"),
                "central".into(),
                e("CENTRAL_USER"),
                e("CENTRAL_PASSWORD"),
                "branch1".into(),
                e("BRANCH_USER"),
                e("BRANCH_PASSWORD"),
                "branch1".into(),
            ])
            .args(["--limit", &limit.to_string()])
            .output()
            .expect("python3");
        assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
        let text = String::from_utf8_lossy(&done.stdout);
        let report: serde_json::Value = serde_json::from_str(text.lines().last().unwrap_or_default()).expect("a JSON line");
        report["seconds"].as_f64().expect("seconds")
    }

    /// One `posbridge receive` from nothing, timed from outside, log-ins and process start included.
    fn posbridge(&self) -> Run {
        let dir = tempfile::tempdir().expect("a directory");
        let settings = format!(
            "[central]\nurl = \"{url}\"\ndatabase = \"central\"\nuser = \"{user}\"\n\n[branch.branch1]\nurl = \"{url}\"\ndatabase = \"branch1\"\nuser = \"{branch}\"\n\
             from = 2021-01-01\ncustomer = \"Walk-in Branch 1\"\nwarehouse = \"TIR\"\npricelist = \"Public Pricelist\"\nrounding = {{ product = \"POS-ROUND\", limit = \"0.05\" }}\n",
            url = self.env["ODOO_URL"],
            user = self.env["CENTRAL_USER"],
            branch = self.env["BRANCH_USER"],
        );
        std::fs::write(dir.path().join("branches.toml"), settings).expect("settings");
        for (owner, key) in [("central", "CENTRAL_PASSWORD"), ("branch1", "BRANCH_PASSWORD")] {
            let mut child = Command::new(env!("CARGO_BIN_EXE_posbridge"))
                .args(["secret", "set", owner])
                .current_dir(dir.path())
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::null())
                .spawn()
                .expect("posbridge");
            std::io::Write::write_all(&mut child.stdin.take().expect("stdin"), self.env[key].as_bytes()).expect("password");
            assert!(child.wait().expect("posbridge").success());
        }
        let began = Instant::now();
        let timed = format!("TIMEFORMAT='%U %S'; time {} -v receive --json", env!("CARGO_BIN_EXE_posbridge"));
        let done = Command::new("bash").arg("-c").arg(timed).current_dir(dir.path()).output().expect("bash");
        let wall = began.elapsed().as_secs_f64();
        let stderr = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{stderr}");
        let cpu = stderr.lines().last().unwrap_or_default().split_whitespace().filter_map(|n| n.parse::<f64>().ok()).sum();
        let report: serde_json::Value = serde_json::from_slice(&done.stdout).expect("JSON");
        Run {
            wall,
            cpu,
            calls: report["branches"][0]["calls"].as_u64().unwrap_or_default() + report["central_calls"].as_u64().unwrap_or_default(),
        }
    }
}
