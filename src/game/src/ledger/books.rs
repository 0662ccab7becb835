//! What the disk knows: the sum of all transactions, as a value.
//!
//! Whoever keeps it on a disk holds the part that a transaction touches in one of these, lets the transaction be applied,
//! and writes that part back. Nothing is believed: an item that is not as the transaction says it was, coins that are not
//! there, make it refused as a whole.

use super::entry::{Entry, Holder, Imbalance, ItemRecord, Transaction, Way};
use super::listing::Listing;
use crate::growth::Estate;
use protocol::news::ItemRow;
use protocol::{AccountId, CharacterId, ClassId, ItemId, ItemKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;

/// Who owns what, and how much was ever made and lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// Which characters accounts have made, in the order of their making.
    pub rosters: BTreeMap<AccountId, Vec<Listing>>,
    /// Who has a name, by [`protocol::character::folded`].
    pub names: BTreeMap<String, CharacterId>,
    /// What characters own.
    pub estates: BTreeMap<CharacterId, Estate>,
    /// What lies on the ground.
    pub ground: BTreeMap<ItemId, ItemRecord>,
    /// Coins that lie on the ground, by heap.
    pub heaps: BTreeMap<ItemId, Heap>,
    /// Of each kind, by each way, how many came into the world; less than 0 for left.
    pub made: BTreeMap<(Way, ItemKind), i64>,
    /// The same of coins.
    pub minted: BTreeMap<Way, i64>,
}

/// Coins on the ground.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heap {
    /// How many; 1 or more.
    pub coins: u64,
    /// Where, in subunits: east, north, up.
    pub place: (i32, i32, i32),
}

/// Why a transaction cannot be. Nothing of it has happened then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Error)]
pub enum BooksError {
    /// It makes or loses something in silence: the game is at fault.
    #[error("the transaction is not in balance: {0:?}")]
    Imbalance(Imbalance),
    /// An item is not where or as it is said to be.
    #[error("item {:#x} is not as the transaction says", .0.0)]
    Item(ItemId),
    /// Somebody would have less than nothing.
    #[error("character {} has too few coins", .0.0)]
    Coins(CharacterId),
    /// A heap would have less than nothing.
    #[error("heap {:#x} has too few coins", .0.0)]
    Heap(ItemId),
    /// Somebody would come into being twice.
    #[error("character {} exists already", .0.0)]
    Born(CharacterId),
    /// Somebody else has the name.
    #[error("character {} has that name", .0.0)]
    Name(CharacterId),
    /// An account would have more characters than it may.
    #[error("account {} has no room for another character", .0.0)]
    Full(AccountId),
    /// An account has no such character, or one of another name.
    #[error("character {} is not as its account's roster says", .0.0)]
    Unlisted(CharacterId),
    /// Somebody would be gone before what he has.
    #[error("character {} still owns something", .0.0)]
    Owns(CharacterId),
}

impl Books {
    /// The characters that a transaction touches, each once.
    #[must_use]
    pub fn touched(transaction: &Transaction) -> Vec<CharacterId> {
        let holder = |record: &Option<ItemRecord>| match record.map(|record| record.holder) {
            Some(Holder::Character { character, .. }) => Some(character),
            _ => None,
        };
        let mut touched: Vec<_> = (transaction.entries.iter())
            .flat_map(|entry| match entry {
                Entry::Item { before, after } => [holder(before), holder(after)],
                Entry::Coins { character, .. }
                | Entry::Experience { character, .. }
                | Entry::Skill { character, .. }
                | Entry::Born { character, .. }
                | Entry::Listed { character, .. }
                | Entry::Struck { character, .. } => [Some(*character), None],
                Entry::Made { .. } | Entry::GroundCoins { .. } | Entry::Minted { .. } => [None, None],
            })
            .flatten()
            .collect();
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    /// The items on the ground, or heaps, that a transaction may touch.
    pub fn touched_items(transaction: &Transaction) -> impl Iterator<Item = ItemId> {
        transaction.entries.iter().filter_map(|entry| match entry {
            Entry::Item { before, after } => before.or(*after).map(|record| record.item),
            Entry::GroundCoins { item, .. } => Some(*item),
            _ => None,
        })
    }

    /// Makes all changes of a transaction, or none.
    ///
    /// # Errors
    /// [`BooksError`] names the first that cannot be.
    pub fn apply(&mut self, transaction: &Transaction) -> Result<(), BooksError> {
        transaction.balance().map_err(BooksError::Imbalance)?;
        let mut next = self.part(transaction);
        // First all that goes, then all that comes: two may change places.
        for entry in &transaction.entries {
            if let Entry::Item { before: Some(before), .. } = entry {
                next.take(before)?;
            }
        }
        for entry in &transaction.entries {
            next.enter(entry)?;
        }
        self.put_back(transaction, next);
        Ok(())
    }

    /// What a transaction may touch, and nothing else.
    fn part(&self, transaction: &Transaction) -> Self {
        let mut part = Self { made: self.made.clone(), minted: self.minted.clone(), ..Self::default() };
        for (account, name) in Self::touched_rosters(transaction) {
            part.rosters.extend(self.rosters.get(&account).map(|roster| (account, roster.clone())));
            part.names.extend(self.names.get_key_value(&name).map(|(name, who)| (name.clone(), *who)));
        }
        for character in Self::touched(transaction) {
            part.estates.extend(self.estates.get(&character).map(|estate| (character, estate.clone())));
        }
        for item in Self::touched_items(transaction) {
            part.ground.extend(self.ground.get(&item).map(|record| (item, *record)));
            part.heaps.extend(self.heaps.get(&item).map(|heap| (item, *heap)));
        }
        part
    }

    fn put_back(&mut self, transaction: &Transaction, mut part: Self) {
        for (account, name) in Self::touched_rosters(transaction) {
            self.rosters.remove(&account);
            self.names.remove(&name);
        }
        self.rosters.append(&mut part.rosters);
        self.names.append(&mut part.names);
        for character in Self::touched(transaction) {
            self.estates.remove(&character);
        }
        self.estates.append(&mut part.estates);
        for item in Self::touched_items(transaction) {
            self.ground.remove(&item);
            self.heaps.remove(&item);
        }
        self.ground.append(&mut part.ground);
        self.heaps.append(&mut part.heaps);
        (self.made, self.minted) = (part.made, part.minted);
    }

    fn take(&mut self, record: &ItemRecord) -> Result<(), BooksError> {
        let was_there = match record.holder {
            Holder::Ground { .. } => self.ground.remove(&record.item).as_ref() == Some(record),
            Holder::Character { character, slot } => {
                let items = &mut self.estates.entry(character).or_default().items;
                let row = row_of(record, slot);
                items.iter().position(|held| *held == row).map(|at| items.remove(at)).is_some()
            }
        };
        if was_there { Ok(()) } else { Err(BooksError::Item(record.item)) }
    }

    fn enter(&mut self, entry: &Entry) -> Result<(), BooksError> {
        match *entry {
            Entry::Listed { account, character, ref name, class, team } => {
                self.list(account, Listing { character, name: name.clone(), class, team })?;
            }
            Entry::Struck { account, character, ref name } => self.strike(account, character, name)?,
            Entry::Item { after: None, .. } => {}
            Entry::Item { after: Some(record), .. } => self.give(&record)?,
            Entry::Made { kind, count, way } => *self.made.entry((way, kind)).or_default() += count,
            Entry::Coins { character, change, .. } => {
                let coins = &mut self.estates.entry(character).or_default().coins;
                *coins = coins.checked_add_signed(change).ok_or(BooksError::Coins(character))?;
            }
            Entry::GroundCoins { item, change, place } => {
                let heap = self.heaps.entry(item).or_insert(Heap { coins: 0, place });
                heap.coins = heap.coins.checked_add_signed(change).ok_or(BooksError::Heap(item))?;
                if heap.coins == 0 {
                    self.heaps.remove(&item);
                }
            }
            Entry::Minted { coins, way } => *self.minted.entry(way).or_default() += coins,
            Entry::Experience { character, gained } => {
                let experience = &mut self.estates.entry(character).or_default().experience;
                *experience = experience.saturating_add(gained);
            }
            Entry::Skill { character, skill, rank } => {
                let skills = &mut self.estates.entry(character).or_default().skills;
                match skills.iter_mut().find(|(known, _)| *known == skill) {
                    // As in the game: two ranks that are learnt one after the other may come in any order.
                    Some((_, known)) => *known = rank.max(*known),
                    None => skills.push((skill, rank)),
                }
            }
            Entry::Born { character, class, team } => {
                let estate = self.estates.entry(character).or_default();
                // What he did first may come to disk before his birth does; then he has something and is nobody yet.
                if estate.class != ClassId(0) {
                    return Err(BooksError::Born(character));
                }
                (estate.class, estate.team) = (class, team);
            }
        }
        Ok(())
    }

    fn give(&mut self, record: &ItemRecord) -> Result<(), BooksError> {
        let is_new = match record.holder {
            Holder::Ground { .. } => self.ground.insert(record.item, *record).is_none(),
            Holder::Character { character, slot } => {
                let items = &mut self.estates.entry(character).or_default().items;
                let is_new = items.iter().all(|held| held.item != record.item && held.slot != slot);
                items.push(row_of(record, slot));
                is_new
            }
        };
        if is_new && record.count > 0 { Ok(()) } else { Err(BooksError::Item(record.item)) }
    }

    /// How many of each kind there are, wherever they are.
    #[must_use]
    pub fn count(&self) -> BTreeMap<ItemKind, i64> {
        let carried = self.estates.values().flat_map(|estate| &estate.items).map(|row| (row.kind, row.count));
        let lying = self.ground.values().map(|record| (record.kind, record.count));
        let mut counts = BTreeMap::new();
        for (kind, count) in carried.chain(lying) {
            *counts.entry(kind).or_default() += i64::from(count);
        }
        counts
    }

    /// How many coins there are, wherever they are.
    #[must_use]
    pub fn coins(&self) -> i128 {
        let carried = self.estates.values().map(|estate| i128::from(estate.coins));
        carried.chain(self.heaps.values().map(|heap| i128::from(heap.coins))).sum()
    }

    /// Whether there is of everything as much as was made.
    #[must_use]
    pub fn is_in_balance(&self) -> bool {
        let mut made: BTreeMap<ItemKind, i64> = BTreeMap::new();
        for (&(_, kind), count) in &self.made {
            *made.entry(kind).or_default() += count;
        }
        let mut counted = self.count();
        made.retain(|_, count| *count != 0);
        counted.retain(|_, count| *count != 0);
        made == counted && self.coins() == self.minted.values().map(|&coins| i128::from(coins)).sum()
    }
}

fn row_of(record: &ItemRecord, slot: u8) -> ItemRow {
    let ItemRecord { item, kind, count, durability, .. } = *record;
    ItemRow { item, kind, count, durability, slot, is_held: false }
}

#[cfg(test)]
mod tests {
    use super::super::entry::TransactionId;
    use super::*;
    use protocol::SkillId;

    const ANN: CharacterId = CharacterId(1);
    const BOB: CharacterId = CharacterId(2);
    const KIND: ItemKind = ItemKind(7);

    fn with(character: CharacterId, slot: u8) -> Holder {
        Holder::Character { character, slot }
    }

    fn record(item: u64, count: u32, holder: Holder) -> ItemRecord {
        ItemRecord { item: ItemId(item), kind: KIND, count, durability: 0, holder }
    }

    fn apply(books: &mut Books, entries: Vec<Entry>) -> Result<(), BooksError> {
        let before = books.clone();
        let result = books.apply(&Transaction { id: TransactionId(1), entries });
        assert!(result.is_ok() || *books == before, "what is refused changes nothing");
        assert!(books.is_in_balance());
        result
    }

    /// Ann has five of a kind and 100 coins, Bob is there.
    fn books() -> Books {
        let mut books = Books::default();
        let born = |character| Entry::Born { character, class: ClassId(1), team: 0 };
        let entries = vec![
            born(ANN),
            born(BOB),
            Entry::Item { before: None, after: Some(record(1, 5, with(ANN, 0))) },
            Entry::Made { kind: KIND, count: 5, way: Way::Kit },
            Entry::Coins { character: ANN, change: 100, way: Way::Kit },
            Entry::Minted { coins: 100, way: Way::Kit },
        ];
        assert_eq!(apply(&mut books, entries), Ok(()));
        books
    }

    #[test]
    fn what_changes_hands_is_with_its_new_holder_and_nowhere_else() {
        let mut books = books();
        let ground = Holder::Ground { x: 1, y: 2, z: 0 };
        let to = |from, to| Entry::Item { before: Some(record(1, 5, from)), after: Some(record(1, 5, to)) };
        assert_eq!(apply(&mut books, vec![to(with(ANN, 0), ground)]), Ok(()));
        assert_eq!((books.estates[&ANN].items.len(), books.ground.len()), (0, 1));
        assert_eq!(apply(&mut books, vec![to(ground, with(BOB, 3))]), Ok(()));
        assert_eq!((books.estates[&BOB].items[0].slot, books.ground.len()), (3, 0));
        assert_eq!(apply(&mut books, vec![to(ground, with(BOB, 4))]), Err(BooksError::Item(ItemId(1))));
    }

    #[test]
    fn two_items_may_change_places() {
        let mut books = books();
        let second = Entry::Item { before: None, after: Some(record(2, 1, with(ANN, 1))) };
        let made = Entry::Made { kind: KIND, count: 1, way: Way::Loot };
        assert_eq!(apply(&mut books, vec![second, made]), Ok(()));
        let swap = |item, count, from, to| Entry::Item {
            before: Some(record(item, count, with(ANN, from))),
            after: Some(record(item, count, with(ANN, to))),
        };
        assert_eq!(apply(&mut books, vec![swap(1, 5, 0, 1), swap(2, 1, 1, 0)]), Ok(()));
        let half = vec![swap(1, 5, 1, 0)];
        assert_eq!(apply(&mut books, half), Err(BooksError::Item(ItemId(1))), "somebody is there");
    }

    #[test]
    fn nobody_gives_what_he_has_not() {
        let mut books = books();
        let pay = |character, change| Entry::Coins { character, change, way: Way::Handed };
        assert_eq!(apply(&mut books, vec![pay(ANN, -101), pay(BOB, 101)]), Err(BooksError::Coins(ANN)));
        assert_eq!(apply(&mut books, vec![pay(ANN, -100), pay(BOB, 100)]), Ok(()));
        let more = Entry::Item { before: Some(record(1, 6, with(ANN, 0))), after: Some(record(1, 6, with(BOB, 0))) };
        assert_eq!(apply(&mut books, vec![more]), Err(BooksError::Item(ItemId(1))));
    }

    #[test]
    fn coins_on_the_ground_are_counted_and_a_heap_that_is_empty_is_gone() {
        let mut books = books();
        let (way, heap) = (Way::Handed, ItemId(9));
        let lay = vec![
            Entry::Coins { character: ANN, change: -30, way },
            Entry::GroundCoins { item: heap, change: 30, place: (1, 2, 3) },
        ];
        assert_eq!(apply(&mut books, lay), Ok(()));
        assert_eq!((books.heaps[&heap], books.coins()), (Heap { coins: 30, place: (1, 2, 3) }, 100));
        let take = |coins: i64| {
            vec![
                Entry::Coins { character: BOB, change: coins, way },
                Entry::GroundCoins { item: heap, change: -coins, place: (0, 0, 0) },
            ]
        };
        assert_eq!(apply(&mut books, take(31)), Err(BooksError::Heap(heap)));
        assert_eq!(apply(&mut books, take(30)), Ok(()));
        assert!(books.heaps.is_empty());
    }

    #[test]
    fn experience_adds_up_and_a_rank_replaces_a_lower_one() {
        let mut books = books();
        let (gain, learn) = (
            |gained| Entry::Experience { character: ANN, gained },
            |rank| Entry::Skill { character: ANN, skill: SkillId(4), rank },
        );
        assert_eq!(apply(&mut books, vec![gain(10), gain(5), learn(1), learn(2)]), Ok(()));
        assert_eq!((books.estates[&ANN].experience, books.estates[&ANN].skills.clone()), (15, vec![(SkillId(4), 2)]));
        assert_eq!(apply(&mut books, vec![learn(1)]), Ok(()), "late");
        assert_eq!(books.estates[&ANN].skills, [(SkillId(4), 2)]);
        let gain = vec![Entry::Experience { character: CharacterId(9), gained: 7 }];
        assert_eq!(apply(&mut books, gain), Ok(()), "of one who is born later");
        let birth = vec![Entry::Born { character: CharacterId(9), class: ClassId(2), team: 1 }];
        assert_eq!(apply(&mut books, birth), Ok(()));
        let late = &books.estates[&CharacterId(9)];
        assert_eq!((late.class, late.team, late.experience), (ClassId(2), 1, 7));
        let again = vec![Entry::Born { character: ANN, class: ClassId(2), team: 1 }];
        assert_eq!(apply(&mut books, again), Err(BooksError::Born(ANN)));
    }
}
