//! Effects that give others an effect: who is near is asked of the quadtree.

use super::active::{AURA_TICKS, Effects, after};
use crate::Clock;
use crate::content::{Aura, Outcome, Side};
use crate::fight::{Blow, Blows, Cause, Force, Sheet, Team, Vitals};
use crate::movement::Mobile;
use crate::replica::Replica;
use crate::roster::Roster;
use crate::rulebook::Rulebook;
use crate::spatial::Quadtree;
use bevy_ecs::prelude::{Local, Query, Res, ResMut};
use protocol::EffectId;
use protocol::unit::unit_of;

/// An aura that is due.
#[derive(Debug)]
pub(super) struct Due {
    by: protocol::NetId,
    from: (i32, i32),
    team: Team,
    force: Force,
    effect: EffectId,
    aura: Aura,
}

/// Gives what auras give, once a second each. Whoever bears one is among his own allies.
pub(super) fn give(
    (clock, rulebook): (Res<'_, Clock>, Res<'_, Rulebook>),
    (tree, roster): (Res<'_, Quadtree>, Res<'_, Roster>),
    mut bearers: Query<'_, '_, (&Replica, &mut Effects, &Vitals, &Mobile, &Team, &Sheet)>,
    others: Query<'_, '_, (&Team, &Vitals)>,
    mut blows: ResMut<'_, Blows>,
    mut due: Local<'_, Vec<Due>>,
) {
    due.clear();
    for (replica, mut effects, vitals, mobile, team, sheet) in &mut bearers {
        if effects.0.is_empty() || vitals.is_dead() {
            continue;
        }
        for active in &mut effects.0 {
            let Some(aura) = rulebook.0.effects.at(active.effect).aura else { continue };
            if active.next <= clock.now {
                active.next = after(clock.now, AURA_TICKS);
                let from = (mobile.0.x, mobile.0.y);
                let force = Force::of(sheet);
                due.push(Due { by: replica.id, from, team: *team, force, effect: active.effect, aura });
            }
        }
    }
    for Due { by, from, team, force, effect, aura } in due.drain(..) {
        let outcome = Outcome::Apply { effect: aura.effect };
        tree.query_circle(unit_of(from.0), unit_of(from.1), unit_of(aura.radius), &mut |on| {
            let Some((other, vitals)) = roster.entity(on).and_then(|entity| others.get(entity).ok()) else { return };
            let is_reached = match aura.side {
                Side::Enemies => team.may_fight(*other),
                Side::Allies => !team.may_fight(*other),
                Side::Everyone => true,
            };
            if is_reached && !vitals.is_dead() {
                let cause = Cause::Effect(effect);
                blows.add(Blow { by: Some(by), on, outcome, force, share: 1_000, from, cause, nth: 0 });
            }
        });
    }
}
