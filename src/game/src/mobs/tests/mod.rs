//! A mob that is called wolf, and what all tests of mobs do with it.

mod attention;
mod fights;
mod leavings;
mod nests;
mod restart;

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
