//! Comparing, without any Odoo.
#![allow(clippy::unwrap_used)] // A test that fails to unwrap has failed.

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::problem::Problem;

/// Central's records up to here are at the branch, under a number that is higher by [`APART`].
const THERE: i64 = 500;
const APART: i64 = 1_000;

pub fn at_branch(_: Kind, id: CentralKey) -> Option<BranchKey> {
    (id.number() < THERE).then(|| BranchKey::of(id.number() + APART))
}

/// A record of one side, called `kind id`.
pub fn record<Id: Key>(kind: Kind, id: i64, values: &[(&str, Value<Id>)]) -> Record<Id> {
    let values = values.iter().map(|(field, value)| ((*field).to_owned(), value.clone())).collect();
    let at = || "2026-03-01 08:00:00".to_owned();
    Record { kind, id: Id::of(id), name: format!("{kind} {id}"), values, create_date: at(), write_date: at() }
}

pub fn text<Id: Ord>(text: &str) -> Value<Id> {
    Value::Text(text.to_owned())
}

pub fn number<Id: Ord>(number: &str) -> Value<Id> {
    Value::Number(number.parse().unwrap())
}

pub fn one<Id: Key>(id: i64) -> Value<Id> {
    Value::One(Id::of(id))
}

pub fn many<Id: Key>(ids: &[i64]) -> Value<Id> {
    Value::Many(ids.iter().map(|id| Id::of(*id)).collect())
}

fn field(kind: Kind, name: &str) -> Field {
    *fields(kind).iter().find(|field| field.name == name).unwrap()
}

/// What a comparison is made with, besides the records.
#[derive(Default)]
struct With<'a> {
    digits: &'a [(&'a str, u32)],
    baseline: Option<Baseline>,
    conflict: Conflict,
}

impl With<'_> {
    fn compare(&self, central: &Record<CentralKey>, branch: Option<&Record<BranchKey>>) -> Differences {
        let digits = self.digits.iter().map(|(field, digits)| ((*field).to_owned(), *digits)).collect();
        let comparison = Comparison {
            fields: fields(central.kind),
            digits: &digits,
            bound: &at_branch,
            central_name: &|kind, id| format!("{kind} {id}"),
            branch_name: &|kind, id| format!("{kind} {id} there"),
            baseline: self.baseline.as_ref(),
            conflict: self.conflict,
        };
        comparison.differences(central, branch)
    }
}

fn changes(central: &Record<CentralKey>, branch: Option<&Record<BranchKey>>) -> Vec<FieldChange> {
    With::default().compare(central, branch).changes
}

fn lines(changes: &[FieldChange]) -> Vec<String> {
    changes.iter().map(ToString::to_string).collect()
}

#[test]
fn each_type_of_value_is_equal_or_not() {
    use Kind::{Customer, PricelistItem, Product};
    type Case = (Kind, &'static str, Value<CentralKey>, Value<BranchKey>, bool);
    let cases: [Case; 35] = [
        (Product, "name", text("Tea"), text("Tea"), true),
        (Product, "name", text("Tea"), text("tea"), false),
        (Product, "name", text("Tea"), text("Tea "), false),
        (Product, "default_code", text("T1"), Value::Nothing, false),
        (Product, "default_code", Value::Nothing, text("T1"), false),
        (Product, "default_code", Value::Nothing, Value::Nothing, true),
        (Product, "sale_ok", Value::Flag(true), Value::Flag(true), true),
        (Product, "sale_ok", Value::Flag(true), Value::Flag(false), false),
        (Product, "sale_ok", Value::Flag(true), Value::Nothing, false),
        (Product, "sale_ok", Value::Flag(false), Value::Nothing, true),
        (Product, "sale_ok", Value::Nothing, Value::Flag(false), true),
        (Product, "list_price", number("1.50"), number("1.5"), true),
        (Product, "list_price", number("1.5"), number("1.51"), false),
        (Product, "list_price", number("0"), Value::Nothing, true),
        (Product, "list_price", Value::Nothing, number("0.00"), true),
        (Product, "list_price", Value::Nothing, number("0.01"), false),
        (Product, "tracking", text("lot"), text("lot"), true),
        (Product, "tracking", text("lot"), text("serial"), false),
        (PricelistItem, "date_start", text("2026-03-01 00:00:00"), text("2026-03-01 00:00:00"), true),
        (PricelistItem, "date_start", text("2026-03-01 00:00:00"), text("2026-03-02 00:00:00"), false),
        (Product, "image_1920", text("abc"), text("abc"), true),
        (Product, "image_1920", text("abc"), text("abd"), false),
        (Product, "image_1920", text("abc"), Value::Nothing, false),
        (Product, "uom_id", one(7), one(APART + 7), true),
        (Product, "uom_id", one(7), one(7), false),
        (Product, "uom_id", one(THERE), one(THERE), false),
        (Product, "uom_id", one(7), Value::Nothing, false),
        (Product, "taxes_id", many(&[2, 1]), many(&[APART + 1, APART + 2]), true),
        (Product, "taxes_id", many(&[1]), many(&[APART + 1, APART + 2]), false),
        (Product, "taxes_id", many(&[1, THERE]), many(&[APART + 1]), false),
        (Product, "taxes_id", many(&[]), Value::Nothing, true),
        (Product, "taxes_id", Value::Nothing, many(&[]), true),
        (Product, "taxes_id", many(&[]), many(&[APART + 1]), false),
        (Customer, "country_id", text("AL"), text("AL"), true),
        (Customer, "country_id", text("AL"), text("DE"), false),
    ];
    for (kind, name, ours, theirs, equal) in cases {
        let found = changes(&record(kind, 1, &[(name, ours.clone())]), Some(&record(kind, APART + 1, &[(name, theirs.clone())])));
        let named: Vec<&str> = found.iter().map(|change| change.field.as_str()).collect();
        assert_eq!(named, if equal { vec![] } else { vec![name] }, "{ours:?} against {theirs:?}");
    }
}

#[test]
fn numbers_are_rounded_to_the_branch_and_half_goes_away_from_zero() {
    let compare = |digits: &[(&str, u32)], ours: &str, theirs: &str| {
        let central = record(Kind::Product, 1, &[("list_price", number(ours))]);
        let branch = record(Kind::Product, 2, &[("list_price", number(theirs))]);
        lines(&With { digits, ..With::default() }.compare(&central, Some(&branch)).changes)
    };
    let two = &[("list_price", 2)][..];
    for (ours, theirs) in [("1.005", "1.01"), ("-1.005", "-1.01"), ("1.0049", "1"), ("2.345", "2.35"), ("2.355", "2.36"), ("0.004", "0")] {
        assert_eq!(compare(two, ours, theirs), Vec::<String>::new(), "{ours}");
    }
    assert_eq!(compare(two, "1.005", "1"), ["sales price 1.00 -> 1.01"], "what is shown is what is written");
    assert_eq!(compare(&[("list_price", 0)], "0.5", "1"), Vec::<String>::new());
    assert_eq!(compare(&[], "1.005", "1.01"), ["sales price 1.01 -> 1.005"], "without digits the branch keeps all");
    assert_eq!(compare(&[("weight", 2)], "1.005", "1.01").len(), 1, "the digits of another field say nothing");
}

#[test]
fn a_new_record_gets_all_that_is_not_nothing_and_no_default_of_a_list() {
    let central = record(
        Kind::Product,
        1,
        &[
            ("name", text("Tea")),
            ("barcode", Value::Nothing),
            ("sale_ok", Value::Flag(false)),
            ("list_price", number("0")),
            ("taxes_id", many(&[])),
            ("uom_id", one(THERE + 3)),
        ],
    );
    let found = changes(&central, None);
    assert_eq!(
        lines(&found),
        ["name Tea", "sales price 0.00", "sales taxes nothing", "POS categories nothing", "unit unit 503", "sales no"],
        "an empty list is sent too: else Odoo gives a product the sales taxes that are its default"
    );
    assert!(found.iter().all(|change| !change.overwrites && change.before.is_none()));
    assert_eq!(found[4].after, Value::One(Target::New(Kind::Unit, CentralKey::of(THERE + 3))));
}

fn tea(price: &str) -> Record<CentralKey> {
    record(Kind::Product, 1, &[("name", text("Tea")), ("list_price", number(price))])
}

fn tea_there(price: &str) -> Record<BranchKey> {
    record(Kind::Product, APART + 1, &[("name", text("Tea")), ("list_price", number(price))])
}

fn sent_with(record: &Record<BranchKey>, names: &[&str]) -> Baseline {
    names.iter().map(|name| ((*name).to_owned(), fingerprint(record.value(name)))).collect()
}

#[test]
fn who_decides_depends_on_who_changed_it_and_on_the_rule() {
    let untouched = Some(sent_with(&tea_there("2"), &["name", "list_price"]));
    let edited = Some(sent_with(&tea_there("1"), &["name", "list_price"]));
    // The price was never sent.
    let price_is_new = Some(sent_with(&tea_there("2"), &["name"]));
    let cases = [
        // Baseline, rule, written, overwrites, asked.
        (&untouched, Conflict::Central, 1, false, 0),
        (&untouched, Conflict::Branch, 1, false, 0),
        (&untouched, Conflict::Ask, 1, false, 0),
        (&edited, Conflict::Central, 1, true, 0),
        (&edited, Conflict::Branch, 0, false, 0),
        (&edited, Conflict::Ask, 0, false, 1),
        (&price_is_new, Conflict::Central, 1, false, 0),
        (&price_is_new, Conflict::Branch, 0, false, 0),
        (&price_is_new, Conflict::Ask, 0, false, 1),
        (&None, Conflict::Central, 1, false, 0),
        (&None, Conflict::Branch, 0, false, 0),
        (&None, Conflict::Ask, 0, false, 1),
    ];
    for (baseline, conflict, written, overwrites, asked) in cases {
        let with = With { baseline: baseline.clone(), conflict, ..With::default() };
        let found = with.compare(&tea("3"), Some(&tea_there("2")));
        assert_eq!((found.changes.len(), found.asked.len()), (written, asked), "{baseline:?} {conflict:?}");
        assert_eq!(found.changes.iter().any(|change| change.overwrites), overwrites, "{baseline:?} {conflict:?}");
        let same = with.compare(&tea("2"), Some(&tea_there("2")));
        assert_eq!(same, Differences::default(), "what is equal is nobody's conflict");
        assert_eq!(with.compare(&tea("3"), None).changes.len(), 4, "a new record is nobody's conflict");
    }
}

#[test]
fn what_central_changed_goes_and_what_the_branch_changed_stays() {
    let branch = record(Kind::Product, APART + 1, &[("name", text("Our tea")), ("list_price", number("2"))]);
    let mut baseline = sent_with(&branch, &["list_price"]);
    baseline.insert("name".to_owned(), fingerprint(&text("Tea")));
    let found = With { baseline: Some(baseline), conflict: Conflict::Branch, ..With::default() }.compare(&tea("3"), Some(&branch));
    assert_eq!(lines(&found.changes), ["sales price 2.00 -> 3.00"]);
}

#[test]
fn a_fingerprint_knows_the_value_and_not_how_it_is_written() {
    assert_eq!(fingerprint(&number("1.50")), fingerprint(&number("1.5")));
    assert_eq!(fingerprint(&number("10")), fingerprint(&number("10.00")));
    assert_eq!(fingerprint(&many(&[3, 1, 2])), fingerprint(&many(&[1, 2, 3])));
    let different: Vec<Value<BranchKey>> = vec![
        Value::Nothing,
        text(""),
        text("1"),
        Value::Flag(false),
        Value::Flag(true),
        number("1"),
        number("2"),
        one(1),
        one(2),
        many(&[]),
        many(&[1]),
        many(&[1, 2]),
    ];
    let prints: BTreeSet<u32> = different.iter().map(fingerprint).collect();
    assert_eq!(prints.len(), different.len());
}

#[test]
fn of_a_product_with_attributes_the_variants_have_codes_and_costs() {
    let own = ["barcode", "default_code", "standard_price", "weight"];
    let plain: Record<CentralKey> = record(Kind::Product, 1, &[]);
    let shirt: Record<CentralKey> = record(Kind::Product, 1, &[(ATTRIBUTES, many(&[5]))]);
    let variant: Record<CentralKey> = record(Kind::Variant, 1, &[]);
    for name in own {
        assert!(plain.speaks(name) && !shirt.speaks(name) && variant.speaks(name), "{name}");
    }
    assert!(shirt.speaks("list_price") && shirt.speaks("name") && shirt.speaks("image_1920"));
    let ours = record(Kind::Product, 1, &[(ATTRIBUTES, many(&[5])), ("barcode", text("1")), ("list_price", number("3"))]);
    let theirs = record(Kind::Product, 2, &[("barcode", text("2")), ("list_price", number("2"))]);
    assert_eq!(lines(&changes(&ours, Some(&theirs))), ["sales price 2.00 -> 3.00"]);
}

#[test]
fn a_contact_has_the_vat_number_of_its_company() {
    let company: Record<CentralKey> = record(Kind::Customer, 1, &[]);
    let contact: Record<CentralKey> = record(Kind::Customer, 2, &[("parent_id", one(1))]);
    assert!(company.speaks("vat") && !contact.speaks("vat") && contact.speaks("ref"));
}

#[test]
fn a_record_needs_what_it_names_of_what_is_sent() {
    let ids = |needs: BTreeSet<(Kind, CentralKey)>| needs.into_iter().map(|(kind, id)| (kind, id.number())).collect::<Vec<_>>();
    let product = record(
        Kind::Product,
        1,
        &[("taxes_id", many(&[3, 4])), ("uom_id", one(5)), ("categ_id", one(6)), (ATTRIBUTES, many(&[7])), (VARIANTS, many(&[8]))],
    );
    let all = fields(Kind::Product);
    assert_eq!(
        ids(needs(&product, all)),
        [(Kind::Unit, 5), (Kind::Tax, 3), (Kind::Tax, 4), (Kind::ProductCategory, 6), (Kind::AttributeValue, 7)]
    );
    let without_taxes: Vec<Field> = all.iter().filter(|field| field.name != "taxes_id").copied().collect();
    assert_eq!(ids(needs(&product, &without_taxes)), [(Kind::Unit, 5), (Kind::ProductCategory, 6), (Kind::AttributeValue, 7)]);
    let variant = record(Kind::Variant, 8, &[(TEMPLATE, one(1)), (COMBINATION, many(&[7]))]);
    assert_eq!(ids(needs(&variant, fields(Kind::Variant))), [(Kind::AttributeValue, 7), (Kind::Product, 1)]);
    let rule = record(Kind::PricelistItem, 9, &[("pricelist_id", one(2)), (TEMPLATE, one(1)), ("product_id", one(8))]);
    assert_eq!(ids(needs(&rule, fields(Kind::PricelistItem))), [(Kind::Product, 1), (Kind::Variant, 8), (Kind::Pricelist, 2)]);
    let listless: Vec<Field> = fields(Kind::PricelistItem).iter().filter(|field| field.name != TEMPLATE).copied().collect();
    assert_eq!(ids(needs(&rule, &listless)), [(Kind::Variant, 8), (Kind::Pricelist, 2)], "a rule's product is a field like others");
    let itself = record(Kind::Customer, 1, &[("parent_id", one(1))]);
    assert_eq!(ids(needs(&itself, fields(Kind::Customer))), []);
}

#[test]
fn an_external_id_names_model_number_and_time_of_making() {
    let product: Record<CentralKey> = record(Kind::Product, 17, &[]);
    assert_eq!(external_id(&product), "product_template-17-20260301080000");
    let later = Record { create_date: "2026-03-01 08:00:01".to_owned(), ..product.clone() };
    assert_ne!(external_id(&later), external_id(&product), "the same number in a central set up anew");
    let names: BTreeSet<String> = Kind::ALL.into_iter().map(|kind| external_id(&record(kind, 1, &[]))).collect();
    assert_eq!(names.len(), Kind::ALL.len());
    // Odoo would take a dot for the end of a module's name.
    assert!(names.iter().all(|name| !name.contains('.')));
}

#[test]
fn values_are_shown_as_people_read_them() {
    let shown = |kind, name: &str, value: Value<CentralKey>| {
        let change = changes(&record(kind, 1, &[(name, value)]), None);
        change.into_iter().find(|change| change.field == name).unwrap().to_string()
    };
    assert_eq!(shown(Kind::Product, "image_1920", text("0123456789abcdef")), "image image 01234567");
    assert_eq!(shown(Kind::Product, "taxes_id", many(&[4, 3])), "sales taxes tax 3, tax 4");
    assert_eq!(shown(Kind::Product, "sale_ok", Value::Flag(true)), "sales yes");
    let long = shown(Kind::Product, "description_sale", text(&"é".repeat(500)));
    assert_eq!(long, format!("sales description {}…", "é".repeat(80)));
    let picture = record(Kind::Product, 1, &[("image_1920", text("0123456789abcdef"))]);
    assert_eq!(lines(&changes(&picture, Some(&record(Kind::Product, 2, &[])))), ["image nothing -> image 01234567"]);
}

fn item(action: Action, reference: &str, central: &Record<CentralKey>, branch: Option<&Record<BranchKey>>) -> Item {
    Item {
        kind: central.kind,
        central_id: central.id,
        branch_id: branch.map(|record| record.id),
        reference: reference.to_owned(),
        external_id: external_id(central),
        action,
        changes: changes(central, branch),
        problems: Vec::new(),
        chosen: true,
    }
}

fn examples() -> Vec<Item> {
    let new = record(
        Kind::Product,
        600,
        &[("name", text("Mountain tea")), ("default_code", text("TEA-1")), ("list_price", number("2.40")), ("taxes_id", many(&[3]))],
    );
    let create = item(Action::Create, "[TEA-1] Mountain tea", &new, None);
    let change = item(Action::Change, "[TEA-2] Tea", &tea("3"), Some(&tea_there("2.50")));
    let with = With { baseline: Some(sent_with(&tea_there("1"), &["name", "list_price"])), ..With::default() };
    let overwrite = Item { changes: with.compare(&tea("3"), Some(&tea_there("2.50"))).changes, ..change.clone() };
    let archived = record(Kind::Customer, 4, &[("active", Value::Flag(false))]);
    let archive = item(Action::Archive, "Harbour Hotel", &archived, Some(&record(Kind::Customer, 1004, &[("active", Value::Flag(true))])));
    let rate = |amount| [("amount", number(amount))];
    let tax =
        item(Action::Change, "VAT 20%", &record(Kind::Tax, 3, &rate("21")), Some(&record(Kind::Tax, 1003, &[("amount", number("20"))])));
    let shops = vec!["Furniture Shop".to_owned()];
    let held = Item { problems: vec![Problem::SessionOpen { kind: Kind::Tax, reference: "VAT 20%".to_owned(), shops }], ..tax };
    let taken = Problem::BarcodeTaken {
        reference: "[TEA-1] Mountain tea".to_owned(),
        barcode: "4711".to_owned(),
        words: "[M-1] Milk (id 4)".to_owned(),
    };
    let failed = Item { problems: vec![taken], ..create.clone() };
    let remove = Item { changes: Vec::new(), ..item(Action::Remove, "Product: Tea", &record(Kind::PricelistItem, 9, &[]), None) };
    vec![create, change, overwrite, archive, held, failed, remove]
}

#[test]
fn an_item_reads_as_one_line() {
    let told: Vec<String> = examples().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    create product [TEA-1] Mountain tea: name Mountain tea, Internal Reference TEA-1, sales price 2.40, sales taxes tax 3, POS categories nothing
    change product [TEA-2] Tea: sales price 2.50 -> 3.00
    change product [TEA-2] Tea: sales price 2.50 -> 3.00 (changed at the branch since the last send)
    archive customer Harbour Hotel: active yes -> no
    change tax VAT 20%: amount 20 -> 21 - Waiting for Furniture Shop to close its session: Odoo does not let the tax "VAT 20%" be changed while a session uses it.
    create product [TEA-1] Mountain tea: name Mountain tea, Internal Reference TEA-1, sales price 2.40, sales taxes tax 3, POS categories nothing - The branch has the barcode 4711 of "[TEA-1] Mountain tea" on another record: [M-1] Milk (id 4).
    remove price rule Product: Tea
    "#);
}

#[test]
fn a_line_names_twelve_fields_and_counts_the_others() {
    let all: Vec<(&str, Value<CentralKey>)> = fields(Kind::PricelistItem).iter().map(|field| (field.name, number("7"))).collect();
    let plain: Vec<(&str, Value<CentralKey>)> =
        all.into_iter().filter(|(name, _)| !matches!(field(Kind::PricelistItem, name).of, Type::One(_))).collect();
    let told = item(Action::Create, "rule", &record(Kind::PricelistItem, 1, &plain), None).told();
    assert!(told.ends_with(&format!(", {} more", plain.len() - 12)), "{told}");
    assert_eq!(told.matches(", ").count(), 12);
}

#[test]
fn an_item_is_ready_held_or_failed() {
    let state = |item: &Item| (item.ready(), item.held(), item.failed());
    let [create, change, overwrite, archive, held, failed, remove] = examples().try_into().unwrap();
    for ready in [&create, &change, &overwrite, &archive, &remove] {
        assert_eq!(state(ready), (true, false, false), "{ready}");
    }
    assert_eq!(state(&held), (false, true, false));
    assert_eq!(state(&failed), (false, false, true));
    let both = Item { problems: [held.problems.clone(), failed.problems.clone()].concat(), ..create.clone() };
    assert_eq!(state(&both), (false, false, true), "a person is needed all the same");
    for action in [Action::Nothing, Action::Compare] {
        assert_eq!(state(&Item { action, ..create.clone() }), (false, false, false));
    }
}

#[test]
fn an_item_needs_what_is_new_and_nothing_that_is_there() {
    let central = record(Kind::Product, 1, &[("taxes_id", many(&[3, 600])), ("uom_id", one(601)), ("categ_id", one(5))]);
    let needs = item(Action::Create, "x", &central, None).needs();
    assert_eq!(needs, [(Kind::Tax, CentralKey::of(600)), (Kind::Unit, CentralKey::of(601))]);
}

#[test]
fn an_item_comes_back_from_the_queue_as_it_went_in() {
    for item in examples() {
        let text = serde_json::to_string(&item).unwrap();
        assert_eq!(serde_json::from_str::<Item>(&text).unwrap(), item);
    }
}

fn any_number() -> impl Strategy<Value = Decimal> {
    (-10_000_000_i64..10_000_000, 0_u32..6).prop_map(|(digits, scale)| Decimal::new(digits, scale))
}

/// A value that central may have in a field of a type.
fn any_value(of: Type) -> BoxedStrategy<Value<CentralKey>> {
    let ids = || (1_i64..8).prop_map(CentralKey::of);
    let full = match of {
        Type::Flag => any::<bool>().prop_map(Value::Flag).boxed(),
        Type::Number => any_number().prop_map(Value::Number).boxed(),
        Type::One(_) => ids().prop_map(Value::One).boxed(),
        Type::Many(_) => prop::collection::btree_set(ids(), 0..4).prop_map(Value::Many).boxed(),
        _ => "[a-c]{1,2}".prop_map(Value::Text).boxed(),
    };
    prop_oneof![1 => Just(Value::Nothing), 3 => full].boxed()
}

fn any_record(kind: Kind) -> impl Strategy<Value = Record<CentralKey>> {
    let values: Vec<_> = fields(kind).iter().map(|field| any_value(field.of).prop_map(|value| (field.name, value))).collect();
    values.prop_map(move |values| record(kind, 1, &values))
}

fn any_kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(Kind::ALL.to_vec())
}

/// How the branch holds a record of central: with its own numbers of digits, and its own ids.
fn held(central: &Record<CentralKey>, digits: u32) -> Record<BranchKey> {
    let mut there = record(central.kind, APART + 1, &[]);
    for (name, value) in &central.values {
        let value = match value {
            Value::Number(number) => Value::Number(number.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero)),
            value => value.map(|id| BranchKey::of(id.number() + APART)),
        };
        there.values.insert(name.clone(), value);
    }
    there
}

/// The branch's record after some changes were written.
fn applied(mut branch: Record<BranchKey>, changes: &[FieldChange]) -> Record<BranchKey> {
    for change in changes {
        let value = change.after.map(|target| match target {
            Target::There(id) => id,
            Target::New(..) => BranchKey::of(0),
        });
        branch.values.insert(change.field.clone(), value);
    }
    branch
}

proptest! {
    #[test]
    fn a_record_as_the_branch_holds_it_is_equal(
        (central, digits) in any_kind().prop_flat_map(|kind| (any_record(kind), 0_u32..5)),
        conflict in prop::sample::select(vec![Conflict::Central, Conflict::Branch, Conflict::Ask]),
    ) {
        let all: Vec<(&str, u32)> = fields(central.kind).iter().map(|field| (field.name, digits)).collect();
        let with = With { digits: &all, conflict, ..With::default() };
        prop_assert_eq!(with.compare(&central, Some(&held(&central, digits))), Differences::default());
    }

    #[test]
    fn what_is_written_makes_the_branch_equal_and_is_written_once(
        (central, other) in any_kind().prop_flat_map(|kind| (any_record(kind), any_record(kind))),
        digits in 0_u32..5,
    ) {
        let all: Vec<(&str, u32)> = fields(central.kind).iter().map(|field| (field.name, digits)).collect();
        let with = With { digits: &all, ..With::default() };
        let branch = held(&other, 5);
        let found = with.compare(&central, Some(&branch));
        for change in &found.changes {
            prop_assert_ne!(branch.value(&change.field).map(Target::There), change.after.clone(), "{} is no change", change);
        }
        let after = applied(branch, &found.changes);
        prop_assert_eq!(with.compare(&central, Some(&after)), Differences::default());
        // A record that is created with what is new is equal as well.
        let created = applied(record(central.kind, APART + 1, &[]), &with.compare(&central, None).changes);
        prop_assert_eq!(with.compare(&central, Some(&created)), Differences::default());
    }

    #[test]
    fn what_both_sides_agree_on_stays_out_of_a_conflict(
        (before, central) in any_kind().prop_flat_map(|kind| (any_record(kind), any_record(kind))),
    ) {
        // The branch has not touched what was sent: whatever the rule is, everything that differs goes.
        let branch = held(&before, 5);
        let baseline: Baseline = fields(before.kind).iter().map(|field| (field.name.to_owned(), fingerprint(branch.value(field.name)))).collect();
        let by_rule = |conflict| With { baseline: Some(baseline.clone()), conflict, ..With::default() }.compare(&central, Some(&branch));
        let ask = by_rule(Conflict::Ask);
        prop_assert!(ask.asked.is_empty());
        prop_assert_eq!(&ask.changes, &by_rule(Conflict::Central).changes);
        prop_assert_eq!(&ask.changes, &by_rule(Conflict::Branch).changes);
    }
}
