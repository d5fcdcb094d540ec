//! The sentences of an audit: what was found and who does what about it, one function a kind of finding, in each language
//! of the dashboard. A snapshot test holds all of them.

use std::collections::BTreeMap;

use super::finding::{Finding, FindingKind, Unchecked};
use crate::mapping::{money, plain};
use crate::model::{Amount, Language};
use crate::problem::{Button, Problem, Reader, Texts, Told, clean};

/// Longest name in a sentence.
const NAME: usize = 80;

/// Names listed in one sentence before "and 4 more".
const LISTED: usize = 5;

/// A finding of one branch.
fn finding(kind: FindingKind, branch: &str, subject: &str, tell: impl Fn(Reader) -> Told) -> Finding {
    let Told { what, next_step: fix } = tell(Reader::Terminal);
    let texts = Texts::of(tell);
    Finding { kind, branch: Some(branch.to_owned()), subject: clean(subject, NAME), what, fix, numbers: BTreeMap::new(), texts }
}

impl Finding {
    fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.numbers.insert(name.to_owned(), value.into());
        self
    }
}

fn told(what: String, fix: impl Into<String>) -> Told {
    Told { what, next_step: fix.into() }
}

/// `WH/POS/1, WH/POS/2 and 4 more`; in German a single one more is named too, since its word would need a gender.
fn some_of(language: Language, names: &[String]) -> String {
    let shown = |number: usize| names.iter().take(number).map(|name| clean(name, NAME)).collect::<Vec<_>>().join(", ");
    match (names.len().saturating_sub(LISTED), language) {
        (0, _) | (1, Language::German) => shown(LISTED + 1),
        (more, Language::English) => format!("{} and {more} more", shown(LISTED)),
        (more, Language::German) => format!("{} und {more} weitere", shown(LISTED)),
    }
}

/// `a, b and c`.
fn all_of(language: Language, names: &[String]) -> String {
    let and = match language {
        Language::English => "and",
        Language::German => "und",
    };
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} {and} {last}", first.join(", ")),
    }
}

/// German in the dative: `in 30 Tagen`, `seit 2 Tagen`.
fn days(language: Language, number: i64) -> String {
    match (language, number) {
        (Language::English, 1) => "1 day".to_owned(),
        (Language::English, _) => format!("{number} days"),
        (Language::German, 1) => "1 Tag".to_owned(),
        (Language::German, _) => format!("{number} Tagen"),
    }
}

/// `2026-11-19 07:59` as `19.11.2026 07:59`.
fn german_minute(text: &str) -> String {
    let parts = || Some(format!("{}.{}.{} {}", text.get(8..10)?, text.get(5..7)?, text.get(..4)?, text.get(11..16)?));
    parts().unwrap_or_else(|| text.to_owned())
}

/// A number of the English text, in German with a comma.
fn comma(number: &str) -> String {
    number.replace('.', ",")
}

/// A value as the comparison writes it, in German.
fn german_value(value: &str) -> String {
    match value {
        "nothing" | "none" => "nicht gesetzt".to_owned(),
        other => other.to_owned(),
    }
}

/// `Sold 12 in 30 days`; what all came back was sold all the same.
fn sold_in(language: Language, sold: Amount, span: u16) -> String {
    let days = days(language, span.into());
    match (language, sold > Amount::ZERO) {
        (Language::English, true) => format!("Sold {} in {days}", plain(sold)),
        (Language::English, false) => format!("Sold and taken back in {days}"),
        (Language::German, true) => format!("In {days} {} verkauft", comma(&plain(sold))),
        (Language::German, false) => format!("In {days} verkauft und zurückgenommen"),
    }
}

/// A problem's next step, with the branch that it is about.
fn fix_of(problem: &Problem, reader: Reader, branch: &str) -> String {
    problem.tell(reader).next_step.replace("branch.CODE", &format!("branch.{branch}"))
}

/// A product was sold and central cannot tell which it is.
pub fn unknown_product(branch: &str, name: &str, sold: Amount, span: u16, problem: &Problem) -> Finding {
    let tell = |reader: Reader| {
        let what = format!("{}. {}", sold_in(reader.language(), sold, span), problem.tell(reader).what);
        told(what, fix_of(problem, reader, branch))
    };
    finding(FindingKind::UnknownProduct, branch, name, tell).with("sold", plain(sold))
}

/// How to bring central's value down, and how to let the branch have its own: the same for all products of a branch, so
/// that it is read once.
fn send_down(reader: Reader, branch: &str, field: &str) -> String {
    let send = match reader {
        Reader::Terminal => format!("send it: posbridge send {branch} --products --ref REFERENCE"),
        Reader::Browser(language) => format!("send it with {}", Button::Send.marked(language)),
    };
    match reader.language() {
        Language::English => format!(
            "Central: where central is right, {send}. Where the branch is right, change it at central first. What the branch may decide \
             goes into `leave` under [branch.{branch}.send.products]: \"{field}\"."
        ),
        Language::German => format!(
            "Zentrale: Ist der Wert der Zentrale richtig, senden Sie ihn mit {}. Ist der Wert der Filiale richtig, ändern Sie zuerst die \
             Zentrale. Was die Filiale selbst bestimmen darf, gehört in `leave` unter [branch.{branch}.send.products]: `\"{field}\"`.",
            Button::Send.marked(Language::German)
        ),
    }
}

/// A field of a product is not what central has.
pub fn differs(kind: FindingKind, branch: &str, name: &str, reference: Option<&str>, field: &str, here: &str, there: &str) -> Finding {
    let (here, there) = (clean(here, NAME), clean(there, NAME));
    let tell = |reader: Reader| {
        let what = match (reader.language(), kind) {
            (Language::English, FindingKind::PriceDiffers) => format!("Costs {here} at the branch and {there} at central."),
            (Language::English, FindingKind::TaxDiffers) => format!("Its sales taxes are {here} at the branch and {there} at central."),
            (Language::English, _) => format!("Its barcode is {here} at the branch and {there} at central."),
            (Language::German, FindingKind::PriceDiffers) => {
                format!("Kostet in der Filiale {} und in der Zentrale {}.", comma(&here), comma(&there))
            }
            (Language::German, FindingKind::TaxDiffers) => {
                let (here, there) = (german_value(&here), german_value(&there));
                format!("Verkaufssteuern in der Filiale: {here}; in der Zentrale: {there}.")
            }
            (Language::German, _) => {
                let (here, there) = (german_value(&here), german_value(&there));
                format!("Barcode in der Filiale: {here}; in der Zentrale: {there}.")
            }
        };
        told(what, send_down(reader, branch, field))
    };
    let finding = finding(kind, branch, name, tell).with("branch", here.as_str()).with("central", there.as_str());
    match reference {
        Some(reference) => finding.with("reference", reference),
        None => finding,
    }
}

/// A tax of sold products means nothing at central.
pub fn unknown_tax(branch: &str, name: &str, products: usize, problem: &Problem) -> Finding {
    let tell = |reader: Reader| {
        let of = match (reader.language(), products) {
            (Language::English, 1) => "1 product that was sold has it".to_owned(),
            (Language::English, _) => format!("{products} products that were sold have it"),
            (Language::German, 1) => "1 verkauftes Produkt hat diese Steuer".to_owned(),
            (Language::German, _) => format!("{products} verkaufte Produkte haben diese Steuer"),
        };
        told(format!("{} {of}.", problem.tell(reader).what), fix_of(problem, reader, branch))
    };
    finding(FindingKind::TaxDiffers, branch, name, tell).with("products", products.to_string())
}

/// Branches disagree about a product that central does not have. `values`: by branch.
pub fn branches_differ(name: &str, field: &str, values: &BTreeMap<String, String>) -> Finding {
    let codes: Vec<&str> = values.keys().map(String::as_str).collect();
    let english = |send: String| {
        let at: Vec<String> = values.iter().map(|(branch, value)| format!("{} at {branch}", clean(value, NAME))).collect();
        told(
            format!("Central does not have it, and the {field} is {}.", all_of(Language::English, &at)),
            format!("Central: create it at central with the {field} that holds, and {send}."),
        )
    };
    let german = || {
        let (heading, right) = match field {
            "price" => ("Preis", "dem richtigen Preis"),
            "barcode" => ("Barcode", "dem richtigen Barcode"),
            _ => ("Verkaufssteuern", "den richtigen Verkaufssteuern"),
        };
        let said = |value: &String| if field == "price" { comma(&clean(value, NAME)) } else { german_value(&clean(value, NAME)) };
        let at: Vec<String> = values.iter().map(|(branch, value)| format!("in der Filiale {branch} {}", said(value))).collect();
        told(
            format!("Die Zentrale hat es nicht. {heading}: {}.", all_of(Language::German, &at)),
            format!(
                "Zentrale: Legen Sie es in der Zentrale mit {right} an, und senden Sie es mit {} an {}.",
                Button::Send.marked(Language::German),
                codes.join(", ")
            ),
        )
    };
    let tell = |reader: Reader| match reader {
        Reader::Terminal => english(format!("send it: posbridge send {} --products --ref REFERENCE", codes.join(" "))),
        Reader::Browser(Language::English) => {
            english(format!("send it to {} with {}", codes.join(", "), Button::Send.marked(Language::English)))
        }
        Reader::Browser(Language::German) => german(),
    };
    Finding { branch: None, numbers: values.clone(), ..finding(FindingKind::BranchesDiffer, "", name, tell) }
}

/// Goods were sold whose stock nobody counts.
pub fn not_tracked(branch: &str, name: &str, sold: Amount, span: u16, central_tracks: bool) -> Finding {
    let tell = |reader: Reader| {
        let sold = sold_in(reader.language(), sold, span);
        match reader.language() {
            Language::English => {
                let central = if central_tracks { "; at central it is on" } else { "" };
                told(
                    format!("{sold}, and no stock moved: Track Inventory is off at the branch{central}."),
                    "Branch: open it under Point of Sale > Products > Products, switch Track Inventory on, and count what is there. What is \
                     never counted (a coffee, a bag) should be a Service.",
                )
            }
            Language::German => {
                let central = if central_tracks { "; in der Zentrale ist es eingeschaltet" } else { "" };
                told(
                    format!("{sold}, und kein Bestand hat sich bewegt: „Bestand verfolgen“ ist in der Filiale ausgeschaltet{central}."),
                    "Filiale: Öffnen Sie es unter Kassensystem > Produkte > Produkte, schalten Sie „Bestand verfolgen“ ein, und zählen \
                     Sie, was da ist. Was nie gezählt wird (ein Kaffee, eine Tüte), sollte eine Dienstleistung sein.",
                )
            }
        }
    };
    finding(FindingKind::NotTracked, branch, name, tell).with("sold", plain(sold))
}

/// Less than nothing lies in a location that a shop takes from.
pub fn negative_stock(branch: &str, name: &str, location: &str, quantity: Amount) -> Finding {
    let (location, quantity) = (clean(location, NAME), plain(quantity));
    let tell = |reader: Reader| match reader.language() {
        Language::English => told(
            format!("{quantity} at {location}: more was sold than ever came in."),
            "Branch: look for a delivery that was not received in Odoo, then count the product under Inventory > Operations > Physical \
             Inventory.",
        ),
        Language::German => told(
            format!("{} in {location}: Es wurde mehr verkauft, als je hereinkam.", comma(&quantity)),
            "Filiale: Suchen Sie nach einer Lieferung, deren Eingang in Odoo nicht gebucht wurde, und zählen Sie das Produkt dann unter \
             Lager > Vorgänge > Physischer Bestand.",
        ),
    };
    finding(FindingKind::NegativeStock, branch, name, tell).with("location", location.as_str()).with("quantity", quantity.as_str())
}

/// Why a shop should not sell out of the main location.
pub enum Main<'a> {
    /// Other shops sell out of it as well.
    Shared(Vec<String>),
    /// There is a location or a warehouse of the shop's name.
    Own(&'a str),
    /// Other shops of the branch have locations of their own.
    OthersHave(Vec<String>),
}

/// A shop sells out of a warehouse's main location.
pub fn main_location(branch: &str, shop: &str, location: &str, warehouse: &str, why: &Main<'_>) -> Finding {
    let (location, warehouse) = (clean(location, NAME), clean(warehouse, NAME));
    let tell = |reader: Reader| match reader.language() {
        Language::English => main_location_in_english(&location, &warehouse, why),
        Language::German => main_location_in_german(&location, &warehouse, why),
    };
    finding(FindingKind::MainLocation, branch, shop, tell).with("location", location.as_str())
}

fn main_location_in_english(location: &str, warehouse: &str, why: &Main<'_>) -> Told {
    const OWN: &str = "a location of its own (Inventory > Configuration > Locations)";
    let main = format!("Sells out of {location}, the main location of warehouse {warehouse}");
    let (what, own) = match why {
        Main::Shared(others) => {
            let (verb, others) = (if others.len() == 1 { "does" } else { "do" }, some_of(Language::English, others));
            (format!("{main}, as {verb} {others}: nobody can tell how much each shop has."), OWN.to_owned())
        }
        Main::Own(own) => (format!("{main}, though there is {}.", clean(own, NAME)), clean(own, NAME)),
        Main::OthersHave(others) => {
            let have = if others.len() == 1 { "has a location of its own" } else { "have locations of their own" };
            (format!("{main}, while {} {have}.", some_of(Language::English, others)), OWN.to_owned())
        }
    };
    told(
        what,
        format!(
            "Integrator: at the branch give the shop an operation type whose source is {own}, under Point of Sale > Configuration > \
             Settings > Inventory > Operation Type."
        ),
    )
}

fn main_location_in_german(location: &str, warehouse: &str, why: &Main<'_>) -> Told {
    const OWN: &str = "ein eigener Lagerort ist (Lager > Konfiguration > Lagerorte)";
    let main = format!("Verkauft aus {location}, dem Hauptlagerort des Lagerhauses {warehouse}");
    let (what, own) = match why {
        Main::Shared(others) => {
            let others = some_of(Language::German, others);
            (format!("{main}, ebenso wie {others}: Niemand kann sagen, wie viel jeder Laden hat."), OWN.to_owned())
        }
        Main::Own(own) => (format!("{main}, obwohl es {} gibt.", clean(own, NAME)), format!("{} ist", clean(own, NAME))),
        Main::OthersHave(others) => {
            let have = if others.len() == 1 { "einen eigenen Lagerort hat" } else { "eigene Lagerorte haben" };
            (format!("{main}, während {} {have}.", some_of(Language::German, others)), OWN.to_owned())
        }
    };
    told(
        what,
        format!(
            "Integrator: Geben Sie dem Laden in der Filiale unter Kassensystem > Konfiguration > Einstellungen > Lager > Vorgangsart eine \
             Vorgangsart, deren Quelle {own}."
        ),
    )
}

/// Stock moves of a session are not done.
pub fn failed_moves(branch: &str, session: &str, names: &[String]) -> Finding {
    let number = names.len();
    let tell = |reader: Reader| {
        let names = some_of(reader.language(), names);
        match reader.language() {
            Language::English => {
                let moves = if number == 1 { "1 stock move".to_owned() } else { format!("{number} stock moves") };
                told(
                    format!("{moves} of this session did not go through, so the stock shown is too high: {names}."),
                    "Branch: open each by its name under Inventory > Operations > Transfers and validate it; Odoo then says what is \
                     missing, most often a lot or serial number. A back order is not shown at the session.",
                )
            }
            Language::German => {
                let moves = match number {
                    1 => "1 Lagerbewegung dieser Sitzung wurde nicht ausgeführt".to_owned(),
                    _ => format!("{number} Lagerbewegungen dieser Sitzung wurden nicht ausgeführt"),
                };
                told(
                    format!("{moves}, der angezeigte Bestand ist deshalb zu hoch: {names}."),
                    "Filiale: Öffnen Sie jede über ihren Namen unter Lager > Vorgänge > Transfers, und bestätigen Sie sie; Odoo sagt dann, \
                     was fehlt, meist eine Los- oder Seriennummer. Ein Lieferrückstand wird bei der Sitzung nicht angezeigt.",
                )
            }
        }
    };
    finding(FindingKind::FailedStockMoves, branch, session, tell).with("moves", number.to_string())
}

/// A session was not closed for days.
pub fn long_session(branch: &str, shop: &str, session: &str, since: &str, open_days: i64) -> Finding {
    let tell = |reader: Reader| {
        let (name, days) = (clean(session, NAME), days(reader.language(), open_days));
        match reader.language() {
            Language::English => told(
                format!("Session {name} has been open since {since} UTC, for {days}."),
                "Branch: close it at the till, and from now on at the end of each day: until then Odoo counts no cash, posts nothing, and \
                 refuses changes to payment methods and taxes.",
            ),
            Language::German => told(
                format!("Die Sitzung {name} ist seit {days} offen (seit {} UTC).", german_minute(since)),
                "Filiale: Schließen Sie sie an der Kasse, künftig am Ende jedes Tages: Bis dahin zählt Odoo kein Bargeld, bucht nichts und \
                 lässt keine Änderungen an Zahlungsmethoden und Steuern zu.",
            ),
        }
    };
    finding(FindingKind::LongSession, branch, shop, tell).with("days", open_days.to_string()).with("session", session)
}

/// A shop sold nothing.
pub fn sold_nothing(branch: &str, shop: &str, span: u16) -> Finding {
    let tell = |reader: Reader| {
        let days = days(reader.language(), span.into());
        match reader.language() {
            Language::English => told(
                format!("No order in {days}."),
                format!(
                    "Branch: see whether the till holds orders that it has not sent to its Odoo (the cloud at its top). Is the shop closed \
                     for good, archive it there, or Integrator: leave it out of `shops` under [branch.{branch}]."
                ),
            ),
            Language::German => told(
                format!("Kein Auftrag in {days}."),
                format!(
                    "Filiale: Sehen Sie nach, ob die Kasse Aufträge zurückhält, die sie noch nicht an ihr Odoo gesendet hat (die Wolke am \
                     oberen Rand). Ist der Laden für immer geschlossen, archivieren Sie ihn dort. Integrator: Oder lassen Sie ihn bei \
                     `shops` unter [branch.{branch}] weg."
                ),
            ),
        }
    };
    finding(FindingKind::SoldNothing, branch, shop, tell)
}

/// A session was closed with more or less cash than expected.
pub fn cash_difference(branch: &str, shop: &str, session: &str, difference: Amount, currency: &str) -> Finding {
    let (much, short, place) = (money(difference.abs()), difference.is_sign_negative(), clean(shop, NAME));
    let tell = |reader: Reader| match reader.language() {
        Language::English => {
            let less = if short { "less" } else { "more" };
            told(
                format!("Closed with {much} {currency} {less} in the cash drawer than expected, at {place}."),
                "Branch: look for cash put in or taken out that was not entered (Cash In/Out), a wrong opening count, or a payment booked \
                 under the wrong method.",
            )
        }
        Language::German => {
            let less = if short { "weniger" } else { "mehr" };
            told(
                format!("Mit {} {currency} {less} Bargeld in der Kasse geschlossen als erwartet ({place}).", comma(&much)),
                "Filiale: Suchen Sie nach Bargeld, das ohne Eintrag eingelegt oder entnommen wurde, nach einer falschen Zählung beim Öffnen \
                 oder nach einer Zahlung, die unter der falschen Zahlungsmethode gebucht ist.",
            )
        }
    };
    finding(FindingKind::CashDifference, branch, session, tell).with("difference", money(difference)).with("shop", shop)
}

/// Somebody sells whom the settings give no salesperson.
pub fn unmapped_seller(branch: &str, seller: &str, orders: u64, default: Option<&str>) -> Finding {
    let seller = clean(seller, NAME);
    let default = default.map(|login| clean(login, NAME));
    let tell = |reader: Reader| match reader.language() {
        Language::English => {
            let to = default.as_ref().map_or_else(|| "have no salesperson".to_owned(), |login| format!("are given to {login}"));
            let number = if orders == 1 { "1 order".to_owned() } else { format!("{orders} orders") };
            told(
                format!("Sold {number} and is not named under [branch.{branch}.salespeople]: the drafts {to}."),
                format!("Integrator: write \"{seller}\" = \"LOGIN AT CENTRAL\" under [branch.{branch}.salespeople] in branches.toml."),
            )
        }
        Language::German => {
            let to = default.as_ref().map_or_else(|| "haben keinen Vertriebsmitarbeiter".to_owned(), |login| format!("gehen an {login}"));
            let number = if orders == 1 { "1 Auftrag".to_owned() } else { format!("{orders} Aufträge") };
            told(
                format!("Hat {number} verkauft und steht nicht unter [branch.{branch}.salespeople]: Die Entwürfe {to}."),
                format!(
                    "Integrator: Schreiben Sie `\"{seller}\" = \"ANMELDUNG IN DER ZENTRALE\"` unter [branch.{branch}.salespeople] in der \
                     branches.toml."
                ),
            )
        }
    };
    finding(FindingKind::UnmappedSeller, branch, &seller, tell).with("orders", orders.to_string())
}

/// A check that a problem keeps from being made.
pub fn unchecked(branch: &str, check: &str, problem: &Problem) -> Unchecked {
    Unchecked {
        branch: branch.to_owned(),
        check: check.to_owned(),
        what: problem.what(),
        fix: problem.next_step(),
        cause: problem.cause().to_owned(),
        texts: Texts::of(|reader| problem.tell(reader)),
    }
}

/// A check that ended at a limit. `of` in English and German; `fix` at the command line, in English, in German.
pub fn cut_short(branch: &str, check: &str, limit: usize, of: [&str; 2], fix: [&str; 3]) -> Unchecked {
    let english = |fix: &str| told(format!("Only {limit} {} were looked at, and there may be more.", of[0]), fix);
    let tell = |reader: Reader| match reader {
        Reader::Terminal => english(fix[0]),
        Reader::Browser(Language::English) => english(fix[1]),
        Reader::Browser(Language::German) => told(format!("Es wurden nur {limit} {} angesehen, und es kann mehr geben.", of[1]), fix[2]),
    };
    let Told { what, next_step: fix } = tell(Reader::Terminal);
    let (branch, check) = (branch.to_owned(), check.to_owned());
    Unchecked { branch, check, what, fix, cause: "too_many".to_owned(), texts: Texts::of(tell) }
}

/// What was to be looked at, in a language.
pub fn check_in(language: Language, check: &str) -> &str {
    match (language, check) {
        (Language::English, check) => check,
        (Language::German, "the shop") => "der Laden",
        (Language::German, "what was sold") => "was verkauft wurde",
        (Language::German, "the products that were sold") => "die verkauften Produkte",
        (Language::German, "who sold at which shop") => "wer in welchem Laden verkauft hat",
        (Language::German, "stock moves that failed") => "fehlgeschlagene Lagerbewegungen",
        (Language::German, "where shops take their stock from") => "woher Läden ihren Bestand nehmen",
        (Language::German, "where shops take their stock from, and negative stock there") => {
            "woher Läden ihren Bestand nehmen, und negativer Bestand dort"
        }
        (Language::German, "taxes") => "Steuern",
        (Language::German, "users who sell") => "Benutzer, die verkaufen",
        (Language::German, "sessions") => "Sitzungen",
        (Language::German, "negative stock") => "negativer Bestand",
        (Language::German, "products, prices, taxes and barcodes against central") => {
            "Produkte, Preise, Steuern und Barcodes gegenüber der Zentrale"
        }
        (Language::German, "prices against central") => "Preise gegenüber der Zentrale",
        (Language::German, check) => check,
    }
}
