//! What the server says on the reliable channels, one message after another.

use crate::{Client, ClientEvent};
use protocol::message::{ServerMessage, is_notice};
use rudp::time::Now;

impl Client {
    /// A message was understood.
    pub(crate) fn on_message(&mut self, now: Now, message: ServerMessage) {
        match message {
            ServerMessage::Welcome(welcome) => {
                self.store.start(welcome.tick);
                (self.welcome, self.queued) = (Some(welcome), None);
                self.events.push_back(ClientEvent::Joined(welcome));
            }
            ServerMessage::Queued { place, of } => {
                self.queued = Some((place, of));
                self.events.push_back(ClientEvent::Queued { place, of });
            }
            // spec: MSG-6
            ServerMessage::Notice { text } if is_notice(&text) => self.events.push_back(ClientEvent::Notice(text)),
            ServerMessage::Notice { .. } => self.messages_malformed += 1,
            ServerMessage::Event { tick, event } => {
                let early = self.order.push(now.mono_ns, tick, event);
                self.events.extend(early.map(|(tick, event)| ClientEvent::Event { tick, event }));
                self.order.release(self.store.shown(), now.mono_ns, &mut self.events);
            }
            ServerMessage::Marks(marks) => {
                if !self.marks.take(&marks) {
                    self.messages_malformed += 1;
                }
                self.events.push_back(ClientEvent::Message(ServerMessage::Marks(marks)));
            }
            // It is his turn in the lobby.
            ServerMessage::Roster(rows) => {
                self.queued = None;
                self.events.push_back(ClientEvent::Message(ServerMessage::Roster(rows)));
            }
            message => self.events.push_back(ClientEvent::Message(message)),
        }
    }
}
