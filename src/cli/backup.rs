//! `posbridge backup` and `posbridge restore`: copies of the ledger, made while it is at work and put back.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::{Context, Failure, Status, print};
use crate::config::{Config, Endpoint};
use crate::secret::{KEY_FILE, KeyRing, bound};
use crate::store::{Copied, CopyError, Lock, Store, restore};

/// Copy the ledger into a file while posbridge goes on working
///
/// The copy is checked before the file appears. It holds orders and sealed passwords, but not the key that opens them.
#[derive(Debug, Args)]
#[command(after_help = "Example: posbridge backup /var/backups/posbridge-$(date +%F).sqlite")]
pub struct Backup {
    /// A new file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Put a backup in the place of the ledger; the present one is kept beside it
///
/// No posbridge may be at work. Afterwards the next pass reads again whatever the backup does not know; what central
/// already has is not written twice.
#[derive(Debug, Args)]
#[command(after_help = "Example: posbridge restore /var/backups/posbridge-2026-11-21.sqlite")]
pub struct Restore {
    /// A file that posbridge backup has made
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl From<CopyError> for Failure {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Store(error) => Self::Store(error),
            other => Self::Other(other.to_string()),
        }
    }
}

impl Backup {
    pub fn execute(self, context: &Context) -> Result<Status, Failure> {
        let config = context.config()?;
        let copied = Store::open_existing(&config.state)?.backup(&self.file)?;
        let file = self.file.display();
        if context.json {
            print::json(&json!({ "file": self.file, "bytes": copied.bytes, "records": copied.records, "newest_at": copied.newest }))?;
            return Ok(Status::Done);
        }
        print::line(&format!("{file} is a sound copy of the ledger: {}", told(&copied)))?;
        let own = config.state.join(KEY_FILE);
        let key = if own.exists() { own.display().to_string() } else { "the key file".to_owned() };
        print::paragraph(
            0,
            &format!(
                "The key of the passwords is not in it. Keep a copy of {key} too, in another place than the backups: who has both \
                 has the passwords. Without it, set them again after a restore (posbridge secret set)."
            ),
        )?;
        Ok(Status::Done)
    }
}

impl Restore {
    pub fn execute(self, context: &Context) -> Result<Status, Failure> {
        let config = context.config()?;
        let lock = Lock::alone(&config.state, "restore")?;
        if !self.yes {
            ask(&config, &self.file)?;
        }
        let copied = restore(&lock, &config.state, &self.file, Timestamp::now())?;
        // Restored it is, whatever becomes of the key.
        let (shut, key_error) = match not_opened(&config) {
            Ok(shut) => (shut, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        if context.json {
            print::json(&json!({
                "file": self.file, "records": copied.records, "newest_at": copied.newest, "before": copied.before, "passwords_missing": shut,
                "passwords_not_tried": key_error,
            }))?;
        } else {
            say(&self.file, &copied, &shut, key_error)?;
        }
        Ok(if shut.is_empty() { Status::Done } else { Status::SomeWait })
    }
}

/// Lets a person say yes; nobody at the terminal is a no.
fn ask(config: &Config, file: &std::path::Path) -> Result<(), Failure> {
    let refused = || Failure::Other("Nothing was changed. To restore without being asked: posbridge restore FILE --yes".to_owned());
    if !std::io::stdin().is_terminal() {
        return Err(refused());
    }
    let question =
        format!("Put {} in the place of the ledger in {}? The present one is kept. Type yes: ", file.display(), config.state.display());
    let mut out = std::io::stderr();
    out.write_all(question.as_bytes())?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if answer.trim().eq_ignore_ascii_case("yes") { Ok(()) } else { Err(refused()) }
}

/// Central and branches whose password in the ledger cannot be opened, or is not there.
fn not_opened(config: &Config) -> Result<Vec<String>, Failure> {
    let store = Store::open(&config.state)?;
    let keys = KeyRing::load(&config.state)?;
    let branches = config.branches.iter().filter(|branch| branch.enabled).map(|branch| (branch.code.as_str(), &branch.endpoint));
    let mut shut = Vec::new();
    for (owner, Endpoint { url, user, .. }) in std::iter::once(("central", &config.central.endpoint)).chain(branches) {
        let opened = store.secret(owner, "password")?.and_then(|kept| keys.open(owner, "password", &bound(url, user), &kept.sealed).ok());
        if opened.is_none() {
            shut.push(owner.to_owned());
        }
    }
    Ok(shut)
}

fn say(file: &std::path::Path, copied: &Copied, shut: &[String], key_error: Option<String>) -> Result<(), Failure> {
    print::line(&format!("{} is restored: {}", file.display(), told(copied)))?;
    if let Some(before) = &copied.before {
        print::line(&format!("The ledger that was there is kept: {}", before.display()))?;
    }
    for owner in shut {
        print::line(&format!("The password of {owner} cannot be opened with the key here: posbridge secret set {owner}"))?;
    }
    if let Some(error) = key_error {
        print::paragraph(0, &format!("The passwords in it were not tried: {error}. As the user of the service: posbridge check"))?;
    }
    print::paragraph(
        0,
        "Next: start posbridge again. The first pass reads again what was sold since the backup; what central already has is found \
         there and not written twice. What people decided since then is forgotten: an order that was ignored comes back, and one \
         whose draft was deleted at central is written again.",
    )
}

fn told(copied: &Copied) -> String {
    let newest = copied.newest.map(|at| format!(", the last change on {}", print::moment(at))).unwrap_or_default();
    let records = if copied.records == 1 { "record" } else { "records" };
    format!("{} {records}, {} KiB{newest}", copied.records, copied.bytes.div_ceil(1024))
}
