//! Who may do what: the rights of groups on models, and the rules on records.

use super::fault::Fault;
use super::orm::Env;
use super::sale;
use super::schema::Model;
use super::table::{Database, Row};

impl Database {
    /// Fails with fault 4 when the user's groups do not grant an operation (`r w c u`).
    pub fn check_access(&self, env: &Env, model: &Model, operation: char) -> Result<(), Fault> {
        if self.has_access(env, model, operation) { Ok(()) } else { Err(Fault::groups(self.version, model, operation)) }
    }

    /// Whether the user's groups grant an operation.
    pub fn has_access(&self, env: &Env, model: &Model, operation: char) -> bool {
        let Some(groups) = self.groups.get(&env.uid) else { return env.root };
        env.root || model.access.iter().any(|(group, granted)| granted.contains(operation) && groups.contains(group))
    }

    /// Whether the record rules show a record: companies, and a plain salesman's own orders.
    pub fn visible(&self, env: &Env, model: &'static Model, id: i64, row: &Row) -> bool {
        if env.root {
            return true;
        }
        match model.name.as_str() {
            "res.company" => env.companies.contains(&id),
            "res.users" => {
                let companies = model.column("company_ids").map(|column| row.get(column).ids()).unwrap_or_default();
                companies.iter().any(|company| env.companies.contains(company))
            }
            // Hidden by the rules of the journal entries that they are.
            "account.bank.statement.line" => self.groups.get(&env.uid).is_some_and(|groups| groups.contains("Accounting / Invoicing")),
            "res.users.apikeys" => model.column("user_id").is_some_and(|column| row.get(column).as_int() == Some(env.uid)),
            name => {
                let company = model.column("company_id").and_then(|column| self.value(model, id, row, column).as_int());
                company.is_none_or(|company| env.companies.contains(&company))
                    && (name != "sale.order" || sale::salesman_sees(self, env, row))
            }
        }
    }

    /// Fails with fault 4 for a record that the rules do not show.
    pub fn check_rules(&self, env: &Env, model: &'static Model, ids: &[i64], operation: char) -> Result<(), Fault> {
        for id in ids {
            if let Some(row) = self.row(model, *id)
                && !self.visible(env, model, *id, row)
            {
                let user = self.display_name("res.users", env.uid);
                return Err(Fault::rule(model, operation, &user, env.uid));
            }
        }
        Ok(())
    }

    /// Whether a partner is that of a user other than this one.
    pub(super) fn logs_in(&self, users: &'static Model, partner: i64, except: i64) -> bool {
        let column = users.column("partner_id");
        self.table(users).is_some_and(|table| {
            table.rows().iter().any(|(id, row)| *id != except && column.and_then(|column| row.get(column).as_int()) == Some(partner))
        })
    }
}
