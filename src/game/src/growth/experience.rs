//! What a death is worth, and to whom.

use super::Growth;
use crate::content::Content;
use crate::fight::{Death, Deaths, Sheet, Vitals, formula};
use crate::ledger::{Entry, Ledger};
use crate::movement::Mobile;
use crate::party::Parties;
use crate::player::Avatar;
use crate::roster::Roster;
use crate::rulebook::Rulebook;
use arrayvec::ArrayVec;
use bevy_ecs::prelude::{Component, Query, Res, ResMut};
use bevy_ecs::query::QueryData;
use protocol::NetId;
use protocol::news::PARTY_MAX;
use serde::{Deserialize, Serialize};

/// What the death of a fighter is worth; of those who are worth nothing there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Component, Serialize, Deserialize)]
pub(crate) struct Bounty {
    /// To a lone player of its own level.
    pub(crate) experience: u32,
    pub(crate) level: u8,
}

/// Everything of a player that says what he has of a death.
#[derive(QueryData)]
pub(super) struct Hunter {
    avatar: &'static Avatar,
    growth: &'static Growth,
    sheet: &'static Sheet,
    vitals: &'static Vitals,
    mobile: &'static Mobile,
}

/// Asks the disk for the experience of all deaths, each in one transaction.
pub(super) fn award(
    rulebook: Res<'_, Rulebook>,
    roster: Res<'_, Roster>,
    deaths: Res<'_, Deaths>,
    parties: Res<'_, Parties>,
    bounties: Query<'_, '_, &Bounty>,
    hunters: Query<'_, '_, Hunter>,
    mut ledger: ResMut<'_, Ledger>,
) {
    for death in &deaths.0 {
        let Some(&bounty) = roster.entity(death.who).and_then(|entity| bounties.get(entity).ok()) else { continue };
        let hunter = |id: NetId| roster.entity(id).and_then(|entity| hunters.get(entity).ok());
        let mut entries = Vec::new();
        for (group, part) in groups(death, &parties, bounty, |id| hunter(id).is_some()) {
            let lone = [group];
            let members = match parties.of(group) {
                [] => &lone[..],
                members => members,
            };
            let near: ArrayVec<_, PARTY_MAX> = members
                .iter()
                .filter_map(|&id| hunter(id))
                .filter(|one| !one.vitals.is_dead() && is_near(one, death, &rulebook.0))
                .collect();
            let each = formula::party_part(part, near.len() as u32, &rulebook.0.rules);
            for one in near {
                let is_grown = one.sheet.level >= rulebook.0.rules.level_max;
                let each = u32::try_from(each).unwrap_or(u32::MAX);
                let gained = formula::experience_of(each, bounty.level, one.sheet.level);
                // So that nothing overflows for ever: nobody comes near it but by a faulty record.
                if gained > 0 && !is_grown && one.growth.experience < u64::MAX / 2 {
                    entries.push(Entry::Experience { character: one.avatar.character, gained });
                }
            }
        }
        if !entries.is_empty() {
            ledger.ask(None, entries);
        }
    }
}

/// What each group gets: a lone player, or a party by its leader, by the damage that its members did. Whoever has left, and
/// mobs, count for nothing. In the order in which they began.
fn groups(
    death: &Death,
    parties: &Parties,
    bounty: Bounty,
    is_player: impl Fn(NetId) -> bool,
) -> impl Iterator<Item = (NetId, u64)> {
    let mut groups: Vec<(NetId, u64)> = Vec::new();
    for (id, harm) in death.harm.0.iter().filter(|&(id, _)| is_player(id)) {
        let (group, harm) = (parties.of(id).first().copied().unwrap_or(id), u64::try_from(harm).unwrap_or(0));
        match groups.iter_mut().find(|(known, _)| *known == group) {
            Some((_, sum)) => *sum = sum.saturating_add(harm),
            None => groups.push((group, harm)),
        }
    }
    let all = groups.iter().map(|&(_, harm)| u128::from(harm)).sum::<u128>().max(1);
    let part = move |harm: u64| (u128::from(bounty.experience) * u128::from(harm) / all) as u64;
    groups.into_iter().map(move |(group, harm)| (group, part(harm)))
}

/// In the plane: who fights from a tower is near.
fn is_near(one: &HunterItem<'_, '_>, death: &Death, content: &Content) -> bool {
    let distance = |a: i32, b: i32| i64::from(a) - i64::from(b);
    let (dx, dy) = (distance(one.mobile.0.x, death.place.0), distance(one.mobile.0.y, death.place.1));
    dx * dx + dy * dy <= i64::from(content.rules.party_range).pow(2)
}
