//! Texts of the branches' pages.

use super::texts;

texts! {
    /// Branches and central: settings, passwords, connections.
    pub struct BranchTexts {
        title: "Branches" | "Filialen",
        search: "Find a branch" | "Filiale suchen",
        central: "Central" | "Zentrale",
        name: "Name" | "Name",
        address: "Address" | "Adresse",
        database: "Database" | "Datenbank",
        user: "User" | "Benutzer",
        password: "Password" | "Passwort",
        set_on: "set on {}" | "gesetzt am {}",
        not_set: "not set" | "nicht gesetzt",
        clock: "Clock" | "Uhr",
        clock_ahead: "{} s ahead of ours" | "{} s vor unserer",
        clock_behind: "{} s behind ours" | "{} s hinter unserer",
        clock_equal: "as ours" | "wie unsere",
        last_answer: "Last answered" | "Antwortete zuletzt",
        settings: "Settings, as they were read" | "Einstellungen, wie gelesen",
        settings_about: "They stand in {}; an integrator changes them there, and the bridge takes them up by itself." | "Sie stehen in {}; dort ändert sie, wer die Filialen anbindet, und die Brücke übernimmt sie von selbst.",
        test: "Test the connection" | "Verbindung testen",
        test_all: "Test all" | "Alle testen",
        test_about: "Reaches the Odoo, logs in, and looks at rights, settings, clock, version and open sessions. Writes nothing there." | "Erreicht das Odoo, meldet sich an und sieht nach Rechten, Einstellungen, Uhr, Version und offenen Sitzungen. Schreibt dort nichts.",
        last_test: "Last test" | "Letzter Test",
        set_password: "Set the password or API key" | "Passwort oder API-Schlüssel setzen",
        set_password_about: "It is sealed on the disk of the bridge and is never shown again. Your own password is asked for, since this decides who reads the sales." | "Es wird auf der Platte der Brücke versiegelt und nie wieder gezeigt. Ihr eigenes Passwort wird verlangt, denn hiermit entscheidet sich, wer die Verkäufe liest.",
        new_password: "Password or API key of {}" | "Passwort oder API-Schlüssel von {}",
        own: "Your own password" | "Ihr eigenes Passwort",
        password_set: "The password is sealed. The connection is tried with it from now on." | "Das Passwort ist versiegelt. Ab jetzt wird die Verbindung damit versucht.",
        password_wrong: "A password has 1 to 1024 characters; nothing was changed." | "Ein Passwort hat 1 bis 1024 Zeichen; es wurde nichts geändert.",
        records: "Records" | "Datensätze",
        notice_ended: "The notice is ended." | "Der Hinweis ist beendet.",
        recreated: "{} drafts are written again, each once." | "{} Entwürfe werden neu geschrieben, jeder einmal.",
        reason: "Reason" | "Grund",
        not_enabled: "not enabled" | "nicht eingeschaltet",
        none: "none" | "keine",
        all: "all" | "alle",
    }
}
