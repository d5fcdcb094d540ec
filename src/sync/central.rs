//! Central as all passes share it: one client, a bounded number of writers, and what names mean there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use tokio::sync::{Mutex, Semaphore};

use super::Bridge;
use super::connection::Connection;
use crate::config::{Branch, Invoiced, UnknownCustomer};
use crate::mapping::Settings;
use crate::model::{Amount, CentralId, CentralTax, Company, Model, Partner, Pricelist, Product, Tax, Team, User, Warehouse};
use crate::odoo::Call;
use crate::odoo::records::DraftSettings;
use crate::problem::{Problem, Side};

/// Central, shared by all passes of a run.
#[derive(Debug)]
pub struct Central {
    pub(super) connection: Arc<Connection>,
    /// How many calls may write at one time.
    pub(super) writers: Arc<Semaphore>,
    pub(super) parallel: usize,
    /// Held by who makes sure that it is the central that is meant.
    pub(super) looking: Mutex<()>,
    /// Sales taxes by company, read once.
    taxes: Mutex<HashMap<CentralId<Company>, Arc<Vec<CentralTax>>>>,
    /// When records were made, by model and id, as far as central told in this run.
    made: Mutex<HashMap<(&'static str, i64), String>>,
}

/// What a branch's settings mean at central.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// For the mapping.
    pub settings: Settings,
    /// For the call that writes.
    pub draft: DraftSettings,
    /// The company's name, for sentences.
    pub company: String,
    /// The product of adjustment lines, and the largest difference that one may make good.
    pub rounding: Option<(CentralId<Product>, Amount)>,
}

/// A record found by a name of the settings.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Named {
    pub(super) id: i64,
    pub(super) display_name: String,
    #[serde(default)]
    pub(super) currency_id: Option<(i64, String)>,
}

impl Central {
    /// Central over a connection, with at most `writers` calls that write at one time.
    pub fn new(connection: Connection, writers: usize) -> Self {
        Self {
            connection: Arc::new(connection),
            writers: Arc::new(Semaphore::new(writers)),
            parallel: writers,
            looking: Mutex::default(),
            taxes: Mutex::default(),
            made: Mutex::default(),
        }
    }

    /// The same client and the same limit on writers, with nothing remembered of what central has: for the next run.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self {
            connection: self.connection.clone(),
            writers: self.writers.clone(),
            parallel: self.parallel,
            looking: Mutex::default(),
            taxes: Mutex::default(),
            made: Mutex::default(),
        }
    }

    /// When the API key of the bridge's user ends, as far as central tells; it is written down.
    ///
    /// # Errors
    /// See [`crate::store::StoreError`].
    pub async fn key_expiry(&self, bridge: &Bridge) -> Result<Option<jiff::Timestamp>, crate::store::StoreError> {
        super::keys::look_at_key(&self.connection, &bridge.store).await
    }

    /// How long each call since the last time of asking took.
    pub fn call_times(&self) -> Vec<std::time::Duration> {
        self.connection.odoo.take_call_times()
    }

    /// What this run has cost central so far.
    pub fn cost(&self) -> crate::odoo::Cost {
        self.connection.odoo.cost()
    }

    /// Writes down the user's id at central, if it is new.
    ///
    /// # Errors
    /// See [`crate::store::StoreError`].
    pub fn remember(&self, bridge: &Bridge) -> Result<(), crate::store::StoreError> {
        self.connection.remember(&bridge.store, None)
    }

    /// A call that only reads, repeated while its failures pass by themselves.
    ///
    /// # Errors
    /// What stands in the way, as a problem of central.
    pub async fn ask<T: DeserializeOwned + Send + 'static>(&self, call: &Call) -> Result<T, Problem> {
        self.connection.ask(call).await
    }

    /// Turns the names in a branch's settings into records of central.
    ///
    /// # Errors
    /// The first setting that finds nothing, or several; or central does not answer.
    pub async fn resolve(&self, branch: &Branch) -> Result<Resolved, Problem> {
        let company = self.company(branch.company.as_deref()).await?;
        let company_id = CentralId::<Company>::new(company.id);
        let mut currency = company.currency_id.map(|(_, name)| name).unwrap_or_default();
        let find = Finder { central: self, company: company_id };

        let customer = find.one(Partner::NAME, "customer", &branch.customer, &["ref", "name"], &[]).await?;
        let warehouse_id = find.optional(Warehouse::NAME, "warehouse", &branch.warehouse, &["code", "name"], &[]).await?;
        let pricelist = find.optional(Pricelist::NAME, "pricelist", &branch.pricelist, &["name"], &["currency_id"]).await?;
        if let Some((_, name)) = pricelist.as_ref().and_then(|pricelist| pricelist.currency_id.clone()) {
            currency = name; // the draft takes its pricelist's
        }
        let team_id = find.optional(Team::NAME, "team", &branch.team, &["name"], &[]).await?;
        let rounding = match &branch.rounding {
            Some(rounding) => {
                let product = find.one(Product::NAME, "rounding.product", &rounding.product, &["default_code", "name"], &[]).await?;
                Some((CentralId::new(product.id), rounding.limit))
            }
            None => None,
        };
        let users = self.users(branch).await?;
        let user = |login: &str| {
            users.get(&login.to_lowercase()).copied().ok_or_else(|| Problem::SettingNotFound {
                setting: "salesperson".to_owned(),
                value: login.to_owned(),
                side: Side::Central,
            })
        };
        Ok(Resolved {
            settings: Settings {
                code: branch.code.clone(),
                default_customer: CentralId::new(customer.id),
                unknown_customer_is_problem: branch.unknown_customer == UnknownCustomer::Problem,
                skip_invoiced: branch.invoiced == Invoiced::Skip,
                currency,
                salesperson: branch.salesperson.as_deref().map(user).transpose()?,
                salespeople: branch.salespeople.iter().map(|(name, login)| (name.to_lowercase(), user(login))).collect(),
            },
            draft: DraftSettings {
                company_id,
                warehouse_id: warehouse_id.map(|w| CentralId::new(w.id)),
                pricelist_id: pricelist.map(|p| CentralId::new(p.id)),
                team_id: team_id.map(|t| CentralId::new(t.id)),
            },
            company: company.display_name,
            rounding,
        })
    }

    /// The company by name, else the user's own.
    pub(super) async fn company(&self, name: Option<&str>) -> Result<Named, Problem> {
        let fields = ["display_name", "currency_id"];
        let domain = match name {
            Some(name) => json!([["name", "=", name]]),
            None => {
                #[derive(Deserialize)]
                struct OwnCompany {
                    company_id: (i64, String),
                }
                if self.connection.odoo.uid().is_none() {
                    self.connection.odoo.authenticate().await.map_err(|e| self.connection.explain(&e))?;
                }
                let uid = self.connection.odoo.uid().unwrap_or_default();
                let own: Vec<OwnCompany> = self.ask(&Call::read(User::NAME, &[uid], &["company_id"])).await?;
                json!([["id", "=", own.first().map_or(0, |own| own.company_id.0)]])
            }
        };
        let found: Vec<Named> = self.ask(&Call::search_read(Company::NAME, domain, &fields)).await?;
        let missing =
            || Problem::SettingNotFound { setting: "company".to_owned(), value: name.unwrap_or_default().to_owned(), side: Side::Central };
        found.into_iter().next().ok_or_else(missing)
    }

    /// All users that a branch's settings name, by login in lower case, in one call.
    async fn users(&self, branch: &Branch) -> Result<BTreeMap<String, CentralId<User>>, Problem> {
        #[derive(Deserialize)]
        struct Login {
            id: CentralId<User>,
            login: String,
        }
        let logins: BTreeSet<&String> = branch.salespeople.values().chain(&branch.salesperson).collect();
        if logins.is_empty() {
            return Ok(BTreeMap::new());
        }
        let found: Vec<Login> = self.ask(&Call::search_read(User::NAME, json!([["login", "in", logins]]), &["login"])).await?;
        Ok(found.into_iter().map(|user| (user.login.to_lowercase(), user.id)).collect())
    }

    /// When these records were made, by id, archived ones too. What central does not have, or does not show, is not among them.
    pub(super) async fn made<M: Model>(&self, ids: &BTreeSet<i64>) -> Result<HashMap<i64, String>, Problem> {
        #[derive(Deserialize)]
        struct Made {
            id: i64,
            #[serde(default)]
            create_date: Option<String>,
        }
        let mut known = self.made.lock().await;
        let open: Vec<i64> = ids.iter().copied().filter(|id| !known.contains_key(&(M::NAME, *id))).collect();
        if !open.is_empty() {
            let call = Call::search_read(M::NAME, json!([["id", "in", open]]), &["create_date"]).with_archived();
            let found: Vec<Made> = self.ask(&call).await?;
            known.extend(found.into_iter().filter_map(|made| Some(((M::NAME, made.id), made.create_date?))));
        }
        Ok(ids.iter().filter_map(|id| Some((*id, known.get(&(M::NAME, *id))?.clone()))).collect())
    }

    /// The sales taxes of a company, archived ones left out.
    pub(super) async fn taxes(&self, company: CentralId<Company>) -> Result<Arc<Vec<CentralTax>>, Problem> {
        let mut taxes = self.taxes.lock().await;
        if let Some(known) = taxes.get(&company) {
            return Ok(known.clone());
        }
        let domain = json!([["company_id", "=", company], ["type_tax_use", "=", "sale"]]);
        let fields = ["name", "amount", "amount_type", "price_include", "create_date"];
        let found: Vec<CentralTax> =
            self.ask(&Call::search_read(Tax::NAME, domain, &fields).context("allowed_company_ids", json!([company]))).await?;
        let made = found.iter().filter_map(|tax| Some(((Tax::NAME, tax.id.get()), tax.made.clone()?)));
        self.made.lock().await.extend(made);
        let found = Arc::new(found);
        taxes.insert(company, found.clone());
        Ok(found)
    }
}

/// Finds what settings name, within one company.
struct Finder<'a> {
    central: &'a Central,
    company: CentralId<Company>,
}

impl Finder<'_> {
    async fn optional(
        &self,
        model: &'static str,
        setting: &str,
        value: &Option<String>,
        by: &[&str],
        more: &[&str],
    ) -> Result<Option<Named>, Problem> {
        match value {
            Some(value) => self.one(model, setting, value, by, more).await.map(Some),
            None => Ok(None),
        }
    }

    /// The record whose id, or one of whose fields `by`, is `value`; the first field that finds any decides.
    async fn one(&self, model: &'static str, setting: &str, value: &str, by: &[&str], more: &[&str]) -> Result<Named, Problem> {
        let fields: Vec<&str> = ["display_name"].iter().chain(by).chain(more).copied().collect();
        let id = value.parse::<i64>().ok().map(|id| json!(["id", "=", id]));
        let mut terms: Vec<Json> = id.into_iter().collect();
        terms.extend(by.iter().map(|field| json!([field, "=", value])));
        let mut domain: Vec<Json> = vec![json!("|"); terms.len() - 1];
        domain.extend(terms);
        let call = Call::search_read(model, Json::Array(domain), &fields).context("allowed_company_ids", json!([self.company]));
        let found: Vec<Json> = self.central.ask(&call).await?;
        let holds = |record: &Json, field: &str| {
            record.get(field).is_some_and(|v| v.as_str() == Some(value) || v.as_i64().is_some_and(|id| value.parse() == Ok(id)))
        };
        let ranked: Vec<&str> = std::iter::once("id").chain(by.iter().copied()).collect();
        for field in ranked {
            let fits: Vec<&Json> = found.iter().filter(|record| holds(record, field)).collect();
            match fits.as_slice() {
                [] => {}
                [one] => {
                    return serde_json::from_value(without_false(one))
                        .map_err(|error| Problem::ReplyBroken { side: Side::Central, reason: error.to_string() });
                }
                many => {
                    let name = |record: &&Json| format!("{} (id {})", record["display_name"].as_str().unwrap_or_default(), record["id"]);
                    return Err(Problem::SettingAmbiguous {
                        setting: setting.to_owned(),
                        value: value.to_owned(),
                        matches: many.iter().map(name).collect(),
                    });
                }
            }
        }
        Err(Problem::SettingNotFound { setting: setting.to_owned(), value: value.to_owned(), side: Side::Central })
    }
}

/// Odoo's `False` for null, taken out before serde sees the record.
fn without_false(record: &Json) -> Json {
    let fields = record.as_object().into_iter().flatten().filter(|(_, value)| **value != json!(false));
    Json::Object(fields.map(|(name, value)| (name.clone(), value.clone())).collect())
}
