use super::*;
use crate::edge::persistence::journal::{Group, Journal, Packing, Save};
use game::{Entry, Holder, ItemRecord, Listing, Transaction, TransactionId, Way};
use protocol::ClassId;

const ANN: CharacterId = CharacterId(1);
const BOB: CharacterId = CharacterId(2);
const ACCOUNT: AccountId = AccountId(9);

fn deal(id: u128, entries: Vec<Entry>) -> Transaction {
    Transaction { id: TransactionId(id), entries }
}

/// Two are made, one of them has four of a kind and ten coins, of which one of each lies on the ground.
fn filled(dir: &std::path::Path) -> Journal {
    let mut journal = Journal::open(dir).unwrap();
    let listing = |character, name: &str| Listing { character, name: name.to_owned(), ..Listing::default() };
    let (kind, way) = (ItemKind(5), Way::Kit);
    let held = Holder::Character { character: ANN, slot: 3 };
    let record = |item, count, holder| ItemRecord { item: ItemId(item), kind, count, durability: 9, holder };
    let lying = Holder::Ground { x: 1, y: 2, z: 3 };
    let deals = [
        listing(ANN, "Ann").creation(TransactionId(1), ACCOUNT),
        listing(BOB, "Bob").creation(TransactionId(2), ACCOUNT),
        deal(
            3,
            vec![
                Entry::Born { character: ANN, class: ClassId(2), team: 1 },
                Entry::Item { before: None, after: Some(record(77, 3, held)) },
                Entry::Item { before: None, after: Some(record(78, 1, lying)) },
                Entry::Made { kind, count: 4, way },
                Entry::Coins { character: ANN, change: 10, way },
                Entry::Minted { coins: 10, way },
            ],
        ),
        deal(
            4,
            vec![
                Entry::Coins { character: ANN, change: -1, way: Way::Handed },
                Entry::GroundCoins { item: ItemId(79), change: 1, place: (0, 0, 0) },
            ],
        ),
    ];
    let saves = [Save { character: ANN, revision: 1, bytes: b"here".to_vec() }];
    let verdict = journal.commit(&Group { deals: &deals, saves: &saves, taken: &[(ANN, 4)], ..Group::default() });
    assert!(verdict.unwrap().deals.iter().all(Result::is_ok));
    journal
}

fn write(journal: &mut Journal, change: impl FnOnce(&redb::WriteTransaction)) {
    let write = journal.begin_write();
    change(&write);
    write.commit().unwrap();
}

#[test]
fn everything_is_counted_and_in_balance() {
    let dir = tempfile::tempdir().unwrap();
    let found = filled(dir.path()).inventory().unwrap();
    assert!(found.is_sound(), "{found:?}");
    assert_eq!((found.seq, found.applied, found.outbox), (4, 4, 0));
    assert_eq!((found.characters, found.rosters, found.names, found.checkpoints), (1, 1, 2, 1));
    assert_eq!((found.ground, found.coins, found.items, found.leases), (2, 10, 4, 1));
    assert_eq!(found.balance, Balance::Even);
}

#[test]
fn a_damaged_row_of_any_table_is_named_and_the_others_are_still_counted() {
    for (nth, (table, name)) in [
        (ESTATES, "what character 1 owns"),
        (ROSTERS, "the characters of account 9"),
        (CHECKPOINTS, "the checkpoint of character 1"),
        (GROUND, "item 0x4e on the ground"),
    ]
    .into_iter()
    .enumerate()
    {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = filled(dir.path());
        let key = [1, 9, 1, 78][nth];
        write(&mut journal, |write| {
            let mut table = write.open_table(table).unwrap();
            let mut row = table.get(key).unwrap().unwrap().value().to_vec();
            *row.last_mut().unwrap() ^= 1;
            table.insert(key, row.as_slice()).unwrap();
        });
        let found = journal.inventory().unwrap();
        assert_eq!((found.unreadable_rows, found.unreadable.len()), (1, 1), "{name}");
        assert!(found.unreadable[0].starts_with(name), "{:?}", found.unreadable);
        assert!(!found.is_sound());
        assert_eq!((found.characters, found.ground, found.checkpoints), (1, 2, 1));
        let is_counted = matches!(nth, 0 | 3);
        assert_eq!(found.balance == Balance::Unknown, is_counted, "{name}: {:?}", found.balance);
    }
}

#[test]
fn what_was_made_in_silence_is_noticed_unless_other_servers_journals_may_have_made_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = filled(dir.path());
    let mut estate = journal.estate(ANN).unwrap().unwrap().unwrap();
    estate.coins += 1;
    write(&mut journal, |write| {
        let row = estates::estate_row(ANN, &estate);
        write.open_table(ESTATES).unwrap().insert(ANN.0, row.as_slice()).unwrap();
    });
    let found = journal.inventory().unwrap();
    assert_eq!((found.balance, found.is_sound(), found.unreadable_rows), (Balance::Off, false, 0));
    journal.attach(1).unwrap().unwrap();
    let found = journal.inventory().unwrap();
    assert_eq!((found.balance, found.is_sound()), (Balance::Shared, true));
    assert!(found.outbox > 0);
}

#[test]
fn a_saved_world_is_told_of_and_one_that_is_damaged_or_of_the_future_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = filled(dir.path());
    write(&mut journal, |write| world_row::save(write, 4, b"mobs", &mut Packing::default()).unwrap());
    let found = journal.inventory().unwrap();
    assert_eq!((found.world, found.is_sound()), (Some(4), true));
    write(&mut journal, |write| world_row::save(write, 5, b"mobs", &mut Packing::default()).unwrap());
    assert!(journal.inventory().unwrap().unreadable[0].ends_with("knows of transaction 5, and the newest is 4"));
    write(&mut journal, |write| {
        write.open_table(world_row::WORLD).unwrap().insert(0, &b"scribbled over it"[..]).unwrap();
    });
    let found = journal.inventory().unwrap();
    assert_eq!((found.unreadable_rows, found.world), (1, None));
}

#[test]
fn numbers_that_nobody_gave_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = filled(dir.path());
    write(&mut journal, |write| {
        write.open_table(CHARACTER_REVISIONS).unwrap().insert(ANN.0, 99).unwrap();
        write.open_table(APPLIED).unwrap().remove(3).unwrap();
    });
    let found = journal.inventory().unwrap();
    assert_eq!(found.unreadable_rows, 2, "{:?}", found.unreadable);
    assert!(found.unreadable[1].contains("99 is above the newest, 4"), "{:?}", found.unreadable);
}
