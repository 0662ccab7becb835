//! From one client's datagram to its neighbours' screens, in virtual time.

mod rig;

use netem::LinkConfig;
use protocol::message::ClientMessage;
use rig::Rig;

fn perfect() -> LinkConfig {
    LinkConfig::with_latency_ns(1_000_000)
}

/// 50 ms each way, up to 30 ms of jitter, a tenth lost, some doubled and overtaken.
fn bad() -> LinkConfig {
    LinkConfig {
        jitter_ns: 30_000_000,
        loss: 0.1,
        duplicate: 0.02,
        reorder: 0.05,
        reorder_ns: 40_000_000,
        ..LinkConfig::with_latency_ns(50_000_000)
    }
}

fn crowd(link: LinkConfig, bots: u64) -> Rig {
    let mut rig = Rig::new(link, |_| {});
    for number in 1..=bots {
        rig.join(number);
    }
    rig.run_until_joined(300);
    for index in 0..rig.bots.len() {
        rig.place(index, 500.0 + index as f64 * 0.5, 500.0);
    }
    rig.run_ticks(60);
    rig
}

#[test]
fn everyone_in_reach_sees_everyone_exactly() {
    let mut rig = crowd(perfect(), 12);
    rig.run_ticks(240);
    rig.assert_all_true();
    assert!(rig.comparisons > 12 * 11 * 200, "{}", rig.comparisons);
    for viewer in 0..12 {
        for other in (0..12).filter(|&other| other != viewer) {
            assert!(rig.sees(viewer, other), "{viewer} does not see {other}");
        }
        assert!(!rig.sees(viewer, viewer), "oneself is told apart");
    }
}

#[test]
fn from_above_everybody_is_a_dot_and_no_more_dots_are_told_than_a_map_can_show() {
    let rig = crowd(perfect(), 12);
    let mut places = Vec::new();
    rig.realm.places(&mut places);
    assert_eq!(places.len(), 12);
    let near = |metres: u16| (450..550).contains(&metres);
    assert!(places.iter().all(|place| place.is_player && near(place.x_m) && near(place.y_m)), "{places:?}");
    places.resize(server::PLACES_MAX - 5, places[0]);
    rig.realm.places(&mut places);
    assert_eq!(places.len(), server::PLACES_MAX);
}

#[test]
fn a_bad_link_costs_updates_but_never_truth() {
    let mut rig = crowd(bad(), 12);
    rig.run_ticks(600);
    rig.assert_all_true();
    assert!(rig.comparisons > 12 * 11 * 200, "{}", rig.comparisons);
    for viewer in 0..12 {
        for other in (0..12).filter(|&other| other != viewer) {
            assert!(rig.sees(viewer, other), "{viewer} does not see {other}");
        }
    }
}

#[test]
fn who_goes_away_leaves_every_view_and_who_comes_back_enters_it() {
    for link in [perfect(), bad()] {
        let mut rig = crowd(link, 4);
        rig.place(0, 100.0, 100.0);
        rig.run_ticks(60);
        for other in 1..4 {
            assert!(!rig.sees(other, 0) && !rig.sees(0, other));
        }
        rig.place(0, 505.0, 505.0);
        rig.run_ticks(60);
        for other in 1..4 {
            assert!(rig.sees(other, 0) && rig.sees(0, other));
        }
        rig.assert_all_true();
    }
}

#[test]
fn a_crowd_beyond_the_budget_is_still_told_to_everyone_in_turn() {
    let mut rig = crowd(perfect(), 120);
    rig.run_ticks(120);
    let newest = rig.realm.status().tick;
    let mut oldest = 0;
    for viewer in 0..120 {
        assert_eq!(rig.bots[viewer].client.entities().count(), 119);
        for (_, seen) in rig.bots[viewer].client.entities() {
            oldest = oldest.max(newest - seen.tick.0);
        }
    }
    rig.assert_all_true();
    assert!(oldest < 60, "somebody was not refreshed for {oldest} ticks");
}

/// proves: SNP-10
#[test]
fn who_stands_still_is_shown_where_he_stands_even_over_a_bad_link() {
    let mut rig = crowd(bad(), 6);
    for bot in &mut rig.bots {
        bot.wanders = false;
        bot.input = protocol::Input { yaw: bot.input.yaw, ..protocol::Input::default() };
    }
    rig.run_ticks(120);
    for other in 0..6 {
        let (_, own) = rig.bots[other].client.own().unwrap();
        for viewer in (0..6).filter(|&viewer| viewer != other) {
            let seen = rig.bots[viewer].client.sees(rig.own_id(other)).unwrap();
            assert_eq!(seen.state, own.entity());
        }
    }
    let before = rig.realm.status().updates;
    rig.run_ticks(60);
    assert_eq!(rig.realm.status().updates, before, "what everyone knows is not told again");
}

/// proves: MSG-2
#[test]
fn echoes_come_back_in_order_exactly_once_over_a_bad_link() {
    let mut rig = crowd(bad(), 3);
    for number in 0..200 {
        rig.bots[0].client.send(&ClientMessage::Echo { number }).unwrap();
        rig.run_ticks(1);
    }
    rig.run_ticks(180);
    let expected: Vec<u32> = (0..200).collect();
    assert_eq!(rig.bots[0].echoes, expected);
}

/// proves: MSG-2
#[test]
fn who_wants_everything_anew_without_end_is_told_it_twice_a_second() {
    let mut rig = crowd(perfect(), 6);
    for _ in 0..600 {
        (0..4).for_each(|_| rig.bots[0].client.send(&ClientMessage::Resync).unwrap());
        rig.run_ticks(1);
    }
    rig.run_ticks(30);
    let status = *rig.realm.status();
    assert!((19..=21).contains(&status.resyncs), "{}", status.resyncs);
    assert_eq!(status.resyncs + status.resyncs_refused, 2_400);
    rig.assert_all_true();
    assert!((1..6).all(|other| rig.sees(0, other) && rig.sees(other, 0)));
}

#[test]
fn who_comes_back_is_where_he_was_and_others_saw_him_go() {
    let mut rig = crowd(perfect(), 3);
    rig.bots[0].wanders = false;
    rig.bots[0].input = protocol::Input::default();
    rig.run_ticks(60);
    let (_, before) = rig.bots[0].client.own().unwrap();
    let now = rig.now;
    rig.bots[0].client.disconnect(now);
    rig.run_ticks(60);
    assert_eq!(rig.bots[1].client.entities().count(), 1);
    rig.bots.remove(0);
    let again = rig.join(1);
    rig.bots[again].wanders = false;
    rig.run_until_joined(120);
    let (_, after) = rig.bots[again].client.own().unwrap();
    assert_eq!(after.body, before.body);
    rig.run_ticks(60);
    assert!(rig.sees(0, again));
    rig.assert_all_true();
}

#[test]
fn a_checkpoint_is_never_older_than_its_interval() {
    let mut rig = crowd(perfect(), 2);
    rig.run_ticks(600);
    let (tick, _) = rig.bots[0].client.own().unwrap();
    let saved = &rig.journal[&protocol::CharacterId(1)];
    let record = game::PlayerRecord::from_bytes(&saved.bytes).unwrap();
    let id = rig.own_id(0);
    let known = (0..=242).any(|age| {
        let own = rig.truth.get(&(protocol::Tick(tick.0 - age), id));
        own.is_some_and(|own| (own.body.x, own.body.y) == (record.x, record.y))
    });
    assert!(known, "the saved place is none of the last four seconds");
}

#[test]
fn the_same_calls_give_the_same_world() {
    let run = || {
        let mut rig = crowd(bad(), 5);
        rig.run_ticks(200);
        rig.realm.hash()
    };
    assert_eq!(run(), run());
}

#[test]
fn closing_tells_everyone_and_saves_everyone() {
    let mut rig = crowd(perfect(), 5);
    rig.gate.close_all(rig.now, rudp::Reason::ServerShutdown);
    rig.run_ticks(30);
    assert!(rig.realm.is_drained());
    for bot in &rig.bots {
        assert_eq!(bot.gone, Some(rudp::Reason::ServerShutdown));
    }
    assert_eq!(rig.journal.len(), 5);
}

#[test]
fn a_world_that_is_full_says_so() {
    let mut rig = Rig::new(perfect(), |config| config.players_max = 2);
    for number in 1..=3 {
        rig.join(number);
    }
    rig.run_ticks(60);
    let gone: Vec<_> = rig.bots.iter().filter_map(|bot| bot.gone).collect();
    assert_eq!(gone, [rudp::Reason::ServerFull]);
    assert_eq!(rig.realm.status().players, 2);
}

#[test]
fn a_record_from_the_future_refuses_its_owner_and_nobody_else() {
    let mut rig = Rig::new(perfect(), |_| {});
    let unreadable = server::Saved { revision: 3, bytes: vec![0xff; 40] };
    rig.journal.insert(protocol::CharacterId(1), unreadable.clone());
    rig.join(1);
    rig.join(2);
    rig.run_ticks(60);
    assert_eq!(rig.bots[0].gone, Some(rudp::Reason::SessionRefused));
    assert!(rig.bots[1].client.own().is_some());
    assert_eq!(rig.journal[&protocol::CharacterId(1)], unreadable, "what cannot be read is not overwritten");
}

#[test]
fn net_ids_are_used_again_once_nobody_can_mean_the_old_bearer() {
    let mut rig = crowd(perfect(), 3);
    let first = rig.own_id(2);
    let now = rig.now;
    rig.bots[2].client.disconnect(now);
    rig.run_ticks(30);
    rig.bots.remove(2);
    let early = rig.join(3);
    rig.run_until_joined(60);
    assert_ne!(rig.own_id(early), first, "its leave was acknowledged less than 64 ticks ago");
    rig.run_ticks(120);
    let late = rig.join(4);
    rig.run_until_joined(60);
    assert_eq!(rig.own_id(late), first);
}
