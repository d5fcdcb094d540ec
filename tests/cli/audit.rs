//! The audit as a person meets it.

use posbridge::demo::{Db, Item, Mishap, Sale, Value, When};

use crate::place::{Place, odoo, settings};
use crate::told;

/// A branch that names its sellers and tracks what it sells.
async fn place() -> (Place, posbridge::demo::OdooServer, Db, Db) {
    let (server, central, tirana) = odoo(0).await;
    let url = server.url();
    let place = Place::with(&format!(
        "{}salesperson = \"sales@example.com\"\nsalespeople = {{ anna = \"anna@example.com\" }}\n",
        settings(&url, &url, "5s")
    ));
    place.seal("central");
    place.seal("tirana");
    let goods = Value::Array(vec![Value::Array(vec!["type".into(), "=".into(), "consu".into()])]);
    tirana.edit("product.template", goods, [("is_storable", true.into())]).expect("known");
    for n in 1..=24 {
        tirana.sell(Sale::new().line(Item::new(&format!("ART-{n:04}")).qty("2")).cashier("anna"));
    }
    (place, server, central, tirana)
}

fn set(db: &Db, reference: &str, field: &str, value: Value) {
    let template = db.find("product.template", "default_code", reference).expect("seeded").id;
    db.update("product.template", template, [(field, value)]).expect("known");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_found() {
    let (place, server, _central, _tirana) = place().await;
    let ran = place.run(&["audit"]);
    assert_eq!(ran.status, 0, "{}", ran.told());
    told!("audit_clean", place, &ran.told());
    let writes = |method: &str| ["create", "write", "load", "unlink"].contains(&method);
    assert_eq!(server.stats().calls.keys().find(|(_, method)| writes(method)), None, "it reads only");
    assert_eq!(place.run(&["audit", "--days", "0"]).status, 2);
    assert_eq!(place.run(&["audit", "nowhere"]).status, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_found_by_kind_with_what_to_do() {
    let (place, server, central, tirana) = place().await;
    for n in 1..=12 {
        set(&tirana, &format!("ART-{n:04}"), "list_price", Value::Double(100.0 + f64::from(n)));
    }
    for n in 13..=14 {
        set(&tirana, &format!("ART-{n:04}"), "is_storable", false.into());
    }
    set(&central, "ART-0014", "is_storable", true.into());
    tirana.sell(Sale::new().line(Item::new("ART-0020")).cashier("ben"));
    let unknown = tirana.find("product.product", "default_code", "ART-0024").expect("seeded").id;
    tirana.update("product.product", unknown, [("default_code", "NEW-1".into()), ("barcode", "999".into())]).expect("known");
    let denied = "You are not allowed to access 'Quants' (stock.quant) records.\n\nThis operation is allowed for the following groups:\n\t- \
                  Inventory/User\n\nContact your administrator to request access if necessary.";
    server.inject(When::call("stock.quant", "search_read").always(), Mishap::fault(4, denied));
    let ran = place.run(&["audit", "tirana", "--days", "7"]);
    assert_eq!(ran.status, 3, "{}", ran.told());
    told!("audit_findings", place, &ran.told());

    let found = place.run(&["audit", "--json"]);
    assert_eq!(found.status, 3);
    let json = found.json();
    assert_eq!(json["findings"].as_array().map(Vec::len), Some(16), "all of them");
    let kinds = ["unknown_product", "price_differs", "not_tracked", "unmapped_seller"];
    for kind in kinds {
        assert!(json["findings"].as_array().expect("a list").iter().any(|finding| finding["kind"] == kind), "{kind}");
    }
    let first = &json["findings"][1];
    assert_eq!((&first["branch"], &first["numbers"]["branch"]), (&"tirana".into(), &"101.00".into()), "{first}");
    assert_eq!(json["branches"][0]["findings"], 16);
    assert_eq!(json["unchecked"][0]["check"], "negative stock");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_branch_that_does_not_answer() {
    let (place, server, _central, _tirana) = place().await;
    server.inject(When::any().database("tirana").always(), Mishap::fault(3, "Access Denied"));
    let ran = place.run(&["audit"]);
    assert_eq!(ran.status, 3, "{}", ran.told());
    told!("audit_refused", place, &ran.told());
}
