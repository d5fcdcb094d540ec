//! Sending day by day: all there is, what changed, and the way back of what was sent and sold.

use std::collections::{BTreeMap, BTreeSet};

use posbridge::odoo::Call;
use serde_json::json;

use crate::goods::{all_equal, begin_all, begin_first, change, changes, counts, equal, id, only_stuck, queued, rows, says, times, written};
use crate::rig::{BRANCHES, Rig};

#[test]
fn all_kinds_reach_both_branches_once_and_the_preview_writes_nothing() {
    let (rig, bridge) = begin_all();
    let before = BRANCHES.map(|branch| rows(&rig, branch));
    let ledger = bridge.ledger();
    let preview = bridge.run(&["send", "--dry-run"]).expect(3);
    for (branch, before) in BRANCHES.into_iter().zip(&before) {
        assert_eq!(written(before, &rows(&rig, branch)), BTreeMap::new(), "{branch}");
        only_stuck(&preview, branch);
    }
    assert_eq!(bridge.ledger(), ledger, "a preview leaves no trace in the ledger");

    let run = bridge.run(&["send"]).expect(3);
    for branch in BRANCHES {
        only_stuck(&run, branch);
        all_equal(&rig, branch);
        let previewed: BTreeSet<(String, String)> = changes(&preview, branch, "ready").iter().map(named).collect();
        let done: BTreeSet<(String, String)> = changes(&run, branch, "done").iter().map(named).collect();
        assert!(previewed.is_subset(&done), "{branch}: previewed, not done: {:#?}", previewed.difference(&done));
        assert!(done.is_subset(&previewed), "{branch}: done, not previewed: {:#?}", done.difference(&previewed));
        assert_eq!(times(&rig, branch, "product_template", "Send combo"), 0, "{branch}");
        assert_eq!(times(&rig, branch, "product_template", "Send taken"), 0, "{branch}");
        assert_eq!(times(&rig, branch, "product_template", "Send 020 tea"), 0, "{branch}: archived at central");
    }
    ids_differ(&rig);

    let before = BRANCHES.map(|branch| rows(&rig, branch));
    // What came along by itself with a product, as the extra prices of 0, is noted by the second send.
    bridge.run(&["send"]).expect(3);
    let ledger = bridge.ledger();
    let run = bridge.run(&["send"]).expect(3);
    for (branch, before) in BRANCHES.into_iter().zip(&before) {
        assert_eq!(written(before, &rows(&rig, branch)), BTreeMap::new(), "{branch} has all");
        only_stuck(&run, branch);
        assert_eq!(counts(&run, branch)[..3], [0, 0, 0], "{branch}");
    }
    assert_eq!(bridge.ledger(), ledger, "what stands as it stood is not written down again");
}

fn named(change: &serde_json::Value) -> (String, String) {
    (change["kind"].to_string(), change["reference"].to_string())
}

/// Each record has another number on each side, so that none can be told by it.
fn ids_differ(rig: &Rig) {
    for (table, column, value) in [
        ("product_product", "default_code", "SND-001"),
        ("product_product", "default_code", "SND-SHIRT-RED-M"),
        ("account_tax", "name->>'en_US'", "VAT 9% incl"),
        ("pos_category", "name->>'en_US'", "Send hot drinks"),
        ("res_partner", "name", "Send Ltd"),
        ("pos_payment_method", "name->>'en_US'", "Send Card"),
        ("product_pricelist", "name->>'en_US'", "Shop prices"),
    ] {
        let of = |database: &str| {
            let company = if table == "account_tax" { " and company_id = 1" } else { "" };
            rig.number(database, &format!("select id from {table} where {column} = '{value}'{company}"))
        };
        for branch in BRANCHES {
            assert_ne!(of(branch), of("central"), "{table} {value}");
        }
    }
}

#[test]
fn of_what_changed_exactly_that_is_written() {
    let (rig, bridge) = begin_first();
    bridge.run(&["send"]).expect(3);
    let before = rows(&rig, "branch1");
    let run = bridge.run(&["send", "--changed"]).expect(3);
    assert_eq!(counts(&run, "branch1")[..3], [0, 0, 0], "nothing changed");
    assert_eq!(written(&before, &rows(&rig, "branch1")), BTreeMap::new());

    let central = |table: &str, column: &str, value: &str| id(&rig, "central", table, column, value);
    let (price, picture) = (central("product_template", "default_code", "SND-002"), central("product_template", "default_code", "SND-003"));
    rig.write("central", "product.template", &[price], json!({"list_price": 99.5}));
    let other: Vec<BTreeMap<String, serde_json::Value>> =
        rig.admin("central", &Call::read("product.template", &[central("product_template", "default_code", "SND-001")], &["image_1920"]));
    rig.write("central", "product.template", &[picture], json!({"image_1920": other[0]["image_1920"]}));
    let tax = rig.search("central", "account.tax", json!([["name", "=", "VAT 9% incl"], ["company_id", "=", 1]]));
    rig.write("central", "account.tax", &tax, json!({"amount": 10.0}));
    let shelf = central("pos_category", "name->>'en_US'", "Send shelf");
    rig.write("central", "pos.category", &[shelf], json!({"name": "Send top shelf"}));
    let rule = rig.search("central", "product.pricelist.item", json!([["fixed_price", "=", 3.99]]));
    rig.write("central", "product.pricelist.item", &rule, json!({"fixed_price": 3.79}));
    let shirt = central("product_product", "default_code", "SND-SHIRT-RED-M");
    rig.write("central", "product.product", &[shirt], json!({"barcode": "7300000077777"}));
    let company = central("res_partner", "name", "Send Ltd");
    rig.write("central", "res.partner", &[company], json!({"street": "Rue Neuve 12"}));
    let archived = central("product_template", "default_code", "SND-011");
    rig.act("central", &Call::new("product.template", "action_archive").on(&[archived]));

    let at = |table: &str, column: &str, value: &str| id(&rig, "branch1", table, column, value);
    let expected: BTreeMap<String, BTreeSet<i64>> = BTreeMap::from([
        (
            "account_tax".to_owned(),
            rig.search("branch1", "account.tax", json!([["name", "=", "VAT 9% incl"], ["company_id", "=", 1]])).into_iter().collect(),
        ),
        ("pos_category".to_owned(), BTreeSet::from([at("pos_category", "name->>'en_US'", "Send shelf")])),
        ("product_template".to_owned(), ["SND-002", "SND-003", "SND-011"].map(|code| at("product_template", "default_code", code)).into()),
        (
            // Odoo marks the variant of a product as written with it.
            "product_product".to_owned(),
            ["SND-002", "SND-003", "SND-011", "SND-SHIRT-RED-M"].map(|code| at("product_product", "default_code", code)).into(),
        ),
        (
            "product_pricelist_item".to_owned(),
            rig.search("branch1", "product.pricelist.item", json!([["fixed_price", "=", 3.99]])).into_iter().collect(),
        ),
        // Odoo writes the contacts of a company along with its address.
        (
            "res_partner".to_owned(),
            ["Send Ltd", "Send Ltd, accounts", "Séverine Sender"].map(|name| at("res_partner", "name", name)).into(),
        ),
    ]);
    let pictures = rig.sql(
        "branch1",
        &format!(
            "select id from ir_attachment where res_model = 'product.template' and res_field like 'image%' and res_id = {}",
            at("product_template", "default_code", "SND-003")
        ),
    );
    let pictures: BTreeSet<i64> = pictures.iter().map(|row| row[0].parse().expect("an id")).collect();
    let run = bridge.run(&["send", "--changed"]).expect(3);
    only_stuck(&run, "branch1");
    let mut found = written(&before, &rows(&rig, "branch1"));
    assert_eq!(found.remove("picture"), Some(pictures), "the pictures of SND-003 and no others");
    assert_eq!(found, expected);
    assert_eq!(rig.number("branch1", "select count(*) from product_template where default_code = 'SND-011' and active"), 0);
    let products = r#"[["product_tag_ids.name","=","Shop"],["name","not in",["Send taken","Send combo"]],["default_code","!=","SND-020"]]"#;
    equal(
        &rig,
        "branch1",
        &["--products", products, "--customers", crate::goods::CUSTOMERS, "--pricelists", "Shop prices", "--taxes", "VAT 9% incl"],
    );
}

#[test]
fn what_an_open_till_uses_waits_until_it_is_closed() {
    let (rig, bridge) = begin_first();
    bridge.run(&["send"]).expect(3);
    let method = id(&rig, "branch1", "pos_payment_method", "name->>'en_US'", "Send Card");
    let shop = id(&rig, "branch1", "pos_config", "name", "Furniture Shop");
    rig.write("branch1", "pos.config", &[shop], json!({"payment_method_ids": [[4, method]]}));
    rig.tool("session", &["branch1", "order", "Furniture Shop", "SND-004"]);
    rig.tool("session", &["branch1", "draft", "Furniture Shop", "SND-011"]);

    let method = id(&rig, "central", "pos_payment_method", "name->>'en_US'", "Send Card");
    rig.write("central", "pos.payment.method", &[method], json!({"split_transactions": true}));
    let tax = rig.search("central", "account.tax", json!([["name", "=", "VAT 9% incl"], ["company_id", "=", 1]]));
    rig.write("central", "account.tax", &tax, json!({"amount": 10.0}));
    let archived = id(&rig, "central", "product_template", "default_code", "SND-011");
    rig.act("central", &Call::new("product.template", "action_archive").on(&[archived]));
    let price = id(&rig, "central", "product_template", "default_code", "SND-002");
    rig.write("central", "product.template", &[price], json!({"list_price": 99.5}));

    let run = bridge.run(&["send"]).expect(3);
    assert_eq!(counts(&run, "branch1"), [0, 1, 0, 3, 3, 0], "{run:#?}");
    for (reference, cause) in [("Send Card", "session_open"), ("VAT 9% incl", "session_open"), ("SND-011", "order_open")] {
        let change = change(&run, "branch1", reference);
        assert_eq!((&change["state"], &change["problem"]["cause"]), (&json!("held"), &json!(cause)), "{change}");
        let record = queued(&bridge, "branch1", reference);
        assert_eq!((&record["state"], &record["cause"]), (&json!("held"), &json!(cause)), "{record}");
        assert!(says(&record["message"], "Furniture Shop") || cause == "order_open", "{record}");
    }
    assert_eq!(rig.number("branch1", "select count(*) from account_tax where amount = 10 and name->>'en_US' = 'VAT 9% incl'"), 0);
    assert_eq!(rig.number("branch1", "select count(*) from product_template where default_code = 'SND-011' and active"), 1);

    rig.tool("session", &["branch1", "close", "Furniture Shop"]);
    let run = bridge.run(&["send"]).expect(3);
    only_stuck(&run, "branch1");
    assert_eq!(counts(&run, "branch1")[1..3], [2, 1], "{run:#?}");
    all_equal(&rig, "branch1");
    assert_eq!(rig.number("branch1", "select count(*) from product_template where default_code = 'SND-011' and active"), 0);
}

#[test]
fn what_was_sent_and_sold_comes_back_as_the_same_product() {
    let (rig, bridge) = begin_all();
    bridge.run(&["send"]).expect(3);
    // SND-015 has neither barcode nor reference: only what was sent says which product it is.
    let nameless = id(&rig, "branch1", "product_template", "name->>'en_US'", "Send 015 tea");
    let nameless = id(&rig, "branch1", "product_product", "product_tmpl_id", &nameless.to_string());
    rig.write("branch1", "product.product", &[nameless], json!({"barcode": "TILL-ONLY"}));
    let mut sold = 0;
    for goods in [&["SND-001", "SND-SHIRT-BLUE-M"][..], &["TILL-ONLY"], &["SND-004", "7300000000073"]] {
        let args: Vec<&str> = ["branch1", "order", "Furniture Shop"].iter().chain(goods).copied().collect();
        rig.tool("session", &args);
        sold += 1;
    }
    rig.write("branch1", "product.product", &[nameless], json!({"barcode": false}));
    // What waits to be sent is no business of receiving.
    let run = bridge.receive().expect(0);
    assert_eq!(["new", "delivered", "failed"].map(|what| run.count("branch1", what)), [sold, sold, 0], "{run:?}");
    rig.assert_drafts(sold);
    rig.compare(&bridge, sold, &[]);
    let lines = rig.sql(
        "central",
        "select coalesce(p.default_code, t.name->>'en_US') from sale_order_line l join product_product p on p.id = l.product_id
         join product_template t on t.id = p.product_tmpl_id join sale_order o on o.id = l.order_id where o.client_order_ref ~ '^branch1/' and not l.display_type is not null order by 1",
    );
    let lines: Vec<&str> = lines.iter().map(|row| row[0].as_str()).collect();
    for code in ["SND-001", "SND-004", "SND-SHIRT-BLUE-M", "Send 007 <biscuits> & 漢字", "Send 015 tea"] {
        assert_eq!(lines.iter().filter(|line| **line == code).count(), 1, "{code} in {lines:?}");
    }
}
