//! The threads that share in telling everybody, when there are processors for them.

use rayon::{ThreadPool, ThreadPoolBuilder};
use server::{Crew, HANDS_MAX, Task};
use std::sync::{Arc, OnceLock};
use std::thread;

/// The reactor's processor and the world's own. The other threads are idle nearly always.
const TAKEN: usize = 2;

/// A crew of `threads`; 0 means the world's thread and one more for each processor that nobody else needs.
pub fn crew(threads: usize) -> Arc<dyn Crew> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    match if threads == 0 { free_hands(processors) } else { threads.min(HANDS_MAX) } {
        1 => server::alone(),
        hands => Arc::new(Pool { hands, others: OnceLock::new() }),
    }
}

fn free_hands(processors: usize) -> usize {
    (1 + processors.saturating_sub(TAKEN)).min(HANDS_MAX)
}

/// The world's thread and others, which are started by the first tick: a server that is built but does not run yet has none.
#[derive(Debug)]
struct Pool {
    hands: usize,
    /// All hands but one; none if the system refused the threads.
    others: OnceLock<Option<ThreadPool>>,
}

impl Pool {
    /// Gives each hand one of at most as many pieces of work; the first is the caller's own, who would only wait otherwise.
    fn share<T: Send>(&self, pieces: &mut [T], work: impl Fn(&mut T) + Sync) {
        let Some(others) = self.others.get_or_init(|| self.start()) else { return pieces.iter_mut().for_each(work) };
        let Some((own, rest)) = pieces.split_first_mut() else { return };
        let work = &work;
        others.in_place_scope(|scope| {
            for piece in rest {
                scope.spawn(move |_| work(piece));
            }
            work(own);
        });
    }

    fn start(&self) -> Option<ThreadPool> {
        let others = ThreadPoolBuilder::new().num_threads(self.hands - 1);
        let named = others.thread_name(|number| format!("tell-{}", number + 1));
        named.build().inspect_err(|error| tracing::warn!(%error, "the world ticks on one thread")).ok()
    }
}

impl Crew for Pool {
    fn hands(&self) -> usize {
        self.hands
    }

    fn run(&self, tasks: &mut [Task<'_>]) {
        self.share(tasks, Task::work);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::sync::Barrier;

    fn pool(hands: usize) -> Pool {
        Pool { hands, others: OnceLock::new() }
    }

    #[test]
    fn a_machine_with_two_processors_has_no_hands_to_spare() {
        assert_eq!([1, 2, 3, 8, 64].map(free_hands), [1, 1, 2, 7, HANDS_MAX]);
        assert_eq!(crew(1).hands(), 1);
        assert_eq!(crew(3).hands(), 3);
    }

    #[test]
    fn each_hand_does_its_piece_at_the_same_time_as_the_others_and_the_caller_is_one_of_them() {
        let pool = pool(3);
        for _ in 0..3 {
            // Nobody goes on before all three are here: with fewer hands this would never end.
            let all_are_here = Barrier::new(3);
            let mut done = [const { (0, None) }; 3];
            pool.share(&mut done, |(times, by)| {
                all_are_here.wait();
                *times += 1;
                *by = thread::current().name().map(str::to_owned);
            });
            assert_eq!(done.each_ref().map(|(times, _)| *times), [1; 3]);
            let by: BTreeSet<_> = done.iter().filter_map(|(_, by)| by.as_deref()).collect();
            let own = thread::current();
            assert_eq!(by, BTreeSet::from([own.name().unwrap_or(""), "tell-1", "tell-2"]));
            assert_eq!(done[0].1.as_deref(), own.name());
        }
        assert_eq!(pool.others.get().and_then(Option::as_ref).map(ThreadPool::current_num_threads), Some(2));
    }

    #[test]
    fn without_threads_the_caller_does_everything() {
        let pool = pool(3);
        pool.others.set(None).expect("nobody has started any");
        let mut done = [0; 3];
        pool.share(&mut done, |times| *times += 1);
        assert_eq!(done, [1; 3]);
    }
}
