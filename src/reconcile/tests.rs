//! A day's comparison: each thing that can be planted is found, and nothing else.

use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::model::{BranchId, BranchRef, CentralId, Language};
use crate::problem::Reader;

const DAY: Date = date(2026, 11, 20);

fn at(text: &str) -> Timestamp {
    time(text).expect("a time")
}

fn order(id: i64, total: &str) -> SoldOrder {
    SoldOrder {
        id: BranchId::new(id),
        uuid: Some(format!("uuid-{id}")),
        name: None,
        pos_reference: Some(format!("2611-{id:04}")),
        date_order: "2026-11-20 10:00:00".into(),
        create_date: "2026-11-20 10:00:02".into(),
        write_date: "2026-11-20 10:00:02".into(),
        state: "done".into(),
        session_id: None,
        currency_id: Some(BranchRef { id: BranchId::new(1), name: "EUR".into() }),
        amount_total: total.parse().expect("an amount"),
    }
}

/// Its row, written as sales order 1000 + id.
fn row_for(order: &SoldOrder) -> Row {
    let id = order.id.get();
    Row {
        record: 500 + id,
        order: id,
        witness: order.witness(),
        reference: order.reference(),
        standing: Standing::Done,
        problem: None,
        date_order: order.date_order.clone(),
        amount_total: order.amount_total,
        currency: order.currency().to_owned(),
        central_id: Some(1000 + id),
        central_name: Some(format!("S{:05}", 1000 + id)),
        reason: None,
        received_at: at("2026-11-20 10:05:00"),
    }
}

fn draft_for(order: &SoldOrder) -> CentralOrder {
    let id = order.id.get();
    CentralOrder {
        id: CentralId::new(1000 + id),
        name: format!("S{:05}", 1000 + id),
        state: "draft".into(),
        client_order_ref: Some(format!("tirana/{}", order.reference())),
        date_order: order.date_order.clone(),
        amount_total: order.amount_total,
        currency_id: Some((1, "EUR".into())),
        create_uid: Some((5, "Bridge".into())),
        write_uid: Some((7, "Anna".into())),
        create_date: "2026-11-20 10:05:01".into(),
        write_date: "2026-11-21 08:15:30".into(),
    }
}

/// A day of so many orders on which all is well.
#[derive(Debug, Clone, Default)]
struct Case {
    sold: Vec<SoldOrder>,
    elsewhere: Vec<SoldOrder>,
    rows: Vec<Row>,
    central: Vec<CentralOrder>,
    external_ids: HashMap<i64, String>,
    of_other_days: HashSet<i64>,
    taken: HashSet<i64>,
    first_checked_at: Option<Timestamp>,
    open_sessions: Vec<String>,
}

impl Case {
    fn of(orders: i64) -> Self {
        let sold: Vec<SoldOrder> = (1..=orders).map(|id| order(id, &format!("{id}.50"))).collect();
        Self { rows: sold.iter().map(row_for).collect(), central: sold.iter().map(draft_for).collect(), sold, ..Self::default() }
    }

    fn prove_at(&self, now: &str) -> DayProof {
        let branch = BranchCode::new("tirana").expect("a code");
        prove(&Look {
            branch: &branch,
            day: DAY,
            begins: at("2026-11-19 23:00:00"),
            ends: at("2026-11-20 23:00:00"),
            sold: &self.sold,
            elsewhere: &self.elsewhere,
            rows: &self.rows,
            central: &self.central,
            external_ids: &self.external_ids,
            of_other_days: &self.of_other_days,
            taken: &self.taken,
            first_checked_at: self.first_checked_at,
            open_sessions: &self.open_sessions,
            now: at(now),
        })
    }

    fn prove(&self) -> DayProof {
        self.prove_at("2026-11-21 03:30:00")
    }

    fn foreign(&mut self, id: i64) {
        let mut copy = draft_for(&order(id, "12.00"));
        copy.id = CentralId::new(9000 + id);
        copy.name = format!("S{:05}", 9000 + id);
        self.central.push(copy);
    }
}

/// What can be done to the nth order, and what is to be found then.
fn plant(case: &mut Case, n: usize, what: usize) -> (Finding, Needs) {
    let id = case.sold[n].id.get();
    let draft = case.central.iter().position(|draft| draft.id.get() == 1000 + id).expect("still there");
    let row = case.rows.iter().position(|row| row.order == id).expect("still there");
    let unwritten = |case: &mut Case, standing: Standing| {
        case.rows[row].standing = standing;
        case.rows[row].central_id = None;
        case.central.remove(draft);
    };
    match what {
        0 => {
            case.central.remove(draft);
            (Finding::Deleted, Needs::Person)
        }
        1 => {
            case.central[draft].amount_total += Amount::ONE;
            (Finding::Edited, Needs::Person)
        }
        2 => {
            case.central[draft].state = "cancel".into();
            (Finding::Cancelled, Needs::Person)
        }
        3 => {
            unwritten(case, Standing::Failed);
            (Finding::Failed, Needs::Person)
        }
        4 => {
            unwritten(case, Standing::Ignored);
            case.rows[row].reason = Some("test sale".into());
            (Finding::Ignored, Needs::Nothing)
        }
        5 => {
            unwritten(case, Standing::Pending);
            (Finding::Waiting, Needs::Time)
        }
        6 => {
            unwritten(case, Standing::Pending);
            case.taken.insert(id);
            (Finding::NotReceived, Needs::Time)
        }
        7 => {
            case.rows.remove(row);
            case.central.remove(draft);
            (Finding::NotTaken, Needs::Person)
        }
        8 => {
            case.foreign(id);
            (Finding::Foreign, Needs::Person)
        }
        9 => {
            case.sold.remove(n);
            (Finding::GoneAtBranch, Needs::Person)
        }
        10 => {
            let mut order = case.sold.remove(n);
            order.state = "cancel".into();
            case.elsewhere.push(order);
            (Finding::NoLongerPaid, Needs::Person)
        }
        11 => {
            let order = case.sold.remove(n);
            case.elsewhere.push(order);
            (Finding::LeftOut, Needs::Nothing)
        }
        12 => {
            case.sold[n].amount_total += Amount::ONE;
            (Finding::ChangedTotal, Needs::Person)
        }
        13 => {
            case.central[draft].currency_id = Some((2, "USD".into()));
            (Finding::Edited, Needs::Person)
        }
        14 => {
            unwritten(case, Standing::Held);
            (Finding::Held, Needs::Time)
        }
        _ => {
            case.foreign(id);
            case.external_ids.insert(9000 + id, format!("tirana-{id}-another"));
            (Finding::UnknownDraft, Needs::Person)
        }
    }
}

const PLANTS: usize = 16;

fn found(proof: &DayProof) -> Vec<(Finding, Needs)> {
    let mut found: Vec<_> = proof.differences().map(|entry| (entry.finding, entry.needs)).collect();
    found.sort();
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is planted, in whatever mixture, is found once each, and nothing else is.
    #[test]
    fn what_is_planted_is_found_and_nothing_else(orders in 1_i64..30, plants in proptest::collection::vec((0_usize..30, 0..PLANTS), 0..8)) {
        let mut case = Case::of(orders);
        let mut expected = Vec::new();
        let mut touched = HashSet::new();
        for (n, what) in plants {
            let ids: Vec<i64> = (1..=orders).collect();
            let id = ids[n % ids.len()];
            let Some(place) = case.sold.iter().position(|order| order.id.get() == id) else { continue };
            if touched.insert(id) {
                expected.push(plant(&mut case, place, what));
            }
        }
        expected.sort();
        let proof = case.prove();
        prop_assert_eq!(found(&proof), expected.clone());
        let wanted = match expected.iter().map(|(_, needs)| *needs).max() {
            None => Verdict::Equal,
            Some(Needs::Nothing) => Verdict::Explained,
            Some(_) => Verdict::Differs,
        };
        prop_assert_eq!(proof.verdict, wanted);
        prop_assert!(proof.verdict != Verdict::Equal || proof.adds_up());
        let text = serde_json::to_string(&proof).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<DayProof>(&text).expect("read back"), proof);
    }

    /// The order in which either side answers changes nothing.
    #[test]
    fn the_order_of_answers_does_not_matter(orders in 2_i64..20, what in 0..PLANTS, turn in 1_usize..19) {
        let mut case = Case::of(orders);
        plant(&mut case, 0, what);
        let proof = case.prove();
        let mut turned = case.clone();
        let by = |length: usize| if length == 0 { 0 } else { turn % length };
        let (sold, rows, central) = (by(turned.sold.len()), by(turned.rows.len()), by(turned.central.len()));
        turned.sold.rotate_left(sold);
        turned.rows.rotate_left(rows);
        turned.central.rotate_left(central);
        let again = turned.prove();
        prop_assert_eq!(found(&again), found(&proof));
        prop_assert_eq!(again.totals, proof.totals);
    }
}

#[test]
fn a_sale_of_two_currencies_is_summed_by_currency() {
    let mut case = Case::of(2);
    case.sold[0].currency_id = Some(BranchRef { id: BranchId::new(2), name: "ALL".into() });
    case.central[0].currency_id = Some((2, "ALL".into()));
    let proof = case.prove();
    assert_eq!(proof.verdict, Verdict::Equal);
    let totals: Vec<(&str, String)> = proof.totals.iter().map(|total| (total.currency.as_str(), total.central.to_string())).collect();
    assert_eq!(totals, [("ALL", "1.50".to_owned()), ("EUR", "2.50".to_owned())]);
}

#[test]
fn a_day_that_is_not_over_is_never_equal() {
    let mut case = Case::of(1);
    assert_eq!(case.prove_at("2026-11-20 22:59:59").verdict, Verdict::NotOver);
    assert_eq!(case.prove_at("2026-11-20 23:00:00").verdict, Verdict::Equal);
    case.open_sessions.push("POS/00007".into());
    assert_eq!(case.prove().verdict, Verdict::NotOver);
}

#[test]
fn what_people_decided_is_listed_and_needs_nobody() {
    for what in [0, 1, 2, 9, 10, 12, 13] {
        let mut case = Case::of(3);
        plant(&mut case, 1, what);
        for row in &mut case.rows {
            row.reason = Some("agreed with Anna".into());
        }
        let proof = case.prove();
        assert_eq!((proof.verdict, proof.for_a_person()), (Verdict::Explained, 0), "{what}");
        assert!(proof.differences().all(|entry| entry.next_step.contains("agreed with Anna")), "{what}");
    }
}

#[test]
fn a_draft_that_is_known_otherwise_is_no_stranger() {
    // Of another day: somebody moved it here.
    let mut case = Case::of(2);
    case.foreign(7);
    case.of_other_days.insert(9007);
    assert_eq!(case.prove().verdict, Verdict::Equal);
    // Written, and the answer was lost: its row waits.
    let mut case = Case::of(2);
    case.rows[0].standing = Standing::Pending;
    case.rows[0].central_id = None;
    case.external_ids.insert(1001, "tirana-1-uuid-1".into());
    assert_eq!(found(&case.prove()), [(Finding::Waiting, Needs::Time)]);
    // Cancelled: it stands for nothing.
    let mut case = Case::of(2);
    case.foreign(7);
    case.central[2].state = "cancel".into();
    assert_eq!(case.prove().verdict, Verdict::Equal);
}

#[test]
fn confirmed_moved_and_renamed_drafts_stay_recognised() {
    let mut case = Case::of(3);
    case.central[0].state = "sale".into();
    case.central[1].date_order = "2026-12-24 00:00:00".into();
    case.central[2].client_order_ref = None;
    let proof = case.prove();
    assert_eq!(proof.verdict, Verdict::Equal);
    assert_eq!(proof.central_states, BTreeMap::from([("draft".to_owned(), 2), ("sale".to_owned(), 1)]));
}

#[test]
fn late_and_changed_orders_are_told_and_do_not_make_the_day_differ() {
    let mut case = Case::of(4);
    case.sold[0].create_date = "2026-11-20 23:20:00".into();
    case.rows[1].received_at = at("2026-11-21 04:00:00");
    case.first_checked_at = Some(at("2026-11-21 03:30:00"));
    case.rows[2].problem = Some(Problem::OrderChanged { what: "customer nobody -> Anna".into() });
    // At the stroke of midnight.
    (case.sold[3].date_order, case.sold[3].create_date) = ("2026-11-20 22:59:58".into(), "2026-11-20 23:00:01".into());
    let proof = case.prove();
    assert_eq!(proof.verdict, Verdict::Equal);
    let orders = |list: &[Entry]| list.iter().filter_map(|entry| entry.order).collect::<Vec<_>>();
    assert_eq!((orders(&proof.late), orders(&proof.changed)), (vec![1, 2], vec![3]));
}

#[test]
fn an_order_that_the_branch_moved_counts_on_its_new_day() {
    // The old day: the branch has it elsewhere.
    let mut case = Case::of(2);
    let mut moved = case.sold.remove(0);
    moved.date_order = "2026-11-18 09:00:00".into();
    case.elsewhere.push(moved.clone());
    case.central.remove(0);
    let proof = case.prove();
    assert_eq!((proof.verdict, proof.changed[0].finding), (Verdict::Equal, Finding::Moved));
    // The new day: its row still has the old date.
    let mut case = Case::of(2);
    case.rows[0].date_order = "2026-11-18 09:00:00".into();
    assert_eq!(case.prove().verdict, Verdict::Equal);
}

#[test]
fn an_order_whose_draft_was_found_wrong_is_on_both_sides() {
    let mut case = Case::of(2);
    case.rows[0].standing = Standing::Failed;
    case.central[0].amount_total += Amount::TEN;
    let proof = case.prove();
    assert_eq!((proof.missing.len(), proof.different.len(), proof.central_orders, proof.failed), (0, 1, 2, 1));
    assert_eq!(proof.different[0].central_total, Some(case.central[0].amount_total));
}

#[test]
fn an_id_that_came_back_with_another_sale_is_not_taken_for_the_old_one() {
    let mut case = Case::of(1);
    case.sold[0].uuid = Some("another".into());
    case.sold[0].pos_reference = Some("2611-0099".into());
    let proof = case.prove();
    assert_eq!(found(&proof), [(Finding::NotTaken, Needs::Person), (Finding::GoneAtBranch, Needs::Person)]);
    // A row of that id from another day has nothing to do with this one.
    case.rows[0].date_order = "2026-10-01 09:00:00".into();
    case.central.clear();
    assert_eq!(found(&case.prove()), [(Finding::NotTaken, Needs::Person)]);
}

#[test]
fn a_list_without_end_is_cut_and_counted() {
    let mut case = Case::of(LISTED as i64 + 5);
    case.central.clear();
    let proof = case.prove();
    assert_eq!((proof.missing.len(), proof.not_listed, proof.deleted_at_central), (LISTED, 5, LISTED as u64 + 5));
    assert_eq!((proof.verdict, proof.for_a_person()), (Verdict::Differs, LISTED as u64 + 5));
}

/// Days with everything that can be said of one.
fn days() -> Vec<DayProof> {
    let mut days = Vec::new();
    let mut tell = |proof: &DayProof| days.push(proof.clone());
    for what in 0..PLANTS {
        let mut case = Case::of(2);
        plant(&mut case, 0, what);
        if let Some(row) = case.rows.first_mut().filter(|row| matches!(row.standing, Standing::Failed | Standing::Held)) {
            row.problem = Some(Problem::ProductNotFound { name: "Bag".into(), barcode: None, default_code: Some("BAG01".into()) });
        }
        tell(&case.prove());
    }
    tell(&Case::of(0).prove());
    tell(&Case::of(1).prove());
    tell(&Case::of(1).prove_at("2026-11-20 12:00:00"));
    let mut case = Case::of(3);
    case.open_sessions.push("POS/00007".into());
    case.sold[0].create_date = "2026-11-23 08:00:00".into();
    case.rows[1].problem = Some(Problem::OrderChanged { what: "customer nobody -> Anna".into() });
    let mut moved = case.sold.remove(2);
    moved.date_order = "2026-11-18 09:00:00".into();
    case.elsewhere.push(moved);
    tell(&case.prove());
    // A draft of a ledger that is lost, of an order that the one begun anew leaves out.
    let mut case = Case::of(1);
    case.rows[0] = Row { standing: Standing::Ignored, central_id: None, reason: Some("by invoice".into()), ..case.rows[0].clone() };
    case.external_ids.insert(case.central[0].id.get(), format!("tirana-{}-{}", case.rows[0].order, case.rows[0].witness));
    tell(&case.prove());
    let (error, next) = ("Branch tirana does not answer.".to_owned(), "Ops: see whether its server runs.".to_owned());
    tell(&DayProof::unproved(DAY, error, next));
    days
}

#[test]
fn every_sentence_for_people() {
    let mut told = String::new();
    for proof in days() {
        told.push_str(&format!("{}\n", summary("tirana", &proof, proof.day)));
        for entry in proof.differences().chain(&proof.late).chain(&proof.changed) {
            told.push_str(&format!("  {:?}, {:?}: {}\n    {}\n", entry.finding, entry.needs, entry.message, entry.next_step));
        }
    }
    insta::assert_snapshot!("sentences", told);
}

#[test]
fn every_sentence_of_the_dashboard() {
    let problem = Problem::TimedOut { side: crate::problem::Side::Central, seconds: 120 };
    for language in Language::ALL {
        let mut told = String::new();
        let texts = Some(Texts::of(|reader| problem.tell(reader)));
        let unproved = DayProof { texts, ..DayProof::unproved(DAY, problem.what(), problem.next_step()) };
        for proof in days().into_iter().chain([unproved]) {
            told.push_str(&format!("{}\n", summary_for(Reader::Browser(language), "tirana", &proof, proof.day)));
            for entry in proof.differences().chain(&proof.late).chain(&proof.changed) {
                let texts = entry.texts.as_ref().expect("texts").in_language(language);
                assert!(!texts.next_step.contains("posbridge"), "{}", texts.next_step);
                assert!(texts.next_step.ends_with('.') && texts.what.ends_with('.'), "{texts:?}");
                if language == Language::German {
                    assert!(texts.what != entry.message && texts.next_step != entry.next_step, "{texts:?}");
                }
                told.push_str(&format!("  {}: {}\n    {}\n", finding_in(language, entry.finding), texts.what, texts.next_step));
            }
        }
        insta::assert_snapshot!(format!("sentences_{}", language.code()), told);
    }
}

#[test]
fn a_day_comes_back_from_the_ledger_with_its_texts_and_an_old_one_without() {
    let mut case = Case::of(2);
    case.central.clear();
    let mut proof = case.prove();
    let json = serde_json::to_value(&proof).expect("JSON");
    assert_eq!(serde_json::from_value::<DayProof>(json).expect("a day"), proof);
    proof.forget_texts();
    let old = serde_json::to_value(&proof).expect("JSON");
    assert!(!old.to_string().contains("texts"));
    assert_eq!(serde_json::from_value::<DayProof>(old).expect("a day").missing[0].texts, None);
}

#[test]
fn totals_that_no_till_can_take_are_compared_too() {
    let mut case = Case::of(3);
    for (order, draft) in case.sold.iter_mut().zip(&mut case.central) {
        order.amount_total = Amount::MAX;
        draft.amount_total = Amount::MIN;
    }
    assert_eq!(case.prove().verdict, Verdict::Differs);
}
