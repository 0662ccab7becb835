//! The floor: `recvfrom` and `sendto`, no protocol, one datagram at a time.

use super::host::Host;
use super::load::{Answers, Players};
use super::process::socket_context;
use anyhow::Result;
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use rudp::Now;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;

/// Bytes that fit a datagram buffer.
const BUFFER_BYTES: usize = 1_500;

/// Serves a bare echo on `local`.
///
/// # Errors
/// The address cannot be had.
pub fn start(local: SocketAddr) -> Result<Host> {
    let socket = super::bound_socket(local)?;
    socket.set_nonblocking(false)?;
    Host::start(socket.local_addr()?, move |stop| {
        let mut buffer = [0; BUFFER_BYTES];
        while !stop.load(Ordering::Relaxed) {
            let Ok((len, from)) = socket.recv_from(&mut buffer) else { continue };
            // A peer that has left: the kernel says so, and there is nobody to tell.
            let _ = socket.send_to(&buffer[..len], from);
        }
        Ok(())
    })
}

/// Clients of a bare echo.
#[derive(Debug)]
pub struct Bare {
    server: SocketAddr,
    sockets: Vec<UdpSocket>,
}

impl Bare {
    /// None yet.
    #[must_use]
    pub fn new(server: SocketAddr) -> Self {
        Self { server, sockets: Vec::new() }
    }
}

impl Players for Bare {
    fn join(&mut self, index: usize, _now: Now, registry: &Registry) -> Result<()> {
        let mut socket = socket_context(connected(self.server), index)?;
        registry.register(&mut socket, Token(index), Interest::READABLE)?;
        self.sockets.push(socket);
        Ok(())
    }

    fn is_in(&self, index: usize) -> bool {
        index < self.sockets.len()
    }

    fn handle_readable(&mut self, index: usize, now: Now, answers: &mut Answers) {
        let mut buffer = [0; BUFFER_BYTES];
        while let Ok(len) = self.sockets[index].recv(&mut buffer) {
            answers.on_answer(now, &buffer[..len]);
        }
    }

    fn tick(&mut self, index: usize, _now: Now, question: Option<&[u8]>, _answers: &mut Answers) {
        if let Some(question) = question {
            // A full buffer loses the question, which the figures show.
            let _ = self.sockets[index].send(question);
        }
    }

    fn leave(&mut self, _index: usize, _now: Now) {}
}

/// A socket of its own for a client of `server`.
pub(super) fn connected(server: SocketAddr) -> std::io::Result<UdpSocket> {
    let local = if server.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
    let socket = std::net::UdpSocket::bind(local)?;
    socket.set_nonblocking(true)?;
    socket.connect(server)?;
    Ok(UdpSocket::from_std(socket))
}
