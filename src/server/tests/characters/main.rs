//! Characters that people make, play and delete, from the wire to the disk and back: over links, through slow disks, logouts,
//! takeovers and restarts.

#[path = "../rig/mod.rs"]
mod rig;

mod choose;
mod flood;
mod refuse;
mod storm;

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
use server::{Accused, Action, Policy, Suspicion};
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

/// The server is gone, and another one starts on the same disk.
fn restart(rig: Rig, incarnation: u32) -> Rig {
    let mut next = rig_of(|config| config.incarnation = incarnation);
    (next.books, next.journal) = (rig.books, rig.journal);
    next
}
