//! Passwords of people: which are good enough, and how they are kept.

use std::sync::LazyLock;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;

use crate::model::Language;

/// Least characters. Of the three thousand passwords that people choose most often a handful are as long, and those
/// are runs and repetitions, which are refused beside it.
pub const PASSWORD_MIN: usize = 12;
/// Most characters: longer than any manager makes, and short enough to be hashed at once.
const LONGEST: usize = 256;
/// Fewer different characters than this are one key held down.
const DIFFERENT: usize = 5;
/// Passwords that are looked at one beside the other: each takes 19 MiB and a core for some 20 ms, so a flood of sign-ins
/// cannot take the machine.
const AT_ONCE: usize = 2;

/// Rows of keyboards, and what people count by.
const RUNS: [&str; 6] = [
    "01234567890123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1q2w3e4r5t6z7u8i9o0p",
];

static PLACES: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(AT_ONCE));

/// What is wrong with a password that somebody chooses; `None` = nothing.
pub fn mistake(password: &str, login: &str, language: Language) -> Option<String> {
    let said = |english: String, german: String| {
        Some(match language {
            Language::English => english,
            Language::German => german,
        })
    };
    let length = password.chars().count();
    if length < PASSWORD_MIN {
        return said(
            format!("A password has at least {PASSWORD_MIN} characters; four words that do not belong together are a good one"),
            format!("Ein Passwort hat mindestens {PASSWORD_MIN} Zeichen; vier Wörter, die nicht zusammengehören, sind ein gutes"),
        );
    }
    if length > LONGEST {
        return said(format!("A password has at most {LONGEST} characters"), format!("Ein Passwort hat höchstens {LONGEST} Zeichen"));
    }
    if is_easy(password, login) {
        return said(
            "That password is among the first that somebody else would try; choose another one".to_owned(),
            "Dieses Passwort gehört zu den ersten, die jemand anderes versuchen würde; wählen Sie ein anderes".to_owned(),
        );
    }
    None
}

fn is_easy(password: &str, login: &str) -> bool {
    let small = password.to_lowercase();
    let letters: Vec<char> = small.chars().collect();
    let mut different = letters.clone();
    different.sort_unstable();
    different.dedup();
    let repeats = |part: usize| letters.len() >= 2 * part && letters.iter().enumerate().all(|(at, letter)| *letter == letters[at % part]);
    let without_name = ["posbridge", "password", "passwort", "odoo", login]
        .iter()
        .filter(|name| !name.is_empty())
        .fold(small.clone(), |rest, name| rest.replace(name, ""));
    let backwards: String = small.chars().rev().collect();
    different.len() < DIFFERENT
        || (1..=letters.len() / 2).any(repeats)
        || without_name.chars().count() < PASSWORD_MIN / 2
        || RUNS.iter().any(|run| run.contains(&small) || run.contains(&backwards))
}

/// What is kept of a password: Argon2id with 19 MiB, two rounds, one lane (OWASP's least), as a PHC string.
///
/// # Errors
/// The system gives no random bytes.
pub fn hash(password: &str) -> Result<String, String> {
    Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string()).map_err(|error| error.to_string())
}

/// Whether this is the password that was hashed. Takes as long for nobody's (`None`) as for somebody's.
pub async fn matches(password: String, hashed: Option<String>) -> bool {
    static NOBODY: LazyLock<String> = LazyLock::new(|| hash("nobody signs in with this").unwrap_or_default());
    let Ok(_place) = PLACES.acquire().await else { return false };
    let work = move || {
        let known = hashed.is_some();
        let hashed = hashed.unwrap_or_else(|| NOBODY.clone());
        let fits = PasswordHash::new(&hashed).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
        known && fits
    };
    tokio::task::spawn_blocking(work).await.unwrap_or(false)
}

/// As [`hash`], off the runtime's threads and with the others.
///
/// # Errors
/// As [`hash`].
pub async fn hash_aside(password: String) -> Result<String, String> {
    let Ok(_place) = PLACES.acquire().await else { return Err("stopping".to_owned()) };
    tokio::task::spawn_blocking(move || hash(&password)).await.map_err(|error| error.to_string())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_would_try_is_refused_and_what_managers_make_is_not() {
        let easy = [
            "short",
            "aaaaaaaaaaaaaaa",
            "abcabcabcabc",
            "123456789012",
            "210987654321",
            "qwertyuiopas",
            "passwordpassword",
            "annaanna1234",
            "posbridge123",
            "Odoopassword1!",
        ];
        for password in easy {
            assert!(mistake(password, "anna", Language::English).is_some(), "{password}");
        }
        for password in ["correct horse battery", "Tr0ub4dor&3xyz!", "日本語のパスワードは長い方がいい", "x8#kQ2!vLm9z"] {
            assert_eq!(mistake(password, "anna", Language::English), None, "{password}");
        }
        assert!(mistake(&"ab cd ef".repeat(60), "anna", Language::German).is_some());
    }

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let hashed = hash("correct horse battery").expect("hashed");
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert!(matches("correct horse battery".to_owned(), Some(hashed.clone())).await);
        assert!(!matches("Correct horse battery".to_owned(), Some(hashed.clone())).await);
        assert!(!matches("correct horse battery".to_owned(), None).await);
        assert_ne!(hash("correct horse battery").expect("hashed"), hashed, "salted");
    }
}
