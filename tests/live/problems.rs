//! Orders that central cannot take as they are, and what releases them.

use posbridge::odoo::Call;
use serde_json::{Value as Json, json};

use crate::rig::{Bridge, Rig, Run, SOLD, Start, begin, ids};

fn one_branch(rig: &Rig) -> Bridge {
    Bridge::new(rig, rig.url(), &["branch1"])
}

/// Asserts that what a person reads is for persons.
fn plain(texts: &[&str]) {
    for text in texts {
        for technical in ["Traceback", "psycopg2", "odoo.exceptions", "Some(", "Error {", "xmlrpc"] {
            assert!(!text.contains(technical), "{technical} in: {text}");
        }
    }
}

fn keys(orders: &[i64]) -> String {
    orders.iter().map(|id| format!("branch1:{id}")).collect::<Vec<_>>().join(",")
}

fn all_done(bridge: &Bridge, run: Run, orders: usize) {
    run.expect(0);
    assert_eq!(bridge.log(&["--state", "done"]).len(), orders);
}

#[test]
fn an_unknown_product_holds_up_its_orders_only_and_one_retry_releases_all() {
    let rig = begin(Start::Sold);
    let mut bridge = one_branch(&rig);
    bridge.install();
    let mut unknown = Vec::new();
    for seed in ["41", "42"] {
        let sold = rig.sell("branch1", 2, &["--unknown-product", "--mix", "three-lines", "--seed", seed]);
        unknown.extend(ids(&sold, "unknown_product"));
    }
    assert_eq!(unknown.len(), 2);
    let orders = SOLD + 6;

    let run = bridge.receive().expect(3);
    assert_eq!(["new", "delivered", "failed"].map(|what| run.count("branch1", what)), [orders, orders - 2, 2]);
    rig.compare(&bridge, orders - 2, &["--expect-missing", &keys(&unknown)]);
    for order in &unknown {
        let record = bridge.record("branch1", *order);
        assert_eq!((&record["state"], &record["cause"]), (&json!("failed"), &json!("product_not_found")));
        let text = |key: &str| record[key].as_str().unwrap_or_default().to_owned();
        assert!(text("message").contains("ONLY-001") || text("message").contains("Only here 1"), "{record}");
        assert!(!text("next_step").is_empty());
        let shown = bridge.say(&["log", "show", &record["id"].to_string()]).expect(0);
        plain(&[&text("message"), &text("next_step"), &shown.out]);
    }
    plain(&[&bridge.say(&["receive"]).expect(3).out, &bridge.say(&["log"]).out, &bridge.say(&["status"]).out]);

    // Retried before the fix, it waits on, and nothing came.
    let first = bridge.record("branch1", unknown[0])["id"].to_string();
    bridge.run(&["retry", &first]).expect(3);
    rig.assert_drafts(orders - 2);

    rig.create("central", "product.product", &[("name", "Only here 1"), ("default_code", "ONLY-001")], &[]);
    let run = bridge.run(&["retry", &first]);
    all_done(&bridge, run, orders);
    rig.compare(&bridge, orders, &[]);
    rig.assert_drafts(orders);
}

#[test]
fn a_total_that_differs_waits_until_central_has_corrected_the_draft() {
    let rig = begin(Start::Sold);
    let mut bridge = one_branch(&rig);
    bridge.install();
    bridge.receive().expect(0);
    let tax =
        rig.search("central", "account.tax", json!([["name", "=", "VAT 15%"], ["company_id.name", "=", "My Company (San Francisco)"]]));
    rig.write("central", "account.tax", &tax, json!({"amount": 18.0}));
    let sold = rig.sell("branch1", 10, &["--mix", "three-lines", "--seed", "43"]);

    let run = bridge.receive().expect(3);
    let failed: Vec<Json> = bridge.log(&["--state", "failed"]);
    assert!(!failed.is_empty() && failed.iter().all(|record| record["cause"] == json!("total_differs")), "{failed:?}");
    assert_eq!(run.count("branch1", "delivered") + failed.len(), ids(&sold, "ids").len());
    let of = |key: &str| failed.iter().map(|record| record[key].as_i64().expect("an id")).collect::<Vec<_>>();
    let (orders, drafts) = (of("remote_id"), of("central_id"));
    let list = drafts.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
    let states = || rig.sql("central", &format!("select distinct state from sale_order where id in ({list})"));
    assert_eq!(states(), [["draft"]], "the drafts stay");
    rig.assert_drafts(SOLD + 10);

    rig.write("central", "account.tax", &tax, json!({"amount": 15.0}));
    let lines = rig.search("central", "sale.order.line", json!([["order_id", "in", drafts], ["display_type", "=", false]]));
    for line in lines {
        let read: Vec<Json> = rig.admin("central", &Call::read("sale.order.line", &[line], &["price_unit"]));
        let price = read[0]["price_unit"].as_f64().expect("a price");
        for price in [price + 1.0, price] {
            rig.write("central", "sale.order.line", &[line], json!({"price_unit": price}));
        }
    }
    let run = bridge.run(&["retry", "--cause", "total_differs"]);
    all_done(&bridge, run, SOLD + 10);
    for (order, draft) in orders.iter().zip(&drafts) {
        assert_eq!(bridge.record("branch1", *order)["central_id"], json!(draft), "the same draft");
    }
    rig.compare(&bridge, SOLD + 10, &["--edited", &keys(&orders)]);
    rig.assert_drafts(SOLD + 10);
}

#[test]
fn only_orders_of_closed_sessions_if_the_branch_says_so() {
    let rig = begin(Start::Sold);
    let mut bridge = one_branch(&rig);
    bridge.set("branch1", "receive", "\"closed\"");
    bridge.install();
    let run = bridge.receive().expect(0);
    assert_eq!(run.count("branch1", "new"), 0);
    rig.assert_drafts(0);
    rig.sell("branch1", 3, &["--mix", "three-lines", "--seed", "44", "--close"]);
    let run = bridge.receive().expect(0);
    assert_eq!(run.count("branch1", "delivered"), SOLD + 3);
    rig.compare(&bridge, SOLD + 3, &[]);
}

#[test]
fn orders_invoiced_at_the_branch_are_left_out_if_the_branch_says_so() {
    let rig = begin(Start::Sold);
    let mut bridge = one_branch(&rig);
    bridge.set("branch1", "invoiced", "\"skip\"");
    bridge.install();
    let invoiced =
        rig.number("branch1", "select count(*) from pos_order where account_move is not null and date_order > '2021-01-01'") as usize;
    assert!(invoiced > 0);
    let run = bridge.receive().expect(0);
    assert_eq!(["new", "delivered"].map(|what| run.count("branch1", what)), [SOLD, SOLD - invoiced]);
    rig.compare(&bridge, SOLD - invoiced, &[]);
    assert_eq!(bridge.log(&["--state", "ignored", "--cause", "invoiced_skipped"]).len(), invoiced);
}

#[test]
fn unknown_customers_are_a_problem_if_the_branch_says_so() {
    let rig = begin(Start::Sold);
    let mut bridge = one_branch(&rig);
    bridge.set("branch1", "unknown_customer", "\"problem\"");
    bridge.install();
    let unknown: Vec<i64> = rig
        .sql("branch1", "select o.id from pos_order o join res_partner p on p.id = o.partner_id where p.email in ('nobody@example.com', 'new@example.com') and o.state <> 'draft' and o.state <> 'cancel'")
        .iter()
        .map(|row| row[0].parse().expect("an id"))
        .collect();
    assert!(unknown.len() >= 2);
    let run = bridge.receive().expect(3);
    assert_eq!(run.count("branch1", "failed"), unknown.len(), "{:?}", bridge.log(&["--state", "failed"]));
    rig.compare(&bridge, SOLD - unknown.len(), &["--expect-missing", &keys(&unknown)]);
    for (name, email) in [("Nobody Knows", "nobody@example.com"), ("New in Town", "new@example.com")] {
        rig.create("central", "res.partner", &[("name", name), ("email", email)], &[]);
    }
    let run = bridge.run(&["retry", "--cause", "customer_not_found"]);
    all_done(&bridge, run, SOLD);
    rig.compare(&bridge, SOLD, &[]);
}

#[test]
fn a_draft_takes_the_taxes_of_its_own_company() {
    let rig = begin(Start::Sold);
    let mut bridge = Bridge::new(&rig, rig.url(), &["branch1", "branch2"]);
    let company = rig.number("central", "select id from res_company where name = 'My US Company'").to_string();
    rig.create("central", "stock.warehouse", &[("name", "Lake"), ("code", "LAKE"), ("company_id/.id", &company)], &[]);
    bridge.set("branch2", "company", "\"My US Company\"");
    bridge.set("branch2", "warehouse", "\"LAKE\"");
    // That of the settings belongs to the first company.
    bridge.set("branch2", "pricelist", "");
    bridge.install();
    bridge.receive().expect(0);
    rig.compare(&bridge, 2 * SOLD, &[]);
    let companies = rig.sql(
        "central",
        "select distinct split_part(o.client_order_ref, '/', 1), c.name, coalesce(tc.name, c.name) from sale_order o join res_company c on c.id = o.company_id
         join sale_order_line l on l.order_id = o.id left join account_tax_sale_order_line_rel r on r.sale_order_line_id = l.id
         left join account_tax t on t.id = r.account_tax_id left join res_company tc on tc.id = t.company_id
         where o.client_order_ref ~ '^branch' order by 1",
    );
    assert_eq!(
        companies,
        [["branch1", "My Company (San Francisco)", "My Company (San Francisco)"], ["branch2", "My US Company", "My US Company"]]
    );
}

#[test]
fn orders_of_another_companys_shop_come_with_the_taxes_of_their_draft() {
    let rig = begin(Start::Sold);
    let mut bridge = one_branch(&rig);
    bridge.set("branch1", "shops", "");
    bridge.install();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/odoo/other_company.py");
    let sold = crate::rig::json_of(rig.tool("shell", &["branch1", script]).as_bytes());
    let here = rig.number("branch1", "select count(distinct company_id) from pos_order where date_order > '2021-01-01'");
    assert_eq!(here, 2, "companies of the branch that sell");
    bridge.receive().expect(0);
    rig.compare(&bridge, SOLD + ids(&sold, "ids").len(), &[]);
    assert_eq!(rig.number("central", "select count(distinct company_id) from sale_order where client_order_ref like 'branch1/%'"), 1);
}
