//! A tick of bodies that move: whatever meets first happens first.
//!
//! Each body has a straight way until it meets something: a block, the edge of the world, the ground, or another. What is
//! foreseen waits in a heap; when it comes the velocities change, and what was foreseen of both is foreseen anew. At the
//! same step the lower id comes first. Two bodies share what speed they have along the line between them; whoever is not
//! moved throws it back. Up and down nothing bounces, as from the ground.

use super::contact::{Vector, Way, meet, rebound};
use super::grid::{Grid, Paths, stretches};
use super::solid::{CONTACTS_MAX, REACH, SKIN, Solid};
use crate::records::Z_MAX;
use crate::thing::THING_SPEED_MAX;
use protocol::NetId;
use protocol::motion::{BODY_RADIUS, StaticMap};
use protocol::unit::{SUBUNITS_PER_M, TICK_RATE_HZ};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

pub(super) use super::contact::STEPS;

/// What is no faster than this is within it of where the grid has it, whatever it meets: 24 m/s, in subunits per tick. The
/// ways of all who are faster are kept beside it.
const SLOW: i32 = 24 * SUBUNITS_PER_M / TICK_RATE_HZ as i32;

/// Something that is foreseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    step: i64,
    /// For the order: who, and whom; oneself for what does not move.
    ids: (NetId, NetId),
    /// Which of all solids.
    one: u32,
    what: What,
    changes: (u32, u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// A block, the edge or the ground, at a coordinate of an axis.
    Face { axis: u8, at: i32 },
    /// Another solid.
    Side { other: u32 },
    /// Another, from above or below.
    Top { other: u32 },
}

/// What is kept from tick to tick for its memory only.
#[derive(Debug, Default)]
pub(super) struct Meetings {
    foreseen: BinaryHeap<Reverse<Event>>,
    fast: Paths,
    /// By solid: the last question in which it was looked at, so that it is once in each.
    asked: Vec<u32>,
    question: u32,
}

impl Meetings {
    /// Moves all bodies (those before `bodies`) to the end of the tick. The grid has all solids where they begin.
    pub(super) fn run(&mut self, map: &StaticMap, solids: &mut [Solid], bodies: usize, near: &Grid) {
        self.foreseen.clear();
        self.fast.clear();
        self.asked.clear();
        self.asked.resize(solids.len(), 0);
        self.question = 0;
        for solid in &mut solids[..bodies] {
            note_speed(solid);
        }
        for index in 0..bodies {
            if solids[index].speed != [0; 3] {
                self.foresee(map, solids, index, near, 0);
            }
        }
        while let Some(Reverse(event)) = self.foreseen.pop() {
            self.happen(map, solids, near, event);
        }
        solids[..bodies].iter_mut().for_each(|solid| advance(map, solid, STEPS));
    }

    /// Foresees all that may come of a body from a step on.
    fn foresee(&mut self, map: &StaticMap, solids: &[Solid], index: usize, near: &Grid, step: i64) {
        let solid = &solids[index];
        let way = Way { from: solid.place(step), by: solid.pace() };
        let end = way.at(STEPS - step);
        if way.by != [0; 3]
            && let Some((steps, axis, at)) = first_face(map, &way, &end)
            && step + steps <= STEPS
        {
            let (what, changes) = (What::Face { axis, at }, (solid.changes, solid.changes));
            let event = Event { step: step + steps, ids: (solid.id, solid.id), one: index as u32, what, changes };
            self.foreseen.push(Reverse(event));
        }
        let Self { foreseen, fast, asked, question } = self;
        *question += 1;
        let mut look = |other: usize| {
            // Of two the later to be foreseen sees the earlier.
            if other != index && std::mem::replace(&mut asked[other], *question) != *question {
                foreseen.extend(foresee_pair(solids, (index, other), &way, step).map(Reverse));
            }
        };
        stretches(way.from, end, REACH + SKIN + SLOW, |low, high| {
            near.visit(low, high, |other| {
                if !solids[other].is_fast {
                    look(other);
                }
            });
        });
        fast.visit(way.from, end, |(other, changes)| {
            if solids[other as usize].changes == changes {
                look(other as usize);
            }
        });
        if solid.is_fast {
            fast.add(way.from, end, REACH + 2 * SKIN, (index as u32, solid.changes));
        }
    }

    fn happen(&mut self, map: &StaticMap, solids: &mut [Solid], near: &Grid, event: Event) {
        let one = event.one as usize;
        let other = match event.what {
            What::Face { .. } => one,
            What::Side { other } | What::Top { other } => other as usize,
        };
        if event.changes != (solids[one].changes, solids[other].changes) {
            return;
        }
        advance(map, &mut solids[one], event.step);
        advance(map, &mut solids[other], event.step);
        match event.what {
            What::Face { axis, at } => stop(map, &mut solids[one], usize::from(axis), at),
            What::Side { .. } => collide(solids, one, other),
            What::Top { .. } => land(map, solids, one, other),
        }
        let both = if other == one { &[one][..] } else { &[one, other] };
        for &index in both {
            let solid = &mut solids[index];
            if solid.is_body {
                solid.contacts = solid.contacts.saturating_add(1).min(CONTACTS_MAX);
                solid.changes += 1;
            }
        }
        for &index in both {
            if solids[index].is_body {
                note_speed(&mut solids[index]);
                self.foresee(map, solids, index, near, event.step);
            }
        }
    }
}

fn note_speed(solid: &mut Solid) {
    let [x, y, _] = solid.speed.map(i64::from);
    solid.is_fast |= x * x + y * y > i64::from(SLOW) * i64::from(SLOW);
}

fn foresee_pair(solids: &[Solid], (index, other): (usize, usize), way: &Way, step: i64) -> Option<Event> {
    let (solid, them) = (&solids[index], &solids[other]);
    let (place, pace) = (them.place(step), them.pace());
    let seen = |mine: &Vector, theirs: &Vector| [0, 1, 2].map(|axis| mine[axis].saturating_sub(theirs[axis]));
    let way = Way { from: seen(&way.from, &place), by: seen(&way.by, &pace) };
    let meeting = meet(&way, &solid.pair(them)).filter(|meeting| step + meeting.steps <= STEPS)?;
    let other = other as u32;
    let what = if meeting.is_upright { What::Top { other } } else { What::Side { other } };
    let changes = (solid.changes, them.changes);
    Some(Event { step: step + meeting.steps, ids: (solid.id, them.id), one: index as u32, what, changes })
}

/// What of all that never moves is first in the way to `end` and beyond: after how many steps, and where.
fn first_face(map: &StaticMap, way: &Way, end: &Vector) -> Option<(i64, u8, i32)> {
    let (width, depth) = map.extent();
    let mut first: Option<(i64, u8, i32)> = None;
    let mut note = |steps: i64, axis: usize, at: i32| {
        if first.is_none_or(|(earlier, ..)| steps < earlier) {
            first = Some((steps, axis as u8, at));
        }
    };
    let bounds = [(BODY_RADIUS, width - BODY_RADIUS), (BODY_RADIUS, depth - BODY_RADIUS), (0, i32::MAX)];
    for (axis, (low, high)) in bounds.into_iter().enumerate() {
        let (from, by) = (i64::from(way.from[axis]), i64::from(way.by[axis]));
        let to = if by < 0 { low } else { high };
        if by != 0 && end[axis] != way.from[axis] {
            note(((i64::from(to) - from) * by.signum()).max(0) * STEPS / by.abs(), axis, to);
        }
    }
    let (west, east) = (way.from[0].min(end[0]) - BODY_RADIUS, way.from[0].max(end[0]) + BODY_RADIUS);
    let (south, north) = (way.from[1].min(end[1]) - BODY_RADIUS, way.from[1].max(end[1]) + BODY_RADIUS);
    for block in map.blocks_near(west, south, east, north) {
        // A subunit of slack: what is rounded must not bring it into the corner that it passes.
        if let Some(face) = way.enters(block, BODY_RADIUS, 1) {
            note(face.steps, face.axis, face.at);
        }
    }
    first
}

/// Brings a solid to where it is at a step. What would be in a block, by a subunit and rounding, stays where it is.
fn advance(map: &StaticMap, solid: &mut Solid, step: i64) {
    let pace = solid.pace();
    if pace != [0; 3] && step != solid.since {
        let [x, y, z] = solid.place(step);
        let z = z.clamp(0, Z_MAX);
        if map.is_free(x, y, z, BODY_RADIUS) {
            solid.at = [x, y, z];
        }
    }
    solid.since = step;
}

/// It has come to a face of something that does not move.
fn stop(map: &StaticMap, solid: &mut Solid, axis: usize, at: i32) {
    solid.speed[axis] = 0;
    let mut there = solid.at;
    there[axis] = at;
    if map.is_free(there[0], there[1], there[2], BODY_RADIUS) {
        solid.at = there;
    }
}

/// Two meet at their sides.
fn collide(solids: &mut [Solid], one: usize, other: usize) {
    let (a, b) = (solids[one], solids[other]);
    let normal = [0, 1].map(|axis| a.at[axis] - b.at[axis]);
    let seen = [0, 1].map(|axis| a.speed[axis] - b.speed[axis]);
    if b.is_body {
        let change = rebound(seen, normal, 2).map(|part| part / 2);
        push(&mut solids[one], change);
        push(&mut solids[other], change.map(|part| -part));
    } else {
        push(&mut solids[one], rebound(seen, normal, 1));
    }
    // Velocities part now, but who has met enough does not move: then the other must not go on into it.
    for (index, sign, against) in [(one, 1, other), (other, -1, one)] {
        let toward: i64 =
            (0..2).map(|axis| i64::from(solids[index].speed[axis]) * i64::from(sign * normal[axis])).sum();
        let is_held = solids[against].contacts + 1 >= CONTACTS_MAX || !solids[against].is_body;
        if solids[index].is_body && is_held && toward < 0 {
            solids[index].contacts = CONTACTS_MAX;
        }
    }
}

fn push(solid: &mut Solid, change: [i32; 2]) {
    for (speed, change) in solid.speed.iter_mut().zip(change) {
        // Several at once may make one faster than the wire can tell.
        *speed = (*speed + change).clamp(-THING_SPEED_MAX, THING_SPEED_MAX);
    }
}

/// One comes down on the other, or up against it.
fn land(map: &StaticMap, solids: &mut [Solid], one: usize, other: usize) {
    let (upper, lower) = if solids[one].at[2] >= solids[other].at[2] { (one, other) } else { (other, one) };
    let (high, low) = (solids[upper], solids[lower]);
    let speed = match (high.is_body, low.is_body) {
        // What lies on something is not pressed down any further.
        (true, true) if low.speed[2] != 0 => (high.speed[2] + low.speed[2]) / 2,
        _ => 0,
    };
    for index in [upper, lower] {
        if solids[index].is_body {
            solids[index].speed[2] = speed;
        }
    }
    let [x, y, _] = high.at;
    let top = low.at[2] + low.height;
    if high.is_body && top <= Z_MAX && map.is_free(x, y, top, BODY_RADIUS) {
        solids[upper].at[2] = top;
    }
}
