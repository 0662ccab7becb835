//! Sessions that move: a path packet from a new address, a challenge back to it, and the answer. spec: LIF-19
#[cfg(test)]
use super::ConnectionId;
use super::Server;
use super::session::PacketBudget;
use crate::limits::PATH_INTERVAL_NS;
use crate::link::Unopened;
use crate::outer::Header;
use crate::rate::{IPV4_UDP_BYTES, IPV6_UDP_BYTES};
use crate::time::Now;
use rand::Rng;
use std::net::SocketAddr;

/// By what a session is found when its address is not known.
#[derive(Debug)]
pub(super) struct Path {
    /// The newest id given to the client; `None` while unspoken.
    id: Option<u64>,
    /// The one before, until the client is known to have the newest.
    before: Option<u64>,
    candidate: Option<Candidate>,
    /// Apart from the session's own: forged path packets must not use up what its true address may send.
    budget: PacketBudget,
}

/// An address that says it is the client's now.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    address: SocketAddr,
    challenge: u64,
    /// A path packet came from there and has not been answered: at most one reply each, of the same size.
    is_due: bool,
}

impl Path {
    pub(super) fn new() -> Self {
        Self { id: None, before: None, candidate: None, budget: PacketBudget::default() }
    }

    /// A challenge waits to be sent.
    pub(super) fn is_due(&self) -> bool {
        self.candidate.is_some_and(|candidate| candidate.is_due)
    }

    /// Where to send which challenge, in a packet with which id.
    pub(super) fn take_challenge(&mut self) -> Option<(SocketAddr, u64, u64)> {
        let (id, candidate) = (self.id?, self.candidate.as_mut()?);
        std::mem::take(&mut candidate.is_due).then_some((candidate.address, id, candidate.challenge))
    }

    /// Every id that names the session.
    pub(super) fn ids(&self) -> impl Iterator<Item = u64> {
        [self.id, self.before].into_iter().flatten()
    }
}

impl Server {
    /// A path packet, from wherever.
    pub(super) fn handle_path(&mut self, now: Now, from: SocketAddr, header: Header, datagram: &mut [u8]) {
        let (limits, counters) = (&self.config.packets, &mut self.counters);
        let Some(&slot) = self.by_path.get(&header.path_id) else {
            counters.path_unknown += 1;
            return;
        };
        let Some(session) = self.sessions.at_mut(slot) else { return };
        let newest = session.link.newest_received();
        if !session.path.budget.admit_unopened(limits, now.mono_ns, header, newest) {
            counters.drop_address_rate += 1;
            return;
        }
        if !session.path.budget.may_try(limits, now.mono_ns, header, newest) {
            counters.drop_after_failures += 1;
            return;
        }
        let body = match session.link.open(header, datagram, counters) {
            Ok(body) => body,
            Err(Unopened::Seal) => return session.path.budget.on_failed(limits, now.mono_ns),
            Err(Unopened::Replayed | Unopened::Body) => return,
        };
        let Some(&said) = body.first_chunk::<8>() else { return };
        // Whoever holds the keys has no more of these than of other packets: each is answered to an address that it names.
        if !session.budget.admit_opened(limits, now.mono_ns) {
            counters.drop_session_rate += 1;
            return;
        }
        session.connection.handle_other(now.mono_ns, header.sequence);
        // Its own, unless another session has moved there in between.
        if from == session.address && self.by_address.get(&from) == Some(&slot) {
            session.path.candidate = None;
            self.on_heard(now, slot);
        } else {
            let is_newest = newest.is_none_or(|newest| header.sequence > newest);
            self.judge_address(now, slot, from, u64::from_le_bytes(said), is_newest);
        }
        self.settle(now, slot);
    }

    /// The client of this session wrote from another address: challenge it, or believe it.
    fn judge_address(&mut self, now: Now, slot: u32, from: SocketAddr, said: u64, is_newest: bool) {
        // Whoever was heard from there a moment ago is still there, and no challenge would reach anybody else. Whoever was
        // not may have changed places with this one.
        let patient_ns = self.patience.clock_ns(now.mono_ns);
        let resident = self.by_address.get(&from).filter(|other| **other != slot);
        let resident = resident.and_then(|slot| self.sessions.at(*slot));
        if resident.is_some_and(|resident| patient_ns < resident.liveness.heard_ns() + PATH_INTERVAL_NS) {
            self.counters.path_address_taken += 1;
            return;
        }
        let Some(session) = self.sessions.at_mut(slot) else { return };
        match &mut session.path.candidate {
            Some(candidate) if candidate.address == from && candidate.challenge == said => {
                self.move_session(now, slot, from);
            }
            _ if !is_newest => {
                self.counters.path_late += 1;
            }
            Some(candidate) if candidate.address == from => candidate.is_due = true,
            candidate => {
                // Zero is what a client says that has no challenge to answer.
                let challenge = self.rng.next_u64().max(1);
                *candidate = Some(Candidate { address: from, challenge, is_due: true });
            }
        }
    }

    fn move_session(&mut self, now: Now, slot: u32, to: SocketAddr) {
        let Some(session) = self.sessions.at_mut(slot) else { return };
        if self.by_address.get(&session.address) == Some(&slot) {
            self.by_address.remove(&session.address);
        }
        self.by_address.insert(to, slot);
        session.address = to;
        session.path.candidate = None;
        session.connection.on_path_changed(if to.is_ipv6() { IPV6_UDP_BYTES } else { IPV4_UDP_BYTES });
        self.events.on_moved(session.id, to);
        self.counters.sessions_moved += 1;
        self.offer_path(slot);
        self.on_heard(now, slot);
    }

    /// Gives the client an id to be found by, unless it may not have the one before yet: an id seen at one address
    /// must not betray the client at the next.
    pub(super) fn offer_path(&mut self, slot: u32) {
        let Some(session) = self.sessions.at_mut(slot) else { return };
        if !session.connection.is_path_known() {
            return;
        }
        let mut id = self.rng.next_u64();
        while self.by_path.contains_key(&id) {
            id = self.rng.next_u64();
        }
        if let Some(old) = session.path.before.take() {
            self.by_path.remove(&old);
        }
        session.path.before = session.path.id.replace(id);
        session.connection.offer_path(id);
        self.by_path.insert(id, slot);
    }

    /// A packet of this session was opened.
    pub(super) fn on_heard(&mut self, now: Now, slot: u32) {
        let Some(session) = self.sessions.at_mut(slot) else { return };
        if session.liveness.on_heard(self.patience.clock_ns(now.mono_ns)) {
            session.connection.on_resumed();
            self.counters.sessions_resumed += 1;
            self.events.on_resumed(session.id);
        }
    }

    /// Whether anyone is found by path ids that are no longer given out; for tests.
    #[cfg(test)]
    pub(crate) fn paths(&self, id: ConnectionId) -> (usize, usize) {
        (self.by_path.len(), self.session(id).map_or(0, |session| session.path.ids().count()))
    }
}
