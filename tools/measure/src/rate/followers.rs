//! Stand-ins for players who run where recorded players ran, all of them in one place.

use super::figures::{MIX, class_of};
use crate::codec::recording::{Moment, Recording};
use crate::stand_ins::StandIns;
use anyhow::{Result, ensure};
use protocol::input::InputMessage;
use protocol::message::ClientMessage;
use protocol::motion::{self, Body, Gait, StaticMap};
use protocol::state::{self, HEALTH_SHARE_FULL};
use protocol::unit::{SUBUNIT_BITS, TICK_RATE_HZ, UNITS_PER_M, unit_of};
use protocol::{EntityState, Input, NetId, Tick};
use server::{Inbound, SessionEvent};

/// Recorded players run 8 m/s, ours 6: their ways are made shorter, so that nobody falls behind them.
const SCALE: f64 = 0.7;
/// Who is farther from his place than this has been put elsewhere in the recording, units.
const LEAP: f64 = 6.0 * UNITS_PER_M as f64;
/// Nearer than this to his place one slows down, units: a tenth of a second's run.
const SLOW: f64 = 0.6 * UNITS_PER_M as f64;
/// From one use of a way to the next, ticks.
const LATER_TICKS: usize = 20 * TICK_RATE_HZ as usize;
/// States are told of the last tick, and take their way: a second is plenty.
const TICKS_KEPT: usize = TICK_RATE_HZ as usize;

/// The ways of recorded players around one middle.
#[derive(Debug)]
pub struct Ways(Vec<Vec<Moment>>);

impl Ways {
    /// All ways of all recordings.
    ///
    /// # Errors
    /// Nobody is in them for long enough.
    pub fn new(recordings: &[Recording]) -> Result<Self> {
        let mut ways = Vec::new();
        for recording in recordings {
            let (west, south) = middle(recording.ticks.iter().flatten());
            for way in recording.ticks.iter().filter(|way| way.len() > LATER_TICKS) {
                let moved = |moment: &Moment| {
                    let scaled = |units: i32, middle: f64| ((f64::from(units) - middle) * SCALE) as i32;
                    let mut state = moment.state;
                    (state.x, state.y) = (scaled(state.x, west), scaled(state.y, south));
                    Moment { state, ..*moment }
                };
                ways.push(way.iter().map(moved).collect());
            }
        }
        ensure!(!ways.is_empty(), "nobody is recorded for {} s", LATER_TICKS as u32 / TICK_RATE_HZ);
        Ok(Self(ways))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Ticks of one of them.
    pub fn ticks(&self, way: usize) -> usize {
        self.0[way].len()
    }

    /// Where the `number`-th user of these ways is in `tick`.
    fn at(&self, number: usize, tick: usize) -> &EntityState {
        let way = &self.0[number % self.0.len()];
        &way[(tick + number / self.0.len() * LATER_TICKS) % way.len()].state
    }
}

fn middle<'a>(moments: impl Iterator<Item = &'a Moment>) -> (f64, f64) {
    let (mut x, mut y, mut count) = (0.0, 0.0, 0.0_f64);
    for moment in moments {
        (x, y, count) = (x + f64::from(moment.state.x), y + f64::from(moment.state.y), count + 1.0);
    }
    (x / count.max(1.0), y / count.max(1.0))
}

/// Runs along a way.
#[derive(Debug)]
pub struct Runner {
    way: usize,
    /// What he predicts of himself.
    pub body: Body,
    number: u16,
}

/// What a runner does in a tick.
pub struct Step {
    /// He is put here first, units.
    pub place: Option<(i32, i32)>,
    pub input: Input,
    pub number: u16,
}

impl Runner {
    pub fn new(way: usize) -> Self {
        Self { way, body: Body::default(), number: 0 }
    }

    /// The next step, around a middle in units.
    pub fn step(&mut self, ways: &Ways, tick: usize, middle: (i32, i32), map: &StaticMap) -> Step {
        let goal = ways.at(self.way, tick);
        let (x, y) = (goal.x + middle.0, goal.y + middle.1);
        let (dx, dy) = (f64::from(x - unit_of(self.body.x)), f64::from(y - unit_of(self.body.y)));
        let distance = dx.hypot(dy);
        let place = (distance > LEAP).then(|| {
            self.body = Body { x: x << SUBUNIT_BITS, y: y << SUBUNIT_BITS, ..Body::default() };
            (x, y)
        });
        let full = 127.0 * (distance / SLOW).min(1.0) / distance.max(1.0);
        let (move_x, move_y) = if place.is_some() { (0, 0) } else { ((dx * full) as i8, (dy * full) as i8) };
        let input = Input { move_x, move_y, yaw: goal.yaw, pitch: goal.pitch, buttons: 0 };
        motion::step(map, &mut self.body, &input, Gait::default());
        self.number = self.number.wrapping_add(1);
        Step { place, input, number: self.number }
    }
}

/// Everybody but the one who looks on.
#[derive(Debug)]
pub struct Followers {
    runners: Vec<Runner>,
    pub stand_ins: StandIns,
    /// By follower: what is told of him now, and whether that is something else than before.
    states: Vec<(EntityState, bool)>,
    /// By tick, modulo its length: the class of each follower.
    classes: [Vec<Option<usize>>; TICKS_KEPT],
}

impl Followers {
    pub fn new(count: usize) -> Self {
        let runners = (0..count).map(|index| Runner::new(index + 1)).collect();
        let states = vec![(EntityState::default(), false); count];
        let classes = std::array::from_fn(|_| vec![None; count]);
        Self { runners, stand_ins: StandIns::new(count), states, classes }
    }

    /// What everybody wants in a tick.
    pub fn speak(&mut self, ways: &Ways, tick: usize, middle: (i32, i32), map: &StaticMap, inbound: &mut Inbound) {
        for (index, runner) in self.runners.iter_mut().enumerate() {
            let Step { place, input, number } = runner.step(ways, tick, middle, map);
            if let Some((x_units, y_units)) = place {
                let message = ClientMessage::Place { x_units, y_units };
                inbound.push_event(SessionEvent::Message { session: StandIns::session(index), message });
            }
            inbound.push_inputs(StandIns::session(index), InputMessage::new(number, &[input]));
            let state = EntityState::of(&runner.body, input.yaw, input.pitch)
                .with_status(state::status(HEALTH_SHARE_FULL, false));
            let before = &mut self.states[index];
            *before = (state, state != before.0);
        }
    }

    /// Puts everybody into the class that he has in `tick` for one who stands there; answers how many of each class have
    /// changed in it.
    pub fn classify(&mut self, tick: Tick, viewer: &Body) -> [u64; MIX.len()] {
        let (x, y) = (unit_of(viewer.x), unit_of(viewer.y));
        let away = |index: usize| {
            let (dx, dy) = (i64::from(self.states[index].0.x - x), i64::from(self.states[index].0.y - y));
            dx * dx + dy * dy
        };
        let mut order: Vec<_> = (0..self.states.len()).collect();
        order.sort_by_key(|&index| away(index));
        let mut changed = [0; MIX.len()];
        let classes = &mut self.classes[tick.0 as usize % TICKS_KEPT];
        for (nearer, index) in order.into_iter().enumerate() {
            classes[index] = class_of(nearer);
            if let (Some(class), true) = (classes[index], self.states[index].1) {
                changed[class] += 1;
            }
        }
        changed
    }

    /// The class that somebody had in a tick not long ago.
    pub fn class(&self, id: NetId, tick: Tick) -> Option<usize> {
        self.classes[tick.0 as usize % TICKS_KEPT][self.stand_ins.number(id)?]
    }
}
