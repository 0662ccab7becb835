//! What the disk has confirmed takes effect: experience and skills.
//!
//! The seam to the ledger is [`settle_entry`], which changes one character by one entry, and knows nothing of transactions.
//! [`settle`] around it fetches what is settled, finds the characters, and answers the orders; whoever settles other
//! entries of the same list calls [`settle_entry`] for those of growth instead, and this system goes.

use super::{Growth, figures};
use crate::content::Content;
use crate::event::{Happenings, Notices};
use crate::fight::{Sheet, Vitals, formula};
use crate::ledger::{Entry, Ledger};
use crate::order::{Answer, Answers};
use crate::player::Avatar;
use crate::replica::Replica;
use crate::roster::Roster;
use crate::rulebook::Rulebook;
use bevy_ecs::prelude::{Query, Res, ResMut};
use bevy_ecs::query::QueryData;
use protocol::{CharacterId, GameEvent, News, Refusal};

/// Everything of a character that such an entry can change.
#[derive(QueryData)]
#[query_data(mutable)]
pub(crate) struct Grown {
    replica: &'static Replica,
    avatar: &'static Avatar,
    growth: &'static mut Growth,
    sheet: &'static mut Sheet,
    vitals: &'static mut Vitals,
}

/// Where what follows from an entry is told.
pub(crate) struct Telling<'a> {
    pub(crate) happenings: &'a mut Happenings,
    pub(crate) notices: &'a mut Notices,
}

/// Makes one entry true of its character, who is in the world. Entries of other rooms change nothing.
pub(crate) fn settle_entry(entry: &Entry, content: &Content, one: &mut GrownItem<'_, '_>, telling: &mut Telling<'_>) {
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
pub(crate) const fn grower(entry: &Entry) -> Option<CharacterId> {
    match entry {
        Entry::Experience { character, .. } | Entry::Skill { character, .. } => Some(*character),
        _ => None,
    }
}

/// Whoever is not in the world any more finds it in what he owns when he comes again.
pub(super) fn settle(
    rulebook: Res<'_, Rulebook>,
    roster: Res<'_, Roster>,
    mut ledger: ResMut<'_, Ledger>,
    mut characters: Query<'_, '_, Grown>,
    mut happenings: ResMut<'_, Happenings>,
    mut notices: ResMut<'_, Notices>,
    mut answers: ResMut<'_, Answers>,
) {
    let settled = ledger.take_settled();
    if settled.is_empty() {
        return;
    }
    let named = characters.iter().map(|one| (one.avatar.character, one.replica.id));
    let mut named: Vec<_> = named.collect();
    named.sort_unstable();
    let mut telling = Telling { happenings: &mut happenings, notices: &mut notices };
    for (under_way, is_durable) in settled {
        for entry in &under_way.transaction.entries {
            let Some(character) = grower(entry) else { continue };
            let at = named.partition_point(|(known, _)| *known < character);
            let Some(&(_, id)) = named.get(at).filter(|(known, _)| *known == character) else { continue };
            if let Some(entity) = roster.entity(id).filter(|_| is_durable)
                && let Ok(mut one) = characters.get_mut(entity)
            {
                settle_entry(entry, &rulebook.0, &mut one, &mut telling);
            }
            // Under the id of one who has left somebody else may be here.
            if let Some((to, number)) = under_way.order.filter(|&(to, _)| to == id) {
                let result = if is_durable { Ok(()) } else { Err(Refusal::NotSaved) };
                answers.0.push(Answer { to, number, result });
            }
        }
    }
}
