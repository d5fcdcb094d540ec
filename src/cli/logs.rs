//! Where events go: a line each for people on a terminal, the journal under systemd, JSON lines otherwise.

use std::io::IsTerminal as _;
use std::os::unix::fs::MetadataExt as _;

use clap::ValueEnum;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry, fmt};

/// The variable that chooses what is shown, in the words of `tracing`.
const FILTER: &str = "POSBRIDGE_LOG";

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line for people
    Human,
    /// A JSON object a line
    Json,
    /// Structured fields to the journal of systemd
    Journald,
}

impl LogFormat {
    /// What fits standard error: the journal if it is connected to it, people on a terminal, else JSON.
    fn fitting() -> Self {
        if journal_listens() {
            Self::Journald
        } else if std::io::stderr().is_terminal() {
            Self::Human
        } else {
            Self::Json
        }
    }
}

/// Begins to log, for the whole process.
pub fn begin(format: Option<LogFormat>, is_daemon: bool, level: &str) {
    let filter = EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| level.into());
    // Who types a command reads its lines, whatever they are piped through.
    let format = format.unwrap_or_else(|| if is_daemon { LogFormat::fitting() } else { LogFormat::Human });
    let human = || fmt::layer().with_writer(std::io::stderr).with_ansi(super::colour()).with_target(false);
    let layer: Box<dyn tracing_subscriber::Layer<Registry> + Send + Sync> = match format {
        LogFormat::Human => human().boxed(),
        LogFormat::Json => {
            fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false).with_writer(std::io::stderr).boxed()
        }
        LogFormat::Journald => match tracing_journald::layer() {
            Ok(layer) => layer.with_field_prefix(None).with_syslog_identifier("posbridge".to_owned()).boxed(),
            Err(_) => human().with_ansi(false).boxed(),
        },
    };
    Registry::default().with(layer.with_filter(filter)).init();
}

/// Whether standard error is the journal: `$JOURNAL_STREAM` names its device and inode.
fn journal_listens() -> bool {
    let Some(stream) = std::env::var_os("JOURNAL_STREAM") else { return false };
    let Ok(metadata) = std::fs::metadata("/proc/self/fd/2") else { return false };
    stream.to_str() == Some(&format!("{}:{}", metadata.dev(), metadata.ino()))
}
