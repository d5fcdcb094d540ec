#![allow(clippy::unwrap_used)] // A test that fails to unwrap has failed.

use std::collections::BTreeSet;
use std::fmt::Write;

use proptest::prelude::*;

use super::*;

fn tirana() -> Side {
    Side::Branch(BranchCode::new("tirana").unwrap())
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// At least one example of each variant; `the_catalogue_is_complete` holds this list to the enum.
fn examples() -> Vec<Problem> {
    [reaching(), logging_in(), matching(), delivering(), sending()].concat()
}

fn reaching() -> Vec<Problem> {
    use Problem::*;
    let host = || "tirana.example.com".to_owned();
    vec![
        HostNotFound { side: tirana(), host: host() },
        ConnectionRefused { side: Side::Central, address: "192.0.2.7:443".into() },
        TimedOut { side: tirana(), seconds: 120 },
        TimedOut { side: Side::Central, seconds: 120 },
        ConnectionLost { side: tirana(), reason: "connection reset by peer".into() },
        TlsExpired { side: tirana(), host: host() },
        TlsWrongName { side: tirana(), host: host() },
        TlsUnknownIssuer { side: tirana(), host: host() },
        TlsFailed { side: tirana(), host: host(), reason: "the server offers only TLS 1.0".into() },
        NotOdoo { side: tirana(), url: "https://tirana.example.com".into(), seen: "an HTML page titled \"Welcome to nginx!\"".into() },
        NotOdoo { side: Side::Central, url: "https://erp.example.com".into(), seen: "HTTP 404".into() },
        ServerBusy { side: Side::Central, reason: "HTTP 503".into() },
        RequestTooLarge { side: Side::Central },
        ReplyTooLarge { side: tirana(), limit_mb: 64 },
        ReplyBroken { side: tirana(), reason: "it ends in the middle".into() },
        AnswerLost { side: Side::Central, reason: "connection reset by peer".into() },
        ServerError { side: tirana(), words: "KeyError: 'pos.order.line'".into() },
    ]
}

fn logging_in() -> Vec<Problem> {
    use Problem::*;
    let right = |side, model: &str, operation: &str, groups: &[&str]| RightMissing {
        side,
        user: "bridge".into(),
        model: model.into(),
        operation: operation.into(),
        groups: names(groups),
    };
    vec![
        DatabaseUnknown { side: tirana(), database: "tirnaa".into() },
        PasswordMissing { side: Side::Central },
        PasswordMissing { side: tirana() },
        PasswordUnreadable { side: tirana(), reason: "it was sealed with the key 0123abcd, which is not in the key file".into() },
        PasswordRefused { side: tirana(), user: "bridge".into() },
        KeyExpired { side: Side::Central, user: "bridge@example.com".into() },
        right(tirana(), "account.tax", "read", &[]),
        right(tirana(), "product.product", "create", &["Products/Create"]),
        right(Side::Central, "sale.order", "create", &["Sales/User: Own Documents Only", "Sales/Administrator"]),
        ModuleMissing { side: tirana(), model: "pos.order".into(), module: "point_of_sale".into() },
        FieldMissing { side: Side::Central, model: "sale.order".into(), field: "warehouse_id".into() },
    ]
}

fn matching() -> Vec<Problem> {
    use Problem::*;
    let setting = |setting: &str, value: &str| SettingNotFound { setting: setting.into(), value: value.into(), side: Side::Central };
    vec![
        ProductNotFound { name: "Tote bag".into(), barcode: Some("5901234123457".into()), default_code: Some("BAG01".into()) },
        ProductNotFound { name: "Tote bag".into(), barcode: Some("5901234123457".into()), default_code: None },
        ProductAmbiguous {
            name: "Tote bag".into(),
            by: "default_code".into(),
            value: "BAG01".into(),
            matches: names(&["Tote bag (blue)", "Tote bag (red)", "Bag", "Old bag", "Bag 2019"]),
        },
        ProductWithoutReference { name: "Coffee to go".into() },
        TaxNotFound { name: "VAT 20% incl".into(), amount: "20%".into(), included: true, company: "My Company".into() },
        TaxAmbiguous { name: "VAT 20% incl".into(), matches: names(&["20% S", "20% S EU"]) },
        CustomerNotFound { name: "Azure Interior".into() },
        CustomerAmbiguous { name: "Azure Interior".into(), matches: names(&["Azure Interior", "Azure Interior sh.p.k."]) },
        setting("warehouse", "TIR"),
        setting("pricelist", "Public Pricelist"),
        setting("team", "Point of Sale"),
        setting("customer", "Walk-in Tirana"),
        setting("salesperson", "anna@example.com"),
        setting("company", "My Company"),
        setting("rounding.product", "POS-ROUND"),
        SettingAmbiguous { setting: "customer".into(), value: "Walk-in".into(), matches: names(&["Walk-in", "Walk-in"]) },
        CurrencyDiffers { branch: "ALL".into(), central: "EUR".into() },
        ShopNotFound { shop: "Furniture Shop".into() },
    ]
}

fn delivering() -> Vec<Problem> {
    use Problem::*;
    vec![
        CompanyMixedUp { words: "Uh-oh! You've got some company inconsistencies here".into() },
        RecordGone { model: "product.product".into(), words: "No matching record found for database id '4711' in field 'Product'".into() },
        TotalDiffers {
            till: Decimal::new(1205, 2),
            central: Decimal::new(1232, 2),
            limit: Some(Decimal::new(5, 2)),
            hint: Some("The tax at the till is included in the price, the one at central is not".into()),
        },
        TotalDiffers { till: Decimal::new(1205, 2), central: Decimal::new(1204, 2), limit: None, hint: None },
        TaxDiffers { till: Decimal::new(201, 2), central: Decimal::new(158, 2) },
        RefusedByOdoo { words: "The delivery date is sooner than the expected date.".into() },
        DraftGone { central_id: 4711 },
        OrderChanged { what: "total 12.00 to 15.00".into() },
        OrderRefunded { by: "261-4-000012".into(), amount: Decimal::new(-2500, 2) },
        DraftDeleted { name: "S00042".into() },
        DraftLost { name: "S00042".into() },
        InvoicedSkipped { invoice: "INV/2026/00017".into() },
        BranchRestored { details: "order 815 was sold on 2026-11-03 and now on 2026-11-05".into() },
        BranchCloned { other: BranchCode::new("durres").unwrap(), reference: "2601-001-0007".into() },
        CentralRestored { lost: 12, first: "S00042".into(), last: "S00053".into() },
        CentralRestored { lost: 1, first: "S00042".into(), last: "S00042".into() },
        ClockOff { minutes: -47 },
        ClockOff { minutes: 1 },
        DiskFull { path: "/var/lib/posbridge".into() },
        StateUnwritable { path: "/var/lib/posbridge".into(), reason: "permission denied".into() },
        PassRunning { by: "posbridge run, process 4711, since 2026-11-21T08:00:00Z".into() },
    ]
}

fn sending() -> Vec<Problem> {
    use Problem::*;
    let article = || "[PB-001] Article 1".to_owned();
    let field =
        |field: &str, value: &str| FieldNotThere { kind: Kind::Product, reference: article(), field: field.into(), value: value.into() };
    vec![
        SessionOpen { kind: Kind::Tax, reference: "VAT 20%".into(), shops: names(&["Furniture Shop"]) },
        SessionOpen { kind: Kind::PaymentMethod, reference: "Card".into(), shops: names(&["Furniture Shop", "Bar"]) },
        SessionOpen { kind: Kind::PaymentMethod, reference: "Card".into(), shops: vec![] },
        OrderOpen { reference: article(), orders: names(&["Order 00001-001-0003"]) },
        OrderOpen { reference: article(), orders: vec![] },
        WaitsForNeed { kind: Kind::PosCategory, reference: "Drinks / Hot".into() },
        BranchEdited {
            kind: Kind::Product,
            reference: article(),
            changes: names(&["sales price 12.00 at the branch, 10.00 at central", "barcode 4006381333931 at the branch, none at central"]),
        },
        ChangedSincePreview { reference: article(), changes: names(&["sales price 10.00 in the preview, 12.00 now"]) },
        MatchAmbiguous {
            kind: Kind::Product,
            reference: article(),
            by: "Internal Reference".into(),
            value: "PB-001".into(),
            matches: names(&["Article 1 (id 12)", "Article 1 (id 97)"]),
        },
        BarcodeTaken {
            reference: article(),
            barcode: "4006381333931".into(),
            words: "Barcode(s) already assigned: - Barcode \"4006381333931\" already assigned to product(s): Article 2".into(),
        },
        RefusedAtBranch {
            kind: Kind::Customer,
            reference: "Azure Interior".into(),
            words: "The VAT number [X1] does not seem to be valid.".into(),
        },
        JournalNotSet { method: "Card".into(), journals: names(&["Bank", "Cash", "Point of Sale", "Bank 2"]) },
        JournalNotSet { method: "Card".into(), journals: vec![] },
        JournalNotFound { method: "Card".into(), journal: "Bnk".into(), journals: names(&["Bank", "Cash"]) },
        CountryDiffers { reference: "VAT 20%".into(), branch: "Albania".into(), central: "Italy".into() },
        CounterpartMissing { what: "currency".into(), value: "ALL".into() },
        CounterpartMissing { what: "country".into(), value: "XK".into() },
        CounterpartMissing { what: "state".into(), value: "AL-11".into() },
        CounterpartMissing { what: "tax group".into(), value: "VAT 20%".into() },
        CounterpartMissing { what: "journal".into(), value: "Bank".into() },
        ImageTooLarge { reference: article(), size_kb: 14_200, limit_kb: 8_000 },
        VariantsDiffer { reference: "Shirt".into(), differences: names(&["Size XL only at the branch", "Color Red only at central"]) },
        ComboNotSent { reference: "Lunch menu".into() },
        LanguageMissing { side: tirana(), language: "sq_AL".into() },
        LanguageMissing { side: Side::Central, language: "sq_AL".into() },
        SelectionWrong {
            kind: Kind::Product,
            setting: "domain".into(),
            words: "Invalid field product.template.available in condition".into(),
        },
        NothingSelected { kind: Kind::PaymentMethod, setting: "refs".into(), value: "Crad".into() },
        TooManyGone { kind: Kind::PaymentMethod, gone: 4, of: 5 },
        NotAsSent { reference: article(), changes: names(&["sales price 10.00 at central, 12.00 at the branch"]) },
        field("product type", "combo"),
        field("track inventory", ""),
    ]
}

/// The line for a group of records or of orders, whichever the problem is about.
fn line(problem: &Problem, number: usize) -> String {
    if sending().contains(problem) { records_line(problem, number) } else { group_line(problem, number) }
}

#[test]
fn the_catalogue() {
    let mut catalogue = String::new();
    for problem in examples() {
        writeln!(catalogue, "{} ({:?}, {:?})", problem.key(), problem.who(), problem.retry()).unwrap();
        writeln!(catalogue, "  {}", problem.what()).unwrap();
        writeln!(catalogue, "  {}", problem.meaning()).unwrap();
        writeln!(catalogue, "  {}", problem.next_step()).unwrap();
        writeln!(catalogue, "  > {}\n", line(&problem, 12)).unwrap();
    }
    insta::assert_snapshot!(catalogue);
}

/// serde names every variant when it is given an unknown one, so a variant without an example cannot hide.
#[test]
fn the_catalogue_is_complete() {
    let error = serde_json::from_str::<Problem>(r#"{"cause":"nope"}"#).unwrap_err().to_string();
    let known: BTreeSet<&str> = error.split('`').skip(3).step_by(2).collect();
    let shown: BTreeSet<&str> = examples().iter().map(Problem::cause).collect();
    assert!(known.len() > 40, "{error}");
    assert_eq!(known, shown);
}

#[test]
fn json_brings_every_problem_back_and_its_tag_is_the_cause() {
    for problem in examples() {
        let json = serde_json::to_value(&problem).unwrap();
        assert_eq!(json["cause"], problem.cause());
        assert_eq!(serde_json::from_value::<Problem>(json).unwrap(), problem);
    }
}

#[test]
fn sentences_are_whole_and_name_their_next_actor() {
    for problem in examples() {
        for text in [problem.what(), problem.meaning(), problem.next_step()] {
            assert!(text.ends_with('.'), "{text}");
            assert!(!text.contains("  ") && !text.contains("..") && !text.contains('\n'), "{text}");
            assert!(!text.starts_with(char::is_lowercase), "{text}");
        }
        let actor = match problem.who() {
            Who::Nobody => continue,
            Who::Branch => "Branch: ",
            Who::Central => "Central: ",
            Who::Integrator => "Integrator: ",
            Who::Ops => "Ops: ",
        };
        assert!(problem.next_step().contains(actor), "{}: {}", problem.cause(), problem.next_step());
    }
}

#[test]
fn a_retry_command_names_the_problems_own_cause() {
    for problem in examples() {
        let step = problem.next_step();
        if let Some(at) = step.find("--cause ") {
            let named: String = step[at + 8..].chars().take_while(|&c| c != '`' && c != ' ').collect();
            // The notice about central names the orders that it is about.
            let own = if matches!(problem, Problem::CentralRestored { .. }) { Problem::DRAFT_LOST } else { problem.cause() };
            assert_eq!(named, own);
            let again = step[at..].contains("--recreate");
            assert!(again || problem.retry() == Retry::AfterFix, "{named}");
        }
    }
}

#[test]
fn group_lines_count() {
    let bag = &matching()[0];
    assert_eq!(group_line(bag, 12), "12 orders wait for product [BAG01] \"Tote bag\"");
    assert_eq!(group_line(bag, 1), "1 order waits for product [BAG01] \"Tote bag\"");
    assert_eq!(group_line(bag, 0), bag.what());
    let need = Problem::WaitsForNeed { kind: Kind::Tax, reference: "VAT 20%".into() };
    assert_eq!(records_line(&need, 1), "1 record waits for the tax \"VAT 20%\"");
    assert_eq!(records_line(&need, 3), "3 records wait for the tax \"VAT 20%\"");
    let changed = Problem::OrderChanged { what: String::new() };
    assert_eq!(group_line(&changed, 3), "3 orders: changed at the branch after they were received");
}

#[test]
fn one_fix_has_one_key() {
    let red = Problem::ProductNotFound { name: "Red".into(), barcode: None, default_code: Some("BAG01".into()) };
    assert_eq!(red.key(), "product_not_found:[BAG01]");
    assert_eq!(matching()[0].key(), red.key());
    assert_eq!(Problem::PasswordMissing { side: Side::Central }.key(), "password_missing:central");
    assert_eq!(Problem::ClockOff { minutes: 9 }.key(), "clock_off");
}

#[test]
fn sides_are_plain_text_in_json() {
    assert_eq!(serde_json::to_string(&Side::Central).unwrap(), "\"central\"");
    assert_eq!(serde_json::to_string(&tirana()).unwrap(), "\"tirana\"");
    assert_eq!(serde_json::from_str::<Side>("\"central\"").unwrap(), Side::Central);
    assert!(serde_json::from_str::<Side>("\"Not a code\"").is_err());
}

#[test]
fn clean_takes_the_sting_out() {
    assert_eq!(clean("  Tote\u{1b}[31m \r\n bag\u{0}\u{202e} ", 80), "Tote [31m bag");
    assert_eq!(clean("abcdef", 6), "abcdef");
    assert_eq!(clean("abcdefg", 6), "abcde…");
    assert_eq!(clean("abcde fgh", 6), "abcde…");
    assert_eq!(clean("漢字かな", 3), "漢字…");
    assert_eq!(clean("abc", 0), "");
    assert_eq!(clean("👩‍👩‍👧", 80), "👩‍👩‍👧");
}

proptest! {
    #[test]
    fn clean_is_short_and_harmless_and_settled(text in "\\PC*|.*|[\\x00-\\x20a]*", max in 0usize..40) {
        let cleaned = clean(&text, max);
        prop_assert!(cleaned.chars().count() <= max);
        prop_assert!(!cleaned.chars().any(char::is_control));
        prop_assert_eq!(clean(&cleaned, max), cleaned);
    }

    #[test]
    fn hostile_text_stays_inside_one_line(text in any::<String>()) {
        let problem = Problem::ProductAmbiguous {
            name: text.clone(), by: text.clone(), value: text.clone(), matches: vec![text.clone(); 9],
        };
        let error = Problem::ServerError { side: Side::Central, words: text.clone() };
        let edited = Problem::BranchEdited { kind: Kind::Product, reference: text.clone(), changes: vec![text.clone(); 9] };
        let journal = Problem::JournalNotFound { method: text.clone(), journal: text.clone(), journals: vec![text; 9] };
        for problem in [problem, error, edited, journal] {
            for shown in [problem.what(), problem.next_step(), problem.key(), records_line(&problem, 2)] {
                prop_assert!(!shown.chars().any(char::is_control));
                prop_assert!(shown.chars().count() < 1000);
            }
        }
    }
}
