//! What mobs leave when they die.

use super::Mob;
use crate::carry::{Drop, Drops};
use crate::chance::{Dice, Question};
use crate::content::MobType;
use crate::fight::{Death, Deaths, Vitals};
use crate::movement::Mobile;
use crate::party::Parties;
use crate::player::Avatar;
use crate::roster::Roster;
use crate::rulebook::Rulebook;
use crate::{Clock, Seed};
use arrayvec::ArrayVec;
use bevy_ecs::prelude::{Query, Res, ResMut, With};
use protocol::news::PARTY_MAX;
use protocol::{EntityKind, NetId};

/// Chances of loot are in millionths.
const MILLION: u32 = 1_000_000;

/// Every dead mob leaves what the dice say. A drop with nothing in it is none.
pub(super) fn leave(
    (clock, seed): (Res<'_, Clock>, Res<'_, Seed>),
    (rulebook, roster): (Res<'_, Rulebook>, Res<'_, Roster>),
    deaths: Res<'_, Deaths>,
    mut drops: ResMut<'_, Drops>,
    mut parties: ResMut<'_, Parties>,
    mobs: Query<'_, '_, &Mob>,
    players: Query<'_, '_, (&Vitals, &Mobile), With<Avatar>>,
) {
    let dice = Dice::new(seed.0, clock.now);
    for death in deaths.0.iter().filter(|death| death.kind == EntityKind::Mob) {
        let Some(Ok(mob)) = roster.entity(death.who).map(|entity| mobs.get(entity)) else { continue };
        let range = i64::from(rulebook.0.rules.party_range);
        let is_near = |id: NetId| {
            let Some(Ok((vitals, mobile))) = roster.entity(id).map(|entity| players.get(entity)) else { return false };
            let way = |from: i32, to: i32| (i64::from(from) - i64::from(to)).pow(2);
            let square = way(mobile.0.x, death.place.0) + way(mobile.0.y, death.place.1);
            !vitals.is_dead() && square <= range * range
        };
        let owners = death.by.map(|by| parties.looters(by, is_near)).unwrap_or_default();
        let drop = left_by(rulebook.0.mobs.at(mob.kind), dice, death, owners);
        if drop.coins > 0 || !drop.items.is_empty() {
            drops.0.push(drop);
        }
    }
}

pub(super) fn left_by(kind: &MobType, dice: Dice, death: &Death, owners: ArrayVec<NetId, PARTY_MAX>) -> Drop {
    let roll = |nth: u32, (from, to): (u32, u32)| {
        from.saturating_add(dice.below(Question::Loot, death.who, nth, to.saturating_sub(from).saturating_add(1)))
    };
    let items = (0..).zip(&kind.loot).filter_map(|(at, loot)| {
        // Two draws for each after the coins'.
        let nth = 1 + 2 * at;
        let is_there = dice.below(Question::Loot, death.who, nth, MILLION) < loot.chance;
        is_there.then(|| (loot.item, roll(nth + 1, loot.count))).filter(|(_, count)| *count > 0)
    });
    Drop { place: death.place, coins: roll(0, kind.coins).into(), items: items.collect(), owners }
}
