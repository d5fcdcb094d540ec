//! The key `reconcile`.

use jiff::civil::Time;

use super::*;

/// When shops are closed and backups are over, and before anybody looks at yesterday's figures.
const DEFAULT: Time = Time::constant(4, 30, 0, 0);

/// Says that nothing is compared without being asked for.
const OFF: &str = "off";

impl Reader {
    /// A time of day as `"04:30"`, or `"off"`.
    pub(super) fn reconcile<'t>(&mut self, scope: &Scope<'t>) -> Option<Time> {
        let Some(found) = scope.find("reconcile") else { return Some(DEFAULT) };
        let text = self.text(&found)?;
        if text == OFF {
            return None;
        }
        let time = text.split_once(':').and_then(|(hour, minute)| {
            let number = |text: &str| if text.len() == 2 { text.parse::<i8>().ok() } else { None };
            Time::new(number(hour)?, number(minute)?, 0, 0).ok()
        });
        if time.is_none() {
            self.wrong(&found, "must be a time of day such as \"04:30\", or \"off\"");
        }
        time
    }
}
