//! The one table of channels: who may send what, and the hash by which both ends know that they agree.

use super::bulk::BULK_CHUNK_BYTES_MAX;
use super::fragment::{FRAGMENT_BYTES, MESSAGE_BYTES_MAX};
use xxhash_rust::xxh3::xxh3_64;

/// Number of channels a table may hold: four bits of a frame's type byte name the channel (spec: PKT-20).
pub const CHANNELS_MAX: usize = 16;

/// Bytes of one snapshot part at most: leaves 173 B of a packet for the longest header and reliable messages beside it.
pub const SNAPSHOT_PART_BYTES_MAX: usize = 1_000;

/// Lanes, most urgent first: control, events, state, bulk (spec: PKT-60).
pub const LANES: usize = 4;

/// The lane of snapshot parts and unreliable messages, whatever the table says: reliable messages of lower lanes go
/// before them, those of higher lanes behind them.
pub const STATE_LANE: u8 = 2;

/// Names a channel: an index into the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(pub u8);

/// The channels of the game, by name; indices into [`ChannelTable::GAME`].
pub mod game {
    use super::ChannelId;

    /// Session control, answers to the player's commands; reliable and ordered, before everything else.
    pub const CONTROL: ChannelId = ChannelId(0);
    /// What happened in the world and must be told; reliable and ordered, behind control.
    pub const EVENT: ChannelId = ChannelId(1);
    /// What a player wants, once per client tick; unreliable, each message repeats the recent ones.
    pub const INPUT: ChannelId = ChannelId(2);
    /// What one client is told about a tick; each part rides in one packet and lives and dies with it.
    pub const SNAPSHOT: ChannelId = ChannelId(3);
    /// Large things that may take their time, in either direction; a stream behind everything else.
    pub const BULK: ChannelId = ChannelId(4);
}

/// How a channel delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelKind {
    /// Sent once in the next packet, or dropped.
    Unreliable,
    /// As unreliable, and a message older than one already delivered is dropped.
    Sequenced,
    /// Every message exactly once, in the order of sending.
    ReliableOrdered,
    /// Every message exactly once, in the order of arrival.
    ReliableUnordered,
    /// Snapshot parts, server to client only: sent once, and the sender is told what became of each.
    Snapshot,
    /// A stream in chunks under flow control, by calls of its own.
    Bulk,
}

impl ChannelKind {
    /// Every message arrives, resent until it is acked; a bulk channel has no messages of its own.
    #[must_use]
    pub const fn is_reliable(self) -> bool {
        matches!(self, Self::ReliableOrdered | Self::ReliableUnordered)
    }

    /// The byte that stands for the kind in the table's canonical form (spec: PKT-21).
    const fn code(self) -> u8 {
        match self {
            Self::Unreliable => 0,
            Self::Sequenced => 1,
            Self::ReliableOrdered => 2,
            Self::ReliableUnordered => 3,
            Self::Snapshot => 4,
            Self::Bulk => 5,
        }
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelSpec {
    /// For people and for the hash; at most 255 bytes.
    pub name: &'static str,
    /// How the channel delivers.
    pub kind: ChannelKind,
    /// Longest message in bytes; a longer one is refused to the sender and is malformed on arrival.
    pub message_bytes_max: usize,
    /// Below [`LANES`]; the lower lane is packed first.
    pub lane: u8,
}

/// The channels of a connection; the index is the [`ChannelId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelTable {
    specs: &'static [ChannelSpec],
}

impl ChannelTable {
    /// The channels of the game.
    pub const GAME: ChannelTable = ChannelTable::new(&[
        ChannelSpec { name: "control", kind: ChannelKind::ReliableOrdered, message_bytes_max: FRAGMENT_BYTES, lane: 0 },
        ChannelSpec { name: "event", kind: ChannelKind::ReliableOrdered, message_bytes_max: FRAGMENT_BYTES, lane: 1 },
        ChannelSpec { name: "input", kind: ChannelKind::Unreliable, message_bytes_max: 512, lane: 2 },
        ChannelSpec {
            name: "snapshot",
            kind: ChannelKind::Snapshot,
            message_bytes_max: SNAPSHOT_PART_BYTES_MAX,
            lane: 2,
        },
        ChannelSpec { name: "bulk", kind: ChannelKind::Bulk, message_bytes_max: BULK_CHUNK_BYTES_MAX, lane: 3 },
    ]);

    /// A table over `specs`.
    ///
    /// # Panics
    /// When there are more than [`CHANNELS_MAX`] rows, a name is longer than 255 bytes, or a message limit is above
    /// [`MESSAGE_BYTES_MAX`] (for sequenced channels [`FRAGMENT_BYTES`], for snapshot channels
    /// [`SNAPSHOT_PART_BYTES_MAX`], for bulk channels a chunk). In a `const` that is a build error.
    #[must_use]
    pub const fn new(specs: &'static [ChannelSpec]) -> Self {
        assert!(specs.len() <= CHANNELS_MAX, "more channels than four bits can name");
        let mut row = 0;
        while row < specs.len() {
            let spec = &specs[row];
            assert!(spec.name.len() <= 255, "channel name too long");
            assert!((spec.lane as usize) < LANES, "there are four lanes");
            let bytes_max = match spec.kind {
                ChannelKind::Snapshot => SNAPSHOT_PART_BYTES_MAX,
                ChannelKind::Sequenced => FRAGMENT_BYTES,
                ChannelKind::Bulk => BULK_CHUNK_BYTES_MAX,
                ChannelKind::Unreliable | ChannelKind::ReliableOrdered | ChannelKind::ReliableUnordered => {
                    MESSAGE_BYTES_MAX
                }
            };
            assert!(spec.message_bytes_max <= bytes_max, "messages of that kind are never so long");
            row += 1;
        }
        Self { specs }
    }

    /// The row of a channel, if there is one.
    #[must_use]
    pub fn spec(&self, channel: ChannelId) -> Option<&'static ChannelSpec> {
        self.specs.get(usize::from(channel.0))
    }

    /// The rows, in the order of their ids.
    #[must_use]
    pub const fn specs(&self) -> &'static [ChannelSpec] {
        self.specs
    }

    /// XXH3 (64 bit, seed 0) of the table's canonical bytes; sent in the hello and compared by the server
    /// (spec: PKT-21). Only session setup calls this: it allocates.
    #[must_use]
    pub fn hash(&self) -> u64 {
        xxh3_64(&self.canonical_bytes())
    }

    fn canonical_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (id, spec) in (0_u8..).zip(self.specs) {
            let name_bytes = u8::try_from(spec.name.len()).expect("checked at construction");
            let message_bytes_max = u32::try_from(spec.message_bytes_max).expect("checked at construction");
            bytes.extend_from_slice(&[id, name_bytes]);
            bytes.extend_from_slice(spec.name.as_bytes());
            bytes.push(spec.kind.code());
            bytes.extend_from_slice(&message_bytes_max.to_le_bytes());
            bytes.push(spec.lane);
        }
        bytes
    }
}

/// The game's channels but bulk, and behind them one of each kind that the game does not use.
#[cfg(test)]
pub(crate) mod every_kind {
    use super::{ChannelId, ChannelKind, ChannelSpec, ChannelTable, FRAGMENT_BYTES, MESSAGE_BYTES_MAX};

    pub(crate) const LATEST: ChannelId = ChannelId(4);
    pub(crate) const GOSSIP: ChannelId = ChannelId(5);
    pub(crate) const LETTERS: ChannelId = ChannelId(6);
    pub(crate) const VIDEO: ChannelId = ChannelId(7);
    pub(crate) const STREAM: ChannelId = ChannelId(8);

    const fn row(name: &'static str, kind: ChannelKind, message_bytes_max: usize) -> ChannelSpec {
        ChannelSpec { name, kind, message_bytes_max, lane: 3 }
    }

    const SPECS: &[ChannelSpec] = &[
        ChannelTable::GAME.specs[0],
        ChannelTable::GAME.specs[1],
        ChannelTable::GAME.specs[2],
        ChannelTable::GAME.specs[3],
        row("latest", ChannelKind::Sequenced, FRAGMENT_BYTES),
        row("gossip", ChannelKind::ReliableUnordered, MESSAGE_BYTES_MAX),
        row("letters", ChannelKind::ReliableOrdered, MESSAGE_BYTES_MAX),
        row("video", ChannelKind::Unreliable, MESSAGE_BYTES_MAX),
        row("stream", ChannelKind::Bulk, super::BULK_CHUNK_BYTES_MAX),
    ];

    pub(crate) const TABLE: ChannelTable = ChannelTable::new(SPECS);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_games_table_hashes_to_the_published_value() {
        // proves: PKT-21. A change here breaks every client in the field: it is a new content of the hello.
        assert_eq!(ChannelTable::GAME.hash(), GAME_HASH, "{:#018x}", ChannelTable::GAME.hash());
    }

    /// As printed in protocol-spec/packets.md.
    const GAME_HASH: u64 = 0xa3a7_aafa_66ae_2e77;

    #[test]
    fn every_column_reaches_the_hash() {
        const ROW: ChannelSpec =
            ChannelSpec { name: "a", kind: ChannelKind::Unreliable, message_bytes_max: 10, lane: 0 };
        const TABLES: [ChannelTable; 6] = [
            ChannelTable::new(&[ROW]),
            ChannelTable::new(&[ChannelSpec { name: "b", ..ROW }]),
            ChannelTable::new(&[ChannelSpec { kind: ChannelKind::Bulk, ..ROW }]),
            ChannelTable::new(&[ChannelSpec { message_bytes_max: 11, ..ROW }]),
            ChannelTable::new(&[ChannelSpec { lane: 1, ..ROW }]),
            ChannelTable::new(&[ROW, ROW]),
        ];
        let mut hashes: Vec<u64> = TABLES.iter().map(ChannelTable::hash).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), TABLES.len());
    }

    #[test]
    fn the_named_channels_are_the_rows_they_claim_to_be() {
        let name = |id| ChannelTable::GAME.spec(id).map(|spec| spec.name);
        assert_eq!(name(game::CONTROL), Some("control"));
        assert_eq!(name(game::EVENT), Some("event"));
        assert_eq!(name(game::INPUT), Some("input"));
        assert_eq!(name(game::SNAPSHOT), Some("snapshot"));
        assert_eq!(name(game::BULK), Some("bulk"));
        assert_eq!(name(ChannelId(5)), None);
    }
}
