//! Many postings as one: only what is true after the last of them, each thing once.

use game::{CharacterAfter, Entry, Heap, ItemRecord, Listing, Posting, TransactionId, Way};
use protocol::{AccountId, ItemId, ItemKind};
use std::collections::BTreeMap;

/// What one SQL transaction brings to the database. Every state carries its revision, the [`Posting::seq`] that it is of; a
/// row with a higher one is never changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parcel {
    /// The highest [`Posting::seq`] in it: the database has all of this journal up to here afterwards.
    pub upto: u64,
    /// The transactions, in order; their ids go in first.
    pub ledger: Vec<LedgerLine>,
    /// Rosters of accounts.
    pub rosters: Vec<(u64, AccountId, Vec<Listing>)>,
    /// Characters, without what they carry.
    pub characters: Vec<(u64, CharacterAfter)>,
    /// Items: where and how they are; none of those that are gone.
    pub items: Vec<(u64, ItemId, Option<ItemRecord>)>,
    /// Heaps of coins on the ground; none of those that are gone.
    pub heaps: Vec<(u64, ItemId, Option<Heap>)>,
    /// What came into the world of this journal by some way; of coins if it is of no kind.
    pub sums: Vec<(u64, Way, Option<ItemKind>, i64)>,
}

/// A transaction in the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerLine {
    /// Its place in the journal.
    pub seq: u64,
    /// When it came to disk, in milliseconds since 1970.
    pub at_ms: u64,
    /// Its name.
    pub id: TransactionId,
    /// What was done.
    pub entries: Vec<Entry>,
    /// Whom it touched.
    pub characters: Vec<protocol::CharacterId>,
}

impl Parcel {
    /// Of postings in the order of their `seq`.
    #[must_use]
    pub fn of(postings: Vec<Posting>) -> Self {
        let mut parcel = Self::default();
        let (mut rosters, mut characters) = (BTreeMap::new(), BTreeMap::new());
        let (mut items, mut heaps, mut sums) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for posting in postings {
            let seq = posting.seq;
            debug_assert!(seq > parcel.upto, "postings come in order");
            parcel.upto = seq;
            for entry in &posting.transaction.entries {
                if let Entry::Item { before, after } = entry
                    && let Some(record) = after.or(*before)
                {
                    items.insert(record.item, (seq, *after));
                }
            }
            rosters.extend(posting.rosters.into_iter().map(|(account, roster)| (account, (seq, roster))));
            heaps.extend(posting.heaps.into_iter().map(|(item, heap)| (item, (seq, heap))));
            sums.extend(posting.made.into_iter().map(|(way, kind, count)| ((way, Some(kind)), (seq, count))));
            sums.extend(posting.minted.into_iter().map(|(way, coins)| ((way, None), (seq, coins))));
            parcel.ledger.push(LedgerLine {
                seq,
                at_ms: posting.at_ms,
                id: posting.transaction.id,
                entries: posting.transaction.entries,
                characters: posting.characters.iter().map(|after| after.character).collect(),
            });
            characters.extend(posting.characters.into_iter().map(|after| (after.character, (seq, after))));
        }
        parcel.rosters = rosters.into_iter().map(|(account, (seq, roster))| (seq, account, roster)).collect();
        parcel.characters = characters.into_values().collect();
        parcel.items = items.into_iter().map(|(item, (seq, record))| (seq, item, record)).collect();
        parcel.heaps = heaps.into_iter().map(|(item, (seq, heap))| (seq, item, heap)).collect();
        parcel.sums = sums.into_iter().map(|((way, kind), (seq, sum))| (seq, way, kind, sum)).collect();
        parcel
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use game::{Books, Holder, Transaction};
    use protocol::CharacterId;

    const ANN: CharacterId = CharacterId(1);
    const BOB: CharacterId = CharacterId(2);

    fn record(holder: Holder) -> ItemRecord {
        ItemRecord { item: ItemId(77), kind: ItemKind(5), count: 4, durability: 9, holder }
    }

    fn postings(all: Vec<Vec<Entry>>) -> Vec<Posting> {
        let mut books = Books::default();
        let posting = |(nth, entries)| {
            let seq = nth as u64 + 1;
            let transaction = Transaction { id: TransactionId(seq.into()), entries };
            books.apply(&transaction).unwrap();
            Posting::of(seq, seq * 10, &transaction, &books)
        };
        all.into_iter().enumerate().map(posting).collect()
    }

    /// Four of a kind come to Ann with ten coins, go to Bob, who drops them and finds two coins.
    fn story() -> Vec<Posting> {
        let with = |character| Holder::Character { character, slot: 0 };
        let ground = Holder::Ground { x: 1, y: 2, z: 3 };
        let go = |from, to| Entry::Item { before: Some(record(from)), after: Some(record(to)) };
        let coins = |character, change| Entry::Coins { character, change, way: Way::Kit };
        let mint = |coins| Entry::Minted { coins, way: Way::Kit };
        let made = Entry::Made { kind: ItemKind(5), count: 4, way: Way::Kit };
        let comes = Entry::Item { before: None, after: Some(record(with(ANN))) };
        postings(vec![
            vec![comes, made, coins(ANN, 10), mint(10)],
            vec![go(with(ANN), with(BOB))],
            vec![go(with(BOB), ground), coins(BOB, 2), mint(2)],
        ])
    }

    #[test]
    fn a_parcel_says_of_each_thing_once_how_it_is_after_the_last() {
        let parcel = Parcel::of(story());
        assert_eq!((parcel.upto, parcel.ledger.len()), (3, 3));
        assert_eq!(parcel.items, [(3, ItemId(77), Some(record(Holder::Ground { x: 1, y: 2, z: 3 })))]);
        let coins: Vec<_> = parcel.characters.iter().map(|(seq, c)| (*seq, c.character, c.coins)).collect();
        assert_eq!(coins, [(2, ANN, 10), (3, BOB, 2)]);
        assert_eq!(parcel.sums, [(3, Way::Kit, None, 12), (1, Way::Kit, Some(ItemKind(5)), 4)]);
    }

    #[test]
    fn cut_anywhere_two_parcels_end_with_what_one_says() {
        let whole = Parcel::of(story());
        for cut in 1..3 {
            let mut first = story();
            let second = Parcel::of(first.split_off(cut));
            let first = Parcel::of(first);
            assert_eq!((first.upto, second.upto), (cut as u64, 3));
            let mut items: BTreeMap<_, _> = first.items.into_iter().map(|(seq, item, at)| (item, (seq, at))).collect();
            items.extend(second.items.into_iter().map(|(seq, item, at)| (item, (seq, at))));
            let expected: BTreeMap<_, _> = whole.items.iter().map(|&(seq, item, at)| (item, (seq, at))).collect();
            assert_eq!(items, expected);
        }
    }
}
