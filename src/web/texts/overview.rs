//! Texts of the overview.

use super::texts;

texts! {
    /// All branches at a glance.
    pub struct OverviewTexts {
        title: "Overview" | "Übersicht",
        branches: "Branches" | "Filialen",
        waiting: "Waiting" | "Wartet",
        waiting_why: "goes by itself" | "geht von selbst",
        held: "Held" | "Gehalten",
        failed: "Failed" | "Fehlgeschlagen",
        failed_why: "waits for a person" | "wartet auf jemanden",
        sold_today: "Sold today" | "Heute verkauft",
        at_central: "at central" | "bei der Zentrale",
        orders: "{} orders" | "{} Aufträge",
        one_order: "1 order" | "1 Auftrag",
        last_pass: "Last pass" | "Letzter Durchgang",
        next_pass: "Next pass" | "Nächster Durchgang",
        silent_since: "Silent since {}" | "Schweigt seit {}",
        ok: "In order" | "In Ordnung",
        attention: "Needs somebody" | "Braucht jemanden",
        silent: "Silent" | "Schweigt",
        paused: "Paused" | "Angehalten",
        off: "Not enabled" | "Nicht eingeschaltet",
        new: "Not received yet" | "Noch nicht empfangen",
        to_send: "To send" | "Zu senden",
        unsent: "Unsent" | "Nicht gesendet",
        receive_now: "Receive now" | "Jetzt empfangen",
        pause: "Pause" | "Anhalten",
        resume: "Resume" | "Fortsetzen",
        reason: "Reason" | "Grund",
        paused_by: "Paused by {} since {}: {}" | "Angehalten von {} seit {}: {}",
        asked: "A pass is asked for; it starts within seconds." | "Ein Durchgang ist angefordert; er beginnt in Sekunden.",
        branch_paused: "The branch is paused: what runs comes to its end, nothing starts by itself." | "Die Filiale ist angehalten: Was läuft, kommt zu Ende, von selbst beginnt nichts.",
        branch_resumed: "The branch goes on." | "Die Filiale macht weiter.",
        reason_needed: "Say why: who comes after you will ask. Nothing was changed." | "Sagen Sie, warum: Wer nach Ihnen kommt, wird fragen. Es wurde nichts geändert.",
        search: "Find a branch" | "Filiale suchen",
        not_equal: "{} days differ" | "{} Tage weichen ab",
        equal_to: "Equal to {}" | "Gleich bis {}",
        now_waits: "What waits for somebody" | "Was auf jemanden wartet",
        no_daemon: "The daemon does not start passes at the moment." | "Der Dienst beginnt zurzeit keine Durchgänge.",
    }
}
