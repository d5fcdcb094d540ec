//! German sentences about sending master data to a branch: records that wait by themselves, records that a person has to
//! look at, and settings of `[branch.CODE.send]`.

use super::orders::{entry, the_field, with_field};
use super::{Gender, Noun, Words, at, button, differences, listed, quoted, then_retry};
use crate::model::{Kind, Language};
use crate::problem::words::{NAME_MAX, said};
use crate::problem::{Button, Side, clean};

const KEPT: &str = "Die Filiale behält, was sie hat; an diesem Datensatz wurde dort nichts geändert. Andere Datensätze laufen weiter.";
const BY_ITSELF: &str = "Niemand muss etwas tun: Die Brücke sendet den Datensatz von selbst";

fn plural(kind: Kind) -> &'static str {
    kind.plural_in(Language::German)
}

fn journals_there(journals: &[String]) -> String {
    if journals.is_empty() {
        "Die Filiale hat noch keine Journale, oder der Benutzer der Brücke darf sie nicht sehen".to_owned()
    } else {
        format!("Die Filiale hat {}", listed(journals))
    }
}

/// A record that was not written.
fn kept(group: String, what: String, step: String) -> Words {
    Words { what, meaning: KEPT.to_owned(), step, group }
}

pub(super) fn session_open(kind: Kind, reference: &str, shops: &[String]) -> Words {
    let noun = Noun::of_kind(kind);
    let (wait, close) = match shops {
        [] => ("eine Sitzung geschlossen wird".to_owned(), "die offenen Sitzungen".to_owned()),
        [shop] => (format!("die Sitzung von {} geschlossen wird", quoted(shop)), format!("die Sitzung von {}", quoted(shop))),
        _ => (format!("die Sitzungen von {} geschlossen werden", listed(shops)), format!("die Sitzungen von {}", listed(shops))),
    };
    Words {
        what: format!(
            "Wartet darauf, dass {wait}: Odoo erlaubt keine Änderung {}, solange eine Sitzung {} verwendet.",
            noun.after("am", "an der", reference),
            noun.gender.it()
        ),
        meaning: "Die Filiale verkauft mit dem weiter, was sie hat; an diesem Datensatz wurde dort nichts geändert. Andere Datensätze \
                  laufen weiter."
            .to_owned(),
        step: format!("{BY_ITSELF}, sobald das geschehen ist. Filiale: Damit es schneller geht, schließen Sie {close}."),
        group: format!("darauf, dass {wait}"),
    }
}

pub(super) fn order_open(reference: &str, orders: &[String]) -> Words {
    Words {
        what: format!(
            "Das Produkt {} soll archiviert werden und steht noch in {} an der Kasse{}.",
            quoted(reference),
            if orders.len() == 1 { "einem offenen Auftrag" } else { "offenen Aufträgen" },
            if orders.is_empty() { String::new() } else { format!(": {}", listed(orders)) }
        ),
        meaning: "Die Filiale verkauft es bis dahin weiter. Andere Datensätze laufen weiter.".to_owned(),
        step: "Niemand muss etwas tun: Die Brücke archiviert es von selbst, sobald diese Aufträge bezahlt oder storniert sind.".to_owned(),
        group: format!("darauf, dass offene Aufträge mit {} bezahlt werden", quoted(reference)),
    }
}

pub(super) fn waits_for_need(kind: Kind, reference: &str) -> Words {
    let noun = Noun::of_kind(kind);
    kept(
        format!("auf {}", noun.object(reference)),
        format!(
            "Der Datensatz braucht {}, {} noch nicht gesendet werden konnte.",
            noun.object(reference),
            noun.gender.of("der", "die", "das")
        ),
        format!(
            "{BY_ITSELF}, sobald {} gesendet ist. Worauf {} wartet, steht im Protokoll.",
            noun.subject(reference),
            noun.gender.of("dieser", "diese", "dieses")
        ),
    )
}

pub(super) fn branch_edited(kind: Kind, reference: &str, changes: &[String]) -> Words {
    let noun = Noun::of_kind(kind);
    kept(
        format!("auf eine Entscheidung über {}", noun.object(reference)),
        format!("Die Filiale hat {} eigene Werte: {}.", noun.after("beim", "bei der", reference), differences(changes)),
        format!(
            "Zentrale: Entscheiden Sie, was richtig ist. Um die Werte der Zentrale zu senden, drücken Sie {}; um die der Filiale zu \
             behalten, drücken Sie {}.",
            button(Button::Retry),
            button(Button::Ignore)
        ),
    )
}

pub(super) fn changed_since_preview(reference: &str, changes: &[String]) -> Words {
    kept(
        format!("auf einen neuen Vergleich von {}", quoted(reference)),
        format!("Die Filiale hat {} zwischen der Vorschau und dem Senden geändert: {}.", quoted(reference), differences(changes)),
        "Niemand muss etwas tun: Der nächste Durchlauf vergleicht neu. Um die Änderung vor dem Senden zu sehen, rufen Sie die Vorschau noch \
         einmal auf."
            .to_owned(),
    )
}

pub(super) fn match_ambiguous(kind: Kind, reference: &str, by: &str, value: &str, matches: &[String]) -> Words {
    let noun = Noun::of_kind(kind);
    kept(
        format!("auf {} {} mit {} in der Filiale", noun.gender.clear(), noun.bent, with_field(by, value)),
        format!(
            "Die Filiale hat {} {} mit {}, und {} davon könnte {} sein: {}.",
            matches.len(),
            plural(kind),
            with_field(by, value),
            noun.gender.of("jeder", "jede", "jedes"),
            noun.subject(reference),
            listed(matches)
        ),
        format!(
            "Filiale: Lassen Sie {} nur beim gemeinten Datensatz stehen, und ändern oder archivieren Sie die anderen.",
            the_field(by, value)
        ),
    )
}

pub(super) fn barcode_taken(reference: &str, barcode: &str, words: &str) -> Words {
    let barcode = clean(barcode, NAME_MAX);
    kept(
        format!("darauf, dass der Barcode {barcode} in der Filiale frei wird"),
        format!("In der Filiale steht der Barcode {barcode} von {} bei einem anderen Datensatz: {}.", quoted(reference), said(words)),
        format!(
            "Filiale: Suchen Sie unter Kassensystem > Produkte > Produkte nach {barcode}, auch unter den archivierten, und entfernen Sie \
             ihn dort, wo er nicht hingehört."
        ),
    )
}

pub(super) fn refused_at_branch(kind: Kind, reference: &str, words: &str) -> Words {
    let noun = Noun::of_kind(kind);
    kept(
        format!("darauf, dass die Filiale {} annimmt", noun.object(reference)),
        format!("Das Odoo der Filiale hat {} mit diesen Worten abgelehnt: {}.", noun.object(reference), said(words)),
        "Filiale: Berichtigen Sie, was diese Worte nennen. Zentrale: Liegt der Fehler bei der Zentrale, berichtigen Sie ihn dort."
            .to_owned(),
    )
}

pub(super) fn journal_not_set(method: &str, journals: &[String]) -> Words {
    kept(
        format!("auf ein Journal für die Zahlungsmethode {}", quoted(method)),
        format!("Für die Zahlungsmethode {} ist kein Journal der Filiale angegeben. {}.", quoted(method), journals_there(journals)),
        format!(
            "Integrator: Nennen Sie eines unter [branch.CODE.send.journals] in der branches.toml, als {}, mit seinem Namen oder Code.",
            entry(method)
        ),
    )
}

pub(super) fn journal_not_found(method: &str, journal: &str, journals: &[String]) -> Words {
    kept(
        format!("auf das Journal {}", quoted(journal)),
        format!(
            "Die Filiale hat kein Journal {} für die Zahlungsmethode {}, oder der Benutzer der Brücke darf es nicht sehen. {}.",
            quoted(journal),
            quoted(method),
            journals_there(journals)
        ),
        "Integrator: Berichtigen Sie es unter [branch.CODE.send.journals] in der branches.toml auf einen Namen oder Code aus \
         Rechnungsstellung > Konfiguration > Journale in der Filiale."
            .to_owned(),
    )
}

pub(super) fn country_differs(reference: &str, branch: &str, central: &str) -> Words {
    let (branch, central) = (quoted(branch), quoted(central));
    kept(
        format!("auf eine Steuer des Landes {branch}"),
        format!(
            "Die Steuer {} gehört in der Zentrale zum Land {central}, und das Unternehmen der Filiale führt seine Steuern im Land {branch}.",
            quoted(reference)
        ),
        "Integrator: Wählen Sie in [branch.CODE.send.taxes] nur Steuern des Landes der Filiale. Sollen Produkte eine eigene Steuer der \
         Filiale tragen, lassen Sie taxes_id mit `leave` in [branch.CODE.send.products] aus."
            .to_owned(),
    )
}

pub(super) fn counterpart_missing(what: &str, value: &str) -> Words {
    let (noun, step) = match what {
        "currency" => {
            (Noun::new(Gender::Feminine, "Währung"), "Filiale: Aktivieren Sie sie unter Rechnungsstellung > Konfiguration > Währungen.")
        }
        "country" => (Noun::new(Gender::Neuter, "Land"), "Filiale: Legen Sie es unter Kontakte > Konfiguration > Länder an."),
        "state" => (Noun::new(Gender::Neuter, "Bundesland"), "Filiale: Legen Sie es unter Kontakte > Konfiguration > Bundesländer an."),
        "tax group" => (
            Noun::new(Gender::Feminine, "Steuergruppe"),
            "Filiale: Legen Sie sie unter Rechnungsstellung > Konfiguration > Steuergruppen an (im Entwicklermodus).",
        ),
        _ => (
            Noun::new(Gender::Masculine, "Datensatz"),
            "Filiale: Legen Sie den Datensatz mit demselben Namen wie in der Zentrale an, oder aktivieren Sie ihn.",
        ),
    };
    kept(
        format!("auf {} in der Filiale", noun.object(value)),
        format!(
            "In der Filiale gibt es {} {} {}, oder {} ist dort nicht aktiv.",
            noun.gender.none(),
            noun.bent,
            quoted(value),
            noun.gender.of("er", "sie", "es")
        ),
        step.to_owned(),
    )
}

pub(super) fn image_too_large(reference: &str, size_kb: u64, limit_kb: u64) -> Words {
    kept(
        format!("auf ein kleineres Bild von {}", quoted(reference)),
        format!("Das Bild von {} hat {size_kb} kB, mehr als die {limit_kb} kB, die gesendet werden.", quoted(reference)),
        "Zentrale: Verwenden Sie ein kleineres Bild. Integrator: Oder lassen Sie Bilder mit `leave` in [branch.CODE.send.products] aus."
            .to_owned(),
    )
}

pub(super) fn variants_differ(reference: &str, differing: &[String]) -> Words {
    kept(
        format!("auf dieselben Attribute von {} auf beiden Seiten", quoted(reference)),
        format!("Das Produkt {} hat in der Filiale andere Attribute als in der Zentrale: {}.", quoted(reference), differences(differing)),
        format!(
            "Filiale: Geben Sie dem Produkt die Attribute und Werte, die es in der Zentrale hat. {} Um die der Filiale zu behalten, \
             drücken Sie stattdessen {}.",
            then_retry(),
            button(Button::Ignore)
        ),
    )
}

pub(super) fn combo_not_sent(reference: &str) -> Words {
    kept(
        "Kombi-Produkte werden in der Filiale von Hand angelegt".to_owned(),
        format!(
            "Das Produkt {} ist ein Kombi-Produkt, und Kombi-Produkte mit ihren Auswahlmöglichkeiten werden nicht gesendet.",
            quoted(reference)
        ),
        format!(
            "Filiale: Legen Sie das Kombi-Produkt in der Filiale unter Kassensystem > Produkte an, und drücken Sie danach {}. Integrator: \
             Oder nehmen Sie es aus der Auswahl in [branch.CODE.send.products].",
            button(Button::Ignore)
        ),
    )
}

pub(super) fn language_missing(side: &Side, language: &str) -> Words {
    Words {
        what: format!("Die Sprache {} ist {} nicht aktiv.", quoted(language), at(side)),
        meaning: "Vorerst wird nichts an die Filiale gesendet, damit kein Name in einer anderen Sprache überschrieben wird. Die Filiale \
                  behält, was sie hat."
            .to_owned(),
        step: "Integrator: Aktivieren Sie sie dort unter Einstellungen > Übersetzungen > Sprachen, oder berichtigen Sie `language` in \
               [branch.CODE.send] der branches.toml."
            .to_owned(),
        group: format!("auf die Sprache {} {}", quoted(language), at(side)),
    }
}

pub(super) fn selection_wrong(kind: Kind, setting: &str, words: &str) -> Words {
    let setting = clean(setting, NAME_MAX);
    Words {
        what: format!("Die Zentrale lehnt `{setting}` in [branch.CODE.send.{}] ab: {}.", kind.table(), said(words)),
        meaning: format!(
            "Vorerst werden keine {} an diese Filiale gesendet; sie behält, was sie hat. Andere Arten von Stammdaten laufen weiter.",
            plural(kind)
        ),
        step: format!(
            "Integrator: Berichtigen Sie `{setting}` in der branches.toml; bauen Sie den Filter in der Listenansicht der Zentrale zusammen, \
             und kopieren Sie ihn von dort. Der nächste Durchlauf macht von selbst weiter."
        ),
        group: format!("auf eine Angabe `{setting}` für {}, die die Zentrale versteht", plural(kind)),
    }
}

pub(super) fn nothing_selected(kind: Kind, setting: &str, value: &str) -> Words {
    let (noun, setting) = (Noun::of_kind(kind), clean(setting, NAME_MAX));
    Words {
        what: format!(
            "`{setting}` in [branch.CODE.send.{}] nennt {}, und die Zentrale hat dazu {} {}, oder der Benutzer der Brücke darf {} nicht \
             sehen.",
            kind.table(),
            quoted(value),
            noun.gender.none(),
            noun.bent,
            noun.gender.it()
        ),
        meaning: "In der Filiale wurde deswegen nichts geändert. Was sonst ausgewählt ist, läuft weiter.".to_owned(),
        step: format!(
            "Integrator: Berichtigen Sie `{setting}` in der branches.toml, oder löschen Sie den Namen. Der nächste Durchlauf macht von \
             selbst weiter."
        ),
        group: format!("auf {} für `{setting}` {}", plural(kind), quoted(value)),
    }
}

pub(super) fn too_many_gone(kind: Kind, gone: usize, of: usize) -> Words {
    Words {
        what: format!("Von den an diese Filiale gesendeten Datensätzen ({of} {}) liefert die Zentrale {gone} nicht mehr.", plural(kind)),
        meaning: "So viele auf einmal sehen nach einem Fehler aus. In der Filiale wurde davon nichts archiviert; sie behält, was sie hat."
            .to_owned(),
        step: format!(
            "Zentrale: Prüfen Sie die Rechte und das Unternehmen des Benutzers der Brücke in der Zentrale sowie die Auswahl in \
             [branch.CODE.send.{}]. Sollen sie wirklich wegfallen, drücken Sie {}.",
            kind.table(),
            button(Button::AcceptGone)
        ),
        group: format!("auf einen Blick auf die {}, die in der Zentrale fehlen", plural(kind)),
    }
}

pub(super) fn not_as_sent(reference: &str, changes: &[String]) -> Words {
    Words {
        meaning: "Der Datensatz wurde geschrieben, und ein Teil davon lautet in der Filiale anders als in der Zentrale. Andere Datensätze \
                  laufen weiter."
            .to_owned(),
        ..kept(
            format!("darauf, dass {} so bleibt, wie es gesendet wurde", quoted(reference)),
            format!("{} wurde an die Filiale gesendet, und dort steht etwas anderes: {}.", quoted(reference), differences(changes)),
            "Integrator: Suchen Sie in der Filiale nach einer App oder einer Automatisierungsregel, die diese Felder ändert, oder \
             überlassen Sie die Felder mit `leave` in [branch.CODE.send] der Filiale."
                .to_owned(),
        )
    }
}

pub(super) fn field_not_there(kind: Kind, reference: &str, field: &str, value: &str) -> Words {
    let missing = if value.is_empty() {
        format!("das Feld {}", quoted(field))
    } else {
        format!("den Wert {} im Feld {}", quoted(value), quoted(field))
    };
    kept(
        format!("auf {missing} in der Filiale"),
        format!("Das Odoo der Filiale kennt {missing} nicht, und {} kommt nicht ohne aus.", Noun::of_kind(kind).subject(reference)),
        "Integrator: Installieren Sie in der Filiale die App, die das mitbringt, oder nehmen Sie den Datensatz aus der Auswahl in \
         [branch.CODE.send]; das Odoo der Filiale hat möglicherweise eine andere Version."
            .to_owned(),
    )
}
