//! A person's avatar: whose it is, where it looks, what it wants.

use crate::carry::{self, Bag};
use crate::cast::Casting;
use crate::content::Content;
use crate::growth::{self, Estate, Growth, Told};
use crate::image::PlayerImage;
use crate::movement::{Gait, Mobile};
use crate::records::{PlayerRecord, Z_MAX};
use crate::replica::Replica;
use crate::schedule::Phase;
use bevy_ecs::prelude::{Bundle, Component, IntoScheduleConfigs, Query, Schedule};
use protocol::input::button;
use protocol::motion::{BODY_RADIUS, Body, StaticMap};
use protocol::unit::{ANGLE_STEPS, SUBUNITS_PER_M};
use protocol::{CharacterId, EntityKind, Input, Tick};
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Half the side of the square in the middle of the map where new characters appear: 50 m, in subunits. At 2,000
/// newcomers that leaves 5 m² each.
pub(crate) const SPAWN_REACH: i32 = 50 * SUBUNITS_PER_M;

/// Why an entity cannot enter the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SpawnError {
    /// Every id is live or waits to be recycled: the caller let in too many.
    #[error("no entity id is free")]
    Full,
    /// The map has no free place for a body: the fault of whoever drew it.
    #[error("the map has no free place")]
    NoRoom,
    /// No thing can be there, as fast or as that: the caller's fault.
    #[error("a thing where or as none can be")]
    Impossible,
}

/// Marks the avatar of a character.
#[derive(Clone, Copy, Debug, Component)]
pub struct Avatar {
    pub(crate) character: CharacterId,
}

impl Avatar {
    /// Whose.
    #[must_use]
    pub fn character(&self) -> CharacterId {
        self.character
    }
}

/// Where an avatar looks, both 0..[`ANGLE_STEPS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Component)]
pub(crate) struct View {
    pub(crate) yaw: u16,
    pub(crate) pitch: u16,
}

impl View {
    /// Whole turns are taken off.
    pub(crate) fn new(yaw: u16, pitch: u16) -> Self {
        Self { yaw: yaw % ANGLE_STEPS, pitch: pitch % ANGLE_STEPS }
    }
}

/// What a player asked for last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Component)]
pub(crate) struct Wish {
    pub(crate) input: Input,
    /// Whether it was asked for since the last tick.
    pub(crate) is_fresh: bool,
}

impl Wish {
    pub(crate) fn fresh(input: Input) -> Self {
        Self { input, is_fresh: true }
    }
}

pub(crate) fn register(schedule: &mut Schedule) {
    schedule.add_systems(take_wishes.in_set(Phase::Input));
}

/// Everything a player's entity consists of.
pub(crate) fn avatar(image: &PlayerImage, content: &Content, estate: &Estate) -> impl Bundle {
    let replica = Replica { id: image.id, kind: EntityKind::Player };
    let avatar = Avatar { character: image.character };
    let body = (replica, avatar, Mobile(image.body), image.view, image.wish, Gait(image.gait));
    let bag = Bag::new(content, estate);
    let gear = carry::gear(content, &bag);
    let (fighter, growth) = (growth::fighter(content, estate), Growth::new(estate));
    (body, fighter, growth, Told::default(), Casting::default(), gear, bag)
}

/// Where a player enters: at its record's place, else somewhere in the middle of the map; at rest and free.
pub(crate) fn place(
    map: &StaticMap,
    seed: u64,
    now: Tick,
    character: CharacterId,
    record: Option<&PlayerRecord>,
) -> Result<Body, SpawnError> {
    let (x, y, z) = record.map_or_else(|| middle(map, seed, now, character), |r| (r.x, r.y, r.z.clamp(0, Z_MAX)));
    let (x, y) = map.nearest_free(x, y, z, BODY_RADIUS);
    if map.is_free(x, y, z, BODY_RADIUS) { Ok(Body { x, y, z, ..Body::default() }) } else { Err(SpawnError::NoRoom) }
}

fn middle(map: &StaticMap, seed: u64, now: Tick, character: CharacterId) -> (i32, i32, i32) {
    let (width, depth) = map.extent();
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&character.0.to_le_bytes());
    bytes[8..].copy_from_slice(&now.0.to_le_bytes());
    let draw = xxh3_64_with_seed(&bytes, seed);
    (around(width, draw as u32), around(depth, (draw >> 32) as u32), 0)
}

/// A coordinate at most [`SPAWN_REACH`] from the middle of `extent`; `draw` decides.
fn around(extent: i32, draw: u32) -> i32 {
    let reach = SPAWN_REACH.min(extent / 2);
    let offset = (u64::from(draw) * (2 * reach as u64 + 1)) >> 32;
    extent / 2 - reach + offset as i32
}

/// A wish is carried out once; without a new one the feet keep going as they did and the other buttons are let go, so that a
/// lost datagram neither stops a runner, nor makes one of a walker, nor lets him jump twice.
fn take_wishes(mut players: Query<'_, '_, (&mut Wish, &mut View)>) {
    for (mut wish, mut view) in &mut players {
        if wish.is_fresh {
            *view = View::new(wish.input.yaw, wish.input.pitch);
            wish.is_fresh = false;
        } else {
            wish.input.buttons &= button::WALK;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spawn_area_is_used_from_edge_to_edge() {
        let extent = 1_000 * SUBUNITS_PER_M;
        assert_eq!(around(extent, 0), extent / 2 - SPAWN_REACH);
        assert_eq!(around(extent, u32::MAX), extent / 2 + SPAWN_REACH);
        assert_eq!(around(SUBUNITS_PER_M, u32::MAX), SUBUNITS_PER_M);
    }

    #[test]
    fn a_map_that_is_all_block_has_no_room() {
        let block = protocol::motion::Block { x: 0.0, y: 0.0, width: 3.0, depth: 3.0, height: None };
        let map = StaticMap::new(3, 3, &[block]).unwrap();
        assert_eq!(place(&map, 1, Tick(0), CharacterId(1), None), Err(SpawnError::NoRoom));
    }
}
