//! What people do, from the first page to what the Odoos hold.

use posbridge::demo::{Item, Sale};

use crate::browser::{Browser, Look};
use crate::stage::{PASSWORD, Stage};

/// The article that Tirana sells and central lacks, and the one that is meant.
const UNKNOWN: &str = "ART-0021";

/// A browser that runs no script.
const PLAIN: Look = Look { script: false, ..Look::DESK };

/// Sells twelve orders with an article that central does not know, and waits until each has failed.
pub async fn twelve_fail(stage: &Stage) {
    for qty in 1..=12 {
        stage.branches[0].sell(Sale::new().line(Item::new(UNKNOWN).qty(&qty.to_string())));
    }
    stage.command(&["receive", "tirana"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_in_sees_what_his_role_may_do() {
    sign_in_and_out(Look::DESK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_needs_no_script() {
    sign_in_and_out(PLAIN).await;
}

async fn sign_in_and_out(look: Look) {
    let stage = Stage::set().await;
    let browser = Browser::start(look).await;
    stage.open(&browser, "/log").await;
    assert!(browser.address().await.contains("/sign-in"));
    stage.sign_in(&browser, "viewer", "wrong password").await;
    browser.wait_for("do not fit together").await;
    stage.sign_in(&browser, "viewer", PASSWORD).await;
    browser.wait_for("The shop of tirana").await;
    assert!(!browser.says("Receive now").await && !browser.says("People").await);
    stage.open(&browser, "/people").await;
    browser.wait_for("Your role does not allow this").await;
    browser.press("Sign out").await;
    browser.find("input[name=login]").await;
    browser.wait_for("Sign in").await;
    stage.open(&browser, "/").await;
    assert!(browser.address().await.contains("/sign-in"));
    stage.sign_in(&browser, "operator", PASSWORD).await;
    browser.wait_for("Receive now").await;
}

/// From the overview to the failure, the article named on the spot, and twelve orders at central; with and without a script.
async fn find_map_and_see_them_go(look: Look) {
    let stage = Stage::set().await;
    twelve_fail(&stage).await;
    assert_eq!(stage.drafts("tirana"), 0);
    let browser = stage.browser(look, "operator").await;
    browser.wait_for("12 orders wait for product").await;
    browser.click("#all section a").await;
    browser.wait_for("12 orders wait for product").await;
    browser.click("#found table a[href^='/record/']").await;
    browser.wait_for("Central has no product").await;
    assert!(browser.says("What it means").await || browser.says("safe in the bridge").await);
    browser.fill("input[type=search]", "ART-0003").await;
    if !look.script {
        browser.click("form[role=search] button").await;
    }
    browser.wait_for("Article 3").await;
    browser.click("ul.choices button").await;
    stage.wait_for_drafts("tirana", 12).await;
    // What went is seen, with a script without loading the page again.
    if look.script {
        browser.wait_for("S00").await;
    } else {
        browser.open(&browser.address().await).await;
    }
    let link =
        browser.run("return [...document.querySelectorAll('a')].map(a => a.href).find(href => href.includes('model=sale.order'))").await;
    let id = link.as_str().and_then(|href| href.split_once("id=")?.1.split('&').next()?.parse::<i64>().ok()).expect("a link to the draft");
    let drafts = stage.central.sale_orders();
    assert!(drafts.iter().any(|draft| draft.order.id == id), "the link leads to a draft of central");
    let meant = stage.central.find("product.product", "default_code", "ART-0003").expect("an article").id;
    let sold: Vec<_> = stage.branches[0].records("pos.order").iter().map(|order| order.amount("amount_total")).collect();
    for draft in &drafts {
        assert!(draft.lines.iter().any(|line| line.link("product_id") == Some(meant)));
        assert!(sold.contains(&draft.total()), "with the till's total");
    }
    stage.open(&browser, "/log?state=failed").await;
    browser.wait_for("Nothing here").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_found_the_article_named_and_twelve_orders_go() {
    find_map_and_see_them_go(Look::DESK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_without_a_script() {
    find_map_and_see_them_go(PLAIN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_product_goes_to_two_of_three_shops() {
    let stage = Stage::set().await;
    let browser = stage.browser(Look::DESK, "operator").await;
    stage.open(&browser, "/send").await;
    // As one types, without a button.
    browser.fill("input[type=search]", "TEA-1").await;
    browser.wait_for("Mountain tea").await;
    for selector in ["#found input[type=checkbox]", "input[value=tirana]", "input[value=durres]"] {
        browser.click(selector).await;
    }
    browser.press("Preview what is picked").await;
    browser.wait_for("Send this now").await;
    browser.wait_for("TEA-1").await;
    browser.wait_for("create").await;
    let has = |branch: usize| stage.branches[branch].find("product.product", "default_code", "TEA-1");
    assert!(has(0).is_none() && has(1).is_none(), "a preview writes nothing");
    browser.press("Send this now").await;
    browser.wait_for("done").await;
    for branch in [0, 1] {
        let product = has(branch).expect("the product is at the branch");
        let template =
            product.link("product_tmpl_id").and_then(|id| stage.branches[branch].record("product.template", id)).expect("its template");
        assert!(template.flag("available_in_pos") && template.flag("sale_ok"), "the till shows it");
    }
    assert!(has(2).is_none());
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_is_tried_again_one_ignored_and_the_trail_says_by_whom() {
    retry_and_ignore(Look::DESK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trying_again_and_ignoring_need_no_script() {
    retry_and_ignore(PLAIN).await;
}

async fn retry_and_ignore(look: Look) {
    let stage = Stage::set().await;
    twelve_fail(&stage).await;
    let browser = stage.browser(look, "operator").await;
    stage.open(&browser, "/record/1").await;
    browser.press("Ignore").await;
    // Spaces pass the browser's own check; nothing at all does not.
    browser.fill("#ignore input[name=reason]", "   ").await;
    browser.click("#ignore form button").await;
    browser.wait_for("Nothing was done: say why").await;
    stage.open(&browser, "/log?state=ignored").await;
    browser.wait_for("Nothing here").await;
    stage.open(&browser, "/record/1").await;
    browser.press("Ignore").await;
    browser.fill("#ignore input[name=reason]", "a test of the installer").await;
    browser.click("#ignore form button").await;
    browser.wait_for("a test of the installer").await;
    stage.open(&browser, "/log?state=ignored").await;
    browser.wait_for("a test of the installer").await;
    assert_eq!(stage.drafts("tirana"), 0);
    stage.central.insert("product.product", [("name", "Created since".into()), ("default_code", UNKNOWN.into())]).expect("a product");
    stage.open(&browser, "/record/2").await;
    browser.press("Try again").await;
    browser.wait_for("It is tried again now").await;
    // It goes, and with it all that wait for the same but the one that is ignored.
    stage.wait_for_drafts("tirana", 11).await;
    browser.press("Sign out").await;
    browser.find("input[name=login]").await;
    stage.sign_in(&browser, "admin", PASSWORD).await;
    browser.wait_for("Overview").await;
    stage.open(&browser, "/trail").await;
    browser.wait_for("ignored records").await;
    assert!(browser.says("operator").await && browser.says("a test of the installer").await);
    assert!(browser.says("tried records again").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_is_received_paused_tested_and_given_a_password() {
    let stage = Stage::set().await;
    let browser = stage.browser(Look::DESK, "admin").await;
    browser.wait_for("The shop of durres").await;
    stage.branches[1].sell(Sale::new().line(Item::new("ART-0001")));
    stage.open(&browser, "/branches/durres").await;
    browser.press("Receive now").await;
    browser.wait_for("A pass is asked for").await;
    stage.wait_for_drafts("durres", 1).await;
    browser.press("Pause").await;
    browser.fill("#pause input[name=reason]", "moving house").await;
    browser.click("#pause form button").await;
    browser.wait_for("moving house").await;
    assert!(!browser.says("Receive now").await);
    browser.press("Resume").await;
    browser.wait_for("The branch goes on").await;
    browser.press("Test the connection").await;
    browser.wait_for("log in").await;
    browser.wait_until_gone("Running").await;
    stage.open(&browser, "/branches/durres").await;
    browser.press("Set the password or API key").await;
    browser.fill("input[name=secret]", "a new password of the branch").await;
    browser.fill("#password input[name=own]", "wrong").await;
    browser.click("#password form button").await;
    browser.wait_for("That is not your password").await;
    browser.press("Set the password or API key").await;
    browser.fill("input[name=secret]", "a new password of the branch").await;
    browser.fill("#password input[name=own]", PASSWORD).await;
    browser.click("#password form button").await;
    browser.wait_for("The password is sealed").await;
    let page = browser.run("return document.documentElement.outerHTML").await;
    assert!(!page.as_str().unwrap_or_default().contains("a new password of the branch"));
    stage.branches[1].set_password("sender", "a new password of the branch");
    stage.branches[1].sell(Sale::new().line(Item::new("ART-0002")));
    browser.press("Receive now").await;
    stage.wait_for_drafts("durres", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_compared_and_an_order_that_changed_is_found() {
    let stage = Stage::set().await;
    let order = stage.branches[0].sell(Sale::new().line(Item::new("ART-0001")));
    stage.command(&["receive", "tirana"]);
    stage.branches[0].advance(5);
    stage.branches[0].update("pos.order", order, [("general_customer_note", "changed".into())]).expect("written");
    stage.command(&["receive", "tirana"]);
    let browser = stage.browser(Look::DESK, "operator").await;
    let today = stage.branches[0].now()[..10].to_owned();
    stage.open(&browser, "/agreement?branch=tirana").await;
    browser.run(&format!("document.querySelector('input[name=day]').value = '{today}'")).await;
    browser.press("Compare").await;
    browser.wait_for("Sold at the branch").await;
    stage.open(&browser, "/agreement?branch=tirana").await;
    browser.wait_for(&today).await;
    browser.press(&today).await;
    browser.wait_for("Amount at central").await;
    stage.open(&browser, "/log?cause=order_changed").await;
    browser.wait_for("changed").await;
    assert!(browser.has("#found table a[href^='/record/']").await);
}
