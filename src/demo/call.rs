//! One remote call on a database: log-in, arguments by position or by name, the method, commit or rollback.

use super::fault::Fault;
use super::load::{self, Options};
use super::orm::{Env, Values};
use super::schema::Model;
use super::table::{Database, ENGLISH, Scope};
use super::version::Version;
use super::wire::{Value, dict};
use super::{product, sale};

/// A call of `execute_kw`, taken apart.
#[derive(Debug, Clone)]
pub struct Call {
    /// Database name.
    pub database: String,
    /// The user's id as sent; Odoo also gets `false` from clients that failed to log in.
    pub uid: Value,
    /// Password or API key.
    pub password: Value,
    /// Model name.
    pub model: String,
    /// Method name.
    pub method: String,
    /// Positional arguments.
    pub args: Vec<Value>,
    /// Named arguments, the context among them.
    pub kwargs: Value,
}

impl Call {
    /// From the parameters of `execute_kw` or `execute`.
    pub fn of(method: &str, params: Vec<Value>) -> Result<Self, Fault> {
        let named = method == "execute_kw";
        if !named && method != "execute" {
            return Err(Fault::exception(format!("NameError: Method not available {method}")));
        }
        let mut params = params.into_iter();
        let mut next = || params.next();
        let (Some(database), Some(uid), Some(password), Some(model), Some(name)) = (next(), next(), next(), next(), next()) else {
            return Err(Fault::exception("ValueError: not enough values to unpack (expected 5)"));
        };
        let rest: Vec<Value> = params.collect();
        let (args, kwargs) = if named {
            let args = rest.first().and_then(Value::as_array).unwrap_or_default().to_vec();
            (args, rest.get(1).cloned().unwrap_or(Value::Struct(Vec::new())))
        } else {
            (rest, Value::Struct(Vec::new()))
        };
        let (database, model, method) = (database.python_str(), model.python_str(), name.python_str());
        Ok(Self { database, uid, password, model, method, args, kwargs })
    }

    /// An argument by its position or its name.
    fn arg(&self, position: usize, name: &str) -> Option<&Value> {
        self.args.get(position).or_else(|| self.kwargs.get(name))
    }

    fn required(&self, position: usize, name: &str) -> Result<&Value, Fault> {
        self.arg(position, name).ok_or_else(|| {
            Fault::exception(format!("TypeError: BaseModel.{}() missing 1 required positional argument: '{name}'", self.method))
        })
    }

    fn context(&self) -> Value {
        self.kwargs.get("context").cloned().unwrap_or(Value::Struct(Vec::new()))
    }

    /// The external ids that this call would create: PostgreSQL lets one call at a time write them.
    pub fn xids(&self, db: &Database) -> Vec<String> {
        if self.method != "load" {
            return Vec::new();
        }
        let options = Options::of(&self.context(), db.commits);
        let (Some(fields), Some(rows)) = (self.arg(0, "fields"), self.arg(1, "data")) else { return Vec::new() };
        load::named_xids(fields, rows, &options).into_iter().filter(|xid| db.xid(xid).is_none()).collect()
    }

    fn number(&self, position: usize, name: &str) -> Option<usize> {
        self.arg(position, name).and_then(Value::as_int).and_then(|number| usize::try_from(number).ok())
    }

    /// A limit; 0 is none.
    fn limit(&self, position: usize) -> Option<usize> {
        self.number(position, "limit").filter(|limit| *limit > 0)
    }

    fn order(&self, position: usize) -> Option<&str> {
        self.arg(position, "order").and_then(Value::as_str).filter(|order| !order.is_empty())
    }
}

/// `common.authenticate`: the user's id, or `false`.
pub fn authenticate(db: &mut Database, login: &str, password: &str) -> Value {
    let Some(model) = db.model("res.users") else { return Value::FALSE };
    let Some(column) = model.column("login") else { return Value::FALSE };
    let rows = db.table(model).into_iter().flat_map(|table| table.rows());
    let found = rows.filter(|(_, row)| row.get(column).as_str() == Some(login)).map(|(id, _)| *id).next();
    match found {
        Some(uid) if lets_in(db, uid, password) => Value::Int(uid),
        _ => Value::FALSE,
    }
}

/// Runs a call in a transaction of its own. `snapshot` is the number of commits when the call arrived.
pub fn execute(db: &mut Database, call: &Call, snapshot: u64) -> Result<Value, Fault> {
    db.now = db.clock.now();
    let result = run(db, call, snapshot);
    db.scope = Scope::default();
    db.wrote = match &result {
        Ok(_) => db.commit(),
        Err(_) => {
            db.rollback(0);
            false
        }
    };
    // Outside `load` a database's refusal is introduced.
    result.map_err(|fault| match fault.field {
        Some(_) => Fault { text: format!("The operation cannot be completed: {}", fault.text), ..fault },
        None => fault,
    })
}

fn run(db: &mut Database, call: &Call, snapshot: u64) -> Result<Value, Fault> {
    let uid = log_in(db, call)?;
    let Some(model) = db.model(&call.model) else {
        return Err(Fault::user(format!("Object {} doesn't exist", call.model)));
    };
    if call.method.starts_with('_') || matches!(call.method.as_str(), "check_access" | "search_fetch" | "browse" | "sudo") {
        return Err(Fault::private(db.version, &call.model, &call.method));
    }
    if !has_method(db.version, &call.method) {
        return Err(Fault::no_method(db.version, &call.model, &call.method));
    }
    db.scope = scope(db, &call.context())?;
    let env = Env::of_user(db, uid, call.context());
    if call.method == "load" {
        let options = Options::of(&call.context(), snapshot);
        return load::load(db, &env, model, call.required(0, "fields")?, call.required(1, "data")?, &options);
    }
    if call.method == "fields_get" {
        return Ok(db.fields_get(model, call.arg(0, "allfields"), call.arg(1, "attributes")));
    }
    method(db, &env?, model, call)
}

/// Whether a version has a method that not all of them have.
fn has_method(version: Version, method: &str) -> bool {
    match method {
        "formatted_read_group" => version >= Version::V19,
        "has_access" => version >= Version::V18,
        "action_lock" | "action_unlock" => version >= Version::V17,
        "action_done" => version <= Version::V16,
        _ => true,
    }
}

/// What the context says of languages, archived records and pictures. An inactive language is refused.
fn scope(db: &Database, context: &Value) -> Result<Scope, Fault> {
    let lang = context.get("lang").filter(|lang| lang.truthy()).map_or(ENGLISH.to_owned(), Value::python_str);
    let langs = db.model("res.lang").and_then(|model| db.table(model)).into_iter().flat_map(|table| table.rows().keys());
    let active = |id: &i64| {
        let stored = |field: &str| db.stored("res.lang", *id, field);
        stored("code").as_str() == Some(&lang) && stored("active").truthy()
    };
    if lang != ENGLISH && !langs.into_iter().any(active) {
        return Err(Fault::user(format!("Invalid language code: {lang}")));
    }
    Ok(Scope {
        lang,
        active_test: context.get("active_test").is_none_or(Value::truthy),
        bin_size: context.get("bin_size").is_some_and(Value::truthy),
        building: false,
    })
}

/// A user's password or one of its API keys.
fn lets_in(db: &Database, uid: i64, password: &str) -> bool {
    db.passwords.get(&uid).is_some_and(|known| known == password) || db.keys.get(password) == Some(&uid)
}

fn log_in(db: &Database, call: &Call) -> Result<i64, Fault> {
    let Some(uid) = call.uid.as_int().filter(|uid| *uid != 0) else { return Err(Fault::access_denied()) };
    match db.passwords.get(&uid) {
        Some(_) if call.password.as_str().is_some_and(|password| lets_in(db, uid, password)) => Ok(uid),
        Some(_) => Err(Fault::access_denied()),
        None => Err(Fault::missing("res.users", uid, uid)),
    }
}

fn method(db: &mut Database, env: &Env, model: &'static Model, call: &Call) -> Result<Value, Fault> {
    let empty = Value::Array(Vec::new());
    let domain = || call.arg(0, "domain").unwrap_or(&empty);
    let ids = || call.arg(0, "ids").map(Value::ids).unwrap_or_default();
    let searched = if db.version >= Version::V16 { "domain" } else { "args" };
    match call.method.as_str() {
        "search" => {
            let (offset, limit) = (call.number(1, "offset").unwrap_or(0), call.limit(2));
            let found = db.search(env, model, call.required(0, searched)?, call.order(3), offset, limit)?;
            Ok(found.into())
        }
        "search_count" => {
            let found = db.search(env, model, call.required(0, searched)?, Some("id"), 0, call.limit(1))?;
            Ok(Value::Int(found.len() as i64))
        }
        "search_read" => {
            let columns = db.columns(model, call.arg(1, "fields"))?;
            let (offset, limit) = (call.number(2, "offset").unwrap_or(0), call.limit(3));
            let found = db.search(env, model, domain(), call.order(4), offset, limit)?;
            db.read(env, model, &found, &columns)
        }
        "formatted_read_group" => {
            let (by, sums) = (names(call.arg(1, "groupby")), names(call.arg(2, "aggregates")));
            db.formatted_read_group(env, model, domain(), &by, &sums, call.limit(5))
        }
        "read_group" => {
            let (sums, by) = (names(call.arg(1, "fields")), names(call.arg(2, "groupby")));
            db.read_group(env, model, domain(), &by, &sums, call.limit(4))
        }
        "read" => {
            let columns = db.columns(model, call.arg(1, "fields"))?;
            db.read(env, model, &ids(), &columns)
        }
        "create" => {
            let made = create(db, env, model, call.required(0, "vals_list")?)?;
            // Odoo looks at the first argument by its position once the records are there.
            if call.args.is_empty() { Err(Fault::exception("IndexError: list index out of range")) } else { Ok(made) }
        }
        "write" => {
            // These have a method of their own, whose argument is called otherwise.
            let own = match model.name.as_str() {
                "product.product" => db.version < Version::V19,
                "sale.order" | "sale.order.line" => db.version == Version::V14,
                _ => false,
            };
            if own && call.kwargs.get("vals").is_some() {
                return Err(Fault::exception("TypeError: write() got an unexpected keyword argument 'vals'"));
            }
            let values = members(call.required(1, "vals")?);
            known_here(db, model, &values)?;
            db.write(env, model, &ids(), values)?;
            Ok(Value::Bool(true))
        }
        "unlink" => {
            db.unlink(env, model, &ids())?;
            Ok(Value::Bool(true))
        }
        "get_metadata" => db.get_metadata(env, model, &ids()),
        "name_search" => name_search(db, env, model, call),
        "has_access" => {
            let operation = letter(call.required(1, "operation")?);
            Ok(Value::Bool(db.has_access(env, model, operation)))
        }
        "check_access_rights" => check_access_rights(db, env, model, call),
        "get_external_id" => Err(Fault::exception("TypeError: dictionary key must be string")),
        "context_get" if model.name == "res.users" && db.version <= Version::V15 => {
            Err(Fault::exception("TypeError: cannot marshal <class 'odoo.tools.misc.frozendict'> objects"))
        }
        "context_get" if model.name == "res.users" => {
            Ok(dict([("lang", "en_US".into()), ("tz", Value::FALSE), ("uid", Value::Int(env.uid))]))
        }
        "has_group" if model.name == "res.users" => has_group(db, env, call),
        "check_object_reference" if model.name == "ir.model.data" => check_object_reference(db, call),
        "action_archive" if matches!(model.name.as_str(), "product.template" | "product.product") => {
            product::archive(db, env, model, &ids())?;
            Ok(Value::Nil)
        }
        "action_archive" | "action_unarchive" | "toggle_active" => {
            let active = call.method == "action_unarchive";
            let other = |id: &i64| db.stored(&model.name, *id, "active").truthy() != active;
            let ids: Vec<i64> = ids().into_iter().filter(other).collect();
            if !ids.is_empty() {
                db.write(env, model, &ids, vec![("active".into(), active.into())])?;
            }
            Ok(Value::Nil)
        }
        name => match sale_action(db, env, model, name, &ids())? {
            Some(result) => Ok(result),
            None => Err(Fault::no_method(db.version, &model.name, name)),
        },
    }
}

fn names(list: Option<&Value>) -> Vec<String> {
    list.and_then(Value::as_array).unwrap_or_default().iter().map(Value::python_str).collect()
}

fn sale_action(db: &mut Database, env: &Env, model: &Model, method: &str, ids: &[i64]) -> Result<Option<Value>, Fault> {
    if model.name == "sale.order" { sale::action(db, env, method, ids) } else { Ok(None) }
}

fn members(value: &Value) -> Values {
    match value {
        Value::Struct(members) => members.clone(),
        _ => Vec::new(),
    }
}

fn create(db: &mut Database, env: &Env, model: &'static Model, values: &Value) -> Result<Value, Fault> {
    match values {
        Value::Array(many) => {
            let ids: Result<Vec<i64>, Fault> = many.iter().map(|one| create_one(db, env, model, members(one))).collect();
            Ok(ids?.into())
        }
        one => Ok(Value::Int(create_one(db, env, model, members(one))?)),
    }
}

fn create_one(db: &mut Database, env: &Env, model: &'static Model, values: Values) -> Result<i64, Fault> {
    known_here(db, model, &values)?;
    db.create(env, model, values)
}

/// Within the stand-in fields go by their names in 19; a client has to know those of the version.
fn known_here(db: &Database, model: &Model, values: &Values) -> Result<(), Fault> {
    let strange = |name: &str| db.version < Version::V19 && model.column(name).is_some() && !model.shows(name);
    match values.iter().find(|(name, _)| strange(name)) {
        Some((name, _)) => Err(Fault::exception(format!("ValueError: Invalid field '{name}' on model '{}'", model.name))),
        None => Ok(()),
    }
}

fn name_search(db: &Database, env: &Env, model: &'static Model, call: &Call) -> Result<Value, Fault> {
    let text = call.arg(0, "name").cloned().unwrap_or_else(|| "".into());
    let operator = call.arg(2, "operator").and_then(Value::as_str).unwrap_or("ilike").to_owned();
    let mut conditions = call.arg(1, "domain").and_then(Value::as_array).unwrap_or_default().to_vec();
    if text.truthy() {
        conditions.push(Value::Array(vec!["display_name".into(), operator.into(), text]));
    }
    let limit = call.limit(3).or(Some(100));
    let ids = db.search(env, model, &Value::Array(conditions), None, 0, limit)?;
    let pair = |id: i64| Value::Array(vec![Value::Int(id), db.display_name(&model.name, id).into()]);
    Ok(Value::Array(ids.into_iter().map(pair).collect()))
}

fn letter(operation: &Value) -> char {
    match operation.as_str() {
        Some("write") => 'w',
        Some("create") => 'c',
        Some("unlink") => 'u',
        _ => 'r',
    }
}

/// Since 18 `None` when allowed (which cannot be sent), before `True`; fault 4 when not, `False` if asked not to raise.
fn check_access_rights(db: &Database, env: &Env, model: &'static Model, call: &Call) -> Result<Value, Fault> {
    let operation = letter(call.required(0, "operation")?);
    let raise = call.arg(1, "raise_exception").is_none_or(Value::truthy);
    if !raise {
        return Ok(Value::Bool(db.has_access(env, model, operation)));
    }
    db.check_access(env, model, operation)?;
    Ok(if db.version >= Version::V18 { Value::Nil } else { true.into() })
}

/// Groups by the external ids that clients ask for.
const GROUPS: [(&str, &str); 11] = [
    ("base.group_user", "Role / User"),
    ("base.group_system", "Role / Administrator"),
    ("base.group_erp_manager", "Access Rights"),
    ("sales_team.group_sale_salesman", "Sales / User: Own Documents Only"),
    ("sales_team.group_sale_salesman_all_leads", "Sales / User: All Documents"),
    ("sales_team.group_sale_manager", "Sales / Administrator"),
    ("point_of_sale.group_pos_user", "Point of Sale / User"),
    ("point_of_sale.group_pos_manager", "Point of Sale / Administrator"),
    ("product.group_product_manager", "Products / Create"),
    ("base.group_partner_manager", "Contact / Creation"),
    ("account.group_account_manager", "Accounting / Administrator"),
];

fn has_group(db: &Database, env: &Env, call: &Call) -> Result<Value, Fault> {
    let asked = call.required(1, "group_ext_id")?.python_str();
    let user = call.args.first().and_then(|first| first.ids().first().copied()).unwrap_or(env.uid);
    let group = GROUPS.iter().find(|(xid, _)| *xid == asked).map(|(_, group)| *group);
    let member = group.is_some_and(|group| db.groups.get(&user).is_some_and(|groups| groups.contains(group)));
    Ok(Value::Bool(member))
}

fn check_object_reference(db: &Database, call: &Call) -> Result<Value, Fault> {
    let name = format!("{}.{}", call.required(0, "module")?.python_str(), call.required(1, "xml_id")?.python_str());
    match db.xid(&name) {
        Some(xid) => Ok(Value::Array(vec![xid.model.into(), Value::Int(xid.id)])),
        None => Err(Fault::exception(format!("ValueError: External ID not found in the system: {name}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::schema::Side;
    use crate::demo::{Branch, seed};

    fn called(db: &mut Database, method: &str, args: Vec<Value>, kwargs: Value) -> Value {
        let call = Call {
            database: "b".into(),
            uid: authenticate(db, "sender", "sender"),
            password: "sender".into(),
            model: "product.template".into(),
            method: method.into(),
            args,
            kwargs,
        };
        let snapshot = db.commits;
        execute(db, &call, snapshot).expect("no fault")
    }

    #[test]
    fn ten_thousand_products_are_created_once_and_read_in_pages() {
        let mut db = Database::new("b", Side::Branch);
        seed::branch(&mut db, &Branch::new("Furniture Shop"));
        let fields =
            Value::from(vec!["id", "name", "default_code", "barcode", "list_price", "taxes_id/.id", "uom_id/.id", "standard_price"]);
        let context = dict([("module", "__posbridge".into()), ("mode", "update".into()), ("noupdate", true.into())]);
        for turn in 0..2 {
            for batch in 0..100 {
                let row = |n: i64| {
                    Value::from(vec![
                        format!("p-{n}"),
                        format!("Product {n}"),
                        format!("P-{n}"),
                        format!("77{n:08}"),
                        "9.5".into(),
                        "3".into(),
                        "1".into(),
                        "4".into(),
                    ])
                };
                let rows: Vec<Value> = (batch * 100..batch * 100 + 100).map(row).collect();
                let answer = called(&mut db, "load", vec![fields.clone(), Value::Array(rows)], dict([("context", context.clone())]));
                assert_eq!(answer.get("ids").map(|ids| ids.ids().len()), Some(100), "turn {turn}: {answer:?}");
            }
        }
        let (mut last, mut seen) = (0, 0);
        loop {
            let above = Value::Array(vec!["id".into(), ">".into(), last.into()]);
            let asked = Value::from(vec![
                "name",
                "default_code",
                "barcode",
                "list_price",
                "standard_price",
                "taxes_id",
                "product_variant_ids",
                "write_date",
            ]);
            let page = dict([("fields", asked), ("order", "id".into()), ("limit", 2000.into())]);
            let page = called(&mut db, "search_read", vec![Value::Array(vec![above])], page);
            let Some(end) = page.as_array().and_then(|rows| rows.last()?.get("id")?.as_int()) else { break };
            seen += page.as_array().map_or(0, <[Value]>::len);
            last = end;
        }
        assert_eq!(seen, 10_000 + 43, "created once, with the articles that were there");
    }
}
