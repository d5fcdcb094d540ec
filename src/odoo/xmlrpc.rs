//! The XML-RPC wire format: a call to bytes, and the bytes of a reply to any serde type.
//!
//! Requests are written by the `xmlrpc` crate. Replies are decoded here, straight into the caller's types: the
//! crate's own reader loses blanks, aborts the process on deep nesting and reads 15 MB/s; this one refuses what
//! is not plain XML-RPC (any DOCTYPE, depth over [`MAX_DEPTH`], trailing bytes) and reads ten times that.
//!
//! Odoo's habits that a decoder must know: `False` stands for null (so an `Option` reads `False` as `None`),
//! numbers come as Python's shortest text (so a `Decimal` field is given the text, never a float), dates are
//! plain strings.

use std::borrow::Cow;
use std::fmt;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize as _;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;

use super::Call;
use super::json2::RESERVED;

/// Deepest nesting of values in a reply. Odoo's own replies stay under 10; every level costs stack.
pub const MAX_DEPTH: u32 = 64;

/// Longest piece of a reply quoted in an error.
const QUOTE: usize = 60;

/// Why the bytes of a reply could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(String);

impl de::Error for Malformed {
    fn custom<T: fmt::Display>(msg: T) -> Self {
        Self(cut(&msg.to_string(), 4 * QUOTE))
    }
}

fn bad<T>(msg: impl Into<String>) -> Result<T, Malformed> {
    Err(Malformed(msg.into()))
}

fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// What the server answered: a value, or a fault with Odoo's code and text.
#[derive(Debug)]
pub enum Answer<T> {
    /// The method's result.
    Value(T),
    /// `faultCode` (1 to 4 on `/xmlrpc/2`) and `faultString`.
    Fault(i64, String),
}

/// What `write` writes: sent by its place, since `product.product` calls it `values` up to 18.
const BY_PLACE: &str = "vals";

/// The body of `execute_kw` for a call.
pub fn execute_kw(call: &Call, database: &str, uid: i64, password: &SecretString) -> Vec<u8> {
    let ids = call.ids.iter().map(|ids| xmlrpc::Value::Array(ids.iter().map(|id| int(*id)).collect()));
    let (by_place, by_name): (Vec<_>, Vec<_>) = call.args.iter().partition(|(name, _)| *name == BY_PLACE);
    let positional = ids.chain(by_place.into_iter().map(|(_, value)| encode(value))).collect();
    let mut named: std::collections::BTreeMap<String, xmlrpc::Value> =
        by_name.into_iter().map(|(name, value)| ((*name).to_owned(), encode(value))).collect();
    if !call.context.is_empty() {
        let context = call.context.iter().map(|(name, value)| ((*name).to_owned(), encode(value))).collect();
        named.insert("context".to_owned(), xmlrpc::Value::Struct(context));
    }
    let request = xmlrpc::Request::new("execute_kw")
        .arg(clean(database).into_owned())
        .arg(int(uid))
        .arg(password.expose_secret())
        .arg(call.model)
        .arg(call.method)
        .arg(xmlrpc::Value::Array(positional))
        .arg(xmlrpc::Value::Struct(named));
    write(&request)
}

/// The body of a call to the `common` service, e.g. `authenticate`.
pub fn common(method: &str, args: &[Json]) -> Vec<u8> {
    let request = args.iter().fold(xmlrpc::Request::new(method), |request, arg| request.arg(encode(arg)));
    write(&request)
}

fn write(request: &xmlrpc::Request<'_>) -> Vec<u8> {
    let mut body = Vec::with_capacity(4096);
    // Writing into a Vec cannot fail; an empty body would be refused by Odoo as malformed, never acted on.
    if request.write_as_xml(&mut body).is_err() {
        body.clear();
    }
    body
}

fn int(n: i64) -> xmlrpc::Value {
    i32::try_from(n).map_or(xmlrpc::Value::Int64(n), xmlrpc::Value::Int)
}

fn encode(value: &Json) -> xmlrpc::Value {
    match value {
        Json::Null => xmlrpc::Value::Bool(false),
        Json::Bool(b) => xmlrpc::Value::Bool(*b),
        Json::Number(n) => n.as_i64().map_or_else(|| xmlrpc::Value::Double(n.as_f64().unwrap_or_default()), int),
        Json::String(s) => xmlrpc::Value::String(clean(s).into_owned()),
        Json::Array(items) => xmlrpc::Value::Array(items.iter().map(encode).collect()),
        Json::Object(map) => xmlrpc::Value::Struct(map.iter().map(|(k, v)| (clean(k).into_owned(), encode(v))).collect()),
    }
}

/// Drops what XML 1.0 cannot carry: one such character in any string makes Odoo refuse the whole call (fault 1). Line ends
/// become those that arrive.
pub fn clean(text: &str) -> Cow<'_, str> {
    let carried = |c: char| matches!(c, '\t' | '\n' | '\u{20}'..='\u{FFFD}' | '\u{10000}'..);
    if text.chars().all(carried) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(line_ends(Cow::Borrowed(text)).chars().filter(|c| carried(*c)).collect())
}

/// Line ends as every XML reader gives them on, Odoo's too (XML 1.0, 2.11). Kept as they were, a text with `\r\n` would
/// never be equal again to what is read back of it.
fn line_ends(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")) } else { text }
}

/// Decodes the body of a reply.
///
/// # Errors
/// [`Malformed`] when the bytes are not one whole, plain `methodResponse`, or its value does not fit `T`.
pub fn response<T: DeserializeOwned>(body: &[u8]) -> Result<Answer<T>, Malformed> {
    let mut decoder = Decoder::new(body)?;
    decoder.expect_start("methodResponse")?;
    let outer = decoder.start()?;
    let answer = match outer.name().0 {
        "params" => {
            decoder.expect_start("param")?;
            let value = T::deserialize(&mut decoder)?;
            decoder.expect_end()?;
            Answer::Value(value)
        }
        "fault" => {
            let fault = Fault::deserialize(&mut decoder)?;
            Answer::Fault(fault.code, fault.text)
        }
        other => return bad(format!("unexpected <{}> in the reply", quote(other))),
    };
    decoder.expect_end()?;
    decoder.expect_end()?;
    decoder.expect_eof()?;
    Ok(answer)
}

/// Decodes the value of a reply that is no fault.
///
/// # Errors
/// As [`response`]; [`Malformed`] also for a fault.
pub fn value<T: DeserializeOwned>(body: &[u8]) -> Result<T, Malformed> {
    match response(body)? {
        Answer::Value(value) => Ok(value),
        Answer::Fault(code, text) => bad(format!("fault {code} instead of a value: {}", quote(&text))),
    }
}

/// Code and text of a reply that is a fault; `None` for any other, also for one that [`response`] refuses.
pub fn fault(body: &[u8]) -> Option<(i64, String)> {
    let mut decoder = Decoder::new(body).ok()?;
    decoder.expect_start("methodResponse").ok()?;
    if decoder.start().ok()?.name().0 != "fault" {
        return None;
    }
    match response::<serde::de::IgnoredAny>(body) {
        Ok(Answer::Fault(code, text)) => Some((code, text)),
        _ => None,
    }
}

#[derive(serde::Deserialize)]
struct Fault {
    #[serde(rename = "faultCode")]
    code: i64,
    #[serde(rename = "faultString", default)]
    text: String,
}

fn blank(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_whitespace())
}

fn quote(text: &str) -> String {
    cut(text, QUOTE)
}

/// A value whose opening tag has been read.
enum Opened<'a> {
    Int(i64),
    Bool(bool),
    /// The text of a `<double>`, undecided between float and decimal.
    Double(Cow<'a, str>),
    Text(Cow<'a, str>),
    Array,
    Struct,
    Nil,
}

struct Decoder<'a> {
    reader: Reader<&'a [u8]>,
    depth: u32,
    /// A value that was opened to see whether it is null, and is still to be visited.
    opened: Option<Opened<'a>>,
}

impl<'a> Decoder<'a> {
    fn new(body: &'a [u8]) -> Result<Self, Malformed> {
        let text =
            std::str::from_utf8(body).map_err(|error| Malformed(format!("the reply is not UTF-8 at byte {}", error.valid_up_to())))?;
        let mut reader = Reader::from_str(text.strip_prefix('\u{FEFF}').unwrap_or(text));
        reader.config_mut().expand_empty_elements = true;
        Ok(Self { reader, depth: 0, opened: None })
    }

    /// The next event that carries content: comments, declarations and instructions are passed over.
    fn event(&mut self) -> Result<Event<'a>, Malformed> {
        loop {
            match self.reader.read_event() {
                Ok(Event::Comment(_) | Event::Decl(_) | Event::PI(_)) => {}
                Ok(Event::DocType(_)) => return bad("the reply declares a DOCTYPE, which XML-RPC never does"),
                Ok(Event::Eof) => return bad("the reply ends in the middle"),
                Ok(event) => return Ok(event),
                Err(error) => {
                    return bad(format!(
                        "not well-formed XML near byte {}: {}",
                        self.reader.error_position(),
                        cut(&error.to_string(), QUOTE)
                    ));
                }
            }
        }
    }

    /// The next tag, with nothing but blanks before it.
    fn tag(&mut self) -> Result<Event<'a>, Malformed> {
        loop {
            match self.event()? {
                Event::Text(text) if blank(&text) => {}
                event @ (Event::Start(_) | Event::End(_)) => return Ok(event),
                _ => return bad(format!("text where a tag was expected, near byte {}", self.reader.buffer_position())),
            }
        }
    }

    fn start(&mut self) -> Result<BytesStart<'a>, Malformed> {
        match self.tag()? {
            Event::Start(start) => Ok(start),
            _ => bad("a closing tag where a value was expected"),
        }
    }

    fn expect_start(&mut self, name: &str) -> Result<(), Malformed> {
        let start = self.start()?;
        if start.name().0 == name { Ok(()) } else { bad(format!("<{}> where <{}> was expected", quote(start.name().0), quote(name))) }
    }

    fn expect_end(&mut self) -> Result<(), Malformed> {
        match self.tag()? {
            Event::End(_) => Ok(()),
            Event::Start(start) => bad(format!("unexpected <{}>", quote(start.name().0))),
            _ => bad("unexpected content"),
        }
    }

    fn expect_eof(&mut self) -> Result<(), Malformed> {
        loop {
            match self.reader.read_event() {
                Ok(Event::Eof) => return Ok(()),
                Ok(Event::Comment(_) | Event::PI(_)) => {}
                Ok(Event::Text(text)) if blank(&text) => {}
                _ => return bad("bytes after the end of the reply"),
            }
        }
    }

    /// Text up to the closing tag of the element that is open.
    fn text(&mut self) -> Result<Cow<'a, str>, Malformed> {
        let mut whole: Cow<'a, str> = Cow::Borrowed("");
        loop {
            match self.event()? {
                Event::Text(text) => {
                    append(&mut whole, line_ends(text.into_inner()));
                }
                Event::CData(text) => append(&mut whole, line_ends(text.into_inner())),
                Event::GeneralRef(name) => append(&mut whole, Cow::Owned(entity(&name)?.to_string())),
                Event::End(_) => return Ok(whole),
                Event::Start(start) => return bad(format!("<{}> inside text", quote(start.name().0))),
                _ => return bad("unexpected content inside text"),
            }
        }
    }

    /// Opens the next `<value>` and, unless it is a container, reads it whole.
    fn open(&mut self) -> Result<Opened<'a>, Malformed> {
        match self.opened.take() {
            Some(opened) => Ok(opened),
            None => {
                self.expect_start("value")?;
                self.open_after_tag()
            }
        }
    }

    fn open_after_tag(&mut self) -> Result<Opened<'a>, Malformed> {
        let mut untyped: Cow<'a, str> = Cow::Borrowed("");
        loop {
            match self.event()? {
                Event::Text(text) => append(&mut untyped, line_ends(text.into_inner())),
                Event::CData(text) => append(&mut untyped, line_ends(text.into_inner())),
                Event::GeneralRef(name) => append(&mut untyped, Cow::Owned(entity(&name)?.to_string())),
                Event::End(_) => return Ok(Opened::Text(untyped)),
                Event::Start(start) if untyped.trim().is_empty() => return self.open_typed(&start),
                _ => return bad("a value with both text and a type"),
            }
        }
    }

    fn open_typed(&mut self, start: &BytesStart<'a>) -> Result<Opened<'a>, Malformed> {
        let opened = match start.name().0 {
            "string" | "dateTime.iso8601" | "base64" => Opened::Text(self.text()?),
            "int" | "i4" | "i8" => {
                let text = self.text()?;
                let digits = text.trim();
                match digits.strip_prefix('+').unwrap_or(digits).parse() {
                    Ok(n) => Opened::Int(n),
                    Err(_) => return bad(format!("not a 64-bit integer: {}", cut(digits, QUOTE))),
                }
            }
            "boolean" => match self.text()?.trim() {
                "1" | "true" => Opened::Bool(true),
                "0" | "false" => Opened::Bool(false),
                other => return bad(format!("not a boolean: {}", cut(other, QUOTE))),
            },
            "double" => Opened::Double(self.text()?),
            "nil" => {
                self.expect_end()?;
                Opened::Nil
            }
            "array" => {
                self.deeper()?;
                self.expect_start("data")?;
                return Ok(Opened::Array);
            }
            "struct" => {
                self.deeper()?;
                return Ok(Opened::Struct);
            }
            other => return bad(format!("unknown type <{}>", quote(other))),
        };
        self.expect_end()?; // </value>
        Ok(opened)
    }

    fn deeper(&mut self) -> Result<(), Malformed> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { bad(format!("values nested more than {MAX_DEPTH} deep")) } else { Ok(()) }
    }

    fn visit<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Malformed> {
        match self.open()? {
            Opened::Int(n) => visitor.visit_i64(n),
            Opened::Bool(b) => visitor.visit_bool(b),
            Opened::Double(text) => match text.trim().parse::<f64>() {
                Ok(n) if n.is_finite() => visitor.visit_f64(n),
                _ => bad(format!("not a finite number: {}", cut(&text, QUOTE))),
            },
            Opened::Text(text) => visit_text(visitor, text),
            Opened::Nil => visitor.visit_unit(),
            Opened::Array => {
                let mut items = Items { decoder: self, done: false };
                let value = visitor.visit_seq(&mut items)?;
                // A tuple asks for its members only, so the end of the array may still be unread.
                if items.next_element::<IgnoredAny>()?.is_some() { bad("an array longer than expected") } else { Ok(value) }
            }
            Opened::Struct => visitor.visit_map(Members { decoder: self, done: false }),
        }
    }
}

fn visit_text<'de, V: Visitor<'de>>(visitor: V, text: Cow<'_, str>) -> Result<V::Value, Malformed> {
    match text {
        Cow::Borrowed(text) => visitor.visit_str(text),
        Cow::Owned(text) => visitor.visit_string(text),
    }
}

fn append<'a>(whole: &mut Cow<'a, str>, piece: Cow<'a, str>) {
    if whole.is_empty() { *whole = piece } else { whole.to_mut().push_str(&piece) }
}

fn entity(name: &quick_xml::events::BytesRef<'_>) -> Result<char, Malformed> {
    if let Ok(Some(c)) = name.resolve_char_ref() {
        return Ok(c);
    }
    match &**name {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        other => bad(format!("unknown entity &{};", quote(other))),
    }
}

struct Items<'d, 'a> {
    decoder: &'d mut Decoder<'a>,
    done: bool,
}

impl<'de> SeqAccess<'de> for Items<'_, '_> {
    type Error = Malformed;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Malformed> {
        if self.done {
            return Ok(None);
        }
        match self.decoder.peek_value()? {
            true => seed.deserialize(&mut *self.decoder).map(Some),
            false => {
                self.done = true; // </data> was read
                self.decoder.expect_end()?; // </array>
                self.decoder.expect_end()?; // </value>
                self.decoder.depth -= 1;
                Ok(None)
            }
        }
    }
}

struct Members<'d, 'a> {
    decoder: &'d mut Decoder<'a>,
    done: bool,
}

impl<'de> MapAccess<'de> for Members<'_, '_> {
    type Error = Malformed;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Malformed> {
        if self.done {
            return Ok(None);
        }
        match self.decoder.tag()? {
            Event::Start(start) if start.name().0 == "member" => {
                self.decoder.expect_start("name")?;
                let name = self.decoder.text()?;
                if name.starts_with(RESERVED) {
                    return bad("a member with a reserved name");
                }
                seed.deserialize(de::value::CowStrDeserializer::new(name)).map(Some)
            }
            Event::Start(start) => bad(format!("<{}> inside a struct", quote(start.name().0))),
            _ => {
                self.done = true; // </struct> was read
                self.decoder.expect_end()?; // </value>
                self.decoder.depth -= 1;
                Ok(None)
            }
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Malformed> {
        let value = seed.deserialize(&mut *self.decoder)?;
        self.decoder.expect_end()?; // </member>
        Ok(value)
    }
}

impl<'a> Decoder<'a> {
    /// Whether another `<value>` follows in the array; reads its opening tag, or `</data>`.
    fn peek_value(&mut self) -> Result<bool, Malformed> {
        match self.tag()? {
            Event::Start(start) if start.name().0 == "value" => {
                self.opened = Some(self.open_after_tag()?);
                Ok(true)
            }
            Event::Start(start) => bad(format!("<{}> inside an array", quote(start.name().0))),
            _ => Ok(false),
        }
    }
}

impl<'de> Deserializer<'de> for &mut Decoder<'_> {
    type Error = Malformed;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        self.visit(visitor)
    }

    /// `nil` and Odoo's `False` are `None`.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        match self.open()? {
            Opened::Nil | Opened::Bool(false) => visitor.visit_none(),
            opened => {
                self.opened = Some(opened);
                visitor.visit_some(self)
            }
        }
    }

    /// Text; a number is given as the text that the server wrote, so that money never passes through a float.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        match self.open()? {
            Opened::Double(text) => visit_text(visitor, text),
            Opened::Int(n) => visitor.visit_string(n.to_string()),
            opened => {
                self.opened = Some(opened);
                self.visit(visitor)
            }
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        self.deserialize_str(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests;
