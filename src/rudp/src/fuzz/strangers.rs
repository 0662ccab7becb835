//! Bytes from strangers, and opened payloads from a peer that keeps no rule.

use crate::channel::{BULK, BULK_WINDOW_BYTES, CONTROL, ChannelId, ChannelTable, PartId, PartOutcome};
use crate::connection::{Connection, ConnectionConfig, Role, Sink};
use crate::hello::{Hello, HelloRefusal, HelloRules, INNER_VERSION};
use crate::outer::DATAGRAM_BYTES_MAX;
use crate::reason::Reason;
use crate::seal::Key;
use crate::server::{Server, ServerConfig};
use crate::time::{NS_PER_S, Now};
use std::net::SocketAddr;

pub(super) const RULES: HelloRules =
    HelloRules { versions: INNER_VERSION..=INNER_VERSION, channel_hash: 0, motion_hash: 1, content_hash: 2 };

/// Datagrams, each behind its length in two bytes, from one address to a server that knows nobody. It answers nothing
/// larger than what it got and lets nobody in.
pub fn datagrams(bytes: &[u8]) {
    let now = Now { mono_ns: NS_PER_S, unix_s: 1_800_000_000 };
    let from = SocketAddr::from(([192, 0, 2, 1], 5_000));
    let public = SocketAddr::from(([192, 0, 2, 2], 7_777));
    let mut config = ServerConfig::new(7, Key::new([7; 32]), public, RULES, [1; 32]);
    config.connections_max = 4;
    let Ok(mut server) = Server::new(config, now) else { return };
    let mut buf = [0; DATAGRAM_BYTES_MAX];
    for piece in pieces(bytes) {
        let mut datagram = piece.to_vec();
        server.handle_datagram(now, from, &mut datagram);
        while let Some(transmit) = server.poll_transmit(now, &mut buf) {
            assert!(transmit.len <= piece.len(), "an answer larger than its question");
        }
        assert!(server.poll_event().is_none(), "a stranger without a token was let in");
    }
}

/// Opened payloads, each behind its length in two bytes, in ascending numbers, to a live connection of either role that
/// has said something itself: the layer behind the cipher.
pub fn payloads(bytes: &[u8]) {
    let hello = Hello {
        version_min: INNER_VERSION,
        version_max: INNER_VERSION,
        channel_hash: ChannelTable::GAME.hash(),
        motion_hash: 1,
        content_hash: 2,
    };
    let rules = HelloRules { channel_hash: hello.channel_hash, ..RULES };
    for role in [Role::Client(hello), Role::Server(rules)] {
        let mut connection = Connection::new(0, role, &ConnectionConfig::default());
        let mut sink = Watch::default();
        let mut buf = [0; 1_200];
        let mut out = 0;
        for (number, piece) in (0_u64..).zip(pieces(bytes)) {
            let now_ns = number * (NS_PER_S / 60);
            let _ = connection.handle_payload(now_ns, number, piece, &mut sink);
            connection.handle_timeout(now_ns, &mut sink);
            connection.on_tick_edge(now_ns);
            let _ = connection.send(CONTROL, &[1, 2, 3]);
            let _ = connection.send_bulk(BULK, &[4, 5, 6]);
            assert!(connection.bulk_held() <= BULK_WINDOW_BYTES as usize);
            if number % 3 == 0 {
                while connection.read_bulk(BULK).is_some() {}
            }
            if connection.send_snapshot(PartId(out as u32), &[9; 40]).is_ok() {
                sink.parts_sent += 1;
            }
            while let Some(len) = connection.poll_payload(now_ns, out, &mut buf) {
                assert!((1..=1_200).contains(&len));
                out += 1;
            }
        }
        connection.abandon_parts(&mut sink);
        assert_eq!(sink.parts_decided, sink.parts_sent, "each part has exactly one fate");
    }
}

#[derive(Default)]
struct Watch {
    parts_sent: u64,
    parts_decided: u64,
}

impl Sink for Watch {
    fn on_hello(&mut self, _hello: &Hello, _version: u16) {}
    fn on_hello_refused(&mut self, _hello: &Hello, _refusal: HelloRefusal) {}
    fn on_hello_accepted(&mut self, _version: u16) {}
    fn on_message(&mut self, _sequence: u64, channel: ChannelId, bytes: &[u8]) {
        assert!(ChannelTable::GAME.spec(channel).is_some_and(|spec| bytes.len() <= spec.message_bytes_max));
    }
    fn on_part(&mut self, _part: PartId, _outcome: PartOutcome) {
        self.parts_decided += 1;
    }
    fn on_close(&mut self, _reason: Reason, _text: &str) {}
}

/// Cuts at lengths of two bytes, little-endian, as far as the bytes reach.
fn pieces(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (head, rest) = bytes.split_first_chunk::<2>()?;
        let (piece, rest) = rest.split_at(usize::from(u16::from_le_bytes(*head)).min(rest.len()));
        bytes = rest;
        Some(piece)
    })
}
