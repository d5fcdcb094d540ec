//! Who decides: branches that changed what was sent, previews that were queued, rights that are missing.

use std::collections::{BTreeMap, BTreeSet};

use posbridge::odoo::Call;
use serde_json::json;

use crate::goods::{begin_first, begin_with, change, changes, counts, id, queued, rows, says, written};
use crate::rig::{Bridge, Rig, secret};
use crate::rights::groups_of;

/// All that a sender may do.
const SENDER: [&str; 5] = [
    "base.group_user",
    "product.group_product_manager",
    "point_of_sale.group_pos_manager",
    "base.group_partner_manager",
    "account.group_account_manager",
];

fn product(rig: &Rig, database: &str, code: &str) -> i64 {
    id(rig, database, "product_template", "default_code", code)
}

fn price(rig: &Rig, database: &str, code: &str) -> String {
    rig.sql(database, &format!("select round(list_price, 2) from product_template where default_code = '{code}'"))[0][0].clone()
}

fn set_price(rig: &Rig, database: &str, code: &str, price: f64) {
    rig.write(database, "product.template", &[product(rig, database, code)], json!({"list_price": price}));
}

fn story(bridge: &Bridge, reference: &str) -> String {
    let record = queued(bridge, "branch1", reference)["id"].to_string();
    bridge.run(&["log", "show", &record]).expect(0).json["story"].to_string()
}

#[test]
fn what_the_branch_changed_is_overwritten_kept_or_asked_about() {
    const CHOICE: &str = r#"refs = ["SND-001", "SND-002"]"#;
    let (rig, mut bridge) = begin_with(&[("products", &format!("{{ {CHOICE} }}"))]);
    bridge.run(&["send"]).expect(0);
    set_price(&rig, "branch1", "SND-001", 1.0);
    let preview = bridge.run(&["send", "--dry-run"]).expect(0);
    assert_eq!(change(&preview, "branch1", "SND-001")["fields"][0]["overwrites"], json!(true), "{preview:?}");
    bridge.run(&["send"]).expect(0);
    assert_eq!(price(&rig, "branch1", "SND-001"), "4.47");
    assert!(
        story(&bridge, "SND-001").contains("1.00 -> 4.47 (changed at the branch since the last send)"),
        "{}",
        story(&bridge, "SND-001")
    );

    bridge.set("branch1", "send.products", &format!("{{ {CHOICE}, conflict = \"branch\" }}"));
    bridge.save();
    set_price(&rig, "branch1", "SND-001", 2.0);
    set_price(&rig, "central", "SND-001", 4.6);
    rig.write("central", "product.template", &[product(&rig, "central", "SND-001")], json!({"description_sale": "By central"}));
    set_price(&rig, "central", "SND-002", 8.8);
    for _ in 0..2 {
        bridge.run(&["send"]).expect(0);
        assert_eq!(["SND-001", "SND-002"].map(|code| price(&rig, "branch1", code)), ["2.00", "8.80"]);
    }
    assert_eq!(
        rig.number(
            "branch1",
            "select count(*) from product_template where default_code = 'SND-001' and description_sale->>'en_US' = 'By central'"
        ),
        1,
        "what the branch did not change still comes"
    );

    bridge.set("branch1", "send.products", &format!("{{ {CHOICE}, conflict = \"ask\" }}"));
    bridge.save();
    let before = rows(&rig, "branch1");
    let run = bridge.run(&["send"]).expect(3);
    let asked = change(&run, "branch1", "SND-001");
    assert_eq!((&asked["state"], &asked["problem"]["cause"]), (&json!("failed"), &json!("branch_edited")), "{asked}");
    assert!(says(&asked["problem"]["what"], "2.00") && says(&asked["problem"]["what"], "4.60"), "{asked}");
    assert_eq!(written(&before, &rows(&rig, "branch1")), BTreeMap::new());
    let record = queued(&bridge, "branch1", "SND-001")["id"].to_string();
    bridge.run(&["ignore", &record, "--reason", "the branch's own price"]).expect(0);
    bridge.run(&["send"]).expect(0);
    assert_eq!(price(&rig, "branch1", "SND-001"), "2.00", "a person said no");

    // Another edit is another question.
    set_price(&rig, "branch1", "SND-001", 3.0);
    bridge.run(&["send"]).expect(3);
    bridge.run(&["retry", &record]);
    bridge.run(&["send"]).expect(0);
    assert_eq!(price(&rig, "branch1", "SND-001"), "4.60", "a person said yes");
    assert!(story(&bridge, "SND-001").contains("3.00 -> 4.60"), "{}", story(&bridge, "SND-001"));
}

#[test]
fn what_was_queued_goes_as_it_was_shown_or_not_at_all() {
    let (rig, bridge) = begin_with(&[]);
    let by_hand = ["send", "branch1", "--products", "--ref", "SND-MUG", "--queue"];
    let before = rows(&rig, "branch1");
    for _ in 0..2 {
        let run = bridge.run(&by_hand).expect(3);
        assert!(run.count("branch1", "queued") > 0, "{run:?}");
        assert_eq!(change(&run, "branch1", "SND-MUG")["state"], json!("pending"));
    }
    assert_eq!(written(&before, &rows(&rig, "branch1")), BTreeMap::new(), "only queued");
    assert_eq!(queued(&bridge, "branch1", "SND-MUG")["state"], json!("pending"), "queued twice, one record");

    set_price(&rig, "branch1", "SND-MUG", 7.7);
    let run = bridge.run(&["send", "branch1"]).expect(3);
    let mug = change(&run, "branch1", "SND-MUG");
    assert_eq!(mug["problem"]["cause"], json!("changed_since_preview"), "{mug}");
    assert_eq!(price(&rig, "branch1", "SND-MUG"), "7.70", "nothing of it is written");
    assert_eq!(
        rig.number("branch1", "select count(*) from product_template where default_code = 'SND-MUG' and name->>'en_US' like 'Mug as%'"),
        1
    );

    bridge.run(&["send", "branch1"]).expect(0);
    assert_eq!(price(&rig, "branch1", "SND-MUG"), "8.90", "the next pass has compared it anew");
    crate::goods::equal(&rig, "branch1", &["--products", r#"[["default_code","=","SND-MUG"]]"#]);
}

#[test]
fn who_may_only_receive_is_told_which_right_each_kind_takes() {
    let (rig, mut bridge) = begin_first();
    bridge.set("branch1", "user", "\"bridge\"");
    bridge.password("branch1", secret(&rig, "branch1"));
    bridge.install();
    let before = rows(&rig, "branch1");
    let run = bridge.run(&["send"]).expect(3);
    assert_eq!(written(&before, &rows(&rig, "branch1")), BTreeMap::new());
    let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for change in changes(&run, "branch1", "failed").iter().filter(|change| change["problem"]["cause"] == json!("right_missing")) {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        groups.entry(text(&change["kind"])).or_default().insert(text(&change["problem"]["next_step"]));
    }
    for (kind, group) in [
        ("unit", "Products / Create"),
        ("tax", "Accounting / Administrator"),
        ("pos_category", "Point of Sale / Administrator"),
        ("product_category", "Products / Create"),
        ("attribute", "Products / Create"),
        ("pricelist", "Products / Create"),
        ("customer", "Contact / Creation"),
        ("payment_method", "Point of Sale / Administrator"),
    ] {
        let steps = groups.get(kind).unwrap_or_else(|| panic!("nothing about {kind}: {groups:#?}"));
        assert!(steps.iter().all(|step| step.contains(group)), "{kind}: {steps:?}");
    }
    assert_eq!(run.branch("branch1")["error"], json!(null), "every kind was tried: {run:?}");
}

#[test]
fn a_tax_that_may_not_be_created_holds_only_what_needs_it() {
    let (rig, bridge) =
        begin_with(&[("products", r#"{ refs = ["SND-001", "SND-002", "SND-004"] }"#), ("customers", r#"{ refs = ["S-001"] }"#)]);
    let without_taxes: Vec<&str> = SENDER.into_iter().filter(|group| !group.starts_with("account.")).collect();
    groups_of(&rig, "branch1", "sender", &without_taxes);
    let run = bridge.run(&["send"]).expect(3);
    let tax = change(&run, "branch1", "VAT 9% incl");
    assert_eq!(tax["problem"]["cause"], json!("right_missing"), "{tax}");
    assert!(says(&tax["problem"]["next_step"], "Accounting / Administrator"), "{tax}");
    let held = change(&run, "branch1", "SND-004");
    assert_eq!((&held["state"], &held["problem"]["cause"]), (&json!("held"), &json!("waits_for_need")), "{held}");
    let there = "select default_code from product_template where default_code in ('SND-001', 'SND-002', 'SND-004') order by 1";
    assert_eq!(rig.sql("branch1", there), [["SND-001"], ["SND-002"]], "the others go");
    id(&rig, "branch1", "res_partner", "ref", "S-001");
    let [.., held, failed, _] = counts(&run, "branch1");
    assert_eq!((held, failed), (1, 1), "{run:?}");

    groups_of(&rig, "branch1", "sender", &SENDER);
    bridge.run(&["retry", "--cause", "right_missing"]);
    bridge.run(&["send"]).expect(0);
    let products = r#"[["default_code","in",["SND-001","SND-002","SND-004"]]]"#;
    crate::goods::equal(&rig, "branch1", &["--products", products, "--customers", r#"[["ref","=","S-001"]]"#]);
}

#[test]
fn what_is_gone_at_central_is_archived_only_if_it_is_meant_to_be() {
    let (rig, bridge) = begin_with(&[("products", r#"{ tag = ["Shop"] }"#)]);
    bridge.run(&["send"]).expect(3);
    let active = || rig.number("branch1", "select count(*) from product_template where active and name->>'en_US' like 'Send %'");
    let sent = active();
    assert!(sent >= 20, "{sent} products");

    // What is hidden from the bridge's user is not lost.
    let all = rig.search("central", "product.template", json!([["default_code", "=like", "SND-0%"]]));
    rig.write("central", "product.template", &all, json!({"company_id": 2}));
    let run = bridge.run(&["send"]).expect(3);
    assert!(run.branch("branch1")["problems"].to_string().contains("right_missing"), "{:#?}", run.branch("branch1")["problems"]);
    assert_eq!((run.count("branch1", "archived"), active()), (0, sent));
    rig.write("central", "product.template", &all, json!({"company_id": false}));
    // Nor has a selection that finds nothing.
    let tag = id(&rig, "central", "product_tag", "name->>'en_US'", "Shop");
    rig.write("central", "product.tag", &[tag], json!({"name": "Other"}));
    let run = bridge.run(&["send"]).expect(3);
    assert!(run.branch("branch1")["problems"].to_string().contains("nothing_selected"), "{run:?}");
    assert_eq!(active(), sent);
    rig.write("central", "product.tag", &[tag], json!({"name": "Shop"}));

    let few = ["SND-001", "SND-002"].map(|code| product(&rig, "central", code));
    rig.act("central", &Call::new("product.template", "unlink").on(&few));
    let run = bridge.run(&["send"]).expect(3);
    assert_eq!(run.count("branch1", "archived"), 2, "{run:?}");
    assert_eq!(active(), sent - 2);

    let many: Vec<i64> = (3..=12).filter(|i| *i != 7).map(|i| product(&rig, "central", &format!("SND-{i:03}"))).collect();
    rig.act("central", &Call::new("product.template", "unlink").on(&many));
    let run = bridge.run(&["send"]).expect(3);
    assert!(run.branch("branch1")["problems"].to_string().contains("too_many_gone"), "{run:?}");
    assert_eq!((run.count("branch1", "archived"), active()), (0, sent - 2), "{run:?}");
    let run = bridge.run(&["send", "--accept-gone"]).expect(3);
    assert!(!run.branch("branch1")["problems"].to_string().contains("too_many_gone"), "{run:?}");
    assert_eq!((run.count("branch1", "archived"), active()), (many.len(), sent - 2 - many.len() as i64), "{run:?}");
    assert_eq!(rig.number("branch1", "select count(*) from product_template where default_code = 'SND-003'"), 1, "archived, not deleted");
}
