//! What the models promise, as facts; and that the checks find models that do not keep it.

use super::story::Story;
use super::{Arrangement, Plan, StoreFault, Wrong};
use game::TransactionId;
use protocol::CharacterId;
use rudp::time::NS_PER_MS;
use server::{LoadError, StoreDone, StoreJob};

const ANN: CharacterId = CharacterId(1);

/// A plan without accidents.
fn calm(arrangement: Arrangement) -> Plan {
    Plan {
        arrangement,
        has_redis: true,
        fsync_ns: (NS_PER_MS, 20 * NS_PER_MS),
        lag_ns: (NS_PER_MS, 300 * NS_PER_MS),
        answers_lost: 0,
        refused: 0,
        outbox_max: 1_000_000,
        ..Plan::of(1)
    }
}

fn run(story: &mut Story, ticks: u32) {
    for _ in 0..ticks {
        story.tick().unwrap();
    }
}

/// The answer to this transaction, within a second.
fn answer(story: &mut Story, id: TransactionId) -> Option<StoreDone> {
    for _ in 0..60 {
        story.now = story.now.plus_ns(16 * NS_PER_MS);
        story.stores.advance(story.now);
        story.stores.check(story.now).unwrap();
        while let Some(done) = story.stores.poll_done() {
            if matches!(&done, StoreDone::Committed { id: other, .. } if *other == id) {
                return Some(done);
            }
        }
    }
    None
}

#[test]
fn a_random_story_with_all_faults_ends_drained_and_equal() {
    for seed in 0..60 {
        let mut story = Story::new(seed);
        let (hash, settled) = (story.stores.hash(), story.run(2_000));
        settled.unwrap_or_else(|what| panic!("seed {seed}: {what}"));
        assert_ne!(story.stores.hash(), hash);
        assert!(!story.answered.is_empty(), "seed {seed}");
    }
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let hash = |seed| {
        let mut story = Story::new(seed);
        story.run(600).unwrap();
        (story.stores.hash(), story.now, story.answered.len())
    };
    assert_eq!(hash(5), hash(5));
    assert_ne!(hash(5), hash(6));
}

#[test]
fn a_commit_that_was_answered_is_there_after_any_crash() {
    for seed in 0..20 {
        let mut story = Story::planned(seed, calm(Arrangement::One));
        let id = story.coins(ANN, 5);
        assert!(answer(&mut story, id).is_some());
        let other = story.coins(ANN, 7);
        run(&mut story, 1);
        story.crash(seed % 2 == 0);
        let beginning = story.begin();
        assert!(story.stores.is_committed(id));
        assert_eq!(beginning.journal_seq, if story.stores.is_committed(other) { 2 } else { 1 });
        story.stores.audit(story.now).unwrap();
    }
}

#[test]
fn a_torn_tail_is_found_out_and_dropped_and_a_whole_one_counts_although_nobody_was_told() {
    let (mut torn, mut whole, mut none) = (0, 0, 0);
    for seed in 0..200 {
        let mut story = Story::planned(seed, calm(Arrangement::Pair));
        story.stores.set_fault(StoreFault::JournalSlow, true);
        let id = story.coins(ANN, 5);
        run(&mut story, 5);
        assert!(story.stores.keeper.is_busy() && story.answered.is_empty());
        let is_torn = seed % 2 == 0;
        story.crash(is_torn);
        story.begin();
        match (is_torn, story.stores.is_committed(id)) {
            (true, is_there) => {
                assert!(!is_there, "seed {seed}");
                torn += 1;
            }
            (false, true) => whole += 1,
            (false, false) => none += 1,
        }
        story.stores.audit(story.now).unwrap();
    }
    assert!(torn == 100 && whole > 20 && none > 20, "{torn} {whole} {none}");
}

#[test]
fn what_was_refused_on_a_full_disk_is_nowhere() {
    let mut story = Story::planned(1, calm(Arrangement::One));
    story.stores.set_fault(StoreFault::JournalFull, true);
    let id = story.coins(ANN, 5);
    let done = answer(&mut story, id);
    assert!(matches!(done, Some(StoreDone::Committed { refused: Some(_), .. })), "{done:?}");
    story.stores.set_fault(StoreFault::JournalFull, false);
    story.crash(false);
    assert_eq!(story.begin().journal_seq, 0);
    assert!(!story.stores.is_committed(id));
    let id = story.coins(ANN, 5);
    assert!(matches!(answer(&mut story, id), Some(StoreDone::Committed { refused: None, seq: 1, .. })));
}

#[test]
fn an_answer_that_mariadb_lost_is_asked_for_again_and_booked_once() {
    let mut story = Story::planned(1, Plan { answers_lost: 500, ..calm(Arrangement::One) });
    for coins in 1..=20 {
        story.coins(ANN, coins);
        run(&mut story, 30);
    }
    story.settle(6_000).unwrap();
    let lost: u64 = story.stores.courier.flow.as_ref().unwrap().lanes()[0].counts.iter().sum();
    assert!(lost > 3, "{lost} answers were lost");
    assert_eq!(story.stores.servers.rows(0).books().estates[&ANN].coins, 210);
    assert_eq!(story.stores.servers.rows(0).ledger.len(), 20);
}

#[test]
fn of_a_pair_nothing_is_forgotten_before_both_have_it() {
    let mut story = Story::planned(1, calm(Arrangement::Pair));
    story.coins(ANN, 5);
    run(&mut story, 60);
    assert_eq!(story.stores.disk.state.outbox.len(), 0, "both have it");
    story.stores.servers.set_down(1, true, 0);
    story.coins(ANN, 6);
    run(&mut story, 600);
    assert_eq!(story.stores.servers.rows(0).watermark, 2);
    assert_eq!(story.stores.disk.state.outbox.len(), 1, "one of them does not");
    story.stores.servers.set_down(1, false, 0);
    story.settle(600).unwrap();
    assert_eq!(story.stores.servers.rows(0).books(), story.stores.servers.rows(1).books());
}

#[test]
fn redis_may_forget_everything_and_has_what_is_saved_after_that() {
    let mut story = Story::planned(1, Plan { redis_forgets: 100, ..calm(Arrangement::One) });
    story.load(ANN);
    run(&mut story, 60);
    story.save(ANN);
    run(&mut story, 60);
    assert_eq!(story.stores.redis.checkpoints[&ANN].revision, 1);
    story.stores.set_fault(StoreFault::RedisDown, true);
    assert!(story.stores.redis.checkpoints.is_empty());
    story.save(ANN);
    run(&mut story, 60);
    assert!(story.stores.redis.checkpoints.is_empty(), "it is down");
    story.settle(600).unwrap();
    assert_eq!(story.stores.redis.checkpoints[&ANN].revision, 2);
}

#[test]
fn who_is_not_this_servers_is_let_in_from_here_only_while_mariadb_answers() {
    let loaded = |story: &mut Story| {
        story.load(ANN);
        for _ in 0..300 {
            story.now = story.now.plus_ns(16 * NS_PER_MS);
            story.stores.advance(story.now);
            if let Some(StoreDone::Loaded { found, .. }) = story.stores.poll_done() {
                return found;
            }
        }
        panic!("each load is answered")
    };
    let mut story = Story::planned(1, calm(Arrangement::One));
    story.stores.set_fault(StoreFault::MariaDbDown, true);
    assert!(matches!(loaded(&mut story), Err(LoadError::Away(_))));
    story.stores.set_fault(StoreFault::MariaDbDown, false);
    run(&mut story, 300);
    assert!(loaded(&mut story).is_ok());
    story.stores.set_fault(StoreFault::MariaDbDown, true);
    assert!(loaded(&mut story).is_ok(), "the lease is here");
    story.crash(false);
    story.begin();
    assert!(loaded(&mut story).is_ok(), "and is after a start");
}

#[test]
fn what_a_store_machine_must_not_do_is_said() {
    let save = |revision| StoreJob::Save { character: ANN, revision, bytes: vec![revision as u8] };
    let leave = || StoreJob::Leave { character: ANN };
    let told = |jobs: Vec<StoreJob>, faults: &[StoreFault], ticks| {
        let mut story = Story::planned(1, calm(Arrangement::Alone));
        faults.iter().for_each(|fault| story.stores.set_fault(*fault, true));
        for job in jobs {
            story.submit(job);
            for _ in 0..ticks {
                story.now = story.now.plus_ns(16 * NS_PER_MS);
                story.stores.advance(story.now);
                while story.stores.poll_done().is_some() {}
            }
        }
        story.stores.check(story.now).unwrap_err()
    };
    assert!(told(vec![save(2), save(2)], &[], 30).contains("and 2 is on disk"), "a revision is used twice");
    assert!(told(vec![save(1), leave()], &[], 0).contains("before he is saved"));
    assert!(told(vec![save(1), leave(), save(2)], &[], 30).contains("after he was let go"));
    assert!(told(vec![save(1)], &[StoreFault::JournalFull], 250).contains("is not tried again"));
}

#[test]
fn there_is_room_for_what_is_not_answered_and_none_while_the_queue_is_full() {
    let mut story = Story::planned(1, calm(Arrangement::Alone));
    assert_eq!(story.stores.room(), super::STORE_JOBS_MAX);
    let id = story.coins(ANN, 5);
    assert_eq!(story.stores.room(), super::STORE_JOBS_MAX - 1);
    story.stores.set_fault(StoreFault::QueueFull, true);
    assert_eq!(story.stores.room(), 0);
    story.stores.set_fault(StoreFault::QueueFull, false);
    assert!(answer(&mut story, id).is_some());
    assert_eq!(story.stores.room(), super::STORE_JOBS_MAX);
}

/// In how many of 50 stories it is found out, and called what it is.
fn found(wrong: Wrong, what: &[&str]) -> usize {
    let found = |seed| Story::new(seed).wrong(wrong).run(1_000).err();
    (0..50).filter_map(found).filter(|found| what.iter().any(|what| found.contains(what))).count()
}

#[test]
fn whatever_is_wrong_on_purpose_is_found_out_within_fifty_seeds() {
    let cases = [
        (Wrong::BelievesTail, &["believes what nobody has written"][..], 1),
        (Wrong::AnswersEarly, &["is answered and not on disk"], 40),
        (Wrong::LosesPostings, &["postings wait"], 40),
        (Wrong::TrimsEarly, &["the journal forgets up to"], 40),
        (Wrong::DropsRetries, &["the journal forgets up to", "and does not have it", "came after it"], 5),
        (Wrong::LosesRows, &["came after it"], 40),
        (Wrong::Unguarded, &["goes back to", "came after it", "do not agree about"], 10),
    ];
    for (wrong, what, least) in cases {
        let found = found(wrong, what);
        assert!(found >= least, "{wrong:?}: {found} of 50");
    }
}
