//! The preview: what would happen to each record at a branch. Nothing is written while it is made.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::json;

use super::adapt::Adapted;
use super::hold::{hold, named};
use super::reader::{COUNTRY, PICTURE_SIZE, template};
use super::side::Side;
use super::source::{Name, Rules, Wanted};
use crate::master_data::{
    ATTRIBUTES, Action, Baseline, BranchKey, CentralKey, Comparison, Conflict, Differences, Field, FieldChange, Item, Note, Record, Target,
    Type, Value, external_id, fields, fingerprint, matching, picture_at_central,
};
use crate::model::{Kind, Model as _, Partner, Product, Tax};
use crate::odoo::master::Shape;
use crate::odoo::records;
use crate::problem::Problem;
use crate::store::{Bound, Remembered, Sent};

/// Largest picture that is sent: Odoo's own forms shrink to 1920 pixels, which is far below; what is larger was put
/// there by an import and would hold up the line of a shop for minutes.
pub const PICTURE_MAX: u64 = 8 * 1024 * 1024;

/// So many sent records may be gone at central in one pass without anybody wondering.
const GONE_UNASKED: usize = 5;

/// And so many in a hundred.
const GONE_PERCENT: usize = 10;

/// What would happen at a branch.
#[derive(Debug, Default)]
pub struct Plan {
    /// One for each record that is to change, or that something stands in the way of; in the order of need.
    pub items: Vec<Item>,
    /// Records that are equal.
    pub equal: Vec<Name>,
    /// What is to be remembered of the equal ones.
    pub remember: Vec<Remembered>,
    /// What orders find by it.
    pub bound: Vec<Bound>,
    /// What concerns no single record.
    pub problems: Vec<Problem>,
    /// What stays behind because one side has no place for it, with how many records that concerns.
    pub notes: BTreeMap<Note, usize>,
}

/// What a plan is made from.
pub struct Planner<'a> {
    /// What the settings and a person say.
    pub rules: Rules<'a>,
    /// What central has.
    pub wanted: &'a Wanted,
    /// The fields that central has.
    pub central: &'a Shape,
    /// What was sent.
    pub sent: &'a HashMap<Name, Sent>,
    /// Records whose branch edits a person has decided to overwrite.
    pub approved: &'a BTreeSet<Name>,
    /// A person has said that what is gone at central is meant to be.
    pub accept_gone: bool,
}

impl Planner<'_> {
    /// Compares everything that is to be compared.
    ///
    /// # Errors
    /// What stands in the way of reading the branch, as its problem.
    pub async fn plan(&self, side: &mut Side) -> Result<Plan, Problem> {
        let mut plan = Plan { problems: self.wanted.problems.clone(), ..Plan::default() };
        let country = self.country(side).await?;
        for name in &self.wanted.compare {
            let Some(central) = self.wanted.records.get(name) else { continue };
            let Adapted { record: central, left } = self.adapted(central, side, &mut plan.notes).await?;
            self.note_fields(&central, side, &mut plan.notes);
            match self.item(&central, &left, side, country.as_deref()).await? {
                Some(item) if item.action == Action::Nothing => {
                    plan.equal.push(*name);
                    self.note_equal(&central, side, &mut plan);
                }
                Some(item) => plan.items.push(item),
                None => {}
            }
        }
        self.read_gone(side).await?;
        self.gone(side, &mut plan);
        match hold(side, &mut plan.items).await {
            // Who may not see sessions cannot know what waits for one; Odoo refuses it then.
            Err(problem) if concerns_kind(&problem) => plan.problems.push(problem),
            held => held?,
        }
        Ok(plan)
    }

    /// The fields of a kind that are compared: sent by the settings, and there on both sides.
    fn fields(&self, kind: Kind, side: &Side) -> Vec<Field> {
        let both = |field: &Field| {
            self.central.name(kind, field.name).is_some() && side.reader.shape.name(kind, field.name).is_some()
                || (field.name == "available_in_pos" && side.reader.shape.has(kind, field.name))
        };
        self.rules.sent_fields(kind).into_iter().filter(both).collect()
    }

    /// What would happen to one record; `None` = it does not concern this branch.
    async fn item(
        &self,
        central: &Record<CentralKey>,
        left: &BTreeSet<&'static str>,
        side: &mut Side,
        country: Option<&str>,
    ) -> Result<Option<Item>, Problem> {
        let name = (central.kind, central.id);
        if let Some(problem) = side.closed.get(&central.kind) {
            return Ok(Some(blocked(central, problem.clone(), self.wanted.chosen.contains(&name))));
        }
        let mut fields = self.fields(central.kind, side);
        fields.retain(|field| !left.contains(field.name));
        let at_branch = side.record(&name).cloned();
        if at_branch.is_none() && self.left_out(central, side) {
            return Ok(None);
        }
        let mut differences = self.differences(central, at_branch.as_ref(), &fields, side);
        self.add_attributes(central, at_branch.as_ref(), side, &mut differences);
        let mut problems: Vec<Problem> = side.unclear.get(&name).cloned().into_iter().collect();
        if !differences.asked.is_empty() {
            if !self.approved.contains(&name) {
                let told = |change: &FieldChange| {
                    let at_branch = change.from.as_deref().unwrap_or("nothing");
                    format!("{} {at_branch} at the branch, {} at central", change.label, change.to)
                };
                let changes = differences.asked.iter().map(told).collect();
                problems.push(Problem::BranchEdited { kind: central.kind, reference: central.name.clone(), changes });
            }
            differences.changes.append(&mut differences.asked);
        }
        let changes = differences.changes;
        let archives = changes.iter().any(|change| change.field == "active" && change.after == Value::Flag(false));
        let to_come = at_branch.is_none() && matches!(central.kind, Kind::Variant | Kind::ExtraPrice);
        let action = match (&at_branch, changes.is_empty()) {
            (None, true) if to_come => return Ok(None),
            (None, _) => Action::Create,
            (Some(_), true) => Action::Nothing,
            (Some(_), false) if archives => Action::Archive,
            (Some(_), false) => Action::Change,
        };
        // Who archives a record does not care about its price.
        let changes: Vec<FieldChange> =
            if action == Action::Archive { changes.into_iter().filter(|change| change.field == "active").collect() } else { changes };
        if action != Action::Nothing && action != Action::Archive {
            problems.extend(self.obstacles(central, at_branch.as_ref(), &changes, side, country).await?);
        }
        let action = if action == Action::Nothing && !problems.is_empty() { Action::Change } else { action };
        Ok(Some(Item {
            kind: central.kind,
            central_id: central.id,
            branch_id: at_branch.as_ref().map(|record| record.id),
            reference: central.name.clone(),
            external_id: external_id(central),
            action,
            changes,
            problems,
            chosen: self.wanted.chosen.contains(&name),
        }))
    }

    /// Whether a record that the branch does not have is not for it: a rule for something it does not get, a
    /// combination that no product there comes in.
    fn left_out(&self, central: &Record<CentralKey>, side: &Side) -> bool {
        let comes = |name: Name| side.bound.contains_key(&name) || self.wanted.compare.contains(&name);
        match central.kind {
            Kind::PricelistItem => {
                let for_product = [("product_tmpl_id", Kind::Product), ("categ_id", Kind::ProductCategory)];
                let lacks = for_product.into_iter().any(|(field, kind)| central.one(field).is_some_and(|id| !comes((kind, id))));
                let variant = central.one("product_id").is_some_and(|id| {
                    !comes((Kind::Variant, id)) && self.product_of_variant(id).is_none_or(|id| !comes((Kind::Product, id)))
                });
                lacks || variant
            }
            // Of a product that the branch has in other combinations, Odoo makes them when they are sold.
            Kind::Variant | Kind::ExtraPrice => {
                template(central).is_none_or(|product| side.bound.contains_key(&(Kind::Product, product)))
                    && !self.attributes_grow(central, side)
            }
            // Measured by another unit there, what is wanted is there without it.
            Kind::Unit if self.measures_differ(side) => !self.unit_is_needed(central.id, side),
            _ => false,
        }
    }

    fn product_of_variant(&self, variant: CentralKey) -> Option<CentralKey> {
        self.wanted
            .records
            .values()
            .find(|record| record.kind == Kind::Product && record.value(crate::master_data::VARIANTS).ids().contains(&variant))
            .map(|record| record.id)
    }

    /// Whether the product of a variant gets attribute values with this sending.
    fn attributes_grow(&self, part: &Record<CentralKey>, side: &Side) -> bool {
        let Some(product) = template(part) else { return false };
        let name = (Kind::Product, product);
        let (Some(ours), Some(theirs)) = (self.wanted.records.get(&name), side.record(&name)) else { return false };
        let has: BTreeSet<BranchKey> = theirs.value(ATTRIBUTES).ids().into_iter().collect();
        let there = |value: CentralKey| side.bound.get(&(Kind::AttributeValue, value)).is_some_and(|id| has.contains(id));
        ours.value(ATTRIBUTES).ids().into_iter().any(|value| !there(value))
    }

    fn differences(
        &self,
        central: &Record<CentralKey>,
        at_branch: Option<&Record<BranchKey>>,
        fields: &[Field],
        side: &Side,
    ) -> Differences {
        let name = (central.kind, central.id);
        let digits = side.reader.shape.digits(central.kind);
        let comparison = Comparison {
            fields,
            digits: &digits,
            bound: &|kind, id| side.bound.get(&(kind, id)).copied(),
            central_name: &|kind, id| self.central_name(kind, id),
            branch_name: &|kind, id| side.name(kind, id),
            baseline: self.sent.get(&name).map(|sent| &sent.baseline),
            conflict: self.rules.conflict(central.kind),
        };
        // A variant that is still to come has what Odoo gives to each new one.
        let fresh = Record {
            kind: central.kind,
            id: BranchKey::new(0),
            name: String::new(),
            values: BTreeMap::from([("active".to_owned(), Value::Flag(true))]),
            create_date: String::new(),
            write_date: String::new(),
        };
        let to_come = at_branch.is_none() && matches!(central.kind, Kind::Variant | Kind::ExtraPrice);
        let mut differences = comparison.differences(central, if to_come { Some(&fresh) } else { at_branch });
        if to_come {
            differences.changes.append(&mut differences.asked);
            for change in &mut differences.changes {
                (change.from, change.before, change.overwrites) = (None, None, false);
            }
        }
        differences
    }

    fn central_name(&self, kind: Kind, id: CentralKey) -> String {
        self.wanted.records.get(&(kind, id)).map_or_else(|| format!("{kind} {id}"), |record| record.name.clone())
    }

    /// The attribute values of a product are no column; what the branch lacks is added.
    fn add_attributes(
        &self,
        central: &Record<CentralKey>,
        at_branch: Option<&Record<BranchKey>>,
        side: &Side,
        differences: &mut Differences,
    ) {
        if central.kind != Kind::Product {
            return;
        }
        let field = Field { name: ATTRIBUTES, label: "attributes", of: Type::Many(Kind::AttributeValue) };
        let ours = central.value(ATTRIBUTES).ids();
        let bound = |id: &CentralKey| side.bound.get(&(Kind::AttributeValue, *id)).copied();
        let after = Value::Many(ours.iter().map(|id| bound(id).map_or(Target::New(Kind::AttributeValue, *id), Target::There)).collect());
        let has: BTreeSet<BranchKey> = at_branch.map(|record| record.value(ATTRIBUTES).ids().into_iter().collect()).unwrap_or_default();
        if ours.iter().all(|id| bound(id).is_some_and(|id| has.contains(&id))) {
            return;
        }
        let kind = Kind::AttributeValue;
        differences.changes.push(FieldChange {
            field: field.name.to_owned(),
            label: field.label.to_owned(),
            from: at_branch.map(|record| record.value(ATTRIBUTES).show(|id| side.name(kind, id))),
            to: central.value(ATTRIBUTES).show(|id| self.central_name(kind, id)),
            overwrites: false,
            before: at_branch.map(|record| record.value(ATTRIBUTES).clone()),
            after,
        });
    }

    /// What makes a change impossible, as far as it can be seen beforehand.
    async fn obstacles(
        &self,
        central: &Record<CentralKey>,
        at_branch: Option<&Record<BranchKey>>,
        changes: &[FieldChange],
        side: &mut Side,
        country: Option<&str>,
    ) -> Result<Vec<Problem>, Problem> {
        let mut problems = Vec::new();
        let reference = || central.name.clone();
        if central.kind == Kind::Product {
            if central.text("type") == Some("combo") && at_branch.is_none_or(|record| record.text("type") != Some("combo")) {
                problems.push(Problem::ComboNotSent { reference: reference() });
            }
            if let Some(at_branch) = at_branch {
                let bound = |kind: Kind, id: CentralKey| side.bound.get(&(kind, id)).copied();
                let extra: BTreeSet<BranchKey> = matching::only_at_branch(central, at_branch, &bound).into_iter().collect();
                if !extra.is_empty() {
                    // For their names: what only the branch has was not read yet.
                    side.read(Kind::AttributeValue, &extra).await?;
                    let told = |id: &BranchKey| format!("{} only at the branch", side.name(Kind::AttributeValue, *id));
                    let extra = extra.iter().map(told).collect();
                    problems.push(Problem::VariantsDiffer { reference: reference(), differences: extra });
                }
            }
        }
        let pictures = changes.iter().any(|change| change.field.starts_with("image") && change.after != Value::Nothing);
        if let (true, Value::Number(size)) = (pictures, central.value(PICTURE_SIZE)) {
            let size = u64::try_from(*size).unwrap_or(u64::MAX);
            if size > PICTURE_MAX {
                problems.push(Problem::ImageTooLarge { reference: reference(), size_kb: size / 1024, limit_kb: PICTURE_MAX / 1024 });
            }
        }
        if central.kind == Kind::Tax
            && at_branch.is_none()
            && let (Some(ours), Some(theirs)) = (central.text(COUNTRY), country)
            && ours != theirs
        {
            problems.push(Problem::CountryDiffers { reference: reference(), branch: theirs.to_owned(), central: ours.to_owned() });
        }
        problems.extend(self.without_place(central, at_branch, side).await?);
        for change in changes {
            let Some(field) = fields(central.kind).iter().find(|field| field.name == change.field) else { continue };
            let Value::Text(value) = &change.after else { continue };
            if field.of == Type::Choice && !side.reader.shape.takes(central.kind, field.name, value) {
                let (kind, field, value) = (central.kind, change.label.clone(), value.clone());
                problems.push(Problem::FieldNotThere { kind, reference: reference(), field, value });
            }
            let Type::Known(model, by) = field.of else { continue };
            let known = match side.reader.known(model, by).await {
                Ok(known) if known.id(value).is_some() => continue,
                Ok(known) => known,
                Err(problem) if concerns_kind(&problem) => {
                    problems.push(problem);
                    continue;
                }
                Err(problem) => return Err(problem),
            };
            problems.push(match model {
                "account.journal" => {
                    let method = central.text("name").unwrap_or_default().to_owned();
                    match self.rules.branch.send.journals.contains_key(&method) {
                        true => Problem::JournalNotFound { method, journal: value.clone(), journals: known.all() },
                        false => Problem::JournalNotSet { method, journals: known.all() },
                    }
                }
                _ => Problem::CounterpartMissing { what: change.label.clone(), value: value.clone() },
            });
        }
        Ok(problems)
    }

    /// The country of the branch's company, by name, if taxes are to be created.
    async fn country(&self, side: &mut Side) -> Result<Option<String>, Problem> {
        let creates = |name: &&Name| name.0 == Kind::Tax && !side.bound.contains_key(*name);
        if !self.wanted.compare.iter().any(|name| creates(&name)) {
            return Ok(None);
        }
        // The country of the taxes has a field of its own since Odoo 15.
        let connection = &side.reader.connection;
        let wanted = ["account_fiscal_country_id", "country_id"];
        let columns = connection.patiently(|| records::existing(&connection.odoo, "res.company", &wanted)).await?;
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let rows = side.reader.rows("res.company", &json!([["id", "=", side.reader.manner.company]]), &columns).await?;
        Ok(rows.first().and_then(|row| columns.iter().find_map(|column| named(row, column))))
    }

    /// Remembers an equal record, if that is new.
    fn note_equal(&self, central: &Record<CentralKey>, side: &Side, plan: &mut Plan) {
        let name = (central.kind, central.id);
        let Some(record) = side.record(&name) else { return };
        let known = self.sent.get(&name);
        let sent = sent(self.rules, Some(central), record, known, self.wanted.chosen.contains(&name), side);
        if known != Some(&sent) {
            plan.remember.push(Remembered { kind: central.kind, central_id: central.id, sent });
            plan.bound.extend(bound(central.kind, record.id.get(), central.id.get()));
        }
        if let Some(pair) = side
            .only_variant(central)
            .filter(|(ours, theirs)| self.sent.get(&(Kind::Variant, *ours)).is_none_or(|known| known.branch_id != *theirs))
        {
            let (remembered, bound) = only_variant(pair);
            plan.remember.push(remembered);
            plan.bound.push(bound);
        }
    }

    async fn read_gone(&self, side: &mut Side) -> Result<(), Problem> {
        let mut by_kind: BTreeMap<Kind, BTreeSet<BranchKey>> = BTreeMap::new();
        for name in &self.wanted.gone {
            if let Some(sent) = self.sent.get(name) {
                by_kind.entry(name.0).or_default().insert(sent.branch_id);
            }
        }
        for (kind, ids) in by_kind {
            side.read(kind, &ids).await?;
        }
        Ok(())
    }

    /// What central has deleted is archived at the branch, unless that is suspiciously much.
    fn gone(&self, side: &Side, plan: &mut Plan) {
        let mut by_kind: BTreeMap<Kind, Vec<(Name, &Sent)>> = BTreeMap::new();
        for name in &self.wanted.gone {
            let Some(sent) = self.sent.get(name) else { continue };
            // Archived or removed already, by us or by them; or a restored branch gave its number to another record.
            let ours = |record: &Record<BranchKey>| sent.made.is_empty() || sent.made == record.create_date;
            if side.records.get(&(name.0, sent.branch_id)).is_some_and(|record| ours(record) && !record.archived()) {
                by_kind.entry(name.0).or_default().push((*name, sent));
            }
        }
        for (kind, gone) in by_kind {
            let of = self.sent.keys().filter(|name| name.0 == kind).count();
            let left = |(name, sent): (&Name, &Sent)| name.0 == kind && sent.chosen && !self.wanted.gone.contains(name);
            // However few they are: a kind of which nothing is left looks like an answer that came empty.
            let all = Kind::CHOSEN.contains(&kind) && !self.sent.iter().any(left);
            if (all || gone.len() > GONE_UNASKED.max(of * GONE_PERCENT / 100)) && !self.accept_gone {
                plan.problems.push(Problem::TooManyGone { kind, gone: gone.len(), of });
                continue;
            }
            let action = match kind {
                Kind::PricelistItem => Action::Remove,
                Kind::Product | Kind::Variant | Kind::Customer | Kind::Tax | Kind::Pricelist | Kind::PaymentMethod => Action::Archive,
                _ => continue,
            };
            for (name, sent) in gone {
                let change = FieldChange {
                    field: "active".to_owned(),
                    label: "active".to_owned(),
                    from: Some("yes".to_owned()),
                    to: "no".to_owned(),
                    overwrites: false,
                    before: Some(Value::Flag(true)),
                    after: Value::Flag(false),
                };
                plan.items.push(Item {
                    kind,
                    central_id: name.1,
                    branch_id: Some(sent.branch_id),
                    reference: side.name(kind, sent.branch_id),
                    external_id: format!("{}-{}-gone", kind.model().replace('.', "_"), name.1),
                    action,
                    changes: if action == Action::Archive { vec![change] } else { Vec::new() },
                    problems: Vec::new(),
                    chosen: true,
                });
            }
        }
    }
}

/// A record of a kind that the user may not see at the branch.
fn blocked(central: &Record<CentralKey>, problem: Problem, chosen: bool) -> Item {
    Item {
        kind: central.kind,
        central_id: central.id,
        branch_id: None,
        reference: central.name.clone(),
        external_id: external_id(central),
        action: Action::Compare,
        changes: Vec::new(),
        problems: vec![problem],
        chosen,
    }
}

/// Whether a problem keeps one kind from being sent, and no other.
pub fn concerns_kind(problem: &Problem) -> bool {
    matches!(problem, Problem::RightMissing { .. } | Problem::ModuleMissing { .. })
}

/// What is remembered of a record after it was sent or found equal. What central no longer has is compared with nothing.
pub fn sent(
    rules: Rules<'_>,
    central: Option<&Record<CentralKey>>,
    record: &Record<BranchKey>,
    known: Option<&Sent>,
    chosen: bool,
    side: &Side,
) -> Sent {
    let print = |field: &Field| (field.name.to_owned(), fingerprint(record.value(field.name)));
    let mut baseline: Baseline = rules.sent_fields(record.kind).iter().map(print).collect();
    if let Some(central) = central {
        for field in rules.sent_fields(record.kind).iter().filter(|field| field.of == Type::Image) {
            let picture = central.value(field.name).map(|_| BranchKey::new(0));
            baseline.insert(picture_at_central(field.name), fingerprint(&picture));
        }
    }
    if let Some(central) = central.filter(|_| rules.conflict(record.kind) == Conflict::Branch) {
        keep_edits(&mut baseline, known, central, record, side);
    }
    let chosen = chosen || known.is_some_and(|known| known.chosen);
    let central_made = central.map(|central| &central.create_date).or(known.map(|known| &known.central_made)).cloned().unwrap_or_default();
    Sent { branch_id: record.id, made: record.create_date.clone(), central_made, baseline, chosen }
}

/// A field that the branch keeps its own value of stays one that it has changed.
fn keep_edits(baseline: &mut Baseline, known: Option<&Sent>, central: &Record<CentralKey>, record: &Record<BranchKey>, side: &Side) {
    let kept = |name: &String| {
        let ours = central.value(name).map(|id| {
            let kind = fields(central.kind).iter().find(|field| field.name == name.as_str()).map(|field| field.of);
            let kind = if let Some(Type::One(kind) | Type::Many(kind)) = kind { kind } else { central.kind };
            side.bound.get(&(kind, id)).map_or(Target::New(kind, id), |id| Target::There(*id))
        });
        !crate::master_data::same(record.value(name), &ours)
    };
    let edited: Vec<String> = baseline.keys().filter(|name| !name.contains(' ') && kept(name)).cloned().collect();
    for name in edited {
        match known.and_then(|known| known.baseline.get(&name)) {
            Some(print) => drop(baseline.insert(name, *print)),
            None => drop(baseline.remove(&name)),
        }
    }
}

/// The binding that orders use, of the kinds that they name.
pub fn bound(kind: Kind, branch_id: i64, central_id: i64) -> Option<Bound> {
    let model = match kind {
        Kind::Variant => Product::NAME,
        Kind::Customer => Partner::NAME,
        Kind::Tax => Tax::NAME,
        _ => return None,
    };
    Some((model, branch_id, central_id))
}

/// The one variant of a product without attributes: nothing of it is compared, but orders and price rules name it.
pub fn only_variant((ours, theirs): (CentralKey, BranchKey)) -> (Remembered, Bound) {
    let (made, central_made) = (String::new(), String::new());
    let sent = Sent { branch_id: theirs, made, central_made, baseline: Baseline::new(), chosen: false };
    (Remembered { kind: Kind::Variant, central_id: ours, sent }, (Product::NAME, theirs.get(), ours.get()))
}
