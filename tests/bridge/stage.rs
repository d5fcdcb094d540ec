//! A central, branches and a bridge between them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use posbridge::clock::Clock;
use posbridge::config::{Branch as Settings, Config};
use posbridge::demo::{Branch, Central, Db, OdooServer, SaleOrder, Version};
use posbridge::secret::{KeyRing, bound};
use posbridge::store::{Entry, Filter, Sealed, State, Store};
use posbridge::sync::{self, Bridge, Report, Request};
use rust_decimal::Decimal;
use secrecy::SecretString;

/// Branches `b1`, `b2`, … with one shop each, a central, settings and sealed passwords.
pub struct Stage {
    pub server: OdooServer,
    pub central: Db,
    pub branches: Vec<Db>,
    pub directory: tempfile::TempDir,
}

impl Stage {
    pub async fn new(branches: usize) -> Self {
        Self::with(branches, "", |_| {}).await
    }

    /// `settings` goes into `[defaults]`; `seed` may change what a branch holds.
    pub async fn with(branches: usize, settings: &str, seed: impl Fn(&mut Branch)) -> Self {
        Self::on(OdooServer::start().await.unwrap(), branches, settings, seed)
    }

    /// Central and branches on an older Odoo.
    pub async fn of_version(branches: usize, version: Version) -> Self {
        Self::on(OdooServer::start_as(version).await.unwrap(), branches, "", |_| {})
    }

    fn on(server: OdooServer, branches: usize, settings: &str, seed: impl Fn(&mut Branch)) -> Self {
        let codes: Vec<String> = (1..=branches).map(|n| format!("b{n}")).collect();
        let walk_ins = codes.iter().map(|code| format!("Walk-in {code}")).collect();
        let central = server.central("central", &Central { walk_ins, ..Central::default() });
        let dbs = codes
            .iter()
            .map(|code| {
                let mut branch = Branch::new(&format!("Shop {code}"));
                seed(&mut branch);
                server.branch(code, &branch)
            })
            .collect();
        let stage = Self { server, central, branches: dbs, directory: tempfile::tempdir().unwrap() };
        stage.write_settings(&codes, settings);
        stage
    }

    pub fn write_settings(&self, codes: &[String], defaults: &str) {
        let url = self.server.url();
        let rounding = if defaults.contains("rounding") { "" } else { "rounding = { product = \"POS-ROUND\", limit = \"5.00\" }\n" };
        let mut text = format!(
            "[central]\nurl = \"{url}\"\ndatabase = \"central\"\nuser = \"bridge\"\ntimeout = \"5s\"\n\n[defaults]\nurl = \"{url}\"\nuser = \"bridge\"\ntimeout = \"5s\"\n\
             from = 2020-01-01\nwarehouse = \"TIR\"\npricelist = \"Public Pricelist\"\nteam = \"Point of Sale\"\nsalesperson = \"sales@example.com\"\n{rounding}{defaults}\n"
        );
        for code in codes {
            text.push_str(&format!("[branch.{code}]\ndatabase = \"{code}\"\ncustomer = \"Walk-in {code}\"\n\n"));
        }
        std::fs::write(self.directory.path().join("branches.toml"), text).unwrap();
        self.seal();
    }

    pub fn config(&self) -> Config {
        Config::load(&self.directory.path().join("branches.toml")).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Seals what lets the bridge in at every endpoint in the settings: the password, or with `$POSBRIDGE_TEST_PROTOCOL` = `json2` the
    /// API key, with which everything goes over JSON-2.
    pub fn seal(&self) {
        let over_json = std::env::var("POSBRIDGE_TEST_PROTOCOL").is_ok_and(|protocol| protocol == "json2");
        self.seal_all(if over_json { "bridge-key" } else { "bridge" });
    }

    /// Seals this for every endpoint in the settings.
    pub fn seal_all(&self, secret: &str) {
        let config = self.config();
        let store = Store::open(&config.state).unwrap();
        let keys = KeyRing::load(&config.state).unwrap();
        let endpoints = config.branches.iter().map(|branch| (branch.code.to_string(), &branch.endpoint));
        for (owner, endpoint) in endpoints.chain([("central".to_owned(), &config.central.endpoint)]) {
            let sealed = keys.seal(&owner, "password", &bound(&endpoint.url, &endpoint.user), &SecretString::from(secret)).unwrap();
            store.put_secrets(&[Sealed { owner, field: "password".to_owned(), sealed, updated_at: Timestamp::now() }]).unwrap();
        }
    }

    pub async fn receive(&self) -> Vec<Report> {
        self.run(Request { now: true, ..Request::default() }).await
    }

    pub async fn run(&self, request: Request) -> Vec<Report> {
        let config = self.config();
        let branches = config.branches.clone();
        let bridge = Arc::new(if request.dry_run { Bridge::rehearsal(config) } else { Bridge::open(config, "test") }.unwrap());
        run(&bridge, &branches, &request).await
    }

    /// Receives until nothing waits to be tried by itself; fails after ten passes.
    pub async fn settle(&self) {
        for _ in 0..10 {
            let reports = self.receive().await;
            if reports.iter().all(|report| report.error.is_none() && report.pending == 0) {
                return;
            }
        }
        panic!("It does not settle: {:?}", self.log(Filter::default()).first());
    }

    pub fn store(&self) -> Store {
        Store::open(&self.config().state).unwrap()
    }

    pub fn log(&self, filter: Filter) -> Vec<Entry> {
        self.store().log(&filter).unwrap()
    }

    pub fn failed(&self) -> Vec<Entry> {
        self.log(Filter { state: Some(State::Failed), ..Filter::default() })
    }

    /// Drafts at central by the external id's name.
    pub fn drafts(&self) -> BTreeMap<String, SaleOrder> {
        let named = |order: SaleOrder| (order.xid.clone().expect("every order here is the bridge's").replace("__posbridge.", ""), order);
        self.central.sale_orders().into_iter().map(named).collect()
    }

    /// Every paid order of every branch is at central exactly once, with its total; and nothing else is there.
    pub fn assert_exactly_once(&self) {
        let drafts = self.drafts();
        let mut expected = 0;
        for (n, branch) in self.branches.iter().enumerate() {
            for order in branch.records("pos.order").iter().filter(|order| matches!(order.text("state").as_str(), "paid" | "done")) {
                expected += 1;
                let xid = format!("b{}-{}-{}", n + 1, order.id, order.text("uuid"));
                let draft = drafts.get(&xid).unwrap_or_else(|| panic!("{xid} is not at central"));
                assert_eq!(draft.total(), order.amount("amount_total"), "{xid}");
            }
        }
        assert_eq!(self.central.count("sale.order"), expected, "orders at central");
    }

    /// Calls and writes at all databases since the server started.
    pub fn writes(&self) -> u64 {
        self.server.stats().writes
    }

    pub fn calls(&self) -> u64 {
        self.server.stats().calls.iter().filter(|((model, _), _)| model != "common").map(|(_, n)| n).sum()
    }
}

pub async fn run(bridge: &Arc<Bridge>, branches: &[Settings], request: &Request) -> Vec<Report> {
    let central = Arc::new(bridge.central().unwrap());
    let reports = sync::run(bridge, &central, branches, request, &Arc::default()).await;
    central.remember(bridge).unwrap();
    reports
}

/// A bridge whose clock stands, for a pass.
pub async fn pass_at(stage: &Stage, at: Timestamp) -> Report {
    let mut bridge = Bridge::open(stage.config(), "test").unwrap();
    bridge.clock = Clock::stopped(at);
    run(&Arc::new(bridge), &stage.config().branches, &Request::default()).await.remove(0)
}

/// Bytes of everything in the ledger's files.
pub fn ledger_bytes(stage: &Stage) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(stage.config().state)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains("posbridge.sqlite") && !path.to_string_lossy().ends_with("-shm"))
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

/// A text as an amount.
pub fn amount(text: &str) -> Decimal {
    text.parse().unwrap()
}
