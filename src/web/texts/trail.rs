//! Texts of the trail.

use super::texts;

texts! {
    /// Who did what.
    pub struct TrailTexts {
        title: "Trail" | "Verlauf",
        about: "Who signed in, and what was done here, the newest first. Times are UTC." | "Wer sich angemeldet hat und was hier getan wurde, das Neueste zuerst. Zeiten in UTC.",
        when: "When" | "Wann",
        who: "Who" | "Wer",
        what: "What" | "Was",
        about_what: "About" | "Worum es ging",
        nobody: "(nobody)" | "(niemand)",
        sign_in: "signed in" | "meldete sich an",
        sign_in_refused: "was refused signing in" | "wurde beim Anmelden abgewiesen",
        sign_out: "signed out" | "meldete sich ab",
        sign_out_everywhere: "signed out everywhere" | "meldete sich überall ab",
        refused: "was refused: the role does not allow it" | "wurde abgewiesen: die Rolle erlaubt es nicht",
        password: "set a new password of their own" | "setzte ein neues eigenes Passwort",
        person_added: "added a person" | "fügte eine Person hinzu",
        person_changed: "changed a person" | "änderte eine Person",
        person_removed: "removed a person" | "entfernte eine Person",
        person_password: "set a person's password" | "setzte das Passwort einer Person",
        receive: "asked for a pass now" | "ließ sofort empfangen",
        pause: "paused a branch" | "hielt eine Filiale an",
        resume: "resumed a branch" | "setzte eine Filiale fort",
        retry: "tried records again" | "versuchte Datensätze erneut",
        recreate: "had a deleted draft written again" | "ließ einen gelöschten Entwurf neu schreiben",
        ignore: "ignored records" | "ließ Datensätze aus",
        map: "said which record of central is meant" | "legte fest, welcher Datensatz der Zentrale gemeint ist",
        send: "sent to a branch" | "sendete an eine Filiale",
        queue: "queued for a branch" | "stellte für eine Filiale ein",
        secret: "set the password of a side" | "setzte das Passwort einer Seite",
        check: "tested a connection" | "prüfte eine Verbindung",
        reconcile: "had a day compared" | "ließ einen Tag abgleichen",
        audit: "had a branch audited" | "ließ eine Filiale prüfen",
        notice: "ended a notice of a branch" | "beendete einen Hinweis einer Filiale",
    }
}
