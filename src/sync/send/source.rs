//! What central has for a branch: the records that are chosen, and what they need.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::plan::concerns_kind;
use super::reader::{Reader, template};
use crate::config::{Branch, Choose, Selection};
use crate::master_data::{ATTRIBUTES, CentralKey, Conflict, Field, Key as _, Record, TEMPLATE, fields, needs};
use crate::model::Kind;
use crate::odoo::Call;
use crate::odoo::master::{Row, id_of, ids_of, one_of, text_of};
use crate::problem::Problem;
use crate::store::Sent;

/// A record of central: what it is and its id.
pub type Name = (Kind, CentralKey);

/// What one branch is to have.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Every record that was read.
    pub records: HashMap<Name, Arc<Record<CentralKey>>>,
    /// Those that are compared with the branch's.
    pub compare: BTreeSet<Name>,
    /// Of those, the ones that the settings or a person chose.
    pub chosen: BTreeSet<Name>,
    /// Sent earlier and no longer at central.
    pub gone: BTreeSet<Name>,
    /// Choices that find nothing, or that central refuses.
    pub problems: Vec<Problem>,
}

/// What the settings and a person say about a sending to one branch.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// The settings.
    pub branch: &'a Branch,
    /// What is chosen this time, by kind; how it is sent is there as well.
    pub choices: &'a BTreeMap<Kind, Selection>,
}

impl Rules<'_> {
    /// What is said about a kind. Variants and extra prices go by the products', price rules by the pricelists'.
    pub fn selection(&self, kind: Kind) -> Option<&Selection> {
        let kind = match kind {
            Kind::Variant | Kind::ExtraPrice => Kind::Product,
            Kind::PricelistItem => Kind::Pricelist,
            kind => kind,
        };
        self.choices.get(&kind).or_else(|| self.branch.send.kinds.get(&kind))
    }

    /// The fields of a kind that are sent. What is only needed goes along whole.
    pub fn sent_fields(&self, kind: Kind) -> Vec<Field> {
        let sends = |field: &&Field| match self.selection(kind) {
            None => true,
            // A record without its name would be none.
            Some(Selection { fields: Some(only), .. }) => field.name == "name" || only.iter().any(|name| name == field.name),
            Some(Selection { leave, .. }) => !leave.iter().any(|name| name == field.name),
        };
        fields(kind).iter().filter(sends).copied().collect()
    }

    /// Who decides about what the branch has changed.
    pub fn conflict(&self, kind: Kind) -> Conflict {
        self.selection(kind).map_or(Conflict::Central, |selection| selection.conflict)
    }
}

/// What is asked for.
pub struct Asked<'a> {
    /// By kind; in a second round nothing.
    pub choices: &'a BTreeMap<Kind, Selection>,
    /// What is sent of each kind.
    pub rules: Rules<'a>,
    /// What the branch has got so far.
    pub sent: &'a HashMap<Name, Sent>,
    /// What waits in its queue.
    pub queued: &'a BTreeSet<Name>,
    /// Only what changed at central since then, as Odoo writes times; `None` = everything.
    pub since: Option<&'a str>,
    /// Whether what the settings chose earlier stays chosen, so that what is gone is noticed.
    pub by_settings: bool,
}

/// Central in one company and language, read once for all branches of a run.
pub struct Source {
    reader: Reader,
    records: HashMap<Name, Arc<Record<CentralKey>>>,
    /// What questions were answered, by the question.
    answered: HashMap<String, Vec<CentralKey>>,
}

impl Source {
    /// Over a reader of central.
    pub fn new(reader: Reader) -> Self {
        Self { reader, records: HashMap::new(), answered: HashMap::new() }
    }

    /// The reader, for its shape and its pictures.
    pub fn reader(&mut self) -> &mut Reader {
        &mut self.reader
    }

    /// Reads what a branch is to have.
    ///
    /// # Errors
    /// Central does not answer, or refuses something that is not a choice of the settings.
    pub async fn wanted(&mut self, asked: &Asked<'_>) -> Result<Wanted, Problem> {
        let mut wanted = Wanted::default();
        for (kind, selection) in asked.choices {
            let chosen = match self.select(*kind, selection, asked, &mut wanted.problems).await {
                // The other kinds go on.
                Err(problem) if concerns_kind(&problem) => {
                    wanted.problems.push(problem);
                    continue;
                }
                chosen => chosen?,
            };
            wanted.chosen.extend(chosen.into_iter().map(|id| (*kind, id)));
        }
        wanted.compare = &wanted.chosen | asked.queued;
        if asked.since.is_some() {
            for name in self.changed_parts(asked).await? {
                wanted.compare.insert(name);
            }
        } else if asked.by_settings {
            let earlier = asked.sent.iter().filter(|((kind, _), sent)| sent.chosen && asked.choices.contains_key(kind));
            wanted.compare.extend(earlier.map(|(name, _)| *name));
        }
        self.gather(asked, &mut wanted).await?;
        leave_archived(&mut wanted, asked);
        self.hidden(asked, &mut wanted).await?;
        Ok(wanted)
    }

    /// What a search no longer finds may be there all the same, for others to see: `read` tells that apart.
    async fn hidden(&mut self, asked: &Asked<'_>, wanted: &mut Wanted) -> Result<(), Problem> {
        let mut by_kind: BTreeMap<Kind, Vec<i64>> = BTreeMap::new();
        for (kind, id) in wanted.gone.iter().filter(|name| asked.sent.contains_key(name)) {
            by_kind.entry(*kind).or_default().push(id.get());
        }
        for (kind, ids) in by_kind {
            // Odoo answers the id alone without looking whether there is such a record.
            let call = self.reader.manner.apply(Call::read(kind.model(), &ids, &["write_date"]));
            let read: Result<Vec<Row>, Problem> = self.reader.connection.ask(&call).await;
            let hidden = match read {
                Ok(rows) => !rows.is_empty(),
                Err(problem) if concerns_kind(&problem) => {
                    wanted.problems.push(problem);
                    true
                }
                Err(problem) => return Err(problem),
            };
            if hidden {
                wanted.gone.retain(|name| name.0 != kind);
            }
        }
        Ok(())
    }

    /// Reads the records to compare, what belongs to them and what they need, until nothing is missing.
    async fn gather(&mut self, asked: &Asked<'_>, wanted: &mut Wanted) -> Result<(), Problem> {
        let mut whole: BTreeSet<Name> = BTreeSet::new();
        loop {
            self.read(&wanted.compare).await?;
            let gone: Vec<Name> = wanted.compare.iter().filter(|name| !self.records.contains_key(name)).copied().collect();
            for name in gone {
                wanted.compare.remove(&name);
                wanted.gone.insert(name);
            }
            let new: Vec<Name> = wanted.compare.difference(&whole).copied().collect();
            if new.is_empty() {
                break;
            }
            whole.extend(&new);
            let parts = self.parts(&new, asked, &mut wanted.gone).await?;
            wanted.compare.extend(parts);
            let mut wants: BTreeSet<Name> = BTreeSet::new();
            for name in &new {
                let sent = asked.rules.sent_fields(name.0);
                wants.extend(self.records.get(name).map(|record| wanted_along(record, &sent)).unwrap_or_default());
            }
            self.read(&wants).await?;
            // What the branch has already is compared only when everything is, and a tax or unit only when it is chosen:
            // those are matched, their meaning is the branch's.
            let goes = |name: &Name| match asked.sent.contains_key(name) {
                false => true,
                true => asked.since.is_none() && !matches!(name.0, Kind::Tax | Kind::Unit | Kind::Customer | Kind::Pricelist),
            };
            wanted.compare.extend(wants.into_iter().filter(goes));
        }
        // Of what is needed the names are needed too, also of what is not compared.
        let mut named: BTreeSet<Name> = BTreeSet::new();
        for name in &wanted.compare {
            named.extend(self.records.get(name).map(|record| needs(record, fields(name.0))).unwrap_or_default());
        }
        named.retain(|name| name.0 != Kind::Variant);
        wanted.records = wanted.compare.iter().chain(&named).filter_map(|name| Some((*name, self.records.get(name)?.clone()))).collect();
        Ok(())
    }

    /// What belongs to these records and goes with them: variants and extra prices of products, rules of pricelists.
    async fn parts(&mut self, of: &[Name], asked: &Asked<'_>, gone: &mut BTreeSet<Name>) -> Result<Vec<Name>, Problem> {
        let with_attributes = |name: &&Name| {
            name.0 == Kind::Product && self.records.get(name).is_some_and(|record| !record.value(ATTRIBUTES).ids().is_empty())
        };
        let products: Vec<i64> = of.iter().filter(with_attributes).map(|name| name.1.get()).collect();
        let mut parts = Vec::new();
        if !products.is_empty() {
            for kind in [Kind::ExtraPrice, Kind::Variant] {
                let domain = json!([[TEMPLATE, "in", products]]);
                parts.extend(self.ask(kind, &domain).await?.into_iter().map(|id| (kind, id)));
            }
        }
        let lists: Vec<i64> = of.iter().filter(|name| name.0 == Kind::Pricelist).map(|name| name.1.get()).collect();
        if !lists.is_empty() {
            let rules = self.ask(Kind::PricelistItem, &json!([["pricelist_id", "in", lists]])).await?;
            let rules: BTreeSet<Name> = rules.into_iter().map(|id| (Kind::PricelistItem, id)).collect();
            // A rule that was sent and is no longer among them was deleted.
            let sent = asked.sent.keys().filter(|name| name.0 == Kind::PricelistItem && !rules.contains(name)).copied();
            let sent: BTreeSet<Name> = sent.collect();
            if !sent.is_empty() {
                self.read(&sent).await?;
                gone.extend(sent.into_iter().filter(|name| !self.records.contains_key(name)));
            }
            parts.extend(rules);
        }
        Ok(parts)
    }

    /// Reads the records that are not read yet.
    async fn read(&mut self, names: &BTreeSet<Name>) -> Result<(), Problem> {
        let mut missing: BTreeMap<Kind, BTreeSet<CentralKey>> = BTreeMap::new();
        for name in names.iter().filter(|name| !self.records.contains_key(name)) {
            missing.entry(name.0).or_default().insert(name.1);
        }
        for (kind, ids) in missing {
            let found = self.reader.by_ids(kind, &ids).await?;
            self.keep(found);
        }
        Ok(())
    }

    fn keep(&mut self, found: Vec<Record<CentralKey>>) -> Vec<CentralKey> {
        let ids = found.iter().map(|record| record.id).collect();
        self.records.extend(found.into_iter().map(|record| ((record.kind, record.id), Arc::new(record))));
        ids
    }

    /// The records that fit a domain: asked once in a run.
    async fn ask(&mut self, kind: Kind, domain: &Json) -> Result<Vec<CentralKey>, Problem> {
        let question = format!("{}{domain}", kind.as_str());
        if let Some(known) = self.answered.get(&question) {
            return Ok(known.clone());
        }
        let found = self.reader.records(kind, domain).await?;
        let ids = self.keep(found);
        self.answered.insert(question, ids.clone());
        Ok(ids)
    }

    /// The ids that a model's field gives for a domain: asked once in a run.
    async fn ids(&mut self, model: &'static str, domain: &Json, column: &'static str) -> Result<Vec<i64>, Problem> {
        let question = format!("{model}.{column}{domain}");
        if let Some(known) = self.answered.get(&question) {
            return Ok(known.iter().map(|id| id.get()).collect());
        }
        let rows = self.reader.rows(model, domain, &[column]).await?;
        let ids: BTreeSet<i64> = rows.iter().flat_map(|row| if column == "id" { vec![id_of(row)] } else { ids_of(row, column) }).collect();
        self.answered.insert(question, ids.iter().map(|id| CentralKey::of(*id)).collect());
        Ok(ids.into_iter().collect())
    }

    /// What a table of the settings chooses, of what changed if only that is wanted.
    async fn select(
        &mut self,
        kind: Kind,
        selection: &Selection,
        asked: &Asked<'_>,
        problems: &mut Vec<Problem>,
    ) -> Result<BTreeSet<CentralKey>, Problem> {
        let mut chosen = BTreeSet::new();
        for (setting, domain) in self.domains(kind, selection, problems).await? {
            match self.fitting(kind, &domain, asked.since).await {
                Ok(found) => chosen.extend(found),
                Err(problem) => problems.push(refused(kind, setting, problem)?),
            }
        }
        Ok(chosen)
    }

    /// The ids of what a table of the settings chooses, archived records left out: asked for without reading them.
    ///
    /// # Errors
    /// As [`Source::wanted`].
    pub async fn chosen(&mut self, kind: Kind, selection: &Selection, problems: &mut Vec<Problem>) -> Result<BTreeSet<i64>, Problem> {
        let mut chosen = BTreeSet::new();
        for (setting, domain) in self.domains(kind, selection, problems).await? {
            let mut whole = self.ours(kind, &domain);
            whole.insert(0, json!(["active", "=", true]));
            match self.ids(kind.model(), &Json::Array(whole), "id").await {
                Ok(found) => chosen.extend(found),
                Err(problem) => problems.push(refused(kind, setting, problem)?),
            }
        }
        Ok(chosen)
    }

    /// The domains of what a table of the settings chooses, each with its key; what finds nothing is a problem.
    async fn domains(
        &mut self,
        kind: Kind,
        selection: &Selection,
        problems: &mut Vec<Problem>,
    ) -> Result<Vec<(&'static str, Json)>, Problem> {
        let references: Vec<&String> = selection
            .choice
            .iter()
            .filter_map(|choose| if let Choose::Reference(reference) = choose { Some(reference) } else { None })
            .collect();
        let mut domains = Vec::new();
        if !references.is_empty() {
            domains.extend(self.references(kind, &references, problems).await?.map(|domain| ("refs", domain)));
        }
        for choose in &selection.choice {
            let domain = match choose {
                Choose::All => Some(("all", json!([]))),
                Choose::Domain(domain) => Some(("domain", domain.clone())),
                Choose::PosCategory(name) => {
                    let found = self.ids(Kind::PosCategory.model(), &json!([["name", "=", name]]), "id").await?;
                    self.reader.learn(Kind::Product).await?;
                    // One alone up to 16; what a central without the app has none of, it says by itself.
                    let column = self.reader.shape.name(Kind::Product, "pos_categ_ids").unwrap_or("pos_categ_ids");
                    self.named(kind, "pos_category", name, &found, problems).map(|ids| ("pos_category", json!([[column, "child_of", ids]])))
                }
                Choose::Tag(name) => {
                    let (model, column) =
                        if kind == Kind::Customer { ("res.partner.category", "category_id") } else { ("product.tag", "product_tag_ids") };
                    self.reader.learn(kind).await?;
                    if kind == Kind::Product && !self.reader.shape.has(kind, column) {
                        // Since 16.
                        let words = "central's Odoo has no product tags".to_owned();
                        problems.push(Problem::SelectionWrong { kind, setting: "tag".to_owned(), words });
                        continue;
                    }
                    let found = self.ids(model, &json!([["name", "=", name]]), "id").await?;
                    self.named(kind, "tag", name, &found, problems).map(|ids| ("tag", json!([[column, "in", ids]])))
                }
                Choose::Reference(_) => None,
            };
            domains.extend(domain);
        }
        Ok(domains)
    }

    fn named<'i>(&self, kind: Kind, setting: &str, value: &str, found: &'i [i64], problems: &mut Vec<Problem>) -> Option<&'i [i64]> {
        if found.is_empty() {
            problems.push(Problem::NothingSelected { kind, setting: setting.to_owned(), value: value.to_owned() });
            return None;
        }
        Some(found)
    }

    /// A domain with what makes records ours to send.
    fn ours(&self, kind: Kind, domain: &Json) -> Vec<Json> {
        let company = self.reader.manner.company;
        let mut whole = match kind {
            Kind::Tax => vec![json!(["type_tax_use", "=", "sale"]), json!(["company_id", "=", company])],
            Kind::PaymentMethod => vec![json!(["company_id", "=", company])],
            _ => Vec::new(),
        };
        whole.extend(domain.as_array().into_iter().flatten().cloned());
        whole
    }

    /// The records of a kind that fit a domain, of those that are ours to send.
    async fn fitting(&mut self, kind: Kind, domain: &Json, since: Option<&str>) -> Result<Vec<CentralKey>, Problem> {
        let mut whole = self.ours(kind, domain);
        let Some(since) = since else { return self.ask(kind, &Json::Array(whole)).await };
        let mut changed = whole.clone();
        changed.insert(0, json!(["write_date", ">=", since]));
        let mut found = self.ask(kind, &Json::Array(changed)).await?;
        if kind == Kind::Product {
            // An edit of a variant, an extra price or the attributes leaves the product's own time alone.
            let mut templates = BTreeSet::new();
            for model in [Kind::Variant.model(), Kind::ExtraPrice.model(), "product.template.attribute.line"] {
                templates.extend(self.ids(model, &json!([["write_date", ">=", since]]), TEMPLATE).await?);
            }
            templates.retain(|id| !found.contains(&CentralKey::of(*id)));
            if !templates.is_empty() {
                whole.insert(0, json!(["id", "in", templates]));
                found.extend(self.ask(kind, &Json::Array(whole)).await?);
            }
        }
        Ok(found)
    }

    /// What a list of references names; each that finds nothing is a problem.
    async fn references(&mut self, kind: Kind, references: &[&String], problems: &mut Vec<Problem>) -> Result<Option<Json>, Problem> {
        let columns: &[&str] = match kind {
            Kind::Product => &["default_code", "barcode", TEMPLATE],
            Kind::Customer => &["ref"],
            _ => &["name"],
        };
        let domain = match kind {
            Kind::Product => json!(["|", ["default_code", "in", references], ["barcode", "in", references]]),
            _ => json!([[columns[0], "in", references]]),
        };
        let model = if kind == Kind::Product { Kind::Variant.model() } else { kind.model() };
        let rows: Vec<Row> = self.reader.rows(model, &domain, columns).await?;
        for reference in references {
            let names = |row: &Row| columns.iter().any(|column| text_of(row, column) == Some(reference.as_str()));
            if !rows.iter().any(names) {
                problems.push(Problem::NothingSelected { kind, setting: "refs".to_owned(), value: (*reference).clone() });
            }
        }
        let ids: BTreeSet<i64> =
            rows.iter().filter_map(|row| if kind == Kind::Product { one_of(row, TEMPLATE) } else { Some(id_of(row)) }).collect();
        Ok((!ids.is_empty()).then(|| json!([["id", "in", ids]])))
    }

    /// What changed of that which was sent along and is not chosen by itself: categories, attributes, price rules.
    async fn changed_parts(&mut self, asked: &Asked<'_>) -> Result<Vec<Name>, Problem> {
        let Some(since) = asked.since else { return Ok(Vec::new()) };
        let mut changed = Vec::new();
        for kind in [Kind::PosCategory, Kind::ProductCategory, Kind::Attribute, Kind::AttributeValue, Kind::Pricelist, Kind::PricelistItem]
        {
            let was_sent = asked.sent.keys().any(|name| name.0 == kind);
            let of_lists = kind == Kind::PricelistItem && asked.sent.keys().any(|name| name.0 == Kind::Pricelist);
            if asked.choices.contains_key(&kind) || !(was_sent || of_lists) {
                continue;
            }
            let found = self.ask(kind, &json!([["write_date", ">=", since]])).await?;
            let ours = |id: &CentralKey| {
                let list = self.records.get(&(kind, *id)).and_then(|record| record.one("pricelist_id"));
                asked.sent.contains_key(&(kind, *id))
                    || (kind == Kind::PricelistItem && list.is_some_and(|list| asked.sent.contains_key(&(Kind::Pricelist, list))))
            };
            changed.extend(found.into_iter().filter(ours).map(|id| (kind, id)));
        }
        Ok(changed)
    }
}

/// A choice that central refuses, as a problem of the settings; anything else goes through.
fn refused(kind: Kind, setting: &str, problem: Problem) -> Result<Problem, Problem> {
    let words = match problem {
        Problem::FieldMissing { model, field, .. } => format!("{model} has no field {field}"),
        Problem::RefusedByOdoo { words } | Problem::ServerError { words, .. } => words,
        other => return Err(other),
    };
    Ok(Problem::SelectionWrong { kind, setting: setting.to_owned(), words })
}

/// What is archived at central and was never sent is missed by nobody, unless something that is sent needs it.
fn leave_archived(wanted: &mut Wanted, asked: &Asked<'_>) {
    let Wanted { records, compare, .. } = wanted;
    let dormant = |name: &Name| {
        !asked.sent.contains_key(name) && name.0 != Kind::Variant && records.get(name).is_some_and(|record| record.archived())
    };
    let rules_nothing = |name: &Name| {
        let list = records.get(name).filter(|record| record.kind == Kind::PricelistItem).and_then(|rule| rule.one("pricelist_id"));
        list.is_some_and(|list| dormant(&(Kind::Pricelist, list)))
    };
    compare.retain(|name| !rules_nothing(name));
    let mut needed: BTreeSet<Name> = BTreeSet::new();
    for name in compare.iter().filter(|name| !dormant(name)) {
        needed.extend(records.get(name).map(|record| needs(record, fields(name.0))).unwrap_or_default());
    }
    compare.retain(|name| !dormant(name) || needed.contains(name));
}

/// What goes along with a record because it cannot be without it. A rule for a product or category that the branch does
/// not get is left out instead: prices do not decide what is sold.
fn wanted_along(record: &Record<CentralKey>, sent: &[Field]) -> BTreeSet<Name> {
    let mut along = needs(record, sent);
    if record.kind == Kind::PricelistItem {
        along.retain(|(kind, _)| matches!(kind, Kind::Pricelist));
    }
    if let Some(product) = template(record) {
        along.remove(&(Kind::Product, product));
    }
    along
}
