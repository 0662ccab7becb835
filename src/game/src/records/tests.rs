#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use super::*;
use crate::effects::EFFECTS_MAX;
use crate::growth::SKILLS_MAX;
use crate::lasting::{ITEM_COOLDOWNS_MAX, LastingEffect};
use proptest::prelude::*;
use protocol::{EffectId, ItemKind, SkillId};

const SAMPLE: PlayerRecord = PlayerRecord { x: 0x0102_0304, y: 7, z: 256, yaw: 4_095, pitch: 1, life: None };

fn living(lasting: Lasting) -> PlayerRecord {
    PlayerRecord { life: Some(Life { health: 258, mana: 7, is_dead: true, lasting }), ..SAMPLE }
}

fn full() -> Lasting {
    let effect = LastingEffect {
        effect: EffectId(5),
        is_own: true,
        stacks: 2,
        ticks: 300,
        next_ticks: 1,
        absorbs: 9,
        level: 30,
        force: [1, -1, 2, 3],
    };
    Lasting {
        global_ticks: 60,
        locked_ticks: 2,
        skills: (0..SKILLS_MAX as u16).map(|skill| (SkillId(skill), 4)).collect(),
        items: (0..ITEM_COOLDOWNS_MAX as u16).map(|kind| (ItemKind(kind), 5)).collect(),
        effects: [effect; EFFECTS_MAX].into_iter().collect(),
    }
}

fn bytes_of(record: &PlayerRecord) -> Vec<u8> {
    let mut bytes = Vec::new();
    record.to_bytes(&mut bytes);
    bytes
}

const PLACE: [u8; 16] = [4, 3, 2, 1, 7, 0, 0, 0, 0, 1, 0, 0, 255, 15, 1, 0];
const LIFE: [u8; 9] = [2, 1, 0, 0, 7, 0, 0, 0, 1];

/// Contracts: these bytes lie in databases.
#[test]
fn the_bytes_of_version_1_are_pinned() {
    let pinned = [&[1, 0][..], &PLACE].concat();
    assert_eq!(bytes_of(&SAMPLE), pinned);
    assert_eq!(PlayerRecord::from_bytes(&pinned), Ok(SAMPLE));
}

#[test]
fn a_record_of_version_2_is_read_as_of_somebody_on_whom_nothing_lasts() {
    let pinned = [&[2, 0][..], &PLACE, &LIFE].concat();
    assert_eq!(PlayerRecord::from_bytes(&pinned), Ok(living(Lasting::default())));
}

#[test]
fn the_bytes_of_version_3_are_pinned() {
    let mut lasting = full();
    lasting.skills.truncate(1);
    lasting.items.truncate(1);
    lasting.effects.truncate(1);
    let times = [60, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 4, 0, 0, 0, 1, 0, 0, 5, 0, 0, 0];
    let effect = [1, 5, 0, 1, 2, 44, 1, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 30];
    let force = [1, 0, 0, 0, 255, 255, 255, 255, 2, 0, 0, 0, 3, 0, 0, 0];
    let pinned = [&[3, 0][..], &PLACE, &LIFE, &times, &effect, &force].concat();
    assert_eq!(bytes_of(&living(lasting.clone())), pinned);
    assert_eq!(PlayerRecord::from_bytes(&pinned), Ok(living(lasting)));
}

#[test]
fn a_record_has_its_bound() {
    assert_eq!(bytes_of(&living(full())).len(), PlayerRecord::BYTES_MAX);
    assert_eq!(PlayerRecord::from_bytes(&bytes_of(&living(full()))), Ok(living(full())));
    const { assert!(PlayerRecord::BYTES_MAX < 2_000, "a checkpoint of 2,000 players is 4 MB at worst") };
}

#[test]
fn truncated_longer_and_newer_records_are_refused_by_name() {
    let mut bytes = bytes_of(&living(full()));
    for len in 0..bytes.len() {
        assert_eq!(PlayerRecord::from_bytes(&bytes[..len]), Err(RecordError::Truncated), "{len} bytes");
    }
    bytes.push(0);
    assert_eq!(PlayerRecord::from_bytes(&bytes), Err(RecordError::Trailing(1)));
    bytes[0] = 4;
    assert_eq!(PlayerRecord::from_bytes(&bytes), Err(RecordError::Version(4)));
    bytes[0] = 0;
    assert_eq!(PlayerRecord::from_bytes(&bytes), Err(RecordError::Version(0)));
}

#[test]
fn values_outside_every_world_are_refused_by_name() {
    let outside = [
        ("x", -1, PlayerRecord { x: -1, ..SAMPLE }),
        ("y", COORDINATE_MAX + 1, PlayerRecord { y: COORDINATE_MAX + 1, ..SAMPLE }),
        ("z", Z_MAX + 1, PlayerRecord { z: Z_MAX + 1, ..SAMPLE }),
        ("yaw", 4_096, PlayerRecord { yaw: 4_096, ..SAMPLE }),
        ("pitch", 65_535, PlayerRecord { pitch: 65_535, ..SAMPLE }),
    ];
    for (field, value, record) in outside {
        let error = RecordError::OutOfWorld { field, value };
        assert_eq!(PlayerRecord::from_bytes(&bytes_of(&record)), Err(error));
    }
}

#[test]
fn lists_longer_than_anybody_can_have_and_stacks_of_none_are_refused_by_name() {
    let bytes = bytes_of(&living(Lasting::default()));
    let counts = bytes.len() - 3;
    let longest = [("cooldowns", SKILLS_MAX), ("item cooldowns", ITEM_COOLDOWNS_MAX), ("effects", EFFECTS_MAX)];
    for (at, (field, most)) in longest.into_iter().enumerate() {
        let mut bytes = bytes.clone();
        bytes[counts + at] = most as u8 + 1;
        let error = RecordError::OutOfWorld { field, value: most as i32 + 1 };
        assert_eq!(PlayerRecord::from_bytes(&bytes), Err(error));
    }
    let effect = LastingEffect { stacks: 0, level: 1, ..LastingEffect::default() };
    let none = Lasting { effects: std::iter::once(effect).collect(), ..Lasting::default() };
    let error = RecordError::OutOfWorld { field: "stacks", value: 0 };
    assert_eq!(PlayerRecord::from_bytes(&bytes_of(&living(none))), Err(error));
}

fn any_lasting() -> impl Strategy<Value = Vec<u8>> {
    let body = prop::collection::vec(prop_oneof![3 => 0_u8..4, 1 => any::<u8>()], 0..160);
    body.prop_map(|body| [&[3, 0][..], &PLACE, &LIFE, &body].concat())
}

proptest! {
    #[test]
    fn any_bytes_give_an_error_or_a_record_that_reads_back(
        bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..64), any_lasting()],
    ) {
        if let Ok(record) = PlayerRecord::from_bytes(&bytes) {
            let written = bytes_of(&record);
            prop_assert_eq!(PlayerRecord::from_bytes(&written), Ok(record));
            // A level of nought, which nobody has, is read as 1.
            let is_same = |(written, read): (&u8, &u8)| written == read || (*written, *read) == (1, 0);
            let is_whole = written.len() == bytes.len() && written.iter().zip(&bytes).all(is_same);
            prop_assert!(is_whole || bytes.starts_with(&[2, 0]));
        }
    }
}
