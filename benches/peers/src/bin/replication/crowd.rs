//! Who moves, and how: the same for every contestant.
//!
//! Everybody is moved here by the game's own rules, and this is the truth that clients are held against. Our realm gets
//! the inputs and moves everybody itself, by the same rules; the others are given the places.

use protocol::Input;
use protocol::input::button;
use protocol::motion::{self, Body, Gait, StaticMap};
use protocol::unit::{ANGLE_STEPS, SUBUNIT_BITS, SUBUNITS_PER_M, TICK_RATE_HZ, UNITS_PER_M};
use std::f64::consts::TAU;
use std::sync::Arc;

/// Side of the map, metres: with room around everybody.
const MAP_M: u16 = 200;
/// Everybody begins within this of its middle, metres, and stays within 19 m of where he began: all are within 100 m of
/// all, so that a layer that looks who is near finds everybody.
const SPREAD_M: f64 = 30.0;
/// Widest wish on either axis, of 127: 4 m/s.
const PACE: f64 = 85.0;
/// From one jump of somebody to his next.
const JUMP_TICKS: u32 = 3 * TICK_RATE_HZ;
/// The quarter turn in a second that a restless one turns at most, angle steps in a tick.
const TREMBLE: i32 = ANGLE_STEPS as i32 / 240;

/// How everybody looks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Looks {
    /// Along smooth curves.
    Smooth,
    /// By a turn of chance in every tick, as hands do at worst.
    Restless,
}

/// Where somebody is and looks, as it is compared: metres and angle steps.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pose {
    pub place_m: [f64; 3],
    pub yaw: f64,
    pub pitch: f64,
}

/// Everybody.
pub struct Crowd {
    map: Arc<StaticMap>,
    looks: Looks,
    movers: Vec<Mover>,
    tick: u32,
    is_standing: bool,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct Mover {
    pub body: Body,
    /// What he wants in this tick.
    pub input: Input,
    chances: [f64; 8],
}

impl Crowd {
    /// So many, each in his place.
    pub fn new(movers: usize, looks: Looks) -> Self {
        let map = StaticMap::new(MAP_M.into(), MAP_M.into(), &[]).expect("a plain map");
        let movers = (0..movers).map(Mover::new).collect();
        Self { map: Arc::new(map), looks, movers, tick: 0, is_standing: false }
    }

    /// The ground they walk on.
    pub fn map(&self) -> &Arc<StaticMap> {
        &self.map
    }

    /// Everybody, as of the tick under way.
    pub fn movers(&self) -> &[Mover] {
        &self.movers
    }

    /// Nobody walks or looks about from now on.
    pub fn stand(&mut self) {
        self.is_standing = true;
    }

    /// One tick later.
    pub fn advance(&mut self) {
        self.tick += 1;
        for (number, mover) in self.movers.iter_mut().enumerate() {
            mover.input = match self.looks {
                _ if self.is_standing => Input { move_x: 0, move_y: 0, buttons: 0, ..mover.input },
                Looks::Smooth => mover.wish(self.tick),
                Looks::Restless => {
                    let (yaw, pitch) = (mover.input.yaw, mover.input.pitch);
                    let turned = |angle: u16, salt: u64| {
                        let chance = chance(salt, number as u64, u64::from(self.tick));
                        let turn = (chance * f64::from(2 * TREMBLE + 1)) as i32 - TREMBLE;
                        (i32::from(angle) + turn).rem_euclid(ANGLE_STEPS.into()) as u16
                    };
                    Input { yaw: turned(yaw, 100), pitch: turned(pitch, 101), ..mover.wish(self.tick) }
                }
            };
            motion::step(&self.map, &mut mover.body, &mover.input, Gait::default());
        }
    }
}

impl Mover {
    fn new(number: usize) -> Self {
        let mut chances = [0.0; 8];
        (0..).zip(&mut chances).for_each(|(salt, place)| *place = chance(salt, number as u64, 0));
        let (sin, cos) = (TAU * chances[0]).sin_cos();
        let away_m = SPREAD_M * chances[1].sqrt();
        let subunits = |metres: f64| {
            let units = ((f64::from(MAP_M) / 2.0 + metres) * f64::from(UNITS_PER_M)).round() as i32;
            units << SUBUNIT_BITS
        };
        let body = Body { x: subunits(away_m * cos), y: subunits(away_m * sin), ..Body::default() };
        Self { body, input: Input::default(), chances }
    }

    /// A velocity that swings on each axis by itself, which makes a closed curve that bends now more, now less; a view that
    /// turns all the time, now faster, now slower; and a jump now and then.
    fn wish(&self, tick: u32) -> Input {
        let now_s = f64::from(tick) / f64::from(TICK_RATE_HZ);
        let [.., a, b, c, d, e, f] = self.chances;
        let swing = |rate: f64, phase: f64| (rate * now_s + TAU * phase).sin();
        let step = |turn: f64| (turn * f64::from(ANGLE_STEPS) / TAU).rem_euclid(ANGLE_STEPS.into()) as u16;
        let way_round = if e < 0.5 { 1.0 } else { -1.0 };
        // Never slower than 0.3 radians a second, three steps a tick: everybody is new in every tick.
        let yaw = way_round * (1.0 + a) * now_s + 0.5 * swing(1.4, b);
        let is_jump = (tick + (f * f64::from(JUMP_TICKS)) as u32).is_multiple_of(JUMP_TICKS);
        Input {
            move_x: (PACE * swing(0.6 + c, d)) as i8,
            move_y: (PACE * swing(0.6 + d, a)) as i8,
            yaw: step(yaw + TAU * c),
            pitch: step(0.4 * swing(0.9, e)),
            buttons: if is_jump { button::JUMP } else { 0 },
        }
    }

    /// Where he is and looks.
    pub fn pose(&self) -> Pose {
        let metres = |subunits: i32| f64::from(subunits) / f64::from(SUBUNITS_PER_M);
        let Body { x, y, z, .. } = self.body;
        Pose { place_m: [x, y, z].map(metres), yaw: self.input.yaw.into(), pitch: self.input.pitch.into() }
    }
}

impl Pose {
    /// How far apart two are: on the axis on which they are farthest, in millimetres, and in their angles, in steps.
    pub fn apart(&self, other: &Self) -> (f64, f64) {
        let mm = self.place_m.iter().zip(&other.place_m).map(|(a, b)| (a - b).abs() * 1_000.0).fold(0.0, f64::max);
        let steps = |a: f64, b: f64| {
            let turn = (a - b).rem_euclid(ANGLE_STEPS.into());
            turn.min(f64::from(ANGLE_STEPS) - turn)
        };
        (mm, steps(self.yaw, other.yaw).max(steps(self.pitch, other.pitch)))
    }
}

/// A share of 1 that only depends on these: splitmix64.
pub fn chance(salt: u64, number: u64, tick: u64) -> f64 {
    let mut bits = (salt << 48 ^ number << 32 ^ tick).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    (bits ^ bits >> 31) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_new_in_every_tick_and_stays_within_sight_of_everybody() {
        for looks in [Looks::Smooth, Looks::Restless] {
            let mut crowd = Crowd::new(200, looks);
            for _ in 0..1_200 {
                let before: Vec<_> = crowd.movers().iter().map(Mover::pose).collect();
                crowd.advance();
                let now: Vec<_> = crowd.movers().iter().map(Mover::pose).collect();
                assert!(before.iter().zip(&now).all(|(a, b)| a.apart(b) != (0.0, 0.0)));
                let from_middle = |pose: &Pose| (pose.place_m[0] - 100.0).hypot(pose.place_m[1] - 100.0);
                assert!(now.iter().all(|pose| from_middle(pose) < 50.0));
            }
            crowd.stand();
            (0..120).for_each(|_| crowd.advance());
            let before = crowd.movers()[7].pose();
            crowd.advance();
            assert_eq!(before.apart(&crowd.movers()[7].pose()), (0.0, 0.0));
        }
    }

    #[test]
    fn angles_are_compared_the_short_way_round() {
        let pose = |yaw: f64| Pose { yaw, ..Pose::default() };
        assert_eq!(pose(4_095.0).apart(&pose(1.0)), (0.0, 2.0));
        assert_eq!(Pose { place_m: [0.0, 0.0, 0.5], ..pose(0.0) }.apart(&pose(0.0)), (500.0, 0.0));
    }
}
