//! What mobs leave when they die.

use super::Mob;
use crate::chance::{Dice, Question};
use crate::content::MobType;
use crate::fight::{Death, Deaths};
use crate::player::Avatar;
use crate::roster::Roster;
use crate::rulebook::Rulebook;
use crate::{Clock, Seed};
use arrayvec::ArrayVec;
use bevy_ecs::prelude::{Query, Res, ResMut, Resource};
use protocol::{EntityKind, ItemKind, NetId};

/// Most players who may pick up what one mob left before all others: a party.
pub(crate) const OWNERS_MAX: usize = 8;
/// Chances of loot are in millionths.
const MILLION: u32 = 1_000_000;

/// What one mob left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Drop {
    /// Where, in subunits: east, north, up.
    pub(crate) place: (i32, i32, i32),
    pub(crate) coins: u32,
    /// What, and how many, in the order of the content.
    pub(crate) items: Vec<(ItemKind, u32)>,
    /// Who may have it first.
    pub(crate) owners: ArrayVec<NetId, OWNERS_MAX>,
}

/// What was left in this tick, by ascending id of who left it. It is there from [`leave`] until the end of
/// [`crate::Phase::Settle`]: whoever brings it into the world takes it in that phase.
#[derive(Debug, Default, Resource)]
pub(crate) struct Drops(pub(crate) Vec<Drop>);

/// Every dead mob leaves what the dice say. A drop with nothing in it is none.
pub(super) fn leave(
    (clock, seed): (Res<'_, Clock>, Res<'_, Seed>),
    rulebook: Res<'_, Rulebook>,
    roster: Res<'_, Roster>,
    deaths: Res<'_, Deaths>,
    mut drops: ResMut<'_, Drops>,
    mobs: Query<'_, '_, &Mob>,
    avatars: Query<'_, '_, &Avatar>,
) {
    drops.0.clear();
    let dice = Dice::new(seed.0, clock.now);
    for death in deaths.0.iter().filter(|death| death.kind == EntityKind::Mob) {
        let Some(Ok(mob)) = roster.entity(death.who).map(|entity| mobs.get(entity)) else { continue };
        let is_player = |id: &NetId| roster.entity(*id).is_some_and(|entity| avatars.contains(entity));
        let owners = death.by.filter(is_player).into_iter().collect();
        let drop = left_by(rulebook.0.mobs.at(mob.kind), dice, death, owners);
        if drop.coins > 0 || !drop.items.is_empty() {
            drops.0.push(drop);
        }
    }
}

fn left_by(kind: &MobType, dice: Dice, death: &Death, owners: ArrayVec<NetId, OWNERS_MAX>) -> Drop {
    let roll = |nth: u32, (from, to): (u32, u32)| {
        from.saturating_add(dice.below(Question::Loot, death.who, nth, to.saturating_sub(from).saturating_add(1)))
    };
    let items = (0..).zip(&kind.loot).filter_map(|(at, loot)| {
        // Two draws for each after the coins'.
        let nth = 1 + 2 * at;
        let is_there = dice.below(Question::Loot, death.who, nth, MILLION) < loot.chance;
        is_there.then(|| (loot.item, roll(nth + 1, loot.count))).filter(|(_, count)| *count > 0)
    });
    Drop { place: death.place, coins: roll(0, kind.coins), items: items.collect(), owners }
}
