//! Payloads and path packets as `protocol-spec/vectors/packets.txt` has them: a contract with clients that we did not
//! write. The file is never changed to make this test pass; a change is a new inner version.
use super::{AckField, Body, Frame, Packet, Side, Timing};
use crate::channel::{BULK, CONTROL, ChannelTable, EVENT, INPUT, SNAPSHOT};
use crate::hello::Hello;
use crate::outer::{self, DATAGRAM_BYTES_MAX};
use crate::reason::Reason;
use crate::seal::{Backend, Key, PacketKey};
use std::fmt::Write;

/// "THRONG" and a 1: the protocol id of the game (SES-2).
const PROTOCOL_ID: u64 = 0x5448_524F_4E47_0001;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Writes the payload, reads it back, and gives its line.
fn payload(name: &str, reader: Side, ack: Option<AckField>, frames: &[Frame<'_>]) -> String {
    let mut bytes = [0; 1_200];
    let mut body = Body::new(&mut bytes);
    AckField::encode(ack.as_ref(), &mut body);
    for frame in frames {
        frame.encode(&mut body);
    }
    let len = body.len();
    let packet = Packet::decode(&bytes[..len], &ChannelTable::GAME, reader).unwrap();
    assert_eq!(packet.ack, ack, "{name}");
    assert!(packet.frames(ChannelTable::GAME, reader).eq(frames.iter().copied()), "{name}");
    format!("{name} = {}", hex(&bytes[..len]))
}

fn headers() -> Vec<String> {
    let all = AckField { newest: 0x1234, mask: u128::MAX, timing: Some(Timing { delay: 7, arrival: 0xABCD }) };
    let untimed = AckField { timing: None, ..all };
    let cases = [
        ("nothing to ack", None),
        ("newest 0x1234, all 128 before it, delay 7, arrival 0xabcd", Some(all)),
        ("the same without timing", Some(untimed)),
        ("the same, 0x122a missing", Some(AckField { mask: !(1 << 9), ..untimed })),
        ("the same, the 128th before the newest missing", Some(AckField { mask: !(1 << 127), ..untimed })),
        (
            "none of the 128, delay 255",
            Some(AckField { mask: 0, timing: Some(Timing { delay: 255, arrival: 0 }), ..all }),
        ),
        ("newest 2, 1 missing, numbers below zero as received", Some(AckField { newest: 2, mask: !1, timing: None })),
    ];
    cases.into_iter().map(|(name, ack)| payload(&format!("header: {name}"), Side::Server, ack, &[])).collect()
}

fn payloads() -> Vec<String> {
    let channel_hash = ChannelTable::GAME.hash();
    let hello = Hello { version_min: 1, version_max: 2, channel_hash, motion_hash: 4, content_hash: 0 };
    let ack = AckField { newest: 0, mask: u128::MAX, timing: Some(Timing { delay: 2, arrival: 100 }) };
    let input = Frame::Unreliable { channel: INPUT, bytes: &[1, 2, 3] };
    let kicked = Frame::Close { code: Reason::Kicked.code(), text: "out" };
    let welcome = Frame::Reliable { channel: CONTROL, id: 0, bytes: &[0xAA] };
    let event = Frame::Reliable { channel: EVENT, id: 0xFFFF, bytes: b"e" };
    let long = [0x5A; 200];
    let part = Frame::Part { channel: SNAPSHOT, bytes: &long };
    let piece = Frame::Bulk { channel: BULK, id: 3, bytes: b"piece" };
    let window = Frame::Window { channel: BULK, read: 0x0001_0010 };
    vec![
        payload(
            "hello, versions 1 to 2, motion hash 4, content hash 0; input 010203",
            Side::Server,
            None,
            &[Frame::Hello(hello), input],
        ),
        payload(
            "accept version 1; path id 0x1122334455667788; control message 0 = aa",
            Side::Client,
            Some(ack),
            &[Frame::HelloAccept { version: 1 }, Frame::Path { id: 0x1122_3344_5566_7788 }, welcome],
        ),
        payload("event message 0xffff = 'e'; a part of 200 bytes 5a", Side::Client, Some(ack), &[event, part]),
        payload("bulk piece 3 = 'piece'", Side::Server, Some(ack), &[piece]),
        payload("window 0x10010 of the bulk channel; ping", Side::Server, Some(ack), &[window, Frame::Ping]),
        payload("close, kicked, 'out'", Side::Client, Some(ack), &[kicked]),
    ]
}

/// Path packets under the key 00 01 .. 1f.
fn paths() -> Vec<String> {
    let mut bytes = [0; 32];
    (0..).zip(&mut bytes).for_each(|(value, byte)| *byte = value);
    let line = |name: &str, sequence, said| {
        let mut datagrams = [Backend::Crate, Backend::AwsLc].map(|backend| {
            let mut buf = [0; DATAGRAM_BYTES_MAX];
            let key = PacketKey::new(&Key::new(bytes), backend);
            let len = outer::seal_path(&key, PROTOCOL_ID, 0x1122_3344_5566_7788, sequence, said, &mut buf);
            buf[..len].to_vec()
        });
        assert_eq!(datagrams[0], datagrams[1]);
        format!("{name} = {}", hex(&std::mem::take(&mut datagrams[0])))
    };
    vec![
        line("path packet, sequence 5, says nothing", 5, 0),
        line("path packet, sequence 300, says 0x0102030405060708", 300, 0x0102_0304_0506_0708),
    ]
}

/// proves: PKT-1, PKT-10, PKT-12, PKT-13, PKT-20, PKT-22, PKT-24, SES-16
#[test]
fn payloads_and_path_packets_agree_with_their_vectors() {
    let path = format!("{}/../../protocol-spec/vectors/packets.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let pinned: Vec<_> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let ours = [headers(), payloads(), paths()].concat();
    assert_eq!(ours, pinned, "\n{}", ours.join("\n"));
}
