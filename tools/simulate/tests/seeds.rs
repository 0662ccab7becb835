//! Whole simulations, short ones: what a seed decides, and that a break is told.

use simulate::check::{Broken, Check};
use simulate::{Failure, KindSet, Options, run};

/// Few people and little more than the calm, so that it takes a second or two.
fn short(seed: u64) -> Options {
    Options { ticks: Some(1_900), players: Some(6), ..Options::of_seed(seed) }
}

#[test]
fn a_seed_gives_one_hash_however_often_and_with_however_many_hands() {
    let first = run(&short(5)).unwrap();
    assert!(first.player_ticks > 3_000 && first.book.fired.iter().sum::<u64>() > 5, "{first:?}");
    for workers in [1, 2, 5] {
        let again = run(&Options { workers, ..short(5) }).unwrap();
        assert_eq!(again, first, "with {workers} hands");
    }
    assert_ne!(run(&short(6)).unwrap().hash, first.hash);
}

#[test]
fn some_seeds_hold_whatever_goes_wrong() {
    for seed in 100..104 {
        let tally = run(&short(seed)).unwrap_or_else(|failure| panic!("{failure}"));
        let looked = |check: Check| tally.looks.0[check as usize];
        let shown = [Check::View, Check::Own, Check::Members, Check::Settled, Check::Fresh, Check::Agreement];
        let told = [Check::Order, Check::Patience, Check::Nonces, Check::Calm, Check::Drain];
        for check in shown.into_iter().chain(told) {
            assert!(looked(check) > 0, "seed {seed}: nothing was looked at by {check:?}");
        }
    }
}

#[test]
fn a_break_names_its_seed_its_tick_and_the_command_that_does_it_again() {
    let options = Options { faults: KindSet::NONE, ..short(7) };
    let broken = Broken::new(Check::Order, "an echo came twice");
    let told = Failure { options, tick: 99, broken }.to_string();
    let profile = if cfg!(debug_assertions) { "--profile simulation" } else { "--release" };
    let command = format!("cargo run {profile} -p simulate -- --seed 7 --ticks 1900 --players 6 --faults none");
    assert_eq!(told, format!("seed 7 broke at tick 99: order: an echo came twice\nreplay: {command}"));
}
