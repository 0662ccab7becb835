//! Who is told when, and that nothing starves.

use super::*;
use crate::realm::snapshot::{FURTHER_PACKET_BYTES, RECORD_BITS};
use crate::realm::view::{Phase, Regard, Turns, View};
use proptest::prelude::*;
use protocol::OwnState;
use protocol::snapshot::PartHeader;
use protocol::unit::UNITS_PER_M;
use rudp::rate::{BLIND_INTERVAL_TICKS, BLIND_PACKET_BYTES_MAX};
use rudp::{PartId, PartOutcome};
use std::collections::VecDeque;

/// Ticks from a part to its report.
const WAIT: usize = 6;

/// Tells in each tick those whose turn it is. What is told is known [`WAIT`] ticks later to have arrived, or to be lost.
struct Telling {
    view: View,
    attention: Attention,
    now: Tick,
    under_way: VecDeque<(PartId, Tick, Vec<NetId>, bool)>,
    /// By id: the tick of the newest state that has arrived.
    arrived: Vec<Tick>,
    takes_turns: bool,
    /// Ticks from one in which something may be told to the next.
    interval: u32,
    priority_max: u32,
}

/// Where something is, how fast, and what.
#[derive(Clone, Copy, Debug)]
struct Thing {
    state: EntityState,
    pace: Pace,
    changed: Tick,
}

impl Telling {
    fn new(opponents: &[NetId], entities: usize) -> Self {
        let (mut view, mut attention) = (View::new(), HERE);
        for id in 0..entities as u16 {
            assert!(view.enter(NetId(id)).is_some());
        }
        attention.opponents[..opponents.len()].copy_from_slice(opponents);
        attention.opponents_len = opponents.len() as u8;
        let arrived = vec![Tick(0); entities];
        let (now, under_way) = (Tick(1_000), VecDeque::new());
        Self { view, attention, now, under_way, arrived, takes_turns: false, interval: 1, priority_max: 0 }
    }

    /// One tick in which `records` can be told; who was.
    fn tick(&mut self, things: &[Thing], records: usize, is_lost: bool) -> Vec<NetId> {
        self.tell(things, records, is_lost, |_, _| 1)
    }

    /// One tick in which `room` can be told, of which a slot takes so much; who was.
    fn tell(
        &mut self,
        things: &[Thing],
        room: usize,
        is_lost: bool,
        takes: impl Fn(&View, u16) -> usize,
    ) -> Vec<NetId> {
        self.now = Tick(self.now.0 + self.interval);
        if self.under_way.len() == WAIT
            && let Some((part, tick, told, is_lost)) = self.under_way.pop_front()
        {
            let outcome = if is_lost { PartOutcome::Lost } else { PartOutcome::Acked };
            assert!(self.view.on_report(part, outcome, self.now));
            told.iter().filter(|_| !is_lost).for_each(|id| self.arrived[id.row()] = tick);
        }
        let mut due = Vec::new();
        let look = |id: NetId, phase: Phase, untold_ticks: u32| {
            let Thing { state, pace, changed } = things[id.row()];
            let (known, is_near) = self.attention.urgency(id, &state, pace);
            let known = or_expiring(known, untold_ticks);
            let urgency = if phase == Phase::Known { known } else { URGENCY_STRUCTURE };
            Some(Regard { changed, urgency, is_near })
        };
        let far = things.len().saturating_sub(NEAR);
        let turns = if self.takes_turns { Turns::of(far, room, 1) } else { Turns::ALL };
        self.view.rank(self.now, turns, URGENCY_STRUCTURE, look, |slot, priority| due.push((priority, slot)));
        due.sort_unstable_by(|a, b| b.cmp(a));
        self.priority_max = self.priority_max.max(due.first().map_or(0, |&(priority, _)| priority));
        let mut left = room;
        let fits = |&(_, slot): &(u32, u16)| {
            let rest = left.checked_sub(takes(&self.view, slot));
            left = rest.unwrap_or(0);
            rest.is_some()
        };
        due = due.into_iter().take_while(fits).collect();
        let part = self.view.begin_part(self.now);
        due.iter().for_each(|&(_, slot)| self.view.record(slot));
        let told: Vec<_> = due.into_iter().map(|(_, slot)| self.view.id(slot)).collect();
        self.under_way.push_back((part, self.now, told.clone(), is_lost));
        told
    }
}

/// Of someone at the origin who fights nobody and looks south, where nobody is.
const HERE: Attention =
    Attention { x: 0, y: 0, heading: (0, -1_024), tiers: TIERS, opponents: [NetId(0); FIGHTING_MAX], opponents_len: 0 };
/// 15 m and 40 m.
const TIERS: Tiers = Tiers { first: (15 * UNITS_PER_M as i64).pow(2), second: (40 * UNITS_PER_M as i64).pow(2) };

fn at(distance_m: i32, kind: EntityKind, pace: Pace) -> Thing {
    let state = EntityState { x: distance_m * UNITS_PER_M, kind, ..EntityState::default() };
    Thing { state, pace, changed: Tick(1) }
}

fn any_thing() -> impl Strategy<Value = Thing> {
    let (kinds, paces) = (prop::sample::select(&EntityKind::ALL[..]), prop::sample::select(&Pace::ALL[..]));
    (0..115_i32, kinds, paces).prop_map(|(distance, kind, pace)| at(distance, kind, pace))
}

fn urgency(thing: &Thing) -> u16 {
    HERE.urgency(NetId(0), &thing.state, thing.pace).0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_starves_whatever_else_there_is_to_tell(
        mut things in prop::collection::vec(any_thing(), 2..300), records in 4_usize..60, fights in 0_usize..=FIGHTING_MAX,
        takes_turns in any::<bool>(),
    ) {
        let fights = fights.min(things.len() - 1).min(records);
        let opponents: Vec<_> = (0..fights as u16).map(NetId).collect();
        let mut telling = Telling::new(&opponents, things.len());
        telling.takes_turns = takes_turns;
        // An enter is repeated in its own time: everything is known first.
        (0..20).for_each(|_| drop(telling.tick(&things, things.len(), false)));
        let mut told = vec![telling.now; things.len()];
        for _ in 0..1_500 {
            things.iter_mut().for_each(|thing| thing.changed = telling.now.next());
            for id in telling.tick(&things, records, false) {
                told[id.row()] = telling.now;
            }
            for (row, thing) in things.iter().enumerate() {
                let waited = telling.now.since(told[row]) as usize;
                let bound = things.len() * usize::from(URGENCY_FIGHTING) / (usize::from(urgency(thing)) * records);
                let turn = if takes_turns { 16 } else { 1 };
                prop_assert!(waited <= bound + turn, "{thing:?} has waited {waited} ticks of {bound}");
            }
        }
    }

    /// proves: SNP-10
    #[test]
    fn what_stops_is_told_as_it_stopped_although_parts_are_lost(
        mut things in prop::collection::vec(any_thing(), 2..120), records in 4_usize..40, losses in any::<u64>(),
    ) {
        let mut telling = Telling::new(&[], things.len());
        let is_lost = |tick: u32| losses >> (tick % 64) & 1 == 1;
        for tick in 0..200 {
            things.iter_mut().for_each(|thing| thing.changed = telling.now.next());
            telling.tick(&things, records, is_lost(tick));
        }
        let stopped = telling.now;
        things.iter_mut().for_each(|thing| thing.pace = Pace::Still);
        (0..64).for_each(|tick| drop(telling.tick(&things, records, is_lost(tick))));
        // What was lost last is known to be so, is told within the bound, and has arrived.
        let slowest = things.iter().map(urgency).min().unwrap();
        let bound = things.len() * usize::from(URGENCY_STRUCTURE) / (usize::from(slowest) * records) + 1;
        (0..bound + 2 * WAIT).for_each(|_| drop(telling.tick(&things, records, false)));
        prop_assert!(telling.arrived.iter().all(|tick| *tick >= stopped), "of {stopped:?}: {:?}", telling.arrived);
        prop_assert!(telling.tick(&things, records, false).is_empty(), "and then it costs nothing");
    }
}

#[test]
fn whom_one_fights_is_told_in_every_tick_while_the_crowd_shares_the_rest() {
    let mut things = vec![at(30, EntityKind::Player, Pace::Run); 200];
    let mut telling = Telling::new(&[NetId(7), NetId(150)], 200);
    let mut times = vec![0; 200];
    for tick in 0..400 {
        things.iter_mut().for_each(|thing| thing.changed = telling.now.next());
        let told = telling.tick(&things, 50, false);
        if tick >= 100 {
            told.iter().for_each(|id| times[id.row()] += 1);
        }
    }
    assert_eq!((times[7], times[150]), (300, 300), "60 Hz");
    let others: Vec<_> = (0..200).filter(|row| ![7, 150].contains(row)).map(|row| times[row]).collect();
    let (least, most) = (others.iter().min().unwrap(), others.iter().max().unwrap());
    assert!((300 / 5..=300 / 4).contains(least) && *most <= 300 / 4, "{least} to {most}: every four or five ticks");
}

#[test]
fn whom_one_aims_at_is_told_before_those_beside_him() {
    let at = |x_m: i32, y_m: i32, kind| EntityState {
        x: x_m * UNITS_PER_M,
        y: y_m * UNITS_PER_M,
        kind,
        ..EntityState::default()
    };
    let player = |x_m, y_m| at(x_m, y_m, EntityKind::Player);
    for (yaw, ahead, beside, behind) in [
        (0, player(90, 5), player(90, 8), player(-9, 0)),
        (1_020, player(-2, 50), player(5, 50), player(0, -50)),
        (2_052, player(-99, 0), player(-101, 0), player(1, 0)),
        (4_090, player(40, 1), player(40, 4), player(-40, 0)),
    ] {
        let attention = Attention::at(&EntityState { yaw, ..EntityState::default() }, TIERS);
        assert_eq!(attention.urgency(NetId(1), &ahead, Pace::Still), (URGENCY_AIMED, true), "at {yaw}");
        for other in [beside, behind, EntityState { kind: EntityKind::Item, ..ahead }] {
            assert!(attention.urgency(NetId(1), &other, Pace::Still).0 < URGENCY_AIMED, "at {yaw}: {other:?}");
        }
    }
    let same_place = Attention::at(&player(0, 0), TIERS).urgency(NetId(1), &player(0, 0), Pace::Run).0;
    assert_eq!(same_place, BY_TIER[0]);
}

#[test]
fn rates_follow_distance_pace_and_kind() {
    let kinds = EntityKind::ALL;
    for (nearer, farther) in [(0, 16), (40, 41)] {
        let of = |distance| kinds.map(|kind| Pace::ALL.map(|pace| urgency(&at(distance, kind, pace))));
        assert!(of(nearer).as_flattened().iter().zip(of(farther).as_flattened()).all(|(near, far)| near > far));
    }
    for kind in kinds {
        assert!(Pace::ALL.map(|pace| urgency(&at(3, kind, pace))).is_sorted());
    }
    let runner = |kind| urgency(&at(50, kind, Pace::Run));
    assert!(
        runner(EntityKind::Projectile) > runner(EntityKind::Player)
            && runner(EntityKind::Player) > runner(EntityKind::Item)
    );
    assert!(URGENCIES.as_flattened().as_flattened().iter().all(|urgency| (1..URGENCY_STRUCTURE).contains(urgency)));
}

/// Eight hundred in one place over 12 kB/s: a record takes 50 bits if there is a state to tell it from, else 100.
#[test]
fn a_crowd_of_which_all_was_too_old_is_told_by_differences_again() {
    let mut things: Vec<_> = (0..800).map(|row| at(row / 8, EntityKind::Player, Pace::Run)).collect();
    let mut telling = Telling::new(&[], things.len());
    let mut distances: Vec<_> = things.iter().map(|thing| i64::from(thing.state.x).pow(2)).collect();
    telling.attention.tiers = Tiers::of(&mut distances);
    (0..20).for_each(|_| drop(telling.tick(&things, things.len(), false)));
    telling.now = Tick(telling.now.0 + 2 * BASELINE_TICKS);
    let mut told = vec![telling.now; things.len()];
    for tick in 0..1_200 {
        things.iter_mut().for_each(|thing| thing.changed = telling.now.next());
        let now = telling.now.next();
        let bits = |view: &View, slot: u16| if view.due(slot, now).acked != 0 { 50 } else { 100 };
        for id in telling.tell(&things, 1_200, false, bits) {
            told[id.row()] = telling.now;
        }
        let longest = told.iter().map(|&then| telling.now.since(then)).max();
        assert!(tick < 600 || longest < Some(BASELINE_TICKS), "{longest:?} ticks in tick {tick}");
    }
}

#[test]
fn tiers_are_counted_not_measured() {
    let mut distances: Vec<i64> = (1..=200).rev().collect();
    assert_eq!(Tiers::of(&mut distances), Tiers { first: 17, second: 41 });
    assert_eq!(Tiers::of(&mut [9; 18]), Tiers { first: 9, second: i64::MAX });
    assert_eq!(Tiers::of(&mut [9; 17]), Tiers { first: i64::MAX, second: i64::MAX });
    assert_eq!(Tiers::of(&mut []), Tiers { first: i64::MAX, second: i64::MAX });
}

/// Sixty-four people who all run all the time: the rates are those of the three tiers.
#[test]
fn a_crowd_of_64_is_told_at_60_20_and_10_hz_with_29_records_a_tick() {
    let mut things: Vec<_> = (0..64).map(|row| at(1 + row, EntityKind::Player, Pace::Run)).collect();
    let mut telling = Telling::new(&[], 64);
    let mut distances: Vec<_> = things.iter().map(|thing| i64::from(thing.state.x).pow(2)).collect();
    telling.attention.tiers = Tiers::of(&mut distances);
    let mut times = [0; 64];
    for tick in 0..660 {
        things.iter_mut().for_each(|thing| thing.changed = telling.now.next());
        let told = telling.tick(&things, 29, false);
        told.iter().filter(|_| tick >= 60).for_each(|id| times[id.row()] += 1);
    }
    let hz = |rows: std::ops::Range<usize>| times[rows].iter().map(|times| times / 10).min().unwrap();
    assert_eq!(hz(0..17), 60, "{times:?}");
    assert!(hz(17..41) >= 20 && hz(41..64) >= 10, "{times:?}");
}

/// Six hundred people who all run all the time, of whom the nearest go on being so: the others are told about as often
/// as if all of them were weighed in every tick, and two viewers with other eyes and links tell of the same ones.
#[test]
fn in_a_crowd_turns_change_no_rates_and_viewers_share_them() {
    let mut things: Vec<_> = (0..600).map(|row| at(1 + row, EntityKind::Player, Pace::Run)).collect();
    let run = |things: &mut [Thing], takes_turns: bool, records: usize| {
        let mut telling = Telling::new(&[], things.len());
        telling.takes_turns = takes_turns;
        let mut distances: Vec<_> = things.iter().map(|thing| i64::from(thing.state.x).pow(2)).collect();
        telling.attention.tiers = Tiers::of(&mut distances);
        (0..1_500)
            .map(|_| {
                things.iter_mut().for_each(|thing| thing.changed = telling.now.next());
                telling.tick(things, records, false)
            })
            .skip(300)
            .collect::<Vec<_>>()
    };
    let times = |told: &[Vec<NetId>], rows: std::ops::Range<usize>| {
        told.iter().flatten().filter(|id| rows.contains(&id.row())).count() / rows.len()
    };
    let [weighed, taken, by_another] =
        [(false, 45), (true, 45), (true, 39)].map(|(takes_turns, records)| run(&mut things, takes_turns, records));
    for (rows, within) in [(0..17, 12), (17..41, 60), (41..600, 3)] {
        let (weighed, taken) = (times(&weighed, rows.clone()), times(&taken, rows.clone()));
        assert!(weighed.abs_diff(taken) <= within, "{rows:?}: {taken} times instead of {weighed}");
    }
    let far = |told: &[Vec<NetId>]| told.iter().flatten().filter(|id| id.row() >= 41).count();
    let shared = |one: &[Vec<NetId>], other: &[Vec<NetId>]| {
        let both =
            one.iter().zip(other).flat_map(|(one, other)| one.iter().filter(|id| id.row() >= 41 && other.contains(id)));
        both.count() as f64 / far(other) as f64
    };
    let (turns, none) = (shared(&taken, &by_another), shared(&weighed, &by_another));
    assert!(turns > 0.4 && none < 0.1, "{turns} and {none} of the others at once");
}

/// All change in every tick. Those who have waited longer than the bound, counted in ticks in which `records` are told.
fn beyond_the_bound(telling: &mut Telling, things: &mut [Thing], records: usize, ticks: usize) -> usize {
    let urgencies: Vec<_> =
        (0..).zip(&*things).map(|(id, at)| telling.attention.urgency(NetId(id), &at.state, at.pace).0).collect();
    let most = usize::from(*urgencies.iter().max().unwrap());
    let mut waited = vec![0; things.len()];
    let mut beyond = 0;
    for _ in 0..ticks {
        things.iter_mut().for_each(|thing| thing.changed = Tick(telling.now.0 + telling.interval));
        let told = telling.tick(things, records, false);
        waited.iter_mut().for_each(|waited| *waited += 1);
        told.iter().for_each(|id| waited[id.row()] = 0);
        let bound = |urgency: u16| things.len() * most / (usize::from(urgency) * records) + 16;
        beyond = beyond.max(waited.iter().zip(&urgencies).filter(|(waited, of)| **waited > bound(**of)).count());
    }
    beyond
}

/// A table without a free slot behind a link that gives no feedback (PKT-62): nothing is slower.
#[test]
fn over_the_slowest_link_nobody_of_a_full_table_waits_longer_than_the_bound() {
    let header = PartHeader {
        tick: Tick(0),
        own: Some(OwnState::default()),
        usual: None,
        last_code: 0,
        gap_bits: 0,
        records: 0,
    };
    let part_bytes = BLIND_PACKET_BYTES_MAX - FURTHER_PACKET_BYTES as usize;
    let records = (part_bytes * 8 - header.bits(true) as usize) / RECORD_BITS;
    let kinds = EntityKind::ALL;
    let thing = |row: usize| at(row as i32 % 115, kinds[row % kinds.len()], Pace::ALL[row / 5 % Pace::ALL.len()]);
    let mut things: Vec<_> = (0..SLOTS_MAX).map(thing).collect();
    let mut telling = Telling::new(&[], things.len());
    (telling.takes_turns, telling.interval) = (true, BLIND_INTERVAL_TICKS);
    // All of them have to be told as new first, which takes half a minute.
    let enters = beyond_the_bound(&mut telling, &mut things, records, 2 * SLOTS_MAX / records);
    assert_eq!((enters, telling.view.present()), (0, SLOTS_MAX));
    let [least, most] = [things.iter().map(urgency).min(), things.iter().map(urgency).max()].map(Option::unwrap);
    let longest = SLOTS_MAX * usize::from(most) / (usize::from(least) * records);
    assert_eq!(beyond_the_bound(&mut telling, &mut things, records, longest + 100), 0, "{records} records");
    assert!(telling.priority_max < PRIORITY_MAX, "{}", telling.priority_max);
}

/// Eight fights and a full table, all of it rushing about in one place, and one of them told in a tick.
#[test]
fn priorities_have_room_for_the_longest_wait_there_can_be() {
    let mut things = vec![at(1, EntityKind::Projectile, Pace::Rush); SLOTS_MAX];
    let opponents: Vec<_> = (0..FIGHTING_MAX as u16).map(NetId).collect();
    let mut telling = Telling::new(&opponents, things.len());
    (0..20).for_each(|_| drop(telling.tick(&things, SLOTS_MAX, false)));
    assert_eq!(beyond_the_bound(&mut telling, &mut things, 1, 4 * SLOTS_MAX), 0);
    let most = SLOTS_MAX as u32 * u32::from(URGENCY_FIGHTING);
    assert!((1 << 17..most).contains(&telling.priority_max), "{}", telling.priority_max);
}

#[test]
fn when_all_have_come_to_the_end_of_priorities_each_is_told_before_anyone_twice() {
    let mut things = vec![at(1, EntityKind::Player, Pace::Rush); 500];
    let mut telling = Telling::new(&[], things.len());
    (0..20).for_each(|_| drop(telling.tick(&things, things.len(), false)));
    things.iter_mut().for_each(|thing| thing.changed = Tick(u32::MAX));
    let urgency = u32::from(urgency(&things[0]));
    (0..PRIORITY_MAX / urgency + 1).for_each(|_| drop(telling.tick(&things, 0, false)));
    assert_eq!(telling.priority_max, PRIORITY_MAX);
    let mut times = vec![0; things.len()];
    (0..500).for_each(|_| telling.tick(&things, 1, false).iter().for_each(|id| times[id.row()] += 1));
    assert_eq!(times, vec![1; 500]);
}
