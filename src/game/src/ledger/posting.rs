//! A transaction that is on disk, with what it left behind: what another store must be told to know as much.
//!
//! Everything here but the transaction itself is *state after*, not change: whoever is told of one posting twice, or only of
//! the last of many, ends with the same. So postings can be sent again after any accident.

use super::books::{Books, Heap};
use super::entry::{Transaction, Way};
use super::listing::Listing;
use super::rows::Row;
use protocol::{AccountId, CharacterId, ClassId, ItemId, ItemKind, SkillId};
use serde::{Deserialize, Serialize};

/// What a transaction left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// Its place among all of this disk's: 1, 2, 3 ... Also the revision of everything that it touched: it only ever grows,
    /// and whoever takes over what another disk knew goes on above the highest number of that.
    pub seq: u64,
    /// When it came to disk, in milliseconds since 1970.
    pub at_ms: u64,
    /// What was done. An item is after it as its last entry says.
    pub transaction: Transaction,
    /// The characters that it touched, as they are after it.
    pub characters: Vec<CharacterAfter>,
    /// The accounts whose rosters it touched, as those are after it.
    pub rosters: Vec<(AccountId, Vec<Listing>)>,
    /// The heaps of coins that it touched; none of one that is gone.
    pub heaps: Vec<(ItemId, Option<Heap>)>,
    /// What came into the world by the ways that it touched, in all, on this disk.
    pub made: Vec<(Way, ItemKind, i64)>,
    /// The same of coins.
    pub minted: Vec<(Way, i64)>,
}

/// A character without what it carries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CharacterAfter {
    /// Which.
    pub character: CharacterId,
    /// Whether it owns anything, or is somebody; not of one that is deleted or has never been played.
    pub exists: bool,
    /// What it is.
    pub class: ClassId,
    /// Its team.
    pub team: u8,
    /// All that it ever gained.
    pub experience: u64,
    /// Coins.
    pub coins: u64,
    /// Learnt from the tree, each with its rank.
    pub skills: Vec<(SkillId, u8)>,
}

impl Row for Posting {}

impl Posting {
    /// What `transaction` left behind in `books`, which have applied it.
    #[must_use]
    pub fn of(seq: u64, at_ms: u64, transaction: &Transaction, books: &Books) -> Self {
        let characters =
            Books::touched(transaction).into_iter().map(|character| Self::character_after(character, books)).collect();
        let roster = |(account, _)| (account, books.rosters.get(&account).cloned().unwrap_or_default());
        let mut posting = Self {
            seq,
            at_ms,
            transaction: transaction.clone(),
            characters,
            rosters: Books::touched_rosters(transaction).map(roster).collect(),
            ..Self::default()
        };
        for entry in &transaction.entries {
            posting.add_sums(entry, books);
        }
        posting
    }

    /// A character as it is in these books.
    #[must_use]
    pub fn character_after(character: CharacterId, books: &Books) -> CharacterAfter {
        let Some(estate) = books.estates.get(&character) else {
            return CharacterAfter { character, ..CharacterAfter::default() };
        };
        CharacterAfter {
            character,
            exists: true,
            class: estate.class,
            team: estate.team,
            experience: estate.experience,
            coins: estate.coins,
            skills: estate.skills.clone(),
        }
    }

    fn add_sums(&mut self, entry: &super::Entry, books: &Books) {
        match *entry {
            super::Entry::GroundCoins { item, .. } if self.heaps.iter().all(|(known, _)| *known != item) => {
                self.heaps.push((item, books.heaps.get(&item).copied()));
            }
            super::Entry::Made { kind, way, .. }
                if self.made.iter().all(|&(known, of, _)| (known, of) != (way, kind)) =>
            {
                self.made.push((way, kind, books.made.get(&(way, kind)).copied().unwrap_or(0)));
            }
            super::Entry::Minted { way, .. } if self.minted.iter().all(|&(known, _)| known != way) => {
                self.minted.push((way, books.minted.get(&way).copied().unwrap_or(0)));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::{Entry, TransactionId};
    use super::*;

    const ANN: CharacterId = CharacterId(1);

    fn posting(books: &mut Books, seq: u64, entries: Vec<Entry>) -> Posting {
        let transaction = Transaction { id: TransactionId(seq.into()), entries };
        books.apply(&transaction).unwrap();
        Posting::of(seq, 5, &transaction, books)
    }

    #[test]
    fn a_posting_says_what_is_after_it_and_reads_back() {
        let (mut books, way) = (Books::default(), Way::Kit);
        let coins = |coins| vec![Entry::Coins { character: ANN, change: coins, way }, Entry::Minted { coins, way }];
        posting(&mut books, 1, coins(10));
        let second = posting(&mut books, 2, coins(5));
        assert_eq!((second.characters[0].coins, second.minted.as_slice()), (15, &[(way, 15)][..]));
        let mut bytes = Vec::new();
        second.to_bytes(&mut bytes);
        assert_eq!(Posting::from_bytes(&bytes), Ok(second));
    }

    #[test]
    fn who_is_struck_is_nobody_afterwards_and_his_account_has_one_less() {
        let mut books = Books::default();
        let ada = Listing { character: ANN, name: "Ada".to_owned(), class: ClassId(2), team: 1 };
        let made = posting(&mut books, 1, ada.creation(TransactionId(1), AccountId(7)).entries);
        assert_eq!(made.rosters, [(AccountId(7), vec![ada.clone()])]);
        let gone = posting(&mut books, 2, ada.deletion(TransactionId(2), AccountId(7), None).entries);
        assert_eq!(gone.rosters, [(AccountId(7), vec![])]);
        assert!(!gone.characters[0].exists);
    }

    #[test]
    fn a_heap_that_is_taken_is_gone_and_each_sum_stands_once() {
        let (mut books, way, item, place) = (Books::default(), Way::Operator, ItemId(9), (1, 2, 3));
        let lay = vec![Entry::GroundCoins { item, change: 4, place }, Entry::Minted { coins: 4, way }];
        assert_eq!(posting(&mut books, 1, lay).heaps, [(item, Some(Heap { coins: 4, place }))]);
        let take = |change| Entry::GroundCoins { item, change, place };
        let coins = Entry::Coins { character: ANN, change: 4, way };
        let taken = posting(&mut books, 2, vec![take(-1), take(-3), coins]);
        assert_eq!((taken.heaps, taken.minted), (vec![(item, None)], vec![]));
    }
}
