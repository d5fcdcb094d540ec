//! A disk that is full, and two passes at one time.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use posbridge::demo::{Mishap, When};

use crate::fake::{Answer, serve};
use crate::place::{Place, Ran, ended, odoo, ran};
use crate::told;

/// Orders that need more room than the small disk has.
const ORDERS: usize = 400;

/// How to get a disk of our own: as root, or as anybody where the system lets users do so.
pub fn private_mounts() -> Option<&'static [&'static str]> {
    const WAYS: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];
    let works = |way: &&&[&str]| {
        let mut command = Command::new("unshare");
        command.args(**way).args(["sh", "-c", "mount -t tmpfs -o size=64k tmpfs /mnt"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    WAYS.iter().find(works).copied()
}

/// Runs a pass with the state on a disk that has only so many KiB left, and puts back what that leaves.
fn pass_on_full_disk(place: &Place, way: &[&str], left: u32) -> Ran {
    let script = format!(
        "cp -a state kept && mount -t tmpfs -o size=4m,mode=0700 tmpfs state && cp -a kept/. state/ || exit 99; \
         dd if=/dev/zero of=state/fill bs=1k 2>/dev/null; truncate -s -{left}k state/fill; \"$0\" receive; status=$?; \
         rm state/fill; cp -a state left; exit $status"
    );
    let mut command = Command::new("unshare");
    command.args(way).args(["sh", "-c", &script, env!("CARGO_BIN_EXE_posbridge")]);
    place.settle(&mut command);
    let ran = ended(command);
    std::fs::remove_dir_all(place.path("state")).expect("ours");
    std::fs::remove_dir_all(place.path("kept")).expect("ours");
    std::fs::rename(place.path("left"), place.path("state")).expect("ours");
    ran
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_up_in_the_middle_of_a_pass() {
    let Some(way) = private_mounts() else {
        eprintln!("left out: this system gives no disk of its own to a test");
        return;
    };
    // Full at the first byte, while the orders are read, and while they are written.
    for left in [0, 40, 300, 800] {
        let (server, central, _) = odoo(ORDERS).await;
        let place = Place::sealed(&server.url(), &server.url(), "20s");
        let ran = pass_on_full_disk(&place, way, left);
        assert!([1, 3].contains(&ran.status), "{left} KiB: {}", ran.told());
        assert!(ran.told().contains("is full"), "{left} KiB: {}", ran.told());
        assert!(place.count("done") < ORDERS as i64, "{left} KiB: the disk was large enough");

        // With room again, all is finished and nothing is there twice.
        let ran = place.run(&["receive"]);
        assert_eq!((ran.status, place.count("done")), (0, ORDERS as i64), "{left} KiB: {}", ran.told());
        assert_eq!(central.sale_orders().len(), ORDERS);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_may_not_grow() {
    let (server, central, _) = odoo(ORDERS).await;
    let place = Place::sealed(&server.url(), &server.url(), "20s");
    let mut command = Command::new("bash");
    // In units of 1 KiB; without the signal, the write fails as on a full disk.
    command.args(["-c", "trap '' XFSZ; ulimit -f 700; exec \"$0\" receive", env!("CARGO_BIN_EXE_posbridge")]);
    place.settle(&mut command);
    let ran = ended(command);
    assert!([1, 3].contains(&ran.status), "{}", ran.told());
    assert!(place.count("done") < ORDERS as i64, "the limit was large enough");
    let ran = place.run(&["receive"]);
    assert_eq!((ran.status, place.count("done")), (0, ORDERS as i64), "{}", ran.told());
    assert_eq!(central.sale_orders().len(), ORDERS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_receive_while_one_runs() {
    let (server, ..) = odoo(1).await;
    let place = Place::sealed(&server.url(), &serve(Answer::Hang(Duration::from_secs(60))), "60s");
    let mut first = place.command(&["receive"]).spawn().expect("started");
    wait_for(&place.path("state/locks/receive-tirana"));
    let ran_second = place.run(&["receive"]);
    assert_eq!(ran_second.status, 3, "{}", ran_second.told());
    told!("second_receive", place, &ran_second.told());
    // Looking is always possible.
    assert_eq!(place.run(&["log"]).status, 0);
    first.kill().expect("ours");
    first.wait().expect("ours");
    // Killed, it holds nothing.
    server.inject(When::any().database("tirana").always(), Mishap::slow_answer(Duration::ZERO));
    place.write(&crate::place::settings(&server.url(), &server.url(), "5s"));
    place.seal("tirana");
    let ran = ran(place.command(&["receive"]).output().expect("started"));
    assert_eq!(ran.status, 0, "{}", ran.told());
}

/// Until the first pass has written its name into the lock.
fn wait_for(file: &Path) {
    for _ in 0..500 {
        if std::fs::read_to_string(file).is_ok_and(|text| text.contains("process")) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("no pass took the lock");
}
