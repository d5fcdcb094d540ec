//! Settings, passwords and state that are not as they should be: told before anything is sent anywhere.

use std::os::unix::fs::PermissionsExt as _;

use crate::place::{Place, settings};
use crate::told;

const CENTRAL: &str = "https://erp.example.com";
const TIRANA: &str = "https://tirana.example.com";

fn good() -> String {
    settings(CENTRAL, TIRANA, "5s")
}

#[test]
fn settings_that_are_missing_or_wrong() {
    let second = "[branch.durres]\nurl = \"https://tirana.example.com/\"\ndatabase = \"tirana\"\nuser = \"other\"\nfrom = 2020-01-01\ncustomer = \"x\"\n";
    let cases = [
        ("broken", good().replace("[central]", "[central")),
        ("unknown_key", good().replace("customer", "custommer")),
        ("two_branches_one_database", format!("{}{second}", good())),
        ("password_in_a_url", good().replace("https://tirana", "https://bridge:hunter2@tirana")),
        ("plain_http", good().replace("https://tirana", "http://tirana")),
    ];
    for (name, text) in cases {
        let place = Place::with(&text);
        for verb in [vec!["receive"], vec!["status"], vec!["check"]] {
            let ran = place.run(&verb);
            assert_eq!(ran.status, 1, "{name}: {}", ran.told());
            assert!(!ran.told().contains("hunter2"), "a password was repeated");
            assert!(!place.path("state").exists(), "{name}: something was written");
            if verb == ["receive"] {
                told!(name, place, &ran.told());
            }
        }
    }
}

#[test]
fn no_settings_at_all() {
    let place = Place::new();
    let mut ran = place.run(&["receive"]);
    // A machine that runs posbridge may have the last place that is looked at.
    if !std::path::Path::new("/etc/posbridge/branches.toml").exists() {
        told!("missing", place, &ran.told());
    }
    ran = place.run(&["--config", "nowhere.toml", "receive"]);
    assert_eq!(ran.status, 1);
    told!("missing_by_name", place, &ran.told());
}

#[test]
fn settings_that_cannot_be_read() {
    let place = Place::new();
    std::fs::create_dir(place.path("branches.toml")).expect("made");
    let ran = place.run(&["receive"]);
    assert_eq!(ran.status, 1);
    told!("a_directory", place, &ran.told());

    let place = Place::with(&good());
    std::fs::set_permissions(place.path("branches.toml"), std::fs::Permissions::from_mode(0o000)).expect("ours");
    // Whoever may read everything is not refused.
    if std::fs::read(place.path("branches.toml")).is_err() {
        let ran = place.run(&["receive"]);
        assert_eq!(ran.status, 1);
        told!("not_readable", place, &ran.told());
    }
}

#[test]
fn passwords_that_are_missing_or_do_not_open() {
    let place = Place::with(&good());
    let ran = place.run(&["receive"]);
    assert_eq!(ran.status, 1);
    told!("no_password", place, &ran.told());

    place.seal("central");
    let ran = place.run(&["receive"]);
    assert_eq!(ran.status, 3);
    told!("no_password_of_a_branch", place, &ran.told());

    // Copied to another owner, it does not open.
    let ledger = place.ledger();
    ledger
        .execute("INSERT INTO secret SELECT 'tirana', field, sealed, updated_at FROM secret WHERE owner = 'central'", [])
        .expect("copied");
    let ran = place.run(&["receive"]);
    assert_eq!(ran.status, 3);
    told!("moved_password", place, &ran.told());

    // The address was edited: the password does not go to another server.
    place.seal("tirana");
    place.write(&settings(CENTRAL, "https://evil.example.com", "5s"));
    let ran = place.run(&["receive"]);
    assert_eq!(ran.status, 3);
    told!("another_address", place, &ran.told());

    std::fs::remove_file(place.path("state/secret.key")).expect("there");
    place.write(&good());
    let ran = place.run(&["receive"]);
    assert_eq!(ran.status, 1);
    told!("another_key", place, &ran.told());

    // Set anew, all is well again but for the network, which these tests do not have.
    place.seal("central");
    place.seal("tirana");
    assert_eq!(place.run(&["secret", "list"]).status, 0);
}

#[test]
fn state_that_a_newer_version_wrote() {
    let place = Place::with(&good());
    place.seal("central");
    let known: i64 = place.ledger().pragma_query_value(None, "user_version", |row| row.get(0)).expect("a number");
    place.ledger().pragma_update(None, "user_version", 99).expect("set");
    for verb in [vec!["receive"], vec!["status"], vec!["log"], vec!["check"]] {
        let ran = place.run(&verb);
        assert_eq!(ran.status, 1, "{}", ran.told());
        told!("newer_state", place, &ran.told());
    }
    place.ledger().pragma_update(None, "user_version", known).expect("set");
    assert_eq!(place.run(&["log"]).status, 0, "nothing was changed meanwhile");
}

#[test]
fn state_that_cannot_be_written() {
    let place = Place::with(&good());
    std::fs::write(place.path("state"), "a file").expect("written");
    let ran = place.run(&["receive"]);
    assert_eq!(ran.status, 1);
    told!("a_file_in_place_of_the_state", place, &ran.told());
    assert_eq!(std::fs::read_to_string(place.path("state")).expect("there"), "a file");
}

#[test]
fn state_that_is_no_database() {
    let place = Place::with(&good());
    place.seal("central");
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(place.path(&format!("state/posbridge.sqlite{end}")));
    }
    std::fs::write(place.path("state/posbridge.sqlite"), "not a database, whatever it is".repeat(100)).expect("written");
    let ran = place.run(&["receive"]);
    assert_eq!(ran.status, 1);
    told!("no_database", place, &ran.told());
}
