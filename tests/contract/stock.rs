//! What an audit reads at a branch, as the user with the least rights sees it: locations, transfers, sums by group.

use super::*;

async fn rows(odoo: &Odoo, model: &'static str, domain: Json, fields: &[&str]) -> Vec<Json> {
    odoo.call(&Call::search_read(model, domain, fields)).await.unwrap_or_else(|error| panic!("{model}: {error}"))
}

async fn grouped(odoo: &Odoo, model: &'static str, by: &[&str], sums: &[&str]) -> Vec<Json> {
    let call = Call::new(model, "formatted_read_group").arg("domain", json!([])).arg("groupby", json!(by)).arg("aggregates", json!(sums));
    odoo.call(&call).await.unwrap_or_else(|error| panic!("{model}: {error}"))
}

async fn count(odoo: &Odoo, model: &'static str, domain: Json) -> i64 {
    odoo.call(&Call::new(model, "search_count").arg("domain", domain)).await.expect("a count")
}

facts! {
    the_branch_user_reads_where_stock_lies_and_writes_nothing_of_it(w) {
        for model in ["stock.location", "stock.picking.type", "stock.warehouse", "stock.quant", "stock.picking"] {
            let call = Call::search_read(model, json!([]), &["display_name"]).arg("limit", json!(1));
            assert!(w.branch.call::<Vec<Json>>(&call).await.is_ok(), "{model}");
        }
        for model in ["stock.location", "stock.picking.type", "stock.warehouse", "stock.quant"] {
            for operation in ["write", "create", "unlink"] {
                let call = Call::new(model, "has_access").on(&[]).arg("operation", json!(operation));
                assert_eq!(w.branch.call::<bool>(&call).await, Ok(false), "{operation} {model}");
            }
        }
    }

    the_fields_of_the_stock_side_have_these_types(w) {
        let wanted: [(&'static str, &[(&str, &str)]); 7] = [
            ("stock.location", &[("name", "char"), ("complete_name", "char"), ("usage", "selection"), ("location_id", "many2one")]),
            ("stock.picking.type", &[("default_location_src_id", "many2one"), ("warehouse_id", "many2one"), ("code", "selection")]),
            ("stock.warehouse", &[("lot_stock_id", "many2one"), ("view_location_id", "many2one")]),
            ("stock.quant", &[("product_id", "many2one"), ("location_id", "many2one"), ("quantity", "float")]),
            ("stock.picking", &[("pos_session_id", "many2one"), ("backorder_id", "many2one"), ("pos_order_id", "many2one"), ("state", "selection")]),
            ("pos.session", &[("failed_pickings", "boolean"), ("picking_ids", "one2many"), ("cash_register_difference", "monetary")]),
            ("pos.order", &[("shipping_date", "date"), ("config_id", "many2one")]),
        ];
        for (model, fields) in wanted {
            let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
            let call = Call::new(model, "fields_get").arg("allfields", json!(names)).arg("attributes", json!(["type"]));
            let told: Json = w.branch.call(&call).await.expect("fields");
            for (name, kind) in fields {
                assert_eq!(told[name]["type"], json!(kind), "{model}.{name}");
            }
        }
    }

    a_shop_takes_from_a_location_of_a_warehouse(w) {
        let shops = rows(&w.branch, "pos.config", json!([]), &["picking_type_id"]).await;
        let kind = shops[0]["picking_type_id"][0].as_i64().expect("an operation type");
        let kinds = rows(&w.branch, "stock.picking.type", json!([["id", "=", kind]]), &["default_location_src_id", "display_name", "name"]).await;
        let shown = kinds[0]["display_name"].as_str().expect("a name");
        assert!(shown.ends_with(&format!(": {}", kinds[0]["name"].as_str().expect("a name"))), "{shown}");
        let source = &kinds[0]["default_location_src_id"];
        let warehouses = rows(&w.branch, "stock.warehouse", json!([]), &["lot_stock_id", "view_location_id", "name"]).await;
        let main = &warehouses[0]["lot_stock_id"];
        assert_eq!(main[1], json!("WH/Stock"));
        let below = json!([["id", "child_of", [main[0]]], ["usage", "=", "internal"]]);
        let below = rows(&w.branch, "stock.location", below, &["complete_name", "warehouse_id"]).await;
        assert!(below.iter().any(|place| place["id"] == source[0]), "{source} in {below:?}");
        for place in &below {
            assert!(place["complete_name"].as_str().is_some_and(|name| name.starts_with("WH/Stock")), "{place}");
            assert_eq!(place["warehouse_id"][1], warehouses[0]["name"], "{place}");
        }
    }

    negative_stock_and_failed_moves_are_asked_for_in_one_call_each(w) {
        let quants = json!([
            ["location_id", "child_of", [1, 2, 3, 4, 5]], ["location_id.usage", "=", "internal"], ["quantity", "<", 0],
            ["product_id.is_storable", "=", true]
        ]);
        rows(&w.branch, "stock.quant", quants, &["product_id", "location_id", "quantity"]).await;
        let moves = json!([
            ["state", "!=", "done"], ["create_date", ">=", "2020-01-01 00:00:00"], "|", ["pos_session_id.config_id", "in", [1, 2]],
            ["backorder_id.pos_session_id.config_id", "in", [1, 2]], "|", ["pos_order_id", "=", false], ["pos_order_id.shipping_date", "=", false]
        ]);
        rows(&w.branch, "stock.picking", moves, &["name", "pos_session_id", "backorder_id"]).await;
    }

    a_session_says_whether_a_move_of_it_is_not_done(w) {
        for session in rows(&w.branch, "pos.session", json!([]), &["failed_pickings", "picking_count"]).await {
            let of = |more: Json| json!([["pos_session_id", "=", session["id"]], more]);
            let waiting = count(&w.branch, "stock.picking", of(json!(["state", "!=", "done"]))).await;
            assert_eq!(session["failed_pickings"], json!(waiting > 0), "{session}");
            let all = count(&w.branch, "stock.picking", json!([["pos_session_id", "=", session["id"]]])).await;
            assert_eq!(session["picking_count"], json!(all), "{session}");
        }
    }

    sums_by_group_come_with_what_finds_the_group(w) {
        let all = count(&w.branch, "pos.order", json!([])).await;
        let groups = grouped(&w.branch, "pos.order", &["config_id", "user_id"], &["__count"]).await;
        assert!(!groups.is_empty());
        let mut sum = 0;
        for group in &groups {
            let mut keys: Vec<&String> = group.as_object().expect("a dictionary").keys().collect();
            keys.sort();
            assert_eq!(keys, ["__count", "__extra_domain", "config_id", "user_id"]);
            assert!(group["config_id"][0].is_i64() && group["config_id"][1].is_string(), "{group}");
            let number = group["__count"].as_i64().expect("a number");
            assert_eq!(count(&w.branch, "pos.order", group["__extra_domain"].clone()).await, number, "{group}");
            sum += number;
        }
        assert_eq!(sum, all);
        let whole = grouped(&w.branch, "pos.order", &[], &["__count"]).await;
        assert_eq!((whole.len(), &whole[0]["__count"], &whole[0]["__extra_domain"]), (1, &json!(all), &json!([[1, "=", 1]])));
        let sums = grouped(&w.branch, "pos.order.line", &["product_id"], &["qty:sum", "__count"]).await;
        assert!(sums.iter().all(|group| group["qty:sum"].is_number() && group["product_id"][1].is_string()), "{sums:?}");
        let limited = Call::new("pos.order.line", "formatted_read_group").arg("domain", json!([])).arg("groupby", json!(["product_id"]));
        let limited: Vec<Json> = w.branch.call(&limited.arg("aggregates", json!(["qty:sum"])).arg("limit", json!(1))).await.expect("one");
        assert_eq!((limited.len(), &limited[0]["product_id"]), (1, &sums[0]["product_id"]), "in the order of the products");
    }

    the_group_without_a_value_comes_last(w) {
        let groups = grouped(&w.branch, "pos.order", &["partner_id"], &["__count"]).await;
        let without: Vec<usize> = groups.iter().enumerate().filter(|(_, group)| group["partner_id"] == json!(false)).map(|(at, _)| at).collect();
        assert_eq!(without, [groups.len() - 1], "{groups:?}");
        assert_eq!(groups[groups.len() - 1]["__extra_domain"], json!([["partner_id", "=", false]]));
    }

    sums_by_group_as_older_versions_ask_for_them(w) {
        let call = Call::new("pos.order.line", "read_group").arg("domain", json!([["qty", "!=", 0]])).arg("groupby", json!(["product_id"]));
        let old: Vec<Json> = w.branch.call(&call.arg("fields", json!(["qty:sum"])).arg("lazy", json!(false))).await.expect("groups");
        let mut keys: Vec<&String> = old[0].as_object().expect("a dictionary").keys().collect();
        keys.sort();
        assert_eq!(keys, ["__count", "__domain", "product_id", "qty"]);
    }

    an_unknown_field_of_a_group_is_a_fault_1(w) {
        let call = |by: &str, sum: &str| {
            let call = Call::new("pos.order", "formatted_read_group").arg("domain", json!([])).arg("groupby", json!([by]));
            call.arg("aggregates", json!([sum]))
        };
        let by = error_of(&w.branch, call("nope", "__count")).await;
        assert!(by.to_string().ends_with("Invalid field 'nope' on model 'pos.order'"), "{by:?}");
        let sum = error_of(&w.branch, call("user_id", "nope:sum")).await;
        assert!(sum.to_string().ends_with("Invalid field 'nope' on model 'pos.order' for 'nope:sum'."), "{sum:?}");
    }
}
