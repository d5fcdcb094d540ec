//! What was read of a branch and of central for an audit: plain data, so that judging it needs no Odoo.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::model::{Amount, BranchTax, CentralTax};

/// What was read of one branch; `None` = that could not be read.
#[derive(Debug, Clone, Default)]
pub struct BranchFacts {
    /// The currency that its shops sell in, e.g. `EUR`.
    pub currency: String,
    /// The shops that are received.
    pub shops: Vec<Shop>,
    /// What was sold, by product.
    pub sold: Option<BTreeMap<i64, Amount>>,
    /// The products that were sold, archived ones too.
    pub products: Option<Vec<Goods>>,
    /// Decimals of a price, if the branch rounds them.
    pub price_decimals: Option<u32>,
    /// The sales taxes of the companies of the shops.
    pub taxes: Option<Vec<BranchTax>>,
    /// Who sold at which shop.
    pub sales: Option<Vec<Sales>>,
    /// Logins by user, of those who sold.
    pub logins: BTreeMap<i64, String>,
    /// Sessions that are open, or were closed within the span.
    pub sessions: Option<Vec<Session>>,
    /// Stock moves of sales that were not done.
    pub failed: Option<Vec<Picking>>,
    /// Where the shops take their stock from.
    pub places: Option<Places>,
    /// What is below zero where the shops take their stock from.
    pub negative: Option<Vec<Quant>>,
    /// The central product of a branch's product, as far as the ledger knows.
    pub bound_products: BTreeMap<i64, i64>,
    /// The central tax of a branch's tax, as far as the ledger knows.
    pub bound_taxes: BTreeMap<i64, i64>,
}

/// A Point of Sale (`pos.config`).
#[derive(Debug, Clone, Deserialize)]
pub struct Shop {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Not archived.
    pub active: bool,
    /// Company.
    pub company_id: (i64, String),
    /// Currency.
    #[serde(default)]
    pub currency_id: Option<(i64, String)>,
    /// The operation type of what it sells; its source location is where the stock comes from.
    #[serde(default)]
    pub picking_type_id: Option<(i64, String)>,
    /// UTC, as Odoo writes times.
    pub create_date: String,
}

/// A variant (`product.product`) of either side.
#[derive(Debug, Clone, Deserialize)]
pub struct Goods {
    /// Its id there.
    pub id: i64,
    /// `[ART-1] Article 1`.
    pub display_name: String,
    /// Its name alone.
    #[serde(default)]
    pub name: String,
    /// Barcode.
    #[serde(default)]
    pub barcode: Option<String>,
    /// Internal Reference.
    #[serde(default)]
    pub default_code: Option<String>,
    /// Not archived.
    pub active: bool,
    /// Sales price of the variant.
    pub lst_price: Amount,
    /// Sales taxes, of all companies.
    #[serde(default)]
    pub taxes_id: Vec<i64>,
    /// `consu`, `service`, `combo`; before 18 also `product`.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// Track Inventory (18 and later).
    #[serde(default)]
    pub is_storable: Option<bool>,
}

impl Goods {
    /// Goods, not a service or a combo.
    pub fn is_goods(&self) -> bool {
        matches!(self.kind.as_str(), "consu" | "product")
    }

    /// Whether Odoo counts its stock.
    pub fn is_tracked(&self) -> bool {
        self.is_storable.unwrap_or(self.kind == "product")
    }
}

/// Orders of one shop, user and cashier.
#[derive(Debug, Clone, Deserialize)]
pub struct Sales {
    /// The shop.
    #[serde(default)]
    pub config_id: Option<(i64, String)>,
    /// The user under whose login the till ran.
    #[serde(default)]
    pub user_id: Option<(i64, String)>,
    /// The cashier (with the employees app).
    #[serde(default)]
    pub employee_id: Option<(i64, String)>,
    /// How many.
    #[serde(rename = "__count")]
    pub orders: u64,
}

/// A session of a shop.
#[derive(Debug, Clone, Deserialize)]
pub struct Session {
    /// `POS/00042`; `/` until it is opened.
    pub name: String,
    /// `opening_control`, `opened`, `closing_control`, `closed`.
    pub state: String,
    /// The shop.
    pub config_id: (i64, String),
    /// UTC, as Odoo writes times.
    #[serde(default)]
    pub start_at: Option<String>,
    /// Counted minus expected at the closing.
    #[serde(default)]
    pub cash_register_difference: Amount,
}

/// A stock move of sales (`stock.picking`) that is not done.
#[derive(Debug, Clone)]
pub struct Picking {
    /// `WH/POS/00012`.
    pub name: Option<String>,
    /// The session that sold.
    pub pos_session_id: (i64, String),
}

/// A quantity in a location (`stock.quant`).
#[derive(Debug, Clone, Deserialize)]
pub struct Quant {
    /// The product.
    pub product_id: (i64, String),
    /// The location.
    pub location_id: (i64, String),
    /// In the product's unit.
    pub quantity: Amount,
}

/// The stock side of a branch.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// The source location of each operation type that a shop uses.
    pub sources: BTreeMap<i64, (i64, String)>,
    /// The warehouses.
    pub warehouses: Vec<Warehouse>,
    /// The internal locations.
    pub locations: Vec<Location>,
}

/// A warehouse.
#[derive(Debug, Clone, Deserialize)]
pub struct Warehouse {
    /// Its name.
    pub name: String,
    /// Its main location.
    pub lot_stock_id: (i64, String),
}

/// An internal location.
#[derive(Debug, Clone, Deserialize)]
pub struct Location {
    /// Its id.
    pub id: i64,
    /// Its own name.
    pub name: String,
    /// With those above it, `WH/Stock/Shop`.
    pub complete_name: String,
}

/// What central has of all that the branches of one company sold.
#[derive(Debug, Clone, Default)]
pub struct CentralFacts {
    /// The company, for sentences.
    pub company: String,
    /// Its currency.
    pub currency: String,
    /// Candidates, archived ones too.
    pub products: Vec<Goods>,
    /// Its sales taxes.
    pub taxes: Vec<CentralTax>,
}

/// The span that an audit looks at.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Days back from now.
    pub days: u16,
    /// Their beginning.
    pub since: Timestamp,
    /// Now.
    pub now: Timestamp,
}
