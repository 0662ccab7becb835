//! What shots met, by brute force: the line that was asked for, and where everybody was on it.
//!
//! A shot is told with its end, and its shooter knows its direction, so the line is known to a unit whatever moved the eye.
//! Where it begins is known as far as inputs that wait may have moved the shooter ([`EYE_DRIFT`]). So nothing of the
//! server's reasoning is needed: a hit must end at the body of whom it hit, every shot must come from its shooter, and
//! nobody may stand in the way whom it did not hit. Floats are fine: whatever is nearer than [`MARGIN`] is not judged.

use super::{COMPARE_AFTER_TICKS, Checker, Kind};
use protocol::event::{Shoot, Shot};
use protocol::motion::{BODY_RADIUS, RUN_SPEED};
use protocol::unit::SUBUNIT_BITS;
use protocol::{EntityState, Tick};
use std::collections::VecDeque;
use std::f64::consts::TAU;

/// spec: SHO-4. What is longer ago is judged as of so many ticks ago...
const CLAMP_TICKS: u32 = 15;
/// ...and this long ago by nothing: it is refused.
const STALE_TICKS: u32 = 18;
/// spec: SHO-5, SHO-7. From the ground to the eye and to the crown of a body, and its radius, units.
const EYE: f64 = 512.0;
const HEIGHT: f64 = 576.0;
const RADIUS: f64 = (BODY_RADIUS >> SUBUNIT_BITS) as f64;
/// spec: SHO-7. As far as a shot reaches, units: 100 m.
const REACH: f64 = 32_000.0;
/// An end and a state are both told in whole units, an end is rounded along a line: two units each way are nobody's fault.
const ROUNDING: f64 = 2.0;
/// What is this near to the rim of a body, or to the end of a shot, may be met or not, units.
const MARGIN: f64 = 8.0;
/// At most 8 inputs wait (spec: INP-2), and none moves a body farther than a tick's run, or its jump, each way.
const EYE_DRIFT: f64 = (8 * (RUN_SPEED >> SUBUNIT_BITS)) as f64 * std::f64::consts::SQRT_2 + MARGIN;

/// A shot that waits for the truth of its tick.
#[derive(Clone, Copy, Debug)]
struct Told {
    shooter: usize,
    tick: Tick,
    asked: Shoot,
    shot: Shot,
}

/// Shots that wait, and those that were judged.
#[derive(Debug, Default)]
pub struct Shots {
    waiting: VecDeque<Told>,
    /// Shots of which enough was known to judge them.
    pub judged: u64,
}

impl Shots {
    /// Another server shoots: forgets those that wait.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }
}

/// A line of length one in each direction from where it ends.
struct Line {
    end: [f64; 3],
    direction: [f64; 3],
}

impl Checker {
    /// The shot that `shooter` asked for was carried out in `tick`.
    pub fn on_shot(&mut self, shooter: usize, tick: Tick, asked: &Shoot, shot: &Shot) {
        self.shots.waiting.push_back(Told { shooter, tick, asked: *asked, shot: *shot });
    }

    /// Judges the shots of ticks of which all is known by now.
    pub(super) fn judge_shots(&mut self) {
        let is_due = |told: &Told, judged: u32| told.tick.0.saturating_add(COMPARE_AFTER_TICKS) <= judged;
        while let Some(told) = self.shots.waiting.pop_front_if(|told| is_due(told, self.judged)) {
            if let Err((kind, case)) = self.judge_shot(&told) {
                let (shooter, number, tick) = (told.shooter, told.shot.number, told.tick.0);
                self.findings.add(kind, || format!("shot {number} of bot {shooter} in tick {tick} {case}"));
            }
        }
    }

    fn judge_shot(&mut self, told: &Told) -> Result<(), (Kind, String)> {
        let Told { shooter, tick, asked, shot } = *told;
        let ago = tick.since(asked.view.tick);
        if ago > STALE_TICKS {
            return Err((Kind::Other, format!("was judged by what was seen {ago} ticks before")));
        }
        let seen = asked.view.tick.min(tick).max(Tick(tick.0.saturating_sub(CLAMP_TICKS)));
        let target = match shot.target.map(|id| self.presence.bot(id).ok_or(id)) {
            None => None,
            Some(Ok(bot)) if bot == shooter => return Err((Kind::Other, "hit its shooter".to_owned())),
            Some(Ok(bot)) => Some(bot),
            // Who has left since then may have been hit.
            Some(Err(id)) if self.presence.is_departed(id) => return Ok(()),
            Some(Err(id)) => return Err((Kind::Other, format!("hit entity {}, which is none of the bots", id.0))),
        };
        let known = |bot: usize, tick: Tick| {
            self.ring.at(bot, tick.0).map(|fact| fact.state).filter(|_| self.is_settled(bot, seen.0))
        };
        let Some(here) = known(shooter, tick) else { return Ok(()) };
        let line = Line::of(&asked, &shot);
        if let Some(bot) = target
            && let Some(there) = known(bot, seen)
            && !line.ends_at(&there)
        {
            let end = line.end;
            return Err((Kind::Desync, format!("hit bot {bot} at {end:?} units, which was at {there:?}")));
        }
        let (length, aside) = line.from(eye(&here));
        if aside > EYE_DRIFT || !(-EYE_DRIFT..=REACH + EYE_DRIFT).contains(&length) {
            return Err((Kind::Desync, format!("came from {aside:.0} units beside the shooter, {length:.0} away")));
        }
        let others = (0..self.bots).filter(|bot| *bot != shooter && Some(*bot) != target);
        let missed = others.filter(|bot| known(*bot, tick).is_some()).find_map(|bot| {
            let there = known(bot, seen)?;
            let before_end = line.enters(&there)?;
            (before_end > MARGIN && before_end < length - EYE_DRIFT).then_some((bot, there))
        });
        if let Some((bot, there)) = missed {
            return Err((Kind::Desync, format!("went through bot {bot}, which was at {there:?}, to {:?}", line.end)));
        }
        self.shots.judged += 1;
        Ok(())
    }
}

fn eye(state: &EntityState) -> [f64; 3] {
    [f64::from(state.x), f64::from(state.y), f64::from(state.z) + EYE]
}

impl Line {
    /// spec: SHO-6. Yaw 0 is east, a quarter turn north; a pitch above 0 looks down.
    fn of(asked: &Shoot, shot: &Shot) -> Self {
        let radians = |steps: u16| f64::from(steps) * TAU / 65_536.0;
        let ((yaw_sin, yaw_cos), (pitch_sin, pitch_cos)) =
            (radians(asked.yaw).sin_cos(), radians(asked.pitch).sin_cos());
        let end = [shot.x_units, shot.y_units, shot.z_units].map(f64::from);
        Self { end, direction: [pitch_cos * yaw_cos, pitch_cos * yaw_sin, -pitch_sin] }
    }

    /// Whether its end is at the body of one who is in this state.
    fn ends_at(&self, state: &EntityState) -> bool {
        let (dx, dy) = (self.end[0] - f64::from(state.x), self.end[1] - f64::from(state.y));
        let above = self.end[2] - f64::from(state.z);
        dx.hypot(dy) <= RADIUS + ROUNDING && (-ROUNDING..=HEIGHT + ROUNDING).contains(&above)
    }

    /// How far before its end it passes a place, and how far beside it, units.
    fn from(&self, place: [f64; 3]) -> (f64, f64) {
        let way: [f64; 3] = std::array::from_fn(|axis| self.end[axis] - place[axis]);
        let along = (0..3).map(|axis| way[axis] * self.direction[axis]).sum::<f64>();
        let aside = (0..3).map(|axis| (way[axis] - along * self.direction[axis]).powi(2)).sum::<f64>().sqrt();
        (along, aside)
    }

    /// How far before its end it surely comes into the body of one who is in this state, units.
    fn enters(&self, state: &EntityState) -> Option<f64> {
        let [east, north, up] = self.direction;
        let (fx, fy) = (self.end[0] - f64::from(state.x), self.end[1] - f64::from(state.y));
        let (level, along) = (east * east + north * north, fx * east + fy * north);
        let beside = fx * fx + fy * fy - (RADIUS - MARGIN).powi(2);
        let root = along * along - level * beside;
        if root <= 0.0 || level < 1e-6 {
            return None;
        }
        // Lengths from the end, those before it negative: first within the circle, then within the height.
        let circle = ((-along - root.sqrt()) / level, (-along + root.sqrt()) / level);
        let heights = [MARGIN, HEIGHT - MARGIN].map(|height| f64::from(state.z) + height - self.end[2]);
        let slab = if up.abs() < 1e-6 {
            (heights[0] <= 0.0 && heights[1] >= 0.0).then_some((f64::MIN, f64::MAX))?
        } else {
            let [one, other] = heights.map(|height| height / up);
            (one.min(other), one.max(other))
        };
        let (enter, leave) = (circle.0.max(slab.0), circle.1.min(slab.1));
        (enter < leave).then_some(-enter)
    }
}

#[cfg(test)]
mod tests;
