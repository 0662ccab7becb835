//! Who is kept out, until when, and why.

use super::networks::{NetworkSet, normal};
use rudp::server::Network;
use std::collections::BTreeMap;
use std::net::IpAddr;
use thiserror::Error;

/// Bans there may be: some 400 KB with the longest reasons.
pub const BANS_MAX: usize = 4_096;
/// Longest reason, bytes: a line in a list.
pub const REASON_BYTES_MAX: usize = 256;

/// Whom a ban keeps out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Barred {
    /// An account, from wherever it comes.
    Account(u64),
    /// Everybody at the addresses of a network.
    Network(Network),
}

/// Who has imposed a ban.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imposed {
    /// An operator.
    Operator,
    /// The server by itself, because of what was done in sessions.
    Evidence,
}

impl Imposed {
    /// The word for lists and files.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Evidence => "evidence",
        }
    }
}

/// A ban.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ban {
    /// Whom it keeps out.
    pub what: Barred,
    /// The first second, since 1970, in which it does not any more; none if it always will.
    pub until_unix_s: Option<u64>,
    /// Why, for people: at most [`REASON_BYTES_MAX`] bytes without control characters.
    pub reason: String,
    /// By whom.
    pub by: Imposed,
}

/// Why a ban is not imposed; whoever asked for it is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BanError {
    /// It would never have kept anybody out.
    #[error("the ban would be over already")]
    Over,
    /// The reason cannot be shown in a list.
    #[error("a reason has at most {REASON_BYTES_MAX} bytes and no control characters")]
    Reason,
    /// There are as many as there may be.
    #[error("there are {BANS_MAX} bans already: lift some first")]
    TooMany,
}

impl Barred {
    /// The same with nothing beyond a network's bits, so that two ways to name it are one.
    #[must_use]
    pub fn normal(self) -> Self {
        match self {
            Self::Account(_) => self,
            Self::Network(network) => Self::Network(normal(network)),
        }
    }
}

impl Ban {
    fn is_over(&self, unix_s: u64) -> bool {
        self.until_unix_s.is_some_and(|until| until <= unix_s)
    }
}

/// All bans, one for each of the barred.
#[derive(Debug, Default)]
pub struct Bans {
    list: BTreeMap<Barred, Ban>,
    networks: NetworkSet,
    /// When the next one is over.
    next_end_unix_s: Option<u64>,
}

impl Bans {
    /// Those of `bans` that are not over.
    pub fn new(bans: Vec<Ban>, unix_s: u64) -> Self {
        let mut all = Self::default();
        for ban in bans.into_iter().filter(|ban| !ban.is_over(unix_s)).take(BANS_MAX) {
            let what = ban.what.normal();
            all.list.insert(what, Ban { what, ..ban });
        }
        all.on_changed();
        all
    }

    /// Imposes a ban, in place of the one there is of the same.
    ///
    /// # Errors
    /// [`BanError`]; nothing has changed then.
    pub fn insert(&mut self, ban: Ban, unix_s: u64) -> Result<(), BanError> {
        self.expire(unix_s);
        let what = ban.what.normal();
        if ban.is_over(unix_s) {
            return Err(BanError::Over);
        }
        if ban.reason.len() > REASON_BYTES_MAX || ban.reason.contains(char::is_control) {
            return Err(BanError::Reason);
        }
        if self.list.len() >= BANS_MAX && !self.list.contains_key(&what) {
            return Err(BanError::TooMany);
        }
        self.list.insert(what, Ban { what, ..ban });
        self.on_changed();
        Ok(())
    }

    /// Lifts a ban; false if there is none.
    pub fn remove(&mut self, what: &Barred) -> bool {
        let was_there = self.list.remove(&what.normal()).is_some();
        if was_there {
            self.on_changed();
        }
        was_there
    }

    /// Whether this is kept out at least as long already.
    pub fn bars_until(&self, what: &Barred, until_unix_s: Option<u64>) -> bool {
        self.list.get(&what.normal()).is_some_and(|ban| match (ban.until_unix_s, until_unix_s) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(there), Some(asked)) => there >= asked,
        })
    }

    /// Whether an account is kept out.
    pub fn bars_account(&mut self, unix_s: u64, account: u64) -> bool {
        self.expire(unix_s);
        self.list.contains_key(&Barred::Account(account))
    }

    /// Whether an address is.
    pub fn bars_address(&mut self, unix_s: u64, ip: IpAddr) -> bool {
        self.expire(unix_s);
        self.networks.contains(ip)
    }

    /// Forgets those that are over.
    pub fn expire(&mut self, unix_s: u64) {
        if self.next_end_unix_s.is_none_or(|end| unix_s < end) {
            return;
        }
        self.list.retain(|_, ban| !ban.is_over(unix_s));
        self.on_changed();
    }

    /// All, accounts first.
    pub fn iter(&self) -> impl Iterator<Item = &Ban> {
        self.list.values()
    }

    fn on_changed(&mut self) {
        self.networks = NetworkSet::new(self.list.keys().filter_map(|what| match what {
            Barred::Account(_) => None,
            Barred::Network(network) => Some(*network),
        }));
        self.next_end_unix_s = self.list.values().filter_map(|ban| ban.until_unix_s).min();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ban(what: Barred, until_unix_s: Option<u64>) -> Ban {
        Ban { what, until_unix_s, reason: String::new(), by: Imposed::Operator }
    }

    fn net(address: &str, bits: u8) -> Barred {
        Barred::Network(Network { address: address.parse().unwrap(), bits })
    }

    #[test]
    fn a_ban_ends_in_its_second_and_one_without_end_does_not() {
        let mut bans = Bans::new(vec![ban(Barred::Account(1), Some(100)), ban(Barred::Account(2), None)], 99);
        bans.insert(ban(net("10.1.2.3", 24), Some(101)), 99).unwrap();
        let ip = "10.1.2.9".parse().unwrap();
        assert!(bans.bars_account(99, 1) && bans.bars_account(99, 2) && bans.bars_address(99, ip));
        assert!(!bans.bars_account(100, 1) && bans.bars_address(100, ip));
        assert!(!bans.bars_address(101, ip) && bans.bars_account(u64::MAX, 2));
        assert_eq!(bans.iter().count(), 1);
        assert_eq!(Bans::new(vec![ban(Barred::Account(1), Some(100))], 100).iter().count(), 0, "over at the start");
    }

    #[test]
    fn one_thing_has_one_ban_however_it_is_named() {
        let mut bans = Bans::default();
        bans.insert(ban(net("10.1.2.3", 8), Some(50)), 1).unwrap();
        bans.insert(ban(net("10.9.9.9", 8), None), 1).unwrap();
        assert_eq!(
            bans.iter().map(|ban| (ban.what, ban.until_unix_s)).collect::<Vec<_>>(),
            [(net("10.0.0.0", 8), None)]
        );
        assert!(bans.bars_until(&net("10.3.3.3", 8), Some(u64::MAX)) && !bans.bars_until(&net("10.3.3.3", 9), Some(1)));
        assert!(
            !bans.remove(&net("10.0.0.0", 9)) && bans.remove(&net("10.7.7.7", 8)) && !bans.remove(&net("10.0.0.0", 8))
        );
        assert!(!bans.bars_address(1, "10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn what_can_never_work_or_be_shown_or_be_kept_is_refused() {
        let mut bans = Bans::default();
        assert_eq!(bans.insert(ban(Barred::Account(1), Some(7)), 7), Err(BanError::Over));
        let told = |reason: String| Ban { reason, ..ban(Barred::Account(1), None) };
        assert_eq!(bans.insert(told("x".repeat(257)), 7), Err(BanError::Reason));
        assert_eq!(bans.insert(told("a\nb".to_owned()), 7), Err(BanError::Reason));
        for account in 0..BANS_MAX as u64 {
            bans.insert(ban(Barred::Account(account), Some(9)), 7).unwrap();
        }
        assert_eq!(bans.insert(ban(Barred::Account(1 << 40), None), 7), Err(BanError::TooMany));
        assert_eq!(bans.insert(ban(Barred::Account(5), None), 7), Ok(()), "one that is there may change");
        assert_eq!(bans.insert(ban(Barred::Account(1 << 40), None), 9), Ok(()), "the others are over");
        assert_eq!(bans.iter().count(), 2);
    }
}
