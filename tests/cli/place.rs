//! A directory with settings, in which the program is run.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use posbridge::demo::{Branch, Central, Db, Item, OdooServer, Sale};
use tempfile::TempDir;

/// What a run of the program came to.
#[derive(Debug)]
pub struct Ran {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// All that it said, with its exit status: for snapshots.
    pub fn told(&self) -> String {
        let mut told = format!("exit status {}\n", self.status);
        for (name, text) in [("out", &self.out), ("err", &self.err)] {
            if !text.is_empty() {
                told.push_str(&format!("--- {name}\n{text}"));
            }
        }
        told
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in:\n{}", self.told()))
    }
}

/// A settings file and a state directory of its own.
pub struct Place {
    directory: TempDir,
}

impl Place {
    /// An empty directory, without settings.
    pub fn new() -> Self {
        let place = Self { directory: tempfile::tempdir().expect("a temporary directory") };
        // A key is refused in a directory that others can write to.
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(place.directory.path(), std::fs::Permissions::from_mode(0o700)).expect("ours");
        place
    }

    /// With settings.
    pub fn with(settings: &str) -> Self {
        let place = Self::new();
        place.write(settings);
        place
    }

    /// With settings for these addresses and sealed passwords.
    pub fn sealed(central: &str, branch: &str, timeout: &str) -> Self {
        let place = Self::with(&settings(central, branch, timeout));
        place.seal("central");
        place.seal("tirana");
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn write(&self, settings: &str) {
        std::fs::write(self.path("branches.toml"), settings).expect("written");
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_posbridge"));
        command.args(arguments);
        self.settle(&mut command);
        command
    }

    /// Nothing of the machine's own settings reaches the program.
    pub fn settle(&self, command: &mut Command) {
        command.current_dir(self.directory.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for name in ["POSBRIDGE_CONFIG", "POSBRIDGE_KEY_FILE", "POSBRIDGE_LOG", "CREDENTIALS_DIRECTORY"] {
            command.env_remove(name);
        }
        for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env_remove(name);
        }
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        ended(self.command(arguments))
    }

    pub fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).spawn().expect("started");
        child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("taken");
        ran(child.wait_with_output().expect("ended"))
    }

    pub fn seal(&self, owner: &str) {
        let sealed = self.run_with(&["secret", "set", owner], "bridge\n");
        assert_eq!(sealed.status, 0, "{}", sealed.told());
    }

    /// The database, past the program.
    pub fn ledger(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path("state/posbridge.sqlite")).expect("a ledger")
    }

    /// How many records are in a state; the ledger is whole.
    pub fn count(&self, state: &str) -> i64 {
        let ledger = self.ledger();
        let whole: String = ledger.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("checked");
        assert_eq!(whole, "ok");
        ledger.query_row("SELECT count(*) FROM record WHERE state = ?1", [state], |row| row.get(0)).expect("counted")
    }

    /// What was told, without what differs from run to run.
    pub fn plain(&self, told: &str) -> String {
        told.replace(&self.directory.path().display().to_string(), "[DIR]")
    }
}

pub fn ended(mut command: Command) -> Ran {
    ran(command.output().expect("started"))
}

pub fn ran(output: std::process::Output) -> Ran {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ran { status: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// Settings of one central and one branch.
pub fn settings(central: &str, branch: &str, timeout: &str) -> String {
    format!(
        "state = \"state\"\n[central]\nurl = \"{central}\"\ndatabase = \"central\"\nuser = \"bridge\"\ntimeout = \"{timeout}\"\n\
         [branch.tirana]\nurl = \"{branch}\"\ndatabase = \"tirana\"\nuser = \"bridge\"\ntimeout = \"{timeout}\"\nfrom = 2020-01-01\n\
         customer = \"Walk-in Tirana\"\n"
    )
}

/// A stand-in with a central and a branch that has sold.
pub async fn odoo(sales: usize) -> (OdooServer, Db, Db) {
    let server = OdooServer::start().await.expect("a free port");
    let central = server.central("central", &Central::default());
    let tirana = server.branch("tirana", &Branch::new("Tirana Centre"));
    for n in 0..sales {
        let price = (n + 1).to_string();
        tirana.sell(Sale::new().line(Item::new("ART-0004").qty("2").price(&price)).pay("Cash", &(2 * (n + 1)).to_string()));
    }
    (server, central, tirana)
}

/// Compares with what was once found right, without paths, ports, process numbers and times.
#[macro_export]
macro_rules! told {
    ($name:expr, $place:expr, $text:expr) => {
        insta::with_settings!({filters => vec![
            (r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]"),
            (r"process \d+", "process [PID]"),
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[TIME]"),
            (r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)? UTC", "[TIME]"),
            (r"\b\d{4}-1-(\d{6})\b", "YY01-1-$1"),
            (r"[0-9a-f]{8}, which", "[KEY], which"),
            (r" +\d+ ms +", " [MS] "),
            (r"(TOOK|received) +", "$1 "),
            // As wide whatever the number.
            (r"\d+ (s|min) ago +", "[AGO] "),
            (r"\d+ (s|min) ago", "[AGO]"),
        ], omit_expression => true}, { insta::assert_snapshot!($name, $place.plain($text)) })
    };
}
