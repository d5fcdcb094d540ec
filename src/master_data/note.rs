//! What does not go from one Odoo to another because one of them has no place for it: told in the preview, in words.

use crate::model::{Kind, Language};

/// What stays behind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    /// The branch has no such field.
    BranchLacks(Kind, &'static str),
    /// Central has no such field.
    CentralLacks(Kind, &'static str),
    /// The branch does not know a word of a field.
    WordUnknown(Kind, &'static str, String),
    /// Products are in several POS categories, and at the branch in one each.
    OnePosCategory,
    /// Payment methods have a journal, and at the branch only those that take cash do.
    CashJournals,
    /// Central's Odoo knows no combos, and the branch's products are some.
    CombosKept,
    /// Central's products have no product category, and the branch's cannot be without.
    CategoryNeeded,
}

impl Note {
    /// In a sentence; `records` is how many it concerns.
    pub fn say(&self, records: usize, language: Language) -> String {
        match language {
            Language::English => self.english(records),
            Language::German => self.german(records),
        }
    }

    fn english(&self, records: usize) -> String {
        let go = |what: &str| if records == 1 { format!("1 {what} goes") } else { format!("{records} {what}s go") };
        let plural = |kind: &Kind| kind.plural_in(Language::English);
        match self {
            Note::BranchLacks(kind, label) => {
                format!("The branch's Odoo has no \"{label}\" for {}: {} without.", plural(kind), go("record"))
            }
            Note::CentralLacks(kind, label) => {
                format!("Central's Odoo has no \"{label}\" for {}: the branch keeps what it has.", plural(kind))
            }
            Note::WordUnknown(kind, label, word) => {
                format!("The branch's Odoo knows no {label} \"{word}\" for {}: {} without.", plural(kind), go("record"))
            }
            Note::OnePosCategory => {
                format!("The branch's Odoo has room for one POS category of a product: {} with the first of several.", go("product"))
            }
            Note::CashJournals => {
                format!("The branch's Odoo has journals for cash payment methods only: {} without.", go("payment method"))
            }
            Note::CombosKept if records == 1 => "Central's Odoo knows no combos: 1 product stays one at the branch.".to_owned(),
            Note::CombosKept => format!("Central's Odoo knows no combos: {records} products stay combos at the branch."),
            Note::CategoryNeeded => format!(
                "The branch's Odoo wants a product category, and central has none: {} with what the branch has or gives by itself.",
                go("product")
            ),
        }
    }

    fn german(&self, records: usize) -> String {
        let go = |one: &str, more: &str| if records == 1 { format!("1 {one} wird") } else { format!("{records} {more} werden") };
        let record = || go("Datensatz", "Datensätze");
        let product = || go("Produkt", "Produkte");
        let plural = |kind: &Kind| kind.plural_in(Language::German);
        match self {
            Note::BranchLacks(kind, label) => {
                format!("Das Odoo der Filiale hat kein Feld „{label}“ für {}: {} ohne es gesendet.", plural(kind), record())
            }
            Note::CentralLacks(kind, label) => {
                format!("Das Odoo der Zentrale hat kein Feld „{label}“ für {}: Die Filiale behält, was sie hat.", plural(kind))
            }
            Note::WordUnknown(kind, label, word) => {
                format!("Das Odoo der Filiale kennt für {} im Feld „{label}“ kein „{word}“: {} ohne es gesendet.", plural(kind), record())
            }
            Note::OnePosCategory => {
                format!(
                    "Im Odoo der Filiale ist ein Produkt in nur einer Kassenkategorie: {} mit der ersten von mehreren gesendet.",
                    product()
                )
            }
            Note::CashJournals => format!(
                "Im Odoo der Filiale haben nur Zahlungsmethoden für Bargeld ein Journal: {} ohne eines gesendet.",
                go("Zahlungsmethode", "Zahlungsmethoden")
            ),
            Note::CombosKept if records == 1 => {
                "Das Odoo der Zentrale kennt keine Kombi-Produkte: 1 Produkt bleibt in der Filiale eines.".to_owned()
            }
            Note::CombosKept => {
                format!("Das Odoo der Zentrale kennt keine Kombi-Produkte: {records} Produkte bleiben in der Filiale welche.")
            }
            Note::CategoryNeeded => format!(
                "Das Odoo der Filiale verlangt eine Produktkategorie, die Zentrale hat keine: {} mit dem gesendet, was die \
                 Filiale hat oder selbst einträgt.",
                product()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_behind_in_words() {
        let notes = [
            (Note::BranchLacks(Kind::Customer, "mobile"), 3),
            (Note::BranchLacks(Kind::Product, "product description"), 1),
            (Note::CentralLacks(Kind::Tax, "label on invoices"), 2),
            (Note::WordUnknown(Kind::Attribute, "display type", "multi".to_owned()), 1),
            (Note::OnePosCategory, 2),
            (Note::CashJournals, 1),
            (Note::CombosKept, 1),
            (Note::CombosKept, 2),
            (Note::CategoryNeeded, 12),
        ];
        let lines: Vec<String> = notes
            .iter()
            .flat_map(|(note, records)| [Language::English, Language::German].map(|language| note.say(*records, language)))
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
