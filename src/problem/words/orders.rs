//! Sentences about one order: finding its records at central and writing it; then about a whole branch, and about
//! this machine.

use rust_decimal::Decimal;

use super::{Audience, GOES_ON, IGNORE, NAME_MAX, SAFE, Then, WORDS_MAX, Words, act, check, listed, place, press, quoted, said};
use crate::model::BranchCode;
use crate::problem::{Button, Retry, Side, Who, clean};

/// A central record that was not found or not clear: these orders wait, all others go on.
pub(in crate::problem) fn unmatched(
    cause: &'static str,
    who: Who,
    subject: String,
    group: String,
    what: String,
    next_step: String,
) -> Words {
    Words { who, retry: Retry::AfterFix, subject, group, what, meaning: SAFE.to_owned(), step: next_step, then: Then::Retry(cause) }
}

pub(in crate::problem) fn product_not_found(name: &str, barcode: &Option<String>, default_code: &Option<String>) -> Words {
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
        format!("Central has no product {product}."),
        format!(
            "Central: under Sales > Products > Products create a product with {wanted}, or give it to the one that \
             is meant. Or Integrator: name the one that is meant under [branch.CODE.products] in \
             branches.toml."
        ),
    )
}

pub(in crate::problem) fn product_ambiguous(name: &str, by: &str, value: &str, matches: &[String]) -> Words {
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

pub(in crate::problem) fn product_without_reference(name: &str) -> Words {
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

pub(in crate::problem) fn tax_not_found(name: &str, amount: &str, included: bool, company: &str) -> Words {
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

pub(in crate::problem) fn tax_ambiguous(name: &str, matches: &[String]) -> Words {
    unmatched(
        "tax_ambiguous",
        Who::Integrator,
        quoted(name),
        format!("one tax for {}", quoted(name)),
        format!("{} taxes of central fit the branch's tax {}: {}.", matches.len(), quoted(name), listed(matches)),
        format!("Integrator: name the one that is meant under [branch.CODE.taxes] in branches.toml, as {} = \"…\".", quoted(name)),
    )
}

pub(in crate::problem) fn customer_not_found(name: &str) -> Words {
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

pub(in crate::problem) fn customer_ambiguous(name: &str, matches: &[String]) -> Words {
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

pub(in crate::problem) fn setting_not_found(audience: Audience, setting: &str, value: &str, side: &Side) -> Words {
    let setting = clean(setting, NAME_MAX);
    Words {
        step: format!(
            "Integrator: correct `{setting}` in branches.toml{}. {} shows what it finds. The next pass goes on by itself; \
             for orders that failed already, {}.",
            setting_menu(&setting),
            act(audience, &check(side), Button::Check),
            press(audience, "retry --cause setting_not_found", Button::Retry)
        ),
        then: Then::Nothing,
        ..unmatched(
            "setting_not_found",
            Who::Integrator,
            format!("{setting} {}", quoted(value)),
            format!("{} {}", setting_noun(&setting), quoted(value)),
            format!("There is no {} {} at {}, or the bridge's user may not see it.", setting_noun(&setting), quoted(value), place(side)),
            String::new(),
        )
    }
}

pub(in crate::problem) fn setting_ambiguous(setting: &str, value: &str, matches: &[String]) -> Words {
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
pub(in crate::problem) fn setting_noun(setting: &str) -> &str {
    match setting {
        "team" => "sales team",
        "rounding.product" => "product for rounding differences",
        "taxes" => "sales tax",
        other => other,
    }
}

/// Where the right value for a key can be seen.
pub(in crate::problem) fn setting_menu(setting: &str) -> &'static str {
    match setting {
        "warehouse" => " to a code or name from Inventory > Configuration > Warehouses",
        "pricelist" => " to a name from Sales > Products > Pricelists",
        "team" => " to a name from Sales > Configuration > Sales Teams",
        "customer" => " to the id, reference or exact name of one from Sales > Orders > Customers",
        "salesperson" => " to a login from Settings > Users & Companies > Users",
        "company" => " to a name from Settings > Users & Companies > Companies, and let the bridge's user into it",
        "taxes" => " to names from Invoicing > Configuration > Taxes on both sides, letter by letter",
        "rounding.product" => " to the Internal Reference of one from Sales > Products > Products",
        _ => "",
    }
}

pub(in crate::problem) fn currency_differs(branch: &str, central: &str) -> Words {
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

pub(in crate::problem) fn shop_not_found(shop: &str) -> Words {
    Words {
        who: Who::Integrator,
        retry: Retry::AfterFix,
        subject: quoted(shop),
        group: format!("shop {}", quoted(shop)),
        what: format!("The branch has no Point of Sale named {}.", quoted(shop)),
        meaning: "New sales of this branch are not received for now, so that none is left out by a spelling mistake. \
                  They are safe at the branch."
            .to_owned(),
        step: "Integrator: correct `shops` in branches.toml to names from Point of Sale > Configuration > Point \
                    of Sales at the branch."
            .to_owned(),
        then: Then::Check(Side::Central),
    }
}

pub(in crate::problem) fn company_mixed_up(words: &str) -> Words {
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

pub(in crate::problem) fn record_gone(model: &str, words: &str) -> Words {
    let model = clean(model, NAME_MAX);
    unmatched(
        "record_gone",
        Who::Central,
        format!("{model} {}", said(words)),
        format!("a record {model} that was deleted or archived at central"),
        format!("A record {model} that the bridge used was deleted or archived at central: {}.", said(words)),
        "Central: create the record again with the same barcode, reference or name. If it is there and archived (before Odoo 17 central \
         takes no archived record in an order), unarchive it. The bridge looks for it anew."
            .to_owned(),
    )
}

pub(in crate::problem) fn total_differs(till: Decimal, central: Decimal, limit: Option<Decimal>, hint: &Option<String>) -> Words {
    let difference = (central - till).abs();
    let limit = match limit {
        Some(limit) if difference > limit => format!("more than the {limit} that may be adjusted"),
        Some(_) => "and nothing is adjusted on a draft that somebody has changed".to_owned(),
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
        step: format!(
            "{hint}Central: compare the draft's taxes and prices with the receipt and correct the draft, or the tax \
             that it used. For differences of rounding, Integrator: set `rounding` for the branch."
        ),
        then: Then::Retry("total_differs"),
    }
}

pub(in crate::problem) fn tax_differs(till: Decimal, central: Decimal) -> Words {
    Words {
        who: Who::Integrator,
        retry: Retry::AfterFix,
        subject: String::new(),
        group: "taxes that equal the till's".to_owned(),
        what: format!("The total is right, but the till counted {till} of taxes in it and the draft at central counts {central}."),
        meaning: "The sale is at central as a draft, with the wrong taxes. Do not confirm it yet.".to_owned(),
        step: "Integrator: compare the taxes that `taxes` in branches.toml pairs, and the rates behind equal names in both Odoos. \
               Central: correct the taxes of the draft's lines."
            .to_owned(),
        then: Then::Retry("tax_differs"),
    }
}

pub(in crate::problem) fn refused_by_odoo(audience: Audience, words: &str) -> Words {
    unmatched(
        "refused_by_odoo",
        Who::Central,
        said(words),
        format!("central to accept them: {}", said(words)),
        format!("Central refused the order with these words: {}.", said(words)),
        match audience {
            Audience::Terminal => "Central: correct what these words name, with the order's details from `posbridge log show`.".to_owned(),
            Audience::Browser => "Central: correct what these words name, with the order's details as this page shows them.".to_owned(),
        },
    )
}

pub(in crate::problem) fn draft_gone(audience: Audience, central_id: i64) -> Words {
    Words {
        who: Who::Central,
        retry: Retry::Never,
        subject: String::new(),
        group: "deleted at central after the bridge wrote the draft".to_owned(),
        what: format!("Somebody deleted the draft at central (id {central_id}) after the bridge had written it."),
        meaning: "The sale is not at central any more. The bridge does not write it again by itself: what a person \
                  deletes stays deleted."
            .to_owned(),
        step: format!(
            "Central: if it was deleted on purpose, {}. If not, {} and it is written again.",
            press(audience, IGNORE, Button::Ignore),
            press(audience, "retry ID", Button::Retry)
        ),
        then: Then::Nothing,
    }
}

pub(in crate::problem) fn order_changed(audience: Audience, what: &str) -> Words {
    Words {
        who: Who::Central,
        retry: Retry::Never,
        subject: String::new(),
        group: "changed at the branch after they were received".to_owned(),
        what: format!("The order was changed at the branch after the bridge had received it: {}.", said(what)),
        meaning: "The draft at central is as it was; the bridge does not touch an order it has written.".to_owned(),
        step: format!(
            "Central: compare the draft with the receipt and correct it by hand, then {}.",
            press(audience, IGNORE, Button::Ignore)
        ),
        then: Then::Nothing,
    }
}

pub(in crate::problem) fn order_refunded(audience: Audience, by: &str, amount: Decimal) -> Words {
    Words {
        who: Who::Central,
        retry: Retry::Never,
        subject: String::new(),
        group: "given back at the branch after they were received".to_owned(),
        what: format!("The order was refunded at the branch after the bridge had received it, by {}: {amount}.", said(by)),
        meaning: "The refund comes to central as a draft of its own, with negative quantities. This draft is as it was.".to_owned(),
        step: format!("Central: treat the two drafts together. Who has seen it may {}.", press(audience, IGNORE, Button::Ignore)),
        then: Then::Nothing,
    }
}

pub(in crate::problem) fn draft_deleted(audience: Audience, name: &str) -> Words {
    Words {
        who: Who::Central,
        retry: Retry::Never,
        subject: String::new(),
        group: "deleted at central after they were written and proved".to_owned(),
        what: format!("Somebody deleted {} at central.", quoted(name)),
        meaning: "The sale is not at central any more. The bridge does not write it again by itself: what a person \
                  deletes stays deleted."
            .to_owned(),
        step: format!(
            "Nobody has to do anything if that was on purpose; {} ends this notice. If not, Central: {} and it is written once more.",
            act(audience, IGNORE, Button::Ignore),
            press(audience, "retry ID --recreate", Button::Recreate)
        ),
        then: Then::Nothing,
    }
}

/// The command that writes again exactly what vanished.
const RECREATE: &str = "retry --cause draft_lost --recreate";

pub(in crate::problem) fn draft_lost(audience: Audience, name: &str) -> Words {
    Words {
        who: Who::Central,
        retry: Retry::Never,
        subject: String::new(),
        group: "vanished from central together with what came after them".to_owned(),
        what: format!("{} is no longer at central, nor are the drafts that were written after it.", quoted(name)),
        meaning: "The sale is not at central any more. The bridge does not write it again by itself.".to_owned(),
        step: format!(
            "Central: find out whether a backup was restored. If so, {} writes all that vanished, each once. What is to stay away: {}.",
            act(audience, RECREATE, Button::Recreate),
            act(audience, IGNORE, Button::Ignore)
        ),
        then: Then::Nothing,
    }
}

pub(in crate::problem) fn invoiced_skipped(audience: Audience, invoice: &str) -> Words {
    let earlier = match audience {
        Audience::Terminal => "those that were left out until now",
        Audience::Browser => "this one as well",
    };
    Words {
        who: Who::Nobody,
        retry: Retry::Never,
        subject: String::new(),
        group: "skipped, the branch has invoiced them".to_owned(),
        what: match invoice {
            "" => "The branch has invoiced this order itself.".to_owned(),
            invoice => format!("The branch has invoiced this order itself as {}.", quoted(invoice)),
        },
        meaning: "It is not written to central, since this branch has invoiced = \"skip\".".to_owned(),
        step: format!(
            "Nobody has to do anything. To receive such orders from now on, Integrator: write invoiced = \"mark\" for the branch; then {} \
             brings {earlier}.",
            act(audience, "retry --cause invoiced_skipped", Button::Retry)
        ),
        then: Then::Nothing,
    }
}

pub(in crate::problem) fn branch_restored(audience: Audience, details: &str) -> Words {
    Words {
        who: Who::Integrator,
        retry: Retry::AfterFix,
        subject: String::new(),
        group: "a look at the branch's restored database".to_owned(),
        what: format!("The branch's database went back in time, as after restoring a backup: {}.", said(details)),
        meaning: "What was received before stays at central. New sales are told apart from old ones with the same \
                  number, and none is written twice."
            .to_owned(),
        step: format!(
            "Branch: say whether a backup was restored, and when. Integrator: compare the days since the backup at the branch and at \
             central. Then {}, which ends this notice.",
            retry_branch(audience, "with the branch's code")
        ),
        then: Then::Nothing,
    }
}

/// What says that the database of a branch is the one that is meant, or ends its notices.
fn retry_branch(audience: Audience, with: &str) -> String {
    match audience {
        Audience::Terminal => format!("type `posbridge retry --branch CODE` {with}"),
        Audience::Browser => press(audience, "", Button::Retry),
    }
}

pub(in crate::problem) fn branch_cloned(audience: Audience, other: &BranchCode, reference: &str) -> Words {
    Words {
        who: Who::Integrator,
        retry: Retry::AfterFix,
        subject: other.to_string(),
        group: format!("the database to be told apart from branch {other}"),
        what: format!(
            "The database of this branch is that of branch {other}, or a copy of it: it holds the very same order {}.",
            quoted(reference)
        ),
        meaning: format!(
            "Nothing more is received from it under this branch's code, so that no sale of branch {other} is counted \
             twice. What is at the branch stays safe."
        ),
        step: format!(
            "Integrator: put `url` and `database` right in branches.toml; each branch names its own, and the next pass \
             goes on. If it is branch {other} and only got another code, give it the code {other} again. If this branch began as a \
             copy on purpose, set `from` to the first day after it was made, then {}.",
            retry_branch(audience, "with this branch's code")
        ),
        then: Then::Nothing,
    }
}

pub(in crate::problem) fn branch_unknown(audience: Audience) -> Words {
    Words {
        who: Who::Integrator,
        retry: Retry::AfterFix,
        subject: String::new(),
        group: "the branch's database to be confirmed".to_owned(),
        what: "The database that the settings now name for this branch has none of the orders that were received from the branch."
            .to_owned(),
        meaning: "It may be another one than is meant, so nothing is received from it and nothing sent to it. What was received \
                  before goes on to central."
            .to_owned(),
        step: format!(
            "Integrator: check `url` and `database` in branches.toml; once they are right, the next pass goes on. If it is \
             meant, as when the branch began anew, {}.",
            retry_branch(audience, "with the branch's code")
        ),
        then: Then::Nothing,
    }
}

pub(in crate::problem) fn central_unknown(audience: Audience) -> Words {
    Words {
        who: Who::Integrator,
        retry: Retry::AfterFix,
        subject: String::new(),
        group: "central's database to be confirmed".to_owned(),
        what: "The database that the settings now name for central has none of the drafts that were written to central.".to_owned(),
        meaning: "It may be another one than is meant, so nothing is written to it. Orders are still received, and wait.".to_owned(),
        step: format!(
            "Integrator: check `url` and `database` of `[central]` in branches.toml; once they are right, the next pass goes \
             on. If it is meant, {}.",
            retry_branch(audience, "with the code of any branch that tells this")
        ),
        then: Then::Nothing,
    }
}

pub(in crate::problem) fn central_restored(audience: Audience, lost: u64, first: &str, last: &str) -> Words {
    let drafts = match lost {
        1 => format!("the draft {} of this branch", quoted(first)),
        _ => format!("{lost} drafts of this branch, {} to {},", quoted(first), quoted(last)),
    };
    let verb = if lost == 1 { "is" } else { "are" };
    Words {
        who: Who::Integrator,
        retry: Retry::AfterFix,
        subject: String::new(),
        group: "a look at central's restored database".to_owned(),
        what: format!("Central's database went back in time, as after restoring a backup: {drafts} {verb} no longer there."),
        meaning: "These sales were at central and are not any more. New sales are written as always. The bridge writes \
                  nothing again by itself, since somebody may have deleted them on purpose."
            .to_owned(),
        step: format!(
            "Integrator: say whether a backup was restored at central. If so, {}: it writes all that vanished, each once. If \
             somebody deleted them: {}. Either ends this notice.",
            press(audience, RECREATE, Button::Recreate),
            act(audience, "ignore --cause draft_lost --reason \"…\"", Button::Ignore)
        ),
        then: Then::Nothing,
    }
}

pub(in crate::problem) fn clock_off(minutes: i64) -> Words {
    let direction = if minutes < 0 { "behind" } else { "ahead of" };
    let unit = if minutes.unsigned_abs() == 1 { "minute" } else { "minutes" };
    Words {
        who: Who::Ops,
        retry: Retry::ByItself,
        subject: String::new(),
        group: "the clock of the branch to be right".to_owned(),
        what: format!("The branch's clock is {} {unit} {direction} this machine's.", minutes.unsigned_abs()),
        meaning: "All sales are received. Their times at central are as wrong as that clock.".to_owned(),
        step: "Ops: switch on time synchronisation (NTP) on the branch's server and on this machine.".to_owned(),
        then: Then::Nothing,
    }
}

pub(in crate::problem) fn disk_full(path: &str) -> Words {
    Words {
        who: Who::Ops,
        retry: Retry::ByItself,
        subject: String::new(),
        group: "room on the bridge's disk".to_owned(),
        what: format!("The disk that holds {} is full.", clean(path, WORDS_MAX)),
        meaning: "No branch is received for now. What was received is safe, and new sales are safe at the branches.".to_owned(),
        step: format!("Ops: free some space on that disk. {GOES_ON}"),
        then: Then::Nothing,
    }
}

pub(in crate::problem) fn pass_running(audience: Audience, by: &str) -> Words {
    Words {
        who: Who::Nobody,
        retry: Retry::ByItself,
        subject: String::new(),
        group: "another pass".to_owned(),
        what: format!("Another pass of this branch is at work ({}).", clean(by, WORDS_MAX)),
        meaning: "It does what this one was to do; nothing is done twice.".to_owned(),
        step: match audience {
            Audience::Terminal => "Nobody: wait until it is done, then look with `posbridge status`.".to_owned(),
            Audience::Browser => "Nobody: wait until it is done; its result is then shown here.".to_owned(),
        },
        then: Then::Nothing,
    }
}

pub(in crate::problem) fn state_unwritable(path: &str, reason: &str) -> Words {
    Words {
        who: Who::Ops,
        retry: Retry::AfterFix,
        subject: String::new(),
        group: "the bridge's own directory to be writable".to_owned(),
        what: format!("The bridge cannot write to {}: {}.", clean(path, WORDS_MAX), said(reason)),
        meaning: "No branch is received for now. What was received is safe, and new sales are safe at the branches.".to_owned(),
        step: "Ops: let the user that posbridge runs as own this directory, with mode 0700, and start posbridge \
                    again."
            .to_owned(),
        then: Then::Nothing,
    }
}
