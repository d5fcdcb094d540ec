//! TLS as the client sees it: which certificates it takes, and what it says of those that it does not.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use posbridge::model::Protocol;
use posbridge::odoo::{Known, Odoo, OdooError, Target, TlsFault};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// What `version` answers.
const VERSION: &str = "<?xml version='1.0'?><methodResponse><params><param><value><struct><member><name>server_serie</name><value><string>19.0</string></value></member></struct></value></param></params></methodResponse>";

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server whose certificate an authority signed for a name, valid until a year. Gives its port.
async fn serve(authority: &CertifiedIssuer<'static, KeyPair>, name: &str, until: i32) -> u16 {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    let certificate = params.signed_by(&key, authority).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let Ok(mut tls) = acceptor.accept(socket).await else { continue };
            let mut request = [0; 4096];
            let _ = tls.read(&mut request).await;
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{VERSION}",
                VERSION.len()
            );
            let _ = tls.write_all(head.as_bytes()).await;
            let _ = tls.shutdown().await;
        }
    });
    port
}

async fn version(url: String, ca_pem: Option<String>) -> Result<String, OdooError> {
    let target = Target {
        url,
        database: "x".to_owned(),
        login: "bridge".to_owned(),
        timeout: Duration::from_secs(5),
        protocol: Some(Protocol::XmlRpc),
        ca_pem: ca_pem.map(String::into_bytes),
    };
    Odoo::new(target, SecretString::from("secret"), Known::default())?.version().await
}

fn fault(result: Result<String, OdooError>) -> TlsFault {
    match result {
        Err(OdooError::Tls { fault, .. }) => fault,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_private_authority_is_taken_where_the_settings_name_it() {
    let ca = authority();
    let port = serve(&ca, "localhost", 2099).await;
    assert_eq!(version(format!("https://localhost:{port}"), Some(ca.pem())).await.unwrap(), "19.0");
}

#[tokio::test]
async fn a_certificate_that_nobody_here_trusts_is_refused() {
    let port = serve(&authority(), "localhost", 2099).await;
    assert_eq!(fault(version(format!("https://localhost:{port}"), None).await), TlsFault::UnknownIssuer);
    assert_eq!(fault(version(format!("https://localhost:{port}"), Some(authority().pem())).await), TlsFault::UnknownIssuer);
}

#[tokio::test]
async fn an_expired_certificate_is_refused_as_expired() {
    let ca = authority();
    let port = serve(&ca, "localhost", 2021).await;
    assert_eq!(fault(version(format!("https://localhost:{port}"), Some(ca.pem())).await), TlsFault::Expired);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_as_such() {
    let ca = authority();
    let port = serve(&ca, "other.example.com", 2099).await;
    assert_eq!(fault(version(format!("https://localhost:{port}"), Some(ca.pem())).await), TlsFault::WrongName);
}

#[tokio::test]
async fn a_server_without_tls_is_told_from_a_bad_certificate() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    assert!(matches!(fault(version(format!("https://localhost:{port}"), None).await), TlsFault::Other(_)));
}

#[tokio::test]
async fn a_host_that_does_not_exist_and_a_port_that_is_closed_are_told_apart() {
    assert!(
        matches!(version("https://no-such-host.invalid".to_owned(), None).await, Err(OdooError::HostNotFound(host)) if host == "no-such-host.invalid")
    );
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert!(matches!(version(format!("http://127.0.0.1:{port}"), None).await, Err(OdooError::Refused(_))));
}
