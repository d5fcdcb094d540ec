//! What comes from outside: any bytes as a reply or as settings, and the round trip against Python's own XML-RPC.
//!
//! The corpus (answers of a real Odoo 19, settings, what the fuzzer found to reach more) and seeded changes of it, for
//! `POSBRIDGE_FUZZ_SECONDS` for each reader (3). tests/crash/README.md tells how to run more.

mod python;
mod targets;

use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The most that one input may make the program take, in KiB.
const MEMORY_KIB: u64 = 64 * 1024;

/// The longest time that one input may take: a debug build reads a few hundred KB in it.
const SLOW: Duration = Duration::from_secs(2);

/// Longest input.
const LONGEST: usize = 64 * 1024;

/// Pieces that mean something to one reader or the other.
const PIECES: &[&[u8]] = &[
    b"<value>",
    b"</value>",
    b"<array><data>",
    b"</data></array>",
    b"<struct><member><name>",
    b"<string>",
    b"<int>",
    b"<i8>",
    b"<double>",
    b"<nil/>",
    b"<boolean>1</boolean>",
    b"<![CDATA[",
    b"]]>",
    b"<!--",
    b"-->",
    b"<!DOCTYPE",
    b"<!ENTITY a \"&a;&a;\">",
    b"&#x0;",
    b"&#xD800;",
    b"&#9999999999;",
    b"&amp;",
    b"&a;",
    b"<?xml version='1.0' encoding='utf-16'?>",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\0",
    b"9223372036854775808",
    b"-1",
    b"1e999",
    b"nan",
    b"20260101T00:00:00",
    b"[branch.",
    b"]\n",
    b"[[",
    b"\"\"\"",
    b"'''",
    b" = ",
    b"{ a = ",
    b"\\uD800",
    b"2026-13-45",
    b"9999999999999999999s",
    b"* * * * * *",
    b"[('a','in',[",
    b"true",
    b"0x",
    b"\xf0\x9f\xa7\xbe",
];

/// Changes an input at random places.
fn change(random: &mut impl FnMut(usize) -> usize, input: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..1 + random(6) {
        let at = random(input.len() + 1);
        match random(7) {
            0 if at < input.len() => input[at] ^= 1 << random(8),
            1 => input.truncate(at),
            2 => drop(input.splice(at..at, PIECES[random(PIECES.len())].iter().copied())),
            3 => drop(input.drain(at..(at + random(40)).min(input.len()))),
            4 => {
                let piece = input[at..(at + 1 + random(60)).min(input.len())].to_vec();
                let times = 1 + random(30);
                drop(input.splice(at..at, piece.repeat(times)));
            }
            5 if !other.is_empty() => {
                let from = random(other.len());
                drop(input.splice(at..at, other[from..(from + random(200)).min(other.len())].iter().copied()));
            }
            _ if at < input.len() => input[at] = random(256) as u8,
            _ => {}
        }
    }
    input.truncate(LONGEST);
}

/// Peak memory of this process since it was last asked, in KiB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    // 5 = from now on.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse().ok()).unwrap_or(0)
}

/// Gives a target the corpus and changes of it, until the time is over.
fn bombard(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
    let mut corpus: Vec<Vec<u8>> = std::fs::read_dir(folder)
        .expect("a corpus")
        .map(|entry| std::fs::read(entry.expect("readable").path()).expect("readable"))
        .collect();
    corpus.sort();
    corpus.iter().for_each(|input| target(input));
    let seed = std::env::var("POSBRIDGE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1_u64);
    let seconds = std::env::var("POSBRIDGE_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = move |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % bound.max(1)
    };
    let (began, mut runs) = (Instant::now(), 0_u64);
    peak_memory();
    let before = peak_memory();
    while began.elapsed() < Duration::from_secs(seconds) {
        let mut input = corpus[random(corpus.len())].clone();
        let other = corpus[random(corpus.len())].clone();
        change(&mut random, &mut input, &other);
        let one = Instant::now();
        if let Err(panic) = std::panic::catch_unwind(|| target(&input)) {
            println!("{name}, seed {seed}, run {runs}: {:?}", String::from_utf8_lossy(&input));
            std::panic::resume_unwind(panic);
        }
        assert!(one.elapsed() < SLOW, "{name}: {:?} for {:?}", one.elapsed(), String::from_utf8_lossy(&input));
        runs += 1;
    }
    let grown = peak_memory().saturating_sub(before);
    println!("{name}: {runs} inputs in {seconds} s, seed {seed}, {grown} KiB at most");
    assert!(grown < MEMORY_KIB, "{name} took {grown} KiB");
}

/// The memory is that of the whole process: one at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn bombard_alone(name: &str) {
    let _alone = ALONE.lock();
    let (_, target) = targets::ALL.iter().find(|(reader, _)| *reader == name).expect("a reader");
    bombard(name, *target);
}

#[test]
fn any_bytes_as_a_reply() {
    bombard_alone("xmlrpc");
}

#[test]
fn any_bytes_as_a_reply_over_json2() {
    bombard_alone("json2");
}

#[test]
fn any_bytes_as_settings() {
    bombard_alone("settings");
}

#[test]
fn any_bytes_as_a_schedule() {
    bombard_alone("schedule");
}

#[test]
fn any_bytes_as_a_domain() {
    bombard_alone("domain");
}

#[test]
fn any_bytes_as_a_key_or_a_sealed_password() {
    bombard_alone("secret");
}

#[test]
fn every_reader_and_every_corpus_has_its_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    let mut folders: Vec<String> =
        std::fs::read_dir(folder).expect("readable").map(|entry| entry.expect("readable").file_name().display().to_string()).collect();
    folders.sort();
    let mut readers: Vec<&str> = targets::ALL.iter().map(|(name, _)| *name).collect();
    readers.sort_unstable();
    assert_eq!(folders, readers);
    let here = include_str!("main.rs");
    assert!(readers.iter().all(|name| here.contains(&format!("bombard_alone(\"{name}\");"))), "{readers:?}");
}
