//! The dock with nothing behind it: what the transport's own way through the socket costs without a protocol.

use super::host::Host;
use super::transport::{Answers, run};
use anyhow::Result;
use rudp::{Now, Transmit};
use std::net::SocketAddr;
use std::ops::Range;
use throng::edge::{Dock, Machine};

/// Sends every datagram back as it came.
#[derive(Debug, Default)]
struct Mirror {
    waiting: Vec<(SocketAddr, Range<usize>)>,
    bytes: Vec<u8>,
    next: usize,
}

/// Serves a bare echo on `local`, through a dock.
///
/// # Errors
/// The address cannot be had.
pub fn start(local: SocketAddr) -> Result<Host> {
    let socket = super::bound_socket(local)?;
    Host::start(socket.local_addr()?, move |stop| run(Dock::new(socket, true)?, Mirror::default(), &stop))
}

impl Machine for Mirror {
    fn handle_datagram(&mut self, _now: Now, from: SocketAddr, datagram: &mut [u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(datagram);
        self.waiting.push((from, start..self.bytes.len()));
    }

    fn poll_transmit(&mut self, _now: Now, buf: &mut [u8]) -> Option<Transmit> {
        let Some((to, range)) = self.waiting.get(self.next).cloned() else {
            self.waiting.clear();
            self.bytes.clear();
            self.next = 0;
            return None;
        };
        self.next += 1;
        let len = range.len();
        buf[..len].copy_from_slice(&self.bytes[range]);
        Some(Transmit { to, len })
    }
}

impl Answers for Mirror {
    fn answer(&mut self, _now: Now) {}

    fn poll_timeout(&self) -> Option<u64> {
        None
    }
}
