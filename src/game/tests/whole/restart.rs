//! The process dies, and another begins with the last image of the world and what the disk has.

use crate::crowd::{self, Crowd};
use game::{Drop, Extensions, Game, ImageError, Survey, WorldImage};
use protocol::motion::Body;
use protocol::state::HEALTH_SHARE_FULL;
use protocol::unit::SUBUNITS_PER_M;
use protocol::{EntityKind, ItemKind, NetId};

/// An image as it comes from a disk.
fn from_disk(image: &WorldImage) -> WorldImage {
    let mut bytes = Vec::new();
    image.to_bytes(&mut bytes);
    WorldImage::from_bytes(&bytes).unwrap()
}

/// Every mob: where it is, how it moves, and how much of its health is left.
fn mobs(game: &Game) -> Vec<(NetId, Body, u8)> {
    let (replicas, now) = (game.replicas(), game.now());
    let mobs = replicas.live().iter().filter(|&&id| replicas.kind(id) == EntityKind::Mob);
    mobs.map(|&id| (id, *game.body(id).unwrap(), replicas.state_at(id, now).unwrap().health_share())).collect()
}

#[test]
fn after_a_crash_mobs_are_where_they_were_saved_and_the_ground_is_the_disks() {
    for seed in 1..=4 {
        let mut crowd = Crowd::new(seed);
        let (mut hurt, mut changed) = (0, 0);
        for _ in 0..4 {
            crowd.run(600);
            let (image, saved, ground) = (crowd.game.save_vacant(), mobs(&crowd.game), crowd.game.ground());
            crowd.run(400);
            crowd.crash(&from_disk(&image));
            assert_eq!(mobs(&crowd.game), saved, "seed {seed}");
            assert_eq!(crowd.game.now(), image.tick());
            assert!(crowd::characters().all(|character| crowd.game.id_of(character).is_none()));
            assert_eq!(crowd.game.under_way().count(), 0);
            crowd.compare();
            hurt += saved.iter().filter(|(_, _, health)| *health < HEALTH_SHARE_FULL).count();
            changed += usize::from(crowd.game.ground() != ground);
        }
        assert!(hurt >= 5 && changed > 1, "seed {seed}: {hurt} hurt, {changed} times the ground had changed");
        crowd.run(600);
        crowd.finish();
    }
}

#[test]
fn what_has_not_changed_on_the_ground_keeps_its_id() {
    let mut crowd = Crowd::new(5);
    crowd.run(600);
    crowd.all_leave();
    for nth in 0..10 {
        let place = ((100 + nth) * SUBUNITS_PER_M, 100 * SUBUNITS_PER_M, 0);
        let items = vec![(ItemKind(1), 1)];
        crowd.game.leave(Drop { place, coins: 5, items, owners: Default::default() });
    }
    crowd.finish();
    let ground = crowd.game.ground();
    assert!(ground.len() >= 10, "{} things lie about", ground.len());
    let image = crowd.game.save_vacant();
    crowd.crash(&from_disk(&image));
    assert_eq!(crowd.game.ground(), ground);
}

/// One world that everybody leaves, and another that is restored from what was saved when all were there.
fn left_and_restored(seed: u64) -> (Game, Game) {
    let mut crowd = Crowd::new(seed);
    crowd.run(1_500);
    crowd.finish();
    let image = crowd.game.save_vacant();
    let restored = crowd.restored(&from_disk(&image));
    crowd.all_leave();
    (crowd.game, restored)
}

fn bytes(game: &Game) -> Vec<u8> {
    let mut bytes = Vec::new();
    game.save_vacant().to_bytes(&mut bytes);
    bytes
}

#[test]
fn a_world_that_is_restored_goes_on_as_the_one_that_everybody_has_left() {
    for seed in 1..=4 {
        let (mut left, mut restored) = left_and_restored(seed);
        assert!(left.retired().count() > 10, "they were many");
        let mut ticks = 0;
        while left.take_transactions().is_empty() && restored.take_transactions().is_empty() && ticks < 600 {
            for game in [&mut left, &mut restored] {
                game.tick();
                let retired: Vec<NetId> = game.retired().collect();
                retired.into_iter().for_each(|id| game.recycle(id));
            }
            assert_eq!(bytes(&left), bytes(&restored), "seed {seed}, {ticks} ticks later");
            ticks += 1;
        }
        assert!(ticks > 60, "seed {seed}: only {ticks} ticks");
    }
}

/// Some are looked at, and then all go on; who dies or comes meanwhile may be in the image or not, and nothing else.
#[test]
fn an_image_that_takes_several_ticks_is_one_that_a_world_can_begin_with() {
    let mut crowd = Crowd::new(8);
    for _ in 0..12 {
        crowd.run(100);
        let (mut survey, mut ticks) = (Survey::default(), 0);
        let image = loop {
            match crowd.game.survey(&mut survey, 7) {
                Some(image) => break image,
                None => crowd.run(5),
            }
            ticks += 5;
        };
        assert!(ticks > 30, "{ticks}");
        let saved = mobs(&crowd.restored(&from_disk(&image)));
        let now = mobs(&crowd.game);
        assert!(saved.iter().all(|(id, ..)| now.iter().any(|(other, ..)| id == other)), "all of them are still there");
        assert!(saved.len() + 10 > now.len(), "{} of {}", saved.len(), now.len());
        crowd.crash(&from_disk(&image));
        crowd.compare();
    }
    crowd.run(1_200);
    crowd.finish();
}

#[test]
fn an_image_with_people_in_it_is_as_good() {
    let mut crowd = Crowd::new(6);
    crowd.run(1_000);
    let (whole, vacant) = (from_disk(&crowd.game.save()), from_disk(&crowd.game.save_vacant()));
    let (one, other) = (crowd.restored(&whole), crowd.restored(&vacant));
    assert_eq!(bytes(&one), bytes(&other));
    assert_ne!(whole, vacant);
}

#[test]
fn an_image_of_another_map_or_of_other_content_is_refused() {
    let mut crowd = Crowd::new(7);
    crowd.run(600);
    let image = crowd.game.save_vacant();
    let restored = |config| Game::restore_vacant(config, &Extensions::none(), &image, &[]).err();
    let config = crowd.config();
    let map = std::sync::Arc::new(protocol::motion::StaticMap::new(241, 240, &[]).unwrap());
    assert_eq!(restored(game::GameConfig { map, ..config.clone() }), Some(ImageError::Map));
    let content = std::sync::Arc::default();
    assert_eq!(restored(game::GameConfig { content, ..config.clone() }), Some(ImageError::Content));
    let size = restored(game::GameConfig { entities_max: 50, ..config.clone() });
    assert!(matches!(size, Some(ImageError::Size { .. })), "{size:?}");
    assert_eq!(restored(config), None);
}
