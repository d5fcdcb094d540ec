//! Whether central still has the newest drafts of a branch, looked at once in each pass.
//!
//! Somebody who deletes a draft is noted beside the order. Newest drafts that vanish together, or whose ids belong to
//! other orders now, mean that central's database was put back to a backup: that is told once for the branch, and nothing is written
//! again until a person says so. Of those that are told as gone the newest are looked for as well, in the same call: a backup can bring
//! them back. A central that does not answer is no failure: the next pass looks again.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::branch::BranchPass;
use super::receive::FINGERPRINTS;
use super::{Halt, explain};
use crate::model::{Model as _, SaleOrderModel};
use crate::odoo::Call;
use crate::odoo::records::{self, DraftIds};
use crate::problem::Problem;
use crate::store::Fingerprint;

/// Longest wait for central's answer: the look is not worth holding up a pass for.
const PATIENCE: Duration = Duration::from_secs(20);

/// As many newest drafts gone together look like a restored backup; fewer look like somebody who deletes.
const MANY: usize = 5;

/// Drafts in one call of the look back that tells how many are lost.
const STEP: usize = 500;

/// How often that look goes on to older ones: 20,000 drafts of one branch are months.
const MOST_STEPS: usize = 40;

/// Looks, and notes what is gone.
///
/// # Errors
/// Those of the ledger only.
pub(super) async fn look(pass: &BranchPass) -> Result<(), Halt> {
    let (newest, told) = (newest(pass, i64::MAX, FINGERPRINTS).await?, told_gone(pass, i64::MAX, FINGERPRINTS).await?);
    let Some(found) = find(pass, newest.iter().chain(&told)).await else { return Ok(()) };
    back(pass, told, &found).await?;
    let mut seen = compare(pass.branch.code.as_str(), newest, &found);
    if seen.gone.is_empty() {
        return Ok(());
    }
    let restored = if !seen.reused && seen.newest_gone() >= MANY {
        let Some(went_on) = central_went_on(pass, &seen).await else { return Ok(()) };
        !went_on
    } else {
        seen.reused
    };
    if !restored {
        let told = |gone: Fingerprint| (gone.clone(), Problem::DraftDeleted { name: gone.central_name });
        return note(pass, seen.gone.into_iter().map(told).collect()).await;
    }
    // How far back it goes: older drafts, until some are all there.
    for _ in 0..MOST_STEPS {
        let Some(oldest) = seen.gone.iter().map(|gone| gone.remote_id).min() else { break };
        let older = newest_below(pass, oldest).await?;
        if older.is_empty() {
            break;
        }
        let Some(older) = ask(pass, older).await else { return Ok(()) };
        if older.gone.is_empty() {
            break;
        }
        seen.gone.extend(older.gone);
    }
    tell(pass, seen.gone).await
}

/// What central says of some drafts.
#[derive(Debug, Default)]
struct Seen {
    /// Newest first.
    asked: Vec<Fingerprint>,
    gone: Vec<Fingerprint>,
    /// Whether another order has the id of one of them.
    reused: bool,
}

impl Seen {
    /// How many of the newest by central's count are gone, before the first that is there.
    fn newest_gone(&self) -> usize {
        let mut by_id: Vec<&Fingerprint> = self.asked.iter().collect();
        by_id.sort_by_key(|asked| std::cmp::Reverse(asked.central_id));
        by_id.iter().take_while(|asked| self.gone.contains(asked)).count()
    }
}

async fn newest(pass: &BranchPass, below: i64, limit: usize) -> Result<Vec<Fingerprint>, Halt> {
    let code = pass.branch.code.clone();
    Ok(pass.bridge.store.run(move |store| store.newest_drafts(&code, below, limit)).await?)
}

async fn newest_below(pass: &BranchPass, below: i64) -> Result<Vec<Fingerprint>, Halt> {
    newest(pass, below, STEP).await
}

async fn told_gone(pass: &BranchPass, below: i64, limit: usize) -> Result<Vec<Fingerprint>, Halt> {
    let code = pass.branch.code.clone();
    Ok(pass.bridge.store.run(move |store| store.drafts_told_gone(&code, below, limit)).await?)
}

/// Ends what was told of drafts that central has again, since it was put back to a backup; and goes on to older ones, until none is
/// there again.
async fn back(pass: &BranchPass, mut told: Vec<Fingerprint>, found: &HashMap<i64, DraftIds>) -> Result<(), Halt> {
    let (mut found, mut more): (Cow<'_, HashMap<i64, DraftIds>>, _) = (Cow::Borrowed(found), 0..MOST_STEPS);
    loop {
        let oldest = told.iter().map(|told| told.remote_id).min();
        told.retain(|told| is_there(pass.branch.code.as_str(), told, &found));
        let (Some(oldest), false) = (oldest, told.is_empty()) else { return Ok(()) };
        tracing::info!(branch = %pass.branch.code, drafts = told.len(), "Drafts that were gone are at central again");
        let (back, now) = (std::mem::take(&mut told), pass.now());
        pass.bridge.store.run(move |store| store.note_back_at_central(&back, now)).await?;
        told = told_gone(pass, oldest, STEP).await?;
        let Some(older) = find(pass, told.iter()).await.filter(|_| more.next().is_some()) else { return Ok(()) };
        found = Cow::Owned(older);
    }
}

/// One call; `None` = there is nothing to ask, or central does not answer.
async fn ask(pass: &BranchPass, asked: Vec<Fingerprint>) -> Option<Seen> {
    let found = find(pass, asked.iter()).await?;
    Some(compare(pass.branch.code.as_str(), asked, &found))
}

async fn find(pass: &BranchPass, asked: impl Iterator<Item = &Fingerprint>) -> Option<HashMap<i64, DraftIds>> {
    let ids: Vec<i64> = asked.map(|asked| asked.central_id).collect();
    if ids.is_empty() {
        return None;
    }
    let found: Vec<DraftIds> = call(pass, &records::draft_ids(&ids)).await?;
    Some(found.into_iter().map(|draft| (draft.id, draft)).collect())
}

fn is_there(branch: &str, asked: &Fingerprint, found: &HashMap<i64, DraftIds>) -> bool {
    found.get(&asked.central_id).is_some_and(|draft| draft.is_of(branch, asked.remote_id))
}

fn compare(branch: &str, asked: Vec<Fingerprint>, found: &HashMap<i64, DraftIds>) -> Seen {
    let gone: Vec<Fingerprint> = asked.iter().filter(|asked| !is_there(branch, asked, found)).cloned().collect();
    let reused = gone.iter().any(|gone| found.contains_key(&gone.central_id));
    Seen { asked, gone, reused }
}

/// Whether central has any order with a higher id than the newest that is gone: then it counted on, and somebody deleted these.
/// `None` = it does not say: the next pass asks again.
async fn central_went_on(pass: &BranchPass, seen: &Seen) -> Option<bool> {
    let newest = seen.gone.iter().map(|gone| gone.central_id).max().unwrap_or_default();
    let domain = json!([["id", ">", newest]]);
    let found: Option<Vec<Json>> = call(pass, &Call::search_read(SaleOrderModel::NAME, domain, &["name"]).arg("limit", json!(1))).await;
    found.map(|found| !found.is_empty())
}

async fn call<T: serde::de::DeserializeOwned + Send + 'static>(pass: &BranchPass, call: &Call) -> Option<T> {
    let asked = tokio::time::timeout(PATIENCE, pass.central.connection.odoo.call(call)).await;
    match asked {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(error)) => {
            tracing::debug!(branch = %pass.branch.code, %error, passes = explain::passes_by_itself(&error), "Central was not looked at");
            None
        }
        Err(_) => None,
    }
}

async fn note(pass: &BranchPass, gone: Vec<(Fingerprint, Problem)>) -> Result<(), Halt> {
    for (_, problem) in &gone {
        tracing::info!(branch = %pass.branch.code, cause = problem.cause(), "{}", problem.what());
    }
    let now = pass.now();
    Ok(pass.bridge.store.run(move |store| store.note_gone_at_central(&gone, now)).await?)
}

async fn tell(pass: &BranchPass, mut lost: Vec<Fingerprint>) -> Result<(), Halt> {
    lost.sort_by_key(|lost| lost.central_id);
    let name = |lost: Option<&Fingerprint>| lost.map(|lost| lost.central_name.clone()).unwrap_or_default();
    let problem = Problem::CentralRestored { lost: lost.len() as u64, first: name(lost.first()), last: name(lost.last()) };
    tracing::warn!(branch = %pass.branch.code, cause = problem.cause(), "{}", problem.what());
    let told = |lost: Fingerprint| (lost.clone(), Problem::DraftLost { name: lost.central_name });
    let gone: Vec<(Fingerprint, Problem)> = lost.into_iter().map(told).collect();
    let (code, now) = (pass.branch.code.clone(), pass.now());
    Ok(pass
        .bridge
        .store
        .run(move |store| {
            store.note_gone_at_central(&gone, now)?;
            store.note_about_branch(&code, &problem)
        })
        .await?)
}
