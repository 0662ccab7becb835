//! What is asked for by whoever is being watched.

use counting::Tally;
use std::cell::Cell;

thread_local! {
    static WATCHED: Cell<Tally> = const { Cell::new(Tally { allocations: 0, bytes: 0 }) };
}

/// Runs `work`, whose allocations and releases count. What it releases it must have allocated under watch.
pub fn watched<T>(work: impl FnOnce() -> T) -> T {
    let before = Tally::now();
    let result = work();
    let mut watched = WATCHED.get();
    watched += Tally::since(before);
    WATCHED.set(watched);
    result
}

/// Bytes that watched work of this thread holds.
pub fn bytes() -> i64 {
    WATCHED.get().bytes
}

/// Allocations of watched work of this thread so far.
pub fn allocations() -> u64 {
    WATCHED.get().allocations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_watched_work_counts_and_what_it_gives_back_is_gone() {
        let before = bytes();
        let outside = vec![1_u8; 5_000];
        assert_eq!(bytes(), before);
        let held = watched(|| vec![1_u8; 1_000]);
        assert_eq!(bytes(), before + 1_000);
        watched(|| drop(held));
        assert_eq!((bytes(), outside.len()), (before, 5_000));
    }
}
