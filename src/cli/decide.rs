//! `posbridge retry` and `posbridge ignore`: what a person decides.

use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;

use super::receive::{pass, report};
use super::{Context, Failure, Status, branches_named, log, print};
use crate::store::{Entry, Filter, State, Store, StoreError};
use crate::sync::{Bridge, Request};

/// Which records.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Which {
    /// Numbers of records, as posbridge log shows them
    #[arg(value_name = "ID")]
    ids: Vec<i64>,
    /// All that wait in this branch
    #[arg(long, value_name = "BRANCH")]
    branch: Option<String>,
    /// All that wait for this cause, e.g. product_not_found
    #[arg(long, value_name = "CAUSE")]
    cause: Option<String>,
}

/// Try records again, now
///
/// When the record is written after a fix, all others that wait for the same thing are tried as well.
#[derive(Debug, Args)]
#[command(after_help = "Example: posbridge retry 42\n         posbridge retry --cause product_not_found\n         posbridge retry --all")]
pub struct Retry {
    #[command(flatten)]
    which: Which,
    /// All that wait
    #[arg(long, group = "Which")]
    all: bool,
    /// Also records that are done, whose draft was deleted at central: write it again
    #[arg(long, requires = "ids")]
    recreate: bool,
}

/// End waiting records without writing them to central
#[derive(Debug, Args)]
#[command(after_help = "Example: posbridge ignore 42 --reason \"test sale of the installer\"")]
pub struct Ignore {
    #[command(flatten)]
    which: Which,
    /// Why, for whoever reads the log later
    #[arg(long, value_name = "REASON")]
    reason: String,
}

impl Which {
    fn filter(self) -> Filter {
        Filter { ids: self.ids, branch: self.branch, cause: self.cause, ..Filter::default() }
    }
}

impl Retry {
    pub async fn execute(self, context: &Context) -> Result<Status, Failure> {
        let config = context.config()?;
        let store = Store::open_existing(&config.state)?;
        let filter = self.which.filter();
        let ids = filter.ids.clone();
        let whole_branch = filter.branch.clone().filter(|_| filter.cause.is_none() && ids.is_empty());
        refuse_unknown(&store, &ids)?;
        branches_named(&config, filter.branch.as_slice())?;
        refuse_done(&store, &ids, self.recreate)?;
        let retried = store.retry(&filter, self.recreate, Timestamp::now())?;
        let mut notice_ended = false;
        if let Some(branch) = whole_branch.as_deref().and_then(|code| config.branch(code)) {
            // Who retries a whole branch has seen what was wrong with it.
            notice_ended = store.branch_problems()?.iter().any(|(owner, _)| owner == branch.code.as_str());
            store.set_branch_problem(&branch.code, None)?;
        }
        if notice_ended && !context.json {
            print::line("The notice about this branch is ended")?;
        }
        if retried.is_empty() {
            return if notice_ended && !context.json { Ok(Status::Done) } else { nothing(context.json) };
        }
        let concerned: Vec<_> =
            config.branches.iter().filter(|branch| retried.iter().any(|entry| entry.branch == branch.code.as_str())).cloned().collect();
        let bridge = match Bridge::open(config, "retry") {
            Ok(bridge) => Arc::new(bridge),
            Err(StoreError::Locked(held)) => {
                let text = format!("{} records will be tried by the posbridge at work ({})", retried.len(), held.by);
                if context.json {
                    print::json(&serde_json::json!({ "retried": retried.len(), "by": held.by }))?
                } else {
                    print::line(&text)?
                }
                return Ok(Status::SomeWait);
            }
            Err(error) => return Err(error.into()),
        };
        let central = Arc::new(bridge.central()?);
        let request = Request { deliver_only: true, ..Request::default() };
        let mut reports = pass(&bridge, &central, &concerned, &request).await;
        // One fix releases what waits in other branches as well.
        let counts = bridge.store.counts()?;
        let waits = |branch: &&crate::config::Branch| counts.get(branch.code.as_str()).is_some_and(|counts| counts.pending > 0);
        let others: Vec<_> = bridge
            .config
            .branches
            .iter()
            .filter(|branch| !concerned.iter().any(|c| c.code == branch.code))
            .filter(waits)
            .cloned()
            .collect();
        if !others.is_empty() {
            reports.extend(pass(&bridge, &central, &others, &request).await);
        }
        let status = report(&bridge.store, &central, &reports, false, context.json)?;
        central.remember(&bridge)?;
        Ok(status)
    }
}

/// A number that nobody has is a slip of the hand, and silence would look like success.
fn refuse_unknown(store: &Store, ids: &[i64]) -> Result<(), Failure> {
    for id in ids {
        if store.show(*id)?.is_none() {
            return Err(Failure::Other(format!("There is no record {id}; nothing was done. posbridge log lists them")));
        }
    }
    Ok(())
}

/// What is done is not sent again, unless a person says that he means it.
fn refuse_done(store: &Store, ids: &[i64], recreate: bool) -> Result<(), Failure> {
    if recreate || ids.is_empty() {
        return Ok(());
    }
    let done = store.log(&Filter { ids: ids.to_vec(), state: Some(State::Done), ..Filter::default() })?;
    match done.first() {
        None => Ok(()),
        Some(Entry { id, central_name, .. }) => Err(Failure::Other(format!(
            "Record {id} is done: it is {} at central. If that draft was deleted there and is wanted again: posbridge retry {id} --recreate",
            central_name.as_deref().unwrap_or("a draft")
        ))),
    }
}

fn nothing(json: bool) -> Result<Status, Failure> {
    if json {
        print::json(&serde_json::json!({ "branches": [] }))?
    } else {
        print::line("No record that waits fits; nothing was done")?
    }
    Ok(Status::Done)
}

impl Ignore {
    pub fn execute(self, context: &Context) -> Result<Status, Failure> {
        if self.reason.trim().is_empty() {
            return Err(Failure::Other("Give a reason: who reads the log later will ask. Example: --reason \"test sale\"".to_owned()));
        }
        let config = context.config()?;
        let store = Store::open_existing(&config.state)?;
        let filter = self.which.filter();
        refuse_unknown(&store, &filter.ids)?;
        let ignored = store.ignore(&filter, self.reason.trim(), Timestamp::now())?;
        if ignored.is_empty() {
            return nothing(context.json);
        }
        if context.json {
            print::json(&serde_json::json!({ "records": ignored.iter().map(log::Record::from).collect::<Vec<_>>() }))?;
        } else {
            print::line(&format!("Ignored {} records; posbridge retry takes them up again", ignored.len()))?;
        }
        Ok(Status::Done)
    }
}
