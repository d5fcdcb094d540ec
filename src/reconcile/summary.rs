//! What a comparison says to people of a day as a whole, and the short words for verdicts and findings.

use jiff::civil::Date;

use super::{DayProof, Finding, Verdict};
use crate::model::{Amount, Language};
use crate::problem::{Reader, Told, clean};

/// Longest text from outside in a sentence.
pub(super) const TEXT: usize = 120;

/// A verdict in a table.
pub fn verdict_word(verdict: Verdict) -> &'static str {
    verdict_in(Language::English, verdict)
}

/// A verdict in a table, in a language.
pub fn verdict_in(language: Language, verdict: Verdict) -> &'static str {
    match (language, verdict) {
        (Language::English, Verdict::Equal) => "equal",
        (Language::English, Verdict::Explained) => "explained",
        (Language::English, Verdict::Differs) => "differs",
        (Language::English, Verdict::NotOver) => "not over",
        (Language::English, Verdict::Unproved) => "unproved",
        (Language::German, Verdict::Equal) => "gleich",
        (Language::German, Verdict::Explained) => "erklärt",
        (Language::German, Verdict::Differs) => "weicht ab",
        (Language::German, Verdict::NotOver) => "nicht zu Ende",
        (Language::German, Verdict::Unproved) => "nicht geprüft",
    }
}

/// What is the matter with an order, in a few words.
pub fn finding_in(language: Language, finding: Finding) -> &'static str {
    match (language, finding) {
        (Language::English, Finding::NotReceived) => "not received until now",
        (Language::English, Finding::NotTaken) => "not received",
        (Language::English, Finding::Waiting) => "waiting",
        (Language::English, Finding::Held) => "held",
        (Language::English, Finding::Failed) => "failed",
        (Language::English, Finding::Ignored) => "ignored",
        (Language::English, Finding::Deleted) => "deleted at central",
        (Language::English, Finding::Cancelled) => "cancelled at central",
        (Language::English, Finding::Edited) => "changed at central",
        (Language::English, Finding::ChangedTotal) => "total changed at the branch",
        (Language::English, Finding::Foreign) => "not from the bridge",
        (Language::English, Finding::UnknownDraft) => "unknown draft",
        (Language::English, Finding::GoneAtBranch) => "gone at the branch",
        (Language::English, Finding::NoLongerPaid) => "no longer paid",
        (Language::English, Finding::LeftOut) => "left out by the settings",
        (Language::English, Finding::Late) => "late",
        (Language::English, Finding::Changed) => "changed at the branch",
        (Language::English, Finding::Moved) => "on another day now",
        (Language::German, Finding::NotReceived) => "bisher nicht empfangen",
        (Language::German, Finding::NotTaken) => "nicht empfangen",
        (Language::German, Finding::Waiting) => "wartet",
        (Language::German, Finding::Held) => "zurückgehalten",
        (Language::German, Finding::Failed) => "fehlgeschlagen",
        (Language::German, Finding::Ignored) => "ignoriert",
        (Language::German, Finding::Deleted) => "in der Zentrale gelöscht",
        (Language::German, Finding::Cancelled) => "in der Zentrale storniert",
        (Language::German, Finding::Edited) => "in der Zentrale geändert",
        (Language::German, Finding::ChangedTotal) => "Summe in der Filiale geändert",
        (Language::German, Finding::Foreign) => "nicht von der Brücke",
        (Language::German, Finding::UnknownDraft) => "unbekannter Entwurf",
        (Language::German, Finding::GoneAtBranch) => "in der Filiale verschwunden",
        (Language::German, Finding::NoLongerPaid) => "nicht mehr bezahlt",
        (Language::German, Finding::LeftOut) => "durch die Einstellungen ausgeschlossen",
        (Language::German, Finding::Late) => "verspätet",
        (Language::German, Finding::Changed) => "in der Filiale geändert",
        (Language::German, Finding::Moved) => "jetzt an einem anderen Tag",
    }
}

/// What a day came to, in a sentence; `to` is another day if the same is to be said of all days up to that.
pub fn summary(branch: &str, proof: &DayProof, to: Date) -> String {
    summary_for(Reader::Terminal, branch, proof, to)
}

/// [`summary`] for a reader.
pub fn summary_for(reader: Reader, branch: &str, proof: &DayProof, to: Date) -> String {
    let differences = proof.differences().count() as u64 + proof.not_listed;
    match reader.language() {
        Language::English => summary_in_english(reader, branch, proof, to, differences),
        Language::German => summary_in_german(reader, branch, proof, to, differences),
    }
}

fn summary_in_english(reader: Reader, branch: &str, proof: &DayProof, to: Date, differences: u64) -> String {
    let head = if to == proof.day { format!("{branch}, {to}") } else { format!("{branch}, {} to {to}", proof.day) };
    let sides = || format!("{} at the branch, {} at central", counted(proof.branch_orders, "order", "orders"), proof.central_orders);
    let differences = counted(differences, "difference", "differences");
    match proof.verdict {
        Verdict::Equal if proof.branch_orders == 0 => format!("{head}: no orders on either side."),
        Verdict::Equal => format!(
            "{head}: branch and central agree on {}, {}.",
            counted(proof.branch_orders, "order", "orders"),
            sums(Language::English, proof, " and ")
        ),
        Verdict::Explained => format!("{head}: {}; {differences} as people or the settings decided.", sides()),
        Verdict::Differs => format!("{head}: {}; {differences}.", sides()),
        Verdict::NotOver if proof.open_sessions.is_empty() => format!("{head}: the day is not over yet, so nothing is proved."),
        Verdict::NotOver => {
            format!("{head}: not over yet, so nothing is proved: close the session in the Point of Sale ({}).", sessions(proof))
        }
        Verdict::Unproved => {
            let (why, next) = unproved(reader, proof).unwrap_or_else(|| ("not looked at".to_owned(), String::new()));
            format!("{head}: could not be proved: {why} {next}").trim_end().to_owned()
        }
    }
}

fn summary_in_german(reader: Reader, branch: &str, proof: &DayProof, to: Date, differences: u64) -> String {
    let day = |day: Date| day.strftime("%d.%m.%Y").to_string();
    let head = if to == proof.day { format!("{branch}, {}", day(to)) } else { format!("{branch}, {} bis {}", day(proof.day), day(to)) };
    let sides =
        || format!("{} in der Filiale, {} in der Zentrale", counted(proof.branch_orders, "Auftrag", "Aufträge"), proof.central_orders);
    let differences = counted(differences, "Unterschied", "Unterschiede");
    match proof.verdict {
        Verdict::Equal if proof.branch_orders == 0 => format!("{head}: auf beiden Seiten keine Aufträge."),
        Verdict::Equal => format!(
            "{head}: Filiale und Zentrale stimmen überein, {}, {}.",
            counted(proof.branch_orders, "Auftrag", "Aufträge"),
            sums(Language::German, proof, " und ")
        ),
        Verdict::Explained => format!("{head}: {}; {differences}, von Menschen oder den Einstellungen so entschieden.", sides()),
        Verdict::Differs => format!("{head}: {}; {differences}.", sides()),
        Verdict::NotOver if proof.open_sessions.is_empty() => {
            format!("{head}: Der Tag ist noch nicht zu Ende, deshalb ist nichts geprüft.")
        }
        Verdict::NotOver => format!(
            "{head}: noch nicht zu Ende, deshalb ist nichts geprüft: Schließen Sie die Sitzung im Kassensystem ({}).",
            sessions(proof)
        ),
        Verdict::Unproved => {
            let (why, next) = unproved(reader, proof).unwrap_or_else(|| ("Es wurde nicht nachgesehen.".to_owned(), String::new()));
            format!("{head}: konnte nicht geprüft werden: {why} {next}").trim_end().to_owned()
        }
    }
}

/// Why a side could not be read to its end, and who does what about it.
fn unproved(reader: Reader, proof: &DayProof) -> Option<(String, String)> {
    match (reader, &proof.texts) {
        (Reader::Browser(language), Some(texts)) => {
            let Told { what, next_step } = texts.in_language(language);
            Some((what.clone(), next_step.clone()))
        }
        _ => Some((proof.error.clone()?, proof.next_step.clone().unwrap_or_default())),
    }
}

fn sessions(proof: &DayProof) -> String {
    proof.open_sessions.iter().map(|name| clean(name, TEXT)).collect::<Vec<_>>().join(", ")
}

/// The branch's money.
fn sums(language: Language, proof: &DayProof, and: &str) -> String {
    proof.totals.iter().map(|total| money_in(language, total.branch, &total.currency)).collect::<Vec<_>>().join(and)
}

fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// An amount with its currency, with at least two decimals.
pub fn money(amount: Amount, currency: &str) -> String {
    money_in(Language::English, amount, currency)
}

/// [`money`] in a language.
pub fn money_in(language: Language, amount: Amount, currency: &str) -> String {
    let mut shown = amount.normalize();
    if shown.scale() < 2 {
        shown.rescale(2);
    }
    let shown = match language {
        Language::English => shown.to_string(),
        Language::German => shown.to_string().replace('.', ","),
    };
    format!("{shown} {}", clean(currency, TEXT)).trim_end().to_owned()
}
