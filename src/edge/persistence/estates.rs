//! Who owns what, in the journal: a row for each character, each thing on the ground, and the sums.
//!
//! A transaction is applied by the same [`Books`] that tests hold the game against: the rows that it touches are read,
//! changed and written back in one transaction of the database.

use super::journal::JournalError;
use game::{Books, Estate, GroundRow, Row, SumsRow, Transaction};
use protocol::{CharacterId, ItemId};
use redb::{ReadableTable, TableDefinition, WriteTransaction};

/// Character id to [`Estate`].
const ESTATES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("estates");
/// Item id to [`GroundRow`].
const GROUND: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("ground");
/// One row, number 0: [`SumsRow`].
const SUMS: TableDefinition<'_, u8, &[u8]> = TableDefinition::new("sums");
/// Transactions that have been applied.
const APPLIED: TableDefinition<'_, u128, ()> = TableDefinition::new("applied");
/// One row, number 0: how often this journal was opened by a server.
const STARTS: TableDefinition<'_, u8, u32> = TableDefinition::new("starts");

/// Makes the tables that are missing.
pub fn make_tables(write: &WriteTransaction) -> Result<(), JournalError> {
    write.open_table(ESTATES)?;
    write.open_table(GROUND)?;
    write.open_table(SUMS)?;
    write.open_table(APPLIED)?;
    write.open_table(STARTS)?;
    Ok(())
}

/// Counts a start, and says which it is: 1 for the first.
pub fn count_start(write: &WriteTransaction) -> Result<u32, JournalError> {
    let mut starts = write.open_table(STARTS)?;
    let before = starts.get(0)?.map_or(0, |starts| starts.value());
    starts.insert(0, before + 1)?;
    Ok(before + 1)
}

/// Makes all changes of a transaction, or none and says why. One that was applied before changes nothing again.
pub fn apply(write: &WriteTransaction, transaction: &Transaction) -> Result<Result<(), String>, JournalError> {
    if write.open_table(APPLIED)?.insert(transaction.id.0, ())?.is_some() {
        return Ok(Ok(()));
    }
    let mut books = match read_part(write, transaction)? {
        Ok(books) => books,
        Err(unusable) => return refuse(write, transaction, unusable),
    };
    if let Err(error) = books.apply(transaction) {
        return refuse(write, transaction, error.to_string());
    }
    write_part(write, transaction, &books)?;
    Ok(Ok(()))
}

fn refuse(write: &WriteTransaction, of: &Transaction, why: String) -> Result<Result<(), String>, JournalError> {
    write.open_table(APPLIED)?.remove(of.id.0)?;
    Ok(Err(why))
}

/// The rows that a transaction touches; a sentence if one of them cannot be read.
fn read_part(write: &WriteTransaction, transaction: &Transaction) -> Result<Result<Books, String>, JournalError> {
    let mut books = Books::default();
    let (estates, ground, sums) = (write.open_table(ESTATES)?, write.open_table(GROUND)?, write.open_table(SUMS)?);
    for character in Books::touched(transaction) {
        match estates.get(character.0)?.map(|row| Estate::from_bytes(row.value())) {
            Some(Ok(estate)) => drop(books.estates.insert(character, estate)),
            Some(Err(error)) => return Ok(Err(format!("what character {} owns: {error}", character.0))),
            None => {}
        }
    }
    for item in Books::touched_items(transaction) {
        match ground.get(item.0)?.map(|row| GroundRow::from_bytes(row.value())) {
            Some(Ok(row)) => lay(&mut books, item, &row),
            Some(Err(error)) => return Ok(Err(format!("item {:#x} on the ground: {error}", item.0))),
            None => {}
        }
    }
    match sums.get(0)?.map(|row| SumsRow::from_bytes(row.value())) {
        Some(Ok(row)) => (books.made, books.minted) = (row.made, row.minted),
        Some(Err(error)) => return Ok(Err(format!("the sums: {error}"))),
        None => {}
    }
    Ok(Ok(books))
}

fn lay(books: &mut Books, item: ItemId, row: &GroundRow) {
    books.ground.extend(row.record.map(|record| (item, record)));
    books.heaps.extend(row.heap.map(|heap| (item, heap)));
}

fn write_part(write: &WriteTransaction, transaction: &Transaction, books: &Books) -> Result<(), JournalError> {
    let mut bytes = Vec::new();
    let mut encoded = |row: &dyn Fn(&mut Vec<u8>)| {
        bytes.clear();
        row(&mut bytes);
        bytes.clone()
    };
    let mut estates = write.open_table(ESTATES)?;
    for character in Books::touched(transaction) {
        if let Some(estate) = books.estates.get(&character) {
            estates.insert(character.0, encoded(&|bytes| estate.to_bytes(bytes)).as_slice())?;
        }
    }
    let mut ground = write.open_table(GROUND)?;
    for item in Books::touched_items(transaction) {
        let row = GroundRow { record: books.ground.get(&item).copied(), heap: books.heaps.get(&item).copied() };
        if row == GroundRow::default() {
            ground.remove(item.0)?;
        } else {
            ground.insert(item.0, encoded(&|bytes| row.to_bytes(bytes)).as_slice())?;
        }
    }
    let sums = SumsRow::of(books);
    write.open_table(SUMS)?.insert(0, encoded(&|bytes| sums.to_bytes(bytes)).as_slice())?;
    Ok(())
}

/// What a character owns; a sentence if that cannot be read.
pub fn estate(
    read: &redb::ReadTransaction,
    character: CharacterId,
) -> Result<Result<Option<Estate>, String>, JournalError> {
    let estates = read.open_table(ESTATES)?;
    let row = estates.get(character.0)?.map(|row| Estate::from_bytes(row.value())).transpose();
    Ok(row.map_err(|error| format!("what character {} owns: {error}", character.0)))
}

/// Whether a transaction was applied.
pub fn is_applied(read: &redb::ReadTransaction, transaction: &Transaction) -> Result<bool, JournalError> {
    Ok(read.open_table(APPLIED)?.get(transaction.id.0)?.is_some())
}

#[cfg(test)]
mod tests {
    use crate::edge::persistence::Journal;
    use game::{Entry, Estate, Holder, ItemRecord, Transaction, TransactionId, Way};
    use protocol::{CharacterId, ClassId, ItemId, ItemKind};

    const ANN: CharacterId = CharacterId(1);
    const BOB: CharacterId = CharacterId(2);

    fn with(character: CharacterId) -> Holder {
        Holder::Character { character, slot: 3 }
    }

    fn record(holder: Holder) -> ItemRecord {
        ItemRecord { item: ItemId(77), kind: ItemKind(5), count: 4, durability: 9, holder }
    }

    fn deal(id: u128, entries: Vec<Entry>) -> Transaction {
        Transaction { id: TransactionId(id), entries }
    }

    /// Ann comes into being with four of a kind and 10 coins.
    fn birth() -> Transaction {
        let way = Way::Kit;
        deal(
            1,
            vec![
                Entry::Born { character: ANN, class: ClassId(2), team: 1 },
                Entry::Item { before: None, after: Some(record(with(ANN))) },
                Entry::Made { kind: ItemKind(5), count: 4, way },
                Entry::Coins { character: ANN, change: 10, way },
                Entry::Minted { coins: 10, way },
            ],
        )
    }

    fn hand_over(id: u128, from: Holder, to: Holder) -> Transaction {
        deal(id, vec![Entry::Item { before: Some(record(from)), after: Some(record(to)) }])
    }

    /// Which of them were refused.
    fn commit(journal: &mut Journal, deals: &[Transaction]) -> Vec<u128> {
        let mut refused = Vec::new();
        journal.commit_all(&[], deals, |_, _| (), |deal, _| refused.push(deal.id.0)).unwrap();
        refused
    }

    fn estate(journal: &mut Journal, character: CharacterId) -> Option<Estate> {
        journal.estate(character).unwrap().unwrap()
    }

    #[test]
    fn what_was_dealt_is_there_after_the_file_is_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        assert_eq!(commit(&mut journal, &[birth(), hand_over(2, with(ANN), with(BOB))]), [0; 0]);
        drop(journal);
        let mut journal = Journal::open(dir.path()).unwrap();
        let (ann, bob) = (estate(&mut journal, ANN).unwrap(), estate(&mut journal, BOB).unwrap());
        assert_eq!((ann.class, ann.coins, ann.items.len()), (ClassId(2), 10, 0));
        assert_eq!((bob.items[0].item, bob.items[0].slot), (ItemId(77), 3));
        assert_eq!(estate(&mut journal, CharacterId(3)), None);
    }

    #[test]
    fn a_transaction_is_made_once_however_often_it_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        assert_eq!(commit(&mut journal, &[birth(), birth()]), [0; 0]);
        assert_eq!(commit(&mut journal, &[birth()]), [0; 0]);
        assert_eq!(estate(&mut journal, ANN).unwrap().coins, 10);
        assert!(journal.has(&birth()).unwrap() && !journal.has(&deal(9, vec![])).unwrap());
    }

    #[test]
    fn one_that_does_not_fit_what_is_there_is_refused_and_the_others_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        let ground = Holder::Ground { x: 1, y: 2, z: 3 };
        let deals = [birth(), hand_over(2, with(BOB), ground), hand_over(3, with(ANN), ground)];
        assert_eq!(commit(&mut journal, &deals), [2]);
        assert_eq!(commit(&mut journal, &[hand_over(2, ground, with(BOB))]), [0; 0], "what was refused was never made");
        assert_eq!(estate(&mut journal, BOB).unwrap().items.len(), 1);
    }

    #[test]
    fn every_start_has_a_number_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        for start in 1..4 {
            assert_eq!(Journal::open(dir.path()).unwrap().count_start().unwrap(), start);
        }
    }
}
