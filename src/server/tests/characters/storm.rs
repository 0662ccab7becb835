//! Three accounts do everything at once with their characters, on a disk that is slow, refuses and crashes: names and rosters
//! stay of one mind, nothing is made or lost, every step is answered once (none twice, and each of whoever stays), and what was
//! told as done is so, whatever crashes later.

use super::*;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::collections::{BTreeMap, BTreeSet};

const ACCOUNTS: std::ops::Range<u64> = 7..10;
/// From one round to the next: half a second, in which a step is answered if the disk does.
const STEP_TICKS: u32 = 31;

struct Storm {
    rig: Rig,
    draws: StdRng,
    incarnation: u32,
    /// By account: who acts for it.
    actors: Vec<usize>,
    /// Characters that somebody was told, and those of them that he then was not.
    told: BTreeSet<CharacterId>,
    deleted: BTreeSet<CharacterId>,
    /// Those whose deletion was asked for by somebody who was not told what came of it.
    in_doubt: BTreeSet<CharacterId>,
    /// By bot and number: the steps asked for since the last crash that were not answered yet.
    asked: BTreeMap<(usize, u16), RosterStep>,
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
            told: BTreeSet::new(),
            deleted: BTreeSet::new(),
            in_doubt: BTreeSet::new(),
            asked: BTreeMap::new(),
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
        if let Ok(number) = self.rig.bots[actor].client.roster(step.clone()) {
            self.asked.insert((actor, number), step);
        }
    }

    fn crash(&mut self) {
        self.crashes += 1;
        self.incarnation += 1;
        self.hear();
        self.asked.clear();
        let old = std::mem::replace(&mut self.rig, rig());
        self.rig = restart(old, self.incarnation);
        self.rig.clients_are_strangers = true;
        self.actors = ACCOUNTS.map(|account| self.rig.join(account)).collect();
        self.rig.run_ticks(60);
        self.compare();
    }

    /// What everybody was told, since the last crash and before the coming one.
    fn hear(&mut self) {
        for index in 0..self.rig.bots.len() {
            self.hear_bot(index);
            self.played += u32::from(self.rig.bots[index].client.welcome().is_some());
        }
        // Of whoever was not told it is not known whether he is gone.
        self.in_doubt.extend(self.asked.values().filter_map(|step| match step {
            RosterStep::Delete { character } => Some(*character),
            _ => None,
        }));
    }

    /// Answers once, and lists that show what was said to be done, and of which nothing comes back that was gone.
    fn hear_bot(&mut self, index: usize) {
        let (mut before, mut news) = (BTreeSet::new(), None);
        for event in &self.rig.bots[index].events {
            match event {
                ClientEvent::Message(ServerMessage::Done { number, result }) => {
                    let step = self.asked.remove(&(index, *number));
                    let step = step.unwrap_or_else(|| panic!("{number} was not asked for, or is answered twice"));
                    assert!(news.is_none(), "{news:?} was done, and no list shows it");
                    match result {
                        Ok(()) => {
                            self.done += 1;
                            news = Some(step).filter(|step| !matches!(step, RosterStep::Play { .. }));
                        }
                        Err(refusal) => drop(self.refused.insert(*refusal)),
                    }
                }
                ClientEvent::Message(ServerMessage::Roster(rows)) => {
                    match news.take() {
                        Some(RosterStep::Create { name, .. }) => assert!(rows.iter().any(|row| row.name == name)),
                        Some(RosterStep::Delete { character }) => {
                            self.deleted.insert(character);
                            assert!(rows.iter().all(|row| row.character != character));
                        }
                        _ => {}
                    }
                    let now: BTreeSet<CharacterId> = rows.iter().map(|row| row.character).collect();
                    self.deleted.extend(before.difference(&now));
                    self.told.extend(&now);
                    before = now;
                }
                _ => {}
            }
        }
        if let Some(RosterStep::Delete { character }) = news {
            self.deleted.insert(character);
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
        let is_gone = |character: &&CharacterId| !is_listed(character) && !self.in_doubt.contains(character);
        let lost: Vec<_> = self.told.difference(&self.deleted).filter(is_gone).collect();
        assert!(lost.is_empty(), "{lost:?} were told as made and are gone");
    }

    fn finish(&mut self) {
        let rig = &mut self.rig;
        (rig.journal_is_slow, rig.commits_are_slow, rig.journal_is_full) = (false, false, false);
        rig.run_ticks(300);
        self.hear();
        self.compare();
        let unanswered: Vec<_> = self.asked.keys().filter(|(index, _)| self.rig.bots[*index].gone.is_none()).collect();
        assert!(unanswered.is_empty(), "{unanswered:?} of sessions that stayed");
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
