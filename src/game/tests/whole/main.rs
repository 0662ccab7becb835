//! All rooms at once: two dozen people with the shipped content, on a disk that takes its time, do everything that one can do.

mod account;
mod crowd;
mod disk;
mod draws;
mod restart;
mod town;
mod wants;

use account::{Account, CUSTOM, SORTS};
use crowd::{CAST_TICKS, Crowd};
use protocol::GameEvent;

/// Ticks of one long run: 100 s.
const LONG: u32 = 6_000;

/// The hash at every 60th tick.
fn hashes(seed: u64, ticks: u32) -> Vec<u64> {
    let mut crowd = Crowd::new(seed);
    let hash = |_| {
        crowd.run(60);
        crowd.game.hash()
    };
    (0..ticks / 60).map(hash).collect()
}

#[test]
fn the_same_calls_give_the_same_world_and_others_another() {
    let one = hashes(7, 1_200);
    assert_eq!(one, hashes(7, 1_200));
    assert!(one.iter().zip(hashes(8, 1_200)).all(|(one, other)| *one != other));
}

/// What is said from the middle on, and how it ends. In the middle something flies.
fn halves(seed: u64, is_made_anew: bool) -> (Vec<crowd::Said>, Vec<u64>) {
    let mut crowd = Crowd::new(seed);
    crowd.run(300 - CAST_TICKS);
    crowd.is_prompt = true;
    crowd.run(CAST_TICKS);
    let flies = (0..600).any(|_| {
        crowd.step();
        crowd.end_trades();
        crowd.has_missiles()
    });
    assert!(flies, "nobody sends anything");
    if is_made_anew {
        crowd.make_anew();
    }
    crowd.tell_everybody();
    (crowd.is_prompt, crowd.seen_from) = (false, crowd.game.now());
    let (mut said, mut hashes) = (Vec::new(), vec![crowd.game.hash()]);
    for _ in 0..5 {
        said.extend((0..60).map(|_| crowd.step()));
        hashes.push(crowd.game.hash());
    }
    (said, hashes)
}

#[test]
fn a_world_made_anew_in_the_middle_says_the_same_and_becomes_the_same() {
    for seed in 1..=6 {
        let (one, other) = (halves(seed, false), halves(seed, true));
        let (happened, answered) = one.0.iter().fold((0, 0), |(a, b), said| (a + said.0.len(), b + said.1.len()));
        assert!(happened >= 100 && answered >= 100, "seed {seed}: {happened} happenings, {answered} answers");
        for (at, (one, other)) in one.0.iter().zip(&other.0).enumerate() {
            assert_eq!(one, other, "seed {seed}, {at} ticks later");
        }
        assert_eq!(one.1, other.1, "seed {seed}");
    }
}

#[test]
fn a_world_made_anew_every_second_goes_the_same_way() {
    let run = |is_made_anew: bool| {
        let mut crowd = Crowd::new(9);
        crowd.is_prompt = true;
        let second = |_| {
            crowd.run(60);
            crowd.end_trades();
            if is_made_anew {
                crowd.make_anew();
            }
            crowd.tell_everybody();
            crowd.game.hash()
        };
        let hashes: Vec<u64> = (0..30).map(second).collect();
        crowd.finish();
        (hashes, crowd.game.hash())
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn everything_is_done_and_in_the_end_the_game_has_what_the_disk_has() {
    let mut account = Account::default();
    let (mut written, mut refused) = (0, 0);
    for seed in 1..=6 {
        let mut crowd = Crowd::new(seed);
        for _ in 0..LONG / 60 {
            crowd.run(60);
            crowd.compare();
        }
        crowd.finish();
        account.add(&crowd.account);
        (written, refused) = (written + crowd.disk.written, refused + crowd.disk.refused);
    }
    assert_eq!(account.orders.len(), SORTS);
    for (sort, (done, refused)) in &account.orders {
        assert!(*done >= 10 || *sort == CUSTOM, "{sort} was done {done} times, and refused {refused} times");
        // There is nothing that one could not stop.
        assert!(*refused > 0 || *sort == "stop", "{sort} was done {done} times, and refused {refused} times");
    }
    // Shots are carried out by whoever plays by this game, and what is custom by others.
    let kinds = GameEvent::KINDS.into_iter().filter(|kind| !kind.starts_with("shot") && *kind != CUSTOM);
    let others = ["death of a mob", "death of a player", "side of a trade", "trade that ended", "coming back"];
    for what in kinds.chain(others) {
        let times = account.happened.get(what).copied().unwrap_or(0);
        assert!(times >= 10, "{what} happened {times} times");
    }
    assert!(account.refusals.len() >= 30 && written > 1_000 && refused > 100);
}
