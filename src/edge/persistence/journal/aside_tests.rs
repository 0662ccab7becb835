use super::super::{Fact, Group, Journal};
use super::*;
use game::{Entry, Holder, ItemRecord, Listing, Transaction, TransactionId, Way};
use protocol::{ClassId, ItemId, ItemKind};

const ANN: CharacterId = CharacterId(1);
const BOB: CharacterId = CharacterId(2);
const ACCOUNT: AccountId = AccountId(7);

fn mint(id: u128, character: CharacterId) -> Transaction {
    let way = Way::Operator;
    let entries = vec![Entry::Coins { character, change: 5, way }, Entry::Minted { coins: 5, way }];
    Transaction { id: TransactionId(id), entries }
}

fn give(id: u128, item: u64) -> Transaction {
    let holder = Holder::Character { character: BOB, slot: item as u8 };
    let record = ItemRecord { item: ItemId(item), kind: ItemKind(5), count: 1, durability: 1, holder };
    let made = Entry::Made { kind: ItemKind(5), count: 1, way: Way::Operator };
    Transaction { id: TransactionId(id), entries: vec![Entry::Item { before: None, after: Some(record) }, made] }
}

/// Ann is touched by 1 and 3, Bob by 2 and by 4, which is unreadable, and an account by 5, which is too.
fn torn() -> (tempfile::TempDir, Journal) {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    journal.attach(1).unwrap().unwrap();
    let listing = Listing { character: CharacterId(3), name: "Eve".to_owned(), class: ClassId(1), team: 0 };
    let deals = [
        mint(1, ANN),
        mint(2, BOB),
        mint(3, ANN),
        give(4, 9),
        listing.creation(TransactionId(5), ACCOUNT),
        mint(6, ANN),
    ];
    let verdict = journal.commit(&Group { at_ms: 5, deals: &deals, ..Group::default() }).unwrap();
    assert!(verdict.deals.iter().all(Result::is_ok), "{verdict:?}");
    let write = journal.begin_write();
    for seq in [4, 5] {
        write.open_table(OUTBOX).unwrap().insert(seq, &b"scribbled over"[..]).unwrap();
    }
    write.commit().unwrap();
    (dir, journal)
}

#[test]
fn what_cannot_be_read_is_moved_and_kept_and_what_is_behind_it_goes_on() {
    let (_dir, mut journal) = torn();
    let seqs: Vec<_> = journal.unreadable_postings().unwrap().iter().map(|torn| torn.seq).collect();
    assert_eq!(seqs, [4, 5]);
    let done = journal.set_aside_unreadable(9).unwrap();
    assert_eq!(done.postings.iter().map(|torn| torn.seq).collect::<Vec<_>>(), [4, 5]);
    assert!(done.postings[0].to_string().starts_with("posting 4 of the outbox: the row is damaged"), "{done:?}");
    let (postings, torn) = journal.postings(0, 100).unwrap();
    assert_eq!(torn, None);
    assert_eq!(postings.iter().map(|posting| posting.seq).collect::<Vec<_>>(), [1, 2, 3, 6, 7, 8, 9, 10]);
    let inventory = journal.inventory().unwrap();
    assert_eq!((inventory.set_aside, inventory.unreadable_rows), (2, 0), "{inventory:?}");
    assert!(inventory.is_sound());
    let kept = journal.begin_write();
    let row = kept.open_table(SET_ASIDE).unwrap().get(4).unwrap().unwrap().value().to_vec();
    assert_eq!(row, b"scribbled over");
}

#[test]
fn whoever_it_touched_last_is_told_of_again_as_he_is_now_and_nobody_else_is() {
    let (_dir, mut journal) = torn();
    let done = journal.set_aside_unreadable(9).unwrap();
    assert_eq!((done.told_again, done.untold.len()), (3, 0), "Bob, Eve and their account: {done:?}");
    let (again, _) = journal.postings(6, 100).unwrap();
    assert_eq!(again[0].rosters[0].1[0].name, "Eve");
    let told: Vec<_> = again.iter().flat_map(|posting| &posting.characters).map(|after| after.character).collect();
    assert_eq!(told, [BOB, CharacterId(3)]);
    assert_eq!((again[1].characters[0].coins, again[1].transaction.entries.len()), (5, 1), "{:?}", again[1]);
    assert_eq!(again[3].minted, [(Way::Operator, 20)], "the sums are told whole");
    assert_eq!(journal.revision(BOB).unwrap(), 8);
    assert_eq!(journal.account_revision(ACCOUNT).unwrap(), 7);
    assert_eq!(journal.revision(ANN).unwrap(), 6);
    assert_eq!(journal.fact(Fact::Seq).unwrap(), 10);
}

#[test]
fn a_journal_in_which_all_can_be_read_is_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    journal.attach(1).unwrap().unwrap();
    journal.commit(&Group { deals: &[mint(1, ANN)], ..Group::default() }).unwrap();
    assert_eq!(journal.set_aside_unreadable(9).unwrap(), SetAside::default());
    assert_eq!(journal.newest().unwrap(), 1);
}

#[test]
fn what_cannot_be_told_of_again_is_named() {
    let (_dir, mut journal) = torn();
    let write = journal.begin_write();
    write.open_table(ESTATES).unwrap().insert(BOB.0, &b"torn as well"[..]).unwrap();
    write.commit().unwrap();
    let done = journal.set_aside_unreadable(9).unwrap();
    assert!(done.untold[0].starts_with("what character 2 owns: "), "{done:?}");
    assert_eq!(done.told_again, 2);
}
