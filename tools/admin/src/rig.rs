//! A server of one answer, for tests.

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
