//! Nights without accidents.

use posbridge::demo::seed::{self, SENDER};
use posbridge::demo::{Central, Item, Mishap, Sale, Version, When};
use posbridge::master_data::Action;
use posbridge::model::Kind;
use posbridge::store::{Filter, State};
use posbridge::sync::{SendReport, SendRequest};

use crate::sending::stage::{ALL, Stage, counts, edit, only, product};
use crate::stage::amount;

fn told(report: &SendReport) -> Vec<(Kind, &str, Action, &str)> {
    report.changes.iter().map(|item| (item.kind, item.reference.as_str(), item.action, item.state)).collect()
}

fn causes(report: &SendReport) -> Vec<&'static str> {
    report
        .changes
        .iter()
        .filter_map(|item| Some(item.problem.as_ref()?.cause))
        .chain(report.problems.iter().map(|told| told.cause))
        .collect()
}

#[tokio::test]
async fn everything_arrives_once_and_then_there_is_nothing_to_do() {
    let stage = Stage::with(2, &Central::default(), ALL).await;
    let reports = stage.run(SendRequest::default()).await;
    assert!(reports.iter().all(|report| report.error.is_none() && report.held + report.failed + report.queued == 0), "{reports:?}");
    stage.assert_sent();
    let there: Vec<_> = stage.branches.iter().map(counts).collect();
    // Extra prices that nobody changed are met for the first time when everything is compared again.
    stage.run(SendRequest::default()).await;
    let (writes, ledger, calls) = (stage.writes(), stage.ledger(), stage.calls());
    for report in stage.run(SendRequest::default()).await {
        assert_eq!((report.created, report.changed, report.archived, report.compared), (0, 0, 0, report.equal));
        assert!(report.changes.is_empty() && report.compared > 80);
    }
    assert_eq!(stage.writes(), writes, "somebody was written to");
    assert!(stage.ledger() == ledger, "the ledger was written");
    let calls = stage.calls() - calls;
    assert!(calls <= 80, "{calls} calls to compare everything with two branches");
    assert_eq!(stage.branches.iter().map(counts).collect::<Vec<_>>(), there);
}

#[tokio::test]
async fn what_a_branch_has_already_is_matched_and_not_made_again() {
    let stage = Stage::new().await;
    let before = counts(stage.branch());
    let report = stage.send().await;
    let created = |kind: Kind| report.changes.iter().filter(|item| item.kind == kind && item.action == Action::Create).count();
    for (kind, made) in [(Kind::Product, 4), (Kind::Customer, 4), (Kind::Tax, 1), (Kind::PaymentMethod, 0), (Kind::Pricelist, 2)] {
        assert_eq!(created(kind), made, "{kind}: {:?}", told(&report));
        assert_eq!(counts(stage.branch())[kind.model()], before[kind.model()] + made, "{kind}");
    }
}

#[tokio::test]
async fn a_changed_price_is_one_call_that_writes() {
    let stage = Stage::new().await;
    stage.settle().await;
    edit(&stage.central, "ART-0003", [("list_price", 77.7.into())]);
    let other = product(stage.branch(), "ART-0004");
    let writes = stage.writes();
    let report = stage.send().await;
    assert_eq!(told(&report), [(Kind::Product, "[ART-0003] Article 3", Action::Change, "done")]);
    assert_eq!(stage.writes() - writes, 1);
    assert_eq!(product(stage.branch(), "ART-0003").amount("list_price"), amount("77.7"));
    assert_eq!(product(stage.branch(), "ART-0004"), other);
    stage.assert_sent();
}

#[tokio::test]
async fn changes_of_many_records_go_together() {
    let stage = Stage::new().await;
    stage.settle().await;
    for n in 1..=40 {
        edit(&stage.central, &format!("ART-{n:04}"), [("list_price", (f64::from(n) + 0.5).into())]);
    }
    let writes = stage.writes();
    assert_eq!(stage.send().await.changed, 40);
    assert_eq!(stage.writes() - writes, 1);
    stage.assert_sent();
}

#[tokio::test]
async fn only_what_changed_is_looked_at_when_that_is_asked_for() {
    let stage = Stage::new().await;
    stage.settle().await;
    for _ in 0..2 {
        stage.central.advance(7_200);
        stage.send().await;
    }
    stage.central.advance(7_200);
    edit(&stage.central, "ART-0003", [("list_price", 77.7.into())]);
    // The branch's own edit waits for the day on which everything is compared.
    edit(stage.branch(), "ART-0004", [("list_price", 1.11.into())]);
    let changed = || SendRequest { changed: true, ..SendRequest::default() };
    let report = stage.run(changed()).await.remove(0);
    assert_eq!((report.compared, report.changed), (1, 1), "{report:?}");
    assert_eq!(product(stage.branch(), "ART-0003").amount("list_price"), amount("77.7"));
    assert_eq!(product(stage.branch(), "ART-0004").amount("list_price"), amount("1.11"));
    for _ in 0..2 {
        stage.central.advance(7_200);
        stage.run(changed()).await;
    }
    let (calls, writes, ledger) = (stage.calls(), stage.writes(), stage.ledger());
    let report = stage.run(changed()).await.remove(0);
    assert_eq!((report.compared, report.error), (0, None));
    assert_eq!(stage.writes(), writes);
    assert!(stage.ledger() == ledger, "the ledger was written");
    assert!(stage.calls() - calls <= 16, "{} calls for nothing", stage.calls() - calls);
    stage.central.advance(25 * 3_600);
    let report = stage.run(changed()).await.remove(0);
    assert_eq!((report.compared > 80, report.changed), (true, 1), "once a day everything is compared");
    stage.assert_sent();
}

#[tokio::test]
async fn a_change_of_a_variant_or_an_extra_price_is_seen_as_well() {
    let stage = Stage::new().await;
    stage.settle().await;
    for _ in 0..2 {
        stage.central.advance(7_200);
        stage.send().await;
    }
    stage.central.advance(7_200);
    let shirt = stage.central.find("product.product", "default_code", "SHIRT-2").unwrap();
    stage.central.update("product.product", shirt.id, [("barcode", "3999".into())]).unwrap();
    stage.central.edit("product.template.attribute.value", only("price_extra", 1.5), [("price_extra", 2.5.into())]).unwrap();
    let report = stage.run(SendRequest { changed: true, ..SendRequest::default() }).await.remove(0);
    assert_eq!(report.error, None);
    stage.assert_sent();
    assert_eq!(stage.branch().find("product.product", "default_code", "SHIRT-2").unwrap().text("barcode"), "3999");
}

#[tokio::test]
async fn a_dry_run_shows_what_would_happen_and_writes_nothing() {
    let stage = Stage::new().await;
    stage.send().await;
    stage.send().await;
    edit(&stage.central, "ART-0003", [("list_price", 77.7.into())]);
    edit(&stage.central, "ART-0005", [("active", false.into())]);
    stage.central.insert("product.template", [("name", "Cup".into()), ("default_code", "CUP".into())]).unwrap();
    let (writes, ledger, there) = (stage.writes(), stage.ledger(), counts(stage.branch()));
    let report = stage.run(SendRequest { dry_run: true, ..SendRequest::default() }).await.remove(0);
    let expected = [
        (Kind::Product, "[ART-0003] Article 3", Action::Change, "ready"),
        (Kind::Product, "[ART-0005] Article 5", Action::Archive, "ready"),
        (Kind::Product, "[CUP] Cup", Action::Create, "ready"),
    ];
    assert_eq!(told(&report), expected);
    let field = &report.changes[0].fields[0];
    assert_eq!((field.field.as_str(), field.to.as_str()), ("list_price", "77.70"));
    assert_eq!((stage.writes(), counts(stage.branch())), (writes, there));
    assert!(stage.ledger() == ledger, "the ledger was written");
    // What it showed is what then happens.
    let done = stage.send().await;
    let states = |report: &SendReport| report.changes.iter().map(|item| (item.reference.clone(), item.fields.clone())).collect::<Vec<_>>();
    assert_eq!(states(&done), states(&report));
    stage.assert_sent();
}

#[tokio::test]
async fn what_an_open_session_uses_waits_until_it_is_closed_and_nothing_waits_with_it() {
    let stage = Stage::new().await;
    stage.settle().await;
    let branch = stage.branch();
    branch.open_session("Shop b1").unwrap();
    branch.sell(Sale::new().line(Item::new("ART-0003")));
    stage.central.edit("account.tax", only("name", "VAT 20% incl"), [("amount", 21.0.into())]).unwrap();
    stage.central.edit("pos.payment.method", only("name", "Card"), [("split_transactions", true.into())]).unwrap();
    edit(&stage.central, "ART-0003", [("list_price", 77.7.into())]);
    let tax = || branch.find("account.tax", "name", "VAT 20% incl").unwrap().amount("amount");
    let report = stage.send().await;
    assert_eq!((report.changed, report.held), (1, 2), "{:?}", told(&report));
    assert_eq!(causes(&report), ["session_open", "session_open"]);
    assert_eq!((tax(), product(branch, "ART-0003").amount("list_price")), (amount("20"), amount("77.7")));
    let (writes, ledger) = (stage.writes(), stage.ledger());
    assert_eq!(stage.send().await.held, 2);
    assert_eq!(stage.writes(), writes);
    assert!(stage.ledger() == ledger, "what waits as it waited is not written anew");
    branch.close_sessions().unwrap();
    let report = stage.send().await;
    assert_eq!((report.changed, report.held), (2, 0));
    assert_eq!(tax(), amount("21"));
    assert!(branch.find("pos.payment.method", "name", "Card").unwrap().flag("split_transactions"));
    assert_eq!(stage.log(Filter { state: Some(State::Held), ..Filter::default() }), []);
}

#[tokio::test]
async fn a_product_in_an_order_still_open_is_archived_afterwards() {
    let stage = Stage::new().await;
    stage.settle().await;
    let branch = stage.branch();
    branch.open_session("Shop b1").unwrap();
    let order = branch.open_order(&["ART-0003"]);
    edit(&stage.central, "ART-0003", [("active", false.into())]);
    let report = stage.send().await;
    assert_eq!((report.archived, report.held, causes(&report)), (0, 1, vec!["order_open"]), "{report:?}");
    assert!(product(branch, "ART-0003").flag("active"));
    branch.update("pos.order", order, [("state", "cancel".into())]).unwrap();
    assert_eq!(stage.send().await.archived, 1);
    assert!(!product(branch, "ART-0003").flag("active"));
}

/// All products, by a rule for what the branch changed.
fn products_by(rule: &str) -> String {
    // Pictures that the branches never had would be asked about as well.
    format!("[defaults.send.products]\nall = true\nleave = [\"image_1920\"]\nconflict = \"{rule}\"\n")
}

#[tokio::test]
async fn who_decides_about_a_branch_s_edit_is_a_setting() {
    let price = |stage: &Stage| product(stage.branch(), "ART-0003").amount("list_price");
    for rule in ["central", "branch", "ask"] {
        let stage = Stage::with(1, &Central::default(), &products_by(rule)).await;
        stage.send().await;
        stage.send().await;
        // Equal until now. The branch changes its price, then central changes it and something else.
        edit(stage.branch(), "ART-0003", [("list_price", 1.11.into())]);
        edit(&stage.central, "ART-0003", [("list_price", 2.22.into())]);
        edit(&stage.central, "ART-0004", [("list_price", 3.33.into())]);
        let report = stage.send().await;
        assert_eq!(product(stage.branch(), "ART-0004").amount("list_price"), amount("3.33"), "{rule}: nobody touched that one");
        let expected = match rule {
            "central" => ("2.22", 2, 0),
            "branch" => ("1.11", 1, 0),
            _ => ("1.11", 1, 1),
        };
        assert_eq!((price(&stage), report.changed, report.failed), (amount(expected.0), expected.1, expected.2), "{rule}");
        let again = stage.send().await;
        assert_eq!((price(&stage), again.changed, again.failed), (amount(expected.0), 0, expected.2), "{rule}, again");
    }
}

#[tokio::test]
async fn of_an_edit_that_waits_a_retry_sends_central_s_and_a_no_keeps_the_branch_s() {
    for overwrite in [true, false] {
        let stage = Stage::with(1, &Central::default(), &products_by("ask")).await;
        stage.send().await;
        edit(stage.branch(), "ART-0003", [("list_price", 1.11.into())]);
        let report = stage.send().await;
        assert_eq!(causes(&report), ["branch_edited"], "{report:?}");
        let waiting = stage.log(Filter { state: Some(State::Failed), ..Filter::default() });
        let this = Filter { ids: vec![waiting[0].id], ..Filter::default() };
        let now = jiff::Timestamp::now();
        if overwrite {
            stage.store().retry(&this, false, now).unwrap();
        } else {
            stage.store().ignore(&this, "our own price", now).unwrap();
        }
        let central = product(&stage.central, "ART-0003").amount("list_price");
        stage.send().await;
        let price = || product(stage.branch(), "ART-0003").amount("list_price");
        assert_eq!(price(), if overwrite { central } else { amount("1.11") });
        if !overwrite {
            let report = stage.send().await;
            assert_eq!((report.failed, price()), (0, amount("1.11")), "the no still stands: {report:?}");
            // Another price at central is another question.
            edit(&stage.central, "ART-0003", [("list_price", 9.99.into())]);
            assert_eq!((causes(&stage.send().await), price()), (vec!["branch_edited"], amount("1.11")));
        }
    }
}

#[tokio::test]
async fn what_a_person_queued_is_written_as_he_saw_it() {
    let stage = Stage::with(1, &Central::default(), "").await;
    let queue = || SendRequest { queue: true, ..Stage::products(&["TEA-1", "ART-0003"]) };
    edit(&stage.central, "ART-0003", [("list_price", 77.7.into())]);
    let (writes, before) = (stage.writes(), product(stage.branch(), "ART-0003"));
    let report = stage.run(queue()).await.remove(0);
    assert!(report.queued >= 2, "{:?}", told(&report));
    assert_eq!(stage.writes(), writes, "only queued");
    // Twice is once.
    stage.run(queue()).await;
    assert_eq!(stage.log(Filter { state: Some(State::Pending), ..Filter::default() }).len(), report.queued);
    // Somebody changes the price at the branch before it goes.
    edit(stage.branch(), "ART-0003", [("list_price", 1.11.into())]);
    let sent = stage.send().await;
    assert_eq!(causes(&sent), ["changed_since_preview"], "{:?}", told(&sent));
    assert_eq!(product(stage.branch(), "ART-0003").amount("list_price"), amount("1.11"), "was {before:?}");
    assert_eq!(product(stage.branch(), "TEA-1").text("name"), "Mountain tea", "the other one is as it was shown");
}

#[tokio::test]
async fn a_branch_that_does_not_answer_gets_what_was_chosen_by_hand_when_it_is_back() {
    for never in [false, true] {
        let stage = Stage::with(1, &Central::default(), "").await;
        stage.server.inject(When::any().database("b1").always(), Mishap::page(503, "down"));
        let request = SendRequest { now_or_never: never, ..Stage::products(&["TEA-1"]) };
        let report = stage.run(request).await.remove(0);
        assert_eq!((report.cause.as_deref(), report.queued), (Some("server_busy"), usize::from(!never)), "{report:?}");
        stage.server.clear_mishaps();
        let report = stage.send().await;
        let there = stage.branch().find("product.product", "default_code", "TEA-1");
        assert_eq!((there.is_some(), report.failed + report.queued), (!never, 0), "{report:?}");
    }
}

#[tokio::test]
async fn what_central_archives_or_deletes_is_archived_at_the_branch() {
    let stage = Stage::new().await;
    stage.settle().await;
    edit(&stage.central, "ART-0003", [("active", false.into())]);
    stage.central.delete("product.template", product(&stage.central, "ART-0004").id).unwrap();
    let guest = stage.central.find("res.partner", "ref", "C101").unwrap();
    stage.central.delete("res.partner", guest.id).unwrap();
    let rule = stage.central.find("product.pricelist.item", "compute_price", "fixed").unwrap();
    stage.central.delete("product.pricelist.item", rule.id).unwrap();
    let there = counts(stage.branch());
    let report = stage.send().await;
    assert_eq!((report.archived, report.failed), (4, 0), "{:?}", told(&report));
    for code in ["ART-0003", "ART-0004"] {
        assert!(!product(stage.branch(), code).flag("active"), "{code}");
    }
    assert!(!stage.branch().find("res.partner", "ref", "C101").unwrap().flag("active"));
    assert!(stage.branch().find("product.pricelist.item", "compute_price", "fixed").is_none());
    let gone = |model: &str| there[model] - counts(stage.branch())[model];
    assert_eq!((gone("product.template"), gone("res.partner"), gone("product.pricelist.item")), (0, 0, 1), "only the rule is deleted");
    let writes = stage.writes();
    let again = stage.send().await;
    assert_eq!((again.archived, again.failed, again.problems.len(), stage.writes()), (0, 0, 0, writes), "{again:?}");
    // Back at central, back at the branch.
    edit(&stage.central, "ART-0003", [("active", true.into())]);
    stage.send().await;
    assert!(product(stage.branch(), "ART-0003").flag("active"));
    stage.assert_sent();
}

#[tokio::test]
async fn a_central_that_suddenly_has_nothing_archives_nothing() {
    for kind in Kind::CHOSEN {
        let stage = Stage::new().await;
        stage.settle().await;
        let before: Vec<_> = stage.branch().records(kind.model());
        let nothing = "<?xml version='1.0'?><methodResponse><params><param><value><array><data></data></array></value></param></params></methodResponse>";
        stage.server.inject(When::call(kind.model(), "search_read").database("central").always(), Mishap::raw(nothing));
        let report = stage.send().await;
        assert_eq!((report.archived, report.error), (0, None), "{kind}: what may not be seen is not gone");
        assert_eq!(stage.branch().records(kind.model()), before, "{kind}");
        stage.server.inject(When::call(kind.model(), "read").database("central").always(), Mishap::raw(nothing));
        let report = stage.send().await;
        assert_eq!(report.archived, 0, "{kind}: {:?}", told(&report));
        assert_eq!(stage.branch().records(kind.model()), before, "{kind}");
        assert!(report.problems.iter().any(|problem| problem.cause == "too_many_gone"), "{kind}: {report:?}");
        stage.server.clear_mishaps();
        stage.settle().await;
        stage.assert_sent();
    }
}

#[tokio::test]
async fn many_that_are_gone_are_archived_when_a_person_says_so_and_asked_about_once() {
    let stage = Stage::new().await;
    stage.settle().await;
    for n in 11..=30 {
        stage.central.delete("product.template", product(&stage.central, &format!("ART-{n:04}")).id).unwrap();
    }
    let report = stage.send().await;
    assert_eq!((report.archived, causes(&report)), (0, vec!["too_many_gone"]));
    let report = stage.run(SendRequest { accept_gone: true, ..SendRequest::default() }).await.remove(0);
    assert_eq!((report.archived, report.problems.len()), (20, 0), "{report:?}");
    assert!((11..=30).all(|n| !product(stage.branch(), &format!("ART-{n:04}")).flag("active")));
    let report = stage.send().await;
    assert_eq!((report.archived, causes(&report)), (0, vec![]), "what is archived already is no question");
}

#[tokio::test]
async fn a_kind_that_the_user_may_not_write_fails_alone() {
    let stage = Stage::new().await;
    let branch = stage.branch();
    let less: Vec<&str> = SENDER.iter().copied().filter(|group| *group != "Contact / Creation").collect();
    branch.set_groups("sender", &less);
    let partners = || branch.records("res.partner").iter().map(|one| (one.text("name"), one.text("write_date"))).collect::<Vec<_>>();
    let before = partners();
    let report = stage.send().await;
    assert_eq!(report.error, None, "{report:?}");
    let (customers, others): (Vec<_>, Vec<_>) = report.changes.iter().partition(|item| item.kind == Kind::Customer);
    assert!(customers.len() > 2 && customers.iter().all(|item| item.state == "failed" || item.state == "held"), "{customers:?}");
    assert!(others.iter().all(|item| item.state == "done"), "{others:?}");
    assert_eq!(partners(), before);
    assert!(causes(&report).contains(&"right_missing"));
    // The right is given; a person says so.
    branch.set_groups("sender", &SENDER);
    stage.store().retry(&Filter { cause: Some("right_missing".to_owned()), ..Filter::default() }, false, jiff::Timestamp::now()).unwrap();
    stage.settle().await;
    stage.assert_sent();
}

#[tokio::test]
async fn pictures_are_sent_when_they_differ() {
    let stage = Stage::new().await;
    stage.settle().await;
    let picture = |db: &posbridge::demo::Db, code: &str| {
        let id = product(db, code).id;
        let of = |attachment: &posbridge::demo::Record| {
            attachment.link("res_id") == Some(id)
                && attachment.text("res_model") == "product.template"
                && attachment.text("res_field") == "image_1920"
        };
        db.records("ir.attachment").into_iter().find(of).map(|attachment| attachment.text("checksum"))
    };
    let equal = |code: &str| (picture(stage.branch(), code), picture(&stage.central, code));
    let (there, ours) = equal("ART-0001");
    assert!(there.is_some() && there == ours);
    edit(&stage.central, "ART-0001", [("image_1920", seed::picture(99).into())]);
    edit(&stage.central, "ART-0002", [("image_1920", false.into())]);
    let report = stage.send().await;
    assert_eq!(report.changed, 2, "{:?}", told(&report));
    let (now, ours) = equal("ART-0001");
    assert!(now.is_some() && now == ours && now != there);
    assert_eq!(equal("ART-0002"), (None, None));
    assert_eq!(stage.send().await.changes, []);
}

#[tokio::test]
async fn a_customer_who_logs_in_at_the_branch_is_refused_alone() {
    for version in [Version::V16, Version::V19] {
        let stage = Stage::of_versions(Version::V19, version).await;
        stage.settle().await;
        let branch = stage.branch();
        let (hotel, user) = (branch.find("res.partner", "ref", "C100").unwrap(), branch.find("res.users", "login", "plain").unwrap());
        branch.update("res.users", user.id, [("partner_id", hotel.id.into())]).unwrap();
        for reference in ["C100", "C101", "C102"] {
            stage.central.edit("res.partner", only("ref", reference), [("phone", "+355 4 1".into())]).unwrap();
        }
        let report = stage.send().await;
        let (failed, others): (Vec<_>, Vec<_>) = report.changes.iter().partition(|item| item.state == "failed");
        let [failed] = failed.as_slice() else { panic!("{version}: {report:?}") };
        let problem = failed.problem.as_ref().unwrap();
        assert_eq!((failed.kind, problem.cause), (Kind::Customer, "right_missing"));
        assert!(problem.next_step.contains("Access Rights\""), "{version}: {}", problem.next_step);
        assert!(!others.is_empty() && others.iter().all(|item| item.state == "done"), "{version}: {others:?}");
    }
}
