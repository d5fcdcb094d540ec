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

/// Money and quantities. Never a float: Odoo's doubles are read through their shortest decimal text.
pub type Amount = Decimal;

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
