//! How fast replies are decoded: `cargo bench --bench decode`. The goal is 100 MB/s or more.

use std::time::Instant;

use posbridge::model::PosLine;
use posbridge::odoo::xmlrpc::{Answer, response};

fn main() {
    let mut body = String::from("<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value><array><data>\n");
    for n in 0..10_000 {
        body.push_str(&line(n));
    }
    body.push_str("</data></array></value>\n</param>\n</params>\n</methodResponse>\n");
    let mut best = f64::MAX;
    for _ in 0..9 {
        let began = Instant::now();
        let Ok(Answer::Value(lines)) = response::<Vec<PosLine>>(body.as_bytes()) else { panic!("not decoded") };
        assert_eq!(lines.len(), 10_000);
        best = best.min(began.elapsed().as_secs_f64());
    }
    let megabytes = body.len() as f64 / 1e6;
    println!("10,000 order lines, {megabytes:.1} MB: {:.0} ms, {:.0} MB/s", best * 1e3, megabytes / best);
}

/// A line of an order as Python's marshaller writes it.
fn line(n: usize) -> String {
    let text = |name: &str, value: &str| format!("<member>\n<name>{name}</name>\n<value><string>{value}</string></value>\n</member>\n");
    let double = |name: &str, value: &str| format!("<member>\n<name>{name}</name>\n<value><double>{value}</double></value>\n</member>\n");
    let no = |name: &str| format!("<member>\n<name>{name}</name>\n<value><boolean>0</boolean></value>\n</member>\n");
    let pair = |name: &str, id: usize, value: &str| {
        format!(
            "<member>\n<name>{name}</name>\n<value><array><data>\n<value><int>{id}</int></value>\n<value><string>{value}</string></value>\n</data></array></value>\n</member>\n"
        )
    };
    let ids = |name: &str, id: usize| {
        format!("<member>\n<name>{name}</name>\n<value><array><data>\n<value><int>{id}</int></value>\n</data></array></value>\n</member>\n")
    };
    let members = [
        format!("<member>\n<name>id</name>\n<value><int>{n}</int></value>\n</member>\n"),
        pair("order_id", n / 3, "Furniture Shop - 000123"),
        pair("product_id", 60 + n % 80, "[FURN_0042] Large Desk &amp; Co (Ñ)"),
        text("full_product_name", "Large Desk &amp; Co (Ñ)"),
        double("qty", "2.0"),
        double("price_unit", "45.83"),
        double("discount", "12.5"),
        double("price_subtotal_incl", "80.2"),
        ids("tax_ids_after_fiscal_position", 7),
        no("customer_note"),
        no("refunded_orderline_id"),
        "<member>\n<name>combo_line_ids</name>\n<value><array><data>\n</data></array></value>\n</member>\n".to_owned(),
        "<member>\n<name>pack_lot_ids</name>\n<value><array><data>\n</data></array></value>\n</member>\n".to_owned(),
    ];
    format!("<value><struct>\n{}</struct></value>\n", members.concat())
}
