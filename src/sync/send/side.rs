//! The branch in a pass of sending: its records, and which of them are central's.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde_json::json;

use super::plan::concerns_kind;
use super::reader::{Reader, template};
use super::source::{Name, Wanted};
use crate::config::Branch;
use crate::master_data::matching::{self, Found};
use crate::master_data::{ATTRIBUTES, BranchKey, CentralKey, Key as _, Record, TEMPLATE, VARIANTS};
use crate::model::Kind;
use crate::odoo::master::{one_of, text_of};
use crate::problem::Problem;
use crate::store::Sent;

/// Most values in one domain that looks for natural keys: 70 KB of request.
const KEYS: usize = 1_000;

/// A branch as far as a pass has looked at it.
pub struct Side {
    /// Reads it.
    pub reader: Reader,
    /// Its records that were read.
    pub records: HashMap<(Kind, BranchKey), Record<BranchKey>>,
    /// Which of its records central's are.
    pub bound: HashMap<Name, BranchKey>,
    /// Central's records of which it is not clear which they are.
    pub unclear: HashMap<Name, Problem>,
    /// Kinds that the user may not see there, and why.
    pub closed: HashMap<Kind, Problem>,
    /// When the branch's records were made that were sent before.
    made: HashMap<Name, String>,
    /// What was bound and is gone at the branch.
    pub forgotten: Vec<Name>,
    /// Kinds of which all records were read.
    whole: HashSet<Kind>,
    /// The products whose variants have a barcode or reference.
    by_variant: HashMap<(&'static str, String), BTreeSet<BranchKey>>,
}

impl Side {
    /// Over a reader of the branch, with what was sent to it.
    pub fn new(reader: Reader, sent: &HashMap<Name, Sent>) -> Self {
        let made = sent.iter().filter(|(_, sent)| !sent.made.is_empty()).map(|(name, sent)| (*name, sent.made.clone()));
        Self {
            reader,
            records: HashMap::new(),
            bound: sent.iter().map(|(name, sent)| (*name, sent.branch_id)).collect(),
            unclear: HashMap::new(),
            closed: HashMap::new(),
            made: made.collect(),
            forgotten: Vec::new(),
            whole: HashSet::new(),
            by_variant: HashMap::new(),
        }
    }

    /// The branch's record of a record of central, if both are known.
    pub fn record(&self, name: &Name) -> Option<&Record<BranchKey>> {
        self.records.get(&(name.0, *self.bound.get(name)?))
    }

    /// What the branch calls one of its records.
    pub fn name(&self, kind: Kind, id: BranchKey) -> String {
        self.records.get(&(kind, id)).map_or_else(|| format!("{kind} {id}"), |record| record.name.clone())
    }

    /// Keeps records that were read, over what was known of them.
    pub fn keep(&mut self, found: Vec<Record<BranchKey>>) {
        self.records.extend(found.into_iter().map(|record| ((record.kind, record.id), record)));
    }

    /// Reads records again or for the first time; what is gone is forgotten.
    ///
    /// # Errors
    /// What stands in the way, as a problem of the branch.
    pub async fn read(&mut self, kind: Kind, ids: &BTreeSet<BranchKey>) -> Result<(), Problem> {
        for id in ids {
            self.records.remove(&(kind, *id));
        }
        let found = self.reader.by_ids(kind, ids).await?;
        self.keep(found);
        Ok(())
    }

    /// Finds the branch's record of each record to compare: as it was sent, as a person said, by natural key.
    ///
    /// # Errors
    /// As [`Side::read`].
    pub async fn bind(&mut self, branch: &Branch, wanted: &Wanted, by_person: &HashMap<Name, BranchKey>) -> Result<(), Problem> {
        for kind in Kind::ALL {
            let of_kind: Vec<&Arc<Record<CentralKey>>> =
                wanted.records.iter().filter(|(name, _)| name.0 == kind).map(|(_, record)| record).collect();
            if of_kind.is_empty() {
                continue;
            }
            match self.bind_kind(kind, of_kind, branch, wanted, by_person).await {
                Err(problem) if concerns_kind(&problem) => drop(self.closed.insert(kind, problem)),
                bound => bound?,
            }
        }
        Ok(())
    }

    async fn bind_kind(
        &mut self,
        kind: Kind,
        records: Vec<&Arc<Record<CentralKey>>>,
        branch: &Branch,
        wanted: &Wanted,
        by_person: &HashMap<Name, BranchKey>,
    ) -> Result<(), Problem> {
        self.reader.learn(kind).await?;
        let said: Vec<(Name, BranchKey)> = records
            .iter()
            .map(|record| (kind, record.id))
            .filter_map(|name| Some((name, *by_person.get(&name).filter(|_| !self.bound.contains_key(&name))?)))
            .collect();
        self.bound.extend(said);
        // A unit is never changed: what it is called there is of no use.
        let looked_at = |record: &&&Arc<Record<CentralKey>>| kind != Kind::Unit || wanted.compare.contains(&(kind, record.id));
        let bound: Vec<&Arc<Record<CentralKey>>> = records.iter().filter(looked_at).copied().collect();
        self.read_bound(kind, &bound).await?;
        let open = |record: &&Arc<Record<CentralKey>>| {
            let name = (kind, record.id);
            !self.bound.contains_key(&name) && wanted.compare.contains(&name)
        };
        let open: Vec<&Arc<Record<CentralKey>>> = records.into_iter().filter(open).collect();
        if !open.is_empty() {
            self.candidates(kind, &open, wanted).await?;
            self.match_all(branch, kind, open, wanted);
        }
        Ok(())
    }

    /// Reads what was sent before; what the branch no longer has is forgotten and looked for anew.
    async fn read_bound(&mut self, kind: Kind, records: &[&Arc<Record<CentralKey>>]) -> Result<(), Problem> {
        let names: Vec<Name> = records.iter().map(|record| (kind, record.id)).collect();
        let bound: BTreeSet<BranchKey> = names.iter().filter_map(|name| self.bound.get(name).copied()).collect();
        if bound.is_empty() {
            return Ok(());
        }
        self.read(kind, &bound).await?;
        for name in names {
            let Some(id) = self.bound.get(&name) else { continue };
            // A branch that was put back to a backup gives the number to another record.
            let same = |record: &Record<BranchKey>| self.made.get(&name).is_none_or(|made| *made == record.create_date);
            if !self.records.get(&(kind, *id)).is_some_and(same) {
                self.bound.remove(&name);
                self.forgotten.push(name);
            }
        }
        Ok(())
    }

    /// Reads the records of the branch that could be these.
    async fn candidates(&mut self, kind: Kind, open: &[&Arc<Record<CentralKey>>], wanted: &Wanted) -> Result<(), Problem> {
        let company = self.reader.manner.company;
        match kind {
            Kind::Product => {
                let products: HashSet<CentralKey> = open.iter().map(|record| record.id).collect();
                let variants: Vec<&Record<CentralKey>> = wanted
                    .records
                    .values()
                    .map(AsRef::as_ref)
                    .filter(|record| template(record).is_some_and(|product| products.contains(&product)))
                    .collect();
                let of_all = || open.iter().map(|record| record.as_ref()).chain(variants.iter().copied());
                let keys = |field: &str| of_all().filter_map(|record| record.text(field)).collect::<BTreeSet<&str>>();
                self.by_keys(&[("barcode", keys("barcode")), ("default_code", keys("default_code"))], Kind::Product).await
            }
            // By the combination, among those of the products that are there.
            Kind::Variant | Kind::ExtraPrice => {
                let products: BTreeSet<i64> = open
                    .iter()
                    .filter_map(|record| template(record))
                    .filter_map(|product| self.bound.get(&(Kind::Product, product)))
                    .map(|id| id.get())
                    .collect();
                self.of_products(kind, &products).await
            }
            Kind::PricelistItem => {
                let lists: BTreeSet<i64> = open
                    .iter()
                    .filter_map(|record| record.one("pricelist_id"))
                    .filter_map(|list| self.bound.get(&(Kind::Pricelist, list)))
                    .map(|id| id.get())
                    .collect();
                if lists.is_empty() {
                    return Ok(());
                }
                let found = self.reader.records(kind, &json!([["pricelist_id", "in", lists]])).await?;
                self.keep(found);
                Ok(())
            }
            Kind::Customer => {
                let said = |field: &str| open.iter().filter_map(|record| record.text(field)).collect::<BTreeSet<&str>>();
                // `in` compares letter by letter, and people write e-mail addresses both ways.
                let emails: BTreeSet<String> =
                    said("email").into_iter().flat_map(|email| [email.to_lowercase(), email.to_owned()]).collect();
                let emails = emails.iter().map(String::as_str).collect();
                self.by_keys(&[("vat", said("vat")), ("ref", said("ref")), ("email", emails)], kind).await?;
                let parents: BTreeSet<i64> = open
                    .iter()
                    .filter_map(|record| record.one("parent_id"))
                    .filter_map(|parent| self.bound.get(&(Kind::Customer, parent)))
                    .map(|id| id.get())
                    .collect();
                if parents.is_empty() {
                    return Ok(());
                }
                let found = self.reader.records(kind, &json!([["parent_id", "in", parents]])).await?;
                self.keep(found);
                Ok(())
            }
            _ if self.whole.contains(&kind) => Ok(()),
            _ => {
                let domain = match kind {
                    Kind::Tax => json!([["type_tax_use", "=", "sale"], ["company_id", "=", company]]),
                    Kind::PaymentMethod => json!([["company_id", "=", company]]),
                    _ => json!([]),
                };
                let found = self.reader.records(kind, &domain).await?;
                self.keep(found);
                self.whole.insert(kind);
                Ok(())
            }
        }
    }

    /// Reads variants or extra prices of products of the branch.
    ///
    /// # Errors
    /// As [`Side::read`].
    pub async fn of_products(&mut self, kind: Kind, products: &BTreeSet<i64>) -> Result<(), Problem> {
        if products.is_empty() {
            return Ok(());
        }
        let found = self.reader.records(kind, &json!([[TEMPLATE, "in", products]])).await?;
        self.keep(found);
        Ok(())
    }

    /// Reads the records that have one of these values in one of these fields; products by their variants.
    async fn by_keys(&mut self, keys: &[(&'static str, BTreeSet<&str>)], kind: Kind) -> Result<(), Problem> {
        let mut found: BTreeSet<BranchKey> = BTreeSet::new();
        for (field, values) in keys {
            let values: Vec<&str> = values.iter().copied().collect();
            for page in values.chunks(KEYS) {
                let domain = json!([[field, "in", page]]);
                if kind == Kind::Product {
                    let rows = self.reader.rows(Kind::Variant.model(), &domain, &[TEMPLATE, field]).await?;
                    for row in &rows {
                        if let (Some(text), Some(product)) = (text_of(row, field), one_of(row, TEMPLATE)) {
                            self.by_variant.entry((field, text.to_owned())).or_default().insert(BranchKey::of(product));
                            found.insert(BranchKey::of(product));
                        }
                    }
                } else {
                    let records: Vec<Record<BranchKey>> = self.reader.records(kind, &domain).await?;
                    self.keep(records);
                }
            }
        }
        let missing: BTreeSet<BranchKey> = found.into_iter().filter(|id| !self.records.contains_key(&(kind, *id))).collect();
        if missing.is_empty() { Ok(()) } else { self.read(kind, &missing).await }
    }

    /// Pairs what is open with the candidates, parents before children.
    fn match_all(&mut self, branch: &Branch, kind: Kind, open: Vec<&Arc<Record<CentralKey>>>, wanted: &Wanted) {
        let taken: HashSet<BranchKey> = self.bound.iter().filter(|(name, _)| name.0 == kind).map(|(_, id)| *id).collect();
        let candidates: Vec<&Record<BranchKey>> =
            self.records.values().filter(|record| record.kind == kind && !taken.contains(&record.id)).collect();
        let index = matching::Index::new(kind, candidates);
        let depth = |record: &Record<CentralKey>| {
            let mut depth = 0;
            let mut parent = record.one("parent_id");
            while let Some(above) = parent.filter(|_| depth < matching::DEPTH).and_then(|id| wanted.records.get(&(kind, id))) {
                depth += 1;
                parent = above.one("parent_id");
            }
            depth
        };
        let mut in_order: BTreeMap<usize, Vec<&Arc<Record<CentralKey>>>> = BTreeMap::new();
        for record in open {
            in_order.entry(depth(record)).or_default().push(record);
        }
        let mut bound: HashMap<Name, BranchKey> = HashMap::new();
        let mut claimed: HashMap<BranchKey, &Record<CentralKey>> = HashMap::new();
        for level in in_order.values_mut() {
            level.sort_by_key(|record| record.id);
        }
        for record in in_order.into_values().flatten() {
            let known = |kind: Kind, id: CentralKey| bound.get(&(kind, id)).or_else(|| self.bound.get(&(kind, id))).copied();
            // The settings pair taxes whose names differ: the branch's name = central's.
            let called: Vec<&str> = branch
                .taxes
                .iter()
                .filter(|(_, central)| kind == Kind::Tax && record.text("name") == Some(central))
                .map(|(ours, _)| ours.as_str())
                .collect();
            let found = match self.by_its_variants(record, wanted) {
                Found::None => index.find(record, &known, &called),
                found => found,
            };
            match found {
                Found::One(id) => {
                    // Two of central's could be this one: it is the one that is called so, else the elder. The other is new at the
                    // branch, as it would be in a later pass.
                    let called = |central: &Record<CentralKey>| {
                        self.records.get(&(kind, id)).is_some_and(|there| there.text("name") == central.text("name"))
                    };
                    match claimed.get(&id) {
                        Some(elder) if called(elder) || !called(record) => continue,
                        elder => elder.map(|elder| bound.remove(&(kind, elder.id))),
                    };
                    claimed.insert(id, record);
                    bound.insert((kind, record.id), id);
                }
                Found::None => {}
                Found::Taken { barcode, by } => {
                    let reference = record.name.clone();
                    self.unclear.insert((kind, record.id), Problem::BarcodeTaken { reference, barcode, words: by });
                }
                Found::Several { by, value, matches } => {
                    let reference = record.name.clone();
                    self.unclear.insert((kind, record.id), Problem::MatchAmbiguous { kind, reference, by, value, matches });
                }
            }
        }
        self.bound.extend(bound);
    }

    /// A product with attributes is the one that its variants belong to.
    fn by_its_variants(&self, product: &Record<CentralKey>, wanted: &Wanted) -> Found {
        if product.kind != Kind::Product || product.value(ATTRIBUTES).ids().is_empty() {
            return Found::None;
        }
        let variants = product.value(VARIANTS).ids().into_iter().filter_map(|id| wanted.records.get(&(Kind::Variant, id)));
        let mut theirs = BTreeSet::new();
        for variant in variants {
            let fits = ["barcode", "default_code"].into_iter().filter_map(|field| Some((field, variant.text(field)?.to_owned())));
            theirs.extend(fits.filter_map(|key| self.by_variant.get(&key)).flatten().copied());
        }
        let of_theirs: Vec<&Record<BranchKey>> = theirs.iter().filter_map(|id| self.records.get(&(Kind::Product, *id))).collect();
        matching::one_or_several(&of_theirs, "variants", &product.name)
    }

    /// The one variant of a product without attributes, on both sides.
    pub fn only_variant(&self, central: &Record<CentralKey>) -> Option<(CentralKey, BranchKey)> {
        let branch = self.record(&(Kind::Product, central.id))?;
        match (central.value(VARIANTS).ids().as_slice(), branch.value(VARIANTS).ids().as_slice()) {
            ([ours], [theirs]) => Some((*ours, *theirs)),
            _ => None,
        }
    }
}
