//! Grids, daylight saving, catching up.

use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn branch(more: &str) -> Branch {
    let text = format!(
        "[central]\nurl = \"https://c.example.com\"\ndatabase = \"c\"\nuser = \"b\"\n[branch.tirana]\nurl = \"https://t.example.com\"\n\
         database = \"t\"\nuser = \"b\"\nfrom = 2026-01-01\ncustomer = \"W\"\n{more}"
    );
    let config = crate::config::Config::parse(&text, std::path::Path::new("/etc/branches.toml"));
    config.unwrap_or_else(|error| panic!("{error}")).branches.remove(0)
}

fn plan(more: &str) -> Plan {
    let branch = branch(more);
    Plan::new(&branch.schedule, &branch, at("2026-11-21T07:00:00Z"))
}

fn starts(plan: &Plan, after: &str, count: usize) -> Vec<String> {
    let mut now = at(after);
    (0..count)
        .map(|_| {
            now = plan.next(now).unwrap();
            now.to_string()
        })
        .collect()
}

#[test]
fn the_first_pass_is_at_start_and_the_others_on_its_grid() {
    let plan = plan("every = \"15m\"\nstart = 2026-12-01T06:05:00+01:00");
    assert_eq!(starts(&plan, "2026-11-21T07:00:00Z", 3), ["2026-12-01T05:05:00Z", "2026-12-01T05:20:00Z", "2026-12-01T05:35:00Z"]);
    assert_eq!(starts(&plan, "2026-12-01T05:05:00Z", 1), ["2026-12-01T05:20:00Z"]);
    assert_eq!(starts(&plan, "2026-12-24T09:00:01Z", 1), ["2026-12-24T09:05:00Z"]);
}

#[test]
fn every_without_start_counts_from_the_daemons_start() {
    let plan = plan("every = \"1h\"");
    assert_eq!(plan.first(None, at("2026-11-21T07:00:00Z")), Some(at("2026-11-21T07:00:00Z")));
    assert_eq!(starts(&plan, "2026-11-21T07:00:00Z", 2), ["2026-11-21T08:00:00Z", "2026-11-21T09:00:00Z"]);
}

#[test]
fn daylight_saving_neither_skips_nor_doubles_a_pass() {
    let daily = plan("cron = \"30 4 * * *\"\ntimezone = \"Europe/Berlin\"");
    assert_eq!(starts(&daily, "2026-10-24T01:00:00Z", 3), ["2026-10-24T02:30:00Z", "2026-10-25T03:30:00Z", "2026-10-26T03:30:00Z"]);
    assert_eq!(starts(&daily, "2027-03-27T02:00:00Z", 3), ["2027-03-27T03:30:00Z", "2027-03-28T02:30:00Z", "2027-03-29T02:30:00Z"]);
    // An hour that the day has twice: once. An hour that it does not have: right after the gap.
    let in_fold = plan("cron = \"30 2 * * *\"\ntimezone = \"Europe/Berlin\"");
    assert_eq!(starts(&in_fold, "2026-10-24T12:00:00Z", 2), ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    assert_eq!(starts(&in_fold, "2027-03-27T12:00:00Z", 2), ["2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z"]);
    // `every` is real time: the clock's change moves nothing.
    let hourly = plan("every = \"1h\"\nstart = 2026-10-25T00:10:00+02:00");
    assert_eq!(starts(&hourly, "2026-10-24T23:00:00Z", 4).len(), 4);
    assert_eq!(starts(&hourly, "2026-10-25T00:05:00Z", 3), ["2026-10-25T00:10:00Z", "2026-10-25T01:10:00Z", "2026-10-25T02:10:00Z"]);
}

#[test]
fn a_wildcard_hour_passes_in_each_real_hour_of_the_fold() {
    let quarters = plan("cron = \"0 */15 * * * *\"\ntimezone = \"Europe/Berlin\"");
    let mut now = at("2026-10-24T22:00:00Z");
    for _ in 0..24 {
        let next = quarters.next(now).unwrap();
        assert_eq!(next.duration_since(now), SignedDuration::from_mins(15), "after {now}");
        now = next;
    }
}

#[test]
fn a_missed_time_is_caught_up_once() {
    let now = at("2026-11-21T07:00:00Z");
    let grid = plan("every = \"15m\"\nstart = 2026-11-01T00:05:00Z");
    assert_eq!(grid.first(Some(at("2026-11-18T07:05:00Z")), now), Some(now), "days without a daemon");
    assert_eq!(grid.next(now), Some(at("2026-11-21T07:05:00Z")), "and on with the grid");
    assert_eq!(grid.first(Some(at("2026-11-21T06:50:00Z")), now), Some(at("2026-11-21T07:05:00Z")), "nothing was missed");
    assert_eq!(grid.first(None, now), Some(now), "never received");
    let daily = plan("cron = \"30 4 * * *\"");
    assert_eq!(daily.first(Some(at("2026-11-20T04:30:00Z")), now), Some(now));
    assert_eq!(daily.first(Some(at("2026-11-21T04:30:05Z")), now), Some(at("2026-11-22T04:30:00Z")));
    assert_eq!(daily.first(None, now), Some(at("2026-11-22T04:30:00Z")));
    let future = plan("every = \"15m\"\nstart = 2026-12-01T06:05:00+01:00");
    assert_eq!(future.first(None, now), Some(at("2026-12-01T05:05:00Z")));
}

#[test]
fn jitter_spreads_branches_over_its_window_and_stays() {
    let shifts: Vec<i64> = (0..200).map(|n| shift(&format!("shop_{n}"), Duration::from_secs(120)).as_secs()).collect();
    assert!(shifts.iter().all(|shift| (0..120).contains(shift)));
    for quarter in 0..4 {
        let here = shifts.iter().filter(|shift| (quarter * 30..(quarter + 1) * 30).contains(*shift)).count();
        assert!((25..=80).contains(&here), "{here} of 200 in quarter {quarter}");
    }
    let (plain, late) =
        (plan("every = \"15m\"\nstart = 2026-11-01T00:00:00Z"), plan("every = \"15m\"\nstart = 2026-11-01T00:00:00Z\njitter = \"10m\""));
    let after = at("2026-11-21T07:00:00Z");
    assert_eq!(late.next(after), late.next(after));
    let late_by = late.next(at("2026-11-21T07:00:00Z")).unwrap().duration_since(plain.next(at("2026-11-21T06:59:59Z")).unwrap());
    assert_eq!(late_by, shift("tirana", Duration::from_secs(600)));
}

proptest! {
    #[test]
    fn the_next_start_is_always_later_and_never_a_whole_step_away(
        every in 5_i64..100_000, start in 0_i64..2_000_000_000, after in 0_i64..4_000_000_000,
    ) {
        let start = Timestamp::from_second(start).unwrap();
        let after = Timestamp::from_second(after).unwrap();
        let plan = Plan { grid: Grid::Every { every: SignedDuration::from_secs(every), start }, shift: SignedDuration::ZERO };
        let next = plan.next(after).unwrap();
        prop_assert!(next > after && next >= start);
        prop_assert_eq!(next.duration_since(start).as_secs() % every, 0);
        prop_assert!(next == start || next.duration_since(after) <= SignedDuration::from_secs(every));
    }
}
