// What must hold for any bytes. The fuzzer calls it with what it finds, tests/fuzz/main.rs with the corpus and changes of it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;
use std::path::Path;

use jiff::Timestamp;
use posbridge::config::{Branch, Config, ConfigError, Schedule, Webhook, check_domain, parse_domain};
use posbridge::mapping::{self, Bindings, Settings};
use posbridge::model::{
    Amount, BranchCode, BranchPartner, BranchProduct, BranchTax, CentralId, CentralOrder, Kind, Names, PosOrder, Receipt, SoldOrder,
    same_money,
};
use posbridge::odoo::json2::{self, Refused};
use posbridge::odoo::master::{Cell, Row, Shape};
use posbridge::odoo::records::{ChildHeader, Draft, DraftIds, Header, Loaded};
use posbridge::odoo::xmlrpc::{self, Answer, MAX_DEPTH, clean, common, response};
use posbridge::reconcile::{Look, prove, summary};
use posbridge::sales::{self, Sold};
use posbridge::schedule::Plan;
use posbridge::secret::KeyRing;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};

/// What is given any bytes: panics where something does not hold.
pub type Target = fn(&[u8]);

/// Every reader, by the name of its corpus.
#[allow(dead_code)] // The fuzzer's targets name theirs.
pub const ALL: &[(&str, Target)] =
    &[("xmlrpc", xmlrpc), ("json2", json2), ("settings", settings), ("schedule", schedule), ("domain", domain), ("secret", secret)];

/// The decoder of replies over XML-RPC: it reads any bytes or refuses them, as any type; what it has read, it reads again when we
/// write it; JSON-2 reads the same of the same values; what then works with the records takes them.
pub fn xmlrpc(data: &[u8]) {
    let answer = response::<Value>(data);
    let fault = xmlrpc::fault(data);
    match &answer {
        Ok(Answer::Fault(code, text)) => assert_eq!(fault, Some((*code, text.clone()))),
        _ => assert_eq!(fault, None),
    }
    if let Err(malformed) = &answer {
        assert!(malformed.to_string().len() < 4_000, "{malformed}");
    }
    let ignored = response::<IgnoredAny>(data);
    assert!(ignored.is_ok() || answer.is_err(), "a value that cannot be passed over");
    if let Ok(Answer::Value(orders)) = response::<Vec<PosOrder>>(data) {
        work_with(&orders);
    }
    let Ok(Answer::Value(value)) = answer else { return };
    let call = common("m", std::slice::from_ref(&value));
    let text = std::str::from_utf8(&call).expect("UTF-8");
    let (start, end) = (text.find("<value>").expect("a value"), text.rfind("</value>").expect("a value"));
    match response::<Value>(reply(&format!("{}</value>", &text[start..end])).as_bytes()) {
        Ok(Answer::Value(again)) => assert!(alike(&value, &again), "{value} became {again}"),
        other => panic!("{value} became {other:?}"),
    }
    over_both(&value);
}

/// The decoder of replies over JSON-2, and of its errors. As [`xmlrpc`].
pub fn json2(data: &[u8]) {
    if let Some(refused) = Refused::read(data) {
        let error = refused.error("central", "bridge");
        assert!(error.retry_after().is_none());
        let _ = error.to_string();
    }
    if let Ok(orders) = json2::response::<Vec<PosOrder>>(data) {
        work_with(&orders);
    }
    let value: Value = match json2::response(data) {
        Ok(value) => value,
        Err(malformed) => return assert!(malformed.to_string().len() < 4_000, "{malformed}"),
    };
    assert!(json2::response::<IgnoredAny>(data).is_ok(), "a value that cannot be passed over");
    let again: Value = json2::response(value.to_string().as_bytes()).expect("what was read is read again");
    assert!(alike(&value, &again), "{value} became {again}");
    over_both(&value);
}

/// The same value over both protocols is the same to every type: as one of them it is read, or refused.
fn over_both(value: &Value) {
    if !both_carry(value, 0) {
        return;
    }
    let (json, xml) = (value.to_string(), reply(&written(value)));
    let (json, xml) = (json.as_bytes(), xml.as_bytes());
    same::<Vec<PosOrder>>(json, xml);
    same::<Vec<SoldOrder>>(json, xml);
    same::<Vec<CentralOrder>>(json, xml);
    same::<Vec<Draft>>(json, xml);
    same::<Vec<DraftIds>>(json, xml);
    same::<Vec<Header>>(json, xml);
    same::<Vec<ChildHeader>>(json, xml);
    same::<Vec<BranchProduct>>(json, xml);
    same::<Vec<BranchPartner>>(json, xml);
    same::<Vec<BranchTax>>(json, xml);
    same::<Loaded>(json, xml);
    same::<Option<(i64, String)>>(json, xml);
    same::<Option<Vec<i64>>>(json, xml);
    same::<Vec<(String, Option<Amount>)>>(json, xml);
    same::<bool>(json, xml);
    // A float that is read as one may differ in its last digit.
    let rows = (json2::response::<Vec<Row>>(json), xmlrpc::value::<Vec<Row>>(xml));
    assert_eq!(rows.0.is_ok(), rows.1.is_ok(), "{rows:?}");
    for row in rows.0.into_iter().flatten() {
        Kind::ALL.into_iter().for_each(|kind| record(kind, &row));
    }
}

fn same<T: DeserializeOwned + Debug>(json: &[u8], xml: &[u8]) {
    match (json2::response::<T>(json), xmlrpc::value::<T>(xml)) {
        (Ok(a), Ok(b)) => assert_eq!(format!("{a:?}"), format!("{b:?}")),
        (Err(_), Err(_)) => {}
        (a, b) => panic!("JSON-2 gives {a:?}, XML-RPC {b:?}"),
    }
}

/// Nothing that XML-RPC has no way to say, numbers without a sign beyond its integers, and no depth that it refuses.
fn both_carry(value: &Value, depth: u32) -> bool {
    depth < MAX_DEPTH
        && match value {
            Value::Number(number) => !number.is_u64() || number.as_i64().is_some(),
            Value::Array(items) => items.iter().all(|item| both_carry(item, depth + 1)),
            Value::Object(map) => map.values().all(|value| both_carry(value, depth + 1)),
            _ => true,
        }
}

fn reply(value: &str) -> String {
    format!("<?xml version='1.0'?><methodResponse><params><param>{value}</param></params></methodResponse>")
}

/// A value as a server writes it over XML-RPC: every number with the digits that it has.
fn written(value: &Value) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\r', "&#13;");
    let inner = match value {
        Value::Null => "<nil/>".to_owned(),
        Value::Bool(flag) => format!("<boolean>{}</boolean>", u8::from(*flag)),
        Value::Number(number) if number.is_f64() => format!("<double>{number}</double>"),
        Value::Number(number) => format!("<i8>{number}</i8>"),
        Value::String(text) => format!("<string>{}</string>", escaped(text)),
        Value::Array(items) => format!("<array><data>{}</data></array>", items.iter().map(written).collect::<String>()),
        Value::Object(map) => {
            let member = |(name, value): (&String, &Value)| format!("<member><name>{}</name>{}</member>", escaped(name), written(value));
            format!("<struct>{}</struct>", map.iter().map(member).collect::<String>())
        }
    };
    format!("<value>{inner}</value>")
}

/// Equal, but for what is dropped or changed on purpose when it is written: what XML cannot carry, and null.
fn alike(value: &Value, again: &Value) -> bool {
    match (value, again) {
        (Value::Null, Value::Bool(false)) => true,
        (Value::String(text), Value::String(again)) => clean(text) == *again || text == again,
        (Value::Number(number), Value::Number(again)) => {
            let (a, b) = (number.as_f64().unwrap_or_default(), again.as_f64().unwrap_or_default());
            // The reader of JSON may be wrong in the last digit.
            a == b || ((a - b) / a).abs() < 1e-15
        }
        (Value::Array(items), Value::Array(again)) => items.len() == again.len() && items.iter().zip(again).all(|(a, b)| alike(a, b)),
        (Value::Object(map), Value::Object(again)) => {
            // Two names may become one.
            let kept = |name: &str| again.get(name).or_else(|| again.get(&*clean(name)));
            map.iter().all(|(name, value)| kept(name).is_some_and(|again| alike(value, again) || clean(name) != *name))
                || map.keys().any(|name| clean(name) != *name)
        }
        _ => value == again,
    }
}

/// What a pass does with orders, up to what it writes; whatever is in them, it takes them.
fn work_with(orders: &[PosOrder]) {
    let code = BranchCode::new("tirana").expect("a code");
    let settings = Settings {
        code: code.clone(),
        default_customer: CentralId::new(1),
        unknown_customer_is_problem: false,
        skip_invoiced: false,
        currency: "EUR".to_owned(),
        salesperson: None,
        salespeople: BTreeMap::new(),
    };
    let mut bindings = Bindings::default();
    for line in orders.iter().flat_map(|order| &order.lines) {
        bindings.products.insert(line.product_id.id, Ok(CentralId::new(7)));
        bindings.taxes.extend(line.tax_ids_after_fiscal_position.iter().map(|tax| (*tax, Ok(CentralId::new(8)))));
    }
    for order in orders {
        if let Err(problems) = mapping::map(order, &settings, &bindings) {
            problems.iter().for_each(|problem| assert!(!problem.what().is_empty()));
        }
        let external_id = mapping::external_id(&code, order);
        assert!(external_id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "{external_id}");
        order.content_hash();
        Receipt::of(order, &Names::default());
        let kept = serde_json::to_string(order).expect("JSON");
        assert_eq!(serde_json::from_str::<PosOrder>(&kept).expect("what is kept is read again"), *order);
        for other in orders {
            same_money(order.amount_total, other.amount_total);
        }
    }
    let sold = orders.iter().map(|order| Sold { hour: 7, currency: "EUR", amount: order.amount_total, order: Some(order) });
    sales::count(sold);
    compare(&code, orders);
}

/// The day of these orders, against sales orders with the same totals.
fn compare(code: &BranchCode, orders: &[PosOrder]) {
    let (Ok(sold), Ok(central)) = (as_others::<SoldOrder>(orders), as_others::<CentralOrder>(orders)) else { return };
    let moment = |text: &str| text.parse::<Timestamp>().expect("a time");
    let proof = prove(&Look {
        branch: code,
        day: jiff::civil::date(2026, 11, 21),
        begins: moment("2026-11-21T00:00:00Z"),
        ends: moment("2026-11-22T00:00:00Z"),
        sold: &sold,
        elsewhere: &[],
        rows: &[],
        central: &central,
        external_ids: &HashMap::new(),
        of_other_days: &HashSet::new(),
        taken: &HashSet::new(),
        first_checked_at: None,
        open_sessions: &[],
        now: moment("2026-11-23T00:00:00Z"),
    });
    assert!(!summary(code.as_str(), &proof, proof.day).is_empty());
}

fn as_others<T: DeserializeOwned>(orders: &[PosOrder]) -> Result<Vec<T>, serde_json::Error> {
    let mut value = serde_json::to_value(orders)?;
    for order in value.as_array_mut().into_iter().flatten() {
        let written = order["write_date"].clone();
        order["create_date"] = written;
        if order["name"].is_null() {
            order["name"] = json!("S1");
        }
    }
    serde_json::from_value(value)
}

/// A row as a record of a kind, where the Odoo has all fields that the row has.
fn record(kind: Kind, row: &Row) {
    let described = json!({ "decimals": null, "words": [], "required": false });
    let fields: serde_json::Map<String, Value> = row.keys().map(|name| (name.clone(), described.clone())).collect();
    let shape: Shape = serde_json::from_value(json!({ "asked": {}, "kinds": { kind.as_str(): fields } })).expect("a shape");
    let record = shape.record(kind, row, CentralId::<posbridge::model::Product>::new);
    assert_eq!(record.id.get(), if let Some(Cell::Int(id)) = row.get("id") { *id } else { 0 });
}

/// The reader of branches.toml: settings that the program works with, or complaints that can be shown, each with its place.
pub fn settings(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Config::parse(text, Path::new("/etc/posbridge/branches.toml")) {
        Ok(config) => accepted(&config),
        Err(error @ ConfigError::Wrong { .. }) => {
            assert!(error.to_string().starts_with("/etc/posbridge/branches.toml:"));
            let ConfigError::Wrong { complaints, .. } = error else { unreachable!() };
            assert!(!complaints.is_empty());
            for complaint in complaints {
                let line = text.split('\n').nth(complaint.line - 1).unwrap_or_else(|| panic!("no line for {complaint:?}"));
                assert!((1..=line.chars().count() + 1).contains(&complaint.column), "{complaint:?} in {line:?}");
                told(&complaint.text, 4_000);
            }
        }
        Err(other) => panic!("{other}"),
    }
}

/// Something is said, on one line, and not too much.
fn told(text: &str, most: usize) {
    assert!(!text.is_empty() && text.chars().count() <= most, "{text}");
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

fn accepted(config: &Config) {
    assert!(!format!("{config:?}").is_empty());
    let codes: HashSet<&str> = config.branches.iter().map(|branch| branch.code.as_str()).collect();
    assert_eq!(codes.len(), config.branches.len());
    if let Some(webhook) = &config.alerts.webhook {
        shows_no_more_than_the_server(webhook);
    }
    for branch in &config.branches {
        assert!(!branch.endpoint.place().is_empty() && !branch.endpoint.user.is_empty());
        assert_eq!(branch.from_utc().to_zoned(branch.timezone.clone()).date(), branch.from);
        starts(&branch.schedule, branch);
        let kinds = branch.send.kinds.values().filter_map(|selection| selection.schedule.as_ref());
        branch.send.schedule.iter().chain(kinds).for_each(|schedule| starts(schedule, branch));
    }
}

/// Whoever knows the rest of the address may post.
fn shows_no_more_than_the_server(webhook: &Webhook) {
    let origin = webhook.origin();
    let rest = origin.split_once("://").map_or(origin.as_str(), |(_, rest)| rest);
    assert!(!rest.is_empty() && !rest.contains(['/', '\\', '?', '#', '@']), "{origin}");
}

/// A schedule that was accepted starts passes, each later than the one before.
fn starts(schedule: &Schedule, branch: &Branch) {
    let began: Timestamp = "2026-11-01T00:00:00Z".parse().expect("a time");
    let plan = Plan::new(schedule, branch, began);
    plan.first(None, began);
    let mut last = began;
    for _ in 0..3 {
        let next = plan.next(last).unwrap_or_else(|| panic!("no pass after {last} by {schedule:?}"));
        assert!(next > last, "{next} after {last} by {schedule:?}");
        last = next;
    }
}

/// A cron line, and on the line after it a zone and a jitter, in settings that have nothing else wrong.
pub fn schedule(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.splitn(3, '\n');
    let mut next = |default: &str| format!("{:?}", lines.next().unwrap_or(default)).replace("\\'", "'");
    let (cron, zone, jitter) = (next(""), next("Europe/Tirane"), next("0s"));
    let text = format!(
        "[central]\nurl = \"https://c.example.com\"\ndatabase = \"c\"\nuser = \"u\"\n[branch.a]\nurl = \"https://a.example.com\"\n\
         database = \"a\"\nuser = \"u\"\nfrom = 2026-11-01\ncustomer = \"X\"\ncron = {cron}\ntimezone = {zone}\njitter = {jitter}\n"
    );
    settings(text.as_bytes());
}

/// The reader of domains, as people write them: what it reads is one, and is read again from JSON; JSON that is one is read as it is.
pub fn domain(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match parse_domain(text) {
        Ok(domain) => {
            assert_eq!(check_domain(&domain), Ok(()));
            let again = parse_domain(&domain.to_string()).expect("what was read is read again");
            assert!(alike(&domain, &again), "{domain} became {again}");
        }
        Err(reason) => told(&reason, 1_000),
    }
    if let Ok(domain) = serde_json::from_str::<Value>(text) {
        match check_domain(&domain) {
            Ok(()) => assert!(parse_domain(text).is_ok_and(|read| alike(&domain, &read)) || text.len() > 60_000, "{text}"),
            Err(reason) => told(&reason, 1_000),
        }
    }
}

/// A file of keys, and a sealed password: nothing but what was sealed opens, and a file that is read seals and opens.
pub fn secret(data: &[u8]) {
    // In memory where that is possible: on a disk each file that is written anew is waited for.
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let folder = place.join(format!("posbridge-keys-{}", std::process::id()));
    let ring = KeyRing::load(&folder).expect("a key is made");
    let file = std::fs::read(ring.path()).expect("a file");
    for keys in [data, &[&file, data].concat()] {
        // In place: the file keeps its mode.
        std::fs::write(ring.path(), keys).expect("written");
        match KeyRing::load(&folder) {
            Ok(read) => {
                let sealed = read.seal("tirana", "password", "x", &SecretString::from("hunter2")).expect("sealed");
                assert_eq!(read.open("tirana", "password", "x", &sealed).expect("opened").expose_secret(), "hunter2");
                assert!(!read.needs_resealing(&sealed));
            }
            Err(error) => told(&error.to_string(), 1_000),
        }
    }
    std::fs::remove_dir_all(&folder).expect("removed");
    let Ok(text) = std::str::from_utf8(data) else { return };
    let sealed = ring.seal("tirana", "password", "x", &SecretString::from("hunter2")).expect("sealed");
    let (id, payload) = sealed.split_at(sealed.rfind('.').expect("parts") + 1);
    let at = payload.len() * data.len() / (data.len() + 7);
    let changed = [text.to_owned(), format!("{id}{text}"), format!("{id}{}{text}", &payload[..at]), format!("{text}{payload}")];
    for changed in changed.iter().filter(|changed| **changed != sealed) {
        match ring.open("tirana", "password", "x", changed) {
            Ok(opened) => panic!("{changed} opens as {}", opened.expose_secret()),
            Err(error) => told(&error.to_string(), 1_000),
        }
    }
}
