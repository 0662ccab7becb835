//! Parts are read as they were written, and what nobody wrote is refused.

use super::*;
use crate::bits::{BitRun, BitWriter};
use crate::motion::{Body, GAIT_SPEED_MAX, Gait};
use crate::snapshot::{Baseline, encode_delta, encode_full};
use crate::state::{EntityState, flag};
use proptest::prelude::*;

fn ages(newest: u8, step: u8, older: u8) -> BaselineAges {
    BaselineAges::new(newest, step, older).unwrap()
}

fn any_ages() -> impl Strategy<Value = BaselineAges> {
    (1_u8..64, 0_u8..16).prop_filter_map("too old", |(newest, code)| BaselineAges::from_code(newest, code))
}

fn any_body() -> impl Strategy<Value = RecordBody> {
    prop_oneof![
        any_ages().prop_map(|ages| RecordBody::Delta { ages }),
        Just(RecordBody::Delta { ages: ages(6, 1, 2) }),
        Just(RecordBody::Refresh),
        (0_u8..16, any::<u16>()).prop_map(|(epoch, id)| RecordBody::Enter {
            epoch,
            net_id: NetId(id),
            kind: EntityKind::Player
        }),
        (0_u8..16).prop_map(|epoch| RecordBody::Leave { epoch }),
    ]
}

fn any_own() -> impl Strategy<Value = OwnState> {
    let body = (0..1 << 28, 0..1 << 28, 0..1 << 22, -30_000..30_000, -30_000..30_000, -9_000..9_000)
        .prop_map(|(x, y, z, vx, vy, vz)| Body { x, y, z, vx, vy, vz });
    let gait = prop_oneof![
        Just(Gait::default()),
        (0..=GAIT_SPEED_MAX, any::<bool>()).prop_map(|(speed, can_jump)| Gait { speed, can_jump })
    ];
    (body, gait, any::<u8>(), 0_u16..4_096, 0_u16..4_096, any::<u16>(), 0_u8..16).prop_map(
        |(body, gait, flags, yaw, pitch, input_applied, input_depth)| {
            let status = flags & flag::STATUS;
            OwnState { body, gait, status, yaw, pitch, input_applied, input_depth }
        },
    )
}

const NOW: EntityState =
    EntityState { x: 9_000, y: 700_000, z: 12, yaw: 4_095, pitch: 1, flags: 1, kind: EntityKind::Player };

/// Three states on the way to [`NOW`].
fn baseline(ages: BaselineAges) -> Baseline {
    let at = |age: u8| EntityState { x: 9_001 + 30 * i32::from(age), yaw: u16::from(age), flags: 0, ..NOW };
    Baseline::gather(ages, |age| Some(at(age))).unwrap()
}

fn state_run(body: RecordBody) -> BitRun {
    match body {
        RecordBody::Delta { ages } => encode_delta(&NOW, &baseline(ages)).unwrap(),
        RecordBody::Leave { .. } => BitRun::default(),
        _ => encode_full(&NOW),
    }
}

/// The next record, by the short way where that gives one.
fn quick_record(reader: &mut PartReader<'_>) -> Result<Option<Record>, PartError> {
    match reader.next_usual() {
        Some((slot, ages)) => Ok(Some(Record { slot, body: RecordBody::Delta { ages } })),
        None => reader.next_record(),
    }
}

fn read(
    bytes: &[u8],
    newest: Tick,
    next: fn(&mut PartReader<'_>) -> Result<Option<Record>, PartError>,
) -> Result<(PartHeader, Vec<Record>), PartError> {
    let mut reader = PartReader::new(bytes, newest)?;
    let mut records = Vec::new();
    while let Some(record) = next(&mut reader)? {
        match record.body {
            RecordBody::Delta { ages } => assert_eq!(reader.state_delta(&baseline(ages))?, NOW),
            RecordBody::Leave { .. } => {}
            _ => assert_eq!(reader.state_full(NOW.kind)?, NOW),
        }
        records.push(record);
    }
    Ok((*reader.header(), records))
}

proptest! {
    /// proves: SNP-1, SNP-4, SNP-5
    #[test]
    fn parts_round_trip_and_are_no_longer_than_announced(
        tick in any::<u32>(), long in any::<bool>(), own in prop::option::of(any_own()),
        usual in prop::option::of(any_ages().prop_map(|first| [first, ages(6, 1, 2)])),
        bodies in prop::collection::btree_map(0_u16..300, any_body(), 0..40), gap_bits in 0_u8..=11,
        allowed in 0_u8..=5,
    ) {
        let bodies: std::collections::BTreeMap<_, _> =
            bodies.into_iter().filter(|(_, body)| body.code(usual) <= allowed).collect();
        let last_code = PartHeader::last_code_of(usual, bodies.values().copied());
        let header = PartHeader { tick: Tick(tick), own, usual, last_code, gap_bits, records: bodies.len() as u8 };
        let mut buf = [0; 2_000];
        let mut writer = PartWriter::new(&mut buf, &header, long);
        let (mut least, mut most) = (header.bits(long), header.bits(long) + header.gap_bits_spare(300));
        for (&slot, &body) in &bodies {
            let run = state_run(body);
            writer.put(Record { slot, body }, run);
            least += body.bits(usual, gap_bits, run.len()) - u32::from(body.code(usual) == last_code && last_code < 5);
            most += body.bits(usual, gap_bits, run.len());
        }
        let len = writer.finish();
        prop_assert!((least.div_ceil(8) as usize..=most.div_ceil(8) as usize).contains(&len));
        let newest = Tick(tick.saturating_sub(30_000));
        let (read_header, records) = read(&buf[..len], newest, |reader| reader.next_record()).unwrap();
        let quick = read(&buf[..len], newest, quick_record).unwrap();
        prop_assert_eq!((&quick.0, &quick.1), (&read_header, &records));
        prop_assert_eq!(read_header, header);
        let expected: Vec<_> = bodies.iter().map(|(&slot, &body)| Record { slot, body }).collect();
        prop_assert_eq!(records, expected);
    }

    #[test]
    fn any_bytes_give_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(mut reader) = PartReader::new(&bytes, Tick(0)) {
            while let Ok(Some(record)) = reader.next_record() {
                let read = match record.body {
                    RecordBody::Delta { ages } => reader.state_delta(&baseline(ages)).is_ok(),
                    RecordBody::Leave { .. } => true,
                    _ => reader.state_full(EntityKind::Body).is_ok(),
                };
                if !read { break; }
            }
        }
    }
}

/// proves: SNP-5
#[test]
fn codes_are_no_longer_than_the_records_of_a_part_need() {
    let usual = Some([ages(6, 1, 2), ages(2, 0, 0)]);
    let len_bits = |last_code: u8, ages: BaselineAges| {
        let header = PartHeader { tick: Tick(9), own: None, usual, last_code, gap_bits: 0, records: 20 };
        let mut buf = [0; 1_000];
        let mut writer = PartWriter::new(&mut buf, &header, false);
        let body = RecordBody::Delta { ages };
        (0..20).for_each(|slot| writer.put(Record { slot, body }, state_run(body)));
        writer.len_bits()
    };
    assert_eq!(len_bits(5, ages(6, 1, 2)) - len_bits(0, ages(6, 1, 2)), 20);
    assert_eq!(len_bits(5, ages(2, 0, 0)) - len_bits(1, ages(2, 0, 0)), 20);
    assert_eq!(len_bits(5, ages(4, 0, 0)) - len_bits(2, ages(4, 0, 0)), 20);
}

#[test]
fn reserved_codes_are_refused() {
    let part = |bits: &[(u64, u32)]| {
        let mut buf = [0; 64];
        let mut writer = BitWriter::new(&mut buf);
        for &(value, width) in bits {
            writer.put(value, width);
        }
        let len = writer.finish();
        read(&buf[..len], Tick(0), |reader| reader.next_record()).unwrap_err()
    };
    // Short tick, no own state, no usual ages, all codes, gaps without remainder, one record.
    let head = [(0, 1), (0, 16), (0, 1), (0, 1), (5, 3), (0, 4), (1, 8)];
    let with = |tail: &[(u64, u32)]| part(&[&head[..], tail].concat());
    assert_eq!(part(&[(0, 1), (0, 16), (0, 2), (5, 3), (12, 4), (0, 8)]), PartError::GapWidth(12));
    assert_eq!(part(&[(0, 1), (0, 16), (0, 2), (5, 3), (11, 4), (1, 8), (1, 1)]), PartError::Slot);
    assert_eq!(part(&[(0, 1), (0, 16), (0, 2), (6, 3), (0, 12)]), PartError::LastCode(6));
    assert_eq!(part(&[(0, 1), (0, 16), (0, 2), (0, 3), (0, 4), (1, 8), (0, 1)]), PartError::NoUsual);
    let own = [(0, 1), (0, 16), (1, 1), (0, 60), (0, 33), (0, 24), (0, 20), (0, 6), (0, 1), (201, 8), (0, 1), (0, 16)];
    assert_eq!(part(&own), PartError::Gait(201));
    assert_eq!(with(&[(0, 1), (0, 1)]), PartError::NoUsual);
    assert_eq!(with(&[(0, 1), (0b01, 2)]), PartError::NoUsual);
    assert_eq!(with(&[(0, 1), (0b011, 3), (10, 4)]), PartError::AgeCode(10));
    assert_eq!(with(&[(0, 1), (0b011, 3), (9, 4), (0, 6), (0, 4)]), PartError::Ages { newest: 0, step_code: 0 });
    assert_eq!(with(&[(0, 1), (0b011, 3), (0, 4), (15, 4)]), PartError::Ages { newest: 2, step_code: 15 });
    assert_eq!(with(&[(0, 1), (0b01111, 5), (0, 4), (1, 16), (15, 4)]), PartError::Kind(15));
    assert_eq!(with(&[(0, 1), (0b11111, 5), (0, 4), (0, 30)]), PartError::Trailing);
}

#[test]
fn gaps_are_about_as_wide_as_their_mean() {
    assert_eq!(
        [(64, 64), (64, 28), (64, 10), (1_000, 80), (5, 0), (0, 3)].map(|(s, r)| PartHeader::gap_bits_for(s, r)),
        [0, 0, 2, 3, 3, 0]
    );
}
