//! Matching, without any Odoo.

use proptest::prelude::*;

use super::*;
use crate::master_data::Key as _;
use crate::master_data::tests::{at_branch, many, number, one, record, text};

type Fields<'a, Id> = &'a [(&'a str, Value<Id>)];

/// Fields that a record may have.
type Perhaps = Vec<(&'static str, Option<Value<BranchKey>>)>;

fn find(central: &Record<CentralKey>, candidates: &[Record<BranchKey>]) -> Found {
    Index::new(central.kind, candidates.iter().collect()).find(central, &at_branch, &[])
}

/// A record of central against records of the branch with the ids 1001, 1002, …
fn of(kind: Kind, central: Fields<'_, CentralKey>, branch: &[Fields<'_, BranchKey>]) -> Found {
    let candidates: Vec<Record<BranchKey>> = (1001..).zip(branch).map(|(id, values)| record(kind, id, values)).collect();
    find(&record(kind, 1, central), &candidates)
}

fn found(id: i64) -> Found {
    Found::One(BranchKey::of(id))
}

fn several(by: &str, value: &str, matches: &[&str]) -> Found {
    Found::Several { by: by.to_owned(), value: value.to_owned(), matches: matches.iter().map(|&name| name.to_owned()).collect() }
}

const PRODUCTS: [&str; 2] = ["product 1001 (id 1001)", "product 1002 (id 1002)"];

fn goods<Id: Ord>(barcode: &str, code: &str) -> Vec<(&'static str, Value<Id>)> {
    let or_nothing = |value: &str| if value.is_empty() { Value::Nothing } else { text(value) };
    vec![("barcode", or_nothing(barcode)), ("default_code", or_nothing(code))]
}

fn product(ours: (&str, &str), theirs: &[(&str, &str)]) -> Found {
    let candidates: Vec<Record<BranchKey>> =
        (1001..).zip(theirs).map(|(id, (barcode, code))| record(Kind::Product, id, &goods(barcode, code))).collect();
    find(&record(Kind::Product, 1, &goods(ours.0, ours.1)), &candidates)
}

#[test]
fn a_product_is_found_by_barcode_before_reference() {
    assert_eq!(product(("4711", "TEA"), &[("4711", "TEA"), ("4712", "OTHER")]), found(1001));
    assert_eq!(product(("4711", "TEA"), &[("4711", "")]), found(1001), "a reference that is missing there");
    assert_eq!(product(("4711", ""), &[("4711", "TEA")]), found(1001), "and one that is missing here");
    assert_eq!(product(("", "TEA"), &[("4711", "TEA")]), found(1001));
    assert_eq!(product(("4712", "TEA"), &[("4711", "TEA")]), found(1001), "its barcode is new");
    assert_eq!(product((" 4711 ", ""), &[("4711", "")]), found(1001));
    assert_eq!(product(("4711", "TEA"), &[("4712", "OTHER")]), Found::None);
    assert_eq!(product(("", ""), &[("", ""), ("4711", "TEA")]), Found::None, "nothing is not equal to nothing");
}

#[test]
fn a_product_whose_keys_are_two_products_there_is_neither() {
    assert_eq!(product(("4711", "TEA"), &[("4711", ""), ("4712", "TEA")]), several("Internal Reference", "TEA", &PRODUCTS));
    assert_eq!(product(("4711", "TEA"), &[("4711", "COFFEE"), ("4712", "TEA")]), several("Internal Reference", "TEA", &PRODUCTS));
}

#[test]
fn a_barcode_on_another_product_there_is_taken() {
    let taken = Found::Taken { barcode: "4711".to_owned(), by: "product 1001 (id 1001)".to_owned() };
    assert_eq!(product(("4711", "TEA"), &[("4711", "COFFEE")]), taken);
    assert_eq!(product(("4711", "TEA"), &[("4711", "COFFEE"), ("4712", "MILK")]), taken);
}

#[test]
fn two_products_with_one_reference_are_named() {
    assert_eq!(product(("", "TEA"), &[("1", "TEA"), ("2", "TEA")]), several("Internal Reference", "TEA", &PRODUCTS));
    // The barcode could tell them apart only if nobody else had the reference.
    assert_eq!(product(("1", "TEA"), &[("1", "TEA"), ("2", "TEA")]), several("Internal Reference", "TEA", &PRODUCTS));
}

#[test]
fn an_archived_record_is_found_only_when_no_active_one_is() {
    let with = |active: bool| [("default_code", text("TEA")), ("active", Value::Flag(active))];
    let ours = [("default_code", text("TEA"))];
    assert_eq!(of(Kind::Product, &ours, &[&with(false), &with(true)]), found(1002));
    assert_eq!(of(Kind::Product, &ours, &[&with(false)]), found(1001));
    assert_eq!(of(Kind::Product, &ours, &[&with(false), &with(false)]), several("Internal Reference", "TEA", &PRODUCTS));
    let named = |active: bool| [("name", text("Card")), ("active", Value::Flag(active))];
    assert_eq!(of(Kind::PaymentMethod, &[("name", text("Card"))], &[&named(false), &named(true)]), found(1002));
}

#[test]
fn a_customer_is_found_by_vat_then_reference_then_e_mail() {
    let ours = [("vat", text("AL 123.456")), ("ref", text("C1")), ("email", text("Me@Example.com"))];
    let by_vat: [(&str, Value<BranchKey>); 1] = [("vat", text("al123456"))];
    let by_ref: [(&str, Value<BranchKey>); 1] = [("ref", text("C1"))];
    let by_mail: [(&str, Value<BranchKey>); 1] = [("email", text(" me@example.com"))];
    assert_eq!(of(Kind::Customer, &ours, &[&by_mail, &by_ref, &by_vat]), found(1003));
    assert_eq!(of(Kind::Customer, &ours, &[&by_mail, &by_ref]), found(1002));
    assert_eq!(of(Kind::Customer, &ours, &[&by_mail]), found(1001));
    assert_eq!(of(Kind::Customer, &ours, &[&[("name", text("Me"))]]), Found::None);
    assert_eq!(of(Kind::Customer, &[("name", text("Me"))], &[&[("name", text("Me"))]]), Found::None, "a name alone is nobody's key");
}

#[test]
fn of_customers_with_one_key_the_name_or_being_nobody_s_contact_decides() {
    let ours = [("vat", text("AL1")), ("name", text("Harbour Hotel"))];
    let hotel: [(&str, Value<BranchKey>); 2] = [("vat", text("AL1")), ("name", text("Harbour Hotel"))];
    let contact: [(&str, Value<BranchKey>); 3] = [("vat", text("AL1")), ("name", text("Rita")), ("parent_id", one(1009))];
    let renamed: [(&str, Value<BranchKey>); 2] = [("vat", text("AL1")), ("name", text("Hotel at the Harbour"))];
    assert_eq!(of(Kind::Customer, &ours, &[&renamed, &hotel]), found(1002));
    assert_eq!(of(Kind::Customer, &ours, &[&contact, &renamed]), found(1002), "a contact has its company's VAT number");
    let both = ["customer 1001 (id 1001)", "customer 1002 (id 1002)"];
    assert_eq!(of(Kind::Customer, &ours, &[&renamed, &renamed]), several("VAT number", "AL1", &both));
    assert_eq!(of(Kind::Customer, &ours, &[&hotel, &hotel]), several("VAT number", "AL1", &both));
}

#[test]
fn a_contact_is_one_of_its_own_company_s() {
    let rita: [(&str, Value<CentralKey>); 4] =
        [("parent_id", one(9)), ("vat", text("AL1")), ("name", text("Rita")), ("type", text("contact"))];
    let by_name = |parent: i64, name: &str, kind: &str| -> [(&'static str, Value<BranchKey>); 3] {
        [("parent_id", one(parent)), ("name", text(name)), ("type", text(kind))]
    };
    assert_eq!(of(Kind::Customer, &rita, &[&by_name(1009, "Rita", "contact")]), found(1001));
    assert_eq!(of(Kind::Customer, &rita, &[&by_name(1009, "Rita", "delivery"), &by_name(1009, "Rita", "contact")]), found(1002));
    assert_eq!(of(Kind::Customer, &rita, &[&by_name(1008, "Rita", "contact")]), Found::None, "the Rita of another company");
    assert_eq!(
        of(Kind::Customer, &rita, &[&[("vat", text("AL1")), ("name", text("Rita"))]]),
        Found::None,
        "its company's VAT number is not its own"
    );
    assert_eq!(
        of(Kind::Customer, &rita, &[&by_name(1009, "Rita", "contact"), &by_name(1009, "Rita", "contact")]),
        several("name", "Rita", &["customer 1001 (id 1001)", "customer 1002 (id 1002)"])
    );
    // By its own reference, under its own company only.
    let with_ref = [("parent_id", one(9)), ("ref", text("C9"))];
    assert_eq!(of(Kind::Customer, &with_ref, &[&[("ref", text("C9"))], &[("ref", text("C9")), ("parent_id", one(1009))]]), found(1002));
    assert_eq!(of(Kind::Customer, &with_ref, &[&[("ref", text("C9"))]]), Found::None);
    let company_is_new = [("parent_id", one(900)), ("ref", text("C9"))];
    assert_eq!(
        of(Kind::Customer, &company_is_new, &[&[("ref", text("C9"))], &[("ref", text("C9")), ("parent_id", one(900))]]),
        Found::None
    );
}

#[test]
fn a_category_is_found_by_its_whole_path() {
    for kind in [Kind::PosCategory, Kind::ProductCategory] {
        let root: [(&str, Value<BranchKey>); 1] = [("name", text("Hot"))];
        let below = |parent: i64| -> [(&'static str, Value<BranchKey>); 2] { [("name", text("Hot")), ("parent_id", one(parent))] };
        assert_eq!(of(kind, &[("name", text("Hot"))], &[&below(1007), &root]), found(1002));
        assert_eq!(of(kind, &[("name", text("Hot"))], &[&below(1007)]), Found::None);
        let ours = [("name", text("Hot")), ("parent_id", one(7))];
        assert_eq!(of(kind, &ours, &[&root, &below(1008), &below(1007)]), found(1003));
        assert_eq!(of(kind, &ours, &[&root, &below(1008)]), Found::None);
        let parent_is_new = [("name", text("Hot")), ("parent_id", one(700))];
        assert_eq!(of(kind, &parent_is_new, &[&root, &below(700)]), Found::None);
        let matches = [format!("{kind} 1001 (id 1001)"), format!("{kind} 1002 (id 1002)")];
        assert_eq!(of(kind, &ours, &[&below(1007), &below(1007)]), several("name", "Hot", &[matches[0].as_str(), matches[1].as_str()]));
    }
}

#[test]
fn an_attribute_value_belongs_to_its_attribute() {
    let ours = [("name", text("M")), ("attribute_id", one(3))];
    let theirs = |attribute: i64| -> [(&'static str, Value<BranchKey>); 2] { [("name", text("M")), ("attribute_id", one(attribute))] };
    assert_eq!(of(Kind::AttributeValue, &ours, &[&theirs(1004), &theirs(1003)]), found(1002));
    assert_eq!(of(Kind::AttributeValue, &ours, &[&theirs(1004)]), Found::None);
    assert_eq!(of(Kind::Attribute, &[("name", text("Size"))], &[&[("name", text("Color"))], &[("name", text("Size"))]]), found(1002));
    assert_eq!(of(Kind::Unit, &[("name", text("kg"))], &[&[("name", text("g"))], &[("name", text("kg"))]]), found(1002));
}

fn vat<Id: Ord>(name: &str, amount: &str, computed: &str, included: bool) -> Vec<(&'static str, Value<Id>)> {
    let of = |field, value: &str| (field, text(value));
    let included = if included { Value::Flag(true) } else { Value::Nothing };
    vec![of("name", name), ("amount", number(amount)), of("amount_type", computed), of("type_tax_use", "sale"), ("price_include", included)]
}

#[test]
fn a_tax_is_found_by_name_amount_computation_and_inclusion() {
    let ours = vat("VAT", "20", "percent", true);
    let theirs = |tax: Vec<(&'static str, Value<BranchKey>)>| of(Kind::Tax, &ours, &[&tax]);
    assert_eq!(theirs(vat("VAT", "20.0", "percent", true)), found(1001));
    assert_eq!(theirs(vat("VAT", "19", "percent", true)), Found::None);
    assert_eq!(theirs(vat("VAT", "20", "fixed", true)), Found::None);
    assert_eq!(theirs(vat("VAT", "20", "percent", false)), Found::None);
    assert_eq!(theirs(vat("VAT 20", "20", "percent", true)), Found::None);
    let excluded = vat("VAT", "20", "percent", false);
    let flagged: Vec<(&str, Value<BranchKey>)> = excluded
        .iter()
        .cloned()
        .map(|(name, value)| if name == "price_include" { (name, Value::Flag(false)) } else { (name, value) })
        .collect();
    assert_eq!(of(Kind::Tax, &vat("VAT", "20", "percent", false), &[&flagged]), found(1001), "not set and no are alike");
}

#[test]
fn what_the_settings_say_of_a_tax_comes_before_its_name() {
    let central = record(Kind::Tax, 1, &vat("VAT", "20", "percent", true));
    let same = record(Kind::Tax, 1001, &vat("VAT", "20", "percent", true));
    let other = record(Kind::Tax, 1002, &vat("TVSH", "20", "percent", false));
    let twin = record(Kind::Tax, 1003, &vat("TVSH", "20", "percent", false));
    let find = |candidates: Vec<&Record<BranchKey>>, names: &[&str]| Index::new(Kind::Tax, candidates).find(&central, &at_branch, names);
    assert_eq!(find(vec![&same, &other], &["TVSH"]), found(1002));
    assert_eq!(find(vec![&same, &other], &["Missing"]), found(1001));
    assert_eq!(find(vec![&same, &other, &twin], &["TVSH"]), several("name", "TVSH", &["tax 1002 (id 1002)", "tax 1003 (id 1003)"]));
}

#[test]
fn a_pricelist_is_found_by_name_and_currency() {
    let ours = [("name", text("Shop")), ("currency_id", text("EUR"))];
    let theirs = |currency: &str| -> [(&'static str, Value<BranchKey>); 2] { [("name", text("Shop")), ("currency_id", text(currency))] };
    assert_eq!(of(Kind::Pricelist, &ours, &[&theirs("USD"), &theirs("EUR")]), found(1002));
    assert_eq!(of(Kind::Pricelist, &ours, &[&theirs("USD")]), Found::None);
}

fn rule<Id: crate::master_data::Key>(list: i64, product: i64, quantity: &str, until: &str) -> Vec<(&'static str, Value<Id>)> {
    vec![
        ("pricelist_id", one(list)),
        ("applied_on", text("1_product")),
        ("product_tmpl_id", one(product)),
        ("min_quantity", number(quantity)),
        ("date_end", if until.is_empty() { Value::Nothing } else { text(until) }),
    ]
}

#[test]
fn a_price_rule_is_found_by_product_quantity_and_dates_in_its_list() {
    let ours = rule(2, 3, "0", "");
    let theirs = |rule: Vec<(&'static str, Value<BranchKey>)>| of(Kind::PricelistItem, &ours, &[&rule]);
    assert_eq!(theirs(rule(1002, 1003, "0.0", "")), found(1001));
    let no_quantity: Vec<(&str, Value<BranchKey>)> =
        rule(1002, 1003, "0", "").into_iter().filter(|(name, _)| *name != "min_quantity").collect();
    assert_eq!(theirs(no_quantity), found(1001));
    assert_eq!(theirs(rule(1009, 1003, "0", "")), Found::None, "another list");
    assert_eq!(theirs(rule(1002, 1004, "0", "")), Found::None, "another product");
    assert_eq!(theirs(rule(1002, 1003, "6", "")), Found::None, "another quantity");
    assert_eq!(theirs(rule(1002, 1003, "0", "2026-12-31 00:00:00")), Found::None, "other dates");
    let of_all: Vec<(&str, Value<BranchKey>)> =
        rule(1002, 1003, "0", "").into_iter().filter(|(name, _)| *name != "product_tmpl_id").collect();
    assert_eq!(theirs(of_all), Found::None, "a rule for all products");
    let twice = [rule(1002, 1003, "0", ""), rule(1002, 1003, "0", "")];
    assert_eq!(
        of(Kind::PricelistItem, &ours, &[&twice[0], &twice[1]]),
        several("product, quantity and dates", "price rule 1", &["price rule 1001 (id 1001)", "price rule 1002 (id 1002)"])
    );
    for new in [rule(900, 3, "0", ""), rule(2, 900, "0", "")] {
        assert_eq!(of(Kind::PricelistItem, &new, &[&rule(1002, 1003, "0", ""), &rule(900, 900, "0", "")]), Found::None);
    }
}

#[test]
fn a_variant_is_found_by_product_and_combination() {
    for kind in [Kind::Variant, Kind::ExtraPrice] {
        let ours = [(TEMPLATE, one(1)), (COMBINATION, many(&[5, 6]))];
        let theirs = |product: i64, values: &[i64]| -> [(&'static str, Value<BranchKey>); 2] {
            [(TEMPLATE, one(product)), (COMBINATION, many(values))]
        };
        assert_eq!(of(kind, &ours, &[&theirs(1001, &[1005]), &theirs(1001, &[1006, 1005])]), found(1002));
        assert_eq!(of(kind, &ours, &[&theirs(1002, &[1005, 1006])]), Found::None, "another product's");
        assert_eq!(of(kind, &ours, &[&theirs(1001, &[1005]), &theirs(1001, &[1005, 1006, 1007])]), Found::None);
        assert_eq!(of(kind, &[(TEMPLATE, one(900)), (COMBINATION, many(&[5]))], &[&theirs(900, &[1005])]), Found::None);
        assert_eq!(of(kind, &[(TEMPLATE, one(1)), (COMBINATION, many(&[5, 900]))], &[&theirs(1001, &[1005])]), Found::None);
        let again = |active: bool| -> [(&'static str, Value<BranchKey>); 3] {
            [(TEMPLATE, one(1001)), (COMBINATION, many(&[1005, 1006])), ("active", Value::Flag(active))]
        };
        assert_eq!(of(kind, &ours, &[&again(false), &again(true)]), found(1002), "archived and made again");
        assert_eq!(of(kind, &ours, &[&again(false)]), found(1001));
    }
}

#[test]
fn values_that_only_the_branch_has_are_named() {
    let central: Record<CentralKey> = record(Kind::Product, 1, &[(ATTRIBUTES, many(&[5, 6, 900]))]);
    let branch: Record<BranchKey> = record(Kind::Product, 1001, &[(ATTRIBUTES, many(&[1005, 1007]))]);
    assert_eq!(only_at_branch(&central, &branch, &at_branch), [BranchKey::of(1007)]);
}

/// A few letters only, so that records often have the same.
fn any_values(kind: Kind, ids: std::ops::Range<i64>) -> BoxedStrategy<Perhaps> {
    let words = || "[ab]".prop_map(|word| text(&word));
    let of = move |field: &'static str| -> BoxedStrategy<(&'static str, Option<Value<BranchKey>>)> {
        let value = match field {
            "parent_id" | "attribute_id" | "pricelist_id" | TEMPLATE => ids.clone().prop_map(one).boxed(),
            COMBINATION => prop::collection::vec(ids.clone(), 0..3).prop_map(|ids| many(&ids)).boxed(),
            "active" => any::<bool>().prop_map(Value::Flag).boxed(),
            _ => words().boxed(),
        };
        prop::option::of(value).prop_map(move |value| (field, value)).boxed()
    };
    let fields: &[&'static str] = match kind {
        Kind::Product => &["barcode", "default_code", "active"],
        Kind::Customer => &["vat", "ref", "email", "name", "type", "parent_id", "active"],
        Kind::Variant | Kind::ExtraPrice => &[TEMPLATE, COMBINATION, "active"],
        Kind::PricelistItem => &["pricelist_id", TEMPLATE],
        _ => &["name", "parent_id", "attribute_id", "active"],
    };
    fields.iter().map(|field| of(field)).collect::<Vec<_>>().boxed()
}

fn any_case() -> impl Strategy<Value = (Record<CentralKey>, Vec<Record<BranchKey>>)> {
    prop::sample::select(Kind::ALL.to_vec()).prop_flat_map(|kind| {
        let theirs = prop::collection::vec(any_values(kind, 1001..1003), 0..8);
        (any_values(kind, 1..3), theirs).prop_map(move |(ours, theirs)| {
            let kept = |values: Perhaps| -> Vec<(&'static str, Value<BranchKey>)> {
                values.into_iter().filter_map(|(field, value)| Some((field, value?))).collect()
            };
            let ours: Vec<(&str, Value<CentralKey>)> =
                kept(ours).into_iter().map(|(field, value)| (field, value.map(|id| CentralKey::of(id.number())))).collect();
            let theirs = (2001..).zip(theirs).map(|(id, values)| record(kind, id, &kept(values))).collect();
            (record(kind, 1, &ours), theirs)
        })
    })
}

proptest! {
    #[test]
    fn the_order_of_candidates_decides_nothing(
        (central, candidates) in any_case(),
        order in Just((0..8).collect::<Vec<usize>>()).prop_shuffle(),
    ) {
        let shuffled: Vec<Record<BranchKey>> = order.iter().filter_map(|place| candidates.get(*place).cloned()).collect();
        prop_assert_eq!(find(&central, &shuffled), find(&central, &candidates));
    }

    #[test]
    fn only_a_candidate_is_ever_found((central, candidates) in any_case()) {
        match find(&central, &candidates) {
            Found::One(id) => prop_assert!(candidates.iter().any(|candidate| candidate.id == id)),
            Found::Several { matches, .. } => prop_assert!(matches.len() > 1 && matches.len() <= candidates.len()),
            Found::Taken { by, .. } => prop_assert!(candidates.iter().any(|candidate| called(candidate) == by)),
            Found::None => {}
        }
    }
}
