//! Days held against central on a real Odoo: what people, accidents and links that fail have done is found, and nothing else.

use posbridge::odoo::Call;
use serde_json::{Value as Json, json};

use crate::rig::{Bridge, Rig, Start, begin, ids};
use crate::support::proxy::Fault;

const DAY: &str = "2026-11-10";

/// Orders that the day begins with.
const SOLD: usize = 30;

/// Sells, closes the sessions, and moves what was sold to [`DAY`]. `late`: it reaches the branch's server only now.
fn sell_on_day(rig: &Rig, orders: usize, seed: &str, more: &[&str], late: bool) -> Vec<i64> {
    let arguments: Vec<&str> = ["--mix", "three-lines", "--seed", seed, "--close"].iter().chain(more).copied().collect();
    let sold = rig.sell("branch1", orders, &arguments);
    let mut sold: Vec<i64> = ids(&sold, "ids").into_iter().chain(ids(&sold, "unknown_product")).collect();
    sold.sort_unstable();
    sold.dedup();
    let list = sold.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
    rig.sql(
        "branch1",
        &format!("update pos_order set date_order = '{DAY} 10:00:00'::timestamp + id * interval '1 second' where id in ({list})"),
    );
    if !late {
        rig.sql("branch1", &format!("update pos_order set create_date = date_order + interval '2 seconds' where id in ({list})"));
        rig.sql(
            "branch1",
            // Not those of Odoo's demo data, whose cash is wrong.
            &format!(
                "update pos_session set start_at = '{DAY} 08:00:00', stop_at = '{DAY} 20:00:00' where state = 'closed' and name !~ '/Demo/'"
            ),
        );
    }
    sold
}

/// `[finding, order]` of each difference, sorted.
fn found(branch: &Json) -> Vec<(String, Option<i64>)> {
    let lists = ["missing", "extra", "different"].map(|list| branch[list].as_array().cloned().unwrap_or_default());
    let finding = |entry: &Json| (entry["finding"].as_str().unwrap_or_default().to_owned(), entry["order"].as_i64());
    let mut found: Vec<_> = lists.iter().flatten().map(finding).collect();
    found.sort();
    found
}

fn draft_of(rig: &Rig, order: i64) -> i64 {
    let bound = rig.bound();
    let name = format!("branch1-{order}-");
    *bound.iter().find(|(xid, _)| xid.starts_with(&name)).unwrap_or_else(|| panic!("{name} in {bound:?}")).1
}

fn branch_rows(rig: &Rig) -> Vec<Vec<String>> {
    rig.sql(
        "branch1",
        "select max(id), count(*), max(write_date) from pos_order union all select max(id), count(*), max(write_date) from pos_session",
    )
}

#[test]
fn everything_that_was_planted_is_found_and_nothing_else() {
    let rig = begin(Start::First);
    let proxy = rig.proxy(|_| Fault::None);
    let mut bridge = Bridge::new(&rig, &proxy.url, &["branch1"]);
    bridge.install();
    let sold = sell_on_day(&rig, SOLD, "71", &[], false);
    bridge.receive().expect(0);
    let run = bridge.run(&["reconcile", "--day", DAY]).expect(0);
    let branch = run.branch("branch1");
    assert_eq!(found(branch), []);
    assert_eq!(
        (&branch["proved"], run.count("branch1", "branch_orders"), run.count("branch1", "central_orders")),
        (&json!(true), SOLD, SOLD)
    );
    assert_eq!(branch["branch_total"], branch["central_total"]);
    assert_eq!(branch["late"], json!([]));

    // What people do at central.
    let draft = |n: usize| draft_of(&rig, sold[n]);
    let (deleted, edited, cancelled, confirmed, renamed, copied) = (draft(0), draft(1), draft(2), draft(3), draft(4), draft(5));
    rig.act("central", &Call::new("sale.order", "unlink").on(&[deleted]));
    let lines = rig.search("central", "sale.order.line", json!([["order_id", "=", edited], ["display_type", "=", false]]));
    rig.write("central", "sale.order.line", &lines[..1], json!({"price_unit": 999.5}));
    rig.act("central", &Call::new("sale.order", "action_cancel").on(&[cancelled]));
    rig.act("central", &Call::new("sale.order", "action_confirm").on(&[confirmed]));
    rig.write("central", "sale.order", &[renamed], json!({"client_order_ref": "by hand", "date_order": "2026-11-15 10:00:00"}));
    let read = Call::read("sale.order", &[copied], &["client_order_ref", "partner_id"]);
    let original: Json = rig.admin("central", &read);
    let customer = original[0]["partner_id"][0].to_string();
    let reference = original[0]["client_order_ref"].as_str().expect("a reference").to_owned();
    let values = [("partner_id/.id", customer.as_str()), ("client_order_ref", &reference), ("date_order", "2026-11-10 15:00:00")];
    let foreign = rig.create("central", "sale.order", &values, &[]);

    // Orders that arrive late, that fail, that somebody ignores, and one that no pass meets.
    let late = sell_on_day(&rig, 1, "72", &[], true);
    let failing: Vec<i64> = ["73", "74"].iter().flat_map(|seed| sell_on_day(&rig, 0, seed, &["--unknown-product"], false)).collect();
    assert_eq!(failing.len(), 2, "{failing:?}");
    bridge.receive().expect(3);
    let ignored = bridge.record("branch1", failing[0])["id"].to_string();
    bridge.run(&["ignore", &ignored, "--reason", "test sale of the installer"]).expect(0);
    let missed = sell_on_day(&rig, 1, "75", &[], false);
    rig.sql("branch1", &format!("update pos_order set write_date = '{DAY} 11:00:00' where id = {}", missed[0]));
    bridge.receive();

    let (central_rows, branch_before) = (rig.fingerprint(), branch_rows(&rig));
    proxy.take();
    let run = bridge.run(&["reconcile", "--day", DAY]).expect(3);
    let calls = proxy.take().len();
    let mut planted = vec![
        ("deleted".to_owned(), Some(sold[0])),
        ("edited".to_owned(), Some(sold[1])),
        ("cancelled".to_owned(), Some(sold[2])),
        ("failed".to_owned(), Some(failing[1])),
        ("ignored".to_owned(), Some(failing[0])),
        ("not_received".to_owned(), Some(missed[0])),
        ("foreign".to_owned(), None),
    ];
    planted.sort();
    let branch = run.branch("branch1");
    assert_eq!(found(branch), planted, "{branch:#}");
    assert_eq!(branch["extra"][0]["central_id"], json!(foreign));
    let lateness: Vec<_> = branch["late"].as_array().into_iter().flatten().filter_map(|entry| entry["order"].as_i64()).collect();
    assert!(lateness.contains(&late[0]) && lateness.iter().all(|order| !sold.contains(order)), "{lateness:?}");
    let told = branch["different"].to_string();
    assert!(told.contains("last changed by "), "who touched it is told: {told}");
    assert_eq!(branch["days"][0]["central_states"]["sale"], json!(1));
    println!("{calls} calls for a day of {} orders", run.count("branch1", "branch_orders"));
    assert!(calls <= 25, "{calls} calls");
    assert_eq!(rig.fingerprint(), central_rows, "central is not written");
    assert_eq!(branch_rows(&rig), branch_before, "the branch is not written");
    bridge.run(&["status"]).expect(3);

    // The missed order goes now; what was decided needs nobody.
    bridge.receive();
    planted.retain(|(finding, _)| finding != "not_received");
    let run = bridge.run(&["reconcile", "--day", DAY]).expect(3);
    assert_eq!(found(run.branch("branch1")), planted);
    rig.act("central", &Call::new("sale.order", "unlink").on(&[foreign]));
    let records: Vec<String> =
        [sold[0], sold[1], sold[2], failing[1]].map(|order| bridge.record("branch1", order)["id"].to_string()).into();
    let mut ignore = vec!["ignore", "--reason", "agreed"];
    ignore.extend(records.iter().map(String::as_str));
    bridge.run(&ignore).expect(0);
    let run = bridge.run(&["reconcile", "--day", DAY]).expect(3);
    assert_eq!(run.branch("branch1")["days"][0]["verdict"], json!("explained"), "{run:?}");
    bridge.run(&["status"]).expect(0);
}

#[test]
fn an_open_session_and_a_lost_right_are_not_agreement() {
    let rig = begin(Start::First);
    let mut bridge = Bridge::new(&rig, rig.url(), &["branch1"]);
    bridge.install();
    sell_on_day(&rig, 3, "76", &[], false);
    bridge.receive().expect(0);
    bridge.run(&["reconcile", "--day", DAY]).expect(0);
    rig.sell("branch1", 1, &["--mix", "three-lines", "--seed", "77"]);
    rig.sql("branch1", &format!("update pos_session set start_at = '{DAY} 21:00:00' where state <> 'closed'"));
    let run = bridge.run(&["reconcile", "--day", DAY]).expect(3);
    assert_eq!(run.branch("branch1")["days"][0]["verdict"], json!("not_over"), "{run:?}");
    bridge.password("branch1", "wrong");
    bridge.install();
    let run = bridge.run(&["reconcile", "--day", DAY]).expect(3);
    assert_eq!(run.branch("branch1")["days"][0]["verdict"], json!("unproved"), "{run:?}");
    assert_eq!(run.branch("branch1")["proved"], json!(false));
}
