//! Places that do something to players who enter them.
//!
//! One enters a place that he was not in when the last tick ended: by walking, by being put there, by coming into the world.
//! Whoever is put at an exit is in whatever is there from the beginning, so that two places that lead to each other do not
//! toss him to and fro.

use super::query::Strays;
use crate::content::{Content, Outcome, Trigger};
use crate::event::Happenings;
use crate::fight::{Blow, Blows, Cause, Force, Sheet};
use crate::movement::{Ground, Mobile};
use crate::player::Wish;
use crate::roster::Roster;
use crate::rulebook::Rulebook;
use crate::spatial::Quadtree;
use bevy_ecs::prelude::{Local, Query, Res, ResMut, Resource, With};
use protocol::motion::{BODY_RADIUS, Body, StaticMap};
use protocol::unit::unit_of;
use protocol::{GameEvent, NetId};
use serde::{Deserialize, Serialize};

/// Who is in which place, by its number on the map; ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq, Resource, Serialize, Deserialize)]
pub(crate) struct Within(Vec<(NetId, u16)>);

impl Within {
    /// Somebody has gone; his id may name another one next.
    pub(crate) fn forget(&mut self, id: NetId) {
        let from = self.0.partition_point(|(other, _)| *other < id);
        let to = self.0.partition_point(|(other, _)| *other <= id);
        self.0.drain(from..to);
    }
}

/// Finds out who is where, and does to those who are new there what the place does. The tree is that of this tick.
pub(super) fn meet(
    (rulebook, ground, roster, tree): (Res<'_, Rulebook>, Res<'_, Ground>, Res<'_, Roster>, Res<'_, Quadtree>),
    mut players: Query<'_, '_, (&mut Mobile, &Sheet), With<Wish>>,
    mut within: ResMut<'_, Within>,
    (mut happenings, mut blows, mut strays): (ResMut<'_, Happenings>, ResMut<'_, Blows>, ResMut<'_, Strays>),
    mut now: Local<'_, Vec<(NetId, u16)>>,
) {
    let content = &*rulebook.0;
    now.clear();
    for (number, trigger) in numbered(content) {
        let area = trigger.area;
        // A unit more for what is rounded: the place itself decides.
        tree.query_circle(unit_of(area.x), unit_of(area.y), unit_of(area.radius).saturating_add(2), &mut |id| {
            let player = roster.entity(id).and_then(|entity| players.get(entity).ok());
            if player.is_some_and(|(mobile, _)| area.holds(mobile.0.x, mobile.0.y)) {
                now.push((id, number));
            }
        });
    }
    now.sort_unstable();
    let mut at = 0;
    while let Some(&(id, _)) = now.get(at) {
        let end = at + now[at..].iter().take_while(|(other, _)| *other == id).count();
        let mut exit = None;
        for &(_, number) in now[at..end].iter().filter(|entry| within.0.binary_search(entry).is_err()) {
            let Some(trigger) = content.places.triggers.get(usize::from(number)) else { continue };
            happenings.tell(id, GameEvent::Entered { trigger: number });
            let Some((mobile, sheet)) = roster.entity(id).and_then(|entity| players.get(entity).ok()) else { continue };
            if let Some(effect) = trigger.effect {
                let (outcome, cause) = (Outcome::Apply { effect }, Cause::Effect(effect));
                let (force, from) = (Force::of(sheet), (mobile.0.x, mobile.0.y));
                blows.add(Blow { by: Some(id), on: id, outcome, force, share: 1_000, from, cause, nth: number });
            }
            exit = exit.or(trigger.exit);
        }
        let player = roster.entity(id).and_then(|entity| players.get_mut(entity).ok());
        if let (Some(exit), Some((mut mobile, _))) = (exit, player) {
            mobile.0 = placed(&ground.0, exit);
            strays.0.push(id);
            let body = mobile.0;
            now.drain(at..end);
            let there = numbered(content).filter(|(_, trigger)| trigger.area.holds(body.x, body.y));
            let before = now.len();
            now.splice(at..at, there.map(|(number, _)| (id, number)));
            at += now.len() - before;
        } else {
            at = end;
        }
    }
    std::mem::swap(&mut within.0, &mut now);
}

fn numbered(content: &Content) -> impl Iterator<Item = (u16, &Trigger)> {
    (0..=u16::MAX).zip(&content.places.triggers)
}

/// At the free place that is nearest, on the ground and at rest.
fn placed(map: &StaticMap, (x, y): (i32, i32)) -> Body {
    let (x, y) = map.nearest_free(x, y, 0, BODY_RADIUS);
    Body { x, y, ..Body::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Circle;
    use crate::rig::{Rig, content, effect};
    use crate::{Game, GameConfig, WorldImage};
    use protocol::motion::Body as Moving;
    use protocol::unit::{SUBUNITS_PER_M, UNITS_PER_M};
    use protocol::{CharacterId, EffectId, Input};
    use std::sync::Arc;

    const M: i32 = SUBUNITS_PER_M;

    fn place(x_m: i32, y_m: i32, change: impl FnOnce(&mut Trigger)) -> Trigger {
        let area = Circle { x: x_m * M, y: y_m * M, radius: 2 * M };
        let mut trigger = Trigger { name: format!("at {x_m}"), area, effect: None, exit: None };
        change(&mut trigger);
        trigger
    }

    fn rig(triggers: Vec<Trigger>) -> Rig {
        let mut content = content(vec![effect(1, |_| ())]);
        content.places.triggers = triggers;
        // They stand at 100, 102, .. m east and 200 m north.
        Rig::new(content, 2)
    }

    /// Who entered what, in which tick.
    fn entered(rig: &mut Rig, ticks: u32) -> Vec<(u32, NetId, u16)> {
        let mut all = Vec::new();
        for tick in 1..=ticks {
            rig.game.tick();
            all.extend(rig.game.happenings().iter().filter_map(|happening| match happening.event {
                GameEvent::Entered { trigger } => Some((tick, happening.of, trigger)),
                _ => None,
            }));
        }
        all
    }

    fn put(rig: &mut Rig, who: usize, x_m: i32, y_m: i32) {
        rig.game.place_player(rig.ids[who], x_m * UNITS_PER_M, y_m * UNITS_PER_M);
    }

    #[test]
    fn one_enters_once_as_long_as_he_stays_and_again_when_he_comes_back() {
        let mut rig = rig(vec![place(50, 50, |_| ()), place(51, 50, |_| ())]);
        let id = rig.ids[0];
        put(&mut rig, 0, 50, 50);
        assert_eq!(entered(&mut rig, 5), [(1, id, 0), (1, id, 1)]);
        put(&mut rig, 0, 53, 50);
        assert_eq!(entered(&mut rig, 5), [], "out of the one, still at the edge of the other");
        put(&mut rig, 0, 52, 50);
        assert_eq!(entered(&mut rig, 5), [(1, id, 0)]);
    }

    #[test]
    fn who_enters_bears_the_effect_of_the_place() {
        let mut rig = rig(vec![place(50, 50, |trigger| trigger.effect = Some(EffectId(1)))]);
        let ids = rig.ids.clone();
        put(&mut rig, 0, 50, 51);
        rig.run(2);
        assert_eq!((rig.effects(ids[0]), rig.effects(ids[1])), (vec![(1, 1)], vec![]));
        rig.run(20);
        assert_eq!(rig.effects(ids[0]), [], "it ends though he stays");
    }

    #[test]
    fn who_enters_is_put_at_the_exit_at_rest_and_does_not_enter_what_is_there() {
        let gate = |x_m, to_m: i32| place(x_m, 50, |trigger| trigger.exit = Some((to_m * M, 50 * M)));
        let mut rig = rig(vec![gate(50, 80), gate(80, 50), place(80, 50, |_| ())]);
        let id = rig.ids[0];
        put(&mut rig, 0, 50, 47);
        rig.game.set_input(id, Input { move_y: 127, ..Input::default() });
        let mut log = Vec::new();
        while log.is_empty() {
            log = entered(&mut rig, 1);
        }
        assert_eq!(log, [(1, id, 0)]);
        assert_eq!(rig.game.body(id), Some(&Moving { x: 80 * M, y: 50 * M, ..Moving::default() }));
        rig.game.set_input(id, Input::default());
        assert_eq!(entered(&mut rig, 30), [], "he is there already");
        put(&mut rig, 0, 90, 50);
        entered(&mut rig, 1);
        put(&mut rig, 0, 80, 50);
        assert_eq!(entered(&mut rig, 1), [(1, id, 1), (1, id, 2)]);
        assert_eq!(rig.game.body(id).map(|body| body.x), Some(50 * M));
    }

    #[test]
    fn an_id_that_is_given_out_again_has_been_nowhere() {
        let mut rig = rig(vec![place(50, 50, |_| ())]);
        let id = rig.ids[1];
        put(&mut rig, 1, 50, 50);
        assert_eq!(entered(&mut rig, 2).len(), 1);
        rig.game.despawn(id);
        rig.game.recycle(id);
        assert_eq!(rig.game.spawn_player(CharacterId(9), None), Ok(id));
        put(&mut rig, 1, 50, 50);
        assert_eq!(entered(&mut rig, 2), [(1, id, 0)]);
    }

    #[test]
    fn who_is_where_outlives_a_restart() {
        let mut rig = rig(vec![place(50, 50, |_| ()), place(60, 50, |trigger| trigger.exit = Some((50 * M, 50 * M)))]);
        put(&mut rig, 0, 50, 50);
        put(&mut rig, 1, 60, 50);
        assert_eq!(entered(&mut rig, 1).len(), 2);
        let mut bytes = Vec::new();
        rig.game.save().to_bytes(&mut bytes);
        let image = WorldImage::from_bytes(&bytes).expect("it was just written");
        let map = Arc::new(rig.game.map().clone());
        let config =
            GameConfig { seed: 1, map, content: Arc::clone(rig.game.content()), incarnation: 2, entities_max: 1_000 };
        rig.game = Game::restore(config, &image).expect("it was just saved");
        assert_eq!(entered(&mut rig, 3), []);
    }
}
