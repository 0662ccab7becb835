//! One peer's seal: both keys, the replay window of what it sends, the numbers of what we send.
use crate::counters::Counters;
use crate::outer::{self, Header, Kind, OuterError};
use crate::prefetch::Prefetch;
use crate::replay::{ReplayError, ReplayWindow};
use crate::seal::PacketKey;

/// A numbered, sealed way to one peer and back. Every sequence is used once.
pub(crate) struct Link {
    opens: PacketKey,
    seals: PacketKey,
    protocol_id: u64,
    replay: ReplayWindow,
    next_sequence: u64,
    last_sent_ns: u64,
}

impl Link {
    pub(crate) fn new(protocol_id: u64, opens: PacketKey, seals: PacketKey, now_ns: u64) -> Self {
        Self { opens, seals, protocol_id, replay: ReplayWindow::default(), next_sequence: 0, last_sent_ns: now_ns }
    }

    /// The newest sequence the peer has proven to have sent.
    pub(crate) fn newest_received(&self) -> Option<u64> {
        self.replay.newest()
    }

    /// The number the next sealed packet will carry.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    pub(crate) fn last_sent_ns(&self) -> u64 {
        self.last_sent_ns
    }

    /// Something left without a number of its own on the wire: a request takes one all the same.
    pub(crate) fn on_request_sent(&mut self, now_ns: u64) {
        self.next_sequence += 1;
        self.last_sent_ns = now_ns;
    }

    /// The next packet of either direction is about to be opened or sealed.
    pub(crate) fn prefetch(&self, prefetch: Prefetch) {
        self.opens.prefetch(prefetch);
        self.seals.prefetch(prefetch);
    }

    /// Replay test, open, commit, body size, in this order (spec: SES-13); what fails is counted.
    pub(crate) fn open<'a>(
        &mut self,
        header: Header,
        datagram: &'a mut [u8],
        counters: &mut Counters,
    ) -> Result<&'a mut [u8], Unopened> {
        if header.kind.is_replay_guarded()
            && let Err(error) = self.replay.test(header.sequence)
        {
            match error {
                ReplayError::Stale => counters.drop_stale += 1,
                ReplayError::Repeated => counters.drop_repeated += 1,
            }
            return Err(Unopened::Replayed);
        }
        let body = outer::open(&self.opens, self.protocol_id, header, datagram).map_err(|error| {
            counters.on_outer_error(error);
            Unopened::Seal
        })?;
        if header.kind.is_replay_guarded() {
            self.replay.commit(header.sequence);
        }
        outer::check_body(header.kind, body).map_err(|error| {
            counters.on_outer_error(error);
            Unopened::Body
        })?;
        Ok(body)
    }

    /// Seals the body of `body_len` bytes that stands at [`body_offset`](outer::body_offset) of the next sequence.
    pub(crate) fn seal(&mut self, now_ns: u64, kind: Kind, body_len: usize, buf: &mut [u8]) -> usize {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.last_sent_ns = now_ns;
        outer::seal(&self.seals, self.protocol_id, kind, sequence, buf, body_len)
    }

    /// Seals a path packet of that id that says `said`: a challenge, its answer, or 0.
    pub(crate) fn seal_path(&mut self, now_ns: u64, path_id: u64, said: u64, buf: &mut [u8]) -> usize {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.last_sent_ns = now_ns;
        outer::seal_path(&self.seals, self.protocol_id, path_id, sequence, said, buf)
    }

    /// Puts `body` into place and seals it.
    pub(crate) fn seal_body(&mut self, now_ns: u64, kind: Kind, body: &[u8], buf: &mut [u8]) -> usize {
        let start = outer::body_offset(self.next_sequence);
        buf[start..start + body.len()].copy_from_slice(body);
        self.seal(now_ns, kind, body.len(), buf)
    }
}

/// Why a datagram gave no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unopened {
    Replayed,
    Seal,
    Body,
}

impl Counters {
    pub(crate) fn on_outer_error(&mut self, error: OuterError) {
        *match error {
            OuterError::Length => &mut self.drop_length,
            OuterError::Kind => &mut self.drop_kind,
            OuterError::Role => &mut self.drop_role,
            OuterError::SequenceBytes => &mut self.drop_sequence_bytes,
            OuterError::Seal => &mut self.drop_seal,
            OuterError::BodySize => &mut self.drop_body_size,
        } += 1;
    }
}
