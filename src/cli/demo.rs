//! `posbridge demo`: the whole journey on stand-ins of Odoo, all on this machine and gone afterwards.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use rust_decimal::Decimal;
use secrecy::SecretString;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use super::{Context, Failure, Status, print, receive, run};
use crate::config::{Branch as Settings, Choose, Config, Selection};
use crate::demo::{Branch, Central, Db, Item, OdooServer, RefundStyle, Sale};
use crate::model::{BranchCode, Kind};
use crate::monitor::Monitor;
use crate::secret::{KeyRing, bound};
use crate::store::{Direction, Filter, Role, Sealed, State, Store};
use crate::sync::{self, Bridge, Order, Report, Request, SendReport, SendRequest, Service};
use crate::web::hash_password;

/// Code, name, and how many sales the shop makes.
const BRANCHES: [(&str, &str, usize); 3] = [("tirana", "Tirana Centre", 14), ("durres", "Durres Port", 11), ("vlora", "Vlora Beach", 9)];

/// Articles that both sides know; the demo's Tirana has one more.
const ARTICLES: usize = 40;

/// Between two rounds of a demo that goes on.
const ROUND: Duration = Duration::from_secs(5);

/// See it work: a central and three branches, all Odoo stand-ins on this machine
///
/// Sells, receives, lets one order fail, mends that and retries, sends products down, and shows what each side holds. Nothing
/// outside a temporary directory is touched.
#[derive(Debug, Args)]
#[command(after_help = "Example: posbridge demo --once")]
pub struct Demo {
    /// End after one round; else the shops go on selling until Ctrl-C
    #[arg(long)]
    once: bool,
}

/// What a branch and central hold of it.
#[derive(Debug, Serialize)]
struct Proof {
    branch: &'static str,
    branch_orders: usize,
    central_orders: usize,
    branch_total: Decimal,
    central_total: Decimal,
}

/// The stand-ins and a bridge between them.
struct Stage {
    server: OdooServer,
    central: Db,
    branches: Vec<Db>,
    directory: PathBuf,
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

impl Demo {
    pub async fn execute(self, context: &Context) -> Result<Status, Failure> {
        let stage = Stage::set().await?;
        let dashboard = if self.once { None } else { Some(free_port().await?) };
        let config = stage.settings(dashboard)?;
        let quiet = context.json;
        let say = |text: &str| if quiet { Ok(()) } else { print::line(text) };

        say(&format!("A central and three branches answer at {}; the settings are in\n{}\n", stage.server.url(), config.file.display()))?;
        stage.sell();
        say("1. The shops sell; Tirana sells an article that central does not know yet.\n")?;
        say("2. posbridge receive\n")?;
        let first = stage.pass(&config, &Request { now: true, ..Request::default() }, quiet).await?;

        say("\n3. At central somebody creates the article, and one retry releases all that wait for it.\n")?;
        stage.create_missing_article()?;
        say("   posbridge retry --cause product_not_found\n")?;
        let waiting = Filter { state: Some(State::Failed), ..Filter::default() };
        Store::open(&config.state)?.retry(&waiting, false, Timestamp::now())?;
        let second = stage.pass(&config, &Request { deliver_only: true, ..Request::default() }, quiet).await?;

        say("\n4. posbridge receive, once more: nothing is new, and nothing is written twice.\n")?;
        let third = stage.pass(&config, &Request { now: true, ..Request::default() }, quiet).await?;

        say("\n5. posbridge send tirana --products --ref TEA-1 --dry-run: what would change at Tirana, field by field.\n")?;
        let tea = Selection { choice: vec![Choose::Reference("TEA-1".to_owned())], ..Selection::default() };
        let by_hand = Some(BTreeMap::from([(Kind::Product, tea)]));
        let preview = stage.send(&config, &config.branches[..1], SendRequest { by_hand, dry_run: true, ..SendRequest::default() }).await?;
        say_sent(quiet, &preview, true, true)?;
        say("\n6. posbridge send: what the settings choose, to all three.\n")?;
        let sent = stage.send(&config, &config.branches, SendRequest::default()).await?;
        say_sent(quiet, &sent, false, false)?;
        say("\n7. At central the price of the tea goes up: posbridge send --changed\n")?;
        stage.raise_price()?;
        let changed = stage.send(&config, &config.branches, SendRequest { changed: true, ..SendRequest::default() }).await?;
        say_sent(quiet, &changed, false, true)?;

        say("\n8. Tirana sells the tea that it got from central: posbridge receive\n")?;
        stage.branches[0].sell(Sale::new().line(Item::new("TEA-1").qty("2")));
        let fourth = stage.pass(&config, &Request { now: true, ..Request::default() }, quiet).await?;
        let proof = stage.proof();
        if quiet {
            let sends = [preview, sent, changed];
            print::json(&serde_json::json!({ "passes": [first, second, third, fourth], "sends": sends, "proof": proof }))?;
        } else {
            show(&proof)?;
        }
        if !self.once {
            stage.go_on(config).await?;
        }
        let equal = proof.iter().all(|p| p.branch_orders == p.central_orders && p.branch_total == p.central_total);
        Ok(if equal { Status::Done } else { Status::SomeWait })
    }
}

impl Stage {
    async fn set() -> Result<Self, Failure> {
        let server = OdooServer::start().await?;
        let walk_ins = BRANCHES.map(|(_, name, _)| format!("Walk-in {name}")).to_vec();
        let central = server.central("central", &Central { products: ARTICLES, walk_ins, ..Central::default() });
        let branch = |(code, name, _): &(&str, &str, usize)| {
            let more = usize::from(*code == "tirana");
            server.branch(code, &Branch { products: ARTICLES + more, ..Branch::new(name) })
        };
        let branches = BRANCHES.iter().map(branch).collect();
        let directory = std::env::temp_dir().join(format!("posbridge-demo-{}", std::process::id()));
        Ok(Self { server, central, branches, directory })
    }

    /// Writes branches.toml and seals the passwords, as an integrator would.
    fn settings(&self, dashboard: Option<SocketAddr>) -> Result<Config, Failure> {
        std::fs::create_dir_all(&self.directory)?;
        let file = self.directory.join("branches.toml");
        let dashboard = dashboard.map(|address| format!("[dashboard]\nlisten = \"{address}\"\n\n")).unwrap_or_default();
        std::fs::write(&file, dashboard + &self.settings_text())?;
        let config = Config::load(&file)?;
        let store = Store::open(&config.state)?;
        let keys = KeyRing::load(&config.state)?;
        let endpoints = config.branches.iter().map(|branch| (branch.code.as_str(), &branch.endpoint));
        for (owner, endpoint) in endpoints.chain([("central", &config.central.endpoint)]) {
            let password = SecretString::from(endpoint.user.clone());
            let sealed = keys.seal(owner, "password", &bound(&endpoint.url, &endpoint.user), &password)?;
            store.put_secrets(&[Sealed { owner: owner.to_owned(), field: "password".to_owned(), sealed, updated_at: Timestamp::now() }])?;
        }
        Ok(config)
    }

    fn settings_text(&self) -> String {
        let url = self.server.url();
        let mut text = format!(
            "[central]\nurl = \"{url}\"\ndatabase = \"central\"\nuser = \"bridge\"\n\n[defaults]\nurl = \"{url}\"\nuser = \"sender\"\nfrom = 2020-01-01\nwarehouse = \"TIR\"\n\
             pricelist = \"Public Pricelist\"\nteam = \"Point of Sale\"\nsalesperson = \"sales@example.com\"\nrounding = {{ product = \"POS-ROUND\", limit = \"1.00\" }}\n"
        );
        text.push_str(
            "\n[defaults.send.products]\ntag = [\"Shop\"]\n[defaults.send.customers]\ntag = [\"Wholesale\"]\n\
             [defaults.send.pricelists]\nrefs = [\"Shop prices\"]\n",
        );
        for (code, name, _) in BRANCHES {
            text.push_str(&format!("\n[branch.{code}]\nname = \"{name}\"\ndatabase = \"{code}\"\ncustomer = \"Walk-in {name}\"\n"));
        }
        text
    }

    fn sell(&self) {
        for (branch, (_, _, sales)) in self.branches.iter().zip(BRANCHES) {
            let sold = branch.sell_random(sales, sales as u64);
            branch.refund(sold[0], RefundStyle::Till);
            branch.sell(Sale::new().line(Item::new("ART-0001").qty("2")).tip("1.50"));
        }
        for qty in ["1", "3"] {
            self.branches[0].sell(Sale::new().line(Item::new(&missing_article())).line(Item::new("ART-0002").qty(qty)));
        }
    }

    fn create_missing_article(&self) -> Result<(), Failure> {
        let code = missing_article();
        let values = [("name", "Article of this season".into()), ("default_code", code.as_str().into()), ("type", "consu".into())];
        self.central.insert("product.product", values).map_err(|fault| Failure::Other(format!("{fault:?}")))?;
        Ok(())
    }

    async fn pass(&self, config: &Config, request: &Request, quiet: bool) -> Result<Vec<Report>, Failure> {
        let bridge = Arc::new(Bridge::open(config.clone(), "demo")?);
        let central = Arc::new(bridge.central()?);
        let reports = sync::run(&bridge, &central, &config.branches, request, &Arc::default()).await;
        central.remember(&bridge)?;
        if !quiet {
            receive::show(&bridge.store, &reports, false)?;
        }
        Ok(reports)
    }

    async fn send(&self, config: &Config, branches: &[Settings], request: SendRequest) -> Result<Vec<SendReport>, Failure> {
        let dry_run = request.dry_run;
        let bridge = Arc::new(if dry_run { Bridge::rehearsal(config.clone())? } else { Bridge::open(config.clone(), "demo")? });
        let central = Arc::new(bridge.central()?);
        let reports = sync::send(&bridge, &central, branches, &request).await;
        if !dry_run {
            central.remember(&bridge)?;
        }
        Ok(reports)
    }

    fn raise_price(&self) -> Result<(), Failure> {
        let refused = |fault| Failure::Other(format!("{fault:?}"));
        if let Some(tea) = self.central.find("product.template", "default_code", "TEA-1") {
            self.central.update("product.template", tea.id, [("list_price", 2.6.into())]).map_err(refused)?;
        }
        Ok(())
    }

    /// What both sides hold, counted in their tables and not in the ledger.
    fn proof(&self) -> Vec<Proof> {
        let drafts = self.central.sale_orders();
        let side = |(branch, (code, ..)): (&Db, (&'static str, &str, usize))| {
            let sold: Vec<_> =
                branch.records("pos.order").into_iter().filter(|o| matches!(o.text("state").as_str(), "paid" | "done")).collect();
            let mine: Vec<_> =
                drafts.iter().filter(|d| d.xid.as_ref().is_some_and(|xid| xid.starts_with(&format!("__posbridge.{code}-")))).collect();
            Proof {
                branch: code,
                branch_orders: sold.len(),
                central_orders: mine.len(),
                branch_total: sold.iter().map(|o| o.amount("amount_total")).sum(),
                central_total: mine.iter().map(|d| d.total()).sum(),
            }
        };
        self.branches.iter().zip(BRANCHES).map(side).collect()
    }

    /// The daemon with its dashboard, and shops that go on selling, until Ctrl-C.
    async fn go_on(&self, config: Config) -> Result<(), Failure> {
        let store = Store::open(&config.state)?;
        let password = demo_password()?;
        store.add_person("demo", Role::Admin, &hash_password(&password).map_err(Failure::Other)?, Timestamp::now())?;
        let service = Service::open(config).await?;
        let monitor = Arc::new(Monitor::new(Timestamp::now()));
        let (stop_web, stopped) = watch::channel(false);
        let serving = run::show(&service, &monitor, stopped).await?;
        let address = service.config().dashboard.as_ref().map(|dashboard| dashboard.listen.to_string()).unwrap_or_default();
        print::line(&format!("\nThe dashboard: http://{address}   login demo, password {password}"))?;
        print::line("The shops go on selling, and Tirana sells an article that central does not know. Ctrl-C ends the demo.\n")?;
        let (give, orders) = mpsc::channel(1);
        let stopping = tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                let _ = give.send(Order::Stop).await;
            }
        });
        let selling = tokio::spawn(go_on_selling(self.branches.clone(), store));
        let ended = service.run(monitor, orders, |_| {}).await;
        selling.abort();
        stopping.abort();
        let _ = stop_web.send(true);
        if let Some(serving) = serving {
            let _ = serving.await;
        }
        Ok(ended?)
    }
}

/// Sells every few seconds, and asks for a pass of whoever sold.
async fn go_on_selling(branches: Vec<Db>, store: Store) {
    for round in 1.. {
        for (n, (branch, (code, ..))) in branches.iter().zip(BRANCHES).enumerate() {
            branch.sell_random(1 + (round + n) % 3, 1_000 + (round * 10 + n) as u64);
            if n == 0 && round == 1 {
                // Known at the branch alone.
                let values = [
                    ("name", "Article of next season".into()),
                    ("default_code", unknown_article().as_str().into()),
                    ("type", "consu".into()),
                    ("list_price", 12.5.into()),
                ];
                if branch.insert("product.product", values).is_err() {
                    return;
                }
                branch.sell(Sale::new().line(Item::new(&unknown_article())).line(Item::new("ART-0002").qty("2")));
                branch.sell(Sale::new().line(Item::new(&unknown_article()).qty("3")));
            }
            let Ok(code) = BranchCode::new(code) else { continue };
            let wished = store.run(move |store| store.wish(&code, Direction::Receive, Timestamp::now())).await;
            if let Err(error) = wished {
                tracing::warn!(%error, "A pass could not be asked for");
            }
        }
        tokio::time::sleep(ROUND).await;
    }
}

/// For this demo alone; it goes with it.
fn demo_password() -> Result<String, Failure> {
    let mut bytes = [0; 9];
    getrandom::fill(&mut bytes).map_err(|error| Failure::Other(format!("the system gives no random bytes: {error}")))?;
    Ok(base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes))
}

/// An article of Tirana that nobody creates at central: something to find in the dashboard.
fn unknown_article() -> String {
    crate::demo::seed::article(ARTICLES + 2).code
}

/// A port of this machine that nobody has.
async fn free_port() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?)
}

fn missing_article() -> String {
    crate::demo::seed::article(ARTICLES + 1).code
}

/// What a pass of sending did; `fields` also says of what.
fn say_sent(quiet: bool, reports: &[SendReport], dry_run: bool, fields: bool) -> Result<(), Failure> {
    if quiet {
        return Ok(());
    }
    let short = |report: &SendReport| SendReport { changes: Vec::new(), ..report.clone() };
    let reports: Vec<SendReport> = if fields { reports.to_vec() } else { reports.iter().map(short).collect() };
    super::send::show(&reports, dry_run)
}

fn show(proof: &[Proof]) -> Result<(), Failure> {
    print::line("\n9. What the two sides hold, read from their own tables:\n")?;
    let mut table = print::table(&["BRANCH", "SOLD THERE", "DRAFTS AT CENTRAL", "TOTAL THERE", "TOTAL AT CENTRAL"]);
    for side in proof {
        table.add_row([
            side.branch.to_owned(),
            side.branch_orders.to_string(),
            side.central_orders.to_string(),
            crate::mapping::money(side.branch_total),
            crate::mapping::money(side.central_total),
        ]);
    }
    print::show(&table)
}
