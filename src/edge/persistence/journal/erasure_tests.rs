use super::*;
use crate::edge::persistence::journal::full_disk::{FullDisk, Refuses};
use crate::edge::persistence::journal::{Balance, Fault, Group, Save};
use game::{Entry, Holder, ItemRecord, Listing, Transaction, TransactionId};
use protocol::{ClassId, ItemId, ItemKind};

const ANN: CharacterId = CharacterId(1);
const EVE: CharacterId = CharacterId(2);
const ACCOUNT: AccountId = AccountId(7);

fn listing(character: CharacterId, name: &str) -> Listing {
    Listing { character, name: name.to_owned(), class: ClassId(2), team: 0 }
}

/// Ann, of account 7, and Eve, of account 8, have each an item and coins, and were seen somewhere.
fn two_people(journal: &mut Journal) {
    let way = Way::Loot;
    let has = |character: CharacterId| {
        let holder = Holder::Character { character, slot: 1 };
        let after = ItemRecord { item: ItemId(character.0), kind: ItemKind(5), count: 3, durability: 0, holder };
        vec![
            Entry::Item { before: None, after: Some(after) },
            Entry::Made { kind: ItemKind(5), count: 3, way },
            Entry::Coins { character, change: 10, way },
            Entry::Minted { coins: 10, way },
        ]
    };
    let deals = [
        listing(ANN, "Ann").creation(TransactionId(1), ACCOUNT),
        listing(EVE, "Eve").creation(TransactionId(2), AccountId(8)),
        Transaction { id: TransactionId(3), entries: has(ANN) },
        Transaction { id: TransactionId(4), entries: has(EVE) },
    ];
    let save = |character| Save { character, revision: 5, bytes: b"here".to_vec() };
    let saves = [save(ANN), save(EVE)];
    let group = Group { deals: &deals, saves: &saves, taken: &[(ANN, 1), (EVE, 1)], ..Group::default() };
    let verdict = journal.commit(&group).unwrap();
    assert!(verdict.deals.iter().all(Result::is_ok), "{verdict:?}");
}

#[test]
fn of_who_is_erased_nothing_is_left_and_all_is_in_balance() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    two_people(&mut journal);
    let before = journal.inventory().unwrap();
    let wanted = BTreeSet::from([ANN, CharacterId(99)]);
    assert_eq!(journal.erase(ACCOUNT, &wanted).unwrap(), Ok(BTreeSet::from([ANN])));
    let after = journal.inventory().unwrap();
    assert_eq!((before.balance, after.balance), (Balance::Even, Balance::Even));
    let rows = |of: &crate::edge::persistence::journal::Inventory| {
        [of.rosters, of.names, of.characters, of.checkpoints, of.leases, of.items as u64, of.coins as u64]
    };
    assert_eq!((rows(&before), rows(&after)), ([2, 2, 2, 2, 2, 6, 20], [1, 1, 1, 1, 1, 3, 10]));
    assert_eq!(journal.account_revision(ACCOUNT).unwrap() + journal.revision(ANN).unwrap(), 0);
    assert_eq!(journal.roster(AccountId(8)).unwrap().unwrap()[0].listing, listing(EVE, "Eve"), "Eve is who she was");
    let again = listing(CharacterId(3), "ANN").creation(TransactionId(5), AccountId(9));
    let verdict = journal.commit(&Group { deals: &[again], ..Group::default() }).unwrap();
    assert!(verdict.deals[0].is_ok(), "her name is anybody's: {verdict:?}");
    assert_eq!(journal.erase(ACCOUNT, &wanted).unwrap(), Ok(BTreeSet::new()), "a second time nothing is left to do");
}

#[test]
fn where_mariadb_keeps_the_sums_nothing_is_booked_here() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    journal.attach(1).unwrap().unwrap();
    two_people(&mut journal);
    let sums = |journal: &mut Journal| {
        let write = journal.begin_write();
        let sums = estates::sums_now(&write).unwrap().unwrap();
        write.abort().unwrap();
        sums
    };
    let before = sums(&mut journal);
    journal.erase(ACCOUNT, &BTreeSet::from([ANN])).unwrap().unwrap();
    assert_eq!(sums(&mut journal), before);
}

#[test]
fn a_row_that_cannot_be_booked_stops_it_before_anything_is_changed() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    two_people(&mut journal);
    let write = journal.begin_write();
    write.open_table(ESTATES).unwrap().insert(ANN.0, &b"scribbled over"[..]).unwrap();
    write.commit().unwrap();
    let refused = journal.erase(ACCOUNT, &BTreeSet::from([ANN, EVE])).unwrap().unwrap_err();
    assert!(refused.starts_with("what character 1 owns"), "{refused}");
    assert_eq!(journal.roster_row(ACCOUNT).unwrap().unwrap(), [listing(ANN, "Ann")]);
    assert!(journal.load(EVE).unwrap().unwrap().is_some());
}

/// Its sums are as they were, although all that she owns could have been booked.
#[test]
fn a_roster_that_cannot_be_read_stops_it_before_anything_is_booked() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    two_people(&mut journal);
    let write = journal.begin_write();
    let before = estates::sums_now(&write).unwrap().unwrap();
    write.open_table(ROSTERS).unwrap().insert(ACCOUNT.0, &b"scribbled over"[..]).unwrap();
    write.commit().unwrap();
    let refused = journal.erase(ACCOUNT, &BTreeSet::from([ANN])).unwrap().unwrap_err();
    assert!(refused.starts_with("the characters of account 7"), "{refused}");
    let write = journal.begin_write();
    assert_eq!(estates::sums_now(&write).unwrap().unwrap(), before);
    write.abort().unwrap();
}

#[test]
fn an_erasure_that_finds_no_room_is_an_outage_and_is_done_when_there_is_some() {
    let disk = FullDisk::default();
    let mut journal = Journal::on(disk.clone()).unwrap();
    two_people(&mut journal);
    disk.fill(Refuses::Syncs, 0);
    let wanted = BTreeSet::from([ANN]);
    assert!(journal.erase(ACCOUNT, &wanted).is_err());
    assert_eq!(journal.trouble().map(|(fault, _)| fault), Some(Fault::Full));
    assert!(journal.erase(ACCOUNT, &wanted).unwrap_err().is_resting(), "and not tried at once");
    disk.clear();
    journal.end_pause();
    journal.erase(ACCOUNT, &wanted).unwrap().unwrap();
    assert_eq!(journal.inventory().unwrap().balance, Balance::Even);
    assert_eq!(journal.roster(ACCOUNT).unwrap().unwrap(), []);
}
