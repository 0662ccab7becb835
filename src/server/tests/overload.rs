//! What a world gives up that cannot keep its pace, as its players see it, and how it takes that back.

mod rig;

use netem::LinkConfig;
use rig::Rig;
use server::Step;

/// What a tick takes that is too slow, and one that is not, in nanoseconds.
const SLOW_NS: u64 = 20_000_000;
const QUICK_NS: u64 = 1_000_000;

fn meadow(bots: u64) -> Rig {
    meadow_with_rate(rudp::ConnectionConfig::default().rate_bytes_per_s, bots)
}

fn meadow_with_rate(bytes_per_s: u32, bots: u64) -> Rig {
    let link = LinkConfig::with_latency_ns(1_000_000);
    let mut rig = Rig::with_rate(bytes_per_s, link, |config| config.queue_max = 8);
    for number in 1..=bots {
        rig.join(number);
    }
    rig.run_until_joined(300);
    for index in 0..rig.bots.len() {
        rig.place(index, 500.0 + index as f64, 500.0);
    }
    rig.run_ticks(60);
    rig
}

/// Runs ticks that take so long, until the ladder says that it stands there.
fn until(rig: &mut Rig, took_ns: u64, step: Step) {
    for _ in 0..60 * 60 {
        rig.run_ticks(1);
        if rig.realm.handle_load(took_ns) == Some(step) {
            return;
        }
    }
    panic!("the ladder never stood at {step:?}");
}

/// Snapshots that a player had in a second.
fn snapshots(rig: &mut Rig, index: usize) -> usize {
    let (id, before) = (rig.own_id(index), rig.truth.len());
    let seen = |rig: &Rig| rig.truth.keys().filter(|(_, of)| *of == id).count();
    let had = seen(rig);
    rig.run_ticks(60);
    assert!(rig.truth.len() > before);
    seen(rig) - had
}

#[test]
fn each_step_sends_less_and_all_of_it_comes_back() {
    let mut rig = meadow(5);
    assert_eq!(snapshots(&mut rig, 2), 60);
    until(&mut rig, SLOW_NS, Step::Rate);
    rig.run_ticks(5);
    assert_eq!(snapshots(&mut rig, 2), 30);
    until(&mut rig, SLOW_NS, Step::Radius);
    rig.run_ticks(5);
    assert_eq!(snapshots(&mut rig, 2), 20);
    until(&mut rig, SLOW_NS, Step::Joins);
    rig.run_ticks(5);
    assert_eq!(snapshots(&mut rig, 2), 12);
    assert_eq!((rig.realm.status().overload_ups, rig.realm.step().level()), (4, 4));
    until(&mut rig, QUICK_NS, Step::None);
    rig.run_ticks(5);
    assert_eq!(snapshots(&mut rig, 2), 60);
    assert_eq!(rig.realm.status().overload_downs, 4);
    rig.assert_all_true();
    assert!(rig.bots.iter().all(|bot| bot.gone.is_none()), "nobody was lost over it");
}

/// proves: INP-1
#[test]
fn who_is_told_less_than_thirty_times_a_second_sends_inputs_two_by_two_or_three_by_three_and_all_of_them_are_used() {
    let mut rig = meadow(3);
    let at = |rig: &Rig| {
        let client = &rig.bots[1].client;
        let transport = client.stats().transport;
        (transport.packets_out - transport.ack_only_out, client.own().unwrap().1.input_applied)
    };
    for (step, fewest, most) in [(Step::Rate, 120, 130), (Step::Radius, 60, 70), (Step::Joins, 40, 50)] {
        until(&mut rig, SLOW_NS, step);
        rig.run_ticks(120);
        let (sent_before, used_before) = at(&rig);
        rig.run_ticks(120);
        let (sent, used) = at(&rig);
        let (sent, used) = (sent - sent_before, used.wrapping_sub(used_before));
        assert!((fewest..=most).contains(&sent), "{step:?}: {sent} packets for 120 inputs");
        assert!(used.abs_diff(120) <= 5, "{step:?}: {used} of 120 inputs");
    }
}

#[test]
fn a_slow_link_and_a_step_together_send_as_seldom_as_the_slower_of_both() {
    // At these rates a link carries a part in every second, third and sixth tick. Six players have all their turns.
    for (bytes_per_s, [at_rate, at_radius]) in [(11_000, [30, 20]), (5_000, [20, 20]), (3_000, [10, 10])] {
        let mut rig = meadow_with_rate(bytes_per_s, 6);
        for (step, per_s) in [(Step::Rate, at_rate), (Step::Radius, at_radius)] {
            until(&mut rig, SLOW_NS, step);
            rig.run_ticks(12);
            let had: Vec<usize> = (0..6).map(|index| snapshots(&mut rig, index)).collect();
            assert!(had.iter().all(|had| had.abs_diff(per_s) <= 1), "{bytes_per_s} B/s, {step:?}: {had:?}");
        }
    }
}

#[test]
fn sight_is_a_quarter_shorter_from_the_second_step_on() {
    let mut rig = meadow(2);
    rig.bots.iter_mut().for_each(|bot| bot.wanders = false);
    rig.place(1, 590.0, 500.0);
    rig.run_ticks(60);
    assert!(rig.sees(0, 1), "90 m are less than 100");
    until(&mut rig, SLOW_NS, Step::Radius);
    rig.run_ticks(60);
    assert!(!rig.sees(0, 1), "90 m are more than three quarters of 115");
    rig.place(1, 570.0, 500.0);
    rig.run_ticks(60);
    assert!(rig.sees(0, 1), "70 m are less than 75");
    until(&mut rig, QUICK_NS, Step::None);
    rig.place(1, 590.0, 500.0);
    rig.run_ticks(60);
    assert!(rig.sees(0, 1));
}

#[test]
fn a_shorter_sight_has_as_many_places_fewer_as_it_has_less_of_the_plane() {
    let mut rig = Rig::new(LinkConfig::with_latency_ns(1_000_000), |config| config.visible_max = 16);
    for number in 1..=20 {
        rig.join(number);
    }
    rig.run_until_joined(300);
    let line_up = |rig: &mut Rig| {
        (0..20).for_each(|index| rig.place(index, 500.0 + index as f64, 500.0));
        rig.run_ticks(60);
    };
    line_up(&mut rig);
    let seen = |rig: &Rig| (1..20).filter(|&other| rig.sees(0, other)).count();
    assert_eq!(seen(&rig), 16);
    until(&mut rig, SLOW_NS, Step::Radius);
    line_up(&mut rig);
    assert_eq!(seen(&rig), 9);
    assert!((1..=6).all(|nearest| rig.sees(0, nearest)), "three quarters of them are the nearest");
    until(&mut rig, QUICK_NS, Step::None);
    rig.run_ticks(120);
    assert_eq!(seen(&rig), 16);
}

#[test]
fn nobody_is_let_in_while_the_world_cannot_carry_those_who_are_there() {
    let mut rig = meadow(2);
    until(&mut rig, SLOW_NS, Step::Joins);
    let late = rig.join(9);
    rig.run_ticks(120);
    assert!(rig.bots[late].client.welcome().is_none());
    until(&mut rig, QUICK_NS, Step::None);
    rig.run_ticks(60);
    assert!(rig.bots[late].client.welcome().is_some(), "he waited meanwhile");
}

#[test]
fn a_world_at_half_its_pace_suspects_nobody_whose_client_goes_on_at_its_own() {
    let mut rig = meadow(3);
    rig.realm_ticks_every = 2;
    rig.run_ticks(60 * 60);
    assert_eq!(rig.realm.status().suspicions, [0; server::SUSPICIONS]);
    assert_eq!(rig.realm.status().reports_refused, 0);
}
