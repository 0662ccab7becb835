//! How urgent it is to tell one viewer of one entity.
//!
//! What waits to be told grows more urgent with every tick, by its *urgency*, until it is told: then it begins at nought. So
//! rates follow from what there is to tell and how much may be told, and nothing starves. Who has waited t ticks with
//! urgency u is passed only by those who have reached t u themselves; told once, another needs t u / U ticks for that, U
//! being the highest urgency. So in the last t u / U of the t ticks each of n others passes it at most once, and with r
//! records told in a tick it is told after at most n U / (u r) ticks. In a crowd those farther off are weighed in turns
//! ([`super::view::Turns`]), which adds at most one turn to that. Only ticks in which something may be told count: over a
//! slow link those are every sixth.
//!
//! Of [`SLOTS_MAX`] none comes to more than n U / r, below [`PRIORITY_MAX`] even if in each tick a single one is told. (With
//! priorities of 16 bits most of such a table came to the end, where the order of slots decided, and waited longer.) Should
//! all come to it, because none could be told for minutes, nobody who is told is there again before all others were.

#[cfg(test)]
mod tests;

use super::view::PRIORITY_MAX;
use game::{Bonds, FIGHTING_MAX, Pace, SHOT_RANGE};
use protocol::snapshot::{BASELINE_TICKS, SLOTS_MAX};
use protocol::unit::{ANGLE_STEPS, unit_of};
use protocol::{EntityKind, EntityState, NetId, Tick};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::LazyLock;

/// Urgency of an enter or a leave: structure before motion, because without its enter an entity cannot be seen, and without
/// its leave it haunts.
pub const URGENCY_STRUCTURE: u16 = 160;
/// Urgency of whom the viewer is fighting: before any of the nearest who has waited for less than five ticks, even if he
/// rushes, so that it is told in every tick as long as those can be told in five.
pub const URGENCY_FIGHTING: u16 = 480;
const _: () = assert!(2 * SLOTS_MAX as u32 * URGENCY_FIGHTING as u32 <= PRIORITY_MAX, "nothing starves");
/// Urgency of whom the viewer aims at who is in weapon range, but not among the nearest: twice theirs, because a shot needs
/// to know better.
pub const URGENCY_AIMED: u16 = 96;

/// Urgency of whom nobody has told of for so long that soon no state which the client holds is young enough to tell a
/// difference from (`BASELINE_TICKS`): a record in full costs twice as much. Without it a crowd of 800 over 14 kB/s stays as
/// it came in: all are told in full, so each is told every 1.2 s only, so all must be told in full. By differences each has
/// its turn in 0.7 s. As urgent as the nearest and not more: where not all can be told in time, those who are too old
/// already would wait three seconds and longer for the others.
const URGENCY_EXPIRING: u16 = BY_TIER[0];
/// From so many ticks after it was told until its states are too old: two thirds of the time, less a round trip.
const EXPIRING: Range<u32> = 40..BASELINE_TICKS;

/// The urgency of what is known and has not been told for so many ticks.
#[inline]
#[must_use]
pub fn or_expiring(urgency: u16, untold_ticks: u32) -> u16 {
    if EXPIRING.contains(&untold_ticks) { urgency.max(URGENCY_EXPIRING) } else { urgency }
}

/// The first tier are the nearest sixteen, whose faces and hands one sees, and one to spare, who comes among them before the
/// server looks again.
const FIRST: usize = 16 + 1;
/// The second tier are so many after them, whose doings one sees. All others, whom one sees coming, are the third.
const SECOND: usize = 24;
/// So many are near, and never take turns.
pub const NEAR: usize = FIRST + SECOND;
/// Urgency by tier: where not everything can be told, the second is told twice as often as the third, and the first in every
/// tick as long as the second can be told in six. With 96 kbit/s for 64 others these are 60, 20 and 10 Hz and a little more
/// (`measure rate`); with 24, 8 and 4 whoever rushed in the third tier came before who walked in the first: 50, 23 and 11.
const BY_TIER: [u16; 3] = [48, 8, 4];
/// By [`Pace`]: what rushes is soon shown where it is not any more. What stands still is due because it turns, or has just
/// stopped, and slower motion than a rush is foreseen about as well as any.
const BY_PACE: [u16; Pace::ALL.len()] = [1, 1, 1, 2];
/// By kind, in halves: a projectile has little time to be seen, and nobody is hurt by an item.
const BY_KIND: [u16; EntityKind::ALL.len()] = [2, 2, 3, 1, 2];

/// Farther than this, in units, nobody is aimed at.
const AIM_RANGE: i64 = unit_of(SHOT_RANGE) as i64;
/// Aimed at is who is off the line by at most this part of the way along it: 3.6 degrees to each side, a body in 11 m.
const AIM_PART: i64 = 16;
/// Directions that aim is told apart in: 1.4 degrees each.
const HEADINGS: usize = 256;

/// All three, so that it is looked up and not computed for each viewer's each entity in each tick.
const URGENCIES: [[[u16; BY_TIER.len()]; BY_PACE.len()]; BY_KIND.len()] = {
    let mut urgencies = [[[0; BY_TIER.len()]; BY_PACE.len()]; BY_KIND.len()];
    let (mut kind, mut pace, mut tier) = (0, 0, 0);
    while kind < BY_KIND.len() {
        urgencies[kind][pace][tier] = BY_KIND[kind] * BY_PACE[pace] * BY_TIER[tier] / 2;
        tier += 1;
        if tier == BY_TIER.len() {
            (tier, pace) = (0, pace + 1);
        }
        if pace == BY_PACE.len() {
            (pace, kind) = (0, kind + 1);
        }
    }
    urgencies
};

/// How far the first two tiers of a view reach: squares of distances, in units. Looked at as often as sight is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tiers {
    first: i64,
    second: i64,
}

impl Tiers {
    /// Those of a view whose entities are so far away (squares, in units); their order is lost.
    #[must_use]
    pub fn of(distances_squared: &mut [i64]) -> Self {
        let last = |distances: &mut [i64], count: usize| match distances.get(count..) {
            Some([_, ..]) => *distances.select_nth_unstable(count - 1).1,
            _ => i64::MAX,
        };
        let second = last(distances_squared, NEAR);
        // The nearest are ahead now.
        let near = distances_squared.len().min(NEAR);
        Self { first: last(&mut distances_squared[..near], FIRST), second }
    }
}

/// What decides how urgent entities are to one viewer in one tick.
#[derive(Clone, Copy, Debug)]
pub struct Attention {
    x: i32,
    y: i32,
    /// East and north, of length 2^10.
    heading: (i32, i32),
    tiers: Tiers,
    opponents: [NetId; FIGHTING_MAX],
    opponents_len: u8,
}

impl Attention {
    /// That of a viewer in this state, to whom so much is near.
    #[must_use]
    pub fn of(viewer: NetId, state: &EntityState, tiers: Tiers, bonds: &Bonds, now: Tick) -> Self {
        let mut attention = Self::at(state, tiers);
        for (place, opponent) in attention.opponents.iter_mut().zip(bonds.opponents(viewer, now)) {
            *place = opponent;
            attention.opponents_len += 1;
        }
        attention
    }

    /// That of one who fights nobody.
    fn at(state: &EntityState, tiers: Tiers) -> Self {
        static TABLE: LazyLock<[(i32, i32); HEADINGS]> = LazyLock::new(|| {
            std::array::from_fn(|at| {
                let (north, east) = (at as f64 / HEADINGS as f64 * std::f64::consts::TAU).sin_cos();
                ((east * 1_024.0).round() as i32, (north * 1_024.0).round() as i32)
            })
        });
        let steps = usize::from(ANGLE_STEPS) / HEADINGS;
        let heading = TABLE[(usize::from(state.yaw) + steps / 2) / steps % HEADINGS];
        Self { x: state.x, y: state.y, heading, tiers, opponents: [NetId(0); FIGHTING_MAX], opponents_len: 0 }
    }

    /// How much more urgent an entity in view grows in a tick: by its tier, its pace and its kind, and by whether the viewer
    /// is fighting it or aims at it; and whether one of the last two or one of the first tiers makes it near.
    #[inline]
    #[must_use]
    pub fn urgency(&self, id: NetId, state: &EntityState, pace: Pace) -> (u16, bool) {
        // Nearly nobody is fighting: then no list is read.
        if self.opponents_len > 0 && self.opponents[..usize::from(self.opponents_len)].contains(&id) {
            return (URGENCY_FIGHTING, true);
        }
        let (dx, dy) = (i64::from(state.x) - i64::from(self.x), i64::from(state.y) - i64::from(self.y));
        let distance_squared = dx * dx + dy * dy;
        let tier = usize::from(distance_squared > self.tiers.first) + usize::from(distance_squared > self.tiers.second);
        let urgency = URGENCIES[state.kind as usize][pace as usize][tier];
        // The nearest are told as often as anyone, aimed at or not.
        let is_far = tier > 0 && distance_squared <= AIM_RANGE * AIM_RANGE;
        let is_target = is_far && state.kind.is_alive() && self.is_aimed_at(dx, dy);
        if is_target { (URGENCY_AIMED, true) } else { (urgency, tier < 2) }
    }

    /// Whether what is so far east and north is near the line that the viewer looks along.
    #[inline]
    fn is_aimed_at(&self, dx: i64, dy: i64) -> bool {
        let (east, north) = (i64::from(self.heading.0), i64::from(self.heading.1));
        let (along, off) = (dx * east + dy * north, dx * north - dy * east);
        off.abs() * AIM_PART <= along && along > 0
    }
}
