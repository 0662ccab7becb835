//! What is written is there, once, and never older than it was.

use super::bed::{Bed, ONE, Story, listing};
use crate::edge::persistence::mariadb::Query;
use crate::edge::persistence::mariadb::migrations::bring_up_to;
use game::{Entry, Holder, TransactionId, Way};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder};
use protocol::character::folded;
use protocol::{AccountId, CharacterId};
use server::{Enrolled, Parcel};

/// All that the story's books say is in the database, and nothing else.
fn assert_is_told(bed: &Bed, story: &Story) {
    for character in Story::people() {
        let kept = bed.run(bed.database.load(character)).unwrap().unwrap_or_default();
        assert_eq!(kept.estate, story.estate(character), "{character:?}");
        let mut rosters = story.books.rosters.iter();
        let listed = rosters.find_map(|(account, roster)| {
            Some((*account, roster.iter().find(|listing| listing.character == character)?.clone()))
        });
        assert_eq!(kept.listed, listed);
    }
    for account in 100..103 {
        let (_, roster) = bed.run(bed.database.roster(AccountId(account))).unwrap();
        let listings: Vec<_> = roster.into_iter().map(|enrolled| enrolled.listing).collect();
        assert_eq!(listings, story.books.rosters.get(&AccountId(account)).cloned().unwrap_or_default());
    }
    let ground: Vec<_> = bed.run(bed.database.ground(ONE)).unwrap().into_iter().map(|lying| lying.record).collect();
    assert_eq!(ground, story.ground());
    let sums = bed.run(bed.database.sums(ONE)).unwrap();
    let of = |sum: &crate::edge::persistence::mariadb::Sum| (sum.way.label(), sum.kind, sum.amount);
    let mut found: Vec<_> = sums.iter().map(of).collect();
    let made = story.books.made.iter().map(|(&(way, kind), &amount)| (way.label(), Some(kind), amount));
    let minted = story.books.minted.iter().map(|(way, &amount)| (way.label(), None, amount));
    let mut expected: Vec<_> = made.chain(minted).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    let ledger = bed.sql("SELECT COUNT(*), COUNT(DISTINCT transaction_id) FROM ledger");
    assert_eq!(ledger, format!("{0}\t{0}", story.seq));
    assert_eq!(bed.run(bed.database.watermark(ONE)).unwrap(), story.seq);
    let names: Vec<String> = story.books.names.keys().cloned().collect();
    assert_eq!(bed.sql("SELECT folded FROM names WHERE character_id IS NOT NULL ORDER BY folded"), names.join("\n"));
}

#[test]
fn what_the_books_say_after_many_parcels_is_in_the_tables_and_nothing_else() {
    let (bed, mut story) = (Bed::new(), Story::new(1));
    for count in [1, 2, 30, 400, 5] {
        bed.write(&Parcel::of(story.go_on(count)));
        assert_is_told(&bed, &story);
    }
    assert!(story.ground().len() > 3 && !story.books.rosters.is_empty(), "the story is one");
}

#[test]
fn a_parcel_that_comes_again_alone_or_as_a_part_of_another_changes_nothing() {
    let (bed, mut story) = (Bed::new(), Story::new(2));
    let postings = story.go_on(120);
    let cut: Vec<Parcel> = postings.chunks(40).map(|some| Parcel::of(some.to_vec())).collect();
    cut.iter().for_each(|parcel| bed.write(parcel));
    let before = bed.dump();
    for parcel in cut.iter().chain(&[Parcel::of(postings)]) {
        bed.write(parcel);
        assert_eq!(bed.dump(), before);
    }
    assert_is_told(&bed, &story);
}

#[test]
fn in_whatever_order_parcels_come_the_newest_of_each_thing_is_kept() {
    let mut story = Story::new(3);
    let postings = story.go_on(200);
    let cut: Vec<Parcel> = postings.chunks(50).map(|some| Parcel::of(some.to_vec())).collect();
    let (forwards, backwards, unguarded) = (Bed::new(), Bed::new(), Bed::bare());
    // Without triggers: the statements alone must see to it.
    unguarded.run(bring_up_to(&unguarded.database.sessions, 1)).unwrap();
    cut.iter().for_each(|parcel| forwards.write(parcel));
    for bed in [&backwards, &unguarded] {
        cut.iter().rev().for_each(|parcel| bed.write(parcel));
        assert!(forwards.dump() == bed.dump());
        assert_is_told(bed, &story);
    }
}

#[test]
fn a_name_is_free_when_its_owner_is_struck_and_a_late_parcel_does_not_take_it_back() {
    let (bed, mut story) = (Bed::new(), Story::new(4));
    let (ada, account) = (listing(1), AccountId(100));
    let made = Parcel::of(vec![story.post(ada.creation(TransactionId(0), account).entries)]);
    bed.write(&made);
    let enrolled = Enrolled { listing: ada.clone(), experience: 0 };
    assert_eq!(bed.run(bed.database.roster(account)).unwrap(), (1, vec![enrolled]));
    bed.write(&Parcel::of(vec![story.post(ada.deletion(TransactionId(0), account, None).entries)]));
    bed.write(&made);
    assert_eq!(bed.run(bed.database.roster(account)).unwrap(), (2, vec![]));
    let other = game::Listing { character: CharacterId(2), ..ada.clone() };
    bed.write(&Parcel::of(vec![story.post(other.creation(TransactionId(0), account).entries)]));
    let owner = format!("SELECT character_id FROM names WHERE folded = '{}'", folded(&ada.name));
    assert_eq!(bed.sql(&owner), "2");
    bed.write(&made);
    assert_eq!(bed.sql(&owner), "2");
    assert_is_told(&bed, &story);
}

/// Whoever is not in a roster is gone, also if nobody says that he was struck: so a journal is imported that has forgotten it.
#[test]
fn who_is_in_his_accounts_roster_no_more_is_gone() {
    let (bed, mut story) = (Bed::new(), Story::new(5));
    let (ada, eve, account) = (listing(1), listing(2), AccountId(100));
    for listing in [&ada, &eve] {
        bed.write(&Parcel::of(vec![story.post(listing.creation(TransactionId(0), account).entries)]));
    }
    bed.write(&Parcel { upto: 9, rosters: vec![(9, account, vec![eve.clone()])], ..Parcel::default() });
    let (revision, roster) = bed.run(bed.database.roster(account)).unwrap();
    assert_eq!((revision, roster.len(), &roster[0].listing), (9, 1, &eve));
    assert_eq!(bed.sql("SELECT is_gone FROM characters ORDER BY character_id"), "1\n0");
}

#[test]
fn the_highest_revision_of_a_character_is_that_of_the_last_thing_that_he_carries() {
    let (bed, mut story) = (Bed::new(), Story::new(6));
    let ann = CharacterId(1);
    assert_eq!(bed.run(bed.database.load(ann)).unwrap(), None);
    let sword = story.item(4, 1, Holder::Character { character: ann, slot: 3 });
    let made = Entry::Made { kind: sword.kind, count: 1, way: Way::Kit };
    let postings = vec![story.post(vec![Entry::Item { before: None, after: Some(sword) }, made])];
    bed.write(&Parcel::of(postings));
    bed.run(bed.database.save(&[(ann, 40, b"here")])).unwrap();
    let kept = bed.run(bed.database.load(ann)).unwrap().unwrap();
    assert_eq!((kept.revision, kept.listed), (1, None));
    assert_eq!(kept.checkpoint, Some((40, b"here".to_vec())));
    assert_eq!(kept.estate, story.estate(ann));
}

#[test]
fn of_checkpoints_the_newest_is_kept_whichever_comes_last() {
    let bed = Bed::new();
    let (ann, bob) = (CharacterId(1), CharacterId(2));
    let records: [(CharacterId, u64, &[u8]); 4] =
        [(ann, 3, b"three"), (bob, 1, b"one"), (ann, 2, b"two"), (ann, 3, b"three")];
    bed.run(bed.database.save(&records)).unwrap();
    bed.run(bed.database.save(&[(ann, 1, b"late"), (bob, 2, b"two")])).unwrap();
    let kept = |character| bed.run(bed.database.load(character)).unwrap().unwrap().checkpoint;
    assert_eq!(kept(ann), Some((3, b"three".to_vec())));
    assert_eq!(kept(bob), Some((2, b"two".to_vec())));
    bed.run(bed.database.save(&[])).unwrap();
}

/// The other one has written more, so that it is ours that the server undoes.
#[test]
fn a_transaction_that_is_dead_locked_is_made_again() {
    let (bed, mut story) = (Bed::new(), Story::new(7));
    let (ann, way) = (CharacterId(1), Way::Kit);
    let sword = story.item(4, 1, Holder::Character { character: ann, slot: 3 });
    let coins = |coins| [Entry::Coins { character: ann, change: coins, way }, Entry::Minted { coins, way }];
    let made = Entry::Made { kind: sword.kind, count: 1, way };
    let first = [&coins(5)[..], &[Entry::Item { before: None, after: Some(sword) }, made]].concat();
    bed.write(&Parcel::of(vec![story.post(first)]));
    bed.sql("CREATE TABLE ballast (id INT PRIMARY KEY)");
    let dropped = game::ItemRecord { holder: Holder::Ground { x: 1, y: 2, z: 3 }, ..sword };
    let second = [&coins(6)[..], &[Entry::Item { before: Some(sword), after: Some(dropped) }]].concat();
    let second = Parcel::of(vec![story.post(second)]);
    bed.run(async {
        let opts = OptsBuilder::from_opts(Opts::from_url(&bed.url()).unwrap()).prefer_socket(false);
        let mut other = Conn::new(opts).await.unwrap();
        other.query_drop("START TRANSACTION").await.unwrap();
        other.query_drop("INSERT INTO ballast SELECT seq FROM seq_1_to_1000").await.unwrap();
        other.query_drop("UPDATE items SET count = count + 0, slot = 9").await.unwrap();
        let meet = async {
            // Ours has changed Ann and waits for the sword. The server makes this list anew only for who asks seldom.
            let waits = "SELECT COUNT(*) FROM information_schema.innodb_trx AS t JOIN information_schema.processlist AS p \
                ON p.id = t.trx_mysql_thread_id WHERE t.trx_state = 'LOCK WAIT' AND p.db = DATABASE()";
            while bed.sql(waits) == "0" {
                tokio::time::sleep(std::time::Duration::from_millis(250)).await;
            }
            other.query_drop("UPDATE characters SET team = 7").await.unwrap();
            other.query_drop("COMMIT").await.unwrap();
        };
        let (ours, ()) = tokio::join!(bed.database.write(ONE, &second), meet);
        ours.unwrap();
    });
    let (_, timing) = bed.database.timings()[Query::WriteItems as usize];
    assert!(timing.failures >= 1, "they met: {timing:?}");
    assert_eq!(bed.sql("SELECT team FROM characters"), "7", "the other's was done, too");
    bed.sql("UPDATE characters SET team = 0");
    assert_is_told(&bed, &story);
}
