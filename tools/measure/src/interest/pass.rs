//! One world, tick by tick: every index is rebuilt and asked, timed, and on some ticks compared with brute force.

use super::index::{Index, brute_force};
use super::world::World;
use game::spatial::Point;
use measure::echo::process::ThreadClock;
use protocol::NetId;
use std::hint::black_box;
use std::io;

/// The server looks at a viewer's interest once in this many ticks, each viewer in its own of them.
pub const PERIOD_TICKS: u32 = 6;
/// Ticks on which every answer is compared, spread over the run from its first tick to its last.
pub const CHECKED_TICKS: u32 = 12;

/// What was measured in one world.
#[derive(Debug)]
pub struct Measured {
    /// By index, in the order of the contestants.
    pub indices: Vec<Times>,
    /// Others near a player by brute force: one for each player and checked tick, ascending.
    pub visible: Vec<u32>,
}

/// One index in one world; a figure per tick, in ns.
#[derive(Debug)]
pub struct Times {
    pub name: &'static str,
    pub build_ns: Vec<u64>,
    /// Everybody looks.
    pub all_ns: Vec<u64>,
    /// Those look whose turn it is in the server.
    pub sixth_ns: Vec<u64>,
    /// Answers that were compared.
    pub compared: u64,
    /// Where the first wrong answer was given, in words.
    pub wrong: Option<String>,
}

/// Measures `ticks` ticks of a world.
///
/// # Errors
/// The thread's clock fails.
pub fn measure(
    world: &mut World<'_>,
    mut contestants: Vec<Box<dyn Index>>,
    ticks: u32,
    radius: i32,
) -> io::Result<Measured> {
    let mut indices: Vec<_> = contestants.iter().map(|index| Times::new(index.name())).collect();
    let mut visible = Vec::new();
    // The first build sorts everybody and asks for memory. A server does that once.
    contestants.iter_mut().for_each(|index| index.rebuild(world.points()));
    for tick in 1..=ticks {
        world.advance();
        let truth = is_checked(tick, ticks).then(|| truth(world.points(), radius));
        for turn in 0..contestants.len() {
            // Each begins as often as any other: who comes later finds the points nearer to the core.
            let at = (tick as usize + turn) % contestants.len();
            let (index, times) = (&mut *contestants[at], &mut indices[at]);
            times.take(index, world.points(), tick, radius)?;
            if let Some(truth) = &truth {
                times.compare(index, world.points(), tick, radius, truth);
            }
        }
        visible.extend(truth.iter().flatten().map(|ids| ids.len() as u32));
    }
    visible.sort_unstable();
    Ok(Measured { indices, visible })
}

/// Whether this one of `1..=ticks` is compared.
fn is_checked(tick: u32, ticks: u32) -> bool {
    let steps = u64::from(CHECKED_TICKS - 1);
    let due = |tick: u32| u64::from(tick) * steps / u64::from(ticks.max(2) - 1);
    // The first tick, and each in which another twelfth begins.
    tick == 1 || due(tick - 1) > due(tick.saturating_sub(2))
}

/// Who is near whom, by row.
fn truth(points: &[Point], radius: i32) -> Vec<Vec<NetId>> {
    points.iter().map(|viewer| brute_force(points, *viewer, radius)).collect()
}

impl Times {
    fn new(name: &'static str) -> Self {
        Self { name, build_ns: Vec::new(), all_ns: Vec::new(), sixth_ns: Vec::new(), compared: 0, wrong: None }
    }

    /// One tick of this index.
    fn take(&mut self, index: &mut dyn Index, points: &[Point], tick: u32, radius: i32) -> io::Result<()> {
        let clock = ThreadClock::of_this_thread()?;
        let mut look_at = |near: &mut Vec<NetId>| {
            black_box(&*near);
        };
        let first = (PERIOD_TICKS - tick % PERIOD_TICKS) % PERIOD_TICKS;
        let begun = clock.ns()?;
        index.rebuild(points);
        let built = clock.ns()?;
        // Before everybody looks, as it is in the server: right after the build.
        let mut turn = points.iter().copied().skip(first as usize).step_by(PERIOD_TICKS as usize);
        index.look(&mut turn, radius, &mut look_at);
        let sixth = clock.ns()?;
        index.look(&mut points.iter().copied(), radius, &mut look_at);
        let all = clock.ns()?;
        self.build_ns.push(built - begun);
        self.sixth_ns.push(sixth - built);
        self.all_ns.push(all - sixth);
        Ok(())
    }

    /// Every answer of this tick against the truth.
    fn compare(&mut self, index: &dyn Index, points: &[Point], tick: u32, radius: i32, truth: &[Vec<NetId>]) {
        let mut row = 0;
        index.look(&mut points.iter().copied(), radius, &mut |near| {
            near.sort_unstable();
            if *near != truth[row] && self.wrong.is_none() {
                let (found, right) = (near.len(), truth[row].len());
                self.wrong = Some(format!(
                    "{} at tick {tick} finds {found} around player {row}, brute force {right}, and not the same",
                    self.name
                ));
            }
            row += 1;
        });
        self.compared += row as u64;
        if row != points.len() && self.wrong.is_none() {
            self.wrong = Some(format!("{} at tick {tick} answers {row} of {} players", self.name, points.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::index::contestants;
    use super::*;
    use game::Quadtree;
    use protocol::unit::UNITS_PER_M;

    const RADIUS: i32 = 100 * UNITS_PER_M;

    #[test]
    fn twelve_ticks_are_compared_from_the_first_to_the_last() {
        for ticks in [12, 13, 60, 600, 100_000] {
            let checked: Vec<u32> = (1..=ticks).filter(|tick| is_checked(*tick, ticks)).collect();
            assert_eq!((checked.len(), checked[0], *checked.last().unwrap()), (12, 1, ticks), "{checked:?}");
            let widest = checked.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
            assert!(widest <= ticks / 11 + 1, "{checked:?}");
        }
    }

    #[test]
    fn all_indices_are_exact_in_a_moving_world_and_every_tick_is_timed() {
        for mut world in [World::uniform(300, 1), World::one_spot(80, 1)] {
            let measured = measure(&mut world, contestants(RADIUS), 30, RADIUS).unwrap();
            for times in &measured.indices {
                assert_eq!(times.wrong, None);
                assert_eq!(times.compared, world.points().len() as u64 * 12);
                assert_eq!([times.build_ns.len(), times.all_ns.len(), times.sixth_ns.len()], [30; 3]);
            }
            assert_eq!(measured.visible.len(), world.points().len() * 12);
        }
    }

    /// Finds everybody it should but the first.
    struct Forgetful(Quadtree);

    impl Index for Forgetful {
        fn name(&self) -> &'static str {
            "forgetful"
        }

        fn rebuild(&mut self, points: &[Point]) {
            self.0.rebuild(points.iter().copied().filter(|point| point.id != NetId(0)));
        }

        fn look(&self, viewers: &mut dyn Iterator<Item = Point>, radius: i32, take: &mut dyn FnMut(&mut Vec<NetId>)) {
            Index::look(&self.0, viewers, radius, take);
        }
    }

    #[test]
    fn an_index_that_forgets_somebody_is_found_out() {
        let forgetful: Vec<Box<dyn Index>> = vec![Box::new(Forgetful(Quadtree::new()))];
        let measured = measure(&mut World::one_spot(20, 1), forgetful, 12, RADIUS).unwrap();
        let told = "forgetful at tick 1 finds 18 around player 1, brute force 19, and not the same";
        assert_eq!(measured.indices[0].wrong.as_deref(), Some(told));
    }
}
