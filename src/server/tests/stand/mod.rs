//! A realm with sixty people who run about, and stand-ins for their gate and their journal.

use game::Estate;
use protocol::event::Shoot;
use protocol::input::InputMessage;
use protocol::message::{ClientMessage, Experience};
use protocol::motion::StaticMap;
use protocol::unit::{TICK_NS, units_from_m};
use protocol::{Input, Tick, ViewTick};
use rudp::time::Now;
use rudp::token::{Name, Role, UserData};
use rudp::{PartId, PartOutcome, channel};
use server::{
    Found, Inbound, Outbound, OutboundItem, Realm, RealmConfig, SessionEvent, SessionId, StoreDone, StoreJob,
};
use std::sync::Arc;

pub const PLAYERS: u32 = 60;
/// Ticks from a part to its report.
const WAIT: usize = 7;
/// So short a sight that people who run about come into it and leave it all the time.
const ENTER_M: f64 = 15.0;

pub struct Stand {
    pub realm: Realm,
    inbound: Inbound,
    pub outbound: Outbound,
    under_way: Vec<Vec<(SessionId, PartId)>>,
    tick: u32,
    pub parts: u64,
    pub answers: u64,
    pub events: u64,
}

impl Stand {
    pub fn new(configure: impl FnOnce(&mut RealmConfig)) -> Self {
        let map = Arc::new(StaticMap::new(100, 100, &[]).unwrap());
        let mut config = RealmConfig {
            players_max: PLAYERS as usize,
            enter_radius_units: units_from_m(ENTER_M),
            leave_radius_units: units_from_m(ENTER_M * 1.15),
            // A checkpoint is a record of its own length, handed to another thread: it is made of fresh memory.
            save_interval_ns: 360_000_000_000_000,
            // So is an image of the world.
            world_interval_ns: 360_000_000_000_000,
            ..RealmConfig::new(map)
        };
        configure(&mut config);
        let under_way = vec![Vec::new(); WAIT + 1];
        let (inbound, outbound) = (Inbound::default(), Outbound::default());
        Self { realm: Realm::new(config), inbound, outbound, under_way, tick: 0, parts: 0, answers: 0, events: 0 }
    }

    pub fn join(&mut self) {
        for slot in 0..PLAYERS {
            let id = u64::from(slot) + 1;
            let name = Name::new("someone").unwrap();
            let user = UserData {
                account_id: id,
                character_id: id,
                name,
                role: Role::Player,
                issued_at_ms: 0,
                serial: id,
                epoch: 0,
            };
            self.inbound.push_event(SessionEvent::Joined { session: session(slot), user: Box::new(user) });
        }
    }

    /// Everybody runs to and fro, hears what became of his parts, shoots about, and asks for an echo twice a second.
    pub fn speak(&mut self) {
        self.tick += 1;
        let slot = self.tick as usize % (WAIT + 1);
        for (session, part) in self.under_way[slot].drain(..) {
            let outcome = if part.0.is_multiple_of(20) { PartOutcome::Lost } else { PartOutcome::Acked };
            self.inbound.push_report(session, part, outcome);
        }
        for slot in 0..PLAYERS {
            let way = (self.tick / 60 + slot * 7) as u8;
            let input = Input {
                move_x: way.wrapping_mul(91) as i8,
                move_y: way.wrapping_mul(57) as i8,
                yaw: self.tick as u16 % 4_096,
                ..Input::default()
            };
            self.inbound.push_inputs(session(slot), InputMessage::new(self.tick as u16, &[input]));
            self.inbound.push_budget(session(slot), 330);
            if (self.tick + slot).is_multiple_of(7) {
                // Every fifth shot is stale, and some come before the weapon is ready.
                let back = if self.tick.is_multiple_of(5) { 20 } else { 5 };
                let view = ViewTick { tick: Tick(self.tick.saturating_sub(back)), fraction: 100 };
                let (yaw, pitch) = ((self.tick * 977 + slot * 4_001) as u16, 0);
                for number in 0..=(self.tick % 3) as u16 {
                    let shoot = Shoot { number, input: self.tick as u16, view, yaw, pitch };
                    let message = ClientMessage::Shoot(shoot);
                    self.inbound.push_event(SessionEvent::Message { session: session(slot), message });
                }
            }
            if (self.tick + slot).is_multiple_of(60) {
                let said = Experience { age_ms: 20, starved: 1, corrections: 0, rtt_ms: 50 };
                let message = ClientMessage::Report(said);
                self.inbound.push_event(SessionEvent::Message { session: session(slot), message });
            }
            if (self.tick + slot).is_multiple_of(30) {
                let message = ClientMessage::Echo { number: self.tick / 30 };
                self.inbound.push_event(SessionEvent::Message { session: session(slot), message });
            }
        }
    }

    /// The realm's turn.
    pub fn turn(&mut self) {
        let now = Now { mono_ns: u64::from(self.tick) * TICK_NS, unix_s: 0 };
        self.realm.tick(now, std::slice::from_mut(&mut self.inbound), &mut self.outbound);
    }

    pub fn hand_over(&mut self) {
        for item in self.outbound.items() {
            match item {
                OutboundItem::Part { session, part, .. } => {
                    self.parts += 1;
                    self.under_way[(self.tick as usize + WAIT) % (WAIT + 1)].push((*session, *part));
                }
                OutboundItem::Message { channel: channel::EVENT, .. } => self.events += 1,
                OutboundItem::Message { .. } => self.answers += 1,
                OutboundItem::Close { .. } => panic!("nobody is to go"),
            }
        }
        self.outbound.clear();
        while let Some(job) = self.realm.poll_store() {
            let StoreJob::Load { character } = job else { panic!("nothing is to be saved") };
            self.realm.handle_completion(StoreDone::Loaded {
                character,
                found: Ok(Found { checkpoint: None, estate: Some(Estate::default()) }),
            });
        }
    }
}

fn session(slot: u32) -> SessionId {
    SessionId { slot, generation: 0 }
}
