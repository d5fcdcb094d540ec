//! What a trial plays with: two servers with their databases, a state directory, clocks, and the truth about all that was
//! done by people, which no table tells.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use jiff::Timestamp;
use posbridge::clock::Clock;
use posbridge::config::Config;
use posbridge::demo::sell::Random;
use posbridge::demo::table::Database;
use posbridge::demo::{Branch, Central, Db, OdooServer, Pending, Side, Version, seed};
use posbridge::secret::{KeyRing, bound};
use posbridge::store::{Sealed, Store};
use posbridge::sync::Bridge;
use secrecy::SecretString;

use crate::expected::{Expected, Reader, expected};
use crate::ledger::Ledger;
use crate::options::Versions;
use crate::passes::DAEMON;
use crate::tally::Tally;

/// Most branches of a trial.
pub const MOST_BRANCHES: usize = 3;

/// Articles that central knows; branches sell [`UNKNOWN`] as well.
pub const ARTICLES: usize = 40;

/// Articles that branches have and central has not.
pub const UNKNOWN: [&str; 2] = ["ART-0041", "ART-0042"];

/// What a seed's branches are told by branches.toml.
#[derive(Debug, Clone)]
pub struct Settings {
    pub overlap_m: i64,
    pub closed_only: bool,
    pub skip_invoiced: bool,
    pub unknown_is_problem: bool,
    /// The limit of the adjustment line; none = no `rounding`.
    pub limit: Option<&'static str>,
    pub one_shop: bool,
    pub salespeople: bool,
    pub zone: &'static str,
    pub from: jiff::civil::Date,
    pub writers: usize,
}

/// Which kinds of things can happen in a trial: a random part of all of them.
#[derive(Debug, Clone, Copy)]
pub struct Swarm(pub u64);

impl Swarm {
    pub fn has(self, class: u8) -> bool {
        self.0 >> class & 1 == 1
    }
}

/// A branch.
pub struct Shop {
    pub code: String,
    pub db: Db,
    /// Its clock minus the world's.
    pub offset_s: i64,
    /// Begun and not committed: with the time when the transaction began, by the world.
    pub pending: Vec<(Pending, i64)>,
    pub image: Option<Database>,
}

/// What people did to a draft at central.
#[derive(Debug, Clone, PartialEq)]
pub enum Touch {
    /// It must stay as it was when they left it.
    Left(Picture),
    /// It must stay deleted, if the ledger knew it as done; else nobody can know.
    Deleted { for_good: bool },
}

/// A draft with its lines, as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture(pub Vec<(String, String)>);

/// The truth that no table tells.
#[derive(Debug, Clone, Default)]
pub struct Truth {
    /// By key of the order.
    pub touched: BTreeMap<String, Touch>,
    /// Keys of orders whose deleted drafts a person asked for again.
    pub recreated: BTreeSet<String>,
    /// Keys that a person ignored at some time.
    pub ignored: BTreeSet<String>,
    /// Of these, those that the ledger still knows as ignored.
    pub ignored_for_good: BTreeSet<String>,
    /// What an order was before it was changed at the branch.
    pub versions: BTreeMap<String, Vec<Expected>>,
    /// Orders that the bridge had received and that their branch lost by a restore.
    pub vanished: BTreeMap<String, Expected>,
    /// The same, of which only central or a copied machine knows: the ledger was put back to before it knew them, or never did.
    pub orphans: BTreeMap<String, Expected>,
    /// Whether central can hold an older content than the ledger knows of, without anybody's fault: a copied machine wrote it, or
    /// the ledger or the branch went back to before it was written.
    pub older_content: bool,
    /// Drafts that central's restore put back to before they were finished: a daily comparison of both sides finds them.
    pub went_back: BTreeSet<String>,
    /// Whether there was a time without adjustment lines.
    pub no_limit: bool,
    /// Whether faults were injected that only a person's retry ends.
    pub refused: bool,
    /// Whether central was put back after drafts were written that it does not have.
    pub central_restored: bool,
}

/// Everything.
pub struct World {
    pub seed: u64,
    pub random: Random,
    pub swarm: Swarm,
    pub settings: Settings,
    pub head: OdooServer,
    pub field: OdooServer,
    pub central: Db,
    pub decoy: Db,
    pub shops: Vec<Shop>,
    pub directory: tempfile::TempDir,
    /// The bridge's clock, and what it is ahead of the world's.
    pub clock: Clock,
    pub ahead_s: i64,
    /// The world's clock, seconds since 1970.
    pub now_s: i64,
    pub truth: Truth,
    pub tally: Tally,
    pub violations: Vec<Violation>,
    pub story: Option<Vec<String>>,
    /// Central as it was once, with what people had done by then.
    pub central_image: Option<(Database, BTreeMap<String, Touch>)>,
    pub ledger_image: Option<PathBuf>,
    pub ledger: Ledger,
    /// What runs between the passes, if it is a daemon that makes them.
    pub daemon: Option<Bridge>,
    /// A second bridge with a copied state directory.
    pub twin: Option<tempfile::TempDir>,
    /// A branch in the settings that is a copy of the first one.
    pub copied_branch: bool,
    /// Whether the first two branches have each other's database in the settings.
    pub swapped: bool,
    /// What was told about whole branches, by the ledger that is there: code and cause.
    pub told: BTreeSet<(String, String)>,
    /// Branches whose newest drafts central lost together: that has to be told.
    pub central_lost: BTreeSet<String>,
}

/// An invariant that does not hold.
#[derive(Debug, Clone)]
pub struct Violation {
    pub seed: u64,
    pub invariant: &'static str,
    pub what: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "seed {} violates {}: {}", self.seed, self.invariant, self.what)
    }
}

/// Databases as they are before the first sale; a trial takes copies.
struct Templates {
    central: [Database; 2],
    branch: [[Database; 2]; 2],
}

/// Those of the versions that this process plays: they are the same in all trials.
fn templates(versions: Versions) -> &'static Templates {
    static TEMPLATES: OnceLock<Templates> = OnceLock::new();
    TEMPLATES.get_or_init(|| {
        let central = |globally: bool| {
            let walk_ins = (1..=MOST_BRANCHES).map(|n| format!("Walk-in b{n}")).collect();
            let mut db = Database::new_as(versions.central, "central", Side::Central);
            seed::central(&mut db, &Central { walk_ins, products: ARTICLES, round_globally: globally, ..Central::default() });
            db
        };
        let branch = |globally: bool, employees: bool| {
            let mut db = Database::new_as(versions.branches, "branch", Side::Branch);
            let shop = Branch {
                products: ARTICLES + UNKNOWN.len(),
                more_shops: vec!["Kiosk".to_owned()],
                employees,
                round_globally: globally,
                ..Branch::new("Shop")
            };
            seed::branch(&mut db, &shop);
            db
        };
        Templates {
            central: [central(false), central(true)],
            branch: [[branch(false, false), branch(false, true)], [branch(true, false), branch(true, true)]],
        }
    })
}

async fn server(version: Version) -> OdooServer {
    OdooServer::start_as(version).await.expect("a port")
}

fn named(database: &Database, name: &str) -> Database {
    let mut copy = database.clone();
    copy.name = name.to_owned();
    copy
}

/// Days on which trials begin: around changes of the clock, a leap day, the turn of a year, an ordinary one.
const DAYS: [&str; 6] = [
    "2026-03-28T21:00:00Z",
    "2026-10-24T21:30:00Z",
    "2028-02-28T20:00:00Z",
    "2026-12-31T19:00:00Z",
    "2026-11-20T08:00:00Z",
    "2026-06-15T22:50:00Z",
];

const ZONES: [&str; 6] = ["UTC", "Europe/Tirane", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati", "Pacific/Pago_Pago"];

impl World {
    pub async fn new(seed: u64, versions: Versions, tell: bool) -> Self {
        let mut random = Random::new(seed.wrapping_mul(0x5851_F42D_4C95_7F2D) ^ 0x1405_7B7E_F767_814F);
        let swarm = Swarm((random.draw() | random.draw()) & (random.draw() | random.draw() | random.draw()));
        let start: Timestamp = random.one_of(&DAYS).parse().expect("a time");
        let from = start.to_zoned(jiff::tz::TimeZone::UTC).date().checked_sub(jiff::Span::new().days(2)).expect("a day");
        let settings = Settings {
            overlap_m: [5, 15, 60][random.below(3)],
            closed_only: random.below(5) == 0,
            skip_invoiced: random.below(4) == 0,
            unknown_is_problem: random.below(4) == 0,
            limit: [Some("5.00"), Some("0.05"), Some("0.05"), None][random.below(4)],
            one_shop: random.below(3) == 0,
            salespeople: random.below(2) == 0,
            zone: random.one_of(&ZONES.map(|zone| zone)),
            from,
            writers: 1 + random.below(2),
        };
        let (head, field) = (server(versions.central).await, server(versions.branches).await);
        let globally = random.below(4) > 0;
        let templates = templates(versions);
        let central = head.add(named(&templates.central[usize::from(globally)], "central"));
        let decoy = head.add(named(&templates.central[usize::from(globally)], "central_old"));
        let employees = random.below(2);
        let shops: Vec<Shop> = (1..=1 + random.below(MOST_BRANCHES))
            .map(|n| Shop {
                code: format!("b{n}"),
                db: field.add(named(&templates.branch[usize::from(globally)][employees], &format!("b{n}"))),
                offset_s: if swarm.has(30) { [0, 90, -400, 86_400, -86_400][random.below(5)] } else { 0 },
                pending: Vec::new(),
                image: None,
            })
            .collect();
        let directory = temporary();
        let mut world = Self {
            seed,
            random,
            swarm,
            settings,
            head,
            field,
            central,
            decoy,
            shops,
            ledger: Ledger::new(directory.path().join("state"), swarm.has(DAEMON)),
            daemon: None,
            directory,
            clock: Clock::stopped(start),
            ahead_s: 0,
            now_s: start.as_second(),
            truth: Truth::default(),
            tally: Tally { seeds: 1, ..Tally::default() },
            violations: Vec::new(),
            story: tell.then(Vec::new),
            central_image: None,
            ledger_image: None,
            twin: None,
            copied_branch: false,
            swapped: false,
            told: BTreeSet::new(),
            central_lost: BTreeSet::new(),
        };
        world.truth.no_limit = world.settings.limit.is_none();
        world.set_clocks();
        for shop in &world.shops {
            // Customers of this branch alone.
            let stranger = [("name", "Stranger".into()), ("ref", "X999".into())];
            shop.db.insert("res.partner", stranger).expect("a customer");
        }
        for shop in world.shops.iter().skip(1).step_by(2) {
            exchange_articles(&shop.db);
        }
        world.write_settings();
        world.install();
        world.seal();
        let settings = format!("{:?}", world.settings);
        let branches = world.shops.len();
        world.tell(|| format!("{branches} branches; {settings}"));
        world
    }

    /// Adds a line to the story, if it is told.
    pub fn tell(&mut self, line: impl FnOnce() -> String) {
        let ports = [(self.head.url(), "http://central"), (self.field.url(), "http://branches")];
        if let Some(story) = &mut self.story {
            let at = Timestamp::from_second(self.now_s).unwrap_or_default();
            let line = ports.iter().fold(line(), |line, (url, name)| line.replace(url.as_str(), name).replace(&url[7..], &name[7..]));
            story.push(format!("{} {line}", at.strftime("%d %H:%M:%S")));
        }
    }

    pub fn violated(&mut self, invariant: &'static str, what: impl Into<String>) {
        let violation = Violation { seed: self.seed, invariant, what: what.into() };
        self.tell(|| format!("VIOLATION {violation}"));
        self.violations.push(violation);
    }

    /// A fault that the world itself makes.
    pub fn fired(&mut self, class: u8) {
        self.tally.count(class);
    }

    /// Lets the world's time go on, for all clocks.
    pub fn wait(&mut self, seconds: i64) {
        self.now_s += seconds;
        self.set_clocks();
    }

    /// Takes over what the bridge slept, then sets every clock by the world's.
    pub fn set_clocks(&mut self) {
        let slept = self.clock.now().as_second() - (self.now_s + self.ahead_s);
        self.now_s += slept.max(0);
        self.clock.advance((self.now_s + self.ahead_s) * 1000 - self.clock.now().as_millisecond());
        for (db, offset) in self.shops.iter().map(|shop| (&shop.db, shop.offset_s)).chain([(&self.central, 0), (&self.decoy, 0)]) {
            let at = Timestamp::from_second(self.now_s + offset).unwrap_or_default();
            db.stop_clock(&at.strftime("%Y-%m-%d %H:%M:%S").to_string());
        }
    }

    /// Sets the bridge's clock so far ahead of the world's.
    pub fn set_ahead(&mut self, seconds: i64) {
        self.clock.advance((seconds - self.ahead_s) * 1000);
        self.ahead_s = seconds;
    }

    pub fn file(&self) -> PathBuf {
        self.directory.path().join("branches.toml")
    }

    pub fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    pub fn write_settings(&self) {
        let Settings { overlap_m, closed_only, skip_invoiced, unknown_is_problem, limit, one_shop, salespeople, zone, from, writers } =
            &self.settings;
        let mut text = format!(
            "[central]\nurl = \"{}\"\ndatabase = \"central\"\nuser = \"bridge\"\ntimeout = \"60s\"\nwriters = {writers}\n\n\
             [defaults]\nurl = \"{}\"\nuser = \"bridge\"\ntimeout = \"60s\"\nfrom = {from}\ntimezone = \"{zone}\"\noverlap = \"{overlap_m}m\"\n\
             warehouse = \"TIR\"\npricelist = \"Public Pricelist\"\nteam = \"Point of Sale\"\nsalesperson = \"sales@example.com\"\n",
            self.head.url(),
            self.field.url()
        );
        let mut line = |wanted: bool, line: &str| {
            if wanted {
                text.push_str(line);
                text.push('\n');
            }
        };
        line(*closed_only, "receive = \"closed\"");
        line(*skip_invoiced, "invoiced = \"skip\"");
        line(*unknown_is_problem, "unknown_customer = \"problem\"");
        line(*one_shop, "shops = [\"Shop\"]");
        if let Some(limit) = limit {
            line(true, &format!("rounding = {{ product = \"POS-ROUND\", limit = \"{limit}\" }}"));
        }
        line(*salespeople, "[defaults.salespeople]\n\"anna\" = \"anna@example.com\"\n\"ben\" = \"ben@example.com\"");
        for shop in &self.shops {
            let code = &shop.code;
            let database = match (self.swapped, code.as_str()) {
                (true, "b1") => "b2",
                (true, "b2") => "b1",
                (_, own) => own,
            };
            line(true, &format!("[branch.{code}]\ndatabase = \"{database}\"\ncustomer = \"Walk-in {code}\""));
        }
        line(self.copied_branch, "[branch.copy]\ndatabase = \"copy\"\ncustomer = \"Walk-in b1\"");
        std::fs::write(self.file(), text).expect("written");
    }

    pub fn config(&self) -> Config {
        Config::load(&self.file()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Makes the state directory as the first start does: what that leaves behind is made once, and trials take copies.
    fn install(&self) {
        static FIRST: OnceLock<tempfile::TempDir> = OnceLock::new();
        let first = FIRST.get_or_init(|| {
            let directory = temporary();
            Store::open(directory.path()).expect("a ledger");
            KeyRing::load(directory.path()).expect("a key");
            directory
        });
        copy(first.path(), &self.state());
    }

    /// Seals the password of every database in the settings.
    pub fn seal(&self) {
        let config = self.config();
        let store = Store::open(&config.state).expect("a ledger");
        let keys = KeyRing::load(&config.state).expect("a key");
        let endpoints = config.branches.iter().map(|branch| (branch.code.to_string(), &branch.endpoint));
        let sealed: Vec<Sealed> = endpoints
            .chain([("central".to_owned(), &config.central.endpoint)])
            .map(|(owner, endpoint)| {
                let sealed =
                    keys.seal(&owner, "password", &bound(&endpoint.url, &endpoint.user), &SecretString::from("bridge")).expect("sealed");
                Sealed { owner, field: "password".to_owned(), sealed, updated_at: self.clock.now() }
            })
            .collect();
        store.put_secrets(&sealed).expect("kept");
    }

    /// An order of a branch as central should have it now.
    pub fn expected(&self, shop: usize, order: i64) -> Expected {
        let shop = &self.shops[shop];
        shop.db.with(|db| expected(db, &shop.code, order))
    }

    /// The drafts of the bridge at central: key and id.
    pub fn drafts(&self) -> BTreeMap<String, i64> {
        self.central.with(|db| {
            crate::expected::ids(db, "sale.order")
                .into_iter()
                .flat_map(|id| {
                    let names: Vec<String> = db.xids_of("sale.order", id).into_iter().map(str::to_owned).collect();
                    names.into_iter().map(move |name| (name.replacen("__posbridge.", "", 1), id))
                })
                .collect()
        })
    }

    /// A draft as people see it.
    pub fn picture(&self, id: i64) -> Picture {
        self.central.with(|db| picture(db, id))
    }
}

/// Two articles of a branch change places: its numbers mean other articles than those of its neighbours.
fn exchange_articles(db: &Db) {
    let [one, other] = ["ART-0001", "ART-0002"].map(|code| {
        let id = db.with(|db| crate::expected::find(db, "product.product", "default_code", code)).expect("an article");
        let fields = ["default_code", "barcode"];
        (id, db.with(|db| fields.map(|field| Reader::new(db, "product.product", id).text(field))))
    });
    let write = |id: i64, [code, barcode]: &[String; 2]| {
        let values = [("default_code", code.as_str().into()), ("barcode", barcode.as_str().into())];
        db.update("product.product", id, values).expect("exchanged");
    };
    write(one.0, &["PARKED".to_owned(), "PARKED".to_owned()]);
    write(other.0, &one.1);
    write(one.0, &other.1);
}

/// The fields that people see of a draft and its lines.
pub fn picture(db: &Database, id: i64) -> Picture {
    let mut fields = Vec::new();
    let order = Reader::new(db, "sale.order", id);
    for field in [
        "name",
        "state",
        "partner_id",
        "date_order",
        "amount_total",
        "amount_tax",
        "client_order_ref",
        "origin",
        "user_id",
        "note",
        "write_date",
    ] {
        fields.push((field.to_owned(), order.text(field)));
    }
    for line in order.children("sale.order.line", "order_id") {
        let line_reader = Reader::new(db, "sale.order.line", line);
        for field in ["name", "product_id", "product_uom_qty", "price_unit", "discount", "tax_ids", "sequence", "write_date"] {
            fields.push((format!("{line} {field}"), line_reader.text(field)));
        }
    }
    Picture(fields)
}

/// A directory in memory, if the machine has one.
pub fn temporary() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let mut builder = tempfile::Builder::new();
    builder.prefix("posbridge-campaign-");
    let made = if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() };
    made.expect("a directory")
}

/// Copies a directory of files and directories.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a kind").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).expect("copied");
        }
    }
}

/// Longest real time that a pass may take before it counts as hung.
pub const HUNG: Duration = Duration::from_secs(30);
