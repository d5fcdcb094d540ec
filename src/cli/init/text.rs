//! The text of a settings file to start from.

use std::fmt::Write as _;

use jiff::civil::Date;

use crate::mapping::plain;
use crate::model::{BranchTax, CentralTax};
use crate::problem::clean;
use crate::sync::{BranchChoices, CentralChoices};

/// Names in one comment before "and 4 more".
const LISTED: usize = 12;

/// Cashiers written out for each branch.
const CASHIERS: usize = 50;

/// What is known of one side before it was asked.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// `central` or the branch's code.
    pub owner: String,
    pub url: String,
    pub database: String,
    pub user: String,
}

/// The whole file. What nobody gave is an empty text, which the reader of the file refuses.
pub fn render(
    state: &str,
    central: &Place,
    found: Option<&CentralChoices>,
    branches: &[(Place, Option<BranchChoices>)],
    today: Date,
) -> String {
    let mut text = Text::default();
    text.line("# The settings of posbridge. Passwords never stand here: posbridge secret set central, and the same for each branch.");
    text.line("# Try the settings: posbridge check");
    text.line(&format!("state = {state:?} # where the ledger, the lock and the key live; relative to this file"));
    text.line("");
    text.line("[central]");
    text.place(central);
    match found {
        Some(found) => {
            text.key("company", &found.company, "");
            text.one_of(found.companies.iter().filter(|name| **name != found.company));
        }
        None => text.line("# company = \"My Company\" # of the drafts; else the company of the user"),
    }
    text.line("timeout = \"120s\" # of one call");
    text.line("");
    text.line("[defaults] # any key of a branch");
    text.line("every = \"15m\" # between two passes");
    text.line(&format!("from = {today} # nothing sold before this day is received"));
    text.line("receive = \"paid\" # or \"closed\": only orders of closed sessions");
    text.line("invoiced = \"mark\" # or \"skip\": orders that the branch has invoiced itself");
    text.line("unknown_customer = \"default\" # or \"problem\": a named customer that central does not know");
    text.line("match_products = [\"barcode\", \"default_code\"] # what products are found by, in this order");
    text.line("# rounding = { product = \"POS-ROUND\", limit = \"0.05\" } # a line for small differences; without it each is a problem");
    for (place, choices) in branches {
        text.branch(place, found, choices.as_ref());
    }
    text.0
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{line}");
    }

    /// A key that has to be there: empty, with what to fill in, if it is not known.
    fn key(&mut self, key: &str, value: &str, hint: &str) {
        let hint = if value.is_empty() { format!(" # fill in: {hint}") } else { String::new() };
        self.line(&format!("{key} = {}{hint}", quote(value)));
    }

    /// A key that was found, or that waits as a comment.
    fn optional(&mut self, key: &str, value: Option<&str>, example: &str, hint: &str) {
        match value {
            Some(value) => self.line(&format!("{key} = {} # {hint}", quote(value))),
            None => self.line(&format!("# {key} = {} # {hint}", quote(example))),
        }
    }

    fn one_of<'n>(&mut self, names: impl Iterator<Item = &'n String>) {
        let names: Vec<String> = names.map(|name| quote(name)).collect();
        if names.is_empty() {
            return;
        }
        let more = names.len().saturating_sub(LISTED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        self.line(&format!("#   one of: {}{more}", names.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ")));
    }

    fn place(&mut self, place: &Place) {
        let Place { owner, url, database, user } = place;
        self.key("url", url, &format!("the address of its Odoo, as https://{owner}.example.com"));
        self.key("database", database, "the name of its database");
        self.key("user", user, "the login of the bridge's user there");
    }

    fn branch(&mut self, place: &Place, central: Option<&CentralChoices>, branch: Option<&BranchChoices>) {
        self.line("");
        self.line(&format!("[branch.{}] # the code is never changed later: it is part of what central remembers", place.owner));
        self.line(&format!("name = {} # for people", quote(&place.owner)));
        self.place(place);
        let nothing = CentralChoices::default();
        let found = central.unwrap_or(&nothing);
        match branch {
            Some(branch) => {
                let shops: Vec<String> = branch.shops.iter().map(|name| quote(name)).collect();
                self.line(&format!("# shops = [{}] # only these Points of Sale; without it all, those of tomorrow too", shops.join(", ")));
            }
            None => self.line("# shops = [\"Furniture Shop\"] # Points of Sale to receive; without it all"),
        }
        let words = words_of(place, branch);
        self.customer(found, &words);
        let fits = |(code, name): &&(String, String)| words.contains(&plain_word(code)) || words.contains(&plain_word(name));
        let warehouse = only(found.warehouses.iter().filter(fits)).or_else(|| only(found.warehouses.iter()));
        self.optional("warehouse", warehouse.map(|(code, _)| code.as_str()), "WH", "code or name, at central");
        self.one_of(found.warehouses.iter().map(|(code, _)| code).filter(|code| warehouse.is_none_or(|(chosen, _)| chosen != *code)));
        let same = |(_, currency): &&(String, String)| branch.is_none_or(|branch| branch.currency == *currency);
        let pricelist = only(found.pricelists.iter().filter(same));
        self.optional("pricelist", pricelist.map(|(name, _)| name.as_str()), "Public Pricelist", "at central, in the till's currency");
        self.one_of(found.pricelists.iter().map(|(name, _)| name).filter(|name| pricelist.is_none_or(|(chosen, _)| chosen != *name)));
        let team = found.teams.iter().find(|name| name.eq_ignore_ascii_case("point of sale"));
        self.optional("team", team.map(String::as_str), "Point of Sale", "sales team at central");
        self.one_of(found.teams.iter().filter(|name| team != Some(name)));
        self.optional("salesperson", None, "sales@example.com", "login at central of all whom [salespeople] does not name");
        self.one_of(found.users.iter().map(|(login, _)| login));
        let Some(branch) = branch else { return };
        self.salespeople(place, branch, &found.users);
        self.taxes(place, branch, central.map(|central| central.taxes.as_slice()));
    }

    /// The customer who stands for all who are not named: required, so chosen only if one alone fits.
    fn customer(&mut self, found: &CentralChoices, words: &[String]) {
        let fits = |name: &&String| words.iter().any(|word| !word.is_empty() && plain_word(name).contains(word.as_str()));
        let chosen = only(found.customers.iter().filter(fits)).map(String::as_str).unwrap_or_default();
        self.key("customer", chosen, "the customer at central for sales without one: id, reference or exact name");
        self.one_of(found.customers.iter().filter(|name| *name != chosen));
    }

    fn salespeople(&mut self, place: &Place, branch: &BranchChoices, central: &[(String, String)]) {
        self.line(&format!("[branch.{}.salespeople] # cashier or login at the branch = login at central", place.owner));
        let people = branch.employees.iter().map(|name| (name, name)).chain(branch.users.iter().map(|(login, name)| (login, name)));
        let mut met = std::collections::BTreeSet::new();
        for (key, name) in people.filter(|(key, _)| met.insert(key.to_lowercase())).take(CASHIERS) {
            let same_login = central.iter().find(|(login, _)| login.eq_ignore_ascii_case(key));
            let same_name = only(central.iter().filter(|(_, known)| known.eq_ignore_ascii_case(name)));
            let begins_alike =
                only(central.iter().filter(|(login, _)| login.split('@').next().is_some_and(|first| first.eq_ignore_ascii_case(key))));
            match same_login.or(same_name) {
                Some((login, _)) => self.line(&format!("{} = {}", quote(key), quote(login))),
                None => {
                    let guess = begins_alike.map_or("", |(login, _)| login.as_str());
                    self.line(&format!("# {} = {}", quote(key), quote(guess)));
                }
            }
        }
    }

    fn taxes(&mut self, place: &Place, branch: &BranchChoices, central: Option<&[CentralTax]>) {
        self.line(&format!("[branch.{}.taxes] # tax at the branch = tax at central", place.owner));
        let Some(central) = central else { return };
        for tax in &branch.taxes {
            let alike =
                |c: &&CentralTax| c.amount == tax.amount && c.amount_type == tax.amount_type && c.price_include == tax.price_include;
            let candidates: Vec<&CentralTax> = central.iter().filter(alike).collect();
            let same_name = candidates.iter().filter(|candidate| candidate.name == tax.name).count();
            match (same_name, candidates.as_slice()) {
                (1, _) => self.line(&format!("# {} needs no line: central has it by the same name", quote(&tax.name))),
                (_, []) => self.line(&format!("# {} = \"\" # central has no tax of {}", quote(&tax.name), kind(tax))),
                (_, some) => {
                    for candidate in some {
                        self.line(&format!("# {} = {}", quote(&tax.name), quote(&candidate.name)));
                    }
                }
            }
        }
    }
}

fn kind(tax: &BranchTax) -> String {
    let unit = if tax.amount_type == "fixed" { "" } else { " %" };
    format!("{}{unit}, {}", plain(tax.amount), if tax.price_include { "included" } else { "not included" })
}

/// Words by which records at central may belong to a branch.
fn words_of(place: &Place, branch: Option<&BranchChoices>) -> Vec<String> {
    let shops = branch.into_iter().flat_map(|branch| branch.shops.iter());
    std::iter::once(&place.owner).chain(shops).map(|word| plain_word(word)).collect()
}

/// Letters and digits only, so that `branch_1` and `Branch 1` are alike.
fn plain_word(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

/// A text of TOML on one line.
fn quote(text: &str) -> String {
    let text = if text.chars().any(char::is_control) { clean(text, text.len()) } else { text.to_owned() };
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use super::*;
    use crate::config::{Config, ConfigError};

    fn place(owner: &str) -> Place {
        let text = |what: &str| format!("{owner}{what}");
        Place { owner: owner.to_owned(), url: format!("https://{owner}.example.com"), database: text("_db"), user: "bridge".to_owned() }
    }

    #[test]
    fn a_file_without_answers_lacks_only_what_it_says() {
        let blank = |owner: &str| Place { owner: owner.to_owned(), ..Place::default() };
        let today = Date::constant(2026, 11, 21);
        let text = render("state", &blank("central"), None, &[(blank("tirana"), None)], today);
        let Err(ConfigError::Wrong { complaints, .. }) = Config::parse(&text, Path::new("branches.toml")) else { panic!("{text}") };
        let lines: Vec<&str> = text.lines().collect();
        let to_fill: Vec<usize> = (1..=lines.len()).filter(|n| lines[n - 1].contains("# fill in: ")).collect();
        assert_eq!(complaints.iter().map(|c| c.line).collect::<Vec<_>>(), to_fill);
        let filled = text
            .replace("= \"\" # fill in: the address of its Odoo, as https://", "= \"https://")
            .replace(".example.com", ".example.com\" # ");
        let filled = filled.replace("= \"\" # fill in", "= \"x\" # fill in");
        Config::parse(&filled, Path::new("branches.toml")).unwrap();
    }

    #[test]
    fn what_matches_by_name_is_filled_in_and_the_rest_offered() {
        let tax = |name: &str, amount: i64| CentralTax {
            id: crate::model::CentralId::new(1),
            name: name.to_owned(),
            amount: amount.into(),
            amount_type: "percent".to_owned(),
            price_include: false,
            made: None,
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let central = CentralChoices {
            company: "HQ \"main\"".to_owned(),
            companies: vec!["HQ \"main\"".to_owned(), "Other".to_owned()],
            warehouses: vec![pair("WH", "Main"), pair("TIR", "Tirana")],
            pricelists: vec![pair("Euro", "EUR"), pair("Lek", "ALL")],
            teams: vec!["Sales".to_owned(), "Point of Sale".to_owned()],
            customers: vec!["Walk-in Tirana".to_owned(), "Walk-in Durres".to_owned()],
            users: vec![pair("anna@example.com", "Anna"), pair("bob", "Bob B")],
            taxes: vec![tax("20% S", 20), tax("10%", 10)],
        };
        let taxes = [("VAT 20", 20), ("10%", 10), ("7%", 7)].map(|(name, amount)| BranchTax {
            id: crate::model::BranchId::new(1),
            name: name.to_owned(),
            amount: amount.into(),
            amount_type: "percent".to_owned(),
            price_include: false,
        });
        let branch = BranchChoices {
            company: "Tirana".to_owned(),
            currency: "ALL".to_owned(),
            shops: vec!["Tirana".to_owned()],
            employees: vec!["Bob B".to_owned()],
            users: vec![pair("anna", "Anna T")],
            taxes: taxes.to_vec(),
        };
        let text = render("state", &place("central"), Some(&central), &[(place("tirana"), Some(branch))], Date::constant(2026, 11, 21));
        insta::assert_snapshot!(text);
        let config = Config::parse(&text, Path::new("branches.toml")).unwrap();
        assert_eq!(config.branches[0].customer, "Walk-in Tirana");
        assert_eq!(config.branches[0].salespeople["Bob B"], "bob");
    }
}
