//! Everything that can go wrong, in words for the person who reads them at eight in the morning.
//!
//! Pure: a [`Problem`] is data. It is kept as JSON in the ledger and can say what happened, what that means for
//! the sale, who does what next, and whether trying again can help. Every sentence for people about a failure
//! stands below this module, and a snapshot test holds all of them: to change one, read it in the catalogue first.
//!
//! Texts from outside (names of products, words of an Odoo) are hostile: each goes through [`clean`] before it
//! becomes part of a sentence.

use std::fmt;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::model::{BranchCode, Kind};

mod german;
mod say;
mod words;

pub use say::{Button, Reader, Said, Texts, Told, group_line_in, records_line_in};
use words::*;

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
    /// JSON-2 takes API keys only, and a password is sealed.
    KeyNeeded { side: Side, user: String },
    /// The sealed API key is that of another user than `user`.
    KeyOfAnother { side: Side, user: String, other: String },
    /// An API key of the user ends soon.
    KeyEnds { side: Side, ends: Timestamp },
    /// The user may not do this. `operation` is `read`, `write`, `create`, `unlink` or a method name; `groups`
    /// are the groups that Odoo's message names, if any; `major` is that Odoo's version, where it is known.
    RightMissing {
        side: Side,
        user: Box<str>,
        model: String,
        operation: String,
        groups: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        major: Option<u32>,
    },
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
    /// The order was given back at the branch; `by` is the receipt of the refund, `amount` its total.
    OrderRefunded { by: String, amount: Decimal },
    /// A proved draft is no longer at central, and others around it are: somebody deleted it.
    DraftDeleted { name: String },
    /// A proved draft vanished from central together with the others after it.
    DraftLost { name: String },
    /// The branch has invoiced the order itself and is set to skip those.
    InvoicedSkipped { invoice: String },

    // Sending master data to a branch; each about one record, but for the settings.
    /// Held: Odoo does not let this record be changed while a session of these shops uses it.
    SessionOpen { kind: Kind, reference: String, shops: Vec<String> },
    /// Held: a product that is to be archived is in orders still open at the till.
    OrderOpen { reference: String, orders: Vec<String> },
    /// Held: another record that this one needs could not be sent yet.
    WaitsForNeed { kind: Kind, reference: String },
    /// The branch has changed what was sent, and the rule is to ask. `changes` are like `sales price 12.00 at the
    /// branch, 10.00 at central`.
    BranchEdited { kind: Kind, reference: String, changes: Vec<String> },
    /// The record changed at the branch between the preview and the sending; nothing was written.
    ChangedSincePreview { reference: String, changes: Vec<String> },
    /// Several records of the branch could be this one; `by` is the label of the field compared, `matches` are names
    /// with ids, e.g. `Article 1 (id 12)`.
    MatchAmbiguous { kind: Kind, reference: String, by: String, value: String, matches: Vec<String> },
    /// The branch has the barcode on another record; `words` are Odoo's.
    BarcodeTaken { reference: String, barcode: String, words: String },
    /// The branch's Odoo refused the record, in its own words, without a traceback.
    RefusedAtBranch { kind: Kind, reference: String, words: String },
    /// No journal is named for a payment method; `journals` are those of the branch.
    JournalNotSet { method: String, journals: Vec<String> },
    /// The journal named for a payment method is none of the branch's.
    JournalNotFound { method: String, journal: String, journals: Vec<String> },
    /// A tax of another country than the branch's company.
    CountryDiffers { reference: String, branch: String, central: String },
    /// The branch lacks a record that is never sent; `what` is `currency`, `country`, `state` or `tax group`.
    CounterpartMissing { what: String, value: String },
    /// An image is larger than what is sent; sizes in units of 1000 bytes.
    ImageTooLarge { reference: String, size_kb: u64, limit_kb: u64 },
    /// The branch's product has other attributes or values, e.g. `Size XL only at the branch`.
    VariantsDiffer { reference: String, differences: Vec<String> },
    /// Combos with their choices are not sent.
    ComboNotSent { reference: String },
    /// The language of `[branch.CODE.send]` is not active on a side.
    LanguageMissing { side: Side, language: String },
    /// Central refuses a selection; `setting` is its key, e.g. `domain`, `words` are central's.
    SelectionWrong { kind: Kind, setting: String, words: String },
    /// A reference, tag or category of a selection finds nothing at central; `setting` is its key, e.g. `refs`.
    NothingSelected { kind: Kind, setting: String, value: String },
    /// Central no longer gives so many of the records that were sent that it looks like a mistake.
    TooManyGone { kind: Kind, gone: usize, of: usize },
    /// After writing, the branch shows something else.
    NotAsSent { reference: String, changes: Vec<String> },
    /// The branch's Odoo does not know this value of a field that the record cannot do without; with an empty `value`,
    /// not the field itself. `field` is the label.
    FieldNotThere { kind: Kind, reference: String, field: String, value: String },

    // About a whole branch.
    /// The branch's database went back in time (a backup was restored).
    BranchRestored { details: String },
    /// The branch's database is a copy of another branch's: both hold the order `reference`.
    BranchCloned { other: BranchCode, reference: String },
    /// The branch's database has none of the orders that were received from it.
    BranchUnknown,
    /// Central's database went back in time: `lost` drafts of this branch vanished together, or their ids now belong to
    /// other orders. `first` and `last` are names of drafts.
    CentralRestored { lost: u64, first: String, last: String },
    /// Central's database has none of the drafts that were written to it.
    CentralUnknown,
    /// The branch's clock is off by this much (positive: ahead of ours).
    ClockOff { minutes: i64 },

    // This machine.
    /// The disk that holds the state is full.
    DiskFull { path: String },
    /// The state directory cannot be written.
    StateUnwritable { path: String, reason: String },
    /// Another process makes a pass of the branch; `by` is what it says of itself.
    PassRunning { by: String },
}

impl Problem {
    /// The cause of drafts that vanished from central together: the one under which done orders are written again at once.
    pub const DRAFT_LOST: &'static str = "draft_lost";

    /// The cause of orders that a setting left out: the one under which ignored orders are tried again at once.
    pub const INVOICED_SKIPPED: &'static str = "invoiced_skipped";

    /// The causes that say that a branch's database may not be the branch's: they end when it is recognized, or a person says that it is.
    pub const STRANGE_BRANCH: &'static [&'static str] = &["branch_cloned", "branch_unknown"];

    /// The same of central's.
    pub const STRANGE_CENTRAL: &'static [&'static str] = &["central_unknown"];

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
            Problem::KeyNeeded { .. } => "key_needed",
            Problem::KeyOfAnother { .. } => "key_of_another",
            Problem::KeyEnds { .. } => "key_ends",
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
            Problem::OrderRefunded { .. } => "order_refunded",
            Problem::DraftDeleted { .. } => "draft_deleted",
            Problem::DraftLost { .. } => Self::DRAFT_LOST,
            Problem::InvoicedSkipped { .. } => Self::INVOICED_SKIPPED,
            Problem::SessionOpen { .. } => "session_open",
            Problem::OrderOpen { .. } => "order_open",
            Problem::WaitsForNeed { .. } => "waits_for_need",
            Problem::BranchEdited { .. } => "branch_edited",
            Problem::ChangedSincePreview { .. } => "changed_since_preview",
            Problem::MatchAmbiguous { .. } => "match_ambiguous",
            Problem::BarcodeTaken { .. } => "barcode_taken",
            Problem::RefusedAtBranch { .. } => "refused_at_branch",
            Problem::JournalNotSet { .. } => "journal_not_set",
            Problem::JournalNotFound { .. } => "journal_not_found",
            Problem::CountryDiffers { .. } => "country_differs",
            Problem::CounterpartMissing { .. } => "counterpart_missing",
            Problem::ImageTooLarge { .. } => "image_too_large",
            Problem::VariantsDiffer { .. } => "variants_differ",
            Problem::ComboNotSent { .. } => "combo_not_sent",
            Problem::LanguageMissing { .. } => "language_missing",
            Problem::SelectionWrong { .. } => "selection_wrong",
            Problem::NothingSelected { .. } => "nothing_selected",
            Problem::TooManyGone { .. } => "too_many_gone",
            Problem::NotAsSent { .. } => "not_as_sent",
            Problem::FieldNotThere { .. } => "field_not_there",
            Problem::BranchRestored { .. } => "branch_restored",
            Problem::BranchCloned { .. } => "branch_cloned",
            Problem::CentralRestored { .. } => "central_restored",
            Problem::BranchUnknown => "branch_unknown",
            Problem::CentralUnknown => "central_unknown",
            Problem::ClockOff { .. } => "clock_off",
            Problem::DiskFull { .. } => "disk_full",
            Problem::StateUnwritable { .. } => "state_unwritable",
            Problem::PassRunning { .. } => "pass_running",
        }
    }

    /// What it is about, e.g. `[BAG01]`; empty if the cause alone says it all.
    pub fn subject(&self) -> String {
        self.words(Audience::Terminal).subject
    }

    /// `cause` or `cause:subject`: records with one key wait for one fix.
    pub fn key(&self) -> String {
        let subject = self.subject();
        if subject.is_empty() { self.cause().to_owned() } else { format!("{}:{subject}", self.cause()) }
    }

    /// What happened, in one sentence.
    pub fn what(&self) -> String {
        self.words(Audience::Terminal).what
    }

    /// What it means for the sale or the record, in whole sentences.
    pub fn meaning(&self) -> String {
        self.words(Audience::Terminal).meaning
    }

    /// Who does what next, in whole sentences, with the exact menu, group or command.
    pub fn next_step(&self) -> String {
        self.words(Audience::Terminal).next_step(Audience::Terminal)
    }

    /// Who takes the next step.
    pub fn who(&self) -> Who {
        self.words(Audience::Terminal).who
    }

    /// Whether trying again can help.
    pub fn retry(&self) -> Retry {
        self.words(Audience::Terminal).retry
    }

    /// One paragraph for each problem; no wildcard, so that a new problem cannot be without words.
    fn words(&self, audience: Audience) -> Words {
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
            PasswordMissing { side } => password_missing(audience, side),
            PasswordUnreadable { side, reason } => password_unreadable(audience, side, reason),
            PasswordRefused { side, user } => password_refused(audience, side, user),
            KeyExpired { side, user } => key_expired(audience, side, user),
            KeyNeeded { side, user } => key_needed(audience, side, user),
            KeyOfAnother { side, user, other } => key_of_another(audience, side, user, other),
            KeyEnds { side, ends } => key_ends(audience, side, *ends),
            RightMissing { side, user, model, operation, groups, major } => {
                let give = group_to_give(side, model, operation, major.or_else(|| told_by(groups)));
                right_missing(side, user, model, operation, groups, give)
            }
            ModuleMissing { side, model, module } => module_missing(side, model, module),
            FieldMissing { side, model, field } => field_missing(side, model, field),
            ServerBusy { side, reason } => server_busy(side, reason),
            RequestTooLarge { side } => request_too_large(side),
            ReplyTooLarge { side, limit_mb } => reply_too_large(audience, side, *limit_mb),
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
            SettingNotFound { setting, value, side } => setting_not_found(audience, setting, value, side),
            SettingAmbiguous { setting, value, matches } => setting_ambiguous(setting, value, matches),
            CurrencyDiffers { branch, central } => currency_differs(branch, central),
            ShopNotFound { shop } => shop_not_found(shop),
            CompanyMixedUp { words } => company_mixed_up(words),
            RecordGone { model, words } => record_gone(model, words),
            TotalDiffers { till, central, limit, hint } => total_differs(*till, *central, *limit, hint),
            TaxDiffers { till, central } => tax_differs(*till, *central),
            RefusedByOdoo { words } => refused_by_odoo(audience, words),
            DraftGone { central_id } => draft_gone(audience, *central_id),
            OrderChanged { what } => order_changed(audience, what),
            OrderRefunded { by, amount } => order_refunded(audience, by, *amount),
            DraftDeleted { name } => draft_deleted(audience, name),
            DraftLost { name } => draft_lost(audience, name),
            InvoicedSkipped { invoice } => invoiced_skipped(audience, invoice),
            SessionOpen { kind, reference, shops } => session_open(*kind, reference, shops),
            OrderOpen { reference, orders } => order_open(reference, orders),
            WaitsForNeed { kind, reference } => waits_for_need(audience, *kind, reference),
            BranchEdited { kind, reference, changes } => branch_edited(audience, *kind, reference, changes),
            ChangedSincePreview { reference, changes } => changed_since_preview(audience, reference, changes),
            MatchAmbiguous { kind, reference, by, value, matches } => match_ambiguous(*kind, reference, by, value, matches),
            BarcodeTaken { reference, barcode, words } => barcode_taken(reference, barcode, words),
            RefusedAtBranch { kind, reference, words } => refused_at_branch(*kind, reference, words),
            JournalNotSet { method, journals } => journal_not_set(method, journals),
            JournalNotFound { method, journal, journals } => journal_not_found(method, journal, journals),
            CountryDiffers { reference, branch, central } => country_differs(reference, branch, central),
            CounterpartMissing { what, value } => counterpart_missing(what, value),
            ImageTooLarge { reference, size_kb, limit_kb } => image_too_large(reference, *size_kb, *limit_kb),
            VariantsDiffer { reference, differences } => variants_differ(audience, reference, differences),
            ComboNotSent { reference } => combo_not_sent(audience, reference),
            LanguageMissing { side, language } => language_missing(side, language),
            SelectionWrong { kind, setting, words } => selection_wrong(*kind, setting, words),
            NothingSelected { kind, setting, value } => nothing_selected(*kind, setting, value),
            TooManyGone { kind, gone, of } => too_many_gone(audience, *kind, *gone, *of),
            NotAsSent { reference, changes } => not_as_sent(reference, changes),
            FieldNotThere { kind, reference, field, value } => field_not_there(*kind, reference, field, value),
            BranchRestored { details } => branch_restored(audience, details),
            BranchCloned { other, reference } => branch_cloned(audience, other, reference),
            CentralRestored { lost, first, last } => central_restored(audience, *lost, first, last),
            BranchUnknown => branch_unknown(audience),
            CentralUnknown => central_unknown(audience),
            ClockOff { minutes } => clock_off(*minutes),
            DiskFull { path } => disk_full(path),
            StateUnwritable { path, reason } => state_unwritable(path, reason),
            PassRunning { by } => pass_running(audience, by),
        }
    }
}

/// A next step with the number of the record in the commands that are to be typed.
pub fn numbered(next_step: &str, record: i64) -> String {
    let retry = next_step.replace("posbridge retry ID", &format!("posbridge retry {record}"));
    retry.replace("posbridge ignore ID", &format!("posbridge ignore {record}"))
}

/// One line for a group of orders with one key: `12 orders wait for product [BAG01] "Tote bag"`. With 0 orders
/// (a problem of a whole branch) it is the sentence of [`Problem::what`].
pub fn group_line(problem: &Problem, orders: usize) -> String {
    grouped(problem, orders, "order")
}

/// The same for records of master data: `3 records wait for tax "VAT 20%"`.
pub fn records_line(problem: &Problem, records: usize) -> String {
    grouped(problem, records, "record")
}

fn grouped(problem: &Problem, number: usize, noun: &str) -> String {
    let Words { group, what, retry, .. } = problem.words(Audience::Terminal);
    let plural = if number == 1 { "" } else { "s" };
    match (number, retry) {
        (0, _) => what,
        (_, Retry::Never) => format!("{number} {noun}{plural}: {group}"),
        (1, _) => format!("1 {noun} waits for {group}"),
        _ => format!("{number} {noun}s wait for {group}"),
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

#[cfg(test)]
mod tests;
