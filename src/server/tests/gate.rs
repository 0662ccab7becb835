//! What the gate does with clients that misbehave.

mod rig;

use netem::LinkConfig;
use protocol::message::ClientMessage;
use rig::Rig;
use server::Inbound;

fn rig_of(bots: u64) -> Rig {
    let mut rig = Rig::new(LinkConfig::with_latency_ns(1_000_000), |_| {});
    for number in 1..=bots {
        rig.join(number);
    }
    rig.run_until_joined(120);
    rig
}

#[test]
fn messages_that_the_realm_does_not_take_close_the_window_and_none_is_lost() {
    let mut rig = rig_of(1);
    rig.realm_is_stuck = true;
    for number in 0..900 {
        rig.bots[0].client.send(&ClientMessage::Echo { number }).unwrap();
    }
    rig.run_ticks(120);
    assert!(rig.gate.gate_counters().windows_closed > 0);
    assert_eq!(rig.bots[0].echoes, []);
    rig.realm_is_stuck = false;
    rig.run_ticks(600);
    let expected: Vec<u32> = (0..900).collect();
    assert_eq!(rig.bots[0].echoes, expected);
    assert_eq!(rig.bots[0].gone, None);
}

#[test]
fn a_newer_login_of_the_same_character_takes_over_and_the_older_is_told() {
    let mut rig = rig_of(1);
    rig.bots[0].wanders = false;
    rig.bots[0].input = protocol::Input::default();
    rig.run_ticks(60);
    let (_, before) = rig.bots[0].client.own().unwrap();
    let newer = rig.join(1);
    rig.bots[newer].wanders = false;
    rig.run_ticks(120);
    assert_eq!(rig.bots[0].gone, Some(rudp::Reason::TakenOver));
    let (_, after) = rig.bots[newer].client.own().unwrap();
    assert_eq!(after.body, before.body);
    assert_eq!(rig.realm.status().players, 1);
    assert_eq!(rig.bots[newer].gone, None);
}

#[test]
fn who_falls_silent_is_let_go_after_ten_seconds_and_saved() {
    let mut rig = rig_of(2);
    rig.bots[0].is_mute = true;
    rig.run_ticks(60);
    let (_, stopped) = rig.bots[0].client.own().unwrap();
    assert_eq!((stopped.body.vx, stopped.body.vy), (0, 0), "nobody runs on for ten seconds");
    rig.run_ticks(8 * 60);
    assert_eq!(rig.realm.status().players, 2);
    rig.run_ticks(3 * 60);
    assert_eq!(rig.realm.status().players, 1);
    assert!(rig.journal.contains_key(&protocol::CharacterId(1)));
    assert_eq!(rig.bots[1].client.entities().count(), 0);
}

#[test]
fn an_empty_batch_stays_empty() {
    let mut rig = Rig::new(LinkConfig::with_latency_ns(0), |_| {});
    assert!(!rig.gate.has_inbound());
    let mut batch = Inbound::default();
    rig.gate.swap_inbound(rig.now, &mut batch);
    assert!(batch.is_empty());
}
