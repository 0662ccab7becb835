//! Who is in the world, or on the way there, as the persistence thread sees it: who was asked for and has not been let go.

use protocol::{AccountId, CharacterId};
use std::collections::{BTreeMap, BTreeSet};

/// Everybody of whom something may come yet.
#[derive(Debug, Default)]
pub struct Attendance {
    /// Lookups that are not answered.
    asked: BTreeMap<CharacterId, u32>,
    /// The same of rosters.
    rosters: BTreeMap<AccountId, u32>,
    /// Who was found and has not left.
    here: BTreeSet<CharacterId>,
}

impl Attendance {
    /// Somebody is looked up.
    pub fn on_asked(&mut self, character: CharacterId) {
        *self.asked.entry(character).or_default() += 1;
    }

    /// A lookup was answered; whoever was found is here from now on.
    pub fn on_answered(&mut self, character: CharacterId, is_found: bool) {
        count_down(&mut self.asked, character);
        if is_found {
            self.here.insert(character);
        }
    }

    /// Nothing of somebody is in the world any more.
    pub fn on_left(&mut self, character: CharacterId) {
        self.here.remove(&character);
    }

    /// A roster is looked up.
    pub fn on_roster_asked(&mut self, account: AccountId) {
        *self.rosters.entry(account).or_default() += 1;
    }

    /// That was answered.
    pub fn on_roster_answered(&mut self, account: AccountId) {
        count_down(&mut self.rosters, account);
    }

    /// Whether somebody is in the world, or looked up.
    pub fn is_here(&self, character: CharacterId) -> bool {
        self.here.contains(&character) || self.asked.contains_key(&character)
    }

    /// Whether an account's roster is looked up.
    pub fn is_coming(&self, account: AccountId) -> bool {
        self.rosters.contains_key(&account)
    }
}

fn count_down<K: Ord>(counts: &mut BTreeMap<K, u32>, key: K) {
    if let Some(count) = counts.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: CharacterId = CharacterId(1);

    #[test]
    fn who_is_looked_up_twice_and_leaves_once_is_gone_and_who_is_looked_up_still_is_not() {
        let mut attendance = Attendance::default();
        attendance.on_asked(ANN);
        assert!(attendance.is_here(ANN), "he may be let in any moment");
        attendance.on_asked(ANN);
        attendance.on_answered(ANN, true);
        attendance.on_left(ANN);
        assert!(attendance.is_here(ANN), "the second lookup is not answered");
        attendance.on_answered(ANN, true);
        assert!(attendance.is_here(ANN));
        attendance.on_left(ANN);
        assert!(!attendance.is_here(ANN));
        attendance.on_asked(ANN);
        attendance.on_answered(ANN, false);
        assert!(!attendance.is_here(ANN), "he was turned away");
        attendance.on_roster_asked(AccountId(7));
        assert!(attendance.is_coming(AccountId(7)) && !attendance.is_coming(AccountId(8)));
        attendance.on_roster_answered(AccountId(7));
        assert!(!attendance.is_coming(AccountId(7)));
    }
}
