use crate::edge::persistence::Journal;
use crate::edge::persistence::journal::{Group, Save};
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
    let verdict = journal.commit(&Group { deals, ..Group::default() }).unwrap();
    let refused = deals.iter().zip(verdict.deals).filter(|(_, verdict)| verdict.is_err());
    refused.map(|(deal, _)| deal.id.0).collect()
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
    assert_eq!(journal.find(birth().id).unwrap(), Some(1));
    assert_eq!(journal.find(TransactionId(9)).unwrap(), None);
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
    let verdict = journal.commit(&Group { deals: &deals, ..Group::default() }).unwrap();
    assert_eq!(verdict.deals, [Ok(1), Err(CommitError::Books(BooksError::Name(ANN)))]);
    assert_eq!(roster(&mut journal, 8), []);
}

#[test]
fn of_who_is_deleted_nothing_is_left_and_his_name_is_free() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    assert_eq!(commit(&mut journal, &[ada().creation(TransactionId(9), AccountId(7)), birth()]), [0; 0]);
    let verdict = journal.commit(&Group { saves: &[save(1)], ..Group::default() }).unwrap();
    assert_eq!(verdict.saves, [None], "it is the first");
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
