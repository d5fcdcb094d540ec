//! The kinds of master data that are sent from central to a branch.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Language;

/// A kind of master data. The order is the order of need: what stands later may name what stands before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `uom.uom`
    Unit,
    /// `account.tax`, of sales
    Tax,
    /// `pos.category`
    PosCategory,
    /// `product.category`
    ProductCategory,
    /// `product.attribute`
    Attribute,
    /// `product.attribute.value`
    AttributeValue,
    /// `product.template`
    Product,
    /// `product.template.attribute.value`: what a value of an attribute adds to a product's price
    ExtraPrice,
    /// `product.product` of a product with attributes
    Variant,
    /// `product.pricelist`
    Pricelist,
    /// `product.pricelist.item`
    PricelistItem,
    /// `res.partner`
    Customer,
    /// `pos.payment.method`
    PaymentMethod,
}

impl Kind {
    /// All kinds, in the order of need.
    pub const ALL: [Kind; 13] = [
        Kind::Unit,
        Kind::Tax,
        Kind::PosCategory,
        Kind::ProductCategory,
        Kind::Attribute,
        Kind::AttributeValue,
        Kind::Product,
        Kind::ExtraPrice,
        Kind::Variant,
        Kind::Pricelist,
        Kind::PricelistItem,
        Kind::Customer,
        Kind::PaymentMethod,
    ];

    /// The kinds that people choose; the others go along when they are needed.
    pub const CHOSEN: [Kind; 5] = [Kind::Product, Kind::Customer, Kind::Tax, Kind::PaymentMethod, Kind::Pricelist];

    /// The stable name, as in `log --json`, `send --json` and the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Unit => "unit",
            Kind::Tax => "tax",
            Kind::PosCategory => "pos_category",
            Kind::ProductCategory => "product_category",
            Kind::Attribute => "attribute",
            Kind::AttributeValue => "attribute_value",
            Kind::Product => "product",
            Kind::ExtraPrice => "extra_price",
            Kind::Variant => "variant",
            Kind::Pricelist => "pricelist",
            Kind::PricelistItem => "pricelist_item",
            Kind::Customer => "customer",
            Kind::PaymentMethod => "payment_method",
        }
    }

    /// The kind of a stable name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The table in `[branch.CODE.send]` and the flag of `posbridge send` (with `_` for `-`) that chooses it; only of
    /// [`Kind::CHOSEN`].
    pub fn table(self) -> &'static str {
        match self {
            Kind::Customer => "customers",
            Kind::Tax => "taxes",
            Kind::PaymentMethod => "payment_methods",
            Kind::Pricelist => "pricelists",
            _ => "products",
        }
    }

    /// Odoo's model.
    pub fn model(self) -> &'static str {
        match self {
            Kind::Unit => "uom.uom",
            Kind::Tax => "account.tax",
            Kind::PosCategory => "pos.category",
            Kind::ProductCategory => "product.category",
            Kind::Attribute => "product.attribute",
            Kind::AttributeValue => "product.attribute.value",
            Kind::Product => "product.template",
            Kind::ExtraPrice => "product.template.attribute.value",
            Kind::Variant => "product.product",
            Kind::Pricelist => "product.pricelist",
            Kind::PricelistItem => "product.pricelist.item",
            Kind::Customer => "res.partner",
            Kind::PaymentMethod => "pos.payment.method",
        }
    }

    /// For people, e.g. `POS category`.
    pub fn label(self) -> &'static str {
        match self {
            Kind::Unit => "unit",
            Kind::Tax => "tax",
            Kind::PosCategory => "POS category",
            Kind::ProductCategory => "product category",
            Kind::Attribute => "attribute",
            Kind::AttributeValue => "attribute value",
            Kind::Product => "product",
            Kind::ExtraPrice => "extra price",
            Kind::Variant => "variant",
            Kind::Pricelist => "pricelist",
            Kind::PricelistItem => "price rule",
            Kind::Customer => "customer",
            Kind::PaymentMethod => "payment method",
        }
    }

    /// The same in a language.
    pub fn label_in(self, language: Language) -> &'static str {
        match language {
            Language::English => self.label(),
            Language::German => match self {
                Kind::Unit => "Maßeinheit",
                Kind::Tax => "Steuer",
                Kind::PosCategory => "Kassenkategorie",
                Kind::ProductCategory => "Produktkategorie",
                Kind::Attribute => "Attribut",
                Kind::AttributeValue => "Attributwert",
                Kind::Product => "Produkt",
                Kind::ExtraPrice => "Aufpreis",
                Kind::Variant => "Variante",
                Kind::Pricelist => "Preisliste",
                Kind::PricelistItem => "Preisregel",
                Kind::Customer => "Kunde",
                Kind::PaymentMethod => "Zahlungsmethode",
            },
        }
    }

    /// Several of them, e.g. `POS categories`.
    pub fn plural_in(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::English, Kind::Unit) => "units",
            (Language::English, Kind::Tax) => "taxes",
            (Language::English, Kind::PosCategory) => "POS categories",
            (Language::English, Kind::ProductCategory) => "product categories",
            (Language::English, Kind::Attribute) => "attributes",
            (Language::English, Kind::AttributeValue) => "attribute values",
            (Language::English, Kind::Product) => "products",
            (Language::English, Kind::ExtraPrice) => "extra prices",
            (Language::English, Kind::Variant) => "variants",
            (Language::English, Kind::Pricelist) => "pricelists",
            (Language::English, Kind::PricelistItem) => "price rules",
            (Language::English, Kind::Customer) => "customers",
            (Language::English, Kind::PaymentMethod) => "payment methods",
            (Language::German, Kind::Unit) => "Maßeinheiten",
            (Language::German, Kind::Tax) => "Steuern",
            (Language::German, Kind::PosCategory) => "Kassenkategorien",
            (Language::German, Kind::ProductCategory) => "Produktkategorien",
            (Language::German, Kind::Attribute) => "Attribute",
            (Language::German, Kind::AttributeValue) => "Attributwerte",
            (Language::German, Kind::Product) => "Produkte",
            (Language::German, Kind::ExtraPrice) => "Aufpreise",
            (Language::German, Kind::Variant) => "Varianten",
            (Language::German, Kind::Pricelist) => "Preislisten",
            (Language::German, Kind::PricelistItem) => "Preisregeln",
            (Language::German, Kind::Customer) => "Kunden",
            (Language::German, Kind::PaymentMethod) => "Zahlungsmethoden",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_lead_back_and_each_kind_has_a_model_of_its_own() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(Kind::parse("products"), None);
        // Scripts and ledgers rely on them.
        let names = Kind::ALL.map(Kind::as_str).join(" ");
        let kept = "unit tax pos_category product_category attribute attribute_value product extra_price variant pricelist \
                    pricelist_item customer payment_method";
        assert_eq!(names, kept);
        assert_eq!(Kind::ALL.map(Kind::model).into_iter().collect::<BTreeSet<_>>().len(), Kind::ALL.len());
        assert_eq!((Kind::Product.model(), Kind::Customer.model()), ("product.template", "res.partner"));
    }
}
