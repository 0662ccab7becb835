//! Missing, ghost and stale: what a viewer shows against who is really around it, by brute force.

use super::ring::Fact;
use super::{Checker, Kind, ROTATE_ABOVE_BOTS, ROTATE_GROUPS, Terms, Views, group};
use protocol::Tick;
use std::collections::BTreeSet;

/// Each viewer looks around once in this many ticks (250 ms); who looks when is spread over them.
const SCAN_TICKS: usize = 15;
/// Positions are judged as they were this many ticks ago: packets of that tick have reached every bot by now.
pub const DELAY_TICKS: u32 = 8;
/// Inside the enter radius for longer than this without being shown is an error: 500 ms.
const MISSING_TICKS: u32 = 30;
/// Shown for longer than this outside the leave radius, or after its bot left: 1 s.
const GHOST_TICKS: u32 = 60;
/// Unrefreshed for longer than this although it changed: 1 s...
const STALE_TICKS: u32 = 60;
/// ...or 2 s...
const STALE_TICKS_CROWDED: u32 = 120;
/// ...when more than this many are visible: those beyond share what is left of the budget.
const CROWDED: usize = 256;
/// Entities whose bot is unknown for longer than this belong to none: 2 s.
const STRANGER_TICKS: u32 = 120;

/// Which pairs are in an error right now (so that each episode counts once), and scratch space.
#[derive(Debug, Default)]
pub struct Scan {
    episodes: BTreeSet<(Kind, u32, u32)>,
    distances: Vec<i64>,
}

impl Scan {
    /// `viewer` no longer shows `bot`: whatever was wrong with it is over.
    pub fn on_leave(&mut self, viewer: usize, bot: usize) {
        if !self.episodes.is_empty() {
            for kind in [Kind::Ghost, Kind::Stale, Kind::Other] {
                self.episodes.remove(&(kind, viewer as u32, bot as u32));
            }
        }
    }
}

impl Checker {
    /// All looks that are due in the tick being judged.
    pub(super) fn look(&mut self, views: &impl Views) {
        let Some(tick) = self.judged.checked_sub(DELAY_TICKS) else { return };
        if let Some(terms) = self.terms {
            let phase = SCAN_TICKS - 1 - tick as usize % SCAN_TICKS;
            let is_few = self.most_present(tick) <= ROTATE_ABOVE_BOTS;
            let (first, step) = if is_few { (0, 1) } else { (group(tick), ROTATE_GROUPS) };
            for viewer in (first + phase * step..self.bots).step_by(SCAN_TICKS * step) {
                self.look_from(viewer, tick, &terms, views);
            }
        }
        self.look_for_leftovers(tick);
    }

    /// A pair is judged as it was when both had been told of themselves: by the slower of their links.
    fn look_from(&mut self, viewer: usize, tick: u32, terms: &Terms, views: &impl Views) {
        let (newest, Some(own)) = (tick, tick.checked_sub(self.lags[viewer])) else { return };
        let row = self.ring.row(own);
        if row[viewer].of(own).is_none() || !self.is_settled(viewer, own) || self.is_deaf(viewer, newest) {
            return;
        }
        let cap_squared = self.cap_squared(viewer, own, terms);
        let mut visible = 0;
        for bot in 0..self.bots {
            let tick = newest.saturating_sub(self.lags[viewer].max(self.lags[bot]));
            let Some(there) = self.ring.at(bot, tick).copied() else { continue };
            let Some(here) = self.ring.at(viewer, tick).copied() else { continue };
            let distance_squared = here.distance_squared(&there);
            let is_inside = distance_squared < terms.enter_squared;
            let is_known = self.presence.knows(viewer, bot);
            if bot == viewer || (!is_inside && !is_known) {
                continue;
            }
            visible += usize::from(is_inside);
            if !self.is_settled(bot, tick) {
                continue;
            }
            if is_known {
                let is_outside = distance_squared > terms.leave_squared && !self.is_bound(viewer, bot, tick);
                self.look_at_known(viewer, bot, tick, is_outside, terms, views);
            } else {
                let missing = distance_squared <= cap_squared && self.is_missing(viewer, bot, tick, terms);
                self.episode(Kind::Missing, viewer, bot, missing, || {
                    let metres = (distance_squared as f64).sqrt() / f64::from(protocol::unit::UNITS_PER_M);
                    format!("bot {viewer} was not shown bot {bot}, {metres:.1} m away, at tick {tick}")
                });
            }
        }
        self.visible.saturating_record(visible as u64);
    }

    fn look_at_known(
        &mut self,
        viewer: usize,
        bot: usize,
        tick: u32,
        is_outside: bool,
        terms: &Terms,
        views: &impl Views,
    ) {
        self.episode(Kind::Missing, viewer, bot, false, String::new);
        let Some(sight) = self.presence.own(bot).and_then(|id| views.sight(viewer, id)) else {
            let case = || format!("bot {viewer} shows no entity for bot {bot}, which entered and never left its view");
            return self.episode(Kind::Other, viewer, bot, true, case);
        };
        let ghost = is_outside && self.is_ghost(viewer, bot, tick, sight.entered, terms);
        self.episode(Kind::Ghost, viewer, bot, ghost, || {
            format!("bot {viewer} still showed bot {bot} at tick {tick}, long out of its view")
        });
        if is_outside {
            return;
        }
        if let (Some((heard, _)), Some((_, fact))) = (self.ring.newest(viewer), self.ring.newest(bot)) {
            let age = if fact.changed > sight.newest.0 { Tick(heard).since(sight.newest) } else { 0 };
            self.ages.saturating_record(u64::from(age));
        }
        let stale = self.is_stale(viewer, bot, tick, sight.newest, terms);
        self.episode(Kind::Stale, viewer, bot, stale, || {
            format!("bot {viewer} showed bot {bot} at tick {tick} as it was at tick {}", sight.newest.0)
        });
    }

    /// Inside for all of the last 500 ms and unknown for as long.
    fn is_missing(&self, viewer: usize, bot: usize, tick: u32, terms: &Terms) -> bool {
        let Some(since) = tick.checked_sub(MISSING_TICKS + self.allowances[viewer]) else { return false };
        self.presence.unknown_since(viewer, bot, since)
            && self.always(viewer, bot, since..=tick, |distance_squared| distance_squared < terms.enter_squared)
            && (since..=tick).all(|tick| self.is_within_cap(viewer, bot, tick, terms))
    }

    /// Shown and outside for all of the last second.
    fn is_ghost(&self, viewer: usize, bot: usize, tick: u32, entered: Tick, terms: &Terms) -> bool {
        let Some(since) = tick.checked_sub(GHOST_TICKS + self.allowances[viewer]) else { return false };
        entered.0 <= since
            && self.always(viewer, bot, since..=tick, |distance_squared| distance_squared > terms.leave_squared)
    }

    /// What is shown was out of date a second ago and has not been refreshed since.
    fn is_stale(&self, viewer: usize, bot: usize, tick: u32, newest: Tick, terms: &Terms) -> bool {
        let is_crowded = self.presence.known_count(viewer) as usize > CROWDED;
        let limit = if is_crowded { STALE_TICKS_CROWDED } else { STALE_TICKS };
        let Some(since) = tick.checked_sub(limit + self.allowances[viewer]) else { return false };
        let (Some(here), Some(there)) = (self.ring.at(viewer, since), self.ring.at(bot, since)) else { return false };
        newest.0 < since && there.changed > newest.0 && here.distance_squared(there) <= terms.leave_squared
    }

    /// Whether the distance between two bots fulfils `holds` in every tick of `ticks` in which both are known; at the
    /// first and the last tick they must be.
    fn always(
        &self,
        viewer: usize,
        bot: usize,
        ticks: std::ops::RangeInclusive<u32>,
        holds: impl Fn(i64) -> bool,
    ) -> bool {
        let distance = |tick| {
            let (here, there) = (self.ring.at(viewer, tick)?, self.ring.at(bot, tick)?);
            Some(here.distance_squared(there))
        };
        distance(*ticks.start()).is_some()
            && distance(*ticks.end()).is_some()
            && ticks.into_iter().all(|tick| distance(tick).is_none_or(&holds))
    }

    /// Whether it was one of the nearest even if all were nearer of whom it is not known where they were. In every tick it must
    /// be asked: the server may look in any of them, and in a crowd one is the last of the nearest for a moment only.
    fn is_within_cap(&self, viewer: usize, bot: usize, tick: u32, terms: &Terms) -> bool {
        if self.most_present(tick) <= terms.visible_max {
            return true;
        }
        let row = self.ring.row(tick);
        let (Some(here), Some(there)) = (row[viewer].of(tick), row[bot].of(tick)) else { return true };
        let distance_squared = here.distance_squared(there);
        let others = row.iter().enumerate().filter(|&(other, _)| other != viewer && other != bot);
        let may_be_nearer = |fact: &Fact| fact.distance_squared(here) < distance_squared;
        others.filter(|(_, entry)| entry.of(tick).is_none_or(may_be_nearer)).count() < terms.nearest
    }

    /// Square of the distance within which those others of `viewer` are that must be in view because they are the nearest.
    fn cap_squared(&mut self, viewer: usize, tick: u32, terms: &Terms) -> i64 {
        if self.most_present(tick) <= terms.visible_max {
            return i64::MAX;
        }
        let mut distances = std::mem::take(&mut self.scan.distances);
        let row = self.ring.row(tick);
        let others = row.iter().enumerate().filter(|(bot, _)| *bot != viewer);
        distances.clear();
        distances.extend(
            others.filter_map(|(_, fact)| fact.of(tick)).map(|fact: &Fact| fact.distance_squared(&row[viewer])),
        );
        let cap = match terms.nearest.checked_sub(1) {
            None => -1,
            Some(last) if last < distances.len() => *distances.select_nth_unstable(last).1,
            Some(_) => i64::MAX,
        };
        self.scan.distances = distances;
        cap
    }

    /// Counts an error when it begins, not each time it is seen.
    fn episode(&mut self, kind: Kind, viewer: usize, bot: usize, is_on: bool, case: impl FnOnce() -> String) {
        let key = (kind, viewer as u32, bot as u32);
        if is_on {
            if self.scan.episodes.insert(key) {
                self.findings.add(kind, case);
            }
        } else if !self.scan.episodes.is_empty() {
            self.scan.episodes.remove(&key);
        }
    }

    /// Entities that belong to nobody, or to bots that have left.
    fn look_for_leftovers(&mut self, tick: u32) {
        let strange_before = tick.saturating_sub(STRANGER_TICKS);
        while !self.is_joining
            && !self.are_all_excused()
            && let Some((id, viewer)) = self.presence.poll_stranger(strange_before)
        {
            let case = || {
                let id = id.0;
                format!(
                    "bot {viewer} is shown entity {id}, which is none of the bots (is somebody else on this server?)"
                )
            };
            self.findings.add(Kind::Other, case);
        }
        let (allowances, deaf_until, all_excused_until) = (&self.allowances, &self.deaf_until, self.all_excused_until);
        let is_late = |viewer: usize, left: u32| {
            left + GHOST_TICKS + allowances[viewer] < tick && tick >= deaf_until[viewer].max(all_excused_until)
        };
        while let Some((id, left, viewer)) = self.presence.poll_departed(is_late) {
            let case = || format!("bot {viewer} still showed entity {} at tick {tick}; its bot left at {left}", id.0);
            self.findings.add(Kind::Ghost, case);
        }
    }
}
