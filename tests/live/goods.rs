//! Sending on the rig: settings that choose all there is to send, and what a branch shows before and after.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::MutexGuard;

use serde_json::{Value as Json, json};

use crate::rig::{BRANCHES, Bridge, Rig, Run, Start, begin, protocol_of};

/// What compare_goods looks at of the products: all but those that cannot go, and the one that is archived.
pub const PRODUCTS: &str = r#"[["product_tag_ids.name","=","Shop"],["active","=",true],["name","not in",["Send taken","Send combo"]]]"#;

/// And of the customers: all but the one that is there twice.
pub const CUSTOMERS: &str = r#"[["category_id.name","=","Shop"],["name","!=","Two at the branch"]]"#;

/// What cannot go as it is, and why.
pub const STUCK: [(&str, &str); 3] =
    [("Send combo", "combo_not_sent"), ("Send taken", "barcode_taken"), ("Two at the branch", "match_ambiguous")];

/// The tables that sending writes.
const TABLES: [&str; 14] = [
    "uom_uom",
    "account_tax",
    "pos_category",
    "product_category",
    "product_attribute",
    "product_attribute_value",
    "product_template_attribute_line",
    "product_template_attribute_value",
    "product_template",
    "product_product",
    "product_pricelist",
    "product_pricelist_item",
    "res_partner",
    "pos_payment_method",
];

/// Rows by table and id, each with what changes when it is written.
pub type Rows = BTreeMap<(String, i64), String>;

/// The rig as `up` made it, and a bridge that sends everything to both branches.
pub fn begin_all() -> (MutexGuard<'static, Rig>, Bridge) {
    let rig = begin(Start::Empty);
    let mut bridge = sender(&rig, &BRANCHES);
    for branch in BRANCHES {
        choose_all(&mut bridge, branch);
    }
    bridge.install();
    (rig, bridge)
}

/// Central and branch1 as `up` made them, and a bridge that sends everything there.
pub fn begin_first() -> (MutexGuard<'static, Rig>, Bridge) {
    let rig = begin(Start::First);
    let mut bridge = sender(&rig, &["branch1"]);
    choose_all(&mut bridge, "branch1");
    bridge.install();
    (rig, bridge)
}

/// The same without what cannot go as it is: a send of it ends with nothing waiting.
pub fn begin_clean() -> (MutexGuard<'static, Rig>, Bridge) {
    let rig = begin(Start::First);
    let mut bridge = sender(&rig, &["branch1"]);
    choose_clean(&mut bridge, "branch1");
    bridge.install();
    (rig, bridge)
}

/// Chooses all that can go as it is.
pub fn choose_clean(bridge: &mut Bridge, branch: &str) {
    choose_all(bridge, branch);
    bridge.set(branch, "send.products", &format!("{{ domain = {PRODUCTS} }}"));
    bridge.set(branch, "send.customers", &format!("{{ domain = {CUSTOMERS} }}"));
}

/// The same with these tables of `send` alone; no journals are named.
pub fn begin_with(tables: &[(&str, &str)]) -> (MutexGuard<'static, Rig>, Bridge) {
    let rig = begin(Start::First);
    let mut bridge = sender(&rig, &["branch1"]);
    for (kind, choice) in tables {
        bridge.set("branch1", &format!("send.{kind}"), choice);
    }
    bridge.install();
    (rig, bridge)
}

/// A bridge that logs in to branches with the rights to send; not installed yet.
pub fn sender(rig: &Rig, branches: &[&str]) -> Bridge {
    let mut bridge = Bridge::new(rig, rig.url(), branches);
    for branch in branches {
        bridge.set(branch, "user", &json!(rig.fact("SENDER_USER")).to_string());
        let key = format!("{}_SENDER_API_KEY", branch.to_uppercase());
        bridge.password(branch, rig.fact(if protocol_of(branch) == "json2" { &key } else { "SENDER_PASSWORD" }));
    }
    bridge
}

/// Chooses all kinds for a branch.
pub fn choose_all(bridge: &mut Bridge, branch: &str) {
    let settings = [
        ("send.products", r#"{ tag = ["Shop"] }"#),
        ("send.customers", r#"{ tag = ["Shop"] }"#),
        ("send.taxes", "{ all = true }"),
        ("send.pricelists", r#"{ refs = ["Shop prices"] }"#),
        ("send.payment_methods", r#"{ refs = ["Send Card", "Send Voucher"] }"#),
        ("send.journals", r#"{ "Send Card" = "SNDB", "Send Voucher" = "Send Bank" }"#),
    ];
    for (key, value) in settings {
        bridge.set(branch, key, value);
    }
}

/// What compare_goods finds.
pub fn compare_any(rig: &Rig, branch: &str, args: &[&str]) -> Json {
    let args: Vec<&str> = [branch, "--url", rig.url()].iter().chain(args).copied().collect();
    rig.try_tool("compare_goods", &args)
}

/// Asserts that a branch has what these arguments choose, each once and equal.
pub fn equal(rig: &Rig, branch: &str, args: &[&str]) -> Json {
    let found = compare_any(rig, branch, args);
    let bad = ["missing", "different", "duplicates"].map(|key| (key, found[key].clone()));
    assert!(bad.iter().all(|(_, list)| list == &json!([])), "{branch} differs from central: {bad:#?}");
    found
}

/// Asserts that a branch has all that can go, equal.
pub fn all_equal(rig: &Rig, branch: &str) {
    let taxes: Vec<String> = rig
        .sql("central", "select name->>'en_US' from account_tax where company_id = 1 and type_tax_use = 'sale' and active order by 1")
        .into_iter()
        .map(|row| row[0].clone())
        .collect();
    let taxes = taxes.join(",");
    let args = [
        ("--products", PRODUCTS),
        ("--customers", CUSTOMERS),
        ("--taxes", &taxes),
        ("--pricelists", "Shop prices"),
        ("--payment-methods", "Send Card,Send Voucher"),
    ];
    let args: Vec<&str> = args.iter().flat_map(|(name, value)| [*name, *value]).collect();
    let found = equal(rig, branch, &args);
    let compared = |kind: &str| found["compared"][kind].as_i64().unwrap_or_default();
    let counts = ["product", "variant", "customer", "pricelist_item", "payment_method"].map(compared);
    assert!(counts[0] >= 22 && counts[1] >= 5 && counts[2] >= 5 && counts[3] >= 7 && counts[4] == 2, "compared: {found}");
}

/// All rows that sending could write at a branch, pictures and external ids with them.
pub fn rows(rig: &Rig, branch: &str) -> Rows {
    let of_table = |table: &&str| format!("select '{table}', id, write_date::text from {table}");
    let mut parts: Vec<String> = TABLES.iter().map(of_table).collect();
    parts.push(
        "select 'picture', id, coalesce(checksum, '') || ' ' || write_date::text from ir_attachment where res_field like 'image%'"
            .to_owned(),
    );
    parts.push(
        "select 'external id', id, module || '.' || name || ' ' || res_id from ir_model_data where module like '%posbridge%'".to_owned(),
    );
    let rows = rig.sql(branch, &parts.join(" union all "));
    rows.into_iter().map(|row| ((row[0].clone(), row[1].parse().expect("an id")), row[2..].join("|"))).collect()
}

/// The rows that were written or made between two looks, by table; pictures and external ids among them.
pub fn written(before: &Rows, after: &Rows) -> BTreeMap<String, BTreeSet<i64>> {
    let mut written: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    let gone = before.keys().filter(|key| !after.contains_key(*key));
    for (table, id) in after.iter().filter(|(key, row)| before.get(*key) != Some(row)).map(|(key, _)| key).chain(gone) {
        written.entry(table.clone()).or_default().insert(*id);
    }
    written
}

/// The id of the record of a branch that has a value in a column, which one alone has.
pub fn id(rig: &Rig, database: &str, table: &str, column: &str, value: &str) -> i64 {
    let found = rig.sql(database, &format!("select id from {table} where {column} = '{}'", value.replace('\'', "''")));
    assert_eq!(found.len(), 1, "{table} of {database} with {column} {value}: {found:?}");
    found[0][0].parse().expect("an id")
}

/// The changes that a report tells of a branch, in a state; `""` = all.
pub fn changes(run: &Run, branch: &str, state: &str) -> Vec<Json> {
    let all = run.branch(branch)["changes"].as_array().cloned().unwrap_or_default();
    all.into_iter().filter(|change| state.is_empty() || change["state"] == json!(state)).collect()
}

/// The one change of a record that a report tells of.
pub fn change(run: &Run, branch: &str, reference: &str) -> Json {
    let found: Vec<Json> = changes(run, branch, "").into_iter().filter(|change| says(&change["reference"], reference)).collect();
    assert_eq!(found.len(), 1, "one change of {reference}: {run:#?}");
    found[0].clone()
}

/// Whether a text contains another.
pub fn says(text: &Json, part: &str) -> bool {
    text.as_str().is_some_and(|text| text.contains(part))
}

/// Asserts that nothing waits at a branch but what cannot go as it is.
pub fn only_stuck(run: &Run, branch: &str) {
    let mut found: Vec<(String, String)> = Vec::new();
    for change in changes(run, branch, "") {
        if matches!(change["state"].as_str(), Some("failed" | "held" | "pending")) {
            let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
            found.push((text(&change["reference"]), text(&change["problem"]["cause"])));
        }
    }
    let named = |name: &str, cause: &str| found.iter().any(|(reference, found)| reference.contains(name) && found == cause);
    let as_expected = found.len() == STUCK.len() && STUCK.iter().all(|(name, cause)| named(name, cause));
    assert!(as_expected, "{branch}: {found:#?} {:#?}", run.branch(branch)["error"]);
    assert_eq!(run.branch(branch)["error"], json!(null), "{branch}");
    assert_eq!(run.branch(branch)["problems"], json!([]), "{branch}");
}

/// The numbers of a report: created, changed, archived, held, failed, queued.
pub fn counts(run: &Run, branch: &str) -> [usize; 6] {
    ["created", "changed", "archived", "held", "failed", "queued"].map(|what| run.count(branch, what))
}

/// The record of the queue that a reference names.
pub fn queued(bridge: &Bridge, branch: &str, reference: &str) -> Json {
    let found: Vec<Json> = bridge
        .log(&["--branch", branch])
        .into_iter()
        .filter(|record| record["direction"] == json!("send") && says(&record["reference"], reference))
        .collect();
    assert_eq!(found.len(), 1, "one record of {reference}: {found:#?}");
    found[0].clone()
}

/// How many records of a branch have a name.
pub fn times(rig: &Rig, branch: &str, table: &str, name: &str) -> i64 {
    // Some names are translated, others are not.
    let column = "coalesce(to_jsonb(name)->>'en_US', to_jsonb(name)#>>'{}')";
    rig.number(branch, &format!("select count(*) from {table} where {column} = '{}'", name.replace('\'', "''")))
}
