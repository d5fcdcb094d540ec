//! Odoo's search domains, as people write or copy them: JSON, or the Python literal that Odoo's filter editor shows.
//!
//! Nothing is evaluated: a domain with `uid` or `context_today()` in it is refused, since only a browser knows what
//! they stand for. Whether the fields exist is central's to say.

use serde_json::Value;

use crate::problem::clean;

/// Longest text of a domain, in bytes: a thousand references in quotes; what is longer is better kept as `refs`.
pub const DOMAIN_MAX: usize = 64 * 1024;
/// Deepest nesting: Odoo's editor makes four levels, and each level is one of our own stack.
const DEPTH_MAX: usize = 16;
/// Most entries of one list: as many as `refs` takes; Odoo turns each into a parameter of one query.
const ITEMS_MAX: usize = 10_000;
/// Longest path of fields: Odoo follows dots through five models at most in practice.
const PATH_MAX: usize = 200;

/// Somebody who deletes the last condition does not mean all records.
const EMPTY: &str = "is empty, which would choose everything; if that is meant, choose all instead";

/// What Odoo compares with; each is known to some version from 14 to 19, and central refuses what its own does not know.
const OPERATORS: [&str; 22] = [
    "=",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "=?",
    "like",
    "not like",
    "ilike",
    "not ilike",
    "=like",
    "=ilike",
    "not =like",
    "not =ilike",
    "in",
    "not in",
    "child_of",
    "parent_of",
    "any",
    "not any",
    "<>",
];

/// Reads a domain from JSON, e.g. `[["sale_ok", "=", true]]`, or from Python, e.g. `[('sale_ok', '=', True)]`, and
/// checks it with [`check_domain`]. `None` and `null` become `false`, which means the same to Odoo and has a place on
/// the wire. An error completes "The domain …", without a full stop.
pub fn parse_domain(text: &str) -> Result<Value, String> {
    if text.len() > DOMAIN_MAX {
        return Err(format!("is longer than {} kB", DOMAIN_MAX / 1024));
    }
    if text.trim().is_empty() {
        return Err(EMPTY.to_owned());
    }
    let mut literal = Literal { text, rest: text };
    let domain = literal.value(0)?;
    literal.blank();
    if !literal.rest.is_empty() {
        return Err(literal.wrong("there is more after its end"));
    }
    check_domain(&domain)?;
    Ok(domain)
}

/// Checks the shape of a domain: a list of terms `[field, operator, value]` and of the operators `&`, `|` and `!` before
/// them, with values that fit the wire. An empty one, which means everything, is refused. An error completes
/// "The domain …", without a full stop.
pub fn check_domain(domain: &Value) -> Result<(), String> {
    check_level(domain, 0)
}

fn check_level(domain: &Value, depth: usize) -> Result<(), String> {
    let Value::Array(tokens) = domain else {
        return Err("must be a list of conditions, as [[\"sale_ok\", \"=\", true]]".to_owned());
    };
    if depth > DEPTH_MAX {
        return Err(format!("is nested deeper than {DEPTH_MAX} levels"));
    }
    if tokens.is_empty() {
        return Err(EMPTY.to_owned());
    }
    if tokens.len() > ITEMS_MAX {
        return Err(format!("has more than {ITEMS_MAX} conditions"));
    }
    // How many conditions the operators before still need; where none is needed, Odoo reads an "and".
    let mut needed = 1usize;
    for token in tokens {
        if needed == 0 {
            needed = 1;
        }
        match token {
            Value::String(operator) => match operator.as_str() {
                "&" | "|" => needed += 1,
                "!" => {}
                other => {
                    return Err(format!("has {:?} where a condition, \"&\", \"|\" or \"!\" must stand", clean(other, 40)));
                }
            },
            term => {
                check_term(term, depth)?;
                needed -= 1;
            }
        }
    }
    match needed {
        0 => Ok(()),
        _ => Err("ends where an operator (\"&\", \"|\" or \"!\") still needs a condition after it".to_owned()),
    }
}

fn check_term(term: &Value, depth: usize) -> Result<(), String> {
    let shown = clean(&term.to_string(), 80);
    let Value::Array(parts) = term else {
        return Err(format!("has {shown} where a condition [field, operator, value] must stand"));
    };
    let [field, operator, value] = parts.as_slice() else {
        return Err(format!("has a condition with {} parts instead of field, operator and value: {shown}", parts.len()));
    };
    let operator = operator.as_str().unwrap_or_default();
    match field {
        Value::String(path) if is_path(path) => {}
        // Odoo's own way of writing "always" and "never".
        Value::Number(number) if matches!(number.as_i64(), Some(0 | 1)) && operator == "=" && value.as_i64() == Some(1) => {}
        _ => return Err(format!("has a condition whose first part is no name of a field: {shown}")),
    }
    if !OPERATORS.contains(&operator) {
        return Err(format!("has an unknown operator in {shown}; known are {}", OPERATORS.join(", ")));
    }
    if matches!(operator, "any" | "not any") {
        return check_level(value, depth + 1);
    }
    match value {
        Value::Array(values) if values.len() > ITEMS_MAX => Err(format!("has a list of more than {ITEMS_MAX} values")),
        Value::Array(values) => values.iter().try_for_each(|value| check_value(value, &shown)),
        _ if matches!(operator, "in" | "not in") => Err(format!("needs a list after {operator:?} in {shown}")),
        value => check_value(value, &shown),
    }
}

/// `categ_id.parent_id.name`.
fn is_path(path: &str) -> bool {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    path.len() <= PATH_MAX && path.split('.').all(is_name)
}

/// A single value that XML-RPC can carry and Odoo can take.
fn check_value(value: &Value, shown: &str) -> Result<(), String> {
    match value {
        Value::Bool(_) => Ok(()),
        // An integer of XML-RPC has 32 bits.
        Value::Number(number) if number.is_f64() || number.as_i64().is_some_and(|number| i32::try_from(number).is_ok()) => Ok(()),
        Value::Number(_) => Err(format!("has a number that is too large for Odoo in {shown}")),
        // One such character makes Odoo refuse the whole call.
        Value::String(text) if text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) => {
            Err(format!("has a control character in {shown}"))
        }
        Value::String(_) => Ok(()),
        Value::Null => Err(format!("has no value in {shown}; for an empty field write false")),
        Value::Array(_) | Value::Object(_) => {
            Err(format!("has a value that is neither text, number, yes or no, nor a list of them in {shown}"))
        }
    }
}

/// A literal of Python or JSON while it is read.
struct Literal<'t> {
    text: &'t str,
    rest: &'t str,
}

impl Literal<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEPTH_MAX {
            return Err(format!("is nested deeper than {DEPTH_MAX} levels"));
        }
        self.blank();
        match self.rest.chars().next() {
            None => Err("ends too early; a bracket or quote is not closed".to_owned()),
            Some('[') => self.list(']', depth),
            Some('(') => self.list(')', depth),
            Some(quote @ ('"' | '\'')) => self.quoted(quote).map(Value::String),
            Some(c) if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') => self.number(),
            Some(c) if c.is_alphabetic() || c == '_' => self.word(),
            Some(c) => Err(self.wrong(&format!("{:?} stands where a value must stand", clean(&c.to_string(), 1)))),
        }
    }

    /// A list or a tuple. As in Python, one value in round brackets without a comma is that value.
    fn list(&mut self, close: char, depth: usize) -> Result<Value, String> {
        self.next();
        let mut items = Vec::new();
        let mut commas = 0;
        loop {
            self.blank();
            if self.takes(close) {
                break;
            }
            if commas < items.len() {
                return Err(self.wrong(&format!("a comma or {close} is missing")));
            }
            if items.len() == ITEMS_MAX {
                return Err(self.wrong(&format!("a list has more than {ITEMS_MAX} entries")));
            }
            items.push(self.value(depth + 1)?);
            self.blank();
            commas += usize::from(self.takes(','));
        }
        match items.pop() {
            Some(only) if close == ')' && items.is_empty() && commas == 0 => Ok(only),
            last => {
                items.extend(last);
                Ok(Value::Array(items))
            }
        }
    }

    fn quoted(&mut self, quote: char) -> Result<String, String> {
        self.next();
        let mut text = String::new();
        while let Some(c) = self.next() {
            match c {
                c if c == quote => return Ok(text),
                '\\' => text.extend(self.escaped()?),
                c => text.push(c),
            }
        }
        Err("ends too early; a quote is not closed".to_owned())
    }

    /// What stands for itself after a backslash; a line that goes on is nothing.
    fn escaped(&mut self) -> Result<Option<char>, String> {
        Ok(Some(match self.next() {
            Some(c @ ('\\' | '\'' | '"' | '/')) => c,
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('\n') => return Ok(None),
            Some('x') => self.code(2)?,
            Some('u') => self.code(4)?,
            Some('U') => self.code(8)?,
            _ => return Err(self.wrong("a backslash before a character that needs none; write \\\\ for a backslash")),
        }))
    }

    /// A character by its number; JSON writes those beyond 16 bits as two halves.
    fn code(&mut self, digits: usize) -> Result<char, String> {
        let mut number = self.hex(digits)?;
        if digits == 4 && (0xd800..0xdc00).contains(&number) && self.rest.starts_with("\\u") {
            self.rest = &self.rest[2..];
            let low = self.hex(4)?;
            if (0xdc00..0xe000).contains(&low) {
                number = 0x10000 + ((number - 0xd800) << 10) + (low - 0xdc00);
            }
        }
        char::from_u32(number).ok_or_else(|| self.wrong("there is no character with this number"))
    }

    fn hex(&mut self, digits: usize) -> Result<u32, String> {
        let read = self.rest.get(..digits).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
        let Some(number) = read.and_then(|text| u32::from_str_radix(text, 16).ok()) else {
            return Err(self.wrong(&format!("{digits} hexadecimal digits must follow the backslash")));
        };
        self.rest = &self.rest[digits..];
        Ok(number)
    }

    fn number(&mut self) -> Result<Value, String> {
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '+' | '.' | '_')).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        let whole = digits.parse::<i64>().ok().map(Value::from);
        // A float is read from digits only: Rust would also take "inf" and "nan".
        let fits = digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E'));
        let float =
            || digits.parse::<f64>().ok().filter(|_| fits && digits.contains(['.', 'e', 'E'])).and_then(serde_json::Number::from_f64);
        let Some(number) = whole.or_else(|| float().map(Value::Number)) else {
            return Err(self.wrong(&format!("{:?} is no number that Odoo takes", clean(digits, 40))));
        };
        self.rest = rest;
        Ok(number)
    }

    fn word(&mut self) -> Result<Value, String> {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        let value = match word {
            "True" | "true" => true,
            "False" | "false" | "None" | "null" => false,
            _ => {
                let text = format!(
                    "{:?} is no value; texts stand in quotes, and what only a browser knows, such as uid or context_today(), \
                     cannot be used",
                    clean(word, 40)
                );
                return Err(self.wrong(&text));
            }
        };
        self.rest = rest;
        Ok(Value::Bool(value))
    }

    fn blank(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    /// Goes over a character if it stands next.
    fn takes(&mut self, c: char) -> bool {
        self.rest.strip_prefix(c).map(|rest| self.rest = rest).is_some()
    }

    fn wrong(&self, what: &str) -> String {
        let before = &self.text[..self.text.len() - self.rest.len()];
        format!("cannot be read at character {}: {what}", before.chars().count() + 1)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A test that fails to unwrap has failed.

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn domains_of_odoo_are_read() {
        let read = [
            ("[('available_in_pos', '=', True)]", json!([["available_in_pos", "=", true]])),
            (r#"[["available_in_pos", "=", true]]"#, json!([["available_in_pos", "=", true]])),
            (
                "['&', ('sale_ok', '=', True), '|', (\"categ_id\", \"child_of\", [4, 7]), ('categ_id.parent_id.name', 'ilike', \"Bar's\"),]",
                json!(["&", ["sale_ok", "=", true], "|", ["categ_id", "child_of", [4, 7]], ["categ_id.parent_id.name", "ilike", "Bar's"]]),
            ),
            ("[('barcode', '!=', False), ('list_price', '>=', -9.5e0)]", json!([["barcode", "!=", false], ["list_price", ">=", -9.5]])),
            ("[('image_1920', '=', None)]", json!([["image_1920", "=", false]])),
            ("[['a', '=', null]]", json!([["a", "=", false]])),
            ("['!', ('name', 'in', ('a', 'b',))]", json!(["!", ["name", "in", ["a", "b"]]])),
            ("[('x_tag_ids', 'any', [('name', '=', 'Shop')])]", json!([["x_tag_ids", "any", [["name", "=", "Shop"]]]])),
            ("[(1, '=', 1)]", json!([[1, "=", 1]])),
            ("[ ( 'name' , '=' , ('Espresso') ) ]\n", json!([["name", "=", "Espresso"]])),
            (r#"[("name", "=", "a\"b\\c\n\t\u00e9\xe9\ud83d\ude00\U0001F600")]"#, json!([["name", "=", "a\"b\\c\n\té\u{e9}😀😀"]])),
        ];
        for (text, domain) in read {
            assert_eq!(parse_domain(text), Ok(domain), "{text}");
        }
    }

    #[test]
    fn what_is_no_domain_is_told() {
        let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
        let any = format!("{}[('a', '=', 1)]{}", "[('a', 'any', ".repeat(8), ")]".repeat(8));
        let told = [
            "",
            "[]",
            "True",
            "'available_in_pos'",
            "[('available_in_pos', '=', True]",
            "[('available_in_pos', '=', True)",
            "[('available_in_pos', '=', True)] and more",
            "[('a', '=', 'b)]",
            "[('a' '=', 1)]",
            "[(, 'a', '=', 1)]",
            "[('a', '=')]",
            "[('a b', '=', 1)]",
            "[('a..b', '=', 1)]",
            "[('a', '~', 1)]",
            "[('a', 'in', 1)]",
            "[('a', '=', [[1]])]",
            "[('a', 'any', 1)]",
            "[('a', '=', {'b': 1})]",
            "[('user_id', '=', uid)]",
            "[('a', '=', inf)]",
            "[('a', '=', 1_000)]",
            "[('a', '=', 1e999)]",
            "[('a', '=', 4711471147)]",
            "[('a', '=', '\\q')]",
            "[('a', '=', '\\ud83d')]",
            "[('a', '=', '\\x01')]",
            "['|', ('a', '=', 1)]",
            "['!']",
            "['and', ('a', '=', 1)]",
            "[2, ('a', '=', 1)]",
            "[(2, '=', 1)]",
            &deep,
            &any,
        ];
        let mut all = String::new();
        for text in told {
            all.push_str(&format!("{}\n  {}\n", clean(text, 60), parse_domain(text).unwrap_err()));
        }
        insta::assert_snapshot!(all);
    }

    #[test]
    fn limits_hold() {
        let list = |entries: usize| format!("[('a', 'in', [{}])]", "1,".repeat(entries));
        assert!(parse_domain(&list(ITEMS_MAX)).is_ok());
        assert!(parse_domain(&list(ITEMS_MAX + 1)).unwrap_err().contains("more than 10000"));
        assert!(parse_domain(&" ".repeat(DOMAIN_MAX + 1)).unwrap_err().contains("longer than 64 kB"));
        assert!(check_domain(&json!([["a", "=", null]])).unwrap_err().contains("write false"));
        let mut any = json!([["a", "=", 1]]);
        for _ in 0..=DEPTH_MAX {
            any = json!([["a", "any", any]]);
        }
        assert!(check_domain(&any).unwrap_err().contains("nested deeper"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = parse_domain(&text);
        }

        /// Pieces of domains, so that every branch of the reading is reached; what is read is a domain to the end.
        #[test]
        fn what_is_read_is_valid_and_is_read_again_from_json(pieces in prop::collection::vec(prop::sample::select(vec![
            "[", "]", "(", ")", ",", "'a'", "\"b.c\"", "'='", "'in'", "'any'", "1", "-2.5", "True", "None", "'|'", "'&'", "'!'",
            " ", "'", "\"", "\\", "\\u", "d83d", "é", "[('a', '=', 1)]", "('a', 'in', [1, 'x'])", "{",
        ]), 0..24)) {
            if let Ok(domain) = parse_domain(&pieces.concat()) {
                prop_assert_eq!(check_domain(&domain), Ok(()));
                prop_assert_eq!(parse_domain(&domain.to_string()), Ok(domain));
            }
        }
    }
}
