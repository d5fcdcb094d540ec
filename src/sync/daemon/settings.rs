//! branches.toml while the daemon runs: looked at, read when it has changed, used only if all of it is valid.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};

use super::{Daemon, News, last_pass, passes, watched};
use crate::config::Config;
use crate::store::Paused;

/// How often the file is looked at: one `stat`.
const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(2);

/// A file as it lies on the disk; another one after each save.
type Stamp = Option<(SystemTime, u64, u64)>;

/// The file and what was last made of it.
#[derive(Debug)]
pub struct Watched {
    file: PathBuf,
    /// As it was when it was last read.
    read: Stamp,
    /// As it was at the last look: it is read when two looks agree, for an editor may be half-way through.
    seen: Stamp,
    looked_at: Timestamp,
    mistake: Option<String>,
}

impl Watched {
    /// A file that was read a while ago: it may have changed since, so it is read once more.
    pub fn new(file: &Path) -> Self {
        Self { file: file.to_owned(), read: None, seen: stamp(file), looked_at: Timestamp::MIN, mistake: None }
    }

    /// Why the file as it is now is not used.
    pub fn mistake(&self) -> Option<&str> {
        self.mistake.as_deref()
    }

    /// Whether the file has changed and lies still.
    fn changed(&mut self, now: Timestamp) -> bool {
        if now.duration_since(self.looked_at).abs() < LOOK_EVERY {
            return false;
        }
        self.looked_at = now;
        let stamp = stamp(&self.file);
        let still = stamp == self.seen;
        self.seen = stamp;
        still && stamp != self.read
    }
}

fn stamp(file: &Path) -> Stamp {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
}

impl<T: Fn(News) + Send> Daemon<T> {
    pub(super) fn look_at_settings(&mut self, now: Timestamp) {
        if self.settings.changed(now) {
            self.reload(false);
        }
    }

    /// Reads the file; valid settings hold from the next pass on, others change nothing and are told. Of settings that
    /// say the same as before only who asked is told.
    pub(super) fn reload(&mut self, asked: bool) {
        (self.tell)(News::Reloading);
        self.settings.read = stamp(&self.settings.file);
        match self.read_settings() {
            Ok(config) => {
                self.settings.mistake = None;
                self.monitor.settings(true);
                if asked || format!("{config:?}") != format!("{:?}", self.as_written) {
                    self.take_up(config);
                }
            }
            Err(mistake) => {
                self.monitor.settings(false);
                for line in mistake.lines() {
                    tracing::error!(cause = "settings_wrong", settings = %self.settings.file.display(), "{line}");
                }
                tracing::error!(
                    cause = "settings_wrong",
                    settings = %self.settings.file.display(),
                    "The settings from before stay in use. Integrator: correct the lines named above and save the file"
                );
                self.settings.mistake = Some(mistake);
            }
        }
        (self.tell)(News::Ready);
    }

    fn read_settings(&self) -> Result<Config, String> {
        let config = Config::load(&self.settings.file).map_err(|error| error.to_string())?;
        let before = &self.bridge.config;
        if config.state != before.state {
            return Err(format!(
                "{}: `state` is {} now; the daemon works on {}. Stop it, move the directory, start it again",
                config.file.display(),
                config.state.display(),
                before.state.display()
            ));
        }
        for (table, changed) in
            [("monitoring", config.monitoring != before.monitoring), ("dashboard", config.dashboard != before.dashboard)]
        {
            if changed {
                tracing::warn!("The changed [{table}] is taken up when the daemon starts again");
            }
        }
        Ok(config)
    }

    /// Takes up what people have paused and resumed.
    pub(super) async fn look_at_pauses(&mut self) {
        let Ok(paused) = self.bridge.store.run(|store| store.paused()).await else { return };
        if paused != self.paused {
            self.paused = paused;
            self.take_up(self.as_written.clone());
        }
    }

    pub(super) fn take_up(&mut self, config: Config) {
        let now = Timestamp::now();
        let before = self.bridge.clone();
        self.as_written = config.clone();
        let config = without_paused(config, &self.paused);
        let changes = changes(&before.config, &config);
        self.bridge = Arc::new(before.under(config));
        self.shown.send_replace(self.bridge.clone());
        let config = &self.bridge.config;
        self.table.reload(config, now, last_pass(&config.state));
        self.monitor.branches(&watched(config));
        for branch in &before.config.branches {
            if config.branch(branch.code.as_str()).is_some_and(|new| new.endpoint != branch.endpoint) {
                self.table.ask_again(&branch.code, now);
            }
        }
        self.said.retain(|(branch, _), _| config.branch(branch.as_str()).is_some());
        if config.central.endpoint != before.config.central.endpoint || config.central.writers != before.config.central.writers {
            match passes::central(&self.bridge) {
                Ok((central, seal)) => (self.central, self.central_seal, self.central_away) = (central, seal, None),
                Err(halt) => {
                    let problem = halt.into_problem();
                    tracing::error!(cause = problem.cause(), "{} {}", problem.what(), problem.next_step());
                }
            }
        }
        self.tell_plans();
        let config = &self.bridge.config;
        tracing::info!(settings = %config.file.display(), branches = config.branches.len(), "New settings are in use: {changes}");
    }
}

/// The settings with the branches that somebody has paused not enabled.
pub(super) fn without_paused(mut config: Config, paused: &[Paused]) -> Config {
    for branch in &mut config.branches {
        branch.enabled &= !paused.iter().any(|paused| paused.branch == branch.code.as_str());
    }
    config
}

/// In words, what new settings change.
fn changes(before: &Config, after: &Config) -> String {
    let named = |config: &Config, other: &Config| -> Vec<String> {
        let missing = config.branches.iter().filter(|branch| other.branch(branch.code.as_str()).is_none());
        missing.map(|branch| branch.code.to_string()).collect()
    };
    let (added, removed) = (named(after, before), named(before, after));
    let changed = after
        .branches
        .iter()
        .filter(|branch| before.branch(branch.code.as_str()).is_some_and(|old| format!("{old:?}") != format!("{branch:?}")));
    let changed: Vec<String> = changed.map(|branch| branch.code.to_string()).collect();
    let central = format!("{:?}", before.central) != format!("{:?}", after.central);
    let parts = [("added", added), ("removed", removed), ("changed", changed)];
    let mut words: Vec<String> =
        parts.iter().filter(|(_, codes)| !codes.is_empty()).map(|(word, codes)| format!("{word} {}", codes.join(", "))).collect();
    if central {
        words.push("changed central".to_owned());
    }
    if words.is_empty() { "no branch changed".to_owned() } else { words.join("; ") }
}
