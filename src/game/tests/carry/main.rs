//! Nothing is ever made or lost: players do everything at once that can be done with belongings, the disk is slow, refuses
//! and crashes, and at every step the game has exactly what the disk has told it of.

mod disk;
mod goods;
mod play;

use disk::Disk;
use game::{Entry, Way};
use play::{Draws, Play};
use std::collections::BTreeMap;

/// Steps of one run; a run takes a second or two.
const STEPS: u32 = 3_000;

#[test]
fn whatever_players_do_and_whatever_becomes_of_the_disk_nothing_is_made_or_lost() {
    let mut done = [0; play::SORTS.len()];
    let (mut crashes, mut refused, mut traded, mut died) = (0, 0, 0, 0);
    let mut ways: BTreeMap<Way, u32> = BTreeMap::new();
    for seed in 1..=8 {
        let mut play = Play::new(seed);
        (0..STEPS).for_each(|_| play.step());
        play.finish();
        done.iter_mut().zip(play.done).for_each(|(sum, more)| *sum += more);
        crashes += play.crashes;
        refused += play.disk.refused;
        traded += play.traded;
        died += play.died;
        for entry in play.disk.log.iter().flat_map(|transaction| &transaction.entries) {
            if let Entry::Made { way, .. } | Entry::Minted { way, .. } | Entry::Coins { way, .. } = entry {
                *ways.entry(*way).or_default() += 1;
            }
        }
    }
    for (sort, times) in play::SORTS.into_iter().zip(done) {
        assert!(times >= 20, "{sort} was done {times} times only");
    }
    let all = [Way::Kit, Way::Loot, Way::Bought, Way::Sold, Way::Used, Way::Expired, Way::Mended, Way::Handed];
    assert!(all.iter().all(|way| ways.contains_key(way)), "{ways:?}");
    assert!(traded >= 20 && died >= 20, "{traded} sides of trades, {died} deaths");
    assert!(crashes >= 20 && refused >= 100, "{crashes} crashes, {refused} refusals");
}

#[test]
fn the_same_run_ends_in_the_same_world() {
    let run = || {
        let mut play = Play::new(99);
        (0..1_000).for_each(|_| play.step());
        (play.game.hash(), play.disk.log.len())
    };
    assert_eq!(run(), run());
}

#[test]
fn a_world_made_anew_again_and_again_goes_the_same_way() {
    let run = |restless: Option<Draws>| {
        let is_restless = restless.is_some();
        let mut play = Play::new(17);
        (play.is_crash_proof, play.restless) = (true, restless);
        (0..1_500).for_each(|_| play.step());
        assert_eq!(play.restored >= 20, is_restless, "{} times", play.restored);
        (play.game.hash(), play.disk.tables)
    };
    assert_eq!(run(None), run(Some(Draws(3))));
}

#[test]
fn in_a_world_without_room_nothing_is_lost_either() {
    let mut play = Play::new(5);
    play.entities_max = 12;
    play.is_crash_proof = true;
    play.restart_fresh();
    (0..STEPS).for_each(|_| play.step());
    play.finish();
    assert!(play.world_full > 0, "a drop found no room");
    assert!(play.game.left_out() > 0, "loot found no room");
}

#[test]
fn the_model_disk_notices_what_is_doubled() {
    let doubled = std::panic::catch_unwind(|| {
        let mut disk = Disk::default();
        let transaction = goods::found(1, 5);
        disk.apply(&transaction);
        disk.apply(&transaction);
    });
    assert!(doubled.is_err());
}
