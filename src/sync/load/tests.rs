//! What the complaints of a refused call mean: three records of three, two and three rows, at the places 10, 20 and 30.

use super::*;
use crate::odoo::records::{Message, RowRange};

fn message(kind: &str, row: Option<usize>, words: &str) -> Message {
    Message { kind: kind.to_owned(), message: words.to_owned(), rows: row.map(|from| RowRange { from, to: from }) }
}

fn error(row: usize) -> Message {
    message("error", Some(row), &format!("row {row} is bad"))
}

/// The places named as bad with what is said of each; none, if all are refused together.
fn refused(messages: &[Message]) -> BTreeMap<usize, String> {
    match judge(messages, &Rows::new(vec![0, 3, 5], 8), &[10, 20, 30]) {
        Some(Answer::Refused(bad)) => bad,
        Some(Answer::RefusedAll(_)) => BTreeMap::new(),
        _ => panic!("not refused"),
    }
}

fn places(messages: &[Message]) -> Vec<usize> {
    refused(messages).into_keys().collect()
}

#[test]
fn a_complaint_is_about_the_record_that_the_row_belongs_to() {
    assert_eq!(places(&[error(0)]), [10]);
    assert_eq!(places(&[error(4)]), [20]);
    assert_eq!(places(&[error(3), error(7)]), [20, 30]);
    assert_eq!(refused(&[error(4), error(3)])[&20], "row 4 is bad", "the first words count");
    assert_eq!(places(&[message("warning", Some(3), "odd"), error(7)]), [30]);
}

#[test]
fn who_is_not_named_is_not_refused_alone() {
    assert_eq!(places(&[message("error", None, "all is bad")]), [0; 0]);
    assert_eq!(places(&[error(8)]), [0; 0]);
    assert_eq!(places(&[message("warning", Some(3), "odd")]), [0; 0]);
}

#[test]
fn what_is_said_of_the_first_record_beside_others_may_be_about_the_batch() {
    assert_eq!(places(&[error(0), error(4)]), [20]);
    assert_eq!(places(&[error(0), error(1), error(4)]), [10, 20], "said twice, it is about the record");
    assert_eq!(places(&[error(0), error(1)]), [10]);
}

#[test]
fn another_transaction_that_was_first_is_no_refusal() {
    let busy = message("error", Some(3), "could not serialize access due to concurrent update");
    assert!(judge(&[error(0), busy], &Rows::new(vec![0, 3, 5], 8), &[10, 20, 30]).is_none());
}

#[test]
fn the_same_words_are_told_once() {
    let said = [message("error", None, "No "), message("error", Some(3), "No"), message("error", None, "Full")];
    assert_eq!(words(&said), "Full No");
}

#[test]
fn a_later_call_about_the_same_records_has_the_last_word_but_the_first_reason_to_stop_stays() {
    let busy = || Problem::CustomerNotFound { name: "busy".to_owned() };
    let mut fates = Fates { written: [(0, 5), (1, 6), (2, 7)].into(), doubted: [0].into(), ..Fates::default() };
    let refused = BTreeMap::from([(1, Refusal::Row("no".to_owned()))]);
    let mut later = Fates { refused, written: [(3, 8)].into(), doubted: [1].into(), ..Fates::default() };
    let postponed = Postponed { problem: busy(), retry_after: None, unknown: true };
    later.postponed.insert(2, postponed);
    fates.merge(later);
    assert_eq!((&fates.written, &fates.doubted), (&[(0, 5), (3, 8)].into(), &[0, 1].into()));
    assert!(fates.refused.contains_key(&1) && fates.postponed[&2].unknown && fates.halt.is_none());
    let stopped = Fates::all_postponed(2, busy(), false);
    assert!(stopped.postponed.len() == 2 && stopped.postponed.values().all(|waits| waits.problem == busy() && !waits.unknown));
    fates.merge(stopped);
    fates.merge(Fates::all_postponed(1, Problem::CustomerNotFound { name: "later".to_owned() }, false));
    assert_eq!((fates.halt, fates.written), (Some(busy()), [(3, 8)].into()));
}
