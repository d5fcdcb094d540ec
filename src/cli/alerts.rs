//! `posbridge alerts`: what needs somebody, and whether the news of it arrive.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;

use super::{Context, Failure, Status, print};
use crate::alerts::{Desk, Refusal, Sender, Way, test_message};
use crate::config::Config;
use crate::store::Store;

/// Show what needs somebody, and try the ways by which people are told
///
/// The daemon tells people by the ways of [alerts] in branches.toml: once when something begins, once when it is over.
#[derive(Debug, Args)]
#[command(after_help = "Example: posbridge alerts test")]
pub struct Alerts {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show what is open, as the daemon last saw it
    #[command(after_help = "Example: posbridge alerts list")]
    List,
    /// Send a test message by each way of [alerts]
    #[command(after_help = "Example: posbridge alerts test")]
    Test,
}

/// How a try of one way ended.
#[derive(Debug, Serialize)]
struct Tried {
    way: &'static str,
    address: String,
    sent: bool,
    cause: Option<&'static str>,
    message: Option<String>,
    next_step: Option<String>,
}

impl Alerts {
    pub async fn execute(self, context: &Context) -> Result<Status, Failure> {
        let config = context.config()?;
        match self.action {
            Action::List => list(&config, context.json),
            Action::Test => test(&config, context.json).await,
        }
    }
}

async fn test(config: &Config, json: bool) -> Result<Status, Failure> {
    if config.alerts.mail.is_none() && config.alerts.webhook.is_none() {
        let file = config.file.display();
        return Err(Failure::Other(format!("{file} names no way to tell anybody. Write [alerts.mail] or [alerts.webhook] into it first")));
    }
    let store = Store::open(&config.state)?;
    let mut tried = Vec::new();
    for (way, sender) in Sender::all(&config.alerts, &store) {
        let one = tried_now(config, way, sender).await;
        if !json {
            say(&one)?;
        }
        tried.push(one);
    }
    if json {
        print::json(&serde_json::json!({ "ways": tried }))?;
    }
    Ok(if tried.iter().all(|one| one.sent) { Status::Done } else { Status::SomeWait })
}

async fn tried_now(config: &Config, way: Way, sender: Result<Sender, Refusal>) -> Tried {
    let message = test_message(config.central.endpoint.place(), way, Timestamp::now());
    let ended = match sender {
        Ok(sender) => sender.deliver(&message).await,
        Err(refusal) => Err(refusal),
    };
    let refusal = ended.err();
    Tried {
        way: way.as_str(),
        address: Sender::address(&config.alerts, way),
        sent: refusal.is_none(),
        cause: refusal.as_ref().map(Refusal::cause),
        message: refusal.as_ref().map(Refusal::what),
        next_step: refusal.as_ref().map(Refusal::next_step),
    }
}

fn say(tried: &Tried) -> Result<(), Failure> {
    let Tried { way, address, .. } = tried;
    match (&tried.message, &tried.next_step) {
        (Some(message), Some(next_step)) => print::line(&format!("{way}: NOT SENT to {address}. {message} {next_step}")),
        _ => print::line(&format!("{way}: sent to {address}")),
    }
}

fn list(config: &Config, json: bool) -> Result<Status, Failure> {
    let desk = Desk::load(&config.state);
    let open: Vec<_> = desk.open().collect();
    if json {
        let entry = |episode: &&crate::alerts::Episode| {
            serde_json::json!({
                "key": episode.key, "branch": episode.branch, "about": episode.about, "since": episode.since,
                "text": episode.text, "next_step": episode.next_step, "told": episode.told.keys().collect::<Vec<_>>(),
            })
        };
        print::json(&serde_json::json!({ "alerts": open.iter().map(entry).collect::<Vec<_>>() }))?;
    } else if open.is_empty() {
        print::line("Nothing needs anybody, as far as the daemon has seen.")?;
    }
    if !json {
        for (index, episode) in open.iter().enumerate() {
            if index > 0 {
                print::line("")?;
            }
            let told: Vec<&str> = episode.told.keys().map(|way| way.as_str()).collect();
            let told = if told.is_empty() { "nobody was told".to_owned() } else { format!("told by {}", told.join(" and ")) };
            print::paragraph(0, &format!("{}, since {}, {told}", episode.about, print::moment(episode.since)))?;
            print::paragraph(2, &episode.text)?;
            print::paragraph(2, &format!("Next step: {}", episode.next_step))?;
        }
    }
    Ok(if open.is_empty() { Status::Done } else { Status::SomeWait })
}
