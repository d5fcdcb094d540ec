//! Which days are compared without anybody asking.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::{Bridge, Halt, bounds};
use crate::config::Branch;
use crate::store::DayState;
use crate::sync::odoo_time;

/// Days that are looked at again when something in the ledger has moved since, yesterday among them: a till that was
/// offline over a week's holiday is still seen.
const RECENT: i64 = 7;

/// Older days that a person has to look at, and that are compared again to see whether it was done; the rest at the next
/// look.
const OLDER: usize = 14;

/// The day before today in a zone.
pub fn yesterday(now: Timestamp, zone: &TimeZone) -> Date {
    now.to_zoned(zone.clone()).date().saturating_sub(1.day())
}

/// Days that the daily look compares, oldest first: yesterday; those of the last week that were not proved, or in which an
/// order came or changed since; and older ones that a person had to look at.
///
/// # Errors
/// Those of the ledger.
pub async fn days_to_prove(bridge: &Bridge, branch: &Branch, now: Timestamp) -> Result<Vec<Date>, Halt> {
    let last = yesterday(now, &branch.timezone);
    let first = last.saturating_sub((RECENT - 1).days());
    let code = branch.code.clone();
    let known = bridge.store.run(move |store| store.days(&code, first)).await?;
    let mut wanted: Vec<Date> = older(&known, first);
    let mut day = first.max(branch.from);
    while day <= last {
        let state = known.iter().find(|state| state.day == day);
        let settled = state.filter(|state| day != last && state.is_settled());
        let touched = match settled.and_then(|state| state.proved_at) {
            None => true,
            Some(proved_at) => {
                let (begins, ends) = bounds(day, &branch.timezone);
                let (code, from, to) = (branch.code.clone(), odoo_time(begins), odoo_time(ends));
                bridge.store.run(move |store| store.touched_since(&code, &from, &to, proved_at)).await?
            }
        };
        if touched {
            wanted.push(day);
        }
        day = day.saturating_add(1.day());
    }
    Ok(wanted)
}

fn older(known: &[DayState], before: Date) -> Vec<Date> {
    known.iter().filter(|state| state.day < before && state.for_a_person > 0).map(|state| state.day).take(OLDER).collect()
}
