//! The sentences, one function for each problem: here what they are made of, and all about reaching an Odoo and logging
//! in to it; in [`orders`] all about one order, a branch or this machine; in [`sending`] all about master data.
//!
//! A snapshot test holds every sentence: to change one, read it in the catalogue first.

mod orders;
mod sending;

pub(super) use orders::*;
pub(super) use sending::*;

use jiff::Timestamp;

use super::{Button, Retry, Side, Who, clean};
use crate::model::Language;

/// All that a problem says.
pub(super) struct Words {
    pub(super) who: Who,
    pub(super) retry: Retry,
    /// See [`Problem::subject`].
    pub(super) subject: String,
    /// Completes "12 orders wait for …", or "12 orders: …" where nothing is waited for; the same for records.
    pub(super) group: String,
    pub(super) what: String,
    pub(super) meaning: String,
    /// Without [`Words::then`].
    pub(super) step: String,
    /// How the next step ends.
    pub(super) then: Then,
}

/// Where a next step is read. The sentences are the same; where the command line takes a command, the dashboard has a
/// button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// `posbridge log`, a mail, a log.
    Terminal,
    /// The dashboard.
    Browser,
}

/// The end of a next step that a person takes.
pub(super) enum Then {
    /// There is no more to say.
    Nothing,
    /// The records that wait are let go; by cause.
    Retry(&'static str),
    /// The side is tested; the next pass goes on by itself.
    Check(Side),
}

impl Words {
    /// Who does what next, to its end.
    pub(super) fn next_step(&self, audience: Audience) -> String {
        match &self.then {
            Then::Nothing => self.step.clone(),
            Then::Retry(cause) => format!("{} {}", self.step, then_retry(cause, audience)),
            Then::Check(side) => {
                let check = press(audience, &check(side), Button::Check);
                format!("{} Then {check}; the next pass goes on where this one stopped.", self.step)
            }
        }
    }
}

/// A command, or the button that does the same.
pub(super) fn act(audience: Audience, command: &str, button: Button) -> String {
    match audience {
        Audience::Terminal => format!("`posbridge {command}`"),
        Audience::Browser => button.marked(Language::English),
    }
}

/// ``type `posbridge …` ``, or `press *Try again*`.
pub(super) fn press(audience: Audience, command: &str, button: Button) -> String {
    let verb = match audience {
        Audience::Terminal => "type",
        Audience::Browser => "press",
    };
    format!("{verb} {}", act(audience, command, button))
}

/// What ends the notice about one record.
pub(super) const IGNORE: &str = "ignore ID --reason \"…\"";

/// Names of products, customers and the like: a line of a terminal has room for one.
pub(super) const NAME_MAX: usize = 80;
/// Odoo's own words: its longest access message has about 300 characters before the list of companies.
pub(super) const WORDS_MAX: usize = 300;
/// Names in a list before "and 4 more": enough to see the pattern.
pub(super) const LIST_MAX: usize = 3;

pub(super) const USERS: &str = "Settings > Users & Companies > Users";
pub(super) const SAFE: &str = "Nothing was written to central for these sales. They are safe in the bridge and wait.";
pub(super) const SAME_CALL: &str = "Should something just sent have arrived all the same, nothing is written twice.";
pub(super) const GOES_ON: &str = "The bridge keeps trying by itself and goes on where it stopped.";

/// A name in quotes, cleaned.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", clean(name, NAME_MAX))
}

/// Words of an Odoo or of the system, cleaned, without the full stop that the sentence around them brings.
pub(super) fn said(words: &str) -> String {
    clean(words, WORDS_MAX).trim_end_matches('.').to_owned()
}

/// `"A", "B", "C" and 2 more`.
pub(super) fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(LIST_MAX).map(|name| quoted(name)).collect();
    match names.len().saturating_sub(LIST_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// `central` or `branch tirana`.
pub(super) fn place(side: &Side) -> String {
    match side {
        Side::Central => "central".to_owned(),
        Side::Branch(code) => format!("branch {code}"),
    }
}

/// `Central` or `Branch tirana`, to begin a sentence.
pub(super) fn capital(side: &Side) -> String {
    match side {
        Side::Central => "Central".to_owned(),
        Side::Branch(code) => format!("Branch {code}"),
    }
}

/// The table of branches.toml that the side's settings stand in.
pub(super) fn table(side: &Side) -> String {
    match side {
        Side::Central => "[central]".to_owned(),
        Side::Branch(code) => format!("[branch.{code}]"),
    }
}

/// The command that tests a side.
pub(super) fn check(side: &Side) -> String {
    match side {
        Side::Central => "check".to_owned(),
        Side::Branch(code) => format!("check {code}"),
    }
}

/// What it means that a side cannot be reached or used.
pub(super) fn stopped(side: &Side) -> String {
    match side {
        Side::Central => "Nothing was written to central, and nothing is sent from it for now. The sales that were received are safe in \
                          the bridge and wait."
            .to_owned(),
        Side::Branch(code) => format!(
            "Nothing is received from branch {code} or sent to it for now. Its sales are safe there, it keeps the master data that it \
             has, and the other branches go on."
        ),
    }
}

/// What it means that a call's outcome is unknown.
pub(super) fn unknown_outcome(side: &Side) -> String {
    match side {
        Side::Central => "Whether central wrote these sales is not known yet. The bridge repeats exactly the same \
                          call, and no sale can be written twice."
            .to_owned(),
        Side::Branch(_) => format!("{} {SAME_CALL}", stopped(side)),
    }
}

/// What it means that central may or may not have begun: said without alarm, since mostly it has not.
pub(super) fn nothing_twice(side: &Side) -> String {
    match side {
        Side::Central => "These sales are safe in the bridge and wait. Should central have written one of them all \
                          the same, the repeated call finds that out: no sale can be written twice."
            .to_owned(),
        Side::Branch(_) => format!("{} {SAME_CALL}", stopped(side)),
    }
}

/// The end of each next step after which the waiting records are let go.
pub(super) fn then_retry(cause: &str, audience: Audience) -> String {
    format!("Then {}.", press(audience, &format!("retry --cause {cause}"), Button::Retry))
}

/// A problem of reaching a side, which passes when somebody or nobody repairs it: trying again does no harm.
pub(super) fn unreachable(side: &Side, who: Who, what: String, next_step: String) -> Words {
    Words {
        who,
        retry: Retry::ByItself,
        subject: side.to_string(),
        group: format!("{} to answer", place(side)),
        what,
        meaning: stopped(side),
        step: next_step,
        then: Then::Nothing,
    }
}

pub(super) fn host_not_found(side: &Side, host: &str) -> Words {
    unreachable(
        side,
        Who::Ops,
        format!("The server name {} of {} is not known.", quoted(host), place(side)),
        format!(
            "Ops: check the internet connection and the DNS of this machine. Integrator: check `url` in {} of \
             branches.toml. {GOES_ON}",
            table(side)
        ),
    )
}

pub(super) fn connection_refused(side: &Side, address: &str) -> Words {
    unreachable(
        side,
        Who::Ops,
        format!("{} does not accept connections at {}.", capital(side), clean(address, NAME_MAX)),
        format!(
            "Ops: start the Odoo server or its proxy, or open the firewall for this machine. If the address is \
             wrong, Integrator: correct `url` in {}. {GOES_ON}",
            table(side)
        ),
    )
}

pub(super) fn timed_out(side: &Side, seconds: u64) -> Words {
    Words {
        meaning: unknown_outcome(side),
        ..unreachable(
            side,
            Who::Nobody,
            format!("{} did not answer within {seconds} {}.", capital(side), if seconds == 1 { "second" } else { "seconds" }),
            format!(
                "{GOES_ON} If it stays for more than an hour, Ops: check the load of the Odoo server, or give it \
                 more time with `timeout` in {}.",
                table(side)
            ),
        )
    }
}

pub(super) fn connection_lost(side: &Side, reason: &str) -> Words {
    Words {
        meaning: nothing_twice(side),
        ..unreachable(
            side,
            Who::Nobody,
            format!("The connection to {} broke: {}.", place(side), said(reason)),
            format!("{GOES_ON} If it stays for more than an hour, Ops: check the line and the proxy in between."),
        )
    }
}

pub(super) fn tls_expired(side: &Side, host: &str) -> Words {
    unreachable(
        side,
        Who::Ops,
        format!("The security certificate of {} at {} has expired.", place(side), quoted(host)),
        format!("Ops: renew the certificate of that server, and check that the clock of this machine is right. {GOES_ON}"),
    )
}

pub(super) fn tls_wrong_name(side: &Side, host: &str) -> Words {
    unreachable(
        side,
        Who::Integrator,
        format!("The security certificate of {} is for another name than {}.", place(side), quoted(host)),
        format!(
            "Integrator: write `url` in {} with the name that the certificate is for. If the name is right, Ops: \
             put the right certificate on that server. {GOES_ON}",
            table(side)
        ),
    )
}

pub(super) fn tls_unknown_issuer(side: &Side, host: &str) -> Words {
    unreachable(
        side,
        Who::Integrator,
        format!(
            "The security certificate of {} at {} is signed by an authority that this machine does not know.",
            place(side),
            quoted(host)
        ),
        format!(
            "Integrator: if your company has an authority of its own, name its PEM file with `ca_file` in {}. \
             Otherwise Ops: install the complete certificate chain on that server. {GOES_ON}",
            table(side)
        ),
    )
}

pub(super) fn tls_failed(side: &Side, host: &str, reason: &str) -> Words {
    unreachable(
        side,
        Who::Ops,
        format!("No secure connection to {} at {}: {}.", place(side), quoted(host), said(reason)),
        format!("Ops: let that server speak TLS 1.2 or 1.3 with a valid certificate. {GOES_ON}"),
    )
}

pub(super) fn not_odoo(side: &Side, url: &str, seen: &str) -> Words {
    let mut next_step = format!(
        "Integrator: `url` in {} must be the address where Odoo's log-in page opens, only up to the host, without \
         /web or /odoo.",
        table(side)
    );
    if seen.contains("404") {
        next_step.push_str(
            " If it is right, Ops: the line server_wide_modules in odoo.conf must name base,rpc,web (Odoo 19) or \
             base,web (older).",
        );
    }
    next_step.push(' ');
    next_step.push_str(GOES_ON);
    let what =
        format!("The address {} of {} does not answer like an Odoo: it answered with {}.", clean(url, NAME_MAX), place(side), said(seen));
    unreachable(side, Who::Integrator, what, next_step)
}

pub(super) fn server_busy(side: &Side, reason: &str) -> Words {
    Words {
        meaning: nothing_twice(side),
        ..unreachable(
            side,
            Who::Nobody,
            format!("{} is busy or restarting: {}.", capital(side), said(reason)),
            format!("{GOES_ON} If it stays for more than an hour, Ops: check the load of the Odoo server."),
        )
    }
}

pub(super) fn request_too_large(side: &Side) -> Words {
    Words {
        retry: Retry::AfterFix,
        group: format!("{} to accept larger requests", place(side)),
        then: Then::Retry("request_too_large"),
        ..unreachable(
            side,
            Who::Ops,
            format!("The proxy in front of {} refuses the size of the bridge's request.", place(side)),
            "Ops: raise the limit of that proxy, for nginx `client_max_body_size 128m;`.".to_owned(),
        )
    }
}

pub(super) fn reply_too_large(audience: Audience, side: &Side, limit_mb: u64) -> Words {
    unreachable(
        side,
        Who::Integrator,
        format!("An answer of {} was larger than the {limit_mb} MB that the bridge reads.", place(side)),
        format!("Integrator: {} to see whether an Odoo answers there. {GOES_ON}", press(audience, &check(side), Button::Check)),
    )
}

pub(super) fn reply_broken(side: &Side, reason: &str) -> Words {
    Words {
        meaning: unknown_outcome(side),
        ..unreachable(
            side,
            Who::Nobody,
            format!("An answer of {} could not be read: {}.", place(side), said(reason)),
            format!("{GOES_ON} If it stays for more than an hour, Ops: check the proxy in front of that Odoo."),
        )
    }
}

pub(super) fn answer_lost(side: &Side, reason: &str) -> Words {
    Words {
        meaning: unknown_outcome(side),
        ..unreachable(
            side,
            Who::Nobody,
            format!("The answer of {} was lost on the way: {}.", place(side), said(reason)),
            format!("Nobody has to do anything. {GOES_ON}"),
        )
    }
}

pub(super) fn server_error(side: &Side, words: &str) -> Words {
    Words {
        meaning: unknown_outcome(side),
        ..unreachable(
            side,
            Who::Ops,
            format!("The Odoo of {} failed inside: {}.", place(side), said(words)),
            format!(
                "{GOES_ON} If it stays for more than an hour, Ops: look in that Odoo's log for these words; an app \
                 installed there is the usual reason."
            ),
        )
    }
}

/// A problem of logging in or of what the user may do: no use in trying before somebody repaired it.
pub(super) fn locked_out(side: &Side, subject: String, group: String, what: String, next_step: String) -> Words {
    Words {
        who: Who::Integrator,
        retry: Retry::AfterFix,
        subject,
        group,
        what,
        meaning: stopped(side),
        step: next_step,
        then: Then::Check(side.clone()),
    }
}

pub(super) fn database_unknown(side: &Side, database: &str) -> Words {
    locked_out(
        side,
        side.to_string(),
        format!("the database of {}", place(side)),
        format!("The Odoo of {} has no database named {}.", place(side), quoted(database)),
        format!("Integrator: correct `database` in {} of branches.toml.", table(side)),
    )
}

/// What keeps the password of a side.
fn set_password(audience: Audience, side: &Side) -> String {
    press(audience, &format!("secret set {side}"), Button::Password)
}

pub(super) fn password_missing(audience: Audience, side: &Side) -> Words {
    locked_out(
        side,
        side.to_string(),
        format!("the password of {}", place(side)),
        format!("No password is kept for {}.", place(side)),
        format!("Integrator: {} and enter the password or API key.", set_password(audience, side)),
    )
}

pub(super) fn password_unreadable(audience: Audience, side: &Side, reason: &str) -> Words {
    locked_out(
        side,
        side.to_string(),
        format!("the password of {}", place(side)),
        format!("The password kept for {} cannot be opened: {}.", place(side), said(reason)),
        format!("Integrator: {} and enter the password or API key again, or put the former key file back.", set_password(audience, side)),
    )
}

pub(super) fn password_refused(audience: Audience, side: &Side, user: &str) -> Words {
    locked_out(
        side,
        side.to_string(),
        format!("a password that {} accepts", place(side)),
        format!("{} refuses the password of user {}.", capital(side), quoted(user)),
        format!(
            "Integrator: {} and enter the right password or API key, and check `user` in {}. A user with two-factor \
             authentication needs an API key.",
            set_password(audience, side),
            table(side)
        ),
    )
}

pub(super) fn key_expired(audience: Audience, side: &Side, user: &str) -> Words {
    locked_out(
        side,
        side.to_string(),
        format!("a new API key of {}", place(side)),
        format!("{} no longer accepts the password or API key of user {}, which worked before.", capital(side), quoted(user)),
        format!(
            "Integrator: an API key ends after at most 90 days unless the user is an administrator. Log in to {} \
             as that user, open My Preferences > Security > Add API Key (before Odoo 19: Preferences > Account Security > New API Key), then {} and \
             enter it.",
            place(side),
            set_password(audience, side)
        ),
    )
}

pub(super) fn key_needed(audience: Audience, side: &Side, user: &str) -> Words {
    locked_out(
        side,
        side.to_string(),
        format!("an API key of {}", place(side)),
        format!("The password of user {} is sealed for {}, and over JSON-2 Odoo takes API keys only.", quoted(user), place(side)),
        format!(
            "Integrator: log in to {} as that user, open My Preferences > Security > Add API Key, then {} and enter it; or write \
             protocol = \"xmlrpc\" in {}.",
            place(side),
            set_password(audience, side),
            table(side)
        ),
    )
}

pub(super) fn key_of_another(audience: Audience, side: &Side, user: &str, other: &str) -> Words {
    locked_out(
        side,
        side.to_string(),
        format!("an API key of {}", place(side)),
        format!("The API key that is sealed for {} is that of user {}, not of {}.", place(side), quoted(other), quoted(user)),
        format!(
            "Integrator: {} and enter a key of user {}, or correct `user` in {}.",
            set_password(audience, side),
            quoted(user),
            table(side)
        ),
    )
}

pub(super) fn key_ends(audience: Audience, side: &Side, ends: Timestamp) -> Words {
    Words {
        who: Who::Integrator,
        retry: Retry::AfterFix,
        subject: side.to_string(),
        group: format!("a new API key of {}", place(side)),
        what: format!("An API key of the bridge's user at {} ends on {}.", place(side), ends.strftime("%Y-%m-%d %H:%M UTC")),
        meaning: "Everything works until then.".to_owned(),
        step: format!(
            "Integrator: log in to {} as that user, open My Preferences > Security > Add API Key (before Odoo 19: Preferences > Account Security > New API Key), then {} \
             and enter it{}. If the bridge uses another key or a password, delete this one.",
            place(side),
            press(audience, &format!("secret set {side} --next"), Button::Password),
            if matches!(audience, Audience::Terminal) { ": the bridge changes to it when the old one is refused" } else { "" }
        ),
        then: Then::Nothing,
    }
}

pub(super) fn right_missing(side: &Side, user: &str, model: &str, operation: &str, groups: &[String], give: &'static str) -> Words {
    let mut next_step =
        format!("Integrator: as an administrator of {}, open {USERS}, choose {} and give {}.", place(side), quoted(user), give);
    if !groups.is_empty() {
        next_step.push_str(&format!(" Odoo itself names these groups: {}.", listed(groups)));
    }
    locked_out(
        side,
        format!("{side} {}", clean(model, NAME_MAX)),
        format!("a right of the bridge's user at {}", place(side)),
        format!("User {} may not {} {} at {}.", quoted(user), clean(operation, NAME_MAX), clean(model, NAME_MAX), place(side)),
        next_step,
    )
}

/// The version that groups tell of, as Odoo itself names them: before 19 every one stands under an application. Up to 17 they are
/// all alike.
pub(super) fn told_by(groups: &[String]) -> Option<u32> {
    let any = |heads: &[&str]| groups.iter().any(|group| heads.iter().any(|head| group.starts_with(head)));
    if any(&["Extra Rights/Product Creation", "Invoicing/Administrator", "Invoicing/Invoicing"]) {
        Some(18)
    } else if any(&["User types/", "Administration/", "Extra Rights/", "Technical/", "Invoicing/"]) {
        Some(17)
    } else {
        None
    }
}

/// The least groups that open a model, as an Odoo of that version shows them in the form of a user; of an unknown version as 19 does.
pub(super) fn group_to_give(side: &Side, model: &str, operation: &str, major: Option<u32>) -> &'static str {
    // Of several models the first stands for all: they are named together only where one group opens them.
    let model = model.split(',').next().unwrap_or(model);
    if *side == Side::Central {
        return if model == "pos.payment.method" { "\"Point of Sale / User\"" } else { "\"Sales / User: All Documents\"" };
    }
    let writes = !matches!(operation, "read" | "search" | "search_read" | "fields_get");
    let major = major.unwrap_or(19);
    match model {
        "stock.warehouse.orderpoint" => "\"Inventory / User\"",
        "pos.category" | "pos.payment.method" | "pos.config" if writes => "\"Point of Sale / Administrator\"",
        // Up to 17 who may write products may not write price rules; up to 18 who may create products may not write units.
        model if writes && model.starts_with("product.pricelist") && major < 19 => match major {
            18 => "\"Extra Rights / Product Creation\"",
            _ => "\"Sales / Administrator\" or \"Inventory / Administrator\"",
        },
        model if writes && (model == "uom.uom" || model.starts_with("product.")) => match major {
            19.. => "\"Products / Create\"",
            _ => "\"Point of Sale / Administrator\"",
        },
        // Customers who log in themselves.
        "res.users" if writes => match major {
            19.. => "\"Access Rights\"",
            _ => "\"Administration / Access Rights\"",
        },
        "res.partner" if writes => match major {
            19.. => "\"Contact / Creation\"",
            _ => "\"Extra Rights / Contact Creation\"",
        },
        "account.tax" if writes => match major {
            19.. => "\"Accounting / Administrator\"",
            18 => "\"Invoicing / Administrator\"",
            _ => "\"Invoicing / Billing Administrator\"",
        },
        _ if major < 19 => "\"Point of Sale / User\" and \"User types / Internal User\"",
        _ => "\"Point of Sale / User\" and \"Role / User\"",
    }
}

pub(super) fn module_missing(side: &Side, model: &str, module: &str) -> Words {
    locked_out(
        side,
        format!("{side} {}", clean(module, NAME_MAX)),
        format!("an app to be installed at {}", place(side)),
        format!(
            "The Odoo of {} does not have the app {} (its records {} are unknown).",
            place(side),
            quoted(module),
            clean(model, NAME_MAX)
        ),
        format!("Integrator: install it there under Apps, or check that `database` in {} is the right one.", table(side)),
    )
}

pub(super) fn field_missing(side: &Side, model: &str, field: &str) -> Words {
    let field = format!("{}.{}", clean(model, NAME_MAX), clean(field, NAME_MAX));
    locked_out(
        side,
        format!("{side} {field}"),
        format!("the field {field} at {}", place(side)),
        format!("The Odoo of {} has no field {field}, which the bridge needs.", place(side)),
        format!("Integrator: install the app that brings this field, or update the bridge if {} runs a newer Odoo.", place(side)),
    )
}
