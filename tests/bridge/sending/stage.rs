//! A central that sends and branches that are sent to.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use posbridge::config::{Choose, Config, Selection};
use posbridge::demo::{Branch, Central, Db, OdooServer, Record, Value, Version};
use posbridge::model::Kind;
use posbridge::secret::{KeyRing, bound};
use posbridge::store::{Entry, Filter, Sealed, Store};
use posbridge::sync::{self, Bridge, SendReport, SendRequest};
use secrecy::SecretString;

/// Everything goes that has a reference to be known by.
pub const ALL: &str = "[defaults.send.products]\nall = true\n[defaults.send.customers]\ndomain = \"[('ref', '!=', False)]\"\n\
    [defaults.send.taxes]\nall = true\n[defaults.send.payment_methods]\nall = true\n[defaults.send.pricelists]\nall = true\n";

pub struct Stage {
    pub server: OdooServer,
    /// Where the branches are, if that is another server.
    pub shops: Option<OdooServer>,
    pub central: Db,
    pub branches: Vec<Db>,
    pub directory: tempfile::TempDir,
}

impl Stage {
    /// One branch, and everything is chosen.
    pub async fn new() -> Self {
        Self::with(1, &Central::default(), ALL).await
    }

    /// `send` is the part of the settings about sending.
    pub async fn with(branches: usize, central: &Central, send: &str) -> Self {
        let server = OdooServer::start().await.unwrap();
        let central = server.central("central", central);
        let codes: Vec<String> = (1..=branches).map(|n| format!("b{n}")).collect();
        let branches = codes.iter().map(|code| server.branch(code, &Branch::new(&format!("Shop {code}")))).collect();
        let stage = Self { server, shops: None, central, branches, directory: tempfile::tempdir().unwrap() };
        for branch in &stage.branches {
            // Master data is sent at night: nothing is open.
            branch.close_sessions().unwrap();
        }
        stage.settings(send);
        stage
    }

    /// Central and one branch, each of its version; everything is chosen.
    pub async fn of_versions(central: Version, branch: Version) -> Self {
        let server = OdooServer::start_as(central).await.unwrap();
        let shops = OdooServer::start_as(branch).await.unwrap();
        let central = server.central("central", &Central::default());
        let branches = vec![shops.branch("b1", &Branch::new("Shop b1"))];
        let stage = Self { server, shops: Some(shops), central, branches, directory: tempfile::tempdir().unwrap() };
        stage.branch().close_sessions().unwrap();
        stage.settings(ALL);
        stage
    }

    pub fn settings(&self, send: &str) {
        let url = self.server.url();
        let shops = self.shops.as_ref().unwrap_or(&self.server).url();
        let mut text = format!(
            "[central]\nurl = \"{url}\"\ndatabase = \"central\"\nuser = \"sender\"\ntimeout = \"20s\"\n\n[defaults]\nurl = \"{shops}\"\n\
             user = \"sender\"\ntimeout = \"20s\"\nfrom = 2020-01-01\nwarehouse = \"TIR\"\n\n\
             [defaults.send.journals]\n\"Cash\" = \"CSH1\"\n\"Card\" = \"BNK1\"\n{send}\n"
        );
        for branch in &self.branches {
            text.push_str(&format!("[branch.{}]\ndatabase = \"{0}\"\ncustomer = \"Walk-in Tirana\"\n\n", branch.name()));
        }
        std::fs::write(self.directory.path().join("branches.toml"), text).unwrap();
        self.seal();
    }

    pub fn config(&self) -> Config {
        Config::load(&self.directory.path().join("branches.toml")).unwrap_or_else(|error| panic!("{error}"))
    }

    fn seal(&self) {
        let config = self.config();
        let store = Store::open(&config.state).unwrap();
        let keys = KeyRing::load(&config.state).unwrap();
        let endpoints = config.branches.iter().map(|branch| (branch.code.to_string(), &branch.endpoint));
        for (owner, endpoint) in endpoints.chain([("central".to_owned(), &config.central.endpoint)]) {
            let sealed = keys.seal(&owner, "password", &bound(&endpoint.url, &endpoint.user), &SecretString::from("sender")).unwrap();
            store.put_secrets(&[Sealed { owner, field: "password".to_owned(), sealed, updated_at: Timestamp::now() }]).unwrap();
        }
    }

    /// The state directory is gone; passwords are typed again.
    pub fn lose_state(&self) {
        std::fs::remove_dir_all(self.config().state).unwrap();
        self.seal();
    }

    pub async fn send(&self) -> SendReport {
        self.run(SendRequest::default()).await.remove(0)
    }

    pub async fn run(&self, request: SendRequest) -> Vec<SendReport> {
        let config = self.config();
        let branches = config.branches.clone();
        let bridge = Arc::new(if request.dry_run { Bridge::rehearsal(config) } else { Bridge::open(config, "test") }.unwrap());
        let central = Arc::new(bridge.central().unwrap());
        let reports = sync::send(&bridge, &central, &branches, &request).await;
        if !request.dry_run {
            central.remember(&bridge).unwrap();
        }
        reports
    }

    pub fn branch(&self) -> &Db {
        &self.branches[0]
    }

    pub fn store(&self) -> Store {
        Store::open(&self.config().state).unwrap()
    }

    pub fn log(&self, filter: Filter) -> Vec<Entry> {
        self.store().log(&filter).unwrap()
    }

    /// Calls at all databases since the server started, log-ins left out.
    pub fn calls(&self) -> u64 {
        self.server.stats().calls.iter().filter(|((model, _), _)| model != "common").map(|(_, n)| n).sum()
    }

    /// Calls that wrote something, as the databases counted them.
    pub fn writes(&self) -> u64 {
        self.server.stats().writes
    }

    /// Bytes of everything in the state directory, but for notes of the time of the last pass and of who has the lock.
    pub fn ledger(&self) -> BTreeMap<String, Vec<u8>> {
        let files = std::fs::read_dir(self.config().state).unwrap().map(|entry| entry.unwrap().path());
        let counts = |path: &std::path::PathBuf| {
            let name = path.to_string_lossy().into_owned();
            path.is_file() && !name.ends_with("-shm") && !name.contains("lock") && !name.contains("/send-")
        };
        files.filter(counts).map(|path| (path.display().to_string(), std::fs::read(&path).unwrap())).collect()
    }

    /// Sends until nothing waits to go by itself; fails after six passes.
    pub async fn settle(&self) {
        for _ in 0..6 {
            let reports = self.run(SendRequest::default()).await;
            if reports.iter().all(|report| report.error.is_none() && report.queued + report.held + report.failed == 0) {
                return;
            }
        }
        panic!("It does not settle: {:?}", self.log(Filter::default()).first());
    }

    /// Sends these products alone, as a person chose them.
    pub fn products(references: &[&str]) -> SendRequest {
        let choice = references.iter().map(|reference| Choose::Reference((*reference).to_owned())).collect();
        let selection = Selection { choice, ..Selection::default() };
        SendRequest { by_hand: Some(BTreeMap::from([(Kind::Product, selection)])), ..SendRequest::default() }
    }

    /// Every chosen record of central is at every branch, once, with equal values; and nothing of it twice.
    pub fn assert_sent(&self) {
        for branch in &self.branches {
            let (ours, theirs) = (seen(&self.central, true), seen(branch, false));
            for (name, values) in &ours {
                let found = theirs.get(name).unwrap_or_else(|| panic!("{name} is not at {}", branch.name()));
                assert_eq!(found, values, "{name} at {}", branch.name());
            }
        }
    }
}

/// What is sent of one side, by what people know it by: values as text, ids as what they name. What is archived is not
/// chosen and left out.
pub fn seen(db: &Db, company_only: bool) -> BTreeMap<String, Vec<String>> {
    let by_id = |model: &str| -> BTreeMap<i64, Record> { db.records(model).into_iter().map(|record| (record.id, record)).collect() };
    let (taxes, categories, pos, units) = (by_id("account.tax"), by_id("product.category"), by_id("pos.category"), by_id("uom.uom"));
    let (values, countries, lists, templates) =
        (by_id("product.attribute.value"), by_id("res.country"), by_id("product.pricelist"), by_id("product.template"));
    let (journals, partners) = (by_id("account.journal"), by_id("res.partner"));
    let names = |of: &BTreeMap<i64, Record>, ids: Vec<i64>| {
        let mut names: Vec<String> = ids.iter().filter_map(|id| of.get(id)).map(|record| record.text("display_name")).collect();
        names.sort();
        names.join("+")
    };
    let link = |of: &BTreeMap<i64, Record>, record: &Record, field: &str| names(of, record.link(field).into_iter().collect());
    let number = |record: &Record, field: &str| record.amount(field).normalize().to_string();
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut add = |name: String, values: Vec<String>| {
        assert!(seen.insert(name.clone(), values).is_none(), "{name} is there twice at {}", db.name());
    };
    // The second company of central has taxes of the same names.
    let company = db.records("res.company")[0].id;
    let of_company = |record: &Record| !company_only || record.link("company_id").is_none_or(|id| id == company);
    for tax in taxes.values().filter(|tax| tax.flag("active") && of_company(tax) && tax.text("type_tax_use") == "sale") {
        let of = ["amount_type", "price_include", "include_base_amount"].map(|field| tax.text(field));
        add(format!("tax {}", tax.text("name")), [&of[..], &[number(tax, "amount")]].concat());
    }
    for template in templates.values().filter(|template| template.flag("active")) {
        let mut told: Vec<String> =
            ["name", "type", "sale_ok", "available_in_pos", "description_sale"].map(|field| template.text(field)).to_vec();
        let own: Vec<i64> = template.ids("taxes_id").into_iter().filter(|id| taxes.get(id).is_some_and(&of_company)).collect();
        told.extend([
            number(template, "list_price"),
            names(&taxes, own),
            link(&units, template, "uom_id"),
            link(&categories, template, "categ_id"),
            names(&pos, template.ids("pos_categ_ids")),
        ]);
        let variants = template.ids("product_variant_ids");
        let code = match variants.as_slice() {
            [_] => format!("{} {}", template.text("default_code"), template.text("barcode")),
            _ => String::new(),
        };
        add(format!("product {} {code}", template.text("name")), told);
    }
    for variant in db.records("product.product").iter().filter(|variant| variant.flag("active")) {
        let combination = variant.ids("product_template_attribute_value_ids");
        if combination.is_empty() {
            continue;
        }
        let of: Vec<i64> = db
            .records("product.template.attribute.value")
            .iter()
            .filter(|value| combination.contains(&value.id))
            .filter_map(|value| value.link("product_attribute_value_id"))
            .collect();
        let name = format!("variant {} of {}", names(&values, of), link(&templates, variant, "product_tmpl_id"));
        add(name, vec![variant.text("default_code"), variant.text("barcode"), number(variant, "lst_price")]);
    }
    for list in lists.values().filter(|list| list.flag("active")) {
        add(format!("pricelist {}", list.text("name")), vec![list.text("currency_id")]);
    }
    for rule in db.records("product.pricelist.item") {
        let of: Vec<String> = ["applied_on", "compute_price"].map(|field| rule.text(field)).to_vec();
        let numbers = ["fixed_price", "percent_price", "price_discount", "min_quantity"].map(|field| number(&rule, field));
        let on = [link(&categories, &rule, "categ_id"), link(&templates, &rule, "product_tmpl_id")];
        let list = rule.link("pricelist_id").and_then(|id| lists.get(&id)).map(|list| list.text("name")).unwrap_or_default();
        add(format!("rule {list} {} {}", on.join(" "), numbers[3]), [of, numbers.to_vec()].concat());
    }
    for partner in partners.values().filter(|partner| partner.flag("active") && !partner.text("ref").is_empty()) {
        let of = ["name", "type", "is_company", "street", "city", "vat", "email"].map(|field| partner.text(field));
        let links = [link(&partners, partner, "parent_id"), link(&countries, partner, "country_id")];
        let list = link(&lists, partner, "specific_property_product_pricelist");
        add(format!("customer {}", partner.text("ref")), [&of[..], &links[..], &[list]].concat());
    }
    for method in db.records("pos.payment.method").iter().filter(|method| method.flag("active")) {
        add(format!("payment method {}", method.text("name")), vec![link(&journals, method, "journal_id")]);
    }
    seen
}

/// A domain of one condition.
pub fn only(field: &str, value: impl Into<Value>) -> Value {
    Value::Array(vec![Value::Array(vec![field.into(), "=".into(), value.into()])])
}

/// The product that has an Internal Reference.
pub fn product(db: &Db, reference: &str) -> Record {
    let variant = db.find("product.product", "default_code", reference).unwrap_or_else(|| panic!("{reference} is not at {}", db.name()));
    db.record("product.template", variant.link("product_tmpl_id").unwrap()).unwrap()
}

/// Gives the product of an Internal Reference other values.
pub fn edit<const N: usize>(db: &Db, reference: &str, values: [(&str, Value); N]) {
    db.update("product.template", product(db, reference).id, values).unwrap();
}

/// Records of each kind of master data and external ids of the bridge's, archived ones too.
pub fn counts(db: &Db) -> BTreeMap<&'static str, usize> {
    Kind::ALL.into_iter().map(|kind| (kind.model(), db.count(kind.model()))).chain([("ir.attachment", db.count("ir.attachment"))]).collect()
}
