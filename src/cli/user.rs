//! `posbridge user`: who may use the dashboard.

use std::io::IsTerminal as _;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use super::{Context, Failure, Status, print, secret};
use crate::model::Language;
use crate::store::{Note, Role, Store};
use crate::web::{hash_password, login_of, password_mistake};

/// Keep the people who may use the dashboard
///
/// A viewer looks; an operator also retries, ignores, maps, sends and pauses; an admin also keeps people and passwords.
#[derive(Debug, Args)]
#[command(after_help = "Example: posbridge user add anna --role admin")]
pub struct User {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add somebody; the password is asked for without echo, or read from standard input
    #[command(after_help = "Example: posbridge user add anna --role admin")]
    Add {
        /// What he signs in as: small letters, digits, . _ - @
        login: String,
        /// viewer, operator or admin
        #[arg(long, value_name = "ROLE", value_parser = role)]
        role: Role,
    },
    /// Show everybody
    #[command(after_help = "Example: posbridge user list")]
    List,
    /// Set somebody's password, and sign him out everywhere
    #[command(after_help = "Example: posbridge user password anna")]
    Password {
        /// The login
        login: String,
    },
    /// Give somebody another role
    #[command(after_help = "Example: posbridge user role ben operator")]
    Role {
        /// The login
        login: String,
        /// viewer, operator or admin
        #[arg(value_parser = role)]
        role: Role,
    },
    /// Remove somebody, and sign him out; what he did stays in the trail
    #[command(after_help = "Example: posbridge user remove ben")]
    Remove {
        /// The login
        login: String,
    },
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| format!("a role is one of {}", Role::ALL.map(Role::as_str).join(", ")))
}

impl User {
    pub fn execute(self, context: &Context) -> Result<Status, Failure> {
        let config = context.config()?;
        let store = Store::open(&config.state)?;
        let now = Timestamp::now();
        let said = match self.action {
            Action::List => return list(&store, context.json),
            Action::Add { login, role } => {
                let login = known(&login)?;
                let hashed = ask(&login)?;
                if !store.add_person(&login, role, &hashed, now)? {
                    return Err(Failure::Other(format!(
                        "There is a {login} already; nothing was changed. posbridge user list shows everybody"
                    )));
                }
                note(&store, "person_added", &format!("{login}, {}", role.as_str()), now)?;
                format!("{login} may sign in to the dashboard as {}", role.as_str())
            }
            Action::Password { login } => {
                let login = known(&login)?;
                there(&store, &login)?;
                let hashed = ask(&login)?;
                store.set_person_password(&login, &hashed, None, now)?;
                note(&store, "person_password", &login, now)?;
                format!("{login} has a new password and is signed out everywhere")
            }
            Action::Role { login, role } => {
                let login = known(&login)?;
                there(&store, &login)?;
                if !store.change_person(&login, role, false, now)? {
                    return Err(last_admin());
                }
                note(&store, "person_changed", &format!("{login}, {}", role.as_str()), now)?;
                format!("{login} is {} now", role.as_str())
            }
            Action::Remove { login } => {
                let login = known(&login)?;
                there(&store, &login)?;
                if !store.remove_person(&login)? {
                    return Err(last_admin());
                }
                note(&store, "person_removed", &login, now)?;
                format!("{login} may no longer sign in")
            }
        };
        if context.json {
            print::json(&serde_json::json!({ "done": said }))?;
        } else {
            print::line(&said)?;
        }
        Ok(Status::Done)
    }
}

fn known(login: &str) -> Result<String, Failure> {
    let wrong = || Failure::Other("A login has 1 to 64 small letters, digits or . _ - @; nothing was changed".to_owned());
    login_of(login).ok_or_else(wrong)
}

fn there(store: &Store, login: &str) -> Result<(), Failure> {
    match store.person(login)? {
        Some(_) => Ok(()),
        None => Err(Failure::Other(format!("There is no {login}; nothing was changed. posbridge user list shows everybody"))),
    }
}

fn last_admin() -> Failure {
    Failure::Other(
        "Nothing was changed: one admin who may sign in has to be left. Make another one first: posbridge user add NAME --role admin"
            .to_owned(),
    )
}

/// Whoever has a shell here may do everything; the trail says that it was done so.
fn note(store: &Store, action: &str, detail: &str, now: Timestamp) -> Result<(), Failure> {
    Ok(store.note_done(&Note { person: "(command line)", action, detail, ..Note::default() }, now)?)
}

/// A new password, twice from a terminal or once from standard input; hashed.
fn ask(login: &str) -> Result<String, Failure> {
    let password = if std::io::stdin().is_terminal() {
        let password = rpassword::prompt_password(format!("New password of {login}: "))?;
        if let Some(mistake) = password_mistake(&password, login, Language::English) {
            return Err(Failure::Other(format!("{mistake}. Nothing was changed")));
        }
        if rpassword::prompt_password("The same once more: ")? != password {
            return Err(Failure::Other("The two are not the same; nothing was changed".to_owned()));
        }
        password
    } else {
        secret::first_line(login)?.expose_secret().to_owned()
    };
    if let Some(mistake) = password_mistake(&password, login, Language::English) {
        return Err(Failure::Other(format!("{mistake}. Nothing was changed")));
    }
    hash_password(&password).map_err(Failure::Other)
}

fn list(store: &Store, json: bool) -> Result<Status, Failure> {
    let people = store.people()?;
    if json {
        let people: Vec<_> = people
            .iter()
            .map(|person| {
                serde_json::json!({
                    "login": person.login, "role": person.role.as_str(), "disabled_at": person.disabled_at,
                    "password_at": person.password_at, "last_here_at": person.seen_at,
                })
            })
            .collect();
        print::json(&serde_json::json!({ "people": people }))?;
        return Ok(Status::Done);
    }
    if people.is_empty() {
        print::line("Nobody may sign in yet: posbridge user add NAME --role admin")?;
        return Ok(Status::Done);
    }
    let mut table = print::table(&["LOGIN", "ROLE", "MAY SIGN IN", "PASSWORD SINCE"]);
    for person in people {
        let may = if person.disabled_at.is_some() { "no" } else { "yes" };
        table.add_row([person.login.as_str(), person.role.as_str(), may, &print::moment(person.password_at)]);
    }
    print::show(&table)?;
    Ok(Status::Done)
}
