//! What the catalogue of problems says, in the reader's language and for somebody who has buttons.

use std::fmt;

use askama::filters::HtmlSafe;

use crate::model::{Kind, Language};
use crate::problem::{self, Problem, group_line_in, records_line_in};
use crate::reconcile::{self, DayProof, Entry, Verdict, summary_for};
use crate::store::Direction;
use crate::sync::sessions::Gap;
use crate::sync::{Finding, FindingKind, Unchecked, check_in};

/// A sentence as HTML: escaped, then what stands in stars made bold (a button) and what stands in backticks code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked(String);

impl Marked {
    /// Of a sentence from the catalogue, or from anywhere.
    pub fn new(text: &str) -> Self {
        let mut html = String::with_capacity(text.len() + 16);
        for (at, part) in text.split('`').enumerate() {
            let is_code = at % 2 == 1;
            if is_code {
                html.push_str("<code>");
                escape(part, &mut html);
                html.push_str("</code>");
                continue;
            }
            for (at, part) in part.split('*').enumerate() {
                let is_button = at % 2 == 1;
                html.push_str(if is_button { "<b>" } else { "" });
                escape(part, &mut html);
                html.push_str(if is_button { "</b>" } else { "" });
            }
        }
        Self(html)
    }
}

fn escape(text: &str, html: &mut String) {
    for c in text.chars() {
        match c {
            '&' => html.push_str("&#38;"),
            '<' => html.push_str("&#60;"),
            '>' => html.push_str("&#62;"),
            '"' => html.push_str("&#34;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
}

impl fmt::Display for Marked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Marked {}

/// What happened, what it means, and who does what next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// What happened.
    pub what: String,
    /// What it means for the sale.
    pub meaning: String,
    /// Who does what next.
    pub next_step: Marked,
}

/// A problem in words.
pub fn said(problem: &Problem, language: Language) -> Said {
    let problem::Said { what, meaning, next_step, .. } = problem.say(language);
    Said { what, meaning, next_step: Marked::new(&next_step) }
}

/// A problem of a branch in words, which name its table of the settings.
pub fn said_of(branch: &str, problem: &Problem, language: Language) -> Said {
    let problem::Said { what, meaning, next_step, .. } = problem.say(language);
    Said { what, meaning, next_step: Marked::new(&next_step.replace("[branch.CODE", &format!("[branch.{branch}"))) }
}

/// Who does what next, without markup: for a file.
pub fn plain_step(problem: &Problem, language: Language) -> String {
    problem.say(language).next_step.replace(['*', '`'], "")
}

/// One line for records that wait for one thing: `12 orders wait for product [BAG01]`, `3 records wait for tax "VAT 20%"`.
pub fn group_of(problem: &Problem, direction: Direction, records: u64, language: Language) -> String {
    let count = usize::try_from(records).unwrap_or(usize::MAX);
    match direction {
        Direction::Receive => group_line_in(language, problem, count),
        Direction::Send => records_line_in(language, problem, count),
    }
}

/// What a record of master data is.
pub fn kind(kind: Kind, language: Language) -> &'static str {
    kind.label_in(language)
}

/// The stable name of what a day came to.
pub fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Equal => "equal",
        Verdict::Explained => "explained",
        Verdict::Differs => "differs",
        Verdict::NotOver => "not_over",
        Verdict::Unproved => "unproved",
    }
}

/// What is to be said of a day as a whole.
pub fn summary(branch: &str, proof: &DayProof, language: Language) -> Marked {
    Marked::new(&summary_for(problem::Reader::Browser(language), branch, proof, proof.day))
}

/// What is the matter with an order of a day, and what to do. Of days that were compared long ago only English words are kept.
pub fn entry(entry: &Entry, language: Language) -> (String, Marked) {
    match &entry.texts {
        Some(texts) => told(texts, language),
        None => (entry.message.clone(), Marked::new(&entry.next_step)),
    }
}

fn told(texts: &problem::Texts, language: Language) -> (String, Marked) {
    let told = texts.in_language(language);
    (told.what.clone(), Marked::new(&told.next_step))
}

/// Receipt numbers that never arrived.
pub fn gap(gap: &Gap, _language: Language) -> String {
    gap.told()
}

/// A finding of an audit, and what to do.
pub fn finding(finding: &Finding, language: Language) -> (String, Marked) {
    told(&finding.texts, language)
}

/// What could not be looked at in an audit, and what to do.
pub fn unchecked(unchecked: &Unchecked, language: Language) -> (String, Marked) {
    let (what, next_step) = told(&unchecked.texts, language);
    (format!("{}: {}: {what}", unchecked.branch, check_in(language, &unchecked.check)), next_step)
}

/// What stands above the findings of a kind.
pub fn heading(kind: FindingKind, language: Language) -> String {
    kind.heading_in(language).to_owned()
}

/// What a day came to, in a word.
pub fn verdict(verdict: Verdict, language: Language) -> &'static str {
    reconcile::verdict_in(language, verdict)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_markup_and_everything_else_is_escaped() {
        let html = |text: &str| Marked::new(text).to_string();
        assert_eq!(html("Press *Try again* in `[branch.a]`"), "Press <b>Try again</b> in <code>[branch.a]</code>");
        assert_eq!(html("<script>*</script>*`<b>`"), "&#60;script&#62;<b>&#60;/script&#62;</b><code>&#60;b&#62;</code>");
        assert_eq!(html("a & \"b\" 'c'"), "a &#38; &#34;b&#34; &#39;c&#39;");
    }
}
