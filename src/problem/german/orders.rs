//! German sentences about one order: finding its records at central and writing it; then about a whole branch, and about
//! this machine.

use rust_decimal::Decimal;

use super::{GOES_ON, Gender, Noun, Words, amount, button, listed, quoted};
use crate::model::BranchCode;
use crate::problem::words::{NAME_MAX, WORDS_MAX, said};
use crate::problem::{Button, Side, clean};

const SAFE: &str = "Für diese Verkäufe wurde nichts in die Zentrale geschrieben. Sie sind in der Brücke sicher und warten.";
const GONE: &str = "Der Verkauf ist nicht mehr in der Zentrale. Die Brücke schreibt ihn nicht von selbst neu";
const WENT_BACK: &str = "ist in der Zeit zurückgesprungen, wie nach dem Wiederherstellen einer Sicherung";
const NOTHING_RECEIVED: &str =
    "Vorerst wird von keiner Filiale etwas empfangen. Was empfangen wurde, ist sicher, und neue Verkäufe sind in den Filialen sicher.";

/// A central record that was not found or not clear: these orders wait, all others go on.
fn unmatched(group: String, what: String, step: String) -> Words {
    Words { what, meaning: SAFE.to_owned(), step, group }
}

/// `dem Barcode 123`
pub(super) fn with_field(by: &str, value: &str) -> String {
    let value = clean(value, NAME_MAX);
    match by {
        "default_code" | "Internal Reference" => format!("der Internen Referenz {value}"),
        "barcode" => format!("dem Barcode {value}"),
        "name" => format!("dem Namen {value}"),
        other => format!("dem Wert {value} im Feld {}", quoted(other)),
    }
}

/// `den Barcode 123`
pub(super) fn the_field(by: &str, value: &str) -> String {
    let value = clean(value, NAME_MAX);
    match by {
        "default_code" | "Internal Reference" => format!("die Interne Referenz {value}"),
        "barcode" => format!("den Barcode {value}"),
        "name" => format!("den Namen {value}"),
        other => format!("den Wert {value} im Feld {}", quoted(other)),
    }
}

pub(super) fn product_not_found(name: &str, barcode: Option<&str>, default_code: Option<&str>) -> Words {
    let barcode = barcode.map(|code| clean(code, NAME_MAX));
    let default_code = default_code.map(|code| clean(code, NAME_MAX));
    let product = match (&default_code, &barcode) {
        (Some(code), _) => format!("[{code}] {}", quoted(name)),
        (None, Some(bars)) => format!("{} (Barcode {bars})", quoted(name)),
        (None, None) => quoted(name),
    };
    let wanted = match (&default_code, &barcode) {
        (Some(code), Some(bars)) => format!("der Internen Referenz {code} oder dem Barcode {bars}"),
        (Some(code), None) => format!("der Internen Referenz {code}"),
        (None, Some(bars)) => format!("dem Barcode {bars}"),
        (None, None) => "demselben Barcode oder derselben Internen Referenz".to_owned(),
    };
    unmatched(
        format!("auf das Produkt {product}"),
        format!("Die Zentrale hat kein Produkt {product}."),
        format!(
            "Zentrale: Legen Sie unter Verkauf > Produkte > Produkte ein Produkt mit {wanted} an, oder ergänzen Sie diese Angabe beim \
             gemeinten Produkt. Integrator: Oder nennen Sie das gemeinte Produkt unter [branch.CODE.products] in der branches.toml."
        ),
    )
}

pub(super) fn product_ambiguous(name: &str, by: &str, value: &str, matches: &[String]) -> Words {
    unmatched(
        format!("auf ein eindeutiges Produkt mit {}", with_field(by, value)),
        format!("Die Zentrale hat für {} {} Produkte mit {}: {}.", quoted(name), matches.len(), with_field(by, value), listed(matches)),
        format!(
            "Zentrale: Lassen Sie unter Verkauf > Produkte > Produkte {} nur bei einem davon stehen, und archivieren oder ändern Sie die \
             anderen.",
            the_field(by, value)
        ),
    )
}

pub(super) fn product_without_reference(name: &str) -> Words {
    let name = quoted(name);
    unmatched(
        format!("auf einen Barcode oder eine Interne Referenz von {name}"),
        format!(
            "Das Produkt {name} hat in der Filiale weder einen Barcode noch eine Interne Referenz; die Zentrale kann deshalb nicht \
             erkennen, welches gemeint ist."
        ),
        "Filiale: Geben Sie ihm unter Kassensystem > Produkte > Produkte die Interne Referenz, die die Zentrale verwendet. Integrator: \
         Oder nennen Sie es unter [branch.CODE.products] in der branches.toml."
            .to_owned(),
    )
}

/// A line of branches.toml that gives a name its counterpart.
pub(super) fn entry(name: &str) -> String {
    format!("`\"{}\" = \"…\"`", clean(name, NAME_MAX))
}

pub(super) fn tax_not_found(name: &str, amount: &str, included: bool, company: &str) -> Words {
    let kind = if included { "im Preis enthalten" } else { "zum Preis hinzugerechnet" };
    unmatched(
        format!("auf die Steuer {}", quoted(name)),
        format!(
            "Die Zentrale hat im Unternehmen {} keine Verkaufssteuer für {} der Filiale ({}, {kind}).",
            quoted(company),
            quoted(name),
            clean(amount, NAME_MAX)
        ),
        format!(
            "Integrator: Nennen Sie die gemeinte Steuer der Zentrale unter [branch.CODE.taxes] in der branches.toml, als {}. Zentrale: \
             Oder legen Sie sie in diesem Unternehmen unter Rechnungsstellung > Konfiguration > Steuern an.",
            entry(name)
        ),
    )
}

pub(super) fn tax_ambiguous(name: &str, matches: &[String]) -> Words {
    unmatched(
        format!("auf eine eindeutige Steuer für {}", quoted(name)),
        format!("{} Steuern der Zentrale passen zur Steuer {} der Filiale: {}.", matches.len(), quoted(name), listed(matches)),
        format!("Integrator: Nennen Sie die gemeinte unter [branch.CODE.taxes] in der branches.toml, als {}.", entry(name)),
    )
}

pub(super) fn customer_not_found(name: &str) -> Words {
    unmatched(
        format!("auf den Kunden {}", quoted(name)),
        format!("Die Zentrale kennt den Kunden {} nicht.", quoted(name)),
        "Zentrale: Legen Sie den Kunden unter Verkauf > Aufträge > Kunden mit derselben USt-IdNr., E-Mail-Adresse oder Referenz wie in der \
         Filiale an. Integrator: Oder schreiben Sie `unknown_customer = \"default\"`, damit solche Verkäufe auf den Standardkunden der \
         Filiale gebucht werden."
            .to_owned(),
    )
}

pub(super) fn customer_ambiguous(name: &str, matches: &[String]) -> Words {
    unmatched(
        format!("auf einen eindeutigen Kunden {}", quoted(name)),
        format!("{} Kunden der Zentrale passen zu {}: {}.", matches.len(), quoted(name), listed(matches)),
        "Zentrale: Führen Sie sie unter Verkauf > Aufträge > Kunden zusammen, oder lassen Sie USt-IdNr., E-Mail-Adresse oder Referenz nur \
         bei einem davon stehen."
            .to_owned(),
    )
}

/// The word for people for a key of branches.toml.
fn setting_noun(setting: &str) -> Noun {
    match setting {
        "warehouse" => Noun::new(Gender::Neuter, "Lagerhaus"),
        "pricelist" => Noun::new(Gender::Feminine, "Preisliste"),
        "team" => Noun::new(Gender::Neuter, "Verkaufsteam"),
        "customer" => Noun { gender: Gender::Masculine, plain: "Kunde", bent: "Kunden" },
        "salesperson" => Noun::new(Gender::Masculine, "Vertriebsmitarbeiter"),
        "company" => Noun::new(Gender::Neuter, "Unternehmen"),
        "rounding.product" => Noun::new(Gender::Neuter, "Produkt für Rundungsdifferenzen"),
        "taxes" => Noun::new(Gender::Feminine, "Verkaufssteuer"),
        _ => Noun::new(Gender::Masculine, "Datensatz"),
    }
}

/// Where the right value for a key can be seen.
fn setting_menu(setting: &str) -> &'static str {
    match setting {
        "warehouse" => " auf einen Code oder Namen aus Lager > Konfiguration > Lagerhäuser",
        "pricelist" => " auf einen Namen aus Verkauf > Produkte > Preislisten",
        "team" => " auf einen Namen aus Verkauf > Konfiguration > Verkaufsteams",
        "customer" => " auf die ID, die Referenz oder den genauen Namen eines Kunden aus Verkauf > Aufträge > Kunden",
        "salesperson" => " auf eine Anmeldung aus Einstellungen > Benutzer & Unternehmen > Benutzer",
        "company" => {
            " auf einen Namen aus Einstellungen > Benutzer & Unternehmen > Unternehmen, und geben Sie dem Benutzer der Brücke Zugang dazu"
        }
        "taxes" => " auf Namen aus Rechnungsstellung > Konfiguration > Steuern auf beiden Seiten, Buchstabe für Buchstabe",
        "rounding.product" => " auf die Interne Referenz eines Produkts aus Verkauf > Produkte > Produkte",
        _ => "",
    }
}

pub(super) fn setting_not_found(setting: &str, value: &str, side: &Side) -> Words {
    let (noun, setting) = (setting_noun(setting), clean(setting, NAME_MAX));
    let place = match side {
        Side::Central => "In der Zentrale".to_owned(),
        Side::Branch(code) => format!("In der Filiale {code}"),
    };
    unmatched(
        format!("auf {}", noun.object(value)),
        format!(
            "{place} gibt es {} {} {}, oder der Benutzer der Brücke darf {} nicht sehen.",
            noun.gender.none(),
            noun.bent,
            quoted(value),
            noun.gender.it()
        ),
        format!(
            "Integrator: Berichtigen Sie `{setting}` in der branches.toml{}. {} zeigt, was gefunden wird. Der nächste Durchlauf macht von \
             selbst weiter; für bereits fehlgeschlagene Aufträge drücken Sie {}.",
            setting_menu(&setting),
            button(Button::Check),
            button(Button::Retry)
        ),
    )
}

pub(super) fn setting_ambiguous(setting: &str, value: &str, matches: &[String]) -> Words {
    let (noun, setting) = (setting_noun(setting), clean(setting, NAME_MAX));
    unmatched(
        format!("auf {} {} {}", noun.gender.clear(), noun.bent, quoted(value)),
        format!("{} Datensätze passen {}: {}.", matches.len(), noun.after("zum", "zur", value), listed(matches)),
        format!(
            "Integrator: Schreiben Sie `{setting}` in der branches.toml so, dass nur noch ein Datensatz passt; bei einem Kunden seine ID."
        ),
    )
}

pub(super) fn currency_differs(branch: &str, central: &str) -> Words {
    let (branch, central) = (clean(branch, NAME_MAX), clean(central, NAME_MAX));
    unmatched(
        format!("auf eine Preisliste in {branch}"),
        format!("Die Kasse hat in {branch} verkauft, und der Entwurf in der Zentrale wäre in {central}."),
        format!(
            "Integrator: Nennen Sie in [branch.CODE] mit `pricelist` eine Preisliste der Zentrale in {branch} oder mit `company` ein \
             Unternehmen, dessen Währung {branch} ist."
        ),
    )
}

pub(super) fn shop_not_found(shop: &str) -> Words {
    Words {
        what: format!("Die Filiale hat kein Kassensystem namens {}.", quoted(shop)),
        meaning: "Neue Verkäufe dieser Filiale werden vorerst nicht empfangen, damit keiner wegen eines Schreibfehlers ausgelassen wird. \
                  Sie sind in der Filiale sicher."
            .to_owned(),
        step: "Integrator: Berichtigen Sie `shops` in der branches.toml auf Namen aus Kassensystem > Konfiguration > Kassensysteme in der \
               Filiale."
            .to_owned(),
        group: format!("auf das Kassensystem {}", quoted(shop)),
    }
}

pub(super) fn company_mixed_up(words: &str) -> Words {
    unmatched(
        "auf Datensätze eines einzigen Unternehmens".to_owned(),
        format!("Die Zentrale meldet, dass in einem Auftrag Datensätze verschiedener Unternehmen zusammentreffen: {}.", said(words)),
        "Integrator: Prüfen Sie, ob `company`, `warehouse`, `pricelist`, `team` und `customer` der Filiale in der Zentrale zu einem \
         einzigen Unternehmen gehören, ebenso die Steuern unter [branch.CODE.taxes]."
            .to_owned(),
    )
}

pub(super) fn record_gone(model: &str, words: &str) -> Words {
    let model = clean(model, NAME_MAX);
    unmatched(
        format!("auf einen Datensatz {model}, der in der Zentrale gelöscht oder archiviert wurde"),
        format!("Ein Datensatz {model}, den die Brücke verwendet hat, wurde in der Zentrale gelöscht oder archiviert: {}.", said(words)),
        "Zentrale: Legen Sie den Datensatz mit demselben Barcode, derselben Referenz oder demselben Namen wieder an. Ist er da und nur \
         archiviert (vor Odoo 17 nimmt die Zentrale keinen archivierten Datensatz in einen Auftrag), so stellen Sie ihn wieder her. Die \
         Brücke sucht ihn dann neu."
            .to_owned(),
    )
}

/// The likely reason for another total. It is kept as an English sentence, and there is one.
fn hint(english: &str) -> String {
    let quantity = english.strip_prefix("The quantity ").and_then(|rest| rest.split_once(" has more decimals")).map(|(number, _)| number);
    match quantity {
        Some(number) => format!(
            "Die Menge {} hat mehr Nachkommastellen, als die Zentrale behalten kann: siehe Einstellungen > Technisch > \
             Dezimalgenauigkeit in der Zentrale",
            clean(&number.replace('.', ","), NAME_MAX)
        ),
        None => said(english),
    }
}

pub(super) fn total_differs(till: Decimal, central: Decimal, limit: Option<Decimal>, english_hint: Option<&str>) -> Words {
    let difference = (central - till).abs();
    let limit = match limit {
        Some(limit) if difference > limit => format!("mehr als die {}, die ausgeglichen werden dürfen", amount(limit)),
        Some(_) => "und an einem Entwurf, den jemand geändert hat, wird nichts ausgeglichen".to_owned(),
        None => "und für diese Filiale ist kein Ausgleich eingerichtet".to_owned(),
    };
    let hint = english_hint.map(|english| format!("{}. ", hint(english))).unwrap_or_default();
    Words {
        what: format!(
            "Die Kasse hat {} eingenommen, der Entwurf in der Zentrale lautet auf {}: ein Unterschied von {}, {limit}.",
            amount(till),
            amount(central),
            amount(difference)
        ),
        meaning: "Der Verkauf steht als Entwurf in der Zentrale, mit falscher Summe. Bestätigen Sie ihn noch nicht.".to_owned(),
        step: format!(
            "{hint}Zentrale: Vergleichen Sie Steuern und Preise des Entwurfs mit dem Beleg, und berichtigen Sie den Entwurf oder die \
             verwendete Steuer. Integrator: Bei Rundungsdifferenzen setzen Sie `rounding` für die Filiale."
        ),
        group: "auf dieselbe Summe wie an der Kasse".to_owned(),
    }
}

pub(super) fn tax_differs(till: Decimal, central: Decimal) -> Words {
    Words {
        what: format!(
            "Die Summe stimmt, aber die Kasse hat darin {} an Steuern berechnet und der Entwurf in der Zentrale {}.",
            amount(till),
            amount(central)
        ),
        meaning: "Der Verkauf steht als Entwurf in der Zentrale, mit falschen Steuern. Bestätigen Sie ihn noch nicht.".to_owned(),
        step: "Integrator: Vergleichen Sie die Steuern, die `taxes` in der branches.toml einander zuordnet, und die Steuersätze hinter \
               gleichen Namen in beiden Odoos. Zentrale: Berichtigen Sie die Steuern in den Zeilen des Entwurfs."
            .to_owned(),
        group: "auf dieselben Steuern wie an der Kasse".to_owned(),
    }
}

pub(super) fn refused_by_odoo(words: &str) -> Words {
    unmatched(
        format!("darauf, dass die Zentrale sie annimmt: {}", said(words)),
        format!("Die Zentrale hat den Auftrag mit diesen Worten abgelehnt: {}.", said(words)),
        "Zentrale: Berichtigen Sie, was diese Worte nennen; die Einzelheiten des Auftrags zeigt diese Seite.".to_owned(),
    )
}

pub(super) fn draft_gone(central_id: i64) -> Words {
    Words {
        what: format!("Jemand hat den Entwurf in der Zentrale (ID {central_id}) gelöscht, nachdem die Brücke ihn geschrieben hatte."),
        meaning: format!("{GONE}: Was ein Mensch löscht, bleibt gelöscht."),
        step: format!(
            "Zentrale: Wurde er absichtlich gelöscht, drücken Sie {}. Wenn nicht, drücken Sie {}, und er wird neu geschrieben.",
            button(Button::Ignore),
            button(Button::Retry)
        ),
        group: "in der Zentrale gelöscht, nachdem die Brücke den Entwurf geschrieben hatte".to_owned(),
    }
}

pub(super) fn order_changed(what: &str) -> Words {
    Words {
        what: format!("Der Auftrag wurde in der Filiale geändert, nachdem die Brücke ihn empfangen hatte: {}.", said(what)),
        meaning: "Der Entwurf in der Zentrale ist unverändert; die Brücke rührt keinen Auftrag an, den sie geschrieben hat.".to_owned(),
        step: format!(
            "Zentrale: Vergleichen Sie den Entwurf mit dem Beleg, berichtigen Sie ihn von Hand, und drücken Sie danach {}.",
            button(Button::Ignore)
        ),
        group: "in der Filiale geändert, nachdem sie empfangen wurden".to_owned(),
    }
}

pub(super) fn order_refunded(by: &str, refunded: Decimal) -> Words {
    Words {
        what: format!(
            "Der Auftrag wurde in der Filiale erstattet, nachdem die Brücke ihn empfangen hatte, mit {}: {}.",
            said(by),
            amount(refunded)
        ),
        meaning: "Die Erstattung kommt als eigener Entwurf mit negativen Mengen in die Zentrale. Dieser Entwurf ist unverändert."
            .to_owned(),
        step: format!("Zentrale: Behandeln Sie beide Entwürfe zusammen. Wer das gesehen hat, kann {} drücken.", button(Button::Ignore)),
        group: "in der Filiale erstattet, nachdem sie empfangen wurden".to_owned(),
    }
}

pub(super) fn draft_deleted(name: &str) -> Words {
    Words {
        what: format!("Jemand hat {} in der Zentrale gelöscht.", quoted(name)),
        meaning: format!("{GONE}: Was ein Mensch löscht, bleibt gelöscht."),
        step: format!(
            "War das Absicht, muss niemand etwas tun; {} beendet diesen Hinweis. Zentrale: Wenn nicht, drücken Sie {}, und er wird noch \
             einmal geschrieben.",
            button(Button::Ignore),
            button(Button::Recreate)
        ),
        group: "in der Zentrale gelöscht, nachdem sie geschrieben und geprüft waren".to_owned(),
    }
}

pub(super) fn draft_lost(name: &str) -> Words {
    Words {
        what: format!("{} ist nicht mehr in der Zentrale, ebenso wenig die danach geschriebenen Entwürfe.", quoted(name)),
        meaning: format!("{GONE}."),
        step: format!(
            "Zentrale: Klären Sie, ob eine Sicherung wiederhergestellt wurde. Wenn ja, schreibt {} alles Verschwundene, jedes genau \
             einmal. Für alles, was wegbleiben soll, drücken Sie {}.",
            button(Button::Recreate),
            button(Button::Ignore)
        ),
        group: "aus der Zentrale verschwunden, zusammen mit allem, was danach kam".to_owned(),
    }
}

pub(super) fn invoiced_skipped(invoice: &str) -> Words {
    Words {
        what: match invoice {
            "" => "Die Filiale hat für diesen Auftrag selbst eine Rechnung gestellt.".to_owned(),
            invoice => format!("Die Filiale hat für diesen Auftrag selbst die Rechnung {} gestellt.", quoted(invoice)),
        },
        meaning: "Er wird nicht in die Zentrale geschrieben, da für diese Filiale `invoiced = \"skip\"` gilt.".to_owned(),
        step: format!(
            "Niemand muss etwas tun. Integrator: Sollen solche Aufträge künftig empfangen werden, schreiben Sie `invoiced = \"mark\"` für \
             die Filiale; danach holt {} auch diesen.",
            button(Button::Retry)
        ),
        group: "übersprungen, die Filiale hat selbst die Rechnung gestellt".to_owned(),
    }
}

pub(super) fn branch_restored(details: &str) -> Words {
    Words {
        what: format!("Die Datenbank der Filiale {WENT_BACK}: {}.", said(details)),
        meaning: "Was vorher empfangen wurde, bleibt in der Zentrale. Neue Verkäufe werden von alten mit derselben Nummer unterschieden, \
                  und keiner wird doppelt geschrieben."
            .to_owned(),
        step: format!(
            "Filiale: Sagen Sie, ob und wann eine Sicherung wiederhergestellt wurde. Integrator: Vergleichen Sie die Tage seit der \
             Sicherung in der Filiale und in der Zentrale. Drücken Sie danach {}; das beendet diesen Hinweis.",
            button(Button::Retry)
        ),
        group: "auf einen Blick in die wiederhergestellte Datenbank der Filiale".to_owned(),
    }
}

pub(super) fn branch_cloned(other: &BranchCode, reference: &str) -> Words {
    Words {
        what: format!(
            "Die Datenbank dieser Filiale ist die der Filiale {other} oder eine Kopie davon: Sie enthält genau denselben Auftrag {}.",
            quoted(reference)
        ),
        meaning: format!(
            "Unter dem Kürzel dieser Filiale wird daraus nichts mehr empfangen, damit kein Verkauf der Filiale {other} doppelt gezählt \
             wird. Was in der Filiale ist, bleibt sicher."
        ),
        step: format!(
            "Integrator: Stellen Sie `url` und `database` in der branches.toml richtig; jede Filiale nennt ihre eigenen, und der nächste \
             Durchgang macht weiter. Ist es die Filiale {other}, nur mit neuem Kürzel, geben Sie ihr wieder das Kürzel {other}. Begann \
             diese Filiale absichtlich als Kopie, setzen Sie `from` auf den ersten Tag nach dem Kopieren und drücken Sie danach {}.",
            button(Button::Retry)
        ),
        group: format!("auf eine Datenbank, die sich von der der Filiale {other} unterscheiden lässt"),
    }
}

pub(super) fn branch_unknown() -> Words {
    Words {
        what: "Die Datenbank, die die Einstellungen jetzt für diese Filiale nennen, enthält keinen der Aufträge, die von der Filiale \
               empfangen wurden."
            .to_owned(),
        meaning: "Es kann eine andere als die gemeinte sein, deshalb wird nichts daraus empfangen und nichts dorthin gesendet. Was vorher \
                  empfangen wurde, geht weiter an die Zentrale."
            .to_owned(),
        step: format!(
            "Integrator: Prüfen Sie `url` und `database` in der branches.toml; sobald sie stimmen, macht der nächste Durchgang weiter. Ist \
             sie gemeint, etwa weil die Filiale neu begonnen hat, drücken Sie {}.",
            button(Button::Retry)
        ),
        group: "auf die Bestätigung der Datenbank der Filiale".to_owned(),
    }
}

pub(super) fn central_unknown() -> Words {
    Words {
        what: "Die Datenbank, die die Einstellungen jetzt für die Zentrale nennen, enthält keinen der Entwürfe, die in die Zentrale \
               geschrieben wurden."
            .to_owned(),
        meaning:
            "Es kann eine andere als die gemeinte sein, deshalb wird nichts dorthin geschrieben. Aufträge werden weiter empfangen und \
                  warten."
                .to_owned(),
        step: format!(
            "Integrator: Prüfen Sie `url` und `database` unter `[central]` in der branches.toml; sobald sie stimmen, macht der nächste \
             Durchgang weiter. Ist sie gemeint, drücken Sie {} bei einer Filiale, die dies meldet.",
            button(Button::Retry)
        ),
        group: "auf die Bestätigung der Datenbank der Zentrale".to_owned(),
    }
}

pub(super) fn central_restored(lost: u64, first: &str, last: &str) -> Words {
    let drafts = match lost {
        1 => format!("Der Entwurf {} dieser Filiale ist nicht mehr da", quoted(first)),
        _ => format!("{lost} Entwürfe dieser Filiale, {} bis {}, sind nicht mehr da", quoted(first), quoted(last)),
    };
    Words {
        what: format!("Die Datenbank der Zentrale {WENT_BACK}: {drafts}."),
        meaning: "Diese Verkäufe waren in der Zentrale und sind es nicht mehr. Neue Verkäufe werden wie immer geschrieben. Die Brücke \
                  schreibt von selbst nichts neu, da jemand sie absichtlich gelöscht haben kann."
            .to_owned(),
        step: format!(
            "Integrator: Klären Sie, ob in der Zentrale eine Sicherung wiederhergestellt wurde. Wenn ja, drücken Sie {}: Das schreibt \
             alles Verschwundene, jedes genau einmal. Hat jemand die Entwürfe gelöscht, drücken Sie {}. Beides beendet diesen Hinweis.",
            button(Button::Recreate),
            button(Button::Ignore)
        ),
        group: "auf einen Blick in die wiederhergestellte Datenbank der Zentrale".to_owned(),
    }
}

pub(super) fn clock_off(minutes: i64) -> Words {
    let direction = if minutes < 0 { "nach" } else { "vor" };
    let time = match minutes.unsigned_abs() {
        1 => "1 Minute".to_owned(),
        more => format!("{more} Minuten"),
    };
    Words {
        what: format!("Die Uhr der Filiale geht gegenüber dem Rechner der Brücke {time} {direction}."),
        meaning: "Alle Verkäufe werden empfangen. Ihre Zeiten in der Zentrale sind so falsch wie diese Uhr.".to_owned(),
        step: "Betrieb: Schalten Sie auf dem Server der Filiale und auf dem Rechner der Brücke die Zeitsynchronisierung (NTP) ein."
            .to_owned(),
        group: "darauf, dass die Uhr der Filiale richtig geht".to_owned(),
    }
}

pub(super) fn disk_full(path: &str) -> Words {
    Words {
        what: format!("Der Datenträger, auf dem {} liegt, ist voll.", clean(path, WORDS_MAX)),
        meaning: NOTHING_RECEIVED.to_owned(),
        step: format!("Betrieb: Schaffen Sie Platz auf diesem Datenträger. {GOES_ON}"),
        group: "auf Platz auf dem Datenträger der Brücke".to_owned(),
    }
}

pub(super) fn pass_running(by: &str) -> Words {
    Words {
        what: format!("Ein anderer Durchlauf dieser Filiale ist im Gange ({}).", clean(by, WORDS_MAX)),
        meaning: "Er erledigt, was dieser erledigen sollte; nichts geschieht doppelt.".to_owned(),
        step: "Niemand muss etwas tun: Sobald er fertig ist, steht sein Ergebnis hier.".to_owned(),
        group: "auf einen anderen Durchlauf".to_owned(),
    }
}

pub(super) fn state_unwritable(path: &str, reason: &str) -> Words {
    Words {
        what: format!("Die Brücke kann nicht in {} schreiben: {}.", clean(path, WORDS_MAX), said(reason)),
        meaning: NOTHING_RECEIVED.to_owned(),
        step:
            "Betrieb: Machen Sie den Benutzer, unter dem posbridge läuft, zum Eigentümer dieses Verzeichnisses (Rechte 0700), und starten \
               Sie posbridge neu."
                .to_owned(),
        group: "darauf, dass das Verzeichnis der Brücke beschreibbar ist".to_owned(),
    }
}
