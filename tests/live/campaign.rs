//! The campaign: many faults of one kind, then central against the branches field by field, and a pass that may write
//! nothing. How many of each, and what they have shown: README.md beside this file.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;

use crate::rig::{BRANCHES, Bridge, Rig, SOLD, Start, begin};
use crate::support::proxy::{Fault, Proxy, Reply, Request};

/// How many of each fault.
struct Scale {
    dropped_answers: usize,
    late_commits: usize,
    odoo_kills: usize,
    odoo_restarts: usize,
    lost_databases: usize,
    own_kills: usize,
    contests: usize,
}

static SCALE: LazyLock<Scale> = LazyLock::new(|| match std::env::var("POSBRIDGE_CAMPAIGN").as_deref() {
    Ok("full") => {
        Scale { dropped_answers: 500, late_commits: 50, odoo_kills: 50, odoo_restarts: 5, lost_databases: 20, own_kills: 200, contests: 30 }
    }
    Ok("ci") | Err(_) => {
        Scale { dropped_answers: 40, late_commits: 4, odoo_kills: 4, odoo_restarts: 1, lost_databases: 2, own_kills: 12, contests: 3 }
    }
    Ok(other) => panic!("POSBRIDGE_CAMPAIGN is ci or full, not {other}"),
});

/// Orders that a call of `load` carries at most, so that there are many calls to disturb.
const ORDERS_A_CALL: usize = 4;

/// Passes after which everything must be there.
const PASSES: usize = 20;

#[test]
fn answers_dropped_after_the_commit() {
    /// Eight first batches of a branch, each of 200 rows.
    const MOST_AT_ONCE: usize = 400;
    let rig = begin(Start::Sold);
    let drops = |request: &Request| request.first && !too_large(request) && request.calls("load");
    let proxy = rig.proxy(move |request| match drops(request) {
        true => Fault::DropAnswer,
        false if too_large(request) => Fault::Instead(Reply::TOO_LARGE),
        false => Fault::None,
    });
    let bridge = behind(&rig, &proxy, &[("writers", "8")]);
    let (mut orders, mut dropped, mut created) = (2 * SOLD, 0, 0);
    while dropped < SCALE.dropped_answers {
        let more = (SCALE.dropped_answers - dropped).min(MOST_AT_ONCE);
        orders += sell_again(&rig, more);
        bridge.settle(PASSES);
        let requests = proxy.take();
        let lost: Vec<&Request> = requests.iter().filter(|request| drops(request)).collect();
        assert!(lost.iter().all(|request| committed(request)), "an answer was dropped of a call that had not committed");
        dropped += lost.len();
        created += lost.iter().map(|request| external_ids(request).len()).sum::<usize>();
    }
    proved(&rig, &bridge, orders);
    println!("{dropped} answers dropped after the commit of {created} records: {orders} orders, none lost, none doubled");
}

#[test]
fn calls_given_up_that_commit_later() {
    const GIVES_UP: Duration = Duration::from_secs(3);
    const AT_ONCE: usize = 6;
    let rig = begin(Start::Sold);
    let proxy = rig.proxy(|_| Fault::None);
    let mut bridge = behind(&rig, &proxy, &[]);
    bridge.settle(PASSES);
    // Whatever writes an order commits this much later.
    rig.sql(
        "central",
        "create function late() returns trigger language plpgsql as 'begin perform pg_sleep(3.2 + 3 * random()); return null; end';
         create trigger late after insert on sale_order for each statement execute function late()",
    );
    bridge.set("central", "timeout", "\"3s\"");
    bridge.save();
    proxy.take();
    let (mut orders, mut late, mut before, mut after) = (2 * SOLD, 0, 0, 0);
    while late < SCALE.late_commits {
        orders += sell_again(&rig, AT_ONCE);
        bridge.settle(PASSES);
        let loads: Vec<Request> = answered(&proxy).into_iter().filter(|request| request.calls("load")).collect();
        for given_up in loads.iter().filter(|request| committed(request) && took(request) > GIVES_UP) {
            late += 1;
            let of = external_ids(given_up);
            let again = |request: &&Request| request.came > given_up.came && !of.is_disjoint(&external_ids(request));
            let (early, tardy): (Vec<&Request>, _) = loads.iter().filter(again).partition(|request| request.came < ended(given_up));
            before += early.len();
            after += tardy.len();
        }
    }
    rig.sql("central", "drop trigger late on sale_order");
    assert!(before > 0 && after > 0, "{before} repetitions before the commit, {after} after it");
    proved(&rig, &bridge, orders);
    println!("{late} late commits, looked for {before} times before and {after} times after the commit: none doubled");
}

#[test]
fn odoo_killed_in_the_middle_of_calls() {
    const AT_ONCE: usize = 16;
    /// Few enough that the passes get on.
    const KILLS_AT_ONCE: usize = 10;
    let rig = begin(Start::Sold);
    let server = Workers::start(&rig);
    let killer = Arc::new(Killer::new(&rig));
    let armed = killer.clone();
    let proxy = rig.proxy(move |request| {
        if too_large(request) {
            return Fault::Instead(Reply::TOO_LARGE);
        }
        if request.first && request.calls("load") {
            armed.trigger();
        }
        Fault::None
    });
    let bridge = behind(&rig, &proxy, &[]);
    let mut orders = 2 * SOLD;
    let mut dead: Vec<Request> = Vec::new();
    for (victim, wanted) in
        [(Victim::Worker, SCALE.odoo_kills), (Victim::Server, SCALE.odoo_restarts), (Victim::Database, SCALE.lost_databases)]
    {
        let (mut hits, mut calls, mut rounds) = (0, 0, 0);
        while hits < wanted {
            rounds += 1;
            assert!(rounds <= 4 * wanted, "{hits} of {wanted} kills hit a call");
            orders += sell_again(&rig, AT_ONCE);
            killer.arm(victim, if victim == Victim::Server { 1 } else { (wanted - hits).min(KILLS_AT_ONCE) });
            if victim == Victim::Server {
                bridge.receive();
                server.start_again();
            }
            bridge.settle(PASSES);
            killer.disarm();
            let loads: Vec<Request> = answered(&proxy).into_iter().filter(|request| request.calls("load") && !too_large(request)).collect();
            let of = |kill: &SystemTime| loads.iter().filter(|call| !committed(call) && (call.came..=ended(call)).contains(kill)).count();
            let kills = killer.take();
            hits += kills.iter().filter(|kill| of(kill) > 0).count();
            let whole: Vec<Duration> = loads.iter().filter(|call| committed(call)).map(took).collect();
            killer.kill_within(whole.iter().sum::<Duration>().div_f64(whole.len().max(1) as f64).mul_f64(1.1));
            let failed: Vec<Request> = loads.iter().filter(|call| !committed(call)).cloned().collect();
            calls += failed.len();
            dead.extend(failed);
        }
        println!("{hits} kills of {victim:?} in the middle of {calls} calls");
    }
    drop(server);
    let kept = all_or_nothing(&rig, &dead);
    proved(&rig, &bridge, orders);
    let calls = dead.len();
    println!("{calls} calls died, {kept} after their commit, none in part: {orders} orders, none lost, none doubled");
}

#[test]
fn the_bridge_killed_at_random_moments() {
    const AT_ONCE: usize = 8;
    // After so many kills a pass is left to end: what waits would grow, and no pass come to its writing any more.
    const IN_A_ROW: usize = 5;
    let rig = begin(Start::Sold);
    let mut bridge = Bridge::ready(&rig, rig.url());
    for branch in BRANCHES {
        bridge.set(branch, "every", "\"5s\"");
    }
    bridge.save();
    bridge.receive().expect(0);
    let mut orders = 2 * SOLD + sell_again(&rig, AT_ONCE);
    let began = Instant::now();
    bridge.receive().expect(0);
    let whole = began.elapsed();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut early, mut midway, mut written) = (0, 0, orders);
    for kill in 0..SCALE.own_kills {
        orders += sell_again(&rig, AT_ONCE);
        let verb = if kill % 4 == 3 { "run" } else { "receive" };
        let mut child = bridge.command(&[verb]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("posbridge");
        std::thread::sleep(whole.mul_f64(1.1 * random.part()));
        child.kill().expect("kill -9");
        child.wait().expect("its end");
        let now = rig.bound().len();
        early += usize::from(now == written);
        midway += usize::from(now > written && now < orders);
        written = now;
        if kill % IN_A_ROW == IN_A_ROW - 1 {
            bridge.receive().expect(0);
            written = orders;
        }
        if kill % 50 == 49 {
            println!("{} kills so far: {early} before it wrote, {midway} while it did", kill + 1);
        }
    }
    proved(&rig, &bridge, orders);
    let kills = SCALE.own_kills;
    println!("{kills} kills of the bridge, {early} before it wrote, {midway} while it did: {orders} orders, none lost, none doubled");
    assert!(midway * 20 >= kills, "only {midway} of {kills} kills hit the writing");
}

#[test]
fn two_daemons_at_once() {
    let rig = begin(Start::Sold);
    let proxies = [rig.proxy(|_| Fault::None), rig.proxy(|_| Fault::None)];
    let mut one = behind(&rig, &proxies[0], &[("writers", "8")]);
    for branch in BRANCHES {
        one.set(branch, "every", "\"5s\"");
    }
    one.save();
    one.settle(PASSES);
    let mut other = one.copied();
    other.set("central", "url", &format!("\"{}\"", proxies[1].url));
    other.install();
    let mut orders = 2 * SOLD;

    let first = started(&one);
    let second = one.say(&["run"]).expect(1);
    assert!(second.err.contains(&format!("posbridge run, process {}", first.id())), "{second:?}");
    let copy = started(&other);
    for contest in 0..SCALE.contests {
        orders += sell_again(&rig, 16);
        wait_for(&rig, orders);
        if contest == 0 {
            let second = other.say(&["run"]).expect(1);
            assert!(second.err.contains(&format!("posbridge run, process {}", copy.id())), "{second:?}");
        }
    }
    for daemon in [first, copy] {
        stop(daemon);
    }
    let [mine, its] = proxies.each_ref().map(|proxy| {
        let loads = answered(proxy).into_iter().filter(|request| request.calls("load"));
        loads.flat_map(|request| external_ids(&request)).collect::<BTreeSet<String>>()
    });
    let both = mine.intersection(&its).count();
    for bridge in [&one, &other] {
        proved(&rig, bridge, orders);
    }
    println!(
        "{} contests of two daemons on copies of one state, {both} orders sent by both: {orders} orders, none doubled",
        SCALE.contests
    );
    assert!(both > 0, "they never wrote the same order");
}

#[test]
fn central_restored_from_a_backup() {
    let rig = begin(Start::Sold);
    let bridge = Bridge::ready(&rig, rig.url());
    bridge.receive().expect(0);
    rig.tool("copy", &["central", "kept_central"]);
    let kept = rig.bound();
    let vanishing = sell_again(&rig, 8);
    bridge.receive().expect(0);
    rig.compare(&bridge, 2 * SOLD + vanishing, &[]);
    rig.tool("copy", &["kept_central", "central"]);
    let reusing = sell_again(&rig, 8);
    // What is done is not sent again by itself, whoever else has its number now.
    for _ in 0..3 {
        let run = bridge.receive();
        assert!(matches!(run.status, Some(0 | 3)), "{run:?}");
        rig.assert_drafts(2 * SOLD + reusing);
    }
    let bound = rig.bound();
    assert!(kept.iter().all(|(name, id)| bound.get(name) == Some(id)), "what the backup had stays");
    let (_, found) = rig.compare_any(&bridge, &[]);
    assert_eq!((found["missing"].as_array().map(Vec::len), &found["different"]), (Some(vanishing), &json!([])), "{found}");
    let log = bridge.log(&["--state", "done"]);
    let missing: BTreeSet<&str> = found["missing"].as_array().into_iter().flatten().filter_map(|order| order["order"].as_str()).collect();
    let key = |record: &serde_json::Value| format!("{}:{}", record["branch"].as_str().unwrap_or_default(), record["remote_id"]);
    let gone: Vec<String> =
        log.iter().filter(|record| missing.contains(key(record).as_str())).map(|record| record["id"].to_string()).collect();
    assert_eq!(gone.len(), vanishing, "the ledger knows them");

    // A person says so: each once, however often it is said.
    for _ in 0..2 {
        let args: Vec<&str> = ["retry"].into_iter().chain(gone.iter().map(String::as_str)).chain(["--recreate"]).collect();
        bridge.run(&args);
    }
    for branch in BRANCHES {
        bridge.run(&["retry", "--branch", branch]);
    }
    proved(&rig, &bridge, 2 * SOLD + vanishing + reusing);
    println!("{vanishing} orders vanished with a restored central, {reusing} got their numbers: sent again when asked, each once");
}

/// A bridge that reaches central through a proxy, and the branches directly.
fn behind(rig: &Rig, proxy: &Proxy, settings: &[(&str, &str)]) -> Bridge {
    let mut bridge = Bridge::ready(rig, rig.url());
    bridge.set("central", "url", &format!("\"{}\"", proxy.url));
    for (key, value) in settings {
        bridge.set("central", key, value);
    }
    bridge.install();
    bridge
}

/// Everything that was sold is at central once, as it was sold, and another pass writes nothing.
fn proved(rig: &Rig, bridge: &Bridge, orders: usize) {
    bridge.settle(PASSES);
    rig.compare(bridge, orders, &[]);
    rig.assert_drafts(orders);
    assert_eq!(bridge.log(&["--state", "done"]).len(), orders, "the ledger says so");
    let (central, ledger) = (rig.fingerprint(), bridge.ledger());
    let quiet = (0..3).any(|_| {
        let before = rig.next_write();
        bridge.receive().expect(0);
        assert_eq!(rig.fingerprint(), central, "central after a pass without anything new");
        assert_eq!(bridge.ledger(), ledger, "the ledger after a pass without anything new");
        // PostgreSQL's own housekeeping writes now and then as well.
        before == rig.next_write()
    });
    assert!(quiet, "a pass without anything new writes in a database");
}

/// Sells so many plain orders of before once more at each branch, in no time; gives how many there are more.
fn sell_again(rig: &Rig, at_each: usize) -> usize {
    for branch in BRANCHES {
        rig.sql(branch, &SELL_AGAIN.replace("$count", &at_each.to_string()));
    }
    BRANCHES.len() * at_each
}

const SELL_AGAIN: &str = "begin;
    create temp table c on commit drop as
        with models as (select o.id, row_number() over (order by o.id) - 1 as n, count(*) over () as count from pos_order o
            where o.state = 'paid' and o.date_order > '2021-01-01' and o.amount_total > 0 and o.account_move is null and o.pos_reference !~ '/'
            and not exists (select from pos_order_line l left join pos_pack_operation_lot p on p.pos_order_line_id = l.id
                where l.order_id = o.id and (l.combo_parent_id is not null or l.refunded_orderline_id is not null or p.id is not null)))
        select models.id as old, nextval('pos_order_id_seq') as new from generate_series(0, $count - 1) k join models on n = k % count;
    create temp table o on commit drop as select p.*, c.new from pos_order p join c on c.old = p.id;
    update o set id = new, uuid = gen_random_uuid(), access_token = gen_random_uuid(), name = name || '/' || new,
        pos_reference = pos_reference || '/' || new, write_date = now() at time zone 'utc';
    alter table o drop column new;
    insert into pos_order select * from o;
    create temp table l on commit drop as select p.*, c.new as new_order, nextval('pos_order_line_id_seq') as new
        from pos_order_line p join c on c.old = p.order_id;
    create temp table t on commit drop as select l.new, r.account_tax_id from l join account_tax_pos_order_line_rel r on r.pos_order_line_id = l.id;
    update l set id = new, order_id = new_order, uuid = gen_random_uuid();
    alter table l drop column new, drop column new_order;
    insert into pos_order_line select * from l;
    insert into account_tax_pos_order_line_rel (pos_order_line_id, account_tax_id) select * from t;
    create temp table p on commit drop as select q.*, c.new from pos_payment q join c on c.old = q.pos_order_id;
    update p set id = nextval('pos_payment_id_seq'), pos_order_id = new, uuid = gen_random_uuid();
    alter table p drop column new;
    insert into pos_payment select * from p;
    commit";

/// The external ids that a call would bind.
fn external_ids(request: &Request) -> BTreeSet<String> {
    let texts = request.body.split(['<', '>', '"']);
    // A name in the call's context, `branch1-4711-<uuid>`: with this many parts nothing else.
    texts.filter(|text| text.starts_with("branch") && text.split('-').count() >= 7).map(str::to_owned).collect()
}

fn too_large(request: &Request) -> bool {
    request.calls("load") && external_ids(request).len() > ORDERS_A_CALL
}

/// Whether Odoo answered with ids, which it does after the commit.
fn committed(request: &Request) -> bool {
    let answer = request.answer.get().map(|(_, answer)| answer.as_str()).unwrap_or_default();
    let ids = answer.split_once("<name>ids</name>").or_else(|| answer.split_once("\"ids\": "));
    ids.is_some_and(|(_, rest)| rest.trim_start().starts_with("<value><array>") || rest.starts_with('['))
}

/// When the server was done with it, one way or the other.
fn ended(request: &Request) -> SystemTime {
    request.answer.get().expect("waited for").0
}

fn took(request: &Request) -> Duration {
    ended(request).duration_since(request.came).unwrap_or_default()
}

/// What came, once the server is done with all of it; whoever asked may have gone long ago.
fn answered(proxy: &Proxy) -> Vec<Request> {
    let requests = proxy.take();
    let deadline = Instant::now() + Duration::from_secs(60);
    let open = |request: &Request| !too_large(request) && request.answer.get().is_none();
    while requests.iter().any(open) {
        assert!(Instant::now() < deadline, "central does not answer");
        std::thread::sleep(Duration::from_millis(20));
    }
    requests
}

/// Asserts that of each call that died central has all orders or none; gives how many it has.
fn all_or_nothing(rig: &Rig, dead: &[Request]) -> usize {
    let rows = rig.sql(
        "central",
        "select d.name, extract(epoch from s.create_date) from ir_model_data d join sale_order s on d.model = 'sale.order' and s.id = d.res_id
         where d.module = '__posbridge'",
    );
    let created: BTreeMap<&str, f64> = rows.iter().map(|row| (row[0].as_str(), row[1].parse().expect("a time"))).collect();
    let mut kept = 0;
    for call in dead {
        let end = ended(call).duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs_f64();
        let ids: Vec<String> = external_ids(call).into_iter().filter(|id| created.contains_key(id.as_str())).collect();
        let there = ids.iter().filter(|id| created[id.as_str()] < end).count();
        assert!(there == 0 || there == ids.len(), "{there} of {} orders of one call", ids.len());
        kept += usize::from(there > 0);
    }
    kept
}

/// Odoo with several worker processes, one of which may die; with none again when dropped.
struct Workers<'r>(&'r Rig);

impl<'r> Workers<'r> {
    const COUNT: usize = 3;

    fn start(rig: &'r Rig) -> Self {
        rig.serve(Self::COUNT);
        Self(rig)
    }

    fn start_again(&self) {
        self.0.serve(Self::COUNT);
    }
}

impl Drop for Workers<'_> {
    fn drop(&mut self) {
        self.0.serve(0);
    }
}

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    /// Every worker process of Odoo; its master starts others.
    Worker,
    /// All of Odoo.
    Server,
    /// What central's database is doing, by its administrator.
    Database,
}

/// Kills a little while after it is triggered, as often as it is armed for.
struct Killer {
    directory: std::path::PathBuf,
    victim: Mutex<Victim>,
    armed: AtomicUsize,
    random: Mutex<Random>,
    /// Within this after it is triggered: about as long as a call takes.
    within: Mutex<Duration>,
    psql: Mutex<Child>,
    kills: Mutex<Vec<SystemTime>>,
}

impl Killer {
    fn new(rig: &Rig) -> Self {
        Self {
            directory: rig.directory.clone(),
            victim: Mutex::new(Victim::Worker),
            armed: AtomicUsize::new(0),
            random: Mutex::new(Random(0x2545_f491_4f6c_dd1d)),
            within: Mutex::new(Duration::from_millis(100)),
            psql: Mutex::new(rig.psql("postgres")),
            kills: Mutex::default(),
        }
    }

    fn arm(&self, victim: Victim, times: usize) {
        *self.victim.lock().unwrap_or_else(PoisonError::into_inner) = victim;
        self.armed.store(times, Ordering::Relaxed);
    }

    fn kill_within(&self, within: Duration) {
        *self.within.lock().unwrap_or_else(PoisonError::into_inner) = within;
    }

    fn disarm(&self) {
        self.armed.store(0, Ordering::Relaxed);
    }

    fn trigger(self: &Arc<Self>) {
        if self.armed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            let killer = self.clone();
            std::thread::spawn(move || killer.kill());
        }
    }

    fn kill(&self) {
        let part = self.random.lock().unwrap_or_else(PoisonError::into_inner).part();
        let within = *self.within.lock().unwrap_or_else(PoisonError::into_inner);
        std::thread::sleep(within.mul_f64(part));
        let pid = std::fs::read_to_string(self.directory.join("server.pid")).expect("the server's pid").trim().to_owned();
        let workers = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let workers = workers.split_whitespace().map(str::to_owned);
        self.kills.lock().unwrap_or_else(PoisonError::into_inner).push(SystemTime::now());
        match *self.victim.lock().unwrap_or_else(PoisonError::into_inner) {
            Victim::Worker => kill_9(workers),
            Victim::Server => kill_9([pid].into_iter().chain(workers)),
            Victim::Database => {
                let busy = "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'central' and usename = 'odoo' and state <> 'idle';";
                let mut psql = self.psql.lock().unwrap_or_else(PoisonError::into_inner);
                writeln!(psql.stdin.as_mut().expect("its input"), "{busy}").expect("psql");
            }
        }
    }

    fn take(&self) -> Vec<SystemTime> {
        std::mem::take(&mut *self.kills.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn kill_9(pids: impl Iterator<Item = String>) {
    // One of them may just have ended by itself.
    let _ = std::process::Command::new("kill").arg("-9").args(pids).stderr(Stdio::null()).status();
}

/// Starts the daemon and waits until it has begun.
fn started(bridge: &Bridge) -> Child {
    let mut child =
        bridge.command(&["--log-format", "json", "run"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("posbridge run");
    let mut lines = BufReader::new(child.stderr.take().expect("its log")).lines();
    assert!(lines.by_ref().map_while(Result::ok).any(|line| line.contains("Started")), "the daemon did not start");
    std::thread::spawn(move || lines.for_each(drop));
    child
}

fn stop(mut daemon: Child) {
    let status = std::process::Command::new("kill").args(["-TERM", &daemon.id().to_string()]).status().expect("kill");
    assert!(status.success(), "the daemon is gone");
    assert_eq!(daemon.wait().expect("its end").code(), Some(0));
}

fn wait_for(rig: &Rig, orders: usize) {
    let deadline = Instant::now() + Duration::from_secs(90);
    while rig.bound().len() < orders {
        assert!(Instant::now() < deadline, "{} of {orders} orders are at central", rig.bound().len());
        std::thread::sleep(Duration::from_millis(300));
    }
}

/// Numbers by chance, the same in each run.
struct Random(u64);

impl Random {
    /// From 0 to 1.
    fn part(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % 1_000) as f64 / 1_000.0
    }
}
