//! What people own, from the wire to the disk and back: over links, through slow disks, logouts and takeovers.

mod rig;

use client::ClientEvent;
use game::content::{Content, Outcome, shipped};
use netem::LinkConfig;
use protocol::message::{ClientMessage, ServerMessage};
use protocol::news::ItemRow;
use protocol::{CharacterId, Command, EntityKind, News, Refusal};
use rig::Rig;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The shipped content with nobody living anywhere, and people who stand still.
fn rig(players: u64) -> Rig {
    let mut content: Content = shipped("meadow").clone();
    content.places = game::content::Places::default();
    let link = LinkConfig { loss: 0.05, ..LinkConfig::with_latency_ns(25_000_000) };
    let mut rig = Rig::new(link, |config| config.content = Arc::new(content));
    for number in 1..=players {
        rig.join(number);
    }
    rig.run_until_joined(300);
    for index in 0..rig.bots.len() {
        rig.bots[index].wanders = false;
        rig.bots[index].input = protocol::Input::default();
        rig.place(index, 500.0 + index as f64 * 2.0, 500.0);
    }
    rig.run_ticks(60);
    rig
}

/// What a bot has been told that it has.
fn told(rig: &Rig, index: usize) -> BTreeMap<u8, ItemRow> {
    let mut items: BTreeMap<_, ItemRow> = BTreeMap::new();
    for event in &rig.bots[index].events {
        match event {
            ClientEvent::Message(ServerMessage::News(News::Item(row))) => drop(items.insert(row.item, *row)),
            ClientEvent::Message(ServerMessage::News(News::ItemGone { item })) => drop(items.remove(item)),
            _ => {}
        }
    }
    items.into_values().map(|row| (row.slot, row)).collect()
}

/// What the disk says that a character has.
fn on_disk(rig: &Rig, number: u64) -> BTreeMap<u8, ItemRow> {
    let estate = &rig.books.estates[&CharacterId(number)];
    estate.items.iter().map(|row| (row.slot, *row)).collect()
}

/// The numbers of the transactions that a bot was told to be on disk.
fn receipts(rig: &Rig, index: usize) -> Vec<u128> {
    let receipt = |event: &ClientEvent| match event {
        ClientEvent::Message(ServerMessage::News(News::Receipt { id })) => Some(*id),
        _ => None,
    };
    rig.bots[index].events.iter().filter_map(receipt).collect()
}

fn is_receipt(event: &ClientEvent) -> bool {
    matches!(event, ClientEvent::Message(ServerMessage::News(News::Receipt { .. })))
}

fn answers(rig: &Rig, index: usize) -> Vec<(u16, Result<(), Refusal>)> {
    rig.bots[index].done.clone()
}

/// proves: CMD-1, CMD-3
#[test]
fn a_newcomer_has_the_kit_of_its_class_is_told_of_it_and_finds_it_when_he_comes_again() {
    let mut rig = rig(1);
    let kit = on_disk(&rig, 1);
    assert!(kit.len() >= 5, "{kit:?}");
    assert_eq!(told(&rig, 0), kit);
    assert!(rig.books.is_in_balance());
    let now = rig.now;
    rig.bots[0].client.disconnect(now);
    rig.run_ticks(30);
    let again = rig.join(1);
    for _ in 0..300 {
        rig.run_ticks(1);
    }
    assert_eq!(told(&rig, again), kit, "and no second kit");
    assert_eq!(on_disk(&rig, 1), kit);
}

/// proves: CMD-1, CMD-8
#[test]
fn nobody_is_told_done_before_the_disk_has_it() {
    let mut rig = rig(1);
    let bread = *on_disk(&rig, 1).values().find(|row| row.count > 1).unwrap();
    let before = receipts(&rig, 0).len();
    rig.journal_is_slow = true;
    rig.bots[0].client.command(Command::Drop { item: bread.item, count: 1 }).unwrap();
    rig.bots[0].client.command(Command::Drop { item: bread.item, count: 1 }).unwrap();
    rig.run_ticks(120);
    assert_eq!(answers(&rig, 0), [(1, Err(Refusal::InUse))], "what is held is in use");
    assert!(told(&rig, 0)[&bread.slot].is_held);
    assert_eq!(receipts(&rig, 0).len(), before);
    assert!(rig.bots[0].client.entities().all(|(_, seen)| seen.kind != EntityKind::Item), "nothing lies there");
    rig.journal_is_slow = false;
    rig.run_ticks(60);
    assert_eq!(answers(&rig, 0)[1..], [(0, Ok(()))]);
    assert_eq!(receipts(&rig, 0).len(), before + 1, "of what was done, and not of what was refused");
    assert_eq!(told(&rig, 0)[&bread.slot], ItemRow { count: bread.count - 1, ..bread });
    assert_eq!(rig.bots[0].client.entities().filter(|(_, seen)| seen.kind == EntityKind::Item).count(), 1);
    assert_eq!(told(&rig, 0), on_disk(&rig, 1));
    assert!(rig.books.is_in_balance() && rig.books.ground.len() == 1);
}

/// proves: CMD-1, CMD-8
#[test]
fn what_one_lays_down_another_picks_up_once() {
    let mut rig = rig(3);
    let bread = *on_disk(&rig, 1).values().find(|row| row.count > 1).unwrap();
    rig.bots.iter_mut().for_each(|bot| bot.events.retain(|event| !is_receipt(event)));
    rig.bots[0].client.command(Command::Drop { item: bread.item, count: bread.count }).unwrap();
    rig.run_ticks(60);
    let is_item = |seen: &client::Seen| seen.kind == EntityKind::Item;
    let (lies, _) = rig.bots[1].client.entities().find(|(_, seen)| is_item(seen)).unwrap();
    for index in [1, 2] {
        rig.bots[index].client.command(Command::PickUp { entity: lies }).unwrap();
    }
    rig.run_ticks(90);
    let results: Vec<_> = [1, 2].map(|index| answers(&rig, index)[0].1).into_iter().filter(Result::is_ok).collect();
    assert_eq!(results.len(), 1, "one of the two has it");
    let mut numbers: Vec<u128> = (0..3).flat_map(|index| receipts(&rig, index)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 2, "one for laying it down, another for taking it, and none for who came too late");
    for number in 1..=3 {
        assert_eq!(told(&rig, number as usize - 1), on_disk(&rig, number), "player {number}");
    }
    assert!(rig.books.is_in_balance() && rig.books.ground.is_empty());
}

#[test]
fn who_leaves_with_something_under_way_and_comes_back_at_once_finds_it_as_the_disk_decided() {
    let mut rig = rig(1);
    let bread = *on_disk(&rig, 1).values().find(|row| row.count > 1).unwrap();
    rig.journal_is_slow = true;
    rig.bots[0].client.command(Command::Drop { item: bread.item, count: 1 }).unwrap();
    rig.run_ticks(30);
    let again = rig.join(1);
    rig.run_ticks(90);
    assert!(rig.bots[again].client.own().is_none(), "it waits for the disk");
    rig.journal_is_slow = false;
    rig.run_ticks(120);
    assert_eq!(told(&rig, again)[&bread.slot].count, bread.count - 1);
    assert_eq!(told(&rig, again), on_disk(&rig, 1));
    assert!(rig.books.is_in_balance());
}

/// proves: CMD-3
#[test]
fn whoever_was_silent_is_told_everything_of_his_own_anew() {
    let mut rig = rig(1);
    let kit = told(&rig, 0);
    rig.bots[0].is_mute = true;
    rig.bots[0].is_deaf = true;
    rig.run_ticks(20 * 60);
    rig.bots[0].events.clear();
    rig.bots[0].is_mute = false;
    rig.bots[0].is_deaf = false;
    rig.run_ticks(5 * 60);
    assert_eq!(rig.bots[0].gone, None);
    assert_eq!(told(&rig, 0), kit);
    let figures = |event: &ClientEvent| matches!(event, ClientEvent::Message(ServerMessage::News(News::Figures(_))));
    assert!(rig.bots[0].events.iter().any(figures));
}

/// proves: CMD-5
#[test]
fn who_sees_somebody_is_told_who_that_is_and_who_asks_without_end_is_not() {
    let mut rig = rig(3);
    rig.place(2, 900.0, 900.0);
    rig.run_ticks(60);
    let profiles = |rig: &Rig| -> Vec<(u16, u8, String)> {
        let told = rig.bots[0].events.iter().filter_map(|event| match event {
            ClientEvent::Message(ServerMessage::Profile(profile)) => {
                Some((profile.id.0, profile.level, profile.name.clone()))
            }
            _ => None,
        });
        told.collect()
    };
    let [own, near, far] = [0, 1, 2].map(|index| rig.own_id(index));
    for id in [own, near, far, protocol::NetId(60_000)] {
        rig.bots[0].client.send(&ClientMessage::Ask { id }).unwrap();
    }
    rig.run_ticks(30);
    let (bot, nobody) = ("bot".to_owned(), String::new());
    let wanted = [(own.0, 1, bot.clone()), (near.0, 1, bot), (far.0, 0, nobody.clone()), (60_000, 0, nobody)];
    assert_eq!(profiles(&rig), wanted);
    rig.run_ticks(60);
    for _ in 0..90 {
        rig.bots[0].client.send(&ClientMessage::Ask { id: near }).unwrap();
    }
    rig.run_ticks(50);
    let flood = server::Suspicion::Flood as usize;
    assert_eq!((profiles(&rig).len(), rig.realm.status().suspicions[flood]), (4 + 64, 26));
}

#[test]
fn a_checkpoint_has_what_nobody_else_sees_of_somebody() {
    let mut rig = rig(1);
    // All that others could see of him is saved already.
    rig.run_ticks(300);
    let content = shipped("meadow");
    let does_good = |row: &&ItemRow| {
        let used = &content.items.at(row.kind).use_;
        used.as_ref().is_some_and(|used| used.outcomes.iter().any(|done| matches!(done, Outcome::Apply { .. })))
    };
    let bread = *on_disk(&rig, 1).values().find(does_good).unwrap();
    rig.bots[0].client.command(Command::Use { item: bread.item }).unwrap();
    rig.run_ticks(60);
    assert_eq!(answers(&rig, 0), [(0, Ok(()))]);
    let lasting = |rig: &Rig| {
        let saved = &rig.journal[&CharacterId(1)].bytes;
        game::PlayerRecord::from_bytes(saved).unwrap().life.unwrap().lasting
    };
    rig.run_ticks(300);
    let first = lasting(&rig);
    assert_eq!(first.effects.len(), 1, "what he eats or drinks does him good for 18 s");
    rig.run_ticks(240);
    let second = lasting(&rig);
    let between = first.effects[0].ticks - second.effects[0].ticks;
    assert!((238..=244).contains(&between), "{between} ticks from one checkpoint to another, which are 4 s");
    rig.run_ticks(1_200);
    assert_eq!(lasting(&rig).effects.len(), 0);
    let revision = rig.journal[&CharacterId(1)].revision;
    rig.run_ticks(1_200);
    assert_eq!(rig.journal[&CharacterId(1)].revision, revision, "what has not changed is not saved again");
}

#[test]
fn what_cannot_be_in_the_world_is_counted() {
    let mut content: Content = shipped("meadow");
    content.places = game::content::Places::default();
    let kind = protocol::ItemKind(60_000);
    let item = protocol::ItemId(77);
    let holder = game::Holder::Ground { x: 0, y: 0, z: 0 };
    let lost = game::ItemRecord { item, kind, count: 1, durability: 0, holder };
    let mut rig = Rig::new(LinkConfig::with_latency_ns(1_000_000), |config| {
        config.content = Arc::new(content);
        config.ground = Arc::new([game::GroundRecord::Item(lost)]);
    });
    let estate = game::Estate::newborn(protocol::ClassId(1), 0);
    let strange = ItemRow { item, kind, count: 1, ..ItemRow::default() };
    rig.books.estates.insert(CharacterId(1), game::Estate { items: vec![strange], ..estate });
    rig.join(1);
    rig.run_until_joined(300);
    let status = rig.realm.status();
    assert_eq!((status.ground_left_out, status.strays), (1, 1));
    assert_eq!((status.things_left_out, status.mobs_put_off), (0, 0));
}

#[test]
fn who_has_something_and_whose_birth_the_disk_has_refused_is_born_when_he_comes_again() {
    let mut rig = Rig::new(LinkConfig::with_latency_ns(1_000_000), |config| {
        config.content = Arc::new(Content { places: game::content::Places::default(), ..shipped("meadow") });
    });
    let nobody = game::Estate { experience: 7, ..game::Estate::default() };
    rig.books.estates.insert(CharacterId(1), nobody);
    rig.join(1);
    rig.run_until_joined(300);
    rig.run_ticks(30);
    let estate = &rig.books.estates[&CharacterId(1)];
    assert!(estate.class != protocol::ClassId(0) && !estate.items.is_empty(), "{estate:?}");
    assert_eq!(estate.experience, 7);
}
