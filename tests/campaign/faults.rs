//! What goes wrong on the way. A fault is decided by database, model, method and how many of such calls came before, never
//! by time, so that a seed can be told again.

use posbridge::demo::sell::Random;
use posbridge::demo::{Late, Mishap, OdooServer, When};

use crate::world::World;

/// Calls to central that a fault may hit; those that write come up most.
const CENTRAL: [(&str, &str); 10] = [
    ("sale.order", "load"),
    ("sale.order", "load"),
    ("sale.order", "load"),
    ("sale.order", "load"),
    ("sale.order", "read"),
    ("sale.order", "read"),
    ("sale.order.line", "load"),
    ("product.product", "search_read"),
    ("res.partner", "search_read"),
    ("account.tax", "search_read"),
];

/// Calls to a branch that a fault may hit.
const BRANCH: [(&str, &str); 6] = [
    ("pos.order", "search_read"),
    ("pos.order", "search_read"),
    ("pos.order.line", "search_read"),
    ("pos.payment", "search_read"),
    ("product.product", "read"),
    ("pos.order", "fields_get"),
];

const SERIALIZATION: &str =
    "Traceback (most recent call last):\npsycopg2.errors.SerializationFailure: could not serialize access due to concurrent update";

/// What `load` answers when another transaction was first: no fault, no ids.
const SERIALIZATION_TOLD: &str = "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value><struct>\n<member>\n<name>ids</name>\n\
    <value><boolean>0</boolean></value>\n</member>\n<member>\n<name>messages</name>\n<value><array><data>\n<value><struct>\n<member>\n\
    <name>type</name>\n<value><string>error</string></value>\n</member>\n<member>\n<name>message</name>\n<value><string>could not \
    serialize access due to concurrent update\n</string></value>\n</member>\n</struct></value>\n</data></array></value>\n</member>\n\
    </struct></value>\n</param>\n</params>\n</methodResponse>\n";

/// A fault by its class: what it is called in stories, and what happens. `writes` = it hits a `load`.
fn mishap(class: u8, random: &mut Random, writes: bool) -> Option<(&'static str, Mishap)> {
    let page = |status: u16| Mishap::page(status, "<html><head><title>Sorry</title></head></html>");
    Some(match class {
        4 => ("04 reset before", Mishap::drop_before()),
        5 => ("05 reset after", Mishap::drop_after()),
        6 => ("06 answer cut", Mishap::truncate(random.below(random.clone().below(2) * 1_400 + 200))),
        7 if writes => match random.below(2) {
            0 => ("07 gone, has begun", Mishap::late(Late::Begun)),
            _ => ("07 gone, on the way", Mishap::late(Late::OnTheWay)),
        },
        9 => match random.below(6) {
            0 => ("09 503", page(503)),
            1 => ("09 502", page(502)),
            2 => ("09 502 after commit", page(502).after_commit()),
            3 => ("09 504 after commit", page(504).after_commit()),
            4 => ("09 429", page(429)),
            _ => ("09 413", page(413)),
        },
        10 => match random.below(4) {
            0 => ("10 200 HTML", page(200)),
            1 => ("10 200 HTML after commit", page(200).after_commit()),
            2 => ("10 half XML", Mishap::raw("<?xml version='1.0'?><methodResponse><params>").after_commit()),
            _ => ("10 nothing", Mishap::raw("")),
        },
        12 => match random.below(2) {
            0 if writes => ("12 serialization told", Mishap::raw(SERIALIZATION_TOLD)),
            _ => ("12 serialization fault", Mishap::fault(1, SERIALIZATION)),
        },
        13 => match random.below(5) {
            0 => (
                "13 fault 1",
                Mishap::fault(1, "Traceback (most recent call last):\nAttributeError: 'NoneType' object has no attribute 'id'"),
            ),
            1 => (
                "13 fault 1 after",
                Mishap::fault(1, "Traceback\nTypeError: cannot marshal None unless allow_none is enabled").after_commit(),
            ),
            2 => ("13 fault 3", Mishap::fault(3, "Access Denied")),
            3 => ("13 fault 4", Mishap::fault(4, "You are not allowed to access 'Sales Order' (sale.order) records.")),
            _ => ("13 fault 2", Mishap::fault(2, "The operation cannot be completed: something is not as it should be")),
        },
        _ => return None,
    })
}

const ON_THE_WAY: [u8; 8] = [4, 5, 6, 7, 9, 10, 12, 13];

impl World {
    /// Plans faults for the pass to come.
    pub fn plan_faults(&mut self) {
        let classes: Vec<u8> = ON_THE_WAY.into_iter().filter(|class| self.swarm.has(*class)).collect();
        if classes.is_empty() || self.random.below(5) == 0 {
            return;
        }
        for _ in 0..1 + self.random.below(4) {
            let class = classes[self.random.below(classes.len())];
            self.plan_fault(class);
        }
        if self.swarm.has(11) && self.random.below(5) == 0 {
            let at = 1 + self.random.below(25) as u64;
            let server = if self.random.below(2) == 0 { &self.head } else { &self.field };
            let gone = if self.random.below(2) == 0 { Mishap::drop_before() } else { Mishap::drop_after() };
            server.inject(When::any().nth(at).always().named("11 Odoo is killed"), gone);
            self.tell(|| format!("planned: Odoo is killed at call {at}"));
        }
    }

    fn plan_fault(&mut self, class: u8) {
        let random = &mut self.random;
        let central = random.below(3) > 0;
        let (model, method) = if central { CENTRAL[random.below(CENTRAL.len())] } else { BRANCH[random.below(BRANCH.len())] };
        let Some((name, mishap)) = mishap(class, random, method == "load") else { return };
        let nth = 1 + [0, 0, 0, 1, 2][random.below(5)];
        let times = [1, 1, 1, 1, 2, 4, 6, u64::MAX][random.below(8)];
        let (server, database): (&OdooServer, &str) =
            if central { (&self.head, "central") } else { (&self.field, &self.shops[random.below(self.shops.len())].code) };
        let mut when = When::call(model, method).nth(nth).times(times).named(name);
        if !central {
            when = when.database(database);
        }
        server.inject(when, mishap);
        let line = format!("planned: {name} at {database} {model}.{method}, from the {nth}. on, {times} times");
        self.tell(|| line.replace(&u64::MAX.to_string(), "all"));
    }

    /// Ends all faults on the way, and counts those that happened.
    pub fn end_faults(&mut self) {
        for server in [&self.head, &self.field] {
            server.clear_mishaps();
        }
        let fired: Vec<_> = [&self.head, &self.field].into_iter().flat_map(OdooServer::take_fired).collect();
        for fired in fired {
            let class: u8 = fired.name[..2].parse().expect("a class");
            self.fired(class);
            self.truth.refused |= matches!(fired.name, "13 fault 2" | "13 fault 4" | "09 413");
            self.tell(|| format!("  {} at {}", fired.name, fired.call));
        }
    }

    /// Calls whose clients are gone are carried out, or lost with their Odoo.
    pub fn end_late_calls(&mut self) {
        let lost = self.random.below(4) == 0;
        let count = if lost { self.head.lose_late() } else { self.head.commit_late() };
        if count > 0 {
            self.tell(|| format!("{count} calls without a client {}", if lost { "are lost" } else { "are carried out" }));
        }
    }
}
