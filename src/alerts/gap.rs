//! The longest time between two passes of a schedule.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::config::{BRANCHES_MAX, Branch, Schedule};
use crate::schedule::Plan;

/// Long enough to see a weekend and the night before it.
const SPAN: Duration = Duration::from_secs(8 * 86_400);
/// Gaps that are seen of a schedule with rarer starts: a year's months.
const GAPS: usize = 13;
/// Most starts that are looked at: every 5 seconds for a day.
const STARTS_MAX: usize = 20_000;

/// The gaps of cron lines, by line and zone: a thousand branches have a few, and each takes milliseconds to find.
#[derive(Debug, Default)]
pub struct Gaps(Mutex<HashMap<(String, Option<String>), Duration>>);

impl Gaps {
    /// The longest time between two passes of a branch, as seen from `now`; none if it never starts.
    pub fn longest(&self, branch: &Branch, now: Timestamp) -> Duration {
        let cron = match &branch.schedule {
            Schedule::Every { every, .. } => return *every,
            Schedule::Cron { cron } => cron,
        };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() > BRANCHES_MAX {
            known.clear();
        }
        let name = branch.timezone.iana_name().map(str::to_owned);
        *known.entry((cron.clone(), name)).or_insert_with(|| of_plan(&Plan::new(&branch.schedule, branch, now), now))
    }
}

fn of_plan(plan: &Plan, now: Timestamp) -> Duration {
    let mut longest = Duration::ZERO;
    let Some(first) = plan.next(now) else { return longest };
    let mut last = first;
    for seen in 0..STARTS_MAX {
        let Some(next) = plan.next(last) else { break };
        let since = |earlier: Timestamp| Duration::try_from(next.duration_since(earlier)).unwrap_or_default();
        longest = longest.max(since(last));
        if since(first) >= SPAN && seen >= GAPS {
            break;
        }
        last = next;
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(schedule: &str) -> u64 {
        let text = format!(
            "[central]\nurl = \"https://c.example.com\"\ndatabase = \"c\"\nuser = \"b\"\n[branch.t]\nurl = \"https://t.example.com\"\n\
             database = \"t\"\nuser = \"b\"\nfrom = 2026-01-01\ncustomer = 7\ntimezone = \"Europe/Tirane\"\n{schedule}\n"
        );
        let config = crate::config::Config::parse(&text, std::path::Path::new("branches.toml")).expect("valid");
        let now = "2026-03-23T10:20:30Z".parse().expect("a time");
        Gaps::default().longest(&config.branches[0], now).as_secs()
    }

    fn hours(cron: &str) -> u64 {
        gap(&format!("cron = \"{cron}\"")) / 3_600
    }

    #[test]
    fn nights_weekends_and_months_count() {
        assert_eq!(hours("0 * * * *"), 1);
        assert_eq!(hours("0 0 6-23 * * *"), 7, "seconds first; from 23:00 to 6:00");
        assert_eq!(hours("30 8 * * *"), 24, "an hour more or less when clocks change, whichever is longer: {}", hours("30 8 * * *"));
        assert_eq!(hours("0 8 * * MON-FRI"), 72);
        assert_eq!(hours("0 8 1 * *"), 31 * 24 + 1, "over the last night of October");
        assert_eq!(hours("0 */5 8-18 * * MON-FRI"), 60, "often by day, and the weekend when clocks go forward");
        assert_eq!(gap("every = \"90s\""), 90);
    }
}
