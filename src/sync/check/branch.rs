//! What a pass needs of a branch, and what the branch's settings mean on both sides.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::central::Known;
use super::{Checked, REACH, Verdict, decimals, may_read, reach, rounding_method, send, some_of};
use crate::config::{Branch, Config};
use crate::mapping::match_tax;
use crate::model::{BranchTax, Company, Lot, Model, Partner, PosLineModel, PosOrderModel, Product, Tax, User};
use crate::odoo::Call;
use crate::problem::{Problem, Side};
use crate::store::{Store, StoreError};
use crate::sync::Connection;
use crate::sync::central::Resolved;

/// What a pass reads.
const READ: [&str; 12] = [
    PosOrderModel::NAME,
    PosLineModel::NAME,
    "pos.payment",
    "pos.session",
    "pos.config",
    Product::NAME,
    Tax::NAME,
    Partner::NAME,
    User::NAME,
    Company::NAME,
    Lot::NAME,
    "res.currency",
];

/// A Point of Sale of the branch.
#[derive(Debug, Clone, Deserialize)]
struct Shop {
    id: i64,
    name: String,
    active: bool,
    company_id: (i64, String),
    #[serde(default)]
    currency_id: Option<(i64, String)>,
}

pub(super) async fn check(store: &Store, config: &Config, branch: &Branch, central: Option<&Known>) -> Result<Checked, StoreError> {
    let side = Side::Branch(branch.code.clone());
    let mut seen = Checked::new(&side);
    if let Some(reached) = reach(store, config, &side, &branch.endpoint, &mut seen).await? {
        let (connection, major) = (Arc::new(reached.connection), reached.major);
        let readable = may_read(&connection, &READ, &mut seen).await;
        if readable.len() == READ.len() {
            seen.ok("rights", format!("May read {}", READ.join(", ")));
        }
        let shops = if readable.contains(&"pos.config") { shops(&connection, branch, &mut seen).await } else { None };
        if let Some(shops) = shops.as_deref().filter(|_| readable.contains(&"pos.session")) {
            sessions(&connection, shops, &mut seen).await;
        }
        both_sides(&connection, branch, central, shops.as_deref(), readable.contains(&Tax::NAME), &mut seen).await;
        send::check(&connection, major, branch, central, &mut seen).await;
    } else if let Some(central) = central {
        // What the settings mean at central can be seen without the branch.
        names(central, branch, &mut seen).await;
    }
    let receiving = ["clock", "rights", "shops", "sessions", "names", "taxes", "totals"];
    let order: Vec<&'static str> = REACH.into_iter().chain(receiving).chain(send::steps(branch).iter().copied()).collect();
    Ok(seen.finish(&order))
}

/// The shops that are received; their names in the settings are looked up letter by letter, as a pass does.
async fn shops(connection: &Connection, branch: &Branch, seen: &mut Checked) -> Option<Vec<Shop>> {
    let fields = ["name", "active", "company_id", "currency_id"];
    let call = Call::search_read("pos.config", json!([]), &fields).with_archived();
    let all: Vec<Shop> = match connection.ask(&call).await {
        Ok(all) => all,
        Err(problem) => {
            seen.failed_by("shops", &problem);
            return None;
        }
    };
    let missing: Vec<&String> = branch.shops.iter().filter(|name| !all.iter().any(|shop| shop.name == **name)).collect();
    for shop in &missing {
        seen.failed_by("shops", &Problem::ShopNotFound { shop: (*shop).clone() });
    }
    let chosen = |shop: &Shop| if branch.shops.is_empty() { shop.active } else { branch.shops.contains(&shop.name) };
    let received: Vec<Shop> = all.into_iter().filter(chosen).collect();
    if missing.is_empty() {
        let names: Vec<String> = received.iter().map(|shop| shop.name.clone()).collect();
        let all = if branch.shops.is_empty() { "All: " } else { "" };
        seen.ok("shops", format!("{all}{}", if names.is_empty() { "none yet".to_owned() } else { some_of(&names) }));
    }
    Some(received)
}

async fn sessions(connection: &Connection, shops: &[Shop], seen: &mut Checked) {
    #[derive(Deserialize)]
    struct Session {
        config_id: (i64, String),
        #[serde(default)]
        start_at: Option<String>,
    }
    let ids: Vec<i64> = shops.iter().map(|shop| shop.id).collect();
    let domain = json!([["state", "!=", "closed"], ["config_id", "in", ids]]);
    let open: Vec<Session> = match connection.ask(&Call::search_read("pos.session", domain, &["config_id", "start_at"])).await {
        Ok(open) => open,
        Err(problem) => return seen.failed_by("sessions", &problem),
    };
    let say = |session: &Session| {
        let since = session.start_at.as_deref().map(|at| format!(" since {at} UTC")).unwrap_or_default();
        format!("{}{since}", session.config_id.1)
    };
    let open: Vec<String> = open.iter().map(say).collect();
    seen.ok("sessions", if open.is_empty() { "None open".to_owned() } else { format!("{} open: {}", open.len(), some_of(&open)) });
}

async fn both_sides(
    connection: &Connection,
    branch: &Branch,
    central: Option<&Known>,
    shops: Option<&[Shop]>,
    taxes_readable: bool,
    seen: &mut Checked,
) {
    let Some(known) = central else {
        for step in ["names", "taxes", "totals"] {
            seen.skip(step, "Not checked: central cannot be asked");
        }
        return;
    };
    let Some(resolved) = names(known, branch, seen).await else { return };
    let Some(shops) = shops else { return };
    if taxes_readable {
        taxes(connection, known, branch, shops, &resolved, seen).await;
    }
    totals(connection, known, branch, shops, &resolved, seen).await;
}

/// Looks up each name in the branch's settings at central. A name that is not found is left out and the rest looked
/// up again, so that all complaints come at once.
async fn names(known: &Known, branch: &Branch, seen: &mut Checked) -> Option<Resolved> {
    let mut asked = branch.clone();
    let mut problems: Vec<Problem> = Vec::new();
    let resolved = loop {
        let problem = match known.central.resolve(&asked).await {
            Ok(resolved) => break Some(resolved),
            Err(problem) => problem,
        };
        let setting = match &problem {
            Problem::SettingNotFound { setting, .. } | Problem::SettingAmbiguous { setting, .. } => setting.clone(),
            _ => String::new(),
        };
        problems.push(problem);
        match setting.as_str() {
            // Record 1 is the first company's own; it stands in, so that the other settings are looked at.
            "customer" if asked.customer != "1" => asked.customer = "1".to_owned(),
            "warehouse" => asked.warehouse = None,
            "pricelist" => asked.pricelist = None,
            "team" => asked.team = None,
            "salesperson" => asked.salesperson = None,
            "rounding.product" => asked.rounding = None,
            _ => break None,
        }
    };
    let salespeople = resolved.iter().flat_map(|resolved| resolved.settings.salespeople.values());
    problems.extend(salespeople.filter_map(|found| found.as_ref().err().cloned()));
    problems.dedup();
    for problem in &problems {
        seen.failed_by("names", problem);
    }
    let resolved = resolved?;
    if problems.is_empty() {
        let settings = [
            Some(("company", &resolved.company)),
            Some(("customer", &branch.customer)),
            branch.warehouse.as_ref().map(|name| ("warehouse", name)),
            branch.pricelist.as_ref().map(|name| ("pricelist", name)),
            branch.team.as_ref().map(|name| ("team", name)),
            branch.salesperson.as_ref().map(|name| ("salesperson", name)),
            branch.rounding.as_ref().map(|rounding| ("rounding", &rounding.product)),
        ];
        let found: Vec<String> = settings.into_iter().flatten().map(|(key, name)| format!("{key} {name:?}")).collect();
        seen.ok("names", format!("At central: {}", some_of(&found)));
    }
    Some(resolved)
}

/// The pairs of the settings, then the taxes of the branch that would find no pair.
async fn taxes(connection: &Connection, known: &Known, branch: &Branch, shops: &[Shop], resolved: &Resolved, seen: &mut Checked) {
    let companies: BTreeSet<i64> = shops.iter().map(|shop| shop.company_id.0).collect();
    let domain = json!([["type_tax_use", "=", "sale"], ["company_id", "in", companies]]);
    let fields = ["name", "amount", "amount_type", "price_include"];
    let ours: Vec<BranchTax> = match connection.ask(&Call::search_read(Tax::NAME, domain, &fields)).await {
        Ok(taxes) => taxes,
        Err(problem) => return seen.failed_by("taxes", &problem),
    };
    let theirs = match known.central.taxes(resolved.draft.company_id).await {
        Ok(taxes) => taxes,
        Err(problem) => return seen.failed_by("taxes", &problem),
    };
    let mut failed = false;
    let mut missing = |name: &String, side: Side, seen: &mut Checked| {
        failed = true;
        seen.failed_by("taxes", &Problem::SettingNotFound { setting: "taxes".to_owned(), value: name.clone(), side });
    };
    for (name, central_name) in &branch.taxes {
        if !ours.iter().any(|tax| tax.name == *name) {
            missing(name, Side::Branch(branch.code.clone()), seen);
        }
        if !theirs.iter().any(|tax| tax.name == *central_name) {
            missing(central_name, Side::Central, seen);
        }
    }
    let unpaired = |tax: &&BranchTax| {
        let setting = branch.taxes.get(&tax.name).map(String::as_str);
        setting.is_none() && match_tax(tax, None, &theirs, &resolved.company).is_err()
    };
    let alone: Vec<String> = ours.iter().filter(unpaired).map(|tax| tax.name.clone()).collect();
    if !alone.is_empty() {
        let what = format!("Central has no tax of the same name and amount for: {}. Sales with one of these would wait.", some_of(&alone));
        let next = format!(
            "Integrator: if the shops use them, pair each under [branch.{}.taxes] with the central tax that means the same.",
            branch.code
        );
        seen.warn("taxes", what, next);
    } else if !failed {
        seen.ok("taxes", format!("Each of {} sales taxes has its pair at central", ours.len()));
    }
}

/// What makes a draft's total differ from the till's before anything is sold.
async fn totals(connection: &Connection, known: &Known, branch: &Branch, shops: &[Shop], resolved: &Resolved, seen: &mut Checked) {
    let before = seen.steps.len();
    let central_currency = &resolved.settings.currency;
    let currencies: BTreeSet<&String> = shops.iter().filter_map(|shop| shop.currency_id.as_ref()).map(|(_, name)| name).collect();
    for currency in currencies.into_iter().filter(|currency| *currency != central_currency) {
        seen.failed_by("totals", &Problem::CurrencyDiffers { branch: currency.clone(), central: central_currency.clone() });
    }
    let differ = |seen: &mut Checked, what: String, agree: String| match &branch.rounding {
        Some(rounding) => {
            let limit = rounding.limit;
            seen.ok("totals", format!("{what} `rounding` gives a difference of up to {limit} {central_currency} a line of its own"));
        }
        None => {
            let rounding = format!("set `rounding` in [branch.{}], so that small differences get a line of their own", branch.code);
            seen.warn("totals", what, format!("Integrator: {agree}, or {rounding}."));
        }
    };
    let ours = decimals(connection, PosLineModel::NAME, "qty").await;
    if let (Some(ours), Some(theirs)) = (ours, known.quantity_decimals)
        && ours > theirs
    {
        let what = format!("Quantities have {ours} decimals at the branch and {theirs} at central, so central would round some of them.");
        let digits =
            if known.central.connection.asked.major.is_some_and(|major| major < 19) { "Product Unit of Measure" } else { "Product Unit" };
        let agree = format!("at central, in developer mode, set Settings > Technical > Decimal Accuracy > {digits} to {ours} digits");
        differ(seen, what, agree);
    }
    let companies: BTreeSet<i64> = shops.iter().map(|shop| shop.company_id.0).collect();
    let theirs = rounding_method(&known.central.connection, resolved.draft.company_id.get()).await;
    for company in companies {
        let ours = rounding_method(connection, company).await;
        if ours.is_some() && theirs.is_some() && ours != theirs {
            let what = format!("Taxes are rounded {} at the branch and {} at central.", in_words(&ours), in_words(&theirs));
            let agree = "choose one rounding method under Invoicing > Configuration > Settings > Taxes on both sides";
            differ(seen, what, agree.to_owned());
        }
    }
    if seen.steps.len() == before {
        seen.ok("totals", format!("Both sides sell in {central_currency} and round alike"));
    }
    debug_assert!(seen.steps[before..].iter().all(|step| step.result != Verdict::Skipped));
}

fn in_words(method: &Option<String>) -> &'static str {
    match method.as_deref() {
        Some("round_per_line") => "line by line",
        _ => "in sum",
    }
}
