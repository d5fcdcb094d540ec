//! The table `[alerts]`: who is told when something needs a person.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Who is told, and from when on. Nobody by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alerts {
    /// A branch that has not answered for longer than this is told; never sooner than after two of its passes.
    pub silent: Duration,
    /// From so many records on that wait for a person at one branch.
    pub failures: u64,
    /// Less free space than this where the state is kept, in bytes.
    pub disk: u64,
    /// By e-mail.
    pub mail: Option<Mail>,
    /// By a POST to an address.
    pub webhook: Option<Webhook>,
}

impl Alerts {
    /// Two hours: longer than a restart, an update of Odoo or a short power cut.
    pub const SILENT: Duration = Duration::from_secs(2 * 3_600);
    /// Ten: one product that central does not know is soon in as many orders.
    pub const FAILURES: u64 = 10;
    /// 1 GiB: weeks of orders, so there is time to make room.
    pub const DISK: u64 = 1 << 30;

    /// Who a mail server's password is sealed for; no branch can have it as its code.
    pub const MAIL_OWNER: &str = "smtp";
    /// Who a webhook's token is sealed for; no branch can have it as its code.
    pub const WEBHOOK_OWNER: &str = "webhook";
}

impl Default for Alerts {
    fn default() -> Self {
        Self { silent: Self::SILENT, failures: Self::FAILURES, disk: Self::DISK, mail: None, webhook: None }
    }
}

/// How the connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// Begins in the clear and changes over, on port 587; a server that cannot is refused.
    Starttls,
    /// From the first byte on, on port 465.
    Tls,
    /// Not at all, on port 25.
    None,
}

impl MailTls {
    /// The usual port.
    pub fn port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }

    fn scheme(self) -> &'static str {
        match self {
            Self::Starttls => "smtp+starttls",
            Self::Tls => "smtps",
            Self::None => "smtp",
        }
    }
}

/// The table `[alerts.mail]`. The password is not here: see [`crate::secret`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The name or address of the mail server.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: MailTls,
    /// A PEM file with a private authority's certificate; absolute.
    pub ca_file: Option<PathBuf>,
    /// Who logs in; none = the server takes mail without a log-in.
    pub user: Option<String>,
    /// The sender's address.
    pub from: String,
    /// Who is told, at least one address.
    pub to: Vec<String>,
}

impl Mail {
    /// Where the password is sent, as it is sealed: another server, port or encryption does not get it.
    pub fn address(&self) -> String {
        format!("{}://{}:{}", self.tls.scheme(), self.server, self.port)
    }
}

/// The table `[alerts.webhook]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Where messages are posted; may hold [`Webhook::SECRET`].
    pub url: String,
    /// A PEM file with a private authority's certificate; absolute.
    pub ca_file: Option<PathBuf>,
}

impl Webhook {
    /// Stands in the address for the part that nobody may know, as in those of chat programs: the sealed token takes
    /// its place, and is then not sent as a header.
    pub const SECRET: &str = "{secret}";

    /// Whether the sealed token is a part of the address.
    pub fn has_secret(&self) -> bool {
        self.url.contains(Self::SECRET)
    }

    /// `scheme://host[:port]`: what may be shown, since whoever knows the rest may post.
    pub fn origin(&self) -> String {
        let rest = self.url.find("://").map_or(0, |at| at + 3);
        // In an address a backslash is a slash.
        let end = self.url[rest..].find(['/', '\\', '?', '#']).map_or(self.url.len(), |at| rest + at);
        self.url[..end].to_owned()
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("origin", &self.origin()).field("ca_file", &self.ca_file).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    const SMALL: &str = "[central]\nurl = \"https://erp.example.com\"\ndatabase = \"central\"\nuser = \"bridge\"\n\
        [branch.tirana]\nurl = \"https://tirana.example.com\"\ndatabase = \"tirana\"\nuser = \"bridge\"\nfrom = 2026-11-01\ncustomer = 7\n";

    fn read(lines: &str) -> Result<Alerts, String> {
        let config = Config::parse(&format!("{SMALL}[alerts]\n{lines}"), Path::new("/etc/posbridge/branches.toml"));
        config.map(|config| config.alerts).map_err(|error| error.to_string())
    }

    fn mail(lines: &str) -> Mail {
        let table = format!("[alerts.mail]\nserver = \"Mail.Example.com\"\nfrom = \"a@example.com\"\nto = [\"b@example.com\"]\n{lines}");
        read(&table).expect("valid").mail.expect("a mail server")
    }

    #[test]
    fn nobody_is_told_by_default_and_the_thresholds_have_values() {
        assert_eq!(read(""), Ok(Alerts::default()));
        let alerts = read("silent = \"45m\"\nfailures = 3\ndisk = \"500 MiB\"").expect("valid");
        assert_eq!((alerts.silent.as_secs(), alerts.failures, alerts.disk), (2_700, 3, 500 << 20));
        assert_eq!(read("disk = \"2GB\"").expect("valid").disk, 2 << 30);
    }

    #[test]
    fn a_mail_server_has_the_port_of_its_encryption() {
        assert_eq!(mail("").address(), "smtp+starttls://mail.example.com:587");
        assert_eq!(mail("tls = \"tls\"").address(), "smtps://mail.example.com:465");
        assert_eq!(mail("tls = \"none\"\nallow_plain = true\nport = 2525").address(), "smtp://mail.example.com:2525");
        assert_eq!(mail("ca_file = \"ca.pem\"").ca_file, Some("/etc/posbridge/ca.pem".into()));
    }

    #[test]
    fn a_webhook_shows_its_server_only() {
        let webhook = read("[alerts.webhook]\nurl = \"https://chat.example.com:8443/hooks/T0/B0?x=1\"").expect("valid").webhook;
        let webhook = webhook.expect("a webhook");
        assert_eq!(webhook.origin(), "https://chat.example.com:8443");
        assert!(!format!("{webhook:?}").contains("T0"), "{webhook:?}");
        assert!(!webhook.has_secret());
        assert!(read("[alerts.webhook]\nurl = \"http://127.0.0.1:9/{secret}\"").expect("valid").webhook.is_some_and(|w| w.has_secret()));
    }

    #[test]
    fn an_odd_way_of_writing_an_address_does_not_show_the_rest_of_it() {
        let url = |text: &str| read(&format!("[alerts.webhook]\nurl = '{text}'")).map(|alerts| alerts.webhook.expect("a webhook").origin());
        assert_eq!(url(r"https://chat.example.com\hooks\T0").as_deref(), Ok("https://chat.example.com"));
        for odd in [
            r"https:\\chat.example.com\hooks\T0",
            "https:/chat.example.com/hooks/T0?to=a://b",
            "https:chat.example.com",
            "https:///chat.example.com",
        ] {
            let complaint = url(odd).expect_err(odd);
            assert!(complaint.contains("must begin with https://") && !complaint.contains("T0"), "{complaint}");
        }
    }

    #[test]
    fn each_mistake_is_told() {
        let table = |name: &str, lines: &str| format!("[alerts.{name}]\n{lines}");
        let all = "server = \"mail.example.com\"\nfrom = \"a@example.com\"\nto = [\"b@example.com\"]\n";
        let mistakes = [
            "silnet = \"2h\"".to_owned(),
            "smtp_password = \"hunter2\"".to_owned(),
            "silent = \"1m\"".to_owned(),
            "silent = 2".to_owned(),
            "failures = 0".to_owned(),
            "failures = \"10\"".to_owned(),
            "disk = 1".to_owned(),
            "disk = \"much\"".to_owned(),
            "disk = \"1 MiB\"".to_owned(),
            "disk = \"99999999999999999999 GiB\"".to_owned(),
            "mail = \"ops@example.com\"".to_owned(),
            table("mail", ""),
            table("mail", &format!("{all}pasword = \"hunter2\"\npassword = \"hunter2\"")),
            table("mail", &format!("{all}port = 0")),
            table("mail", &format!("{all}port = \"587\"")),
            table("mail", &format!("{all}tls = \"ssl\"")),
            table("mail", &format!("{all}tls = \"none\"")),
            table("mail", "server = \"smtp://mail.example.com:25\"\nfrom = \"a\"\nto = []"),
            table("mail", "server = \"mail.example.com\"\nfrom = \"Ops <a@example.com>\"\nto = \"b@example.com\""),
            table("mail", "server = \"mail.example.com\"\nfrom = \"a@b.c\\r\\nBcc: x@y.z\"\nto = [\"b@example.com\\nRCPT\"]"),
            table("webhook", ""),
            table("webhook", "token = \"hunter2\"\nurl = \"https://chat.example.com/\""),
            table("webhook", "url = \"chat.example.com\""),
            table("webhook", "url = \"ftp://chat.example.com/\""),
            table("webhook", "url = \"http://chat.example.com/\""),
            table("webhook", "url = \"https://hunter2@chat.example.com/\""),
            table("webhook", "url = \"https://{secret}.example.com/\""),
            table("webhook", "url = \"https://{secret}@chat.example.com/\""),
            table("webhook", "url = \"http://169.254.169.254/\""),
        ];
        let mut told = String::new();
        for mistake in mistakes {
            let complaints = read(&mistake).expect_err(&mistake).replace('\n', "\n  ");
            told.push_str(&format!("{mistake}\n  {complaints}\n"));
        }
        let owner = SMALL.replace("branch.tirana", "branch.smtp");
        told.push_str(&Config::parse(&owner, Path::new("/etc/posbridge/branches.toml")).expect_err("reserved").to_string());
        insta::assert_snapshot!(told);
        let complaints: String = told.lines().filter(|line| line.starts_with("  /etc")).collect();
        assert!(!complaints.contains("hunter2"), "no complaint repeats a value that could be a password");
    }
}
