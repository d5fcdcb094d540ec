//! Links that die while something is sent, a bridge that does, and one that forgets: one copy of each record remains.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use posbridge::odoo::Call;
use serde_json::json;

use crate::goods::{Rows, all_equal, begin_clean, begin_with, change, choose_clean, counts, equal, id, rows, sender, times, written};
use crate::rig::{BRANCHES, Bridge, Rig, Run, Start, begin};
use crate::support::proxy::{Fault, Reply, Request};

/// Passes after which everything must be there, however bad the link.
const PASSES: usize = 20;

fn settle(bridge: &Bridge) -> usize {
    for pass in 1..=PASSES {
        let run = bridge.run(&["send"]);
        if run.status == Some(0) {
            return pass;
        }
        assert_eq!(run.status, Some(3), "{run:?}");
        assert!(pass < PASSES, "still waiting: {run:?}");
    }
    PASSES
}

/// The records of a branch by table, without what changes when they are written.
fn there(rows: &Rows) -> BTreeMap<String, usize> {
    let mut there = BTreeMap::new();
    for (table, _) in rows.keys() {
        *there.entry(table.clone()).or_default() += 1;
    }
    there
}

/// How many records of each table a branch has after a send that nothing disturbs; branch1 is as it was afterwards.
fn undisturbed(rig: &Rig, bridge: &Bridge) -> &'static BTreeMap<String, usize> {
    static COUNTS: OnceLock<BTreeMap<String, usize>> = OnceLock::new();
    COUNTS.get_or_init(|| {
        bridge.run(&["send"]).expect(0);
        let counts = there(&rows(rig, "branch1"));
        rig.tool("reset", &["branch1"]);
        counts
    })
}

fn through(decide: impl Fn(&Request) -> Fault + Send + Sync + 'static) {
    let (rig, mut bridge) = begin_clean();
    let whole = undisturbed(&rig, &bridge);
    let proxy = rig.proxy(decide);
    bridge.set("branch1", "url", &format!("\"{}\"", proxy.url));
    bridge.forget();
    let passes = settle(&bridge);
    let archived = id(&rig, "central", "product_template", "default_code", "SND-011");
    rig.act("central", &Call::new("product.template", "action_archive").on(&[archived]));
    let price = id(&rig, "central", "product_template", "default_code", "SND-002");
    rig.write("central", "product.template", &[price], json!({"list_price": 99.5}));
    let more = settle(&bridge);
    let requests = proxy.take();
    let calls = |method: &str| requests.iter().filter(|request| request.calls(method)).count();
    println!("{passes} and {more} passes, {} calls of load, {} of action_archive", calls("load"), calls("action_archive"));
    all_equal(&rig, "branch1");
    assert_eq!(&there(&rows(&rig, "branch1")), whole, "as many records as without a fault");
    assert_eq!(rig.number("branch1", "select count(*) from product_template where default_code = 'SND-011' and active"), 0);
    bridge.set("branch1", "url", &format!("\"{}\"", rig.url()));
    bridge.install();
    let before = rows(&rig, "branch1");
    let run = bridge.run(&["send"]).expect(0);
    assert_eq!(counts(&run, "branch1"), [0; 6], "all is there");
    assert_eq!(written(&before, &rows(&rig, "branch1")), BTreeMap::new());
}

#[test]
fn the_answer_of_everything_that_is_written_is_lost() {
    let writes = |request: &Request| request.calls("load") || request.calls("action_archive");
    through(move |request| if request.first && writes(request) { Fault::DropAnswer } else { Fault::None });
}

#[test]
fn whatever_happens_between_bridge_and_branch_there_is_one_of_each() {
    let turn = AtomicUsize::new(0);
    through(move |request| {
        if !request.first {
            return Fault::None;
        }
        match turn.fetch_add(1, Ordering::Relaxed) % 17 {
            0 => Fault::ResetBefore,
            1 => Fault::InsteadOfAnswer(Reply::BAD_GATEWAY),
            2 => Fault::InsteadOfAnswer(Reply::LOGIN_PAGE),
            3 => Fault::CutAnswer(150),
            4 => Fault::DropAnswer,
            _ => Fault::None,
        }
    });
}

#[test]
fn killed_at_ten_moments_a_send_leaves_one_of_each() {
    const ROUNDS: usize = 2;
    const KILLS: usize = 5;
    const PRODUCTS: i64 = 300;
    let (rig, mut bridge) = begin_with(&[("products", r#"{ tag = ["Bulk"] }"#)]);
    rig.tool("many", &["central", &PRODUCTS.to_string()]);
    let products = || rig.number("branch1", "select count(*) from product_template where default_code like 'BULK-%'");
    // The first send has Odoo load its own code as well.
    bridge.run(&["send", "--dry-run"]).expect(0);
    let began = Instant::now();
    bridge.run(&["send"]).expect(0);
    let whole = began.elapsed();
    let finished = there(&rows(&rig, "branch1"));
    let (mut random, mut midway) = (0x9e37_79b9_7f4a_7c15_u64, 0);
    for round in 0..ROUNDS {
        let ids = rig.search("branch1", "product.template", json!([["default_code", "=like", "BULK-%"]]));
        rig.act("branch1", &Call::new("product.template", "unlink").on(&ids));
        bridge.forget();
        for kill in 0..KILLS {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let after = whole.mul_f64(0.05 + 0.5 * (random % 1000) as f64 / 1000.0);
            let mut child = bridge.spawn(&["--json", "send"]);
            std::thread::sleep(after);
            child.kill().expect("kill -9");
            child.wait().expect("posbridge");
            let so_far = products();
            midway += usize::from(so_far > 0 && so_far < PRODUCTS);
            println!("round {round}, kill {kill} after {after:?} of {whole:?}: {so_far} of {PRODUCTS} products");
        }
        bridge.run(&["send"]).expect(0);
        assert_eq!(products(), PRODUCTS, "one of each");
        let distinct = rig.number("branch1", "select count(distinct default_code) from product_template where default_code like 'BULK-%'");
        assert_eq!(distinct, PRODUCTS);
    }
    equal(&rig, "branch1", &["--products", r#"[["product_tag_ids.name","=","Bulk"]]"#]);
    assert_eq!(there(&rows(&rig, "branch1")), finished, "as after a send that nobody killed");
    assert!(midway >= 1, "no kill hit the writing");
}

#[test]
fn who_forgets_everything_makes_no_second_copy() {
    let (rig, mut bridge) = begin_clean();
    bridge.run(&["send"]).expect(0);
    let before = rows(&rig, "branch1");
    bridge.forget();
    let run = bridge.run(&["send"]).expect(0);
    let after = rows(&rig, "branch1");
    let (ids_before, ids_after): (BTreeSet<_>, BTreeSet<_>) = (before.keys().collect(), after.keys().collect());
    assert_eq!(ids_before, ids_after, "no record more and none less: {run:?}");
    all_equal(&rig, "branch1");
    for (table, name) in [
        ("product_template", "Send 015 tea"),
        ("product_template", "Send 007 <biscuits> & 漢字"),
        ("product_category", "Send food"),
        ("pos_category", "Send hot drinks"),
        ("res_partner", "Séverine Sender"),
        ("res_partner", "Perla Private"),
        ("product_pricelist", "Shop prices"),
    ] {
        assert_eq!(times(&rig, "branch1", table, name), 1, "{name}");
    }
    let list = id(&rig, "branch1", "product_pricelist", "name->>'en_US'", "Shop prices");
    assert_eq!(rig.number("branch1", &format!("select count(*) from product_pricelist_item where pricelist_id = {list}")), 7);
}

#[test]
fn two_bridges_that_send_at_one_time_make_one_of_each() {
    let (rig, one) = begin_clean();
    let whole = undisturbed(&rig, &one);
    let fresh = || {
        let mut bridge = sender(&rig, &["branch1"]);
        choose_clean(&mut bridge, "branch1");
        bridge.install();
        bridge
    };
    let (one, other) = (fresh(), fresh());
    let running = [one.spawn(&["--json", "send"]), other.spawn(&["--json", "send"])];
    for child in running {
        let run = Run::of(child.wait_with_output().expect("posbridge"));
        assert!(matches!(run.status, Some(0 | 3)), "{run:?}");
    }
    println!("then {} and {} passes", settle(&one), settle(&other));
    all_equal(&rig, "branch1");
    assert_eq!(&there(&rows(&rig, "branch1")), whole, "as many records as of one");
    let before = rows(&rig, "branch1");
    for bridge in [&one, &other] {
        bridge.run(&["send"]).expect(0);
    }
    assert_eq!(written(&before, &rows(&rig, "branch1")), BTreeMap::new());
}

#[test]
fn a_branch_that_is_away_gets_what_was_chosen_by_hand_when_it_is_back() {
    let rig = begin(Start::Empty);
    let mut bridge = sender(&rig, &BRANCHES);
    bridge.set("branch1", "url", "\"http://127.0.0.1:9\"");
    bridge.install();
    let by_hand = ["send", "branch1", "branch2", "--products", "--ref", "SND-001"];
    let run = bridge.run(&[&by_hand[..], &["--now"]].concat()).expect(3);
    assert_eq!(run.branch("branch1")["cause"], json!("connection_refused"), "{run:?}");
    assert_eq!(run.count("branch1", "queued"), 0);
    assert_eq!(bridge.log(&["--branch", "branch1"]).len(), 0, "now or never");
    let product = r#"[["default_code","=","SND-001"]]"#;
    equal(&rig, "branch2", &["--products", product]);

    let run = bridge.run(&by_hand).expect(3);
    assert_eq!(run.count("branch1", "queued"), 1, "{run:?}");
    assert_eq!(change(&run, "branch1", "SND-001")["state"], json!("pending"));
    bridge.run(&by_hand).expect(3);
    assert_eq!(bridge.log(&["--branch", "branch1"]).len(), 1, "asked twice, queued once");
    bridge.set("branch1", "url", &format!("\"{}\"", rig.url()));
    bridge.install();
    bridge.run(&["send", "branch1"]).expect(0);
    equal(&rig, "branch1", &["--products", product]);
    assert!(bridge.log(&["--branch", "branch1"]).iter().all(|record| record["state"] == json!("done")));
}

#[test]
fn a_branch_that_goes_away_in_the_middle_gets_the_rest_later_and_holds_up_no_other() {
    let rig = begin(Start::Empty);
    let mut bridge = sender(&rig, &BRANCHES);
    for branch in BRANCHES {
        choose_clean(&mut bridge, branch);
    }
    let writes = AtomicUsize::new(0);
    let proxy = rig.proxy(move |request| {
        let writes = if request.calls("load") { writes.fetch_add(1, Ordering::Relaxed) } else { writes.load(Ordering::Relaxed) };
        if writes < 5 { Fault::None } else { Fault::ResetBefore }
    });
    bridge.set("branch1", "url", &format!("\"{}\"", proxy.url));
    bridge.install();
    let run = bridge.run(&["send"]).expect(3);
    assert!(run.branch("branch1")["error"].is_string(), "{run:?}");
    assert!(run.count("branch1", "created") > 0 && run.count("branch1", "queued") > 0, "{run:?}");
    assert_eq!(run.count("branch1", "failed"), 0, "{run:?}");
    all_equal(&rig, "branch2");
    bridge.set("branch1", "url", &format!("\"{}\"", rig.url()));
    bridge.install();
    bridge.run(&["send"]).expect(0);
    all_equal(&rig, "branch1");
}

#[test]
fn a_number_that_a_restored_central_gives_to_another_product_is_another_product_at_the_branch() {
    let (rig, bridge) = begin_with(&[("products", r#"{ domain = [["default_code", "=like", "NUMBER-%"]] }"#)]);
    rig.tool("copy", &["central", "kept_central"]);
    let made = |name: &str, code: &str| {
        let values = [("name", name), ("default_code", code), ("available_in_pos", "True"), ("list_price", "5.5")];
        rig.create("central", "product.template", &values, &[])
    };
    let at_branch = |code: &str| {
        rig.sql(
            "branch1",
            &format!("select id, name->>'en_US', list_price, write_date from product_template where default_code = '{code}'"),
        )
    };
    let tea = made("Numbered tea", "NUMBER-TEA");
    bridge.run(&["send"]).expect(0);
    let known = at_branch("NUMBER-TEA");
    assert_eq!(known.len(), 1, "{known:?}");

    // Put back to before the product was made, central gives its number to the next one.
    rig.tool("copy", &["kept_central", "central"]);
    let honey = made("Numbered honey", "NUMBER-HONEY");
    assert_eq!(honey, tea, "the number is given again");
    bridge.run(&["send"]).expect(0);
    assert_eq!(at_branch("NUMBER-TEA"), known, "what the tills know as tea stays tea");
    let honey = at_branch("NUMBER-HONEY");
    assert_eq!(honey.iter().map(|row| row[1].as_str()).collect::<Vec<_>>(), ["Numbered honey"]);
    assert_ne!(honey[0][0], known[0][0]);
}
