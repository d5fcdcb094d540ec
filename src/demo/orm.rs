//! What every model can do: search, read, create, write, unlink, with rights and company rules.

use std::collections::BTreeSet;

use super::domain::{Domain, compare_records, parse_order};
use super::fault::Fault;
use super::schema::{Kind, Model};
use super::table::{Database, ENGLISH, Row};
use super::version::{self, Version};
use super::wire::Value;
use super::{drawer, image, master, product, records, sale, stock, time};

/// Who calls, and with which context.
#[derive(Debug, Clone)]
pub struct Env {
    /// The user's id; 1 is Odoo's own superuser.
    pub uid: i64,
    /// Whether rights and rules are skipped, as inside Odoo's own code.
    pub root: bool,
    /// The companies in force: the user's own, or those of `allowed_company_ids`.
    pub companies: Vec<i64>,
    /// The context of the call.
    pub context: Value,
}

impl Env {
    /// Odoo itself: sees and may do everything.
    pub fn root() -> Self {
        Self { uid: 1, root: true, companies: Vec::new(), context: Value::Struct(Vec::new()) }
    }

    /// A user's call. A foreign company in `allowed_company_ids` is refused at the first use of the companies.
    pub fn of_user(db: &Database, uid: i64, context: Value) -> Result<Self, Fault> {
        let own = db.stored("res.users", uid, "company_ids").ids();
        let companies = match context.get("allowed_company_ids") {
            Some(asked) if asked.truthy() => {
                let asked = asked.ids();
                if asked.iter().any(|company| !own.contains(company)) {
                    return Err(Fault::company());
                }
                asked
            }
            _ => own,
        };
        Ok(Self { uid, root: false, companies, context })
    }

    /// The company that new records get.
    pub fn company(&self, db: &Database) -> Option<i64> {
        let own = db.stored("res.users", self.uid, "company_id").as_int();
        match own {
            Some(company) if self.companies.is_empty() || self.companies.contains(&company) => Some(company),
            _ => self.companies.first().copied().or(own),
        }
    }
}

/// Values of a record to be: field names and values.
pub type Values = Vec<(String, Value)>;

/// What a record's values bring that is not kept in its own row.
#[derive(Debug, Default)]
struct Aside {
    /// Commands of one2many fields.
    children: Vec<(usize, Value)>,
    /// Ids of many2many fields that are kept at their other end.
    other_ends: Vec<(usize, Vec<i64>)>,
    /// Values of the template of a variant, or of the variant of a template.
    elsewhere: Values,
}

/// Models whose required links Odoo does not fill in by itself.
const MUST_LINK: [&str; 8] = [
    "sale.order",
    "sale.order.line",
    "pos.order",
    "pos.order.line",
    "product.attribute.value",
    "product.template.attribute.line",
    "product.template.attribute.value",
    "res.country.state",
];

impl Database {
    /// The value of a field: stored, or computed as Odoo computes it. A many2one is its bare id.
    pub fn value(&self, model: &'static Model, id: i64, row: &Row, column: usize) -> Value {
        let field = &model.fields[column];
        if field.delegated {
            return product::of_template(self, row, &field.canonical);
        }
        if field.of_variant {
            return product::of_variant(self, id, &field.canonical);
        }
        if let Kind::One2many(to, inverse) = &field.kind {
            return self.children(to, inverse, id);
        }
        match (model.name.as_str(), field.canonical.as_str()) {
            (_, "id") => Value::Int(id),
            (_, "display_name") => Value::from(self.name_of(model, id, row)),
            ("account.tax", "price_include") => Value::Bool(sale::price_include(self, row)),
            ("res.partner", "complete_name") => Value::from(self.name_of(model, id, row)),
            ("sale.order.line", "state" | "company_id" | "currency_id" | "order_partner_id" | "salesman_id") => {
                sale::from_order(self, row, &field.canonical)
            }
            ("sale.order.line", "product_template_id") => {
                let product = row.get(model.column("product_id").unwrap_or(0)).as_int();
                product.map_or(Value::FALSE, |product| self.stored("product.product", product, "product_tmpl_id"))
            }
            ("pos.config", "current_session_id") => records::current_session(self, id).into(),
            (_, name) => product::computed(self, model, id, row, name)
                .or_else(|| master::computed(self, model, id, row, name))
                .or_else(|| drawer::computed(self, model, id, row, name))
                .or_else(|| stock::computed(self, model, id, name))
                .unwrap_or_else(|| self.translated(row.get(column))),
        }
    }

    /// The value of a translated field in the language of the call, or in English.
    fn translated(&self, value: &Value) -> Value {
        match value {
            Value::Struct(languages) => {
                let of = |lang: &str| languages.iter().find(|(name, _)| name == lang).map(|(_, value)| value.clone());
                of(&self.scope.lang).or_else(|| of(ENGLISH)).unwrap_or(Value::FALSE)
            }
            plain => plain.clone(),
        }
    }

    fn children(&self, to: &str, inverse: &str, id: i64) -> Value {
        let Some(model) = self.model(to) else { return Value::Array(Vec::new()) };
        let (Some(table), Some(column)) = (self.table(model), model.column(inverse)) else {
            return Value::Array(Vec::new());
        };
        let mut ids: Vec<i64> = table.pointing_to(column, id).into_iter().flatten().collect();
        let order = match model.name.as_str() {
            "sale.order.line" => Some("sequence, id"),
            "product.template.attribute.line" | "product.template.attribute.value" | "product.pricelist.item" => Some(model.order.as_str()),
            _ => None,
        };
        if let Some(Ok(keys)) = order.map(|order| parse_order(self, model, order)) {
            ids.sort_by(|a, b| compare_records(self, model, &keys, *a, *b));
        }
        if let Some(active) = model.column("active").filter(|_| self.scope.active_test) {
            ids.retain(|id| table.row(*id).is_some_and(|row| row.get(active).truthy()));
        }
        ids.into()
    }

    /// The display name of a record, empty when it is gone or not modelled.
    pub fn display_name(&self, model_name: &str, id: i64) -> String {
        match self.row_of(model_name, id) {
            Some((model, row)) => self.name_of(model, id, row),
            None => String::new(),
        }
    }

    fn name_of(&self, model: &'static Model, id: i64, row: &Row) -> String {
        let text = |field: &str| match model.column(field) {
            Some(column) if model.fields[column].delegated => shown(&product::of_template(self, row, field)),
            Some(column) => shown(&self.translated(row.get(column))),
            None => String::new(),
        };
        let link = |field: &str| model.column(field).and_then(|column| row.get(column).as_int());
        if let Some(name) = master::name(self, model, id, &text, &link).or_else(|| stock::name(self, model, &text, &link)) {
            return name;
        }
        match model.name.as_str() {
            "product.product" | "product.template" => {
                let name = match (model.name.as_str(), product::combination_name(self, row)) {
                    ("product.product", chosen) if !chosen.is_empty() => format!("{} ({chosen})", text("name")),
                    _ => text("name"),
                };
                match text("default_code") {
                    code if code.is_empty() => name,
                    code => format!("[{code}] {name}"),
                }
            }
            "sale.order.line" => {
                let order = model.column("order_id").and_then(|column| row.get(column).as_int()).unwrap_or(0);
                let first = text("name").lines().next().unwrap_or_default().to_owned();
                let partner = self.stored("sale.order", order, "partner_id").as_int().unwrap_or(0);
                let partner = self.display_name("res.partner", partner);
                format!("{} - {first} ({partner})", self.display_name("sale.order", order))
            }
            "pos.order.line" => {
                let product = model.column("product_id").and_then(|column| row.get(column).as_int()).unwrap_or(0);
                self.display_name("product.product", product)
            }
            "pos.payment" => {
                let amount = model.column("amount").and_then(|column| row.get(column).as_f64()).unwrap_or(0.0);
                format!("$\u{a0}{amount:.2}")
            }
            _ if model.rec_name == "id" => format!("{},{id}", model.name),
            _ => text(&model.rec_name),
        }
    }

    /// A value as `read` gives it: many2one with its name, numbers never null.
    pub fn wire_value(&self, model: &'static Model, id: i64, row: &Row, column: usize) -> Value {
        let value = self.value(model, id, row, column);
        match (&model.fields[column].kind, &value) {
            (Kind::Many2one(to), Value::Int(target)) => {
                Value::Array(vec![Value::Int(*target), Value::from(self.display_name(to, *target))])
            }
            (Kind::Integer, Value::Bool(_)) => Value::Int(0),
            (Kind::Float(_) | Kind::Monetary, Value::Bool(_)) => Value::Double(0.0),
            (Kind::Float(_) | Kind::Monetary, Value::Int(number)) => Value::Double(*number as f64),
            (Kind::Many2many(_) | Kind::One2many(..), Value::Bool(_)) => Value::Array(Vec::new()),
            (Kind::Many2many(to), Value::Array(_)) => self.shown_links(to, &value),
            (Kind::Text, Value::Str(_)) if self.scope.bin_size && model.fields[column].type_name == "binary" => image::size_text(&value),
            _ => value,
        }
    }

    /// The records of a many2many as they are read: without archived ones, in their own order.
    fn shown_links(&self, to: &str, value: &Value) -> Value {
        let Some((model, table)) = self.model(to).and_then(|model| Some((model, self.table(model)?))) else { return value.clone() };
        let mut ids = value.ids();
        if let Some(active) = model.column("active").filter(|_| self.scope.active_test) {
            ids.retain(|id| table.row(*id).is_some_and(|row| row.get(active).truthy()));
        }
        ids.into()
    }

    /// `search`: ids in order.
    pub fn search(
        &self,
        env: &Env,
        model: &'static Model,
        domain: &Value,
        order: Option<&str>,
        offset: usize,
        limit: Option<usize>,
    ) -> Result<Vec<i64>, Fault> {
        self.check_access(env, model, 'r')?;
        let domain = Domain::parse(self, model, domain)?;
        let keys = parse_order(self, model, order.unwrap_or(&model.order))?;
        let Some(table) = self.table(model) else { return Ok(Vec::new()) };
        let active =
            model.column("active").filter(|_| !domain.mentions("active") && env.context.get("active_test").is_none_or(Value::truthy));
        // Files behind fields show only to who asks for them.
        let hidden =
            model.column("res_field").filter(|_| model.name == "ir.attachment" && !["id", "res_field"].iter().any(|f| domain.mentions(f)));
        // In 14 to nobody but Odoo itself.
        let files = self.version == Version::V14 && model.name == "ir.attachment" && env.uid != Env::root().uid;
        let secret = model.column("res_field").filter(|_| files);
        let fits = |id: i64, row: &Row| {
            hidden.is_none_or(|column| !row.get(column).truthy())
                && secret.is_none_or(|column| !row.get(column).truthy())
                && active.is_none_or(|column| row.get(column).truthy())
                && domain.matches(self, id, row)
                && self.visible(env, model, id, row)
        };
        let by_id = matches!(keys.as_slice(), [(column, false), ..] if model.fields[*column].name == "id");
        let wanted = limit.map_or(usize::MAX, |limit| offset.saturating_add(limit));
        let most = if by_id { wanted } else { usize::MAX };
        let mut ids: Vec<i64> = match domain.candidates(self) {
            Some(ids) => ids.into_iter().filter(|id| table.row(*id).is_some_and(|row| fits(*id, row))).take(most).collect(),
            None => {
                let rows = table.rows().range(domain.id_floor()..);
                rows.filter(|(id, row)| fits(**id, row)).map(|(id, _)| *id).take(most).collect()
            }
        };
        if !by_id {
            ids.sort_by(|a, b| compare_records(self, model, &keys, *a, *b));
        }
        Ok(ids.into_iter().skip(offset).take(limit.unwrap_or(usize::MAX)).collect())
    }

    /// The columns of a list of field names; empty means every field.
    pub fn columns(&self, model: &'static Model, names: Option<&Value>) -> Result<Vec<usize>, Fault> {
        let names = names.and_then(Value::as_array).unwrap_or_default();
        if names.is_empty() {
            return Ok((0..model.fields.len()).filter(|column| self.has_column(model, *column)).collect());
        }
        names
            .iter()
            .map(|name| {
                let name = name.python_str();
                let unknown = || match self.version {
                    Version::V19 => Fault::exception(format!("ValueError: Invalid field '{name}' on '{}'", model.name)),
                    _ => Fault::exception(format!("ValueError: Invalid field '{name}' on model '{}'", model.name)),
                };
                self.column(model, &name).ok_or_else(unknown)
            })
            .collect()
    }

    /// `read`: a dictionary for each record that exists; one behind a rule is fault 4.
    pub fn read(&self, env: &Env, model: &'static Model, ids: &[i64], columns: &[usize]) -> Result<Value, Fault> {
        self.check_access(env, model, 'r')?;
        self.check_rules(env, model, ids, 'r')?;
        // Files behind fields are in 16 for administrators alone, and asking for one is refused.
        let administers = || self.groups.get(&env.uid).is_some_and(|groups| groups.contains("Role / Administrator"));
        if let Some(column) = model.column("res_field").filter(|_| self.version == Version::V16 && model.name == "ir.attachment")
            && !env.root
            && !administers()
            && ids.iter().any(|id| self.row(model, *id).is_some_and(|row| row.get(column).truthy()))
        {
            return Err(Fault::access("Sorry, you are not allowed to access this document."));
        }
        let mut records = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(row) = self.row(model, *id) else { continue };
            let mut record = Vec::with_capacity(columns.len() + 1);
            record.push(("id".to_owned(), Value::Int(*id)));
            for column in columns {
                let field = &model.fields[*column];
                if field.name != "id" {
                    record.push((field.name.clone(), self.wire_value(model, *id, row, *column)));
                }
            }
            records.push(Value::Struct(record));
        }
        Ok(Value::Array(records))
    }

    /// `create` of one record, with defaults, required fields, rules and whatever the model computes.
    pub fn create(&mut self, env: &Env, model: &'static Model, values: Values) -> Result<i64, Fault> {
        self.check_access(env, model, 'c')?;
        let id = self.allocate(model);
        let mut row = Row::default();
        self.set_default(model, &mut row, "create_uid", Value::Int(env.uid));
        self.set_default(model, &mut row, "create_date", Value::Time(self.now));
        self.set_default(model, &mut row, "active", Value::Bool(true));
        let given = version::canonical(model, values);
        if let Some((name, _)) = given.iter().find(|(name, _)| name != "id" && model.column(name).is_none()) {
            return Err(Fault::exception(format!("ValueError: Invalid field '{name}' in '{}'", model.name)));
        }
        let values = product::prepare(self, env, model, given)?;
        let values = master::rewritten(model, master::prepare(self, env, model, values));
        let mut values = sale::prepare(self, env, model, values)?;
        // Defaults of fields that this version does not have.
        values.retain(|(name, _)| name == "id" || model.column(name).is_some());
        let written: Vec<String> = values.iter().map(|(name, _)| name.clone()).collect();
        let written: Vec<&str> = written.iter().map(String::as_str).collect();
        let aside = self.apply(env, model, &mut row, values)?;
        self.fill_required(env, model, &mut row)?;
        self.stamp(env, model, &mut row);
        self.put(model, id, Some(row));
        self.check_rules(env, model, &[id], 'c')?;
        self.finish(env, model, id, aside, &written, true)?;
        sale::after(self, model, &[id])?;
        Ok(id)
    }

    /// What follows once a row stands: its children, what is kept in other records, and what Odoo insists on.
    fn finish(&mut self, env: &Env, model: &'static Model, id: i64, aside: Aside, written: &[&str], created: bool) -> Result<(), Fault> {
        let before = self.scope.building;
        // The variants of a template are made once, after all of its attribute lines.
        self.scope.building |= model.name == "product.template";
        let children = aside.children.iter().try_for_each(|(column, commands)| self.child_commands(env, model, id, *column, commands));
        self.scope.building = before;
        children?;
        product::after(self, env, model, id, written, created)?;
        for (column, ids) in aside.other_ends {
            if let Some(end) = master::other_end(&model.name, &model.fields[column].canonical) {
                master::write_other_end(self, end, id, &ids);
            }
        }
        if !aside.elsewhere.is_empty() {
            product::pass_on(self, env, model, id, aside.elsewhere)?;
        }
        image::after(self, model, id, written);
        master::after(self, model, id, written, created)
    }

    fn set_default(&self, model: &'static Model, row: &mut Row, field: &str, value: Value) {
        if let Some(column) = model.column(field) {
            row.set(column, value);
        }
    }

    fn stamp(&self, env: &Env, model: &'static Model, row: &mut Row) {
        self.set_default(model, row, "write_uid", Value::Int(env.uid));
        self.set_default(model, row, "write_date", Value::Time(self.now));
    }

    /// Puts plain values into a row and hands back what belongs to child records.
    fn apply(&mut self, env: &Env, model: &'static Model, row: &mut Row, values: Values) -> Result<Aside, Fault> {
        let mut aside = Aside::default();
        for (name, value) in values {
            if name == "id" {
                continue;
            }
            let Some(column) = model.column(&name).filter(|column| self.has_column(model, *column)) else {
                return Err(Fault::exception(format!("ValueError: Invalid field '{name}' in '{}'", model.name)));
            };
            let field = &model.fields[column];
            if field.delegated || field.of_variant || product::is_elsewhere(model, &name) {
                aside.elsewhere.push((name, value));
                continue;
            }
            if product::is_shared(model, &name) {
                aside.elsewhere.push((name.clone(), value.clone()));
            }
            match &field.kind {
                Kind::One2many(..) => aside.children.push((column, value)),
                Kind::Many2many(_) if master::other_end(&model.name, &name).is_some() => {
                    aside.other_ends.push((column, many2many(&[], &value)));
                }
                Kind::Many2many(to) => {
                    let ids = many2many(&row.get(column).ids(), &value);
                    self.check_links(env, model, column, to, &ids)?;
                    row.set(column, if ids.is_empty() { Value::FALSE } else { ids.into() });
                }
                Kind::Many2one(to) => {
                    let target = value.as_int().filter(|target| *target != 0);
                    if let (Some(target), Some(linked)) = (target, self.model(to))
                        && self.row(linked, target).is_none()
                    {
                        return Err(Fault::missing(to, target, env.uid));
                    }
                    row.set(column, target.into());
                }
                _ if image::is_picture(field) => row.set(column, image::kept(&value)?),
                kind if field.translate => {
                    let value = master::sanitized(field, coerce(kind, &value));
                    let kept = in_language(row.get(column), &self.scope.lang, value);
                    row.set(column, kept);
                }
                kind => row.set(column, coerce(kind, &value)),
            }
        }
        Ok(aside)
    }

    /// A link to a record that the user may not see fails the write, as Odoo's does on lines.
    fn check_links(&self, env: &Env, model: &Model, column: usize, to: &str, ids: &[i64]) -> Result<(), Fault> {
        let Some(linked) = self.model(to) else { return Ok(()) };
        self.check_rules(env, linked, ids, 'r')
            .map_err(|fault| Fault::access(format!("Failed to write field {}.{}\n{}", model.name, model.fields[column].name, fault.text)))
    }

    fn fill_required(&self, env: &Env, model: &'static Model, row: &mut Row) -> Result<(), Fault> {
        for (column, field) in model.fields.iter().enumerate() {
            if !field.required || !field.store || *row.get(column) != Value::FALSE {
                continue;
            }
            match &field.kind {
                Kind::Boolean | Kind::Integer | Kind::Float(_) | Kind::Monetary | Kind::One2many(..) => {}
                Kind::Selection(options) => {
                    let first = records::default_option(&model.name, &field.name)
                        .map(str::to_owned)
                        .or_else(|| options.first().map(|(key, _)| key.clone()));
                    row.set(column, first.into());
                }
                Kind::Datetime => row.set(column, Value::Time(self.now)),
                Kind::Many2one(to) if to == "res.company" => row.set(column, env.company(self).into()),
                Kind::Many2one(to) if self.model(to).is_some_and(|linked| self.table(linked).is_some()) => {
                    if matches!(to.as_str(), "uom.uom" | "res.currency") {
                        row.set(column, Value::Int(1));
                    } else if MUST_LINK.contains(&model.name.as_str()) {
                        return Err(Fault::required(self.version, model, &field.name));
                    }
                }
                Kind::Text if field.name == "name" => return Err(Fault::required(self.version, model, &field.name)),
                _ => {}
            }
        }
        Ok(())
    }

    /// A required field that is written empty.
    fn check_required(&self, model: &Model, row: &Row, written: &[&str]) -> Result<(), Fault> {
        let empty = |name: &&&str| {
            let column = model.column(name).filter(|column| model.fields[*column].required && model.fields[*column].store);
            column.is_some_and(|column| {
                let kind = &model.fields[column].kind;
                matches!(kind, Kind::Text | Kind::Selection(_) | Kind::Many2one(_)) && *row.get(column) == Value::FALSE
            })
        };
        match written.iter().find(empty) {
            Some(field) => Err(Fault::required(self.version, model, field)),
            None => Ok(()),
        }
    }

    fn child_commands(&mut self, env: &Env, model: &'static Model, id: i64, column: usize, commands: &Value) -> Result<(), Fault> {
        let Kind::One2many(to, inverse) = &model.fields[column].kind else { return Ok(()) };
        let Some(child) = self.model(to) else { return Ok(()) };
        for command in commands.as_array().unwrap_or_default() {
            let parts = command.as_array().unwrap_or_default();
            let target = parts.get(1).and_then(Value::as_int).unwrap_or(0);
            match (parts.first().and_then(Value::as_int), parts.get(2)) {
                (Some(0), Some(Value::Struct(values))) => {
                    let mut values = values.clone();
                    values.insert(0, (inverse.clone(), Value::Int(id)));
                    self.create(env, child, values)?;
                }
                (Some(1), Some(Value::Struct(values))) => self.write(env, child, &[target], values.clone())?,
                (Some(2), _) => self.unlink(&Env::root(), child, &[target])?,
                (Some(4), _) => self.write(env, child, &[target], vec![(inverse.clone(), Value::Int(id))])?,
                (Some(5), _) => {
                    let ids = self.children(to, inverse, id).ids();
                    self.unlink(&Env::root(), child, &ids)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// `write` on records; a missing one is fault 2.
    pub fn write(&mut self, env: &Env, model: &'static Model, ids: &[i64], values: Values) -> Result<(), Fault> {
        self.check_access(env, model, 'w')?;
        self.check_rules(env, model, ids, 'w')?;
        let values = version::canonical(model, values);
        records::guard(self, env, model, ids, &values)?;
        if model.name == "res.partner"
            && let Some(users) = self.model("res.users")
            && ids.iter().any(|id| self.logs_in(users, *id, env.uid))
        {
            self.check_access(env, users, 'w')?;
        }
        let values = master::rewritten(model, values);
        let written: Vec<&str> = values.iter().map(|(name, _)| name.as_str()).collect();
        for id in ids {
            let mut row = self.row(model, *id).cloned().ok_or_else(|| Fault::missing(&model.name, *id, env.uid))?;
            let aside = self.apply(env, model, &mut row, values.clone())?;
            self.check_required(model, &row, &written)?;
            self.stamp(env, model, &mut row);
            self.put(model, *id, Some(row));
            self.finish(env, model, *id, aside, &written, false)?;
        }
        self.check_rules(env, model, ids, 'w')?;
        sale::after(self, model, ids)
    }

    /// `unlink`: the record, its children and its external ids.
    pub fn unlink(&mut self, env: &Env, model: &'static Model, ids: &[i64]) -> Result<(), Fault> {
        self.check_access(env, model, 'u')?;
        self.check_rules(env, model, ids, 'u')?;
        let mut orders = BTreeSet::new();
        for id in ids {
            let Some(row) = self.row(model, *id) else {
                // Only a record rule, here the company's, notices that a record is gone.
                match model.column("company_id") {
                    Some(_) => return Err(Fault::missing(&model.name, *id, env.uid)),
                    None => continue,
                }
            };
            records::may_unlink(self, model, *id, row, env)?;
            if model.name == "sale.order.line" {
                orders.extend(model.column("order_id").and_then(|column| row.get(column).as_int()));
            }
            for (child, inverse) in [
                ("sale.order.line", "order_id"),
                ("pos.order.line", "order_id"),
                ("pos.payment", "pos_order_id"),
                ("pos.pack.operation.lot", "pos_order_line_id"),
                ("product.product", "product_tmpl_id"),
                ("product.template.attribute.line", "product_tmpl_id"),
                ("product.template.attribute.value", "attribute_line_id"),
                ("product.attribute.value", "attribute_id"),
                ("product.pricelist.item", "pricelist_id"),
            ] {
                let parent = self.model(child).and_then(|m| m.field(inverse)).map(|field| field.kind.clone());
                if parent == Some(Kind::Many2one(model.name.clone())) {
                    let Some(child) = self.model(child) else { continue };
                    let ids: Vec<i64> = match (self.table(child), child.column(inverse)) {
                        (Some(table), Some(column)) => table.pointing_to(column, *id).into_iter().flatten().collect(),
                        _ => Vec::new(),
                    };
                    self.unlink(&Env::root(), child, &ids)?;
                }
            }
            for name in self.xids_of(&model.name, *id).into_iter().map(str::to_owned).collect::<Vec<_>>() {
                self.put_xid(&name, None);
            }
            image::forget(self, model, *id);
            self.put(model, *id, None);
        }
        match self.model("sale.order") {
            Some(order) if !orders.is_empty() => sale::after(self, order, &orders.into_iter().collect::<Vec<_>>()),
            _ => Ok(()),
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Bool(false) => String::new(),
        other => other.python_str(),
    }
}

/// A translated value with one language of it changed; a single text is English.
fn in_language(old: &Value, lang: &str, new: Value) -> Value {
    let mut languages = match old {
        Value::Struct(languages) => languages.clone(),
        Value::Bool(_) => Vec::new(),
        text => vec![(ENGLISH.to_owned(), text.clone())],
    };
    // What is empty in one language is empty in all.
    if !new.truthy() || (lang == ENGLISH && languages.len() < 2) {
        return new;
    }
    if languages.is_empty() {
        languages.push((ENGLISH.to_owned(), new.clone()));
    }
    languages.retain(|(name, _)| name != lang);
    languages.push((lang.to_owned(), new));
    Value::Struct(languages)
}

fn many2many(current: &[i64], value: &Value) -> Vec<i64> {
    let mut ids: BTreeSet<i64> = current.iter().copied().collect();
    let Some(commands) = value.as_array() else { return Vec::new() };
    if commands.iter().all(|item| matches!(item, Value::Int(_))) {
        return value.ids().into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    }
    for command in commands {
        let parts = command.as_array().unwrap_or_default();
        let target = parts.get(1).and_then(Value::as_int);
        match (parts.first().and_then(Value::as_int), target) {
            (Some(6), _) => ids = parts.get(2).map(Value::ids).unwrap_or_default().into_iter().collect(),
            (Some(5), _) => ids.clear(),
            (Some(4), Some(id)) => {
                ids.insert(id);
            }
            (Some(2 | 3), Some(id)) => {
                ids.remove(&id);
            }
            _ => {}
        }
    }
    ids.into_iter().collect()
}

/// A value as its column keeps it: digits rounded, datetimes to the second.
pub fn coerce(kind: &Kind, value: &Value) -> Value {
    match (kind, value) {
        (Kind::Boolean, _) => Value::Bool(value.truthy()),
        (Kind::Integer, Value::Double(number)) => Value::Int(*number as i64),
        (Kind::Integer, Value::Str(text)) => text.parse::<i64>().ok().into(),
        (Kind::Integer, Value::Bool(_)) => Value::FALSE,
        (Kind::Float(digits), _) => match (value.as_f64().or_else(|| value.as_str()?.parse().ok()), digits) {
            (Some(number), Some(digits)) => Value::Double(sale::round_to(number, *digits)),
            (Some(number), None) => Value::Double(number),
            (None, _) => Value::FALSE,
        },
        (Kind::Monetary, _) => match value.as_f64() {
            Some(number) => Value::Double(sale::round_to(number, 2)),
            None => Value::FALSE,
        },
        (Kind::Datetime, Value::Str(text)) => time::parse(text).map_or(Value::FALSE, Value::Time),
        (_, Value::Nil) => Value::FALSE,
        (Kind::Text | Kind::Selection(_) | Kind::Date, Value::Int(_) | Value::Double(_)) => Value::from(value.python_str()),
        _ => value.clone(),
    }
}
