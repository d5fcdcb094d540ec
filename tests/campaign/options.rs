//! The command line.

use posbridge::demo::Version;

/// What to do.
pub enum What {
    /// Run trials.
    Trials,
    /// Tell one trial.
    Story(u64),
    /// Run each trial twice and compare.
    Repeat,
    /// Plant bugs and see that they are found: some by name, or all.
    Planted(String),
}

pub struct Options {
    pub what: What,
    pub seeds: u64,
    pub from: u64,
    pub jobs: usize,
    pub versions: Versions,
    /// Seeds whose violations are known (README.md, "What seeds have shown"): told, and not counted.
    pub open: Vec<u64>,
}

/// Which Odoo both sides are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Versions {
    pub branches: Version,
    pub central: Version,
}

const USAGE: &str = "campaign [--seeds N] [--from N] [--jobs N] [--branches 14..19] [--central 14..19] [--open SEED,…] \
                     [--story SEED | --repeat | --planted NAME,…|all]";

impl Options {
    pub fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { what: What::Trials, seeds: 2_000, from: 1, jobs: 2, versions: Versions::default(), open: Vec::new() };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value\n{USAGE}"));
            let number = |text: String| text.parse::<u64>().map_err(|_| format!("{text} is no number\n{USAGE}"));
            let version = |major: u64| {
                let known = i64::try_from(major).ok().and_then(Version::of_major);
                known.ok_or(format!("{major} is no version that is known\n{USAGE}"))
            };
            match argument.as_str() {
                "--seeds" => options.seeds = number(value()?)?,
                "--from" => options.from = number(value()?)?,
                "--jobs" => options.jobs = number(value()?)?.clamp(1, 64) as usize,
                "--branches" => options.versions.branches = version(number(value()?)?)?,
                "--central" => options.versions.central = version(number(value()?)?)?,
                "--open" => options.open = value()?.split(',').map(|seed| number(seed.to_owned())).collect::<Result<_, _>>()?,
                "--story" => options.what = What::Story(number(value()?)?),
                "--repeat" => options.what = What::Repeat,
                "--planted" => options.what = What::Planted(value()?),
                _ => return Err(format!("{argument} is not known\n{USAGE}")),
            }
        }
        Ok(options)
    }
}
