//! `posbridge audit`: why stock and prices drift. Reads the branches and central, and tells what differs between them or
//! from good practice. Writes nothing to any Odoo; of the ledger it only takes what is bound.
//!
//! `branch` and `central` read into [`facts`], `judge` turns facts into findings, `words` has the sentences.

mod branch;
mod central;
mod facts;
mod finding;
mod judge;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use self::branch::Look;
use self::central::Keys;
use self::facts::{BranchFacts, CentralFacts, Span};
pub use self::finding::{Finding, FindingKind, Unchecked};
use self::judge::{Case, judge};
pub use self::words::check_in;
use self::words::unchecked;
use super::bind::configured;
use super::connection::connect_branch;
use super::{Bridge, Central, Halt};
use crate::config::Branch;
use crate::model::{BranchId, BranchProduct, Model, Product, Tax};
use crate::problem::{Problem, Side, Texts};

/// Branches read at one time: each costs a connection and its products in memory (a few MB).
const PARALLEL: usize = 8;

/// Days that are looked at unless others are asked for: what sold at all sells within a month.
pub const DAYS: u16 = 30;

/// Longest span: beyond a year what was sold says nothing about today.
pub const DAYS_MAX: u16 = 366;

/// Most findings of one kind in a report: beyond it the list is no longer read, and the count says enough.
pub const FINDINGS_MAX: usize = 1_000;

/// What an audit found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AuditReport {
    /// The days that were looked at.
    pub days: u16,
    /// A line for each branch, in the order asked.
    pub branches: Vec<BranchAudit>,
    /// By kind, then branch, then subject; at most [`FINDINGS_MAX`] of a kind.
    pub findings: Vec<Finding>,
    /// How many findings of a kind are left out.
    pub omitted: BTreeMap<FindingKind, usize>,
    /// What could not be looked at.
    pub unchecked: Vec<Unchecked>,
    /// Calls to central.
    pub central_calls: u64,
}

/// One branch of an audit.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct BranchAudit {
    /// Its code.
    pub branch: String,
    /// Shops that were looked at.
    pub shops: usize,
    /// Products that were sold.
    pub products: usize,
    /// Findings of this branch alone.
    pub findings: usize,
    /// Calls to the branch, log-ins left out.
    pub calls: u64,
    /// What kept it from being read; `null` = nothing.
    pub error: Option<String>,
    /// Its stable short name.
    pub cause: Option<String>,
    /// Who does what about it.
    pub next_step: Option<String>,
    /// What kept it from being read and who does what about it, as the dashboard says it.
    #[serde(skip)]
    pub texts: Option<Texts>,
}

impl AuditReport {
    /// Whether everything was looked at and nothing was found.
    pub fn clean(&self) -> bool {
        self.findings.is_empty() && self.unchecked.is_empty() && self.branches.iter().all(|branch| branch.error.is_none())
    }
}

/// What was read of a branch, or why not.
struct Read {
    facts: Result<BranchFacts, Problem>,
    unchecked: Vec<Unchecked>,
    calls: u64,
}

/// Looks at these branches, several at once, and at central, over the last `days`.
///
/// # Errors
/// The ledger cannot be used. An Odoo that does not answer is told in the report.
pub async fn audit(bridge: &Arc<Bridge>, central: &Central, branches: &[Branch], days: u16) -> Result<AuditReport, Halt> {
    let now = bridge.clock.now();
    let since = now.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(now);
    let span = Span { days, since, now };
    let mut report = AuditReport { days, ..AuditReport::default() };
    let mut read = read_all(bridge, branches, span).await?;
    for read in &mut read {
        report.unchecked.append(&mut read.unchecked);
    }
    let known = read_central(central, branches, &read, &mut report.unchecked).await;
    let answered = branches.iter().zip(&read).filter_map(|(branch, read)| Some((branch, read.facts.as_ref().ok()?)));
    let cases: Vec<Case<'_>> =
        answered.map(|(branch, facts)| Case { branch, facts, central: known.get(&branch.company).and_then(Option::as_ref) }).collect();
    report.unchecked.extend(cases.iter().filter_map(other_currency));
    report.findings = judge(&cases, span);
    report.branches = branches.iter().zip(&read).map(|(branch, read)| line(branch, read, &report.findings)).collect();
    limit(&mut report);
    report.central_calls = central.cost().calls;
    Ok(report)
}

async fn read_all(bridge: &Arc<Bridge>, branches: &[Branch], span: Span) -> Result<Vec<Read>, Halt> {
    let slots = Arc::new(Semaphore::new(PARALLEL));
    let mut tasks = JoinSet::new();
    for (place, branch) in branches.iter().cloned().enumerate() {
        let (bridge, slots) = (bridge.clone(), slots.clone());
        tasks.spawn(async move {
            let _slot = slots.acquire().await;
            (place, read_branch(&bridge, &branch, span).await)
        });
    }
    let mut read: BTreeMap<usize, Read> = BTreeMap::new();
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok((place, found)) => drop(read.insert(place, found?)),
            Err(stopped) => tracing::error!(error = %stopped, "The audit of a branch broke off"),
        }
    }
    let broken = |place: usize| Read {
        facts: Err(Problem::ReplyBroken { side: Side::Branch(branches[place].code.clone()), reason: "the audit broke off".to_owned() }),
        unchecked: Vec::new(),
        calls: 0,
    };
    Ok((0..branches.len()).map(|place| read.remove(&place).unwrap_or_else(|| broken(place))).collect())
}

async fn read_branch(bridge: &Bridge, branch: &Branch, span: Span) -> Result<Read, Halt> {
    let connection = match connect_branch(bridge, branch) {
        Ok(connection) => connection,
        Err(Halt::Problem(problem)) => return Ok(Read { facts: Err(problem), unchecked: Vec::new(), calls: 0 }),
        Err(halt) => return Err(halt),
    };
    let mut look = Look::new(&connection, branch, span);
    let mut facts = look.read().await;
    let unchecked = std::mem::take(&mut look.unchecked);
    // Each log-in writes a row at the branch.
    connection.remember(&bridge.store, None)?;
    if let Ok(facts) = &mut facts {
        let code = branch.code.clone();
        let products: Vec<i64> = facts.products.iter().flatten().map(|goods| goods.id).collect();
        let taxes: Vec<i64> = facts.taxes.iter().flatten().map(|tax| tax.id.get()).collect();
        let bound = bridge
            .store
            .run(move |store| Ok((store.bindings(&code, Product::NAME, &products)?, store.bindings(&code, Tax::NAME, &taxes)?)));
        let (products, taxes) = bound.await?;
        let at_central = |(id, (central, _)): (i64, (i64, String))| (id, central);
        facts.bound_products = products.into_iter().map(at_central).collect();
        facts.bound_taxes = taxes.into_iter().map(at_central).collect();
    }
    Ok(Read { facts, unchecked, calls: connection.odoo.cost().calls })
}

/// Central for each company of the branches: read once for all of them. `None` = it could not be read, which is noted.
async fn read_central(
    central: &Central,
    branches: &[Branch],
    read: &[Read],
    notes: &mut Vec<Unchecked>,
) -> BTreeMap<Option<String>, Option<CentralFacts>> {
    let mut keys: BTreeMap<Option<String>, Keys> = BTreeMap::new();
    for (branch, read) in branches.iter().zip(read) {
        let Ok(BranchFacts { products: Some(products), bound_products, .. }) = &read.facts else { continue };
        let keys = keys.entry(branch.company.clone()).or_default();
        keys.ids.extend(bound_products.values());
        for goods in products {
            let (name, barcode, default_code) = (goods.name.clone(), goods.barcode.clone(), goods.default_code.clone());
            let product = configured(branch, BranchProduct { id: BranchId::new(goods.id), name, barcode, default_code });
            let texts = [product.barcode, product.default_code].into_iter().flatten();
            keys.texts.extend(texts.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()));
        }
    }
    let mut known = BTreeMap::new();
    for (company, keys) in keys {
        let facts = match central::read(central, company.as_deref(), &keys).await {
            Ok(facts) => Some(facts),
            Err(problem) => {
                notes.push(unchecked(Side::CENTRAL, "products, prices, taxes and barcodes against central", &problem));
                None
            }
        };
        known.insert(company, facts);
    }
    known
}

/// Prices in different currencies are not held against each other.
fn other_currency(case: &Case<'_>) -> Option<Unchecked> {
    let central = case.central?;
    if central.currency == case.facts.currency || case.facts.shops.is_empty() {
        return None;
    }
    let problem = Problem::CurrencyDiffers { branch: case.facts.currency.clone(), central: central.currency.clone() };
    Some(unchecked(case.branch.code.as_str(), "prices against central", &problem))
}

fn line(branch: &Branch, read: &Read, findings: &[Finding]) -> BranchAudit {
    let code = branch.code.to_string();
    let found = findings.iter().filter(|finding| finding.branch.as_ref() == Some(&code)).count();
    let base = BranchAudit { branch: code, findings: found, calls: read.calls, ..BranchAudit::default() };
    match &read.facts {
        Ok(facts) => {
            let sold = facts.sold.as_ref().map_or(0, BTreeMap::len);
            BranchAudit { shops: facts.shops.len(), products: sold, ..base }
        }
        Err(problem) => BranchAudit {
            error: Some(problem.what()),
            cause: Some(problem.cause().to_owned()),
            next_step: Some(problem.next_step()),
            texts: Some(Texts::of(|reader| problem.tell(reader))),
            ..base
        },
    }
}

/// Keeps so many findings of each kind, and counts the others.
fn limit(report: &mut AuditReport) {
    let mut counts: BTreeMap<FindingKind, usize> = BTreeMap::new();
    report.findings.retain(|finding| {
        let count = counts.entry(finding.kind).or_default();
        *count += 1;
        *count <= FINDINGS_MAX
    });
    report.omitted =
        counts.into_iter().filter(|(_, count)| *count > FINDINGS_MAX).map(|(kind, count)| (kind, count - FINDINGS_MAX)).collect();
}
