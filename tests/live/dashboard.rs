//! The dashboard in a real browser between real Odoos: a failure is found and mended, and what came of it seen in Odoo itself.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::browser::{Browser, Look, free_port};
use crate::goods::sender;
use crate::rig::{Bridge, Rig, Start, begin};

const PASSWORD: &str = "correct horse battery";
/// Longest wait for what a pass does.
const PASS: Duration = Duration::from_secs(60);

/// The daemon, killed at the end of its test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A bridge for the first branch that serves the dashboard on this port, with somebody who may sign in.
fn bridge_on(rig: &Rig, port: u16) -> Bridge {
    let mut bridge = sender(rig, &["branch1"]);
    bridge.set("branch1", "send.products", r#"{ tag = ["Shop"] }"#);
    bridge.install();
    let settings = std::fs::read_to_string(&bridge.config).expect("the settings");
    std::fs::write(&bridge.config, format!("{settings}[dashboard]\nlisten = \"127.0.0.1:{port}\"\n")).expect("the settings");
    let mut command: Command = bridge.command(&["user", "add", "anna", "--role", "operator"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("posbridge");
    std::io::Write::write_all(&mut child.stdin.take().expect("its input"), format!("{PASSWORD}\n").as_bytes()).expect("taken");
    assert!(child.wait().expect("its end").success());
    bridge
}

#[test]
fn a_failure_is_found_and_mended_in_the_browser_and_seen_in_odoo() {
    let rig = begin(Start::First);
    rig.sell("branch1", 2, &["--unknown-product", "--mix", "three-lines", "--seed", "41"]);
    let port = free_port();
    let bridge = bridge_on(&rig, port);
    let _daemon = Daemon(bridge.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("posbridge run"));
    let began = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(began.elapsed() < PASS, "no dashboard");
        std::thread::sleep(Duration::from_millis(100));
    }
    let page = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let drafts = || rig.bound().len();
    let wait_for = |done: &dyn Fn() -> bool, what: &str| {
        let began = Instant::now();
        while !done() {
            assert!(began.elapsed() < PASS, "{what}");
            std::thread::sleep(Duration::from_millis(500));
        }
    };
    // Goods that cannot go to the branch fail meanwhile too.
    let fails = || bridge.log(&["--state", "failed", "--direction", "receive"]).len();
    wait_for(&|| fails() > 0, "no order fails");
    let before = drafts();
    let failed = fails();
    let meant = rig.create("central", "product.product", &[("name", "What was meant"), ("default_code", "MEANT-1")], &[]);
    let walk = async {
        let browser = Browser::start(Look::DESK).await;
        browser.open(&page("/sign-in")).await;
        browser.fill("input[name=login]", "anna").await;
        browser.fill("input[name=password]", PASSWORD).await;
        browser.click("main button").await;
        browser.wait_for("for product").await;
        browser.click("#all section a[href*='cause=product_not_found']").await;
        browser.click("#found table a[href^='/record/']").await;
        browser.wait_for("Central has no product").await;
        browser.fill("form[role=search] input[type=search]", "MEANT-1").await;
        browser.wait_for("What was meant").await;
        browser.click("ul.choices button").await;
        let link = "a[href*='model=sale.order']";
        browser.find(link).await;
        browser.run(&format!("return document.querySelector({link:?}).href")).await.as_str().expect("an address").to_owned()
    };
    // The rig's own calls wait for their answers: a browser needs a runtime of its own.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let link = runtime.block_on(walk);
    wait_for(&|| drafts() == before + failed, "not all orders went");
    let id: i64 = link.split_once("#id=").and_then(|(_, rest)| rest.split('&').next()?.parse().ok()).expect("an id");
    assert!(rig.bound().values().any(|draft| *draft == id), "{link}");
    let lines = rig.search("central", "sale.order.line", json!([["order_id", "=", id], ["product_id", "=", meant]]));
    assert_eq!(lines.len(), 1);
    let name = rig.sql("central", &format!("select name from sale_order where id = {id}"))[0][0].clone();

    rig.create(
        "central",
        "product.product",
        &[("name", "Tea of the hills"), ("default_code", "TEA-9"), ("available_in_pos", "True"), ("product_tag_ids", "Shop")],
        &[],
    );
    let (login, password) = (rig.fact("ADMIN_USER").to_owned(), rig.fact("ADMIN_PASSWORD").to_owned());
    let odoo = rig.url().to_owned();
    runtime.block_on(async {
        let browser = Browser::start(Look::DESK).await;
        browser.open(&format!("{odoo}/web/login?db=central")).await;
        // Odoo's form is folded away until its scripts have decided how to greet.
        browser.find("form.oe_login_form").await;
        let sign_in = format!(
            "const form = document.querySelector('form.oe_login_form'); form.login.value = {login:?}; form.password.value = {password:?}; \
             HTMLFormElement.prototype.submit.call(form)"
        );
        browser.run(&sign_in).await;
        browser.find(".o_web_client").await;
        browser.open(&link).await;
        browser.wait_for(&name).await;

        browser.open(&page("/sign-in")).await;
        browser.fill("input[name=login]", "anna").await;
        browser.fill("input[name=password]", PASSWORD).await;
        browser.click("main button").await;
        browser.find("form[action='/sign-out']").await;
        browser.open(&page("/send")).await;
        browser.fill("input[type=search]", "TEA-9").await;
        browser.wait_for("Tea of the hills").await;
        browser.click("#found input[type=checkbox]").await;
        browser.click("input[value=branch1]").await;
        browser.press("Preview what is picked").await;
        browser.press("Send this now").await;
        browser.wait_for("done").await;
    });
    let till = || {
        rig.search(
            "branch1",
            "product.product",
            json!([["default_code", "=", "TEA-9"], ["available_in_pos", "=", true], ["sale_ok", "=", true]]),
        )
    };
    wait_for(&|| till().len() == 1, "the till does not show the product");
}
