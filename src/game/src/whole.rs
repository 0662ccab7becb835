//! The whole world at once: as a value, as a number, and again.

use crate::extension::{Extensions, SavedParts};
use crate::growth::Estate;
use crate::image::{ImageError, PlayerImage, WorldImage};
use crate::movement::Mobile;
use crate::player::{Avatar, View, Wish};
use crate::rooms::RoomsImage;
use crate::roster::Roster;
use crate::thing::{Thing, ThingImage};
use crate::{Clock, Game, GameConfig, movement, replica, spatial};
use protocol::{ClassId, NetId};

impl Game {
    /// Stands for everything that decides the future of this world: equal hashes, equal futures. It is taken over the
    /// bytes of [`Game::save`], so nothing can be saved and not hashed or the reverse. Allocates.
    #[must_use]
    pub fn hash(&self) -> u64 {
        let mut bytes = Vec::new();
        self.save().to_bytes(&mut bytes);
        xxhash_rust::xxh3::xxh3_64(&bytes)
    }

    /// The whole world as a value.
    #[must_use]
    pub fn save(&self) -> WorldImage {
        let live = self.roster().live();
        let players = live.iter().filter_map(|&id| self.player_image(id)).collect();
        let mut bosses = self.bonds().bosses().to_vec();
        bosses.sort_unstable();
        let things = live.iter().filter_map(|&id| self.thing_image(id)).collect();
        self.image_of(players, things, bosses, RoomsImage::of(&self.world))
    }

    /// An image of these players and things, and of what the rooms keep.
    pub(crate) fn image_of(
        &self,
        players: Vec<PlayerImage>,
        things: Vec<ThingImage>,
        bosses: Vec<NetId>,
        rooms: RoomsImage,
    ) -> WorldImage {
        let roster = self.roster();
        WorldImage {
            map_hash: self.map.hash(),
            tick: self.now(),
            rows: roster.rows() as u32,
            recycled: roster.recycled().collect(),
            players,
            things,
            bosses,
            rooms,
        }
    }

    /// The world of `image` again. It continues exactly as the saved one would have, given the same seed; past states
    /// are not part of it, so [`Replicas::state_at`] begins at the saved tick.
    ///
    /// # Errors
    /// [`ImageError`] when the image was made on another map, does not fit `entities_max` or contradicts itself.
    pub fn restore(config: GameConfig, image: &WorldImage) -> Result<Self, ImageError> {
        Self::restore_extended(config, &Extensions::none(), image)
    }

    /// The same of a world with extensions: those that the saved one had, or more.
    ///
    /// # Errors
    /// As there; [`ImageError::Extension`] if it holds what none of them can read.
    pub fn restore_extended(
        config: GameConfig,
        extensions: &Extensions,
        image: &WorldImage,
    ) -> Result<Self, ImageError> {
        Self::restore_as(config, extensions, image, true)
    }

    /// After a restart some of what was under way is over.
    pub(crate) fn restore_as(
        config: GameConfig,
        extensions: &Extensions,
        image: &WorldImage,
        is_restart: bool,
    ) -> Result<Self, ImageError> {
        image.check(&config.map, &config.content, config.entities_max)?;
        let mut game = Self::extended(config, extensions);
        game.world.resource_mut::<Clock>().now = image.tick;
        game.world.resource_mut::<Roster>().restore(image.rows as usize, &image.recycled);
        for player in &image.players {
            game.world.resource_mut::<Roster>().reclaim(player.id);
            game.insert_player(player, &Estate::newborn(ClassId(0), 0));
        }
        for thing in &image.things {
            game.world.resource_mut::<Roster>().reclaim(thing.id);
            game.insert_thing(thing);
        }
        for &boss in &image.bosses {
            game.set_boss(boss, true);
        }
        image.rooms.restore(&mut game.world, is_restart);
        if !SavedParts::restore(&mut game.world, &image.rooms.extensions) {
            return Err(ImageError::Extension);
        }
        spatial::refresh_now(&mut game.world);
        replica::publish_now(&mut game.world);
        Ok(game)
    }

    fn player_image(&self, id: NetId) -> Option<PlayerImage> {
        let entity = self.entity(id)?;
        Some(PlayerImage {
            id,
            character: self.world.get::<Avatar>(entity)?.character,
            body: self.world.get::<Mobile>(entity)?.0,
            view: *self.world.get::<View>(entity)?,
            wish: *self.world.get::<Wish>(entity)?,
            gait: self.world.get::<movement::Gait>(entity)?.0,
        })
    }

    pub(crate) fn thing_image(&self, id: NetId) -> Option<ThingImage> {
        let entity = self.entity(id)?;
        let thing = *self.world.get::<Thing>(entity)?;
        Some(ThingImage { id, body: self.world.get::<Mobile>(entity)?.0, thing })
    }
}
