//! Parts of a tick and of a wake as `tracing` spans, for the Tracy profiler.

use std::cell::RefCell;
use tracing::span::EnteredSpan;

thread_local! {
    /// The part that this thread is in.
    static PART: RefCell<Option<EnteredSpan>> = const { RefCell::new(None) };
}

/// The thread's part before has ended, and this one begins; "rest" ends a frame of the profiler.
pub fn enter(name: &'static str) {
    PART.with_borrow_mut(|part| {
        // In this order: spans of a thread lie inside each other.
        *part = None;
        if name == "rest" {
            tracing_tracy::client::frame_mark();
        } else {
            *part = Some(tracing::trace_span!("part", name).entered());
        }
    });
}
