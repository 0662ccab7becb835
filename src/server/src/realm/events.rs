//! What happened in a tick, and who is told of it.
//!
//! spec: SHO-8, CMD-2. Each event is encoded once, whoever hears of it. What one did and what was done to one comes always;
//! what one sees of others within half of the bytes of a snapshot: a crowd that fights must not fill anybody's queue with
//! what he cannot read.

use super::Realm;
use super::chronicle::{Matter, is_worth};
use super::player::Player;
use crate::outbound::Outbound;
use protocol::event::Audience;
use protocol::message::ServerMessage;
use protocol::{GameEvent, NetId, Tick, codec};
use rudp::channel;
use std::ops::Range;

/// What happened in one tick, for all who tell of it to read.
#[derive(Debug, Default)]
pub struct Happened {
    /// In order.
    events: Vec<Event>,
    /// Their messages, the same for all receivers.
    bytes: Vec<u8>,
    /// Who has part in which event, sorted; the index of an event is its place in `events`.
    concerns: Vec<(NetId, u32)>,
    /// Events for everyone.
    world: Vec<u32>,
    /// By row: whether an entity has part in any.
    is_concerned: Vec<bool>,
    /// The event whose turn it is to be told first among those of one concern: another one each tick, so that nobody's
    /// shots are always those left out.
    first: u32,
    scratch: Vec<u8>,
}

#[derive(Debug)]
struct Event {
    bytes: Range<usize>,
    by: NetId,
    /// Others may do as much of it to one as they like.
    is_hit: bool,
    /// The business of nobody but those who have part in it.
    is_private: bool,
}

/// Hits on one receiver that he is told of in a tick whatever they cost. More in every tick come from 49 who fire as fast as
/// their weapons do and never miss, more in one tick from three whose shots were held up together: those beyond must find
/// bytes, or a crowd could fill one man's queue until he is put out for being slow.
const HITS_TOLD_MIN: usize = 8;
/// What an event costs beside its message: the type, id and length of its frame (spec: PKT-20).
const EVENT_FRAME_BYTES: i32 = 4;
/// Spreads ticks over the events of each: a large prime, so that weapons which fire every few ticks meet all turns.
const SCATTER: u32 = 2_654_435_761;

impl Happened {
    /// Forgets the last tick.
    pub fn begin(&mut self) {
        for &(id, _) in &self.concerns {
            self.is_concerned[id.row()] = false;
        }
        self.events.clear();
        self.bytes.clear();
        self.concerns.clear();
        self.world.clear();
    }

    /// Adds an event of this tick. `of` is whom it is about; what is for a party is for `party`, too.
    pub fn add(&mut self, tick: Tick, of: NetId, event: &GameEvent, party: &[NetId]) {
        let mut scratch = std::mem::take(&mut self.scratch);
        codec::encode(&ServerMessage::Event { tick, event: *event }, &mut scratch);
        self.add_encoded(of, event, party, &scratch);
        self.scratch = scratch;
    }

    fn add_encoded(&mut self, of: NetId, event: &GameEvent, party: &[NetId], message: &[u8]) {
        let (by, other) = event.parts(of);
        let audience = event.audience();
        let (index, start) = (self.events.len() as u32, self.bytes.len());
        self.bytes.extend_from_slice(message);
        let is_hit = matches!(event, GameEvent::Shot(_) | GameEvent::Hurt(_));
        let is_private = matches!(audience, Audience::Private | Audience::Party);
        self.events.push(Event { bytes: start..self.bytes.len(), by, is_hit, is_private });
        let members = if audience == Audience::Party { party } else { &[] };
        for id in [Some(by), other].into_iter().flatten().chain(members.iter().copied()) {
            if self.is_concerned.len() <= id.row() {
                self.is_concerned.resize(id.row() + 1, false);
            }
            self.is_concerned[id.row()] = true;
            self.concerns.push((id, index));
        }
        if audience == Audience::World {
            self.world.push(index);
        }
    }

    /// All of this tick's events have been added.
    pub fn end(&mut self, now: Tick) {
        self.concerns.sort_unstable();
        let events = self.events.len().max(1) as u32;
        self.first = now.0.wrapping_mul(SCATTER) % events;
    }

    fn event(&self, index: u32) -> &Event {
        &self.events[index as usize]
    }

    /// The events in which an entity has part.
    fn of(&self, id: NetId) -> impl Iterator<Item = u32> {
        let from = self.concerns.partition_point(|&(of, _)| of < id);
        self.concerns[from..].iter().take_while(move |&&(of, _)| of == id).map(|&(_, index)| index)
    }
}

impl Realm {
    /// What the game says happened in this tick.
    pub(super) fn hear_game(&mut self) {
        let now = self.game.now();
        for happening in self.game.happenings() {
            self.status.events[happening.event.kind()] += 1;
            if is_worth(&happening.event) {
                let character = self.game.character(happening.of);
                self.chronicle.write(now, character, Matter::Event(happening.event));
            }
            let party = self.game.party_of(happening.of);
            self.happened.add(now, happening.of, &happening.event, party);
        }
    }

    /// What single players are told of themselves, and the answers to what they asked for. spec: CMD-1, CMD-3.
    pub(super) fn tell_own(&mut self, out: &mut Outbound) {
        for (to, news) in self.game.notices() {
            // Whoever hears nothing is told all of it anew when he does.
            if let Some(session) = self.players.of_entity(*to)
                && self.players.find(session).is_some_and(|player| !player.is_silent)
            {
                out.message(session, channel::CONTROL, &ServerMessage::News(news.clone()));
            }
        }
        for answer in self.game.answers() {
            self.status.orders += 1;
            self.status.orders_refused += u64::from(answer.result.is_err());
            if let Some(session) = self.players.of_entity(answer.to) {
                let done = ServerMessage::Done { number: answer.number, result: answer.result };
                out.message(session, channel::CONTROL, &done);
            }
        }
    }
}

/// How much an event concerns a receiver, most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Concern {
    /// He did it, and waits for the answer; or it was done to him, as few things can be in a tick.
    His,
    /// He was hit, which can be done to one without end.
    AtHim,
    /// He sees it.
    Seen,
}

/// Events told to one receiver, and those he had no bytes for.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventsTold {
    pub told: u64,
    pub left_out: u64,
}

/// Listens for one receiver after another.
#[derive(Debug, Default)]
pub struct Ear {
    /// What one is to be told: how much it concerns him, and which.
    heard: Vec<(Concern, u32)>,
}

impl Ear {
    /// Tells a player what happened.
    pub fn tell(&mut self, happened: &Happened, id: NetId, player: &mut Player, out: &mut Outbound) -> EventsTold {
        if happened.events.is_empty() {
            return EventsTold::default();
        }
        self.hear(happened, id, player);
        let concerning = self.heard.len();
        let mut hits = 0;
        self.heard.retain(|&(concern, index)| {
            let bytes = happened.event(index).bytes.len() as i32 + EVENT_FRAME_BYTES;
            hits += usize::from(concern == Concern::AtHim);
            let is_told = match concern {
                Concern::His => true,
                Concern::AtHim => hits <= HITS_TOLD_MIN || player.others_bytes >= bytes,
                Concern::Seen => player.others_bytes >= bytes,
            };
            if is_told {
                player.others_bytes -= if concern == Concern::His { 0 } else { bytes };
                player.budget_bytes -= bytes;
            }
            is_told
        });
        self.heard.sort_unstable_by_key(|&(_, index)| index);
        for &(_, index) in &self.heard {
            out.encoded(player.session, channel::EVENT, &happened.bytes[happened.event(index).bytes.clone()]);
        }
        EventsTold { told: self.heard.len() as u64, left_out: (concerning - self.heard.len()) as u64 }
    }

    /// Lists what concerns a player, most first, each event once.
    fn hear(&mut self, happened: &Happened, id: NetId, player: &Player) {
        self.heard.clear();
        self.heard.extend(happened.of(id).map(|index| {
            let event = happened.event(index);
            let concern = if event.is_hit && event.by != id { Concern::AtHim } else { Concern::His };
            (concern, index)
        }));
        for (_, other) in player.view.in_view() {
            if happened.is_concerned.get(other.row()) == Some(&true) {
                let public = happened.of(other).filter(|&index| !happened.event(index).is_private);
                self.heard.extend(public.map(|index| (Concern::Seen, index)));
            }
        }
        self.heard.extend(happened.world.iter().map(|&index| (Concern::Seen, index)));
        self.heard.sort_unstable_by_key(|&(concern, index)| (index, concern));
        self.heard.dedup_by_key(|&mut (_, index)| index);
        self.heard.sort_unstable_by_key(|&(concern, index)| (concern, index < happened.first, index));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SessionId;
    use crate::outbound::OutboundItem;
    use protocol::event::{Shot, ShotRefusal};
    use protocol::{CharacterId, ItemKind, SkillId};
    use rudp::token::Role;

    const ME: NetId = NetId(5);

    /// Somebody who sees entities 1 to 9 except himself.
    fn viewer(budget_bytes: i32) -> Player {
        let session = SessionId { slot: 0, generation: 0 };
        let mut player = Player::loading(session, CharacterId(1), Role::Player);
        (1..10).map(NetId).filter(|id| *id != ME).for_each(|id| assert!(player.view.enter(id).is_some()));
        player.grant(budget_bytes);
        player
    }

    /// Each event is a message of one byte, its number.
    fn happened(events: &[(u16, Option<u16>)], now: u32) -> Happened {
        let mut happened = Happened::default();
        happened.begin();
        for (number, &(by, target)) in (0..).zip(events) {
            let (by, target) = (NetId(by), target.map(NetId));
            let shot = Shot { by, number, target, x_units: 0, y_units: 0, z_units: 0 };
            happened.add_encoded(by, &GameEvent::Shot(shot), &[], &[number as u8]);
        }
        happened.end(Tick(now));
        happened
    }

    fn told(happened: &Happened, player: &mut Player) -> (Vec<u8>, u64) {
        let (mut ear, mut out) = (Ear::default(), Outbound::default());
        let told = ear.tell(happened, ME, player, &mut out);
        let bytes = out.items().iter().flat_map(|item| match item {
            OutboundItem::Message { channel: channel::EVENT, bytes, .. } => out.bytes(bytes).to_vec(),
            _ => panic!("only events are told"),
        });
        let bytes: Vec<_> = bytes.collect();
        assert_eq!(bytes.len() as u64, told.told);
        (bytes, told.left_out)
    }

    /// proves: SHO-8
    #[test]
    fn one_hears_of_what_one_sees_and_of_oneself_each_once_and_in_order() {
        let happened =
            happened(&[(1, Some(2)), (20, None), (20, Some(9)), (20, Some(5)), (5, Some(1)), (1, Some(5))], 7);
        assert_eq!(told(&happened, &mut viewer(1_000)), (vec![0, 2, 3, 4, 5], 0));
    }

    /// proves: SHO-8
    #[test]
    fn with_few_bytes_ones_own_shots_come_and_hits_on_oneself_before_those_one_sees() {
        let events = [(1, None), (2, Some(5)), (3, Some(3)), (4, Some(5)), (5, None), (5, Some(6))];
        let mut player = viewer(20);
        assert_eq!(told(&happened(&events, 1), &mut player), (vec![1, 3, 4, 5], 2), "two of others fit ten bytes");
        assert_eq!(player.budget_bytes, 0, "what is told is paid for");
        assert_eq!(told(&happened(&events, 1), &mut viewer(-9)), (vec![1, 3, 4, 5], 2), "without any byte, too");
    }

    /// proves: SHO-8
    #[test]
    fn hits_on_oneself_come_without_any_byte_unless_a_whole_crowd_shoots_at_one() {
        let hits = [(3, Some(ME.0)); HITS_TOLD_MIN + 2];
        let told = |budget_bytes| told(&happened(&hits, 1), &mut viewer(budget_bytes));
        assert_eq!([-100, 0, 88, 90, 100].map(|bytes| told(bytes).0.len()), [8, 8, 8, 9, 10], "five bytes each");
        assert_eq!(told(-100).1, 2);
    }

    /// A link so slow that a snapshot is paid for in six ticks: in five of them there is a debt.
    ///
    /// proves: SHO-8
    #[test]
    fn over_a_slow_link_one_hears_of_others_between_snapshots_but_no_more_than_half_of_one() {
        let mut player = viewer(0);
        let (mut few, mut many) = (0, 0);
        for now in 0..600 {
            player.grant(if now % 6 == 0 { 60 } else { -250 + now as i32 % 6 * 50 });
            few += told(&happened(&[(1, None)], now), &mut player).0.len();
        }
        assert_eq!(few, 600, "one in a tick is 30 bytes between two snapshots");
        for now in 600..1_200 {
            player.grant(if now % 6 == 0 { 60 } else { -100 });
            many += told(&happened(&[(1, None), (2, None)], now), &mut player).0.len();
        }
        assert_eq!(many, 600, "and two in a tick are too many");
    }

    #[test]
    fn nobodys_shots_are_always_those_left_out() {
        let mut heard = [0; 9];
        for now in 0..600 {
            let (bytes, left_out) =
                told(&happened(&[(1, None), (2, None), (3, None), (4, None)], now), &mut viewer(10));
            assert_eq!((bytes.len(), left_out), (1, 3));
            heard[usize::from(bytes[0])] += 1;
        }
        assert!(heard[..4].iter().all(|&times| times > 100), "{heard:?}");
    }

    #[test]
    fn what_is_private_is_for_its_shooter() {
        let mut happened = Happened::default();
        for by in [1, 5] {
            let refused = GameEvent::ShotRefused { number: 0, reason: ShotRefusal::Stale };
            happened.add_encoded(NetId(by), &refused, &[], &[by as u8]);
        }
        happened.end(Tick(1));
        assert_eq!(told(&happened, &mut viewer(1_000)), (vec![5], 0));
        happened.begin();
        happened.end(Tick(2));
        assert_eq!(told(&happened, &mut viewer(1_000)), (vec![], 0), "a tick later nothing of it is left");
    }

    /// proves: CMD-2
    #[test]
    fn a_party_hears_of_its_members_loot_and_the_world_of_the_slain() {
        let mut happened = Happened::default();
        happened.begin();
        let looted = |by| GameEvent::Looted { by: NetId(by), kind: ItemKind(1), count: 1 };
        happened.add_encoded(NetId(70), &looted(70), &[NetId(70), ME], &[0]);
        happened.add_encoded(NetId(1), &looted(1), &[NetId(1), NetId(2)], &[1]);
        let slain = GameEvent::Slain { who: NetId(80), by: NetId(81) };
        happened.add_encoded(NetId(80), &slain, &[], &[2]);
        happened.end(Tick(1));
        assert_eq!(told(&happened, &mut viewer(1_000)), (vec![0, 2], 0), "one it sees is of another party");
        assert_eq!(told(&happened, &mut viewer(-9)), (vec![0], 1), "of the slain within the bytes there are");
    }

    /// proves: CMD-2
    #[test]
    fn what_one_does_comes_without_any_byte_and_so_does_what_lasts_on_one() {
        let mut happened = Happened::default();
        happened.begin();
        let cast = |by| GameEvent::CastBegan { by: NetId(by), skill: SkillId(1), ticks: 60 };
        happened.add_encoded(ME, &cast(ME.0), &[], &[0]);
        happened.add_encoded(NetId(1), &cast(1), &[], &[1]);
        let began = GameEvent::EffectBegan { on: ME, effect: protocol::EffectId(1), stacks: 1, ticks: 9 };
        happened.add_encoded(ME, &began, &[], &[2]);
        happened.end(Tick(1));
        assert_eq!(told(&happened, &mut viewer(-9)), (vec![0, 2], 1));
    }
}
