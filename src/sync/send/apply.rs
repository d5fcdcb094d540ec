//! From the queue to the branch: the one place where master data is written there.
//!
//! What does not exist is created by the create-once call and by nothing else; what exists is read again first, and
//! written only if it still is what the preview showed. Everything is read back before it counts as done.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Instant;

use jiff::Timestamp;
use serde_json::json;

use super::judge::{kind_of, moved, refused, shows};
use super::plan::{bound, only_variant, sent};
use super::side::Side;
use super::source::{Name, Rules, Source, Wanted};
use crate::master_data::{
    ATTRIBUTES, Action, BranchKey, Field, FieldChange, Item, Key as _, Record, TEMPLATE, Target, Type, Value, fields, matching,
};
use crate::model::{BranchCode, Kind};
use crate::odoo::master::{self, Columns, New, Row, id_of, ids_of, one_of};
use crate::odoo::{Call, OdooError, Outcome};
use crate::problem::{Problem, Retry};
use crate::store::{Bound, QUEUED_CONTENT, Remembered, SendConclusion, Sending, Sent, Store};
use crate::sync::Halt;
use crate::sync::deliver::due_after;
use crate::sync::load::{Fates, Postponed, Refusal, load};

/// Records of one call that creates: of products on Odoo 19 about 2 s, far below the 120 s after which Odoo ends a
/// request. Each call drops Odoo's caches, which costs as much as some dozen products.
const CREATES: usize = 200;

/// Records of one call that changes: a changed price costs 4 ms.
const CHANGES: usize = 200;

/// Most text of one call, pictures being nearly all of it: what proxies commonly let through is 16 MB or more, Odoo
/// itself takes 128.
const CALL_BYTES: usize = 12 * 1024 * 1024;

/// An item on its way, with its row in the queue.
#[derive(Debug, Clone)]
pub struct Going {
    /// The row.
    pub record: i64,
    /// What is to happen.
    pub item: Item,
    /// What was tried before.
    pub tried: Tried,
}

/// Earlier tries of a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tried {
    /// How many.
    pub attempts: u32,
    /// Whether one of them may have written it: its answer was lost.
    pub unknown: bool,
}

/// What became of the items.
#[derive(Debug, Default)]
pub struct Applied {
    /// Created, changed, archived or removed.
    pub done: Vec<Item>,
    /// Not: with what stands in the way.
    pub left: Vec<(Item, Sending)>,
    /// Why it stopped before the end.
    pub halt: Option<Problem>,
}

/// Carries items out at one branch.
pub struct Writer<'a> {
    /// The ledger.
    pub store: &'a Store,
    /// The branch.
    pub code: &'a BranchCode,
    /// The branch as it was read.
    pub side: &'a mut Side,
    /// Central, for pictures.
    pub source: &'a tokio::sync::Mutex<Source>,
    /// What central has.
    pub wanted: &'a Wanted,
    /// What the settings and a person say.
    pub rules: Rules<'a>,
    /// What was sent before.
    pub sent: &'a HashMap<Name, Sent>,
    /// What came of it.
    pub applied: Applied,
}

/// A value with the ids of the branch; `None` = it names a record that could not be sent.
type Resolved = Option<Value<i64>>;

impl Writer<'_> {
    /// Carries out what is ready, in the order of need, until nothing is left that can go.
    ///
    /// # Errors
    /// The ledger cannot be used. Whatever stands in the way at the branch is in [`Writer::applied`].
    pub async fn write(&mut self, mut going: Vec<Going>) -> Result<(), Halt> {
        going.sort_by_key(|going| going.item.kind);
        while !going.is_empty() && self.applied.halt.is_none() {
            let batch = self.next_batch(&mut going);
            if batch.is_empty() {
                break;
            }
            self.carry_out(batch).await?;
        }
        if !going.is_empty() {
            let left = std::mem::take(&mut going);
            self.leave_rest(left).await?;
        }
        Ok(())
    }

    /// The next items that need nothing more, of one kind and one way of writing.
    fn next_batch(&self, going: &mut Vec<Going>) -> Vec<Going> {
        let ready =
            |going: &Going| going.item.needs().iter().all(|need| self.side.bound.contains_key(need)) && self.part_ready(&going.item);
        let required: HashMap<Kind, Vec<&str>> = Kind::ALL.into_iter().map(|kind| (kind, self.side.reader.shape.required(kind))).collect();
        let way = |item: &Item| (item.kind, way(item), left_to_default(item, &required[&item.kind]));
        let Some(first) = going.iter().find(|going| ready(going)).map(|going| way(&going.item)) else {
            return Vec::new();
        };
        let limit = if first.1 == Way::Create { CREATES } else { CHANGES };
        let mut batch = Vec::new();
        let mut rest = Vec::with_capacity(going.len());
        let mut bytes = 0;
        for candidate in going.drain(..) {
            let fits = way(&candidate.item) == first && batch.len() < limit && ready(&candidate);
            let weight = self.picture_bytes(&candidate.item);
            if fits && (batch.is_empty() || bytes + weight <= CALL_BYTES) {
                bytes += weight;
                batch.push(candidate);
            } else {
                rest.push(candidate);
            }
        }
        *going = rest;
        batch
    }

    /// A variant that is still to come needs its product.
    fn part_ready(&self, item: &Item) -> bool {
        let part = matches!(item.kind, Kind::Variant | Kind::ExtraPrice) && item.branch_id.is_none();
        !part || self.product_of(item).is_some()
    }

    fn product_of(&self, item: &Item) -> Option<BranchKey> {
        let product = self.wanted.records.get(&(item.kind, item.central_id))?.one(TEMPLATE)?;
        self.side.bound.get(&(Kind::Product, product)).copied()
    }

    fn picture_bytes(&self, item: &Item) -> usize {
        let picture = item.changes.iter().any(|change| change.field.starts_with("image") && change.after != Value::Nothing);
        let record = self.wanted.records.get(&(item.kind, item.central_id)).filter(|_| picture);
        let size = record.map_or(0, |record| match record.value(super::reader::PICTURE_SIZE) {
            Value::Number(size) => usize::try_from(*size).unwrap_or(0),
            _ => 0,
        });
        size * 4 / 3
    }

    async fn carry_out(&mut self, batch: Vec<Going>) -> Result<(), Halt> {
        let began = Instant::now();
        let ready = self.look_again(batch, began).await?;
        if ready.is_empty() {
            return Ok(());
        }
        let records: Vec<(i64, String)> = ready.iter().map(|going| (going.record, QUEUED_CONTENT.to_owned())).collect();
        let store = self.store.clone();
        let intended: HashSet<i64> = store.run(move |store| store.intend(&records)).await?;
        let ready: Vec<Going> = ready.into_iter().filter(|going| intended.contains(&going.record)).collect();
        if ready.is_empty() {
            return Ok(());
        }
        let fates = match way(&ready[0].item) {
            Way::Create => self.create(&ready).await,
            Way::Change(_) => self.change(&ready).await,
            Way::Archive => self.archive(&ready).await,
            Way::Remove => self.remove(&ready).await,
        };
        let fates = match fates {
            Ok(fates) => fates,
            Err(problem) => Fates::all_postponed(ready.len(), problem, false),
        };
        self.conclude(ready, fates, began).await
    }

    /// Reads what is about to be changed once more: what is not as the preview showed it is left alone.
    async fn look_again(&mut self, batch: Vec<Going>, began: Instant) -> Result<Vec<Going>, Halt> {
        let kind = batch[0].item.kind;
        let mut batch = batch;
        if let Err(problem) = self.find_parts(kind, &mut batch).await {
            let fates = Fates::all_postponed(batch.len(), problem, false);
            self.conclude(batch, fates, began).await?;
            return Ok(Vec::new());
        }
        let ids: BTreeSet<BranchKey> = batch.iter().filter_map(|going| going.item.branch_id).collect();
        if ids.is_empty() {
            return Ok(batch);
        }
        if kind == Kind::Tax {
            self.side.reader.forget_taxes();
        }
        if let Err(problem) = self.side.read(kind, &ids).await {
            let fates = Fates::all_postponed(batch.len(), problem, false);
            self.conclude(batch, fates, began).await?;
            return Ok(Vec::new());
        }
        let mut ready = Vec::new();
        let mut conclusions = Vec::new();
        for going in batch {
            let now = going.item.branch_id.and_then(|id| self.side.records.get(&(kind, id)));
            let changed = moved(&going.item, now, self.side);
            if changed.is_empty() {
                ready.push(going);
            } else {
                let problem = Problem::ChangedSincePreview { reference: going.item.reference.clone(), changes: changed };
                let sending = Sending::Held(vec![problem]);
                self.applied.left.push((going.item.clone(), sending.clone()));
                conclusions.push(SendConclusion { record: going.record, item: going.item, sending, unknown: None });
            }
        }
        self.record(conclusions, Vec::new(), Vec::new(), began).await?;
        Ok(ready)
    }

    /// Variants and extra prices come into being with their product: finds them now.
    async fn find_parts(&mut self, kind: Kind, batch: &mut [Going]) -> Result<(), Problem> {
        let open: BTreeSet<i64> = batch
            .iter()
            .filter(|going| going.item.branch_id.is_none())
            .filter_map(|going| Some(self.product_of(&going.item)?.get()))
            .collect();
        if !matches!(kind, Kind::Variant | Kind::ExtraPrice) || open.is_empty() {
            return Ok(());
        }
        self.side.of_products(kind, &open).await?;
        let candidates: Vec<&Record<BranchKey>> = self.side.records.values().filter(|record| record.kind == kind).collect();
        let index = matching::Index::new(kind, candidates);
        let known = |kind: Kind, id| self.side.bound.get(&(kind, id)).copied();
        let mut found = Vec::new();
        for going in batch.iter_mut().filter(|going| going.item.branch_id.is_none()) {
            let Some(central) = self.wanted.records.get(&(kind, going.item.central_id)) else { continue };
            if let matching::Found::One(id) = index.find(central, &known, &[]) {
                found.push(((kind, going.item.central_id), id));
                going.item.branch_id = Some(id);
            }
        }
        self.side.bound.extend(found);
        Ok(())
    }

    /// A value with the ids of the branch.
    async fn resolved(&mut self, field: &Field, value: &Value<Target>) -> Result<Resolved, Problem> {
        if let (Type::Known(model, by), Value::Text(text)) = (field.of, value) {
            return Ok(self.side.reader.known(model, by).await?.id(text).map(Value::One));
        }
        let mut missing = false;
        let resolved = value.map(|target| match target {
            Target::There(id) => id.get(),
            Target::New(kind, id) => self.side.bound.get(&(kind, id)).map_or_else(
                || {
                    missing = true;
                    0
                },
                |id| id.get(),
            ),
        });
        Ok((!missing).then_some(resolved))
    }

    /// The cells of items, in the order of columns; pictures as text.
    async fn cells(&mut self, kind: Kind, of: &[&'static Field], items: &[Going]) -> Result<(Vec<String>, Vec<Vec<String>>), Problem> {
        let pictures = self.pictures(kind, of, items).await?;
        let shape = self.side.reader.shape.clone();
        let columns = Columns::new(&shape, kind, of);
        let mut rows = Vec::new();
        for going in items {
            let mut values: HashMap<&str, Value<i64>> = HashMap::new();
            let at_branch = going.item.branch_id.and_then(|id| self.side.records.get(&(kind, id))).cloned();
            for name in columns.needs() {
                let own = at_branch.as_ref().map_or(Value::Nothing, |record| record.value(name).map(BranchKey::get));
                values.insert(name, own);
            }
            for field in of {
                let Some(change) = going.item.changes.iter().find(|change| change.field == field.name) else { continue };
                let mut value = self.resolved(field, &change.after).await?.unwrap_or(Value::Nothing);
                if let (Value::Many(ids), "taxes_id") = (&mut value, field.name) {
                    // Those of other companies stay.
                    ids.extend(at_branch.iter().flat_map(|record| record.value(super::reader::OTHER_TAXES).ids()).map(BranchKey::get));
                }
                values.insert(field.name, value);
            }
            if kind == Kind::Unit {
                self.measure(&mut values, at_branch.as_ref()).await?;
            }
            let value = |name: &str| values.get(name).cloned().unwrap_or(Value::Nothing);
            rows.push(columns.cells(&value, pictures.get(&going.item.central_id.get()).map(String::as_str)));
        }
        Ok((columns.names(), rows))
    }

    /// Where units have families, the family of a unit is that of the one it is measured by; and its size there.
    async fn measure(&mut self, values: &mut HashMap<&str, Value<i64>>, at_branch: Option<&Record<BranchKey>>) -> Result<(), Problem> {
        let own = |name: &str| at_branch.map_or(Value::Nothing, |record| record.value(name).map(BranchKey::get));
        let wanted = |name: &str| values.get(name).cloned().unwrap_or_else(|| own(name));
        let (by, factor) = (wanted("relative_uom_id"), wanted("relative_factor"));
        let Some(by) = by.ids().first().copied().map(BranchKey::of).filter(|_| self.side.reader.shape.has_unit_families()) else {
            return Ok(());
        };
        if !self.side.records.contains_key(&(Kind::Unit, by)) {
            self.side.read(Kind::Unit, &BTreeSet::from([by])).await?;
        }
        let Some(by) = self.side.records.get(&(Kind::Unit, by)) else { return Ok(()) };
        if let (Value::Number(factor), Value::Number(size)) = (factor, by.value(master::SIZE)) {
            values.insert(master::SIZE, Value::Number(factor * *size));
            values.insert(master::FAMILY, by.value(master::FAMILY).map(BranchKey::get));
        }
        Ok(())
    }

    /// The pictures that items send, by central's id.
    async fn pictures(&self, kind: Kind, of: &[&'static Field], items: &[Going]) -> Result<HashMap<i64, String>, Problem> {
        let Some(field) = of.iter().find(|field| field.of == Type::Image) else { return Ok(HashMap::new()) };
        let sends = |going: &&Going| going.item.changes.iter().any(|change| change.field == field.name && change.after != Value::Nothing);
        let ids: Vec<i64> = items.iter().filter(sends).map(|going| going.item.central_id.get()).collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        self.source.lock().await.reader().images(kind, field.name, &ids).await
    }

    async fn create(&mut self, going: &[Going]) -> Result<Fates, Problem> {
        let kind = going[0].item.kind;
        let changed: BTreeSet<&str> =
            going.iter().flat_map(|going| going.item.changes.iter().map(|change| change.field.as_str())).collect();
        let of: Vec<&'static Field> = fields(kind).iter().filter(|field| changed.contains(field.name)).collect();
        let (columns, cells) = self.cells(kind, &of, going).await?;
        let mut news = Vec::new();
        for (going, cells) in going.iter().zip(cells) {
            let attributes = self.attributes(&going.item);
            news.push(New { external_id: going.item.external_id.clone(), cells, attributes });
        }
        let manner = self.side.reader.manner.clone();
        let call = |set: &[usize]| {
            let some: Vec<New> = set.iter().map(|place| news[*place].clone()).collect();
            manner.create_once(kind, &columns, &some)
        };
        Ok(load(&self.side.reader.connection, (0..going.len()).collect(), call, |_, _| ()).await)
    }

    /// The attributes of a product to be created, each with its values.
    fn attributes(&self, item: &Item) -> BTreeMap<i64, BTreeSet<i64>> {
        let mut attributes: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
        let values = item.changes.iter().filter(|change| change.field == ATTRIBUTES).flat_map(|change| change.after.ids());
        for target in values {
            let id = match target {
                Target::There(id) => Some(id),
                Target::New(kind, id) => self.side.bound.get(&(kind, id)).copied(),
            };
            let attribute = id.and_then(|id| self.side.records.get(&(Kind::AttributeValue, id))?.one("attribute_id"));
            if let (Some(id), Some(attribute)) = (id, attribute) {
                attributes.entry(attribute.get()).or_default().insert(id.get());
            }
        }
        attributes
    }

    async fn change(&mut self, going: &[Going]) -> Result<Fates, Problem> {
        let kind = going[0].item.kind;
        let changed: BTreeSet<&str> = going[0].item.changes.iter().map(|change| change.field.as_str()).collect();
        let of: Vec<&'static Field> = fields(kind).iter().filter(|field| changed.contains(field.name)).collect();
        let mut fates = Fates::default();
        let mut places: Vec<usize> = (0..going.len()).filter(|place| going[*place].item.branch_id.is_some()).collect();
        // What has no record there although its product has: Odoo makes such a variant when it is first sold.
        for place in (0..going.len()).filter(|place| going[*place].item.branch_id.is_none()) {
            let reference = going[place].item.reference.clone();
            fates
                .refused
                .insert(place, Refusal::Alone(Problem::NotAsSent { reference, changes: vec!["no such variant at the branch".to_owned()] }));
        }
        if changed.contains(ATTRIBUTES) {
            let grown = self.grow_attributes(going, &places).await?;
            places = grown.written.keys().copied().collect();
            fates.merge(grown);
        }
        let wakes = matches!(kind, Kind::Product | Kind::Variant) && changed.contains("active");
        if wakes && way(&going[0].item) != Way::Archive {
            let woken = self.wake(going, &places).await?;
            places = woken.written.keys().copied().collect();
            fates.merge(woken);
        }
        if of.is_empty() || places.is_empty() {
            return Ok(fates);
        }
        let (columns, cells) = self.cells(kind, &of, going).await?;
        let manner = self.side.reader.manner.clone();
        let call = |set: &[usize]| {
            let id = |place: &usize| going[*place].item.branch_id.map_or(0, BranchKey::get);
            let some: Vec<(i64, Vec<String>)> = set.iter().map(|place| (id(place), cells[*place].clone())).collect();
            manner.update(kind.model(), &columns, &some)
        };
        let written = load(&self.side.reader.connection, places, call, |_, _| ()).await;
        fates.merge(written);
        Ok(fates)
    }

    /// Takes products or variants out of the archive, by `write` and without looking at archived records: `load`, which
    /// has to see them, would leave a product's variants where they are.
    async fn wake(&mut self, going: &[Going], places: &[usize]) -> Result<Fates, Problem> {
        let kind = going[0].item.kind;
        let mut fates = Fates::default();
        for place in places {
            let Some(id) = going[*place].item.branch_id else { continue };
            let archives = going[*place].item.changes.iter().any(|change| change.field == "active" && change.after == Value::Flag(false));
            if archives {
                // The other way round `load` does it.
                fates.written.insert(*place, id.get());
                continue;
            }
            let call = Call::new(kind.model(), "write").on(&[id.get()]).arg("vals", json!({ "active": true }));
            let call = self.side.reader.manner.apply(call).context("active_test", json!(true)).context("tracking_disable", json!(true));
            match self.side.reader.connection.odoo.call::<serde::de::IgnoredAny>(&call).await {
                Ok(_) | Err(OdooError::DoneWithoutResult) => drop(fates.written.insert(*place, id.get())),
                Err(error) => {
                    self.failed_call(*place, &error, &mut fates);
                    if fates.halt.is_some() {
                        break;
                    }
                }
            }
        }
        Ok(fates)
    }

    /// Adds attribute values to products: to the line of their attribute, or as a line that is created once.
    async fn grow_attributes(&mut self, going: &[Going], places: &[usize]) -> Result<Fates, Problem> {
        const LINE: &str = "product.template.attribute.line";
        let products: Vec<i64> = places.iter().filter_map(|place| going[*place].item.branch_id).map(BranchKey::get).collect();
        let columns = [TEMPLATE, "attribute_id", "value_ids"];
        let lines: Vec<Row> = self.side.reader.rows(LINE, &json!([[TEMPLATE, "in", products]]), &columns).await?;
        let manner = self.side.reader.manner.clone();
        let mut fates = Fates::default();
        for place in places {
            let Some(product) = going[*place].item.branch_id else { continue };
            let line_of = |attribute: i64| {
                lines.iter().find(|line| one_of(line, TEMPLATE) == Some(product.get()) && one_of(line, "attribute_id") == Some(attribute))
            };
            let mut outcome = Fates::default();
            for (attribute, values) in self.attributes(&going[*place].item) {
                let call = match line_of(attribute) {
                    Some(line) => {
                        let all: BTreeSet<i64> = ids_of(line, "value_ids").into_iter().chain(values.iter().copied()).collect();
                        manner.update(LINE, &["value_ids/.id".to_owned()], &[(id_of(line), vec![master::joined(&all)])])
                    }
                    None => manner.create_line(&going[*place].item.external_id, product.get(), attribute, &values),
                };
                outcome = load(&self.side.reader.connection, vec![*place], |_| call.clone(), |_, _| ()).await;
                if outcome.written.is_empty() {
                    break;
                }
            }
            // The id is the line's, the record is the product.
            for id in outcome.written.values_mut() {
                *id = product.get();
            }
            let stop = outcome.halt.is_some();
            fates.merge(outcome);
            if stop {
                break;
            }
        }
        Ok(fates)
    }

    /// Archives: products by Odoo's own action, which looks for open orders, the others by their flag.
    async fn archive(&mut self, going: &[Going]) -> Result<Fates, Problem> {
        let kind = going[0].item.kind;
        if kind != Kind::Product {
            return self.change(going).await;
        }
        let mut fates = Fates::default();
        for (place, going) in going.iter().enumerate() {
            let Some(id) = going.item.branch_id else { continue };
            let call = self
                .side
                .reader
                .manner
                .apply(Call::new(kind.model(), "action_archive").on(&[id.get()]))
                .context("tracking_disable", json!(true));
            match self.side.reader.connection.odoo.call::<serde::de::IgnoredAny>(&call).await {
                // It answers nothing, which XML-RPC cannot carry: done all the same.
                Ok(_) | Err(OdooError::DoneWithoutResult) => drop(fates.written.insert(place, id.get())),
                Err(error) => self.failed_call(place, &error, &mut fates),
            }
            if fates.halt.is_some() {
                break;
            }
        }
        Ok(fates)
    }

    async fn remove(&mut self, going: &[Going]) -> Result<Fates, Problem> {
        let kind = going[0].item.kind;
        let mut fates = Fates::default();
        for (place, going) in going.iter().enumerate() {
            let Some(id) = going.item.branch_id else { continue };
            let call = self.side.reader.manner.apply(Call::new(kind.model(), "unlink").on(&[id.get()]));
            match self.side.reader.connection.odoo.call::<serde::de::IgnoredAny>(&call).await {
                Ok(_) | Err(OdooError::DoneWithoutResult) => drop(fates.written.insert(place, id.get())),
                Err(error) => self.failed_call(place, &error, &mut fates),
            }
        }
        Ok(fates)
    }

    fn failed_call(&self, place: usize, error: &OdooError, fates: &mut Fates) {
        let problem = match error {
            OdooError::Refusal(words) => return drop(fates.refused.insert(place, Refusal::Row(words.clone()))),
            error => self.side.reader.connection.explain(error),
        };
        let unknown = error.outcome() == Outcome::Unknown;
        fates.postponed.insert(place, Postponed { problem: problem.clone(), retry_after: error.retry_after(), unknown });
        fates.halt = Some(problem);
    }

    /// Reads back what was written and records what became of each item.
    async fn conclude(&mut self, going: Vec<Going>, fates: Fates, began: Instant) -> Result<(), Halt> {
        let kind = going[0].item.kind;
        let mut fates = fates;
        let removes = way(&going[0].item) == Way::Remove;
        if kind == Kind::Tax {
            self.side.reader.forget_taxes();
        }
        let ids: BTreeSet<BranchKey> = fates.written.values().map(|id| BranchKey::of(*id)).collect();
        if let Err(problem) = if ids.is_empty() || removes { Ok(()) } else { self.side.read(kind, &ids).await } {
            // Written, but not proved: the next pass compares it.
            for (place, _) in std::mem::take(&mut fates.written) {
                fates.postponed.insert(place, Postponed { problem: problem.clone(), retry_after: None, unknown: true });
            }
            fates.halt.get_or_insert(problem);
        }
        let (mut conclusions, mut remember, mut bindings) = (Vec::new(), Vec::new(), Vec::new());
        let now = self.now();
        for (place, going) in going.into_iter().enumerate() {
            let Going { record, mut item, tried: Tried { attempts, unknown } } = going;
            // A call that was refused or not carried out says nothing of an earlier one whose answer was lost, of this pass or
            // before it.
            let lost = fates.doubted.contains(&place) || fates.postponed.get(&place).is_some_and(|postponed| postponed.unknown);
            let unknown = !fates.written.contains_key(&place) && (unknown || lost);
            let sending = if let Some(id) = fates.written.get(&place).copied() {
                item.branch_id = Some(BranchKey::of(id));
                self.side.bound.insert((kind, item.central_id), BranchKey::of(id));
                if removes { Sending::Done } else { self.proved(&item, &mut remember, &mut bindings) }
            } else if let Some(refusal) = fates.refused.remove(&place) {
                refused(&item, refusal)
            } else {
                let postponed = fates.postponed.remove(&place);
                match postponed {
                    // Not allowed to write this kind at all: a person gives the right, the other kinds go on.
                    Some(Postponed { problem, .. }) if problem.retry() != Retry::ByItself => Sending::Failed(vec![problem]),
                    Some(Postponed { problem, retry_after, .. }) => {
                        let asked = retry_after.and_then(|wait| now.checked_add(wait).ok()).unwrap_or(now);
                        Sending::Again { problem, due_at: due_after(attempts, self.side.reader.connection.odoo.clock()).max(asked) }
                    }
                    // It stopped before this one came.
                    None => match &fates.halt {
                        Some(problem) => Sending::Again {
                            problem: problem.clone(),
                            due_at: due_after(attempts, self.side.reader.connection.odoo.clock()),
                        },
                        None => continue,
                    },
                }
            };
            match &sending {
                Sending::Done => self.applied.done.push(item.clone()),
                other => self.applied.left.push((item.clone(), other.clone())),
            }
            conclusions.push(SendConclusion { record, item, sending, unknown: Some(unknown) });
        }
        // A right that is missing stops this kind only; a branch that does not answer stops all.
        if let Some(halt) = fates.halt.filter(|halt| halt.retry() == Retry::ByItself) {
            self.applied.halt = Some(halt);
        }
        self.record(conclusions, remember, bindings, began).await
    }

    /// Done, if the branch shows what was sent.
    fn proved(&self, item: &Item, remember: &mut Vec<Remembered>, bindings: &mut Vec<Bound>) -> Sending {
        let name: Name = (item.kind, item.central_id);
        let Some(record) = self.side.record(&name) else {
            let changes = vec!["it is not there".to_owned()];
            return Sending::Failed(vec![Problem::NotAsSent { reference: item.reference.clone(), changes }]);
        };
        let shows = |change: &&FieldChange| !shows(self.side, item.kind, change, record);
        let differs: Vec<&FieldChange> = item.changes.iter().filter(shows).collect();
        let central = self.wanted.records.get(&name).map(AsRef::as_ref);
        let sent = sent(self.rules, central, record, self.sent.get(&name), item.chosen, self.side);
        if !differs.is_empty() {
            // Created earlier under its external id: it is there with what it had then. The next round compares it.
            if item.action == Action::Create {
                remember.push(Remembered { kind: item.kind, central_id: item.central_id, sent });
            }
            let told = |change: &&FieldChange| {
                let has = record.value(&change.field).show(|id| self.side.name(kind_of(item.kind, &change.field), id));
                format!("{}: {} was sent, the branch shows {has}", change.label, change.to)
            };
            let changes = differs.iter().map(told).collect();
            return Sending::Failed(vec![Problem::NotAsSent { reference: item.reference.clone(), changes }]);
        }
        remember.push(Remembered { kind: item.kind, central_id: item.central_id, sent });
        bindings.extend(bound(item.kind, record.id.get(), item.central_id.get()));
        if let Some(pair) =
            self.wanted.records.get(&name).and_then(|central| self.side.only_variant(central)).filter(|_| item.kind == Kind::Product)
        {
            let (variant, binding) = only_variant(pair);
            remember.push(variant);
            bindings.push(binding);
        }
        Sending::Done
    }

    fn now(&self) -> Timestamp {
        self.side.reader.connection.odoo.clock().now()
    }

    /// Whoever waits for a record that could not be sent is held by it.
    async fn leave_rest(&mut self, going: Vec<Going>) -> Result<(), Halt> {
        let began = Instant::now();
        let mut conclusions = Vec::new();
        for Going { record, item, tried } in going {
            let sending = match &self.applied.halt {
                Some(problem) => {
                    Sending::Again { problem: problem.clone(), due_at: due_after(tried.attempts, self.side.reader.connection.odoo.clock()) }
                }
                None => {
                    let product = self.wanted.records.get(&(item.kind, item.central_id)).and_then(|record| record.one(TEMPLATE));
                    let lacks = |need: &Name| !self.side.bound.contains_key(need);
                    let need = item.needs().into_iter().find(lacks).or(product.map(|id| (Kind::Product, id)));
                    let (kind, reference) = need.map_or((item.kind, item.reference.clone()), |need| {
                        let name = self.wanted.records.get(&need).map(|record| record.name.clone());
                        (need.0, name.unwrap_or_else(|| need.1.to_string()))
                    });
                    Sending::Held(vec![Problem::WaitsForNeed { kind, reference }])
                }
            };
            self.applied.left.push((item.clone(), sending.clone()));
            conclusions.push(SendConclusion { record, item, sending, unknown: None });
        }
        self.record(conclusions, Vec::new(), Vec::new(), began).await
    }

    async fn record(
        &self,
        conclusions: Vec<SendConclusion>,
        remember: Vec<Remembered>,
        bindings: Vec<Bound>,
        began: Instant,
    ) -> Result<(), Halt> {
        let code = self.code.clone();
        let duration_ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        let now = self.now();
        let work = move |store: &Store| store.conclude_sending(&code, &conclusions, &remember, &bindings, duration_ms, now);
        Ok(self.store.run(work).await?)
    }
}

/// How an item is written.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    Create,
    /// The same fields of each.
    Change(Vec<String>),
    Archive,
    Remove,
}

/// The fields that no record of the branch is without and that a new one says nothing of: they go apart, because a cell
/// without a value would take Odoo's default away.
fn left_to_default<'r>(item: &Item, required: &[&'r str]) -> Vec<&'r str> {
    let says = |field: &&str| item.changes.iter().any(|change| change.field == *field && change.after != Value::Nothing);
    if item.action == Action::Create { required.iter().copied().filter(|field| !says(field)).collect() } else { Vec::new() }
}

fn way(item: &Item) -> Way {
    let part = matches!(item.kind, Kind::Variant | Kind::ExtraPrice);
    match item.action {
        Action::Create if !part => Way::Create,
        Action::Archive => Way::Archive,
        Action::Remove => Way::Remove,
        _ => Way::Change(item.changes.iter().map(|change| change.field.clone()).collect()),
    }
}
