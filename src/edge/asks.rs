//! What operators ask of the world's thread: looked at once a tick, a few at a time.

use super::clock;
use crossbeam::channel::{Receiver, Sender, bounded};
use server::{Operation, PersonRow};
use std::time::Duration;
use tokio::sync::oneshot;

/// Questions that may wait: more than operators can ask in a second.
const ASKS_MAX: usize = 64;

/// A question, or a wish.
#[derive(Debug)]
pub enum WorldAsk {
    /// Who is here?
    People {
        /// For the answer.
        reply: oneshot::Sender<Vec<PersonRow>>,
    },
    /// Do this in the coming tick.
    Operate(Operation),
    /// Be slow, or stand still, to see what happens then.
    Drill {
        /// Nanoseconds that each tick takes longer.
        work_ns: u64,
        /// For so long.
        for_ns: u64,
        /// Nanoseconds for which the thread stands still, once.
        freeze_ns: u64,
    },
}

/// A queue of asks, with both its ends.
pub fn to_world() -> (Sender<WorldAsk>, Receiver<WorldAsk>) {
    bounded(ASKS_MAX)
}

/// Work that is none, for whoever wants to see what a slow world does.
#[derive(Debug, Default)]
pub struct Drill {
    work_ns: u64,
    until_ns: u64,
    freeze_ns: u64,
}

impl Drill {
    /// From now on.
    pub fn begin(&mut self, now_ns: u64, work_ns: u64, for_ns: u64, freeze_ns: u64) {
        *self = Self { work_ns, until_ns: now_ns.saturating_add(for_ns), freeze_ns };
        tracing::warn!(work_ns, for_ns, freeze_ns, "an operator makes the world slow");
    }

    /// A tick's share of it, for a tick that began at `now_ns`: the processor is kept busy as real work would.
    pub fn work(&mut self, now_ns: u64) {
        if self.freeze_ns > 0 {
            std::thread::sleep(Duration::from_nanos(std::mem::take(&mut self.freeze_ns)));
        }
        if self.work_ns == 0 || now_ns >= self.until_ns {
            return;
        }
        let end_ns = clock::mono_ns() + self.work_ns;
        while clock::mono_ns() < end_ns {
            std::hint::spin_loop();
        }
    }
}
