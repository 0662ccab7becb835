//! The terms of sight: how near each kind of entity must be to be told of.

use super::RealmConfig;
use game::Replicas;
use protocol::unit::UNITS_PER_M;
use protocol::{EntityKind, NetId};
use serde::{Deserialize, Serialize};

/// Within what distances an entity is in view, in units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Radii {
    /// Comes into view at this distance or nearer.
    pub enter: i32,
    /// Goes out of view beyond this, which is larger: nobody flickers at the edge.
    pub leave: i32,
}

/// The radii of what nobody plays; those of players are in the welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindRadii {
    /// Fights as players do, so it is seen as far as they.
    pub mob: Radii,
    /// A shot that is fired by the farthest player in view must be seen from its start.
    pub projectile: Radii,
    /// Nobody picks up from so far: within it are a sixth of the items that a player's radius holds.
    pub item: Radii,
    /// What stands in the way or falls on somebody, not scenery.
    pub body: Radii,
}

impl Radii {
    /// A radius to enter, and 15 % more to leave.
    #[must_use]
    pub const fn of_m(enter_m: i32) -> Self {
        Self { enter: enter_m * UNITS_PER_M, leave: enter_m * UNITS_PER_M * 115 / 100 }
    }

    /// Refuses radii at which who has just entered would leave at once.
    fn assert_apart(self) {
        assert!(self.enter >= 0 && self.enter < self.leave, "who has just entered must not leave at once: {self:?}");
    }
}

impl KindRadii {
    /// 100 m for what fights, 60 for bodies, 40 for items.
    pub const DEFAULT: Self =
        Self { mob: Radii::of_m(100), projectile: Radii::of_m(100), item: Radii::of_m(40), body: Radii::of_m(60) };
}

/// The terms of sight of all kinds.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    /// Squares, by kind.
    enter_squared: [i64; EntityKind::ALL.len()],
    leave_squared: [i64; EntityKind::ALL.len()],
    /// Beyond this, in units, nothing comes into view for being near.
    pub enter_max: i32,
    /// At most this many are in view for being near.
    pub visible_max: usize,
}

impl Sight {
    /// The terms of a realm.
    ///
    /// # Panics
    /// If something that has just entered would leave at once.
    #[must_use]
    pub fn new(config: &RealmConfig) -> Self {
        let players = Radii { enter: config.enter_radius_units, leave: config.leave_radius_units };
        Self::of(players, &config.kind_radii, usize::from(config.visible_max))
    }

    /// The terms with these radii.
    pub(super) fn of(players: Radii, others: &KindRadii, visible_max: usize) -> Self {
        let radii = EntityKind::ALL.map(|kind| match kind {
            EntityKind::Player => players,
            EntityKind::Mob => others.mob,
            EntityKind::Projectile => others.projectile,
            EntityKind::Item => others.item,
            EntityKind::Body => others.body,
        });
        radii.into_iter().for_each(Radii::assert_apart);
        Self {
            enter_squared: radii.map(|radii| square(radii.enter)),
            leave_squared: radii.map(|radii| square(radii.leave)),
            enter_max: radii.into_iter().map(|radii| radii.enter).max().unwrap_or(0),
            visible_max,
        }
    }

    /// Whether what is this far away comes into view.
    #[inline]
    pub fn enters(&self, kind: EntityKind, distance_squared: i64) -> bool {
        distance_squared <= self.enter_squared[kind as usize]
    }

    /// Whether what is in view and this far away stays there.
    #[inline]
    pub fn stays(&self, kind: EntityKind, distance_squared: i64) -> bool {
        distance_squared <= self.leave_squared[kind as usize]
    }
}

/// What an entity is, and the square of its distance in units.
#[inline]
pub fn look_at(replicas: &Replicas, id: NetId, (x, y): (i32, i32)) -> (EntityKind, i64) {
    let state = replicas.state(id);
    let (dx, dy) = (i64::from(state.x - x), i64::from(state.y - y));
    (state.kind, dx * dx + dy * dy)
}

fn square(radius: i32) -> i64 {
    i64::from(radius) * i64::from(radius)
}
