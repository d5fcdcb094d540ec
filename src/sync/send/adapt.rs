//! A record of central as it is meant for one branch: what an older Odoo on either side has no place for is taken out and
//! told, and what both measure by another unit is compared all the same.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::plan::{Planner, concerns_kind};
use super::side::Side;
use crate::master_data::{BranchKey, CentralKey, Note, Record, Value};
use crate::model::Kind;
use crate::odoo::master::{CASH, SIZE};
use crate::problem::Problem;

/// Two sizes of a unit that differ by less are the same: older Odoos keep the inverse as a double, 19 a rounded number.
const ALIKE: Decimal = Decimal::from_parts(1, 0, 0, false, 5);

/// A record of central for one branch.
pub struct Adapted {
    /// The record.
    pub record: Record<CentralKey>,
    /// The fields that are neither compared nor written.
    pub left: BTreeSet<&'static str>,
}

/// Counts a record that a note concerns.
fn count(notes: &mut BTreeMap<Note, usize>, note: Note) {
    *notes.entry(note).or_default() += 1;
}

/// Whether a value says something that would be missed.
fn says(record: &Record<CentralKey>, field: &str) -> bool {
    match record.value(field) {
        Value::Nothing | Value::Flag(false) => false,
        // Every tax is, unless somebody says otherwise.
        Value::Flag(true) => field != "is_base_affected",
        Value::Number(number) => !number.is_zero(),
        Value::Many(ids) => !ids.is_empty(),
        Value::Text(_) | Value::One(_) => true,
    }
}

impl Planner<'_> {
    /// A record of central as it is meant for this branch.
    pub(super) async fn adapted(
        &self,
        central: &Record<CentralKey>,
        side: &mut Side,
        notes: &mut BTreeMap<Note, usize>,
    ) -> Result<Adapted, Problem> {
        let mut adapted = Adapted { record: central.clone(), left: BTreeSet::new() };
        let Adapted { record, left } = &mut adapted;
        match record.kind {
            Kind::Product => self.product(record, left, side, notes),
            Kind::Attribute => {
                let word = record.text("display_type").unwrap_or_default().to_owned();
                if !word.is_empty() && !side.reader.shape.takes(Kind::Attribute, "display_type", &word) {
                    left.insert("display_type");
                    count(notes, Note::WordUnknown(Kind::Attribute, "display type", word));
                }
            }
            Kind::Unit if self.measures_differ(side) && self.measures_alike(record, side) => {
                left.extend(["relative_factor", "relative_uom_id"]);
            }
            Kind::PaymentMethod => {
                let setting = record.text("name").and_then(|name| self.rules.branch.send.journals.get(name)).cloned();
                let set = setting.is_some();
                if let Some(journal) = setting {
                    // A code is taken for the journal's name. Journals that may not be read are told of later.
                    let known = side.reader.known("account.journal", "name").await.ok();
                    let name = known.and_then(|known| known.text(known.id(&journal)?)).map_or(journal, str::to_owned);
                    record.values.insert("journal_id".to_owned(), Value::Text(name));
                }
                if *record.value(CASH) != Value::Flag(true) {
                    let none_at_branch = side.reader.shape.has_cash_journals();
                    if none_at_branch && says(record, "journal_id") {
                        count(notes, Note::CashJournals);
                    }
                    if none_at_branch || (self.central.has_cash_journals() && !set) {
                        left.insert("journal_id");
                    }
                }
            }
            _ => {}
        }
        Ok(adapted)
    }

    fn product(&self, record: &mut Record<CentralKey>, left: &mut BTreeSet<&'static str>, side: &Side, notes: &mut BTreeMap<Note, usize>) {
        // A central without the POS app sends its products to be sold all the same.
        if !self.central.has(Kind::Product, "available_in_pos") {
            record.values.insert("available_in_pos".to_owned(), Value::Flag(true));
        }
        let combo = side.record(&(Kind::Product, record.id)).is_some_and(|theirs| theirs.text("type") == Some("combo"));
        if combo && !self.central.takes(Kind::Product, "type", "combo") {
            left.extend(["type", "is_storable"]);
            count(notes, Note::CombosKept);
        }
        let categories = record.value("pos_categ_ids").ids();
        if categories.len() > 1 && side.reader.shape.has_one_pos_category() {
            let one = self.one_category(record, &categories, side);
            record.values.insert("pos_categ_ids".to_owned(), Value::Many(one.into_iter().collect()));
            count(notes, Note::OnePosCategory);
        }
        let sends = self.rules.sent_fields(Kind::Product).iter().any(|field| field.name == "categ_id");
        if sends && record.one("categ_id").is_none() && side.reader.shape.required(Kind::Product).contains(&"categ_id") {
            left.insert("categ_id");
            count(notes, Note::CategoryNeeded);
        }
    }

    /// The one that the branch's product is in already, else the first as a till shows them.
    fn one_category(&self, product: &Record<CentralKey>, categories: &[CentralKey], side: &Side) -> Option<CentralKey> {
        let has = side.record(&(Kind::Product, product.id)).map(|record| record.value("pos_categ_ids").ids()).unwrap_or_default();
        let is_there = |id: &&CentralKey| side.bound.get(&(Kind::PosCategory, **id)).is_some_and(|id| has.contains(id));
        let place = |id: &&CentralKey| {
            let record = self.wanted.records.get(&(Kind::PosCategory, **id));
            let sequence = match record.map(|record| record.value("sequence")) {
                Some(Value::Number(sequence)) => *sequence,
                _ => Decimal::ZERO,
            };
            (sequence, record.and_then(|record| record.text("name")).unwrap_or_default().to_owned(), **id)
        };
        categories.iter().find(is_there).or_else(|| categories.iter().min_by_key(place)).copied()
    }

    /// Tells of the fields that one of both sides does not have.
    pub(super) fn note_fields(&self, central: &Record<CentralKey>, side: &Side, notes: &mut BTreeMap<Note, usize>) {
        let kind = central.kind;
        if side.closed.contains_key(&kind) {
            return;
        }
        for field in self.rules.sent_fields(kind).iter().filter(|field| central.speaks(field.name)) {
            let (here, there) = (self.central.name(kind, field.name).is_some(), side.reader.shape.name(kind, field.name).is_some());
            if here && !there && says(central, field.name) {
                count(notes, Note::BranchLacks(kind, field.label));
            }
            if !here && there && field.name != "available_in_pos" {
                count(notes, Note::CentralLacks(kind, field.label));
            }
        }
    }

    /// Whether units are measured in another way on one side than in 19.
    pub(super) fn measures_differ(&self, side: &Side) -> bool {
        self.central.has_unit_families() || side.reader.shape.has_unit_families()
    }

    /// Whether the branch's unit is as large as central's, as far as that can be seen; by whatever unit it is measured there.
    fn measures_alike(&self, unit: &Record<CentralKey>, side: &Side) -> bool {
        let Some(theirs) = side.record(&(Kind::Unit, unit.id)) else { return false };
        let by = unit.one("relative_uom_id").and_then(|by| side.record(&(Kind::Unit, by)));
        let (Some(size), Some(by), Value::Number(wanted)) = (size(theirs), by.and_then(size), unit.value("relative_factor")) else {
            return true;
        };
        (size / by - wanted).abs() <= *wanted * ALIKE
    }

    /// Whether something that is sent needs a unit of central which the branch does not have.
    pub(super) fn unit_is_needed(&self, unit: CentralKey, side: &Side) -> bool {
        let needs = |record: &Record<CentralKey>| match record.kind {
            Kind::Unit => !side.bound.contains_key(&(Kind::Unit, record.id)) && record.one("relative_uom_id") == Some(unit),
            Kind::Product => record.one("uom_id") == Some(unit),
            _ => false,
        };
        self.wanted.compare.iter().filter_map(|name| self.wanted.records.get(name)).any(|record| needs(record))
    }

    /// What an older Odoo has no place for, so that the record cannot come into being there.
    pub(super) async fn without_place(
        &self,
        central: &Record<CentralKey>,
        at_branch: Option<&Record<BranchKey>>,
        side: &mut Side,
    ) -> Result<Option<Problem>, Problem> {
        if at_branch.is_some() {
            return Ok(None);
        }
        match central.kind {
            // A unit that nothing measures begins a family of its own, which is for people to make.
            Kind::Unit if side.reader.shape.has_unit_families() && central.one("relative_uom_id").is_none() => {
                let value = central.text("name").unwrap_or_default().to_owned();
                Ok(Some(Problem::CounterpartMissing { what: "unit of measure category with the reference unit".to_owned(), value }))
            }
            Kind::PaymentMethod
                if self.central.has_cash_journals()
                    && !side.reader.shape.has_cash_journals()
                    && *central.value(CASH) != Value::Flag(true)
                    && !says(central, "journal_id") =>
            {
                let method = central.text("name").unwrap_or_default().to_owned();
                match side.reader.known("account.journal", "name").await {
                    Ok(known) => Ok(Some(Problem::JournalNotSet { method, journals: known.all() })),
                    Err(problem) if concerns_kind(&problem) => Ok(Some(problem)),
                    Err(problem) => Err(problem),
                }
            }
            _ => Ok(None),
        }
    }
}

fn size(unit: &Record<BranchKey>) -> Option<Decimal> {
    match unit.value(SIZE) {
        Value::Number(size) if !size.is_zero() => Some(*size),
        _ => None,
    }
}
