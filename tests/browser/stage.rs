//! A central and three branches as stand-ins, the real daemon between them, and people who may sign in.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use posbridge::demo::{Branch, Central, Db, OdooServer};

use crate::browser::{Browser, Look, free_port};

/// A password that is good enough.
pub const PASSWORD: &str = "correct horse battery";

pub const CODES: [&str; 3] = ["tirana", "durres", "vlora"];

pub struct Stage {
    _server: OdooServer,
    pub central: Db,
    pub branches: Vec<Db>,
    pub url: String,
    directory: tempfile::TempDir,
    daemon: Child,
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

impl Stage {
    /// Tirana sells an article that central lacks.
    pub async fn set() -> Self {
        let server = OdooServer::start().await.expect("a server");
        let walk_ins = vec!["Walk-in".to_owned()];
        let central = server.central("central", &Central { products: 20, walk_ins, ..Central::default() });
        let branch = |code: &&str| server.branch(code, &Branch { products: if *code == "tirana" { 21 } else { 20 }, ..Branch::new(code) });
        let branches: Vec<Db> = CODES.iter().map(branch).collect();
        let directory = tempfile::tempdir().expect("a directory");
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o700)).expect("ours");
        let port = free_port();
        let mut settings = format!(
            "[dashboard]\nlisten = \"127.0.0.1:{port}\"\n\n[central]\nurl = \"{url}\"\ndatabase = \"central\"\nuser = \"bridge\"\n\n\
             [defaults]\nurl = \"{url}\"\nuser = \"sender\"\nfrom = 2020-01-01\ncustomer = \"Walk-in\"\nevery = \"1h\"\n\
             rounding = {{ product = \"POS-ROUND\", limit = \"1.00\" }}\n",
            url = server.url()
        );
        for code in CODES {
            settings.push_str(&format!("\n[branch.{code}]\nname = \"The shop of {code}\"\ndatabase = \"{code}\"\n"));
        }
        std::fs::write(directory.path().join("branches.toml"), settings).expect("written");
        for owner in ["central", "tirana", "durres", "vlora"] {
            let password = if owner == "central" { "bridge" } else { "sender" };
            typed(directory.path(), &["secret", "set", owner], password);
        }
        for role in ["viewer", "operator", "admin"] {
            typed(directory.path(), &["user", "add", role, "--role", role], PASSWORD);
        }
        let log = std::fs::File::create(directory.path().join("daemon.log")).expect("a log");
        let daemon = command(directory.path(), &["run"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("started");
        let stage = Self { _server: server, central, branches, url: format!("http://127.0.0.1:{port}"), directory, daemon };
        stage.wait_for_port(port).await;
        stage
    }

    async fn wait_for_port(&self, port: u16) {
        let began = Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            let log = || std::fs::read_to_string(self.directory.path().join("daemon.log")).unwrap_or_default();
            assert!(began.elapsed() < Duration::from_secs(20), "no dashboard:\n{}", log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// A browser in which somebody has signed in.
    pub async fn browser(&self, look: Look, who: &str) -> Browser {
        let browser = Browser::start(look).await;
        self.sign_in(&browser, who, PASSWORD).await;
        browser.find("form[action='/sign-out']").await;
        browser
    }

    pub async fn sign_in(&self, browser: &Browser, who: &str, password: &str) {
        self.open(browser, "/sign-in").await;
        browser.fill("input[name=login]", who).await;
        browser.fill("input[name=password]", password).await;
        browser.click("main button").await;
    }

    pub async fn open(&self, browser: &Browser, path: &str) {
        browser.open(&format!("{}{path}", self.url)).await;
    }

    /// A command, beside the daemon.
    pub fn command(&self, arguments: &[&str]) -> String {
        typed(self.directory.path(), arguments, "")
    }

    /// Drafts of a branch at central.
    pub fn drafts(&self, code: &str) -> usize {
        let of = format!("__posbridge.{code}-");
        self.central.sale_orders().iter().filter(|draft| draft.xid.as_ref().is_some_and(|xid| xid.starts_with(&of))).count()
    }

    /// Waits until central has so many drafts of a branch.
    pub async fn wait_for_drafts(&self, code: &str, wanted: usize) {
        let began = Instant::now();
        while self.drafts(code) != wanted {
            assert!(began.elapsed() < Duration::from_secs(30), "{} of {wanted} drafts of {code}", self.drafts(code));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn command(directory: &std::path::Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_posbridge"));
    command.args(arguments).current_dir(directory);
    for name in ["POSBRIDGE_CONFIG", "POSBRIDGE_KEY_FILE", "POSBRIDGE_LOG", "CREDENTIALS_DIRECTORY", "http_proxy", "HTTP_PROXY"] {
        command.env_remove(name);
    }
    command
}

fn typed(directory: &std::path::Path, arguments: &[&str], input: &str) -> String {
    let mut command = command(directory, arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    child.stdin.take().expect("piped").write_all(format!("{input}\n").as_bytes()).expect("taken");
    let ended = child.wait_with_output().expect("ended");
    let said = String::from_utf8_lossy(&ended.stdout).into_owned() + &String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.code().is_some_and(|code| code == 0 || code == 3), "posbridge {arguments:?}: {said}");
    said
}
