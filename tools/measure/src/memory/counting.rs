//! An allocator that counts what is held by whoever is being watched.
#![allow(unsafe_code, reason = "an allocator is unsafe by its very trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Passes everything on to the system; counts bytes of a thread that watches.
pub struct Counting;

thread_local! {
    static IS_WATCHED: Cell<bool> = const { Cell::new(false) };
    static BYTES: Cell<i64> = const { Cell::new(0) };
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// Runs `work`, whose allocations and releases count. What it releases it must have allocated under watch.
pub fn watched<T>(work: impl FnOnce() -> T) -> T {
    IS_WATCHED.set(true);
    let result = work();
    IS_WATCHED.set(false);
    result
}

/// Bytes that watched work holds, as asked for; what the allocator adds is not in it.
pub fn bytes() -> i64 {
    BYTES.get()
}

/// Allocations so far, growth of an old one included.
pub fn allocations() -> u64 {
    ALLOCATIONS.get()
}

fn count(bytes: i64, allocations: u64) {
    // After a thread's own end there is nobody to count for.
    if IS_WATCHED.try_with(Cell::get).unwrap_or(false) {
        BYTES.set(BYTES.get() + bytes);
        ALLOCATIONS.set(ALLOCATIONS.get() + allocations);
    }
}

// SAFETY: every call is passed to the system allocator with the arguments it came with.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64, 1);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as i64), 0);
        // SAFETY: the pointer came from the system allocator with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64, 1);
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size as i64 - layout.size() as i64, 1);
        // SAFETY: the pointer came from the system allocator with this layout, and the size is the caller's.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
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
