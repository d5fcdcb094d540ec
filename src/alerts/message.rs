//! What people are told: one message for all that is new. Pure.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::Way;
use super::condition::{length, moment};
use super::desk::Episode;
use crate::problem::clean;

/// Longest text, in characters: Mattermost takes 16,383, and nobody reads more. All that is left out is in `alerts list`.
const BODY_MAX: usize = 12_000;
/// Longest subject, in characters.
const SUBJECT_MAX: usize = 150;
/// Branches that a subject names.
const NAMED_MAX: usize = 3;

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// One line, without control characters.
    pub subject: String,
    /// Plain text.
    pub body: String,
    /// What a webhook gets: `text` for people, the rest for programs.
    pub json: Value,
}

/// All that is new for a way, in one message. `place` says which bridge speaks, `zone` gives the zone of a branch.
pub(super) fn compose(place: &str, begun: &[Episode], over: &[Episode], open: usize, zone: impl Fn(Option<&str>) -> TimeZone) -> Message {
    let counted = |number: usize, one: &str, many: &str| match number {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{number} {many}")),
    };
    let parts = [counted(begun.len(), "new problem", "new problems"), counted(over.len(), "over", "over")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let subject = subject(place, &format!("{} ({})", parts.join(", "), named(begun.iter().chain(over))));
    let mut text = Text::default();
    if !begun.is_empty() {
        text.heading(if begun.len() == 1 { "This needs somebody:" } else { "These need somebody:" });
        for (about, episodes) in by_about(begun) {
            text.heading(about);
            for episode in episodes {
                let since = moment(episode.since, &zone(episode.branch.as_deref()));
                text.item(&format!("- {}\n  Since {since}. Next step: {}\n", episode.text, episode.next_step));
            }
        }
    }
    if !over.is_empty() {
        text.heading("Over:");
        for (about, episodes) in by_about(over) {
            text.heading(about);
            for episode in episodes {
                let began = moment(episode.since, &zone(episode.branch.as_deref()));
                let lasted = length(episode.lasted(episode.since));
                text.item(&format!("- Over after {lasted}, since {began}. It was: {}\n", episode.text));
            }
        }
    }
    let footer = match open {
        0 => "Nothing is open any more.".to_owned(),
        1 => "1 problem is open now: posbridge alerts list".to_owned(),
        _ => format!("{open} problems are open now: posbridge alerts list"),
    };
    let body = text.finish(&footer);
    let entry = |episode: &Episode| {
        json!({
            "key": episode.key, "branch": episode.branch, "about": episode.about, "text": episode.text,
            "next_step": episode.next_step, "since": episode.since,
        })
    };
    let ended = |episode: &Episode| {
        let mut entry = entry(episode);
        entry["ended"] = json!(episode.gone_since);
        entry["duration_s"] = json!(episode.lasted(episode.since).as_secs());
        entry
    };
    let json = json!({
        "text": for_chat(&format!("{subject}\n\n{body}")),
        "subject": subject,
        "begun": begun.iter().map(entry).collect::<Vec<_>>(),
        "over": over.iter().map(ended).collect::<Vec<_>>(),
        "open": open,
        "test": false,
    });
    Message { subject, body, json }
}

/// What `posbridge alerts test` sends.
pub fn test_message(place: &str, way: Way, now: Timestamp) -> Message {
    let subject = subject(place, "this is a test");
    let by = match way {
        Way::Mail => "by e-mail",
        Way::Webhook => "by this webhook",
    };
    let body = format!(
        "Alerts of posbridge arrive here {by}. This one was sent by hand on {} with: posbridge alerts test\nNothing is wrong.\n",
        moment(now, &TimeZone::UTC)
    );
    let text = for_chat(&format!("{subject}\n\n{body}"));
    let json = json!({ "text": text, "subject": subject, "begun": [], "over": [], "open": 0, "test": true });
    Message { subject, body, json }
}

fn subject(place: &str, what: &str) -> String {
    clean(&format!("posbridge at {place}: {what}"), SUBJECT_MAX)
}

/// Together what is about one branch, in the order in which each first comes.
fn by_about(episodes: &[Episode]) -> Vec<(&str, Vec<&Episode>)> {
    let mut groups: Vec<(&str, Vec<&Episode>)> = Vec::new();
    let mut places = HashMap::new();
    for episode in episodes {
        let place = *places.entry(episode.about.as_str()).or_insert_with(|| {
            groups.push((episode.about.as_str(), Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(episode);
    }
    groups
}

/// Who a message is about, each once.
fn named<'e>(episodes: impl Iterator<Item = &'e Episode>) -> String {
    let mut names: Vec<&str> = Vec::new();
    for episode in episodes {
        let name = episode.branch.as_deref().unwrap_or(&episode.about);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    match names.len().saturating_sub(NAMED_MAX) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names[..NAMED_MAX].join(", ")),
    }
}

/// Text that ends in time.
#[derive(Default)]
struct Text {
    text: String,
    length: usize,
    left_out: usize,
}

impl Text {
    fn heading(&mut self, heading: &str) {
        if self.length + heading.chars().count() <= BODY_MAX {
            self.push(&format!("{heading}\n\n"));
        }
    }

    fn item(&mut self, item: &str) {
        if self.length + item.chars().count() > BODY_MAX {
            self.left_out += 1;
        } else {
            self.push(&format!("{item}\n"));
        }
    }

    fn push(&mut self, part: &str) {
        self.text.push_str(part);
        self.length += part.chars().count();
    }

    fn finish(mut self, footer: &str) -> String {
        if self.left_out > 0 {
            self.text.push_str(&format!("And {} more that have no room here.\n\n", self.left_out));
        }
        self.text.push_str(footer);
        self.text.push('\n');
        self.text
    }
}

/// Chat programs read marks in a text: names of products must neither call everybody nor hide an address behind a word.
fn for_chat(text: &str) -> String {
    let mut plain = text.replace('<', "‹").replace('>', "›").replace("](", "] (");
    for word in ["@channel", "@here", "@all", "@everyone"] {
        plain = plain.replace(word, &word.replace('@', "@ "));
    }
    plain
}
