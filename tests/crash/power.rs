//! The power goes: what the program wrote and did not bring to the disk is lost (powercut.c). Then it is run again.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::random::{Random, number};
use crate::world::{End, World, said};

/// Cuts of each kind in a run; `POSBRIDGE_CUTS=all` cuts before every event.
const CUTS: usize = 20;

/// How the program ends when the power goes, and when the shim itself is at its end.
const CUT: End = End::Exit(137);

/// When the power goes.
#[derive(Debug, Clone, Copy)]
enum When {
    Never,
    /// Before this event.
    Before(usize),
    /// When the program has ended.
    AtItsEnd,
}

/// How the disk takes it.
#[derive(Debug, Clone, Copy)]
enum Disk {
    /// Nothing is there that was not asked for.
    Strict,
    /// Names are there, their content is not.
    NamesFirst,
    /// Half of the writes got there, in no order.
    Torn,
}

/// Builds the shim once.
fn shim() -> &'static Path {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    SHIM.get_or_init(|| {
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("powercut-{}.so", std::process::id()));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crash/powercut.c");
        let built =
            Command::new("cc").args(["-Wall", "-Wextra", "-O1", "-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl").output();
        let built = built.expect("a C compiler (cc) is needed here");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        library
    })
}

/// Runs the program, and the power goes. The number of events, if it ended by itself.
fn powered(world: &World, arguments: &[&str], when: When, disk: Disk, bug: Option<&str>) -> (Output, Option<usize>) {
    let report = world.place.path("events");
    let _ = std::fs::remove_file(&report);
    let mut command = world.place.command(arguments);
    command.env("LD_PRELOAD", shim()).env("POWERCUT_DIR", world.state()).env("POWERCUT_REPORT", &report);
    let at = match when {
        When::Never => 0,
        When::Before(event) => event,
        When::AtItsEnd => usize::MAX >> 1,
    };
    command.env("POWERCUT_AT", if matches!(when, When::AtItsEnd) { "end".to_owned() } else { at.to_string() });
    match disk {
        Disk::Strict => {}
        Disk::NamesFirst => drop(command.env("POWERCUT_NAMES", "keep")),
        Disk::Torn => drop(command.env("POWERCUT_SEED", (at + 1).to_string())),
    }
    if let Some(bug) = bug {
        command.env("POSBRIDGE_PLANT", bug);
    }
    let output = command.output().expect("started");
    assert_ne!(End::of(&output), End::Exit(99), "{}", said(&output));
    let events = std::fs::read_to_string(report).ok().and_then(|text| text.trim().parse().ok());
    (output, events)
}

/// The moments before which the power goes: all, or so many by chance.
fn moments(events: usize) -> Vec<usize> {
    if std::env::var("POSBRIDGE_CUTS").is_ok_and(|cuts| cuts == "all") || events <= CUTS {
        return (1..=events).collect();
    }
    let mut random = Random::new(number("POSBRIDGE_SEED").unwrap_or(1));
    let mut moments: Vec<usize> = (0..CUTS).map(|n| 1 + n * events / CUTS + random.below(events / CUTS)).collect();
    moments.dedup();
    moments
}

/// Cuts the power at many moments of a verb; what follows brings all to where it should be.
fn sweep(name: &str, world: &World, verb: &[&str], disk: Disk) {
    let beginning = world.keep();
    let (ran, events) = powered(world, verb, When::Never, disk, None);
    assert_eq!(End::of(&ran), End::Exit(0), "{name}: {}", said(&ran));
    let events = events.expect("it ended by itself");
    assert!(events > 20, "{name}: the shim saw {events} events only");
    let mut cuts = 0;
    for at in moments(events) {
        world.put_back(&beginning);
        let (ran, _) = powered(world, verb, When::Before(at), disk, None);
        if End::of(&ran) != CUT {
            // Passes run side by side, so that one has some events less than another.
            assert_eq!(End::of(&ran), End::Exit(0), "{name}, cut at {at}: {}", said(&ran));
            continue;
        }
        cuts += 1;
        for pass in ["after the cut", "once more"] {
            let (writes, bytes) = (world.writes(), world.ledger_bytes());
            let ran = world.run(&["receive"], None);
            assert_eq!(End::of(&ran), End::Exit(0), "{name}, {disk:?}, cut at {at}, {pass}: {}", said(&ran));
            let wrong = world.violations();
            assert!(wrong.is_empty(), "{name}, {disk:?}, cut at {at}, {pass}: {wrong:#?}");
            let idle = world.writes() == writes && world.ledger_bytes() == bytes;
            assert!(pass == "after the cut" || idle, "{name}, {disk:?}, cut at {at}: an idle run wrote");
        }
    }
    println!("{name}, {disk:?}: {cuts} cuts over {events} events");
    assert!(cuts > 0, "{name}: no cut");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_power_goes_during_a_first_pass() {
    for disk in [Disk::Strict, Disk::NamesFirst, Disk::Torn] {
        let world = World::sealed(1).await;
        world.branch().sell_random(20, 7);
        sweep("receive, the first pass", &world, &["receive"], disk);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_power_goes_during_a_later_pass() {
    for disk in [Disk::Strict, Disk::NamesFirst, Disk::Torn] {
        let world = World::sealed(2).await;
        for (code, seed) in world.codes.iter().zip([7, 8]) {
            world.db(code).sell_random(10, seed);
        }
        assert_eq!(End::of(&world.run(&["receive"], None)), End::Exit(0));
        for (code, seed) in world.codes.iter().zip([9, 10]) {
            world.db(code).sell_random(6, seed);
        }
        sweep("receive, a later pass", &world, &["receive"], disk);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_power_goes_while_the_key_is_changed() {
    for disk in [Disk::Strict, Disk::NamesFirst, Disk::Torn] {
        let world = World::sealed(2).await;
        world.branch().sell_random(3, 7);
        sweep("secret rotate", &world, &["secret", "rotate"], disk);
    }
}

/// The program has said that it is done, and the power goes. Then a person deletes a draft: what the next pass brings back.
async fn brought_back(disk: Disk, bug: Option<&str>) -> Vec<String> {
    let world = World::sealed(1).await;
    world.branch().sell_random(5, 7);
    assert_eq!(End::of(&world.run(&["receive"], None)), End::Exit(0));
    world.branch().sell_random(5, 8);
    let ran = powered(&world, &["--json", "receive"], When::AtItsEnd, disk, bug).0;
    let told: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(&ran)));
    assert_eq!((End::of(&ran), &told["branches"][0]["delivered"]), (CUT, &5.into()), "{}", said(&ran));
    let deleted = world.central().sale_orders().into_iter().last().expect("written").order;
    world.central().delete("sale.order", deleted.id).expect("there");
    let _ = world.run(&["receive"], None);
    let back = world.central().sale_orders().into_iter().map(|draft| draft.order.text("client_order_ref"));
    back.filter(|reference| *reference == deleted.text("client_order_ref")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_said_to_be_done_is_on_the_disk() {
    for disk in [Disk::Strict, Disk::NamesFirst, Disk::Torn] {
        assert_eq!(brought_back(disk, None).await, Vec::<String>::new(), "{disk:?}");
    }
    // The test is able to fail: without the fsync a deleted draft comes back.
    assert_eq!(brought_back(Disk::Strict, Some("drop-fsync")).await.len(), 1, "the planted bug is not caught");
}
