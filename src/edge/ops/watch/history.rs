//! The last hour by seconds and the last day by minutes, in memory that does not grow.

use super::point::{Figure, Folding, Point};
use crate::edge::tick_times::{Counts, NO_TICKS, quantile_ns};
use std::collections::VecDeque;
use std::collections::vec_deque::Iter;

/// Points of a second: an hour.
pub const SECONDS_MAX: usize = 3_600;
/// Points of a minute: a day.
pub const MINUTES_MAX: usize = 1_440;

/// What was. Holds 5,040 points of 112 bytes, 551 KiB, from the start on.
#[derive(Clone, Debug)]
pub struct History {
    seconds: Ring,
    minutes: Ring,
    open: Option<Minute>,
}

/// The minute that is not over.
#[derive(Clone, Debug)]
struct Minute {
    /// Minutes since 1970.
    number: u64,
    last_unix_s: u64,
    folding: Folding,
    ticks: Counts,
}

#[derive(Clone, Debug)]
struct Ring {
    points: VecDeque<Point>,
    max: usize,
}

impl Default for History {
    fn default() -> Self {
        Self { seconds: Ring::new(SECONDS_MAX), minutes: Ring::new(MINUTES_MAX), open: None }
    }
}

impl History {
    /// Takes in a second, with the ticks that ended in it.
    ///
    /// A minute is over when the wall clock says so. Its gauges and rates are means, what is bad when it is high is its
    /// largest, and the percentiles of its ticks are those of all its ticks together.
    pub fn record(&mut self, point: &Point, ticks: &Counts) {
        self.seconds.push(*point);
        let number = point.unix_s / 60;
        if self.open.as_ref().is_some_and(|open| open.number != number) {
            self.close();
        }
        let open = self.open.get_or_insert_with(|| Minute {
            number,
            last_unix_s: point.unix_s,
            folding: Folding::default(),
            ticks: NO_TICKS,
        });
        open.last_unix_s = point.unix_s;
        open.folding.add(point);
        open.ticks.iter_mut().zip(ticks).for_each(|(sum, more)| *sum += more);
    }

    fn close(&mut self) {
        let Some(minute) = self.open.take() else { return };
        let mut point = minute.folding.close(minute.last_unix_s);
        for (figure, part) in [(Figure::TickP50, 0.5), (Figure::TickP99, 0.99)] {
            point.set(figure, quantile_ns(&minute.ticks, part).map(|ns| ns as f64 / 1e6));
        }
        self.minutes.push(point);
    }

    /// The last hour's seconds, the oldest first.
    pub fn seconds(&self) -> Iter<'_, Point> {
        self.seconds.points.iter()
    }

    /// The last day's minutes, the oldest first; the one that is not over is not among them.
    pub fn minutes(&self) -> Iter<'_, Point> {
        self.minutes.points.iter()
    }

    /// The last so many seconds, the oldest first.
    pub fn last_seconds(&self, count: usize) -> Iter<'_, Point> {
        self.seconds.points.range(self.seconds.points.len().saturating_sub(count)..)
    }

    /// The newest second; none before the first.
    pub fn newest(&self) -> Option<&Point> {
        self.seconds.points.back()
    }
}

impl Ring {
    fn new(max: usize) -> Self {
        Self { points: VecDeque::with_capacity(max), max }
    }

    fn push(&mut self, point: Point) {
        if self.points.len() == self.max {
            self.points.pop_front();
        }
        self.points.push_back(point);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(unix_s: u64, players: f64) -> Point {
        let mut point = Point::at(unix_s);
        point.set(Figure::Players, players);
        point.set(Figure::TickP99, 3.0);
        point
    }

    #[test]
    fn an_hour_of_seconds_and_a_day_of_minutes_are_kept_and_no_more() {
        let mut history = History::default();
        let two_days = 2 * 86_400;
        for s in 0..two_days {
            history.record(&second(s, s as f64), &NO_TICKS);
        }
        assert_eq!((history.seconds().len(), history.minutes().len()), (SECONDS_MAX, MINUTES_MAX));
        let first = history.seconds().next().unwrap().unix_s;
        assert_eq!((first, history.newest().unwrap().unix_s), (two_days - 3_600, two_days - 1));
        let last = history.minutes().next_back().unwrap();
        assert_eq!(last.unix_s, two_days - 61, "the minute that is not over is not among them");
        assert_eq!(history.last_seconds(10).len(), 10);
        let held = (history.seconds.points.capacity(), history.minutes.points.capacity());
        assert_eq!(held, (SECONDS_MAX, MINUTES_MAX), "it has not grown");
        assert!((SECONDS_MAX + MINUTES_MAX) * size_of::<Point>() <= 552 * 1_024);
    }

    #[test]
    fn a_minute_has_the_mean_of_its_seconds_and_the_percentiles_of_its_ticks() {
        let mut history = History::default();
        for s in 0..60 {
            let mut ticks = NO_TICKS;
            // 59 of the 60 seconds have ticks of 0.1 ms, one has ticks of 10 ms: more than one in a hundred.
            let is_slow = s == 30;
            ticks[crate::edge::tick_times::bucket(if is_slow { 10_000_000 } else { 100_000 })] = 60;
            history.record(&second(s, if s < 30 { 100.0 } else { 200.0 }), &ticks);
        }
        assert_eq!(history.minutes().len(), 0);
        history.record(&second(60, 0.0), &NO_TICKS);
        let minute = history.minutes().next().unwrap();
        assert_eq!((minute.unix_s, minute.of(Figure::Players)), (59, Some(150.0)));
        let (p50, p99) = (minute.of(Figure::TickP50).unwrap(), minute.of(Figure::TickP99).unwrap());
        assert!((0.1..0.115).contains(&p50) && (10.0..11.5).contains(&p99), "{p50} {p99}");
    }

    #[test]
    fn a_clock_that_is_set_back_ends_a_minute_early_and_nothing_else() {
        let mut history = History::default();
        for s in [600, 601, 540, 541, 600] {
            history.record(&second(s, 1.0), &NO_TICKS);
        }
        let ends: Vec<u64> = history.minutes().map(|minute| minute.unix_s).collect();
        assert_eq!(ends, [601, 541]);
    }

    #[test]
    fn a_minute_without_ticks_has_no_percentiles() {
        let mut history = History::default();
        history.record(&second(0, 1.0), &NO_TICKS);
        history.record(&second(60, 1.0), &NO_TICKS);
        assert_eq!(history.minutes().next().unwrap().of(Figure::TickP99), None);
    }
}
