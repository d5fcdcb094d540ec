//! What `posbridge reconcile` prints, and its exit status.

use posbridge::demo::{Item, Sale};

use crate::place::{Place, odoo, settings};
use crate::told;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_are_told_order_by_order() {
    let (server, central, tirana) = odoo(0).await;
    central.stop_clock("2026-11-10 12:00:00");
    tirana.stop_clock("2026-11-10 12:00:00");
    for n in 1..=4 {
        let price = n.to_string();
        tirana.sell(Sale::new().line(Item::new("ART-0004").price(&price)).pay("Cash", &price));
    }
    tirana.close_sessions().expect("closed");
    tirana.stop_clock("2026-11-11 06:00:00");
    let place = Place::sealed(&server.url(), &server.url(), "5s");
    assert_eq!(place.run(&["receive"]).status, 0);

    let day = ["reconcile", "--day", "2026-11-10"];
    let equal = place.run(&day);
    assert_eq!(equal.status, 0, "{}", equal.told());
    told!("reconcile_equal", place, &equal.told());
    told!("reconcile_status_equal", place, &place.run(&["status"]).told());

    let mut drafts = central.sale_orders();
    drafts.sort_by_key(|draft| draft.order.id);
    central.delete("sale.order", drafts[0].order.id).expect("deleted");
    central.cancel(drafts[1].order.id).expect("cancelled");
    let differs = place.run(&day);
    assert_eq!(differs.status, 3);
    told!("reconcile_differs", place, &differs.told());
    let status = place.run(&["status"]);
    assert_eq!(status.status, 3);
    told!("reconcile_status_differs", place, &status.told());

    let document = place.run(&["reconcile", "--day", "2026-11-10", "--json"]).json();
    let branch = &document["branches"][0];
    let wanted = "branch from to branch_orders central_orders branch_total central_total missing extra different days received held failed \
                  ignored deleted_at_central late changed sessions gaps proved error";
    for field in wanted.split_whitespace() {
        assert!(branch.get(field).is_some(), "{field} is missing in {branch}");
    }
    assert_eq!((&branch["proved"], &branch["branch_orders"], &branch["central_orders"]), (&false.into(), &4.into(), &2.into()));
    assert_eq!(branch["missing"][0]["finding"], "deleted");

    // A person says that both are right so.
    let decided = place.run(&["ignore", "1", "2", "--reason", "taken back by the customer"]);
    told!("reconcile_ignore", place, &decided.told());
    told!("reconcile_explained", place, &place.run(&day).told());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_proved_is_not_equal() {
    let (server, _central, tirana) = odoo(0).await;
    tirana.close_sessions().expect("closed");
    let silent = "[branch.durres]\nurl = \"http://127.0.0.1:1\"\ndatabase = \"d\"\nuser = \"u\"\nfrom = 2020-01-01\ncustomer = \"x\"\n";
    let place = Place::with(&format!("{}{silent}", settings(&server.url(), &server.url(), "5s")));
    for owner in ["central", "tirana", "durres"] {
        place.seal(owner);
    }
    let ran = place.run(&["reconcile", "--from", "2026-11-09", "--to", "2026-11-10"]);
    assert_eq!(ran.status, 3, "{}", ran.told());
    told!("reconcile_unproved", place, &ran.told());
    assert_eq!(place.run(&["reconcile", "tirana", "--day", "2026-11-10"]).status, 0, "zero orders on both sides are equal");
    // Today is never over.
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    assert_eq!(place.run(&["reconcile", "tirana", "--day", &today]).status, 3);
    for (wrong, status) in [
        (vec!["reconcile", "--day", "2019-01-01"], 1),
        (vec!["reconcile", "--from", "2026-11-10", "--to", "2026-11-09"], 1),
        (vec!["reconcile", "--from", "2021-01-01", "--to", "2026-11-09"], 1),
        (vec!["reconcile", "nowhere"], 1),
        (vec!["reconcile", "--day", "yesterday"], 2),
        (vec!["reconcile", "--day", "2026-11-10", "--to", "2026-11-10"], 2),
    ] {
        let ran = place.run(&wrong);
        assert_eq!(ran.status, status, "{wrong:?} {}", ran.told());
    }
    told!("reconcile_before_from", place, &place.run(&["reconcile", "tirana", "--day", "2019-01-01"]).told());
}

#[test]
fn help_of_reconcile() {
    let place = Place::new();
    told!("help_reconcile", place, &place.run(&["reconcile", "--help"]).out);
}
