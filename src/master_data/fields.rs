//! Which fields of each kind are sent, with their labels in Odoo's forms. One table; Odoo 19's names.

use crate::model::Kind;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Text as it stands.
    Text,
    /// Yes or no.
    Flag,
    /// A number, rounded to the branch's digits before it is compared.
    Number,
    /// One of a list of technical words.
    Choice,
    /// A date or a time, as Odoo's text.
    Time,
    /// A picture; only its checksum is compared.
    Image,
    /// Another record of master data.
    One(Kind),
    /// Several.
    Many(Kind),
    /// A record that every Odoo has by itself and that is never sent: found by this field of this model.
    Known(&'static str, &'static str),
}

/// A field that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Odoo's name.
    pub name: &'static str,
    /// Its label for people.
    pub label: &'static str,
    /// What it holds.
    pub of: Type,
}

const fn field(name: &'static str, label: &'static str, of: Type) -> Field {
    Field { name, label, of }
}

/// The fields of a kind, in the order in which people read them.
pub fn fields(kind: Kind) -> &'static [Field] {
    use Type::*;
    match kind {
        Kind::Unit => {
            const {
                &[
                    field("name", "name", Text),
                    field("relative_factor", "contains", Number),
                    field("relative_uom_id", "of", One(Kind::Unit)),
                ]
            }
        }
        Kind::Tax => {
            const {
                &[
                    field("name", "name", Text),
                    field("amount_type", "computation", Choice),
                    field("amount", "amount", Number),
                    field("type_tax_use", "type", Choice),
                    field("price_include", "included in the price", Flag),
                    field("include_base_amount", "affects the base of later taxes", Flag),
                    field("is_base_affected", "base affected by earlier taxes", Flag),
                    field("sequence", "sequence", Number),
                    field("invoice_label", "label on invoices", Text),
                    field("children_tax_ids", "taxes of the group", Many(Kind::Tax)),
                    field("active", "active", Flag),
                ]
            }
        }
        Kind::PosCategory => {
            const {
                &[
                    field("name", "name", Text),
                    field("parent_id", "parent category", One(Kind::PosCategory)),
                    field("sequence", "sequence", Number),
                ]
            }
        }
        Kind::ProductCategory => {
            const { &[field("name", "name", Text), field("parent_id", "parent category", One(Kind::ProductCategory))] }
        }
        Kind::Attribute => {
            const {
                &[
                    field("name", "name", Text),
                    field("create_variant", "variant creation", Choice),
                    field("display_type", "display type", Choice),
                    field("sequence", "sequence", Number),
                ]
            }
        }
        Kind::AttributeValue => {
            const {
                &[
                    field("name", "name", Text),
                    field("attribute_id", "attribute", One(Kind::Attribute)),
                    field("sequence", "sequence", Number),
                    field("html_color", "color", Text),
                ]
            }
        }
        Kind::Product => {
            const {
                &[
                    field("name", "name", Text),
                    field("default_code", "Internal Reference", Text),
                    field("barcode", "barcode", Text),
                    field("list_price", "sales price", Number),
                    field("taxes_id", "sales taxes", Many(Kind::Tax)),
                    field("pos_categ_ids", "POS categories", Many(Kind::PosCategory)),
                    field("categ_id", "product category", One(Kind::ProductCategory)),
                    field("uom_id", "unit", One(Kind::Unit)),
                    field("standard_price", "cost", Number),
                    field("type", "product type", Choice),
                    field("is_storable", "track inventory", Flag),
                    field("tracking", "tracking", Choice),
                    field("sale_ok", "sales", Flag),
                    field("available_in_pos", "point of sale", Flag),
                    field("to_weight", "to weigh with scale", Flag),
                    field("weight", "weight", Number),
                    field("description_sale", "sales description", Text),
                    field("public_description", "product description", Text),
                    field("image_1920", "image", Image),
                    field("active", "active", Flag),
                ]
            }
        }
        Kind::ExtraPrice => const { &[field("price_extra", "extra price", Number)] },
        Kind::Variant => {
            const {
                &[
                    field("default_code", "Internal Reference", Text),
                    field("barcode", "barcode", Text),
                    field("standard_price", "cost", Number),
                    field("weight", "weight", Number),
                    field("image_variant_1920", "image", Image),
                    field("active", "active", Flag),
                ]
            }
        }
        Kind::Pricelist => {
            const {
                &[
                    field("name", "name", Text),
                    field("currency_id", "currency", Known("res.currency", "name")),
                    field("sequence", "sequence", Number),
                    field("active", "active", Flag),
                ]
            }
        }
        Kind::PricelistItem => {
            const {
                &[
                    field("pricelist_id", "pricelist", One(Kind::Pricelist)),
                    field("applied_on", "applied on", Choice),
                    field("categ_id", "product category", One(Kind::ProductCategory)),
                    field("product_tmpl_id", "product", One(Kind::Product)),
                    field("product_id", "variant", One(Kind::Variant)),
                    field("min_quantity", "minimum quantity", Number),
                    field("date_start", "from", Time),
                    field("date_end", "until", Time),
                    field("compute_price", "price type", Choice),
                    field("fixed_price", "fixed price", Number),
                    field("percent_price", "discount", Number),
                    field("base", "based on", Choice),
                    field("base_pricelist_id", "other pricelist", One(Kind::Pricelist)),
                    field("price_discount", "formula discount", Number),
                    field("price_surcharge", "extra fee", Number),
                    field("price_round", "round off to", Number),
                    field("price_min_margin", "minimum margin", Number),
                    field("price_max_margin", "maximum margin", Number),
                ]
            }
        }
        Kind::Customer => {
            const {
                &[
                    field("name", "name", Text),
                    field("is_company", "company", Flag),
                    field("parent_id", "company of the contact", One(Kind::Customer)),
                    field("type", "address type", Choice),
                    field("ref", "reference", Text),
                    field("street", "street", Text),
                    field("street2", "street 2", Text),
                    field("zip", "zip", Text),
                    field("city", "city", Text),
                    field("state_id", "state", Known("res.country.state", "code")),
                    field("country_id", "country", Known("res.country", "code")),
                    field("vat", "VAT number", Text),
                    field("email", "e-mail", Text),
                    field("phone", "phone", Text),
                    field("mobile", "mobile", Text),
                    field("property_product_pricelist", "pricelist", One(Kind::Pricelist)),
                    field("active", "active", Flag),
                ]
            }
        }
        Kind::PaymentMethod => {
            const {
                &[
                    field("name", "name", Text),
                    field("journal_id", "journal", Known("account.journal", "name")),
                    field("split_transactions", "identify customer", Flag),
                    field("sequence", "sequence", Number),
                    field("active", "active", Flag),
                ]
            }
        }
    }
}
