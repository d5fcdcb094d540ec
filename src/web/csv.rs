//! Tables as CSV, for people who open them in a spreadsheet: nothing in them is taken for a formula.

use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};

/// A table with its headers. Each cell is quoted; what a spreadsheet would take for a formula gets a `'` before it. Begins
/// with the mark by which spreadsheets know UTF-8.
pub fn csv<H: AsRef<str>, C: AsRef<str>>(headers: &[H], rows: impl IntoIterator<Item = Vec<C>>) -> String {
    let mut text = "\u{feff}".to_owned();
    line(&mut text, headers);
    rows.into_iter().for_each(|row| line(&mut text, &row));
    text
}

/// The same as an answer that the browser keeps as a file. `name`: letters, digits and dashes of ours.
pub fn download<H: AsRef<str>, C: AsRef<str>>(name: &str, headers: &[H], rows: impl IntoIterator<Item = Vec<C>>) -> Response {
    let headers_of: [(HeaderName, String); 2] = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.csv\"")),
    ];
    (headers_of, csv(headers, rows)).into_response()
}

fn line<C: AsRef<str>>(text: &mut String, cells: &[C]) {
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        text.push('"');
        let cell = cell.as_ref();
        if is_formula(cell) {
            text.push('\'');
        }
        for c in cell.chars() {
            match c {
                '"' => text.push_str("\"\""),
                // A spreadsheet may cut the rest off.
                '\0' => text.push('\u{fffd}'),
                c => text.push(c),
            }
        }
        text.push('"');
    }
    text.push_str("\r\n");
}

/// Whether a spreadsheet might reckon with it. A plain number is no formula, with or without its sign.
fn is_formula(cell: &str) -> bool {
    let dangerous = |c: char| matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '\0' | '＝' | '＋' | '－' | '＠');
    // Blanks before it are taken off by some.
    let begins = cell.starts_with(dangerous) || cell.trim_start().starts_with(dangerous);
    begins && !is_number(cell)
}

fn is_number(cell: &str) -> bool {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
    [whole, decimals].iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_taken_for_a_formula() {
        for (cell, written) in [
            ("plain", "\"plain\""),
            ("", "\"\""),
            ("a \"b\", c", "\"a \"\"b\"\", c\""),
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
            ("+1+1", "\"'+1+1\""),
            ("-4.00", "\"-4.00\""),
            ("-4.00+cmd|' /C calc'!A0", "\"'-4.00+cmd|' /C calc'!A0\""),
            ("-", "\"'-\""),
            ("-1.", "\"'-1.\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
            ("\r=1", "\"'\r=1\""),
            ("\n=1", "\"'\n=1\""),
            ("  =1", "\"'  =1\""),
            ("\0=1", "\"'\u{fffd}=1\""),
            ("＝1", "\"'＝1\""),
            ("a\r\nb", "\"a\r\nb\""),
        ] {
            assert_eq!(csv(&["h"], [vec![cell]]), format!("\u{feff}\"h\"\r\n{written}\r\n"), "{cell:?}");
        }
    }
}
