//! By e-mail.

use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message as Envelope};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use secrecy::{ExposeSecret as _, SecretString};

use super::{CONNECT, Refusal, chain, of_network, said};
use crate::alerts::message::Message;
use crate::config::{Mail, MailTls};

/// SMTP's replies to a log-in that is not taken: RFC 4954.
const LOGIN_REFUSED: [u16; 5] = [530, 534, 535, 538, 454];
/// Replies about a sender or an address: RFC 5321.
const RELAY_DENIED: [u16; 5] = [550, 551, 553, 554, 556];

/// Sends one message to all addresses. It has arrived if one of them takes it: an address of somebody who has left must
/// not keep the others from hearing.
pub(super) async fn send(mail: &Mail, password: Option<&SecretString>, message: &Message) -> Result<(), Refusal> {
    let address = format!("{}:{}", mail.server, mail.port);
    let transport = transport(mail, password)?;
    // Asked here, since the transport's error does not tell DNS from the rest.
    if tokio::net::lookup_host((mail.server.as_str(), mail.port)).await.is_err() {
        return Err(Refusal::HostNotFound { server: mail.server.clone() });
    }
    let to = |to: &[String]| {
        let envelope = envelope(mail, to, message);
        async { transport.send(envelope?).await.map(drop).map_err(|error| meaning(&error, mail, &address)) }
    };
    let refusal = match to(&mail.to).await {
        Err(refusal @ Refusal::RelayDenied { .. }) if mail.to.len() > 1 => refusal,
        ended => return ended,
    };
    let mut taken = false;
    for one in mail.to.chunks(1) {
        match to(one).await {
            Ok(()) => taken = true,
            Err(refused) => {
                tracing::error!(way = "mail", cause = refused.cause(), "Alerts do not reach {}: {}", one.concat(), refused.what())
            }
        }
    }
    if taken { Ok(()) } else { Err(refusal) }
}

/// Says that no person wrote this, so that nobody's absence note answers (RFC 3834).
#[derive(Debug, Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

fn envelope(mail: &Mail, to: &[String], message: &Message) -> Result<Envelope, Refusal> {
    let mailbox = |text: &str, name: Option<&str>| {
        let address = text.parse().map_err(|_| Refusal::Refused { words: "an address in branches.toml is no mail address".to_owned() });
        address.map(|address| Mailbox::new(name.map(str::to_owned), address))
    };
    let mut envelope = Envelope::builder()
        .from(mailbox(&mail.from, Some("posbridge"))?)
        .subject(message.subject.clone())
        .message_id(Some(message_id(&mail.from)))
        .header(AutoSubmitted)
        .header(ContentType::TEXT_PLAIN);
    for to in to {
        envelope = envelope.to(mailbox(to, None)?);
    }
    let body = message.body.replace('\n', "\r\n");
    envelope.body(body).map_err(|error| Refusal::Refused { words: said(&error.to_string()) })
}

/// A name that no other message has, at the sender's domain; mail without one looks like spam.
fn message_id(from: &str) -> String {
    let random = getrandom::u64().unwrap_or_default();
    let domain = from.rsplit('@').next().unwrap_or("localhost");
    format!("<{}.{random:016x}.posbridge@{domain}>", jiff::Timestamp::now().as_millisecond())
}

fn transport(mail: &Mail, password: Option<&SecretString>) -> Result<AsyncSmtpTransport<Tokio1Executor>, Refusal> {
    let tls = match mail.tls {
        MailTls::Starttls => Tls::Required(parameters(mail)?),
        MailTls::Tls => Tls::Wrapper(parameters(mail)?),
        MailTls::None => Tls::None,
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&mail.server).port(mail.port).tls(tls).timeout(Some(CONNECT));
    if let (Some(user), Some(password)) = (&mail.user, password) {
        builder = builder
            .credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()))
            .authentication(vec![Mechanism::Plain, Mechanism::Login]);
    }
    Ok(builder.build())
}

fn parameters(mail: &Mail) -> Result<TlsParameters, Refusal> {
    let mut builder = TlsParameters::builder(mail.server.clone());
    if let Some(file) = &mail.ca_file {
        let unusable = |reason: String| Refusal::CaFile { file: file.display().to_string(), reason };
        let pem = std::fs::read(file).map_err(|error| unusable(error.to_string()))?;
        let certificate = Certificate::from_pem(&pem).map_err(|_| unusable("it holds no certificate in PEM form".to_owned()))?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
    }
    builder.build_rustls().map_err(|error| Refusal::Tls { reason: said(&error.to_string()) })
}

/// What an error of the transport means.
fn meaning(error: &lettre::transport::smtp::Error, mail: &Mail, address: &str) -> Refusal {
    let words = said(&chain(error).iter().skip(1).map(ToString::to_string).collect::<Vec<_>>().join(": "));
    if let Some(code) = error.status() {
        let number: u16 = code.into();
        let words = said(&format!("{number} {words}"));
        return match number {
            _ if LOGIN_REFUSED.contains(&number) && mail.user.is_some() => {
                Refusal::LoginRefused { user: mail.user.clone().unwrap_or_default(), words }
            }
            _ if RELAY_DENIED.contains(&number) || number == 530 => Refusal::RelayDenied { words },
            400..=499 => Refusal::Later { words },
            _ => Refusal::Refused { words },
        };
    }
    if let Some(refusal) = of_network(error, address) {
        return refusal;
    }
    if error.is_client() {
        // The transport has no other sign for these two.
        return match words.as_str() {
            words if words.contains("STARTTLS") => Refusal::NoStarttls,
            words if words.contains("authentication mechanism") => Refusal::NoLogin,
            _ => Refusal::Refused { words },
        };
    }
    if error.is_response() && words.contains("incomplete") {
        return Refusal::Dropped { address: address.to_owned() };
    }
    if error.is_response() {
        return Refusal::Refused { words: "what answers there is no mail server".to_owned() };
    }
    if error.is_tls() { Refusal::Tls { reason: words } } else { Refusal::Refused { words } }
}
