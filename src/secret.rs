//! Sealing of passwords, so that the database alone, or a copy of it, opens no Odoo.
//!
//! AES-256-GCM. A sealed value is bound to what it is for: its owner (`central` or a branch code), its field, and
//! the address and user it logs in to. Copied to another branch, or after an edit of the `url`, it does not open:
//! an edited file must not carry a password to another server. The text is
//! `v1.<key id>.<base64 of nonce, ciphertext and tag>`.
//!
//! The keys stand in one file, a line each: `<key id> <base64 of 32 bytes>`, the active one first. It is the only
//! thing to guard, and to back up apart from the database. Where it is: `$CREDENTIALS_DIRECTORY/posbridge.key`
//! (systemd), else the file that `$POSBRIDGE_KEY_FILE` names, else `<state>/secret.key`, made at the first use.
//!
//! Rotation survives a crash at each step, since both keys stand in the file until all is done:
//! [`KeyRing::add_new_active`]; seal every value again with it, in one transaction; [`KeyRing::drop_old`].
//!
//! Deliberately absent: a way to hand in a nonce, a key from an environment variable or the command line, and any
//! text that repeats a secret.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::planted::step;

/// The file's name in the state directory.
pub const KEY_FILE: &str = "secret.key";
/// The credential's name under systemd.
const CREDENTIAL: &str = "posbridge.key";
/// The environment variable that names the file. It holds a path, never a key.
const KEY_FILE_VARIABLE: &str = "POSBRIDGE_KEY_FILE";

/// The format of sealed values and of what they are bound to.
const VERSION: &str = "v1";
const KEY_BYTES: usize = 32;
/// 96 random bits: safe for 2^32 values a key, and a bridge seals a few thousand in its life.
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
/// Hexadecimal digits of a key id: tells the few keys of a file apart and says nothing about them.
const KEY_ID_LEN: usize = 8;
/// Longest secret, in bytes: API keys have 40; a longer text is a file piped in by mistake.
pub const SECRET_MAX: usize = 4096;
/// Most keys in a file: one, or two while a rotation is under way; more after rotations that were broken off.
const KEYS_MAX: usize = 16;
/// Largest key file, in bytes: [`KEYS_MAX`] lines and some comments.
const KEY_FILE_MAX: u64 = 4096;

/// Why a value or a key file cannot be used. Each text is a clause that fits behind "cannot be opened: ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Sealed with a key that is not in the key file.
    #[error("it was sealed with the key {key_id}, which is not in the key file")]
    KeyMissing {
        /// The id of that key.
        key_id: String,
    },
    /// Sealed for another owner, field or endpoint; or changed afterwards, which looks the same.
    #[error("it was sealed for another branch, url or user, or was changed since; set it again")]
    Moved,
    /// Not a sealed value, or a part of one.
    #[error("it is damaged; set it again")]
    Damaged,
    /// Sealed by a newer posbridge.
    #[error("it was sealed by a newer posbridge; update this one")]
    Newer,
    /// Longer than [`SECRET_MAX`].
    #[error("a password or API key has at most {SECRET_MAX} bytes")]
    TooLong,
    /// The key file is missing, unsafe or of a wrong form.
    #[error("the key file {} {reason}", .file.display())]
    KeyFile {
        /// The key file.
        file: PathBuf,
        /// What is wrong and how to repair it.
        reason: String,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random numbers: {0}")]
    NoRandom(String),
}

/// What a password is bound to besides its owner: where it is sent. Gives the text for `bound` of
/// [`KeyRing::seal`] from an endpoint's URL and user.
pub fn bound(url: &str, user: &str) -> String {
    format!("{url}\n{user}")
}

/// One key. Its bytes are wiped when it goes; it prints as its id.
pub struct Key {
    id: String,
    bytes: SecretBox<[u8; KEY_BYTES]>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

impl Key {
    /// A new key from the operating system's random numbers.
    fn generate() -> Result<Key, SecretError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(bytes.as_mut_slice()).map_err(|error| SecretError::NoRandom(error.to_string()))?;
        Ok(Key::from_bytes(&bytes))
    }

    fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Key {
        let mut id: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        id.truncate(KEY_ID_LEN);
        Key { id, bytes: SecretBox::init_with_mut(|inner: &mut [u8; KEY_BYTES]| inner.copy_from_slice(bytes)) }
    }

    /// A line of the key file; the error completes "line 2 …".
    fn from_line(line: &str) -> Result<Key, &'static str> {
        let (id, text) = line.split_once(' ').ok_or("is not a key id, a blank and a key")?;
        let bytes = Zeroizing::new(BASE64.decode(text.trim()).map_err(|_| "holds no key in base64")?);
        let bytes: &[u8; KEY_BYTES] = bytes.as_slice().try_into().map_err(|_| "holds a key that is not 32 bytes long")?;
        let key = Key::from_bytes(bytes);
        if key.id == id { Ok(key) } else { Err("holds a key whose id is another: it was changed by hand or by a fault") }
    }

    fn to_line(&self) -> Zeroizing<String> {
        let text = Zeroizing::new(BASE64.encode(self.bytes.expose_secret()));
        Zeroizing::new(format!("{} {}\n", self.id, text.as_str()))
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new(self.bytes.expose_secret().into())
    }
}

/// The keys of one installation: the first seals, all of them open. Never without a key.
#[derive(Debug)]
pub struct KeyRing {
    path: PathBuf,
    keys: Vec<Key>,
}

impl KeyRing {
    /// Loads the key file (see the module for where it is), and makes `<state>/secret.key` if no other is named
    /// and it is not there yet. Refuses a file that others can read, that is a symbolic link, or whose directory
    /// others can write to.
    pub fn load(state: &Path) -> Result<KeyRing, SecretError> {
        load_from(std::env::var_os("CREDENTIALS_DIRECTORY"), std::env::var_os(KEY_FILE_VARIABLE), state)
    }

    /// The key file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The id of the key that seals.
    pub fn active_id(&self) -> &str {
        &self.keys[0].id
    }

    /// Whether a rotation was begun and not finished: older keys still stand in the file.
    pub fn has_old_keys(&self) -> bool {
        self.keys.len() > 1
    }

    /// Whether a sealed value was sealed with another key than the active one.
    pub fn needs_resealing(&self, sealed: &str) -> bool {
        sealed.split('.').nth(1) != Some(self.active_id())
    }

    /// Seals a secret with the active key. `owner` is `central` or a branch code, `field` what is kept (e.g.
    /// `password`), `bound` what it is for (see [`bound`]). Sealing twice gives two different texts.
    pub fn seal(&self, owner: &str, field: &str, bound: &str, secret: &SecretString) -> Result<String, SecretError> {
        let plain = secret.expose_secret().as_bytes();
        if plain.len() > SECRET_MAX {
            return Err(SecretError::TooLong);
        }
        let key = &self.keys[0];
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|error| SecretError::NoRandom(error.to_string()))?;
        let aad = associated(&key.id, owner, field, bound);
        let sealed = key.cipher().encrypt(&Nonce::from(nonce), Payload { msg: plain, aad: &aad }).map_err(|_| SecretError::TooLong)?;
        Ok(format!("{VERSION}.{}.{}", key.id, BASE64.encode([nonce.as_slice(), &sealed].concat())))
    }

    /// Opens what [`KeyRing::seal`] gave for the same owner, field and bound.
    pub fn open(&self, owner: &str, field: &str, bound: &str, sealed: &str) -> Result<SecretString, SecretError> {
        let parts: Vec<&str> = sealed.split('.').collect();
        let [version, key_id, text] = parts[..] else { return Err(SecretError::Damaged) };
        if version != VERSION {
            let number = version.strip_prefix('v').and_then(|digits| digits.parse::<u32>().ok());
            return Err(if number > Some(1) { SecretError::Newer } else { SecretError::Damaged });
        }
        let bytes = BASE64.decode(text).map_err(|_| SecretError::Damaged)?;
        if key_id.len() != KEY_ID_LEN || !key_id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(SecretError::Damaged);
        }
        if !(NONCE_BYTES + TAG_BYTES..=NONCE_BYTES + TAG_BYTES + SECRET_MAX).contains(&bytes.len()) {
            return Err(SecretError::Damaged);
        }
        let (nonce, sealed) = bytes.split_at(NONCE_BYTES);
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| SecretError::Damaged)?;
        let Some(key) = self.keys.iter().find(|key| key.id == key_id) else {
            return Err(SecretError::KeyMissing { key_id: key_id.to_owned() });
        };
        let aad = associated(key_id, owner, field, bound);
        let plain = key
            .cipher()
            .decrypt(&Nonce::from(nonce), Payload { msg: sealed, aad: &aad })
            .map(Zeroizing::new)
            .map_err(|_| SecretError::Moved)?;
        let text = std::str::from_utf8(&plain).map_err(|_| SecretError::Damaged)?;
        Ok(SecretString::from(text))
    }

    /// First step of a rotation: a new key in front of the others in the file at `path`, in one rename. Gives the
    /// ring that seals with it and still opens everything. The caller holds the lock of the state directory.
    pub fn add_new_active(path: &Path) -> Result<KeyRing, SecretError> {
        let mut ring = read(path, &refuse_unsafe)?;
        if ring.keys.len() >= KEYS_MAX {
            let reason = format!("holds {} keys already; finish a rotation first: posbridge secret rotate", ring.keys.len());
            return Err(SecretError::KeyFile { file: path.to_owned(), reason });
        }
        ring.keys.insert(0, Key::generate()?);
        replace(path, &ring.keys)?;
        Ok(ring)
    }

    /// Last step of a rotation, after every value was sealed again: only the active key stays in the file.
    pub fn drop_old(path: &Path) -> Result<KeyRing, SecretError> {
        let mut ring = read(path, &refuse_unsafe)?;
        if ring.has_old_keys() {
            ring.keys.truncate(1);
            replace(path, &ring.keys)?;
        }
        Ok(ring)
    }
}

/// What the tag covers besides the secret. Each part goes with its length, so that no two lists of parts give
/// the same bytes.
fn associated(key_id: &str, owner: &str, field: &str, bound: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in ["posbridge", VERSION, key_id, owner, field, bound] {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

fn load_from(credentials: Option<OsString>, named: Option<OsString>, state: &Path) -> Result<KeyRing, SecretError> {
    if let Some(folder) = credentials.filter(|folder| !folder.is_empty()) {
        let path = Path::new(&folder).join(CREDENTIAL);
        if path.try_exists().unwrap_or(true) {
            // systemd keeps these in memory for this service alone, with modes of its own.
            return read(&path, &|_, _| Ok(()));
        }
    }
    if let Some(path) = named.filter(|path| !path.is_empty()).map(PathBuf::from) {
        return read(&path, &refuse_unsafe);
    }
    let path = state.join(KEY_FILE);
    // A dangling link counts as there, so that it is refused and not written through.
    if path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        create(&path)?;
    }
    read(&path, &refuse_unsafe)
}

fn key_file(path: &Path, reason: impl Into<String>) -> SecretError {
    SecretError::KeyFile { file: path.to_owned(), reason: reason.into() }
}

fn failed(path: &Path, doing: &str) -> impl Fn(io::Error) -> SecretError {
    let (path, doing) = (path.to_owned(), doing.to_owned());
    move |error| key_file(&path, format!("cannot be {doing}: {error}"))
}

/// Reads a key file after `guard` has looked at the very file that was opened.
fn read(path: &Path, guard: &dyn Fn(&Path, &Metadata) -> Result<(), SecretError>) -> Result<KeyRing, SecretError> {
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => key_file(
            path,
            format!(
                "does not exist; put the key there, or unset {KEY_FILE_VARIABLE} once to have {KEY_FILE} made in \
                 the state directory and move that"
            ),
        ),
        io::ErrorKind::PermissionDenied => key_file(path, "may not be read by this user; make the user that runs posbridge its owner"),
        _ => key_file(path, format!("cannot be read: {error}")),
    })?;
    let metadata = file.metadata().map_err(failed(path, "read"))?;
    guard(path, &metadata)?;
    if !metadata.is_file() {
        return Err(key_file(path, "is not a regular file"));
    }
    // Room for the whole file at once: a growing buffer would leave copies of keys behind in memory.
    let mut text = Zeroizing::new(String::with_capacity(KEY_FILE_MAX as usize + 2));
    file.take(KEY_FILE_MAX + 1).read_to_string(&mut text).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => key_file(path, "is not a key file; put the right one back from the backup"),
        _ => key_file(path, format!("cannot be read: {error}")),
    })?;
    if text.len() as u64 > KEY_FILE_MAX {
        return Err(key_file(path, format!("is larger than {KEY_FILE_MAX} bytes, so it is no key file")));
    }
    let mut keys = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#')) {
        let broken = |what| key_file(path, format!("is broken: line {} {what}; put it back from the backup", index + 1));
        keys.push(Key::from_line(line.trim_end()).map_err(broken)?);
    }
    if keys.is_empty() {
        return Err(key_file(path, "holds no key; put it back from the backup, or delete it and set all passwords again"));
    }
    Ok(KeyRing { path: path.to_owned(), keys })
}

/// Refuses a file or directory through which others could read or swap the key.
fn refuse_unsafe(path: &Path, opened: &Metadata) -> Result<(), SecretError> {
    let shown = path.display();
    let named = path.symlink_metadata().map_err(failed(path, "read"))?;
    if named.file_type().is_symlink() || (named.dev(), named.ino()) != (opened.dev(), opened.ino()) {
        return Err(key_file(path, "is a symbolic link; name the file itself"));
    }
    if !is_ours(opened) {
        return Err(key_file(path, format!("belongs to another user; type: chown \"$(id -un)\" {shown}")));
    }
    if opened.mode() & 0o077 != 0 {
        return Err(key_file(path, format!("can be read by others; type: chmod 600 {shown}")));
    }
    let absolute = std::path::absolute(path).map_err(failed(path, "read"))?;
    for (height, folder) in absolute.ancestors().skip(1).enumerate() {
        let metadata = folder.metadata().map_err(failed(path, "read"))?;
        // The directory itself must be ours alone to write; above it a group of administrators is usual, and a
        // sticky directory such as /tmp lets nobody swap what is not his.
        let forbidden = if height == 0 { 0o022 } else { 0o002 };
        let sticky = metadata.mode() & 0o1000 != 0;
        if metadata.mode() & forbidden != 0 && !sticky {
            let reason = format!("stands in a directory that others can write to; type: chmod go-w {}", folder.display());
            return Err(key_file(path, reason));
        }
        if height == 0 && !is_ours(&metadata) {
            let reason = format!("stands in a directory of another user; type: chown \"$(id -un)\" {}", folder.display());
            return Err(key_file(path, reason));
        }
    }
    Ok(())
}

/// Whether a file is this user's or the administrator's, who can read everything anyway.
fn is_ours(metadata: &Metadata) -> bool {
    // Where there is no /proc, the mode has to be enough: asking for the user id takes unsafe code.
    let ours = fs::metadata("/proc/self").map(|process| process.uid());
    metadata.uid() == 0 || ours.is_ok_and(|ours| ours == metadata.uid()) || !Path::new("/proc/self").exists()
}

/// Makes a key file with one new key, in a directory of mode 0700. If another process makes one at the same
/// moment, the first stays and both use it.
fn create(path: &Path) -> Result<(), SecretError> {
    let folder = folder_of(path);
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed(path, "made"))?;
    let new = write_aside(path, &[Key::generate()?])?;
    step();
    // A link, not a rename: it never takes the place of a file that is there.
    let linked = fs::hard_link(&new, path);
    step();
    fs::remove_file(&new).map_err(failed(path, "made"))?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(path, "made")(error)),
        _ => sync_folder(path),
    }
}

/// Puts new contents in the file's place, in one step and on disk when this returns.
fn replace(path: &Path, keys: &[Key]) -> Result<(), SecretError> {
    remove_leftovers(path);
    let new = write_aside(path, keys)?;
    step();
    fs::rename(&new, path).map_err(failed(path, "replaced"))?;
    step();
    sync_folder(path)
}

/// Writes keys to a new file beside `path`, readable by this user only, on disk when this returns.
fn write_aside(path: &Path, keys: &[Key]) -> Result<PathBuf, SecretError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| SecretError::NoRandom(error.to_string()))?;
    let new = folder_of(path).join(format!("{}{:016x}", aside_prefix(path), u64::from_le_bytes(random)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new).map_err(failed(path, "written"))?;
    let written = keys.iter().try_for_each(|key| file.write_all(key.to_line().as_bytes())).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a key file helps nobody; that it stays is harmless too, so a second failure is not told.
        let _ = fs::remove_file(&new);
    }
    written.map_err(failed(path, "written"))?;
    Ok(new)
}

/// Files that a crash left behind between writing and renaming: they hold keys, so they do not lie about.
fn remove_leftovers(path: &Path) {
    let prefix = aside_prefix(path);
    for entry in fs::read_dir(folder_of(path)).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn aside_prefix(path: &Path) -> String {
    format!(".{}.new-", path.file_name().unwrap_or_default().to_string_lossy())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync_folder(path: &Path) -> Result<(), SecretError> {
    File::open(folder_of(path)).and_then(|folder| folder.sync_all()).map_err(failed(path, "written"))
}

#[cfg(test)]
mod tests;
