//! Who owns what, in the journal: a row for each account, each name, each character, each thing on the ground, and the sums.
//!
//! A transaction is applied by the same [`Books`] that tests hold the game against: the rows that it touches are read,
//! changed and written back in one transaction of the database.

use super::journal::JournalError;
use game::{AccountRow, Books, Estate, GroundRecord, GroundRow, Heap, RecordError, Row, SumsRow, Transaction};
use protocol::{AccountId, CharacterId, ItemId};
use redb::{ReadableTable, TableDefinition, WriteTransaction};
use server::{CommitError, Enrolled};

/// Account id to [`AccountRow`]; none of an account that has made no character.
const ROSTERS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("rosters");
/// Folded name to the id of the character that has it.
const NAMES: TableDefinition<'_, &str, u64> = TableDefinition::new("names");

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
    write.open_table(ROSTERS)?;
    write.open_table(NAMES)?;
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
pub fn apply(write: &WriteTransaction, transaction: &Transaction) -> Result<Result<(), CommitError>, JournalError> {
    if write.open_table(APPLIED)?.insert(transaction.id.0, ())?.is_some() {
        return Ok(Ok(()));
    }
    let mut books = match read_part(write, transaction)? {
        Ok(books) => books,
        Err(unusable) => return refuse(write, transaction, CommitError::Disk(unusable)),
    };
    if let Err(error) = books.apply(transaction) {
        return refuse(write, transaction, error.into());
    }
    write_part(write, transaction, &books)?;
    Ok(Ok(()))
}

fn refuse(
    write: &WriteTransaction,
    of: &Transaction,
    why: CommitError,
) -> Result<Result<(), CommitError>, JournalError> {
    write.open_table(APPLIED)?.remove(of.id.0)?;
    Ok(Err(why))
}

/// The rows that a transaction touches; a sentence if one of them cannot be read.
fn read_part(write: &WriteTransaction, transaction: &Transaction) -> Result<Result<Books, String>, JournalError> {
    let mut books = Books::default();
    let (estates, ground, sums) = (write.open_table(ESTATES)?, write.open_table(GROUND)?, write.open_table(SUMS)?);
    let (rosters, names) = (write.open_table(ROSTERS)?, write.open_table(NAMES)?);
    for (account, name) in Books::touched_rosters(transaction) {
        match rosters.get(account.0)?.map(|row| AccountRow::from_bytes(row.value())) {
            Some(Ok(row)) => drop(books.rosters.insert(account, row.roster)),
            Some(Err(error)) => return Ok(Err(unreadable_roster(account, &error))),
            None => {}
        }
        let owner = names.get(name.as_str())?.map(|row| CharacterId(row.value()));
        books.names.extend(owner.map(|owner| (name, owner)));
    }
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
        match books.estates.get(&character) {
            Some(estate) => drop(estates.insert(character.0, encoded(&|bytes| estate.to_bytes(bytes)).as_slice())?),
            None => drop(estates.remove(character.0)?),
        }
    }
    let (mut rosters, mut names) = (write.open_table(ROSTERS)?, write.open_table(NAMES)?);
    for (account, name) in Books::touched_rosters(transaction) {
        match books.rosters.get(&account).map(|roster| AccountRow { roster: roster.clone() }) {
            Some(row) => drop(rosters.insert(account.0, encoded(&|bytes| row.to_bytes(bytes)).as_slice())?),
            None => drop(rosters.remove(account.0)?),
        }
        match books.names.get(&name) {
            Some(owner) => drop(names.insert(name.as_str(), owner.0)?),
            None => drop(names.remove(name.as_str())?),
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

/// The characters of an account, each with what it has gained; a sentence if that cannot be read.
pub fn roster(read: &redb::ReadTransaction, account: AccountId) -> Result<Result<Vec<Enrolled>, String>, JournalError> {
    let row = match read.open_table(ROSTERS)?.get(account.0)?.map(|row| AccountRow::from_bytes(row.value())) {
        Some(Ok(row)) => row,
        Some(Err(error)) => return Ok(Err(unreadable_roster(account, &error))),
        None => return Ok(Ok(Vec::new())),
    };
    let mut enrolled = Vec::new();
    for listing in row.roster {
        match estate(read, listing.character)? {
            Ok(estate) => enrolled.push(Enrolled { experience: estate.map_or(0, |estate| estate.experience), listing }),
            Err(unusable) => return Ok(Err(unusable)),
        }
    }
    Ok(Ok(enrolled))
}

fn unreadable_roster(account: AccountId, error: &RecordError) -> String {
    format!("the characters of account {}: {error}", account.0)
}

/// Everything that lies on the ground, by ascending name.
pub fn ground(read: &redb::ReadTransaction) -> Result<Vec<GroundRecord>, JournalError> {
    let mut records = Vec::new();
    for row in read.open_table(GROUND)?.iter()? {
        let (item, row) = row?;
        match GroundRow::from_bytes(row.value()) {
            Ok(GroundRow { record, heap }) => {
                let heap_of = |Heap { coins, place }| GroundRecord::Coins { heap: ItemId(item.value()), coins, place };
                records.extend(record.map(GroundRecord::Item).into_iter().chain(heap.map(heap_of)));
            }
            Err(error) => tracing::error!(item = item.value(), %error, "what lies on the ground cannot be read"),
        }
    }
    Ok(records)
}

/// Whether a transaction was applied.
pub fn is_applied(read: &redb::ReadTransaction, transaction: &Transaction) -> Result<bool, JournalError> {
    Ok(read.open_table(APPLIED)?.get(transaction.id.0)?.is_some())
}

#[cfg(test)]
mod tests {
    use crate::edge::persistence::Journal;
    use crate::edge::persistence::journal::Save;
    use game::{BooksError, Entry, Estate, Holder, ItemRecord, Listing, Transaction, TransactionId, Way};
    use protocol::{AccountId, CharacterId, ClassId, ItemId, ItemKind};
    use server::{CommitError, Enrolled};

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
        journal.commit(&[], deals, |_, _| (), |deal, _| refused.push(deal.id.0)).unwrap();
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

    fn ada() -> Listing {
        Listing { character: ANN, name: "Ada".to_owned(), class: ClassId(2), team: 1 }
    }

    fn save(revision: u64) -> Save {
        Save { character: ANN, revision, bytes: vec![1] }
    }

    fn roster(journal: &mut Journal, account: u64) -> Vec<Enrolled> {
        journal.roster(AccountId(account)).unwrap().unwrap()
    }

    #[test]
    fn who_was_made_is_found_by_his_account_after_the_file_is_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        let gain = deal(3, vec![Entry::Experience { character: ANN, gained: 70 }]);
        assert_eq!(commit(&mut journal, &[ada().creation(TransactionId(9), AccountId(7)), birth(), gain]), [0; 0]);
        drop(journal);
        let mut journal = Journal::open(dir.path()).unwrap();
        assert_eq!(roster(&mut journal, 7), [Enrolled { listing: ada(), experience: 70 }]);
        assert_eq!(roster(&mut journal, 8), []);
    }

    #[test]
    fn a_name_is_taken_on_the_disk_and_why_is_said_in_a_way_that_programs_understand() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        let other = Listing { character: BOB, name: "ADA".to_owned(), ..ada() };
        let deals = [ada().creation(TransactionId(1), AccountId(7)), other.creation(TransactionId(2), AccountId(8))];
        let mut refused = Vec::new();
        journal.commit(&[], &deals, |_, _| (), |deal, why| refused.push((deal.id.0, why))).unwrap();
        assert_eq!(refused, [(2, CommitError::Books(BooksError::Name(ANN)))]);
        assert_eq!(roster(&mut journal, 8), []);
    }

    #[test]
    fn of_who_is_deleted_nothing_is_left_and_his_name_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        assert_eq!(commit(&mut journal, &[ada().creation(TransactionId(9), AccountId(7)), birth()]), [0; 0]);
        journal.commit(&[save(1)], &[], |_, _| panic!("it is the first"), |_, _| ()).unwrap();
        let owned = estate(&mut journal, ANN);
        let deletion = ada().deletion(TransactionId(10), AccountId(7), owned.as_ref());
        assert_eq!(commit(&mut journal, &[deletion]), [0; 0]);
        drop(journal);
        let mut journal = Journal::open(dir.path()).unwrap();
        assert_eq!((roster(&mut journal, 7), estate(&mut journal, ANN)), (vec![], None));
        assert_eq!(journal.load(ANN).unwrap().unwrap(), None, "nor where he was");
        let again = Listing { character: BOB, ..ada() };
        assert_eq!(commit(&mut journal, &[again.creation(TransactionId(11), AccountId(8))]), [0; 0]);
    }

    #[test]
    fn a_journal_of_before_there_were_rosters_has_empty_ones_and_all_that_it_had() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        assert_eq!(commit(&mut journal, &[birth()]), [0; 0]);
        let write = journal.begin_write();
        assert!(write.delete_table(super::ROSTERS).unwrap() && write.delete_table(super::NAMES).unwrap());
        write.commit().unwrap();
        drop(journal);
        let mut journal = Journal::open(dir.path()).unwrap();
        assert_eq!((roster(&mut journal, 7), estate(&mut journal, ANN).unwrap().coins), (vec![], 10));
        let listing = Listing { character: BOB, ..ada() };
        assert_eq!(commit(&mut journal, &[listing.creation(TransactionId(11), AccountId(7))]), [0; 0]);
    }

    #[test]
    fn every_start_has_a_number_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        for start in 1..4 {
            assert_eq!(Journal::open(dir.path()).unwrap().count_start().unwrap(), start);
        }
    }
}
