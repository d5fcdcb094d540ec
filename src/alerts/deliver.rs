//! Sending one message by one way, and what its refusals mean.

mod mail;
mod refusal;
mod webhook;

use std::collections::BTreeSet;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

pub use refusal::Refusal;

use super::Way;
use super::message::Message;
use crate::config::{Alerts, Mail, Webhook};
use crate::problem::clean;
use crate::secret::{KeyRing, bound};
use crate::store::Store;

/// What is kept for an owner in the ledger.
const FIELD: &str = "password";
/// Longest time for one message, with all that goes to and fro: a slow mail server with a greeting delay answers within.
pub const DELIVERY: Duration = Duration::from_secs(30);
/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// A server's own words, in characters.
const WORDS_MAX: usize = 200;

/// A way with all that it needs to send, password included.
#[derive(Debug, Clone)]
pub enum Sender {
    /// By e-mail.
    Mail {
        /// The settings.
        mail: Mail,
        /// The password of its user.
        password: Option<SecretString>,
    },
    /// By a POST.
    Webhook {
        /// The settings.
        webhook: Webhook,
        /// The token.
        token: Option<SecretString>,
    },
}

/// The ways that the settings name.
pub(super) fn ways(alerts: &Alerts) -> BTreeSet<Way> {
    let mail = alerts.mail.as_ref().map(|_| Way::Mail);
    mail.into_iter().chain(alerts.webhook.as_ref().map(|_| Way::Webhook)).collect()
}

impl Sender {
    /// The ways that the settings name, with their passwords opened; blocks for a look into the ledger. A way whose
    /// password is missing or cannot be opened is an error of that way alone.
    pub fn all(alerts: &Alerts, store: &Store) -> Vec<(Way, Result<Self, Refusal>)> {
        ways(alerts).into_iter().filter_map(|way| Some((way, Self::open(way, alerts, store)?))).collect()
    }

    fn open(way: Way, alerts: &Alerts, store: &Store) -> Option<Result<Self, Refusal>> {
        match way {
            Way::Mail => alerts.mail.clone().map(|mail| {
                let password = match &mail.user {
                    Some(user) => Some(opened(store, Alerts::MAIL_OWNER, &bound(&mail.address(), user))?.ok_or(Refusal::PasswordMissing)?),
                    None => None,
                };
                Ok(Self::Mail { mail, password })
            }),
            Way::Webhook => alerts.webhook.clone().map(|webhook| {
                let token = opened(store, Alerts::WEBHOOK_OWNER, &bound(&webhook.url, ""))?;
                if webhook.has_secret() && token.is_none() {
                    return Err(Refusal::TokenMissing);
                }
                Ok(Self::Webhook { webhook, token })
            }),
        }
    }

    /// Which way it is.
    pub fn way(&self) -> Way {
        match self {
            Self::Mail { .. } => Way::Mail,
            Self::Webhook { .. } => Way::Webhook,
        }
    }

    /// Where it goes, without anything secret.
    pub fn address(alerts: &Alerts, way: Way) -> String {
        match way {
            Way::Mail => alerts.mail.as_ref().map(|mail| format!("{} by {}:{}", mail.to.join(", "), mail.server, mail.port)),
            Way::Webhook => alerts.webhook.as_ref().map(Webhook::origin),
        }
        .unwrap_or_default()
    }

    /// Sends one message; ends within [`DELIVERY`].
    ///
    /// # Errors
    /// [`Refusal`]: it did not arrive, or nobody knows.
    pub async fn deliver(&self, message: &Message) -> Result<(), Refusal> {
        let sending = async {
            match self {
                Self::Mail { mail, password } => mail::send(mail, password.as_ref(), message).await,
                Self::Webhook { webhook, token } => webhook::send(webhook, token.as_ref(), message).await,
            }
        };
        match tokio::time::timeout(DELIVERY, sending).await {
            Ok(ended) => ended.map_err(|refusal| refusal.without(self.secret())),
            Err(_) => Err(Refusal::TimedOut { seconds: DELIVERY.as_secs() }),
        }
    }

    fn secret(&self) -> Option<&str> {
        let (Self::Mail { password: secret, .. } | Self::Webhook { token: secret, .. }) = self;
        secret.as_ref().map(|secret| secret.expose_secret())
    }
}

/// The secret of an owner; `None` if none is kept.
fn opened(store: &Store, owner: &str, bound: &str) -> Result<Option<SecretString>, Refusal> {
    let unreadable = |reason: String| Refusal::PasswordUnreadable { owner: owner.to_owned(), reason };
    let kept = store.secrets().map_err(|error| unreadable(error.to_string()))?;
    let Some(sealed) = kept.into_iter().find(|sealed| sealed.owner == owner && sealed.field == FIELD) else { return Ok(None) };
    let keys = KeyRing::load(store.directory()).map_err(|error| unreadable(error.to_string()))?;
    keys.open(owner, FIELD, bound, &sealed.sealed).map(Some).map_err(|error| unreadable(error.to_string()))
}

/// A server's words, on one line.
fn said(words: &str) -> String {
    clean(words, WORDS_MAX).trim_end_matches('.').to_owned()
}

/// An error and all that caused it.
fn chain<'e>(error: &'e (dyn std::error::Error + 'static)) -> Vec<&'e (dyn std::error::Error + 'static)> {
    /// Deepest chain that is followed: real ones have six.
    const DEEP: usize = 32;
    let mut chain = Vec::new();
    let mut next = Some(error);
    while let (Some(error), true) = (next, chain.len() < DEEP) {
        chain.push(error);
        // An I/O error shows what it wraps as itself, not as its source.
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    chain
}

/// What stands in the way of a connection, where the causes of an error say it.
fn of_network(error: &(dyn std::error::Error + 'static), address: &str) -> Option<Refusal> {
    use std::io::ErrorKind;
    let chain = chain(error);
    if let Some(fault) = chain.iter().find_map(|error| error.downcast_ref::<rustls::Error>()) {
        return Some(Refusal::Tls { reason: tls_words(fault) });
    }
    let kind = chain.iter().filter_map(|error| error.downcast_ref::<std::io::Error>()).map(std::io::Error::kind).next_back()?;
    match kind {
        ErrorKind::ConnectionRefused => Some(Refusal::ConnectionRefused { address: address.to_owned() }),
        ErrorKind::TimedOut => Some(Refusal::TimedOut { seconds: CONNECT.as_secs() }),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe => {
            Some(Refusal::Dropped { address: address.to_owned() })
        }
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Some(Refusal::Unreachable { address: address.to_owned() }),
        // What a server that speaks in the clear sends where TLS is expected.
        ErrorKind::InvalidData => Some(Refusal::Tls { reason: "it does not speak TLS on this port".to_owned() }),
        _ => None,
    }
}

fn tls_words(fault: &rustls::Error) -> String {
    use rustls::CertificateError as Certificate;
    match fault {
        rustls::Error::InvalidCertificate(Certificate::Expired | Certificate::ExpiredContext { .. }) => "its certificate has expired",
        rustls::Error::InvalidCertificate(Certificate::NotValidForName | Certificate::NotValidForNameContext { .. }) => {
            "its certificate is for another name"
        }
        rustls::Error::InvalidCertificate(Certificate::UnknownIssuer | Certificate::BadSignature) => {
            "its certificate is signed by an authority that this machine does not know"
        }
        rustls::Error::InvalidMessage(_) => "it does not speak TLS on this port",
        other => return said(&other.to_string()),
    }
    .to_owned()
}
