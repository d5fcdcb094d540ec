//! What an audit finds: plain data, as `audit --json` and the page show it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::Language;
use crate::problem::Texts;

/// What kind of finding; the order is the order in which people read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A product was sold that central does not have, or has more than once.
    UnknownProduct,
    /// The price at the branch is not central's.
    PriceDiffers,
    /// The sales taxes at the branch do not mean central's.
    TaxDiffers,
    /// The barcode at the branch is not central's.
    BarcodeDiffers,
    /// Branches disagree about a product that central does not have.
    BranchesDiffer,
    /// Goods were sold whose stock nobody counts.
    NotTracked,
    /// Less than nothing lies where a shop takes its stock from.
    NegativeStock,
    /// A shop takes its stock from the warehouse's main location.
    MainLocation,
    /// Stock moves of sales were not done.
    FailedStockMoves,
    /// A session was not closed for days.
    LongSession,
    /// A shop sold nothing.
    SoldNothing,
    /// A session was closed with more or less cash than expected.
    CashDifference,
    /// Somebody sells whom the settings give no salesperson.
    UnmappedSeller,
}

impl FindingKind {
    /// All kinds, in the order in which people read them.
    pub const ALL: [FindingKind; 13] = [
        FindingKind::UnknownProduct,
        FindingKind::PriceDiffers,
        FindingKind::TaxDiffers,
        FindingKind::BarcodeDiffers,
        FindingKind::BranchesDiffer,
        FindingKind::NotTracked,
        FindingKind::NegativeStock,
        FindingKind::MainLocation,
        FindingKind::FailedStockMoves,
        FindingKind::LongSession,
        FindingKind::SoldNothing,
        FindingKind::CashDifference,
        FindingKind::UnmappedSeller,
    ];

    /// What stands above the findings of this kind.
    pub fn heading(self) -> &'static str {
        match self {
            FindingKind::UnknownProduct => "Sold, but unknown at central",
            FindingKind::PriceDiffers => "Prices that differ from central's",
            FindingKind::TaxDiffers => "Taxes that differ from central's",
            FindingKind::BarcodeDiffers => "Barcodes that differ from central's",
            FindingKind::BranchesDiffer => "Products that differ between branches",
            FindingKind::NotTracked => "Sold, but not tracked in stock",
            FindingKind::NegativeStock => "Negative stock at a shop",
            FindingKind::MainLocation => "Shops that sell out of the main location",
            FindingKind::FailedStockMoves => "Stock moves that failed",
            FindingKind::LongSession => "Sessions open for days",
            FindingKind::SoldNothing => "Shops that sold nothing",
            FindingKind::CashDifference => "Sessions with cash differences",
            FindingKind::UnmappedSeller => "Users who sell without a salesperson at central",
        }
    }

    /// The same in a language.
    pub fn heading_in(self, language: Language) -> &'static str {
        match language {
            Language::English => self.heading(),
            Language::German => match self {
                FindingKind::UnknownProduct => "Verkauft, aber der Zentrale unbekannt",
                FindingKind::PriceDiffers => "Preise, die von denen der Zentrale abweichen",
                FindingKind::TaxDiffers => "Steuern, die von denen der Zentrale abweichen",
                FindingKind::BarcodeDiffers => "Barcodes, die von denen der Zentrale abweichen",
                FindingKind::BranchesDiffer => "Produkte, die sich zwischen Filialen unterscheiden",
                FindingKind::NotTracked => "Verkauft, aber ohne Bestandsführung",
                FindingKind::NegativeStock => "Negativer Bestand in einem Laden",
                FindingKind::MainLocation => "Läden, die aus dem Hauptlagerort verkaufen",
                FindingKind::FailedStockMoves => "Fehlgeschlagene Lagerbewegungen",
                FindingKind::LongSession => "Seit Tagen offene Sitzungen",
                FindingKind::SoldNothing => "Läden ohne Verkäufe",
                FindingKind::CashDifference => "Sitzungen mit Kassendifferenzen",
                FindingKind::UnmappedSeller => "Benutzer, die ohne Vertriebsmitarbeiter in der Zentrale verkaufen",
            },
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind.
    pub kind: FindingKind,
    /// The branch's code; `null` = it is between branches.
    pub branch: Option<String>,
    /// The product, shop, session or user, as people call it.
    pub subject: String,
    /// What was found, a whole sentence.
    pub what: String,
    /// Who does what about it.
    pub fix: String,
    /// The numbers and names in it, by what they are: text, amounts as decimals.
    pub numbers: BTreeMap<String, String>,
    /// What was found and who does what about it, as the dashboard says it.
    #[serde(skip)]
    pub texts: Texts,
}

/// A check that could not be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unchecked {
    /// The branch's code, or `central`.
    pub branch: String,
    /// What was to be looked at, e.g. `negative stock`.
    pub check: String,
    /// Why it was not.
    pub what: String,
    /// Who does what about it.
    pub fix: String,
    /// The stable short name of the reason.
    pub cause: String,
    /// Why, and who does what about it, as the dashboard says it.
    #[serde(skip)]
    pub texts: Texts,
}
