//! What a central and a branch hold before anything is sold.
//!
//! Both know the same articles, customers and taxes by code, reference and name, under ids that never agree: a bridge
//! that mixes up the sides is found out at once.

mod goods;

use super::orm::{Env, Values};
use super::schema::Side;
use super::table::{Database, Xid};
use super::version;
use super::wire::Value;

pub use goods::picture;

/// A central to be seeded.
#[derive(Debug, Clone)]
pub struct Central {
    /// How many articles.
    pub products: usize,
    /// How many articles that branches do not have: `NEW-0001` and so on.
    pub further: usize,
    /// Warehouses: code and name, the first being the default.
    pub warehouses: Vec<(String, String)>,
    /// Names of the default customers of branches.
    pub walk_ins: Vec<String>,
    /// Whether sums are rounded instead of lines.
    pub round_globally: bool,
    /// The currency of the company.
    pub currency: String,
}

impl Default for Central {
    fn default() -> Self {
        Self {
            products: 40,
            further: 0,
            warehouses: vec![("WH".into(), "Main Warehouse".into()), ("TIR".into(), "Tirana".into())],
            walk_ins: vec!["Walk-in Tirana".into()],
            round_globally: true,
            currency: "EUR".into(),
        }
    }
}

/// A branch to be seeded.
#[derive(Debug, Clone)]
pub struct Branch {
    /// Name of its point of sale.
    pub shop: String,
    /// More points of sale.
    pub more_shops: Vec<String>,
    /// How many articles of the common list it knows.
    pub products: usize,
    /// Whether cashiers are employees (`pos_hr`).
    pub employees: bool,
    /// Whether the loyalty module is installed.
    pub loyalty: bool,
    /// Whether sums are rounded instead of lines.
    pub round_globally: bool,
    /// The currency of the company.
    pub currency: String,
}

impl Branch {
    /// A branch with one point of sale.
    pub fn new(shop: &str) -> Self {
        Self {
            shop: shop.to_owned(),
            more_shops: Vec::new(),
            products: 40,
            employees: false,
            loyalty: false,
            round_globally: true,
            currency: "EUR".into(),
        }
    }
}

/// An article of the common list.
#[derive(Debug, Clone)]
pub struct Article {
    /// Internal reference.
    pub code: String,
    /// Name.
    pub name: String,
    /// Barcode.
    pub barcode: String,
    /// List price.
    pub price: f64,
    /// Position in [`TAXES`], none for untaxed ones.
    pub tax: Option<usize>,
}

/// The taxes of both sides: name, amount, whether prices contain it, how it is found.
pub const TAXES: [(&str, f64, bool, &str); 4] = [
    ("VAT 20% incl", 20.0, true, "percent"),
    ("VAT 15%", 15.0, false, "percent"),
    ("VAT 5.5% incl", 5.5, true, "percent"),
    ("Eco 0.25", 0.25, false, "fixed"),
];

/// Article number `n`, counted from 1.
pub fn article(n: usize) -> Article {
    let cents = 37 + (713 * n) % 9700 + n % 10;
    Article {
        code: format!("ART-{n:04}"),
        name: format!("Article {n}"),
        barcode: format!("20000{n:07}"),
        price: cents as f64 / 100.0,
        tax: (!n.is_multiple_of(4)).then_some(n % 3),
    }
}

const ALL_GROUPS: [&str; 14] = [
    "Role / User",
    "Role / Administrator",
    "Access Rights",
    "Sales / User: Own Documents Only",
    "Sales / User: All Documents",
    "Sales / Administrator",
    "Point of Sale / User",
    "Point of Sale / Administrator",
    "Products / Create",
    "Contact / Creation",
    "Accounting / Invoicing",
    "Accounting / Administrator",
    "Inventory / User",
    "Inventory / Administrator",
];

/// What a user needs at a branch to be sent every kind of master data, with what these groups imply. Price rules take
/// `Sales / Administrator` up to 17, which does not know `Products / Create`.
pub const SENDER: [&str; 9] = [
    "Role / User",
    "Products / Create",
    "Contact / Creation",
    "Point of Sale / User",
    "Point of Sale / Administrator",
    "Inventory / User",
    "Accounting / Invoicing",
    "Accounting / Administrator",
    "Show Accounting Features - Readonly",
];

struct Seeder<'a> {
    db: &'a mut Database,
    company: i64,
}

fn text(value: &str) -> Value {
    Value::from(value)
}

impl Seeder<'_> {
    fn start_at(&mut self, model: &str, id: i64) {
        if let Some(model) = self.db.model(model) {
            self.db.table_mut(model).next_id = id;
        }
    }

    fn add<const N: usize>(&mut self, model: &str, values: [(&str, Value); N]) -> i64 {
        let Some(model) = self.db.model(model) else { return 0 };
        let values: Values = values.into_iter().map(|(field, value)| (field.to_owned(), value)).collect();
        let values = version::fitted(self.db.version, model, values);
        // A seed that Odoo would refuse is a mistake in this file, which the tests of this file find.
        self.db.create(&Env::root(), model, values).unwrap_or_default()
    }

    fn xid(&mut self, name: &str, model: &str, id: i64) {
        if let Some(model) = self.db.model(model) {
            self.db.put_xid(name, Some(Xid { model: model.name.as_str(), id, noupdate: true, commit: 0 }));
        }
    }

    fn basics(&mut self, name: &str, currency: &str, round_globally: bool) {
        let currency = self.add(
            "res.currency",
            [
                ("name", text(currency)),
                ("symbol", text("€")),
                ("rounding", 0.01.into()),
                ("decimal_places", 2.into()),
                ("position", text("after")),
            ],
        );
        let unit = self.add("uom.uom", [("name", text("Units")), ("factor", 1.0.into()), ("relative_factor", 1.0.into())]);
        self.xid("uom.product_uom_unit", "uom.uom", unit);
        self.family(unit);
        for (name, digits) in [("Product Unit", 2), ("Product Price", 2), ("Discount", 2)] {
            self.add("decimal.precision", [("name", text(name)), ("digits", digits.into())]);
        }
        let method = if round_globally { "round_globally" } else { "round_per_line" };
        self.company = self.company(name, currency, method);
        self.surroundings(self.db.side == Side::Central);
        let bot = self.user("OdooBot", "__system__", "", &ALL_GROUPS, &[self.company]);
        if let Some(users) = self.db.model("res.users") {
            // Odoo's own user is archived; it still stands in create_uid.
            let _ = self.db.write(&Env::root(), users, &[bot], vec![("active".into(), false.into())]);
        }
    }

    fn company(&mut self, name: &str, currency: i64, method: &str) -> i64 {
        let partner = self.add("res.partner", [("name", text(name)), ("is_company", true.into())]);
        self.add(
            "res.company",
            [
                ("name", text(name)),
                ("currency_id", currency.into()),
                ("partner_id", partner.into()),
                ("account_price_include", text("tax_excluded")),
                ("tax_calculation_rounding_method", text(method)),
            ],
        )
    }

    fn user(&mut self, name: &str, login: &str, password: &str, groups: &[&str], companies: &[i64]) -> i64 {
        let partner = self.add("res.partner", [("name", text(name)), ("email", text(login))]);
        let id = self.add(
            "res.users",
            [
                ("name", text(name)),
                ("login", text(login)),
                ("email", text(login)),
                ("partner_id", partner.into()),
                ("company_id", companies.first().copied().into()),
                ("company_ids", companies.to_vec().into()),
                ("lang", text("en_US")),
            ],
        );
        if login == "bridge" {
            self.add("res.users.apikeys", [("name", text("posbridge")), ("user_id", id.into()), ("scope", text("rpc"))]);
        }
        self.db.groups.insert(id, groups.iter().map(|group| (*group).to_owned()).collect());
        if !password.is_empty() {
            self.db.passwords.insert(id, password.to_owned());
            self.db.keys.insert(format!("{password}-key"), id);
        }
        id
    }

    fn taxes(&mut self) -> Vec<i64> {
        let company = self.company;
        TAXES
            .iter()
            .map(|(name, amount, included, kind)| {
                let include = if *included { "tax_included" } else { "tax_excluded" };
                self.add(
                    "account.tax",
                    [
                        ("name", text(name)),
                        ("amount", (*amount).into()),
                        ("amount_type", text(kind)),
                        ("type_tax_use", text("sale")),
                        ("price_include_override", text(include)),
                        ("is_base_affected", true.into()),
                        ("sequence", 1.into()),
                        ("company_id", company.into()),
                    ],
                )
            })
            .collect()
    }

    fn product(&mut self, code: &str, name: &str, barcode: Option<&str>, price: f64, taxes: Vec<i64>) -> i64 {
        let kind = if barcode.is_some() { "consu" } else { "service" };
        self.add(
            "product.product",
            [
                ("name", text(name)),
                ("default_code", text(code)),
                ("barcode", barcode.into()),
                ("list_price", price.into()),
                ("type", text(kind)),
                ("taxes_id", taxes.into()),
                ("available_in_pos", true.into()),
            ],
        )
    }

    fn articles(&mut self, count: usize, taxes: &[i64]) {
        for article in (1..=count).map(article) {
            let taxes = article.tax.map(|tax| taxes[tax]).into_iter().collect();
            self.product(&article.code, &article.name, Some(&article.barcode), article.price, taxes);
        }
        self.product("TIPS", "Tips", None, 1.0, Vec::new());
        self.product("DISC", "Discount", None, 0.0, Vec::new());
        self.product("COMBO", "Lunch Combo", None, 0.0, Vec::new());
    }

    fn customers(&mut self, reversed: bool) {
        let mut numbers: Vec<usize> = (1..=5).collect();
        if reversed {
            numbers.reverse();
        }
        for n in numbers {
            self.add(
                "res.partner",
                [
                    ("name", format!("Customer {n}").into()),
                    ("ref", format!("C{n:03}").into()),
                    ("email", format!("customer{n}@example.com").into()),
                    ("vat", format!("AL{n:09}").into()),
                    ("customer_rank", 1.into()),
                ],
            );
        }
    }
}

/// Fills a central: admin/admin, bridge/bridge with the least rights that suffice to receive, sender/sender with those to
/// read what is sent, plain/plain with none for sales.
pub fn central(db: &mut Database, central: &Central) {
    let mut seed = Seeder { db, company: 0 };
    for (model, id) in [
        ("account.tax", 71),
        ("product.product", 1001),
        ("product.template", 2001),
        ("res.partner", 501),
        ("stock.warehouse", 31),
        ("stock.location", 231),
        ("crm.team", 41),
        ("res.company", 1),
        ("res.country", 61),
        ("res.country.state", 71),
        ("account.tax.group", 21),
        ("account.journal", 41),
        ("pos.payment.method", 15),
        ("pos.category", 81),
        ("product.category", 51),
        ("product.tag", 31),
        ("product.attribute", 61),
        ("product.attribute.value", 161),
        ("product.template.attribute.line", 261),
        ("product.template.attribute.value", 361),
        ("product.pricelist", 11),
        ("product.pricelist.item", 111),
        ("res.partner.category", 91),
        ("ir.attachment", 601),
        ("uom.uom", 1),
    ] {
        seed.start_at(model, id);
    }
    seed.basics("Central Trading", &central.currency, central.round_globally);
    let company = seed.company;
    let currency = seed.db.stored("res.company", company, "currency_id").as_int().unwrap_or(1);
    let other = seed.company("Other Company", currency, "round_globally");
    seed.user("Mitchell Admin", "admin", "admin", &ALL_GROUPS, &[company, other]);
    let bridge = ["Role / User", "Sales / User: Own Documents Only", "Sales / User: All Documents"];
    seed.user("Bridge", "bridge", "bridge", &bridge, &[company]);
    seed.user("Plain", "plain", "plain", &["Role / User"], &[company]);
    seed.user("Sender", "sender", "sender", &["Role / User", "Point of Sale / User"], &[company]);
    for (name, login) in [("Sam Seller", "sales@example.com"), ("Anna", "anna@example.com"), ("Ben", "ben@example.com")] {
        seed.user(name, login, login, &bridge, &[company]);
    }
    for (code, name) in &central.warehouses {
        seed.warehouse(name, code);
    }
    for team in ["Sales", "Point of Sale"] {
        seed.add("crm.team", [("name", text(team)), ("sequence", 10.into())]);
    }
    seed.add("product.pricelist", [("name", text("Public Pricelist")), ("currency_id", currency.into())]);
    // Customers and articles stand in another order than at the branches, so that not even the distances agree.
    seed.customers(true);
    for name in &central.walk_ins {
        seed.add("res.partner", [("name", text(name)), ("ref", format!("WALK-{}", name.len()).into())]);
    }
    let taxes = seed.taxes();
    seed.product("POS-ROUND", "POS rounding", None, 0.0, Vec::new());
    seed.articles(central.products, &taxes);
    seed.only_at_central(&taxes);
    seed.further(central.further, &taxes);
    seed.company = other;
    seed.taxes();
    seed.warehouse("Other", "OTH");
    seed.db.commit();
}

/// Fills a branch: admin/admin, bridge/bridge, sender/sender with the least rights to be sent all, cashiers anna, ben, and one open session at each point of sale.
pub fn branch(db: &mut Database, branch: &Branch) {
    db.modules = format!("{}{}", if branch.employees { "h" } else { "" }, if branch.loyalty { "y" } else { "" });
    let mut seed = Seeder { db, company: 0 };
    for (model, id) in [("account.tax", 3), ("product.product", 11), ("product.template", 7), ("res.users", 1)] {
        seed.start_at(model, id);
    }
    seed.basics(&branch.shop, &branch.currency, branch.round_globally);
    let company = seed.company;
    seed.user("Mitchell Admin", "admin", "admin", &ALL_GROUPS, &[company]);
    seed.user("Bridge", "bridge", "bridge", &["Role / User", "Point of Sale / User"], &[company]);
    seed.user("Plain", "plain", "plain", &["Role / User"], &[company]);
    let rules = (seed.db.version < version::Version::V18).then_some("Sales / Administrator");
    let sender: Vec<&str> = SENDER.into_iter().chain(rules).collect();
    seed.user("Sender", "sender", "sender", &sender, &[company]);
    for (name, login) in [("Anna", "anna"), ("Ben", "ben")] {
        let user = seed.user(name, login, login, &["Role / User", "Point of Sale / User"], &[company]);
        if branch.employees {
            seed.add("hr.employee", [("name", text(name)), ("user_id", user.into()), ("company_id", company.into())]);
        }
    }
    let taxes = seed.taxes();
    seed.articles(branch.products, &taxes);
    seed.customers(false);
    let (cash, bank) = seed.journals();
    let methods: Vec<i64> = [("Cash", Some(cash)), ("Card", Some(bank)), ("Customer Account", None)]
        .into_iter()
        .map(|(name, journal)| {
            seed.add("pos.payment.method", [("name", text(name)), ("journal_id", journal.into()), ("company_id", company.into())])
        })
        .collect();
    let (warehouse, stock) = seed.warehouse(&branch.shop, "WH");
    let sells = seed.operation_type("PoS Orders", warehouse, stock);
    for shop in std::iter::once(&branch.shop).chain(&branch.more_shops) {
        let currency = seed.db.stored("res.company", company, "currency_id");
        let tips = super::sell::product(seed.db, "TIPS");
        let config = seed.add(
            "pos.config",
            [
                ("name", text(shop)),
                ("company_id", company.into()),
                ("currency_id", currency),
                ("payment_method_ids", methods.clone().into()),
                ("tip_product_id", tips.into()),
                ("picking_type_id", sells.into()),
                ("uuid", super::sell::uuid(&seed.db.name, shop.len() as i64).into()),
            ],
        );
        super::sell::open_session(seed.db, config);
    }
    seed.db.commit();
}
