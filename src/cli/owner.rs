//! Whose ledger it is: root must not leave files in it that the account of the service cannot open.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::Failure;

/// The names of the accounts of this machine.
const ACCOUNTS: &str = "/etc/passwd";

/// Refuses root in a state directory of another account. Anybody else is told by the file that he may not open.
///
/// # Errors
/// [`Failure::Other`]: whose it is, and how to type the command as that account.
pub fn check(state: &Path) -> Result<(), Failure> {
    // Not there yet: who makes it will own it.
    let Ok(metadata) = state.metadata() else { return Ok(()) };
    if !rustix::process::geteuid().is_root() || metadata.uid() == 0 {
        return Ok(());
    }
    let accounts = std::fs::read_to_string(ACCOUNTS).unwrap_or_default();
    Err(Failure::Other(refusal(state, &name(&accounts, metadata.uid()))))
}

fn refusal(state: &Path, account: &str) -> String {
    format!(
        "The state directory {} belongs to the account {account}, and what root makes there that account could not open; \
         nothing was done. Type the command as that account: sudo -u {account} posbridge",
        state.display()
    )
}

/// The account's name; without one, its number as sudo takes it.
fn name(accounts: &str, uid: u32) -> String {
    let number = uid.to_string();
    let line = accounts.lines().find(|line| line.split(':').nth(2) == Some(&number));
    line.and_then(|line| line.split(':').next()).map_or_else(|| format!("'#{uid}'"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME: &str = "root:x:0:0:root:/root:/bin/bash\nposbridge:x:997:996:posbridge:/var/lib/posbridge:/usr/sbin/nologin\n";

    #[test]
    fn the_account_has_a_name_or_a_number() {
        assert_eq!(name(SOME, 997), "posbridge");
        assert_eq!(name(SOME, 996), "'#996'");
        assert_eq!(name("", 5), "'#5'");
    }

    #[test]
    fn root_is_told_what_to_type() {
        insta::assert_snapshot!(refusal(Path::new("/var/lib/posbridge"), "posbridge"), @"The state directory /var/lib/posbridge belongs to the account posbridge, and what root makes there that account could not open; nothing was done. Type the command as that account: sudo -u posbridge posbridge");
    }

    #[test]
    fn who_owns_it_or_makes_it_may() {
        let folder = tempfile::tempdir().unwrap();
        check(folder.path()).unwrap();
        check(&folder.path().join("not there yet")).unwrap();
    }

    /// Only root can give a directory away, so only then there is something to refuse.
    #[test]
    fn root_is_refused_in_a_directory_of_another_account() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::chown(folder.path(), Some(65_534), None).unwrap();
        let text = check(folder.path()).unwrap_err().to_string();
        assert!(text.contains("sudo -u nobody posbridge"), "{text}");
    }
}
