//! People who walk and look about without pause, so that whoever is told nothing of them lacks something.

use crate::stand_ins::StandIns;
use protocol::input::InputMessage;
use protocol::message::ClientMessage;
use protocol::motion::{self, BODY_RADIUS, Body, Gait, StaticMap};
use protocol::state::{self, HEALTH_SHARE_FULL};
use protocol::unit::{ANGLE_STEPS, SUBUNIT_BITS, SUBUNITS_PER_M, units_from_m};
use protocol::{EntityState, Input, NetId, Tick};
use rand::{RngExt, rngs::StdRng};
use server::{Inbound, SessionEvent, SessionId};
use std::f64::consts::TAU;

/// Told every tick: with the three other clients these are the sixteen nearest...
pub const NEAR: usize = 13;
/// ...and told when bytes are left.
pub const FAR: usize = 120;
/// From the middle, m: near enough to be most urgent wherever in the middle a client stands, and far enough not to be.
const NEAR_M: (f64, f64) = (1.0, 6.0);
const FAR_M: (f64, f64) = (60.0, 85.0);
/// How far from home they stray, m.
const STRAY_M: f64 = 2.0;

/// Whether a walker is near or far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Near,
    Far,
}

/// All of them, and what is true of them at every tick.
pub struct Walkers {
    people: Vec<Walker>,
    pub stand_ins: StandIns,
}

struct Walker {
    session: SessionId,
    class: Class,
    /// m from the south-west corner.
    home: (f64, f64),
    body: Body,
    input: Input,
    number: u16,
    /// Tick of `states[0]`.
    since: Tick,
    states: Vec<EntityState>,
}

impl Walkers {
    /// Homes around a middle, m.
    pub fn new(middle: (f64, f64), rng: &mut StdRng) -> Self {
        let people = (0..NEAR + FAR).map(|index| {
            let (class, reach) = if index < NEAR { (Class::Near, NEAR_M) } else { (Class::Far, FAR_M) };
            let (distance, angle) = (rng.random_range(reach.0..reach.1), rng.random_range(0.0..TAU));
            Walker {
                session: StandIns::session(index),
                class,
                home: (middle.0 + distance * angle.cos(), middle.1 + distance * angle.sin()),
                body: Body::default(),
                input: Input::default(),
                number: 0,
                since: Tick(0),
                states: Vec::new(),
            }
        });
        Self { people: people.collect(), stand_ins: StandIns::new(NEAR + FAR) }
    }

    /// What everybody wants in tick `tick`: the first time, to be at home.
    pub fn speak(&mut self, tick: Tick, map: &StaticMap, inbound: &mut Inbound, rng: &mut StdRng) {
        for walker in &mut self.people {
            if walker.states.is_empty() {
                walker.since = tick;
                let (x_units, y_units) = (units_from_m(walker.home.0), units_from_m(walker.home.1));
                let (x, y) = map.nearest_free(x_units << SUBUNIT_BITS, y_units << SUBUNIT_BITS, 0, BODY_RADIUS);
                walker.body = Body { x, y, ..Body::default() };
                let message = ClientMessage::Place { x_units, y_units };
                inbound.push_event(SessionEvent::Message { session: walker.session, message });
            }
            walker.walk(rng);
            motion::step(map, &mut walker.body, &walker.input, Gait::default());
            walker.states.push(
                EntityState::of(&walker.body, walker.input.yaw, walker.input.pitch)
                    .with_status(state::status(HEALTH_SHARE_FULL, false)),
            );
            inbound.push_inputs(walker.session, InputMessage::new(walker.number, &[walker.input]));
        }
    }

    /// Whether somebody is one of them, and which.
    pub fn class(&self, id: NetId) -> Option<Class> {
        Some(self.people[self.stand_ins.number(id)?].class)
    }

    /// What is true of somebody at a tick.
    pub fn state(&self, id: NetId, tick: Tick) -> Option<&EntityState> {
        let walker = &self.people[self.stand_ins.number(id)?];
        walker.states.get(tick.0.checked_sub(walker.since.0)? as usize)
    }
}

impl Walker {
    /// Now and then another way, homewards when far from home; the head turns all the time.
    fn walk(&mut self, rng: &mut StdRng) {
        self.number = self.number.wrapping_add(1);
        self.input.yaw = (self.input.yaw + rng.random_range(1..40)) % ANGLE_STEPS;
        let metres = |subunits: i32| f64::from(subunits) / f64::from(SUBUNITS_PER_M);
        let (dx, dy) = (self.home.0 - metres(self.body.x), self.home.1 - metres(self.body.y));
        let is_astray = dx.hypot(dy) > STRAY_M;
        if self.number.is_multiple_of(8) && is_astray {
            let full = 127.0 / dx.hypot(dy);
            (self.input.move_x, self.input.move_y) = ((dx * full) as i8, (dy * full) as i8);
        } else if rng.random_ratio(1, 30) && !is_astray {
            self.input.move_x = rng.random_range(-127..=127);
            self.input.move_y = rng.random_range(-127..=127);
        }
    }
}
