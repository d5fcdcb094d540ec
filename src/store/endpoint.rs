//! What was learnt about central and each branch: the user there, the fields, how far it was read, and what is wrong with all of it.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Store, StoreError, json_column, json_text};
use crate::model::{BranchCode, Protocol};
use crate::problem::{Problem, Side};

/// What was learnt about central or a branch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Endpoint {
    /// The user's id there.
    pub uid: Option<i64>,
    /// JSON of the fields it has.
    pub fields: Option<String>,
    /// What it turned out to speak.
    pub protocol: Option<Protocol>,
    /// The version it had when it was last asked, e.g. `19.0`.
    pub version: Option<String>,
    /// The last change of it.
    pub upgrade: Option<Upgrade>,
    /// When the first API key of the user ends.
    pub key_ends: Option<Timestamp>,
    /// Branch: its clock at the start of the last pass that found something, as Odoo writes times.
    pub cursor: Option<String>,
    /// Branch: the same of the last one that looked at all ids.
    pub whole_cursor: Option<String>,
    /// Branch: what the settings asked for then.
    pub asked: Option<String>,
    /// Whether the database was seen to be the one that is meant, or a person said so.
    pub recognized: bool,
}

/// A change of an Odoo's version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrade {
    /// The version before.
    pub from: String,
    /// When the new one was first seen.
    pub at: Timestamp,
}

/// How far a branch is read once a page is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// The branch's clock when the pass began, as Odoo writes times.
    pub cursor: String,
    /// Whether it looked at all ids.
    pub whole: bool,
    /// What the settings asked for.
    pub asked: String,
}

impl Store {
    /// What is known about central or a branch. If the entry was for another database or log-in, nothing is.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn endpoint(&self, owner: &str, url: &str, database: &str, login: &str) -> Result<Endpoint, StoreError> {
        self.read(|db| {
            let row = db
                .prepare_cached(
                    "SELECT url, database, login, uid, fields, cursor, whole_cursor, asked, recognized, protocol, version, version_before, version_at, key_ends_at
                     FROM endpoint WHERE owner = ?1",
                )?
                .query_row([owner], |row| {
                    let same_place = row.get::<_, String>(0)? == url && row.get::<_, String>(1)? == database;
                    let same_login = same_place && row.get::<_, String>(2)? == login;
                    let of_place = |column: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<String>>(column)?.filter(|_| same_place));
                    let upgrade = of_place(11)?.zip(row.get::<_, Option<i64>>(12)?);
                    Ok(Endpoint {
                        uid: row.get::<_, Option<i64>>(3)?.filter(|_| same_login),
                        fields: of_place(4)?,
                        protocol: of_place(9)?.filter(|_| same_login).and_then(|code| Protocol::parse(&code)),
                        version: of_place(10)?,
                        key_ends: row
                            .get::<_, Option<i64>>(13)?
                            .filter(|_| same_login)
                            .and_then(|ends| Timestamp::from_second(ends).ok()),
                        upgrade: upgrade.and_then(|(from, at)| Some(Upgrade { from, at: Timestamp::from_second(at).ok()? })),
                        cursor: of_place(5)?,
                        whole_cursor: of_place(6)?,
                        asked: of_place(7)?,
                        recognized: row.get::<_, bool>(8)? && same_place,
                    })
                })
                .optional()?;
            Ok(row.unwrap_or_default())
        })
    }

    /// Remembers the user's id, the fields, the protocol and the version of central or a branch; how far it was read goes if it
    /// is another database.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn remember_endpoint(&self, owner: &str, url: &str, database: &str, login: &str, learnt: &Endpoint) -> Result<(), StoreError> {
        let Endpoint { uid, fields, protocol, version, upgrade, key_ends, .. } = learnt;
        let upgraded_at = upgrade.as_ref().map(|upgrade| upgrade.at.as_second());
        self.write(|db| {
            let moved = "url <> ?2 OR database <> ?3";
            db.prepare_cached(&format!(
                "UPDATE endpoint SET cursor = NULL, whole_cursor = NULL, asked = NULL, recognized = 0 WHERE owner = ?1 AND ({moved})"
            ))?
            .execute(params![owner, url, database])?;
            db.prepare_cached(
                "INSERT INTO endpoint (owner, url, database, login, uid, fields, protocol, version, version_before, version_at, key_ends_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
                 ON CONFLICT (owner) DO UPDATE SET
                     url = excluded.url, database = excluded.database, login = excluded.login, uid = excluded.uid, fields = excluded.fields,
                     protocol = excluded.protocol, version = excluded.version, version_before = excluded.version_before,
                     version_at = excluded.version_at, key_ends_at = excluded.key_ends_at",
            )?
            .execute(params![
                owner,
                url,
                database,
                login,
                uid,
                fields,
                protocol.map(Protocol::code),
                version,
                upgrade.as_ref().map(|upgrade| &upgrade.from),
                upgraded_at,
                key_ends.map(Timestamp::as_second)
            ])?;
            Ok(())
        })
    }

    /// Says what is wrong with a whole branch, beside what else is; in the place of what was said of the same cause.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn note_about_branch(&self, branch: &BranchCode, problem: &Problem) -> Result<(), StoreError> {
        self.write(|db| {
            db.execute(
                "INSERT INTO notice (branch, cause, problem) VALUES (?1, ?2, ?3)
                 ON CONFLICT (branch, cause) DO UPDATE SET problem = excluded.problem WHERE problem <> excluded.problem",
                params![branch.as_str(), problem.cause(), json_text(&problem)],
            )?;
            Ok(())
        })
    }

    /// Ends all that is said about a whole branch, because a person has seen it: a database that was not recognized is now said to be
    /// the one that is meant. Returns whether there was anything.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn end_notices(&self, branch: &BranchCode) -> Result<bool, StoreError> {
        self.write(|db| {
            let said = |causes: &[&str]| -> rusqlite::Result<bool> {
                let mut query = db.prepare_cached("SELECT 1 FROM notice WHERE branch = ?1 AND cause = ?2")?;
                causes.iter().try_fold(false, |found, cause| Ok(found || query.exists(params![branch.as_str(), cause])?))
            };
            let (strange_branch, strange_central) = (said(Problem::STRANGE_BRANCH)?, said(Problem::STRANGE_CENTRAL)?);
            let ended = db.execute("DELETE FROM notice WHERE branch = ?1", [branch.as_str()])? > 0;
            if strange_branch {
                recognize(db, branch.as_str(), &[])?;
            }
            if strange_central {
                recognize(db, Side::CENTRAL, Problem::STRANGE_CENTRAL)?;
            }
            Ok(ended)
        })
    }

    /// Notes that the database at the address which is known of central or a branch is the one that is meant, and ends what was
    /// said to the contrary.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn recognize(&self, owner: &str, said: &[&str]) -> Result<(), StoreError> {
        self.write(|db| recognize(db, owner, said))
    }

    /// What is wrong with whole branches: code and problem, several for a branch if need be.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn branch_problems(&self) -> Result<Vec<(String, Problem)>, StoreError> {
        self.read(|db| {
            let mut rows = db.prepare("SELECT branch, problem FROM notice ORDER BY branch, cause")?;
            let rows = rows.query_map([], |row| Ok((row.get::<_, String>(0)?, json_column::<Problem>(row.get(1)?))))?;
            rows.filter_map(|row| row.map(|(branch, problem)| Some((branch, problem?))).transpose()).collect()
        })
    }
}

fn recognize(db: &Connection, owner: &str, said: &[&str]) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE endpoint SET recognized = 1 WHERE owner = ?1")?.execute([owner])?;
    for cause in said {
        // Of central it is said beside each branch.
        db.prepare_cached("DELETE FROM notice WHERE cause = ?2 AND (branch = ?1 OR ?1 = ?3)")?.execute(params![
            owner,
            cause,
            Side::CENTRAL
        ])?;
    }
    Ok(())
}
