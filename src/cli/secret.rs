//! `posbridge secret`: passwords go in here and never come out.

use std::io::{BufRead as _, IsTerminal as _, Read as _};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;

use super::{Context, Failure, Status, branches_named, print};
use crate::config::{Alerts, Config};
use crate::secret::{KeyRing, bound};
use crate::store::{Lock, Sealed, Store, daemon};

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
    #[command(
        after_help = "Example: posbridge secret set tirana\n         pass show tirana | posbridge secret set tirana\n         posbridge secret set tirana --next"
    )]
    Set {
        /// central, the code of a branch, smtp (the mail server of alerts) or webhook (its token)
        owner: String,
        /// Keep it beside the one in use, and change to it by itself when that one is refused
        #[arg(long)]
        next: bool,
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
    /// When the one was set that waits to take its place.
    next_set_at: Option<String>,
}

impl Secret {
    pub fn execute(self, context: &Context) -> Result<Status, Failure> {
        let config = context.config()?;
        match self.action {
            Action::Set { owner, next } => set(&config, &owner, next, context.json),
            Action::List => list(&config, context.json),
            Action::Rotate => rotate(&config, context.json),
        }
    }
}

/// What a password is for: the address and the user it is sealed to.
struct Account {
    url: String,
    user: String,
}

fn account(config: &Config, owner: &str) -> Result<Account, Failure> {
    let lacks = |text: String| Failure::Other(format!("{}: {text}", config.file.display()));
    match owner {
        Alerts::MAIL_OWNER => {
            let mail = config.alerts.mail.as_ref().ok_or_else(|| lacks("there is no [alerts.mail]; write it first".to_owned()))?;
            let user = mail.user.clone().ok_or_else(|| lacks("[alerts.mail] has no `user`, so there is no log-in".to_owned()))?;
            Ok(Account { url: mail.address(), user })
        }
        Alerts::WEBHOOK_OWNER => {
            let webhook = config.alerts.webhook.as_ref().ok_or_else(|| lacks("there is no [alerts.webhook]; write it first".to_owned()))?;
            Ok(Account { url: webhook.url.clone(), user: String::new() })
        }
        _ => {
            let central = owner == "central";
            let endpoint =
                if central { config.central.endpoint.clone() } else { branches_named(config, &[owner.to_owned()])?.remove(0).endpoint };
            Ok(Account { url: endpoint.url, user: endpoint.user })
        }
    }
}

fn set(config: &Config, owner: &str, next: bool, json: bool) -> Result<Status, Failure> {
    let account = account(config, owner)?;
    let store = Store::open(&config.state)?;
    if next && [Alerts::MAIL_OWNER, Alerts::WEBHOOK_OWNER].contains(&owner) {
        return Err(Failure::Other(format!("--next is for the passwords of Odoos. Type: posbridge secret set {owner}")));
    }
    if next && store.secret(owner, Sealed::PASSWORD)?.is_none() {
        return Err(Failure::Other(format!(
            "{owner} has no password yet whose place another could take. Type: posbridge secret set {owner}"
        )));
    }
    let keys = KeyRing::load(&config.state)?;
    let password = ask(owner, &account.user)?;
    let field = if next { Sealed::NEXT } else { Sealed::PASSWORD };
    let sealed = keys.seal(owner, field, &bound(&account.url, &account.user), &password)?;
    store.put_secrets(&[Sealed { owner: owner.to_owned(), field: field.to_owned(), sealed, updated_at: Timestamp::now() }])?;
    if json {
        print::json(&listed(&store.secrets()?, owner))?;
    } else {
        print::line(&match owner {
            _ if next => format!(
                "Sealed. The bridge changes to it when {owner} refuses the one in use; until then that one goes on: posbridge secret list"
            ),
            Alerts::MAIL_OWNER => format!("The password of {} at the mail server is sealed. Try it: posbridge alerts test", account.user),
            Alerts::WEBHOOK_OWNER => "The token of the webhook is sealed. Try it: posbridge alerts test".to_owned(),
            _ => format!("The password of {} at {owner} is sealed. Try it: posbridge check", account.user),
        })?;
    }
    Ok(Status::Done)
}

/// The password, from the terminal without echo or from the first line of standard input.
fn ask(owner: &str, user: &str) -> Result<SecretString, Failure> {
    if std::io::stdin().is_terminal() { prompt(owner, user) } else { first_line(owner) }
}

/// The password from the terminal, without echo.
pub fn prompt(owner: &str, user: &str) -> Result<SecretString, Failure> {
    let prompt = match owner {
        Alerts::MAIL_OWNER => format!("Password of {user} at the mail server: "),
        Alerts::WEBHOOK_OWNER => "Token of the webhook: ".to_owned(),
        _ => format!("Password or API key of {user} at {owner}: "),
    };
    fit(owner, rpassword::prompt_password(prompt)?)
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

fn listed(sealed: &[Sealed], owner: &str) -> Listed {
    let set_at = |field: &str| sealed.iter().find(|s| s.owner == owner && s.field == field).map(|s| s.updated_at.to_string());
    Listed { owner: owner.to_owned(), set_at: set_at(Sealed::PASSWORD), next_set_at: set_at(Sealed::NEXT) }
}

fn list(config: &Config, json: bool) -> Result<Status, Failure> {
    let sealed = Store::open(&config.state)?.secrets()?;
    let mail = config.alerts.mail.as_ref().and_then(|mail| mail.user.as_ref()).map(|_| Alerts::MAIL_OWNER);
    let is_set = |owner: &str| sealed.iter().any(|sealed| sealed.owner == owner);
    let webhook = config.alerts.webhook.as_ref().filter(|webhook| webhook.has_secret() || is_set(Alerts::WEBHOOK_OWNER));
    let ways = mail.into_iter().chain(webhook.map(|_| Alerts::WEBHOOK_OWNER));
    let owners = std::iter::once("central").chain(config.branches.iter().map(|branch| branch.code.as_str())).chain(ways);
    let listed: Vec<Listed> = owners.map(|owner| listed(&sealed, owner)).collect();
    if json {
        print::json(&serde_json::json!({ "secrets": listed }))?;
    } else {
        let mut table = print::table(&["FOR", "PASSWORD"]);
        for Listed { owner, .. } in &listed {
            let set = |field: &str| sealed.iter().find(|s| s.owner == *owner && s.field == field).map(|s| print::moment(s.updated_at));
            let text = set(Sealed::PASSWORD).map_or(format!("not set: posbridge secret set {owner}"), |at| format!("set on {at}"));
            let text = text + &set(Sealed::NEXT).map(|at| format!("; the next one on {at}")).unwrap_or_default();
            table.add_row([owner, &text]);
        }
        print::show(&table)?;
    }
    Ok(if listed.iter().all(|l| l.set_at.is_some()) { Status::Done } else { Status::SomeWait })
}

/// At every step each password can be opened with a key in the file: the new key is added, the passwords are sealed
/// again in one transaction, and only then the old key goes.
fn rotate(config: &Config, json: bool) -> Result<Status, Failure> {
    let _lock = Lock::rotation(&config.state)?;
    if let Some(held) = daemon(&config.state) {
        // systemd gave it a copy of the key when it started; with that it could open nothing any more.
        return Err(Failure::Other(format!(
            "The daemon is at work ({}) and keeps the key that it started with. Stop it (systemctl stop posbridge), rotate, start it again",
            held.by
        )));
    }
    let store = Store::open(&config.state)?;
    let old = KeyRing::load(&config.state)?;
    let new = KeyRing::add_new_active(old.path())?;
    let mut sealed = store.secrets()?;
    for secret in &mut sealed {
        // A password of a branch that is no longer in the file keeps its old seal; it cannot be used anyway.
        let Ok(account) = account(config, &secret.owner) else { continue };
        let bound = bound(&account.url, &account.user);
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
