//! `posbridge check`: would a pass work?

use clap::Args;
use comfy_table::{Cell, Color, Row};

use super::{Context, Failure, Status, branches_named, print};
use crate::problem::clean;
use crate::store::Store;
use crate::sync::{self, Checked, Step, Verdict};

/// Longest text in a cell: the longest sentence of the catalogue with a long name in it.
const TEXT: usize = 800;

/// Look at central and the branches before the first pass: each step, and what to do where one fails
///
/// Nothing is written to any Odoo. Each log-in leaves the line there that every log-in leaves.
#[derive(Debug, Args)]
#[command(after_help = "Example: posbridge check\n         posbridge check tirana")]
pub struct Check {
    /// Codes of branches; none = all that are enabled
    #[arg(value_name = "BRANCH")]
    branches: Vec<String>,
}

impl Check {
    pub async fn execute(self, context: &Context) -> Result<Status, Failure> {
        let config = context.config()?;
        let branches = branches_named(&config, &self.branches)?;
        let store = Store::open(&config.state)?;
        let sides = sync::check(&store, &config, &branches).await?;
        let failed: usize = sides.iter().map(Checked::failed).sum();
        if context.json {
            print::json(&serde_json::json!({ "sides": sides }))?;
        } else {
            for side in &sides {
                show(side)?;
            }
            print::line(&match failed {
                0 if branches.iter().any(|branch| !branch.send.kinds.is_empty()) => {
                    "Ready: posbridge receive --dry-run and posbridge send --dry-run show what a pass would do".to_owned()
                }
                0 => "Ready: posbridge receive --dry-run shows what a pass would do".to_owned(),
                1 => "1 step failed".to_owned(),
                many => format!("{many} steps failed"),
            })?;
        }
        Ok(if failed == 0 { Status::Done } else { Status::SomeWait })
    }
}

fn show(side: &Checked) -> Result<(), Failure> {
    let heading = if side.side == "central" { "Central".to_owned() } else { format!("Branch {}", side.side) };
    print::line(&heading)?;
    let mut table = print::table(&["STEP", "", "WHAT"]);
    for step in &side.steps {
        table.add_row(row(step));
    }
    print::show(&table)?;
    print::line("")
}

fn row(step: &Step) -> Row {
    let (word, colour) = match step.result {
        Verdict::Ok => ("ok", Some(Color::Green)),
        Verdict::Warning => ("warning", Some(Color::Yellow)),
        Verdict::Failed => ("FAILED", Some(Color::Red)),
        Verdict::Skipped => ("-", None),
    };
    let word = colour.map_or_else(|| Cell::new(word), |colour| Cell::new(word).fg(colour));
    let mut what = clean(&step.what, TEXT);
    if let Some(next_step) = &step.next_step {
        what.push('\n');
        what.push_str(&clean(next_step, TEXT));
    }
    Row::from(vec![Cell::new(step.step.replace('_', "-")), word, Cell::new(what)])
}
