//! One player's story: what he sent, what was done with it, and what he was told, tick by tick.

use super::record::Record;
use crate::SessionId;
use crate::inbound::SessionEvent;
use crate::outbound::{Outbound, OutboundItem};
use crate::realm::{Operation, Realm, StoreDone};
use protocol::message::ServerMessage;
use protocol::{CharacterId, Input, codec};

/// A story that is being told.
#[derive(Debug)]
pub struct Story {
    character: CharacterId,
    /// Who plays the character, as far as is known.
    session: Option<SessionId>,
    input: Option<Input>,
    lines: Vec<String>,
}

impl Story {
    /// Of this character.
    #[must_use]
    pub const fn of(character: CharacterId) -> Self {
        Self { character, session: None, input: None, lines: Vec::new() }
    }

    /// Hears a record before the realm does.
    pub fn hear(&mut self, realm: &Realm, record: &Record) {
        self.session = realm.session_of(self.character).or(self.session);
        match record {
            Record::Tick(_, batches) => {
                for batch in batches {
                    batch.events.iter().for_each(|event| self.hear_event(event));
                    let inputs = batch.inputs.iter().filter(|(session, _)| Some(*session) == self.session);
                    for (_, message) in inputs {
                        let Some(&input) = message.inputs().next() else { continue };
                        if self.input.replace(input) != Some(input) {
                            let Input { move_x, move_y, yaw, pitch, buttons } = input;
                            let number = message.newest;
                            self.lines.push(format!(
                                "wants     #{number}: move {move_x} {move_y}, look {yaw} {pitch}, buttons {buttons}"
                            ));
                        }
                    }
                }
            }
            Record::Done(
                done @ (StoreDone::Loaded { character, .. }
                | StoreDone::Left { character }
                | StoreDone::Saved { character, .. }
                | StoreDone::Failed { character, .. }),
            ) if *character == self.character => self.lines.push(format!("store     {done:?}")),
            Record::Operation(Operation::Close { sessions, reason })
                if self.session.is_some_and(|session| sessions.contains(&session)) =>
            {
                self.lines.push(format!("operator  puts him out: {reason}"));
            }
            _ => {}
        }
    }

    /// What was heard since the last call, and what the tick told him.
    pub fn tell(&mut self, realm: &Realm, out: &Outbound) -> Vec<String> {
        let before = self.session;
        self.session = realm.session_of(self.character).or(self.session);
        if before != self.session
            && let Some(session) = self.session
        {
            self.lines.push(format!("plays     in slot {}, tenant {}", session.slot, session.generation));
        }
        let mut shown = (0, 0);
        for item in out.items() {
            match item {
                OutboundItem::Message { session, bytes, .. } if Some(*session) == self.session => {
                    match codec::decode::<ServerMessage>(out.bytes(bytes)) {
                        Ok(message) => self.lines.push(format!("is told   {message:?}")),
                        Err(error) => self.lines.push(format!("is told   what nobody can read: {error}")),
                    }
                }
                OutboundItem::Part { session, bytes, .. } if Some(*session) == self.session => {
                    shown = (shown.0 + 1, shown.1 + bytes.len());
                }
                OutboundItem::Close { session, reason } if Some(*session) == self.session => {
                    self.lines.push(format!("is closed {reason}"));
                }
                _ => {}
            }
        }
        if !self.lines.is_empty() && shown.0 > 0 {
            self.lines.push(format!("is shown  {} bytes", shown.1));
        }
        std::mem::take(&mut self.lines)
    }

    fn hear_event(&mut self, event: &SessionEvent) {
        let is_his = |session: &SessionId| Some(*session) == self.session;
        match event {
            SessionEvent::Joined { session, user } if user.character_id == self.character.0 => {
                self.session = Some(*session);
                self.input = None;
                self.lines.push(format!("joins     {user:?}"));
            }
            SessionEvent::Message { session, message } if is_his(session) => {
                self.lines.push(format!("says      {message:?}"));
            }
            SessionEvent::Silent { session } if is_his(session) => self.lines.push("is silent".to_owned()),
            SessionEvent::Resumed { session } if is_his(session) => self.lines.push("is heard again".to_owned()),
            SessionEvent::Left { session, reason } if is_his(session) => {
                self.lines.push(format!("leaves    {reason}"));
                self.session = None;
            }
            _ => {}
        }
    }
}
