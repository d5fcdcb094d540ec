//! Databases that go back in time, or come twice.

use serde_json::json;

use crate::rig::{Bridge, SOLD, Start, begin, ids, protocol_of, secret};

#[test]
fn a_restored_branch_reuses_numbers_and_loses_no_sale() {
    let rig = begin(Start::Sold);
    let mut bridge = Bridge::new(&rig, rig.url(), &["branch1"]);
    bridge.install();
    bridge.receive().expect(0);
    rig.tool("copy", &["branch1", "kept_branch1"]);
    let lost = ids(&rig.sell("branch1", 8, &["--mix", "three-lines", "--seed", "61"]), "ids");
    bridge.receive().expect(0);
    rig.compare(&bridge, SOLD + 8, &[]);
    let before = rig.bound();

    rig.tool("copy", &["kept_branch1", "branch1"]);
    let reused = ids(&rig.sell("branch1", 8, &["--mix", "three-lines", "--seed", "62"]), "ids");
    assert_eq!(lost, reused, "the same numbers for other sales");
    let run = bridge.receive();
    assert_eq!(run.count("branch1", "delivered"), 8, "{run:?}");
    rig.assert_drafts(SOLD + 16);
    let after = rig.bound();
    assert!(before.iter().all(|(name, id)| after.get(name) == Some(id)), "what was there stays");
    let (_, found) = rig.compare_any(&bridge, &[]);
    assert_eq!((&found["missing"], &found["different"]), (&json!([]), &json!([])));
    assert_eq!(found["extra"].as_array().map(Vec::len), Some(8), "the sales that the branch forgot: {found}");

    let status = bridge.run(&["status"]).expect(3);
    assert_eq!(status.branch("branch1")["cause"], json!("branch_restored"), "{status:?}");
    bridge.run(&["retry", "--branch", "branch1"]).expect(0);
    bridge.run(&["status"]).expect(0);
    rig.assert_drafts(SOLD + 16);
}

#[test]
fn a_restored_branch_that_has_not_sold_since_is_noticed() {
    let rig = begin(Start::Sold);
    let mut bridge = Bridge::new(&rig, rig.url(), &["branch1"]);
    bridge.install();
    rig.tool("copy", &["branch1", "kept_branch1"]);
    rig.sell("branch1", 4, &["--mix", "three-lines", "--seed", "63"]);
    bridge.receive().expect(0);
    rig.tool("copy", &["kept_branch1", "branch1"]);
    bridge.receive();
    let status = bridge.run(&["status"]).expect(3);
    assert_eq!(status.branch("branch1")["cause"], json!("branch_restored"), "{status:?}");
    rig.assert_drafts(SOLD + 4);
}

#[test]
fn a_copied_branch_is_refused_and_nothing_is_doubled() {
    let rig = begin(Start::Sold);
    let mut bridge = Bridge::ready(&rig, rig.url());
    bridge.run(&["receive", "branch1"]).expect(0);
    rig.tool("copy", &["branch1", "branch2"]);
    if protocol_of("branch2") == "json2" {
        // The keys are copied with it.
        bridge.password("branch2", secret(&rig, "branch1"));
        bridge.install();
    }
    let run = bridge.receive().expect(3);
    assert_eq!(run.branch("branch2")["cause"], json!("branch_cloned"), "{run:?}");
    assert_eq!(run.branch("branch1")["error"], json!(null), "{run:?}");
    rig.assert_drafts(SOLD);
}

#[test]
fn a_number_that_a_restored_central_gives_to_another_article_is_not_what_was_sold() {
    let rig = begin(Start::Sold);
    let mut bridge = Bridge::new(&rig, rig.url(), &["branch1"]);
    bridge.install();
    rig.tool("copy", &["central", "kept_central"]);
    let made = |name: &str, code: &str| rig.create("central", "product.product", &[("name", name), ("default_code", code)], &[]);
    let sold = |seed: &str| ids(&rig.sell("branch1", 1, &["--unknown-product", "--mix", "three-lines", "--seed", seed]), "unknown_product");
    let late = made("Only here 1", "ONLY-001");
    let orders = sold("71");
    bridge.receive().expect(0);
    rig.assert_drafts(SOLD + 2);
    assert_eq!(bridge.record("branch1", orders[0])["state"], json!("done"));

    // Put back to before the article was made, central gives its number to the next one.
    rig.tool("copy", &["kept_central", "central"]);
    let other = made("Another article", "OTHER-001");
    assert_eq!(other, late, "the number is given again");
    let orders = sold("72");
    let run = bridge.receive().expect(3);
    assert_eq!(run.count("branch1", "delivered"), 1, "what names other articles goes: {run:?}");
    let record = bridge.record("branch1", orders[0]);
    assert_eq!((&record["state"], &record["cause"]), (&json!("failed"), &json!("product_not_found")), "{record}");
    assert_eq!(rig.number("central", &format!("SELECT count(*) FROM sale_order_line WHERE product_id = {other}")), 0, "nobody bought it");
    made("Only here 1", "ONLY-001");
    bridge.run(&["retry", &record["id"].to_string()]).expect(0);
    rig.assert_drafts(2);
}
