//! How many sessions whose hello was accepted each account and each host has.

use crate::SessionId;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

/// Whom an address stands for: an IPv4 address itself, an IPv6 address its /64, which is what one household has.
pub fn host(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
    }
}

/// Whether there is room for one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// There was, and he counts.
    Free,
    /// The account has as many as it may; this is its oldest. Nobody was counted.
    AccountFull(SessionId),
    /// The host has. Nobody was counted.
    HostFull,
}

/// Everybody who counts.
#[derive(Debug, Default)]
pub struct Crowd {
    /// Oldest first.
    by_account: BTreeMap<u64, Vec<SessionId>>,
    by_host: BTreeMap<IpAddr, u32>,
}

impl Crowd {
    /// One more, if there is room. Each bound is at least 1.
    pub fn admit(
        &mut self,
        session: SessionId,
        (account, per_account): (u64, u32),
        (host, per_host): (IpAddr, u32),
    ) -> Admission {
        if self.by_host.get(&host).is_some_and(|&here| here >= per_host) {
            return Admission::HostFull;
        }
        match self.by_account.get(&account).map(Vec::as_slice) {
            Some(all @ [oldest, ..]) if all.len() >= per_account as usize => Admission::AccountFull(*oldest),
            _ => {
                self.insert(session, account, host);
                Admission::Free
            }
        }
    }

    /// One more, whether there is room or not.
    pub fn insert(&mut self, session: SessionId, account: u64, host: IpAddr) {
        self.by_account.entry(account).or_default().push(session);
        *self.by_host.entry(host).or_default() += 1;
    }

    /// One who counted does not any more.
    pub fn remove(&mut self, session: SessionId, account: u64, host: IpAddr) {
        if let Some(all) = self.by_account.get_mut(&account) {
            all.retain(|&other| other != session);
            if all.is_empty() {
                self.by_account.remove(&account);
            }
        }
        self.leave_host(host);
    }

    /// One who counts is at another host now.
    pub fn move_host(&mut self, from: IpAddr, to: IpAddr) {
        if from != to {
            *self.by_host.entry(to).or_default() += 1;
            self.leave_host(from);
        }
    }

    fn leave_host(&mut self, host: IpAddr) {
        if let Some(here) = self.by_host.get_mut(&host) {
            *here -= 1;
            if *here == 0 {
                self.by_host.remove(&host);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(slot: u32) -> SessionId {
        SessionId { slot, generation: 0 }
    }

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn an_account_that_is_full_names_its_oldest_and_a_host_that_is_full_nobody() {
        let mut crowd = Crowd::default();
        let mut admit = |slot, account, last| crowd.admit(id(slot), (account, 2), (ip(last), 3));
        assert_eq!([admit(0, 7, 1), admit(1, 7, 2)], [Admission::Free; 2]);
        assert_eq!(admit(2, 7, 1), Admission::AccountFull(id(0)));
        assert_eq!([admit(3, 8, 1), admit(4, 9, 1)], [Admission::Free; 2]);
        assert_eq!(admit(5, 10, 1), Admission::HostFull);
        assert_eq!(admit(5, 10, 2), Admission::Free);
        crowd.remove(id(0), 7, ip(1));
        assert_eq!(crowd.admit(id(6), (7, 2), (ip(1), 3)), Admission::Free);
        assert_eq!(crowd.admit(id(7), (7, 2), (ip(9), 3)), Admission::AccountFull(id(1)));
    }

    #[test]
    fn who_moves_counts_where_he_is_and_nothing_is_left_of_those_who_went() {
        let mut crowd = Crowd::default();
        crowd.insert(id(0), 7, ip(1));
        crowd.move_host(ip(1), ip(2));
        assert_eq!(crowd.admit(id(1), (8, 1), (ip(2), 1)), Admission::HostFull);
        assert_eq!(crowd.admit(id(1), (8, 1), (ip(1), 1)), Admission::Free);
        crowd.move_host(ip(2), ip(2));
        crowd.remove(id(0), 7, ip(2));
        crowd.remove(id(1), 8, ip(1));
        assert!(crowd.by_account.is_empty() && crowd.by_host.is_empty());
    }

    #[test]
    fn a_household_is_an_address_or_a_slash_64() {
        let host = |text: &str| host(text.parse().unwrap()).to_string();
        assert_eq!(host("10.0.0.7"), "10.0.0.7");
        assert_eq!(host("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
