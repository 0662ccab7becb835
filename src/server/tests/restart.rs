//! The process ends, and another begins with what the journal has: the world goes on.

mod rig;

use game::content::{Circle, Content, Places, SpawnArea, shipped};
use game::{Books, Drop, Game, GroundRecord, WorldImage};
use netem::LinkConfig;
use protocol::motion::Body;
use protocol::unit::SUBUNITS_PER_M;
use protocol::{EntityKind, ItemKind, NetId};
use rig::Rig;
use rudp::time::NS_PER_S;
use server::{Origin, RealmConfig, SavedWorld};
use std::sync::Arc;

/// The shipped content, its mobs where people come into the world, saved every two seconds.
fn configured(config: &mut RealmConfig) {
    config.content = content();
    config.world_interval_ns = 2 * NS_PER_S;
}

fn content() -> Arc<Content> {
    let mut content: Content = shipped("meadow").clone();
    let middle = Circle { x: 500 * SUBUNITS_PER_M, y: 500 * SUBUNITS_PER_M, radius: 40 * SUBUNITS_PER_M };
    let spawn = |mob| SpawnArea { mob, count: 3, area: middle, respawn_ticks: 600 };
    let spawns = content.mobs.iter().map(|kind| spawn(kind.id)).collect();
    content.places = Places { spawns, ..Places::default() };
    Arc::new(content)
}

/// A server that has run for ten seconds with three people in it.
fn lived_in() -> Rig {
    let mut rig = Rig::new(LinkConfig::with_latency_ns(20_000_000), configured);
    for number in 1..=3 {
        rig.join(number);
    }
    rig.run_until_joined(300);
    for nth in 0..5 {
        let place = ((300 + nth) * SUBUNITS_PER_M, 300 * SUBUNITS_PER_M, 0);
        let drop = Drop { place, coins: 7, items: vec![(ItemKind(1), 1)], owners: Default::default() };
        rig.realm.leave(drop);
    }
    rig.run_ticks(600);
    rig
}

fn mobs(game: &Game) -> Vec<(NetId, Body, u8)> {
    let (replicas, now) = (game.replicas(), game.now());
    let mobs = replicas.live().iter().filter(|&&id| replicas.kind(id) == EntityKind::Mob);
    mobs.map(|&id| (id, *game.body(id).unwrap(), replicas.state_at(id, now).unwrap().health_share())).collect()
}

/// What lies on the ground of these books.
fn ground(books: &Books) -> Vec<GroundRecord> {
    let heap = |(&heap, of): (_, &game::Heap)| GroundRecord::Coins { heap, coins: of.coins, place: of.place };
    books.ground.values().map(|record| GroundRecord::Item(*record)).chain(books.heaps.iter().map(heap)).collect()
}

fn sorted(mut ground: Vec<GroundRecord>) -> Vec<GroundRecord> {
    ground.sort_unstable_by_key(GroundRecord::name);
    ground
}

/// The next process, with this saved world and all else of the disk of the last one.
fn next(last: Rig, world: Option<SavedWorld>) -> Rig {
    let mut next = Rig::new(LinkConfig::with_latency_ns(20_000_000), |config| {
        configured(config);
        config.incarnation = 2;
        config.ground = ground(&last.books).into();
        config.journal_seq = last.seq;
        config.world = world.map(Arc::new);
    });
    (next.books, next.journal, next.seq) = (last.books, last.journal, last.seq);
    next
}

#[test]
fn mobs_are_where_they_were_and_clocks_go_on() {
    let mut rig = lived_in();
    let saved = rig.world.take().expect("ten seconds are longer than two");
    while rig.world.is_none() {
        rig.run_ticks(1);
    }
    let newer = rig.world.clone().unwrap();
    let (tick, upto) = (WorldImage::from_bytes(&newer.bytes).unwrap().tick(), newer.upto);
    assert!(tick > WorldImage::from_bytes(&saved.bytes).unwrap().tick() && upto == rig.seq && upto > 0);
    assert_eq!(tick, rig.realm.game().now(), "the rig's disk answers at once");
    let before = mobs(rig.realm.game());
    let mut next = next(rig, Some(newer));
    assert_eq!(next.realm.origin(), &Origin::Saved { tick, upto });
    assert_eq!(next.realm.game().now(), tick);
    let after = mobs(next.realm.game());
    assert!(before.len() > 20, "{} mobs", before.len());
    assert_eq!(before, after, "so few are looked at in one tick");
    next.join(1);
    next.run_until_joined(300);
    next.run_ticks(120);
    assert!(next.realm.game().now().0 > tick.0 + 120);
    let told = |id: NetId| next.bots[0].updates.iter().any(|(_, of, _)| *of == id);
    assert!(after.iter().any(|(id, ..)| told(*id)), "whoever comes is told of them under their ids");
}

#[test]
fn the_ground_is_the_journals_however_old_the_saved_world_is() {
    let mut rig = lived_in();
    let saved = rig.world.clone();
    // All that lies there expires or is taken after the world was saved, and something else is laid down.
    for nth in 0..4 {
        let place = ((400 + nth) * SUBUNITS_PER_M, 300 * SUBUNITS_PER_M, 0);
        rig.realm.leave(Drop { place, coins: 9, items: vec![], owners: Default::default() });
    }
    rig.run_ticks(60);
    let there = sorted(ground(&rig.books));
    assert!(there.len() >= 9, "{there:?}");
    let next = next(rig, saved);
    assert!(matches!(next.realm.origin(), Origin::Saved { .. }), "{}", next.realm.origin());
    let lying = next.realm.game().ground().into_iter().map(|(_, record)| record).collect();
    assert_eq!(sorted(lying), there);
    assert_eq!(next.realm.status().ground_left_out, 0);
}

#[test]
fn a_world_that_cannot_be_used_is_called_so_in_one_sentence_and_another_begins() {
    let rig = lived_in();
    let whole = rig.world.clone().unwrap();
    let torn = SavedWorld { bytes: whole.bytes[..whole.bytes.len() / 2].to_vec(), ..whole.clone() };
    let mut newer = whole.clone();
    newer.bytes[0] = 99;
    let ahead = SavedWorld { upto: rig.seq + 1, ..whole };
    let mut last = rig;
    for (world, why) in [(torn, "cut short"), (newer, "version 99 is unknown"), (ahead, "it is an older one")] {
        let there = sorted(ground(&last.books));
        let mut next = next(last, Some(world));
        let Origin::Unusable(said) = next.realm.origin().clone() else { panic!("{why}: {}", next.realm.origin()) };
        assert!(said.contains(why) && said.lines().count() == 1, "{said}");
        assert_eq!(next.realm.game().now().0, 0);
        let lying = next.realm.game().ground().into_iter().map(|(_, record)| record).collect();
        assert_eq!(sorted(lying), there, "the ground is there all the same");
        next.join(2);
        next.run_until_joined(300);
        next.run_ticks(60);
        assert!(mobs(next.realm.game()).len() > 20);
        last = next;
    }
}

#[test]
fn at_the_end_the_world_is_saved_when_all_have_gone_and_all_of_theirs_is_saved() {
    let mut rig = lived_in();
    rig.commits_are_slow = true;
    rig.realm.leave(Drop { place: (0, 0, 0), coins: 1, items: vec![], owners: Default::default() });
    rig.run_ticks(2);
    rig.world = None;
    rig.realm.close();
    let now = rig.now;
    rig.bots.iter_mut().for_each(|bot| bot.client.disconnect(now));
    rig.run_ticks(90);
    assert!(!rig.realm.is_drained(), "a transaction is under way");
    rig.commits_are_slow = false;
    rig.run_ticks(2);
    assert!(rig.realm.is_drained());
    let saved = rig.world.clone().expect("it is saved");
    assert_eq!(saved.upto, rig.seq);
    let before = mobs(rig.realm.game());
    let next = next(rig, Some(saved));
    assert_eq!(mobs(next.realm.game()).len(), before.len());
}

#[test]
fn a_journal_that_does_not_take_the_world_holds_nobody_up() {
    let mut rig = Rig::new(LinkConfig::with_latency_ns(20_000_000), configured);
    rig.journal_is_full = true;
    rig.run_ticks(600);
    assert!(rig.realm.status().worlds_failed >= 4 && rig.realm.status().worlds_saved == 0);
    rig.realm.close();
    rig.run_ticks(3);
    assert!(rig.realm.is_drained());
}
