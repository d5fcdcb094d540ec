#![allow(clippy::unwrap_used)] // A test that fails to unwrap has failed.

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::model::Kind;

const EXAMPLE: &str = include_str!("../../branches.toml.example");

/// Central, and one branch with what is required.
const SMALL: &str = r#"
[central]
url = "https://erp.example.com"
database = "central"
user = "bridge@example.com"

[branch.tirana]
url = "https://tirana.example.com"
database = "tirana"
user = "bridge"
from = 2026-11-01
customer = "Walk-in"
"#;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("branches.toml"))
}

/// All that a file is told.
fn complaints(text: &str) -> String {
    parse(text).expect_err("this file has mistakes").to_string()
}

/// The complaints about the small file with more lines for its branch.
fn told(lines: &str) -> String {
    complaints(&format!("{SMALL}{lines}"))
}

/// The branch of the small file with more lines for it.
fn branch(lines: &str) -> Branch {
    parse(&format!("{SMALL}{lines}")).unwrap().branches.remove(0)
}

#[test]
fn the_example_is_valid_and_shows_every_key() {
    let config = Config::parse(EXAMPLE, Path::new("/etc/posbridge/branches.toml")).unwrap();
    insta::assert_debug_snapshot!(config);
    for key in read::every_key() {
        let shown = |line: &str| {
            let line = line.trim_start_matches('#');
            line.starts_with(&format!("{key} =")) || (line.starts_with('[') && line.contains(key))
        };
        assert!(EXAMPLE.lines().any(shown), "{key} is not in branches.toml.example");
    }
}

#[test]
fn a_small_file_gets_the_defaults() {
    let config = parse(SMALL).unwrap();
    assert!(config.file.is_absolute() && config.state.is_absolute());
    assert_eq!(config.state, config.file.with_file_name("state"));
    assert_eq!((config.central.writers, config.central.company.as_deref()), (2, None));
    let branch = config.branch("tirana").unwrap();
    assert!(config.branch("durres").is_none());
    assert_eq!((branch.name.as_str(), branch.enabled), ("tirana", true));
    assert_eq!(branch.schedule, Schedule::Every { every: Duration::from_secs(900), start: None });
    assert_eq!(branch.endpoint.timeout, Duration::from_secs(120));
    assert_eq!(branch.overlap, Duration::from_secs(900));
    assert_eq!(branch.match_products, [MatchProduct::Barcode, MatchProduct::DefaultCode]);
    assert_eq!((branch.receive, branch.invoiced), (Receive::Paid, Invoiced::Mark));
    assert_eq!(branch.unknown_customer, UnknownCustomer::Default);
    assert_eq!(branch.from_utc().to_string(), "2026-11-01T00:00:00Z");
    assert_eq!(branch.send, Send::default());
    assert!(branch.send.kinds.is_empty());
}

#[test]
fn a_branch_wins_over_defaults_and_tables_are_merged() {
    let text = r#"
[defaults]
cron = "0 6 * * *"
start = 2026-12-01T06:05:00+01:00
customer = 7
url = "https://odoo.example.com/shops/"
from = 2026-01-01
user = "bridge"
taxes = { "A" = "central A", "B" = "central B" }
send = { language = "sq_AL", products = { all = true } }
[central]
url = "https://ERP.example.com:443/"
database = "central"
user = "bridge"
company = "Central Ltd"
[branch.b]
database = "b"
timezone = "Europe/Tirane"
every = "1h30m"
taxes = { "B" = "own B" }
[branch.a]
database = "a"
company = "A Ltd"
send = { customers = { all = true, conflict = "ask" } }
"#;
    let config = parse(text).unwrap();
    let [b, a] = config.branches.as_slice() else { panic!("file order: {config:?}") };
    assert_eq!((b.code.as_str(), a.code.as_str()), ("b", "a"));
    assert_eq!(config.central.endpoint.url, "https://erp.example.com");
    assert_eq!(b.endpoint.url, "https://odoo.example.com/shops");
    assert_eq!((b.customer.as_str(), b.company.as_deref(), a.company.as_deref()), ("7", Some("Central Ltd"), Some("A Ltd")));
    let start = "2026-12-01T05:05:00Z".parse().ok();
    assert_eq!(b.schedule, Schedule::Every { every: Duration::from_secs(5400), start });
    assert_eq!(a.schedule, Schedule::Cron { cron: "0 6 * * *".into() });
    assert_eq!(b.taxes.get("A").map(String::as_str), Some("central A"));
    assert_eq!(b.taxes.get("B").map(String::as_str), Some("own B"));
    assert_eq!(b.from_utc().to_string(), "2025-12-31T23:00:00Z");
    let kinds = |branch: &Branch| branch.send.kinds.keys().copied().collect::<Vec<_>>();
    assert_eq!((b.send.language.as_str(), kinds(b)), ("sq_AL", vec![Kind::Product]));
    assert_eq!((a.send.language.as_str(), kinds(a)), ("en_US", vec![Kind::Customer]), "of two tables `send` the branch's own is whole");
}

#[test]
fn each_mistake_is_told() {
    let mistakes = [
        // Keys
        "warehuose = \"TIR\"",
        "Team = \"x\"",
        "wrong_altogether = 1",
        "writers = 2",
        "pass-word = \"hunter2\"",
        "api_key = \"hunter2\"",
        "client_secret = \"hunter2\"",
        // Types
        "name = 7",
        "enabled = \"yes\"",
        "shops = \"Bar\"",
        "shops = [1]",
        "taxes = [\"a\"]",
        "taxes = { \"VAT 20%\" = 20 }",
        "rounding = \"0.05\"",
        "send = 1",
        "team = \"\"",
        "team = \"a\\tb\"",
        // Time
        "every = 15",
        "every = \"soon\"",
        "every = \"1s\"",
        "every = \"-15m\"",
        "timeout = \"11m\"",
        "overlap = \"169h\"",
        "start = 2026-12-01T06:05:00",
        "start = \"2026-12-01T06:05:00Z\"",
        "timezone = \"Europe/Tirana\"",
        "cron = \"0 6 * * *\"\nevery = \"15m\"",
        "cron = \"0 6 * * *\"\nstart = 2026-12-01T06:05:00Z",
        "cron = \"daily\"",
        "cron = \"0 25 * * *\"",
        "cron = \"*/0 * * * *\"",
        "cron = \"0 6 * * fun\"",
        // Words and numbers
        "receive = \"open\"",
        "invoiced = \"no\"",
        "unknown_customer = \"create\"",
        "match_products = []",
        "match_products = [\"name\"]",
        "rounding = { product = \"R\" }",
        "rounding = { product = \"R\", limit = 0, limt = 1 }",
        "rounding = { product = \"R\", limit = \"1001\" }",
    ];
    let mut all = String::new();
    for mistake in mistakes {
        all.push_str(&format!("{mistake}\n  {}\n", told(mistake).replace('\n', "\n  ")));
    }
    assert!(!all.replace("= \"hunter2\"", "").contains("hunter2"), "a password is repeated");
    insta::assert_snapshot!(all);
}

/// The settings of sending of the small file with these lines under its table `send`.
fn send(lines: &str) -> Send {
    branch(&format!("[branch.tirana.send]\n{lines}")).send
}

#[test]
fn what_is_sent_is_chosen_in_every_way() {
    let chosen = |lines: &str| send(&format!("[branch.tirana.send.products]\n{lines}")).kinds.remove(&Kind::Product).unwrap();
    let domain = serde_json::json!(["|", ["available_in_pos", "=", true], ["list_price", ">", 9.5], ["categ_id", "child_of", [4, 7]]]);
    for written in [
        r#"domain = ["|", ["available_in_pos", "=", true], ["list_price", ">", 9.5], ["categ_id", "child_of", [4, 7]]]"#,
        r#"domain = "['|', ('available_in_pos', '=', True), ('list_price', '>', 9.5), ('categ_id', 'child_of', [4, 7])]""#,
        r#"domain = '["|",["available_in_pos","=",true],["list_price",">",9.5],["categ_id","child_of",[4,7]]]'"#,
    ] {
        assert_eq!(chosen(written), Selection { choice: vec![Choose::Domain(domain.clone())], ..Selection::default() }, "{written}");
    }
    let names = chosen("refs = [\"PB-001\", \" PB-002 \", \"PB-001\"]\npos_category = [\"Drinks\"]\ntag = [\"Shop\"]").choice;
    let reference = |name: &str| Choose::Reference(name.into());
    assert_eq!(names, [Choose::PosCategory("Drinks".into()), Choose::Tag("Shop".into()), reference("PB-001"), reference("PB-002")]);
    assert_eq!(chosen("all = true").choice, [Choose::All]);
    assert_eq!(chosen("all = false\nrefs = [\"A\"]").choice, [reference("A")]);
}

#[test]
fn what_is_sent_of_a_record_and_when() {
    let read = send(
        r#"
language = "sr@latin"
company = "Tirana Ltd"
every = "1h"
start = 2026-12-01T06:05:00Z
journals = { "Card" = "BNK1", " Cash " = "Cash Tirana" }
products = { all = true, fields = ["list_price", "barcode", "list_price"] }
customers = { tag = ["Retail"], leave = ["phone", "email"], conflict = "branch", cron = "0 6 * * *" }
taxes = { refs = ["VAT 20%"], conflict = "central" }
payment_methods = { all = true, conflict = "ask" }
pricelists = { all = true, every = "5s" }
"#,
    );
    let start = "2026-12-01T06:05:00Z".parse().ok();
    assert_eq!((read.language.as_str(), read.company.as_deref()), ("sr@latin", Some("Tirana Ltd")));
    assert_eq!(read.schedule, Some(Schedule::Every { every: Duration::from_secs(3600), start }));
    let journals: Vec<_> = read.journals.iter().map(|(method, journal)| (method.as_str(), journal.as_str())).collect();
    assert_eq!(journals, [("Card", "BNK1"), ("Cash", "Cash Tirana")]);
    assert_eq!(read.kinds.keys().copied().collect::<std::collections::BTreeSet<_>>(), Kind::CHOSEN.into());
    let of = |kind| &read.kinds[&kind];
    assert_eq!(of(Kind::Product).fields.as_deref(), Some(["list_price".to_owned(), "barcode".to_owned()].as_slice()));
    assert_eq!(
        (&of(Kind::Customer).fields, of(Kind::Customer).leave.as_slice()),
        (&None, ["phone".to_owned(), "email".to_owned()].as_slice())
    );
    assert_eq!(of(Kind::Customer).schedule, Some(Schedule::Cron { cron: "0 6 * * *".into() }));
    assert_eq!(of(Kind::Pricelist).schedule, Some(Schedule::Every { every: Duration::from_secs(5), start: None }));
    assert_eq!(of(Kind::Tax).schedule, None);
    let conflicts = Kind::CHOSEN.map(|kind| of(kind).conflict);
    use crate::master_data::Conflict::*;
    assert_eq!(conflicts, [Central, Branch, Central, Ask, Central]);
    for language in ["sq_AL", "sq", "es_419", "sr@Cyrl", "kab_DZ", "ca_ES@euro"] {
        assert_eq!(send(&format!("language = \"{language}\"")).language, language);
    }
}

#[test]
fn each_mistake_in_what_is_sent_is_told() {
    let mistakes = [
        "langauge = \"sq_AL\"",
        "shops = [\"Bar\"]",
        "password = \"hunter2\"",
        "language = \"Albanian\"",
        "language = \"sq-AL\"",
        "language = \"sq_al\"",
        "start = 2026-12-01T06:05:00Z",
        "every = \"15m\"\ncron = \"0 6 * * *\"",
        "cron = \"daily\"",
        "journals = \"Bank\"",
        "journals = { \"Card\" = 7 }",
        "products = true",
        "products = {}",
        "products = { all = false }",
        "products = { all = \"yes\" }",
        "products = { all = true, refs = [\"PB-001\"] }",
        "products = { all = true, start = 2026-12-01T06:05:00Z }",
        "products = { refs = [] }",
        "products = { refs = \"PB-001\" }",
        "products = { refs = [4711] }",
        "products = { tags = [\"Shop\"] }",
        "taxes = { tag = [\"Shop\"] }",
        "customers = { pos_category = [\"Drinks\"] }",
        "products = { domain = [] }",
        "products = { domain = true }",
        "products = { domain = \"\" }",
        "products = { domain = [\"sale_ok\", \"=\", true] }",
        "products = { domain = [[\"sale_ok\", \"=\"]] }",
        "products = { domain = [[\"sale_ok\", \"is\", true]] }",
        "products = { domain = [\"|\", [\"sale_ok\", \"=\", true]] }",
        "products = { domain = [[\"create_date\", \">\", 2026-11-01]] }",
        "products = { domain = [[\"list_price\", \">\", inf]] }",
        "products = { domain = [[\"id\", \"in\", [4711471147]]] }",
        "products = { domain = [[\"id\", \"=\", { a = 1 }]] }",
        "products = { domain = [[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]] }",
        "products = { domain = \"[('user_id', '=', uid)]\" }",
        "products = { all = true, fields = [\"list_price\"], leave = [\"barcode\"] }",
        "products = { all = true, fields = [] }",
        "products = { all = true, fields = [\"lst_price\"] }",
        "products = { all = true, leave = [\"name\", \"price\"] }",
        "payment_methods = { all = true, leave = [\"barcode\"] }",
        "products = { all = true, conflict = \"newest\" }",
    ];
    let mut all = String::new();
    for mistake in mistakes {
        all.push_str(&format!("{mistake}\n  {}\n", told(&format!("[branch.tirana.send]\n{mistake}")).replace('\n', "\n  ")));
    }
    assert!(!all.replace("= \"hunter2\"", "").contains("hunter2"), "a password is repeated");
    insta::assert_snapshot!(all);
}

#[test]
fn more_than_anybody_means_is_refused() {
    let list = |entries: usize| format!("products = {{ refs = [{}] }}", "\"A\",".repeat(entries));
    assert_eq!(send(&list(10_000)).kinds[&Kind::Product].choice.len(), 1);
    assert!(told(&format!("[branch.tirana.send]\n{}", list(10_001))).contains("has 10001 entries, more than 10000"));
    let journals = |lines: usize| (0..lines).map(|n| format!("\"M{n}\" = \"J\"\n")).collect::<String>();
    assert_eq!(send(&format!("[branch.tirana.send.journals]\n{}", journals(200))).journals.len(), 200);
    assert!(told(&format!("[branch.tirana.send.journals]\n{}", journals(201))).contains("has 201 lines, more than 200"));
}

#[test]
fn each_mistake_in_a_required_key_is_told() {
    let mistakes = [
        ("https://tirana.example.com", "tirana.example.com"),
        ("https://tirana.example.com", "ftp://tirana.example.com"),
        ("https://tirana.example.com", "https://"),
        ("https://tirana.example.com", "https://bridge:hunter2@tirana.example.com"),
        ("https://tirana.example.com", "https://hunter2@tirana.example.com"),
        ("https://tirana.example.com", "https://bridge:hun ter2@tirana.example com"),
        ("https://tirana.example.com", "https://tirana.example.com/web/login?db=tirana#x"),
        ("https://tirana.example.com", "http://tirana.example.com"),
        ("https://tirana.example.com", "http://169.254.169.254"),
        ("https://tirana.example.com", "https://0xA9FEA9FE/"),
        ("https://tirana.example.com", "https://[fe80::1]"),
        ("https://tirana.example.com", "https://[::ffff:169.254.169.254]"),
        ("2026-11-01", "2026-02-30"),
        ("2026-11-01", "\"2026-11-01\""),
        ("2026-11-01", "2026-11-01T00:00:00Z"),
        ("2026-11-01", "0206-11-01"),
        ("\"Walk-in\"", "0"),
        ("\"Walk-in\"", "true"),
        ("branch.tirana", "branch.Tirana-1"),
        ("branch.tirana", "branch.central"),
        ("[branch.tirana]", "[[branch]]"),
        ("[branch.tirana]", "[branches.tirana]"),
        ("[central]", "[centre]"),
        ("[central]", "[central]\nevery = \"15m\"\nwriters = 9"),
    ];
    let mut all = String::new();
    for (right, wrong) in mistakes {
        let text = complaints(&SMALL.replacen(right, wrong, 1));
        assert!(!text.contains("hunter2") && !text.contains("ter2"), "a password is repeated: {text}");
        all.push_str(&format!("{wrong}\n  {}\n", text.replace('\n', "\n  ")));
    }
    all.push_str(&format!("(empty)\n  {}\n", complaints("").replace('\n', "\n  ")));
    all.push_str(&format!("(nothing required)\n  {}\n", complaints("[central]\n[branch.a]").replace('\n', "\n  ")));
    insta::assert_snapshot!(all);
}

#[test]
fn ten_mistakes_are_told_at_once() {
    let told = complaints(
        r#"state = "state"
stat = "x"

[central]
url = "https://bridge:hunter2@erp.example.com"
database = "central"

[defaults]
every = "15 parsecs"

[branch.tirana]
name = "Tirana Centre"
url = "http://tirana.example.com"
database = "tirana"
user = "bridge"
from = "yesterday"
customer = "Walk-in"
password = "hunter2"

[branch.durres]
url = "https://durres.example.com"
database = "shop"
user = "bridge"
from = 2026-11-01
customer = "Walk-in"
warehuose = "DUR"
shops = "Bar"

[branch.vlora]
url = "https://DURRES.example.com:443/"
database = "shop"
user = "bridge"
from = 2026-11-01
timezone = "Europe/Vlora"
"#,
    );
    insta::assert_snapshot!(told);
}

#[test]
fn one_database_is_one_branch() {
    let twice = |url: &str, database: &str| {
        let branch = format!(
            "[branch.b]\nurl = \"{url}\"\ndatabase = \"{database}\"\nuser = \"x\"\nfrom = 2026-11-01\ncustomer = 1\nallow_http = true\n"
        );
        parse(&format!("{SMALL}{branch}")).map(|_| ()).map_err(|error| error.to_string())
    };
    for url in ["https://TIRANA.example.com.:443/", "https://tirana.example.com", "http://tirana.example.com"] {
        assert!(twice(url, "tirana").unwrap_err().contains("same url and database as branch \"tirana\""), "{url}");
        assert_eq!(twice(url, "other"), Ok(()));
    }
    assert!(twice("https://erp.example.com", "central").unwrap_err().contains("as central"));
    assert_eq!(twice("https://tirana.example.com:8443", "tirana"), Ok(()));
}

#[test]
fn plain_http_is_for_this_machine_or_by_leave() {
    for host in ["localhost:8069", "127.0.0.1:8069", "127.8.8.8", "[::1]:8069", "odoo.localhost"] {
        let text = SMALL.replace("https://tirana.example.com", &format!("http://{host}"));
        assert_eq!(parse(&text).unwrap().branches[0].endpoint.url, format!("http://{host}"));
    }
    let text = SMALL.replace("https://tirana.example.com\"", "http://tirana.example.com\"\nallow_http = true");
    assert!(parse(&text).unwrap().branches[0].endpoint.allow_http);
}

#[test]
fn schedules_of_all_kinds() {
    for cron in ["0 */15 * * * *", "*/5 6-23 * * mon-FRI", "0,30 6 1 jan,jul 0-7/2", "  0  6 * * 7 "] {
        let Schedule::Cron { cron: kept } = branch(&format!("cron = \"{cron}\"")).schedule else { panic!("{cron}") };
        assert_eq!(kept, cron.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    let every = |text: &str| branch(&format!("every = \"{text}\"")).schedule;
    for (text, seconds) in [("90s", 90), ("1h30m", 5400), ("1 hour 30 minutes", 5400), ("5s", 5), ("2h", 7200)] {
        assert_eq!(every(text), Schedule::Every { every: Duration::from_secs(seconds), start: None });
    }
}

#[test]
fn amounts_are_read_by_their_digits() {
    for limit in ["\"0.05\"", "0.05"] {
        let rounding = branch(&format!("rounding = {{ product = \"R\", limit = {limit} }}")).rounding.unwrap();
        assert_eq!(rounding.limit, Decimal::new(5, 2));
    }
}

#[test]
fn broken_toml_is_told_with_its_place_and_not_repeated() {
    let texts = [
        "[central\nurl = 1",
        "url = https://bridge:hunter2@erp.example.com",
        "a = \"x",
        "a = 1\na = 2",
        "from = 2026-13-01",
        "\u{feff}[central]\nurl = 1\n= 2",
        "[central]\n[central]\n",
    ];
    let mut all = String::new();
    for text in texts {
        all.push_str(&format!("{text:?}\n  {}\n", complaints(text).replace('\n', "\n  ")));
    }
    assert_eq!(all.matches("hunter2").count(), 1, "{all}");
    insta::assert_snapshot!(all);
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    for (open, close) in [("[", "]"), ("{a=", "}")] {
        let text = format!("a = {}1{}", open.repeat(100_000), close.repeat(100_000));
        assert!(complaints(&text).contains("this is not TOML"));
    }
}

#[test]
fn columns_count_characters() {
    let text = complaints("state = \"漢字\"\n\"ë\" = 1\n  \"é漢\" = 1\n");
    assert!(text.contains("branches.toml:2:1: `ë`") && text.contains("branches.toml:3:3: `é漢`"), "{text}");
}

#[test]
fn too_many_branches() {
    let many: String = (0..=BRANCHES_MAX).map(|n| format!("[branch.b{n}]\n")).collect();
    let text = complaints(&format!("[central]\n{many}"));
    assert!(text.contains("1001 branches are more than one bridge takes (1000)"), "{text}");
}

#[test]
fn a_long_list_of_complaints_is_cut() {
    let many: String = (0..150).map(|n| format!("zzz{n} = 1\n")).collect();
    let text = told(&many);
    assert_eq!(text.lines().count(), COMPLAINTS_SHOWN + 1);
    assert!(text.ends_with("\nand 50 more"));
}

#[test]
fn files_that_cannot_be_read_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("branches.toml");
    let told = |path: &Path| Config::load(path).unwrap_err().to_string().replace(folder.path().to_str().unwrap(), "DIR");
    let mut all = told(&path);
    fs::write(&path, b"state = \"s\"\nname = \"\xff\"\n").unwrap();
    all += &format!("\n{}", told(&path));
    fs::write(&path, vec![b'#'; FILE_MAX as usize + 1]).unwrap();
    all += &format!("\n{}", told(&path));
    all += &format!("\n{}", told(folder.path()));
    fs::write(&path, SMALL).unwrap();
    assert_eq!(Config::load(&path).unwrap().file, path);
    insta::assert_snapshot!(all);
}

#[test]
fn the_first_place_that_is_there_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let [near, far] = ["near.toml", "far.toml"].map(|name| folder.path().join(name));
    let places = || vec![near.clone(), far.clone()];
    assert!(matches!(first_present(places()), Err(ConfigError::NotFound { looked }) if looked == places()));
    fs::write(&far, "").unwrap();
    assert_eq!(first_present(places()).unwrap(), far);
    fs::write(&near, "").unwrap();
    assert_eq!(first_present(places()).unwrap(), near);
    assert_eq!(Config::find(Some(far.clone())).unwrap(), far);
    let hidden = near.join("below-a-file.toml");
    assert_eq!(first_present(vec![hidden.clone(), far.clone()]).unwrap(), far);
    fs::remove_file(&far).unwrap();
    assert_eq!(first_present(vec![hidden.clone(), far.clone()]).unwrap(), hidden);
    let missing = folder.path().join("none.toml");
    assert!(Config::find(Some(missing)).unwrap_err().to_string().contains("posbridge init"));
}

/// Lines that look like the file, so that the walk is reached and not only the parser.
fn lines() -> impl Strategy<Value = String> {
    let heads = prop_oneof![
        Just("[central]".to_owned()),
        Just("[defaults]".to_owned()),
        "\\[branch\\.[a-z]{1,3}\\]",
        Just("[branch.a.taxes]".to_owned()),
        Just("[branch.a.send]".to_owned()),
        Just("[branch.a.send.products]".to_owned()),
        Just("[[branch]]".to_owned()),
    ];
    let values = prop_oneof![
        Just("\"\"".to_owned()),
        "\"[^\"\\\\]{0,12}\"",
        "-?[0-9]{1,20}",
        "[0-9]{4}-[0-9]{2}-[0-9]{2}",
        "\"(https?|x)://[a-z0-9:@.\\[\\]]{0,12}/?\"",
        Just("{ product = 1, limit = -1.5 }".to_owned()),
        "\"-?[0-9]{1,19}[smhd]\"",
        "\"[0-9*,/a-c -]{1,14}\"",
        Just("[[], 1, \"x\"]".to_owned()),
        Just("[\"!\", [\"name\", \"in\", [\"x\", 1.5]]]".to_owned()),
        "\"[\\[('a=,1) \\]]{0,14}\"",
        Just("true".to_owned()),
    ];
    let pairs = (prop::sample::select(read::every_key()), values).prop_map(|(key, value)| format!("{key} = {value}"));
    prop::collection::vec(prop_oneof![1 => heads, 4 => pairs, 1 => "\\PC{0,20}"], 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn no_file_makes_it_panic_and_every_complaint_has_a_place(text in lines()) {
        if let Err(ConfigError::Wrong { complaints, .. }) = parse(&text) {
            prop_assert!(!complaints.is_empty());
            for Complaint { line, column, .. } in complaints {
                let length = text.split('\n').nth(line - 1).map(|line| line.chars().count());
                prop_assert!(length.is_some_and(|length| column <= length + 1), "{line}:{column}");
            }
        }
    }
}

#[test]
fn a_cron_line_that_never_comes_is_refused() {
    for never in ["0 6 30 feb *", "0 6 31 4,6 *", "0 0 6 31 2 *"] {
        assert!(told(&format!("cron = \"{never}\"")).contains("never comes"), "{never}");
    }
    for seldom in ["0 6 29 2 *", "59 59 23 29 feb *", "0 6 30 2 mon"] {
        assert_eq!(branch(&format!("cron = \"{seldom}\"")).schedule, Schedule::Cron { cron: seldom.to_owned() });
    }
}

#[test]
fn a_cron_line_has_no_signs() {
    for signed in ["+5 6 * * *", "1-+5 6 * * *", "*/+5 * * * *", "0 6 * * +1"] {
        assert!(told(&format!("cron = \"{signed}\"")).contains("has no valid"), "{signed}");
    }
}
