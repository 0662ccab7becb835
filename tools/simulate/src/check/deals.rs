//! Whether what the world asks of its journal is right: what two people hand each other is one transaction, as a crash must
//! not fall between its halves, and all of it can be.

use super::{Broken, Check};
use game::{BooksError, Entry, Holder, ItemRecord, Transaction};
use protocol::CharacterId;
use server::{CommitError, StoreDone};
use std::collections::BTreeSet;

/// Who handed something to whom in one tick of a process.
#[derive(Debug, Default)]
pub struct Deals {
    tick: u32,
    pairs: BTreeSet<(CharacterId, CharacterId)>,
    /// Transactions looked at.
    pub looks: u64,
}

impl Deals {
    /// A transaction is asked for in a tick. Two people end a trade at most once in it.
    ///
    /// # Errors
    /// It changes nothing, or is the second half of what should be one.
    pub fn on_asked(&mut self, tick: u32, transaction: &Transaction) -> Result<(), Broken> {
        let broken = |what: String| Err(Broken::new(Check::Deals, what));
        let Transaction { id, entries } = transaction;
        self.looks += 1;
        if entries.is_empty() {
            return broken(format!("{id:?} changes nothing"));
        }
        if self.tick != tick {
            (self.tick, self.pairs) = (tick, BTreeSet::new());
        }
        for (one, other) in handed(entries) {
            if !self.pairs.insert((one, other)) {
                return broken(format!("{id:?} is the second between {one:?} and {other:?} in one tick"));
            }
        }
        Ok(())
    }

    /// The journal has answered. A name that is taken, an account that is full or a birth that came to disk before the world
    /// finds out by asking; all else it knows before.
    ///
    /// # Errors
    /// It has asked for what cannot be.
    pub fn on_answered(done: &StoreDone) -> Result<(), Broken> {
        use BooksError::{Coins, Heap, Imbalance, Item};
        let StoreDone::Committed { id, refused: Some(CommitError::Books(error)), .. } = done else { return Ok(()) };
        if !matches!(error, Imbalance(_) | Item(_) | Coins(_) | Heap(_)) {
            return Ok(());
        }
        Err(Broken::new(Check::Deals, format!("the world asked for {:x}, and that cannot be: {error}", id.0)))
    }
}

/// Pairs of whom one has less and the other more, the lower number first.
fn handed(entries: &[Entry]) -> BTreeSet<(CharacterId, CharacterId)> {
    let (mut lose, mut gain) = (BTreeSet::new(), BTreeSet::new());
    for entry in entries {
        match entry {
            Entry::Item { before, after } => {
                let (before, after) = (bearer(before.as_ref()), bearer(after.as_ref()));
                lose.extend(before.filter(|_| before != after));
                gain.extend(after.filter(|_| before != after));
            }
            Entry::Coins { character, change, .. } if *change < 0 => drop(lose.insert(*character)),
            Entry::Coins { character, .. } => drop(gain.insert(*character)),
            _ => {}
        }
    }
    let all = lose.iter().flat_map(|from| gain.iter().map(|to| (*from.min(to), *from.max(to))));
    all.filter(|(one, other)| one != other).collect()
}

fn bearer(item: Option<&ItemRecord>) -> Option<CharacterId> {
    match item?.holder {
        Holder::Character { character, .. } => Some(character),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use game::{TransactionId, Way};

    fn pays(id: u128, from: u64, to: u64) -> Transaction {
        let coins = |of: u64, change| Entry::Coins { character: CharacterId(of), change, way: Way::Sold };
        Transaction { id: TransactionId(id), entries: vec![coins(from, -5), coins(to, 5)] }
    }

    #[test]
    fn what_the_journal_refuses_because_it_cannot_be_is_told_and_a_name_that_is_taken_is_not() {
        let refused = |error| StoreDone::Committed { id: TransactionId(1), seq: 0, refused: Some(error) };
        let taken = CommitError::Books(BooksError::Name(CharacterId(1)));
        for fine in [taken, CommitError::Disk("full".to_owned())] {
            assert_eq!(Deals::on_answered(&refused(fine)), Ok(()));
        }
        assert!(Deals::on_answered(&refused(CommitError::Books(BooksError::Coins(CharacterId(1))))).is_err());
    }

    #[test]
    fn a_second_transaction_of_the_same_two_in_one_tick_is_told_and_one_that_is_empty() {
        let mut deals = Deals::default();
        assert_eq!(deals.on_asked(7, &pays(1, 3, 4)), Ok(()));
        assert_eq!(deals.on_asked(7, &pays(2, 3, 5)), Ok(()), "with somebody else");
        let broken = deals.on_asked(7, &pays(3, 4, 3)).unwrap_err();
        assert_eq!(broken.check, Check::Deals);
        assert_eq!(deals.on_asked(8, &pays(4, 3, 4)), Ok(()), "in another tick");
        let nothing = Transaction { id: TransactionId(5), entries: Vec::new() };
        assert!(deals.on_asked(9, &nothing).is_err());
    }
}
