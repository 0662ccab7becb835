//! Shots: asked for by messages, carried out after the motion of their tick, told to those whom they concern.

use super::player::{Player, Stage};
use super::{Realm, judge};
use crate::SessionId;
use crate::outbound::Outbound;
use game::{Aim, SHOT_BURST};
use protocol::event::{Shoot, Shot, ShotRefusal};
use protocol::message::ServerMessage;
use protocol::unit::{TICK_RATE_HZ, unit_of};
use protocol::{GameEvent, NetId, Tick};
use rudp::channel;

/// Shots of one tick, and what came of them.
#[derive(Debug, Default)]
pub struct Shots {
    /// In the order in which they came.
    asked: Vec<Asked>,
}

#[derive(Debug)]
struct Asked {
    by: NetId,
    /// Keeps the order of one shooter's shots.
    place: u16,
    session: SessionId,
    shoot: Shoot,
}

/// Shots of one tick are counted in 16 bits, and each of so many players may have [`SHOT_BURST`] of them. The
/// ids of a world bound its players to fewer.
pub const PLAYERS_MAX: usize = u16::MAX as usize / SHOT_BURST as usize;
/// Whoever was hit and whoever did it are told of each other before all others for so long: 5 s, time to run for cover and
/// look out again.
const FIGHT_TICKS: u32 = 5 * TICK_RATE_HZ;
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
}

impl Realm {
    /// spec: SHO-4. Carries out what was asked for since the last tick, in the order of the shooters' ids: which thread or
    /// datagram came first decides nothing.
    pub(super) fn carry_out_shots(&mut self, out: &mut Outbound) {
        let mut asked = std::mem::take(&mut self.shots.asked);
        asked.sort_unstable_by_key(|asked| (asked.by, asked.place));
        let tick = self.game.now();
        for asked in asked.drain(..) {
            let swing = self.swing_of(&asked);
            let Some(event) = self.carry_out(&asked, tick) else { continue };
            if let (GameEvent::Shot(Shot { target: Some(_), .. }), Some(swing)) = (&event, swing) {
                self.judge_aim(asked.session, swing, out);
            }
            #[cfg(feature = "faults")]
            let event = bent(self.config.fault, event);
            self.happened.add(tick, asked.by, &event, &[]);
            #[cfg(feature = "faults")]
            if self.config.fault == Some(crate::Fault::DoubleShot) && asked.shoot.number % 20 == 3 {
                self.happened.add(tick, asked.by, &event, &[]);
            }
        }
        self.shots.asked = asked;
    }

    /// spec: SHO-4, SHO-5. Answers a shot beyond those that can be carried out in the coming tick. The answer is of that tick:
    /// it leaves before its parts.
    pub(super) fn refuse_shot(&mut self, session: SessionId, number: u16, out: &mut Outbound) {
        self.status.shots_too_soon += 1;
        self.status.events_told += 1;
        let event = GameEvent::ShotRefused { number, reason: ShotRefusal::TooSoon };
        out.message(session, channel::EVENT, &ServerMessage::Event { tick: self.game.now().next(), event });
    }

    /// How far its shooter turned between his last input and this shot.
    fn swing_of(&mut self, asked: &Asked) -> Option<u16> {
        let player = self.players.find(asked.session)?;
        Some(judge::swing(player.inbox.yaw(), asked.shoot.yaw >> 4))
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
            self.game.wound_by_shot(by, target);
        }
        let [x_units, y_units, z_units] = [outcome.end.x, outcome.end.y, outcome.end.z].map(unit_of);
        Some(GameEvent::Shot(Shot { by, number, target: outcome.target, x_units, y_units, z_units }))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbound::{Inbound, SessionEvent};
    use crate::outbound::OutboundItem;
    use crate::realm::{Found, RealmConfig, StoreDone, StoreJob};
    use protocol::message::ClientMessage;
    use protocol::motion::StaticMap;
    use protocol::unit::TICK_NS;
    use protocol::{ViewTick, codec};
    use rudp::time::Now;
    use rudp::token::{Name, Role, UserData};
    use std::sync::Arc;

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
                pair.0.handle_completion(StoreDone::Loaded { character, found: Ok(Found::default()) });
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
