//! Three accounts do everything at once with their characters, on a disk that is slow, refuses and crashes: names and rosters
//! stay of one mind, nothing is made or lost, every step is answered once, and what was told as done is so.

use super::*;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::collections::BTreeSet;

const ACCOUNTS: std::ops::Range<u64> = 7..10;
/// From one round to the next: half a second, in which a step is answered if the disk does.
const STEP_TICKS: u32 = 31;

struct Storm {
    rig: Rig,
    draws: StdRng,
    incarnation: u32,
    /// By account: who acts for it.
    actors: Vec<usize>,
    /// Characters that somebody was told and then was not.
    deleted: BTreeSet<CharacterId>,
    /// Steps, by what became of them.
    done: u32,
    refused: BTreeSet<Refusal>,
    played: u32,
    crashes: u32,
}

impl Storm {
    fn new(seed: u64) -> Self {
        let mut rig = rig();
        rig.clients_are_strangers = true;
        let actors = ACCOUNTS.map(|account| rig.join(account)).collect();
        rig.run_ticks(60);
        Self {
            rig,
            draws: StdRng::seed_from_u64(seed),
            incarnation: 1,
            actors,
            deleted: BTreeSet::new(),
            done: 0,
            refused: BTreeSet::new(),
            played: 0,
            crashes: 0,
        }
    }

    fn one_in(&mut self, times: u32) -> bool {
        self.draws.random_ratio(1, times)
    }

    fn round(&mut self) {
        self.rig.journal_is_slow = self.one_in(4);
        self.rig.commits_are_slow = self.one_in(4);
        self.rig.journal_is_full = self.one_in(8);
        for nth in 0..self.actors.len() {
            if self.one_in(6) {
                self.come_again(nth);
            } else {
                self.act(nth);
            }
        }
        self.rig.run_ticks(STEP_TICKS);
        if self.one_in(40) {
            self.crash();
        }
    }

    /// Another session of the account, before or after the end of the one there was.
    fn come_again(&mut self, nth: usize) {
        if self.one_in(2) {
            let (now, actor) = (self.rig.now, self.actors[nth]);
            self.rig.bots[actor].client.disconnect(now);
        }
        self.actors[nth] = self.rig.join(ACCOUNTS.start + nth as u64);
    }

    fn act(&mut self, nth: usize) {
        let actor = self.actors[nth];
        let told = rosters(&self.rig, actor).pop().unwrap_or_default();
        let character = match told.len() {
            0 => CharacterId(0),
            len => told[self.draws.random_range(0..len)].character,
        };
        let step = match self.draws.random_range(0..8) {
            0..4 => create(["Ada", "aDA", "Eve", "Joe", "Bob", "Kim"][self.draws.random_range(0..6)]),
            4..7 => RosterStep::Delete { character },
            _ => RosterStep::Play { character },
        };
        // It may not be up yet, or not any more.
        let _ = self.rig.bots[actor].client.roster(step);
    }

    fn crash(&mut self) {
        self.crashes += 1;
        self.incarnation += 1;
        self.hear();
        let old = std::mem::replace(&mut self.rig, rig());
        self.rig = restart(old, self.incarnation);
        self.rig.clients_are_strangers = true;
        self.actors = ACCOUNTS.map(|account| self.rig.join(account)).collect();
        self.rig.run_ticks(60);
        self.compare();
    }

    /// What everybody was told: answers once, and lists of which nothing comes back that was gone.
    fn hear(&mut self) {
        for index in 0..self.rig.bots.len() {
            let mut seen = BTreeSet::new();
            for (number, result) in &self.rig.bots[index].done {
                assert!(seen.insert(*number), "{number} is answered twice");
                match result {
                    Ok(()) => self.done += 1,
                    Err(refusal) => drop(self.refused.insert(*refusal)),
                }
            }
            self.played += u32::from(self.rig.bots[index].client.welcome().is_some());
            let mut before: BTreeSet<CharacterId> = BTreeSet::new();
            for rows in rosters(&self.rig, index) {
                let now: BTreeSet<_> = rows.iter().map(|row| row.character).collect();
                self.deleted.extend(before.difference(&now));
                before = now;
            }
        }
    }

    /// The disk is of one mind, and has all that anybody was told that it has.
    fn compare(&self) {
        let Books { rosters, names, estates, .. } = &self.rig.books;
        assert!(self.rig.books.is_in_balance());
        let listed: Vec<_> = rosters.values().flatten().collect();
        assert_eq!(listed.len(), names.len());
        for listing in listed {
            assert_eq!(names[&protocol::character::folded(&listing.name)], listing.character);
        }
        let is_listed = |character: &CharacterId| names.values().any(|other| other == character);
        assert!(estates.keys().all(is_listed), "nobody owns anything who is gone");
        assert!(self.rig.journal.keys().all(is_listed), "nobody was anywhere who is gone");
        assert!(self.deleted.iter().all(|character| !is_listed(character)), "nobody comes back");
    }

    fn finish(&mut self) {
        let rig = &mut self.rig;
        (rig.journal_is_slow, rig.commits_are_slow, rig.journal_is_full) = (false, false, false);
        rig.run_ticks(300);
        self.hear();
        self.compare();
        for (nth, &actor) in self.actors.iter().enumerate() {
            let bot = &self.rig.bots[actor];
            if bot.client.welcome().is_none() && bot.gone.is_none() {
                let account = AccountId(ACCOUNTS.start + nth as u64);
                let listed = self.rig.books.rosters.get(&account).into_iter().flatten();
                let told = roster(&self.rig, actor);
                assert!(listed.map(|one| one.character).eq(told.iter().map(|row| row.character)), "{account:?}");
            }
        }
    }
}

#[test]
fn whatever_is_done_with_characters_at_once_names_are_single_and_nothing_is_made_or_lost() {
    let (mut done, mut played, mut crashes, mut refused) = (0, 0, 0, BTreeSet::new());
    for seed in 1..=4 {
        let mut storm = Storm::new(seed);
        (0..150).for_each(|_| storm.round());
        storm.finish();
        done += storm.done;
        played += storm.played;
        crashes += storm.crashes;
        refused.append(&mut storm.refused);
    }
    assert!(done >= 100 && played >= 10 && crashes >= 4, "{done} steps, {played} in the world, {crashes} crashes");
    let all = [Refusal::BadName, Refusal::NotSaved, Refusal::InUse, Refusal::TooMany, Refusal::NoSuchCharacter];
    assert!(all.iter().all(|refusal| refused.contains(refusal)), "{refused:?}");
}
