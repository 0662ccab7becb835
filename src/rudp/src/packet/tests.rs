#![allow(clippy::arithmetic_side_effects)]

use super::*;
use crate::channel::every_kind::{self, GOSSIP, LATEST, LETTERS, STREAM, VIDEO};
use crate::channel::{CONTROL, EVENT, INPUT, Place, SNAPSHOT};
use crate::hello::Hello;
use crate::reason::Reason;
use proptest::prelude::*;

const TABLE: ChannelTable = every_kind::TABLE;

fn encode(ack: Option<&AckField>, frames: &[Frame<'_>]) -> Vec<u8> {
    let mut bytes = vec![0; 64 * 1_024];
    let mut body = Body::new(&mut bytes);
    AckField::encode(ack, &mut body);
    assert_eq!(body.len(), AckField::encoded_bytes(ack));
    for frame in frames {
        let before = body.len();
        frame.encode(&mut body);
        assert_eq!(body.len() - before, frame.encoded_bytes());
    }
    let len = body.len();
    bytes.truncate(len);
    bytes
}

fn decode(payload: &[u8], side: Side) -> Result<(Option<AckField>, Vec<Frame<'_>>), PayloadError> {
    let packet = Packet::decode(payload, &TABLE, side)?;
    Ok((packet.ack, packet.frames(TABLE, side).collect()))
}

fn steady() -> AckField {
    AckField { newest: 0x1234, mask: u128::MAX, timing: Some(Timing { delay: 7, arrival: 0xABCD }) }
}

fn hello() -> Hello {
    Hello { version_min: 1, version_max: 2, channel_hash: 3, motion_hash: 4, content_hash: 5 }
}

#[test]
fn the_header_has_its_published_bytes() {
    // proves: PKT-10, PKT-11, PKT-12, PKT-13
    assert_eq!(encode(None, &[]), [0]);
    assert_eq!(encode(Some(&steady()), &[]), [0b1001, 0x34, 0x12, 7, 0xCD, 0xAB]);
    let holes = AckField { mask: !(1 << 9), timing: None, ..steady() };
    assert_eq!(encode(Some(&holes), &[]), [0b0011, 0x34, 0x12, 0b10, 0b1111_1101]);
    let far = AckField { mask: !(1 << 127), timing: None, ..steady() };
    assert_eq!(encode(Some(&far), &[]), [0b0101, 0x34, 0x12, 0x00, 0x80, 0x7F]);
    let longest = AckField { mask: 0, ..steady() };
    assert_eq!(encode(Some(&longest), &[]).len(), HEADER_BYTES_MAX);
}

#[test]
fn the_frames_have_their_published_bytes() {
    // proves: PKT-20, PKT-22, PKT-80, PKT-83, PKT-24, PKT-28, PKT-30, PKT-32, PKT-33, PKT-71
    let mut introduction = vec![0, 0x01, 1, 0, 2, 0];
    for hash in [3_u64, 4, 5] {
        introduction.extend_from_slice(&hash.to_le_bytes());
    }
    assert_eq!(encode(None, &[Frame::Hello(hello())]), introduction);
    assert_eq!(encode(None, &[Frame::HelloAccept { version: 0x0102 }]), [0, 0x02, 0x02, 0x01]);
    let close = Frame::Close { code: Reason::Kicked.code(), text: "so" };
    assert_eq!(encode(None, &[close]), [0, 0x03, 3, 2, b's', b'o']);
    assert_eq!(encode(None, &[Frame::Ping]), [0, 0x04]);
    assert_eq!(encode(None, &[Frame::Unreliable { channel: INPUT, bytes: b"in" }]), [0, 0x12, 2, b'i', b'n']);
    let reliable = Frame::Reliable { channel: EVENT, id: 0x0A0B, bytes: b"e" };
    assert_eq!(encode(None, &[reliable]), [0, 0x21, 0x0B, 0x0A, 1, b'e']);
    assert_eq!(encode(None, &[Frame::Part { channel: SNAPSHOT, bytes: &[9] }]), [0, 0x33, 1, 9]);
    let latest = Frame::Sequenced { channel: LATEST, id: 0x0A0B, bytes: b"l" };
    assert_eq!(encode(None, &[latest]), [0, 0x64, 0x0B, 0x0A, 1, b'l']);
    let gossip = Frame::Unordered { channel: GOSSIP, id: 0x0A0B, bytes: b"g" };
    assert_eq!(encode(None, &[gossip]), [0, 0x75, 0x0B, 0x0A, 1, b'g']);
    let place = Place { index: 2, size_less_one: 2_049 };
    let fragment = |channel, reliable| Frame::Fragment { channel, reliable, id: 0x0A0B, place, bytes: b"ft" };
    assert_eq!(encode(None, &[fragment(LETTERS, true)]), [0, 0x46, 0x0B, 0x0A, 2, 0x01, 0x08, b'f', b't']);
    assert_eq!(encode(None, &[fragment(VIDEO, false)]), [0, 0x57, 0x0B, 0x0A, 2, 0x01, 0x08, b'f', b't']);
    let piece = Frame::Bulk { channel: STREAM, id: 0x0A0B, bytes: b"p" };
    assert_eq!(encode(None, &[piece]), [0, 0x88, 0x0B, 0x0A, 1, b'p']);
    let window = Frame::Window { channel: STREAM, read: 0x0102_0304 };
    assert_eq!(encode(None, &[window]), [0, 0x06, 8, 4, 3, 2, 1]);
    let long = [5; 1_000];
    assert_eq!(encode(None, &[Frame::Part { channel: SNAPSHOT, bytes: &long }])[..5], [0, 0x33, 0x83, 0xE8, 5]);
}

#[test]
fn malformed_payloads_are_named() {
    // proves: PKT-2, PKT-4, PKT-6, PKT-10, PKT-12, PKT-20, PKT-22, PKT-23, PKT-30
    let cases: &[(&[u8], Side, PayloadError)] = &[
        (&[], Side::Server, PayloadError::Empty),
        (&[0; 1_201], Side::Server, PayloadError::TooLong),
        (&[0x10], Side::Server, PayloadError::ReservedFlags(0x10)),
        (&[0x02], Side::Server, PayloadError::ReservedFlags(0x02)),
        (&[0x08], Side::Server, PayloadError::ReservedFlags(0x08)),
        (&[0x07, 1, 0, 0], Side::Server, PayloadError::ReservedFlags(0x07)),
        (&[0x03, 1, 0, 0], Side::Server, PayloadError::NotShortest),
        (&[0x03, 1, 0, 1, 0xFF], Side::Server, PayloadError::NotShortest),
        (&[0x05, 1, 0, 1, 0, 0], Side::Server, PayloadError::NotShortest),
        (&[0x01, 1], Side::Server, PayloadError::Truncated),
        (&[0, 0x00], Side::Server, PayloadError::UnknownFrame(0x00)),
        (&[0, 0x06], Side::Server, PayloadError::Truncated),
        (&[0, 0x06, 8, 1, 2, 3], Side::Server, PayloadError::Truncated),
        (&[0, 0x06, 0, 1, 2, 3, 4], Side::Server, PayloadError::WrongKind(0)),
        (&[0, 0x06, 9, 1, 2, 3, 4], Side::Server, PayloadError::NoSuchChannel(9)),
        (&[0, 0x07], Side::Server, PayloadError::UnknownFrame(0x07)),
        (&[0, 0x80], Side::Server, PayloadError::WrongKind(0)),
        (&[0, 0x90], Side::Server, PayloadError::UnknownFrame(0x90)),
        (&[0, 0x88, 0, 0, 0x84, 0x01], Side::Server, PayloadError::MessageTooLong(8)),
        (&[0, 0x4F], Side::Server, PayloadError::NoSuchChannel(15)),
        (&[0, 0x47, 0, 0, 0, 0, 4, 1], Side::Server, PayloadError::WrongKind(7)),
        (&[0, 0x56, 0, 0, 0, 0, 4, 1], Side::Server, PayloadError::WrongKind(6)),
        (&[0, 0x54, 0, 0, 0, 0, 4, 1], Side::Server, PayloadError::WrongKind(4)),
        (&[0, 0x40, 0, 0, 1, 0, 4, 1], Side::Server, PayloadError::MessageTooLong(0)),
        (&[0, 0x46, 0, 0, 0, 0xFF, 3, 1], Side::Server, PayloadError::BadFragment(6)),
        (&[0, 0x46, 0, 0, 2, 0xFF, 7, 1], Side::Server, PayloadError::BadFragment(6)),
        (&[0, 0x46, 0, 0, 64, 0xFF, 0xFF, 1], Side::Server, PayloadError::BadFragment(6)),
        (&[0, 0x46, 0, 0, 0, 0, 4, 1], Side::Server, PayloadError::Truncated),
        (&[0, 0x46, 0, 0, 1, 1, 4, 1], Side::Server, PayloadError::Truncated),
        (&[0, 0xFF], Side::Server, PayloadError::UnknownFrame(0xFF)),
        (&[0, 0x1F, 0], Side::Server, PayloadError::NoSuchChannel(15)),
        (&[0, 0x10, 0], Side::Server, PayloadError::WrongKind(0)),
        (&[0, 0x22, 0, 0, 0], Side::Server, PayloadError::WrongKind(2)),
        (&[0, 0x33, 0], Side::Server, PayloadError::WrongDirection(0x33)),
        (&[0, 0x02, 1, 0], Side::Server, PayloadError::WrongDirection(0x02)),
        (&[0, 0x01], Side::Client, PayloadError::WrongDirection(0x01)),
        (&[0, 0x12, 0x80, 0x05], Side::Server, PayloadError::NotShortest),
        (&[0, 0x12, 0x82, 0x01], Side::Server, PayloadError::MessageTooLong(2)),
        (&[0, 0x12, 2, 0], Side::Server, PayloadError::Truncated),
        (&[0, 0x03, 0, 65], Side::Server, PayloadError::BadCloseText),
        (&[0, 0x03, 0, 1, 0xC0], Side::Server, PayloadError::BadCloseText),
        (&[0; 2], Side::Server, PayloadError::UnknownFrame(0)),
    ];
    for (payload, side, error) in cases {
        assert_eq!(decode(payload, *side).expect_err("malformed"), *error, "{payload:?}");
    }
}

#[test]
fn a_hello_is_in_front_and_its_versions_ascend() {
    // proves: PKT-24
    let late = encode(None, &[Frame::Ping, Frame::Hello(hello())]);
    assert_eq!(decode(&late, Side::Server), Err(PayloadError::BadHello));
    let twice = encode(None, &[Frame::Hello(hello()), Frame::Hello(hello())]);
    assert_eq!(decode(&twice, Side::Server), Err(PayloadError::BadHello));
    let reversed = encode(None, &[Frame::Hello(Hello { version_min: 3, ..hello() })]);
    assert_eq!(decode(&reversed, Side::Server), Err(PayloadError::BadHello));
    assert_eq!(peek_hello(&reversed), None);
}

#[test]
fn a_hello_is_found_in_front_of_frames_of_another_version() {
    // proves: PKT-24
    let mut payload = encode(Some(&steady()), &[Frame::Hello(hello())]);
    payload.extend_from_slice(&[0xEE, 0xEE]);
    assert_eq!(peek_hello(&payload), Some(hello()));
    assert_eq!(decode(&payload, Side::Server), Err(PayloadError::UnknownFrame(0xEE)));
    assert_eq!(peek_hello(&[0, 0x04]), None);
}

#[test]
fn sixty_four_frames_pass_and_one_more_does_not() {
    // proves: PKT-4
    let frames = [Frame::Ping; 65];
    assert_eq!(decode(&encode(None, &frames[..64]), Side::Client).expect("fits").1.len(), 64);
    assert_eq!(decode(&encode(None, &frames), Side::Client), Err(PayloadError::TooManyFrames));
}

fn any_ack() -> impl Strategy<Value = AckField> {
    let mask = prop_oneof![
        any::<u128>(),
        (0..128_u32).prop_map(|bit| !(1_u128 << bit)),
        (0..128_u32, 0..128_u32).prop_map(|(a, b)| !((1 << a) | (1 << b))),
        (0..128_u32).prop_map(|shift| u128::MAX >> shift),
        Just(u128::MAX),
        Just(0),
    ];
    let timing = proptest::option::of((any::<u8>(), any::<u16>()));
    (any::<u16>(), mask, timing).prop_map(|(newest, mask, timing)| AckField {
        newest,
        mask,
        timing: timing.map(|(delay, arrival)| Timing { delay, arrival }),
    })
}

/// What a server may receive: (kind, id, bytes) to be turned into frames that borrow from it.
fn any_frames() -> impl Strategy<Value = Vec<(u8, u16, Vec<u8>)>> {
    proptest::collection::vec((0..11_u8, any::<u16>(), proptest::collection::vec(any::<u8>(), 0..200)), 0..5)
}

fn frame_of((kind, id, bytes): &(u8, u16, Vec<u8>)) -> Frame<'_> {
    match kind {
        0 => Frame::Ping,
        1 => Frame::Close { code: id.to_le_bytes()[0], text: "the end" },
        2 => Frame::Unreliable { channel: INPUT, bytes },
        3 => Frame::Reliable { channel: CONTROL, id: *id, bytes },
        4 => Frame::Sequenced { channel: LATEST, id: *id, bytes },
        5 => Frame::Unordered { channel: GOSSIP, id: *id, bytes },
        6 | 7 => {
            // The last fragment may have any length.
            let index = u8::try_from(1 + id % 60).expect("small");
            let size_less_one = u16::from(index) * 1_024 + u16::try_from(bytes.len()).expect("small");
            let place = Place { index, size_less_one: size_less_one.saturating_sub(1) };
            let reliable = *kind == 6;
            match place.bytes() {
                Some(len) if len == bytes.len() => {
                    let channel = if reliable { LETTERS } else { VIDEO };
                    Frame::Fragment { channel, reliable, id: *id, place, bytes }
                }
                _ => Frame::Ping,
            }
        }
        8 => Frame::Bulk { channel: STREAM, id: *id, bytes },
        9 => Frame::Window { channel: STREAM, read: u32::from(*id) << 7 },
        _ => Frame::Reliable { channel: EVENT, id: *id, bytes },
    }
}

proptest! {
    #[test]
    fn headers_and_frames_come_back_as_written(ack in proptest::option::of(any_ack()), parts in any_frames()) {
        let frames: Vec<Frame<'_>> = parts.iter().map(frame_of).collect();
        let payload = encode(ack.as_ref(), &frames);
        prop_assert_eq!(decode(&payload, Side::Server), Ok((ack, frames)));
    }

    #[test]
    fn every_truncation_is_an_error_or_a_valid_shorter_packet(ack in proptest::option::of(any_ack()), parts in any_frames()) {
        // proves: PKT-5
        let frames: Vec<Frame<'_>> = parts.iter().map(frame_of).collect();
        let payload = encode(ack.as_ref(), &frames);
        for len in 0..payload.len() {
            if let Ok((shorter_ack, shorter)) = decode(&payload[..len], Side::Server) {
                prop_assert_eq!(shorter_ack, ack);
                prop_assert_eq!(&shorter[..], &frames[..shorter.len()]);
            }
        }
    }

    #[test]
    fn what_decodes_is_what_would_have_been_written(payload in proptest::collection::vec(any::<u8>(), 0..80)) {
        // proves: PKT-5: one value, one form.
        for side in [Side::Client, Side::Server] {
            if let Ok((ack, frames)) = decode(&payload, side) {
                prop_assert_eq!(&encode(ack.as_ref(), &frames), &payload);
            }
        }
    }
}
