//! All blows of a tick are dealt, then the dead are told.

use super::blow::Blows;
use super::fighter::{Sheet, Vitals};
use super::harm::{Harm, Threat};
use super::strike::{Scene, Target};
use crate::bond::Bonds;
use crate::cast::Casting;
use crate::chance::Dice;
use crate::effects::Effects;
use crate::event::Happenings;
use crate::movement::Mobile;
use crate::player::{Avatar, View};
use crate::replica::Replica;
use crate::roster::Roster;
use crate::rulebook::Rulebook;
use crate::thing::Thing;
use crate::{Clock, Seed};
use bevy_ecs::prelude::{Query, Res, ResMut, Resource};
use bevy_ecs::query::QueryData;
use protocol::motion::Body;
use protocol::{EntityKind, GameEvent, NetId};

/// Somebody who died in this tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Death {
    pub(crate) who: NetId,
    pub(crate) kind: EntityKind,
    /// Who did most to him in this fight.
    pub(crate) by: Option<NetId>,
    /// What everybody did to him.
    pub(crate) harm: Harm,
    /// Where he fell, in subunits: east, north, up.
    pub(crate) place: (i32, i32, i32),
}

/// Those who died in this tick, by ascending id.
#[derive(Debug, Default, Resource)]
pub(crate) struct Deaths(pub(crate) Vec<Death>);

/// Everything of a fighter that a blow can change.
#[derive(QueryData)]
#[query_data(mutable)]
pub(super) struct Stricken {
    vitals: &'static mut Vitals,
    sheet: &'static mut Sheet,
    effects: &'static mut Effects,
    harm: &'static mut Harm,
    threat: Option<&'static mut Threat>,
    mobile: &'static mut Mobile,
    casting: &'static mut Casting,
    view: Option<&'static View>,
    thing: Option<&'static Thing>,
}

/// Deals all blows. Whoever is not in the world any more, or is no fighter, is passed over.
pub(super) fn deal(
    clock: Res<'_, Clock>,
    seed: Res<'_, Seed>,
    rulebook: Res<'_, Rulebook>,
    roster: Res<'_, Roster>,
    mut blows: ResMut<'_, Blows>,
    mut fighters: Query<'_, '_, Stricken>,
    mut happenings: ResMut<'_, Happenings>,
) {
    let content = &*rulebook.0;
    let dice = Dice::new(seed.0, clock.now);
    let mut scene = Scene { content, dice, now: clock.now, happenings: &mut happenings };
    let due = blows.take_sorted();
    for blow in &due {
        let Some(Ok(mut one)) = roster.entity(blow.on).map(|entity| fighters.get_mut(entity)) else { continue };
        let body = &mut one.mobile.0;
        let is_safe = content.places.safe_zones.iter().any(|zone| zone.holds(body.x, body.y));
        let mut target = Target {
            id: blow.on,
            is_safe,
            yaw: facing(one.view, one.thing),
            vitals: &mut one.vitals,
            sheet: &mut one.sheet,
            effects: &mut one.effects,
            harm: &mut one.harm,
            threat: one.threat.as_deref_mut(),
            body,
            locked_until: None,
        };
        scene.deal(blow, &mut target);
        if let Some(until) = target.locked_until {
            one.casting.interrupt(until);
        }
    }
    blows.give_back(due);
}

fn facing(view: Option<&View>, thing: Option<&Thing>) -> u16 {
    match (view, thing) {
        (Some(view), _) => view.yaw,
        (None, Some(Thing::Mob { yaw, .. })) => *yaw,
        _ => 0,
    }
}

/// Whoever has no health left when all is dealt is dead, and nothing lasts on him any more.
pub(super) fn bury(
    clock: Res<'_, Clock>,
    mut fighters: Query<'_, '_, (&Replica, &mut Vitals, &mut Harm, &mut Effects, &mut Sheet, &Mobile)>,
    mut deaths: ResMut<'_, Deaths>,
    mut happenings: ResMut<'_, Happenings>,
) {
    deaths.0.clear();
    for (replica, mut vitals, mut harm, mut effects, mut sheet, mobile) in &mut fighters {
        if vitals.health > 0 || vitals.is_dead() {
            if !harm.0.is_empty() && !vitals.is_in_combat(clock.now) {
                harm.0.clear();
            }
            continue;
        }
        (vitals.health, vitals.died) = (0, Some(clock.now));
        effects.0.clear();
        sheet.is_stale = true;
        let Body { x, y, z, .. } = mobile.0;
        let harm = std::mem::take(&mut *harm);
        deaths.0.push(Death { who: replica.id, kind: replica.kind, by: harm.0.first(), harm, place: (x, y, z) });
    }
    deaths.0.sort_unstable_by_key(|death| death.who);
    for &Death { who, by, .. } in &deaths.0 {
        happenings.tell(who, GameEvent::Died { who, by });
    }
}

/// Tells the whole world when a player was killed by a player, and when a boss fell.
pub(super) fn toll(
    deaths: Res<'_, Deaths>,
    bonds: Res<'_, Bonds>,
    roster: Res<'_, Roster>,
    avatars: Query<'_, '_, &Avatar>,
    mut happenings: ResMut<'_, Happenings>,
) {
    let is_player = |id: NetId| roster.entity(id).is_some_and(|entity| avatars.contains(entity));
    for &Death { who, by, .. } in &deaths.0 {
        if let Some(by) = by
            && (bonds.bosses().contains(&who) || (is_player(who) && is_player(by)))
        {
            happenings.tell(who, GameEvent::Slain { who, by });
        }
    }
}
