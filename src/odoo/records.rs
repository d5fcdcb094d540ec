//! Records as a branch or central gives them: which fields are asked for, and how a draft becomes the rows of
//! `load`. The only place that knows how Odoo versions differ.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{Call, Odoo, OdooError};
use crate::model::{
    BranchId, BranchPartner, BranchProduct, BranchRef, BranchTax, BranchUser, CentralId, Company, Lot, Model, Partner, PosLine,
    PosLineModel, PosOrder, PosOrderModel, PosPayment, Pricelist, Product, SaleLine, SaleOrder, SaleOrderModel, Tax, Team, User, Warehouse,
    dusted,
};
use crate::planted::{self, Bug, planted};

/// The module part of every external id of ours. It is not the name of a module, so no upgrade collects its rows.
pub const XMLID_MODULE: &str = "__posbridge";

/// What is asked of a `pos.order`, where the branch has the field.
const ORDER_FIELDS: &[&str] = &[
    "uuid",
    "name",
    "pos_reference",
    "date_order",
    "write_date",
    "state",
    "session_id",
    "config_id",
    "company_id",
    "user_id",
    "employee_id",
    "partner_id",
    "currency_id",
    "amount_total",
    "amount_tax",
    "amount_paid",
    ACCOUNT_MOVE,
    "refunded_order_id",
    "general_customer_note",
    "general_note",
    "note",
];

/// The note of an order: since 19, in 18, before. The first that a branch has is the one, whatever a module calls its own.
const NOTES: [&str; 3] = ["general_customer_note", "general_note", "note"];

/// The invoice of an order. A user without rights in Invoicing may be refused what it points at.
const ACCOUNT_MOVE: &str = "account_move";

/// What is asked of a `pos.order.line`, where the branch has the field.
const LINE_FIELDS: &[&str] = &[
    "order_id",
    "product_id",
    "full_product_name",
    "qty",
    "price_unit",
    "discount",
    "price_subtotal_incl",
    "tax_ids_after_fiscal_position",
    "customer_note",
    "refunded_orderline_id",
    "combo_line_ids",
    "pack_lot_ids",
];

/// What is asked of a `pos.payment`, where the branch has the field.
const PAYMENT_FIELDS: &[&str] = &["pos_order_id", "payment_method_id", "amount", "is_change"];

/// The fields that a branch has of those we want; asked once for each version that it runs on, then remembered in the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fields {
    order: Vec<String>,
    line: Vec<String>,
    payment: Vec<String>,
}

impl Fields {
    /// Asks the branch which fields it has.
    ///
    /// # Errors
    /// As [`Odoo::call`]; a model that the user may not see is [`OdooError::Access`].
    pub async fn ask(branch: &Odoo) -> Result<Self, OdooError> {
        let mut order = existing(branch, PosOrderModel::NAME, ORDER_FIELDS).await?;
        let note = NOTES.into_iter().find(|note| has(&order, note));
        order.retain(|field| !NOTES.contains(&field.as_str()) || Some(field.as_str()) == note);
        let line = existing(branch, PosLineModel::NAME, LINE_FIELDS).await?;
        let payment = existing(branch, "pos.payment", PAYMENT_FIELDS).await?;
        for ((model, needed), found) in NEEDED.into_iter().zip([&order, &line, &payment]) {
            all_there(model, needed, found)?;
        }
        Ok(Self { order, line, payment })
    }

    /// Whether orders carry a uuid (Odoo 18 and later).
    pub fn has_uuid(&self) -> bool {
        has(&self.order, "uuid")
    }
}

/// What an order cannot be received without, in any version; a later one may name it otherwise.
const NEEDED: [(&str, &[&str]); 3] = [
    (
        PosOrderModel::NAME,
        &["date_order", "write_date", "state", "session_id", "company_id", "currency_id", "amount_total", "amount_tax", "amount_paid"],
    ),
    (
        PosLineModel::NAME,
        &["order_id", "product_id", "qty", "price_unit", "discount", "price_subtotal_incl", "tax_ids_after_fiscal_position"],
    ),
    ("pos.payment", &["pos_order_id", "payment_method_id", "amount"]),
];

/// Names all that is missing at once.
fn all_there(model: &str, needed: &[&str], found: &[String]) -> Result<(), OdooError> {
    let missing: Vec<&str> = needed.iter().copied().filter(|field| !has(found, field)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(OdooError::FieldUnknown(format!("Invalid field '{}' on '{model}'", missing.join(", "))))
}

fn has(fields: &[String], wanted: &str) -> bool {
    fields.iter().any(|field| field == wanted)
}

/// Those of `wanted` that the model has, in the order given.
///
/// # Errors
/// As [`Odoo::call`].
pub async fn existing(odoo: &Odoo, model: &'static str, wanted: &[&str]) -> Result<Vec<String>, OdooError> {
    let call = Call::new(model, "fields_get").arg("allfields", json!(wanted)).arg("attributes", json!(["type"]));
    let found: BTreeMap<String, Json> = odoo.call(&call).await?;
    Ok(wanted.iter().filter(|field| found.contains_key(**field)).map(|field| (*field).to_owned()).collect())
}

/// What central calls the fields of a draft that are not called alike by all versions; asked once, then remembered in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CentralFields {
    /// The taxes of a line: `tax_ids` since 19, `tax_id` before.
    taxes: String,
}

impl Default for CentralFields {
    /// Those of Odoo 19.
    fn default() -> Self {
        Self { taxes: "tax_ids".to_owned() }
    }
}

impl CentralFields {
    /// Asks central.
    ///
    /// # Errors
    /// As [`Odoo::call`].
    pub async fn ask(central: &Odoo) -> Result<Self, OdooError> {
        let found = existing(central, "sale.order.line", &["tax_ids", "tax_id"]).await?;
        Ok(found.into_iter().next().map_or_else(Self::default, |taxes| Self { taxes }))
    }
}

/// What a pass looks at first: enough to tell what is new or changed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Header {
    /// Database id.
    pub id: BranchId<PosOrderModel>,
    /// UTC, whole seconds.
    pub write_date: String,
}

/// The call for one page of headers: paid orders that fit `domain`, and orders `also` whatever they are, with an id above
/// `after`, ordered by id. All of `domain` has to be met.
///
/// The id is the key of the paging, never a time: the closing of a session stamps hundreds of orders with one
/// write_date, and a keyset on time would skip some of them for ever.
pub fn headers(domain: &[Json], also: &[i64], after: i64, limit: usize) -> Call {
    let mut whole = vec![json!(["id", ">", after])];
    if !also.is_empty() {
        whole.extend([json!("|"), json!(["id", "in", also])]);
        whole.extend(std::iter::repeat_n(json!("&"), conditions(domain)));
    }
    whole.push(paid());
    whole.extend_from_slice(domain);
    header_page(whole, limit)
}

/// How many conditions a domain joins without saying so: an operator makes one of two.
fn conditions(domain: &[Json]) -> usize {
    let operators = domain.iter().filter(|part| matches!(part.as_str(), Some("&" | "|"))).count();
    let leaves = domain.iter().filter(|part| part.is_array()).count();
    leaves.saturating_sub(operators)
}

/// The models of which a record that is written by itself does not write its order, with the field that names the order.
pub const CHILDREN: [(&str, &str); 2] = [(PosLineModel::NAME, "order_id"), ("pos.payment", "pos_order_id")];

/// The call for one page of lines or payments that were written at or after `since`, with an id above `after`, ordered by id.
pub fn child_headers((model, parent): (&'static str, &'static str), since: &str, after: i64, limit: usize) -> Call {
    let domain = json!([["id", ">", after], ["write_date", ">=", since]]);
    Call::search_read(model, domain, &[parent, "write_date"]).arg("order", json!("id")).arg("limit", json!(limit))
}

/// When a line or payment was written, and of which order it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChildHeader {
    /// Database id.
    pub id: i64,
    /// Its order.
    #[serde(alias = "pos_order_id")]
    pub order_id: BranchRef<PosOrderModel>,
    /// UTC, whole seconds.
    pub write_date: String,
}

fn paid() -> Json {
    json!(["state", "in", ["paid", "done", "invoiced"]])
}

fn header_page(domain: Vec<Json>, limit: usize) -> Call {
    Call::search_read(PosOrderModel::NAME, Json::Array(domain), &["write_date"]).arg("order", json!("id")).arg("limit", json!(limit))
}

/// Who and when of drafts, with their external ids; those that are gone are left out. The external id says for certain
/// whether a draft is the one that was written, whatever people called it since.
pub fn draft_ids(ids: &[i64]) -> Call {
    Call::new(SaleOrderModel::NAME, "get_metadata").on(ids)
}

/// A draft and its external ids.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DraftIds {
    /// Database id.
    pub id: i64,
    /// Absent in Odoo 14, which names one only.
    #[serde(default)]
    xmlids: Option<Vec<Xmlid>>,
    #[serde(default)]
    xmlid: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Xmlid {
    xmlid: String,
}

impl DraftIds {
    /// Whether one of the external ids told is this one of ours, without the module part.
    pub fn has(&self, external_id: &str) -> bool {
        let ours = format!("{XMLID_MODULE}.{external_id}");
        self.xmlids.iter().flatten().map(|id| &id.xmlid).chain(&self.xmlid).any(|id| *id == ours)
    }

    /// Whether this is the draft of a branch's order. Where only one external id is told and it is somebody else's, ours is
    /// taken to stand behind it.
    pub fn is_of(&self, branch: &str, order: i64) -> bool {
        let begin = format!("{XMLID_MODULE}.{branch}-{order}-");
        match (&self.xmlids, &self.xmlid) {
            (Some(all), _) => all.iter().any(|id| id.xmlid.starts_with(&begin)),
            (None, Some(one)) => one.starts_with(&begin) || !one.starts_with(XMLID_MODULE),
            (None, None) => false,
        }
    }
}

/// Orders with all that belongs to them, by id; those that are gone or no longer visible are left out.
///
/// One call per model and page, never per order: orders, lines, payments, and lots if any line has one.
///
/// # Errors
/// As [`Odoo::call`].
pub async fn orders(branch: &Odoo, fields: &Fields, ids: &[BranchId<PosOrderModel>]) -> Result<Vec<PosOrder>, OdooError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    let children = |model: &'static str, parent: &str, fields: &[String]| {
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        Call::search_read(model, json!([[parent, "in", ids]]), &fields).arg("order", json!("id"))
    };
    let mut orders: Vec<PosOrder> = match branch.call(&children(PosOrderModel::NAME, "id", &fields.order)).await {
        // Who may not see invoices does not learn their names; that an order is invoiced its state says as well.
        Err(OdooError::Access(words)) if words.contains("account.move") => {
            let rest: Vec<String> = fields.order.iter().filter(|field| *field != ACCOUNT_MOVE).cloned().collect();
            branch.call(&children(PosOrderModel::NAME, "id", &rest)).await?
        }
        answer => answer?,
    };
    let lines: Vec<PosLine> = branch.call(&children(PosLineModel::NAME, "order_id", &fields.line)).await?;
    let payments: Vec<PosPayment> = branch.call(&children("pos.payment", "pos_order_id", &fields.payment)).await?;
    let lots = lot_names(branch, &lines).await?;

    let place: HashMap<_, _> = orders.iter().enumerate().map(|(at, order)| (order.id, at)).collect();
    for mut line in lines {
        line.lot_names = line.pack_lot_ids.iter().filter_map(|lot| lots.get(lot).cloned()).collect();
        if let Some(at) = place.get(&line.order_id.id) {
            orders[*at].lines.push(line);
        }
    }
    for payment in payments {
        if let Some(at) = place.get(&payment.pos_order_id.id) {
            orders[*at].payment_ids.push(payment);
        }
    }
    orders.iter_mut().for_each(dust_off);
    if !has(&fields.order, "refunded_order_id") {
        match has(&fields.line, "refunded_orderline_id") {
            true => originals_by_line(branch, &mut orders).await?,
            false => originals_by_receipt(branch, &mut orders).await?,
        }
    }
    Ok(orders)
}

/// Takes the dust off sums, which up to 16 were stored as they came out of floating-point arithmetic, and may still be so after an
/// upgrade. A price is no sum.
fn dust_off(order: &mut PosOrder) {
    let own = [&mut order.amount_total, &mut order.amount_tax, &mut order.amount_paid];
    let lines = order.lines.iter_mut().map(|line| &mut line.price_subtotal_incl);
    let payments = order.payment_ids.iter_mut().map(|payment| &mut payment.amount);
    for amount in own.into_iter().chain(lines).chain(payments) {
        *amount = dusted(*amount);
    }
}

/// The orders that refunds give back, where only lines name them (15 to 17 name the orders without their names).
async fn originals_by_line(branch: &Odoo, orders: &mut [PosOrder]) -> Result<(), OdooError> {
    #[derive(Deserialize)]
    struct Sold {
        id: i64,
        order_id: BranchRef<PosOrderModel>,
    }
    let refunded = |order: &PosOrder| -> Vec<i64> {
        order.lines.iter().filter_map(|line| line.refunded_orderline_id.as_ref()).map(|(line, _)| *line).collect()
    };
    let ids: Vec<i64> = orders.iter().flat_map(refunded).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let sold: Vec<Sold> = branch.call(&Call::read(PosLineModel::NAME, &ids, &["order_id"])).await?;
    let sold: HashMap<i64, BranchRef<PosOrderModel>> = sold.into_iter().map(|line| (line.id, line.order_id)).collect();
    for order in orders {
        let mut originals: Vec<&BranchRef<PosOrderModel>> = Vec::new();
        for original in refunded(order).iter().filter_map(|line| sold.get(line)) {
            if !originals.contains(&original) {
                originals.push(original);
            }
        }
        let names: Vec<&str> = originals.iter().map(|original| original.name.as_str()).collect();
        order.refunded_order_id = originals.first().map(|first| BranchRef { id: first.id, name: names.join(", ") });
    }
    Ok(())
}

/// The orders that refunds give back, where nothing names them (14): what the back office refunds keeps the receipt reference.
async fn originals_by_receipt(branch: &Odoo, orders: &mut [PosOrder]) -> Result<(), OdooError> {
    #[derive(Deserialize)]
    struct Sold {
        id: BranchId<PosOrderModel>,
        name: String,
        #[serde(default)]
        pos_reference: Option<String>,
    }
    let given_back = |order: &PosOrder| order.amount_total.is_sign_negative() && !order.amount_total.is_zero();
    let receipts: Vec<&String> = orders.iter().filter(|order| given_back(order)).filter_map(|order| order.pos_reference.as_ref()).collect();
    if receipts.is_empty() {
        return Ok(());
    }
    let domain = json!([["pos_reference", "in", receipts], ["amount_total", ">", 0]]);
    let sold: Vec<Sold> = branch.call(&Call::search_read(PosOrderModel::NAME, domain, &["name", "pos_reference"])).await?;
    for order in orders.iter_mut().filter(|order| given_back(order)) {
        let mut originals = sold.iter().filter(|sold| sold.pos_reference == order.pos_reference && sold.id.get() < order.id.get());
        if let (Some(one), None) = (originals.next(), originals.next()) {
            order.refunded_order_id = Some(BranchRef { id: one.id, name: one.name.clone() });
        }
    }
    Ok(())
}

async fn lot_names(branch: &Odoo, lines: &[PosLine]) -> Result<HashMap<BranchId<Lot>, String>, OdooError> {
    #[derive(Deserialize)]
    struct Named {
        id: BranchId<Lot>,
        #[serde(default)]
        lot_name: Option<String>,
    }
    let ids: Vec<i64> = lines.iter().flat_map(|line| &line.pack_lot_ids).map(|id| id.get()).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let lots: Vec<Named> = branch.call(&Call::read(Lot::NAME, &ids, &["lot_name"])).await?;
    Ok(lots.into_iter().filter_map(|lot| Some((lot.id, lot.lot_name?))).collect())
}

/// Products of a branch.
///
/// # Errors
/// As [`Odoo::call`].
pub async fn branch_products(branch: &Odoo, ids: &[i64]) -> Result<Vec<BranchProduct>, OdooError> {
    branch.call(&Call::read(Product::NAME, ids, &["name", "barcode", "default_code"])).await
}

/// Customers of a branch.
///
/// # Errors
/// As [`Odoo::call`].
pub async fn branch_partners(branch: &Odoo, ids: &[i64]) -> Result<Vec<BranchPartner>, OdooError> {
    branch.call(&Call::read(Partner::NAME, ids, &["name", "vat", "email", "ref"])).await
}

/// Taxes of a branch.
///
/// # Errors
/// As [`Odoo::call`].
pub async fn branch_taxes(branch: &Odoo, ids: &[i64]) -> Result<Vec<BranchTax>, OdooError> {
    branch.call(&Call::read(Tax::NAME, ids, &["name", "amount", "amount_type", "price_include"])).await
}

/// Users of a branch.
///
/// # Errors
/// As [`Odoo::call`].
pub async fn branch_users(branch: &Odoo, ids: &[i64]) -> Result<Vec<BranchUser>, OdooError> {
    branch.call(&Call::read(User::NAME, ids, &["login"])).await
}

/// What all drafts of one `load` have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftSettings {
    /// The company that sells; it is also the only one allowed in the call, so that no other's tax slips in.
    pub company_id: CentralId<Company>,
    /// Left to Odoo when not set.
    pub warehouse_id: Option<CentralId<Warehouse>>,
    /// Left to Odoo when not set.
    pub pricelist_id: Option<CentralId<Pricelist>>,
    /// Left to Odoo when not set.
    pub team_id: Option<CentralId<Team>>,
}

/// The create-once call (odoo-facts §0): in one transaction it creates every draft, its lines and its external id,
/// or, for an external id that exists, does nothing and answers the id. The one way an order is written.
pub fn create_once(drafts: &[SaleOrder], settings: &DraftSettings, central: &CentralFields) -> (Call, Rows) {
    let taxes = format!("order_line/{}/.id", central.taxes);
    let mut fields = vec![
        "id",
        "company_id/.id",
        "partner_id/.id",
        "client_order_ref",
        "origin",
        "date_order",
        "user_id/.id",
        "order_line/sequence",
        "order_line/display_type",
        "order_line/product_id/.id",
        "order_line/name",
        "order_line/product_uom_qty",
        "order_line/price_unit",
        "order_line/discount",
        taxes.as_str(),
    ];
    let shared = [
        ("warehouse_id/.id", settings.warehouse_id.map(CentralId::get)),
        ("pricelist_id/.id", settings.pricelist_id.map(CentralId::get)),
        ("team_id/.id", settings.team_id.map(CentralId::get)),
    ];
    let shared: Vec<(&str, i64)> = shared.into_iter().filter_map(|(field, id)| Some((field, id?))).collect();
    fields.extend(shared.iter().map(|(field, _)| *field));

    let mut rows = Vec::new();
    let mut firsts = Vec::with_capacity(drafts.len());
    for draft in drafts {
        firsts.push(rows.len());
        for (n, line) in draft.order_line.iter().enumerate() {
            let head = n == 0;
            let cell = |text: String| if head { text } else { String::new() };
            let mut row = vec![
                cell(planted::name(Bug::NewKeyEachTry, &draft.external_id)),
                cell(settings.company_id.to_string()),
                cell(draft.partner_id.to_string()),
                cell(draft.client_order_ref.clone()),
                cell(draft.origin.clone()),
                cell(draft.date_order.clone()),
                cell(draft.user_id.map(|id| id.to_string()).unwrap_or_default()),
            ];
            row.extend(line_cells(line, n + 1 == draft.order_line.len()));
            row.extend(shared.iter().map(|(_, id)| cell(id.to_string())));
            rows.push(row);
        }
    }
    (load(SaleOrderModel::NAME, &fields, &rows, settings.company_id), Rows { firsts, total: rows.len() })
}

fn line_cells(line: &SaleLine, last: bool) -> [String; 8] {
    // Above the closing note there is room for an adjustment line, which takes Odoo's default of 10.
    let sequence = if last { "20" } else { "10" }.to_owned();
    match line {
        SaleLine::Product { product_id, name, qty, price_unit, discount, tax_ids } => [
            sequence,
            String::new(),
            product_id.to_string(),
            name.clone(),
            qty.to_string(),
            price_unit.to_string(),
            discount.to_string(),
            tax_ids.iter().map(|id| id.to_string()).collect::<Vec<_>>().join(","),
        ],
        SaleLine::Note(text) => {
            let [a, b, c, d, e] = [const { String::new() }; 5];
            [sequence, "line_note".to_owned(), a, text.clone(), b, c, d, e]
        }
    }
}

/// A line that makes a draft's total equal to the till's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    /// The draft.
    pub order_id: CentralId<SaleOrderModel>,
    /// The draft's own external id; the line's is made from it.
    pub external_id: String,
    /// What is missing at central; negative = what is too much there.
    pub amount: crate::model::Amount,
}

/// What an adjustment line says; by it and its product one that an earlier try has added is known again.
const ADJUSTMENT_NAME: &str = "Rounding difference to the till";

/// Adds adjustment lines, each created once under its own external id.
pub fn adjust_once(
    adjustments: &[Adjustment],
    product: CentralId<Product>,
    company: CentralId<Company>,
    central: &CentralFields,
) -> (Call, Rows) {
    let taxes = format!("{}/.id", central.taxes);
    let fields = ["id", "order_id/.id", "product_id/.id", "name", "product_uom_qty", "price_unit", "discount", &taxes];
    let row = |adjustment: &Adjustment| {
        vec![
            planted::name(Bug::NewAdjustmentEachTry, &format!("{}-rounding", adjustment.external_id)),
            adjustment.order_id.to_string(),
            product.to_string(),
            ADJUSTMENT_NAME.to_owned(),
            "1".to_owned(),
            adjustment.amount.to_string(),
            "0".to_owned(),
            String::new(),
        ]
    };
    let rows: Vec<Vec<String>> = adjustments.iter().map(row).collect();
    (load("sale.order.line", &fields, &rows, company), Rows { firsts: (0..rows.len()).collect(), total: rows.len() })
}

/// An adjustment line that a draft has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Adjusted {
    /// Id and name of the draft.
    pub order_id: (i64, String),
    /// Without taxes, as it was written.
    pub price_unit: crate::model::Amount,
}

/// The adjustment lines of these drafts.
pub fn adjusted(orders: &[i64], product: CentralId<Product>) -> Call {
    let domain = json!([["order_id", "in", orders], ["product_id", "=", product.get()], ["name", "=", ADJUSTMENT_NAME]]);
    Call::search_read("sale.order.line", domain, &["order_id", "price_unit"])
}

fn load(model: &'static str, fields: &[&str], rows: &[Vec<String>], company: CentralId<Company>) -> Call {
    Call::new(model, "load")
        .arg("fields", json!(fields))
        .arg("data", json!(rows))
        .context("module", json!(XMLID_MODULE))
        .context("mode", json!(if planted(Bug::LoadInInitMode) { "init" } else { "update" }))
        .context("noupdate", json!(!planted(Bug::LoadWithoutNoupdate)))
        .context("allowed_company_ids", json!([company.get()]))
        .context("tracking_disable", json!(true))
}

/// Where each record's rows stand in the data of a `load`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    firsts: Vec<usize>,
    total: usize,
}

impl Rows {
    /// Where each record begins, and how many rows there are.
    pub fn new(firsts: Vec<usize>, total: usize) -> Self {
        Self { firsts, total }
    }

    /// How many rows the call has.
    pub fn total(&self) -> usize {
        self.total
    }

    /// The record that a row belongs to, by its place in the batch.
    pub fn record_at(&self, row: usize) -> Option<usize> {
        if row < self.total { self.firsts.partition_point(|first| *first <= row).checked_sub(1) } else { None }
    }
}

/// What `load` answers. A refusal is not a fault: `ids` is `False` and the messages say why.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Loaded {
    /// One id for each record, in the order given; `None` = nothing was written.
    pub ids: Option<Vec<i64>>,
    /// Complaints.
    #[serde(default)]
    pub messages: Vec<Message>,
}

/// A complaint of `load`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Message {
    /// `error` or `warning`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Odoo's words.
    pub message: String,
    /// The rows it is about; absent on a summary.
    #[serde(default)]
    pub rows: Option<RowRange>,
}

/// First and last row of a record in the data of a `load`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct RowRange {
    /// First row.
    pub from: usize,
    /// Last row.
    pub to: usize,
}

/// A draft as central holds it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Draft {
    /// Database id.
    pub id: CentralId<SaleOrderModel>,
    /// `S00042`.
    pub name: String,
    /// `draft`, `sent`, `sale`, `cancel`; up to 16 also `done`, when it is locked.
    pub state: String,
    /// With taxes.
    pub amount_total: crate::model::Amount,
    /// The taxes in it.
    pub amount_tax: crate::model::Amount,
    create_date: String,
    write_date: String,
}

impl Draft {
    /// Whether nobody has written it since it was created, in one transaction and so at one time.
    pub fn untouched(&self) -> bool {
        self.state == "draft" && self.create_date == self.write_date
    }
}

/// Drafts by id; those that are gone are left out.
pub fn drafts(ids: &[i64]) -> Call {
    Call::read(SaleOrderModel::NAME, ids, &["name", "state", "amount_total", "amount_tax", "create_date", "write_date"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_lacks_a_needed_field_is_told_all_of_them() {
        let found = |fields: &[&str]| fields.iter().map(|field| (*field).to_owned()).collect::<Vec<_>>();
        assert_eq!(all_there("pos.payment", NEEDED[2].1, &found(&["amount", "pos_order_id", "payment_method_id"])), Ok(()));
        let missing = all_there("pos.payment", NEEDED[2].1, &found(&["amount"]));
        assert_eq!(missing, Err(OdooError::FieldUnknown("Invalid field 'pos_order_id, payment_method_id' on 'pos.payment'".to_owned())));
    }
}
