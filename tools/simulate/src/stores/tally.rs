//! How much there is of everything, counted from the changes alone: a second opinion on the books.

use game::{Books, Entry, Transaction};
use protocol::ItemKind;
use std::collections::BTreeMap;

/// The counts.
#[derive(Debug, Default)]
pub struct Tally {
    /// Of each kind, how many there are, and how many were made.
    kinds: BTreeMap<ItemKind, (i64, i64)>,
    /// The same of coins.
    coins: (i128, i128),
}

impl Tally {
    /// A transaction happened.
    ///
    /// # Errors
    /// There is more or less of something than was made.
    pub fn count(&mut self, deal: &Transaction) -> Result<(), String> {
        for entry in &deal.entries {
            match *entry {
                Entry::Item { before, after } => {
                    for (record, sign) in [(before, -1), (after, 1)] {
                        if let Some(record) = record {
                            self.kinds.entry(record.kind).or_default().0 += sign * i64::from(record.count);
                        }
                    }
                }
                Entry::Made { kind, count, .. } => self.kinds.entry(kind).or_default().1 += count,
                Entry::Coins { change, .. } | Entry::GroundCoins { change, .. } => self.coins.0 += i128::from(change),
                Entry::Minted { coins, .. } => self.coins.1 += i128::from(coins),
                _ => {}
            }
        }
        let uneven = self.kinds.iter().find(|(_, (are, made))| are != made);
        match (uneven, self.coins) {
            (Some((kind, (are, made))), _) => Err(format!("there are {are} of kind {}, and {made} were made", kind.0)),
            (None, (are, made)) if are != made => Err(format!("there are {are} coins, and {made} were made")),
            _ => Ok(()),
        }
    }

    /// Whether these books say the same.
    ///
    /// # Errors
    /// They do not.
    pub fn agrees_with(&self, books: &Books) -> Result<(), String> {
        let mut kinds: BTreeMap<_, _> = self.kinds.iter().map(|(kind, (are, _))| (*kind, *are)).collect();
        let mut counted = books.count();
        kinds.retain(|_, count| *count != 0);
        counted.retain(|_, count| *count != 0);
        if let Some(what) = super::rows::first(&kinds, &counted) {
            return Err(format!("changes and books do not agree about {what}"));
        }
        match (self.coins.0, books.coins()) {
            (changed, owned) if changed != owned => Err(format!("{changed} coins by changes, {owned} by books")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use game::{Holder, ItemRecord, TransactionId, Way};
    use protocol::{CharacterId, ItemId};

    const KIND: ItemKind = ItemKind(7);

    fn comes(count: u32, made: i64) -> Transaction {
        let holder = Holder::Character { character: CharacterId(1), slot: 0 };
        let record = ItemRecord { item: ItemId(1), kind: KIND, count, durability: 0, holder };
        let made = Entry::Made { kind: KIND, count: made, way: Way::Kit };
        Transaction { id: TransactionId(1), entries: vec![Entry::Item { before: None, after: Some(record) }, made] }
    }

    #[test]
    fn what_comes_from_nowhere_is_noticed_and_so_is_another_count_in_the_books() {
        let (mut tally, mut books) = (Tally::default(), Books::default());
        assert_eq!(tally.count(&comes(4, 4)), Ok(()));
        assert!(tally.agrees_with(&books).is_err());
        books.apply(&comes(4, 4)).unwrap();
        assert_eq!(tally.agrees_with(&books), Ok(()));
        assert_eq!(tally.count(&comes(4, 3)), Err("there are 8 of kind 7, and 7 were made".to_owned()));
    }
}
