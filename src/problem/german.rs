//! The sentences of [`words`](super::words) in German, for the dashboard: here what they are made of, and all about
//! reaching an Odoo and logging in to it; in [`orders`] all about one order, a branch or this machine; in [`sending`] all
//! about master data.
//!
//! Sie-form; the names of menus, fields and groups are those of Odoo's own German. A snapshot test holds every sentence.

mod orders;
mod sending;

use jiff::Timestamp;
use rust_decimal::Decimal;

use self::orders::*;
use self::sending::*;
use super::words::{LIST_MAX, NAME_MAX, WORDS_MAX, group_to_give, said, table, told_by};
use super::{Button, Problem, Side, clean};
use crate::model::{Kind, Language};

/// All that a problem says in German; who acts, and how the next step ends, is said once for all languages.
pub(super) struct Words {
    pub(super) what: String,
    pub(super) meaning: String,
    /// Without its end.
    pub(super) step: String,
    /// Completes "12 Aufträge warten …", or "12 Aufträge: …" where nothing is waited for; the same for records.
    pub(super) group: String,
}

/// One paragraph for each problem; no wildcard, so that a new problem cannot be without German words.
pub(super) fn words(problem: &Problem) -> Words {
    use Problem::*;
    match problem {
        HostNotFound { side, host } => host_not_found(side, host),
        ConnectionRefused { side, address } => connection_refused(side, address),
        TimedOut { side, seconds } => timed_out(side, *seconds),
        ConnectionLost { side, reason } => connection_lost(side, reason),
        TlsExpired { side, host } => tls_expired(side, host),
        TlsWrongName { side, host } => tls_wrong_name(side, host),
        TlsUnknownIssuer { side, host } => tls_unknown_issuer(side, host),
        TlsFailed { side, host, reason } => tls_failed(side, host, reason),
        NotOdoo { side, url, seen } => not_odoo(side, url, seen),
        DatabaseUnknown { side, database } => database_unknown(side, database),
        PasswordMissing { side } => password_missing(side),
        PasswordUnreadable { side, reason } => password_unreadable(side, reason),
        PasswordRefused { side, user } => password_refused(side, user),
        KeyExpired { side, user } => key_expired(side, user),
        KeyNeeded { side, user } => key_needed(side, user),
        KeyOfAnother { side, user, other } => key_of_another(side, user, other),
        KeyEnds { side, ends } => key_ends(side, *ends),
        RightMissing { side, user, model, operation, groups, major } => {
            let give = group_to_give(side, model, operation, major.or_else(|| told_by(groups)));
            right_missing(side, user, model, operation, groups, give)
        }
        ModuleMissing { side, model, module } => module_missing(side, model, module),
        FieldMissing { side, model, field } => field_missing(side, model, field),
        ServerBusy { side, reason } => server_busy(side, reason),
        RequestTooLarge { side } => request_too_large(side),
        ReplyTooLarge { side, limit_mb } => reply_too_large(side, *limit_mb),
        ReplyBroken { side, reason } => reply_broken(side, reason),
        AnswerLost { side, reason } => answer_lost(side, reason),
        ServerError { side, words } => server_error(side, words),
        ProductNotFound { name, barcode, default_code } => product_not_found(name, barcode.as_deref(), default_code.as_deref()),
        ProductAmbiguous { name, by, value, matches } => product_ambiguous(name, by, value, matches),
        ProductWithoutReference { name } => product_without_reference(name),
        TaxNotFound { name, amount, included, company } => tax_not_found(name, amount, *included, company),
        TaxAmbiguous { name, matches } => tax_ambiguous(name, matches),
        CustomerNotFound { name } => customer_not_found(name),
        CustomerAmbiguous { name, matches } => customer_ambiguous(name, matches),
        SettingNotFound { setting, value, side } => setting_not_found(setting, value, side),
        SettingAmbiguous { setting, value, matches } => setting_ambiguous(setting, value, matches),
        CurrencyDiffers { branch, central } => currency_differs(branch, central),
        ShopNotFound { shop } => shop_not_found(shop),
        CompanyMixedUp { words } => company_mixed_up(words),
        RecordGone { model, words } => record_gone(model, words),
        TotalDiffers { till, central, limit, hint } => total_differs(*till, *central, *limit, hint.as_deref()),
        TaxDiffers { till, central } => tax_differs(*till, *central),
        RefusedByOdoo { words } => refused_by_odoo(words),
        DraftGone { central_id } => draft_gone(*central_id),
        OrderChanged { what } => order_changed(what),
        OrderRefunded { by, amount } => order_refunded(by, *amount),
        DraftDeleted { name } => draft_deleted(name),
        DraftLost { name } => draft_lost(name),
        InvoicedSkipped { invoice } => invoiced_skipped(invoice),
        SessionOpen { kind, shops, reference } => session_open(*kind, reference, shops),
        OrderOpen { reference, orders } => order_open(reference, orders),
        WaitsForNeed { kind, reference } => waits_for_need(*kind, reference),
        BranchEdited { kind, reference, changes } => branch_edited(*kind, reference, changes),
        ChangedSincePreview { reference, changes } => changed_since_preview(reference, changes),
        MatchAmbiguous { kind, reference, by, value, matches } => match_ambiguous(*kind, reference, by, value, matches),
        BarcodeTaken { reference, barcode, words } => barcode_taken(reference, barcode, words),
        RefusedAtBranch { kind, reference, words } => refused_at_branch(*kind, reference, words),
        JournalNotSet { method, journals } => journal_not_set(method, journals),
        JournalNotFound { method, journal, journals } => journal_not_found(method, journal, journals),
        CountryDiffers { reference, branch, central } => country_differs(reference, branch, central),
        CounterpartMissing { what, value } => counterpart_missing(what, value),
        ImageTooLarge { reference, size_kb, limit_kb } => image_too_large(reference, *size_kb, *limit_kb),
        VariantsDiffer { reference, differences } => variants_differ(reference, differences),
        ComboNotSent { reference } => combo_not_sent(reference),
        LanguageMissing { side, language } => language_missing(side, language),
        SelectionWrong { kind, setting, words } => selection_wrong(*kind, setting, words),
        NothingSelected { kind, setting, value } => nothing_selected(*kind, setting, value),
        TooManyGone { kind, gone, of } => too_many_gone(*kind, *gone, *of),
        NotAsSent { reference, changes } => not_as_sent(reference, changes),
        FieldNotThere { kind, reference, field, value } => field_not_there(*kind, reference, field, value),
        BranchRestored { details } => branch_restored(details),
        BranchCloned { other, reference } => branch_cloned(other, reference),
        CentralRestored { lost, first, last } => central_restored(*lost, first, last),
        BranchUnknown => branch_unknown(),
        CentralUnknown => central_unknown(),
        ClockOff { minutes } => clock_off(*minutes),
        DiskFull { path } => disk_full(path),
        StateUnwritable { path, reason } => state_unwritable(path, reason),
        PassRunning { by } => pass_running(by),
    }
}

const USERS: &str = "Einstellungen > Benutzer & Unternehmen > Benutzer";
const GOES_ON: &str = "Die Brücke versucht es von selbst immer wieder und macht dort weiter, wo sie aufgehört hat.";
const SAME_CALL: &str = "Sollte eben Gesendetes doch angekommen sein, wird nichts doppelt geschrieben.";

/// The end of each next step after which the waiting records are let go.
pub(super) fn then_retry() -> String {
    format!("Drücken Sie danach {}.", button(Button::Retry))
}

/// The end of each next step that a person takes for a side.
pub(super) fn then_check() -> String {
    format!("Drücken Sie danach {}; der nächste Durchlauf macht dort weiter, wo dieser aufgehört hat.", button(Button::Check))
}

fn button(button: Button) -> String {
    button.marked(Language::German)
}

/// A name in quotes, cleaned.
fn quoted(name: &str) -> String {
    format!("„{}“", clean(name, NAME_MAX))
}

/// `„A“, „B“, „C“ und 2 weitere`; a single one more is named too, since its word would need a gender and a case.
fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().take(LIST_MAX + 1).map(|name| quoted(name)).collect();
    match names.len().saturating_sub(LIST_MAX) {
        0 | 1 => quoted.join(", "),
        more => format!("{} und {more} weitere", quoted[..LIST_MAX].join(", ")),
    }
}

/// What differs, one after the other, and how many more there are. In the language in which it was found.
fn differences(changes: &[String]) -> String {
    let shown: Vec<String> = changes.iter().take(LIST_MAX + 1).map(|change| clean(change, WORDS_MAX / LIST_MAX)).collect();
    match changes.len().saturating_sub(LIST_MAX) {
        0 | 1 => shown.join("; ").trim_end_matches('.').to_owned(),
        more => format!("{}; und {more} weitere", shown[..LIST_MAX].join("; ")),
    }
}

/// With a comma.
fn amount(amount: Decimal) -> String {
    amount.to_string().replace('.', ",")
}

/// What articles go by.
#[derive(Clone, Copy)]
enum Gender {
    Masculine,
    Feminine,
    Neuter,
}

impl Gender {
    fn of(self, masculine: &'static str, feminine: &'static str, neuter: &'static str) -> &'static str {
        match self {
            Gender::Masculine => masculine,
            Gender::Feminine => feminine,
            Gender::Neuter => neuter,
        }
    }

    /// Accusative of `kein`.
    fn none(self) -> &'static str {
        self.of("keinen", "keine", "kein")
    }

    /// Accusative: only one, and no doubt which.
    fn clear(self) -> &'static str {
        self.of("einen eindeutigen", "eine eindeutige", "ein eindeutiges")
    }

    /// Accusative of `er`, `sie`, `es`.
    fn it(self) -> &'static str {
        self.of("ihn", "sie", "es")
    }
}

/// A word for a thing. `bent` is what follows `den` and `dem`.
#[derive(Clone, Copy)]
struct Noun {
    gender: Gender,
    plain: &'static str,
    bent: &'static str,
}

impl Noun {
    const fn new(gender: Gender, plain: &'static str) -> Self {
        Self { gender, plain, bent: plain }
    }

    fn of_kind(kind: Kind) -> Self {
        let gender = match kind {
            Kind::Unit | Kind::Tax | Kind::PosCategory | Kind::ProductCategory | Kind::Variant => Gender::Feminine,
            Kind::Pricelist | Kind::PricelistItem | Kind::PaymentMethod => Gender::Feminine,
            Kind::Attribute | Kind::Product => Gender::Neuter,
            Kind::AttributeValue | Kind::ExtraPrice | Kind::Customer => Gender::Masculine,
        };
        let plain = kind.label_in(Language::German);
        Self { gender, plain, bent: if kind == Kind::Customer { "Kunden" } else { plain } }
    }

    /// Who or what: `der Kunde „X“`.
    fn subject(self, name: &str) -> String {
        format!("{} {} {}", self.gender.of("der", "die", "das"), self.plain, quoted(name))
    }

    /// Whom or what: `den Kunden „X“`.
    fn object(self, name: &str) -> String {
        format!("{} {} {}", self.gender.of("den", "die", "das"), self.bent, quoted(name))
    }

    /// After a preposition that melts with its article: `beim Kunden „X“`, `bei der Steuer „X“`.
    fn after(self, with_dem: &str, with_der: &str, name: &str) -> String {
        let article = match self.gender {
            Gender::Masculine | Gender::Neuter => with_dem,
            Gender::Feminine => with_der,
        };
        format!("{article} {} {}", self.bent, quoted(name))
    }
}

/// `Zentrale` or `Filiale tirana`; feminine, both.
fn place(side: &Side) -> String {
    match side {
        Side::Central => "Zentrale".to_owned(),
        Side::Branch(code) => format!("Filiale {code}"),
    }
}

/// `die Zentrale`
fn the(side: &Side) -> String {
    format!("die {}", place(side))
}

/// `Die Zentrale`, to begin a sentence.
fn capital(side: &Side) -> String {
    format!("Die {}", place(side))
}

/// `der Zentrale`: whose, or to whom.
fn of(side: &Side) -> String {
    format!("der {}", place(side))
}

/// `in der Zentrale`
fn at(side: &Side) -> String {
    format!("in der {}", place(side))
}

/// What it means that a side cannot be reached or used.
fn stopped(side: &Side) -> String {
    match side {
        Side::Central => "In die Zentrale wurde nichts geschrieben, und vorerst wird nichts von ihr gesendet. Die empfangenen Verkäufe \
                          sind in der Brücke sicher und warten."
            .to_owned(),
        Side::Branch(code) => format!(
            "Von der Filiale {code} wird vorerst nichts empfangen und an sie nichts gesendet. Ihre Verkäufe sind dort sicher, sie behält \
             ihre Stammdaten, und die anderen Filialen laufen weiter."
        ),
    }
}

/// What it means that a call's outcome is unknown.
fn unknown_outcome(side: &Side) -> String {
    match side {
        Side::Central => "Ob die Zentrale diese Verkäufe geschrieben hat, ist noch nicht bekannt. Die Brücke wiederholt genau denselben \
                          Aufruf, und kein Verkauf kann doppelt geschrieben werden."
            .to_owned(),
        Side::Branch(_) => format!("{} {SAME_CALL}", stopped(side)),
    }
}

/// What it means that central may or may not have begun: said without alarm, since mostly it has not.
fn nothing_twice(side: &Side) -> String {
    match side {
        Side::Central => "Diese Verkäufe sind in der Brücke sicher und warten. Sollte die Zentrale einen davon doch geschrieben haben, \
                          zeigt das der wiederholte Aufruf: Kein Verkauf kann doppelt geschrieben werden."
            .to_owned(),
        Side::Branch(_) => format!("{} {SAME_CALL}", stopped(side)),
    }
}

fn unreachable(side: &Side, what: String, step: String) -> Words {
    Words { what, meaning: stopped(side), step, group: format!("darauf, dass {} antwortet", the(side)) }
}

fn host_not_found(side: &Side, host: &str) -> Words {
    unreachable(
        side,
        format!("Der Servername {} {} ist nicht bekannt.", quoted(host), of(side)),
        format!(
            "Betrieb: Prüfen Sie die Internetverbindung und das DNS des Rechners, auf dem die Brücke läuft. Integrator: Prüfen Sie `url` \
             in {} der branches.toml. {GOES_ON}",
            table(side)
        ),
    )
}

fn connection_refused(side: &Side, address: &str) -> Words {
    unreachable(
        side,
        format!("{} nimmt unter {} keine Verbindungen an.", capital(side), clean(address, NAME_MAX)),
        format!(
            "Betrieb: Starten Sie den Odoo-Server oder seinen Proxy, oder öffnen Sie die Firewall für den Rechner der Brücke. Integrator: \
             Ist die Adresse falsch, berichtigen Sie `url` in {}. {GOES_ON}",
            table(side)
        ),
    )
}

fn timed_out(side: &Side, seconds: u64) -> Words {
    let time = if seconds == 1 { "einer Sekunde".to_owned() } else { format!("{seconds} Sekunden") };
    Words {
        meaning: unknown_outcome(side),
        ..unreachable(
            side,
            format!("{} hat nicht innerhalb von {time} geantwortet.", capital(side)),
            format!(
                "{GOES_ON} Betrieb: Dauert es länger als eine Stunde, prüfen Sie die Auslastung des Odoo-Servers, oder geben Sie ihm mit \
                 `timeout` in {} mehr Zeit.",
                table(side)
            ),
        )
    }
}

fn connection_lost(side: &Side, reason: &str) -> Words {
    Words {
        meaning: nothing_twice(side),
        ..unreachable(
            side,
            format!("Die Verbindung zur {} brach ab: {}.", place(side), said(reason)),
            format!("{GOES_ON} Betrieb: Dauert es länger als eine Stunde, prüfen Sie die Leitung und den Proxy dazwischen."),
        )
    }
}

fn tls_expired(side: &Side, host: &str) -> Words {
    unreachable(
        side,
        format!("Das Sicherheitszertifikat {} unter {} ist abgelaufen.", of(side), quoted(host)),
        format!(
            "Betrieb: Erneuern Sie das Zertifikat dieses Servers, und prüfen Sie, ob die Uhr des Rechners richtig geht, auf dem die \
             Brücke läuft. {GOES_ON}"
        ),
    )
}

fn tls_wrong_name(side: &Side, host: &str) -> Words {
    unreachable(
        side,
        format!("Das Sicherheitszertifikat {} ist auf einen anderen Namen als {} ausgestellt.", of(side), quoted(host)),
        format!(
            "Integrator: Schreiben Sie `url` in {} mit dem Namen, auf den das Zertifikat ausgestellt ist. Betrieb: Ist der Name richtig, \
             installieren Sie auf diesem Server das richtige Zertifikat. {GOES_ON}",
            table(side)
        ),
    )
}

fn tls_unknown_issuer(side: &Side, host: &str) -> Words {
    unreachable(
        side,
        format!(
            "Das Sicherheitszertifikat {} unter {} stammt von einer Zertifizierungsstelle, die der Rechner der Brücke nicht kennt.",
            of(side),
            quoted(host)
        ),
        format!(
            "Integrator: Hat Ihr Unternehmen eine eigene Zertifizierungsstelle, nennen Sie deren PEM-Datei mit `ca_file` in {}. Betrieb: \
             Andernfalls installieren Sie auf diesem Server die vollständige Zertifikatskette. {GOES_ON}",
            table(side)
        ),
    )
}

fn tls_failed(side: &Side, host: &str, reason: &str) -> Words {
    unreachable(
        side,
        format!("Keine sichere Verbindung zur {} unter {}: {}.", place(side), quoted(host), said(reason)),
        format!("Betrieb: Sorgen Sie dafür, dass dieser Server TLS 1.2 oder 1.3 mit einem gültigen Zertifikat spricht. {GOES_ON}"),
    )
}

fn not_odoo(side: &Side, url: &str, seen: &str) -> Words {
    let mut step = format!(
        "Integrator: `url` in {} muss die Adresse sein, unter der sich die Anmeldeseite von Odoo öffnet, nur bis zum Hostnamen, ohne /web \
         oder /odoo.",
        table(side)
    );
    if seen.contains("404") {
        step.push_str(
            " Betrieb: Ist sie richtig, muss die Zeile server_wide_modules in odoo.conf base,rpc,web (Odoo 19) oder base,web (ältere \
             Versionen) nennen.",
        );
    }
    step.push(' ');
    step.push_str(GOES_ON);
    let url = clean(url, NAME_MAX);
    unreachable(side, format!("Die Adresse {url} {} antwortet nicht wie ein Odoo. Die Antwort war: {}.", of(side), said(seen)), step)
}

fn server_busy(side: &Side, reason: &str) -> Words {
    Words {
        meaning: nothing_twice(side),
        ..unreachable(
            side,
            format!("{} ist überlastet oder startet neu: {}.", capital(side), said(reason)),
            format!("{GOES_ON} Betrieb: Dauert es länger als eine Stunde, prüfen Sie die Auslastung des Odoo-Servers."),
        )
    }
}

fn request_too_large(side: &Side) -> Words {
    Words {
        group: format!("darauf, dass {} größere Anfragen annimmt", the(side)),
        ..unreachable(
            side,
            format!("Der Proxy vor {} weist die Anfrage der Brücke wegen ihrer Größe ab.", of(side)),
            "Betrieb: Erhöhen Sie die Grenze dieses Proxys, bei nginx `client_max_body_size 128m;`.".to_owned(),
        )
    }
}

fn reply_too_large(side: &Side, limit_mb: u64) -> Words {
    unreachable(
        side,
        format!("Eine Antwort {} war größer als die {limit_mb} MB, die die Brücke liest.", of(side)),
        format!("Integrator: Drücken Sie {}, um zu sehen, ob dort ein Odoo antwortet. {GOES_ON}", button(Button::Check)),
    )
}

fn reply_broken(side: &Side, reason: &str) -> Words {
    Words {
        meaning: unknown_outcome(side),
        ..unreachable(
            side,
            format!("Eine Antwort {} war nicht lesbar: {}.", of(side), said(reason)),
            format!("{GOES_ON} Betrieb: Dauert es länger als eine Stunde, prüfen Sie den Proxy vor diesem Odoo."),
        )
    }
}

fn answer_lost(side: &Side, reason: &str) -> Words {
    Words {
        meaning: unknown_outcome(side),
        ..unreachable(
            side,
            format!("Die Antwort {} ging unterwegs verloren: {}.", of(side), said(reason)),
            format!("Niemand muss etwas tun. {GOES_ON}"),
        )
    }
}

fn server_error(side: &Side, words: &str) -> Words {
    Words {
        meaning: unknown_outcome(side),
        ..unreachable(
            side,
            format!("Im Odoo {} ist ein interner Fehler aufgetreten: {}.", of(side), said(words)),
            format!(
                "{GOES_ON} Betrieb: Dauert es länger als eine Stunde, suchen Sie im Protokoll dieses Odoo nach diesen Worten; meist liegt \
                 es an einer dort installierten App."
            ),
        )
    }
}

fn locked_out(side: &Side, group: String, what: String, step: String) -> Words {
    Words { what, meaning: stopped(side), step, group }
}

fn database_unknown(side: &Side, database: &str) -> Words {
    locked_out(
        side,
        format!("auf die Datenbank {}", of(side)),
        format!("Das Odoo {} hat keine Datenbank namens {}.", of(side), quoted(database)),
        format!("Integrator: Berichtigen Sie `database` in {} der branches.toml.", table(side)),
    )
}

fn password_missing(side: &Side) -> Words {
    locked_out(
        side,
        format!("auf das Passwort {}", of(side)),
        format!("Für {} ist kein Passwort hinterlegt.", the(side)),
        format!("Integrator: Drücken Sie {}, und geben Sie das Passwort oder den API-Schlüssel ein.", button(Button::Password)),
    )
}

fn password_unreadable(side: &Side, reason: &str) -> Words {
    locked_out(
        side,
        format!("auf das Passwort {}", of(side)),
        format!("Das für {} hinterlegte Passwort lässt sich nicht öffnen: {}.", the(side), said(reason)),
        format!(
            "Integrator: Drücken Sie {}, und geben Sie das Passwort oder den API-Schlüssel erneut ein, oder legen Sie die frühere \
             Schlüsseldatei zurück.",
            button(Button::Password)
        ),
    )
}

fn password_refused(side: &Side, user: &str) -> Words {
    locked_out(
        side,
        format!("auf ein Passwort, das {} annimmt", the(side)),
        format!("{} weist das Passwort des Benutzers {} ab.", capital(side), quoted(user)),
        format!(
            "Integrator: Drücken Sie {}, und geben Sie das richtige Passwort oder den richtigen API-Schlüssel ein; prüfen Sie auch `user` \
             in {}. Ein Benutzer mit Zwei-Faktor-Authentifizierung braucht einen API-Schlüssel.",
            button(Button::Password),
            table(side)
        ),
    )
}

fn key_expired(side: &Side, user: &str) -> Words {
    locked_out(
        side,
        format!("auf einen neuen API-Schlüssel {}", of(side)),
        format!(
            "{} nimmt das Passwort oder den API-Schlüssel des Benutzers {} nicht mehr an, obwohl die Anmeldung früher gelang.",
            capital(side),
            quoted(user)
        ),
        format!(
            "Integrator: Ein API-Schlüssel gilt höchstens 90 Tage, sofern der Benutzer kein Administrator ist. Melden Sie sich {} als \
             dieser Benutzer an, öffnen Sie Meine Einstellungen > Sicherheit > API-Schlüssel hinzufügen (vor Odoo 19: Präferenzen \
             > Kontosicherheit > Neuer API-Schlüssel), drücken Sie dann hier {}, und geben Sie ihn ein.",
            at(side),
            button(Button::Password)
        ),
    )
}

fn key_needed(side: &Side, user: &str) -> Words {
    locked_out(
        side,
        format!("auf einen API-Schlüssel {}", of(side)),
        format!(
            "Für {} ist das Passwort des Benutzers {} hinterlegt; über JSON-2 nimmt Odoo nur API-Schlüssel an.",
            the(side),
            quoted(user)
        ),
        format!(
            "Integrator: Melden Sie sich {} als dieser Benutzer an, öffnen Sie Meine Einstellungen > Sicherheit > API-Schlüssel \
             hinzufügen, drücken Sie dann hier {}, und geben Sie ihn ein; oder schreiben Sie protocol = \"xmlrpc\" in {}.",
            at(side),
            button(Button::Password),
            table(side)
        ),
    )
}

fn key_of_another(side: &Side, user: &str, other: &str) -> Words {
    locked_out(
        side,
        format!("auf einen API-Schlüssel {}", of(side)),
        format!(
            "Der API-Schlüssel, der für {} hinterlegt ist, gehört dem Benutzer {} und nicht {}.",
            the(side),
            quoted(other),
            quoted(user)
        ),
        format!(
            "Integrator: Drücken Sie {}, und geben Sie einen Schlüssel des Benutzers {} ein; oder berichtigen Sie `user` in {}.",
            button(Button::Password),
            quoted(user),
            table(side)
        ),
    )
}

fn key_ends(side: &Side, ends: Timestamp) -> Words {
    Words {
        what: format!("Ein API-Schlüssel des Benutzers der Brücke {} endet am {}.", at(side), ends.strftime("%Y-%m-%d %H:%M UTC")),
        meaning: "Bis dahin läuft alles.".to_owned(),
        step: format!(
            "Integrator: Melden Sie sich {} als dieser Benutzer an, öffnen Sie Meine Einstellungen > Sicherheit > API-Schlüssel \
             hinzufügen, drücken Sie dann hier {}, und geben Sie ihn ein. Benutzt die Brücke einen anderen Schlüssel oder ein Passwort, \
             löschen Sie diesen.",
            at(side),
            button(Button::Password)
        ),
        group: format!("auf einen neuen API-Schlüssel {}", of(side)),
    }
}

fn right_missing(side: &Side, user: &str, model: &str, operation: &str, groups: &[String], give: &'static str) -> Words {
    let verb = match operation {
        "read" => "lesen".to_owned(),
        "write" => "ändern".to_owned(),
        "create" => "anlegen".to_owned(),
        "unlink" => "löschen".to_owned(),
        other => format!("mit {} aufrufen", clean(other, NAME_MAX)),
    };
    let mut step = format!(
        "Integrator: Öffnen Sie als Administrator {} {USERS}, wählen Sie {}, und geben Sie ihm {}.",
        of(side),
        quoted(user),
        group_in_german(give)
    );
    if !groups.is_empty() {
        step.push_str(&format!(" Odoo selbst nennt diese Gruppen: {}.", listed(groups)));
    }
    locked_out(
        side,
        format!("auf ein Recht des Benutzers der Brücke {}", at(side)),
        format!("Der Benutzer {} darf {} {} nicht {verb}.", quoted(user), clean(model, NAME_MAX), at(side)),
        step,
    )
}

/// The groups of [`group_to_give`] as Odoo's German form of a user shows them.
fn group_in_german(group: &'static str) -> &'static str {
    match group {
        "\"Sales / User: All Documents\"" => "„Verkauf / Benutzer: Alle Dokumente“",
        "\"Products / Create\"" => "„Produkte / Erstellen“",
        "\"Inventory / User\"" => "„Lager / Benutzer“",
        "\"Contact / Creation\"" => "„Kontakt / Erstellung“",
        "\"Access Rights\"" => "„Zugriffsrechte“",
        "\"Administration / Access Rights\"" => "„Administration / Zugriffsrechte“",
        "\"Extra Rights / Contact Creation\"" => "„Extrarechte / Kontakterstellung“",
        "\"Extra Rights / Product Creation\"" => "„Extrarechte / Produkterstellung“",
        "\"Sales / Administrator\" or \"Inventory / Administrator\"" => "„Verkauf / Administrator“ oder „Lager / Administrator“",
        "\"Invoicing / Administrator\"" => "„Rechnungsstellung / Administrator“",
        "\"Invoicing / Billing Administrator\"" => "„Rechnungsstellung / Abrechnungsadministrator“",
        "\"Accounting / Administrator\"" => "„Buchhaltung / Administrator“",
        "\"Point of Sale / Administrator\"" => "„Kassensystem / Administrator“",
        "\"Point of Sale / User\"" => "„Kassensystem / Benutzer“",
        "\"Point of Sale / User\" and \"Role / User\"" => "„Kassensystem / Benutzer“ und „Rolle / Benutzer“",
        "\"Point of Sale / User\" and \"User types / Internal User\"" => {
            "„Kassensystem / Benutzer“ und „Benutzertypen / Interner Benutzer“"
        }
        other => other,
    }
}

fn module_missing(side: &Side, model: &str, module: &str) -> Words {
    locked_out(
        side,
        format!("auf eine App, die {} zu installieren ist", at(side)),
        format!("Im Odoo {} fehlt die App {} (ihre Datensätze {} sind unbekannt).", of(side), quoted(module), clean(model, NAME_MAX)),
        format!("Integrator: Installieren Sie sie dort unter Apps, oder prüfen Sie, ob `database` in {} stimmt.", table(side)),
    )
}

fn field_missing(side: &Side, model: &str, field: &str) -> Words {
    let field = format!("{}.{}", clean(model, NAME_MAX), clean(field, NAME_MAX));
    locked_out(
        side,
        format!("auf das Feld {field} {}", at(side)),
        format!("Im Odoo {} fehlt das Feld {field}, das die Brücke braucht.", of(side)),
        format!(
            "Integrator: Installieren Sie die App, die dieses Feld mitbringt, oder aktualisieren Sie die Brücke, falls {} mit einem \
             neueren Odoo läuft.",
            the(side)
        ),
    )
}
