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
/// Life-cycle events and messages are not dropped, unless their session ends: one with [`SESSION_MESSAGES_MAX`] messages waiting has its
/// receive window closed until the realm has had a tick, and what is acknowledged already waits behind them. Inputs may be
/// dropped: the newest win.
#[derive(Debug, Default)]
pub struct Inbound {
    pub(crate) events: Vec<SessionEvent>,
    pub(crate) inputs: Vec<(SessionId, InputMessage)>,
    pub(crate) reports: Vec<(SessionId, PartId, PartOutcome)>,
    pub(crate) budgets: Vec<(SessionId, i32)>,
    /// Which batch this is, so that what waits in it can be counted per session without being reset for all of them.
    number: u32,
}

/// What one session has in a batch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct InputsWaiting {
    batch: u32,
    messages: u16,
    /// Where the latest stands.
    latest: usize,
}

/// Reliable messages of one session that the realm gets for each tick that it has answered. An honest client sends a few; a thousand at once from each
/// of twenty would be a tick of their own.
pub const SESSION_MESSAGES_MAX: u16 = 64;
/// Input messages of one session that may wait in a batch: a quarter of a second at 60 Hz, twice what the world keeps.
pub const SESSION_INPUTS_MAX: u16 = 16;
/// Inputs that may wait in a batch: four ticks' worth for 4,096 sessions; 56 bytes each, 0.9 MB.
pub const INPUTS_MAX: usize = 4 * 4_096;

impl Inbound {
    /// Whether nothing waits here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.inputs.is_empty() && self.reports.is_empty() && self.budgets.is_empty()
    }

    /// Life-cycle events and messages in the batch.
    #[must_use]
    pub fn events_waiting(&self) -> usize {
        self.events.len()
    }

    /// What sessions may spend on the next tick, in bytes.
    #[must_use]
    pub fn budgets(&self) -> &[(SessionId, i32)] {
        &self.budgets
    }

    /// What they are, in order: for whoever watches what passes from the gate to the realm.
    #[must_use]
    pub fn events(&self) -> &[SessionEvent] {
        &self.events
    }

    /// Input messages in the batch.
    #[must_use]
    pub fn inputs_waiting(&self) -> usize {
        self.inputs.len()
    }

    /// Adds an input; when full, the older half makes room. Returns how many were dropped.
    ///
    /// A session that has [`SESSION_INPUTS_MAX`] in the batch keeps the first of them and the newest: what it sends
    /// beyond takes nobody else's place.
    pub(crate) fn push_input(&mut self, session: SessionId, input: InputMessage, waiting: &mut InputsWaiting) -> usize {
        if waiting.batch != self.number {
            *waiting = InputsWaiting { batch: self.number, ..InputsWaiting::default() };
        }
        if waiting.messages >= SESSION_INPUTS_MAX
            && let Some((_, latest)) = self.inputs.get_mut(waiting.latest).filter(|(other, _)| *other == session)
        {
            // Numbers wrap; the nearer way round is the way ahead.
            if input.newest.wrapping_sub(latest.newest) < 1 << 15 {
                *latest = input;
            }
            return 1;
        }
        let dropped = if self.inputs.len() < INPUTS_MAX { 0 } else { INPUTS_MAX / 2 };
        self.inputs.drain(..dropped);
        waiting.messages += 1;
        waiting.latest = self.inputs.len();
        self.inputs.push((session, input));
        dropped
    }

    /// Adds what happened to a session. With the three that follow, a measurement or a simulation stands in for a gate.
    pub fn push_event(&mut self, event: SessionEvent) {
        self.events.push(event);
    }

    /// Adds a session's newest inputs.
    pub fn push_inputs(&mut self, session: SessionId, inputs: InputMessage) {
        self.inputs.push((session, inputs));
    }

    /// Adds what became of a snapshot part; exactly one for each.
    pub fn push_report(&mut self, session: SessionId, part: PartId, outcome: PartOutcome) {
        self.reports.push((session, part, outcome));
    }

    /// Adds how many bytes a session's next snapshot may have.
    pub fn push_budget(&mut self, session: SessionId, bytes: i32) {
        self.budgets.push((session, bytes));
    }

    /// This batch is filled from now on, and `before` no longer.
    pub(crate) fn begin_after(&mut self, before: &Self) {
        self.number = before.number.wrapping_add(1);
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
        let mut batch = Inbound::default();
        let mut dropped = 0;
        for number in 0..=INPUTS_MAX {
            let session = SessionId { slot: number as u32, generation: 1 };
            let input = InputMessage::new(number as u16, &[Input::default()]);
            dropped += batch.push_input(session, input, &mut InputsWaiting::default());
        }
        assert_eq!(dropped, INPUTS_MAX / 2);
        assert_eq!(batch.inputs.last().unwrap().1.newest, INPUTS_MAX as u16);
        assert_eq!(batch.inputs.first().unwrap().1.newest, (INPUTS_MAX / 2) as u16);
    }

    #[test]
    fn a_session_that_sends_without_end_keeps_its_newest_and_takes_nobodys_place() {
        let [honest, greedy] = [0, 1].map(|slot| SessionId { slot, generation: 1 });
        let (mut batch, mut waiting) = (Inbound::default(), [InputsWaiting::default(); 2]);
        let input = |number: u16| InputMessage::new(number, &[Input::default()]);
        assert_eq!(batch.push_input(honest, input(1), &mut waiting[0]), 0);
        let dropped: usize = (10..50_010_u32)
            // Each second one is an older one once more.
            .map(|n| batch.push_input(greedy, input((n - n % 2 * 9) as u16), &mut waiting[1]))
            .sum();
        assert_eq!((batch.inputs.len(), dropped), (17, 50_000 - 16));
        assert_eq!((batch.inputs[0].0, batch.inputs[16].1.newest), (honest, 50_008));
        let mut next = Inbound::default();
        next.begin_after(&batch);
        assert_eq!(next.push_input(greedy, input(9), &mut waiting[1]), 0, "the next batch has room again");
        assert_eq!(next.inputs.len(), 1);
    }
}
