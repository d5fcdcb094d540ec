//! The sentences of an audit: what was found and who does what about it, one function a kind of finding. A snapshot test
//! holds all of them.

use std::collections::BTreeMap;

use super::finding::{Finding, FindingKind};
use crate::mapping::{money, plain};
use crate::model::Amount;
use crate::problem::{Problem, clean};

/// Longest name in a sentence.
const NAME: usize = 80;

/// Names listed in one sentence before "and 4 more".
const LISTED: usize = 5;

/// A finding of one branch.
fn finding(kind: FindingKind, branch: &str, subject: &str, what: String, fix: String) -> Finding {
    Finding { kind, branch: Some(branch.to_owned()), subject: clean(subject, NAME), what, fix, numbers: BTreeMap::new() }
}

impl Finding {
    fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.numbers.insert(name.to_owned(), value.into());
        self
    }
}

/// `WH/POS/1, WH/POS/2 and 4 more`.
fn some_of(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(LISTED).map(|name| clean(name, NAME)).collect();
    match names.len().saturating_sub(LISTED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// `a, b and c`.
fn all_of(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn days(number: i64) -> String {
    if number == 1 { "1 day".to_owned() } else { format!("{number} days") }
}

/// `Sold 12 in 30 days`; what all came back was sold all the same.
fn sold_in(sold: Amount, span: u16) -> String {
    match sold > Amount::ZERO {
        true => format!("Sold {} in {}", plain(sold), days(span.into())),
        false => format!("Sold and taken back in {}", days(span.into())),
    }
}

/// A product was sold and central cannot tell which it is.
pub fn unknown_product(branch: &str, name: &str, sold: Amount, span: u16, problem: &Problem) -> Finding {
    let what = format!("{}. {}", sold_in(sold, span), problem.what());
    let fix = problem.next_step().replace("branch.CODE", &format!("branch.{branch}"));
    finding(FindingKind::UnknownProduct, branch, name, what, fix).with("sold", plain(sold))
}

/// How to bring central's value down, and how to let the branch have its own: the same for all products of a branch, so
/// that it is read once.
fn send_down(branch: &str, field: &str) -> String {
    format!(
        "Central: where central is right, send it: posbridge send {branch} --products --ref REFERENCE. Where the branch is right, change it \
         at central first. What the branch may decide goes into `leave` under [branch.{branch}.send.products]: \"{field}\"."
    )
}

/// A field of a product is not what central has.
pub fn differs(kind: FindingKind, branch: &str, name: &str, reference: Option<&str>, field: &str, here: &str, there: &str) -> Finding {
    let (here, there) = (clean(here, NAME), clean(there, NAME));
    let what = match kind {
        FindingKind::PriceDiffers => format!("Costs {here} at the branch and {there} at central."),
        FindingKind::TaxDiffers => format!("Its sales taxes are {here} at the branch and {there} at central."),
        _ => format!("Its barcode is {here} at the branch and {there} at central."),
    };
    let finding = finding(kind, branch, name, what, send_down(branch, field)).with("branch", here).with("central", there);
    match reference {
        Some(reference) => finding.with("reference", reference),
        None => finding,
    }
}

/// A tax of sold products means nothing at central.
pub fn unknown_tax(branch: &str, name: &str, products: usize, problem: &Problem) -> Finding {
    let of =
        if products == 1 { "1 product that was sold has it".to_owned() } else { format!("{products} products that were sold have it") };
    let fix = problem.next_step().replace("branch.CODE", &format!("branch.{branch}"));
    finding(FindingKind::TaxDiffers, branch, name, format!("{} {of}.", problem.what()), fix).with("products", products.to_string())
}

/// Branches disagree about a product that central does not have. `values`: by branch.
pub fn branches_differ(name: &str, field: &str, values: &BTreeMap<String, String>) -> Finding {
    let told: Vec<String> = values.iter().map(|(branch, value)| format!("{} at {branch}", clean(value, NAME))).collect();
    let codes: Vec<&str> = values.keys().map(String::as_str).collect();
    Finding {
        kind: FindingKind::BranchesDiffer,
        branch: None,
        subject: clean(name, NAME),
        what: format!("Central does not have it, and the {field} is {}.", all_of(&told)),
        fix: format!(
            "Central: create it at central with the {field} that holds, and send it: posbridge send {} --products --ref REFERENCE.",
            codes.join(" ")
        ),
        numbers: values.clone(),
    }
}

/// Goods were sold whose stock nobody counts.
pub fn not_tracked(branch: &str, name: &str, sold: Amount, span: u16, central_tracks: bool) -> Finding {
    let central = if central_tracks { "; at central it is on" } else { "" };
    let what = format!("{}, and no stock moved: Track Inventory is off at the branch{central}.", sold_in(sold, span));
    let fix = "Branch: open it under Point of Sale > Products > Products, switch Track Inventory on, and count what is there. What is \
               never counted (a coffee, a bag) should be a Service.";
    finding(FindingKind::NotTracked, branch, name, what, fix.to_owned()).with("sold", plain(sold))
}

/// Less than nothing lies in a location that a shop takes from.
pub fn negative_stock(branch: &str, name: &str, location: &str, quantity: Amount) -> Finding {
    let (location, quantity) = (clean(location, NAME), plain(quantity));
    let what = format!("{quantity} at {location}: more was sold than ever came in.");
    let fix = "Branch: look for a delivery that was not received in Odoo, then count the product under Inventory > Operations > \
               Physical Inventory.";
    finding(FindingKind::NegativeStock, branch, name, what, fix.to_owned()).with("location", location).with("quantity", quantity)
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
    let main = format!("Sells out of {location}, the main location of warehouse {warehouse}");
    let (what, own) = match why {
        Main::Shared(others) => {
            let verb = if others.len() == 1 { "does" } else { "do" };
            (
                format!("{main}, as {verb} {}: nobody can tell how much each shop has.", some_of(others)),
                "a location of its own (Inventory > Configuration > Locations)".to_owned(),
            )
        }
        Main::Own(own) => (format!("{main}, though there is {}.", clean(own, NAME)), clean(own, NAME)),
        Main::OthersHave(others) => {
            let have = if others.len() == 1 { "has a location of its own" } else { "have locations of their own" };
            (
                format!("{main}, while {} {have}.", some_of(others)),
                "a location of its own (Inventory > Configuration > Locations)".to_owned(),
            )
        }
    };
    let fix = format!(
        "Integrator: at the branch give the shop an operation type whose source is {own}, under Point of Sale > Configuration > Settings > \
         Inventory > Operation Type."
    );
    finding(FindingKind::MainLocation, branch, shop, what, fix).with("location", location)
}

/// Stock moves of a session are not done.
pub fn failed_moves(branch: &str, session: &str, names: &[String]) -> Finding {
    let number = names.len();
    let moves = if number == 1 { "1 stock move".to_owned() } else { format!("{number} stock moves") };
    let what = format!("{moves} of this session did not go through, so the stock shown is too high: {}.", some_of(names));
    let fix = "Branch: open each by its name under Inventory > Operations > Transfers and validate it; Odoo then says what is missing, \
               most often a lot or serial number. A back order is not shown at the session.";
    finding(FindingKind::FailedStockMoves, branch, session, what, fix.to_owned()).with("moves", number.to_string())
}

/// A session was not closed for days.
pub fn long_session(branch: &str, shop: &str, session: &str, since: &str, open_days: i64) -> Finding {
    let what = format!("Session {} has been open since {since} UTC, for {}.", clean(session, NAME), days(open_days));
    let fix = "Branch: close it at the till, and from now on at the end of each day: until then Odoo counts no cash, posts nothing, and \
               refuses changes to payment methods and taxes.";
    finding(FindingKind::LongSession, branch, shop, what, fix.to_owned()).with("days", open_days.to_string()).with("session", session)
}

/// A shop sold nothing.
pub fn sold_nothing(branch: &str, shop: &str, span: u16) -> Finding {
    let what = format!("No order in {}.", days(span.into()));
    let fix = format!(
        "Branch: see whether the till holds orders that it has not sent to its Odoo (the cloud at its top). Is the shop closed for good, \
         archive it there, or Integrator: leave it out of `shops` under [branch.{branch}]."
    );
    finding(FindingKind::SoldNothing, branch, shop, what, fix)
}

/// A session was closed with more or less cash than expected.
pub fn cash_difference(branch: &str, shop: &str, session: &str, difference: Amount, currency: &str) -> Finding {
    let (much, less) = (money(difference.abs()), if difference.is_sign_negative() { "less" } else { "more" });
    let what = format!("Closed with {much} {currency} {less} in the cash drawer than expected, at {}.", clean(shop, NAME));
    let fix = "Branch: look for cash put in or taken out that was not entered (Cash In/Out), a wrong opening count, or a payment booked \
               under the wrong method.";
    finding(FindingKind::CashDifference, branch, session, what, fix.to_owned()).with("difference", money(difference)).with("shop", shop)
}

/// Somebody sells whom the settings give no salesperson.
pub fn unmapped_seller(branch: &str, seller: &str, orders: u64, default: Option<&str>) -> Finding {
    let seller = clean(seller, NAME);
    let to = default.map_or_else(|| "have no salesperson".to_owned(), |login| format!("are given to {}", clean(login, NAME)));
    let number = if orders == 1 { "1 order".to_owned() } else { format!("{orders} orders") };
    let what = format!("Sold {number} and is not named under [branch.{branch}.salespeople]: the drafts {to}.");
    let fix = format!("Integrator: write \"{seller}\" = \"LOGIN AT CENTRAL\" under [branch.{branch}.salespeople] in branches.toml.");
    finding(FindingKind::UnmappedSeller, branch, &seller, what, fix).with("orders", orders.to_string())
}
