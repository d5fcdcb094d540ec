//! `posbridge completions` and `posbridge man`: made from the command line itself, so that they cannot be out of date.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory as _};

use super::{Cli, Failure, Status, print};

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "Example: posbridge completions bash > /etc/bash_completion.d/posbridge\n         \
                        posbridge completions zsh > ~/.zfunc/_posbridge")]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Print the manual page, or write one page a verb into a directory
#[derive(Debug, Args)]
#[command(after_help = "Example: posbridge man | man -l -\n         posbridge man /usr/local/share/man/man1")]
pub struct Man {
    /// Where to write the pages
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

impl Completions {
    pub fn execute(self) -> Result<Status, Failure> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "posbridge", &mut text);
        std::io::stdout().lock().write_all(&text)?;
        Ok(Status::Done)
    }
}

impl Man {
    pub fn execute(self) -> Result<Status, Failure> {
        let mut command = Cli::command();
        command.build();
        let Some(directory) = self.directory else {
            std::io::stdout().lock().write_all(&page(&command, "posbridge")?)?;
            return Ok(Status::Done);
        };
        let unwritable = |error: std::io::Error| {
            Failure::Other(format!("Cannot write the pages into {}: {error}. Name a directory of yours", directory.display()))
        };
        std::fs::create_dir_all(&directory).map_err(unwritable)?;
        let mut written = 0;
        write_all(&command, "posbridge", &directory, &mut written).map_err(|failure| match failure {
            Failure::Other(text) => unwritable(std::io::Error::other(text)),
            other => other,
        })?;
        print::line(&format!("Wrote {written} pages into {}", directory.display()))?;
        Ok(Status::Done)
    }
}

fn page(command: &Command, name: &str) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).title(name.to_uppercase()).render(&mut text)?;
    Ok(text)
}

/// `posbridge.1`, `posbridge-log.1`, `posbridge-log-show.1`, …
fn write_all(command: &Command, name: &str, directory: &Path, written: &mut usize) -> Result<(), Failure> {
    std::fs::write(directory.join(format!("{name}.1")), page(command, name)?)?;
    *written += 1;
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help") {
        write_all(verb, &format!("{name}-{}", verb.get_name()), directory, written)?;
    }
    Ok(())
}
