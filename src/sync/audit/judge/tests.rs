//! Judging without any Odoo: what is planted is found, and nothing else.
#![allow(clippy::unwrap_used)] // A test that fails to unwrap has failed.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::config::Config;
use crate::model::{BranchTax, Language};
use crate::sync::audit::facts::{Location, Picking, Quant, Sales, Session, Warehouse};

/// Products that both sides have.
const PRODUCTS: i64 = 8;

/// Branch ids are higher than central's by this.
const APART: i64 = 100;

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

fn named(id: i64, name: &str) -> (i64, String) {
    (id, name.to_owned())
}

fn span() -> Span {
    Span { days: 30, since: "2026-10-22T08:00:00Z".parse().unwrap(), now: "2026-11-21T08:00:00Z".parse().unwrap() }
}

/// Two branches that agree with central in everything.
struct World {
    config: Config,
    facts: Vec<BranchFacts>,
    central: CentralFacts,
}

fn goods(id: i64, number: i64, tax: i64) -> Goods {
    Goods {
        id,
        display_name: format!("[ART-{number}] Article {number}"),
        name: format!("Article {number}"),
        barcode: Some(format!("20{number}")),
        default_code: Some(format!("ART-{number}")),
        active: true,
        lst_price: amount("12.5"),
        taxes_id: vec![tax, 999], // and one of another company
        kind: "consu".to_owned(),
        is_storable: Some(true),
    }
}

fn config(more: &str) -> Config {
    let text = format!(
        "[central]\nurl = \"https://erp.example.com\"\ndatabase = \"central\"\nuser = \"bridge\"\n[defaults]\nfrom = 2026-11-01\nuser = \
         \"bridge\"\nurl = \"https://shop.example.com\"\ncustomer = \"Walk-in\"\nsalesperson = \"sales@example.com\"\n\
         salespeople = {{ Anna = \"anna@example.com\" }}\n[branch.b1]\ndatabase = \"b1\"\n{more}\n[branch.b2]\ndatabase = \"b2\"\n"
    );
    Config::parse(&text, Path::new("branches.toml")).unwrap_or_else(|error| panic!("{error}"))
}

fn facts() -> BranchFacts {
    let shop = |id: i64, name: &str| Shop {
        id,
        name: name.to_owned(),
        active: true,
        company_id: named(1, "Shop Ltd"),
        currency_id: Some(named(1, "EUR")),
        picking_type_id: Some(named(60 + id, "PoS Orders")),
        create_date: "2026-01-01 00:00:00".to_owned(),
    };
    let session = |name: &str, state: &str, start: &str| Session {
        name: name.to_owned(),
        state: state.to_owned(),
        config_id: named(1, "Centre"),
        start_at: Some(start.to_owned()),
        cash_register_difference: if state == "closed" { Amount::ZERO } else { amount("-250.00") },
    };
    let sales = |shop: i64, user: i64, orders: u64| Sales {
        config_id: Some(named(shop, "a shop")),
        user_id: Some(named(user, "Anna Till")),
        employee_id: None,
        orders,
    };
    BranchFacts {
        currency: "EUR".to_owned(),
        shops: vec![shop(1, "Centre"), shop(2, "Station")],
        sold: Some((1..=PRODUCTS).map(|n| (n + APART, amount("3"))).collect()),
        products: Some((1..=PRODUCTS).map(|n| goods(n + APART, n, 30 + n % 2)).collect()),
        price_decimals: None,
        taxes: Some(vec![tax(30, "VAT 20%", "20"), tax(31, "VAT 6%", "6")]),
        sales: Some(vec![sales(1, 5, 40), sales(2, 5, 20)]),
        logins: BTreeMap::from([(5, "anna".to_owned()), (6, "ben".to_owned())]),
        sessions: Some(vec![session("POS/1", "closed", "2026-11-19 07:00:00"), session("POS/2", "opened", "2026-11-20 07:00:00")]),
        failed: Some(Vec::new()),
        places: Some(Places {
            sources: BTreeMap::from([(61, named(11, "WH/Stock/Centre")), (62, named(12, "WH/Stock/Station"))]),
            warehouses: vec![Warehouse { name: "House".to_owned(), lot_stock_id: named(10, "WH/Stock") }],
            locations: [(10, "Stock", "WH/Stock"), (11, "Centre", "WH/Stock/Centre"), (12, "Station", "WH/Stock/Station")]
                .map(|(id, name, whole)| Location { id, name: name.to_owned(), complete_name: whole.to_owned() })
                .to_vec(),
        }),
        negative: Some(Vec::new()),
        bound_products: BTreeMap::new(),
        bound_taxes: BTreeMap::new(),
    }
}

fn tax(id: i64, name: &str, percent: &str) -> BranchTax {
    let (name, amount_type) = (name.to_owned(), "percent".to_owned());
    BranchTax { id: BranchId::new(id), name, amount: amount(percent), amount_type, price_include: true }
}

impl World {
    fn clean() -> Self {
        let central_tax = |id: i64, name: &str, percent: &str| {
            let BranchTax { name, amount, amount_type, price_include, .. } = tax(1, name, percent);
            CentralTax { id: CentralId::new(id), name, amount, amount_type, price_include, made: None }
        };
        let central = CentralFacts {
            company: "Central Ltd".to_owned(),
            currency: "EUR".to_owned(),
            products: (1..=PRODUCTS).map(|n| goods(n, n, 70 + n % 2)).collect(),
            taxes: vec![central_tax(70, "VAT 20%", "20"), central_tax(71, "VAT 6%", "6")],
        };
        Self { config: config(""), facts: vec![facts(), facts()], central }
    }

    fn judge(&self) -> Vec<Finding> {
        let case = |(at, facts)| Case { branch: &self.config.branches[at], facts, central: Some(&self.central) };
        let cases: Vec<Case<'_>> = self.facts.iter().enumerate().map(case).collect();
        judge(&cases, span())
    }

    fn product(&mut self, branch: usize, number: i64) -> &mut Goods {
        self.facts[branch].products.as_mut().unwrap().iter_mut().find(|goods| goods.id == number + APART).unwrap()
    }
}

/// Kind, branch, subject.
type Expected = (FindingKind, Option<String>, String);

fn found(findings: &[Finding]) -> BTreeSet<Expected> {
    findings.iter().map(|finding| (finding.kind, finding.branch.clone(), finding.subject.clone())).collect()
}

/// Makes one thing wrong at one branch, about the product of that number; tells what is to be found.
fn plant(world: &mut World, kind: FindingKind, branch: usize, number: i64) -> Option<Expected> {
    let article = format!("[ART-{number}] Article {number}");
    let other = format!("[NEW-{number}] Article {number}");
    let facts = &mut world.facts[branch];
    let subject = match kind {
        FindingKind::UnknownProduct => {
            let goods = world.product(branch, number);
            (goods.barcode, goods.default_code, goods.display_name) =
                (Some(format!("99{branch}{number}")), Some(format!("NEW-{branch}{number}")), other.clone());
            other
        }
        FindingKind::PriceDiffers => {
            world.product(branch, number).lst_price += amount("0.01");
            article
        }
        FindingKind::TaxDiffers => {
            let taxes = &mut world.product(branch, number).taxes_id;
            taxes[0] = 61 - taxes[0];
            article
        }
        FindingKind::BarcodeDiffers => {
            world.product(branch, number).barcode = Some(format!("77{number}"));
            article
        }
        FindingKind::NotTracked => {
            world.product(branch, number).is_storable = Some(false);
            article
        }
        FindingKind::NegativeStock => {
            let (product_id, location_id) = (named(number + APART, &article), named(11, "WH/Stock/Centre"));
            facts.negative.as_mut().unwrap().push(Quant { product_id, location_id, quantity: amount("-2") });
            article
        }
        FindingKind::MainLocation => {
            facts.places.as_mut().unwrap().sources.insert(61, named(10, "WH/Stock"));
            "Centre".to_owned()
        }
        FindingKind::FailedStockMoves => {
            let name = Some(format!("WH/POS/{number}"));
            facts.failed.as_mut().unwrap().push(Picking { name, pos_session_id: named(1, "POS/1") });
            "POS/1".to_owned()
        }
        FindingKind::LongSession => {
            facts.sessions.as_mut().unwrap()[1].start_at = Some("2026-11-19 07:59:59".to_owned());
            "Centre".to_owned()
        }
        FindingKind::SoldNothing => {
            facts.sales.as_mut().unwrap().retain(|sales| sales.config_id.as_ref().unwrap().0 != 2);
            "Station".to_owned()
        }
        FindingKind::CashDifference => {
            facts.sessions.as_mut().unwrap()[0].cash_register_difference = amount("-5");
            "POS/1".to_owned()
        }
        FindingKind::UnmappedSeller => {
            let sales = facts.sales.as_mut().unwrap();
            let (config_id, user_id) = (Some(named(1, "Centre")), Some(named(6, "Ben Till")));
            sales.push(Sales { config_id, user_id, employee_id: None, orders: 1 });
            "ben".to_owned()
        }
        FindingKind::BranchesDiffer => return None, // takes two branches: a test of its own
    };
    Some((kind, Some(world.config.branches[branch].code.to_string()), subject))
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    assert_eq!(World::clean().judge(), Vec::new());
}

#[test]
fn every_kind_in_words() {
    let mut told = String::new();
    for kind in FindingKind::ALL {
        let mut world = World::clean();
        let expected = plant(&mut world, kind, 0, 3);
        let findings = world.judge();
        assert_eq!(found(&findings), expected.into_iter().collect(), "{kind:?}");
        for finding in findings {
            told.push_str(&format!(
                "{}\n  {}: {}\n  {}\n  {:?}\n",
                kind.heading(),
                finding.subject,
                finding.what,
                finding.fix,
                finding.numbers
            ));
        }
    }
    insta::with_settings!({omit_expression => true}, { insta::assert_snapshot!(told) });
}

#[test]
fn every_kind_in_german() {
    let mut told = String::new();
    let mut tell = |finding: &Finding| {
        let (english, german) = (finding.texts.in_language(Language::English), finding.texts.in_language(Language::German));
        assert_eq!(english.what, finding.what);
        assert!(english.what != german.what && english.next_step != german.next_step, "{german:?}");
        for next_step in [&english.next_step, &german.next_step] {
            assert!(!next_step.contains("posbridge") && next_step.ends_with('.'), "{next_step}");
        }
        let heading = finding.kind.heading_in(Language::German);
        assert_ne!(heading, finding.kind.heading());
        told.push_str(&format!("{heading}\n  {}: {}\n  {}\n", finding.subject, german.what, german.next_step));
    };
    for kind in FindingKind::ALL {
        let mut world = World::clean();
        plant(&mut world, kind, 0, 3);
        world.judge().iter().for_each(&mut tell);
    }
    let values = |texts: [&str; 2]| BTreeMap::from([("b1".to_owned(), texts[0].to_owned()), ("b2".to_owned(), texts[1].to_owned())]);
    tell(&words::branches_differ("Article", "price", &values(["12.50 EUR", "9.00 EUR"])));
    tell(&words::branches_differ("Article", "barcode", &values(["nothing", "555"])));
    tell(&words::branches_differ("Article", "sales tax", &values(["VAT 20%", "none"])));
    let unknown = Problem::TaxAmbiguous { name: "VAT".to_owned(), matches: vec!["A".to_owned(), "B".to_owned()] };
    tell(&words::unknown_tax("b1", "VAT", 1, &unknown));
    tell(&words::unknown_tax("b1", "VAT", 7, &unknown));
    tell(&words::differs(FindingKind::TaxDiffers, "b1", "Article", None, "taxes_id", "nothing", "VAT 20%"));
    let shops = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    tell(&words::main_location("b1", "Bar", "WH/Stock", "House", &Main::Shared(shops(&["Café", "Kiosk"]))));
    tell(&words::main_location("b1", "Bar", "WH/Stock", "House", &Main::OthersHave(shops(&["Café"]))));
    tell(&words::main_location("b1", "Bar", "WH/Stock", "House", &Main::OthersHave(shops(&["A", "B", "C", "D", "E", "F", "G"]))));
    tell(&words::failed_moves("b1", "POS/1", &shops(&["A", "B", "C", "D", "E", "F"])));
    tell(&words::not_tracked("b1", "Article", Amount::ZERO, 1, true));
    tell(&words::unmapped_seller("b1", "ben", 3, None));
    let cut = words::cut_short("b1", "sessions", 1_000, ["sessions", "Sitzungen"], ["Type.", "Ask.", "Fragen Sie."]);
    assert_eq!((cut.fix.as_str(), cut.texts.in_language(Language::English).next_step.as_str()), ("Type.", "Ask."));
    told.push_str(&format!("{:?}\n", cut.texts.in_language(Language::German)));
    insta::with_settings!({omit_expression => true}, { insta::assert_snapshot!(told) });
}

#[test]
fn a_product_that_central_does_not_have_is_held_against_the_other_branches() {
    let mut world = World::clean();
    for branch in 0..2 {
        let goods = world.product(branch, 2);
        (goods.barcode, goods.default_code) = (Some("555".to_owned()), None);
    }
    let alike = world.judge();
    assert_eq!(found(&alike).iter().map(|found| found.0).collect::<Vec<_>>(), [FindingKind::UnknownProduct; 2]);
    world.product(1, 2).lst_price = amount("11");
    let findings = world.judge();
    let between: Vec<&Finding> = findings.iter().filter(|finding| finding.kind == FindingKind::BranchesDiffer).collect();
    assert_eq!((findings.len(), between.len()), (3, 1));
    assert_eq!(between[0].branch, None);
    insta::assert_snapshot!(between[0].what, @"Central does not have it, and the price is 12.50 EUR at b1 and 11.00 EUR at b2.");
}

#[test]
fn branches_are_held_against_each_other_by_barcode_or_by_reference() {
    let mut world = World::clean();
    for (branch, barcode) in [(0, "555"), (1, "556")] {
        let goods = world.product(branch, 2);
        (goods.barcode, goods.default_code) = (Some(barcode.to_owned()), Some("NEW-1".to_owned()));
    }
    let findings = world.judge();
    let told: Vec<&str> = findings.iter().filter(|finding| finding.branch.is_none()).map(|finding| finding.what.as_str()).collect();
    assert_eq!(told, ["Central does not have it, and the barcode is 555 at b1 and 556 at b2."]);
    // The same product under two references is one by its barcode.
    let goods = world.product(1, 2);
    (goods.barcode, goods.default_code, goods.taxes_id) = (Some("555".to_owned()), Some("OLD-1".to_owned()), Vec::new());
    let findings = world.judge();
    let told: Vec<&str> = findings.iter().filter(|finding| finding.branch.is_none()).map(|finding| finding.what.as_str()).collect();
    assert_eq!(told, ["Central does not have it, and the sales tax is VAT 20% at b1 and none at b2."]);
}

#[test]
fn a_tax_that_means_nothing_at_central_is_told_once_and_not_for_each_product() {
    let mut world = World::clean();
    world.facts[0].taxes.as_mut().unwrap()[0].amount = amount("19");
    let findings = world.judge();
    assert_eq!(found(&findings), BTreeSet::from([(FindingKind::TaxDiffers, Some("b1".to_owned()), "VAT 20%".to_owned())]));
    assert_eq!(findings[0].numbers["products"], "4");
    // What branches.toml says of it holds.
    world.config = config("taxes = { \"VAT 20%\" = \"VAT 20%\" }");
    assert_eq!(world.judge(), Vec::new());
}

#[test]
fn what_the_settings_leave_to_the_branch_is_no_difference() {
    let mut world = World::clean();
    plant(&mut world, FindingKind::PriceDiffers, 0, 1);
    plant(&mut world, FindingKind::BarcodeDiffers, 0, 1);
    assert_eq!(world.judge().len(), 2);
    world.config = config("[branch.b1.send.products]\nall = true\nleave = [\"list_price\"]");
    assert_eq!(found(&world.judge()).iter().map(|found| found.0).collect::<Vec<_>>(), [FindingKind::BarcodeDiffers]);
}

#[test]
fn a_binding_of_the_ledger_comes_before_keys() {
    let mut world = World::clean();
    world.facts[0].bound_products.insert(1 + APART, 2);
    let findings = world.judge();
    let told: Vec<FindingKind> = findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(told, [FindingKind::TaxDiffers, FindingKind::BarcodeDiffers], "held against product 2: {findings:?}");
    // A record that is gone is no counterpart.
    world.facts[0].bound_products.insert(1 + APART, 77);
    assert_eq!(world.judge(), Vec::new());
}

#[test]
fn prices_in_other_currencies_and_the_noise_of_floats_are_no_difference() {
    let mut world = World::clean();
    world.product(0, 1).lst_price = amount("12.500000000000001");
    assert_eq!(world.judge(), Vec::new());
    plant(&mut world, FindingKind::PriceDiffers, 0, 1);
    world.central.currency = "ALL".to_owned();
    assert_eq!(world.judge(), Vec::new());
}

#[test]
fn a_shop_sells_out_of_the_main_location_only_where_that_says_less_than_it_could() {
    let reasons = |sources: [(i64, &str); 2], shops: usize, locations: &[&str]| {
        let mut world = World::clean();
        world.facts[0].shops.truncate(shops);
        let places = world.facts[0].places.as_mut().unwrap();
        places.sources = BTreeMap::from([(61, named(sources[0].0, sources[0].1)), (62, named(sources[1].0, sources[1].1))]);
        places.locations.retain(|location| locations.contains(&location.name.as_str()));
        world.judge().into_iter().map(|finding| format!("{}: {}", finding.subject, finding.what)).collect::<Vec<_>>()
    };
    let main = (10, "WH/Stock");
    // The warehouse is the shop.
    assert_eq!(reasons([main, main], 1, &["Stock"]), Vec::<String>::new());
    assert_eq!(
        reasons([main, main], 2, &["Stock"]),
        [
            "Centre: Sells out of WH/Stock, the main location of warehouse House, as does Station: nobody can tell how much each shop has.",
            "Station: Sells out of WH/Stock, the main location of warehouse House, as does Centre: nobody can tell how much each shop has.",
        ]
    );
    assert_eq!(
        reasons([main, (12, "WH/Stock/Station")], 2, &["Stock", "Station"]),
        ["Centre: Sells out of WH/Stock, the main location of warehouse House, while Station has a location of its own."]
    );
    assert_eq!(
        reasons([main, main], 1, &["Stock", "Centre"]),
        ["Centre: Sells out of WH/Stock, the main location of warehouse House, though there is WH/Stock/Centre."]
    );
}

#[test]
fn a_branch_with_one_salesperson_for_all_names_nobody() {
    let mut world = World::clean();
    plant(&mut world, FindingKind::UnmappedSeller, 0, 1);
    world.config.branches[0].salespeople.clear();
    assert_eq!(world.judge(), Vec::new());
    world.config.branches[0].salesperson = None;
    let sellers: Vec<String> = world.judge().into_iter().map(|finding| finding.subject).collect();
    assert_eq!(sellers, ["anna", "ben"]);
    // The cashier comes before the log-in that the till runs under.
    world.config = config("");
    world.facts[0].sales.as_mut().unwrap()[2].employee_id = Some(named(9, "ANNA"));
    assert_eq!(world.judge(), Vec::new());
}

#[test]
fn a_new_shop_has_had_no_time_to_sell() {
    let mut world = World::clean();
    plant(&mut world, FindingKind::SoldNothing, 0, 1);
    world.facts[0].shops[1].create_date = "2026-11-20 00:00:00".to_owned();
    assert_eq!(world.judge(), Vec::new());
}

#[test]
fn what_could_not_be_read_is_not_judged() {
    let world =
        World { facts: vec![BranchFacts { shops: facts().shops, currency: "EUR".to_owned(), ..BranchFacts::default() }], ..World::clean() };
    assert_eq!(world.judge(), Vec::new());
}

proptest! {
    #[test]
    fn only_what_is_planted_is_found(chosen in proptest::collection::btree_set((0..2usize, 0..12usize), 0..16)) {
        let mut world = World::clean();
        let kinds: Vec<FindingKind> = FindingKind::ALL.into_iter().filter(|kind| *kind != FindingKind::BranchesDiffer).collect();
        let mut expected = BTreeSet::new();
        for (branch, kind) in &chosen {
            let kind = kinds[*kind];
            // Each about another product, so that one does not hide the other.
            let number = match kind {
                FindingKind::UnknownProduct => 1,
                FindingKind::PriceDiffers => 2,
                FindingKind::TaxDiffers => 3,
                FindingKind::BarcodeDiffers => 4,
                FindingKind::NotTracked => 5,
                _ => 6,
            };
            expected.extend(plant(&mut world, kind, *branch, number));
        }
        prop_assert_eq!(found(&world.judge()), expected);
    }
}
