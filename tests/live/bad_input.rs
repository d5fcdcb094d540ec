//! Slow, dead and doubled: what else goes wrong between a bridge and its Odoos.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::rig::{Bridge, Run, SOLD, Start, begin};
use crate::support::proxy::{Fault, Reply};

#[test]
fn a_second_receive_is_told_to_wait() {
    let rig = begin(Start::Sold);
    let proxy = rig.proxy(|_| Fault::Delay(Duration::from_millis(1_000)));
    let bridge = Bridge::ready(&rig, &proxy.url);
    let first = bridge.spawn(&["--json", "receive"]);
    std::thread::sleep(Duration::from_millis(500));
    let second = bridge.say(&["receive"]).expect(3);
    assert!(second.out.contains("Another pass of this branch is at work (posbridge receive, process"), "{second:?}");
    // Looking is allowed meanwhile.
    bridge.run(&["log"]).expect(0);
    Run::of(first.wait_with_output().expect("posbridge")).expect(0);
    rig.compare(&bridge, 2 * SOLD, &[]);
    rig.assert_drafts(2 * SOLD);
}

#[test]
fn a_slow_branch_works_and_one_beyond_its_time_out_delays_no_other() {
    let rig = begin(Start::Sold);
    let slow = rig.proxy(|_| Fault::Delay(Duration::from_millis(800)));
    let slower = rig.proxy(|_| Fault::Delay(Duration::from_millis(1_500)));
    let mut bridge = Bridge::new(&rig, rig.url(), &["branch1", "branch2"]);
    bridge.set("branch1", "url", &format!("\"{}\"", slow.url));
    bridge.set("branch1", "timeout", "\"10s\"");
    bridge.set("branch2", "url", &format!("\"{}\"", slower.url));
    bridge.set("branch2", "timeout", "\"1s\"");
    bridge.install();
    let run = bridge.receive().expect(3);
    assert_eq!(run.count("branch1", "delivered"), SOLD);
    assert_eq!(run.branch("branch1")["error"], json!(null), "{run:?}");
    assert_eq!(run.branch("branch2")["cause"], json!("timed_out"), "{run:?}");
    rig.assert_drafts(SOLD);
    bridge.set("branch2", "timeout", "\"30s\"");
    bridge.save();
    bridge.receive().expect(0);
    rig.compare(&bridge, 2 * SOLD, &[]);
}

#[test]
fn dead_branches_of_every_kind_delay_no_live_one() {
    let kinds = [
        (Fault::BlackHole, "timed_out"),
        (Fault::ResetBefore, "answer_lost"),
        (Fault::Instead(Reply::LOGIN_PAGE), "not_odoo"),
        (Fault::Instead(Reply::REDIRECT), "not_odoo"),
        (Fault::Instead(Reply::UNAVAILABLE), "server_busy"),
    ];
    let rig = begin(Start::Sold);
    for (nth, (fault, cause)) in kinds.into_iter().enumerate() {
        let proxy = rig.proxy(move |_| fault.clone());
        let mut bridge = Bridge::new(&rig, rig.url(), &["branch1", "branch2"]);
        bridge.set("branch1", "url", &format!("\"{}\"", proxy.url));
        bridge.set("branch1", "timeout", "\"1s\"");
        bridge.install();
        let began = Instant::now();
        let run = bridge.receive().expect(3);
        assert_eq!(run.branch("branch1")["cause"], json!(cause), "{run:?}");
        assert_eq!(run.count("branch2", "delivered"), SOLD, "dead branch {nth}");
        assert!(began.elapsed() < Duration::from_secs(60));
        rig.assert_drafts(SOLD);
        assert!(
            proxy.take().iter().all(|request| ["/xmlrpc/2/", "/json/2/", "/web/version"].iter().any(|path| request.path.starts_with(path))),
            "no redirect is followed"
        );
    }
    let bridge = Bridge::ready(&rig, rig.url());
    bridge.receive().expect(0);
    rig.compare(&bridge, 2 * SOLD, &[]);
    rig.assert_drafts(2 * SOLD);
}
