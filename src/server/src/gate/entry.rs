//! Who comes in at the gate, who is put out, and what is made of those who break the rules. spec: LIF-22

use super::Gate;
use super::access::{AccessLimits, Ban, BanError, Barred, Verdict, host};
use crate::SessionId;
use crate::inbound::SessionEvent;
use rudp::Reason;
use rudp::time::Now;
use std::net::IpAddr;

impl Gate {
    /// Keeps somebody out from now on, and ends the sessions that this meets; answers how many. spec: LIF-22
    ///
    /// # Errors
    /// [`BanError`]; nothing has changed then.
    pub fn ban(&mut self, now: Now, ban: Ban) -> Result<usize, BanError> {
        let what = ban.what.normal();
        self.access.ban(now, ban)?;
        Ok(self.put_out(now, &what))
    }

    /// Lifts a ban; false if there is none.
    pub fn unban(&mut self, what: &Barred) -> bool {
        self.access.unban(what)
    }

    /// Who is kept out, accounts first; those whose ban ended in the last second may still be among them.
    pub fn bans(&self) -> impl Iterator<Item = &Ban> {
        self.access.bans()
    }

    /// The next ban that the gate has imposed by itself and that nobody has asked for; it is in force already.
    pub fn poll_banned(&mut self) -> Option<Ban> {
        self.access.poll_imposed()
    }

    /// How many sessions and strikes are too many.
    #[must_use]
    pub fn limits(&self) -> AccessLimits {
        self.access.limits()
    }

    /// Changes that. Who is here stays.
    pub fn set_limits(&mut self, limits: AccessLimits) {
        self.access.set_limits(limits);
    }

    /// Somebody's hello was accepted: he is in, or is told why not.
    pub(super) fn on_spoken(&mut self, now: Now, session: SessionId) {
        let entry = &mut self.sessions[session.slot as usize];
        assert_eq!(entry.generation, session.generation, "the transport spoke of a slot it has given away");
        let Some(user) = entry.user.take() else { return };
        match self.access.admit(now.unix_s, session, entry.account, entry.host) {
            Verdict::Welcome => {}
            Verdict::Replaces(oldest) => {
                self.counters.sessions_replaced += 1;
                self.uncount(oldest);
                self.transport.disconnect(now, oldest, Reason::TakenOver);
            }
            Verdict::Refused(reason) => {
                let is_banned = reason == Reason::Banned;
                self.counters.refused_banned += u64::from(is_banned);
                self.counters.refused_too_many += u64::from(!is_banned);
                self.transport.disconnect(now, session, reason);
                return;
            }
        }
        let entry = &mut self.sessions[session.slot as usize];
        (entry.since_ns, entry.spoken_at) = (now.mono_ns, Some(self.spoken.len() as u32));
        entry.is_counted = true;
        self.spoken.push(session);
        self.counters.sessions_joined += 1;
        self.inbound.push_event(SessionEvent::Joined { session, user });
    }

    /// Somebody's packets come from elsewhere.
    pub(super) fn on_moved(&mut self, id: SessionId, ip: IpAddr) {
        let session = &mut self.sessions[id.slot as usize];
        let from = std::mem::replace(&mut session.host, host(ip));
        if session.is_counted {
            self.access.on_moved(from, host(ip));
        }
    }

    /// It is none of those any more that its account and its host have.
    pub(super) fn uncount(&mut self, id: SessionId) {
        let session = &mut self.sessions[id.slot as usize];
        if session.generation == id.generation && std::mem::take(&mut session.is_counted) {
            self.access.on_left(id, session.account, session.host);
        }
    }

    /// The account of a session has broken the rules in it.
    pub(super) fn strike(&mut self, now: Now, id: SessionId) {
        let session = &mut self.sessions[id.slot as usize];
        let is_here = session.generation == id.generation && session.spoken_at.is_some();
        if !is_here || std::mem::replace(&mut session.is_struck, true) {
            return;
        }
        self.counters.strikes += 1;
        match self.access.strike(now, session.account) {
            Ok(None) => {}
            Ok(Some(ban)) => {
                self.counters.bans_imposed += 1;
                self.put_out(now, &ban.what);
            }
            Err(_) => self.counters.bans_left_out += 1,
        }
    }

    /// Ends all sessions of whom a ban keeps out; answers how many. Of an account those whose hello was accepted: the others are
    /// told when it is.
    fn put_out(&mut self, now: Now, what: &Barred) -> usize {
        let mut ended = 0;
        for index in 0..self.sessions.len() {
            let session = &self.sessions[index];
            let id = SessionId { slot: index as u32, generation: session.generation };
            let Some(address) = self.transport.address(id) else { continue };
            let is_meant = match what {
                Barred::Account(account) => session.account == *account && session.spoken_at.is_some(),
                Barred::Network(network) => network.contains(address.ip()),
            };
            if is_meant {
                self.transport.disconnect(now, id, Reason::Banned);
                ended += 1;
            }
        }
        ended
    }
}
