//! What is looked at before a ledger is opened: SQLite would take an empty file for a new ledger, and what it cannot
//! read of its write-ahead log for something that was never written.

use std::io::Read as _;
use std::path::Path;

use super::{DATABASE, StoreError};

/// The most of a write-ahead log that is looked at: SQLite writes it into the database from 4 MB on, and grows it only while
/// somebody reads for long.
const LOG_MAX: u64 = 64 * 1024 * 1024;

/// The smallest page of SQLite, in bytes.
const PAGE_MIN: usize = 512;

/// Bytes before the first frame, and of the head of each frame.
const LOG_HEAD: usize = 32;
const FRAME_HEAD: usize = 24;

/// Refuses what must not be opened: a ledger that is gone although there was one, a log that was damaged.
///
/// # Errors
/// [`StoreError::Damaged`].
pub(super) fn look(directory: &Path) -> Result<(), StoreError> {
    let file = directory.join(DATABASE);
    let damaged = |reason: &str| Err(StoreError::Damaged { path: file.clone(), reason: reason.to_owned() });
    // First, so that a ledger which another process is just making is not taken for one that is gone.
    let used = has_notes(directory) || has_remains(directory);
    let size = std::fs::metadata(&file).map(|file| file.len()).ok();
    match size {
        None if used => damaged("it is missing, although this directory has been used"),
        Some(0) if used => damaged("it is empty, although this directory has been used"),
        None | Some(0) => Ok(()),
        Some(_) if !begins_as_database(&file) => damaged("it does not begin as a database of SQLite does"),
        Some(_) if log_is_damaged(directory) => {
            damaged("its write-ahead log (the file that ends in -wal) is damaged, so the last things written are lost")
        }
        Some(_) => Ok(()),
    }
}

/// SQLite says so itself, but throws away the log of a file that is shorter than a page.
fn begins_as_database(file: &Path) -> bool {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    let mut head = [0; PAGE_MIN];
    match std::fs::File::open(file).and_then(|mut file| file.read_exact(&mut head)) {
        Ok(()) => head.starts_with(MAGIC),
        // Whoever may not read it is told so when it is opened.
        Err(error) => error.kind() != std::io::ErrorKind::UnexpectedEof,
    }
}

/// Whether passes have been run here: their notes are there.
pub(super) fn has_notes(directory: &Path) -> bool {
    any_file(directory, |name| (name.starts_with("pass-") || name.starts_with("send-")) && name.ends_with(".json"))
}

/// Whether something is there that belongs to a ledger: its log, or what a restore that was broken off has left.
fn has_remains(directory: &Path) -> bool {
    let (log, beside) = (format!("{DATABASE}-wal"), format!("{DATABASE}."));
    any_file(directory, |name| name == log || name.starts_with(&beside))
}

fn any_file(directory: &Path, fits: impl Fn(&str) -> bool) -> bool {
    let Ok(files) = std::fs::read_dir(directory) else { return false };
    files.flatten().any(|file| fits(&file.file_name().to_string_lossy()) && file.metadata().is_ok_and(|file| file.len() > 0))
}

/// Whether committed transactions in the write-ahead log cannot be read.
///
/// A power cut may leave the last transaction torn: it was never reported as written, and SQLite passes it over. Each one
/// before it was on the disk before the next began, so a log that breaks off with two commits still to come was damaged.
fn log_is_damaged(directory: &Path) -> bool {
    let Some(log) = read_log(directory) else { return false };
    if log.len() < LOG_HEAD {
        return false;
    }
    let damaged = if log[..LOG_HEAD].iter().all(|byte| *byte == 0) {
        // Made, and nothing in it yet: the head is on the disk before anything else.
        log.iter().any(|byte| *byte != 0)
    } else {
        Log::read(&log).is_none_or(|sound| commits_behind(&log, &sound) >= 2)
    };
    // Somebody who writes now may have begun it anew meanwhile.
    damaged && read_log(directory).is_some_and(|again| again.get(..LOG_HEAD) == log.get(..LOG_HEAD))
}

fn read_log(directory: &Path) -> Option<Vec<u8>> {
    let mut log = Vec::new();
    let file = std::fs::File::open(directory.join(format!("{DATABASE}-wal"))).ok()?;
    file.take(LOG_MAX).read_to_end(&mut log).ok()?;
    Some(log)
}

/// The head of a log, and how far its checksums hold.
struct Log {
    salt: [u8; 8],
    page: usize,
    end: usize,
}

impl Log {
    /// `None` if the head itself is damaged.
    fn read(log: &[u8]) -> Option<Self> {
        let head = log.get(..LOG_HEAD)?;
        let little = match number(head, 0)? {
            0x377f_0682 => true,
            0x377f_0683 => false,
            _ => return None,
        };
        let page = number(head, 8)? as usize;
        let mut sum = checksum(&head[..24], (0, 0), little);
        if sum != (number(head, 24)?, number(head, 28)?) || !(PAGE_MIN..=65_536).contains(&page) || !page.is_power_of_two() {
            return None;
        }
        let salt: [u8; 8] = head.get(16..24)?.try_into().ok()?;
        let mut end = LOG_HEAD;
        while let Some(frame) = log.get(end..end + FRAME_HEAD + page) {
            let next = checksum(&frame[FRAME_HEAD..], checksum(&frame[..8], sum, little), little);
            if frame[8..16] != salt || next != (number(frame, 16)?, number(frame, 20)?) {
                break;
            }
            sum = next;
            end += FRAME_HEAD + page;
        }
        Some(Self { salt, page, end })
    }
}

/// Commits of the same log behind the place where its checksums end.
fn commits_behind(log: &[u8], sound: &Log) -> usize {
    let frames = log.get(sound.end..).unwrap_or_default().chunks_exact(FRAME_HEAD + sound.page);
    frames.filter(|frame| frame[8..16] == sound.salt && number(frame, 4).is_some_and(|pages| pages > 0)).count()
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// SQLite's own sum over pairs of numbers, in the byte order that the log was begun with.
fn checksum(bytes: &[u8], start: (u32, u32), little: bool) -> (u32, u32) {
    let word = |four: &[u8]| {
        let four: [u8; 4] = four.try_into().unwrap_or_default();
        if little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) }
    };
    bytes.chunks_exact(8).fold(start, |(one, two), pair| {
        let one = one.wrapping_add(word(&pair[..4])).wrapping_add(two);
        let two = two.wrapping_add(word(&pair[4..])).wrapping_add(one);
        (one, two)
    })
}

#[cfg(test)]
mod tests;
