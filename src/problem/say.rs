//! What a problem says in the dashboard, in the reader's language.
//!
//! English comes from the same sentences as on the command line, with buttons in place of commands; German from
//! [`german`](super::german), which has its own exhaustive match: a new problem without German does not compile. Who has
//! to act, whether trying again helps, the key of a group and how a next step ends are decided once, for all languages.
//!
//! Names, Odoo's words and lists of changes are shown as they came, whatever language that is. In sentences `` `…` ``
//! marks what stands in a file and `*…*` a button.

use serde::{Deserialize, Serialize};

use super::words::{Audience, Then};
use super::{Problem, Retry, Who, german};
use crate::model::Language;

/// Who reads a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// At the command line, in a mail or a log: English, with commands to type.
    Terminal,
    /// In the dashboard: his language, with buttons to press.
    Browser(Language),
}

impl Reader {
    /// The language that he reads.
    pub fn language(self) -> Language {
        match self {
            Reader::Terminal => Language::English,
            Reader::Browser(language) => language,
        }
    }
}

/// What happened, and who does what about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// What happened.
    pub what: String,
    /// Who does what next.
    pub next_step: String,
}

/// The same for the dashboard in every language: for what is found once and read by many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Texts {
    english: Told,
    german: Told,
}

impl Texts {
    /// From whatever tells it to a reader.
    pub fn of(tell: impl Fn(Reader) -> Told) -> Self {
        Self { english: tell(Reader::Browser(Language::English)), german: tell(Reader::Browser(Language::German)) }
    }

    /// In one language.
    pub fn in_language(&self, language: Language) -> &Told {
        match language {
            Language::English => &self.english,
            Language::German => &self.german,
        }
    }
}

/// What a problem says, for the dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// What happened, in one sentence.
    pub what: String,
    /// What it means for the sale or the record, in whole sentences.
    pub meaning: String,
    /// Who does what next, in whole sentences, with the exact menu, group or button.
    pub next_step: String,
    /// Completes "12 orders wait for …" in English, "12 Aufträge warten …" in German.
    group: String,
}

/// The buttons that next steps name: the page shows the same label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Button {
    /// Lets what waits go again.
    Retry,
    /// Says no to a record, with a reason.
    Ignore,
    /// Writes once more what was deleted or lost at central.
    Recreate,
    /// Tests the connection to an Odoo and what the settings find there.
    Check,
    /// Keeps a password or API key of an Odoo.
    Password,
    /// Archives at the branch what is gone at central, though it is much.
    AcceptGone,
    /// Sends master data to branches.
    Send,
    /// Reads a branch now.
    Receive,
}

impl Button {
    /// All of them.
    pub const ALL: [Button; 8] = [
        Button::Retry,
        Button::Ignore,
        Button::Recreate,
        Button::Check,
        Button::Password,
        Button::AcceptGone,
        Button::Send,
        Button::Receive,
    ];

    /// What stands on it.
    pub fn label(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::English, Button::Retry) => "Try again",
            (Language::English, Button::Ignore) => "Ignore",
            (Language::English, Button::Recreate) => "Write again",
            (Language::English, Button::Check) => "Test connection",
            (Language::English, Button::Password) => "Set password",
            (Language::English, Button::AcceptGone) => "Archive all the same",
            (Language::English, Button::Send) => "Send",
            (Language::English, Button::Receive) => "Receive now",
            (Language::German, Button::Retry) => "Erneut versuchen",
            (Language::German, Button::Ignore) => "Ignorieren",
            (Language::German, Button::Recreate) => "Neu schreiben",
            (Language::German, Button::Check) => "Verbindung testen",
            (Language::German, Button::Password) => "Passwort setzen",
            (Language::German, Button::AcceptGone) => "Trotzdem archivieren",
            (Language::German, Button::Send) => "Senden",
            (Language::German, Button::Receive) => "Jetzt empfangen",
        }
    }

    /// As sentences name it.
    pub fn marked(self, language: Language) -> String {
        format!("*{}*", self.label(language))
    }
}

impl Who {
    /// The word that stands before what he is to do.
    pub fn label(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::English, Who::Branch) => "Branch",
            (Language::English, Who::Central) => "Central",
            (Language::English, Who::Ops) => "Ops",
            (Language::English, Who::Nobody) => "Nobody",
            (Language::German, Who::Branch) => "Filiale",
            (Language::German, Who::Central) => "Zentrale",
            (_, Who::Integrator) => "Integrator",
            (Language::German, Who::Ops) => "Betrieb",
            (Language::German, Who::Nobody) => "Niemand",
        }
    }
}

impl Problem {
    /// What happened and who does what next, as this reader reads it.
    pub fn tell(&self, reader: Reader) -> Told {
        match reader {
            Reader::Terminal => Told { what: self.what(), next_step: self.next_step() },
            Reader::Browser(language) => {
                let Said { what, next_step, .. } = self.say(language);
                Told { what, next_step }
            }
        }
    }

    /// All that it says in the dashboard.
    pub fn say(&self, language: Language) -> Said {
        let words = self.words(Audience::Browser);
        match language {
            Language::English => {
                let next_step = words.next_step(Audience::Browser);
                Said { what: words.what, meaning: words.meaning, next_step, group: words.group }
            }
            Language::German => {
                let german::Words { what, meaning, step, group } = german::words(self);
                let next_step = match words.then {
                    Then::Nothing => step,
                    Then::Retry(_) => format!("{step} {}", german::then_retry()),
                    Then::Check(_) => format!("{step} {}", german::then_check()),
                };
                Said { what, meaning, next_step, group }
            }
        }
    }
}

/// [`group_line`](super::group_line) in the reader's language.
pub fn group_line_in(language: Language, problem: &Problem, orders: usize) -> String {
    grouped(language, problem, orders, ["order", "orders", "Auftrag", "Aufträge"])
}

/// [`records_line`](super::records_line) in the reader's language.
pub fn records_line_in(language: Language, problem: &Problem, records: usize) -> String {
    grouped(language, problem, records, ["record", "records", "Datensatz", "Datensätze"])
}

fn grouped(language: Language, problem: &Problem, number: usize, [record, records, satz, saetze]: [&str; 4]) -> String {
    let Said { what, group, .. } = problem.say(language);
    let waits = problem.retry() != Retry::Never;
    match (language, number) {
        (_, 0) => what,
        (Language::English, 1) if waits => format!("1 {record} waits for {group}"),
        (Language::English, 1) => format!("1 {record}: {group}"),
        (Language::English, _) if waits => format!("{number} {records} wait for {group}"),
        (Language::English, _) => format!("{number} {records}: {group}"),
        (Language::German, 1) if waits => format!("1 {satz} wartet {group}"),
        (Language::German, 1) => format!("1 {satz}: {group}"),
        (Language::German, _) if waits => format!("{number} {saetze} warten {group}"),
        (Language::German, _) => format!("{number} {saetze}: {group}"),
    }
}
