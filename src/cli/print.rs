//! How things look on a terminal: tables within 100 columns, colour only where a person sees it, text from outside
//! made harmless.

use std::io::{IsTerminal as _, Write as _};

use comfy_table::presets;
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table};
use jiff::Timestamp;
use serde::Serialize;

use super::Failure;
use crate::problem::clean;
use crate::store::State;

/// Widest table: what fits beside a log on a laptop.
const WIDTH: u16 = 100;

/// Longest text of a cell before it is cut; the table wraps it.
const CELL: usize = 300;

/// Whether to use colour: on a terminal, unless `$NO_COLOR` is set.
pub fn colour() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Prints one JSON document.
pub fn json<T: Serialize>(document: &T) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(document).map_err(|error| Failure::Other(error.to_string()))?;
    line(&text)
}

/// Prints a line.
pub fn line(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

/// Prints text as a paragraph: wrapped, each line after so many blanks.
pub fn paragraph(indent: usize, text: &str) -> Result<(), Failure> {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && indent + column + 1 + length > usize::from(WIDTH) {
            line(&out)?;
            column = 0;
        }
        if column == 0 {
            out = " ".repeat(indent);
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    if column == 0 { Ok(()) } else { line(&out) }
}

/// A table with these headings.
pub fn table(headings: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    if colour() {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table.set_header(headings.iter().map(|heading| Cell::new(heading).add_attribute(Attribute::Bold)));
    table
}

/// Prints a table without blanks at the ends of its lines.
pub fn show(table: &Table) -> Result<(), Failure> {
    for text in table.lines() {
        line(text.trim_end())?;
    }
    Ok(())
}

/// A cell with text from outside.
pub fn cell(text: &str) -> Cell {
    Cell::new(clean(text, CELL))
}

/// A count; nothing for none, so that what matters stands out.
pub fn count(number: u64) -> Cell {
    Cell::new(if number == 0 { "-".to_owned() } else { number.to_string() })
}

/// A state in its colour.
pub fn state(state: State) -> Cell {
    let cell = Cell::new(state.as_str());
    match state {
        State::Done => cell.fg(Color::Green),
        State::Failed => cell.fg(Color::Red),
        State::Pending | State::Held => cell.fg(Color::Yellow),
        State::Ignored => cell,
    }
}

/// A moment for people: UTC, and it says so.
pub fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// How long until then, in the largest unit.
pub fn ahead(at: Timestamp, now: Timestamp) -> String {
    let seconds = at.duration_since(now).as_secs().max(0);
    match seconds {
        0..=89 => format!("in {seconds} s"),
        90..=5_399 => format!("in {} min", seconds / 60),
        5_400..=172_799 => format!("in {} h", seconds / 3_600),
        _ => format!("in {} days", seconds / 86_400),
    }
}

/// How long ago, in the largest unit.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs().max(0);
    match seconds {
        0..=89 => format!("{seconds} s ago"),
        90..=5_399 => format!("{} min ago", seconds / 60),
        5_400..=172_799 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}
