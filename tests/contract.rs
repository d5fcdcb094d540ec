//! What the bridge relies on in Odoo, as one list of facts. Each is run against the stand-in of every version, always, and
//! against a real Odoo with the feature `live` (`tests/odoo/up` brings up a 19), a 19 over XML-RPC and over JSON-2, and one before 19 with
//! `POSBRIDGE_ODOO_VERSION=14 … -- --ignored live_older::` (`tests/odoo/up_older 14`). Where a fact holds on one of them only, the stand-in,
//! or one of the two ways to call it, is wrong; where versions differ, the fact says how.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use posbridge::demo::{Branch, Central, OdooServer, Version};
use posbridge::model::{CentralId, Protocol};
use posbridge::odoo::records::{self, Adjusted, Adjustment, CentralFields};
use posbridge::odoo::{Call, Known, Odoo, OdooError, Target};
use posbridge::sync::{By, CHOICES, Choice, Wanted, choices};
use secrecy::SecretString;
use serde_json::{Value as Json, json};

/// One Odoo with a central and a branch, and what the facts need to know of them.
struct World {
    version: Version,
    central: Odoo,
    branch: Odoo,
    admin: Odoo,
    url: String,
    protocol: Protocol,
    central_database: String,
    company: i64,
    partner: i64,
    product: i64,
    tax: i64,
    foreign_tax: i64,
    /// Keeps the stand-in alive.
    _server: Option<OdooServer>,
}

fn client(protocol: Protocol, url: &str, database: &str, login: &str, password: &str) -> Odoo {
    let target = Target {
        url: url.to_owned(),
        database: database.to_owned(),
        login: login.to_owned(),
        timeout: Duration::from_secs(60),
        protocol: Some(protocol),
        ca_pem: None,
    };
    Odoo::new(target, SecretString::from(password.to_owned()), Known::default()).expect("a usable URL")
}

/// The stand-in's users have their logins as passwords, and keys that are called after these.
fn stand_in_password(protocol: Protocol, login: &str) -> String {
    match protocol {
        Protocol::XmlRpc => login.to_owned(),
        Protocol::Json2 => format!("{login}-key"),
    }
}

/// What the rig says about itself, by key.
#[cfg(feature = "live")]
fn rig() -> impl Fn(&str) -> String {
    let home = std::env::var("HOME").unwrap_or_default();
    let dir = std::env::var("POSBRIDGE_ODOO_DIR").unwrap_or_else(|_| format!("{home}/.cache/posbridge-odoo"));
    let text = std::fs::read_to_string(format!("{dir}/env")).expect("tests/odoo/up has been run");
    move |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("{key} in {dir}/env")).to_owned()
    }
}

impl World {
    async fn stand_in(protocol: Protocol) -> Self {
        Self::stand_in_as(Version::V19, protocol).await
    }

    async fn stand_in_as(version: Version, protocol: Protocol) -> Self {
        let server = OdooServer::start_as(version).await.expect("a free port");
        server.central("central", &Central::default());
        let branch = server.branch("branch1", &Branch::new("Furniture Shop"));
        branch.sell_random(30, 5);
        let url = server.url();
        let client = |database: &str, login: &str| client(protocol, &url, database, login, &stand_in_password(protocol, login));
        let (clients, admin) = ((client("central", "bridge"), client("branch1", "bridge")), client("central", "admin"));
        Self::with(protocol, clients, admin, url, "central".into(), Some(server)).await
    }

    #[cfg(feature = "live")]
    async fn live(protocol: Protocol) -> Self {
        let get = rig();
        let (url, central, branch) = (get("ODOO_URL"), get("CENTRAL_DB"), get("BRANCH1_DB"));
        let (central_secret, branch_secret) = match protocol {
            Protocol::XmlRpc => ("CENTRAL_PASSWORD", "BRANCH_PASSWORD"),
            Protocol::Json2 => ("CENTRAL_API_KEY", "BRANCH1_API_KEY"),
        };
        let clients = (
            client(protocol, &url, &central, &get("CENTRAL_USER"), &get(central_secret)),
            client(protocol, &url, &branch, &get("BRANCH_USER"), &get(branch_secret)),
        );
        // An administrator of the rig has a password and no key.
        let admin = client(Protocol::XmlRpc, &url, &central, &get("ADMIN_USER"), &get("ADMIN_PASSWORD"));
        Self::with(protocol, clients, admin, url, central, None).await
    }

    /// The Odoo before 19 that `tests/odoo/up_older` brought up for the version in `POSBRIDGE_ODOO_VERSION`.
    #[cfg(feature = "live")]
    async fn live_older() -> Self {
        let version = std::env::var("POSBRIDGE_ODOO_VERSION").expect("POSBRIDGE_ODOO_VERSION says which: 14, 16 or 18");
        let port = std::env::var(format!("POSBRIDGE_ODOO{version}_PORT")).unwrap_or_else(|_| format!("82{version}"));
        let (url, central, branch) = (format!("http://127.0.0.1:{port}"), format!("central{version}"), format!("branch{version}"));
        let client = |database: &str, login: &str, password: &str| client(Protocol::XmlRpc, &url, database, login, password);
        let clients = (client(&central, "bridge", "bridge-central"), client(&branch, "bridge", "bridge-branch"));
        let admin = client(&central, "admin", "admin");
        let world = Self::with(Protocol::XmlRpc, clients, admin, url.clone(), central.clone(), None).await;
        assert_eq!(world.version.to_string(), version, "what answers there");
        world
    }

    async fn with(
        protocol: Protocol,
        clients: (Odoo, Odoo),
        admin: Odoo,
        url: String,
        central_database: String,
        server: Option<OdooServer>,
    ) -> Self {
        let (central, branch) = clients;
        let first = |rows: Vec<Json>| rows.first().and_then(|row| row["id"].as_i64()).expect("one record");
        let company = first(central.call(&Call::search_read("res.company", json!([]), &["name"])).await.expect("companies"));
        let own = json!([["name", "=", "VAT 15%"], ["company_id", "=", company]]);
        let tax = first(central.call(&Call::search_read("account.tax", own, &["name"])).await.expect("taxes"));
        let foreign = json!([["type_tax_use", "=", "sale"], ["company_id", "!=", company], ["company_id", "!=", false]]);
        // Only an administrator of all companies sees the taxes of the others.
        let user = Call::search_read("res.company", json!([]), &["name"]);
        let all: Vec<Json> = admin.call(&user).await.expect("companies");
        let all: Vec<i64> = all.iter().filter_map(|row| row["id"].as_i64()).collect();
        let foreign = Call::search_read("account.tax", foreign, &["name"]).context("allowed_company_ids", json!(all));
        let foreign_tax = first(admin.call(&foreign).await.expect("taxes of another company"));
        let product = json!([["default_code", "=", "POS-ROUND"]]);
        let product = first(central.call(&Call::search_read("product.product", product, &["name"])).await.expect("products"));
        let partner = json!([["customer_rank", ">", 0], ["company_id", "=", false]]);
        let partner = Call::search_read("res.partner", partner, &["name"]).arg("limit", json!(1));
        let partner = first(central.call(&partner).await.expect("customers"));
        let version = central.version().await.expect("a version");
        let version = version.split('.').next().and_then(|major| Version::of_major(major.parse().ok()?)).expect("a version of 14 to 19");
        Self {
            version,
            central,
            branch,
            admin,
            url,
            protocol,
            central_database,
            company,
            partner,
            product,
            tax,
            foreign_tax,
            _server: server,
        }
    }

    /// A name that no other run has used.
    fn fresh(&self) -> String {
        static COUNTER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos();
        format!("fact-{now}-{}", COUNTER.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
    }

    /// An order of one line at 10.00 plus 15 %.
    fn row(&self, xid: &str) -> Vec<String> {
        let cells = [
            xid,
            &self.partner.to_string(),
            "fact",
            "2026-11-20 10:00:00",
            &self.product.to_string(),
            "Line",
            "1",
            "10",
            "",
            &self.tax.to_string(),
            "",
        ];
        cells.map(str::to_owned).to_vec()
    }

    /// What this version calls the taxes and the unit of a line.
    fn taxes(&self) -> &'static str {
        if self.version == Version::V19 { "tax_ids" } else { "tax_id" }
    }

    fn unit(&self) -> &'static str {
        if self.version == Version::V19 { "product_uom_id" } else { "product_uom" }
    }

    fn create_once(&self, model: &'static str, fields: &[&str], rows: &Json) -> Call {
        let fields: Vec<String> = fields.iter().map(|field| field.replace("tax_ids", self.taxes())).collect();
        Call::new(model, "load")
            .arg("fields", json!(fields))
            .arg("data", rows.clone())
            .context("module", json!("__posbridge_facts"))
            .context("mode", json!("update"))
            .context("noupdate", json!(true))
            .context("allowed_company_ids", json!([self.company]))
            .context("tracking_disable", json!(true))
    }

    async fn load(&self, rows: &[Vec<String>]) -> Json {
        self.central.call(&self.create_once("sale.order", FIELDS, &json!(rows))).await.expect("a load without fault")
    }

    /// One order loaded by a fresh external id.
    async fn order(&self) -> (String, i64) {
        let xid = self.fresh();
        let answer = self.load(&[self.row(&xid)]).await;
        (xid, answer["ids"][0].as_i64().unwrap_or_else(|| panic!("no order in {answer}")))
    }

    /// What `search` and `search_count` call their domain.
    fn domain_name(&self) -> &'static str {
        if self.version <= Version::V15 { "args" } else { "domain" }
    }

    fn searching(&self, model: &'static str, domain: Json) -> Call {
        Call::new(model, "search").arg(self.domain_name(), domain)
    }

    fn counting(&self, model: &'static str, domain: Json) -> Call {
        Call::new(model, "search_count").arg(self.domain_name(), domain)
    }

    async fn read(&self, model: &'static str, id: i64, fields: &[&str]) -> Json {
        let rows: Vec<Json> = self.central.call(&Call::read(model, &[id], fields)).await.expect("a readable record");
        rows.into_iter().next().unwrap_or(Json::Null)
    }
}

const FIELDS: &[&str] = &[
    "id",
    "partner_id/.id",
    "client_order_ref",
    "date_order",
    "order_line/product_id/.id",
    "order_line/name",
    "order_line/product_uom_qty",
    "order_line/price_unit",
    "order_line/discount",
    "order_line/tax_ids/.id",
    "order_line/display_type",
];

const PARTNER: usize = 1;
const DATE: usize = 3;
const PRODUCT: usize = 4;
const NAME: usize = 5;
const QTY: usize = 6;
const PRICE: usize = 7;
const DISCOUNT: usize = 8;
const TAXES: usize = 9;
const DISPLAY: usize = 10;

fn first_message(answer: &Json) -> &str {
    assert_eq!(answer["ids"], json!(false), "{answer}");
    answer["messages"][0]["message"].as_str().unwrap_or_default()
}

async fn error_of(odoo: &Odoo, call: Call) -> OdooError {
    match odoo.call::<Json>(&call).await {
        Ok(value) => panic!("{}.{} answered {value}", call.model, call.method),
        Err(error) => error,
    }
}

macro_rules! facts {
    ($($name:ident($w:ident) $body:block)*) => {
        mod fact {
            use super::*;
            $(pub async fn $name($w: &World) $body)*
        }
        mod stand_in {
            use super::*;
            $(#[tokio::test] async fn $name() { fact::$name(&World::stand_in(Protocol::XmlRpc).await).await })*
        }
        mod stand_in_json2 {
            use super::*;
            $(#[tokio::test] async fn $name() { fact::$name(&World::stand_in(Protocol::Json2).await).await })*
        }
        #[cfg(feature = "live")]
        mod live {
            use super::*;
            $(#[tokio::test] async fn $name() { fact::$name(&World::live(Protocol::XmlRpc).await).await })*
        }
        #[cfg(feature = "live")]
        mod live_json2 {
            use super::*;
            $(#[tokio::test] async fn $name() { fact::$name(&World::live(Protocol::Json2).await).await })*
        }
    };
}

/// The same facts, of the versions before 19.
macro_rules! older {
    ($($version:ident as $module:ident)* : $names:tt) => { $(older!(@one $version $module $names);)* older!(@live $names); };
    (@live ($($name:ident)*)) => {
        #[cfg(feature = "live")]
        mod live_older {
            use super::*;
            $(#[tokio::test] #[ignore = "needs tests/odoo/up_older"] async fn $name() { fact::$name(&World::live_older().await).await })*
        }
    };
    (@one $version:ident $module:ident ($($name:ident)*)) => {
        mod $module {
            use super::*;
            $(#[tokio::test] async fn $name() { fact::$name(&World::stand_in_as(Version::$version, Protocol::XmlRpc).await).await })*
        }
    };
}

/// A list of facts, each run on every version.
macro_rules! facts_of_all_versions {
    ($($name:ident($w:ident) $body:block)*) => {
        facts! { $($name($w) $body)* }
        older! { V14 as stand_in_14 V15 as stand_in_15 V16 as stand_in_16 V17 as stand_in_17 V18 as stand_in_18 : ($($name)*) }
    };
}

#[path = "contract/stock.rs"]
mod stock;

#[path = "contract/send.rs"]
mod send;

#[path = "contract/versions.rs"]
mod versions;

facts_of_all_versions! {
    what_a_person_maps_to_is_found_by_a_part_of_its_name_or_code_and_is_usable(w) {
        let ask = async |wanted, by: By<'_>| w.central.call::<Vec<Choice>>(&choices(wanted, w.company, by)).await.expect("choices");
        let product = ask(Wanted::Product, By::Text("pos-rou")).await;
        let round = product.iter().find(|choice| choice.id == w.product).expect("the product of rounding lines");
        assert!(round.default_code.as_deref() == Some("POS-ROUND") && !round.name.is_empty(), "{round:?}");
        assert!(ask(Wanted::Product, By::Text("")).await.len() <= CHOICES);
        let taxes = ask(Wanted::Tax, By::Text("vat 15")).await;
        assert!(taxes.iter().any(|choice| choice.id == w.tax && choice.amount.is_some() && !choice.price_include), "{taxes:?}");
        assert_eq!(ask(Wanted::Tax, By::Id(w.foreign_tax)).await, [], "of the draft's company alone");
        let name = w.read("res.partner", w.partner, &["name"]).await["name"].as_str().expect("a name").to_uppercase();
        assert!(ask(Wanted::Customer, By::Text(&name)).await.iter().any(|choice| choice.id == w.partner), "in capitals as well");
        assert_eq!(ask(Wanted::Customer, By::Id(w.partner)).await.len(), 1);
        for hostile in ["%", "_", "\\", "'; --", "<b>", "é漢"] {
            ask(Wanted::Product, By::Text(hostile)).await;
        }
    }

    the_version_is_told_without_a_log_in(w) {
        assert_eq!(w.central.version().await, Ok(w.version.serie()));
    }

    a_user_reads_when_its_own_keys_end_and_nothing_of_others(w) {
        let (mine, admins) = (w.central.authenticate().await.unwrap(), w.admin.authenticate().await.unwrap());
        let call = |user: i64| Call::new("res.users.apikeys", "search_read").arg("domain", json!([["user_id", "=", user]]));
        let keys: Vec<Json> = w.central.call(&call(mine)).await.unwrap();
        let key = keys.iter().find(|key| key["name"] == "posbridge").expect("the rig's key");
        // Before 19 a key that a person makes has none.
        let scope = &key["scope"];
        assert!(*scope == json!("rpc") || w.version < Version::V19 && *scope == json!(false), "asked for no field by name: {key}");
        let ends = (w.version >= Version::V18).then_some(json!(false));
        assert_eq!(key.get("expiration_date"), ends.as_ref(), "older keys never end");
        assert!(key.get("key").is_none(), "the key itself is no field");
        let all = Call::new("res.users.apikeys", "search_read").arg("domain", json!([["user_id", "!=", mine]]));
        assert_eq!(w.central.call::<Vec<Json>>(&all).await.unwrap(), Vec::<Json>::new());
        assert_eq!(w.central.call::<Vec<Json>>(&call(admins)).await.unwrap(), Vec::<Json>::new());
    }

    a_wrong_password_is_no_log_in(w) {
        let wrong = client(w.protocol, &w.url, &w.central_database, "bridge", "wrong");
        assert_eq!(wrong.authenticate().await, Err(OdooError::Denied("bridge".into())));
        let nobody = client(w.protocol, &w.url, &w.central_database, "nobody", "wrong");
        assert_eq!(nobody.authenticate().await, Err(OdooError::Denied("nobody".into())));
    }

    a_call_with_a_wrong_password_is_denied(w) {
        let uid = w.central.authenticate().await.expect("a log-in");
        let target = Target {
            url: w.url.clone(),
            database: w.central_database.clone(),
            login: "bridge".into(),
            timeout: Duration::from_secs(60),
            protocol: Some(w.protocol),
            ca_pem: None,
        };
        let wrong = Odoo::new(target, SecretString::from("wrong".to_owned()), Known { uid: Some(uid), protocol: None }).expect("a usable URL");
        let error = error_of(&wrong, Call::search_read("res.users", json!([]), &["name"])).await;
        assert_eq!(error, OdooError::Denied("bridge".into()));
    }

    an_unknown_database_is_told_from_other_faults(w) {
        let nowhere = client(w.protocol, &w.url, "nowhere", "bridge", "bridge");
        assert_eq!(nowhere.authenticate().await, Err(OdooError::DatabaseUnknown("nowhere".into())));
    }

    every_answer_carries_the_servers_clock(w) {
        let call = Call::search_read("res.company", json!([]), &["name"]);
        let (_, date) = w.central.call_dated::<Json>(&call).await.expect("companies");
        let offset = date.expect("a Date header").as_second() - jiff::Timestamp::now().as_second();
        assert!(offset.abs() <= 2, "{offset}");
    }

    an_unknown_model_has_a_fault_of_its_own(w) {
        let error = error_of(&w.central, Call::search_read("no.model", json!([]), &["name"])).await;
        assert_eq!(error, OdooError::ModelUnknown("no.model".into()));
    }

    an_unknown_field_is_a_fault_1_that_names_it(w) {
        for call in [
            Call::search_read("sale.order", json!([]), &["nope"]),
            Call::search_read("sale.order", json!([["nope", "=", 1]]), &["name"]),
            Call::search_read("sale.order", json!([["partner_id.nope", "=", 1]]), &["name"]),
        ] {
            let error = error_of(&w.central, call).await;
            assert!(error.to_string().contains("nope"), "{error:?}");
            assert!(matches!(error, OdooError::FieldUnknown(_) | OdooError::Server(_)), "{error:?}");
        }
    }

    a_private_method_is_refused(w) {
        let error = error_of(&w.central, Call::new("sale.order", "_compute_amounts").on(&[1])).await;
        let name = if w.version == Version::V19 { "'sale.order._compute_amounts'" } else { "_compute_amounts" };
        assert_eq!(error, OdooError::Access(format!("Private methods (such as {name}) cannot be called remotely.")));
    }

    an_unknown_method_is_a_fault_1(w) {
        let error = error_of(&w.central, Call::new("sale.order", "nope").on(&[1])).await;
        let text = match w.version {
            Version::V19 => "The method 'sale.order.nope' does not exist",
            Version::V17 | Version::V18 => "The method 'nope' does not exist on the model 'sale.order'",
            _ => "type object 'sale.order' has no attribute 'nope'",
        };
        assert_eq!(error, OdooError::Server(format!("AttributeError: {text}")));
    }

    a_missing_right_names_the_model_and_the_groups(w) {
        let error = error_of(&w.central, Call::new("product.product", "create").arg("vals_list", json!([{"name": "x"}]))).await;
        if w.version < Version::V19 {
            let OdooError::Access(text) = error else { panic!("{error:?}") };
            let label = if w.version == Version::V14 { "Product" } else { "Product Variant" };
            let start = format!("You are not allowed to create '{label}' (product.product) records.\n\nThis operation");
            assert!(text.starts_with(&start), "{text}");
            if w.version > Version::V14 {
                let refused = error_of(&w.central, Call::search_read("ir.model.data", json!([]), &["name"])).await.to_string();
                assert!(refused.contains("\t- Administration/Access Rights\n"), "{refused}");
            }
            return;
        }
        let text = "You are not allowed to create 'Product Variant' (product.product) records.\n\nThis operation is allowed for the \
            following groups:\n\t- Products/Create\n\nContact your administrator to request access if necessary.";
        assert_eq!(error, OdooError::Access(text.into()));
        let error = error_of(&w.central, Call::new("uom.uom", "create").arg("vals_list", json!([{"name": "x"}]))).await;
        let text = "You are not allowed to create 'Product Unit of Measure' (uom.uom) records.\n\nThis operation is allowed for the \
            following groups:\n\t- Products/Create\n\t- Role / Administrator\n\nContact your administrator to request access if \
            necessary.";
        assert_eq!(error, OdooError::Access(text.into()));
    }

    the_bridge_user_may_load_orders_and_read_what_it_needs_but_not_delete(w) {
        for model in ["res.partner", "account.tax", "res.users", "stock.warehouse", "res.company", "product.product", "crm.team"] {
            let call = Call::search_read(model, json!([]), &["display_name"]).arg("limit", json!(1));
            assert!(w.central.call::<Vec<Json>>(&call).await.is_ok(), "{model}");
        }
        for (operation, allowed) in [("read", true), ("write", true), ("create", true), ("unlink", false)] {
            let call = match w.version {
                Version::V18 | Version::V19 => Call::new("sale.order", "has_access").on(&[]).arg("operation", json!(operation)),
                _ => Call::new("sale.order", "check_access_rights").arg("operation", json!(operation)).arg("raise_exception", json!(false)),
            };
            assert_eq!(w.central.call::<bool>(&call).await, Ok(allowed), "{operation}");
        }
        let refused = Call::search_read("ir.model.data", json!([]), &["name"]).arg("limit", json!(1));
        match w.version {
            Version::V14 => drop(w.central.call::<Json>(&refused).await.expect("14 lets everybody read them")),
            _ => assert!(matches!(error_of(&w.central, refused).await, OdooError::Access(_))),
        }
        let (_, order) = w.order().await;
        assert!(matches!(error_of(&w.central, Call::new("sale.order", "unlink").on(&[order])).await, OdooError::Access(_)));
    }

    a_branch_user_reads_what_the_bridge_needs(w) {
        for model in [
            "pos.order", "pos.order.line", "pos.payment", "pos.session", "pos.config", "pos.payment.method", "product.product",
            "account.tax", "res.partner", "res.users", "res.company", "decimal.precision", "pos.pack.operation.lot",
        ] {
            let call = Call::search_read(model, json!([]), &["display_name"]).arg("limit", json!(1));
            assert!(w.branch.call::<Vec<Json>>(&call).await.is_ok(), "{model}");
        }
    }

    what_is_empty_reads_as_false_and_a_link_as_id_and_name(w) {
        let (_, order) = w.order().await;
        let read = w.read("sale.order", order, &["origin", "partner_id", "order_line", "amount_total", "state", "pricelist_id"]).await;
        assert_eq!(read["origin"], json!(false));
        assert_eq!(read["partner_id"][0], json!(w.partner));
        assert!(read["partner_id"][1].is_string());
        assert!(read["order_line"][0].is_i64());
        assert_eq!((&read["amount_total"], &read["state"]), (&json!(11.5), &json!("draft")));
    }

    a_record_that_is_gone_is_left_out_of_read_and_refused_by_write(w) {
        let gone = Call::read("sale.order", &[99_999_999], &["name"]);
        assert_eq!(w.central.call::<Json>(&gone).await, Ok(json!([])));
        let write = Call::new("sale.order", "write").on(&[99_999_999]).arg("vals", json!({"origin": "x"}));
        let OdooError::Refusal(text) = error_of(&w.central, write).await else { panic!("another error") };
        assert!(text.starts_with("Record does not exist or has been deleted.\n(Record: sale.order(99999999,), User: "), "{text}");
    }

    fields_get_gives_only_the_attributes_asked_for(w) {
        let call = Call::new("sale.order", "fields_get")
            .arg("allfields", json!(["name", "partner_id", "state", "nope"]))
            .arg("attributes", json!(["type", "relation", "selection"]));
        let mut states = vec![["draft", "Quotation"], ["sent", "Quotation Sent"], ["sale", "Sales Order"], ["cancel", "Cancelled"]];
        if w.version <= Version::V16 {
            states.insert(3, ["done", "Locked"]);
        }
        let expected = json!({
            "name": {"type": "char"},
            "partner_id": {"type": "many2one", "relation": "res.partner"},
            "state": {"type": "selection", "selection": states},
        });
        assert_eq!(w.central.call::<Json>(&call).await, Ok(expected));
    }

    pages_by_id_show_every_order_once(w) {
        let all: Vec<i64> = w.branch.call(&w.searching("pos.order", json!([])).arg("order", json!("id")))
            .await.expect("orders");
        assert!(all.len() >= 4, "{}", all.len());
        let (mut seen, mut last) = (Vec::new(), 0);
        loop {
            let fields: &[&str] = if w.version.has_uuid() { &["write_date", "state", "uuid"] } else { &["write_date", "state"] };
            let page = Call::search_read("pos.order", json!([["id", ">", last]]), fields).arg("order", json!("id")).arg("limit", json!(3));
            let page: Vec<Json> = w.branch.call(&page).await.expect("a page");
            let Some(end) = page.last().and_then(|row| row["id"].as_i64()) else { break };
            assert!(page.iter().all(|row| row["uuid"].is_string() == w.version.has_uuid()), "{page:?}");
            seen.extend(page.iter().filter_map(|row| row["id"].as_i64()));
            last = end;
        }
        assert_eq!(seen, all);
    }

    times_are_compared_by_the_second(w) {
        let call = Call::search_read("pos.order", json!([]), &["write_date"]).arg("order", json!("id desc")).arg("limit", json!(1));
        let newest: Vec<Json> = w.branch.call(&call).await.expect("an order");
        let (id, time) = (newest[0]["id"].clone(), newest[0]["write_date"].as_str().expect("a string").to_owned());
        assert_eq!(time.len(), 19);
        // 19 takes no notice of fractions of a second. Before, they are compared and never told: `>=` is the one form that passes
        // over nothing.
        let whole = w.version == Version::V19;
        for (operator, value, fits) in [
            (">", time.clone(), !whole),
            (">=", time.clone(), true),
            ("=", time.clone(), whole),
            ("<=", time.clone(), whole),
            ("<", time.clone(), false),
            (">=", format!("{time}.999999"), whole),
        ] {
            let call = w.counting("pos.order", json!([["id", "=", id], ["write_date", operator, value]]));
            assert_eq!(w.branch.call::<i64>(&call).await, Ok(i64::from(fits)), "{operator} {value}");
        }
    }

    domains_join_by_prefix_and_walk_along_links(w) {
        let count = |domain: Json| w.counting("pos.order", domain);
        let all: i64 = w.branch.call(&count(json!([]))).await.expect("a count");
        let paid: i64 = w.branch.call(&count(json!([["state", "in", ["paid", "done"]]]))).await.expect("a count");
        let unpaid: i64 = w.branch.call(&count(json!(["!", ["state", "in", ["paid", "done"]]]))).await.expect("a count");
        assert_eq!(paid + unpaid, all);
        let either: i64 = w.branch
            .call(&count(json!(["|", ["session_id.state", "=", "closed"], ["session_id.state", "!=", "closed"]])))
            .await.expect("a count");
        assert_eq!(either, all);
        let shops: i64 = w.branch.call(&count(json!([["config_id.name", "ilike", "shop"]]))).await.expect("a count");
        assert!(shops > 0);
        let lines = w.counting("pos.order.line", json!([["order_id.state", "=", "nothing"]]));
        assert_eq!(w.branch.call::<i64>(&lines).await, Ok(0));
    }

    archived_records_show_only_when_asked_for(w) {
        let domain = json!([["login", "=", "__system__"]]);
        let call = w.counting("res.users", json!([["active", "in", [true, false]], domain[0]]));
        let shown: i64 = w.admin.call(&call).await.expect("a count");
        let hidden: i64 = w.admin.call(&w.counting("res.users", domain.clone())).await.expect("a count");
        let asked: i64 = w.admin
            .call(&w.counting("res.users", domain).with_archived())
            .await.expect("a count");
        assert_eq!((hidden, asked), (0, shown));
        assert_eq!(shown, 1);
    }

    a_foreign_company_in_the_context_is_refused(w) {
        let call = Call::search_read("sale.order", json!([]), &["name"]).arg("limit", json!(1)).context("allowed_company_ids", json!([99]));
        let text = "Access to unauthorized or invalid companies.";
        assert_eq!(error_of(&w.central, call).await, OdooError::Access(text.into()));
        let load = w.create_once("sale.order", FIELDS, &json!([w.row(&w.fresh())])).context("allowed_company_ids", json!([99]));
        if w.version == Version::V14 {
            assert_eq!(error_of(&w.central, load).await, OdooError::Access(text.into()));
            return;
        }
        let answer: Json = w.central.call(&load).await.expect("a load without fault");
        assert_eq!(first_message(&answer), text);
        assert_eq!(answer["messages"].as_array().map(Vec::len), Some(1), "{answer}");
    }

    a_load_creates_a_draft_with_lines_and_external_id(w) {
        let xid = w.fresh();
        let mut second = w.row("");
        second[..4].fill(String::new());
        second[QTY] = "2".into();
        let answer = w.load(&[w.row(&xid), second]).await;
        assert_eq!((&answer["messages"], &answer["nextrow"]), (&json!([]), &json!(0)));
        let order = answer["ids"][0].as_i64().expect("an id");
        let read = w.read("sale.order", order, &["state", "date_order", "client_order_ref", "amount_untaxed", "amount_tax", "amount_total",
            "order_line", "message_ids", "company_id", "user_id", "name"]).await;
        assert_eq!((&read["state"], &read["date_order"], &read["client_order_ref"]), (&json!("draft"), &json!("2026-11-20 10:00:00"), &json!("fact")));
        assert_eq!((&read["amount_untaxed"], &read["amount_tax"], &read["amount_total"]), (&json!(30.0), &json!(4.5), &json!(34.5)));
        assert_eq!(read["order_line"].as_array().map(Vec::len), Some(2));
        assert_eq!((&read["message_ids"], &read["company_id"][0]), (&json!([]), &json!(w.company)));
        assert_eq!(read["user_id"][0], json!(w.central.uid().expect("logged in")));
        assert!(read["name"].as_str().is_some_and(|name| name.starts_with('S')));
        let metadata: Json = w.central.call(&Call::new("sale.order", "get_metadata").on(&[order])).await.expect("metadata");
        let full = format!("__posbridge_facts.{xid}");
        match w.version {
            Version::V14 => assert_eq!((metadata[0].get("xmlids"), &metadata[0]["noupdate"]), (None, &json!(true)), "one only"),
            _ => assert_eq!(metadata[0]["xmlids"], json!([{"xmlid": full, "noupdate": true}])),
        }
        assert_eq!(metadata[0]["xmlid"], json!(full));
    }

    a_day_at_central_is_found_by_the_beginning_of_the_reference_and_says_who_touched_it(w) {
        let (_, order) = w.order().await;
        let mark = w.fresh().replace('-', "_");
        let reference = json!({"client_order_ref": format!("{mark}/2611-1")});
        w.admin.call::<Json>(&Call::new("sale.order", "write").on(&[order]).arg("vals", reference)).await.expect("written");
        let day = |from: &str, to: &str, pattern: String| {
            let domain = json!([["date_order", ">=", from], ["date_order", "<", to], ["client_order_ref", "=like", pattern], ["id", ">", order - 1]]);
            Call::search_read("sale.order", domain, &["state", "date_order", "currency_id", "create_uid", "write_uid"]).arg("order", json!("id")).arg("limit", json!(5))
        };
        let (from, to) = ("2026-11-20 10:00:00", "2026-11-20 10:00:01");
        let found: Json = w.central.call(&day(from, to, format!("{mark}/%"))).await.expect("orders");
        assert_eq!((found.as_array().map(Vec::len), &found[0]["id"]), (Some(1), &json!(order)), "{found}");
        // `_` stands for any character, so other marks may fit as well.
        let any = format!("{}/%", "_".repeat(mark.len()));
        let found: Json = w.central.call(&day(from, to, any)).await.expect("orders");
        assert!(found.as_array().is_some_and(|rows| rows.iter().any(|row| row["id"] == json!(order))), "{found}");
        for user in ["create_uid", "write_uid"] {
            assert!(found[0][user][0].is_i64() && found[0][user][1].is_string(), "{user} in {found}");
        }
        assert!(found[0]["currency_id"][1].is_string());
        let found: Json = w.central.call(&day("2026-11-20 09:00:00", from, format!("{mark}/%"))).await.expect("orders");
        assert_eq!(found, json!([]), "the end of a day is the next day's");
    }

    a_day_at_a_branch_is_found_by_its_dates_and_its_open_sessions_by_their_beginning(w) {
        let mut fields = vec!["date_order", "create_date", "write_date", "state", "session_id", "currency_id", "amount_total"];
        fields.extend(w.version.has_uuid().then_some("uuid"));
        let paid = json!([["state", "in", ["paid", "done", "invoiced"]], ["session_id", "!=", false]]);
        let some: Json = w.branch.call(&Call::search_read("pos.order", paid, &fields).arg("limit", json!(1))).await.expect("an order");
        for field in ["date_order", "create_date", "write_date"].into_iter().chain(w.version.has_uuid().then_some("uuid")) {
            assert!(some[0][field].is_string(), "{field} in {some}");
        }
        let at = some[0]["date_order"].clone();
        let on = |operator: &str| Call::search_read("pos.order", json!([["date_order", ">=", at], ["date_order", operator, at]]), &["state"]);
        let found: Json = w.branch.call(&on("<=")).await.expect("orders");
        assert!(found.as_array().is_some_and(|rows| rows.iter().any(|row| row["id"] == some[0]["id"])), "{found}");
        assert_eq!(w.branch.call::<Json>(&on("<")).await.expect("orders"), json!([]));
        let open = json!([["state", "!=", "closed"], ["start_at", "<", "2100-01-01 00:00:00"]]);
        let open: Json = w.branch.call(&Call::search_read("pos.session", open, &["name", "start_at"])).await.expect("sessions");
        assert!(open.as_array().is_some_and(|rows| rows.iter().all(|row| row["start_at"].is_string())), "{open}");
        let none = json!([["state", "!=", "closed"], ["start_at", "<", "2000-01-01 00:00:00"]]);
        assert_eq!(w.branch.call::<Json>(&Call::search_read("pos.session", none, &["name"])).await.expect("sessions"), json!([]));
    }

    metadata_leaves_out_what_is_gone(w) {
        let (xid, order) = w.order().await;
        let metadata: Json = w.central.call(&Call::new("sale.order", "get_metadata").on(&[99_999_999, order])).await.expect("metadata");
        assert_eq!(metadata.as_array().map(Vec::len), Some(1), "{metadata}");
        let told = if w.version == Version::V14 { &metadata[0]["xmlid"] } else { &metadata[0]["xmlids"][0]["xmlid"] };
        assert_eq!((&metadata[0]["id"], told), (&json!(order), &json!(format!("__posbridge_facts.{xid}"))));
    }

    a_line_that_is_written_by_itself_does_not_move_its_order_but_is_found_by_its_own_time(w) {
        let paid = json!([["state", "in", ["paid", "done"]], ["lines", "!=", false]]);
        let call = Call::search_read("pos.order", paid, &["write_date", "lines"]).arg("order", json!("id")).arg("limit", json!(1));
        let before: Json = w.branch.call(&call).await.expect("an order");
        let (order, line) = (before[0]["id"].clone(), before[0]["lines"][0].as_i64().expect("a line"));
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        // 14 has no note on lines.
        let field = if w.version == Version::V14 { "notice" } else { "customer_note" };
        let write = Call::new("pos.order.line", "write").on(&[line]).arg("vals", json!({field: w.fresh()}));
        w.branch.call::<Json>(&write).await.expect("a write");
        let after: Json = w.branch.call(&call).await.expect("the order");
        assert_eq!(after[0]["write_date"], before[0]["write_date"]);
        let read: Json = w.branch.call(&Call::read("pos.order.line", &[line], &["write_date"])).await.expect("the line");
        let since = read[0]["write_date"].as_str().expect("a time").to_owned();
        assert!(since.as_str() > before[0]["write_date"].as_str().expect("a time"));
        for (model, parent) in posbridge::odoo::records::CHILDREN {
            let call = posbridge::odoo::records::child_headers((model, parent), &since, 0, 1_000);
            let rows: Vec<posbridge::odoo::records::ChildHeader> = w.branch.call(&call).await.expect("children");
            let found = rows.iter().any(|row| row.id == line && json!(row.order_id.id) == order);
            assert_eq!(found, model == "pos.order.line", "{model} {rows:?}");
        }
    }

    named_orders_and_a_window_go_into_one_domain(w) {
        let all: Vec<i64> = w.branch.call(&w.searching("pos.order", json!([])).arg("order", json!("id")))
            .await.expect("orders");
        let domain = json!([["id", ">", 0], "|", ["id", "in", [all[0], 99_999_999]], "&", ["state", "in", ["paid"]], ["write_date", ">=", "2099-01-01 00:00:00"]]);
        let rows: Json = w.branch.call(&Call::search_read("pos.order", domain, &["write_date"]).arg("order", json!("id"))).await.expect("orders");
        let ids: Vec<i64> = rows.as_array().into_iter().flatten().filter_map(|row| row["id"].as_i64()).collect();
        assert_eq!(ids, [all[0]]);
    }

    a_session_counts_its_orders_and_payments_and_hides_its_cash_movements(w) {
        let mut fields = vec!["state", "order_ids", "order_count", "total_payments_amount", "cash_register_balance_start",
            "cash_register_balance_end_real", "cash_register_balance_end", "cash_register_difference", "cash_real_transaction", "rescue",
            "start_at", "stop_at"];
        let lines_of_session = w.version >= Version::V16;
        fields.extend(lines_of_session.then_some("statement_line_ids"));
        let call = Call::search_read("pos.session", json!([["order_ids", "!=", false]]), &fields).arg("order", json!("id")).arg("limit", json!(1));
        let session: Json = w.branch.call(&call).await.expect("a session");
        let session = &session[0];
        assert_eq!(session["order_ids"].as_array().map(Vec::len), session["order_count"].as_u64().map(|count| count as usize), "{session}");
        let domain = json!([["session_id", "=", session["id"]], ["pos_order_id.state", "in", ["paid", "done"]]]);
        let payments: Json = w.branch.call(&Call::search_read("pos.payment", domain, &["amount"])).await.expect("payments");
        let sum: f64 = payments.as_array().into_iter().flatten().filter_map(|payment| payment["amount"].as_f64()).sum();
        let counted = session["total_payments_amount"].as_f64().expect("an amount");
        assert!((sum - counted).abs() < 0.005, "{sum} {session}");
        let difference = |key: &str| session[key].as_f64().expect("an amount");
        let (real, end) = (difference("cash_register_balance_end_real"), difference("cash_register_balance_end"));
        assert!((difference("cash_register_difference") - (real - end)).abs() < 0.005, "{session}");
        if !lines_of_session {
            return; // the movements are those of a bank statement there
        }
        assert_eq!(session["statement_line_ids"], json!([]));
        let lines = Call::search_read("account.bank.statement.line", json!([["pos_session_id", "=", session["id"]]]), &["pos_session_id", "amount"]);
        assert_eq!(w.branch.call::<Json>(&lines).await.expect("no fault"), json!([]));
    }

    a_replay_returns_the_same_ids_and_changes_nothing(w) {
        let (xid, order) = w.order().await;
        let edit = Call::new("sale.order", "write").on(&[order]).arg("vals", json!({"origin": "a person's"}));
        w.admin.call::<Json>(&edit).await.expect("a write");
        let mut changed = w.row(&xid);
        changed[PRICE] = "99".into();
        let answer = w.load(&[changed]).await;
        assert_eq!(answer, json!({"ids": [order], "messages": [], "nextrow": 0}));
        let read = w.read("sale.order", order, &["origin", "amount_total", "order_line"]).await;
        assert_eq!((&read["origin"], &read["amount_total"]), (&json!("a person's"), &json!(11.5)));
        assert_eq!(read["order_line"].as_array().map(Vec::len), Some(1));
    }

    an_adjustment_line_is_found_again_by_its_product_and_name(w) {
        let (_, order) = w.order().await;
        let (company, product) = (CentralId::new(w.company), CentralId::new(w.product));
        let adjustment = Adjustment { order_id: CentralId::new(order), external_id: w.fresh(), amount: "-0.20".parse().expect("an amount") };
        let (call, _) = records::adjust_once(
            std::slice::from_ref(&adjustment), product, company, &CentralFields::ask(&w.central).await.expect("the fields of a line"),
        );
        let answer: Json = w.central.call(&call).await.expect("a load without fault");
        assert!(answer["ids"][0].is_i64(), "{answer}");
        let found: Vec<Adjusted> = w.central.call(&records::adjusted(&[order], product)).await.expect("readable lines");
        let found: Vec<_> = found.into_iter().map(|line| (line.order_id.0, line.price_unit.normalize())).collect();
        assert_eq!(found, [(order, adjustment.amount.normalize())]);
    }

    a_replay_in_init_mode_doubles_the_lines(w) {
        let (xid, order) = w.order().await;
        let again = w.create_once("sale.order", FIELDS, &json!([w.row(&xid)])).context("mode", json!("init"));
        let answer: Json = w.central.call(&again).await.expect("a load without fault");
        assert_eq!(answer["ids"], json!([order]));
        let read = w.read("sale.order", order, &["amount_total", "order_line"]).await;
        assert_eq!((&read["amount_total"], read["order_line"].as_array().map(Vec::len)), (&json!(23.0), Some(2)));
    }

    a_deleted_order_takes_its_external_id_along_and_a_replay_makes_it_again(w) {
        let (xid, order) = w.order().await;
        w.admin.call::<Json>(&Call::new("sale.order", "unlink").on(&[order])).await.expect("an unlink");
        let answer = w.load(&[w.row(&xid)]).await;
        let again = answer["ids"][0].as_i64().expect("an id");
        assert!(again > order);
    }

    a_confirmed_order_is_left_alone_by_a_replay(w) {
        let (xid, order) = w.order().await;
        w.admin.call::<Json>(&Call::new("sale.order", "action_confirm").on(&[order])).await.expect("a confirmation");
        assert_eq!(w.load(&[w.row(&xid)]).await["ids"], json!([order]));
        let read = w.read("sale.order", order, &["state", "date_order"]).await;
        assert_eq!(read["state"], json!("sale"));
        assert_ne!(read["date_order"], json!("2026-11-20 10:00:00"), "confirming overwrites it");
        assert!(matches!(error_of(&w.admin, Call::new("sale.order", "unlink").on(&[order])).await, OdooError::Refusal(_)));
    }

    a_method_that_answers_nothing_is_done_and_faults_all_the_same(w) {
        let (_, order) = w.order().await;
        let error = error_of(&w.admin, Call::new("sale.order", "action_quotation_sent").on(&[order])).await;
        assert_eq!(error, OdooError::DoneWithoutResult);
        assert_eq!(w.read("sale.order", order, &["state"]).await["state"], json!("sent"));
    }

    an_external_id_with_a_dot_names_its_own_module(w) {
        let name = w.fresh();
        let answer = w.load(&[w.row(&format!("elsewhere.{name}"))]).await;
        let order = answer["ids"][0].as_i64().expect("an id");
        let metadata: Json = w.central.call(&Call::new("sale.order", "get_metadata").on(&[order])).await.expect("metadata");
        assert_eq!(metadata[0]["xmlid"], json!(format!("elsewhere.{name}")));
    }

    the_same_external_id_twice_in_one_call_is_one_order(w) {
        let xid = w.fresh();
        let answer = w.load(&[w.row(&xid), w.row(&xid)]).await;
        assert_eq!(answer["ids"][0], answer["ids"][1], "{answer}");
    }

    a_row_without_external_id_is_refused_in_update_mode(w) {
        let answer = w.load(&[w.row("")]).await;
        let text = match w.version {
            Version::V19 => "Cannot update a record without specifying its id or xml_id",
            _ => "Unknown error during import: <class 'KeyError'>: 'record'",
        };
        assert_eq!(first_message(&answer), text);
    }

    one_bad_row_stops_the_whole_call_and_is_named(w) {
        let (good, bad) = (w.fresh(), w.fresh());
        let mut row = w.row(&bad);
        row[PRODUCT] = "99999999".into();
        let answer = w.load(&[w.row(&good), row]).await;
        let message = &answer["messages"][0];
        assert_eq!(first_message(&answer), "No matching record found for database id '99999999' in field 'Order Lines/Product'");
        assert_eq!((&message["record"], &message["rows"]), (&json!(1), &json!({"from": 1, "to": 1})));
        assert_eq!((&message["type"], &message["field"]), (&json!("error"), &json!("order_line")));
        assert_eq!(message.get("field_name"), (w.version > Version::V14).then(|| json!("Order Lines")).as_ref());
        assert_eq!(message["moreinfo"]["res_model"], json!("ir.model.data"));
        let list = if w.version >= Version::V18 { "list,form" } else { "tree,form" };
        assert_eq!(message["moreinfo"]["view_mode"], json!(list));
        assert_eq!(answer["messages"].as_array().map(Vec::len), Some(1), "{answer}");
        let count = w.counting("ir.model.data", json!([["name", "in", [good, bad]]]));
        let refused = w.central.call::<i64>(&count).await;
        assert!(matches!(refused, Err(OdooError::Access(_))) || w.version == Version::V14 && refused == Ok(0), "{refused:?}");
        assert_eq!(w.load(&[w.row(&good)]).await["messages"], json!([]));
    }

    a_missing_customer_is_two_messages(w) {
        let mut row = w.row(&w.fresh());
        row[PARTNER] = "99999999".into();
        let answer = w.load(&[row]).await;
        assert_eq!(first_message(&answer), "No matching record found for database id '99999999' in field 'Customer'");
        let second = match w.version {
            Version::V14 => "Missing required value for the field 'Customer' (partner_id)",
            _ => {
                "Missing required value for the field 'Customer' (partner_id).\nModel: 'Sales Order' (sale.order)\n\
                 - create/update: a mandatory field is not set\n\
                 - delete: another model requires the record being deleted, you can archive it instead\n"
            }
        };
        assert_eq!((&answer["messages"][1]["message"], &answer["messages"][1]["field"]), (&json!(second), &json!("partner_id")));
    }

    bad_cells_are_named_in_words(w) {
        let cases: [(usize, &str, &str); 8] = [
            (QTY, "abc", "'abc' does not seem to be a number for field 'Order Lines/Quantity'"),
            (PRICE, "1,5", "'1,5' does not seem to be a number for field 'Order Lines/Unit Price'"),
            (DATE, "yesterday", "'yesterday' does not seem to be a valid datetime for field 'Order Date'"),
            (DATE, "2026-13-01 00:00:00", "'2026-13-01 00:00:00' does not seem to be a valid datetime for field 'Order Date'"),
            (TAXES, "99999999", "No matching record found for database id '99999999' in field 'Order Lines/Taxes'"),
            (TAXES, "abc", "Invalid database id 'abc' for the field 'Order Lines/Taxes'"),
            (DISPLAY, "foo", "Value 'foo' not found in selection field 'Order Lines/Display Type'"),
            (PARTNER, "abc", "Invalid database id 'abc' for the field 'Customer'"),
        ];
        for (column, cell, expected) in cases {
            let mut row = w.row(&w.fresh());
            row[column] = cell.into();
            if w.version == Version::V14 && (column, cell) == (PARTNER, "abc") {
                let load = w.create_once("sale.order", FIELDS, &json!([row]));
                assert!(error_of(&w.central, load).await.to_string().contains("InFailedSqlTransaction"));
                continue;
            }
            assert_eq!(first_message(&w.load(&[row]).await), expected);
        }
    }

    an_unknown_column_is_a_fault_1(w) {
        let call = w.create_once("sale.order", &["id", "nope"], &json!([["x", "y"]]));
        let error = error_of(&w.central, call).await;
        let text = if w.version >= Version::V18 { "Invalid field name 'nope'" } else { "KeyError: 'nope'" };
        assert!(error.to_string().contains(text), "{error:?}");
    }

    a_tax_of_another_company_is_blamed_on_the_first_row_too(w) {
        let mut bad = w.row(&w.fresh());
        bad[TAXES] = w.foreign_tax.to_string();
        let answer = w.load(&[w.row(&w.fresh()), bad]).await;
        let text = first_message(&answer);
        if w.version < Version::V19 {
            assert!(text.contains("Tax"), "{text}");
            return;
        }
        assert!(text.starts_with("Failed to write field sale.order.line.tax_ids\nUh-oh! Looks like you have stumbled upon"), "{text}");
        assert!(text.contains("doesn't have 'read' access to:\n- Tax (account.tax)\n"), "{text}");
        let records: Vec<&Json> = answer["messages"].as_array().expect("messages").iter().map(|message| &message["record"]).collect();
        assert_eq!(records, [&json!(0), &json!(1)]);
    }

    more_than_ten_failing_records_end_the_call_early(w) {
        let rows: Vec<Vec<String>> = (0..13).map(|_| { let mut row = w.row(&w.fresh()); row[PARTNER] = String::new(); row }).collect();
        let answer = w.load(&rows).await;
        let messages = answer["messages"].as_array().expect("messages");
        assert_eq!(messages.len(), 11, "{answer}");
        let last = messages.last().expect("a message");
        assert_eq!(last["type"], json!("warning"));
        assert!(last["message"].as_str().is_some_and(|text| text.starts_with("Found more than 10 errors")), "{last}");
    }

    a_note_line_stands_in_the_same_call(w) {
        let xid = w.fresh();
        let mut note = vec![String::new(); FIELDS.len()];
        note[NAME] = "Paid: Cash 11.50".into();
        note[DISPLAY] = "line_note".into();
        let answer = w.load(&[w.row(&xid), note.clone()]).await;
        let order = answer["ids"][0].as_i64().unwrap_or_else(|| panic!("{answer}"));
        let lines = Call::search_read("sale.order.line", json!([["order_id", "=", order]]), &["display_type", "name", "product_id",
            "product_uom_qty", w.unit(), "price_unit", "price_total"]).arg("order", json!("id"));
        let lines: Vec<Json> = w.central.call(&lines).await.expect("lines");
        assert_eq!(lines.len(), 2);
        let line = &lines[1];
        assert_eq!((&line["display_type"], &line["name"]), (&json!("line_note"), &json!("Paid: Cash 11.50")));
        assert_eq!((&line["product_id"], &line[w.unit()], &line["product_uom_qty"]), (&json!(false), &json!(false), &json!(0.0)));
        assert_eq!(w.read("sale.order", order, &["amount_total"]).await["amount_total"], json!(11.5));
        let only: Vec<String> = w.row(&w.fresh())[..4].iter().chain(&note[4..]).cloned().collect();
        assert_eq!(w.load(&[only]).await["messages"], json!([]));
    }

    a_note_with_a_product_is_refused_or_loses_it_and_one_without_a_text_is_refused(w) {
        let mut row = w.row(&w.fresh());
        row[DISPLAY] = "line_note".into();
        let answer = w.load(&[row]).await;
        if w.version == Version::V14 {
            let order = answer["ids"][0].as_i64().unwrap_or_else(|| panic!("{answer}"));
            let lines = Call::search_read("sale.order.line", json!([["order_id", "=", order]]), &["product_id", "price_unit", "product_uom_qty"]);
            let lines: Json = w.central.call(&lines).await.expect("lines");
            assert_eq!((&lines[0]["product_id"], &lines[0]["price_unit"]), (&json!(false), &json!(0.0)), "taken from it: {lines}");
        } else {
            let expected = "new row for relation \"sale_order_line\" violates check constraint \"sale_order_line_non_accountable_null_fields\"";
            assert!(first_message(&answer).starts_with(expected), "{answer}");
        }
        let mut row = w.row(&w.fresh());
        row[PRODUCT..].fill(String::new());
        row[DISPLAY] = "line_note".into();
        assert!(first_message(&w.load(&[row]).await).starts_with("Missing required value for the field"));
    }

    an_adjustment_line_is_created_once_and_moves_the_total(w) {
        let (_, order) = w.order().await;
        let fields = ["id", "order_id/.id", "product_id/.id", "name", "product_uom_qty", "price_unit", "discount", "tax_ids/.id"];
        let rows = json!([[w.fresh(), order.to_string(), w.product.to_string(), "POS rounding", "1", "0.05", "", ""]]);
        let call = w.create_once("sale.order.line", &fields, &rows);
        let first: Json = w.central.call(&call).await.expect("a load without fault");
        let second: Json = w.central.call(&call).await.expect("a load without fault");
        assert_eq!(first["ids"], second["ids"]);
        assert!(first["ids"][0].is_i64(), "{first}");
        let read = w.read("sale.order", order, &["amount_total", "amount_tax", "order_line"]).await;
        assert_eq!((&read["amount_total"], &read["amount_tax"]), (&json!(11.55), &json!(1.5)));
        assert_eq!(read["order_line"].as_array().map(Vec::len), Some(2));
    }

    discount_and_quantity_are_kept_with_two_digits_and_the_price_with_all_since_19(w) {
        let mut row = w.row(&w.fresh());
        (row[QTY], row[PRICE], row[DISCOUNT]) = ("0.125".into(), "3.333333".into(), "33.333".into());
        let answer = w.load(&[row]).await;
        let order = answer["ids"][0].as_i64().expect("an id");
        let lines = Call::search_read("sale.order.line", json!([["order_id", "=", order]]), &["discount", "product_uom_qty", "price_unit", "price_subtotal", "price_total"]);
        let lines: Vec<Json> = w.central.call(&lines).await.expect("lines");
        let line = &lines[0];
        let price = if w.version == Version::V19 { 3.333333 } else { 3.33 };
        assert_eq!((&line["discount"], &line["product_uom_qty"], &line["price_unit"]), (&json!(33.33), &json!(0.13), &json!(price)));
        assert_eq!((&line["price_subtotal"], &line["price_total"]), (&json!(0.29), &json!(0.33)));
    }

    numbers_may_come_as_numbers(w) {
        let row = json!([[w.fresh(), w.partner, "fact", "2026-11-20 10:00:00", w.product, "Line", 2, 1.25, 0, w.tax.to_string(), ""]]);
        let answer: Json = w.central.call(&w.create_once("sale.order", FIELDS, &row)).await.expect("a load without fault");
        let order = answer["ids"][0].as_i64().unwrap_or_else(|| panic!("{answer}"));
        assert_eq!(w.read("sale.order", order, &["amount_untaxed"]).await["amount_untaxed"], json!(2.5));
    }

    of_writers_of_the_same_new_orders_one_wins_and_no_order_is_doubled(w) {
        let xids: Vec<String> = (0..20).map(|_| w.fresh()).collect();
        let rows: Vec<Vec<String>> = xids.iter().map(|xid| w.row(xid)).collect();
        let answers = tokio::join!(w.load(&rows), w.load(&rows), w.load(&rows), w.load(&rows));
        let answers = [answers.0, answers.1, answers.2, answers.3];
        let won: Vec<&Json> = answers.iter().filter(|answer| answer["ids"].is_array()).collect();
        assert!(!won.is_empty());
        assert!(won.iter().all(|answer| answer["ids"] == won[0]["ids"]), "{won:?}");
        for lost in answers.iter().filter(|answer| !answer["ids"].is_array()) {
            assert_eq!(first_message(lost), "could not serialize access due to concurrent update\n");
            assert_eq!(lost["messages"].as_array().map(Vec::len), Some(11), "ten records and the word that it stops");
        }
        assert_eq!(w.load(&rows).await["ids"], won[0]["ids"]);
    }
}

/// On a real Odoo a call takes long enough to meet another; here one is held back on purpose.
#[tokio::test]
async fn a_retry_that_meets_its_first_attempt_waits_and_fails_to_serialize() {
    use posbridge::demo::{Mishap, When};
    let w = World::stand_in(Protocol::XmlRpc).await;
    let server = w._server.as_ref().expect("the stand-in");
    server.inject(When::call("sale.order", "load"), Mishap::slow_commit(Duration::from_millis(200)));
    let rows = [w.row(&w.fresh())];
    let late = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        w.load(&rows).await
    };
    let (first, second) = tokio::join!(w.load(&rows), late);
    assert!(first["ids"].is_array(), "{first}");
    assert_eq!(first_message(&second), "could not serialize access due to concurrent update\n");
    assert_eq!(w.load(&rows).await["ids"], first["ids"]);
}
