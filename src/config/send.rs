//! What goes from central to a branch: `[branch.CODE.send]`.

use std::collections::BTreeMap;

use super::Schedule;
use crate::master_data::Conflict;
use crate::model::Kind;

/// The table `[branch.CODE.send]`, or else `[defaults.send]`: one of the two as a whole. By default nothing is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Send {
    /// Language of names and descriptions, as Odoo's code, e.g. `sq_AL`.
    pub language: String,
    /// Company of the branch that records are sent to, by name; none = the default company of the bridge's user.
    pub company: Option<String>,
    /// When passes of sending start; none = when the branch's own start.
    pub schedule: Option<Schedule>,
    /// Payment method of central = journal of the branch, by name or code.
    pub journals: BTreeMap<String, String>,
    /// What is sent of each kind; only of [`Kind::CHOSEN`], and a kind that is not here is not sent.
    pub kinds: BTreeMap<Kind, Selection>,
}

impl Send {
    /// The language of names when none is given: the one that every Odoo has.
    pub const LANGUAGE: &'static str = "en_US";
}

impl Default for Send {
    fn default() -> Self {
        Self { language: Self::LANGUAGE.to_owned(), company: None, schedule: None, journals: BTreeMap::new(), kinds: BTreeMap::new() }
    }
}

/// Which records of a kind are sent, and what of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Selection {
    /// A record is sent if any of these chooses it. From the file never empty, and [`Choose::All`] only alone.
    pub choice: Vec<Choose>,
    /// Odoo's names of the only fields that are sent; none = all that [`crate::master_data::fields`] names.
    pub fields: Option<Vec<String>>,
    /// Odoo's names of the fields that stay the branch's; empty if `fields` is given.
    pub leave: Vec<String>,
    /// What becomes of a record that the branch has changed.
    pub conflict: Conflict,
    /// When passes of this kind start; none = when those of [`Send::schedule`] do.
    pub schedule: Option<Schedule>,
}

/// A way to choose records of central.
#[derive(Debug, Clone, PartialEq)]
pub enum Choose {
    /// All of the kind.
    All,
    /// Those that a domain of Odoo finds; checked by [`super::check_domain`].
    Domain(serde_json::Value),
    /// Products of a POS category or of one below it, by its name.
    PosCategory(String),
    /// Products with a product tag, customers with a contact tag, by its name.
    Tag(String),
    /// One record: a product by Internal Reference or barcode, a customer by reference, the others by name.
    Reference(String),
}
