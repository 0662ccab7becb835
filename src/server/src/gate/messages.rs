//! How many reliable messages of a session the realm gets: so many for each tick that it has answered.
//!
//! Whoever sends more has his receive window closed. That alone is no bound: what he sent behind a gap is acknowledged and
//! lies in the transport, and when the gap is filled up to a thousand messages are there at once, however closed the window is
//! (seed 144 had 1,024 in a batch). As long as the session lasts none of them may be dropped, so they wait here and pass a
//! tick's worth at a time.

use super::Gate;
use crate::SessionId;
use crate::inbound::{SESSION_MESSAGES_MAX, SessionEvent};
use protocol::message::ClientMessage;
use std::collections::VecDeque;

/// Of one session.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// In the batch, or passed on, since the realm's last tick.
    passed: u16,
    /// Acknowledged, and too many for a tick. Bounded by the windows of the transport, because its own is closed meanwhile.
    held: VecDeque<ClientMessage>,
}

impl Gate {
    /// A message came on a reliable channel.
    pub(super) fn on_reliable(&mut self, session: SessionId, message: ClientMessage) {
        let messages = &mut self.sessions[session.slot as usize].messages;
        if messages.passed == SESSION_MESSAGES_MAX {
            messages.held.push_back(message);
            return;
        }
        if messages.passed == 0 {
            self.waiting.push(session);
        }
        messages.passed += 1;
        self.inbound.push_event(SessionEvent::Message { session, message });
        if messages.passed == SESSION_MESSAGES_MAX {
            self.counters.windows_closed += 1;
            self.transport.accept_reliable(session, false);
        }
    }

    /// The realm has had a tick: what waits passes, and who has nothing left that waits may send again.
    pub(super) fn pass_messages_on(&mut self) {
        let Self { sessions, inbound, transport, .. } = self;
        self.waiting.retain(|&session| {
            let entry = &mut sessions[session.slot as usize];
            if entry.generation != session.generation {
                return false;
            }
            let messages = &mut entry.messages;
            let was_closed = messages.passed == SESSION_MESSAGES_MAX;
            let pass = messages.held.len().min(usize::from(SESSION_MESSAGES_MAX));
            messages.passed = pass as u16;
            let held = messages.held.drain(..pass);
            held.for_each(|message| inbound.push_event(SessionEvent::Message { session, message }));
            if messages.held.is_empty() {
                // A thousand messages' room would stay with whoever needed it once.
                messages.held = VecDeque::new();
            }
            if was_closed && messages.passed < SESSION_MESSAGES_MAX {
                transport.accept_reliable(session, true);
            }
            messages.passed > 0
        });
    }

    /// The session is over: the world takes nothing more of it.
    pub(super) fn drop_messages(&mut self, session: SessionId) {
        let held = std::mem::take(&mut self.sessions[session.slot as usize].messages.held);
        self.counters.messages_left_behind += held.len() as u64;
    }
}
