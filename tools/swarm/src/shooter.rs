//! The trigger finger of one bot: shoots now and then, and expects an answer to each shot, once and in order.

use crate::dice::Dice;
use crate::echo::{ANSWER_NS_MAX, Disorder};
use client::Seen;
use protocol::event::{Shoot, ShotRefusal};
use protocol::{EntityKind, OwnState, Tick};
use serde::Serialize;
use std::collections::VecDeque;
use std::f64::consts::TAU;

/// Share of the shots that are aimed at somebody; the others go anywhere, and mostly meet nobody.
const AIMED: f32 = 0.8;
/// From the ground to where one shoots from, and to where one aims at, units: 1.6 m (spec: SHO-5) and 1 m.
const EYE_UNITS: f64 = 512.0;
const CHEST_UNITS: f64 = 320.0;
/// Shots of a player that are carried out in one tick; answers to further ones may come before theirs (spec: SHO-5).
const BURST: usize = 3;

/// Shoots, and keeps account of one session's shots.
#[derive(Debug)]
pub struct Shooter {
    dice: Dice,
    /// Of a shot in each tick of the bot.
    chance: f32,
    /// Those that have no answer yet, oldest first, and when they were asked for.
    asked: VecDeque<(u64, Shoot)>,
    /// The tick of the newest event.
    heard: Tick,
    /// Events that came before any snapshot of their tick.
    ahead: u64,
}

/// What came of the shots of all bots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ShotCounts {
    /// Asked for.
    pub asked: u64,
    /// Answered: carried out.
    pub carried_out: u64,
    /// Of those, with somebody hit.
    pub hit: u64,
    /// Answered: refused.
    pub refused: u64,
    /// Of those carried out, followed along their line to their end.
    pub judged: u64,
}

impl ShotCounts {
    /// As part of a table.
    pub fn line(&self) -> String {
        let Self { asked, carried_out, hit, refused, judged } = self;
        format!(
            "{asked} asked for, {refused} refused, {carried_out} carried out, {hit} hit, {judged} followed to their end"
        )
    }
}

/// An event at a moment that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untimely {
    /// One of a later tick came before.
    Behind(Tick),
    /// No snapshot of its tick came yet.
    Ahead(Tick),
}

impl Shooter {
    /// Shoots with this chance in each tick.
    pub fn new(dice: Dice, chance: f32) -> Self {
        Self { dice, chance, asked: VecDeque::new(), heard: Tick(0), ahead: 0 }
    }

    /// Another session counts from nought.
    pub fn on_joined(&mut self) {
        self.asked.clear();
        (self.heard, self.ahead) = (Tick(0), 0);
    }

    /// Yaw and pitch of a shot, if one is due: at one of those who are seen, from the newest state of oneself.
    pub fn aim(&mut self, own: &OwnState, sights: impl Iterator<Item = Seen>) -> Option<(u16, u16)> {
        if self.chance <= 0.0 || !self.dice.chance(self.chance) {
            return None;
        }
        if !self.dice.chance(AIMED) {
            return Some((self.dice.draw() as u16, self.dice.draw() as u16));
        }
        let mut target = None;
        for (before, seen) in sights.filter(|seen| seen.kind == EntityKind::Player).enumerate() {
            if self.dice.below(before + 1) == 0 {
                target = Some(seen.state);
            }
        }
        let (here, there) = (own.entity(), target?);
        let (dx, dy) = (f64::from(there.x - here.x), f64::from(there.y - here.y));
        let down = f64::from(here.z) + EYE_UNITS - f64::from(there.z) - CHEST_UNITS;
        let steps = |radians: f64| (radians / TAU * 65_536.0).round() as i64 as u16;
        Some((steps(dy.atan2(dx)), steps(down.atan2(dx.hypot(dy)))))
    }

    /// A shot was asked for.
    pub fn on_asked(&mut self, now_ns: u64, shoot: Shoot) {
        self.asked.push_back((now_ns, shoot));
    }

    /// An answer arrived; the shot that it is of. `refusal`: why it was not carried out.
    ///
    /// # Errors
    /// [`Disorder`] says how it breaks the promise of the channel.
    pub fn on_answer(&mut self, number: u16, refusal: Option<ShotRefusal>) -> Result<Shoot, Disorder> {
        let place = self.asked.iter().position(|(_, shoot)| shoot.number == number);
        let place = place.ok_or(Disorder::Repeat(number.into()))?;
        if place > 0 && (refusal != Some(ShotRefusal::TooSoon) || place < BURST) {
            self.asked.drain(..=place);
            return Err(Disorder::Gap(place as u32));
        }
        self.asked.remove(place).map(|(_, shoot)| shoot).ok_or(Disorder::Repeat(number.into()))
    }

    /// An event of this tick was told while the newest snapshot was of tick `shown`. `early`: events that the client gave up
    /// waiting for a snapshot of.
    ///
    /// # Errors
    /// [`Untimely`]; the next event is judged by this one.
    pub fn on_event(&mut self, tick: Tick, shown: Tick, early: u64) -> Result<(), Untimely> {
        let before = std::mem::replace(&mut self.heard, tick);
        self.ahead += u64::from(tick > shown);
        if tick < before {
            return Err(Untimely::Behind(before));
        }
        if tick > shown && self.ahead > early { Err(Untimely::Ahead(shown)) } else { Ok(()) }
    }

    /// Shots whose answer must be taken for lost.
    pub fn overdue(&self, now_ns: u64) -> usize {
        self.asked.iter().take_while(|(asked_ns, _)| now_ns.saturating_sub(*asked_ns) > ANSWER_NS_MAX).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::EntityState;

    fn shooter(shots: u16) -> Shooter {
        let mut shooter = Shooter::new(Dice::new(1, 1), 1.0);
        // Numbers wrap.
        (0..shots).for_each(|shot| {
            shooter
                .on_asked(u64::from(shot) * 1_000_000_000, Shoot { number: shot.wrapping_sub(2), ..Shoot::default() });
        });
        shooter
    }

    #[test]
    fn answers_once_and_in_order_are_fine() {
        let mut shooter = shooter(4);
        let numbers = [65_534, 65_535, 0, 1];
        assert_eq!(numbers.map(|number| shooter.on_answer(number, None).unwrap().number), numbers);
        assert_eq!(shooter.overdue(u64::MAX), 0);
    }

    #[test]
    fn a_second_answer_is_a_repeat_and_a_skipped_one_a_gap_and_no_answer_is_overdue() {
        let mut shooter = shooter(5);
        assert!(shooter.on_answer(65_534, None).is_ok());
        assert_eq!(shooter.on_answer(65_534, None), Err(Disorder::Repeat(65_534)));
        assert_eq!(shooter.on_answer(0, Some(ShotRefusal::Stale)), Err(Disorder::Gap(1)));
        assert_eq!((shooter.overdue(6_000_000_000), shooter.overdue(6_000_000_001)), (0, 1));
    }

    #[test]
    fn only_a_fourth_shot_may_be_refused_before_the_first_is_answered() {
        let mut shooter = shooter(5);
        assert!(shooter.on_answer(1, Some(ShotRefusal::TooSoon)).is_ok());
        assert_eq!(shooter.on_answer(0, Some(ShotRefusal::TooSoon)), Err(Disorder::Gap(2)));
        let mut shooter = self::shooter(5);
        assert_eq!(shooter.on_answer(1, None), Err(Disorder::Gap(3)));
    }

    #[test]
    fn events_come_behind_the_snapshot_of_their_tick_and_none_before_an_earlier_one() {
        let mut shooter = shooter(0);
        assert_eq!(shooter.on_event(Tick(10), Tick(10), 0), Ok(()));
        assert_eq!(shooter.on_event(Tick(10), Tick(12), 0), Ok(()));
        assert_eq!(shooter.on_event(Tick(13), Tick(12), 0), Err(Untimely::Ahead(Tick(12))));
        assert_eq!(shooter.on_event(Tick(12), Tick(14), 0), Err(Untimely::Behind(Tick(13))));
        assert_eq!(shooter.on_event(Tick(15), Tick(14), 2), Ok(()), "its snapshot was lost, and the client says so");
    }

    #[test]
    fn shots_go_where_somebody_stands() {
        let mut shooter = shooter(0);
        let seen = |x: i32, y: i32, kind: EntityKind| {
            let state = EntityState { x, y, kind, ..EntityState::default() };
            Seen { kind, entered: Tick(0), tick: Tick(0), state }
        };
        let sights = [seen(-9_000, 0, EntityKind::Item), seen(0, 3_200, EntityKind::Player)];
        let shots: Vec<_> =
            (0..100).filter_map(|_| shooter.aim(&OwnState::default(), sights.iter().copied())).collect();
        // A quarter turn is north; down by 0.6 m in 10 m.
        let at_him = shots.iter().filter(|&&(yaw, pitch)| yaw == 16_384 && pitch.abs_diff(625) < 5).count();
        assert!(shots.len() == 100 && (70..95).contains(&at_him), "{at_him} of {}", shots.len());
        assert_eq!(Shooter::new(Dice::new(1, 1), 0.0).aim(&OwnState::default(), sights.iter().copied()), None);
    }
}
