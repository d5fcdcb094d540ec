//! What is printed: help, tables, JSON.

use serde_json::Value as Json;

use crate::place::{Place, Ran, odoo, settings};
use crate::told;

/// Widest line of a table.
const WIDTH: usize = 100;

fn sober(ran: &Ran) {
    assert!(!ran.out.contains('\u{1b}') && !ran.err.contains('\u{1b}'), "colour without a terminal:\n{}", ran.told());
}

fn narrow(ran: &Ran) {
    sober(ran);
    // Whole sentences under a table are left to the terminal to wrap.
    let table = ran.out.split("\n\n").filter(|part| part.starts_with(' ')).flat_map(str::lines);
    for line in table {
        assert!(line.chars().count() <= WIDTH, "{line}");
    }
}

fn fields(object: &Json) -> Vec<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// The contract's fields are there; more may be.
fn holds(object: &Json, wanted: &str) {
    let there = fields(object);
    for field in wanted.split_whitespace() {
        assert!(there.contains(&field), "{field} is missing in {object}");
    }
}

#[test]
fn help() {
    let place = Place::new();
    for arguments in [vec!["--help"], vec!["-h"]] {
        let ran = place.run(&arguments);
        assert_eq!(ran.status, 0);
        sober(&ran);
        assert!(ran.out.lines().all(|line| line.chars().count() <= WIDTH), "{}", ran.out);
    }
    told!("help", place, &place.run(&["--help"]).out);
    for verb in ["check", "init", "receive", "send", "status", "log", "retry", "ignore"] {
        told!(format!("help_{verb}"), place, &place.run(&[verb, "--help"]).out);
    }
    let wrong = place.run(&["recieve"]);
    assert_eq!(wrong.status, 2);
    told!("unknown_verb", place, &wrong.told());
}

#[test]
fn completions_and_man_pages() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let completions = place.run(&["completions", shell]).out;
        for word in ["receive", "accept-gone", "direction"] {
            assert!(completions.contains(word), "{shell}: {word}");
        }
    }
    assert!(place.run(&["man"]).out.starts_with(".ie"));
    assert_eq!(place.run(&["man", "pages"]).status, 0);
    let page = std::fs::read_to_string(place.path("pages/posbridge-log-show.1")).expect("written");
    assert!(page.contains("Example"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_and_documents_after_a_pass() {
    let (server, _central, tirana) = odoo(3).await;
    // Central does not know this one.
    let product = tirana.find("product.product", "default_code", "ART-0002").expect("seeded").id;
    tirana
        .update(
            "product.product",
            product,
            [("default_code", "NEW-1".into()), ("barcode", "999".into()), ("name", "Näw \u{1b}[31mred\u{202e} 漢".into())],
        )
        .expect("known");
    tirana.sell(posbridge::demo::Sale::new().line(posbridge::demo::Item::new("NEW-1").price("10")).pay("Cash", "10"));
    let silent = "[branch.durres]\nname = \"Durrës Beach\"\nurl = \"http://127.0.0.1:1\"\ndatabase = \"d\"\nuser = \"u\"\nfrom = 2020-01-01\n\
                  customer = \"x\"\n[branch.old]\nenabled = false\nurl = \"https://old.invalid\"\ndatabase = \"d\"\nuser = \"u\"\n\
                  from = 2020-01-01\ncustomer = \"x\"\n";
    let place = Place::with(&format!("{}{silent}", settings(&server.url(), &server.url(), "5s")));
    for owner in ["central", "tirana", "durres"] {
        place.seal(owner);
    }
    let received = place.run(&["receive"]);
    assert_eq!(received.status, 3, "{}", received.told());
    for verb in [vec!["status"], vec!["log"], vec!["log", "show", "4"], vec!["secret", "list"]] {
        let ran = place.run(&verb);
        narrow(&ran);
        told!(format!("table_{}", verb.join("_")), place, &ran.told());
    }
    narrow(&received);
    told!("table_receive", place, &received.told());

    let again = place.run(&["receive", "--json"]).json();
    holds(&again["branches"][0], "branch read new delivered failed pending adjusted error");
    let log = place.run(&["log", "--json"]).json();
    let wanted = "id branch direction kind remote_id reference state cause message next_step attempts central_id central_name amount_total updated_at";
    holds(&log["records"][0], wanted);
    assert_eq!(log["records"].as_array().map(Vec::len), Some(4));
    let failed = place.run(&["log", "--state", "failed", "--json"]).json();
    assert_eq!(failed["records"][0]["cause"], "product_not_found");
    assert_eq!(place.run(&["status", "--json"]).json()["branches"].as_array().map(Vec::len), Some(3));
    let shown = place.run(&["log", "show", "1", "--json"]).json();
    holds(&shown, "record story payload");
    holds(&place.run(&["ignore", "4", "--reason", "test sale", "--json"]).json()["records"][0], wanted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_tells_each_step() {
    let (server, central, tirana) = odoo(1).await;
    let place = Place::sealed(&server.url(), &server.url(), "5s");
    let before = (central.count("sale.order"), tirana.count("pos.order"));
    let ran = place.run(&["check"]);
    assert_eq!(ran.status, 0, "{}", ran.told());
    narrow(&ran);
    told!("check", place, &ran.told());
    let writes = |method: &str| ["create", "write", "load", "unlink"].contains(&method);
    let stats = server.stats();
    assert_eq!(stats.calls.keys().find(|(_, method)| writes(method)), None, "check reads only");
    assert_eq!((central.count("sale.order"), tirana.count("pos.order")), before);
    let logins = server.calls("common", "authenticate");
    assert_eq!(place.run(&["check"]).status, 0);
    assert_eq!(server.calls("common", "authenticate"), logins, "the users' ids were remembered");

    // Three things go wrong, and each is told.
    central.set_groups("bridge", &["Role / User"]);
    tirana.set_groups("bridge", &["Point of Sale / User", "Role / User", "Role / Administrator"]);
    tirana.clock_offset(-900);
    place.write(&format!("{}shops = [\"Tirana Center\"]\n", settings(&server.url(), &server.url(), "5s")));
    let ran = place.run(&["check"]);
    assert_eq!(ran.status, 3);
    narrow(&ran);
    told!("check_failed", place, &ran.told());
    let sides = place.run(&["check", "--json"]).json();
    assert_eq!(sides["sides"].as_array().map(Vec::len), Some(2));
    holds(&sides["sides"][0], "side steps");
    for step in sides["sides"].as_array().into_iter().flatten().flat_map(|side| side["steps"].as_array()).flatten() {
        holds(step, "step result what next_step cause");
        assert!(["ok", "warning", "failed", "skipped"].contains(&step["result"].as_str().expect("a word")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn init_fills_in_what_it_finds() {
    let (server, _, _) = odoo(1).await;
    let place = Place::new();
    let url = server.url();
    let branch = format!("tirana={url}");
    let arguments = [
        "init",
        "--central",
        &url,
        "--central-database",
        "central",
        "--central-user",
        "bridge",
        "--branch",
        &branch,
        "--branch-database",
        "tirana=tirana",
        "--branch-user",
        "tirana=bridge",
    ];
    let ran = place.run_with(&arguments, "bridge\nbridge\n");
    assert_eq!(ran.status, 0, "{}", ran.told());
    told!("init", place, &ran.told());
    assert_eq!(place.run(&["check"]).status, 0);
    assert_eq!(place.run(&["receive"]).status, 0);
    let again = place.run(&["init"]);
    assert_eq!(again.status, 1);
    told!("init_again", place, &again.told());

    let place = Place::new();
    told!("init_blank", place, &place.run(&["init", "--branch", "durres=https://durres.example.com"]).told());
    let place = Place::new();
    let ran = place.run(&["init", "--central", "https://me:hunter2@erp.example.com"]);
    assert_eq!(ran.status, 1);
    assert!(!ran.told().contains("hunter2") && !place.path("branches.toml").exists());
}
