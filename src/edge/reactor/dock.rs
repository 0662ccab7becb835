//! The socket and its alarm: what waits for datagrams, reads them, and sends what is there to be sent.
//!
//! A [`Dock`] knows nothing of games. Whoever has a [`Machine`] can stand it behind one; the reactor's is the gate.

use super::datagram::{Arrivals, DatagramIo, Departures, datagram_io};
use super::deadline::Alarm;
use crate::edge::board::ReactorCounters;
use crate::edge::clock;
use crate::edge::telemetry::Throttle;
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use rudp::{Now, Transmit};
use std::io;
use std::net::SocketAddr;

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

/// What stands behind a socket.
pub trait Machine {
    /// Datagrams of these senders come next, in this order: a chance to look for what they will need.
    fn expect_datagrams(&self, _senders: &[SocketAddr]) {}

    /// A datagram arrived; its bytes may be changed.
    fn handle_datagram(&mut self, now: Now, from: SocketAddr, datagram: &mut [u8]);

    /// The next datagram to send, written into `buf`; none when there is nothing to send.
    fn poll_transmit(&mut self, now: Now, buf: &mut [u8]) -> Option<Transmit>;
}

/// One socket, one poll, one alarm.
///
/// Per wake: [`Dock::wait`], read the clock, [`Dock::receive`], let the machine work, [`Dock::transmit`],
/// [`Dock::rest`].
#[derive(Debug)]
pub struct Dock {
    poll: Poll,
    events: Events,
    alarm: Alarm,
    socket: UdpSocket,
    io: Box<dyn DatagramIo>,
    arrivals: Arrivals,
    departures: Departures,
    /// The poll said that the socket has something and no read has found it empty since.
    readable: bool,
    /// The socket was full; nothing is sent until the poll says that it has room.
    blocked: bool,
    /// The machine may have more to send than this wake's share.
    unsent: bool,
    counters: ReactorCounters,
    kernel_drops_seen: u32,
    error_log: Throttle,
}

impl Dock {
    /// A dock around a bound socket. `batching`: many datagrams per system call, where the platform can.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn new(socket: std::net::UdpSocket, batching: bool) -> io::Result<Self> {
        let poll = Poll::new()?;
        let ipv6_socket = socket.local_addr()?.is_ipv6();
        let mut socket = UdpSocket::from_std(socket);
        poll.registry().register(&mut socket, SOCKET, Interest::READABLE)?;
        let alarm = Alarm::new(poll.registry(), ALARM)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(16),
            alarm,
            socket,
            io: datagram_io(batching),
            arrivals: Arrivals::default(),
            departures: Departures::new(ipv6_socket),
            readable: true,
            blocked: false,
            unsent: false,
            counters: ReactorCounters::default(),
            kernel_drops_seen: 0,
            error_log: Throttle::default(),
        })
    }

    /// What ends a [`Dock::wait`] from another thread. To be made once.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn waker(&self) -> io::Result<Waker> {
        Waker::new(self.poll.registry(), WAKER)
    }

    /// Waits for a datagram, the waker, room to send, or `deadline_ns`; not at all while there is work left over.
    ///
    /// # Errors
    /// The poll or the alarm failed, which nothing outside can cause.
    pub fn wait(&mut self, deadline_ns: Option<u64>) -> io::Result<()> {
        let now_ns = clock::mono_ns();
        let busy = self.readable || self.unsent;
        let timeout = self.alarm.set(now_ns, if busy { Some(now_ns) } else { deadline_ns })?;
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
    pub fn receive(&mut self, now: Now, machine: &mut impl Machine) -> usize {
        let mut received = 0;
        let mut errors = 0;
        while self.readable && received + errors < ARRIVALS_PER_WAKE {
            match self.io.recv(&self.socket, &mut self.arrivals) {
                Ok(()) => {
                    received += self.arrivals.len();
                    // Fewer than there was room for: the socket is empty, and its next datagram rings the poll.
                    self.readable = self.arrivals.is_full();
                    machine.expect_datagrams(self.arrivals.senders());
                    for (from, datagram) in self.arrivals.iter_mut() {
                        self.counters.bytes_in += datagram.len() as u64;
                        machine.handle_datagram(now, from, datagram);
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

    /// Sends this wake's share of what the machine has.
    ///
    /// # Errors
    /// The poll failed, which nothing outside can cause.
    pub fn transmit(&mut self, now: Now, machine: &mut impl Machine) -> io::Result<()> {
        let mut left = DEPARTURES_PER_WAKE;
        self.unsent = false;
        while !self.blocked {
            while left > 0
                && self
                    .departures
                    .push(|slot| machine.poll_transmit(now, slot).map(|transmit| (transmit.to, transmit.len)))
            {
                left -= 1;
            }
            if self.departures.is_empty() {
                self.unsent = left == 0;
                return Ok(());
            }
            let drained = left > 0 && !self.departures.is_full();
            self.flush(now)?;
            if drained && !self.blocked {
                return Ok(());
            }
        }
        // What is left stays in its buffers; the machine keeps the rest until there is room.
        Ok(())
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

    /// Lets datagrams gather before the next wake, unless there is work already.
    pub fn rest(&self, now: Now, received: usize) {
        if received > 0 && !self.readable && !self.unsent {
            clock::sleep_until(now.mono_ns + WAKE_SPACING_NS);
        }
    }

    /// The machine may have more to send than this wake's share.
    pub fn is_unsent(&self) -> bool {
        self.unsent
    }

    /// Nothing leaves at present: the socket is full.
    pub fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// What was counted since the start; asks the kernel what it dropped.
    pub fn counters(&mut self) -> &ReactorCounters {
        #[cfg(target_os = "linux")]
        if let Ok(drops) = crate::edge::sys::kernel_drops(&self.socket) {
            self.counters.kernel_drops += u64::from(drops.wrapping_sub(self.kernel_drops_seen));
            self.kernel_drops_seen = drops;
        }
        &self.counters
    }
}
