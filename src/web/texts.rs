//! What pages say, in each language side by side: a text without a translation does not compile.

mod agreement;
mod branches;
mod common;
mod job;
mod log;
mod overview;
mod people;
mod sales;
mod send;
mod trail;

pub use agreement::AgreementTexts;
pub use branches::BranchTexts;
pub use common::CommonTexts;
pub use job::JobTexts;
pub use log::{LogTexts, RecordTexts};
pub use overview::OverviewTexts;
pub use people::PeopleTexts;
pub use sales::SalesTexts;
pub use send::SendTexts;
pub use trail::TrailTexts;

/// The texts of a page: `name: "English" | "Deutsch",`. A text with `{}` in it is filled by [`fill`].
macro_rules! texts {
    ($(#[$doc:meta])* pub struct $name:ident { $($key:ident: $english:literal | $german:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug)]
        #[allow(missing_docs)]
        pub struct $name { $(pub $key: &'static str,)* }

        impl $name {
            const ENGLISH: Self = Self { $($key: $english,)* };
            const GERMAN: Self = Self { $($key: $german,)* };

            /// The texts in a language.
            pub fn of(language: $crate::model::Language) -> &'static Self {
                match language {
                    $crate::model::Language::English => &Self::ENGLISH,
                    $crate::model::Language::German => &Self::GERMAN,
                }
            }

            /// Every text with its name and translation, for the tests.
            #[cfg(test)]
            pub fn all() -> Vec<(&'static str, &'static str, &'static str)> {
                vec![$((stringify!($key), $english, $german),)*]
            }
        }
    };
}
pub(crate) use texts;

/// Puts the parts into the places `{}` of a text, one after the other.
pub fn fill(text: &str, parts: &[&(dyn std::fmt::Display + Sync)]) -> String {
    let mut filled = String::with_capacity(text.len() + 16);
    let mut parts = parts.iter();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{}") {
        filled.push_str(before);
        if let Some(part) = parts.next() {
            filled.push_str(&part.to_string());
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_has_its_own_translation_with_the_same_places() {
        let pages = [
            AgreementTexts::all(),
            BranchTexts::all(),
            CommonTexts::all(),
            JobTexts::all(),
            LogTexts::all(),
            OverviewTexts::all(),
            PeopleTexts::all(),
            RecordTexts::all(),
            SalesTexts::all(),
            SendTexts::all(),
            TrailTexts::all(),
        ]
        .concat();
        for (name, english, german) in pages {
            assert!(!english.is_empty() && !german.is_empty(), "{name}");
            assert_eq!(english.matches("{}").count(), german.matches("{}").count(), "{name}");
        }
    }

    #[test]
    fn places_are_filled_in_turn() {
        assert_eq!(fill("{} of {}", &[&1, &"two"]), "1 of two");
        assert_eq!(fill("none", &[&1]), "none");
    }
}
