//! The threads that share in telling everybody, when there are processors for them.

use rayon::iter::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};
use server::{Alone, Crew, HANDS_MAX, Task};
use std::sync::{Arc, OnceLock};
use std::thread;

/// The reactor's processor and the world's own. The other threads are idle nearly always.
const TAKEN: usize = 2;

/// A crew of `threads`; 0 means the world's thread and one more for each processor that nobody else needs.
pub fn crew(threads: usize) -> Arc<dyn Crew> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    match if threads == 0 { free_hands(processors) } else { threads.min(HANDS_MAX) } {
        1 => server::alone(),
        hands => Arc::new(Pool { hands, pool: OnceLock::new() }),
    }
}

fn free_hands(processors: usize) -> usize {
    (1 + processors.saturating_sub(TAKEN)).min(HANDS_MAX)
}

/// Threads that are started by the first tick: a server that is built but does not run yet has none.
#[derive(Debug)]
struct Pool {
    hands: usize,
    /// None if the system refused the threads.
    pool: OnceLock<Option<ThreadPool>>,
}

impl Pool {
    fn start(&self) -> Option<ThreadPool> {
        let named = ThreadPoolBuilder::new().num_threads(self.hands).thread_name(|number| format!("tell-{number}"));
        named.build().inspect_err(|error| tracing::warn!(%error, "the world ticks on one thread")).ok()
    }
}

impl Crew for Pool {
    fn hands(&self) -> usize {
        self.hands
    }

    fn run(&self, tasks: &mut [Task<'_>]) {
        match self.pool.get_or_init(|| self.start()) {
            Some(pool) => pool.install(|| tasks.par_iter_mut().with_max_len(1).for_each(Task::work)),
            None => Alone.run(tasks),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_with_two_processors_has_no_hands_to_spare() {
        assert_eq!([1, 2, 3, 8, 64].map(free_hands), [1, 1, 2, 7, HANDS_MAX]);
        assert_eq!(crew(1).hands(), 1);
        assert_eq!(crew(3).hands(), 3);
    }

    #[test]
    fn a_pool_takes_tasks_more_than_once() {
        let crew = crew(3);
        for _ in 0..3 {
            let mut tasks: [Task<'_>; 3] = std::array::from_fn(|_| Task::default());
            crew.run(&mut tasks);
        }
    }
}
