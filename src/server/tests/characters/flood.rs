//! What becomes of guests who ask for more than anybody can want.

use super::*;

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

fn rig_with(action: Action) -> Rig {
    rig_of(|config| config.policy = Policy { action, ..Policy::default() })
}

/// A step that is always refused, 40 times in a second.
fn flood(rig: &mut Rig, index: usize) {
    for _ in 0..40 {
        ask(rig, index, create("a"));
    }
    rig.run_ticks(60);
}

/// proves: CHR-2, CMD-4
#[test]
fn a_guest_who_never_stops_asking_is_put_out_and_his_account_named() {
    let mut rig = rig_with(Action::Kick);
    let (index, other) = (arrive(&mut rig, 7), arrive(&mut rig, 8));
    flood(&mut rig, index);
    flood(&mut rig, index);
    assert_eq!((rig.bots[index].gone, rig.realm.poll_incident()), (None, None), "that much is borne");
    flood(&mut rig, index);
    assert_eq!(rig.bots[index].gone, Some(Reason::Suspected));
    let incident = rig.realm.poll_incident().unwrap();
    assert_eq!((incident.who, incident.kind), (Accused::Account(AccountId(7)), Suspicion::Flood));
    assert_eq!((incident.action, rig.realm.poll_incident()), (Action::Kick, None));
    let status = rig.realm.status();
    assert_eq!((status.guests, status.incidents, status.kicked), (1, 1, 1));
    let entry = rig.realm.chronicle().entries().last().unwrap();
    assert_eq!((entry.what, entry.character), (server::Matter::Incident(incident), None));
    make(&mut rig, other, "Ada");
}

/// proves: CMD-1, CMD-4
#[test]
fn commands_of_a_guest_speak_against_him_and_by_the_usual_policy_he_stays() {
    for action in [Action::Flag, Action::Kick] {
        let mut rig = rig_with(action);
        let index = arrive(&mut rig, 7);
        for _ in 0..3 {
            for _ in 0..40 {
                rig.bots[index].client.command(Command::Respawn).unwrap();
            }
            rig.run_ticks(60);
        }
        let is_kicked = action == Action::Kick;
        assert_eq!(rig.bots[index].gone, is_kicked.then_some(Reason::Suspected));
        let incident = rig.realm.poll_incident().unwrap();
        assert_eq!((incident.who, incident.action), (Accused::Account(AccountId(7)), action));
        let status = rig.realm.status();
        assert_eq!((status.guests, status.kicked), (usize::from(!is_kicked), u64::from(is_kicked)));
    }
}

/// proves: CMD-4
#[test]
fn what_speaks_against_a_guest_speaks_against_the_player_he_becomes() {
    let mut rig = rig_with(Action::Kick);
    let index = arrive(&mut rig, 7);
    let ada = make(&mut rig, index, "Ada");
    flood(&mut rig, index);
    flood(&mut rig, index);
    rig.run_ticks(60);
    outcome(&mut rig, index, RosterStep::Play { character: ada }).unwrap();
    assert_eq!((rig.bots[index].gone, rig.realm.status().players), (None, 1));
    flood(&mut rig, index);
    assert_eq!(rig.bots[index].gone, Some(Reason::Suspected));
    assert_eq!(rig.realm.poll_incident().unwrap().who, Accused::Character(ada));
    assert_eq!(rig.realm.status().players, 0);
}

/// proves: CHR-2
#[test]
fn an_account_makes_and_deletes_sixteen_times_in_an_hour_whoever_comes_for_it() {
    let mut rig = rig();
    let (mut index, other) = (arrive(&mut rig, 7), arrive(&mut rig, 8));
    rig.journal_is_full = true;
    assert_eq!(outcome(&mut rig, index, create("Ada")), Err(Refusal::NotSaved));
    rig.journal_is_full = false;
    assert_eq!(outcome(&mut rig, index, create("a")), Err(Refusal::BadName));
    // Neither of those has counted.
    for round in 0..8 {
        let ada = make(&mut rig, index, "Ada");
        assert_eq!(outcome(&mut rig, index, RosterStep::Delete { character: ada }), Ok(()));
        if round == 4 {
            leave(&mut rig, index);
            index = arrive(&mut rig, 7);
        }
    }
    let commits = rig.realm.status().commits_confirmed;
    assert_eq!(outcome(&mut rig, index, create("Ada")), Err(Refusal::TooMany));
    leave(&mut rig, index);
    let index = arrive(&mut rig, 7);
    assert_eq!(outcome(&mut rig, index, create("Ada")), Err(Refusal::TooMany));
    assert_eq!(rig.realm.status().commits_confirmed, commits, "the disk is not asked");
    assert_eq!(rig.realm.status().suspicions[Suspicion::Flood as usize], 2);
    let ada = make(&mut rig, other, "Ada");
    assert_eq!(outcome(&mut rig, other, RosterStep::Delete { character: ada }), Ok(()));
}
