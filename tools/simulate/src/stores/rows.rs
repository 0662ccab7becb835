//! What one server of MariaDB has: rows that each carry the number of the transaction that they are of.
//!
//! A row is written over one of a lower or equal number only, a transaction that is known is not entered again, and the
//! watermark never goes back: so whatever is told twice, late or out of order changes nothing.

use game::{Books, CharacterAfter, Entry, Estate, Heap, Holder, ItemRecord, Listing, TransactionId, Way};
use protocol::character::folded;
use protocol::news::ItemRow;
use protocol::{AccountId, CharacterId, ItemId, ItemKind};
use server::{Enrolled, Parcel, Saved};
use std::collections::BTreeMap;

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// An item, or a heap of coins.
    Thing(ItemId),
    /// A character, without what it carries.
    Character(CharacterId),
    /// The characters of an account.
    Roster(AccountId),
    /// What came into the world by some way; coins if it is of no kind.
    Sum(Way, Option<ItemKind>),
}

/// What a row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// An item is so.
    Item(ItemRecord),
    /// A heap is so.
    Heap(Heap),
    /// There is no such thing any more.
    Gone,
    /// A character is so.
    Character(CharacterAfter),
    /// An account has these.
    Roster(Vec<Listing>),
    /// So much came into the world.
    Sum(i64),
}

/// What a server has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Of each thing how it is, and since which transaction.
    pub rows: BTreeMap<Key, (u64, Value)>,
    /// The transactions, with their numbers.
    pub ledger: BTreeMap<TransactionId, u64>,
    /// How far the journal is in here.
    pub watermark: u64,
    /// Who has a name, folded; none of one that is free again.
    pub names: BTreeMap<String, Option<CharacterId>>,
    /// Epoch of each lease, and whether it may not be another's.
    pub leases: BTreeMap<CharacterId, (u64, bool)>,
    /// Where characters were last seen.
    pub checkpoints: BTreeMap<CharacterId, Saved>,
}

/// What a parcel says of each thing, with its number.
pub fn said(parcel: &Parcel) -> impl Iterator<Item = (Key, u64, Value)> {
    let rosters = (parcel.rosters.iter())
        .map(|(revision, account, roster)| (Key::Roster(*account), *revision, Value::Roster(roster.clone())));
    let characters = (parcel.characters.iter())
        .map(|(revision, after)| (Key::Character(after.character), *revision, Value::Character(after.clone())));
    let items = (parcel.items.iter())
        .map(|(revision, item, record)| (Key::Thing(*item), *revision, record.map_or(Value::Gone, Value::Item)));
    let heaps = (parcel.heaps.iter())
        .map(|(revision, item, heap)| (Key::Thing(*item), *revision, heap.map_or(Value::Gone, Value::Heap)));
    let sums = (parcel.sums.iter()).map(|&(revision, way, kind, sum)| (Key::Sum(way, kind), revision, Value::Sum(sum)));
    rosters.chain(characters).chain(items).chain(heaps).chain(sums)
}

impl Rows {
    /// Writes all of a parcel. `is_guarded`: not over what is newer.
    pub fn write(&mut self, parcel: &Parcel, is_guarded: bool) {
        for line in &parcel.ledger {
            self.ledger.entry(line.id).or_insert(line.seq);
        }
        for (key, revision, value) in said(parcel) {
            let is_newer = self.rows.get(&key).is_none_or(|(there, _)| *there <= revision);
            if is_newer || !is_guarded {
                self.rows.insert(key, (revision, value));
            }
        }
        for entry in parcel.ledger.iter().flat_map(|line| &line.entries) {
            if let Entry::Struck { character, name, .. } = entry {
                self.free(&folded(name), *character);
            }
        }
        for listing in parcel.rosters.iter().flat_map(|(_, _, roster)| roster) {
            self.reserve(&folded(&listing.name), listing.character);
        }
        self.watermark = self.watermark.max(parcel.upto);
    }

    /// Takes a name, if nobody has it; whose it is then.
    pub fn reserve(&mut self, folded: &str, character: CharacterId) -> CharacterId {
        *self.names.entry(folded.to_owned()).or_default().get_or_insert(character)
    }

    /// Frees a name, if it is this character's.
    pub fn free(&mut self, folded: &str, character: CharacterId) {
        if let Some(owner) = self.names.get_mut(folded) {
            owner.take_if(|owner| *owner == character);
        }
    }

    /// Takes a lease: only one server asks. Its epoch.
    pub fn take_lease(&mut self, character: CharacterId) -> u64 {
        let (epoch, is_undrained) = self.leases.entry(character).or_default();
        (*epoch, *is_undrained) = (*epoch + 1, true);
        *epoch
    }

    /// Gives leases back that have not been taken again.
    pub fn release(&mut self, leases: &[(CharacterId, u64)]) {
        for (character, epoch) in leases {
            if let Some((there, is_undrained)) = self.leases.get_mut(character).filter(|(there, _)| there == epoch) {
                (*there, *is_undrained) = (*epoch, false);
            }
        }
    }

    /// Keeps a checkpoint, unless a newer one is there.
    pub fn keep(&mut self, character: CharacterId, saved: &Saved) {
        if self.checkpoints.get(&character).is_none_or(|there| there.revision <= saved.revision) {
            self.checkpoints.insert(character, saved.clone());
        }
    }

    /// The number of a row; 0 if there is none.
    pub fn revision(&self, key: Key) -> u64 {
        self.rows.get(&key).map_or(0, |(revision, _)| *revision)
    }

    /// An account's characters, and the number of their roster.
    pub fn roster(&self, account: AccountId) -> (u64, Vec<Enrolled>) {
        let Some((revision, Value::Roster(roster))) = self.rows.get(&Key::Roster(account)) else {
            return (0, Vec::new());
        };
        let experience = |character| match self.rows.get(&Key::Character(character)) {
            Some((_, Value::Character(after))) => after.experience,
            _ => 0,
        };
        let enrolled = |one: &Listing| Enrolled { listing: one.clone(), experience: experience(one.character) };
        (*revision, roster.iter().map(enrolled).collect())
    }

    /// What these rows say as books, each estate's items by slot.
    pub fn books(&self) -> Books {
        let mut books = Books::default();
        for (key, (_, value)) in &self.rows {
            match (key, value) {
                (Key::Character(character), Value::Character(after)) if after.exists => {
                    let CharacterAfter { class, team, experience, coins, ref skills, .. } = *after;
                    let estate = Estate { class, team, experience, coins, skills: skills.clone(), items: Vec::new() };
                    books.estates.insert(*character, estate);
                }
                (Key::Roster(account), Value::Roster(roster)) if !roster.is_empty() => {
                    books.names.extend(roster.iter().map(|one| (folded(&one.name), one.character)));
                    books.rosters.insert(*account, roster.clone());
                }
                (Key::Sum(way, Some(kind)), Value::Sum(sum)) => drop(books.made.insert((*way, *kind), *sum)),
                (Key::Sum(way, None), Value::Sum(sum)) => drop(books.minted.insert(*way, *sum)),
                (Key::Thing(item), Value::Heap(heap)) => drop(books.heaps.insert(*item, *heap)),
                _ => {}
            }
        }
        for (_, value) in self.rows.values() {
            if let Value::Item(record) = value {
                lay(&mut books, record);
            }
        }
        books.estates.values_mut().for_each(sort);
        books
    }
}

fn lay(books: &mut Books, record: &ItemRecord) {
    match record.holder {
        Holder::Ground { .. } => drop(books.ground.insert(record.item, *record)),
        Holder::Character { character, slot } => {
            let ItemRecord { item, kind, count, durability, .. } = *record;
            let row = ItemRow { item, kind, count, durability, slot, is_held: false };
            books.estates.entry(character).or_default().items.push(row);
        }
    }
}

/// Rows have no order but that of their slots.
pub fn sort(estate: &mut Estate) {
    estate.items.sort_unstable_by_key(|row| (row.slot, row.item));
}

/// The first difference between two books, each with its items by slot; none if they are equal.
pub fn difference(left: &Books, right: &Books) -> Option<String> {
    first(&left.estates, &right.estates)
        .or_else(|| first(&left.ground, &right.ground))
        .or_else(|| first(&left.heaps, &right.heaps))
        .or_else(|| first(&left.rosters, &right.rosters))
        .or_else(|| first(&left.names, &right.names))
        .or_else(|| first(&left.made, &right.made))
        .or_else(|| first(&left.minted, &right.minted))
}

/// The first key of which two maps do not say the same, and what they say.
pub fn first<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    left: &BTreeMap<K, V>,
    right: &BTreeMap<K, V>,
) -> Option<String> {
    let mut keys = left.keys().chain(right.keys());
    let key = keys.find(|key| left.get(key) != right.get(key))?;
    Some(format!("{key:?}: {:?} and {:?}", left.get(key), right.get(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: CharacterId = CharacterId(1);

    fn parcel(revision: u64, coins: u64) -> Parcel {
        let after = CharacterAfter { character: ANN, exists: true, coins, ..CharacterAfter::default() };
        Parcel { upto: revision, characters: vec![(revision, after)], ..Parcel::default() }
    }

    #[test]
    fn what_is_late_or_told_twice_changes_nothing() {
        let mut rows = Rows::default();
        rows.write(&parcel(5, 50), true);
        let before = rows.clone();
        rows.write(&parcel(4, 40), true);
        rows.write(&parcel(5, 50), true);
        assert_eq!(rows, before);
        rows.write(&parcel(6, 60), true);
        assert_eq!((rows.watermark, rows.books().estates[&ANN].coins), (6, 60));
    }

    #[test]
    fn a_name_is_one_characters_until_it_frees_it() {
        let mut rows = Rows::default();
        assert_eq!(rows.reserve("ann", ANN), ANN);
        assert_eq!(rows.reserve("ann", CharacterId(2)), ANN);
        rows.free("ann", CharacterId(2));
        assert_eq!(rows.reserve("ann", CharacterId(2)), ANN);
        rows.free("ann", ANN);
        assert_eq!(rows.reserve("ann", CharacterId(2)), CharacterId(2));
    }

    #[test]
    fn a_lease_that_was_taken_again_is_not_given_back_with_the_old_one() {
        let mut rows = Rows::default();
        assert_eq!((rows.take_lease(ANN), rows.take_lease(ANN)), (1, 2));
        rows.release(&[(ANN, 1)]);
        assert_eq!(rows.leases[&ANN], (2, true));
        rows.release(&[(ANN, 2)]);
        assert_eq!(rows.leases[&ANN], (2, false));
    }

    #[test]
    fn the_first_difference_is_named() {
        let (mut left, right) = (Books::default(), Books::default());
        assert_eq!(difference(&left, &right), None);
        left.minted.insert(Way::Kit, 5);
        assert_eq!(difference(&left, &right).unwrap(), "Kit: Some(5) and None");
    }
}
