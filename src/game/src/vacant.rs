//! The world as it would be if everybody had just left it: what one process saves of it for the next.
//!
//! People have records of their own, and what lies on the ground has rows on the disk, newer than any image. So the next
//! process begins with an image of all that nobody plays, and lets the disk have the last word about the ground.

use crate::carry::{GroundRecord, Lying};
use crate::extension::Extensions;
use crate::fight::Departed;
use crate::image::{ImageError, WorldImage};
use crate::ledger::Ledger;
use crate::physics::Within;
use crate::player::Avatar;
use crate::rooms::RoomsImage;
use crate::roster::Roster;
use crate::thing::ThingImage;
use crate::{Game, GameConfig};
use bevy_ecs::prelude::Entity;
use protocol::unit::TICK_RATE_HZ;
use protocol::{ItemId, NetId, Tick};
use std::collections::BTreeMap;

/// A world that has run for longer begins anew: half of what its clock can count, 414 days. The other half is for the process
/// that begins.
const RUN_MAX: Tick = Tick(u32::MAX / 2);
const _: () = assert!(RUN_MAX.0 / TICK_RATE_HZ / 86_400 == 414);

/// An image in the making: it takes longer than a tick has, so some are looked at in each.
///
/// Each is saved as it was when it was looked at, and who has come or gone since then is not in it. So some may be where they
/// were half a second before others, which nobody can tell after a restart; whoever counts on more takes it at once
/// ([`Game::save_vacant`]).
#[derive(Debug, Default)]
pub struct Survey {
    /// The first id that has not been looked at.
    next: usize,
    /// Whom the image has, by ascending id.
    seen: Vec<(NetId, Entity)>,
    things: Vec<ThingImage>,
    rooms: RoomsImage,
}

impl Survey {
    /// The first id that has not been looked at.
    #[must_use]
    pub fn next(&self) -> usize {
        self.next
    }

    /// One that goes on from there, and has nothing of those before: for who replays what was done, and keeps no image.
    #[must_use]
    pub fn from(next: usize) -> Self {
        Self { next, ..Self::default() }
    }

    /// A list that grew would be copied as a whole within one tick. What is not used costs no memory, only addresses.
    fn make_room(&mut self, entities: usize) {
        self.seen.reserve(entities);
        self.things.reserve(entities);
        self.rooms.make_room(entities);
    }
}

impl Game {
    /// The world without its players. What is under way is not in it: the disk has it, or it has never been.
    #[must_use]
    pub fn save_vacant(&self) -> WorldImage {
        self.survey(&mut Survey::default(), usize::MAX).expect("it looks at all")
    }

    /// The same over several ticks: looks at so many ids more, and gives the image when it has seen all.
    pub fn survey(&self, survey: &mut Survey, ids_max: usize) -> Option<WorldImage> {
        let roster = self.roster();
        if survey.next == 0 {
            survey.make_room(roster.live().len());
        }
        let end = roster.rows().min(survey.next.saturating_add(ids_max));
        for row in survey.next..end {
            let id = NetId(row as u16);
            if let (Some(entity), Some(thing)) = (roster.entity(id), self.thing_image(id)) {
                survey.seen.push((id, entity));
                survey.things.push(thing);
                survey.rooms.see(&self.world, id, entity);
            }
        }
        survey.next = end;
        (end == roster.rows()).then(|| self.finish(std::mem::take(survey)))
    }

    fn finish(&self, survey: Survey) -> WorldImage {
        let Survey { seen, mut things, mut rooms, .. } = survey;
        let gone = seen.iter().filter(|(id, entity)| self.entity(*id) != Some(*entity)).map(|(id, _)| *id);
        let gone: Vec<NetId> = gone.collect();
        if !gone.is_empty() {
            things.retain(|thing| gone.binary_search(&thing.id).is_err());
            rooms.forget(&gone);
        }
        rooms.see_all(&self.world);
        let is_seen = |id: &NetId| things.binary_search_by_key(id, |thing| thing.id).is_ok();
        let mut bosses: Vec<NetId> = self.bonds().bosses().iter().copied().filter(is_seen).collect();
        bosses.sort_unstable();
        self.image_of(Vec::new(), things, bosses, rooms)
    }

    /// The world of `image` again, without the players and the transactions that may be in it, and with exactly what `ground`
    /// says on the ground; and how much of that could not be laid down, as [`Self::restore_ground`] counts it. What lay there
    /// in the image keeps its id and its time; nothing is anybody's alone any more.
    ///
    /// Ids of those who have gone are retired: [`Self::recycle`] them after the first tick, in which they are forgotten.
    ///
    /// # Errors
    /// [`ImageError`] when the image was made on another map or with other content, is too old, or contradicts itself.
    pub fn restore_vacant(
        config: GameConfig,
        extensions: &Extensions,
        image: &WorldImage,
        ground: &[GroundRecord],
    ) -> Result<(Self, usize), ImageError> {
        if image.tick() > RUN_MAX {
            return Err(ImageError::Age(image.tick()));
        }
        let mut game = Self::restore_extended(config, extensions, image)?;
        let places = game.world.resource_mut::<Ledger>().abandon();
        places.into_iter().for_each(|place| game.world.resource_mut::<Roster>().unclaim(place));
        let played: Vec<NetId> = game.roster().live().iter().copied().filter(|&id| game.is_played(id)).collect();
        played.into_iter().for_each(|id| game.despawn(id));
        let gone: Vec<NetId> = game.retired().collect();
        for &id in &gone {
            game.world.resource_mut::<Within>().forget(id);
        }
        game.world.resource_mut::<Departed>().0.extend(gone);
        let left_out = game.lay_exactly(ground);
        Ok((game, left_out))
    }

    fn is_played(&self, id: NetId) -> bool {
        self.entity(id).is_some_and(|entity| self.world.get::<Avatar>(entity).is_some())
    }

    /// Brings what lies on the ground to what the disk says.
    fn lay_exactly(&mut self, ground: &[GroundRecord]) -> usize {
        let known: BTreeMap<ItemId, GroundRecord> = ground.iter().map(|record| (record.name(), *record)).collect();
        let mut kept = Vec::new();
        for (id, before) in self.ground() {
            match known.get(&before.name()).filter(|now| now.is_at_the_place_of(&before)) {
                Some(&now) => {
                    self.still_lies(id, now);
                    kept.push(now.name());
                }
                None => self.despawn(id),
            }
        }
        kept.sort_unstable();
        let new = ground.iter().filter(|record| kept.binary_search(&record.name()).is_err());
        self.restore_ground(&new.copied().collect::<Vec<_>>())
    }

    fn still_lies(&mut self, id: NetId, record: GroundRecord) {
        let Some(entity) = self.entity(id) else { return };
        if let Some(mut lying) = self.world.get_mut::<Lying>(entity) {
            lying.record = record;
            lying.held = None;
            lying.owners.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Holder, ItemRecord};
    use protocol::motion::StaticMap;
    use protocol::unit::SUBUNITS_PER_M;
    use std::sync::Arc;

    fn config() -> GameConfig {
        let map = Arc::new(StaticMap::new(100, 100, &[]).unwrap());
        GameConfig { seed: 1, map, content: Arc::default(), incarnation: 1, entities_max: 9 }
    }

    fn restored(image: &WorldImage, ground: &[GroundRecord]) -> Result<(Game, usize), ImageError> {
        Game::restore_vacant(config(), &Extensions::none(), image, ground)
    }

    #[test]
    fn a_clock_that_has_run_for_years_is_not_gone_on_with() {
        let mut image = Game::new(config()).save_vacant();
        image.tick = RUN_MAX;
        assert_eq!(restored(&image, &[]).map(|(game, _)| game.now()), Ok(RUN_MAX));
        image.tick.0 += 1;
        assert_eq!(restored(&image, &[]).err(), Some(ImageError::Age(image.tick)));
    }

    #[test]
    fn heaps_have_the_coins_that_the_disk_says_and_go_where_it_says() {
        let heap = |number: u64, coins, x: i32| GroundRecord::Coins {
            heap: ItemId(number),
            coins,
            place: (x * SUBUNITS_PER_M, 50 * SUBUNITS_PER_M, 0),
        };
        let mut game = Game::new(config());
        assert_eq!(game.restore_ground(&[heap(1, 10, 20), heap(2, 10, 30), heap(3, 10, 40)]), 0);
        let ids = game.ground();
        let ground = [heap(1, 7, 20), heap(3, 10, 41), heap(4, 5, 60)];
        let (game, left_out) = restored(&game.save_vacant(), &ground).unwrap();
        let mut lying = game.ground();
        lying.sort_unstable_by_key(|(_, record)| record.name());
        assert_eq!((lying.iter().map(|(_, record)| *record).collect::<Vec<_>>(), left_out), (ground.to_vec(), 0));
        assert_eq!(lying[0].0, ids[0].0, "what only has fewer coins is the same thing");
        assert!(lying[1..].iter().all(|(id, _)| ids.iter().all(|(old, _)| old != id)), "ids of what is gone wait");
        assert_eq!(game.retired().count(), 2);
    }

    #[test]
    fn an_image_in_which_somebodys_item_lies_about_is_refused() {
        let mut game = Game::new(config());
        let coins =
            GroundRecord::Coins { heap: ItemId(1), coins: 1, place: (50 * SUBUNITS_PER_M, 50 * SUBUNITS_PER_M, 0) };
        assert_eq!(game.restore_ground(&[coins]), 0);
        let (id, _) = game.ground()[0];
        let entity = game.entity(id).unwrap();
        let holder = Holder::Character { character: protocol::CharacterId(1), slot: 0 };
        let record = ItemRecord { item: ItemId(1), kind: protocol::ItemKind(1), count: 1, durability: 0, holder };
        game.world.get_mut::<Lying>(entity).unwrap().record = GroundRecord::Item(record);
        assert_eq!(restored(&game.save_vacant(), &[]).err(), Some(ImageError::Content));
    }
}
