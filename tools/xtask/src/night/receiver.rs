//! Whom alerts are told to.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;

/// Something that was told.
#[derive(Clone, Debug, Deserialize)]
pub struct Told {
    /// Which alert.
    pub alert: String,
    /// `raised` or `cleared`.
    pub change: String,
}

/// Listens until the process ends.
pub struct Receiver {
    address: SocketAddr,
    told: Arc<Mutex<Vec<Told>>>,
}

impl Receiver {
    /// On a free port of loopback.
    pub fn listen() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port for a webhook")?;
        let address = listener.local_addr()?;
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = told.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                // Whoever says nothing that can be read is not counted, and the judge notices.
                let Some(one) = read(&mut stream) else { continue };
                // Written down before it is answered: whoever has the answer may ask at once what was told, and once
                // in some hundred runs of the test came before the line below.
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(one);
                // A server that went away does not wait for its answer.
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            }
        });
        Ok(Self { address, told })
    }

    /// What the server is to be told.
    pub fn url(&self) -> String {
        format!("http://{}/alerts", self.address)
    }

    /// Everything that came.
    pub fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn read(stream: &mut TcpStream) -> Option<Told> {
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    let mut request = Vec::new();
    let mut chunk = [0; 4_096];
    loop {
        let length = stream.read(&mut chunk).ok().filter(|&length| length > 0)?;
        request.extend_from_slice(&chunk[..length]);
        let text = String::from_utf8_lossy(&request);
        let Some((_, body)) = text.split_once("\r\n\r\n") else { continue };
        if let Ok(told) = serde_json::from_str(body) {
            return Some(told);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_kept_in_order() {
        let receiver = Receiver::listen().unwrap();
        for change in ["raised", "cleared"] {
            let mut stream = TcpStream::connect(receiver.address).unwrap();
            let body = format!("{{\"alert\":\"overload\",\"change\":\"{change}\",\"value\":3}}");
            let head = format!("POST /alerts HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(body.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
        }
        let changes: Vec<_> = receiver.told().into_iter().map(|one| one.change).collect();
        assert_eq!(changes, ["raised", "cleared"]);
    }
}
