//! What is looked at in every tick, and now and then.

use super::Simulation;
use crate::check::{Broken, Check, judge_agreement, judge_bags, judge_estate, judge_ground, judge_sheet};
use crate::fault::Kind;
use crate::people::{KNOCK_NS, Phase};
use crate::plan::{CALM_TICKS, Way};
use crate::process::{BATCHES, OUTBOUND_LATE_MAX, STORE_JOBS_MAX};
use protocol::unit::{SUBUNITS_PER_M, TICK_NS, TICK_RATE_HZ};
use protocol::{EntityKind, NetId, OwnState};
use rudp::time::NS_PER_S;
use server::{ConnectionRow, SessionId};
use std::collections::VecDeque;

/// Ticks from one look at what somebody shows to the next.
const LOOK_TICKS: u32 = 12;
/// Bytes that may wait for one session on its reliable channels, as the transport promises.
const BACKLOG_BYTES_MAX: usize = 1 << 20;
/// A message that was said so long ago was heard, when nothing is wrong: 3 s.
const HEARD_TICKS: u32 = 3 * TICK_RATE_HZ;
/// Whoever is gone is silent after so long: the ten seconds that it takes, what was still under way or waited for a reactor
/// that stood still, and a second from one survey to the next.
const SILENT_TICKS: u32 = 14 * TICK_RATE_HZ;
/// A checkpoint is at most so old.
const SAVED_NS: u64 = 5 * NS_PER_S;
/// How far from where he was somebody may come back, in metres: the nearest free place.
const BACK_M: f64 = 3.0;

impl Simulation {
    pub(super) fn judge(&mut self, ns: u64) -> Result<(), Broken> {
        let now = self.server_clock.at(ns);
        self.tally.looks.count(Check::Stores);
        self.stores_mut().check(now).map_err(|what| Broken::new(Check::Stores, what))?;
        self.judge_bounds()?;
        if self.is_closing {
            return Ok(());
        }
        for person in 0..self.people.len() {
            if (self.tick + person as u32).is_multiple_of(LOOK_TICKS) {
                self.judge_views(person, ns)?;
                self.judge_waits(person, ns)?;
                self.judge_agreement(person)?;
                self.judge_sheet(person)?;
            }
        }
        if self.tick.is_multiple_of(TICK_RATE_HZ) {
            self.judge_bodies()?;
            self.judge_bags()?;
        }
        if self.tick == self.plan.ticks && self.plan.is_judged_calm {
            self.judge_calm(ns)?;
        }
        Ok(())
    }

    fn judge_bounds(&mut self) -> Result<(), Broken> {
        let Some(process) = &self.process else { return Ok(()) };
        self.tally.looks.count(Check::Bounds);
        let broken = |what: String| Err(Broken::new(Check::Bounds, what));
        if process.late() > OUTBOUND_LATE_MAX {
            return broken(format!("output of {} ticks waits for the reactor", process.late()));
        }
        if process.jobs() > STORE_JOBS_MAX {
            return broken(format!("{} jobs are unanswered", process.jobs()));
        }
        if process.batches() != BATCHES {
            return broken(format!("{} batches circulate, and there are {BATCHES}", process.batches()));
        }
        let (players, most) = (process.realm.status().players, self.plan.players_max);
        if players > most {
            return broken(format!("{players} people play, and the world takes {most}"));
        }
        let counters = process.gate.gate_counters();
        let here = counters.sessions_joined - counters.sessions_left;
        if here != process.gate.connections() as u64 {
            return broken(format!("{here} sessions are counted, and {} are here", process.gate.connections()));
        }
        if self.tick.is_multiple_of(TICK_RATE_HZ) {
            let mut rows = Vec::new();
            process.gate.rows(&mut rows);
            if let Some(row) = rows.iter().find(|row| row.backlog_bytes > BACKLOG_BYTES_MAX) {
                return broken(format!("{} bytes wait for {:?}", row.backlog_bytes, row.session));
            }
            if !self.is_on(Kind::ReactorStall) {
                self.sessions.judge_held(u64::from(self.tick) * TICK_NS)?;
            }
            return self.judge_empty_seats(&rows);
        }
        Ok(())
    }

    /// A session that nobody is behind any more is known to be silent soon.
    fn judge_empty_seats(&mut self, rows: &[ConnectionRow]) -> Result<(), Broken> {
        self.tally.looks.count(Check::Sessions);
        let mut left = std::mem::take(&mut self.left);
        left.retain(|session, _| rows.iter().any(|row| row.session == *session));
        for row in rows {
            let Some(seat) = self.sessions.of(row.session) else { continue };
            let is_here = match seat.person {
                Some(person) => self.people[person].lives.iter().any(|life| life.token == seat.token),
                None => self.strangers.vandal.is_some(),
            };
            if is_here {
                left.remove(&row.session);
                continue;
            }
            let since = *left.entry(row.session).or_insert(self.tick);
            if self.tick > since + SILENT_TICKS && !row.is_silent && !self.is_on(Kind::ReactorStall) {
                let what = format!(
                    "nobody has been behind {:?}, {seat:?}, since tick {since}, and it is not silent",
                    row.session
                );
                return Err(Broken::new(Check::Sessions, what));
            }
        }
        self.left = left;
        Ok(())
    }

    /// The newest life of a person that is in the world of the process that runs, with its session and entity.
    pub(super) fn playing(&self, person: usize) -> Option<(SessionId, NetId)> {
        let life = self.people[person].life().filter(|life| life.phase == Phase::In)?;
        let (session, incarnation) = life.session?;
        let process = self.process.as_ref().filter(|process| process.incarnation == incarnation)?;
        let id = process.realm.plays(session)?;
        (life.own == Some(id)).then_some((session, id))
    }

    fn judge_agreement(&mut self, person: usize) -> Result<(), Broken> {
        self.tally.looks.count(Check::Agreement);
        self.people[person].lives.iter().try_for_each(|life| judge_agreement(person, &life.client.stats()))
    }

    fn judge_sheet(&mut self, person: usize) -> Result<(), Broken> {
        let (Some((_, own)), Some(process)) = (self.playing(person), &self.process) else { return Ok(()) };
        let Some(life) = self.people[person].life() else { return Ok(()) };
        if !life.told.is_up_to_date() || !life.sheet.is_known {
            return Ok(());
        }
        self.tally.looks.count(Check::Sheets);
        judge_sheet(process.realm.game(), own, life.sheet.figures.coins, &life.sheet.counts())
    }

    /// Whoever has left is gone, and whoever plays is there.
    fn judge_bodies(&mut self) -> Result<(), Broken> {
        let Some(process) = &self.process else { return Ok(()) };
        let (replicas, play) = (process.realm.game().replicas(), process.realm.status().players);
        let stand = replicas.live().iter().filter(|id| replicas.kind(**id) == EntityKind::Player).count();
        if stand == play {
            return Ok(());
        }
        Err(Broken::new(Check::Sessions, format!("{stand} players stand in the world, and {play} play")))
    }

    fn judge_bags(&mut self) -> Result<(), Broken> {
        let (Some(process), Some(stores)) = (&self.process, &self.stores) else { return Ok(()) };
        let players = || self.sessions.iter().filter_map(|(session, _)| process.realm.plays(session));
        judge_bags(process.realm.game(), players())?;
        judge_ground(process.realm.game(), stores)?;
        self.tally.looks.count(Check::Conserved);
        for id in players() {
            self.tally.looks.0[Check::Estates as usize] += judge_estate(process.realm.game(), id, stores)?;
        }
        Ok(())
    }

    /// Nothing has gone wrong for a while: all is well again.
    fn judge_calm(&mut self, ns: u64) -> Result<(), Broken> {
        self.tally.looks.count(Check::Calm);
        let broken = |what: String| Err(Broken::new(Check::Calm, format!("{what} after {CALM_TICKS} calm ticks")));
        let Some(process) = &self.process else { return broken("no server runs".to_owned()) };
        let is_crowded = self.plan.players_max < self.people.len();
        for person in &self.people {
            let number = person.number;
            let Some(life) = person.life() else { return broken(format!("person {number} is out")) };
            if life.phase == Phase::Queued && is_crowded {
                continue;
            }
            // Who makes and deletes characters until he may not any more tries anew after a while.
            let is_choosing = life.phase == Phase::Knocking && person.plan.way == Way::Chooses;
            if is_choosing && ns < life.heard_ns + KNOCK_NS {
                continue;
            }
            if self.playing(number).is_none() {
                return broken(format!("person {number} is {:?}", life.phase));
            }
            if let Some(said) = life.told.oldest().filter(|said| said + HEARD_TICKS < self.tick) {
                return broken(format!("person {number} has not heard what was said at tick {said}"));
            }
            if life.echoes.1 + 8 < life.echoes.0 {
                return broken(format!(
                    "person {number} has {} answers for {} questions",
                    life.echoes.1, life.echoes.0
                ));
            }
            if let Some((command, given)) =
                life.commands.iter().find(|(_, given)| **given < self.tick - 5 * TICK_RATE_HZ)
            {
                return broken(format!("person {number} has no answer to command {command} of tick {given}"));
            }
        }
        if process.late() > 0 {
            return broken(format!("output of {} ticks waits", process.late()));
        }
        // The stores are never done while people play: that they come to an end is looked at when all have gone.
        Ok(())
    }
}

/// Where a character was in its last seconds.
#[derive(Debug, Default)]
pub(super) struct Trail {
    pub(super) session: Option<(SessionId, u32)>,
    places: VecDeque<(u64, i32, i32)>,
    alive_since_ns: Option<u64>,
    /// When it was here last, nobody could count on being saved.
    is_unsaved: bool,
}

impl Trail {
    /// Another session plays it.
    pub(super) fn begin(&mut self, session: (SessionId, u32)) {
        *self = Self { session: Some(session), ..Self::default() };
    }

    /// It is here now.
    pub(super) fn note(&mut self, ns: u64, own: &OwnState, is_unsaved: bool) {
        self.is_unsaved = is_unsaved;
        if own.entity().is_dead() {
            self.alive_since_ns = None;
            self.places.clear();
            return;
        }
        self.alive_since_ns.get_or_insert(ns);
        self.places.push_back((ns, own.body.x, own.body.y));
        while self.places.front().is_some_and(|(then, ..)| then + SAVED_NS < ns) {
            self.places.pop_front();
        }
    }

    /// It has come back; none if that says nothing. A server that has been killed since may have forgotten its last seconds,
    /// and more if it had not lived for long enough to be saved, or could not be. The same server has forgotten nothing.
    pub(super) fn judge(&self, own: &OwnState, incarnation: u32, is_unsaved: bool) -> Option<Result<(), String>> {
        let (newest, ..) = *self.places.back()?;
        let is_saved = self.alive_since_ns.is_some_and(|since| since + SAVED_NS + NS_PER_S < newest);
        let is_same = self.session.is_some_and(|(_, before)| before == incarnation);
        if !is_same && (self.is_unsaved || is_unsaved || !is_saved) || own.entity().is_dead() {
            return None;
        }
        let metres = |subunits: i64| subunits as f64 / f64::from(SUBUNITS_PER_M);
        let apart = |x: i32, y: i32| {
            let (dx, dy) = (i64::from(own.body.x) - i64::from(x), i64::from(own.body.y) - i64::from(y));
            metres(dx).hypot(metres(dy))
        };
        let kept = if is_same { 1 } else { self.places.len() };
        let nearest = self.places.iter().rev().take(kept).map(|(_, x, y)| apart(*x, *y)).fold(f64::INFINITY, f64::min);
        let last = if is_same { "where it was when it left" } else { "all places of its last 5 s" };
        Some(if nearest <= BACK_M { Ok(()) } else { Err(format!("came back {nearest:.1} m from {last}")) })
    }
}
