//! Questions about what is where: in the way of a line or of something that moves, in an area, in sight.
//!
//! For studios and for the other rooms. Places and lengths are in subunits, yaw and pitch in 65,536ths of a turn as in
//! shots: yaw 0 is east, a quarter turn north, and a pitch above 0 looks down. Answers are exact: the index, whose places
//! are those of the last [`crate::Phase::Spatial`], only says who is asked about, and who came or was put elsewhere since is
//! asked about, too. Coordinates more than 3,276 km off are taken to be there.

use super::contact::{Pair, STEPS, Way, meet};
use super::solid::THING_HEIGHT;
use crate::Game;
use crate::movement::Mobile;
use crate::ray::{Ray, cosine, sine};
use crate::replica::Replica;
use crate::shot::{BODY_HEIGHT, EYE_HEIGHT};
use bevy_ecs::prelude::Resource;
use protocol::motion::{BODY_RADIUS, Body};
use protocol::unit::{SUBUNIT_BITS, SUBUNITS_PER_M, unit_of};
use protocol::view::Place;
use protocol::{EntityKind, NetId};

/// Who came into the world or was put elsewhere since the index was made.
#[derive(Debug, Default, Resource)]
pub(crate) struct Strays(pub(crate) Vec<NetId>);

/// Who is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter {
    /// A bit for each kind.
    kinds: u8,
    except: Option<NetId>,
    statics: bool,
}

impl Filter {
    /// Everything.
    pub const ALL: Self = Self { kinds: u8::MAX, except: None, statics: true };
    /// What never moves: the ground, blocks, the edge of the world.
    pub const STATICS: Self = Self { kinds: 0, except: None, statics: true };

    /// What never moves, and entities of these kinds.
    #[must_use]
    pub fn kinds(kinds: &[EntityKind]) -> Self {
        Self { kinds: kinds.iter().fold(0, |bits, kind| bits | 1 << *kind as u8), ..Self::STATICS }
    }

    /// The same, but not this one: who asks, mostly.
    #[must_use]
    pub const fn except(self, id: NetId) -> Self {
        Self { except: Some(id), ..self }
    }

    /// The same, but not what never moves.
    #[must_use]
    pub const fn through_statics(self) -> Self {
        Self { statics: false, ..self }
    }

    fn takes(&self, replica: &Replica) -> bool {
        self.kinds & 1 << replica.kind as u8 != 0 && self.except != Some(replica.id)
    }
}

/// What was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Struck {
    /// The ground.
    Ground,
    /// A block.
    Block,
    /// The edge of the world; only by something with a width.
    Edge,
    /// An entity.
    Entity(NetId),
}

/// Where a line first meets something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// What.
    pub what: Struck,
    /// How far along the line, in subunits, rounded down; 0 if it begins in it.
    pub length: i32,
}

/// Where something that moves first touches something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// What.
    pub what: Struck,
    /// After so much of its way, in parts of [`Touch::WHOLE`], rounded down.
    pub share: u32,
    /// Where it is then, rounded towards the beginning.
    pub at: Place,
}

impl Touch {
    /// The share that is a whole way.
    pub const WHOLE: u32 = STEPS as u32;
}

/// So much of a line is asked about at a time, nearest first: 16 m, in subunits.
const STRETCH: i64 = 16 * SUBUNITS_PER_M as i64;
/// No line is longer: across the largest world and more, in subunits.
const RANGE_MAX: i32 = 8_192 * SUBUNITS_PER_M;
/// Nothing is farther off on any axis, in subunits, so that differences fit an `i32`.
const COORDINATE_MAX: i32 = (1 << 28) + (1 << 28) - 1;

/// Radius and height of an entity: a projectile is a point.
const fn shape(kind: EntityKind) -> (i32, i32) {
    match kind {
        EntityKind::Player | EntityKind::Mob => (BODY_RADIUS, BODY_HEIGHT),
        EntityKind::Item | EntityKind::Body => (BODY_RADIUS, THING_HEIGHT),
        EntityKind::Projectile => (0, 0),
    }
}

fn known(place: Place) -> Place {
    let near = |coordinate: i32| coordinate.clamp(-COORDINATE_MAX, COORDINATE_MAX);
    Place { x: near(place.x), y: near(place.y), z: near(place.z) }
}

fn foot(body: &Body) -> Place {
    Place { x: body.x, y: body.y, z: body.z }
}

impl Game {
    /// What a line from a place first meets within `range`: the lowest id of several at the same length, and what never
    /// moves before all of them.
    #[must_use]
    pub fn ray(&self, from: Place, yaw: u16, pitch: u16, range: i32, filter: &Filter) -> Option<Hit> {
        let ray = Ray::new(known(from), yaw, pitch);
        let range = i64::from(range.min(RANGE_MAX));
        let mut first = self.static_on(&ray, range).filter(|_| filter.statics);
        let mut begin = 0;
        while begin <= range && first.is_none_or(|(length, _)| length >= begin) {
            let end = (begin + STRETCH).min(range);
            let middle = ray.at((begin + end) / 2);
            self.near(middle, (end - begin) / 2 + i64::from(BODY_RADIUS), |replica, body| {
                let (radius, height) = shape(replica.kind);
                if filter.takes(replica)
                    && let Some(span) = ray.through(foot(body), radius, height)
                    && span.leave >= 0
                    && span.enter <= range
                {
                    let hit = (span.enter.max(0), Struck::Entity(replica.id));
                    first = Some(first.map_or(hit, |first| first.min(hit)));
                }
            });
            begin = end + 1;
        }
        first.map(|(length, what)| Hit { what, length: length as i32 })
    }

    fn static_on(&self, ray: &Ray, range: i64) -> Option<(i64, Struck)> {
        let ground = ray.ground().map(|length| (length.max(0), Struck::Ground)).filter(|(length, _)| *length <= range);
        let (from, to) = (ray.from(), ray.at(range.max(0)));
        let (west, south, east, north) = (from.x.min(to.x), from.y.min(to.y), from.x.max(to.x), from.y.max(to.y));
        let blocks = self.map().blocks_near(west, south, east, north).filter_map(|block| {
            let span = ray.inside(block)?;
            let enter = span.enter.max(0);
            (enter <= span.leave && enter <= range).then_some((enter, Struck::Block))
        });
        blocks.chain(ground).min()
    }

    /// What an upright cylinder first touches that moves straight from one place (of its foot) to another: the lowest id of
    /// several at the same time, and what never moves before all of them, for which it is as wide as a square. Of what it
    /// touches at the beginning it only meets what it moves into, or is in already.
    #[must_use]
    pub fn sweep(&self, from: Place, to: Place, radius: i32, height: i32, filter: &Filter) -> Option<Touch> {
        let (radius, height) = (radius.clamp(0, RANGE_MAX), height.clamp(0, RANGE_MAX));
        let way = Way::between(known(from), known(to));
        let mut first = self.static_in(&way, radius).filter(|_| filter.statics);
        let length = way.by.iter().map(|by| i64::from(*by) * i64::from(*by)).sum::<i64>().isqrt();
        let stretches = length / STRETCH + 1;
        for nth in 0..stretches {
            let step = |nth: i64| nth * STEPS / stretches;
            if first.is_some_and(|(steps, _)| steps < step(nth)) {
                break;
            }
            let [x, y, z] = way.at((step(nth) + step(nth + 1)) / 2);
            let reach = length / stretches / 2 + i64::from(radius) + i64::from(BODY_RADIUS) + 2;
            self.near(Place { x, y, z }, reach, |replica, body| {
                if filter.takes(replica)
                    && let Some(steps) = touches(&way, (radius, height), replica.kind, body)
                {
                    let touch = (steps, Struck::Entity(replica.id));
                    first = Some(first.map_or(touch, |first| first.min(touch)));
                }
            });
        }
        first.map(|(steps, what)| {
            let [x, y, z] = way.at(steps);
            Touch { what, share: steps as u32, at: Place { x, y, z } }
        })
    }

    fn static_in(&self, way: &Way, radius: i32) -> Option<(i64, Struck)> {
        let (width, depth) = self.map().extent();
        let end = way.at(STEPS);
        let mut first: Option<(i64, Struck)> = None;
        let mut note = |steps: i64, what: Struck| {
            first = Some(first.map_or((steps, what), |first| first.min((steps, what))));
        };
        let bounds = [(radius, width - radius), (radius, depth - radius), (0, i32::MAX)];
        for (axis, (low, high)) in bounds.into_iter().enumerate() {
            let what = if axis == 2 { Struck::Ground } else { Struck::Edge };
            let (from, by) = (way.from[axis], i64::from(way.by[axis]));
            if from < low || from > high {
                note(0, what);
            } else if end[axis] < low || end[axis] > high {
                let to = if by < 0 { low } else { high };
                note((i64::from(to) - i64::from(from)).abs() * STEPS / by.abs(), what);
            }
        }
        let (west, east) = (way.from[0].min(end[0]) - radius, way.from[0].max(end[0]) + radius);
        let (south, north) = (way.from[1].min(end[1]) - radius, way.from[1].max(end[1]) + radius);
        for block in self.map().blocks_near(west, south, east, north) {
            let [x, y, z] = way.from;
            let [low_x, low_y, high_x, high_y, top] = block;
            let is_in =
                x + radius > low_x && x - radius < high_x && y + radius > low_y && y - radius < high_y && z < top;
            if is_in {
                note(0, Struck::Block);
            } else if let Some(face) = way.enters(block, radius, 0) {
                note(face.steps, Struck::Block);
            }
        }
        first
    }

    /// Those whose middle is in a circle, edge included, by ascending id.
    pub fn in_circle(&self, x: i32, y: i32, radius: i32, filter: &Filter, ids: &mut Vec<NetId>) {
        self.in_area(Place { x, y, z: 0 }, radius, filter, ids, |_, _| true);
    }

    /// Those whose middle is in a sector of a circle, edges included, by ascending id: at most `half` of an angle to either
    /// side of `yaw`. Whoever is in its very corner is in it.
    pub fn in_cone(&self, (x, y): (i32, i32), yaw: u16, half: u16, radius: i32, filter: &Filter, ids: &mut Vec<NetId>) {
        let (east, north) = (i128::from(cosine(yaw)), i128::from(sine(yaw)));
        let least = i128::from(cosine(half.min(1 << 15)));
        self.in_area(Place { x, y, z: 0 }, radius, filter, ids, |dx, dy| {
            let (dx, dy) = (i128::from(dx), i128::from(dy));
            let along = dx * east + dy * north;
            let (square, limit) = (along * along, least * least * (dx * dx + dy * dy));
            // Along is at least so much of the distance; both may be below 0.
            if least >= 0 { along >= 0 && square >= limit } else { along >= 0 || square <= limit }
        });
    }

    /// Those whose foot is in a box, edges included, by ascending id.
    pub fn in_box(&self, low: Place, high: Place, filter: &Filter, ids: &mut Vec<NetId>) {
        ids.clear();
        let (low, high) = (known(low), known(high));
        let half = |low: i32, high: i32| (i64::from(high) - i64::from(low)) / 2 + 1;
        let middle = Place { x: low.x.midpoint(high.x), y: low.y.midpoint(high.y), z: 0 };
        let reach = half(low.x, high.x).max(half(low.y, high.y));
        self.near_square(middle, reach, |replica, body| {
            let (across, along) = ((low.x..=high.x).contains(&body.x), (low.y..=high.y).contains(&body.y));
            if filter.takes(replica) && across && along && (low.z..=high.z).contains(&body.z) {
                ids.push(replica.id);
            }
        });
        ids.sort_unstable();
        ids.dedup();
    }

    /// Whether no block is between the eyes of two; of what has none, its middle. What is touched is not between. False if
    /// one of them is not live.
    #[must_use]
    pub fn line_of_sight(&self, one: NetId, other: NetId) -> bool {
        let eye = |id: NetId| {
            let entity = self.entity(id)?;
            let (body, replica) = (self.body(id)?, self.world.get::<Replica>(entity)?);
            let (_, height) = shape(replica.kind);
            let up = if height == BODY_HEIGHT { EYE_HEIGHT } else { height / 2 };
            Some(Place { z: body.z.saturating_add(up), ..foot(body) })
        };
        let (Some(from), Some(to)) = (eye(one), eye(other)) else { return false };
        let way = Way::between(from, to);
        let (west, south, east, north) = (from.x.min(to.x), from.y.min(to.y), from.x.max(to.x), from.y.max(to.y));
        self.map().blocks_near(west, south, east, north).all(|block| !way.is_blocked_by(block))
    }

    fn in_area(
        &self,
        middle: Place,
        radius: i32,
        filter: &Filter,
        ids: &mut Vec<NetId>,
        holds: impl Fn(i64, i64) -> bool,
    ) {
        ids.clear();
        if radius < 0 {
            return;
        }
        let middle = known(middle);
        self.near(middle, i64::from(radius), |replica, body| {
            let (dx, dy) = (i64::from(body.x) - i64::from(middle.x), i64::from(body.y) - i64::from(middle.y));
            let is_near = dx * dx + dy * dy <= i64::from(radius) * i64::from(radius);
            if is_near && filter.takes(replica) && holds(dx, dy) {
                ids.push(replica.id);
            }
        });
        ids.sort_unstable();
        ids.dedup();
    }

    /// Visits all at most `reach` from a place on the ground, and some others, in no order and one of them maybe twice.
    fn near(&self, middle: Place, reach: i64, mut visit: impl FnMut(&Replica, &Body)) {
        let (x, y, radius) = (unit_of(middle.x), unit_of(middle.y), units_around(reach));
        self.spatial().query_circle(x, y, radius, &mut |id| self.show(id, &mut visit));
        self.world.resource::<Strays>().0.iter().for_each(|&id| self.show(id, &mut visit));
    }

    /// The same of all at most `reach` off along both axes.
    fn near_square(&self, middle: Place, reach: i64, mut visit: impl FnMut(&Replica, &Body)) {
        let (x, y, radius) = (unit_of(middle.x), unit_of(middle.y), units_around(reach));
        self.spatial().query_square(x, y, radius, &mut |id| self.show(id, &mut visit));
        self.world.resource::<Strays>().0.iter().for_each(|&id| self.show(id, &mut visit));
    }

    fn show(&self, id: NetId, visit: &mut impl FnMut(&Replica, &Body)) {
        let Some(entity) = self.entity(id).and_then(|entity| self.world.get_entity(entity).ok()) else { return };
        if let (Some(replica), Some(mobile)) = (entity.get::<Replica>(), entity.get::<Mobile>()) {
            visit(replica, &mobile.0);
        }
    }
}

/// A radius in units that surely holds what is in one of subunits, whatever is rounded on the way.
fn units_around(reach: i64) -> i32 {
    ((reach >> SUBUNIT_BITS) + 3).min(i64::from(i32::MAX)) as i32
}

/// After how many steps of a way something of this radius and height touches an entity.
fn touches(way: &Way, (radius, height): (i32, i32), kind: EntityKind, body: &Body) -> Option<i64> {
    let (their_radius, their_height) = shape(kind);
    let from = [way.from[0] - body.x, way.from[1] - body.y, way.from[2] - body.z];
    let pair = Pair { reach: radius + their_radius, skin: 0, height, other_height: their_height };
    let [x, y] = [from[0], from[1]].map(i64::from);
    let is_level = -height < from[2] && from[2] < their_height;
    if is_level && x * x + y * y < i64::from(pair.reach) * i64::from(pair.reach) {
        return Some(0);
    }
    meet(&Way { from, by: way.by }, &pair).map(|meeting| meeting.steps)
}

#[cfg(test)]
mod tests;
