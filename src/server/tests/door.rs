//! Who comes while the world is full waits in the order of his coming, and is let in when there is room.

mod rig;

use client::ClientEvent;
use netem::LinkConfig;
use protocol::message::{ClientMessage, ServerMessage};
use protocol::{Command, Refusal, RosterStep};
use rig::Rig;
use rudp::Reason;

/// A world for so many, and a queue for so many more.
fn rig_of(players_max: usize, queue_max: usize) -> Rig {
    Rig::new(LinkConfig::with_latency_ns(20_000_000), |config| {
        (config.players_max, config.queue_max) = (players_max, queue_max);
    })
}

/// Accounts 1 to `count` come, one after the other.
fn crowd(players_max: usize, queue_max: usize, count: u64) -> Rig {
    let mut rig = rig_of(players_max, queue_max);
    for number in 1..=count {
        arrive(&mut rig, number);
    }
    rig
}

fn arrive(rig: &mut Rig, number: u64) -> usize {
    let index = rig.join(number);
    rig.run_ticks(40);
    index
}

fn leave(rig: &mut Rig, index: usize) {
    let now = rig.now;
    rig.bots[index].client.disconnect(now);
    rig.run_ticks(40);
}

/// Indices of those in the world.
fn inside(rig: &Rig) -> Vec<usize> {
    let is_in = |index: &usize| rig.bots[*index].gone.is_none() && rig.bots[*index].client.own().is_some();
    (0..rig.bots.len()).filter(is_in).collect()
}

/// The places that somebody was told, one after the other.
fn places(rig: &Rig, index: usize) -> Vec<(u16, u16)> {
    let told = rig.bots[index].events.iter().filter_map(|event| match event {
        ClientEvent::Queued { place, of } => Some((*place, *of)),
        _ => None,
    });
    told.collect()
}

/// proves: LIF-21
#[test]
fn who_comes_to_a_full_world_is_told_his_place_and_beyond_the_queue_that_it_is_full() {
    let rig = crowd(2, 3, 6);
    assert_eq!(inside(&rig), [0, 1]);
    assert_eq!([2, 3, 4].map(|index| places(&rig, index)), [vec![(1, 1)], vec![(2, 2)], vec![(3, 3)]]);
    let gone: Vec<_> = rig.bots.iter().map(|bot| bot.gone).collect();
    assert_eq!(gone, [None, None, None, None, None, Some(Reason::ServerFull)]);
    let status = rig.realm.status();
    assert_eq!((status.players, status.queued, status.refused_full), (2, 3, 1));
    assert_eq!(rig.bots[3].client.queued(), Some((2, 2)));
}

/// proves: LIF-21
#[test]
fn each_who_goes_makes_room_for_the_first_in_the_order_of_their_coming() {
    let mut rig = crowd(2, 6, 8);
    let mut came = Vec::new();
    for leaver in [1, 0, 2, 3] {
        let before = inside(&rig);
        leave(&mut rig, leaver);
        rig.run_ticks(30);
        came.extend(inside(&rig).into_iter().filter(|index| !before.contains(index)));
    }
    assert_eq!(came, [2, 3, 4, 5]);
    assert_eq!(rig.bots[4].client.queued(), None, "who is in waits no more");
    // The last one came eighth, and moved up each time.
    assert_eq!(places(&rig, 7), [(6, 6), (5, 5), (4, 4), (3, 3), (2, 2)]);
    assert_eq!((rig.realm.status().players, rig.realm.status().queued), (2, 2));
}

/// proves: LIF-21
#[test]
fn who_leaves_the_queue_gives_up_his_place() {
    let mut rig = crowd(1, 4, 4);
    leave(&mut rig, 2);
    leave(&mut rig, 0);
    assert_eq!(inside(&rig), [1]);
    leave(&mut rig, 1);
    assert_eq!((inside(&rig), rig.realm.status().queued), (vec![3], 0));
}

/// proves: LIF-21
#[test]
fn who_plays_and_logs_in_anew_has_his_place_back_before_those_who_wait() {
    let mut rig = crowd(2, 4, 4);
    let again = arrive(&mut rig, 1);
    assert_eq!(rig.bots[0].gone, Some(Reason::TakenOver));
    assert_eq!((inside(&rig), places(&rig, again)), (vec![1, again], vec![]));
    // One who waits keeps his place in the same way.
    let again = arrive(&mut rig, 3);
    assert_eq!((rig.bots[2].gone, places(&rig, again)), (Some(Reason::TakenOver), vec![(1, 2)]));
    leave(&mut rig, 1);
    assert!(inside(&rig).contains(&again) && !inside(&rig).contains(&3));
}

/// proves: LIF-21
#[test]
fn a_place_that_is_kept_for_somebody_who_does_not_come_goes_to_the_first_who_waits() {
    let mut rig = crowd(1, 4, 2);
    let again = rig.join(1);
    // His response is the last that is heard of him: the hello never comes.
    while rig.bots[0].gone.is_none() {
        rig.run_ticks(1);
        if rig.gate.counters().sessions_taken_over > 0 {
            rig.bots[again].is_mute = true;
        }
    }
    rig.run_ticks(9 * 60);
    assert_eq!(inside(&rig), []);
    rig.run_ticks(2 * 60);
    assert_eq!(inside(&rig), [1]);
}

/// proves: LIF-21
#[test]
fn takeovers_by_other_clients_of_an_account_have_the_same_place() {
    let mut rig = rig_of(1, 4);
    rig.clients_are_strangers = true;
    for number in 1..=3 {
        arrive(&mut rig, number);
    }
    let in_world = arrive(&mut rig, 1);
    let in_queue = arrive(&mut rig, 2);
    let gone: Vec<_> = rig.bots.iter().map(|bot| bot.gone).collect();
    let over = Some(Reason::TakenOver);
    assert_eq!(gone, [over, over, None, None, None]);
    assert_eq!((inside(&rig), places(&rig, in_queue)), (vec![in_world], vec![(1, 2)]));
}

/// proves: LIF-21
#[test]
fn whoever_is_silent_when_his_turn_comes_is_passed_over_and_comes_next() {
    let mut rig = crowd(1, 4, 3);
    (rig.bots[1].is_mute, rig.bots[1].is_deaf) = (true, true);
    rig.run_ticks(16 * 60);
    leave(&mut rig, 0);
    assert_eq!(inside(&rig), [2]);
    (rig.bots[1].is_mute, rig.bots[1].is_deaf) = (false, false);
    rig.run_ticks(5 * 60);
    assert_eq!(rig.bots[1].client.queued(), Some((1, 1)));
    arrive(&mut rig, 9);
    leave(&mut rig, 2);
    assert_eq!(inside(&rig), [1], "before those who came after him");
    // For longer than a minute nobody's place is kept.
    (rig.bots[3].is_mute, rig.bots[3].is_deaf) = (true, true);
    rig.run_ticks(80 * 60);
    assert_eq!((rig.realm.status().queued, rig.gate.gate_counters().disconnects.of(Reason::TimedOut)), (0, 1));
}

/// proves: LIF-21
#[test]
fn while_joins_are_paused_newcomers_wait_and_who_is_here_may_log_in_anew() {
    let mut rig = crowd(4, 1, 2);
    rig.realm.pause_joins(Some(Reason::ServerShutdown));
    let (waits, refused) = (arrive(&mut rig, 3), arrive(&mut rig, 4));
    assert_eq!((places(&rig, waits), rig.bots[refused].gone), (vec![(1, 1)], Some(Reason::ServerShutdown)));
    let again = arrive(&mut rig, 1);
    assert_eq!(inside(&rig), [1, again]);
    assert_eq!((rig.realm.status().refused_paused, rig.realm.status().refused_full), (1, 0));
    rig.realm.pause_joins(None);
    rig.run_ticks(20);
    assert_eq!((inside(&rig), rig.realm.status().queued), (vec![1, waits, again], 0));
}

/// proves: LIF-21
#[test]
fn a_server_that_goes_down_tells_those_who_wait_and_lets_nobody_in_for_those_who_go() {
    let mut rig = crowd(2, 4, 5);
    rig.realm.close();
    rig.gate.close_all(rig.now, Reason::ServerShutdown);
    rig.run_ticks(60);
    assert!(rig.bots.iter().all(|bot| bot.gone == Some(Reason::ServerShutdown)));
    assert!(rig.realm.is_drained() && rig.realm.status().queued == 0);
    assert_eq!(rig.journal.len(), 2, "nobody else was in");
}

/// proves: LIF-21, CHR-1
#[test]
fn guests_wait_like_everybody_and_have_their_characters_when_it_is_their_turn() {
    let mut rig = rig_of(1, 2);
    rig.chooses = true;
    let (first, second) = (arrive(&mut rig, 1), arrive(&mut rig, 2));
    let has_roster = |rig: &Rig, index: usize| {
        rig.bots[index].events.iter().any(|event| matches!(event, ClientEvent::Message(ServerMessage::Roster(_))))
    };
    assert!(has_roster(&rig, first) && !has_roster(&rig, second));
    assert_eq!(places(&rig, second), [(1, 1)]);
    leave(&mut rig, first);
    assert!(has_roster(&rig, second) && rig.bots[second].client.queued().is_none());
    assert_eq!((rig.realm.status().guests, rig.realm.status().queued), (1, 0));
}

/// proves: LIF-21, CMD-1, CHR-2
#[test]
fn who_waits_has_his_echoes_and_is_refused_whatever_he_wants_of_the_world() {
    let mut rig = crowd(1, 2, 2);
    rig.bots[1].client.send(&ClientMessage::Echo { number: 7 }).unwrap();
    let order = rig.bots[1].client.command(Command::Respawn).unwrap();
    let character = protocol::CharacterId(1);
    let step = rig.bots[1].client.roster(RosterStep::Play { character }).unwrap();
    rig.bots[1].client.send(&ClientMessage::Resync).unwrap();
    rig.run_ticks(30);
    assert_eq!(rig.bots[1].echoes, [7]);
    assert_eq!(rig.bots[1].done, [(order, Err(Refusal::UnknownTarget)), (step, Err(Refusal::TooEarly))]);
    assert_eq!((rig.realm.status().refused, rig.realm.status().stale), (1, 0));
    assert_eq!((rig.bots[1].gone, rig.bots[1].client.queued()), (None, Some((1, 1))));
}

#[test]
fn how_many_may_be_in_can_be_changed_while_they_are() {
    let mut rig = crowd(2, 3, 4);
    assert_eq!((rig.realm.set_players_max(3), rig.realm.room()), (3, 5));
    rig.run_ticks(20);
    assert_eq!((inside(&rig), rig.realm.status().queued), (vec![0, 1, 2], 1));
    assert_eq!(rig.realm.set_players_max(0), 1, "at least one");
    leave(&mut rig, 0);
    assert_eq!((inside(&rig), rig.realm.status().queued), (vec![1, 2], 1), "nobody goes for it, and nobody comes");
    assert_eq!(rig.realm.set_players_max(100), 5, "there is no more room");
    rig.run_ticks(20);
    assert_eq!(inside(&rig), [1, 2, 3]);
}
