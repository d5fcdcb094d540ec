//! Sealing of passwords: AES-256-GCM, each value bound to its owner, its field and the endpoint it is for.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

/// The keys of one installation: the first seals, all of them open.
pub struct KeyRing;

/// Why a value or a key file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Sealed with a key that is not in the key file.
    #[error("…")]
    KeyMissing {
        /// The id of that key.
        key_id: String,
    },
    /// Sealed for another branch, field or endpoint.
    #[error("…")]
    Moved,
    /// Not a sealed value, or damaged.
    #[error("…")]
    Damaged,
    /// The key file is missing, unsafe or of a wrong form; the text says what to do.
    #[error("{file}: {reason}")]
    KeyFile {
        /// The key file.
        file: PathBuf,
        /// What is wrong and how to repair it.
        reason: String,
    },
    /// The operating system gave no random bytes.
    #[error("…")]
    NoRandom,
}

impl KeyRing {
    /// Loads the key file; makes one at the first use.
    pub fn load(_state: &Path) -> Result<KeyRing, SecretError> { Err(SecretError::Damaged) }
    /// Seals a secret for an owner (`central` or a branch code), a field and what it is `bound` to.
    pub fn seal(&self, _owner: &str, _field: &str, _bound: &str, _secret: &SecretString) -> Result<String, SecretError> { Err(SecretError::Damaged) }
    /// Opens what `seal` gave for the same owner, field and bound.
    pub fn open(&self, _owner: &str, _field: &str, _bound: &str, _sealed: &str) -> Result<SecretString, SecretError> { Err(SecretError::Damaged) }
}

/// What a password is bound to: the endpoint's URL and user.
pub fn bound(url: &str, user: &str) -> String { format!("{url}\n{user}") }
