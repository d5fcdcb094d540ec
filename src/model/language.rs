//! The languages that people read the bridge in.

use rust_decimal::Decimal;

/// A language of the dashboard. The command line speaks English only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Language {
    /// The default.
    #[default]
    English,
    /// Sie-form, with the words of Odoo's German menus.
    German,
}

/// Longest Accept-Language that is read: browsers send some 60 characters, and a longer one is not theirs.
const HEADER_MAX: usize = 1_000;

impl Language {
    /// All of them, the default first.
    pub const ALL: [Language; 2] = [Language::English, Language::German];

    /// As in HTML and HTTP.
    pub fn code(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::German => "de",
        }
    }

    /// Its name, in itself.
    pub fn name(self) -> &'static str {
        match self {
            Language::English => "English",
            Language::German => "Deutsch",
        }
    }

    /// The language of a code, e.g. of a cookie.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code() == code)
    }

    /// What a browser likes best by its Accept-Language; of equals the first one named. What cannot be read, or names
    /// none of ours, is English.
    pub fn of(accept_language: &str) -> Self {
        if accept_language.len() > HEADER_MAX {
            return Self::default();
        }
        let mut best = (Self::default(), Decimal::ZERO);
        for (language, quality) in accept_language.split(',').filter_map(choice) {
            if quality > best.1 {
                best = (language, quality);
            }
        }
        best.0
    }
}

/// One choice of the header, e.g. `de-CH;q=0.8`; `None` if it is none of ours or cannot be read.
fn choice(text: &str) -> Option<(Language, Decimal)> {
    let mut parts = text.split(';').map(str::trim);
    let tag = parts.next()?.to_ascii_lowercase();
    let language = if tag == "*" { Language::default() } else { Language::parse(tag.split('-').next()?)? };
    let quality = match parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="))) {
        Some(quality) => quality.trim().parse().ok()?,
        None => Decimal::ONE,
    };
    (Decimal::ZERO..=Decimal::ONE).contains(&quality).then_some((language, quality))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browser_chooses() {
        for (header, language) in [
            ("", Language::English),
            ("de", Language::German),
            ("de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7", Language::German),
            ("en-US,en;q=0.9,de;q=0.8", Language::English),
            ("sq, de;q=0.4, en;q=0.3", Language::German),
            ("sq-AL,sq;q=0.9", Language::English),
            ("fr;q=1.0, DE-at ; q=0.5", Language::German),
            ("en;q=0.5,de;q=0.5", Language::English),
            ("de;q=0.5,en;q=0.5", Language::German),
            ("de;q=0", Language::English),
            ("*;q=0.5,de;q=0.1", Language::English),
            ("de;q=7", Language::English),
            ("de;q=much", Language::English),
            ("den", Language::English),
            (";,;=;q=,-,de;;q=1", Language::German),
        ] {
            assert_eq!(Language::of(header), language, "{header}");
        }
    }

    #[test]
    fn an_endless_header_is_not_read() {
        assert_eq!(Language::of(&"de,".repeat(HEADER_MAX)), Language::English);
    }

    #[test]
    fn codes_lead_back() {
        for language in Language::ALL {
            assert_eq!(Language::parse(language.code()), Some(language));
        }
        assert_eq!(Language::ALL.map(Language::name), ["English", "Deutsch"]);
        assert_eq!(Language::parse("fr"), None);
        assert_eq!(Language::default(), Language::ALL[0]);
    }
}
