//! The nouns of the bridge: ids typed by side, amounts, the records of a branch as they are kept.
//!
//! Pure: no clock, no network, no database. Structs carry Odoo's own field names, so that a reader who knows
//! Odoo needs no dictionary. What differs between Odoo versions is decided in `odoo::records`, never here.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

mod day;
mod kind;
mod language;
mod protocol;
mod receipt;

pub use day::{CentralOrder, SoldOrder};
pub use kind::Kind;
pub use language::Language;
pub use protocol::Protocol;
pub use receipt::{Names, Receipt, ReceiptLine};

/// Money and quantities. Never a float: Odoo's doubles are read through their shortest decimal text.
pub type Amount = Decimal;

/// Whether two amounts are the same money. Odoo stores totals rounded to the currency; before 17 some carry the
/// noise of a float, far below the smallest coin of any currency.
pub fn same_money(a: Amount, b: Amount) -> bool {
    const NOISE: Decimal = Decimal::from_parts(1, 0, 0, false, 6);
    a.saturating_sub(b).abs() < NOISE
}

/// Adds to a sum, which cannot fail: an amount that no till can take is not worth a panic.
pub fn plus(sum: &mut Amount, amount: Amount) {
    *sum = sum.saturating_add(amount);
}

/// A sum, as [`plus`] makes it.
pub fn sum(amounts: impl IntoIterator<Item = Amount>) -> Amount {
    amounts.into_iter().fold(Amount::ZERO, Amount::saturating_add)
}

/// The Odoo model that an id belongs to; a type of its own for each model that crosses the bridge.
pub trait Model {
    /// Odoo's technical name, e.g. `product.product`.
    const NAME: &'static str;
}

macro_rules! models {
    ($($(#[$doc:meta])* $name:ident = $odoo:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {}
        impl Model for $name { const NAME: &'static str = $odoo; }
    )*};
}

models! {
    /// `pos.order`
    PosOrderModel = "pos.order";
    /// `pos.order.line`
    PosLineModel = "pos.order.line";
    /// `sale.order`
    SaleOrderModel = "sale.order";
    /// `product.product`
    Product = "product.product";
    /// `res.partner`
    Partner = "res.partner";
    /// `account.tax`
    Tax = "account.tax";
    /// `res.users`
    User = "res.users";
    /// `res.company`
    Company = "res.company";
    /// `stock.warehouse`
    Warehouse = "stock.warehouse";
    /// `product.pricelist`
    Pricelist = "product.pricelist";
    /// `crm.team`
    Team = "crm.team";
}

macro_rules! side_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name<M>(i64, PhantomData<M>);

        impl<M> $name<M> {
            /// Wraps a database id that was read from this side.
            pub fn new(id: i64) -> Self { Self(id, PhantomData) }
            /// The bare database id, for a call to the same side or for the ledger.
            pub fn get(self) -> i64 { self.0 }
        }
        impl<M> Clone for $name<M> { fn clone(&self) -> Self { *self } }
        impl<M> Copy for $name<M> {}
        impl<M> PartialEq for $name<M> { fn eq(&self, other: &Self) -> bool { self.0 == other.0 } }
        impl<M> Eq for $name<M> {}
        impl<M> PartialOrd for $name<M> { fn partial_cmp(&self, other: &Self) -> Option<Ordering> { Some(self.cmp(other)) } }
        impl<M> Ord for $name<M> { fn cmp(&self, other: &Self) -> Ordering { self.0.cmp(&other.0) } }
        impl<M> Hash for $name<M> { fn hash<H: Hasher>(&self, state: &mut H) { self.0.hash(state) } }
        impl<M> fmt::Debug for $name<M> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, concat!(stringify!($name), "({})"), self.0) }
        }
        impl<M> fmt::Display for $name<M> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }
        impl<M> Serialize for $name<M> {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.serialize_i64(self.0) }
        }
        impl<'de, M> Deserialize<'de> for $name<M> {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> { i64::deserialize(d).map(Self::new) }
        }
    };
}

side_id!(
    /// A database id at a branch. Does not compile where a central id is wanted.
    BranchId
);
side_id!(
    /// A database id at central. Does not compile where a branch id is wanted.
    CentralId
);

/// The code of a branch: `a-z 0-9 _`, 1 to 32 characters. It is part of every external id, so it never changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BranchCode(String);

impl BranchCode {
    /// Longest code: with the order id and a uuid the external id stays well under 128 characters.
    pub const MAX_LEN: usize = 32;

    /// Checks a code as it stands in branches.toml.
    pub fn new(code: &str) -> Result<Self, String> {
        let fits = (1..=Self::MAX_LEN).contains(&code.len());
        let clean = code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if fits && clean {
            Ok(Self(code.to_owned()))
        } else {
            Err(format!("a branch code has 1 to {} characters of a-z, 0-9 and _; this one is {code:?}", Self::MAX_LEN))
        }
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for BranchCode {
    type Error = String;
    fn try_from(code: String) -> Result<Self, String> {
        Self::new(&code)
    }
}

impl From<BranchCode> for String {
    fn from(code: BranchCode) -> String {
        code.0
    }
}

impl fmt::Display for BranchCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

models! {
    /// `pos.session`
    Session = "pos.session";
    /// `pos.config`, what people call a shop
    Shop = "pos.config";
    /// `res.currency`
    Currency = "res.currency";
    /// `hr.employee`
    Employee = "hr.employee";
    /// `account.move`
    Invoice = "account.move";
    /// `pos.payment.method`
    PaymentMethod = "pos.payment.method";
    /// `pos.pack.operation.lot`
    Lot = "pos.pack.operation.lot";
    /// `pos.payment`
    Payment = "pos.payment";
}

/// A many2one of a branch as Odoo gives it: `[id, display_name]`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(i64, String)", into = "(i64, String)", bound = "")]
pub struct BranchRef<M> {
    /// The record.
    pub id: BranchId<M>,
    /// Its name there, for people.
    pub name: String,
}

impl<M> Clone for BranchRef<M> {
    fn clone(&self) -> Self {
        Self { id: self.id, name: self.name.clone() }
    }
}

impl<M> From<(i64, String)> for BranchRef<M> {
    fn from((id, name): (i64, String)) -> Self {
        Self { id: BranchId::new(id), name }
    }
}

impl<M> From<BranchRef<M>> for (i64, String) {
    fn from(named: BranchRef<M>) -> Self {
        (named.id.get(), named.name)
    }
}

/// A `pos.order` with its lines and payments, as the branch gave it. Kept in the ledger as JSON.
///
/// Odoo 19's names; an older Odoo's are turned into these by `odoo::records`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PosOrder {
    /// Database id.
    pub id: BranchId<PosOrderModel>,
    /// Made by the till; the witness of the id. Absent before Odoo 18.
    #[serde(default)]
    pub uuid: Option<String>,
    /// `/` is possible.
    #[serde(default)]
    pub name: Option<String>,
    /// Receipt reference. Not unique, sometimes empty.
    #[serde(default)]
    pub pos_reference: Option<String>,
    /// UTC, the till's clock: `YYYY-MM-DD HH:MM:SS`.
    pub date_order: String,
    /// UTC, whole seconds; moved by every write of the order.
    pub write_date: String,
    /// `paid`, `done` or `invoiced`.
    pub state: String,
    /// Can be empty on Odoo 19 for orders planned ahead.
    #[serde(default)]
    pub session_id: Option<BranchRef<Session>>,
    /// The shop.
    #[serde(default)]
    pub config_id: Option<BranchRef<Shop>>,
    /// The selling company.
    pub company_id: BranchRef<Company>,
    /// Whose log-in the till ran under.
    #[serde(default)]
    pub user_id: Option<BranchRef<User>>,
    /// The cashier, where pos_hr is installed.
    #[serde(default)]
    pub employee_id: Option<BranchRef<Employee>>,
    /// The named customer.
    #[serde(default)]
    pub partner_id: Option<BranchRef<Partner>>,
    /// The currency of all amounts here.
    #[serde(default)]
    pub currency_id: Option<BranchRef<Currency>>,
    /// With taxes.
    pub amount_total: Amount,
    /// The taxes in it.
    pub amount_tax: Amount,
    /// Sum of the payments.
    pub amount_paid: Amount,
    /// The invoice that the branch made.
    #[serde(default)]
    pub account_move: Option<BranchRef<Invoice>>,
    /// The order that this one refunds.
    #[serde(default)]
    pub refunded_order_id: Option<BranchRef<PosOrderModel>>,
    /// What the cashier noted for the customer.
    #[serde(default, alias = "general_note", alias = "note")]
    pub general_customer_note: Option<String>,
    /// In the till's order.
    #[serde(default)]
    pub lines: Vec<PosLine>,
    /// Change is a payment with a negative amount.
    #[serde(default)]
    pub payment_ids: Vec<PosPayment>,
}

/// A `pos.order.line`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PosLine {
    /// Database id.
    pub id: BranchId<PosLineModel>,
    /// Its order.
    pub order_id: BranchRef<PosOrderModel>,
    /// What was sold.
    pub product_id: BranchRef<Product>,
    /// The name on the receipt, with its attributes.
    #[serde(default)]
    pub full_product_name: Option<String>,
    /// Negative in a refund.
    pub qty: Amount,
    /// Contains the taxes exactly if the applied taxes are included ones.
    pub price_unit: Amount,
    /// Percent, as many decimals as were typed.
    pub discount: Amount,
    /// Kept, never used: Odoo 19's till stores it positive for refunds, the back office negative.
    pub price_subtotal_incl: Amount,
    /// The taxes applied, after the fiscal position.
    #[serde(default)]
    pub tax_ids_after_fiscal_position: Vec<BranchId<Tax>>,
    /// What the cashier noted on the line.
    #[serde(default)]
    pub customer_note: Option<String>,
    /// The line that this one refunds.
    #[serde(default)]
    pub refunded_orderline_id: Option<(i64, String)>,
    /// The lines of the combo that this line stands for.
    #[serde(default)]
    pub combo_line_ids: Vec<BranchId<PosLineModel>>,
    /// The lots and serials, by id until their names are read.
    #[serde(default)]
    pub pack_lot_ids: Vec<BranchId<Lot>>,
    /// Their names.
    #[serde(default)]
    pub lot_names: Vec<String>,
}

/// A `pos.payment`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PosPayment {
    /// Database id.
    pub id: BranchId<Payment>,
    /// Its order.
    pub pos_order_id: BranchRef<PosOrderModel>,
    /// How.
    pub payment_method_id: BranchRef<PaymentMethod>,
    /// Negative for change and for money given back.
    pub amount: Amount,
    /// Whether this is the change.
    #[serde(default)]
    pub is_change: bool,
}

impl PosOrder {
    /// What people call the order: the receipt reference, else the name, else the id.
    pub fn reference(&self) -> String {
        reference(self.id.get(), self.pos_reference.as_deref(), self.name.as_deref())
    }

    /// What says that two orders with one id are one order: the till's uuid.
    ///
    /// Letters, digits and dashes only, since it becomes part of an external id (a dot would end the module part,
    /// a blank is refused by Odoo's check). Whatever else stands there is replaced by its hash, as is an order
    /// without a uuid by the hash of what its receipt says.
    pub fn witness(&self) -> String {
        let session = self.session_id.as_ref().map_or("", |session| &session.name);
        witness(self.uuid.as_deref(), self.pos_reference.as_deref(), &self.date_order, session)
    }

    /// The witness that it had before Odoo 18, when orders had no uuid.
    pub fn witness_before_uuids(&self) -> String {
        let session = self.session_id.as_ref().map_or("", |session| &session.name);
        witness(None, self.pos_reference.as_deref(), &self.date_order, session)
    }

    /// Whether the branch has invoiced it. Up to 18 its state says so, also to who may not see the invoice.
    pub fn is_invoiced(&self) -> bool {
        self.account_move.is_some() || self.state == "invoiced"
    }

    /// A hash of what was sold and paid; unmoved by the closing of the session, which rewrites state and write_date
    /// of every order in it, and by new names of what the order points at.
    pub fn content_hash(&self) -> String {
        let mut content = serde_json::to_value(self).unwrap_or_default();
        content["state"].take();
        content["write_date"].take();
        forget_names(&mut content);
        short_hash(&[&content.to_string()])
    }
}

/// Decimals beyond these are dust of floating-point arithmetic, as in the `21.830000000000002` that Odoo 16 and older store; no
/// currency has so many.
const DUST: u32 = 8;

/// An amount without its dust.
pub fn dusted(amount: Amount) -> Amount {
    if amount.scale() > DUST { amount.round_dp(DUST).normalize() } else { amount }
}

/// See [`PosOrder::reference`].
fn reference(id: i64, pos_reference: Option<&str>, name: Option<&str>) -> String {
    let said = |text: Option<&str>| text.map(str::trim).filter(|t| !t.is_empty() && *t != "/").map(str::to_owned);
    said(pos_reference).or_else(|| said(name)).unwrap_or_else(|| format!("#{id}"))
}

/// See [`PosOrder::witness`].
fn witness(uuid: Option<&str>, pos_reference: Option<&str>, date_order: &str, session: &str) -> String {
    const LONGEST_UUID: usize = 40;
    let plain = |uuid: &str| uuid.len() <= LONGEST_UUID && uuid.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match uuid.filter(|uuid| !uuid.is_empty()) {
        Some(uuid) if plain(uuid) => uuid.to_owned(),
        Some(uuid) => short_hash(&[uuid]),
        None => short_hash(&[pos_reference.unwrap_or_default(), date_order, session]),
    }
}

/// Makes of every `[id, name]` the id.
fn forget_names(value: &mut serde_json::Value) {
    use serde_json::Value;
    match value {
        Value::Array(items) => match items.as_slice() {
            [Value::Number(id), Value::String(_)] => *value = Value::Number(id.clone()),
            _ => items.iter_mut().for_each(forget_names),
        },
        Value::Object(fields) => fields.values_mut().for_each(forget_names),
        _ => {}
    }
}

/// 128 bits of SHA-256 over the parts, as hexadecimal text.
fn short_hash(parts: &[&str]) -> String {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// A product of a branch, as far as matching needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchProduct {
    /// Database id.
    pub id: BranchId<Product>,
    /// Its name.
    pub name: String,
    /// Its barcode.
    #[serde(default)]
    pub barcode: Option<String>,
    /// Its Internal Reference.
    #[serde(default)]
    pub default_code: Option<String>,
}

/// A customer of a branch, as far as matching needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchPartner {
    /// Database id.
    pub id: BranchId<Partner>,
    /// Name; contacts of a company can have none.
    #[serde(default)]
    pub name: Option<String>,
    /// Tax id.
    #[serde(default)]
    pub vat: Option<String>,
    /// E-mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// Reference.
    #[serde(default, rename = "ref")]
    pub reference: Option<String>,
}

/// A tax of a branch, as far as matching needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchTax {
    /// Database id.
    pub id: BranchId<Tax>,
    /// Its name.
    pub name: String,
    /// Percent, or money for a fixed tax.
    pub amount: Amount,
    /// `percent`, `fixed`, `division`, `group`, …
    pub amount_type: String,
    /// Whether prices contain it.
    pub price_include: bool,
}

/// A user of a branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchUser {
    /// Database id.
    pub id: BranchId<User>,
    /// What he logs in with.
    pub login: String,
}

/// A product at central.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CentralProduct {
    /// Database id.
    pub id: CentralId<Product>,
    /// Its name, for people.
    pub display_name: String,
    /// Its barcode.
    #[serde(default)]
    pub barcode: Option<String>,
    /// Its Internal Reference.
    #[serde(default)]
    pub default_code: Option<String>,
    /// False when archived.
    pub active: bool,
    /// When it was made, as Odoo writes times.
    #[serde(default, rename = "create_date")]
    pub made: Option<String>,
}

/// A customer at central.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CentralPartner {
    /// Database id.
    pub id: CentralId<Partner>,
    /// Name, for people.
    pub display_name: String,
    /// Name.
    #[serde(default)]
    pub name: Option<String>,
    /// Tax id.
    #[serde(default)]
    pub vat: Option<String>,
    /// E-mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// Reference.
    #[serde(default, rename = "ref")]
    pub reference: Option<String>,
    /// The company that this contact belongs to.
    #[serde(default)]
    pub parent_id: Option<(i64, String)>,
    /// When it was made, as Odoo writes times.
    #[serde(default, rename = "create_date")]
    pub made: Option<String>,
}

/// A sales tax at central, of one company.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CentralTax {
    /// Database id.
    pub id: CentralId<Tax>,
    /// Its name.
    pub name: String,
    /// Percent, or money for a fixed tax.
    pub amount: Amount,
    /// `percent`, `fixed`, `division`, `group`, …
    pub amount_type: String,
    /// Whether prices contain it.
    pub price_include: bool,
    /// When it was made, as Odoo writes times.
    #[serde(default, rename = "create_date")]
    pub made: Option<String>,
}

/// A draft sales order as it will be written: what architecture calls the contract of the draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SaleOrder {
    /// `<branch>-<id>-<witness>`, without the module part.
    pub external_id: String,
    /// `<branch>/<receipt reference>`.
    pub client_order_ref: String,
    /// The session's name.
    pub origin: String,
    /// UTC.
    pub date_order: String,
    /// The customer.
    pub partner_id: CentralId<Partner>,
    /// The salesperson; none is written as none.
    pub user_id: Option<CentralId<User>>,
    /// Lines in the till's order; the last one is the note with the payments.
    pub order_line: Vec<SaleLine>,
}

/// A line of a draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SaleLine {
    /// A product, a discount, a tip: whatever has a price.
    Product {
        /// The product at central.
        product_id: CentralId<Product>,
        /// Description.
        name: String,
        /// `product_uom_qty`.
        qty: Amount,
        /// `price_unit`.
        price_unit: Amount,
        /// Percent.
        discount: Amount,
        /// `tax_ids`; empty = untaxed.
        tax_ids: Vec<CentralId<Tax>>,
    },
    /// Text only (`line_note`).
    Note(String),
}
