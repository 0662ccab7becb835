//! How bytes get there: NETCODE 1.02 sessions, and inside their payload our own reliable-UDP packet layer.
//!
//! Two layers with one seam. The *session* layer ([`server`], [`client`]) is the public standard: tokens, challenge,
//! one seal per packet, keep-alives, disconnects. The *connection* layer ([`connection`]) lives inside its payloads:
//! acks, channels, messages. Neither reads a clock, a socket or the system's randomness: time, bytes and seeds come in
//! as arguments; bytes, events and the next deadline come out.
mod ack;
mod arena;
mod bucket;
pub mod challenge;
pub mod channel;
pub mod client;
pub mod connection;
mod counters;
mod cursor;
mod farewell;
#[doc(hidden)]
pub mod fuzz;
pub mod hello;
pub mod limits;
mod link;
pub mod liveness;
pub mod loss;
pub mod outer;
pub mod packet;
mod prefetch;
pub mod rate;
pub mod reason;
pub mod replay;
#[cfg(test)]
mod rig;
pub mod rtt;
pub mod seal;
mod sent;
pub mod sequence;
pub mod server;
#[cfg(test)]
mod states;
pub mod time;
pub mod token;
mod wheel;

pub use bucket::{BucketTable, Rate};
pub use channel::{BulkChunk, ChannelId, ChannelKind, ChannelSpec, ChannelTable, PartId, PartOutcome, SendError};
pub use client::{Client, ClientConfig, ClientEvent, ClientState};
pub use connection::{Connection, ConnectionConfig, ConnectionStats, LaneStats, Role, Sink};
pub use counters::Counters;
pub use hello::{Hello, HelloRefusal, HelloRules, INNER_VERSION};
pub use packet::PayloadError;
pub use prefetch::Prefetch;
pub use reason::{Reason, ReasonCounts};
pub use seal::{Backend, Key};
pub use server::{ConnectionId, Event, Server, ServerConfig, Transmit};
pub use time::Now;
pub use token::{ConnectToken, Mint, UserData};

#[cfg(test)]
#[global_allocator]
static COUNTING: counting::Counting = counting::Counting;
