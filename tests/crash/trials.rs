//! The real program behind a bad link, killed at random moments, twice at once, on a disk that is full: each trial by a seed.
//!
//! `POSBRIDGE_TRIALS` says how many trials (100), `POSBRIDGE_FIRST` the seed of the first (1), `POSBRIDGE_SEED=n` repeats
//! trial n alone and tells its story.

use std::collections::BTreeMap;
use std::process::{Child, Command, Output};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use posbridge::demo::RefundStyle;
use tokio::runtime::Runtime;

use crate::place::Place;
use crate::random::{Random, number};
use crate::support::proxy::{Fault, Proxy, Reply, Request};
use crate::world::{Beginning, End, World, copy_tree, ledger_states, said};

/// Trials that run side by side.
const WORKERS: u64 = 2;

/// Trials after which it says how far it is.
const PROGRESS: u64 = 100;

/// Passes after the last fault until everything is there.
const PASSES: usize = 4;

/// Longest time before a kill: a pass without faults takes about a third of it.
const KILL_WITHIN: usize = 350;

/// Requests before a kill that is told by them: a first pass of two branches makes about forty.
const KILL_WITHIN_REQUESTS: usize = 40;

/// Longest time that a program under faults may take: all its time-outs and pauses fit into it many times.
const HANGS: Duration = Duration::from_secs(90);

/// What the link does, as long as it is bad.
#[derive(Debug, Default)]
struct Link {
    /// Kinds of faults that this trial has; none = a good link.
    kinds: Vec<usize>,
    /// How many requests in a hundred are hit.
    percent: usize,
    /// How many are hit at most.
    left: usize,
    random: Option<Random>,
    fired: BTreeMap<&'static str, u64>,
    /// Requests so far.
    seen: usize,
}

/// Kinds of faults: name, and how many of it at most in a trial (those that make the program wait are rare).
const KINDS: &[&str] = &[
    "reset before",
    "answer dropped",
    "answer cut",
    "delay",
    "trickle",
    "500 though done",
    "502",
    "502 though done",
    "504 though done",
    "413",
    "redirect",
    "login page",
    "login page though done",
    "black hole",
    "503, try after 1 s",
    "429, try after 1 s",
];

/// From here on a fault costs a second or more.
const SLOW: usize = 13;

impl Link {
    fn decide(&mut self, _: &Request) -> Fault {
        self.seen += 1;
        let Some(random) = self.random.as_mut().filter(|_| self.left > 0 && !self.kinds.is_empty()) else { return Fault::None };
        if !random.percent(self.percent) {
            return Fault::None;
        }
        let kind = *random.pick(&self.kinds);
        self.left -= 1;
        if kind >= SLOW {
            // One of them is enough to show it.
            self.kinds.retain(|other| *other != kind);
        }
        *self.fired.entry(KINDS[kind]).or_default() += 1;
        match kind {
            0 => Fault::ResetBefore,
            1 => Fault::DropAnswer,
            2 => Fault::CutAnswer(random.below(3_000)),
            3 => Fault::Delay(Duration::from_millis(random.below(300) as u64)),
            4 => Fault::Trickle(20, Duration::from_millis(random.below(20) as u64)),
            5 => Fault::InsteadOfAnswer(Reply::ERROR),
            6 => Fault::Instead(Reply::BAD_GATEWAY),
            7 => Fault::InsteadOfAnswer(Reply::BAD_GATEWAY),
            8 => Fault::InsteadOfAnswer(Reply::GATEWAY_TIMEOUT),
            9 => Fault::Instead(Reply::TOO_LARGE),
            10 => Fault::Instead(Reply::REDIRECT),
            11 => Fault::Instead(Reply::LOGIN_PAGE),
            12 => Fault::InsteadOfAnswer(Reply::LOGIN_PAGE),
            13 => Fault::BlackHole,
            14 => Fault::Instead(Reply::UNAVAILABLE),
            _ => Fault::Instead(Reply::TOO_MANY),
        }
    }
}

/// When a program is killed: what comes first.
#[derive(Debug, Clone, Copy)]
struct Moment {
    after: Duration,
    /// Requests that the link has seen by then.
    requests: usize,
}

/// What all trials came to.
#[derive(Debug, Default)]
struct Tally(BTreeMap<String, u64>);

impl Tally {
    fn add(&mut self, what: impl Into<String>, n: u64) {
        *self.0.entry(what.into()).or_default() += n;
    }
}

/// One world, for trial after trial.
struct Stand {
    world: World,
    beginning: Beginning,
    link: Arc<Mutex<Link>>,
    // Dropped before the runtime that it runs on.
    _proxy: Proxy,
    _runtime: Runtime,
}

impl Stand {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let world = runtime.block_on(World::new(2));
        let link: Arc<Mutex<Link>> = Arc::default();
        let decide = link.clone();
        let upstream = world.server.url().replace("http://", "");
        let proxy = Proxy::start(runtime.handle(), &upstream, move |request| decide.lock().expect("not poisoned").decide(request));
        let text = world.settings(&proxy.url, &proxy.url, "").replace("timeout = \"5s\"", "timeout = \"1s\"");
        world.place.write(&text);
        world.seal();
        Self { beginning: world.keep(), world, link, _proxy: proxy, _runtime: runtime }
    }
}

/// One trial as it goes.
struct Trial<'s> {
    stand: &'s Stand,
    random: Random,
    story: Vec<String>,
    tally: Tally,
    /// A second state directory, copied from the first in the middle.
    copy: Option<Place>,
}

impl Trial<'_> {
    fn run(&mut self) -> Result<(), String> {
        self.stand.world.put_back(&self.stand.beginning);
        self.sell();
        self.worsen_link();
        for _ in 0..2 + self.random.below(3) {
            self.act()?;
            if self.random.percent(40) {
                self.sell();
            }
        }
        let mut link = self.stand.link.lock().expect("not poisoned");
        link.left = 0;
        for (kind, n) in std::mem::take(&mut link.fired) {
            self.tally.add(format!("fault: {kind}"), n);
        }
        drop(link);
        self.settle()
    }

    fn sell(&mut self) {
        for code in &self.stand.world.codes {
            let count = self.random.below(12);
            let sold = self.stand.world.db(code).sell_random(count, self.random.next());
            if self.random.percent(10) {
                let session = self.stand.world.db(code).session(&format!("Shop {code}"));
                session.map(|session| self.stand.world.db(code).close_session(session));
            } else if let Some(order) = sold.first().filter(|_| self.random.percent(20)) {
                self.stand.world.db(code).refund(*order, RefundStyle::Till);
            }
            self.story.push(format!("{count} orders and more at {code}"));
        }
    }

    fn worsen_link(&mut self) {
        let wanted = 30 + self.random.below(50);
        let kinds: Vec<usize> = (0..KINDS.len()).filter(|_| self.random.percent(wanted)).collect();
        let names: Vec<&str> = kinds.iter().map(|kind| KINDS[*kind]).collect();
        let percent = [0, 10, 30, 60][self.random.below(4)];
        self.story.push(format!("{percent} % of the requests get one of {names:?}"));
        let left = self.random.below(12);
        *self.stand.link.lock().expect("not poisoned") =
            Link { kinds, percent, left, random: Some(Random::new(self.random.next())), fired: BTreeMap::new(), seen: 0 };
    }

    fn act(&mut self) -> Result<(), String> {
        let place = &self.stand.world.place;
        match self.random.below(8) {
            0 => {
                let ran = self.wait(place.command(&["receive"]).spawn().expect("started"), None)?;
                self.note("receive", &ran)
            }
            1 | 2 => {
                let ran = self.kill(place.command(&["receive"]))?;
                self.note("receive, killed", &ran)
            }
            3 => {
                let ran = self.kill(place.command(&["run"]))?;
                self.note("run, killed", &ran)
            }
            4 => {
                let children = [place.command(&["receive"]).spawn(), place.command(&["receive"]).spawn()];
                self.both("two at once", children)
            }
            5 => {
                let copy = Place::new();
                copy_tree(&place.path(""), &copy.path(""));
                let children = [place.command(&["receive"]).spawn(), copy.command(&["receive"]).spawn()];
                self.copy = Some(copy);
                self.both("two state directories at once", children)
            }
            // A limit that kills, and one that only lets writing fail, as on a full disk.
            6 => {
                let ran = self.limited("")?;
                self.note("file limit that kills", &ran)
            }
            _ => {
                let ran = self.limited("trap '' XFSZ; ")?;
                self.note("file limit", &ran)
            }
        }
    }

    fn both(&mut self, what: &str, children: [std::io::Result<Child>; 2]) -> Result<(), String> {
        let children = children.map(|child| child.expect("started"));
        let moment = if self.random.percent(40) { Some(self.moment()) } else { None };
        let [first, second] = children;
        let first = self.wait(first, moment)?;
        let second = self.wait(second, None)?;
        self.note(what, &first)?;
        self.note(what, &second)
    }

    /// Kills it after a random time; it may have ended before.
    fn kill(&mut self, mut command: Command) -> Result<Output, String> {
        let moment = self.moment();
        self.wait(command.spawn().expect("started"), Some(moment))
    }

    fn moment(&mut self) -> Moment {
        let requests = self.stand.link.lock().expect("not poisoned").seen + 1 + self.random.below(KILL_WITHIN_REQUESTS);
        if self.random.percent(50) {
            Moment { after: Duration::from_millis(self.random.below(KILL_WITHIN) as u64), requests: usize::MAX }
        } else {
            // The daemon would not end, and neither would a pass with fewer requests be killed.
            Moment { after: Duration::from_secs(2), requests }
        }
    }

    /// A pass whose files may not grow over so many KiB.
    fn limited(&mut self, before: &str) -> Result<Output, String> {
        let kib = [0, 4, 40, 60, 120, 180, 300][self.random.below(7)];
        let mut command = Command::new("bash");
        command.args(["-c", &format!("{before}ulimit -f {kib}; exec \"$0\" receive"), env!("CARGO_BIN_EXE_posbridge")]);
        self.stand.world.place.settle(&mut command);
        self.story.push(format!("{kib} KiB"));
        self.wait(command.spawn().expect("started"), None)
    }

    /// Waits until it ends, and kills it at this moment of its life.
    fn wait(&mut self, mut child: Child, kill: Option<Moment>) -> Result<Output, String> {
        let began = Instant::now();
        loop {
            let seen = || self.stand.link.lock().expect("not poisoned").seen;
            let over = kill.is_some_and(|moment| began.elapsed() >= moment.after || seen() >= moment.requests);
            if over || began.elapsed() > HANGS {
                child.kill().map_err(|error| error.to_string())?;
            }
            if over || child.try_wait().map_err(|error| error.to_string())?.is_some() {
                return child.wait_with_output().map_err(|error| error.to_string());
            }
            if began.elapsed() > HANGS {
                return Err(format!("it hung for {HANGS:?}"));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Notes how a run ended; what must never be said or happen is an error.
    fn note(&mut self, what: &str, ran: &Output) -> Result<(), String> {
        const XFSZ: i32 = 25;
        let end = End::of(ran);
        let (drafts, paid) = (self.stand.world.central().count("sale.order"), self.stand.world.paid());
        self.story.push(format!("{what}: {end:?}, {drafts} of {paid} drafts"));
        self.tally.add(format!("run: {what}"), 1);
        if end == End::KILLED {
            self.tally.add("kills", 1);
            self.tally.add("kills with some, but not all drafts written", u64::from(drafts > 0 && drafts < paid));
        }
        let fine = matches!(end, End::Exit(0 | 1 | 3) | End::KILLED | End::Signal(XFSZ));
        if !fine || said(ran).contains("panicked") {
            return Err(format!("{what}: {}", said(ran)));
        }
        Ok(())
    }

    /// Without faults all is well within a few passes, and then an idle one writes nothing.
    fn settle(&mut self) -> Result<(), String> {
        let copy = self.copy.take();
        let world = &self.stand.world;
        for place in [Some(&world.place), copy.as_ref()].into_iter().flatten() {
            let mut passes = 0;
            loop {
                let ran = self.wait(place.command(&["receive"]).spawn().expect("started"), None)?;
                self.note("receive, at last", &ran)?;
                passes += 1;
                if End::of(&ran) == End::Exit(0) {
                    break;
                }
                if passes == PASSES {
                    return Err(format!("not done after {PASSES} passes: {}", said(&ran)));
                }
            }
            let states = ledger_states(&place.path("state"));
            if states != BTreeMap::from([("done".to_owned(), world.paid())]) && world.paid() > 0 {
                return Err(format!("the ledger says {states:?}, {} orders are paid", world.paid()));
            }
        }
        let wrong = world.violations();
        if !wrong.is_empty() {
            return Err(format!("{wrong:#?}"));
        }
        let (writes, bytes) = (world.writes(), world.ledger_bytes());
        let ran = self.wait(world.place.command(&["receive"]).spawn().expect("started"), None)?;
        if End::of(&ran) != End::Exit(0) || world.writes() != writes || world.ledger_bytes() != bytes {
            return Err(format!("an idle pass wrote something: {} and {} writes; {}", writes, world.writes(), said(&ran)));
        }
        self.tally.add("orders", world.paid() as u64);
        Ok(())
    }
}

fn trial(stand: &Stand, seed: u64) -> (Tally, Vec<String>, Result<(), String>) {
    let random = Random::new(seed.wrapping_mul(0x1000_0000_01b3));
    let mut trial = Trial { stand, random, story: Vec::new(), tally: Tally::default(), copy: None };
    let result = trial.run();
    (trial.tally, trial.story, result)
}

#[test]
fn whatever_happens_each_order_is_at_central_once() {
    if let Some(seed) = number("POSBRIDGE_SEED") {
        let (_, story, result) = trial(&Stand::new(), seed);
        println!("{}", story.join("\n"));
        result.unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        return;
    }
    let (trials, first) = (number("POSBRIDGE_TRIALS").unwrap_or(100), number("POSBRIDGE_FIRST").unwrap_or(1));
    let (next, tally, wrong) = (AtomicU64::new(first), Mutex::new(Tally::default()), Mutex::new(Vec::new()));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let stand = Stand::new();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + trials {
                        break;
                    }
                    if seed > first && (seed - first).is_multiple_of(PROGRESS) {
                        println!("{} trials, {:?}", seed - first, began.elapsed());
                    }
                    let (counted, story, result) = trial(&stand, seed);
                    for (what, n) in counted.0 {
                        tally.lock().expect("not poisoned").add(what, n);
                    }
                    if let Err(found) = result {
                        let told = format!("seed {seed}:\n{}\n{found}", story.join("\n"));
                        println!("{told}");
                        wrong.lock().expect("not poisoned").push(told);
                    }
                }
            });
        }
    });
    println!("{trials} trials, seeds {first} to {}, in {:?}", first + trials - 1, began.elapsed());
    for (what, n) in &tally.lock().expect("not poisoned").0 {
        println!("{n:8} {what}");
    }
    let wrong = wrong.into_inner().expect("not poisoned");
    assert!(wrong.is_empty(), "{} of {trials} trials failed, the first: {}", wrong.len(), wrong[0]);
    let tally = tally.into_inner().expect("not poisoned").0;
    assert!(trials < 50 || tally.get("kills with some, but not all drafts written").is_some_and(|n| *n > 0), "the kills hit nothing");
}
