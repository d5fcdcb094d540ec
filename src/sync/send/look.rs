//! What `posbridge check` wants to know of sending: how many records each table of the settings chooses, and whether the
//! languages and journals that it names are there. Reads only, and no record of what would be sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::plan::concerns_kind;
use super::reader::Reader;
use super::source::Source;
use crate::config::{Branch, Send};
use crate::model::Kind;
use crate::odoo::master::{CASH, Cell, Shape, text_of};
use crate::problem::Problem;
use crate::sync::Connection;

/// What the settings choose at central.
#[derive(Debug, Default)]
pub struct Chosen {
    /// How many records, by kind.
    pub counts: BTreeMap<Kind, usize>,
    /// Choices that find nothing or that central refuses, and kinds that the user may not read.
    pub problems: Vec<Problem>,
    /// The payment methods that are chosen and have a journal at central, with its name and whether they take cash.
    pub with_journal: Vec<(String, String, bool)>,
}

/// Counts what each table of a branch chooses.
///
/// # Errors
/// Central does not answer, or the language is not active there.
pub async fn at_central(connection: &Arc<Connection>, branch: &Branch) -> Result<Chosen, Problem> {
    let language = &branch.send.language;
    let reader = Reader::open(connection.clone(), branch.company.as_deref(), language, Shape::default()).await?;
    let mut source = Source::new(reader);
    let mut chosen = Chosen::default();
    for (kind, selection) in &branch.send.kinds {
        let ids = match source.chosen(*kind, selection, &mut chosen.problems).await {
            Ok(ids) => ids,
            Err(problem) if concerns_kind(&problem) => {
                chosen.problems.push(problem);
                continue;
            }
            Err(problem) => return Err(problem),
        };
        chosen.counts.insert(*kind, ids.len());
        if *kind == Kind::PaymentMethod {
            let reader = source.reader();
            reader.learn(*kind).await?;
            let Some(column) = reader.shape.name(*kind, "journal_id") else { continue };
            for row in reader.rows(kind.model(), &json!([["id", "in", ids]]), &["name", column, CASH]).await? {
                if let (Some(method), Some(Cell::One(_, journal))) = (text_of(&row, "name"), row.get(column)) {
                    chosen.with_journal.push((method.to_owned(), journal.clone(), row.get(CASH) == Some(&Cell::Flag(true))));
                }
            }
        }
    }
    Ok(chosen)
}

/// The journals of a branch.
#[derive(Debug, Default)]
pub struct Journals {
    /// Their names.
    pub names: Vec<String>,
    /// Those names and codes of the settings that none has, by payment method.
    pub missing: BTreeMap<String, String>,
    /// Whether only payment methods that take cash have one.
    pub cash_only: bool,
}

/// Looks for the language and the journals that the settings name at the branch.
///
/// # Errors
/// The branch does not answer, or does not have the language or the company.
pub async fn at_branch(connection: &Arc<Connection>, send: &Send) -> Result<Journals, Problem> {
    let mut reader = Reader::open(connection.clone(), send.company.as_deref(), &send.language, Shape::default()).await?;
    if !send.kinds.contains_key(&Kind::PaymentMethod) {
        return Ok(Journals::default());
    }
    reader.learn(Kind::PaymentMethod).await?;
    let cash_only = reader.shape.has_cash_journals();
    let known = reader.known("account.journal", "name").await?;
    let missing = send.journals.iter().filter(|(_, journal)| known.id(journal).is_none());
    Ok(Journals { names: known.all(), missing: missing.map(|(method, journal)| (method.clone(), journal.clone())).collect(), cash_only })
}
