//! What effects do by themselves, and when they end.

use super::active::{Effects, after};
use crate::Clock;
use crate::event::Happenings;
use crate::fight::{Blow, Blows, Cause, Sheet, Vitals};
use crate::movement::Mobile;
use crate::replica::Replica;
use crate::rulebook::Rulebook;
use bevy_ecs::prelude::{Local, Query, Res, ResMut};
use protocol::{EffectId, GameEvent, NetId};

/// Ends what is over. Events are told by ascending id: the order of the table is not that of a restored world.
pub(super) fn end_effects(
    clock: Res<'_, Clock>,
    mut fighters: Query<'_, '_, (&Replica, &mut Effects, &mut Sheet)>,
    mut happenings: ResMut<'_, Happenings>,
    mut ended: Local<'_, Vec<(NetId, EffectId)>>,
) {
    ended.clear();
    for (replica, mut effects, mut sheet) in &mut fighters {
        if !effects.0.iter().any(|active| active.until <= clock.now) {
            continue;
        }
        effects.0.retain(|active| {
            let is_over = active.until <= clock.now;
            if is_over {
                ended.push((replica.id, active.effect));
            }
            !is_over
        });
        sheet.is_stale = true;
    }
    ended.sort_by_key(|&(on, _)| on);
    for &(on, effect) in &*ended {
        happenings.tell(on, GameEvent::EffectEnded { on, effect });
    }
}

/// Does what is due. Nothing pulses on the dead.
pub(super) fn pulse(
    clock: Res<'_, Clock>,
    rulebook: Res<'_, Rulebook>,
    mut fighters: Query<'_, '_, (&Replica, &mut Effects, &Vitals, &Mobile)>,
    mut blows: ResMut<'_, Blows>,
) {
    for (replica, mut effects, vitals, mobile) in &mut fighters {
        if effects.0.is_empty() || vitals.is_dead() {
            continue;
        }
        let from = (mobile.0.x, mobile.0.y);
        // Each who has put one there has his own: the place in the list tells them apart.
        for (at, active) in (0_u16..).zip(&mut effects.0) {
            let Some(pulse) = &rulebook.0.effects.at(active.effect).pulse else { continue };
            if active.next > clock.now {
                continue;
            }
            active.next = after(active.next.max(clock.now), pulse.every_ticks);
            let blow = Blow {
                by: active.by,
                on: replica.id,
                outcome: pulse.outcomes[0],
                force: active.force,
                share: 1_000 * u32::from(active.stacks),
                from,
                cause: Cause::Effect(active.effect),
                nth: at * OUTCOMES_OF_ONE,
            };
            for (nth, &outcome) in (0..).zip(&pulse.outcomes) {
                blows.add(Blow { outcome, nth: blow.nth + nth, ..blow });
            }
        }
    }
}

/// Outcomes of one pulse, to number those of all effects on one fighter: content has no more.
const OUTCOMES_OF_ONE: u16 = 16;
