//! Entities that nobody plays, seen from outside.

use game::{Game, GameConfig, MOB_SPEED_MAX, SPIN_MAX, SpawnError, THING_SPEED_MAX, Thing, WorldImage};
use protocol::motion::{Block, Body, StaticMap};
use protocol::orientation::ONE;
use protocol::state::{self, flag};
use protocol::unit::SUBUNITS_PER_M;
use protocol::{CharacterId, EntityKind, NetId, Orientation, Tick};
use std::sync::Arc;

fn config() -> GameConfig {
    let block = Block { x: 90.0, y: 40.0, width: 4.0, depth: 60.0, height: None };
    config_with(block)
}

fn config_with(block: Block) -> GameConfig {
    GameConfig {
        seed: 5,
        map: Arc::new(StaticMap::new(200, 200, &[block]).unwrap()),
        content: Arc::default(),
        incarnation: 1,
        entities_max: 100,
    }
}

fn at(x_m: i32, y_m: i32) -> Body {
    Body { x: x_m * SUBUNITS_PER_M, y: y_m * SUBUNITS_PER_M, ..Body::default() }
}

const TUMBLING: Thing = Thing::Body { turn: [ONE, 0, 0, 0], spin: [SPIN_MAX / 3, -SPIN_MAX / 5, 9] };
const SHOT: Thing = Thing::Projectile { yaw: 1_024, pitch: 9, ticks_left: 40 };
const LYING: Thing = Thing::Item { yaw: 7, form: 60_000 };
const STANDING: Thing = Thing::Mob { yaw: 3, pitch: 4 };

/// One of each kind, thrown: ids 0 to 3.
fn lively() -> Game {
    let mut game = Game::new(config());
    for (row, thing) in [STANDING, SHOT, LYING, TUMBLING].into_iter().enumerate() {
        let body = Body { vx: 8_000, z: SUBUNITS_PER_M, ..at(50, 50 + row as i32) };
        assert_eq!(game.spawn_thing(body, thing), Ok(NetId(row as u16)));
    }
    game.spawn_player(CharacterId(1), None).unwrap();
    game
}

#[test]
fn every_kind_is_published_as_what_it_is() {
    let mut game = lively();
    game.tick();
    let (replicas, spatial) = (game.replicas(), game.spatial());
    let kinds = [EntityKind::Mob, EntityKind::Projectile, EntityKind::Item, EntityKind::Body, EntityKind::Player];
    assert_eq!(replicas.live().iter().map(|&id| replicas.kind(id)).collect::<Vec<_>>(), kinds);
    assert!(replicas.live().iter().all(|&id| replicas.state(id).kind == replicas.kind(id)));
    assert_eq!(spatial.len(), 5);
    let [mob, shot, item, body] = [0, 1, 2, 3].map(|row| *replicas.state(NetId(row)));
    assert_eq!((mob.yaw, mob.pitch, mob.flags), (3, 4, flag::AIRBORNE | state::status(31, false)));
    assert_eq!((shot.yaw, shot.pitch, shot.flags), (1_024, 9, 0));
    assert_eq!((item.yaw, item.form(), item.flags), (7, 60_000, 0));
    assert_eq!(body.flags, 0);
    assert_ne!(body.orientation(), Orientation::default(), "it has begun to turn");
    assert_eq!(game.thing(NetId(2)), Some(&LYING));
    assert_eq!((game.thing(NetId(4)), game.record(NetId(0)), game.own(NetId(0))), (None, None, None));
}

#[test]
fn all_but_the_projectile_come_to_rest_and_are_unchanged_from_then_on() {
    let mut game = lively();
    (0..1_200).for_each(|_| game.tick());
    let replicas = game.replicas();
    for row in [0, 2, 3] {
        assert!(game.now().since(replicas.changed(NetId(row))) > 300, "{row} still changes");
        assert_eq!(replicas.state(NetId(row)).z, 0);
    }
    assert_eq!(replicas.state(NetId(3)).flags, flag::AT_REST);
}

#[test]
fn what_is_thrown_onto_a_table_lies_on_it_and_what_slides_off_falls() {
    let table = Block { x: 90.0, y: 40.0, width: 4.0, depth: 60.0, height: Some(1.0) };
    let mut game = Game::new(config_with(table));
    let above = |y_m: i32, vx: i32| Body { z: 2 * SUBUNITS_PER_M, vx, ..at(92, y_m) };
    let rows = [(LYING, 0), (TUMBLING, 300), (STANDING, 0), (TUMBLING, 9_000)];
    for (row, (thing, vx)) in rows.into_iter().enumerate() {
        game.spawn_thing(above(50 + row as i32, vx), thing).unwrap();
    }
    (0..600).for_each(|_| game.tick());
    let z_cm = [0, 1, 2, 3].map(|row| game.body(NetId(row)).unwrap().z * 100 / SUBUNITS_PER_M);
    assert_eq!(z_cm, [100, 100, 100, 0]);
    let flags = [1, 2, 3].map(|row| game.replicas().state(NetId(row)).flags);
    assert_eq!(flags, [flag::AT_REST, state::status(31, false), flag::AT_REST]);
    let image = game.save();
    assert_eq!(Game::restore(config_with(table), &image).map(|game| game.hash()), Ok(game.hash()));
}

#[test]
fn a_projectile_passes_above_a_low_wall_and_ends_at_its_side_or_on_its_top() {
    let wall = Block { x: 90.0, y: 40.0, width: 4.0, depth: 60.0, height: Some(1.0) };
    let shot = Thing::Projectile { yaw: 0, pitch: 0, ticks_left: 100 };
    let end = |z_cm: i32, vz: i32| {
        let mut game = Game::new(config_with(wall));
        let body = Body { vx: SUBUNITS_PER_M / 5, z: z_cm * SUBUNITS_PER_M / 100, vz, ..at(80, 50) };
        let id = game.spawn_thing(body, shot).unwrap();
        let mut last = body;
        while let Some(body) = game.body(id) {
            last = *body;
            game.tick();
        }
        (last.x / SUBUNITS_PER_M, last.z * 100 / SUBUNITS_PER_M)
    };
    assert_eq!(end(101, 0).0, 99, "it flies 20 m and a tick is not seen any more");
    assert_eq!(end(99, 0), (90, 98), "rounded down");
    let (x, z) = end(200, -SUBUNITS_PER_M / 55);
    assert!((90..94).contains(&x) && z >= 100, "{x} {z}");
}

#[test]
fn a_projectile_whose_life_ends_is_gone_and_its_id_waits_to_be_recycled() {
    let mut game = lively();
    (0..39).for_each(|_| game.tick());
    assert!(game.replicas().is_live(NetId(1)) && game.ended().is_empty());
    game.tick();
    assert_eq!((game.ended(), game.replicas().is_live(NetId(1))), (&[NetId(1)][..], false));
    assert!(game.replicas().live().iter().all(|&id| id != NetId(1)));
    assert_eq!(game.retired().collect::<Vec<_>>(), [NetId(1)]);
    game.tick();
    assert!(game.ended().is_empty(), "each end is told once");
    assert_eq!(game.spawn_thing(at(50, 50), LYING), Ok(NetId(5)));
    game.recycle(NetId(1));
    assert_eq!(game.spawn_thing(at(50, 50), LYING), Ok(NetId(1)));
}

#[test]
fn things_go_on_after_a_restart_as_they_would_have() {
    let mut straight = lively();
    (0..120).for_each(|_| straight.tick());
    for saved_at in [0, 1, 39, 40, 41, 90] {
        let mut game = lively();
        (0..saved_at).for_each(|_| game.tick());
        let mut bytes = Vec::new();
        game.save().to_bytes(&mut bytes);
        let mut restored = Game::restore(config(), &WorldImage::from_bytes(&bytes).unwrap()).unwrap();
        assert_eq!(restored.hash(), game.hash());
        (saved_at..120).for_each(|_| restored.tick());
        assert_eq!((restored.hash(), restored.now()), (straight.hash(), Tick(120)), "saved at {saved_at}");
    }
}

#[test]
fn things_that_cannot_be_are_refused_and_nothing_has_changed() {
    let mut game = Game::new(config());
    let before = game.hash();
    for (body, thing) in [
        (at(92, 60), LYING),
        (at(-1, 60), LYING),
        (Body { vz: THING_SPEED_MAX + 1, ..at(50, 50) }, SHOT),
        (Body { vx: MOB_SPEED_MAX, vy: 100, ..at(50, 50) }, STANDING),
        (Body { z: -1, ..at(50, 50) }, SHOT),
        (at(50, 50), Thing::Projectile { yaw: 0, pitch: 0, ticks_left: 0 }),
        (at(50, 50), Thing::Body { turn: [0; 4], spin: [0; 3] }),
        (at(50, 50), Thing::Body { turn: [ONE, 0, 0, 0], spin: [SPIN_MAX + 1, 0, 0] }),
    ] {
        assert_eq!(game.spawn_thing(body, thing), Err(SpawnError::Impossible), "{body:?} {thing:?}");
    }
    assert_eq!(game.hash(), before);
    for _ in 0..100 {
        game.spawn_thing(at(50, 50), STANDING).unwrap();
    }
    assert_eq!(game.spawn_thing(at(50, 50), STANDING), Err(SpawnError::Full));
}

#[test]
fn who_matters_is_forgotten_with_its_end_and_only_bosses_outlive_a_restart() {
    let mut game = lively();
    let [mob, shot, item, body, player] = [0, 1, 2, 3, 4].map(NetId);
    assert!(game.set_always_relevant(player, shot, true) && game.set_boss(mob, true) && game.set_boss(shot, true));
    game.set_fighting(player, mob, Tick(1_000));
    assert!(!game.set_always_relevant(player, player, true), "oneself is told apart");
    assert!(!game.set_always_relevant(player, NetId(77), true) && !game.set_boss(NetId(77), true));
    let of = |game: &Game| {
        let bonds = game.bonds();
        (bonds.always(player).to_vec(), bonds.bosses().to_vec(), bonds.opponents(mob, game.now()).collect::<Vec<_>>())
    };
    assert_eq!(of(&game), (vec![shot], vec![mob, shot], vec![player]));
    (0..40).for_each(|_| game.tick());
    assert_eq!(game.ended(), [shot]);
    assert_eq!(of(&game), (vec![], vec![mob], vec![player]));
    let restored = Game::restore(config(), &game.save()).unwrap();
    assert_eq!(of(&restored), (vec![], vec![mob], vec![]));
    assert_eq!(restored.hash(), game.hash());
    assert!(game.set_always_relevant(player, body, true) && game.set_always_relevant(player, item, true));
    game.despawn(player);
    assert_eq!(of(&game), (vec![], vec![mob], vec![]));
}
