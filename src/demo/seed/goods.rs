//! Master data beyond the common articles: what only central has and is to be sent, and what a branch has by itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Seeder, text};
use crate::demo::orm::Values;
use crate::demo::wire::Value;

/// A PNG of one pixel, red at central's first article; what a picture shows does not matter here, that it differs does.
const PIXEL: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde\0\0\0\x0cIDATx\x9cc\xf8\xcf\xc0\0\0\x03\x01\x01\0";

/// A picture that differs from all with another number, as base64.
pub fn picture(number: u32) -> String {
    let mut bytes = PIXEL.to_vec();
    bytes.extend(number.to_be_bytes());
    STANDARD.encode(bytes)
}

/// Name, code, and the states likewise.
type Country = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Countries with their codes, and the states of some.
const COUNTRIES: [Country; 3] =
    [("Albania", "AL", &[]), ("Germany", "DE", &[("Bavaria", "BY"), ("Hesse", "HE")]), ("United States", "US", &[("California", "CA")])];

impl Seeder<'_> {
    /// Languages, countries and journals: every Odoo has these by itself.
    pub(super) fn surroundings(&mut self, reversed: bool) {
        for (name, code, active) in
            [("English (US)", "en_US", true), ("Albanian / Shqip", "sq_AL", true), ("French / Français", "fr_FR", false)]
        {
            self.add("res.lang", [("name", text(name)), ("code", text(code)), ("active", active.into())]);
        }
        let mut countries = COUNTRIES;
        if reversed {
            countries.reverse();
        }
        let mut home = Value::FALSE;
        for (name, code, states) in countries {
            let country = self.add("res.country", [("name", text(name)), ("code", text(code))]);
            for (name, code) in states {
                self.add("res.country.state", [("name", text(name)), ("code", text(code)), ("country_id", country.into())]);
            }
            if code == "AL" {
                home = country.into();
            }
        }
        let companies: Vec<i64> = self.all("res.company");
        for company in companies {
            self.set("res.company", company, vec![("country_id".into(), home.clone())]);
        }
        let company = self.company;
        self.add("account.tax.group", [("name", text("Taxes")), ("company_id", company.into()), ("country_id", home)]);
    }

    fn all(&self, model: &str) -> Vec<i64> {
        let table = self.db.model(model).and_then(|model| self.db.table(model));
        table.map(|table| table.rows().keys().copied().collect()).unwrap_or_default()
    }

    fn set(&mut self, model: &str, id: i64, values: Values) {
        if let Some(model) = self.db.model(model) {
            let values = crate::demo::version::fitted(self.db.version, model, values);
            // A seed that Odoo would refuse is a mistake in this file, which its tests find.
            let _ = self.db.write(&super::Env::root(), model, &[id], values);
        }
    }

    /// Puts a unit into the family of units, where there is one (up to 18).
    pub(super) fn family(&mut self, unit: i64) {
        if let Some(families) = self.db.model("uom.category") {
            let there = self.db.table(families).and_then(|table| table.rows().keys().next().copied());
            let family = there.unwrap_or_else(|| self.add("uom.category", [("name", text("Unit"))]));
            self.set("uom.uom", unit, vec![("category_id".into(), family.into())]);
        }
    }

    /// A journal for cash and one for the bank: their ids.
    pub(super) fn journals(&mut self) -> (i64, i64) {
        let company = self.company;
        let mut journal = |name: &str, code: &str, kind: &str| {
            self.add("account.journal", [("name", text(name)), ("code", text(code)), ("type", text(kind)), ("company_id", company.into())])
        };
        journal("Sales", "INV", "sale");
        (journal("Cash", "CSH1", "cash"), journal("Bank", "BNK1", "bank"))
    }

    /// A warehouse with its main location: the ids of both.
    pub(super) fn warehouse(&mut self, name: &str, code: &str) -> (i64, i64) {
        let company = self.company;
        let view = self.add("stock.location", [("name", text(code)), ("usage", text("view")), ("company_id", company.into())]);
        let stock = [("name", text("Stock")), ("usage", text("internal")), ("location_id", view.into()), ("company_id", company.into())];
        let stock = self.add("stock.location", stock);
        let warehouse = self.add(
            "stock.warehouse",
            [
                ("name", text(name)),
                ("code", text(code)),
                ("company_id", company.into()),
                ("view_location_id", view.into()),
                ("lot_stock_id", stock.into()),
            ],
        );
        (warehouse, stock)
    }

    /// What a shop's sales take from a location.
    pub(super) fn operation_type(&mut self, name: &str, warehouse: i64, from: i64) -> i64 {
        let customers = self.add("stock.location", [("name", text("Customers")), ("usage", text("customer"))]);
        let company = self.company;
        self.add(
            "stock.picking.type",
            [
                ("name", text(name)),
                ("code", text("outgoing")),
                ("warehouse_id", warehouse.into()),
                ("company_id", company.into()),
                ("default_location_src_id", from.into()),
                ("default_location_dest_id", customers.into()),
            ],
        )
    }

    /// What only central has.
    pub(super) fn only_at_central(&mut self, taxes: &[i64]) {
        let company = self.company;
        let (cash, bank) = self.journals();
        for (name, journal, sequence) in [("Cash", cash, 1), ("Card", bank, 2)] {
            self.add("pos.payment.method", [("name", text(name)), ("journal_id", journal.into()), ("sequence", sequence.into())]);
        }
        let book = self.add(
            "account.tax",
            [
                ("name", text("VAT 9% incl")),
                ("amount", 9.0.into()),
                ("amount_type", text("percent")),
                ("type_tax_use", text("sale")),
                ("price_include_override", text("tax_included")),
                ("company_id", company.into()),
            ],
        );
        let drinks = self.add("pos.category", [("name", text("Drinks")), ("sequence", 1.into())]);
        let hot = self.add("pos.category", [("name", text("Hot drinks")), ("parent_id", drinks.into()), ("sequence", 2.into())]);
        let clothes = self.add("pos.category", [("name", text("Clothes")), ("sequence", 3.into())]);
        let goods = self.add("product.category", [("name", text("Goods"))]);
        let beverages = self.add("product.category", [("name", text("Beverages")), ("parent_id", goods.into())]);
        let shop = self.add("product.tag", [("name", text("Shop"))]);
        self.add("product.tag", [("name", text("New"))]);
        let box_of_six = self.add("uom.uom", [("name", text("Box of 6")), ("relative_factor", 6.0.into()), ("relative_uom_id", 1.into())]);
        self.family(box_of_six);
        let shirt = self.shirt(taxes[0], goods, clothes, shop);
        self.goods("TEA-1", "Mountain tea", 2.4, book, (beverages, hot, shop));
        let case = self.goods("WATER-6", "Water, box of 6", 3.6, book, (beverages, drinks, shop));
        self.set("product.template", case, vec![("uom_id".into(), box_of_six.into())]);
        for (n, code) in ["ART-0001", "ART-0002"].iter().enumerate() {
            if let Some(product) = super::super::sell::product(self.db, code) {
                self.set("product.product", product, vec![("image_1920".into(), picture(n as u32).into())]);
            }
        }
        self.shop_prices(beverages, shirt);
        self.company_customer();
    }

    fn goods(&mut self, code: &str, name: &str, price: f64, tax: i64, (category, pos, tag): (i64, i64, i64)) -> i64 {
        self.add(
            "product.template",
            [
                ("name", text(name)),
                ("default_code", text(code)),
                (
                    "barcode",
                    format!("4{:012}", code.bytes().fold(7_u64, |sum, byte| sum * 31 + u64::from(byte)) % 1_000_000_000_000).into(),
                ),
                ("list_price", price.into()),
                ("standard_price", (price / 2.0).into()),
                ("taxes_id", vec![tax].into()),
                ("categ_id", category.into()),
                ("pos_categ_ids", vec![pos].into()),
                ("product_tag_ids", vec![tag].into()),
                ("available_in_pos", true.into()),
            ],
        )
    }

    /// A product of two attributes and four variants, each with its own code and barcode, blue ones at an extra price.
    fn shirt(&mut self, tax: i64, category: i64, pos: i64, tag: i64) -> i64 {
        let mut lines = Vec::new();
        for (attribute, values) in [("Size", ["S", "M"]), ("Color", ["Red", "Blue"])] {
            let of = self.add("product.attribute", [("name", text(attribute)), ("create_variant", text("always"))]);
            let values: Vec<i64> = values
                .into_iter()
                .map(|name| self.add("product.attribute.value", [("name", text(name)), ("attribute_id", of.into())]))
                .collect();
            let line = vec![("attribute_id".to_owned(), Value::Int(of)), ("value_ids".to_owned(), values.into())];
            lines.push(Value::Array(vec![Value::Int(0), Value::Int(0), Value::Struct(line)]));
        }
        let shirt = self.add(
            "product.template",
            [
                ("name", text("T-shirt")),
                ("list_price", 12.5.into()),
                ("taxes_id", vec![tax].into()),
                ("categ_id", category.into()),
                ("pos_categ_ids", vec![pos].into()),
                ("product_tag_ids", vec![tag].into()),
                ("available_in_pos", true.into()),
                ("attribute_line_ids", Value::Array(lines)),
            ],
        );
        for (n, variant) in self.db.ids_of("product.template", shirt, "product_variant_ids").into_iter().enumerate() {
            let values = [("default_code", format!("SHIRT-{}", n + 1)), ("barcode", format!("300000000000{n}"))];
            self.set("product.product", variant, values.map(|(field, value)| (field.to_owned(), value.into())).to_vec());
        }
        for choice in self.all("product.template.attribute.value") {
            if self.db.stored("product.template.attribute.value", choice, "name").as_str() == Some("Blue") {
                self.set("product.template.attribute.value", choice, vec![("price_extra".into(), 1.5.into())]);
            }
        }
        shirt
    }

    fn shop_prices(&mut self, category: i64, product: i64) {
        let list = self.add("product.pricelist", [("name", text("Shop prices"))]);
        let mut item = |kind: &str, on: (&str, i64), price: (&str, &str, f64)| {
            let on_value = if on.1 == 0 { Value::FALSE } else { on.1.into() };
            self.add(
                "product.pricelist.item",
                [
                    ("pricelist_id", list.into()),
                    ("applied_on", text(kind)),
                    (on.0, on_value),
                    ("compute_price", text(price.0)),
                    (price.1, price.2.into()),
                ],
            )
        };
        item("3_global", ("categ_id", 0), ("percentage", "percent_price", 5.0));
        item("2_product_category", ("categ_id", category), ("formula", "price_discount", 10.0));
        item("1_product", ("product_tmpl_id", product), ("fixed", "fixed_price", 9.99));
    }

    fn company_customer(&mut self) {
        let state = self.db.model("res.country.state").and_then(|model| self.db.table(model));
        let state = state.and_then(|table| table.rows().keys().next().copied()).unwrap_or(0);
        let country = self.db.stored("res.country.state", state, "country_id");
        let tag = self.add("res.partner.category", [("name", text("Wholesale"))]);
        let company = self.add(
            "res.partner",
            [
                ("name", text("Harbour Hotel")),
                ("is_company", true.into()),
                ("ref", text("C100")),
                ("vat", text("DE000000100")),
                ("email", text("hotel@example.com")),
                ("street", text("Quay 1")),
                ("zip", text("80331")),
                ("city", text("Munich")),
                ("state_id", state.into()),
                ("country_id", country),
                ("category_id", vec![tag].into()),
                ("customer_rank", 1.into()),
            ],
        );
        for (name, reference, kind) in [("Rita Reception", "C101", "contact"), ("Back door", "C102", "delivery")] {
            self.add("res.partner", [("name", text(name)), ("ref", text(reference)), ("type", text(kind)), ("parent_id", company.into())]);
        }
    }

    /// Articles that branches do not have: `NEW-0001` and so on.
    pub(super) fn further(&mut self, count: usize, taxes: &[i64]) {
        for n in 1..=count {
            self.add(
                "product.template",
                [
                    ("name", format!("New article {n}").into()),
                    ("default_code", format!("NEW-{n:04}").into()),
                    ("barcode", format!("50000{n:07}").into()),
                    ("list_price", ((100 + n % 900) as f64 / 10.0).into()),
                    ("taxes_id", vec![taxes[n % 3]].into()),
                    ("available_in_pos", true.into()),
                ],
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::demo::schema::Side;
    use crate::demo::table::Database;
    use crate::demo::{Branch, Central, seed};

    #[test]
    fn everything_to_be_sent_is_there_and_no_id_agrees() {
        let (mut central, mut branch) = (Database::new("c", Side::Central), Database::new("b", Side::Branch));
        seed::central(&mut central, &Central { further: 3, ..Central::default() });
        seed::branch(&mut branch, &Branch::new("Furniture Shop"));
        let count = |model: &str| central.model(model).and_then(|model| central.table(model)).map_or(0, |table| table.rows().len());
        let counts = [
            "pos.category",
            "product.category",
            "product.tag",
            "product.attribute",
            "product.attribute.value",
            "product.template.attribute.line",
            "product.template.attribute.value",
            "product.pricelist",
            "product.pricelist.item",
            "pos.payment.method",
            "ir.attachment",
            "res.partner.category",
            "account.journal",
        ];
        assert_eq!(counts.map(count), [3, 2, 2, 2, 4, 2, 4, 2, 3, 2, 2, 1, 3]);
        assert_eq!(count("product.template") + 3, count("product.product"), "one product has four variants");
        for model in
            ["product.template", "product.product", "account.tax", "account.journal", "pos.payment.method", "res.country", "res.partner"]
        {
            let of = central.model(model).expect("installed");
            let column = of.column("name").expect("a name");
            for (id, row) in central.table(of).expect("seeded").rows() {
                let here = central.value(of, *id, row, column);
                let there = branch.stored(model, *id, "name");
                assert!(here != there, "{model} {id} is {here:?} on both sides");
            }
        }
    }
}
