//! Datagrams of live sessions, from the outside in. Requests and responses: `requests.rs`.
use super::{End, Server, SessionSink};
use crate::channel::ChannelId;
use crate::link::Unopened;
use crate::outer::{self, Kind, Reads};
use crate::reason::Reason;
use crate::time::Now;
use crate::token::address::canonical;
use std::net::SocketAddr;

impl Server {
    /// Takes one datagram; it is decrypted in place and worthless afterwards. Whatever is wrong with it is counted and
    /// otherwise ignored. spec: SES-13
    pub fn handle_datagram(&mut self, now: Now, from: SocketAddr, datagram: &mut [u8]) {
        self.counters.on_received(datagram.len());
        let from = canonical(from);
        match datagram.first() {
            None => self.counters.drop_length += 1,
            Some(0) => self.handle_request(now, from, datagram),
            Some(_) => match outer::decode_header(datagram, Reads::Server) {
                Err(error) => self.counters.on_outer_error(error),
                Ok(header) if header.kind == Kind::Response => self.handle_response(now, from, header, datagram),
                Ok(header) if header.kind == Kind::Path => self.handle_path(now, from, header, datagram),
                Ok(header) => match self.by_address.get(&from) {
                    None => self.counters.drop_unknown_address += 1,
                    Some(slot) => self.handle_sealed(now, *slot, header, datagram),
                },
            },
        }
    }

    /// A packet from the address of a session.
    fn handle_sealed(&mut self, now: Now, slot: u32, header: outer::Header, datagram: &mut [u8]) {
        let (limits, counters) = (&self.config.packets, &mut self.counters);
        let Some(session) = self.sessions.at_mut(slot) else { return };
        if !session.budget.admit_unopened(limits, now.mono_ns, header, session.link.newest_received()) {
            counters.drop_address_rate += 1;
            return;
        }
        if !session.budget.may_try(limits, now.mono_ns, header, session.link.newest_received()) {
            counters.drop_after_failures += 1;
            return;
        }
        let body = match session.link.open(header, datagram, counters) {
            Ok(body) => body,
            Err(Unopened::Seal) => return session.budget.on_failed(limits, now.mono_ns),
            Err(Unopened::Replayed | Unopened::Body) => return,
        };
        if !session.budget.admit_opened(limits, now.mono_ns) {
            counters.drop_session_rate += 1;
            return;
        }
        if session.liveness.on_heard(self.patience.clock_ns(now.mono_ns)) && header.kind != Kind::Disconnect {
            session.connection.on_resumed();
            counters.sessions_resumed += 1;
            self.events.on_resumed(session.id);
        }
        if let (Kind::Payload, Some(witness)) = (header.kind, &mut self.witness) {
            witness.on_payload(now, session.id, session.address, header.sequence, body);
        }
        match header.kind {
            Kind::KeepAlive => session.connection.handle_other(now.mono_ns, header.sequence),
            Kind::Payload => self.handle_payload(now, slot, header.sequence, body),
            Kind::Disconnect => return self.end_session(now, slot, Reason::Unstated, None),
            Kind::Request | Kind::Denied | Kind::Challenge | Kind::Response | Kind::Path => counters.drop_role += 1,
        }
        // Whether it has something to send, and until when it can wait, is worked out once, when it is asked for its
        // packet: most that are heard have an answer to send by then.
        self.queue(slot);
    }

    fn handle_payload(&mut self, now: Now, slot: u32, sequence: u64, body: &[u8]) {
        let Some(session) = self.sessions.at_mut(slot) else { return };
        if session.is_raw {
            self.events.on_message(session.id, ChannelId(0), body);
            return;
        }
        let mut sink = SessionSink::new(session.id, session.user.is_some(), &mut self.events);
        let unspoken_in = session.connection.stats().unspoken_in;
        if session.connection.handle_payload(now.mono_ns, sequence, body, &mut sink).is_err() {
            self.counters.payload_malformed += 1;
        }
        session.is_spoken |= sink.is_spoken;
        if sink.end.is_none() {
            self.counters.payload_unspoken += session.connection.stats().unspoken_in - unspoken_in;
        }
        let (id, is_new) = (sink.id, sink.is_spoken);
        match sink.end {
            None if is_new => self.offer_path(slot),
            None => {}
            Some(End::Closed(reason)) => self.end_session(now, slot, reason, None),
            Some(End::Misbehaved(text)) => {
                self.counters.sessions_misbehaved += 1;
                self.events.on_misbehaved(id);
                self.end_session(now, slot, Reason::ProtocolViolation, Some(&text));
            }
            Some(End::Refused(reason, text)) => {
                self.counters.hellos_refused += 1;
                self.end_session(now, slot, reason, Some(&text));
            }
        }
    }
}
