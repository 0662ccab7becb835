//! Whether people show whom they should, as they are: by brute force, with nothing of the server's own reasoning.

use super::Simulation;
use crate::check::{Broken, Check};
use protocol::unit::TICK_RATE_HZ;
use protocol::{EntityKind, NetId, Tick};
use rudp::time::NS_PER_S;
use server::KindRadii;
use std::collections::BTreeSet;

/// Who is near enough for so many ticks must be shown, 1.5 s: a look around, a round trip of 400 ms, a loss or two.
const SEEN_TICKS: u32 = 90;
/// Who came or went so many ticks ago is known to have, and who has stood still for so many is shown where he stands: 3 s.
const SETTLED_TICKS: u32 = 3 * TICK_RATE_HZ;
/// Things go well again so long after what went wrong.
const QUIET_NS: u64 = 5 * NS_PER_S;
/// A path is well so long after what was wrong with it: a rate has come back by then.
const WELL_NS: u64 = 8 * NS_PER_S;
/// More people than this are a crowd.
const CROWD: usize = 40;
/// How often somebody is told of itself is counted over so many ticks, 1 s.
const PACE_TICKS: u32 = TICK_RATE_HZ;
/// A client is told of itself at least so often while it is told anything, 1 s.
const TOLD_TICKS: u32 = TICK_RATE_HZ;

impl Simulation {
    pub(super) fn judge_views(&mut self, person: usize, ns: u64) -> Result<(), Broken> {
        self.judge_members(person)?;
        self.judge_sight(person, ns)?;
        self.judge_settled(person, ns)?;
        self.judge_fresh(person, ns)?;
        self.judge_pace(person, ns)
    }

    fn judge_members(&mut self, person: usize) -> Result<(), Broken> {
        let (Some((session, _)), Some(process)) = (self.playing(person), &self.process) else { return Ok(()) };
        let Some(life) = self.people[person].life() else { return Ok(()) };
        let shows: BTreeSet<NetId> = life.client.entities().map(|(id, _)| id).collect();
        let told: Vec<_> = process.realm.shown(session).collect();
        self.tally.looks.count(Check::Members);
        if let Some(shown) = told.iter().find(|shown| shown.is_acked && !shows.contains(&shown.id)) {
            let what = format!("person {person} has acknowledged {:?} and does not show it", shown.id);
            return Err(Broken::new(Check::Members, what));
        }
        let told: BTreeSet<NetId> = told.iter().map(|shown| shown.id).collect();
        match shows.iter().find(|id| !told.contains(id)) {
            Some(ghost) => {
                Err(Broken::new(Check::Members, format!("person {person} shows {ghost:?}, which is a ghost")))
            }
            None => Ok(()),
        }
    }

    fn judge_sight(&mut self, person: usize, ns: u64) -> Result<(), Broken> {
        let is_troubled = ns < self.troubled_until_ns.max(self.people[person].troubled_until_ns);
        let (Some((_, own)), Some(process)) = (self.playing(person), &self.process) else { return Ok(()) };
        let Some(life) = self.people[person].life() else { return Ok(()) };
        if is_troubled
            || life.has_flooded
            || process.realm.status().overload_level > 0
            || self.tick < life.joined_tick + 2 * SEEN_TICKS
        {
            return Ok(());
        }
        let Some(truth) = self.truths.get(&process.incarnation) else { return Ok(()) };
        let now = process.realm.game().now();
        self.tally.looks.count(Check::Sight);
        for &id in process.realm.game().replicas().live() {
            let kind = process.realm.game().replicas().kind(id);
            let enter = i64::from(enter_radius(kind));
            let is_near = |ago: u32| {
                let at = Tick(now.0.saturating_sub(ago));
                let (here, there) = truth.at(own, at).zip(truth.at(id, at))?;
                let (dx, dy) = (i64::from(here.x) - i64::from(there.x), i64::from(here.y) - i64::from(there.y));
                Some(dx * dx + dy * dy < enter * enter)
            };
            let is_owed = id != own && (0..=SEEN_TICKS).step_by(5).all(|ago| is_near(ago) == Some(true));
            if is_owed && life.client.sees(id).is_none() {
                let what =
                    format!("person {person} does not show {id:?}, a {kind:?}, which was near for {SEEN_TICKS} ticks");
                return Err(Broken::new(Check::Sight, what));
            }
        }
        Ok(())
    }

    fn judge_settled(&mut self, person: usize, ns: u64) -> Result<(), Broken> {
        let (is_steady, tick) = (self.is_steady(person, ns), self.tick);
        let (Some((session, _)), Some(process)) = (self.playing(person), &self.process) else { return Ok(()) };
        let undecided: BTreeSet<NetId> =
            process.realm.shown(session).filter(|shown| !shown.is_acked).map(|shown| shown.id).collect();
        let Some(life) = self.people[person].lives.last_mut() else { return Ok(()) };
        life.unsettled.retain(|id, since| is_steady && undecided.contains(id) && *since <= tick);
        for id in undecided {
            life.unsettled.entry(id).or_insert(tick);
        }
        self.tally.looks.0[Check::Settled as usize] += u64::from(is_steady);
        match life.unsettled.iter().find(|(_, since)| **since + SETTLED_TICKS < tick) {
            Some((id, since)) => {
                let what = format!("person {person} is not known to show or to have dropped {id:?} since tick {since}");
                Err(Broken::new(Check::Settled, what))
            }
            None => Ok(()),
        }
    }

    fn judge_fresh(&mut self, person: usize, ns: u64) -> Result<(), Broken> {
        let (Some(_), Some(process)) = (self.playing(person), &self.process) else { return Ok(()) };
        let (Some(life), Some(truth)) = (self.people[person].life(), self.truths.get(&process.incarnation)) else {
            return Ok(());
        };
        if !self.is_steady(person, ns) {
            return Ok(());
        }
        self.tally.looks.count(Check::Fresh);
        let now = process.realm.game().now();
        for (id, seen) in life.client.entities() {
            let Some(is) = truth.at(id, now).filter(|is| **is != seen.state) else { continue };
            if (1..=SETTLED_TICKS).all(|ago| truth.at(id, Tick(now.0.saturating_sub(ago))) == Some(is)) {
                let shown = (seen.state, seen.tick.0);
                let what = format!("person {person} shows {id:?} as {shown:?}, which has long been {is:?}");
                return Err(Broken::new(Check::Fresh, what));
            }
        }
        Ok(())
    }

    fn judge_pace(&mut self, person: usize, ns: u64) -> Result<(), Broken> {
        let is_well =
            self.playing(person).is_some() && self.is_steady(person, ns) && self.is_quiet(person, ns, WELL_NS);
        let tick = self.tick;
        let Some(life) = self.people[person].lives.last_mut() else { return Ok(()) };
        let (since, before) = *life.well.get_or_insert((tick, life.own_heard));
        if is_well && tick < since + PACE_TICKS {
            return Ok(());
        }
        life.well = None;
        let heard = life.own_heard - before;
        // Among two hundred in one place messages alone may take what there is.
        if !is_well || self.people.len() > CROWD {
            return Ok(());
        }
        self.tally.looks.count(Check::Pace);
        if heard >= PACE_TICKS / 2 {
            return Ok(());
        }
        let what = format!("person {person} was told of itself {heard} times in {} ticks", tick - since);
        Err(Broken::new(Check::Pace, what))
    }

    /// Somebody plays, is told of the world, and nothing has been wrong for a while.
    fn is_steady(&self, person: usize, ns: u64) -> bool {
        let (Some(life), Some(process)) = (self.people[person].life(), &self.process) else { return false };
        let told = life.client.own().map_or(Tick(0), |(tick, _)| tick);
        // Whoever has flooded is told of the world beside the answers to his own questions, which is slow.
        !life.has_flooded
            && self.is_quiet(person, ns, QUIET_NS)
            && process.realm.status().overload_level == 0
            && self.tick > life.joined_tick.max(life.flooded_tick) + SETTLED_TICKS
            && process.realm.game().now().since(told) < TOLD_TICKS
    }
}

fn enter_radius(kind: EntityKind) -> i32 {
    let KindRadii { mob, projectile, item, body } = KindRadii::DEFAULT;
    match kind {
        EntityKind::Player => 100 * protocol::unit::UNITS_PER_M,
        EntityKind::Mob => mob.enter,
        EntityKind::Projectile => projectile.enter,
        EntityKind::Item => item.enter,
        EntityKind::Body => body.enter,
    }
}
