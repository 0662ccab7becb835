//! What the disk has confirmed takes effect: experience and skills.

use super::{Growth, figures};
use crate::carry::Bodies;
use crate::content::Content;
use crate::event::{Happenings, Notices};
use crate::fight::{Sheet, Vitals, formula};
use crate::ledger::{Entry, UnderWay};
use crate::replica::Replica;
use crate::roster::Roster;
use crate::rulebook::Rulebook;
use bevy_ecs::prelude::World;
use bevy_ecs::query::QueryData;
use protocol::{CharacterId, GameEvent, News};
use std::sync::Arc;

/// Everything of a character that such an entry can change.
#[derive(QueryData)]
#[query_data(mutable)]
pub(super) struct Grown {
    replica: &'static Replica,
    growth: &'static mut Growth,
    sheet: &'static mut Sheet,
    vitals: &'static mut Vitals,
}

/// Where what follows from an entry is told.
struct Telling<'a> {
    happenings: &'a mut Happenings,
    notices: &'a mut Notices,
}

/// Makes one entry true of its character, who is in the world. Entries of other rooms change nothing.
fn settle_entry(entry: &Entry, content: &Content, one: &mut GrownItem<'_, '_>, telling: &mut Telling<'_>) {
    let id = one.replica.id;
    match *entry {
        Entry::Experience { gained, .. } => {
            one.growth.experience = one.growth.experience.saturating_add(gained);
            let amount = u32::try_from(gained).unwrap_or(u32::MAX);
            telling.happenings.tell(id, GameEvent::Experience { amount });
            let (level, _) = formula::level_of(one.growth.experience, &content.rules);
            if level > one.sheet.level {
                let base = figures(content, one.growth.class, level);
                *one.sheet = Sheet { level, base, is_stale: true, ..*one.sheet };
                if !one.vitals.is_dead() {
                    // Cut to the most that he has when his figures are made anew, in this tick.
                    (one.vitals.health, one.vitals.mana) = (i32::MAX, i32::MAX);
                }
                telling.happenings.tell(id, GameEvent::LevelUp { who: id, level });
            }
        }
        Entry::Skill { skill, rank, .. } => {
            one.growth.learn(skill, rank);
            let rank = one.growth.rank(content, skill);
            telling.notices.tell(id, News::Skill { skill, rank });
        }
        _ => {}
    }
}

/// Of whom such an entry tells; `None` of entries of other rooms.
const fn grower(entry: &Entry) -> Option<CharacterId> {
    match entry {
        Entry::Experience { character, .. } | Entry::Skill { character, .. } => Some(*character),
        _ => None,
    }
}

/// What the disk has takes effect on those who are here; whoever has left finds it in what he owns when he comes again.
pub(crate) fn settle(world: &mut World, under_way: &UnderWay) {
    let grown = |entry: &&Entry| grower(entry).is_some_and(|character| !under_way.gone.contains(&character));
    if !under_way.transaction.entries.iter().any(|entry| grown(&entry)) {
        return;
    }
    let content = Arc::clone(&world.resource::<Rulebook>().0);
    // Lent out, because everything else is borrowed from the world.
    let mut happenings = std::mem::take(&mut *world.resource_mut::<Happenings>());
    let mut notices = std::mem::take(&mut *world.resource_mut::<Notices>());
    let mut telling = Telling { happenings: &mut happenings, notices: &mut notices };
    let mut characters = world.query::<Grown>();
    for entry in under_way.transaction.entries.iter().filter(grown) {
        let id = grower(entry).and_then(|character| world.resource::<Bodies>().of(character));
        let entity = id.and_then(|id| world.resource::<Roster>().entity(id));
        if let Some(Ok(mut one)) = entity.map(|entity| characters.get_mut(world, entity)) {
            settle_entry(entry, &content, &mut one, &mut telling);
        }
    }
    world.insert_resource(happenings);
    world.insert_resource(notices);
}
