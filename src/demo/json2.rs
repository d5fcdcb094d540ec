//! JSON-2 as Odoo 19 speaks it: requests in, results and errors out, in the layout of Python's `json.dumps`.
//!
//! The names, words and statuses of errors are those of a real Odoo 19.0; `tests/contract.rs` holds them against one.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::call::Call;
use super::fault::Fault;
use super::table::Database;
use super::time;
use super::wire::{Value, python_float};

/// Methods that belong to the model and not to its records.
const OF_MODEL: [&str; 10] = [
    "load",
    "create",
    "search",
    "search_read",
    "search_count",
    "fields_get",
    "name_search",
    "context_get",
    "formatted_read_group",
    "check_object_reference",
];

/// An error: status, the name of Python's class, and its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// HTTP status.
    pub status: u16,
    name: String,
    message: String,
}

impl Error {
    fn http(status: u16, name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, name: name.into(), message: message.into() }
    }

    /// The same error as a fault of XML-RPC.
    pub fn of(fault: &Fault) -> Self {
        let Fault { code, text, .. } = fault;
        let last = text.lines().last().unwrap_or_default();
        match code {
            2 if text.starts_with("Record does not exist") => Self::http(404, "odoo.exceptions.MissingError", text),
            2 => match text.strip_prefix("Object ").and_then(|rest| rest.strip_suffix(" doesn't exist")) {
                Some(model) => Self::http(404, "werkzeug.exceptions.NotFound", format!("the model '{model}' does not exist")),
                None => Self::http(422, "odoo.exceptions.UserError", text),
            },
            3 => Self::refused_key(),
            4 => Self::http(403, "odoo.exceptions.AccessError", text),
            _ => {
                let (class, words) = last.split_once(": ").unwrap_or(("Exception", last));
                match class {
                    "AttributeError" if words.starts_with("The method '") => Self::http(404, "werkzeug.exceptions.NotFound", words),
                    "TypeError" if words.contains("required positional argument") => {
                        let argument = words.split('\'').nth(1).unwrap_or_default();
                        Self::unprocessable(format!("missing a required argument: '{argument}'"))
                    }
                    // As tracebacks name classes: with their modules, but for Python's own.
                    class if class.contains('.') => Self::http(500, class, words),
                    class => Self::http(500, format!("builtins.{class}"), words),
                }
            }
        }
    }

    fn unprocessable(message: impl Into<String>) -> Self {
        Self::http(422, "werkzeug.exceptions.UnprocessableEntity", message)
    }

    fn refused_key() -> Self {
        Self::http(401, "werkzeug.exceptions.Unauthorized", "Invalid apikey")
    }

    /// Any other verb than POST, or another address below `/json/2`.
    pub fn not_found() -> Self {
        Self::http(404, "werkzeug.exceptions.NotFound", "Did you mean POST /json/2/<model>/<method>?")
    }

    /// The body; the traceback is short, since nobody reads it.
    pub fn body(&self) -> String {
        let mut arguments = vec![Value::from(self.message.as_str())];
        if self.name.starts_with("werkzeug") {
            arguments.push(Value::Int(i64::from(self.status)));
        }
        let debug = format!("Traceback (most recent call last):\n{}: {}\n", self.name, self.message);
        body(&super::wire::dict([
            ("name", self.name.as_str().into()),
            ("message", self.message.as_str().into()),
            ("arguments", Value::Array(arguments)),
            ("context", Value::Struct(Vec::new())),
            ("debug", debug.into()),
        ]))
    }
}

/// A request, taken apart.
pub fn call(db: &Database, path: &str, authorization: Option<&str>, body: &[u8]) -> Result<Call, Error> {
    let Some(key) = authorization.and_then(|text| text.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) else {
        let words = "User not authenticated, use an API Key with a Bearer Authorization header.";
        return Err(Error::http(401, "werkzeug.exceptions.Unauthorized", words));
    };
    let Some(uid) = db.keys.get(key.1) else { return Err(Error::refused_key()) };
    let Some((model, method)) = path.trim_start_matches("/json/2/").split_once('/').filter(|(_, method)| !method.contains('/')) else {
        return Err(Error::not_found());
    };
    let named = match serde_json::from_slice::<Json>(body) {
        Ok(Json::Object(named)) => named,
        Ok(_) => return Err(Error::unprocessable("the body must be a json object")),
        Err(_) => {
            let words = "could not parse the body as json: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)";
            return Err(Error::http(400, "werkzeug.exceptions.BadRequest", words));
        }
    };
    let mut args = Vec::new();
    let mut kwargs = Vec::new();
    for (name, argument) in named {
        let argument = value(&argument);
        match name.as_str() {
            "ids" if OF_MODEL.contains(&method) => return Err(Error::unprocessable(format!("cannot call {model}.{method} with ids"))),
            // Python looks at these by their position.
            "ids" => args.push(argument),
            "vals_list" if method == "create" => args.push(argument),
            _ => kwargs.push((name, argument)),
        }
    }
    Ok(Call {
        database: db.name.clone(),
        uid: Value::Int(*uid),
        password: key.1.into(),
        model: model.to_owned(),
        method: method.to_owned(),
        args,
        kwargs: Value::Struct(kwargs),
    })
}

fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => number.as_i64().map_or_else(|| Value::Double(number.as_f64().unwrap_or_default()), Value::Int),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::Array(items.iter().map(value).collect()),
        Json::Object(members) => Value::Struct(members.iter().map(|(name, member)| (name.clone(), value(member))).collect()),
    }
}

/// A result as `json.dumps` writes it.
pub fn body(value: &Value) -> String {
    let mut out = String::with_capacity(256);
    write(&mut out, value);
    out
}

fn write(out: &mut String, value: &Value) {
    match value {
        Value::Nil => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Int(number) => {
            let _ = write!(out, "{number}");
        }
        Value::Double(number) if number.is_nan() => out.push_str("NaN"),
        Value::Double(number) if number.is_infinite() => out.push_str(if *number > 0.0 { "Infinity" } else { "-Infinity" }),
        Value::Double(number) => out.push_str(&python_float(*number)),
        Value::Str(text) => quote(out, text),
        Value::Time(micros) => quote(out, &time::text(*micros)),
        Value::Array(items) => list(out, "[]", items, write),
        Value::Struct(members) => list(out, "{}", members, |out, (name, member)| {
            quote(out, name);
            out.push_str(": ");
            write(out, member);
        }),
    }
}

fn list<T>(out: &mut String, brackets: &str, items: &[T], mut one: impl FnMut(&mut String, &T)) {
    out.push_str(&brackets[..1]);
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            out.push_str(", ");
        }
        one(out, item);
    }
    out.push_str(&brackets[1..]);
}

/// Python writes everything beyond ASCII as `\uXXXX`.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}
