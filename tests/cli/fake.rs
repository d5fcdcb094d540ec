//! A server that is no Odoo: it takes any request and answers with fixed bytes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// What it does with each request, after it has read it.
#[derive(Clone)]
pub enum Answer {
    /// These bytes, headers included; then the connection is closed.
    Bytes(Vec<u8>),
    /// An endless string in an XML-RPC reply: so many bytes, with their length announced or in chunks.
    Flood { bytes: u64, announced: bool },
    /// Nothing, for so long.
    Hang(Duration),
}

/// Starts one on a free port; it ends with the test. Its address.
pub fn serve(answer: Answer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let answer = answer.clone();
            // A client that goes away is what some tests are about.
            thread::spawn(move || drop(one(&connection, &answer)));
        }
    });
    url
}

fn one(connection: &TcpStream, answer: &Answer) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection);
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink())?;
    let mut out = connection;
    match answer {
        Answer::Bytes(bytes) => out.write_all(bytes),
        Answer::Hang(time) => {
            thread::sleep(*time);
            Ok(())
        }
        Answer::Flood { bytes, announced } => flood(&mut out, *bytes, *announced),
    }
}

fn flood(out: &mut impl Write, bytes: u64, announced: bool) -> std::io::Result<()> {
    let start = b"<?xml version='1.0'?><methodResponse><params><param><value><string>";
    let block = vec![b'x'; 64 * 1024];
    let length = if announced { format!("Content-Length: {bytes}") } else { "Transfer-Encoding: chunked".to_owned() };
    write!(out, "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n{length}\r\n\r\n")?;
    let mut send = |part: &[u8]| {
        if announced {
            return out.write_all(part);
        }
        write!(out, "{:x}\r\n", part.len())?;
        out.write_all(part)?;
        out.write_all(b"\r\n")
    };
    send(start)?;
    let mut sent = start.len() as u64;
    while sent < bytes {
        send(&block)?;
        sent += block.len() as u64;
    }
    Ok(())
}
