//! Oneself: what one is made to do, what is shown of it, and what the server had.

use super::figures::Figures;
use client::OwnShown;
use protocol::motion::{self, BODY_RADIUS, Block, Body, Gait, StaticMap};
use protocol::unit::{SUBUNITS_PER_M, UNITS_PER_M, units_from_m};
use protocol::{Input, OwnState, Tick};
use std::collections::BTreeMap;

/// One round of the exercise, in client ticks: 6 s.
const ROUND: u32 = 360;
/// He is put home at its beginning; what that does to the view does not count until here.
const RUN: u32 = 60;
/// Until here he runs east. The wall is met after two thirds of it, then he pushes for a fifth of a second.
const STAND: u32 = 100;
/// Here he is put aside.
const ASIDE: u32 = 210;
/// From home to the wall, m.
const WALL_M: f64 = 3.0;
/// By how much he is put aside, m.
const ASIDE_M: f64 = 0.6;
/// Fastest that one runs, m/s.
const RUN_M_PER_S: f64 = motion::RUN_SPEED as f64 * 60.0 / SUBUNITS_PER_M as f64;
/// Nearer than this is the same: one unit.
const SAME_M: f64 = 1.0 / UNITS_PER_M as f64;

/// Something to do in a client tick.
pub enum Act {
    Nothing,
    /// To be put somewhere, m.
    Place(f64, f64),
}

/// The exercise of one client, and its record.
pub struct Own {
    home: (f64, f64),
    tick: u32,
    inputs: BTreeMap<u16, Input>,
    /// When rounds and their turning points began.
    marks: Vec<(u64, Mark)>,
    frames: Vec<Frame>,
    /// As the server had it at each tick.
    truth: BTreeMap<Tick, OwnState>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Home,
    Run,
    Aside,
}

struct Frame {
    now_ns: u64,
    shown: OwnShown,
}

impl Own {
    pub fn new(home: (f64, f64)) -> Self {
        Self { home, tick: 0, inputs: BTreeMap::new(), marks: Vec::new(), frames: Vec::new(), truth: BTreeMap::new() }
    }

    /// The wall that the server alone knows of.
    pub fn wall(home: (f64, f64)) -> Block {
        Block { x: home.0 + WALL_M, y: home.1 - 1.0, width: 0.5, depth: 3.0, height: None }
    }

    /// What is wanted in the next client tick, which is the input `number`.
    pub fn next(&mut self, now_ns: u64, number: u16) -> (Input, Act) {
        let at = self.tick % ROUND;
        self.tick += 1;
        let beside_wall = self.home.0 + WALL_M - f64::from(BODY_RADIUS) / f64::from(SUBUNITS_PER_M);
        let (mark, act) = match at {
            0 => (Some(Mark::Home), Act::Place(self.home.0, self.home.1)),
            RUN => (Some(Mark::Run), Act::Nothing),
            ASIDE => (Some(Mark::Aside), Act::Place(beside_wall, self.home.1 + ASIDE_M)),
            _ => (None, Act::Nothing),
        };
        self.marks.extend(mark.map(|mark| (now_ns, mark)));
        let move_x = if (RUN..STAND).contains(&at) { 127 } else { 0 };
        let input = Input { move_x, ..Input::default() };
        self.inputs.insert(number, input);
        (input, act)
    }

    pub fn on_frame(&mut self, now_ns: u64, shown: OwnShown) {
        self.frames.push(Frame { now_ns, shown });
    }

    /// The server sent an own state, whether it arrived or not.
    pub fn on_sent(&mut self, tick: Tick, state: OwnState) {
        self.truth.insert(tick, state);
    }

    /// Adds what became of all this. `tick_ns` says when a tick was; `map` is what the client knows.
    pub fn judge(&self, from_ns: u64, tick_ns: impl Fn(Tick) -> u64, map: &StaticMap, figures: &mut Figures) {
        let wrong = self.judge_inputs(from_ns, &tick_ns, map, figures);
        for (index, &(begin_ns, mark)) in self.marks.iter().enumerate() {
            let Some(&(end_ns, _)) = self.marks.get(index + 1) else { break };
            if mark == Mark::Home || begin_ns < from_ns {
                continue;
            }
            let frames = self.frames.iter().filter(|frame| (begin_ns..end_ns).contains(&frame.now_ns));
            let frames: Vec<_> = frames.collect();
            for pair in frames.windows(2) {
                figures.jump_cm = figures.jump_cm.max(jump_m(pair[0], pair[1]) * 100.0);
            }
            let Some(last_ns) = wrong.iter().map(|tick| tick_ns(*tick)).rfind(|at| (begin_ns..end_ns).contains(at))
            else {
                continue;
            };
            let equal = frames.iter().find(|frame| frame.now_ns > last_ns && self.is_equal(frame));
            match equal {
                Some(frame) => figures.equal_after_ms.push((frame.now_ns - last_ns) as f64 / 1e6),
                None => figures.never_equal += 1,
            }
        }
    }

    /// Counts the ticks that lacked an input; returns those in which a body with an input went otherwise than on `map`.
    fn judge_inputs(
        &self,
        from_ns: u64,
        tick_ns: &impl Fn(Tick) -> u64,
        map: &StaticMap,
        figures: &mut Figures,
    ) -> Vec<Tick> {
        let mut wrong = Vec::new();
        for ((before_tick, before), (tick, after)) in self.truth.iter().zip(self.truth.iter().skip(1)) {
            if tick_ns(*tick) < from_ns || *tick != before_tick.next() {
                continue;
            }
            figures.input_ticks += 1;
            figures.depth.push(f64::from(after.input_depth));
            figures.lacking += u64::from(after.input_applied == before.input_applied);
            let Some(input) = self.inputs.get(&after.input_applied) else { continue };
            let mut body = before.body;
            motion::step(map, &mut body, input, Gait::default());
            if body != after.body {
                wrong.push(*tick);
            }
        }
        wrong
    }

    /// Whether what a frame showed is what the server had at that input.
    fn is_equal(&self, frame: &Frame) -> bool {
        let number = frame.shown.input_number;
        let had = |number: u16| self.truth.values().find(|state| state.input_applied == number).map(|own| own.body);
        let (Some(from), Some(to)) = (had(number.wrapping_sub(1)), had(number)) else { return false };
        let between = |axis: fn(&Body) -> i32| {
            let (from, to) = (f64::from(axis(&from)), f64::from(axis(&to)));
            (from + (to - from) * frame.shown.share) / f64::from(SUBUNITS_PER_M)
        };
        let pose = &frame.shown.pose;
        (pose.x - between(|body| body.x)).abs() < SAME_M && (pose.y - between(|body| body.y)).abs() < SAME_M
    }
}

/// How far a frame shows oneself from where running east, or not, could have led since the one before.
fn jump_m(before: &Frame, after: &Frame) -> f64 {
    let reach = RUN_M_PER_S * (after.now_ns - before.now_ns) as f64 / 1e9;
    let (from, to) = (&before.shown.pose, &after.shown.pose);
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    (dx - dx.clamp(0.0, reach)).hypot(dy)
}

/// Metres to what a place message takes.
pub fn units(metres: f64) -> i32 {
    units_from_m(metres)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::unit::{SUBUNIT_BITS, TICK_NS};

    #[test]
    fn the_exercise_meets_the_wall_and_stops_pushing() {
        let home = (10.0, 10.0);
        let map = StaticMap::new(20, 20, &[Own::wall(home)]).unwrap();
        let place = |metres: f64| units(metres) << SUBUNIT_BITS;
        let mut body = Body { x: place(home.0), y: place(home.1), ..Body::default() };
        let mut own = Own::new(home);
        let mut met = Vec::new();
        for tick in 0..ASIDE {
            let (input, _) = own.next(u64::from(tick) * TICK_NS, tick as u16);
            let free = body.x + body.vx;
            motion::step(&map, &mut body, &input, Gait::default());
            if tick >= RUN && input.move_x > 0 && body.vx == 0 && free > body.x - 1 {
                met.push(tick);
            }
        }
        assert!((8..16).contains(&met.len()), "{met:?}");
        assert!((f64::from(body.x) / f64::from(SUBUNITS_PER_M) - 12.6).abs() < 0.001);
    }
}
