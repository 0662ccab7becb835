//! One blow, dealt to one fighter.

use super::blow::{Blow, Cause};
use super::fighter::{Sheet, Vitals};
use super::formula;
use super::harm::{Harm, Threat};
use crate::chance::{Dice, Question};
use crate::content::{Content, DamageKind, Outcome, Stat};
use crate::effects::Effects;
use crate::event::Happenings;
use crate::ray;
use protocol::event::{Hurt, hurt};
use protocol::motion::Body;
use protocol::{GameEvent, NetId, Tick};

/// Whom a blow falls on, in parts.
pub(super) struct Target<'a> {
    pub(super) id: NetId,
    pub(super) vitals: &'a mut Vitals,
    pub(super) sheet: &'a mut Sheet,
    pub(super) effects: &'a mut Effects,
    pub(super) harm: &'a mut Harm,
    pub(super) threat: Option<&'a mut Threat>,
    pub(super) body: &'a mut Body,
    /// Where it looks, 4,096 steps to a turn.
    pub(super) yaw: u16,
    /// It stands where nobody is harmed.
    pub(super) is_safe: bool,
    /// A cast of its ends, and nothing is cast until then.
    pub(super) locked_until: Option<Tick>,
}

/// What every blow of a tick needs.
pub(super) struct Scene<'a> {
    pub(super) content: &'a Content,
    pub(super) dice: Dice,
    pub(super) now: Tick,
    pub(super) happenings: &'a mut Happenings,
}

impl Scene<'_> {
    /// Deals it.
    pub(super) fn deal(&mut self, blow: &Blow, target: &mut Target<'_>) {
        let is_dead = target.vitals.is_dead();
        match blow.outcome {
            Outcome::Revive { health } if is_dead => self.revive(health, target),
            Outcome::Revive { .. } => {}
            _ if is_dead => {}
            Outcome::Damage { kind, amount, attack, power } => self.damage(blow, kind, (amount, attack, power), target),
            Outcome::Heal { amount, power } => {
                let amount = formula::healing(amount, power, &blow.force);
                self.heal(blow, formula::part(amount, i64::from(blow.share)), target);
            }
            Outcome::Mana { amount } => {
                let amount = formula::part(i64::from(amount), i64::from(blow.share)) as i32;
                let most = target.sheet.now.of(Stat::ManaMax);
                target.vitals.mana = target.vitals.mana.saturating_add(amount).clamp(0, most);
            }
            Outcome::Apply { effect } => self.apply(blow, effect, target),
            Outcome::Dispel { school, is_harmful, count } => {
                let (on, happenings) = (target.id, &mut *self.happenings);
                let ended = |effect| happenings.tell(on, GameEvent::EffectEnded { on, effect });
                target.effects.dispel(self.content, school, is_harmful, count, ended);
                target.sheet.is_stale = true;
            }
            Outcome::Interrupt { lock_ticks } => {
                if !self.is_spared(target) {
                    target.locked_until = Some(Tick(self.now.0.saturating_add(lock_ticks)));
                }
            }
            Outcome::Launch { speed, up } => {
                if !self.is_spared(target) {
                    launch(blow, speed, up, target);
                }
            }
            Outcome::Taunt => {
                if let (Some(threat), Some(by)) = (&mut target.threat, blow.by) {
                    threat.0.put_first(by);
                }
            }
        }
    }

    fn is_spared(&self, target: &Target<'_>) -> bool {
        target.is_safe || target.effects.holds(self.content).immune
    }

    fn damage(
        &mut self,
        blow: &Blow,
        kind: DamageKind,
        (amount, attack, power): (u32, u32, u32),
        target: &mut Target<'_>,
    ) {
        let (by, rules) = (blow.by.unwrap_or(target.id), &self.content.rules);
        if target.is_safe && blow.by.is_some() {
            return;
        }
        let mut how = (kind as u8) << 4;
        let is_rule = blow.cause == Cause::Rule;
        if target.effects.holds(self.content).immune && !is_rule {
            return self.tell_hurt(blow, 0, 0, how | hurt::IMMUNE, target.id);
        }
        // Who, whom and what together make the draws of two blows of one tick different.
        let nth = (u32::from(target.id.0) << 8) ^ u32::from(blow.nth) ^ (order_of(blow.cause) << 24);
        let defence = target.sheet.now.of(Stat::Defence);
        let mut damage = formula::strength(amount, attack, power, &blow.force, defence);
        damage = formula::part(damage, i64::from(blow.share));
        // A fall and a rule do what they say, whoever it meets.
        if !matches!(blow.cause, Cause::Fall | Cause::Rule) {
            let draw = self.dice.below(Question::Spread, by, nth, 2 * rules.spread + 1);
            damage = formula::spread(damage, rules, draw);
            // What goes on by itself is never critical and never blocked.
            if !matches!(blow.cause, Cause::Effect(_)) {
                if self.dice.per_mille(Question::Critical, by, nth, blow.force.critical) {
                    damage = formula::part(damage, i64::from(rules.critical_share));
                    how |= hurt::CRITICAL;
                }
                if kind == DamageKind::Physical && self.blocks(blow, target, nth) {
                    damage = formula::part(damage, i64::from(rules.block_share));
                    how |= hurt::BLOCKED;
                }
            }
            damage = formula::mitigated(damage, kind, blow.force.level, &target.sheet.now, rules);
        }
        // Whoever strikes does something; a rule may say nothing.
        let damage = damage.clamp(i64::from(!is_rule), i64::from(i32::MAX)) as u32;
        let (on, happenings) = (target.id, &mut *self.happenings);
        let absorbed =
            target.effects.absorb(damage, |effect| happenings.tell(on, GameEvent::EffectEnded { on, effect }));
        target.sheet.is_stale |= absorbed > 0;
        self.wound(blow, damage - absorbed, absorbed, how, target);
    }

    fn blocks(&self, blow: &Blow, target: &Target<'_>, nth: u32) -> bool {
        !target.effects.holds(self.content).stun
            && ray::is_before((target.body.x, target.body.y), target.yaw, blow.from)
            && self.dice.per_mille(Question::Block, target.id, nth, target.sheet.now.of(Stat::Block))
    }

    fn wound(&mut self, blow: &Blow, damage: u32, absorbed: u32, mut how: u8, target: &mut Target<'_>) {
        let vitals = &mut *target.vitals;
        let was_alive = vitals.health > 0;
        vitals.health = vitals.health.saturating_sub_unsigned(damage);
        if was_alive && vitals.health <= 0 {
            how |= hurt::DEADLY;
        }
        if let Some(by) = blow.by.filter(|by| *by != target.id) {
            target.harm.0.add(by, i64::from(damage + absorbed).max(1));
            if let Some(threat) = &mut target.threat {
                threat.0.add(by, formula::threat(i64::from(damage + absorbed), &blow.force).max(1));
            }
            vitals.combat_until = Tick(self.now.0.saturating_add(self.content.rules.combat_ticks));
        }
        self.tell_hurt(blow, damage, absorbed, how, target.id);
    }

    fn tell_hurt(&mut self, blow: &Blow, amount: u32, absorbed: u32, how: u8, on: NetId) {
        self.happenings.tell(on, GameEvent::Hurt(Hurt { on, by: blow.by, amount, absorbed, how }));
    }

    fn heal(&mut self, blow: &Blow, amount: i64, target: &mut Target<'_>) {
        let most = i64::from(target.sheet.now.of(Stat::HealthMax));
        let health = i64::from(target.vitals.health);
        let amount = amount.clamp(0, (most - health).max(0));
        target.vitals.health = (health + amount) as i32;
        let by = blow.by.unwrap_or(target.id);
        self.happenings.tell(target.id, GameEvent::Healed { on: target.id, by, amount: amount as u32 });
    }

    fn apply(&mut self, blow: &Blow, effect: protocol::EffectId, target: &mut Target<'_>) {
        let effect = self.content.effects.at(effect);
        if effect.is_harmful && blow.by != Some(target.id) && self.is_spared(target) {
            return;
        }
        let Some(active) = target.effects.apply(effect, blow.by, blow.force, self.now) else { return };
        target.sheet.is_stale = true;
        if let Some(by) = blow.by.filter(|by| effect.is_harmful && *by != target.id) {
            target.vitals.combat_until = Tick(self.now.0.saturating_add(self.content.rules.combat_ticks));
            if let Some(threat) = &mut target.threat {
                threat.0.add(by, 1);
            }
        }
        let (on, stacks) = (target.id, active.stacks);
        let ticks = active.until.since(self.now);
        self.happenings.tell(on, GameEvent::EffectBegan { on, effect: effect.id, stacks, ticks });
    }

    fn revive(&mut self, share: u16, target: &mut Target<'_>) {
        let most = i64::from(target.sheet.now.of(Stat::HealthMax));
        target.vitals.health = formula::part(most, i64::from(share)).max(1) as i32;
        target.vitals.died = None;
        self.happenings.tell(target.id, GameEvent::Revived { who: target.id });
    }
}

/// Away from where the blow came; whoever stands on the very spot goes north.
fn launch(blow: &Blow, speed: i32, up: i32, target: &mut Target<'_>) {
    let (dx, dy) = (i64::from(target.body.x - blow.from.0), i64::from(target.body.y - blow.from.1));
    let length = (dx * dx + dy * dy).isqrt();
    let (vx, vy) = match length {
        0 => (0, speed),
        _ => ((dx * i64::from(speed) / length) as i32, (dy * i64::from(speed) / length) as i32),
    };
    protocol::motion::launch(target.body, vx, vy, up);
}

/// A small number that differs between the causes of blows that the same fighter deals another in one tick.
fn order_of(cause: Cause) -> u32 {
    match cause {
        Cause::Effect(effect) => u32::from(effect.0),
        Cause::Shot => 0x55,
        Cause::Skill(skill) => u32::from(skill.0) ^ 0xaa,
        Cause::Item(kind) => u32::from(kind.0) ^ 0xcc,
        Cause::Fall => 0xff,
        Cause::Rule => 0x33,
    }
}
