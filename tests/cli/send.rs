//! Sending as a person meets it: what check finds beforehand, what the log tells, and what retry and ignore do to it.

use posbridge::demo::{Db, Item, OdooServer, Sale};
use serde_json::Value as Json;

use crate::place::{Place, odoo, settings};
use crate::told;

/// Settings of a branch whose user may be sent everything.
fn sealed(server: &OdooServer, send: &str) -> Place {
    let place = Place::new();
    write(&place, server, send);
    place.seal("central");
    assert_eq!(place.run_with(&["secret", "set", "tirana"], "sender\n").status, 0);
    place
}

fn write(place: &Place, server: &OdooServer, send: &str) {
    let url = server.url();
    let text = settings(&url, &url, "5s").replace("database = \"tirana\"\nuser = \"bridge\"", "database = \"tirana\"\nuser = \"sender\"");
    place.write(&format!("{text}{send}"));
}

/// The branch has this barcode on another product.
fn take_barcode(central: &Db, tirana: &Db, reference: &str, by: &str) {
    let barcode = central.find("product.product", "default_code", reference).expect("seeded").get("barcode").clone();
    let own = tirana.find("product.product", "default_code", reference).expect("seeded").id;
    tirana.update("product.product", own, [("default_code", "OLD".into()), ("barcode", false.into())]).expect("known");
    let other = tirana.find("product.product", "default_code", by).expect("seeded").id;
    tirana.update("product.product", other, [("barcode", barcode)]).expect("known");
}

const PRODUCTS: &str = "[branch.tirana.send.products]\nrefs = [\"ART-0004\", \"ART-0006\"]\nfields = [\"name\", \"list_price\", \"barcode\", \"default_code\"]\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_of_a_branch_that_is_sent_to() {
    let (server, _central, tirana) = odoo(0).await;
    let all = "[branch.tirana.send.products]\nall = true\n[branch.tirana.send.customers]\nall = true\n[branch.tirana.send.taxes]\n\
               all = true\n[branch.tirana.send.pricelists]\nall = true\n";
    let place = sealed(&server, all);
    let ran = place.run(&["check"]);
    assert_eq!(ran.status, 0, "{}", ran.told());
    told!("check_sends", place, &ran.told());
    let writes = |method: &str| ["create", "write", "load", "unlink"].contains(&method);
    assert_eq!(server.stats().calls.keys().find(|(_, method)| writes(method)), None, "check reads only");

    // Less rights, a reference and a journal that nobody has, a choice that chooses nothing.
    tirana.set_groups("sender", &["Role / User", "Point of Sale / User"]);
    let wrong = "[branch.tirana.send.products]\nrefs = [\"ART-0004\", \"NOPE-1\"]\n[branch.tirana.send.customers]\n\
                 domain = [[\"name\", \"=\", \"Nobody at all\"]]\n[branch.tirana.send.taxes]\ndomain = [[\"nix\", \"=\", 1]]\n\
                 [branch.tirana.send.payment_methods]\nall = true\n[branch.tirana.send.journals]\n\"Card\" = \"NOPE\"\n";
    write(&place, &server, wrong);
    let ran = place.run(&["check", "tirana"]);
    assert_eq!(ran.status, 3);
    told!("check_sends_failed", place, &ran.told());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_tells_what_was_sent_and_what_was_not() {
    let (server, central, tirana) = odoo(1).await;
    let place = sealed(&server, PRODUCTS);
    take_barcode(&central, &tirana, "ART-0006", "ART-0007");
    let product = central.find("product.template", "default_code", "ART-0004").expect("seeded").id;
    central.update("product.template", product, [("list_price", 77.0.into())]).expect("known");
    assert_eq!(place.run(&["receive"]).status, 0);

    let queued = place.run(&["send", "tirana", "--products", "--ref", "ART-0004", "--queue"]);
    assert_eq!(queued.status, 3, "{}", queued.told());
    told!("log_of_the_queue", place, &place.run(&["log", "--state", "pending"]).told());
    let row = place.run(&["log", "--state", "pending", "--json"]).json()["records"][0].clone();
    assert_eq!((&row["direction"], &row["kind"], &row["remote_id"]), (&"send".into(), &"product".into(), &product.into()));
    assert_eq!(row["central_id"], row["remote_id"]);
    let shown = place.run(&["log", "show", &row["id"].to_string()]);
    told!("log_show_queued", place, &shown.told());

    let sent = place.run(&["send"]);
    assert_eq!(sent.status, 3, "{}", sent.told());
    // In the order of their numbers, also when a second begins between the two.
    place.ledger().execute("UPDATE record SET updated_at = (SELECT max(updated_at) FROM record)", []).expect("ours");
    told!("log_of_both", place, &place.run(&["log"]).told());
    let failed = place.run(&["log", "--direction", "send", "--kind", "products", "--state", "failed", "--json"]).json();
    assert_eq!(failed["records"].as_array().map(Vec::len), Some(1));
    assert_eq!(failed["records"][0]["cause"], "barcode_taken");
    told!("log_show_unsent", place, &place.run(&["log", "show", &failed["records"][0]["id"].to_string()]).told());
    let status = place.run(&["status"]);
    assert_eq!(status.status, 3);
    told!("status_of_both", place, &status.told());
    let line = place.run(&["status", "--json"]).json()["branches"][0].clone();
    assert_eq!([&line["done"], &line["failed"], &line["send_pending"], &line["send_held"], &line["send_failed"]], [1, 0, 0, 0, 1]);
    // What waits to be sent is no matter of receiving.
    let received = place.run(&["receive"]);
    assert_eq!(received.status, 0, "{}", received.told());
    assert!(!received.out.contains("ART-0006"), "{}", received.told());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_retry_takes_orders_and_master_data() {
    let (server, central, tirana) = odoo(0).await;
    let place = sealed(&server, PRODUCTS);
    take_barcode(&central, &tirana, "ART-0006", "ART-0007");
    let unknown = tirana.find("product.product", "default_code", "ART-0002").expect("seeded").id;
    tirana.update("product.product", unknown, [("default_code", "NEW-1".into()), ("barcode", "999".into())]).expect("known");
    tirana.sell(Sale::new().line(Item::new("NEW-1").price("10")).pay("Cash", "10"));
    assert_eq!(place.run(&["receive"]).status, 3);
    assert_eq!(place.run(&["send"]).status, 3);
    let id = |cause: &str| place.run(&["log", "--cause", cause, "--json"]).json()["records"][0]["id"].to_string();
    let (order, product) = (id("product_not_found"), id("barcode_taken"));

    // Nothing is mended: both stand as they stood, and one document says so.
    let again: Json = place.run(&["retry", &order, &product, "--json"]).json();
    assert_eq!((&again["branches"][0]["failed"], &again["sent"][0]["failed"]), (&1.into(), &1.into()), "{again}");
    assert!(again["central_calls"].is_u64());

    // An ignored product is left alone until it changes at central.
    let ignored = place.run(&["ignore", &product, "--reason", "the branch has its own"]);
    assert_eq!(
        ignored.out,
        "Ignored 1 record: the branch keeps what it has until central changes; posbridge retry ID takes up one again\n"
    );
    let sent = place.run(&["send"]);
    assert_eq!(sent.status, 0, "{}", sent.told());

    // Both are mended.
    let taker = tirana.find("product.product", "default_code", "ART-0007").expect("seeded").id;
    tirana.update("product.product", taker, [("barcode", false.into())]).expect("known");
    let there = central.find("product.product", "default_code", "ART-0002").expect("seeded").id;
    central.update("product.product", there, [("default_code", "NEW-1".into())]).expect("known");
    let products = tirana.count("product.template");
    let retried = place.run(&["retry", &order, &product]);
    assert_eq!(retried.status, 0, "{}", retried.told());
    told!("retry_of_both", place, &retried.told());
    assert_eq!((tirana.count("product.template"), central.count("sale.order")), (products + 1, 1));

    // What is done is not done again.
    for (arguments, wanted) in [(vec!["retry", &product], "is done"), (vec!["retry", &product, "--recreate"], "is for orders")] {
        let refused = place.run(&arguments);
        assert!(refused.status == 1 && refused.err.contains(wanted), "{}", refused.told());
    }
}
