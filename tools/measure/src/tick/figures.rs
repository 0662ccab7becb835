//! What many ticks cost.

use super::stage::Stage;
use crate::interest::ENTER_RADIUS;
use anyhow::{Result, ensure};
use game::spatial::Point;
use protocol::unit::TICK_RATE_HZ;

/// Of one run, or of several of the very same ticks.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// One for each tick, in their order, ns.
    pub tick_ns: Vec<u64>,
    /// Times memory was asked for, per tick.
    pub allocations: f64,
    /// Others within the enter radius, ascending: everybody's, once a second.
    pub visible: Vec<u32>,
    /// States of others told, per tick.
    pub updates: f64,
    /// Times a state's bits were used for each time they were made.
    pub reuse: f64,
    /// Bytes of snapshot parts per tick.
    pub part_bytes: f64,
    /// Time of all clients per tick, ns.
    pub clients_ns: f64,
}

/// Runs the stage and takes its figures.
///
/// # Errors
/// Not everybody got in.
pub fn take(stage: &mut Stage<'_>, warm_up_ticks: u32, ticks: u32) -> Result<Figures> {
    for _ in 0..warm_up_ticks {
        stage.tick()?;
    }
    stage.ensure_all_in()?;
    let (before, bytes_before, clients_before) = (*stage.status(), stage.part_bytes, stage.clients_ns);
    let mut figures = Figures::default();
    for tick in 0..ticks {
        let turn = stage.tick()?;
        figures.tick_ns.push(turn.ns);
        figures.allocations += turn.allocations as f64 / f64::from(ticks);
        if tick % TICK_RATE_HZ == 0 {
            figures.visible.extend(visible(stage.points()));
        }
    }
    let after = stage.status();
    let updates = (after.updates - before.updates) as f64;
    figures.updates = updates / f64::from(ticks);
    figures.reuse = updates / (after.encoded - before.encoded).max(1) as f64;
    figures.clients_ns = (stage.clients_ns - clients_before) as f64 / f64::from(ticks);
    figures.part_bytes = (stage.part_bytes - bytes_before) as f64 / f64::from(ticks);
    figures.visible.sort_unstable();
    Ok(figures)
}

impl Figures {
    /// Keeps of each tick the shorter time: what else a machine does can only add to it.
    ///
    /// # Errors
    /// The other run did not do the same.
    pub fn keep_least(&mut self, other: &Self) -> Result<()> {
        let work = |of: &Self| (of.tick_ns.len(), of.updates, of.reuse, of.part_bytes);
        ensure!(work(self) == work(other), "two runs with one seed did not do the same: {self:?}, {other:?}");
        self.tick_ns.iter_mut().zip(&other.tick_ns).for_each(|(least, &ns)| *least = ns.min(*least));
        self.clients_ns = self.clients_ns.min(other.clients_ns);
        Ok(())
    }

    /// Times of ticks, ascending, ns.
    pub fn ascending_ns(&self) -> Vec<u64> {
        let mut ascending = self.tick_ns.clone();
        ascending.sort_unstable();
        ascending
    }

    /// Mean time of a tick, ns.
    pub fn mean_ns(&self) -> f64 {
        mean(&self.tick_ns.iter().map(|&ns| ns as f64).collect::<Vec<_>>())
    }

    /// Mean of the others within the enter radius.
    pub fn visible_mean(&self) -> f64 {
        mean(&self.visible.iter().map(|&others| f64::from(others)).collect::<Vec<_>>())
    }
}

/// The value below which this share of ascending values lies.
pub fn quantile<T: Copy + Default>(ascending: &[T], share: f64) -> T {
    let at = (ascending.len() as f64 * share) as usize;
    ascending.get(at.min(ascending.len().saturating_sub(1))).copied().unwrap_or_default()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// How many others are near each: by the plainest search there is.
fn visible(points: &[Point]) -> impl Iterator<Item = u32> {
    let is_near = |a: &Point, b: &Point| {
        let (dx, dy) = (i64::from(a.x - b.x), i64::from(a.y - b.y));
        dx * dx + dy * dy <= i64::from(ENTER_RADIUS) * i64::from(ENTER_RADIUS)
    };
    points.iter().map(move |me| points.iter().filter(|other| is_near(me, other)).count() as u32 - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interest::world::World;
    use crate::tick::stage::{RoundTrips, Terms};

    fn terms(is_told: bool) -> Terms {
        Terms { is_told, bytes_per_s: 24_000, visible_max: 1_000 }
    }

    #[test]
    fn people_in_one_spot_are_told_of_each_other_and_bits_are_used_again() {
        let world = World::one_spot(20, 1);
        let figures = take(&mut Stage::new(world, RoundTrips::Spread, &terms(true), 1), 60, 60).unwrap();
        assert!((figures.visible_mean() - 19.0).abs() < 0.01, "{figures:?}");
        assert!(figures.updates > 100.0 && figures.reuse > 1.5, "{figures:?}");
    }

    #[test]
    fn who_may_be_told_nothing_is_told_nothing() {
        let figures =
            take(&mut Stage::new(World::one_spot(20, 1), RoundTrips::None, &terms(false), 1), 60, 60).unwrap();
        assert!(figures.updates == 0.0 && figures.part_bytes == 0.0, "{figures:?}");
    }

    #[test]
    fn of_two_runs_the_shorter_ticks_are_kept_and_runs_of_other_ticks_are_refused() {
        let of = |tick_ns: &[u64]| Figures { tick_ns: tick_ns.to_vec(), ..Figures::default() };
        let mut figures = of(&[5, 1, 7]);
        figures.keep_least(&of(&[3, 2, 9])).unwrap();
        assert_eq!((&figures.tick_ns[..], figures.ascending_ns()), (&[3, 1, 7][..], vec![1, 3, 7]));
        assert!(figures.keep_least(&of(&[1, 2])).is_err());
        assert!(figures.keep_least(&Figures { updates: 1.0, ..of(&[1, 2, 3]) }).is_err());
    }

    #[test]
    fn quantiles_are_values_that_were_seen() {
        assert_eq!((quantile(&[1, 2, 3, 4], 0.5), quantile(&[1, 2, 3, 4], 1.0), quantile::<u32>(&[], 0.5)), (3, 4, 0));
    }
}
