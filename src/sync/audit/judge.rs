//! From what was read to what is wrong: data in, findings out. Looks at no clock and asks nobody.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::facts::{BranchFacts, CentralFacts, Goods, Places, Shop, Span};
use super::finding::{Finding, FindingKind};
use super::words::{self, Main};
use crate::config::Branch;
use crate::mapping;
use crate::master_data::{BranchKey, CentralKey, Comparison, Conflict, Field, Record, Type, Value};
use crate::model::{Amount, BranchId, BranchProduct, CentralId, CentralProduct, CentralTax, Kind, plus};
use crate::problem::Problem;
use crate::sync::bind::{configured, product_key};
use crate::sync::parse_odoo_time;

/// A session that is open for longer was forgotten: even who closes after midnight closes once in two days.
const OPEN_DAYS: i64 = 2;

/// Decimals to which prices are compared: the sum of a price and an extra price carries the noise of floats beyond.
const PRICE_DECIMALS: u32 = 4;

/// The fields that are compared, named as the settings of sending name them.
const PRICE: Field = Field { name: "list_price", label: "sales price", of: Type::Number };
const TAXES: Field = Field { name: "taxes_id", label: "sales taxes", of: Type::Many(Kind::Tax) };
const BARCODE: Field = Field { name: "barcode", label: "barcode", of: Type::Text };

/// One branch: its settings, what was read of it, and of central for it.
pub struct Case<'a> {
    /// The settings.
    pub branch: &'a Branch,
    /// What was read of the branch.
    pub facts: &'a BranchFacts,
    /// What central has; `None` = central could not be read.
    pub central: Option<&'a CentralFacts>,
}

/// All that is wrong, by kind, then branch, then subject.
pub fn judge(cases: &[Case<'_>], span: Span) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut strangers = Strangers::default();
    for case in cases {
        case.goods(span, &mut strangers, &mut findings);
        case.stock(&mut findings);
        case.sessions(span, &mut findings);
        case.people(span, &mut findings);
    }
    strangers.judge(&mut findings);
    findings.sort_by(|a, b| (a.kind, &a.branch, &a.subject, &a.what).cmp(&(b.kind, &b.branch, &b.subject, &b.what)));
    findings
}

/// Products of several branches that central does not have: one group for all that share a barcode or an Internal
/// Reference.
#[derive(Default)]
struct Strangers {
    groups: Vec<Vec<Stranger>>,
    by_key: HashMap<(&'static str, String), usize>,
}

struct Stranger {
    branch: String,
    name: String,
    /// Field = value, for people.
    values: Vec<(&'static str, String)>,
}

impl Strangers {
    fn add(&mut self, goods: &Goods, stranger: Stranger) {
        let said = |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let keys = [("barcode", said(&goods.barcode)), ("default_code", said(&goods.default_code))];
        let keys: Vec<(&str, String)> = keys.into_iter().filter_map(|(by, text)| Some((by, text?))).collect();
        let group = keys.iter().find_map(|key| self.by_key.get(key).copied()).unwrap_or(self.groups.len());
        if group == self.groups.len() {
            self.groups.push(Vec::new());
        }
        self.groups[group].push(stranger);
        self.by_key.extend(keys.into_iter().map(|key| (key, group)));
    }

    /// Each field in which the branches disagree.
    fn judge(&self, findings: &mut Vec<Finding>) {
        for several in self.groups.iter().filter(|several| several.len() > 1) {
            let fields: BTreeSet<&str> = several.iter().flat_map(|one| one.values.iter().map(|(field, _)| *field)).collect();
            for field in fields {
                let of = |one: &Stranger| one.values.iter().find(|(name, _)| *name == field).map(|(_, value)| value.clone());
                let values: BTreeMap<String, String> = several.iter().filter_map(|one| Some((one.branch.clone(), of(one)?))).collect();
                let different: BTreeSet<&String> = values.values().collect();
                if different.len() > 1 {
                    findings.push(words::branches_differ(&several[0].name, field, &values));
                }
            }
        }
    }
}

/// What the sales taxes of a branch are at central.
type Taxes<'a> = BTreeMap<i64, (&'a str, Result<i64, Problem>)>;

impl Case<'_> {
    fn code(&self) -> &str {
        self.branch.code.as_str()
    }

    /// What was sold against central, and whether its stock is counted.
    fn goods(&self, span: Span, strangers: &mut Strangers, findings: &mut Vec<Finding>) {
        let (Some(sold), Some(products)) = (&self.facts.sold, &self.facts.products) else { return };
        let counterparts = self.counterparts(products);
        let taxes = self.taxes();
        let mut unknown_taxes: BTreeMap<i64, usize> = BTreeMap::new();
        for goods in products.iter().filter(|goods| goods.kind != "combo") {
            let quantity = sold.get(&goods.id).copied().unwrap_or_default();
            let central = match counterparts.get(&goods.id) {
                Some(Ok(central)) => {
                    self.compare(goods, central, &taxes, &mut unknown_taxes, findings);
                    Some(*central)
                }
                Some(Err(problem)) => {
                    findings.push(words::unknown_product(self.code(), &goods.display_name, quantity, span.days, problem));
                    self.note_stranger(goods, problem, strangers);
                    None
                }
                None => None,
            };
            if goods.is_goods() && !goods.is_tracked() {
                let central_tracks = central.is_some_and(Goods::is_tracked);
                findings.push(words::not_tracked(self.code(), &goods.display_name, quantity, span.days, central_tracks));
            }
        }
        for (tax, products) in unknown_taxes {
            if let Some((name, Err(problem))) = taxes.get(&tax) {
                findings.push(words::unknown_tax(self.code(), name, products, problem));
            }
        }
    }

    /// Which product of central each is, or why that is not known; empty without central.
    fn counterparts<'c>(&'c self, products: &[Goods]) -> HashMap<i64, Result<&'c Goods, Problem>> {
        let Some(central) = self.central else { return HashMap::new() };
        let by_id: HashMap<i64, &Goods> = central.products.iter().map(|goods| (goods.id, goods)).collect();
        let mut by_text: HashMap<&str, Vec<&Goods>> = HashMap::new();
        for goods in &central.products {
            for text in [&goods.barcode, &goods.default_code].into_iter().flatten() {
                by_text.entry(text.trim()).or_default().push(goods);
            }
        }
        let keys: Vec<_> = self.branch.match_products.iter().map(product_key).collect();
        let find = |goods: &Goods| {
            if let Some(bound) = self.facts.bound_products.get(&goods.id).and_then(|id| by_id.get(id)) {
                return Ok(*bound);
            }
            let product = configured(self.branch, at_branch(goods));
            let texts = [&product.barcode, &product.default_code].into_iter().flatten();
            let fits = texts.filter_map(|text| by_text.get(text.trim())).flatten();
            let candidates: BTreeMap<i64, CentralProduct> = fits.map(|goods| (goods.id, at_central(goods))).collect();
            let candidates: Vec<CentralProduct> = candidates.into_values().collect();
            let found = mapping::match_product(&product, &candidates, &keys)?;
            by_id.get(&found.get()).copied().ok_or(Problem::ProductWithoutReference { name: goods.name.clone() })
        };
        products.iter().map(|goods| (goods.id, find(goods))).collect()
    }

    /// What each sales tax of the branch is at central.
    fn taxes(&self) -> Taxes<'_> {
        let (Some(central), Some(taxes)) = (self.central, &self.facts.taxes) else { return Taxes::new() };
        let known = |id: i64| central.taxes.iter().any(|tax| tax.id.get() == id);
        let find = |tax: &crate::model::BranchTax| {
            let setting = self.branch.taxes.get(&tax.name).map(String::as_str);
            let bound = self.facts.bound_taxes.get(&tax.id.get()).copied().filter(|id| setting.is_none() && known(*id));
            match bound {
                Some(id) => Ok(id),
                None => mapping::match_tax(tax, setting, &central.taxes, &central.company).map(CentralId::get),
            }
        };
        taxes.iter().map(|tax| (tax.id.get(), (tax.name.as_str(), find(tax)))).collect()
    }

    /// Whether a field of products is the branch's to decide.
    fn left(&self, field: &Field) -> bool {
        self.branch.send.kinds.get(&Kind::Product).is_some_and(|selection| match &selection.fields {
            Some(only) => !only.iter().any(|name| name == field.name),
            None => selection.leave.iter().any(|name| name == field.name),
        })
    }

    /// The fields of a product that are not central's. Taxes unknown at central are counted, not compared.
    fn compare(
        &self,
        goods: &Goods,
        central: &Goods,
        taxes: &Taxes<'_>,
        unknown_taxes: &mut BTreeMap<i64, usize>,
        findings: &mut Vec<Finding>,
    ) {
        let Some(facts) = self.central else { return };
        let own: BTreeSet<i64> = goods.taxes_id.iter().copied().filter(|id| taxes.contains_key(id)).collect();
        let mut fields: Vec<Field> = Vec::new();
        if facts.currency == self.facts.currency {
            fields.push(PRICE);
        }
        fields.push(BARCODE);
        let unknown: Vec<i64> = own.iter().copied().filter(|id| taxes.get(id).is_some_and(|(_, found)| found.is_err())).collect();
        if unknown.is_empty() && self.facts.taxes.is_some() {
            fields.push(TAXES);
        }
        for id in unknown {
            *unknown_taxes.entry(id).or_default() += 1;
        }
        fields.retain(|field| !self.left(field));
        let theirs: Vec<i64> = central.taxes_id.iter().copied().filter(|id| facts.taxes.iter().any(|tax| tax.id.get() == *id)).collect();
        let bound = |_: Kind, id: CentralKey| {
            let means = |tax: &&i64| taxes.get(tax).is_some_and(|(_, found)| *found == Ok(id.get()));
            own.iter().find(means).or_else(|| taxes.keys().find(means)).map(|tax| BranchKey::new(*tax))
        };
        let comparison = Comparison {
            fields: &fields,
            digits: &self.facts.price_decimals.map(|digits| (PRICE.name.to_owned(), digits)).into_iter().collect(),
            bound: &bound,
            central_name: &|_, id| tax_name(&facts.taxes, id.get()),
            branch_name: &|_, id| taxes.get(&id.get()).map_or_else(String::new, |(name, _)| (*name).to_owned()),
            baseline: None,
            conflict: Conflict::Central,
        };
        let ours = record(goods, own.iter().copied(), BranchKey::new);
        let theirs = record(central, theirs.into_iter(), CentralKey::new);
        let reference = goods.default_code.as_deref().or(central.default_code.as_deref()).or(central.barcode.as_deref());
        for change in comparison.differences(&theirs, Some(&ours)).changes {
            let kind = match change.field.as_str() {
                "list_price" => FindingKind::PriceDiffers,
                "taxes_id" => FindingKind::TaxDiffers,
                _ => FindingKind::BarcodeDiffers,
            };
            let here = change.from.unwrap_or_default();
            findings.push(words::differs(kind, self.code(), &goods.display_name, reference, &change.field, &here, &change.to));
        }
    }

    /// Remembers a product that central does not have, to hold it against other branches'.
    fn note_stranger(&self, goods: &Goods, problem: &Problem, strangers: &mut Strangers) {
        if !matches!(problem, Problem::ProductNotFound { .. }) {
            return;
        }
        let mut taxes: Vec<&str> = Vec::new();
        for tax in self.facts.taxes.iter().flatten().filter(|tax| goods.taxes_id.contains(&tax.id.get())) {
            taxes.push(&tax.name);
        }
        taxes.sort_unstable();
        let price = format!("{} {}", mapping::money(goods.lst_price), self.facts.currency);
        let barcode = goods.barcode.clone().unwrap_or_else(|| "nothing".to_owned());
        let mut values = vec![("price", price), ("barcode", barcode)];
        if self.facts.taxes.is_some() {
            values.push(("sales tax", if taxes.is_empty() { "none".to_owned() } else { taxes.join(", ") }));
        }
        let stranger = Stranger { branch: self.code().to_owned(), name: goods.display_name.clone(), values };
        strangers.add(goods, stranger);
    }

    /// Where shops sell out of, what is below zero there, and what did not move.
    fn stock(&self, findings: &mut Vec<Finding>) {
        let mut below: BTreeMap<(i64, i64), (&str, &str, Amount)> = BTreeMap::new();
        for quant in self.facts.negative.iter().flatten() {
            let key = (quant.product_id.0, quant.location_id.0);
            plus(&mut below.entry(key).or_insert((&quant.product_id.1, &quant.location_id.1, Amount::ZERO)).2, quant.quantity);
        }
        findings.extend(below.values().map(|(product, location, n)| words::negative_stock(self.code(), product, location, *n)));
        if let Some(places) = &self.facts.places {
            self.main_locations(places, findings);
        }
        let mut failed: BTreeMap<&(i64, String), Vec<String>> = BTreeMap::new();
        for picking in self.facts.failed.iter().flatten() {
            failed.entry(&picking.pos_session_id).or_default().push(picking.name.clone().unwrap_or_else(|| "without a name".to_owned()));
        }
        for ((_, session), mut names) in failed {
            names.sort();
            findings.push(words::failed_moves(self.code(), session, &names));
        }
    }

    fn main_locations(&self, places: &Places, findings: &mut Vec<Finding>) {
        let source = |shop: &Shop| shop.picking_type_id.as_ref().and_then(|(kind, _)| places.sources.get(kind));
        let shops: Vec<(&Shop, &(i64, String))> =
            self.facts.shops.iter().filter(|shop| shop.active).filter_map(|shop| Some((shop, source(shop)?))).collect();
        let main = |location: i64| places.warehouses.iter().find(|warehouse| warehouse.lot_stock_id.0 == location);
        for (shop, (location, name)) in &shops {
            let Some(warehouse) = main(*location) else { continue };
            let others = shops.iter().filter(|(other, _)| other.id != shop.id);
            let sharing: Vec<String> = others.clone().filter(|(_, (at, _))| at == location).map(|(other, _)| other.name.clone()).collect();
            let apart: Vec<String> = others.filter(|(_, (at, _))| main(*at).is_none()).map(|(other, _)| other.name.clone()).collect();
            let own = own_place(shop, *location, places);
            let why = match (&own, sharing.is_empty(), apart.is_empty()) {
                (Some(own), ..) => Main::Own(own),
                (None, false, _) => Main::Shared(sharing),
                (None, true, false) => Main::OthersHave(apart),
                (None, true, true) => continue, // the warehouse is the shop
            };
            findings.push(words::main_location(self.code(), &shop.name, name, &warehouse.name, &why));
        }
    }

    fn sessions(&self, span: Span, findings: &mut Vec<Finding>) {
        for session in self.facts.sessions.iter().flatten() {
            let shop = &session.config_id.1;
            if session.state == "closed" {
                if !session.cash_register_difference.round_dp(PRICE_DECIMALS).is_zero() {
                    let difference = session.cash_register_difference;
                    findings.push(words::cash_difference(self.code(), shop, &session.name, difference, &self.facts.currency));
                }
                continue;
            }
            let Some((text, at)) = session.start_at.as_ref().and_then(|text| Some((text, parse_odoo_time(text)?))) else { continue };
            let open = whole_days(at, span.now);
            if open >= OPEN_DAYS {
                findings.push(words::long_session(self.code(), shop, &session.name, text.get(..16).unwrap_or(text), open));
            }
        }
    }

    fn people(&self, span: Span, findings: &mut Vec<Finding>) {
        let Some(sales) = &self.facts.sales else { return };
        let selling: BTreeSet<i64> = sales.iter().filter_map(|sales| sales.config_id.as_ref()).map(|(id, _)| *id).collect();
        for shop in self.facts.shops.iter().filter(|shop| shop.active && !selling.contains(&shop.id)) {
            // A new one has had no time yet.
            if parse_odoo_time(&shop.create_date).is_some_and(|made| made < span.since) {
                findings.push(words::sold_nothing(self.code(), &shop.name, span.days));
            }
        }
        let (named, default) = (&self.branch.salespeople, self.branch.salesperson.as_deref());
        if named.is_empty() && default.is_some() {
            return; // one salesperson for all is what the settings want
        }
        let known = |name: &str| named.keys().any(|key| key.to_lowercase() == name.to_lowercase());
        let mut unmapped: BTreeMap<&str, u64> = BTreeMap::new();
        for sales in sales {
            let employee = sales.employee_id.as_ref().map(|(_, name)| name.as_str());
            let login = sales.user_id.as_ref().map(|(id, name)| self.facts.logins.get(id).unwrap_or(name).as_str());
            if let Some(seller) = employee.or(login)
                && ![employee, login].into_iter().flatten().any(known)
            {
                *unmapped.entry(seller).or_default() += sales.orders;
            }
        }
        findings.extend(unmapped.into_iter().map(|(seller, orders)| words::unmapped_seller(self.code(), seller, orders, default)));
    }
}

/// The location, or the main location of another warehouse, that bears a shop's name.
fn own_place(shop: &Shop, location: i64, places: &Places) -> Option<String> {
    let same = |name: &str| name.trim().to_lowercase() == shop.name.trim().to_lowercase();
    let of_location = places.locations.iter().find(|place| place.id != location && same(&place.name)).map(|place| &place.complete_name);
    let of_warehouse = || {
        let warehouse = places.warehouses.iter().find(|warehouse| warehouse.lot_stock_id.0 != location && same(&warehouse.name));
        warehouse.map(|warehouse| &warehouse.lot_stock_id.1)
    };
    of_location.or_else(of_warehouse).cloned()
}

fn tax_name(taxes: &[CentralTax], id: i64) -> String {
    taxes.iter().find(|tax| tax.id.get() == id).map_or_else(|| format!("tax {id}"), |tax| tax.name.clone())
}

fn whole_days(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_hours() / 24
}

fn at_branch(goods: &Goods) -> BranchProduct {
    let Goods { id, name, barcode, default_code, .. } = goods.clone();
    BranchProduct { id: BranchId::new(id), name, barcode, default_code }
}

fn at_central(goods: &Goods) -> CentralProduct {
    let Goods { id, display_name, barcode, default_code, active, .. } = goods.clone();
    CentralProduct { id: CentralId::new(id), display_name, barcode, default_code, active, made: None }
}

/// A product as the comparison of sending takes it, with the fields that are compared here.
fn record<Id: Ord + Copy>(goods: &Goods, taxes: impl Iterator<Item = i64>, id: impl Fn(i64) -> Id) -> Record<Id> {
    let barcode = goods.barcode.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let values = [
        (PRICE.name, Value::Number(goods.lst_price.round_dp(PRICE_DECIMALS))),
        (BARCODE.name, barcode.map_or(Value::Nothing, |text| Value::Text(text.to_owned()))),
        (TAXES.name, Value::Many(taxes.map(&id).collect())),
    ];
    Record {
        kind: Kind::Variant,
        id: id(goods.id),
        name: goods.display_name.clone(),
        values: values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        create_date: String::new(),
        write_date: String::new(),
    }
}

#[cfg(test)]
mod tests;
