//! Databases and a state directory that can be put back to how they were, what they hold as text, and the checker: code of
//! its own that looks at the tables and knows nothing of how the program works.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::sync::Mutex;

use posbridge::demo::schema::{self, Kind};
use posbridge::demo::table::Database;
use posbridge::demo::{Branch, Central, Db, OdooServer, Record, Value};
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use crate::place::Place;

/// The branches.
pub const BRANCHES: [&str; 2] = ["tirana", "durres"];

/// What differs from run to run although all is as it should be.
const PASSING: [&str; 6] = ["id", "create_date", "write_date", "__last_update", "display_name", "login_date"];

/// Models that sending writes at a branch.
const MASTER: [&str; 8] = [
    "product.template",
    "product.product",
    "product.category",
    "pos.category",
    "account.tax",
    "res.partner",
    "pos.payment.method",
    "product.pricelist.item",
];

/// Everything goes that has a reference to be known by.
const SEND: &str = "[defaults.send.journals]\n\"Cash\" = \"CSH1\"\n\"Card\" = \"BNK1\"\n[defaults.send.products]\nall = true\n\
    [defaults.send.customers]\ndomain = \"[('ref', '!=', False)]\"\n[defaults.send.taxes]\nall = true\n\
    [defaults.send.payment_methods]\nall = true\n[defaults.send.pricelists]\nall = true\n";

/// A stand-in with a central and branches, and a directory with settings.
pub struct World {
    pub server: OdooServer,
    pub place: Place,
    /// Codes of the branches in use.
    pub codes: Vec<&'static str>,
    /// Login and password everywhere.
    user: &'static str,
    dbs: Mutex<BTreeMap<String, Db>>,
}

/// Everything, as it stood once.
pub struct Beginning {
    databases: Vec<Database>,
    files: TempDir,
}

impl World {
    /// So many branches, nothing sold, no password set.
    pub async fn new(branches: usize) -> Self {
        let server = OdooServer::start().await.expect("a free port");
        let codes = BRANCHES[..branches].to_vec();
        let walk_ins = codes.iter().map(|code| format!("Walk-in {code}")).collect();
        let mut dbs = BTreeMap::from([("central".to_owned(), server.central("central", &Central { walk_ins, ..Central::default() }))]);
        for code in &codes {
            dbs.insert((*code).to_owned(), server.branch(code, &Branch::new(&format!("Shop {code}"))));
        }
        let world = Self { server, place: Place::new(), codes, user: "bridge", dbs: Mutex::new(dbs) };
        let url = world.server.url();
        world.place.write(&world.settings(&url, &url, ""));
        world
    }

    /// With passwords.
    pub async fn sealed(branches: usize) -> Self {
        let world = Self::new(branches).await;
        world.seal();
        world
    }

    /// A central with products that the branch does not have, and a branch that is sent everything.
    pub async fn sending() -> Self {
        let mut world = Self::new(1).await;
        world.user = "sender";
        let central = Central { walk_ins: vec!["Walk-in tirana".to_owned()], products: 4, further: 2, ..Central::default() };
        let branch = Branch { products: 4, ..Branch::new("Shop tirana") };
        let dbs = [("central", world.server.central("central", &central)), ("tirana", world.server.branch("tirana", &branch))];
        *world.dbs.lock().expect("not poisoned") = dbs.into_iter().map(|(name, db)| (name.to_owned(), db)).collect();
        world.branch().close_sessions().expect("closed");
        let url = world.server.url();
        world.place.write(&world.settings(&url, &url, SEND));
        world.seal();
        world
    }

    pub fn seal(&self) {
        for owner in self.codes.iter().copied().chain(["central"]) {
            let sealed = self.place.run_with(&["secret", "set", owner], &format!("{}\n", self.user));
            assert_eq!(sealed.status, 0, "{}", sealed.told());
        }
    }

    /// branches.toml for these addresses; `more` goes into `[defaults]`.
    pub fn settings(&self, central: &str, branch: &str, more: &str) -> String {
        let user = self.user;
        let mut text = format!(
            "state = \"state\"\n[central]\nurl = \"{central}\"\ndatabase = \"central\"\nuser = \"{user}\"\ntimeout = \"5s\"\n\
             [defaults]\nurl = \"{branch}\"\nuser = \"{user}\"\ntimeout = \"5s\"\nfrom = 2020-01-01\nevery = \"1m\"\nwarehouse = \"TIR\"\n\
             rounding = {{ product = \"POS-ROUND\", limit = \"5.00\" }}\n{more}\n"
        );
        for code in &self.codes {
            text.push_str(&format!("[branch.{code}]\ndatabase = \"{code}\"\ncustomer = \"Walk-in {code}\"\n"));
        }
        text
    }

    pub fn db(&self, name: &str) -> Db {
        self.dbs.lock().expect("not poisoned")[name].clone()
    }

    pub fn central(&self) -> Db {
        self.db("central")
    }

    pub fn branch(&self) -> Db {
        self.db(self.codes[0])
    }

    /// Remembers everything.
    pub fn keep(&self) -> Beginning {
        let databases = self.dbs.lock().expect("not poisoned").values().map(|db| db.with(|database| database.clone())).collect();
        let files = tempfile::tempdir().expect("a temporary directory");
        copy_tree(&self.place.path(""), files.path());
        Beginning { databases, files }
    }

    /// Puts everything back.
    pub fn put_back(&self, beginning: &Beginning) {
        let mut dbs = self.dbs.lock().expect("not poisoned");
        for database in &beginning.databases {
            dbs.insert(database.name.clone(), self.server.add(database.clone()));
        }
        self.server.clear_mishaps();
        let directory = self.place.path("");
        empty(&directory);
        copy_tree(beginning.files.path(), &directory);
    }

    pub fn state(&self) -> PathBuf {
        self.place.path("state")
    }

    /// The program, killed at its nth step.
    pub fn killed_at(&self, arguments: &[&str], input: Option<&str>, step: u64) -> Output {
        let mut command = self.place.command(arguments);
        command.env("POSBRIDGE_KILL_AT", step.to_string());
        run(command, input)
    }

    pub fn run(&self, arguments: &[&str], input: Option<&str>) -> Output {
        run(self.place.command(arguments), input)
    }

    /// Calls that wrote something at any database.
    pub fn writes(&self) -> u64 {
        self.server.stats().writes
    }

    /// What central and branches hold, without ids and times.
    pub fn tables(&self) -> Vec<String> {
        let mut told = drafts(&self.central());
        for code in &self.codes {
            for model in MASTER {
                told.extend(records(&self.db(code), model).into_iter().map(|line| format!("{code} {line}")));
            }
        }
        told
    }

    /// What the ledger says, without ids and times.
    pub fn ledger(&self) -> Vec<String> {
        ledger(&self.state())
    }

    /// Bytes of the ledger's files.
    pub fn ledger_bytes(&self) -> Vec<(String, Vec<u8>)> {
        let files = std::fs::read_dir(self.state()).expect("readable").map(|entry| entry.expect("readable").path());
        let ours = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name == "posbridge.sqlite" || name == "posbridge.sqlite-wal"
        };
        let mut bytes: Vec<_> =
            files.filter(ours).map(|path| (path.display().to_string(), std::fs::read(&path).expect("readable"))).collect();
        bytes.retain(|(name, bytes)| !(name.ends_with("-wal") && bytes.is_empty()));
        bytes.sort();
        bytes
    }

    /// What is wrong: every paid order of every branch is at central once, with its total, and nothing else is there.
    pub fn violations(&self) -> Vec<String> {
        let mut drafts: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for draft in self.central().sale_orders() {
            let xid = draft.xid.clone().unwrap_or_else(|| format!("none, id {}", draft.order.id));
            drafts.entry(xid).or_default().push(draft.total().normalize().to_string());
        }
        let mut wrong = Vec::new();
        for code in &self.codes {
            for order in self.db(code).records("pos.order").iter().filter(|order| paid(order)) {
                let xid = format!("__posbridge.{code}-{}-{}", order.id, order.text("uuid"));
                let total = order.amount("amount_total").normalize().to_string();
                match drafts.remove(&xid).as_deref() {
                    Some([one]) if *one == total => {}
                    Some(found) => wrong.push(format!("{xid} of {total} is there as {found:?}")),
                    None => wrong.push(format!("{xid} is not at central")),
                }
            }
        }
        wrong.extend(drafts.keys().map(|xid| format!("{xid} is at central, and at no branch")));
        wrong
    }

    /// Paid orders of all branches.
    pub fn paid(&self) -> usize {
        self.codes.iter().map(|code| self.db(code).records("pos.order").iter().filter(|order| paid(order)).count()).sum()
    }
}

fn paid(order: &Record) -> bool {
    matches!(order.text("state").as_str(), "paid" | "done" | "invoiced")
}

/// What became of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Exit(i32),
    Signal(i32),
}

impl End {
    pub const KILLED: End = End::Signal(9);

    pub fn of(output: &Output) -> Self {
        Self::of_status(output.status)
    }

    pub fn of_status(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => End::Exit(code),
            (None, signal) => End::Signal(signal.unwrap_or_default()),
        }
    }
}

/// All that it said.
pub fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{:?}\n--- out\n{}--- err\n{}", output.status, text(&output.stdout), text(&output.stderr))
}

pub fn run(mut command: Command, input: Option<&str>) -> Output {
    use std::io::Write as _;
    let Some(input) = input else { return command.output().expect("started") };
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().expect("started");
    // It may be dead by now.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    child.wait_with_output().expect("ended")
}

/// The drafts by external id, their lines in order.
fn drafts(central: &Db) -> Vec<String> {
    let mut told = Vec::new();
    for draft in central.sale_orders() {
        let head = fields(central, "sale.order", &draft.order, &["name", "order_line", "access_token", "access_url"]);
        told.push(format!("draft {}: {head}", draft.xid.unwrap_or_default()));
        for (n, line) in draft.lines.iter().enumerate() {
            let reference = draft.order.text("client_order_ref");
            told.push(format!("line {reference} {n}: {}", fields(central, "sale.order.line", line, &["order_id"])));
        }
    }
    told.sort();
    told
}

/// All records of a model, links as what they name.
fn records(db: &Db, model: &str) -> Vec<String> {
    let mut told: Vec<String> = db.records(model).iter().map(|record| format!("{model}: {}", fields(db, model, record, &[]))).collect();
    told.sort();
    told
}

fn fields(db: &Db, model: &str, record: &Record, without: &[&str]) -> String {
    let of = schema::model(model).expect("a model");
    let named = of.fields.iter().filter(|field| !PASSING.contains(&field.name.as_str()) && !without.contains(&field.name.as_str()));
    let told = named.filter_map(|field| {
        let value = match (&field.kind, record.get(&field.name)) {
            (_, Value::Bool(false)) => return None,
            (Kind::Many2one(_), Value::Array(pair)) => pair.get(1).map(Value::python_str).unwrap_or_default(),
            (Kind::One2many(other, _) | Kind::Many2many(other), value) => {
                let mut names: Vec<String> =
                    value.ids().iter().filter_map(|id| db.record(other, *id)).map(|record| record.text("display_name")).collect();
                names.sort();
                names.join("+")
            }
            (_, value) => value.python_str(),
        };
        Some(format!("{}={value}", field.name))
    });
    told.collect::<Vec<_>>().join(" ")
}

/// What a ledger says, without its own ids and times.
pub fn ledger(state: &Path) -> Vec<String> {
    const TABLES: [(&str, &str); 7] = [
        (
            "record",
            "SELECT branch, direction, kind, remote_id, witness, reference, state, unknown, problems, cause, waits_for, content_hash, rows,
             date_order, amount_total, amount_tax, currency, central_id IS NULL, adjusted, reason, has_content FROM record",
        ),
        (
            "attempt",
            // A person may ask twice. A change that was sent and not noted is found equal: that is not told as the change.
            "SELECT branch, remote_id, reference, outcome, attempt.cause, CASE direction WHEN 'send' THEN '' ELSE message END
             FROM attempt JOIN record ON record.id = attempt.record_id WHERE outcome != 'retry'",
        ),
        // Of central only a log-in is kept, and whoever has nothing to write there makes none.
        ("endpoint", "SELECT owner, url, database, login, uid, fields, cursor IS NULL, asked FROM endpoint WHERE owner != 'central'"),
        ("notice", "SELECT branch, cause, problem FROM notice"),
        ("binding", "SELECT branch, model, branch_id, central_id, source FROM binding"),
        ("sent", "SELECT branch, kind, central_id, chosen FROM sent"),
        ("secret", "SELECT owner, field FROM secret"),
    ];
    let db = open(state);
    let mut told = Vec::new();
    for (name, sql) in TABLES {
        let mut query = db.prepare(sql).expect("a table");
        let columns = query.column_count();
        let mut rows = query.query([]).expect("readable");
        while let Some(row) = rows.next().expect("readable") {
            let cell = |n| match row.get_ref(n).expect("a column") {
                rusqlite::types::ValueRef::Null => "-".to_owned(),
                rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                rusqlite::types::ValueRef::Real(number) => number.to_string(),
                rusqlite::types::ValueRef::Text(text) | rusqlite::types::ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned(),
            };
            let cells: Vec<String> = (0..columns).map(cell).collect();
            told.push(without_draft_names(&format!("{name}: {}", cells.join(" | "))));
        }
    }
    told.sort();
    told
}

/// The ledger, past the program; it is whole.
pub fn open(state: &Path) -> Connection {
    let db = Connection::open_with_flags(state.join("posbridge.sqlite"), OpenFlags::SQLITE_OPEN_READ_WRITE).expect("a ledger");
    let whole: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("checked");
    assert_eq!(whole, "ok");
    db
}

/// `S00042` becomes `S*`: which draft gets which number is chance when calls go side by side.
fn without_draft_names(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('S') {
        let digits = rest[at + 1..].chars().take_while(char::is_ascii_digit).count();
        plain.push_str(&rest[..=at]);
        plain.push_str(if digits >= 5 { "*" } else { &rest[at + 1..at + 1 + digits] });
        rest = &rest[at + 1 + digits..];
    }
    plain + rest
}

/// The first lines in which two texts differ; `None` if they are equal.
pub fn difference(wanted: &[String], found: &[String]) -> Option<String> {
    let lacks: Vec<&String> = wanted.iter().filter(|line| !found.contains(line)).take(3).collect();
    let extra: Vec<&String> = found.iter().filter(|line| !wanted.contains(line)).take(3).collect();
    let counts = (wanted.len(), found.len());
    (counts.0 != counts.1 || !lacks.is_empty() || !extra.is_empty())
        .then(|| format!("{counts:?} lines; lacks {lacks:#?}; extra {extra:#?}"))
}

pub fn empty(directory: &Path) {
    for entry in std::fs::read_dir(directory).expect("readable").flatten() {
        let path = entry.path();
        if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) }.expect("ours");
    }
}

/// Copies what is in a directory, with modes.
pub fn copy_tree(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir_all(&target).expect("ours");
            std::fs::set_permissions(&target, entry.metadata().expect("readable").permissions()).expect("ours");
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).expect("copied");
        }
    }
}

/// How many orders are in which state.
pub fn ledger_states(state: &Path) -> BTreeMap<String, usize> {
    let db = open(state);
    let mut query = db.prepare("SELECT state, count(*) FROM record GROUP BY state").expect("a table");
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("readable");
    rows.collect::<Result<_, _>>().expect("readable")
}
