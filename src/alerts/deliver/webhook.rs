//! By a POST of JSON.

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Url};
use secrecy::{ExposeSecret as _, SecretString};

use super::{CONNECT, DELIVERY, Refusal, of_network, said};
use crate::alerts::message::Message;
use crate::config::Webhook;

/// Of an answer's body so much is read: enough for its first words.
const ANSWER_MAX: usize = 2_000;

/// Posts one message.
pub(super) async fn send(webhook: &Webhook, token: Option<&SecretString>, message: &Message) -> Result<(), Refusal> {
    let address = webhook.origin();
    let mut request = client(webhook)?.post(url(webhook, token)?).header(CONTENT_TYPE, "application/json");
    if let (Some(token), false) = (token, webhook.has_secret()) {
        let unusable = |_| Refusal::Refused { words: "the token has characters that no header takes".to_owned() };
        let mut header = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())).map_err(unusable)?;
        header.set_sensitive(true);
        request = request.header(AUTHORIZATION, header);
    }
    let sent = request.body(message.json.to_string()).send().await;
    // The URL in an error's own words may hold the secret.
    let mut answer = sent.map_err(|error| meaning(&error.without_url(), &address))?;
    let status = answer.status().as_u16();
    if answer.status().is_success() {
        return Ok(());
    }
    let mut body = Vec::new();
    while let (Ok(Some(chunk)), true) = (answer.chunk().await, body.len() < ANSWER_MAX) {
        body.extend_from_slice(&chunk[..chunk.len().min(ANSWER_MAX)]);
    }
    Err(of_status(status, &String::from_utf8_lossy(&body)))
}

fn client(webhook: &Webhook) -> Result<Client, Refusal> {
    // One TLS library for the whole process; a second install is refused and changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("posbridge/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .timeout(DELIVERY)
        // A redirected POST would carry the token to wherever the answer points.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never());
    if let Some(file) = &webhook.ca_file {
        let unusable = |reason: String| Refusal::CaFile { file: file.display().to_string(), reason };
        let pem = std::fs::read(file).map_err(|error| unusable(error.to_string()))?;
        let roots = reqwest::Certificate::from_pem_bundle(&pem).map_err(|_| unusable("it holds no certificate in PEM form".to_owned()))?;
        builder = builder.tls_certs_only(roots);
    }
    builder.build().map_err(|error| Refusal::Tls { reason: said(&error.without_url().to_string()) })
}

fn url(webhook: &Webhook, token: Option<&SecretString>) -> Result<Url, Refusal> {
    let wrong = || Refusal::Refused { words: "the webhook's address with the token in it is no address".to_owned() };
    let text = match token {
        Some(token) => webhook.url.replace(Webhook::SECRET, token.expose_secret()),
        None => webhook.url.clone(),
    };
    let url = Url::parse(&text).map_err(|_| wrong())?;
    // A secret with odd characters must not choose the server.
    let same = Url::parse(&webhook.origin()).is_ok_and(|origin| origin.origin() == url.origin());
    if same { Ok(url) } else { Err(wrong()) }
}

fn of_status(status: u16, body: &str) -> Refusal {
    let words = if body.trim_start().starts_with('<') { String::new() } else { said(body) };
    let told = || if words.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {words}") };
    match status {
        300..=399 => Refusal::Redirected { status },
        401 | 403 => Refusal::TokenRefused { status, words },
        404 | 410 => Refusal::AddressUnknown { status, words },
        408 | 429 | 500..=599 => Refusal::Later { words: told() },
        _ => Refusal::Refused { words: told() },
    }
}

fn meaning(error: &reqwest::Error, address: &str) -> Refusal {
    if error.is_timeout() {
        return Refusal::TimedOut { seconds: if error.is_connect() { CONNECT.as_secs() } else { DELIVERY.as_secs() } };
    }
    let words = super::chain(error).iter().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    if words.contains("dns error") {
        let server = address.split("://").nth(1).unwrap_or(address).to_owned();
        return Refusal::HostNotFound { server };
    }
    if let Some(refusal) = of_network(error, address) {
        return refusal;
    }
    // A connection that was closed before any answer has no kind of its own there.
    if words.contains("connection closed") || words.contains("IncompleteMessage") || words.contains("incomplete message") {
        return Refusal::Dropped { address: address.to_owned() };
    }
    if words.contains("invalid HTTP") {
        return Refusal::Refused { words: "what answers there is no web server".to_owned() };
    }
    Refusal::Refused { words: said(&words) }
}
