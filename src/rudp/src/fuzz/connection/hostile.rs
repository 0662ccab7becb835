//! A peer behind the cipher that keeps no rule.

use super::{End, Pair};
use crate::channel::{BULK_CHUNK_BYTES_MAX, ChannelId, FRAGMENT_BYTES, Place};
use crate::connection::Connection;
use crate::fuzz::{GOSSIP, LATEST, LETTERS, STREAM, Script, TABLE, VIDEO};
use crate::packet::{AckField, Body, Frame, PAYLOAD_BYTES_MAX, Timing};
use std::sync::LazyLock;

/// A payload that is malformed behind a good beginning arrives at this end under a number of its own. Nothing of it may
/// be acted upon (spec: PKT-5): the model does not even hear of it.
pub(super) fn break_one(pair: &mut Pair, side: usize, script: &mut Script<'_>) {
    let number = pair.take_number(1 - side);
    let now_ns = pair.now_ns;
    let End { connection, ear, arriving, history, .. } = &mut pair.ends[side];
    let at = script.below(16);
    let mut payload = arriving.get(at).or_else(|| history.get(at)).map_or(vec![0], |(_, payload)| payload.clone());
    // No frame begins with this byte, and no header with that one.
    match script.u8() & 1 {
        0 if payload.len() < PAYLOAD_BYTES_MAX => payload.push(0xff),
        _ => payload[0] = 0xf0,
    }
    let before = *connection.stats();
    let held = |connection: &Connection| {
        let reliable = (connection.reliable_queued(), connection.reliable_early());
        (reliable, connection.reassembly_held(), connection.bulk_held())
    };
    let state = held(connection);
    let handled = connection.handle_payload(now_ns, number, &payload, ear);
    let is_ignored = connection.stats().unspoken_in > before.unspoken_in;
    assert!(handled.is_err() || is_ignored || !ear.is_honest, "{payload:02x?} is not malformed");
    assert_eq!(state, held(connection));
    assert!(ear.heard.is_empty(), "something of a malformed payload was delivered");
    assert_eq!((before.packets_acked, before.reliable_in), {
        let after = connection.stats();
        (after.packets_acked, after.reliable_in)
    });
}

/// A well-formed payload with whatever the script likes to say. From now on the model knows nothing.
pub(super) fn speak(pair: &mut Pair, side: usize, script: &mut Script<'_>) {
    let number = pair.take_number(1 - side);
    let now_ns = pair.now_ns;
    let lied_piece = &mut pair.lied_pieces[side];
    let End { connection, ear, .. } = &mut pair.ends[side];
    let mut buf = [0; PAYLOAD_BYTES_MAX];
    let mut body = Body::new(&mut buf);
    AckField::encode(ack(script).as_ref(), &mut body);
    let filler = [script.u8(); 1_024];
    for _ in 0..script.below(12) {
        let piece;
        let frame = match script.u8() % 7 {
            0 => Frame::Window { channel: STREAM, read: window(script) },
            1 | 2 => {
                piece = lie(script);
                Frame::Bulk { channel: STREAM, id: piece_number(lied_piece, script), bytes: &piece }
            }
            _ => frame(side, script, &filler),
        };
        if frame.encoded_bytes() <= body.room() {
            frame.encode(&mut body);
        }
    }
    let len = body.len();
    ear.is_honest = false;
    let _ = connection.handle_payload(now_ns, number, &buf[..len], ear);
    for refused in ear.refused.drain(..) {
        connection.refuse_packet(refused);
    }
    pair.compare(side);
}

fn ack(script: &mut Script<'_>) -> Option<AckField> {
    let mask = match script.u8() & 3 {
        0 => return None,
        1 => u128::MAX,
        2 => 0,
        _ => u128::from(script.u64()) << 64 | u128::from(script.u64()),
    };
    let timing = (script.u8() & 1 == 0).then(|| Timing { delay: script.u8(), arrival: script.u16() });
    Some(AckField { newest: script.u16(), mask, timing })
}

/// A frame that may travel to this end.
fn frame<'a>(side: usize, script: &mut Script<'_>, filler: &'a [u8; 1_024]) -> Frame<'a> {
    let (kind, id) = (script.u8() % 12, script.u16() & if script.u8() & 1 == 0 { 0xff } else { 0xffff });
    let bytes = &filler[..usize::from(script.u8())];
    let to_client = side == 0;
    match kind {
        0 => Frame::Ping,
        1 if to_client => Frame::Path { id: u64::from(id) },
        2 if to_client => Frame::HelloAccept { version: id & 3 },
        3 if to_client => Frame::Part { channel: crate::channel::SNAPSHOT, bytes },
        4 if script.u8() == 0 => Frame::Close { code: id as u8, text: "enough" },
        1..=5 => Frame::Reliable { channel: ChannelId((id & 1) as u8), id, bytes },
        6 => Frame::Unordered { channel: GOSSIP, id, bytes },
        7 => Frame::Sequenced { channel: LATEST, id, bytes },
        8 => Frame::Unreliable { channel: VIDEO, bytes },
        _ => fragment(kind, id, script, filler),
    }
}

fn fragment<'a>(kind: u8, id: u16, script: &mut Script<'_>, filler: &'a [u8; 1_024]) -> Frame<'a> {
    let channel = [LETTERS, GOSSIP, VIDEO][usize::from(kind % 3)];
    let place = Place { index: script.u8() & 63, size_less_one: script.u16().max(1_024) };
    let place = if place.bytes().is_some() { place } else { Place { index: 0, ..place } };
    let bytes = &filler[..place.bytes().unwrap_or(0)];
    debug_assert!(TABLE.spec(channel).is_some());
    Frame::Fragment { channel, reliable: channel != VIDEO, id, place, bytes }
}

/// As far as reading may have come, or not at all.
fn window(script: &mut Script<'_>) -> u32 {
    let read = u32::from(script.u16()) << (script.u8() & 15);
    if script.u8() & 1 == 0 { read } else { read.wrapping_neg() }
}

/// Mostly the number that is due if nothing honest was sent before.
fn piece_number(next: &mut u16, script: &mut Script<'_>) -> u16 {
    if script.u8() & 7 == 0 {
        return script.u16();
    }
    *next = next.wrapping_add(1);
    next.wrapping_sub(1)
}

/// A chunk of 16 KiB in a few bytes.
static PACKED: LazyLock<Vec<u8>> = LazyLock::new(|| lz4_flex::block::compress(&[7; BULK_CHUNK_BYTES_MAX]));

/// A piece: a whole chunk, the beginning of one, or bytes that are neither.
fn lie(script: &mut Script<'_>) -> Vec<u8> {
    let (raw, coded, body) = match script.u8() & 7 {
        0 | 1 => (BULK_CHUNK_BYTES_MAX as u16, 0x8000 | PACKED.len() as u16, PACKED.clone()),
        2 => {
            let bytes = script.u8();
            (u16::from(bytes), u16::from(bytes), vec![bytes; bytes.into()])
        }
        3 => (BULK_CHUNK_BYTES_MAX as u16, BULK_CHUNK_BYTES_MAX as u16, vec![3; FRAGMENT_BYTES - 4]),
        4 => (0x8000, 0, Vec::new()),
        5 => (script.u16(), script.u16(), vec![5; script.u8().into()]),
        // What may go on with a chunk that has begun.
        6 => return vec![6; FRAGMENT_BYTES],
        _ => return vec![script.u8(); script.u8().into()],
    };
    let raw = raw | if script.u8() & 3 == 0 { 0x8000 } else { 0 };
    [&raw.to_le_bytes()[..], &coded.to_le_bytes(), &body].concat()
}
