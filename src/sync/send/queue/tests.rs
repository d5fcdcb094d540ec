//! What a plan means for the queue, without any Odoo.
#![allow(clippy::unwrap_used)] // A test that fails to unwrap has failed.

use proptest::prelude::*;

use super::*;
use crate::master_data::{Key as _, Value};
use crate::model::Kind;
use crate::problem::Side;

fn item(kind: Kind, id: i64, price: &str) -> Item {
    let change = FieldChange {
        field: "list_price".to_owned(),
        label: "sales price".to_owned(),
        from: Some("1".to_owned()),
        to: price.to_owned(),
        overwrites: false,
        before: Some(Value::Text("1".to_owned())),
        after: Value::Text(price.to_owned()),
    };
    Item {
        kind,
        central_id: CentralKey::of(id),
        branch_id: None,
        reference: format!("{kind} {id}"),
        external_id: format!("{}-{id}", kind.as_str()),
        action: Action::Change,
        changes: vec![change],
        problems: Vec::new(),
        chosen: false,
    }
}

fn with(problem: &Problem, item: Item) -> Item {
    Item { problems: vec![problem.clone()], ..item }
}

fn row(item: Item, state: State) -> Queued {
    let problems = item.problems.clone();
    Queued { record: 7, item, state, by_hand: false, problems, attempts: 3, due_at: None, unknown: true }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_780_000_000 + second).unwrap()
}

fn waits() -> Problem {
    Problem::WaitsForNeed { kind: Kind::Tax, reference: "VAT".to_owned() }
}

fn refused() -> Problem {
    Problem::RefusedAtBranch { kind: Kind::Product, reference: "Tea".to_owned(), words: "No".to_owned() }
}

fn busy() -> Problem {
    Problem::ServerBusy { side: Side::Branch(BranchCode::new("tirana").unwrap()), reason: "HTTP 503".to_owned() }
}

fn edited() -> Problem {
    Problem::BranchEdited { kind: Kind::Product, reference: "Tea".to_owned(), changes: Vec::new() }
}

fn tea(price: &str) -> Item {
    item(Kind::Product, 1, price)
}

/// What becomes of one item against one row: its state in a preview, and what stands in its way.
fn becomes(item: Item, row: Queued) -> Option<(&'static str, Vec<&'static str>)> {
    let mut plan = Plan { items: vec![item], ..Plan::default() };
    let shown = sort(&mut plan, vec![row], &Wanted::default(), at(0)).show();
    assert!(shown.len() <= 1);
    shown.into_iter().next().map(|(item, state)| (state, item.problems.iter().map(Problem::cause).collect()))
}

#[test]
fn a_no_holds_for_what_it_was_said_to() {
    assert_eq!(becomes(tea("2"), row(tea("2"), State::Ignored)), None);
    assert_eq!(becomes(tea("3"), row(tea("2"), State::Ignored)), Some(("ready", vec![])));
    let renamed = Item { reference: "Tea (new)".to_owned(), ..tea("2") };
    assert_eq!(becomes(renamed, row(tea("2"), State::Ignored)), None, "another name is no other content");
    let archive = Item { action: Action::Archive, ..tea("2") };
    assert_eq!(becomes(archive, row(tea("2"), State::Ignored)), Some(("ready", vec![])));
}

#[test]
fn what_failed_waits_for_a_person_or_for_news() {
    let failed = Queued { problems: vec![refused()], ..row(tea("2"), State::Failed) };
    assert_eq!(becomes(tea("2"), failed.clone()), Some(("failed", vec!["refused_at_branch"])));
    let stuck = row(with(&refused(), tea("2")), State::Failed);
    assert_eq!(becomes(tea("2"), stuck), Some(("ready", vec![])), "what stood in the way before it was sent is gone");
    assert_eq!(becomes(tea("3"), failed.clone()), Some(("ready", vec![])), "other content is another try");
    let retried = Queued { state: State::Pending, ..failed };
    assert_eq!(becomes(tea("2"), retried), Some(("ready", vec![])), "a person asked for it");
}

#[test]
fn what_was_held_goes_as_soon_as_nothing_holds_it() {
    let held = row(with(&waits(), tea("2")), State::Held);
    assert_eq!(becomes(tea("2"), held.clone()), Some(("ready", vec![])));
    assert_eq!(becomes(with(&waits(), tea("2")), held.clone()), Some(("held", vec!["waits_for_need"])));
    assert_eq!(becomes(with(&refused(), tea("2")), held), Some(("failed", vec!["refused_at_branch"])));
}

#[test]
fn what_a_person_queued_goes_as_he_saw_it_or_not_at_all() {
    let queued = |price| Queued { by_hand: true, ..row(tea(price), State::Pending) };
    assert_eq!(becomes(tea("2"), queued("2")), Some(("ready", vec![])));
    assert_eq!(becomes(tea("3"), queued("2")), Some(("held", vec!["changed_since_preview"])));
    let unseen = Item { action: Action::Compare, changes: Vec::new(), ..tea("2") };
    let by_hand = Queued { by_hand: true, ..row(unseen, State::Pending) };
    assert_eq!(becomes(tea("3"), by_hand), Some(("ready", vec![])), "of a branch that did not answer he saw nothing");
    let by_settings = row(tea("2"), State::Pending);
    assert_eq!(becomes(tea("3"), by_settings), Some(("ready", vec![])), "what nobody has looked at takes the newest");
}

#[test]
fn a_branch_that_did_not_answer_is_left_alone_until_it_is_due() {
    let later = |second| Queued { due_at: Some(at(second)), ..row(with(&busy(), tea("2")), State::Pending) };
    assert_eq!(becomes(tea("2"), later(60)), Some(("pending", vec![])));
    assert_eq!(becomes(tea("2"), later(0)), Some(("ready", vec![])));
    let needs = Queued { due_at: Some(at(60)), ..row(with(&waits(), tea("2")), State::Pending) };
    assert_eq!(becomes(tea("2"), needs), Some(("ready", vec![])), "what waited for a record does not wait for a time");
}

#[test]
fn a_choice_by_hand_is_not_lost_when_the_settings_find_it_too() {
    let mut plan = Plan { items: vec![tea("2")], ..Plan::default() };
    let chosen = Item { chosen: true, ..tea("2") };
    let sorted = sort(&mut plan, vec![row(chosen, State::Pending)], &Wanted::default(), at(0));
    assert_eq!(sorted.go.iter().map(|(item, tried)| (item.chosen, tried.attempts, tried.unknown)).collect::<Vec<_>>(), [(true, 3, true)]);
}

#[test]
fn a_row_ends_when_its_record_is_equal_or_gone_and_only_then() {
    let name = (Kind::Product, CentralKey::of(1));
    let over = |equal: bool, gone: bool, state: State| {
        let mut plan = Plan { equal: if equal { vec![name] } else { Vec::new() }, ..Plan::default() };
        let wanted = Wanted { gone: if gone { BTreeSet::from([name]) } else { BTreeSet::new() }, ..Wanted::default() };
        sort(&mut plan, vec![row(tea("2"), state)], &wanted, at(0)).over.into_iter().map(|(_, sending)| sending).collect::<Vec<_>>()
    };
    for state in [State::Pending, State::Held, State::Failed] {
        assert_eq!(over(true, false, state), [Sending::Done]);
        assert_eq!(over(false, false, state), [], "nothing was seen of it");
        let ended = over(false, true, state);
        let [Sending::Failed(problems)] = ended.as_slice() else { panic!("{ended:?}") };
        assert_eq!(problems[0].cause(), "record_gone");
    }
    assert_eq!(over(true, false, State::Ignored), []);
}

#[test]
fn a_retry_of_a_branch_s_edit_is_a_decision_for_central() {
    let asked = |state| approved(&[row(with(&edited(), tea("2")), state)]);
    assert_eq!(asked(State::Pending), BTreeSet::from([(Kind::Product, CentralKey::of(1))]));
    assert_eq!(asked(State::Failed), BTreeSet::new());
    assert_eq!(approved(&[row(with(&refused(), tea("2")), State::Pending)]), BTreeSet::new());
}

fn any_item(kind: Kind, id: i64) -> impl Strategy<Value = Item> {
    let problems = prop::collection::vec(prop::sample::select(vec![waits(), refused(), busy(), edited()]), 0..2);
    let action = prop::sample::select(vec![Action::Create, Action::Change, Action::Archive, Action::Remove, Action::Compare]);
    ("[23]", problems, action).prop_map(move |(price, problems, action)| Item { problems, action, ..item(kind, id, &price) })
}

/// Some records, each in the plan, in the queue, in both or in neither; equal and gone ones besides.
fn any_case() -> impl Strategy<Value = (Vec<Item>, Vec<Queued>, Vec<Name>, BTreeSet<Name>)> {
    let one = |kind: Kind, id: i64| {
        let state = prop::sample::select(vec![State::Pending, State::Held, State::Failed, State::Ignored]);
        let queued = (any_item(kind, id), state, any::<bool>(), prop::option::of(-60_i64..60))
            .prop_map(move |(item, state, by_hand, due)| Queued { record: id, by_hand, due_at: due.map(at), ..row(item, state) });
        (prop::option::of(any_item(kind, id)), prop::option::of(queued), any::<bool>(), any::<bool>())
    };
    let kinds = [Kind::Tax, Kind::Product, Kind::Customer];
    let all: Vec<_> = (1..9).map(|id| one(kinds[usize::try_from(id).unwrap() % 3], id)).collect();
    all.prop_map(move |all| {
        let (mut items, mut queue, mut equal, mut gone) = (Vec::new(), Vec::new(), Vec::new(), BTreeSet::new());
        for ((item, queued, is_equal, is_gone), id) in all.into_iter().zip(1_i64..) {
            let name = (kinds[usize::try_from(id).unwrap() % 3], CentralKey::of(id));
            if item.is_none() && is_equal {
                equal.push(name);
            } else if item.is_none() && is_gone {
                gone.insert(name);
            }
            items.extend(item);
            queue.extend(queued);
        }
        (items, queue, equal, gone)
    })
}

proptest! {
    #[test]
    fn no_item_is_lost_and_none_is_there_twice((items, queue, equal, gone) in any_case()) {
        let mut plan = Plan { items: items.clone(), equal: equal.clone(), ..Plan::default() };
        let wanted = Wanted { gone: gone.clone(), ..Wanted::default() };
        let sorted = sort(&mut plan, queue.clone(), &wanted, at(0));
        prop_assert!(plan.items.is_empty());
        let name = |item: &Item| (item.kind, item.central_id);
        let row_of = |item: &Item| queue.iter().find(|row| name(&row.item) == name(item));
        let refused = |item: &Item| row_of(item).is_some_and(|row| row.state == State::Ignored && same_changes(item, &row.item));
        let mut expected: Vec<Name> = items.iter().filter(|item| !refused(item)).map(name).collect();
        let mut seen: Vec<Name> = sorted.go.iter().map(|(item, _)| name(item)).collect();
        seen.extend(sorted.stuck.iter().map(name));
        seen.extend(sorted.standing.iter().map(|(item, _)| name(item)));
        expected.sort();
        seen.sort();
        prop_assert_eq!(seen, expected);
        prop_assert!(sorted.go.iter().all(|(item, _)| item.ready()), "nothing goes that something stands in the way of");
        prop_assert!(sorted.stuck.iter().all(|item| !item.problems.is_empty() || item.action == Action::Compare));
        let over: BTreeSet<Name> = sorted.over.iter().map(|(row, _)| name(&row.item)).collect();
        let ended: BTreeSet<Name> = queue
            .iter()
            .filter(|row| row.state != State::Ignored)
            .map(|row| name(&row.item))
            .filter(|name| equal.contains(name) || gone.contains(name))
            .collect();
        prop_assert_eq!(over, ended);
    }

    #[test]
    fn what_was_told_stands_the_second_time((items, _, _, _) in any_case()) {
        // Queued as the plan says, then the same plan again: nothing about the stuck ones is written.
        let stuck: Vec<Item> = items.into_iter().filter(|item| !item.problems.is_empty()).collect();
        let queue = stuck.iter().map(|item| row(item.clone(), if item.held() { State::Held } else { State::Failed })).collect();
        let mut plan = Plan { items: stuck.clone(), ..Plan::default() };
        let sorted = sort(&mut plan, queue, &Wanted::default(), at(0));
        prop_assert_eq!(sorted.standing.len(), stuck.len());
        prop_assert!(sorted.go.is_empty() && sorted.stuck.is_empty());
    }
}
