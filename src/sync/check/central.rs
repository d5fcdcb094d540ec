//! What a pass needs of central.

use super::{Checked, REACH, Reached, decimals, may, may_read, reach};
use crate::config::{Branch, Config};
use crate::model::{Company, Model, Partner, Pricelist, Product, SaleOrderModel, Tax, Team, User, Warehouse};
use crate::problem::{Problem, Side};
use crate::store::{Store, StoreError};
use crate::sync::{Central, Connection};

/// The lines of a sales order.
const LINE: &str = "sale.order.line";

/// What a pass reads, whatever the settings say.
const READ: [&str; 6] = [SaleOrderModel::NAME, Product::NAME, Tax::NAME, Partner::NAME, User::NAME, Company::NAME];

/// Central as the branches' steps need it.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) central: Central,
    /// Decimals of a sold quantity.
    pub(super) quantity_decimals: Option<i64>,
}

pub(super) async fn check(store: &Store, config: &Config, branches: &[Branch]) -> Result<(Checked, Option<Known>), StoreError> {
    let side = Side::Central;
    let mut seen = Checked::new(&side);
    let reached = reach(store, config, &side, &config.central.endpoint, &mut seen).await?;
    let known = match reached {
        Some(reached) => rights(reached, config, branches, &mut seen).await,
        None => None,
    };
    let order: Vec<&'static str> = REACH.into_iter().chain(["clock", "rights", "company"]).collect();
    Ok((seen.finish(&order), known))
}

async fn rights(reached: Reached, config: &Config, branches: &[Branch], seen: &mut Checked) -> Option<Known> {
    let Reached { connection, major } = reached;
    let mut models = READ.to_vec();
    // Asked for only where a setting needs them: a central without stock has no warehouses.
    models.extend(branches.iter().any(|branch| branch.warehouse.is_some()).then_some(Warehouse::NAME));
    models.extend(branches.iter().any(|branch| branch.pricelist.is_some()).then_some(Pricelist::NAME));
    models.extend(branches.iter().any(|branch| branch.team.is_some()).then_some(Team::NAME));
    let readable = may_read(&connection, &models, seen).await;
    let mut creates = true;
    if readable.contains(&SaleOrderModel::NAME) {
        for model in [SaleOrderModel::NAME, LINE] {
            creates &= may_create(&connection, model, major, seen).await;
        }
    }
    if creates && readable.len() == models.len() {
        seen.ok("rights", format!("May create sales orders, and read {}", models.join(", ")));
    }
    let quantity_decimals = decimals(&connection, LINE, "product_uom_qty").await;
    let central = Central::new(connection, config.central.writers);
    if readable.contains(&Company::NAME) {
        match central.company(config.central.company.as_deref()).await {
            Ok(company) => seen.ok("company", company.display_name),
            Err(problem) => seen.failed_by("company", &problem),
        }
    }
    READ.iter().all(|model| readable.contains(model)).then_some(Known { central, quantity_decimals })
}

/// Whether the user may create records of a model, asked for without creating one.
async fn may_create(connection: &Connection, model: &'static str, major: u32, seen: &mut Checked) -> bool {
    match may(connection, model, "create", major).await {
        Ok(true) => true,
        Ok(false) => {
            let problem = Problem::RightMissing {
                side: Side::Central,
                user: connection.asked.login.clone().into(),
                model: model.to_owned(),
                operation: "create".to_owned(),
                groups: Vec::new(),
                major: connection.asked.major,
            };
            seen.failed_by("rights", &problem);
            false
        }
        Err(problem) => {
            seen.failed_by("rights", &problem);
            false
        }
    }
}
