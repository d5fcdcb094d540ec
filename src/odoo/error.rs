//! What can go wrong with a call, told apart by what the caller must know: was it done, or is that unknown?

use std::time::Duration;

/// Whether a failed call can have changed anything at the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It did not happen: it never arrived, or Odoo rolled it back.
    NotDone,
    /// Nobody knows: the answer was lost, or is no answer. Only repeating the same call can tell.
    Unknown,
}

/// Why TLS failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsFault {
    /// The certificate has expired, or is not valid yet.
    Expired,
    /// The certificate is for another name.
    WrongName,
    /// Nobody whom this machine trusts has signed it.
    UnknownIssuer,
    /// Anything else, in rustls' words.
    Other(String),
}

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OdooError {
    /// DNS has no address for the host.
    #[error("Host {0} not found")]
    HostNotFound(String),
    /// Nothing listens at the address.
    #[error("Connection refused by {0}")]
    Refused(String),
    /// No connection within the connect time-out: nothing was sent.
    #[error("No connection within {}s", .0.as_secs())]
    ConnectTimeout(Duration),
    /// The call was sent, and no whole answer came in time.
    #[error("No answer within {}s", .0.as_secs())]
    Timeout(Duration),
    /// The TLS handshake failed.
    #[error("TLS with {host} failed: {fault:?}")]
    Tls {
        /// The host named in the URL.
        host: String,
        /// Why.
        fault: TlsFault,
    },
    /// No connection, for another reason; nothing was sent.
    #[error("Could not connect: {0}")]
    Connect(String),
    /// The connection broke after the call was sent.
    #[error("Connection lost: {0}")]
    Lost(String),
    /// Something answered that is not Odoo's XML-RPC: HTML, a redirect, a 404.
    #[error("{url} answered {seen}")]
    NotOdoo {
        /// The address that was asked.
        url: String,
        /// What came, in words: `an HTML page "Login"`, `a redirect to https://…`, `HTTP 404`.
        seen: String,
        /// Whether the call may have been carried out behind it (a proxy's page in place of the answer).
        outcome: Outcome,
    },
    /// The server, or a proxy before it, is overloaded, restarting, or asks to wait.
    #[error("Server busy: {reason}")]
    Busy {
        /// `HTTP 503`, `could not serialize access due to concurrent update`, …
        reason: String,
        /// How long it asked us to wait (`Retry-After`).
        retry_after: Option<Duration>,
        /// 502 and 504 come from a proxy whose Odoo may still be working.
        outcome: Outcome,
    },
    /// HTTP 413: a proxy takes no body of this size. The call never reached Odoo.
    #[error("Request too large for the server (HTTP 413)")]
    RequestTooLarge,
    /// The reply passed [`super::MAX_REPLY`].
    #[error("Reply over {0} MiB")]
    ReplyTooLarge(u64),
    /// The reply could not be decoded.
    #[error("Broken reply: {0}")]
    Broken(String),
    /// Fault 1 because the database does not exist there.
    #[error("Database {0} does not exist")]
    DatabaseUnknown(String),
    /// Wrong login or password: `authenticate` answered False, or fault 3; over JSON-2 no valid key.
    #[error("Access denied for {0}")]
    Denied(String),
    /// JSON-2 takes API keys only, and this is the user's password.
    #[error("A password where JSON-2 takes an API key only, for {0}")]
    NotAKey(String),
    /// The API key is that of another user than the one who is meant.
    #[error("The API key is that of {other}, not of {login}")]
    KeyOfAnother {
        /// The login of the settings.
        login: String,
        /// The login whose key it is.
        other: String,
    },
    /// Fault 4: the user lacks a right. Odoo's text names model and groups.
    #[error("{0}")]
    Access(String),
    /// Fault 2: Odoo's business logic refused, in words for a person. Rolled back.
    #[error("{0}")]
    Refusal(String),
    /// A model that is not installed (fault 2 of a kind of its own).
    #[error("Model {0} does not exist")]
    ModelUnknown(String),
    /// A field that this Odoo does not have.
    #[error("{0}")]
    FieldUnknown(String),
    /// Odoo did the work and committed it, and there is no result: over XML-RPC it could not encode it (`cannot marshal None`), over
    /// JSON-2 it is null.
    #[error("Done, without a result")]
    DoneWithoutResult,
    /// Any other fault 1: the last line of the traceback.
    #[error("{0}")]
    Server(String),
}

impl OdooError {
    /// Whether the call may have been carried out all the same.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::NotOdoo { outcome, .. } | Self::Busy { outcome, .. } => *outcome,
            Self::Timeout(_) | Self::Lost(_) | Self::ReplyTooLarge(_) | Self::Broken(_) | Self::Server(_) | Self::DoneWithoutResult => {
                Outcome::Unknown
            }
            Self::HostNotFound(_)
            | Self::Refused(_)
            | Self::ConnectTimeout(_)
            | Self::Tls { .. }
            | Self::Connect(_)
            | Self::RequestTooLarge
            | Self::DatabaseUnknown(_)
            | Self::Denied(_)
            | Self::NotAKey(_)
            | Self::KeyOfAnother { .. }
            | Self::Access(_)
            | Self::Refusal(_)
            | Self::ModelUnknown(_)
            | Self::FieldUnknown(_) => Outcome::NotDone,
        }
    }

    /// How long the server asked to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether no Odoo of that protocol is at the address. Nothing was done.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::NotOdoo { seen, .. } if seen == "HTTP 404")
    }

    /// Whether nobody answered who could say anything: no connection, no whole answer, a server that is busy.
    pub(super) fn is_no_answer(&self) -> bool {
        matches!(
            self,
            Self::HostNotFound(_)
                | Self::Refused(_)
                | Self::ConnectTimeout(_)
                | Self::Timeout(_)
                | Self::Tls { .. }
                | Self::Connect(_)
                | Self::Lost(_)
                | Self::Busy { .. }
        )
    }

    /// Whether a smaller call might pass where this one did not: a time-out, 413, a reply over the cap.
    pub fn is_about_size(&self) -> bool {
        matches!(self, Self::Timeout(_) | Self::RequestTooLarge | Self::ReplyTooLarge(_))
            || matches!(self, Self::Busy { reason, .. } | Self::NotOdoo { seen: reason, .. } if reason.contains("504"))
    }

    /// Reads a fault of `/xmlrpc/2` by its code and Odoo's text (odoo-facts: 1 anything, 2 user, 3 denied, 4 access).
    pub(super) fn from_fault(code: i64, text: &str, database: &str, login: &str) -> Self {
        let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("").trim();
        match code {
            2 => match text.strip_prefix("Object ").and_then(|rest| rest.strip_suffix(" doesn't exist")) {
                Some(model) => Self::ModelUnknown(model.to_owned()),
                None => Self::Refusal(text.trim().to_owned()),
            },
            3 => Self::Denied(login.to_owned()),
            4 => Self::Access(text.trim().to_owned()),
            _ if last.contains("cannot marshal") || last.contains("int exceeds XML-RPC limits") => Self::DoneWithoutResult,
            _ if is_serialization(last) => Self::Busy { reason: last.to_owned(), retry_after: None, outcome: Outcome::NotDone },
            _ if text.contains("OperationalError") && last.contains(&format!("database \"{database}\" does not exist")) => {
                Self::DatabaseUnknown(database.to_owned())
            }
            _ if text.contains("KeyError:") && last.ends_with(&format!("'{database}'")) => Self::DatabaseUnknown(database.to_owned()),
            _ if last.contains("Invalid field") => Self::FieldUnknown(last.to_owned()),
            // Odoo lost its own connection to PostgreSQL, or has none left.
            _ if ["PoolError", "OperationalError", "psycopg2.InterfaceError"].iter().any(|kind| text.contains(kind)) => {
                Self::Busy { reason: last.to_owned(), retry_after: None, outcome: Outcome::Unknown }
            }
            _ => Self::Server(last.to_owned()),
        }
    }
}

/// PostgreSQL's words for "another transaction was first; nothing was written, try again". Odoo passes them on in
/// faults, and inside the messages of `load`.
pub fn is_serialization(text: &str) -> bool {
    ["could not serialize access", "deadlock detected", "could not obtain lock", "canceling statement due to lock timeout"]
        .iter()
        .any(|words| text.contains(words))
}

/// Reads the cause of a failed request out of reqwest's chain of errors.
pub(super) fn from_reqwest(error: &reqwest::Error, url: &reqwest::Url, connect: Duration, total: Duration) -> OdooError {
    let host = url.host_str().unwrap_or_default().to_owned();
    let chain = causes(error);
    if let Some(tls) = chain.iter().find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        return OdooError::Tls { host, fault: tls_fault(tls) };
    }
    let words = chain.last().map(ToString::to_string).unwrap_or_default();
    if error.is_connect() {
        if chain.iter().any(|cause| cause.to_string().contains("dns error")) {
            return OdooError::HostNotFound(host);
        }
        let io = chain.iter().find_map(|cause| cause.downcast_ref::<std::io::Error>());
        return match io.map(std::io::Error::kind) {
            Some(std::io::ErrorKind::ConnectionRefused) => {
                OdooError::Refused(format!("{host}:{}", url.port_or_known_default().unwrap_or(0)))
            }
            Some(std::io::ErrorKind::TimedOut) => OdooError::ConnectTimeout(connect),
            _ if error.is_timeout() => OdooError::ConnectTimeout(connect),
            _ => OdooError::Connect(words),
        };
    }
    if error.is_timeout() { OdooError::Timeout(total) } else { OdooError::Lost(words) }
}

/// The error and what is behind it. An `io::Error` names as its source what is behind the error it wraps, and leaves
/// out the wrapped one itself, which is the one that tells.
fn causes(error: &reqwest::Error) -> Vec<&(dyn std::error::Error + 'static)> {
    let mut chain: Vec<&(dyn std::error::Error + 'static)> = vec![error];
    while let Some(last) = chain.last() {
        let wrapped =
            last.downcast_ref::<std::io::Error>().and_then(|io| io.get_ref()).map(|inner| inner as &(dyn std::error::Error + 'static));
        match wrapped.or_else(|| last.source()) {
            Some(next) => chain.push(next),
            None => break,
        }
    }
    chain
}

fn tls_fault(error: &rustls::Error) -> TlsFault {
    use rustls::CertificateError as Certificate;
    match error {
        rustls::Error::InvalidCertificate(
            Certificate::Expired | Certificate::ExpiredContext { .. } | Certificate::NotValidYet | Certificate::NotValidYetContext { .. },
        ) => TlsFault::Expired,
        rustls::Error::InvalidCertificate(Certificate::NotValidForName | Certificate::NotValidForNameContext { .. }) => TlsFault::WrongName,
        // A bad signature is that of another authority with the same name.
        rustls::Error::InvalidCertificate(Certificate::UnknownIssuer | Certificate::BadSignature) => TlsFault::UnknownIssuer,
        other => TlsFault::Other(other.to_string()),
    }
}
