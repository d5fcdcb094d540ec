//! The rules of the mapping, one by one.

use proptest::prelude::*;

use super::*;
use crate::model::{BranchRef, PosLineModel, PosOrderModel, same_money};
use crate::problem::Side;

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

fn named<M>(id: i64, name: &str) -> BranchRef<M> {
    (id, name.to_owned()).into()
}

fn order() -> PosOrder {
    PosOrder {
        id: BranchId::new(7),
        uuid: Some("0f3c-aa".to_owned()),
        name: Some("Furniture Shop - 000007".to_owned()),
        pos_reference: Some("260-1-000007".to_owned()),
        date_order: "2026-11-20 13:37:01".to_owned(),
        write_date: "2026-11-20 13:37:02".to_owned(),
        state: "paid".to_owned(),
        session_id: Some(named(3, "POS/00003")),
        config_id: Some(named(1, "Furniture Shop")),
        company_id: named(1, "My Company"),
        user_id: Some(named(2, "Anna")),
        employee_id: None,
        partner_id: None,
        currency_id: Some(named(1, "EUR")),
        amount_total: amount("35.50"),
        amount_tax: amount("5.92"),
        amount_paid: amount("35.50"),
        account_move: None,
        refunded_order_id: None,
        general_customer_note: None,
        lines: vec![line(11, 21, "2", "17.75")],
        payment_ids: vec![paid("Cash", "20"), paid("Card", "17"), change("-1.5")],
    }
}

fn line(id: i64, product: i64, qty: &str, price: &str) -> PosLine {
    PosLine {
        id: BranchId::<PosLineModel>::new(id),
        order_id: named::<PosOrderModel>(7, "Furniture Shop - 000007"),
        product_id: named(product, "[BAG01] Tote bag"),
        full_product_name: Some("Tote bag (red)".to_owned()),
        qty: amount(qty),
        price_unit: amount(price),
        discount: Amount::ZERO,
        price_subtotal_incl: amount("35.50"),
        tax_ids_after_fiscal_position: vec![BranchId::new(31)],
        customer_note: None,
        refunded_orderline_id: None,
        combo_line_ids: vec![],
        pack_lot_ids: vec![],
        lot_names: vec![],
    }
}

fn paid(method: &str, text: &str) -> PosPayment {
    PosPayment {
        id: BranchId::new(1),
        pos_order_id: named(7, ""),
        payment_method_id: named(1, method),
        amount: amount(text),
        is_change: false,
    }
}

fn change(text: &str) -> PosPayment {
    PosPayment { is_change: true, ..paid("Cash", text) }
}

fn settings() -> Settings {
    Settings {
        code: BranchCode::new("tirana").unwrap(),
        default_customer: CentralId::new(500),
        unknown_customer_is_problem: false,
        skip_invoiced: false,
        currency: "EUR".to_owned(),
        salesperson: Some(CentralId::new(600)),
        salespeople: BTreeMap::new(),
    }
}

fn bindings() -> Bindings {
    let mut bindings = Bindings::default();
    bindings.products.insert(BranchId::new(21), Ok(CentralId::new(121)));
    bindings.taxes.insert(BranchId::new(31), Ok(CentralId::new(131)));
    bindings
}

fn draft(order: &PosOrder) -> SaleOrder {
    map(order, &settings(), &bindings()).unwrap()
}

fn note(draft: &SaleOrder) -> &str {
    match draft.order_line.last() {
        Some(SaleLine::Note(text)) => text,
        other => panic!("the last line is {other:?}"),
    }
}

#[test]
fn a_sale_becomes_a_draft_with_all_that_the_contract_names() {
    let draft = draft(&order());
    assert_eq!(draft.external_id, "tirana-7-0f3c-aa");
    assert_eq!(draft.client_order_ref, "tirana/260-1-000007");
    assert_eq!(draft.origin, "POS/00003");
    assert_eq!(draft.date_order, "2026-11-20 13:37:01");
    assert_eq!((draft.partner_id, draft.user_id), (CentralId::new(500), Some(CentralId::new(600))));
    let product = SaleLine::Product {
        product_id: CentralId::new(121),
        name: "Tote bag (red)".to_owned(),
        qty: amount("2"),
        price_unit: amount("17.75"),
        discount: Amount::ZERO,
        tax_ids: vec![CentralId::new(131)],
    };
    assert_eq!(draft.order_line, [product, SaleLine::Note("Paid: Cash 20.00, Card 17.00, change 1.50; cashier Anna".to_owned())]);
}

#[test]
fn a_receipt_without_a_reference_is_called_by_its_name_or_number() {
    let named = PosOrder { pos_reference: None, ..order() };
    assert_eq!(draft(&named).client_order_ref, "tirana/Furniture Shop - 000007");
    let bare = PosOrder { pos_reference: Some(String::new()), name: Some("/".to_owned()), ..order() };
    assert_eq!(draft(&bare).client_order_ref, "tirana/#7");
}

#[test]
fn a_refund_keeps_its_negative_quantity_and_names_what_it_refunds() {
    let mut refund = PosOrder { refunded_order_id: Some(named(5, "Furniture Shop - 000005")), ..order() };
    refund.lines = vec![PosLine { refunded_orderline_id: Some((9, "x".to_owned())), ..line(12, 21, "-1", "17.75") }];
    let draft = draft(&refund);
    let SaleLine::Product { qty, name, .. } = &draft.order_line[0] else { panic!() };
    assert_eq!((*qty, name.as_str()), (amount("-1"), "Tote bag (red)\nRefund of Furniture Shop - 000005"));
    assert!(note(&draft).contains("Refund of Furniture Shop - 000005"));
}

#[test]
fn a_combo_is_a_note_and_its_items_are_lines() {
    let mut combo = order();
    combo.lines = vec![
        PosLine { combo_line_ids: vec![BranchId::new(12)], full_product_name: Some("Lunch".to_owned()), ..line(11, 99, "1", "0") },
        line(12, 21, "1", "8"),
    ];
    let draft = draft(&combo);
    assert_eq!(draft.order_line[0], SaleLine::Note("1 × Lunch".to_owned()));
    assert!(matches!(draft.order_line[1], SaleLine::Product { .. }));
    // The product of the combo itself need not exist at central; one with a price of its own must.
    combo.lines[0].price_unit = amount("3");
    assert!(map(&combo, &settings(), &bindings()).is_err());
}

#[test]
fn lots_notes_and_the_invoice_are_said_in_words() {
    let mut order = order();
    order.lines[0].lot_names = vec!["L1".to_owned(), "L2".to_owned()];
    order.lines[0].customer_note = Some("gift".to_owned());
    order.general_customer_note = Some("no onions <b>é漢".to_owned());
    order.account_move = Some(named(77, "INV/2026/00012"));
    let draft = draft(&order);
    let SaleLine::Product { name, .. } = &draft.order_line[0] else { panic!() };
    assert_eq!(name, "Tote bag (red)\ngift\nLot/Serial: L1, L2");
    assert!(note(&draft).contains("Invoiced at the branch as INV/2026/00012: do not invoice again"));
    assert!(note(&draft).contains("Note: no onions <b>é漢"));
}

#[test]
fn an_invoiced_order_is_left_out_where_the_settings_say_so() {
    let order = PosOrder { account_move: Some(named(77, "INV/2026/00012")), ..order() };
    let skip = Settings { skip_invoiced: true, ..settings() };
    assert_eq!(map(&order, &skip, &bindings()).unwrap_err(), [Problem::InvoicedSkipped { invoice: "INV/2026/00012".to_owned() }]);
}

#[test]
fn an_unknown_customer_is_the_default_one_with_the_name_or_a_problem() {
    let order = PosOrder { partner_id: Some(named(41, "Azure Interior")), ..order() };
    assert_eq!(draft(&order).partner_id, CentralId::new(500));
    assert!(note(&draft(&order)).contains("Customer at the till: Azure Interior"));
    let strict = Settings { unknown_customer_is_problem: true, ..settings() };
    assert_eq!(map(&order, &strict, &bindings()).unwrap_err(), [Problem::CustomerNotFound { name: "Azure Interior".to_owned() }]);
    let mut known = bindings();
    known.partners.insert(BranchId::new(41), Ok(CentralId::new(541)));
    let draft = map(&order, &strict, &known).unwrap();
    assert_eq!(draft.partner_id, CentralId::new(541));
    assert!(!note(&draft).contains("Customer at the till"));
}

#[test]
fn the_cashier_comes_before_the_log_in_and_both_before_the_default() {
    let mut known = bindings();
    known.logins.insert(BranchId::new(2), "Anna@Shop".to_owned());
    let mut table = settings();
    table.salespeople.insert("anna@shop".to_owned(), Ok(CentralId::new(601)));
    assert_eq!(map(&order(), &table, &known).unwrap().user_id, Some(CentralId::new(601)));
    table.salespeople.insert("ömer".to_owned(), Ok(CentralId::new(602)));
    let by_cashier = PosOrder { employee_id: Some(named(9, "Ömer")), ..order() };
    let draft = map(&by_cashier, &table, &known).unwrap();
    assert_eq!(draft.user_id, Some(CentralId::new(602)));
    assert!(note(&draft).contains("cashier Ömer"));
    let missing = Problem::SettingNotFound { setting: "salesperson".to_owned(), value: "x@y".to_owned(), side: Side::Central };
    table.salespeople.insert("ömer".to_owned(), Err(missing.clone()));
    assert_eq!(map(&by_cashier, &table, &known).unwrap_err(), [missing]);
}

#[test]
fn all_that_is_missing_is_said_at_once_and_each_thing_once() {
    let mut order = order();
    order.lines = vec![line(11, 22, "1", "1"), line(12, 22, "1", "1"), line(13, 23, "1", "1")];
    order.lines[2].tax_ids_after_fiscal_position = vec![BranchId::new(32)];
    order.currency_id = Some(named(2, "USD"));
    let causes: Vec<_> = map(&order, &settings(), &bindings()).unwrap_err().iter().map(Problem::cause).collect();
    assert_eq!(causes, ["currency_differs", "product_not_found", "tax_not_found"]);
}

#[test]
fn an_order_without_lines_or_payments_is_a_note() {
    let empty = PosOrder { lines: vec![], payment_ids: vec![], user_id: None, ..order() };
    assert_eq!(draft(&empty).order_line, [SaleLine::Note("Paid: nothing".to_owned())]);
}

#[test]
fn a_witness_is_fit_for_an_external_id_whatever_the_uuid_says() {
    for uuid in ["a.b", "a b", "é", "", &"x".repeat(200)] {
        let witness = PosOrder { uuid: Some(uuid.to_owned()), ..order() }.witness();
        assert_eq!(witness.len(), 32, "{uuid:?}");
        assert!(witness.bytes().all(|b| b.is_ascii_hexdigit()));
    }
    let older = PosOrder { uuid: None, ..order() };
    assert_ne!(older.witness(), PosOrder { date_order: "2026-11-20 13:37:02".to_owned(), ..older.clone() }.witness());
    assert_eq!(older.witness(), PosOrder { amount_total: amount("1"), ..older.clone() }.witness());
}

#[test]
fn the_closing_of_a_session_does_not_change_the_content() {
    let closed = PosOrder { state: "done".to_owned(), write_date: "2026-11-20 23:00:00".to_owned(), ..order() };
    assert_eq!(order().content_hash(), closed.content_hash());
    let renamed = PosOrder { partner_id: Some(named(41, "Azure sh.p.k.")), ..order() };
    let before = PosOrder { partner_id: Some(named(41, "Azure")), ..order() };
    assert_eq!(before.content_hash(), renamed.content_hash(), "another name is not another customer");
    assert_ne!(order().content_hash(), renamed.content_hash());
    assert_ne!(order().content_hash(), PosOrder { amount_total: amount("1"), ..order() }.content_hash());
}

fn central_product(id: i64, barcode: Option<&str>, code: Option<&str>, active: bool) -> CentralProduct {
    CentralProduct {
        id: CentralId::new(id),
        display_name: format!("Product {id}"),
        barcode: barcode.map(str::to_owned),
        default_code: code.map(str::to_owned),
        active,
        made: None,
    }
}

#[test]
fn a_product_is_found_by_the_first_key_that_finds_any() {
    let product = BranchProduct {
        id: BranchId::new(1),
        name: "Bag".to_owned(),
        barcode: Some("123".to_owned()),
        default_code: Some("BAG01".to_owned()),
    };
    let by_code = central_product(5, None, Some("BAG01"), true);
    let by_barcode = central_product(6, Some("123"), None, true);
    let both = [by_code.clone(), by_barcode.clone()];
    let keys = [ProductKey::Barcode, ProductKey::DefaultCode];
    assert_eq!(match_product(&product, &both, &keys), Ok(CentralId::new(6)));
    assert_eq!(match_product(&product, &both, &[ProductKey::DefaultCode, ProductKey::Barcode]), Ok(CentralId::new(5)));
    assert_eq!(match_product(&product, &[by_code], &keys), Ok(CentralId::new(5)));
    let archived = central_product(7, Some("123"), None, false);
    assert_eq!(match_product(&product, &[archived.clone(), by_barcode.clone()], &keys), Ok(CentralId::new(6)));
    assert_eq!(match_product(&product, std::slice::from_ref(&archived), &keys), Ok(CentralId::new(7)));
    let twin = central_product(8, Some("123"), None, true);
    assert_eq!(match_product(&product, &[by_barcode, twin], &keys).unwrap_err().cause(), "product_ambiguous");
    assert_eq!(match_product(&product, &[], &keys).unwrap_err().cause(), "product_not_found");
    let bare = BranchProduct { barcode: None, default_code: Some(" ".to_owned()), ..product };
    assert_eq!(match_product(&bare, &both, &keys).unwrap_err().cause(), "product_without_reference");
}

fn central_partner(id: i64, name: &str, vat: &str, email: &str, parent: Option<i64>) -> CentralPartner {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    CentralPartner {
        id: CentralId::new(id),
        display_name: name.to_owned(),
        name: text(name),
        vat: text(vat),
        email: text(email),
        reference: None,
        parent_id: parent.map(|id| (id, String::new())),
        made: None,
    }
}

#[test]
fn a_customer_is_found_by_vat_then_email_then_reference() {
    let partner = BranchPartner {
        id: BranchId::new(1),
        name: Some("Azure".to_owned()),
        vat: Some("AL1".to_owned()),
        email: Some("A@x.al".to_owned()),
        reference: None,
    };
    let company = central_partner(5, "Azure sh.p.k.", "AL1", "", None);
    let contact = central_partner(6, "Somebody", "AL1", "", Some(5));
    let other = central_partner(7, "Other", "", "a@X.al", None);
    assert_eq!(match_partner(&partner, &[other.clone(), contact.clone(), company.clone()]), Ok(CentralId::new(5)));
    assert_eq!(match_partner(&partner, std::slice::from_ref(&other)), Ok(CentralId::new(7)));
    let namesake = central_partner(8, "azure", "AL1", "", Some(5));
    assert_eq!(match_partner(&partner, &[company.clone(), namesake]), Ok(CentralId::new(8)));
    let second = central_partner(9, "Azure Ltd", "AL1", "", None);
    assert_eq!(match_partner(&partner, &[company, second]).unwrap_err().cause(), "customer_ambiguous");
    assert_eq!(match_partner(&partner, &[]).unwrap_err().cause(), "customer_not_found");
}

#[test]
fn a_tax_is_found_by_its_configured_name_or_by_name_amount_and_kind() {
    let tax = BranchTax {
        id: BranchId::new(1),
        name: "VAT 20%".to_owned(),
        amount: amount("20.0"),
        amount_type: "percent".to_owned(),
        price_include: true,
    };
    let central = |id, name: &str, include| CentralTax {
        id: CentralId::new(id),
        name: name.to_owned(),
        amount: amount("20"),
        amount_type: "percent".to_owned(),
        price_include: include,
        made: None,
    };
    let all = [central(5, "VAT 20%", false), central(6, "VAT 20%", true), central(7, "20% S", false)];
    assert_eq!(match_tax(&tax, None, &all, "My Company"), Ok(CentralId::new(6)));
    assert_eq!(match_tax(&tax, Some("20% S"), &all, "My Company"), Ok(CentralId::new(7)));
    assert_eq!(match_tax(&tax, Some("VAT 20%"), &all, "My Company").unwrap_err().cause(), "tax_ambiguous");
    assert_eq!(match_tax(&tax, None, &all[..1], "My Company").unwrap_err().cause(), "tax_not_found");
}

#[test]
fn a_customer_about_whom_there_is_doubt_is_the_default_one_or_that_problem() {
    let order = PosOrder { partner_id: Some(named(41, "Azure Interior")), ..order() };
    let doubt = Problem::CustomerAmbiguous { name: "Azure Interior".to_owned(), matches: vec!["a".to_owned(), "b".to_owned()] };
    let mut known = bindings();
    known.partners.insert(BranchId::new(41), Err(doubt.clone()));
    let draft = map(&order, &settings(), &known).unwrap();
    assert_eq!(draft.partner_id, CentralId::new(500));
    assert!(note(&draft).contains("Customer at the till: Azure Interior"));
    let strict = Settings { unknown_customer_is_problem: true, ..settings() };
    assert_eq!(map(&order, &strict, &known).unwrap_err(), [doubt]);
}

#[test]
fn what_is_given_away_is_a_line_and_blank_texts_are_none() {
    let mut order = order();
    order.lines = vec![PosLine { full_product_name: Some(" ".to_owned()), customer_note: Some(" ".to_owned()), ..line(11, 21, "1", "0") }];
    order.general_customer_note = Some(" \n".to_owned());
    let draft = draft(&order);
    let SaleLine::Product { name, .. } = &draft.order_line[0] else { panic!("a note") };
    assert_eq!(name, "[BAG01] Tote bag");
    assert!(!note(&draft).contains("Note:"));
}

#[test]
fn a_line_names_a_refund_only_where_it_gives_something_back() {
    let mut exchange = PosOrder { refunded_order_id: Some(named(5, "Furniture Shop - 000005")), ..order() };
    exchange.lines = vec![line(12, 21, "1", "17.75")];
    let SaleLine::Product { name, .. } = &draft(&exchange).order_line[0] else { panic!("a note") };
    assert_eq!(name, "Tote bag (red)");
}

#[test]
fn what_the_ledger_does_not_know_is_named_as_far_as_the_order_names_it() {
    let mut order = order();
    order.lines = vec![PosLine { tax_ids_after_fiscal_position: vec![BranchId::new(32)], ..line(11, 22, "1", "1") }];
    let product = Problem::ProductNotFound { name: "[BAG01] Tote bag".to_owned(), barcode: None, default_code: None };
    let company = "My Company".to_owned();
    let tax = Problem::TaxNotFound { name: "#32".to_owned(), amount: String::new(), included: false, company };
    assert_eq!(map(&order, &settings(), &bindings()).unwrap_err(), [product, tax]);
}

#[test]
fn several_products_of_one_key_are_listed_with_the_key_that_found_them() {
    let product = BranchProduct {
        id: BranchId::new(1),
        name: "Bag".to_owned(),
        barcode: Some("123".to_owned()),
        default_code: Some(" BAG01 ".to_owned()),
    };
    let two = |barcode, code| [central_product(5, barcode, code, false), central_product(6, barcode, code, false)];
    for (candidates, by, value) in [(two(Some("123"), None), "barcode", "123"), (two(None, Some("BAG01")), "Internal Reference", "BAG01")] {
        let matches = vec!["Product 5 (id 5)".to_owned(), "Product 6 (id 6)".to_owned()];
        let problem = Problem::ProductAmbiguous { name: "Bag".to_owned(), by: by.to_owned(), value: value.to_owned(), matches };
        assert_eq!(match_product(&product, &candidates, &[ProductKey::Barcode, ProductKey::DefaultCode]), Err(problem));
    }
}

#[test]
fn a_customer_is_found_by_his_reference_and_never_by_what_is_empty() {
    let partner = BranchPartner {
        id: BranchId::new(1),
        name: Some(" ".to_owned()),
        vat: Some(" ".to_owned()),
        email: None,
        reference: Some("c-7".to_owned()),
    };
    let by_reference = CentralPartner { reference: Some("C-7".to_owned()), ..central_partner(5, "Azure", "", "", None) };
    let empty = central_partner(6, "Other", "", "", None);
    assert_eq!(match_partner(&partner, &[empty.clone(), by_reference.clone()]), Ok(CentralId::new(5)));
    let twin = CentralPartner { id: CentralId::new(7), ..by_reference.clone() };
    let matches = vec!["Azure (id 5)".to_owned(), "Azure (id 7)".to_owned()];
    let problem = Problem::CustomerAmbiguous { name: "without a name".to_owned(), matches };
    assert_eq!(match_partner(&partner, &[by_reference, twin]), Err(problem));
    let not_found = Problem::CustomerNotFound { name: "without a name".to_owned() };
    assert_eq!(match_partner(&partner, &[empty]), Err(not_found));
}

#[test]
fn a_tax_that_differs_in_one_thing_is_another() {
    let central = |name: &str, percent: &str, kind: &str, include| CentralTax {
        id: CentralId::new(5),
        name: name.to_owned(),
        amount: amount(percent),
        amount_type: kind.to_owned(),
        price_include: include,
        made: None,
    };
    let tax = BranchTax {
        id: BranchId::new(1),
        name: "VAT 20%".to_owned(),
        amount: amount("20.0"),
        amount_type: "percent".to_owned(),
        price_include: true,
    };
    assert_eq!(match_tax(&tax, None, &[central("VAT 20%", "20", "percent", true)], "My Company"), Ok(CentralId::new(5)));
    for other in [
        central("VAT 20", "20", "percent", true),
        central("VAT 20%", "21", "percent", true),
        central("VAT 20%", "20", "fixed", true),
        central("VAT 20%", "20", "percent", false),
    ] {
        let (amount, company) = ("20".to_owned(), "My Company".to_owned());
        let problem = Problem::TaxNotFound { name: "VAT 20%".to_owned(), amount, included: true, company };
        assert_eq!(match_tax(&tax, None, std::slice::from_ref(&other), "My Company"), Err(problem), "{other:?}");
    }
    let twins = [central("20% S", "20", "percent", true), central("20% S", "20", "percent", false)];
    let matches = vec!["20% S (id 5)".to_owned(), "20% S (id 5)".to_owned()];
    let problem = Problem::TaxAmbiguous { name: "VAT 20%".to_owned(), matches };
    assert_eq!(match_tax(&tax, Some("20% S"), &twins, "My Company"), Err(problem));
}

#[test]
fn money_is_written_with_its_cents_and_compared_without_the_noise_of_floats() {
    assert_eq!(
        (money(amount("20")), money(amount("21.830000000000002")), money(amount("0.125"))),
        ("20.00".to_owned(), "21.83".to_owned(), "0.125".to_owned())
    );
    assert!(same_money(amount("21.830000000000002"), amount("21.83")));
    assert!(!same_money(amount("21.83"), amount("21.84")));
}

proptest! {
    #[test]
    fn whatever_is_sold_has_one_line_each_and_a_closing_note(
        lines in prop::collection::vec((-999i64..999, 0u32..99_999, 0u32..100, "\\PC{0,30}"), 0..12),
        note_text in prop::option::of("\\PC{0,40}"),
    ) {
        let mut order = order();
        order.general_customer_note = note_text;
        order.lines = lines.iter().enumerate().map(|(n, (qty, price, discount, name))| PosLine {
            qty: Amount::new(*qty, 3),
            price_unit: Amount::new(i64::from(*price), 2),
            discount: Amount::from(*discount),
            full_product_name: Some(name.clone()),
            ..line(n as i64 + 1, 21, "1", "1")
        }).collect();
        let draft = map(&order, &settings(), &bindings()).unwrap();
        prop_assert_eq!(draft.order_line.len(), order.lines.len() + 1);
        for (sold, written) in order.lines.iter().zip(&draft.order_line) {
            let SaleLine::Product { qty, price_unit, discount, .. } = written else { panic!("a note") };
            prop_assert_eq!((sold.qty, sold.price_unit, sold.discount), (*qty, *price_unit, *discount));
        }
        prop_assert!(note(&draft).starts_with("Paid: "));
        // Pure: the same order gives the same draft.
        prop_assert_eq!(draft, map(&order, &settings(), &bindings()).unwrap());
    }
}
