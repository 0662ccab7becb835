//! Whoever shares the work of telling everybody.

use crate::realm::Task;
use std::fmt::Debug;
use std::sync::Arc;

/// Most that may share it: beyond, each would have fewer than 250 of 4,000 players.
pub const HANDS_MAX: usize = 16;

/// Several hands, given from outside, because this room knows no threads.
pub trait Crew: Debug + Send + Sync {
    /// How many there are, 1..=[`HANDS_MAX`].
    fn hands(&self) -> usize;

    /// Calls [`Task::work`] of each once, on any threads, in any order; returns when all are done.
    fn run(&self, tasks: &mut [Task<'_>]);
}

/// The thread that ticks, and nobody else.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Crew for Alone {
    fn hands(&self) -> usize {
        1
    }

    fn run(&self, tasks: &mut [Task<'_>]) {
        tasks.iter_mut().for_each(Task::work);
    }
}

/// Nobody else, as a configuration holds it.
#[must_use]
pub fn alone() -> Arc<dyn Crew> {
    Arc::new(Alone)
}
