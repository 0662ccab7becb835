//! The transport under test: the reactor's own dock, the transport's own server, and an echo where the world would be.
//!
//! Each wake goes as the reactor's: datagrams, the echo's answers, time-outs, transmits, rest. A question comes on the
//! input channel and goes back as a snapshot part, whose fate the transport tells; once a tick every session is given
//! its budget. What the game itself adds (reading inputs, batches across threads) is left out.

use super::host::Host;
use super::sessions::SessionKeys;
use anyhow::Result;
use rudp::channel::INPUT;
use rudp::seal::Backend;
use rudp::{ConnectionId, Event, Now, PartId, Server, ServerConfig, Transmit};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use throng::edge::{Dock, Machine, clock};

/// One world tick.
const TICK_NS: u64 = 1_000_000_000 / 60;
/// The clock by which the server believes to have started: what tokens were minted then is past.
const STARTED_BEFORE_S: u64 = 120;

/// Serves the echo on `local` for as many clients.
///
/// # Errors
/// The address cannot be had, or there are too many clients.
pub fn start(local: SocketAddr, clients: usize, seal: Backend) -> Result<Host> {
    let socket = super::bound_socket(local)?;
    let address = socket.local_addr()?;
    let echo = new_echo(address, clients, seal, clock::now())?;
    Host::start(address, move |stop| run(Dock::new(socket, true)?, echo, &stop))
}

/// An echo that believes to listen there.
pub(super) fn new_echo(address: SocketAddr, clients: usize, seal: Backend, now: Now) -> Result<Echo> {
    let config = SessionKeys::new(seal).server_config(address);
    let config = ServerConfig { connections_max: u32::try_from(clients)?, ..config };
    let began = Now { unix_s: now.unix_s - STARTED_BEFORE_S, ..now };
    Ok(Echo::new(Server::new(config, began)?))
}

/// What a dock needs an echo to be.
pub(super) trait Answers: Machine {
    /// Queues the answers to what came in with this wake, and fires what is due.
    fn answer(&mut self, now: Now);

    /// When to wake at the latest.
    fn poll_timeout(&self) -> Option<u64>;
}

/// Serves until told to stop.
pub(super) fn run(mut dock: Dock, mut echo: impl Answers, stop: &AtomicBool) -> Result<()> {
    while !stop.load(Ordering::Relaxed) {
        dock.wait(echo.poll_timeout())?;
        let now = clock::now();
        let received = dock.receive(now, &mut echo);
        echo.answer(now);
        dock.transmit(now, &mut echo)?;
        dock.rest(now, received);
    }
    Ok(())
}

/// The transport's server with an echo behind it.
pub(super) struct Echo {
    transport: Server,
    questions: Vec<(ConnectionId, Range<usize>)>,
    bytes: Vec<u8>,
    spoken: Vec<ConnectionId>,
    next_part: u32,
    tick_ns: u64,
    /// What sessions may spend, all together: kept so that it is worked out.
    budget_bytes: i64,
}

impl Echo {
    fn new(transport: Server) -> Self {
        Self {
            transport,
            questions: Vec::new(),
            bytes: Vec::new(),
            spoken: Vec::new(),
            next_part: 0,
            tick_ns: 0,
            budget_bytes: 0,
        }
    }

    fn drain_events(&mut self) {
        while let Some(event) = self.transport.poll_event() {
            match event {
                Event::Message { id, channel: INPUT, bytes } => {
                    let start = self.bytes.len();
                    self.bytes.extend_from_slice(bytes);
                    self.questions.push((id, start..self.bytes.len()));
                }
                Event::Spoken { id } => self.spoken.push(id),
                Event::Disconnected { id, .. } => self.spoken.retain(|spoken| *spoken != id),
                _ => {}
            }
        }
    }

    fn begin_tick(&mut self, now: Now) {
        self.tick_ns = now.mono_ns + TICK_NS;
        self.budget_bytes = 0;
        for id in &self.spoken {
            self.transport.on_tick_edge(now, *id);
            self.budget_bytes += i64::from(self.transport.snapshot_budget_bytes(now, *id));
        }
        std::hint::black_box(self.budget_bytes);
    }
}

impl Machine for Echo {
    fn expect_datagrams(&self, senders: &[SocketAddr]) {
        self.transport.expect_datagrams(senders);
    }

    fn handle_datagram(&mut self, now: Now, from: SocketAddr, datagram: &mut [u8]) {
        self.transport.handle_datagram(now, from, datagram);
        self.drain_events();
    }

    fn poll_transmit(&mut self, now: Now, buf: &mut [u8]) -> Option<Transmit> {
        self.transport.poll_transmit(now, buf)
    }
}

impl Answers for Echo {
    fn answer(&mut self, now: Now) {
        for (id, range) in self.questions.drain(..) {
            let part = PartId(self.next_part);
            self.next_part = self.next_part.wrapping_add(1);
            // Refused when the session is over or has four waiting; the figures show it as loss.
            let _ = self.transport.send_snapshot(id, part, &self.bytes[range]);
        }
        self.bytes.clear();
        if self.transport.poll_timeout().is_some_and(|due_ns| due_ns <= now.mono_ns) {
            self.transport.handle_timeout(now);
        }
        self.drain_events();
        if now.mono_ns >= self.tick_ns {
            self.begin_tick(now);
        }
    }

    fn poll_timeout(&self) -> Option<u64> {
        Some(self.transport.poll_timeout().map_or(self.tick_ns, |due_ns| due_ns.min(self.tick_ns)))
    }
}
