//! An Odoo stand-in, of version 19 unless an older one is asked for: tables in memory behind real XML-RPC and JSON-2 over HTTP, for
//! `posbridge demo` and for the tests.
//!
//! It is state, not expectations: seed a central and some branches, sell, let the bridge work, and look at the tables.
//! What it answers is held against a real Odoo 19.0 by `tests/contract.rs`; where the two differ the stand-in is wrong.
//! Deliberately absent: Odoo's web client, stock that moves by itself, accounting entries.
//!
//! ```
//! use posbridge::demo::{Branch, Central, Item, OdooServer, Sale};
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let server = OdooServer::start().await?;
//! let central = server.central("central", &Central::default());
//! let tirana = server.branch("tirana", &Branch::new("Tirana Centre"));
//! let order = tirana.sell(Sale::new().line(Item::new("ART-0001").qty("2").price("1.20")).pay("Cash", "5").change("2.60"));
//! tirana.sell_random(20, 7);
//! // ... the bridge reads from and writes to server.url(), as user "bridge" with password "bridge" ...
//! assert_eq!(tirana.record("pos.order", order).unwrap().text("state"), "paid");
//! assert_eq!(central.sale_orders().len(), 0);
//! # Ok::<(), std::io::Error>(())
//! # }).unwrap();
//! ```
//!
//! Reading order: [`schema`] (models), [`version`] (which Odoo), [`table`] (rows, journal), [`domain`], [`orm`] (what every model can do), [`describe`], [`sale`],
//! [`records`], [`product`], [`master`], [`stock`], [`group`], [`image`], [`tax`], [`load`] with [`load_cells`], [`call`] (one remote call), [`wire`], [`json2`] and [`server`] (HTTP),
//! [`mishap`] (what goes wrong on purpose), [`seed`] and [`sell`] (what there is to bridge), [`db`] (a test's view).

mod access;
pub mod call;
pub mod chance;
pub mod db;
pub mod describe;
pub mod domain;
pub mod drawer;
pub mod fault;
pub mod group;
pub mod image;
pub mod json2;
pub mod load;
pub mod load_cells;
pub mod master;
pub mod mishap;
pub mod orm;
pub mod product;
pub mod records;
pub mod sale;
pub mod schema;
pub mod seed;
pub mod sell;
pub mod server;
pub mod stock;
pub mod table;
pub mod tax;
pub mod time;
pub mod version;
pub mod wire;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use db::{Db, Pending, Record, SaleOrder};
pub use mishap::{Fired, Late, Mishap, Seen, When};
pub use schema::Side;
pub use seed::{Branch, Central};
pub use sell::{Item, RefundStyle, Sale};
pub use server::Stats;
pub use version::Version;
pub use wire::{Value, dict};

use server::{Shared, Slot};

use crate::model::Protocol;
use table::Database;

/// One Odoo server with any number of databases, on a free port of the loopback address.
#[derive(Debug)]
pub struct OdooServer {
    shared: Arc<Shared>,
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl OdooServer {
    /// Starts a server without databases on a free port.
    pub async fn start() -> io::Result<Self> {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Starts an older Odoo without databases on a free port.
    pub async fn start_as(version: Version) -> io::Result<Self> {
        Self::start_version(version, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Starts a server without databases on a given address.
    pub async fn start_at(address: SocketAddr) -> io::Result<Self> {
        Self::start_version(Version::V19, address).await
    }

    async fn start_version(version: Version, address: SocketAddr) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        *shared.version() = version;
        let (address, task) = listen(address, &shared).await?;
        Ok(Self { shared, address, task })
    }

    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The version that it plays.
    pub fn version(&self) -> Version {
        *self.shared.version()
    }

    /// Upgrades the server and all its databases to a later version, as over a night.
    pub fn upgrade(&self, to: Version) {
        *self.shared.version() = to;
        for slot in self.shared.slots().values() {
            version::upgrade(&mut slot.lock(), to);
        }
    }

    /// Says from now on that its version is this one, `20.0` or `saas~19.2`, and goes on as before.
    pub fn call_itself(&self, serie: &str) {
        *self.shared.called() = Some(serie.to_owned());
    }

    /// Adds a seeded central.
    pub fn central(&self, name: &str, central: &Central) -> Db {
        let mut database = Database::new_as(self.version(), name, Side::Central);
        seed::central(&mut database, central);
        self.add(database)
    }

    /// Adds a seeded branch.
    pub fn branch(&self, name: &str, branch: &Branch) -> Db {
        let mut database = Database::new_as(self.version(), name, Side::Branch);
        seed::branch(&mut database, branch);
        self.add(database)
    }

    /// Adds a database as it is; one of the same name is replaced.
    pub fn add(&self, database: Database) -> Db {
        let name = database.name.clone();
        let slot = Arc::new(Slot::new(database));
        self.shared.slots().insert(name, Arc::clone(&slot));
        Db::new(slot)
    }

    /// Takes a database away: calls to it fault as calls to an unknown one.
    pub fn remove(&self, name: &str) {
        self.shared.slots().remove(name);
    }

    /// Lets something go wrong. Rules are tried in the order in which they came; the first that fits is used up.
    pub fn inject(&self, when: When, mishap: Mishap) {
        self.shared.inject(when, mishap);
    }

    /// As [`OdooServer::inject`], before all rules that are there.
    pub fn inject_first(&self, when: When, mishap: Mishap) {
        self.shared.inject_first(when, mishap);
    }

    /// Answers no call over this protocol any more, as a server that lacks its module, or a proxy that lets its address not through.
    pub fn take_away(&self, protocol: Protocol) {
        self.shared.without().push(protocol);
    }

    /// Answers XML-RPC only where the header names the database, as an Odoo 19 with several databases whose settings still have the
    /// `server_wide_modules` of an older one.
    pub fn want_database_in_header(&self) {
        self.shared.want_name();
    }

    /// Answers over every protocol of its version again.
    pub fn clear_away(&self) {
        self.shared.without().clear();
    }

    /// Forgets all mishaps, also those that have not happened yet.
    pub fn clear_mishaps(&self) {
        self.shared.rules().clear();
    }

    /// How many mishaps have not used up their calls.
    pub fn mishaps_left(&self) -> usize {
        self.shared.rules().iter().filter(|rule| !rule.spent()).count()
    }

    /// What went wrong since this was last asked, in the order in which it did.
    pub fn take_fired(&self) -> Vec<Fired> {
        std::mem::take(&mut *self.shared.fired())
    }

    /// Carries out the calls of [`Mishap::late`] now: how many.
    pub fn commit_late(&self) -> usize {
        self.end_late(true)
    }

    /// Lets the calls of [`Mishap::late`] be lost, as when Odoo is killed: how many.
    pub fn lose_late(&self) -> usize {
        self.end_late(false)
    }

    fn end_late(&self, run: bool) -> usize {
        let slots: Vec<_> = self.shared.slots().values().cloned().collect();
        slots.iter().map(|slot| self.shared.end_late(slot, run)).sum()
    }

    /// What was called so far.
    pub fn stats(&self) -> Stats {
        self.shared.stats().clone()
    }

    /// How often a method of a model was called.
    pub fn calls(&self, model: &str, method: &str) -> u64 {
        self.shared.stats().calls.get(&(model.to_owned(), method.to_owned())).copied().unwrap_or(0)
    }

    /// Sets the counters to zero; what is being served goes on counting.
    pub fn reset_stats(&self) {
        let mut stats = self.shared.stats();
        *stats = Stats { open: stats.open, most_open: stats.open, ..Stats::default() };
    }

    /// Stops listening: new connections are refused. What is being served runs on.
    pub async fn go_down(&mut self) {
        self.task.abort();
        // The socket closes when the task is gone, not when it is asked to go.
        let _ = (&mut self.task).await;
    }

    /// Listens again on the same port after [`OdooServer::go_down`].
    pub async fn come_back(&mut self) -> io::Result<()> {
        let (_, task) = listen(self.address, &self.shared).await?;
        self.task = task;
        Ok(())
    }
}

impl Drop for OdooServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(address: SocketAddr, shared: &Arc<Shared>) -> io::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok((address, tokio::spawn(server::accept(listener, Arc::clone(shared)))))
}
