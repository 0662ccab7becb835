//! What a connection tells its client, passed on as events.
use super::events::{ClientEvent, EventQueue};
use crate::channel::{ChannelId, PartId, PartOutcome};
use crate::connection::Sink;
use crate::hello::{Hello, HelloRefusal};
use crate::reason::Reason;

/// Where they go, and what the client itself must know of them.
pub(super) struct ClientSink<'a> {
    events: &'a mut EventQueue,
    /// The hello was accepted.
    pub(super) is_spoken: bool,
    /// The newest path id and the number of the packet that brought it.
    pub(super) path: Option<(u64, u64)>,
    /// The server closed.
    pub(super) closed: Option<Reason>,
    /// The server broke a rule: this one.
    pub(super) misbehaved: Option<String>,
}

impl<'a> ClientSink<'a> {
    pub(super) fn new(events: &'a mut EventQueue, path: Option<(u64, u64)>) -> Self {
        Self { events, is_spoken: false, path, closed: None, misbehaved: None }
    }
}

impl Sink for ClientSink<'_> {
    fn on_hello(&mut self, _hello: &Hello, _version: u16) {}

    fn on_hello_refused(&mut self, _hello: &Hello, _refusal: HelloRefusal) {}

    fn on_hello_accepted(&mut self, version: u16) {
        self.is_spoken = true;
        self.events.push(ClientEvent::Accepted { version });
    }

    fn on_message(&mut self, sequence: u64, channel: ChannelId, bytes: &[u8]) {
        self.events.push(ClientEvent::Message { sequence, channel, bytes });
    }

    fn on_part(&mut self, _part: PartId, _outcome: PartOutcome) {}

    fn on_path(&mut self, sequence: u64, id: u64) {
        self.path = self.path.max(Some((sequence, id)));
    }

    fn on_bulk(&mut self, channel: ChannelId) {
        self.events.push(ClientEvent::Bulk { channel });
    }

    fn on_misbehaved(&mut self, text: &str) {
        self.misbehaved = Some(text.to_owned());
    }

    fn on_close(&mut self, reason: Reason, _text: &str) {
        self.closed = Some(reason);
    }
}
