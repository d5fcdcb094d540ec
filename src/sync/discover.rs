//! What two Odoos offer to choose from, for a settings file to start with. Reads only.

use std::collections::BTreeSet;

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::connection::{Connection, client};
use crate::config::Endpoint;
use crate::model::{BranchTax, CentralTax, Company, Model, Partner, PosOrderModel, Pricelist, Tax, Team, User, Warehouse};
use crate::odoo::records::existing;
use crate::odoo::{Call, Known};
use crate::problem::{Problem, Side};

/// Most records of a kind that are offered: more are no choice but a list to search.
const MOST: usize = 100;

/// Words in the name of the customer that stands for all who are not named.
const WALK_IN: [&str; 4] = ["walk", "cash", "counter", "anonym"];

/// What central offers.
#[derive(Debug, Clone, Default)]
pub struct CentralChoices {
    /// The company that the user works in.
    pub company: String,
    /// All that the user may see.
    pub companies: Vec<String>,
    /// Code and name.
    pub warehouses: Vec<(String, String)>,
    /// Name and currency.
    pub pricelists: Vec<(String, String)>,
    /// Sales teams.
    pub teams: Vec<String>,
    /// Customers that may stand for all who are not named.
    pub customers: Vec<String>,
    /// Login and name of each user.
    pub users: Vec<(String, String)>,
    /// Sales taxes of the company.
    pub taxes: Vec<CentralTax>,
}

/// What a branch offers.
#[derive(Debug, Clone, Default)]
pub struct BranchChoices {
    /// The company of its first Point of Sale.
    pub company: String,
    /// Its currency.
    pub currency: String,
    /// Points of Sale.
    pub shops: Vec<String>,
    /// Names of employees, where cashiers are employees; else empty.
    pub employees: Vec<String>,
    /// Login and name of each user.
    pub users: Vec<(String, String)>,
    /// Sales taxes of the company.
    pub taxes: Vec<BranchTax>,
}

/// Logs in with a password that is not kept yet.
///
/// # Errors
/// What stands in the way.
pub async fn log_in(side: Side, endpoint: &Endpoint, password: SecretString) -> Result<Connection, Problem> {
    let connection = client(side, endpoint, password, Known::default())?;
    connection.odoo.authenticate().await.map_err(|error| connection.explain(&error))?;
    Ok(connection)
}

/// Asks central what there is to choose from. `company` is the one to look in; else the user's own.
///
/// # Errors
/// Central does not answer, or its company or users cannot be read. What else cannot be read is not offered.
pub async fn central_choices(connection: &Connection, company: Option<&str>) -> Result<CentralChoices, Problem> {
    #[derive(Deserialize)]
    struct Own {
        company_id: (i64, String),
    }
    #[derive(Deserialize)]
    struct Coded {
        code: String,
        name: String,
    }
    #[derive(Deserialize)]
    struct Priced {
        name: String,
        currency_id: (i64, String),
    }
    let all = companies(connection).await?;
    let uid = connection.odoo.uid().unwrap_or_default();
    let own: Vec<Own> = connection.ask(&Call::read(User::NAME, &[uid], &["company_id"])).await?;
    let own = own.into_iter().next().map(|own| own.company_id).unwrap_or_default();
    let (id, company) = match company.and_then(|name| all.iter().find(|(_, known)| known == name)) {
        Some((id, name)) => (*id, name.clone()),
        None => own,
    };
    let here = json!(["|", ["company_id", "=", false], ["company_id", "=", id]]);
    let warehouses: Vec<Coded> = offered(connection, Warehouse::NAME, json!([["company_id", "=", id]]), &["code", "name"]).await;
    let pricelists: Vec<Priced> = offered(connection, Pricelist::NAME, here.clone(), &["name", "currency_id"]).await;
    let mut walk_in: Vec<Json> = vec![json!("|"); WALK_IN.len() - 1];
    walk_in.extend(WALK_IN.iter().map(|word| json!(["name", "ilike", word])));
    let taxes = offered(connection, Tax::NAME, sales_taxes(id), &["name", "amount", "amount_type", "price_include"]).await;
    Ok(CentralChoices {
        company,
        companies: all.into_iter().map(|(_, name)| name).collect(),
        warehouses: warehouses.into_iter().map(|warehouse| (warehouse.code, warehouse.name)).collect(),
        pricelists: pricelists.into_iter().map(|list| (list.name, list.currency_id.1)).collect(),
        teams: names(connection, Team::NAME, here).await,
        customers: names(connection, Partner::NAME, Json::Array(walk_in)).await,
        users: users(connection).await?,
        taxes,
    })
}

/// Asks a branch what there is to choose from.
///
/// # Errors
/// The branch does not answer, or its Points of Sale or users cannot be read.
pub async fn branch_choices(connection: &Connection) -> Result<BranchChoices, Problem> {
    #[derive(Deserialize)]
    struct Shop {
        name: String,
        company_id: (i64, String),
        #[serde(default)]
        currency_id: Option<(i64, String)>,
    }
    let call = Call::search_read("pos.config", json!([]), &["name", "company_id", "currency_id"]);
    let shops: Vec<Shop> = connection.ask(&call).await?;
    let (id, company) = shops.first().map(|shop| shop.company_id.clone()).unwrap_or_default();
    let employees = existing(&connection.odoo, PosOrderModel::NAME, &["employee_id"]).await.map_err(|e| connection.explain(&e))?;
    let employees =
        if employees.is_empty() { Vec::new() } else { names(connection, "hr.employee.public", json!([["company_id", "=", id]])).await };
    Ok(BranchChoices {
        currency: shops.first().and_then(|shop| shop.currency_id.clone()).map(|(_, name)| name).unwrap_or_default(),
        shops: shops.into_iter().map(|shop| shop.name).collect(),
        company,
        employees,
        users: users(connection).await?,
        taxes: offered(connection, Tax::NAME, sales_taxes(id), &["name", "amount", "amount_type", "price_include"]).await,
    })
}

fn sales_taxes(company: i64) -> Json {
    json!([["company_id", "=", company], ["type_tax_use", "=", "sale"]])
}

async fn companies(connection: &Connection) -> Result<Vec<(i64, String)>, Problem> {
    #[derive(Deserialize)]
    struct Named {
        id: i64,
        name: String,
    }
    let found: Vec<Named> = connection.ask(&Call::search_read(Company::NAME, json!([]), &["name"])).await?;
    Ok(found.into_iter().map(|company| (company.id, company.name)).collect())
}

/// Users who are no customers of a web shop, without the bridge's own.
async fn users(connection: &Connection) -> Result<Vec<(String, String)>, Problem> {
    #[derive(Deserialize)]
    struct Login {
        login: String,
        name: String,
    }
    let call = Call::search_read(User::NAME, json!([["share", "=", false]]), &["login", "name"]).arg("limit", json!(MOST));
    let found: Vec<Login> = connection.ask(&call).await?;
    Ok(found.into_iter().filter(|user| user.login != connection.asked.login).map(|user| (user.login, user.name)).collect())
}

/// Different names, in their order.
async fn names(connection: &Connection, model: &'static str, domain: Json) -> Vec<String> {
    #[derive(Deserialize)]
    struct Named {
        #[serde(default)]
        name: Option<String>,
    }
    let found: Vec<Named> = offered(connection, model, domain, &["name"]).await;
    let mut met = BTreeSet::new();
    found.into_iter().filter_map(|record| record.name).filter(|name| met.insert(name.clone())).collect()
}

/// Records to choose from; none where the app is not installed or the user may not read them.
async fn offered<T: serde::de::DeserializeOwned + Send + 'static>(
    connection: &Connection,
    model: &'static str,
    domain: Json,
    fields: &[&str],
) -> Vec<T> {
    connection.ask(&Call::search_read(model, domain, fields).arg("limit", json!(MOST))).await.unwrap_or_default()
}
