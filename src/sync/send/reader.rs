//! Reads master data of one Odoo, central or a branch, by the page, as records that can be compared.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};

use crate::config::Send;
use crate::master_data::{ATTRIBUTES, COMBINATION, Key, Record, TEMPLATE, Type, Value, fields};
use crate::model::Kind;
use crate::odoo::Call;
use crate::odoo::master::{self, Cell, FAMILY, Manner, PAGE, Row, Shape, id_of, ids_of, is_reference, one_of, text_of};
use crate::problem::Problem;
use crate::sync::connection::Connection;

/// Most ids in one domain of a call that answers little for each: 700 KB of request.
const IDS: usize = 20_000;

/// The country of a tax, by name; no column that is sent.
pub const COUNTRY: &str = "country_id";

/// Records that every Odoo has by itself, by what they are called on both sides.
#[derive(Debug, Default)]
pub struct Known {
    texts: HashMap<i64, String>,
    ids: HashMap<String, i64>,
}

impl Known {
    /// The id of a text.
    pub fn id(&self, text: &str) -> Option<i64> {
        self.ids.get(text).copied()
    }

    /// What a record is called.
    pub fn text(&self, id: i64) -> Option<&str> {
        self.texts.get(&id).map(String::as_str)
    }

    /// What they are called, in order.
    pub fn all(&self) -> Vec<String> {
        let names: BTreeSet<&String> = self.texts.values().collect();
        names.into_iter().cloned().collect()
    }
}

/// Reads one Odoo.
pub struct Reader {
    /// Whom it asks.
    pub connection: Arc<Connection>,
    /// In which company and language.
    pub manner: Manner,
    /// Which fields it has.
    pub shape: Shape,
    /// Its clock when it was first asked.
    pub clock: Option<Timestamp>,
    /// Whether the shape was asked for anew.
    pub learnt: bool,
    /// Which database of which version the shape is of.
    pub place: String,
    known: HashMap<&'static str, Known>,
    /// The sales taxes of the company, archived ones too: a product carries those of all companies.
    taxes: Option<Vec<Row>>,
    /// The attribute values of what variants consist of.
    places: HashMap<i64, i64>,
    /// The reference units by their families, where there are such (up to 18): read once.
    references: Option<HashMap<i64, i64>>,
    /// What customers without a pricelist of their own are shown with, where that looks alike (up to 17): read once.
    common_pricelist: Option<Option<i64>>,
}

impl Reader {
    /// Over a connection, in a company (by name, else the user's own) and a language, with what is known of its fields.
    ///
    /// # Errors
    /// The side does not answer, or has no such company or language.
    pub async fn open(connection: Arc<Connection>, company: Option<&str>, language: &str, shape: Shape) -> Result<Self, Problem> {
        let (company, clock) = find_company(&connection, company).await?;
        // Odoo answers in English also where it is switched off.
        if language != Send::LANGUAGE {
            // `search_count` names its argument otherwise up to 15.
            let call = Call::search_read("res.lang", json!([["code", "=", language]]), &["code"]).arg("limit", json!(1));
            if connection.ask::<Vec<Row>>(&call).await?.is_empty() {
                return Err(Problem::LanguageMissing { side: connection.asked.side.clone(), language: language.to_owned() });
            }
        }
        let manner = Manner { company, language: language.to_owned() };
        Ok(Self {
            connection,
            manner,
            shape,
            clock,
            learnt: false,
            place: String::new(),
            known: HashMap::new(),
            taxes: None,
            places: HashMap::new(),
            references: None,
            common_pricelist: None,
        })
    }

    /// Makes sure that the fields of a kind are known.
    pub async fn learn(&mut self, kind: Kind) -> Result<(), Problem> {
        let mut shape = std::mem::take(&mut self.shape);
        let asked = shape.learn(&self.connection.odoo, kind).await;
        self.shape = shape;
        self.learnt |= asked.map_err(|error| self.connection.explain(&error))?;
        Ok(())
    }

    /// All rows that fit a domain, by pages of ascending id.
    pub async fn rows(&self, model: &'static str, domain: &Json, columns: &[&str]) -> Result<Vec<Row>, Problem> {
        let (mut rows, mut after) = (Vec::new(), 0);
        loop {
            let page: Vec<Row> = self.connection.ask(&self.manner.page(model, domain, columns, after)).await?;
            let last = page.last().map(id_of);
            let full = page.len() == PAGE;
            rows.extend(page);
            match last {
                Some(last) if full => after = last,
                _ => return Ok(rows),
            }
        }
    }

    /// The records of a kind that fit a domain, ordered by id.
    ///
    /// # Errors
    /// What stands in the way, as a problem of this side.
    pub async fn records<Id: Key>(&mut self, kind: Kind, domain: &Json) -> Result<Vec<Record<Id>>, Problem> {
        self.learn(kind).await?;
        let columns = self.shape.columns(kind);
        let rows = self.rows(kind.model(), domain, &columns).await?;
        self.complete(kind, &rows).await
    }

    /// The records of a kind with these ids; those that are gone are left out.
    ///
    /// # Errors
    /// As [`Reader::records`].
    pub async fn by_ids<Id: Key>(&mut self, kind: Kind, ids: &BTreeSet<Id>) -> Result<Vec<Record<Id>>, Problem> {
        self.learn(kind).await?;
        let mut ids: Vec<i64> = ids.iter().map(|id| id.number()).collect();
        let mut rows = Vec::new();
        if kind == Kind::Tax {
            // They are few, and what products carry is looked for among them anyway.
            let taxes = self.company_taxes().await?;
            rows.extend(taxes.iter().filter(|row| ids.contains(&id_of(row))).cloned());
            ids.retain(|id| !rows.iter().any(|row| id_of(row) == *id));
        }
        for page in ids.chunks(PAGE) {
            let columns = self.shape.columns(kind);
            // Read by a search: `read` of a record that may not be seen is an error for all of them.
            let call = Call::search_read(kind.model(), json!([["id", "in", page]]), &columns).arg("order", json!("id"));
            rows.extend(self.connection.ask::<Vec<Row>>(&self.manner.apply(call)).await?);
        }
        self.complete(kind, &rows).await
    }

    async fn complete<Id: Key>(&mut self, kind: Kind, rows: &[Row]) -> Result<Vec<Record<Id>>, Problem> {
        let mut records: Vec<Record<Id>> = rows.iter().map(|row| self.shape.record(kind, row, Id::of)).collect();
        self.name_known(kind, &mut records).await?;
        match kind {
            Kind::Tax => {
                for (record, row) in records.iter_mut().zip(rows) {
                    let country = match row.get(COUNTRY) {
                        Some(Cell::One(_, name)) => Value::Text(name.clone()),
                        _ => Value::Nothing,
                    };
                    record.values.insert(COUNTRY.to_owned(), country);
                }
            }
            Kind::Product => {
                self.own_taxes(&mut records).await?;
                self.attributes(rows, &mut records).await?;
            }
            Kind::ExtraPrice => {
                for (record, row) in records.iter_mut().zip(rows) {
                    let value = one_of(row, "product_attribute_value_id");
                    self.places.extend(value.map(|value| (id_of(row), value)));
                    let value = value.map(Id::of);
                    record.values.insert(COMBINATION.to_owned(), Value::Many(value.into_iter().collect()));
                }
            }
            Kind::Variant => self.combinations(rows, &mut records).await?,
            Kind::Unit if self.shape.has_unit_families() => self.measure(rows, &mut records).await?,
            Kind::Customer => self.own_pricelists(&mut records).await?,
            _ => {}
        }
        self.pictures(kind, &mut records).await?;
        Ok(records)
    }

    /// Units that are measured by the reference unit of their family (up to 18).
    async fn measure<Id: Key>(&mut self, rows: &[Row], records: &mut [Record<Id>]) -> Result<(), Problem> {
        if self.references.is_none() {
            let found = self.rows(Kind::Unit.model(), &json!([["uom_type", "=", "reference"]]), &[FAMILY]).await?;
            self.references = Some(found.iter().filter_map(|row| Some((one_of(row, FAMILY)?, id_of(row)))).collect());
        }
        for (record, row) in records.iter_mut().zip(rows).filter(|(_, row)| !is_reference(row)) {
            let by = one_of(row, FAMILY).and_then(|family| self.references.as_ref()?.get(&family)).copied();
            record.values.insert("relative_uom_id".to_owned(), by.map_or(Value::Nothing, |by| Value::One(Id::of(by))));
        }
        Ok(())
    }

    /// Before 18 Odoo shows a customer who has no pricelist with the first that is for everybody.
    async fn own_pricelists<Id: Key>(&mut self, records: &mut [Record<Id>]) -> Result<(), Problem> {
        const OWN: &str = "property_product_pricelist";
        if self.shape.name(Kind::Customer, OWN) != Some(OWN) || !records.iter().any(|record| record.one(OWN).is_some()) {
            return Ok(());
        }
        if self.common_pricelist.is_none() {
            let ours =
                json!([["active", "=", true], ["company_id", "in", [self.manner.company, false]], ["country_group_ids", "=", false]]);
            // In Odoo's own order: it takes the first as well.
            let call = Call::search_read(Kind::Pricelist.model(), ours, &["id"]).arg("limit", json!(1));
            let found: Vec<Row> = self.connection.ask(&self.manner.apply(call)).await?;
            self.common_pricelist = Some(found.first().map(id_of));
        }
        let common = self.common_pricelist.flatten().map(Id::of);
        for record in records.iter_mut().filter(|record| common.is_some() && record.one(OWN) == common) {
            record.values.insert(OWN.to_owned(), Value::Nothing);
        }
        Ok(())
    }

    /// Puts natural keys in the place of the ids of known records.
    async fn name_known<Id: Key>(&mut self, kind: Kind, records: &mut [Record<Id>]) -> Result<(), Problem> {
        for field in fields(kind) {
            let Type::Known(model, by) = field.of else { continue };
            if !records.iter().any(|record| matches!(record.value(field.name), Value::Number(_))) {
                continue;
            }
            let known = self.known(model, by).await?;
            for record in records.iter_mut() {
                if let Some(value) = record.values.get_mut(field.name)
                    && let Value::Number(id) = value
                {
                    let text = i64::try_from(*id).ok().and_then(|id| known.texts.get(&id)).cloned();
                    *value = text.map_or(Value::Nothing, Value::Text);
                }
            }
        }
        Ok(())
    }

    /// The records of a known model: read once.
    ///
    /// # Errors
    /// As [`Reader::records`].
    pub async fn known(&mut self, model: &'static str, by: &'static str) -> Result<&Known, Problem> {
        if !self.known.contains_key(model) {
            let more = match model {
                "res.country.state" => &["country_id"][..],
                "account.journal" => &["code", "company_id"],
                "res.currency" => &["active"],
                _ => &[],
            };
            let columns: Vec<&str> = std::iter::once(by).chain(more.iter().copied()).collect();
            let mut known = Known::default();
            for row in self.rows(model, &json!([]), &columns).await? {
                let id = id_of(&row);
                let Some(mut text) = text_of(&row, by).map(str::to_owned) else { continue };
                // A state's code means something in its country only, and a currency that is switched off is not there.
                if let Some(Cell::One(_, country)) = row.get("country_id") {
                    text = format!("{text}, {country}");
                }
                if one_of(&row, "company_id").is_some_and(|company| company != self.manner.company) {
                    continue;
                }
                if row.get("active") != Some(&Cell::Flag(false)) {
                    known.ids.insert(text.clone(), id);
                }
                if let Some(code) = text_of(&row, "code").filter(|_| model == "account.journal") {
                    known.ids.entry(code.to_owned()).or_insert(id);
                }
                known.texts.insert(id, text);
            }
            self.known.insert(model, known);
        }
        Ok(&self.known[model])
    }

    /// Only the company's own taxes: those of others stand beside them and are none of our business.
    async fn own_taxes<Id: Key>(&mut self, records: &mut [Record<Id>]) -> Result<(), Problem> {
        if !records.iter().any(|record| !record.value("taxes_id").ids().is_empty()) {
            return Ok(());
        }
        let own: BTreeSet<i64> = self.company_taxes().await?.iter().map(id_of).collect();
        for record in records {
            if let Some(Value::Many(ids)) = record.values.get_mut("taxes_id") {
                let others: BTreeSet<Id> = ids.iter().copied().filter(|id| !own.contains(&id.number())).collect();
                ids.retain(|id| own.contains(&id.number()));
                record.values.insert(OTHER_TAXES.to_owned(), Value::Many(others));
            }
        }
        Ok(())
    }

    /// The sales taxes of the company, archived ones too: read once.
    async fn company_taxes(&mut self) -> Result<&[Row], Problem> {
        if self.taxes.is_none() {
            self.learn(Kind::Tax).await?;
            let domain = json!([["type_tax_use", "=", "sale"], ["company_id", "=", self.manner.company]]);
            self.taxes = Some(self.rows(Kind::Tax.model(), &domain, &self.shape.columns(Kind::Tax)).await?);
        }
        Ok(self.taxes.get_or_insert_default())
    }

    /// The company has other taxes than it had.
    pub fn forget_taxes(&mut self) {
        self.taxes = None;
    }

    /// The values of the attributes that products come in.
    async fn attributes<Id: Key>(&self, rows: &[Row], records: &mut [Record<Id>]) -> Result<(), Problem> {
        let lines: Vec<i64> = rows.iter().flat_map(|row| ids_of(row, ATTRIBUTES)).collect();
        let mut values: HashMap<i64, Vec<i64>> = HashMap::new();
        for page in lines.chunks(PAGE) {
            let call = Call::search_read("product.template.attribute.line", json!([["id", "in", page]]), &["value_ids"]);
            let found: Vec<Row> = self.connection.ask(&self.manner.apply(call)).await?;
            values.extend(found.iter().map(|line| (id_of(line), ids_of(line, "value_ids"))));
        }
        for (record, row) in records.iter_mut().zip(rows) {
            let ids = ids_of(row, ATTRIBUTES).into_iter().filter_map(|line| values.get(&line)).flatten().copied().map(Id::of);
            record.values.insert(ATTRIBUTES.to_owned(), Value::Many(ids.collect()));
        }
        Ok(())
    }

    /// The attribute values that make variants.
    async fn combinations<Id: Key>(&mut self, rows: &[Row], records: &mut [Record<Id>]) -> Result<(), Problem> {
        let column = "product_template_attribute_value_ids";
        let places: BTreeSet<i64> = rows.iter().flat_map(|row| ids_of(row, column)).filter(|id| !self.places.contains_key(id)).collect();
        let places: Vec<i64> = places.into_iter().collect();
        for page in places.chunks(PAGE) {
            let columns = ["product_attribute_value_id"];
            let call = Call::search_read(Kind::ExtraPrice.model(), json!([["id", "in", page]]), &columns);
            let found: Vec<Row> = self.connection.ask(&self.manner.apply(call)).await?;
            self.places.extend(found.iter().filter_map(|place| Some((id_of(place), one_of(place, columns[0])?))));
        }
        for (record, row) in records.iter_mut().zip(rows) {
            let ids = ids_of(row, column).into_iter().filter_map(|place| self.places.get(&place).copied()).map(Id::of);
            record.values.insert(COMBINATION.to_owned(), Value::Many(ids.collect()));
        }
        Ok(())
    }

    /// The checksums of pictures, from Odoo's list of attachments: the pictures themselves stay where they are.
    async fn pictures<Id: Key>(&self, kind: Kind, records: &mut [Record<Id>]) -> Result<(), Problem> {
        for field in fields(kind).iter().filter(|field| field.of == Type::Image) {
            if !self.shape.has(kind, field.name) || records.is_empty() {
                continue;
            }
            let ids: Vec<i64> = records.iter().map(|record| record.id.number()).collect();
            let mut checksums: BTreeMap<i64, (String, i64)> = BTreeMap::new();
            for page in ids.chunks(IDS) {
                let domain = json!([["res_model", "=", kind.model()], ["res_field", "=", field.name], ["res_id", "in", page]]);
                let call = Call::search_read("ir.attachment", domain, &["res_id", "checksum", "file_size"]);
                let rows: Vec<Row> = match self.connection.ask(&self.manner.apply(call)).await {
                    // Refused as soon as there is one (16).
                    Err(Problem::RightMissing { .. }) => {
                        checksums.clear();
                        break;
                    }
                    told => told?,
                };
                for row in rows {
                    let (Some(Cell::Int(id)), Some(checksum)) = (row.get("res_id"), text_of(&row, "checksum")) else { continue };
                    let size = if let Some(Cell::Int(size)) = row.get("file_size") { *size } else { 0 };
                    checksums.insert(*id, (checksum.to_owned(), size));
                }
            }
            if checksums.is_empty() {
                checksums = self.sizes(kind, field.name, &ids).await?;
            }
            for record in records.iter_mut() {
                if let Some((checksum, size)) = checksums.remove(&record.id.number()) {
                    record.values.insert(field.name.to_owned(), Value::Text(checksum));
                    record.values.insert(PICTURE_SIZE.to_owned(), Value::Number(size.into()));
                }
            }
        }
        Ok(())
    }

    /// Where only administrators may see what files Odoo keeps for fields (up to 16), a picture is known by its size and that of its thumbnail.
    async fn sizes(&self, kind: Kind, field: &'static str, ids: &[i64]) -> Result<BTreeMap<i64, (String, i64)>, Problem> {
        let thumbnail = master::thumbnail(field);
        let columns: Vec<&str> = [field, thumbnail].into_iter().filter(|name| self.shape.has(kind, name)).collect();
        let mut sizes = BTreeMap::new();
        for page in ids.chunks(PAGE) {
            let call = Call::search_read(kind.model(), json!([["id", "in", page]]), &columns).context("bin_size", json!(true));
            for row in self.connection.ask::<Vec<Row>>(&self.manner.apply(call)).await? {
                if let Some(size) = text_of(&row, field) {
                    let small = text_of(&row, thumbnail).unwrap_or_default();
                    sizes.insert(id_of(&row), (format!("{size}, {small}"), bytes(size)));
                }
            }
        }
        Ok(sizes)
    }

    /// A whole picture as Odoo gives it: base64 text.
    ///
    /// # Errors
    /// As [`Reader::records`].
    pub async fn images(&self, kind: Kind, column: &str, ids: &[i64]) -> Result<HashMap<i64, String>, Problem> {
        let rows: Vec<Row> = self.connection.ask(&self.manner.apply(Call::read(kind.model(), ids, &[column]))).await?;
        Ok(rows.iter().filter_map(|row| Some((id_of(row), text_of(row, column)?.to_owned()))).collect())
    }
}

/// The size that Odoo writes for people: `2.75 Kb`.
fn bytes(size: &str) -> i64 {
    let (number, unit) = size.split_once(' ').unwrap_or((size, ""));
    let unit = match unit.chars().next() {
        Some('K') => 1024,
        Some('M') => 1024 * 1024,
        Some('G') => 1024 * 1024 * 1024,
        _ => 1,
    };
    let number: Decimal = number.parse().unwrap_or_default();
    number.checked_mul(Decimal::from(unit)).and_then(|bytes| i64::try_from(bytes.round()).ok()).unwrap_or(i64::MAX)
}

/// The taxes of other companies on a product: they stay.
pub const OTHER_TAXES: &str = "other_taxes";

/// Bytes of a record's picture.
pub const PICTURE_SIZE: &str = "picture_size";

/// Whether a record belongs to a product: a variant or an extra price.
pub fn template<Id: Key>(record: &Record<Id>) -> Option<Id> {
    if matches!(record.kind, Kind::Variant | Kind::ExtraPrice) { record.one(TEMPLATE) } else { None }
}

/// The company by name, else the user's own, and the side's clock.
async fn find_company(connection: &Connection, name: Option<&str>) -> Result<(i64, Option<Timestamp>), Problem> {
    let domain = match name {
        Some(name) => json!([["name", "=", name]]),
        None => {
            if connection.odoo.uid().is_none() {
                connection.odoo.authenticate().await.map_err(|error| connection.explain(&error))?;
            }
            json!([["id", "=", connection.odoo.uid()]])
        }
    };
    let (model, column) = if name.is_some() { ("res.company", "name") } else { ("res.users", "company_id") };
    let (found, clock): (Vec<Row>, _) = connection.ask_dated(&Call::search_read(model, domain, &[column])).await?;
    let row = found.first();
    let id = if name.is_some() { row.map(id_of) } else { row.and_then(|row| one_of(row, column)) };
    let missing = || Problem::SettingNotFound {
        setting: "company".to_owned(),
        value: name.unwrap_or_default().to_owned(),
        side: connection.asked.side.clone(),
    };
    Ok((id.ok_or_else(missing)?, clock))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_picture_is_read_whatever_stands_there() {
        assert_eq!((bytes("2.75 Kb"), bytes("17 bytes"), bytes("3 Mb")), (2816, 17, 3 * 1024 * 1024));
        assert_eq!((bytes(""), bytes("much"), bytes("iVBORw0KGgo=")), (0, 0, 0));
        assert_eq!(bytes("79228162514264337593543950335 Gb"), i64::MAX);
    }
}
