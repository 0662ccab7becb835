//! Where the client is, told to the server, and where the server is, found again. spec: LIF-19
use super::{Client, Stage};
use crate::limits::PATH_INTERVAL_NS;
use crate::time::Now;
use crate::token::address::canonical;
use std::net::SocketAddr;

/// Path packets that are sent to one address of the token before the next is tried.
const PATHS_PER_ADDRESS: usize = 2;

impl Client {
    /// Our own address has changed, as far as the caller can tell: the server is told at once. It is told without this
    /// call after 500 ms without a packet from it.
    pub fn handle_address_change(&mut self, now: Now) {
        self.paths_unheard = 0;
        self.tell_path(now);
    }

    pub(super) fn tell_path(&mut self, now: Now) {
        if self.path.is_some() {
            self.path_answer.get_or_insert(0);
            self.path_next_ns = now.mono_ns + PATH_INTERVAL_NS;
        }
    }

    /// The server asks whether we really are where our path packet came from. spec: LIF-19
    pub(super) fn handle_path(&mut self, now: Now, sequence: u64, body: &[u8]) {
        let Stage::Connected { connection, .. } = &mut self.stage else { return };
        connection.handle_other(now.mono_ns, sequence);
        self.path_answer = body.first_chunk().map(|challenge| u64::from_le_bytes(*challenge));
    }

    /// When the server is to be told where we are, although it has not asked.
    pub(super) fn path_due_ns(&self) -> Option<u64> {
        let is_spoken = matches!(self.stage, Stage::Connected { is_spoken: true, .. });
        self.path.filter(|_| is_spoken && !self.liveness.is_silent())?;
        let unheard_ns = self.liveness.heard_ns() + PATH_INTERVAL_NS + self.patience.stalled_ns();
        Some(unheard_ns.max(self.path_next_ns))
    }

    /// Which of the token's addresses this is; the one in use before its equals.
    pub(super) fn index_of(&self, from: SocketAddr) -> Option<usize> {
        let is_from = |address: &SocketAddr| canonical(*address) == canonical(from);
        if is_from(&self.server()) {
            return Some(self.address_index);
        }
        self.token.addresses.as_slice().iter().position(is_from)
    }

    /// Where the next path packet that answers no challenge goes: the server may no longer be within reach at the
    /// address in use, as after a change from IPv4 to IPv6. spec: LIF-19
    pub(super) fn next_path_address(&mut self) -> SocketAddr {
        let addresses = self.token.addresses.as_slice();
        let turn = self.paths_unheard / PATHS_PER_ADDRESS;
        self.paths_unheard += 1;
        addresses[(self.address_index + turn) % addresses.len()]
    }
}
