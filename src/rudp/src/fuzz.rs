//! Bodies of the fuzz targets in `fuzz/`: compiled with the library so that they cannot rot, and run over their corpus by
//! the tests. Each takes any bytes and must return; what it asserts holds for every input.
//!
//! | target | what it attacks | what it holds against |
//! |---|---|---|
//! | [`token`] | public token, private part, user data, minting | encoding again gives the same bytes |
//! | [`outer`] | the outer packet of each type, sealed and unsealed | a model of the order of the checks |
//! | [`datagrams`] | a server that knows nobody, by strangers | no answer larger than its question |
//! | [`body`] | the opened payload: header and frames, no state | encoding again gives the same bytes |
//! | [`payloads`] | a connection of either role, by opened payloads | each part has one fate, lengths are kept |
//! | [`fragments`] | windows and reassembly, by fragments behind the cipher | a model of what was accepted |
//! | [`connection`] | two connections with a scripted link between them | a model of what was sent |
//! | [`sessions`] | a live session behind the cipher: moves, replays, silence | the rules of life cycle |
//! | [`endpoints`] | a server and its clients, tokens and ciphers included | a model of what was sent |
//!
//! The first five are decoders: short inputs, no state worth the name. The others read their input as a script
//! ([`Script`]) of at least [`OPERATIONS_MIN`] operations.

mod body;
mod connection;
mod endpoints;
mod fragments;
mod outer;
mod script;
mod sessions;
mod strangers;
mod token;

pub use body::body;
pub use connection::connection;
pub use endpoints::endpoints;
pub use fragments::fragments;
pub use outer::outer;
pub use script::{OPERATIONS_MAX, OPERATIONS_MIN, Script};
pub use sessions::sessions;
pub use strangers::{datagrams, payloads};
pub use token::token;

use crate::channel::{
    BULK_CHUNK_BYTES_MAX, ChannelId, ChannelKind, ChannelSpec, ChannelTable, FRAGMENT_BYTES, MESSAGE_BYTES_MAX,
};

/// The game's channels but bulk, behind them one of each kind that the game does not use, and bulk.
const TABLE: ChannelTable = ChannelTable::new(SPECS);

const SPECS: &[ChannelSpec] = &[
    ChannelTable::GAME.specs()[0],
    ChannelTable::GAME.specs()[1],
    ChannelTable::GAME.specs()[2],
    ChannelTable::GAME.specs()[3],
    row("latest", ChannelKind::Sequenced, FRAGMENT_BYTES),
    row("gossip", ChannelKind::ReliableUnordered, MESSAGE_BYTES_MAX),
    row("letters", ChannelKind::ReliableOrdered, MESSAGE_BYTES_MAX),
    row("video", ChannelKind::Unreliable, MESSAGE_BYTES_MAX),
    row("stream", ChannelKind::Bulk, BULK_CHUNK_BYTES_MAX),
];

const LATEST: ChannelId = ChannelId(4);
const GOSSIP: ChannelId = ChannelId(5);
const LETTERS: ChannelId = ChannelId(6);
const VIDEO: ChannelId = ChannelId(7);
const STREAM: ChannelId = ChannelId(8);

const fn row(name: &'static str, kind: ChannelKind, message_bytes_max: usize) -> ChannelSpec {
    ChannelSpec { name, kind, message_bytes_max, lane: 3 }
}
