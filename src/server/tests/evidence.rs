//! Who tries to cheat is noticed, and who has a bad link is not.

mod rig;

use netem::LinkConfig;
use protocol::message::{Claim, ClientMessage};
use protocol::{Command, ItemId, SkillId, Tick};
use rig::Rig;
use rudp::Reason;
use server::{Action, Policy, Suspicion};

fn realm(link: LinkConfig, bots: u64, action: Action) -> Rig {
    let mut rig = Rig::new(link, |config| config.policy = Policy { action, ..Policy::default() });
    for number in 1..=bots {
        rig.predicts = number > bots / 2;
        rig.join(number);
    }
    rig.run_until_joined(600);
    rig
}

fn count(rig: &Rig, kind: Suspicion) -> u64 {
    rig.realm.status().suspicions[kind as usize]
}

/// A tenth lost, 200 ms of jitter, for ten minutes: nobody is put out, though half of them shoot all the time, half say where
/// they believe to be, and all are judged by the harshest policy.
///
/// proves: CMD-4
#[test]
fn honest_players_on_the_worst_of_links_are_never_put_out() {
    let link = LinkConfig { jitter_ns: 200_000_000, loss: 0.1, ..LinkConfig::with_latency_ns(30_000_000) };
    let mut rig = realm(link, 4, Action::Kick);
    for round in 0..600_u32 {
        for bot in rig.bots.iter_mut().step_by(2) {
            let view = protocol::ViewTick { tick: bot.client.newest_tick(), fraction: 0 };
            let yaw = bot.input.yaw << 4;
            let _ = bot.client.shoot(view, yaw, 60_000);
            let _ = bot.client.command(Command::Use { item: ItemId(u64::from(round)) });
        }
        rig.run_ticks(60);
    }
    for (bot, predicts) in rig.bots.iter().zip([false, false, true, true]) {
        assert_eq!(bot.client.screen_stats().is_some(), predicts);
    }
    let status = rig.realm.status();
    assert_eq!((status.players, status.kicked, status.incidents), (4, 0, 0), "{:?}", status.suspicions);
    assert_eq!([Suspicion::State, Suspicion::Place, Suspicion::Inputs].map(|kind| count(&rig, kind)), [0; 3]);
}

/// proves: CMD-4
#[test]
fn who_lives_twice_as_fast_as_time_is_put_out() {
    let mut rig = realm(LinkConfig::with_latency_ns(20_000_000), 2, Action::Kick);
    for _ in 0..2_400 {
        let (now, input) = (rig.now, rig.bots[0].input);
        rig.bots[0].client.push_input(now, input);
        rig.run_ticks(1);
    }
    assert!(count(&rig, Suspicion::Inputs) >= 4);
    assert_eq!(rig.bots[0].gone, Some(Reason::Suspected));
    assert_eq!(rig.bots[1].gone, None);
    let incident = rig.realm.poll_incident().unwrap();
    assert_eq!((incident.kind, incident.action), (Suspicion::Inputs, Action::Kick));
    assert!(rig.realm.poll_incident().is_none());
}

/// proves: CMD-4
#[test]
fn claims_that_differ_from_what_was_told_are_counted_and_by_the_usual_policy_nobody_is_put_out() {
    let mut rig = realm(LinkConfig::with_latency_ns(20_000_000), 1, Action::Flag);
    let lie = |rig: &mut Rig, believed: Option<(u16, [i32; 3])>| {
        let (tick, own) = rig.bots[0].client.own().unwrap();
        let claim = Claim { tick, digest: own.digest() ^ u32::from(believed.is_none()), believed };
        rig.bots[0].client.send(&ClientMessage::Claim(claim)).unwrap();
        rig.run_ticks(20);
    };
    for _ in 0..6 {
        lie(&mut rig, None);
    }
    assert_eq!((count(&rig, Suspicion::State), count(&rig, Suspicion::Place)), (6, 0));
    let number = rig.bots[0].inputs.len() as u16;
    lie(&mut rig, Some((number + 3, [i32::MAX, i32::MIN, 0])));
    assert_eq!((count(&rig, Suspicion::State), count(&rig, Suspicion::Place)), (6, 1));
    assert_eq!((rig.bots[0].gone, rig.realm.status().incidents), (None, 2), "the fifth and the sixth");
    let claim = Claim { tick: Tick(u32::MAX), digest: 0, believed: None };
    rig.bots[0].client.send(&ClientMessage::Claim(claim)).unwrap();
    rig.run_ticks(20);
    assert_eq!(count(&rig, Suspicion::State), 6, "of a tick that has not been nothing was told");
}

/// proves: CMD-1, CMD-4
#[test]
fn every_command_has_one_answer_and_impossible_and_endless_ones_speak_against_their_sender() {
    let mut rig = realm(LinkConfig::with_latency_ns(20_000_000), 1, Action::Log);
    for _ in 0..40 {
        rig.bots[0].client.command(Command::Learn { skill: SkillId(9_999) }).unwrap();
    }
    rig.run_ticks(60);
    let answers: Vec<u16> = rig.bots[0].done.iter().map(|(number, _)| *number).collect();
    let mut sorted = answers.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..40).collect::<Vec<u16>>(), "{answers:?}");
    assert!(count(&rig, Suspicion::Flood) >= 1);
    assert_eq!(rig.realm.status().orders_refused, 40);
}
