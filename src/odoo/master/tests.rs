//! What is read of master data and what is written, without any Odoo.
#![allow(clippy::unwrap_used)] // A test that fails to unwrap has failed.

use proptest::prelude::*;

use super::super::xmlrpc::{self, Answer};
use super::*;

/// A cell as it comes over the wire.
fn cell_of(value: &str) -> Cell {
    let body = format!("<?xml version='1.0'?><methodResponse><params><param><value>{value}</value></param></params></methodResponse>");
    match xmlrpc::response::<Cell>(body.as_bytes()).unwrap() {
        Answer::Value(cell) => cell,
        Answer::Fault(code, text) => panic!("{code}: {text}"),
    }
}

fn shape(kind: Kind, fields: &[(&str, Option<u32>)]) -> Shape {
    let described = |digits: &Option<u32>| Described { decimals: *digits, ..Described::default() };
    let fields = fields.iter().map(|(name, digits)| ((*name).to_owned(), described(digits))).collect();
    Shape { kinds: BTreeMap::from([(kind, fields)]), ..Shape::default() }
}

/// An Odoo that has all fields of a kind under their first names, and whatever is read besides.
fn whole(kind: Kind) -> Shape {
    let sent = fields(kind).iter().map(|field| names(field.name).first().copied().unwrap_or(field.name)).chain(["price_include"]);
    shape(kind, &sent.chain(besides(kind).iter().copied()).map(|name| (name, None)).collect::<Vec<_>>())
}

fn field(kind: Kind, name: &str) -> &'static Field {
    fields(kind).iter().find(|field| field.name == name).unwrap()
}

fn row(cells: &[(&str, Cell)]) -> Row {
    cells.iter().map(|(name, cell)| ((*name).to_owned(), cell.clone())).collect()
}

fn manner() -> Manner {
    Manner { company: 7, language: "sq_AL".to_owned() }
}

fn argument<'c>(call: &'c Call, name: &str) -> &'c Json {
    &call.args.iter().find(|(argument, _)| *argument == name).unwrap().1
}

fn context(call: &Call, name: &str) -> Option<Json> {
    // The last one holds.
    call.context.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| value.clone())
}

#[test]
fn a_cell_is_what_odoo_means_by_it() {
    assert_eq!(cell_of("<boolean>0</boolean>"), Cell::Flag(false));
    assert_eq!(cell_of("<boolean>1</boolean>"), Cell::Flag(true));
    assert_eq!(cell_of("<int>-42</int>"), Cell::Int(-42));
    assert_eq!(cell_of("<double>1e-05</double>"), Cell::Number("0.00001".parse().unwrap()));
    assert_eq!(cell_of("<string>T &amp; T</string>"), Cell::Text("T & T".to_owned()));
    assert_eq!(cell_of("<array><data></data></array>"), Cell::Ids(Vec::new()));
    let list = |items: &str| cell_of(&format!("<array><data>{items}</data></array>"));
    assert_eq!(list("<value><int>3</int></value><value><int>1</int></value>"), Cell::Ids(vec![3, 1]));
    assert_eq!(list("<value><int>3</int></value><value><string>Tea</string></value>"), Cell::One(3, "Tea".to_owned()));
}

proptest! {
    #[test]
    fn a_number_on_the_wire_is_exact(digits in -9_007_199_254_740_i64..9_007_199_254_740, scale in 0_u32..7) {
        let exact = Decimal::new(digits, scale);
        let cell = cell_of(&format!("<double>{exact}</double>"));
        prop_assert_eq!(cell, Cell::Number(exact));
    }

    #[test]
    fn a_number_of_any_size_is_read_or_refused(number in any::<f64>()) {
        let body = format!("<methodResponse><params><param><value><double>{number:e}</double></value></param></params></methodResponse>");
        if let Ok(Answer::Value(Cell::Number(read))) = xmlrpc::response::<Cell>(body.as_bytes()) {
            let back: f64 = read.to_string().parse().unwrap();
            prop_assert!((back - number).abs() <= number.abs() * 1e-15 + 1e-28, "{} became {}", number, read);
        }
    }
}

#[test]
fn a_row_becomes_a_record_and_an_empty_text_nothing() {
    let read = row(&[
        ("id", Cell::Int(5)),
        ("display_name", Cell::Text("[T] Tea".to_owned())),
        ("create_date", Cell::Text("2026-03-01 08:00:00".to_owned())),
        ("write_date", Cell::Text("2026-03-02 08:00:00".to_owned())),
        ("name", Cell::Text("Tea".to_owned())),
        ("default_code", Cell::Text(String::new())),
        ("barcode", Cell::Flag(false)),
        ("sale_ok", Cell::Flag(false)),
        ("list_price", Cell::Number("2.50".parse().unwrap())),
        ("weight", Cell::Int(3)),
        ("uom_id", Cell::One(1, "Units".to_owned())),
        ("categ_id", Cell::Flag(false)),
        ("taxes_id", Cell::Ids(vec![4, 3])),
        ("product_variant_ids", Cell::Ids(vec![9])),
    ]);
    let record = whole(Kind::Product).record(Kind::Product, &read, |id| id);
    assert_eq!((record.id, record.name.as_str()), (5, "[T] Tea"));
    assert_eq!((record.create_date.as_str(), record.write_date.as_str()), ("2026-03-01 08:00:00", "2026-03-02 08:00:00"));
    let expected: [(&str, Value<i64>); 10] = [
        ("name", Value::Text("Tea".to_owned())),
        ("default_code", Value::Nothing),
        ("barcode", Value::Nothing),
        ("sale_ok", Value::Flag(false)),
        ("list_price", Value::Number("2.5".parse().unwrap())),
        ("weight", Value::Number(3.into())),
        ("uom_id", Value::One(1)),
        ("categ_id", Value::Nothing),
        ("taxes_id", Value::Many(BTreeSet::from([3, 4]))),
        (VARIANTS, Value::Many(BTreeSet::from([9]))),
    ];
    for (name, value) in expected {
        assert_eq!(record.value(name), &value, "{name}");
    }
    assert_eq!(record.values.len(), 10, "what did not come has no value: {:?}", record.values);
}

#[test]
fn digits_are_those_that_odoo_names() {
    let shape = shape(Kind::Product, &[("list_price", Some(2)), ("weight", Some(3)), ("name", None)]);
    assert_eq!(shape.digits(Kind::Product), BTreeMap::from([("list_price".to_owned(), 2), ("weight".to_owned(), 3)]));
    assert_eq!(shape.digits(Kind::Customer), BTreeMap::new());
}

#[test]
fn a_shape_is_kept_as_text_and_comes_back() {
    let shape = whole(Kind::Product);
    let text = serde_json::to_string(&shape).unwrap();
    assert_eq!(serde_json::from_str::<Shape>(&text).unwrap(), shape);
}

#[test]
fn a_page_asks_in_company_and_language_for_more_than_it_has_also_archived() {
    let call = manner().page("product.template", &json!([["sale_ok", "=", true]]), &["name"], 41);
    assert_eq!((call.model, call.method), ("product.template", "search_read"));
    assert_eq!(argument(&call, "domain"), &json!([["id", ">", 41], ["sale_ok", "=", true]]));
    assert_eq!(argument(&call, "order"), &json!("id"));
    assert_eq!(argument(&call, "limit"), &json!(PAGE));
    assert_eq!(context(&call, "lang"), Some(json!("sq_AL")));
    assert_eq!(context(&call, "allowed_company_ids"), Some(json!([7])));
    assert_eq!(context(&call, "active_test"), Some(json!(false)));
}

#[test]
fn pictures_are_not_asked_for_and_what_an_odoo_lacks_neither() {
    for kind in Kind::ALL {
        let whole = whole(kind);
        let columns = whole.columns(kind);
        assert!(columns.iter().all(|column| !column.starts_with("image")), "{kind}");
        let distinct: BTreeSet<&&str> = columns.iter().collect();
        assert_eq!(distinct.len(), columns.len(), "{kind} asks for a field twice");
        for always in ["display_name", "create_date", "write_date"] {
            assert!(columns.contains(&always), "{kind} {always}");
        }
    }
    let little = shape(Kind::Product, &[("name", None), ("list_price", None)]);
    assert_eq!(little.columns(Kind::Product), ["name", "list_price", "display_name", "create_date", "write_date"]);
}

fn new(external_id: &str, cells: &[&str], attributes: &[(i64, &[i64])]) -> New {
    New {
        external_id: external_id.to_owned(),
        cells: cells.iter().map(|&cell| cell.to_owned()).collect(),
        attributes: attributes.iter().map(|(attribute, values)| (*attribute, values.iter().copied().collect())).collect(),
    }
}

#[test]
fn records_are_created_once_under_their_external_ids() {
    let columns = ["name".to_owned(), "list_price".to_owned()];
    let (call, rows) = manner().create_once(Kind::Product, &columns, &[new("a", &["Tea", "2"], &[]), new("b", &["Milk", "1"], &[])]);
    assert_eq!((call.model, call.method), ("product.template", "load"));
    assert_eq!(argument(&call, "fields"), &json!(["id", "name", "list_price"]));
    assert_eq!(argument(&call, "data"), &json!([["a", "Tea", "2"], ["b", "Milk", "1"]]));
    assert_eq!((rows.total(), rows.record_at(0), rows.record_at(1), rows.record_at(2)), (2, Some(0), Some(1), None));
    // These make it create-once, and keep it from touching what belongs to others.
    assert_eq!(context(&call, "module"), Some(json!(XMLID_MODULE)));
    assert_eq!(context(&call, "mode"), Some(json!("update")));
    assert_eq!(context(&call, "noupdate"), Some(json!(true)));
    assert_eq!(context(&call, "allowed_company_ids"), Some(json!([7])));
    assert_eq!(context(&call, "lang"), Some(json!("sq_AL")));
}

#[test]
fn a_product_with_attributes_has_a_row_for_each() {
    let columns = ["name".to_owned()];
    let shirt = new("shirt", &["Shirt"], &[(1, &[11, 12]), (2, &[21])]);
    let (call, rows) = manner().create_once(Kind::Product, &columns, &[new("tea", &["Tea"], &[]), shirt, new("milk", &["Milk"], &[])]);
    assert_eq!(
        argument(&call, "fields"),
        &json!(["id", "name", "attribute_line_ids/attribute_id/.id", "attribute_line_ids/value_ids/.id"])
    );
    let data = json!([["tea", "Tea", "", ""], ["shirt", "Shirt", "1", "11,12"], ["", "", "2", "21"], ["milk", "Milk", "", ""]]);
    assert_eq!(argument(&call, "data"), &data);
    let of: Vec<_> = (0..5).map(|row| rows.record_at(row)).collect();
    assert_eq!(of, [Some(0), Some(1), Some(1), Some(2), None], "a complaint about any row finds its record");
}

#[test]
fn what_is_there_is_written_by_its_number() {
    let columns = ["name".to_owned(), "list_price".to_owned()];
    let records = [(5, vec!["Tea".to_owned(), "2".to_owned()]), (6, vec!["Milk".to_owned(), "1".to_owned()])];
    let (call, rows) = manner().update("product.template", &columns, &records);
    assert_eq!(argument(&call, "fields"), &json!([".id", "name", "list_price"]));
    assert_eq!(argument(&call, "data"), &json!([["5", "Tea", "2"], ["6", "Milk", "1"]]));
    assert_eq!(context(&call, "mode"), Some(json!("init")));
    assert_eq!(context(&call, "noupdate"), None);
    assert_eq!((rows.total(), rows.record_at(1)), (2, Some(1)));
}

#[test]
fn an_attribute_is_added_to_a_product_once() {
    let (call, _) = manner().create_line("product_template-1-2026", 5, 3, &BTreeSet::from([32, 31]));
    assert_eq!(argument(&call, "data"), &json!([["product_template-1-2026-attribute-3", "5", "3", "31,32"]]));
    assert_eq!((context(&call, "mode"), context(&call, "noupdate")), (Some(json!("update")), Some(json!(true))));
}

#[test]
fn each_type_of_field_has_its_column_and_its_cell() {
    let cases: [(Kind, &str, Value<i64>, &str, &str); 15] = [
        (Kind::Product, "name", Value::Text(" T\n".to_owned()), "name", " T\n"),
        (Kind::Product, "barcode", Value::Nothing, "barcode", ""),
        (Kind::Product, "sale_ok", Value::Flag(true), "sale_ok", "1"),
        (Kind::Product, "sale_ok", Value::Flag(false), "sale_ok", "0"),
        (Kind::Product, "sale_ok", Value::Nothing, "sale_ok", "0"),
        (Kind::Product, "list_price", Value::Number("2.500".parse().unwrap()), "list_price", "2.5"),
        (Kind::Product, "list_price", Value::Number("1000".parse().unwrap()), "list_price", "1000"),
        (Kind::Product, "list_price", Value::Number("-0.07".parse().unwrap()), "list_price", "-0.07"),
        (Kind::Product, "tracking", Value::Text("lot".to_owned()), "tracking", "lot"),
        (Kind::Product, "uom_id", Value::One(4), "uom_id/.id", "4"),
        (Kind::Product, "uom_id", Value::Nothing, "uom_id/.id", ""),
        (Kind::Product, "taxes_id", Value::Many(BTreeSet::from([4, 3])), "taxes_id/.id", "3,4"),
        (Kind::Product, "taxes_id", Value::Many(BTreeSet::new()), "taxes_id/.id", ""),
        (Kind::Customer, "country_id", Value::One(8), "country_id/.id", "8"),
        (Kind::PricelistItem, "date_end", Value::Text("2026-12-31 00:00:00".to_owned()), "date_end", "2026-12-31 00:00:00"),
    ];
    for (kind, name, value, to, text) in cases {
        let (shape, field) = (whole(kind), field(kind, name));
        assert_eq!((column(&shape, kind, field).as_str(), cell(&shape, kind, field, &value).as_str()), (to, text), "{name} {value:?}");
    }
}

#[test]
fn inclusion_in_the_price_is_a_choice_today_and_was_a_flag() {
    let field = field(Kind::Tax, "price_include");
    let today = whole(Kind::Tax);
    let older = shape(Kind::Tax, &[("name", None), ("price_include", None)]);
    let write = |shape: &Shape, value: bool| (column(shape, Kind::Tax, field), cell(shape, Kind::Tax, field, &Value::Flag(value)));
    let pair = |column: &str, cell: &str| (column.to_owned(), cell.to_owned());
    assert_eq!(write(&today, true), pair("price_include_override", "tax_included"));
    assert_eq!(write(&today, false), pair("price_include_override", "tax_excluded"));
    assert_eq!(write(&older, true), pair("price_include", "1"));
    assert_eq!(write(&older, false), pair("price_include", "0"));
    // What is read is the effective value, on both.
    for shape in [today, older] {
        assert!(shape.columns(Kind::Tax).contains(&"price_include") && !shape.columns(Kind::Tax).contains(&"price_include_override"));
        let record = shape.record(Kind::Tax, &row(&[("id", Cell::Int(1)), ("price_include", Cell::Flag(true))]), |id| id);
        assert_eq!(record.value("price_include"), &Value::Flag(true));
    }
}

#[test]
fn what_floating_point_arithmetic_left_of_a_cost_is_none() {
    let cost =
        row(&[("standard_price", Cell::Number("8.870000000000001".parse().unwrap())), ("weight", Cell::Number("0.1".parse().unwrap()))]);
    let record = whole(Kind::Product).record(Kind::Product, &cost, |id| id);
    assert_eq!(record.value("standard_price"), &Value::Number("8.87".parse().unwrap()));
    assert_eq!(record.value("weight"), &Value::Number("0.1".parse().unwrap()));
}

#[test]
fn a_customer_s_own_pricelist_has_a_field_of_its_own_today() {
    let field = field(Kind::Customer, "property_product_pricelist");
    let own = "specific_property_product_pricelist";
    let older = shape(Kind::Customer, &[("name", None), ("property_product_pricelist", None)]);
    assert_eq!(column(&whole(Kind::Customer), Kind::Customer, field), format!("{own}/.id"));
    assert_eq!(column(&older, Kind::Customer, field), "property_product_pricelist/.id");
    for (shape, name) in [(whole(Kind::Customer), own), (older, "property_product_pricelist")] {
        assert!(shape.columns(Kind::Customer).contains(&name));
        let record = shape.record(Kind::Customer, &row(&[(name, Cell::One(4, "Shop".to_owned()))]), |id| id);
        assert_eq!(record.value("property_product_pricelist"), &Value::One(4));
    }
    let neither = shape(Kind::Customer, &[("name", None)]);
    assert_eq!(neither.name(Kind::Customer, "property_product_pricelist"), None);
}
