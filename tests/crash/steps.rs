//! Killed at each durable step: for every verb that writes, the n-th step for n = 1, 2, … until the program ends by itself.
//! After each kill it is run again; then both sides and the ledger have to be what they are without a kill, and one run more
//! changes nothing anywhere.

use posbridge::demo::{Item, RefundStyle, Sale};

use crate::world::{End, World, difference, said};

/// More steps than any of these runs has: a run that is still killed there never ends.
const MOST_STEPS: u64 = 400;

/// What is killed, and what follows.
struct Scenario {
    name: &'static str,
    /// The run that is killed, and is run again after it.
    verb: &'static [&'static str],
    input: Option<&'static str>,
    /// What a person types afterwards, in both cases.
    then: &'static [&'static [&'static str]],
    /// Exit statuses of the second try, besides the one without a kill: the first may have done its work already.
    again: &'static [i32],
    /// The second try may do the work once more, as a person asked: its attempts are noted, too.
    twice: bool,
    /// Steps that there must be at least, so that the sweep cannot shrink unseen.
    least: u64,
    /// Only each nth step, unless `POSBRIDGE_STEPS=all`: a `send` has hundreds that are alike.
    each: usize,
}

impl Default for Scenario {
    fn default() -> Self {
        Self { name: "", verb: &["receive"], input: None, then: &[], again: &[], twice: false, least: 4, each: 1 }
    }
}

/// How everything stands when all is done.
struct Finish {
    status: End,
    tables: Vec<String>,
    ledger: Vec<String>,
}

impl Scenario {
    /// Kills at every step, or at each nth. How many kills that were.
    fn sweep(&self, world: &World) -> u64 {
        let beginning = world.keep();
        let first = world.run(self.verb, self.input);
        let status = End::of(&first);
        assert!(matches!(status, End::Exit(0 | 3)), "{}: {}", self.name, said(&first));
        let mut wanted = self.finish(world, status);
        if self.twice {
            wanted.ledger.dedup();
        }
        let mut kills = 0;
        let each = if std::env::var("POSBRIDGE_STEPS").is_ok_and(|steps| steps == "all") { 1 } else { self.each };
        for step in (1..=MOST_STEPS).step_by(each) {
            world.put_back(&beginning);
            if !self.kill_at(world, step, &wanted) {
                break;
            }
            kills += 1;
            assert!(kills < MOST_STEPS, "{} never ends", self.name);
        }
        println!("{}: {kills} kills", self.name);
        assert!(kills >= self.least, "{} was killed {kills} times only", self.name);
        kills
    }

    /// Whether there is such a step; if so, all is well after it.
    fn kill_at(&self, world: &World, step: u64, wanted: &Finish) -> bool {
        let place = || format!("{}, killed at step {step}", self.name);
        let killed = world.killed_at(self.verb, self.input, step);
        if End::of(&killed) != End::KILLED {
            assert_eq!(End::of(&killed), wanted.status, "{}: {}", place(), said(&killed));
            return false;
        }
        let again = world.run(self.verb, self.input);
        let status = End::of(&again);
        let allowed = self.again.iter().any(|other| status == End::Exit(*other));
        assert!(status == wanted.status || allowed, "{}, then: {}", place(), said(&again));
        let mut found = self.finish(world, wanted.status);
        if self.twice {
            found.ledger.dedup();
        }
        if let Some(difference) = difference(&wanted.tables, &found.tables) {
            panic!("{}: the sides differ: {difference}", place());
        }
        if let Some(difference) = difference(&wanted.ledger, &found.ledger) {
            panic!("{}: the ledger differs: {difference}", place());
        }
        true
    }

    /// What follows, then once more: that changes nothing.
    fn finish(&self, world: &World, status: End) -> Finish {
        for verb in self.then {
            let ran = world.run(verb, None);
            assert!(matches!(End::of(&ran), End::Exit(0 | 3)), "{}, then {verb:?}: {}", self.name, said(&ran));
        }
        let finish = Finish { status, tables: world.tables(), ledger: world.ledger() };
        let (writes, bytes) = (world.writes(), world.ledger_bytes());
        let idle = self.then.last().copied().unwrap_or(self.verb);
        if idle[0] == "receive" || idle[0] == "send" {
            let ran = world.run(idle, None);
            assert!(matches!(End::of(&ran), End::Exit(0 | 3)), "{}, once more: {}", self.name, said(&ran));
            assert_eq!(world.writes(), writes, "{}: an idle run wrote: {}", self.name, said(&ran));
            if world.ledger_bytes() != bytes {
                let now = world.ledger();
                panic!("{}: an idle run changed the ledger: {:?}", self.name, difference(&finish.ledger, &now));
            }
        }
        finish
    }
}

const RECEIVE: &[&[&str]] = &[&["receive"]];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_pass_of_a_branch() {
    let world = World::sealed(1).await;
    world.branch().sell_random(12, 7);
    // Central keeps two decimals of a quantity, so this one is adjusted.
    world.branch().sell(Sale::new().line(Item::new("ART-0004").qty("0.125").price("7.90")));
    Scenario { name: "receive, the first pass", least: 20, ..Scenario::default() }.sweep(&world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pass_that_finds_more() {
    let world = World::sealed(1).await;
    world.branch().sell_random(6, 7);
    received(&world);
    let order = world.branch().sell_random(4, 8)[0];
    world.branch().refund(order, RefundStyle::Till);
    Scenario { name: "receive, a later pass", least: 16, ..Scenario::default() }.sweep(&world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_that_cannot_be_written() {
    let world = World::sealed(1).await;
    unknown_product(&world);
    world.branch().sell_random(3, 7);
    Scenario { name: "receive, with orders that cannot be written", least: 16, ..Scenario::default() }.sweep(&world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_of_what_was_mended() {
    let world = World::sealed(1).await;
    unknown_product(&world);
    world.branch().sell_random(2, 7);
    received(&world);
    let there = world.central().find("product.product", "default_code", "ART-0002").expect("seeded").id;
    world.central().update("product.product", there, [("default_code", "NEW-1".into())]).expect("known");
    let verb = &["retry", "--cause", "product_not_found"];
    // Nothing may be left to retry, and that is said by 1.
    Scenario { name: "retry", verb, then: RECEIVE, again: &[1], least: 8, ..Scenario::default() }.sweep(&world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_that_a_person_wants_back() {
    let world = World::sealed(1).await;
    world.branch().sell_random(3, 7);
    received(&world);
    let deleted = world.central().sale_orders()[1].order.id;
    world.central().delete("sale.order", deleted).expect("there");
    let verb = &["retry", "2", "--recreate"];
    Scenario { name: "retry --recreate", verb, then: RECEIVE, twice: true, least: 8, ..Scenario::default() }.sweep(&world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_that_a_person_ignores() {
    let world = World::sealed(1).await;
    unknown_product(&world);
    received(&world);
    let verb = &["ignore", "--cause", "product_not_found", "--reason", "test sales"];
    Scenario { name: "ignore", verb, then: RECEIVE, again: &[1], least: 2, ..Scenario::default() }.sweep(&world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_password() {
    let world = World::new(1).await;
    world.branch().sell_random(2, 7);
    // The rest of the passwords is set after it; the ledger and the key are made by the first.
    let scenario =
        Scenario { name: "secret set, the first", verb: &["secret", "set", "central"], input: Some("bridge\n"), ..Scenario::default() };
    scenario.sweep(&world);
    world.place.seal("tirana");
    received(&world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_key() {
    let world = World::sealed(2).await;
    world.branch().sell_random(2, 7);
    // The passes show that every password is still opened.
    Scenario { name: "secret rotate", verb: &["secret", "rotate"], then: RECEIVE, least: 6, ..Scenario::default() }.sweep(&world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup() {
    let world = World::sealed(1).await;
    world.branch().sell_random(5, 7);
    received(&world);
    let verb = &["backup", "copy.sqlite"];
    // A copy that is there is not written over, and that is said by 1; it is whole, or the restore would refuse it.
    let then: &[&[&str]] = &[&["restore", "copy.sqlite", "--yes"], &["receive"]];
    Scenario { name: "backup", verb, then, again: &[1], least: 4, ..Scenario::default() }.sweep(&world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore() {
    let world = World::sealed(1).await;
    world.branch().sell_random(5, 7);
    received(&world);
    assert_eq!(End::of(&world.run(&["backup", "copy.sqlite"], None)), End::Exit(0));
    world.branch().sell_random(5, 8);
    received(&world);
    let verb = &["restore", "copy.sqlite", "--yes"];
    Scenario { name: "restore", verb, then: RECEIVE, least: 8, ..Scenario::default() }.sweep(&world);
}

/// A ledger of each older version.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_of_an_older_version() {
    for (name, schema) in [("v1", include_str!("../../src/store/states/v1.sql")), ("v2", include_str!("../../src/store/states/v2.sql"))] {
        let world = World::new(1).await;
        std::fs::create_dir(world.state()).expect("new");
        rusqlite::Connection::open(world.state().join("posbridge.sqlite")).and_then(|db| db.execute_batch(schema)).expect("a fixture");
        let verb = &["log"];
        println!("{name}");
        Scenario { name: "log, over an older ledger", verb, least: 2, ..Scenario::default() }.sweep(&world);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn master_data_that_is_sent() {
    let world = World::sending().await;
    Scenario { name: "send", verb: &["send"], then: &[&["send"]], least: 16, each: 7, ..Scenario::default() }.sweep(&world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn master_data_that_changed() {
    let world = World::sending().await;
    // The second run finds what came into being by the first.
    for _ in 0..2 {
        assert_eq!(End::of(&world.run(&["send"], None)), End::Exit(0));
    }
    change_products(&world);
    Scenario { name: "send, what changed", verb: &["send"], least: 10, each: 5, ..Scenario::default() }.sweep(&world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn master_data_that_is_queued() {
    let world = World::sending().await;
    let verb = &["send", "--queue"];
    Scenario { name: "send --queue", verb, then: &[&["send"], &["send"]], least: 6, each: 5, ..Scenario::default() }.sweep(&world);
}

/// The daemon: it ends when it is told to, after its first passes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemon() {
    let world = World::sealed(2).await;
    let url = world.server.url();
    // One that nobody answers: what is to be told is kept.
    let alerts = "[alerts.webhook]\nurl = \"http://127.0.0.1:9/hook\"\n";
    world.place.write(&format!("{}{alerts}", world.settings(&url, &url, "")));
    world.branch().sell_random(4, 7);
    unknown_product(&world);
    let beginning = world.keep();
    let rest = Scenario { name: "run", then: RECEIVE, ..Scenario::default() };
    assert_eq!(daemon(&world, 0), End::Exit(0));
    assert!(world.state().join("alerts.json").exists(), "an alert is kept");
    let wanted = rest.finish(&world, End::Exit(0));
    let mut kills = 0;
    for step in 1..=MOST_STEPS {
        world.put_back(&beginning);
        if daemon(&world, step) != End::KILLED {
            break;
        }
        kills += 1;
        assert_eq!(daemon(&world, 0), End::Exit(0), "run, after a kill at step {step}");
        let found = rest.finish(&world, End::Exit(0));
        let different = difference(&wanted.tables, &found.tables).or_else(|| difference(&wanted.ledger, &found.ledger));
        assert_eq!(different, None, "run, killed at step {step}");
    }
    println!("run: {kills} kills");
    assert!(kills > 20, "{kills} kills");
}

/// Runs the daemon until its first passes are over and its alerts are kept, or it is killed at a step.
fn daemon(world: &World, step: u64) -> End {
    let log = std::fs::File::create(world.place.path("log")).expect("ours");
    let mut command = world.place.command(&["run"]);
    let mut child = command.env("POSBRIDGE_KILL_AT", step.to_string()).stderr(log).spawn().expect("started");
    let noted = ["pass-tirana.json", "pass-durres.json", "alerts.json"].map(|name| world.state().join(name));
    // Of this run, not of the one that was killed.
    let began = std::time::SystemTime::now();
    let is_new = |file: &std::path::PathBuf| file.metadata().and_then(|file| file.modified()).is_ok_and(|at| at >= began);
    for _ in 0..1_000 {
        if let Some(status) = child.try_wait().expect("ours") {
            return End::of_status(status);
        }
        if noted[..2].iter().all(is_new) && noted[2].exists() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let pid = rustix::process::Pid::from_child(&child);
    // It may be dead by now, at its last step.
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    End::of_status(child.wait().expect("ours"))
}

fn received(world: &World) {
    let ran = world.run(&["receive"], None);
    assert!(matches!(End::of(&ran), End::Exit(0 | 3)), "{}", said(&ran));
}

/// Two orders of a product that central does not know yet.
fn unknown_product(world: &World) {
    let branch = world.branch();
    let unknown = branch.find("product.product", "default_code", "ART-0002").expect("seeded").id;
    branch.update("product.product", unknown, [("default_code", "NEW-1".into()), ("barcode", "999".into())]).expect("known");
    for price in ["10", "20"] {
        branch.sell(Sale::new().line(Item::new("NEW-1").price(price)).pay("Cash", price));
    }
}

fn change_products(world: &World) {
    let central = world.central();
    for (reference, price) in [("NEW-0001", 3.5), ("NEW-0002", 4.5), ("ART-0004", 5.5)] {
        let product = central.find("product.template", "default_code", reference).expect("seeded").id;
        central.update("product.template", product, [("list_price", price.into())]).expect("known");
    }
}
