//! Casts begin, go on and end.

use super::casting::{Casting, UnderWay, Wanted};
use super::check::has_mana;
use super::request::Requests;
use super::stage::{Caster, Stage};
use crate::content::{Content, Skill};
use crate::fight::formula;
use crate::order::{Desk, Order, Orders};
use bevy_ecs::prelude::{Local, Res, ResMut};
use protocol::event::CastEnd;
use protocol::motion::{ACCELERATION, Body, RUN_SPEED};
use protocol::unit::{SUBUNITS_PER_M, TICK_RATE_HZ};
use protocol::{Command, EntityKind, GameEvent, NetId, News, Refusal, SkillId, Tick};
use std::sync::Arc;

/// A command that comes at most so long before the global cooldown is over waits for it: half a second, in ticks. More
/// than a player's delay, and less than it takes him to think better of it.
const WAIT_TICKS: u32 = TICK_RATE_HZ / 2;

/// Who is faster than this in the plane walks: 0.5 m/s, in subunits per tick. A push that friction ends is no walk.
const CRAWL_SPEED: i32 = SUBUNITS_PER_M / 2 / TICK_RATE_HZ as i32;

/// Who begins a cast may still be coming to a stop: from a full run that takes so many ticks. No cast comes through before
/// he has.
const STOP_TICKS: u32 = (RUN_SPEED / ACCELERATION) as u32;

/// What is done in [`crate::schedule::Doing::Casting`].
pub(super) fn act(
    mut stage: Stage<'_, '_>,
    orders: Res<'_, Orders>,
    mut requests: ResMut<'_, Requests>,
    mut busy: Local<'_, Vec<NetId>>,
) {
    let content = Arc::clone(&stage.rulebook.0);
    busy.clear();
    busy.extend(stage.fighters.iter().filter(|one| one.casting.is_busy()).map(|one| one.replica.id));
    busy.sort_unstable();
    for &id in &busy {
        if let Some(caster) = stage.caster(id) {
            stage.go_on(&content, &caster);
            stage.begin_next(&content, &caster);
        }
    }
    for order in orders.of(Desk::Cast) {
        stage.obey(&content, order);
    }
    let asked = requests.take_sorted();
    for request in &asked {
        if let Some(caster) = stage.caster(request.by) {
            let wanted = request.wanted(&content, &stage, &caster);
            // A mob is not told: it sees for itself.
            let _ = stage.want(&content, &caster, wanted);
        }
    }
    requests.give_back(asked);
}

impl Stage<'_, '_> {
    /// Carries out an order, and answers it. Whoever has left since he gave it needs no answer.
    fn obey(&mut self, content: &Content, order: &Order) {
        if self.roster.entity(order.by).is_none() {
            return;
        }
        let caster = self.caster(order.by);
        let result = match (order.command, caster) {
            // A thing knows nothing.
            (_, None) => Err(Refusal::NotLearnt),
            (Command::Cast(cast), Some(caster)) => {
                let wanted = Wanted::by_command(&cast, self.replicas.now());
                self.want(content, &caster, wanted)
            }
            (_, Some(caster)) => {
                self.end(content, &caster, CastEnd::Stopped);
                Ok(())
            }
        };
        self.answers.answer(order, result);
    }

    /// Begins a cast, or lets it wait for the end of the one under way.
    fn want(&mut self, content: &Content, caster: &Caster, wanted: Wanted) -> Result<(), Refusal> {
        let (skill, rank) = self.check(content, caster, &wanted)?;
        let now = self.now();
        let mut one = self.write(caster);
        let is_casting = one.casting.is_casting();
        let left = if skill.is_off_global { 0 } else { one.cooldowns.global_until.since(now) };
        if !is_casting && left > WAIT_TICKS {
            return Err(Refusal::OnCooldown);
        }
        if !is_casting && left == 0 {
            self.begin(content, caster, wanted, (skill, rank));
        } else if one.casting.next.is_some() {
            return Err(Refusal::Busy);
        } else {
            one.casting.next = Some(wanted);
        }
        Ok(())
    }

    /// Begins what waits, if nothing is in its way any more.
    fn begin_next(&mut self, content: &Content, caster: &Caster) {
        let now = self.now();
        let one = self.read(caster);
        let Some(wanted) = one.casting.next.filter(|_| !one.casting.is_casting()) else { return };
        let is_off_global = content.skills.find(wanted.skill).is_some_and(|skill| skill.is_off_global);
        if !is_off_global && one.cooldowns.global_until > now {
            return;
        }
        self.write(caster).casting.next = None;
        match self.check(content, caster, &wanted) {
            Ok(known) => self.begin(content, caster, wanted, known),
            Err(_) => self.tell_end(caster, wanted.skill, CastEnd::Failed),
        }
    }

    fn begin(&mut self, content: &Content, caster: &Caster, wanted: Wanted, (skill, rank): (&Skill, u8)) {
        let now = self.now();
        let mut one = self.write(caster);
        if !skill.is_off_global {
            let ticks = formula::hasted(content.rules.global_cooldown_ticks, caster.haste);
            one.cooldowns.global_until = after(now, ticks);
        }
        let cast_ticks = formula::hasted(skill.cast_ticks, caster.haste);
        let (ticks, first) = skill.channel.map_or((cast_ticks, cast_ticks), |channel| {
            (cast_ticks.saturating_add(channel.ticks), cast_ticks.saturating_add(channel.every_ticks))
        });
        if skill.channel.is_some() {
            one.vitals.mana -= skill.mana as i32;
        }
        let cast = UnderWay { wanted, rank, began: now, ends: after(now, ticks), due: after(now, first) };
        if ticks == 0 {
            return self.come_through(content, caster, skill, &cast);
        }
        one.casting.under_way = Some(cast);
        let ticks = ticks.min(u16::MAX.into()) as u16;
        self.happenings.tell(caster.id, GameEvent::CastBegan { by: caster.id, skill: skill.id, ticks });
    }

    /// What a cast under way comes to in this tick.
    fn go_on(&mut self, content: &Content, caster: &Caster) {
        let now = self.now();
        let mut one = self.write(caster);
        let is_interrupted = std::mem::take(&mut one.casting.is_interrupted);
        let holds = one.effects.holds(content);
        if is_interrupted || holds.stun || one.vitals.is_dead() {
            return self.end(content, caster, CastEnd::Interrupted);
        }
        let (Some(cast), body) = (one.casting.under_way, one.mobile.0) else { return };
        let Some(skill) = content.skills.find(cast.wanted.skill) else {
            return self.end(content, caster, CastEnd::Failed);
        };
        if holds.silence && skill.mana > 0 {
            return self.end(content, caster, CastEnd::Interrupted);
        }
        let is_stopping = now.since(cast.began) <= STOP_TICKS && now < cast.ends;
        if !skill.is_mobile && !is_stopping && is_moving(&body) {
            return self.end(content, caster, CastEnd::Stopped);
        }
        if let Some(channel) = skill.channel {
            if cast.due <= now {
                if !self.check_end(content, caster, skill, &cast.wanted.aim) {
                    return self.end(content, caster, CastEnd::Failed);
                }
                if let Some(cast) = &mut self.write(caster).casting.under_way {
                    cast.due = after(cast.due, channel.every_ticks.max(1));
                }
                self.come(content, caster, skill, cast.rank, &cast.wanted.aim);
            }
            if cast.ends <= now {
                self.end(content, caster, CastEnd::Done);
            }
        } else if cast.ends <= now {
            let has_mana = has_mana(self.read(caster).vitals.mana, skill);
            if has_mana && self.check_end(content, caster, skill, &cast.wanted.aim) {
                self.come_through(content, caster, skill, &cast);
            } else {
                self.end(content, caster, CastEnd::Failed);
            }
        }
    }

    /// The cast was long enough: it takes its mana, and does what it does.
    fn come_through(&mut self, content: &Content, caster: &Caster, skill: &Skill, cast: &UnderWay) {
        let mut one = self.write(caster);
        one.casting.under_way = None;
        one.vitals.mana -= skill.mana as i32;
        self.come(content, caster, skill, cast.rank, &cast.wanted.aim);
        self.cool(caster, skill);
        self.tell_end(caster, skill.id, CastEnd::Done);
    }

    /// Ends what is under way without anything more coming of it. Whoever puts an end to it, or has one put to it, does not
    /// go on with the next, either. A channel has done something, and cools down however it ends.
    fn end(&mut self, content: &Content, caster: &Caster, end: CastEnd) {
        let Casting { under_way, next, .. } = &mut *self.write(caster).casting;
        let ended = under_way.take().map(|cast| cast.wanted.skill);
        let forgotten = next.take_if(|_| matches!(end, CastEnd::Stopped | CastEnd::Interrupted));
        if let Some(skill) = ended.and_then(|skill| content.skills.find(skill)).filter(|skill| skill.channel.is_some())
        {
            self.cool(caster, skill);
        }
        for skill in ended.into_iter().chain(forgotten.map(|wanted| wanted.skill)) {
            self.tell_end(caster, skill, end);
        }
    }

    fn cool(&mut self, caster: &Caster, skill: &Skill) {
        if skill.cooldown_ticks == 0 {
            return;
        }
        let now = self.now();
        let mut one = self.write(caster);
        one.cooldowns.begin(skill.id, after(now, skill.cooldown_ticks), now);
        if one.replica.kind == EntityKind::Player {
            self.notices.tell(caster.id, News::Cooldown { skill: skill.id, ticks: skill.cooldown_ticks });
        }
    }

    fn tell_end(&mut self, caster: &Caster, skill: SkillId, end: CastEnd) {
        self.happenings.tell(caster.id, GameEvent::CastEnded { by: caster.id, skill, end });
    }
}

/// Whether a body walks, or is off the ground. Where the ground is is known by whoever moves it: what falls or rises has a
/// speed.
fn is_moving(body: &Body) -> bool {
    let square = [body.vx, body.vy].iter().map(|&speed| i64::from(speed).pow(2)).sum::<i64>();
    body.vz != 0 || square > i64::from(CRAWL_SPEED).pow(2)
}

fn after(now: Tick, ticks: u32) -> Tick {
    Tick(now.0.saturating_add(ticks))
}
