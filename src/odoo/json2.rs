//! The JSON-2 wire format (`/json/2/<model>/<method>`, Odoo 19 and later): a call to bytes, the bytes of a reply to any serde
//! type, and its errors.
//!
//! serde_json reads; [`AsOdooMeans`] around it reads as [`super::xmlrpc`] does, so that one set of types fits both: `False` stands
//! for null, and a number is given as text where text is asked for, so that no amount passes through a float.

use std::fmt;

use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::xmlrpc::{self, Malformed};
use super::{Call, OdooError};

/// Where a call is posted, below the server's address.
pub fn path(call: &Call) -> String {
    format!("/json/2/{}/{}", call.model, call.method)
}

/// The body of a call: its arguments by name, `ids` and `context`.
pub fn body(call: &Call) -> Vec<u8> {
    let mut named: serde_json::Map<String, Json> = call.args.iter().map(|(name, value)| ((*name).to_owned(), clean(value))).collect();
    if let Some(ids) = &call.ids {
        named.insert("ids".to_owned(), ids.clone().into());
    }
    if !call.context.is_empty() {
        let context = call.context.iter().map(|(name, value)| ((*name).to_owned(), clean(value))).collect();
        named.insert("context".to_owned(), Json::Object(context));
    }
    Json::Object(named).to_string().into_bytes()
}

/// JSON carries any character, but what one end writes the other may have to read over XML-RPC.
fn clean(value: &Json) -> Json {
    match value {
        Json::String(text) => Json::String(xmlrpc::clean(text).into_owned()),
        Json::Array(items) => items.iter().map(clean).collect(),
        Json::Object(members) => Json::Object(members.iter().map(|(name, value)| (name.clone(), clean(value))).collect()),
        other => other.clone(),
    }
}

/// Decodes the result of a call.
///
/// # Errors
/// [`Malformed`] when the bytes are not one whole JSON value, or it does not fit `T`.
pub fn response<T: DeserializeOwned>(body: &[u8]) -> Result<T, Malformed> {
    let malformed = |error: serde_json::Error| de::Error::custom(error);
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = T::deserialize(AsOdooMeans(&mut json)).map_err(malformed)?;
    json.end().map_err(malformed)?;
    Ok(value)
}

/// What Odoo says of an error: the name of Python's class, and its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    name: String,
    message: String,
}

impl Refused {
    /// Reads the body of an answer that is not 200; `None` if it is not Odoo's.
    pub fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// The same error as over XML-RPC (by the names that Odoo 19.0 gives).
    pub fn error(self, database: &str, login: &str) -> OdooError {
        let Self { name, message } = self;
        let class = name.rsplit('.').next().unwrap_or_default();
        let fault = |code, text: &str| OdooError::from_fault(code, text, database, login);
        match class {
            "AccessError" => fault(4, &message),
            "AccessDenied" | "Unauthorized" => fault(3, &message),
            "UserError" | "ValidationError" | "MissingError" | "LockError" | "RedirectWarning" => fault(2, &message),
            "NotFound" => match message.strip_prefix("the model '").and_then(|rest| rest.strip_suffix("' does not exist")) {
                Some(model) => OdooError::ModelUnknown(model.to_owned()),
                None if message.starts_with("The method '") => fault(1, &format!("AttributeError: {message}")),
                None => fault(1, &format!("{class}: {message}")),
            },
            // A traceback names what is not Python's own with its module: psycopg2.InterfaceError.
            _ => fault(1, &format!("{}: {message}", name.strip_prefix("builtins.").unwrap_or(&name))),
        }
    }
}

/// Reads what is inside as Odoo means it.
struct AsOdooMeans<T>(T);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for AsOdooMeans<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(AsOdooMeans(visitor))
    }

    /// `null` and Odoo's `False` are `None`.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        match raw(self.0)? {
            "null" | "false" => visitor.visit_none(),
            some => visitor.visit_some(AsOdooMeans(&mut serde_json::Deserializer::from_str(some))).map_err(de::Error::custom),
        }
    }

    /// Text; a number is given as the text that the server wrote.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let text = raw(self.0)?;
        match text.as_bytes().first() {
            Some(b'-' | b'0'..=b'9') => visitor.visit_borrowed_str(text),
            _ => AsOdooMeans(&mut serde_json::Deserializer::from_str(text)).deserialize_any(visitor).map_err(de::Error::custom),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_ignored_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct enum identifier
    }
}

/// The text of the next value, as the server wrote it.
fn raw<'de, D: Deserializer<'de>>(json: D) -> Result<&'de str, D::Error> {
    <&RawValue>::deserialize(json).map(RawValue::get)
}

impl<'de, V: Visitor<'de>> Visitor<'de> for AsOdooMeans<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<V::Value, E> {
        self.0.visit_bool(value)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<V::Value, E> {
        self.0.visit_i64(value)
    }

    /// As over XML-RPC, whose integers all have a sign.
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<V::Value, E> {
        match i64::try_from(value) {
            Ok(value) => self.0.visit_i64(value),
            Err(_) => self.0.visit_u64(value),
        }
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<V::Value, E> {
        self.0.visit_f64(value)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<V::Value, E> {
        self.0.visit_str(value)
    }

    fn visit_borrowed_str<E: de::Error>(self, value: &'de str) -> Result<V::Value, E> {
        self.0.visit_borrowed_str(value)
    }

    fn visit_unit<E: de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(AsOdooMeans(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(AsOdooMeans(members))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for AsOdooMeans<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(AsOdooMeans(seed))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for AsOdooMeans<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        self.0.next_key_seed(Key(seed))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(AsOdooMeans(seed))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for AsOdooMeans<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(AsOdooMeans(inner))
    }
}

/// Reads a member's name, and refuses what serde_json has names of its own for: by them the text of a value would be read as
/// more of the answer, nested as deep as it likes.
struct Key<T>(T);

/// What those names begin with.
pub(super) const RESERVED: &str = "$serde_json::";

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Key<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Key(inner))
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Key<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(Key(visitor))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Key<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<V::Value, E> {
        if name.starts_with(RESERVED) { Err(E::custom("a member with a reserved name")) } else { self.0.visit_str(name) }
    }

    fn visit_borrowed_str<E: de::Error>(self, name: &'de str) -> Result<V::Value, E> {
        if name.starts_with(RESERVED) { Err(E::custom("a member with a reserved name")) } else { self.0.visit_borrowed_str(name) }
    }
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;
    use serde_json::json;

    use super::*;

    fn read<T: DeserializeOwned>(text: &str) -> Result<T, Malformed> {
        response(text.as_bytes())
    }

    #[test]
    fn values_are_read_as_over_xml_rpc() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Row {
            id: i64,
            amount: Decimal,
            #[serde(default)]
            partner_id: Option<(i64, String)>,
            note: Option<String>,
            lines: Vec<Option<Decimal>>,
        }
        let row = r#"{"id": 7, "amount": 0.1, "partner_id": [3, "Anna"], "note": false, "lines": [1, null, 21.830000000000002, 1e-05], "more": {"a": [1]}}"#;
        let expected = Row {
            id: 7,
            amount: "0.1".parse().unwrap(),
            partner_id: Some((3, "Anna".to_owned())),
            note: None,
            lines: vec![Some(Decimal::ONE), None, Some("21.830000000000002".parse().unwrap()), Some("0.00001".parse().unwrap())],
        };
        assert_eq!(read::<Vec<Row>>(&format!("[{row}]")).unwrap(), [expected]);
        assert_eq!(read::<Option<Vec<i64>>>("false").unwrap(), None);
        let row: crate::odoo::master::Row =
            read(r#"{"id": 7, "list_price": 1.5, "uom_id": [1, "Units"], "tax_ids": [2, 3], "barcode": false}"#).unwrap();
        assert_eq!((crate::odoo::master::id_of(&row), crate::odoo::master::one_of(&row, "uom_id")), (7, Some(1)));
        assert_eq!(read::<Option<Vec<i64>>>(" [1, 2]\n").unwrap(), Some(vec![1, 2]));
        assert_eq!(read::<Option<String>>(r#""M\u00fcller \"x\"""#).unwrap().as_deref(), Some("Müller \"x\""));
        assert_eq!(read::<Json>(r#"{"a": [1, 2.5, false, null, "x"]}"#).unwrap(), json!({"a": [1, 2.5, false, null, "x"]}));
    }

    #[test]
    fn what_is_not_one_whole_value_is_refused() {
        for text in ["", "[1", "[1] [2]", "{\"a\": NaN}", "<html>", "\u{FEFF}[1]", &"[".repeat(100_000)] {
            assert!(read::<Json>(text).is_err(), "{}", &text[..text.len().min(20)]);
        }
        assert!(read::<(i64, String)>(r#"[1, "a", "b"]"#).is_err());
        assert!(read::<Option<Decimal>>("NaN").is_err());
    }

    /// By this name serde_json would read the text behind it as JSON, with a depth of its own.
    #[test]
    fn a_text_is_never_read_as_more_of_the_answer() {
        let nested = json!({ "$serde_json::private::RawValue": "[[1]]" }).to_string();
        let escaped = nested.replace('$', "\\u0024");
        let deep = format!("[{nested}]");
        for text in [&nested, &escaped, &deep] {
            assert!(read::<Json>(text).is_err(), "{text}");
            assert!(read::<std::collections::HashMap<String, Json>>(&format!("{{\"a\": {text}}}")).is_err(), "{text}");
        }
        assert_eq!(read::<Json>(r#"{"$serde": 1}"#).unwrap(), json!({"$serde": 1}));
    }

    #[test]
    fn a_reply_cut_at_any_byte_is_refused() {
        let whole = r#"[{"id": 1, "name": "é", "partner_id": [3, "Anna"]}]"#.as_bytes();
        assert!(response::<Json>(whole).is_ok());
        for end in 0..whole.len() {
            assert!(response::<Json>(&whole[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_call_is_its_named_arguments() {
        let call = Call::read("sale.order", &[5, 6], &["name"]).arg("load", json!("a\u{1}b\r\nc")).context("n", json!(1));
        assert_eq!(path(&call), "/json/2/sale.order/read");
        let sent: Json = serde_json::from_slice(&body(&call)).unwrap();
        let context = json!({"lang": "en_US", "tz": "UTC", "n": 1});
        assert_eq!(sent, json!({"ids": [5, 6], "fields": ["name"], "load": "ab\nc", "context": context}));
    }

    /// The names and words of a real Odoo 19.0.
    #[test]
    fn errors_are_those_of_xml_rpc() {
        let error = |name: &str, message: &str| {
            let body = json!({"name": name, "message": message, "arguments": [message], "context": {}, "debug": "Traceback…"});
            Refused::read(body.to_string().as_bytes()).expect("Odoo's").error("central", "bridge")
        };
        let gone = "Record does not exist or has been deleted.\n(Record: sale.order(99999999,), User: 8)";
        assert_eq!(error("odoo.exceptions.MissingError", gone), OdooError::Refusal(gone.to_owned()));
        assert_eq!(error("odoo.exceptions.UserError", "Some orders…"), OdooError::Refusal("Some orders…".to_owned()));
        assert_eq!(error("odoo.exceptions.AccessError", "You are not allowed…"), OdooError::Access("You are not allowed…".to_owned()));
        assert_eq!(error("werkzeug.exceptions.Unauthorized", "Invalid apikey"), OdooError::Denied("bridge".to_owned()));
        let model = "the model 'no.model' does not exist";
        assert_eq!(error("werkzeug.exceptions.NotFound", model), OdooError::ModelUnknown("no.model".to_owned()));
        let field = "Invalid field 'nope' on 'sale.order'";
        assert_eq!(error("builtins.ValueError", field), OdooError::FieldUnknown(format!("ValueError: {field}")));
        let lost = "could not serialize access due to concurrent update\n";
        assert!(matches!(
            error("psycopg2.errors.SerializationFailure", lost),
            OdooError::Busy { outcome: super::super::Outcome::NotDone, .. }
        ));
        let closed = error("psycopg2.InterfaceError", "connection already closed");
        assert!(matches!(closed, OdooError::Busy { outcome: super::super::Outcome::Unknown, .. }), "{closed:?}");
        let missing = "missing a required argument: 'data'";
        let unprocessable = OdooError::Server(format!("werkzeug.exceptions.UnprocessableEntity: {missing}"));
        assert_eq!(error("werkzeug.exceptions.UnprocessableEntity", missing), unprocessable);
        assert_eq!(Refused::read(b"<!DOCTYPE html>"), None);
        assert_eq!(Refused::read(br#"{"jsonrpc": "2.0", "error": {"code": 404}}"#), None);
    }
}
