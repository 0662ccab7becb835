//! How often accounts have broken the rules lately.
//!
//! A client with a bug breaks one once, and its player comes again; who does so again and again does it on purpose. So
//! strikes fade, and only several at a time bar somebody.

use rudp::time::NS_PER_S;
use std::collections::{BTreeMap, VecDeque};

/// One strike is forgotten in so long a time: ten minutes.
pub const FADES_NS: u64 = 600 * NS_PER_S;
/// Accounts that are remembered, beyond which the one that was struck first is forgotten; 1 MB. Each strike takes a session with
/// a token of the account, so nobody fills this with other people's.
const ACCOUNTS_MAX: usize = 16_384;

/// Strikes of those who have any.
#[derive(Debug, Default)]
pub struct Strikes {
    /// How many, as of when.
    by_account: BTreeMap<u64, (u32, u64)>,
    /// In the order in which they came in; each account of `by_account` is here once.
    order: VecDeque<u64>,
}

impl Strikes {
    /// One more for an account; true if that makes `limit`, and then it begins anew.
    pub fn add(&mut self, account: u64, now_ns: u64, limit: u32) -> bool {
        let (strikes, at_ns) = self.by_account.get(&account).map_or((0, now_ns), |&(count, at_ns)| {
            let faded = now_ns.saturating_sub(at_ns) / FADES_NS;
            let left = u64::from(count).saturating_sub(faded) as u32;
            // What has passed of the next one's time goes on counting.
            (left, if left == 0 { now_ns } else { at_ns + faded * FADES_NS })
        });
        if strikes + 1 >= limit {
            self.forget(account);
            return true;
        }
        if self.by_account.insert(account, (strikes + 1, at_ns)).is_none() {
            self.order.push_back(account);
        }
        while self.by_account.len() > ACCOUNTS_MAX {
            let Some(oldest) = self.order.pop_front() else { break };
            self.by_account.remove(&oldest);
        }
        false
    }

    /// Nothing speaks against it any more.
    pub fn forget(&mut self, account: u64) {
        if self.by_account.remove(&account).is_some() {
            self.order.retain(|&other| other != account);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_at_a_time_are_too_many_and_it_begins_anew() {
        let mut strikes = Strikes::default();
        let struck: Vec<bool> = (0..7).map(|at| strikes.add(7, at * NS_PER_S, 3)).collect();
        assert_eq!(struck, [false, false, true, false, false, true, false]);
        assert!(!strikes.add(8, 0, 3) && strikes.add(8, 0, 2), "each has his own, and a lower limit holds at once");
        assert!(strikes.add(9, 0, 1));
    }

    #[test]
    fn one_is_forgotten_every_ten_minutes_and_the_same_rate_for_ever_is_borne() {
        let mut strikes = Strikes::default();
        assert!((0..100).all(|n| !strikes.add(7, n * FADES_NS, 3)), "one in ten minutes");
        let mut strikes = Strikes::default();
        assert!(!strikes.add(7, 0, 3) && !strikes.add(7, 0, 3));
        assert!(!strikes.add(7, FADES_NS, 3), "one of the two has faded");
        assert!(strikes.add(7, 2 * FADES_NS - 1, 3), "and the next has not");
    }

    #[test]
    fn of_more_accounts_than_are_remembered_the_first_is_forgotten() {
        let mut strikes = Strikes::default();
        for account in 0..=ACCOUNTS_MAX as u64 {
            assert!(!strikes.add(account, 0, 2));
        }
        assert!(!strikes.add(0, 1, 2), "forgotten");
        assert!(strikes.add(5, 1, 2));
        strikes.forget(6);
        assert!(!strikes.add(6, 1, 2));
        assert_eq!(strikes.by_account.len(), strikes.order.len());
    }
}
