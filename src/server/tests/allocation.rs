//! How often the world thread asks for memory from inbox to arena once everyone is in: never.

#![allow(unsafe_code)]

mod stand;

use stand::{PLAYERS, Stand};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts what it passes on.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is passed to the system allocator with the arguments it came with.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc` above, so from the system allocator, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The only test of this binary: another one beside it would be counted too.
#[test]
fn from_inbox_to_arena_a_tick_in_steady_state_allocates_nothing() {
    let mut stand = Stand::new(|_| {});
    stand.join();
    for _ in 0..2_000 {
        stand.speak();
        stand.turn();
        stand.hand_over();
    }
    assert_ne!(ALLOCATIONS.load(Ordering::Relaxed), 0, "the counter counts");
    let (parts, answers, updates) = (stand.parts, stand.answers, stand.realm.status().updates);
    let (events, before) = (stand.events, *stand.realm.status());
    let mut allocations = 0;
    for _ in 0..600 {
        stand.speak();
        let asked = ALLOCATIONS.load(Ordering::Relaxed);
        stand.turn();
        allocations += ALLOCATIONS.load(Ordering::Relaxed) - asked;
        stand.hand_over();
    }
    assert_eq!(allocations, 0, "in 600 ticks");
    assert_eq!(stand.parts - parts, 600 * u64::from(PLAYERS), "everybody was told of every tick");
    assert_eq!(stand.answers - answers, 600 / 30 * u64::from(PLAYERS), "every echo was answered");
    let status = stand.realm.status();
    assert_eq!(stand.events - events, status.events_told - before.events_told);
    let [shots, hits] = [status.shots - before.shots, status.shots_hit - before.shots_hit];
    let refused = [status.shots_stale - before.shots_stale, status.shots_too_soon - before.shots_too_soon];
    assert!(shots > 3_000 && hits > 100 && refused.iter().all(|&refused| refused > 500), "{status:?}");
    assert!(status.updates - updates > 600 * u64::from(PLAYERS), "people saw each other");
}
