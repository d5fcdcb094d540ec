//! Python's own `xmlrpc.client`, which Odoo speaks with: what it reads of what we write, and what we read of what it writes.
//!
//! The rule for text: what XML 1.0 cannot carry (control characters but tab and line feed, U+FFFE and U+FFFF) is dropped when
//! we write; `\r\n` and `\r` are `\n`, written and read. A number beyond 64 bits and one that is not finite are refused when we read.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use posbridge::odoo::xmlrpc::{Answer, clean, common, response};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};

/// Answers each line of JSON with one. Values go as `[type, value]`, floats as their bits, so that nothing is changed on the way.
const PEER: &str = r#"
import sys, json, struct, datetime, xmlrpc.client as x
def told(v):
    if v is None: return ['n', None]
    if isinstance(v, bool): return ['b', v]
    if isinstance(v, int): return ['i', str(v)]
    if isinstance(v, float): return ['f', struct.pack('>d', v).hex()]
    if isinstance(v, str): return ['s', v]
    if isinstance(v, x.DateTime): return ['s', v.value]
    if isinstance(v, (list, tuple)): return ['l', [told(i) for i in v]]
    return ['d', sorted([k, told(i)] for k, i in v.items())]
def made(t):
    kind, v = t
    if kind == 'i': return int(v)
    if kind == 'f': return struct.unpack('>d', bytes.fromhex(v))[0]
    if kind == 'l': return [made(i) for i in v]
    if kind == 'd': return {k: made(i) for k, i in v}
    if kind == 't': return datetime.datetime.fromisoformat(v)
    return v
for line in sys.stdin:
    order, given = json.loads(line)
    try:
        if order == 'read':
            answer = told(x.loads(given)[0][0])
        else:
            text = x.dumps((made(given),), methodresponse=True, allow_none=True)
            answer = [text, told(x.loads(text)[0][0])]
    except Exception as error:
        answer = ['error', repr(error)]
    print(json.dumps(answer), flush=True)
"#;

struct Python {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Python {
    fn start() -> Self {
        let mut command = Command::new("python3");
        command.args(["-c", PEER]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("python3 is needed for this test: {error}"));
        let (to, from) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        Self { child, to, from: BufReader::new(from) }
    }

    fn ask(&mut self, order: &str, given: &Value) -> Value {
        writeln!(self.to, "{}", json!([order, given])).expect("python3 lives");
        let mut line = String::new();
        self.from.read_line(&mut line).expect("python3 lives");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }
}

/// A value as both sides tell it.
fn told(value: &Value) -> Value {
    match value {
        Value::Null => json!(["n", null]),
        Value::Bool(flag) => json!(["b", flag]),
        Value::Number(number) => match number.as_i64() {
            Some(number) => json!(["i", number.to_string()]),
            None => json!(["f", format!("{:016x}", number.as_f64().unwrap_or_default().to_bits())]),
        },
        Value::String(text) => json!(["s", text]),
        Value::Array(items) => json!(["l", items.iter().map(told).collect::<Vec<_>>()]),
        Value::Object(map) => {
            let mut members: Vec<(&String, Value)> = map.iter().map(|(name, value)| (name, told(value))).collect();
            members.sort_by(|a, b| a.0.cmp(b.0));
            json!(["d", members])
        }
    }
}

/// What our writing makes of a value: null is Odoo's False, and text loses what XML cannot carry.
fn written(value: &Value) -> Value {
    match value {
        Value::Null => json!(false),
        Value::String(text) => json!(clean(text)),
        Value::Array(items) => items.iter().map(written).collect(),
        Value::Object(map) => map.iter().map(|(name, value)| (clean(name).into_owned(), written(value))).collect(),
        other => other.clone(),
    }
}

/// Whether two names of a struct become one when they are written.
fn names_collide(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(names_collide),
        Value::Object(map) => {
            let names: std::collections::BTreeSet<_> = map.keys().map(|name| clean(name)).collect();
            names.len() < map.len() || map.values().any(names_collide)
        }
        _ => false,
    }
}

fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "\\PC{0,8}",
        2 => prop::collection::vec(any::<char>(), 0..6).prop_map(|chars| chars.into_iter().collect()),
        1 => "[\u{0}-\u{20}\u{7f}-\u{9f}]{0,4}",
        2 => prop::sample::select(vec![
            "]]>", "&amp;", "&", "<", ">", "\"", "'", "<![CDATA[", "\r\n", "\r", "\n", "\t", " ", "e\u{301}", "\u{e9}", "🧾", "👩‍👩‍👧", "\u{202e}abc",
            "\u{feff}", "\u{fffe}", "\u{ffff}", "\u{85}", "\u{2028}", "False", "\u{10ffff}", "عربى",
        ]).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn any_float() -> impl Strategy<Value = f64> {
    let borders = vec![0.0, -0.0, 0.1, 1e-9, 1e300, 5e-324, f64::MAX, 1.0, -1.5, 123456789.12, 0.30000000000000004];
    prop_oneof![any::<f64>().prop_filter("finite", |n| n.is_finite()), prop::sample::select(borders)]
}

fn any_value(integers: BoxedStrategy<i64>) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        2 => any::<bool>().prop_map(Value::from),
        3 => integers.prop_map(Value::from),
        3 => any_float().prop_map(Value::from),
        6 => any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 30, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(any_text(), inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn small_integers() -> BoxedStrategy<i64> {
    prop_oneof![any::<i32>().prop_map(i64::from), prop::sample::select(vec![0, 1, -1, i64::from(i32::MAX), i64::from(i32::MIN)])].boxed()
}

fn all_integers() -> BoxedStrategy<i64> {
    let borders = vec![i64::MAX, i64::MIN, i64::from(i32::MAX) + 1, i64::from(i32::MIN) - 1];
    prop_oneof![small_integers(), any::<i64>(), prop::sample::select(borders)].boxed()
}

fn runner() -> TestRunner {
    let cases = std::env::var("POSBRIDGE_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000);
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

fn fails(what: String) -> TestCaseError {
    TestCaseError::fail(what)
}

#[test]
fn python_reads_what_we_write() {
    let python = std::cell::RefCell::new(Python::start());
    let values = any_value(all_integers()).prop_filter("names of their own", |value| !names_collide(value));
    let done = runner().run(&values, |value| {
        let call = String::from_utf8(common("m", std::slice::from_ref(&value))).map_err(|error| fails(error.to_string()))?;
        let read = python.borrow_mut().ask("read", &json!(call));
        prop_assert_eq!(read, told(&written(&value)), "{}", call);
        Ok(())
    });
    done.unwrap_or_else(|wrong| panic!("{wrong}"));
}

#[test]
fn we_read_what_python_writes() {
    let python = std::cell::RefCell::new(Python::start());
    // Python writes control characters as they are, which is no XML: then it cannot read it itself either.
    let done = runner().run(&any_value(small_integers()), |value| {
        let answer = python.borrow_mut().ask("write", &told(&value));
        let text = answer[0].as_str().unwrap_or_default();
        match response::<Value>(text.as_bytes()) {
            _ if text == "error" => {}
            Ok(Answer::Value(read)) => prop_assert_eq!(told(&read), answer[1].clone(), "{}", text),
            other => return Err(fails(format!("{other:?} of {text}"))),
        }
        Ok(())
    });
    done.unwrap_or_else(|wrong| panic!("{wrong}"));
}

#[test]
fn dates_and_what_is_no_number() {
    let mut python = Python::start();
    let date = python.ask("write", &json!(["t", "2026-11-21T08:09:10"]));
    let Ok(Answer::Value(read)) = response::<Value>(date[0].as_str().expect("text").as_bytes()) else { panic!("{date}") };
    assert_eq!(read, json!("20261121T08:09:10"));
    for bits in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(f64::to_bits) {
        let answer = python.ask("write", &json!(["f", format!("{bits:016x}")]));
        assert!(response::<Value>(answer[0].as_str().expect("text").as_bytes()).is_err(), "{answer}");
    }
}
