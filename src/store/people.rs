//! Who may use the dashboard, and who is signed in.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension as _, Row, params};

use super::{Store, StoreError, timestamp};

/// How long nobody has to do anything before he is signed out: a shift.
pub const IDLE: SignedDuration = SignedDuration::from_hours(8);
/// How long one signing in lasts at most: a working week.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How exactly it is noted when somebody was last here: each note is a write to the disk.
const SEEN: SignedDuration = SignedDuration::from_mins(1);

/// What a person may do in the dashboard; each role may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Looks.
    Viewer,
    /// Retries, ignores, maps, sends, receives, pauses.
    Operator,
    /// Keeps people and passwords.
    Admin,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Role; 3] = [Role::Viewer, Role::Operator, Role::Admin];

    /// As it stands in the ledger and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }

    /// The role with this name.
    pub fn parse(text: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// Somebody who may use the dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Its number.
    pub id: i64,
    /// What he signs in as, in small letters.
    pub login: String,
    /// What he may do.
    pub role: Role,
    /// When his password was set.
    pub password_at: Timestamp,
    /// Since when he may not sign in.
    pub disabled_at: Option<Timestamp>,
    /// When he was last here, of those who are signed in.
    pub seen_at: Option<Timestamp>,
}

/// A signing in that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Who.
    pub person: Person,
    /// When he last typed his password.
    pub proved_at: Timestamp,
}

/// One of a person's signings in, for him to look through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// The hash of its token.
    pub token_hash: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used.
    pub seen_at: Timestamp,
    /// What the browser calls itself.
    pub agent: String,
}

const PERSON: &str = "person.id, login, role, password_at, disabled_at";

impl Store {
    /// Everybody, by login, with when each was last here.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn people(&self) -> Result<Vec<Person>, StoreError> {
        self.read(|db| {
            let sql = format!("SELECT {PERSON}, (SELECT max(seen_at) FROM sign_in WHERE person_id = person.id) FROM person ORDER BY login");
            let mut query = db.prepare_cached(&sql)?;
            query.query_map([], person)?.collect()
        })
    }

    /// Somebody by his login, with his password's hash.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn person(&self, login: &str) -> Result<Option<(Person, String)>, StoreError> {
        self.read(|db| {
            let sql = format!("SELECT {PERSON}, NULL, password FROM person WHERE login = ?1");
            db.prepare_cached(&sql)?.query_row([login], |row| Ok((person(row)?, row.get(6)?))).optional()
        })
    }

    /// Adds somebody; `false` if the login is taken. `password` is a hash.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn add_person(&self, login: &str, role: Role, password: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.write(|db| {
            let added = db.execute(
                "INSERT INTO person (login, role, password, password_at, created_at) VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT DO NOTHING",
                params![login, role.as_str(), password, now.as_second()],
            )?;
            Ok(added > 0)
        })
    }

    /// Sets a password's hash, and signs the person out everywhere but at `keep`. `false` if there is no such person.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn set_person_password(&self, login: &str, password: &str, keep: Option<&str>, now: Timestamp) -> Result<bool, StoreError> {
        self.write(|db| {
            let set = db
                .execute("UPDATE person SET password = ?2, password_at = ?3 WHERE login = ?1", params![login, password, now.as_second()])?;
            db.execute(
                "DELETE FROM sign_in WHERE person_id = (SELECT id FROM person WHERE login = ?1) AND token_hash IS NOT ?2",
                params![login, keep],
            )?;
            Ok(set > 0)
        })
    }

    /// Gives somebody a role, or lets him sign in no more (which signs him out); refuses, with `false`, what would leave
    /// nobody who is an admin and may sign in, and a login that nobody has.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn change_person(&self, login: &str, role: Role, disabled: bool, now: Timestamp) -> Result<bool, StoreError> {
        self.write(|db| {
            let others = "SELECT 1 FROM person WHERE role = 'admin' AND disabled_at IS NULL AND login <> ?1";
            if (disabled || role != Role::Admin) && !db.prepare(others)?.exists([login])? {
                return Ok(false);
            }
            let changed = db.execute(
                "UPDATE person SET role = ?2, disabled_at = CASE WHEN ?3 THEN coalesce(disabled_at, ?4) END WHERE login = ?1",
                params![login, role.as_str(), disabled, now.as_second()],
            )?;
            // A role is read at each request; only who is out has to go.
            db.execute("DELETE FROM sign_in WHERE ?2 AND person_id = (SELECT id FROM person WHERE login = ?1)", params![login, disabled])?;
            Ok(changed > 0)
        })
    }

    /// Removes somebody, with his signings in; what he did stays in the trail. `false` as in [`Store::change_person`].
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn remove_person(&self, login: &str) -> Result<bool, StoreError> {
        self.write(|db| {
            let others = "SELECT 1 FROM person WHERE role = 'admin' AND disabled_at IS NULL AND login <> ?1";
            let is_admin = db.prepare("SELECT 1 FROM person WHERE login = ?1 AND role = 'admin'")?.exists([login])?;
            if is_admin && !db.prepare(others)?.exists([login])? {
                return Ok(false);
            }
            Ok(db.execute("DELETE FROM person WHERE login = ?1", [login])? > 0)
        })
    }

    /// Notes that somebody signed in under a token with this hash.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn sign_in(&self, person: i64, token_hash: &str, agent: &str, now: Timestamp) -> Result<(), StoreError> {
        self.write(|db| {
            // What has run out is nobody's any more.
            let (idle, longest) = ends(now);
            db.execute("DELETE FROM sign_in WHERE seen_at < ?1 OR created_at < ?2", [idle, longest])?;
            db.execute(
                "INSERT INTO sign_in (token_hash, person_id, created_at, seen_at, proved_at, agent) VALUES (?1, ?2, ?3, ?3, ?3, ?4)",
                params![token_hash, person, now.as_second(), agent],
            )?;
            Ok(())
        })
    }

    /// Who is signed in under a token with this hash, if that still holds.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn signed_in(&self, token_hash: &str, now: Timestamp) -> Result<Option<SignedIn>, StoreError> {
        let (idle, longest) = ends(now);
        let found = self.read(|db| {
            let sql = format!(
                "SELECT {PERSON}, seen_at, proved_at FROM sign_in JOIN person ON person.id = person_id
                 WHERE token_hash = ?1 AND disabled_at IS NULL AND seen_at >= ?2 AND sign_in.created_at >= ?3"
            );
            let row = |row: &Row<'_>| Ok(SignedIn { person: person(row)?, proved_at: timestamp(row.get(6)?) });
            db.prepare_cached(&sql)?.query_row(params![token_hash, idle, longest], row).optional()
        })?;
        let seen = found.as_ref().and_then(|found| found.person.seen_at);
        if seen.is_some_and(|seen| now.duration_since(seen).abs() >= SEEN) {
            self.write(|db| db.execute("UPDATE sign_in SET seen_at = ?2 WHERE token_hash = ?1", params![token_hash, now.as_second()]))?;
        }
        Ok(found)
    }

    /// Notes that the password was typed again.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn prove(&self, token_hash: &str, now: Timestamp) -> Result<(), StoreError> {
        self.write(|db| {
            db.execute("UPDATE sign_in SET proved_at = ?2 WHERE token_hash = ?1", params![token_hash, now.as_second()])?;
            Ok(())
        })
    }

    /// Ends one signing in.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn sign_out(&self, token_hash: &str) -> Result<(), StoreError> {
        self.write(|db| {
            db.execute("DELETE FROM sign_in WHERE token_hash = ?1", [token_hash])?;
            Ok(())
        })
    }

    /// Ends all of a person's signings in.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn sign_out_everywhere(&self, person: i64) -> Result<usize, StoreError> {
        self.write(|db| db.execute("DELETE FROM sign_in WHERE person_id = ?1", [person]))
    }

    /// A person's signings in, the newest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn sign_ins(&self, person: i64) -> Result<Vec<SignIn>, StoreError> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT token_hash, created_at, seen_at, agent FROM sign_in WHERE person_id = ?1 ORDER BY seen_at DESC LIMIT 100",
            )?;
            let row = |row: &Row<'_>| {
                Ok(SignIn {
                    token_hash: row.get(0)?,
                    created_at: timestamp(row.get(1)?),
                    seen_at: timestamp(row.get(2)?),
                    agent: row.get(3)?,
                })
            };
            query.query_map([person], row)?.collect()
        })
    }
}

/// Signings in last used, or begun, before these moments have ended.
fn ends(now: Timestamp) -> (i64, i64) {
    (now.as_second() - IDLE.as_secs(), now.as_second() - LONGEST.as_secs())
}

fn person(row: &Row<'_>) -> rusqlite::Result<Person> {
    Ok(Person {
        id: row.get(0)?,
        login: row.get(1)?,
        role: Role::parse(&row.get::<_, String>(2)?).unwrap_or(Role::Viewer),
        password_at: timestamp(row.get(3)?),
        disabled_at: row.get::<_, Option<i64>>(4)?.map(timestamp),
        seen_at: row.get::<_, Option<i64>>(5)?.map(timestamp),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path()).expect("a ledger");
        (directory, store)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
    }

    #[test]
    fn a_signing_in_ends_when_idle_when_old_and_when_its_person_is_out() {
        let (_directory, store) = store();
        assert!(store.add_person("anna", Role::Admin, "hash", at(0)).expect("written"));
        assert!(store.add_person("ben", Role::Viewer, "hash", at(0)).expect("written"));
        assert!(!store.add_person("ben", Role::Admin, "other", at(0)).expect("written"), "a login is somebody's once");
        let ben = store.person("ben").expect("read").expect("there").0;
        store.sign_in(ben.id, "t1", "a browser", at(0)).expect("written");
        let who = |now| store.signed_in("t1", now).expect("read").map(|signed| signed.person.login);
        assert_eq!(who(at(30)).as_deref(), Some("ben"));
        assert_eq!(store.signed_in("t2", at(30)).expect("read"), None);
        assert_eq!(who(at(IDLE.as_secs() + 1)), None, "idle");
        // Used again and again it lasts, but not for ever.
        let mut now = 0;
        while now + IDLE.as_secs() < LONGEST.as_secs() {
            now += IDLE.as_secs() - 10;
            assert!(who(at(now)).is_some() || now > LONGEST.as_secs());
        }
        assert_eq!(who(at(LONGEST.as_secs() + 1)), None, "old");
        store.sign_in(ben.id, "t3", "", at(0)).expect("written");
        assert!(store.change_person("ben", Role::Viewer, true, at(1)).expect("written"));
        assert_eq!(store.signed_in("t3", at(2)).expect("read"), None, "out");
    }

    #[test]
    fn somebody_is_always_left_who_may_keep_people() {
        let (_directory, store) = store();
        store.add_person("anna", Role::Admin, "hash", at(0)).expect("written");
        store.add_person("ben", Role::Operator, "hash", at(0)).expect("written");
        assert!(!store.change_person("anna", Role::Viewer, false, at(1)).expect("read"));
        assert!(!store.change_person("anna", Role::Admin, true, at(1)).expect("read"));
        assert!(!store.remove_person("anna").expect("read"));
        assert!(store.change_person("ben", Role::Admin, false, at(1)).expect("written"));
        assert!(store.change_person("anna", Role::Viewer, false, at(1)).expect("written"));
        assert!(store.remove_person("anna").expect("written"));
        assert!(!store.remove_person("ben").expect("read"));
    }

    #[test]
    fn a_new_password_signs_out_everywhere_else() {
        let (_directory, store) = store();
        store.add_person("anna", Role::Admin, "hash", at(0)).expect("written");
        let anna = store.person("anna").expect("read").expect("there").0;
        for token in ["here", "there"] {
            store.sign_in(anna.id, token, "", at(0)).expect("written");
        }
        assert!(store.set_person_password("anna", "new", Some("here"), at(1)).expect("written"));
        assert!(store.signed_in("here", at(2)).expect("read").is_some());
        assert!(store.signed_in("there", at(2)).expect("read").is_none());
        assert_eq!(store.person("anna").expect("read").expect("there").1, "new");
        assert!(store.set_person_password("anna", "newer", None, at(3)).expect("written"));
        assert!(store.signed_in("here", at(4)).expect("read").is_none());
    }
}
