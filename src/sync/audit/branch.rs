//! Reads a branch for an audit: one call a model and page, never one a record. A model that the user may not see, or
//! that this Odoo does not have, costs its own check and no other.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use super::facts::{BranchFacts, Goods, Location, Picking, Places, Sales, Session, Shop, Span, Warehouse};
use super::finding::Unchecked;
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

/// What to do about a limit that was reached.
const FEWER_DAYS: &str = "Ask again for fewer days: posbridge audit --days 7.";
const REPAIR_FIRST: &str = "Branch: repair those that are listed, then ask again.";
const NO_NAMESAKES: &str = "Integrator: see by hand whether a shop has a location of its own beyond these.";

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

/// A description of a check that could not be made.
pub fn unchecked(branch: &str, check: &str, problem: &Problem) -> Unchecked {
    Unchecked {
        branch: branch.to_owned(),
        check: check.to_owned(),
        what: problem.what(),
        fix: problem.next_step(),
        cause: problem.cause().to_owned(),
    }
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
        self.unchecked.push(unchecked(self.branch.code.as_str(), check, problem));
    }

    /// Says that a limit was reached, so that nobody takes a part for the whole.
    fn cut(&mut self, check: &str, found: usize, limit: usize, of: &str, fix: &str) {
        if found >= limit {
            self.unchecked.push(Unchecked {
                branch: self.branch.code.to_string(),
                check: check.to_owned(),
                what: format!("Only {limit} {of} were looked at, and there may be more."),
                fix: fix.to_owned(),
                cause: "too_many".to_owned(),
            });
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
        self.cut(CHECK, sums.len(), PRODUCTS_MAX, "products", FEWER_DAYS);
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
        let call = Call::new(PosOrderModel::NAME, "fields_get").arg("allfields", json!(["employee_id"])).arg("attributes", json!(["type"]));
        let described: Option<Json> = self.ask(CHECK, call).await?;
        let Some(described) = described else { return Ok(()) };
        let mut by = vec!["config_id", "user_id"];
        if described.get("employee_id").is_some() {
            by.push("employee_id");
        }
        let domain = json!([["date_order", ">=", self.since()], ["state", "in", SOLD], ["config_id", "in", shops]]);
        let sales: Option<Vec<Sales>> = self.grouped(CHECK, PosOrderModel::NAME, &domain, &by, &["__count"], SELLERS_MAX).await?;
        let Some(sales) = sales else { return Ok(()) };
        self.cut(CHECK, sales.len(), SELLERS_MAX, "groups of shop and seller", FEWER_DAYS);
        let users: BTreeSet<i64> = sales.iter().filter_map(|sales| sales.user_id.as_ref()).map(|(id, _)| *id).collect();
        facts.sales = Some(sales);
        if !users.is_empty() {
            let call = Call::search_read(User::NAME, json!([["id", "in", users]]), &["login"]).with_archived();
            let users: Option<Vec<BranchUser>> = self.ask("users who sell", call).await?;
            facts.logins = users.into_iter().flatten().map(|user| (user.id.get(), user.login)).collect();
        }
        Ok(())
    }

    /// Sessions that are open or were closed within the span, and the stock moves that failed.
    async fn sessions(&mut self, facts: &mut BranchFacts, shops: &[i64]) -> Result<(), Problem> {
        let limited = |call: Call, limit: usize| call.arg("order", json!("id desc")).arg("limit", json!(limit));
        let domain = json!([["config_id", "in", shops], "|", ["state", "!=", "closed"], ["stop_at", ">=", self.since()]]);
        let fields = ["name", "state", "config_id", "start_at", "cash_register_difference"];
        let call = limited(Call::search_read("pos.session", domain, &fields), SESSIONS_MAX);
        facts.sessions = self.ask::<Vec<Session>>("sessions", call).await?;
        self.cut("sessions", facts.sessions.as_ref().map_or(0, Vec::len), SESSIONS_MAX, "sessions", FEWER_DAYS);

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
        let domain = json!([
            ["state", "!=", "done"],
            ["create_date", ">=", self.since()],
            "|",
            ["pos_session_id.config_id", "in", shops],
            ["backorder_id.pos_session_id.config_id", "in", shops],
            "|",
            ["pos_order_id", "=", false],
            ["pos_order_id.shipping_date", "=", false]
        ]);
        let call = Call::search_read(PICKING, domain, &FIELDS).arg("order", json!("id desc")).arg("limit", json!(STOCK_MAX));
        let Some(waiting) = self.ask::<Vec<Transfer>>(CHECK, call).await? else { return Ok(()) };
        self.cut(CHECK, waiting.len(), STOCK_MAX, "stock moves", FEWER_DAYS);
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
            self.cut(CHECK, locations.len().max(warehouses.len()), PLACES_MAX, "locations", NO_NAMESAKES);
            facts.places = Some(Places { sources, warehouses, locations });
        }
        let domain = json!([
            ["location_id", "child_of", roots],
            ["location_id.usage", "=", "internal"],
            ["quantity", "<", 0],
            ["product_id.is_storable", "=", true]
        ]);
        let call = paged("stock.quant", domain, &["product_id", "location_id", "quantity"], STOCK_MAX);
        facts.negative = self.ask("negative stock", call).await?;
        self.cut("negative stock", facts.negative.as_ref().map_or(0, Vec::len), STOCK_MAX, "quantities below zero", REPAIR_FIRST);
        Ok(())
    }
}

/// What is read of a product on both sides.
pub const GOODS: [&str; 8] = ["display_name", "name", "barcode", "default_code", "active", "lst_price", "taxes_id", "type"];
