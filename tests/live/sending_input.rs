//! What cannot be sent as it is: each says what it is, holds up nothing else, and goes once a person has put it right.

use std::collections::BTreeSet;

use base64::Engine as _;
use serde_json::json;

use crate::goods::{begin_with, change, changes, choose_all, equal, id, rows, says, sender, times, written};
use crate::rig::{BRANCHES, Start, begin};

#[test]
fn a_barcode_that_is_taken_is_a_plain_problem_until_the_branch_gives_it_up() {
    let (rig, bridge) = begin_with(&[("products", r#"{ refs = ["SND-TAKEN", "SND-001", "NOPE-1"] }"#)]);
    let run = bridge.run(&["send"]).expect(3);
    let taken = change(&run, "branch1", "SND-TAKEN");
    assert_eq!((&taken["state"], &taken["problem"]["cause"]), (&json!("failed"), &json!("barcode_taken")), "{taken}");
    assert!(says(&taken["problem"]["what"], "Has that barcode") && says(&taken["problem"]["what"], "7300000000990"), "{taken}");
    assert_eq!(times(&rig, "branch1", "product_template", "Send taken"), 0);
    let problems = run.branch("branch1")["problems"].clone();
    assert_eq!(problems[0]["cause"], json!("nothing_selected"), "{problems}");
    assert!(says(&problems[0]["what"], "NOPE-1"), "{problems}");
    equal(&rig, "branch1", &["--products", r#"[["default_code","=","SND-001"]]"#]);

    let owner = id(&rig, "branch1", "product_product", "barcode", "7300000000990");
    rig.write("branch1", "product.product", &[owner], json!({"barcode": false}));
    bridge.run(&["retry", "--cause", "barcode_taken"]);
    let run = bridge.run(&["send"]).expect(3);
    assert_eq!(changes(&run, "branch1", "failed"), Vec::<serde_json::Value>::new(), "only the unknown reference is left");
    equal(&rig, "branch1", &["--products", r#"[["default_code","=","SND-TAKEN"]]"#]);
}

#[test]
fn a_payment_method_takes_a_journal_that_the_branch_has() {
    let (rig, mut bridge) = begin_with(&[("payment_methods", r#"{ refs = ["Send Card"] }"#)]);
    let journal = id(&rig, "branch1", "account_journal", "code", "SNDB");
    rig.write("branch1", "account.journal", &[journal], json!({"name": "Till bank"}));
    let there = || {
        times(&rig, "branch1", "account_journal", "Till bank")
            + rig.number("branch1", "select count(*) from pos_payment_method where name->>'en_US' = 'Send Card'")
    };
    for (setting, cause) in [("", "journal_not_set"), (r#"{ "Send Card" = "NOSUCH" }"#, "journal_not_found")] {
        bridge.set("branch1", "send.journals", setting);
        bridge.save();
        let run = bridge.run(&["send"]).expect(3);
        let method = change(&run, "branch1", "Send Card");
        assert_eq!(method["problem"]["cause"], json!(cause), "{method}");
        assert_eq!(there(), 1, "no method yet");
    }
    bridge.set("branch1", "send.journals", r#"{ "Send Card" = "SNDB" }"#);
    bridge.save();
    bridge.run(&["send"]).expect(0);
    assert_eq!(there(), 2);
    assert_eq!(rig.number("branch1", &format!("select count(*) from pos_payment_method where journal_id = {journal}")), 1);
}

#[test]
fn names_go_in_the_language_of_the_branch_if_it_has_that() {
    let rig = begin(Start::Empty);
    let mut bridge = sender(&rig, &BRANCHES);
    for branch in BRANCHES {
        bridge.set(branch, "send.products", r#"{ refs = ["SND-001", "SND-002"] }"#);
        bridge.set(branch, "send.language", "\"fr_FR\"");
    }
    bridge.install();
    let before = rows(&rig, "branch1");
    let run = bridge.run(&["send"]).expect(3);
    assert_eq!(run.branch("branch1")["cause"], json!("language_missing"), "{run:?}");
    assert_eq!(written(&before, &rows(&rig, "branch1")).len(), 0);
    assert_eq!(run.branch("branch2")["error"], json!(null), "{run:?}");
    let french = |code: &str| {
        let name = "coalesce(name->>'fr_FR', name->>'en_US')";
        rig.sql("branch2", &format!("select {name} from product_template where default_code = '{code}'"))[0][0].clone()
    };
    assert_eq!(["SND-001", "SND-002"].map(french), ["Thé à envoyer 001", "Send 002 <biscuits> & 漢字"]);
    let before = rows(&rig, "branch2");
    bridge.run(&["send", "branch2"]).expect(0);
    assert_eq!(written(&before, &rows(&rig, "branch2")).len(), 0, "equal in that language");
}

#[test]
fn a_domain_that_odoo_refuses_a_large_picture_and_another_country_say_so() {
    let (rig, mut bridge) =
        begin_with(&[("products", r#"{ domain = [["no_such_field", "=", 1]] }"#), ("customers", r#"{ refs = ["S-001"] }"#)]);
    let run = bridge.run(&["send"]).expect(3);
    let problems = run.branch("branch1")["problems"].clone();
    assert_eq!(problems[0]["cause"], json!("selection_wrong"), "{run:?}");
    assert!(says(&problems[0]["what"], "no_such_field"), "{problems}");
    id(&rig, "branch1", "res_partner", "ref", "S-001");

    let product = id(&rig, "central", "product_template", "default_code", "SND-001");
    rig.write("central", "product.template", &[product], json!({"image_1920": noise(1900)}));
    bridge.set("branch1", "send.products", r#"{ refs = ["SND-001", "SND-002"] }"#);
    bridge.save();
    let run = bridge.run(&["send"]).expect(3);
    let large = change(&run, "branch1", "SND-001");
    assert_eq!((&large["state"], &large["problem"]["cause"]), (&json!("failed"), &json!("image_too_large")), "{large}");
    assert_eq!(times(&rig, "branch1", "product_template", "Send 002 <biscuits> & 漢字"), 1, "the other one goes");

    let country = rig.search("branch1", "res.country", json!([["code", "=", "AL"]]));
    rig.write("branch1", "res.company", &[1], json!({"account_fiscal_country_id": country[0]}));
    let taxes = || rig.number("branch1", "select count(*) from account_tax where name->>'en_US' = 'VAT 9% incl'");
    let before = taxes();
    bridge.set("branch1", "send.products", "");
    bridge.set("branch1", "send.taxes", r#"{ refs = ["VAT 9% incl"] }"#);
    bridge.save();
    let run = bridge.run(&["send"]).expect(3);
    let tax = change(&run, "branch1", "VAT 9% incl");
    assert_eq!(tax["problem"]["cause"], json!("country_differs"), "{tax}");
    assert_eq!(taxes(), before);
}

#[test]
fn a_size_that_only_the_branch_has_is_left_to_people() {
    let (rig, mut bridge) = begin_with(&[("products", r#"{ refs = ["SND-SHIRT-RED-S"] }"#)]);
    bridge.run(&["send"]).expect(0);
    let size = id(&rig, "branch1", "product_attribute", "name->>'en_US'", "Send Size");
    let value = rig.create("branch1", "product.attribute.value", &[("name", "XXL"), ("attribute_id/.id", &size.to_string())], &[]);
    let line = rig.search("branch1", "product.template.attribute.line", json!([["attribute_id", "=", size]]));
    rig.write("branch1", "product.template.attribute.line", &line, json!({"value_ids": [[4, value]]}));
    let before = rows(&rig, "branch1");
    choose_all(&mut bridge, "branch1");
    bridge.set("branch1", "send.products", r#"{ refs = ["SND-SHIRT-RED-S"] }"#);
    bridge.set("branch1", "send.customers", "");
    bridge.save();
    bridge.run(&["send"]).expect(0);
    // Nothing is to be done until central changes something of it.
    let shirt = rig.search("central", "product.template", json!([["name", "=", "Send shirt"]]));
    rig.write("central", "product.template", &shirt, json!({"list_price": 16.0}));
    let run = bridge.run(&["send"]).expect(3);
    let shirt = change(&run, "branch1", "Send shirt");
    assert_eq!(shirt["problem"]["cause"], json!("variants_differ"), "{shirt}");
    assert!(says(&shirt["problem"]["what"], "XXL"), "{shirt}");
    let touched = written(&before, &rows(&rig, "branch1"));
    // Odoo brought the archived combination back with the new size; it is archived again.
    let archived = BTreeSet::from([id(&rig, "branch1", "product_product", "default_code", "SND-SHIRT-BLUE-L")]);
    assert_eq!((touched.get("product_template"), touched.get("product_product")), (None, Some(&archived)), "{touched:?}");
    assert_eq!(times(&rig, "branch1", "product_pricelist", "Shop prices"), 1, "the rest goes");
}

/// A square picture of noise, so that no compression helps: three bytes a pixel, as text.
fn noise(side: u32) -> String {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut pixels = Vec::new();
    let row = side * 3 + 1;
    for place in 0..side * row {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        // Each row begins with the number of its filter: none.
        pixels.push(if place % row == 0 { 0 } else { random.to_le_bytes()[3] });
    }
    let mut packed = vec![0x78, 0x01];
    let blocks = pixels.chunks(0xffff).count();
    for (i, block) in pixels.chunks(0xffff).enumerate() {
        let length = u16::try_from(block.len()).expect("a block");
        packed.push(u8::from(i + 1 == blocks));
        packed.extend(length.to_le_bytes());
        packed.extend((!length).to_le_bytes());
        packed.extend(block);
    }
    let (a, b) = pixels.iter().fold((1_u32, 0_u32), |(a, b), byte| ((a + u32::from(*byte)) % 65_521, (b + a + u32::from(*byte)) % 65_521));
    packed.extend(((b << 16) | a).to_be_bytes());
    let mut head = [side.to_be_bytes(), side.to_be_bytes()].concat();
    head.extend([8, 2, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", head), (b"IDAT", packed), (b"IEND", Vec::new())] {
        png.extend(u32::try_from(data.len()).expect("a length").to_be_bytes());
        let body = [kind.as_slice(), &data].concat();
        png.extend(&body);
        png.extend(crc32(&body).to_be_bytes());
    }
    base64::engine::general_purpose::STANDARD.encode(png)
}

fn crc32(bytes: &[u8]) -> u32 {
    let table: Vec<u32> = (0..256).map(|n| (0..8).fold(n, |c: u32, _| if c & 1 == 1 { 0xedb8_8320 ^ (c >> 1) } else { c >> 1 })).collect();
    !bytes.iter().fold(!0_u32, |crc, byte| table[((crc ^ u32::from(*byte)) & 0xff) as usize] ^ (crc >> 8))
}
