//! Which characters an account has made: they are listed before they are played for the first time, and struck for ever.
//!
//! A name belongs to one character of all. That is only decided where all names are, on the disk; so whoever makes a
//! character is told that it has its name when the disk has it, as with everything else that is owned.

use super::books::{Books, BooksError};
use super::entry::{Entry, Holder, ItemRecord, Transaction, TransactionId, Way};
use crate::growth::Estate;
use protocol::character::{CHARACTERS_MAX, folded};
use protocol::news::ItemRow;
use protocol::{AccountId, CharacterId, ClassId, ItemKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A character, as the roster of its account says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// Which.
    pub character: CharacterId,
    /// Its name, as it was written.
    pub name: String,
    /// What it was made as.
    pub class: ClassId,
    /// Its team.
    pub team: u8,
}

impl Listing {
    /// All that there is to making this character: it is born when it is played for the first time.
    #[must_use]
    pub fn creation(&self, id: TransactionId, account: AccountId) -> Transaction {
        let Self { character, ref name, class, team } = *self;
        Transaction { id, entries: vec![Entry::Listed { account, character, name: name.clone(), class, team }] }
    }

    /// Takes this character and all that it has out of the world. `estate` is what it has, if it was ever played.
    #[must_use]
    pub fn deletion(&self, id: TransactionId, account: AccountId, estate: Option<&Estate>) -> Transaction {
        let character = self.character;
        let mut entries = Vec::new();
        let mut lost: BTreeMap<ItemKind, i64> = BTreeMap::new();
        for row in estate.into_iter().flat_map(|estate| &estate.items) {
            let ItemRow { item, kind, count, durability, slot, .. } = *row;
            let record = ItemRecord { item, kind, count, durability, holder: Holder::Character { character, slot } };
            entries.push(Entry::Item { before: Some(record), after: None });
            *lost.entry(kind).or_default() -= i64::from(count);
        }
        let way = Way::Deleted;
        entries.extend(lost.into_iter().map(|(kind, count)| Entry::Made { kind, count, way }));
        // More than a change can take nobody can have; if somebody has, he stays with what is left.
        let coins = estate.map_or(0, |estate| i64::try_from(estate.coins).unwrap_or(i64::MAX));
        if coins > 0 {
            entries.push(Entry::Coins { character, change: -coins, way });
            entries.push(Entry::Minted { coins: -coins, way });
        }
        entries.push(Entry::Struck { account, character, name: self.name.clone() });
        Transaction { id, entries }
    }
}

impl Books {
    /// The accounts whose rosters a transaction touches, each with the name, folded, that it touches there.
    pub fn touched_rosters(transaction: &Transaction) -> impl Iterator<Item = (AccountId, String)> {
        transaction.entries.iter().filter_map(|entry| match entry {
            Entry::Listed { account, name, .. } | Entry::Struck { account, name, .. } => Some((*account, folded(name))),
            _ => None,
        })
    }

    /// The characters that are gone after a transaction.
    pub fn struck(transaction: &Transaction) -> impl Iterator<Item = CharacterId> {
        transaction.entries.iter().filter_map(|entry| match entry {
            Entry::Struck { character, .. } => Some(*character),
            _ => None,
        })
    }

    pub(super) fn list(&mut self, account: AccountId, listing: Listing) -> Result<(), BooksError> {
        let roster = self.rosters.entry(account).or_default();
        if roster.len() >= CHARACTERS_MAX {
            return Err(BooksError::Full(account));
        }
        let is_known = roster.iter().any(|other| other.character == listing.character);
        if is_known || self.estates.contains_key(&listing.character) {
            return Err(BooksError::Born(listing.character));
        }
        if let Some(other) = self.names.insert(folded(&listing.name), listing.character) {
            return Err(BooksError::Name(other));
        }
        roster.push(listing);
        Ok(())
    }

    pub(super) fn strike(&mut self, account: AccountId, character: CharacterId, name: &str) -> Result<(), BooksError> {
        let is_it = |listing: &Listing| listing.character == character && listing.name == name;
        let roster = self.rosters.entry(account).or_default();
        let at = roster.iter().position(is_it).ok_or(BooksError::Unlisted(character))?;
        roster.remove(at);
        if roster.is_empty() {
            self.rosters.remove(&account);
        }
        self.names.remove(&folded(name));
        match self.estates.remove(&character) {
            Some(estate) if !estate.items.is_empty() || estate.coins > 0 => Err(BooksError::Owns(character)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ItemId;

    const ANN: AccountId = AccountId(1);
    const BOB: AccountId = AccountId(2);

    fn listing(character: u64, name: &str) -> Listing {
        Listing { character: CharacterId(character), name: name.to_owned(), class: ClassId(3), team: 1 }
    }

    fn id(number: u32) -> TransactionId {
        TransactionId::outside(1, number)
    }

    /// Applies it; what is refused must change nothing.
    fn apply(books: &mut Books, transaction: &Transaction) -> Result<(), BooksError> {
        let before = books.clone();
        let result = books.apply(transaction);
        assert!(result.is_ok() || *books == before, "what is refused changes nothing");
        assert!(books.is_in_balance());
        result
    }

    fn create(books: &mut Books, account: AccountId, listing: &Listing) -> Result<(), BooksError> {
        apply(books, &listing.creation(id(1), account))
    }

    /// It is played for the first time, and gets two stacks of a kind and one of another, and coins.
    fn play(books: &mut Books, character: CharacterId, coins: i64) {
        let record = |item, kind, slot| ItemRecord {
            item: ItemId(item),
            kind: ItemKind(kind),
            count: 5,
            durability: 0,
            holder: Holder::Character { character, slot },
        };
        let mut entries = vec![Entry::Born { character, class: ClassId(3), team: 1 }];
        let made =
            [record(character.0 * 10, 7, 0), record(character.0 * 10 + 1, 7, 4), record(character.0 * 10 + 2, 8, 200)];
        entries.extend(made.map(|record| Entry::Item { before: None, after: Some(record) }));
        let way = Way::Kit;
        entries.push(Entry::Made { kind: ItemKind(7), count: 10, way });
        entries.push(Entry::Made { kind: ItemKind(8), count: 5, way });
        entries.push(Entry::Coins { character, change: coins, way });
        entries.push(Entry::Minted { coins, way });
        assert_eq!(apply(books, &Transaction { id: id(2), entries }), Ok(()));
    }

    #[test]
    fn a_name_is_one_characters_whatever_its_case_until_he_is_struck() {
        let mut books = Books::default();
        let (first, second) = (listing(10, "Ada"), listing(11, "aDA"));
        assert_eq!(create(&mut books, ANN, &first), Ok(()));
        assert_eq!(create(&mut books, BOB, &second), Err(BooksError::Name(CharacterId(10))));
        assert_eq!(create(&mut books, ANN, &second), Err(BooksError::Name(CharacterId(10))), "not one's own either");
        assert_eq!(apply(&mut books, &first.deletion(id(3), ANN, None)), Ok(()));
        assert_eq!(books, Books::default(), "nothing is left of him");
        assert_eq!(create(&mut books, BOB, &second), Ok(()));
        assert_eq!(books.rosters[&BOB], [second]);
    }

    #[test]
    fn an_account_has_eight_characters_in_the_order_of_their_making_and_no_ninth() {
        let mut books = Books::default();
        for number in 0..CHARACTERS_MAX as u64 {
            assert_eq!(create(&mut books, ANN, &listing(90 - number, &format!("ann{number}"))), Ok(()));
        }
        assert_eq!(create(&mut books, ANN, &listing(100, "one more")), Err(BooksError::Full(ANN)));
        assert_eq!(create(&mut books, BOB, &listing(100, "one more")), Ok(()), "another account has room");
        let order: Vec<u64> = books.rosters[&ANN].iter().map(|listing| listing.character.0).collect();
        assert_eq!(order, [90, 89, 88, 87, 86, 85, 84, 83]);
    }

    #[test]
    fn nobody_is_listed_twice_or_struck_from_another_roster_or_under_another_name() {
        let mut books = Books::default();
        let ada = listing(10, "Ada");
        assert_eq!(create(&mut books, ANN, &ada), Ok(()));
        assert_eq!(create(&mut books, ANN, &listing(10, "Eve")), Err(BooksError::Born(CharacterId(10))));
        play(&mut books, CharacterId(20), 0);
        assert_eq!(create(&mut books, ANN, &listing(20, "Eve")), Err(BooksError::Born(CharacterId(20))));
        let unlisted = Err(BooksError::Unlisted(CharacterId(10)));
        assert_eq!(apply(&mut books, &ada.deletion(id(3), BOB, None)), unlisted);
        assert_eq!(apply(&mut books, &listing(10, "ada").deletion(id(3), ANN, None)), unlisted);
    }

    #[test]
    fn who_is_deleted_takes_all_that_he_has_with_him_and_nothing_of_others() {
        let mut books = Books::default();
        let (ada, eve) = (listing(10, "Ada"), listing(11, "Eve"));
        for listing in [&ada, &eve] {
            assert_eq!(create(&mut books, ANN, listing), Ok(()));
        }
        play(&mut books, eve.character, 100);
        let before = books.clone();
        play(&mut books, ada.character, 1 << 40);
        let estate = books.estates[&ada.character].clone();
        let early = Err(BooksError::Owns(ada.character));
        assert_eq!(apply(&mut books, &ada.deletion(id(3), ANN, None)), early, "he has something still");
        assert_eq!(apply(&mut books, &ada.deletion(id(3), ANN, Some(&estate))), Ok(()));
        assert_eq!((&books.estates, books.coins(), books.count()), (&before.estates, 100, before.count()));
        assert_eq!(books.rosters[&ANN], [eve]);
        assert_eq!(books.made[&(Way::Deleted, ItemKind(7))], -10);
        assert_eq!(books.minted[&Way::Deleted], -(1 << 40));
    }

    #[test]
    fn what_changed_since_it_was_looked_up_is_not_deleted() {
        let mut books = Books::default();
        let ada = listing(10, "Ada");
        assert_eq!(create(&mut books, ANN, &ada), Ok(()));
        play(&mut books, ada.character, 10);
        let before = books.estates[&ada.character].clone();
        let (character, way) = (ada.character, Way::Loot);
        let found = vec![Entry::Coins { character, change: 5, way }, Entry::Minted { coins: 5, way }];
        assert_eq!(apply(&mut books, &Transaction { id: id(3), entries: found }), Ok(()));
        assert_eq!(apply(&mut books, &ada.deletion(id(4), ANN, Some(&before))), Err(BooksError::Owns(character)));
    }
}
