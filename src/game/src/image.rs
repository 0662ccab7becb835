//! The whole world as a value: what is saved, what is hashed, and what a restart begins with.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::bond::BOSSES_MAX;
use crate::content::Content;
use crate::cursor::{Cursor, Truncated};
use crate::player::{View, Wish};
use crate::records::Z_MAX;
use crate::rooms::RoomsImage;
use crate::roster::ENTITIES_MAX;
use crate::stored;
use crate::thing::ThingImage;
use protocol::motion::{BODY_RADIUS, Body, GAIT_SPEED_MAX, Gait, PLAYER_SPEED_MAX, StaticMap};
use protocol::unit::{ANGLE_STEPS, SUBUNITS_PER_M};
use protocol::{CharacterId, Input, NetId, Tick};
use thiserror::Error;

/// The newest version that this code writes and reads.
const VERSION: u16 = 4;
/// No body falls faster than this, in subunits per tick: 72 m/s. Launched downwards from the greatest height, one ends with
/// 67.
const FALL_SPEED_MAX: i32 = 6 * SUBUNITS_PER_M / 5;

/// Everything that decides the future of a world, apart from its seed. Past states are not part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorldImage {
    pub(crate) map_hash: u64,
    pub(crate) tick: Tick,
    /// Ids ever given out.
    pub(crate) rows: u32,
    /// Free ids, in the order in which they will be given out.
    pub(crate) recycled: Vec<NetId>,
    /// By ascending id.
    pub(crate) players: Vec<PlayerImage>,
    /// By ascending id.
    pub(crate) things: Vec<ThingImage>,
    /// By ascending id.
    pub(crate) bosses: Vec<NetId>,
    pub(crate) rooms: RoomsImage,
}

/// One player of a [`WorldImage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlayerImage {
    pub(crate) id: NetId,
    pub(crate) character: CharacterId,
    pub(crate) body: Body,
    pub(crate) view: View,
    pub(crate) wish: Wish,
    pub(crate) gait: Gait,
}

/// Why an image cannot be used: the fault of whoever stored it, or of the configuration it is restored under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ImageError {
    /// Shorter than it says.
    #[error("the world image is cut short")]
    Truncated,
    /// Longer than it says.
    #[error("{0} bytes after the world image")]
    Trailing(usize),
    /// Written by a newer server, or not an image at all.
    #[error("world image version {0} is unknown here; the newest known is 4")]
    Version(u16),
    /// Made on another map.
    #[error("the world image was made on another map")]
    Map,
    /// It names skills, effects or items that there are none of here.
    #[error("the world image was made with other content")]
    Content,
    /// It holds what no extension of this server can read.
    #[error("the world image was made with other extensions")]
    Extension,
    /// Its clock has come too far to be gone on with.
    #[error("the clock of the world image has run for too long, {} ticks: the world begins anew", .0.0)]
    Age(Tick),
    /// More ids than this configuration allows.
    #[error("the world image has {rows} ids, the configuration allows {entities_max}")]
    Size {
        /// Ids of the image.
        rows: u32,
        /// As configured.
        entities_max: usize,
    },
    /// An id is out of range, out of order or used twice.
    #[error("entity {} of the world image is out of order or used twice", .0.0)]
    Id(NetId),
    /// A thing of a kind that this server does not know, or that is no thing.
    #[error("the world image has a thing of kind {0}")]
    Kind(u8),
    /// A body stands in a block or outside, or moves faster than any body can.
    #[error("entity {} of the world image is where or as nobody can be", .0.0)]
    Body(NetId),
}

impl From<Truncated> for ImageError {
    fn from(_: Truncated) -> Self {
        Self::Truncated
    }
}

impl WorldImage {
    /// The tick at which it was made.
    #[must_use]
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// Appends the image to `bytes`: u16 version, u64 map hash, u32 tick, u32 ids, u32 count and the free ids, u32 count
    /// and the players, u32 count and the things, u32 count and the ids of bosses, and
    /// what the rooms keep; all little-endian.
    pub fn to_bytes(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.map_hash.to_le_bytes());
        bytes.extend_from_slice(&self.tick.0.to_le_bytes());
        bytes.extend_from_slice(&self.rows.to_le_bytes());
        bytes.extend_from_slice(&(self.recycled.len() as u32).to_le_bytes());
        for id in &self.recycled {
            bytes.extend_from_slice(&id.0.to_le_bytes());
        }
        bytes.extend_from_slice(&(self.players.len() as u32).to_le_bytes());
        for player in &self.players {
            player.to_bytes(bytes);
        }
        bytes.extend_from_slice(&(self.things.len() as u32).to_le_bytes());
        for thing in &self.things {
            thing.to_bytes(bytes);
        }
        bytes.extend_from_slice(&(self.bosses.len() as u32).to_le_bytes());
        for id in &self.bosses {
            bytes.extend_from_slice(&id.0.to_le_bytes());
        }
        stored::write(&self.rooms, bytes);
    }

    /// Reads an image from all of `bytes`. Whether it makes sense is found out by [`crate::Game::restore`].
    ///
    /// # Errors
    /// [`ImageError`] for anything but exactly one image of a known version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ImageError> {
        let mut cursor = Cursor(bytes);
        let version = cursor.u16()?;
        if version != VERSION {
            return Err(ImageError::Version(version));
        }
        let map_hash = cursor.u64()?;
        let tick = Tick(cursor.u32()?);
        let rows = cursor.u32()?;
        let recycled = list(&mut cursor, rows, |cursor| cursor.u16().map(NetId))?;
        let players = list(&mut cursor, rows, PlayerImage::take)?;
        let things = list(&mut cursor, rows, ThingImage::take)?;
        let bosses = list(&mut cursor, BOSSES_MAX as u32, |cursor| cursor.u16().map(NetId))?;
        let (rooms, used): (RoomsImage, usize) = stored::take(cursor.0).ok_or(ImageError::Truncated)?;
        match cursor.left().saturating_sub(used) {
            0 => Ok(Self { map_hash, tick, rows, recycled, players, things, bosses, rooms }),
            left => Err(ImageError::Trailing(left)),
        }
    }

    /// Whether a game on `map` may begin with this image.
    pub(crate) fn check(&self, map: &StaticMap, content: &Content, entities_max: usize) -> Result<(), ImageError> {
        if self.map_hash != map.hash() {
            return Err(ImageError::Map);
        }
        if !self.rooms.is_possible(content) {
            return Err(ImageError::Content);
        }
        if self.rows as usize > entities_max.min(ENTITIES_MAX) {
            return Err(ImageError::Size { rows: self.rows, entities_max });
        }
        let mut is_used = vec![false; self.rows as usize];
        let live = self.players.iter().map(|player| player.id).chain(self.things.iter().map(|thing| thing.id));
        for id in self.recycled.iter().copied().chain(live).chain(self.rooms.claimed()) {
            match is_used.get_mut(id.row()) {
                Some(used) if !*used => *used = true,
                _ => return Err(ImageError::Id(id)),
            }
        }
        let mut previous = None;
        for player in &self.players {
            if previous >= Some(player.id) {
                return Err(ImageError::Id(player.id));
            }
            if !player.is_possible(map) {
                return Err(ImageError::Body(player.id));
            }
            previous = Some(player.id);
        }
        if let Some(pair) = self.things.windows(2).find(|pair| pair.first().map(|a| a.id) >= pair.last().map(|b| b.id))
        {
            return Err(ImageError::Id(pair.last().map_or(NetId(0), |thing| thing.id)));
        }
        let is_live = |id: &NetId| {
            self.players.iter().any(|player| player.id == *id) || self.things.iter().any(|thing| thing.id == *id)
        };
        if let Some(stranger) = self.bosses.iter().find(|id| !is_live(id)) {
            return Err(ImageError::Id(*stranger));
        }
        let impossible = self.things.iter().find(|thing| !thing.thing.is_possible(&thing.body, map));
        impossible.map_or(Ok(()), |thing| Err(ImageError::Body(thing.id)))
    }
}

/// A counted list. The count comes from the bytes: it is believed up to `rows` and never allocated ahead.
fn list<'a, T, E>(
    cursor: &mut Cursor<'a>,
    rows: u32,
    take: impl Fn(&mut Cursor<'a>) -> Result<T, E>,
) -> Result<Vec<T>, ImageError>
where
    ImageError: From<E>,
{
    let len = cursor.u32()?;
    if len > rows {
        return Err(ImageError::Size { rows: len, entities_max: rows as usize });
    }
    let mut values = Vec::new();
    for _ in 0..len {
        values.push(take(cursor)?);
    }
    Ok(values)
}

impl PlayerImage {
    fn to_bytes(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.id.0.to_le_bytes());
        bytes.extend_from_slice(&self.character.0.to_le_bytes());
        let Body { x, y, z, vx, vy, vz } = self.body;
        for length in [x, y, z, vx, vy, vz] {
            bytes.extend_from_slice(&length.to_le_bytes());
        }
        let Wish { input, is_fresh } = self.wish;
        for angle in [self.view.yaw, self.view.pitch, input.yaw, input.pitch] {
            bytes.extend_from_slice(&angle.to_le_bytes());
        }
        bytes.extend_from_slice(&[input.move_x as u8, input.move_y as u8, input.buttons, u8::from(is_fresh)]);
        bytes.extend_from_slice(&[self.gait.speed, u8::from(self.gait.can_jump)]);
    }

    fn take(cursor: &mut Cursor<'_>) -> Result<Self, Truncated> {
        let id = NetId(cursor.u16()?);
        let character = CharacterId(cursor.u64()?);
        let (x, y, z) = (cursor.i32()?, cursor.i32()?, cursor.i32()?);
        let (vx, vy, vz) = (cursor.i32()?, cursor.i32()?, cursor.i32()?);
        let view = View { yaw: cursor.u16()?, pitch: cursor.u16()? };
        let (yaw, pitch) = (cursor.u16()?, cursor.u16()?);
        let (move_x, move_y, buttons) = (cursor.u8()? as i8, cursor.u8()? as i8, cursor.u8()?);
        let wish = Wish { input: Input { move_x, move_y, yaw, pitch, buttons }, is_fresh: cursor.u8()? != 0 };
        let gait = Gait { speed: cursor.u8()?, can_jump: cursor.u8()? != 0 };
        Ok(Self { id, character, body: Body { x, y, z, vx, vy, vz }, view, wish, gait })
    }

    fn is_possible(&self, map: &StaticMap) -> bool {
        let Body { x, y, z, vx, vy, vz } = self.body;
        let (width, depth) = map.extent();
        // The extent is tested first: the map computes with the coordinates and must not overflow.
        let is_inside = (0..=width).contains(&x) && (0..=depth).contains(&y) && (0..=Z_MAX).contains(&z);
        let is_slow = vx.unsigned_abs().max(vy.unsigned_abs()) <= PLAYER_SPEED_MAX.unsigned_abs();
        is_inside
            && is_slow
            && vz.unsigned_abs() <= FALL_SPEED_MAX.unsigned_abs()
            && self.view.yaw < ANGLE_STEPS
            && self.view.pitch < ANGLE_STEPS
            && self.gait.speed <= GAIT_SPEED_MAX
            && map.is_free(x, y, z, BODY_RADIUS)
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::expect_used, clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::thing::{MOB_SPEED_MAX, Thing};
    use proptest::prelude::*;
    use protocol::EntityKind;
    use protocol::orientation::ONE;

    fn map() -> StaticMap {
        StaticMap::new(100, 100, &[]).unwrap()
    }

    fn player(id: u16) -> PlayerImage {
        let place = 50 * SUBUNITS_PER_M;
        PlayerImage {
            id: NetId(id),
            character: CharacterId(7),
            body: Body { x: place, y: place, vx: -5, ..Body::default() },
            view: View::new(9, 10),
            wish: Wish::fresh(Input { move_x: -3, move_y: 4, yaw: 1, pitch: 2, buttons: 1 }),
            gait: Gait { speed: 130, can_jump: false },
        }
    }

    fn thing(id: u16, thing: Thing) -> ThingImage {
        let vx = if thing.kind() == EntityKind::Mob { -MOB_SPEED_MAX } else { 300_000 };
        ThingImage { id: NetId(id), body: Body { vx, vy: 0, ..player(id).body }, thing }
    }

    /// Ids 1 and 3 are players', 0 and 4 free, 2 waits, and there is a thing of each kind behind them.
    fn image() -> WorldImage {
        let players = vec![player(1), player(3)];
        let things = vec![
            thing(5, Thing::Mob { yaw: 1, pitch: 4_095 }),
            thing(6, Thing::Projectile { yaw: 2, pitch: 3, ticks_left: 70_000 }),
            thing(7, Thing::Item { yaw: 4, form: 65_535 }),
            thing(8, Thing::Body { turn: [0, 0, -ONE, 0], spin: [-5, 6, 7] }),
        ];
        WorldImage {
            map_hash: map().hash(),
            tick: Tick(77),
            rows: 9,
            recycled: vec![NetId(4), NetId(0)],
            players,
            things,
            bosses: vec![NetId(3), NetId(5)],
            rooms: RoomsImage::default(),
        }
    }

    #[test]
    fn bytes_read_back_and_every_truncation_is_an_error() {
        let mut bytes = Vec::new();
        image().to_bytes(&mut bytes);
        assert_eq!(WorldImage::from_bytes(&bytes), Ok(image()));
        for len in 0..bytes.len() {
            assert_eq!(WorldImage::from_bytes(&bytes[..len]), Err(ImageError::Truncated), "{len} bytes");
        }
        bytes.push(0);
        assert_eq!(WorldImage::from_bytes(&bytes), Err(ImageError::Trailing(1)));
        bytes[0] = 9;
        assert_eq!(WorldImage::from_bytes(&bytes), Err(ImageError::Version(9)));
    }

    #[test]
    fn a_sound_image_passes_and_each_contradiction_is_named() {
        let check = |change: fn(&mut WorldImage)| {
            let mut image = image();
            change(&mut image);
            image.check(&map(), &Content::default(), 9)
        };
        assert_eq!(check(|_| ()), Ok(()));
        assert_eq!(check(|image| image.map_hash ^= 1), Err(ImageError::Map));
        assert_eq!(check(|image| image.rows = 10), Err(ImageError::Size { rows: 10, entities_max: 9 }));
        assert_eq!(check(|image| image.recycled.push(NetId(3))), Err(ImageError::Id(NetId(3))));
        assert_eq!(check(|image| image.recycled.push(NetId(9))), Err(ImageError::Id(NetId(9))));
        assert_eq!(check(|image| image.players.swap(0, 1)), Err(ImageError::Id(NetId(1))));
        assert_eq!(check(|image| image.players[0].body.x = i32::MAX), Err(ImageError::Body(NetId(1))));
        assert_eq!(check(|image| image.players[1].body.x = 0), Err(ImageError::Body(NetId(3))));
        assert_eq!(check(|image| image.players[1].body.vy = i32::MIN), Err(ImageError::Body(NetId(3))));
        assert_eq!(check(|image| image.things[0].id = NetId(1)), Err(ImageError::Id(NetId(1))));
        assert_eq!(check(|image| image.bosses[0] = NetId(2)), Err(ImageError::Id(NetId(2))));
        assert_eq!(check(|image| image.things.swap(2, 3)), Err(ImageError::Id(NetId(7))));
        let check_thing = |row: usize, id: u16, thing: Thing| {
            let mut image = image();
            image.things[row].thing = thing;
            assert_eq!(image.check(&map(), &Content::default(), 9), Err(ImageError::Body(NetId(id))), "{thing:?}");
        };
        check_thing(0, 5, Thing::Mob { yaw: 4_096, pitch: 0 });
        check_thing(1, 6, Thing::Projectile { yaw: 0, pitch: 0, ticks_left: 0 });
        check_thing(2, 7, Thing::Item { yaw: 65_535, form: 0 });
        check_thing(3, 8, Thing::Body { turn: [0, 0, ONE / 2, 0], spin: [0; 3] });
        check_thing(3, 8, Thing::Body { turn: [0, 0, ONE, 0], spin: [0, 0, i32::MIN] });
        assert_eq!(check(|image| image.things[0].body.vx -= 1), Err(ImageError::Body(NetId(5))));
        assert_eq!(check(|image| image.things[3].body.vz = i32::MIN), Err(ImageError::Body(NetId(8))));
        assert_eq!(check(|image| image.players[1].view.yaw = 4_096), Err(ImageError::Body(NetId(3))));
        assert_eq!(check(|image| image.players[1].gait.speed = 201), Err(ImageError::Body(NetId(3))));
        assert_eq!(check(|image| image.players[1].body.vx = PLAYER_SPEED_MAX + 1), Err(ImageError::Body(NetId(3))));
    }

    proptest! {
        #[test]
        fn damaged_bytes_never_panic(at in 0_usize..320, with in any::<u8>()) {
            let mut bytes = Vec::new();
            image().to_bytes(&mut bytes);
            let index = at % bytes.len();
            bytes[index] = with;
            if let Ok(image) = WorldImage::from_bytes(&bytes) {
                let _ = image.check(&map(), &Content::default(), 9);
            }
        }
    }
}
