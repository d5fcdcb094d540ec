//! branches.toml read into valid types; every complaint at once, each with its line and what to do.
//!
//! A [`Config`] that exists is valid: no URL carries a password, no two branches share a database, every duration
//! is within its limits. What only an Odoo can tell (does the warehouse exist?) is `posbridge check`'s to ask.
//! Passwords never stand in the file, and no complaint repeats a value that could be one.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use crate::model::{BranchCode, Protocol};

mod alerts;
mod dashboard;
mod domain;
mod monitoring;
mod read;
mod retention;
mod send;

pub use alerts::{Alerts, Mail, MailTls, Webhook};
pub use dashboard::Dashboard;
pub use domain::{DOMAIN_MAX, check_domain, parse_domain};
pub use monitoring::Monitoring;
pub use retention::Retention;
pub use send::{Choose, Selection, Send};

/// All of branches.toml, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file it was read from, absolute.
    pub file: PathBuf,
    /// Where database, lock and key live: absolute; written relative to the file.
    pub state: PathBuf,
    /// The central Odoo.
    pub central: Central,
    /// The branches in the order of the file.
    pub branches: Vec<Branch>,
    /// What the daemon tells machines that watch it.
    pub monitoring: Monitoring,
    /// Where people look at the bridge in a browser.
    pub dashboard: Option<Dashboard>,
    /// Who is told when something needs a person.
    pub alerts: Alerts,
    /// How long is kept what is not needed for ever.
    pub retention: Retention,
}

/// The table `[central]`.
#[derive(Debug, Clone)]
pub struct Central {
    /// Where it is and who logs in.
    pub endpoint: Endpoint,
    /// The company of the drafts, by name; none = the user's default company.
    pub company: Option<String>,
    /// How many calls write to central at one time, 1 to 8.
    pub writers: usize,
}

/// One Odoo and the user the bridge logs in as. The password is not here: see [`crate::secret`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `scheme://host[:port][/prefix]`, the host in lower case, no trailing slash.
    pub url: String,
    /// The database.
    pub database: String,
    /// The login.
    pub user: String,
    /// How long one call may take, 1 s to 600 s.
    pub timeout: Duration,
    /// How it is called; none = whatever it speaks best, asked once.
    pub protocol: Option<Protocol>,
    /// A PEM file with a private authority's certificate; absolute.
    pub ca_file: Option<PathBuf>,
    /// Plain http to another machine was allowed in so many words.
    pub allow_http: bool,
}

impl Endpoint {
    /// The address without its scheme, as people know it: `erp.example.com`.
    pub fn place(&self) -> &str {
        self.url.split("://").nth(1).unwrap_or(&self.url)
    }
}

/// One `[branch.CODE]` with the `[defaults]` under it.
#[derive(Debug, Clone)]
pub struct Branch {
    /// The code: part of every external id, never changed.
    pub code: BranchCode,
    /// The name for people; without one, the code.
    pub name: String,
    /// Where it is and who logs in.
    pub endpoint: Endpoint,
    /// A branch that is not enabled makes no passes.
    pub enabled: bool,
    /// When passes start.
    pub schedule: Schedule,
    /// Passes start later than the schedule says by a fixed part of this, another one for each branch.
    pub jitter: Duration,
    /// The first day of business that is received, in the branch's zone.
    pub from: Date,
    /// The zone of `from`, of a cron schedule and of days of business.
    pub timezone: TimeZone,
    /// When the days before are compared with central, by the clock of `timezone`; none = only when somebody asks.
    pub reconcile: Option<Time>,
    /// Names of the Points of Sale to receive; empty = all.
    pub shops: Vec<String>,
    /// From which state on an order is received.
    pub receive: Receive,
    /// What becomes of orders that the branch has invoiced itself.
    pub invoiced: Invoiced,
    /// The central customer for sales without one: id, reference or exact name.
    pub customer: String,
    /// What becomes of a sale to a customer that central does not know.
    pub unknown_customer: UnknownCustomer,
    /// The central company of this branch's drafts, by name; central's unless given.
    pub company: Option<String>,
    /// Central warehouse: code or name.
    pub warehouse: Option<String>,
    /// Central pricelist, by name.
    pub pricelist: Option<String>,
    /// Central sales team, by name.
    pub team: Option<String>,
    /// Login of the central salesperson when `salespeople` does not name one.
    pub salesperson: Option<String>,
    /// What products are found by, in this order.
    pub match_products: Vec<MatchProduct>,
    /// The adjustment line for small differences; none = every difference is a problem.
    pub rounding: Option<Rounding>,
    /// Branch login = central login.
    pub salespeople: BTreeMap<String, String>,
    /// Branch tax name = central tax name.
    pub taxes: BTreeMap<String, String>,
    /// Branch product name or reference = central barcode or Internal Reference.
    pub products: BTreeMap<String, String>,
    /// How far a pass looks back behind the cursor.
    pub overlap: Duration,
    /// What goes from central to the branch.
    pub send: Send,
}

/// When passes start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// At `start` and then every so often; without a start, at once when the daemon starts.
    Every {
        /// Between the starts of two passes.
        every: Duration,
        /// The first pass.
        start: Option<Timestamp>,
    },
    /// By a cron line of 5 or 6 fields (6: seconds first), in the branch's zone.
    Cron {
        /// The line, with single blanks.
        cron: String,
    },
}

/// From which state on an order is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receive {
    /// As soon as it is paid.
    Paid,
    /// When its session is closed.
    Closed,
}

/// What becomes of orders that the branch has invoiced itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invoiced {
    /// Received, and the draft says so.
    Mark,
    /// Not received.
    Skip,
}

/// What becomes of a sale to a named customer that central does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownCustomer {
    /// The branch's `customer` is used and the name goes into the note.
    Default,
    /// The sale waits as a problem.
    Problem,
}

/// A field that products are found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchProduct {
    /// The barcode.
    Barcode,
    /// The Internal Reference.
    DefaultCode,
}

/// The adjustment line for small differences between till and central.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rounding {
    /// Internal Reference (or exact name) of the central product of that line.
    pub product: String,
    /// The largest difference that is adjusted, in the order's currency; above 0.
    pub limit: Decimal,
}

/// One thing to correct in branches.toml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Line in the file, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong and what to do, e.g. `branch "tirana": …`.
    pub text: String,
}

/// Why there is no configuration.
#[derive(Debug)]
pub enum ConfigError {
    /// No file at any of the places looked at.
    NotFound {
        /// The places, in the order looked at.
        looked: Vec<PathBuf>,
    },
    /// The file cannot be read, or is no text, or too large.
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// The file was read and has mistakes: all of them, in the order of the file.
    Wrong {
        /// The file.
        file: PathBuf,
        /// At least one.
        complaints: Vec<Complaint>,
    },
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::NotFound { looked } => {
                f.write_str("There is no configuration. Looked for:")?;
                for place in looked {
                    write!(f, "\n  {}", place.display())?;
                }
                f.write_str("\nWrite one to start from with `posbridge init`, or name one with --config FILE.")
            }
            ConfigError::Unreadable { file, reason } => write!(f, "{}: {reason}", file.display()),
            ConfigError::Wrong { file, complaints } => {
                for (index, Complaint { line, column, text }) in complaints.iter().take(COMPLAINTS_SHOWN).enumerate() {
                    let newline = if index == 0 { "" } else { "\n" };
                    write!(f, "{newline}{}:{line}:{column}: {text}", file.display())?;
                }
                match complaints.len().saturating_sub(COMPLAINTS_SHOWN) {
                    0 => Ok(()),
                    more => write!(f, "\nand {more} more"),
                }
            }
        }
    }
}

/// Largest branches.toml: a thousand branches with every key written out stay under 2 MiB, so more is a mistake
/// (a database dump, a log) that is not worth its memory.
pub const FILE_MAX: u64 = 4 * 1024 * 1024;
/// Most branches in one file: one daemon gives each a task and a connection of its own; more than this belong on
/// a second bridge.
pub const BRANCHES_MAX: usize = 1_000;
/// Most complaints that are printed: a screenful or two; after that the first ones have to be corrected anyway.
const COMPLAINTS_SHOWN: usize = 100;

/// The environment variable that names the file.
const FILE_VARIABLE: &str = "POSBRIDGE_CONFIG";
/// Where the file is looked for when nothing names it.
const PLACES: [&str; 2] = ["./branches.toml", "/etc/posbridge/branches.toml"];

impl Config {
    /// Reads and checks a file. Fails with all complaints at once; nothing of a faulty file is used.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        let text = read_text(path)?;
        Config::parse(&text, path)
    }

    /// Checks a text; `file` gives the name for complaints and the directory that `state` and `ca_file` are
    /// relative to. Touches no other file.
    pub fn parse(text: &str, file: &Path) -> Result<Config, ConfigError> {
        read::read(text, file)
    }

    /// The branch with this code.
    pub fn branch(&self, code: &str) -> Option<&Branch> {
        self.branches.iter().find(|branch| branch.code.as_str() == code)
    }

    /// Which file: `explicit` (`--config`), else `$POSBRIDGE_CONFIG`, else `./branches.toml`, else
    /// `/etc/posbridge/branches.toml`. A file that was named but is not there is an error: the next place could
    /// hold the branches of another installation.
    pub fn find(explicit: Option<PathBuf>) -> Result<PathBuf, ConfigError> {
        let variable = std::env::var_os(FILE_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
        first_present(match explicit.or(variable) {
            Some(named) => vec![named],
            None => PLACES.map(PathBuf::from).to_vec(),
        })
    }
}

impl Branch {
    /// Midnight of `from` in the branch's zone: nothing sold before it is received.
    pub fn from_utc(&self) -> Timestamp {
        // The years that the reader allows always convert; were one not to, nothing is received rather than all.
        self.from.to_zoned(self.timezone.clone()).map_or(Timestamp::MAX, |midnight| midnight.timestamp())
    }
}

/// The first of the places that is there. Without any, the first that cannot be looked at: reading it says why. It comes
/// last, since the account of the service may not look into the home of whoever types the command.
fn first_present(places: Vec<PathBuf>) -> Result<PathBuf, ConfigError> {
    let there = places.iter().find(|place| place.try_exists().unwrap_or(false));
    match there.or_else(|| places.iter().find(|place| place.try_exists().is_err())) {
        Some(place) => Ok(place.clone()),
        None => Err(ConfigError::NotFound { looked: places }),
    }
}

/// The text of a file of at most [`FILE_MAX`] bytes.
fn read_text(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |reason: String| ConfigError::Unreadable { file: path.to_owned(), reason };
    let io = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => ConfigError::NotFound { looked: vec![path.to_owned()] },
        io::ErrorKind::PermissionDenied => {
            unreadable("this user may not read the file; let the user that runs posbridge read it".to_owned())
        }
        io::ErrorKind::IsADirectory => unreadable("is a directory; name the file in it with --config FILE".to_owned()),
        _ => unreadable(format!("cannot be read: {error}")),
    };
    let mut bytes = Vec::new();
    File::open(path).map_err(io)?.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(unreadable(format!("is larger than {} MiB; is it the right file?", FILE_MAX / 1024 / 1024)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let sound = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + sound.iter().filter(|&&byte| byte == b'\n').count();
        unreadable(format!("line {line} is not UTF-8 text; save the file as UTF-8 in the editor"))
    })
}

#[cfg(test)]
mod tests;
