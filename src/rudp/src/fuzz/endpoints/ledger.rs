//! The books of a run: who came in with which token, what was sent, what arrived.

use crate::channel::{CONTROL, ChannelId, EVENT, PartId, SNAPSHOT};
use crate::client::ClientEvent;
use crate::server::{ConnectionId, Event, Server};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// Message counters of one way of one session, by channel.
#[derive(Clone, Debug, Default)]
struct Counts {
    next: [u32; 4],
    /// Unreliable ones heard.
    heard: BTreeSet<u32>,
    stream: Stream,
}

/// How far a stream has come, and where its transfers ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Stream {
    bytes: usize,
    ends: Vec<usize>,
}

#[derive(Debug, Default)]
struct ServerSide {
    /// The client whose messages come: known with the first.
    peer: Option<u8>,
    sent: Counts,
    heard: Counts,
    parts: BTreeSet<PartId>,
}

#[derive(Debug, Default)]
struct ClientSide {
    session: Option<ConnectionId>,
    sent: Counts,
    heard: Counts,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    clients: Vec<ClientSide>,
    open: BTreeMap<ConnectionId, ServerSide>,
    /// Serials of tokens that began a session.
    used: BTreeSet<u64>,
    /// Bytes the server may send to an address that has not proven anything.
    allowance: BTreeMap<SocketAddr, usize>,
    proven: BTreeSet<SocketAddr>,
}

impl Ledger {
    pub(super) fn on_joined(&mut self) {
        self.clients.push(ClientSide::default());
    }

    pub(super) fn open(&self) -> impl Iterator<Item = ConnectionId> {
        self.open.keys().copied()
    }

    /// Some open session, if there is any.
    pub(super) fn open_at(&self, choice: u8) -> Option<ConnectionId> {
        self.open().nth(usize::from(choice).checked_rem(self.open.len())?)
    }

    pub(super) fn on_server_received(&mut self, from: SocketAddr, bytes: usize) {
        *self.allowance.entry(from).or_default() += bytes;
    }

    /// Nobody who has proven nothing gets more than he sent.
    pub(super) fn on_server_sent_to(&mut self, to: SocketAddr, bytes: usize) {
        if !self.proven.contains(&to) {
            let allowance = self.allowance.entry(to).or_default();
            assert!(bytes <= *allowance, "{bytes} bytes to {to}, which sent {allowance} more than it got");
            *allowance -= bytes;
        }
    }

    /// Who, on which channel, the how manieth: the rest is filler that says the same.
    pub(super) fn client_message(&self, at: usize, channel: ChannelId, size: usize) -> Vec<u8> {
        message([at as u8, 0xcc], channel, self.clients[at].sent.next[usize::from(channel.0)], size)
    }

    pub(super) fn on_client_sent(&mut self, at: usize, channel: ChannelId) {
        self.clients[at].sent.next[usize::from(channel.0)] += 1;
    }

    pub(super) fn server_message(&self, id: ConnectionId, channel: ChannelId, size: usize) -> Vec<u8> {
        let next = self.open[&id].sent.next[usize::from(channel.0)];
        message([id.slot as u8, id.generation as u8], channel, next, size)
    }

    pub(super) fn on_server_sent(&mut self, id: ConnectionId, channel: ChannelId) {
        if let Some(session) = self.open.get_mut(&id) {
            session.sent.next[usize::from(channel.0)] += 1;
        }
    }

    /// The next bytes of a stream: they tell whose it is, and where in it.
    pub(super) fn client_stream(&self, at: usize, size: usize) -> Vec<u8> {
        self.clients[at].sent.stream.next_bytes([at as u8, 0xcc], size)
    }

    pub(super) fn server_stream(&self, id: ConnectionId, size: usize) -> Vec<u8> {
        self.open[&id].sent.stream.next_bytes([id.slot as u8, id.generation as u8], size)
    }

    pub(super) fn on_client_wrote(&mut self, at: usize, taken: usize, is_ended: bool) {
        self.clients[at].sent.stream.step(taken, is_ended);
    }

    pub(super) fn on_server_wrote(&mut self, id: ConnectionId, taken: usize, is_ended: bool) {
        self.session(id).sent.stream.step(taken, is_ended);
    }

    pub(super) fn on_server_read(&mut self, id: ConnectionId, bytes: &[u8], is_last: bool) {
        // A session that ended in this wake still has what was not read.
        let Some(session) = self.open.get_mut(&id) else { return };
        let peer = *session.peer.get_or_insert(bytes[0]);
        session.heard.stream.judge([peer, 0xcc], bytes, is_last);
    }

    pub(super) fn on_client_read(&mut self, at: usize, bytes: &[u8], is_last: bool) {
        let client = &mut self.clients[at];
        let from = || ConnectionId { slot: u32::from(bytes[0]), generation: u32::from(bytes[1]) };
        let session = *client.session.get_or_insert_with(from);
        client.heard.stream.judge([session.slot as u8, session.generation as u8], bytes, is_last);
    }

    pub(super) fn on_part_sent(&mut self, id: ConnectionId, part: PartId) {
        if let Some(session) = self.open.get_mut(&id) {
            session.parts.insert(part);
        }
    }

    pub(super) fn on_event(&mut self, event: &Event<'_>) {
        match *event {
            Event::Connected { id, client_id, user, from } => {
                let user = user.expect("every token here has our user data");
                assert_eq!(user.account_id, client_id);
                assert!(self.used.insert(user.serial), "two sessions from token {}", user.serial);
                assert!(self.open.insert(id, ServerSide::default()).is_none(), "{id:?} is there already");
                self.proven.insert(from);
            }
            Event::Spoken { id }
            | Event::Silent { id }
            | Event::Resumed { id }
            | Event::Bulk { id, .. }
            | Event::Misbehaved { id } => {
                self.session(id);
            }
            Event::Moved { id, to } => {
                self.session(id);
                self.proven.insert(to);
            }
            Event::Message { id, channel, bytes } => {
                let session = self.session(id);
                let peer = *session.peer.get_or_insert(bytes[0]);
                session.heard.judge([peer, 0xcc], channel, bytes);
            }
            Event::Part { id, part, .. } => {
                assert!(self.session(id).parts.remove(&part), "{part:?} was not sent, or has two fates");
            }
            Event::Disconnected { id, .. } => {
                let session = self.open.remove(&id);
                assert!(session.is_some_and(|session| session.parts.is_empty()), "{id:?} ended with open parts");
            }
        }
    }

    /// An event of a session that has ended, or never began, is a failure.
    fn session(&mut self, id: ConnectionId) -> &mut ServerSide {
        self.open.get_mut(&id).expect("an event of a session that is not there")
    }

    pub(super) fn on_client_event(&mut self, at: usize, event: &ClientEvent<'_>) {
        let client = &mut self.clients[at];
        match *event {
            ClientEvent::Message { channel: SNAPSHOT, .. } => {}
            ClientEvent::Message { channel, bytes, .. } => {
                let from = ConnectionId { slot: u32::from(bytes[0]), generation: u32::from(bytes[1]) };
                let session = *client.session.get_or_insert(from);
                client.heard.judge([session.slot as u8, session.generation as u8], channel, bytes);
            }
            _ => {}
        }
    }

    /// The server holds exactly the sessions it told of.
    pub(super) fn judge(&self, server: &Server) {
        assert_eq!(server.connections(), self.open.len());
        assert!(self.open.keys().all(|id| server.stats(*id).is_some()));
    }

    /// This client and this session are two ends of one: all that was sent on channels that lose nothing is here.
    pub(super) fn balance(&self, at: usize, id: ConnectionId) {
        let (client, session) = (&self.clients[at], &self.open[&id]);
        assert!(session.peer.is_none_or(|peer| usize::from(peer) == at) && client.session.is_none_or(|of| of == id));
        for channel in [CONTROL, EVENT].map(|channel| usize::from(channel.0)) {
            assert_eq!(session.heard.next[channel], client.sent.next[channel], "from client {at}");
            assert_eq!(client.heard.next[channel], session.sent.next[channel], "to client {at}");
        }
        assert_eq!(session.heard.stream, client.sent.stream, "the stream from client {at}");
        assert_eq!(client.heard.stream, session.sent.stream, "the stream to client {at}");
    }
}

fn message(from: [u8; 2], channel: ChannelId, number: u32, size: usize) -> Vec<u8> {
    let mut bytes = vec![from[0], from[1], channel.0];
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.resize(size, number as u8 ^ from[0]);
    bytes
}

impl Stream {
    fn next_bytes(&self, from: [u8; 2], size: usize) -> Vec<u8> {
        let byte_at = |offset: usize| from.get(offset % 64).copied().unwrap_or((offset / 64) as u8);
        (self.bytes..self.bytes + size).map(byte_at).collect()
    }

    fn step(&mut self, bytes: usize, is_last: bool) {
        self.bytes += bytes;
        self.ends.extend(is_last.then_some(self.bytes));
    }

    /// A chunk was read: it is what that end wrote there.
    fn judge(&mut self, from: [u8; 2], bytes: &[u8], is_last: bool) {
        assert!(self.next_bytes(from, bytes.len()) == bytes, "not what was written at {}", self.bytes);
        self.step(bytes.len(), is_last);
    }
}

impl Counts {
    /// A message arrived: it was sent by that end, and is the next where all arrive in order, or new where some may.
    fn judge(&mut self, from: [u8; 2], channel: ChannelId, bytes: &[u8]) {
        let number = u32::from_le_bytes([bytes[3], bytes[4], bytes[5], bytes[6]]);
        assert_eq!(bytes, message(from, channel, number, bytes.len()), "not what was sent");
        if matches!(channel, CONTROL | EVENT) {
            let next = &mut self.next[usize::from(channel.0)];
            assert_eq!(number, *next, "{channel:?}: out of order");
            *next += 1;
        } else {
            assert!(self.heard.insert(number), "{channel:?}: {number} arrived twice");
        }
    }
}
