//! What tills and back offices of each version leave behind, told by the stand-in's own hand: how orders and refunds are named, what
//! links them, what is stored as it came.

use posbridge::demo::{Branch, Db, Item, OdooServer, Record, RefundStyle, Sale, Version};

use super::*;

async fn shop(version: Version) -> (OdooServer, Db) {
    let server = OdooServer::start_as(version).await.expect("a free port");
    let branch = server.branch("b", &Branch::new("Shop"));
    (server, branch)
}

fn order(branch: &Db, id: i64) -> Record {
    branch.record("pos.order", id).expect("an order")
}

#[tokio::test]
async fn orders_and_refunds_are_named_as_each_version_names_them() {
    for version in Version::ALL {
        let (_server, branch) = shop(version).await;
        let sold = branch.sell(Sale::new().line(Item::new("ART-0001").qty("2")));
        let (till, office) = (branch.refund(sold, RefundStyle::Till), branch.refund(sold, RefundStyle::BackOffice));
        let [sold, till, office] = [sold, till, office].map(|id| order(&branch, id));
        let name = sold.text("name");
        assert_eq!(name, if version == Version::V19 { "Shop - 000001" } else { "Shop/0001" }, "{version}");
        let own_name = matches!(version, Version::V14 | Version::V18);
        assert_eq!(till.text("name") == format!("{name} REFUND"), !own_name, "{version}");
        assert_eq!(office.text("name"), format!("{name} REFUND"), "{version}");
        assert_eq!(office.text("pos_reference") == sold.text("pos_reference"), version < Version::V19, "{version}");
        assert!(till.amount("amount_total").is_sign_negative() && office.amount("amount_total").is_sign_negative());
        let line = branch.record("pos.order.line", till.ids("lines")[0]).expect("a line");
        assert_eq!(line.amount("price_subtotal_incl").is_sign_negative(), version < Version::V19, "{version}");
        assert_eq!(line.link("refunded_orderline_id").is_some(), version > Version::V14, "{version}");
    }
}

#[tokio::test]
async fn a_late_order_gets_a_rescue_session_before_19_and_is_refused_since() {
    for version in Version::ALL {
        let (_server, branch) = shop(version).await;
        let session = branch.session("Shop").expect("an open session");
        branch.close_session(session).expect("closed");
        let late = branch.sell_late(Sale::new().line(Item::new("ART-0001")), session);
        if version == Version::V19 {
            let text = "No open session available. Please open a new session to capture the order.";
            assert_eq!(late.map_err(|fault| fault.text), Err(text.to_owned()));
            continue;
        }
        let late = order(&branch, late.expect("a rescue session"));
        let rescue = branch.record("pos.session", late.link("session_id").expect("a session")).expect("a session");
        assert!(rescue.flag("rescue") && rescue.text("name").contains("(RESCUE FOR POS/"), "{version}: {}", rescue.text("name"));
        assert_eq!((late.text("state"), rescue.text("state")), ("paid".to_owned(), "opened".to_owned()));
    }
}

#[tokio::test]
async fn an_invoiced_order_has_a_state_of_its_own_before_19() {
    for version in Version::ALL {
        let (_server, branch) = shop(version).await;
        let sold = branch.sell(Sale::new().line(Item::new("ART-0001")).invoiced(7));
        let state = if version == Version::V19 { "done" } else { "invoiced" };
        assert_eq!(order(&branch, sold).text("state"), state, "{version}");
        branch.close_sessions().expect("closed");
        assert_eq!(order(&branch, sold).text("state"), state, "{version}");
    }
}

#[tokio::test]
async fn up_to_16_totals_are_stored_as_the_sum_came_out_and_control_characters_go_out() {
    for version in Version::ALL {
        let (server, branch) = shop(version).await;
        let untaxed = |price: &str| Item::new("ART-0003").price(price).taxes(&[]);
        branch.sell(Sale::new().line(untaxed("1.10")).line(untaxed("2.20")).note("a\u{1}b"));
        let odoo = client(Protocol::XmlRpc, &server.url(), "b", "bridge", "bridge");
        let note = match version {
            Version::V19 => "general_customer_note",
            Version::V18 => "general_note",
            _ => "note",
        };
        let read: Vec<Json> = odoo.call(&Call::search_read("pos.order", json!([]), &["amount_total", note])).await.expect("an order");
        let total = read[0]["amount_total"].as_f64().expect("a total");
        assert_eq!(total, if version <= Version::V16 { 1.1 + 2.2 } else { 3.3 }, "{version}");
        assert_eq!(read[0][note], json!(if version <= Version::V16 { "a\u{1}b" } else { "ab" }), "{version}");
    }
}
