//! What clients that live in one process share, for who runs thousands of them.

use protocol::snapshot::DecodeMemo;
use rudp::Prefetch;

/// Shared by many clients, each of which has its turn; see
/// [`Client::handle_datagram_among`](crate::Client::handle_datagram_among).
#[derive(Debug)]
pub struct Among {
    /// What one of them has read.
    pub memo: DecodeMemo,
    /// How to ask for memory.
    pub prefetch: Prefetch,
}

impl Among {
    /// Nothing has been read.
    #[must_use]
    pub fn new(prefetch: Prefetch) -> Self {
        Self { memo: DecodeMemo::default(), prefetch }
    }
}
