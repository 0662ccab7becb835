//! People without clients: they speak at the realm's door, and learn from its welcomes who they are.

use anyhow::{Result, ensure};
use protocol::message::ServerMessage;
use protocol::{NetId, codec};
use rudp::token::{Name, Role, UserData};
use server::{Found, Inbound, Outbound, OutboundItem, Realm, SessionEvent, SessionId, StoreDone, StoreJob};
use std::collections::BTreeMap;

/// Their sessions, beyond all that the gate gives out.
const SLOT_FIRST: u32 = 10_000;

/// Some people, numbered from 0.
#[derive(Debug)]
pub struct StandIns {
    count: usize,
    by_id: BTreeMap<NetId, usize>,
}

impl StandIns {
    /// So many, of whom none is in yet.
    pub fn new(count: usize) -> Self {
        Self { count, by_id: BTreeMap::new() }
    }

    /// The session of one of them.
    pub fn session(number: usize) -> SessionId {
        SessionId { slot: SLOT_FIRST + number as u32, generation: 1 }
    }

    /// Everybody at the door.
    pub fn join(&self, inbound: &mut Inbound) {
        for number in 0..self.count {
            let session = Self::session(number);
            let user = Box::new(user(session.slot.into(), "stand-in", 0));
            inbound.push_event(SessionEvent::Joined { session, user });
        }
    }

    /// Learns from the welcomes who is who.
    ///
    /// # Errors
    /// Somebody was turned away.
    pub fn listen(&mut self, outbound: &Outbound) -> Result<()> {
        for item in outbound.items() {
            match item {
                OutboundItem::Message { session, bytes, .. } if session.slot >= SLOT_FIRST => {
                    if let Ok(ServerMessage::Welcome(welcome)) = codec::decode(outbound.bytes(bytes)) {
                        self.by_id.insert(welcome.own, (session.slot - SLOT_FIRST) as usize);
                    }
                }
                OutboundItem::Close { session, reason } => {
                    ensure!(session.slot < SLOT_FIRST, "a stand-in was turned away: {reason:?}");
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether everybody is in the world.
    pub fn are_in(&self) -> bool {
        self.by_id.len() == self.count
    }

    /// Which of them an entity is.
    pub fn number(&self, id: NetId) -> Option<usize> {
        self.by_id.get(&id).copied()
    }
}

/// Somebody who may be put anywhere.
pub fn user(id: u64, name: &str, unix_s: u64) -> UserData {
    UserData {
        account_id: id,
        character_id: id,
        name: Name::new(name).expect("a short name"),
        role: Role::Operator,
        issued_at_ms: unix_s * 1_000,
        serial: id,
        epoch: 0,
    }
}

/// A journal that has nobody and never fails.
pub fn answer_store(realm: &mut Realm) {
    while let Some(job) = realm.poll_store() {
        realm.handle_completion(match job {
            StoreJob::Roster { account } => StoreDone::Roster { account, found: Ok(Vec::new()) },
            StoreJob::Load { character } => StoreDone::Loaded { character, found: Ok(Found::default()) },
            StoreJob::Commit { transaction } => StoreDone::Committed { id: transaction.id, seq: 0, refused: None },
            StoreJob::Leave { character } => StoreDone::Left { character },
            StoreJob::World { .. } => StoreDone::WorldSaved { refused: None },
            StoreJob::Save { character, revision, .. } => StoreDone::Saved { character, revision },
        });
    }
}
