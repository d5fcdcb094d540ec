//! Without a mouse.

use posbridge::demo::{Item, Sale};

use crate::browser::{Browser, ENTER, Look, TAB};
use crate::stage::{PASSWORD, Stage};
use crate::walks::twelve_fail;

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_found_and_mended_with_the_keyboard_alone() {
    let stage = Stage::set().await;
    twelve_fail(&stage).await;
    let browser = Browser::start(Look::DESK).await;
    stage.open(&browser, "/sign-in").await;
    browser.tab_to("input[name=login]").await;
    browser.keys(&format!("operator{TAB}{PASSWORD}{ENTER}")).await;
    browser.wait_for("12 orders wait for product").await;
    browser.tab_to("#all section a").await;
    browser.keys(ENTER).await;
    browser.tab_to("#found table a[href^='/record/']").await;
    browser.keys(ENTER).await;
    browser.wait_for("Central has no product").await;
    browser.tab_to("form[role=search] input[type=search]").await;
    browser.keys("ART-0003").await;
    browser.wait_for("Article 3").await;
    browser.tab_to("ul.choices button").await;
    browser.keys(ENTER).await;
    stage.wait_for_drafts("tirana", 12).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_focus_stays_where_it_is_when_a_page_goes_on_by_itself() {
    let stage = Stage::set().await;
    twelve_fail(&stage).await;
    let browser = stage.browser(Look::DESK, "operator").await;
    browser.wait_for("12 orders wait for product").await;
    browser.tab_to("#all section a").await;
    stage.branches[0].sell(Sale::new().line(Item::new("ART-0021")));
    stage.command(&["receive", "tirana"]);
    browser.wait_for("13 orders wait for product").await;
    assert!(browser.has("#all section a:focus").await);
    browser.keys(ENTER).await;
    browser.find("#found table a[href^='/record/']").await;
}
