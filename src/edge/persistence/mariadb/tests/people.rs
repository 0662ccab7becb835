//! Servers, leases, names, and what is held about a person.

use super::bed::{Bed, ONE, Story, listing};
use crate::edge::persistence::mariadb::pruning::GONE_KEPT_MS;
use crate::edge::persistence::mariadb::{Enlisted, Erased, Lease, LeaseAnswer, NameAnswer, Pruned, ServerId};
use game::{Entry, Holder, TransactionId, Way};
use protocol::{AccountId, CharacterId};
use server::Parcel;

const ANN: CharacterId = CharacterId(1);
const BOB: CharacterId = CharacterId(2);

fn enlist(bed: &Bed, name: &str, journal: u128) -> ServerId {
    match bed.run(bed.database.enlist(name, journal)).unwrap() {
        Enlisted::As(server) => server,
        other => panic!("{other:?}"),
    }
}

fn take(bed: &Bed, server: ServerId, character: CharacterId) -> LeaseAnswer {
    bed.run(bed.database.take_lease(server, character)).unwrap()
}

#[test]
fn a_name_with_another_journal_is_refused_while_the_first_one_is_not_drained() {
    let bed = Bed::new();
    let one = enlist(&bed, "one", 10);
    assert_eq!(enlist(&bed, "one", 10), one, "it starts again");
    assert_ne!(enlist(&bed, "two", 20), one);
    assert_eq!(take(&bed, one, ANN), LeaseAnswer::Taken { epoch: 1 });
    let other = || bed.run(bed.database.enlist("one", 11)).unwrap();
    assert_eq!(other(), Enlisted::Undrained { characters: 1 });
    assert_eq!(enlist(&bed, "one", 10), one);
    bed.run(bed.database.release_leases(one, &[Lease { character: ANN, epoch: 1 }])).unwrap();
    assert_eq!(other(), Enlisted::As(one));
    bed.sql("UPDATE servers SET name = 'uno' WHERE name = 'one'");
    assert_eq!(other(), Enlisted::Clash { with: "uno".to_owned() });
}

#[test]
fn no_two_starts_have_the_same_number() {
    let bed = Bed::new();
    let mut numbers = Vec::new();
    for count in [1, 3, 0, 64] {
        let some = bed.run(bed.database.reserve_incarnations(ONE, count)).unwrap();
        assert_eq!(some.len(), count);
        numbers.extend(some);
    }
    let count = numbers.len();
    numbers.dedup();
    assert!(numbers.len() == count && numbers.is_sorted() && numbers[0] > 0, "{numbers:?}");
}

#[test]
fn a_lease_goes_to_another_server_only_when_its_holder_has_drained_it() {
    let bed = Bed::new();
    let (one, two) = (enlist(&bed, "one", 10), enlist(&bed, "two", 20));
    assert_eq!(take(&bed, one, ANN), LeaseAnswer::Taken { epoch: 1 });
    assert_eq!(take(&bed, one, ANN), LeaseAnswer::Taken { epoch: 2 }, "a new login at the same server");
    assert_eq!(take(&bed, two, ANN), LeaseAnswer::Held { by: "one".to_owned() });
    assert_eq!(take(&bed, one, BOB), LeaseAnswer::Taken { epoch: 1 });
    let leases = |server| bed.run(bed.database.leases_of(server)).unwrap();
    assert_eq!(leases(one), [Lease { character: ANN, epoch: 2 }, Lease { character: BOB, epoch: 1 }]);
    let release = |server, character, epoch| {
        bed.run(bed.database.release_leases(server, &[Lease { character, epoch }])).unwrap();
    };
    release(one, ANN, 1);
    release(two, ANN, 2);
    assert_eq!(leases(one).len(), 2, "neither an older lease nor another server's");
    release(one, ANN, 2);
    assert_eq!(leases(one), [Lease { character: BOB, epoch: 1 }]);
    assert_eq!(take(&bed, two, ANN), LeaseAnswer::Taken { epoch: 3 });
    release(one, ANN, 2);
    assert_eq!(take(&bed, one, ANN), LeaseAnswer::Held { by: "two".to_owned() });
    assert_eq!(leases(two), [Lease { character: ANN, epoch: 3 }]);
}

#[test]
fn a_name_is_one_characters_until_it_is_released() {
    let bed = Bed::new();
    let reserve =
        |character, account| bed.run(bed.database.reserve_name("ünal", character, AccountId(account))).unwrap();
    assert_eq!(reserve(ANN, 7), NameAnswer::Yours);
    assert_eq!(reserve(ANN, 7), NameAnswer::Yours, "asked again");
    assert_eq!(reserve(BOB, 8), NameAnswer::Taken { by: ANN });
    bed.run(bed.database.release_name("ünal", BOB)).unwrap();
    assert_eq!(reserve(BOB, 8), NameAnswer::Taken { by: ANN }, "what is not his he cannot free");
    bed.run(bed.database.release_name("ünal", ANN)).unwrap();
    assert_eq!(reserve(BOB, 8), NameAnswer::Yours);
    assert_eq!(bed.sql("SELECT epoch, account_id FROM names"), "3\t8");
}

/// Ada, whose account is 100, has a sword and coins; Eve has bought something of her. All went through the ledger.
fn two_people(bed: &Bed, story: &mut Story) {
    let (ada, eve) = (listing(1), listing(2));
    let sword = story.item(4, 2, Holder::Character { character: ANN, slot: 3 });
    let shield = story.item(5, 1, Holder::Character { character: ANN, slot: 4 });
    let make = |kind, count| Entry::Made { kind, count, way: Way::Kit };
    let coins = |character, change, way| Entry::Coins { character, change, way };
    let postings = vec![
        story.post(ada.creation(TransactionId(0), AccountId(100)).entries),
        story.post(eve.creation(TransactionId(0), AccountId(101)).entries),
        story.post(vec![
            Entry::Born { character: ANN, class: ada.class, team: 1 },
            Entry::Item { before: None, after: Some(sword) },
            Entry::Item { before: None, after: Some(shield) },
            make(sword.kind, 2),
            make(shield.kind, 1),
            coins(BOB, 90, Way::Kit),
            Entry::Minted { coins: 90, way: Way::Kit },
        ]),
        story.post(vec![
            Entry::Item { before: Some(shield), after: Some(shield.with(BOB, 1)) },
            coins(BOB, -30, Way::Handed),
            coins(ANN, 30, Way::Handed),
        ]),
    ];
    bed.write(&Parcel::of(postings));
    bed.run(bed.database.save(&[(ANN, 9, b"\x01\xff"), (BOB, 9, b"eve")])).unwrap();
}

#[test]
fn an_export_has_all_of_an_account_and_nothing_of_others() {
    let (bed, mut story) = (Bed::new(), Story::new(1));
    two_people(&bed, &mut story);
    let one = enlist(&bed, "one", 10);
    take(&bed, one, ANN);
    let export = bed.run(bed.database.export(AccountId(100), &[])).unwrap();
    assert_eq!((&export["roster"][0], &export["characters"].as_array().unwrap().len()), (&1.into(), &1));
    let ada = &export["characters"][0];
    assert_eq!(ada["is"]["name"], listing(1).name);
    assert_eq!(ada["is"]["coins"], 30);
    assert_eq!((ada["items"].as_array().unwrap().len(), &ada["items"][0]["count"]), (1, &2.into()));
    assert_eq!(ada["checkpoint"]["record"], "01ff");
    assert_eq!(ada["leases"][0]["server"], "one");
    assert_eq!(ada["names"][0], protocol::character::folded(&listing(1).name));
    let ledger = export["ledger"].as_array().unwrap();
    assert_eq!(ledger.iter().map(|line| line["seq"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 3, 4]);
    assert_eq!(ledger[0]["transaction"], "00000000000000050000000000000001");
    assert!(!ledger[1]["entries"].to_string().contains("90"), "what Eve got is hers: {}", ledger[1]);
    let nobody = bed.run(bed.database.export(AccountId(9), &[])).unwrap();
    assert_eq!(nobody["characters"].as_array().unwrap().len(), 0);
}

fn kin(bed: &Bed, also: &[CharacterId]) -> Vec<CharacterId> {
    bed.run(bed.database.kin(AccountId(100), also)).unwrap()
}

#[test]
fn of_who_is_erased_no_name_is_left_and_the_sums_still_balance() {
    let (bed, mut story) = (Bed::new(), Story::new(2));
    two_people(&bed, &mut story);
    let (one, two) = (enlist(&bed, "one", 10), enlist(&bed, "two", 20));
    take(&bed, one, ANN);
    let erase =
        |server, characters: &[CharacterId]| bed.run(bed.database.erase(server, AccountId(100), characters)).unwrap();
    let before = bed.dump();
    assert_eq!(kin(&bed, &[CharacterId(99)]), [ANN], "of 99 nothing is held");
    assert_eq!(erase(two, &[ANN]), Erased::Held { character: ANN, by: "one".to_owned() });
    assert_eq!(bed.dump(), before);
    assert_eq!(erase(one, &[ANN]), Erased::Done { ledger_lines: 1 }, "who asks says that he has carried all");
    assert_eq!(kin(&bed, &[ANN]), [], "there is nothing left to erase");
    assert_eq!(erase(two, &[]), Erased::Done { ledger_lines: 0 });

    let (revision, roster) = bed.run(bed.database.roster(AccountId(100))).unwrap();
    assert!(revision > 1 && roster.is_empty(), "whoever knew the roster hears of it: {revision}");
    let kept = bed.run(bed.database.load(ANN)).unwrap().unwrap();
    assert_eq!((kept.listed, kept.estate, kept.checkpoint), (None, None, None));
    let export = bed.run(bed.database.export(AccountId(100), &[ANN])).unwrap();
    assert_eq!((&export["characters"], &export["ledger"]), (&serde_json::json!([]), &serde_json::json!([])));
    let name = listing(1).name;
    for column in ["ledger WHERE INSTR(body, '{}')", "names WHERE folded = LOWER('{}') AND character_id IS NOT NULL"] {
        let found = format!("SELECT COUNT(*) FROM {}", column.replace("{}", &name));
        assert_eq!(bed.sql(&found), "0", "{column}");
        assert_ne!(bed.sql(&found.replace(&name, &listing(2).name)), "0", "Eve's is: {column}");
    }
    assert_eq!(bed.sql("SELECT COUNT(*) FROM ledger"), "4", "what was done is not undone");
    let held = "SELECT kind, SUM(count) FROM items WHERE is_gone = 0 GROUP BY kind ORDER BY kind";
    let made = "SELECT kind, SUM(amount) AS n FROM sums WHERE kind >= 0 GROUP BY kind HAVING n <> 0 ORDER BY kind";
    assert_eq!(bed.sql(held), bed.sql(made));
    let coins = "SELECT SUM(coins) - (SELECT SUM(amount) FROM sums WHERE kind = -1) FROM characters";
    assert_eq!((bed.sql(coins).as_str(), bed.sql(held).as_str()), ("0", "5\t1"));
}

#[test]
fn a_late_row_brings_nobody_back_who_was_erased() {
    let (bed, mut story) = (Bed::new(), Story::new(3));
    let made = story.post(listing(1).creation(TransactionId(0), AccountId(100)).entries);
    bed.write(&Parcel::of(vec![made.clone()]));
    bed.run(bed.database.erase(ONE, AccountId(100), &[ANN])).unwrap();
    let erased = bed.dump();
    bed.write(&Parcel::of(vec![made]));
    assert_eq!(bed.run(bed.database.roster(AccountId(100))).unwrap().1, []);
    assert_eq!(bed.dump(), erased);
}

#[test]
fn what_is_gone_stays_for_a_week_and_then_goes_a_little_at_a_time() {
    let bed = Bed::new();
    let gone = "INSERT INTO items (item_id, is_gone, gone_at, revision) SELECT seq, 1, 1000 + (seq > 1500), 1";
    bed.sql(&format!("{gone} FROM seq_1_to_2000"));
    bed.sql("INSERT INTO items (item_id, kind, count, revision) VALUES (5000, 1, 1, 1)");
    bed.sql("INSERT INTO names VALUES ('free', NULL, NULL, 1000, 2), ('taken', 1, 1, 1000, 1)");
    let prune = |now_ms| bed.run(bed.database.prune(now_ms)).unwrap();
    assert_eq!(prune(GONE_KEPT_MS + 1000), Pruned::default());
    assert_eq!(prune(GONE_KEPT_MS + 1001), Pruned { items: 1000, names: 1, is_more: true });
    assert_eq!(prune(GONE_KEPT_MS + 1001), Pruned { items: 500, names: 0, is_more: false });
    assert_eq!(bed.sql("SELECT COUNT(*), SUM(is_gone = 0) FROM items"), "501\t1");
    assert_eq!(bed.sql("SELECT folded FROM names"), "taken");
}
