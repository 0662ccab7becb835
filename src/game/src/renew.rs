//! Other content has come into force: everybody is what it makes of him.

use crate::carry::{self, Bag};
use crate::content::{Content, Stats};
use crate::fight::{Gear, Sheet, formula};
use crate::growth::{self, Bounty, Growth};
use crate::mobs::{self, Mob};
use bevy_ecs::prelude::World;

/// Gives everybody the level, the figures and the gear that he would have if he came in now, and mobs what their kind is
/// worth. What lasts on them is added, and what is above the most that they have is cut, in the coming tick, as after every
/// other change. Each is looked at on its own: the order of the table is as good as any.
pub(crate) fn renew(world: &mut World, content: &Content) {
    let mut players = world.query::<(&Growth, &Bag, &mut Sheet, &mut Gear)>();
    for (growth, bag, mut sheet, mut gear) in players.iter_mut(world) {
        let (level, _) = formula::level_of(growth.experience, &content.rules);
        *gear = carry::gear(content, bag);
        renew_sheet(&mut sheet, level, growth::figures(content, growth.class, level));
    }
    let mut mobs = world.query::<(&Mob, &mut Sheet, &mut Bounty)>();
    for (mob, mut sheet, mut bounty) in mobs.iter_mut(world) {
        if let Some(kind) = content.mobs.find(mob.kind) {
            *bounty = mobs::bounty(kind);
            renew_sheet(&mut sheet, kind.level, kind.stats);
        }
    }
}

fn renew_sheet(sheet: &mut Sheet, level: u8, base: Stats) {
    *sheet = Sheet { level, base, is_stale: true, ..*sheet };
}
