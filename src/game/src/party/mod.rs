//! Who plays together: parties, invitations, and whose turn it is to loot.
//!
//! Members are of one team, or of none, so they may not fight each other by [`crate::fight::Team`]; that is checked when
//! one is invited, and a team never changes. Members are always told of each other ([`Bonds`]); whoever adds a bond of
//! another sort between two members must know that it ends with the party.
//!
//! A party ends with its members' sessions and is lost with the process, but while the world lasts it decides who shares
//! in what, so it is part of the world's image.

mod image;
mod loot;
mod order;
#[cfg(test)]
mod tests;

pub(crate) use image::PartiesImage;

use crate::bond::Bonds;
use crate::schedule::Doing;
use arrayvec::ArrayVec;
use bevy_ecs::prelude::{IntoScheduleConfigs, Resource, Schedule, World};
use protocol::command::LootRule;
use protocol::news::{PARTY_MAX, Party};
use protocol::unit::TICK_RATE_HZ;
use protocol::{NetId, Refusal, Tick};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An invitation is good for 30 s: long enough to end a fight first.
const INVITATION_TICKS: u32 = 30 * TICK_RATE_HZ;

pub(crate) fn register(world: &mut World, schedule: &mut Schedule) {
    world.insert_resource(Parties::default());
    schedule.add_systems((order::carry_out, order::tell).chain().in_set(Doing::Parties));
}

/// All parties.
#[derive(Debug, Default, Resource)]
pub(crate) struct Parties {
    /// By row of a member: the place of his party. Asked of everybody to whom something happens, so it is one look.
    of: Vec<Option<u16>>,
    /// Each in the place that was the first free one when it began. Places are named nowhere outside, so an image need not
    /// keep them.
    bands: Vec<Option<Band>>,
    /// By who is invited: the last one counts.
    invitations: BTreeMap<NetId, Invitation>,
    /// Those whose party has changed since they were told.
    untold: Vec<NetId>,
}

/// One party.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Band {
    /// The leader, then the others in the order in which they would follow him: who came first is first. 2 or more.
    members: ArrayVec<NetId, PARTY_MAX>,
    rule: LootRule,
    /// Whoever had the last turn.
    last: Option<NetId>,
}

/// Somebody was asked into a party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Invitation {
    by: NetId,
    /// The first tick without it.
    until: Tick,
}

impl Parties {
    /// The members of somebody's party, the leader first; empty if he is in none.
    pub(crate) fn of(&self, id: NetId) -> &[NetId] {
        self.band(id).map_or(&[], |band| &band.members)
    }

    /// What somebody is told of his party.
    fn news(&self, id: NetId) -> Party {
        self.band(id).map_or_else(Party::default, |band| Party { members: band.members.to_vec(), rule: band.rule })
    }

    fn band(&self, id: NetId) -> Option<&Band> {
        self.bands[self.place(id)?].as_ref()
    }

    fn band_mut(&mut self, id: NetId) -> Option<&mut Band> {
        let place = self.place(id)?;
        self.bands[place].as_mut()
    }

    fn place(&self, id: NetId) -> Option<usize> {
        self.of.get(id.row()).copied().flatten().map(usize::from)
    }

    fn set_place(&mut self, id: NetId, place: Option<usize>) {
        if self.of.len() <= id.row() {
            self.of.resize(id.row() + 1, None);
        }
        // Fits: no more parties than ids, and those have 16 bits.
        self.of[id.row()] = place.map(|place| place as u16);
    }

    /// Puts a party into the first free place.
    fn begin(&mut self, band: Band) -> usize {
        let place = self.bands.iter().position(Option::is_none).unwrap_or(self.bands.len());
        if place == self.bands.len() {
            self.bands.push(None);
        }
        band.members.iter().for_each(|&member| self.set_place(member, Some(place)));
        self.bands[place] = Some(band);
        place
    }

    /// The party that somebody leads.
    fn led(&mut self, by: NetId) -> Result<&mut Band, Refusal> {
        let band = self.band_mut(by).ok_or(Refusal::NoParty)?;
        if band.members[0] == by { Ok(band) } else { Err(Refusal::NotLeader) }
    }

    /// Both are live, and may not fight each other.
    fn invite(&mut self, by: NetId, who: NetId, now: Tick) -> Result<(), Refusal> {
        self.can_take(by)?;
        if self.place(who).is_some() {
            return Err(Refusal::InParty);
        }
        // Whoever never answers would be kept for ever.
        self.invitations.retain(|_, invitation| now < invitation.until);
        self.invitations.insert(who, Invitation { by, until: Tick(now.0.saturating_add(INVITATION_TICKS)) });
        Ok(())
    }

    /// Whether somebody may take others into his party, or begin one.
    fn can_take(&self, by: NetId) -> Result<(), Refusal> {
        match self.of(by) {
            [leader, ..] if *leader != by => Err(Refusal::NotLeader),
            members if members.len() == PARTY_MAX => Err(Refusal::PartyFull),
            _ => Ok(()),
        }
    }

    /// A member is told of his party anew.
    pub(crate) fn tell_anew(&mut self, id: NetId) {
        if !self.of(id).is_empty() {
            self.untold.push(id);
        }
    }

    /// An invitation is used up by whatever comes of following it.
    fn accept(&mut self, who: NetId, now: Tick, bonds: &mut Bonds) -> Result<(), Refusal> {
        let Invitation { by, .. } = self.take_invitation(who, now)?;
        if self.place(who).is_some() {
            return Err(Refusal::InParty);
        }
        self.can_take(by)?;
        let place = self.place(by).unwrap_or_else(|| {
            let members = std::iter::once(by).collect();
            self.begin(Band { members, ..Band::default() })
        });
        self.set_place(who, Some(place));
        let band = self.bands[place].as_mut().expect("a party that has a member");
        band.members.iter().for_each(|&member| bind(bonds, member, who, true));
        band.members.push(who);
        self.untold.extend(&band.members);
        Ok(())
    }

    fn take_invitation(&mut self, who: NetId, now: Tick) -> Result<Invitation, Refusal> {
        let invitation = self.invitations.remove(&who).filter(|invitation| now < invitation.until);
        invitation.ok_or(Refusal::NotInvited)
    }

    /// Somebody is in no party any more; a party of one is none.
    fn leave(&mut self, who: NetId, bonds: &mut Bonds) -> Result<(), Refusal> {
        let place = self.place(who).ok_or(Refusal::NoParty)?;
        let band = self.bands[place].as_mut().expect("a party that has a member");
        band.members.retain(|member| *member != who);
        band.members.iter().for_each(|&member| bind(bonds, member, who, false));
        self.untold.push(who);
        self.untold.extend(&band.members);
        if let [last] = band.members[..] {
            self.set_place(last, None);
            self.bands[place] = None;
        }
        self.set_place(who, None);
        Ok(())
    }

    fn kick(&mut self, by: NetId, who: NetId, bonds: &mut Bonds) -> Result<(), Refusal> {
        let band = self.led(by)?;
        if by == who {
            return Err(Refusal::Oneself);
        }
        if !band.members.contains(&who) {
            return Err(Refusal::NotMember);
        }
        self.leave(who, bonds)
    }

    /// The former leader is the first to follow the new one.
    fn lead(&mut self, by: NetId, who: NetId) -> Result<(), Refusal> {
        let band = self.led(by)?;
        if by == who {
            return Err(Refusal::Oneself);
        }
        let at = band.members.iter().position(|member| *member == who).ok_or(Refusal::NotMember)?;
        band.members[..=at].rotate_right(1);
        let members = band.members.clone();
        self.untold.extend(members);
        Ok(())
    }

    fn set_rule(&mut self, by: NetId, rule: LootRule) -> Result<(), Refusal> {
        let band = self.led(by)?;
        band.rule = rule;
        let members = band.members.clone();
        self.untold.extend(members);
        Ok(())
    }

    /// Somebody has gone from the world. Done at once: his id may name another one before the coming tick.
    pub(crate) fn forget(&mut self, id: NetId, bonds: &mut Bonds) {
        // He may be in none and untold of it: his party has ended since the last tick.
        let _ = self.leave(id, bonds);
        self.untold.retain(|untold| *untold != id);
        self.invitations.remove(&id);
        self.invitations.retain(|_, invitation| invitation.by != id);
    }
}

/// Each is told of the other wherever both are. A viewer who has no room is told of him when he is near.
fn bind(bonds: &mut Bonds, a: NetId, b: NetId, is_bound: bool) {
    bonds.set_always(a, b, is_bound);
    bonds.set_always(b, a, is_bound);
}
