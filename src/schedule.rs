//! When passes start: the grid of `every` and `start`, or a cron line in a time zone. Time is an argument.

use std::str::FromStr as _;
use std::time::Duration;

use croner::Cron;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::config::{Branch, Schedule};

/// When passes start.
#[derive(Debug, Clone)]
pub struct Plan {
    grid: Grid,
    /// Later than the grid by this, the same each time.
    shift: SignedDuration,
}

#[derive(Debug, Clone)]
enum Grid {
    /// `start + n x every`.
    Every { every: SignedDuration, start: Timestamp },
    /// A cron line in a zone.
    Cron { cron: Box<Cron>, zone: TimeZone },
    /// A cron line that cannot be read; the settings refuse it before.
    Never,
}

impl Plan {
    /// The plan of a schedule for a branch. `started`: when the daemon started, from which `every` without a `start`
    /// counts.
    pub fn new(schedule: &Schedule, branch: &Branch, started: Timestamp) -> Self {
        let grid = match schedule {
            Schedule::Every { every, start } => {
                let every = SignedDuration::try_from(*every).unwrap_or(SignedDuration::MAX);
                Grid::Every { every, start: start.unwrap_or(started) }
            }
            Schedule::Cron { cron } => match Cron::from_str(cron) {
                Ok(cron) => Grid::Cron { cron: Box::new(cron), zone: branch.timezone.clone() },
                Err(_) => Grid::Never,
            },
        };
        Self { grid, shift: shift(branch.code.as_str(), branch.jitter) }
    }

    /// The first start after a moment; `None` = never again.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let after = after.checked_sub(self.shift).ok()?;
        let on_grid = match &self.grid {
            Grid::Every { start, .. } if after < *start => Some(*start),
            Grid::Every { every, start } => {
                let passed = after.duration_since(*start).as_nanos() / every.as_nanos().max(1);
                let since_start = every.as_nanos().checked_mul(passed + 1)?;
                Timestamp::from_nanosecond(start.as_nanosecond().checked_add(since_start)?).ok()
            }
            // In the gap of a daylight-saving change the first moment after it, in the fold once: croner's rule.
            Grid::Cron { cron, zone } => {
                let next = cron.find_next_occurrence(&after.to_zoned(zone.clone()), false).ok()?;
                Some(next.timestamp())
            }
            Grid::Never => None,
        };
        on_grid?.checked_add(self.shift).ok()
    }

    /// The first start for a daemon that starts at `now`, when the last pass began at `last`: what was missed in between
    /// is made good by one pass, at once.
    pub fn first(&self, last: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let missed = match (last, &self.grid) {
            (Some(last), _) => self.next(last)? <= now,
            // A branch that has never been received is not kept waiting for a grid that began long ago.
            (None, Grid::Every { start, .. }) => *start <= now,
            (None, _) => false,
        };
        if missed { Some(now) } else { self.next(now) }
    }
}

/// Where in the window of `jitter` a branch starts: spread evenly over the branches, the same after each restart.
fn shift(code: &str, jitter: Duration) -> SignedDuration {
    let digest = Sha256::digest(code.as_bytes());
    let place = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let window = u64::try_from(jitter.as_millis()).unwrap_or(u64::MAX);
    SignedDuration::from_millis(i64::try_from(place.checked_rem(window).unwrap_or(0)).unwrap_or(0))
}

#[cfg(test)]
mod tests;
