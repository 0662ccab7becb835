//! What the gate tells the realm: one batch per reactor wake or so, recycled.

use crate::SessionId;
use protocol::input::InputMessage;
use protocol::message::ClientMessage;
use rudp::token::UserData;
use rudp::{PartId, PartOutcome, Reason};

/// Something that happened to a session; order matters within a batch.
#[derive(Debug)]
pub enum SessionEvent {
    /// The hello was accepted: this person is here.
    Joined {
        /// The new session.
        session: SessionId,
        /// Who, as the token says.
        user: Box<UserData>,
    },
    /// A message on a reliable channel.
    Message {
        /// From whom.
        session: SessionId,
        /// What.
        message: ClientMessage,
    },
    /// The peer is not heard any more: it is held, its player stays in the world, and nothing can be sent to it.
    Silent {
        /// Which.
        session: SessionId,
    },
    /// The silent peer was heard again.
    Resumed {
        /// Which.
        session: SessionId,
    },
    /// The session is over. Exactly one per `Joined`.
    Left {
        /// Which.
        session: SessionId,
        /// Why.
        reason: Reason,
    },
}

/// A batch from the gate to the realm.
///
/// Life-cycle events and messages are never dropped: a session with [`SESSION_MESSAGES_MAX`] messages waiting has its
/// receive window closed until the batch is taken. Inputs may be: the newest win.
#[derive(Debug, Default)]
pub struct Inbound {
    pub(crate) events: Vec<SessionEvent>,
    pub(crate) inputs: Vec<(SessionId, InputMessage)>,
    pub(crate) reports: Vec<(SessionId, PartId, PartOutcome)>,
    pub(crate) budgets: Vec<(SessionId, i32)>,
}

/// Reliable messages of one session that may wait in a batch before its window closes.
pub const SESSION_MESSAGES_MAX: u16 = 64;
/// Inputs that may wait in a batch: four ticks' worth for 4,096 sessions; 56 bytes each, 0.9 MB.
pub const INPUTS_MAX: usize = 4 * 4_096;

impl Inbound {
    /// Whether nothing waits here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.inputs.is_empty() && self.reports.is_empty() && self.budgets.is_empty()
    }

    /// Adds an input; when full, the older half makes room. Returns how many were dropped.
    pub(crate) fn push_input(&mut self, session: SessionId, input: InputMessage) -> usize {
        let dropped = if self.inputs.len() < INPUTS_MAX { 0 } else { INPUTS_MAX / 2 };
        self.inputs.drain(..dropped);
        self.inputs.push((session, input));
        dropped
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.events.clear();
        self.inputs.clear();
        self.reports.clear();
        self.budgets.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Input;

    #[test]
    fn a_full_batch_drops_the_oldest_inputs_and_says_how_many() {
        let session = SessionId { slot: 0, generation: 1 };
        let mut batch = Inbound::default();
        let mut dropped = 0;
        for number in 0..=INPUTS_MAX {
            dropped += batch.push_input(session, InputMessage::new(number as u16, &[Input::default()]));
        }
        assert_eq!(dropped, INPUTS_MAX / 2);
        assert_eq!(batch.inputs.last().unwrap().1.newest, INPUTS_MAX as u16);
        assert_eq!(batch.inputs.first().unwrap().1.newest, (INPUTS_MAX / 2) as u16);
    }
}
