//! A mail server that keeps what it is given, or does what mail servers do instead.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// Takes everything.
    Takes,
    /// Wants a log-in and refuses it.
    RefusesLogin,
    /// Offers no log-in.
    OffersNoLogin,
    /// Takes nothing for these addresses.
    DeniesRelay,
    /// Takes nothing for addresses that begin with `gone`.
    DeniesOne,
    /// Asks to come later.
    Greylists,
    /// Refuses the text.
    RefusesText,
    /// Closes the connection after the greeting.
    Drops,
    /// Accepts the connection and says nothing.
    IsSilent,
    /// Is no mail server.
    SpeaksHttp,
}

/// One mail: who it is for, and the text with its headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub to: Vec<String>,
    pub text: String,
}

impl Taken {
    /// The body, decoded from what lettre chose for it.
    pub fn body(&self) -> String {
        let (head, body) = self.text.split_once("\r\n\r\n").expect("a body");
        let body = body.replace("\r\n", "\n");
        if head.contains("quoted-printable") { quoted_printable(&body) } else { body }
    }
}

fn quoted_printable(text: &str) -> String {
    let joined = text.replace("=\n", "");
    let mut bytes = Vec::new();
    let mut rest = joined.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex =
            (first == b'=').then(|| after.get(..2)).flatten().and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(hex.unwrap_or(first));
        rest = if hex.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).expect("UTF-8")
}

/// How it encrypts.
#[derive(Clone)]
pub enum Encrypts {
    Not,
    Starttls(Arc<ServerConfig>),
    FromTheStart(Arc<ServerConfig>),
}

#[derive(Clone)]
pub struct Smtp {
    address: SocketAddr,
    does: Arc<Mutex<Does>>,
    taken: Arc<Mutex<Vec<Taken>>>,
    logins: Arc<Mutex<Vec<String>>>,
}

impl Smtp {
    /// Starts one on a free port; it ends with the test.
    pub fn start(does: Does, encrypts: Encrypts) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let server = Self {
            address: listener.local_addr().expect("an address"),
            does: Arc::new(Mutex::new(does)),
            taken: Arc::default(),
            logins: Arc::default(),
        };
        let own = server.clone();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (own, encrypts) = (own.clone(), encrypts.clone());
                // A client that goes away is what some tests are about.
                thread::spawn(move || drop(own.serve(connection, encrypts)));
            }
        });
        server
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn now(&self, does: Does) {
        *self.does.lock().expect("whole") = does;
    }

    pub fn taken(&self) -> Vec<Taken> {
        self.taken.lock().expect("whole").clone()
    }

    /// What was sent as log-ins, in base64.
    pub fn logins(&self) -> Vec<String> {
        self.logins.lock().expect("whole").clone()
    }

    fn serve(&self, connection: TcpStream, encrypts: Encrypts) -> std::io::Result<()> {
        let does = *self.does.lock().expect("whole");
        if does == Does::IsSilent {
            thread::sleep(Duration::from_secs(60));
            return Ok(());
        }
        match encrypts {
            Encrypts::FromTheStart(config) => self.speak(tls(connection, config)?, does, None, true),
            Encrypts::Starttls(config) => {
                let plain = connection.try_clone()?;
                self.speak(plain, does, Some((connection, config)), true)
            }
            Encrypts::Not => self.speak(connection, does, None, true),
        }
    }

    fn speak(
        &self,
        stream: impl Read + Write,
        does: Does,
        mut upgrade: Option<(TcpStream, Arc<ServerConfig>)>,
        greet: bool,
    ) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let say = |stream: &mut BufReader<_>, text: &str| write(stream, text);
        if does == Does::SpeaksHttp {
            return say(&mut stream, "HTTP/1.1 400 Bad Request");
        }
        if greet {
            say(&mut stream, "220 mail.example.com ESMTP")?;
        }
        if does == Does::Drops {
            return Ok(());
        }
        let (mut line, mut to) = (String::new(), Vec::new());
        loop {
            line.clear();
            if stream.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let answer = match line.split_whitespace().next().unwrap_or_default().to_uppercase().as_str() {
                "EHLO" if upgrade.is_some() => "250-mail.example.com\r\n250 STARTTLS",
                "EHLO" if does == Does::OffersNoLogin => "250 mail.example.com",
                "EHLO" => "250-mail.example.com\r\n250 AUTH PLAIN LOGIN",
                "STARTTLS" => {
                    say(&mut stream, "220 go on")?;
                    let (plain, config) = upgrade.take().expect("offered");
                    return self.speak(tls(plain, config)?, does, None, false);
                }
                "AUTH" => {
                    self.logins.lock().expect("whole").push(line.trim().to_owned());
                    let refuses = does == Does::RefusesLogin;
                    if refuses { "535 5.7.8 Error: authentication failed for hunter2" } else { "235 welcome" }
                }
                "RCPT" if does == Does::DeniesRelay => "554 5.7.1 Relay access denied",
                "RCPT" if does == Does::DeniesOne && line.contains("<gone") => "550 5.1.1 No such user here",
                "RCPT" if does == Does::Greylists => "451 4.7.1 Greylisted, come back later",
                "RCPT" => {
                    to.push(line.trim().trim_start_matches("RCPT TO:").to_owned());
                    "250 ok"
                }
                "DATA" => {
                    say(&mut stream, "354 go on")?;
                    let text = text(&mut stream)?;
                    if does == Does::RefusesText {
                        "552 5.3.4 Message too big"
                    } else {
                        self.taken.lock().expect("whole").push(Taken { to: std::mem::take(&mut to), text });
                        "250 taken"
                    }
                }
                "QUIT" => return say(&mut stream, "221 bye"),
                _ => "250 ok",
            };
            say(&mut stream, answer)?;
        }
    }
}

fn write(stream: &mut BufReader<impl Read + Write>, text: &str) -> std::io::Result<()> {
    let stream = stream.get_mut();
    stream.write_all(format!("{text}\r\n").as_bytes())?;
    stream.flush()
}

/// Up to the line with a single dot.
fn text(stream: &mut impl BufRead) -> std::io::Result<String> {
    let mut text = String::new();
    loop {
        let before = text.len();
        if stream.read_line(&mut text)? == 0 || &text[before..] == ".\r\n" {
            text.truncate(before);
            return Ok(text);
        }
    }
}

fn tls(stream: TcpStream, config: Arc<ServerConfig>) -> std::io::Result<StreamOwned<ServerConnection, TcpStream>> {
    Ok(StreamOwned::new(ServerConnection::new(config).map_err(std::io::Error::other)?, stream))
}

/// A server's certificate for a name, and its authority in PEM form.
pub fn certificate(name: &str) -> (Arc<ServerConfig>, String) {
    let mut params = CertificateParams::new(vec![]).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed");
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec![name.to_owned()]).expect("a name").signed_by(&key, &authority).expect("signed");
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).expect("a key"))
        .expect("a certificate");
    (Arc::new(config), authority.pem())
}
