//! Why a message did not arrive, in words.

/// Why a message did not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No password is kept for the mail server's user.
    PasswordMissing,
    /// The address has a place for a secret, and none is kept.
    TokenMissing,
    /// What is kept cannot be opened.
    PasswordUnreadable {
        /// `smtp` or `webhook`.
        owner: String,
        /// A clause.
        reason: String,
    },
    /// The file of `ca_file` cannot be used.
    CaFile {
        /// The file.
        file: String,
        /// A clause.
        reason: String,
    },
    /// DNS does not know the server.
    HostNotFound {
        /// Its name.
        server: String,
    },
    /// Nothing listens there.
    ConnectionRefused {
        /// `server:port`.
        address: String,
    },
    /// No way leads there.
    Unreachable {
        /// `server:port`.
        address: String,
    },
    /// No answer in time.
    TimedOut {
        /// How long it was waited for.
        seconds: u64,
    },
    /// The server closed the connection without a word.
    Dropped {
        /// `server:port`.
        address: String,
    },
    /// The connection could not be encrypted.
    Tls {
        /// A clause.
        reason: String,
    },
    /// The mail server cannot change over to TLS.
    NoStarttls,
    /// The mail server offers no log-in that is understood.
    NoLogin,
    /// The mail server refuses user and password.
    LoginRefused {
        /// The user.
        user: String,
        /// The server's words.
        words: String,
    },
    /// The mail server takes no mail from this sender, or for these addresses.
    RelayDenied {
        /// The server's words.
        words: String,
    },
    /// The server takes nothing at the moment.
    Later {
        /// The server's words.
        words: String,
    },
    /// The webhook refuses the token, or wants one.
    TokenRefused {
        /// The HTTP status.
        status: u16,
        /// The server's words.
        words: String,
    },
    /// The webhook's address is unknown there.
    AddressUnknown {
        /// The HTTP status.
        status: u16,
        /// The server's words.
        words: String,
    },
    /// The webhook points elsewhere, and a token is not carried after it.
    Redirected {
        /// The HTTP status.
        status: u16,
    },
    /// Any other refusal, in the server's words.
    Refused {
        /// The server's words.
        words: String,
    },
}

impl Refusal {
    /// A stable short name, as in the log.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::PasswordMissing | Self::TokenMissing => "password_missing",
            Self::PasswordUnreadable { .. } => "password_unreadable",
            Self::CaFile { .. } => "ca_file",
            Self::HostNotFound { .. } => "host_not_found",
            Self::ConnectionRefused { .. } => "connection_refused",
            Self::Unreachable { .. } => "unreachable",
            Self::TimedOut { .. } => "timed_out",
            Self::Dropped { .. } => "connection_lost",
            Self::Tls { .. } => "tls_failed",
            Self::NoStarttls => "no_starttls",
            Self::NoLogin => "no_login",
            Self::LoginRefused { .. } => "password_refused",
            Self::RelayDenied { .. } => "relay_denied",
            Self::Later { .. } => "server_busy",
            Self::TokenRefused { .. } => "token_refused",
            Self::AddressUnknown { .. } => "address_unknown",
            Self::Redirected { .. } => "redirected",
            Self::Refused { .. } => "refused",
        }
    }

    /// What happened, a sentence.
    pub fn what(&self) -> String {
        match self {
            Self::PasswordMissing => "No password is kept for the mail server.".to_owned(),
            Self::TokenMissing => "The webhook's address has {secret} in it, and no token is kept for it.".to_owned(),
            Self::PasswordUnreadable { owner, reason } => format!("What is kept for {owner} cannot be opened: {reason}."),
            Self::CaFile { file, reason } => format!("The file {file} of ca_file cannot be used: {reason}."),
            Self::HostNotFound { server } => format!("DNS does not know the server {server}."),
            Self::ConnectionRefused { address } => format!("Nothing listens at {address}."),
            Self::Unreachable { address } => format!("No network leads to {address}."),
            Self::TimedOut { seconds } => format!("The server did not answer within {seconds} s."),
            Self::Dropped { address } => format!("{address} closed the connection without an answer."),
            Self::Tls { reason } => format!("The connection cannot be encrypted: {reason}."),
            Self::NoStarttls => "The mail server cannot encrypt on this port (no STARTTLS), so nothing was sent.".to_owned(),
            Self::NoLogin => "The mail server offers no log-in by password on this connection.".to_owned(),
            Self::LoginRefused { user, words } => format!("The mail server refuses the password of user \"{user}\": {words}."),
            Self::RelayDenied { words } => format!("The mail server does not take this mail: {words}."),
            Self::Later { words } => format!("The server takes nothing at the moment: {words}."),
            Self::TokenRefused { status, words } => format!("The webhook refuses the token, or wants one (HTTP {status}{}).", after(words)),
            Self::AddressUnknown { status, words } => format!("The webhook's address is unknown there (HTTP {status}{}).", after(words)),
            Self::Redirected { status } => format!("The webhook points to another address (HTTP {status})."),
            Self::Refused { words } => format!("The server refuses the message: {words}."),
        }
    }

    /// What to do next, a sentence.
    pub fn next_step(&self) -> String {
        match self {
            Self::PasswordMissing => "Type: posbridge secret set smtp",
            Self::TokenMissing => "Type: posbridge secret set webhook",
            Self::PasswordUnreadable { owner, .. } => return format!("Type: posbridge secret set {owner}"),
            Self::CaFile { .. } => "Correct `ca_file` in branches.toml.",
            Self::HostNotFound { .. } => "Correct the server's name in branches.toml, or the DNS of this machine.",
            Self::ConnectionRefused { .. } => "Correct server and port in branches.toml, or start the server.",
            Self::Unreachable { .. } => "Look after the network of this machine.",
            Self::TimedOut { .. } => "Correct server and port in branches.toml; a firewall between here and there looks the same.",
            Self::Dropped { .. } => "See whether `tls` and `port` in branches.toml fit together, and the server's own log.",
            Self::Tls { .. } => "See whether `tls` and `port` fit together, and whether `ca_file` names the authority.",
            Self::NoStarttls => "Write tls = \"tls\" with port = 465, if the server has that.",
            Self::NoLogin => "If it takes mail without a log-in, delete `user`; else ask who keeps the mail server.",
            Self::LoginRefused { .. } => "Type: posbridge secret set smtp. Some servers want a password made for programs.",
            Self::RelayDenied { .. } => "Correct `from`, `to` or `user`, or let who keeps the mail server allow them.",
            Self::Later { .. } => "Alerts are sent again by themselves until they arrive.",
            Self::TokenRefused { .. } => "Type: posbridge secret set webhook",
            Self::AddressUnknown { .. } => "Make the webhook anew there, correct `url`, and type: posbridge secret set webhook",
            Self::Redirected { .. } => "Write the address that it points to as `url`.",
            Self::Refused { .. } => "Ask who keeps that server.",
        }
        .to_owned()
    }

    /// Without the secret, should a server have repeated it.
    pub(super) fn without(mut self, secret: Option<&str>) -> Self {
        let Some(secret) = secret.filter(|secret| !secret.is_empty()) else { return self };
        match &mut self {
            Self::LoginRefused { words, .. }
            | Self::RelayDenied { words }
            | Self::Later { words }
            | Self::TokenRefused { words, .. }
            | Self::AddressUnknown { words, .. }
            | Self::Refused { words } => *words = words.replace(secret, "…"),
            _ => {}
        }
        self
    }
}

fn after(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(": {words}") }
}
