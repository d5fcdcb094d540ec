//! `posbridge retry` and `posbridge ignore`: what a person decides.

use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;

use super::{Context, Failure, Status, branches_named, log, print, receive, send};
use crate::config::Branch;
use crate::problem::Problem;
use crate::store::{Direction, Entry, Filter, State, Store};
use crate::sync::{self, Bridge, Central, Report, Request, SendReport, SendRequest};

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
/// When an order is written after a fix, all others that wait for the same thing are tried as well. Of a record that is
/// sent, central's values are then written, whatever the branch has changed.
#[derive(Debug, Args)]
#[command(after_help = "Example: posbridge retry 42\n         posbridge retry --cause product_not_found\n         posbridge retry --all")]
pub struct Retry {
    #[command(flatten)]
    which: Which,
    /// All that wait
    #[arg(long, group = "Which")]
    all: bool,
    /// Also orders that are done, whose draft was deleted at central: write it again. By number, or with --cause
    /// draft_lost all that vanished when central was put back to a backup
    #[arg(long)]
    recreate: bool,
}

/// End waiting records: an order is not written to central, a branch keeps what it has of master data
///
/// A record that was to be sent is left as the branch has it until it changes at central. Of an order that was written, and
/// deleted, cancelled or edited at central since, it says that this is right so.
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
        if self.recreate && ids.is_empty() && filter.cause.as_deref() != Some(Problem::DRAFT_LOST) {
            return Err(Failure::Other(
                "--recreate is for orders named by number, or for those that vanished together: --cause draft_lost. Nothing was done"
                    .to_owned(),
            ));
        }
        let whole_branch = filter.branch.clone().filter(|_| filter.cause.is_none() && ids.is_empty());
        refuse_unknown(&store, &ids)?;
        branches_named(&config, filter.branch.as_slice())?;
        refuse_done(&store, &ids, self.recreate)?;
        refuse_forgotten(&store, &ids)?;
        let retried = store.retry(&filter, self.recreate, Timestamp::now())?;
        let mut notice_ended = false;
        if let Some(branch) = whole_branch.as_deref().and_then(|code| config.branch(code)) {
            // Who retries a whole branch has seen what was wrong with it.
            notice_ended = store.end_notices(&branch.code)?;
        }
        if notice_ended && !context.json {
            print::line("The notice about this branch is ended")?;
        }
        if retried.is_empty() {
            return if notice_ended && !context.json { Ok(Status::Done) } else { nothing(context.json) };
        }
        let bridge = Arc::new(Bridge::open(config, "retry")?);
        let central = Arc::new(bridge.central()?);
        let orders = concerned(&bridge, &retried, Direction::Receive);
        let reports = if orders.is_empty() { Vec::new() } else { deliver(&bridge, &central, &orders).await? };
        let masters = concerned(&bridge, &retried, Direction::Send);
        let sent = sync::send(&bridge, &central, &masters, &SendRequest::only_the_queue()).await;
        // What was done is told, whatever the disk says to one line more.
        let remembered = central.remember(&bridge);
        if context.json {
            receive::document(&central, &reports, Some(&sent))?;
        } else {
            show(&bridge.store, &reports, &sent)?;
        }
        remembered?;
        Ok(if receive::status(&reports) == Status::Done { send::status(&sent) } else { Status::SomeWait })
    }
}

/// The branches of records of a direction, in the order of the settings.
fn concerned(bridge: &Bridge, retried: &[Entry], direction: Direction) -> Vec<Branch> {
    let has = |branch: &&Branch| retried.iter().any(|entry| entry.direction == direction && entry.branch == branch.code.as_str());
    bridge.config.branches.iter().filter(has).cloned().collect()
}

/// Writes what is due to central: of these branches, then of the others where the same fix has released something.
async fn deliver(bridge: &Arc<Bridge>, central: &Arc<Central>, concerned: &[Branch]) -> Result<Vec<Report>, Failure> {
    let request = Request { deliver_only: true, ..Request::default() };
    let mut reports = receive::pass(bridge, central, concerned, &request).await;
    let counts = bridge.store.waiting(Direction::Receive)?;
    let released = |branch: &&Branch| counts.get(branch.code.as_str()).is_some_and(|counts| counts.pending > 0);
    let known = |branch: &&Branch| concerned.iter().any(|known| known.code == branch.code);
    let others: Vec<Branch> = bridge.config.branches.iter().filter(|branch| !known(branch)).filter(released).cloned().collect();
    if !others.is_empty() {
        reports.extend(receive::pass(bridge, central, &others, &request).await);
    }
    Ok(reports)
}

/// A table for each direction that something was retried in.
fn show(store: &Store, reports: &[Report], sent: &[SendReport]) -> Result<(), Failure> {
    if !reports.is_empty() {
        receive::show(store, reports, false)?;
    }
    if !reports.is_empty() && !sent.is_empty() {
        print::line("")?;
    }
    if sent.is_empty() { Ok(()) } else { send::show(sent, false) }
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

/// What is done is not sent again, unless a person says that he means it; what was sent is compared by each pass.
fn refuse_done(store: &Store, ids: &[i64], recreate: bool) -> Result<(), Failure> {
    if ids.is_empty() {
        return Ok(());
    }
    let of_these = Filter { ids: ids.to_vec(), ..Filter::default() };
    if recreate && let Some(sent) = store.log(&Filter { direction: Some(Direction::Send), ..of_these.clone() })?.first() {
        return Err(Failure::Other(format!(
            "Record {} is a {} that is sent to a branch: --recreate is for orders. posbridge send {} compares it again",
            sent.id,
            log::kind(sent),
            sent.branch
        )));
    }
    let done = store.log(&Filter { state: Some(State::Done), ..of_these })?;
    match done.first().filter(|_| !recreate) {
        None => Ok(()),
        Some(entry) if entry.direction == Direction::Send => Err(Failure::Other(format!(
            "Record {} is done: {}. posbridge send {} compares it again",
            entry.id,
            log::message(entry).trim_end_matches('.'),
            entry.branch
        ))),
        Some(Entry { id, central_name, .. }) => Err(Failure::Other(format!(
            "Record {id} is done: it is {} at central. If that draft was deleted there and is wanted again: posbridge retry {id} --recreate",
            central_name.as_deref().unwrap_or("a draft")
        ))),
    }
}

/// Of an order whose content is no longer kept, nothing can be written.
fn refuse_forgotten(store: &Store, ids: &[i64]) -> Result<(), Failure> {
    for id in ids {
        let Some((entry, payload, _)) = store.show(*id)? else { continue };
        if log::is_forgotten(&entry, &payload) {
            return Err(Failure::Other(format!(
                "Record {id} cannot be written again: what was sold is no longer kept, since the order was finished longer ago than \
                 [retention] in branches.toml says. Nothing was done. Receipt {} at {} has it; enter it at central by hand if it is needed",
                entry.reference, entry.branch
            )));
        }
    }
    Ok(())
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
            let written = ignored.iter().filter(|entry| entry.direction == Direction::Receive && entry.state == State::Done).count();
            let orders = ignored.iter().filter(|entry| entry.direction == Direction::Receive).count() - written;
            let again = "; posbridge retry ID takes up one again";
            let told = [
                (orders, "not written to central", again),
                (ignored.len() - orders - written, "the branch keeps what it has until central changes", again),
                (written, "what became of it at central is right so, and posbridge reconcile says so from now on", ""),
            ];
            for (count, meaning, again) in told.into_iter().filter(|(count, ..)| *count > 0) {
                let records = if count == 1 { "record" } else { "records" };
                print::line(&format!("Ignored {count} {records}: {meaning}{again}"))?;
            }
        }
        Ok(Status::Done)
    }
}
