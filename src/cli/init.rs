//! `posbridge init`: a settings file to start from.

mod text;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jiff::{Timestamp, Zoned};
use secrecy::SecretString;
use serde_json::json;

use self::text::{Place, render};
use super::secret::{first_line, prompt};
use super::{Context, Failure, Status, owner, print};
use crate::config::{Config, ConfigError, Endpoint};
use crate::model::BranchCode;
use crate::problem::{Problem, Side, clean};
use crate::secret::{KeyRing, bound};
use crate::store::{Sealed, Store};
use crate::sync::{self, BranchChoices, CentralChoices, Connection};

/// One call of init: a person waits.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The state directory of a settings file, for people who try things out.
const BESIDE: &str = "state";
/// That of a settings file below /etc: the one that the service may write to (`systemd/posbridge.service`).
const OF_THE_SERVICE: &str = "/var/lib/posbridge";

/// Write a commented branches.toml to start from
///
/// Where a database and a user are given, it asks for the password, logs in, and fills in what matches by name:
/// company, warehouse, pricelist, sales team, shops, cashiers, taxes. What is not clear stands as a comment to pick
/// from. The passwords are sealed. Without a terminal they are read from standard input, one a line: central's,
/// then the branches' in the order given.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: posbridge init --central https://erp.example.com --branch tirana=https://tirana.example.com
  with log-ins, to fill in what they show:
         posbridge init --central https://erp.example.com --central-database erp \\
           --central-user bridge --branch tirana=https://tirana.example.com \\
           --branch-database tirana=shop --branch-user tirana=bridge")]
pub struct Init {
    /// Address of the central Odoo
    #[arg(long, value_name = "URL")]
    central: Option<String>,
    /// Its database
    #[arg(long, value_name = "DB", requires = "central")]
    central_database: Option<String>,
    /// The login of the bridge's user there
    #[arg(long, value_name = "USER", requires = "central")]
    central_user: Option<String>,
    /// Code and address of a branch; may be given more than once
    #[arg(long, value_name = "CODE=URL", value_parser = pair)]
    branch: Vec<(String, String)>,
    /// Its database
    #[arg(long, value_name = "CODE=DB", value_parser = pair, requires = "branch")]
    branch_database: Vec<(String, String)>,
    /// The login of the bridge's user there
    #[arg(long, value_name = "CODE=USER", value_parser = pair, requires = "branch")]
    branch_user: Vec<(String, String)>,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((code, value)) if !value.is_empty() => BranchCode::new(code).map(|code| (code.to_string(), value.to_owned())),
        _ => Err("write it as CODE=VALUE, e.g. tirana=https://tirana.example.com".to_owned()),
    }
}

/// A side that let us in, with the password to seal.
struct Entered {
    connection: Connection,
    place: Place,
    password: SecretString,
}

impl Init {
    pub async fn execute(self, context: &Context) -> Result<Status, Failure> {
        let file = target(context.config.clone());
        if file.exists() && !self.force {
            return Err(Failure::Other(format!(
                "{} is there already, and nothing was changed. Name another file with --config FILE, or write over it with --force",
                file.display()
            )));
        }
        let (central, branches) = self.places()?;
        let state = state_of(&file)?;
        if branches.iter().chain([&central]).any(is_complete) {
            owner::check(&state)
                .map_err(|failure| Failure::Other(format!("{failure}. Or leave out the users, and seal the passwords later")))?;
        }
        let mut entered = Vec::new();
        let mut problems = Vec::new();
        let mut offered: Option<CentralChoices> = None;
        if let Some(side) = enter(Side::Central, &central, &mut problems).await? {
            match sync::central_choices(&side.connection, None).await {
                Ok(choices) => offered = Some(choices),
                Err(problem) => problems.push(problem),
            }
            entered.push(side);
        }
        let mut known: Vec<(Place, Option<BranchChoices>)> = Vec::new();
        for place in branches {
            let code = BranchCode::new(&place.owner).map_err(Failure::Other)?;
            let mut choices = None;
            if let Some(side) = enter(Side::Branch(code), &place, &mut problems).await? {
                match sync::branch_choices(&side.connection).await {
                    Ok(found) => choices = Some(found),
                    Err(problem) => problems.push(problem),
                }
                entered.push(side);
            }
            known.push((place, choices));
        }
        let text = render(shown(&state), &central, offered.as_ref(), &known, Zoned::now().date());
        write(&file, &text, self.force)?;
        let sealed = seal(&state, &entered)?;
        report(&file, &text, &sealed, &problems, context.json)
    }

    fn places(&self) -> Result<(Place, Vec<Place>), Failure> {
        let given = |value: &Option<String>| value.clone().unwrap_or_default();
        let central = Place {
            owner: Side::CENTRAL.to_owned(),
            url: address(&given(&self.central))?,
            database: given(&self.central_database),
            user: given(&self.central_user),
        };
        let databases: BTreeMap<&String, &String> = self.branch_database.iter().map(|(code, value)| (code, value)).collect();
        let users: BTreeMap<&String, &String> = self.branch_user.iter().map(|(code, value)| (code, value)).collect();
        if let Some(code) = databases.keys().chain(users.keys()).find(|code| !self.branch.iter().any(|(known, _)| known == **code)) {
            return Err(Failure::Other(format!("There is no --branch {code}=URL for the database or user of {code}")));
        }
        let mut branches: Vec<Place> = Vec::new();
        for (code, url) in &self.branch {
            if code == Side::CENTRAL || branches.iter().any(|place| place.owner == *code) {
                return Err(Failure::Other(format!("The code {code:?} is taken; each branch needs a code of its own")));
            }
            let value = |map: &BTreeMap<&String, &String>| map.get(code).map(|value| (*value).clone()).unwrap_or_default();
            branches.push(Place { owner: code.clone(), url: address(url)?, database: value(&databases), user: value(&users) });
        }
        if branches.is_empty() {
            branches.push(Place { owner: "tirana".to_owned(), ..Place::default() });
        }
        Ok((central, branches))
    }
}

/// `--config`, `$POSBRIDGE_CONFIG` or `./branches.toml`: where the other verbs look first.
fn target(explicit: Option<PathBuf>) -> PathBuf {
    let variable = std::env::var_os("POSBRIDGE_CONFIG").filter(|value| !value.is_empty()).map(PathBuf::from);
    explicit.or(variable).unwrap_or_else(|| PathBuf::from("branches.toml"))
}

/// An address as the settings keep it. It is not repeated in a complaint: it may hold a password.
fn address(text: &str) -> Result<String, Failure> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let wrong = |what: &str| Err(Failure::Other(format!("{what} Write the address as https://erp.example.com; nothing was written")));
    match reqwest::Url::parse(text) {
        Ok(url) if !url.username().is_empty() || url.password().is_some() => wrong("An address has a user or password in it."),
        Ok(url) if matches!(url.scheme(), "https" | "http") && url.has_host() => Ok(url.as_str().trim_end_matches('/').to_owned()),
        _ => wrong("An address does not begin with https:// and a server name."),
    }
}

fn is_complete(place: &Place) -> bool {
    ![&place.url, &place.database, &place.user].into_iter().any(String::is_empty)
}

/// Asks for the password and logs in, where database and user are given. What goes wrong there is told at the end.
async fn enter(side: Side, place: &Place, problems: &mut Vec<Problem>) -> Result<Option<Entered>, Failure> {
    if !is_complete(place) {
        return Ok(None);
    }
    let password = if std::io::stdin().is_terminal() { prompt(&place.owner, &place.user)? } else { first_line(&place.owner)? };
    let endpoint = Endpoint {
        url: place.url.clone(),
        database: place.database.clone(),
        user: place.user.clone(),
        timeout: TIMEOUT,
        protocol: None,
        ca_file: None,
        allow_http: true,
    };
    match sync::log_in(side, &endpoint, password.clone()).await {
        Ok(connection) => Ok(Some(Entered { connection, place: place.clone(), password })),
        Err(problem) => {
            problems.push(problem);
            Ok(None)
        }
    }
}

fn write(file: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o644);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let written = options.open(file).and_then(|mut open| open.write_all(text.as_bytes()).and_then(|()| open.sync_all()));
    written.map_err(|error| Failure::Other(format!("Cannot write {}: {error}. Name another file with --config FILE", file.display())))
}

/// The state directory of a new file: beside it, but for the service, which writes nothing below /etc.
fn state_of(file: &Path) -> Result<PathBuf, Failure> {
    let absolute = std::path::absolute(file)?;
    let beside = || absolute.parent().unwrap_or(Path::new("/")).join(BESIDE);
    Ok(if absolute.starts_with("/etc") { PathBuf::from(OF_THE_SERVICE) } else { beside() })
}

/// How the new file names it.
fn shown(state: &Path) -> &'static str {
    if state == Path::new(OF_THE_SERVICE) { OF_THE_SERVICE } else { BESIDE }
}

/// Keeps the passwords that let us in; the names of their sides.
fn seal(state: &Path, entered: &[Entered]) -> Result<Vec<String>, Failure> {
    if entered.is_empty() {
        return Ok(Vec::new());
    }
    let store = Store::open(state)?;
    let keys = KeyRing::load(state)?;
    let mut secrets = Vec::new();
    for Entered { place, password, .. } in entered {
        let sealed = keys.seal(&place.owner, "password", &bound(&place.url, &place.user), password)?;
        secrets.push(Sealed { owner: place.owner.clone(), field: "password".to_owned(), sealed, updated_at: Timestamp::now() });
    }
    store.put_secrets(&secrets)?;
    for side in entered {
        side.connection.remember(&store, None)?;
    }
    Ok(secrets.into_iter().map(|secret| secret.owner).collect())
}

/// Lines that the reader of the file refuses as they stand, with what belongs there.
fn to_fill_in(file: &Path, text: &str) -> Result<Vec<(usize, String)>, Failure> {
    let complaints = match Config::parse(text, file) {
        Ok(_) => Vec::new(),
        Err(ConfigError::Wrong { complaints, .. }) => complaints,
        Err(other) => return Err(other.into()),
    };
    let hint = |line: usize| {
        let (setting, hint) = text.lines().nth(line.checked_sub(1)?)?.split_once(" # fill in: ")?;
        Some(format!("{}: {hint}", setting.split(' ').next()?))
    };
    Ok(complaints.into_iter().map(|complaint| (complaint.line, hint(complaint.line).unwrap_or(complaint.text))).collect())
}

fn report(file: &Path, text: &str, sealed: &[String], problems: &[Problem], as_json: bool) -> Result<Status, Failure> {
    let blanks = to_fill_in(file, text)?;
    if as_json {
        let blanks: Vec<_> = blanks.iter().map(|(line, what)| json!({ "line": line, "what": what })).collect();
        let problems: Vec<_> =
            problems.iter().map(|p| json!({ "cause": p.cause(), "message": p.what(), "next_step": p.next_step() })).collect();
        print::json(&json!({ "file": file, "fill_in": blanks, "sealed": sealed, "problems": problems }))?;
    } else {
        print::line(&format!("Wrote {}", file.display()))?;
        if !sealed.is_empty() {
            print::line(&format!("Sealed the passwords of: {}", sealed.join(", ")))?;
        }
        if !blanks.is_empty() {
            print::line("Fill in:")?;
        }
        for (line, what) in &blanks {
            print::line(&format!("  line {line:>3}: {}", clean(what, 300)))?;
        }
        for problem in problems {
            print::line(&format!("{} {}", problem.what(), problem.next_step()))?;
        }
        print::line(if sealed.is_empty() {
            "Then: posbridge secret set central, the same for each branch, and posbridge check"
        } else {
            "Then: posbridge check"
        })?;
    }
    Ok(if problems.is_empty() { Status::Done } else { Status::SomeWait })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_stands_beside_the_file_but_not_below_etc() {
        let state = |file: &str| {
            let state = state_of(Path::new(file)).expect("a path");
            (state.display().to_string(), shown(&state))
        };
        assert_eq!(state("/srv/pos/branches.toml"), ("/srv/pos/state".to_owned(), "state"));
        assert_eq!(state("/etc/posbridge/branches.toml"), ("/var/lib/posbridge".to_owned(), "/var/lib/posbridge"));
    }
}
