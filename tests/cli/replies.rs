//! Servers that answer what no Odoo answers. Each time: one clear message, nothing lost, and the next pass is whole.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use posbridge::demo::{Mishap, When};

use crate::fake::{Answer, serve};
use crate::place::{Place, odoo, ran};
use crate::told;

/// Memory that a pass may take, whatever is sent to it.
const MEMORY_KIB: u64 = 200 * 1024;

const DEEP: usize = 10_000;

fn deep() -> String {
    let (open, close) = ("<array><data><value>".repeat(DEEP), "</value></data></array>".repeat(DEEP));
    format!("<?xml version='1.0'?><methodResponse><params><param><value>{open}{close}</value></param></params></methodResponse>")
}

/// What comes in place of a reply, from a central as from a branch.
fn strange() -> Vec<(&'static str, Mishap)> {
    let doctype = "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><methodResponse><params><param><value>&b;</value></param></params></methodResponse>";
    let login = "<!DOCTYPE html><html><head><title>Odoo | Log in</title></head><body></body></html>";
    vec![
        ("cut", Mishap::raw("<?xml version='1.0'?><methodResponse><params><param><val")),
        ("truncated", Mishap::truncate(150)),
        (
            "bad_byte",
            Mishap::raw(
                b"<?xml version='1.0'?><methodResponse><params><param><value>\xff\xfe</value></param></params></methodResponse>".as_slice(),
            ),
        ),
        ("doctype", Mishap::raw(doctype)),
        ("deep", Mishap::raw(deep())),
        ("login_page", Mishap::page(200, login)),
        ("not_found", Mishap::page(404, "<html><title>404 Not Found</title></html>")),
        ("bad_gateway", Mishap::page(502, "<html><title>502 Bad Gateway</title></html>")),
        ("access_denied", Mishap::fault(3, "Access Denied")),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_branch_that_answers_something_strange() {
    let (server, central, _) = odoo(5).await;
    let place = Place::sealed(&server.url(), &server.url(), "5s");
    assert_eq!(place.run(&["receive", "--from", "2999-01-01"]).status, 0, "the log-in alone");
    for (name, mishap) in strange() {
        server.inject(When::any().database("tirana").always(), mishap);
        let ran = place.run(&["receive"]);
        server.clear_mishaps();
        assert_eq!(ran.status, 3, "{name}: {}", ran.told());
        assert_eq!(place.count("done"), 0);
        told!(format!("branch_{name}"), place, &ran.told());
    }
    assert_eq!(central.sale_orders().len(), 0);
    let ran = place.run(&["receive"]);
    assert_eq!((ran.status, place.count("done")), (0, 5), "{}", ran.told());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_central_that_answers_something_strange() {
    let (server, central, _) = odoo(5).await;
    let place = Place::sealed(&server.url(), &server.url(), "5s");
    assert_eq!(place.run(&["receive", "--from", "2999-01-01"]).status, 0, "the log-in alone");
    for (name, mishap) in strange() {
        server.inject(When::any().database("central").always(), mishap);
        let ran = place.run(&["receive"]);
        server.clear_mishaps();
        assert_eq!(ran.status, 3, "{name}: {}", ran.told());
        assert_eq!(place.count("pending"), 5, "{name}: what the branch sold is kept");
        told!(format!("central_{name}"), place, &ran.told());
    }
    let ran = place.run(&["receive"]);
    assert_eq!((ran.status, place.count("done")), (0, 5), "{}", ran.told());
    assert_eq!(central.sale_orders().len(), 5, "no copy");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_is_not_followed_with_a_password() {
    let (server, ..) = odoo(1).await;
    let moved = "HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example.com/xmlrpc/2/common\r\nContent-Length: 0\r\n\r\n";
    let place = Place::sealed(&server.url(), &serve(Answer::Bytes(moved.as_bytes().to_vec())), "5s");
    let ran = place.run(&["receive"]);
    assert_eq!(ran.status, 3);
    told!("redirect", place, &ran.told());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password() {
    let (server, _, tirana) = odoo(3).await;
    let place = Place::sealed(&server.url(), &server.url(), "5s");
    tirana.set_password("bridge", "another");
    let ran = place.run(&["receive"]);
    assert_eq!(ran.status, 3);
    told!("wrong_password", place, &ran.told());
    tirana.set_password("bridge", "bridge");
    assert_eq!(place.run(&["receive"]).status, 0);
    tirana.set_password("bridge", "another");
    let ran = place.run(&["receive"]);
    assert_eq!((ran.status, place.count("done")), (3, 3));
    told!("password_that_worked_before", place, &ran.told());
}

/// The most memory a process took until it ended, in KiB.
fn peak(child: &mut Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut highest = 0;
    while child.try_wait().expect("ours").is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0);
        highest = highest.max(kib);
        std::thread::sleep(Duration::from_millis(5));
    }
    highest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gigabyte_is_not_swallowed() {
    let (server, ..) = odoo(1).await;
    for announced in [true, false] {
        let place = Place::sealed(&server.url(), &serve(Answer::Flood { bytes: 1 << 30, announced }), "60s");
        let started = Instant::now();
        let mut child = place.command(&["receive"]).stdin(Stdio::null()).spawn().expect("started");
        let memory = peak(&mut child);
        let ran = ran(child.wait_with_output().expect("ended"));
        assert_eq!(ran.status, 3, "{}", ran.told());
        assert!((1..MEMORY_KIB).contains(&memory), "{memory} KiB");
        assert!(started.elapsed() < Duration::from_secs(60));
        told!("a_gigabyte", place, &ran.told());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slower_than_its_timeout_and_slower_but_within() {
    let (server, ..) = odoo(3).await;
    let place = Place::sealed(&server.url(), &server.url(), "1s");
    server.inject(When::any().database("tirana").always(), Mishap::slow_answer(Duration::from_millis(1_500)));
    let ran = place.run(&["receive"]);
    assert_eq!((ran.status, place.count("done")), (3, 0), "{}", ran.told());
    told!("too_slow", place, &ran.told());
    server.clear_mishaps();
    server.inject(When::any().database("tirana").always(), Mishap::slow_answer(Duration::from_millis(300)));
    let ran = place.run(&["receive"]);
    assert_eq!((ran.status, place.count("done")), (0, 3), "{}", ran.told());
}

#[test]
fn nobody_is_there() {
    // A port that is privileged and of a service nobody runs, and a name that the standard keeps from existing.
    let place = Place::sealed("http://127.0.0.1:1", "https://branch.invalid", "5s");
    let ran = place.run(&["check"]);
    assert_eq!(ran.status, 3);
    told!("nobody_there", place, ran.out.split("\n\n").next().unwrap_or_default());
    let sides = place.run(&["check", "--json"]).json();
    let failed = sides["sides"][1]["steps"].as_array().into_iter().flatten().find(|step| step["result"] == "failed");
    // A machine without any DNS may not answer in time at all.
    let cause = failed.and_then(|step| step["cause"].as_str()).unwrap_or_default();
    assert!(["host_not_found", "timed_out"].contains(&cause), "{sides}");
}
