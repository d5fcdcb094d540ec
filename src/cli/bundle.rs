//! `posbridge support-bundle`: one JSON document for whoever helps from afar.
//!
//! What may be in it is listed, never what may not: times, numbers, switches, states and causes of our own, and branch
//! codes. Every other text of the settings stands as `text 1`, `text 2`, equal texts alike; names, addresses, logins,
//! receipts, payloads and sealed passwords do not leave the ledger at all.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::{Context, Failure, Status, print};
use crate::config::{Complaint, Config, ConfigError};
use crate::model::BranchCode;
use crate::store::{Store, StoreError, last_passes};

/// Largest ledger that is read through: a minute's reading on a slow disk.
const CHECKED_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// Lines of the journal: some days of a quiet bridge, an hour of a troubled one.
const LINES: &str = "500";
/// The most of the journal that is read, in bytes, and how long that may take.
const JOURNAL_MAX: u64 = 8 * 1024 * 1024;
const JOURNAL_TIME: Duration = Duration::from_secs(10);

/// Most files that are listed: those of some hundred branches.
const FILES_MAX: usize = 500;

/// Keys whose texts say nothing about anybody.
const SHOWN: &[&str] = &[
    "timeout",
    "every",
    "cron",
    "timezone",
    "receive",
    "invoiced",
    "unknown_customer",
    "match_products",
    "overlap",
    "limit",
    "payloads",
    "attempts",
];

/// Tables whose keys are names at a branch.
const NAMED: &[&str] = &["salespeople", "taxes", "products"];

/// Fields of a line of the journal: the line of the source tells the words.
const FIELDS: &[&str] = &["PRIORITY", "TARGET", "CODE_FILE", "CODE_LINE", "BRANCH", "CAUSE", "ATTEMPT", "DURATION_MS"];

/// Write what helps others to help: versions, settings, counts and causes, without secrets and personal data
///
/// Names, addresses and logins stand as text 1, text 2 and so on; receipts and their content are left out.
#[derive(Debug, Args)]
#[command(after_help = "Example: posbridge support-bundle bundle.json\n         posbridge support-bundle | less")]
pub struct SupportBundle {
    /// A new file; else it is printed
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

impl SupportBundle {
    pub fn execute(self, context: &Context) -> Result<Status, Failure> {
        let file = Config::find(context.config.clone())?;
        let bundle = bundle(&file, Timestamp::now());
        let Some(target) = self.file else {
            print::json(&bundle)?;
            return Ok(Status::Done);
        };
        let text = serde_json::to_string_pretty(&bundle).map_err(|error| Failure::Other(error.to_string()))?;
        let written = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&target);
        written.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
            Failure::Other(format!("{} cannot be written: {error}. Name a new file where this user may write", target.display()))
        })?;
        if context.json {
            print::json(&json!({ "file": target, "bytes": text.len() }))?;
        } else {
            print::line(&format!(
                "{} is written, {} KiB. Look through it before you send it",
                target.display(),
                text.len().div_ceil(1024)
            ))?;
        }
        Ok(Status::Done)
    }
}

fn bundle(file: &Path, now: Timestamp) -> Value {
    let mut names = Names::default();
    let (settings, config) = settings(file, &mut names);
    // With settings that cannot be read, the place of the ledger is not known either.
    let ledger = config.as_ref().map(|config| ledger(&config.state));
    let passes =
        config.as_ref().map(|config| config.branches.iter().map(|branch| last_passes(&config.state, &branch.code)).collect::<Vec<_>>());
    let files = config.as_ref().map(|config| files(&config.state, &mut names));
    json!({
        "made_at": now,
        "posbridge": env!("CARGO_PKG_VERSION"),
        "system": system(config.as_ref().map(|config| config.state.as_path())),
        "settings": settings,
        "ledger": ledger,
        "last_passes": passes,
        "files": files,
        "journal": journal(),
    })
}

fn system(state: Option<&Path>) -> Value {
    let line = |file: &str, begins: &str| {
        let text = std::fs::read_to_string(file).ok()?;
        text.lines().find_map(|line| line.strip_prefix(begins)).map(|rest| rest.trim().trim_matches('"').to_owned())
    };
    let zone = TimeZone::system();
    let room = state.and_then(|state| rustix::fs::statvfs(state).ok()).map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    json!({
        "os": line("/etc/os-release", "PRETTY_NAME="),
        "kernel": line("/proc/sys/kernel/osrelease", ""),
        "arch": std::env::consts::ARCH,
        "cpus": std::thread::available_parallelism().map(std::num::NonZero::get).ok(),
        "memory": line("/proc/meminfo", "MemTotal:"),
        "timezone": zone.iana_name(),
        "under_systemd": std::env::var_os("INVOCATION_ID").is_some(),
        "bytes_free_on_the_disk": room,
    })
}

/// The settings as written, and as read if they are valid.
fn settings(file: &Path, names: &mut Names) -> (Value, Option<Config>) {
    let loaded = Config::load(file);
    let complaints = match &loaded {
        Ok(_) => Vec::new(),
        Err(ConfigError::Wrong { complaints, .. }) => complaints.iter().map(complaint).collect(),
        Err(_) => vec![json!({ "text": "the file cannot be read" })],
    };
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let written = text.parse::<toml::Table>().map(|table| names.table("", &table)).unwrap_or_default();
    (json!({ "complaints": complaints, "written": written }), loaded.ok())
}

/// A complaint without what it quotes.
fn complaint(complaint: &Complaint) -> Value {
    let unquoted: Vec<&str> = complaint.text.split('"').step_by(2).collect();
    json!({ "line": complaint.line, "column": complaint.column, "text": unquoted.join("…") })
}

/// Stand-ins for texts, numbered as they come; equal texts have one.
#[derive(Default)]
struct Names(HashMap<String, usize>);

impl Names {
    fn text(&mut self, text: &str) -> Value {
        let next = self.0.len() + 1;
        Value::String(format!("text {}", self.0.entry(text.to_owned()).or_insert(next)))
    }

    fn table(&mut self, name: &str, table: &toml::Table) -> Value {
        if NAMED.contains(&name) {
            return json!({ "entries": table.len() });
        }
        let mut shown = Map::new();
        for (key, value) in table {
            let is_plain =
                key.len() <= BranchCode::MAX_LEN && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            let label = if is_plain { key.clone() } else { self.text(key).as_str().unwrap_or_default().to_owned() };
            shown.insert(label, self.value(key, value));
        }
        Value::Object(shown)
    }

    fn value(&mut self, key: &str, value: &toml::Value) -> Value {
        match value {
            toml::Value::Table(table) => self.table(key, table),
            toml::Value::Array(items) => items.iter().map(|item| self.value(key, item)).collect(),
            toml::Value::String(text) if key == "url" => self.address(text),
            toml::Value::String(text) if SHOWN.contains(&key) && is_plain_setting(text) => json!(text),
            toml::Value::String(text) => self.text(text),
            toml::Value::Integer(number) => json!(number),
            toml::Value::Float(number) => json!(number),
            toml::Value::Boolean(flag) => json!(flag),
            toml::Value::Datetime(at) => json!(at.to_string()),
        }
    }

    /// Scheme, port and kind of the host; which one it is stays here.
    fn address(&mut self, text: &str) -> Value {
        let Ok(url) = reqwest::Url::parse(text) else { return json!("no address") };
        let host = url.host_str().unwrap_or_default();
        let kind = match host.trim_matches(['[', ']']).parse::<std::net::IpAddr>() {
            Ok(address) if address.is_loopback() => "loopback",
            Ok(_) => "address",
            Err(_) if host == "localhost" => "loopback",
            Err(_) => "name",
        };
        json!({ "scheme": url.scheme(), "host": self.text(host), "kind": kind, "port": url.port(), "has_path": url.path().len() > 1 })
    }
}

/// Whether a text is a length of time, a cron line, a zone or one of the words of the settings.
fn is_plain_setting(text: &str) -> bool {
    text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric() || " */,-_.+".contains(c))
}

fn ledger(state: &Path) -> Value {
    let read = || -> Result<Value, StoreError> {
        let store = Store::open_existing(state)?;
        let mut portrait = store.portrait()?;
        portrait["sound"] = match store.bytes_used()? {
            bytes if bytes > CHECKED_MAX => json!("not checked: too large"),
            _ => json!(store.check_sound().map_or_else(|error| without(&error, state), |()| "yes".to_owned())),
        };
        Ok(portrait)
    };
    read().unwrap_or_else(|error| json!({ "error": without(&error, state) }))
}

/// What is wrong with a ledger, without where it is.
fn without(error: &StoreError, state: &Path) -> String {
    error.to_string().replace(&state.display().to_string(), "STATE")
}

fn files(state: &Path, names: &mut Names) -> Vec<Value> {
    let ours = ["posbridge.sqlite", "pass-", "send-", "secret.key", "lock", "daemon", "rotate", "rehearsal-"];
    let mut found: Vec<_> = std::fs::read_dir(state).into_iter().flatten().flatten().collect();
    found.sort_by_key(std::fs::DirEntry::file_name);
    let told = found.iter().take(FILES_MAX).filter_map(|file| {
        let name = file.file_name().to_string_lossy().into_owned();
        let metadata = file.metadata().ok()?;
        let shown = if ours.iter().any(|begin| name.starts_with(begin)) { json!(name) } else { names.text(&name) };
        let modified = metadata.modified().ok().and_then(|at| Timestamp::try_from(at).ok());
        Some(json!({
            "name": shown, "bytes": metadata.len(), "mode": format!("{:o}", metadata.permissions().mode() & 0o7777), "modified_at": modified,
        }))
    });
    told.collect()
}

/// The last lines of the service in the journal, as far as this user may read them.
fn journal() -> Option<Vec<Value>> {
    let mut child = Command::new("journalctl")
        .args(["--unit", "posbridge", "--lines", LINES, "--output", "json", "--no-pager", "--quiet"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let out = child.stdout.take()?;
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = out.take(JOURNAL_MAX).read_to_end(&mut text);
        // Nobody waits any longer if it took too long.
        let _ = sender.send(text);
    });
    let text = receiver.recv_timeout(JOURNAL_TIME).unwrap_or_default();
    let _ = child.kill();
    let _ = child.wait();
    Some(String::from_utf8_lossy(&text).lines().filter_map(journal_line).collect())
}

/// When, how grave, which line of the source, which branch, which cause.
fn journal_line(line: &str) -> Option<Value> {
    let entry: Map<String, Value> = serde_json::from_str(line).ok()?;
    let mut shown = Map::new();
    let micros = entry.get("__REALTIME_TIMESTAMP").and_then(Value::as_str).and_then(|text| text.parse().ok());
    shown.insert("at".to_owned(), json!(micros.and_then(|micros| Timestamp::from_microsecond(micros).ok())));
    for field in FIELDS {
        let plain = |text: &&str| text.len() <= 80 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_:./-".contains(&b));
        if let Some(text) = entry.get(*field).and_then(Value::as_str).filter(plain) {
            shown.insert(field.to_lowercase(), json!(text));
        }
    }
    Some(Value::Object(shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_journal_is_told_without_its_words() {
        let line = r#"{"__REALTIME_TIMESTAMP":"1795263432000000","MESSAGE":"Mirela Canary owes 5","PRIORITY":"4","BRANCH":"tirana",
            "CAUSE":"product_not_found","CODE_FILE":"src/sync/pass.rs","CODE_LINE":"12","POS_ORDER":"2601-1-000001","TARGET":"posbridge::sync Mirela"}"#;
        let told = journal_line(&line.replace('\n', " ")).unwrap();
        let expected = json!({
            "at": "2026-11-21T12:17:12Z", "priority": "4", "branch": "tirana", "cause": "product_not_found", "code_file": "src/sync/pass.rs",
            "code_line": "12",
        });
        assert_eq!(told, expected);
        assert!(journal_line("no JSON").is_none());
    }

    #[test]
    fn a_complaint_is_told_without_what_it_quotes() {
        let text = "branch \"tirana\": `products.\"Mirela Canary\"` is empty".to_owned();
        assert_eq!(complaint(&Complaint { line: 3, column: 4, text })["text"], "branch …: `products.…` is empty");
    }
}
