//! What happens at the branches.

use posbridge::demo::sell::{Random, random_sale};
use posbridge::demo::wire::Value;
use posbridge::demo::{Item, RefundStyle, Sale, Version};

use crate::expected::{Reader, ids};
use crate::world::{ARTICLES, UNKNOWN, World};

const NAMES: [&str; 6] = [
    "Bukë e bardhë — 500 g ✂",
    "茶 & <tea> ]]> \"green\"",
    "قهوة عربية",
    "e\u{301}clair / éclair",
    "Family 👨‍👩‍👧‍👦 pack",
    "A very long name that goes on and on, with commas, 'quotes', and a tab\tin it; 100 % cotton \\ backslash",
];

const PRICES: [&str; 8] = ["0.01", "0.99", "12.35", "999.99", "19.9", "7.77", "100", "0.05"];

/// States of orders that were paid; up to 18 an invoiced one has one of its own.
pub const SOLD: [&str; 3] = ["paid", "done", "invoiced"];

impl World {
    /// Sells at a branch a few times.
    pub fn sell(&mut self, shop: usize) {
        let count = 1 + self.random.below(6);
        for _ in 0..count {
            let sale = self.sale(shop);
            let id = self.shops[shop].db.sell(sale);
            self.tally.orders += 1;
            self.tell_sold(shop, id, "sells");
            if self.random.below(4) == 0 {
                self.wait(1 + self.random.clone().below(40) as i64);
            }
        }
        if self.random.below(200) == 0 {
            // More than a page of orders at once.
            for _ in 0..230 {
                let sale = plain_sale(&mut self.random);
                self.shops[shop].db.sell(sale);
                self.tally.orders += 1;
            }
            let code = self.shops[shop].code.clone();
            self.tell(|| format!("{code} sells 230 times"));
        }
        if self.random.below(5) == 0 {
            self.refund(shop);
        }
    }

    fn tell_sold(&mut self, shop: usize, id: i64, verb: &str) {
        if self.story.is_some() {
            let sold = self.expected(shop, id);
            let products: Vec<&str> = sold.products().collect();
            let line = format!("{} {verb} {} {} for {}: {}", sold.code, sold.state, sold.key(), sold.total, products.join(" "));
            self.tell(|| line);
        }
    }

    fn sale(&mut self, shop: usize) -> Sale {
        let swarm = self.swarm;
        let random = &mut self.random;
        let lines = if random.below(30) == 0 { 40 } else { 0 };
        let mut sale = if swarm.has(33) { random_sale(random, ARTICLES, lines) } else { plain_sale(random) };
        sale = match random.below(16) {
            0 => sale.line(Item::new("COMBO").price("0").qty("2").child(Item::new("ART-0001")).child(Item::new("ART-0002").qty("2"))),
            1 => sale.tip("1.50"),
            2 => sale.line(Item::new("DISC").price("-0.10")),
            3 => sale.line(Item::new("ART-0005").lot("L1").lot("L-2")),
            4 => sale.line(Item::new("ART-0007").taxes(&[])),
            5 => sale.line(Item::new("ART-0008").applied_taxes(&["VAT 15%"])),
            6 => sale.pay("Card", "3.00").pay("Cash", "20").change("2.60"),
            7 => Sale::new(),
            8 if swarm.has(33) => sale.cash_rounding("0.04"),
            _ => sale,
        };
        if swarm.has(33) && random.below(3) == 0 {
            sale = sale.line(Item::new("ART-0004").price(random.one_of(&PRICES)).qty(random.one_of(&["1", "7", "0.5", "13", "0.333"])));
        }
        if swarm.has(32) && random.below(2) == 0 {
            sale = sale.line(Item::new("ART-0006").name(random.one_of(&NAMES)).note(random.one_of(&NAMES))).note(random.one_of(&NAMES));
        }
        if swarm.has(15) && random.below(6) == 0 {
            sale = sale.line(Item::new(random.one_of(&UNKNOWN)));
        }
        if swarm.has(15) && random.below(8) == 0 {
            sale = sale.partner("X999");
        }
        if random.below(10) == 0 {
            sale = sale.invoiced(70 + random.below(9) as i64);
        }
        if random.below(4) == 0 {
            sale = sale.shop("Kiosk");
        }
        if swarm.has(18) && random.below(6) == 0 {
            // The till was offline: the order comes now, and happened before.
            let days = 1 + random.below(4) as i64;
            let at = jiff::Timestamp::from_second(self.now_s + self.shops[shop].offset_s - days * 86_400 + 7_000).unwrap_or_default();
            sale = sale.date(&at.strftime("%Y-%m-%d %H:%M:%S").to_string());
            self.tally.count(18);
        }
        sale
    }

    fn refund(&mut self, shop: usize) {
        let orders = self.orders(shop, &SOLD);
        if orders.is_empty() {
            return;
        }
        let order = orders[self.random.below(orders.len())];
        let style = if self.random.below(2) == 0 { RefundStyle::Till } else { RefundStyle::BackOffice };
        let id = self.shops[shop].db.refund(order, style);
        self.tally.orders += 1;
        self.tell_sold(shop, id, "takes back");
    }

    /// The orders of a branch in some states.
    pub fn orders(&self, shop: usize, states: &[&str]) -> Vec<i64> {
        self.shops[shop].db.with(|db| {
            let wanted = |id: &i64| states.contains(&Reader::new(db, "pos.order", *id).text("state").as_str());
            ids(db, "pos.order").into_iter().filter(wanted).collect()
        })
    }

    /// A transaction that stays open.
    pub fn begin_order(&mut self, shop: usize) {
        let sale = self.sale(shop);
        let pending = self.shops[shop].db.begin(sale);
        let (code, id) = (self.shops[shop].code.clone(), pending.order());
        self.tell(|| format!("{code} begins an order that will be {id}"));
        let now = self.now_s;
        self.shops[shop].pending.push((pending, now));
    }

    /// Commits what was begun: all that is nearly older than the overlap, and some of the rest.
    pub fn commit_orders(&mut self, shop: usize, all: bool, ahead_s: i64) {
        let limit = self.settings.overlap_m * 60 - 60;
        let pending = std::mem::take(&mut self.shops[shop].pending);
        for (order, began) in pending {
            let old = self.now_s + ahead_s - began >= limit;
            if all || old || self.random.below(3) == 0 {
                let age = self.now_s - began;
                let id = order.commit();
                self.tally.orders += 1;
                self.fired(16);
                self.tell_sold(shop, id, &format!("commits after {age} s"));
            } else {
                self.shops[shop].pending.push((order, began));
            }
        }
    }

    /// An order stays open at the till, or an open one is paid long after.
    pub fn draft_order(&mut self, shop: usize) {
        let drafts = self.orders(shop, &["draft"]);
        if let Some(order) = drafts.first().copied().filter(|_| self.random.below(2) == 0) {
            let number = 1_000 + order;
            let values = [("state", Value::from("paid")), ("name", Value::from(format!("Shop - late {number}")))];
            self.shops[shop].db.update("pos.order", order, values).expect("paid");
            self.tally.orders += 1;
            self.fired(18);
            self.tell_sold(shop, order, "is paid at last for");
            return;
        }
        let sale = plain_sale(&mut self.random).state("draft");
        let id = self.shops[shop].db.sell(sale);
        self.tell_sold(shop, id, "leaves open");
        if self.random.below(2) == 0 {
            // Rolled back transactions use up numbers: what comes next is far above.
            let by = 2_500 + self.random.below(3_000) as i64;
            self.shops[shop].db.with(|db| {
                if let Some(model) = db.model("pos.order") {
                    db.table_mut(model).next_id += by;
                }
            });
            let code = self.shops[shop].code.clone();
            self.tell(|| format!("{code} uses up {by} order numbers"));
        }
    }

    /// Closes the open sessions: every order of them is written in one stroke.
    pub fn close_sessions(&mut self, shop: usize) {
        let closed = self.shops[shop].db.close_sessions();
        closed.expect("closed");
        self.fired(17);
        let code = self.shops[shop].code.clone();
        self.tell(|| format!("{code} closes its sessions"));
    }

    /// Something about an order changes at the branch.
    pub fn change_order(&mut self, shop: usize) {
        let orders = self.orders(shop, &SOLD);
        if orders.is_empty() {
            return;
        }
        let order = orders[self.random.below(orders.len())];
        let before = self.expected(shop, order);
        let what = self.random.below(3);
        let db = &self.shops[shop].db;
        let invoiced = if db.with(|db| db.version) < Version::V19 { "invoiced" } else { "done" };
        let changed = match what {
            0 => {
                let partner = db.with(|db| crate::expected::find(db, "res.partner", "ref", "C003"));
                db.update("pos.order", order, [("partner_id", partner.into())])
            }
            1 => db.update("pos.order", order, [("general_customer_note", format!("changed {}", self.now_s).into())]),
            _ => db.update("pos.order", order, [("account_move", 99.into()), ("state", invoiced.into())]),
        };
        changed.expect("changed");
        self.fired(37);
        let key = before.key();
        self.tell(|| format!("{key} is changed at the branch ({})", ["customer", "note", "invoiced"][what]));
        let versions = self.truth.versions.entry(key).or_default();
        versions.push(before);
    }
}

fn plain_sale(random: &mut Random) -> Sale {
    let mut sale = Sale::new();
    for _ in 0..1 + random.below(3) {
        let code = format!("ART-{:04}", 1 + random.below(ARTICLES));
        sale = sale.line(Item::new(&code).qty(random.one_of(&["1", "2", "3", "0.5"])).discount(random.one_of(&["0", "0", "10"])));
    }
    if random.below(4) == 0 {
        sale = sale.partner(&format!("C{:03}", 1 + random.below(5)));
    }
    sale.cashier(random.one_of(&["anna", "ben"]))
}
