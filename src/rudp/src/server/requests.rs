//! From a stranger's request to a session. spec: LIF-1
use super::filter::Refusal;
use super::order::TokenOrder;
use super::origin::Crowded;
use super::path::Path;
use super::pending::{PENDING_LIFETIME_NS, Pending, Reply};
use super::session::{PacketBudget, Session};
use super::{ConnectionId, Ready, Server};
use crate::challenge::ChallengeError;
use crate::connection::{Connection, ConnectionConfig, Role};
use crate::limits::token_timeout_ns;
use crate::link::Link;
use crate::liveness::Liveness;
use crate::outer::{self, Header, RequestHeader};
use crate::rate::{IPV4_UDP_BYTES, IPV6_UDP_BYTES};
use crate::reason::Reason;
use crate::seal::{PacketKey, TAG_BYTES};
use crate::time::Now;
use crate::token::address::canonical;
use crate::token::{PRIVATE_TOKEN_BYTES, PrivateToken, PrivateTokenError, UserData};
use std::cmp::Ordering;
use std::net::SocketAddr;

impl Server {
    /// A datagram that begins with a zero byte.
    pub(super) fn handle_request(&mut self, now: Now, from: SocketAddr, datagram: &mut [u8]) {
        self.counters.requests_in += 1;
        if datagram.len() != outer::REQUEST_BYTES {
            self.counters.request_length += 1;
            return;
        }
        match self.admit_request(now, from, datagram) {
            Ok(()) => self.counters.requests_admitted += 1,
            Err(refusal) => refusal.count(&mut self.counters),
        }
    }

    fn admit_request(&mut self, now: Now, from: SocketAddr, datagram: &mut [u8]) -> Result<(), Refusal> {
        // Hashing all of it costs less than a hundredth of opening it, and is done only when the clear fields pass.
        let whole: &[u8] = datagram;
        let header = outer::peek_request(whole).ok_or(Refusal::Malformed)?;
        let fingerprint = self.filter.judge(now, from.ip(), &header, |filter| filter.fingerprint(whole))?;
        let (header, sealed) = outer::decode_request(datagram).map_err(|_| Refusal::Malformed)?;
        let tag = *sealed.last_chunk::<TAG_BYTES>().ok_or(Refusal::Malformed)?;
        self.pending.history.forget_expired(now.unix_s);
        self.pending.history.judge(&tag, header.expire_unix_s)?;
        let token = self.open_token(&header, sealed).inspect_err(|refusal| {
            if *refusal == Refusal::Seal {
                self.filter.on_failed_open(fingerprint);
            }
        })?;
        self.judge_token(from, &token)?;
        self.enter_pending(now, from, tag, &header, token)
    }

    fn open_token(
        &self,
        header: &RequestHeader,
        sealed: &mut [u8; PRIVATE_TOKEN_BYTES],
    ) -> Result<PrivateToken, Refusal> {
        for key in &self.token_keys {
            match PrivateToken::open(sealed, key, self.config.protocol_id, header.expire_unix_s, &header.nonce) {
                Ok(token) => return Ok(token),
                Err(PrivateTokenError::Malformed) => return Err(Refusal::Malformed),
                Err(PrivateTokenError::Seal) => {}
            }
        }
        Err(Refusal::Seal)
    }

    /// Is the token for this server, and is its bearer welcome?
    fn judge_token(&self, from: SocketAddr, token: &PrivateToken) -> Result<(), Refusal> {
        if token.timeout_s <= 0 && !self.config.test_mode {
            return Err(Refusal::EndlessTimeout);
        }
        let names_us = |address: &SocketAddr| self.config.public_addresses.contains(&canonical(*address));
        if !token.addresses.as_slice().iter().any(names_us) {
            return Err(Refusal::ForeignServer);
        }
        if !self.config.takeover && self.by_address.contains_key(&from) {
            return Err(Refusal::AddressConnected);
        }
        if !self.config.takeover && self.by_client.contains_key(&token.client_id) {
            return Err(Refusal::ClientConnected);
        }
        Ok(())
    }

    fn enter_pending(
        &mut self,
        now: Now,
        from: SocketAddr,
        tag: [u8; TAG_BYTES],
        header: &RequestHeader,
        token: PrivateToken,
    ) -> Result<(), Refusal> {
        let requested_ns = self.patience.clock_ns(now.mono_ns);
        let order = TokenOrder::new(UserData::decode(&token.user).ok().as_ref(), header.expire_unix_s);
        let (client_id, backend) = (token.client_id, self.config.seal);
        let admitted = self.pending.admit(from, tag, order, requested_ns, || Pending {
            address: from,
            tag,
            order,
            client_id,
            timeout_s: token.timeout_s,
            user: token.user,
            opens: PacketKey::new(&token.client_to_server, backend),
            seals: PacketKey::new(&token.server_to_client, backend),
            is_proven: false,
            reply: None,
            requested_ns,
        })?;
        if let Some(slot) = admitted.displaced {
            self.counters.pending_displaced += 1;
            self.wheel.cancel(self.config.connections_max + slot);
        }
        let has_room = !self.sessions.is_full() || self.by_client.contains_key(&client_id);
        self.reply(admitted.slot, if has_room { Reply::Challenge } else { Reply::Denied });
        let expires_ns = now.mono_ns + PENDING_LIFETIME_NS;
        self.wheel.schedule(self.config.connections_max + admitted.slot, expires_ns);
        Ok(())
    }

    /// Queues a reply; at most one is waiting per pending request, so replies never outnumber what was received.
    /// spec: LIF-8
    fn reply(&mut self, slot: u32, reply: Reply) {
        if let Some(pending) = self.pending.at_mut(slot)
            && pending.reply.replace(reply).is_none()
        {
            self.ready.push_back(Ready::Pending(slot));
        }
    }

    pub(super) fn on_pending_timer(&mut self, now: Now, slot: u32) {
        let Some(pending) = self.pending.at(slot) else { return };
        let expires_ns = pending.requested_ns + PENDING_LIFETIME_NS + self.patience.stalled_ns();
        if expires_ns > now.mono_ns {
            self.wheel.schedule(self.config.connections_max + slot, expires_ns);
        } else {
            self.pending.remove(slot);
            self.counters.pending_expired += 1;
        }
    }

    /// A response, opened under the key of the request pending at its address, whoever else lives there.
    pub(super) fn handle_response(&mut self, now: Now, from: SocketAddr, header: Header, datagram: &mut [u8]) {
        let Some(slot) = self.pending.slot_of(&from) else {
            // Usually a copy sent before the first keep-alive arrived: the session has begun already.
            let is_session = self.by_address.contains_key(&from);
            *(if is_session { &mut self.counters.drop_state } else { &mut self.counters.drop_unknown_address }) += 1;
            return;
        };
        let Some(pending) = self.pending.at(slot) else { return };
        self.counters.responses_in += 1;
        if let Err(crowded) = self.filter.judge_response(now.mono_ns, from.ip()) {
            *match crowded {
                Crowded::Address => &mut self.counters.response_address_rate,
                Crowded::Network => &mut self.counters.response_network_rate,
            } += 1;
            return;
        }
        let opened = outer::open(&pending.opens, self.config.protocol_id, header, datagram);
        let Some(body) = opened.ok().and_then(|body| body.try_into().ok()) else {
            self.counters.response_seal += 1;
            return;
        };
        let patient_ns = self.patience.clock_ns(now.mono_ns);
        match self.challenges.check(patient_ns, &pending.subject(), body) {
            Err(ChallengeError::Seal) => self.counters.response_seal += 1,
            Err(ChallengeError::Subject) => self.counters.response_foreign += 1,
            Err(ChallengeError::Late) => self.counters.response_late += 1,
            Ok(()) => self.on_proven(now, slot),
        }
    }

    /// The address of a pending request is proven: begin its session if nobody stands in the way. spec: LIF-9
    fn on_proven(&mut self, now: Now, slot: u32) {
        let Some(pending) = self.pending.at_mut(slot) else { return };
        pending.is_proven = true;
        let rivals = [self.by_client.get(&pending.client_id).copied(), self.by_address.get(&pending.address).copied()];
        for rival in rivals.into_iter().flatten().filter_map(|slot| self.sessions.at(slot)) {
            if !self.config.takeover || pending.order.compare(&rival.order) != Ordering::Greater {
                self.counters.response_not_newer += 1;
                return;
            }
        }
        if self.sessions.is_full() && rivals == [None, None] {
            self.counters.response_server_full += 1;
            self.reply(slot, Reply::Denied);
            return;
        }
        let tag = pending.tag;
        let Some(siblings) = self.pending.history.consume(&tag) else {
            self.counters.response_expired += 1;
            self.remove_pending(slot);
            return;
        };
        for rival in rivals.into_iter().flatten() {
            if self.sessions.at(rival).is_some() {
                self.counters.sessions_taken_over += 1;
                self.end_session(now, rival, Reason::TakenOver, Some(""));
            }
        }
        let Some(pending) = self.remove_pending(slot) else { return };
        for sibling in siblings.into_iter().flatten() {
            self.remove_pending(sibling);
        }
        self.begin_session(now, *pending);
    }

    /// Whether a request is pending at this address, and if so whether its sender is proven; for tests.
    #[cfg(test)]
    pub(crate) fn pending_at(&self, address: &SocketAddr) -> Option<bool> {
        self.pending.is_proven_at(address)
    }

    fn remove_pending(&mut self, slot: u32) -> Option<Box<Pending>> {
        self.wheel.cancel(self.config.connections_max + slot);
        self.pending.remove(slot)
    }

    fn begin_session(&mut self, now: Now, pending: Pending) {
        let Pending { address, order, client_id, timeout_s, user, opens, seals, .. } = pending;
        let (mono_ns, patient_ns) = (now.mono_ns, self.patience.clock_ns(now.mono_ns));
        let user = UserData::decode(&user).ok();
        let ip_udp_bytes = if address.is_ipv6() { IPV6_UDP_BYTES } else { IPV4_UDP_BYTES };
        let connection = ConnectionConfig { ip_udp_bytes, ..self.config.connection.clone() };
        let role = Role::Server(self.config.hello.clone());
        let link = Link::new(self.config.protocol_id, opens, seals, mono_ns);
        let slot = self.sessions.insert_with(|slot, generation| {
            Box::new(Session {
                id: ConnectionId { slot, generation },
                client_id,
                address,
                order,
                user,
                link,
                connection: Connection::new(mono_ns, role, &connection),
                queued_bytes: 0,
                is_raw: self.config.raw,
                is_spoken: false,
                is_greeting_due: true,
                is_queued: false,
                started_ns: patient_ns,
                path: Path::new(),
                liveness: Liveness::new(patient_ns, self.config.held_s),
                token_timeout_ns: token_timeout_ns(timeout_s),
                budget: PacketBudget::default(),
            })
        });
        let Some((slot, id)) = slot.and_then(|slot| Some((slot, self.sessions.at(slot)?.id))) else {
            unreachable!("room was made before");
        };
        self.by_address.insert(address, slot);
        self.by_client.insert(client_id, slot);
        self.counters.sessions_started += 1;
        self.events.on_connected(id, client_id, user, address);
        self.settle(now, slot);
    }
}
