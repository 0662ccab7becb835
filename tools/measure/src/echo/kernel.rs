//! The floor: `recvfrom` and `sendto`, no protocol, one datagram at a time.

use super::crowd::{Arrival, Crowd};
use super::host::Host;
use super::load::{Answers, Players};
use anyhow::Result;
use mio::Registry;
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
    crowd: Crowd,
    joined: usize,
}

impl Bare {
    /// None yet.
    ///
    /// # Errors
    /// The system gives no socket.
    pub fn new(server: SocketAddr) -> Result<Self> {
        Ok(Self { crowd: Crowd::new(server)?, joined: 0 })
    }
}

impl Players for Bare {
    fn join(&mut self, index: usize, _now: Now, _registry: &Registry) -> Result<()> {
        self.joined = index + 1;
        Ok(())
    }

    fn is_in(&self, index: usize) -> bool {
        index < self.joined
    }

    fn receive(&mut self, now: Now, answers: &mut Answers) {
        self.crowd.receive(|arrival| {
            if let Arrival::Datagram(_, datagram) = arrival {
                answers.on_answer(now, datagram);
            }
        });
    }

    fn tick(&mut self, index: usize, _now: Now, question: Option<&[u8]>, _answers: &mut Answers) {
        if let Some(question) = question {
            self.crowd.send(index, |buffer| {
                buffer[..question.len()].copy_from_slice(question);
                Some(question.len())
            });
        }
    }

    fn flush(&mut self) {
        self.crowd.flush();
    }

    fn leave(&mut self, _index: usize, _now: Now) {}
}
