//! A small world for unit tests of the rooms: an open field, some content, fighters with plain figures.

use crate::content::{Content, Effect, Holds, Outcome, Stacking, Stat, Stats, Table};
use crate::effects::Effects;
use crate::fight::{Blow, Blows, Cause, Force, Sheet, Team, Vitals};
use crate::{Game, GameConfig};
use bevy_ecs::component::Mutable;
use bevy_ecs::prelude::Component;
use protocol::motion::{Block, StaticMap};
use protocol::unit::UNITS_PER_M;
use protocol::{CharacterId, EffectId, GameEvent, NetId, SkillId};
use std::sync::Arc;

/// An effect that does nothing for ten ticks.
pub(crate) fn effect(id: u16, change: impl FnOnce(&mut Effect)) -> Effect {
    let mut effect = Effect {
        id: EffectId(id),
        name: format!("effect {id}"),
        ticks: 10,
        is_harmful: true,
        school: None,
        stacking: Stacking::Refresh,
        stacks_max: 1,
        modifiers: Vec::new(),
        holds: Holds::default(),
        absorbs: 0,
        pulse: None,
        aura: None,
    };
    change(&mut effect);
    effect
}

/// Content with these effects, and no chance in its blows.
pub(crate) fn content(effects: Vec<Effect>) -> Content {
    let mut content = Content { effects: Table::new(effects).expect("the test numbers them"), ..Content::default() };
    content.rules.spread = 0;
    content
}

/// Players 2 m apart in a row from west to east, in teams 1 and 2 in turn, with 1,000 health and nothing that adds or takes.
pub(crate) struct Rig {
    pub(crate) game: Game,
    pub(crate) ids: Vec<NetId>,
}

impl Rig {
    pub(crate) fn new(content: Content, players: u16) -> Self {
        Self::among(&[], content, players)
    }

    /// The same with something in the way.
    pub(crate) fn among(blocks: &[Block], content: Content, players: u16) -> Self {
        let map = Arc::new(StaticMap::new(400, 400, blocks).expect("a sound map"));
        let config = GameConfig { seed: 1, map, content: Arc::new(content), incarnation: 1, entities_max: 1_000 };
        let mut rig = Self { game: Game::new(config), ids: Vec::new() };
        for number in 0..players {
            let id = rig.game.spawn_player(CharacterId(u64::from(number)), None).expect("there is room");
            rig.game.place_player(id, (100 + 2 * i32::from(number)) * UNITS_PER_M, 200 * UNITS_PER_M);
            let mut stats = Stats::default();
            for (stat, value) in
                [(Stat::HealthMax, 1_000), (Stat::ManaMax, 500), (Stat::Speed, 100), (Stat::Threat, 1_000)]
            {
                stats.set(stat, value);
            }
            *rig.part(id) = Sheet { level: 1, base: stats, now: stats, is_stale: false };
            *rig.part(id) = Vitals { health: 1_000, mana: 500, ..Vitals::default() };
            *rig.part(id) = Team(1 + (number % 2) as u8);
            rig.ids.push(id);
        }
        rig.game.tick();
        rig
    }

    /// A component of somebody who has it.
    pub(crate) fn part<C: Component<Mutability = Mutable>>(&mut self, id: NetId) -> &mut C {
        let entity = self.game.entity(id).expect("it is live");
        self.game.world.get_mut::<C>(entity).expect("it has one").into_inner()
    }

    pub(crate) fn health(&mut self, id: NetId) -> i32 {
        self.part::<Vitals>(id).health
    }

    pub(crate) fn effects(&mut self, id: NetId) -> Vec<(u16, u8)> {
        self.part::<Effects>(id).0.iter().map(|active| (active.effect.0, active.stacks)).collect()
    }

    /// Somebody does something to somebody in the coming tick.
    pub(crate) fn blow(&mut self, by: NetId, on: NetId, outcome: Outcome) {
        let body = *self.game.body(by).expect("it is live");
        let force = Force::of(self.part::<Sheet>(by));
        let (from, cause) = ((body.x, body.y), Cause::Skill(SkillId(1)));
        let blow = Blow { by: Some(by), on, outcome, force, share: 1_000, from, cause, nth: 0 };
        self.game.world.resource_mut::<Blows>().add(blow);
    }

    /// Ticks, and all that happened, with its tick counted from 1.
    pub(crate) fn run(&mut self, ticks: u32) -> Vec<(u32, GameEvent)> {
        let mut all = Vec::new();
        for tick in 1..=ticks {
            self.game.tick();
            all.extend(self.game.happenings().iter().map(|happening| (tick, happening.event)));
        }
        all
    }
}
