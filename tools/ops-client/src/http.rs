//! One request at a time over a plain socket, with a limit on everything: enough for a server's own pages.

use anyhow::{Context, Result, bail};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Limit of each step (connect, each read, each write): the server answers from memory.
const STEP_MAX: Duration = Duration::from_secs(1);
/// Limit of the wait for an answer to something that has to be done first: a server takes new keys within 3 s.
const DONE_MAX: Duration = Duration::from_secs(5);
/// The same of what takes as long as a disk or a database: a server ends every connection after 65 s.
const WORK_MAX: Duration = Duration::from_secs(70);
/// Bytes of an answer that are read. A status has some 5 kB; the longest page names everybody of a full server, 10,000
/// players of some 600 bytes each.
const ANSWER_BYTES_MAX: u64 = 16 << 20;
/// The same of an answer that holds all that is known of somebody: 64 MiB, some 200,000 lines of a ledger.
const WORK_BYTES_MAX: u64 = 64 << 20;
/// What stands for itself in a query: the characters that RFC 3986 calls unreserved.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An answer: status code and body.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// As in 200.
    pub status: u16,
    /// What came after the headers.
    pub body: String,
}

/// Asks `address` for `path`, with a bearer token if there is one.
///
/// # Errors
/// Nobody answers in time, or not in HTTP.
pub fn get(address: SocketAddr, path: &str, bearer: Option<&str>) -> Result<Answer> {
    exchange(address, &head("GET", address, path, bearer), STEP_MAX, ANSWER_BYTES_MAX)
}

/// The same, where the server has much to do before it answers.
///
/// # Errors
/// As above.
pub fn get_and_wait(address: SocketAddr, path: &str, bearer: Option<&str>) -> Result<Answer> {
    exchange(address, &head("GET", address, path, bearer), WORK_MAX, WORK_BYTES_MAX)
}

/// A path with a query: what is said stands in it so that it comes out the same at the other end.
#[must_use]
pub fn with_query(path: &str, said: &[(&str, &str)]) -> String {
    let pairs = said.iter().map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, PLAIN)));
    let query = pairs.collect::<Vec<_>>().join("&");
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// Hands `body` to `address` at `path`, as the bearer of `bearer`.
///
/// # Errors
/// Nobody answers in time, or not in HTTP.
pub fn post(address: SocketAddr, path: &str, bearer: &str, body: &str) -> Result<Answer> {
    exchange(address, &posted(address, path, bearer, body), DONE_MAX, ANSWER_BYTES_MAX)
}

/// The same, where the server has much to do before it answers.
///
/// # Errors
/// As above; what was asked may be done all the same.
pub fn post_and_wait(address: SocketAddr, path: &str, bearer: &str, body: &str) -> Result<Answer> {
    exchange(address, &posted(address, path, bearer, body), WORK_MAX, WORK_BYTES_MAX)
}

fn posted(address: SocketAddr, path: &str, bearer: &str, body: &str) -> String {
    let head = head("POST", address, path, Some(bearer));
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// HTTP/1.0: the answer then ends with the connection and is never chunked.
fn head(method: &str, address: SocketAddr, path: &str, bearer: Option<&str>) -> String {
    let authorization = bearer.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let end = if method == "GET" { "\r\n" } else { "" };
    format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\n{authorization}{end}")
}

fn exchange(address: SocketAddr, request: &str, answer_max: Duration, bytes_max: u64) -> Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, STEP_MAX).with_context(|| format!("{address} refuses"))?;
    stream.set_read_timeout(Some(answer_max))?;
    stream.set_write_timeout(Some(STEP_MAX))?;
    stream.write_all(request.as_bytes()).with_context(|| format!("{address} takes no request"))?;
    let mut bytes = Vec::new();
    stream.take(bytes_max).read_to_end(&mut bytes).with_context(|| format!("{address} gives no answer"))?;
    if bytes.len() as u64 == bytes_max {
        bail!("the answer of {address} has no end within {} MiB", bytes_max >> 20);
    }
    parse(&String::from_utf8_lossy(&bytes)).with_context(|| format!("{address} does not speak HTTP"))
}

fn parse(text: &str) -> Result<Answer> {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { bail!("the answer has no end of headers") };
    let status = head.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).and_then(|code| code.parse().ok());
    let status = status.context("the answer has no status")?;
    Ok(Answer { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_split_into_status_and_body() {
        let answer = parse("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
        assert_eq!(answer, Answer { status: 200, body: "{}".into() });
        assert_eq!(parse("HTTP/1.1 503 Service Unavailable\r\n\r\n").unwrap().status, 503);
    }

    #[test]
    fn a_name_of_any_kind_stands_in_a_query() {
        assert_eq!(with_query("/p", &[]), "/p");
        let query = with_query("/p", &[("who", "name:Ada & B\u{e9}a?#%"), ("limit", "10")]);
        assert_eq!(query, "/p?who=name%3AAda%20%26%20B%C3%A9a%3F%23%25&limit=10");
        assert_eq!(with_query("/p", &[("n", "a b\r\nX: y")]), "/p?n=a%20b%0D%0AX%3A%20y", "nor can it add a header");
    }

    #[test]
    fn other_protocols_are_refused() {
        assert!(parse("SSH-2.0-x\r\n\r\n").is_err());
        assert!(parse("HTTP/1.1 200 OK\r\n").is_err());
        assert!(parse("HTTP/1.1 xyz\r\n\r\n").is_err());
    }
}
