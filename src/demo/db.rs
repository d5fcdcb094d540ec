//! A test's hand on a database while the server serves it.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::fault::Fault;
use super::orm::{Env, Values};
use super::sell::{self, Built, Item, Random, RefundStyle, Sale};
use super::server::Slot;
use super::table::{Database, Row, Scope};
use super::time::{self, Clock, SECOND};
use super::version::{self, Version};
use super::wire::{Value, dict};

/// A handle on one database; clones are the same database.
#[derive(Debug, Clone)]
pub struct Db {
    slot: Arc<Slot>,
}

/// A record as a test looks at it: every field that exists, many2ones as `[id, name]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its id.
    pub id: i64,
    values: Values,
}

impl Record {
    /// A field, `false` when it does not exist.
    pub fn get(&self, field: &str) -> &Value {
        self.values.iter().find(|(name, _)| name == field).map_or(&Value::FALSE, |(_, value)| value)
    }

    /// Text (also of a datetime); empty when there is none.
    pub fn text(&self, field: &str) -> String {
        shown(self.get(field))
    }

    /// A number as a decimal.
    pub fn amount(&self, field: &str) -> Decimal {
        self.get(field).as_decimal().unwrap_or_default()
    }

    /// The id of a many2one, or an integer.
    pub fn link(&self, field: &str) -> Option<i64> {
        self.get(field).as_int()
    }

    /// The ids of an x2many.
    pub fn ids(&self, field: &str) -> Vec<i64> {
        self.get(field).ids()
    }

    /// A boolean.
    pub fn flag(&self, field: &str) -> bool {
        self.get(field).truthy()
    }
}

/// A sales order at central with its lines and external id.
#[derive(Debug, Clone, PartialEq)]
pub struct SaleOrder {
    /// The first of its external ids, `module.name`.
    pub xid: Option<String>,
    /// The order.
    pub order: Record,
    /// Its lines.
    pub lines: Vec<Record>,
}

impl SaleOrder {
    /// The total.
    pub fn total(&self) -> Decimal {
        self.order.amount("amount_total")
    }
}

/// An order whose transaction began and is not committed: it has its id and times, and nobody sees it.
#[derive(Debug)]
pub struct Pending {
    slot: Arc<Slot>,
    built: Built,
}

impl Pending {
    /// The id that it will appear under.
    pub fn order(&self) -> i64 {
        self.built.order
    }

    /// Commits: the order appears with the times of its beginning.
    pub fn commit(self) -> i64 {
        let order = self.built.order;
        self.built.commit(&mut self.slot.lock());
        order
    }

    /// Rolls back: the ids are lost, as PostgreSQL's are.
    pub fn abort(self) {}
}

impl Db {
    pub(super) fn new(slot: Arc<Slot>) -> Self {
        Self { slot }
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.slot.lock().name.clone()
    }

    /// Runs something on the tables themselves, as one transaction.
    pub fn with<T>(&self, change: impl FnOnce(&mut Database) -> T) -> T {
        let mut db = self.slot.lock();
        db.now = db.clock.now();
        let result = change(&mut db);
        db.commit();
        result
    }

    /// A backup of the database as it stands now.
    pub fn image(&self) -> Database {
        self.slot.lock().clone()
    }

    /// Puts a backup back: what was written since is gone, and ids and numbers are given again. The clock goes on, and what
    /// is sold from now on gets other uuids than before.
    pub fn put_back(&self, image: Database) {
        let mut db = self.slot.lock();
        let (clock, life) = (db.clock, db.life);
        *db = image;
        db.clock = clock;
        db.life = life + 1;
        db.claimed.clear();
        db.commit();
    }

    /// Moves the clock by seconds, a running or a stopped one.
    pub fn advance(&self, seconds: i64) {
        let mut db = self.slot.lock();
        db.clock = db.clock.moved(seconds * SECOND);
    }

    /// Stops the clock at a UTC time (`YYYY-MM-DD HH:MM:SS`); only [`Db::advance`] moves it then.
    pub fn stop_clock(&self, at: &str) {
        let mut db = self.slot.lock();
        db.clock = Clock::Stopped(time::parse(at).unwrap_or_else(|| db.clock.now()));
    }

    /// Takes a field away, as a later version may.
    pub fn drop_field(&self, model: &str, field: &str) {
        self.slot.lock().dropped.push((model.to_owned(), field.to_owned()));
    }

    /// Lets the clock run at an offset from the machine's.
    pub fn clock_offset(&self, seconds: i64) {
        self.slot.lock().clock = Clock::Offset(seconds * SECOND);
    }

    /// The clock's time, `YYYY-MM-DD HH:MM:SS` UTC.
    pub fn now(&self) -> String {
        time::text(self.slot.lock().clock.now())
    }

    /// A record.
    pub fn record(&self, model: &str, id: i64) -> Option<Record> {
        record(&self.slot.lock(), model, id)
    }

    /// The Odoo that it runs on.
    pub fn version(&self) -> Version {
        self.slot.lock().version
    }

    /// All records of a model by id, archived ones too.
    pub fn records(&self, model: &str) -> Vec<Record> {
        let db = self.slot.lock();
        let Some(of) = db.model(model) else { return Vec::new() };
        let ids: Vec<i64> = db.table(of).map(|table| table.rows().keys().copied().collect()).unwrap_or_default();
        ids.into_iter().filter_map(|id| record(&db, model, id)).collect()
    }

    /// The first record whose field shows this text, e.g. a product by its `default_code`.
    pub fn find(&self, model: &str, field: &str, text: &str) -> Option<Record> {
        let db = self.slot.lock();
        let of = db.model(model)?;
        let column = of.column(field)?;
        let reads = |id: i64, row: &Row| db.has_column(of, column) && shown(&db.wire_value(of, id, row, column)) == text;
        let (id, _) = db.table(of)?.rows().iter().find(|(id, row)| reads(**id, row))?;
        record(&db, model, *id)
    }

    /// Number of records of a model.
    pub fn count(&self, model: &str) -> usize {
        let db = self.slot.lock();
        db.model(model).and_then(|of| db.table(of)).map_or(0, |table| table.rows().len())
    }

    /// Creates a record as Odoo itself would; fields not given get their defaults.
    pub fn insert<const N: usize>(&self, model: &str, values: [(&str, Value); N]) -> Result<i64, Fault> {
        self.with(|db| {
            let of = db.model(model).ok_or_else(|| Fault::user(format!("Object {model} doesn't exist")))?;
            let values = version::fitted(db.version, of, owned(values));
            db.create(&Env::root(), of, values)
        })
    }

    /// Writes a record as Odoo itself would: `write_date` moves, totals follow, nothing is refused.
    pub fn update<const N: usize>(&self, model: &str, id: i64, values: [(&str, Value); N]) -> Result<(), Fault> {
        self.with(|db| {
            let of = db.model(model).ok_or_else(|| Fault::user(format!("Object {model} doesn't exist")))?;
            let values = version::fitted(db.version, of, owned(values));
            db.write(&Env::root(), of, &[id], values)
        })
    }

    /// Deletes a record, its children and its external ids.
    pub fn delete(&self, model: &str, id: i64) -> Result<(), Fault> {
        self.with(|db| {
            let of = db.model(model).ok_or_else(|| Fault::user(format!("Object {model} doesn't exist")))?;
            db.unlink(&Env::root(), of, &[id])
        })
    }

    /// Archives a record.
    pub fn archive(&self, model: &str, id: i64) -> Result<(), Fault> {
        self.update(model, id, [("active", false.into())])
    }

    /// Changes a password, and the API key that is called after it; running log-ins stop working at once.
    pub fn set_password(&self, login: &str, password: &str) {
        if let Some(user) = self.find("res.users", "login", login) {
            let mut db = self.slot.lock();
            db.passwords.insert(user.id, password.to_owned());
            db.keys.retain(|_, of| *of != user.id);
            db.keys.insert(format!("{password}-key"), user.id);
        }
    }

    /// Writes fields of every record that a domain finds, archived ones too, as a person would in the form: how many were
    /// written. Rights and open sessions stop nothing here.
    pub fn edit<const N: usize>(&self, model: &str, domain: Value, values: [(&str, Value); N]) -> Result<usize, Fault> {
        self.with(|db| {
            let of = db.model(model).ok_or_else(|| Fault::user(format!("Object {model} doesn't exist")))?;
            let everything = Env { context: dict([("active_test", Value::FALSE)]), ..Env::root() };
            let ids = db.search(&everything, of, &domain, Some("id"), 0, None)?;
            let values = version::fitted(db.version, of, owned(values));
            db.write(&everything, of, &ids, values)?;
            Ok(ids.len())
        })
    }

    /// The value of a field in another language than English.
    pub fn in_language(&self, lang: &str, model: &str, id: i64, field: &str) -> Value {
        let mut db = self.slot.lock();
        db.scope.lang = lang.to_owned();
        let value = db.stored(model, id, field);
        db.scope = Scope::default();
        value
    }

    /// Gives a field a value in another language than English.
    pub fn translate(&self, lang: &str, model: &str, id: i64, field: &str, value: &str) -> Result<(), Fault> {
        self.slot.lock().scope.lang = lang.to_owned();
        let done = self.update(model, id, [(field, value.into())]);
        self.slot.lock().scope = Scope::default();
        done
    }

    /// How many records of a model a domain finds, archived ones too.
    pub fn count_where(&self, model: &str, domain: &Value) -> usize {
        let db = self.slot.lock();
        let everything = Env { context: dict([("active_test", Value::FALSE)]), ..Env::root() };
        let found = db.model(model).map(|of| db.search(&everything, of, domain, Some("id"), 0, None));
        found.and_then(Result::ok).map_or(0, |ids| ids.len())
    }

    /// An order still open at the till, with one piece of each article: its id.
    pub fn open_order(&self, articles: &[&str]) -> i64 {
        let sale = Sale::new().state("draft");
        self.sell(articles.iter().fold(sale, |sale, article| sale.line(Item::new(article))))
    }

    /// Closes every open session.
    pub fn close_sessions(&self) -> Result<(), Fault> {
        let open = self.records("pos.session").into_iter().filter(|session| session.text("state") != "closed");
        open.map(|session| session.id).collect::<Vec<_>>().into_iter().try_for_each(|session| self.close_session(session))
    }

    /// Gives a user exactly these groups (Odoo's full names, the implied ones too).
    pub fn set_groups(&self, login: &str, groups: &[&str]) {
        if let Some(user) = self.find("res.users", "login", login) {
            self.slot.lock().groups.insert(user.id, groups.iter().map(|group| (*group).to_owned()).collect());
        }
    }

    /// Sells: the order's id.
    pub fn sell(&self, sale: Sale) -> i64 {
        self.begin(sale).commit()
    }

    /// Begins the transaction of a sale: id and times are taken now, the order appears at [`Pending::commit`].
    pub fn begin(&self, sale: Sale) -> Pending {
        let mut db = self.slot.lock();
        db.now = db.clock.now();
        let built = sell::build(&mut db, &sale);
        db.commit();
        Pending { slot: Arc::clone(&self.slot), built }
    }

    /// A sale that reaches the server when its session is closed: its id. Up to 18 a rescue session takes it, since 19 another
    /// open session of the shop, and without one it is refused.
    pub fn sell_late(&self, sale: Sale, session: i64) -> Result<i64, Fault> {
        self.with(|db| {
            let open = sell::session_for_late(db, session)?;
            let built = sell::build(db, &sale.in_session(open));
            let order = built.order;
            built.commit(db);
            Ok(order)
        })
    }

    /// Gives back the whole of an order: the refund's id.
    pub fn refund(&self, order: i64, style: RefundStyle) -> i64 {
        let sale = Sale::refund_of(&self.slot.lock(), order, style);
        self.sell(sale)
    }

    /// Sells so many orders by a seed, one refund in twenty included; the same seed sells the same.
    pub fn sell_random(&self, count: usize, seed: u64) -> Vec<i64> {
        let mut random = Random::new(seed);
        let articles = self.articles();
        let mut orders = Vec::with_capacity(count);
        while orders.len() < count {
            let order = self.sell(sell::random_sale(&mut random, articles, 0));
            orders.push(order);
            if orders.len() < count && random.below(20) == 0 {
                let style = if random.below(2) == 0 { RefundStyle::Till } else { RefundStyle::BackOffice };
                orders.push(self.refund(order, style));
            }
        }
        orders
    }

    /// A long past: `count` orders of three lines, one every `step_s` seconds up to now.
    pub fn sell_history(&self, count: usize, seed: u64, step_s: i64) {
        let mut random = Random::new(seed);
        let articles = self.articles();
        let mut db = self.slot.lock();
        let end = db.clock.now();
        for n in 0..count {
            db.now = end - (count - 1 - n) as i64 * step_s * SECOND;
            let sale = sell::random_sale(&mut random, articles, 3);
            sell::build(&mut db, &sale).commit(&mut db);
        }
    }

    fn articles(&self) -> usize {
        self.records("product.product").iter().filter(|product| product.text("default_code").starts_with("ART-")).count()
    }

    /// The open session of a point of sale.
    pub fn session(&self, shop: &str) -> Option<i64> {
        self.find("pos.config", "name", shop)?.link("current_session_id")
    }

    /// Opens a session at a point of sale.
    pub fn open_session(&self, shop: &str) -> Option<i64> {
        let config = self.find("pos.config", "name", shop)?.id;
        Some(self.with(|db| sell::open_session(db, config)))
    }

    /// The sales orders by id, with lines and external ids.
    pub fn sale_orders(&self) -> Vec<SaleOrder> {
        let orders = self.records("sale.order");
        let db = self.slot.lock();
        orders
            .into_iter()
            .map(|order| {
                let lines = order.ids("order_line").into_iter().filter_map(|id| record(&db, "sale.order.line", id)).collect();
                let xid = db.xids_of("sale.order", order.id).first().map(|name| (*name).to_owned());
                SaleOrder { xid, order, lines }
            })
            .collect()
    }

    /// What an external id points to.
    pub fn by_xid(&self, xid: &str) -> Option<(String, i64)> {
        self.slot.lock().xid(xid).map(|xid| (xid.model.to_owned(), xid.id))
    }

    /// A person confirms an order.
    pub fn confirm(&self, order: i64) -> Result<(), Fault> {
        self.update("sale.order", order, [("state", "sale".into())])
    }

    /// A person cancels an order.
    pub fn cancel(&self, order: i64) -> Result<(), Fault> {
        self.update("sale.order", order, [("state", "cancel".into())])
    }
}

/// Text; empty when there is none.
fn shown(value: &Value) -> String {
    match value {
        Value::Bool(false) => String::new(),
        other => other.python_str(),
    }
}

fn owned<const N: usize>(values: [(&str, Value); N]) -> Values {
    values.into_iter().map(|(field, value)| (field.to_owned(), value)).collect()
}

fn record(db: &Database, model: &str, id: i64) -> Option<Record> {
    let (of, row) = db.row_of(model, id)?;
    let columns = (0..of.fields.len()).filter(|column| db.has_column(of, *column));
    let mut values: Values = columns.map(|column| (of.fields[column].name.clone(), db.wire_value(of, id, row, column))).collect();
    // A test may ask an older Odoo's record for a field by its name in 19.
    let renamed = of.fields.iter().filter(|field| field.canonical != field.name);
    let known: Values = renamed
        .filter_map(|field| Some((field.canonical.clone(), values.iter().find(|(name, _)| *name == field.name)?.1.clone())))
        .collect();
    values.extend(known);
    Some(Record { id, values })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use secrecy::SecretString;
    use serde_json::{Value as Json, json};

    use crate::demo::{Branch, Mishap, OdooServer, Value, When};
    use crate::model::Protocol;
    use crate::odoo::{Call, Known, Odoo, Target};

    fn client(server: &OdooServer, login: &str) -> Odoo {
        let target = Target {
            url: server.url(),
            database: "b".into(),
            login: login.into(),
            timeout: Duration::from_secs(5),
            protocol: Some(Protocol::XmlRpc),
            ca_pem: None,
        };
        Odoo::new(target, SecretString::from(login.to_owned()), Known::default()).expect("a usable URL")
    }

    fn domain(field: &str, value: &str) -> Value {
        Value::Array(vec![Value::from(vec![field, "=", value])])
    }

    #[tokio::test]
    async fn the_sender_may_create_every_kind_and_the_bridge_none() {
        let server = OdooServer::start().await.expect("a free port");
        server.branch("b", &Branch::new("Furniture Shop"));
        for model in [
            "product.template",
            "product.product",
            "product.attribute",
            "product.category",
            "product.tag",
            "pos.category",
            "uom.uom",
            "account.tax",
            "res.partner",
            "product.pricelist",
            "product.pricelist.item",
            "pos.payment.method",
        ] {
            for (login, allowed) in [("sender", true), ("bridge", false)] {
                let call = Call::new(model, "has_access").on(&[]).arg("operation", json!("create"));
                assert_eq!(client(&server, login).call::<bool>(&call).await, Ok(allowed), "{login} {model}");
            }
        }
    }

    #[tokio::test]
    async fn a_test_edits_translates_and_holds_open_what_it_likes() {
        let server = OdooServer::start().await.expect("a free port");
        let branch = server.branch("b", &Branch::new("Furniture Shop"));
        let sender = client(&server, "sender");
        assert_eq!(branch.edit("product.template", domain("default_code", "ART-0001"), [("list_price", 7.0.into())]), Ok(1));
        let product = branch.find("product.template", "default_code", "ART-0001").expect("seeded");
        assert_eq!(product.get("list_price"), &Value::Double(7.0));
        branch.translate("sq_AL", "product.template", product.id, "name", "Artikull").expect("a translation");
        assert_eq!(branch.in_language("sq_AL", "product.template", product.id, "name"), "Artikull".into());
        assert_eq!(branch.record("product.template", product.id).map(|record| record.text("name")), Some("Article 1".into()));
        let archive = Call::new("product.template", "action_archive").on(&[product.id]);
        branch.open_order(&["ART-0001"]);
        assert!(sender.call::<Json>(&archive).await.expect_err("held").to_string().starts_with("Hold up!"));
        branch.close_sessions().expect("closed");
        let again = Call::new("product.template", "load")
            .arg("fields", json!(["id", "name"]))
            .arg("data", json!([["once", "Once"]]))
            .context("mode", json!("update"))
            .context("module", json!("__posbridge"))
            .context("noupdate", json!(true));
        server.inject(When::call("product.template", "load"), Mishap::drop_after());
        sender.call::<Json>(&again).await.expect_err("no answer");
        let answer: Json = sender.call(&again).await.expect("an answer");
        assert_eq!((branch.count_where("product.template", &domain("name", "Once")), answer["ids"].as_array().map(Vec::len)), (1, Some(1)));
        assert_eq!(server.calls("product.template", "load"), 2);
    }
}
