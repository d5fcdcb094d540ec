//! The command line: one file a verb. A verb opens what it needs, calls the library, prints.

mod alerts;
mod audit;
mod backup;
mod bundle;
mod check;
mod decide;
mod demo;
mod init;
mod log;
mod logs;
mod manual;
mod owner;
mod print;
mod receive;
mod reconcile;
mod run;
mod secret;
mod send;
mod status;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, ConfigError};
use crate::problem::Problem;
use crate::secret::SecretError;
use crate::store::StoreError;
use crate::sync::Halt;

pub use print::colour;

/// Brings the POS orders of many branches into one central Odoo as draft sales orders, each exactly once, and master data
/// from central to the branches.
#[derive(Debug, Parser)]
#[command(name = "posbridge", version, max_term_width = 100, after_help = "Start with: posbridge init, posbridge check, posbridge receive")]
pub struct Cli {
    /// The settings file; else $POSBRIDGE_CONFIG, ./branches.toml or /etc/posbridge/branches.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long, global = true)]
    json: bool,
    /// Say more of what is going on (-vv: everything)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// How events are logged, if not as it fits: people on a terminal, journald under systemd, JSON otherwise
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<logs::LogFormat>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Demo(demo::Demo),
    Init(init::Init),
    Check(check::Check),
    Secret(secret::Secret),
    Run(run::Run),
    Receive(receive::Receive),
    Send(send::Send),
    Status(status::Status),
    Alerts(alerts::Alerts),
    Audit(audit::Audit),
    Log(log::Log),
    Reconcile(reconcile::Reconcile),
    Retry(decide::Retry),
    Ignore(decide::Ignore),
    Backup(backup::Backup),
    Restore(backup::Restore),
    User(user::User),
    SupportBundle(bundle::SupportBundle),
    Completions(manual::Completions),
    Man(manual::Man),
}

/// How a verb that could run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// All done.
    Done,
    /// It ran, and some records failed or wait.
    SomeWait,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        match status {
            Status::Done => Self::SUCCESS,
            Status::SomeWait => Self::from(3),
        }
    }
}

/// Why a verb could not run. Its text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The settings file.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The ledger.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key or a sealed password.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Something from the catalogue.
    #[error("{} {} {}", .0.what(), .0.meaning(), .0.next_step())]
    Problem(Problem),
    /// Anything else, a whole sentence.
    #[error("{0}")]
    Other(String),
    /// Standard output was closed.
    #[error("standard output was closed")]
    ReaderGone,
}

impl From<Halt> for Failure {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Problem(problem) => Self::Problem(problem),
            Halt::Store(error) => Self::Store(error),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::Other(error.to_string()),
        }
    }
}

/// What all verbs share.
struct Context {
    config: Option<PathBuf>,
    json: bool,
}

impl Context {
    fn config(&self) -> Result<Config, Failure> {
        let config = Config::load(&Config::find(self.config.clone())?)?;
        owner::check(&config.state)?;
        Ok(config)
    }
}

impl Cli {
    /// Begins to log; `$POSBRIDGE_LOG` chooses what is shown, else the verb and `-v`.
    pub fn begin_logging(&self) {
        let is_daemon = matches!(self.verb, Verb::Run(_));
        let level = match self.verbose {
            0 if is_daemon => "posbridge=info",
            0 => "error",
            1 if !is_daemon => "posbridge=info",
            _ => "posbridge=debug",
        };
        logs::begin(self.log_format, is_daemon, level);
    }

    /// Runs the verb.
    ///
    /// # Errors
    /// [`Failure`]: it could not run.
    pub async fn execute(self) -> Result<Status, Failure> {
        let context = Context { config: self.config, json: self.json };
        match self.verb {
            Verb::Demo(verb) => verb.execute(&context).await,
            Verb::Init(verb) => verb.execute(&context).await,
            Verb::Completions(verb) => verb.execute(),
            Verb::Man(verb) => verb.execute(),
            Verb::Check(verb) => verb.execute(&context).await,
            Verb::Secret(verb) => verb.execute(&context),
            Verb::Run(verb) => verb.execute(&context).await,
            Verb::Receive(verb) => verb.execute(&context).await,
            Verb::Send(verb) => verb.execute(&context).await,
            Verb::Status(verb) => verb.execute(&context),
            Verb::Alerts(verb) => verb.execute(&context).await,
            Verb::Audit(verb) => verb.execute(&context).await,
            Verb::Log(verb) => verb.execute(&context),
            Verb::Reconcile(verb) => verb.execute(&context).await,
            Verb::Retry(verb) => verb.execute(&context).await,
            Verb::Ignore(verb) => verb.execute(&context),
            Verb::Backup(verb) => verb.execute(&context),
            Verb::Restore(verb) => verb.execute(&context),
            Verb::User(verb) => verb.execute(&context),
            Verb::SupportBundle(verb) => verb.execute(&context),
        }
    }
}

/// The branches with these codes, or all that are enabled.
fn branches_named(config: &Config, codes: &[String]) -> Result<Vec<crate::config::Branch>, Failure> {
    if codes.is_empty() {
        return Ok(config.branches.iter().filter(|branch| branch.enabled).cloned().collect());
    }
    let known = || config.branches.iter().map(|branch| branch.code.as_str()).collect::<Vec<_>>().join(", ");
    let find = |code: &String| {
        config.branch(code).cloned().ok_or_else(|| {
            Failure::Other(format!(
                "{} has no branch {:?}. Its branches are: {}",
                config.file.display(),
                crate::problem::clean(code, 40),
                known()
            ))
        })
    };
    codes.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_verb_has_an_example() {
        fn without(command: &clap::Command, name: &str, missing: &mut Vec<String>) {
            let verbs: Vec<_> = command.get_subcommands().collect();
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            if !help.contains(&format!("Example: {name}")) && name != "posbridge" {
                missing.push(name.to_owned());
            }
            for verb in verbs {
                without(verb, &format!("{name} {}", verb.get_name()), missing);
            }
        }
        use clap::CommandFactory as _;
        let mut missing = Vec::new();
        without(&super::Cli::command(), "posbridge", &mut missing);
        assert_eq!(missing, Vec::<String>::new());
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        super::Cli::command().debug_assert();
    }
}
