//! The reactor thread: one poll, one socket, one gate.
//!
//! Per wake, with the clock read once: datagrams, the realm's output, time-outs, transmits, and what the gate has for
//! the realm is handed over. Each step is bounded, so that none starves another.

mod datagram;
mod deadline;
mod name;
mod socket;

#[cfg(target_os = "linux")]
pub use crate::edge::sys::{BATCH, DATAGRAM_BYTES, NAME_BYTES};
pub use socket::{SOCKET_BUFFER_BYTES, bind};

use crate::edge::board::{Board, PUBLISH_INTERVAL_NS, ReactorCounters, ReactorReport};
use crate::edge::clock;
use crate::edge::drain::Drain;
use crate::edge::ops::Desk;
use crate::edge::queues::GateEnds;
use crate::edge::reload::Handover;
use crate::edge::telemetry::Throttle;
use datagram::{Arrivals, DatagramIo, Departures, datagram_io};
use deadline::Alarm;
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use protocol::unit::TICK_NS;
use rudp::{Now, Reason};
use server::Gate;
use std::io;
use std::sync::Arc;

/// Datagrams per system call, bytes of a buffer and of an address, where the kernel's own file does not say.
#[cfg(not(target_os = "linux"))]
pub const BATCH: usize = 64;
#[cfg(not(target_os = "linux"))]
pub const DATAGRAM_BYTES: usize = 1_500;
#[cfg(not(target_os = "linux"))]
pub const NAME_BYTES: usize = 28;

/// Datagrams read in one wake before everything else has its turn: one tick's worth of 2,000 players.
const ARRIVALS_PER_WAKE: usize = 2_048;
/// Datagrams written in one wake before the socket is read again: under 1 ms at 3 us each.
const DEPARTURES_PER_WAKE: usize = 256;
/// Nanoseconds between two wakes that find datagrams. Under load a shorter pause finds one or two per wake and spends
/// more on polling than on them; 250 us is 1.5 per cent of a tick.
const WAKE_SPACING_NS: u64 = 250_000;

const SOCKET: Token = Token(0);
const WAKER: Token = Token(1);
const ALARM: Token = Token(2);

/// What the reactor shares with other threads beside its queues.
pub struct Outlook {
    /// Where it publishes.
    pub board: Arc<Board>,
    /// How the server goes down.
    pub drain: Arc<Drain>,
    /// Where it finds new keys.
    pub handover: Arc<Handover>,
    /// Who mints with the newest of them.
    pub desk: Arc<Desk>,
}

/// The thread's state.
pub struct Reactor {
    poll: Poll,
    events: Events,
    alarm: Alarm,
    socket: UdpSocket,
    io: Box<dyn DatagramIo>,
    arrivals: Arrivals,
    departures: Departures,
    gate: Gate,
    ends: GateEnds,
    board: Arc<Board>,
    drain: Arc<Drain>,
    handover: Arc<Handover>,
    desk: Arc<Desk>,
    /// The poll said that the socket has something and no read has found it empty since.
    readable: bool,
    /// The socket was full; nothing is sent until the poll says that it has room.
    blocked: bool,
    /// The gate may have more to send than this wake's share.
    unsent: bool,
    closed: bool,
    counters: ReactorCounters,
    kernel_drops_seen: u32,
    publish_ns: u64,
    handed_over_ns: u64,
    error_log: Throttle,
}

impl Reactor {
    /// A reactor around a bound socket, and the waker that makes it look at its queues.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn new(
        gate: Gate,
        socket: std::net::UdpSocket,
        batching: bool,
        ends: GateEnds,
        outlook: Outlook,
    ) -> io::Result<(Self, Arc<Waker>)> {
        let Outlook { board, drain, handover, desk } = outlook;
        let poll = Poll::new()?;
        let ipv6_socket = socket.local_addr()?.is_ipv6();
        let mut socket = UdpSocket::from_std(socket);
        poll.registry().register(&mut socket, SOCKET, Interest::READABLE)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let alarm = Alarm::new(poll.registry(), ALARM)?;
        let reactor = Self {
            poll,
            events: Events::with_capacity(16),
            alarm,
            socket,
            io: datagram_io(batching),
            arrivals: Arrivals::default(),
            departures: Departures::new(ipv6_socket),
            gate,
            ends,
            board,
            drain,
            handover,
            desk,
            readable: true,
            blocked: false,
            unsent: false,
            closed: false,
            counters: ReactorCounters::default(),
            kernel_drops_seen: 0,
            publish_ns: 0,
            handed_over_ns: 0,
            error_log: Throttle::default(),
        };
        Ok((reactor, waker))
    }

    /// Serves until the server has drained and the last goodbye is sent.
    ///
    /// # Errors
    /// The poll or the alarm failed, which nothing outside can cause.
    pub fn run(mut self) -> io::Result<()> {
        while !self.drain.is_abandoned() {
            self.wait()?;
            // Before the queue is looked at: what the world sent before it ended is then in it.
            let last = self.drain.is_world_done();
            // Once per wake: asked between closing the gate and handing over, the drain would skip the goodbyes.
            let asked = self.drain.is_asked();
            if let Some(offer) = self.handover.take() {
                offer.apply(&mut self.gate, &self.desk);
            }
            let now = clock::now();
            let received = self.receive(now);
            self.take_outbound(now);
            if self.gate.poll_timeout().is_some_and(|deadline_ns| deadline_ns <= now.mono_ns) {
                self.gate.handle_timeout(now);
            }
            if asked && !self.closed {
                self.gate.close_all(now, Reason::ServerShutdown);
            }
            self.unsent = self.transmit(now)?;
            self.hand_over(now, asked);
            self.board.publish_accepting(self.gate.is_accepting(now));
            if now.mono_ns >= self.publish_ns {
                self.publish(now);
            }
            if last && !self.unsent && !self.blocked {
                break;
            }
            self.rest(now, received);
        }
        self.publish(clock::now());
        Ok(())
    }

    fn wait(&mut self) -> io::Result<()> {
        let now_ns = clock::mono_ns();
        let busy = self.readable || self.unsent;
        let deadline_ns = if busy { Some(now_ns) } else { self.gate.poll_timeout() };
        let publish = (!busy).then_some(self.publish_ns);
        let earliest = deadline_ns.into_iter().chain(publish).min();
        let timeout = self.alarm.set(now_ns, earliest)?;
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        self.counters.wakes += 1;
        let mut writable = false;
        for event in self.events.iter().filter(|event| event.token() == SOCKET) {
            // An error on the socket is fetched by reading from it.
            self.readable |= event.is_readable() || event.is_error();
            writable |= event.is_writable();
        }
        if self.blocked && writable {
            self.blocked = false;
            self.poll.registry().reregister(&mut self.socket, SOCKET, Interest::READABLE)?;
        }
        Ok(())
    }

    /// Reads until the socket is empty or this wake's share is used up. Answers how many datagrams there were.
    fn receive(&mut self, now: Now) -> usize {
        let mut received = 0;
        let mut errors = 0;
        while self.readable && received + errors < ARRIVALS_PER_WAKE {
            match self.io.recv(&self.socket, &mut self.arrivals) {
                Ok(()) => {
                    received += self.arrivals.len();
                    // Fewer than there was room for: the socket is empty, and its next datagram rings the poll.
                    self.readable = self.arrivals.is_full();
                    for (from, datagram) in self.arrivals.iter_mut() {
                        self.counters.bytes_in += datagram.len() as u64;
                        self.gate.handle_datagram(now, from, datagram);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    errors += 1;
                    self.counters.recv_errors += 1;
                    tracing::trace!(%error, "the socket reported an error on receive");
                }
            }
        }
        self.counters.packets_in += received as u64;
        received
    }

    fn take_outbound(&mut self, now: Now) {
        while let Ok(mut outbound) = self.ends.from_realm.try_recv() {
            self.gate.handle_outbound(now, &outbound);
            outbound.clear();
            // An arena made in an emergency finds no room and is dropped.
            let _ = self.ends.spare_outbound.try_send(outbound);
        }
    }

    /// Sends this wake's share of what the gate has; answers whether there may be more.
    fn transmit(&mut self, now: Now) -> io::Result<bool> {
        let mut left = DEPARTURES_PER_WAKE;
        while !self.blocked {
            while left > 0
                && self
                    .departures
                    .push(|slot| self.gate.poll_transmit(now, slot).map(|transmit| (transmit.to, transmit.len)))
            {
                left -= 1;
            }
            if self.departures.is_empty() {
                return Ok(left == 0);
            }
            let drained = left > 0 && !self.departures.is_full();
            self.flush(now)?;
            if drained && !self.blocked {
                return Ok(false);
            }
        }
        // What is left stays in its buffers; the gate keeps the rest until there is room.
        Ok(false)
    }

    fn flush(&mut self, now: Now) -> io::Result<()> {
        while !self.departures.is_empty() {
            let (count, bytes) = (self.departures.len(), self.departures.bytes());
            let result = self.io.send(&self.socket, &mut self.departures);
            self.counters.packets_out += (count - self.departures.len()) as u64;
            self.counters.bytes_out += (bytes - self.departures.bytes()) as u64;
            match result {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.counters.send_blocked += 1;
                    self.blocked = true;
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    return self.poll.registry().reregister(&mut self.socket, SOCKET, interest);
                }
                Err(error) => {
                    // Noise of the network: a peer that is gone, a route that is down. Its session will time out.
                    self.departures.pop(1);
                    self.counters.send_errors += 1;
                    if let Some(missed) = self.error_log.pass(now.mono_ns) {
                        tracing::debug!(%error, missed, "a datagram could not be sent");
                    }
                }
            }
        }
        Ok(())
    }

    /// Gives the realm what has come in, if there is anything and an empty batch to go on with.
    ///
    /// The gate wants its packets to have left first, so that what they cost is known; under overload that may never
    /// be so, and then the realm has waited a tick at most.
    fn hand_over(&mut self, now: Now, asked: bool) {
        if self.unsent && now.mono_ns < self.handed_over_ns + TICK_NS {
            return;
        }
        if self.gate.has_inbound() {
            let Ok(mut batch) = self.ends.spare_inbound.try_recv() else {
                self.counters.inbound_held += 1;
                return;
            };
            self.gate.swap_inbound(now, &mut batch);
            if self.ends.to_realm.try_send(batch).is_err() {
                // Only when the world thread is gone, and then the process is about to end.
                self.counters.inbound_held += 1;
            }
        }
        self.handed_over_ns = now.mono_ns;
        if asked && !self.closed {
            self.closed = true;
            self.drain.on_gate_closed();
        }
    }

    fn publish(&mut self, now: Now) {
        self.publish_ns = now.mono_ns + PUBLISH_INTERVAL_NS;
        #[cfg(target_os = "linux")]
        if let Ok(drops) = crate::edge::sys::kernel_drops(&self.socket) {
            self.counters.kernel_drops += u64::from(drops.wrapping_sub(self.kernel_drops_seen));
            self.kernel_drops_seen = drops;
        }
        self.board.reactor.store(Arc::new(ReactorReport {
            connections: self.gate.connections(),
            transport: self.gate.counters().clone(),
            gate: *self.gate.gate_counters(),
            edge: self.counters,
            inbound_depth: self.ends.to_realm.len(),
            outbound_depth: self.ends.from_realm.len(),
        }));
    }

    /// Lets datagrams gather before the next wake, unless there is work already.
    fn rest(&self, now: Now, received: usize) {
        if received > 0 && !self.readable && !self.unsent {
            clock::sleep_until(now.mono_ns + WAKE_SPACING_NS);
        }
    }
}
