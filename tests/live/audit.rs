//! The audit: what is planted in the databases is found, and nothing else.

use std::collections::BTreeSet;

use posbridge::odoo::Call;
use serde_json::{Value as Json, json};

use crate::rig::{BRANCHES, Bridge, Rig, Run, Start, begin, json_of};
use crate::support::proxy::Fault;

/// Kind, branch, subject.
type Found = BTreeSet<(String, String, String)>;

fn found(run: &Run) -> Found {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let findings = run.json["findings"].as_array().unwrap_or_else(|| panic!("no findings in {run:?}"));
    findings.iter().map(|finding| (text(&finding["kind"]), text(&finding["branch"]), text(&finding["subject"]))).collect()
}

fn order(rig: &Rig, branch: &str, shop: &str, products: &[&str]) -> Json {
    let args: Vec<&str> = [branch, "order", shop].iter().chain(products).copied().collect();
    json_of(rig.tool("session", &args).as_bytes())
}

fn template(rig: &Rig, branch: &str, reference: &str) -> i64 {
    rig.search(branch, "product.template", json!([["default_code", "=", reference]]))[0]
}

/// Both branches sell what is in stock, and one session is closed with what was expected.
fn orderly(rig: &Rig) {
    for branch in BRANCHES {
        rig.tool("shell", &[branch, "tests/odoo/orderly.py"]);
        order(rig, branch, "Furniture Shop", &["PB-006", "PB-012", "PB-018", "PB-022"]);
        rig.tool("session", &[branch, "close", "Furniture Shop"]);
    }
    order(rig, "branch1", "Garden Shop", &["PB-010", "PB-016"]);
}

/// One of each kind; gives what is to be found.
fn plant(rig: &Rig) -> Found {
    for branch in BRANCHES {
        order(rig, branch, "Furniture Shop", &["ONLY-001"]);
    }
    rig.write("branch2", "product.template", &[template(rig, "branch2", "ONLY-001")], json!({"list_price": 5.55}));
    rig.write("branch1", "product.template", &[template(rig, "branch1", "PB-006")], json!({"list_price": 99.01}));
    let tax =
        rig.search("branch1", "account.tax", json!([["name", "=", "VAT 15%"], ["company_id", "=", 1], ["type_tax_use", "=", "sale"]]));
    rig.write("branch1", "product.template", &[template(rig, "branch1", "PB-022")], json!({"taxes_id": [[6, 0, tax]]}));
    rig.write("branch1", "product.template", &[template(rig, "branch1", "PB-018")], json!({"barcode": "4711471147114"}));
    order(rig, "branch1", "Garden Shop", &["PB-007", "PB-030", "LOT-1"]);
    // Without its lot it does not move: beside others it becomes a back order, alone the whole transfer fails.
    order(rig, "branch1", "Garden Shop", &["LOT-1"]);
    let session = json_of(rig.tool("shell", &["branch1", "tests/odoo/short.py"]).as_bytes());
    let anna = rig.search("branch1", "res.users", json!([["login", "=", "anna"]]))[0];
    let sold = order(rig, "branch1", "Garden Shop", &["PB-016"]);
    rig.sql("branch1", &format!("update pos_order set user_id = {anna} where id = {}", sold["order"]));
    // At the other branch: a shop that sells nothing, and out of the main location; a session that is never closed.
    rig.sql("branch2", "update pos_config set create_date = '2026-01-01' where name = 'Garden Shop'");
    let garden: Vec<Json> =
        rig.admin("branch2", &Call::search_read("pos.config", json!([["name", "=", "Garden Shop"]]), &["picking_type_id"]));
    let kind = garden[0]["picking_type_id"][0].as_i64().expect("an operation type");
    let main = rig.search("branch2", "stock.location", json!([["complete_name", "=", "WH/Stock"]]))[0];
    rig.write("branch2", "stock.picking.type", &[kind], json!({"default_location_src_id": main}));
    rig.sql("branch2", "update pos_session set start_at = now() at time zone 'utc' - interval '5 days' where state = 'opened'");

    let name = |branch: &str, reference: &str| {
        let call = Call::search_read("product.product", json!([["default_code", "=", reference]]), &["display_name"]);
        rig.admin::<Vec<Json>>(branch, &call)[0]["display_name"].as_str().expect("a name").to_owned()
    };
    let failed = sold["session"].as_str().expect("a session");
    let one = |kind: &str, branch: &str, subject: &str| (kind.to_owned(), branch.to_owned(), subject.to_owned());
    Found::from([
        one("unknown_product", "branch1", &name("branch1", "ONLY-001")),
        one("unknown_product", "branch2", &name("branch2", "ONLY-001")),
        one("branches_differ", "", &name("branch1", "ONLY-001")),
        one("price_differs", "branch1", &name("branch1", "PB-006")),
        one("tax_differs", "branch1", &name("branch1", "PB-022")),
        one("barcode_differs", "branch1", &name("branch1", "PB-018")),
        one("not_tracked", "branch1", &name("branch1", "PB-007")),
        one("negative_stock", "branch1", &name("branch1", "PB-030")),
        one("failed_stock_moves", "branch1", failed),
        one("cash_difference", "branch1", session["session"].as_str().expect("a session")),
        one("unmapped_seller", "branch1", "anna"),
        one("main_location", "branch2", "Garden Shop"),
        one("sold_nothing", "branch2", "Garden Shop"),
        one("long_session", "branch2", "Furniture Shop"),
    ])
}

#[test]
fn all_that_is_planted_is_found_and_nothing_else() {
    let rig = begin(Start::Empty);
    let proxy = rig.proxy(|_| Fault::None);
    let mut bridge = Bridge::new(&rig, &proxy.url, &BRANCHES);
    for branch in BRANCHES {
        bridge.set(branch, "salespeople", "{ admin = \"anna@example.com\" }");
    }
    bridge.install();
    orderly(&rig);
    let clean = bridge.run(&["audit"]);
    assert_eq!((found(&clean), clean.json["unchecked"].clone()), (Found::new(), json!([])), "nothing is wrong yet");
    assert_eq!(clean.status, Some(0));

    // It reads, in a bounded number of calls, and logs in no more.
    proxy.take();
    let quiet = (0..3).any(|_| {
        let before = rig.next_write();
        bridge.run(&["audit"]).expect(0);
        before == rig.next_write()
    });
    assert!(quiet, "an audit writes in a database");
    assert!(proxy.take().len() <= 3 * (2 * 14 + 6), "calls of three audits");

    let expected = plant(&rig);
    let run = bridge.run(&["audit"]).expect(3);
    assert_eq!((found(&run), run.json["unchecked"].clone()), (expected, json!([])));
    for (branch, products) in [("branch1", 10), ("branch2", 5)] {
        assert_eq!([run.count(branch, "shops"), run.count(branch, "products")], [2, products], "{branch}");
        assert!(run.count(branch, "calls") <= 15, "{branch}: one more where there are back orders");
    }
    let moves = run.json["findings"].as_array().into_iter().flatten().find(|finding| finding["kind"] == "failed_stock_moves");
    assert_eq!(moves.map(|finding| &finding["numbers"]["moves"]), Some(&json!("2")), "{run:?}");
    println!("{}", bridge.say(&["audit"]).out);

    // Received and bound, nothing else is found.
    bridge.receive();
    assert_eq!(found(&bridge.run(&["audit"])), found(&run));
    // One branch, and a span before all of it.
    let other = bridge.run(&["audit", "branch2"]).expect(3);
    assert!(found(&other).iter().all(|(_, branch, _)| branch == "branch2"), "{other:?}");
}
