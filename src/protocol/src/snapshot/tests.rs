//! Every kind, told in every way.

use super::*;
use crate::bits::{BitReader, BitRun, BitWriter};
use crate::orientation::{ONE, Orientation, Quaternion};
use crate::state::flag;
use crate::{EntityKind, EntityState};
use proptest::prelude::*;

/// Any state that entities of this kind can have.
fn any_state_of(kind: EntityKind) -> impl Strategy<Value = EntityState> {
    let place = (0..1_310_720_i32, 0..1_310_720_i32, any::<i16>());
    (place, 0..4_096_u16, 0..4_096_u16, any::<u8>(), any::<u32>())
        .prop_map(move |((x, y, z), yaw, pitch, flags, bits)| of_kind(kind, (x, y, z), (yaw, pitch), flags, bits))
}

/// The state of this kind; what it does not have is left out.
fn of_kind(
    kind: EntityKind,
    (x, y, z): (i32, i32, i16),
    (yaw, pitch): (u16, u16),
    flags: u8,
    bits: u32,
) -> EntityState {
    let state = EntityState { x, y, z, kind, ..EntityState::default() };
    match kind {
        EntityKind::Player | EntityKind::Mob => EntityState { yaw, pitch, flags, ..state },
        EntityKind::Projectile => EntityState { yaw, pitch, ..state },
        EntityKind::Item => EntityState { yaw, ..state }.with_form(bits as u16),
        EntityKind::Body => EntityState { flags, ..state }.with_orientation(Orientation::from_bits(bits)),
    }
}

/// A state of the same entity, some way off: what lasts stays.
fn near(from: EntityState) -> impl Strategy<Value = EntityState> {
    let way = || prop_oneof![3 => -40..40_i32, 1 => -5_000..5_000_i32, 2 => Just(0)];
    let turn = prop_oneof![2 => -20..20_i32, 1 => any::<i32>(), 2 => Just(0)];
    ((way(), way(), way()), (way(), way()), any::<u8>(), prop::array::uniform3(turn)).prop_map(
        move |((x, y, z), (yaw, pitch), flags, turns)| {
            let z = (i32::from(from.z) + z).clamp(i16::MIN.into(), i16::MAX.into()) as i16;
            let angle = |angle: u16, by: i32| (i32::from(angle) + by).rem_euclid(4_096) as u16;
            let (held, angles) = (from.orientation(), (angle(from.yaw, yaw), angle(from.pitch, pitch)));
            let mut others = held.others();
            others.iter_mut().zip(turns).for_each(|(other, turn)| *other = other.wrapping_add(turn));
            let bits = match from.kind {
                EntityKind::Item => u32::from(from.form()),
                _ => Orientation::new(held.largest(), others).bits(),
            };
            of_kind(from.kind, (from.x + x, from.y + y, z), angles, flags, bits)
        },
    )
}

fn any_ages() -> impl Strategy<Value = BaselineAges> {
    (1_u8..64, 0_u8..16).prop_filter_map("too old", |(newest, code)| BaselineAges::from_code(newest, code))
}

fn any_kind() -> impl Strategy<Value = EntityKind> {
    prop::sample::select(&EntityKind::ALL[..])
}

/// A state and what it is told against: mostly states not far from it.
fn any_told() -> impl Strategy<Value = (EntityState, Baseline)> {
    let now = any_kind().prop_flat_map(any_state_of);
    (any_ages(), now).prop_flat_map(|(ages, now)| {
        let lasting = move |state: EntityState| match now.kind {
            EntityKind::Item => state.with_form(now.form()),
            _ => state,
        };
        let older = prop_oneof![9 => near(now).boxed(), 1 => any_state_of(now.kind).prop_map(lasting).boxed()];
        prop::collection::vec(older, 3).prop_map(move |states| {
            let mut states = states.into_iter();
            (now, Baseline::gather(ages, |_| states.next()).unwrap())
        })
    })
}

fn bytes_of(run: BitRun) -> Vec<u8> {
    let mut buf = [0; 32];
    let mut writer = BitWriter::new(&mut buf);
    writer.put_run(run);
    let len = writer.finish();
    buf[..len].to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// proves: SNP-6, SNP-12, SNP-13, SNP-16, SNP-17, SNP-18
    #[test]
    fn every_kind_is_read_as_it_was_told_in_full_and_as_a_difference((now, baseline) in any_told()) {
        let full = bytes_of(encode_full(&now));
        let mut reader = BitReader::new(&full);
        prop_assert_eq!(decode_full(&mut reader, now.kind), Ok(now));
        prop_assert!(reader.is_finished());
        if let Some(run) = encode_delta(&now, &baseline) {
            let bytes = bytes_of(run);
            let mut reader = BitReader::new(&bytes);
            prop_assert_eq!(decode_delta(&mut reader, &baseline), Ok(now));
            prop_assert!(reader.is_finished());
            let shorter = run.len().saturating_sub(1) as usize / 8;
            prop_assert!(decode_delta(&mut BitReader::new(&bytes[..shorter]), &baseline).is_err());
        }
    }

    /// proves: SNP-17
    #[test]
    fn any_bits_are_a_state_of_the_baselines_kind_within_its_widths_that_can_be_told_or_end_early(
        (_, baseline) in any_told(), bytes in prop::collection::vec(any::<u8>(), 0..24),
    ) {
        if let Ok(state) = decode_delta(&mut BitReader::new(&bytes), &baseline) {
            prop_assert_eq!(state.kind, baseline.states()[0].kind);
            prop_assert!((-(1 << 21)..1 << 21).contains(&state.x) && (-(1 << 21)..1 << 21).contains(&state.y));
            prop_assert!(state.yaw < 4_096 || state.kind == EntityKind::Body, "{:?}", state);
            let again = bytes_of(encode_delta(&state, &baseline).unwrap());
            prop_assert_eq!(decode_delta(&mut BitReader::new(&again), &baseline), Ok(state));
        }
    }
}

/// The bits of each tick's state told against three states in every tick, the newest of them six ticks old: 100 ms.
fn bits_of_a_run(states: &[EntityState]) -> Vec<u32> {
    let ages = BaselineAges::new(6, 1, 2).unwrap();
    (8..states.len())
        .map(|now| {
            let baseline = Baseline::gather(ages, |age| states.get(now - usize::from(age)).copied()).unwrap();
            encode_delta(&states[now], &baseline).unwrap_or_else(|| encode_full(&states[now])).len()
        })
        .collect()
}

fn mean(bits: &[u32]) -> f64 {
    f64::from(bits.iter().sum::<u32>()) / bits.len() as f64
}

#[test]
fn who_goes_on_as_before_costs_a_few_bits_and_a_teleport_has_no_difference() {
    let at = |tick: i32| EntityState { x: 5_000 + 32 * tick, y: 6_000, ..EntityState::default() };
    let ages = BaselineAges::new(6, 1, 2).unwrap();
    let baseline = Baseline::gather(ages, |age| Some(at(100 - i32::from(age)))).unwrap();
    assert!(encode_delta(&at(100), &baseline).unwrap().len() <= 8);
    assert_eq!(encode_delta(&EntityState { x: 900_000, ..at(100) }, &baseline), None);
    assert_eq!(encode_full(&at(100)).len(), 92);
}

/// proves: SNP-17
#[test]
fn what_lies_or_flies_straight_on_costs_one_bit_and_what_it_does_not_have_none() {
    let lying = EntityState { x: 1_000, yaw: 3, kind: EntityKind::Item, ..EntityState::default() }.with_form(7);
    assert_eq!(mean(&bits_of_a_run(&[lying; 20])), 1.0);
    let flying = |tick: i32| EntityState { x: 9 * tick, y: -250 * tick, yaw: 5, kind: EntityKind::Projectile, ..lying };
    let way: Vec<_> = (0..40).map(|tick| EntityState { pitch: 0, ..flying(tick) }).collect();
    assert_eq!(mean(&bits_of_a_run(&way)), 1.0);
    let resting = EntityState { flags: flag::AT_REST, kind: EntityKind::Body, yaw: 0, ..lying };
    assert_eq!(mean(&bits_of_a_run(&[resting; 20])), 1.0);
}

/// A turn about an axis that is none of the three.
fn tumble(turns_per_s: f64, tick: usize) -> Orientation {
    let half = turns_per_s * std::f64::consts::TAU * tick as f64 / 60.0 / 2.0;
    let (sin, cos) = half.sin_cos();
    let turn: Quaternion = [cos, 0.48 * sin, 0.6 * sin, 0.64 * sin].map(|c| (c * f64::from(ONE)) as i32);
    Orientation::of(&turn)
}

/// proves: SNP-18
#[test]
fn the_faster_a_body_turns_the_more_bits_it_costs_and_never_more_than_in_full() {
    let bits = [0.0, 0.1, 0.5, 1.0, 3.0].map(|speed| {
        let state = |tick| {
            EntityState { kind: EntityKind::Body, ..EntityState::default() }.with_orientation(tumble(speed, tick))
        };
        let bits = bits_of_a_run(&(0..600).map(state).collect::<Vec<_>>());
        assert!(bits.iter().all(|&bits| bits <= 1 + 5 + 1 + 32), "{speed} turns a second: {bits:?}");
        mean(&bits)
    });
    assert_eq!(bits[0], 1.0);
    assert!(bits.is_sorted(), "{bits:?}");
    assert!(bits[1] < 17.0 && bits[2] < 19.0 && bits[3] < 23.0, "{bits:?}");
}

/// proves: SNP-5
#[test]
fn a_body_that_is_told_at_rest_has_its_flag_in_one_bit_more() {
    let falling = EntityState { kind: EntityKind::Body, flags: 0, ..EntityState::default() };
    let baseline = Baseline::gather(BaselineAges::new(6, 1, 2).unwrap(), |_| Some(falling)).unwrap();
    let resting = EntityState { flags: flag::AT_REST, ..falling };
    assert_eq!(encode_delta(&resting, &baseline).unwrap().len(), 1 + 5 + 1);
    assert_eq!(encode_delta(&EntityState { flags: 0x81, ..falling }, &baseline).unwrap().len(), 1 + 5 + 1 + 8);
}

/// What is told against another kind's states has no difference: a mistake of ours costs bits, not the truth.
#[test]
fn a_state_has_no_difference_from_those_of_another_kind() {
    let baseline = Baseline::gather(BaselineAges::new(6, 0, 0).unwrap(), |_| Some(EntityState::default())).unwrap();
    for kind in EntityKind::ALL.into_iter().filter(|kind| *kind != EntityKind::Player) {
        assert_eq!(encode_delta(&EntityState { kind, ..EntityState::default() }, &baseline), None);
    }
}

/// proves: SNP-8
#[test]
fn shared_ages_are_preferred_to_little_younger_ones() {
    let since = |newest: u32| baseline_age(u64::MAX << newest);
    assert_eq!([1, 2, 3, 4, 6, 7, 13, 61].map(since), [2, 2, 6, 6, 6, 12, 18, 61].map(Some));
    assert_eq!(baseline_age((1 << 3) | (1 << 48)), Some(3), "old enough to cost more than sharing saves");
    assert_eq!(baseline_age((1 << 7) | (1 << 13) | (1 << 18)), Some(7));
    assert_eq!(baseline_age((1 << 7) | (1 << 12)), Some(12));
    assert_eq!(baseline_age(1 << 63), Some(63));
    assert_eq!(baseline_age(1), None);
    assert_eq!(baseline_age(0), None);
}
