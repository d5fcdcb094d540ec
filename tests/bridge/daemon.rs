//! The daemon, in this process, between stand-ins: it starts passes by itself, outlives what breaks around it, takes up
//! new settings and stops without loss.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::{Timestamp, ToSpan as _};
use posbridge::config::Config;
use posbridge::demo::{Item, Mishap, Sale, When};
use posbridge::monitor::Monitor;
use posbridge::store::{Filter, LastPass, State, StoreError};
use posbridge::sync::{News, Order, Service};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::stage::Stage;

/// A daemon that runs.
struct Running {
    orders: mpsc::Sender<Order>,
    news: std::sync::mpsc::Receiver<News>,
    monitor: Arc<Monitor>,
    task: JoinHandle<()>,
}

impl Running {
    async fn start(stage: &Stage) -> Self {
        let service = Service::open(stage.config()).await.unwrap();
        let monitor = Arc::new(Monitor::new(Timestamp::now()));
        let (orders, obey) = mpsc::channel(4);
        let (tell, news) = std::sync::mpsc::channel();
        let watching = monitor.clone();
        let task = tokio::spawn(async move {
            let told = move |one| drop(tell.send(one));
            service.run(watching, obey, told).await.unwrap();
        });
        Self { orders, news, monitor, task }
    }

    async fn stop(self) -> Vec<News> {
        self.orders.send(Order::Stop).await.unwrap();
        self.task.await.unwrap();
        self.news.try_iter().collect()
    }

    /// Waits for a status that says this.
    async fn says(&self, words: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut said = Vec::new();
        loop {
            said.extend(self.news.try_iter());
            if said.iter().any(|news| matches!(news, News::Status(text) if text.contains(words))) {
                return;
            }
            assert!(Instant::now() < deadline, "nothing of {words:?} in {said:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Waits until it is so.
async fn until(what: &str, seconds: u64, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while !so() {
        assert!(Instant::now() < deadline, "not within {seconds} s: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn at_central(stage: &Stage, orders: usize) -> impl FnMut() -> bool + '_ {
    move || stage.central.count("sale.order") == orders
}

/// Something that is away as long as the switch is on.
fn away(stage: &Stage, database: &str) -> Arc<AtomicBool> {
    let switch = Arc::new(AtomicBool::new(false));
    let on = switch.clone();
    stage.server.inject(When::any().database(database).and(move |_| on.load(Ordering::Relaxed)).always(), Mishap::page(503, "away"));
    switch
}

fn save(stage: &Stage, change: impl FnOnce(String) -> String) {
    let file = stage.directory.path().join("branches.toml");
    let text = change(std::fs::read_to_string(&file).unwrap());
    std::fs::write(&file, text).unwrap();
}

#[tokio::test]
async fn branches_are_received_by_themselves_each_on_its_schedule() {
    let stage = Stage::with(3, "every = \"5s\"", |_| {}).await;
    stage.branches[0].sell_random(10, 1);
    let daemon = Running::start(&stage).await;
    until("the first pass starts at once", 10, at_central(&stage, 10)).await;
    stage.branches[1].sell_random(5, 2);
    stage.branches[2].sell_random(5, 3);
    until("the next ones are on the grid", 15, at_central(&stage, 20)).await;
    let news = daemon.stop().await;
    assert_eq!(news.first(), Some(&News::Ready));
    assert_eq!(news.last(), Some(&News::Stopping));
    assert!(news.contains(&News::Alive));
    stage.assert_exactly_once();
}

#[tokio::test]
async fn a_daemon_with_nothing_to_do_writes_nothing_and_makes_a_call_to_each_side_a_pass() {
    let stage = Stage::with(1, "every = \"5s\"", |_| {}).await;
    stage.branches[0].sell_random(5, 1);
    let daemon = Running::start(&stage).await;
    until("received", 10, at_central(&stage, 5)).await;
    until("the pass is over", 10, || daemon.monitor.render(&Default::default(), Timestamp::now()).contains("result=\"done\"} 1")).await;
    until("what was sold is counted", 15, || stage.store().uncounted().unwrap() == 0).await;
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let sold = stage.store().sales(None, today.saturating_sub(2.days()), today.saturating_add(1.day())).unwrap();
    assert_eq!(sold.iter().map(|row| row.totals.orders).sum::<u64>(), 5);
    let (calls, ledger) = (stage.calls(), crate::stage::ledger_bytes(&stage));
    tokio::time::sleep(Duration::from_secs(11)).await;
    let made = stage.calls() - calls;
    assert!((2..=6).contains(&made), "{made} calls in two or three passes");
    assert_eq!(crate::stage::ledger_bytes(&stage), ledger);
    daemon.stop().await;
}

#[tokio::test]
async fn a_branch_that_is_away_holds_up_no_other_and_is_received_when_it_is_back() {
    let stage = Stage::with(2, "every = \"5s\"", |_| {}).await;
    let switch = away(&stage, "b2");
    switch.store(true, Ordering::Relaxed);
    stage.branches.iter().for_each(|branch| drop(branch.sell_random(5, 1)));
    let daemon = Running::start(&stage).await;
    until("the other one", 10, at_central(&stage, 5)).await;
    daemon.says("1 not answering").await;
    stage.branches[0].sell_random(5, 2);
    until("the other one goes on", 15, at_central(&stage, 10)).await;
    switch.store(false, Ordering::Relaxed);
    until("back", 60, at_central(&stage, 15)).await;
    daemon.says("0 not answering").await;
    daemon.stop().await;
    stage.assert_exactly_once();
}

#[tokio::test]
async fn while_central_is_away_branches_are_kept_and_written_when_it_is_back() {
    let stage = Stage::with(2, "every = \"5s\"", |_| {}).await;
    let switch = away(&stage, "central");
    switch.store(true, Ordering::Relaxed);
    stage.branches.iter().for_each(|branch| drop(branch.sell_random(5, 1)));
    let daemon = Running::start(&stage).await;
    daemon.says("central does not answer").await;
    until("kept", 20, || stage.log(Filter { state: Some(State::Pending), ..Filter::default() }).len() == 10).await;
    let asked = stage.calls();
    stage.branches[0].sell_random(5, 2);
    until("kept on", 20, || stage.log(Filter { state: Some(State::Pending), ..Filter::default() }).len() == 15).await;
    assert!(stage.calls() - asked < 60, "no storm: {} calls", stage.calls() - asked);
    switch.store(false, Ordering::Relaxed);
    until("written", 90, at_central(&stage, 15)).await;
    daemon.stop().await;
    stage.assert_exactly_once();
}

#[tokio::test]
async fn new_settings_are_taken_up_and_wrong_ones_change_nothing() {
    let stage = Stage::with(2, "every = \"24h\"", |_| {}).await;
    let daemon = Running::start(&stage).await;
    until("both were passed over", 10, || {
        let state = stage.config().state;
        stage.config().branches.iter().all(|branch| LastPass::load(&state, &branch.code).is_some())
    })
    .await;
    stage.branches.iter().for_each(|branch| drop(branch.sell_random(5, 1)));
    // A slip: nothing changes, and it is said with its line.
    save(&stage, |text| text.replace("every = \"24h\"", "every = \"5 years\""));
    daemon.says("the settings file is not used: ").await;
    assert_eq!(stage.central.count("sale.order"), 0);
    // Gone altogether: the same.
    let file = stage.directory.path().join("branches.toml");
    let aside = stage.directory.path().join("aside.toml");
    std::fs::rename(&file, &aside).unwrap();
    daemon.says("There is no configuration").await;
    std::fs::rename(&aside, &file).unwrap();
    // Corrected: taken up by itself.
    save(&stage, |text| text.replace("every = \"5 years\"", "every = \"5s\""));
    until("the new schedule", 20, at_central(&stage, 10)).await;
    // One branch out: its sales stay where they are.
    save(&stage, |text| text.replace("[branch.b2]", "[branch.b2]\nenabled = false"));
    daemon.says("1 branches").await;
    stage.branches.iter().for_each(|branch| drop(branch.sell_random(5, 2)));
    until("only the other", 15, at_central(&stage, 15)).await;
    // At once, when told so.
    save(&stage, |text| text.replace("\nenabled = false", ""));
    daemon.orders.send(Order::Reload).await.unwrap();
    until("both again", 15, at_central(&stage, 20)).await;
    let news = daemon.stop().await;
    assert!(!news.contains(&News::Reloading) || news.contains(&News::Ready));
    stage.assert_exactly_once();
}

#[tokio::test]
async fn another_state_directory_is_no_change_for_a_running_daemon() {
    let stage = Stage::with(1, "every = \"5s\"", |_| {}).await;
    let daemon = Running::start(&stage).await;
    save(&stage, |text| format!("state = \"elsewhere\"\n{text}"));
    daemon.says("`state` is ").await;
    daemon.stop().await;
    assert!(!stage.directory.path().join("elsewhere").exists());
}

#[tokio::test]
async fn it_stops_in_the_middle_of_a_call_and_the_next_start_makes_it_good() {
    let stage = Stage::with(1, "every = \"5s\"", |_| {}).await;
    stage.branches[0].sell_random(20, 1);
    stage.server.inject(When::call("sale.order", "load"), Mishap::slow_answer(Duration::from_secs(40)));
    save(&stage, |text| text.replace("timeout = \"5s\"", "timeout = \"60s\""));
    let daemon = Running::start(&stage).await;
    until("it has committed, and the answer is on its way", 20, at_central(&stage, 20)).await;
    let began = Instant::now();
    daemon.stop().await;
    let took = began.elapsed();
    // It waits 8 seconds for calls under way, and not the 40 of the answer.
    assert!((Duration::from_secs(7)..Duration::from_secs(20)).contains(&took), "{took:?}");
    assert_eq!(stage.log(Filter { state: Some(State::Done), ..Filter::default() }).len(), 0, "nobody knows");
    let daemon = Running::start(&stage).await;
    until("known now", 20, || stage.log(Filter { state: Some(State::Done), ..Filter::default() }).len() == 20).await;
    daemon.stop().await;
    stage.assert_exactly_once();
}

#[tokio::test]
async fn told_twice_it_does_not_wait() {
    let stage = Stage::with(1, "every = \"5s\"", |_| {}).await;
    stage.branches[0].sell_random(5, 1);
    stage.server.inject(When::call("sale.order", "load"), Mishap::slow_answer(Duration::from_secs(40)));
    save(&stage, |text| text.replace("timeout = \"5s\"", "timeout = \"60s\""));
    let daemon = Running::start(&stage).await;
    until("under way", 20, at_central(&stage, 5)).await;
    let began = Instant::now();
    daemon.orders.send(Order::Stop).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    daemon.stop().await;
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    stage.settle().await;
    stage.assert_exactly_once();
}

#[tokio::test]
async fn there_is_one_daemon_on_a_state_directory() {
    let stage = Stage::new(1).await;
    let daemon = Running::start(&stage).await;
    let second = Service::open(stage.config()).await;
    let Err(StoreError::Locked(held)) = second else { panic!("a second daemon started") };
    assert!(held.by.starts_with(&format!("posbridge run, process {}, since 20", std::process::id())), "{held:?}");
    daemon.stop().await;
    Service::open(stage.config()).await.unwrap();
}

#[tokio::test]
async fn commands_work_beside_the_daemon_and_it_takes_up_what_they_leave() {
    let stage = Stage::with(2, "every = \"24h\"", |branch| branch.products = 41).await;
    stage.branches[0].sell(Sale::new().line(Item::new("ART-0041")));
    let daemon = Running::start(&stage).await;
    until("it waits for its product", 15, || stage.failed().len() == 1).await;
    // A pass by hand, while the daemon runs.
    stage.branches[1].sell_random(3, 1);
    let reports = stage.receive().await;
    assert!(reports.iter().all(|report| report.error.is_none()), "{reports:?}");
    assert_eq!(stage.central.count("sale.order"), 3);
    // A retry that only marks the record: the daemon writes it.
    stage.central.insert("product.product", [("name", "New".into()), ("default_code", "ART-0041".into())]).unwrap();
    stage.store().retry(&Filter { cause: Some("product_not_found".to_owned()), ..Filter::default() }, false, Timestamp::now()).unwrap();
    until("the daemon has written it", 20, at_central(&stage, 4)).await;
    daemon.stop().await;
    stage.assert_exactly_once();
}

#[tokio::test]
async fn a_new_password_is_used_at_once() {
    let stage = Stage::with(1, "every = \"5s\"", |_| {}).await;
    stage.branches[0].sell_random(3, 1);
    stage.branches[0].set_password("bridge", "another one");
    let daemon = Running::start(&stage).await;
    daemon.says("1 not answering").await;
    let logins = stage
        .server
        .stats()
        .calls
        .iter()
        .filter(|((model, method), _)| model == "common" && method == "authenticate")
        .map(|(_, n)| n)
        .sum::<u64>();
    tokio::time::sleep(Duration::from_secs(7)).await;
    let later = stage
        .server
        .stats()
        .calls
        .iter()
        .filter(|((model, method), _)| model == "common" && method == "authenticate")
        .map(|(_, n)| n)
        .sum::<u64>();
    assert_eq!(later, logins, "a refused log-in is left alone");
    stage.branches[0].set_password("bridge", "bridge");
    stage.seal();
    until("received", 20, at_central(&stage, 3)).await;
    daemon.stop().await;
}

#[tokio::test]
async fn what_was_missed_while_no_daemon_ran_is_made_good_by_one_pass() {
    let stage = Stage::with(1, "every = \"24h\"\nstart = 2026-01-01T00:00:00Z", |_| {}).await;
    let config: Config = stage.config();
    let branch = &config.branches[0].code;
    let old = Timestamp::now() - jiff::SignedDuration::from_hours(100);
    stage.receive().await;
    let note = LastPass::load(&config.state, branch).unwrap();
    LastPass { started_at: old, ..note.clone() }.save(&config.state, branch);
    stage.branches[0].sell_random(3, 1);
    let daemon = Running::start(&stage).await;
    until("caught up", 10, at_central(&stage, 3)).await;
    daemon.stop().await;
    // Nothing missed: nothing starts.
    stage.branches[0].sell_random(3, 2);
    let daemon = Running::start(&stage).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(stage.central.count("sale.order"), 3);
    daemon.stop().await;
}

#[tokio::test]
async fn yesterday_is_held_against_central_without_being_asked_and_a_difference_is_told() {
    let stage = Stage::with(1, "every = \"5s\"\n", |_| {}).await;
    let branch = &stage.branches[0];
    let yesterday = posbridge::sync::yesterday(Timestamp::now(), &jiff::tz::TimeZone::UTC);
    branch.stop_clock(&format!("{yesterday} 12:00:00"));
    for _ in 0..3 {
        branch.sell(Sale::new().line(Item::new("ART-0001")));
    }
    branch.close_sessions().unwrap();
    branch.stop_clock(&Timestamp::now().strftime("%Y-%m-%d %H:%M:%S").to_string());
    stage.settle().await;
    stage.central.delete("sale.order", stage.drafts().values().next().unwrap().order.id).unwrap();
    // The last time was two days ago, so it is made good at once.
    let state = stage.config().state;
    let code = stage.config().branches[0].code.clone();
    let long_ago = Timestamp::now().checked_sub(jiff::SignedDuration::from_hours(48)).unwrap();
    posbridge::store::DailyPass { started_at: long_ago, error: None }.save(&state, &code);

    let daemon = Running::start(&stage).await;
    let store = stage.store();
    until("yesterday is compared", 30, || store.day(&code, yesterday).unwrap().is_some()).await;
    let day = store.day(&code, yesterday).unwrap().unwrap();
    assert_eq!((day.verdict.as_str(), day.for_a_person), ("differs", 1));
    until("the look is noted", 10, || {
        posbridge::store::DailyPass::load(&state, &code).is_some_and(|last| last.error.is_none() && last.started_at > long_ago)
    })
    .await;
    // Passes went on meanwhile and go on.
    branch.sell(Sale::new().line(Item::new("ART-0001")));
    until("it is received", 20, at_central(&stage, 3)).await;
    daemon.stop().await;
}
