//! Odoo's `load`, called until every record of a batch is written, refused, or put off: the same call again on any
//! doubt, without those that are named as bad, in halves when nobody is named.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::connection::{Connection, TRIES};
use super::explain;
use crate::odoo::records::{self, Loaded, Rows};
use crate::odoo::{Call, OdooError, Outcome, is_serialization};
use crate::planted::{Bug, planted};
use crate::problem::{Problem, Retry};

/// Calls of one batch that may fail inside Odoo, or be too much for it, before the rest waits for a better hour: enough
/// to find one bad record among 200 by halving, too few to be a storm.
const MOST_FAILURES: u32 = 16;

/// What became of a batch, by place. Each place is in one of the three.
#[derive(Debug, Default)]
pub struct Fates {
    /// Odoo has it, under this id.
    pub written: BTreeMap<usize, i64>,
    /// Odoo says no to this one.
    pub refused: BTreeMap<usize, Refusal>,
    /// May go later.
    pub postponed: BTreeMap<usize, Postponed>,
    /// Places that an earlier call may have written, whatever came of the last one: its answer was lost, and a refusal
    /// says nothing of it.
    pub doubted: BTreeSet<usize>,
    /// Why it stopped before the end, if it did.
    pub halt: Option<Problem>,
}

impl Fates {
    /// All of so many records wait, for one problem, and nothing more is tried.
    pub fn all_postponed(count: usize, problem: Problem, unknown: bool) -> Self {
        let postponed = || Postponed { problem: problem.clone(), retry_after: None, unknown };
        Self { postponed: (0..count).map(|place| (place, postponed())).collect(), halt: Some(problem.clone()), ..Self::default() }
    }

    /// Adds what became of the same records in a later call.
    pub fn merge(&mut self, later: Self) {
        self.written.extend(later.written);
        self.doubted.extend(later.doubted);
        for place in later.refused.keys().chain(later.postponed.keys()) {
            self.written.remove(place);
        }
        self.refused.extend(later.refused);
        self.postponed.extend(later.postponed);
        self.halt = self.halt.take().or(later.halt);
    }
}

/// Why one record was refused.
#[derive(Debug, Clone)]
pub enum Refusal {
    /// Odoo's words about this row.
    Row(String),
    /// It was alone in the call that was refused.
    Alone(Problem),
}

/// A record that may go later.
#[derive(Debug, Clone)]
pub struct Postponed {
    /// Why not now.
    pub problem: Problem,
    /// How long the server asks to be left alone.
    pub retry_after: Option<Duration>,
    /// Whether a call may have been carried out: this one, or an earlier one with this record.
    pub unknown: bool,
}

/// What one call came to.
enum Answer {
    /// Ids in the order sent.
    Written(Vec<i64>),
    /// These places were named as bad; nothing was written.
    Refused(BTreeMap<usize, String>),
    /// Refused without naming a place.
    RefusedAll(Problem),
    /// Odoo failed inside, or the call was too much for it: fewer at a time may pass.
    TooMuch(OdooError),
}

/// Loads the records of these places. `call` makes the call of some of them, in their order; `took` hears how long each
/// call of so many rows took: without end, if it was too large for the server or a proxy before it.
pub async fn load(
    connection: &Connection,
    places: Vec<usize>,
    call: impl Fn(&[usize]) -> (Call, Rows),
    mut took: impl FnMut(Duration, usize),
) -> Fates {
    let mut fates = Fates::default();
    let mut failures = 0;
    let mut sets = vec![places];
    while let Some(set) = sets.pop() {
        if set.is_empty() {
            continue;
        }
        let (call, rows) = call(&set);
        let began = Instant::now();
        let mut doubt = false;
        let answer = repeat(connection, &call, &rows, &set, &mut doubt).await;
        // Once lost, an answer is lost for every part of the set, however it goes on.
        if doubt {
            fates.doubted.extend(&set);
        }
        // A proxy says no at once, which is no reason to send it more.
        let too_large = matches!(&answer, Ok(Answer::TooMuch(error)) if error.is_about_size());
        took(if too_large { Duration::MAX } else { began.elapsed() }, rows.total());
        match answer {
            Ok(Answer::Written(ids)) => fates.written.extend(set.into_iter().zip(ids)),
            Ok(Answer::Refused(bad)) => {
                sets.push(set.into_iter().filter(|place| !bad.contains_key(place)).collect());
                let refusal = |words: String| match explain::forbids_logins(&words) {
                    true => Refusal::Alone(connection.explain(&OdooError::Access(words))),
                    false => Refusal::Row(words),
                };
                fates.refused.extend(bad.into_iter().map(|(place, words)| (place, refusal(words))));
            }
            // Nobody is named: halve until the one remains that it is about.
            Ok(Answer::RefusedAll(problem)) => match set.as_slice() {
                [place] => drop(fates.refused.insert(*place, Refusal::Alone(problem))),
                _ => halve(&mut sets, &set),
            },
            Ok(Answer::TooMuch(error)) if failures < MOST_FAILURES => {
                failures += 1;
                let problem = connection.explain(&error);
                match set.as_slice() {
                    // Waiting makes no single record smaller.
                    [place] if problem.retry() != Retry::ByItself => drop(fates.refused.insert(*place, Refusal::Alone(problem))),
                    [place] => {
                        let postponed = fates.postpone(*place, problem, &error);
                        fates.postponed.insert(*place, postponed);
                    }
                    _ => halve(&mut sets, &set),
                }
            }
            Ok(Answer::TooMuch(error)) | Err(error) => {
                let problem = connection.explain(&error);
                let rest = set.iter().chain(sets.iter().flatten());
                let rest: Vec<_> = rest.map(|place| (*place, fates.postpone(*place, problem.clone(), &error))).collect();
                fates.postponed.extend(rest);
                fates.halt = Some(problem);
                return fates;
            }
        }
    }
    fates
}

impl Fates {
    fn postpone(&self, place: usize, problem: Problem, error: &OdooError) -> Postponed {
        Postponed { problem, retry_after: error.retry_after(), unknown: self.doubted.contains(&place) }
    }
}

/// One call, repeated as it is while its failures pass by themselves; `doubt` becomes true as soon as an answer is lost.
async fn repeat(connection: &Connection, call: &Call, rows: &Rows, set: &[usize], doubt: &mut bool) -> Result<Answer, OdooError> {
    let mut tries = 0;
    loop {
        let error = match connection.odoo.call::<Loaded>(call).await {
            Ok(Loaded { ids: Some(ids), .. }) if ids.len() == set.len() => return Ok(Answer::Written(ids)),
            // Said of a row, but true of all: the user may not write this model.
            Ok(Loaded { messages, .. })
                if messages
                    .iter()
                    .any(|message| explain::forbids_model(&message.message) && !explain::forbids_logins(&message.message)) =>
            {
                OdooError::Access(words(&messages))
            }
            Ok(Loaded { messages, .. }) => match judge(&messages, rows, set) {
                Some(answer) => return Ok(answer),
                None => OdooError::Busy { reason: words(&messages), retry_after: None, outcome: Outcome::NotDone },
            },
            Err(OdooError::Refusal(words)) => return Ok(Answer::RefusedAll(explain::complaint(&words))),
            Err(error) => {
                *doubt |= error.outcome() == Outcome::Unknown;
                // Once more as it was, for what passes by itself; then it may be about one of them.
                if error.is_about_size() || matches!(error, OdooError::Server(_)) && tries > 0 {
                    return Ok(Answer::TooMuch(error));
                }
                error
            }
        };
        let again = explain::passes_by_itself(&error) || matches!(error, OdooError::Server(_));
        if !again || tries + 1 == TRIES || !connection.short_pause(tries, error.retry_after()).await {
            return Err(error);
        }
        tries += 1;
    }
}

fn halve(sets: &mut Vec<Vec<usize>>, set: &[usize]) {
    let (one, other) = set.split_at(set.len() / 2);
    sets.push(other.to_vec());
    sets.push(one.to_vec());
}

/// What the complaints of a refused `load` mean; `None` = another transaction was first, the same call goes again.
fn judge(messages: &[records::Message], rows: &Rows, set: &[usize]) -> Option<Answer> {
    let errors: Vec<&records::Message> = messages.iter().filter(|message| message.kind == "error").collect();
    if errors.iter().any(|message| is_serialization(&message.message)) && !planted(Bug::SerializationIsFailure) {
        return None;
    }
    let mut bad: BTreeMap<usize, String> = BTreeMap::new();
    let mut first = 0;
    for message in &errors {
        let record = message.rows.and_then(|range| rows.record_at(range.from));
        if let Some(place) = record.and_then(|record| set.get(record)) {
            bad.entry(*place).or_insert_with(|| message.message.clone());
            first += usize::from(record == Some(0));
        }
    }
    // What fails the batch as a whole is also said of its first record, which may be a good one (Odoo's `load` puts
    // that message in front). If it is bad as well, the next call names it alone.
    if bad.len() > 1
        && first == 1
        && let Some(place) = set.first()
    {
        bad.remove(place);
    }
    Some(if bad.is_empty() { Answer::RefusedAll(explain::complaint(&words(messages))) } else { Answer::Refused(bad) })
}

fn words(messages: &[records::Message]) -> String {
    let distinct: BTreeSet<&str> = messages.iter().map(|message| message.message.trim()).collect();
    distinct.into_iter().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
