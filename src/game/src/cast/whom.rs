//! Whom a skill may reach.

use crate::content::{Circle, Content, Outcome, Side, Skill, Targeting};
use crate::fight::Team;
use protocol::Refusal;
use protocol::view::Place;

/// Somebody who may be reached, as he is now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Other {
    pub(super) team: Team,
    pub(super) is_dead: bool,
    pub(super) place: Place,
}

/// Whom a skill of somebody's reaches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whom<'a> {
    safe_zones: &'a [Circle],
    team: Team,
    side: Side,
    are_dead: bool,
    /// Whether those would rather not be reached.
    pub(super) is_harmful: bool,
}

impl<'a> Whom<'a> {
    /// Those whom a skill reaches that is cast by somebody of this team.
    pub(super) fn of(content: &'a Content, skill: &Skill, team: Team) -> Self {
        let side = match skill.targeting {
            Targeting::Own => Side::Allies,
            Targeting::Unit { side }
            | Targeting::Ground { side, .. }
            | Targeting::Cone { side, .. }
            | Targeting::Chain { side, .. } => side,
            Targeting::Ray | Targeting::Missile { .. } => Side::Enemies,
        };
        let is_harmful = match side {
            Side::Enemies => true,
            Side::Allies => false,
            Side::Everyone => skill.outcomes.iter().any(|outcome| harms(content, outcome)),
        };
        let are_dead = skill.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Revive { .. }));
        Self { safe_zones: &content.places.safe_zones, team, side, are_dead, is_harmful }
    }

    /// Living enemies of a team.
    pub(super) fn foes(content: &'a Content, team: Team) -> Self {
        let safe_zones = &content.places.safe_zones;
        Self { safe_zones, team, side: Side::Enemies, are_dead: false, is_harmful: true }
    }

    /// Whether somebody is among them.
    ///
    /// # Errors
    /// Why he is not.
    pub(super) fn test(&self, other: &Other) -> Result<(), Refusal> {
        let is_of_side = match self.side {
            Side::Enemies => self.team.may_fight(other.team),
            Side::Allies => !self.team.may_fight(other.team),
            Side::Everyone => true,
        };
        if !is_of_side {
            return Err(Refusal::WrongSide);
        }
        if other.is_dead != self.are_dead {
            return Err(Refusal::WrongLife);
        }
        if self.is_harmful && is_safe(self.safe_zones, other.place) {
            return Err(Refusal::SafeZone);
        }
        Ok(())
    }

    pub(super) fn admits(&self, other: &Other) -> bool {
        self.test(other).is_ok()
    }
}

/// Whether one would rather not have it.
fn harms(content: &Content, outcome: &Outcome) -> bool {
    match *outcome {
        Outcome::Damage { .. } | Outcome::Interrupt { .. } | Outcome::Launch { .. } | Outcome::Taunt => true,
        Outcome::Mana { amount } => amount < 0,
        Outcome::Apply { effect } => content.effects.at(effect).is_harmful,
        Outcome::Dispel { is_harmful, .. } => !is_harmful,
        Outcome::Heal { .. } | Outcome::Revive { .. } => false,
    }
}

/// Whether a place lies where nobody fights.
pub(crate) fn is_safe(zones: &[Circle], place: Place) -> bool {
    zones.iter().any(|zone| zone.holds(place.x, place.y))
}
