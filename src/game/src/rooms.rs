//! What the rooms keep, as part of the world's image: each component and resource that decides the future, as it is.
//!
//! A room that gets a component adds it here, in [`FighterImage`] or beside it, or worlds that were restored would go their
//! own way; `run 600 ticks = run 300, save, restore, run 300` finds out.

use crate::bond::Bonds;
use crate::carry::{Bag, Finds, GroundRecord, Lying};
use crate::cast::{Arts, Casting, Cooldowns, Missile};
use crate::content::Content;
use crate::effects::Effects;
use crate::extension::SavedParts;
use crate::fight::{Blows, Gear, Harm, Sheet, Team, Threat, Vitals};
use crate::growth::{Bounty, Growth};
use crate::ledger::Ledger;
use crate::mobs::{MobImage, Nests, NestsImage};
use crate::party::{Parties, PartiesImage};
use crate::physics::Within;
use crate::roster::Roster;
use crate::rulebook::Rulebook;
use crate::trade::{self, Trades};
use bevy_ecs::prelude::{Component, Entity, World};
use protocol::NetId;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Everything beyond bodies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RoomsImage {
    /// By ascending id.
    pub(crate) fighters: Vec<(NetId, FighterImage)>,
    /// By ascending id.
    pub(crate) growths: Vec<(NetId, Growth)>,
    /// By ascending id.
    pub(crate) missiles: Vec<(NetId, Missile)>,
    pub(crate) ledger: Ledger,
    /// By ascending id.
    pub(crate) mobs: Vec<(NetId, MobImage)>,
    pub(crate) nests: NestsImage,
    pub(crate) parties: PartiesImage,
    /// By ascending id.
    bags: Vec<(NetId, Bag)>,
    /// By ascending id.
    lying: Vec<(NetId, Lying)>,
    trades: Trades,
    /// Who is in which trigger.
    pub(crate) within: Within,
    /// What was dealt too late for the tick.
    blows: Blows,
    /// By name, in the order in which they were added.
    pub(crate) extensions: Vec<(String, Vec<u8>)>,
}

/// A fighter of a world's image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FighterImage {
    vitals: Vitals,
    sheet: Sheet,
    team: Team,
    effects: Effects,
    harm: Harm,
    casting: Casting,
    cooldowns: Cooldowns,
    arts: Option<Arts>,
    gear: Option<Gear>,
    threat: Option<Threat>,
    bounty: Option<Bounty>,
}

impl RoomsImage {
    /// As the world is now.
    pub(crate) fn of(world: &World) -> Self {
        let roster = world.resource::<Roster>();
        let mut image = Self {
            ledger: world.resource::<Ledger>().clone(),
            parties: world.resource::<Parties>().image(),
            trades: world.resource::<Trades>().clone(),
            ..Self::default()
        };
        for &id in roster.live() {
            if let Some(entity) = roster.entity(id) {
                image.see(world, id, entity);
            }
        }
        image.see_all(world);
        image
    }

    /// Notes what one has; to be called by ascending id.
    pub(crate) fn see(&mut self, world: &World, id: NetId, entity: Entity) {
        fn note<C: Component + Clone>(into: &mut Vec<(NetId, C)>, world: &World, id: NetId, entity: Entity) {
            into.extend(world.get::<C>(entity).map(|part| (id, part.clone())));
        }
        self.fighters.extend(FighterImage::of(world, entity).map(|image| (id, image)));
        self.mobs.extend(MobImage::of(world, entity).map(|image| (id, image)));
        note(&mut self.growths, world, id, entity);
        note(&mut self.missiles, world, id, entity);
        note(&mut self.bags, world, id, entity);
        note(&mut self.lying, world, id, entity);
    }

    /// Makes room for what so many have who nobody plays.
    pub(crate) fn make_room(&mut self, entities: usize) {
        self.fighters.reserve(entities);
        self.mobs.reserve(entities);
        self.lying.reserve(entities);
    }

    /// Notes what is nobody's in particular.
    pub(crate) fn see_all(&mut self, world: &World) {
        self.within = world.resource::<Within>().clone();
        self.blows = world.resource::<Blows>().clone();
        self.extensions = SavedParts::images(world);
        self.nests = world.resource::<Nests>().image();
    }

    /// Forgets these, who are not there any more: their ids, ascending.
    pub(crate) fn forget(&mut self, gone: &[NetId]) {
        let is_here = |id: &NetId| gone.binary_search(id).is_err();
        self.fighters.retain(|(id, _)| is_here(id));
        self.mobs.retain(|(id, _)| is_here(id));
        self.growths.retain(|(id, _)| is_here(id));
        self.missiles.retain(|(id, _)| is_here(id));
        self.bags.retain(|(id, _)| is_here(id));
        self.lying.retain(|(id, _)| is_here(id));
    }

    /// Puts it into a world whose entities have entered already.
    pub(crate) fn restore(&self, world: &mut World, is_restart: bool) {
        world.resource_mut::<Ledger>().resume(&self.ledger);
        let parties = self.parties.restore(&mut world.resource_mut::<Bonds>());
        world.insert_resource(parties);
        *world.resource_mut::<Within>() = self.within.clone();
        *world.resource_mut::<Blows>() = self.blows.clone();
        let entity = |world: &World, id: NetId| world.resource::<Roster>().entity(id);
        for (id, image) in &self.fighters {
            if let Some(entity) = entity(world, *id) {
                image.restore(world, entity);
            }
        }
        for (id, growth) in &self.growths {
            if let Some(entity) = entity(world, *id) {
                world.entity_mut(entity).insert(growth.clone());
            }
        }
        let content = Arc::clone(&world.resource::<Rulebook>().0);
        self.mobs.iter().for_each(|(id, mob)| mob.restore(world, *id, &content));
        Nests::restore(world, &self.nests);
        for (id, missile) in &self.missiles {
            if let Some(entity) = entity(world, *id) {
                world.entity_mut(entity).insert(*missile);
            }
        }
        self.restore_belongings(world);
        if is_restart {
            trade::restart(world);
        }
    }

    fn restore_belongings(&self, world: &mut World) {
        let entity = |world: &World, id: NetId| world.resource::<Roster>().entity(id);
        for (id, bag) in &self.bags {
            if let Some(entity) = entity(world, *id) {
                world.entity_mut(entity).insert(bag.clone());
            }
        }
        for (id, lying) in &self.lying {
            if let Some(entity) = entity(world, *id) {
                world.entity_mut(entity).insert(lying.clone());
                world.resource_mut::<Finds>().0.insert(lying.record.name(), *id);
            }
        }
        self.claimed().for_each(|id| world.resource_mut::<Roster>().reclaim(id));
        world.insert_resource(self.trades.clone());
    }

    /// Ids kept for what is to lie on the ground.
    pub(crate) fn claimed(&self) -> impl Iterator<Item = NetId> {
        self.ledger.under_way().flat_map(|under_way| under_way.places.iter().copied())
    }

    /// Whether all that it names is part of the content.
    pub(crate) fn is_possible(&self, content: &Content) -> bool {
        let effects = self.fighters.iter().flat_map(|(_, image)| &image.effects.0);
        let lie = |lying: &Lying| match lying.record {
            GroundRecord::Item(record) => lying.record.lies() && content.items.find(record.kind).is_some(),
            GroundRecord::Coins { .. } => true,
        };
        let mut casts = self.fighters.iter().map(|(_, image)| (&image.casting, &image.cooldowns));
        let mut arts = self.fighters.iter().filter_map(|(_, image)| image.arts);
        casts.all(|(casting, cooldowns)| casting.is_possible(content) && cooldowns.is_possible(content))
            && self.missiles.iter().all(|(_, missile)| missile.is_possible(content))
            && arts.all(|arts| content.mobs.find(arts.0).is_some())
            && effects.clone().all(|active| content.effects.find(active.effect).is_some())
            && self.blows.are_possible(content)
            && self.bags.iter().all(|(_, bag)| bag.is_sound(content))
            && self.lying.iter().all(|(_, lying)| lie(lying))
            && self
                .growths
                .iter()
                .flat_map(|(_, growth)| &growth.learnt)
                .all(|(skill, _)| content.skills.find(*skill).is_some())
            && self.mobs.iter().all(|(_, mob)| mob.is_possible(content))
            && self.parties.is_possible(|id| self.growths.binary_search_by_key(&id, |(known, _)| *known).is_ok())
    }
}

/// A component of all who have it, by ascending id.
pub(crate) fn parts<C: Component + Clone>(world: &World) -> Vec<(NetId, C)> {
    let roster = world.resource::<Roster>();
    let part = |id: NetId| Some((id, world.get::<C>(roster.entity(id)?)?.clone()));
    roster.live().iter().filter_map(|&id| part(id)).collect()
}

impl FighterImage {
    fn of(world: &World, entity: Entity) -> Option<Self> {
        Some(Self {
            vitals: *world.get(entity)?,
            sheet: *world.get(entity)?,
            team: *world.get(entity)?,
            effects: world.get::<Effects>(entity)?.clone(),
            harm: world.get::<Harm>(entity)?.clone(),
            casting: world.get::<Casting>(entity)?.clone(),
            cooldowns: world.get::<Cooldowns>(entity)?.clone(),
            arts: world.get(entity).copied(),
            gear: world.get(entity).copied(),
            threat: world.get::<Threat>(entity).cloned(),
            bounty: world.get(entity).copied(),
        })
    }

    fn restore(&self, world: &mut World, entity: Entity) {
        let Self { vitals, sheet, team, effects, harm, casting, cooldowns, arts, gear, threat, bounty } = self.clone();
        let mut entity = world.entity_mut(entity);
        entity.insert((vitals, sheet, team, effects, harm, casting, cooldowns));
        if let Some(arts) = arts {
            entity.insert(arts);
        }
        if let Some(gear) = gear {
            entity.insert(gear);
        }
        if let Some(threat) = threat {
            entity.insert(threat);
        }
        if let Some(bounty) = bounty {
            entity.insert(bounty);
        }
    }
}
