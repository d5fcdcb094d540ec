//! From what is known now to what needs a person. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::problem::{Problem, Retry, Side, clean, group_line, records_line};

/// A branch's clock that is further off than this makes days and sessions wrong, and no network is that slow.
pub const CLOCK_OFF: Duration = Duration::from_secs(2 * 60);
/// How long before an API key ends it is told: a holiday of two weeks still leaves the last day.
pub const KEY_ENDS: Duration = Duration::from_secs(14 * 86_400);

/// Orders that wait for central while it takes none: longer than a restart or an update of it. They are safe meanwhile.
const CENTRAL_SILENT: Duration = Duration::from_secs(15 * 60);
/// What is not asked at each look, such as when a key ends, is over only when it stayed away for longer than a day.
const DAILY_REST: Duration = Duration::from_secs(26 * 3_600);
/// Passes that a branch may miss before it counts as silent, whatever the settings say.
const PASSES_MISSED: u32 = 2;
/// Longest text of a condition, in characters: a sentence with a long name in it.
const TEXT_MAX: usize = 600;
/// Complaints about the settings that a message repeats; the log has the rest.
const COMPLAINTS_MAX: usize = 5;

/// From when on something is told; from `[alerts]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thresholds {
    /// A branch without an answer for longer than this.
    pub silent: Duration,
    /// So many records of a branch that wait for a person.
    pub failures: u64,
    /// Less free space, in bytes.
    pub disk: u64,
}

/// Records of one branch that wait for a person for one cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// One of the problems.
    pub problem: Problem,
    /// How many records.
    pub records: u64,
    /// Whether one fix releases all of them.
    pub alike: bool,
    /// Master data that goes down, not orders that come up.
    pub sent: bool,
}

/// What is known of one branch.
#[derive(Debug, Clone, PartialEq)]
pub struct BranchSnapshot {
    /// The code.
    pub code: String,
    /// The name for people.
    pub name: String,
    /// Only those that are enabled are looked at.
    pub enabled: bool,
    /// For times in texts.
    pub timezone: TimeZone,
    /// When it last answered; `None` = never.
    pub answered_at: Option<Timestamp>,
    /// Why its last pass did not reach its end.
    pub error: Option<Problem>,
    /// Why its last sending of master data did not reach its end.
    pub send_error: Option<Problem>,
    /// Since when its oldest order waits to be written to central by itself.
    pub pending_since: Option<Timestamp>,
    /// What is wrong with all of it until a person says otherwise.
    pub standing: Vec<Problem>,
    /// Records that wait for a person.
    pub failed: u64,
    /// For which causes they wait.
    pub causes: Vec<Cause>,
    /// Days on which it and central differ so that a person has to look, with the number of differences.
    pub days_that_differ: Vec<(jiff::civil::Date, u64)>,
    /// Days of late on whose sessions something does not fit, with the number of things.
    pub days_with_findings: Vec<(jiff::civil::Date, u64)>,
    /// The longest time between two of its passes.
    pub gap: Duration,
    /// Its clock minus ours, in seconds.
    pub clock_offset_s: i64,
    /// Whether a password is kept for it.
    pub has_password: bool,
}

/// What is known now.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The branches of the settings; or why the ledger cannot be read, and then nothing is known of them.
    pub branches: Result<Vec<BranchSnapshot>, String>,
    /// Whether a password is kept for central.
    pub central_has_password: bool,
    /// When central last took a record, as far as is known.
    pub written_at: Option<Timestamp>,
    /// Free space where the state is kept, in bytes; `None` = unknown.
    pub disk_free: Option<u64>,
    /// Why the settings file is not used as it stands.
    pub settings_error: Option<String>,
    /// When API keys end, by `central` or branch code.
    pub key_expiries: BTreeMap<String, Timestamp>,
}

/// Something that needs a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What it is about, the same at each look: `tirana/silent`, `central/password_refused`, `disk`.
    pub key: String,
    /// The branch's code; `None` = central or this machine.
    pub branch: Option<String>,
    /// Who it is about in words: the branch's name and code, `Central`, `This bridge`.
    pub about: String,
    /// What is wrong, one line.
    pub text: String,
    /// Who does what next, one line.
    pub next_step: String,
    /// Since when it is known to hold, if that is known better than by the first look that saw it.
    pub since: Option<Timestamp>,
    /// How long it has to hold before it is told, if longer than the desk's own time.
    pub hold: Duration,
    /// How long it has to stay away before it is over, if longer than the desk's own time.
    pub rest: Duration,
}

impl Condition {
    fn new(owner: &str, kind: &str, about: &str, text: String, next_step: String) -> Self {
        Self {
            key: if owner.is_empty() { kind.to_owned() } else { format!("{owner}/{kind}") },
            branch: None,
            about: about.to_owned(),
            text: clean(&text, TEXT_MAX),
            next_step: clean(&next_step, TEXT_MAX),
            since: None,
            hold: Duration::ZERO,
            rest: Duration::ZERO,
        }
    }

    fn about_machine(kind: &str, text: String, next_step: String) -> Self {
        Self::new("", kind, "This bridge", text, next_step)
    }

    fn about_central(kind: &str, text: String, next_step: String) -> Self {
        Self::new(Side::CENTRAL, kind, "Central", text, next_step)
    }

    fn about_branch(branch: &BranchSnapshot, kind: &str, text: String, next_step: String) -> Self {
        let name = clean(&branch.name, TEXT_MAX);
        let about = if name == branch.code { name } else { format!("{name} ({})", branch.code) };
        Self { branch: Some(branch.code.clone()), ..Self::new(&branch.code, kind, &about, text, next_step) }
    }
}

/// All that needs a person now, each key once; branches in their order, then central, then this machine.
pub fn conditions(snapshot: &Snapshot, thresholds: &Thresholds, now: Timestamp) -> Vec<Condition> {
    let mut found = Vec::new();
    match &snapshot.branches {
        Ok(branches) => {
            for branch in branches.iter().filter(|branch| branch.enabled) {
                of_branch(branch, snapshot, thresholds, now, &mut found);
            }
            of_central(branches, snapshot, now, &mut found);
        }
        Err(reason) => found.push(Condition::about_machine(
            "ledger",
            format!("{}.", reason.trim_end_matches('.')),
            "Ops: nothing is lost at the branches, but nothing moves until this is repaired.".to_owned(),
        )),
    }
    of_machine(snapshot, thresholds, &mut found);
    let mut seen = std::collections::HashSet::new();
    found.retain(|condition| seen.insert(condition.key.clone()));
    found
}

/// Whether nothing can be said now about what a key stands for: what is open then stays as it is.
pub fn is_unknown(key: &str, snapshot: &Snapshot) -> bool {
    match key {
        "disk" => snapshot.disk_free.is_none(),
        "ledger" | "settings" => false,
        _ => snapshot.branches.is_err(),
    }
}

fn of_branch(branch: &BranchSnapshot, snapshot: &Snapshot, thresholds: &Thresholds, now: Timestamp, found: &mut Vec<Condition>) {
    let side = |problem: &Problem| side_of(problem).unwrap_or_else(|| branch.code.clone());
    let of_problem = |problem: &Problem| Condition::about_branch(branch, problem.cause(), problem.what(), problem.next_step());
    let own_error = branch.error.as_ref().filter(|problem| side(problem) == branch.code && !is_of_machine(problem));
    let mut locked_out = false;
    if !branch.has_password
        && let Ok(code) = crate::model::BranchCode::new(&branch.code)
    {
        found.push(of_problem(&Problem::PasswordMissing { side: Side::Branch(code) }));
        locked_out = true;
    }
    if let Some(problem) = own_error.filter(|problem| problem.retry() != Retry::ByItself) {
        found.push(of_problem(problem));
        locked_out = true;
    }
    let send_error = branch.send_error.as_ref().filter(|problem| side(problem) == branch.code && !is_of_machine(problem));
    if let Some(problem) = send_error.filter(|problem| problem.retry() != Retry::ByItself) {
        // A password that is refused is refused to both, and told once: the keys are the same.
        found.push(of_problem(problem));
    }
    // What ended the last pass is told already if it is one of them.
    for problem in branch.standing.iter().filter(|problem| own_error.is_none_or(|error| error.cause() != problem.cause())) {
        found.push(of_problem(problem));
    }
    // One trouble, one entry: why it is silent is told already.
    if !locked_out {
        found.extend(silence(branch, own_error, thresholds.silent, now));
    }
    if branch.clock_offset_s.unsigned_abs() > CLOCK_OFF.as_secs() {
        let problem = Problem::ClockOff { minutes: branch.clock_offset_s / 60 };
        found.push(of_problem(&problem));
    }
    for cause in &branch.causes {
        found.push(waiting_for(branch, cause));
    }
    found.extend(branch.days_that_differ.iter().map(|(day, differences)| differs(branch, *day, *differences)));
    found.extend(branch.days_with_findings.iter().map(|(day, findings)| sessions(branch, *day, *findings)));
    if branch.failed >= thresholds.failures {
        let text = format!("{} records wait for a person.", branch.failed);
        let next_step = format!("See them and what each needs: posbridge log --branch {} --state failed", branch.code);
        found.push(Condition::about_branch(branch, "failures", text, next_step));
    }
    if let Some(ends) = key_end(&branch.code, snapshot, now) {
        let (text, next_step) = key_words(&branch.code, &moment(ends, &branch.timezone));
        found.push(Condition { rest: DAILY_REST, ..Condition::about_branch(branch, "key_ends", text, next_step) });
    }
}

fn silence(branch: &BranchSnapshot, error: Option<&Problem>, silent: Duration, now: Timestamp) -> Option<Condition> {
    let limit = silent.max(branch.gap.saturating_mul(PASSES_MISSED));
    let last = error.map(|problem| format!(" The last try: {}", problem.what())).unwrap_or_default();
    let next_step = match error {
        Some(problem) => problem.next_step(),
        None => format!("Ops: see whether the daemon runs (posbridge status), then ask the branch: posbridge check {}", branch.code),
    };
    match branch.answered_at {
        Some(answered) if now.duration_since(answered) > signed(limit) => {
            let text = format!("Has not answered since {}, for longer than {}.{last}", moment(answered, &branch.timezone), length(limit));
            Some(Condition { since: Some(answered), ..Condition::about_branch(branch, "silent", text, next_step) })
        }
        Some(_) => None,
        // When it was first expected is known by how long this holds.
        None => {
            let text = format!("Has never answered, for longer than {}.{last}", length(limit));
            Some(Condition { hold: limit, ..Condition::about_branch(branch, "silent", text, next_step) })
        }
    }
}

fn waiting_for(branch: &BranchSnapshot, cause: &Cause) -> Condition {
    let Cause { problem, records, alike, sent } = cause;
    let number = usize::try_from(*records).unwrap_or(usize::MAX);
    let (line, noun) = if *sent { (records_line(problem, number), "record") } else { (group_line(problem, number), "order") };
    let text = if *alike || *records == 1 {
        format!("{line}. {}", problem.what())
    } else {
        format!("{records} {noun}s wait for a person; the first: {}", problem.what())
    };
    let kind = format!("cause/{}/{}", if *sent { "send" } else { "receive" }, problem.cause());
    let next_step = format!("{} All of them: posbridge log --branch {} --cause {}", problem.next_step(), branch.code, problem.cause());
    Condition::about_branch(branch, &kind, text, next_step)
}

fn differs(branch: &BranchSnapshot, day: jiff::civil::Date, differences: u64) -> Condition {
    let noun = if differences == 1 { "1 difference needs".to_owned() } else { format!("{differences} differences need") };
    let text = format!("Branch and central differ on {day}: {noun} a person.");
    let next_step = format!("See each of them and what to do: posbridge reconcile {} --day {day}", branch.code);
    Condition::about_branch(branch, &format!("differs/{day}"), text, next_step)
}

fn sessions(branch: &BranchSnapshot, day: jiff::civil::Date, findings: u64) -> Condition {
    let things = if findings == 1 { "Something does not fit".to_owned() } else { format!("{findings} things do not fit") };
    let text = format!("{things} in the sessions of {day}: receipts that never arrived, or money that does not add up.");
    let next_step = format!("See what it is: posbridge reconcile {} --day {day}", branch.code);
    Condition::about_branch(branch, &format!("sessions/{day}"), text, next_step)
}

fn of_central(branches: &[BranchSnapshot], snapshot: &Snapshot, now: Timestamp, found: &mut Vec<Condition>) {
    let of_problem = |problem: &Problem| Condition::about_central(problem.cause(), problem.what(), problem.next_step());
    if !snapshot.central_has_password {
        found.push(of_problem(&Problem::PasswordMissing { side: Side::Central }));
    }
    let enabled = || branches.iter().filter(|branch| branch.enabled);
    let errors = enabled().flat_map(|branch| branch.error.iter().chain(&branch.send_error));
    let (passing, lasting): (Vec<&Problem>, Vec<&Problem>) =
        errors.filter(|problem| side_of(problem).as_deref() == Some(Side::CENTRAL)).partition(|problem| problem.retry() == Retry::ByItself);
    found.extend(lasting.iter().map(|problem| of_problem(problem)));
    // Passes leave a central that is away alone, so their notes do not say how long it is; what waits for it does.
    let long_ago = |at: Timestamp| now.duration_since(at) > signed(CENTRAL_SILENT);
    let oldest = enabled().filter_map(|branch| branch.pending_since).min().filter(|oldest| long_ago(*oldest));
    if let (Some(oldest), true, true) = (oldest, lasting.is_empty(), snapshot.written_at.is_none_or(long_ago)) {
        let since = moment(oldest, &TimeZone::UTC);
        let words = passing.first().map(|problem| format!(" {}", problem.what())).unwrap_or_default();
        let text = format!("Has taken no order for longer than {}; the oldest waits since {since}.{words}", length(CENTRAL_SILENT));
        let next_step = passing.first().map_or_else(
            || "Ops: see whether the daemon runs (posbridge status) and what the orders wait for: posbridge log --state pending".to_owned(),
            |problem| problem.next_step(),
        );
        found.push(Condition::about_central("silent", text, next_step));
    }
    if let Some(ends) = key_end(Side::CENTRAL, snapshot, now) {
        let (text, next_step) = key_words(Side::CENTRAL, &moment(ends, &TimeZone::UTC));
        found.push(Condition { rest: DAILY_REST, ..Condition::about_central("key_ends", text, next_step) });
    }
}

fn of_machine(snapshot: &Snapshot, thresholds: &Thresholds, found: &mut Vec<Condition>) {
    for branch in snapshot.branches.iter().flatten().filter(|branch| branch.enabled) {
        if let Some(problem) = branch.error.as_ref().filter(|problem| is_of_machine(problem)) {
            found.push(Condition::about_machine(problem.cause(), problem.what(), problem.next_step()));
        }
    }
    if snapshot.disk_free.is_some_and(|free| free < thresholds.disk) {
        let text = format!("Less than {} is free on the disk with the state.", size(thresholds.disk));
        let next_step = "Ops: make room before the disk is full. When it is, nothing more is received or sent, and nothing is lost.";
        found.push(Condition::about_machine("disk", text, next_step.to_owned()));
    }
    if let Some(error) = &snapshot.settings_error {
        let lines: Vec<&str> = error.lines().take(COMPLAINTS_MAX).collect();
        let more = error.lines().count().saturating_sub(COMPLAINTS_MAX);
        let more = if more == 0 { String::new() } else { format!(" And {more} more.") };
        let text = format!(
            "The settings file has mistakes, so the settings from before it was edited are still in use: {}.{more}",
            lines.join("; ")
        );
        let next_step = "Integrator: correct these lines of the file; posbridge reads it again by itself.";
        found.push(Condition::about_machine("settings", text, next_step.to_owned()));
    }
}

/// Whose Odoo a problem is about: `central` or a branch code. Every problem that has a side keeps it under this name.
fn side_of(problem: &Problem) -> Option<String> {
    Some(serde_json::to_value(problem).ok()?.get("side")?.as_str()?.to_owned())
}

fn is_of_machine(problem: &Problem) -> bool {
    matches!(problem, Problem::DiskFull { .. } | Problem::StateUnwritable { .. })
}

/// Whether an API key ends so soon that somebody has to be told.
pub fn ends_soon(ends: Timestamp, now: Timestamp) -> bool {
    ends.duration_since(now) <= signed(KEY_ENDS)
}

/// When the key of an owner ends, if that is soon.
fn key_end(owner: &str, snapshot: &Snapshot, now: Timestamp) -> Option<Timestamp> {
    snapshot.key_expiries.get(owner).copied().filter(|ends| ends_soon(*ends, now))
}

fn key_words(owner: &str, ends: &str) -> (String, String) {
    let text = format!("An API key of the bridge's user ends on {ends}.");
    let next_step = format!(
        "Integrator: log in to that Odoo as the bridge's user, open My Preferences > Security > Add API Key, then type \
         `posbridge secret set {owner} --next` and enter it: the bridge changes to it when the old one is refused. If the bridge uses \
         another key or a password, delete this one."
    );
    (text, next_step)
}

/// A moment in the branch's zone, which it names: `2026-12-01 08:12 Europe/Tirane`.
pub fn moment(at: Timestamp, zone: &TimeZone) -> String {
    let zoned = at.to_zoned(zone.clone());
    let name = zone.iana_name().map_or_else(|| zoned.strftime("UTC%:z").to_string(), str::to_owned);
    format!("{} {name}", zoned.strftime("%Y-%m-%d %H:%M"))
}

/// `2 h 5 min`, `3 days 4 h`: two units, since people round the rest away.
pub fn length(duration: Duration) -> String {
    let minutes = duration.as_secs() / 60;
    let (days, hours, rest) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    let day = if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
    match (days, hours, rest) {
        (0, 0, 0) => format!("{} s", duration.as_secs()),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (_, 0, _) => day,
        (_, hours, _) => format!("{day} {hours} h"),
    }
}

fn size(bytes: u64) -> String {
    const UNITS: [(u32, &str); 3] = [(40, "TiB"), (30, "GiB"), (20, "MiB")];
    let unit = UNITS.into_iter().find(|(shift, _)| bytes >= 1 << shift && bytes.is_multiple_of(1 << shift));
    unit.map_or_else(|| format!("{} MiB", bytes >> 20), |(shift, name)| format!("{} {name}", bytes >> shift))
}

fn signed(duration: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(duration).unwrap_or(jiff::SignedDuration::MAX)
}
