//! Sending when things go wrong: lost answers, lost states, restored branches.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use posbridge::demo::{Central, Db, Mishap, Seen, Value, When};
use posbridge::store::{Filter, State};
use posbridge::sync::SendRequest;
use proptest::prelude::*;

use crate::sending::stage::{ALL, Stage, counts, edit, only, product, seen};
use crate::stage::amount;

/// Calls that write something at a branch.
fn writes(call: &Seen) -> bool {
    call.database.starts_with('b') && matches!(call.method.as_str(), "load" | "action_archive" | "unlink" | "create" | "write")
}

/// A branch after everything was sent, something changed, something archived and deleted.
async fn story(stage: &Stage) {
    stage.settle().await;
    for n in 1..=8 {
        edit(&stage.central, &format!("ART-{n:04}"), [("list_price", (f64::from(n) + 0.5).into())]);
    }
    edit(&stage.central, "ART-0009", [("active", false.into())]);
    stage.central.edit("product.template.attribute.value", only("price_extra", 1.5), [("price_extra", 2.5.into())]).unwrap();
    let rule = stage.central.find("product.pricelist.item", "compute_price", "fixed").unwrap();
    stage.central.delete("product.pricelist.item", rule.id).unwrap();
    stage.settle().await;
}

#[tokio::test]
async fn an_answer_lost_at_any_call_that_writes_makes_nothing_twice() {
    let quiet = Stage::new().await;
    let calls = Arc::new(AtomicU64::new(0));
    let counter = calls.clone();
    let counts_writes = move |call: &Seen| {
        if writes(call) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        false
    };
    quiet.server.inject(When::any().and(counts_writes).always(), Mishap::drop_after());
    story(&quiet).await;
    let (end, there) = (seen(quiet.branch(), false), counts(quiet.branch()));
    let calls = calls.load(Ordering::Relaxed);
    assert!(calls > 15, "{calls} calls that write");
    for nth in 1..=calls {
        let stage = Stage::new().await;
        stage.server.inject(When::any().and(writes).nth(nth), Mishap::drop_after());
        story(&stage).await;
        assert_eq!(stage.server.mishaps_left(), 0, "call {nth} was never made");
        assert_eq!(counts(stage.branch()), there, "after call {nth}");
        assert_eq!(seen(stage.branch(), false), end, "after call {nth}");
    }
}

#[tokio::test]
async fn a_call_that_fails_for_a_while_is_made_again() {
    for mishap in [
        Mishap::drop_before(),
        Mishap::page(503, "busy"),
        Mishap::page(504, "too slow").after_commit(),
        Mishap::truncate(40),
        Mishap::fault(1, "Traceback\npsycopg2.errors.SerializationFailure: could not serialize access due to concurrent update"),
    ] {
        for model in ["product.template", "product.category", "res.partner"] {
            let stage = Stage::new().await;
            stage.server.inject(When::call(model, "load").database("b1").times(2), mishap.clone());
            stage.settle().await;
            stage.assert_sent();
            assert_eq!(stage.server.mishaps_left(), 0, "{mishap:?} never happened to {model}");
        }
    }
}

#[tokio::test]
async fn a_refusal_says_nothing_of_an_earlier_call_whose_answer_was_lost() {
    let stage = Stage::new().await;
    let creates = || When::call("product.template", "load").database("b1");
    stage.server.inject(creates().times(1), Mishap::drop_after());
    stage.server.inject(creates().always(), Mishap::fault(2, "not like this"));
    stage.send().await;
    let tea = || stage.log(Filter::default()).into_iter().find(|record| record.reference.contains("TEA-1")).unwrap();
    assert_eq!((tea().state, tea().unknown), (State::Failed, true), "it is there, and nobody knows");
    assert_eq!(product(stage.branch(), "TEA-1").text("name"), "Mountain tea");
    // Tried again, and refused before it was carried out: that says nothing either.
    let refused = Filter { state: Some(State::Failed), ..Filter::default() };
    let in_doubt: Vec<i64> = stage.log(refused.clone()).iter().filter(|record| record.unknown).map(|record| record.id).collect();
    stage.store().retry(&refused, false, jiff::Timestamp::now()).unwrap();
    stage.send().await;
    let still: Vec<bool> =
        stage.log(refused.clone()).iter().filter(|record| in_doubt.contains(&record.id)).map(|record| record.unknown).collect();
    assert!(!still.is_empty() && still.iter().all(|unknown| *unknown), "{still:?}");
    stage.server.clear_mishaps();
    stage.store().retry(&refused, false, jiff::Timestamp::now()).unwrap();
    stage.settle().await;
    assert!(stage.log(Filter::default()).iter().all(|record| !record.unknown));
    assert_eq!((tea().state, tea().unknown), (State::Done, false));
    stage.assert_sent();
}

#[tokio::test]
async fn a_branch_that_dies_in_the_middle_gets_the_rest_later() {
    let stage = Stage::new().await;
    stage.server.inject(When::any().and(writes).nth(8).always(), Mishap::drop_before());
    let report = stage.send().await;
    assert!(report.error.is_some() && report.queued > 0, "{report:?}");
    stage.server.clear_mishaps();
    stage.settle().await;
    stage.assert_sent();
}

#[tokio::test]
async fn one_dead_branch_keeps_nothing_from_the_others() {
    let stage = Stage::with(3, &Central::default(), crate::sending::stage::ALL).await;
    stage.server.inject(When::any().database("b2").always(), Mishap::page(503, "down"));
    let reports = stage.run(SendRequest::default()).await;
    let causes: Vec<_> = reports.iter().map(|report| report.cause.as_deref()).collect();
    assert_eq!(causes, [None, Some("server_busy"), None]);
    stage.server.clear_mishaps();
    let writes = stage.writes();
    stage.settle().await;
    stage.assert_sent();
    assert!(stage.writes() > writes);
}

#[tokio::test]
async fn a_lost_state_makes_nothing_twice() {
    let stage = Stage::new().await;
    stage.settle().await;
    let (end, there, writes) = (seen(stage.branch(), false), counts(stage.branch()), stage.writes());
    stage.lose_state();
    let report = stage.send().await;
    assert_eq!((report.created, report.changed, report.archived, report.failed, report.held), (0, 0, 0, 0, 0), "{report:?}");
    assert_eq!((seen(stage.branch(), false), counts(stage.branch()), stage.writes()), (end, there, writes));
}

#[tokio::test]
async fn a_state_lost_in_the_middle_makes_nothing_twice() {
    let quiet = Stage::new().await;
    quiet.settle().await;
    let (end, there) = (seen(quiet.branch(), false), counts(quiet.branch()));
    for nth in [20, 30, 45, 60] {
        let stage = Stage::new().await;
        stage.server.inject(When::any().database("b1").nth(nth).always(), Mishap::drop_after());
        stage.send().await;
        stage.server.clear_mishaps();
        stage.lose_state();
        stage.settle().await;
        assert_eq!((seen(stage.branch(), false), counts(stage.branch())), (end.clone(), there.clone()), "after call {nth}");
    }
}

/// Puts a branch back to before a record was made, and gives its number to what people make next.
fn restored<const N: usize>(db: &Db, model: &str, id: i64, next: [(&str, Value); N]) {
    db.delete(model, id).unwrap();
    db.advance(86_400);
    let numbered =
        |number: i64| db.with(|tables| tables.model(model).map(|of| std::mem::replace(&mut tables.table_mut(of).next_id, number)));
    let last = numbered(id).unwrap();
    assert_eq!(db.insert(model, next).unwrap(), id, "the number is used again");
    numbered(last);
}

#[tokio::test]
async fn a_number_that_a_restored_branch_gave_to_another_record_is_not_written_to() {
    let stage = Stage::new().await;
    stage.settle().await;
    let branch = stage.branch();
    let tea = product(branch, "TEA-1");
    let own = tea.id;
    let honey = [("name", "Local honey".into()), ("default_code", "HONEY".into()), ("list_price", 5.5.into())];
    restored(branch, "product.template", own, honey);
    let neighbour = branch.find("res.partner", "ref", "C102").unwrap().id;
    restored(branch, "res.partner", neighbour, [("name", "Neighbour".into()), ("email", "n@example.com".into())]);
    edit(&stage.central, "TEA-1", [("list_price", 9.99.into())]);
    let (honey, person) = (branch.record("product.template", own), branch.record("res.partner", neighbour));
    stage.settle().await;
    assert_eq!((branch.record("product.template", own), branch.record("res.partner", neighbour)), (honey, person));
    let again = product(branch, "TEA-1");
    assert_ne!(again.id, own);
    assert_eq!(again.amount("list_price"), amount("9.99"));
    stage.assert_sent();
}

#[tokio::test]
async fn a_number_that_a_restored_central_gave_to_another_record_is_another_record_at_the_branch() {
    let stage = Stage::new().await;
    stage.settle().await;
    let backup = stage.central.image();
    let made = |code: &str| {
        stage.central.advance(5);
        let values = [("name", code.into()), ("default_code", code.into()), ("available_in_pos", true.into()), ("list_price", 5.5.into())];
        stage.central.insert("product.template", values).unwrap()
    };
    let tea = made("TEA-9");
    stage.settle().await;
    let branch = stage.branch();
    let known = product(branch, "TEA-9");
    stage.central.put_back(backup);
    assert_eq!(made("HONEY-9"), tea, "the number is given again");
    stage.settle().await;
    assert_eq!(product(branch, "TEA-9"), known, "what the tills know as tea stays tea");
    assert_ne!(product(branch, "HONEY-9").id, known.id);
    stage.assert_sent();
}

#[tokio::test]
async fn two_customers_with_one_e_mail_are_two_at_the_branch_and_stay_so() {
    let mail = "home@example.com";
    let chosen = ALL.replace("('ref', '!=', False)", &format!("('email', '=', '{mail}')"));
    let stage = Stage::with(1, &Central::default(), &chosen).await;
    let person = |name: &str| [("name", name.into()), ("email", mail.into()), ("customer_rank", 1.into())];
    for name in ["Arta", "Besa"] {
        stage.central.insert("res.partner", person(name)).unwrap();
    }
    // The branch knows the younger one.
    let there = stage.branch().insert("res.partner", person("Besa")).unwrap();
    stage.settle().await;
    let names = |db: &Db| {
        let mut names: Vec<String> =
            db.records("res.partner").iter().filter(|partner| partner.text("email") == mail).map(|partner| partner.text("name")).collect();
        names.sort();
        names
    };
    assert_eq!(names(stage.branch()), ["Arta", "Besa"]);
    assert_eq!(stage.branch().record("res.partner", there).unwrap().text("name"), "Besa");
    let writes = stage.writes();
    let report = stage.send().await;
    assert_eq!((report.changed, report.created, stage.writes()), (0, 0, writes), "{report:?}");
}

#[tokio::test]
async fn a_number_that_a_restored_branch_gave_away_is_not_archived_for_what_central_deleted() {
    let stage = Stage::new().await;
    stage.settle().await;
    let branch = stage.branch();
    let tea = product(branch, "TEA-1").id;
    restored(branch, "product.template", tea, [("name", "Local honey".into()), ("default_code", "HONEY".into())]);
    let rule = branch.find("product.pricelist.item", "compute_price", "fixed").unwrap();
    restored(branch, "product.pricelist.item", rule.id, [("pricelist_id", rule.link("pricelist_id").into()), ("min_quantity", 7.into())]);
    stage.central.delete("product.template", product(&stage.central, "TEA-1").id).unwrap();
    let ours = stage.central.find("product.pricelist.item", "compute_price", "fixed").unwrap();
    stage.central.delete("product.pricelist.item", ours.id).unwrap();
    let before = (branch.record("product.template", tea), branch.record("product.pricelist.item", rule.id));
    let report = stage.send().await;
    assert_eq!((branch.record("product.template", tea), branch.record("product.pricelist.item", rule.id)), before);
    assert_eq!((report.archived, report.failed, report.held), (0, 0, 0), "{report:?}");
}

#[tokio::test]
async fn what_the_branch_changes_while_it_is_compared_is_not_written_over_unseen() {
    let stage = Stage::new().await;
    stage.settle().await;
    edit(&stage.central, "ART-0003", [("list_price", 77.7.into())]);
    let (branch, reads) = (stage.branch().clone(), AtomicU64::new(0));
    // The first reading of products is compared, the second is the last look before they are written.
    let meanwhile = move |call: &Seen| {
        let read = call.database == "b1" && call.model == "product.template" && call.method == "search_read";
        if read && reads.fetch_add(1, Ordering::Relaxed) == 1 {
            edit(&branch, "ART-0003", [("list_price", 1.11.into())]);
        }
        false
    };
    stage.server.inject(When::any().and(meanwhile).always(), Mishap::drop_before());
    let writes = stage.writes();
    let report = stage.send().await;
    assert_eq!((report.changed, report.held), (0, 1), "{report:?}");
    assert_eq!(report.changes[0].problem.as_ref().unwrap().cause, "changed_since_preview");
    assert_eq!(product(stage.branch(), "ART-0003").amount("list_price"), amount("1.11"));
    assert_eq!(stage.writes(), writes, "nobody was written to");
    // Seen now, and central decides.
    let report = stage.send().await;
    assert!(report.changes[0].fields[0].overwrites, "{report:?}");
    stage.assert_sent();
}

#[tokio::test]
async fn what_the_branch_deleted_comes_back() {
    let stage = Stage::new().await;
    stage.settle().await;
    stage.branch().delete("product.template", product(stage.branch(), "TEA-1").id).unwrap();
    stage.branch().delete("res.partner", stage.branch().find("res.partner", "ref", "C102").unwrap().id).unwrap();
    stage.settle().await;
    stage.assert_sent();
}

#[tokio::test]
async fn one_record_that_odoo_refuses_fails_alone() {
    let stage = Stage::new().await;
    // The barcode is on a product there that goes by another reference.
    let barcode = product(&stage.central, "TEA-1").text("barcode");
    stage
        .branch()
        .insert("product.template", [("name", "Old tea".into()), ("default_code", "OLD".into()), ("barcode", barcode.into())])
        .unwrap();
    let report = stage.send().await;
    let failed: Vec<_> = report.changes.iter().filter(|item| item.state != "done").collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!((failed[0].reference.as_str(), failed[0].problem.as_ref().unwrap().cause), ("[TEA-1] Mountain tea", "barcode_taken"));
    assert_eq!(product(stage.branch(), "OLD").text("name"), "Old tea");
    // The barcode is free, and a person says so.
    edit(stage.branch(), "OLD", [("barcode", false.into())]);
    let this = Filter { cause: Some("barcode_taken".to_owned()), ..Filter::default() };
    assert_eq!(stage.store().retry(&this, false, jiff::Timestamp::now()).unwrap().len(), 1);
    stage.settle().await;
    stage.assert_sent();
}

#[tokio::test]
async fn ten_thousand_products_cost_little_the_first_time_and_next_to_nothing_afterwards() {
    let central = Central { products: 1, further: 10_000, ..Central::default() };
    let stage = Stage::with(1, &central, "[defaults.send.products]\ndomain = \"[('default_code', 'like', 'NEW-')]\"\n").await;
    let (calls, writes) = (stage.calls(), stage.writes());
    let report = stage.send().await;
    assert!(report.created == 10_000 && report.error.is_none(), "{:?}", report.error);
    let first = stage.calls() - calls;
    assert!(first <= 500, "{first} calls for 10,000 products");
    let first = stage.writes() - writes;
    assert!(first <= 70, "{first} calls that write");
    let (calls, writes) = (stage.calls(), stage.writes());
    let report = stage.send().await;
    assert_eq!((report.equal, report.changes.len(), stage.writes()), (report.compared, 0, writes));
    let second = stage.calls() - calls;
    assert!(second <= 30, "{second} calls to find nothing");
    edit(&stage.central, "NEW-7777", [("list_price", 1.23.into())]);
    stage.send().await;
    assert_eq!(stage.writes() - writes, 1);
    assert_eq!(product(stage.branch(), "NEW-7777").amount("list_price"), amount("1.23"));
}

/// What a person may do on one of the two sides, or the network to a call.
#[derive(Debug, Clone)]
enum Event {
    Price { central: bool, article: u32, cents: u32 },
    Name { central: bool, article: u32 },
    Active { central: bool, article: u32, active: bool },
    New { number: u32 },
    Delete { central: bool, article: u32 },
    Customer { central: bool, number: u32 },
    Lost { after: bool, nth: u64 },
    Busy { nth: u64, times: u64 },
    Send,
    Forget,
}

fn event() -> impl Strategy<Value = Event> {
    let article = || 1_u32..12;
    prop_oneof![
        4 => (any::<bool>(), article(), 1_u32..5_000).prop_map(|(central, article, cents)| Event::Price { central, article, cents }),
        2 => (any::<bool>(), article()).prop_map(|(central, article)| Event::Name { central, article }),
        2 => (any::<bool>(), article(), any::<bool>()).prop_map(|(central, article, active)| Event::Active { central, article, active }),
        2 => (0_u32..50).prop_map(|number| Event::New { number }),
        1 => (any::<bool>(), article()).prop_map(|(central, article)| Event::Delete { central, article }),
        2 => (any::<bool>(), 1_u32..5).prop_map(|(central, number)| Event::Customer { central, number }),
        3 => (any::<bool>(), 1_u64..40).prop_map(|(after, nth)| Event::Lost { after, nth }),
        1 => (1_u64..40, 1_u64..8).prop_map(|(nth, times)| Event::Busy { nth, times }),
        3 => Just(Event::Send),
        1 => Just(Event::Forget),
    ]
}

impl Event {
    async fn happen(&self, stage: &Stage, step: usize) {
        let side = |central: bool| if central { &stage.central } else { stage.branch() };
        let of = |central: bool, article: u32| side(central).find("product.product", "default_code", &format!("ART-{article:04}"));
        let template = |central: bool, article: u32| of(central, article).and_then(|variant| variant.link("product_tmpl_id"));
        let update = |central: bool, article: u32, field: &str, value: Value| {
            if let Some(id) = template(central, article) {
                side(central).update("product.template", id, [(field, value)]).unwrap();
            }
        };
        match self.clone() {
            Event::Price { central, article, cents } => update(central, article, "list_price", (f64::from(cents) / 100.0).into()),
            Event::Name { central, article } => update(central, article, "name", format!("Name {step} of {article}").into()),
            Event::Active { central, article, active } => update(central, article, "active", active.into()),
            Event::New { number } => {
                let (code, name) = (format!("MORE-{number}-{step}"), format!("More {number} {step}"));
                stage.central.insert("product.template", [("name", name.into()), ("default_code", code.into())]).unwrap();
            }
            Event::Delete { central, article } => {
                if let Some(id) = template(central, article) {
                    side(central).delete("product.template", id).unwrap();
                }
            }
            Event::Customer { central, number } => {
                if let Some(customer) = side(central).find("res.partner", "ref", &format!("C{number:03}")) {
                    side(central).update("res.partner", customer.id, [("street", format!("Street {step}").into())]).unwrap();
                }
            }
            Event::Lost { after, nth } => {
                let mishap = if after { Mishap::drop_after() } else { Mishap::drop_before() };
                stage.server.inject(When::any().database("b1").nth(nth), mishap);
            }
            Event::Busy { nth, times } => stage.server.inject(When::any().nth(nth).times(times), Mishap::page(503, "busy")),
            Event::Send => drop(stage.send().await),
            Event::Forget => stage.lose_state(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_two_quiet_passes_make_the_branch_equal(events in prop::collection::vec(event(), 1..25)) {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async {
            let stage = Stage::new().await;
            stage.send().await;
            for (step, event) in events.iter().enumerate() {
                event.happen(&stage, step).await;
            }
            stage.server.clear_mishaps();
            stage.send().await;
            let report = stage.send().await;
            assert_eq!(report.error, None);
            stage.assert_sent();
            // And the third has nothing to do.
            let writes = stage.writes();
            let report = stage.send().await;
            assert_eq!((report.created, report.changed, report.archived, stage.writes()), (0, 0, 0, writes), "{:?}", report.changes);
        });
    }
}
