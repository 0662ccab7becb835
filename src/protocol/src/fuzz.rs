//! Bodies of the fuzz targets in `fuzz/`: compiled with the library so that they cannot rot, and run over their corpus by
//! the tests. Each takes any bytes and must return; what it asserts holds for every input.

use crate::bits::{BitReader, BitWriter};
use crate::codec;
use crate::input::{INPUT_MESSAGE_BYTES_MAX, InputMessage};
use crate::message::{ClientMessage, ServerMessage};
use crate::snapshot::{Baseline, PartReader, RecordBody, decode_delta, encode_delta};
use crate::{EntityKind, EntityState, Orientation, Tick};

/// A snapshot part, read to its end or its first error. Slots take turns among the kinds.
pub fn part(bytes: &[u8]) {
    let kind_of = |slot: u16| EntityKind::ALL[usize::from(slot) % EntityKind::ALL.len()];
    let Ok(mut reader) = PartReader::new(bytes, Tick(70_000)) else { return };
    let announced = reader.header().records;
    let mut read = 0;
    while let Ok(Some(record)) = reader.next_record() {
        read += 1;
        let whole = match record.body {
            RecordBody::Delta { ages } => {
                assert!(ages.ticks().all(|age| (1..64).contains(&age)), "no baseline is that old: {ages:?}");
                let Some(baseline) = Baseline::gather(ages, |age| Some(state_of(kind_of(record.slot), age))) else {
                    return;
                };
                let state = reader.state_delta(&baseline);
                state.is_ok_and(|state| is_told_alike(&state, &baseline))
            }
            RecordBody::Refresh => reader.state_full(kind_of(record.slot)).is_ok(),
            RecordBody::Enter { kind, .. } => reader.state_full(kind).is_ok(),
            RecordBody::Leave { .. } => true,
        };
        if !whole {
            return;
        }
    }
    assert!(read <= announced, "{read} records of {announced}");
}

/// Something on its way, some ticks ago.
fn state_of(kind: EntityKind, age: u8) -> EntityState {
    let way = i32::from(age) * 33;
    let state = EntityState { x: 480_000 - way, y: 470_000 + way / 2, z: 3, kind, ..EntityState::default() };
    match kind {
        EntityKind::Player | EntityKind::Mob => {
            EntityState { yaw: 4_000 + u16::from(age), pitch: 5, flags: 1, ..state }
        }
        EntityKind::Projectile => EntityState { yaw: 4_000, pitch: 5, ..state },
        EntityKind::Item => EntityState { yaw: u16::from(age), ..state }.with_form(60_000),
        EntityKind::Body => state.with_orientation(Orientation::new(2, [500 + i32::from(age), -7, i32::from(age)])),
    }
}

/// What was read as a difference can be told as one, and is read alike.
fn is_told_alike(state: &EntityState, baseline: &Baseline) -> bool {
    let Some(run) = encode_delta(state, baseline) else { panic!("{state:?} was read but cannot be told") };
    let mut buf = [0; 16];
    let mut writer = BitWriter::new(&mut buf);
    writer.put_run(run);
    let len = writer.finish();
    let again = decode_delta(&mut BitReader::new(buf.get(..len).unwrap_or_default()), baseline);
    assert_eq!(again.as_ref(), Ok(state));
    true
}

/// An input message: what decodes must encode to something that decodes alike.
pub fn input(bytes: &[u8]) {
    let Ok(message) = InputMessage::decode(bytes) else { return };
    let mut buf = [0; INPUT_MESSAGE_BYTES_MAX];
    let len = message.encode(&mut buf);
    assert_eq!(InputMessage::decode(&buf[..len]), Ok(message));
}

/// A reliable message of either direction: what decodes must encode to something that decodes alike.
pub fn message(bytes: &[u8]) {
    let mut buf = Vec::new();
    if let Ok(message) = codec::decode::<ClientMessage>(bytes) {
        codec::encode(&message, &mut buf);
        assert!(codec::decode::<ClientMessage>(&buf).is_ok_and(|again| again == message));
    }
    if let Ok(message) = codec::decode::<ServerMessage>(bytes) {
        codec::encode(&message, &mut buf);
        assert!(codec::decode::<ServerMessage>(&buf).is_ok_and(|again| again == message));
    }
}
