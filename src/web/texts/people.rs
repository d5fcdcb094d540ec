//! Texts about people and one's own account.

use super::texts;

texts! {
    /// People, roles, passwords.
    pub struct PeopleTexts {
        title: "People" | "Personen",
        about: "Viewers look. Operators also try again, ignore, map, send, receive and pause. Admins also keep people and passwords." | "Betrachter sehen zu. Bediener versuchen außerdem erneut, lassen aus, ordnen zu, senden, empfangen und halten an. Admins verwalten außerdem Personen und Passwörter.",
        login: "Login" | "Anmeldename",
        role: "Role" | "Rolle",
        state: "State" | "Zustand",
        may_sign_in: "may sign in" | "darf sich anmelden",
        out: "may not sign in since {}" | "darf sich seit {} nicht anmelden",
        last_here: "Last here" | "Zuletzt hier",
        password_since: "Password since" | "Passwort seit",
        change: "Change" | "Ändern",
        remove: "Remove" | "Entfernen",
        let_in: "May sign in" | "Darf sich anmelden",
        add: "Add a person" | "Person hinzufügen",
        add_button: "Add" | "Hinzufügen",
        login_hint: "Small letters, digits, . _ - @, at most 64" | "Kleinbuchstaben, Ziffern, . _ - @, höchstens 64",
        first_password: "First password" | "Erstes Passwort",
        new_password: "New password" | "Neues Passwort",
        your_password: "Your own password, once more" | "Ihr eigenes Passwort, noch einmal",
        your_password_why: "Changing people asks for your password again." | "Wer Personen ändert, gibt das eigene Passwort noch einmal ein.",
        old_password: "Present password" | "Jetziges Passwort",
        set_password: "Set password" | "Passwort setzen",
        not_your_password: "That is not your password; nothing was changed." | "Das ist nicht Ihr Passwort; es wurde nichts geändert.",
        login_wrong: "A login has 1 to 64 small letters, digits or . _ - @; nothing was changed." | "Ein Anmeldename hat 1 bis 64 Kleinbuchstaben, Ziffern oder . _ - @; es wurde nichts geändert.",
        login_taken: "Somebody has this login already; nothing was changed." | "Diesen Anmeldenamen hat schon jemand; es wurde nichts geändert.",
        last_admin: "Nothing was changed: one admin who may sign in has to be left." | "Es wurde nichts geändert: Eine Person mit der Rolle Admin, die sich anmelden darf, muss bleiben.",
        account: "My account" | "Mein Konto",
        signed_in_at: "Signed in at" | "Angemeldet seit",
        browser: "Browser" | "Browser",
        this_one: "this one" | "dieser",
        everywhere: "Sign out everywhere" | "Überall abmelden",
        everywhere_why: "Ends every sign-in of yours, this one too." | "Beendet jede Ihrer Anmeldungen, auch diese.",
        password_set: "The password is set. You are signed out everywhere else." | "Das Passwort ist gesetzt. Überall sonst sind Sie abgemeldet.",
    }
}
