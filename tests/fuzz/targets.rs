// What must hold for any bytes. The fuzzer calls it with what it finds, tests/fuzz/main.rs with the corpus and changes of it.

use std::path::Path;

use posbridge::config::Config;
use posbridge::odoo::records::{Draft, Loaded};
use posbridge::odoo::xmlrpc::{Answer, clean, common, response};
use serde_json::Value;

/// The decoder of replies: it reads any bytes or refuses them, as any type; what it has read, it reads again when we write it.
pub fn xmlrpc(data: &[u8]) {
    let _ = response::<Vec<Draft>>(data);
    let _ = response::<Loaded>(data);
    let _ = response::<Option<(i64, String)>>(data);
    let Ok(Answer::Value(value)) = response::<Value>(data) else { return };
    let call = common("m", std::slice::from_ref(&value));
    let text = std::str::from_utf8(&call).expect("UTF-8");
    let (start, end) = (text.find("<value>").expect("a value"), text.rfind("</value>").expect("a value"));
    let reply = format!("<methodResponse><params><param>{}</value></param></params></methodResponse>", &text[start..end]);
    match response::<Value>(reply.as_bytes()) {
        Ok(Answer::Value(again)) => assert!(alike(&value, &again), "{value} became {again}"),
        other => panic!("{value} became {other:?}"),
    }
}

/// Equal, but for what is dropped or changed on purpose when it is written: what XML cannot carry, and null.
fn alike(value: &Value, again: &Value) -> bool {
    match (value, again) {
        (Value::Null, Value::Bool(false)) => true,
        (Value::String(text), Value::String(again)) => clean(text) == *again,
        (Value::Number(number), Value::Number(again)) => number.as_f64() == again.as_f64(),
        (Value::Array(items), Value::Array(again)) => items.len() == again.len() && items.iter().zip(again).all(|(a, b)| alike(a, b)),
        (Value::Object(map), Value::Object(again)) => {
            // Two names may become one.
            map.iter().all(|(name, value)| again.get(&*clean(name)).is_some_and(|again| alike(value, again) || clean(name) != *name))
                || map.keys().any(|name| clean(name) != *name)
        }
        _ => value == again,
    }
}

/// The reader of branches.toml: settings, or complaints that can be shown.
pub fn settings(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(error) = Config::parse(text, Path::new("/etc/posbridge/branches.toml")) {
        assert!(!error.to_string().is_empty());
    }
}
