//! The opened payload as a decoder sees it: one header, then frames, no state.

use super::TABLE;
use crate::ack::Elicits;
use crate::channel::ChannelTable;
use crate::packet::{AckField, Body, FRAMES_MAX, Frame, PAYLOAD_BYTES_MAX, Packet, Side, peek_hello};

/// The first byte chooses reader and channel table, the rest is the payload. There is one way to write a payload: what
/// decodes encodes to the same bytes.
pub fn body(bytes: &[u8]) {
    let Some((&head, payload)) = bytes.split_first() else { return };
    let side = if head & 1 == 0 { Side::Server } else { Side::Client };
    let table = if head & 2 == 0 { TABLE } else { ChannelTable::GAME };
    let peeked = peek_hello(payload);
    let Ok(packet) = Packet::decode(payload, &table, side) else { return };
    let mut buf = [0; PAYLOAD_BYTES_MAX];
    let mut again = Body::new(&mut buf);
    AckField::encode(packet.ack.as_ref(), &mut again);
    assert_eq!(again.len(), AckField::encoded_bytes(packet.ack.as_ref()));
    assert_eq!(packet.elicits() > Elicits::Nothing, payload.len() > again.len());
    let mut frames = 0;
    for frame in packet.frames(table, side) {
        let start = again.len();
        frame.encode(&mut again);
        assert_eq!(again.len() - start, frame.encoded_bytes());
        judge_frame(&frame, frames, &packet, &table);
        frames += 1;
    }
    assert!(frames <= FRAMES_MAX);
    let written = again.len();
    assert_eq!(&buf[..written], payload);
    assert!(!packet.has_hello || peeked.is_some(), "a hello that was read was not seen in front");
}

/// What is true of each frame that decodes.
fn judge_frame(frame: &Frame<'_>, index: usize, packet: &Packet<'_>, table: &ChannelTable) {
    let fits = |channel, bytes: &[u8]| table.spec(channel).is_some_and(|spec| bytes.len() <= spec.message_bytes_max);
    match *frame {
        Frame::Hello(hello) => assert!(index == 0 && packet.has_hello && hello.version_min <= hello.version_max),
        Frame::HelloAccept { .. } => assert!(packet.accept.is_some()),
        Frame::Close { text, .. } => assert!(text.len() <= crate::packet::CLOSE_TEXT_BYTES_MAX),
        Frame::Ping | Frame::Path { .. } => {}
        Frame::Window { channel, .. } => assert!(table.spec(channel).is_some()),
        Frame::Unreliable { channel, bytes }
        | Frame::Part { channel, bytes }
        | Frame::Reliable { channel, bytes, .. }
        | Frame::Sequenced { channel, bytes, .. }
        | Frame::Unordered { channel, bytes, .. }
        | Frame::Bulk { channel, bytes, .. } => assert!(fits(channel, bytes)),
        Frame::Fragment { channel, place, bytes, .. } => {
            assert!(fits(channel, bytes) && place.bytes() == Some(bytes.len()));
            assert!(usize::from(place.index) < place.fragments());
        }
    }
}
