use super::super::{Adopted, Fact, Group, Journal};
use super::{APPLIED_KEPT, WAITING_MAX};
use game::{Entry, Estate, Holder, ItemRecord, Listing, Transaction, TransactionId, Way};
use protocol::{AccountId, CharacterId, ClassId, ItemId, ItemKind};
use server::{CommitError, Saved};

const ANN: CharacterId = CharacterId(1);

fn mint(id: u128, coins: i64) -> Transaction {
    let way = Way::Operator;
    let entries = vec![Entry::Coins { character: ANN, change: coins, way }, Entry::Minted { coins, way }];
    Transaction { id: TransactionId(id), entries }
}

fn attached() -> (tempfile::TempDir, Journal) {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    assert_eq!(journal.attach(1).unwrap(), Ok(0));
    (dir, journal)
}

fn deal(journal: &mut Journal, deals: &[Transaction]) -> Vec<Result<u64, CommitError>> {
    journal.commit(&Group { at_ms: 5, deals, ..Group::default() }).unwrap().deals
}

fn seqs(journal: &mut Journal, after: u64) -> Vec<u64> {
    let (postings, torn) = journal.postings(after, 100).unwrap();
    assert_eq!(torn, None);
    postings.iter().map(|posting| posting.seq).collect()
}

#[test]
fn what_is_dealt_waits_in_order_until_it_is_drained() {
    let (dir, mut journal) = attached();
    assert_eq!(deal(&mut journal, &[mint(1, 5), mint(2, 6)]), [Ok(1), Ok(2)]);
    drop(journal);
    let mut journal = Journal::open(dir.path()).unwrap();
    journal.attach(1).unwrap().unwrap();
    assert_eq!(deal(&mut journal, &[mint(3, 7)]), [Ok(3)]);
    assert_eq!((seqs(&mut journal, 0), seqs(&mut journal, 2)), (vec![1, 2, 3], vec![3]));
    let (postings, _) = journal.postings(0, 2).unwrap();
    assert_eq!((postings[1].characters[0].coins, postings[1].at_ms), (11, 5));
    journal.commit(&Group { drained: 2, ..Group::default() }).unwrap();
    assert_eq!((seqs(&mut journal, 0), journal.fact(Fact::Drained).unwrap()), (vec![3], 2));
    journal.commit(&Group { drained: 1, ..Group::default() }).unwrap();
    assert_eq!(journal.fact(Fact::Drained).unwrap(), 2, "it never goes back");
}

#[test]
fn one_that_was_drained_is_still_known_when_it_is_asked_for_again() {
    let (_dir, mut journal) = attached();
    deal(&mut journal, &[mint(1, 5)]);
    journal.commit(&Group { drained: 1, ..Group::default() }).unwrap();
    assert_eq!(deal(&mut journal, &[mint(1, 5)]), [Ok(1)]);
    assert_eq!(journal.estate(ANN).unwrap().unwrap().unwrap().coins, 5);
}

#[test]
fn of_old_transactions_only_those_are_forgotten_that_are_drained() {
    let (_dir, mut journal) = attached();
    deal(&mut journal, &[mint(1, 5), mint(2, 6)]);
    let write = journal.begin_write();
    super::raise_seq(&write, APPLIED_KEPT + 10).unwrap();
    write.commit().unwrap();
    deal(&mut journal, &[mint(3, 7)]);
    assert!(journal.find(TransactionId(1)).unwrap().is_some());
    journal.commit(&Group { drained: 2, deals: &[mint(4, 1)], ..Group::default() }).unwrap();
    assert_eq!(journal.find(TransactionId(1)).unwrap(), None);
    assert!(journal.find(TransactionId(3)).unwrap().is_some());
}

#[test]
fn a_journal_that_worked_alone_tells_all_that_it_holds_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    let ada = Listing { character: CharacterId(2), name: "Ada".to_owned(), class: ClassId(1), team: 0 };
    let ground = Holder::Ground { x: 1, y: 2, z: 3 };
    let record = ItemRecord { item: ItemId(9), kind: ItemKind(5), count: 4, durability: 1, holder: ground };
    let way = Way::Operator;
    let lay = vec![
        Entry::Item { before: None, after: Some(record) },
        Entry::Made { kind: ItemKind(5), count: 4, way },
        Entry::GroundCoins { item: ItemId(10), change: 3, place: (1, 2, 3) },
        Entry::Minted { coins: 3, way },
    ];
    let deals =
        [mint(1, 5), ada.creation(TransactionId(2), AccountId(7)), Transaction { id: TransactionId(3), entries: lay }];
    assert_eq!(deal(&mut journal, &deals), [Ok(1), Ok(2), Ok(3)]);
    assert_eq!(seqs(&mut journal, 0), [0; 0], "there is nobody to tell");
    assert_eq!(journal.attach(9).unwrap(), Ok(3));
    assert_eq!(journal.attach(9).unwrap(), Ok(0), "once");
    let (postings, _) = journal.postings(0, 10).unwrap();
    assert_eq!(postings.iter().map(|posting| posting.seq).collect::<Vec<_>>(), [4, 5, 6]);
    assert_eq!(postings[0].rosters, [(AccountId(7), vec![ada])]);
    assert_eq!((postings[1].characters[0].character, postings[1].characters[0].coins), (ANN, 5));
    assert_eq!(postings[2].transaction.entries, [Entry::Item { before: None, after: Some(record) }]);
    assert_eq!((postings[2].heaps.len(), &postings[2].minted[..]), (1, &[(way, 8)][..]));
    assert_eq!((journal.revision(ANN).unwrap(), journal.account_revision(AccountId(7)).unwrap()), (5, 4));
    let ids: std::collections::BTreeSet<_> = postings.iter().map(|posting| posting.transaction.id).collect();
    assert_eq!(ids.len(), 3);
}

#[test]
fn what_another_journal_left_comes_in_when_it_is_newer_and_numbers_go_on_above_it() {
    let (_dir, mut journal) = attached();
    deal(&mut journal, &[mint(1, 5)]);
    let estate = |coins| Some(Estate { coins, ..Estate::default() });
    let adopt = |journal: &mut Journal, revision, coins| {
        let adopted = [Adopted::Character { character: ANN, revision, estate: estate(coins) }];
        journal.commit(&Group { adopted: &adopted, ..Group::default() }).unwrap();
        journal.estate(ANN).unwrap().unwrap().unwrap().coins
    };
    assert_eq!(adopt(&mut journal, 1, 99), 5, "what is here is not older");
    assert_eq!(adopt(&mut journal, 40, 99), 99);
    assert_eq!(deal(&mut journal, &[mint(2, 1)]), [Ok(41)]);
    assert_eq!(adopt(&mut journal, 40, 7), 100);
}

#[test]
fn a_roster_that_comes_in_takes_the_old_names_with_it() {
    let (_dir, mut journal) = attached();
    let named = |character, name: &str| Listing {
        character: CharacterId(character),
        name: name.to_owned(),
        class: ClassId(1),
        team: 0,
    };
    deal(&mut journal, &[named(2, "Ada").creation(TransactionId(1), AccountId(7))]);
    let roster = vec![named(3, "Eve")];
    let adopted = [Adopted::Roster { account: AccountId(7), revision: 9, roster: roster.clone() }];
    journal.commit(&Group { adopted: &adopted, ..Group::default() }).unwrap();
    let found = journal.roster(AccountId(7)).unwrap().unwrap();
    assert_eq!(found.into_iter().map(|enrolled| enrolled.listing).collect::<Vec<_>>(), roster);
    let taken = deal(&mut journal, &[named(4, "eve").creation(TransactionId(2), AccountId(8))]);
    assert!(matches!(taken[0], Err(CommitError::Books(_))));
    let free = deal(&mut journal, &[named(5, "ADA").creation(TransactionId(3), AccountId(8))]);
    assert_eq!(free, [Ok(10)]);
}

#[test]
fn checkpoints_that_mariadb_lacks_are_known_after_a_restart() {
    let (dir, mut journal) = attached();
    let save = |character, revision| super::super::Save { character: CharacterId(character), revision, bytes: vec![1] };
    let saves = [save(1, 3), save(2, 4), save(3, 5)];
    journal.commit(&Group { saves: &saves, sent: &[(CharacterId(9), 1)], ..Group::default() }).unwrap();
    journal.commit(&Group { sent: &[(CharacterId(1), 3), (CharacterId(2), 3)], ..Group::default() }).unwrap();
    drop(journal);
    let mut journal = Journal::open(dir.path()).unwrap();
    let unsent: Vec<_> = journal.unsent().unwrap().into_iter().collect();
    assert_eq!(unsent, [(CharacterId(2), 4), (CharacterId(3), 5)]);
}

#[test]
fn a_checkpoint_that_comes_in_is_taken_only_if_it_is_newer() {
    let (_dir, mut journal) = attached();
    let adopt = |journal: &mut Journal, revision, bytes: &[u8]| {
        let saved = Saved { revision, bytes: bytes.to_vec() };
        let adopted = [Adopted::Checkpoint { character: ANN, saved }];
        journal.commit(&Group { adopted: &adopted, ..Group::default() }).unwrap();
        journal.load(ANN).unwrap().unwrap().unwrap().revision
    };
    assert_eq!(adopt(&mut journal, 4, b"four"), 4);
    assert_eq!(adopt(&mut journal, 3, b"three"), 4);
    assert_eq!(adopt(&mut journal, 5, b"five"), 5);
}

#[test]
fn a_damaged_posting_is_named_and_nothing_behind_it_is_handed_out() {
    let (_dir, mut journal) = attached();
    deal(&mut journal, &[mint(1, 5), mint(2, 6), mint(3, 7)]);
    let write = journal.begin_write();
    write.open_table(super::OUTBOX).unwrap().insert(2, &b"scribbled over"[..]).unwrap();
    write.commit().unwrap();
    let (postings, torn) = journal.postings(0, 10).unwrap();
    assert_eq!(postings.len(), 1);
    assert!(torn.unwrap().to_string().starts_with("posting 2 of the outbox: the row is damaged"));
}

#[test]
fn starts_are_put_by_and_taken_lowest_first() {
    let (_dir, mut journal) = attached();
    assert_eq!(journal.take_incarnation(&[]).unwrap(), None);
    assert_eq!(journal.take_incarnation(&[9, 5, 7]).unwrap(), Some(5));
    assert_eq!((journal.take_incarnation(&[]).unwrap(), journal.incarnations().unwrap()), (Some(7), 1));
}

#[test]
fn the_bound_of_the_outbox_is_an_hour_of_work_and_said_in_the_refusal() {
    assert!(super::full().contains(&WAITING_MAX.to_string()));
}
