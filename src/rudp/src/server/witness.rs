//! Whoever is shown what a server receives and what becomes of its sessions, if anybody is.

use super::{ConnectionId, Server};
use crate::counters::Counters;
use crate::reason::Reason;
use crate::time::Now;
use std::net::SocketAddr;

/// Something that became of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Its token was accepted.
    Connected {
        /// Where it comes from.
        from: SocketAddr,
        /// Whose it is; 0 if the token does not say.
        account: u64,
    },
    /// Its hello was accepted.
    Spoken,
    /// It is not heard any more.
    Silent,
    /// It was heard again.
    Resumed,
    /// It comes from elsewhere now.
    Moved {
        /// From where.
        to: SocketAddr,
    },
    /// It is over.
    Disconnected {
        /// Why.
        reason: Reason,
    },
}

/// Somebody who is shown it. He must not keep anybody waiting.
pub trait Witness: Send {
    /// A payload packet was opened.
    fn on_payload(&mut self, now: Now, id: ConnectionId, from: SocketAddr, sequence: u64, body: &[u8]);

    /// Something became of a session.
    fn on_change(&mut self, now: Now, id: ConnectionId, change: Change);

    /// What was counted so far, several times a second.
    fn on_counters(&mut self, now: Now, counters: &Counters);
}

impl Server {
    /// From now on `witness` is shown what is received.
    pub fn set_witness(&mut self, witness: Box<dyn Witness>) {
        self.witness = Some(witness);
    }

    /// Shows that something became of a session.
    pub fn show_change(&mut self, now: Now, id: ConnectionId, change: Change) {
        if let Some(witness) = &mut self.witness {
            witness.on_change(now, id, change);
        }
    }

    /// Shows what was counted.
    pub fn show_counters(&mut self, now: Now) {
        if let Some(witness) = &mut self.witness {
            witness.on_counters(now, &self.counters);
        }
    }
}
