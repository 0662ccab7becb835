//! What nobody can do with characters, and what happens at the same time.

use super::*;

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
