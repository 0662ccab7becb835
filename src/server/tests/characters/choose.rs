//! What people do with their characters, and what they find of it.

use super::*;

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

/// proves: CHR-2
#[test]
fn an_account_has_eight_characters_and_whoever_deletes_one_has_room_for_another() {
    let mut rig = rig();
    let index = arrive(&mut rig, 7);
    let made: Vec<_> = (0..CHARACTERS_MAX).map(|number| make(&mut rig, index, &format!("ann{number}"))).collect();
    assert_eq!(outcome(&mut rig, index, create("ann8")), Err(Refusal::NoSuchCharacter));
    outcome(&mut rig, index, RosterStep::Delete { character: made[3] }).unwrap();
    let last = make(&mut rig, index, "ann8");
    assert_eq!(rig.realm.status().commits_refused, 0, "the disk is not asked for a ninth");
    let expected = [made[0], made[1], made[2], made[4], made[5], made[6], made[7], last];
    assert_eq!(roster(&rig, index).iter().map(|row| row.character).collect::<Vec<_>>(), expected);
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
    (rig.bots[index].is_deaf, rig.bots[index].is_mute) = (true, true);
    rig.run_ticks(20 * 60);
    assert_eq!(rig.gate.counters().sessions_silent, 1);
    (rig.bots[index].is_deaf, rig.bots[index].is_mute) = (false, false);
    rig.run_ticks(5 * 60);
    assert_eq!(rig.bots[index].gone, None);
    assert_eq!((answer(&rig, index, number), roster(&rig, index).len()), (Some(Ok(())), 1));
    assert_eq!(rig.realm.status().stale, 0);
}

/// What a bot was told of its own player.
fn news(rig: &Rig, index: usize) -> Vec<protocol::News> {
    let told = rig.bots[index].events.iter().filter_map(|event| match event {
        ClientEvent::Message(ServerMessage::News(news)) => Some(news.clone()),
        _ => None,
    });
    told.collect()
}

#[test]
fn who_enters_the_world_in_silence_is_told_nothing_of_it_until_he_is_heard_again() {
    let mut rig = rig();
    rig.clients_are_strangers = true;
    let index = arrive(&mut rig, 7);
    let ada = make(&mut rig, index, "Ada");
    outcome(&mut rig, index, RosterStep::Play { character: ada }).unwrap();
    leave(&mut rig, index);
    rig.named = Some(ada.0);
    let plain = rig.join(7);
    rig.run_ticks(120);
    let told = news(&rig, plain);
    assert!(!told.is_empty(), "he is told what he has");
    leave(&mut rig, plain);

    rig.journal_is_slow = true;
    let index = rig.join(7);
    rig.run_ticks(60);
    assert_eq!(rig.realm.status().guests, 1);
    rig.bots[index].is_mute = true;
    rig.run_ticks(16 * 60);
    assert_eq!(rig.gate.counters().sessions_silent, 1);
    rig.journal_is_slow = false;
    rig.run_ticks(120);
    assert_eq!((rig.realm.status().guests, rig.realm.status().players), (0, 1), "he is in all the same");
    rig.bots[index].is_mute = false;
    rig.run_ticks(120);
    assert!(rig.bots[index].client.own().is_some());
    assert_eq!(news(&rig, index), told, "once, and not also what was so while nobody heard it");
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
