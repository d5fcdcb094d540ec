//! Whether a database is the one that was always meant, asked once for each address that the settings name.
//!
//! `database.uuid` is refused to a user with the rights that the bridge asks for, and whatever else is the same for good (users,
//! shops, when they were made) is the same in all branches that began as copies of one template. What no two databases
//! have by chance are the uuids of sales and the external ids of our own drafts, so those are asked for, the newest and the oldest that are
//! known, and the newest that the branch has lost, which a copy from before that still has: a database that was put back to a backup still has its oldest. Before Odoo 18 sales have no uuid, and their number, receipt,
//! time and total together stand for it, in two sales. Where nothing was ever received there is nothing to tell a database by, and
//! nothing to be mixed up.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::json;

use super::branch::BranchPass;
use super::connection::Connection;
use super::{Bridge, Halt};
use crate::config::Branch;
use crate::model::{BranchCode, Model as _, PosOrderModel, SoldOrder, same_money};
use crate::odoo::records::{self, DraftIds};
use crate::odoo::{Call, OdooError, day};
use crate::planted::{Bug, planted};
use crate::problem::{Problem, Side};
use crate::store::{ENOUGH_RECEIPTS, Store, Witness};

/// Newest and, as many again, oldest orders of a branch by which its database is known; and as many that it has lost.
const OF_EACH: usize = 10;

/// Makes sure that a branch's database is not another branch's, nor a strange one, before anything is taken from it or written to
/// it. Costs a call at an address that the settings name for the first time, and nothing afterwards.
///
/// # Errors
/// [`Problem::BranchCloned`] or [`Problem::BranchUnknown`], which are noted until a person confirms the database, or it is
/// recognized; or it does not answer.
pub(super) async fn own_branch(connection: &Connection, store: &Store, branch: &Branch) -> Result<(), Halt> {
    let place = &branch.endpoint;
    if store.endpoint(branch.code.as_str(), &place.url, &place.database, &place.user)?.recognized {
        return Ok(());
    }
    let seen = look(connection, store, &branch.code).await?;
    // Whose row it is from now on.
    connection.remember(store, None)?;
    match seen {
        Seen::Own | Seen::Nothing { known: false } => Ok(store.recognize(branch.code.as_str(), Problem::STRANGE_BRANCH)?),
        Seen::Others { other, reference } => refuse(store, &branch.code, Problem::BranchCloned { other, reference }),
        Seen::Nothing { known: true } => refuse(store, &branch.code, Problem::BranchUnknown),
    }
}

/// Looks once more, because numbers of orders have other sales under them now, or are gone: at the same address there may be another branch's
/// database since the last pass. One that is only older goes on.
///
/// # Errors
/// [`Problem::BranchCloned`]; or the branch does not answer.
pub(super) async fn not_another(pass: &BranchPass) -> Result<(), Halt> {
    match look(&pass.connection, &pass.bridge.store, &pass.branch.code).await? {
        Seen::Others { other, reference } => Err(Problem::BranchCloned { other, reference }.into()),
        Seen::Own | Seen::Nothing { .. } => Ok(()),
    }
}

fn refuse(store: &Store, branch: &BranchCode, problem: Problem) -> Result<(), Halt> {
    store.note_about_branch(branch, &problem)?;
    Err(problem.into())
}

/// What a branch's database turned out to hold.
enum Seen {
    /// Sales of this branch.
    Own,
    /// None of this branch, but one of another.
    Others { other: BranchCode, reference: String },
    /// Neither; and whether any of this branch are known.
    Nothing { known: bool },
}

async fn look(connection: &Connection, store: &Store, branch: &BranchCode) -> Result<Seen, Halt> {
    let known = store.run(move |store| store.witnesses(OF_EACH)).await?;
    if known.is_empty() {
        return Ok(Seen::Nothing { known: false });
    }
    let there = there(connection, &known).await?;
    let enough = |of_one: &&[Witness]| of_one.iter().map(&there).sum::<usize>() >= ENOUGH_RECEIPTS.min(of_one.len());
    let of_each = known.chunk_by(|one, next| one.branch == next.branch).filter(enough);
    let met: Vec<&Witness> = of_each.filter_map(|of_one| of_one.iter().find(|known| there(known) > 0)).collect();
    if met.iter().any(|known| known.branch == branch.as_str()) {
        return Ok(Seen::Own);
    }
    let another = met.first().filter(|_| !planted(Bug::CloneAccepted));
    Ok(match another.and_then(|known| Some((BranchCode::new(&known.branch).ok()?, known.reference.clone()))) {
        Some((other, reference)) => Seen::Others { other, reference },
        None => Seen::Nothing { known: known.iter().any(|known| known.branch == branch.as_str() && !known.gone) },
    })
}

/// How much each of these sales proves by being in the database: by its uuid as much as [`ENOUGH_RECEIPTS`] together; 1 by number, receipt,
/// time and total, where the sale or the database has none; nothing if it is not there.
async fn there(connection: &Connection, known: &[Witness]) -> Result<impl Fn(&Witness) -> usize, Halt> {
    #[derive(Deserialize)]
    struct Sold {
        uuid: String,
    }
    let uuids: Vec<&str> = known.iter().filter(|known| known.has_uuid()).map(|known| known.witness.as_str()).collect();
    let call = Call::search_read(PosOrderModel::NAME, json!([["uuid", "in", uuids]]), &["uuid"]);
    let asked = connection.patiently(async || match connection.odoo.call::<Vec<Sold>>(&call).await {
        Err(OdooError::FieldUnknown(_)) => Ok(None),
        answer => answer.map(Some),
    });
    let found = if uuids.is_empty() { Some(Vec::new()) } else { asked.await? };
    let numbers: Vec<i64> = known.iter().filter(|known| found.is_none() || !known.has_uuid()).map(|known| known.remote_id).collect();
    let sold: Vec<SoldOrder> = if numbers.is_empty() { Vec::new() } else { connection.ask(&day::sold_by_id(false, &numbers)).await? };
    let found: BTreeSet<String> = found.into_iter().flatten().map(|sold| sold.uuid).collect();
    let sold: BTreeMap<i64, SoldOrder> = sold.into_iter().map(|order| (order.id.get(), order)).collect();
    Ok(move |known: &Witness| {
        let same = |order: &&SoldOrder| {
            (&order.reference(), &order.date_order) == (&known.reference, &known.date_order)
                && same_money(order.amount_total, known.amount_total)
        };
        match sold.get(&known.remote_id).filter(same) {
            _ if found.contains(&known.witness) => ENOUGH_RECEIPTS,
            Some(_) => 1,
            None => 0,
        }
    })
}

/// Makes sure that central's database is the one that has the drafts, before anything is written to it; see [`own_branch`].
///
/// # Errors
/// [`Problem::CentralUnknown`], which is noted beside the branch; or central does not answer.
pub(super) async fn own_central(pass: &BranchPass) -> Result<(), Halt> {
    let bridge: &Bridge = &pass.bridge;
    let place = &bridge.config.central.endpoint;
    let connection = &pass.central.connection;
    let recognized = |store: &Store| store.endpoint(Side::CENTRAL, &place.url, &place.database, &place.user).map(|known| known.recognized);
    if recognized(&bridge.store)? {
        return Ok(());
    }
    // Once for all branches of a run.
    let _alone = pass.central.looking.lock().await;
    if recognized(&bridge.store)? {
        return Ok(());
    }
    let known = bridge.store.run(move |store| store.drafts_of_all(OF_EACH)).await?;
    let ids: Vec<i64> = known.iter().map(|(_, draft)| draft.central_id).collect();
    let found: Vec<DraftIds> = if ids.is_empty() { Vec::new() } else { connection.ask(&records::draft_ids(&ids)).await? };
    let is_there =
        |branch: &str, central_id: i64, order: i64| found.iter().any(|draft| draft.id == central_id && draft.is_of(branch, order));
    if !known.is_empty() && !known.iter().any(|(branch, draft)| is_there(branch, draft.central_id, draft.remote_id)) {
        connection.remember(&bridge.store, None)?;
        return refuse(&bridge.store, &pass.branch.code, Problem::CentralUnknown);
    }
    // Also where nobody has logged in yet, so that it is not asked when there are drafts.
    connection.write_down(&bridge.store, None)?;
    Ok(bridge.store.recognize(Side::CENTRAL, Problem::STRANGE_CENTRAL)?)
}
