//! Central on one version of Odoo, a branch on another: what one has no place for is told, everything else arrives.

use posbridge::demo::{Db, Record, Version};
use posbridge::master_data::Action;
use posbridge::model::Kind;
use posbridge::sync::{SendReport, SendRequest};

use crate::sending::stage::{Stage, edit, only, product};
use crate::stage::amount;

/// Whatever differs between versions, said at central in its own words.
fn furnish(central: &Db) {
    let category = |name: &str| central.find("pos.category", "name", name).unwrap().id;
    edit(central, "TEA-1", [("pos_categ_ids", vec![category("Clothes"), category("Hot drinks")].into())]);
    edit(central, "WATER-6", [("is_storable", true.into())]);
    let label = if central.version() >= Version::V17 { "invoice_label" } else { "description" };
    central.edit("account.tax", only("name", "VAT 9% incl"), [(label, "VAT 9".into())]).unwrap();
    let list = central.find("product.pricelist", "name", "Shop prices").unwrap().id;
    let field = if central.version() >= Version::V18 { "specific_property_product_pricelist" } else { "property_product_pricelist" };
    central.edit("res.partner", only("ref", "C100"), [(field, list.into())]).unwrap();
}

fn notes(report: &SendReport) -> Vec<&str> {
    report.notes.iter().map(String::as_str).collect()
}

fn waits(report: &SendReport) -> Vec<String> {
    let told =
        |item: &posbridge::sync::ItemReport| format!("{} {} {:?}", item.kind, item.reference, item.problem.as_ref().map(|told| &told.what));
    let open = report.changes.iter().filter(|item| item.state != "done").map(told);
    open.chain(report.problems.iter().map(|told| told.what.clone())).chain(report.error.clone()).collect()
}

async fn sent_once(stage: &Stage) -> SendReport {
    let report = stage.send().await;
    assert_eq!(waits(&report), Vec::<String>::new());
    stage.send().await;
    let (writes, branch) = (stage.shops.as_ref().unwrap().stats().writes, crate::sending::stage::counts(stage.branch()));
    let again = stage.send().await;
    let changes: Vec<_> = again.changes.iter().map(|item| (item.kind, &item.reference, item.action, &item.fields)).collect();
    assert!(changes.is_empty() && again.compared == again.equal && again.compared > 40, "{changes:?} {:?}", waits(&again));
    assert_eq!(stage.shops.as_ref().unwrap().stats().writes, writes, "somebody was written to");
    assert_eq!(crate::sending::stage::counts(stage.branch()), branch);
    report
}

fn called(db: &Db, model: &str, record: &Record, field: &str) -> Vec<String> {
    let mut names: Vec<String> =
        record.ids(field).into_iter().chain(record.link(field)).map(|id| db.record(model, id).unwrap().text("name")).collect();
    names.sort();
    names.dedup();
    names
}

#[tokio::test]
async fn central_on_19_sends_to_older_branches() {
    for version in [Version::V14, Version::V15, Version::V16, Version::V17, Version::V18] {
        let stage = Stage::of_versions(Version::V19, version).await;
        furnish(&stage.central);
        let report = sent_once(&stage).await;
        let branch = stage.branch();
        let (tea, water) = (product(branch, "TEA-1"), product(branch, "WATER-6"));
        assert_eq!((tea.amount("list_price"), tea.amount("standard_price")), (amount("2.4"), amount("1.2")), "{version}");
        assert_eq!(called(branch, "account.tax", &tea, "taxes_id"), ["VAT 9% incl"], "{version}");
        assert_eq!(called(branch, "product.category", &tea, "categ_id"), ["Beverages"], "{version}");
        let (one, all) = (vec!["Hot drinks"], vec!["Clothes", "Hot drinks"]);
        let pos = if version < Version::V17 {
            called(branch, "pos.category", &tea, "pos_categ_id")
        } else {
            called(branch, "pos.category", &tea, "pos_categ_ids")
        };
        assert_eq!(pos, if version < Version::V17 { one } else { all }, "{version}");
        let storable = match version {
            Version::V14 | Version::V15 => water.text("type") == "product",
            Version::V16 | Version::V17 => water.text("detailed_type") == "product",
            _ => water.flag("is_storable"),
        };
        assert!(storable, "{version}: {water:?}");
        let unit = branch.record("uom.uom", water.link("uom_id").unwrap()).unwrap();
        let units = branch.find("uom.uom", "name", "Units").unwrap();
        assert_eq!((unit.text("name"), unit.text("uom_type")), ("Box of 6".to_owned(), "bigger".to_owned()), "{version}");
        assert_eq!(
            ((amount("1") / unit.amount("factor")).round_dp(9), unit.link("category_id")),
            (amount("6"), units.link("category_id")),
            "{version}"
        );
        assert!(unit.link("category_id").is_some());
        assert_eq!(water.link("uom_po_id"), water.link("uom_id"), "{version}");
        let tax = branch.find("account.tax", "name", "VAT 9% incl").unwrap();
        assert!(tax.flag("price_include"), "{version}");
        assert_eq!(tax.text(if version < Version::V17 { "description" } else { "invoice_label" }), "VAT 9", "{version}");
        let hotel = branch.find("res.partner", "ref", "C100").unwrap();
        assert_eq!(called(branch, "product.pricelist", &hotel, "property_product_pricelist"), ["Shop prices"], "{version}");
        assert_eq!(branch.find("product.product", "default_code", "SHIRT-3").map(|shirt| shirt.text("barcode").is_empty()), Some(false));
        let list = branch.find("product.pricelist", "name", "Shop prices").unwrap();
        assert_eq!(list.ids("item_ids").len(), 3, "{version}");
        let picture = |code: &str, db: &Db| product(db, code).text("image_1920");
        assert_eq!(picture("ART-0001", branch), picture("ART-0001", &stage.central), "{version}");
        assert!(!picture("ART-0001", branch).is_empty(), "{version}");
        let told = notes(&report);
        let categories = "The branch's Odoo has room for one POS category of a product: 1 product goes with the first of several.";
        assert_eq!(told.contains(&categories), version < Version::V17, "{version}: {told:?}");
        let journals = "The branch's Odoo has journals for cash payment methods only: 1 payment method goes without.";
        assert_eq!(told.contains(&journals), version == Version::V14, "{version}: {told:?}");
    }
}

#[tokio::test]
async fn older_centrals_send_to_a_branch_on_19() {
    for version in [Version::V14, Version::V16, Version::V17, Version::V18] {
        let stage = Stage::of_versions(version, Version::V19).await;
        furnish(&stage.central);
        stage.central.edit("res.partner", only("ref", "C100"), [("mobile", "+355 69 1".into())]).unwrap();
        edit(stage.branch(), "ART-0005", [("type", "combo".into())]);
        let report = sent_once(&stage).await;
        let branch = stage.branch();
        let combos = notes(&report).contains(&"Central's Odoo knows no combos: 1 product stays one at the branch.");
        assert_eq!(
            (combos, product(branch, "ART-0005").text("type") == "combo"),
            (version < Version::V17, version < Version::V17),
            "{version}"
        );
        let (tea, water) = (product(branch, "TEA-1"), product(branch, "WATER-6"));
        assert_eq!(called(branch, "account.tax", &tea, "taxes_id"), ["VAT 9% incl"], "{version}");
        let all = called(&stage.central, "pos.category", &product(&stage.central, "TEA-1"), "pos_categ_ids");
        assert_eq!(called(branch, "pos.category", &tea, "pos_categ_ids"), all, "{version}");
        assert_eq!((water.flag("is_storable"), water.text("type")), (true, "consu".to_owned()), "{version}");
        let unit = branch.record("uom.uom", water.link("uom_id").unwrap()).unwrap();
        assert_eq!((unit.text("name"), unit.amount("relative_factor")), ("Box of 6".to_owned(), amount("6")), "{version}");
        assert_eq!(called(branch, "uom.uom", &unit, "relative_uom_id"), ["Units"], "{version}");
        let tax = branch.find("account.tax", "name", "VAT 9% incl").unwrap();
        assert_eq!(
            (tax.text("price_include_override"), tax.text("invoice_label")),
            ("tax_included".to_owned(), "VAT 9".to_owned()),
            "{version}"
        );
        let own = |reference: &str| {
            let customer = branch.find("res.partner", "ref", reference).unwrap();
            called(branch, "product.pricelist", &customer, "specific_property_product_pricelist")
        };
        assert_eq!(own("C100"), ["Shop prices"], "{version}");
        assert_eq!(own("C101"), Vec::<String>::new(), "{version}: what everybody is shown with is nobody's own");
        let told = notes(&report);
        assert!(told.contains(&"The branch's Odoo has no \"mobile\" for customers: 1 record goes without."), "{version}: {told:?}");
    }
}

#[tokio::test]
async fn goods_become_storable_and_a_unit_larger_in_the_words_of_16() {
    let stage = Stage::of_versions(Version::V19, Version::V16).await;
    sent_once(&stage).await;
    edit(&stage.central, "WATER-6", [("is_storable", true.into())]);
    let report = stage.send().await;
    assert_eq!(waits(&report), Vec::<String>::new());
    let fields: Vec<&str> = report.changes.iter().flat_map(|item| &item.fields).map(|field| field.label.as_str()).collect();
    assert_eq!(fields, ["track inventory"]);
    assert_eq!(product(stage.branch(), "WATER-6").text("detailed_type"), "product");
    edit(&stage.central, "WATER-6", [("is_storable", false.into())]);
    stage.send().await;
    assert_eq!(product(stage.branch(), "WATER-6").text("detailed_type"), "consu");
}

#[tokio::test]
async fn a_branch_that_is_upgraded_is_asked_anew_what_its_fields_are_called() {
    let stage = Stage::of_versions(Version::V19, Version::V17).await;
    sent_once(&stage).await;
    stage.shops.as_ref().unwrap().upgrade(Version::V19);
    stage.central.edit("account.tax", only("name", "VAT 9% incl"), [("price_include_override", "tax_excluded".into())]).unwrap();
    edit(&stage.central, "TEA-1", [("is_storable", true.into())]);
    let report = stage.run(SendRequest { changed: true, ..SendRequest::default() }).await.remove(0);
    assert_eq!(waits(&report), Vec::<String>::new());
    assert!(report.changes.iter().any(|item| item.kind == Kind::Tax && item.action == Action::Change));
    assert_eq!(stage.branch().find("account.tax", "name", "VAT 9% incl").unwrap().text("price_include_override"), "tax_excluded");
    assert!(product(stage.branch(), "TEA-1").flag("is_storable"));
}

#[tokio::test]
async fn a_check_finds_nothing_wrong_with_14_on_either_side() {
    for (central, branch) in [(Version::V14, Version::V19), (Version::V19, Version::V14)] {
        let stage = Stage::of_versions(central, branch).await;
        let config = stage.config();
        let seen = posbridge::sync::check(&stage.store(), &config, &config.branches).await.unwrap();
        // This user may not read orders at central: he sends only.
        let wrong = |step: &&posbridge::sync::Step| step.result == posbridge::sync::Verdict::Failed && step.step != "rights";
        let failed: Vec<_> = seen.iter().flat_map(|side| &side.steps).filter(wrong).collect();
        assert!(failed.is_empty(), "{central} to {branch}: {failed:?}");
    }
}

#[tokio::test]
async fn a_variant_comes_out_of_the_archive_at_every_version() {
    for version in Version::ALL {
        let stage = Stage::of_versions(Version::V19, version).await;
        sent_once(&stage).await;
        let variant = |db: &Db| db.find("product.product", "default_code", "SHIRT-2").expect("the variant");
        for active in [false, true] {
            stage.central.update("product.product", variant(&stage.central).id, [("active", active.into())]).unwrap();
            let report = stage.send().await;
            assert_eq!((report.failed, report.error), (0, None), "{version}: {active}");
            assert_eq!(variant(stage.branch()).flag("active"), active, "{version}");
        }
    }
}
