//! Channels: what becomes of a message between `send` and the peer.

mod bulk;
mod fragment;
mod inbound;
mod outbound;
mod parts;
mod reassembly;
mod ring;
mod table;
mod unreliable;

pub use bulk::{BULK_CHUNK_BYTES_MAX, BULK_CHUNK_COST_BYTES, BULK_WINDOW_BYTES, BulkChunk};
pub(crate) use bulk::{BulkError, BulkInbound, BulkOutbound};
pub use fragment::{FRAGMENT_BYTES, MESSAGE_BYTES_MAX, Place};
pub(crate) use inbound::{Inbound, Verdict};
pub(crate) use outbound::{Filled, Outbound};
pub(crate) use parts::PartQueue;
pub(crate) use reassembly::{Arrived, Claim, Kept, Reassembly};
pub use reassembly::{REASSEMBLY_BYTES_MAX, REASSEMBLY_LIFE_NS, REASSEMBLY_MESSAGES_MAX};
#[cfg(test)]
pub(crate) use table::every_kind;
pub use table::game::{BULK, CONTROL, EVENT, INPUT, SNAPSHOT};
pub use table::{
    CHANNELS_MAX, ChannelId, ChannelKind, ChannelSpec, ChannelTable, LANES, SNAPSHOT_PART_BYTES_MAX, STATE_LANE,
};
pub(crate) use unreliable::{Sequenced, UnreliableQueue};

use serde::{Deserialize, Serialize};

/// Reliable messages in flight per channel: the sender never sends a message this far beyond the oldest unacked one,
/// the receiver accepts exactly as far beyond the next it expects (spec: PKT-50). One constant, because two would lock
/// a channel one day.
pub const WINDOW_MESSAGES: u64 = 1_024;

/// What one channel may hold, at either end, in bytes: 256 KiB, each message counted with [`MESSAGE_COST_BYTES`].
/// Everything from the oldest unacked message on counts, so an honest sender never overfills a receiver (spec: PKT-51).
pub const CHANNEL_QUEUE_BYTES_MAX: usize = 256 * 1_024;

/// What all channels of a connection may queue together, in bytes: 1 MiB.
pub const CONNECTION_QUEUE_BYTES_MAX: usize = 1_024 * 1_024;

/// What all connections of a server may queue together unless configured otherwise, in bytes: 256 MiB.
pub const SERVER_QUEUE_BYTES_MAX: usize = 256 * 1_024 * 1_024;

/// Added to each queued message's length: its place in the queue costs memory even when it is empty.
pub const MESSAGE_COST_BYTES: usize = 8;

/// Names a snapshot part to the sender; never on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PartId(pub u32);

/// What became of a snapshot part. Each part has exactly one outcome; an ack after [`PartOutcome::Lost`] is not told
/// (spec: PKT-55).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PartOutcome {
    /// The client has decoded and stored it.
    Acked,
    /// Its packet counts as lost.
    Lost,
    /// It never left: a newer tick replaced it, or the connection ended first.
    NotSent,
}

/// Why a message was not taken. The caller is at fault or must wait; nothing was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The channel's or the connection's queue is full; acks will make room.
    #[error("the queue is full")]
    Full,
    /// Longer than the channel allows.
    #[error("the message is longer than the channel allows")]
    TooLarge,
    /// The table has no such channel.
    #[error("there is no such channel")]
    NoSuchChannel,
    /// The call does not fit the channel's kind, or this version does not speak the kind yet.
    #[error("the channel is of another kind")]
    WrongKind,
    /// The peer's hello has not been accepted yet.
    #[error("the hello has not been accepted yet")]
    NotSpoken,
    /// The peer is silent: only what is reliable is kept for it.
    #[error("the peer is silent")]
    Silent,
    /// The connection is closing.
    #[error("the connection is closing")]
    Closing,
}
