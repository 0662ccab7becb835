//! One entity as it moves on the screen: its last states, how often it is told, and where it is at a moment between.

use crate::curve::{self, Key};
use crate::smoothing::Offset;
use protocol::{EntityKind, EntityState, Tick};

/// States kept. At 60 Hz 24 are 400 ms, more than is ever waited; who is told more rarely needs fewer.
const STATES_MAX: usize = 24;
/// Intervals that the period is told by.
const GAPS: usize = 8;
/// Longer intervals count as this many ticks: half a second. Nobody should be seen later than that.
pub const PERIOD_TICKS_MAX: u32 = 30;
/// What is guessed after the newest state: 100 ms, six ticks. After that the entity holds still.
pub const EXTRAPOLATION_TICKS: f64 = 6.0;

/// How well a moment is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// It lies between two states, or the entity is at rest.
    Known,
    /// It lies after the newest state, by no more than [`EXTRAPOLATION_TICKS`]: a guess along its last way.
    Guessed,
    /// It lies farther after the newest state: held still.
    Stale,
}

/// The states of an entity, oldest first.
#[derive(Debug)]
pub struct Track {
    /// What sort of thing.
    pub kind: EntityKind,
    /// The tick from which it is out of view.
    pub left: Option<Tick>,
    /// How much later than what is told every tick it is shown, ns; on its way to what its period asks for.
    pub extra_ns: i64,
    states: [Key; STATES_MAX],
    len: usize,
    /// Ring of the last intervals between two states, in ticks of which something came.
    gaps: [u8; GAPS],
    gap_next: usize,
    period: u32,
    /// What was shown last, while it was a guess.
    guess: Option<Guess>,
    offset: Offset,
}

/// A guess that is on the screen.
#[derive(Clone, Copy, Debug)]
struct Guess {
    tick: f64,
    from: Tick,
    key: Key,
    velocity: [f64; 3],
}

impl Track {
    /// An entity of which nothing is known yet.
    #[must_use]
    pub fn new(kind: EntityKind) -> Self {
        Self {
            kind,
            left: None,
            extra_ns: 0,
            states: [Key::default(); STATES_MAX],
            len: 0,
            gaps: [1; GAPS],
            gap_next: 0,
            period: 1,
            guess: None,
            offset: Offset::default(),
        }
    }

    /// The entity's state at a tick. `unmentioned`: ticks since its newest state of which something came, but nothing of
    /// it.
    pub fn insert(&mut self, tick: Tick, state: &EntityState, unmentioned: u32) {
        if let Some(newest) = self.newest().filter(|newest| newest.tick < tick) {
            if self.has_rested(unmentioned) {
                // It stood there until shortly before. Without this it would set out slowly, long ago.
                let until = Tick(tick.0.saturating_sub(self.period)).max(newest.tick);
                self.put(Key { tick: until, ..newest });
            }
            self.gaps[self.gap_next] = (unmentioned + 1).min(PERIOD_TICKS_MAX) as u8;
            self.gap_next = (self.gap_next + 1) % GAPS;
            self.period = self.period_now();
        }
        self.put(Key::of(tick, state));
    }

    /// The tick of the newest state.
    #[must_use]
    pub fn newest_tick(&self) -> Option<Tick> {
        self.newest().map(|key| key.tick)
    }

    /// Ticks from one state to the next: the longest of the last intervals but one, lost ticks not counted.
    #[must_use]
    pub fn period_ticks(&self) -> u32 {
        self.period
    }

    /// Where it is at `at` (in ticks), in a frame that is `passed_s` after the one before; `unmentioned` as in
    /// [`Self::insert`].
    pub fn show(&mut self, at: f64, passed_s: f64, unmentioned: u32) -> Option<(Key, Certainty)> {
        let (mut key, certainty) = self.at(at, unmentioned)?;
        self.offset.advance(passed_s, [0.0; 3]);
        if let Some(guess) = self.guess.take()
            && self.newest_tick() != Some(guess.from)
        {
            // States came that were guessed before: the guess goes on a moment and then gives way.
            let change = curve::step(&guess.key, guess.velocity, (at - guess.tick).max(0.0)).metres_to(&key);
            self.offset.absorb(change);
        }
        if certainty != Certainty::Known {
            let velocity = if certainty == Certainty::Guessed { self.velocity() } else { [0.0; 3] };
            let from = self.newest_tick().unwrap_or_default();
            self.guess = Some(Guess { tick: at, from, key: key.moved_by(self.offset.metres()), velocity });
        }
        key = key.moved_by(self.offset.metres());
        Some((key, certainty))
    }

    /// Whether it was told so long ago, while others were told of, that it must be at rest.
    fn has_rested(&self, unmentioned: u32) -> bool {
        unmentioned > 2 * self.period
    }

    fn at(&self, at: f64, unmentioned: u32) -> Option<(Key, Certainty)> {
        let states = &self.states[..self.len];
        let newest = states.last()?;
        let beyond = at - f64::from(newest.tick.0);
        if beyond <= 0.0 {
            return Some((curve::between(states, at), Certainty::Known));
        }
        if self.has_rested(unmentioned) {
            return Some((*newest, Certainty::Known));
        }
        let certainty = if beyond > EXTRAPOLATION_TICKS { Certainty::Stale } else { Certainty::Guessed };
        Some((curve::step(newest, self.velocity(), beyond.min(EXTRAPOLATION_TICKS)), certainty))
    }

    /// Of its last way, units a tick.
    fn velocity(&self) -> [f64; 3] {
        match &self.states[..self.len] {
            [.., before, newest] if !curve::is_leap(before, newest) => curve::velocity(before, newest),
            _ => [0.0; 3],
        }
    }

    fn newest(&self) -> Option<Key> {
        self.states[..self.len].last().copied()
    }

    fn put(&mut self, key: Key) {
        let place = self.states[..self.len].partition_point(|held| held.tick < key.tick);
        if place < self.len && self.states[place].tick == key.tick {
            self.states[place] = key;
            return;
        }
        if self.len < STATES_MAX {
            self.states.copy_within(place..self.len, place + 1);
            self.states[place] = key;
            self.len += 1;
        } else if place > 0 {
            self.states.copy_within(1..place, 0);
            self.states[place - 1] = key;
        }
    }

    /// 1 if, all but the longest, they are nearer to one tick than to two on average: who goes without now and then is told
    /// every tick all the same. Else the longest but one.
    fn period_now(&self) -> u32 {
        let mut gaps = self.gaps;
        gaps.sort_unstable();
        let all_but_one: u32 = gaps[..GAPS - 1].iter().map(|gap| u32::from(*gap)).sum();
        if 2 * all_but_one < 3 * (GAPS as u32 - 1) { 1 } else { u32::from(gaps[GAPS - 2]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(x: i32) -> EntityState {
        EntityState { x, ..EntityState::default() }
    }

    /// Told every tick from 100 to 100 + `count`, moving by 32 units a tick.
    fn runner(count: u32) -> Track {
        let mut track = Track::new(EntityKind::Player);
        (0..count).for_each(|n| track.insert(Tick(100 + n), &state(32 * n as i32), 0));
        track
    }

    #[test]
    fn between_two_states_it_is_between_them() {
        let mut track = runner(10);
        let (key, certainty) = track.show(104.25, 0.01, 0).unwrap();
        assert_eq!((key.x, certainty), (32.0 * 4.25, Certainty::Known));
    }

    #[test]
    fn after_the_newest_state_it_goes_on_for_six_ticks_and_then_holds_still() {
        let mut track = runner(10);
        assert_eq!(track.show(111.0, 0.01, 1).unwrap().0.x, 32.0 * 11.0);
        assert_eq!(track.show(111.0, 0.01, 1).unwrap().1, Certainty::Guessed);
        for at in [115.0, 116.0, 150.0] {
            let (key, _) = track.show(at, 0.01, 1).unwrap();
            assert_eq!(key.x, 32.0 * 15.0);
        }
        assert_eq!(track.show(150.0, 0.01, 1).unwrap().1, Certainty::Stale);
    }

    #[test]
    fn who_is_not_mentioned_while_others_are_stands_still_and_is_no_guess() {
        let mut track = runner(10);
        let (key, certainty) = track.show(112.0, 0.01, 3).unwrap();
        assert_eq!((key.x, certainty), (32.0 * 9.0, Certainty::Known));
        // He sets out again in tick 200.
        track.insert(Tick(200), &state(32 * 10), 90);
        assert_eq!(track.show(150.0, 0.01, 0).unwrap().0.x, 32.0 * 9.0);
        assert_eq!(track.show(199.0, 0.01, 0).unwrap().0.x, 32.0 * 9.0);
        assert_eq!(track.show(200.0, 0.01, 0).unwrap().0.x, 32.0 * 10.0);
    }

    #[test]
    fn the_period_is_the_longest_interval_but_one_and_a_single_rest_is_no_period() {
        let mut track = runner(20);
        assert_eq!(track.period_ticks(), 1);
        track.insert(Tick(180), &state(700), 60);
        assert_eq!(track.period_ticks(), 1);
        track.insert(Tick(186), &state(800), 5);
        assert_eq!(track.period_ticks(), 6, "two of eight intervals were longer");
        (0..8).for_each(|n| track.insert(Tick(187 + n), &state(900), 0));
        assert_eq!(track.period_ticks(), 1);
        // Lost ticks are no interval of the server's.
        track.insert(Tick(200), &state(900), 0);
        track.insert(Tick(206), &state(900), 0);
        assert_eq!(track.period_ticks(), 1);
    }

    #[test]
    fn late_states_find_their_place_and_those_too_old_none() {
        let mut track = Track::new(EntityKind::Player);
        for n in [0, 1, 3, 2, 5, 4] {
            track.insert(Tick(100 + n), &state(32 * n as i32), 0);
        }
        assert_eq!(track.show(102.5, 0.01, 0).unwrap().0.x, 80.0);
        assert_eq!(track.newest_tick(), Some(Tick(105)));
        let mut track = runner(100);
        track.insert(Tick(110), &state(-5), 0);
        assert_eq!(track.show(110.0, 0.01, 0).unwrap().0.x, 32.0 * 76.0, "the oldest held");
        track.insert(Tick(190), &state(-5), 0);
        assert_eq!(track.show(190.0, 0.01, 0).unwrap().0.x, -5.0);
    }

    #[test]
    fn a_wrong_guess_gives_way_without_a_jump() {
        let mut track = runner(10);
        let mut before = track.show(112.0, 0.016, 0).unwrap().0.x;
        // He had turned round.
        (10..30).for_each(|n| track.insert(Tick(100 + n), &state(32 * (18 - n as i32)), 0));
        for frame in 1..30 {
            let x = track.show(112.0 + f64::from(frame) / 2.0, 0.016, 0).unwrap().0.x;
            assert!((x - before).abs() < 40.0, "{before} to {x}");
            before = x;
        }
        assert_eq!(before, 32.0 * (18.0 - 26.5));
    }
}
