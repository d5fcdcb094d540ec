//! Backups, restores, what house-keeping forgets, and a ledger that cannot be used.

use std::path::Path;
use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use posbridge::config::Retention;
use posbridge::demo::{Item, Sale};
use posbridge::store::{Lock, Store};

use crate::disk::private_mounts;
use crate::place::{Place, Ran, ended, odoo};
use crate::told;

/// What was told, without what differs from run to run.
fn plain(ran: &Ran) -> String {
    without_time(&without_number(&ran.told(), " KiB"), "before-")
}

/// Replaces the number before a unit.
fn without_number(text: &str, unit: &str) -> String {
    let mut plain = String::new();
    for (n, part) in text.split(unit).enumerate() {
        if n > 0 {
            let kept = plain.trim_end_matches(|c: char| c.is_ascii_digit()).len();
            plain.truncate(kept);
            plain.push_str("[SIZE]");
            plain.push_str(unit);
        }
        plain.push_str(part);
    }
    plain
}

/// Replaces the time in a file's name.
fn without_time(text: &str, begin: &str) -> String {
    match text.split_once(begin) {
        Some((before, rest)) => {
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == 'T' || c == 'Z');
            format!("{before}{begin}[TIME]{rest}")
        }
        None => text.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_put_back_and_nothing_is_there_twice() {
    let (server, central, tirana) = odoo(3).await;
    let place = Place::sealed(&server.url(), &server.url(), "20s");
    assert_eq!(place.run(&["receive"]).status, 0);
    told!("backup", place, &plain(&place.run(&["backup", "ledger.backup"])));
    told!("backup_exists", place, &plain(&place.run(&["backup", "ledger.backup"])));
    for _ in 0..2 {
        tirana.sell(Sale::new().line(Item::new("ART-0004")).pay("Cash", "5"));
    }
    assert_eq!(place.run(&["receive"]).status, 0);

    let lock = Lock::share(&place.path("state")).expect("free");
    told!("restore_at_work", place, &plain(&place.run(&["restore", "ledger.backup", "--yes"])));
    drop(lock);
    told!("restore_not_confirmed", place, &plain(&place.run(&["restore", "ledger.backup"])));
    told!("restore", place, &plain(&place.run(&["restore", "ledger.backup", "--yes"])));
    assert_eq!(place.count("done"), 3);
    let ran = place.run(&["receive"]);
    assert_eq!((ran.status, place.count("done"), central.sale_orders().len()), (0, 5, 5), "{}", ran.told());

    // A key that cannot be used is told, and the ledger is restored all the same.
    use std::os::unix::fs::PermissionsExt as _;
    let readable = |mode| std::fs::set_permissions(place.path("state/secret.key"), std::fs::Permissions::from_mode(mode)).expect("ours");
    readable(0o644);
    let ran = place.run(&["restore", "ledger.backup", "--yes"]);
    assert!(ran.status == 0 && ran.out.contains("were not tried"), "{}", ran.told());
    readable(0o600);

    // With the key gone, whoever restores is told which passwords are missing.
    std::fs::remove_file(place.path("state/secret.key")).expect("ours");
    let ran = place.run(&["restore", "ledger.backup", "--yes"]);
    assert_eq!(ran.status, 3);
    assert!(ran.out.contains("posbridge secret set tirana"), "{}", ran.told());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_forgotten_is_told_in_words() {
    let (server, ..) = odoo(2).await;
    let place = Place::sealed(&server.url(), &server.url(), "20s");
    assert_eq!(place.run(&["receive"]).status, 0);
    place.ledger().execute("UPDATE record SET date_order = '2026-11-21 08:00:00', reference = '2601-1-00000' || id", []).expect("ours");
    let later = |days: i64| Timestamp::now() + SignedDuration::from_hours(24 * days);
    let store = Store::open(&place.path("state")).expect("ours");
    assert_eq!(store.clean(&Retention::default(), later(500)).expect("cleaned").payloads, 2);
    drop(store);
    told!("forgotten", place, &place.run(&["log", "show", "1"]).told());
    assert_eq!(place.run(&["--json", "log", "show", "1"]).json()["forgotten"], true);
    told!("forgotten_recreate", place, &place.run(&["retry", "1", "--recreate"]).told());
    assert_eq!(place.count("done"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_cannot_be_used_is_left_alone() {
    let (server, central, _) = odoo(2).await;
    let place = Place::sealed(&server.url(), &server.url(), "20s");
    assert_eq!(place.run(&["receive"]).status, 0);
    assert_eq!(place.run(&["backup", "ledger.backup"]).status, 0);
    let ledger = place.path("state/posbridge.sqlite");
    std::fs::write(&ledger, "no database").expect("ours");
    told!("damaged", place, &place.run(&["receive"]).told());
    for verb in ["status", "log", "secret"] {
        let arguments: &[&str] = if verb == "secret" { &["secret", "list"] } else { &[verb] };
        let ran = place.run(arguments);
        assert!(ran.status == 1 && ran.err.contains("posbridge restore FILE"), "{verb}: {}", ran.told());
    }
    assert_eq!(std::fs::read(&ledger).expect("there"), b"no database");
    std::fs::remove_file(&ledger).expect("ours");
    told!("missing", place, &place.run(&["receive"]).told());
    assert!(!ledger.exists());
    assert_eq!(place.run(&["restore", "ledger.backup", "--yes"]).status, 0);
    assert_eq!((place.run(&["receive"]).status, central.sale_orders().len()), (0, 2));
}

/// Runs a script in mounts of its own; `$0` is the program.
fn mounted(place: &Place, way: &[&str], script: &str) -> Ran {
    let mut command = Command::new("unshare");
    command.args(way).args(["sh", "-c", script, env!("CARGO_BIN_EXE_posbridge")]);
    place.settle(&mut command);
    ended(command)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_on_a_full_disk_leaves_nothing() {
    let Some(way) = private_mounts() else {
        eprintln!("left out: this system gives no disk of its own to a test");
        return;
    };
    let (server, ..) = odoo(200).await;
    let place = Place::sealed(&server.url(), &server.url(), "20s");
    assert_eq!(place.run(&["receive"]).status, 0);
    std::fs::create_dir(place.path("disk")).expect("ours");
    let script = "mount -t tmpfs -o size=64k tmpfs disk || exit 99; \"$0\" backup disk/ledger.backup; status=$?; ls -A disk; exit $status";
    let ran = mounted(&place, way, script);
    told!("backup_disk_full", place, &ran.told());

    // The same disk of the ledger: full for the restore, and then not.
    assert_eq!(place.run(&["backup", "ledger.backup"]).status, 0);
    let script = "cp -a state kept && mount -t tmpfs -o size=2m,mode=0700 tmpfs state && cp -a kept/. state/ || exit 99; \
         dd if=/dev/zero of=state/fill bs=1k 2>/dev/null; truncate -s -40k state/fill; \"$0\" restore ledger.backup --yes; echo $? >&2; \
         ls -A state | grep sqlite >&2; rm state/fill; \"$0\" restore ledger.backup --yes >/dev/null";
    let ran = mounted(&place, way, script);
    assert_eq!(ran.status, 0, "{}", ran.told());
    told!("restore_disk_full", place, &ran.told());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_directory_that_may_not_be_written() {
    let Some(way) = private_mounts() else {
        eprintln!("left out: this system gives no mounts of its own to a test");
        return;
    };
    let (server, central, _) = odoo(2).await;
    let place = Place::sealed(&server.url(), &server.url(), "20s");
    for verb in ["receive", "restore nothing --yes", "backup ledger.backup", "status"] {
        let script = format!("mount --bind state state && mount -o remount,ro,bind state || exit 99; \"$0\" {verb}");
        let ran = mounted(&place, way, &script);
        assert_eq!(ran.status, 1, "{verb}: {}", ran.told());
        assert!(ran.err.contains("Cannot write in the state directory") && ran.err.contains("chown"), "{verb}: {}", ran.told());
    }
    assert_eq!(place.run(&["receive"]).status, 0);
    assert_eq!(central.sale_orders().len(), 2);
    assert!(!Path::new(&place.path("ledger.backup")).exists());
}
