//! XML-RPC as Odoo 19 speaks it: requests in, replies out, byte for byte in the layout of Python's `xmlrpc.client`.
//!
//! Replies are written by hand because their quirks are the point: floats as Python prints them, control characters
//! taken out of strings, `None` and integers beyond 32 bits refused with Odoo's own faults.

use std::fmt::Write as _;
use std::sync::Arc;

use quick_xml::Reader;
use quick_xml::events::Event;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::time;
use super::version::Version;

/// A value as Odoo holds it in a field or sends it over the wire. Odoo's null is `Bool(false)`.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Python's `None`: cannot be sent, a call that answers it faults.
    Nil,
    /// A boolean; `false` is also what an empty field reads as.
    Bool(bool),
    /// An integer or a record id.
    Int(i64),
    /// A float or a monetary amount.
    Double(f64),
    /// Text.
    Str(Arc<str>),
    /// A datetime in microseconds since 1970, UTC; on the wire a string without the microseconds.
    Time(i64),
    /// A list, also the ids of a many2many.
    Array(Vec<Value>),
    /// A dictionary, in the order in which it was built.
    Struct(Vec<(String, Value)>),
}

impl Value {
    /// Odoo's null.
    pub const FALSE: Value = Value::Bool(false);

    /// The text, when this is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, when this is one (or a many2one as it is read: `[id, name]`).
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(number) => Some(*number),
            Value::Array(pair) => match pair.as_slice() {
                [Value::Int(id), Value::Str(_)] => Some(*id),
                _ => None,
            },
            _ => None,
        }
    }

    /// Any number as a float.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(number) => Some(*number as f64),
            Value::Double(number) => Some(*number),
            _ => None,
        }
    }

    /// Any number as a decimal, through its shortest text: 0.1 is 0.1.
    pub fn as_decimal(&self) -> Option<Decimal> {
        match self {
            Value::Int(number) => Some(Decimal::from(*number)),
            Value::Double(number) => decimal(*number),
            _ => None,
        }
    }

    /// The elements, when this is a list.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The integers of a list, or the one integer.
    pub fn ids(&self) -> Vec<i64> {
        match self {
            Value::Int(id) => vec![*id],
            Value::Array(items) => items.iter().filter_map(Value::as_int).collect(),
            _ => Vec::new(),
        }
    }

    /// The member of a dictionary.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Struct(members) => members.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// What Python calls true.
    pub fn truthy(&self) -> bool {
        match self {
            Value::Nil => false,
            Value::Bool(flag) => *flag,
            Value::Int(number) => *number != 0,
            Value::Double(number) => *number != 0.0,
            Value::Str(text) => !text.is_empty(),
            Value::Time(_) => true,
            Value::Array(items) => !items.is_empty(),
            Value::Struct(members) => !members.is_empty(),
        }
    }

    /// The value as Python's `str` would show it, for messages that quote a cell.
    pub fn python_str(&self) -> String {
        match self {
            Value::Nil => "None".into(),
            Value::Bool(flag) => if *flag { "True" } else { "False" }.into(),
            Value::Int(number) => number.to_string(),
            Value::Double(number) => python_float(*number),
            Value::Str(text) => text.to_string(),
            Value::Time(micros) => time::text(*micros),
            other => other.python_repr(),
        }
    }

    /// The value as Python's `repr` would show it.
    pub fn python_repr(&self) -> String {
        match self {
            Value::Str(text) => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
            Value::Array(items) => {
                format!("[{}]", items.iter().map(Value::python_repr).collect::<Vec<_>>().join(", "))
            }
            Value::Struct(members) => {
                let shown: Vec<String> = members.iter().map(|(name, value)| format!("'{name}': {}", value.python_repr())).collect();
                format!("{{{}}}", shown.join(", "))
            }
            other => other.python_str(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Str(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Str(text.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Int(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Value::Bool(flag)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Value::Double(number)
    }
}

impl From<Decimal> for Value {
    fn from(number: Decimal) -> Self {
        Value::Double(double(number))
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Value::Array(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::FALSE, Into::into)
    }
}

/// A dictionary from pairs.
pub fn dict<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Struct(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// A double as the decimal that its shortest text spells; `None` for nan and infinities.
pub fn decimal(number: f64) -> Option<Decimal> {
    let text = format!("{number}");
    text.parse().ok().or_else(|| Decimal::from_f64_retain(number))
}

/// A decimal as the nearest double.
pub fn double(number: Decimal) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| number.to_f64().unwrap_or(0.0))
}

/// A float as Python's `repr` prints it: `10.0`, `1e-05`, `1e+16`, `nan`.
pub fn python_float(number: f64) -> String {
    if number.is_nan() {
        return "nan".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.into();
    }
    let size = number.abs();
    if number == 0.0 || (1e-4..1e16).contains(&size) {
        return format!("{number:?}");
    }
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, power) = match exponent.strip_prefix('-') {
        Some(power) => ('-', power),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{power:0>2}")
}

/// Why a request is not an XML-RPC call, in the words of Python's parser as far as they are known.
#[derive(Debug, Clone, PartialEq)]
pub struct Malformed(pub String);

/// A parsed request: method name and parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodCall {
    /// E.g. `execute_kw`.
    pub method: String,
    /// Positional parameters.
    pub params: Vec<Value>,
}

/// Parses the body of a request.
pub fn parse_call(body: &[u8]) -> Result<MethodCall, Malformed> {
    let text = std::str::from_utf8(body)
        .map_err(|_| Malformed("xml.parsers.expat.ExpatError: not well-formed (invalid token): line 1, column 0".into()))?;
    if let Some(at) = text.find(|c: char| c < ' ' && !matches!(c, '\t' | '\n' | '\r')) {
        let line = text[..at].matches('\n').count() + 1;
        let column = at - text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        return Err(Malformed(format!("xml.parsers.expat.ExpatError: not well-formed (invalid token): line {line}, column {column}")));
    }
    if !text.trim_start().starts_with('<') {
        return Err(Malformed("xml.parsers.expat.ExpatError: syntax error: line 1, column 0".into()));
    }
    Parser { reader: Reader::from_str(text) }.call()
}

/// How deep a value may nest: Odoo's own parser has no limit, but nothing that the bridge sends passes ten.
const MAX_DEPTH: usize = 64;

struct Parser<'a> {
    reader: Reader<&'a [u8]>,
}

enum Token {
    Open(String),
    Close(String),
    Text(String),
    End,
}

impl Parser<'_> {
    fn next(&mut self) -> Result<Token, Malformed> {
        let mut text = String::new();
        loop {
            let event = self.reader.read_event().map_err(|e| Malformed(format!("xml.parsers.expat.ExpatError: {e}")))?;
            return Ok(match event {
                Event::Start(tag) => Token::Open(tag.name().as_ref().to_owned()),
                Event::Empty(tag) => Token::Text(format!("\u{0}{}", tag.name().as_ref())),
                Event::End(tag) => Token::Close(tag.name().as_ref().to_owned()),
                Event::Text(part) => {
                    text.push_str(part.as_ref());
                    Token::Text(text)
                }
                Event::CData(part) => Token::Text(part.as_ref().to_owned()),
                Event::GeneralRef(name) => Token::Text(entity(name.as_ref())?),
                Event::Eof => Token::End,
                _ => continue,
            });
        }
    }

    fn call(&mut self) -> Result<MethodCall, Malformed> {
        let (mut method, mut params) = (String::new(), Vec::new());
        loop {
            match self.next()? {
                Token::Open(tag) if tag == "methodName" => method = self.text_until("methodName")?,
                Token::Open(tag) if tag == "value" => params.push(self.value(0)?),
                Token::End => break,
                _ => {}
            }
        }
        if method.is_empty() {
            return Err(Malformed("xmlrpc.client.ResponseError: ResponseError()".into()));
        }
        Ok(MethodCall { method, params })
    }

    /// All text up to the closing tag, with entities resolved; empty elements inside are not expected.
    fn text_until(&mut self, tag: &str) -> Result<String, Malformed> {
        let mut text = String::new();
        loop {
            match self.next()? {
                Token::Text(part) => text.push_str(&part),
                Token::Close(closed) if closed == tag => return Ok(text),
                _ => return Err(unexpected(tag)),
            }
        }
    }

    /// The value whose `<value>` was just opened; consumes its closing tag.
    fn value(&mut self, depth: usize) -> Result<Value, Malformed> {
        if depth > MAX_DEPTH {
            return Err(Malformed("RecursionError: maximum recursion depth exceeded".into()));
        }
        let mut untyped = String::new();
        let value = loop {
            match self.next()? {
                Token::Text(part) => match part.strip_prefix('\u{0}') {
                    Some("value") | None => untyped.push_str(&part),
                    Some(tag) => break empty_of(tag)?,
                },
                Token::Close(_) => return Ok(Value::from(untyped)),
                Token::Open(tag) => break self.typed(&tag, depth)?,
                Token::End => return Err(unexpected("value")),
            }
        };
        loop {
            match self.next()? {
                Token::Close(tag) if tag == "value" => return Ok(value),
                Token::Text(_) => {}
                _ => return Err(unexpected("value")),
            }
        }
    }

    fn typed(&mut self, tag: &str, depth: usize) -> Result<Value, Malformed> {
        match tag {
            "array" => self.array(depth),
            "struct" => self.members(depth),
            _ => {
                let text = self.text_until(tag)?;
                scalar(tag, text)
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, Malformed> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Token::Open(tag) if tag == "value" => items.push(self.value(depth + 1)?),
                Token::Text(part) if part == "\u{0}value" => items.push(Value::from("")),
                Token::Close(tag) if tag == "array" => return Ok(Value::Array(items)),
                Token::End => return Err(unexpected("array")),
                _ => {}
            }
        }
    }

    fn members(&mut self, depth: usize) -> Result<Value, Malformed> {
        let (mut members, mut name) = (Vec::new(), String::new());
        loop {
            match self.next()? {
                Token::Open(tag) if tag == "name" => name = self.text_until("name")?,
                Token::Open(tag) if tag == "value" => members.push((std::mem::take(&mut name), self.value(depth + 1)?)),
                Token::Text(part) if part == "\u{0}value" => members.push((std::mem::take(&mut name), Value::from(""))),
                Token::Close(tag) if tag == "struct" => return Ok(Value::Struct(members)),
                Token::End => return Err(unexpected("struct")),
                _ => {}
            }
        }
    }
}

fn unexpected(tag: &str) -> Malformed {
    Malformed(format!("xml.parsers.expat.ExpatError: mismatched tag in <{tag}>"))
}

fn entity(name: &str) -> Result<String, Malformed> {
    let known = match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => name.strip_prefix('#').and_then(|code| match code.strip_prefix('x') {
            Some(hex) => u32::from_str_radix(hex, 16).ok().and_then(char::from_u32),
            None => code.parse().ok().and_then(char::from_u32),
        }),
    };
    known.map(String::from).ok_or_else(|| Malformed("xml.parsers.expat.ExpatError: undefined entity".into()))
}

fn empty_of(tag: &str) -> Result<Value, Malformed> {
    match tag {
        "string" | "base64" => Ok(Value::from("")),
        "nil" => Ok(Value::Nil),
        "struct" => Ok(Value::Struct(Vec::new())),
        "array" => Ok(Value::Array(Vec::new())),
        _ => Err(unexpected(tag)),
    }
}

fn scalar(tag: &str, text: String) -> Result<Value, Malformed> {
    let trimmed = text.trim();
    let bad = || Malformed(format!("ValueError: could not read {trimmed:?} as {tag}"));
    Ok(match tag {
        "string" | "base64" => Value::from(text),
        "int" | "i4" | "i8" | "i2" | "i1" => Value::Int(trimmed.parse().map_err(|_| bad())?),
        "double" => Value::Double(trimmed.parse().map_err(|_| bad())?),
        "boolean" => match trimmed {
            "0" => Value::Bool(false),
            "1" => Value::Bool(true),
            _ => return Err(Malformed("TypeError: bad boolean value".into())),
        },
        "nil" => Value::Nil,
        "dateTime.iso8601" => Value::from(text),
        _ => return Err(unexpected(tag)),
    })
}

/// Why a result cannot be put on the wire; the call has run and is committed all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmarshallable {
    /// `None` somewhere in the result.
    None,
    /// An integer outside 32 bits.
    BigInt,
    /// A dictionary whose keys are not strings.
    Keys,
}

impl Unmarshallable {
    /// The last line of the traceback that Odoo sends.
    pub fn python(self) -> &'static str {
        match self {
            Unmarshallable::None => "TypeError: cannot marshal None unless allow_none is enabled",
            Unmarshallable::BigInt => "OverflowError: int exceeds XML-RPC limits",
            Unmarshallable::Keys => "TypeError: dictionary key must be string",
        }
    }
}

const HEAD: &str = "<?xml version=\"1.0\"?>\n<methodResponse>\n";

/// The body of a reply that holds a result.
pub fn response(value: &Value) -> Result<String, Unmarshallable> {
    response_as(Version::V19, value)
}

/// The body of a reply of one version that holds a result: up to 16 control characters go out as they are stored, which
/// no XML may hold.
pub fn response_as(version: Version, value: &Value) -> Result<String, Unmarshallable> {
    let mut out = String::with_capacity(256);
    out.push_str(HEAD);
    out.push_str("<params>\n<param>\n");
    write_value(&mut out, value, version >= Version::V17)?;
    out.push_str("</param>\n</params>\n\n</methodResponse>\n");
    Ok(out)
}

/// The body of a reply that holds a fault.
pub fn fault(code: i64, text: &str) -> String {
    let mut out = String::from(HEAD);
    let _ = write!(
        out,
        "<fault>\n<value><struct>\n<member>\n<name>faultCode</name>\n<value><int>{code}</int></value>\n</member>\n\
         <member>\n<name>faultString</name>\n<value><string>"
    );
    escape(&mut out, text, true);
    out.push_str("</string></value>\n</member>\n</struct></value>\n</fault>\n\n</methodResponse>\n");
    out
}

fn write_value(out: &mut String, value: &Value, clean: bool) -> Result<(), Unmarshallable> {
    match value {
        Value::Nil => return Err(Unmarshallable::None),
        Value::Bool(flag) => {
            let _ = writeln!(out, "<value><boolean>{}</boolean></value>", u8::from(*flag));
        }
        Value::Int(number) => {
            if i32::try_from(*number).is_err() {
                return Err(Unmarshallable::BigInt);
            }
            let _ = writeln!(out, "<value><int>{number}</int></value>");
        }
        Value::Double(number) => {
            let _ = writeln!(out, "<value><double>{}</double></value>", python_float(*number));
        }
        Value::Str(text) => {
            out.push_str("<value><string>");
            escape(out, text, clean);
            out.push_str("</string></value>\n");
        }
        Value::Time(micros) => {
            let _ = writeln!(out, "<value><string>{}</string></value>", time::text(*micros));
        }
        Value::Array(items) => {
            out.push_str("<value><array><data>\n");
            for item in items {
                write_value(out, item, clean)?;
            }
            out.push_str("</data></array></value>\n");
        }
        Value::Struct(members) => {
            out.push_str("<value><struct>\n");
            for (name, member) in members {
                out.push_str("<member>\n<name>");
                escape(out, name, clean);
                out.push_str("</name>\n");
                write_value(out, member, clean)?;
                out.push_str("</member>\n");
            }
            out.push_str("</struct></value>\n");
        }
    }
    Ok(())
}

fn escape(out: &mut String, text: &str, clean: bool) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // Odoo 17 and later take these out; XML 1.0 cannot carry them.
            c if clean && c < ' ' && !matches!(c, '\t' | '\n' | '\r') => {}
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_printed_as_python_prints_them() {
        let cases = [
            (405.0, "405.0"),
            (0.1, "0.1"),
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1e16, "1e+16"),
            (1e15, "1000000000000000.0"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (0.08000000000000002, "0.08000000000000002"),
            (1e100, "1e+100"),
        ];
        for (number, text) in cases {
            assert_eq!(python_float(number), text);
        }
    }

    #[test]
    fn a_reply_has_the_layout_of_python() {
        let value = Value::Array(vec![dict([("name", "a<b>\u{1}&".into()), ("ok", true.into())])]);
        let expected = "<?xml version=\"1.0\"?>\n<methodResponse>\n<params>\n<param>\n<value><array><data>\n<value><struct>\n\
            <member>\n<name>name</name>\n<value><string>a&lt;b&gt;&amp;</string></value>\n</member>\n<member>\n\
            <name>ok</name>\n<value><boolean>1</boolean></value>\n</member>\n</struct></value>\n</data></array></value>\n\
            </param>\n</params>\n\n</methodResponse>\n";
        assert_eq!(response(&value).as_deref(), Ok(expected));
    }

    #[test]
    fn none_and_big_integers_cannot_be_sent() {
        assert_eq!(response(&Value::Array(vec![Value::Nil])), Err(Unmarshallable::None));
        assert_eq!(response(&Value::Int(1 << 31)), Err(Unmarshallable::BigInt));
    }

    #[test]
    fn requests_are_read_in_every_spelling() {
        let body = "<?xml version='1.0'?><methodCall><methodName>execute_kw</methodName><params>\
            <param><value>untyped &amp; &#233;</value></param><param><value><i4>-7</i4></value></param>\
            <param><value><string/></value></param><param><value/></param>\
            <param><value><array><data><value><double>1.5</double></value><value><nil/></value></data></array></value></param>\
            <param><value><struct><member><name>k</name><value><boolean>0</boolean></value></member></struct></value></param>\
            </params></methodCall>";
        let call = parse_call(body.as_bytes()).expect("well-formed");
        assert_eq!(call.method, "execute_kw");
        let expected = vec![
            Value::from("untyped & é"),
            Value::Int(-7),
            Value::from(""),
            Value::Array(vec![Value::Double(1.5), Value::Nil]),
            dict([("k", Value::FALSE)]),
        ];
        assert_eq!(call.params, expected);
    }

    #[test]
    fn a_control_character_in_a_request_is_refused_with_its_place() {
        let Err(Malformed(text)) = parse_call(b"<a>x\x01</a>") else { panic!("accepted") };
        assert!(text.ends_with("not well-formed (invalid token): line 1, column 4"), "{text}");
    }
}
