//! Settings that name another database than before: the same one at a new address, another branch's, a copy, a strange one.

use posbridge::demo::{Branch, Central, Db, Item, Sale, Version};
use posbridge::model::BranchCode;
use posbridge::sync::{Report, SendRequest};

use crate::stage::Stage;

/// Rewrites branches.toml.
fn edit(stage: &Stage, edits: &[(&str, &str)]) {
    let file = stage.directory.path().join("branches.toml");
    let mut text = std::fs::read_to_string(&file).unwrap();
    for (from, to) in edits {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    std::fs::write(&file, text).unwrap();
    stage.seal();
}

fn swap(stage: &Stage) {
    edit(
        stage,
        &[("database = \"b1\"", "database = \"x\""), ("database = \"b2\"", "database = \"b1\""), ("database = \"x\"", "database = \"b2\"")],
    );
}

/// A pass over one branch.
async fn pass_of(stage: &Stage, n: usize) -> Vec<Report> {
    let config = stage.config();
    let bridge = std::sync::Arc::new(posbridge::sync::Bridge::open(config.clone(), "test").unwrap());
    crate::stage::run(&bridge, &config.branches[n..=n], &posbridge::sync::Request::default()).await
}

/// Puts a copy of a database beside it, or in the place of another one.
fn copy(stage: &Stage, of: &Db, name: &str) {
    let mut copy = of.with(|database| database.clone());
    copy.name = name.to_owned();
    stage.server.add(copy);
}

fn causes(reports: &[Report]) -> Vec<Option<&str>> {
    reports.iter().map(|report| report.cause.as_deref()).collect()
}

fn notices(stage: &Stage) -> Vec<(String, &'static str)> {
    stage.store().branch_problems().unwrap().into_iter().map(|(branch, problem)| (branch, problem.cause())).collect()
}

fn code(text: &str) -> BranchCode {
    BranchCode::new(text).unwrap()
}

#[tokio::test]
async fn swapped_databases_are_refused_though_all_that_is_new_there_is_unknown_and_go_on_once_they_are_put_right() {
    let stage = Stage::new(2).await;
    for (branch, seed) in stage.branches.iter().zip(1..) {
        branch.advance(-86_400);
        branch.sell_random(5, seed);
        branch.advance(86_400);
    }
    stage.receive().await;
    for (branch, seed) in stage.branches.iter().zip(3..) {
        branch.sell_random(5, seed);
    }
    swap(&stage);
    // Of what is known already, nothing is in what is asked for.
    let today = stage.branches[0].now();
    edit(&stage, &[("from = 2020-01-01", &format!("from = {}", &today[..10]))]);
    let reports = stage.receive().await;
    assert_eq!(causes(&reports), [Some("branch_cloned"), Some("branch_cloned")]);
    assert!(reports.iter().all(|report| report.new == 0));
    assert!(reports[0].error.as_ref().unwrap().contains("is that of branch b2"), "{:?}", reports[0].error);
    assert_eq!(notices(&stage), [("b1".to_owned(), "branch_cloned"), ("b2".to_owned(), "branch_cloned")]);
    assert_eq!(stage.central.count("sale.order"), 10);
    swap(&stage);
    assert_eq!(causes(&stage.receive().await), [None, None]);
    assert_eq!(notices(&stage), []);
    stage.assert_exactly_once();
}

#[tokio::test]
async fn a_database_that_moved_is_known_again_and_costs_one_call_once() {
    let stage = Stage::new(1).await;
    stage.branches[0].sell_random(30, 1);
    stage.receive().await;
    let mut moved = stage.branches[0].with(|database| database.clone());
    moved.name = "moved".to_owned();
    let moved = stage.server.add(moved);
    edit(&stage, &[("database = \"b1\"", "database = \"moved\"")]);
    moved.sell_random(3, 2);
    let report = stage.receive().await.remove(0);
    assert_eq!((report.delivered, &report.error), (3, &None));
    assert_eq!(notices(&stage), []);
    let asked = stage.calls();
    stage.receive().await;
    assert_eq!(stage.calls() - asked, 2, "one to each side, as ever");
}

#[tokio::test]
async fn a_strange_database_waits_for_a_person() {
    let stage = Stage::new(1).await;
    stage.branches[0].sell_random(5, 1);
    stage.receive().await;
    let strange = stage.server.branch("strange", &Branch::new("Shop b1"));
    strange.advance(7);
    strange.sell_random(4, 2);
    edit(&stage, &[("database = \"b1\"", "database = \"strange\"")]);
    for _ in 0..2 {
        let report = stage.receive().await.remove(0);
        assert_eq!((report.cause.as_deref(), report.new), (Some("branch_unknown"), 0));
    }
    assert_eq!(notices(&stage), [("b1".to_owned(), "branch_unknown")]);
    assert!(stage.store().end_notices(&code("b1")).unwrap());
    let report = stage.receive().await.remove(0);
    assert_eq!((report.delivered, &report.error), (4, &None));
    assert_eq!(stage.central.count("sale.order"), 9);
}

#[tokio::test]
async fn a_copy_that_brings_new_orders_before_the_branch_itself_waits_for_a_person() {
    let stage = Stage::new(2).await;
    let branch = &stage.branches[0];
    branch.advance(-2 * 86_400);
    branch.sell_random(4, 1);
    branch.advance(2 * 86_400);
    edit(&stage, &[("[branch.b2]\n", "[branch.b2]\nenabled = false\n")]);
    assert_eq!(pass_of(&stage, 0).await[0].delivered, 4);
    // New, and not yet received when the copy is made and gets a table of its own.
    branch.sell(Sale::new().line(Item::new("ART-0001")));
    copy(&stage, branch, "b2");
    let today = branch.now();
    edit(&stage, &[("[branch.b2]\nenabled = false\n", &format!("[branch.b2]\nfrom = {}\n", &today[..10]))]);
    assert_eq!(causes(&pass_of(&stage, 1).await), [Some("branch_cloned")]);
    assert_eq!(pass_of(&stage, 0).await[0].delivered, 1, "the branch itself is not taken for the copy");
    assert_eq!(stage.central.count("sale.order"), 5);
}

#[tokio::test]
async fn before_uuids_branches_that_sell_in_the_same_seconds_are_told_apart_and_a_copy_is_still_known() {
    let stage = Stage::of_version(2, Version::V17).await;
    let [one, other] = [0, 1].map(|n| &stage.branches[n]);
    // They opened on one morning: the same numbers, receipts and times; one total is the same, too.
    for n in 1..=5 {
        for (branch, price) in [(one, 10 * n), (other, 10 * n + i32::from(n > 1))] {
            branch.stop_clock(&format!("2026-11-20 08:{n:02}:00"));
            branch.sell(Sale::new().line(Item::new("ART-0001").price(&price.to_string())));
        }
    }
    assert_eq!(pass_of(&stage, 0).await[0].delivered, 5);
    let reports = pass_of(&stage, 1).await;
    assert_eq!((causes(&reports), reports[0].delivered), (vec![None], 5));
    assert_eq!(stage.central.count("sale.order"), 10);
    copy(&stage, one, "copy");
    edit(&stage, &[("database = \"b2\"", "database = \"copy\"")]);
    assert_eq!(causes(&pass_of(&stage, 1).await), [Some("branch_cloned")]);
}

#[tokio::test]
async fn before_uuids_a_copy_at_a_known_address_is_told_by_what_its_orders_hold() {
    let stage = Stage::of_version(2, Version::V17).await;
    stage.branches[0].sell_random(3, 1);
    assert_eq!(causes(&stage.receive().await), [None, None]);
    copy(&stage, &stage.branches[0], "b2");
    assert_eq!(causes(&pass_of(&stage, 1).await), [Some("branch_cloned")]);
    assert_eq!(stage.central.count("sale.order"), 3);
}

#[tokio::test]
async fn a_copy_from_before_its_branch_was_put_back_is_told_by_what_that_has_lost() {
    for version in [Version::V17, Version::V19] {
        let stage = Stage::of_version(2, version).await;
        let branch = &stage.branches[0];
        let backup = branch.image();
        branch.sell_random(3, 1);
        assert_eq!(pass_of(&stage, 0).await[0].delivered, 3);
        copy(&stage, branch, "b2");
        branch.put_back(backup);
        assert_eq!(causes(&pass_of(&stage, 0).await), [None]);
        assert_eq!(notices(&stage), [("b1".to_owned(), "branch_restored")]);
        // None of what is known is in what is asked for.
        edit(&stage, &[("[branch.b2]\n", "[branch.b2]\nfrom = 2099-01-01\n")]);
        assert_eq!(causes(&pass_of(&stage, 1).await), [Some("branch_cloned")]);
    }
}

#[tokio::test]
async fn a_branch_that_got_another_s_database_at_the_same_address_is_refused() {
    let stage = Stage::new(2).await;
    for (branch, seed) in stage.branches.iter().zip(1..) {
        branch.advance(7 * i64::try_from(seed).unwrap());
        branch.sell_random(5, seed);
    }
    stage.receive().await;
    // New sales only in the window of the other one.
    let mut other = stage.branches[1].with(|database| database.clone());
    other.name = "b1".to_owned();
    let other = stage.server.add(other);
    other.sell_random(3, 9);
    let reports = stage.receive().await;
    assert_eq!(causes(&reports), [Some("branch_cloned"), None]);
    assert_eq!(stage.central.count("sale.order"), 10);
}

#[tokio::test]
async fn nothing_is_written_to_another_central_until_a_person_says_that_it_is_meant() {
    let stage = Stage::new(2).await;
    stage.branches[0].sell_random(5, 1);
    stage.receive().await;
    stage.branches[0].sell_random(3, 2);
    let other = stage.server.central("other", &Central { walk_ins: vec!["Walk-in b1".into(), "Walk-in b2".into()], ..Central::default() });
    edit(&stage, &[("database = \"central\"", "database = \"other\"")]);
    let reports = stage.receive().await;
    assert_eq!(causes(&reports), [Some("central_unknown"), Some("central_unknown")]);
    assert_eq!((reports[0].new, reports[0].pending), (3, 3), "received all the same");
    assert_eq!(other.count("sale.order"), 0);
    // Put right, all goes on by itself; what was said ends.
    edit(&stage, &[("database = \"other\"", "database = \"central\"")]);
    assert_eq!(causes(&stage.receive().await), [None, None]);
    assert_eq!(notices(&stage), []);
    stage.assert_exactly_once();
    // Meant after all.
    stage.branches[0].sell_random(2, 3);
    edit(&stage, &[("database = \"central\"", "database = \"other\"")]);
    stage.receive().await;
    assert_eq!(other.count("sale.order"), 0);
    assert!(stage.store().end_notices(&code("b1")).unwrap());
    assert_eq!(causes(&stage.receive().await), [None, None]);
    assert_eq!(other.count("sale.order"), 2);
    assert!(!notices(&stage).iter().any(|(_, cause)| *cause == "central_unknown"), "{:?}", notices(&stage));
}

#[tokio::test]
async fn nothing_is_sent_to_another_branch_s_database() {
    let stage = Stage::with(2, "[defaults.send.products]\nall = true\n", |_: &mut Branch| {}).await;
    for (branch, seed) in stage.branches.iter().zip(1..) {
        branch.sell_random(2, seed);
    }
    stage.receive().await;
    swap(&stage);
    let config = stage.config();
    let bridge = std::sync::Arc::new(posbridge::sync::Bridge::open(config.clone(), "test").unwrap());
    let central = std::sync::Arc::new(bridge.central().unwrap());
    let writes = stage.writes();
    let reports = posbridge::sync::send(&bridge, &central, &config.branches, &SendRequest::default()).await;
    assert!(reports.iter().all(|report| report.problem.as_ref().is_some_and(|problem| problem.cause() == "branch_cloned")), "{reports:?}");
    assert_eq!(stage.writes(), writes);
}
