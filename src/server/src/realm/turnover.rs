//! How often accounts change their characters: each change is a row on the disk that stays, and a line of the chronicle.
//!
//! Kept by account, not by guest: whoever leaves and comes again has not changed less.

use super::shots::PLAYERS_MAX;
use protocol::character::CHARACTERS_MAX;
use protocol::unit::TICK_RATE_HZ;
use protocol::{AccountId, Tick};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Characters that an account makes and deletes in one stretch: a whole list is made, and half of it made anew.
pub const CHANGES_MAX: u32 = CHARACTERS_MAX as u32 + 8;
/// A stretch, which begins with an account's first change: an hour. In a year nobody leaves more than 140,000 rows on the
/// disk, 3 MB; at the rate of a guest's steps it would be 126 million.
pub const STRETCH_TICKS: u32 = 60 * 60 * TICK_RATE_HZ;
/// Accounts that are remembered, beyond which the oldest is forgotten: as many as can be here at once; 800 KB. Whoever has
/// more accounts than that may do with each of them what one may.
const ACCOUNTS_MAX: usize = PLAYERS_MAX;

/// The changes of those accounts whose stretch is not over.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Turnover {
    changes: BTreeMap<AccountId, u32>,
    /// When their stretches began, oldest first; each account of `changes` is here once.
    began: VecDeque<(Tick, AccountId)>,
}

impl Turnover {
    /// Whether an account may make a change.
    pub fn admits(&mut self, account: AccountId, now: Tick) -> bool {
        while self.began.front().is_some_and(|&(began, _)| now.since(began) >= STRETCH_TICKS) {
            self.forget_oldest();
        }
        self.changes.get(&account).is_none_or(|&changes| changes < CHANGES_MAX)
    }

    /// A change was made.
    pub fn note(&mut self, account: AccountId, now: Tick) {
        if let Some(changes) = self.changes.get_mut(&account) {
            *changes += 1;
            return;
        }
        if self.began.len() == ACCOUNTS_MAX {
            self.forget_oldest();
        }
        self.began.push_back((now, account));
        self.changes.insert(account, 1);
    }

    fn forget_oldest(&mut self) {
        if let Some((_, account)) = self.began.pop_front() {
            self.changes.remove(&account);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: AccountId = AccountId(7);

    fn spent(at: Tick) -> Turnover {
        let mut turnover = Turnover::default();
        for _ in 0..CHANGES_MAX {
            assert!(turnover.admits(ONE, at));
            turnover.note(ONE, at);
        }
        turnover
    }

    #[test]
    fn an_account_changes_so_much_in_an_hour_from_its_first_change_on_and_then_anew() {
        let mut turnover = spent(Tick(100));
        assert!(!turnover.admits(ONE, Tick(100)) && turnover.admits(AccountId(8), Tick(100)));
        assert!(!turnover.admits(ONE, Tick(99 + STRETCH_TICKS)));
        assert!(turnover.admits(ONE, Tick(100 + STRETCH_TICKS)));
        turnover.note(ONE, Tick(100 + STRETCH_TICKS));
        assert_eq!((turnover.changes[&ONE], turnover.began.len()), (1, 1));
    }

    #[test]
    fn many_accounts_are_remembered_and_of_more_the_oldest_is_forgotten() {
        let mut turnover = spent(Tick(0));
        let others = |count: usize| (0..count as u64).map(|number| AccountId(1_000 + number));
        others(ACCOUNTS_MAX - 1).for_each(|account| turnover.note(account, Tick(1)));
        assert!(!turnover.admits(ONE, Tick(2)));
        turnover.note(AccountId(8), Tick(2));
        assert!(turnover.admits(ONE, Tick(2)));
        assert_eq!((turnover.changes.len(), turnover.began.len()), (ACCOUNTS_MAX, ACCOUNTS_MAX));
    }
}
