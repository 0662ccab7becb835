//! Whose connections are about to be used: their memory is asked for before it is needed (see [`crate::prefetch`]).
//!
//! Nothing here changes what the server does. Three rounds, because each finds out where the next has to look: tables,
//! then sessions, then what sessions point to. In each round the waits of all sessions overlap.
use super::{ConnectionId, Server, Session};
use crate::token::address::canonical;
use std::net::SocketAddr;

/// Sessions asked for together: a batch of datagrams, and at 3 KB each well within a cache of the second level.
pub const AHEAD_MAX: usize = 64;

impl Server {
    /// Datagrams of these senders come next, in about this order.
    pub fn expect_datagrams(&self, senders: &[SocketAddr]) {
        if !self.config.prefetch.is_on() {
            return;
        }
        for senders in senders.chunks(AHEAD_MAX) {
            let slots = senders.iter().filter_map(|from| self.by_address.get(&canonical(*from)).copied());
            self.expect_slots(slots);
        }
    }

    /// These connections are sent to next, in about this order.
    pub fn expect_sends(&self, connections: impl Iterator<Item = ConnectionId>) {
        if self.config.prefetch.is_on() {
            self.expect_slots(connections.map(|id| id.slot));
        }
    }

    /// At most [`AHEAD_MAX`] sessions.
    fn expect_slots(&self, slots: impl Iterator<Item = u32>) {
        let prefetch = self.config.prefetch;
        let mut sessions: [Option<&Session>; AHEAD_MAX] = [None; AHEAD_MAX];
        for (place, slot) in sessions.iter_mut().zip(slots) {
            self.wheel.prefetch(slot, prefetch);
            *place = self.sessions.at(slot).map(|session| &**session);
            prefetch.maybe(*place);
        }
        for session in sessions.iter().map_while(|session| *session) {
            session.link.prefetch(prefetch);
            session.connection.prefetch(prefetch);
        }
    }
}
