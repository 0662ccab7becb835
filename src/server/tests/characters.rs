//! Characters that people make, play and delete, from the wire to the disk and back: over links, through slow disks, logouts,
//! takeovers and restarts.

mod rig;

use client::ClientEvent;
use game::content::{Content, shipped};
use game::{Books, Way};
use netem::LinkConfig;
use protocol::character::CHARACTERS_MAX;
use protocol::command::CastTarget;
use protocol::event::Shoot;
use protocol::message::{Claim, ClientMessage, Profile, ServerMessage};
use protocol::{AccountId, CharacterId, ClassId, Command, NetId, Refusal, RosterRow, RosterStep, SkillId};
use rig::Rig;
use rudp::Reason;
use server::Suspicion;
use std::sync::Arc;

/// The shipped content with nobody living anywhere, for people who choose whom to play.
fn rig_of(configure: impl FnOnce(&mut server::RealmConfig)) -> Rig {
    let mut content: Content = shipped("meadow").clone();
    content.places = game::content::Places::default();
    let link = LinkConfig { loss: 0.05, ..LinkConfig::with_latency_ns(25_000_000) };
    let mut rig = Rig::new(link, |config| {
        config.content = Arc::new(content);
        configure(config);
    });
    rig.chooses = true;
    rig
}

fn rig() -> Rig {
    rig_of(|_| {})
}

/// A second class, which nobody is made by default as the first of his kind.
fn class() -> ClassId {
    shipped("meadow").classes.iter().nth(1).unwrap().id
}

fn create(name: &str) -> RosterStep {
    RosterStep::Create { name: name.to_owned(), class: class(), team: 1 }
}

/// What a bot was told of his characters, oldest first.
fn rosters(rig: &Rig, index: usize) -> Vec<Vec<RosterRow>> {
    let told = rig.bots[index].events.iter().filter_map(|event| match event {
        ClientEvent::Message(ServerMessage::Roster(rows)) => Some(rows.clone()),
        _ => None,
    });
    told.collect()
}

fn roster(rig: &Rig, index: usize) -> Vec<RosterRow> {
    rosters(rig, index).pop().expect("he was told of his characters")
}

/// Somebody of an account comes into the lobby.
fn arrive(rig: &mut Rig, account: u64) -> usize {
    let index = rig.join(account);
    rig.run_ticks(60);
    assert_eq!(rosters(rig, index).len(), 1, "whoever comes is told once");
    index
}

fn ask(rig: &mut Rig, index: usize, step: RosterStep) -> u16 {
    rig.bots[index].client.roster(step).unwrap()
}

/// What becomes of a step: it is answered once.
fn outcome(rig: &mut Rig, index: usize, step: RosterStep) -> Result<(), Refusal> {
    let number = ask(rig, index, step);
    // As seldom as a guest may.
    rig.run_ticks(60);
    answer(rig, index, number).expect("every step is answered")
}

fn answer(rig: &Rig, index: usize, number: u16) -> Option<Result<(), Refusal>> {
    let mut answers = rig.bots[index].done.iter().filter(|(of, _)| *of == number).map(|(_, result)| *result);
    let first = answers.next();
    assert_eq!(answers.next(), None, "nothing is answered twice");
    first
}

/// Makes a character and answers which it is.
fn make(rig: &mut Rig, index: usize, name: &str) -> CharacterId {
    assert_eq!(outcome(rig, index, create(name)), Ok(()), "{name}");
    roster(rig, index).last().unwrap().character
}

fn leave(rig: &mut Rig, index: usize) {
    let now = rig.now;
    rig.bots[index].client.disconnect(now);
    rig.run_ticks(60);
}

fn profile(rig: &mut Rig, index: usize) -> Profile {
    let id = rig.own_id(index);
    rig.bots[index].client.send(&ClientMessage::Ask { id }).unwrap();
    rig.run_ticks(30);
    let told = rig.bots[index].events.iter().rev().find_map(|event| match event {
        ClientEvent::Message(ServerMessage::Profile(profile)) => Some(profile.clone()),
        _ => None,
    });
    told.unwrap()
}

/// proves: CHR-1, CHR-2
#[test]
fn who_chooses_is_told_whom_he_has_makes_one_and_plays_it() {
    let mut rig = rig();
    let index = arrive(&mut rig, 7);
    assert_eq!(roster(&rig, index), []);
    let number = ask(&mut rig, index, create("Ünal"));
    rig.run_ticks(60);
    assert_eq!(answer(&rig, index, number), Some(Ok(())));
    let [row] = &roster(&rig, index)[..] else { panic!("he has one") };
    let row = row.clone();
    assert_eq!((row.name.as_str(), row.class, row.team, row.level), ("Ünal", class(), 1, 1));
    assert!(rig.bots[index].client.welcome().is_none() && rig.realm.status().guests == 1);
    assert_eq!(outcome(&mut rig, index, RosterStep::Play { character: row.character }), Ok(()));
    let profile = profile(&mut rig, index);
    assert_eq!((profile.name.as_str(), profile.class, profile.team), ("Ünal", class(), 1));
    let estate = &rig.books.estates[&row.character];
    assert_eq!((estate.class, estate.team), (class(), 1));
    assert!(estate.items.len() >= 3, "he has the kit of his class: {estate:?}");
    assert!(rig.books.is_in_balance());
    let status = rig.realm.status();
    assert_eq!((status.guests, status.players, status.characters_created), (0, 1, 1));
}

/// proves: CHR-2
#[test]
fn who_was_played_is_found_again_with_his_level_and_all_that_he_has() {
    let mut rig = rig();
    let index = arrive(&mut rig, 7);
    let (first, second) = (make(&mut rig, index, "Ada"), make(&mut rig, index, "Eve"));
    outcome(&mut rig, index, RosterStep::Play { character: first }).unwrap();
    rig.books.estates.get_mut(&first).unwrap().experience = 1 << 20;
    let items = rig.books.estates[&first].items.clone();
    leave(&mut rig, index);
    let index = arrive(&mut rig, 7);
    let rows = roster(&rig, index);
    assert_eq!(rows.iter().map(|row| row.character).collect::<Vec<_>>(), [first, second]);
    assert!(rows[0].level > 1 && rows[1].level == 1, "{rows:?}");
    outcome(&mut rig, index, RosterStep::Play { character: first }).unwrap();
    assert_eq!(rig.books.estates[&first].items, items, "and no second kit");
    assert_eq!(profile(&mut rig, index).level, rows[0].level);
}

/// proves: CHR-2, CHR-4
#[test]
fn who_is_deleted_is_gone_with_all_that_he_had_and_his_name_is_free() {
    let mut rig = rig();
    let index = arrive(&mut rig, 7);
    let (ada, eve) = (make(&mut rig, index, "Ada"), make(&mut rig, index, "Eve"));
    outcome(&mut rig, index, RosterStep::Play { character: ada }).unwrap();
    rig.run_ticks(300);
    assert!(rig.journal.contains_key(&ada) && !rig.books.estates[&ada].items.is_empty());
    leave(&mut rig, index);
    let index = arrive(&mut rig, 7);
    assert_eq!(outcome(&mut rig, index, RosterStep::Delete { character: ada }), Ok(()));
    assert_eq!(roster(&rig, index).iter().map(|row| row.character).collect::<Vec<_>>(), [eve]);
    assert_eq!(outcome(&mut rig, index, RosterStep::Delete { character: eve }), Ok(()), "and one never played");
    let books = &rig.books;
    assert!(books.estates.is_empty() && books.rosters.is_empty() && books.names.is_empty() && books.is_in_balance());
    assert!(books.made.iter().any(|(&(way, _), &count)| way == Way::Deleted && count < 0));
    assert_eq!(rig.journal.get(&ada), None, "nor where he was");
    let gone = Err(Refusal::NoSuchCharacter);
    assert_eq!(outcome(&mut rig, index, RosterStep::Play { character: ada }), gone);
    assert_eq!(outcome(&mut rig, index, RosterStep::Delete { character: ada }), gone);
    assert_ne!(make(&mut rig, index, "ada"), ada, "the name comes back, the character does not");
    assert_eq!(rig.realm.status().characters_deleted, 2);
}

/// proves: CHR-2, CHR-3
#[test]
fn what_cannot_be_is_refused_by_name_and_changes_nothing() {
    let mut rig = rig();
    let (index, other) = (arrive(&mut rig, 7), arrive(&mut rig, 8));
    make(&mut rig, index, "Ada");
    let theirs = make(&mut rig, other, "Eve");
    let made = |name: &str, class, team| RosterStep::Create { name: name.to_owned(), class, team };
    let teams = shipped("meadow").rules.teams;
    let cases = [
        (create(""), Refusal::BadName),
        (create("ab"), Refusal::BadName),
        (create("two words"), Refusal::BadName),
        (create(&"x".repeat(900)), Refusal::BadName),
        (create("Ad\u{200b}a"), Refusal::BadName),
        (create("Ada"), Refusal::BadName),
        (create("aDA"), Refusal::BadName),
        (create("EVE"), Refusal::BadName),
        (made("Bob", ClassId(60_000), 0), Refusal::WrongClass),
        (made("Bob", class(), teams + 1), Refusal::WrongSide),
        (RosterStep::Play { character: theirs }, Refusal::NoSuchCharacter),
        (RosterStep::Delete { character: theirs }, Refusal::NoSuchCharacter),
        (RosterStep::Play { character: CharacterId(0) }, Refusal::NoSuchCharacter),
        (RosterStep::Delete { character: CharacterId(u64::MAX) }, Refusal::NoSuchCharacter),
    ];
    let (before, told) = (rig.books.clone(), rosters(&rig, index).len());
    for (step, refusal) in cases {
        assert_eq!(outcome(&mut rig, index, step.clone()), Err(refusal), "{step:?}");
    }
    assert_eq!((rig.books == before, rosters(&rig, index).len()), (true, told));
    assert_eq!(outcome(&mut rig, index, made("Bob", class(), 0)), Ok(()), "no team is one, too");
}

/// proves: CHR-2
#[test]
fn an_account_has_eight_characters_and_whoever_deletes_one_has_room_for_another() {
    let mut rig = rig();
    let index = arrive(&mut rig, 7);
    let made: Vec<_> = (0..CHARACTERS_MAX).map(|number| make(&mut rig, index, &format!("ann{number}"))).collect();
    assert_eq!(outcome(&mut rig, index, create("ann8")), Err(Refusal::NoSuchCharacter));
    outcome(&mut rig, index, RosterStep::Delete { character: made[3] }).unwrap();
    let last = make(&mut rig, index, "ann8");
    let expected = [made[0], made[1], made[2], made[4], made[5], made[6], made[7], last];
    assert_eq!(roster(&rig, index).iter().map(|row| row.character).collect::<Vec<_>>(), expected);
}

/// proves: CHR-3
#[test]
fn of_two_who_want_a_name_at_the_same_time_one_has_it() {
    let mut rig = rig();
    let (one, other) = (arrive(&mut rig, 7), arrive(&mut rig, 8));
    rig.journal_is_slow = true;
    let numbers = [ask(&mut rig, one, create("Ada")), ask(&mut rig, other, create("ADA"))];
    rig.run_ticks(60);
    rig.journal_is_slow = false;
    rig.run_ticks(60);
    let answers = [(one, numbers[0]), (other, numbers[1])].map(|(index, number)| answer(&rig, index, number).unwrap());
    assert_eq!(answers.iter().filter(|answer| **answer == Ok(())).count(), 1, "{answers:?}");
    assert!(answers.contains(&Err(Refusal::BadName)), "{answers:?}");
}

/// proves: SES-6
#[test]
fn a_token_that_names_a_character_made_here_lets_its_account_in_and_nobody_else() {
    let mut rig = rig();
    let index = arrive(&mut rig, 7);
    let ada = make(&mut rig, index, "Ada");
    leave(&mut rig, index);
    rig.named = Some(ada.0);
    let thief = rig.join(8);
    rig.run_ticks(60);
    assert_eq!(rig.bots[thief].gone, Some(Reason::SessionRefused));
    let owner = rig.join(7);
    rig.run_ticks(60);
    assert_eq!(profile(&mut rig, owner).name, "Ada");
    assert_eq!(rosters(&rig, owner), Vec::<Vec<RosterRow>>::new(), "he has nothing to choose");
    rig.named = Some(ada.0 + 1);
    let early = rig.join(9);
    rig.run_ticks(60);
    assert_eq!(rig.bots[early].gone, Some(Reason::SessionRefused), "who is yet to be made is nobody");
    assert!(!rig.books.estates.contains_key(&CharacterId(ada.0 + 1)));
    assert_eq!(rig.realm.status().guests, 0);
}

/// proves: CHR-2, CHR-4
#[test]
fn who_is_in_the_world_on_his_way_there_or_not_saved_yet_is_not_deleted() {
    let mut rig = rig();
    rig.clients_are_strangers = true;
    let player = arrive(&mut rig, 7);
    let ada = make(&mut rig, player, "Ada");
    let guest = arrive(&mut rig, 7);
    assert_eq!(rig.bots[player].gone, Some(Reason::TakenOver), "an account has one guest");
    let player = guest;
    rig.journal_is_slow = true;
    ask(&mut rig, player, RosterStep::Play { character: ada });
    rig.run_ticks(30);
    rig.journal_is_slow = false;
    // The second of the account is told of his characters behind the load of the first.
    let guest = arrive(&mut rig, 7);
    assert_eq!(rig.bots[player].gone, None);
    assert!(rig.bots[player].client.own().is_some());
    let delete = RosterStep::Delete { character: ada };
    assert_eq!(outcome(&mut rig, guest, delete.clone()), Err(Refusal::InUse), "he is in the world");
    rig.journal_is_full = true;
    leave(&mut rig, player);
    assert_eq!(outcome(&mut rig, guest, delete.clone()), Err(Refusal::InUse), "where he was is not saved");
    rig.journal_is_full = false;
    rig.run_ticks(120);
    assert_eq!(outcome(&mut rig, guest, delete), Ok(()));
    assert!(rig.books.estates.is_empty() && rig.journal.is_empty() && rig.books.is_in_balance());
}

/// proves: CHR-4
#[test]
fn nobody_enters_as_one_who_is_being_deleted() {
    let mut rig = rig();
    rig.clients_are_strangers = true;
    let index = arrive(&mut rig, 7);
    let ada = make(&mut rig, index, "Ada");
    outcome(&mut rig, index, RosterStep::Play { character: ada }).unwrap();
    leave(&mut rig, index);
    let index = arrive(&mut rig, 7);
    rig.journal_is_slow = true;
    let number = ask(&mut rig, index, RosterStep::Delete { character: ada });
    rig.run_ticks(30);
    rig.named = Some(ada.0);
    let sneak = rig.join(7);
    rig.run_ticks(60);
    assert_eq!(rig.bots[index].gone, Some(Reason::TakenOver));
    rig.journal_is_slow = false;
    rig.run_ticks(120);
    // Who asked was gone before the disk was asked, so nothing is deleted, and the other is in.
    assert_eq!(answer(&rig, index, number), None);
    assert!(rig.bots[sneak].client.own().is_some() && rig.books.estates.contains_key(&ada));

    leave(&mut rig, sneak);
    rig.named = None;
    let index = arrive(&mut rig, 7);
    rig.commits_are_slow = true;
    ask(&mut rig, index, RosterStep::Delete { character: ada });
    rig.run_ticks(30);
    rig.named = Some(ada.0);
    let sneak = rig.join(7);
    rig.run_ticks(60);
    assert_eq!(rig.bots[sneak].gone, Some(Reason::SessionRefused), "the disk has been asked");
    rig.named = None;
    let index = arrive(&mut rig, 7);
    assert_eq!(roster(&rig, index).len(), 1, "it has not answered");
    for step in [RosterStep::Play { character: ada }, RosterStep::Delete { character: ada }] {
        assert_eq!(outcome(&mut rig, index, step), Err(Refusal::InUse));
    }
    rig.commits_are_slow = false;
    rig.run_ticks(60);
    assert_eq!(roster(&rig, index), [], "another than who asked is told of it");
    assert!(rig.books.estates.is_empty() && rig.books.is_in_balance());
}

/// proves: CHR-1, CMD-1
#[test]
fn a_guest_can_do_nothing_that_a_player_can() {
    let mut rig = rig();
    let index = arrive(&mut rig, 7);
    let before = *rig.realm.status();
    let number = rig.bots[index].client.command(Command::Respawn).unwrap();
    let at = CastTarget::Entity(NetId(0));
    let cast = protocol::command::Cast { skill: SkillId(1), at, ..Default::default() };
    let second = rig.bots[index].client.command(Command::Cast(cast)).unwrap();
    let client = &mut rig.bots[index].client;
    let others = [
        ClientMessage::Resync,
        ClientMessage::Place { x_units: 5, y_units: 5 },
        ClientMessage::Shoot(Shoot::default()),
        ClientMessage::Claim(Claim::default()),
        ClientMessage::Ask { id: NetId(0) },
    ];
    others.iter().for_each(|message| client.send(message).unwrap());
    client.send(&ClientMessage::Echo { number: 5 }).unwrap();
    rig.run_ticks(60);
    for number in [number, second] {
        assert_eq!(answer(&rig, index, number), Some(Err(Refusal::UnknownTarget)));
    }
    let status = *rig.realm.status();
    assert_eq!((status.refused - before.refused, status.stale), (5, 0));
    assert_eq!((status.players, status.loading, status.guests, rig.bots[index].gone), (0, 0, 1, None));
    assert_eq!(rig.bots[index].echoes, [5], "whether it is heard a guest may ask");
}

/// proves: CHR-2
#[test]
fn who_plays_has_nothing_to_choose() {
    let mut rig = rig();
    let index = arrive(&mut rig, 7);
    let ada = make(&mut rig, index, "Ada");
    outcome(&mut rig, index, RosterStep::Play { character: ada }).unwrap();
    for step in [create("Eve"), RosterStep::Delete { character: ada }, RosterStep::Play { character: ada }] {
        assert_eq!(outcome(&mut rig, index, step), Err(Refusal::NotUsable));
    }
    rig.chooses = false;
    let plain = rig.join(9);
    rig.run_ticks(60);
    assert_eq!(outcome(&mut rig, plain, create("Eve")), Err(Refusal::NotUsable));
    assert_eq!(rig.books.names.len(), 1);
}

/// proves: CHR-2
#[test]
fn who_asks_without_end_is_answered_and_not_followed() {
    let mut rig = rig();
    let index = arrive(&mut rig, 7);
    let numbers: Vec<u16> = (0..40).map(|_| ask(&mut rig, index, create("a"))).collect();
    rig.run_ticks(50);
    let answers: Vec<_> = numbers.iter().map(|&number| answer(&rig, index, number).unwrap()).collect();
    let followed = answers.iter().filter(|answer| **answer == Err(Refusal::BadName)).count();
    assert!((4..=8).contains(&followed), "{followed} of them, within a second or at its turn");
    let refused = answers.iter().filter(|answer| **answer == Err(Refusal::TooMany)).count();
    assert_eq!(followed + refused, 40);
    assert_eq!(rig.realm.status().suspicions[Suspicion::Flood as usize], refused as u64);
    rig.run_ticks(60);
    make(&mut rig, index, "Ada");
}

/// proves: CHR-2
#[test]
fn nobody_is_told_done_before_the_disk_has_it() {
    let mut rig = rig();
    let index = arrive(&mut rig, 7);
    rig.journal_is_slow = true;
    let number = ask(&mut rig, index, create("Ada"));
    rig.run_ticks(90);
    assert_eq!((answer(&rig, index, number), rosters(&rig, index).len()), (None, 1));
    assert_eq!(outcome(&mut rig, index, create("Eve")), Err(Refusal::TooMany), "one step at a time");
    rig.journal_is_slow = false;
    rig.run_ticks(30);
    assert_eq!((answer(&rig, index, number), roster(&rig, index).len()), (Some(Ok(())), 1));

    rig.journal_is_slow = true;
    ask(&mut rig, index, create("Eve"));
    rig.run_ticks(30);
    leave(&mut rig, index);
    let again = rig.join(7);
    rig.run_ticks(60);
    assert_eq!(rosters(&rig, again).len(), 0, "what he did is decided first");
    assert_eq!(outcome(&mut rig, again, create("Joe")), Err(Refusal::TooEarly));
    rig.journal_is_slow = false;
    rig.run_ticks(60);
    let names: Vec<_> = roster(&rig, again).into_iter().map(|row| row.name).collect();
    assert_eq!(names, ["Ada", "Eve"]);
}

/// proves: CHR-2
#[test]
fn what_the_disk_refuses_has_not_been_and_can_be_asked_for_again() {
    let mut rig = rig();
    let index = arrive(&mut rig, 7);
    let ada = make(&mut rig, index, "Ada");
    let before = rig.books.clone();
    rig.journal_is_full = true;
    let (not_saved, delete) = (Err(Refusal::NotSaved), RosterStep::Delete { character: ada });
    assert_eq!(outcome(&mut rig, index, create("Eve")), not_saved);
    assert_eq!(outcome(&mut rig, index, delete.clone()), not_saved);
    rig.journal_is_full = false;
    rig.journal_is_unreadable = true;
    assert_eq!(outcome(&mut rig, index, delete.clone()), not_saved);
    let other = rig.join(8);
    rig.run_ticks(60);
    assert_eq!(rig.bots[other].gone, Some(Reason::SessionRefused), "nobody is shown an empty list for a broken one");
    assert!(rig.books == before && roster(&rig, index).len() == 1);
    rig.journal_is_unreadable = false;
    make(&mut rig, index, "Eve");
    assert_eq!(outcome(&mut rig, index, delete), Ok(()));
}

/// proves: CHR-1, LIF-9
#[test]
fn who_plays_a_character_takes_it_over_from_whoever_did() {
    let mut rig = rig();
    rig.clients_are_strangers = true;
    let older = arrive(&mut rig, 7);
    let ada = make(&mut rig, older, "Ada");
    outcome(&mut rig, older, RosterStep::Play { character: ada }).unwrap();
    rig.bots[older].wanders = false;
    rig.bots[older].input = protocol::Input::default();
    rig.place(older, 480.0, 510.0);
    rig.run_ticks(60);
    let place = rig.bots[older].client.own().unwrap().1.body;
    let newer = arrive(&mut rig, 7);
    assert_eq!(rig.bots[older].gone, None, "he only looks");
    outcome(&mut rig, newer, RosterStep::Play { character: ada }).unwrap();
    assert_eq!(rig.bots[older].gone, Some(Reason::TakenOver));
    let now = rig.bots[newer].client.own().unwrap().1.body;
    assert!((now.x - place.x).abs() < 256 * 320 * 10 && (now.y - place.y).abs() < 256 * 320 * 10, "he is where he was");
    assert_eq!(rig.realm.status().players, 1);
}

/// proves: CHR-1
#[test]
fn guests_take_room_as_players_do() {
    let mut rig = rig_of(|config| config.players_max = 2);
    let (one, other) = (arrive(&mut rig, 7), arrive(&mut rig, 8));
    let third = rig.join(9);
    rig.run_ticks(60);
    assert_eq!(rig.bots[third].gone, Some(Reason::ServerFull));
    let ada = make(&mut rig, one, "Ada");
    outcome(&mut rig, one, RosterStep::Play { character: ada }).unwrap();
    assert!(rig.bots[one].client.own().is_some(), "who was let in has his place");
    leave(&mut rig, other);
    rig.chooses = false;
    let plain = rig.join(9);
    rig.run_ticks(60);
    assert!(rig.bots[plain].client.own().is_some());
    assert_eq!(rig.realm.status().guests, 0);
}

#[test]
fn who_is_silent_in_the_lobby_finds_it_as_it_became() {
    let mut rig = rig();
    let index = arrive(&mut rig, 7);
    let number = ask(&mut rig, index, create("Ada"));
    rig.run_ticks(3);
    rig.bots[index].is_deaf = true;
    rig.run_ticks(20 * 60);
    rig.bots[index].is_deaf = false;
    rig.run_ticks(5 * 60);
    assert_eq!(rig.bots[index].gone, None);
    assert_eq!((answer(&rig, index, number), roster(&rig, index).len()), (Some(Ok(())), 1));
    assert_eq!(rig.realm.status().stale, 0);
}

/// The server is gone, and another one starts on the same disk.
fn restart(rig: Rig, incarnation: u32) -> Rig {
    let mut next = rig_of(|config| config.incarnation = incarnation);
    (next.books, next.journal) = (rig.books, rig.journal);
    next
}

/// proves: CHR-2, SES-6
#[test]
fn whatever_came_to_disk_before_a_crash_is_there_after_it_and_nothing_else() {
    let mut rig = rig();
    let index = arrive(&mut rig, 7);
    let ada = make(&mut rig, index, "Ada");
    let mut rig = restart(rig, 2);
    let index = arrive(&mut rig, 7);
    assert_eq!(roster(&rig, index)[0].character, ada);
    assert_ne!(make(&mut rig, index, "Eve"), ada, "ids are of one start");
    rig.journal_is_slow = true;
    let number = ask(&mut rig, index, create("Joe"));
    rig.run_ticks(30);
    assert_eq!(answer(&rig, index, number), None, "nobody was told that it was done");
    let mut rig = restart(rig, 3);
    let index = arrive(&mut rig, 7);
    let names: Vec<_> = roster(&rig, index).into_iter().map(|row| row.name).collect();
    assert_eq!(names, ["Ada", "Eve"]);
    outcome(&mut rig, index, RosterStep::Play { character: ada }).unwrap();
    assert_eq!((profile(&mut rig, index).class, rig.books.estates[&ada].class), (class(), class()));
    assert!(rig.books.is_in_balance());
}

#[test]
fn everyone_may_have_as_many_characters_as_he_likes_to_make_and_delete_and_the_books_stay_in_balance() {
    let mut rig = rig();
    let indices = [arrive(&mut rig, 7), arrive(&mut rig, 8), arrive(&mut rig, 9)];
    for round in 0..12_u64 {
        for (nth, &index) in indices.iter().enumerate() {
            let name = format!("{}{}", ["ann", "bob", "eve"][(nth + round as usize) % 3], round % 4);
            let step = match roster(&rig, index).first() {
                Some(row) if round % 3 == 2 => RosterStep::Delete { character: row.character },
                _ => create(&name),
            };
            ask(&mut rig, index, step);
        }
        rig.run_ticks(61);
    }
    let Books { rosters, names, .. } = &rig.books;
    let listed: Vec<_> = rosters.values().flatten().collect();
    assert_eq!(listed.len(), names.len());
    for listing in listed {
        assert_eq!(names[&protocol::character::folded(&listing.name)], listing.character);
    }
    for (&index, account) in indices.iter().zip([7, 8, 9]) {
        let listed = rig.books.rosters.get(&AccountId(account)).into_iter().flatten();
        let told = roster(&rig, index);
        assert!(listed.map(|listing| listing.character).eq(told.iter().map(|row| row.character)), "{account}");
    }
}
