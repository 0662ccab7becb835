//! The reactor thread: one poll, one socket, one gate.
//!
//! Per wake, with the clock read once: datagrams, the realm's output, time-outs, transmits, and what the gate has for
//! the realm is handed over. Each step is bounded, so that none starves another.

mod datagram;
mod deadline;
mod dock;
mod name;
mod socket;

#[cfg(target_os = "linux")]
pub use crate::edge::sys::{BATCH, DATAGRAM_BYTES, NAME_BYTES};
pub use dock::{Dock, Machine};
pub use socket::{Bound, SOCKET_BUFFER_BYTES, bind};

use crate::edge::board::{Board, PUBLISH_INTERVAL_NS, ReactorReport};
use crate::edge::clock;
use crate::edge::drain::Drain;
use crate::edge::ops::Desk;
use crate::edge::queues::GateEnds;
use crate::edge::reload::Handover;
use crate::edge::stopwatch::reactor as part;
use crate::edge::switchboard::Exchange;
use mio::Waker;
use protocol::unit::TICK_NS;
use rudp::{Now, Reason, Transmit};
use server::{Gate, Outbound};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

/// Datagrams per system call, bytes of a buffer and of an address, where the kernel's own file does not say.
#[cfg(not(target_os = "linux"))]
pub const BATCH: usize = 64;
#[cfg(not(target_os = "linux"))]
pub const DATAGRAM_BYTES: usize = 1_500;
#[cfg(not(target_os = "linux"))]
pub const NAME_BYTES: usize = 28;

/// Shares of the realm's output taken in one wake before the socket is read again: 256 datagrams, about 1 ms.
const SHARES_PER_WAKE: usize = 4;

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
    /// Where operations ask the gate.
    pub exchange: Exchange,
}

/// The thread's state.
pub struct Reactor {
    dock: Dock,
    gate: Gate,
    ends: GateEnds,
    board: Arc<Board>,
    drain: Arc<Drain>,
    handover: Arc<Handover>,
    desk: Arc<Desk>,
    exchange: Exchange,
    closed: bool,
    /// What the realm says, and from which of its items on that is still to be told.
    outbound: Option<(Outbound, usize)>,
    publish_ns: u64,
    handed_over_ns: u64,
    /// Times a batch stayed with the gate because every arena was out.
    inbound_held: u64,
    /// What has passed through its two queues, in and out of the world.
    batches: u64,
    arenas: u64,
}

impl Machine for Gate {
    fn expect_datagrams(&self, senders: &[SocketAddr]) {
        Gate::expect_datagrams(self, senders);
    }

    fn handle_datagram(&mut self, now: Now, from: SocketAddr, datagram: &mut [u8]) {
        Gate::handle_datagram(self, now, from, datagram);
    }

    fn poll_transmit(&mut self, now: Now, buf: &mut [u8]) -> Option<Transmit> {
        Gate::poll_transmit(self, now, buf)
    }
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
        let Outlook { board, drain, handover, desk, exchange } = outlook;
        let dock = Dock::new(socket, batching)?;
        let waker = Arc::new(dock.waker()?);
        let reactor = Self {
            dock,
            gate,
            ends,
            board,
            drain,
            handover,
            desk,
            exchange,
            closed: false,
            outbound: None,
            publish_ns: 0,
            handed_over_ns: 0,
            inbound_held: 0,
            batches: 0,
            arenas: 0,
        };
        Ok((reactor, waker))
    }

    /// The gate, before anybody has met it.
    pub fn gate_mut(&mut self) -> &mut Gate {
        &mut self.gate
    }

    /// Serves until the server has drained and the last goodbye is sent.
    ///
    /// # Errors
    /// The poll or the alarm failed, which nothing outside can cause.
    pub fn run(mut self) -> io::Result<()> {
        while !self.drain.is_abandoned() {
            self.board.reactor_watch.enter(part::WAIT);
            let due_ns = self.gate.poll_timeout().map_or(self.publish_ns, |due| due.min(self.publish_ns));
            // Blocked, there is nothing to do before the socket has room, which ends the wait.
            let is_busy = self.outbound.is_some() && !self.dock.is_blocked();
            self.dock.wait(Some(if is_busy { 0 } else { due_ns }))?;
            // Before the queue is looked at: what the world sent before it ended is then in it.
            let last = self.drain.is_world_done();
            // Once per wake: asked between closing the gate and handing over, the drain would skip the goodbyes.
            let asked = self.drain.is_asked();
            if let Some(offer) = self.handover.take() {
                offer.apply(&mut self.gate, &self.desk);
            }
            let now = clock::now();
            self.board.reactor_watch.enter_at(part::RECEIVE, now.mono_ns);
            let received = self.dock.receive(now, &mut self.gate);
            self.board.reactor_watch.enter(part::OUTBOUND);
            self.take_outbound(now)?;
            self.board.reactor_watch.enter(part::TIMEOUTS);
            if self.gate.poll_timeout().is_some_and(|deadline_ns| deadline_ns <= now.mono_ns) {
                self.gate.handle_timeout(now);
            }
            self.exchange.serve(now, &mut self.gate);
            if asked && !self.closed {
                self.gate.close_all(now, Reason::ServerShutdown);
            }
            self.board.reactor_watch.enter(part::TRANSMIT);
            self.dock.transmit(now, &mut self.gate)?;
            self.board.reactor_watch.enter(part::HAND_OVER);
            self.hand_over(now, asked);
            self.board.reactor_watch.enter(part::TRANSMIT);
            // A tick edge gives credit, to bulk that waits for instance: that leaves now, not with the next wake.
            self.dock.transmit(now, &mut self.gate)?;
            self.board.publish_accepting(self.gate.is_accepting(now));
            if now.mono_ns >= self.publish_ns {
                self.board.reactor_watch.enter(part::PUBLISH);
                self.publish(now);
            }
            if last && self.outbound.is_none() && !self.dock.is_unsent() && !self.dock.is_blocked() {
                break;
            }
            self.board.reactor_watch.enter(part::REST);
            if self.outbound.is_none() {
                self.dock.rest(now, received);
            }
        }
        self.publish(clock::now());
        Ok(())
    }

    /// A share of what the realm has to say, sent as it is taken.
    fn take_outbound(&mut self, now: Now) -> io::Result<()> {
        for _ in 0..SHARES_PER_WAKE {
            if self.dock.is_blocked() {
                break;
            }
            let Some((outbound, from)) =
                self.outbound.take().or_else(|| self.ends.from_realm.try_recv().ok().map(|all| (all, 0)))
            else {
                break;
            };
            let next = self.gate.handle_some(now, &outbound, from);
            self.board.reactor_watch.enter(part::TRANSMIT);
            self.dock.transmit(now, &mut self.gate)?;
            self.board.reactor_watch.enter(part::OUTBOUND);
            if !self.dock.is_unsent() && !self.dock.is_blocked() {
                self.gate.handle_departure(now, &outbound, from..next.unwrap_or(outbound.items().len()));
            }
            match next {
                Some(next) => self.outbound = Some((outbound, next)),
                None => self.give_back(outbound),
            }
        }
        Ok(())
    }

    fn give_back(&mut self, mut outbound: Outbound) {
        self.arenas += 1;
        outbound.clear();
        // An arena made in an emergency finds no room and is dropped.
        let _ = self.ends.spare_outbound.try_send(outbound);
    }

    /// Gives the realm what has come in, if there is anything and an empty batch to go on with.
    ///
    /// The gate wants its packets to have left first, so that what they cost is known; under overload that may never
    /// be so, and then the realm has waited a tick at most.
    fn hand_over(&mut self, now: Now, asked: bool) {
        if self.dock.is_unsent() && now.mono_ns < self.handed_over_ns + TICK_NS {
            return;
        }
        if self.gate.has_inbound() {
            let Ok(mut batch) = self.ends.spare_inbound.try_recv() else {
                self.inbound_held += 1;
                return;
            };
            self.gate.swap_inbound(now, &mut batch);
            match self.ends.to_realm.try_send(batch) {
                Ok(()) => self.batches += 1,
                // Only when the world thread is gone, and then the process is about to end.
                Err(_) => self.inbound_held += 1,
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
        self.board.reactor_watch.publish();
        let mut edge = *self.dock.counters();
        edge.inbound_held = self.inbound_held;
        (edge.batches, edge.arenas) = (self.batches, self.arenas);
        self.board.reactor.store(Arc::new(ReactorReport {
            at_ns: now.mono_ns,
            connections: self.gate.connections(),
            survey: *self.gate.survey(now),
            bans: self.gate.bans().count(),
            transport: self.gate.counters().clone(),
            gate: *self.gate.gate_counters(),
            edge,
            inbound_depth: self.ends.to_realm.len(),
            outbound_depth: self.ends.from_realm.len(),
            inbound_free: self.ends.spare_inbound.len(),
        }));
    }
}
