//! The faults of `/xmlrpc/2`: code and text as Odoo sends them, where versions differ with the version asked.
//!
//! 1 any exception, with a Python traceback; 2 what a person did wrong; 3 a bad log-in; 4 a missing right.

use super::schema::Model;
use super::version::Version;

/// A fault: the call is rolled back, unless it faults while its result is put on the wire.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// 1 to 4.
    pub code: i64,
    /// The text; for code 1 a traceback.
    pub text: String,
    /// Whether the database raised it: `load` reports those row by row only.
    pub sql: bool,
    /// The field that a database error names.
    pub field: Option<String>,
}

impl Fault {
    /// Fault 1: a Python exception, given as the last line of its traceback.
    pub fn exception(last_line: impl AsRef<str>) -> Self {
        let text = format!(
            "Traceback (most recent call last):\n  File \"odoo/addons/rpc/controllers/xmlrpc.py\", line 162, in xmlrpc_2\n    \
             response = self._xmlrpc(service)\n               ^^^^^^^^^^^^^^^^^^^^^\n  \
             File \"odoo/addons/rpc/controllers/xmlrpc.py\", line 134, in _xmlrpc\n    \
             result = dispatch_rpc(service, method, params)\n             \
             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n{}\n",
            last_line.as_ref()
        );
        Self { code: 1, text, sql: false, field: None }
    }

    /// Fault 2: a refusal in plain words.
    pub fn user(text: impl Into<String>) -> Self {
        Self { code: 2, text: text.into(), sql: false, field: None }
    }

    /// Fault 3.
    pub fn access_denied() -> Self {
        Self { code: 3, text: "Access Denied".into(), sql: false, field: None }
    }

    /// Fault 4.
    pub fn access(text: impl Into<String>) -> Self {
        Self { code: 4, text: text.into(), sql: false, field: None }
    }

    /// Fault 2 as PostgreSQL's refusals arrive: a constraint, a serialization failure.
    pub fn sql(text: impl Into<String>) -> Self {
        Self { sql: true, ..Self::user(text) }
    }

    /// What a call gets that wrote what another call, not yet visible to it, has written: rolled back, to be repeated.
    pub fn serialization() -> Self {
        Self::sql("could not serialize access due to concurrent update\n")
    }

    /// Fault 2 for a record that is gone.
    pub fn missing(model: &str, id: i64, uid: i64) -> Self {
        Self::user(format!("Record does not exist or has been deleted.\n(Record: {model}({id},), User: {uid})"))
    }

    /// Fault 4 for a method that is not public.
    pub fn private(version: Version, model: &str, method: &str) -> Self {
        Self::access(match version {
            Version::V19 => format!("Private methods (such as '{model}.{method}') cannot be called remotely."),
            _ => format!("Private methods (such as {method}) cannot be called remotely."),
        })
    }

    /// Fault 1 for a method that there is not.
    pub fn no_method(version: Version, model: &str, method: &str) -> Self {
        Self::exception(match version {
            Version::V19 => format!("AttributeError: The method '{model}.{method}' does not exist"),
            Version::V17 | Version::V18 => format!("AttributeError: The method '{method}' does not exist on the model '{model}'"),
            _ => format!("AttributeError: type object '{model}' has no attribute '{method}'"),
        })
    }

    /// Fault 4 for a company outside the user's own in `allowed_company_ids`.
    pub fn company() -> Self {
        Self::access("Access to unauthorized or invalid companies.")
    }

    /// Fault 4 for an operation on a model; `operation` is one of `r w c u`.
    pub fn groups(version: Version, model: &Model, operation: char) -> Self {
        let verb = match operation {
            'w' => "modify",
            'c' => "create",
            'u' => "delete",
            _ => "access",
        };
        let allowed: Vec<&str> =
            model.access.iter().filter(|(_, granted)| granted.contains(operation)).map(|(group, _)| group.as_str()).collect();
        Self::access(match version {
            Version::V19 => group_text(model, verb, &allowed),
            _ => older_group_text(version, model, verb, &allowed),
        })
    }

    /// Fault 4 for a record behind a record rule, here always the company's.
    pub fn rule(model: &Model, operation: char, user: &str, uid: i64) -> Self {
        let verb = match operation {
            'w' => "write",
            'c' => "create",
            'u' => "unlink",
            _ => "read",
        };
        Self::access(format!(
            "Uh-oh! Looks like you have stumbled upon some top-secret records.\n\nSorry, {user} (id={uid}) doesn't have '{verb}' \
             access to:\n- {} ({})\n\nIf you really, really need access, perhaps you can win over your friendly administrator with \
             a batch of freshly baked cookies.\n\nThis seems to be a multi-company issue, but you do not have access to the proper \
             company to access the record anyhow.",
            model.label, model.name
        ))
    }

    /// Fault 2 (or a message of `load`) for a required field without a value.
    pub fn required(version: Version, model: &Model, field: &str) -> Self {
        let label = model.field(field).map_or(field, |f| f.label.as_str());
        let mut text = format!("Missing required value for the field '{label}' ({field})");
        if version > Version::V14 {
            text += &format!(
                ".\nModel: '{}' ({})\n\
                 - create/update: a mandatory field is not set\n\
                 - delete: another model requires the record being deleted, you can archive it instead\n",
                model.label, model.name
            );
        }
        Self { field: Some(field.to_owned()), ..Self::sql(text) }
    }

    /// Whether Odoo raises this as a `UserError` (or one of its kinds), which `load` turns into a message with its text.
    pub fn is_user_error(&self) -> bool {
        self.code != 1 && !self.sql
    }
}

/// Groups of an application come first and are written `Application/Group`; the others keep their own name.
fn group_text(model: &Model, verb: &str, groups: &[&str]) -> String {
    let start = format!("You are not allowed to {verb} '{}' ({}) records.\n\n", model.label, model.name);
    let end = "\n\nContact your administrator to request access if necessary.";
    if groups.is_empty() {
        return format!("{start}No group currently allows this operation.{end}");
    }
    let mut shown: Vec<(bool, String)> = groups
        .iter()
        .map(|group| match group.split_once(" / ") {
            Some((application, name)) if application != "Role" => (false, format!("{application}/{name}")),
            _ => (true, (*group).to_owned()),
        })
        .collect();
    shown.sort();
    let list: Vec<String> = shown.into_iter().map(|(_, group)| format!("\t- {group}")).collect();
    format!("{start}This operation is allowed for the following groups:\n{}{end}", list.join("\n"))
}

/// Up to 18 every group has an application, which is written before it.
fn older_group_text(version: Version, model: &Model, verb: &str, groups: &[&str]) -> String {
    let start = format!("You are not allowed to {verb} '{}' ({}) records.\n\n", model.label, model.name);
    let end = "\n\nContact your administrator to request access if necessary.";
    if groups.is_empty() {
        return format!("{start}No group currently allows this operation.{end}");
    }
    let mut shown: Vec<String> = groups.iter().map(|group| older_group(version, group)).collect();
    shown.sort();
    let list: Vec<String> = shown.into_iter().map(|group| format!("\t- {group}")).collect();
    format!("{start}This operation is allowed for the following groups:\n{}{end}", list.join("\n"))
}

/// `Role / User` of 19 as `User types/Internal User`.
fn older_group(version: Version, group: &str) -> String {
    match group {
        "Accounting / Invoicing" if version < Version::V18 => "Invoicing/Billing".to_owned(),
        "Accounting / Administrator" if version < Version::V18 => "Invoicing/Billing Administrator".to_owned(),
        "Accounting / Invoicing" => "Invoicing/Invoicing".to_owned(),
        "Accounting / Administrator" => "Invoicing/Administrator".to_owned(),
        "Role / User" => "User types/Internal User".to_owned(),
        "Role / Portal" => "User types/Portal".to_owned(),
        "Role / Public" => "User types/Public".to_owned(),
        "Role / Administrator" => "Administration/Settings".to_owned(),
        "Access Rights" => "Administration/Access Rights".to_owned(),
        "Contact / Creation" => "Extra Rights/Contact Creation".to_owned(),
        "Products / Create" => "Extra Rights/Product Creation".to_owned(),
        group => match group.split_once(" / ") {
            Some((application, name)) => format!("{application}/{name}"),
            None => format!("Technical/{group}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::schema::model;

    #[test]
    fn a_missing_right_names_the_groups_that_have_it() {
        let order = model("sale.order").expect("installed");
        assert_eq!(
            Fault::groups(Version::V19, order, 'r').text,
            "You are not allowed to access 'Sales Order' (sale.order) records.\n\nThis operation is allowed for the following \
             groups:\n\t- Accounting/Invoicing\n\t- Inventory/User\n\t- Sales/Administrator\n\t- Sales/User: Own Documents \
             Only\n\t- Role / Portal\n\t- Show Accounting Features - Readonly\n\t- Show Full Accounting Features\n\nContact your \
             administrator to request access if necessary."
        );
    }
}
