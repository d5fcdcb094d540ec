//! Reads a branch for an audit: one call a model and page, never one a record. A model that the user may not see, or
//! that this Odoo does not have, costs its own check and no other.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use super::facts::{BranchFacts, Goods, Location, Picking, Places, Sales, Session, Shop, Span, Warehouse};
use super::finding::Unchecked;
use super::words;
use crate::config::Branch;
use crate::model::{Amount, BranchTax, BranchUser, Model, PosLineModel, PosOrderModel, Product, Tax, User};
use crate::odoo::Call;
use crate::problem::Problem;
use crate::sync::connection::Connection;
use crate::sync::odoo_time;

/// Products in one call: 500 of them are 150 KB of answer.
pub const PAGE: usize = 500;

/// Products sold in a span that are looked at: a department store sells fewer.
const PRODUCTS_MAX: usize = 10_000;

/// Groups of shop, user and cashier: a branch of 50 shops with 100 people each.
const SELLERS_MAX: usize = 5_000;

/// Sessions in a span: 30 shops that open and close once a day, for a month. Odoo computes each one's cash.
const SESSIONS_MAX: usize = 1_000;

/// Stock moves and quantities that went wrong: whoever has more of them needs no longer list.
const STOCK_MAX: usize = 2_000;

/// Warehouses and internal locations, each.
const PLACES_MAX: usize = 2_000;

/// Transfers.
const PICKING: &str = "stock.picking";

/// What to do about a limit that was reached: at the command line, in the dashboard's English, in German.
const FEWER_DAYS: [&str; 3] =
    ["Ask again for fewer days: posbridge audit --days 7.", "Ask again for fewer days.", "Fragen Sie noch einmal für weniger Tage."];
const REPAIR_FIRST: [&str; 3] = [
    "Branch: repair those that are listed, then ask again.",
    "Branch: repair those that are listed, then ask again.",
    "Filiale: Bringen Sie die aufgeführten in Ordnung, und fragen Sie dann noch einmal.",
];
const NO_NAMESAKES: [&str; 3] = [
    "Integrator: see by hand whether a shop has a location of its own beyond these.",
    "Integrator: see by hand whether a shop has a location of its own beyond these.",
    "Integrator: Sehen Sie selbst nach, ob ein Laden darüber hinaus einen eigenen Lagerort hat.",
];

/// What an order must have come to before it counts as sold.
const SOLD: [&str; 3] = ["paid", "done", "invoiced"];

/// Reads one branch.
pub struct Look<'a> {
    connection: &'a Connection,
    branch: &'a Branch,
    span: Span,
    companies: Vec<i64>,
    /// What could not be read.
    pub unchecked: Vec<Unchecked>,
}

/// Whether a problem keeps one check from being made, and no other.
fn concerns_check(problem: &Problem) -> bool {
    matches!(
        problem,
        Problem::RightMissing { .. }
            | Problem::ModuleMissing { .. }
            | Problem::FieldMissing { .. }
            | Problem::RefusedByOdoo { .. }
            | Problem::ServerError { .. }
    )
}

impl<'a> Look<'a> {
    /// Over a connection.
    pub fn new(connection: &'a Connection, branch: &'a Branch, span: Span) -> Self {
        Self { connection, branch, span, companies: Vec::new(), unchecked: Vec::new() }
    }

    /// Reads all that the checks need.
    ///
    /// # Errors
    /// The branch does not answer, or its shops cannot be read: nothing can be said about it.
    pub async fn read(&mut self) -> Result<BranchFacts, Problem> {
        let shops = self.shops().await?;
        let mut facts = BranchFacts { shops, ..BranchFacts::default() };
        facts.currency = facts.shops.iter().find_map(|shop| shop.currency_id.clone()).map(|(_, name)| name).unwrap_or_default();
        self.companies = facts.shops.iter().map(|shop| shop.company_id.0).collect::<BTreeSet<_>>().into_iter().collect();
        if facts.shops.is_empty() {
            return Ok(facts);
        }
        let shops: Vec<i64> = facts.shops.iter().map(|shop| shop.id).collect();
        self.sold(&mut facts, &shops).await?;
        self.sellers(&mut facts, &shops).await?;
        self.sessions(&mut facts, &shops).await?;
        self.places(&mut facts).await?;
        Ok(facts)
    }

    /// A call of this branch's companies. `Ok(None)` = this check cannot be made, which is noted.
    async fn ask<T: DeserializeOwned + Send + 'static>(&mut self, check: &str, call: Call) -> Result<Option<T>, Problem> {
        let call = if self.companies.is_empty() { call } else { call.context("allowed_company_ids", json!(self.companies)) };
        match self.connection.ask(&call).await {
            Ok(found) => Ok(Some(found)),
            Err(problem) if concerns_check(&problem) => {
                self.cannot(check, &problem);
                Ok(None)
            }
            Err(problem) => Err(problem),
        }
    }

    fn cannot(&mut self, check: &str, problem: &Problem) {
        self.unchecked.push(words::unchecked(self.branch.code.as_str(), check, problem));
    }

    /// Says that a limit was reached, so that nobody takes a part for the whole.
    fn cut(&mut self, check: &str, found: usize, limit: usize, of: [&str; 2], fix: [&str; 3]) {
        if found >= limit {
            self.unchecked.push(words::cut_short(self.branch.code.as_str(), check, limit, of, fix));
        }
    }

    /// The shops that are received; their names in the settings are looked up letter by letter, as a pass does.
    async fn shops(&mut self) -> Result<Vec<Shop>, Problem> {
        let fields = ["name", "active", "company_id", "currency_id", "picking_type_id", "create_date"];
        let call = Call::search_read("pos.config", json!([]), &fields).with_archived();
        let all: Vec<Shop> = self.connection.ask(&call).await?;
        let branch = self.branch;
        for name in branch.shops.iter().filter(|name| !all.iter().any(|shop| shop.name == **name)) {
            self.cannot("the shop", &Problem::ShopNotFound { shop: name.clone() });
        }
        let chosen = |shop: &Shop| if branch.shops.is_empty() { shop.active } else { branch.shops.contains(&shop.name) };
        Ok(all.into_iter().filter(chosen).collect())
    }

    /// Sums by group: since 19 by `formatted_read_group`, before by `read_group`.
    async fn grouped<T: DeserializeOwned + Send + 'static>(
        &mut self,
        check: &str,
        model: &'static str,
        domain: &Json,
        by: &[&str],
        sums: &[&str],
        limit: usize,
    ) -> Result<Option<Vec<T>>, Problem> {
        let new = Call::new(model, "formatted_read_group").arg("domain", domain.clone()).arg("groupby", json!(by));
        let new = new.arg("aggregates", json!(sums)).arg("limit", json!(limit)).context("allowed_company_ids", json!(self.companies));
        match self.connection.ask(&new).await {
            Err(Problem::ServerError { words, .. }) if words.contains("formatted_read_group") => {}
            Err(problem) if concerns_check(&problem) => {
                self.cannot(check, &problem);
                return Ok(None);
            }
            answered => return answered.map(Some),
        }
        let old = Call::new(model, "read_group").arg("domain", domain.clone()).arg("groupby", json!(by));
        self.ask(check, old.arg("fields", json!(sums)).arg("limit", json!(limit)).arg("lazy", json!(false))).await
    }

    fn since(&self) -> String {
        odoo_time(self.span.since)
    }

    /// What was sold, and the products themselves.
    async fn sold(&mut self, facts: &mut BranchFacts, shops: &[i64]) -> Result<(), Problem> {
        #[derive(Deserialize)]
        struct Sum {
            #[serde(default)]
            product_id: Option<(i64, String)>,
            #[serde(default, alias = "qty:sum")]
            qty: Amount,
        }
        const CHECK: &str = "what was sold";
        let domain =
            json!([["order_id.date_order", ">=", self.since()], ["order_id.state", "in", SOLD], ["order_id.config_id", "in", shops]]);
        let sums: Option<Vec<Sum>> = self.grouped(CHECK, PosLineModel::NAME, &domain, &["product_id"], &["qty:sum"], PRODUCTS_MAX).await?;
        let Some(sums) = sums else { return Ok(()) };
        self.cut(CHECK, sums.len(), PRODUCTS_MAX, ["products", "Produkte"], FEWER_DAYS);
        let sold: BTreeMap<i64, Amount> = sums.into_iter().filter_map(|sum| Some((sum.product_id?.0, sum.qty))).collect();
        self.products(facts, &sold).await?;
        facts.sold = Some(sold);
        Ok(())
    }

    async fn products(&mut self, facts: &mut BranchFacts, sold: &BTreeMap<i64, Amount>) -> Result<(), Problem> {
        const CHECK: &str = "the products that were sold";
        let described: Option<Json> = self
            .ask(
                CHECK,
                Call::new(Product::NAME, "fields_get")
                    .arg("allfields", json!(["lst_price", "is_storable"]))
                    .arg("attributes", json!(["digits"])),
            )
            .await?;
        let Some(described) = described else { return Ok(()) };
        let digits = |json: &Json| json.get("lst_price")?.get("digits")?.as_array()?.get(1)?.as_u64();
        facts.price_decimals = digits(&described).and_then(|digits| u32::try_from(digits).ok());
        let mut fields = GOODS.to_vec();
        if described.get("is_storable").is_some() {
            fields.push("is_storable");
        }
        let ids: Vec<i64> = sold.keys().copied().collect();
        let mut products: Vec<Goods> = Vec::new();
        for page in ids.chunks(PAGE) {
            let call = Call::search_read(Product::NAME, json!([["id", "in", page]]), &fields).with_archived();
            match self.ask::<Vec<Goods>>(CHECK, call).await? {
                Some(found) => products.extend(found),
                None => return Ok(()),
            }
        }
        facts.products = Some(products);
        let domain = json!([["type_tax_use", "=", "sale"], ["company_id", "in", self.companies]]);
        let call = Call::search_read(Tax::NAME, domain, &["name", "amount", "amount_type", "price_include"]);
        facts.taxes = self.ask::<Vec<BranchTax>>("taxes", call).await?;
        Ok(())
    }

    /// Who sold where.
    async fn sellers(&mut self, facts: &mut BranchFacts, shops: &[i64]) -> Result<(), Problem> {
        const CHECK: &str = "who sold at which shop";
        let call = Call::new(PosOrderModel::NAME, "fields_get")
            .arg("allfields", json!(["employee_id", "config_id"]))
            .arg("attributes", json!(["store"]));
        let described: Option<Json> = self.ask(CHECK, call).await?;
        let Some(described) = described else { return Ok(()) };
        // Up to 16 only the session of an order has the shop.
        let of_session = described.get("config_id").and_then(|shop| shop.get("store")) == Some(&json!(false));
        let mut by = vec![if of_session { "session_id" } else { "config_id" }, "user_id"];
        if described.get("employee_id").is_some() {
            by.push("employee_id");
        }
        let domain = json!([["date_order", ">=", self.since()], ["state", "in", SOLD], ["config_id", "in", shops]]);
        let sales = match of_session {
            true => self.sellers_by_session(CHECK, &domain, &by).await?,
            false => self.grouped(CHECK, PosOrderModel::NAME, &domain, &by, &["__count"], SELLERS_MAX).await?,
        };
        let Some(sales) = sales else { return Ok(()) };
        self.cut(CHECK, sales.len(), SELLERS_MAX, ["groups of shop and seller", "Gruppen aus Laden und Verkäufer"], FEWER_DAYS);
        let users: BTreeSet<i64> = sales.iter().filter_map(|sales| sales.user_id.as_ref()).map(|(id, _)| *id).collect();
        facts.sales = Some(sales);
        if !users.is_empty() {
            let call = Call::search_read(User::NAME, json!([["id", "in", users]]), &["login"]).with_archived();
            let users: Option<Vec<BranchUser>> = self.ask("users who sell", call).await?;
            facts.logins = users.into_iter().flatten().map(|user| (user.id.get(), user.login)).collect();
        }
        Ok(())
    }

    /// The same where orders are told by session: each with the session's shop.
    async fn sellers_by_session(&mut self, check: &str, domain: &Json, by: &[&str]) -> Result<Option<Vec<Sales>>, Problem> {
        #[derive(Deserialize)]
        struct OfSession {
            session_id: (i64, String),
            #[serde(default)]
            user_id: Option<(i64, String)>,
            #[serde(default)]
            employee_id: Option<(i64, String)>,
            #[serde(rename = "__count")]
            orders: u64,
        }
        #[derive(Deserialize)]
        struct Shop {
            id: i64,
            #[serde(default)]
            config_id: Option<(i64, String)>,
        }
        let told: Option<Vec<OfSession>> = self.grouped(check, PosOrderModel::NAME, domain, by, &["__count"], SELLERS_MAX).await?;
        let Some(told) = told else { return Ok(None) };
        let sessions: BTreeSet<i64> = told.iter().map(|sales| sales.session_id.0).collect();
        let call = Call::search_read("pos.session", json!([["id", "in", sessions]]), &["config_id"]);
        let Some(shops) = self.ask::<Vec<Shop>>(check, call).await? else { return Ok(None) };
        let shops: BTreeMap<i64, (i64, String)> = shops.into_iter().filter_map(|shop| Some((shop.id, shop.config_id?))).collect();
        let with_shop = |OfSession { session_id, user_id, employee_id, orders }: OfSession| Sales {
            config_id: shops.get(&session_id.0).cloned(),
            user_id,
            employee_id,
            orders,
        };
        Ok(Some(told.into_iter().map(with_shop).collect()))
    }

    /// As [`Look::ask`], of the first of several calls that name no field which this version does not have.
    async fn ask_one_of<T: DeserializeOwned + Send + 'static>(&mut self, check: &str, calls: Vec<Call>) -> Result<Option<T>, Problem> {
        let mut last = None;
        for call in calls {
            let call = call.context("allowed_company_ids", json!(self.companies));
            match self.connection.ask(&call).await {
                Err(problem @ Problem::FieldMissing { .. }) => last = Some(problem),
                Err(problem) if concerns_check(&problem) => {
                    self.cannot(check, &problem);
                    return Ok(None);
                }
                answered => return answered.map(Some),
            }
        }
        if let Some(problem) = last {
            self.cannot(check, &problem);
        }
        Ok(None)
    }

    /// Sessions that are open or were closed within the span, and the stock moves that failed.
    async fn sessions(&mut self, facts: &mut BranchFacts, shops: &[i64]) -> Result<(), Problem> {
        let limited = |call: Call, limit: usize| call.arg("order", json!("id desc")).arg("limit", json!(limit));
        let domain = json!([["config_id", "in", shops], "|", ["state", "!=", "closed"], ["stop_at", ">=", self.since()]]);
        let fields = ["name", "state", "config_id", "start_at", "cash_register_difference"];
        let call = limited(Call::search_read("pos.session", domain, &fields), SESSIONS_MAX);
        facts.sessions = self.ask::<Vec<Session>>("sessions", call).await?;
        self.cut("sessions", facts.sessions.as_ref().map_or(0, Vec::len), SESSIONS_MAX, ["sessions", "Sitzungen"], FEWER_DAYS);

        self.failed_moves(facts, shops).await
    }

    /// Transfers that are not done. Where a part of a sale moved, Odoo 19 puts the rest into a back order that names neither
    /// session nor order, so that the session itself says nothing of it.
    async fn failed_moves(&mut self, facts: &mut BranchFacts, shops: &[i64]) -> Result<(), Problem> {
        #[derive(Deserialize)]
        struct Transfer {
            id: i64,
            #[serde(default)]
            name: Option<String>,
            #[serde(default)]
            pos_session_id: Option<(i64, String)>,
            #[serde(default)]
            backorder_id: Option<(i64, String)>,
        }
        const CHECK: &str = "stock moves that failed";
        const FIELDS: [&str; 3] = ["name", "pos_session_id", "backorder_id"];
        // What is to be shipped later waits rightly.
        let since = self.since();
        let not_done = |shipped_later: Option<&str>| {
            let mut domain = vec![
                json!(["state", "!=", "done"]),
                json!(["create_date", ">=", since]),
                json!("|"),
                json!(["pos_session_id.config_id", "in", shops]),
                json!(["backorder_id.pos_session_id.config_id", "in", shops]),
            ];
            if let Some(field) = shipped_later {
                domain.extend([json!("|"), json!(["pos_order_id", "=", false]), json!([format!("pos_order_id.{field}"), "=", false])]);
            }
            Call::search_read(PICKING, Json::Array(domain), &FIELDS).arg("order", json!("id desc")).arg("limit", json!(STOCK_MAX))
        };
        // Since 17; 15 and 16; before, nothing was shipped later.
        let calls = vec![not_done(Some("shipping_date")), not_done(Some("to_ship")), not_done(None)];
        let Some(waiting) = self.ask_one_of::<Vec<Transfer>>(CHECK, calls).await? else { return Ok(()) };
        self.cut(CHECK, waiting.len(), STOCK_MAX, ["stock moves", "Lagerbewegungen"], FEWER_DAYS);
        let of = waiting.iter().filter(|transfer| transfer.pos_session_id.is_none());
        let of: BTreeSet<i64> = of.filter_map(|transfer| transfer.backorder_id.as_ref()).map(|(id, _)| *id).collect();
        let mut sessions: BTreeMap<i64, (i64, String)> = BTreeMap::new();
        if !of.is_empty() {
            let call = Call::search_read(PICKING, json!([["id", "in", of]]), &FIELDS);
            let Some(first) = self.ask::<Vec<Transfer>>(CHECK, call).await? else { return Ok(()) };
            sessions.extend(first.into_iter().filter_map(|transfer| Some((transfer.id, transfer.pos_session_id?))));
        }
        let whose = |transfer: Transfer| {
            let first = transfer.backorder_id.and_then(|(id, _)| sessions.get(&id).cloned());
            Some(Picking { name: transfer.name, pos_session_id: transfer.pos_session_id.or(first)? })
        };
        facts.failed = Some(waiting.into_iter().filter_map(whose).collect());
        Ok(())
    }

    /// Where the shops take their stock from, and what is below zero there.
    async fn places(&mut self, facts: &mut BranchFacts) -> Result<(), Problem> {
        #[derive(Deserialize)]
        struct Type {
            id: i64,
            #[serde(default)]
            default_location_src_id: Option<(i64, String)>,
        }
        const CHECK: &str = "where shops take their stock from";
        const BOTH: &str = "where shops take their stock from, and negative stock there";
        let types: BTreeSet<i64> = facts.shops.iter().filter_map(|shop| shop.picking_type_id.as_ref()).map(|(id, _)| *id).collect();
        let call = Call::search_read("stock.picking.type", json!([["id", "in", types]]), &["default_location_src_id"]).with_archived();
        let Some(types) = self.ask::<Vec<Type>>(BOTH, call).await? else { return Ok(()) };
        let sources: BTreeMap<i64, (i64, String)> =
            types.into_iter().filter_map(|kind| Some((kind.id, kind.default_location_src_id?))).collect();
        let roots: BTreeSet<i64> = sources.values().map(|(id, _)| *id).collect();
        let paged = |model, domain, fields: &[&str], limit: usize| {
            Call::search_read(model, domain, fields).arg("order", json!("id")).arg("limit", json!(limit))
        };
        let warehouses = paged("stock.warehouse", json!([]), &["name", "lot_stock_id"], PLACES_MAX);
        let warehouses = self.ask::<Vec<Warehouse>>(CHECK, warehouses).await?;
        let locations = paged("stock.location", json!([["usage", "=", "internal"]]), &["name", "complete_name"], PLACES_MAX);
        let locations = self.ask::<Vec<Location>>(CHECK, locations).await?;
        if let (Some(warehouses), Some(locations)) = (warehouses, locations) {
            self.cut(CHECK, locations.len().max(warehouses.len()), PLACES_MAX, ["locations", "Lagerorte"], NO_NAMESAKES);
            facts.places = Some(Places { sources, warehouses, locations });
        }
        let negative = |kept: Json| {
            let domain = json!([["location_id", "child_of", roots], ["location_id.usage", "=", "internal"], ["quantity", "<", 0], kept]);
            paged("stock.quant", domain, &["product_id", "location_id", "quantity"], STOCK_MAX)
        };
        // Since 18; before, a type of its own.
        let calls = vec![negative(json!(["product_id.is_storable", "=", true])), negative(json!(["product_id.type", "=", "product"]))];
        facts.negative = self.ask_one_of("negative stock", calls).await?;
        self.cut(
            "negative stock",
            facts.negative.as_ref().map_or(0, Vec::len),
            STOCK_MAX,
            ["quantities below zero", "Mengen unter null"],
            REPAIR_FIRST,
        );
        Ok(())
    }
}

/// What is read of a product on both sides.
pub const GOODS: [&str; 8] = ["display_name", "name", "barcode", "default_code", "active", "lst_price", "taxes_id", "type"];
