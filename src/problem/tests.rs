#![allow(clippy::unwrap_used)] // A test that fails to unwrap has failed.

use std::collections::BTreeSet;
use std::fmt::Write;

use proptest::prelude::*;

use super::*;
use crate::model::Language;

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
        major: None,
    };
    vec![
        DatabaseUnknown { side: tirana(), database: "tirnaa".into() },
        PasswordMissing { side: Side::Central },
        PasswordMissing { side: tirana() },
        PasswordUnreadable { side: tirana(), reason: "it was sealed with the key 0123abcd, which is not in the key file".into() },
        PasswordRefused { side: tirana(), user: "bridge".into() },
        KeyExpired { side: Side::Central, user: "bridge@example.com".into() },
        KeyNeeded { side: tirana(), user: "bridge".into() },
        KeyEnds { side: tirana(), ends: "2026-12-01T08:12:00Z".parse().unwrap() },
        KeyOfAnother { side: Side::Central, user: "bridge@example.com".into(), other: "admin".into() },
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
        setting("taxes", "20% S"),
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
        TotalDiffers { till: Decimal::new(1205, 2), central: Decimal::new(1200, 2), limit: Some(Decimal::new(5, 2)), hint: None },
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
        BranchUnknown,
        CentralUnknown,
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

/// The line for a group in the dashboard.
fn line_in(language: Language, problem: &Problem, number: usize) -> String {
    if sending().contains(problem) { records_line_in(language, problem, number) } else { group_line_in(language, problem, number) }
}

#[test]
fn the_catalogue_in_german() {
    let mut catalogue = String::new();
    for problem in examples() {
        let Said { what, meaning, next_step, .. } = problem.say(Language::German);
        writeln!(catalogue, "{} ({})", problem.key(), problem.who().label(Language::German)).unwrap();
        writeln!(catalogue, "  {what}\n  {meaning}\n  {next_step}").unwrap();
        writeln!(catalogue, "  > {}\n", line_in(Language::German, &problem, 12)).unwrap();
    }
    insta::assert_snapshot!(catalogue);
}

/// Only what differs from the command line.
#[test]
fn the_next_steps_of_the_browser() {
    let mut catalogue = String::new();
    for problem in examples() {
        let said = problem.say(Language::English);
        assert_eq!((&said.what, &said.meaning), (&problem.what(), &problem.meaning()));
        assert_eq!(line_in(Language::English, &problem, 12), line(&problem, 12));
        assert_eq!(line_in(Language::English, &problem, 1), line(&problem, 1));
        if said.next_step != problem.next_step() {
            writeln!(catalogue, "{}\n  {}\n", problem.key(), said.next_step).unwrap();
        } else {
            assert!(!said.next_step.contains("`posbridge"), "{}", said.next_step);
        }
    }
    insta::assert_snapshot!(catalogue);
}

#[test]
fn nothing_is_left_in_english() {
    for problem in examples() {
        let (english, german) = (problem.say(Language::English), problem.say(Language::German));
        assert_ne!(english.what, german.what);
        assert_ne!(english.meaning, german.meaning);
        assert_ne!(english.next_step, german.next_step);
        for number in [1, 12] {
            assert_ne!(line_in(Language::English, &problem, number), line_in(Language::German, &problem, number));
        }
        // Words that no German sentence has; what comes from outside may have them.
        let mut own = format!("{} {}", german.meaning, german.next_step);
        if let Problem::TotalDiffers { hint: Some(hint), .. } = &problem {
            own = own.replace(hint, "");
        }
        for word in [" the ", " and ", " or ", " is ", " branch ", "Branch:", "Central:", "Ops:", "\u{201d}", " > Configuration"] {
            assert!(!own.contains(word), "{word}: {own}");
        }
    }
    let labels = |language: Language| {
        let whos = [Who::Branch, Who::Central, Who::Ops, Who::Nobody].map(|who| who.label(language));
        let kinds = Kind::ALL.into_iter().flat_map(|kind| [kind.label_in(language), kind.plural_in(language)]);
        let buttons = Button::ALL.map(|button| button.label(language));
        whos.into_iter().chain(kinds).chain(buttons).collect::<Vec<_>>()
    };
    for (english, german) in labels(Language::English).into_iter().zip(labels(Language::German)) {
        assert!(!english.eq_ignore_ascii_case(german) || english == "attribute", "{english}");
    }
}

/// Who reads the dashboard has no shell: each thing to do is a button of the page, a menu of Odoo, or a setting.
#[test]
fn the_browser_takes_no_commands() {
    for problem in examples() {
        for language in Language::ALL {
            let said = problem.say(language);
            for text in [&said.what, &said.meaning, &said.next_step] {
                assert!(text.ends_with('.'), "{text}");
                assert!(!text.contains("  ") && !text.contains("..") && !text.contains(" .") && !text.contains('\n'), "{text}");
                assert!(!text.starts_with(char::is_lowercase), "{text}");
            }
            for command in ["`posbridge", "posbridge retry", "posbridge ignore", "--", "Then type", "CODE --"] {
                assert!(!said.next_step.contains(command), "{command}: {}", said.next_step);
            }
            for button in said.next_step.split('*').skip(1).step_by(2) {
                assert!(Button::ALL.iter().any(|known| known.label(language) == button), "{button}");
            }
            let who = problem.who();
            assert!(who == Who::Nobody || said.next_step.contains(&format!("{}: ", who.label(language))), "{}", said.next_step);
        }
    }
}

#[test]
fn german_lines_count() {
    let bag = &matching()[0];
    assert_eq!(group_line_in(Language::German, bag, 12), "12 Aufträge warten auf das Produkt [BAG01] „Tote bag“");
    assert_eq!(group_line_in(Language::German, bag, 1), "1 Auftrag wartet auf das Produkt [BAG01] „Tote bag“");
    assert_eq!(group_line_in(Language::German, bag, 0), bag.say(Language::German).what);
    let need = |kind| Problem::WaitsForNeed { kind, reference: "X".into() };
    assert_eq!(records_line_in(Language::German, &need(Kind::Tax), 1), "1 Datensatz wartet auf die Steuer „X“");
    assert_eq!(records_line_in(Language::German, &need(Kind::Customer), 3), "3 Datensätze warten auf den Kunden „X“");
    let changed = Problem::OrderChanged { what: String::new() };
    assert_eq!(group_line_in(Language::German, &changed, 3), "3 Aufträge: in der Filiale geändert, nachdem sie empfangen wurden");
}

/// Of each kind, since each has its own articles.
#[test]
fn german_kinds_in_sentences() {
    let mut told = String::new();
    for kind in Kind::ALL {
        let reference = || "X".to_owned();
        for problem in [
            Problem::SessionOpen { kind, reference: reference(), shops: names(&["Bar"]) },
            Problem::WaitsForNeed { kind, reference: reference() },
            Problem::MatchAmbiguous { kind, reference: reference(), by: "barcode".into(), value: "1".into(), matches: names(&["A", "B"]) },
            Problem::NothingSelected { kind, setting: "refs".into(), value: "X".into() },
        ] {
            writeln!(told, "{}", problem.say(Language::German).what).unwrap();
        }
        writeln!(told, "  {}\n", Problem::WaitsForNeed { kind, reference: reference() }.say(Language::German).next_step).unwrap();
    }
    insta::assert_snapshot!(told);
}

#[test]
fn the_one_hint_is_translated_and_others_are_shown_as_they_are() {
    let with = |hint: &str| {
        let problem = Problem::TotalDiffers { till: Decimal::ONE, central: Decimal::TWO, limit: None, hint: Some(hint.to_owned()) };
        problem.say(Language::German).next_step
    };
    let step = with(
        "The quantity 1.005 has more decimals than central may keep: see Settings > Technical > Decimal Accuracy > Product Unit (before Odoo 19: Product Unit of Measure) at central",
    );
    assert!(step.starts_with("Die Menge 1,005 hat mehr Nachkommastellen, als die Zentrale behalten kann: siehe Einstellungen"), "{step}");
    assert!(with("Something else.").starts_with("Something else. Zentrale: "));
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
            // What a setting left out is not for a person to try again, until he changes the setting.
            let by_setting = matches!(problem, Problem::InvoicedSkipped { .. });
            assert!(again || by_setting || problem.retry() == Retry::AfterFix, "{named}");
        }
    }
}

#[test]
fn a_next_step_has_the_number_of_its_record() {
    let step = "Type `posbridge retry ID --recreate` or `posbridge ignore ID --reason \"…\"`.";
    assert_eq!(numbered(step, 42), "Type `posbridge retry 42 --recreate` or `posbridge ignore 42 --reason \"…\"`.");
}

#[test]
fn a_reader_reads_his_language() {
    assert_eq!(Reader::Terminal.language(), Language::English);
    assert_eq!(Language::ALL.map(|language| Reader::Browser(language).language()), Language::ALL);
}

#[test]
fn the_least_group_that_opens_a_model_is_named_as_the_version_calls_it() {
    let step = |side: Side, model: &str, operation: &str, major: Option<u32>, groups: &[&str], language| {
        let (user, model, operation) = ("bridge".into(), model.into(), operation.into());
        Problem::RightMissing { side, user, model, operation, groups: names(groups), major }.say(language).next_step
    };
    let assert_given = |side: Side, model: &str, operation: &str, major: Option<u32>, group: &str| {
        let said = step(side, model, operation, major, &[], Language::English);
        assert!(said.contains(&format!("and give {group}.")), "{model} {operation} {major:?}: {said}");
        let german = step(tirana(), model, operation, major, &[], Language::German);
        assert!(german.contains('„') && !german[german.find(" geben Sie ihm ").unwrap()..].contains('"'), "{german}");
    };
    let (products, till) = ("\"Products / Create\"", "\"Point of Sale / Administrator\"");
    let (reads, reads_before) =
        ("\"Point of Sale / User\" and \"Role / User\"", "\"Point of Sale / User\" and \"User types / Internal User\"");
    let (contacts, contacts_before) = ("\"Contact / Creation\"", "\"Extra Rights / Contact Creation\"");
    let stock = "\"Inventory / User\"";
    // Who writes, in 17 and before, 18 and 19.
    for (model, read_by_role, writes) in [
        ("uom.uom", true, [till, till, products]),
        ("product.template,product.product", true, [till, till, products]),
        (
            "product.pricelist,product.pricelist.item",
            true,
            ["\"Sales / Administrator\" or \"Inventory / Administrator\"", "\"Extra Rights / Product Creation\"", products],
        ),
        ("stock.warehouse.orderpoint", false, [stock; 3]),
        ("res.partner", true, [contacts_before, contacts_before, contacts]),
        ("account.tax", true, ["\"Invoicing / Billing Administrator\"", "\"Invoicing / Administrator\"", "\"Accounting / Administrator\""]),
        ("pos.category", true, [till; 3]),
        ("res.users", true, ["\"Administration / Access Rights\"", "\"Administration / Access Rights\"", "\"Access Rights\""]),
        ("pos.order", true, [reads_before, reads_before, reads]),
    ] {
        for (major, written) in
            [(Some(14), writes[0]), (Some(17), writes[0]), (Some(18), writes[1]), (Some(19), writes[2]), (None, writes[2])]
        {
            for operation in ["create", "write", "unlink"] {
                assert_given(tirana(), model, operation, major, written);
            }
            let read = if major.is_some_and(|major| major < 19) { reads_before } else { reads };
            for operation in ["read", "search", "search_read", "fields_get"] {
                assert_given(tirana(), model, operation, major, if read_by_role { read } else { stock });
            }
        }
    }
    for major in [None, Some(16)] {
        assert_given(Side::Central, "pos.payment.method", "read", major, "\"Point of Sale / User\"");
        assert_given(Side::Central, "sale.order", "create", major, "\"Sales / User: All Documents\"");
    }
}

#[test]
fn where_the_version_is_not_known_the_groups_that_odoo_names_tell_it() {
    for (groups, major) in [
        (&["Administration/Settings", "Inventory/Administrator", "Sales/Administrator"][..], Some(17)),
        (&["Invoicing/Billing Administrator"], Some(17)),
        (&["Extra Rights/Product Creation", "Inventory/Administrator", "Sales/Administrator"], Some(18)),
        (&["Invoicing/Administrator"], Some(18)),
        (&["Accounting/Administrator"], None),
        (&["Point of Sale/User", "Inventory/User"], None),
        (&["Role / User"], None),
        (&[], None),
    ] {
        assert_eq!(super::words::told_by(&names(groups)), major, "{groups:?}");
    }
}

#[test]
fn of_many_long_differences_some_are_shown_in_short() {
    for number in 3..=5 {
        let changes: Vec<String> = (1..=number).map(|n| format!("{n}{}", "x".repeat(200))).collect();
        let problem = Problem::NotAsSent { reference: "Tea".into(), changes };
        for said in Language::ALL.map(|language| problem.say(language).what) {
            assert!(said.chars().count() < 500, "{said}");
            assert!(said.contains("3x") && !said.contains("5x"), "{said}");
        }
        let german = problem.say(Language::German).what;
        assert_eq!((german.contains("4x"), german.contains("und 2 weitere")), (number == 4, number == 5), "{german}");
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
    for (problem, waits) in [(bag, true), (&changed, false)] {
        for (number, word) in [(1, "wartet"), (3, "warten")] {
            assert_eq!(group_line_in(Language::German, problem, number).contains(word), waits);
        }
    }
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
            let german = problem.say(Language::German);
            let line = records_line_in(Language::German, &problem, 2);
            for shown in [german.what, german.next_step, line, problem.say(Language::English).next_step] {
                prop_assert!(!shown.chars().any(char::is_control));
                prop_assert!(shown.chars().count() < 1000);
            }
            for shown in [problem.what(), problem.next_step(), problem.key(), records_line(&problem, 2)] {
                prop_assert!(!shown.chars().any(char::is_control));
                prop_assert!(shown.chars().count() < 1000);
            }
        }
    }
}
