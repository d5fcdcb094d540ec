//! What sending relies on at a branch: creating once and updating by `.id`, variants, pictures, languages, and what Odoo
//! refuses in which words. Each fact makes records of its own under fresh names and leaves nothing open.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use posbridge::demo::{Branch, Central, OdooServer};
use posbridge::model::Protocol;
use posbridge::odoo::{Call, Odoo, OdooError};
use serde_json::{Value as Json, json};

use super::{client, error_of, first_message, stand_in_password};

/// A branch with an administrator, a user without rights, and a central to read from.
struct World {
    branch: Odoo,
    plain: Odoo,
    central: Odoo,
    company: i64,
    bank: i64,
    cash: i64,
    _server: Option<OdooServer>,
}

impl World {
    async fn stand_in(protocol: Protocol) -> Self {
        let server = OdooServer::start().await.expect("a free port");
        server.central("central", &Central::default());
        server.branch("branch1", &Branch::new("Furniture Shop"));
        let url = server.url();
        let client = |database: &str, login: &str| client(protocol, &url, database, login, &stand_in_password(protocol, login));
        Self::with(client("branch1", "admin"), client("branch1", "bridge"), client("central", "admin"), Some(server)).await
    }

    #[cfg(feature = "live")]
    async fn live(protocol: Protocol) -> Self {
        let rig = super::rig();
        let over = |protocol, database: &str, user: &str, password: &str| {
            client(protocol, &rig("ODOO_URL"), &rig(database), &rig(user), &rig(password))
        };
        let client = |database: &str, user: &str, password: &str| over(protocol, database, user, password);
        // An administrator of the rig has no key.
        let central = over(Protocol::XmlRpc, "CENTRAL_DB", "ADMIN_USER", "ADMIN_PASSWORD");
        let (branch, plain) = match protocol {
            Protocol::XmlRpc => {
                (client("BRANCH1_DB", "ADMIN_USER", "ADMIN_PASSWORD"), client("BRANCH1_DB", "BRANCH_USER", "BRANCH_PASSWORD"))
            }
            Protocol::Json2 => {
                (client("BRANCH1_DB", "SENDER_USER", "BRANCH1_SENDER_API_KEY"), client("BRANCH1_DB", "BRANCH_USER", "BRANCH1_API_KEY"))
            }
        };
        Self::with(branch, plain, central, None).await
    }

    async fn with(branch: Odoo, plain: Odoo, central: Odoo, server: Option<OdooServer>) -> Self {
        let mut world = Self { branch, plain, central, company: 0, bank: 0, cash: 0, _server: server };
        world.company = world.rows("res.company", json!([]), &["name"]).await[0]["id"].as_i64().expect("a company");
        for kind in ["bank", "cash"] {
            let domain = json!([["type", "=", kind], ["company_id", "=", world.company]]);
            let journal = world.rows("account.journal", domain, &["name"]).await[0]["id"].as_i64().expect("a journal");
            if kind == "bank" { world.bank = journal } else { world.cash = journal }
        }
        world
    }

    fn create(&self, model: &'static str, fields: &[&str], rows: Json) -> Call {
        Call::new(model, "load")
            .arg("fields", json!(fields))
            .arg("data", rows)
            .context("module", json!("__posbridge_facts"))
            .context("mode", json!("update"))
            .context("noupdate", json!(true))
            .context("tz", json!("UTC"))
            .context("allowed_company_ids", json!([self.company]))
            .context("tracking_disable", json!(true))
    }

    fn update(&self, model: &'static str, fields: &[&str], rows: Json) -> Call {
        Call::new(model, "load")
            .arg("fields", json!(fields))
            .arg("data", rows)
            .context("mode", json!("init"))
            .context("tz", json!("UTC"))
            .context("allowed_company_ids", json!([self.company]))
            .context("active_test", json!(false))
            .context("tracking_disable", json!(true))
    }

    async fn ask(&self, call: Call) -> Json {
        self.branch.call(&call).await.unwrap_or_else(|error| panic!("{}.{}: {error}", call.model, call.method))
    }

    /// Loads by fresh external ids put before each row: the new ids.
    async fn made(&self, model: &'static str, fields: &[&str], rows: &[Json]) -> Vec<i64> {
        let fields: Vec<&str> = ["id"].iter().chain(fields).copied().collect();
        let row = |row: &Json| [vec![json!(fresh())], row.as_array().cloned().unwrap_or_default()].concat();
        let answer = self.ask(self.create(model, &fields, rows.iter().map(row).collect())).await;
        assert_eq!(answer["messages"], json!([]), "{model}");
        answer["ids"].as_array().expect("ids").iter().filter_map(Json::as_i64).collect()
    }

    async fn rows(&self, model: &'static str, domain: Json, fields: &[&str]) -> Vec<Json> {
        let call = Call::search_read(model, domain, fields).arg("order", json!("id")).with_archived();
        let call = if self.company == 0 { call } else { call.context("allowed_company_ids", json!([self.company])) };
        self.branch.call(&call).await.unwrap_or_else(|error| panic!("{model}: {error}"))
    }

    async fn one(&self, model: &'static str, id: i64, fields: &[&str]) -> Json {
        // Of products only the taxes of one's own companies show.
        self.ask(Call::read(model, &[id], fields).context("allowed_company_ids", json!([self.company]))).await[0].clone()
    }

    async fn product(&self, name: &str) -> i64 {
        self.made("product.template", &["name", "list_price", "taxes_id/.id"], &[json!([name, "10", ""])]).await[0]
    }

    async fn variant(&self, template: i64) -> i64 {
        self.rows("product.product", json!([["product_tmpl_id", "=", template]]), &["id"]).await[0]["id"].as_i64().expect("a variant")
    }

    /// Attributes with two values each, by how they make variants: `(attribute, values)`.
    async fn attribute(&self, name: &str, making: &str) -> (i64, Vec<i64>) {
        let attribute = self.made("product.attribute", &["name", "create_variant"], &[json!([name, making])]).await[0];
        let values = ["One", "Two"].map(|value| json!([value, attribute.to_string()]));
        (attribute, self.made("product.attribute.value", &["name", "attribute_id/.id"], &values).await)
    }

    /// A shop with an open session, one order still open, and what they use.
    async fn open_shop(&self) -> OpenShop {
        let name = fresh();
        let fields = ["name", "amount", "amount_type", "price_include_override"];
        let tax = self.made("account.tax", &fields, &[json!([name, "7", "percent", "tax_included"])]).await[0];
        let method = self.made("pos.payment.method", &["name", "journal_id/.id"], &[json!([name, self.bank.to_string()])]).await[0];
        let shop = self.made("pos.config", &["name", "payment_method_ids/.id"], &[json!([name, method.to_string()])]).await[0];
        let user = self.branch.uid().expect("logged in").to_string();
        let session = self.made("pos.session", &["config_id/.id", "user_id/.id"], &[json!([shop.to_string(), user])]).await[0];
        let template = self.product(&name).await;
        let fields = [
            "session_id/.id",
            "company_id/.id",
            "amount_tax",
            "amount_total",
            "amount_paid",
            "amount_return",
            "lines/product_id/.id",
            "lines/name",
            "lines/qty",
            "lines/price_unit",
            "lines/price_subtotal",
            "lines/price_subtotal_incl",
            "lines/tax_ids/.id",
        ];
        let variant = self.variant(template).await.to_string();
        let order = json!([session.to_string(), self.company.to_string(), 0.65, 10, 0, 0, variant, "1", 1, 10, 9.35, 10, tax.to_string()]);
        let order = self.made("pos.order", &fields, &[order]).await[0];
        OpenShop { name, tax, method, shop, session, template, order }
    }

    async fn close(&self, open: &OpenShop) {
        self.ask(Call::new("pos.order", "unlink").on(&[open.order])).await;
        self.ask(Call::new("pos.session", "write").on(&[open.session]).arg("vals", json!({"state": "closed"}))).await;
    }
}

struct OpenShop {
    name: String,
    tax: i64,
    method: i64,
    shop: i64,
    session: i64,
    template: i64,
    order: i64,
}

/// A name that no other run has used.
fn fresh() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_nanos();
    format!("send-{now}-{}", COUNTER.fetch_add(1, Ordering::Relaxed))
}

/// A PNG of 2 × 2 pixels, and one of 1 × 1, as base64.
const PICTURES: [&str; 2] = [
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEklEQVR42mP4z8DAwMDAxAAGAAkGAQEEOFrvAAAAAElFTkSuQmCC",
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4z8AAAAMBAQAY3Y2wAAAAAElFTkSuQmCC",
];

const BARCODE_TAKEN: &str = "Barcode(s) already assigned:\n\n- Barcode ";
const TAX_USED: &str =
    "It is forbidden to modify a tax used in a POS order not posted. You must close the POS sessions before modifying the tax.";
const METHOD_USED: &str =
    "Please close and validate the following open PoS Sessions before modifying this payment method.\nOpen sessions: ";
const PRODUCT_USED: &str = "Hold up! Archiving products while POS sessions are active is like pulling a plate mid-meal.\n\
    Make sure to close all sessions first to avoid any issues.";

fn missing(label: &str, field: &str, model: &str) -> String {
    format!(
        "Missing required value for the field '{label}' ({field}).\nModel: {model}\n\
        - create/update: a mandatory field is not set\n\
        - delete: another model requires the record being deleted, you can archive it instead\n"
    )
}

facts! {
    a_product_is_created_once_with_its_one_variant(w) {
        let (xid, code) = (fresh(), fresh());
        let fields = ["id", "name", "default_code", "barcode", "standard_price", "weight", "list_price", "taxes_id/.id", "available_in_pos"];
        let call = w.create("product.template", &fields, json!([[xid, "Tea", code, code, "1.5", "0.25", "2.5", "", "1"]]));
        let first = w.ask(call.clone()).await;
        let template = first["ids"][0].as_i64().unwrap_or_else(|| panic!("{first}"));
        let changed = w.create("product.template", &fields, json!([[xid, "Coffee", code, code, "1.5", "0.25", "9", "", "1"]]));
        assert_eq!(w.ask(changed).await, json!({"ids": [template], "messages": [], "nextrow": 0}));
        let read = w.one("product.template", template, &["name", "default_code", "barcode", "standard_price", "weight", "list_price",
            "taxes_id", "available_in_pos", "product_variant_ids", "product_variant_count", "attribute_line_ids", "type", "active"]).await;
        assert_eq!((&read["name"], &read["list_price"], &read["standard_price"], &read["weight"]), (&json!("Tea"), &json!(2.5), &json!(1.5), &json!(0.25)));
        assert_eq!((&read["default_code"], &read["barcode"], &read["taxes_id"]), (&json!(code), &json!(code), &json!([])));
        assert_eq!((&read["type"], &read["available_in_pos"], &read["active"]), (&json!("consu"), &json!(true), &json!(true)));
        assert_eq!((&read["product_variant_count"], &read["attribute_line_ids"]), (&json!(1), &json!([])));
        let variant = w.rows("product.product", json!([["product_tmpl_id", "=", template]]), &["default_code", "barcode", "name", "lst_price",
            "product_template_attribute_value_ids", "display_name"]).await;
        assert_eq!(json!([variant[0]["id"]]), read["product_variant_ids"]);
        assert_eq!((&variant[0]["barcode"], &variant[0]["name"], &variant[0]["lst_price"]), (&json!(code), &json!("Tea"), &json!(2.5)));
        assert_eq!((&variant[0]["product_template_attribute_value_ids"], &variant[0]["display_name"]), (&json!([]), &json!(format!("[{code}] Tea"))));
    }

    several_products_are_updated_by_their_ids_in_one_call_and_only_in_the_columns_given(w) {
        let (first, second) = (w.product("First").await, w.product("Second").await);
        let answer = w.ask(w.update("product.template", &[".id", "name", "list_price"],
            json!([[first.to_string(), "First!", "12.5"], [second.to_string(), "Second!", ""]]))).await;
        assert_eq!(answer, json!({"ids": [first, second], "messages": [], "nextrow": 0}));
        let (one, two) = (w.one("product.template", first, &["name", "list_price", "type"]).await, w.one("product.template", second, &["name", "list_price"]).await);
        assert_eq!((&one["name"], &one["list_price"], &one["type"]), (&json!("First!"), &json!(12.5), &json!("consu")));
        assert_eq!((&two["name"], &two["list_price"]), (&json!("Second!"), &json!(0.0)), "an empty cell empties the field");
    }

    an_id_that_is_not_there_is_named_and_nothing_of_the_call_is_written(w) {
        let product = w.product("Good").await;
        let call = w.update("product.template", &[".id", "name"], json!([[product.to_string(), "Changed"], ["99999999", "Nobody"]]));
        let answer = w.ask(call).await;
        assert_eq!(first_message(&answer), "Unknown database identifier '99999999'");
        assert_eq!((&answer["messages"][0]["record"], &answer["messages"][0]["field"]), (&json!(1), &json!(".id")));
        assert_eq!(w.one("product.template", product, &["name"]).await["name"], json!("Good"));
    }

    an_archived_record_is_found_by_its_id_only_when_asked_for(w) {
        let product = w.product("Old").await;
        let archive = Call::new("product.template", "action_archive").on(&[product]);
        assert_eq!(error_of(&w.branch, archive.clone()).await, OdooError::DoneWithoutResult);
        assert_eq!(error_of(&w.branch, archive).await, OdooError::DoneWithoutResult, "a second time");
        let read = w.one("product.template", product, &["active", "product_variant_ids"]).await;
        assert_eq!((&read["active"], &read["product_variant_ids"]), (&json!(false), &json!([])));
        let update = w.update("product.template", &[".id", "active"], json!([[product.to_string(), "1"]]));
        let hidden = w.ask(update.clone().context("active_test", json!(true))).await;
        assert_eq!(first_message(&hidden), format!("Unknown database identifier '{product}'"));
        assert_eq!(w.ask(update).await["ids"], json!([product]));
        let read = w.one("product.template", product, &["active", "product_variant_count"]).await;
        assert_eq!((&read["active"], &read["product_variant_count"]), (&json!(true), &json!(0)), "its variant stays archived");
        w.ask(Call::new("product.template", "write").on(&[product]).arg("vals", json!({"active": true}))).await;
        let read = w.one("product.template", product, &["product_variant_count"]).await;
        assert_eq!(read["product_variant_count"], json!(1), "a write that does not see archived records wakes it");
    }

    attribute_lines_make_the_variants(w) {
        let ((size, sizes), (color, colors)) = (w.attribute(&fresh(), "always").await, w.attribute(&fresh(), "always").await);
        let ((late, lates), (never, nevers)) = (w.attribute(&fresh(), "dynamic").await, w.attribute(&fresh(), "no_variant").await);
        let both = |ids: &[i64]| format!("{},{}", ids[0], ids[1]);
        let fields = ["id", "name", "list_price", "attribute_line_ids/attribute_id/.id", "attribute_line_ids/value_ids/.id"];
        let answer = w.ask(w.create("product.template", &fields, json!([
            [fresh(), "Shirt", "10", size.to_string(), both(&sizes)],
            ["", "", "", color.to_string(), both(&colors)],
            [fresh(), "Later", "10", late.to_string(), both(&lates)],
            [fresh(), "Note", "10", never.to_string(), both(&nevers)],
            [fresh(), "Single", "10", size.to_string(), sizes[1].to_string()],
        ]))).await;
        let ids: Vec<i64> = answer["ids"].as_array().unwrap_or_else(|| panic!("{answer}")).iter().filter_map(Json::as_i64).collect();
        for (template, count) in ids.iter().zip([4, 0, 1, 1]) {
            assert_eq!(w.one("product.template", *template, &["product_variant_count"]).await["product_variant_count"], json!(count));
        }
        let choices = w.rows("product.template.attribute.value", json!([["product_tmpl_id", "=", ids[0]]]),
            &["name", "product_attribute_value_id", "attribute_line_id", "ptav_active", "price_extra"]).await;
        let values: Vec<i64> = choices.iter().filter_map(|choice| choice["product_attribute_value_id"][0].as_i64()).collect();
        assert_eq!(values, [sizes.clone(), colors.clone()].concat());
        assert!(choices.iter().all(|choice| choice["ptav_active"] == json!(true) && choice["price_extra"] == json!(0.0)));
        let variants = w.rows("product.product", json!([["product_tmpl_id", "=", ids[0]]]), &["display_name", "product_template_attribute_value_ids"]).await;
        assert_eq!(variants.len(), 4);
        assert_eq!(variants[1]["display_name"], json!("Shirt (One, Two)"));
        assert_eq!(variants[1]["product_template_attribute_value_ids"], json!([choices[0]["id"], choices[3]["id"]]));
        let single = w.rows("product.product", json!([["product_tmpl_id", "=", ids[3]]]), &["display_name", "product_template_attribute_value_ids", "product_template_variant_value_ids"]).await;
        assert_eq!((&single[0]["display_name"], &single[0]["product_template_variant_value_ids"]), (&json!("Single"), &json!([])));
        assert_eq!(single[0]["product_template_attribute_value_ids"].as_array().map(Vec::len), Some(1));
        // Extra prices are told on the choices and show on the variants.
        w.ask(w.update("product.template.attribute.value", &[".id", "price_extra"], json!([[choices[3]["id"].to_string(), "1.5"]]))).await;
        let dear = w.one("product.product", variants[1]["id"].as_i64().expect("an id"), &["lst_price", "price_extra", "list_price"]).await;
        assert_eq!((&dear["lst_price"], &dear["price_extra"], &dear["list_price"]), (&json!(11.5), &json!(1.5), &json!(10.0)));
    }

    a_value_added_later_adds_variants_and_wakes_archived_ones(w) {
        let (size, sizes) = w.attribute(&fresh(), "always").await;
        let third = w.made("product.attribute.value", &["name", "attribute_id/.id"], &[json!(["Three", size.to_string()])]).await[0];
        let fields = ["name", "attribute_line_ids/attribute_id/.id", "attribute_line_ids/value_ids/.id"];
        let shirt = w.made("product.template", &fields, &[json!(["Shirt", size.to_string(), format!("{},{}", sizes[0], sizes[1])])]).await[0];
        let of_shirt = json!([["product_tmpl_id", "=", shirt]]);
        let variants = w.rows("product.product", of_shirt.clone(), &["id"]).await;
        w.ask(w.update("product.product", &[".id", "active"], json!([[variants[0]["id"].to_string(), "False"]]))).await;
        let read = w.one("product.template", shirt, &["product_variant_ids", "active"]).await;
        assert_eq!((&read["product_variant_ids"], &read["active"]), (&json!([variants[1]["id"]]), &json!(true)));
        let line = w.rows("product.template.attribute.line", of_shirt.clone(), &["id"]).await[0]["id"].to_string();
        let all = format!("{},{},{third}", sizes[0], sizes[1]);
        w.ask(w.update("product.template.attribute.line", &[".id", "value_ids/.id"], json!([[line, all]]))).await;
        let after = w.rows("product.product", of_shirt, &["active", "display_name"]).await;
        assert_eq!(after.iter().map(|row| row["id"].clone()).collect::<Vec<_>>()[..2], [variants[0]["id"].clone(), variants[1]["id"].clone()]);
        assert_eq!((after.len(), &after[2]["display_name"]), (3, &json!("Shirt (Three)")));
        assert!(after.iter().all(|row| row["active"] == json!(true)), "{after:?}");
        let empty = w.ask(w.update("product.template.attribute.line", &[".id", "value_ids/.id"], json!([[line, ""]]))).await;
        assert!(first_message(&empty).ends_with("must have at least one value for the product Shirt."), "{empty}");
    }

    the_template_of_several_variants_has_none_of_their_fields(w) {
        let (size, sizes) = w.attribute(&fresh(), "always").await;
        let (code, other) = (fresh(), fresh());
        let fields = ["name", "default_code", "barcode", "standard_price", "attribute_line_ids/attribute_id/.id", "attribute_line_ids/value_ids/.id"];
        let shirt = w.made("product.template", &fields, &[json!(["Shirt", code, code, "3", size.to_string(), format!("{},{}", sizes[0], sizes[1])])]).await[0];
        let read = w.one("product.template", shirt, &["default_code", "barcode", "standard_price"]).await;
        assert_eq!((&read["default_code"], &read["barcode"], &read["standard_price"]), (&json!(code), &json!(false), &json!(0.0)));
        let variants = w.rows("product.product", json!([["product_tmpl_id", "=", shirt]]), &["barcode", "default_code"]).await;
        assert_eq!((&variants[0]["barcode"], &variants[0]["default_code"]), (&json!(false), &json!(false)));
        let rows = json!([[variants[0]["id"].to_string(), other, other, "7"], [variants[1]["id"].to_string(), "", "", "8"]]);
        w.ask(w.update("product.product", &[".id", "default_code", "barcode", "standard_price"], rows)).await;
        let read = w.one("product.template", shirt, &["default_code", "barcode"]).await;
        assert_eq!((&read["default_code"], &read["barcode"]), (&json!(false), &json!(false)), "the template's own code went");
        let read = w.one("product.product", variants[0]["id"].as_i64().expect("an id"), &["barcode", "standard_price"]).await;
        assert_eq!((&read["barcode"], &read["standard_price"]), (&json!(other), &json!(7.0)));
    }

    a_barcode_that_another_product_has_is_refused(w) {
        let code = fresh();
        let first = w.made("product.template", &["name", "barcode"], &[json!(["Holder", code])]).await[0];
        let second = w.product("Taker").await;
        let expected = format!("{BARCODE_TAKEN}\"{code}\" already assigned to product(s): Holder and Taker\n\n\
            Note: products that you don't have access to will not be shown above.");
        for call in [
            w.update("product.template", &[".id", "barcode"], json!([[second.to_string(), code]])),
            w.update("product.product", &[".id", "barcode"], json!([[w.variant(second).await.to_string(), code]])),
            w.create("product.template", &["id", "name", "barcode"], json!([[fresh(), "Taker", code]])),
        ] {
            let answer = w.ask(call).await;
            assert_eq!(first_message(&answer), expected);
            assert_eq!(answer["messages"].as_array().map(Vec::len), Some(1), "{answer}");
        }
        let write = Call::new("product.template", "write").on(&[second]).arg("vals", json!({"barcode": code}));
        assert_eq!(error_of(&w.branch, write).await, OdooError::Refusal(expected));
        assert_eq!(w.one("product.template", first, &["barcode"]).await["barcode"], json!(code));
    }

    of_two_new_products_with_one_barcode_both_are_blamed(w) {
        let code = fresh();
        let answer = w.ask(w.create("product.template", &["id", "name", "barcode"], json!([[fresh(), "A", code], [fresh(), "B", code]]))).await;
        assert!(first_message(&answer).contains("already assigned to product(s): A and B"), "{answer}");
        assert_eq!(w.rows("product.product", json!([["barcode", "=", code]]), &["id"]).await, Vec::<Json>::new());
    }

    what_a_cell_names_must_be_there(w) {
        let product = w.product("Lost").await.to_string();
        for (field, label) in [("categ_id/.id", "Product Category"), ("pos_categ_ids/.id", "Point of Sale Category"), ("uom_id/.id", "Unit")] {
            let answer = w.ask(w.update("product.template", &[".id", field], json!([[product, "99999999"]]))).await;
            assert_eq!(first_message(&answer), format!("No matching record found for database id '99999999' in field '{label}'"));
        }
        let answer = w.ask(w.update("product.template", &[".id", "type"], json!([[product, "weird"]]))).await;
        assert_eq!(first_message(&answer), "Value 'weird' not found in selection field 'Product Type'");
        let answer = w.ask(w.update("product.template", &[".id", "name"], json!([[product, ""]]))).await;
        assert_eq!(first_message(&answer), missing("Name", "name", "'Product' (product.template)"));
    }

    an_edit_of_the_template_is_one_of_the_variant_but_not_the_other_way_round(w) {
        let product = w.product("Clock").await;
        let variant = w.variant(product).await;
        let times = async || {
            let (template, variant) = (w.one("product.template", product, &["write_date"]).await, w.one("product.product", variant, &["write_date"]).await);
            (template["write_date"].as_str().unwrap_or_default().to_owned(), variant["write_date"].as_str().unwrap_or_default().to_owned())
        };
        let begin = times().await;
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        w.ask(w.update("product.product", &[".id", "barcode"], json!([[variant.to_string(), fresh()]]))).await;
        let coded = times().await;
        assert!(coded.0 == begin.0 && coded.1 > begin.1, "{begin:?} {coded:?}");
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        w.ask(w.update("product.template", &[".id", "list_price"], json!([[product.to_string(), "3"]]))).await;
        let priced = times().await;
        assert!(priced.0 > coded.0 && priced.0 == priced.1, "{coded:?} {priced:?}");
    }

    an_inactive_language_is_refused(w) {
        let product = w.product("Word").await;
        let refusal = OdooError::Refusal("Invalid language code: xx_XX".into());
        for call in [
            Call::read("product.template", &[product], &["name"]),
            w.update("product.template", &[".id", "name"], json!([[product.to_string(), "x"]])),
            Call::new("product.template", "write").on(&[product]).arg("vals", json!({"name": "x"})),
        ] {
            assert_eq!(error_of(&w.branch, call.context("lang", json!("xx_XX"))).await, refusal);
        }
    }

    a_name_has_a_value_in_each_language_and_english_where_it_has_none(w) {
        let albanian = Call::search_read("res.lang", json!([["code", "=", "sq_AL"]]), &["active"]).with_archived();
        let found = w.ask(albanian).await[0].clone();
        let albanian = found["id"].as_i64().expect("known");
        // Only an administrator may, who comes first.
        if found["active"] != json!(true) {
            w.ask(Call::new("res.lang", "write").on(&[albanian]).arg("vals", json!({"active": true}))).await;
        }
        let product = w.product("Bread").await;
        let read = async |lang: &'static str| {
            let call = Call::read("product.template", &[product], &["name", "description_sale"]).context("lang", json!(lang));
            w.ask(call).await[0].clone()
        };
        assert_eq!(read("sq_AL").await["name"], json!("Bread"));
        w.ask(w.update("product.template", &[".id", "name", "description_sale"], json!([[product.to_string(), "Bukë", "E freskët"]])).context("lang", json!("sq_AL"))).await;
        assert_eq!((&read("sq_AL").await["name"], &read("en_US").await["name"]), (&json!("Bukë"), &json!("Bread")));
        assert_eq!(read("en_US").await["description_sale"], json!("E freskët"), "the first text of all is every language's");
        w.ask(w.update("product.template", &[".id", "name"], json!([[product.to_string(), "Loaf"]]))).await;
        assert_eq!((&read("sq_AL").await["name"], &read("en_US").await["name"]), (&json!("Bukë"), &json!("Loaf")));
        w.ask(w.update("product.template", &[".id", "description_sale"], json!([[product.to_string(), ""]]))).await;
        assert_eq!(read("sq_AL").await["description_sale"], json!(false), "what is emptied is empty in all");
    }

    a_picture_is_kept_byte_for_byte_with_its_checksum(w) {
        let product = w.product("Picture").await;
        let id = product.to_string();
        let files = async || {
            let domain = json!([["res_model", "=", "product.template"], ["res_field", "=", "image_1920"], ["res_id", "=", product]]);
            w.rows("ir.attachment", domain, &["checksum", "file_size", "res_field"]).await
        };
        let mut sums = Vec::new();
        for picture in PICTURES {
            let answer = w.ask(w.update("product.template", &[".id", "image_1920"], json!([[id, picture]]))).await;
            assert_eq!(answer["messages"], json!([]));
            let bytes = STANDARD.decode(picture).expect("base64");
            assert_eq!(w.one("product.template", product, &["image_1920"]).await["image_1920"], json!(picture));
            let sized = w.ask(Call::read("product.template", &[product], &["image_1920"]).context("bin_size", json!(true))).await;
            assert_eq!(sized[0]["image_1920"], json!(format!("{:.2} bytes", bytes.len() as f64)));
            let files = files().await;
            assert_eq!((files.len(), &files[0]["checksum"], &files[0]["file_size"]), (1, &json!(posbridge::demo::image::sha1(&bytes)), &json!(bytes.len())));
            sums.push(files[0]["checksum"].clone());
        }
        assert_ne!(sums[0], sums[1]);
        let own = w.one("product.product", w.variant(product).await, &["image_1920", "image_variant_1920"]).await;
        assert_eq!((&own["image_1920"], &own["image_variant_1920"]), (&json!(PICTURES[1]), &json!(false)));
        let unasked = json!([["res_model", "=", "product.template"], ["res_id", "=", product]]);
        assert_eq!(w.rows("ir.attachment", unasked, &["checksum"]).await, Vec::<Json>::new());
        let text = STANDARD.encode("no picture");
        let answer = w.ask(w.update("product.template", &[".id", "image_1920"], json!([[id, text]]))).await;
        assert_eq!(first_message(&answer), "This file could not be decoded as an image file.");
        w.ask(w.update("product.template", &[".id", "image_1920"], json!([[id, ""]]))).await;
        assert_eq!(files().await, Vec::<Json>::new());
        assert_eq!(w.one("product.template", product, &["image_1920"]).await["image_1920"], json!(false));
    }

    a_picture_of_central_keeps_its_checksum_at_the_branch(w) {
        let made = w.create("product.template", &["id", "name", "image_1920"], json!([[fresh(), "Picture", PICTURES[0]]]));
        let made: Json = w.central.call(&made).await.expect("a load without fault");
        let there = [made["ids"][0].as_i64().unwrap_or_else(|| panic!("{made}"))];
        let domain = |id: i64| json!([["res_model", "=", "product.template"], ["res_field", "=", "image_1920"], ["res_id", "=", id]]);
        let at_central: Vec<Json> = w.central.call(&Call::search_read("ir.attachment", domain(there[0]), &["checksum"])).await.expect("a file");
        let read: Vec<Json> = w.central.call(&Call::read("product.template", &there, &["image_1920"])).await.expect("a picture");
        let here = w.product("Sent picture").await;
        w.ask(w.update("product.template", &[".id", "image_1920"], json!([[here.to_string(), read[0]["image_1920"]]]))).await;
        let at_branch = w.rows("ir.attachment", domain(here), &["checksum"]).await;
        assert_eq!(at_branch[0]["checksum"], at_central[0]["checksum"]);
        w.central.call::<Json>(&Call::new("product.template", "unlink").on(&there)).await.expect("an unlink");
    }

    categories_have_their_path_as_name_and_no_circles(w) {
        for (model, words) in [("product.category", "Recursion Detected."), ("pos.category", "Error! You cannot create recursive categories.")] {
            let top = w.made(model, &["name"], &[json!(["Top"])]).await[0];
            let sub = w.made(model, &["name", "parent_id/.id"], &[json!(["Sub", top.to_string()])]).await[0];
            assert_eq!(w.one(model, sub, &["display_name"]).await["display_name"], json!("Top / Sub"));
            let below = w.rows(model, json!([["id", "child_of", top]]), &["name"]).await;
            assert_eq!(below.iter().map(|row| row["id"].clone()).collect::<Vec<_>>(), [json!(top), json!(sub)]);
            let answer = w.ask(w.update(model, &[".id", "parent_id/.id"], json!([[top.to_string(), sub.to_string()]]))).await;
            assert_eq!(first_message(&answer), words);
        }
    }

    products_are_found_by_a_category_above_theirs(w) {
        let top = w.made("pos.category", &["name"], &[json!(["Top"])]).await[0];
        let sub = w.made("pos.category", &["name", "parent_id/.id"], &[json!(["Sub", top.to_string()])]).await[0];
        let product = w.made("product.template", &["name", "pos_categ_ids/.id"], &[json!(["Below", sub.to_string()])]).await[0];
        let found = w.rows("product.template", json!([["pos_categ_ids", "child_of", [top]]]), &["name"]).await;
        assert_eq!(found.iter().map(|row| row["id"].clone()).collect::<Vec<_>>(), [json!(product)]);
    }

    a_tax_is_created_once_and_its_name_is_taken_then(w) {
        let name = fresh();
        let fields = ["id", "name", "amount", "amount_type", "type_tax_use", "price_include_override", "invoice_label"];
        let row = |amount: &str| json!([[fresh(), name, amount, "percent", "sale", "tax_included", "9%"]]);
        let answer = w.ask(w.create("account.tax", &fields, row("9"))).await;
        let tax = answer["ids"][0].as_i64().unwrap_or_else(|| panic!("{answer}"));
        let read = w.one("account.tax", tax, &["amount", "price_include", "is_base_affected", "include_base_amount", "company_id", "country_id"]).await;
        assert_eq!((&read["amount"], &read["price_include"], &read["is_base_affected"]), (&json!(9.0), &json!(true), &json!(true)));
        assert_eq!((&read["company_id"][0], &read["include_base_amount"]), (&json!(w.company), &json!(false)));
        assert!(read["country_id"][0].is_i64());
        let answer = w.ask(w.create("account.tax", &fields, row("10"))).await;
        assert!(first_message(&answer).starts_with(&format!("Tax names must be unique!\n- {name} in ")), "{answer}");
        let group = w.made("account.tax", &["name", "amount_type", "children_tax_ids/.id"], &[json!([fresh(), "group", tax.to_string()])]).await[0];
        assert_eq!(w.one("account.tax", group, &["children_tax_ids"]).await["children_tax_ids"], json!([tax]));
    }

    an_archived_tax_is_left_out_of_a_product_that_is_read_without_it(w) {
        let tax = w.made("account.tax", &["name", "amount"], &[json!([fresh(), "5"])]).await[0];
        let product = w.made("product.template", &["name", "taxes_id/.id"], &[json!(["Taxed", tax.to_string()])]).await[0];
        w.ask(w.update("account.tax", &[".id", "active"], json!([[tax.to_string(), "False"]]))).await;
        assert_eq!(w.one("product.template", product, &["taxes_id"]).await["taxes_id"], json!([]));
        let all = Call::read("product.template", &[product], &["taxes_id"]).with_archived();
        let all = w.ask(all.context("allowed_company_ids", json!([w.company]))).await;
        assert_eq!(all[0]["taxes_id"], json!([tax]));
    }

    an_open_session_holds_its_taxes_payment_methods_and_the_products_of_its_open_orders(w) {
        let open = w.open_shop().await;
        let (tax, method, product) = (open.tax.to_string(), open.method.to_string(), open.template.to_string());
        // Amounts of a tax that an order of the session has; the rest of the tax is free.
        for (field, cell) in [("amount", "8"), ("amount", "7"), ("type_tax_use", "sale"), ("include_base_amount", "0")] {
            let answer = w.ask(w.update("account.tax", &[".id", field], json!([[tax, cell]]))).await;
            assert_eq!(first_message(&answer), TAX_USED, "{field}");
        }
        let write = Call::new("account.tax", "write").on(&[open.tax]).arg("vals", json!({"amount": 8}));
        assert_eq!(error_of(&w.branch, write).await, OdooError::Refusal(TAX_USED.into()));
        let free = json!([[tax, fresh(), "5", "label"]]);
        assert_eq!(w.ask(w.update("account.tax", &[".id", "name", "sequence", "invoice_label"], free)).await["ids"], json!([open.tax]));
        // Every field of a payment method: by `load` even the sequence, by `write` all but that.
        for (field, cell) in [("name", open.name.as_str()), ("sequence", "9")] {
            let answer = w.ask(w.update("pos.payment.method", &[".id", field], json!([[method, cell]]))).await;
            assert!(first_message(&answer).starts_with(METHOD_USED), "{field}: {answer}");
        }
        let write = |values: Json| Call::new("pos.payment.method", "write").on(&[open.method]).arg("vals", values);
        assert_eq!(w.ask(write(json!({"sequence": 9}))).await, json!(true));
        let OdooError::Refusal(words) = error_of(&w.branch, write(json!({"name": "x"}))).await else { panic!("another error") };
        assert!(words.starts_with(METHOD_USED), "{words}");
        let shop = Call::new("pos.config", "write").on(&[open.shop]).arg("vals", json!({"payment_method_ids": [[6, 0, []]]}));
        let words = "Unable to modify this PoS Configuration because you can't modify Payment Methods while a session is open.";
        assert_eq!(error_of(&w.branch, shop).await, OdooError::Refusal(words.into()));
        // A product in an open order is not archived by its button, but is by a plain write.
        let archive = |model: &'static str, id: i64| Call::new(model, "action_archive").on(&[id]);
        assert_eq!(error_of(&w.branch, archive("product.template", open.template)).await, OdooError::Refusal(PRODUCT_USED.into()));
        let variant = w.variant(open.template).await;
        assert_eq!(error_of(&w.branch, archive("product.product", variant)).await, OdooError::Refusal(PRODUCT_USED.into()));
        let open_orders = json!([["order_id.session_id.state", "!=", "closed"], ["order_id.state", "=", "draft"], ["product_id", "=", variant]]);
        assert_eq!(w.rows("pos.order.line", open_orders, &["order_id"]).await.len(), 1);
        assert_eq!(w.ask(w.update("product.template", &[".id", "list_price"], json!([[product, "11"]]))).await["ids"], json!([open.template]));
        assert_eq!(w.ask(w.update("product.template", &[".id", "active"], json!([[product, "False"]]))).await["ids"], json!([open.template]));
        w.close(&open).await;
        assert_eq!(w.ask(w.update("account.tax", &[".id", "amount"], json!([[tax, "8"]]))).await["ids"], json!([open.tax]));
        assert_eq!(w.ask(w.update("pos.payment.method", &[".id", "name"], json!([[method, open.name]]))).await["ids"], json!([open.method]));
    }

    the_journal_makes_the_type_of_a_payment_method(w) {
        let kind = async |journal: &str| {
            let method = w.made("pos.payment.method", &["name", "journal_id/.id", "split_transactions"], &[json!([fresh(), journal, "1"])]).await[0];
            w.one("pos.payment.method", method, &["type", "is_cash_count", "company_id", "split_transactions"]).await
        };
        let (bank, cash, none) = (kind(&w.bank.to_string()).await, kind(&w.cash.to_string()).await, kind("").await);
        assert_eq!((&bank["type"], &bank["is_cash_count"], &bank["company_id"][0]), (&json!("bank"), &json!(false), &json!(w.company)));
        assert_eq!((&cash["type"], &cash["is_cash_count"]), (&json!("cash"), &json!(true)), "a second method on a cash journal is not refused");
        assert_eq!((&none["type"], &none["split_transactions"]), (&json!("pay_later"), &json!(true)));
        let nameless = w.ask(w.create("pos.payment.method", &["id", "name"], json!([[fresh(), ""]]))).await;
        assert_eq!(first_message(&nameless), missing("Method", "name", "'Point of Sale Payment Methods' (pos.payment.method)"));
    }

    a_contact_needs_a_name_and_takes_its_companys_address(w) {
        let answer = w.ask(w.create("res.partner", &["id", "name", "ref"], json!([[fresh(), "", "x"]]))).await;
        assert_eq!(first_message(&answer), "Contacts require a name");
        let company = w.made("res.partner", &["name", "is_company", "street", "city"], &[json!(["Hotel", "1", "Quay 1", "Vlora"])]).await[0];
        let rows = [json!(["Rita", company.to_string(), "contact", "Own street"]), json!(["", company.to_string(), "delivery", "Back door"])];
        let below = w.made("res.partner", &["name", "parent_id/.id", "type", "street"], &rows).await;
        let fields = ["display_name", "street", "city", "parent_id", "is_company"];
        let (rita, door) = (w.one("res.partner", below[0], &fields).await, w.one("res.partner", below[1], &fields).await);
        assert_eq!((&rita["display_name"], &rita["street"], &rita["city"]), (&json!("Hotel, Rita"), &json!("Quay 1"), &json!("Vlora")));
        assert_eq!((&door["display_name"], &door["street"], &door["city"]), (&json!("Hotel, Delivery"), &json!("Back door"), &json!(false)));
        w.ask(w.update("res.partner", &[".id", "street", "vat"], json!([[company.to_string(), "Quay 2", "X1"]]))).await;
        let all = w.rows("res.partner", json!([["id", "child_of", company]]), &["street", "vat"]).await;
        let pairs: Vec<(&Json, &Json)> = all.iter().map(|row| (&row["street"], &row["vat"])).collect();
        assert_eq!(pairs, [(&json!("Quay 2"), &json!("X1")), (&json!("Quay 2"), &json!("X1")), (&json!("Back door"), &json!("X1"))]);
        w.ask(w.update("res.partner", &[".id", "street"], json!([[below[0].to_string(), "Quay 3"]]))).await;
        assert_eq!(w.one("res.partner", company, &["street"]).await["street"], json!("Quay 3"), "a contact's address is its company's");
        let circle = w.ask(w.update("res.partner", &[".id", "parent_id/.id"], json!([[company.to_string(), below[0].to_string()]]))).await;
        assert_eq!(first_message(&circle), "You cannot create recursive Partner hierarchies.");
    }

    pricelist_rules_keep_what_belongs_to_their_kind(w) {
        let list = w.made("product.pricelist", &["name", "sequence"], &[json!([fresh(), "5"])]).await[0];
        let (product, category) = (w.product("Priced").await, w.made("product.category", &["name"], &[json!(["Priced"])]).await[0]);
        let variant = w.variant(product).await;
        let fields = ["pricelist_id/.id", "applied_on", "categ_id/.id", "product_tmpl_id/.id", "product_id/.id", "min_quantity", "compute_price",
            "fixed_price", "percent_price", "price_discount", "date_start"];
        let (l, p, c, v) = (list.to_string(), product.to_string(), category.to_string(), variant.to_string());
        let items = w.made("product.pricelist.item", &fields, &[
            json!([l, "3_global", c, p, "", "", "percentage", "", "10", "", ""]),
            json!([l, "2_product_category", c, p, "", "3", "formula", "", "", "5", "2026-12-01 00:00:00"]),
            json!([l, "1_product", "", p, "", "", "fixed", "9.99", "", "", ""]),
            json!([l, "0_product_variant", "", "", v, "", "fixed", "8.88", "", "", ""]),
        ]).await;
        let read = w.rows("product.pricelist.item", json!([["pricelist_id", "=", list]]), &["applied_on", "categ_id", "product_tmpl_id",
            "product_id", "min_quantity", "compute_price", "fixed_price", "percent_price", "price_discount", "date_start", "name"]).await;
        assert_eq!((&read[0]["categ_id"], &read[0]["product_tmpl_id"], &read[0]["percent_price"]), (&json!(false), &json!(false), &json!(10.0)));
        assert_eq!((&read[1]["categ_id"][0], &read[1]["product_tmpl_id"], &read[1]["date_start"]), (&json!(category), &json!(false), &json!("2026-12-01 00:00:00")));
        assert_eq!((&read[1]["min_quantity"], &read[1]["price_discount"]), (&json!(3.0), &json!(5.0)));
        assert_eq!((&read[2]["product_tmpl_id"][0], &read[2]["fixed_price"]), (&json!(product), &json!(9.99)));
        assert_eq!((&read[3]["product_tmpl_id"][0], &read[3]["product_id"][0]), (&json!(product), &json!(variant)));
        assert_eq!((&read[0]["name"], &read[2]["name"]), (&json!("All Products"), &json!("Priced")));
        let missing = w.ask(w.create("product.pricelist.item", &["id", "pricelist_id/.id", "applied_on"], json!([[fresh(), l, "1_product"]]))).await;
        assert_eq!(first_message(&missing), "Please specify the product for which this rule should be applied");
        assert_eq!(w.ask(Call::new("product.pricelist.item", "unlink").on(&[items[0]])).await, json!(true));
        let again = error_of(&w.branch, Call::new("product.pricelist.item", "unlink").on(&[items[0]])).await;
        assert!(again.to_string().contains("Record does not exist or has been deleted."), "{again}");
        assert_eq!(w.ask(Call::new("product.category", "unlink").on(&[99_999_999])).await, json!(true), "no company, no rule, no complaint");
        assert_eq!(w.one("product.pricelist", list, &["item_ids"]).await["item_ids"].as_array().map(Vec::len), Some(3));
    }

    units_are_told_by_another_unit(w) {
        let piece = w.rows("uom.uom", json!([["name", "=", "Units"]]), &["factor"]).await[0]["id"].to_string();
        let six = w.made("uom.uom", &["name", "relative_factor", "relative_uom_id/.id"], &[json!([fresh(), "6", piece])]).await[0];
        let dozen = w.made("uom.uom", &["name", "relative_factor", "relative_uom_id/.id"], &[json!([fresh(), "2", six.to_string()])]).await[0];
        let read = w.one("uom.uom", dozen, &["factor", "relative_factor"]).await;
        assert_eq!((&read["factor"], &read["relative_factor"]), (&json!(12.0), &json!(2.0)));
    }

    who_may_not_is_told_in_a_message_of_load(w) {
        for (model, label, groups) in [
            ("product.template", "Product", "\t- Products/Create"),
            ("pos.category", "Point of Sale Category", "\t- Point of Sale/Administrator"),
            ("pos.payment.method", "Point of Sale Payment Methods", "\t- Point of Sale/Administrator"),
            ("account.tax", "Tax", "\t- Accounting/Administrator"),
            ("res.partner.category", "Partner Tags", "\t- Contact/Creation"),
        ] {
            let words = |verb: &str| format!("You are not allowed to {verb} '{label}' ({model}) records.\n\nThis operation is allowed for the \
                following groups:\n{groups}\n\nContact your administrator to request access if necessary.");
            let call = w.create(model, &["id", "name"], json!([[fresh(), "x"]]));
            let answer: Json = w.plain.call(&call).await.expect("a load without fault");
            assert_eq!(first_message(&answer), words("create"));
            let known = w.rows(model, json!([["active", "!=", false]]), &["name"]);
            let known = if matches!(model, "pos.category") { w.made(model, &["name"], &[json!(["x"])]).await[0] } else {
                match known.await.first().and_then(|row| row["id"].as_i64()) {
                    Some(id) => id,
                    None => w.made(model, &["name"], &[json!([fresh()])]).await[0],
                }
            };
            let call = w.update(model, &[".id", "name"], json!([[known.to_string(), "x"]]));
            let answer: Json = w.plain.call(&call).await.expect("a load without fault");
            assert_eq!(first_message(&answer), words("modify"));
            let access = Call::new(model, "has_access").on(&[]).arg("operation", json!("create"));
            assert_eq!((w.plain.call(&access).await, w.branch.call(&access).await), (Ok(false), Ok(true)), "{model}");
        }
    }

    fields_tell_type_digits_and_choices(w) {
        let call = Call::new("product.template", "fields_get")
            .arg("allfields", json!(["name", "list_price", "taxes_id", "type", "weight", "attribute_line_ids", "nope"]))
            .arg("attributes", json!(["type", "digits", "relation", "selection", "required"]));
        let expected = json!({
            "name": {"type": "char", "required": true},
            "list_price": {"type": "float", "required": false, "digits": false},
            "weight": {"type": "float", "required": false, "digits": [16, 2]},
            "type": {"type": "selection", "required": true, "selection": [["consu", "Goods"], ["service", "Service"], ["combo", "Combo"]]},
            "taxes_id": {"type": "many2many", "required": false, "relation": "account.tax"},
            "attribute_line_ids": {"type": "one2many", "required": false, "relation": "product.template.attribute.line"},
        });
        assert_eq!(w.ask(call).await, expected);
    }
}
