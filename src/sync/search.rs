//! Looking for a record of central that a person wants to map something to: as he types, so few, soon, and in one call once
//! the company is known.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::connection::connect;
use super::{Bridge, Central, Halt};
use crate::config::{Branch, Endpoint};
use crate::model::{Amount, Model, Partner, Product, Tax};
use crate::odoo::Call;
use crate::problem::{Problem, Side};

/// Records of one answer: what a person looks through before he types another letter.
pub const CHOICES: usize = 20;
/// Longest wait for it: a person sits in front of the page.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest text that is looked for, in characters.
const TEXT_MAX: usize = 100;

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A product that can be sold.
    Product,
    /// A sales tax of the draft's company.
    Tax,
    /// A contact that can be the customer of an order.
    Customer,
}

impl Wanted {
    /// What a record of Odoo's model is mapped to.
    pub fn of(model: &str) -> Option<Self> {
        [Wanted::Product, Wanted::Tax, Wanted::Customer].into_iter().find(|wanted| wanted.model() == model)
    }

    /// Odoo's model.
    pub fn model(self) -> &'static str {
        match self {
            Wanted::Product => Product::NAME,
            Wanted::Tax => Tax::NAME,
            Wanted::Customer => Partner::NAME,
        }
    }

    /// What is shown, and looked for by text.
    fn fields(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Wanted::Product => (&["display_name", "default_code", "barcode"], &["name", "default_code", "barcode"]),
            Wanted::Tax => (&["name", "amount", "amount_type", "price_include"], &["name"]),
            Wanted::Customer => (&["display_name", "ref", "vat", "email"], &["name", "ref", "vat", "email"]),
        }
    }

    /// What can be used in a draft of the company.
    fn usable(self, company: i64) -> Vec<Json> {
        let of_company = [json!("|"), json!(["company_id", "=", false]), json!(["company_id", "=", company])];
        match self {
            Wanted::Product => std::iter::once(json!(["sale_ok", "=", true])).chain(of_company).collect(),
            Wanted::Tax => vec![json!(["type_tax_use", "=", "sale"]), json!(["company_id", "=", company])],
            Wanted::Customer => of_company.to_vec(),
        }
    }
}

/// By what it is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By<'a> {
    /// A part of its name, reference or barcode.
    Text(&'a str),
    /// Its id.
    Id(i64),
}

/// A record of central that can be chosen.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Choice {
    /// Its id at central.
    pub id: i64,
    /// Its name.
    #[serde(alias = "display_name")]
    pub name: String,
    /// A product's Internal Reference, a customer's reference.
    #[serde(default, alias = "ref")]
    pub default_code: Option<String>,
    /// A product's.
    #[serde(default)]
    pub barcode: Option<String>,
    /// A customer's tax id.
    #[serde(default)]
    pub vat: Option<String>,
    /// A customer's.
    #[serde(default)]
    pub email: Option<String>,
    /// A tax's percentage, or money if it is `fixed`.
    #[serde(default)]
    pub amount: Option<Amount>,
    /// A tax's: `percent`, `fixed`, …
    #[serde(default)]
    pub amount_type: Option<String>,
    /// Whether prices contain a tax.
    #[serde(default)]
    pub price_include: bool,
}

/// The call that asks for them; what is archived is left out.
pub fn choices(wanted: Wanted, company: i64, by: By<'_>) -> Call {
    let (shown, searched) = wanted.fields();
    let mut domain = wanted.usable(company);
    match by {
        By::Id(id) => domain.push(json!(["id", "=", id])),
        By::Text(text) => {
            let text: String = text.trim().chars().take(TEXT_MAX).collect();
            if !text.is_empty() {
                domain.extend(searched.iter().skip(1).map(|_| json!("|")));
                domain.extend(searched.iter().map(|field| json!([field, "ilike", text])));
            }
        }
    }
    Call::search_read(wanted.model(), Json::Array(domain), shown)
        .arg("limit", json!(CHOICES))
        .context("allowed_company_ids", json!([company]))
}

/// Looks at central for what an order of a branch can be mapped to; through the bridge's user, so no more than that may read.
///
/// # Errors
/// Central does not answer in time, or refuses.
pub async fn search_central(bridge: &Bridge, branch: &Branch, wanted: Wanted, by: By<'_>) -> Result<Vec<Choice>, Halt> {
    let endpoint = &bridge.config.central.endpoint;
    let endpoint = Endpoint { timeout: endpoint.timeout.min(PATIENCE), ..endpoint.clone() };
    let connection = connect(&bridge.store, &bridge.config.state, Side::Central, &endpoint)?.by(&bridge.clock);
    let central = Central::new(connection, 1);
    let search = async {
        let company = central.company(branch.company.as_deref()).await?;
        central.ask::<Vec<Choice>>(&choices(wanted, company.id, by)).await
    };
    match tokio::time::timeout(PATIENCE, search).await {
        Ok(found) => Ok(found?),
        Err(_) => Err(Problem::TimedOut { side: Side::Central, seconds: PATIENCE.as_secs() }.into()),
    }
}
