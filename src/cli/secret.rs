//! `posbridge secret`: passwords go in here and never come out.

use std::io::{BufRead as _, IsTerminal as _, Read as _};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;

use super::{Context, Failure, Status, branches_named, print};
use crate::config::{Config, Endpoint};
use crate::secret::{KeyRing, bound};
use crate::store::{Lock, Sealed, Store};

/// Longest password read: an API key has 40 characters.
const LONGEST: u64 = 1024;

/// Keep the passwords or API keys of central and the branches, sealed
#[derive(Debug, Args)]
#[command(after_help = "Example: posbridge secret set central")]
pub struct Secret {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Set a password: asked for without echo, or read from standard input
    #[command(after_help = "Example: posbridge secret set tirana\n         pass show tirana | posbridge secret set tirana")]
    Set {
        /// central, or the code of a branch
        owner: String,
    },
    /// Show which passwords are set, and since when
    #[command(after_help = "Example: posbridge secret list")]
    List,
    /// Make a new key and seal every password with it
    #[command(after_help = "Example: posbridge secret rotate")]
    Rotate,
}

#[derive(Debug, Serialize)]
struct Listed {
    owner: String,
    set_at: Option<String>,
}

impl Secret {
    pub fn execute(self, context: &Context) -> Result<Status, Failure> {
        let config = context.config()?;
        match self.action {
            Action::Set { owner } => set(&config, &owner, context.json),
            Action::List => list(&config, context.json),
            Action::Rotate => rotate(&config, context.json),
        }
    }
}

fn endpoint(config: &Config, owner: &str) -> Result<Endpoint, Failure> {
    if owner == "central" {
        return Ok(config.central.endpoint.clone());
    }
    Ok(branches_named(config, &[owner.to_owned()])?.remove(0).endpoint)
}

fn set(config: &Config, owner: &str, json: bool) -> Result<Status, Failure> {
    let endpoint = endpoint(config, owner)?;
    let store = Store::open(&config.state)?;
    let keys = KeyRing::load(&config.state)?;
    let password = ask(owner, &endpoint.user)?;
    let sealed = keys.seal(owner, "password", &bound(&endpoint.url, &endpoint.user), &password)?;
    let now = Timestamp::now();
    store.put_secrets(&[Sealed { owner: owner.to_owned(), field: "password".to_owned(), sealed, updated_at: now }])?;
    if json {
        print::json(&Listed { owner: owner.to_owned(), set_at: Some(now.to_string()) })?;
    } else {
        print::line(&format!("The password of {} at {owner} is sealed. Try it: posbridge check", endpoint.user))?;
    }
    Ok(Status::Done)
}

/// The password, from the terminal without echo or from the first line of standard input.
fn ask(owner: &str, user: &str) -> Result<SecretString, Failure> {
    if std::io::stdin().is_terminal() { prompt(owner, user) } else { first_line(owner) }
}

/// The password from the terminal, without echo.
pub fn prompt(owner: &str, user: &str) -> Result<SecretString, Failure> {
    fit(owner, rpassword::prompt_password(format!("Password or API key of {user} at {owner}: "))?)
}

/// The password from the next line of standard input.
pub fn first_line(owner: &str) -> Result<SecretString, Failure> {
    let mut text = String::new();
    std::io::stdin().lock().take(LONGEST + 2).read_line(&mut text)?;
    fit(owner, text.trim_end_matches(['\r', '\n']).to_owned())
}

fn fit(owner: &str, text: String) -> Result<SecretString, Failure> {
    if text.is_empty() || text.len() as u64 > LONGEST {
        return Err(Failure::Other(format!(
            "A password has 1 to {LONGEST} characters; nothing was changed. Type the one of {owner}, or send it on a line of standard input"
        )));
    }
    Ok(text.into())
}

fn list(config: &Config, json: bool) -> Result<Status, Failure> {
    let sealed = Store::open(&config.state)?.secrets()?;
    let owners = std::iter::once("central").chain(config.branches.iter().map(|branch| branch.code.as_str()));
    let listed: Vec<Listed> = owners
        .map(|owner| Listed { owner: owner.to_owned(), set_at: sealed.iter().find(|s| s.owner == owner).map(|s| s.updated_at.to_string()) })
        .collect();
    if json {
        print::json(&serde_json::json!({ "secrets": listed }))?;
    } else {
        let mut table = print::table(&["FOR", "PASSWORD"]);
        for Listed { owner, .. } in &listed {
            let set = sealed.iter().find(|s| s.owner == *owner);
            let text = set.map_or(format!("not set: posbridge secret set {owner}"), |s| format!("set on {}", print::moment(s.updated_at)));
            table.add_row([owner, &text]);
        }
        print::show(&table)?;
    }
    Ok(if listed.iter().all(|l| l.set_at.is_some()) { Status::Done } else { Status::SomeWait })
}

/// At every step each password can be opened with a key in the file: the new key is added, the passwords are sealed
/// again in one transaction, and only then the old key goes.
fn rotate(config: &Config, json: bool) -> Result<Status, Failure> {
    let _lock = Lock::take(&config.state, "secret rotate")?;
    let store = Store::open(&config.state)?;
    let old = KeyRing::load(&config.state)?;
    let new = KeyRing::add_new_active(old.path())?;
    let mut sealed = store.secrets()?;
    for secret in &mut sealed {
        // A password of a branch that is no longer in the file keeps its old seal; it cannot be used anyway.
        let Ok(endpoint) = endpoint(config, &secret.owner) else { continue };
        let bound = bound(&endpoint.url, &endpoint.user);
        let password = old.open(&secret.owner, &secret.field, &bound, &secret.sealed)?;
        secret.sealed = new.seal(&secret.owner, &secret.field, &bound, &password)?;
    }
    store.put_secrets(&sealed)?;
    KeyRing::drop_old(new.path())?;
    if json {
        print::json(&serde_json::json!({ "rotated": sealed.len() }))?;
    } else {
        print::line(&format!("A new key is in use; {} passwords are sealed with it", sealed.len()))?;
    }
    Ok(Status::Done)
}
