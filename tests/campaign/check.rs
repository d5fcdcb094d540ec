//! The checker: branch truth, central and ledger against each other, invariant by invariant.

use std::collections::{BTreeMap, BTreeSet};

use posbridge::demo::table::Database;
use rust_decimal::Decimal;

use crate::expected::{Expected, Line, Reader, find, ids, rounded};
use crate::ledger::Row;
use crate::selling::SOLD;
use crate::world::{Settings, Touch, World};

/// Newest orders of a branch that each pass looks for on both sides, as the README promises.
const FINGERPRINTS: usize = 50;

/// As many of the newest drafts gone together look like a restored backup.
const MANY: usize = 5;

/// What an order may come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// At central.
    Written,
    /// A person first: something is missing, and the problem has to say it.
    Waits,
    /// Either: it depends on decimals, or people had a hand in it.
    Either,
    /// A setting says no.
    Skipped,
}

impl World {
    /// The orders that have to be received, by key.
    fn sold(&self, settings: &Settings) -> BTreeMap<String, Expected> {
        let mut sold = BTreeMap::new();
        for shop in 0..self.shops.len() {
            for order in self.orders(shop, &SOLD) {
                let order = self.expected(shop, order);
                if wanted(&order, settings) {
                    sold.insert(order.key(), order);
                }
            }
        }
        for (key, order) in &self.truth.vanished {
            sold.entry(key.clone()).or_insert_with(|| order.clone());
        }
        sold
    }

    fn fate(&self, order: &Expected) -> Fate {
        let key = order.key();
        if self.truth.touched.contains_key(&key) || self.truth.ignored.contains(&key) {
            return Fate::Either;
        }
        if order.invoice.is_some() && self.settings.skip_invoiced {
            return if self.truth.versions.contains_key(&key) { Fate::Either } else { Fate::Skipped };
        }
        let lacks = |code: &str| self.central.with(|db| find(db, "product.product", "default_code", code)).is_none();
        let stranger = |order: &Expected| order.customer.as_ref().is_some_and(|(reference, _)| reference == "X999");
        if order.products().any(lacks) || stranger(order) && self.settings.unknown_is_problem {
            // It may have been written while central had the product, or while it named another customer (a branch that was put
            // back to a backup can name the stranger again).
            let named_another = self.truth.versions.get(&key).is_some_and(|earlier| !earlier.iter().all(stranger));
            return if order.products().any(lacks) || named_another { Fate::Either } else { Fate::Waits };
        }
        // What was lost with a branch that was put back stays as it was received: perhaps before it was given another customer.
        let was_a_strangers = || self.truth.versions.get(&key).is_some_and(|earlier| earlier.iter().any(stranger));
        if self.settings.unknown_is_problem && self.truth.vanished.contains_key(&key) && was_a_strangers() {
            return Fate::Either;
        }
        if order.fine || order.cash_rounded && self.truth.no_limit { Fate::Either } else { Fate::Written }
    }

    /// After the first pass without faults everything that nothing stands in the way of is at central, whatever else waits.
    /// What had failed before it can be released by another branch's order when its own branch's pass is over: that goes next.
    pub fn check_isolation(&mut self, before: &BTreeMap<String, Row>) {
        let rows = self.ledger.rows();
        for (key, order) in self.sold(&self.settings) {
            let released =
                before.get(&key).is_some_and(|row| row.state == "failed") && rows.get(&key).is_some_and(|row| row.state == "pending");
            if !released && self.fate(&order) == Fate::Written && rows.get(&key).is_none_or(|row| row.state != "done") {
                let state = rows.get(&key).map_or("not received".to_owned(), |row| format!("{} ({:?})", row.state, row.cause));
                self.violated("I6", format!("{key} is not at central after a pass without faults: {state}"));
            }
        }
    }

    /// Everything.
    pub fn check(&mut self) {
        let (rows, drafts, sold) = (self.ledger.rows(), self.drafts(), self.sold(&self.settings));
        for (key, order) in &sold {
            match rows.get(key) {
                None => self.violated("I1", format!("{key} of {} was never received", order.total)),
                Some(row) => self.check_order(order, row, drafts.get(key).copied()),
            }
        }
        // A session that was closed can be open again after a restore.
        let went_back = self.shops.iter().any(|shop| shop.db.with(|db| db.life > 0));
        let closed_only = self.settings.closed_only && !went_back;
        let mut rightly_there = self.sold(&Settings { closed_only, ..self.settings.clone() });
        rightly_there.extend(self.truth.orphans.clone());
        self.check_central(&rightly_there, &rows);
        self.check_touched();
        self.check_notices(&rows, &drafts);
        self.check_ignored(&drafts);
    }

    fn check_order(&mut self, order: &Expected, row: &Row, draft: Option<i64>) {
        let (key, fate) = (order.key(), self.fate(order));
        let deleted = matches!(self.truth.touched.get(&key), Some(Touch::Deleted { .. }));
        let older = self.truth.older_content || self.truth.went_back.contains(&key);
        match (row.state.as_str(), fate) {
            ("done", _) => {
                match draft {
                    None if deleted => {}
                    None => self.violated("I1", format!("{key} is done in the ledger and not at central")),
                    // A person had it written again, and then an older ledger was put back, or a central that has the earlier draft: it
                    // tells that the one it knows is gone.
                    Some(id) if row.central_id != Some(id) && !(older && row.is_gone()) => {
                        self.violated("I7", format!("{key} is {id} at central and {:?} in the ledger", row.central_id));
                    }
                    Some(id) => self.check_draft(order, row, id),
                }
                if fate == Fate::Waits || fate == Fate::Skipped {
                    self.violated("I7", format!("{key} is done although {fate:?}"));
                }
            }
            ("failed", Fate::Waits | Fate::Either) => {
                if let Some(id) = draft.filter(|_| fate == Fate::Waits) {
                    self.violated("I7", format!("{key} failed and is {id} at central"));
                }
            }
            ("ignored", Fate::Skipped | Fate::Either) => {}
            (state, _) => {
                let cause = row.cause.clone().unwrap_or_default();
                self.violated("I1", format!("{key} is {state} ({cause}) after three passes without faults, and should be {fate:?}"));
            }
        }
    }

    /// Whether a draft holds what was sold, as it is now or as it was before it was changed.
    fn check_draft(&mut self, order: &Expected, row: &Row, id: i64) {
        let key = order.key();
        if self.truth.touched.contains_key(&key) || self.truth.went_back.contains(&key) {
            return;
        }
        let settings = self.settings.clone();
        let differs = self.central.with(|db| difference(db, id, order, &settings));
        let Some(differs) = differs else { return };
        let mut earlier = self.truth.versions.get(&key).cloned().unwrap_or_default();
        // What was lost with a restored branch can have been paid there again since, otherwise.
        earlier.extend(self.truth.vanished.get(&key).or(self.truth.orphans.get(&key)).cloned());
        if !earlier.iter().any(|version| self.central.with(|db| difference(db, id, version, &settings)).is_none()) {
            self.violated("I3", format!("{key} at central: {differs}"));
        } else if !row.tells("order_changed")
            && !self.truth.ignored.contains(&key)
            && !self.truth.vanished.contains_key(&key)
            && !self.truth.older_content
        {
            self.violated("I7", format!("{key} was changed at the branch after it was written, and the ledger says nothing ({differs})"));
        }
    }

    /// Nothing is at central that was not sold, and nothing twice.
    fn check_central(&mut self, sold: &BTreeMap<String, Expected>, rows: &BTreeMap<String, Row>) {
        let allowed = |key: &str| sold.contains_key(key);
        let (mut found, mut signatures) = (Vec::new(), BTreeMap::<_, i64>::new());
        self.central.with(|db| {
            for id in ids(db, "sale.order") {
                let order = Reader::new(db, "sale.order", id);
                let names = db.xids_of("sale.order", id);
                let key = names.first().map(|name| name.replacen("__posbridge.", "", 1));
                let signature = (order.text("client_order_ref"), order.text("date_order"), order.number("amount_total").normalize());
                *signatures.entry(signature).or_default() += 1;
                match key {
                    Some(key) if names.len() == 1 && allowed(&key) => {}
                    other => found.push(format!("order {id} at central has the external ids {other:?} ({} of them)", names.len())),
                }
            }
        });
        for what in found {
            self.violated("I2", what);
        }
        // By what was sold, whatever its external id says.
        let mut truth = BTreeMap::<_, i64>::new();
        for order in sold.values().chain(self.truth.versions.values().flatten()) {
            *truth.entry((order.reference.clone(), order.date.clone(), order.total.normalize())).or_default() += 1;
        }
        let references = |keys: &mut dyn Iterator<Item = &String>| -> BTreeSet<String> {
            keys.filter_map(|key| sold.get(key)).map(|order| order.reference.clone()).collect()
        };
        let touched = references(&mut self.truth.touched.keys());
        let went_back = references(&mut self.truth.went_back.iter());
        let not_proved =
            references(&mut rows.iter().filter(|(_, row)| row.state == "failed" && row.central_id.is_some()).map(|(key, _)| key));
        // A copied machine, with a limit of its own, tells by itself that a draft is not as it should be.
        let no_draft = |row: &Row| row.central_id.is_none() && self.truth.older_content;
        let not_known = sold.iter().filter(|(key, _)| rows.get(*key).is_none_or(no_draft)).map(|(_, order)| order);
        let of_others = self.truth.orphans.values().chain(not_known).filter(|order| order.fine || order.cash_rounded);
        let of_others: BTreeSet<String> = of_others.map(|order| order.reference.clone()).collect();
        // Nobody proves a draft of an order that is left out, when the ledger that began it is gone; the daily look lists it.
        let left_out: BTreeSet<String> = sold
            .values()
            .filter(|order| order.invoice.is_some() && self.settings.skip_invoiced && self.truth.older_content)
            .map(|order| order.reference.clone())
            .collect();
        for ((reference, date, total), count) in signatures {
            let should = truth.get(&(reference.clone(), date.clone(), total)).copied().unwrap_or(0);
            // A draft that went back with central to a time before its adjustment line has another total; the daily look finds it.
            let known =
                should > 0 || [&went_back, &touched, &of_others, &left_out, &not_proved].iter().any(|some| some.contains(&reference));
            if count > should.max(1) || !known {
                self.violated("I2", format!("{count} orders {reference} of {date} and {total} at central, {should} sold"));
            }
        }
    }

    /// What people left or deleted at central is as they left it.
    fn check_touched(&mut self) {
        let drafts = self.drafts();
        for (key, touch) in self.truth.touched.clone() {
            match (touch, drafts.get(&key)) {
                (Touch::Left(picture), Some(id)) => {
                    let now = self.picture(*id);
                    if now != picture {
                        let differs = picture.0.iter().zip(&now.0).find(|(a, b)| a != b);
                        self.violated(
                            "I4",
                            format!(
                                "{key} was changed after somebody had worked on it: {differs:?}, {} and {} fields",
                                picture.0.len(),
                                now.0.len()
                            ),
                        );
                    }
                }
                (Touch::Left(_), None) => self.violated("I4", format!("{key} is gone after somebody had worked on it")),
                (Touch::Deleted { for_good: true }, Some(id)) => self.violated("I5", format!("{key} was deleted and is back as {id}")),
                (Touch::Deleted { .. }, _) => {}
            }
        }
    }

    /// What went back in time is told: beside each of the newest orders, and about the branch.
    fn check_notices(&mut self, rows: &BTreeMap<String, Row>, drafts: &BTreeMap<String, i64>) {
        let gone = self.ledger.gone_at_branch();
        let (mut silent, mut untold) = (Vec::new(), BTreeSet::new());
        for shop in &self.shops {
            let code = shop.code.as_str();
            let done = newest(rows, code, |row| row.state == "done" && row.central_id.is_some());
            silent.extend(
                done.iter()
                    .filter(|(key, row)| !drafts.contains_key(*key) && !row.is_gone())
                    .map(|(key, row)| format!("the draft of {key} is no longer at central, and beside it stands {:?}", row.cause)),
            );
            let told_gone = newest(rows, code, |row| row.is_gone() && ["done", "failed"].contains(&row.state.as_str()));
            silent.extend(
                told_gone
                    .iter()
                    .filter(|(key, row)| drafts.contains_key(*key) && drafts.get(*key).copied() == row.central_id)
                    .map(|(key, row)| format!("the draft of {key} is at central, and beside it stands {:?}", row.cause)),
            );
            for (key, row) in newest(rows, code, |_| true).into_iter().filter(|(key, _)| self.truth.vanished.contains_key(*key)) {
                let there = shop.db.with(|db| ids(db, "pos.order").contains(&row.remote_id));
                let again =
                    rows.values().any(|other| other.branch == code && other.remote_id == row.remote_id && other.record != row.record);
                if !there && !gone.contains(&row.record) {
                    silent.push(format!("{key} is no longer at its branch, and nobody is told"));
                }
                if (!there || again) && !self.told.contains(&(code.to_owned(), "branch_restored".to_owned())) {
                    untold.insert(code.to_owned());
                }
            }
        }
        for what in silent {
            self.violated("I7", what);
        }
        for code in untold {
            self.violated("I7", format!("{code} was put back to a backup, and nobody is told"));
        }
    }

    /// Notes which branches' newest drafts central has just lost together.
    pub fn central_has_lost(&mut self, rows: &BTreeMap<String, Row>, after: &BTreeMap<String, i64>) {
        for shop in &self.shops {
            let mut asked = newest(rows, &shop.code, |row| row.state == "done" && row.central_id.is_some() && !row.is_gone());
            asked.sort_by_key(|(_, row)| std::cmp::Reverse(row.central_id));
            if asked.iter().take_while(|(key, _)| !after.contains_key(*key)).count() >= MANY {
                self.central_lost.insert(shop.code.clone());
            }
        }
    }

    /// After a pass without faults everybody knows that central was put back.
    pub fn check_central_lost(&mut self) {
        let rows = self.ledger.rows();
        for code in std::mem::take(&mut self.central_lost) {
            let lost = rows.values().any(|row| row.branch == code && row.cause.as_deref() == Some("draft_lost"));
            // A branch has one notice at a time; that a draft is lost stands beside each order in any case.
            if !lost || self.told.contains(&(code.clone(), "branch_restored".to_owned())) {
                continue;
            }
            let beside: Vec<_> =
                newest(&rows, &code, |row| row.state == "done").iter().map(|(_, row)| (row.central_id, row.cause.clone())).collect();
            let what = format!("central was put back to a backup without the newest drafts of {code}, and nobody is told; {beside:?}");
            self.violated("I7", what);
        }
    }

    /// What a person ignored is not written.
    fn check_ignored(&mut self, drafts: &BTreeMap<String, i64>) {
        for key in self.truth.ignored_for_good.clone().iter().filter(|key| drafts.contains_key(*key)) {
            self.violated("I5", format!("{key} was ignored and is at central"));
        }
    }
}

/// The newest orders of a branch, by their numbers there.
fn newest<'a>(rows: &'a BTreeMap<String, Row>, code: &str, wanted: impl Fn(&Row) -> bool) -> Vec<(&'a String, &'a Row)> {
    let mut newest: Vec<_> = rows.iter().filter(|(_, row)| row.branch == code && wanted(row)).collect();
    newest.sort_by_key(|(_, row)| std::cmp::Reverse(row.remote_id));
    newest.truncate(FINGERPRINTS);
    newest
}

/// Whether the settings want an order.
fn wanted(order: &Expected, settings: &Settings) -> bool {
    let zone = jiff::tz::TimeZone::get(settings.zone).expect("a zone");
    let midnight = settings.from.to_zoned(zone).expect("a midnight").timestamp();
    let sold: jiff::civil::DateTime = order.date.parse().expect("a time");
    let sold = sold.to_zoned(jiff::tz::TimeZone::UTC).expect("a time").timestamp();
    sold >= midnight && (!settings.one_shop || order.shop == "Shop") && (!settings.closed_only || order.session_state == "closed")
}

/// The first difference between a draft and what it should hold.
fn difference(db: &Database, id: i64, order: &Expected, settings: &Settings) -> Option<String> {
    let draft = Reader::new(db, "sale.order", id);
    let mut differs = Vec::new();
    let mut same = |what: &str, is: String, should: String| {
        if is != should {
            differs.push(format!("{what} is {is:?} and should be {should:?}"));
        }
    };
    let linked = |model: &'static str, field: &str, shown: &str| {
        draft.link(field).map(|id| Reader::new(db, model, id).text(shown)).unwrap_or_default()
    };
    same("the total", draft.number("amount_total").normalize().to_string(), order.total.normalize().to_string());
    same("the reference", draft.text("client_order_ref"), order.reference.clone());
    same("the origin", draft.text("origin"), order.origin.clone());
    same("the date", draft.text("date_order"), order.date.clone());
    same("the state", draft.text("state"), "draft".to_owned());
    same("the warehouse", linked("stock.warehouse", "warehouse_id", "code"), "TIR".to_owned());
    same("the team", linked("crm.team", "team_id", "name"), "Point of Sale".to_owned());
    same("the pricelist", linked("product.pricelist", "pricelist_id", "name"), "Public Pricelist".to_owned());
    let known = order.customer.as_ref().is_some_and(|(reference, _)| find(db, "res.partner", "ref", reference).is_some());
    match &order.customer {
        Some((reference, _)) if known => same("the customer", linked("res.partner", "partner_id", "ref"), reference.clone()),
        _ => same("the customer", linked("res.partner", "partner_id", "name"), format!("Walk-in {}", order.code)),
    }
    let seller = order.sellers.iter().find(|name| settings.salespeople && ["anna", "ben"].contains(&name.as_str()));
    let seller = seller.map_or("sales@example.com".to_owned(), |name| format!("{name}@example.com"));
    same("the salesperson", linked("res.users", "user_id", "login"), seller);
    if differs.is_empty() { lines_differ(db, id, order, known) } else { Some(differs.join("; ")) }
}

fn lines_differ(db: &Database, id: i64, order: &Expected, known: bool) -> Option<String> {
    let mut lines: Vec<(i64, i64)> = Reader::new(db, "sale.order", id)
        .children("sale.order.line", "order_id")
        .into_iter()
        .map(|line| (Reader::new(db, "sale.order.line", line).value("sequence").as_int().unwrap_or(0), line))
        .collect();
    lines.sort_unstable();
    let lines: Vec<Reader<'_>> = lines.into_iter().map(|(_, line)| Reader::new(db, "sale.order.line", line)).collect();
    let code = |line: &Reader<'_>| {
        line.link("product_id").map(|id| Reader::new(db, "product.product", id).text("default_code")).unwrap_or_default()
    };
    let (adjustments, lines): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| code(line) == "POS-ROUND");
    if adjustments.len() > 1 {
        return Some(format!("{} adjustment lines", adjustments.len()));
    }
    let Some((note, lines)) = lines.split_last() else { return Some("no lines".to_owned()) };
    let should = order.closing_note(known);
    if note.text("name") != should || note.text("display_type") != "line_note" {
        return Some(format!("the closing note is {:?} and should be {should:?}", note.text("name")));
    }
    if lines.len() != order.lines.len() {
        return Some(format!("{} lines instead of {}", lines.len(), order.lines.len()));
    }
    lines.iter().zip(&order.lines).find_map(|(line, should)| line_differs(db, line, &code(line), should))
}

fn line_differs(db: &Database, line: &Reader<'_>, product: &str, should: &Line) -> Option<String> {
    match should {
        Line::Note(text) => {
            let note = line.text("display_type") == "line_note" && line.text("name") == *text;
            (!note).then(|| format!("a note {:?} should be {text:?}", line.text("name")))
        }
        Line::Product { code, text, qty, price, discount, taxes } => {
            let names: BTreeSet<String> = line.value("tax_ids").ids().into_iter().map(|tax| db.display_name("account.tax", tax)).collect();
            let numbers = |numbers: [Decimal; 3]| numbers.map(|number| number.normalize());
            let is = numbers([line.number("product_uom_qty"), line.number("price_unit"), line.number("discount")]);
            let wanted = numbers([rounded(*qty), rounded(*price), rounded(*discount)]);
            let same = product == code && line.text("name") == *text && is == wanted && names == *taxes;
            (!same)
                .then(|| format!("line {product} {:?} {is:?} {names:?} should be {code} {text:?} {wanted:?} {taxes:?}", line.text("name")))
        }
    }
}
