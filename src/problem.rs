//! Everything that can go wrong, in words for the person who reads them at eight in the morning.
//!
//! Pure: a [`Problem`] is data. It is kept as JSON in the ledger and can say what happened, what that means for
//! the sale, who does what next, and whether trying again can help. Every sentence for people about a failure
//! stands in this file, and a snapshot test holds all of them: to change one, read it in the catalogue first.
//!
//! Texts from outside (names of products, words of an Odoo) are hostile: each goes through [`clean`] before it
//! becomes part of a sentence.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::model::BranchCode;

/// The Odoo that a problem is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Side {
    /// The central Odoo; as text `central`.
    Central,
    /// The Odoo of one branch; as text its code.
    Branch(BranchCode),
}

impl Side {
    /// The word for central; no branch can have it as its code.
    pub const CENTRAL: &'static str = "central";

    /// `central` or the branch's code, as commands take it.
    pub fn as_str(&self) -> &str {
        match self {
            Side::Central => Self::CENTRAL,
            Side::Branch(code) => code.as_str(),
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for Side {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        if text == Self::CENTRAL { Ok(Side::Central) } else { BranchCode::new(&text).map(Side::Branch) }
    }
}

impl From<Side> for String {
    fn from(side: Side) -> String {
        side.as_str().to_owned()
    }
}

/// Who takes the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// The people of the branch.
    Branch,
    /// The people at central who keep products, customers and orders.
    Central,
    /// Whoever connects branches: branches.toml, users and rights in Odoo.
    Integrator,
    /// Whoever keeps the machines and the network running.
    Ops,
    /// Nobody: the bridge tries again by itself.
    Nobody,
}

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// It passes by itself: try again with growing pauses.
    ByItself,
    /// A person has to repair something first.
    AfterFix,
    /// Trying again changes nothing.
    Never,
}

/// Everything that can go wrong, with the data its sentences need.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum Problem {
    // Reaching an Odoo and logging in.
    /// The name of the server is unknown to DNS.
    HostNotFound { side: Side, host: String },
    /// Nothing listens at the address.
    ConnectionRefused { side: Side, address: String },
    /// No answer in time; a call that writes has an unknown outcome and is repeated as it was.
    TimedOut { side: Side, seconds: u64 },
    /// The connection broke before or while the request was sent.
    ConnectionLost { side: Side, reason: String },
    /// The server's certificate has expired.
    TlsExpired { side: Side, host: String },
    /// The certificate is for another name.
    TlsWrongName { side: Side, host: String },
    /// The certificate is signed by an authority this machine does not know.
    TlsUnknownIssuer { side: Side, host: String },
    /// Any other failure of the encrypted connection.
    TlsFailed { side: Side, host: String, reason: String },
    /// Something answers at the address, but it is not Odoo's XML-RPC. `seen` completes "It answered with …",
    /// e.g. `an HTML page titled "Welcome"`, `a redirect to https://…`, `HTTP 404`.
    NotOdoo { side: Side, url: String, seen: String },
    /// The Odoo has no database of this name.
    DatabaseUnknown { side: Side, database: String },
    /// No password is sealed for this side.
    PasswordMissing { side: Side },
    /// A sealed password cannot be opened; `reason` is the sentence of [`crate::secret::SecretError`].
    PasswordUnreadable { side: Side, reason: String },
    /// Odoo refuses the user and password.
    PasswordRefused { side: Side, user: String },
    /// Odoo refuses a password or API key that it accepted before.
    KeyExpired { side: Side, user: String },
    /// The user may not do this. `operation` is `read`, `write`, `create`, `unlink` or a method name; `groups`
    /// are the groups that Odoo's message names, if any.
    RightMissing { side: Side, user: String, model: String, operation: String, groups: Vec<String> },
    /// A model is unknown because its app is not installed; `module` is the technical name.
    ModuleMissing { side: Side, model: String, module: String },
    /// A model has no such field.
    FieldMissing { side: Side, model: String, field: String },
    /// Odoo or its proxy is overloaded or restarting (429, 502, 503, 504, a serialization failure).
    ServerBusy { side: Side, reason: String },
    /// The proxy in front of Odoo refuses the size of a request (413).
    RequestTooLarge { side: Side },
    /// An answer was larger than the bridge reads.
    ReplyTooLarge { side: Side, limit_mb: u64 },
    /// An answer could not be read: cut off, bad bytes, not XML.
    ReplyBroken { side: Side, reason: String },
    /// The request was sent, the answer never came: the outcome is unknown until the same call is repeated.
    AnswerLost { side: Side, reason: String },
    /// Odoo failed inside (fault 1). `words` is the last line of its traceback, never more.
    ServerError { side: Side, words: String },

    // Finding the central record for what the till sold.
    /// Central has no such product.
    ProductNotFound { name: String, barcode: Option<String>, default_code: Option<String> },
    /// Central has several; `by` is the field compared (`barcode`, `default_code`), `matches` their names.
    ProductAmbiguous { name: String, by: String, value: String, matches: Vec<String> },
    /// The branch's product has neither barcode nor Internal Reference, so it cannot be found.
    ProductWithoutReference { name: String },
    /// Central has no such tax in the order's company.
    TaxNotFound { name: String, amount: String, included: bool, company: String },
    /// Several central taxes fit; `matches` are their names.
    TaxAmbiguous { name: String, matches: Vec<String> },
    /// Central has no such customer, and the branch is set not to use the default one.
    CustomerNotFound { name: String },
    /// Several central customers fit.
    CustomerAmbiguous { name: String, matches: Vec<String> },
    /// A name in branches.toml finds nothing. `setting` is the key: `warehouse`, `pricelist`, `team`, `customer`,
    /// `salesperson`, `company`, `rounding.product`; `side` is where it was looked for.
    SettingNotFound { setting: String, value: String, side: Side },
    /// A name in branches.toml finds several records.
    SettingAmbiguous { setting: String, value: String, matches: Vec<String> },
    /// Till and central order would have different currencies (codes, e.g. `EUR`).
    CurrencyDiffers { branch: String, central: String },
    /// A name under `shops` is no Point of Sale of the branch.
    ShopNotFound { shop: String },

    // Writing to central.
    /// Records of different companies in one order, in Odoo's words.
    CompanyMixedUp { words: String },
    /// A central record that the bridge knew has been deleted; `model` is Odoo's technical name.
    RecordGone { model: String, words: String },
    /// The draft's total is not the till's. `limit` is the branch's rounding limit, `hint` a likely reason as a
    /// whole sentence.
    TotalDiffers { till: Decimal, central: Decimal, limit: Option<Decimal>, hint: Option<String> },
    /// The totals are equal, the taxes in them are not.
    TaxDiffers { till: Decimal, central: Decimal },
    /// Odoo refused the record, in its own words, without a traceback.
    RefusedByOdoo { words: String },
    /// The draft was deleted at central after the bridge wrote it.
    DraftGone { central_id: i64 },
    /// The branch order changed after it was received; `what` names the change, e.g. `total 12.00 to 15.00`.
    OrderChanged { what: String },
    /// The branch has invoiced the order itself and is set to skip those.
    InvoicedSkipped { invoice: String },

    // About a whole branch.
    /// The branch's database went back in time (a backup was restored).
    BranchRestored { details: String },
    /// The branch's database is a copy of another branch's: both hold the order `reference`.
    BranchCloned { other: BranchCode, reference: String },
    /// The branch's clock is off by this much (positive: ahead of ours).
    ClockOff { minutes: i64 },

    // This machine.
    /// The disk that holds the state is full.
    DiskFull { path: String },
    /// The state directory cannot be written.
    StateUnwritable { path: String, reason: String },
}

impl Problem {
    /// The stable short name, as in `log --cause` and `retry --cause`: snake_case, never renamed, and the same
    /// word as the tag `cause` in the JSON.
    pub fn cause(&self) -> &'static str {
        match self {
            Problem::HostNotFound { .. } => "host_not_found",
            Problem::ConnectionRefused { .. } => "connection_refused",
            Problem::TimedOut { .. } => "timed_out",
            Problem::ConnectionLost { .. } => "connection_lost",
            Problem::TlsExpired { .. } => "tls_expired",
            Problem::TlsWrongName { .. } => "tls_wrong_name",
            Problem::TlsUnknownIssuer { .. } => "tls_unknown_issuer",
            Problem::TlsFailed { .. } => "tls_failed",
            Problem::NotOdoo { .. } => "not_odoo",
            Problem::DatabaseUnknown { .. } => "database_unknown",
            Problem::PasswordMissing { .. } => "password_missing",
            Problem::PasswordUnreadable { .. } => "password_unreadable",
            Problem::PasswordRefused { .. } => "password_refused",
            Problem::KeyExpired { .. } => "key_expired",
            Problem::RightMissing { .. } => "right_missing",
            Problem::ModuleMissing { .. } => "module_missing",
            Problem::FieldMissing { .. } => "field_missing",
            Problem::ServerBusy { .. } => "server_busy",
            Problem::RequestTooLarge { .. } => "request_too_large",
            Problem::ReplyTooLarge { .. } => "reply_too_large",
            Problem::ReplyBroken { .. } => "reply_broken",
            Problem::AnswerLost { .. } => "answer_lost",
            Problem::ServerError { .. } => "server_error",
            Problem::ProductNotFound { .. } => "product_not_found",
            Problem::ProductAmbiguous { .. } => "product_ambiguous",
            Problem::ProductWithoutReference { .. } => "product_without_reference",
            Problem::TaxNotFound { .. } => "tax_not_found",
            Problem::TaxAmbiguous { .. } => "tax_ambiguous",
            Problem::CustomerNotFound { .. } => "customer_not_found",
            Problem::CustomerAmbiguous { .. } => "customer_ambiguous",
            Problem::SettingNotFound { .. } => "setting_not_found",
            Problem::SettingAmbiguous { .. } => "setting_ambiguous",
            Problem::CurrencyDiffers { .. } => "currency_differs",
            Problem::ShopNotFound { .. } => "shop_not_found",
            Problem::CompanyMixedUp { .. } => "company_mixed_up",
            Problem::RecordGone { .. } => "record_gone",
            Problem::TotalDiffers { .. } => "total_differs",
            Problem::TaxDiffers { .. } => "tax_differs",
            Problem::RefusedByOdoo { .. } => "refused_by_odoo",
            Problem::DraftGone { .. } => "draft_gone",
            Problem::OrderChanged { .. } => "order_changed",
            Problem::InvoicedSkipped { .. } => "invoiced_skipped",
            Problem::BranchRestored { .. } => "branch_restored",
            Problem::BranchCloned { .. } => "branch_cloned",
            Problem::ClockOff { .. } => "clock_off",
            Problem::DiskFull { .. } => "disk_full",
            Problem::StateUnwritable { .. } => "state_unwritable",
        }
    }

    /// What it is about, e.g. `[BAG01]`; empty if the cause alone says it all.
    pub fn subject(&self) -> String {
        self.words().subject
    }

    /// `cause` or `cause:subject`: records with one key wait for one fix.
    pub fn key(&self) -> String {
        let subject = self.subject();
        if subject.is_empty() { self.cause().to_owned() } else { format!("{}:{subject}", self.cause()) }
    }

    /// What happened, in one sentence.
    pub fn what(&self) -> String {
        self.words().what
    }

    /// What it means for the sale, in whole sentences.
    pub fn meaning(&self) -> String {
        self.words().meaning
    }

    /// Who does what next, in whole sentences, with the exact menu, group or command.
    pub fn next_step(&self) -> String {
        self.words().next_step
    }

    /// Who takes the next step.
    pub fn who(&self) -> Who {
        self.words().who
    }

    /// Whether trying again can help.
    pub fn retry(&self) -> Retry {
        self.words().retry
    }

    /// One paragraph for each problem; no wildcard, so that a new problem cannot be without words.
    fn words(&self) -> Words {
        use Problem::*;
        match self {
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
            RightMissing { side, user, model, operation, groups } => right_missing(side, user, model, operation, groups),
            ModuleMissing { side, model, module } => module_missing(side, model, module),
            FieldMissing { side, model, field } => field_missing(side, model, field),
            ServerBusy { side, reason } => server_busy(side, reason),
            RequestTooLarge { side } => request_too_large(side),
            ReplyTooLarge { side, limit_mb } => reply_too_large(side, *limit_mb),
            ReplyBroken { side, reason } => reply_broken(side, reason),
            AnswerLost { side, reason } => answer_lost(side, reason),
            ServerError { side, words } => server_error(side, words),
            ProductNotFound { name, barcode, default_code } => product_not_found(name, barcode, default_code),
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
            TotalDiffers { till, central, limit, hint } => total_differs(*till, *central, *limit, hint),
            TaxDiffers { till, central } => tax_differs(*till, *central),
            RefusedByOdoo { words } => refused_by_odoo(words),
            DraftGone { central_id } => draft_gone(*central_id),
            OrderChanged { what } => order_changed(what),
            InvoicedSkipped { invoice } => invoiced_skipped(invoice),
            BranchRestored { details } => branch_restored(details),
            BranchCloned { other, reference } => branch_cloned(other, reference),
            ClockOff { minutes } => clock_off(*minutes),
            DiskFull { path } => disk_full(path),
            StateUnwritable { path, reason } => state_unwritable(path, reason),
        }
    }
}

/// One line for a group of orders with one key: `12 orders wait for product [BAG01] "Tote bag"`. With 0 orders
/// (a problem of a whole branch) it is the sentence of [`Problem::what`].
pub fn group_line(problem: &Problem, orders: usize) -> String {
    let Words { group, what, retry, .. } = problem.words();
    let noun = if orders == 1 { "order" } else { "orders" };
    match (orders, retry) {
        (0, _) => what,
        (_, Retry::Never) => format!("{orders} {noun}: {group}"),
        (1, _) => format!("1 order waits for {group}"),
        _ => format!("{orders} orders wait for {group}"),
    }
}

/// Makes a text from outside fit for a sentence: at most `max` characters, a longer one ends in `…`. Control
/// characters and runs of white space become one blank, since an escape sequence in a product's name must not
/// reach a terminal or forge a line of a log; characters that turn the direction of writing are dropped.
pub fn clean(text: &str, max: usize) -> String {
    let mut cleaned = String::new();
    let mut length = 0;
    let mut gap = false;
    for c in text.chars().filter(|&c| !turns_direction(c)) {
        if c.is_control() || c.is_whitespace() {
            gap = length > 0;
            continue;
        }
        let needed = 1 + usize::from(gap);
        if length + needed > max {
            shorten(&mut cleaned, max);
            return cleaned;
        }
        if std::mem::take(&mut gap) {
            cleaned.push(' ');
        }
        cleaned.push(c);
        length += needed;
    }
    cleaned
}

/// Ends a text that goes on in `…`, within `max` characters.
fn shorten(text: &mut String, max: usize) {
    if max == 0 {
        return;
    }
    if text.chars().count() >= max {
        text.pop();
    }
    text.push('…');
}

/// Unicode's bidirectional controls and the invisible byte order mark.
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// All that a problem says.
struct Words {
    who: Who,
    retry: Retry,
    /// See [`Problem::subject`].
    subject: String,
    /// Completes "12 orders wait for …", or "12 orders: …" where nothing is waited for.
    group: String,
    what: String,
    meaning: String,
    next_step: String,
}

/// Names of products, customers and the like: a line of a terminal has room for one.
const NAME_MAX: usize = 80;
/// Odoo's own words: its longest access message has about 300 characters before the list of companies.
const WORDS_MAX: usize = 300;
/// Names in a list before "and 4 more": enough to see the pattern.
const LIST_MAX: usize = 3;

const USERS: &str = "Settings > Users & Companies > Users";
const SAFE: &str = "Nothing was written to central for these sales. They are safe in the bridge and wait.";
const GOES_ON: &str = "The bridge keeps trying by itself and goes on where it stopped.";

/// A name in quotes, cleaned.
fn quoted(name: &str) -> String {
    format!("\"{}\"", clean(name, NAME_MAX))
}

/// Words of an Odoo or of the system, cleaned, without the full stop that the sentence around them brings.
fn said(words: &str) -> String {
    clean(words, WORDS_MAX).trim_end_matches('.').to_owned()
}

/// `"A", "B", "C" and 2 more`.
fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(LIST_MAX).map(|name| quoted(name)).collect();
    match names.len().saturating_sub(LIST_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// `central` or `branch tirana`.
fn place(side: &Side) -> String {
    match side {
        Side::Central => "central".to_owned(),
        Side::Branch(code) => format!("branch {code}"),
    }
}

/// `Central` or `Branch tirana`, to begin a sentence.
fn capital(side: &Side) -> String {
    match side {
        Side::Central => "Central".to_owned(),
        Side::Branch(code) => format!("Branch {code}"),
    }
}

/// The table of branches.toml that the side's settings stand in.
fn table(side: &Side) -> String {
    match side {
        Side::Central => "[central]".to_owned(),
        Side::Branch(code) => format!("[branch.{code}]"),
    }
}

/// The command that tests a side.
fn check(side: &Side) -> String {
    match side {
        Side::Central => "`posbridge check`".to_owned(),
        Side::Branch(code) => format!("`posbridge check {code}`"),
    }
}

/// What it means that a side cannot be reached or used.
fn stopped(side: &Side) -> String {
    match side {
        Side::Central => "Nothing was written to central. The sales that were received are safe in the bridge and wait.".to_owned(),
        Side::Branch(code) => {
            format!("New sales of branch {code} are not received for now. They are safe at the branch, and the other branches go on.")
        }
    }
}

/// What it means that a call's outcome is unknown.
fn unknown_outcome(side: &Side) -> String {
    match side {
        Side::Central => "Whether central wrote these sales is not known yet. The bridge repeats exactly the same \
                          call, and no sale can be written twice."
            .to_owned(),
        Side::Branch(_) => stopped(side),
    }
}

/// What it means that central may or may not have begun: said without alarm, since mostly it has not.
fn nothing_twice(side: &Side) -> String {
    match side {
        Side::Central => "These sales are safe in the bridge and wait. Should central have written one of them all \
                          the same, the repeated call finds that out: no sale can be written twice."
            .to_owned(),
        Side::Branch(_) => stopped(side),
    }
}

/// The end of each next step that a person takes for a side.
fn then_check(side: &Side) -> String {
    format!("Then type {}; the next pass goes on where this one stopped.", check(side))
}

/// The end of each next step after which the waiting orders are let go.
fn then_retry(cause: &str) -> String {
    format!("Then type `posbridge retry --cause {cause}`.")
}

/// A problem of reaching a side, which passes when somebody or nobody repairs it: trying again does no harm.
fn unreachable(side: &Side, who: Who, what: String, next_step: String) -> Words {
    Words {
        who,
        retry: Retry::ByItself,
        subject: side.to_string(),
        group: format!("{} to answer", place(side)),
        what,
        meaning: stopped(side),
        next_step,
    }
}

fn host_not_found(side: &Side, host: &str) -> Words {
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

fn connection_refused(side: &Side, address: &str) -> Words {
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

fn timed_out(side: &Side, seconds: u64) -> Words {
    Words {
        meaning: unknown_outcome(side),
        ..unreachable(
            side,
            Who::Nobody,
            format!("{} did not answer within {seconds} seconds.", capital(side)),
            format!(
                "{GOES_ON} If it stays for more than an hour, Ops: check the load of the Odoo server, or give it \
                 more time with `timeout` in {}.",
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
            Who::Nobody,
            format!("The connection to {} broke: {}.", place(side), said(reason)),
            format!("{GOES_ON} If it stays for more than an hour, Ops: check the line and the proxy in between."),
        )
    }
}

fn tls_expired(side: &Side, host: &str) -> Words {
    unreachable(
        side,
        Who::Ops,
        format!("The security certificate of {} at {} has expired.", place(side), quoted(host)),
        format!("Ops: renew the certificate of that server, and check that the clock of this machine is right. {GOES_ON}"),
    )
}

fn tls_wrong_name(side: &Side, host: &str) -> Words {
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

fn tls_unknown_issuer(side: &Side, host: &str) -> Words {
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

fn tls_failed(side: &Side, host: &str, reason: &str) -> Words {
    unreachable(
        side,
        Who::Ops,
        format!("No secure connection to {} at {}: {}.", place(side), quoted(host), said(reason)),
        format!("Ops: let that server speak TLS 1.2 or 1.3 with a valid certificate. {GOES_ON}"),
    )
}

fn not_odoo(side: &Side, url: &str, seen: &str) -> Words {
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

fn server_busy(side: &Side, reason: &str) -> Words {
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

fn request_too_large(side: &Side) -> Words {
    Words {
        retry: Retry::AfterFix,
        group: format!("{} to accept larger requests", place(side)),
        ..unreachable(
            side,
            Who::Ops,
            format!("The proxy in front of {} refuses the size of the bridge's request.", place(side)),
            format!("Ops: raise the limit of that proxy, for nginx `client_max_body_size 128m;`. {}", then_retry("request_too_large")),
        )
    }
}

fn reply_too_large(side: &Side, limit_mb: u64) -> Words {
    unreachable(
        side,
        Who::Integrator,
        format!("An answer of {} was larger than the {limit_mb} MB that the bridge reads.", place(side)),
        format!("Integrator: type {} to see whether an Odoo answers there. {GOES_ON}", check(side)),
    )
}

fn reply_broken(side: &Side, reason: &str) -> Words {
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

fn answer_lost(side: &Side, reason: &str) -> Words {
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

fn server_error(side: &Side, words: &str) -> Words {
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
fn locked_out(side: &Side, subject: String, group: String, what: String, next_step: String) -> Words {
    Words {
        who: Who::Integrator,
        retry: Retry::AfterFix,
        subject,
        group,
        what,
        meaning: stopped(side),
        next_step: format!("{next_step} {}", then_check(side)),
    }
}

fn database_unknown(side: &Side, database: &str) -> Words {
    locked_out(
        side,
        side.to_string(),
        format!("the database of {}", place(side)),
        format!("The Odoo of {} has no database named {}.", place(side), quoted(database)),
        format!("Integrator: correct `database` in {} of branches.toml.", table(side)),
    )
}

fn password_missing(side: &Side) -> Words {
    locked_out(
        side,
        side.to_string(),
        format!("the password of {}", place(side)),
        format!("No password is kept for {}.", place(side)),
        format!("Integrator: type `posbridge secret set {side}` and enter the password or API key."),
    )
}

fn password_unreadable(side: &Side, reason: &str) -> Words {
    locked_out(
        side,
        side.to_string(),
        format!("the password of {}", place(side)),
        format!("The password kept for {} cannot be opened: {}.", place(side), said(reason)),
        format!(
            "Integrator: type `posbridge secret set {side}` and enter the password or API key again, or put the \
             former key file back."
        ),
    )
}

fn password_refused(side: &Side, user: &str) -> Words {
    locked_out(
        side,
        side.to_string(),
        format!("a password that {} accepts", place(side)),
        format!("{} refuses the password of user {}.", capital(side), quoted(user)),
        format!(
            "Integrator: type `posbridge secret set {side}` and enter the right password or API key, and check \
             `user` in {}. A user with two-factor authentication needs an API key.",
            table(side)
        ),
    )
}

fn key_expired(side: &Side, user: &str) -> Words {
    locked_out(
        side,
        side.to_string(),
        format!("a new API key of {}", place(side)),
        format!("{} no longer accepts the password or API key of user {}, which worked before.", capital(side), quoted(user)),
        format!(
            "Integrator: an API key ends after at most 90 days unless the user is an administrator. Log in to {} \
             as that user, open My Preferences > Security > Add API Key (New API Key before Odoo 19), then type \
             `posbridge secret set {side}` and enter it.",
            place(side)
        ),
    )
}

fn right_missing(side: &Side, user: &str, model: &str, operation: &str, groups: &[String]) -> Words {
    let mut next_step = format!(
        "Integrator: as an administrator of {}, open {USERS}, choose {} and give {}.",
        place(side),
        quoted(user),
        group_to_give(side, model, operation)
    );
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

/// The least groups that open a model, as Odoo 19 shows them in the form of a user.
fn group_to_give(side: &Side, model: &str, operation: &str) -> &'static str {
    if *side == Side::Central {
        return "\"Sales / User: All Documents\"";
    }
    let writes = !matches!(operation, "read" | "search" | "search_read" | "fields_get");
    match model {
        "product.template" | "product.product" | "product.pricelist" | "product.pricelist.item" if writes => "\"Products / Create\"",
        "res.partner" if writes => "\"Contact / Creation\"",
        "account.tax" if writes => "\"Accounting / Administrator\"",
        "pos.category" | "pos.payment.method" | "pos.config" if writes => "\"Point of Sale / Administrator\"",
        _ => "\"Point of Sale / User\" and \"Role / User\"",
    }
}

fn module_missing(side: &Side, model: &str, module: &str) -> Words {
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

fn field_missing(side: &Side, model: &str, field: &str) -> Words {
    let field = format!("{}.{}", clean(model, NAME_MAX), clean(field, NAME_MAX));
    locked_out(
        side,
        format!("{side} {field}"),
        format!("the field {field} at {}", place(side)),
        format!("The Odoo of {} has no field {field}, which the bridge needs.", place(side)),
        format!("Integrator: install the app that brings this field, or update the bridge if {} runs a newer Odoo.", place(side)),
    )
}

/// A central record that was not found or not clear: these orders wait, all others go on.
fn unmatched(cause: &str, who: Who, subject: String, group: String, what: String, next_step: String) -> Words {
    Words {
        who,
        retry: Retry::AfterFix,
        subject,
        group,
        what,
        meaning: SAFE.to_owned(),
        next_step: format!("{next_step} {}", then_retry(cause)),
    }
}

fn product_not_found(name: &str, barcode: &Option<String>, default_code: &Option<String>) -> Words {
    let barcode = barcode.as_deref().map(|code| clean(code, NAME_MAX));
    let default_code = default_code.as_deref().map(|code| clean(code, NAME_MAX));
    let subject = match (&default_code, &barcode) {
        (Some(code), _) => format!("[{code}]"),
        (None, Some(code)) => format!("barcode {code}"),
        (None, None) => quoted(name),
    };
    let wanted = match (&default_code, &barcode) {
        (Some(code), Some(bars)) => format!("the Internal Reference {code} or the barcode {bars}"),
        (Some(code), None) => format!("the Internal Reference {code}"),
        (None, Some(bars)) => format!("the barcode {bars}"),
        (None, None) => "the same barcode or Internal Reference".to_owned(),
    };
    let product = match (&default_code, &barcode) {
        (Some(_), _) => format!("{subject} {}", quoted(name)),
        (None, Some(_)) => format!("{} ({subject})", quoted(name)),
        (None, None) => subject.clone(),
    };
    unmatched(
        "product_not_found",
        Who::Central,
        subject,
        format!("product {product}"),
        format!("Central has no active product {product}."),
        format!(
            "Central: under Sales > Products > Products create a product with {wanted}, or give it to the one that \
             is meant, or unarchive it. Or Integrator: name the one that is meant under [branch.CODE.products] in \
             branches.toml."
        ),
    )
}

fn product_ambiguous(name: &str, by: &str, value: &str, matches: &[String]) -> Words {
    let by = match by {
        "default_code" => "Internal Reference".to_owned(),
        other => clean(other, NAME_MAX),
    };
    let value = clean(value, NAME_MAX);
    unmatched(
        "product_ambiguous",
        Who::Central,
        format!("{by} {value}"),
        format!("one product with the {by} {value}"),
        format!("Central has {} products with the {by} {value} of {}: {}.", matches.len(), quoted(name), listed(matches)),
        format!(
            "Central: under Sales > Products > Products leave the {by} {value} to one of them only, and archive or \
             change the others."
        ),
    )
}

fn product_without_reference(name: &str) -> Words {
    unmatched(
        "product_without_reference",
        Who::Branch,
        quoted(name),
        format!("a barcode or Internal Reference of {}", quoted(name)),
        format!(
            "The product {} has neither a barcode nor an Internal Reference at the branch, so central cannot tell \
             which one it is.",
            quoted(name)
        ),
        "Branch: under Point of Sale > Products > Products give it the Internal Reference that central uses. Or \
         Integrator: name it under [branch.CODE.products] in branches.toml."
            .to_owned(),
    )
}

fn tax_not_found(name: &str, amount: &str, included: bool, company: &str) -> Words {
    let kind = if included { "included in the price" } else { "added to the price" };
    unmatched(
        "tax_not_found",
        Who::Integrator,
        format!("{} {}", quoted(name), clean(company, NAME_MAX)),
        format!("tax {}", quoted(name)),
        format!(
            "Central has no sales tax for the branch's {} ({}, {kind}) in company {}.",
            quoted(name),
            clean(amount, NAME_MAX),
            quoted(company)
        ),
        format!(
            "Integrator: name the central tax that is meant under [branch.CODE.taxes] in branches.toml, as {} = \
             \"…\". Or Central: create it in that company under Invoicing > Configuration > Taxes.",
            quoted(name)
        ),
    )
}

fn tax_ambiguous(name: &str, matches: &[String]) -> Words {
    unmatched(
        "tax_ambiguous",
        Who::Integrator,
        quoted(name),
        format!("one tax for {}", quoted(name)),
        format!("{} taxes of central fit the branch's tax {}: {}.", matches.len(), quoted(name), listed(matches)),
        format!("Integrator: name the one that is meant under [branch.CODE.taxes] in branches.toml, as {} = \"…\".", quoted(name)),
    )
}

fn customer_not_found(name: &str) -> Words {
    unmatched(
        "customer_not_found",
        Who::Central,
        quoted(name),
        format!("customer {}", quoted(name)),
        format!("Central does not know the customer {}.", quoted(name)),
        "Central: under Sales > Orders > Customers create the customer with the same Tax ID, email or reference as \
         at the branch. Or Integrator: write unknown_customer = \"default\" to book such sales on the branch's \
         default customer."
            .to_owned(),
    )
}

fn customer_ambiguous(name: &str, matches: &[String]) -> Words {
    unmatched(
        "customer_ambiguous",
        Who::Central,
        quoted(name),
        format!("one customer {}", quoted(name)),
        format!("{} customers of central fit {}: {}.", matches.len(), quoted(name), listed(matches)),
        "Central: under Sales > Orders > Customers merge them, or leave the Tax ID, email or reference to one of \
         them only."
            .to_owned(),
    )
}

fn setting_not_found(setting: &str, value: &str, side: &Side) -> Words {
    let setting = clean(setting, NAME_MAX);
    unmatched(
        "setting_not_found",
        Who::Integrator,
        format!("{setting} {}", quoted(value)),
        format!("{} {}", setting_noun(&setting), quoted(value)),
        format!("There is no {} {} at {}, or the bridge's user may not see it.", setting_noun(&setting), quoted(value), place(side)),
        format!("Integrator: correct `{setting}` in branches.toml{}. {} shows what it finds.", setting_menu(&setting), check(side)),
    )
}

fn setting_ambiguous(setting: &str, value: &str, matches: &[String]) -> Words {
    let setting = clean(setting, NAME_MAX);
    unmatched(
        "setting_ambiguous",
        Who::Integrator,
        format!("{setting} {}", quoted(value)),
        format!("one {} {}", setting_noun(&setting), quoted(value)),
        format!("{} records fit the {} {}: {}.", matches.len(), setting_noun(&setting), quoted(value), listed(matches)),
        format!("Integrator: write `{setting}` in branches.toml so that it fits one only, for a customer its id number."),
    )
}

/// The word for people for a key of branches.toml.
fn setting_noun(setting: &str) -> &str {
    match setting {
        "team" => "sales team",
        "rounding.product" => "product for rounding differences",
        other => other,
    }
}

/// Where the right value for a key can be seen.
fn setting_menu(setting: &str) -> &'static str {
    match setting {
        "warehouse" => " to a code or name from Inventory > Configuration > Warehouses",
        "pricelist" => " to a name from Sales > Products > Pricelists",
        "team" => " to a name from Sales > Configuration > Sales Teams",
        "customer" => " to the id, reference or exact name of one from Sales > Orders > Customers",
        "salesperson" => " to a login from Settings > Users & Companies > Users",
        "company" => " to a name from Settings > Users & Companies > Companies, and let the bridge's user into it",
        "rounding.product" => " to the Internal Reference of one from Sales > Products > Products",
        _ => "",
    }
}

fn currency_differs(branch: &str, central: &str) -> Words {
    let (branch, central) = (clean(branch, NAME_MAX), clean(central, NAME_MAX));
    unmatched(
        "currency_differs",
        Who::Integrator,
        format!("{branch} {central}"),
        format!("a pricelist in {branch}"),
        format!("The till sold in {branch}, and the draft at central would be in {central}."),
        format!(
            "Integrator: name a central pricelist in {branch} with `pricelist` in [branch.CODE], or a `company` \
             whose currency is {branch}."
        ),
    )
}

fn shop_not_found(shop: &str) -> Words {
    Words {
        who: Who::Integrator,
        retry: Retry::AfterFix,
        subject: quoted(shop),
        group: format!("shop {}", quoted(shop)),
        what: format!("The branch has no Point of Sale named {}.", quoted(shop)),
        meaning: "New sales of this branch are not received for now, so that none is left out by a spelling mistake. \
                  They are safe at the branch."
            .to_owned(),
        next_step: "Integrator: correct `shops` in branches.toml to names from Point of Sale > Configuration > Point \
                    of Sales at the branch. Then type `posbridge check`; the next pass goes on where this one \
                    stopped."
            .to_owned(),
    }
}

fn company_mixed_up(words: &str) -> Words {
    unmatched(
        "company_mixed_up",
        Who::Integrator,
        said(words),
        "records of one company".to_owned(),
        format!("Central says that records of different companies meet in one order: {}.", said(words)),
        "Integrator: check that `company`, `warehouse`, `pricelist`, `team` and `customer` of the branch belong to \
         one company at central, and the taxes under [branch.CODE.taxes] as well."
            .to_owned(),
    )
}

fn record_gone(model: &str, words: &str) -> Words {
    let model = clean(model, NAME_MAX);
    unmatched(
        "record_gone",
        Who::Central,
        format!("{model} {}", said(words)),
        format!("a record {model} that was deleted at central"),
        format!("A record {model} that the bridge used before was deleted at central: {}.", said(words)),
        "Central: create the record again with the same barcode, reference or name. The bridge looks for it anew.".to_owned(),
    )
}

fn total_differs(till: Decimal, central: Decimal, limit: Option<Decimal>, hint: &Option<String>) -> Words {
    let difference = (central - till).abs();
    let limit = match limit {
        Some(limit) => format!("more than the {limit} that may be adjusted"),
        None => "and no adjustment is set up for this branch".to_owned(),
    };
    let hint = hint.as_deref().map(|hint| format!("{}. ", said(hint))).unwrap_or_default();
    Words {
        who: Who::Central,
        retry: Retry::AfterFix,
        subject: String::new(),
        group: "a total that equals the till's".to_owned(),
        what: format!("The till took {till}, the draft at central says {central}: {difference} apart, {limit}."),
        meaning: "The sale is at central as a draft, with the wrong total. Do not confirm it yet.".to_owned(),
        next_step: format!(
            "{hint}Central: compare the draft's taxes and prices with the receipt and correct the draft, or the tax \
             that it used. For differences of rounding, Integrator: set `rounding` for the branch. {}",
            then_retry("total_differs")
        ),
    }
}

fn tax_differs(till: Decimal, central: Decimal) -> Words {
    Words {
        who: Who::Integrator,
        retry: Retry::AfterFix,
        subject: String::new(),
        group: "taxes that equal the till's".to_owned(),
        what: format!("The total is right, but the till counted {till} of taxes in it and the draft at central counts {central}."),
        meaning: "The sale is at central as a draft, with the wrong taxes. Do not confirm it yet.".to_owned(),
        next_step: format!(
            "Integrator: compare the taxes that `taxes` in branches.toml pairs, and the rates behind equal names in both Odoos. \
             Central: correct the taxes of the draft's lines. {}",
            then_retry("tax_differs")
        ),
    }
}

fn refused_by_odoo(words: &str) -> Words {
    unmatched(
        "refused_by_odoo",
        Who::Central,
        said(words),
        format!("central to accept them: {}", said(words)),
        format!("Central refused the order with these words: {}.", said(words)),
        "Central: correct what these words name, with the order's details from `posbridge log show`.".to_owned(),
    )
}

fn draft_gone(central_id: i64) -> Words {
    Words {
        who: Who::Central,
        retry: Retry::Never,
        subject: String::new(),
        group: "deleted at central after the bridge wrote the draft".to_owned(),
        what: format!("Somebody deleted the draft at central (id {central_id}) after the bridge had written it."),
        meaning: "The sale is not at central any more. The bridge does not write it again by itself: what a person \
                  deletes stays deleted."
            .to_owned(),
        next_step: "Central: if it was deleted on purpose, type `posbridge ignore ID --reason \"…\"`. If not, type \
                    `posbridge retry ID` and it is written again."
            .to_owned(),
    }
}

fn order_changed(what: &str) -> Words {
    Words {
        who: Who::Central,
        retry: Retry::Never,
        subject: String::new(),
        group: "changed at the branch after they were received".to_owned(),
        what: format!("The order was changed at the branch after the bridge had received it: {}.", said(what)),
        meaning: "The draft at central is as it was; the bridge does not touch an order it has written.".to_owned(),
        next_step: "Central: compare the draft with the receipt and correct it by hand, then type `posbridge ignore \
                    ID --reason \"…\"`."
            .to_owned(),
    }
}

fn invoiced_skipped(invoice: &str) -> Words {
    Words {
        who: Who::Nobody,
        retry: Retry::Never,
        subject: String::new(),
        group: "skipped, the branch has invoiced them".to_owned(),
        what: format!("The branch has invoiced this order itself as {}.", quoted(invoice)),
        meaning: "It is not written to central, since this branch has invoiced = \"skip\".".to_owned(),
        next_step: "Nobody has to do anything. To receive such orders from now on, Integrator: write invoiced = \
                    \"mark\" for the branch."
            .to_owned(),
    }
}

fn branch_restored(details: &str) -> Words {
    Words {
        who: Who::Integrator,
        retry: Retry::AfterFix,
        subject: String::new(),
        group: "a look at the branch's restored database".to_owned(),
        what: format!("The branch's database went back in time, as after restoring a backup: {}.", said(details)),
        meaning: "What was received before stays at central. New sales are told apart from old ones with the same \
                  number, and none is written twice."
            .to_owned(),
        next_step: format!(
            "Branch: say whether a backup was restored, and when. Integrator: type `posbridge reconcile` for the days \
             since the backup and look at what differs. {}",
            then_retry("branch_restored")
        ),
    }
}

fn branch_cloned(other: &BranchCode, reference: &str) -> Words {
    Words {
        who: Who::Integrator,
        retry: Retry::AfterFix,
        subject: other.to_string(),
        group: format!("the database to be told apart from branch {other}"),
        what: format!("The branch's database looks like a copy of branch {other}: both hold the very same order {}.", quoted(reference)),
        meaning: format!(
            "Nothing more is received from this branch, so that no sale of branch {other} is counted twice. What is \
             at the branch stays safe."
        ),
        next_step: format!(
            "Integrator: check `url` and `database` in branches.toml. If the copy is on purpose, set `from` to the \
             first day after it was made. {}",
            then_retry("branch_cloned")
        ),
    }
}

fn clock_off(minutes: i64) -> Words {
    let direction = if minutes < 0 { "behind" } else { "ahead of" };
    let unit = if minutes.unsigned_abs() == 1 { "minute" } else { "minutes" };
    Words {
        who: Who::Ops,
        retry: Retry::ByItself,
        subject: String::new(),
        group: "the clock of the branch to be right".to_owned(),
        what: format!("The branch's clock is {} {unit} {direction} this machine's.", minutes.unsigned_abs()),
        meaning: "All sales are received. Their times at central are as wrong as that clock.".to_owned(),
        next_step: "Ops: switch on time synchronisation (NTP) on the branch's server and on this machine.".to_owned(),
    }
}

fn disk_full(path: &str) -> Words {
    Words {
        who: Who::Ops,
        retry: Retry::ByItself,
        subject: String::new(),
        group: "room on the bridge's disk".to_owned(),
        what: format!("The disk that holds {} is full.", clean(path, WORDS_MAX)),
        meaning: "No branch is received for now. What was received is safe, and new sales are safe at the branches.".to_owned(),
        next_step: format!("Ops: free some space on that disk. {GOES_ON}"),
    }
}

fn state_unwritable(path: &str, reason: &str) -> Words {
    Words {
        who: Who::Ops,
        retry: Retry::AfterFix,
        subject: String::new(),
        group: "the bridge's own directory to be writable".to_owned(),
        what: format!("The bridge cannot write to {}: {}.", clean(path, WORDS_MAX), said(reason)),
        meaning: "No branch is received for now. What was received is safe, and new sales are safe at the branches.".to_owned(),
        next_step: "Ops: let the user that posbridge runs as own this directory, with mode 0700, and start posbridge \
                    again."
            .to_owned(),
    }
}

#[cfg(test)]
mod tests;
