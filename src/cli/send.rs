//! `posbridge send`: master data from central to the branches, now or queued.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::{Context, Failure, Status, branches_named, print};
use crate::config::{Branch, Choose, Selection, parse_domain};
use crate::master_data::Action;
use crate::model::Kind;
use crate::problem::clean;
use crate::sync::{Bridge, FieldReport, ItemReport, SendReport, SendRequest, searched, send};

/// Records named for each branch; the rest is in `--json` and in the log.
const SHOWN: usize = 60;

/// Fields of a record that are named.
const FIELDS: usize = 8;

/// Longest text of one value.
const VALUE: usize = 40;

/// Send products, customers, taxes, payment methods and pricelists from central to branches
///
/// Without a choice what branches.toml chooses under [branch.CODE.send] is compared with what each branch has, and what
/// differs is sent. --dry-run shows the same list and writes nothing. What a branch that does not answer was to get by
/// hand is queued and goes with the next posbridge send.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: posbridge send tirana --dry-run\n         posbridge send --changed\n         posbridge send tirana durres --products --ref PB-001 --ref PB-002\n         posbridge send tirana --customers --domain \"[('category_id.name', '=', 'Shop')]\" --queue"
)]
pub struct Send {
    /// Codes of branches; none = all that are enabled
    #[arg(value_name = "BRANCH")]
    branches: Vec<String>,
    /// Products, with what they need
    #[arg(long)]
    products: bool,
    /// Customers
    #[arg(long)]
    customers: bool,
    /// Sales taxes
    #[arg(long)]
    taxes: bool,
    /// POS payment methods
    #[arg(long)]
    payment_methods: bool,
    /// Pricelists with their rules
    #[arg(long)]
    pricelists: bool,
    /// Only what changed at central since the last send
    #[arg(long, conflicts_with_all = ["id", "reference", "search", "domain"])]
    changed: bool,
    /// Records by their id at central
    #[arg(long, value_name = "N")]
    id: Vec<i64>,
    /// Products by Internal Reference or barcode, customers by reference, the others by name
    #[arg(long = "ref", value_name = "CODE", id = "reference")]
    reference: Vec<String>,
    /// Records whose name, reference or barcode contains this
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Records that fit this domain of Odoo
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// Show what would change, field by field, and write nothing
    #[arg(long, conflicts_with_all = ["queue", "now"])]
    dry_run: bool,
    /// Queue what is shown, for the next posbridge send; what the branch changes until then is not written over by that
    /// one but compared anew by the one after
    #[arg(long, conflicts_with = "now")]
    queue: bool,
    /// Queue nothing for a branch that does not answer
    #[arg(long)]
    now: bool,
    /// Archive what is gone at central, however much it is
    #[arg(long)]
    accept_gone: bool,
}

#[derive(Debug, Serialize)]
struct Document<'r> {
    branches: &'r [SendReport],
    central_calls: u64,
}

impl Send {
    pub async fn execute(self, context: &Context) -> Result<Status, Failure> {
        let config = context.config()?;
        let branches = branches_named(&config, &self.branches)?;
        let kinds = self.kinds();
        let by_hand = self.by_hand(&kinds)?;
        let branches = concerned(branches, &self.branches, &kinds, by_hand.is_some(), &config)?;
        let request = SendRequest {
            by_hand,
            kinds,
            changed: self.changed,
            dry_run: self.dry_run,
            queue: self.queue,
            now_or_never: self.now,
            accept_gone: self.accept_gone,
            ..SendRequest::default()
        };
        let bridge = Arc::new(if self.dry_run { Bridge::rehearsal(config)? } else { Bridge::open(config, "send")? });
        let central = Arc::new(bridge.central()?);
        let reports = send(&bridge, &central, &branches, &request).await;
        let remembered = if self.dry_run { Ok(()) } else { central.remember(&bridge) };
        if context.json {
            print::json(&Document { branches: &reports, central_calls: central.cost().calls })?;
        } else {
            show(&reports, self.dry_run)?;
        }
        remembered?;
        Ok(status(&reports))
    }

    fn kinds(&self) -> BTreeSet<Kind> {
        let flags = [
            (self.products, Kind::Product),
            (self.customers, Kind::Customer),
            (self.taxes, Kind::Tax),
            (self.payment_methods, Kind::PaymentMethod),
            (self.pricelists, Kind::Pricelist),
        ];
        flags.into_iter().filter(|(flag, _)| *flag).map(|(_, kind)| kind).collect()
    }

    /// What is chosen by hand; `None` = the settings choose.
    fn by_hand(&self, kinds: &BTreeSet<Kind>) -> Result<Option<BTreeMap<Kind, Selection>>, Failure> {
        let mut choice: Vec<Choose> = self.reference.iter().cloned().map(Choose::Reference).collect();
        if !self.id.is_empty() {
            choice.push(Choose::Domain(json!([["id", "in", self.id]])));
        }
        if let Some(domain) = &self.domain {
            choice.push(Choose::Domain(parse_domain(domain).map_err(|reason| Failure::Other(format!("--domain: the domain {reason}")))?));
        }
        if choice.is_empty() && self.search.is_none() {
            return Ok(None);
        }
        let kind = match kinds.iter().copied().collect::<Vec<_>>().as_slice() {
            [kind] => *kind,
            _ => {
                let text = "Say of which kind: exactly one of --products, --customers, --taxes, --payment-methods, --pricelists goes with --id, --ref, --search and --domain";
                return Err(Failure::Other(text.to_owned()));
            }
        };
        choice.extend(self.search.as_deref().map(|text| Choose::Domain(searched(kind, text))));
        Ok(Some(BTreeMap::from([(kind, Selection { choice, ..Selection::default() })])))
    }
}

/// The branches that get something: those named, else those whose settings choose something.
fn concerned(
    branches: Vec<Branch>,
    named: &[String],
    kinds: &BTreeSet<Kind>,
    by_hand: bool,
    config: &crate::config::Config,
) -> Result<Vec<Branch>, Failure> {
    if by_hand {
        if named.is_empty() {
            return Err(Failure::Other(
                "Name the branches: what is chosen by hand goes to nobody unasked. Example: posbridge send tirana --products --ref PB-001"
                    .to_owned(),
            ));
        }
        return Ok(branches);
    }
    let chooses = |branch: &&Branch| {
        let own = &branch.send.kinds;
        if kinds.is_empty() { !own.is_empty() } else { kinds.iter().any(|kind| own.contains_key(kind)) }
    };
    // A branch without settings of its own may still have something in its queue.
    let concerned: Vec<Branch> = if named.is_empty() { branches.iter().filter(chooses).cloned().collect() } else { branches.clone() };
    let none = if named.is_empty() { concerned.is_empty() } else { !kinds.is_empty() && !branches.iter().any(|branch| chooses(&branch)) };
    if none {
        let table = kinds.iter().next().map_or("products", |kind| kind.table());
        return Err(Failure::Other(format!(
            "{} chooses nothing to send. Write a table [branch.CODE.send.{table}], or choose by hand, e.g. posbridge send CODE --products --ref PB-001",
            config.file.display()
        )));
    }
    Ok(concerned)
}

/// Prints what a pass of sending found and did.
pub fn show(reports: &[SendReport], dry_run: bool) -> Result<(), Failure> {
    let headings = match dry_run {
        true => ["BRANCH", "COMPARED", "EQUAL", "WOULD CREATE", "WOULD CHANGE", "ARCHIVE", "HELD", "FAILED", "QUEUED"],
        false => ["BRANCH", "COMPARED", "EQUAL", "CREATED", "CHANGED", "ARCHIVED", "HELD", "FAILED", "QUEUED"],
    };
    let mut table = print::table(&headings);
    for report in reports {
        let counts =
            [report.compared, report.equal, report.created, report.changed, report.archived, report.held, report.failed, report.queued];
        table.add_row(std::iter::once(print::cell(&report.branch)).chain(counts.map(|count| print::count(count as u64))));
    }
    print::show(&table)?;
    for report in reports {
        if let (Some(error), Some(next_step)) = (&report.error, &report.next_step) {
            print::line("")?;
            print::paragraph(0, &format!("{}: {error} {next_step}", report.branch))?;
        }
        for problem in &report.problems {
            print::line("")?;
            print::paragraph(0, &format!("{}: {}", report.branch, problem.what))?;
            print::paragraph(2, &problem.next_step)?;
        }
        for note in &report.notes {
            print::line("")?;
            print::paragraph(0, &format!("{}: {note}", report.branch))?;
        }
        if report.changes.is_empty() {
            continue;
        }
        print::line(&format!("\n{}", report.branch))?;
        for item in report.changes.iter().take(SHOWN) {
            show_item(item)?;
        }
        if report.changes.len() > SHOWN {
            print::line(&format!("  and {} more: --json lists all", report.changes.len() - SHOWN))?;
        }
    }
    Ok(())
}

fn show_item(item: &ItemReport) -> Result<(), Failure> {
    let what = format!("{} {} {}", doing(item), item.kind, clean(&item.reference, VALUE * 2));
    // What a new record does not have says little.
    let says = |field: &&FieldReport| field.from.is_some() || !matches!(field.to.as_str(), "no" | "0" | "0.00" | "nothing");
    let all: Vec<&FieldReport> = item.fields.iter().filter(says).collect();
    let mut fields: Vec<String> = all.iter().take(FIELDS).map(|field| told(field)).collect();
    if all.len() > FIELDS {
        fields.push(format!("{} more", all.len() - FIELDS));
    }
    let listed = if fields.is_empty() { String::new() } else { format!(": {}", fields.join(", ")) };
    print::paragraph(2, &format!("{what}{listed}"))?;
    if let Some(problem) = &item.problem {
        print::paragraph(6, &problem.what)?;
        if item.state == "failed" {
            print::paragraph(6, &problem.next_step)?;
        }
    }
    Ok(())
}

/// The state and the action in one word.
fn doing(item: &ItemReport) -> &'static str {
    match (item.state, item.action) {
        ("held", _) => "held",
        ("failed", _) => "failed",
        ("pending", _) => "queued",
        ("done", Action::Create) => "created",
        ("done", Action::Change) => "changed",
        ("done", Action::Archive) => "archived",
        ("done", Action::Remove) => "removed",
        (_, action) => action.as_str(),
    }
}

fn told(field: &FieldReport) -> String {
    let to = clean(&field.to, VALUE);
    let overwrites = if field.overwrites { " (changed at the branch)" } else { "" };
    match &field.from {
        Some(from) => format!("{} {} -> {to}{overwrites}", field.label, clean(from, VALUE)),
        None => format!("{} {to}", field.label),
    }
}

/// Whether anything waits.
pub fn status(reports: &[SendReport]) -> Status {
    let waits =
        |report: &SendReport| report.error.is_some() || !report.problems.is_empty() || report.held + report.failed + report.queued > 0;
    if reports.iter().any(waits) { Status::SomeWait } else { Status::Done }
}
