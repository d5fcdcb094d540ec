//! Times as people read them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::texts::{CommonTexts, fill};
use crate::model::Language;

/// A moment in a zone, with the zone named: `2026-11-20 08:15 CET`.
pub fn moment(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string()
}

/// How long ago, short.
pub fn ago(at: Timestamp, now: Timestamp, language: Language) -> String {
    let t = CommonTexts::of(language);
    match now.duration_since(at).as_secs() {
        ..60 => t.just_now.to_owned(),
        s @ 60..3_600 => fill(t.minutes_ago, &[&(s / 60)]),
        s @ 3_600..172_800 => fill(t.hours_ago, &[&(s / 3_600)]),
        s => fill(t.days_ago, &[&(s / 86_400)]),
    }
}

/// In how long, short.
pub fn ahead(at: Timestamp, now: Timestamp, language: Language) -> String {
    let t = CommonTexts::of(language);
    match at.duration_since(now).as_secs() {
        ..1 => t.just_now.to_owned(),
        s @ 1..60 => fill(t.in_seconds, &[&s]),
        s @ 60..3_600 => fill(t.in_minutes, &[&(s / 60)]),
        s @ 3_600..172_800 => fill(t.in_hours, &[&(s / 3_600)]),
        s => fill(t.in_days, &[&(s / 86_400)]),
    }
}

/// A whole number with its thousands apart, as the language writes them.
pub fn number(number: u64, language: Language) -> String {
    let mark = match language {
        Language::English => ',',
        Language::German => '.',
    };
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(mark);
        }
        grouped.push(digit);
    }
    grouped
}

/// An amount of money with its thousands apart and at least two decimals: `1,234.50`, in German `1.234,50`.
pub fn money(amount: rust_decimal::Decimal, language: Language) -> String {
    let mut amount = amount.normalize();
    amount.rescale(amount.scale().max(2));
    let text = amount.abs().to_string();
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), |whole| number(whole, language));
    let mark = match language {
        Language::English => '.',
        Language::German => ',',
    };
    let sign = if amount.is_sign_negative() && !amount.is_zero() { "-" } else { "" };
    format!("{sign}{whole}{mark}{decimals}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_language_does() {
        assert_eq!(number(0, Language::English), "0");
        assert_eq!(number(1_234_567, Language::English), "1,234,567");
        assert_eq!(number(1_234, Language::German), "1.234");
        let amount = |text: &str| text.parse().expect("a number");
        assert_eq!(money(amount("1234.5"), Language::English), "1,234.50");
        assert_eq!(money(amount("-0.125"), Language::German), "-0,125");
        assert_eq!(money(amount("-0.00"), Language::English), "0.00");
    }
}
