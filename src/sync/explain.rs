//! From what went wrong on the wire to what a person reads.

use crate::model::{CentralId, Model, SaleOrderModel};
use crate::odoo::{OdooError, Outcome, TlsFault};
use crate::problem::{Problem, Side};

/// Who asked whom, for the sentences.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The side that was asked.
    pub side: Side,
    /// The log-in used.
    pub login: String,
    /// Whether this log-in has worked before: then a refusal means that something changed.
    pub worked_before: bool,
    /// The major version of the Odoo, where it is known.
    pub major: Option<u32>,
}

/// The major number of a version as Odoo tells it: 18 of `saas~18.2`.
pub fn major_of(version: &str) -> Option<u32> {
    let digits: String = version.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// The problem behind a failed call.
pub fn problem(error: &OdooError, asked: &Asked) -> Problem {
    let side = asked.side.clone();
    let user = asked.login.clone();
    match error {
        OdooError::HostNotFound(host) => Problem::HostNotFound { side, host: host.clone() },
        OdooError::Refused(address) => Problem::ConnectionRefused { side, address: address.clone() },
        OdooError::ConnectTimeout(wait) | OdooError::Timeout(wait) => Problem::TimedOut { side, seconds: wait.as_secs() },
        OdooError::Tls { host, fault } => {
            let host = host.clone();
            match fault {
                TlsFault::Expired => Problem::TlsExpired { side, host },
                TlsFault::WrongName => Problem::TlsWrongName { side, host },
                TlsFault::UnknownIssuer => Problem::TlsUnknownIssuer { side, host },
                TlsFault::Other(reason) => Problem::TlsFailed { side, host, reason: reason.clone() },
            }
        }
        OdooError::Connect(reason) => Problem::ConnectionLost { side, reason: reason.clone() },
        OdooError::Lost(reason) => Problem::AnswerLost { side, reason: reason.clone() },
        OdooError::NotOdoo { url, seen, .. } => Problem::NotOdoo { side, url: url.clone(), seen: seen.clone() },
        OdooError::Busy { reason, .. } => Problem::ServerBusy { side, reason: reason.clone() },
        OdooError::RequestTooLarge => Problem::RequestTooLarge { side },
        OdooError::ReplyTooLarge(limit_mb) => Problem::ReplyTooLarge { side, limit_mb: *limit_mb },
        OdooError::Broken(reason) => Problem::ReplyBroken { side, reason: reason.clone() },
        OdooError::DatabaseUnknown(database) => Problem::DatabaseUnknown { side, database: database.clone() },
        OdooError::NotAKey(_) => Problem::KeyNeeded { side, user },
        OdooError::KeyOfAnother { other, .. } => Problem::KeyOfAnother { side, user, other: other.clone() },
        OdooError::Denied(_) if asked.worked_before => Problem::KeyExpired { side, user },
        OdooError::Denied(_) => Problem::PasswordRefused { side, user },
        OdooError::Access(words) => right_missing(words, side, user, asked.major),
        OdooError::ModelUnknown(model) => Problem::ModuleMissing { side, model: model.clone(), module: module_of(model).to_owned() },
        OdooError::FieldUnknown(words) => {
            let (field, model) = quoted_pair(words);
            Problem::FieldMissing { side, model, field }
        }
        OdooError::Refusal(words) => Problem::RefusedByOdoo { words: words.clone() },
        OdooError::DoneWithoutResult => Problem::AnswerLost { side, reason: error.to_string() },
        OdooError::Server(words) => Problem::ServerError { side, words: words.clone() },
    }
}

/// Whether a failed call is worth repeating at once, within the same pass.
pub fn passes_by_itself(error: &OdooError) -> bool {
    matches!(
        error,
        OdooError::Busy { .. } | OdooError::Lost(_) | OdooError::Timeout(_) | OdooError::Broken(_) | OdooError::DoneWithoutResult
    ) || matches!(error, OdooError::NotOdoo { outcome: Outcome::Unknown, .. })
}

/// Reads model, operation and groups out of Odoo's access message:
/// `You are not allowed to create 'Sales Order' (sale.order) records.` and a list of groups, a dash each.
fn right_missing(words: &str, side: Side, user: String, major: Option<u32>) -> Problem {
    let lower = words.to_lowercase();
    // "doesn't have 'read' access to:\n- Tax (account.tax)" is the form of Odoo's record rules.
    let by_rule = lower.split_once("doesn't have '").and_then(|(_, rest)| rest.split_once('\'')).map(|(operation, _)| operation);
    let verbs = [
        ("not allowed to create", "create"),
        ("not allowed to modify", "write"),
        ("not allowed to delete", "unlink"),
        ("not allowed to access", "read"),
    ];
    let by_verb = verbs.into_iter().find(|(verb, _)| lower.contains(verb)).map(|(_, operation)| operation);
    let operation = by_rule.or(by_verb).unwrap_or("read").to_owned();
    let looks_like_model =
        |text: &&str| text.contains('.') && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_'));
    let model = words.split(['(', ')']).find(looks_like_model).unwrap_or("").to_owned();
    let list = words.split_once("following groups:").map_or("", |(_, rest)| rest);
    let groups = list.lines().map_while(|line| match line.trim() {
        "" => Some(None),
        line => line.strip_prefix('-').map(|group| Some(group.trim().to_owned())),
    });
    Problem::RightMissing { side, user: user.into(), model, operation, groups: groups.flatten().collect(), major }
}

fn module_of(model: &str) -> &'static str {
    match model.split('.').next().unwrap_or_default() {
        "pos" => "point_of_sale",
        "sale" => "sale_management",
        "stock" => "sale_stock",
        "crm" => "sales_team",
        "account" => "account",
        "hr" => "pos_hr",
        _ => "point_of_sale",
    }
}

/// The field and the model in `Invalid field 'nope' on 'sale.order'` and `Invalid field sale.order.nope in condition`.
fn quoted_pair(words: &str) -> (String, String) {
    let quoted: Vec<&str> = words.split('\'').skip(1).step_by(2).collect();
    match (quoted.as_slice(), words.split_once("Invalid field ")) {
        (_, Some((_, rest))) if !rest.starts_with('\'') && !rest.starts_with("name") => {
            let path = rest.split_whitespace().next().unwrap_or_default();
            path.rsplit_once('.').map_or((path.to_owned(), String::new()), |(model, field)| (field.to_owned(), model.to_owned()))
        }
        ([field, model, ..], _) => ((*field).to_owned(), (*model).to_owned()),
        ([field], _) => ((*field).to_owned(), SaleOrderModel::NAME.to_owned()),
        _ => (words.to_owned(), String::new()),
    }
}

/// Whether Odoo's words say that the user may not use a model at all (and not: this one record of it).
pub fn forbids_model(words: &str) -> bool {
    words.contains("You are not allowed to ")
}

/// Whether Odoo's words say that the user may not write people who log in: that concerns those customers alone who do.
pub fn forbids_logins(words: &str) -> bool {
    forbids_model(words) && words.contains("(res.users)")
}

/// What a complaint of `load` about one record means.
pub fn complaint(words: &str) -> Problem {
    let words = words.trim().to_owned();
    if gone_record(&words).is_some() {
        let model = if words.contains("/Product") {
            "product.product"
        } else if words.contains("Taxes") {
            "account.tax"
        } else {
            "res.partner"
        };
        return Problem::RecordGone { model: model.to_owned(), words };
    }
    let companies = ["company inconsistencies", "multi-company", "belongs to company", "unauthorized or invalid companies"];
    if companies.iter().any(|sign| words.contains(sign)) {
        return Problem::CompanyMixedUp { words };
    }
    Problem::RefusedByOdoo { words }
}

/// The id in `No matching record found for database id '123' in field 'Order Lines/Product'`.
pub fn gone_record(words: &str) -> Option<CentralId<()>> {
    let (_, rest) = words.split_once("No matching record found for database id '")?;
    rest.split_once('\'')?.0.parse().ok().map(CentralId::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn central() -> Asked {
        Asked { side: Side::Central, login: "bridge".to_owned(), worked_before: false, major: None }
    }

    #[test]
    fn odoos_access_message_names_model_operation_and_groups() {
        let words = "You are not allowed to create 'Sales Order' (sale.order) records.\n\nThis operation is allowed for the following groups:\n\t- Sales/User: Own Documents Only\n\t- Sales/Administrator\n\nContact your administrator to request access if necessary.";
        let Problem::RightMissing { model, operation, groups, .. } = problem(&OdooError::Access(words.to_owned()), &central()) else {
            panic!()
        };
        assert_eq!((model.as_str(), operation.as_str()), ("sale.order", "create"));
        assert_eq!(groups, ["Sales/User: Own Documents Only", "Sales/Administrator"]);
        let rule = "Uh-oh! Looks like you have stumbled upon some top-secret records.\n\nSorry, bridge2 (id=8) doesn't have 'read' access to:\n- Tax (account.tax)";
        let Problem::RightMissing { model, operation, .. } = problem(&OdooError::Access(rule.to_owned()), &central()) else { panic!() };
        assert_eq!((model.as_str(), operation.as_str()), ("account.tax", "read"));
    }

    #[test]
    fn an_unknown_field_is_named_in_each_of_odoos_forms() {
        for words in
            ["ValueError: Invalid field 'nope' on 'sale.order'", "ValueError: Invalid field sale.order.nope in condition ('nope', '=', 1)"]
        {
            let Problem::FieldMissing { model, field, .. } = problem(&OdooError::FieldUnknown(words.to_owned()), &central()) else {
                panic!()
            };
            assert_eq!((model.as_str(), field.as_str()), ("sale.order", "nope"), "{words}");
        }
    }

    #[test]
    fn complaints_of_load_are_told_apart() {
        let gone = "No matching record found for database id '99999999' in field 'Order Lines/Product'";
        assert!(matches!(complaint(gone), Problem::RecordGone { model, .. } if model == "product.product"));
        assert_eq!(gone_record(gone), Some(CentralId::new(99_999_999)));
        let company = "Failed to write field sale.order.line.tax_ids\nUh-oh! … This seems to be a multi-company issue…";
        assert!(matches!(complaint(company), Problem::CompanyMixedUp { .. }));
        assert!(forbids_model("You are not allowed to create 'Sales Order' (sale.order) records."));
        assert!(!forbids_model("Sorry, bridge (id=8) doesn't have 'read' access to:\n- Product (product.product)"));
        assert!(matches!(complaint("The product is sold out"), Problem::RefusedByOdoo { .. }));
    }
}
