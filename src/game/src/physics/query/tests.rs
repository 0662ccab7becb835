//! Questions against the plainest search there is: every entity, one by one.

use super::*;
use crate::{GameConfig, Thing};
use proptest::prelude::*;
use protocol::CharacterId;
use protocol::motion::{Block, StaticMap};
use protocol::orientation::ONE;
use std::sync::Arc;

const M: i32 = SUBUNITS_PER_M;
const CRATE: Thing = Thing::Body { turn: [ONE, 0, 0, 0], spin: [0; 3] };
const MOB: Thing = Thing::Mob { yaw: 0, pitch: 0 };

/// 100 m a side, a wall to the sky at 60 m and a table of 1 m at 30 m.
fn world() -> Game {
    let wall = Block { x: 60.0, y: 40.0, width: 1.0, depth: 20.0, height: None };
    let table = Block { x: 30.0, y: 40.0, width: 2.0, depth: 20.0, height: Some(1.0) };
    let map = Arc::new(StaticMap::new(100, 100, &[wall, table]).unwrap());
    Game::new(GameConfig { seed: 1, map, content: Arc::default(), incarnation: 1, entities_max: 500 })
}

fn ground(x_m: i32, y_m: i32) -> Body {
    Body { x: x_m * M, y: y_m * M, ..Body::default() }
}

fn place(x_m: i32, y_m: i32, z_cm: i32) -> Place {
    Place { x: x_m * M, y: y_m * M, z: z_cm * M / 100 }
}

fn all(game: &Game) -> Vec<(NetId, EntityKind, Body)> {
    let roster = game.roster().live().iter();
    roster
        .map(|&id| {
            let entity = game.entity(id).unwrap();
            (id, game.world.get::<Replica>(entity).unwrap().kind, *game.body(id).unwrap())
        })
        .collect()
}

#[test]
fn a_ray_ends_at_what_it_meets_first() {
    let mut game = world();
    let near = game.spawn_thing(ground(50, 50), MOB).unwrap();
    let low = game.spawn_thing(ground(45, 50), CRATE).unwrap();
    let east =
        |z_cm, filter: &Filter| game.ray(place(40, 50, z_cm), 0, 0, 50 * M, filter).map(|hit| (hit.what, hit.length));
    let (to_mob, to_crate) = (10 * M - BODY_RADIUS, 5 * M - BODY_RADIUS);
    assert_eq!(east(50, &Filter::ALL), Some((Struck::Entity(low), to_crate)), "it has not ticked since they came");
    assert_eq!(east(100, &Filter::ALL), Some((Struck::Entity(near), to_mob)), "over the crate");
    assert_eq!(east(50, &Filter::kinds(&[EntityKind::Mob])), Some((Struck::Entity(near), to_mob)));
    assert_eq!(east(50, &Filter::ALL.except(low)), Some((Struck::Entity(near), to_mob)));
    assert_eq!(east(200, &Filter::ALL), Some((Struck::Block, 20 * M)));
    assert_eq!(east(200, &Filter::ALL.through_statics()), None);
    assert_eq!(game.ray(place(40, 50, 200), 0, 0, 20 * M - 1, &Filter::ALL), None, "too short");
    assert_eq!(game.ray(place(40, 50, 100), 0, 1 << 14, M, &Filter::ALL).map(|hit| hit.what), Some(Struck::Ground));
    assert_eq!(
        game.ray(place(50, 50, 100), 0, 0, M, &Filter::ALL),
        Some(Hit { what: Struck::Entity(near), length: 0 })
    );
}

#[test]
fn something_that_moves_touches_first_what_is_first_in_its_way() {
    let mut game = world();
    let mob = game.spawn_thing(ground(50, 50), MOB).unwrap();
    let sweep =
        |from, to, filter: &Filter| game.sweep(from, to, BODY_RADIUS, M, filter).map(|touch| (touch.what, touch.share));
    let share = |part: i64, of: i64| (part * STEPS / of) as u32;
    let way = i64::from(40 * M);
    assert_eq!(
        sweep(place(40, 50, 0), place(80, 50, 0), &Filter::ALL),
        Some((Struck::Entity(mob), share(i64::from(10 * M - 2 * BODY_RADIUS), way)))
    );
    assert_eq!(
        sweep(place(40, 50, 0), place(80, 50, 0), &Filter::STATICS),
        Some((Struck::Block, share(i64::from(20 * M - BODY_RADIUS), way)))
    );
    assert_eq!(sweep(place(40, 50, 200), place(59, 50, 200), &Filter::ALL), None, "above his head");
    assert_eq!(
        sweep(place(50, 50, 280), place(50, 50, 80), &Filter::ALL),
        Some((Struck::Entity(mob), Touch::WHOLE / 2)),
        "down onto his head"
    );
    assert_eq!(sweep(place(90, 10, 0), place(110, 10, 0), &Filter::ALL).map(|touch| touch.0), Some(Struck::Edge));
    assert_eq!(sweep(place(90, 10, 100), place(90, 10, -100), &Filter::ALL), Some((Struck::Ground, Touch::WHOLE / 2)));
    assert_eq!(
        sweep(place(50, 50, 0), place(40, 50, 0), &Filter::ALL),
        Some((Struck::Entity(mob), 0)),
        "in him already"
    );
    assert_eq!(sweep(place(31, 50, 150), place(31, 50, 50), &Filter::ALL), Some((Struck::Block, Touch::WHOLE / 2)));
}

#[test]
fn one_sees_over_a_table_and_not_through_a_wall() {
    let mut game = world();
    let [west, middle, east] = [20, 50, 70].map(|x_m| game.spawn_thing(ground(x_m, 50), MOB).unwrap());
    let lying = game.spawn_thing(ground(33, 50), CRATE).unwrap();
    assert!(game.line_of_sight(west, middle) && game.line_of_sight(middle, west));
    assert!(!game.line_of_sight(middle, east) && !game.line_of_sight(east, west));
    assert!(!game.line_of_sight(west, lying), "the table hides it");
    assert!(game.line_of_sight(middle, lying));
    assert!(!game.line_of_sight(middle, NetId(400)));
    // Along the face of the wall, and at its corner.
    let [south, north] = [39, 61].map(|y_m| game.spawn_thing(Body { x: 60 * M, ..ground(60, y_m) }, MOB).unwrap());
    assert!(game.line_of_sight(south, north));
}

#[test]
fn who_was_put_elsewhere_since_the_tick_is_found_where_he_is() {
    let mut game = world();
    let id = game.spawn_player(CharacterId(1), None).unwrap();
    game.place_player(id, 10 * 320, 10 * 320);
    game.tick();
    game.place_player(id, 90 * 320, 90 * 320);
    let mut ids = Vec::new();
    game.in_circle(10 * M, 10 * M, M, &Filter::ALL, &mut ids);
    assert_eq!(ids, []);
    game.in_circle(90 * M, 90 * M, 0, &Filter::ALL, &mut ids);
    assert_eq!(ids, [id]);
    game.tick();
    game.despawn(id);
    game.in_circle(90 * M, 90 * M, M, &Filter::ALL, &mut ids);
    assert_eq!(ids, []);
}

type Person = (i32, i32, i32, u8);

/// Some entities of all kinds but players, in a corner of 20 m.
fn people() -> impl Strategy<Value = Vec<Person>> {
    prop::collection::vec((0..20 * M, 0..20 * M, 0..2 * M, 0..4_u8), 0..60)
}

/// With them; some have come since the last tick.
fn peopled(all: &[Person]) -> Game {
    let mut game = world();
    for (n, &(x, y, z, kind)) in all.iter().enumerate() {
        let thing = match kind {
            0 => MOB,
            1 => CRATE,
            2 => Thing::Item { yaw: 0, form: 0 },
            _ => Thing::Projectile { yaw: 0, pitch: 0, ticks_left: 99 },
        };
        let body = Body { x: x + M, y: y + M, z, ..Body::default() };
        game.spawn_thing(body, thing).expect("nothing is there");
        if n == 40 {
            game.tick();
        }
    }
    game
}

fn ids_of(game: &Game, filter: &Filter, holds: impl Fn(&Body) -> bool) -> Vec<NetId> {
    let takes = |id: NetId, kind: EntityKind| filter.kinds & 1 << kind as u8 != 0 && filter.except != Some(id);
    all(game).into_iter().filter(|(id, kind, body)| takes(*id, *kind) && holds(body)).map(|(id, ..)| id).collect()
}

proptest! {
    #[test]
    fn areas_hold_exactly_whom_a_plain_search_finds(
        persons in people(), (x, y) in (0..22 * M, 0..22 * M), radius in prop_oneof![Just(-1), Just(0), 0..12 * M],
        (yaw, half) in (any::<u16>(), any::<u16>()), (dx, dy, dz) in (0..9 * M, 0..9 * M, -1..2 * M), kinds in 0..32_u8,
    ) {
        let game = peopled(&persons);
        let filter = Filter { kinds, except: Some(NetId(3)), statics: true };
        let square = |body: &Body| (i64::from(body.x) - i64::from(x)).pow(2) + (i64::from(body.y) - i64::from(y)).pow(2);
        let is_near = |body: &Body| radius >= 0 && square(body) <= i64::from(radius).pow(2);
        let mut ids = vec![NetId(9)];
        game.in_circle(x, y, radius, &filter, &mut ids);
        prop_assert_eq!(&ids, &ids_of(&game, &filter, is_near));

        game.in_cone((x, y), yaw, half, radius, &filter, &mut ids);
        let angle = |body: &Body| {
            let (dx, dy) = (f64::from(body.x - x), f64::from(body.y - y));
            let turn = f64::from(yaw) / 65_536.0 * std::f64::consts::TAU;
            (dx * turn.cos() + dy * turn.sin()).atan2((dy * turn.cos() - dx * turn.sin()).abs())
        };
        // By the tangent of floats, but for a thousandth of a degree at the edge: from a quarter turn down to minus one.
        let limit = std::f64::consts::FRAC_PI_2 - f64::from(half.min(1 << 15)) / 65_536.0 * std::f64::consts::TAU;
        let inner = ids_of(&game, &filter, |body| is_near(body) && angle(body) > limit + 2e-5);
        let outer = ids_of(&game, &filter, |body| is_near(body) && (angle(body) > limit - 2e-5 || square(body) == 0));
        prop_assert!(inner.iter().all(|id| ids.contains(id)) && ids.iter().all(|id| outer.contains(id)), "{:?}", ids);

        let (low, high) = (Place { x, y, z: 0 }, Place { x: x + dx, y: y + dy, z: dz });
        game.in_box(low, high, &filter, &mut ids);
        let is_in = |body: &Body| {
            (low.x..=high.x).contains(&body.x) && (low.y..=high.y).contains(&body.y) && (low.z..=high.z).contains(&body.z)
        };
        prop_assert_eq!(&ids, &ids_of(&game, &filter, is_in));
    }

    #[test]
    fn lines_and_sweeps_meet_exactly_what_a_plain_search_meets(
        persons in people(), from in (0..22 * M, 0..22 * M, 0..2 * M), to in (0..80 * M, 0..80 * M, 0..2 * M),
        (yaw, pitch) in (any::<u16>(), -2_000..2_000_i16), range in 0..60 * M, radius in 0..M,
    ) {
        let game = peopled(&persons);
        let (from, to) = (Place { x: from.0, y: from.1, z: from.2 }, Place { x: to.0, y: to.1, z: to.2 });
        let filter = Filter::ALL.through_statics();
        let ray = Ray::new(from, yaw, pitch as u16);
        let met = all(&game).into_iter().filter_map(|(id, kind, body)| {
            let span = ray.through(foot(&body), shape(kind).0, shape(kind).1)?;
            (span.leave >= 0 && span.enter <= i64::from(range)).then_some((span.enter.max(0), id))
        });
        let hit = met.min().map(|(length, id)| Hit { what: Struck::Entity(id), length: length as i32 });
        prop_assert_eq!(game.ray(from, yaw, pitch as u16, range, &filter), hit);

        let way = Way::between(from, to);
        let touched = all(&game).into_iter();
        let touched = touched.filter_map(|(id, kind, body)| Some((touches(&way, (radius, M), kind, &body)?, id)));
        let first = touched.min().map(|(share, id)| (Struck::Entity(id), share as u32));
        prop_assert_eq!(game.sweep(from, to, radius, M, &filter).map(|touch| (touch.what, touch.share)), first);
    }

    #[test]
    fn where_a_sweep_through_blocks_ends_it_is_free(
        from in (1..99 * M, 1..99 * M, 0..2 * M), to in (-9 * M..120 * M, -9 * M..120 * M, -M..2 * M),
    ) {
        let game = world();
        let (from, to) = (Place { x: from.0, y: from.1, z: from.2 }, Place { x: to.0, y: to.1, z: to.2 });
        prop_assume!(game.map().is_free(from.x, from.y, from.z, BODY_RADIUS));
        let touch = game.sweep(from, to, BODY_RADIUS, M, &Filter::STATICS);
        let end = touch.map_or(to, |touch| touch.at);
        let is_free = |place: Place| place.z >= 0 && game.map().is_free(place.x, place.y, place.z, BODY_RADIUS);
        prop_assert!(is_free(end), "{:?}", touch);
        if let Some(Touch { share, .. }) = touch {
            // A subunit in and two for what is rounded.
            let way = Way::between(from, to);
            let step = STEPS / way.by.iter().map(|by| i64::from(by.abs())).max().unwrap_or(1).max(1) + 1;
            let later = (1..64).map(|more| way.at(i64::from(share) + more * more * step));
            let mut later = later.map(|[x, y, z]| Place { x, y, z });
            prop_assert!(later.any(|place| !is_free(place)) || way.by == [0; 3], "{:?}", touch);
        }
    }
}
