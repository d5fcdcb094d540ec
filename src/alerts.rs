//! Telling people that something needs them, once, and once more when it is over.
//!
//! A look gathers what is known ([`Snapshot`]), judges it ([`conditions`], pure) and lets the [`Desk`] (pure) compare it
//! with what was open: what holds for a while has begun, what stays away for a while is over. What each way (mail,
//! webhook) was told stands beside each entry, so a message is never a thing in a queue: it is what that way does not
//! know yet, grouped, made anew at each try. A dead mail server costs one message when it is back, and a restart
//! repeats nothing.
//!
//! Nothing here can fail or hold up a pass: messages are sent in tasks of their own, with time-outs.

mod condition;
mod deliver;
mod desk;
mod gap;
mod message;
mod snapshot;
mod watch;

pub use condition::{BranchSnapshot, Cause, Condition, Snapshot, Thresholds, conditions, ends_soon};
pub use deliver::{Refusal, Sender};
pub use desk::{Desk, Episode, Told};
pub use gap::Gaps;
pub use message::{Message, test_message};
pub use snapshot::gather;
pub use watch::Watch;

use serde::{Deserialize, Serialize};

/// How a message reaches people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// By e-mail.
    Mail,
    /// By a POST to an address.
    Webhook,
}

impl Way {
    /// As it stands in JSON and in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Webhook => "webhook",
        }
    }
}

#[cfg(test)]
mod tests;
