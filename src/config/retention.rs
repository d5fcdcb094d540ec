//! The table `[retention]`: how long is kept what is not needed for ever.

use std::time::Duration;

const DAY: u64 = 86_400;

/// How long payloads and attempts of finished records are kept. Numbers, receipts, amounts and what central made of
/// them stay for ever: they are how a record is known again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Since an order was finished: after it, its lines, payments and customer are forgotten.
    pub payloads: Duration,
    /// Since it was made: after it, a try is forgotten unless it is the last word about a record.
    pub attempts: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        // A quarter's accounts are closed by then; and with a year and a month, this season can be held against the last.
        Self { payloads: Duration::from_secs(90 * DAY), attempts: Duration::from_secs(400 * DAY) }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn read(lines: &str) -> Result<Retention, String> {
        let rest = "[central]\nurl = \"https://erp.example.com\"\ndatabase = \"central\"\nuser = \"bridge\"\n\
                    [branch.tirana]\nurl = \"https://tirana.example.com\"\ndatabase = \"tirana\"\nuser = \"bridge\"\nfrom = 2026-11-01\ncustomer = \"Walk-in\"\n";
        let text = format!("[retention]\n{lines}\n{rest}");
        Config::parse(&text, Path::new("branches.toml")).map(|config| config.retention).map_err(|error| error.to_string())
    }

    #[test]
    fn days_are_read_and_have_defaults() {
        assert_eq!(read("").unwrap(), Retention { payloads: Duration::from_secs(90 * DAY), attempts: Duration::from_secs(400 * DAY) });
        let short = read("payloads = \"7d\"\nattempts = \"30d\"").unwrap();
        assert_eq!(short, Retention { payloads: Duration::from_secs(7 * DAY), attempts: Duration::from_secs(30 * DAY) });
    }

    #[test]
    fn each_mistake_about_days_is_told() {
        let mistakes = [
            "payloads = 90",
            "payloads = \"90\"",
            "payloads = \"90m\"",
            "payloads = \"6d\"",
            "payloads = \"3651d\"",
            "payloads = \"-90d\"",
            "payloads = \"99999999999999999999d\"",
            "payloads = true",
            "attempts = \"29d\"",
            "payload = \"90d\"",
        ];
        let told: Vec<String> = mistakes
            .iter()
            .map(|mistake| format!("{mistake}\n  {}", read(mistake).expect_err("a mistake").replace('\n', "\n  ")))
            .collect();
        insta::assert_snapshot!(told.join("\n"));
    }
}
