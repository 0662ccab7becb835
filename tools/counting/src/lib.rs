//! An allocator that counts what each thread asks for, for tests and measurements.
//!
//! Whoever wants it declares it: `#[global_allocator] static COUNTING: counting::Counting = counting::Counting;`
#![allow(unsafe_code, reason = "an allocator is unsafe by its very trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ops::{AddAssign, Sub};

/// Passes everything on to the system, and counts.
#[derive(Debug)]
pub struct Counting;

/// What a thread has asked for since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Times it asked, growth of something old included.
    pub allocations: u64,
    /// Bytes that it took less those that it gave back, as asked for; what the allocator adds is not in it. Below 0 for who
    /// gives back what another took.
    pub bytes: i64,
}

impl Tally {
    /// Of this thread.
    #[must_use]
    pub fn now() -> Self {
        TALLY.get()
    }

    /// Since an earlier one of this thread.
    #[must_use]
    pub fn since(before: Self) -> Self {
        Self::now() - before
    }
}

impl Sub for Tally {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { allocations: self.allocations - earlier.allocations, bytes: self.bytes - earlier.bytes }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.allocations += more.allocations;
        self.bytes += more.bytes;
    }
}

thread_local! {
    static TALLY: Cell<Tally> = const { Cell::new(Tally { allocations: 0, bytes: 0 }) };
}

fn count(bytes: i64, allocations: u64) {
    // A thread that is going away has no cell any more, and nobody to ask.
    let _ = TALLY.try_with(|cell| {
        let mut tally = cell.get();
        tally += Tally { allocations, bytes };
        cell.set(tally);
    });
}

const fn bytes(layout: Layout) -> i64 {
    layout.size() as i64
}

// SAFETY: every call is passed to the system allocator with the arguments it came with; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(bytes(layout), 1);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-bytes(layout), 0);
        // SAFETY: the pointer came from the system allocator with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(bytes(layout), 1);
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size as i64 - bytes(layout), 1);
        // SAFETY: the pointer came from the system allocator with this layout, and the size is the caller's.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[global_allocator]
    static COUNTING: Counting = Counting;

    #[test]
    fn what_is_taken_and_given_back_is_counted_for_the_thread_that_does_it() {
        let before = Tally::now();
        let mut held = vec![1_u8; 1_000];
        assert_eq!(Tally::since(before), Tally { allocations: 1, bytes: 1_000 });
        held.reserve_exact(2_000);
        assert_eq!(Tally::since(before), Tally { allocations: 2, bytes: 3_000 });
        drop(held);
        assert_eq!(Tally::since(before), Tally { allocations: 2, bytes: 0 });
        let zeroed = vec![0_u8; 500];
        let elsewhere = std::thread::scope(|scope| {
            let (before, after) = scope
                .spawn(|| (Tally::now(), drop(vec![1_u8; 5_000]), Tally::now()))
                .join()
                .map(|(a, (), b)| (a, b))
                .unwrap();
            after - before
        });
        assert_eq!(elsewhere, Tally { allocations: 1, bytes: 0 });
        let (here, others) = (Tally::since(before), zeroed.len());
        assert!(here.allocations >= 3 && here.bytes >= 500, "{here:?}, {others}");
    }
}
