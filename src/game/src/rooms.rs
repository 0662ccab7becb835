//! What the rooms keep, as part of the world's image: each component and resource that decides the future, as it is.
//!
//! A room that gets a component adds it here, in [`FighterImage`] or beside it, or worlds that were restored would go their
//! own way; `run 600 ticks = run 300, save, restore, run 300` finds out.

use crate::cast::Casting;
use crate::content::Content;
use crate::effects::Effects;
use crate::fight::{Gear, Harm, Sheet, Team, Threat, Vitals};
use crate::growth::Growth;
use crate::ledger::Ledger;
use crate::physics::Within;
use crate::roster::Roster;
use bevy_ecs::prelude::{Entity, World};
use protocol::NetId;
use serde::{Deserialize, Serialize};

/// Everything beyond bodies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RoomsImage {
    /// By ascending id.
    pub(crate) fighters: Vec<(NetId, FighterImage)>,
    /// By ascending id.
    pub(crate) growths: Vec<(NetId, Growth)>,
    pub(crate) ledger: Ledger,
    /// Who is in which trigger.
    pub(crate) within: Within,
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
    gear: Option<Gear>,
    threat: Option<Threat>,
}

impl RoomsImage {
    /// As the world is now.
    pub(crate) fn of(world: &World) -> Self {
        let roster = world.resource::<Roster>();
        let live = || roster.live().iter().filter_map(|&id| Some((id, roster.entity(id)?)));
        Self {
            fighters: live().filter_map(|(id, entity)| Some((id, FighterImage::of(world, entity)?))).collect(),
            ledger: world.resource::<Ledger>().clone(),
            within: world.resource::<Within>().clone(),
            growths: live().filter_map(|(id, entity)| Some((id, world.get::<Growth>(entity)?.clone()))).collect(),
        }
    }

    /// Puts it into a world whose entities have entered already.
    pub(crate) fn restore(&self, world: &mut World) {
        world.resource_mut::<Ledger>().resume(&self.ledger);
        *world.resource_mut::<Within>() = self.within.clone();
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
    }

    /// Whether all that it names is part of the content.
    pub(crate) fn is_possible(&self, content: &Content) -> bool {
        let effects = self.fighters.iter().flat_map(|(_, image)| &image.effects.0);
        effects.clone().all(|active| content.effects.find(active.effect).is_some())
            && self
                .growths
                .iter()
                .flat_map(|(_, growth)| &growth.learnt)
                .all(|(skill, _)| content.skills.find(*skill).is_some())
    }
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
            gear: world.get(entity).copied(),
            threat: world.get::<Threat>(entity).cloned(),
        })
    }

    fn restore(&self, world: &mut World, entity: Entity) {
        let Self { vitals, sheet, team, effects, harm, casting, gear, threat } = self.clone();
        let mut entity = world.entity_mut(entity);
        entity.insert((vitals, sheet, team, effects, harm, casting));
        if let Some(gear) = gear {
            entity.insert(gear);
        }
        if let Some(threat) = threat {
            entity.insert(threat);
        }
    }
}
