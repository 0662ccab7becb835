//! Entities that nobody plays, from the world to the screens of those near them.

mod rig;

use game::{SPIN_MAX, Thing};
use netem::LinkConfig;
use protocol::motion::Body;
use protocol::orientation::ONE;
use protocol::state::flag;
use protocol::unit::SUBUNITS_PER_M;
use protocol::{EntityKind, EntityState, NetId, Tick};
use rig::Rig;
use std::collections::BTreeMap;

const TUMBLING: Thing = Thing::Body { turn: [ONE, 0, 0, 0], spin: [SPIN_MAX / 3, -SPIN_MAX / 5, 9] };
const SHOT: Thing = Thing::Projectile { yaw: 1_024, pitch: 9, ticks_left: 90 };
const LYING: Thing = Thing::Item { yaw: 7, form: 60_000 };
const STANDING: Thing = Thing::Mob { yaw: 3, pitch: 4 };

/// 50 ms each way, a tenth lost.
fn bad() -> LinkConfig {
    LinkConfig { jitter_ns: 20_000_000, loss: 0.1, ..LinkConfig::with_latency_ns(50_000_000) }
}

/// Players in the middle of the map, and one thing of each kind thrown among them.
fn thrown(link: LinkConfig, players: u64) -> (Rig, [NetId; 4]) {
    let mut rig = Rig::new(link, |_| {});
    for number in 1..=players {
        rig.join(number);
    }
    rig.run_until_joined(300);
    for index in 0..rig.bots.len() {
        rig.bots[index].wanders = false;
        rig.bots[index].input = protocol::Input::default();
        rig.place(index, 500.0 + index as f64, 500.0);
    }
    rig.run_ticks(60);
    let throw = |y_m: i32, thing: Thing| Body {
        x: 480 * SUBUNITS_PER_M,
        y: (490 + y_m) * SUBUNITS_PER_M,
        z: SUBUNITS_PER_M,
        vx: if thing == STANDING { 8_000 } else { 20_000 },
        vy: 777 * y_m,
        ..Body::default()
    };
    let mut row = 0;
    let things = [STANDING, SHOT, LYING, TUMBLING].map(|thing| {
        row += 1;
        rig.realm.spawn_thing(throw(row, thing), thing).unwrap()
    });
    (rig, things)
}

/// What the world said of things, by tick.
type Truth = BTreeMap<(Tick, NetId), EntityState>;

/// Runs, and compares what each client shows of things with what the world said of that tick.
fn watch(rig: &mut Rig, truth: &mut Truth, ticks: u32) -> u64 {
    let mut comparisons = 0;
    for _ in 0..ticks {
        rig.run_ticks(1);
        let replicas = rig.realm.game().replicas();
        let now = rig.realm.game().now();
        truth.extend(replicas.live().iter().map(|&id| ((now, id), *replicas.state(id))));
        for bot in &rig.bots {
            for (id, seen) in bot.client.entities().filter(|(_, seen)| seen.kind != EntityKind::Player) {
                assert_eq!(Some(&seen.state), truth.get(&(seen.tick, id)), "bot {} at {:?}", bot.number, seen.tick);
                assert_eq!(seen.state.kind, seen.kind);
                comparisons += 1;
            }
        }
    }
    comparisons
}

/// proves: SNP-10, SNP-16, SNP-17, SNP-18
#[test]
fn every_kind_is_shown_exactly_as_it_is_and_where_it_came_to_rest_even_over_a_bad_link() {
    let (mut rig, [mob, shot, item, body]) = thrown(bad(), 4);
    let mut truth = Truth::new();
    assert!(watch(&mut rig, &mut truth, 60) > 4 * 4 * 30);
    for bot in &rig.bots {
        let kinds = [mob, shot, item, body].map(|id| bot.client.sees(id).map(|seen| seen.kind));
        let expected = [EntityKind::Mob, EntityKind::Projectile, EntityKind::Item, EntityKind::Body];
        assert_eq!(kinds, expected.map(Some));
        assert_eq!(bot.client.sees(item).unwrap().state.form(), 60_000);
    }
    watch(&mut rig, &mut truth, 600);
    for bot in &rig.bots {
        for id in [mob, item, body] {
            assert_eq!(bot.client.sees(id).unwrap().state, *rig.realm.game().replicas().state(id));
        }
        assert_eq!(bot.client.sees(body).unwrap().state.flags, flag::AT_REST);
        assert_eq!(bot.client.stats().resyncs, 0);
    }
}

/// proves: SNP-7
#[test]
fn a_projectile_that_ended_is_gone_from_every_screen_and_its_id_comes_back_only_then() {
    let (mut rig, [_, shot, item, _]) = thrown(bad(), 4);
    rig.run_ticks(60);
    assert!(rig.bots.iter().all(|bot| bot.client.sees(shot).is_some()));
    rig.run_ticks(30);
    assert!(!rig.realm.game().replicas().is_live(shot));
    let mut waited = 0;
    while rig.realm.game().retired().any(|id| id == shot) {
        waited += 1;
        assert!(waited < 300, "the id never comes back");
        rig.run_ticks(1);
    }
    assert!(waited >= 64, "{waited} ticks: some packet may still have named it");
    assert!(rig.bots.iter().all(|bot| bot.client.sees(shot).is_none()));
    rig.realm.despawn_thing(item);
    let own = rig.own_id(0);
    rig.realm.despawn_thing(own);
    rig.run_ticks(60);
    assert!(rig.bots.iter().all(|bot| bot.client.sees(item).is_none()));
    assert!(rig.sees(1, 0), "a player is no thing");
}
