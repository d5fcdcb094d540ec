//! The clock that passes go by: the machine's, or one that a test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

/// A clock. Copies of a moved clock move together.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// Milliseconds since 1970; `None` = the machine's.
    moved: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// A clock that stands at this moment until it is moved; whoever sleeps by it moves it.
    pub fn stopped(at: Timestamp) -> Self {
        Self { moved: Some(Arc::new(AtomicI64::new(at.as_millisecond()))) }
    }

    /// Whether it stands until it is moved.
    pub fn is_stopped(&self) -> bool {
        self.moved.is_some()
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        match &self.moved {
            None => Timestamp::now(),
            Some(moved) => Timestamp::from_millisecond(moved.load(Ordering::Relaxed)).unwrap_or_default(),
        }
    }

    /// Moves a stopped clock, also back; the machine's stays.
    pub fn advance(&self, milliseconds: i64) {
        if let Some(moved) = &self.moved {
            moved.fetch_add(milliseconds, Ordering::Relaxed);
        }
    }

    /// A number below 256 that nobody foresees; by a stopped clock one that its time decides, so that a trial can be repeated.
    pub fn chance(&self) -> u32 {
        match &self.moved {
            // Chance here spreads load; nothing depends on its quality, so without random bytes there is simply none.
            None => getrandom::u32().map_or(128, |n| n % 256),
            Some(moved) => (moved.load(Ordering::Relaxed).unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u32,
        }
    }

    /// Waits so long; by a stopped clock no longer than others need to get their turn.
    pub async fn sleep(&self, wait: Duration) {
        if self.moved.is_some() {
            self.advance(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(wait).await;
        }
    }
}
