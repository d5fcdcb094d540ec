//! What happens on ordinary days.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};

use posbridge::odoo::Call;
use serde_json::json;

use crate::rig::{BRANCHES, Bridge, SOLD, Start, begin, ids, protocol_of};
use crate::support::proxy::{Fault, Request};

/// Orders that the first day sells in each branch: [`SOLD`] of every kind, the others plain ones, which sell sixteen times as fast.
const MANY: usize = 300;

/// What a first pass leaves behind at a database: over JSON-2 nothing, since a key logs nobody in.
fn logins(database: &str) -> i64 {
    i64::from(protocol_of(database) == "xmlrpc")
}

#[test]
fn all_orders_of_two_branches_come_once_and_stay_as_people_leave_them() {
    let rig = begin(Start::Sold);
    let proxy = rig.proxy(|_| Fault::None);
    let bridge = Bridge::ready(&rig, &proxy.url);
    for (branch, close) in [("branch1", &[][..]), ("branch2", &["--close"])] {
        rig.sell(branch, MANY - SOLD, &[&["--mix", "three-lines", "--seed", "21"], close].concat());
    }

    let run = bridge.receive().expect(0);
    for branch in BRANCHES {
        let counts = ["read", "new", "delivered", "failed", "pending"].map(|what| run.count(branch, what));
        assert_eq!(counts, [MANY, MANY, MANY, 0, 0], "{branch}");
    }
    rig.compare(&bridge, 2 * MANY, &[]);
    rig.assert_drafts(2 * MANY);
    // Read in pages and written in batches; the exact price of a backlog is measured in benches/.
    let calls = proxy.take();
    let mut methods: BTreeMap<String, usize> = BTreeMap::new();
    for request in &calls {
        *methods.entry(request.call()).or_default() += 1;
    }
    println!("{} calls for {} orders: {methods:?}", calls.len(), 2 * MANY);
    // Four for each batch; a machine that is busy makes batches smaller.
    assert!(calls.len() <= 2 * MANY / 4, "too many calls");
    for database in ["central", "branch1", "branch2"] {
        assert_eq!(rig.logins(database), logins(database), "log-ins at {database}");
    }

    // Nothing new: nothing is written anywhere.
    let (central, ledger) = (rig.fingerprint(), bridge.ledger());
    let quiet = (0..3).any(|_| {
        let before = rig.next_write();
        let run = bridge.receive().expect(0);
        let requests = proxy.take();
        for branch in BRANCHES {
            assert_eq!(["read", "new", "delivered"].map(|what| run.count(branch, what)), [0, 0, 0], "{branch}");
            let calls = requests.iter().filter(|request| request.database == *branch).count();
            assert!(calls <= 2, "{calls} calls at {branch}");
        }
        assert!(!requests.iter().any(Request::logs_in), "no log-in");
        assert_eq!(rig.fingerprint(), central);
        assert_eq!(bridge.ledger(), ledger, "the ledger's file");
        // PostgreSQL's own housekeeping writes now and then as well.
        before == rig.next_write()
    });
    assert!(quiet, "a pass without anything new writes in a database");
    for database in ["central", "branch1", "branch2"] {
        assert_eq!(rig.logins(database), logins(database), "log-ins at {database}");
    }

    // People work at central, the branches sell on.
    let log = bridge.log(&["--branch", "branch1"]);
    let record = |nth: usize| {
        let record = &log[nth * 7];
        (
            record["id"].as_i64().expect("id"),
            record["remote_id"].as_i64().expect("remote_id"),
            record["central_id"].as_i64().expect("central_id"),
        )
    };
    let (deleted, edited) = ([record(0), record(1)], [record(2), record(3)]);
    rig.act("central", &Call::new("sale.order", "unlink").on(&deleted.map(|(.., central)| central)));
    for (.., central) in edited {
        let line = rig.search("central", "sale.order.line", json!([["order_id", "=", central], ["display_type", "=", false]]))[0];
        rig.write("central", "sale.order.line", &[line], json!({"price_unit": 1.25, "name": "As agreed by telephone"}));
        rig.act("central", &Call::new("sale.order", "action_confirm").on(&[central]));
    }
    let edits = || {
        let ids = edited.map(|(.., central)| central.to_string()).join(",");
        rig.sql("central", &format!("select o.id, o.state, o.write_date, o.amount_total, max(l.write_date), count(*) from sale_order o join sale_order_line l on l.order_id = o.id where o.id in ({ids}) group by o.id order by o.id"))
    };
    let as_edited = edits();
    let more = SOLD + 1;
    for (branch, seed) in [("branch1", "23"), ("branch2", "24")] {
        rig.sell(branch, SOLD, &["--mix", "three-lines", "--seed", seed]);
        // And a sale of the day before comes back, through the back office.
        let sold = rig.number(branch, "select min(o.id) from pos_order o where o.date_order > '2021-01-01' and o.amount_total > 0 and not exists (select from pos_order_line l join pos_order_line r on r.refunded_orderline_id = l.id where l.order_id = o.id)");
        refund(&rig, branch, sold);
    }

    let run = bridge.receive().expect(0);
    for branch in BRANCHES {
        assert_eq!(["new", "delivered"].map(|what| run.count(branch, what)), [more, more], "{branch}");
    }
    let keys = |records: [(i64, i64, i64); 2]| records.map(|(_, order, _)| format!("branch1:{order}")).join(",");
    rig.compare(&bridge, 2 * (MANY + more) - 2, &["--edited", &keys(edited), "--deleted", &keys(deleted)]);
    rig.assert_drafts(2 * (MANY + more) - 2);
    assert_eq!(edits(), as_edited, "what people changed stays");

    // Only who asks by name gets a deleted one again, and once.
    let (id, _, old) = deleted[0];
    let refused = bridge.say(&["retry", &id.to_string()]).expect(1);
    assert!(refused.err.contains("--recreate"), "{refused:?}");
    rig.assert_drafts(2 * (MANY + more) - 2);
    for _ in 0..2 {
        bridge.run(&["retry", &id.to_string(), "--recreate"]).expect(0);
        rig.assert_drafts(2 * (MANY + more) - 1);
    }
    assert_ne!(bridge.record("branch1", deleted[0].1)["central_id"], json!(old));
    rig.compare(&bridge, 2 * (MANY + more) - 1, &["--edited", &keys(edited), "--deleted", &format!("branch1:{}", deleted[1].1)]);
}

/// A refund as the back office makes it: the whole order, paid back in cash.
fn refund(rig: &crate::rig::Rig, branch: &str, order: i64) {
    let action: serde_json::Value = rig.admin(branch, &Call::new("pos.order", "refund").on(&[order]));
    let refund = action["res_id"].as_i64().unwrap_or_else(|| panic!("{action}"));
    let method = rig.number(branch, &format!("select min(m.pos_payment_method_id) from pos_config_pos_payment_method_rel m join pos_payment_method p on p.id = m.pos_payment_method_id join pos_session s on s.config_id = m.pos_config_id join pos_order o on o.session_id = s.id where o.id = {refund} and p.is_cash_count"));
    let context = [("active_id", json!(refund)), ("active_ids", json!([refund]))];
    let wizard = rig.create(branch, "pos.make.payment", &[("payment_method_id/.id", &method.to_string())], &context);
    let check = Call::new("pos.make.payment", "check").on(&[wizard]);
    rig.act(branch, &context.into_iter().fold(check, |call, (key, value)| call.context(key, value)));
}

#[test]
fn an_order_that_commits_late_is_received() {
    let rig = begin(Start::Sold);
    let bridge = Bridge::ready(&rig, rig.url());
    bridge.receive().expect(0);
    let model = rig.number("branch1", "select o.id from pos_order o where o.state = 'paid' and not exists (select from pos_order_line l where l.order_id = o.id and (l.combo_parent_id is not null or l.refunded_orderline_id is not null)) order by o.id desc limit 1");

    // A transaction that begins first and commits last: its order has the lower id and the older time.
    let mut late = rig.psql("branch1");
    let mut input = late.stdin.take().expect("its input");
    let mut output = BufReader::new(late.stdout.take().expect("its output"));
    let mut line = String::new();
    input.write_all(sale(model, "5 minutes").as_bytes()).and_then(|()| input.flush()).expect("psql");
    output.read_line(&mut line).expect("psql");
    let late_id: i64 = line.trim().parse().expect("an id");
    let early = rig.sql("branch1", &(sale(model, "0 minutes") + "commit;"));
    let early_id: i64 = early[0][0].parse().expect("an id");
    assert!(late_id < early_id);

    let run = bridge.receive().expect(0);
    assert_eq!(run.count("branch1", "new"), 1, "only what is committed is there");
    assert_eq!(bridge.record("branch1", early_id)["state"], json!("done"));
    writeln!(input, "commit;").expect("psql");
    drop(input);
    assert!(late.wait().expect("psql").success());

    let run = bridge.receive().expect(0);
    assert_eq!(["new", "delivered"].map(|what| run.count("branch1", what)), [1, 1]);
    assert_eq!(bridge.record("branch1", late_id)["state"], json!("done"));
    rig.compare(&bridge, 2 * SOLD + 2, &[]);
}

/// SQL that begins a transaction in which the order `model` is sold once more, some time ago; prints its id.
fn sale(model: i64, ago: &str) -> String {
    format!(
        "begin;
         create temp table o on commit drop as select * from pos_order where id = {model};
         update o set id = nextval('pos_order_id_seq'), uuid = gen_random_uuid(), access_token = gen_random_uuid(), name = name || '/{ago}',
             pos_reference = pos_reference || '-{ago}', write_date = (now() at time zone 'utc') - interval '{ago}';
         insert into pos_order select * from o;
         create temp table m on commit drop as select id as old, nextval('pos_order_line_id_seq') as new from pos_order_line where order_id = {model};
         create temp table l on commit drop as select * from pos_order_line where order_id = {model};
         update l set id = m.new, order_id = (select id from o), uuid = gen_random_uuid() from m where l.id = m.old;
         insert into pos_order_line select * from l;
         insert into account_tax_pos_order_line_rel (pos_order_line_id, account_tax_id)
             select m.new, r.account_tax_id from account_tax_pos_order_line_rel r join m on m.old = r.pos_order_line_id;
         create temp table p on commit drop as select * from pos_payment where pos_order_id = {model};
         update p set id = nextval('pos_payment_id_seq'), pos_order_id = (select id from o), uuid = gen_random_uuid();
         insert into pos_payment select * from p;
         select id from o;\n"
    )
}

#[test]
fn without_its_state_the_bridge_writes_nothing_twice() {
    let rig = begin(Start::Sold);
    let mut bridge = Bridge::ready(&rig, rig.url());
    bridge.receive().expect(0);
    rig.compare(&bridge, 2 * SOLD, &[]);
    let central = rig.fingerprint();
    bridge.forget();

    let run = bridge.receive().expect(0);
    for branch in BRANCHES {
        assert_eq!(["new", "delivered"].map(|what| run.count(branch, what)), [SOLD, SOLD], "{branch}");
    }
    assert_eq!(rig.fingerprint(), central, "central as before");
    rig.compare(&bridge, 2 * SOLD, &[]);
    let records = bridge.log(&["--state", "done"]);
    assert_eq!(records.len(), 2 * SOLD, "the ledger is whole again");
    let bound = rig.bound();
    for record in &records {
        let central = record["central_id"].as_i64().expect("an id");
        assert!(bound.values().any(|id| *id == central), "{record}");
    }
}

#[test]
fn two_shops_and_late_orders_are_told_apart_by_the_settings() {
    let rig = begin(Start::Sold);
    let mut bridge = Bridge::new(&rig, rig.url(), &["branch1"]);
    bridge.set("branch1", "shops", "[\"Garden Shop\"]");
    bridge.install();
    let garden = rig.number("branch1", "select count(*) from pos_order o join pos_config c on c.id = o.config_id where o.state in ('paid', 'done', 'invoiced') and o.date_order > '2021-01-01' and c.name = 'Garden Shop'") as usize;
    assert!(garden > 0 && garden < SOLD);
    bridge.receive().expect(0);
    rig.compare(&bridge, garden, &[]);

    // The other shop joins later: its old sales are asked for by their day.
    bridge.set("branch1", "shops", "");
    bridge.save();
    bridge.run(&["receive", "--from", "2021-01-01"]).expect(0);
    rig.compare(&bridge, SOLD, &[]);

    // Days later, a till that was offline hands in what it sold.
    let late = rig.sell("branch1", 3, &["--mix", "three-lines", "--days-late", "6", "--seed", "31"]);
    let run = bridge.receive().expect(0);
    assert_eq!(run.count("branch1", "new"), ids(&late, "ids").len());
    rig.compare(&bridge, SOLD + 3, &[]);
}
