//! Shots: asked for by messages, carried out after the motion of their tick, told to those whom they concern.

use super::Realm;
use super::player::{Player, Stage};
use crate::SessionId;
use crate::outbound::Outbound;
use game::{Aim, SHOT_BURST};
use protocol::event::{Audience, Shoot, Shot, ShotRefusal};
use protocol::message::ServerMessage;
use protocol::unit::{TICK_RATE_HZ, unit_of};
use protocol::{GameEvent, NetId, Tick, codec};
use rudp::channel;
use std::ops::Range;

/// Shots of one tick, and what came of them.
#[derive(Debug, Default)]
pub struct Shots {
    /// In the order in which they came.
    asked: Vec<Asked>,
    happened: Happened,
    scratch: Vec<u8>,
}

#[derive(Debug)]
struct Asked {
    by: NetId,
    /// Keeps the order of one shooter's shots.
    place: u16,
    session: SessionId,
    shoot: Shoot,
}

/// What happened in one tick, for all who tell of it to read.
#[derive(Debug, Default)]
pub struct Happened {
    /// In order.
    events: Vec<Event>,
    /// Their messages, the same for all receivers.
    bytes: Vec<u8>,
    /// Who has part in which event, sorted; the index of an event is its place in `events`.
    concerns: Vec<(NetId, u16)>,
    /// By row: whether an entity has part in any.
    is_concerned: Vec<bool>,
    /// The event whose turn it is to be told first among those of one concern: another one each tick, so that nobody's
    /// shots are always those left out.
    first: u16,
}

#[derive(Debug)]
struct Event {
    bytes: Range<usize>,
    by: NetId,
    /// Nobody else's business.
    is_private: bool,
}

/// Shots and events of one tick are counted in 16 bits, and each of so many players may have [`SHOT_BURST`] of them. The
/// ids of a world bound its players to fewer.
pub const PLAYERS_MAX: usize = u16::MAX as usize / SHOT_BURST as usize;
/// Hits on one receiver that he is told of in a tick whatever they cost. More in every tick come from 49 who fire as fast as
/// their weapons do and never miss, more in one tick from three whose shots were held up together: those beyond must find
/// bytes, or a crowd could fill one man's queue until he is put out for being slow.
const HITS_TOLD_MIN: usize = 8;
/// What an event costs beside its message: the type, id and length of its frame (spec: PKT-20).
const EVENT_FRAME_BYTES: i32 = 4;
/// Whoever was hit and whoever did it are told of each other before all others for so long: 5 s, time to run for cover and
/// look out again.
const FIGHT_TICKS: u32 = 5 * TICK_RATE_HZ;
/// Spreads ticks over the events of each: a large prime, so that weapons which fire every few ticks meet all turns.
const SCATTER: u32 = 2_654_435_761;

impl Shots {
    /// A player shoots in the coming tick. False if he has asked for as many shots as can be carried out in one: what is
    /// kept until then is bounded for each, so that nobody takes another's place.
    pub fn ask(&mut self, by: NetId, player: &mut Player, shoot: Shoot) -> bool {
        let has_room = player.shots_asked < SHOT_BURST;
        if has_room {
            player.shots_asked += 1;
            self.asked.push(Asked { by, place: self.asked.len() as u16, session: player.session, shoot });
        }
        has_room
    }

    /// What came of those of the last tick.
    pub fn happened(&self) -> &Happened {
        &self.happened
    }
}

impl Realm {
    /// spec: SHO-4. Carries out what was asked for since the last tick, in the order of the shooters' ids: which thread or
    /// datagram came first decides nothing.
    pub(super) fn carry_out_shots(&mut self) {
        self.shots.happened.begin();
        let mut asked = std::mem::take(&mut self.shots.asked);
        asked.sort_unstable_by_key(|asked| (asked.by, asked.place));
        let tick = self.game.now();
        for asked in asked.drain(..) {
            let Some(event) = self.carry_out(&asked, tick) else { continue };
            #[cfg(feature = "faults")]
            let event = bent(self.config.fault, event);
            codec::encode(&ServerMessage::Event { tick, event }, &mut self.shots.scratch);
            self.shots.happened.add(asked.by, &event, &self.shots.scratch);
            #[cfg(feature = "faults")]
            if self.config.fault == Some(crate::Fault::DoubleShot) && asked.shoot.number % 20 == 3 {
                self.shots.happened.add(asked.by, &event, &self.shots.scratch);
            }
        }
        self.shots.asked = asked;
        self.shots.happened.end(tick);
    }

    /// spec: SHO-4, SHO-5. Answers a shot beyond those that can be carried out in the coming tick. The answer is of that tick:
    /// it leaves before its parts.
    pub(super) fn refuse_shot(&mut self, session: SessionId, number: u16, out: &mut Outbound) {
        self.status.shots_too_soon += 1;
        self.status.events_told += 1;
        let event = GameEvent::ShotRefused { number, reason: ShotRefusal::TooSoon };
        out.message(session, channel::EVENT, &ServerMessage::Event { tick: self.game.now().next(), event });
    }

    /// None if the shooter has left since he asked.
    fn carry_out(&mut self, asked: &Asked, now: Tick) -> Option<GameEvent> {
        let (by, status) = (asked.by, &mut self.status);
        let plays = |player: &&mut Player| player.stage == Stage::Playing(by);
        let Some(player) = self.players.find(asked.session).filter(plays) else {
            status.stale += 1;
            return None;
        };
        player.shots_asked = 0;
        let Shoot { number, input, view, yaw, pitch } = asked.shoot;
        if !player.trigger.pull(now) {
            status.shots_too_soon += 1;
            return Some(GameEvent::ShotRefused { number, reason: ShotRefusal::TooSoon });
        }
        let outcome = self.game.shoot(by, player.inbox.ahead(input), &Aim { view, yaw, pitch });
        let Ok(outcome) = outcome.expect("who plays is in the world") else {
            status.shots_stale += 1;
            return Some(GameEvent::ShotRefused { number, reason: ShotRefusal::Stale });
        };
        status.shots += 1;
        status.shots_hit += u64::from(outcome.target.is_some());
        status.shots_rewound_steps += outcome.rewound_steps;
        if let Some(target) = outcome.target {
            self.game.set_fighting(by, target, Tick(now.0.saturating_add(FIGHT_TICKS)));
        }
        let [x_units, y_units, z_units] = [outcome.end.x, outcome.end.y, outcome.end.z].map(unit_of);
        Some(GameEvent::Shot(Shot { by, number, target: outcome.target, x_units, y_units, z_units }))
    }
}

impl Happened {
    fn begin(&mut self) {
        for &(id, _) in &self.concerns {
            self.is_concerned[id.row()] = false;
        }
        self.events.clear();
        self.bytes.clear();
        self.concerns.clear();
    }

    fn add(&mut self, by: NetId, event: &GameEvent, message: &[u8]) {
        let (target, is_private) = (event.other(), event.audience() == Audience::Private);
        let (index, start) = (self.events.len() as u16, self.bytes.len());
        self.bytes.extend_from_slice(message);
        self.events.push(Event { bytes: start..self.bytes.len(), by, is_private });
        for id in [Some(by), target].into_iter().flatten() {
            if self.is_concerned.len() <= id.row() {
                self.is_concerned.resize(id.row() + 1, false);
            }
            self.is_concerned[id.row()] = true;
            self.concerns.push((id, index));
        }
    }

    fn end(&mut self, now: Tick) {
        self.concerns.sort_unstable();
        let events = self.events.len().max(1) as u32;
        self.first = (now.0.wrapping_mul(SCATTER) % events) as u16;
    }

    fn event(&self, index: u16) -> &Event {
        &self.events[usize::from(index)]
    }

    /// The events in which an entity has part.
    fn of(&self, id: NetId) -> impl Iterator<Item = u16> {
        let from = self.concerns.partition_point(|&(of, _)| of < id);
        self.concerns[from..].iter().take_while(move |&&(of, _)| of == id).map(|&(_, index)| index)
    }
}

#[cfg(feature = "faults")]
fn bent(fault: Option<crate::Fault>, mut event: GameEvent) -> GameEvent {
    if let (Some(crate::Fault::BendShot), GameEvent::Shot(shot)) = (fault, &mut event)
        && shot.number % 4 == 1
    {
        shot.x_units += protocol::unit::UNITS_PER_M;
    }
    event
}

/// How much an event concerns a receiver, most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Concern {
    /// He shot; he waits for the answer.
    His,
    /// He was hit.
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
    heard: Vec<(Concern, u16)>,
}

impl Ear {
    /// spec: SHO-8. Tells a player what happened: his own shots and what hit him always, what he sees of others within half
    /// of the bytes of a snapshot. A crowd that shoots must not fill his queue with what he cannot read.
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
            let concern = if happened.event(index).by == id { Concern::His } else { Concern::AtHim };
            (concern, index)
        }));
        for (_, other) in player.view.in_view() {
            if happened.is_concerned.get(other.row()) == Some(&true) {
                let public = happened.of(other).filter(|&index| !happened.event(index).is_private);
                self.heard.extend(public.map(|index| (Concern::Seen, index)));
            }
        }
        self.heard.sort_unstable_by_key(|&(concern, index)| (index, concern));
        self.heard.dedup_by_key(|&mut (_, index)| index);
        self.heard.sort_unstable_by_key(|&(concern, index)| (concern, index < happened.first, index));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbound::{Inbound, SessionEvent};
    use crate::outbound::OutboundItem;
    use crate::realm::{RealmConfig, StoreDone, StoreJob};
    use protocol::message::ClientMessage;
    use protocol::motion::StaticMap;
    use protocol::unit::TICK_NS;
    use protocol::{CharacterId, ViewTick};
    use rudp::time::Now;
    use rudp::token::{Name, Role, UserData};
    use std::sync::Arc;

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
            happened.add(by, &GameEvent::Shot(shot), &[number as u8]);
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
            happened.add(NetId(by), &GameEvent::ShotRefused { number: 0, reason: ShotRefusal::Stale }, &[by as u8]);
        }
        happened.end(Tick(1));
        assert_eq!(told(&happened, &mut viewer(1_000)), (vec![5], 0));
        happened.begin();
        happened.end(Tick(2));
        assert_eq!(told(&happened, &mut viewer(1_000)), (vec![], 0), "a tick later nothing of it is left");
    }

    /// A realm with two people in it, and how it ticks: what is said to it, and the answers of the event channel by slot.
    struct Pair(Realm, u64);

    impl Pair {
        fn new() -> Self {
            let map = Arc::new(StaticMap::new(100, 100, &[]).unwrap());
            let mut pair = Self(Realm::new(RealmConfig { players_max: 2, ..RealmConfig::new(map) }), 0);
            let user = |id: u64| UserData {
                account_id: id,
                character_id: id,
                name: Name::new("someone").unwrap(),
                role: Role::Player,
                issued_at_ms: 0,
                serial: id,
                epoch: 0,
            };
            let joined =
                |slot: u32| SessionEvent::Joined { session: session(slot), user: Box::new(user(1 + u64::from(slot))) };
            pair.tick((0..2).map(joined));
            while let Some(StoreJob::Load { character }) = pair.0.poll_store() {
                pair.0.handle_completion(StoreDone::Loaded { character, found: Ok(None) });
            }
            pair.tick([]);
            pair
        }

        fn tick(&mut self, said: impl IntoIterator<Item = SessionEvent>) -> Vec<(u32, Tick, GameEvent)> {
            let (mut inbound, mut out) = (Inbound::default(), Outbound::default());
            said.into_iter().for_each(|event| inbound.push_event(event));
            self.1 += TICK_NS;
            self.0.tick(Now { mono_ns: self.1, unix_s: 0 }, std::slice::from_mut(&mut inbound), &mut out);
            let heard = out.items().iter().filter_map(|item| match item {
                OutboundItem::Message { session, channel: channel::EVENT, bytes } => {
                    match codec::decode(out.bytes(bytes)).unwrap() {
                        ServerMessage::Event { tick, event } => Some((session.slot, tick, event)),
                        _ => None,
                    }
                }
                _ => None,
            });
            heard.collect()
        }
    }

    fn session(slot: u32) -> SessionId {
        SessionId { slot, generation: 0 }
    }

    fn asks(slot: u32, number: u16, tick: Tick) -> SessionEvent {
        let shoot = Shoot { number, input: 0, view: ViewTick { tick, fraction: 0 }, yaw: 0, pitch: 60_000 };
        SessionEvent::Message { session: session(slot), message: ClientMessage::Shoot(shoot) }
    }

    /// proves: SHO-5
    #[test]
    fn who_asks_without_end_takes_nobodys_shots_and_every_shot_has_one_answer() {
        let mut pair = Pair::new();
        let flood: u16 = 60_000;
        for round in 0..2 {
            (0..20).for_each(|_| drop(pair.tick([])));
            let now = pair.0.game.now();
            let greedy = (0..2).flat_map(|_| (0..flood).map(|number| asks(0, number, now)));
            let heard = pair.tick(greedy.chain([asks(1, 7, now)]));
            let shots =
                |of| heard.iter().filter(move |(to, _, event)| *to == of && matches!(event, GameEvent::Shot(_)));
            assert_eq!([0, 1].map(|of| shots(of).count()), [3, 1], "round {round}");
            assert_eq!(heard.len(), 2 * usize::from(flood) + 1);
            assert!(heard.iter().all(|&(_, tick, _)| tick == now.next()));
            assert_eq!(pair.0.status().shots_too_soon, (round + 1) * (2 * u64::from(flood) - 3));
        }
        assert_eq!((pair.0.status().shots, pair.0.status().refused), (8, 0));
    }
}
