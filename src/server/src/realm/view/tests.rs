//! The life of a presence.

use super::*;

const A: NetId = NetId(7);

/// A view that has told its client of `A` at tick 100 in part 0.
fn entered() -> View {
    let mut view = View::default();
    let slot = view.enter(A).unwrap();
    assert_eq!(view.begin_part(Tick(100)), PartId(0));
    view.record(slot);
    view
}

fn tell(view: &mut View, tick: u32) -> PartId {
    let part = view.begin_part(Tick(tick));
    view.record(0);
    part
}

/// One that is looked at in every tick.
fn near(changed: Tick) -> Regard {
    Regard { changed, urgency: 1, is_near: true }
}

/// Whether slot 0, whose entity's state last changed at `changed`, is told at `now`.
fn is_due(view: &mut View, changed: Tick, now: Tick) -> bool {
    let mut is_due = false;
    view.rank(now, Turns::ALL, 1, |_, _, _| Some(near(changed)), |slot, _| is_due |= slot == 0);
    is_due
}

#[test]
fn an_acknowledged_state_becomes_a_baseline_of_its_age() {
    let mut view = entered();
    assert!(view.on_report(PartId(0), PartOutcome::Acked, Tick(104)));
    assert_eq!(view.phase(0), Phase::Known);
    assert_eq!(view.due(0, Tick(104)).acked, 1 << 4);
    assert_eq!(view.due(0, Tick(163)).acked, 1 << 63);
    assert_eq!(view.due(0, Tick(164)).acked, 0);
}

/// proves: SNP-10
#[test]
fn an_idle_entity_is_told_until_its_final_value_is_acknowledged_and_not_longer() {
    let mut view = entered();
    view.on_report(PartId(0), PartOutcome::Acked, Tick(102));
    let changed = Tick(110);
    assert!(is_due(&mut view, changed, Tick(110)));
    let part = tell(&mut view, 110);
    assert!(!is_due(&mut view, changed, Tick(111)), "it is under way");
    view.on_report(part, PartOutcome::Lost, Tick(115));
    assert!(is_due(&mut view, changed, Tick(115)), "it was lost");
    let part = tell(&mut view, 116);
    view.on_report(part, PartOutcome::Acked, Tick(120));
    assert!(!is_due(&mut view, changed, Tick(10_000)));
}

#[test]
fn a_loss_of_an_older_part_does_not_repeat_a_newer_one() {
    let mut view = entered();
    view.on_report(PartId(0), PartOutcome::Acked, Tick(102));
    let older = tell(&mut view, 103);
    tell(&mut view, 104);
    view.on_report(older, PartOutcome::Lost, Tick(108));
    assert!(!is_due(&mut view, Tick(104), Tick(108)));
}

/// proves: SNP-7
#[test]
fn a_leave_is_repeated_until_acknowledged_and_its_slot_rests_64_ticks() {
    let mut view = entered();
    view.on_report(PartId(0), PartOutcome::Acked, Tick(102));
    view.leave(0);
    assert_eq!(view.present(), 0);
    assert!(is_due(&mut view, Tick(0), Tick(103)));
    let lost = tell(&mut view, 103);
    assert!(!is_due(&mut view, Tick(0), Tick(104)));
    view.on_report(lost, PartOutcome::NotSent, Tick(104));
    assert!(is_due(&mut view, Tick(0), Tick(104)));
    let part = tell(&mut view, 105);
    view.on_report(part, PartOutcome::Acked, Tick(110));
    let mut gone = Vec::new();
    view.cool(Tick(173), |id| gone.push(id));
    assert_eq!((gone.len(), view.enter(NetId(8))), (0, Some(1)), "the slot still rests");
    view.cool(Tick(174), |id| gone.push(id));
    assert_eq!((gone, view.enter(NetId(9))), (vec![A], Some(0)));
    assert_eq!(view.due(0, Tick(168)).status.epoch(), 1, "a new presence in the slot is a new epoch");
}

#[test]
fn an_acknowledged_enter_of_an_entity_that_left_meanwhile_does_not_bring_it_back() {
    let mut view = entered();
    view.leave(0);
    view.on_report(PartId(0), PartOutcome::Acked, Tick(104));
    assert_eq!(view.phase(0), Phase::Leaving);
}

#[test]
fn reports_of_another_epoch_are_ignored() {
    let mut view = entered();
    view.resync();
    view.on_report(PartId(0), PartOutcome::Acked, Tick(104));
    assert_eq!(view.phase(0), Phase::Entering);
    assert_eq!(view.due(0, Tick(104)).acked, 0);
}

#[test]
fn parts_may_be_decided_in_any_order_but_each_only_once() {
    let mut view = entered();
    let second = tell(&mut view, 101);
    let third = tell(&mut view, 102);
    assert!(view.on_report(third, PartOutcome::Acked, Tick(104)));
    assert!(!view.on_report(third, PartOutcome::Lost, Tick(104)));
    assert!(view.on_report(PartId(0), PartOutcome::Lost, Tick(105)));
    assert!(view.on_report(second, PartOutcome::Acked, Tick(105)));
    assert!(!view.on_report(second, PartOutcome::Acked, Tick(105)));
    assert_eq!(view.due(0, Tick(105)).acked, 0b11000);
}

/// proves: SNP-3
#[test]
fn after_minutes_without_an_acknowledged_part_ticks_are_spelled_out_again() {
    let mut view = entered();
    assert!(!view.is_anchored(Tick(100)), "nothing was acknowledged yet");
    view.on_report(PartId(0), PartOutcome::Acked, Tick(104));
    assert!(view.is_anchored(Tick(100 + ANCHOR_TICKS)));
    assert!(!view.is_anchored(Tick(101 + ANCHOR_TICKS)));
    let late = tell(&mut view, 40_000);
    view.on_report(late, PartOutcome::Lost, Tick(40_001));
    assert!(!view.is_anchored(Tick(40_001)), "a lost part tells the client nothing");
    view.resync();
    assert!(!view.is_anchored(Tick(100)));
}

#[test]
fn without_reports_sending_stops_at_the_bound() {
    let mut view = entered();
    for tick in 1..256 {
        assert!(view.may_send());
        tell(&mut view, 100 + tick);
    }
    assert!(!view.may_send());
    view.on_report(PartId(0), PartOutcome::Lost, Tick(400));
    assert!(view.may_send());
}

/// What waited before goes on where it stood: who becomes due meanwhile, however urgent, gains nothing on it.
#[test]
fn while_no_part_may_be_sent_nobody_grows_more_urgent() {
    let mut view = View::default();
    let slots = [A, NetId(8)].map(|id| view.enter(id).unwrap());
    view.begin_part(Tick(100));
    slots.into_iter().for_each(|slot| view.record(slot));
    view.on_report(PartId(0), PartOutcome::Acked, Tick(101));
    let ranked = |view: &mut View, now: u32, news: [u32; 2]| {
        let look = |id: NetId, _, _| {
            let (changed, urgency) = if id == A { (Tick(news[0]), 2) } else { (Tick(news[1]), 100) };
            Some(Regard { changed, urgency, is_near: true })
        };
        let mut due = Vec::new();
        view.rank(Tick(now), Turns::ALL, 1, look, |slot, priority| due.push((slot, priority)));
        due
    };
    (0..99).for_each(|tick| drop(ranked(&mut view, 101 + tick, [101, 0])));
    let first = view.begin_part(Tick(200));
    let rest: Vec<_> = (1..256).map(|tick| view.begin_part(Tick(200 + tick))).collect();
    assert!(rest.len() == 255 && !view.may_send());
    (0..500).for_each(|tick| assert_eq!(ranked(&mut view, 456 + tick, [101, 300]), []));
    view.on_report(first, PartOutcome::Lost, Tick(956));
    assert_eq!(ranked(&mut view, 956, [101, 300]), [(0, 200), (1, 100)]);
}

#[test]
fn what_went_in_a_further_part_of_a_tick_is_decided_with_that_part() {
    let mut view = View::default();
    let first = [A, NetId(8)].map(|id| view.enter(id).unwrap());
    view.begin_part(Tick(100));
    first.into_iter().for_each(|slot| view.record(slot));
    assert!(view.on_report(PartId(0), PartOutcome::Acked, Tick(102)));
    // Slot 0 in the first part of each tick, slot 1 in the second.
    let two_parts = |view: &mut View, tick: u32| {
        let parts = [0, 1].map(|slot| {
            let part = view.begin_part(Tick(tick));
            view.record(slot);
            part
        });
        assert_ne!(parts[0], parts[1]);
        parts
    };
    let [one, two] = two_parts(&mut view, 110);
    view.on_report(one, PartOutcome::Acked, Tick(112));
    assert_eq!([0, 1].map(|slot| view.due(slot, Tick(112)).acked), [1 << 12 | 1 << 2, 1 << 12]);
    view.on_report(two, PartOutcome::Acked, Tick(113));
    assert_eq!([0, 1].map(|slot| view.due(slot, Tick(113)).acked), [1 << 13 | 1 << 3; 2]);
    let [one, two] = two_parts(&mut view, 114);
    view.on_report(two, PartOutcome::Lost, Tick(116));
    view.on_report(one, PartOutcome::Acked, Tick(116));
    assert_eq!([0, 1].map(|slot| view.due(slot, Tick(116)).acked), [1 << 16 | 1 << 6 | 1 << 2, 1 << 16 | 1 << 6]);
    assert!(!is_due(&mut view, Tick(114), Tick(116)), "slot 0 has arrived");
    let mut due = Vec::new();
    view.rank(Tick(116), Turns::ALL, 1, |_, _, _| Some(near(Tick(114))), |slot, _| due.push(slot));
    assert_eq!(due, [1]);
}

/// proves: SNP-8
#[test]
fn a_further_part_is_no_baseline_if_the_first_of_its_tick_was_lost() {
    let mut view = entered();
    view.on_report(PartId(0), PartOutcome::Acked, Tick(102));
    let empty = view.begin_part(Tick(110));
    let part = tell(&mut view, 110);
    view.on_report(part, PartOutcome::Acked, Tick(112));
    view.on_report(empty, PartOutcome::Lost, Tick(112));
    assert_eq!(view.due(0, Tick(112)).acked, 1 << 12, "safe: the client holds more than is counted on");
    assert!(is_due(&mut view, Tick(110), Tick(113)), "told once more than needed, so that it is a baseline");
}

#[test]
fn what_a_record_takes_is_learned_from_parts_and_not_from_a_record_or_two() {
    let mut view = View::new();
    assert_eq!(view.record_bits(), 40, "nothing is known yet");
    view.note_record_bits(300, 3);
    assert_eq!(view.record_bits(), 40);
    view.note_record_bits(800, 10);
    assert_eq!(view.record_bits(), 80);
    view.note_record_bits(160, 10);
    assert_eq!(view.record_bits(), 64, "three quarters of what it was, one of what it is");
    (0..50).for_each(|_| view.note_record_bits(160, 10));
    assert!((16..=19).contains(&view.record_bits()), "{}", view.record_bits());
}
