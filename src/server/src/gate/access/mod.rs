//! Who may come in, and how often: lists of networks, bans, and how many sessions an account and an address may have.
//! spec: LIF-22
//!
//! Addresses are asked about before any cipher, and only where somebody new may speak: a datagram of a session that lives
//! at its address never is. Accounts are asked about when a hello is accepted, because only then somebody listens to why.
//!
//! What cannot be proven to be somebody's never bars him: a flood, junk and forged datagrams are slowed by the transport's
//! buckets (LIF-4, LIF-16) and count for nothing here. Strikes are given for what was sealed with the keys of a session.

mod bans;
mod crowd;
mod networks;
mod strikes;

pub use bans::{BANS_MAX, Ban, BanError, Barred, Imposed, REASON_BYTES_MAX};

use crate::SessionId;
use bans::Bans;
pub(super) use crowd::host;
use crowd::{Admission, Crowd};
use networks::NetworkSet;
use rudp::time::Now;
use rudp::{Reason, server::Network};
use std::collections::VecDeque;
use std::net::IpAddr;
use strikes::Strikes;

/// What an operator decides about who may come in.
#[derive(Clone, Debug, Default)]
pub struct AccessConfig {
    /// Nobody comes in from anywhere else; empty: from everywhere.
    pub allow: Vec<Network>,
    /// Nobody comes in from these, also if they are allowed.
    pub deny: Vec<Network>,
    /// What may be changed later.
    pub limits: AccessLimits,
    /// Bans that are in force at the start. More than [`BANS_MAX`] are cut off, the latest in order first.
    pub bans: Vec<Ban>,
}

/// How much is too much. May be changed while the gate works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessLimits {
    /// Sessions that an account may have, at least 1; beyond, the oldest makes room.
    pub sessions_per_account: u32,
    /// Sessions that an IPv4 address or an IPv6 /64 may have, at least 1. Networks on which requests have no limit have none
    /// here either.
    pub sessions_per_address: u32,
    /// Seconds for which strikes bar an account; 0: they do not.
    pub auto_ban_s: u32,
    /// Strikes that bar it, at least 1.
    pub auto_ban_strikes: u32,
}

impl Default for AccessLimits {
    fn default() -> Self {
        Self { sessions_per_account: 4, sessions_per_address: 256, auto_ban_s: 600, auto_ban_strikes: 3 }
    }
}

/// Why nobody at an address is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Barrier {
    NotAllowed,
    Denied,
    Banned,
}

/// What becomes of somebody whose hello was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// He is in.
    Welcome,
    /// He is in, and this one has to go for it.
    Replaces(SessionId),
    /// He goes.
    Refused(Reason),
}

/// The policy and what it has to remember.
#[derive(Debug)]
pub(super) struct Access {
    allow: NetworkSet,
    deny: NetworkSet,
    exempt: NetworkSet,
    has_takeover: bool,
    limits: AccessLimits,
    bans: Bans,
    strikes: Strikes,
    crowd: Crowd,
    /// Bans that the gate has imposed by itself, until somebody asks.
    imposed: VecDeque<Ban>,
}

impl Access {
    pub(super) fn new(config: AccessConfig, exempt: &[Network], has_takeover: bool, now: Now) -> Self {
        Self {
            allow: NetworkSet::new(config.allow),
            deny: NetworkSet::new(config.deny),
            exempt: NetworkSet::new(exempt.iter().copied()),
            has_takeover,
            limits: config.limits,
            bans: Bans::new(config.bans, now.unix_s),
            strikes: Strikes::default(),
            crowd: Crowd::default(),
            imposed: VecDeque::new(),
        }
    }

    /// Why nobody at this address is heard, if so. Some dozens of nanoseconds, however many bans there are.
    pub(super) fn bars(&mut self, unix_s: u64, ip: IpAddr) -> Option<Barrier> {
        if !self.allow.is_empty() && !self.allow.contains(ip) {
            Some(Barrier::NotAllowed)
        } else if self.deny.contains(ip) {
            Some(Barrier::Denied)
        } else if self.bans.bars_address(unix_s, ip) {
            Some(Barrier::Banned)
        } else {
            None
        }
    }

    /// Somebody's hello was accepted. Unless he is refused he counts as here from now on.
    pub(super) fn admit(&mut self, unix_s: u64, session: SessionId, account: u64, host: IpAddr) -> Verdict {
        if self.bans.bars_account(unix_s, account) {
            return Verdict::Refused(Reason::Banned);
        }
        let per_address = if self.exempt.contains(host) { u32::MAX } else { self.limits.sessions_per_address };
        match self.crowd.admit(session, (account, self.limits.sessions_per_account), (host, per_address)) {
            Admission::Free => Verdict::Welcome,
            Admission::AccountFull(oldest) if self.has_takeover => {
                self.crowd.insert(session, account, host);
                Verdict::Replaces(oldest)
            }
            Admission::AccountFull(_) | Admission::HostFull => Verdict::Refused(Reason::TooManySessions),
        }
    }

    /// Somebody who was admitted has gone.
    pub(super) fn on_left(&mut self, session: SessionId, account: u64, host: IpAddr) {
        self.crowd.remove(session, account, host);
    }

    /// Somebody's packets come from elsewhere. Nobody is refused for that: he was here.
    pub(super) fn on_moved(&mut self, from: IpAddr, to: IpAddr) {
        self.crowd.move_host(from, to);
    }

    /// An account has broken the rules in a session. Gives the ban that comes of it, if one does.
    pub(super) fn strike(&mut self, now: Now, account: u64) -> Result<Option<Ban>, BanError> {
        let AccessLimits { auto_ban_s, auto_ban_strikes, .. } = self.limits;
        if !self.strikes.add(account, now.mono_ns, auto_ban_strikes) || auto_ban_s == 0 {
            return Ok(None);
        }
        let until_unix_s = Some(now.unix_s.saturating_add(auto_ban_s.into()));
        let (what, reason) = (Barred::Account(account), "broke the rules again and again".to_owned());
        let ban = Ban { what, until_unix_s, reason, by: Imposed::Evidence };
        if self.bans.bars_until(&what, until_unix_s) {
            return Ok(None);
        }
        self.bans.insert(ban.clone(), now.unix_s)?;
        self.imposed.push_back(ban.clone());
        Ok(Some(ban))
    }

    pub(super) fn ban(&mut self, now: Now, ban: Ban) -> Result<(), BanError> {
        self.bans.insert(ban, now.unix_s)
    }

    pub(super) fn unban(&mut self, what: &Barred) -> bool {
        // Whoever is let in again begins anew.
        if let Barred::Account(account) = what {
            self.strikes.forget(*account);
        }
        self.bans.remove(what)
    }

    pub(super) fn bans(&self) -> impl Iterator<Item = &Ban> {
        self.bans.iter()
    }

    /// Forgets bans that are over.
    pub(super) fn expire(&mut self, unix_s: u64) {
        self.bans.expire(unix_s);
    }

    pub(super) fn poll_imposed(&mut self) -> Option<Ban> {
        self.imposed.pop_front()
    }

    pub(super) fn limits(&self) -> AccessLimits {
        self.limits
    }

    /// Who is here already stays, however many there are.
    pub(super) fn set_limits(&mut self, limits: AccessLimits) {
        self.limits = limits;
    }
}
