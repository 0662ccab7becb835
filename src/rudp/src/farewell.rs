//! The last packets of a session: its reason, then disconnects, each several times because nobody will ack them.
use crate::connection::{CLOSE_COPIES, Connection};
use crate::counters::Counters;
use crate::link::Link;
use crate::outer::{self, Kind, PAYLOAD_BYTES_MAX};
use crate::reason::Reason;
use std::net::SocketAddr;

/// Disconnects, as many as the standard's C code sends.
pub const DISCONNECT_COPIES: u8 = 10;

/// Packets that outlive their session.
pub(crate) struct Farewell {
    to: SocketAddr,
    link: Link,
    reason: Box<[u8]>,
    reasons_left: u8,
    disconnects_left: u8,
}

impl Farewell {
    /// Writes the reason while the connection still exists. spec: LIF-15
    pub(crate) fn new(
        to: SocketAddr,
        link: Link,
        connection: &mut Connection,
        now_ns: u64,
        reason: Reason,
        text: &str,
    ) -> Self {
        let mut body = [0; PAYLOAD_BYTES_MAX];
        connection.queue_close(reason, text);
        let len = connection.poll_payload(now_ns, link.next_sequence(), &mut body).unwrap_or(0);
        let reason: Box<[u8]> = body[..len].into();
        let reasons_left = if reason.is_empty() { 0 } else { CLOSE_COPIES };
        Self { to, link, reason, reasons_left, disconnects_left: DISCONNECT_COPIES }
    }

    /// A farewell to a peer that has no inner layer yet: disconnects only.
    pub(crate) fn silent(to: SocketAddr, link: Link) -> Self {
        Self { to, link, reason: [].into(), reasons_left: 0, disconnects_left: DISCONNECT_COPIES }
    }

    pub(crate) fn to(&self) -> SocketAddr {
        self.to
    }

    /// The next of the packets; `None` when all are sent.
    pub(crate) fn poll_transmit(&mut self, now_ns: u64, buf: &mut [u8], counters: &mut Counters) -> Option<usize> {
        let len = if self.reasons_left > 0 {
            self.reasons_left -= 1;
            self.link.seal_body(now_ns, Kind::Payload, &self.reason, buf)
        } else {
            self.disconnects_left = self.disconnects_left.checked_sub(1)?;
            self.link.seal(now_ns, Kind::Disconnect, 0, buf)
        };
        debug_assert!(len <= outer::DATAGRAM_BYTES_MAX);
        counters.on_sent(len);
        Some(len)
    }
}
