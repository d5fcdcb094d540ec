//! Datetimes as Odoo stores and sends them, and the clock of a database.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// Microseconds in a second: PostgreSQL keeps six digits, the wire none.
pub const SECOND: i64 = 1_000_000;

/// `YYYY-MM-DD HH:MM:SS`, UTC, the microseconds cut off as Odoo cuts them.
pub fn text(micros: i64) -> String {
    let whole = micros.div_euclid(SECOND);
    match Timestamp::from_second(whole) {
        Ok(stamp) => stamp.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => String::from("1970-01-01 00:00:00"),
    }
}

/// A datetime as Odoo's sentences show it: `12/01/2026 12:00:00 AM`.
pub fn american(micros: i64) -> String {
    match Timestamp::from_microsecond(micros) {
        Ok(stamp) => stamp.strftime("%m/%d/%Y %I:%M:%S %p").to_string(),
        Err(_) => text(micros),
    }
}

/// Reads a datetime, or a date as its midnight; fractions of a second are kept.
pub fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    let civil = match text.len() {
        10 => text.parse::<Date>().ok()?.to_datetime(jiff::civil::Time::midnight()),
        19.. => text.replacen(' ', "T", 1).parse::<DateTime>().ok()?,
        _ => return None,
    };
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp().as_microsecond())
}

/// Reads a datetime cell of `load`, which is told in a time zone, as UTC to the second.
pub fn parse_in(text: &str, zone: &str) -> Option<i64> {
    let micros = parse(text)?.div_euclid(SECOND) * SECOND;
    if zone == "UTC" {
        return Some(micros);
    }
    let civil = Timestamp::from_microsecond(micros).ok()?.to_zoned(TimeZone::UTC).datetime();
    let zoned = civil.to_zoned(TimeZone::get(zone).ok()?).ok()?;
    Some(zoned.timestamp().as_microsecond())
}

/// Whether the text is a date that Odoo would take.
pub fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<Date>().is_ok()
}

/// The value of an HTTP `Date` header.
pub fn http_date(micros: i64) -> String {
    let stamp = Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH);
    stamp.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// The clock of one database: the machine's, moved by an offset, or stopped at an instant until it is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The machine's clock plus so many microseconds.
    Offset(i64),
    /// Stands still at this instant.
    Stopped(i64),
}

impl Default for Clock {
    fn default() -> Self {
        Clock::Offset(0)
    }
}

impl Clock {
    /// Microseconds since 1970, UTC.
    pub fn now(self) -> i64 {
        match self {
            Clock::Offset(offset) => Timestamp::now().as_microsecond() + offset,
            Clock::Stopped(instant) => instant,
        }
    }

    /// The same clock, moved.
    pub fn moved(self, micros: i64) -> Self {
        match self {
            Clock::Offset(offset) => Clock::Offset(offset + micros),
            Clock::Stopped(instant) => Clock::Stopped(instant + micros),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datetime_survives_the_round_trip_without_its_fraction() {
        let micros = parse("2026-11-20 10:00:00.057965").expect("valid");
        assert_eq!(micros % SECOND, 57_965);
        assert_eq!(text(micros), "2026-11-20 10:00:00");
        assert_eq!(parse("2026-11-20"), parse("2026-11-20 00:00:00"));
        assert_eq!(parse("2026-13-01 00:00:00"), None);
    }
}
