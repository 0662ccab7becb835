//! Who is in whose view, and how often it is told, from the world to the screens.

mod rig;

use client::ClientEvent;
use netem::LinkConfig;
use protocol::message::nearest_places;
use protocol::{NetId, Tick};
use rig::Rig;
use std::collections::BTreeSet;

/// 50 ms each way, a tenth lost.
fn bad() -> LinkConfig {
    LinkConfig { jitter_ns: 20_000_000, loss: 0.1, ..LinkConfig::with_latency_ns(50_000_000) }
}

/// Players in a row in the middle of the map, so many metres apart, who do not walk away.
fn row(link: LinkConfig, players: u64, apart_m: f64, visible_max: u16) -> Rig {
    let mut rig = Rig::new(link, |config| config.visible_max = visible_max);
    for number in 1..=players {
        rig.join(number);
    }
    rig.run_until_joined(300);
    for index in 0..rig.bots.len() {
        rig.place(index, 300.0 + index as f64 * apart_m, 500.0);
        rig.bots[index].wanders = false;
        rig.bots[index].input = protocol::Input::default();
    }
    rig.run_ticks(60);
    rig
}

/// proves: SNP-19
#[test]
fn a_friend_and_a_boss_are_seen_from_the_other_end_of_the_world_until_they_are_none() {
    let mut rig = row(bad(), 4, 120.0, 1_000);
    let [me, friend, boss] = [0, 2, 3].map(|index| rig.own_id(index));
    let sees = |rig: &Rig, viewer: usize| [1, 2, 3].map(|other| viewer != other && rig.sees(viewer, other));
    assert_eq!(sees(&rig, 0), [false, false, false], "120 m and more away");
    assert!(rig.realm.set_always_relevant(me, friend, true) && rig.realm.set_boss(boss, true));
    rig.run_ticks(60);
    assert_eq!(sees(&rig, 0), [false, true, true]);
    assert_eq!(sees(&rig, 1), [false, false, true], "a friend of somebody else's is not shown, a boss is");
    // They are told like everybody else.
    rig.bots[2].input.move_x = 127;
    rig.run_ticks(60);
    rig.bots[2].input.move_x = 0;
    rig.run_ticks(60);
    let shown = rig.bots[0].client.sees(friend).unwrap().state;
    assert_eq!(shown, rig.bots[2].client.own().unwrap().1.entity());
    rig.assert_all_true();
    assert!(rig.realm.set_always_relevant(me, friend, false) && rig.realm.set_boss(boss, false));
    rig.run_ticks(60);
    assert_eq!(sees(&rig, 0), [false, false, false]);
}

/// proves: SNP-7, SNP-11
#[test]
fn in_a_crowd_beyond_the_cap_the_nearest_are_always_seen_and_everybody_else_in_turn() {
    const MAX: usize = 12;
    let mut rig = row(bad(), 40, 1.0, MAX as u16);
    let ids: Vec<_> = (0..40).map(|index| rig.own_id(index)).collect();
    let mut met = vec![BTreeSet::new(); 40];
    let mut changes = 0;
    rig.bots.iter_mut().for_each(|bot| bot.events.clear());
    const TICKS: u32 = 1_800;
    for _ in 0..TICKS / 10 {
        rig.run_ticks(10);
        for (index, bot) in rig.bots.iter_mut().enumerate() {
            let shown: BTreeSet<NetId> = bot.client.entities().map(|(id, _)| id).collect();
            // One who comes in may arrive before the leave of the one whose place it takes.
            assert!(shown.len() <= MAX + 3, "{} are shown", shown.len());
            // At the end of the row those on one side are the nearest.
            if index == 0 {
                let nearest = &ids[1..=nearest_places(MAX)];
                assert!(nearest.iter().all(|id| shown.contains(id)), "{shown:?}");
            }
            met[index].extend(shown);
            changes += bot.events.drain(..).filter(|event| matches!(event, ClientEvent::Enter { .. })).count();
        }
    }
    rig.assert_all_true();
    assert!(met.iter().all(|met| met.len() == 39), "everybody has met everybody else: {:?}", met[0].len());
    // Three places go round, each for a second.
    let each = changes / 40;
    assert!((30..=3 * TICKS as usize / 60 + MAX).contains(&each), "{each} came into each view");
}

#[test]
fn whom_one_fights_is_told_in_nearly_every_tick_where_the_crowd_is_told_in_turn() {
    let mut rig = row(LinkConfig::with_latency_ns(1_000_000), 150, 0.2, 1_000);
    rig.bots.iter_mut().for_each(|bot| bot.wanders = true);
    let (me, foe) = (rig.own_id(0), rig.own_id(140));
    rig.realm.set_fighting(me, foe, Tick(u32::MAX));
    rig.run_ticks(60);
    let told = |rig: &Rig, id: NetId| rig.bots[0].client.sees(id).map_or(Tick(0), |seen| seen.tick);
    let (mut foes, mut others, mut before) = (0, 0, (Tick(0), Tick(0)));
    for _ in 0..240 {
        rig.run_ticks(1);
        let now = (told(&rig, foe), told(&rig, rig.own_id(141)));
        foes += u32::from(now.0 != before.0);
        others += u32::from(now.1 != before.1);
        before = now;
    }
    assert!(foes >= 235, "told in {foes} of 240 ticks");
    assert!(others + 20 < foes, "the crowd does not fit every tick: {others} of 240");
    rig.assert_all_true();
}
