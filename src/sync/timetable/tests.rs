//! The table under a clock of our own: hours of schedule in milliseconds.

use super::*;

const STARTED: &str = "2026-11-21T07:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn code(text: &str) -> BranchCode {
    BranchCode::new(text).unwrap()
}

fn lane(branch: &str) -> Lane {
    (code(branch), Direction::Receive)
}

fn sending(branch: &str) -> Lane {
    (code(branch), Direction::Send)
}

/// Settings with branches and what stands under each.
fn config(branches: &[(&str, &str)]) -> Config {
    let mut text = "[central]\nurl = \"https://c.example.com\"\ndatabase = \"c\"\nuser = \"b\"\n".to_owned();
    for (branch, more) in branches {
        text += &format!(
            "[branch.{branch}]\nurl = \"https://{branch}.example.com\"\ndatabase = \"{branch}\"\nuser = \"b\"\nfrom = 2026-01-01\n\
             customer = \"W\"\n{more}\n",
            branch = branch
        );
    }
    Config::parse(&text, std::path::Path::new("/etc/branches.toml")).unwrap_or_else(|error| panic!("{error}"))
}

fn fresh(branches: &[(&str, &str)]) -> Timetable {
    Timetable::new(&config(branches), at(STARTED), |_| None)
}

/// A clock, and passes that take a time and end in a way.
struct World {
    table: Timetable,
    now: Timestamp,
    running: Vec<(Timestamp, Lane)>,
    started: Vec<(Timestamp, Start)>,
}

impl World {
    fn new(table: Timetable) -> Self {
        Self { table, now: at(STARTED), running: Vec::new(), started: Vec::new() }
    }

    /// Runs the clock to `until`; `pass` says how long a pass takes and how it ends.
    fn run(&mut self, until: &str, pass: impl Fn(&Start, Timestamp) -> (i64, Ended)) {
        let until = at(until);
        let mut ends: BTreeMap<Lane, Ended> = BTreeMap::new();
        loop {
            for start in self.table.due(self.now) {
                assert!(self.running.iter().all(|(_, lane)| *lane != start.lane), "{:?} runs twice", start.lane);
                let (seconds, ended) = pass(&start, self.now);
                ends.insert(start.lane.clone(), ended);
                self.running.push((self.now + SignedDuration::from_secs(seconds), start.lane.clone()));
                self.started.push((self.now, start));
            }
            let next = self.running.iter().map(|(end, _)| *end).chain(self.table.next(self.now)).min();
            match next {
                Some(next) if next <= until => self.now = next.max(self.now),
                _ => break,
            }
            let (ended, running): (Vec<_>, Vec<_>) = self.running.drain(..).partition(|(end, _)| *end <= self.now);
            self.running = running;
            for (_, lane) in ended {
                self.table.ended(&lane, ends[&lane], self.now);
            }
        }
        self.now = until;
    }

    fn times(&self, lane: &Lane) -> Vec<String> {
        let of = self.started.iter().filter(|(_, start)| start.lane == *lane);
        of.map(|(at, _)| at.strftime("%H:%M:%S").to_string()).collect()
    }
}

fn quick(_: &Start, _: Timestamp) -> (i64, Ended) {
    (1, Ended::Reached)
}

#[test]
fn each_branch_passes_on_its_own_schedule() {
    let mut world = World::new(fresh(&[
        ("tirana", "every = \"15m\"\nstart = 2026-11-21T07:05:00Z"),
        ("durres", "every = \"20m\""),
        ("vlora", "cron = \"30 8 * * *\"\ntimezone = \"Europe/Tirane\""),
        ("closed", "enabled = false"),
    ]));
    world.run("2026-11-21T07:59:59Z", quick);
    assert_eq!(world.times(&lane("tirana")), ["07:05:00", "07:20:00", "07:35:00", "07:50:00"]);
    assert_eq!(world.times(&lane("durres")), ["07:00:00", "07:20:00", "07:40:00"]);
    assert_eq!(world.times(&lane("vlora")), ["07:30:00"]);
    assert_eq!(world.started.len(), 8, "and nothing else");
}

#[test]
fn a_pass_never_overlaps_itself_and_what_was_missed_meanwhile_is_merged() {
    let mut world = World::new(fresh(&[("tirana", "every = \"5s\"")]));
    world.run("2026-11-21T07:01:00Z", |_, _| (17, Ended::Reached));
    assert_eq!(world.times(&lane("tirana")), ["07:00:00", "07:00:20", "07:00:40", "07:01:00"]);
}

#[test]
fn an_hour_of_a_minutely_schedule_is_sixty_passes_in_no_time() {
    let mut world = World::new(fresh(&[("tirana", "cron = \"* * * * *\"")]));
    world.run("2026-11-21T08:00:00Z", quick);
    assert_eq!(world.started.len(), 60);
}

#[test]
fn five_hundred_branches_start_within_one_second_and_each_once() {
    let names: Vec<String> = (0..500).map(|n| format!("shop_{n}")).collect();
    let branches: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "every = \"5m\"\nstart = 2026-11-21T08:00:00Z")).collect();
    let mut world = World::new(fresh(&branches));
    world.run("2026-11-21T08:04:00Z", quick);
    assert_eq!(world.started.len(), 500);
    assert!(world.started.iter().all(|(began, start)| *began == at("2026-11-21T08:00:00Z") && start.late.is_zero()));
}

#[test]
fn a_sleep_or_a_jump_of_the_clock_gives_one_pass_and_then_the_grid() {
    let mut table = fresh(&[("tirana", "every = \"15m\"\nstart = 2026-11-21T07:05:00Z")]);
    let woken = at("2026-11-22T09:07:00Z");
    let starts = table.due(woken);
    assert_eq!(starts.len(), 1);
    assert_eq!(starts[0].missed, 104, "a day and two hours of quarters");
    assert!(starts[0].late > SignedDuration::from_hours(26));
    table.ended(&lane("tirana"), Ended::Reached, at("2026-11-22T09:07:05Z"));
    assert_eq!(table.due(at("2026-11-22T09:07:06Z")), []);
    assert_eq!(table.next(woken), Some(at("2026-11-22T09:20:00Z")));
}

#[test]
fn a_thousand_branches_after_a_sleep_are_asked_by_and_by_and_all() {
    let names: Vec<String> = (0..1_000).map(|n| format!("shop_{n}")).collect();
    let branches: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "every = \"1h\"\nstart = 2026-11-21T07:30:00Z")).collect();
    let mut world = World::new(fresh(&branches));
    world.now = at("2026-11-21T09:45:00Z");
    world.run("2026-11-21T09:46:00Z", quick);
    assert_eq!(world.started.len(), 1_000);
    let within = |seconds: i64| {
        world.started.iter().filter(|(began, _)| began.duration_since(at("2026-11-21T09:45:00Z")).as_secs() < seconds).count()
    };
    assert!(within(1) <= 2 * LATE_AT_ONCE && within(21) == 1_000, "{} {}", within(1), within(21));
}

#[test]
fn a_clock_set_back_by_a_year_is_no_year_of_silence() {
    let mut table = fresh(&[("tirana", "every = \"15m\"\nstart = 2020-11-21T07:05:00Z"), ("durres", "every = \"15m\"")]);
    assert_eq!(table.due(at("2026-11-21T07:00:00Z")).len(), 2);
    table.ended(&lane("tirana"), Ended::Reached, at("2026-11-21T07:00:01Z"));
    table.ended(&lane("durres"), Ended::Away, at("2026-11-21T07:00:01Z"));
    let back = at("2025-11-21T07:00:00Z");
    let starts = table.due(back);
    assert_eq!(starts.iter().map(|start| start.lane.0.as_str()).collect::<Vec<_>>(), ["durres"], "asked again at once");
    assert!(table.next(back).unwrap() <= at("2025-11-21T07:05:00Z"));
}

#[test]
fn a_small_correction_of_the_clock_changes_nothing() {
    let mut table = fresh(&[("tirana", "every = \"15m\"\nstart = 2026-11-21T06:00:00Z")]);
    table.due(at("2026-11-21T07:00:00Z"));
    table.ended(&lane("tirana"), Ended::Reached, at("2026-11-21T07:00:02Z"));
    assert_eq!(table.due(at("2026-11-21T06:59:40Z")), [], "not a second pass for one moment");
    assert_eq!(table.next(at("2026-11-21T06:59:40Z")), Some(at("2026-11-21T07:15:00Z")));
}

#[test]
fn a_branch_that_is_away_is_asked_with_growing_pauses_and_received_soon_after_it_is_back() {
    let mut world = World::new(fresh(&[("tirana", "every = \"15m\""), ("durres", "every = \"5s\"")]));
    let back = at("2026-11-21T07:40:00Z");
    world.run("2026-11-21T07:39:00Z", |_, now| (0, if now < back { Ended::Away } else { Ended::Reached }));
    let asked = [
        "07:00:00", "07:00:30", "07:01:30", "07:03:30", "07:07:30", "07:12:30", "07:17:30", "07:22:30", "07:27:30", "07:32:30", "07:37:30",
    ];
    assert_eq!(world.times(&lane("tirana")), asked);
    assert_eq!(world.times(&lane("durres")), asked, "no storm, whatever the schedule says");
    assert_eq!(world.table.away(&code("tirana")).map(|away| (away.since, away.passes)), Some((at(STARTED), 11)));
    world.run("2026-11-21T07:46:00Z", |_, now| (0, if now < back { Ended::Away } else { Ended::Reached }));
    assert_eq!(world.times(&lane("tirana"))[11..], ["07:42:30", "07:45:00"], "within five minutes, and back on its grid");
    assert_eq!(world.table.away(&code("tirana")), None);
}

#[test]
fn a_refused_log_in_is_left_alone_for_ten_minutes_unless_somebody_changes_something() {
    let mut world = World::new(fresh(&[("tirana", "every = \"1m\"")]));
    world.run("2026-11-21T07:25:00Z", |_, _| (0, Ended::Refused));
    assert_eq!(world.times(&lane("tirana")), ["07:00:00", "07:10:00", "07:20:00"]);
    world.table.ask_again(&code("tirana"), world.now);
    world.run("2026-11-21T07:26:30Z", quick);
    assert_eq!(world.times(&lane("tirana"))[3..], ["07:25:00", "07:26:00"]);
}

const SENDS: &str = "every = \"30m\"\n[branch.tirana.send]\nevery = \"1h\"\nstart = 2026-11-21T07:10:00Z\n[branch.tirana.send.products]\nall = true\n\
    [branch.tirana.send.customers]\nall = true\n[branch.tirana.send.taxes]\nall = true\ncron = \"0 8 * * *\"";

#[test]
fn kinds_are_sent_by_their_own_schedules_beside_receiving() {
    let mut world = World::new(fresh(&[("tirana", SENDS)]));
    world.run("2026-11-21T08:30:00Z", |start, _| (if start.lane.1 == Direction::Send { 120 } else { 3600 }, Ended::Reached));
    let sent: Vec<(String, Vec<Kind>)> = world
        .started
        .iter()
        .filter(|(_, start)| start.lane.1 == Direction::Send)
        .map(|(at, start)| (at.strftime("%H:%M").to_string(), start.kinds.iter().copied().collect()))
        .collect();
    let both = vec![Kind::Product, Kind::Customer];
    let sorted = |kinds: &Vec<Kind>| kinds.iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(sent.iter().map(|(at, _)| at.as_str()).collect::<Vec<_>>(), ["07:10", "08:00", "08:10"]);
    assert_eq!(sorted(&sent[0].1), sorted(&both));
    assert_eq!(sent[1].1, [Kind::Tax]);
    assert_eq!(world.times(&lane("tirana")), ["07:00:00", "08:00:00"], "a long pass of receiving holds up no sending");
}

#[test]
fn kinds_that_fall_due_while_others_are_sent_go_right_after() {
    let mut world = World::new(fresh(&[("tirana", SENDS)]));
    world.now = at("2026-11-21T07:10:00Z");
    world.run("2026-11-21T08:20:00Z", |start, _| (if start.lane.1 == Direction::Send { 3300 } else { 1 }, Ended::Reached));
    assert_eq!(world.times(&sending("tirana")), ["07:10:00", "08:05:00"]);
    assert_eq!(world.started.iter().rev().find(|(_, start)| start.lane.1 == Direction::Send).unwrap().1.kinds, BTreeSet::from([Kind::Tax]));
}

#[test]
fn while_a_branch_is_away_one_lane_asks_and_what_was_to_be_sent_goes_when_it_answers() {
    let mut world = World::new(fresh(&[("tirana", SENDS)]));
    let back = at("2026-11-21T07:30:00Z");
    world.run("2026-11-21T07:40:00Z", |_, now| (5, if now < back { Ended::Away } else { Ended::Reached }));
    let receiving = world.started.iter().filter(|(at, start)| *at < back && start.lane.1 == Direction::Receive).count();
    let sends: Vec<_> = world.started.iter().filter(|(_, start)| start.lane.1 == Direction::Send).collect();
    assert!(receiving >= 6 && sends.len() == 1, "{receiving} {sends:?}");
    assert!(sends[0].0 >= back && sends[0].1.kinds.contains(&Kind::Product));
}

#[test]
fn work_that_somebody_left_starts_at_once_and_once() {
    let mut world = World::new(fresh(&[("tirana", "every = \"1h\"")]));
    world.run("2026-11-21T07:10:00Z", quick);
    world.table.owe(&sending("tirana"), world.now);
    world.table.owe(&sending("tirana"), world.now);
    world.run("2026-11-21T07:20:00Z", quick);
    assert_eq!(world.times(&sending("tirana")), ["07:10:00"]);
    assert!(world.started.last().unwrap().1.kinds.is_empty(), "the queue, nothing by the settings");
}

#[test]
fn a_lane_that_another_process_works_on_waits_and_is_not_away() {
    let mut world = World::new(fresh(&[("tirana", "every = \"15m\"")]));
    world.run("2026-11-21T07:02:00Z", |_, now| (0, if now < at("2026-11-21T07:01:00Z") { Ended::Busy } else { Ended::Reached }));
    assert_eq!(world.times(&lane("tirana")), ["07:00:00", "07:00:30", "07:01:00"]);
    assert_eq!(world.table.away(&code("tirana")), None);
}

#[test]
fn new_settings_keep_what_is_unchanged_and_interrupt_no_pass() {
    let mut table = fresh(&[("tirana", "every = \"15m\""), ("durres", "every = \"15m\"")]);
    assert_eq!(table.due(at(STARTED)).len(), 2);
    let now = at("2026-11-21T07:01:00Z");
    table.ended(&lane("durres"), Ended::Reached, now);
    // Tirana still runs; durres goes, vlora comes, tirana gets another schedule.
    table.reload(&config(&[("tirana", "every = \"5m\""), ("vlora", "every = \"15m\"")]), now, |_| None);
    let started: Vec<String> = table.due(now).into_iter().map(|start| start.lane.0.to_string()).collect();
    assert_eq!(started, ["vlora"]);
    assert_eq!(table.due(at("2026-11-21T07:09:00Z")), [], "tirana runs");
    table.ended(&lane("tirana"), Ended::Reached, at("2026-11-21T07:09:30Z"));
    assert_eq!(table.next_of(&lane("tirana")), Some(at("2026-11-21T07:10:00Z")));
    // Unchanged settings: nothing starts that would not have.
    let before = table.clone();
    table.reload(&config(&[("tirana", "every = \"5m\""), ("vlora", "every = \"15m\"")]), at("2026-11-21T07:09:40Z"), |_| None);
    assert_eq!(table.next_of(&lane("tirana")), before.next_of(&lane("tirana")));
}

#[test]
fn a_branch_taken_out_while_it_runs_ends_its_pass_and_comes_back_without_overlap() {
    let mut table = fresh(&[("tirana", "every = \"15m\""), ("durres", "every = \"15m\"")]);
    assert_eq!(table.due(at(STARTED)).len(), 2);
    let one = config(&[("durres", "every = \"15m\"")]);
    let both = config(&[("tirana", "every = \"15m\""), ("durres", "every = \"15m\"")]);
    table.reload(&one, at("2026-11-21T07:00:10Z"), |_| None);
    table.reload(&both, at("2026-11-21T07:00:20Z"), |_| None);
    assert!(table.due(at("2026-11-21T07:00:20Z")).is_empty(), "it still runs");
    table.ended(&lane("tirana"), Ended::Reached, at("2026-11-21T07:00:30Z"));
    table.reload(&one, at("2026-11-21T07:00:40Z"), |_| None);
    assert_eq!(table.next_of(&lane("tirana")), None);
}
