use super::loot::left_by;
use super::mind::State;
use super::*;
use crate::carry::Drop;
use crate::chance::Dice;
use crate::content::{
    Circle, DamageKind, Effect, Loot, MobType, Outcome, Side, Skill, SpawnArea, Stat, Stats, Table, Targeting,
};
use crate::effects::Effects;
use crate::fight::{Death, Harm, Vitals};
use crate::rig::{Rig, content as effects_only, effect};
use crate::{Entry, Game, GameConfig, WorldImage};
use protocol::motion::{BODY_RADIUS, Block};
use protocol::unit::{SUBUNITS_PER_M, UNITS_PER_M};
use protocol::{EffectId, ItemKind, SkillId};
use std::sync::Arc;

const M: i32 = SUBUNITS_PER_M;
const WOLF: MobKind = MobKind(1);
const BITE: SkillId = SkillId(1);
const HOWL: SkillId = SkillId(2);

/// Bites within 3 m once a second, goes for who comes nearer than 15 m, and is half as fast as people.
fn wolf(change: impl FnOnce(&mut MobType)) -> MobType {
    let mut stats = Stats::default();
    for (stat, value) in [(Stat::HealthMax, 1_000), (Stat::ManaMax, 100), (Stat::Speed, 50), (Stat::Threat, 1_000)] {
        stats.set(stat, value);
    }
    let mut kind = MobType {
        id: WOLF,
        name: "wolf".to_owned(),
        level: 3,
        stats,
        stroll_percent: 30,
        aggro_radius: 15 * M,
        leash_radius: 40 * M,
        help_radius: 0,
        flee_below: 0,
        skills: vec![BITE],
        experience: 70,
        coins: (0, 0),
        loot: Vec::new(),
        is_boss: false,
    };
    change(&mut kind);
    kind
}

fn skill(id: SkillId, change: impl FnOnce(&mut Skill)) -> Skill {
    let mut skill = Skill {
        id,
        name: format!("skill {}", id.0),
        mana: 0,
        cast_ticks: 0,
        channel: None,
        cooldown_ticks: 60,
        is_off_global: true,
        is_mobile: false,
        range: 3 * M,
        targeting: Targeting::Unit { side: Side::Enemies },
        outcomes: Vec::new(),
        ranks_max: 1,
    };
    change(&mut skill);
    skill
}

/// Effect 1 is a stun, effect 2 a root.
fn content(mobs: Vec<MobType>) -> Content {
    let held = |id, hold: fn(&mut Effect)| {
        effect(id, |effect| {
            effect.ticks = 120;
            hold(effect);
        })
    };
    let effects = vec![held(1, |effect| effect.holds.stun = true), held(2, |effect| effect.holds.root = true)];
    let skills = vec![
        skill(BITE, |_| ()),
        skill(HOWL, |skill| (skill.cooldown_ticks, skill.range, skill.mana) = (600, 8 * M, 10)),
    ];
    Content {
        skills: Table::new(skills).expect("they differ"),
        mobs: Table::new(mobs).expect("they differ"),
        ..effects_only(effects)
    }
}

fn hit(amount: u32) -> Outcome {
    Outcome::Damage { kind: DamageKind::Physical, amount, attack: 0, power: 0 }
}

impl Rig {
    /// A mob at a place in metres; players stand at (100, 200), (102, 200), ..
    fn mob(&mut self, kind: MobKind, x_m: i32, y_m: i32) -> NetId {
        self.game.spawn_mob(kind, x_m * UNITS_PER_M, y_m * UNITS_PER_M).expect("there is room")
    }

    fn state(&mut self, id: NetId) -> State {
        self.part::<Mob>(id).mind.state
    }

    fn place(&mut self, id: NetId) -> (i32, i32) {
        let body = self.game.body(id).expect("it is live");
        (body.x, body.y)
    }

    fn put(&mut self, id: NetId, x_m: i32, y_m: i32) {
        self.game.place_player(id, x_m * UNITS_PER_M, y_m * UNITS_PER_M);
    }

    /// Metres between two, rounded down.
    fn apart(&mut self, a: NetId, b: NetId) -> i64 {
        way::distance(self.place(a), self.place(b)) / i64::from(M)
    }

    /// Ticks until a mob is in such a state, at most so many.
    fn until(&mut self, id: NetId, ticks: u32, is: fn(State) -> bool) -> Option<u32> {
        (0..ticks).find(|_| {
            let there = is(self.state(id));
            if !there {
                self.game.tick();
            }
            there
        })
    }

    fn mobs(&mut self) -> Vec<NetId> {
        let mut mobs = self.game.world.query::<(&Replica, &Mob)>();
        let mut ids: Vec<NetId> = mobs.iter(&self.game.world).map(|(replica, _)| replica.id).collect();
        ids.sort_unstable();
        ids
    }

    /// What is asked for in so many ticks: when (from 1), and what.
    fn casts(&mut self, ticks: u32) -> Vec<(u32, NetId, SkillId, NetId)> {
        (1..=ticks)
            .flat_map(|tick| {
                self.game.tick();
                let casts = self.game.world.resource::<MobCasts>().0.clone();
                casts.into_iter().map(move |(by, skill, target)| (tick, by, skill, target))
            })
            .collect()
    }
}

fn is_chase(state: State) -> bool {
    matches!(state, State::Chase { .. })
}

fn area(count: u16, x_m: i32, radius_m: i32, respawn_ticks: u32) -> SpawnArea {
    SpawnArea { mob: WOLF, count, area: Circle { x: x_m * M, y: 200 * M, radius: radius_m * M }, respawn_ticks }
}

fn peaceful() -> MobType {
    wolf(|kind| kind.aggro_radius = 0)
}

// --- where they come from

#[test]
fn an_area_fills_within_its_first_second_at_free_places_of_its_own() {
    let house = Block { x: 200.0, y: 195.0, width: 10.0, depth: 10.0, height: None };
    let mut content = content(vec![peaceful()]);
    content.places.spawns = vec![area(200, 205, 30, 600), area(40, 100, 5, 600)];
    let mut rig = Rig::among(&[house], content, 1);
    assert!((1..60).contains(&rig.mobs().len()), "spread over the second");
    rig.run(59);
    let mobs = rig.mobs();
    assert_eq!(mobs.len(), 240);
    let mut homes = Vec::new();
    for id in mobs {
        let Mob { home, area, .. } = *rig.part::<Mob>(id);
        assert!(rig.game.content().places.spawns[usize::from(area)].area.holds(home.0, home.1));
        assert!(rig.game.map().is_free(home.0, home.1, 0, BODY_RADIUS));
        homes.push(home);
    }
    homes.sort_unstable();
    homes.dedup();
    assert_eq!(homes.len(), 240, "each at a place of its own");
}

#[test]
fn no_tick_brings_more_than_64_and_who_finds_no_id_comes_when_one_is_free() {
    let mut content = content(vec![peaceful()]);
    content.places.spawns = vec![area(5_000, 200, 100, 600)];
    let mut rig = Rig::new(content, 1);
    let mut before = rig.mobs().len();
    assert_eq!(before, nest::SPAWNS_PER_TICK_MAX);
    for _ in 0..100 {
        rig.run(1);
        let now = rig.mobs().len();
        assert!(now - before <= nest::SPAWNS_PER_TICK_MAX);
        before = now;
    }
    assert_eq!(before, 999, "all ids but the player's");
    assert!(rig.game.mobs_put_off() > 0);
    let gone = rig.mobs()[5];
    rig.game.despawn(gone);
    rig.run(200);
    assert_eq!(rig.mobs().len(), 998, "its id waits");
    rig.game.recycle(gone);
    rig.run(200);
    assert_eq!(rig.mobs().len(), 999);
}

#[test]
fn an_area_without_a_free_place_waits_for_ever_and_harms_nobody() {
    let mut content = content(vec![peaceful()]);
    content.places.spawns = vec![area(2, 205, 3, 600), area(2, 300, 3, 600)];
    let house = Block { x: 195.0, y: 190.0, width: 20.0, depth: 20.0, height: None };
    let mut rig = Rig::among(&[house], content, 1);
    rig.run(299);
    assert_eq!(rig.mobs().len(), 2);
    assert_eq!(rig.game.mobs_put_off(), 2 * 5, "each tries once a second");
}

#[test]
fn a_dead_mob_lies_for_three_seconds_and_another_comes_in_its_time() {
    let mut content = content(vec![peaceful()]);
    content.places.spawns = vec![area(1, 110, 2, 400)];
    let mut rig = Rig::new(content, 1);
    rig.run(10);
    let (player, first) = (rig.ids[0], rig.mobs()[0]);
    rig.blow(player, first, hit(5_000));
    rig.run(1);
    assert_eq!((rig.health(first), rig.state(first)), (0, State::Dead));
    let place = rig.place(first);
    rig.run(179);
    assert_eq!(rig.place(first), place);
    rig.run(1);
    assert_eq!((rig.game.ended(), rig.game.retired().collect::<Vec<_>>()), (&[first][..], vec![first]));
    assert!(rig.mobs().is_empty() && !rig.game.replicas().is_live(first));
    rig.run(219);
    assert!(rig.mobs().is_empty(), "399 ticks after its death");
    rig.run(1);
    let next = rig.mobs()[0];
    assert_ne!(next, first, "an id that nobody has recycled");
    assert_eq!(rig.health(next), 1_000);
}

#[test]
fn one_that_is_taken_away_is_replaced_and_one_that_somebody_put_there_is_not() {
    let mut content = content(vec![peaceful()]);
    content.places.spawns = vec![area(1, 110, 2, 50)];
    let mut rig = Rig::new(content, 1);
    let (of_area, other) = (rig.mobs()[0], rig.mob(WOLF, 120, 200));
    rig.game.despawn(of_area);
    rig.game.despawn(other);
    rig.run(200);
    assert_eq!(rig.mobs().len(), 1);
}

#[test]
fn an_area_follows_content_that_says_more_or_fewer() {
    let mut few = content(vec![peaceful()]);
    few.places.spawns = vec![area(3, 110, 5, 60)];
    let mut many = few.clone();
    many.places.spawns = vec![area(5, 110, 5, 60), area(2, 120, 5, 60)];
    let mut rig = Rig::new(few.clone(), 1);
    rig.run(60);
    assert_eq!(rig.mobs().len(), 3);
    rig.game.set_content(Arc::new(many));
    rig.run(60);
    assert_eq!(rig.mobs().len(), 7);
    rig.game.set_content(Arc::new(few));
    let player = rig.ids[0];
    for id in rig.mobs() {
        rig.blow(player, id, hit(5_000));
    }
    rig.run(300);
    assert_eq!(rig.mobs().len(), 3, "those that die come back as far as they are wanted");
}

#[test]
fn a_boss_is_told_to_everyone_and_an_unknown_kind_is_refused() {
    let mut rig = Rig::new(content(vec![wolf(|kind| kind.is_boss = true)]), 1);
    let boss = rig.mob(WOLF, 300, 200);
    assert_eq!(rig.game.bonds().bosses(), [boss]);
    assert_eq!(rig.game.spawn_mob(MobKind(9), 0, 0), Err(crate::SpawnError::Impossible));
}

// --- what goes on in them

#[test]
fn an_idle_mob_strolls_within_its_area_and_looks_where_it_goes() {
    let mut content = content(vec![peaceful()]);
    content.places.spawns = vec![area(1, 120, 10, 600)];
    let mut rig = Rig::new(content, 1);
    let id = rig.mobs()[0];
    let (mut strolls, mut was) = (0, State::Idle);
    for _ in 0..6_000 {
        let before = rig.place(id);
        rig.run(1);
        let (here, state) = (rig.place(id), rig.state(id));
        strolls += u32::from(state != was && matches!(state, State::Stroll { .. }));
        was = state;
        assert!(way::is_within(here, (120 * M, 200 * M), 11 * M));
        let Some(Thing::Mob { yaw, .. }) = rig.game.thing(id).copied() else { panic!("it is a mob") };
        if way::distance(before, here) > 1_000 && matches!(state, State::Stroll { .. }) {
            let off = way::bearing(way::between(before, here)).abs_diff(yaw);
            assert!(off.min(4_096 - off) < 1_024, "{off}");
        }
    }
    assert!((4..25).contains(&strolls), "{strolls} in 100 s");
}

#[test]
fn who_is_far_from_everybody_sleeps_and_wakes_as_it_was_at_its_next_thought() {
    let mut rig = Rig::new(content(vec![peaceful()]), 1);
    let (player, id) = (rig.ids[0], rig.mob(WOLF, 180, 200));
    rig.part::<Vitals>(id).health = 700;
    assert_eq!(rig.until(id, 9, |state| state == State::Asleep).map(|ticks| ticks <= 8), Some(true));
    let before = rig.place(id);
    rig.run(2_000);
    assert_eq!((rig.state(id), rig.place(id)), (State::Asleep, before));
    rig.put(player, 109, 200);
    rig.run(8);
    assert_ne!(rig.state(id), State::Asleep, "71 m are less than 1.2 times 60");
    assert_eq!(rig.health(id), 700);
    rig.put(player, 107, 200);
    assert!(rig.until(id, 1_000, |state| state == State::Asleep).is_some(), "73 m are more");
}

#[test]
fn a_mob_goes_for_the_nearest_who_comes_near_and_no_farther_one() {
    let mut rig = Rig::new(content(vec![wolf(|_| ())]), 3);
    let id = rig.mob(WOLF, 120, 200);
    rig.run(60);
    assert!(!is_chase(rig.state(id)), "16 m");
    rig.put(rig.ids[0], 108, 200);
    rig.put(rig.ids[1], 110, 200);
    rig.run(8);
    assert!(is_chase(rig.state(id)));
    assert_eq!(rig.part::<Threat>(id).0.first(), Some(rig.ids[1]));
}

#[test]
fn nobody_is_seen_behind_a_wall_nor_where_nobody_fights_nor_dead() {
    let wall = Block { x: 108.0, y: 190.0, width: 1.0, depth: 20.0, height: None };
    let hidden = |blocks: &[Block], change: fn(&mut Rig)| {
        let mut content = content(vec![wolf(|_| ())]);
        content.places.safe_zones = vec![Circle { x: 112 * M, y: 212 * M, radius: 2 * M }];
        let mut rig = Rig::among(blocks, content, 1);
        let id = rig.mob(WOLF, 112, 200);
        change(&mut rig);
        rig.run(30);
        !is_chase(rig.state(id))
    };
    assert!(hidden(&[wall], |_| ()));
    assert!(hidden(&[], |rig| rig.put(rig.ids[0], 112, 212)));
    assert!(hidden(&[], |rig| rig.blow(rig.ids[0], rig.ids[0], hit(9_999))));
    assert!(!hidden(&[], |_| ()));
}

#[test]
fn who_is_hurt_goes_for_who_did_it_however_far_he_is() {
    let mut rig = Rig::new(content(vec![peaceful()]), 1);
    let (player, id) = (rig.ids[0], rig.mob(WOLF, 185, 200));
    rig.run(20);
    assert_eq!(rig.state(id), State::Asleep);
    rig.blow(player, id, hit(10));
    rig.run(9);
    assert!(is_chase(rig.state(id)));
    rig.run(120);
    assert!(rig.apart(player, id) < 82, "it comes");
}

#[test]
fn those_of_its_kind_near_it_help_and_they_alone() {
    let kinds = vec![
        wolf(|kind| (kind.aggro_radius, kind.help_radius) = (0, 10 * M)),
        wolf(|kind| (kind.id, kind.aggro_radius) = (MobKind(2), 0)),
    ];
    let mut rig = Rig::new(content(kinds), 1);
    let player = rig.ids[0];
    let [hurt, near, nearer_still, far, stranger] =
        [(WOLF, 130), (WOLF, 138), (WOLF, 139), (WOLF, 147), (MobKind(2), 131)].map(|(kind, x)| rig.mob(kind, x, 200));
    rig.run(2);
    rig.blow(player, hurt, hit(10));
    rig.run(10);
    assert!([hurt, near, nearer_still].into_iter().all(|id| is_chase(rig.state(id))));
    assert!([far, stranger].into_iter().all(|id| !is_chase(rig.state(id))), "who helps does not call others");
    assert_eq!(rig.part::<Threat>(near).0.iter().collect::<Vec<_>>(), [(player, 1)]);
}

#[test]
fn a_call_for_help_wakes_who_sleeps() {
    let mut rig = Rig::new(content(vec![wolf(|kind| (kind.aggro_radius, kind.help_radius) = (0, 10 * M))]), 1);
    let (player, hurt, other) = (rig.ids[0], rig.mob(WOLF, 190, 200), rig.mob(WOLF, 195, 200));
    rig.run(20);
    assert_eq!(rig.state(other), State::Asleep);
    rig.blow(player, hurt, hit(10));
    rig.run(10);
    assert!(is_chase(rig.state(other)));
}

#[test]
fn it_comes_as_near_as_it_must_stops_and_casts_as_often_as_it_can() {
    let mut rig = Rig::new(content(vec![wolf(|_| ())]), 1);
    let (player, id) = (rig.ids[0], rig.mob(WOLF, 110, 200));
    let casts = rig.casts(400);
    assert!(casts.iter().all(|&(_, by, skill, target)| (by, skill, target) == (id, BITE, player)));
    let gaps: Vec<u32> = casts.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    assert!(casts.len() >= 4 && gaps.iter().all(|gap| (60..=61).contains(gap)), "{gaps:?}");
    assert!((1..=3).contains(&rig.apart(player, id)));
    assert!(rig.part::<Will>(id).is_to_stand());
    let Some(Thing::Mob { yaw, .. }) = rig.game.thing(id).copied() else { panic!("it is a mob") };
    assert_eq!(yaw, 2_048, "it looks west, at him");
}

#[test]
fn the_best_skill_that_is_ready_comes_first_and_its_range_is_kept() {
    let mut rig = Rig::new(content(vec![wolf(|kind| kind.skills = vec![HOWL, BITE])]), 1);
    let (player, id) = (rig.ids[0], rig.mob(WOLF, 112, 200));
    let first = rig.casts(140);
    assert_eq!(first.iter().map(|cast| cast.2).collect::<Vec<_>>()[0], HOWL);
    assert!(rig.casts(200).iter().all(|cast| cast.2 == BITE), "the other is not ready");
    assert!(rig.apart(player, id) <= 3);
    rig.part::<Vitals>(id).mana = 0;
    assert!(rig.casts(600).iter().all(|cast| cast.2 == BITE), "it has no mana");
}

#[test]
fn a_cast_that_takes_time_holds_it_and_the_global_cooldown_holds_the_next() {
    let mut content = content(vec![wolf(|kind| kind.skills = vec![HOWL, BITE])]);
    content.skills = Table::new(vec![
        skill(BITE, |skill| skill.is_off_global = false),
        skill(HOWL, |skill| (skill.cast_ticks, skill.range, skill.is_off_global) = (90, 8 * M, false)),
    ])
    .expect("they differ");
    let mut rig = Rig::new(content, 1);
    let (player, id) = (rig.ids[0], rig.mob(WOLF, 106, 200));
    let first = rig.casts(20);
    assert_eq!(first.len(), 1);
    rig.run(20);
    let place = rig.place(id);
    rig.put(player, 112, 200);
    let next = rig.casts(45);
    assert_eq!((next.len(), rig.place(id)), (0, place));
}

#[test]
fn a_mob_far_from_home_turns_back_heals_and_heeds_nobody_until_it_is_there() {
    let mut rig = Rig::new(content(vec![wolf(|kind| kind.leash_radius = 20 * M)]), 1);
    let (player, id) = (rig.ids[0], rig.mob(WOLF, 112, 200));
    rig.part::<Vitals>(id).health = 200;
    rig.run(10);
    assert!(is_chase(rig.state(id)));
    rig.put(player, 85, 200);
    assert!(rig.until(id, 900, |state| state == State::Return).is_some());
    let health = rig.health(id);
    rig.put(player, 95, 200);
    rig.run(121);
    assert_eq!(rig.state(id), State::Return, "he is beside it");
    assert!((190..=215).contains(&(rig.health(id) - health)), "{} in 2 s", rig.health(id) - health);
    rig.put(player, 112, 160);
    assert!(rig.until(id, 900, |state| matches!(state, State::Idle)).is_some());
    assert!(rig.part::<Threat>(id).0.is_empty());
    assert!(way::is_within(rig.place(id), (112 * M, 200 * M), 2 * M));
}

#[test]
fn it_flees_once_in_a_fight_for_four_seconds_and_comes_back() {
    let mut rig = Rig::new(content(vec![wolf(|kind| (kind.flee_below, kind.leash_radius) = (300, 100 * M))]), 1);
    let (player, id) = (rig.ids[0], rig.mob(WOLF, 106, 200));
    rig.run(100);
    rig.blow(player, id, hit(750));
    let near = rig.apart(player, id);
    assert!(rig.until(id, 10, |state| state == State::Flee).is_some());
    rig.run(200);
    assert!(rig.apart(player, id) >= near + 8, "3 m/s for 3.3 s");
    assert!(rig.until(id, 50, is_chase).is_some());
    rig.run(400);
    assert!(is_chase(rig.state(id)), "not again");
    assert!(rig.apart(player, id) <= 3);
}

#[test]
fn when_its_target_is_dead_gone_or_safe_it_takes_the_next_and_then_goes_home() {
    let mut content = content(vec![peaceful()]);
    content.places.safe_zones = vec![Circle { x: 104 * M, y: 220 * M, radius: 2 * M }];
    let mut rig = Rig::new(content, 3);
    let id = rig.mob(WOLF, 110, 200);
    let [a, b, c] = rig.ids[..] else { unreachable!() };
    for (by, amount) in [(a, 50), (b, 40), (c, 30)] {
        rig.blow(by, id, hit(amount));
    }
    rig.run(20);
    let after = |rig: &mut Rig| rig.part::<Threat>(id).0.first();
    assert_eq!(after(&mut rig), Some(a));
    rig.blow(id, a, hit(9_999));
    rig.run(10);
    assert_eq!(after(&mut rig), Some(b));
    rig.game.despawn(b);
    rig.run(10);
    assert_eq!(after(&mut rig), Some(c));
    rig.put(c, 104, 220);
    rig.run(10);
    assert_eq!((after(&mut rig), rig.state(id)), (None, State::Return));
}

#[test]
fn it_gets_round_a_house_that_stands_in_its_way() {
    let house = Block { x: 110.0, y: 194.0, width: 4.0, depth: 12.0, height: None };
    let mut rig = Rig::among(&[house], content(vec![peaceful()]), 1);
    let (player, id) = (rig.ids[0], rig.mob(WOLF, 120, 200));
    rig.blow(player, id, hit(10));
    let there = (0..1_800).find(|_| {
        rig.game.tick();
        rig.apart(player, id) <= 3
    });
    assert!(there.is_some(), "{:?}", rig.place(id));
}

#[test]
fn who_is_stunned_does_nothing_and_who_is_rooted_bites_where_it_stands() {
    let held = |effect: u16| {
        let mut rig = Rig::new(content(vec![wolf(|_| ())]), 1);
        let (player, id) = (rig.ids[0], rig.mob(WOLF, 110, 200));
        rig.run(30);
        rig.blow(player, id, Outcome::Apply { effect: EffectId(effect) });
        rig.run(12);
        assert!(!rig.part::<Effects>(id).0.is_empty());
        let place = rig.place(id);
        rig.put(player, place.0 / M + 2, 200);
        let casts = rig.casts(70).len();
        assert_eq!(rig.place(id), place);
        casts
    };
    assert_eq!((held(1), held(2)), (0, 2));
}

#[test]
fn one_that_somebody_made_live_again_stands_up() {
    let mut rig = Rig::new(content(vec![peaceful()]), 1);
    let (player, id) = (rig.ids[0], rig.mob(WOLF, 110, 200));
    rig.blow(player, id, hit(5_000));
    rig.run(10);
    rig.blow(player, id, Outcome::Revive { health: 500 });
    rig.run(300);
    assert!(rig.mobs().contains(&id));
    assert_ne!(rig.state(id), State::Dead);
}

#[test]
fn who_finds_no_way_home_gives_up_after_thirty_seconds() {
    // A house without a door, and 5 m inside it.
    let wall = |x, y, width, depth| Block { x, y, width, depth, height: None };
    let walls = [
        wall(150.0, 190.0, 20.0, 1.0),
        wall(150.0, 209.0, 20.0, 1.0),
        wall(150.0, 191.0, 1.0, 18.0),
        wall(169.0, 191.0, 1.0, 18.0),
    ];
    let mut rig = Rig::among(&walls, content(vec![wolf(|kind| kind.leash_radius = 20 * M)]), 1);
    let (player, id) = (rig.ids[0], rig.mob(WOLF, 160, 200));
    rig.run(1);
    rig.part::<Mobile>(id).0.x = 130 * M;
    rig.blow(player, id, hit(10));
    rig.run(10);
    assert_eq!(rig.state(id), State::Return);
    rig.run(1_780);
    assert_eq!(rig.state(id), State::Return);
    rig.run(16);
    assert_eq!(rig.state(id), State::Idle);
}

#[test]
fn who_was_interrupted_casts_nothing_until_it_may() {
    let mut rig = Rig::new(content(vec![wolf(|_| ())]), 1);
    let (player, id) = (rig.ids[0], rig.mob(WOLF, 102, 200));
    rig.run(10);
    rig.blow(player, id, Outcome::Interrupt { lock_ticks: 200 });
    rig.run(1);
    assert_eq!(rig.casts(195).len(), 0);
    assert_eq!(rig.casts(20).len(), 1);
}

#[test]
fn a_skill_that_helps_is_for_itself_and_only_when_it_is_hurt() {
    let mut content = content(vec![wolf(|kind| kind.skills = vec![HOWL, BITE])]);
    let heal = |skill: &mut Skill| skill.targeting = Targeting::Unit { side: Side::Allies };
    content.skills = Table::new(vec![skill(BITE, |_| ()), skill(HOWL, heal)]).expect("they differ");
    let mut rig = Rig::new(content, 1);
    let (player, id) = (rig.ids[0], rig.mob(WOLF, 102, 200));
    let hale = rig.casts(130);
    assert!(!hale.is_empty() && hale.iter().all(|&(_, _, skill, target)| (skill, target) == (BITE, player)));
    rig.part::<Vitals>(id).health = 700;
    assert!(rig.casts(70).iter().any(|&(_, _, skill, target)| (skill, target) == (HOWL, id)));
}

// --- what they leave

#[test]
fn a_mob_leaves_what_the_dice_say_to_who_did_most() {
    let loot = |item, chance, count| Loot { item: ItemKind(item), chance, count };
    let kind = wolf(|kind| {
        kind.aggro_radius = 0;
        kind.coins = (5, 9);
        kind.loot = vec![loot(1, 1_000_000, (2, 3)), loot(2, 0, (1, 1)), loot(3, 500_000, (1, 1))];
    });
    let (mut coins, mut third) = (Vec::new(), 0);
    for tick in 0..100 {
        let place = (110 * M, 200 * M, 0);
        let death = Death { who: NetId(9), kind: EntityKind::Mob, by: Some(NetId(1)), harm: Harm::default(), place };
        let owners = [NetId(1)].into_iter().collect();
        let Drop { place: there, coins: some, items, owners } =
            left_by(&kind, Dice::new(1, Tick(tick)), &death, owners);
        assert_eq!((there, &owners[..]), (place, &[NetId(1)][..]));
        assert!(items[0].0 == ItemKind(1) && (2..=3).contains(&items[0].1));
        assert!(items.iter().all(|(item, _)| *item != ItemKind(2)));
        third += usize::from(items.len() == 2);
        coins.push(some);
    }
    assert!((30..70).contains(&third), "{third} of 100");
    assert!(coins.iter().all(|some| (5..=9).contains(some)) && coins.contains(&5) && coins.contains(&9));
}

#[test]
fn a_mob_with_nothing_leaves_nothing() {
    let mut rig = Rig::new(content(vec![peaceful()]), 1);
    let (player, id) = (rig.ids[0], rig.mob(WOLF, 110, 200));
    rig.blow(player, id, hit(5_000));
    rig.run(1);
    let asked = rig.game.take_transactions();
    let is_loot = |entry: &Entry| matches!(entry, Entry::Minted { .. } | Entry::Made { .. } | Entry::Item { .. });
    assert!(asked.iter().flat_map(|asked| &asked.entries).all(|entry| !is_loot(entry)), "{asked:?}");
}

#[test]
fn who_killed_a_mob_may_have_first_what_it_left_and_learns_from_it() {
    let kind = wolf(|kind| {
        kind.aggro_radius = 0;
        kind.coins = (5, 9);
    });
    let mut rig = Rig::new(content(vec![kind]), 2);
    let (a, b, id) = (rig.ids[0], rig.ids[1], rig.mob(WOLF, 104, 200));
    rig.blow(a, id, hit(400));
    rig.blow(b, id, hit(700));
    assert_eq!(rig.part::<Bounty>(id), &Bounty { experience: 70, level: 3 });
    rig.run(1);
    let asked = rig.game.take_transactions();
    let entries: Vec<_> = asked.iter().flat_map(|asked| &asked.entries).collect();
    let gained = entries.iter().filter_map(|entry| match entry {
        Entry::Experience { gained, .. } => Some(*gained),
        _ => None,
    });
    assert_eq!(gained.collect::<Vec<_>>(), [70 * 400 / 1_100, 70 * 700 / 1_100]);
    assert!(entries.iter().any(|entry| matches!(entry, Entry::Minted { coins: 5..=9, .. })), "{entries:?}");
}

// --- the same again

/// Mobs of every state around three players who are attacked, run away and come back.
fn restless() -> (Content, [Block; 1]) {
    let kinds = vec![
        wolf(|kind| (kind.flee_below, kind.help_radius, kind.leash_radius) = (600, 12 * M, 12 * M)),
        wolf(|kind| {
            kind.id = MobKind(2);
            kind.aggro_radius = 0;
            kind.stroll_percent = 60;
        }),
    ];
    let mut content = content(kinds);
    content.places.spawns = vec![area(12, 120, 20, 90), area(6, 350, 10, 90)];
    content.places.spawns.push(SpawnArea { mob: MobKind(2), ..area(12, 130, 25, 120) });
    (content, [Block { x: 112.0, y: 190.0, width: 3.0, depth: 16.0, height: None }])
}

fn drive(rig: &mut Rig, ticks: std::ops::Range<u32>, seen: &mut Vec<std::mem::Discriminant<State>>) {
    for tick in ticks {
        let mobs = rig.mobs();
        if tick % 20 == 0 && !mobs.is_empty() {
            let (by, on) = (rig.ids[tick as usize / 20 % 3], mobs[tick as usize * 7 % mobs.len()]);
            rig.blow(by, on, hit(if tick % 60 == 0 { 5_000 } else { 450 }));
        }
        if tick % 50 == 0 {
            rig.put(rig.ids[0], 100 + (tick as i32 / 50 % 4) * 15, 200);
        }
        rig.game.tick();
        let retired: Vec<NetId> = rig.game.retired().collect();
        retired.into_iter().for_each(|id| rig.game.recycle(id));
        for id in rig.mobs() {
            let state = std::mem::discriminant(&rig.state(id));
            if !seen.contains(&state) {
                seen.push(state);
            }
        }
    }
}

#[test]
fn six_hundred_ticks_are_three_hundred_and_a_restart_and_three_hundred() {
    let (content, blocks) = restless();
    let mut straight = Rig::among(&blocks, content.clone(), 3);
    let mut seen = Vec::new();
    drive(&mut straight, 0..600, &mut seen);
    assert_eq!(seen.len(), 7, "every state comes up: {seen:?}");
    for saved_at in [0, 1, 37, 150, 300, 301, 455] {
        let mut rig = Rig::among(&blocks, content.clone(), 3);
        drive(&mut rig, 0..saved_at, &mut Vec::new());
        let mut bytes = Vec::new();
        rig.game.save().to_bytes(&mut bytes);
        let image = WorldImage::from_bytes(&bytes).expect("it was written just now");
        let map = Arc::new(rig.game.map().clone());
        let config =
            GameConfig { seed: 1, map, content: Arc::new(content.clone()), incarnation: 1, entities_max: 1_000 };
        let mut restored = Rig { game: Game::restore(config, &image).expect("a sound image"), ids: rig.ids.clone() };
        assert_eq!(restored.game.hash(), rig.game.hash());
        drive(&mut restored, saved_at..600, &mut Vec::new());
        assert_eq!(restored.game.hash(), straight.game.hash(), "saved at {saved_at}");
    }
}

#[test]
fn a_mob_that_cannot_be_is_refused_at_a_restart() {
    let refused = |change: fn(&mut Mob)| {
        let mut rig = Rig::new(content(vec![peaceful()]), 1);
        let id = rig.mob(WOLF, 110, 200);
        rig.run(1);
        change(rig.part::<Mob>(id));
        let map = Arc::new(rig.game.map().clone());
        let content = Arc::clone(rig.game.content());
        let config = GameConfig { seed: 1, map, content, incarnation: 1, entities_max: 1_000 };
        Game::restore(config, &rig.game.save()).is_err()
    };
    assert!(refused(|mob| mob.kind = MobKind(9)));
    assert!(refused(|mob| mob.home.0 = i32::MIN));
    assert!(refused(|mob| mob.mind.state = State::Stroll { to: (0, -1) }));
    assert!(!refused(|mob| mob.area = 700), "an area that is no more lets go of it");
}

#[test]
fn in_which_order_mobs_came_into_the_world_does_not_matter() {
    let run = |order: [usize; 8]| {
        let kind = wolf(|kind| (kind.help_radius, kind.flee_below) = (6 * M, 500));
        let mut rig = Rig::new(content(vec![kind]), 3);
        // Ids 3 to 10 are used up, and come back in this order.
        let fillers: Vec<NetId> = (0..8).map(|_| rig.mob(WOLF, 300, 300)).collect();
        fillers.iter().for_each(|&id| rig.game.despawn(id));
        for place in order {
            rig.game.recycle(fillers[place]);
        }
        for place in order {
            assert_eq!(rig.mob(WOLF, 108 + place as i32 * 3, 195 + place as i32 % 3 * 5), fillers[place]);
        }
        for round in 0..20 {
            rig.blow(rig.ids[round % 3], fillers[round * 3 % 8], hit(170));
            rig.run(30);
        }
        rig.game.hash()
    };
    assert_eq!(run([0, 1, 2, 3, 4, 5, 6, 7]), run([5, 2, 7, 0, 3, 6, 1, 4]));
}

#[test]
fn of_two_who_call_at_once_the_lower_id_is_heard() {
    let heard = |is_reversed: bool| {
        let mut rig = Rig::new(content(vec![wolf(|kind| (kind.aggro_radius, kind.help_radius) = (0, 10 * M))]), 2);
        // The first and the last of nine think in the same ticks.
        let ids: Vec<NetId> = (0..9).map(|_| rig.mob(WOLF, 300, 300)).collect();
        ids.iter().for_each(|&id| rig.game.despawn(id));
        let places = [120, 129, 150, 165, 180, 195, 210, 225, 138];
        let mut order: Vec<(NetId, i32)> = ids.iter().copied().zip(places).collect();
        if is_reversed {
            order.reverse();
        }
        order.iter().for_each(|&(id, _)| rig.game.recycle(id));
        order.iter().for_each(|&(id, x)| assert_eq!(rig.mob(WOLF, x, 200), id));
        rig.run(2);
        rig.blow(rig.ids[0], ids[0], hit(10));
        rig.blow(rig.ids[1], ids[8], hit(10));
        rig.run(9);
        rig.part::<Threat>(ids[1]).0.iter().collect::<Vec<_>>()
    };
    let first = heard(false);
    assert_eq!((first.len(), heard(true)), (1, first.clone()));
    assert_eq!(first[0].0, NetId(0), "whom the first is after");
}
