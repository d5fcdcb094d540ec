//! How each page looks: nothing complains, nothing scrolls sideways, everything can be read and reached; pictures of all.

use std::path::PathBuf;

use posbridge::demo::{Item, Sale};
use serde_json::Value as Json;

use crate::browser::{Browser, Look};
use crate::stage::Stage;

/// Every page, with what is in it for somebody who keeps everything.
const PAGES: [&str; 13] = [
    "/",
    "/log",
    "/log?state=failed",
    "/record/1",
    "/send",
    "/branches",
    "/branches/tirana",
    "/branches/central",
    "/sales",
    "/agreement",
    "/trail",
    "/people",
    "/account",
];

/// Texts whose contrast with what is behind them is below WCAG's AA, inputs without a label, and headings other than one.
const WRONG: &str = r"
const wrong = [];
const parse = (text) => { const m = text.match(/[\d.]+/g).map(Number); return { r: m[0], g: m[1], b: m[2], a: m.length > 3 ? m[3] : 1 }; };
const light = ({ r, g, b }) => { const f = (c) => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; }; return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
const over = (top, under) => ({ r: top.r * top.a + under.r * (1 - top.a), g: top.g * top.a + under.g * (1 - top.a), b: top.b * top.a + under.b * (1 - top.a), a: 1 });
const behind = (node) => { let stack = []; for (let n = node; n; n = n.parentElement) stack.unshift(parse(getComputedStyle(n).backgroundColor)); return stack.reduce((under, top) => over(top, under), { r: 255, g: 255, b: 255, a: 1 }); };
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let n = walker.nextNode(); n; n = walker.nextNode()) {
  const text = n.textContent.trim(), element = n.parentElement;
  if (!text || /^(SCRIPT|STYLE|OPTION|TITLE|DESC)$/i.test(element.tagName) || !element.getClientRects().length) continue;
  const style = getComputedStyle(element);
  if (style.visibility === 'hidden') continue;
  const back = behind(element), isSvg = element instanceof SVGElement;
  const fore = over(parse(isSvg ? style.fill : style.color), back);
  const [a, b] = [light(fore), light(back)].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
  const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  if (ratio < (large ? 3 : 4.5)) wrong.push(`contrast ${ratio.toFixed(2)} of ${JSON.stringify(text.slice(0, 40))}`);
}
for (const input of document.querySelectorAll('input:not([type=hidden]), select, textarea'))
  if (!input.labels.length && !input.getAttribute('aria-label')) wrong.push(`no label: ${input.outerHTML.slice(0, 80)}`);
if (document.querySelectorAll('h1').length !== 1) wrong.push(`${document.querySelectorAll('h1').length} headings of the first rank`);
if (document.documentElement.scrollWidth > window.innerWidth + 1) wrong.push(`scrolls sideways: ${document.documentElement.scrollWidth} of ${window.innerWidth}`);
for (const one of document.querySelectorAll('a, button, input:not([type=hidden]), select, summary')) {
  if (one.tabIndex < 0) wrong.push(`not to be reached by the keyboard: ${one.outerHTML.slice(0, 80)}`);
}
const ids = [...document.querySelectorAll('[id]')].map((one) => one.id);
for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) wrong.push(`two elements are called ${id}`);
return wrong;
";

/// Adds what is wrong with the page that is shown.
async fn look_at(browser: &Browser, name: &str, wrong: &mut Vec<String>) {
    let found = browser.run(WRONG).await;
    let found = found.as_array().into_iter().flatten().filter_map(Json::as_str);
    wrong.extend(found.map(|what| format!("{name}: {what}")));
    wrong.extend(browser.complaints().await.into_iter().map(|what| format!("{name}: {what}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_can_be_read_by_day_and_night_and_on_a_phone() {
    let stage = Stage::set().await;
    for (branch, seed) in stage.branches.iter().zip(1..) {
        branch.sell_random(20, seed);
    }
    for qty in ["1", "2", "3"] {
        stage.branches[0].sell(Sale::new().line(Item::new("ART-0021").qty(qty)));
    }
    stage.command(&["receive"]);
    stage.command(&["reconcile", "tirana"]);
    let pictures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    let mut wrong: Vec<String> = Vec::new();
    let looks = [
        ("light", Look::DESK),
        ("dark", Look { dark: true, ..Look::DESK }),
        ("phone", Look { width: 390, ..Look::DESK }),
        ("dark-phone", Look { dark: true, width: 390, ..Look::DESK }),
        ("german", Look { language: "de", ..Look::DESK }),
    ];
    for (name, look) in looks {
        let browser = stage.browser(look, "admin").await;
        for page in PAGES {
            stage.open(&browser, page).await;
            look_at(&browser, &format!("{name} {page}"), &mut wrong).await;
            if look.language == "de" {
                assert_eq!(browser.run("return document.documentElement.lang").await, "de", "{page}");
            }
            let file: String = page.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
            browser.picture(&pictures.join(format!("{name}{file}.png"))).await;
        }
        // The pages whose addresses depend on what happened, and the one before anybody is known.
        for (page, selector, name_of) in [
            ("/log?state=failed", "#found table a[href^='/record/']", "failed"),
            ("/agreement?branch=tirana", "a[href^='/agreement/tirana/']", "day"),
        ] {
            stage.open(&browser, page).await;
            browser.click(selector).await;
            if name_of == "failed" {
                browser.fill("form[role=search] input[type=search]", "Article 1").await;
                browser.find("ul.choices button").await;
            }
            look_at(&browser, &format!("{name} {name_of}"), &mut wrong).await;
            browser.picture(&pictures.join(format!("{name}-{name_of}.png"))).await;
        }
        stage.open(&browser, "/nowhere").await;
        browser.picture(&pictures.join(format!("{name}-nowhere.png"))).await;
        browser.complaints().await;
        browser.click("form[action='/sign-out'] button").await;
        browser.find("input[name=login]").await;
        look_at(&browser, &format!("{name} /sign-in"), &mut wrong).await;
        browser.picture(&pictures.join(format!("{name}-sign-in.png"))).await;
    }
    assert_eq!(wrong, Vec::<String>::new());
}
