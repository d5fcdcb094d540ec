//! Texts of jobs.

use super::texts;

texts! {
    /// How something goes that takes a while.
    pub struct JobTexts {
        check: "Connection test" | "Verbindungstest",
        preview: "Preview" | "Vorschau",
        send: "Sending" | "Senden",
        queue: "Queueing" | "Einstellen",
        reconcile: "Comparing days" | "Tage abgleichen",
        audit: "Audit" | "Prüfung",
        running: "Running: this page goes on by itself; without JavaScript, load it again." | "Läuft: Diese Seite geht von selbst weiter; ohne JavaScript laden Sie sie neu.",
        began: "Asked for by {}, {}" | "Angefordert von {}, {}",
        too_many: "Too much is running at the moment; wait until something has ended, then try again." | "Zurzeit läuft zu viel; warten Sie, bis etwas zu Ende ist, und versuchen Sie es dann noch einmal.",
        broken: "It broke off. Try again; if it stays, ops finds the reason with: journalctl -u posbridge" | "Es brach ab. Versuchen Sie es noch einmal; bleibt es so, findet der Betrieb den Grund mit: journalctl -u posbridge",
        step: "Step" | "Schritt",
        result: "Result" | "Ergebnis",
        found: "Found" | "Gefunden",
        ok: "ok" | "in Ordnung",
        warning: "warning" | "Warnung",
        failed: "failed" | "fehlgeschlagen",
        skipped: "not checked" | "nicht geprüft",
        compared: "{} compared, {} equal" | "{} verglichen, {} gleich",
        counts: "{} new, {} changed, {} archived, {} held, {} failed, {} go later" | "{} neu, {} geändert, {} archiviert, {} gehalten, {} fehlgeschlagen, {} gehen später",
        record: "Record" | "Datensatz",
        what: "What" | "Was",
        fields: "Field by field" | "Feld für Feld",
        nothing_to_do: "Nothing differs." | "Nichts weicht ab.",
        send_now: "Send this now" | "Das jetzt senden",
        queue_it: "Queue it for later" | "Für später einstellen",
        overwrites: "the branch's own change is overwritten" | "die eigene Änderung der Filiale wird überschrieben",
        more: "{} more; the log has them" | "{} weitere; sie stehen im Protokoll",
        create: "create" | "anlegen",
        change: "change" | "ändern",
        archive: "archive" | "archivieren",
        remove: "remove" | "entfernen",
        compare: "compare" | "vergleichen",
        ready: "ready" | "bereit",
        done: "done" | "erledigt",
        held: "held" | "gehalten",
        pending: "goes later" | "geht später",
    }
}
