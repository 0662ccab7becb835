//! A server of one answer, for tests.

use crate::server::Server;
use clap::Parser;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

/// A server that gives one answer, and what it was asked.
#[allow(clippy::disallowed_methods, reason = "a test needs somebody to answer")]
pub fn answering(answer: impl Into<String>) -> (SocketAddr, std::thread::JoinHandle<String>) {
    let (listener, answer) = (TcpListener::bind("127.0.0.1:0").unwrap(), answer.into());
    let address = listener.local_addr().unwrap();
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4_096];
        let len = stream.read(&mut request).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8_lossy(&request[..len]).into_owned()
    });
    (address, asked)
}

/// A server that gives these answers in order, one for each connection, and what it was asked.
#[allow(clippy::disallowed_methods, reason = "a test needs somebody to answer")]
pub fn answering_all(answers: Vec<String>) -> (SocketAddr, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = move |answer: String| {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4_096];
        let len = stream.read(&mut request).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8_lossy(&request[..len]).into_owned()
    };
    let asked = std::thread::spawn(move || answers.into_iter().map(answer).collect());
    (address, asked)
}

/// A data directory whose operations token is `secret`.
pub fn data_dir() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("ops.token"), "secret\n").unwrap();
    dir
}

/// That server, as the command line would name it.
pub fn server(ops: SocketAddr, data: &tempfile::TempDir) -> Server {
    Server { ops, data: data.path().to_owned(), token: None }
}

/// An answer of this status with this body.
pub fn answer(status: u16, body: &str) -> String {
    format!("HTTP/1.0 {status} X\r\n\r\n{body}")
}

/// What a command line, in which ~ is a space within a word, does at a server that gives this answer: what it prints, or the
/// complaint, and what was asked.
pub fn said(line: &str, reply: &str) -> (Result<String, String>, String) {
    let dir = data_dir();
    let (ops, asked) = answering(reply);
    let words = line.split(' ').map(|word| word.replace('~', " "));
    let place = ["--ops".to_owned(), ops.to_string(), "--data".to_owned(), dir.path().display().to_string()];
    let cli = crate::Cli::try_parse_from(std::iter::once("admin".to_owned()).chain(words).chain(place)).unwrap();
    let mut printed = Vec::new();
    let done = cli.command.run(&mut printed);
    let printed = String::from_utf8(printed).unwrap();
    let complaint = |error: anyhow::Error| format!("{error:#}").replace(&ops.to_string(), "HERE");
    (done.map(|()| printed).map_err(complaint), asked.join().unwrap())
}

/// The JSON that a request carries.
pub fn body(request: &str) -> serde_json::Value {
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// Why a command line is refused before anything is sent.
pub fn misused(line: &str) -> String {
    let words = std::iter::once("admin").chain(line.split(' '));
    let error = crate::Cli::try_parse_from(words).map(|_| ()).unwrap_err();
    crate::misuse(&error)
}
