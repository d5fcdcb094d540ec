#![allow(clippy::unwrap_used)] // A test that fails to unwrap has failed.

use std::collections::HashSet;
use std::os::unix::fs::{PermissionsExt, chown, symlink};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const URL: &str = "https://tirana.example.com";

fn ring(keys: usize) -> KeyRing {
    KeyRing { path: PathBuf::new(), keys: (0..keys).map(|_| Key::generate().unwrap()).collect() }
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

fn seal(ring: &KeyRing, text: &str) -> String {
    ring.seal("tirana", "password", &bound(URL, "bridge"), &secret(text)).unwrap()
}

fn open(ring: &KeyRing, sealed: &str) -> Result<String, SecretError> {
    let opened = ring.open("tirana", "password", &bound(URL, "bridge"), sealed)?;
    Ok(opened.expose_secret().to_owned())
}

/// A state directory that others cannot write to, whatever the umask is.
fn state() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    folder
}

fn load(state: &TempDir) -> Result<KeyRing, SecretError> {
    load_from(None, None, state.path())
}

/// The complaint, with the directory's changing name taken out.
fn told(state: &TempDir, result: Result<KeyRing, SecretError>) -> String {
    result.unwrap_err().to_string().replace(state.path().to_str().unwrap(), "STATE")
}

proptest! {
    #[test]
    fn what_is_sealed_opens_again(text in any::<String>(), owner in ".*", field in ".*", bound in ".*") {
        let ring = ring(1);
        let sealed = ring.seal(&owner, &field, &bound, &secret(&text)).unwrap();
        let opened = ring.open(&owner, &field, &bound, &sealed).unwrap();
        prop_assert_eq!(opened.expose_secret(), text.as_str());
        let prefix = format!("v1.{}.", ring.active_id());
        prop_assert!(sealed.starts_with(&prefix));
    }

    #[test]
    fn no_text_makes_open_panic(text in any::<String>(), tail in "[A-Za-z0-9+/=]{0,80}") {
        let ring = ring(1);
        prop_assert!(open(&ring, &text).is_err());
        let likely = format!("v1.{}.{tail}", ring.active_id());
        prop_assert!(open(&ring, &likely).is_err());
    }

    #[test]
    fn one_changed_letter_is_noticed(at in 0usize..100, letter in "[A-Za-z0-9+/]") {
        let ring = ring(1);
        let sealed = seal(&ring, "hunter2");
        let at = at % sealed.len();
        let mut changed = sealed.clone();
        changed.replace_range(at..=at, &letter);
        prop_assume!(changed != sealed);
        prop_assert!(open(&ring, &changed).is_err());
    }

    #[test]
    fn no_key_line_makes_it_panic(line in any::<String>(), tail in "[A-Za-z0-9+/=]{0,60}") {
        let _ = Key::from_line(&line);
        let _ = Key::from_line(&format!("0123abcd {tail}"));
    }
}

#[test]
fn a_sealed_value_stays_where_it_belongs() {
    let ring = ring(1);
    let sealed = seal(&ring, "hunter2");
    let here = bound(URL, "bridge");
    for (owner, field, bound) in [
        ("durres", "password", here.clone()),
        ("tirana", "token", here.clone()),
        ("tirana", "password", bound("https://evil.example.com", "bridge")),
        ("tirana", "password", bound(URL, "admin")),
        // The parts are told apart by their lengths, not by what stands between them.
        ("tiran", "apassword", here.clone()),
    ] {
        assert_eq!(ring.open(owner, field, &bound, &sealed).unwrap_err(), SecretError::Moved, "{owner} {field} {bound}");
    }
    assert_eq!(open(&ring, &sealed).unwrap(), "hunter2");
}

#[test]
fn another_key_does_not_open() {
    let (ours, theirs) = (ring(2), ring(1));
    let sealed = seal(&ours, "hunter2");
    let key_id = ours.active_id().to_owned();
    assert_eq!(open(&theirs, &sealed).unwrap_err(), SecretError::KeyMissing { key_id: key_id.clone() });
    let relabelled = sealed.replace(&key_id, &ours.keys[1].id);
    assert_eq!(open(&ours, &relabelled).unwrap_err(), SecretError::Moved);
    assert!(ours.needs_resealing(&relabelled) && !ours.needs_resealing(&sealed));
}

#[test]
fn what_is_no_sealed_value_is_damaged() {
    let ring = ring(1);
    let sealed = seal(&ring, "hunter2");
    let (head, tail) = sealed.split_at(sealed.len() - 40);
    for text in ["", "hunter2", "v1", "v0.a.b", "v1..", &format!("{head}="), &format!("{sealed}.x"), &format!("x{tail}")] {
        assert_eq!(open(&ring, text).unwrap_err(), SecretError::Damaged, "{text:?}");
    }
    assert_eq!(open(&ring, &sealed.replacen("v1", "v2", 1)).unwrap_err(), SecretError::Newer);
    for length in 0..sealed.len() {
        assert!(open(&ring, &sealed[..length]).is_err(), "cut to {length}");
    }
    let long = "x".repeat(SECRET_MAX + 1);
    assert_eq!(ring.seal("a", "b", "c", &secret(&long)).unwrap_err(), SecretError::TooLong);
    assert_eq!(open(&ring, &seal(&ring, &long[1..])).unwrap().len(), SECRET_MAX);
}

#[test]
fn no_nonce_repeats() {
    const SEALS: usize = 100_000;
    let ring = ring(1);
    let secret = secret("hunter2");
    let mut nonces = HashSet::new();
    for _ in 0..SEALS {
        let sealed = ring.seal("tirana", "password", "", &secret).unwrap();
        let bytes = BASE64.decode(sealed.rsplit('.').next().unwrap()).unwrap();
        nonces.insert(bytes[..NONCE_BYTES].to_vec());
    }
    assert_eq!(nonces.len(), SEALS);
}

#[test]
fn nothing_prints_a_key() {
    let state = state();
    let ring = load(&state).unwrap();
    let text = fs::read_to_string(ring.path()).unwrap();
    let key = text.split_whitespace().nth(1).unwrap();
    let printed = format!("{ring:?} {:?}", ring.keys[0]);
    assert!(printed.contains(ring.active_id()) && !printed.contains(key), "{printed}");
    assert!(printed.len() < 200, "nothing but path and ids: {printed}");
    fs::write(ring.path(), text.replace(' ', " x")).unwrap();
    let error = load(&state).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(&key[..8]));
}

#[test]
fn the_first_use_makes_a_key_for_this_user_alone() {
    let outer = state();
    let folder = outer.path().join("deep/state");
    let ring = load_from(None, None, &folder).unwrap();
    assert_eq!(ring.path(), folder.join(KEY_FILE));
    assert_eq!(fs::metadata(ring.path()).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
    let sealed = seal(&ring, "hunter2");
    assert_eq!(open(&load_from(None, None, &folder).unwrap(), &sealed).unwrap(), "hunter2");
}

#[test]
fn two_first_uses_agree_on_one_key() {
    let state = state();
    let ids: HashSet<String> = std::thread::scope(|scope| {
        let loads: Vec<_> = (0..8).map(|_| scope.spawn(|| load(&state).unwrap().active_id().to_owned())).collect();
        loads.into_iter().map(|load| load.join().unwrap()).collect()
    });
    assert_eq!(ids.len(), 1);
}

#[test]
fn credentials_come_first_and_then_the_named_file() {
    let (credentials, named, state) = (state(), state(), state());
    let credential = load(&credentials).unwrap();
    fs::rename(credential.path(), credentials.path().join(CREDENTIAL)).unwrap();
    let ring = load(&named).unwrap();
    let path = || Some(ring.path().as_os_str().to_owned());
    let folder = || Some(credentials.path().as_os_str().to_owned());
    let id = |credentials, named| load_from(credentials, named, state.path()).unwrap().active_id().to_owned();
    assert_eq!(id(folder(), path()), credential.active_id());
    assert_eq!(id(Some(named.path().into()), path()), ring.active_id(), "no such credential");
    assert_eq!(id(Some("".into()), path()), ring.active_id());
    assert!(!state.path().join(KEY_FILE).exists());
    assert_ne!(id(None, Some("".into())), ring.active_id());
    // A named file that is missing is never made: its disk may only not be mounted yet.
    let missing = state.path().join("none.key");
    assert!(load_from(None, Some(missing.clone().into()), state.path()).is_err());
    assert!(!missing.exists());
}

#[test]
fn unsafe_and_broken_key_files_are_refused_with_the_fix() {
    let state = state();
    let path = load(&state).unwrap().path().to_owned();
    let good = fs::read_to_string(&path).unwrap();
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let mut all = String::new();
    let mut note = |case: &str| all.push_str(&format!("{case}: {}\n", told(&state, load(&state))));
    mode(&path, 0o640);
    note("group can read");
    mode(&path, 0o604);
    note("world can read");
    mode(&path, 0o600);
    mode(state.path(), 0o770);
    note("group can write the directory");
    mode(state.path(), 0o700);
    for (case, text) in [
        ("empty", ""),
        ("no blank", "x"),
        ("no base64", "0123abcd ???"),
        ("short key", "0123abcd AAAA"),
        ("wrong id", &format!("00000000{}", &good[KEY_ID_LEN..])),
        ("second line", &format!("{good}x")),
        ("large", &"#".repeat(KEY_FILE_MAX as usize + 1)),
    ] {
        fs::write(&path, text).unwrap();
        note(case);
    }
    fs::write(&path, b"\xff\xfe").unwrap();
    note("binary");
    fs::rename(&path, state.path().join("other")).unwrap();
    symlink(state.path().join("other"), &path).unwrap();
    note("link");
    fs::remove_file(state.path().join("other")).unwrap();
    note("dangling link");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    mode(&path, 0o700);
    note("directory");
    let missing = load_from(None, Some(state.path().join("none.key").into()), state.path());
    all.push_str(&format!("missing: {}\n", told(&state, missing)));
    insta::assert_snapshot!(all);
}

#[test]
fn a_key_file_of_another_user_is_refused() {
    let state = state();
    let path = load(&state).unwrap().path().to_owned();
    // Only the administrator can give files away.
    if chown(&path, Some(12_345), None).is_ok() {
        assert!(told(&state, load(&state)).contains("belongs to another user"));
        chown(&path, Some(0), None).unwrap();
        chown(state.path(), Some(12_345), None).unwrap();
        assert!(told(&state, load(&state)).contains("a directory of another user"));
    }
}

#[test]
fn rotation_opens_everything_at_each_step() {
    let state = state();
    let before = load(&state).unwrap();
    let sealed = seal(&before, "hunter2");
    // A crash of an earlier rotation left its new file behind.
    fs::write(state.path().join(".secret.key.new-0123"), "half a ke").unwrap();

    let during = KeyRing::add_new_active(before.path()).unwrap();
    assert!(during.has_old_keys() && during.active_id() != before.active_id());
    for ring in [&during, &load(&state).unwrap()] {
        assert_eq!(open(ring, &sealed).unwrap(), "hunter2");
        assert!(ring.needs_resealing(&sealed));
    }
    let resealed = seal(&during, &open(&during, &sealed).unwrap());
    assert!(!during.needs_resealing(&resealed));
    // A daemon that still holds the former ring is told which key it lacks.
    assert!(matches!(open(&before, &resealed), Err(SecretError::KeyMissing { .. })));

    let after = KeyRing::drop_old(before.path()).unwrap();
    assert!(!after.has_old_keys());
    assert_eq!(open(&load(&state).unwrap(), &resealed).unwrap(), "hunter2");
    assert!(matches!(open(&after, &sealed), Err(SecretError::KeyMissing { .. })));
    assert_eq!(fs::metadata(after.path()).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 1, "no leftover stays");
    assert_eq!(KeyRing::drop_old(after.path()).unwrap().active_id(), after.active_id());
}

#[test]
fn rotations_that_are_never_finished_end() {
    let state = state();
    let path = load(&state).unwrap().path().to_owned();
    for _ in 1..KEYS_MAX {
        KeyRing::add_new_active(&path).unwrap();
    }
    assert!(told(&state, KeyRing::add_new_active(&path)).contains("finish a rotation"));
    assert_eq!(load(&state).unwrap().keys.len(), KEYS_MAX, "a full file still fits");
}
