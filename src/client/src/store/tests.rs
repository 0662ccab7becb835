use super::*;
use crate::ClientEvent;
use protocol::EntityKind;
use protocol::Orientation;
use protocol::bits::BitRun;
use protocol::snapshot::Baseline;
use protocol::snapshot::{PartHeader, PartWriter, encode_delta, encode_full};
use std::collections::VecDeque;

const ANN: NetId = NetId(7);
const BOB: NetId = NetId(9);

fn at(x: i32) -> EntityState {
    EntityState { x, y: 5, ..EntityState::default() }
}

fn part(tick: u32, records: &[(Record, BitRun)]) -> Vec<u8> {
    let last_code = PartHeader::last_code_of(None, records.iter().map(|(record, _)| record.body));
    let header =
        PartHeader { tick: Tick(tick), own: None, usual: None, last_code, gap_bits: 0, records: records.len() as u8 };
    let mut buf = [0; 1_000];
    let mut writer = PartWriter::new(&mut buf, &header, true);
    for &(record, run) in records {
        writer.put(record, run);
    }
    let len = writer.finish();
    buf[..len].to_vec()
}

fn enter(slot: u16, epoch: u8, id: NetId, state: EntityState) -> (Record, BitRun) {
    let body = RecordBody::Enter { epoch, net_id: id, kind: state.kind };
    (Record { slot, body }, encode_full(&state))
}

fn delta(slot: u16, age: u8, now: EntityState, base: EntityState) -> (Record, BitRun) {
    let ages = BaselineAges::new(age, 0, 0).unwrap();
    let baseline = Baseline::gather(ages, |_| Some(base)).unwrap();
    (Record { slot, body: RecordBody::Delta { ages } }, encode_delta(&now, &baseline).unwrap())
}

fn leave(slot: u16, epoch: u8) -> (Record, BitRun) {
    (Record { slot, body: RecordBody::Leave { epoch } }, BitRun::default())
}

/// Applies a part and lists its events as short words.
fn apply(store: &mut SnapshotStore, bytes: &[u8]) -> Result<Vec<String>, StoreError> {
    apply_among(store, bytes, None)
}

fn apply_among(store: &mut SnapshotStore, bytes: &[u8], among: Option<&mut Among>) -> Result<Vec<String>, StoreError> {
    let mut events = VecDeque::new();
    store.apply(bytes, among, &mut events)?;
    let word = |event: &ClientEvent| match event {
        ClientEvent::Enter { id, .. } => format!("enter {}", id.0),
        ClientEvent::Update { id, state, .. } => format!("{} at {}", id.0, state.x),
        ClientEvent::Leave { id, .. } => format!("leave {}", id.0),
        other => format!("{other:?}"),
    };
    Ok(events.iter().map(word).collect())
}

/// proves: SNP-7
#[test]
fn an_entity_enters_moves_and_leaves() {
    let mut store = SnapshotStore::default();
    assert_eq!(apply(&mut store, &part(100, &[enter(0, 1, ANN, at(10))])).unwrap(), ["enter 7", "7 at 10"]);
    assert_eq!(apply(&mut store, &part(102, &[delta(0, 2, at(12), at(10))])).unwrap(), ["7 at 12"]);
    assert_eq!(store.sees(ANN).unwrap().state, at(12));
    assert_eq!(apply(&mut store, &part(103, &[leave(0, 1)])).unwrap(), ["leave 7"]);
    assert!(store.sees(ANN).is_none());
    assert_eq!(store.entities().count(), 0);
}

#[test]
fn a_difference_without_its_baseline_is_refused_and_asks_for_a_resync() {
    let mut store = SnapshotStore::default();
    apply(&mut store, &part(100, &[enter(0, 1, ANN, at(10))])).unwrap();
    let error = apply(&mut store, &part(104, &[delta(0, 2, at(12), at(10))])).unwrap_err();
    assert_eq!(error, StoreError::UnknownBaseline { slot: 0, tick: Tick(102) });
    assert!(error.needs_resync());
    let error = apply(&mut store, &part(104, &[delta(3, 2, at(12), at(10))])).unwrap_err();
    assert_eq!(error, StoreError::UnknownSlot(3));
}

/// proves: SNP-7
#[test]
fn a_leave_that_overtook_its_enter_still_counts() {
    let mut store = SnapshotStore::default();
    assert!(apply(&mut store, &part(105, &[leave(0, 1)])).unwrap().is_empty());
    assert!(apply(&mut store, &part(104, &[enter(0, 1, ANN, at(10))])).unwrap().is_empty());
    assert_eq!(store.entities().count(), 0);
}

/// A slot whose leave overtook its enter has never held a state, and it is not known what it held.
///
/// proves: SNP-7, SNP-15
#[test]
fn nothing_builds_on_a_presence_that_was_missed() {
    let mut store = SnapshotStore::default();
    apply(&mut store, &part(100, &[leave(0, 1), enter(1, 1, BOB, at(20))])).unwrap();
    // As a player's state it would be read wrongly, and all that follows in the part with it.
    let item = EntityState { kind: EntityKind::Item, ..at(700) };
    let refresh = (Record { slot: 0, body: RecordBody::Refresh }, encode_full(&item));
    let bob = delta(1, 2, at(22), at(20));
    for record in [refresh, delta(0, 2, at(1), EntityState::default())] {
        let error = apply(&mut store, &part(102, &[record, bob])).unwrap_err();
        assert!(error.needs_resync(), "{error}");
        assert_eq!(store.sees(BOB).unwrap().state, at(20));
    }
    let before = apply(&mut store, &part(98, &[refresh])).unwrap_err();
    assert_eq!(before, StoreError::Late(2), "what was sent before the leave is late, and nobody's fault");
    assert_eq!(apply(&mut store, &part(104, &[enter(0, 2, ANN, at(3))])).unwrap(), ["enter 7", "7 at 3"]);
}

/// proves: SNP-7
#[test]
fn a_leave_older_than_the_enter_means_nothing() {
    let mut store = SnapshotStore::default();
    apply(&mut store, &part(100, &[enter(0, 2, ANN, at(10))])).unwrap();
    assert!(apply(&mut store, &part(99, &[leave(0, 1)])).unwrap().is_empty());
    assert!(store.sees(ANN).is_some());
}

/// proves: SNP-7
#[test]
fn a_leave_of_a_presence_that_was_never_told_ends_the_one_before() {
    let mut store = SnapshotStore::default();
    apply(&mut store, &part(100, &[enter(0, 2, ANN, at(10))])).unwrap();
    assert_eq!(apply(&mut store, &part(110, &[leave(0, 3)])).unwrap(), ["leave 7"]);
    assert!(apply(&mut store, &part(108, &[enter(0, 3, ANN, at(12))])).unwrap().is_empty());
    assert_eq!(store.entities().count(), 0);
}

#[test]
fn an_enter_overtaken_by_the_same_entity_in_another_slot_ends_nothing() {
    let mut store = SnapshotStore::default();
    apply(&mut store, &part(110, &[enter(1, 0, ANN, at(11))])).unwrap();
    assert!(apply(&mut store, &part(100, &[enter(0, 2, ANN, at(10))])).unwrap().is_empty());
    assert_eq!(apply(&mut store, &part(112, &[delta(1, 2, at(12), at(11))])).unwrap(), ["7 at 12"]);
    assert!(apply(&mut store, &part(102, &[delta(0, 2, at(12), at(10))])).unwrap().is_empty());
}

#[test]
fn a_base_that_a_newer_packet_pushed_out_is_lateness_not_a_fault() {
    let mut store = SnapshotStore::default();
    apply(&mut store, &part(100, &[enter(0, 2, ANN, at(10))])).unwrap();
    let refresh = (Record { slot: 0, body: RecordBody::Refresh }, encode_full(&at(30)));
    apply(&mut store, &part(164, &[refresh])).unwrap();
    let error = apply(&mut store, &part(163, &[delta(0, 63, at(29), at(10))])).unwrap_err();
    assert!(!error.needs_resync(), "{error}");
}

#[test]
fn an_enter_told_again_is_an_update() {
    let mut store = SnapshotStore::default();
    apply(&mut store, &part(100, &[enter(0, 2, ANN, at(10))])).unwrap();
    assert_eq!(apply(&mut store, &part(106, &[enter(0, 2, ANN, at(16))])).unwrap(), ["7 at 16"]);
    assert_eq!(apply(&mut store, &part(108, &[delta(0, 2, at(18), at(16))])).unwrap(), ["7 at 18"]);
    assert_eq!(apply(&mut store, &part(108, &[delta(0, 8, at(18), at(10))])).unwrap(), ["7 at 18"]);
}

#[test]
fn a_slot_given_to_another_entity_ends_the_first_ones_presence() {
    let mut store = SnapshotStore::default();
    apply(&mut store, &part(100, &[enter(0, 2, ANN, at(10))])).unwrap();
    let words = apply(&mut store, &part(110, &[enter(0, 3, BOB, at(1))])).unwrap();
    assert_eq!(words, ["leave 7", "enter 9", "9 at 1"]);
    let of_the_presence_before = part(105, &[delta(0, 5, at(12), at(10))]);
    assert_eq!(apply(&mut store, &of_the_presence_before).unwrap_err(), StoreError::Late(5));
}

/// proves: SNP-15
#[test]
fn what_is_told_of_a_presence_that_has_left_is_read_over() {
    let mut store = SnapshotStore::default();
    apply(&mut store, &part(100, &[enter(0, 1, ANN, at(10)), enter(1, 1, BOB, at(20))])).unwrap();
    apply(&mut store, &part(103, &[leave(0, 1)])).unwrap();
    let late = part(102, &[delta(0, 2, at(700), at(10)), delta(1, 2, at(22), at(20))]);
    assert_eq!(apply(&mut store, &late).unwrap(), ["9 at 22"]);
}

/// proves: SNP-15
#[test]
fn a_difference_may_build_on_three_states_and_needs_them_all() {
    let mut store = SnapshotStore::default();
    apply(&mut store, &part(100, &[enter(0, 1, ANN, at(10))])).unwrap();
    for (tick, age, x) in [(101, 1, 40), (102, 1, 70)] {
        apply(&mut store, &part(tick, &[delta(0, age, at(x), at(x - 30))])).unwrap();
    }
    let moving = |newest: u8, step: u8| {
        let ages = BaselineAges::new(newest, step, 2).unwrap();
        let baseline = Baseline::gather(ages, |age| Some(at(10 + 30 * (4 - i32::from(age))))).unwrap();
        (Record { slot: 0, body: RecordBody::Delta { ages } }, encode_delta(&at(130), &baseline).unwrap())
    };
    assert_eq!(apply(&mut store, &part(104, &[moving(2, 1)])).unwrap(), ["7 at 130"]);
    let error = apply(&mut store, &part(104, &[moving(2, 2)])).unwrap_err();
    assert_eq!(error, StoreError::UnknownBaseline { slot: 0, tick: Tick(98) }, "that of 102 is held");
}

/// proves: SNP-7
#[test]
fn an_entity_that_comes_back_in_another_slot_is_there_once() {
    let mut store = SnapshotStore::default();
    apply(&mut store, &part(100, &[enter(0, 2, ANN, at(10))])).unwrap();
    let words = apply(&mut store, &part(101, &[enter(1, 0, ANN, at(11))])).unwrap();
    assert_eq!(words, ["leave 7", "enter 7", "7 at 11"]);
    assert!(apply(&mut store, &part(102, &[leave(0, 2)])).unwrap().is_empty());
    assert_eq!(store.entities().count(), 1);
    assert_eq!(store.sees(ANN).unwrap().state, at(11));
}

/// proves: SNP-9
#[test]
fn a_part_half_a_second_late_is_refused_without_a_resync() {
    let mut store = SnapshotStore::default();
    apply(&mut store, &part(200, &[enter(0, 2, ANN, at(10))])).unwrap();
    let error = apply(&mut store, &part(200 - LATE_TICKS, &[])).unwrap_err();
    assert_eq!(error, StoreError::Late(LATE_TICKS));
    assert!(!error.needs_resync());
}

/// proves: SNP-6, SNP-15, SNP-16
#[test]
fn every_kind_enters_changes_is_refreshed_and_leaves_as_what_it_is() {
    for (slot, kind) in EntityKind::ALL.into_iter().enumerate() {
        let slot = slot as u16;
        let at = |x: i32| {
            let state = EntityState { x, kind, ..EntityState::default() };
            if kind == EntityKind::Body { state.with_orientation(Orientation::new(3, [x, 0, -1])) } else { state }
        };
        let mut store = SnapshotStore::default();
        let mut events = VecDeque::new();
        // Records after the one in question are lost if it is read with another kind's fields.
        let refresh = |slot, state: EntityState| (Record { slot, body: RecordBody::Refresh }, encode_full(&state));
        let bob = EntityState { y: 5, ..EntityState::default() };
        store.apply(&part(100, &[enter(slot, 1, ANN, at(10)), enter(9, 1, BOB, bob)]), None, &mut events).unwrap();
        store.apply(&part(102, &[delta(slot, 2, at(12), at(10)), refresh(9, bob)]), None, &mut events).unwrap();
        assert_eq!(store.sees(ANN).unwrap().state, at(12));
        store.apply(&part(104, &[refresh(slot, at(200)), refresh(9, bob)]), None, &mut events).unwrap();
        let seen = store.sees(ANN).unwrap();
        assert_eq!((seen.kind, seen.state, store.sees(BOB).unwrap().state), (kind, at(200), bob));
        events.clear();
        store.apply(&part(105, &[leave(slot, 1)]), None, &mut events).unwrap();
        assert!(matches!(events[0], ClientEvent::Leave { id: ANN, kind: left, .. } if left == kind), "{events:?}");
    }
}

/// proves: SNP-7, SNP-15
#[test]
fn a_refresh_of_a_presence_before_the_one_shown_comes_too_late_because_its_kind_is_not_known() {
    let mut store = SnapshotStore::default();
    let item = EntityState { kind: EntityKind::Item, ..at(1) };
    apply(&mut store, &part(100, &[enter(0, 2, ANN, item)])).unwrap();
    let refresh = (Record { slot: 0, body: RecordBody::Refresh }, encode_full(&at(30)));
    assert_eq!(apply(&mut store, &part(98, &[refresh])), Err(StoreError::Late(2)));
}

#[test]
fn among_many_each_is_told_what_he_was_told_also_if_others_were_told_something_else() {
    let mut among = Among::new(rudp::Prefetch::NONE);
    let (mut first, mut second, mut third) = <(SnapshotStore, SnapshotStore, SnapshotStore)>::default();
    let mut tell = |store: &mut SnapshotStore, bytes: &[u8]| apply_among(store, bytes, Some(&mut among)).unwrap();
    for store in [&mut first, &mut second] {
        tell(store, &part(100, &[enter(0, 1, ANN, at(10))]));
    }
    // In another slot, at another place: that is his alone, and what builds on it, too.
    tell(&mut third, &part(100, &[enter(5, 2, ANN, at(11))]));
    assert_eq!(tell(&mut first, &part(102, &[delta(0, 2, at(12), at(10))])), ["7 at 12"]);
    assert_eq!(tell(&mut third, &part(102, &[delta(5, 2, at(13), at(11))])), ["7 at 13"]);
    assert_eq!(tell(&mut second, &part(102, &[delta(0, 2, at(12), at(10))])), ["7 at 12"]);
    assert_eq!(tell(&mut third, &part(104, &[delta(5, 2, at(12), at(13))])), ["7 at 12"]);
    assert_eq!(
        tell(&mut second, &part(104, &[delta(0, 2, at(14), at(12))])),
        ["7 at 14"],
        "not what the third was told"
    );
    assert_eq!((third.sees(ANN).unwrap().state, second.sees(ANN).unwrap().state), (at(12), at(14)));
    assert_eq!((among.memo.hits, among.memo.misses), (1, 4), "one has read what another had");
}

#[test]
fn who_is_seconds_behind_others_finds_his_baseline_overwritten_and_has_come_too_late() {
    let mut among = Among::new(rudp::Prefetch::NONE);
    let (mut slow, mut fast) = <(SnapshotStore, SnapshotStore)>::default();
    let mut tell = |store: &mut SnapshotStore, bytes: &[u8]| apply_among(store, bytes, Some(&mut among));
    let of = |tick: u32| at(tick as i32);
    for store in [&mut slow, &mut fast] {
        tell(store, &part(100, &[enter(0, 1, ANN, of(100))])).unwrap();
    }
    for tick in (110..=360).step_by(10) {
        tell(&mut fast, &part(tick, &[delta(0, 10, of(tick), of(tick - 10))])).unwrap();
    }
    let error = tell(&mut slow, &part(110, &[delta(0, 10, of(110), of(100))]));
    assert_eq!(error, Ok(vec!["7 at 110".to_owned()]), "of 100 no later state has the place yet");
    tell(&mut fast, &part(366, &[delta(0, 6, of(366), of(360))])).unwrap();
    assert_eq!(tell(&mut slow, &part(120, &[delta(0, 10, of(120), of(110))])), Err(StoreError::Overwritten));
    // What is told in full helps.
    let refresh = (Record { slot: 0, body: RecordBody::Refresh }, encode_full(&of(370)));
    assert_eq!(tell(&mut slow, &part(370, &[refresh])), Ok(vec!["7 at 370".to_owned()]));
}
