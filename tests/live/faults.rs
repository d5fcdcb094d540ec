//! Links that die in the middle, and a bridge that does.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use posbridge::odoo::Call;
use serde_json::json;

use crate::rig::{BRANCHES, Bridge, Rig, Run, SOLD, Start, begin, protocol_of};
use crate::support::proxy::{Fault, Reply, Request};

/// Passes after which everything must be there, however bad the link.
const PASSES: usize = 20;

fn all_there(rig: &Rig, bridge: &Bridge) {
    rig.assert_drafts(2 * SOLD);
    rig.compare(bridge, 2 * SOLD, &[]);
    let central = rig.fingerprint();
    let run = bridge.receive().expect(0);
    for branch in BRANCHES {
        assert_eq!(run.count(branch, "delivered"), 0, "{branch} is done");
    }
    assert_eq!(rig.fingerprint(), central);
}

fn through(decide: impl Fn(&Request) -> Fault + Send + Sync + 'static) {
    let rig = begin(Start::Sold);
    let mut bridge = Bridge::ready(&rig, rig.url());
    let proxy = rig.proxy(decide);
    for owner in ["central", "branch1", "branch2"] {
        bridge.set(owner, "url", &format!("\"{}\"", proxy.url));
    }
    bridge.install();
    let passes = bridge.settle(PASSES);
    let writes = proxy.take().iter().filter(|request| request.calls("load")).count();
    println!("{passes} passes, {writes} calls of load");
    all_there(&rig, &bridge);
}

#[test]
fn the_answer_of_every_first_call_is_lost() {
    through(|request| if request.first { Fault::DropAnswer } else { Fault::None });
}

#[test]
fn every_first_call_never_arrives() {
    through(|request| if request.first { Fault::ResetBefore } else { Fault::None });
}

#[test]
fn every_first_answer_is_cut() {
    through(|request| if request.first { Fault::CutAnswer(100 + 97 * request.nth) } else { Fault::None });
}

#[test]
fn every_first_answer_becomes_a_bad_gateway_though_the_work_is_done() {
    through(|request| if request.first { Fault::InsteadOfAnswer(Reply::BAD_GATEWAY) } else { Fault::None });
}

#[test]
fn proxies_say_what_they_like_in_turn() {
    let turn = AtomicUsize::new(0);
    through(move |request| {
        if !request.first {
            return Fault::None;
        }
        match turn.fetch_add(1, Ordering::Relaxed) % 5 {
            0 => Fault::Instead(Reply::UNAVAILABLE),
            1 => Fault::Instead(Reply::TOO_MANY),
            2 => Fault::InsteadOfAnswer(Reply::LOGIN_PAGE),
            3 => Fault::DropAnswer,
            _ => Fault::None,
        }
    });
}

#[test]
fn calls_too_large_for_a_proxy_are_made_smaller() {
    let rig = begin(Start::Sold);
    let mut bridge = Bridge::ready(&rig, rig.url());
    // JSON says the same in a third.
    let limit = if protocol_of("central") == "json2" { 10_000 } else { 30_000 };
    let proxy = rig.proxy(move |request| match request.calls("load") && request.body.len() > limit {
        true => Fault::Instead(Reply::TOO_LARGE),
        false => Fault::None,
    });
    bridge.set("central", "url", &format!("\"{}\"", proxy.url));
    bridge.install();
    bridge.receive().expect(0);
    assert!(proxy.take().iter().any(|request| request.body.len() > limit), "some calls were too large");
    all_there(&rig, &bridge);
}

#[test]
fn answers_lost_on_writing_only_are_proved_by_repeating() {
    let rig = begin(Start::Sold);
    let mut bridge = Bridge::ready(&rig, rig.url());
    // Longer than a pass repeats by itself: the outcome is unknown when the pass ends.
    let proxy = rig.proxy(|request| if request.calls("load") { Fault::DropAnswer } else { Fault::None });
    bridge.set("central", "url", &format!("\"{}\"", proxy.url));
    bridge.install();
    let run = bridge.receive().expect(3);
    assert!(BRANCHES.iter().all(|branch| run.count(branch, "pending") > 0), "{run:?}");
    let unknown = bridge.log(&["--state", "pending"]).iter().filter(|record| record["outcome_unknown"] == json!(true)).count();
    assert!(unknown > 0, "some outcomes are unknown");
    let written = rig.bound().len();
    assert!(written > 0, "central has written all the same");
    bridge.set("central", "url", &format!("\"{}\"", rig.url()));
    bridge.install();
    bridge.receive().expect(0);
    all_there(&rig, &bridge);
}

#[test]
fn killed_at_random_moments_nothing_is_lost_or_doubled() {
    /// Each from an empty central on; kills one after the other are in the campaign.
    const MOMENTS: usize = 8;
    let rig = begin(Start::Sold);
    let mut bridge = Bridge::new(&rig, rig.url(), &["branch1"]);
    bridge.install();
    // More than one batch, so that a kill can fall between two.
    rig.sell("branch1", SOLD, &["--mix", "three-lines", "--seed", "71"]);
    let orders = 2 * SOLD;
    let began = Instant::now();
    bridge.receive().expect(0);
    let whole = began.elapsed();
    rig.compare(&bridge, orders, &[]);

    let (mut random, mut midway) = (0x9e37_79b9_7f4a_7c15_u64, 0);
    for moment in 0..MOMENTS {
        delete_drafts(&rig);
        bridge.forget();
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let mut after = whole.mul_f64((random % 1000) as f64 / 1000.0);
        let mut child = bridge.spawn(&["--json", "receive"]);
        // Every second one soon after the first drafts, however long they take this time, the others anywhere.
        if moment % 2 == 1 {
            let deadline = Instant::now() + whole.mul_f64(10.0);
            while rig.bound().is_empty() && child.try_wait().expect("posbridge").is_none() {
                assert!(Instant::now() < deadline, "no drafts in ten times as long as all of them took");
                std::thread::sleep(Duration::from_millis(10));
            }
            after /= 50;
        }
        std::thread::sleep(after);
        child.kill().expect("kill -9");
        child.wait().expect("posbridge");
        let written = rig.bound().len();
        midway += usize::from(written > 0 && written < orders);
        println!("kill {moment} of a pass that takes {whole:?}: {written} of {orders} drafts");

        bridge.receive().expect(0);
        rig.assert_drafts(orders);
        assert_eq!(bridge.log(&["--state", "done"]).len(), orders, "the ledger is whole");
        if moment % 4 == 3 {
            rig.compare(&bridge, orders, &[]);
        }
    }
    assert!(midway >= 1, "no kill hit the writing");
}

fn delete_drafts(rig: &Rig) {
    let ids: Vec<i64> = rig.bound().into_values().collect();
    rig.act("central", &Call::new("sale.order", "unlink").on(&ids));
    rig.assert_drafts(0);
}

#[test]
fn two_bridges_at_one_time_write_each_order_once() {
    let rig = begin(Start::Sold);
    let (one, other) = (Bridge::ready(&rig, rig.url()), Bridge::ready(&rig, rig.url()));
    let running = [one.spawn(&["--json", "receive"]), other.spawn(&["--json", "receive"])];
    for child in running {
        let run = Run::of(child.wait_with_output().expect("posbridge"));
        assert!(matches!(run.status, Some(0 | 3)), "{run:?}");
        println!("{}", run.out);
    }
    println!("then {} and {} passes", one.settle(PASSES), other.settle(PASSES));
    all_there(&rig, &one);
    all_there(&rig, &other);
}

#[test]
fn a_branch_that_dies_in_the_middle_of_its_pages_goes_on_where_it_stopped() {
    let rig = begin(Start::Sold);
    let mut bridge = Bridge::ready(&rig, rig.url());
    let proxy = rig.proxy(|request| if request.nth < 6 { Fault::None } else { Fault::BlackHole });
    bridge.set("branch1", "url", &format!("\"{}\"", proxy.url));
    bridge.set("branch1", "timeout", "\"1s\"");
    bridge.install();
    let began = Instant::now();
    let run = bridge.receive().expect(3);
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert_eq!(run.branch("branch1")["cause"], json!("timed_out"), "{run:?}");
    assert_eq!(run.count("branch2", "delivered"), SOLD, "the other branch is complete");
    bridge.set("branch1", "url", &format!("\"{}\"", rig.url()));
    bridge.set("branch1", "timeout", "\"60s\"");
    bridge.install();
    bridge.receive().expect(0);
    all_there(&rig, &bridge);
}
