//! The money of a session as Odoo 19 computes it, and what happens at a cash drawer.

use rust_decimal::Decimal;

use super::db::Db;
use super::fault::Fault;
use super::schema::Model;
use super::table::{Database, Row};
use super::time::SECOND;
use super::wire::Value;
use super::{orm::Env, sale};

const SESSION: &str = "pos.session";

/// Cash put in and taken out.
const MOVEMENT: &str = "account.bank.statement.line";

/// What Odoo computes of a session; `None` for a plain column.
pub fn computed(db: &Database, model: &Model, id: i64, row: &Row, field: &str) -> Option<Value> {
    if model.name != SESSION {
        return None;
    }
    let stored = |field: &str| model.column(field).and_then(|column| row.get(column).as_decimal()).unwrap_or_default();
    Some(match field {
        "order_count" => Value::Int(db.ids_of(SESSION, id, "order_ids").len() as i64),
        "total_payments_amount" => float(payments(db, id, |_| true)),
        "cash_register_balance_end" => float(expected(db, model, id, row)),
        "cash_register_difference" => match takes_cash(db, model, row) {
            true => float(stored("cash_register_balance_end_real") - expected(db, model, id, row)),
            false => float(Decimal::ZERO),
        },
        _ => return None,
    })
}

fn float(amount: Decimal) -> Value {
    Value::from(amount)
}

/// What should be in the drawer. Of an open session the bridge's user gets it without what was put in or taken out, since
/// the rules of journal entries hide that from him.
fn expected(db: &Database, model: &Model, id: i64, row: &Row) -> Decimal {
    if !takes_cash(db, model, row) {
        return Decimal::ZERO;
    }
    let stored = |field: &str| model.column(field).and_then(|column| row.get(column).as_decimal()).unwrap_or_default();
    let cash = payments(db, id, |method| is_cash(db, method));
    stored("cash_register_balance_start") + cash + stored("cash_real_transaction")
}

fn is_cash(db: &Database, method: i64) -> bool {
    let journal = db.stored("pos.payment.method", method, "journal_id").as_int();
    journal.is_some_and(|journal| db.stored("account.journal", journal, "type").as_str() == Some("cash"))
}

fn takes_cash(db: &Database, model: &Model, row: &Row) -> bool {
    let shop = model.column("config_id").and_then(|column| row.get(column).as_int());
    shop.is_some_and(|shop| db.ids_of("pos.config", shop, "payment_method_ids").into_iter().any(|method| is_cash(db, method)))
}

/// Payments of the session's paid orders by methods that fit.
fn payments(db: &Database, session: i64, fits: impl Fn(i64) -> bool) -> Decimal {
    let paid = |order: &i64| matches!(db.stored("pos.order", *order, "state").as_str(), Some("paid" | "done" | "invoiced"));
    let orders = db.ids_of(SESSION, session, "order_ids").into_iter().filter(paid);
    let all = orders.flat_map(|order| db.ids_of("pos.order", order, "payment_ids"));
    let counted = all.filter(|payment| db.stored("pos.payment", *payment, "payment_method_id").as_int().is_some_and(&fits));
    counted.map(|payment| sale::amount(db, "pos.payment", payment, "amount")).sum()
}

impl Db {
    /// Counts the cash at the opening of a session.
    pub fn count_opening(&self, session: i64, counted: &str) -> Result<(), Fault> {
        let counted: Decimal = counted.parse().unwrap_or_default();
        self.with(|db| write(db, session, vec![("cash_register_balance_start".into(), counted.into())]))
    }

    /// Puts cash into the drawer of an open session, or with a negative amount takes it out.
    pub fn move_cash(&self, session: i64, amount: &str) -> Result<i64, Fault> {
        let amount: Decimal = amount.parse().unwrap_or_default();
        let company = self.with(|db| db.stored(SESSION, session, "company_id"));
        let name = self.with(|db| db.display_name(SESSION, session));
        let direction = if amount.is_sign_negative() { "out" } else { "in" };
        let label = format!("{name}-{direction}-test");
        self.insert(
            MOVEMENT,
            [
                ("pos_session_id", session.into()),
                ("amount", amount.into()),
                ("payment_ref", label.as_str().into()),
                ("company_id", company),
            ],
        )
    }

    /// Closes a session: its paid orders become done in one stroke, with one `write_date`, and the cash is counted as it
    /// should be.
    pub fn close_session(&self, session: i64) -> Result<(), Fault> {
        self.close(session, None)
    }

    /// The same, with so much cash counted.
    pub fn close_session_counting(&self, session: i64, counted: &str) -> Result<(), Fault> {
        self.close(session, Some(counted.parse().unwrap_or_default()))
    }

    fn close(&self, session: i64, counted: Option<Decimal>) -> Result<(), Fault> {
        self.with(|db| {
            let now = Value::Time(db.now / SECOND * SECOND);
            let (Some(order), Some(of)) = (db.model("pos.order"), db.model(SESSION)) else { return Ok(()) };
            let orders = db.ids_of(SESSION, session, "order_ids").into_iter();
            let paid: Vec<i64> = orders.filter(|id| db.stored("pos.order", *id, "state").as_str() == Some("paid")).collect();
            db.write(&Env::root(), order, &paid, vec![("state".into(), "done".into())])?;
            let moved: Decimal =
                db.ids_of(SESSION, session, "statement_line_ids").into_iter().map(|line| sale::amount(db, MOVEMENT, line, "amount")).sum();
            write(db, session, vec![("cash_real_transaction".into(), moved.into())])?;
            let expected = db.row(of, session).map_or(Decimal::ZERO, |row| expected(db, of, session, row));
            let counted = counted.unwrap_or(expected);
            write(
                db,
                session,
                vec![("cash_register_balance_end_real".into(), counted.into()), ("state".into(), "closed".into()), ("stop_at".into(), now)],
            )
        })
    }
}

fn write(db: &mut Database, session: i64, values: Vec<(String, Value)>) -> Result<(), Fault> {
    match db.model(SESSION) {
        Some(model) => db.write(&Env::root(), model, &[session], values),
        None => Ok(()),
    }
}
