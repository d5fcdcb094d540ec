//! What the daemon tells machines that watch it: the pages over real HTTP, and that the dashboard and the alert rules ask
//! for what is really there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use posbridge::model::BranchCode;
use posbridge::monitor::{CallSide, Monitor, PassEnd, PassResult, Watched};
use posbridge::store::{Direction, LastPass, Store};
use posbridge::web::{WebState, serve};
use rusqlite::Connection;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const RULES: &str = include_str!("../systemd/alert-rules.yml");
const DASHBOARD: &str = include_str!("../systemd/grafana-dashboard.json");

/// Metrics that neither the dashboard nor a rule asks for, each with its reason.
const UNUSED: [&str; 1] = ["posbridge_last_success_timestamp_seconds"]; // for those who reckon the time themselves

/// What Prometheus itself adds: a metric, and labels of every series that it scrapes.
const UP: &str = "up";
const TARGET_LABELS: [&str; 2] = ["instance", "job"];

/// The state of a daemon with two branches, one of them with sends in every state.
struct Place {
    directory: tempfile::TempDir,
    monitor: Arc<Monitor>,
}

/// A server that runs.
struct Serving {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

/// An answer.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let place = Self { directory, monitor: Arc::new(Monitor::new(Timestamp::now())) };
        place.sql(include_str!("../src/store/states/v2.sql"));
        place.monitor.branches(&["tirana", "durres"].map(watched));
        place
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn store(&self) -> Store {
        Store::open(self.path()).expect("a ledger")
    }

    /// What another process does to the ledger.
    fn sql(&self, sql: &str) {
        Connection::open(self.path().join("posbridge.sqlite")).expect("a database").execute_batch(sql).expect("valid SQL");
    }

    /// What a daemon tells in its first minutes.
    fn live(&self) {
        let now = Timestamp::now();
        let monitor = &self.monitor;
        for (branch, direction, result) in [
            ("tirana", Direction::Receive, PassResult::Done),
            ("tirana", Direction::Send, PassResult::Failed),
            ("durres", Direction::Receive, PassResult::Unreachable),
        ] {
            monitor.pass_started(direction, Duration::from_millis(30));
            monitor.call(CallSide::Branch, Duration::from_millis(80));
            monitor.call(CallSide::Central, Duration::from_millis(200));
            monitor.pass_ended(branch, direction, &PassEnd { result, took: Duration::from_secs(1), at: now, received: 5, delivered: 4 });
        }
        monitor.settings(true);
        monitor.turned(now);
        monitor.ledger_answered(now);
        let note = LastPass {
            started_at: now,
            ended_at: now,
            succeeded_at: Some(now),
            answered_at: Some(now),
            whole_window_at: None,
            whole_window_there: None,
            clock_offset_s: -3,
            error: None,
            shops: Vec::new(),
            cursor: None,
        };
        note.save(self.path(), &watched("tirana").code);
    }

    async fn serve(&self) -> Serving {
        let socket = TcpSocket::new_v4().expect("a socket");
        // The system would take a whole page from the server, for a client that reads none of it.
        socket.set_send_buffer_size(16 * 1024).expect("small");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
        let listener = socket.listen(1024).expect("bound");
        let address = listener.local_addr().expect("bound");
        let (stop, stopped) = oneshot::channel::<()>();
        let state = WebState::new(self.monitor.clone(), self.store());
        let ended = tokio::spawn(serve(listener, state, async {
            let _ = stopped.await;
        }));
        Serving { address, stop, ended }
    }
}

impl Serving {
    async fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await
    }

    /// Sends a request and reads until the server closes.
    async fn ask(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.expect("listening");
        stream.write_all(request.as_bytes()).await.expect("taken");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("text");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }
}

fn watched(code: &str) -> Watched {
    Watched { code: BranchCode::new(code).expect("a code"), enabled: true }
}

#[tokio::test]
async fn the_pages_say_whether_it_is_alive_and_ready() {
    let place = Place::new();
    let serving = place.serve().await;
    let healthy = serving.get("/healthz").await;
    assert_eq!((healthy.status, healthy.body.as_str()), (200, "posbridge is alive.\n"));
    assert!(healthy.head.contains("content-type: text/plain; charset=utf-8"), "{}", healthy.head);
    let ready = serving.get("/readyz").await;
    assert_eq!((ready.status, ready.body.as_str()), (200, "Passes are happening.\n"));
    // A loop that stands still.
    place.monitor.turned(Timestamp::now() - Duration::from_secs(90));
    let stuck = serving.get("/healthz").await;
    assert!(stuck.status == 503 && stuck.body.contains("systemctl restart posbridge"), "{}", stuck.body);
    assert_eq!(serving.get("/readyz").await.status, 503);
    place.monitor.turned(Timestamp::now());
    assert_eq!(serving.get("/healthz").await.status, 200);
    place.monitor.stopping();
    let stopping = serving.get("/readyz").await;
    assert!(stopping.status == 503 && stopping.body.starts_with("posbridge is stopping"), "{}", stopping.body);
    assert_eq!(serving.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn what_is_not_there_is_told_and_nothing_can_be_sent() {
    let place = Place::new();
    let serving = place.serve().await;
    let nothing = serving.get("/").await;
    assert!(nothing.status == 404 && nothing.body.contains("/metrics"), "{}", nothing.body);
    assert_eq!(serving.get("/metrics/..").await.status, 404);
    let post = serving.ask("POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999999\r\n\r\n").await;
    assert_eq!(post.status, 405);
    let head = serving.ask("HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(serving.ask("\u{1}\r\n\r\n").await.status, 400);
}

#[tokio::test]
async fn numbers_come_in_the_format_that_was_asked_for() {
    let place = Place::new();
    place.live();
    drop(place.store());
    place.sql(
        "INSERT INTO day (branch, day, verdict, for_a_person, findings, report) VALUES
             ('tirana', '2026-11-19', 'differs', 2, 0, ''), ('tirana', '2026-11-20', 'explained', 0, 0, ''), ('durres', '2026-11-20', 'equal', 0, 0, '')",
    );
    let serving = place.serve().await;
    let plain = serving.get("/metrics").await;
    assert!(plain.head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{}", plain.head);
    let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3";
    let open = serving.ask(&format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n")).await;
    assert!(open.head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"), "{}", open.head);
    for line in [
        "posbridge_orders{branch=\"durres\",state=\"failed\"} 0",
        "posbridge_master_data_queue{branch=\"tirana\",state=\"failed\"} 1",
        "posbridge_orders_received_total{branch=\"tirana\"} 5",
        "posbridge_branch_clock_offset_seconds{branch=\"tirana\"} -3",
        "posbridge_days_unequal{branch=\"tirana\"} 1",
        "posbridge_days_unequal{branch=\"durres\"} 0",
        "posbridge_ledger_readable 1",
    ] {
        assert!(open.body.lines().any(|written| written == line), "{line} is not in\n{}", open.body);
    }
    let state = open.body.lines().find_map(|line| line.strip_prefix("posbridge_state_bytes ")).expect("a size");
    assert!(state.parse::<f64>().is_ok_and(|bytes| bytes > 4096.0), "{state}");
}

#[tokio::test]
async fn a_storm_of_scrapes_reads_the_ledger_once() {
    let place = Place::new();
    let serving = place.serve().await;
    let failed = "posbridge_master_data_queue{branch=\"tirana\",state=\"failed\"} ";
    assert!(serving.get("/metrics").await.body.contains(&format!("{failed}1")));
    place.sql("UPDATE record SET state = 'done' WHERE state = 'failed'");
    for _ in 0..20 {
        assert!(serving.get("/metrics").await.body.contains(&format!("{failed}1")));
    }
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(6)).await;
    tokio::time::resume();
    assert!(serving.get("/metrics").await.body.contains(&format!("{failed}0")));
}

#[tokio::test]
async fn a_ledger_that_cannot_be_read_costs_only_its_own_numbers() {
    let place = Place::new();
    place.live();
    let serving = place.serve().await;
    place.sql("ALTER TABLE record RENAME TO lost");
    let answer = serving.get("/metrics").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.body.contains("posbridge_ledger_readable 0") && answer.body.contains("posbridge_orders_received_total{branch=\"tirana\"} 5")
    );
    assert!(!answer.body.contains("posbridge_orders{"), "{}", answer.body);
}

/// Time is made to pass as soon as all wait, so that a test of time-outs takes none.
#[tokio::test(start_paused = true)]
async fn clients_that_never_finish_are_sent_away() {
    let place = Place::new();
    let serving = place.serve().await;
    let mut silent = Vec::new();
    for number in 0..100 {
        let mut stream = TcpStream::connect(serving.address).await.expect("listening");
        if number % 2 == 0 {
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost:").await.expect("taken");
        }
        silent.push(stream);
    }
    let begun = tokio::time::Instant::now();
    assert_eq!(serving.get("/healthz").await.status, 200);
    assert!(begun.elapsed() >= Duration::from_secs(5), "the silent ones held every place: {:?}", begun.elapsed());
    assert!(begun.elapsed() <= Duration::from_secs(60), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn clients_that_do_not_read_are_sent_away() {
    let place = Place::new();
    let many: Vec<Watched> = (0..1_000).map(|number| watched(&format!("branch_{number}"))).collect();
    place.monitor.branches(&many);
    let serving = place.serve().await;
    let mut deaf = Vec::new();
    for _ in 0..40 {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("small");
        let mut stream = socket.connect(serving.address).await.expect("listening");
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("taken");
        deaf.push(stream);
    }
    let begun = tokio::time::Instant::now();
    assert_eq!(serving.get("/healthz").await.status, 200);
    assert!(begun.elapsed() >= Duration::from_secs(20), "they held every place: {:?}", begun.elapsed());
    assert!(begun.elapsed() <= Duration::from_secs(60), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_request_without_end_is_refused() {
    let place = Place::new();
    let serving = place.serve().await;
    let mut stream = TcpStream::connect(serving.address).await.expect("listening");
    let line = format!("X-Long: {}\r\n", "x".repeat(1000));
    let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\n").await;
    let mut written = 0;
    for _ in 0..10_000 {
        match stream.write_all(line.as_bytes()).await {
            Ok(()) => written += line.len(),
            Err(_) => break,
        }
    }
    assert!(written < 9_000_000, "the server took {written} bytes of headers");
    assert_eq!(serving.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn it_stops_in_time_though_a_client_holds_on() {
    let place = Place::new();
    let serving = place.serve().await;
    let _held = TcpStream::connect(serving.address).await.expect("listening");
    assert_eq!(serving.get("/healthz").await.status, 200);
    serving.stop.send(()).expect("running");
    tokio::time::timeout(Duration::from_secs(3), serving.ended).await.expect("in time").expect("without a panic");
    assert!(TcpStream::connect(serving.address).await.is_err());
}

/// Each series as it was scraped: labels with their values, by metric.
type Series = BTreeMap<String, Vec<BTreeMap<String, String>>>;

fn series(text: &str) -> Series {
    let mut series = Series::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_at(line.find(['{', ' ']).expect("a name"));
        let labels = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(labels, _)| labels);
        let pairs = labels.split(',').filter_map(|pair| pair.split_once('='));
        let labels = pairs.map(|(label, value)| (label.to_owned(), value.trim_matches('"').to_owned())).collect();
        series.entry(name.to_owned()).or_default().push(labels);
    }
    series
}

async fn scraped() -> Series {
    let place = Place::new();
    place.live();
    let serving = place.serve().await;
    series(&serving.get("/metrics").await.body)
}

/// What an expression of PromQL asks for.
#[derive(Debug, Default, PartialEq)]
struct Asked {
    metrics: BTreeSet<String>,
    /// Metric, label, and the values that it may have; none = whatever a variable of the dashboard says.
    selected: Vec<(String, String, Vec<String>)>,
    /// Labels that are grouped or joined by.
    grouped: BTreeSet<String>,
}

/// Reads an expression as far as names go: what stands before a bracket is a function, what stands in braces is a label.
fn asked(expression: &str) -> Asked {
    let mut asked = Asked::default();
    let mut rest = expression;
    let mut grouping = false;
    let mut metric = String::new();
    while let Some(first) = rest.chars().next() {
        if let Some(labels) = rest.strip_prefix('{') {
            let (labels, after) = labels.split_once('}').expect("a closing brace");
            for pair in labels.split(',') {
                let (label, value) = pair.split_once('=').expect("a label");
                let value = value.trim_start_matches('~').trim_matches('"');
                let values = if value.starts_with('$') { Vec::new() } else { value.split('|').map(str::to_owned).collect() };
                asked.selected.push((metric.clone(), label.trim().trim_end_matches('!').to_owned(), values));
            }
            rest = after;
        } else if rest.starts_with('[') {
            rest = rest.split_once(']').expect("a closing bracket").1;
        } else if first.is_ascii_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            match word {
                "by" | "without" | "on" | "ignoring" | "group_left" | "group_right" => grouping = true,
                "and" | "or" | "unless" | "bool" | "offset" => {}
                word if grouping => {
                    asked.grouped.insert(word.to_owned());
                }
                _ if after.trim_start().starts_with('(') || ["sum", "count", "min", "max"].contains(&word) => {}
                word => {
                    metric = word.to_owned();
                    asked.metrics.insert(metric.clone());
                }
            }
            rest = after;
        } else if first.is_ascii_digit() {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.');
        } else {
            grouping &= first != ')';
            rest = &rest[first.len_utf8()..];
        }
    }
    asked
}

/// What an expression and the words around it (`{{…branch}}`) ask for and is not there.
fn missing(expression: &str, words: &str, series: &Series) -> Vec<String> {
    let asked = asked(expression);
    let mut missing = Vec::new();
    let on_target = |label: &str| TARGET_LABELS.contains(&label);
    let has = |metric: &String, label: &str| series.get(metric).is_some_and(|all| all.iter().any(|labels| labels.contains_key(label)));
    for metric in asked.metrics.iter().filter(|metric| *metric != UP && !series.contains_key(*metric)) {
        missing.push(format!("metric {metric}"));
    }
    for (metric, label, values) in asked.selected.iter().filter(|(_, label, _)| !on_target(label)) {
        if !has(metric, label) {
            missing.push(format!("label {label} of {metric}"));
        }
        let there = |value: &&String| series.get(metric).is_some_and(|all| all.iter().any(|labels| labels.get(label) == Some(value)));
        missing.extend(values.iter().filter(|value| !there(value)).map(|value| format!("{metric} with {label} {value}")));
    }
    let told = words.split("{{").skip(1).filter_map(|rest| rest.split_once("}}"));
    let told = told.map(|(name, _)| name.trim().trim_start_matches("$labels.").to_owned()).filter(|name| !name.starts_with("$value"));
    for label in asked.grouped.iter().cloned().chain(told).filter(|label| !on_target(label)) {
        if !asked.metrics.iter().any(|metric| has(metric, &label)) {
            missing.push(format!("label {label} in {expression}"));
        }
    }
    missing
}

/// Alert, expression and all of its text. The file keeps each expression on one line, so that no YAML reader is needed.
fn rules() -> Vec<(String, String, String)> {
    let field = |rule: &str, key: &str| {
        let line = rule.lines().find_map(|line| line.trim().strip_prefix(key)).unwrap_or_else(|| panic!("no {key} in {rule}"));
        line.trim().to_owned()
    };
    let each = RULES.split("- alert:").skip(1).map(|rule| {
        let name = rule.lines().next().expect("a name").trim().to_owned();
        assert!(["for:", "severity:", "summary:", "description:"].iter().all(|key| !field(rule, key).is_empty()), "{name}");
        (name, field(rule, "expr:"), rule.to_owned())
    });
    each.collect()
}

/// Title, expression and legend of each query of the dashboard.
fn queries() -> Vec<(String, String, String)> {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
        for target in panel["targets"].as_array().expect("targets") {
            queries.push((text(&panel["title"]), text(&target["expr"]), text(&target["legendFormat"])));
        }
    }
    queries
}

#[tokio::test]
async fn the_alert_rules_ask_for_what_is_there() {
    let series = scraped().await;
    let rules = rules();
    let names: Vec<&str> = rules.iter().map(|(name, ..)| name.as_str()).collect();
    for name in
        ["PosbridgeDown", "BranchSilent", "OrdersFailed", "QueueGrows", "DaysDiffer", "SettingsInvalid", "DiskLow", "ClockOff", "NotReady"]
    {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    for (name, expression, text) in &rules {
        assert_eq!(missing(expression, text, &series), Vec::<String>::new(), "{name}");
    }
}

#[tokio::test]
async fn the_dashboard_asks_for_what_is_there() {
    let series = scraped().await;
    let queries = queries();
    assert!(queries.len() > 20, "{}", queries.len());
    for (title, expression, legend) in &queries {
        assert_eq!(missing(expression, legend, &series), Vec::<String>::new(), "{title}: {expression}");
    }
}

#[tokio::test]
async fn what_is_there_is_asked_for() {
    let series = scraped().await;
    let expressions =
        rules().into_iter().map(|(_, expression, _)| expression).chain(queries().into_iter().map(|(_, expression, _)| expression));
    let used: BTreeSet<String> = expressions.flat_map(|expression| asked(&expression).metrics).collect();
    let part_of_histogram = |name: &str| {
        ["_sum", "_count"].iter().any(|end| name.strip_suffix(end).is_some_and(|base| used.contains(&format!("{base}_bucket"))))
    };
    let unused: Vec<&str> = series.keys().map(String::as_str).filter(|name| !used.contains(*name) && !part_of_histogram(name)).collect();
    assert_eq!(unused, UNUSED);
}

/// The reader of expressions finds what is wrong, or the tests above would prove nothing.
#[test]
fn wrong_names_are_found() {
    let text = "posbridge_orders{branch=\"tirana\",state=\"failed\"} 1\nposbridge_ready 1\n";
    let series = series(text);
    let told = |expression: &str| missing(expression, "", &series);
    assert_eq!(
        told("sum by (branch) (rate(posbridge_orders{instance=~\"$instance\", state=~\"failed\"}[5m])) > 0.5e3"),
        Vec::<String>::new()
    );
    assert_eq!(told("posbridge_order > 0"), ["metric posbridge_order"]);
    assert_eq!(told("posbridge_orders{shop=\"x\"}"), ["label shop of posbridge_orders", "posbridge_orders with shop x"]);
    assert_eq!(told("posbridge_orders{state=~\"failed|lost\"}"), ["posbridge_orders with state lost"]);
    assert_eq!(told("sum without (states) (posbridge_orders)"), ["label states in sum without (states) (posbridge_orders)"]);
    assert_eq!(
        missing("posbridge_ready == 0", "of {{ $labels.branch }} {{ $value | humanize }}", &series),
        ["label branch in posbridge_ready == 0"]
    );
}
