//! What a game of one's own adds, from its systems to the screens: commands, events, news and marks, over bad links.

mod rig;

use bevy_ecs::prelude::{Component, World};
use bincode::{Decode, Encode};
use client::ClientEvent;
use game::extension::{Happenings, Notices, Setup, entity_of};
use game::{Extension, Extensions};
use netem::LinkConfig;
use protocol::custom::{Custom, Kind};
use protocol::event::Audience;
use protocol::message::ServerMessage;
use protocol::{Command, GameEvent, NetId, News, Refusal};
use rig::Rig;

/// What one wears for all to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Component, Encode, Decode)]
struct Hat {
    colour: u32,
}

/// Puts it on; nought takes it off, and more than a million is no colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
struct Wear {
    colour: u32,
}

/// Somebody shouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
struct Shout {
    to: Audience,
}

impl Kind for Hat {
    const KIND: u8 = 1;
}
impl Kind for Wear {
    const KIND: u8 = 1;
}
impl Kind for Shout {
    const KIND: u8 = 2;
}

struct Hats;

impl Extension for Hats {
    fn build(&self, setup: &mut Setup<'_>) {
        setup.replicate::<Hat>();
        setup.on_command::<Wear>(wear);
        setup.on_command::<Shout>(shout);
    }
}

fn wear(world: &mut World, by: NetId, Wear { colour }: Wear) -> Result<(), Refusal> {
    let entity = entity_of(world, by).ok_or(Refusal::UnknownTarget)?;
    match colour {
        0 => drop(world.entity_mut(entity).remove::<Hat>()),
        1..=1_000_000 => drop(world.entity_mut(entity).insert(Hat { colour })),
        _ => return Err(Refusal::WrongCount),
    }
    Ok(())
}

fn shout(world: &mut World, by: NetId, shout: Shout) -> Result<(), Refusal> {
    world.resource_mut::<Happenings>().tell_custom(by, shout.to, &shout);
    world.resource_mut::<Notices>().tell_custom(by, &shout);
    Ok(())
}

/// 50 ms each way, a tenth lost.
fn bad() -> LinkConfig {
    LinkConfig { jitter_ns: 20_000_000, loss: 0.1, ..LinkConfig::with_latency_ns(50_000_000) }
}

/// People in a row, so many metres apart, who stand still.
fn row(bytes_per_s: u32, players: u64, apart_m: f64) -> Rig {
    let mut rig = Rig::with_rate(bytes_per_s, bad(), |config| config.extensions = Extensions::none().with(Hats));
    for number in 1..=players {
        rig.join(number);
    }
    rig.run_until_joined(300);
    for index in 0..rig.bots.len() {
        rig.bots[index].wanders = false;
        rig.bots[index].input = protocol::Input::default();
        rig.place(index, 100.0 + index as f64 * apart_m, 500.0);
    }
    rig.run_ticks(60);
    rig
}

fn asks(rig: &mut Rig, index: usize, command: &impl Kind) -> u16 {
    rig.bots[index].client.command(Command::Custom(Custom::of(command))).unwrap()
}

/// The colours of all hats that somebody sees, by bot; his own, too.
fn hats(rig: &Rig, viewer: usize) -> Vec<Option<u32>> {
    let client = &rig.bots[viewer].client;
    let hat = |marks: &[Custom]| marks.first().map(|mark| mark.read::<Hat>().expect("there are only hats").colour);
    (0..rig.bots.len()).map(|other| hat(client.marks(rig.own_id(other)))).collect()
}

fn heard(rig: &Rig, index: usize) -> (usize, usize) {
    let events = rig.bots[index].happened.iter().filter(|(.., event)| matches!(event, GameEvent::Custom { .. }));
    let is_news = |event: &&ClientEvent| matches!(event, ClientEvent::Message(ServerMessage::News(News::Custom(what))) if what.read::<Shout>().is_some());
    (events.count(), rig.bots[index].events.iter().filter(is_news).count())
}

/// proves: CMD-6
#[test]
fn a_command_of_ones_own_is_answered_and_its_events_reach_those_whom_they_are_for() {
    let mut rig = row(24_000, 4, 90.0);
    let number = asks(&mut rig, 0, &Shout { to: Audience::Seen });
    let refused = asks(&mut rig, 1, &Wear { colour: 1_000_001 });
    rig.run_ticks(60);
    assert_eq!(rig.bots[0].done, [(number, Ok(()))]);
    assert_eq!(rig.bots[1].done, [(refused, Err(Refusal::WrongCount))]);
    assert_eq!([0, 1, 2, 3].map(|index| heard(&rig, index)), [(1, 1), (1, 0), (0, 0), (0, 0)], "90 m apart");
    asks(&mut rig, 0, &Shout { to: Audience::Private });
    rig.run_ticks(60);
    assert_eq!([0, 1, 2, 3].map(|index| heard(&rig, index).0), [2, 1, 0, 0]);
    asks(&mut rig, 0, &Shout { to: Audience::World });
    rig.run_ticks(60);
    assert_eq!([0, 1, 2, 3].map(|index| heard(&rig, index).0), [3, 2, 1, 1]);
}

/// proves: CMD-7
#[test]
fn marks_are_shown_to_those_who_see_whoever_has_them_and_to_him() {
    let mut rig = row(24_000, 4, 90.0);
    asks(&mut rig, 0, &Wear { colour: 5 });
    asks(&mut rig, 2, &Wear { colour: 7 });
    rig.run_ticks(60);
    let seen = |rig: &Rig| [0, 1, 2, 3].map(|viewer| hats(rig, viewer));
    let (five, seven) = (Some(5), Some(7));
    assert_eq!(
        seen(&rig),
        [[five, None, None, None], [five, None, seven, None], [None, None, seven, None], [None, None, seven, None]]
    );
    // One who comes sees them, who goes does not, and a hat that is taken off is gone.
    rig.place(3, 110.0, 500.0);
    asks(&mut rig, 2, &Wear { colour: 0 });
    rig.run_ticks(60);
    assert_eq!(seen(&rig), [five, five, None, five].map(|first| [first, None, None, None]));
    rig.place(0, 900.0, 500.0);
    asks(&mut rig, 0, &Wear { colour: 6 });
    rig.run_ticks(90);
    assert_eq!(seen(&rig), [Some(6), None, None, None].map(|first| [first, None, None, None]));
    rig.place(0, 110.0, 500.0);
    rig.run_ticks(60);
    assert_eq!(seen(&rig), [Some(6), Some(6), None, Some(6)].map(|first| [first, None, None, None]));
}

/// proves: CMD-7
#[test]
fn whoever_was_silent_is_told_once_of_what_has_become() {
    let mut rig = row(24_000, 3, 5.0);
    asks(&mut rig, 0, &Wear { colour: 5 });
    rig.run_ticks(60);
    (rig.bots[1].is_mute, rig.bots[1].is_deaf) = (true, true);
    rig.run_ticks(900);
    let told = |rig: &Rig| {
        let is_marks = |event: &&ClientEvent| matches!(event, ClientEvent::Message(ServerMessage::Marks(_)));
        rig.bots[1].events.iter().filter(is_marks).count()
    };
    let before = told(&rig);
    for colour in 100..200 {
        asks(&mut rig, 0, &Wear { colour });
        rig.run_ticks(2);
    }
    rig.run_ticks(60);
    (rig.bots[1].is_mute, rig.bots[1].is_deaf) = (false, false);
    rig.run_ticks(240);
    assert_eq!([0, 1, 2].map(|viewer| hats(&rig, viewer)[0]), [Some(199); 3]);
    assert_eq!(told(&rig) - before, 1);
}

/// proves: CMD-7
#[test]
fn over_a_slow_link_marks_come_one_after_the_other_and_at_last_all_are_true() {
    let mut rig = row(4_000, 40, 2.0);
    for round in 1..=3 {
        for index in 0..40 {
            asks(&mut rig, index, &Wear { colour: round * 1_000 + index as u32 });
        }
        rig.run_ticks(20);
    }
    let put_off = rig.realm.status().marks_put_off;
    assert!(put_off > 0, "the link is too fast to show anything");
    rig.run_ticks(900);
    let expected: Vec<_> = (0..40).map(|index| Some(3_000 + index)).collect();
    for viewer in 0..40 {
        assert_eq!(hats(&rig, viewer), expected, "viewer {viewer}");
    }
    assert!(rig.bots.iter().all(|bot| bot.gone.is_none()), "nobody is put out for being slow");
    assert!(rig.bots.iter().all(|bot| bot.client.stats().messages_malformed == 0));
    let told = rig.realm.status().marks_told;
    rig.run_ticks(120);
    assert_eq!(rig.realm.status().marks_told, told, "and nobody is told again");
}
