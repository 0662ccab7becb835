//! Datagrams out, one per call, round robin over those who have something to send.
use super::pending::Reply;
use super::{ConnectionId, Ready, Server, Transmit};
use crate::challenge::CHALLENGE_BODY_BYTES;
use crate::outer::{self, DATAGRAM_BYTES_MAX, KeepAlive, Kind, PAYLOAD_BYTES_MAX};
use crate::time::Now;

impl Server {
    /// Writes the next datagram into `buf`, which must hold [`DATAGRAM_BYTES_MAX`] bytes. Call until `None`.
    ///
    /// # Panics
    /// When `buf` is shorter.
    pub fn poll_transmit(&mut self, now: Now, buf: &mut [u8]) -> Option<Transmit> {
        assert!(buf.len() >= DATAGRAM_BYTES_MAX, "the transmit buffer is too short");
        loop {
            let transmit = match self.ready.pop_front()? {
                Ready::Session(slot) => self.transmit_session(now, slot, buf),
                Ready::Pending(slot) => self.transmit_reply(now, slot, buf),
                Ready::Farewell => self.transmit_farewell(now, buf),
            };
            if transmit.is_some() {
                return transmit;
            }
        }
    }

    /// Writes a payload of 1 to 1,200 bytes to a raw session into `buf`, as long as for
    /// [`poll_transmit`](Self::poll_transmit). `None` when the session is over or not raw, or the length is another.
    pub fn send_raw(&mut self, now: Now, id: ConnectionId, payload: &[u8], buf: &mut [u8]) -> Option<Transmit> {
        if payload.is_empty() || payload.len() > PAYLOAD_BYTES_MAX {
            return None;
        }
        let session = self.session_mut(id).filter(|session| session.is_raw)?;
        let len = session.link.seal_body(now.mono_ns, Kind::Payload, payload, buf);
        let to = session.address;
        self.counters.on_sent(len);
        Some(Transmit { to, len })
    }

    fn transmit_session(&mut self, now: Now, slot: u32, buf: &mut [u8]) -> Option<Transmit> {
        let session = self.sessions.at_mut(slot).filter(|session| session.is_queued)?;
        let mono_ns = now.mono_ns;
        let sequence = session.link.next_sequence();
        if let Some((to, path_id, challenge)) = session.path.take_challenge() {
            session.connection.on_path_sent(mono_ns, sequence);
            let len = session.link.seal_path(mono_ns, path_id, challenge, buf);
            self.counters.on_sent(len);
            self.ready.push_back(Ready::Session(slot));
            return Some(Transmit { to, len });
        }
        let len = if session.is_greeting_due {
            None
        } else {
            let start = outer::body_offset(sequence);
            let body = &mut buf[start..start + PAYLOAD_BYTES_MAX];
            session.connection.poll_payload(mono_ns, sequence, body)
        };
        let len = match len {
            Some(len) => session.link.seal(mono_ns, Kind::Payload, len, buf),
            None if session.keep_alive_ns() <= mono_ns => {
                session.is_greeting_due = false;
                session.connection.on_other_sent(mono_ns, sequence);
                let keep_alive = KeepAlive { index: slot, clients_max: self.config.connections_max };
                session.link.seal_body(mono_ns, Kind::KeepAlive, &keep_alive.encode(), buf)
            }
            None => {
                session.is_queued = false;
                self.settle(now, slot);
                return None;
            }
        };
        self.counters.on_sent(len);
        let to = session.address;
        // Back into the queue if there is more, behind the others.
        session.is_queued = false;
        self.settle(now, slot);
        Some(Transmit { to, len })
    }

    /// A challenge or a denial, numbered by the global sequence under the key of the pending request.
    fn transmit_reply(&mut self, now: Now, slot: u32, buf: &mut [u8]) -> Option<Transmit> {
        let patient_ns = self.patience.clock_ns(now.mono_ns);
        let pending = self.pending.at_mut(slot)?;
        let reply = pending.reply.take()?;
        let sequence = self.global_sequence;
        self.global_sequence += 1;
        let (kind, body_len) = match reply {
            Reply::Challenge => {
                self.counters.challenges_out += 1;
                let mut body = [0; CHALLENGE_BODY_BYTES];
                self.challenges.make(patient_ns, &pending.subject(), &mut body);
                let start = outer::body_offset(sequence);
                buf[start..start + body.len()].copy_from_slice(&body);
                (Kind::Challenge, body.len())
            }
            Reply::Denied => {
                self.counters.denials_out += 1;
                (Kind::Denied, 0)
            }
        };
        let len = outer::seal(&pending.seals, self.config.protocol_id, kind, sequence, buf, body_len);
        self.counters.on_sent(len);
        Some(Transmit { to: pending.address, len })
    }

    fn transmit_farewell(&mut self, now: Now, buf: &mut [u8]) -> Option<Transmit> {
        let mut farewell = self.farewells.pop_front()?;
        let to = farewell.to();
        let len = farewell.poll_transmit(now.mono_ns, buf, &mut self.counters)?;
        self.farewells.push_back(farewell);
        self.ready.push_back(Ready::Farewell);
        Some(Transmit { to, len })
    }
}
