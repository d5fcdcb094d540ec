//! The test rig as the benchmarks use it: a real Odoo, scripts to measure against, and the program timed from outside.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value as Json;

pub fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

pub struct Rig {
    root: PathBuf,
    /// What `up` wrote down: addresses, log-ins.
    pub env: BTreeMap<String, String>,
}

pub struct Run {
    pub wall: f64,
    pub cpu: f64,
    /// To central and to the branch.
    pub calls: u64,
    /// The report of the one branch.
    #[allow(dead_code)] // Not every benchmark looks at it.
    pub report: Json,
}

impl Rig {
    pub fn new() -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let mut rig = Self { root, env: BTreeMap::new() };
        rig.odoo("up", &[], &[]);
        let home =
            std::env::var("POSBRIDGE_ODOO_DIR").unwrap_or_else(|_| format!("{}/.cache/posbridge-odoo", std::env::var("HOME").unwrap()));
        let text = std::fs::read_to_string(Path::new(&home).join("env")).expect("the rig's env file");
        rig.env = text.lines().filter_map(|line| line.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        rig
    }

    pub fn odoo(&self, command: &str, args: &[&str], env: &[(&str, &str)]) {
        let done = Command::new(self.root.join("tests/odoo").join(command)).args(args).envs(env.iter().copied()).output().expect(command);
        assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// A database as it was, its caches warm: the first call after a reset loads the registry.
    pub fn fresh(&self, database: &str, model: &str) {
        self.odoo("reset", &[database], &[]);
        let warm = "import sys,xmlrpc.client as x; u,d,l,p,m=sys.argv[1:]; i=x.ServerProxy(u+'/xmlrpc/2/common').authenticate(d,l,p,{}); \
                    [x.ServerProxy(u+'/xmlrpc/2/object').execute_kw(d,i,p,m,'fields_get',[],{}) for _ in range(4)]";
        let args = [&self.env["ODOO_URL"], database, &self.env["ADMIN_USER"], &self.env["ADMIN_PASSWORD"], model];
        assert!(Command::new("python3").arg("-c").arg(warm).args(args).status().expect("python3").success());
    }

    /// What a script printed at the end, one JSON line.
    pub fn script(&self, name: &str, args: &[String]) -> Json {
        let done = Command::new("python3").arg(self.root.join("benches").join(name)).args(args).output().expect("python3");
        assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
        let text = String::from_utf8_lossy(&done.stdout);
        serde_json::from_str(text.lines().last().unwrap_or_default()).expect("a JSON line")
    }

    /// A directory with settings for one branch and the sealed passwords. `user` names the branch's user in the rig's env.
    pub fn state(&self, user: &str, more: &str) -> tempfile::TempDir {
        self.state_with([("central", "CENTRAL_PASSWORD".to_owned()), ("branch1", format!("{user}_PASSWORD"))], user, more)
    }

    /// The same with other secrets, by their names in the rig's env.
    pub fn state_with(&self, secrets: [(&str, String); 2], user: &str, more: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        let settings = format!(
            "[central]\nurl = \"{url}\"\ndatabase = \"central\"\nuser = \"{central}\"\n\n[branch.branch1]\nurl = \"{url}\"\n\
             database = \"branch1\"\nuser = \"{branch}\"\nfrom = 2021-01-01\ncustomer = \"Walk-in Branch 1\"\n{more}",
            url = self.env["ODOO_URL"],
            central = self.env["CENTRAL_USER"],
            branch = self.env[&format!("{user}_USER")],
        );
        std::fs::write(dir.path().join("branches.toml"), settings).expect("settings");
        for (owner, key) in secrets {
            let mut child = Command::new(env!("CARGO_BIN_EXE_posbridge"))
                .args(["secret", "set", owner])
                .current_dir(dir.path())
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .spawn()
                .expect("posbridge");
            std::io::Write::write_all(&mut child.stdin.take().expect("stdin"), self.env[&key].as_bytes()).expect("password");
            assert!(child.wait().expect("posbridge").success());
        }
        dir
    }

    /// One run of the program, timed from outside, log-ins and process start included.
    pub fn posbridge(&self, dir: &Path, args: &[&str]) -> Run {
        let began = Instant::now();
        let timed = format!("TIMEFORMAT='%U %S'; time {} -v --json {}", env!("CARGO_BIN_EXE_posbridge"), args.join(" "));
        let done = Command::new("bash").arg("-c").arg(timed).current_dir(dir).output().expect("bash");
        let wall = began.elapsed().as_secs_f64();
        let stderr = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{stderr}{}", String::from_utf8_lossy(&done.stdout));
        let cpu = stderr.lines().last().unwrap_or_default().split_whitespace().filter_map(|n| n.parse::<f64>().ok()).sum();
        let report: Json = serde_json::from_slice(&done.stdout).expect("JSON");
        let branch = report["branches"][0].clone();
        let calls = branch["calls"].as_u64().unwrap_or_default() + report["central_calls"].as_u64().unwrap_or_default();
        Run { wall, cpu, calls, report: branch }
    }
}
