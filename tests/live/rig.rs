//! The rig and the bridge under test, as the scenarios see them.

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use posbridge::model::Protocol;
use posbridge::odoo::{Call, Known, Odoo, OdooError, Target};
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::support::proxy::{Fault, Proxy, Request};

pub const BRANCHES: [&str; 2] = ["branch1", "branch2"];

/// Orders that [`Start::Sold`] finds in each branch: every kind that the seller knows.
pub const SOLD: usize = 60;

/// What a scenario begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The databases as `up` made them.
    Empty,
    /// The same of central and branch1; branch2 stays as it is.
    First,
    /// [`SOLD`] orders in each branch, none received.
    Sold,
}

/// A real Odoo with central and two branches.
pub struct Rig {
    _lock: std::fs::File,
    /// Where `up` put everything.
    pub directory: PathBuf,
    facts: BTreeMap<String, String>,
    pub runtime: Runtime,
    clients: Mutex<HashMap<String, std::sync::Arc<Odoo>>>,
    sold: Mutex<bool>,
}

static RIG: LazyLock<Mutex<Rig>> = LazyLock::new(|| Mutex::new(Rig::find()));

/// Takes the rig for one scenario.
pub fn begin(start: Start) -> MutexGuard<'static, Rig> {
    let rig = RIG.lock().unwrap_or_else(PoisonError::into_inner);
    rig.lock_clients().clear();
    let mut sold = rig.sold.lock().unwrap_or_else(PoisonError::into_inner);
    if start == Start::Sold && !*sold {
        rig.tool("reset", &[]);
        // Side by side: each takes half a minute, on a processor of its own.
        let shared: &Rig = &rig;
        std::thread::scope(|scope| {
            for branch in BRANCHES {
                scope.spawn(move || sell_and_keep(shared, branch));
            }
        });
        *sold = true;
    } else if start == Start::Sold {
        rig.tool("reset", &["central"]);
        for branch in BRANCHES {
            rig.tool("copy", &[&format!("sold_{branch}"), branch]);
        }
    } else {
        let databases: &[&str] = if start == Start::First { &["central", "branch1"] } else { &[] };
        rig.tool("reset", databases);
    }
    drop(sold);
    rig
}

fn sell_and_keep(rig: &Rig, branch: &str) {
    rig.sell(branch, SOLD, &["--seed", "11"]);
    rig.tool("copy", &[branch, &format!("sold_{branch}")]);
}

impl Rig {
    fn find() -> Self {
        let directory = std::env::var_os("POSBRIDGE_ODOO_DIR").map(PathBuf::from).unwrap_or_else(|| {
            PathBuf::from(std::env::var_os("HOME").expect("HOME or POSBRIDGE_ODOO_DIR is set")).join(".cache/posbridge-odoo")
        });
        let lock = std::fs::File::create(directory.join("live.lock")).expect("run tests/odoo/up first: no lock file in its directory");
        lock.lock().expect("the rig for this program alone");
        let file = directory.join("env");
        let text = std::fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("There is no Odoo to test against: {}: {error}. Run tests/odoo/up", file.display()));
        let facts = text.lines().filter_map(|line| line.split_once('=')).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let rig = Self { _lock: lock, directory, facts, runtime, clients: Mutex::default(), sold: Mutex::default() };
        let version = rig.runtime.block_on(rig.client("central", "admin", "admin").version());
        assert!(version.as_ref().is_ok_and(|version| version.starts_with("19")), "No Odoo 19 answers ({version:?}). Run tests/odoo/up");
        rig
    }

    pub fn fact(&self, key: &str) -> &str {
        self.facts.get(key).unwrap_or_else(|| panic!("the rig's env file has no {key}"))
    }

    pub fn url(&self) -> &str {
        self.fact("ODOO_URL")
    }

    /// A proxy before the Odoo of all three databases.
    pub fn proxy(&self, decide: impl Fn(&Request) -> Fault + Send + Sync + 'static) -> Proxy {
        Proxy::start(self.runtime.handle(), self.url().trim_start_matches("http://"), decide)
    }

    fn command(&self, tool: &str) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/odoo").join(tool));
        let port = self.url().rsplit(':').next().unwrap_or_default();
        command.env("POSBRIDGE_ODOO_PORT", port).env("POSBRIDGE_ODOO_PGPORT", self.fact("PGPORT")).stdin(Stdio::null());
        command
    }

    /// Runs Odoo with so many worker processes, 0 = threads in one.
    pub fn serve(&self, workers: usize) {
        let output = self.command("up").env("WORKERS", workers.to_string()).output().expect("up");
        assert!(output.status.success(), "up: {}", text(&output.stderr));
    }

    fn output(&self, tool: &str, args: &[&str]) -> Output {
        self.command(tool).args(args).output().unwrap_or_else(|error| panic!("{tool}: {error}"))
    }

    /// Runs a command of tests/odoo.
    pub fn tool(&self, tool: &str, args: &[&str]) -> String {
        let output = self.output(tool, args);
        assert!(output.status.success(), "{tool} {args:?} failed: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    /// Runs a command of tests/odoo that ends with another status when it finds something; gives what it tells.
    pub fn try_tool(&self, tool: &str, args: &[&str]) -> Json {
        let output = self.output(tool, args);
        assert!(!output.stdout.is_empty(), "{tool} {args:?}: {}", text(&output.stderr));
        json_of(&output.stdout)
    }

    /// Sells at a branch; gives what the seller says of it.
    pub fn sell(&self, branch: &str, orders: usize, more: &[&str]) -> Json {
        let orders = orders.to_string();
        let args: Vec<&str> = [branch, "--orders", &orders].iter().chain(more).copied().collect();
        json_of(self.tool("sell", &args).as_bytes())
    }

    /// Rows of bare text.
    pub fn sql(&self, database: &str, statement: &str) -> Vec<Vec<String>> {
        let rows = self.tool("sql", &[database, statement]);
        rows.lines().map(|row| row.split('|').map(str::to_owned).collect()).collect()
    }

    pub fn number(&self, database: &str, statement: &str) -> i64 {
        let rows = self.sql(database, statement);
        rows.first().and_then(|row| row.first()).and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{statement}: {rows:?}"))
    }

    /// A psql that reads statements as they are written to it.
    pub fn psql(&self, database: &str) -> Child {
        let mut command = self.command("sql");
        command.arg(database).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("psql")
    }

    fn client(&self, database: &str, login: &str, password: &str) -> Odoo {
        let target = Target {
            url: self.url().to_owned(),
            database: database.to_owned(),
            login: login.to_owned(),
            timeout: std::time::Duration::from_secs(120),
            protocol: Some(Protocol::XmlRpc),
            ca_pem: None,
        };
        Odoo::new(target, password.to_owned().into(), Known::default()).expect("a client")
    }

    fn lock_clients(&self) -> MutexGuard<'_, HashMap<String, std::sync::Arc<Odoo>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call as the administrator.
    pub fn try_admin<T: DeserializeOwned + Send + 'static>(&self, database: &str, call: &Call) -> Result<T, OdooError> {
        let make = || std::sync::Arc::new(self.client(database, self.fact("ADMIN_USER"), self.fact("ADMIN_PASSWORD")));
        let client = self.lock_clients().entry(database.to_owned()).or_insert_with(make).clone();
        self.runtime.block_on(client.call(call))
    }

    pub fn admin<T: DeserializeOwned + Send + 'static>(&self, database: &str, call: &Call) -> T {
        self.try_admin(database, call).unwrap_or_else(|error| panic!("{}.{} at {database}: {error}", call.model, call.method))
    }

    /// Calls a method on records as the administrator, whatever it answers.
    pub fn act(&self, database: &str, call: &Call) {
        match self.try_admin::<Json>(database, call) {
            Ok(_) | Err(OdooError::DoneWithoutResult) => {}
            Err(error) => panic!("{}.{} at {database}: {error}", call.model, call.method),
        }
    }

    pub fn write(&self, database: &str, model: &'static str, ids: &[i64], values: Json) {
        self.act(database, &Call::new(model, "write").on(ids).arg("vals", values));
    }

    /// Creates a record as an import does (`create` itself takes no arguments by name).
    pub fn create(&self, database: &str, model: &'static str, values: &[(&str, &str)], context: &[(&'static str, Json)]) -> i64 {
        let (fields, row): (Vec<&str>, Vec<&str>) = values.iter().copied().unzip();
        let call = Call::new(model, "load").arg("fields", json!(fields)).arg("data", json!([row]));
        let call = context.iter().fold(call, |call, (key, value)| call.context(key, value.clone()));
        let loaded: Json = self.admin(database, &call);
        loaded["ids"][0].as_i64().unwrap_or_else(|| panic!("{model} at {database}: {loaded}"))
    }

    pub fn search(&self, database: &str, model: &'static str, domain: Json) -> Vec<i64> {
        self.admin(database, &Call::new(model, "search").arg("domain", domain).with_archived())
    }

    /// The sales orders that bear an external id of the bridge.
    pub fn bound(&self) -> BTreeMap<String, i64> {
        let rows = self.sql("central", "select name, res_id from ir_model_data where module = '__posbridge' and model = 'sale.order'");
        rows.into_iter().map(|row| (row[0].clone(), row[1].parse().expect("an id"))).collect()
    }

    /// Asserts that so many orders stand at central, each with its one external id.
    pub fn assert_drafts(&self, expected: usize) {
        let bound = self.bound();
        let drafts = self.number("central", "select count(*) from sale_order where client_order_ref ~ '^branch[0-9]/'");
        let held = self.number(
            "central",
            "select count(distinct s.id) from sale_order s join ir_model_data d on d.model = 'sale.order' and d.module = '__posbridge' and d.res_id = s.id",
        );
        assert_eq!(
            (bound.len(), drafts, held),
            (expected, expected as i64, expected as i64),
            "external ids, drafts, drafts with an external id"
        );
    }

    /// Everything at central that a draft could show a change by.
    pub fn fingerprint(&self) -> Vec<Vec<String>> {
        self.sql(
            "central",
            "select 'order', max(id), count(*), max(write_date), sum(amount_total) from sale_order
             union all select 'line', max(id), count(*), max(write_date), sum(price_total) from sale_order_line
             union all select 'message', max(id), count(*), max(write_date), 0 from mail_message
             union all select 'follower', max(id), count(*), null, 0 from mail_followers
             union all select 'partner', max(id), count(*), max(write_date), 0 from res_partner
             union all select 'external id', max(id), count(*), max(write_date), 0 from ir_model_data",
        )
    }

    /// Log-ins of the bridge's user that the database wrote down.
    pub fn logins(&self, database: &str) -> i64 {
        self.number(database, "select count(*) from res_users_log l join res_users u on u.id = l.create_uid where u.login = 'bridge'")
    }

    /// The number of the next transaction that writes, in the whole PostgreSQL.
    pub fn next_write(&self) -> i64 {
        self.number("postgres", "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    }

    /// Compares the branches' orders with the drafts; gives what was found, and whether it is clean.
    pub fn compare_any(&self, bridge: &Bridge, more: &[&str]) -> (bool, Json) {
        let config = bridge.config.to_string_lossy().into_owned();
        let args: Vec<&str> = ["--state-config", &config].iter().chain(more).copied().collect();
        let output = self.output("compare", &args);
        assert!(!output.stdout.is_empty(), "compare: {}", text(&output.stderr));
        (output.status.success(), json_of(&output.stdout))
    }

    /// Asserts that so many orders of the branches stand at central, each exactly as it was sold.
    pub fn compare(&self, bridge: &Bridge, orders: usize, more: &[&str]) -> Json {
        let (clean, found) = self.compare_any(bridge, more);
        let bad = ["missing", "extra", "different"].map(|key| (key, found[key].clone()));
        assert!(clean, "central differs from the branches: {bad:#?}");
        assert_eq!(found["orders"], json!(orders), "orders compared");
        found
    }
}

/// How a database is called: `$POSBRIDGE_LIVE_PROTOCOL` everywhere, else branch2 over XML-RPC and the others over JSON-2.
pub fn protocol_of(database: &str) -> &'static str {
    static EVERYWHERE: LazyLock<Option<Protocol>> = LazyLock::new(|| {
        let code = std::env::var("POSBRIDGE_LIVE_PROTOCOL").ok()?;
        Some(Protocol::parse(&code).unwrap_or_else(|| panic!("POSBRIDGE_LIVE_PROTOCOL is xmlrpc or json2, not {code:?}")))
    });
    EVERYWHERE.unwrap_or(if database == "branch2" { Protocol::XmlRpc } else { Protocol::Json2 }).code()
}

/// What lets the user `bridge` in at a database: a password, or the API key that JSON-2 takes.
pub fn secret<'r>(rig: &'r Rig, database: &str) -> &'r str {
    let key = format!("{}_API_KEY", database.to_uppercase());
    let password = if database == "central" { "CENTRAL_PASSWORD" } else { "BRANCH_PASSWORD" };
    rig.fact(if protocol_of(database) == "json2" { &key } else { password })
}

/// A bridge with its own settings and state.
pub struct Bridge {
    directory: TempDir,
    pub config: PathBuf,
    owners: BTreeMap<String, BTreeMap<String, String>>,
    passwords: BTreeMap<String, String>,
}

/// How a run of the binary ended.
#[derive(Debug)]
pub struct Run {
    pub status: Option<i32>,
    pub json: Json,
    pub out: String,
    pub err: String,
}

impl Bridge {
    /// Settings for branches of the rig, everything reached through `url`.
    pub fn new(rig: &Rig, url: &str, branches: &[&str]) -> Self {
        let directory = TempDir::new().expect("a directory");
        let quoted = |text: &str| json!(text).to_string();
        let place = |database: &str| {
            let protocol = quoted(protocol_of(database));
            BTreeMap::from(
                [("url", quoted(url)), ("database", quoted(database)), ("user", quoted("bridge")), ("protocol", protocol)]
                    .map(|(key, value)| (key.to_owned(), value)),
            )
        };
        let mut owners = BTreeMap::new();
        let mut passwords = BTreeMap::from([("central".to_owned(), secret(rig, "central").to_owned())]);
        owners.insert("central".to_owned(), place("central"));
        for branch in branches {
            owners.insert((*branch).to_owned(), place(branch));
            passwords.insert((*branch).to_owned(), secret(rig, branch).to_owned());
        }
        let mut bridge = Self { config: directory.path().join("branches.toml"), directory, owners, passwords };
        bridge.set("central", "company", &quoted("My Company (San Francisco)"));
        for branch in branches {
            let settings = [
                ("from", "2021-01-01".to_owned()),
                ("warehouse", quoted("TIR")),
                ("pricelist", quoted("Public Pricelist")),
                ("team", quoted("Point of Sale")),
                ("salesperson", quoted("anna@example.com")),
                ("rounding", "{ product = \"POS-ROUND\", limit = \"0.05\" }".to_owned()),
                ("shops", "[\"Furniture Shop\", \"Garden Shop\"]".to_owned()),
                ("customer", quoted(&format!("Walk-in Branch {}", branch.trim_start_matches("branch")))),
                ("salespeople", "{ anna = \"anna@example.com\" }".to_owned()),
            ];
            for (key, value) in settings {
                bridge.set(branch, key, &value);
            }
        }
        bridge
    }

    /// A bridge for both branches, ready to run.
    pub fn ready(rig: &Rig, url: &str) -> Self {
        let mut bridge = Self::new(rig, url, &BRANCHES);
        bridge.install();
        bridge
    }

    /// A setting of `central` or a branch, as TOML; empty = none.
    pub fn set(&mut self, owner: &str, key: &str, value: &str) {
        let settings = self.owners.get_mut(owner).unwrap_or_else(|| panic!("no {owner}"));
        if value.is_empty() {
            settings.remove(key);
        } else {
            settings.insert(key.to_owned(), value.to_owned());
        }
    }

    pub fn password(&mut self, owner: &str, password: &str) {
        self.passwords.insert(owner.to_owned(), password.to_owned());
    }

    /// Writes the file.
    pub fn save(&self) {
        let mut file = std::fs::File::create(&self.config).expect("branches.toml");
        writeln!(file, "state = \"state\"").expect("branches.toml");
        for (owner, settings) in &self.owners {
            let table = if owner == "central" { owner.clone() } else { format!("branch.{owner}") };
            writeln!(file, "[{table}]").expect("branches.toml");
            for (key, value) in settings {
                writeln!(file, "{key} = {value}").expect("branches.toml");
            }
        }
    }

    /// Writes the file and seals the passwords.
    pub fn install(&mut self) {
        self.save();
        for (owner, password) in &self.passwords {
            self.seal(&["secret", "set", owner], password);
        }
    }

    /// Seals a password by the command line given.
    pub fn seal(&self, args: &[&str], password: &str) {
        let mut command = self.command(args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("posbridge");
        writeln!(child.stdin.take().expect("its input"), "{password}").expect("its input");
        let output = child.wait_with_output().expect("posbridge");
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    }

    pub fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// The bridge forgets everything, passwords and all, and is set up anew.
    pub fn forget(&mut self) {
        std::fs::remove_dir_all(self.state()).expect("the state");
        self.install();
    }

    /// The same bridge once more, with a copy of its state.
    pub fn copied(&self) -> Self {
        let directory = TempDir::new().expect("a directory");
        let status = Command::new("cp").arg("-a").arg(self.state()).arg(directory.path()).status().expect("cp");
        assert!(status.success(), "the state is copied");
        let config = directory.path().join("branches.toml");
        let bridge = Self { directory, config, owners: self.owners.clone(), passwords: self.passwords.clone() };
        bridge.save();
        bridge
    }

    /// A hash of what the ledger holds on the disk.
    pub fn ledger(&self) -> String {
        let mut hash = Sha256::new();
        for name in ["posbridge.sqlite", "posbridge.sqlite-wal"] {
            hash.update(name);
            hash.update(std::fs::read(self.state().join(name)).unwrap_or_default());
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_posbridge"));
        command.arg("--config").arg(&self.config).args(args).stdin(Stdio::null()).env_remove("POSBRIDGE_KEY_FILE");
        command
    }

    /// Starts it and does not wait.
    pub fn spawn(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("posbridge")
    }

    /// Runs it to its end, with `--json`.
    pub fn run(&self, args: &[&str]) -> Run {
        let all: Vec<&str> = ["--json"].iter().chain(args).copied().collect();
        Run::of(self.command(&all).output().expect("posbridge"))
    }

    /// Runs it as a person does.
    pub fn say(&self, args: &[&str]) -> Run {
        Run::of(self.command(args).output().expect("posbridge"))
    }

    pub fn receive(&self) -> Run {
        self.run(&["receive"])
    }

    /// Receives until nothing waits; gives the number of passes.
    pub fn settle(&self, most: usize) -> usize {
        for pass in 1..=most {
            let run = self.receive();
            if run.status == Some(0) {
                return pass;
            }
            assert_eq!(run.status, Some(3), "{run:?}");
            assert!(pass < most, "still waiting after {most} passes: {run:?}");
        }
        most
    }

    /// The records of the log.
    pub fn log(&self, more: &[&str]) -> Vec<Json> {
        let args: Vec<&str> = ["log"].iter().chain(more).copied().collect();
        let run = self.run(&args).expect(0);
        run.json["records"].as_array().cloned().unwrap_or_default()
    }

    /// The record of an order.
    pub fn record(&self, branch: &str, order: i64) -> Json {
        let records = self.log(&["--branch", branch]);
        let found: Vec<&Json> = records.iter().filter(|record| record["remote_id"] == json!(order)).collect();
        assert_eq!(found.len(), 1, "{branch} {order} has one record");
        found[0].clone()
    }
}

impl Run {
    pub fn of(output: Output) -> Self {
        let out = text(&output.stdout);
        Self { status: output.status.code(), json: serde_json::from_str(&out).unwrap_or_default(), out, err: text(&output.stderr) }
    }

    /// Asserts the exit status.
    pub fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "{self:#?}");
        self
    }

    pub fn branch(&self, code: &str) -> &Json {
        let found = self.json["branches"].as_array().into_iter().flatten().find(|branch| branch["branch"] == json!(code));
        found.unwrap_or_else(|| panic!("no {code} in {self:?}"))
    }

    pub fn count(&self, code: &str, what: &str) -> usize {
        self.branch(code)[what].as_u64().unwrap_or_else(|| panic!("no {what} in {self:?}")) as usize
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn json_of(bytes: &[u8]) -> Json {
    serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{error}: {}", text(bytes)))
}

/// The ids in an answer of the seller.
pub fn ids(sold: &Json, key: &str) -> Vec<i64> {
    sold[key].as_array().into_iter().flatten().filter_map(Json::as_i64).collect()
}
