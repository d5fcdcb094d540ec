//! Databases that go back in time, or come twice.

use posbridge::odoo::Call;
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
fn numbers_that_a_restored_central_gives_to_others_are_not_what_was_sold_and_to_whom() {
    let rig = begin(Start::Sold);
    let mut bridge = Bridge::new(&rig, rig.url(), &["branch1"]);
    bridge.install();
    rig.tool("copy", &["central", "kept_central"]);
    let made = |article: (&str, &str), customer: (&str, &str)| {
        let (product, partner) = ([("name", article.0), ("default_code", article.1)], [("name", customer.0), ("ref", customer.1)]);
        [rig.create("central", "product.product", &product, &[]), rig.create("central", "res.partner", &partner, &[])]
    };
    let customer = rig.create("branch1", "res.partner", &[("name", "Late Ltd"), ("ref", "LATE-1")], &[]);
    // Two orders: one with an article that central has late, and one for a customer whom it has late.
    let sold = |seed: &str| {
        let sold = rig.sell("branch1", 1, &["--unknown-product", "--mix", "three-lines", "--seed", seed]);
        let unknown = ids(&sold, "unknown_product")[0];
        let known: Vec<i64> = ids(&sold, "ids").into_iter().filter(|order| *order != unknown).collect();
        assert_eq!(known.len(), 1, "{sold}");
        rig.write("branch1", "pos.order", &known, json!({"partner_id": customer}));
        (unknown, known[0])
    };
    let buyer = |order: i64| {
        let draft = bridge.record("branch1", order)["central_id"].as_i64().expect("a draft");
        rig.number("central", &format!("SELECT partner_id FROM sale_order WHERE id = {draft}"))
    };
    let late = made(("Only here 1", "ONLY-001"), ("Late Ltd", "LATE-1"));
    let (article, order) = sold("71");
    bridge.receive().expect(0);
    rig.assert_drafts(SOLD + 2);
    assert_eq!(bridge.record("branch1", article)["state"], json!("done"));
    assert_eq!(buyer(order), late[1]);

    // Put back to before they were made, central gives their numbers to the next ones.
    rig.tool("copy", &["kept_central", "central"]);
    let others = made(("Another article", "OTHER-001"), ("Other Ltd", "OTHER-1"));
    assert_eq!(others, late, "the numbers are given again");
    let (article, order) = sold("72");
    let run = bridge.receive().expect(3);
    assert_eq!(run.count("branch1", "delivered"), 1, "what names other articles goes: {run:?}");
    let walk_in = rig.search("central", "res.partner", json!([["name", "=", "Walk-in Branch 1"]]));
    assert_eq!([buyer(order)], walk_in[..], "nobody at central is Late Ltd any more");
    let record = bridge.record("branch1", article);
    assert_eq!((&record["state"], &record["cause"]), (&json!("failed"), &json!("product_not_found")), "{record}");
    assert_eq!(
        rig.number("central", &format!("SELECT count(*) FROM sale_order_line WHERE product_id = {}", others[0])),
        0,
        "nobody bought it"
    );
    made(("Only here 1", "ONLY-001"), ("Late Ltd", "LATE-1"));
    bridge.run(&["retry", &record["id"].to_string()]).expect(0);
    rig.assert_drafts(2);
}

#[test]
fn an_old_order_left_out_as_invoiced_comes_when_its_branch_is_put_back_to_before_the_invoice() {
    let rig = begin(Start::Sold);
    let mut bridge = Bridge::new(&rig, rig.url(), &["branch1"]);
    bridge.set("branch1", "invoiced", "\"skip\"");
    bridge.install();
    rig.sell("branch1", 20, &["--mix", "three-lines", "--seed", "64"]);
    let order = rig.number(
        "branch1",
        "select min(id) from pos_order o where state in ('paid', 'done') and partner_id is not null and amount_total > 0 and date_order > '2021-01-01'",
    );
    // Long before the overlap, however fresh these databases are.
    rig.sql("branch1", &format!("update pos_order set write_date = write_date - interval '1 day' where id = {order}"));
    rig.tool("copy", &["branch1", "kept_branch1"]);
    rig.act("branch1", &Call::new("pos.order", "action_pos_order_invoice").on(&[order]).context("generate_pdf", json!(false)));
    bridge.receive().expect(0);
    let record = bridge.record("branch1", order);
    assert_eq!((&record["state"], &record["cause"]), (&json!("ignored"), &json!("invoiced_skipped")), "{record}");
    let newer =
        rig.number("branch1", &format!("select count(*) from pos_order where id > {order} and state in ('paid', 'done', 'invoiced')"));
    assert!(newer > 50, "{newer} newer ones: it is not among those that are looked at in each pass");
    let before = rig.bound();

    rig.tool("copy", &["kept_branch1", "branch1"]);
    // Without the note of the last pass all orders are looked at, as is done each hour.
    std::fs::remove_file(bridge.state().join("pass-branch1.json")).expect("the note of the last pass");
    let run = bridge.receive().expect(0);
    assert_eq!(run.count("branch1", "delivered"), 1, "{run:?}");
    assert_eq!(bridge.record("branch1", order)["state"], json!("done"));
    rig.compare(&bridge, before.len() + 1, &[]);
}
