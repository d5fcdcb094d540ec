//! The table `[retention]`.

use super::*;

pub(super) const KEYS: &[&str] = &["payloads", "attempts"];

/// Of payloads. Under a week a draft that is missed at central could not be written again; over ten years no law asks for it.
const PAYLOADS: RangeInclusive<u64> = 7..=3_650;
/// Of attempts. Under a month nobody could tell why a month's totals differ; over ten years as above.
const ATTEMPTS: RangeInclusive<u64> = 30..=3_650;

impl Reader {
    pub(super) fn retention<'t>(&mut self, top: &Layer<'t>) -> Retention {
        let default = Retention::default();
        let Some(layer) = self.layer(top, "retention", "retention") else { return default };
        self.known_keys(&layer, KEYS, Side::CENTRAL);
        Retention {
            payloads: self.days(&layer, "payloads", &PAYLOADS, default.payloads),
            attempts: self.days(&layer, "attempts", &ATTEMPTS, default.attempts),
        }
    }

    /// Whole days, as `"90d"`: what a day's length is to an hour matters to nobody here.
    fn days<'t>(&mut self, layer: &Layer<'t>, key: &'t str, range: &RangeInclusive<u64>, default: Duration) -> Duration {
        let Some(found) = layer.find(key) else { return default };
        if let DeValue::Integer(number) = found.value {
            let digits = clean(number.as_str(), 12);
            self.wrong(&found, &format!("needs a unit and quotes, as \"{digits}d\" for days"));
            return default;
        }
        let Some(text) = self.text(&found) else { return default };
        match text.strip_suffix('d').and_then(|days| days.trim_end().parse::<u64>().ok()) {
            Some(days) if range.contains(&days) => Duration::from_secs(days * 86_400),
            Some(_) => {
                self.wrong(&found, &format!("must lie between {} and {} days", range.start(), range.end()));
                default
            }
            None => {
                self.wrong(&found, "is not a number of days; write it as \"90d\"");
                default
            }
        }
    }
}
