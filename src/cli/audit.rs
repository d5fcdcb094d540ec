//! `posbridge audit`: why stock and prices drift.

use std::sync::Arc;

use clap::Args;

use super::{Context, Failure, Status, branches_named, print};
use crate::problem::clean;
use crate::sync::{self, AUDIT_DAYS, AUDIT_DAYS_MAX, AuditReport, Bridge, Finding, FindingKind};

/// Findings of one kind that are printed; the others are counted, and stand in `--json`.
const SHOWN: usize = 10;

/// Longest sentence printed of a finding.
const TEXT: usize = 600;

/// Look for what makes stock and prices drift: compares each branch with central and with good practice
///
/// Reads only. Looks at the products sold, prices, taxes, barcodes, stock, sessions and sellers of the last days.
#[derive(Debug, Args)]
#[command(after_help = "Example: posbridge audit\n         posbridge audit tirana --days 7")]
pub struct Audit {
    /// Codes of branches; none = all that are enabled
    #[arg(value_name = "BRANCH")]
    branches: Vec<String>,
    /// Days back from now that are looked at
    #[arg(long, value_name = "DAYS", default_value_t = AUDIT_DAYS, value_parser = clap::value_parser!(u16).range(1..=i64::from(AUDIT_DAYS_MAX)))]
    days: u16,
}

impl Audit {
    pub async fn execute(self, context: &Context) -> Result<Status, Failure> {
        let config = context.config()?;
        let branches = branches_named(&config, &self.branches)?;
        if branches.is_empty() {
            return Err(Failure::Other(format!("{} has no enabled branch. Set enabled = true on those to look at", config.file.display())));
        }
        let bridge = Arc::new(Bridge::open(config, "audit")?);
        let central = bridge.central()?;
        let report = sync::audit(&bridge, &central, &branches, self.days).await?;
        let remembered = central.remember(&bridge);
        if context.json {
            print::json(&report)?;
        } else {
            show(&report)?;
        }
        remembered?;
        Ok(if report.clean() { Status::Done } else { Status::SomeWait })
    }
}

fn show(report: &AuditReport) -> Result<(), Failure> {
    let mut table = print::table(&["BRANCH", "SHOPS", "PRODUCTS SOLD", "FINDINGS"]);
    for branch in &report.branches {
        let counts = [branch.shops, branch.products, branch.findings].map(|number| print::count(number as u64));
        table.add_row(std::iter::once(print::cell(&branch.branch)).chain(counts));
    }
    print::show(&table)?;
    for branch in &report.branches {
        if let (Some(error), Some(next_step)) = (&branch.error, &branch.next_step) {
            print::line("")?;
            print::paragraph(0, &format!("{}: {error} {next_step}", branch.branch))?;
        }
    }
    for kind in FindingKind::ALL {
        let found: Vec<&Finding> = report.findings.iter().filter(|finding| finding.kind == kind).collect();
        let total = found.len() + report.omitted.get(&kind).copied().unwrap_or_default();
        if total > 0 {
            print::line(&format!("\n{} ({total})", kind.heading()))?;
            show_kind(&found, total)?;
        }
    }
    if !report.unchecked.is_empty() {
        print::line("\nCould not be checked")?;
    }
    for unchecked in &report.unchecked {
        let text = format!("{}: {}: {} {}", unchecked.branch, unchecked.check, unchecked.what, unchecked.fix);
        print::paragraph(2, &clean(&text, TEXT))?;
    }
    if report.clean() {
        let days = if report.days == 1 { "day".to_owned() } else { format!("{} days", report.days) };
        print::line(&format!("\nNothing found in the last {days}"))?;
    }
    Ok(())
}

/// The findings of one kind; what is to be done is said once where several have the same to do.
fn show_kind(found: &[&Finding], total: usize) -> Result<(), Failure> {
    let shown = &found[..found.len().min(SHOWN)];
    for (at, finding) in shown.iter().enumerate() {
        let branch = finding.branch.as_deref().unwrap_or("several branches");
        print::paragraph(2, &clean(&format!("{branch}: {}: {}", finding.subject, finding.what), TEXT))?;
        if shown.get(at + 1).is_none_or(|next| next.fix != finding.fix) {
            print::paragraph(4, &clean(&finding.fix, TEXT))?;
        }
    }
    if total > shown.len() {
        print::line(&format!("  and {} more: posbridge audit --json lists them", total - shown.len()))?;
    }
    Ok(())
}
