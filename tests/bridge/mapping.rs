//! What a person maps on the spot: found by a search, kept as his choice, and everything that waits for it goes.

use jiff::Timestamp;
use posbridge::demo::{Item, Mishap, Sale, When};
use posbridge::model::{BranchCode, Receipt};
use posbridge::problem::Problem;
use posbridge::store::{Filter, Mapped, PageFilter, Story, Unmatched};
use posbridge::sync::{Bridge, By, Choice, Request, Wanted, search_central};

use crate::stage::{Stage, amount};

async fn search(stage: &Stage, wanted: Wanted, by: By<'_>) -> Vec<Choice> {
    let bridge = Bridge::open(stage.config(), "test").unwrap();
    search_central(&bridge, &bridge.config.branches[0], wanted, by).await.unwrap()
}

fn story(stage: &Stage, record: i64) -> Story {
    stage.store().story(record).unwrap().unwrap()
}

/// As the page does: the first thing that can be mapped becomes the choice.
fn choose(stage: &Stage, branch: &str, unmatched: &Unmatched, choice: &Choice) -> usize {
    let branch = BranchCode::new(branch).unwrap();
    let mapped = Mapped {
        branch: &branch,
        model: unmatched.model,
        branch_id: unmatched.branch_id,
        name: &unmatched.name,
        central_id: choice.id,
        central_name: &choice.name,
        waits_for: &unmatched.waits_for,
        person: "anna",
    };
    stage.store().bind_by_person(&mapped, Timestamp::now()).unwrap()
}

#[tokio::test]
async fn a_mapped_product_lets_go_all_that_wait_for_it_in_its_branch_and_no_other() {
    let stage = Stage::with(2, "", |branch| branch.products = 42).await;
    for branch in &stage.branches {
        for _ in 0..6 {
            branch.sell(Sale::new().line(Item::new("ART-0001")).line(Item::new("ART-0041").qty("2").price("3.00")));
        }
        branch.sell(Sale::new().line(Item::new("ART-0042")));
    }
    stage.receive().await;
    let groups = stage.store().waiting_groups(&PageFilter::default()).unwrap();
    let told: Vec<(&str, usize)> = groups.groups.iter().map(|group| (group.waits_for.as_str(), group.records)).collect();
    assert_eq!(told, [("product_not_found:[ART-0041]", 12), ("product_not_found:[ART-0042]", 2)], "most first");
    assert_eq!(groups.groups[0].branches, ["b1", "b2"]);
    let b1 = PageFilter { branch: Some("b1".to_owned()), ..PageFilter::default() };
    assert_eq!(stage.store().waiting_groups(&b1).unwrap().groups[0].records, 6);

    let failed = stage.log(Filter { branch: Some("b1".to_owned()), waits_for: Some(told[0].0.to_owned()), ..Filter::default() });
    assert_eq!(failed.len(), 6);
    let told = story(&stage, failed[0].id);
    let [unmatched] = told.unmatched.as_slice() else { panic!("{:?}", told.unmatched) };
    let product = stage.branches[0].find("product.product", "default_code", "ART-0041").unwrap();
    assert_eq!((unmatched.model, unmatched.branch_id), ("product.product", product.id), "the line that was not found, not its neighbour");
    assert_eq!(unmatched.code.as_deref(), Some("ART-0041"));
    let receipt = Receipt::of(told.order.as_ref().unwrap(), &told.names);
    assert_eq!((receipt.lines[1].qty, receipt.lines[1].price_unit), (amount("2"), amount("3.00")));
    assert_eq!(receipt.lines[1].code.as_deref(), Some("ART-0041"));

    let found = search(&stage, Wanted::Product, By::Text("art-0040")).await;
    let [choice] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(choose(&stage, "b1", unmatched, choice), 6);
    stage.run(Request { deliver_only: true, ..Request::default() }).await;
    let left = stage.log(Filter { branch: Some("b1".to_owned()), state: Some(posbridge::store::State::Failed), ..Filter::default() });
    assert_eq!(left.len(), 1, "what waits for something else stays: {left:?}");
    let there = stage.failed().iter().filter(|entry| entry.branch == "b2").count();
    assert_eq!(there, 7, "nothing was said of the other branch");
    let drafts = stage.central.sale_orders();
    let mapped = drafts.iter().filter(|draft| draft.lines.iter().any(|line| line.link("product_id") == Some(choice.id)));
    assert_eq!(mapped.count(), 6);
    let after = story(&stage, failed[0].id);
    assert!(after.unmatched.is_empty());
    let said: Vec<&str> = after.attempts.iter().map(|attempt| attempt.message.as_str()).collect();
    assert!(said[1].contains("says anna"), "{said:?}");
}

#[tokio::test]
async fn what_a_person_chose_comes_before_a_match_and_survives_a_retry() {
    let stage = Stage::with(1, "", |branch| branch.products = 41).await;
    let branch = &stage.branches[0];
    branch.sell(Sale::new().line(Item::new("ART-0041")));
    stage.receive().await;
    let record = stage.failed()[0].id;
    let choice = search(&stage, Wanted::Product, By::Text("ART-0002")).await.remove(0);
    // Meanwhile somebody makes the product at central as well.
    stage.central.insert("product.product", [("name", "New".into()), ("default_code", "ART-0041".into())]).unwrap();
    choose(&stage, "b1", &story(&stage, record).unmatched[0], &choice);
    stage.store().retry(&Filter { ids: vec![record], ..Filter::default() }, false, Timestamp::now()).unwrap();
    stage.receive().await;
    let drafts = stage.central.sale_orders();
    assert!(drafts[0].lines.iter().any(|line| line.link("product_id") == Some(choice.id)));
}

#[tokio::test]
async fn a_chosen_tax_comes_before_the_name_in_the_settings() {
    let stage = Stage::with(1, "", |_| {}).await;
    let taxed = stage.branches[0].records("account.tax").into_iter().find(|tax| tax.text("name") == "VAT 15%").unwrap();
    stage.branches[0].sell(Sale::new().line(Item::new("ART-0001").taxes(&["VAT 15%"])));
    let file = stage.directory.path().join("branches.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, settings + "[branch.b1.taxes]\n\"VAT 15%\" = \"Gone 15%\"\n").unwrap();
    stage.receive().await;
    let record = stage.failed()[0].id;
    let told = story(&stage, record);
    let [unmatched] = told.unmatched.as_slice() else { panic!("{:?}", told.unmatched) };
    assert_eq!((unmatched.model, unmatched.branch_id), ("account.tax", taxed.id), "the problem has the name of the settings");
    let found = search(&stage, Wanted::Tax, By::Text("VAT 15%")).await;
    assert!(found.iter().all(|choice| choice.amount.is_some() && choice.amount_type.as_deref() == Some("percent")), "{found:?}");
    assert_eq!(choose(&stage, "b1", unmatched, &found[0]), 1);
    stage.receive().await;
    assert_eq!(stage.failed(), []);
    stage.assert_exactly_once();
}

#[tokio::test]
async fn a_chosen_customer_takes_the_sales() {
    let stage = Stage::with(1, "unknown_customer = \"problem\"\n", |_| {}).await;
    let branch = &stage.branches[0];
    branch.insert("res.partner", [("name", "Stranger".into()), ("ref", "X999".into())]).unwrap();
    branch.sell(Sale::new().line(Item::new("ART-0001")).partner("X999"));
    stage.receive().await;
    let told = story(&stage, stage.failed()[0].id);
    let [unmatched] = told.unmatched.as_slice() else { panic!("{:?}", told.unmatched) };
    assert_eq!((unmatched.name.as_str(), unmatched.code.as_deref()), ("Stranger", Some("X999")));
    let choice = search(&stage, Wanted::Customer, By::Text("walk-in b1")).await.remove(0);
    choose(&stage, "b1", unmatched, &choice);
    stage.receive().await;
    assert_eq!(stage.central.sale_orders()[0].order.link("partner_id"), Some(choice.id));
}

#[tokio::test]
async fn a_search_gives_few_records_that_can_be_used_soon_or_says_why_not() {
    let stage = Stage::new(1).await;
    let all = search(&stage, Wanted::Product, By::Text("")).await;
    assert_eq!(all.len(), posbridge::sync::CHOICES);
    let archived = stage.central.find("product.product", "default_code", "ART-0003").unwrap();
    stage.central.archive("product.product", archived.id).unwrap();
    let unsold = stage.central.find("product.product", "default_code", "ART-0004").unwrap();
    stage.central.update("product.product", unsold.id, [("sale_ok", false.into())]).unwrap();
    for gone in [archived, unsold] {
        assert_eq!(search(&stage, Wanted::Product, By::Text(&gone.text("default_code"))).await, []);
        assert_eq!(search(&stage, Wanted::Product, By::Id(gone.id)).await, [], "nor by its number, whatever a form says");
    }
    let barcode = stage.central.find("product.product", "default_code", "ART-0005").unwrap().text("barcode");
    assert_eq!(search(&stage, Wanted::Product, By::Text(&barcode)).await[0].default_code.as_deref(), Some("ART-0005"));
    for hostile in ["'; DROP TABLE", "<script>", "%", "_", "\\", "é漢\u{202e}", "]]>"] {
        search(&stage, Wanted::Customer, By::Text(hostile)).await;
    }
    stage.server.inject(When::any().database("central").always(), Mishap::fault(4, "no"));
    let bridge = Bridge::open(stage.config(), "test").unwrap();
    let refused = search_central(&bridge, &bridge.config.branches[0], Wanted::Tax, By::Text("x")).await.unwrap_err();
    assert!(matches!(refused.into_problem(), Problem::RightMissing { .. } | Problem::RefusedByOdoo { .. }));
}
