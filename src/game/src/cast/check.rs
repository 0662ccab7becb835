//! Whether a cast may be.

use super::casting::{Aim, At, Wanted};
use super::stage::{Caster, Stage, is_near};
use super::whom::{Whom, is_safe};
use crate::content::{Content, Side, Skill, Targeting};
use crate::history::{CLAMP_TICKS, REWIND_TICKS_MAX};
use protocol::motion::BODY_RADIUS;
use protocol::view::Place;
use protocol::{NetId, Refusal, ViewTick};

/// How far a target may have gone while a cast was under way, in tenths of its range: whoever was just in range when it
/// began and takes a step back is not out of it.
const SLACK_TENTHS: i32 = 12;

/// What a caster saw may be so long ago, in steps of 1/256 tick.
const AGE_STEPS_MAX: u32 = (REWIND_TICKS_MAX + CLAMP_TICKS) * ViewTick::STEPS;

impl Stage<'_, '_> {
    /// Whether somebody may cast something now, apart from the global cooldown and from what is under way; and how well he
    /// knows it.
    pub(super) fn check<'a>(
        &self,
        content: &'a Content,
        caster: &Caster,
        wanted: &Wanted,
    ) -> Result<(&'a Skill, u8), Refusal> {
        let one = self.read(caster);
        if one.vitals.is_dead() {
            return Err(Refusal::Dead);
        }
        let holds = one.effects.holds(content);
        if holds.stun {
            return Err(Refusal::Stunned);
        }
        let skill = content.skills.find(wanted.skill).ok_or(Refusal::UnknownSkill)?;
        let rank = match (one.growth, one.arts) {
            (Some(growth), _) => growth.rank(content, skill.id),
            (None, Some(arts)) => {
                u8::from(content.mobs.find(arts.0).is_some_and(|kind| kind.skills.contains(&skill.id)))
            }
            (None, None) => 0,
        };
        if rank == 0 {
            return Err(Refusal::NotLearnt);
        }
        if holds.silence && skill.mana > 0 {
            return Err(Refusal::Silenced);
        }
        let now = self.now();
        if one.casting.locked_until > now || !one.cooldowns.is_ready(skill.id, now) {
            return Err(Refusal::OnCooldown);
        }
        if !has_mana(one.vitals.mana, skill) {
            return Err(Refusal::NoMana);
        }
        self.check_aim(content, caster, skill, &wanted.aim, skill.range)?;
        Ok((skill, rank))
    }

    /// Whether a cast that was begun may come through: its target may have gone somewhat farther.
    pub(super) fn check_end(&self, content: &Content, caster: &Caster, skill: &Skill, aim: &Aim) -> bool {
        let range = (i64::from(skill.range) * i64::from(SLACK_TENTHS) / 10).min(i32::MAX.into()) as i32;
        self.check_aim(content, caster, skill, aim, range).is_ok()
    }

    fn check_aim(
        &self,
        content: &Content,
        caster: &Caster,
        skill: &Skill,
        aim: &Aim,
        range: i32,
    ) -> Result<(), Refusal> {
        let whom = Whom::of(content, skill, caster.team);
        match (skill.targeting, aim.at) {
            (Targeting::Own, At::Nobody) => {}
            (Targeting::Own, At::Entity(id)) if id == caster.id => {}
            // Who names nobody means himself, unless he would fight himself.
            (Targeting::Unit { side } | Targeting::Chain { side, .. }, At::Nobody) if side != Side::Enemies => {
                self.check_target(caster, whom, caster.id, range)?;
            }
            (Targeting::Unit { .. } | Targeting::Chain { .. } | Targeting::Missile { .. }, At::Entity(id)) => {
                self.check_target(caster, whom, id, range)?;
            }
            (Targeting::Unit { .. } | Targeting::Chain { .. } | Targeting::Missile { .. }, At::Gone) => {
                return Err(Refusal::UnknownTarget);
            }
            (Targeting::Ground { .. }, At::Place(x, y)) => {
                self.check_place(caster, Place { x, y, z: caster.place.z }, range)?;
            }
            (Targeting::Cone { .. } | Targeting::Ray | Targeting::Missile { .. }, At::Nobody) => {}
            _ => return Err(Refusal::WrongTarget),
        }
        if whom.is_harmful && is_safe(&content.places.safe_zones, caster.place) {
            return Err(Refusal::SafeZone);
        }
        let is_seen = matches!(skill.targeting, Targeting::Cone { .. } | Targeting::Ray | Targeting::Missile { .. });
        if is_seen && aim.age_steps > AGE_STEPS_MAX {
            return Err(Refusal::Stale);
        }
        Ok(())
    }

    fn check_target(&self, caster: &Caster, whom: Whom<'_>, id: NetId, range: i32) -> Result<(), Refusal> {
        let other = self.other(id).ok_or(Refusal::UnknownTarget)?;
        whom.test(&other)?;
        if id == caster.id {
            return Ok(());
        }
        if !is_near(caster.place, other.place, range) {
            return Err(Refusal::OutOfRange);
        }
        if self.is_in_sight(caster.place, other.place) { Ok(()) } else { Err(Refusal::NoLineOfSight) }
    }

    /// A place is a point: one body is in between, not two.
    fn check_place(&self, caster: &Caster, place: Place, range: i32) -> Result<(), Refusal> {
        if !is_near(caster.place, place, range.saturating_sub(BODY_RADIUS)) {
            return Err(Refusal::OutOfRange);
        }
        if self.is_in_sight(caster.place, place) { Ok(()) } else { Err(Refusal::NoLineOfSight) }
    }
}

/// Whether there is enough mana for it.
pub(super) fn has_mana(mana: i32, skill: &Skill) -> bool {
    i64::from(mana) >= i64::from(skill.mana)
}
