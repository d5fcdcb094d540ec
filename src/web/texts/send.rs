//! Texts of sending.

use super::texts;

texts! {
    /// The way to send master data.
    pub struct SendTexts {
        title: "Send to branches" | "An Filialen senden",
        about: "From central to the branches. First a preview: field by field, branch by branch; nothing is written before you say so." | "Von der Zentrale an die Filialen. Zuerst eine Vorschau, Feld für Feld und Filiale für Filiale; geschrieben wird erst, wenn Sie es sagen.",
        kind: "What" | "Was",
        product: "Products" | "Produkte",
        customer: "Customers" | "Kunden",
        tax: "Sales taxes" | "Verkaufssteuern",
        payment_method: "POS payment methods" | "Zahlungsmethoden der Kasse",
        pricelist: "Pricelists" | "Preislisten",
        search: "Search at central" | "In der Zentrale suchen",
        search_hint: "Part of a name, reference or barcode" | "Teil eines Namens, einer Referenz oder eines Barcodes",
        found: "Found at central" | "In der Zentrale gefunden",
        found_nothing: "Central has nothing like that." | "Die Zentrale hat nichts dergleichen.",
        first_only: "The first {} are shown; one more letter narrows it." | "Die ersten {} sind zu sehen; ein Buchstabe mehr grenzt es ein.",
        to: "To which branches" | "An welche Filialen",
        all_branches: "All branches" | "Alle Filialen",
        preview: "Preview what is picked" | "Vorschau des Ausgewählten",
        changed: "Preview what changed at central" | "Vorschau dessen, was sich in der Zentrale geändert hat",
        changed_about: "Of what the settings choose for a branch, what changed since the last sending." | "Von dem, was die Einstellungen für eine Filiale wählen, das seit dem letzten Senden Geänderte.",
        pick_something: "Pick at least one record and one branch. Nothing was done." | "Wählen Sie mindestens einen Datensatz und eine Filiale. Es wurde nichts getan.",
        pick_branch: "Pick at least one branch. Nothing was done." | "Wählen Sie mindestens eine Filiale. Es wurde nichts getan.",
        more_branches: "Others, by their codes, with commas" | "Weitere, nach Kürzeln, mit Kommas",
        no_branch: "There is no branch {}. Nothing was done." | "Es gibt keine Filiale {}. Es wurde nichts getan.",
        recent: "Recently" | "Zuletzt",
    }
}
