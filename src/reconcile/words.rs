//! What a comparison says to people of one order: what happened, and who does what next. Each sentence once for each reader: at the
//! command line, and in the dashboard in his language.

use jiff::Timestamp;
use jiff::civil::Date;

use super::summary::{TEXT, money_in};
use super::{Entry, Finding, Needs, Row};
use crate::model::{BranchCode, CentralOrder, Language, SoldOrder};
use crate::problem::{Button, Problem, Reader, Texts, Told, clean};

fn told(what: String, next_step: impl Into<String>) -> Told {
    Told { what, next_step: next_step.into() }
}

fn entry(finding: Finding, needs: Needs, tell: impl Fn(Reader) -> Told) -> Entry {
    let Told { what: message, next_step } = tell(Reader::Terminal);
    // At the command line a next step may end in a command, to which no full stop may be glued.
    let whole = |reader: Reader| {
        let mut told = tell(reader);
        if !told.next_step.ends_with('.') {
            told.next_step.push('.');
        }
        told
    };
    Entry {
        finding,
        needs,
        reference: String::new(),
        order: None,
        record: None,
        central_id: None,
        central_name: None,
        central_state: None,
        branch_total: None,
        central_total: None,
        currency: String::new(),
        message,
        next_step,
        texts: Some(Texts::of(whole)),
    }
}

fn of_order(order: &SoldOrder, entry: Entry) -> Entry {
    Entry {
        reference: order.reference(),
        order: Some(order.id.get()),
        branch_total: Some(order.amount_total),
        currency: order.currency().to_owned(),
        ..entry
    }
}

fn of_row(row: &Row, entry: Entry) -> Entry {
    Entry {
        record: Some(row.record),
        order: Some(row.order),
        reference: row.reference.clone(),
        currency: row.currency.clone(),
        central_id: row.central_id,
        central_name: row.central_name.clone(),
        ..entry
    }
}

pub fn of_draft(draft: &CentralOrder, entry: Entry) -> Entry {
    Entry {
        central_id: Some(draft.id.get()),
        central_name: Some(draft.name.clone()),
        central_state: Some(draft.state.clone()),
        central_total: Some(draft.amount_total),
        ..entry
    }
}

/// `Order 0042 (12.50 EUR)`.
fn subject(language: Language, order: &SoldOrder) -> String {
    format!("{} ({})", clean(&order.reference(), TEXT), money_in(language, order.amount_total, order.currency()))
}

/// The same of a row.
fn row_subject(language: Language, row: &Row) -> String {
    format!("{} ({})", clean(&row.reference, TEXT), money_in(language, row.amount_total, &row.currency))
}

fn total(language: Language, draft: &CentralOrder) -> String {
    money_in(language, draft.amount_total, draft.currency())
}

/// Who last wrote a sales order, and when.
fn touched(language: Language, draft: &CentralOrder) -> String {
    let who = draft.write_uid.as_ref().map(|(_, name)| clean(name, TEXT));
    let when = minute(language, &draft.write_date);
    match language {
        Language::English => format!("last changed{} on {when}", who.map_or_else(String::new, |name| format!(" by {name}"))),
        Language::German => format!("zuletzt geändert{} am {when}", who.map_or_else(String::new, |name| format!(" von {name}"))),
    }
}

/// A time of Odoo's without its seconds.
fn minute(language: Language, text: &str) -> String {
    let german = || Some(format!("{}.{}.{} {}", text.get(8..10)?, text.get(5..7)?, text.get(..4)?, text.get(11..16)?));
    match language {
        Language::English => format!("{} UTC", text.get(..16).unwrap_or(text)),
        Language::German => format!("{} UTC", german().unwrap_or_else(|| text.to_owned())),
    }
}

fn moment(language: Language, at: Timestamp) -> String {
    let format = match language {
        Language::English => "%Y-%m-%d %H:%M UTC",
        Language::German => "%d.%m.%Y %H:%M UTC",
    };
    at.strftime(format).to_string()
}

/// A command, or the button that does the same, after a colon or as an English clause.
fn do_it(reader: Reader, command: impl FnOnce() -> String, button: Button) -> String {
    match reader {
        Reader::Terminal => format!(": {}", command()),
        Reader::Browser(Language::English) => format!(", press {}", button.marked(Language::English)),
        Reader::Browser(Language::German) => format!(", drücken Sie {}", button.marked(Language::German)),
    }
}

/// Whether a person has to look at a written order, or has decided.
fn needs(row: &Row) -> Needs {
    if row.reason.is_some() { Needs::Nothing } else { Needs::Person }
}

/// What a person who looks at a written order may do, or what he decided.
fn or_decided(reader: Reader, row: &Row, undo: &str) -> String {
    let right = do_it(reader, || format!("posbridge ignore {} --reason \"…\"", row.record), Button::Ignore);
    match (&row.reason, reader.language()) {
        (Some(reason), Language::English) => format!("Nothing, it was decided: {}", clean(reason, TEXT)),
        (Some(reason), Language::German) => format!("Nichts, es wurde so entschieden: {}", clean(reason, TEXT)),
        (None, Language::English) => format!("{undo} If it is right so{right}"),
        (None, Language::German) => format!("{undo} Ist es richtig so{right}."),
    }
}

pub fn not_taken(branch: &BranchCode, order: &SoldOrder) -> Entry {
    let tell = |reader: Reader| {
        let subject = subject(reader.language(), order);
        match reader {
            Reader::Browser(Language::German) => told(
                format!("{subject} ist in der Filiale und wurde nicht empfangen."),
                format!(
                    "Betrieb: Drücken Sie {}, und vergleichen Sie den Tag danach noch einmal.",
                    Button::Receive.marked(Language::German)
                ),
            ),
            Reader::Browser(Language::English) => told(
                format!("{subject} is at the branch and was not received."),
                format!("Ops: press {}, then compare the day again", Button::Receive.marked(Language::English)),
            ),
            Reader::Terminal => told(
                format!("{subject} is at the branch and was not received."),
                format!("Ops: posbridge receive {branch}, then reconcile again"),
            ),
        }
    };
    of_order(order, entry(Finding::NotTaken, Needs::Person, tell))
}

pub fn not_received(order: &SoldOrder, row: &Row) -> Entry {
    let tell = |reader: Reader| {
        let subject = subject(reader.language(), order);
        match reader.language() {
            Language::English => told(
                format!("{subject} had not been received. It is kept now and goes to central with the next pass."),
                "Nothing now. If this happens often, raise `overlap` of this branch in branches.toml",
            ),
            Language::German => told(
                format!(
                    "{subject} war nicht empfangen. Jetzt ist der Auftrag gesichert und geht mit dem nächsten Durchlauf in die Zentrale."
                ),
                "Jetzt nichts. Kommt das oft vor, erhöhen Sie `overlap` dieser Filiale in der branches.toml.",
            ),
        }
    };
    of_order(order, of_row(row, entry(Finding::NotReceived, Needs::Time, tell)))
}

pub fn waiting(order: &SoldOrder, row: &Row) -> Entry {
    let tell = |reader: Reader| {
        let subject = subject(reader.language(), order);
        let why = row.problem.as_ref().map(|problem| format!(" {}", problem.tell(reader).what)).unwrap_or_default();
        match reader.language() {
            Language::English => {
                let log = if reader == Reader::Terminal { format!(": posbridge log show {}", row.record) } else { String::new() };
                told(format!("{subject} is received and waits to be written to central.{why}"), format!("Nothing, it goes by itself{log}"))
            }
            Language::German => told(
                format!("{subject} ist empfangen und wartet darauf, in die Zentrale geschrieben zu werden.{why}"),
                "Nichts, es geht von selbst weiter.",
            ),
        }
    };
    of_order(order, of_row(row, entry(Finding::Waiting, Needs::Time, tell)))
}

pub fn held(order: &SoldOrder, row: &Row) -> Entry {
    let tell = |reader: Reader| {
        let (subject, Told { what, next_step }) = (subject(reader.language(), order), problem_words(reader, row));
        match reader.language() {
            Language::English => told(format!("{subject} is received and held back: {what}"), next_step),
            Language::German => told(format!("{subject} ist empfangen und wird zurückgehalten: {what}"), next_step),
        }
    };
    of_order(order, of_row(row, entry(Finding::Held, Needs::Time, tell)))
}

pub fn failed(order: &SoldOrder, row: &Row) -> Entry {
    let tell = |reader: Reader| {
        let (subject, Told { what, next_step }) = (subject(reader.language(), order), problem_words(reader, row));
        match reader {
            Reader::Terminal => told(
                format!("{subject} is received and cannot be written to central: {what}"),
                format!("{next_step} All of it: posbridge log show {}", row.record),
            ),
            Reader::Browser(Language::English) => {
                told(format!("{subject} is received and cannot be written to central: {what}"), next_step)
            }
            Reader::Browser(Language::German) => {
                told(format!("{subject} ist empfangen und kann nicht in die Zentrale geschrieben werden: {what}"), next_step)
            }
        }
    };
    of_order(order, of_row(row, entry(Finding::Failed, Needs::Person, tell)))
}

fn problem_words(reader: Reader, row: &Row) -> Told {
    match (&row.problem, reader) {
        (Some(problem), _) => problem.tell(reader),
        (None, Reader::Terminal) => told("the reason is in the log.".to_owned(), format!("See posbridge log show {}", row.record)),
        (None, Reader::Browser(Language::English)) => told("the reason is in the log.".to_owned(), "See the record in the log"),
        (None, Reader::Browser(Language::German)) => {
            told("Der Grund steht im Protokoll.".to_owned(), "Sehen Sie sich den Datensatz im Protokoll an.")
        }
    }
}

pub fn ignored(order: &SoldOrder, row: &Row) -> Entry {
    let tell = |reader: Reader| {
        let language = reader.language();
        let why = match (&row.reason, &row.problem, language) {
            (Some(reason), ..) => clean(reason, TEXT),
            (None, Some(problem), _) => problem.tell(reader).what,
            (None, None, Language::English) => "no reason was given".to_owned(),
            (None, None, Language::German) => "es ist kein Grund angegeben".to_owned(),
        };
        let (subject, why) = (subject(language, order), why.trim_end_matches('.'));
        let retry = do_it(reader, || format!("posbridge retry {}", row.record), Button::Retry);
        match language {
            Language::English => told(
                format!("{subject} is not to be written to central: {why}."),
                format!("Nothing, it was decided. To write it all the same{retry}"),
            ),
            Language::German => told(
                format!("{subject} soll nicht in die Zentrale geschrieben werden: {why}."),
                format!("Nichts, es wurde so entschieden. Um den Auftrag trotzdem zu schreiben{retry}."),
            ),
        }
    };
    of_order(order, of_row(row, entry(Finding::Ignored, Needs::Nothing, tell)))
}

pub fn deleted(order: &SoldOrder, row: &Row) -> Entry {
    let tell = |reader: Reader| {
        let (subject, name) = (subject(reader.language(), order), row.central_name.as_deref().map(|name| clean(name, TEXT)));
        let again = do_it(reader, || format!("posbridge retry {} --recreate", row.record), Button::Recreate);
        match reader.language() {
            Language::English => told(
                format!(
                    "{subject} was written to central as {}, which has been deleted there since.",
                    name.unwrap_or_else(|| "its draft".to_owned())
                ),
                or_decided(reader, row, &format!("Central: ask who deleted it. To write it again{again}.")),
            ),
            Language::German => told(
                format!(
                    "{subject} wurde als {} in die Zentrale geschrieben und dort inzwischen gelöscht.",
                    name.unwrap_or_else(|| "Entwurf".to_owned())
                ),
                or_decided(reader, row, &format!("Zentrale: Fragen Sie, wer ihn gelöscht hat. Um ihn neu zu schreiben{again}.")),
            ),
        }
    };
    of_order(order, of_row(row, entry(Finding::Deleted, needs(row), tell)))
}

pub fn cancelled(order: &SoldOrder, row: &Row, draft: &CentralOrder) -> Entry {
    let tell = |reader: Reader| {
        let language = reader.language();
        let (subject, name, touched) = (subject(language, order), &draft.name, touched(language, draft));
        match language {
            Language::English => told(
                format!("{subject} is {name} at central, which is cancelled there ({touched})."),
                or_decided(reader, row, "Central: set it back to quotation."),
            ),
            Language::German => told(
                format!("{subject} ist in der Zentrale {name} und dort storniert ({touched})."),
                or_decided(reader, row, "Zentrale: Setzen Sie ihn auf Angebot zurück."),
            ),
        }
    };
    of_order(order, of_draft(draft, of_row(row, entry(Finding::Cancelled, needs(row), tell))))
}

pub fn edited(order: &SoldOrder, row: &Row, draft: &CentralOrder) -> Entry {
    let tell = |reader: Reader| {
        let language = reader.language();
        let (subject, name, total) = (subject(language, order), &draft.name, total(language, draft));
        let (state, touched) = (state_word(language, &draft.state), touched(language, draft));
        match language {
            Language::English => told(
                format!("{subject} is {name} at central with {total} ({state}, {touched})."),
                or_decided(reader, row, "Central: ask who changed it, and correct it there."),
            ),
            Language::German => told(
                format!("{subject} ist in der Zentrale {name} mit {total} ({state}, {touched})."),
                or_decided(reader, row, "Zentrale: Fragen Sie, wer ihn geändert hat, und berichtigen Sie ihn dort."),
            ),
        }
    };
    of_order(order, of_draft(draft, of_row(row, entry(Finding::Edited, needs(row), tell))))
}

pub fn changed_total(order: &SoldOrder, row: &Row, draft: &CentralOrder) -> Entry {
    let tell = |reader: Reader| {
        let language = reader.language();
        let (subject, name, total) = (subject(language, order), &draft.name, total(language, draft));
        let state = state_word(language, &draft.state);
        match language {
            Language::English => told(
                format!(
                    "{subject} was changed at the branch after it was written: {name} at central has {total}, as it was received ({state})."
                ),
                or_decided(reader, row, "Central: correct the sales order."),
            ),
            Language::German => told(
                format!(
                    "{subject} wurde in der Filiale geändert, nachdem der Auftrag geschrieben war: {name} in der Zentrale hat {total}, wie \
                     empfangen ({state})."
                ),
                or_decided(reader, row, "Zentrale: Berichtigen Sie den Verkaufsauftrag."),
            ),
        }
    };
    of_order(order, of_draft(draft, of_row(row, entry(Finding::ChangedTotal, needs(row), tell))))
}

fn state_word(language: Language, state: &str) -> String {
    let word = match (language, state) {
        (Language::English, "draft") => "a quotation",
        (Language::English, "sent") => "a quotation that was sent",
        (Language::English, "sale") => "confirmed",
        (Language::German, "draft") => "Angebot",
        (Language::German, "sent") => "gesendetes Angebot",
        (Language::German, "sale") => "bestätigt",
        (_, other) => return clean(other, TEXT),
    };
    word.to_owned()
}

pub fn late(order: &SoldOrder, row: &Row) -> Entry {
    let tell = |reader: Reader| {
        let language = reader.language();
        let (subject, sold, stored) = (subject(language, order), minute(language, &order.date_order), minute(language, &order.create_date));
        let received = moment(language, row.received_at);
        match language {
            Language::English => told(
                format!("{subject} arrived late: sold {sold}, at the branch's server {stored}, received {received}."),
                "Nothing. Figures of this day that were taken before then lack it",
            ),
            Language::German => told(
                format!("{subject} kam verspätet: verkauft {sold}, auf dem Server der Filiale {stored}, empfangen {received}."),
                "Nichts. In Zahlen dieses Tages, die vorher erhoben wurden, fehlt der Auftrag.",
            ),
        }
    };
    of_order(order, of_row(row, entry(Finding::Late, Needs::Nothing, tell)))
}

pub fn changed(order: &SoldOrder, row: &Row, draft: &CentralOrder) -> Entry {
    let tell = |reader: Reader| {
        let language = reader.language();
        let what = match (&row.problem, language) {
            (Some(Problem::OrderChanged { what }), _) => clean(what, TEXT),
            (_, Language::English) => "its details".to_owned(),
            (_, Language::German) => "Einzelheiten".to_owned(),
        };
        let (subject, name, record) = (subject(language, order), &draft.name, row.record);
        let in_english = |next_step: String| {
            told(format!("{subject} was changed at the branch after it was written to central as {name}: {what}."), next_step)
        };
        match reader {
            Reader::Terminal => {
                in_english(format!("Central: compare, posbridge log show {record}. Then: posbridge ignore {record} --reason \"…\""))
            }
            Reader::Browser(Language::English) => {
                in_english(format!("Central: compare the draft with the record, then press {}", Button::Ignore.marked(Language::English)))
            }
            Reader::Browser(Language::German) => told(
                format!("{subject} wurde in der Filiale geändert, nachdem der Auftrag als {name} in die Zentrale geschrieben war: {what}."),
                format!(
                    "Zentrale: Vergleichen Sie den Entwurf mit dem Datensatz, und drücken Sie danach {}.",
                    Button::Ignore.marked(Language::German)
                ),
            ),
        }
    };
    of_order(order, of_draft(draft, of_row(row, entry(Finding::Changed, Needs::Person, tell))))
}

pub fn moved(order: &SoldOrder, row: &Row) -> Entry {
    let tell = |reader: Reader| {
        let language = reader.language();
        let (subject, then, now) = (subject(language, order), minute(language, &row.date_order), minute(language, &order.date_order));
        match language {
            Language::English => told(
                format!("{subject} was received as sold {then}; the branch has it as sold {now} now, and it counts on that day."),
                "Nothing",
            ),
            Language::German => told(
                format!(
                    "{subject} wurde mit der Verkaufszeit {then} empfangen; in der Filiale ist sie jetzt {now}, und er zählt zu jenem Tag."
                ),
                "Nichts.",
            ),
        }
    };
    of_order(order, of_row(row, entry(Finding::Moved, Needs::Nothing, tell)))
}

/// `; S00042 with 12.50 EUR is at central`
fn stands(language: Language, draft: Option<&CentralOrder>) -> String {
    let Some(draft) = draft else { return String::new() };
    match language {
        Language::English => format!("; {} with {} is at central", draft.name, total(language, draft)),
        Language::German => format!("; in der Zentrale steht {} mit {}", draft.name, total(language, draft)),
    }
}

fn of_either(row: &Row, draft: Option<&CentralOrder>, entry: Entry) -> Entry {
    let entry = of_row(row, entry);
    draft.map_or(entry.clone(), |draft| of_draft(draft, entry))
}

pub fn left_out(row: &Row, draft: Option<&CentralOrder>) -> Entry {
    let tell = |reader: Reader| {
        let (subject, stands) = (row_subject(reader.language(), row), stands(reader.language(), draft));
        match reader.language() {
            Language::English => told(
                format!("{subject} was received, but `shops`, `receive` or `from` leave it out now{stands}."),
                "Nothing, the settings say so",
            ),
            Language::German => told(
                format!("{subject} wurde empfangen, aber `shops`, `receive` oder `from` schließen den Auftrag jetzt aus{stands}."),
                "Nichts, die Einstellungen wollen es so.",
            ),
        }
    };
    of_either(row, draft, entry(Finding::LeftOut, Needs::Nothing, tell))
}

pub fn no_longer_paid(order: &SoldOrder, row: &Row, draft: Option<&CentralOrder>) -> Entry {
    let tell = |reader: Reader| {
        let language = reader.language();
        let (subject, state, stands) = (subject(language, order), clean(&order.state, TEXT), stands(language, draft));
        match language {
            Language::English => told(
                format!("{subject} was received; at the branch its state is {state} now{stands}."),
                or_decided(reader, row, "Support: ask the branch what became of it, and correct central."),
            ),
            Language::German => {
                let state = match state.as_str() {
                    "cancel" => "storniert",
                    "draft" => "neu",
                    other => other,
                };
                told(
                    format!("{subject} wurde empfangen; in der Filiale ist der Status jetzt „{state}“{stands}."),
                    or_decided(reader, row, "Support: Fragen Sie die Filiale, was daraus geworden ist, und berichtigen Sie die Zentrale."),
                )
            }
        }
    };
    of_order(order, of_either(row, draft, entry(Finding::NoLongerPaid, needs(row), tell)))
}

pub fn gone_at_branch(row: &Row, draft: Option<&CentralOrder>) -> Entry {
    let tell = |reader: Reader| {
        let language = reader.language();
        let (subject, received, stands) = (row_subject(language, row), moment(language, row.received_at), stands(language, draft));
        match language {
            Language::English => {
                let undo = "Ops: was the branch's database restored from a backup? Then check this sale with the branch.";
                told(
                    format!("{subject} was received {received}, and the branch no longer has it (order {}){stands}.", row.order),
                    or_decided(reader, row, undo),
                )
            }
            Language::German => {
                let undo = "Betrieb: Wurde die Datenbank der Filiale aus einer Sicherung wiederhergestellt? Dann klären Sie diesen \
                            Verkauf mit der Filiale.";
                told(
                    format!("{subject} wurde am {received} empfangen, und die Filiale hat ihn nicht mehr (Auftrag {}){stands}.", row.order),
                    or_decided(reader, row, undo),
                )
            }
        }
    };
    of_either(row, draft, entry(Finding::GoneAtBranch, needs(row), tell))
}

fn of_stranger(order: &CentralOrder, entry: Entry) -> Entry {
    let reference = order.client_order_ref.clone().unwrap_or_else(|| order.name.clone());
    of_draft(order, Entry { reference, currency: order.currency().to_owned(), ..entry })
}

/// `S00042 (12.50 EUR, made by Anna on …)`
fn stranger(language: Language, order: &CentralOrder) -> String {
    let who = order.create_uid.as_ref().map(|(_, name)| clean(name, TEXT));
    let when = minute(language, &order.create_date);
    let made = match language {
        Language::English => format!("made{} on {when}", who.map_or_else(String::new, |name| format!(" by {name}"))),
        Language::German => format!("angelegt{} am {when}", who.map_or_else(String::new, |name| format!(" von {name}"))),
    };
    format!("{} ({}, {made})", clean(&order.name, TEXT), total(language, order))
}

pub fn foreign(order: &CentralOrder) -> Entry {
    let reference = clean(order.client_order_ref.as_deref().unwrap_or_default(), TEXT);
    let tell = |reader: Reader| {
        let stranger = stranger(reader.language(), order);
        match reader.language() {
            Language::English => told(
                format!(
                    "{stranger} has the Customer Reference {reference}, as an order of this branch has, but the bridge did not write it."
                ),
                "Central: ask who made it. If it stands for a sale that is there already, cancel it; else give it another Customer Reference",
            ),
            Language::German => told(
                format!(
                    "{stranger} hat die Kundenreferenz {reference} wie ein Auftrag dieser Filiale, aber die Brücke hat ihn nicht geschrieben."
                ),
                "Zentrale: Fragen Sie, wer ihn angelegt hat. Steht er für einen Verkauf, der schon da ist, stornieren Sie ihn; sonst geben \
                 Sie ihm eine andere Kundenreferenz.",
            ),
        }
    };
    of_stranger(order, entry(Finding::Foreign, Needs::Person, tell))
}

pub fn unknown_draft(branch: &BranchCode, day: Date, order: &CentralOrder, external_id: &str) -> Entry {
    let external_id = clean(external_id, TEXT);
    let tell = |reader: Reader| {
        let stranger = stranger(reader.language(), order);
        match reader.language() {
            Language::English => {
                let again = match reader {
                    Reader::Terminal => format!(": posbridge receive {branch} --from {day}"),
                    Reader::Browser(_) => format!(", let the branch be received again from {day} on"),
                };
                told(
                    format!(
                        "{stranger} was written by a bridge for order {external_id}, which neither the ledger nor the branch has on this day."
                    ),
                    format!("Ops: if the ledger was begun anew or restored{again}. If not, look for a second bridge on this branch"),
                )
            }
            Language::German => told(
                format!(
                    "{stranger} wurde von einer Brücke für den Auftrag {external_id} geschrieben, den an diesem Tag weder die Datenbank der \
                     Brücke noch die Filiale hat."
                ),
                format!(
                    "Betrieb: Wurde die Datenbank der Brücke neu begonnen oder wiederhergestellt, lassen Sie die Filiale ab dem {} noch \
                     einmal empfangen. Wenn nicht, suchen Sie nach einer zweiten Brücke an dieser Filiale.",
                    day.strftime("%d.%m.%Y")
                ),
            ),
        }
    };
    of_stranger(order, entry(Finding::UnknownDraft, Needs::Person, tell))
}

pub fn draft_of_ignored(row: &Row, order: &CentralOrder) -> Entry {
    let reference = clean(&row.reference, TEXT);
    let tell = |reader: Reader| {
        let stranger = stranger(reader.language(), order);
        match reader.language() {
            Language::English => told(
                format!(
                    "{stranger} was written by a bridge for order {reference}, which is not to be written to central. The ledger does not \
                     know the draft: it was begun anew or restored, or the answer was lost."
                ),
                "Central: cancel it, so that the sale is not counted twice",
            ),
            Language::German => told(
                format!(
                    "{stranger} wurde von einer Brücke für den Auftrag {reference} geschrieben, der nicht in die Zentrale geschrieben werden \
                     soll. Die Datenbank der Brücke kennt den Entwurf nicht: Sie wurde neu begonnen oder wiederhergestellt, oder die \
                     Antwort ging verloren."
                ),
                "Zentrale: Stornieren Sie ihn, damit der Verkauf nicht doppelt zählt.",
            ),
        }
    };
    Entry { record: Some(row.record), order: Some(row.order), ..of_stranger(order, entry(Finding::UnknownDraft, Needs::Person, tell)) }
}
