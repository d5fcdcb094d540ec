//! The shape of the source, held by reading it: which part may know which, and how long a file may get.

use std::path::{Path, PathBuf};

/// Longest source file: more does not fit into a head.
const LINES: usize = 700;

/// Which modules each module may name. What is not listed here may name anything; the pure ones name each other only.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("problem", &["model"]),
    ("mapping", &["model", "problem"]),
    ("master_data", &["model", "problem"]),
    ("reconcile", &["model", "problem"]),
    ("sales", &["model"]),
    ("odoo", &["model", "master_data"]),
    // How long the ledger keeps what is the settings' to say.
    ("store", &["model", "problem", "master_data", "sales", "config"]),
    ("secret", &[]),
    ("schedule", &["model", "config"]),
    ("config", &["model", "problem", "master_data"]),
    ("monitor", &["model", "store"]),
    ("alerts", &["model", "problem", "store", "secret", "config", "schedule"]),
    ("web", &["model", "problem", "master_data", "reconcile", "sales", "store", "secret", "config", "monitor", "sync"]),
    (
        "sync",
        &["model", "problem", "mapping", "master_data", "reconcile", "odoo", "store", "secret", "config", "schedule", "monitor", "alerts"],
    ),
    // `odoo` never: what a verb wants from an Odoo, it asks of `sync`.
    (
        "cli",
        &[
            "model",
            "problem",
            "mapping",
            "master_data",
            "reconcile",
            "store",
            "secret",
            "config",
            "schedule",
            "sync",
            "demo",
            "monitor",
            "alerts",
            "web",
        ],
    ),
];

/// Modules that see no clock, no network and no database, and the crates that would let them.
const PURE: [&str; 7] = ["model", "mapping", "master_data", "reconcile", "sales", "problem", "schedule"];
const IMPURE: [&str; 6] = ["tokio::", "rusqlite::", "reqwest::", "std::fs", "std::net", "Timestamp::now"];

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("readable").map(|entry| entry.expect("readable").path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&entry).expect("UTF-8");
                found.push((entry.strip_prefix(&root).expect("below").to_owned(), text));
            }
        }
    }
    found
}

/// The module at the top that a file belongs to.
fn module(file: &Path) -> String {
    let first = file.components().next().expect("a name");
    Path::new(first.as_os_str()).with_extension("").display().to_string()
}

/// What runs: without comments, and without the tests, which may use everything.
fn code(file: &Path, text: &str) -> String {
    if file.ends_with("tests.rs") {
        return String::new();
    }
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Modules that a text names as `crate::…`.
fn named(code: &str) -> Vec<&str> {
    code.split("crate::").skip(1).filter_map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()).collect()
}

#[test]
fn arrows_go_down_only() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let module = module(&file);
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == module) else { continue };
        for other in named(&code(&file, &text)) {
            if other != module && !allowed.contains(&other) && ARROWS.iter().any(|(name, _)| *name == other) {
                wrong.push(format!("{} names {other}", file.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn pure_modules_touch_nothing() {
    let mut wrong = Vec::new();
    for (file, text) in sources().into_iter().filter(|(file, _)| PURE.contains(&module(file).as_str())) {
        let code = code(&file, &text);
        wrong.extend(IMPURE.iter().filter(|word| code.contains(**word)).map(|word| format!("{}: {word}", file.display())));
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn only_the_command_line_prints() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let code = code(&file, &text);
        let prints = ["println!", "print!(", "eprint!(", "dbg!("].iter().any(|word| code.contains(word));
        if prints && !matches!(module(&file).as_str(), "cli" | "main") {
            wrong.push(file.display().to_string());
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn files_fit_into_a_head() {
    let long = sources().into_iter().filter(|(file, _)| !file.ends_with("tests.rs")).map(|(file, text)| (file, text.lines().count()));
    let long: Vec<_> = long.filter(|(file, lines)| *lines > LINES && !file.ends_with(UNSPLIT)).collect();
    assert_eq!(long, Vec::new());
}

/// One walk over one document, with a function a key: a cut would only separate what is read together.
const UNSPLIT: &str = "config/read.rs";
